//! Reads lines from standard input and prints the events that they become, one JSON object each:
//! `cargo run -p saqshy-event --example parse_lines -- syslog < messages`
//!
//! The argument is the format: syslog (default), json, hec, xml or line.

use std::io::{Read, Write};

use saqshy_event::{Format, Parser, Record};

fn main() -> std::io::Result<()> {
    let format = match std::env::args().nth(1).as_deref() {
        None | Some("syslog") => Format::Syslog,
        Some("json") => Format::Json,
        Some("hec") => Format::Hec,
        Some("xml") => Format::WindowsXml,
        Some("line") => Format::Line,
        Some(other) => {
            eprintln!("unknown format `{other}`");
            std::process::exit(2);
        }
    };
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let received = jiff::Timestamp::now();
    let records: Vec<(u64, Record<'_>)> = (0..)
        .zip(
            input
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty()),
        )
        .map(|(seq, payload)| {
            let source = "stdin";
            (
                seq,
                Record {
                    received,
                    source,
                    format,
                    peer: None,
                    truncated: false,
                    payload,
                },
            )
        })
        .collect();
    let parser = Parser::new("local");
    let later = received + jiff::SignedDuration::from_hours(1);
    let mut out = std::io::stdout().lock();
    let mut rest = records.as_slice();
    while !rest.is_empty() {
        let parsed = parser.parse(rest, later);
        for event in parsed.batch.events() {
            writeln!(out, "{}", serde_json::Value::from(event.to_json()))?;
        }
        rest = &rest[parsed.consumed..];
    }
    Ok(())
}
