//! Turns the written pack into the checked one, or says what is wrong and where.

use super::raw::*;
use super::*;
use crate::text::Lang;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Facts about a duty that need no entry of their own: `notice.sent:<duty>`.
const FACTS_OF_DUTIES: [&str; 8] = [
    "notice.sent",
    "notice.received",
    "answer.received",
    "answer.sent",
    "report.sent",
    "clock.paused",
    "clock.resumed",
    "clock.extended",
];

pub(super) struct Checker<'a> {
    pub(super) source: &'a Source,
    /// Ids of the editions, oldest first.
    pub(super) order: Vec<String>,
    /// Which edition each file below `editions/` brings.
    brought: BTreeMap<String, String>,
    pub(super) parties: BTreeSet<String>,
    pub(super) bearers: BTreeSet<String>,
    facts: BTreeSet<String>,
    pub(super) settings: BTreeSet<String>,
    readings: BTreeSet<String>,
    pub(super) duties: BTreeSet<String>,
    pub(super) fields: BTreeSet<String>,
    pub(super) registers: BTreeSet<String>,
    pub(super) checks: BTreeSet<String>,
    pub(super) access: BTreeSet<String>,
    pub(super) retention: BTreeSet<String>,
    pub(super) categories: BTreeSet<String>,
}

pub(super) type Checked<T> = Result<T, PackError>;

pub(super) fn build(
    source: &Source,
    raw: RawPack,
    files: &BTreeMap<String, String>,
    tests: BTreeMap<String, Vec<String>>,
) -> Checked<Pack> {
    macro_rules! ids {
        ($list:ident, $id:ident) => {
            unique(source, raw.$list.iter().map(|item| &item.$id))?
        };
    }
    ids!(edition, id);
    ids!(term, id);
    ids!(amendment, id);
    let lists = ids!(checklist, id);
    let mut check = Checker {
        source,
        order: raw.edition.iter().map(|e| e.id.get_ref().clone()).collect(),
        brought: BTreeMap::new(),
        parties: ids!(party, id),
        bearers: raw
            .party
            .iter()
            .filter(|p| p.bearer)
            .map(|p| p.id.get_ref().clone())
            .collect(),
        facts: ids!(fact, kind),
        settings: ids!(setting, id),
        readings: ids!(reading, id),
        duties: raw.duty.iter().map(|d| d.id.get_ref().clone()).collect(),
        fields: ids!(field, id),
        registers: ids!(register, id),
        checks: ids!(check, id),
        access: ids!(access, id),
        retention: ids!(retention, id),
        categories: ids!(category, id),
    };
    check.editions(&raw.edition)?;
    let duty_times = check.times(raw.duty.iter().map(|d| (&d.id, &d.since)), &raw.repeal)?;
    let clause_times = check.times(raw.clause.iter().map(|c| (&c.id, &c.since)), &raw.repeal)?;
    for repeal in &raw.repeal {
        let known = |id: &Id| id.get_ref() == repeal.id.get_ref();
        let found =
            raw.duty.iter().any(|d| known(&d.id)) || raw.clause.iter().any(|c| known(&c.id));
        if !found {
            let what = format!("nothing has the id `{}`", repeal.id.get_ref());
            return check.fault(
                repeal.id.span(),
                what,
                "name a duty or a clause of this pack",
            );
        }
    }
    let clauses: BTreeSet<String> = raw.clause.iter().map(|c| c.id.get_ref().clone()).collect();
    check.texts(&raw)?;
    for duty in &raw.duty {
        check.known(&clauses, &duty.clause, "clause", "add it under [[clause]]")?;
    }
    check.cycles(&raw.duty)?;
    for kind in raw.revokes.values().flatten() {
        check.fact(kind)?;
    }
    if let Some(id) = &raw.zone_setting {
        check.setting(id)?;
    }
    for party in &raw.party {
        if let Some(whole) = &party.part_of {
            check.known(&check.parties, whole, "party", "add it under [[party]]")?;
        }
    }
    for item in &raw.check {
        check.known(
            &lists,
            &item.list,
            "check list",
            "add it under [[checklist]]",
        )?;
    }
    if let Some(id) = tests.keys().find(|id| !clauses.contains(*id)) {
        return Err(PackError::file(
            "tests.toml",
            format!("unknown clause `{id}`"),
            "name a clause of this pack",
        ));
    }
    let templates: BTreeMap<String, String> = files
        .iter()
        .filter(|(path, _)| path.starts_with("templates/"))
        .map(|(path, text)| (path.clone(), text.clone()))
        .collect();
    let clauses = raw.clause.iter().zip(clause_times);
    let clauses = clauses
        .map(|(c, editions)| check.clause(c, editions, &raw.duty, &tests))
        .collect::<Checked<_>>()?;
    let duties = raw.duty.iter().zip(duty_times);
    let duties = duties
        .map(|(d, editions)| check.duty(d, editions, &templates))
        .collect::<Checked<_>>()?;
    let retention = raw
        .retention
        .iter()
        .map(|r| check.retention(r))
        .collect::<Checked<_>>()?;
    let registers = raw
        .register
        .iter()
        .map(|r| check.register(r, &raw.duty))
        .collect::<Checked<_>>()?;
    let access = raw
        .access
        .iter()
        .map(|a| check.access(a))
        .collect::<Checked<_>>()?;
    let checklists = check.checklists(&raw)?;
    Ok(Pack {
        id: raw.id.into_inner(),
        version: raw.version,
        title: raw.title,
        source: raw.source,
        known_until: raw.known_until,
        known_until_note: raw.known_until_note,
        amendments: map(raw.amendment, |a| Amendment {
            id: a.id.into_inner(),
            title: a.title,
            signed: a.signed,
            note: a.note,
        }),
        calendar: raw.calendar,
        zone_setting: raw.zone_setting.map(Spanned::into_inner),
        editions: map(raw.edition, |e| Edition {
            id: e.id.into_inner(),
            title: e.title,
            signed: e.signed,
            registered: e.registered,
            registry_number: e.registry_number,
            in_force: e.in_force,
            in_force_setting: e.in_force_setting.map(Spanned::into_inner),
            in_force_reading: e.in_force_reading,
            until: e.until,
        }),
        parties: map(raw.party, |p| Party {
            id: p.id.into_inner(),
            title: p.title,
            bearer: p.bearer,
            part_of: p.part_of.map(Spanned::into_inner),
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
        fields: map(raw.field, |f| Field {
            id: f.id.into_inner(),
            title: f.title,
            kind: f.kind,
            choices: f.choices,
        }),
        registers,
        checklists,
        access,
        retention,
        categories: map(raw.category, |c| Category {
            id: c.id.into_inner(),
            of: c.of,
            title: c.title,
        }),
        clauses,
        placeholders: raw.placeholders,
        templates,
    })
}

fn map<A, B>(items: Vec<A>, f: impl Fn(A) -> B) -> Vec<B> {
    items.into_iter().map(f).collect()
}

pub(super) fn names(ids: &[Id]) -> Vec<String> {
    ids.iter().map(|id| id.get_ref().clone()).collect()
}

fn unique<'i>(source: &Source, ids: impl Iterator<Item = &'i Id>) -> Checked<BTreeSet<String>> {
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
    pub(super) fn fault<T>(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        fix: &str,
    ) -> Checked<T> {
        Err(self.source.error(Some(span), what, fix))
    }

    pub(super) fn known(
        &self,
        set: &BTreeSet<String>,
        id: &Id,
        noun: &str,
        fix: &str,
    ) -> Checked<()> {
        if set.contains(id.get_ref()) {
            return Ok(());
        }
        self.fault(id.span(), format!("unknown {noun} `{}`", id.get_ref()), fix)
    }

    pub(super) fn all_known(&self, set: &BTreeSet<String>, ids: &[Id], noun: &str) -> Checked<()> {
        let fix = format!("add it under [[{noun}]]");
        ids.iter()
            .try_for_each(|id| self.known(set, id, noun, &fix))
    }

    pub(super) fn setting(&self, id: &Id) -> Checked<()> {
        self.known(&self.settings, id, "setting", "add it under [[setting]]")
    }

    pub(super) fn readings(&self, ids: &[Id]) -> Checked<()> {
        self.all_known(&self.readings, ids, "reading")
    }

    /// A kind of fact: declared, or about a duty of this pack.
    pub(super) fn fact(&self, kind: &Id) -> Checked<()> {
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
                 answer.sent:<duty>, answer.received:<duty>, report.sent:<duty>, \
                 clock.paused:<duty>, clock.resumed:<duty>, clock.extended:<duty>",
            ),
        }
    }

    /// Every text has words in every language.
    fn texts(&self, raw: &RawPack) -> Checked<()> {
        let mut texts: Vec<(&Id, &Text3)> = vec![
            (&raw.id, &raw.title),
            (&raw.id, &raw.source),
            (&raw.id, &raw.known_until_note),
        ];
        texts.extend(raw.party.iter().map(|p| (&p.id, &p.title)));
        texts.extend(raw.fact.iter().map(|f| (&f.kind, &f.title)));
        texts.extend(raw.reading.iter().map(|r| (&r.id, &r.text)));
        texts.extend(raw.field.iter().map(|f| (&f.id, &f.title)));
        texts.extend(raw.register.iter().map(|r| (&r.id, &r.title)));
        texts.extend(raw.checklist.iter().map(|c| (&c.id, &c.title)));
        texts.extend(raw.check.iter().map(|c| (&c.id, &c.title)));
        texts.extend(raw.access.iter().map(|a| (&a.id, &a.title)));
        texts.extend(raw.retention.iter().map(|r| (&r.id, &r.title)));
        texts.extend(raw.category.iter().map(|c| (&c.id, &c.title)));
        for a in &raw.amendment {
            texts.extend([(&a.id, &a.title), (&a.id, &a.note)]);
        }
        for e in &raw.edition {
            texts.push((&e.id, &e.title));
            texts.extend(e.in_force_reading.iter().map(|t| (&e.id, t)));
        }
        for s in &raw.setting {
            texts.extend([(&s.id, &s.title), (&s.id, &s.reading)]);
        }
        for t in &raw.term {
            texts.extend([(&t.id, &t.name), (&t.id, &t.meaning)]);
        }
        for d in &raw.duty {
            texts.extend([(&d.id, &d.title), (&d.id, &d.citation)]);
        }
        for c in &raw.clause {
            texts.extend([(&c.id, &c.title), (&c.id, &c.citation)]);
            texts.extend(c.reason.iter().map(|r| (&c.id, r)));
        }
        for (id, text) in texts {
            for lang in Lang::ALL {
                if text.get(lang).trim().is_empty() {
                    let what = format!("a text of this entry is empty in `{}`", lang.code());
                    return self.fault(id.span(), what, "every text is in kk, ru and en");
                }
            }
        }
        Ok(())
    }

    /// Editions follow each other, and each file below `editions/` brings exactly one.
    fn editions(&mut self, editions: &[RawEdition]) -> Checked<()> {
        if editions.is_empty() {
            return Err(self
                .source
                .error(None, "the pack has no edition", "add [[edition]]"));
        }
        for (before, e) in std::iter::once(None)
            .chain(editions.iter().map(Some))
            .zip(editions)
        {
            let span = e.id.span();
            if e.until.is_some_and(|u| u < e.in_force) {
                return self.fault(
                    span,
                    "the edition ends before it begins",
                    "correct `in_force` or `until`",
                );
            }
            if before.is_some_and(|b| b.in_force >= e.in_force) {
                return self.fault(
                    span,
                    "the edition is not in force later than the one before it",
                    "list editions from the oldest to the newest",
                );
            }
            if let Some(setting) = &e.in_force_setting {
                self.setting(setting)?;
            }
            let (file, _) = self.source.file_at(span.start);
            let again = file.starts_with("editions/")
                && self
                    .brought
                    .insert(file.to_owned(), e.id.get_ref().clone())
                    .is_some();
            if again {
                return self.fault(
                    span,
                    "the file brings a second edition",
                    "write one file below editions/ for each amendment",
                );
            }
        }
        Ok(())
    }

    /// Which edition an entry is from: the one it names, that of its file, or the first.
    fn edition_of(&self, id: &Id, since: &Option<Id>) -> Checked<usize> {
        let (file, _) = self.source.file_at(id.span().start);
        let named = match since {
            Some(since) => Some(since.get_ref()),
            None => self.brought.get(file),
        };
        if file.starts_with("editions/") && named.is_none() {
            let what = format!("{file} brings no edition");
            return self.fault(id.span(), what, "begin the file with [[edition]]");
        }
        let place = match named {
            None => Some(0),
            Some(name) => self.order.iter().position(|e| e == name),
        };
        match (place, since) {
            (Some(place), _) => Ok(place),
            (None, Some(since)) => self.fault(
                since.span(),
                format!("unknown edition `{}`", since.get_ref()),
                "add it under [[edition]]",
            ),
            (None, None) => self.fault(id.span(), "unknown edition", "add it under [[edition]]"),
        }
    }

    /// The editions in which each entry stands: from its own until the next of the same id, or
    /// until it is repealed.
    fn times<'i>(
        &self,
        entries: impl Iterator<Item = (&'i Id, &'i Option<Id>)>,
        repeals: &[RawRepeal],
    ) -> Checked<Vec<Vec<String>>> {
        let mut starts: Vec<(&Id, usize)> = Vec::new();
        for (id, since) in entries {
            if id.get_ref().trim().is_empty() {
                return self.fault(id.span(), "the id is empty", "write an id");
            }
            let from = self.edition_of(id, since)?;
            if starts
                .iter()
                .any(|(other, at)| other.get_ref() == id.get_ref() && *at == from)
            {
                return self.fault(
                    id.span(),
                    format!("the id `{}` is used twice", id.get_ref()),
                    "give each entry its own id",
                );
            }
            starts.push((id, from));
        }
        let mut ends: Vec<(&str, usize)> = Vec::new();
        for repeal in repeals {
            ends.push((repeal.id.get_ref(), self.edition_of(&repeal.id, &None)?));
        }
        let until = |id: &str, from: usize| {
            let replaced = starts
                .iter()
                .filter(|(other, at)| other.get_ref() == id && *at > from)
                .map(|(_, at)| *at);
            let repealed = ends
                .iter()
                .filter(|(other, at)| *other == id && *at > from)
                .map(|(_, at)| *at);
            replaced.chain(repealed).min().unwrap_or(self.order.len())
        };
        Ok(starts
            .iter()
            .map(|(id, from)| self.order[*from..until(id.get_ref(), *from)].to_vec())
            .collect())
    }
}
