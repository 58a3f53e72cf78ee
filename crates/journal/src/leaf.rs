//! What one journal entry says.

use crate::jcs::{self, CanonicalError};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Longest leaf in bytes: an entry bundle gives each entry a 16-bit length (C2SP tlog-tiles).
pub const LEAF_BYTES_MAX: usize = 65_535;

/// One change: when, who, what object, what changed, why, under which edition of the law.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// When it was recorded.
    pub at: Timestamp,
    /// Who did it: a user id, or `system`.
    pub actor: String,
    /// What was done, such as `incident.created`.
    pub action: String,
    /// What it was done to, as `kind:id`.
    pub object: String,
    /// The change itself. Files are named by their SHA-256 in lower-case hexadecimal.
    pub change: Value,
    /// Why, in the words of the actor.
    pub reason: Option<String>,
    /// The edition of the act that applied, such as `kz/o199@399-nk`.
    pub edition: Option<String>,
}

/// Why bytes or values are not a leaf.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// Longer than [`LEAF_BYTES_MAX`], or empty.
    #[error("a leaf has 1 to {LEAF_BYTES_MAX} bytes, this one has {0}")]
    Length(usize),
    /// A value without a canonical spelling.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Not a JSON object with the members of a leaf.
    #[error("not a journal leaf: {0}")]
    Shape(String),
}

impl Leaf {
    /// The bytes that enter the tree: canonical JSON (RFC 8785), 1 to 65,535 bytes.
    pub fn canonical(&self) -> Result<Vec<u8>, LeafError> {
        let mut map = Map::new();
        map.insert("v".into(), 1.into());
        map.insert("at".into(), self.at.to_string().into());
        map.insert("actor".into(), self.actor.clone().into());
        map.insert("action".into(), self.action.clone().into());
        map.insert("object".into(), self.object.clone().into());
        map.insert("change".into(), self.change.clone());
        for (name, value) in [("reason", &self.reason), ("edition", &self.edition)] {
            if let Some(text) = value {
                map.insert(name.into(), text.clone().into());
            }
        }
        let bytes = jcs::canonical(&Value::Object(map))?;
        check_length(&bytes)?;
        Ok(bytes)
    }

    /// Reads a leaf back. Members that this version does not know are an error.
    pub fn parse(bytes: &[u8]) -> Result<Leaf, LeafError> {
        check_length(bytes)?;
        let shape = |what: &str| LeafError::Shape(what.to_owned());
        let value: Value =
            serde_json::from_slice(bytes).map_err(|e| LeafError::Shape(e.to_string()))?;
        let Value::Object(mut map) = value else {
            return Err(shape("it is not an object"));
        };
        if map.remove("v") != Some(1.into()) {
            return Err(shape("`v` is not 1"));
        }
        let mut text = |name: &str| match map.remove(name) {
            Some(Value::String(s)) => Ok(Some(s)),
            None => Ok(None),
            Some(_) => Err(LeafError::Shape(format!("`{name}` is not text"))),
        };
        let must =
            |name: &str, v: Option<String>| v.ok_or_else(|| shape(&format!("`{name}` is missing")));
        let at = must("at", text("at")?)?;
        let leaf = Leaf {
            at: at
                .parse()
                .map_err(|e: jiff::Error| LeafError::Shape(e.to_string()))?,
            actor: must("actor", text("actor")?)?,
            action: must("action", text("action")?)?,
            object: must("object", text("object")?)?,
            reason: text("reason")?,
            edition: text("edition")?,
            change: map
                .remove("change")
                .ok_or_else(|| shape("`change` is missing"))?,
        };
        match map.keys().next() {
            Some(key) => Err(LeafError::Shape(format!("unknown member `{key}`"))),
            None => Ok(leaf),
        }
    }
}

/// Checks the length that an entry of the log must have.
pub(crate) fn check_length(bytes: &[u8]) -> Result<(), LeafError> {
    match bytes.len() {
        1..=LEAF_BYTES_MAX => Ok(()),
        n => Err(LeafError::Length(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn leaf() -> Leaf {
        Leaf {
            at: "2026-03-20T13:10:00Z".parse().unwrap(),
            actor: "user:7".into(),
            action: "incident.created".into(),
            object: "incident:42".into(),
            change: json!({"title": "Оқыс оқиға", "severity": 3}),
            reason: None,
            edition: Some("kz/o199@399-nk".into()),
        }
    }

    #[test]
    fn the_bytes_are_stable_and_read_back() {
        let bytes = leaf().canonical().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"action":"incident.created","actor":"user:7","at":"2026-03-20T13:10:00Z","change":{"severity":3,"title":"Оқыс оқиға"},"edition":"kz/o199@399-nk","object":"incident:42","v":1}"#
        );
        assert_eq!(Leaf::parse(&bytes).unwrap(), leaf());
    }

    #[test]
    fn too_long_and_strange_leaves_are_refused() {
        let mut long = leaf();
        long.reason = Some("x".repeat(LEAF_BYTES_MAX));
        assert!(matches!(long.canonical(), Err(LeafError::Length(_))));
        for bad in ["", "[]", "{\"v\":2}", "{\"v\":1,\"at\":5}"] {
            assert!(Leaf::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
