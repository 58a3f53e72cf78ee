//! Rule files: rules, correlations and filters. What is read is also linked, compiled and run.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use saqshy_event::BatchBuilder;
use saqshy_sigma::{Document, Engine, Pipeline, link, parse_documents};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A carriage return alone ends a line too, says YAML.
    let lines = text.split(['\n', '\r']).count();
    let (mut rules, mut correlations, mut filters) = (Vec::new(), Vec::new(), Vec::new());
    for document in parse_documents(text, "f.yml".as_ref()) {
        match document {
            Ok(Document::Rule(rule)) => rules.push(Arc::new(*rule)),
            Ok(Document::Correlation(found)) => correlations.push(Arc::new(*found)),
            Ok(Document::Filter(filter)) => filters.push(filter),
            Err(error) => assert!((1..=lines).contains(&error.line), "{error}"),
        }
    }
    // As many as the detector puts over one rule.
    for filter in filters.iter().take(100) {
        rules.iter_mut().for_each(|rule| filter.apply(Arc::make_mut(rule)));
    }
    let links = link(&rules, &correlations);
    assert_eq!(links.linked.len() + links.refused.len(), correlations.len());
    let all = rules.len();
    let (engine, refused) = Engine::compile(rules, &Pipeline::default());
    assert_eq!(engine.rules().len() + refused.len(), all);
    let mut batch = BatchBuilder::default();
    batch.set("data_stream.dataset", "test");
    batch.set("message", "whoami /all");
    batch.end_event();
    engine.matches(&batch.finish());
});
