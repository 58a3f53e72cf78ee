//! What a keyword without a field is searched in.

use saqshy_event::Value;

/// Fields that say how the event came to us, not what happened.
const BOOKKEEPING: [&str; 14] = [
    "@timestamp",
    "ecs.version",
    "event.created",
    "event.created_claimed",
    "event.dataset",
    "event.id",
    "event.ingested",
    "event.kind",
    "event.module",
    "event.original_base64",
    "event.record_count",
    "event.timestamp_untrusted",
    "log.offset",
    "tags",
];

/// Whether keywords look into the field.
pub(crate) fn searched_field(name: &str) -> bool {
    !(BOOKKEEPING.contains(&name)
        || name.starts_with("log.source.")
        || name.starts_with("agent.")
        || name.starts_with("data_stream."))
}

/// Prefixes of the fields of a Windows event that keywords look into.
pub(crate) const WINDOWS_DATA: [&str; 2] = ["winlog.event_data.", "winlog.user_data."];
/// Further fields of a Windows event that keywords look into.
pub(crate) const WINDOWS_NAMES: [&str; 10] = [
    "message",
    "winlog.channel",
    "winlog.computer_name",
    "winlog.event_id",
    "winlog.keywords",
    "winlog.level",
    "winlog.opcode",
    "winlog.provider_name",
    "winlog.task",
    "winlog.user.identifier",
];

/// Whether keywords of a Windows log source look into the field: into what the log holds. The
/// fields that are derived from it repeat parts of it under other names.
pub(crate) fn searched_in_windows(name: &str) -> bool {
    WINDOWS_DATA.iter().any(|prefix| name.starts_with(prefix)) || WINDOWS_NAMES.contains(&name)
}

/// Whether keywords look into this value of the field. The original text is searched where it is
/// a line; a JSON or XML document is searched by the values of its fields instead, because its
/// text also holds their names.
pub(crate) fn searched_value(name: &str, value: &Value) -> bool {
    name != "event.original"
        || value
            .as_str()
            .is_some_and(|text| !text.trim_start().starts_with(['{', '<', '[']) || is_syslog(text))
}

/// `<34>…`: a priority in angle brackets, and no JSON behind it is assumed.
fn is_syslog(text: &str) -> bool {
    let Some(rest) = text.trim_start().strip_prefix('<') else {
        return false;
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits) && rest.as_bytes().get(digits) == Some(&b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_searched_and_documents_are_not() {
        let original = |text: &str| searched_value("event.original", &text.into());
        assert!(
            original("<34>Oct 11 22:14:15 su: failed") && original("type=SYSCALL msg=audit(1:2)")
        );
        assert!(!original(r#"{"a":1}"#) && !original("<Event xmlns='x'>"));
        assert!(searched_value("message", &"{".into()));
        assert!(searched_field("message") && !searched_field("event.id"));
    }
}
