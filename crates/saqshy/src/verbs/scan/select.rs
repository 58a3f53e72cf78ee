//! Which rules run, and which times count.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, bail};
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};
use saqshy_detect::{Head, HeadKind, Level, RuleSet};

use crate::cli::Scan;

/// The choice of rules on the command line.
pub struct Choice {
    lowest: Level,
    rules: Vec<glob::Pattern>,
    exclude: Vec<glob::Pattern>,
    tags: Vec<glob::Pattern>,
    status: HashSet<String>,
}

const IGNORE_CASE: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: false,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

impl Choice {
    pub fn new(options: &Scan) -> anyhow::Result<Self> {
        let lowest = Level::parse(&options.level).with_context(|| {
            format!(
                "unknown level `{}`; use informational, low, medium, high or critical",
                options.level
            )
        })?;
        const STATUS: [&str; 5] = [
            "stable",
            "test",
            "experimental",
            "deprecated",
            "unsupported",
        ];
        if let Some(unknown) = options
            .status
            .iter()
            .find(|it| !STATUS.contains(&it.as_str()))
        {
            bail!("unknown status `{unknown}`; use {}", STATUS.join(", "));
        }
        Ok(Choice {
            lowest,
            rules: patterns(&options.rule)?,
            exclude: patterns(&options.exclude_rule)?,
            tags: patterns(&options.tag)?,
            status: options.status.iter().cloned().collect(),
        })
    }

    /// What of `rules` is left out, and what runs only because a correlation needs it.
    pub fn of(&self, rules: &RuleSet) -> Chosen {
        let (taken, others): (Vec<_>, Vec<_>) = rules.heads().partition(|head| self.takes(head));
        let needed = needed(&taken, rules);
        let (hidden, left_out) = others
            .into_iter()
            .map(|head| head.id.to_owned())
            .partition(|id| needed.contains(id));
        Chosen { left_out, hidden }
    }

    fn takes(&self, rule: &Head<'_>) -> bool {
        let named = |patterns: &[glob::Pattern]| {
            let like = |text: &str| any(patterns, text);
            like(rule.id) || like(rule.title)
        };
        let status = rule.status.map_or("", |status| status.as_str());
        rule.level >= self.lowest
            && (self.rules.is_empty() || named(&self.rules))
            && !named(&self.exclude)
            && (self.tags.is_empty() || rule.tags.iter().any(|tag| any(&self.tags, tag)))
            && (self.status.is_empty() || self.status.contains(status))
    }
}

/// Ids of rules and correlations.
pub struct Chosen {
    /// Not in service.
    pub left_out: HashSet<String>,
    /// In service, but their own hits are not reported.
    pub hidden: HashSet<String>,
}

/// Ids of what the correlations among `taken` refer to, directly or through others.
fn needed(taken: &[Head<'_>], rules: &RuleSet) -> HashSet<String> {
    let ids_and_names = rules
        .rules()
        .iter()
        .map(|rule| (&rule.id, &rule.name))
        .chain(rules.correlations().iter().map(|one| (&one.id, &one.name)));
    let mut by_name: HashMap<&str, Vec<&String>> = HashMap::new();
    for (id, name) in ids_and_names {
        by_name.entry(id).or_default().push(id);
        if let Some(name) = name {
            by_name.entry(name).or_default().push(id);
        }
    }
    let over: HashMap<&str, &[String]> = rules
        .correlations()
        .iter()
        .map(|one| (one.id.as_str(), one.rules.as_slice()))
        .collect();
    let mut open: Vec<&str> = taken
        .iter()
        .filter(|head| head.kind == HeadKind::Correlation)
        .map(|head| head.id)
        .collect();
    let mut needed = HashSet::new();
    while let Some(id) = open.pop() {
        for name in over.get(id).copied().unwrap_or_default() {
            for inner in by_name.get(name.as_str()).into_iter().flatten() {
                if needed.insert((*inner).clone()) {
                    open.push(inner);
                }
            }
        }
    }
    needed
}

fn any(patterns: &[glob::Pattern], text: &str) -> bool {
    let like = |pattern: &glob::Pattern| pattern.matches_with(text, IGNORE_CASE);
    patterns.iter().any(like)
}

fn patterns(texts: &[String]) -> anyhow::Result<Vec<glob::Pattern>> {
    let read =
        |text: &String| glob::Pattern::new(text).with_context(|| format!("the pattern `{text}`"));
    texts.iter().map(read).collect()
}

/// From (inclusive) and to (exclusive).
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Times {
    pub fn new(from: Option<&str>, to: Option<&str>, zone: &TimeZone) -> anyhow::Result<Self> {
        let read = |text: Option<&str>, default| text.map_or(Ok(default), |text| time(text, zone));
        let times = Times {
            from: read(from, Timestamp::MIN)?,
            to: read(to, Timestamp::MAX)?,
        };
        if times.from >= times.to {
            bail!("--from {} is not before --to {}", times.from, times.to);
        }
        Ok(times)
    }

    pub fn take(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

fn time(text: &str, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let civil = text.parse::<DateTime>();
    let civil = civil.or_else(|_| text.parse::<Date>().map(DateTime::from));
    let civil = civil.ok().with_context(|| {
        format!("`{text}` is no time; write 2026-03-20 or 2026-03-20T18:10:00+05:00")
    })?;
    Ok(zone.to_ambiguous_timestamp(civil).compatible()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_zone_that_was_asked_for() {
        let almaty = TimeZone::get("Asia/Almaty").unwrap();
        let times = Times::new(Some("2026-03-20"), Some("2026-03-20T18:10"), &almaty).unwrap();
        assert_eq!(times.from.to_string(), "2026-03-19T19:00:00Z");
        assert_eq!(times.to.to_string(), "2026-03-20T13:10:00Z");
        assert!(times.take(times.from) && !times.take(times.to));
        assert!(Times::new(Some("today"), None, &almaty).is_err());
        assert!(Times::new(Some("2026-03-21"), Some("2026-03-20"), &almaty).is_err());
    }
}
