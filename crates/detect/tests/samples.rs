//! Every rule that the project ships hits its positive samples and none of its negative ones.

use std::path::{Path, PathBuf};

use saqshy_detect::samples::{Samples, check, detector_of};

fn rule_files() -> Vec<PathBuf> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    walkdir::WalkDir::new(rules)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("the rules folder is readable").into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "yml"))
        .collect()
}

#[test]
fn every_rule_hits_its_positive_samples_and_none_of_the_negative_ones() {
    let received = "2026-03-20T23:00:00Z".parse().unwrap();
    let files = rule_files();
    assert!(files.len() >= 40, "only {} rules", files.len());
    let mut failures = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let (detector, set) = detector_of(file, &text, &Default::default());
        for refusal in detector.refused() {
            failures.push(format!(
                "{}:{}: {}",
                file.display(),
                refusal.line,
                refusal.reason
            ));
        }
        let title = match set.correlations() {
            [] => {
                assert_eq!(set.rules().len(), 1, "{}", file.display());
                &set.rules()[0].title
            }
            [outermost, ..] => &outermost.title,
        };
        let beside = file.with_extension("samples.toml");
        let samples: Samples = toml::from_str(&std::fs::read_to_string(&beside).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
        let failed = check(title, &detector, &samples, received);
        failures.extend(
            failed
                .iter()
                .map(|failure| format!("{}: {failure}", file.display())),
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
