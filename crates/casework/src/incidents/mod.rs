//! Incidents: opening, classification, state, tasks, timeline. Each change is one timeline entry
//! and one journal leaf with the same content.

mod change;
mod gate;
mod merge;
mod open;
mod pins;
mod table;
mod tasks;
mod timeline;
mod visits;

use jiff::Timestamp;
use saqshy_law::Text3;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

pub use gate::GateItem;
pub use merge::{LikelyDuplicate, LinkedIncident};
pub use pins::{PIN_BYTES_MAX, PinnedEvent};
pub use table::{
    CheckItem, IncidentTable, TableCategory, TableEvent, TableHistory, TableReview, TableVersion,
    review_due,
};
pub use tasks::{NewTask, Task};
pub use timeline::TimelineEntry;
pub use visits::{NewVisit, Visit, VisitPatch};

pub(crate) use merge::{FAMILY, survivor_of};
pub(crate) use pins::pins_of;
pub(crate) use table::{TABLE_RULE, newest_table, table_reviews};
pub(crate) use tasks::task_of;
pub(crate) use timeline::{Entry, timeline_of};

use crate::tx::Columns;
use crate::{Error, IncidentState, Result, Severity, check_text, opt_check};

/// An incident to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    pub title: String,
    /// The title in three languages, when a rule made it.
    pub title_text: Option<Text3>,
    pub severity: Severity,
    /// One of the categories of the organisation's table, if there is one.
    pub category: String,
    /// 1 (first) to 4. If absent: the table's for the category, else what the severity says.
    pub priority: Option<u8>,
    /// The affected object, in words.
    pub object: String,
    pub description: String,
    /// Initial recommendations for halting the spread (O199-10-3-8).
    pub recommendations: String,
    pub assignee: Option<String>,
    /// Who reported it and by which way: mail, telephone, a form, a partner (PS-044).
    pub reporter: String,
    pub channel: String,
    /// The moment of detection, where the clocks of the law start. If absent: when the earliest
    /// of the alerts was opened, without alerts now.
    pub detected_at: Option<Timestamp>,
    /// When it happened. If absent: the earliest hit of the alerts.
    pub occurred_at: Option<Timestamp>,
    pub alerts: Vec<String>,
}

impl NewIncident {
    /// An incident with a title and a severity, everything else empty.
    pub fn new(title: &str, severity: Severity) -> Self {
        Self {
            title: title.to_owned(),
            title_text: None,
            severity,
            category: String::new(),
            priority: None,
            object: String::new(),
            description: String::new(),
            recommendations: String::new(),
            assignee: None,
            reporter: String::new(),
            channel: String::new(),
            detected_at: None,
            occurred_at: None,
            alerts: Vec::new(),
        }
    }
}

/// An incident as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    pub id: String,
    /// `INC-<year>-<number within the year, at least four digits>`.
    pub number: String,
    pub title: String,
    pub title_text: Option<Text3>,
    pub state: IncidentState,
    pub severity: Severity,
    pub category: String,
    /// 1 (first) to 4.
    pub priority: u8,
    /// Version of the organisation's table that category and priority are from.
    pub table_version: Option<i64>,
    pub object: String,
    pub description: String,
    pub recommendations: String,
    /// What brought it about (R90-4-8).
    pub cause: String,
    pub reporter: String,
    pub channel: String,
    pub assignee: Option<String>,
    /// The promotion rule that opened it.
    pub promotion_rule: Option<String>,
    pub detected_at: Timestamp,
    pub occurred_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub eliminated_at: Option<Timestamp>,
    /// Who confirmed the elimination.
    pub eliminated_by: Option<String>,
    pub closed_at: Option<Timestamp>,
    /// The case that carries on.
    pub merged_into: Option<String>,
    /// Grows with every change of state or field.
    pub version: i64,
}

/// New values for fields; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct IncidentPatch {
    pub title: Option<String>,
    pub severity: Option<Severity>,
    pub category: Option<String>,
    pub object: Option<String>,
    pub description: Option<String>,
    pub recommendations: Option<String>,
    pub cause: Option<String>,
    /// 1 (first) to 4.
    pub priority: Option<u8>,
    /// An empty name takes the assignment away.
    pub assignee: Option<String>,
    pub version: i64,
}

const INCIDENT_COLUMNS: &str = "id, number, title, title_text, state, severity, category, object, description, \
     recommendations, assignee, promotion_rule, detected_at_us, occurred_at_us, created_at_us, \
     created_by, eliminated_at_us, closed_at_us, version, priority, table_version, cause, \
     reporter, channel, eliminated_by, merged_into";

pub(crate) fn incident_of(row: &SqliteRow) -> Result<Incident> {
    Ok(Incident {
        id: row.text("id")?,
        number: row.text("number")?,
        title: row.text("title")?,
        title_text: match row.opt_text("title_text")? {
            Some(text) => Some(serde_json::from_str(&text)?),
            None => None,
        },
        state: row.word("state")?,
        severity: row.word("severity")?,
        category: row.text("category")?,
        priority: u8::try_from(row.int("priority")?).unwrap_or(PRIORITY_LAST),
        table_version: row.opt_int("table_version")?,
        object: row.text("object")?,
        description: row.text("description")?,
        recommendations: row.text("recommendations")?,
        cause: row.text("cause")?,
        reporter: row.text("reporter")?,
        channel: row.text("channel")?,
        assignee: row.opt_text("assignee")?,
        promotion_rule: row.opt_text("promotion_rule")?,
        detected_at: row.time("detected_at_us")?,
        occurred_at: row.opt_time("occurred_at_us")?,
        created_at: row.time("created_at_us")?,
        created_by: row.text("created_by")?,
        eliminated_at: row.opt_time("eliminated_at_us")?,
        eliminated_by: row.opt_text("eliminated_by")?,
        closed_at: row.opt_time("closed_at_us")?,
        merged_into: row.opt_text("merged_into")?,
        version: row.int("version")?,
    })
}

pub(crate) async fn incident_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Incident> {
    let sql = format!("SELECT {INCIDENT_COLUMNS} FROM incident WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("incident", id))?;
    incident_of(&row)
}

type FieldCheck<'a> = (&'static str, Option<&'a String>, usize, bool);

fn check_fields(fields: &[FieldCheck<'_>]) -> Result<()> {
    for &(name, value, bytes_max, required) in fields {
        match value {
            Some(value) if required => check_text(name, value, bytes_max)?,
            value => opt_check(name, value.map(String::as_str), bytes_max)?,
        }
    }
    Ok(())
}

/// The lowest priority.
const PRIORITY_LAST: u8 = 4;

fn check_priority(priority: Option<u8>) -> Result<()> {
    match priority {
        Some(priority) if !(1..=PRIORITY_LAST).contains(&priority) => Err(Error::invalid(
            "priority",
            format!("{priority} is none of 1 to {PRIORITY_LAST}"),
        )),
        _ => Ok(()),
    }
}

/// The priority of a severity, where no table says otherwise.
fn priority_of(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 1,
        Severity::High => 2,
        Severity::Medium => 3,
        Severity::Low => 4,
    }
}

/// A case that may be worked on: neither closed nor merged into another.
pub(crate) async fn working_incident(conn: &mut SqliteConnection, id: &str) -> Result<Incident> {
    let incident = incident_by_id(conn, id).await?;
    if let Some(survivor) = &incident.merged_into {
        let message = format!("merged into `{survivor}`: work there");
        return Err(Error::invalid("incident", message));
    }
    if incident.state == IncidentState::Closed {
        let message = format!("{} is closed: reopen it first", incident.number);
        return Err(Error::invalid("incident", message));
    }
    Ok(incident)
}

fn check_times(
    now: Timestamp,
    detected_at: Timestamp,
    occurred_at: Option<Timestamp>,
) -> Result<()> {
    if detected_at > now {
        return Err(Error::invalid(
            "detected_at",
            format!("{detected_at} lies in the future"),
        ));
    }
    match occurred_at {
        Some(occurred_at) if occurred_at > detected_at => Err(Error::invalid(
            "occurred_at",
            format!("{occurred_at} is later than the detection at {detected_at}"),
        )),
        _ => Ok(()),
    }
}
