//! `saqshy rules explain`: why a rule holds for an event, or which part of it does not.

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use saqshy_detect::samples::{Sample, SampleFormat};
use saqshy_detect::stored;
use saqshy_event::Batch;
use saqshy_lake::{Lake, LakeConfig};
use saqshy_server::runtime::Paths;
use saqshy_sigma::{Explanation, Rule, explain as why};
use serde_json::{Map, Value};

use super::load;
use crate::cli::Format;
use crate::exit::{Exit, Failure, unreachable};

/// What to explain: a rule, and where its event is.
pub struct Asked {
    pub rule: String,
    pub event: String,
    pub rules: Vec<PathBuf>,
    pub data: Option<PathBuf>,
    pub pipeline: Vec<PathBuf>,
}

pub fn explain(asked: &Asked, format: Format) -> Result<Exit, Failure> {
    let pipeline = super::pipeline(&asked.pipeline)?;
    let rule = pipeline.process(&find_rule(&asked.rule, &asked.rules)?);
    let rule = rule.with_context(|| format!("rule `{}` under the pipelines", asked.rule))?;
    let batch = match &asked.data {
        Some(data) => stored_event(data, &asked.event)?,
        None => given_event(&asked.event)?,
    };
    let mut matched = false;
    for event in batch.events() {
        let explanation = why(&rule, &pipeline, event);
        matched |= explanation.matched;
        match format {
            Format::Table => write(&mut std::io::stdout().lock(), &rule, &explanation)?,
            Format::Json => println!("{:#}", serde_json::to_value(&explanation)?),
            Format::Ndjson => println!("{}", serde_json::to_value(&explanation)?),
        }
    }
    Ok(match matched {
        true => Exit::Done,
        false => Exit::FoundWrong,
    })
}

/// A rule file, or the id of a rule among those given or inside the program.
fn find_rule(rule: &str, folders: &[PathBuf]) -> anyhow::Result<Arc<Rule>> {
    if Path::new(rule).is_file() {
        let set = load(&[PathBuf::from(rule)])?;
        if let Some(refusal) = set.refused().first() {
            bail!("{refusal}");
        }
        return match set.rules() {
            [one] => Ok(one.clone()),
            [] => bail!("`{rule}` holds no detection rule"),
            more => bail!(
                "`{rule}` holds {} rules; name one by its id with --rules {rule}",
                more.len()
            ),
        };
    }
    let set = load(folders)?;
    set.rule(rule).cloned().with_context(|| {
        format!("no rule file and no rule id `{rule}`; name the folder of the rule with --rules")
    })
}

fn stored_event(data: &Path, id: &str) -> Result<Batch, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let folder = Paths::of(data).lake;
        if !folder.exists() {
            let none = anyhow::anyhow!("`{}` holds no lake", data.display());
            return Err(unreachable(none));
        }
        let lake = Lake::open(LakeConfig::new(&folder), "cli").await;
        let lake = lake.map_err(unreachable)?;
        match lake.event(id).await? {
            Some(event) => Ok(stored::batch_of([&event])),
            None => Err(anyhow::anyhow!("no stored event `{id}`").into()),
        }
    })
}

/// Events from a file, or from standard input when `path` is `-`: JSON as a shipper sends it or as
/// the program prints it, XML of Windows events, or log lines.
fn given_event(path: &str) -> anyhow::Result<Batch> {
    let mut text = String::new();
    match path {
        "-" => std::io::stdin().read_to_string(&mut text),
        file => std::fs::File::open(file).and_then(|mut open| open.read_to_string(&mut text)),
    }
    .with_context(|| format!("reading the event `{path}`"))?;
    let text = text.trim();
    ensure!(!text.is_empty(), "`{path}` is empty");
    if let Some(rest) = text.strip_prefix('<') {
        let format = match rest.starts_with(|c: char| c.is_ascii_digit()) {
            true => SampleFormat::Syslog,
            false => SampleFormat::WindowsXml,
        };
        return Ok(parse(format, text));
    }
    if !text.starts_with('{') {
        return Ok(parse(SampleFormat::Line, text));
    }
    let whole = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>();
    let events = whole
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("`{path}` is no JSON"))?;
    if events.iter().all(stored::is_stored) {
        return Ok(stored::batch_of(&events));
    }
    let lines: Vec<String> = events
        .into_iter()
        .map(|event| Value::Object(event).to_string())
        .collect();
    let sample = Sample {
        format: SampleFormat::Json,
        lines,
    };
    Ok(sample.events(Timestamp::now()))
}

fn parse(format: SampleFormat, text: &str) -> Batch {
    let lines = match format {
        SampleFormat::WindowsXml => vec![text.to_owned()],
        _ => text.lines().map(str::to_owned).collect(),
    };
    Sample { format, lines }.events(Timestamp::now())
}

fn mark(held: bool) -> char {
    if held { '+' } else { '-' }
}

fn write(out: &mut impl Write, rule: &Rule, why: &Explanation) -> std::io::Result<()> {
    let verdict = if why.matched {
        "matches"
    } else {
        "does not match"
    };
    writeln!(out, "{} ({}) {verdict}", rule.title, why.rule_id)?;
    for variant in &why.variants {
        let applies = match variant.applies {
            true => "log source applies",
            false => "log source does not apply",
        };
        writeln!(out, "{} {applies}", mark(variant.applies))?;
        for gate in &variant.logsource {
            let found = gate
                .found
                .as_ref()
                .map_or("absent".into(), Value::to_string);
            let wanted = gate.wanted.join(" | ");
            writeln!(
                out,
                "  {} {} = {wanted}; the event has {found}",
                mark(gate.held),
                gate.field
            )?;
        }
        for condition in &variant.conditions {
            writeln!(
                out,
                "{} condition: {}",
                mark(condition.held),
                condition.text
            )?;
        }
        for search in &variant.searches {
            writeln!(
                out,
                "{} {} (line {})",
                mark(search.held),
                search.name,
                search.line
            )?;
            for item in &search.items {
                let (key, fields) = match item.key.as_str() {
                    "" => ("keywords", "any field".to_owned()),
                    key => (key, item.fields.join(", ")),
                };
                let found = match item.found.as_slice() {
                    [] if item.fields.is_empty() => String::new(),
                    [] => ": absent".to_owned(),
                    values => format!(": {}", Value::from(values.to_vec())),
                };
                let met = match item.met.as_slice() {
                    [] => String::new(),
                    met => format!("; met: {}", met.join(" | ")),
                };
                writeln!(
                    out,
                    "  {} {key} (line {}, {fields}){found}{met}",
                    mark(item.held),
                    item.line
                )?;
            }
        }
    }
    Ok(())
}
