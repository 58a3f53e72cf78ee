//! EVTX files. Seeds: any real file; the reader must end and must not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saqshy_event::evtx::EvtxReader;

fuzz_target!(|data: &[u8]| {
    for item in EvtxReader::open_bytes(data.to_vec()) {
        if let Ok((_, event)) = item {
            assert!(event.original.is_some());
        }
    }
});
