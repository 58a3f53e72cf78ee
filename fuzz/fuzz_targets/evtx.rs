//! EVTX files. Seeds: any real file. Whatever the bytes: reading ends and does not panic, binary
//! XML gives what its text gives, and the wanted columns are those of whole events.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saqshy_event::evtx::{Chunk, Chunks, EvtxReader};
use saqshy_event::{BatchBuilder, FieldSet, Parser};

fuzz_target!(|data: &[u8]| {
    for item in EvtxReader::open_bytes(data.to_vec()) {
        if let Ok((_, event)) = item {
            assert!(event.original.is_some());
        }
    }
    let chunks: Vec<Chunk> = Chunks::stream(data).flatten().collect();
    columns(&chunks);
    for chunk in &chunks {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        chunk.events(|item| fast.extend(item));
        chunk.events_with_xml(|item| slow.extend(item));
        // The fast reader needs no table of names, so it may read more of a damaged chunk.
        assert!(fast.len() >= slow.len());
        if fast.len() == slow.len() {
            for ((_, fast), (_, mut slow)) in fast.into_iter().zip(slow) {
                slow.original = None;
                assert_eq!(fast, slow);
            }
        }
    }
});

/// Reads the chunks with and without building events.
fn columns(chunks: &[Chunk]) {
    let mut fields = FieldSet::default();
    fields.extend([
        "@timestamp",
        "event.id",
        "host.name",
        "winlog.channel",
        "winlog.event_id",
        "winlog.keywords",
        "winlog.record_id",
        "winlog.user_data.xml_name",
    ]);
    fields.insert_below("winlog.event_data.");
    fields.insert_below("winlog.user_data.");
    let parser = Parser::new("n").with_windows_fields(fields.clone());
    let received = jiff::Timestamp::constant(1_774_012_200, 0);
    let mut batch = parser.evtx_batch();
    let mut plain = BatchBuilder::default();
    for chunk in chunks {
        let (mut told, mut told_plainly) = (Vec::new(), Vec::new());
        batch.read(chunk, received, "s", |record| {
            told.push(record.map_err(|error| error.to_string()));
        });
        chunk.events(|record| {
            told_plainly.push(match record {
                Ok((id, event)) => {
                    parser.windows_event(&mut plain, id, received, "s", &event);
                    plain.end_event();
                    Ok(id)
                }
                Err(error) => Err(error.to_string()),
            });
        });
        assert_eq!(told, told_plainly);
    }
    let (batch, plain) = (batch.finish(), plain.finish());
    assert_eq!(batch.rows(), plain.rows());
    for (left, right) in batch.events().zip(plain.events()) {
        let wanted = |event: saqshy_event::EventRef<'_>| {
            let mut event = event.to_json();
            event.retain(|name, _| fields.contains(name));
            event
        };
        assert_eq!(wanted(left), wanted(right));
    }
}
