//! What `scan` writes: each hit as it is found, then the summary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::Context;
use saqshy_detect::Level;
use serde::Serialize;
use serde_json::Value as Json;

use super::hit::{self, Found, Rules};
use super::html::Html;
use super::inputs::Input;
use crate::cli::{Scan, ScanFormat};
use crate::table::Table;

/// The closing line.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub events: u64,
    /// Files that were read as logs, whole or in part.
    pub files: u64,
    /// Files of which a part could not be used.
    pub files_broken: u64,
    /// Files that are no logs; not among `files`.
    pub files_skipped: u64,
    pub rules_loaded: u64,
    pub rules_refused: u64,
    /// Rules that the command line left out.
    pub rules_left_out: u64,
    /// Correlations among the rules.
    pub correlations_loaded: u64,
    /// Those of correlations among them.
    pub hits: u64,
    pub correlation_hits: u64,
    /// Hits that correlations could not count, because too many lay within their timespans.
    pub correlation_inputs_lost: u64,
    pub seconds: f64,
    pub peak_mib: u64,
    pub threads: u64,
    /// Stopped by Ctrl-C.
    pub interrupted: bool,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.interrupted {
            out.write_str("interrupted: ")?;
        }
        let rate = self.events as f64 / self.seconds.max(0.001);
        write!(
            out,
            "{} hits in {} events of {} files ({} skipped, {} with problems); {} rules, {} refused; {:.1} s, {rate:.0} events/s, {} MiB",
            self.hits,
            self.events,
            self.files,
            self.files_skipped,
            self.files_broken,
            self.rules_loaded,
            self.rules_refused,
            self.seconds,
            self.peak_mib,
        )
    }
}

enum Shape {
    Table(BTreeMap<(std::cmp::Reverse<Level>, String), u64>),
    Ndjson,
    Json,
    Csv,
    Html(Box<Html>),
}

/// Says in its errors what was being written.
struct Named<W> {
    out: W,
    name: String,
}

impl<W> Named<W> {
    fn named(&self, error: std::io::Error) -> std::io::Error {
        let text = format!("writing {}: {error}", self.name);
        std::io::Error::new(error.kind(), text)
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes).map_err(|error| self.named(error))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush().map_err(|error| self.named(error))
    }
}

/// Where hits go.
pub struct Output {
    shape: Shape,
    out: Box<dyn Write>,
    rules: Rules,
    hits: u64,
}

impl Output {
    /// # Errors
    /// The output file or, for HTML, a temporary one cannot be made.
    pub fn new(options: &Scan, rules: Rules) -> anyhow::Result<Self> {
        let mut out: Box<dyn Write> = match &options.output {
            Some(path) => {
                let name = format!("`{}`", path.display());
                let out = File::create(path).with_context(|| format!("writing {name}"))?;
                Box::new(BufWriter::new(Named { out, name }))
            }
            None => Box::new(BufWriter::new(Named {
                out: std::io::stdout(),
                name: "standard output".to_owned(),
            })),
        };
        let shape = match options.format {
            ScanFormat::Table => Shape::Table(BTreeMap::new()),
            ScanFormat::Ndjson => Shape::Ndjson,
            ScanFormat::Json => {
                out.write_all(b"{\"hits\":[")?;
                Shape::Json
            }
            ScanFormat::Csv => {
                writeln!(out, "{}", hit::KEYS.join(","))?;
                Shape::Csv
            }
            ScanFormat::Html => Shape::Html(Box::new(Html::new(&options.lang, rules.clone())?)),
        };
        Ok(Output {
            shape,
            out,
            rules,
            hits: 0,
        })
    }

    pub fn hits(&self) -> u64 {
        self.hits
    }

    pub fn hit(&mut self, found: &Found, files: &[Input]) -> anyhow::Result<()> {
        self.hits += 1;
        match &mut self.shape {
            Shape::Table(by_rule) => {
                let key = (
                    std::cmp::Reverse(found.hit.level),
                    found.hit.rule_title.clone(),
                );
                *by_rule.entry(key).or_default() += 1;
            }
            Shape::Ndjson => writeln!(self.out, "{}", hit::json(found, files, &self.rules))?,
            Shape::Json => {
                let comma = if self.hits > 1 { "," } else { "" };
                write!(
                    self.out,
                    "{comma}\n{}",
                    hit::json(found, files, &self.rules)
                )?;
            }
            Shape::Csv => {
                let row = hit::values(found, files, &self.rules);
                let cells: Vec<String> = row.iter().map(cell).collect();
                writeln!(self.out, "{}", cells.join(","))?;
            }
            Shape::Html(html) => html.hit(found, files)?,
        }
        Ok(())
    }

    /// Hands what was written to those who read along.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }

    pub fn finish(&mut self, summary: &Summary) -> anyhow::Result<()> {
        match &mut self.shape {
            Shape::Ndjson => {
                writeln!(self.out, "{}", serde_json::json!({ "summary": summary }))?;
            }
            Shape::Json => {
                let summary = serde_json::to_string(summary)?;
                writeln!(self.out, "\n],\"summary\":{summary}}}")?;
            }
            Shape::Csv => {}
            Shape::Table(by_rule) if by_rule.is_empty() => {}
            Shape::Table(by_rule) => {
                let mut table = Table::new(&["LEVEL", "HITS", "RULE"]);
                for ((level, title), hits) in by_rule.iter() {
                    table.row([level.0.as_str().to_owned(), hits.to_string(), title.clone()]);
                }
                table.write(&mut self.out)?;
            }
            Shape::Html(html) => html.finish(summary, &mut self.out)?,
        }
        Ok(self.out.flush()?)
    }
}

/// A cell of a CSV row. Text that a spreadsheet would take for a formula gets an apostrophe in
/// front: what stands here was chosen by an attacker.
fn cell(value: &Json) -> String {
    let text = match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let texts = items.iter().map(|item| match item {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let formula =
        value.is_string() && text.len() > 1 && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(cell(&"a,\"b\"".into()), "\"a,\"\"b\"\"\"");
        assert_eq!(cell(&"=cmd|' /C calc'!A0".into()), "'=cmd|' /C calc'!A0");
        assert_eq!(cell(&Json::Null), "");
        assert_eq!(
            cell(&serde_json::json!(["attack.t1059", "x"])),
            "attack.t1059 x"
        );
        assert_eq!(cell(&(-7).into()), "-7");
    }
}
