//! A procedure at work on a case: its steps one after another, and whether it had effect. Low
//! effect leads to the operative measures of R90-8-1 … R90-8-7.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::cacao::{Playbook, Work};
use super::playbooks::{approved, version_of};
use crate::incidents::{Entry, FAMILY, incident_by_id, working_incident};
use crate::tx::Columns;
use crate::words::{Effect, StepState};
use crate::{Ctx, Error, NewTask, Result, Store, TEXT_BYTES_MAX, Tx, check_text, opt_check, time};

/// Most steps that one run may take: a loop ends somewhere.
const STEPS_MAX: i64 = 2_000;

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunStep {
    /// Number within the run.
    pub n: u64,
    pub step_id: String,
    pub name: String,
    pub description: String,
    /// `human`, `automated`, `choice` or `parallel`.
    pub kind: String,
    /// What a person is asked to do, or the question of a choice.
    pub instructions: Vec<String>,
    pub driver: Option<String>,
    /// The answers that a choice knows.
    pub choices: Vec<String>,
    pub state: StepState,
    pub begun_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<String>,
    pub choice: Option<String>,
    pub note: String,
}

/// A run of a procedure on a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    pub id: String,
    pub incident_id: String,
    pub playbook_id: String,
    pub playbook_version: i64,
    pub name: String,
    pub started_at: Timestamp,
    pub started_by: String,
    pub ended_at: Option<Timestamp>,
    pub effect: Option<Effect>,
    pub effect_why: Option<String>,
    pub effect_by: Option<String>,
    pub steps: Vec<RunStep>,
}

/// How a step ended.
#[derive(Debug, Clone)]
pub struct StepEnd {
    /// `Done`, `Failed` or `Skipped`.
    pub state: StepState,
    /// The way taken, of a choice.
    pub choice: Option<String>,
    pub note: String,
}

impl Tx {
    /// Starts the newest approved version of a procedure on a case.
    pub async fn start_run(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        playbook: &str,
    ) -> Result<Run> {
        working_incident(self.conn(), incident).await?;
        let version = approved(self.conn(), playbook).await?;
        let parsed = Playbook::parse(&version.document)?;
        let id = self.new_id("run").await?;
        sqlx::query(
            "INSERT INTO playbook_run (id, incident_id, playbook_id, version, started_us, \
             started_by) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(incident)
        .bind(playbook)
        .bind(version.version)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "playbook": playbook, "playbook_version": version.version, "name": version.name,
            "sha256": version.sha256,
        });
        let mut entry = Entry::new("run.started", ctx.now, data);
        entry.object = Some(("run", &id));
        self.entry(ctx, incident, entry).await?;
        self.response_begun(ctx, incident).await?;
        let first = parsed
            .steps
            .get(&parsed.start)
            .and_then(|start| start.next.clone());
        self.go_on(ctx, &id, &parsed, first).await?;
        run_by_id(self.conn(), &id).await
    }

    /// Ends a step that is open and goes on to what follows.
    ///
    /// # Errors
    /// `Invalid` when the step is not open, when a choice is missing or unknown, or when a step
    /// that was skipped or failed has no note.
    pub async fn end_step(
        &mut self,
        ctx: &Ctx<'_>,
        run: &str,
        n: u64,
        end: &StepEnd,
    ) -> Result<Run> {
        let old = run_by_id(self.conn(), run).await?;
        working_incident(self.conn(), &old.incident_id).await?;
        let step = old.steps.iter().find(|step| step.n == n);
        let step = step.ok_or_else(|| Error::not_found("step", &format!("{run}/{n}")))?;
        if step.state != StepState::Open {
            return Err(Error::invalid(
                "state",
                format!("the step is {}", step.state),
            ));
        }
        opt_check("note", Some(&end.note), TEXT_BYTES_MAX)?;
        match end.state {
            StepState::Done => {}
            StepState::Failed | StepState::Skipped => {
                check_text("note", &end.note, TEXT_BYTES_MAX)?;
            }
            StepState::Open | StepState::Waiting => {
                return Err(Error::invalid(
                    "state",
                    "a step ends done, failed or skipped",
                ));
            }
        }
        let version = version_of(self.conn(), &old.playbook_id, old.playbook_version).await?;
        let parsed = Playbook::parse(&version.document)?;
        let known = parsed.steps.get(&step.step_id);
        let known = known.ok_or_else(|| Error::not_found("step", &step.step_id))?;
        let next = match (&known.work, end.state) {
            (Work::Choice { ways, .. }, _) => {
                let choice = end.choice.as_deref().unwrap_or_default();
                let way = ways.get(choice);
                if way.is_none() && !(choice == "false" && ways.contains_key("true")) {
                    let known: Vec<&str> = ways.keys().map(String::as_str).collect();
                    let message = format!("choose one of {}", known.join(", "));
                    return Err(Error::invalid("choice", message));
                }
                way.cloned()
            }
            (_, StepState::Failed) => known.on_failure.clone().or_else(|| known.next.clone()),
            _ => known.next.clone(),
        };
        self.close_step(ctx, &old, step, end).await?;
        self.go_on(ctx, run, &parsed, next).await?;
        run_by_id(self.conn(), run).await
    }

    /// Judges whether a run had effect. Low effect adds the operative measures as tasks of the
    /// case: `measures` are their titles, one for each of R90-8-1 … R90-8-7.
    pub async fn judge_run(
        &mut self,
        ctx: &Ctx<'_>,
        run: &str,
        effect: Effect,
        reason: &str,
        measures: &[String],
    ) -> Result<Run> {
        let old = run_by_id(self.conn(), run).await?;
        working_incident(self.conn(), &old.incident_id).await?;
        check_text("reason", reason, TEXT_BYTES_MAX)?;
        if old.effect.is_some() {
            return Err(Error::invalid("effect", "was judged already"));
        }
        sqlx::query(
            "UPDATE playbook_run SET effect = $2, effect_why = $3, effect_by = $4, effect_us = $5, \
             ended_us = COALESCE(ended_us, $5) WHERE id = $1",
        )
        .bind(run)
        .bind(effect.as_str())
        .bind(reason)
        .bind(&ctx.actor.id)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        let mut entry = Entry::new("run.judged", ctx.now, json!({"effect": effect}));
        entry.object = Some(("run", run));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, &old.incident_id, entry).await?;
        if effect == Effect::Low {
            let (case, kind) = (&old.incident_id, "response.ineffective");
            self.add_fact(ctx, case, kind, ctx.now, Some(reason), None)
                .await?;
            self.refresh_clocks(ctx, case).await?;
            for title in measures {
                let task = NewTask {
                    title: title.clone(),
                    ..NewTask::default()
                };
                self.add_task(ctx, &old.incident_id, &task).await?;
            }
        }
        run_by_id(self.conn(), run).await
    }

    async fn close_step(
        &mut self,
        ctx: &Ctx<'_>,
        run: &Run,
        step: &RunStep,
        end: &StepEnd,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE run_step SET state = $3, ended_us = $4, ended_by = $5, choice = $6, note = $7 \
             WHERE run_id = $1 AND n = $2",
        )
        .bind(&run.id)
        .bind(time::signed(step.n)?)
        .bind(end.state.as_str())
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(&end.choice)
        .bind(&end.note)
        .execute(self.conn())
        .await?;
        let data = json!({
            "n": step.n, "step": step.step_id, "name": step.name, "state": end.state,
            "choice": end.choice,
        });
        let mut entry = Entry::new("run.step", ctx.now, data);
        entry.object = Some(("run", &run.id));
        entry.text = Some(end.note.as_str()).filter(|note| !note.is_empty());
        self.entry(ctx, &run.incident_id, entry).await
    }

    /// Opens what follows. Where a way ends and no step is open, the last parallel step that
    /// waits for its branches goes on; where none waits, the run has ended.
    async fn go_on(
        &mut self,
        ctx: &Ctx<'_>,
        run: &str,
        playbook: &Playbook,
        next: Option<String>,
    ) -> Result<()> {
        let mut todo: Vec<String> = next.into_iter().collect();
        loop {
            while let Some(id) = todo.pop() {
                let Some(step) = playbook.steps.get(&id) else {
                    continue;
                };
                let state = match &step.work {
                    Work::End | Work::Start => continue,
                    Work::Parallel { branches } => {
                        todo.extend(branches.iter().rev().cloned());
                        StepState::Waiting
                    }
                    _ => StepState::Open,
                };
                self.open_step(ctx, run, &id, state).await?;
            }
            let steps = steps_of(self.conn(), run, playbook).await?;
            if steps.iter().any(|step| step.state == StepState::Open) {
                return Ok(());
            }
            let Some(waiting) = steps.iter().rfind(|step| step.state == StepState::Waiting) else {
                break;
            };
            sqlx::query(
                "UPDATE run_step SET state = 'done', ended_us = $3 WHERE run_id = $1 AND n = $2",
            )
            .bind(run)
            .bind(time::signed(waiting.n)?)
            .bind(time::to_us(ctx.now))
            .execute(self.conn())
            .await?;
            let step = playbook.steps.get(&waiting.step_id);
            todo.extend(step.and_then(|step| step.next.clone()));
        }
        sqlx::query("UPDATE playbook_run SET ended_us = $2 WHERE id = $1 AND ended_us IS NULL")
            .bind(run)
            .bind(time::to_us(ctx.now))
            .execute(self.conn())
            .await?;
        Ok(())
    }

    async fn open_step(
        &mut self,
        ctx: &Ctx<'_>,
        run: &str,
        step: &str,
        state: StepState,
    ) -> Result<()> {
        let n: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(n), 0) + 1 FROM run_step WHERE run_id = $1")
                .bind(run)
                .fetch_one(self.conn())
                .await?;
        if n > STEPS_MAX {
            return Err(Error::invalid(
                "run",
                format!("over {STEPS_MAX} steps: a loop?"),
            ));
        }
        sqlx::query(
            "INSERT INTO run_step (run_id, n, step_id, state, begun_us) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(run)
        .bind(n)
        .bind(step)
        .bind(state.as_str())
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        Ok(())
    }
}

impl Store {
    /// The runs on a case and on those merged into it, oldest first.
    pub async fn runs(&self, incident: &str) -> Result<Vec<Run>> {
        let mut conn = self.pool().begin().await?;
        incident_by_id(&mut conn, incident).await?;
        let sql = format!(
            "SELECT id FROM playbook_run WHERE incident_id IN ({FAMILY}) ORDER BY started_us, id"
        );
        let ids: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(incident)
            .fetch_all(&mut *conn)
            .await?;
        let mut runs = Vec::new();
        for id in ids {
            runs.push(run_by_id(&mut conn, &id).await?);
        }
        Ok(runs)
    }
}

pub(super) async fn run_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Run> {
    let row = sqlx::query("SELECT * FROM playbook_run WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or_else(|| Error::not_found("run", id))?;
    let (playbook, number) = (row.text("playbook_id")?, row.int("version")?);
    let version = version_of(&mut *conn, &playbook, number).await?;
    let parsed = Playbook::parse(&version.document)?;
    Ok(Run {
        id: id.to_owned(),
        incident_id: row.text("incident_id")?,
        playbook_id: playbook,
        playbook_version: number,
        name: version.name,
        started_at: row.time("started_us")?,
        started_by: row.text("started_by")?,
        ended_at: row.opt_time("ended_us")?,
        effect: row
            .opt_text("effect")?
            .map(|word| word.parse())
            .transpose()?,
        effect_why: row.opt_text("effect_why")?,
        effect_by: row.opt_text("effect_by")?,
        steps: steps_of(conn, id, &parsed).await?,
    })
}

async fn steps_of(
    conn: &mut SqliteConnection,
    run: &str,
    playbook: &Playbook,
) -> Result<Vec<RunStep>> {
    let rows = sqlx::query("SELECT * FROM run_step WHERE run_id = $1 ORDER BY n")
        .bind(run)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| step_of(row, playbook)).collect()
}

fn step_of(row: &SqliteRow, playbook: &Playbook) -> Result<RunStep> {
    let step_id = row.text("step_id")?;
    let step = playbook.steps.get(&step_id);
    let step =
        step.ok_or_else(|| Error::corrupt(format!("no step `{step_id}` in its playbook")))?;
    let none = BTreeMap::new();
    let (kind, instructions, driver, ways) = match &step.work {
        Work::Human { commands } => ("human", commands.clone(), None, &none),
        Work::Automated { driver } => ("automated", Vec::new(), Some(driver.clone()), &none),
        Work::Choice { question, ways } => ("choice", vec![question.clone()], None, ways),
        Work::Parallel { .. } | Work::Start | Work::End => ("parallel", Vec::new(), None, &none),
    };
    let mut choices: Vec<String> = ways.keys().cloned().collect();
    if choices == ["true"] {
        choices.push("false".to_owned());
    }
    Ok(RunStep {
        n: row.uint("n")?,
        name: step.name.clone(),
        description: step.description.clone(),
        kind: kind.to_owned(),
        instructions,
        driver,
        choices,
        step_id,
        state: row.word("state")?,
        begun_at: row.time("begun_us")?,
        ended_at: row.opt_time("ended_us")?,
        ended_by: row.opt_text("ended_by")?,
        choice: row.opt_text("choice")?,
        note: row.text("note")?,
    })
}
