//! Which fields of an event matching reads.

use saqshy_event::FieldSet;

use crate::keywords::{WINDOWS_DATA, WINDOWS_NAMES};
use crate::pipeline::{Gate, Names};
use crate::resolve::{Tree, Variant};

/// What the rules read of a Windows event.
#[derive(Debug, Default)]
pub(super) struct WindowsFields {
    pub fields: FieldSet,
    /// A rule searches in everything.
    pub whole: bool,
}

impl WindowsFields {
    pub fn add(&mut self, variant: &Variant<'_>) {
        if !variant.when.iter().all(holds_for_windows) {
            return;
        }
        for gate in &variant.when {
            self.fields.insert(&gate.field);
        }
        variant.searches.iter().for_each(|tree| self.tree(tree));
    }

    fn tree(&mut self, tree: &Tree<'_>) {
        match tree {
            Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| self.tree(part)),
            Tree::Item(leaf) => {
                self.names(&leaf.names);
                let others = leaf.values.iter().flatten();
                others
                    .filter_map(|bound| bound.other.as_ref())
                    .for_each(|names| self.names(names));
            }
        }
    }

    fn names(&mut self, names: &Names) {
        match names {
            Names::First(names) | Names::Every(names) => {
                self.fields.extend(names.iter().map(String::as_str));
            }
            Names::WindowsLog => {
                WINDOWS_DATA
                    .iter()
                    .for_each(|prefix| self.fields.insert_below(prefix));
                self.fields.extend(WINDOWS_NAMES);
            }
            Names::All => self.whole = true,
        }
    }
}

/// Whether the gate can hold for a Windows event, whose dataset begins with `windows.`.
pub(crate) fn holds_for_windows(gate: &Gate) -> bool {
    const DATASETS: &str = "windows.";
    gate.field != "data_stream.dataset"
        || gate.values.iter().any(|value| {
            let fixed = value.split(['*', '?', '\\']).next().unwrap_or_default();
            let fixed = fixed.to_ascii_lowercase();
            let open = fixed.len() < value.len();
            fixed.starts_with(DATASETS) || (open && DATASETS.starts_with(&fixed))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_of_other_logs_are_told_apart() {
        let holds = |value: &str| {
            holds_for_windows(&Gate {
                field: "data_stream.dataset".into(),
                values: vec![value.into()],
            })
        };
        for value in [
            "*",
            "windows.sysmon",
            "win*",
            "Windows.*",
            "?indows.x",
            "windows.*",
        ] {
            assert!(holds(value), "{value}");
        }
        for value in ["windows", "linux.*", "linux.auditd", "windowsx.*"] {
            assert!(!holds(value), "{value}");
        }
    }
}
