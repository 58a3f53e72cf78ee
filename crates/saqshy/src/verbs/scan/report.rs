//! What `scan` prints: a line per hit, then the summary.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use saqshy_detect::{Hit, Level, RuleSet};
use saqshy_event::{EventRef, Value};
use saqshy_sigma::Rule;
use serde::Serialize;

use crate::cli::Format;
use crate::table::Table;

/// A hit with what only the file knows of it.
pub struct FileHit {
    hit: Hit,
    record_id: Option<String>,
    offset: Option<u64>,
    code: Option<String>,
}

impl FileHit {
    pub fn new(event: EventRef<'_>, hit: Hit) -> Self {
        let text = |field| {
            event
                .get(field)
                .and_then(Value::to_text)
                .map(|text| text.into_owned())
        };
        let record_id = text("winlog.record_id");
        // Events of line files carry the byte offset as their sequence number.
        let offset = hit
            .event_id
            .rsplit('-')
            .next()
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        FileHit {
            offset: if record_id.is_some() { None } else { offset },
            record_id,
            code: text("event.code"),
            hit,
        }
    }
}

/// The closing line.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub files: u64,
    pub files_broken: u64,
    pub events: u64,
    pub rules_loaded: u64,
    pub rules_refused: u64,
    /// Correlations and filters, which `scan` does not run yet.
    pub rules_set_aside: u64,
    pub hits: u64,
    pub seconds: f64,
    pub peak_mib: u64,
}

pub struct Report {
    format: Format,
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    rules: HashMap<String, Arc<Rule>>,
    hits: u64,
    by_rule: BTreeMap<(std::cmp::Reverse<Level>, String), u64>,
    collected: Vec<serde_json::Value>,
}

impl Report {
    pub fn new(format: Format, rules: &RuleSet) -> Self {
        Report {
            format,
            out: std::io::BufWriter::new(std::io::stdout().lock()),
            rules: rules
                .rules()
                .iter()
                .map(|rule| (rule.id.clone(), rule.clone()))
                .collect(),
            hits: 0,
            by_rule: BTreeMap::new(),
            collected: Vec::new(),
        }
    }

    pub fn hits(&self) -> u64 {
        self.hits
    }

    pub fn hits_of(&mut self, file: &Path, hits: Vec<FileHit>) -> anyhow::Result<()> {
        for found in hits {
            self.hits += 1;
            match self.format {
                Format::Table => {
                    let key = (std::cmp::Reverse(found.hit.level), found.hit.rule_title);
                    *self.by_rule.entry(key).or_default() += 1;
                }
                Format::Ndjson => {
                    let line = self.json(file, &found);
                    writeln!(self.out, "{line}")?;
                }
                Format::Json => {
                    let line = self.json(file, &found);
                    self.collected.push(line);
                }
            }
        }
        if self.format == Format::Ndjson {
            self.out.flush()?;
        }
        Ok(())
    }

    pub fn finish(mut self, summary: &Summary) -> anyhow::Result<()> {
        match self.format {
            Format::Ndjson => writeln!(self.out, "{}", serde_json::json!({ "summary": summary }))?,
            Format::Json => {
                let whole = serde_json::json!({ "hits": self.collected, "summary": summary });
                writeln!(self.out, "{whole:#}")?;
            }
            Format::Table => self.table(summary)?,
        }
        self.out.flush()?;
        Ok(())
    }

    fn json(&self, file: &Path, found: &FileHit) -> serde_json::Value {
        let rule = self.rules.get(&found.hit.rule_id);
        let mut line = serde_json::json!({
            "@timestamp": found.hit.at,
            "rule.id": found.hit.rule_id,
            "rule.name": found.hit.rule_title,
            "rule.author": rule.map(|rule| rule.author.as_str()).filter(|text| !text.is_empty()),
            "rule.license": rule.map(|rule| rule.license.as_str()).filter(|text| !text.is_empty()),
            "sigma.level": found.hit.level.as_str(),
            "threat.tags": found.hit.tags,
            "log.file.path": file.to_string_lossy(),
            "event.code": found.code,
            "host.name": found.hit.host,
            "user.name": found.hit.user,
        });
        match (&found.record_id, found.offset) {
            (Some(id), _) => line["winlog.record_id"] = id.as_str().into(),
            (None, Some(offset)) => line["log.offset"] = offset.into(),
            (None, None) => {}
        }
        line
    }

    fn table(&mut self, summary: &Summary) -> anyhow::Result<()> {
        if !self.by_rule.is_empty() {
            let mut table = Table::new(&["LEVEL", "HITS", "RULE"]);
            for ((level, title), hits) in &self.by_rule {
                table.row([level.0.as_str().to_owned(), hits.to_string(), title.clone()]);
            }
            table.write(&mut self.out)?;
            writeln!(self.out)?;
        }
        let rate = summary.events as f64 / summary.seconds.max(0.001);
        writeln!(
            self.out,
            "{} hits in {} events of {} files; {} rules, {} refused; {:.1} s, {rate:.0} events/s, {} MiB",
            summary.hits,
            summary.events,
            summary.files,
            summary.rules_loaded,
            summary.rules_refused,
            summary.seconds,
            summary.peak_mib,
        )?;
        Ok(())
    }
}
