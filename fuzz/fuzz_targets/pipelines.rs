//! Pipeline files, ours and pySigma's. What is read is applied to a rule and a correlation.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use saqshy_sigma::{Document, Pipeline, parse_documents};

const RULES: &str = "
title: t
id: r
fields: [Image]
tags: [attack.t1059]
level: high
logsource: {product: windows, category: process_creation}
detection:
    a: {Image|endswith: ['\\a.exe', '*b?'], Hashes|contains: 'MD5=aa', User|expand: '%who%'}
    b: [{CommandLine|re: 'x+'}, {x|fieldref: y, n: 5, z: null}]
    c: [word]
    condition: a or not b and c
---
title: c
correlation: {type: value_count, rules: [r], group-by: [User], timespan: 1m, condition: {field: Image, gte: 2}}
";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in ["p.yml", "p.toml"] {
        let Ok(pipeline) = Pipeline::with_files(&[(name, text)]) else { continue };
        for document in parse_documents(RULES, "r.yml".as_ref()) {
            match document.expect("ours") {
                Document::Rule(rule) => drop(pipeline.process(&Arc::new(*rule))),
                Document::Correlation(found) => {
                    drop(pipeline.process_correlation(&Arc::new(*found), Vec::new()));
                }
                Document::Filter(_) => {}
            }
        }
    }
});
