//! What is due next in the whole organisation: clocks of the law, tasks, recommendations, changed
//! contacts, what returns every period.

use jiff::Timestamp;
use saqshy_law::Text3;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::done::{TABLE_REVIEW, periods_now};
use crate::tx::Columns;
use crate::{Actor, Law, Result, Store};

/// Why something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DueKind {
    /// A duty of the law on a case.
    Clock,
    /// A task of a case.
    Task,
    /// A duty that the change of a contact started.
    Contact,
    /// The yearly review of the organisation's own table (R90-4-10). It has no title: the kind
    /// says it.
    Review,
    /// A recommendation of an investigation (R90-11-6).
    Recommendation,
    /// A duty that returns every period.
    Periodic,
}

/// Who asks. What an investigation advises is shown to those who may read investigations and to
/// its owner, and never to a person whom the investigation is about.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub actor: &'a Actor,
    pub investigations: bool,
}

/// One thing that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The same for the same thing on every reading.
    pub uid: String,
    pub kind: DueKind,
    pub title: Text3,
    pub due: Timestamp,
    /// The organisation's own; otherwise it watches somebody else's.
    pub own: bool,
    /// Clause that sets the term.
    pub clause: Option<String>,
    pub person: Option<String>,
    pub incident_id: Option<String>,
    pub incident_number: Option<String>,
}

impl Store {
    /// Everything that is due on open cases and by rule, the earliest first, overdue included.
    pub async fn due(
        &self,
        law: &Law,
        now: Timestamp,
        reader: Reader<'_>,
        limit: usize,
    ) -> Result<Vec<Due>> {
        let mut rows = Vec::new();
        for row in self.clocks_next(law, now, usize::MAX).await? {
            let Some(due) = row.clock.due else { continue };
            let (incident, duty) = (&row.incident_id, &row.clock.duty);
            if self.hides(law, incident, duty, &reader.actor.id).await? {
                continue;
            }
            rows.push(Due {
                uid: format!("clock:{}:{}", row.incident_id, row.clock.duty),
                kind: DueKind::Clock,
                title: row.clock.title,
                due,
                own: row.clock.own,
                clause: Some(row.clock.clause),
                person: None,
                incident_id: Some(row.incident_id),
                incident_number: Some(row.incident_number),
            });
        }
        for row in self.contact_clocks(law, now, None).await? {
            let Some(due) = row.clock.due.filter(|_| row.clock.stopped.is_none()) else {
                continue;
            };
            let contact = &row.contact;
            rows.push(Due {
                uid: format!(
                    "contact:{}:{}:{}",
                    contact.id, contact.version, row.clock.duty
                ),
                kind: DueKind::Contact,
                title: row.clock.title,
                due,
                own: row.clock.own,
                clause: Some(row.clock.clause),
                person: Some(contact.person.clone()),
                incident_id: None,
                incident_number: None,
            });
        }
        rows.extend(tasks_due(&mut *self.pool().acquire().await?).await?);
        rows.extend(advice_due(&mut *self.pool().acquire().await?, reader).await?);
        let periodic = periods_now(&mut *self.pool().acquire().await?, law, now).await?;
        let reviewed = periodic.iter().any(|clock| clock.clause == TABLE_REVIEW);
        rows.extend(periodic.into_iter().filter_map(|clock| {
            let due = clock.due.filter(|_| clock.stopped.is_none())?;
            let period = clock.period.unwrap_or_default();
            Some(Due {
                uid: format!("periodic:{}:{period}", clock.duty),
                kind: DueKind::Periodic,
                title: clock.title.map(|_, title| format!("{title} ({period})")),
                due,
                own: clock.own,
                clause: Some(clock.clause),
                person: None,
                incident_id: None,
                incident_number: None,
            })
        }));
        let table = self.incident_tables(&law.zone()).await?.review_due;
        if let Some(due) = table.filter(|_| !reviewed) {
            rows.push(Due {
                uid: "review:incident_table".to_owned(),
                kind: DueKind::Review,
                title: Text3::default(),
                due,
                own: true,
                clause: Some(TABLE_REVIEW.to_owned()),
                person: None,
                incident_id: None,
                incident_number: None,
            });
        }
        rows.sort_by(|a, b| (a.due, a.kind, &a.uid).cmp(&(b.due, b.kind, &b.uid)));
        rows.truncate(limit);
        Ok(rows)
    }
}

async fn advice_due(conn: &mut SqliteConnection, reader: Reader<'_>) -> Result<Vec<Due>> {
    let rows = sqlx::query(
        "SELECT t.id, t.text, t.owner, t.due_us, i.id AS incident, i.number \
         FROM investigation_item t JOIN investigation v ON v.id = t.investigation_id \
         JOIN incident i ON i.id = v.incident_id \
         WHERE t.kind = 'recommendation' AND t.state = 'open' AND t.due_us IS NOT NULL \
         AND ($1 OR t.owner = $2) AND NOT EXISTS (SELECT 1 FROM investigation_person p \
         WHERE p.investigation_id = v.id AND p.person = $2 AND p.part = 'subject')",
    )
    .bind(reader.investigations)
    .bind(&reader.actor.id)
    .fetch_all(conn)
    .await?;
    let row = |row: &SqliteRow| {
        Ok(Due {
            uid: format!("recommendation:{}", row.text("id")?),
            kind: DueKind::Recommendation,
            title: Text3::same(row.text("text")?),
            due: row.time("due_us")?,
            own: true,
            clause: Some("R90-11-6".to_owned()),
            person: Some(row.text("owner")?),
            incident_id: Some(row.text("incident")?),
            incident_number: Some(row.text("number")?),
        })
    };
    rows.iter().map(row).collect()
}

async fn tasks_due(conn: &mut SqliteConnection) -> Result<Vec<Due>> {
    let rows = sqlx::query(
        "SELECT t.id, t.title, t.assignee, t.due_us, i.id AS incident, i.number FROM task t \
         JOIN incident i ON i.id = t.incident_id WHERE t.state = 'open' AND t.due_us IS NOT NULL \
         AND i.state <> 'closed'",
    )
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                uid: format!("task:{}", row.text("id")?),
                kind: DueKind::Task,
                title: Text3::same(row.text("title")?),
                due: row.time("due_us")?,
                own: true,
                clause: None,
                person: row.opt_text("assignee")?,
                incident_id: Some(row.text("incident")?),
                incident_number: Some(row.text("number")?),
            })
        })
        .collect()
}
