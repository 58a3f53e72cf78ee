//! The body of `_bulk`: pairs of lines, an action and a document, and an answer for each.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ledger::DropReason;

/// One action of the request and what is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub action: &'static str,
    pub index: Option<String>,
    pub id: Option<String>,
    /// Where in the body the document is, or why it is refused.
    pub document: Result<Range<usize>, Refusal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed(&'static str),
    TooLarge,
    NotSupported,
}

impl Refusal {
    pub fn drop_reason(self) -> DropReason {
        match self {
            Refusal::Malformed(_) => DropReason::Malformed,
            Refusal::TooLarge => DropReason::TooLarge,
            Refusal::NotSupported => DropReason::NotSupported,
        }
    }

    /// Status, and type and reason of the error object, in Elasticsearch's words.
    fn describe(self) -> (u16, &'static str, &'static str) {
        match self {
            Refusal::Malformed(what) => (400, "document_parsing_exception", what),
            Refusal::TooLarge => (413, "content_too_long_exception", "document is too large"),
            Refusal::NotSupported => (
                400,
                "illegal_argument_exception",
                "events are only added, never changed",
            ),
        }
    }
}

#[derive(Deserialize, Default)]
struct Target<'a> {
    #[serde(borrow, default, rename = "_index")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "_id")]
    id: Option<Id<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(serde_json::Number),
}

impl Id<'_> {
    fn into_text(self) -> String {
        match self {
            Id::Text(text) => text.into_owned(),
            Id::Number(number) => number.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action<'a> {
    #[serde(borrow)]
    Index(Target<'a>),
    #[serde(borrow)]
    Create(Target<'a>),
    #[serde(borrow)]
    Update(Target<'a>),
    #[serde(borrow)]
    Delete(Target<'a>),
}

/// Reads the whole body. A line that is not JSON spoils its own item only.
pub(super) fn parse(body: &[u8], index: Option<&str>, line_bytes_max: usize) -> Vec<Item> {
    let mut lines = Lines { body, at: 0 };
    let mut items = Vec::new();
    while let Some(line) = lines.next() {
        let Some((action, target)) = action(&body[line]) else {
            // What follows is either its document or the next action.
            if lines
                .peek()
                .is_some_and(|next| action_line(&body[next]).is_none())
            {
                lines.next();
            }
            let document = Err(Refusal::Malformed("action line is malformed"));
            items.push(Item {
                action: "index",
                index: None,
                id: None,
                document,
            });
            continue;
        };
        let document = match action {
            "delete" => Err(Refusal::NotSupported),
            _ => match lines.next() {
                None => Err(Refusal::Malformed("document is missing")),
                Some(_) if action == "update" => Err(Refusal::NotSupported),
                Some(line) if line.len() > line_bytes_max => Err(Refusal::TooLarge),
                Some(line) if !is_object(&body[line.clone()]) => {
                    Err(Refusal::Malformed("document is not a JSON object"))
                }
                Some(line) => Ok(line),
            },
        };
        let index = target.index.as_deref().or(index).map(str::to_owned);
        items.push(Item {
            action,
            index,
            id: target.id.map(Id::into_text),
            document,
        });
    }
    items
}

fn action_line(line: &[u8]) -> Option<Action<'_>> {
    serde_json::from_slice(line).ok()
}

fn action(line: &[u8]) -> Option<(&'static str, Target<'_>)> {
    Some(match action_line(line)? {
        Action::Index(target) => ("index", target),
        Action::Create(target) => ("create", target),
        Action::Update(target) => ("update", target),
        Action::Delete(target) => ("delete", target),
    })
}

pub(super) fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// The lines of a body that are not blank, without their ends.
struct Lines<'a> {
    body: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    fn peek(&self) -> Option<Range<usize>> {
        Lines { ..*self }.next()
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at < self.body.len() {
            let start = self.at;
            let rest = &self.body[start..];
            let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.at = start + len + 1;
            let len = rest[..len].trim_ascii_end().len();
            if len > 0 {
                return Some(start..start + len);
            }
        }
        None
    }
}

/// The answer. `first` is the sequence number of the first stored document: ids are made of it
/// where the sender gave none. Compact, `errors` before `items`: that is how Fluent Bit looks for
/// it.
pub(super) fn answer(items: &[Item], first: u64, took_ms: u64) -> String {
    let errors = items.iter().any(|item| item.document.is_err());
    let mut out = String::with_capacity(64 + items.len() * 96);
    // Writing to a String cannot fail.
    _ = write!(out, "{{\"took\":{took_ms},\"errors\":{errors},\"items\":[");
    let mut seq = first;
    for (at, item) in items.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        _ = write!(out, "{comma}{{\"{}\":{{", item.action);
        if let Some(index) = &item.index {
            _ = write!(out, "\"_index\":{},", quoted(index));
        }
        match (&item.id, &item.document) {
            (Some(id), _) => _ = write!(out, "\"_id\":{},", quoted(id)),
            (None, Ok(_)) => _ = write!(out, "\"_id\":\"{seq:016x}\","),
            (None, Err(_)) => {}
        }
        match &item.document {
            Ok(_) => {
                _ = write!(
                    out,
                    "\"_version\":1,\"result\":\"created\",\"_seq_no\":{seq},\"status\":201}}}}"
                );
                seq += 1;
            }
            Err(refusal) => {
                let (status, kind, reason) = refusal.describe();
                _ = write!(
                    out,
                    "\"status\":{status},\"error\":{{\"type\":\"{kind}\",\"reason\":\"{reason}\"}}}}}}"
                );
            }
        }
    }
    out.push_str("]}");
    out
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome(body: &str) -> Vec<(&'static str, Result<String, u16>)> {
        parse(body.as_bytes(), Some("logs-a-default"), 200)
            .into_iter()
            .map(|item| {
                let document = item.document.map(|range| body[range].to_owned());
                (
                    item.action,
                    document.map_err(|refusal| refusal.describe().0),
                )
            })
            .collect()
    }

    #[test]
    fn a_bad_line_spoils_its_own_item_only() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300));
        let body = [
            r#"{"create":{"_index":"logs-b-default"}}"#,
            r#"{"n":1}"#,
            r#"{"index":{}}"#,
            r#"{"n":2"#,
            "",
            r#"{"index":{"_id":"7"}}  "#,
            "{\"n\":3}\r",
            "not an action",
            r#"{"its":"document"}"#,
            "not an action either",
            r#"{"delete":{"_id":"7"}}"#,
            r#"{"update":{"_id":"7"}}"#,
            r#"{"doc":{}}"#,
            r#"{"create":{}}"#,
            &long,
            r#"{"create":{}}"#,
            "[1]",
            r#"{"create":{"_index":"x"}}"#,
            r#"{"n":4}"#,
            r#"{"create":{}}"#,
        ]
        .join("\n");
        let ok = |n: u8| Ok(format!("{{\"n\":{n}}}"));
        assert_eq!(
            outcome(&body),
            [
                ("create", ok(1)),
                ("index", Err(400)),
                ("index", ok(3)),
                ("index", Err(400)),
                ("index", Err(400)),
                ("delete", Err(400)),
                ("update", Err(400)),
                ("create", Err(413)),
                ("create", Err(400)),
                ("create", ok(4)),
                ("create", Err(400)),
            ]
        );
    }

    #[test]
    fn the_answer_is_valid_json_with_an_item_per_action() {
        let body = "{\"create\":{\"_index\":\"a\\\"b\"}}\n{}\n{\"index\":{\"_id\":9}}\n{\n";
        let items = parse(body.as_bytes(), None, 200);
        let text = answer(&items, 0x1f, 3);
        assert!(text.starts_with(r#"{"took":3,"errors":true,"items":[{"create":{"_index":"#));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["items"][0]["create"]["_index"], "a\"b");
        assert_eq!(json["items"][0]["create"]["status"], 201);
        assert_eq!(json["items"][0]["create"]["_id"], "000000000000001f");
        assert_eq!(json["items"][1]["index"]["status"], 400);
        assert_eq!(json["items"][1]["index"]["_id"], "9");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..300), lines in prop::collection::vec(0usize..6, 0..20)) {
            let known = ["{\"create\":{}}", "{}", "{\"delete\":{}}", "{\"a\":[1,{}]}", "x", ""];
            let mut text: Vec<u8> = lines.iter().flat_map(|at| [known[*at].as_bytes(), b"\n"].concat()).collect();
            text.extend(body);
            let items = parse(&text, None, 100);
            for item in &items {
                if let Ok(range) = &item.document {
                    prop_assert!(is_object(&text[range.clone()]));
                }
            }
            let answer: serde_json::Value = serde_json::from_str(&answer(&items, 0, 0)).unwrap();
            prop_assert_eq!(answer["items"].as_array().unwrap().len(), items.len());
        }
    }
}
