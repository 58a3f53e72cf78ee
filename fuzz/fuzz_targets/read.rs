//! Files of records: whatever the bytes, they are recognised and divided, no record is longer
//! than the limit, and records come in the order of the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saqshy_event::read::{Blocks, Kind, Sniffed, sniff};

fuzz_target!(|data: &[u8]| {
    let mut kinds = vec![Kind::Lines, Kind::JsonLines, Kind::Json, Kind::WindowsXml];
    if let Sniffed::Records(kind) = sniff(data, true) {
        kinds.push(kind);
    }
    for kind in kinds {
        let mut last = 0;
        for block in Blocks::new(data, kind) {
            let block = block.expect("memory can be read");
            for (offset, record) in block.records(jiff::Timestamp::UNIX_EPOCH, "fuzz") {
                assert!(offset >= last && offset <= data.len() as u64);
                assert!(record.payload.len() <= 8 << 20);
                last = offset;
            }
        }
    }
});
