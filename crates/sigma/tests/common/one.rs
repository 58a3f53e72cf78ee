//! One rule on one event, by the engine, the plain evaluator and `explain`, which must agree.

use std::sync::Arc;

use saqshy_event::{Batch, BatchBuilder, Value};
use saqshy_sigma::{Engine, Match, Pipeline, Rule, explain, oracle, parse_rules};

/// A rule for the log source `acme` with the detection `detection`, YAML indented by four.
pub fn rule(detection: &str) -> Arc<Rule> {
    let yaml = format!("title: t\nlogsource: {{product: acme}}\ndetection:\n{detection}");
    let mut rules = parse_rules(&yaml, "t.yml".as_ref());
    Arc::new(
        rules
            .remove(0)
            .unwrap_or_else(|error| panic!("{error}\n{yaml}")),
    )
}

/// An event of the log source `acme`.
pub fn event(fields: &[(&str, Value)]) -> Batch {
    let mut builder = BatchBuilder::default();
    builder.set("data_stream.dataset", "acme");
    for (name, value) in fields {
        builder.set(name, value.clone());
    }
    builder.end_event();
    builder.finish()
}

pub fn holds(detection: &str, fields: &[(&str, Value)]) -> bool {
    let (rule, batch, pipeline) = (rule(detection), event(fields), Pipeline::default());
    let (engine, refused) = Engine::compile(vec![rule.clone()], &pipeline);
    assert!(refused.is_empty(), "{refused:?}");
    let found = engine.matches(&batch);
    assert_eq!(
        found,
        oracle::matches(engine.rules(), &pipeline, &batch),
        "{detection}"
    );
    assert_eq!(
        explain(&rule, &pipeline, batch.event(0)).matched,
        !found.is_empty()
    );
    assert!(found.is_empty() || found == [Match { row: 0, rule: 0 }]);
    !found.is_empty()
}

/// A rule with the one item `item`.
pub fn item(item: &str, fields: &[(&str, Value)]) -> bool {
    holds(
        &format!("    s:\n        {item}\n    condition: s\n"),
        fields,
    )
}

/// A rule with the one item `item` on an event with the text `text` in field `A`.
pub fn on(item_text: &str, text: &str) -> bool {
    item(item_text, &[("A", text.into())])
}
