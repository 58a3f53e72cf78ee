//! Windows XML and JSON: what is read goes through Winlogbeat's form unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saqshy_event::{WindowsEvent, winlogbeat_json};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(event) = WindowsEvent::from_xml(&text)
        && event.event_id.is_some()
    {
        let document = winlogbeat_json(&event).to_string();
        let again = WindowsEvent::from_json(&document).expect("a Winlogbeat document");
        assert_eq!(again.channel, event.channel);
        assert_eq!(again.record_id, event.record_id);
    }
    let _ = WindowsEvent::from_json(&text);
});
