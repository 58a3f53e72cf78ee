//! Samples beside a rule: log lines that must hit and lines that must not. The lines of one sample
//! are events in their order, so a sample of a correlation has several. A file with correlations
//! also holds the rules that these refer to.
//!
//! `rules/linux/sshd.yml` has `rules/linux/sshd.samples.toml`:
//!
//! ```toml
//! [[positive]]
//! format = "syslog"
//! lines = ['<38>Mar 20 18:02:11 portal-1 sshd[4121]: Failed password for root from …']
//! ```

use jiff::Timestamp;
use saqshy_event::{Batch, Format, Parser, Record};
use saqshy_sigma::Pipeline;
use serde::Deserialize;

use crate::correlate::{Correlator, Limits};
use crate::{Detector, RuleSet};

/// The content of a `.samples.toml` file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    #[serde(default)]
    pub positive: Vec<Sample>,
    #[serde(default)]
    pub negative: Vec<Sample>,
}

/// Lines that are parsed together, as one sender sent them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub format: SampleFormat,
    pub lines: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleFormat {
    Syslog,
    Json,
    Hec,
    WindowsXml,
    Line,
}

impl From<SampleFormat> for Format {
    fn from(format: SampleFormat) -> Self {
        match format {
            SampleFormat::Syslog => Format::Syslog,
            SampleFormat::Json => Format::Json,
            SampleFormat::Hec => Format::Hec,
            SampleFormat::WindowsXml => Format::WindowsXml,
            SampleFormat::Line => Format::Line,
        }
    }
}

/// A sample that did not behave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleFailure {
    #[error("rule `{rule}`: positive sample {at} does not hit")]
    Missed { rule: String, at: usize },
    #[error("rule `{rule}`: negative sample {at} hits")]
    Hit { rule: String, at: usize },
    #[error("rule `{rule}` has no {kind} sample")]
    None { rule: String, kind: &'static str },
}

impl Sample {
    /// The events of the sample, received at `received`.
    pub fn events(&self, received: Timestamp) -> Batch {
        let records: Vec<_> = self
            .lines
            .iter()
            .zip(1u64..)
            .map(|(line, at)| {
                let record = Record {
                    received,
                    source: "sample",
                    format: self.format.into(),
                    peer: None,
                    truncated: false,
                    payload: line.as_bytes(),
                };
                (at, record)
            })
            .collect();
        let later = received + jiff::SignedDuration::from_mins(1);
        Parser::new("sample").parse(&records, later).batch
    }
}

/// Runs the samples of one file of rules against a detector that holds it alone; the positive ones
/// must alert at least once, the negative ones never. `at` in the failures counts from 1.
pub fn check(
    rule: &str,
    detector: &Detector,
    samples: &Samples,
    received: Timestamp,
) -> Vec<SampleFailure> {
    let mut failures = Vec::new();
    for (kind, list) in [
        ("positive", &samples.positive),
        ("negative", &samples.negative),
    ] {
        if list.is_empty() {
            failures.push(SampleFailure::None {
                rule: rule.to_owned(),
                kind,
            });
        }
    }
    let hits = |sample: &Sample| alerts(detector, &sample.events(received));
    for (sample, at) in samples.positive.iter().zip(1..) {
        if !hits(sample) {
            failures.push(SampleFailure::Missed {
                rule: rule.to_owned(),
                at,
            });
        }
    }
    for (sample, at) in samples.negative.iter().zip(1..) {
        if hits(sample) {
            failures.push(SampleFailure::Hit {
                rule: rule.to_owned(),
                at,
            });
        }
    }
    failures
}

/// Whether a rule or a correlation alerts.
fn alerts(detector: &Detector, events: &Batch) -> bool {
    let found = detector.run(events);
    let mut correlator = Correlator::new(detector.plans().clone(), Limits::default());
    for (_, input) in found.inputs {
        correlator.push(input);
    }
    !found.hits.is_empty() || !correlator.drain().is_empty()
}

/// A detector with the rules of one text alone.
pub fn detector_of(
    origin: &std::path::Path,
    text: &str,
    pipeline: &Pipeline,
) -> (Detector, RuleSet) {
    let mut set = RuleSet::default();
    set.add_text(origin, text);
    let detector = Detector::with_pipeline(&set, &Default::default(), pipeline);
    (detector, set)
}
