//! What is due next in the whole organisation: clocks of the law, tasks, reviews. The rows of the
//! calendar feed.

use jiff::Timestamp;
use saqshy_law::Text3;
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use crate::tx::Columns;
use crate::{Law, Result, Store};

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
    /// The yearly review of the organisation's own table (R90-4-10).
    Review,
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
    pub async fn due(&self, law: &Law, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
        let mut rows = Vec::new();
        for row in self.clocks_next(law, now, usize::MAX).await? {
            let Some(due) = row.clock.due else { continue };
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
        if let Some(due) = self.incident_tables(&law.zone()).await?.review_due {
            rows.push(Due {
                uid: "review:incident_table".to_owned(),
                kind: DueKind::Review,
                title: Text3 {
                    kk: "Оқиғалар тізбесі мен жіктеу кестесін қайта қарау".to_owned(),
                    ru: "Пересмотр перечня событий и таблицы классификации".to_owned(),
                    en: "Review of the event list and the table of classes".to_owned(),
                },
                due,
                own: true,
                clause: Some("R90-4-10".to_owned()),
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
