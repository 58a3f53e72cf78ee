//! Actions on other systems (PS-039): asked for, rehearsed, agreed with the owner of the business
//! process (R90-8-2), approved by a second person, applied for a limited time and undone. What
//! was done stands on the case. This crate decides; the server's drivers do.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::cacao::DRIVERS;
use super::runs::run_by_id;
use super::targets::{check_target, protected_now, same_target};
use crate::alerts::check_version;
use crate::incidents::{Entry, FAMILY, working_incident};
use crate::promote::clean;
use crate::tx::Columns;
use crate::words::ActionState;
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, Store, TEXT_BYTES_MAX, TITLE_BYTES_MAX, Tx, check_text,
    time,
};

/// Longest time for which an action stands: 30 days.
pub const ACTION_MINUTES_MAX: u32 = 30 * 24 * 60;

/// An action to be asked for.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// One of [`DRIVERS`].
    pub driver: String,
    /// An address for `block_address`, an account's name for `disable_account`, `set=value` for
    /// `add_to_set`, `webhook=value` for `call_webhook`.
    pub target: String,
    /// How long it stands before it is undone by itself.
    pub minutes: u32,
    pub reason: String,
    /// The step of a run that asks for it.
    pub step: Option<(String, u64)>,
}

/// An action as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    pub id: String,
    pub incident_id: String,
    pub run_id: Option<String>,
    pub run_step: Option<u64>,
    pub driver: String,
    pub target: String,
    pub minutes: u32,
    pub reason: String,
    pub state: ActionState,
    pub requested_at: Timestamp,
    pub requested_by: String,
    /// What a dry run said it would do.
    pub rehearsal: Option<String>,
    /// The owner of the business process who agreed.
    pub owner: Option<String>,
    pub approved_at: Option<Timestamp>,
    pub approved_by: Option<String>,
    pub applied_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub undone_at: Option<Timestamp>,
    pub undone_by: Option<String>,
    /// What the driver found before it changed anything: what undoing restores. Its own words.
    pub former: Option<String>,
    pub result: String,
    pub version: i64,
}

/// What one step of an action writes; `None` leaves the column as it stands.
#[derive(Default)]
struct Change<'a> {
    state: Option<ActionState>,
    rehearsal: Option<&'a str>,
    owner: Option<&'a str>,
    approved: bool,
    expires_at: Option<Timestamp>,
    former: Option<&'a str>,
    undone: bool,
    result: Option<&'a str>,
}

impl Tx {
    /// Asks for an action.
    ///
    /// # Errors
    /// `Invalid` for an unknown driver, a target that is never blocked or that another action stands
    /// on, a time outside 1 minute to 30 days, or a step that is not open or does something else.
    pub async fn request_action(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewAction,
    ) -> Result<Action> {
        working_incident(self.conn(), incident).await?;
        check_text("reason", &new.reason, TITLE_BYTES_MAX)?;
        if !DRIVERS.contains(&new.driver.as_str()) {
            let known = DRIVERS.join(", ");
            let message = format!("`{}` is none of {known}", new.driver);
            return Err(Error::invalid("driver", message));
        }
        if !(1..=ACTION_MINUTES_MAX).contains(&new.minutes) {
            let message = format!("{} is none of 1 to {ACTION_MINUTES_MAX}", new.minutes);
            return Err(Error::invalid("minutes", message));
        }
        let protected = protected_now(self.conn()).await?;
        let target = check_target(&new.driver, &new.target, &protected)?;
        self.check_free(&new.driver, &target).await?;
        if let Some((run, n)) = &new.step {
            let run = run_by_id(self.conn(), run).await?;
            let fits = run.incident_id == incident
                && run.steps.iter().any(|step| {
                    step.n == *n
                        && step.state == crate::StepState::Open
                        && step.driver.as_deref() == Some(&new.driver)
                });
            if !fits {
                return Err(Error::invalid(
                    "step",
                    "is not an open step with this driver",
                ));
            }
        }
        let id = self.new_id("response_action").await?;
        let (run, n) = match &new.step {
            Some((run, n)) => (Some(run), Some(time::signed(*n)?)),
            None => (None, None),
        };
        sqlx::query(
            "INSERT INTO response_action (id, incident_id, run_id, run_step, driver, target, \
             minutes, reason, state, requested_us, requested_by, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'requested', $9, $10, 1)",
        )
        .bind(&id)
        .bind(incident)
        .bind(run)
        .bind(n)
        .bind(&new.driver)
        .bind(&target)
        .bind(i64::from(new.minutes))
        .bind(&new.reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let action = action_by_id(self.conn(), &id).await?;
        let data = json!({"minutes": new.minutes, "state": action.state});
        self.action_entry(ctx, &action, "response.requested", data, Some(&new.reason))
            .await?;
        Ok(action)
    }

    /// Records what a dry run said.
    pub async fn rehearse_action(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        said: &str,
        version: i64,
    ) -> Result<Action> {
        let old = self
            .expect_action(id, version, ActionState::Requested)
            .await?;
        let said = clean(said, TEXT_BYTES_MAX);
        let change = Change {
            rehearsal: Some(&said),
            ..Change::default()
        };
        let data = json!({"rehearsal": said});
        self.write_action(ctx, &old, "response.rehearsed", change, data)
            .await
    }

    /// Approves an action as a second person; `owner` is the owner of the business process, who
    /// agreed (R90-8-2). The target is checked against the list of what is never blocked again.
    ///
    /// # Errors
    /// `Invalid` for who asked for it, and for an action without a dry run.
    pub async fn approve_action(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        owner: &str,
        version: i64,
    ) -> Result<Action> {
        let old = self
            .expect_action(id, version, ActionState::Requested)
            .await?;
        check_text("owner", owner, NAME_BYTES_MAX)?;
        if old.requested_by == ctx.actor.id {
            let message = "who asked for it may not approve; a second person must";
            return Err(Error::invalid("person", message));
        }
        if old.rehearsal.is_none() {
            return Err(Error::invalid("rehearsal", "make a dry run first"));
        }
        let protected = protected_now(self.conn()).await?;
        check_target(&old.driver, &old.target, &protected)?;
        self.check_free(&old.driver, &old.target).await?;
        let change = Change {
            state: Some(ActionState::Approved),
            owner: Some(owner),
            approved: true,
            ..Change::default()
        };
        let data = json!({"owner": owner});
        self.write_action(ctx, &old, "response.approved", change, data)
            .await
    }

    /// Refuses an action that was asked for.
    pub async fn refuse_action(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        reason: &str,
        version: i64,
    ) -> Result<Action> {
        let old = self
            .expect_action(id, version, ActionState::Requested)
            .await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        self.end_action(ctx, &old, ActionState::Refused, reason)
            .await
    }

    /// Takes an approved action in hand: from now on nobody else applies it. `former` is what
    /// undoing will restore, kept before anything changes. If the program stops before
    /// [`Tx::action_applied`], it stands as `applying` for a person to look at.
    pub async fn begin_action(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
        former: Option<&str>,
    ) -> Result<Action> {
        let old = self
            .expect_action(id, version, ActionState::Approved)
            .await?;
        crate::opt_check("former", former, TEXT_BYTES_MAX)?;
        let minutes = SignedDuration::from_mins(i64::from(old.minutes));
        let expires = time::whole(ctx.now.checked_add(minutes).unwrap_or(ctx.now));
        let change = Change {
            state: Some(ActionState::Applying),
            expires_at: Some(expires),
            former,
            ..Change::default()
        };
        let data = json!({"expires_at": expires});
        self.write_action(ctx, &old, "response.begun", change, data)
            .await
    }

    /// Records how applying ended.
    pub async fn action_applied(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        done: bool,
        result: &str,
    ) -> Result<Action> {
        let old = action_by_id(self.conn(), id).await?;
        expect_state(&old, &[ActionState::Applying])?;
        let state = if done {
            ActionState::Applied
        } else {
            ActionState::Failed
        };
        self.end_action(ctx, &old, state, result).await
    }

    /// Records that an applied action was undone, or that undoing failed: then it still stands
    /// and is tried again.
    pub async fn action_undone(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        done: bool,
        result: &str,
    ) -> Result<Action> {
        let old = action_by_id(self.conn(), id).await?;
        expect_state(
            &old,
            &[
                ActionState::Applied,
                ActionState::Applying,
                ActionState::Failed,
            ],
        )?;
        let state = if done { ActionState::Undone } else { old.state };
        self.end_action(ctx, &old, state, result).await
    }

    async fn end_action(
        &mut self,
        ctx: &Ctx<'_>,
        old: &Action,
        state: ActionState,
        result: &str,
    ) -> Result<Action> {
        let result = clean(result, TEXT_BYTES_MAX);
        let change = Change {
            state: Some(state),
            undone: state == ActionState::Undone,
            result: Some(&result),
            ..Change::default()
        };
        // What could not be undone still stands as it was.
        let kind = match old.state == state {
            true => "response.undo_failed".to_owned(),
            false => format!("response.{state}"),
        };
        self.write_action(ctx, old, &kind, change, json!({})).await
    }

    /// Refuses a second action on the same thing: undoing one would end the other, or would
    /// restore what the other had set.
    async fn check_free(&mut self, driver: &str, target: &str) -> Result<()> {
        let rows = sqlx::query(
            "SELECT * FROM response_action WHERE driver = $1 \
             AND state IN ('approved', 'applying', 'applied')",
        )
        .bind(driver)
        .fetch_all(self.conn())
        .await?;
        for row in &rows {
            let other = action_of(row)?;
            if !same_target(driver, &other.target, target) {
                continue;
            }
            let until = other.expires_at.map(|at| format!(" until {at}"));
            let message = format!(
                "`{}` is the target of an action that stands{}; undo that one first",
                other.target,
                until.unwrap_or_default()
            );
            return Err(Error::invalid("target", message));
        }
        Ok(())
    }

    /// Writes one step of an action and its entry on the case.
    async fn write_action(
        &mut self,
        ctx: &Ctx<'_>,
        old: &Action,
        kind: &str,
        change: Change<'_>,
        mut data: Value,
    ) -> Result<Action> {
        let now = time::to_us(ctx.now);
        let by = |done: bool| done.then_some((now, ctx.actor.id.as_str()));
        let (approved, undone) = (by(change.approved), by(change.undone));
        sqlx::query(
            "UPDATE response_action SET state = COALESCE($2, state), \
             rehearsal = COALESCE($3, rehearsal), owner = COALESCE($4, owner), \
             approved_us = COALESCE($5, approved_us), approved_by = COALESCE($6, approved_by), \
             applied_us = COALESCE($7, applied_us), expires_us = COALESCE($8, expires_us), \
             former = COALESCE($9, former), undone_us = COALESCE($10, undone_us), \
             undone_by = COALESCE($11, undone_by), result = COALESCE($12, result), \
             version = version + 1 WHERE id = $1",
        )
        .bind(&old.id)
        .bind(change.state.map(|state| state.as_str()))
        .bind(change.rehearsal)
        .bind(change.owner)
        .bind(approved.map(|(at, _)| at))
        .bind(approved.map(|(_, who)| who))
        .bind(change.expires_at.map(|_| now))
        .bind(time::opt_us(change.expires_at))
        .bind(change.former)
        .bind(undone.map(|(at, _)| at))
        .bind(undone.map(|(_, who)| who))
        .bind(change.result)
        .execute(self.conn())
        .await?;
        if let Some(state) = change.state {
            data["state"] = json!(state);
        }
        self.action_entry(ctx, old, kind, data, change.result)
            .await?;
        action_by_id(self.conn(), &old.id).await
    }

    async fn expect_action(
        &mut self,
        id: &str,
        version: i64,
        state: ActionState,
    ) -> Result<Action> {
        let action = action_by_id(self.conn(), id).await?;
        check_version("response_action", id, version, action.version)?;
        expect_state(&action, &[state])?;
        Ok(action)
    }

    async fn action_entry(
        &mut self,
        ctx: &Ctx<'_>,
        action: &Action,
        kind: &str,
        mut data: Value,
        text: Option<&str>,
    ) -> Result<()> {
        data["driver"] = json!(action.driver);
        data["target"] = json!(action.target);
        let mut entry = Entry::new(kind, ctx.now, data);
        entry.object = Some(("response_action", &action.id));
        entry.text = text.filter(|text| !text.is_empty());
        self.entry(ctx, &action.incident_id, entry).await
    }
}

impl Store {
    /// One action.
    pub async fn action(&self, id: &str) -> Result<Action> {
        action_by_id(&mut *self.pool().acquire().await?, id).await
    }

    /// The actions of a case and of those merged into it, oldest first.
    pub async fn actions(&self, incident: &str) -> Result<Vec<Action>> {
        let sql = format!(
            "SELECT * FROM response_action WHERE incident_id IN ({FAMILY}) \
             ORDER BY requested_us, id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(incident)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(action_of).collect()
    }

    /// Applied actions whose time is over.
    pub async fn actions_expired(&self, now: Timestamp) -> Result<Vec<Action>> {
        let rows = sqlx::query(
            "SELECT * FROM response_action WHERE state = 'applied' AND expires_us <= $1 \
             ORDER BY expires_us, id LIMIT 100",
        )
        .bind(time::to_us(now))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(action_of).collect()
    }
}

/// Name and value of a target that is written `name=value`.
pub fn named_value(target: &str) -> Option<(&str, &str)> {
    let (set, value) = target.split_once('=')?;
    (!set.trim().is_empty() && !value.trim().is_empty()).then(|| (set.trim(), value.trim()))
}

fn expect_state(action: &Action, states: &[ActionState]) -> Result<()> {
    if states.contains(&action.state) {
        return Ok(());
    }
    let message = format!("an action that is {} cannot do this", action.state);
    Err(Error::invalid("state", message))
}

async fn action_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Action> {
    let row = sqlx::query("SELECT * FROM response_action WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("response_action", id))?;
    action_of(&row)
}

fn action_of(row: &SqliteRow) -> Result<Action> {
    Ok(Action {
        id: row.text("id")?,
        incident_id: row.text("incident_id")?,
        run_id: row.opt_text("run_id")?,
        run_step: row.opt_int("run_step")?.map(time::count).transpose()?,
        driver: row.text("driver")?,
        target: row.text("target")?,
        minutes: u32::try_from(row.int("minutes")?).unwrap_or(0),
        reason: row.text("reason")?,
        state: row.word("state")?,
        requested_at: row.time("requested_us")?,
        requested_by: row.text("requested_by")?,
        rehearsal: row.opt_text("rehearsal")?,
        owner: row.opt_text("owner")?,
        approved_at: row.opt_time("approved_us")?,
        approved_by: row.opt_text("approved_by")?,
        applied_at: row.opt_time("applied_us")?,
        expires_at: row.opt_time("expires_us")?,
        undone_at: row.opt_time("undone_us")?,
        undone_by: row.opt_text("undone_by")?,
        former: row.opt_text("former")?,
        result: row.text("result")?,
        version: row.int("version")?,
    })
}
