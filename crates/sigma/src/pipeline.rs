//! Pipelines: which events a log source means and what its fields are called in them.
//!
//! A pipeline is data: TOML of our own, and processing pipelines as pySigma writes them (YAML, see
//! `processing`), which change rules before log sources and fields are looked up. The built-in files under `pipelines/` cover Windows, Linux, web,
//! proxies, name servers, firewalls, Zeek; what they do not name is matched under the rule's own
//! field names and listed by [`crate::Engine::unmapped`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use crate::correlation::Correlation;
use crate::error::RuleError;
use crate::fold::fold;
use crate::glob::Glob;
use crate::processing::{self, Processing};
use crate::rule::{LogSource, Rule};

const BUILT_IN: [(&str, &str); 4] = [
    ("windows.toml", include_str!("../pipelines/windows.toml")),
    ("linux.toml", include_str!("../pipelines/linux.toml")),
    ("generic.toml", include_str!("../pipelines/generic.toml")),
    ("network.toml", include_str!("../pipelines/network.toml")),
];

/// Field mappings, log source conditions and the values of placeholders.
#[derive(Debug, Clone)]
pub struct Pipeline {
    fields: HashMap<String, FieldSet>,
    sources: Vec<SourceEntry>,
    placeholders: HashMap<String, Vec<String>>,
    /// In the order in which they run.
    processing: Vec<Processing>,
    warnings: Vec<String>,
}

/// Why a pipeline file was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PipelineError {
    #[error("pipeline `{file}`: {message}")]
    Toml { file: String, message: String },
    #[error("pipeline `{file}`, line {line}: {problem}")]
    Yaml {
        file: String,
        line: usize,
        problem: String,
    },
    #[error("pipeline `{file}`: field set `{name}` is not defined")]
    UnknownFields { file: String, name: String },
    #[error("pipeline `{file}`: field set `{name}` is its own ancestor")]
    Circle { file: String, name: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fields: BTreeMap<String, FieldSet>,
    #[serde(default)]
    logsource: Vec<SourceEntry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldSet {
    parent: Option<String>,
    /// Names of a field that `names` does not list; `{}` is the rule's name.
    #[serde(default)]
    default: Vec<String>,
    /// Rule's name → names in the event; the first that an event has counts.
    #[serde(default)]
    names: BTreeMap<String, Vec<String>>,
    /// Rule's name → names in the event; the values of all of them count.
    #[serde(default)]
    every: BTreeMap<String, Vec<String>>,
    /// Rule's name → value in the rule → the same value as the event writes it.
    #[serde(default)]
    values: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceEntry {
    product: Option<String>,
    category: Option<String>,
    service: Option<String>,
    from: Vec<From>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    fields: String,
    /// Field of the event → values, one of which it must have (`*` and `?` allowed).
    when: BTreeMap<String, Vec<String>>,
}

/// Events that a log source means, with the names of their fields.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// All must hold.
    pub when: Vec<Gate>,
    pub fields: FieldMap,
}

/// A field of the event must have one of these values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Gate {
    pub field: String,
    /// Globs as text, sorted.
    pub values: Vec<String>,
}

impl Gate {
    pub fn globs(&self) -> Vec<Glob> {
        self.values.iter().map(|value| Glob::parse(value)).collect()
    }
}

/// Where the event may hold a field of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Names {
    /// The first of these that the event has.
    First(Vec<String>),
    /// All of these that the event has, together.
    Every(Vec<String>),
    /// Every field of the event that keywords are searched in.
    All,
    /// The same in a Windows event: what the log holds, not what is derived from it.
    WindowsLog,
}

impl Names {
    /// Whether keywords are searched under these names.
    pub fn are_open(&self) -> bool {
        matches!(self, Names::All | Names::WindowsLog)
    }

    pub fn list(&self) -> &[String] {
        match self {
            Names::First(names) | Names::Every(names) => names,
            Names::All | Names::WindowsLog => &[],
        }
    }
}

/// Names of a rule's fields in the event.
#[derive(Debug, Clone)]
pub(crate) struct FieldMap {
    default: Vec<String>,
    names: Arc<BTreeMap<String, Vec<String>>>,
    every: Arc<BTreeMap<String, Vec<String>>>,
    values: Arc<BTreeMap<String, BTreeMap<String, String>>>,
    source: LogSource,
    windows: bool,
}

impl FieldMap {
    /// Where keywords are searched.
    pub fn keywords(&self) -> Names {
        if self.windows {
            Names::WindowsLog
        } else {
            Names::All
        }
    }

    /// Names under which the event may hold the rule's `field`.
    pub fn names(&self, field: &str) -> Names {
        if let Some(names) = self.every.get(field) {
            return Names::Every(self.fill(names, field));
        }
        Names::First(self.fill(self.names.get(field).unwrap_or(&self.default), field))
    }

    fn fill(&self, templates: &[String], field: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(templates.len());
        for template in templates {
            let name = fill(template, &self.source).replace("{}", field);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// How the event writes `value` of `field`, if differently.
    pub fn event_value(&self, field: &str, value: &str) -> Option<&str> {
        let forms = self.values.get(field)?;
        let value = fold(value);
        forms
            .iter()
            .find(|(rule, _)| fold(rule) == value)
            .map(|(_, event)| event.as_str())
    }
}

impl Default for Pipeline {
    /// The built-in pipelines.
    fn default() -> Self {
        Pipeline::parse(&BUILT_IN).expect("the built-in pipelines are tested")
    }
}

impl Pipeline {
    /// Reads pipeline files, given as (name, text): a name that ends in `.yml` or `.yaml` is a
    /// processing pipeline of pySigma, every other TOML. Later files win over earlier ones where they
    /// describe the same log source or field set.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, PipelineError> {
        let mut pipeline = Pipeline {
            fields: HashMap::new(),
            sources: Vec::new(),
            placeholders: HashMap::new(),
            processing: Vec::new(),
            warnings: Vec::new(),
        };
        let (ours, processing): (Vec<_>, Vec<_>) =
            files.iter().partition(|(name, _)| !is_yaml(name));
        for (name, text) in &ours {
            pipeline.add(name, text)?;
        }
        for (name, text) in &ours {
            pipeline.check(name, text)?;
        }
        for (name, text) in processing {
            pipeline.add_processing(name, text)?;
        }
        Ok(pipeline)
    }

    /// The built-in pipelines and these files over them.
    pub fn with_files(files: &[(&str, &str)]) -> Result<Self, PipelineError> {
        let all: Vec<(&str, &str)> = BUILT_IN.iter().chain(files).copied().collect();
        Pipeline::parse(&all)
    }

    /// Gives the placeholder `%name%` its values; they may hold wildcards.
    pub fn set_placeholder(&mut self, name: &str, values: Vec<String>) {
        self.placeholders.insert(name.to_owned(), values);
    }

    fn add_processing(&mut self, name: &str, text: &str) -> Result<(), PipelineError> {
        let read = processing::read(text).map_err(|flaw| PipelineError::Yaml {
            file: name.to_owned(),
            line: flaw.line,
            problem: flaw.reason.to_string(),
        })?;
        let warnings = read.warnings.iter();
        self.warnings
            .extend(warnings.map(|text| format!("pipeline `{name}`: {text}")));
        self.processing.push(read);
        self.processing
            .sort_by(|a, b| a.priority.total_cmp(&b.priority));
        Ok(())
    }

    /// What pipeline files ask for that is left out.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The rule as the processing pipelines change it; to be done once, before compiling.
    ///
    /// # Errors
    /// A pipeline refuses the rule, or leaves nothing of one of its search identifiers.
    pub fn process(&self, rule: &Arc<Rule>) -> Result<Arc<Rule>, RuleError> {
        processing::rule(&self.processing, rule)
    }

    /// The same for a correlation; `sources` are the log sources of the rules it refers to.
    ///
    /// # Errors
    /// A pipeline refuses the correlation, or gives one of its fields several names.
    pub fn process_correlation(
        &self,
        correlation: &Arc<Correlation>,
        sources: Vec<LogSource>,
    ) -> Result<Arc<Correlation>, RuleError> {
        processing::correlation(&self.processing, correlation, sources)
    }

    pub(crate) fn placeholder(&self, name: &str) -> Option<&[String]> {
        self.placeholders.get(name).map(Vec::as_slice)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), PipelineError> {
        let file = read(name, text)?;
        self.fields.extend(file.fields);
        for entry in file.logsource {
            self.sources.retain(|old| old.keys() != entry.keys());
            self.sources.push(entry);
        }
        Ok(())
    }

    /// Every field set that a file names exists and descends from no circle.
    fn check(&self, name: &str, text: &str) -> Result<(), PipelineError> {
        let file = || name.to_owned();
        for entry in read(name, text)?.logsource {
            for from in entry.from {
                let mut at = Some(from.fields);
                let mut steps = 0;
                while let Some(name) = at {
                    let Some(set) = self.fields.get(&name) else {
                        return Err(PipelineError::UnknownFields { file: file(), name });
                    };
                    steps += 1;
                    if steps > self.fields.len() {
                        return Err(PipelineError::Circle { file: file(), name });
                    }
                    at = set.parent.clone();
                }
            }
        }
        Ok(())
    }

    /// What `source` means, or its fallback and `false` if no file maps it.
    pub(crate) fn targets(&self, source: &LogSource) -> (Vec<Target>, bool) {
        let mut entries: Vec<&SourceEntry> = self
            .sources
            .iter()
            .filter(|entry| entry.fits(source))
            .collect();
        if entries.is_empty() && source.product.is_none() {
            // Without a product, the category means that of every product.
            let all = self
                .sources
                .iter()
                .filter(|entry| entry.fits_but_product(source));
            let targets: Vec<Target> = all
                .flat_map(|entry| &entry.from)
                .map(|from| self.target(from, source))
                .collect();
            return if targets.is_empty() {
                (vec![fallback(source)], false)
            } else {
                (targets, true)
            };
        }
        let all = entries.clone();
        entries.retain(|entry| !all.iter().any(|other| entry.is_part_of(other)));
        let mut targets: Vec<Target> = Vec::new();
        for entry in entries {
            let own: Vec<Target> = entry
                .from
                .iter()
                .map(|from| self.target(from, source))
                .collect();
            targets = if targets.is_empty() {
                own
            } else {
                both(&targets, &own)
            };
        }
        if targets.is_empty() {
            (vec![fallback(source)], false)
        } else {
            (targets, true)
        }
    }

    fn target(&self, from: &From, source: &LogSource) -> Target {
        let when: Vec<Gate> = from
            .when
            .iter()
            .map(|(field, values)| {
                let mut values: Vec<String> =
                    values.iter().map(|value| fill(value, source)).collect();
                values.sort();
                Gate {
                    field: field.clone(),
                    values,
                }
            })
            .collect();
        let mut fields = self.field_map(&from.fields, source);
        fields.windows = when.iter().any(|gate| gate.field == "winlog.channel");
        Target { when, fields }
    }

    fn field_map(&self, name: &str, source: &LogSource) -> FieldMap {
        let (mut default, mut names) = (Vec::new(), BTreeMap::new());
        let (mut every, mut values) = (BTreeMap::new(), BTreeMap::new());
        let mut at = self.fields.get(name);
        while let Some(set) = at {
            if default.is_empty() {
                default.clone_from(&set.default);
            }
            for (field, event) in &set.names {
                names.entry(field.clone()).or_insert_with(|| event.clone());
            }
            for (field, event) in &set.every {
                every.entry(field.clone()).or_insert_with(|| event.clone());
            }
            for (field, forms) in &set.values {
                values.entry(field.clone()).or_insert_with(|| forms.clone());
            }
            at = set
                .parent
                .as_ref()
                .and_then(|parent| self.fields.get(parent));
        }
        let (names, every, values) = (Arc::new(names), Arc::new(every), Arc::new(values));
        FieldMap {
            default,
            names,
            every,
            values,
            source: source.clone(),
            windows: false,
        }
    }
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

fn read(name: &str, text: &str) -> Result<File, PipelineError> {
    toml::from_str(text).map_err(|error| {
        let message = error.to_string().trim().replace('\n', " ");
        PipelineError::Toml {
            file: name.to_owned(),
            message,
        }
    })
}

impl SourceEntry {
    fn keys(&self) -> [&Option<String>; 3] {
        [&self.product, &self.category, &self.service]
    }

    fn fits(&self, source: &LogSource) -> bool {
        part_fits(&self.product, &source.product) && self.fits_but_product(source)
    }

    fn fits_but_product(&self, source: &LogSource) -> bool {
        let named = self.category.is_some() || self.service.is_some();
        (named || self.product == source.product)
            && part_fits(&self.category, &source.category)
            && part_fits(&self.service, &source.service)
    }

    /// Whether `other` names all that this entry names, and more.
    fn is_part_of(&self, other: &SourceEntry) -> bool {
        let mut more = false;
        for (own, theirs) in self.keys().into_iter().zip(other.keys()) {
            let wide = own.is_none() || own.as_deref() == Some("*");
            if !wide && own != theirs {
                return false;
            }
            more |= wide && theirs.is_some() && own != theirs;
        }
        more
    }
}

fn part_fits(entry: &Option<String>, source: &Option<String>) -> bool {
    match (entry.as_deref(), source.as_deref()) {
        (None, _) | (Some("*"), Some(_)) => true,
        (Some(wanted), Some(found)) => wanted == found,
        (Some(_), None) => false,
    }
}

/// The events of both: a category narrowed by a service.
fn both(left: &[Target], right: &[Target]) -> Vec<Target> {
    let mut targets = Vec::new();
    for one in left {
        for other in right {
            let mut target = one.clone();
            target.when.extend(
                other
                    .when
                    .iter()
                    .filter(|gate| !one.when.contains(gate))
                    .cloned(),
            );
            targets.push(target);
        }
    }
    targets
}

fn fill(template: &str, source: &LogSource) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    template
        .replace("{product}", &part(&source.product))
        .replace("{category}", &part(&source.category))
        .replace("{service}", &part(&source.service))
}

/// A log source that no file maps: events whose dataset is named like it, fields as the rule
/// names them, bare or below the dataset.
fn fallback(source: &LogSource) -> Target {
    let mut datasets = Vec::new();
    let mut default = vec!["{}".to_owned()];
    match (&source.product, &source.service, &source.category) {
        (Some(product), Some(service), _) => {
            // `gcp/gcp.audit`, `onelogin/onelogin.events`: the service holds the product.
            let own = format!("{product}.{service}");
            for name in [own, service.clone()] {
                datasets.extend([format!("{name}.*"), name.clone()]);
                default.push(format!("{name}.{{}}"));
            }
            default.push(format!("{product}.{{}}"));
            if product == service {
                datasets.push(format!("{product}.*"));
            }
        }
        (Some(name), None, _) | (None, Some(name), _) | (None, None, Some(name)) => {
            datasets.extend([format!("{name}.*"), name.clone()]);
            default.push(format!("{name}.{{}}"));
        }
        (None, None, None) => datasets.push("*".into()),
    }
    datasets.sort();
    datasets.dedup();
    Target {
        when: vec![Gate {
            field: "data_stream.dataset".into(),
            values: datasets,
        }],
        fields: FieldMap {
            default,
            names: Arc::default(),
            every: Arc::default(),
            values: Arc::default(),
            source: source.clone(),
            windows: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(product: &str, category: &str, service: &str) -> LogSource {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        LogSource {
            product: part(product),
            category: part(category),
            service: part(service),
        }
    }

    fn gates(target: &Target) -> Vec<String> {
        target
            .when
            .iter()
            .map(|gate| format!("{}={}", gate.field, gate.values.join(",")))
            .collect()
    }

    #[test]
    fn process_creation_comes_from_sysmon_and_from_the_audit() {
        let (targets, mapped) =
            Pipeline::default().targets(&source("windows", "process_creation", ""));
        assert!(mapped);
        assert_eq!(targets.len(), 2);
        assert_eq!(
            gates(&targets[1]),
            ["winlog.channel=Security", "winlog.event_id=4688"]
        );
        let image = |at: usize| targets[at].fields.names("Image").list()[0].clone();
        assert_eq!(image(0), "winlog.event_data.Image");
        assert_eq!(image(1), "winlog.event_data.NewProcessName");
        assert_eq!(
            targets[1].fields.event_value("IntegrityLevel", "HIGH"),
            Some("S-1-16-12288")
        );
        assert_eq!(
            targets[1].fields.names("EventID").list(),
            ["winlog.event_id", "event.code"]
        );
    }

    #[test]
    fn the_nearest_entry_counts_and_a_missing_product_means_every_product() {
        let pipeline = Pipeline::default();
        let (targets, _) = pipeline.targets(&source("windows", "", "security"));
        assert_eq!(gates(&targets[0]), ["winlog.channel=Security"]);
        let (targets, mapped) = pipeline.targets(&source("", "process_creation", ""));
        assert!(mapped && targets.len() > 3);
        let (targets, _) = pipeline.targets(&source("zeek", "", "dns"));
        assert_eq!(gates(&targets[0]), ["data_stream.dataset=zeek.dns"]);
        assert_eq!(
            targets[0].fields.names("query").list(),
            ["zeek.dns.query", "query"]
        );
    }

    #[test]
    fn sensors_and_the_filtering_platform_have_their_names() {
        let pipeline = Pipeline::default();
        let (targets, _) = pipeline.targets(&source("windows", "network_connection", ""));
        assert_eq!(
            gates(&targets[1]),
            ["winlog.channel=Security", "winlog.event_id=5156"]
        );
        let fields = &targets[1].fields;
        assert_eq!(
            fields.names("DestinationPort").list(),
            ["winlog.event_data.DestPort"]
        );
        assert_eq!(fields.event_value("Initiated", "true"), Some("%%14593"));
        let (targets, mapped) = pipeline.targets(&source("suricata", "", "tls"));
        assert!(mapped && targets.len() == 1);
        assert_eq!(
            gates(&targets[0]),
            [
                "data_stream.dataset=suricata.*",
                "suricata.eve.event_type=tls"
            ]
        );
        assert_eq!(
            targets[0].fields.names("tls.sni").list()[0],
            "suricata.eve.tls.sni"
        );
        let (targets, _) = pipeline.targets(&source("zeek", "", "conn"));
        assert_eq!(
            gates(&targets[0]),
            ["data_stream.dataset=zeek.conn,zeek.connection"]
        );
        let (targets, mapped) = pipeline.targets(&source("cisco", "", "aaa"));
        assert!(mapped);
        assert_eq!(gates(&targets[0]), ["data_stream.dataset=cisco.*"]);
    }

    #[test]
    fn an_unmapped_source_falls_back_to_its_name() {
        let (targets, mapped) = Pipeline::default().targets(&source("okta", "", "okta"));
        assert!(!mapped);
        assert!(targets[0].when[0].values.contains(&"okta.*".to_owned()));
        assert_eq!(targets[0].fields.names("eventType").list()[0], "eventType");
    }

    #[test]
    fn files_with_unknown_keys_or_field_sets_are_refused() {
        assert!(matches!(
            Pipeline::parse(&[("a", "x = 1")]),
            Err(PipelineError::Toml { .. })
        ));
        let text = "[[logsource]]\nproduct = \"x\"\nfrom = [{ fields = \"no\", when = {} }]";
        assert!(matches!(
            Pipeline::parse(&[("a", text)]),
            Err(PipelineError::UnknownFields { .. })
        ));
        let text = "[fields.a]\nparent = \"a\"\n[[logsource]]\nproduct = \"x\"\nfrom = [{ fields = \"a\", when = {} }]";
        assert!(matches!(
            Pipeline::parse(&[("a", text)]),
            Err(PipelineError::Circle { .. })
        ));
    }
}
