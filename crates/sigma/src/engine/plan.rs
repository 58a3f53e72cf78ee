//! What is to be done for a class of rows.

use super::compile::{Compiled, Test};

/// The programs for events of certain kinds, found by the atoms that trigger them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Programs without a trigger.
    pub always: Vec<u32>,
    /// Fields whose atoms trigger programs.
    pub trigger_fields: Vec<u32>,
    /// Further fields whose atoms programs read.
    pub other_fields: Vec<u32>,
    /// Atom → place in `lists`; 0 for none.
    index: Vec<u32>,
    lists: Vec<(u32, u32)>,
    programs: Vec<u32>,
}

impl Plan {
    /// The plan for events of the kinds `sources` (indices, sorted).
    pub fn new(compiled: &Compiled, sources: &[u32]) -> Self {
        let mut plan = Plan::default();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let mut fields: Vec<u32> = Vec::new();
        for (id, program) in compiled.programs.iter().enumerate() {
            if sources.binary_search(&program.source).is_err() {
                continue;
            }
            match &program.trigger {
                None => plan.always.push(id as u32),
                Some(atoms) if atoms.is_empty() => continue,
                Some(atoms) => pairs.extend(atoms.iter().map(|&atom| (atom, id as u32))),
            }
            fields.extend(&program.fields);
        }
        fields.sort_unstable();
        fields.dedup();
        pairs.sort_unstable();
        pairs.dedup();
        let mut triggers: Vec<bool> = vec![false; compiled.fields.len()];
        if let Some(&(last, _)) = pairs.last() {
            plan.index = vec![0; last as usize + 1];
        }
        plan.lists.push((0, 0));
        for chunk in pairs.chunk_by(|left, right| left.0 == right.0) {
            let atom = chunk[0].0;
            debug_assert!(matches!(compiled.atoms[atom as usize].test, Test::Eager));
            triggers[compiled.atoms[atom as usize].field as usize] = true;
            let start = plan.programs.len() as u32;
            plan.programs
                .extend(chunk.iter().map(|(_, program)| program));
            plan.index[atom as usize] = plan.lists.len() as u32;
            plan.lists.push((start, plan.programs.len() as u32));
        }
        for field in fields {
            let first = triggers[field as usize];
            if first {
                &mut plan.trigger_fields
            } else {
                &mut plan.other_fields
            }
            .push(field);
        }
        plan
    }

    pub fn is_empty(&self) -> bool {
        self.always.is_empty() && self.programs.is_empty()
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
