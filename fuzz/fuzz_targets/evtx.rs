//! EVTX files. Seeds: any real file. Whatever the bytes: reading ends and does not panic, and
//! binary XML gives what its text gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saqshy_event::evtx::{Chunks, EvtxReader};

fuzz_target!(|data: &[u8]| {
    for item in EvtxReader::open_bytes(data.to_vec()) {
        if let Ok((_, event)) = item {
            assert!(event.original.is_some());
        }
    }
    for chunk in Chunks::stream(data).flatten() {
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
