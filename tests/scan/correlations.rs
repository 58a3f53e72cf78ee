//! Correlations over files.

use std::fs;

use super::{Lab, text};

const CORRELATION: &str = "title: Password guessed
author: the tests
description: One came in after many tries.
correlation:
    type: temporal_ordered
    rules: [many_refused, accepted]
    group-by: [source.ip, user.name]
    timespan: 10m
level: critical
saqshy: {entity: user.name}
---
title: Many refused
name: many_refused
correlation:
    type: event_count
    rules: [refused]
    group-by: [source.ip, user.name]
    timespan: 10m
    condition: {gte: 5}
---
title: Refused
name: refused
logsource: {product: linux, service: sshd}
detection: {keywords: ['Failed password for'], condition: keywords}
level: low
---
title: Accepted
name: accepted
logsource: {product: linux, service: sshd}
detection: {keywords: ['Accepted password for'], condition: keywords}
level: low
";

/// Five refused passwords of one account, then an accepted one: over two files, the later part
/// of the story in the file that is read first.
#[test]
fn correlations_run_over_all_files_in_the_order_of_time() {
    let lab = Lab::new();
    fs::write(lab.path("story.yml"), CORRELATION).unwrap();
    let line = |time: &str, what: &str, from: &str| {
        format!(
            "Mar 20 {time} gate sshd[811]: {what} password for oper from {from} port 40120 ssh2\n"
        )
    };
    let (ours, other) = ("203.0.113.24", "198.51.100.7");
    lab.log(
        "a.log",
        [
            line("13:02:30", "Failed", ours),
            line("13:02:40", "Failed", ours),
            line("13:02:50", "Accepted", ours),
            line("13:02:50", "Accepted", other),
        ]
        .concat(),
    );
    lab.log(
        "b.log",
        [
            line("13:02:00", "Failed", ours),
            line("13:02:10", "Failed", ours),
            line("13:02:20", "Failed", ours),
        ]
        .concat(),
    );
    let with = |arguments: &[&str]| {
        lab.hits(
            &[
                &[
                    "logs",
                    "--rules",
                    "story.yml",
                    "--exclude-rule",
                    "failed password*",
                ],
                arguments,
            ]
            .concat(),
        )
    };
    for threads in ["1", "3"] {
        let (hits, summary) = with(&["--threads", threads]);
        let [hit] = &hits[..] else {
            panic!("{hits:#?}");
        };
        assert_eq!(hit["rule.name"], "Password guessed");
        assert_eq!(hit["rule.author"], "the tests");
        assert_eq!(hit["sigma.level"], "critical");
        assert_eq!(hit["host.name"], "gate");
        assert!(hit["log.file.path"].as_str().unwrap().ends_with("a.log"));
        assert!(
            hit["@timestamp"]
                .as_str()
                .unwrap()
                .contains("-03-20T13:02:50")
        );
        assert!(
            hit["correlation.first"]
                .as_str()
                .unwrap()
                .contains("T13:02:40")
        );
        assert_eq!(hit["correlation.entity.kind"], "user.name");
        assert_eq!(hit["correlation.entity.value"], "oper");
        let events = hit["correlation.events"].as_array().unwrap();
        assert_eq!(hit["correlation.count"], events.len());
        let last = events.last().unwrap();
        assert!(last["log.file.path"].as_str().unwrap().ends_with("a.log"));
        assert_eq!(
            last["log.offset"],
            2 * line("13:02:30", "Failed", ours).len()
        );
        assert_eq!(summary["correlations_loaded"], 2);
        assert_eq!(
            (&summary["hits"], &summary["correlation_hits"]),
            (&1.into(), &1.into())
        );
        assert_eq!(summary["correlation_inputs_lost"], 0);
    }
    // The rules under a correlation that was asked for run, whatever their own level.
    assert_eq!(with(&["--level", "critical"]).0.len(), 1);
    assert_eq!(with(&["--rule", "password guessed"]).0.len(), 1);
    assert_eq!(
        with(&["--rule", "password guessed", "--to", "1990-01-01"])
            .0
            .len(),
        0
    );
    // Without the correlation, its rules report by themselves.
    assert_eq!(
        with(&["--exclude-rule", "*guess*", "--exclude-rule", "many*"])
            .0
            .len(),
        7
    );
    let told = |format: &str| {
        let arguments = [
            "logs",
            "--rules",
            "story.yml",
            "--level",
            "critical",
            "--format",
            format,
        ];
        text(&lab.scan(&arguments).stdout)
    };
    assert!(
        told("table").contains("critical  1     Password guessed"),
        "{}",
        told("table")
    );
    assert!(told("csv").contains(",user.name,oper,"), "{}", told("csv"));
    assert!(told("json").contains("\"correlation.events\""));
    let page = told("html");
    assert!(page.contains("× user.name: oper · "), "{page}");
    assert!(page.contains("\"description\":\"One came in after many tries.\""));
}
