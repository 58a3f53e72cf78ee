//! The checker's part about duties: their rule, and that none waits for itself.

use super::check::{Checked, Checker, names};
use super::raw::*;
use super::*;
use crate::term::{AMOUNT_MAX, From, OffDay};
use crate::text::Lang;
use std::collections::{BTreeMap, BTreeSet};

/// Most performances in one period.
const TIMES_MAX: u32 = 366;

impl Checker<'_> {
    pub(super) fn duty(
        &self,
        d: &RawDuty,
        editions: Vec<String>,
        templates: &BTreeMap<String, String>,
    ) -> Checked<Duty> {
        self.known(
            &self.bearers,
            &d.bearer,
            "bearer",
            "add it under [[party]] with `bearer = true`",
        )?;
        for id in d.watched_by.iter().chain(&d.addressee).chain(&d.or_to) {
            self.known(&self.parties, id, "party", "add it under [[party]]")?;
        }
        let kinds = [
            &d.trigger,
            &d.trigger_watched,
            &d.stop,
            &d.unless,
            &d.pause,
            &d.resume,
            &d.extend,
        ];
        kinds
            .into_iter()
            .flatten()
            .try_for_each(|kind| self.fact(kind))?;
        self.readings(&d.reading)?;
        for id in d.target_of.iter().chain(&d.follows) {
            let fix = "use the id of a duty of this pack";
            self.known(&self.duties, id, "duty", fix)?;
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
        if d.pause.is_empty() != d.resume.is_empty() {
            return self.fault(
                d.id.span(),
                "a clock that can be paused can be resumed, and the other way round",
                "write both `pause` and `resume`",
            );
        }
        if let Some(id) = &d.setting {
            self.setting(id)?;
        }
        Ok(Duty {
            id: d.id.get_ref().clone(),
            clause: d.clause.get_ref().clone(),
            citation: d.citation.clone(),
            title: d.title.clone(),
            editions,
            bearer: d.bearer.get_ref().clone(),
            watched_by: names(&d.watched_by),
            addressee: names(&d.addressee),
            or_to: names(&d.or_to),
            trigger: names(&d.trigger),
            trigger_watched: names(&d.trigger_watched),
            rule: self.rule(d)?,
            setting: d.setting.as_ref().map(|x| x.get_ref().clone()),
            stop: names(&d.stop),
            unless: names(&d.unless),
            pause: names(&d.pause),
            resume: names(&d.resume),
            extend: names(&d.extend),
            document: d.document.as_ref().map(|x| x.get_ref().clone()),
            readings: names(&d.reading),
            target_of: d.target_of.as_ref().map(|x| x.get_ref().clone()),
            follows: names(&d.follows),
        })
    }

    fn rule(&self, d: &RawDuty) -> Checked<Rule> {
        if d.kind == RawKind::Each {
            return self.each(d);
        }
        let span = d.id.span();
        if d.trigger.is_empty() {
            return self.fault(span, "the duty has no trigger", "add `trigger = [...]`");
        }
        if d.due.is_some() || d.times.is_some() || d.rolling {
            return self.fault(
                span,
                "`due`, `times` and `rolling` belong to duties of every period",
                "remove them",
            );
        }
        let Some(from) = d.from else {
            return self.fault(
                span,
                "it is not said where counting begins",
                "add `from = \"moment\"` or `from = \"day\"`",
            );
        };
        if d.unit.is_exact() && (from == From::Day || d.off_day.is_some()) {
            return self.fault(
                span,
                "minutes and hours are counted from the moment and on any day",
                "use `from = \"moment\"` without `off_day`",
            );
        }
        let term = Term {
            amount: *d.amount.get_ref(),
            unit: d.unit,
            from,
            off_day: d.off_day.unwrap_or(OffDay::Keep),
            backwards: d.kind == RawKind::Before,
        };
        if from == From::Moment && term.is_by_day() {
            return self.fault(
                span,
                "a term that skips days off is counted in whole days",
                "use `from = \"day\"`",
            );
        }
        if term.backwards && !(d.pause.is_empty() && d.extend.is_empty()) {
            return self.fault(
                span,
                "a term before an event can be neither paused nor extended",
                "remove `pause`, `resume` and `extend`",
            );
        }
        Ok(match d.kind {
            RawKind::After => Rule::After { term },
            RawKind::Before => Rule::Before { term },
            RawKind::Within | RawKind::Each => Rule::Within { term },
        })
    }

    fn each(&self, d: &RawDuty) -> Checked<Rule> {
        let span = d.id.span();
        let Some(due) = &d.due else {
            return self.fault(
                span,
                "a duty of every period has no due day",
                "add `due = { amount, unit, setting }`",
            );
        };
        if let Some(setting) = &due.setting {
            self.setting(setting)?;
        }
        let period = matches!(
            d.unit,
            Unit::Weeks | Unit::Months | Unit::Quarters | Unit::Years
        );
        if !period || !d.trigger.is_empty() || d.from.is_some() || d.setting.is_some() {
            return self.fault(
                span,
                "a duty of every period counts weeks, months, quarters or years and has no \
                 trigger, `from` or `setting`",
                "use `unit = \"quarters\"` and drop the others",
            );
        }
        if d.unit == Unit::Weeks && *d.amount.get_ref() != 1 {
            return self.fault(d.amount.span(), "weeks are counted one by one", "use 1");
        }
        let months = *d.amount.get_ref()
            * match d.unit {
                Unit::Quarters => 3,
                Unit::Years => 12,
                _ => 1,
            };
        if d.unit != Unit::Weeks && 12 % months.min(12) != 0 || months > 12 {
            return self.fault(
                d.amount.span(),
                "the periods do not fill a year",
                "use 1, 2, 3, 4, 6 or 12 months, 1, 2 or 4 quarters, or 1 year",
            );
        }
        if !matches!(due.unit.get_ref(), Unit::CalendarDays | Unit::WorkingDays) {
            return self.fault(
                due.unit.span(),
                "a due day is counted in days",
                "use calendar_days or working_days",
            );
        }
        let times = d.times.as_ref().map_or(1, |t| *t.get_ref());
        if !(1..=TIMES_MAX).contains(&times) {
            let what = format!("{times} times in a period is not possible");
            let place = d.times.as_ref().map_or(span, Spanned::span);
            return self.fault(place, what, "use 1 to 366");
        }
        Ok(Rule::Each {
            amount: *d.amount.get_ref(),
            unit: d.unit,
            due: Term {
                amount: due.amount,
                unit: *due.unit.get_ref(),
                from: From::Day,
                off_day: d.off_day.unwrap_or(OffDay::Next),
                backwards: false,
            },
            setting: due.setting.as_ref().map(|s| s.get_ref().clone()),
            times,
            rolling: d.rolling,
        })
    }

    /// No duty may wait for itself.
    pub(super) fn cycles(&self, duties: &[RawDuty]) -> Checked<()> {
        let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for d in duties {
            let triggers = d.trigger.iter().chain(&d.trigger_watched);
            let triggers = triggers.filter_map(|t| t.get_ref().split_once(':'));
            let follows = d.follows.iter().map(|f| f.get_ref().as_str());
            edges
                .entry(d.id.get_ref())
                .or_default()
                .extend(triggers.map(|(_, duty)| duty).chain(follows));
        }
        for duty in duties {
            let start = duty.id.get_ref().as_str();
            let mut todo: Vec<(&str, Vec<&str>)> = vec![(start, vec![start])];
            let mut seen = BTreeSet::new();
            while let Some((id, path)) = todo.pop() {
                for next in edges.get(id).into_iter().flatten().copied() {
                    if next == start {
                        let circle = path.join(" → ");
                        return self.fault(
                            duty.id.span(),
                            format!("the duty `{start}` waits for itself: {circle} → {start}"),
                            "break the circle of `trigger` and `follows`",
                        );
                    }
                    if seen.insert(next) {
                        let mut longer = path.clone();
                        longer.push(next);
                        todo.push((next, longer));
                    }
                }
            }
        }
        Ok(())
    }
}
