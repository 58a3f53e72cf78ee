//! The Sigma engine against the plain evaluator. Bytes up to the first 0xff build rules from a
//! small grammar, the rest are events, one JSON document after each further 0xff.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use saqshy_event::{Format, Parser, Record};
use saqshy_sigma::{Engine, Pipeline, Rule, oracle, parse_rules};

const FIELDS: [&str; 6] = ["A", "B", "Image", "CommandLine", "Data", "EventID"];
const MODIFIERS: [&str; 16] = [
    "", "|contains", "|startswith", "|endswith", "|re", "|re|i", "|cased", "|windash|contains", "|all", "|contains|all",
    "|neq", "|exists", "|fieldref", "|gt", "|cidr", "|base64offset|contains",
];
const CONDITIONS: [&str; 8] = [
    "s1", "s1 and not s2", "1 of s*", "all of them", "s1 or s2", "not s1", "2 of them", "not (s1 and s2)",
];

/// One rule: a byte each for condition and log source, then items of field, modifier and value.
fn rule(bytes: &[u8]) -> Option<Arc<Rule>> {
    let (&condition, rest) = bytes.split_first()?;
    let (&source, rest) = rest.split_first()?;
    let source = ["{product: windows}", "{product: windows, category: process_creation}", "{product: acme}"]
        [usize::from(source) % 3];
    let mut searches = String::new();
    let mut items = rest.split(|byte| *byte == 0xfe);
    for name in ["s1", "s2"] {
        let item = items.next().unwrap_or(b"\0\0x");
        let field = FIELDS[usize::from(*item.first().unwrap_or(&0)) % FIELDS.len()];
        let modifier = MODIFIERS[usize::from(*item.get(1).unwrap_or(&0)) % MODIFIERS.len()];
        let value = String::from_utf8_lossy(item.get(2..).unwrap_or_default());
        let value = serde_json::to_string(&value).ok()?;
        let key = if field == "Data" { format!("'{modifier}'") } else { format!("'{field}{modifier}'") };
        let key = if key == "''" { "A".to_owned() } else { key };
        searches.push_str(&format!("    {name}: {{{key}: {value}}}\n"));
    }
    let condition = CONDITIONS[usize::from(condition) % CONDITIONS.len()];
    let yaml = format!("title: t\nlogsource: {source}\ndetection:\n{searches}    condition: {condition}\n");
    parse_rules(&yaml, "t.yml".as_ref()).pop()?.ok().map(Arc::new)
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|byte| *byte == 0xff);
    let rules: Vec<Arc<Rule>> =
        parts.next().unwrap_or_default().split(|byte| *byte == 0xfd).take(8).filter_map(rule).collect();
    let received = jiff::Timestamp::constant(1_774_012_200, 0);
    let records: Vec<(u64, Record<'_>)> = (0..)
        .zip(parts.take(16))
        .map(|(seq, payload)| {
            let (format, source) = (Format::Json, "fuzz");
            (seq, Record { received, source, format, peer: None, truncated: false, payload })
        })
        .collect();
    let pipeline = Pipeline::default();
    let (engine, refused) = Engine::compile(rules, &pipeline);
    assert!(refused.is_empty());
    let whole = Parser::new("n").parse(&records, received).batch;
    let found = engine.matches(&whole);
    assert_eq!(found, oracle::matches(engine.rules(), &pipeline, &whole));
    // Reading only what the rules need changes nothing.
    if let Some(fields) = engine.windows_fields() {
        let part = Parser::new("n").with_windows_fields(fields).parse(&records, received).batch;
        assert_eq!(found, engine.matches(&part));
    }
});
