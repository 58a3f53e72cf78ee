//! The checker's part about clauses and what serves them: registers, checks, access, retention.

use super::check::{Checked, Checker, names};
use super::raw::*;
use super::*;
use std::collections::BTreeMap;

impl Checker<'_> {
    pub(super) fn retention(&self, r: &RawRetention) -> Checked<Retention> {
        if *r.amount.get_ref() == 0 || r.unit.is_exact() || r.from.is_empty() {
            return self.fault(
                r.amount.span(),
                "a retention floor is a number of days, months or years from a fact",
                "write `amount`, `unit` and `from`",
            );
        }
        r.from.iter().try_for_each(|kind| self.fact(kind))?;
        Ok(Retention {
            id: r.id.get_ref().clone(),
            title: r.title.clone(),
            amount: *r.amount.get_ref(),
            unit: r.unit,
            from: names(&r.from),
            what: r.what.clone(),
        })
    }

    pub(super) fn register(&self, r: &RawRegister, duties: &[RawDuty]) -> Checked<Register> {
        self.all_known(&self.fields, &r.fields, "field")?;
        for id in &r.required {
            if !r.fields.iter().any(|f| f.get_ref() == id.get_ref()) {
                let what = format!("`{}` is not among the fields", id.get_ref());
                return self.fault(id.span(), what, "add it to `fields`");
            }
        }
        for id in &r.review {
            let periodic = duties
                .iter()
                .any(|d| d.id.get_ref() == id.get_ref() && d.kind == RawKind::Each);
            if !periodic {
                let what = format!("`{}` is no duty of every period", id.get_ref());
                return self.fault(id.span(), what, "name a duty with kind = \"each\"");
            }
        }
        if let Some(id) = &r.retention {
            self.known(
                &self.retention,
                id,
                "retention floor",
                "add it under [[retention]]",
            )?;
        }
        Ok(Register {
            id: r.id.get_ref().clone(),
            title: r.title.clone(),
            fields: names(&r.fields),
            required: names(&r.required),
            review: names(&r.review),
            retention: r.retention.as_ref().map(|x| x.get_ref().clone()),
            restricted: r.restricted,
            prescribed: r.prescribed,
        })
    }

    pub(super) fn access(&self, a: &RawAccess) -> Checked<Access> {
        for id in [&a.from, &a.to] {
            self.known(&self.parties, id, "party", "add it under [[party]]")?;
        }
        Ok(Access {
            id: a.id.get_ref().clone(),
            title: a.title.clone(),
            from: a.from.get_ref().clone(),
            to: a.to.get_ref().clone(),
            kind: a.kind,
            review_months: a.review_months,
        })
    }

    pub(super) fn checklists(&self, raw: &RawPack) -> Checked<Vec<Checklist>> {
        let mut lists = Vec::new();
        for list in &raw.checklist {
            let mut items = Vec::new();
            for item in &raw.check {
                if item.list.get_ref() != list.id.get_ref() {
                    continue;
                }
                item.fact.iter().try_for_each(|kind| self.fact(kind))?;
                items.push(CheckItem {
                    id: item.id.get_ref().clone(),
                    title: item.title.clone(),
                    required: item.required,
                    facts: names(&item.fact),
                });
            }
            if items.is_empty() {
                return self.fault(list.id.span(), "the check list is empty", "add [[check]]");
            }
            lists.push(Checklist {
                id: list.id.get_ref().clone(),
                title: list.title.clone(),
                gate: list.gate,
                items,
            });
        }
        Ok(lists)
    }

    pub(super) fn clause(
        &self,
        c: &RawClause,
        editions: Vec<String>,
        duties: &[RawDuty],
        tests: &BTreeMap<String, Vec<String>>,
    ) -> Checked<Clause> {
        let mut each = false;
        let mut once = false;
        for id in &c.duty {
            let fix = "use the id of a duty of this pack";
            self.known(&self.duties, id, "duty", fix)?;
            let mut same = duties.iter().filter(|d| d.id.get_ref() == id.get_ref());
            let Some(duty) = same.find(|d| d.clause.get_ref() == c.id.get_ref()) else {
                let what = format!("the duty `{}` cites another clause", id.get_ref());
                return self.fault(id.span(), what, "make clause and duty name each other");
            };
            each |= duty.kind == RawKind::Each;
            once |= duty.kind != RawKind::Each;
        }
        self.readings(&c.reading)?;
        self.all_known(&self.registers, &c.register, "register")?;
        self.all_known(&self.checks, &c.check, "check")?;
        self.all_known(&self.access, &c.access, "access")?;
        self.all_known(&self.retention, &c.retention, "retention")?;
        self.all_known(&self.categories, &c.category, "category")?;
        let served = match c.served {
            Served::Duty => once,
            Served::Periodic => each,
            Served::Record => !c.register.is_empty() || !c.retention.is_empty(),
            Served::Check => !c.check.is_empty(),
            Served::Access => !c.access.is_empty(),
            Served::Scope => !once && !each,
            Served::Outside => c.reason.is_some() && !once && !each,
        };
        if !served {
            return self.fault(
                c.id.span(),
                "what serves the clause is not what `served` says",
                "name the duty, register, check or access rule, give the `reason` of a clause \
                 that is outside, or change `served`",
            );
        }
        let built = c.served == Served::Duty || c.page.is_some();
        Ok(Clause {
            id: c.id.get_ref().clone(),
            editions,
            citation: c.citation.clone(),
            title: c.title.clone(),
            served: c.served,
            status: if built {
                Status::Built
            } else {
                Status::Declared
            },
            duties: names(&c.duty),
            registers: names(&c.register),
            checks: names(&c.check),
            access: names(&c.access),
            retention: names(&c.retention),
            categories: names(&c.category),
            page: match (&c.page, c.served) {
                (None, Served::Duty) => Some("/incidents".to_owned()),
                (page, _) => page.clone(),
            },
            reason: c.reason.clone(),
            tests: tests.get(c.id.get_ref()).cloned().unwrap_or_default(),
            readings: names(&c.reading),
        })
    }
}
