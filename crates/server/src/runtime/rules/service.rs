use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use saqshy_casework::Store;
use saqshy_detect::correlate::Generations;
use saqshy_detect::{Detector, Refusal, RuleSet};
use saqshy_law::Text3;
use sqlx::Row;

use super::sets::{self, StoredSet};
use super::{Decision, Mode};
use crate::config::Config;
use crate::embedded;

/// Name of the set of rules inside the program.
pub const OWN_SET: &str = "saqshy";

/// Where a group of rules comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Inside the program.
    Own,
    /// A folder named in the configuration; read at start.
    Folder(PathBuf),
    /// Imported and kept in the data folder.
    Stored(Box<StoredSet>),
}

/// Rules of one origin.
pub struct Group {
    pub name: String,
    pub origin: Origin,
    /// Mode of its rules that have none of their own.
    pub mode: Mode,
    pub rules: RuleSet,
    /// Samples files, by their path.
    samples: HashMap<PathBuf, Arc<str>>,
}

impl Group {
    fn own() -> Self {
        let mut rules = RuleSet::default();
        for (name, text) in embedded::rules() {
            rules.add_text(&Path::new("rules").join(name), &text);
        }
        let samples = embedded::rule_samples()
            .into_iter()
            .map(|(name, text)| (Path::new("rules").join(name), text.into()));
        Group {
            name: OWN_SET.to_owned(),
            origin: Origin::Own,
            mode: Mode::Enabled,
            rules,
            samples: samples.collect(),
        }
    }

    fn folder(path: &Path) -> Self {
        let mut rules = RuleSet::default();
        rules.add_folder(path);
        Group {
            name: path.display().to_string(),
            origin: Origin::Folder(path.to_owned()),
            mode: Mode::Enabled,
            rules,
            samples: HashMap::new(),
        }
    }

    /// A stored set and its files: (path below the set, text).
    pub fn stored(set: StoredSet, files: &[(String, String)]) -> Self {
        let (mut rules, mut samples) = (RuleSet::default(), HashMap::new());
        for (path, text) in files {
            let origin = Path::new(&set.name).join(path);
            match path.ends_with(".toml") {
                true => {
                    samples.insert(origin, text.as_str().into());
                }
                false => rules.add_text(&origin, text),
            }
        }
        Group {
            name: set.name.clone(),
            mode: set.mode,
            origin: Origin::Stored(Box::new(set)),
            rules,
            samples,
        }
    }

    /// The same rules with another mode.
    pub fn with_mode(&self, mode: Mode) -> Self {
        let mut origin = self.origin.clone();
        if let Origin::Stored(set) = &mut origin {
            set.mode = mode;
        }
        Group {
            name: self.name.clone(),
            origin,
            mode,
            rules: self.rules.clone(),
            samples: self.samples.clone(),
        }
    }
}

/// One compiled state of the rules. Immutable: a change makes the next one.
pub struct RuleService {
    groups: Vec<Arc<Group>>,
    /// All rules of all groups; an id that an earlier group has is refused.
    pub set: RuleSet,
    pub detector: Detector,
    /// Which of the stored state belongs to its correlations; set by whoever puts it into service.
    pub generations: Generations,
    decisions: BTreeMap<String, Decision>,
    /// Rule → place of its group.
    group_of: HashMap<String, usize>,
}

impl RuleService {
    /// Loads our own rules, those of the configured folders and the stored sets, and compiles what
    /// is not disabled.
    pub async fn load(config: &Config, data: &Path, store: &Store) -> anyhow::Result<Self> {
        let decisions = decisions(store).await?;
        let stored = sets::all(store).await?;
        let (own, folders) = (config.own_rules, config.rule_folders.clone());
        let kept = sets::folder(data);
        tokio::task::spawn_blocking(move || {
            let mut groups = Vec::new();
            if own {
                groups.push(Arc::new(Group::own()));
            }
            groups.extend(folders.iter().map(|path| Arc::new(Group::folder(path))));
            for set in stored {
                let name = set.name.clone();
                let group = sets::read(&kept, set);
                groups.push(Arc::new(
                    group.with_context(|| format!("rule set `{name}`"))?,
                ));
            }
            let service = Self::compile(groups, decisions);
            for line in told_at_start(service.detector.refused(), &folders) {
                tracing::warn!("{line}");
            }
            Ok(service)
        })
        .await?
    }

    /// Compiles on the thread of the caller.
    pub(super) fn compile(groups: Vec<Arc<Group>>, decisions: BTreeMap<String, Decision>) -> Self {
        let (mut set, mut group_of) = (RuleSet::default(), HashMap::new());
        for (place, group) in groups.iter().enumerate() {
            for head in group.rules.heads() {
                group_of.entry(head.id.to_owned()).or_insert(place);
            }
            set.extend(&group.rules);
        }
        let mode = |id: &str| mode_of(&groups, &decisions, &group_of, id);
        let in_mode = |wanted: Mode| -> HashSet<String> {
            let ids = set.heads().map(|head| head.id);
            ids.filter(|id| mode(id) == wanted)
                .map(str::to_owned)
                .collect()
        };
        let detector = Detector::staged(&set, &in_mode(Mode::Disabled), &in_mode(Mode::Test));
        RuleService {
            groups,
            set,
            detector,
            generations: Generations::default(),
            decisions,
            group_of,
        }
    }

    /// The title of a rule in the three languages, where it has `saqshy: {title: {kk, ru}}`.
    pub fn title_text(&self, rule_id: &str) -> Option<Text3> {
        let head = self.set.head(rule_id)?;
        let of = |language| head.custom.get(language);
        let (kk, ru) = (of("saqshy.title.kk")?, of("saqshy.title.ru")?);
        Some(Text3::new(kk.clone(), ru.clone(), head.title))
    }

    pub fn groups(&self) -> &[Arc<Group>] {
        &self.groups
    }

    pub fn decisions(&self) -> &BTreeMap<String, Decision> {
        &self.decisions
    }

    /// What was decided about this rule alone.
    pub fn decision(&self, rule_id: &str) -> Option<&Decision> {
        self.decisions.get(rule_id)
    }

    /// The rule's own mode, or that of its set.
    pub fn mode(&self, rule_id: &str) -> Mode {
        mode_of(&self.groups, &self.decisions, &self.group_of, rule_id)
    }

    /// The set that the rule belongs to.
    pub fn group(&self, rule_id: &str) -> Option<&Arc<Group>> {
        self.groups.get(*self.group_of.get(rule_id)?)
    }

    /// The samples file beside the rule, where there is one.
    pub fn samples(&self, rule_id: &str) -> Option<Arc<str>> {
        let group = self.group(rule_id)?;
        let beside = self.set.head(rule_id)?.file.with_extension("samples.toml");
        if let Origin::Folder(_) = group.origin {
            let text = std::fs::read_to_string(&beside).ok()?;
            return Some(text.into());
        }
        group.samples.get(&beside).cloned()
    }
}

/// Most refused rules that the log names at start.
const TOLD_MAX: usize = 20;

/// What the log says at start of what is not in service: every configured folder or file that
/// cannot be read, and the first rules that were refused.
fn told_at_start(refused: &[Refusal], folders: &[PathBuf]) -> Vec<String> {
    let (whole, rules): (Vec<_>, Vec<_>) =
        refused.iter().partition(|it| folders.contains(&it.file));
    let whole = whole.iter().map(|it| format!("rules folder {it}"));
    let named = rules.iter().take(TOLD_MAX);
    let mut told: Vec<String> = whole
        .chain(named.map(|it| format!("rule refused: {it}")))
        .collect();
    if let Some(more @ 1..) = rules.len().checked_sub(TOLD_MAX) {
        told.push(format!("and {more} more refused rules; see GET /rules"));
    }
    told
}

fn mode_of(
    groups: &[Arc<Group>],
    decisions: &BTreeMap<String, Decision>,
    group_of: &HashMap<String, usize>,
    rule_id: &str,
) -> Mode {
    let own = decisions.get(rule_id).map(|decision| decision.mode);
    let of_group = || group_of.get(rule_id).map(|place| groups[*place].mode);
    own.or_else(of_group).unwrap_or(Mode::Enabled)
}

async fn decisions(store: &Store) -> anyhow::Result<BTreeMap<String, Decision>> {
    let rows =
        sqlx::query("SELECT rule_id, mode, reason, changed_at_us, changed_by FROM rule_mode")
            .fetch_all(store.pool())
            .await?;
    rows.iter()
        .map(|row| {
            let mode: String = row.try_get(1)?;
            let decision = Decision {
                mode: mode.parse()?,
                reason: row.try_get(2)?,
                at: jiff::Timestamp::from_microsecond(row.try_get(3)?)?,
                by: row.try_get(4)?,
            };
            Ok((row.try_get(0)?, decision))
        })
        .collect()
}
