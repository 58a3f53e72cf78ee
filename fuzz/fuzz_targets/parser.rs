//! Every format of the parser. The first byte chooses the format, 0xff divides records.
#![no_main]

use base64::Engine as _;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use saqshy_event::{Format, Parser, Record};

const FORMATS: [Format; 5] =
    [Format::Syslog, Format::Json, Format::Hec, Format::WindowsXml, Format::Line];

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let received = Timestamp::constant(1_774_012_200, 0);
    let records: Vec<(u64, Record<'_>)> = (0..)
        .zip(rest.split(|byte| *byte == 0xff))
        .map(|(seq, payload)| {
            let format = FORMATS[(usize::from(first) + seq as usize / 4) % FORMATS.len()];
            let source = "fuzz";
            (seq, Record { received, source, format, peer: None, truncated: false, payload })
        })
        .collect();
    let later = Timestamp::constant(1_774_099_999, 0);
    let parsed = Parser::new("n").parse(&records, later);
    assert!(parsed.consumed > 0);
    let mut used = 0;
    for event in parsed.batch.events() {
        let joined = event.get("event.record_count").and_then(|count| count.as_int());
        used += joined.unwrap_or(1);
        let tags = event.get("tags").map(|tags| tags.items()).unwrap_or_default();
        assert!(tags.iter().all(|tag| tag.as_str() != Some("_parser_panic")));
        if joined.is_none() {
            let id = event.str("event.id").expect("every event has an id");
            let seq = u64::from_str_radix(id.trim_start_matches("n-"), 16).expect("ours");
            let payload = records[seq as usize].1.payload;
            match event.str("event.original_base64") {
                Some(text) => {
                    let engine = base64::engine::general_purpose::STANDARD;
                    assert_eq!(engine.decode(text).expect("ours"), payload);
                }
                None => assert_eq!(event.str("event.original").map(str::as_bytes), Some(payload)),
            }
        }
    }
    assert_eq!(used, parsed.consumed as i64);
});
