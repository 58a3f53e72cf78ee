use super::*;
use crate::yaml;

fn chain(text: &str) -> Vec<Modifier> {
    text.split('|')
        .map(|name| Modifier::parse(name).unwrap())
        .collect()
}

fn read(modifiers: &str, value: &str) -> Result<Vec<Matcher>, String> {
    let yaml = format!("v: {value}\n");
    let document = yaml::documents(&yaml)
        .remove(0)
        .unwrap_or_else(|flaw| panic!("{flaw:?}"));
    let chain = if modifiers.is_empty() {
        Vec::new()
    } else {
        chain(modifiers)
    };
    apply(document.root.get("v").unwrap(), &chain, false).map_err(|(_, problem)| problem)
}

fn holds(modifiers: &str, value: &str, text: &str) -> bool {
    let matchers =
        read(modifiers, value).unwrap_or_else(|problem| panic!("{modifiers}: {problem}"));
    matchers
        .iter()
        .any(|matcher| matcher.holds_one(&text.into()))
}

#[test]
fn sides() {
    assert!(holds("contains", "abc", "xABCx") && holds("startswith", "abc", "abcx"));
    assert!(holds("endswith", "abc", "xabc") && !holds("endswith", "abc", "abcx"));
    assert!(holds("endswith", "'1?'", "x12") && !holds("endswith", "'1?'", "12x"));
    assert!(!holds("endswith", "'1?'", "1"));
    assert!(holds("contains", "4688", "event 4688 seen"));
    assert!(holds("contains|cased", "aBc", "xaBc") && !holds("contains|cased", "aBc", "xabc"));
    assert!(holds("", "'trailing '", "TRAILING ") && !holds("", "'trailing '", "trailing"));
    assert!(holds("", "'$(x)'", "$(x)"));
}

#[test]
fn numbers_match_as_text_in_both_notations() {
    assert!(holds("", "-1", "-1") && !holds("", "-1", "1"));
    assert!(holds("", "0x1F", "0x1f") && holds("", "0x1F", "31"));
    let [Matcher::Text { .. }] = &read("", "4688").unwrap()[..] else {
        panic!()
    };
    assert!(read("", "4688").unwrap()[0].holds_one(&4688i64.into()));
}

#[test]
fn regular_expressions_and_their_flags() {
    assert!(holds("re", "'a.c$'", "xabc") && !holds("re", "'a.c$'", "xABC"));
    assert!(holds("re|i", "'a.c$'", "xABC"));
    assert!(holds("re|m", "'^b'", "a\nb") && !holds("re", "'^b'", "a\nb"));
    assert!(holds("re|s", "'a.b'", "a\nb") && !holds("re", "'a.b'", "a\nb"));
    assert!(holds("re|i|m|s", "'^B.c'", "a\nb\nc"));
    assert!(holds("re", r"'\\\*\?'", r"\*?"));
    assert!(read("re", "'(a'").unwrap_err().contains("unclosed"));
    assert!(read("re", "'(?=a)'").is_err());
    assert!(read("contains|re", "a").is_err() && read("i", "a").is_err());
    assert!(read("re", &format!("'{}'", "a{1000}{1000}")).is_err());
}

#[test]
fn base64_and_utf16() {
    assert!(holds("base64|contains", "'/bin/bash'", "x L2Jpbi9iYXNo y"));
    let offsets = read("base64offset|contains", "'foobar'").unwrap();
    assert_eq!(offsets.len(), 3);
    for padding in 0..3 {
        let hidden = STANDARD.encode(format!("{}foobar tail", "x".repeat(padding)));
        assert!(
            offsets
                .iter()
                .any(|one| one.holds_one(&hidden.as_str().into())),
            "{hidden}"
        );
    }
    let bytes = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>()
    };
    for padding in 0..3 {
        let mut hidden = vec![b'x'; padding];
        hidden.extend(bytes("iex қаз!"));
        assert!(holds(
            "wide|base64offset|contains",
            "'iex қаз'",
            &STANDARD.encode(hidden)
        ));
    }
    assert!(holds("utf16be|base64", "cmd", "AGMAbQBk"));
    assert!(holds("utf16|base64", "cmd", "//5jAG0AZAA="));
    assert!(holds("utf16le|contains", "cmd", "x c\0m\0d\0"));
    assert!(read("utf16", "cmd").unwrap_err().contains("no text"));
    assert!(read("base64", "'a*'").unwrap_err().contains("wildcards"));
    assert!(read("wide|wide", "a").is_err());
    assert!(holds("base64", r"'a\*'", "YSo="));
}

#[test]
fn windash_covers_every_dash_and_slash() {
    for text in ["x -s y", "x /s y", "x –s y", "x —s y", "x ―s y"] {
        assert!(holds("windash|contains", "' -s '", text), "{text}");
        assert!(holds("contains|windash", "' /s '", text), "{text}");
        assert!(holds("contains|windash", "' –s '", text), "{text}");
    }
    assert!(holds("windash|base64", "'-a'", "L2E="));
}

#[test]
fn comparisons_times_networks_and_existence() {
    assert!(holds("gte", "5", "5") && !holds("gt", "5", "5") && holds("lt", "-1", "-2"));
    assert!(holds("lte", "'1.5'", "1.4"));
    assert!(read("gt", "abc").is_err() && read("gt", "null").is_err());
    assert!(
        holds("hour", "8", "2019-03-02 08:51:00") && holds("hour|gte", "8", "2019-03-02 09:00:00")
    );
    assert!(holds("lt|hour", "8", "2019-03-02 07:00:00"));
    assert!(holds("cidr", "10.0.0.1/8", "10.2.3.4") && holds("cidr", "10.0.0.1", "10.0.0.1"));
    assert!(read("cidr", "'10.0.*'").is_err());
    assert_eq!(read("exists", "true").unwrap(), [Matcher::Exists(true)]);
    assert!(read("exists", "'yes'").is_err());
    assert_eq!(read("", "null").unwrap(), [Matcher::Null]);
    assert!(read("contains", "null").is_err());
}

#[test]
fn placeholders_wait_for_values() {
    let Matcher::Text { glob, .. } = &read("contains|expand", r"'\%plain%name%x'").unwrap()[0]
    else {
        panic!()
    };
    assert_eq!(
        glob.parts(),
        [
            Part::Any,
            Part::Text("%plain".into()),
            Part::Placeholder("name".into()),
            Part::Text("x".into()),
            Part::Any
        ]
    );
    assert!(holds("", "'%name%'", "%NAME%"));
    assert!(holds("expand", "'100% of 5%'", "100% of 5%"));
}

#[test]
fn field_references() {
    let Matcher::FieldRef { field, side, .. } = &read("fieldref|endswith", "Other").unwrap()[0]
    else {
        panic!()
    };
    assert_eq!((field.as_str(), *side), ("Other", Side::EndsWith));
    assert!(read("fieldref|contains|contains", "a").is_err());
}
