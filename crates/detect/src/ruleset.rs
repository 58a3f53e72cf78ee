use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saqshy_sigma::{Correlation, Document, Filter, Origin, Rule, RuleError, parse_documents};
use serde::Serialize;

use crate::Head;

/// A rule that is not in service, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    pub file: PathBuf,
    /// Counted from 1; 0, and left out of JSON, where it is about the whole file.
    #[serde(skip_serializing_if = "is_whole_file")]
    pub line: usize,
    pub reason: String,
}

impl Refusal {
    /// Where it stands, as it leads a message: `file:line: `, or `file: ` for a whole file;
    /// nothing where there is no file.
    pub fn place(&self) -> String {
        let file = self.file.display();
        match (self.file.as_os_str().is_empty(), self.line) {
            (true, _) => String::new(),
            (false, 0) => format!("{file}: "),
            (false, line) => format!("{file}:{line}: "),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place(), self.reason)
    }
}

fn is_whole_file(line: &usize) -> bool {
    *line == 0
}

impl From<&RuleError> for Refusal {
    fn from(error: &RuleError) -> Self {
        Refusal {
            file: error.file.clone(),
            line: error.line,
            reason: error.reason.to_string(),
        }
    }
}

/// Rules gathered from folders and texts. A refused file never hides its neighbours.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    correlations: Vec<Arc<Correlation>>,
    filters: Vec<Arc<Filter>>,
    by_id: HashMap<String, PathBuf>,
    refused: Vec<Refusal>,
    /// Correlations whose id is taken, by the place of their refusal.
    doubles: Vec<(usize, Arc<Correlation>)>,
}

impl RuleSet {
    /// Adds every document of one YAML text. `origin` names it in messages.
    pub fn add_text(&mut self, origin: &Path, text: &str) {
        for document in parse_documents(text, origin) {
            match document {
                Ok(Document::Rule(rule)) => {
                    if self.takes(&rule.origin, &rule.id, &rule.title) {
                        self.rules.push(Arc::new(*rule));
                    }
                }
                Ok(Document::Correlation(found)) => {
                    self.add_correlation(Arc::new(*found));
                }
                Ok(Document::Filter(filter)) => {
                    if self.takes(&filter.origin, &filter.id, &filter.title) {
                        self.filters.push(Arc::new(*filter));
                    }
                }
                Err(error) => self.refused.push(Refusal::from(&error)),
            }
        }
    }

    /// Adds every `.yml` and `.yaml` file below `folder`, in the order of their names.
    pub fn add_folder(&mut self, folder: &Path) {
        let walk = walkdir::WalkDir::new(folder)
            .follow_links(true)
            .sort_by_file_name();
        for entry in walk {
            let path = match entry {
                Ok(entry) if entry.file_type().is_file() => entry.into_path(),
                Ok(_) => continue,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    self.refuse(&path, 0, format!("could not be read: {error}"));
                    continue;
                }
            };
            if !matches!(
                path.extension().and_then(|end| end.to_str()),
                Some("yml" | "yaml")
            ) {
                continue;
            }
            self.add_file(&path);
        }
    }

    /// Adds every document of one file. A file that cannot be read is refused.
    pub fn add_file(&mut self, path: &Path) {
        match read_text(path) {
            Ok(text) => self.add_text(path, &text),
            Err(refusal) => self.refused.push(refusal),
        }
    }

    /// Adds what another set holds; ids that are taken are refused.
    pub fn extend(&mut self, other: &RuleSet) {
        let before = self.refused.len();
        self.refused.extend(other.refused.iter().cloned());
        let doubles = other.doubles.iter();
        self.doubles
            .extend(doubles.map(|(at, one)| (before + at, one.clone())));
        for rule in &other.rules {
            if self.takes(&rule.origin, &rule.id, &rule.title) {
                self.rules.push(rule.clone());
            }
        }
        for correlation in &other.correlations {
            self.add_correlation(correlation.clone());
        }
        for filter in &other.filters {
            if self.takes(&filter.origin, &filter.id, &filter.title) {
                self.filters.push(filter.clone());
            }
        }
    }

    /// Rules, then correlations, each by what lists show of it.
    pub fn heads(&self) -> impl Iterator<Item = Head<'_>> {
        let rules = self.rules.iter().map(|rule| Head::of_rule(rule));
        rules.chain(
            self.correlations
                .iter()
                .map(|one| Head::of_correlation(one)),
        )
    }

    /// The rule or correlation of this id.
    pub fn head(&self, id: &str) -> Option<Head<'_>> {
        self.heads().find(|head| head.id == id)
    }

    /// All rules, in the order in which they were added.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    pub fn rule(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Whether a rule, correlation or filter has this id.
    pub fn knows(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Correlations, in the order in which they were added.
    pub fn correlations(&self) -> &[Arc<Correlation>] {
        &self.correlations
    }

    /// Filters, in the order in which they were added.
    pub fn filters(&self) -> &[Arc<Filter>] {
        &self.filters
    }

    /// What was refused, and of correlations whose id is taken also the names that nothing has: the
    /// mistake in one document does not wait for that in another to be mended.
    pub(crate) fn all_refused(&self) -> Vec<Refusal> {
        let mut refused = self.refused.clone();
        if self.doubles.is_empty() {
            return refused;
        }
        let rules = self.rules.iter().map(|one| (&one.id, &one.name));
        let correlations = self.correlations.iter().map(|one| (&one.id, &one.name));
        let known: HashSet<&String> = rules
            .chain(correlations)
            .flat_map(|(id, name)| [Some(id), name.as_ref()])
            .flatten()
            .collect();
        for (at, one) in &self.doubles {
            let mut names = one.rules.iter();
            let stranger =
                |name: &&String| !known.contains(*name) && Some(*name) != one.name.as_ref();
            if let Some(name) = names.find(stranger) {
                refused[*at].reason += &format!("; no rule has the id or name `{name}`");
            }
        }
        refused
    }

    fn add_correlation(&mut self, one: Arc<Correlation>) {
        if self.takes(&one.origin, &one.id, &one.title) {
            self.correlations.push(one);
        } else {
            self.doubles.push((self.refused.len() - 1, one));
        }
    }

    /// Whether the id is free; one that is taken is refused. A document without an id has its title
    /// as one.
    fn takes(&mut self, origin: &Origin, id: &str, title: &str) -> bool {
        if let Some(first) = self.by_id.get(id) {
            let first = first.display();
            let reason = if id == title {
                format!("title `{id}` is already taken by {first}: an `id` would tell them apart")
            } else {
                format!("id `{id}` is already taken by {first}")
            };
            self.refuse(&origin.file, origin.line, reason);
            return false;
        }
        self.by_id.insert(id.to_owned(), origin.file.clone());
        true
    }

    pub(crate) fn refuse(&mut self, file: &Path, line: usize, reason: String) {
        self.refused.push(Refusal {
            file: file.to_owned(),
            line,
            reason,
        });
    }
}

/// A rule file larger than this is no rule file.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The text of a rule file.
///
/// # Errors
/// It cannot be read, is too large or not UTF-8; the line is that of the first byte that is not.
pub fn read_text(path: &Path) -> Result<String, Refusal> {
    let refused = |line, reason| {
        let file = path.to_owned();
        Err(Refusal { file, line, reason })
    };
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return refused(0, format!("could not be read: {error}"));
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("more than the {FILE_BYTES_MAX} bytes allowed for a rule file");
        return refused(0, reason);
    }
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        refused(line, format!("is not UTF-8 at byte {at} of the file"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: a\nid: 6c0e4ac0-0d2f-4e7c-8a54-000000000001\nlogsource:\n  product: linux\ndetection:\n  keywords: [boom]\n  condition: keywords\nlevel: low\n";

    /// Two documents without ids are told by their titles, and what else is wrong is said too.
    #[test]
    fn a_title_that_is_taken_is_told_as_a_title() {
        let bare = RULE.replace("id: 6c0e4ac0-0d2f-4e7c-8a54-000000000001\n", "");
        let over = |name: &str| {
            format!(
                "title: a\ncorrelation: {{type: event_count, rules: [{name}], timespan: 1m, \
                 condition: {{gte: 2}}}}\n"
            )
        };
        let mut set = RuleSet::default();
        set.add_text(Path::new("other.yml"), "title: [unclosed\n");
        for (file, text) in [
            ("a.yml", &bare),
            ("b.yml", &bare),
            ("c.yml", &over("nobody")),
            ("d.yml", &over("a")),
        ] {
            set.add_text(Path::new(file), text);
        }
        let mut whole = RuleSet::default();
        whole.add_text(Path::new("first.yml"), "title: [unclosed\n");
        whole.extend(&set);
        let taken = "title `a` is already taken by a.yml: an `id` would tell them apart";
        let detector = crate::Detector::new(&whole, &HashSet::new());
        let told = detector.refused().iter().skip(2).map(Refusal::to_string);
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                format!("b.yml:1: {taken}"),
                format!("c.yml:1: {taken}; no rule has the id or name `nobody`"),
                format!("d.yml:1: {taken}"),
            ]
        );
    }

    #[test]
    fn a_broken_file_is_named_and_its_neighbours_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yml"), RULE).unwrap();
        std::fs::write(folder.path().join("b.yml"), "title: [unclosed\n").unwrap();
        std::fs::write(folder.path().join("c.yml"), RULE).unwrap();
        std::fs::write(folder.path().join("d.yml"), b"title: a\nauthor: \xff\n").unwrap();
        std::fs::write(folder.path().join("e.txt"), "not a rule").unwrap();
        let mut set = RuleSet::default();
        set.add_folder(folder.path());
        assert_eq!(set.rules().len(), 1);
        let names: Vec<_> = set
            .refused()
            .iter()
            .map(|r| r.file.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["b.yml", "c.yml", "d.yml"]);
        assert!(
            set.refused()[1].reason.contains("already taken by"),
            "{}",
            set.refused()[1].reason
        );
        let d = &set.refused()[2];
        assert_eq!(
            (d.line, d.reason.as_str()),
            (2, "is not UTF-8 at byte 17 of the file")
        );
    }
}
