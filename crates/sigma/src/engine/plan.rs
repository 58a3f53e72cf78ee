//! What is to be done for a class of rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::compile::{Compiled, Test};
use super::trigger::Triggers;

/// A choice of triggers with the plans that follow from it.
#[derive(Debug)]
pub(super) struct Plans {
    pub triggers: Triggers,
    /// By the kinds of events they are for.
    plans: Mutex<HashMap<Box<[u32]>, Arc<Plan>>>,
}

/// Most plans that are kept; more combinations of logs are planned again each time.
const PLANS_MAX: usize = 1_024;

impl Plans {
    pub fn new(triggers: Triggers) -> Self {
        Plans {
            triggers,
            plans: Mutex::default(),
        }
    }

    /// The plan for events of the kinds `sources` (indices, sorted).
    pub fn plan(&self, compiled: &Compiled, sources: &[u32]) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(sources) {
            return plan.clone();
        }
        let plan = Arc::new(Plan::new(compiled, &self.triggers, sources));
        if plans.len() < PLANS_MAX {
            plans.insert(sources.into(), plan.clone());
        }
        plan
    }
}

/// The programs for events of certain kinds, found by the atoms that trigger them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Programs to evaluate at every row.
    pub always: Vec<u32>,
    /// Programs without a trigger of which a part decides, by the field of the part.
    asked: Vec<(u32, Asked)>,
    /// Fields whose values call programs.
    pub calling_fields: Vec<u32>,
    /// Further fields whose atoms programs read.
    pub other_fields: Vec<u32>,
    /// Atom → place in `lists`; 0 for none.
    index: Vec<u32>,
    lists: Vec<(u32, u32)>,
    programs: Vec<u32>,
}

/// Programs that every value of a field is asked about.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub programs: Vec<u32>,
    /// Those that may hold where the field is absent.
    pub without: Vec<u32>,
}

impl Plan {
    /// The plan for events of the kinds `sources` (indices, sorted).
    fn new(compiled: &Compiled, triggers: &Triggers, sources: &[u32]) -> Self {
        let mut plan = Plan::default();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let mut fields: Vec<u32> = Vec::new();
        let mut asked: BTreeMap<u32, Asked> = BTreeMap::new();
        for (id, program) in compiled.programs.iter().enumerate() {
            if sources.binary_search(&program.source).is_err() {
                continue;
            }
            match &triggers.of_program[id] {
                None => match program.best_part() {
                    None => plan.always.push(id as u32),
                    Some(part) => {
                        fields.push(part.field);
                        let asked = asked.entry(part.field).or_default();
                        asked.programs.push(id as u32);
                        if part.without {
                            asked.without.push(id as u32);
                        }
                    }
                },
                Some(atoms) if atoms.is_empty() => continue,
                Some(atoms) => pairs.extend(atoms.iter().map(|&atom| (atom, id as u32))),
            }
            fields.extend(&program.fields);
        }
        fields.sort_unstable();
        fields.dedup();
        pairs.sort_unstable();
        pairs.dedup();
        let mut calling: Vec<bool> = vec![false; compiled.fields.len()];
        for &field in asked.keys() {
            calling[field as usize] = true;
        }
        plan.asked = asked.into_iter().collect();
        if let Some(&(last, _)) = pairs.last() {
            plan.index = vec![0; last as usize + 1];
        }
        plan.lists.push((0, 0));
        for chunk in pairs.chunk_by(|left, right| left.0 == right.0) {
            let atom = chunk[0].0;
            debug_assert!(matches!(compiled.atoms[atom as usize].test, Test::Eager));
            calling[compiled.atoms[atom as usize].field as usize] = true;
            let start = plan.programs.len() as u32;
            plan.programs
                .extend(chunk.iter().map(|(_, program)| program));
            plan.index[atom as usize] = plan.lists.len() as u32;
            plan.lists.push((start, plan.programs.len() as u32));
        }
        for field in fields {
            if calling[field as usize] {
                &mut plan.calling_fields
            } else {
                &mut plan.other_fields
            }
            .push(field);
        }
        plan
    }

    pub fn is_empty(&self) -> bool {
        self.always.is_empty() && self.asked.is_empty() && self.programs.is_empty()
    }

    /// The programs that every value of `field` is asked about.
    pub fn asked(&self, field: u32) -> Option<&Asked> {
        let at = self.asked.binary_search_by_key(&field, |(field, _)| *field);
        at.ok().map(|at| &self.asked[at].1)
    }

    /// Programs that `atom` triggers.
    pub fn triggered(&self, atom: u32) -> &[u32] {
        match self.index.get(atom as usize) {
            None | Some(0) => &[],
            Some(&list) => {
                let (start, end) = self.lists[list as usize];
                &self.programs[start as usize..end as usize]
            }
        }
    }
}
