//! The API document is checked in: the console's client is made from it, and a change of the
//! wire shape is seen in review. `SAQSHY_UPDATE=1 cargo test -p saqshy-server --test openapi`
//! writes it anew.

use std::path::Path;

#[test]
fn the_checked_in_document_is_the_one_that_is_served() {
    let document = serde_json::to_value(saqshy_server::openapi()).unwrap();
    let served = format!("{:#}\n", sorted(document));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("SAQSHY_UPDATE").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        served == checked_in,
        "openapi.json is stale, run again with SAQSHY_UPDATE=1"
    );
}

/// Objects with their keys in order, so that the text does not depend on hash maps.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
