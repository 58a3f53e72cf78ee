//! `saqshy rules`: check, list, test, explain detection content, show its coverage, carry it.

mod coverage;
mod explain;
mod sets;

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use saqshy_detect::samples::{Samples, check, detector_of};
use saqshy_detect::{Detector, HeadKind, Refusal, RuleSet, read_text};
use saqshy_server::runtime::rules::gather::Named;
use saqshy_sigma::Pipeline;
use serde_json::json;

use crate::cli::{Format, Rules};
use crate::exit::{Exit, Failure};
use crate::table::Table;

pub fn run(verb: Rules) -> Result<Exit, Failure> {
    match verb {
        Rules::Check {
            paths,
            pipeline,
            format,
        } => check_rules(&paths, &pipeline, format),
        Rules::List { paths, format } => list(&paths, format),
        Rules::Test {
            paths,
            pipeline,
            format,
        } => test(&paths, &pipeline, format),
        Rules::Explain {
            rule,
            event,
            rules,
            data,
            pipeline,
            format,
        } => {
            let asked = explain::Asked {
                rule,
                event,
                rules,
                data,
                pipeline,
            };
            explain::explain(&asked, format)
        }
        Rules::Bundle {
            path,
            output,
            name,
            set_version,
            key,
            format,
        } => {
            let named = Named {
                name,
                version: set_version,
            };
            sets::bundle(&path, &output, &named, key.as_deref(), format)
        }
        Rules::Import {
            path,
            data,
            name,
            set_version,
            trust,
            mode,
            format,
        } => {
            let named = Named {
                name,
                version: set_version,
            };
            sets::import(&path, &data, &named, &trust, &mode, format)
        }
        Rules::Sets { data, format } => sets::list(&data, format),
        Rules::Coverage {
            paths,
            navigator,
            format,
        } => coverage::coverage(&paths, navigator.as_deref(), format),
    }
}

/// Rules of the folders and files given, or those inside the program when none is given.
pub fn load(paths: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut set = RuleSet::default();
    if paths.is_empty() {
        for (name, text) in saqshy_server::embedded::rules() {
            set.add_text(Path::new(&name), &text);
        }
    }
    for path in paths {
        let kind =
            std::fs::metadata(path).with_context(|| format!("rules at `{}`", path.display()))?;
        if kind.is_dir() {
            set.add_folder(path);
        } else {
            set.add_file(path);
        }
    }
    Ok(set)
}

/// The built-in field mapping and the files over it.
pub fn pipeline(files: &[PathBuf]) -> anyhow::Result<Pipeline> {
    let mut texts = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("pipeline `{}`", file.display()))?;
        texts.push((file.to_string_lossy().into_owned(), text));
    }
    let texts: Vec<_> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Ok(Pipeline::with_files(&texts)?)
}

fn check_rules(paths: &[PathBuf], pipelines: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let pipeline = pipeline(pipelines)?;
    let set = load(paths)?;
    let detector = Detector::with_pipeline(&set, &Default::default(), &pipeline);
    let refused = detector.refused();
    match format {
        Format::Table => {
            for refusal in refused {
                println!("{refusal}");
            }
            for warning in detector.warnings() {
                println!("{}warning: {}", warning.place(), warning.reason);
            }
            println!(
                "{} rules loaded, {} correlations, {} filters, {} refused, {} warnings",
                detector.rules_loaded(),
                detector.correlations_loaded(),
                detector.filters_loaded(),
                refused.len(),
                detector.warnings().len()
            );
        }
        Format::Json | Format::Ndjson => println!(
            "{}",
            json!({
                "loaded": detector.rules_loaded(),
                "correlations": detector.correlations_loaded(),
                "filters": detector.filters_loaded(),
                "refused": refused,
                "warnings": detector.warnings(),
            })
        ),
    }
    let nothing = detector.rules_loaded() == 0
        && refused.is_empty()
        && set.correlations().is_empty()
        && set.filters().is_empty();
    if nothing {
        eprintln!("saqshy: no rule found");
    }
    Ok(if refused.is_empty() && !nothing {
        Exit::Done
    } else {
        Exit::FoundWrong
    })
}

fn list(paths: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let set = load(paths)?;
    let detector = Detector::new(&set, &Default::default());
    let loaded = detector.loaded_ids();
    let mut rules: Vec<_> = set
        .heads()
        .filter(|rule| loaded.contains(rule.id))
        .collect();
    rules.sort_by_key(|rule| (std::cmp::Reverse(rule.level), rule.title));
    match format {
        Format::Table => {
            let mut table = Table::new(&["LEVEL", "KIND", "ID", "TITLE"]);
            for rule in &rules {
                let kind = match rule.kind {
                    HeadKind::Rule => "rule",
                    HeadKind::Correlation => "correlation",
                };
                table.row([
                    rule.level.as_str().to_owned(),
                    kind.to_owned(),
                    rule.id.to_owned(),
                    rule.title.to_owned(),
                ]);
            }
            table.write(&mut std::io::stdout().lock())?;
        }
        Format::Json | Format::Ndjson => {
            let all: Vec<_> = rules
                .iter()
                .map(|rule| json!({"id": rule.id, "kind": rule.kind, "title": rule.title, "level": rule.level.as_str(), "status": rule.status.map(|it| it.as_str()), "tags": rule.tags, "author": rule.author, "file": rule.file, "line": rule.line}))
                .collect();
            if format == Format::Json {
                println!("{:#}", serde_json::Value::Array(all));
            } else {
                all.iter().for_each(|rule| println!("{rule}"));
            }
        }
    }
    match detector.refused().len() {
        0 => {}
        refused => eprintln!("saqshy: {refused} refused: `saqshy rules check` says why"),
    }
    Ok(Exit::Done)
}

fn test(paths: &[PathBuf], pipelines: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let pipeline = pipeline(pipelines)?;
    let mut failures = Vec::new();
    let mut tested = 0;
    for file in rule_files(paths)? {
        let text = match read_text(&file) {
            Ok(text) => text,
            Err(refusal) => {
                failures.push(refusal.to_string());
                continue;
            }
        };
        let (detector, set) = detector_of(&file, &text, &pipeline);
        failures.extend(detector.refused().iter().map(Refusal::to_string));
        let beside = file.with_extension("samples.toml");
        let Ok(samples) = std::fs::read_to_string(&beside) else {
            failures.push(format!(
                "{}: no samples in `{}`",
                file.display(),
                beside.display()
            ));
            continue;
        };
        let samples: Samples =
            toml::from_str(&samples).with_context(|| format!("samples `{}`", beside.display()))?;
        // The rules under a correlation are tested through it.
        let titles: Vec<&String> = match set.correlations() {
            [] => set.rules().iter().map(|rule| &rule.title).collect(),
            [outermost, ..] => vec![&outermost.title],
        };
        for title in titles {
            tested += 1;
            let failed = check(title, &detector, &samples, Timestamp::now());
            failures.extend(
                failed
                    .iter()
                    .map(|failure| format!("{}: {failure}", file.display())),
            );
        }
    }
    match format {
        Format::Table => {
            failures.iter().for_each(|failure| println!("{failure}"));
            println!("{tested} rules tested, {} failures", failures.len());
        }
        Format::Json | Format::Ndjson => {
            println!("{}", json!({"tested": tested, "failures": failures}))
        }
    }
    Ok(if failures.is_empty() {
        Exit::Done
    } else {
        Exit::FoundWrong
    })
}

fn rule_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            let entry = entry.with_context(|| format!("looking into `{}`", path.display()))?;
            let name = entry.path().extension().and_then(|end| end.to_str());
            if entry.file_type().is_file() && matches!(name, Some("yml" | "yaml")) {
                files.push(entry.into_path());
            }
        }
    }
    Ok(files)
}
