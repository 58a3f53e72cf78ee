//! Wire types that several parts of the API share. Domain types are converted here by hand; no
//! other crate knows this shape.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One text in the three languages of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Text3 {
    pub kk: String,
    pub ru: String,
    pub en: String,
}

impl From<saqshy_law::Text3> for Text3 {
    fn from(text: saqshy_law::Text3) -> Self {
        Self {
            kk: text.kk,
            ru: text.ru,
            en: text.en,
        }
    }
}

/// Level of a detection rule and of its alerts, from the Sigma specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl From<saqshy_detect::Level> for Level {
    fn from(level: saqshy_detect::Level) -> Self {
        use saqshy_detect::Level as From;
        match level {
            From::Informational => Level::Informational,
            From::Low => Level::Low,
            From::Medium => Level::Medium,
            From::High => Level::High,
            From::Critical => Level::Critical,
        }
    }
}

/// Severity of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// A number per level.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct LevelCounts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub informational: u64,
}

/// How many events fell into the interval that starts at `time`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Bucket {
    pub time: Timestamp,
    pub count: u64,
}

/// Where a duty's clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockStatus {
    NotStarted,
    Running,
    Met,
    MetLate,
    Overdue,
    Fired,
    NotNeeded,
}

/// A duty of the law on one incident, with its term.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Clock {
    pub id: String,
    /// Id of the duty in its pack, for example `o199.notify-nsc`.
    pub duty: String,
    /// Clause id, for example `O199-10-3-7b`.
    pub clause: String,
    /// The act that sets the duty, for example `kz/o199`.
    pub act: String,
    /// The organisation's own duty; otherwise one that somebody owes it, watched the same way.
    pub own: bool,
    pub bearer: String,
    pub addressees: Vec<Text3>,
    /// The same addressees as ids, to draft a notice to.
    pub addressee_ids: Vec<String>,
    pub title: Text3,
    /// `within`, `after`, `each` or `before`.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    pub status: ClockStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Timestamp>,
    /// How the due time was computed, step by step.
    pub steps: Vec<Text3>,
    /// Edition of the act that the term was computed under.
    pub edition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_edition: Option<String>,
    /// The calendar of a year involved is not published yet.
    pub provisional: bool,
}

/// A clock and the incident that it runs on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClockRow {
    #[serde(flatten)]
    pub clock: Clock,
    pub incident_id: String,
    pub incident_number: String,
    pub incident_title: String,
}

/// Something was made; this is its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct Created {
    pub id: String,
}
