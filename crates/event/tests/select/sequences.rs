//! Sequences of documents that differ little: what the fast reader remembers of the documents
//! before must not show in the next one.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestError, TestRunner};
use saqshy_event::FieldSet;
use serde_json::Value as Json;

use super::{compare_fields, piece, wanted};

/// A document or an object in it, as it is written: names may repeat.
type Fields = Vec<(String, Tree)>;

#[derive(Debug, Clone)]
enum Tree {
    /// A scalar, an array, or something broken.
    Raw(String),
    Object(Fields),
}

#[derive(Debug, Clone)]
enum Change {
    Set(String),
    /// The text, or the number, becomes one that begins with it.
    Longer(String),
    /// It becomes one that it begins with.
    Shorter,
    Remove,
    Add(String, String),
    Rename(String),
    MoveOn,
    Twice(String),
    /// The value moves into objects below it.
    Sink(Vec<String>),
    /// The value becomes the item of an array.
    List,
    Empty,
    Deep(usize),
    /// Many fields beside it.
    Crowd(usize),
}

/// What is done to the text of one document only.
#[derive(Debug, Clone)]
enum Damage {
    Cut(usize),
    Append(&'static str),
    Replace(usize, u8),
}

#[derive(Debug, Clone)]
enum Step {
    Same(usize),
    Use(usize),
    Change {
        at: usize,
        change: Change,
        /// The next document is as before.
        once: bool,
    },
    Original,
    Blanks(usize),
    Damage(Damage),
}

fn templates() -> Vec<Fields> {
    let texts = [
        r#"{"@timestamp":"2026-03-20T13:02:11.500Z","event":{"kind":"event","code":"4688","provider":"P",
            "action":"Process Creation"},"host":{"name":"pc","os":{"family":"windows","build":"1"}},
            "agent":{"type":"winlogbeat","tags":["a",{"b":1}]},"message":"m\nn","winlog":{"channel":"Security","event_id":"4688",
            "record_id":7,"opcode":"Info","keywords":["Audit Success"],"task":"t","api":"wineventlog",
            "process":{"pid":4,"thread":{"id":8}},"event_data":{"A":"x","B":"C:\\Windows\\","C":"say \"so\"","D":""},
            "foo":"bar"},"ecs":{"version":"8"}}"#,
        r#"{"@timestamp":"2026-03-20T13:02:11.500Z","agent.name":"a","winlog.channel":"Microsoft-Windows-Sysmon/Operational",
            "winlog.event_id":"1","winlog.event_data.A":"x","winlog.event_data.B":"y","extra":"e","winlog.computer_name":"pc",
            "Image":"i","last":"z"}"#,
        r#"{"EventID":4624,"Channel":"Security","Hostname":"pc","Keywords":"0x8020000000000000","A":"x","B":"y\\",
            "nested":{"A":"n","more":{"B":"o"}},"UtcTime":"2026-03-20 13:02:11.500","Image":"C:\\i.exe","ThreadID":8,
            "tags":["t"],"EventReceivedTime":"2026-03-20 13:02:12","Message":"m"}"#,
        r#"{"winlog":{"event_id":3,"event_data":{"B":"b"},"a":{"b":{"c":"d"}}},"Image":null}"#,
    ];
    let templates = texts.map(|text| match tree(&serde_json::from_str(text).unwrap()) {
        Tree::Object(fields) => fields,
        Tree::Raw(_) => unreachable!(),
    });
    templates.into()
}

fn tree(json: &Json) -> Tree {
    match json {
        Json::Object(fields) => Tree::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), tree(value)))
                .collect(),
        ),
        other => Tree::Raw(other.to_string()),
    }
}

fn name() -> impl Strategy<Value = String> {
    let names = select(vec![
        "A",
        "B",
        "C",
        "Image",
        "CommandLine",
        "message",
        "winlog",
        "event_data",
        "event_id",
        "channel",
        "winlog.channel",
        "winlog.event_id",
        "winlog.event_data",
        "winlog.event_data.A",
        "winlog.event_data.B",
        "winlog.record_id",
        "winlog.keywords",
        "winlog.foo",
        "EventID",
        "Channel",
        "Provider_Name",
        "EventRecordID",
        "Event",
        "System",
        "Event.System.EventID",
        "host.name",
        "@timestamp",
        "extra",
        "tags",
    ]);
    prop_oneof![
        8 => names.prop_map(str::to_owned),
        1 => select(vec!["", "$", "é", "a b", "a\\\"b", "\\u0041"]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => piece(),
        1 => select(vec![
            r#""\\""#, r#""\"""#, r#""a\\\"""#, r#""a\\""#, r#""\\\\""#, r#""x""#, r#""y""#, "[ ]", "{ }",
            r#"[{"A":"q"}]"#, r#"[{"event_data":{"A":"q"}}]"#, r#"[{"event_id":5}]"#, r#"[[{"B":1}],{}]"#,
            r#"[{"System":{"EventID":1}}]"#, r#"[null]"#, r#"[true,1.0]"#, r#"["a","b"]"#, "12", "123", "-",
        ])
        .prop_map(str::to_owned),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => value().prop_map(Change::Set),
        2 => "[a\\\\\" ]{1,3}".prop_map(Change::Longer),
        2 => Just(Change::Shorter),
        2 => Just(Change::Remove),
        4 => (name(), value()).prop_map(|(name, value)| Change::Add(name, value)),
        2 => name().prop_map(Change::Rename),
        2 => Just(Change::MoveOn),
        1 => value().prop_map(Change::Twice),
        1 => prop::collection::vec(name(), 1..3).prop_map(Change::Sink),
        2 => Just(Change::List),
        1 => Just(Change::Empty),
        1 => (1..70usize).prop_map(Change::Deep),
        1 => select(vec![10, 10, 10, 600]).prop_map(Change::Crowd),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let damage = prop_oneof![
        (0..600usize).prop_map(Damage::Cut),
        select(vec![" ", "}", ",", "{}", "x", "\u{a0}", "\n\n"]).prop_map(Damage::Append),
        (0..600usize, select(b"\"\\{}[]:, 0a".to_vec()))
            .prop_map(|(at, byte)| Damage::Replace(at, byte)),
    ];
    prop_oneof![
        4 => (1..24usize).prop_map(Step::Same),
        2 => (0..4usize).prop_map(Step::Use),
        12 => (any::<usize>(), change(), any::<bool>())
            .prop_map(|(at, change, once)| Step::Change { at, change, once }),
        2 => Just(Step::Original),
        1 => (0..4usize).prop_map(Step::Blanks),
        2 => damage.prop_map(Step::Damage),
    ]
}

/// The fields with the one that counts as number `at`, and its place among them.
fn find(fields: &mut Fields, at: usize) -> Option<(&mut Fields, usize)> {
    fn paths(fields: &Fields, path: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        for (at, (_, value)) in fields.iter().enumerate() {
            path.push(at);
            all.push(path.clone());
            if let Tree::Object(inner) = value {
                paths(inner, path, all);
            }
            path.pop();
        }
    }
    let mut all = Vec::new();
    paths(fields, &mut Vec::new(), &mut all);
    let path = all.get(at.checked_rem(all.len())?)?;
    let (last, outer) = path.split_last()?;
    let mut fields = fields;
    for &at in outer {
        let Tree::Object(inner) = &mut fields[at].1 else {
            return None;
        };
        fields = inner;
    }
    Some((fields, *last))
}

fn make(fields: &mut Fields, at: usize, change: &Change) {
    let Some((fields, at)) = find(fields, at) else {
        return;
    };
    match change {
        Change::Set(raw) => fields[at].1 = Tree::Raw(raw.clone()),
        Change::Longer(more) => {
            if let Tree::Raw(raw) = &mut fields[at].1 {
                match serde_json::from_str(raw) {
                    Ok(Json::String(text)) => *raw = Json::from(text + more).to_string(),
                    Ok(Json::Number(_)) => raw.push('1'),
                    _ => {}
                }
            }
        }
        Change::Shorter => {
            if let Tree::Raw(raw) = &mut fields[at].1 {
                match serde_json::from_str(raw) {
                    Ok(Json::String(mut text)) => {
                        text.pop();
                        *raw = Json::from(text).to_string();
                    }
                    Ok(Json::Number(_)) if raw.len() > 1 => raw.truncate(raw.len() - 1),
                    _ => {}
                }
            }
        }
        Change::Remove => {
            fields.remove(at);
        }
        Change::Add(name, raw) => fields.insert(at, (name.clone(), Tree::Raw(raw.clone()))),
        Change::Rename(name) => fields[at].0 = name.clone(),
        Change::MoveOn => {
            let to = (at + 1) % fields.len();
            fields.swap(at, to);
        }
        Change::Twice(raw) => {
            let name = fields[at].0.clone();
            fields.push((name, Tree::Raw(raw.clone())));
        }
        Change::Sink(names) => {
            for name in names {
                let inner = std::mem::replace(&mut fields[at].1, Tree::Object(Vec::new()));
                fields[at].1 = Tree::Object(vec![(name.clone(), inner)]);
            }
        }
        Change::List => {
            let mut list = String::from("[");
            write_value(&fields[at].1, BLANKS[0], &mut list);
            list.push(']');
            fields[at].1 = Tree::Raw(list);
        }
        Change::Empty => fields[at].1 = Tree::Object(Vec::new()),
        Change::Deep(levels) => {
            let (open, close) = ("{\"d\":".repeat(*levels), "}".repeat(*levels));
            fields[at].1 = Tree::Raw(format!("{open}1{close}"));
        }
        Change::Crowd(count) => {
            let crowd = (0..*count).map(|number| (format!("c{number}"), Tree::Raw("\"c\"".into())));
            fields.splice(at..at, crowd);
        }
    }
}

/// Blanks before and after what separates.
const BLANKS: [(&str, &str); 4] = [("", ""), ("", " "), ("\n\t", "\r\n "), (" ", "")];

fn write(fields: &Fields, (before, after): (&str, &str), text: &mut String) {
    text.push('{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            *text += &format!("{before},");
        }
        *text += &format!("{after}\"{name}\"{before}:{after}");
        write_value(value, (before, after), text);
    }
    text.push_str(before);
    text.push('}');
}

fn write_value(value: &Tree, blanks: (&str, &str), text: &mut String) {
    match value {
        Tree::Raw(raw) => text.push_str(raw),
        Tree::Object(inner) => write(inner, blanks, text),
    }
}

/// Documents of one batch.
fn documents(steps: &[Step]) -> Vec<String> {
    const DOCUMENTS_MAX: usize = 200;
    let originals = templates();
    let mut now = originals.clone();
    let (mut used, mut blanks) = (0, BLANKS[0]);
    let mut documents = Vec::new();
    let text = |fields: &Fields, blanks| {
        let mut text = String::new();
        write(fields, blanks, &mut text);
        text
    };
    for step in steps {
        match step {
            Step::Same(times) => {
                documents.extend(vec![text(&now[used], blanks); *times]);
            }
            Step::Use(template) => used = *template,
            Step::Change { at, change, once } => {
                let mut changed = now[used].clone();
                make(&mut changed, *at, change);
                documents.push(text(&changed, blanks));
                if !*once {
                    now[used] = changed;
                }
            }
            Step::Original => now[used] = originals[used].clone(),
            Step::Blanks(style) => blanks = BLANKS[*style],
            Step::Damage(damage) => {
                let mut text = text(&now[used], blanks);
                match damage {
                    Damage::Cut(at) => text.truncate(text.floor_char_boundary(*at)),
                    Damage::Append(more) => text.push_str(more),
                    Damage::Replace(at, byte) => {
                        let at = text.floor_char_boundary(at % text.len());
                        let length = text[at..].chars().next().map_or(0, char::len_utf8);
                        let instead = char::from(*byte).to_string();
                        text.replace_range(at..at + length, &instead);
                    }
                }
                documents.push(text);
            }
        }
        documents.truncate(DOCUMENTS_MAX);
    }
    documents
}

/// Few fields, so that most of a document is not wanted.
fn few(names: &[&str], below: &[&str]) -> FieldSet {
    let mut fields = FieldSet::default();
    fields.extend(names.iter().copied());
    below.iter().for_each(|prefix| fields.insert_below(prefix));
    fields
}

#[test]
fn what_was_read_before_does_not_show() {
    let sets = [
        wanted(),
        few(&["winlog.event_data.B", "winlog.event_id", "Image"], &[]),
        few(
            &["@timestamp", "winlog.channel", "winlog.foo"],
            &["winlog.user_data."],
        ),
        few(
            &[
                "winlog.event_data.nested.more.B",
                "winlog.event_data.A",
                "extra",
            ],
            &[],
        ),
    ];
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(40);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let (fast, all) = (Cell::new(0), Cell::new(0));
    let strategy = (0..sets.len(), prop::collection::vec(step(), 10..60));
    let result = runner.run(&strategy, |(set, steps)| {
        let documents = documents(&steps);
        all.set(all.get() + documents.len());
        fast.set(fast.get() + compare_fields(&documents, &sets[set])?);
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, (set, steps))) => {
            let documents = documents(&steps);
            panic!("{why}\nset {set}, after\n{}", documents.join("\n"));
        }
        Err(other) => panic!("{other}"),
    }
    let (fast, all) = (fast.get(), all.get());
    eprintln!("{fast} of {all} documents read the fast way");
    assert!(fast * 2 > all, "{fast} of {all}");
}
