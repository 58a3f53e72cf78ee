//! The fields that the readers of wanted fields give themselves.

use saqshy_event::FieldSet;

/// Every field that can be had without deriving it from others.
pub fn everything() -> FieldSet {
    let mut fields = FieldSet::default();
    fields.extend([
        "@timestamp",
        "data_stream.dataset",
        "event.code",
        "event.id",
        "event.ingested",
        "event.provider",
        "host.name",
        "log.level",
        "log.source.id",
        "message",
        "winlog.activity_id",
        "winlog.channel",
        "winlog.computer_name",
        "winlog.event_id",
        "winlog.keywords",
        "winlog.keywords_mask",
        "winlog.level",
        "winlog.opcode",
        "winlog.process.pid",
        "winlog.process.thread.id",
        "winlog.provider_guid",
        "winlog.provider_name",
        "winlog.record_id",
        "winlog.related_activity_id",
        "winlog.task",
        "winlog.user.identifier",
        "winlog.user_data.xml_name",
        "winlog.version",
    ]);
    fields.insert_below("winlog.event_data.");
    fields.insert_below("winlog.user_data.");
    fields
}
