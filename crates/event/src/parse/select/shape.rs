//! Which names of Windows documents say what, for the two shapes that are read here.

use super::fields::FieldSet;

/// The shape of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Winlogbeat's.
    Beat,
    /// System fields and data side by side.
    Flat,
}

/// Parts of a document that are looked at when it has been read whole.
pub(super) struct Names {
    /// Parts that hardly differ from event to event; read together by the careful reader.
    pub head: &'static [&'static str],
    pub record_id: &'static [&'static str],
    pub process_id: &'static [&'static str],
    pub thread_id: &'static [&'static str],
    pub activity_id: &'static [&'static str],
    pub related_activity_id: &'static [&'static str],
    pub message: &'static [&'static str],
    pub computer: &'static [&'static str],
    pub user: &'static [&'static str],
    pub time: &'static [&'static str],
    /// Taken by the careful reader as well, and dropped.
    pub dropped: &'static [&'static str],
}

/// As `windows/beat.rs` reads them.
pub(super) const BEAT: Names = Names {
    head: &[
        "winlog.event_id",
        "winlog.channel",
        "winlog.provider_name",
        "event.provider",
        "event.code",
        "log.level",
        "winlog.provider_guid",
        "winlog.version",
        "winlog.level",
        "winlog.task",
        "winlog.opcode",
        "winlog.keywords",
        "winlog.user_data.xml_name",
    ],
    record_id: &["winlog.record_id"],
    process_id: &["winlog.process.pid"],
    thread_id: &["winlog.process.thread.id"],
    activity_id: &["winlog.activity_id"],
    related_activity_id: &["winlog.related_activity_id"],
    message: &["message", "winlog.message"],
    computer: &["winlog.computer_name", "host.name"],
    user: &["winlog.user.identifier"],
    time: &["@timestamp", "winlog.time_created"],
    dropped: &["winlog.api", "winlog.outcome"],
};

/// As `windows/flat.rs` reads them.
pub(super) const FLAT: Names = Names {
    head: &[
        "EventID",
        "Channel",
        "Provider_Name",
        "ProviderName",
        "SourceName",
        "Provider",
        "ProviderGuid",
        "Provider_Guid",
        "Version",
        "Level",
        "LevelValue",
        "Task",
        "TaskValue",
        "Opcode",
        "OpcodeValue",
        "Keywords",
    ],
    record_id: &["EventRecordID", "RecordNumber", "RecordID"],
    process_id: &["ExecutionProcessID", "Execution_ProcessID"],
    thread_id: &["ExecutionThreadID", "Execution_ThreadID"],
    activity_id: &["ActivityID"],
    related_activity_id: &[],
    message: &["Message"],
    computer: &["Computer", "Hostname", "ComputerName", "MachineName"],
    user: &["UserID"],
    time: &[
        "SystemTime",
        "EventTime",
        "TimeCreated",
        "@timestamp",
        UTC_TIME,
    ],
    dropped: &[
        "EventReceivedTime",
        "SourceModuleName",
        "SourceModuleType",
        "@version",
    ],
};

/// Sysmon's own time is data as well.
pub(super) const UTC_TIME: &str = "UtcTime";

impl Shape {
    pub fn names(self) -> &'static Names {
        match self {
            Shape::Beat => &BEAT,
            Shape::Flat => &FLAT,
        }
    }
}

impl Names {
    /// Every list whose parts are kept until the document has been read, the head first, the
    /// time last, between them those of [`PARTS`].
    pub fn kept(&self) -> [&'static [&'static str]; 10] {
        [
            self.head,
            self.record_id,
            self.process_id,
            self.thread_id,
            self.activity_id,
            self.related_activity_id,
            self.message,
            self.computer,
            self.user,
            self.time,
        ]
    }
}

/// Fields that follow from the head.
pub(crate) const HEAD_FIELDS: [&str; 15] = [
    DATASET,
    "event.code",
    "event.provider",
    "log.level",
    "winlog.channel",
    "winlog.event_id",
    "winlog.keywords",
    "winlog.keywords_mask",
    "winlog.level",
    "winlog.opcode",
    "winlog.provider_guid",
    "winlog.provider_name",
    "winlog.task",
    "winlog.user_data.xml_name",
    "winlog.version",
];
pub(super) const DATASET: &str = "data_stream.dataset";

/// How the value of a field is made of a piece of JSON.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// Windows data: text, tidied.
    Data,
    /// As it is.
    Own,
    /// A whole number other than zero.
    Number,
    /// Text, if there is any.
    Text,
    /// The same, tidied.
    Tidy,
}

/// Fields that each come from one part of the document.
pub(super) const PARTS: [(How, &[&str]); 8] = [
    (How::Number, &["winlog.record_id"]),
    (How::Number, &["winlog.process.pid"]),
    (How::Number, &["winlog.process.thread.id"]),
    (How::Tidy, &["winlog.activity_id"]),
    (How::Tidy, &["winlog.related_activity_id"]),
    (How::Tidy, &["message"]),
    (How::Text, &["host.name", "winlog.computer_name"]),
    (How::Text, &["winlog.user.identifier"]),
];

/// Fields of the record, set for every event that is asked for them.
pub(super) const RECORD_FIELDS: [&str; 5] = [
    "@timestamp",
    "event.id",
    "event.ingested",
    "log.source.id",
    "log.source.address",
];

/// The data of the event.
pub(crate) const DATA: [&str; 2] = ["winlog.event_data.", "winlog.user_data."];

/// What the normaliser makes of the data, under names that look like Winlogbeat's own.
const DERIVED: &str = "winlog.logon.";

/// Whether this reader can give every field of `fields`; the others follow from the event by
/// rules that only the careful reader knows.
pub(super) fn serves(fields: &FieldSet) -> bool {
    let data = |name: &str| DATA.iter().any(|prefix| name.starts_with(prefix));
    let name = |name: &str| {
        data(name)
            || HEAD_FIELDS.contains(&name)
            || PARTS.iter().any(|(_, fields)| fields.contains(&name))
            || RECORD_FIELDS.contains(&name)
            || (!name.contains('.') && name != "tags")
            || (name.starts_with("winlog.") && !name.starts_with(DERIVED))
    };
    fields.prefixes().all(data) && fields.names().all(name)
}
