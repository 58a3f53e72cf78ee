//! Spool records: what decodes encodes to the same bytes, up to the unused flag bits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saqshy_event::Record;

fuzz_target!(|data: &[u8]| {
    if let Ok(record) = Record::decode(data) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        assert_eq!(Record::decode(&bytes), Ok(record));
    }
});
