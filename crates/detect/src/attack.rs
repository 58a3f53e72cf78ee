//! ATT&CK coverage: which techniques the rules speak of, as a matrix and as a layer for the
//! ATT&CK Navigator.
//!
//! The table of ids and names is `data/attack.tsv`; its head says where it is from. Tags of rules
//! are `attack.t1003.001`, `attack.credential-access` (Sigma's tag namespace `attack`).

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Value, json};

/// Version of ATT&CK that the table describes.
pub const ATTACK_VERSION: &str = "19";
/// Version of the Navigator's layer format.
const LAYER_VERSION: &str = "4.5";

/// A column of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tactic {
    /// For example `TA0006`.
    pub id: &'static str,
    /// As tags write it, for example `credential-access`.
    pub tag: &'static str,
    pub name: &'static str,
}

/// A technique or, where the id has a dot, a sub-technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Technique {
    /// For example `T1003.001`.
    pub id: &'static str,
    pub name: &'static str,
    /// Tags of its tactics.
    pub tactics: Vec<&'static str>,
}

struct Matrix {
    tactics: Vec<Tactic>,
    techniques: BTreeMap<&'static str, Technique>,
    /// Revoked id → the id in its place.
    revoked: HashMap<&'static str, &'static str>,
}

static MATRIX: LazyLock<Matrix> = LazyLock::new(|| {
    let mut matrix = Matrix {
        tactics: Vec::new(),
        techniques: BTreeMap::new(),
        revoked: HashMap::new(),
    };
    for line in include_str!("../data/attack.tsv").lines() {
        let cells: Vec<&'static str> = line.split('\t').collect();
        match cells[..] {
            ["tactic", id, tag, name] => matrix.tactics.push(Tactic { id, tag, name }),
            ["technique", id, name, tactics] => {
                let tactics = tactics.split(',').collect();
                matrix
                    .techniques
                    .insert(id, Technique { id, name, tactics });
            }
            ["revoked", id, now] => {
                matrix.revoked.insert(id, now);
            }
            _ => debug_assert!(line.starts_with('#'), "attack.tsv: `{line}`"),
        }
    }
    matrix
});

/// The tactics in the order of the matrix.
pub fn tactics() -> &'static [Tactic] {
    &MATRIX.tactics
}

/// The technique of an id such as `T1003.001`, whatever its case; a revoked id gives the technique
/// in its place.
pub fn technique(id: &str) -> Option<&'static Technique> {
    let id = id.to_ascii_uppercase();
    let id = MATRIX.revoked.get(id.as_str()).copied().unwrap_or(&id);
    MATRIX.techniques.get(id)
}

/// What a rule's tags say about ATT&CK.
#[derive(Debug, Default)]
struct Tagged<'a> {
    techniques: Vec<&'static Technique>,
    /// Looks like a technique and is in no table.
    unknown: Vec<&'a str>,
}

fn tagged(tags: &[String]) -> Tagged<'_> {
    let mut found = Tagged::default();
    for tag in tags {
        let Some(name) = tag.strip_prefix("attack.") else {
            continue;
        };
        let is_technique = name
            .strip_prefix(['t', 'T'])
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if !is_technique {
            continue;
        }
        match technique(name) {
            Some(technique) if !found.techniques.contains(&technique) => {
                found.techniques.push(technique);
            }
            Some(_) => {}
            None => found.unknown.push(name),
        }
    }
    found
}

/// The techniques that rules speak of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    pub attack_version: &'static str,
    pub tactics: Vec<TacticCoverage>,
    /// Distinct techniques and sub-techniques with a rule.
    pub techniques: usize,
    /// Rules that name at least one technique of the table.
    pub rules_tagged: usize,
    /// Rules that name none.
    pub rules_untagged: usize,
    /// Technique tags that are in no table, with the rules that bear them.
    pub unknown: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TacticCoverage {
    #[serde(flatten)]
    pub tactic: Tactic,
    /// By id; a technique of several tactics stands under each.
    pub techniques: Vec<TechniqueCoverage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TechniqueCoverage {
    pub id: &'static str,
    pub name: &'static str,
    /// Ids of the rules that name it.
    pub rules: Vec<String>,
}

/// Coverage of rules given as (id, tags). Says what the rules speak of, not that they find it.
pub fn coverage<'a>(rules: impl IntoIterator<Item = (&'a str, &'a [String])>) -> Coverage {
    let mut by_technique: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut rules_tagged, mut rules_untagged) = (0, 0);
    for (id, tags) in rules {
        let found = tagged(tags);
        match found.techniques.is_empty() {
            true => rules_untagged += 1,
            false => rules_tagged += 1,
        }
        for technique in found.techniques {
            by_technique
                .entry(technique.id)
                .or_default()
                .push(id.to_owned());
        }
        for name in found.unknown {
            unknown
                .entry(name.to_owned())
                .or_default()
                .push(id.to_owned());
        }
    }
    let of_tactic = |tactic: &Tactic| TacticCoverage {
        tactic: tactic.clone(),
        techniques: by_technique
            .iter()
            .filter_map(|(id, rules)| {
                let technique = MATRIX.techniques.get(id)?;
                technique
                    .tactics
                    .contains(&tactic.tag)
                    .then(|| TechniqueCoverage {
                        id: technique.id,
                        name: technique.name,
                        rules: rules.clone(),
                    })
            })
            .collect(),
    };
    Coverage {
        attack_version: ATTACK_VERSION,
        tactics: tactics().iter().map(of_tactic).collect(),
        techniques: by_technique.len(),
        rules_tagged,
        rules_untagged,
        unknown,
    }
}

impl Coverage {
    /// A layer of the ATT&CK Navigator (format 4.5): the score of a technique is its number of
    /// rules.
    pub fn navigator_layer(&self, name: &str) -> Value {
        let mut scores: BTreeMap<&str, usize> = BTreeMap::new();
        for technique in self.tactics.iter().flat_map(|tactic| &tactic.techniques) {
            scores.insert(technique.id, technique.rules.len());
        }
        let most = scores.values().copied().max().unwrap_or(1);
        let techniques: Vec<_> = scores
            .iter()
            .map(|(id, rules)| {
                json!({
                    "techniqueID": id,
                    "score": rules,
                    "comment": format!("{rules} rules"),
                    "enabled": true,
                    "showSubtechniques": id.contains('.'),
                })
            })
            .collect();
        json!({
            "name": name,
            "versions": {"attack": ATTACK_VERSION, "navigator": "5.1.0", "layer": LAYER_VERSION},
            "domain": "enterprise-attack",
            "description": "Techniques that the detection rules speak of; the score is the number of rules.",
            "sorting": 3,
            "hideDisabled": false,
            "techniques": techniques,
            "gradient": {"colors": ["#cfe8ff", "#0b62c4"], "minValue": 1, "maxValue": most},
            "legendItems": [],
            "metadata": [],
            "showTacticRowBackground": false,
            "selectTechniquesAcrossTactics": true,
            "selectSubtechniquesWithParent": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert_eq!(tactics().len(), 15);
        assert!(MATRIX.techniques.len() > 600);
        for technique in MATRIX.techniques.values() {
            for tag in &technique.tactics {
                assert!(
                    tactics().iter().any(|tactic| tactic.tag == *tag),
                    "{technique:?}"
                );
            }
            if let Some((parent, _)) = technique.id.split_once('.') {
                assert!(MATRIX.techniques.contains_key(parent), "{technique:?}");
            }
        }
        for (old, new) in &MATRIX.revoked {
            assert!(!MATRIX.techniques.contains_key(old));
            assert!(MATRIX.techniques.contains_key(new), "{old} → {new}");
        }
    }

    #[test]
    fn rules_are_counted_under_every_tactic_of_their_techniques() {
        let tags = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let rules = [
            ("a", tags(&["attack.t1003.001", "attack.credential-access"])),
            ("b", tags(&["attack.T1003.001", "attack.t1053.005"])),
            (
                "c",
                tags(&["attack.t1562.001", "attack.t9999", "cve.2021-1"]),
            ),
            ("d", tags(&["attack.persistence"])),
        ];
        let covered = coverage(rules.iter().map(|(id, tags)| (*id, tags.as_slice())));
        assert_eq!((covered.rules_tagged, covered.rules_untagged), (3, 1));
        assert_eq!(covered.techniques, 3);
        assert_eq!(covered.unknown["t9999"], ["c"]);
        let under = |tag: &str| {
            let tactic = covered.tactics.iter().find(|one| one.tactic.tag == tag);
            let list = &tactic.unwrap().techniques;
            list.iter()
                .map(|one| (one.id, one.rules.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(under("credential-access"), [("T1003.001", 2)]);
        for tag in ["execution", "persistence", "privilege-escalation"] {
            assert_eq!(under(tag), [("T1053.005", 1)], "{tag}");
        }
        // A revoked id counts for the technique that took its place.
        assert_eq!(under("defense-impairment"), [("T1685", 1)]);
        let layer = covered.navigator_layer("test");
        assert_eq!(layer["versions"]["layer"], "4.5");
        assert_eq!(layer["techniques"].as_array().map(Vec::len), Some(3));
        assert_eq!(layer["gradient"]["maxValue"], 2);
    }
}
