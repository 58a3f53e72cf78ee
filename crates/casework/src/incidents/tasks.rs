//! Tasks of an incident.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Entry, working_incident};
use crate::tx::Columns;
use crate::words::NotificationKind;
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, TITLE_BYTES_MAX, TaskState, Tx, check_text, opt_check, time,
};

/// A task to be added.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    pub title: String,
    pub assignee: Option<String>,
    pub due: Option<Timestamp>,
}

/// A task of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    pub id: String,
    pub title: String,
    pub assignee: Option<String>,
    pub due: Option<Timestamp>,
    pub state: TaskState,
    pub created_at: Timestamp,
    pub created_by: String,
    pub done_at: Option<Timestamp>,
}

impl Tx {
    /// Adds a task.
    pub async fn add_task(&mut self, ctx: &Ctx<'_>, incident: &str, new: &NewTask) -> Result<Task> {
        working_incident(self.conn(), incident).await?;
        check_text("title", &new.title, TITLE_BYTES_MAX)?;
        opt_check("assignee", new.assignee.as_deref(), NAME_BYTES_MAX)?;
        let id = self.new_id("task").await?;
        let seq: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) + 1 FROM task WHERE incident_id = $1")
                .bind(incident)
                .fetch_one(self.conn())
                .await?;
        sqlx::query(
            "INSERT INTO task (id, incident_id, seq, title, assignee, due_us, state, created_us, \
             created_by) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8)",
        )
        .bind(&id)
        .bind(incident)
        .bind(seq)
        .bind(&new.title)
        .bind(&new.assignee)
        .bind(time::opt_us(new.due))
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "incident": incident,
            "title": new.title,
            "assignee": new.assignee,
            "due": new.due.map(time::whole),
            "state": TaskState::Open,
        });
        let mut entry = Entry::new("task.added", ctx.now, data);
        entry.object = Some(("task", &id));
        self.entry(ctx, incident, entry).await?;
        if let Some(person) = &new.assignee {
            let about = ("incident", incident);
            self.notify(ctx, person, NotificationKind::Task, about, &new.title)
                .await?;
        }
        task_by_id(self.conn(), incident, &id).await
    }

    /// Moves a task to another state.
    pub async fn set_task(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        id: &str,
        state: TaskState,
    ) -> Result<Task> {
        let old = task_by_id(self.conn(), incident, id).await?;
        if old.state == state {
            return Err(Error::invalid(
                "state",
                format!("the task is {state} already"),
            ));
        }
        let done = (state == TaskState::Done).then_some(ctx.now);
        sqlx::query("UPDATE task SET state = $2, done_us = $3 WHERE id = $1")
            .bind(id)
            .bind(state.as_str())
            .bind(time::opt_us(done))
            .execute(self.conn())
            .await?;
        let data = json!({"incident": incident, "title": old.title, "state": state});
        let mut entry = Entry::new("task.changed", ctx.now, data);
        entry.object = Some(("task", id));
        self.entry(ctx, incident, entry).await?;
        task_by_id(self.conn(), incident, id).await
    }
}

async fn task_by_id(conn: &mut SqliteConnection, incident: &str, id: &str) -> Result<Task> {
    let row = sqlx::query(
        "SELECT id, title, assignee, due_us, state, created_us, created_by, done_us FROM task \
         WHERE id = $1 AND incident_id = $2",
    )
    .bind(id)
    .bind(incident)
    .fetch_optional(conn)
    .await?
    .ok_or_else(|| Error::not_found("task", id))?;
    task_of(&row)
}

pub(crate) fn task_of(row: &SqliteRow) -> Result<Task> {
    Ok(Task {
        id: row.text("id")?,
        title: row.text("title")?,
        assignee: row.opt_text("assignee")?,
        due: row.opt_time("due_us")?,
        state: row.word("state")?,
        created_at: row.time("created_us")?,
        created_by: row.text("created_by")?,
        done_at: row.opt_time("done_us")?,
    })
}
