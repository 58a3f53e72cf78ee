//! Turns the written pack into the checked one, or says what is wrong and where.

use super::raw::*;
use super::*;
use crate::term::{AMOUNT_MAX, From, OffDay};
use crate::text::Lang;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Facts about a notice or a report that need no entry of their own: `notice.sent:<duty>`.
const FACTS_OF_DUTIES: [&str; 5] = [
    "notice.sent",
    "notice.received",
    "answer.received",
    "answer.sent",
    "report.sent",
];

struct Checker<'a> {
    source: &'a Source<'a>,
    parties: BTreeSet<String>,
    bearers: BTreeSet<String>,
    editions: BTreeSet<String>,
    facts: BTreeSet<String>,
    settings: BTreeSet<String>,
    readings: BTreeSet<String>,
    duties: BTreeSet<String>,
}

type Checked<T> = Result<T, PackError>;

pub(super) fn build(
    source: &Source<'_>,
    raw: RawPack,
    files: &BTreeMap<String, String>,
) -> Checked<Pack> {
    let mut check = Checker {
        source,
        parties: BTreeSet::new(),
        bearers: BTreeSet::new(),
        editions: BTreeSet::new(),
        facts: BTreeSet::new(),
        settings: BTreeSet::new(),
        readings: BTreeSet::new(),
        duties: BTreeSet::new(),
    };
    let ids = |source: &Source<'_>, ids: &[&Id]| unique(source, ids);
    check.parties = ids(source, &raw.party.iter().map(|p| &p.id).collect::<Vec<_>>())?;
    check.editions = ids(
        source,
        &raw.edition.iter().map(|e| &e.id).collect::<Vec<_>>(),
    )?;
    check.facts = ids(
        source,
        &raw.fact.iter().map(|f| &f.kind).collect::<Vec<_>>(),
    )?;
    check.settings = ids(
        source,
        &raw.setting.iter().map(|s| &s.id).collect::<Vec<_>>(),
    )?;
    check.readings = ids(
        source,
        &raw.reading.iter().map(|r| &r.id).collect::<Vec<_>>(),
    )?;
    check.duties = ids(source, &raw.duty.iter().map(|d| &d.id).collect::<Vec<_>>())?;
    ids(source, &raw.term.iter().map(|t| &t.id).collect::<Vec<_>>())?;
    let clauses = ids(
        source,
        &raw.clause.iter().map(|c| &c.id).collect::<Vec<_>>(),
    )?;
    check.bearers = raw
        .party
        .iter()
        .filter(|p| p.bearer)
        .map(|p| p.id.get_ref().clone())
        .collect();
    check.texts(&raw)?;
    for duty in &raw.duty {
        check.known(&clauses, &duty.clause, "clause", "add it under [[clause]]")?;
    }
    check.cycles(&raw.duty)?;
    for kinds in raw.revokes.values() {
        for kind in kinds {
            check.fact(kind)?;
        }
    }
    let templates: BTreeMap<String, String> = files
        .iter()
        .filter(|(path, _)| path.starts_with("templates/"))
        .map(|(path, text)| (path.clone(), text.clone()))
        .collect();
    let clauses = raw
        .clause
        .iter()
        .map(|c| check.clause(c, &raw.duty))
        .collect::<Checked<_>>()?;
    let duties = raw
        .duty
        .iter()
        .map(|d| check.duty(d, &templates))
        .collect::<Checked<_>>()?;
    let editions = raw
        .edition
        .iter()
        .map(|e| check.edition(e))
        .collect::<Checked<_>>()?;
    Ok(Pack {
        id: raw.id.into_inner(),
        version: raw.version,
        title: raw.title,
        source: raw.source,
        known_until: raw.known_until,
        known_until_note: raw.known_until_note,
        editions,
        parties: map(raw.party, |p| Party {
            id: p.id.into_inner(),
            title: p.title,
            bearer: p.bearer,
        }),
        facts: raw
            .fact
            .into_iter()
            .map(|f| (f.kind.into_inner(), f.title))
            .collect(),
        revokes: raw
            .revokes
            .into_iter()
            .map(|(k, v)| (k, names(&v)))
            .collect(),
        settings: map(raw.setting, |s| Setting {
            id: s.id.into_inner(),
            title: s.title,
            default: s.default,
            reading: s.reading,
        }),
        readings: map(raw.reading, |r| Reading {
            id: r.id.into_inner(),
            text: r.text,
        }),
        terms: map(raw.term, |t| Definition {
            id: t.id.into_inner(),
            name: t.name,
            meaning: t.meaning,
        }),
        duties,
        clauses,
        placeholders: raw.placeholders,
        templates,
    })
}

fn map<A, B>(items: Vec<A>, f: impl Fn(A) -> B) -> Vec<B> {
    items.into_iter().map(f).collect()
}

fn names(ids: &[Id]) -> Vec<String> {
    ids.iter().map(|id| id.get_ref().clone()).collect()
}

fn unique(source: &Source<'_>, ids: &[&Id]) -> Checked<BTreeSet<String>> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if id.get_ref().trim().is_empty() {
            return Err(source.error(Some(id.span()), "the id is empty", "write an id"));
        }
        if !seen.insert(id.get_ref().clone()) {
            return Err(source.error(
                Some(id.span()),
                format!("the id `{}` is used twice", id.get_ref()),
                "give each entry its own id",
            ));
        }
    }
    Ok(seen)
}

impl Checker<'_> {
    fn fault<T>(&self, span: Range<usize>, what: impl Into<String>, fix: &str) -> Checked<T> {
        Err(self.source.error(Some(span), what, fix))
    }

    fn known(&self, set: &BTreeSet<String>, id: &Id, noun: &str, fix: &str) -> Checked<()> {
        if set.contains(id.get_ref()) {
            return Ok(());
        }
        self.fault(id.span(), format!("unknown {noun} `{}`", id.get_ref()), fix)
    }

    /// A kind of fact: declared, or about a duty of this pack.
    fn fact(&self, kind: &Id) -> Checked<()> {
        let name = kind.get_ref();
        if self.facts.contains(name) {
            return Ok(());
        }
        match name.split_once(':') {
            Some((base, duty)) if FACTS_OF_DUTIES.contains(&base) => {
                match self.duties.contains(duty) {
                    true => Ok(()),
                    false => self.fault(
                        kind.span(),
                        format!("the fact `{name}` names no duty of this pack"),
                        "correct the id after the colon",
                    ),
                }
            }
            _ => self.fault(
                kind.span(),
                format!("unknown trigger or fact `{name}`"),
                "declare it under [[fact]] or use notice.sent:<duty>, notice.received:<duty>, \
                 answer.sent:<duty>, answer.received:<duty>, report.sent:<duty>",
            ),
        }
    }

    /// Every text has words in every language.
    fn texts(&self, raw: &RawPack) -> Checked<()> {
        let start = |id: &Id| id.span();
        let mut texts: Vec<(Range<usize>, &Text3)> = vec![
            (start(&raw.id), &raw.title),
            (start(&raw.id), &raw.source),
            (start(&raw.id), &raw.known_until_note),
        ];
        texts.extend(raw.party.iter().map(|p| (start(&p.id), &p.title)));
        texts.extend(raw.fact.iter().map(|f| (start(&f.kind), &f.title)));
        texts.extend(raw.reading.iter().map(|r| (start(&r.id), &r.text)));
        for e in &raw.edition {
            texts.push((start(&e.id), &e.title));
            texts.extend(e.in_force_reading.iter().map(|t| (start(&e.id), t)));
        }
        for s in &raw.setting {
            texts.extend([(start(&s.id), &s.title), (start(&s.id), &s.reading)]);
        }
        for t in &raw.term {
            texts.extend([(start(&t.id), &t.name), (start(&t.id), &t.meaning)]);
        }
        for d in &raw.duty {
            texts.extend([(start(&d.id), &d.title), (start(&d.id), &d.citation)]);
        }
        for c in &raw.clause {
            texts.extend([(start(&c.id), &c.title), (start(&c.id), &c.citation)]);
        }
        for (span, text) in texts {
            for lang in Lang::ALL {
                if text.get(lang).trim().is_empty() {
                    let what = format!("a text of this entry is empty in `{}`", lang.code());
                    return self.fault(span, what, "every text is in kk, ru and en");
                }
            }
        }
        Ok(())
    }

    fn edition(&self, e: &RawEdition) -> Checked<Edition> {
        if let Some(setting) = &e.in_force_setting {
            self.known(
                &self.settings,
                setting,
                "setting",
                "add it under [[setting]]",
            )?;
        }
        if e.until.is_some_and(|u| u < e.in_force) {
            return self.fault(
                e.id.span(),
                "the edition ends before it begins",
                "correct `in_force` or `until`",
            );
        }
        Ok(Edition {
            id: e.id.get_ref().clone(),
            title: e.title.clone(),
            signed: e.signed,
            registered: e.registered,
            registry_number: e.registry_number.clone(),
            in_force: e.in_force,
            in_force_setting: e.in_force_setting.as_ref().map(|s| s.get_ref().clone()),
            in_force_reading: e.in_force_reading.clone(),
            until: e.until,
        })
    }

    fn duty(&self, d: &RawDuty, templates: &BTreeMap<String, String>) -> Checked<Duty> {
        let party = "add it under [[party]]";
        for edition in &d.edition {
            self.known(
                &self.editions,
                edition,
                "edition",
                "add it under [[edition]]",
            )?;
        }
        self.known(
            &self.bearers,
            &d.bearer,
            "bearer",
            "add it under [[party]] with `bearer = true`",
        )?;
        for id in d.watched_by.iter().chain(&d.addressee).chain(&d.or_to) {
            self.known(&self.parties, id, "party", party)?;
        }
        for kind in d.trigger.iter().chain(&d.stop).chain(&d.unless) {
            self.fact(kind)?;
        }
        for id in &d.reading {
            self.known(&self.readings, id, "reading", "add it under [[reading]]")?;
        }
        for id in d.target_of.iter().chain(&d.follows) {
            self.known(
                &self.duties,
                id,
                "duty",
                "use the id of a duty of this pack",
            )?;
        }
        if let Some(document) = &d.document {
            for lang in Lang::ALL {
                let path = format!("templates/{}.{}.txt", document.get_ref(), lang.code());
                if !templates.contains_key(&path) {
                    let what = format!("the document `{}` has no {path}", document.get_ref());
                    return self.fault(document.span(), what, "write the template");
                }
            }
        }
        if !(1..=AMOUNT_MAX).contains(d.amount.get_ref()) {
            let what = format!("the amount {} is not possible", d.amount.get_ref());
            return self.fault(d.amount.span(), what, "use 1 to 10000");
        }
        Ok(Duty {
            id: d.id.get_ref().clone(),
            clause: d.clause.get_ref().clone(),
            citation: d.citation.clone(),
            title: d.title.clone(),
            editions: names(&d.edition),
            bearer: d.bearer.get_ref().clone(),
            watched_by: names(&d.watched_by),
            addressee: names(&d.addressee),
            or_to: names(&d.or_to),
            trigger: names(&d.trigger),
            rule: self.rule(d)?,
            stop: names(&d.stop),
            unless: names(&d.unless),
            document: d.document.as_ref().map(|x| x.get_ref().clone()),
            readings: names(&d.reading),
            target_of: d.target_of.as_ref().map(|x| x.get_ref().clone()),
            follows: names(&d.follows),
        })
    }

    fn rule(&self, d: &RawDuty) -> Checked<Rule> {
        let amount = *d.amount.get_ref();
        if d.kind == RawKind::Each {
            let Some(due) = &d.due else {
                return self.fault(
                    d.id.span(),
                    "a duty of every period has no due day",
                    "add `due = { amount, unit, setting }`",
                );
            };
            self.known(
                &self.settings,
                &due.setting,
                "setting",
                "add it under [[setting]]",
            )?;
            if !matches!(d.unit, Unit::Months | Unit::Quarters) || !d.trigger.is_empty() {
                return self.fault(
                    d.id.span(),
                    "a duty of every period counts months or quarters and has no trigger",
                    "use `unit = \"quarters\"` and drop `trigger`",
                );
            }
            if !matches!(due.unit.get_ref(), Unit::CalendarDays | Unit::WorkingDays) {
                return self.fault(
                    due.unit.span(),
                    "a due day is counted in days",
                    "use calendar_days or working_days",
                );
            }
            return Ok(Rule::Each {
                amount,
                unit: d.unit,
                due: Term {
                    amount: due.amount,
                    unit: *due.unit.get_ref(),
                    from: From::Day,
                    off_day: d.off_day.unwrap_or(OffDay::Next),
                    backwards: false,
                },
                setting: due.setting.get_ref().clone(),
            });
        }
        if d.trigger.is_empty() {
            return self.fault(
                d.id.span(),
                "the duty has no trigger",
                "add `trigger = [...]`",
            );
        }
        if d.due.is_some() {
            return self.fault(
                d.id.span(),
                "`due` belongs to duties of every period",
                "remove it",
            );
        }
        let Some(from) = d.from else {
            return self.fault(
                d.id.span(),
                "it is not said where counting begins",
                "add `from = \"moment\"` or `from = \"day\"`",
            );
        };
        if d.unit.is_exact() && (from == From::Day || d.off_day.is_some()) {
            return self.fault(
                d.id.span(),
                "minutes and hours are counted from the moment and on any day",
                "use `from = \"moment\"` without `off_day`",
            );
        }
        let term = Term {
            amount,
            unit: d.unit,
            from,
            off_day: d.off_day.unwrap_or(OffDay::Keep),
            backwards: d.kind == RawKind::Before,
        };
        if from == From::Moment && term.is_by_day() {
            return self.fault(
                d.id.span(),
                "a term that skips days off is counted in whole days",
                "use `from = \"day\"`",
            );
        }
        Ok(match d.kind {
            RawKind::After => Rule::After { term },
            RawKind::Before => Rule::Before { term },
            RawKind::Within | RawKind::Each => Rule::Within { term },
        })
    }

    fn clause(&self, c: &RawClause, duties: &[RawDuty]) -> Checked<Clause> {
        for id in &c.duty {
            self.known(
                &self.duties,
                id,
                "duty",
                "use the id of a duty of this pack",
            )?;
            let names_it = duties
                .iter()
                .any(|d| d.id.get_ref() == id.get_ref() && d.clause.get_ref() == c.id.get_ref());
            if !names_it {
                let what = format!("the duty `{}` cites another clause", id.get_ref());
                return self.fault(id.span(), what, "make clause and duty name each other");
            }
        }
        for id in &c.reading {
            self.known(&self.readings, id, "reading", "add it under [[reading]]")?;
        }
        let has_clock = matches!(c.served, Served::Duty | Served::Periodic);
        if has_clock == c.duty.is_empty() {
            return self.fault(
                c.id.span(),
                "a clause is served by a duty exactly when it names one",
                "add `duty = [...]` or change `served`",
            );
        }
        Ok(Clause {
            id: c.id.get_ref().clone(),
            citation: c.citation.clone(),
            title: c.title.clone(),
            served: c.served,
            status: c.status,
            duties: names(&c.duty),
            readings: names(&c.reading),
        })
    }

    /// No duty may wait for itself.
    fn cycles(&self, duties: &[RawDuty]) -> Checked<()> {
        let waits_for = |d: &RawDuty| -> Vec<String> {
            let triggers = d.trigger.iter().filter_map(|t| t.get_ref().split_once(':'));
            triggers
                .map(|(_, duty)| duty.to_owned())
                .chain(names(&d.follows))
                .collect()
        };
        let edges: BTreeMap<&str, Vec<String>> = duties
            .iter()
            .map(|d| (d.id.get_ref().as_str(), waits_for(d)))
            .collect();
        for duty in duties {
            let start = duty.id.get_ref().as_str();
            let mut todo: Vec<&str> = vec![start];
            let mut seen = BTreeSet::new();
            while let Some(id) = todo.pop() {
                for next in edges.get(id).into_iter().flatten() {
                    if next == start {
                        return self.fault(
                            duty.id.span(),
                            format!("the duty `{start}` waits for itself"),
                            "break the circle of `trigger` and `follows`",
                        );
                    }
                    if seen.insert(next.as_str()) {
                        todo.push(next);
                    }
                }
            }
        }
        Ok(())
    }
}
