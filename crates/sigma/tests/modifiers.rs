//! Every modifier of Sigma 2.1, one test each, and chains of them, by the engine, the plain
//! evaluator and `explain`.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::one::{event, item, on, rule};
use saqshy_event::Value;
use saqshy_sigma::{Engine, Pipeline, oracle};

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn no_modifier() {
    assert!(on("A: Word", "wORD") && !on("A: word", "a word"));
    assert!(on("A: 'w*d?'", "weird!") && !on("A: 'w*d?'", "weird"));
    assert!(on("A: [x, word]", "word") && !on("A: [x, y]", "word"));
}

#[test]
fn contains() {
    assert!(on("A|contains: id", "a VIDEO") && !on("A|contains: id", "i d"));
    assert!(on("A|contains: 5", "x5y") && on("A|contains: ''", ""));
}

#[test]
fn startswith() {
    assert!(on("A|startswith: ab", "ABC") && !on("A|startswith: ab", "cab"));
    assert!(on("A|startswith: ab", "ab") && !on("A|startswith: ab", "a"));
}

#[test]
fn endswith() {
    assert!(on("A|endswith: bc", "aBC") && !on("A|endswith: bc", "bca"));
    assert!(on("A|endswith: '1?'", "x12") && !on("A|endswith: '1?'", "x1"));
}

#[test]
fn all() {
    assert!(on("A|contains|all: [a, b]", "b a") && !on("A|contains|all: [a, b]", "a"));
    assert!(on("A|all: [a, 'A*']", "a") && !on("A|all: [a, b]", "a"));
    // Each value may be met by another of the field's values.
    let list = [("A", Value::List(["a".into(), "b".into()].into()))];
    assert!(item("A|all: [a, b]", &list) && !item("A|all: [a, c]", &list));
}

#[test]
fn re() {
    assert!(on("A|re: '^a.c$'", "abc") && !on("A|re: '^a.c$'", "ABC"));
    assert!(on("A|re: 'b'", "abc") && !on("A|re: 'a.c'", "a\nc"));
    assert!(on(r"A|re: '\$\d+'", "costs $5") && !on("A|re: '^b'", "a\nb"));
    assert!(on("A|re|all: ['a', 'b$']", "xab") && !on("A|re|all: ['a', 'b$']", "xba"));
}

#[test]
fn re_i() {
    assert!(on("A|re|i: '^a.c$'", "ABC") && on("A|re|i: 'құпия'", "ҚҰПИЯ"));
}

#[test]
fn re_m() {
    assert!(on("A|re|m: '^b$'", "a\nb\nc") && !on("A|re: '^b$'", "a\nb\nc"));
}

#[test]
fn re_s() {
    assert!(on("A|re|s: 'a.c'", "a\nc") && on("A|re|i|s|m: '^A.C$'", "x\na\nc"));
}

#[test]
fn cidr_v4() {
    assert!(on("A|cidr: 10.0.0.0/8", "10.255.0.1") && !on("A|cidr: 10.0.0.0/8", "11.0.0.1"));
    assert!(on("A|cidr: 192.168.1.7/24", "192.168.1.200") && !on("A|cidr: 10.0.0.0/8", "10.0.0"));
    assert!(on("A|cidr: [127.0.0.0/8, 0.0.0.0/32]", "0.0.0.0"));
}

#[test]
fn cidr_v6() {
    assert!(on("A|cidr: 'fe80::/10'", "FE80::1") && !on("A|cidr: 'fe80::/10'", "2001:db8::1"));
    assert!(on("A|cidr: '2001:db8::/32'", "2001:0db8:0:0::9") && on("A|cidr: '::1/128'", "::1"));
    assert!(on("A|cidr: '::/0'", "::") && !on("A|cidr: '::/0'", "10.0.0.1"));
}

#[test]
fn base64() {
    assert!(on("A|base64: /bin/bash", "L2Jpbi9iYXNo") && !on("A|base64: /bin/bash", "x"));
    assert!(on("A|base64|contains: foo", "xx Zm9v yy"));
}

#[test]
fn base64offset() {
    for before in 0..3 {
        let hidden = STANDARD.encode(format!("{}secret word", "x".repeat(before)));
        assert!(on("A|base64offset|contains: secret", &hidden), "{hidden}");
    }
    assert!(!on("A|base64offset|contains: secret", "c2Vjci4="));
}

#[test]
fn wide() {
    let hidden = STANDARD.encode(utf16("iex", u16::to_le_bytes));
    assert!(on("A|wide|base64: iex", &hidden) && !on("A|base64: iex", &hidden));
}

#[test]
fn utf16le() {
    let hidden = STANDARD.encode(utf16("xiex(", u16::to_le_bytes));
    assert!(on("A|utf16le|base64offset|contains: iex", &hidden));
    assert!(on("A|utf16le|contains: cmd", "x c\0m\0d\0"));
}

#[test]
fn utf16be() {
    let hidden = STANDARD.encode(utf16("cmd", u16::to_be_bytes));
    assert!(on("A|utf16be|base64: cmd", &hidden) && !on("A|utf16le|base64: cmd", &hidden));
}

#[test]
fn utf16_with_its_mark() {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(utf16("cmd", u16::to_le_bytes));
    assert!(on("A|utf16|base64: cmd", &STANDARD.encode(bytes)));
}

#[test]
fn windash() {
    for dash in ["-", "/", "–", "—", "―"] {
        for written in ["-", "/", "–", "—", "―"] {
            let rule = format!("A|windash|contains: ' {written}x'");
            assert!(on(&rule, &format!("a {dash}X")), "{written} {dash}");
        }
    }
    assert!(!on("A|windash|contains: ' -x'", "a =x"));
    assert!(on("A|windash|endswith: '-a -b'", "c /a —b") && on("A|windash: '-x'", "/x"));
}

#[test]
fn gt() {
    assert!(on("A|gt: 5", "6") && !on("A|gt: 5", "5") && !on("A|gt: 5", "word"));
    assert!(item("A|gt: -5", &[("A", Value::Int(-4))]) && on("A|gt: -5", "-4.5"));
}

#[test]
fn gte() {
    assert!(on("A|gte: 5", "5") && !on("A|gte: 5", "4") && on("A|gte: '0.5'", "0.5"));
}

#[test]
fn lt() {
    assert!(on("A|lt: 5", "-6") && !on("A|lt: 5", "5") && !on("A|lt: 5", ""));
    assert!(item("A|lt: 0", &[("A", Value::Float(-0.5))]));
}

#[test]
fn lte() {
    assert!(on("A|lte: -5", "-5") && !on("A|lte: -5", "-4"));
}

const TIME: &str = "2024-05-06T07:08:09Z";

/// Time parts are those of UTC, of texts and of typed times alike.
fn timed(rule: &str) -> bool {
    let typed = item(rule, &[("A", Value::Time(TIME.parse().unwrap()))]);
    assert_eq!(typed, on(rule, TIME), "{rule}");
    typed
}

#[test]
fn minute() {
    assert!(timed("A|minute: 8") && !timed("A|minute: 9") && timed("A|minute|gte: 8"));
}

#[test]
fn hour() {
    assert!(timed("A|hour: 7") && !timed("A|hour: 8") && timed("A|hour|lt: 8"));
    assert!(!on("A|hour: 7", "no time"));
}

#[test]
fn day() {
    assert!(timed("A|day: 6") && !timed("A|day: 7"));
}

#[test]
fn week() {
    assert!(timed("A|week: 19") && !timed("A|week: 18"));
}

#[test]
fn month() {
    assert!(timed("A|month: 5") && timed("A|month: [4, 5]") && !timed("A|month: 6"));
}

#[test]
fn year() {
    assert!(timed("A|year: 2024") && timed("A|year|gt: 2023") && !timed("A|year: 24"));
}

#[test]
fn exists() {
    assert!(on("A|exists: true", "") && !on("B|exists: true", "x"));
    assert!(on("B|exists: false", "x") && !on("A|exists: false", "x"));
}

#[test]
fn cased() {
    assert!(on("A|cased: Word", "Word") && !on("A|cased: Word", "word"));
    assert!(on("A|contains|cased: oR", "WoRd") && !on("A|startswith|cased: w", "Word"));
    assert!(on("A|endswith|cased: 'r?'", "Word") && !on("A|endswith|cased: 'R?'", "Word"));
}

#[test]
fn neq() {
    assert!(on("A|neq: x", "y") && !on("A|neq: x", "X") && on("B|neq: x", "x"));
    assert!(on("A|neq: [x, y]", "z") && !on("A|contains|neq: [x, y]", "ay"));
    assert!(on("A|re|neq: '^a'", "b") && on("A|gt|neq: 5", "4") && !on("A|gt|neq: 5", "6"));
    assert!(!on("A|cidr|neq: 10.0.0.0/8", "10.0.0.1") && on("A|cased|neq: a", "A"));
}

#[test]
fn fieldref() {
    let pair = |a: &str, b: &str| [("A", Value::from(a)), ("B", Value::from(b))];
    assert!(item("A|fieldref: B", &pair("x", "X")) && !item("A|fieldref: B", &pair("x", "y")));
    assert!(!item("A|fieldref|neq: B", &pair("x", "X")));
    assert!(item("A|fieldref|neq: B", &pair("x", "y")));
    assert!(item("A|fieldref|startswith: B", &pair("xyz", "XY")));
    assert!(!item("A|fieldref|startswith: B", &pair("xyz", "yz")));
    assert!(item("A|fieldref|endswith: B", &pair("xyz", "YZ")));
    assert!(!item("A|fieldref|endswith: B", &pair("xyz", "xy")));
    // What stands in the other field is text, never a pattern.
    assert!(!item("A|fieldref: B", &pair("xyz", "x*")));
    assert!(item(
        "A|fieldref: B",
        &[("A", Value::Int(5)), ("B", "5".into())]
    ));
}

#[test]
fn expand() {
    let rule = rule("    s: {A|contains|expand: 'x%hosts%'}\n    condition: s\n");
    let mut pipeline = Pipeline::default();
    pipeline.set_placeholder("hosts", vec!["dc?".into(), "web".into()]);
    let (engine, refused) = Engine::compile(vec![rule], &pipeline);
    assert!(refused.is_empty());
    for (text, expected) in [
        ("a xDC1", 1),
        ("a xweb b", 1),
        ("a xdc", 0),
        ("x%hosts%", 0),
    ] {
        let batch = event(&[("A", text.into())]);
        let found = engine.matches(&batch);
        assert_eq!(found.len(), expected, "{text}");
        assert_eq!(found, oracle::matches(engine.rules(), &pipeline, &batch));
    }
}

#[test]
fn chains() {
    let hidden = STANDARD.encode(utf16("run -enc now", u16::to_le_bytes));
    assert!(on("A|wide|base64offset|contains: ' -enc '", &hidden));
    assert!(on(
        "A|windash|wide|base64offset|contains: ' /enc '",
        &hidden
    ));
    assert!(on("A|contains|windash|all: [' -a', ' -b']", "x /a –b"));
    assert!(!on("A|contains|windash|all: [' -a', ' -b']", "x /a"));
    assert!(on("A|endswith|cased|neq: B", "ab") && !on("A|endswith|cased|neq: B", "aB"));
    assert!(on("A|re|i|all|neq: ['^a', 'b$']", "a") && !on("A|re|i|neq: ['^a', 'b$']", "a"));
    assert!(on("A|all|contains: [a, b]", "ba") && on("A|hour|neq|gte: 8", "2024-05-06T07:08:09Z"));
}

#[test]
fn values_of_every_kind() {
    for (value, written) in [
        (Value::Int(-5), "-5"),
        (Value::Int(-5), "'-5'"),
        ("-5".into(), "-5"),
        (Value::Float(1.5), "1.5"),
        (Value::Bool(true), "true"),
        (Value::Bool(false), "'false'"),
        ("True".into(), "true"),
        ("".into(), "''"),
        (Value::Null, "null"),
        (Value::List([Value::Int(1), "x".into()].into()), "X"),
        (Value::List([Value::Int(1), "x".into()].into()), "1"),
    ] {
        assert!(
            item(&format!("A: {written}"), &[("A", value.clone())]),
            "{value:?} {written}"
        );
        assert!(
            !item(&format!("A: {written}"), &[("A", "other".into())]),
            "{written}"
        );
    }
    assert!(!item("A: 5", &[("A", Value::Int(-5))]) && !on("A: ''", " ") && !on("A: null", ""));
}

/// Letters are the same whatever their case, also where the two forms differ in length.
#[test]
fn letters_fold_as_unicode_says() {
    for (rule, text) in [
        ("ӘҒҚҢӨҰҮҺІ", "әғқңөұүһі"),
        ("straße", "STRAßE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ÀÉÎ", "àéî"),
        ("K", "\u{212a}"),
        ("ſ", "S"),
    ] {
        assert!(on(&format!("A: '{rule}'"), text), "{rule} {text}");
        assert!(
            on(&format!("A|contains: '{rule}'"), &format!("x{text}y")),
            "{rule} {text}"
        );
        assert!(!on(&format!("A|cased: '{rule}'"), text), "{rule} {text}");
    }
}
