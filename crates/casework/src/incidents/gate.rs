//! The closing gate: what must be so before a case may be closed, as a list that says what is
//! missing (R90-9-a, R90-11-6, R90-4-14, PS-046, PS-048).

use jiff::Timestamp;
use saqshy_law::{Clock, ClockStatus, Text3};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::table::newest_table;
use super::{Entry, Incident, working_incident};
use crate::evidence::{Evidence, evidence_of_family};
use crate::facts::facts_in_force;
use crate::investigations::{damage_of, decision_of, in_force, investigations_of};
use crate::tx::Columns;
use crate::{
    Ctx, Error, Law, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time,
};

/// One point of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateItem {
    /// `classified`, `eliminated`, `cause`, `evidence`, `investigation`, `damage`,
    /// `clock:<duty>` or `check:<item>`.
    pub id: String,
    /// The clause it answers for, where it is one.
    pub clause: Option<String>,
    /// Title of a duty or of a point of the organisation's check list.
    pub title: Option<Text3>,
    pub ok: bool,
    /// Who settled it, with when and why, or what is missing.
    pub detail: String,
    pub by: Option<String>,
    pub at: Option<Timestamp>,
}

impl GateItem {
    fn new(id: impl Into<String>, clause: Option<&str>, ok: bool, detail: String) -> Self {
        Self {
            id: id.into(),
            clause: clause.map(str::to_owned),
            title: None,
            ok,
            detail,
            by: None,
            at: None,
        }
    }
}

impl Tx {
    /// Records why an own duty on a case was not met or need not be. Replaces an earlier reason;
    /// both stay in the journal.
    ///
    /// # Errors
    /// `Invalid` when no own clock of that duty runs here.
    pub async fn explain_clock(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        duty: &str,
        reason: &str,
    ) -> Result<()> {
        working_incident(self.conn(), incident).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let facts = facts_in_force(self.conn(), incident).await?;
        let clocks = ctx.law.clocks(&facts, ctx.now);
        let clock = clocks
            .iter()
            .find(|clock| clock.own && clock.duty == duty && clock.started.is_some());
        let Some(clock) = clock else {
            let message = format!("no own clock `{duty}` runs on this case");
            return Err(Error::invalid("duty", message));
        };
        sqlx::query(
            "INSERT INTO clock_reason (incident_id, duty, reason, given_us, given_by) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (incident_id, duty) DO UPDATE SET \
             reason = excluded.reason, given_us = excluded.given_us, given_by = excluded.given_by",
        )
        .bind(incident)
        .bind(duty)
        .bind(reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({"clause": clock.clause, "status": clock.status, "due": clock.due});
        let mut entry = Entry::new("clock.explained", ctx.now, data);
        entry.object = Some(("duty", duty));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        entry.edition = Some(&clock.edition);
        self.entry(ctx, incident, entry).await
    }

    /// Confirms a point of a closing check list, of a pack or of the organisation's own.
    pub async fn mark_check(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        item: &str,
        note: &str,
    ) -> Result<()> {
        working_incident(self.conn(), incident).await?;
        check_text("item", item, NAME_BYTES_MAX)?;
        crate::opt_check("note", Some(note), TITLE_BYTES_MAX)?;
        let table = newest_table(self.conn()).await?;
        let own = table.is_some_and(|table| table.table.closing.iter().any(|c| c.id == item));
        if !own && !checks_of_packs(ctx.law).any(|check| check.id == item) {
            let message = format!("`{item}` is in no check list that applies here");
            return Err(Error::invalid("item", message));
        }
        let done = sqlx::query(
            "INSERT INTO check_mark (incident_id, item, note, marked_us, marked_by) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(incident)
        .bind(item)
        .bind(note)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::invalid(
                "item",
                format!("`{item}` is confirmed already"),
            ));
        }
        let mut entry = Entry::new("check.confirmed", ctx.now, json!({}));
        entry.object = Some(("check", item));
        entry.text = Some(note).filter(|note| !note.is_empty());
        self.entry(ctx, incident, entry).await
    }

    /// Refuses to close a case whose gate is shut. `reason` stands in for an elimination and a
    /// cause when the case is closed without them.
    pub(crate) async fn check_gate(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &Incident,
        reason: &str,
    ) -> Result<()> {
        let items = gate(self.conn(), incident, ctx.law, ctx.now).await?;
        let by_reason = |id: &str| matches!(id, "eliminated" | "cause") && !reason.is_empty();
        let open: Vec<String> = items
            .into_iter()
            .filter(|item| !item.ok && !by_reason(&item.id))
            .map(|item| item.id)
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let message = format!("the case cannot be closed yet: {}", open.join(", "));
        Err(Error::invalid("gate", message))
    }
}

impl Store {
    /// What must be so before the case may be closed.
    pub async fn closing_gate(&self, id: &str, law: &Law, now: Timestamp) -> Result<Vec<GateItem>> {
        let mut conn = self.pool().begin().await?;
        let incident = super::incident_by_id(&mut conn, id).await?;
        gate(&mut conn, &incident, law, now).await
    }
}

async fn gate(
    conn: &mut SqliteConnection,
    incident: &Incident,
    law: &Law,
    now: Timestamp,
) -> Result<Vec<GateItem>> {
    let mut items = Vec::new();
    let table = newest_table(conn).await?;
    if let Some(table) = &table {
        let ok = table.table.category(&incident.category).is_some();
        let detail = incident.category.clone();
        items.push(GateItem::new("classified", Some("R90-7-3"), ok, detail));
    }
    let mut item = GateItem::new(
        "eliminated",
        Some("O199-10-3-11"),
        incident.eliminated_at.is_some(),
        String::new(),
    );
    (item.at, item.by) = (incident.eliminated_at, incident.eliminated_by.clone());
    items.push(item);
    let known = !incident.cause.is_empty();
    items.push(GateItem::new(
        "cause",
        Some("R90-4-8"),
        known,
        incident.cause.clone(),
    ));
    for clock in law.clocks(&facts_in_force(conn, &incident.id).await?, now) {
        if clock.own && clock.started.is_some() {
            items.push(clock_item(conn, incident, &clock).await?);
        }
    }
    let facts = facts_in_force(conn, &incident.id).await?;
    for check in checks_of_packs(law) {
        let mut item = check_item(conn, incident, &check.id, &check.title).await?;
        if let Some(fact) = facts.iter().find(|fact| ticks(check, &fact.kind)) {
            (item.ok, item.at) = (true, Some(fact.at));
        }
        items.push(item);
    }
    if let Some(table) = &table {
        for check in &table.table.closing {
            items.push(check_item(conn, incident, &check.id, &check.title).await?);
        }
    }
    items.extend(evidence_item(conn, incident).await?);
    items.extend(investigation_items(conn, incident).await?);
    Ok(items)
}

/// PS-048: whatever was secured is sealed.
async fn evidence_item(
    conn: &mut SqliteConnection,
    incident: &Incident,
) -> Result<Option<GateItem>> {
    let evidence = evidence_of_family(conn, &incident.id).await?;
    if evidence.is_empty() {
        return Ok(None);
    }
    let open = |one: &&Evidence| one.sealed_at.is_none() && one.deleted_at.is_none();
    let open: Vec<&str> = evidence
        .iter()
        .filter(open)
        .map(|one| one.title.as_str())
        .collect();
    let item = GateItem::new("evidence", Some("R90-13"), open.is_empty(), open.join(", "));
    Ok(Some(item))
}

/// R90-4-14, R90-11: with material damage there is an investigation, and each one is concluded.
async fn investigation_items(
    conn: &mut SqliteConnection,
    incident: &Incident,
) -> Result<Vec<GateItem>> {
    let mut items = Vec::new();
    let found = investigations_of(conn, &incident.id).await?;
    let material = damage_of(conn, &incident.id).await?.iter().any(in_force);
    let needed = decision_of(conn, &incident.id)
        .await?
        .is_some_and(|one| one.needed);
    if material || needed {
        let clause = if material { "R90-4-14" } else { "R90-8-7" };
        let numbers: Vec<&str> = found.iter().map(|one| one.number.as_str()).collect();
        let ok = !found.is_empty();
        items.push(GateItem::new(
            "damage",
            Some(clause),
            ok,
            numbers.join(", "),
        ));
    }
    if let Some(last) = found.last() {
        let open = found.iter().find(|one| one.concluded_at.is_none());
        let number = open.unwrap_or(last).number.clone();
        let mut item = GateItem::new("investigation", Some("R90-11-6"), open.is_none(), number);
        (item.at, item.by) = (last.concluded_at, last.concluded_by.clone());
        items.push(item);
    }
    Ok(items)
}

/// What the packs in force for the organisation want checked before a case is closed.
fn checks_of_packs(law: &Law) -> impl Iterator<Item = &saqshy_law::CheckItem> {
    let bearers = &law.profile.bearers;
    law.packs
        .iter()
        .filter(|pack| bearers.iter().any(|bearer| pack.knows_bearer(bearer)))
        .flat_map(|pack| &pack.checklists)
        .filter(|list| list.gate == saqshy_law::Gate::CloseIncident)
        .flat_map(|list| &list.items)
        .filter(|item| item.required)
}

/// Whether a fact of this kind, perhaps narrowed by an addressee, ticks the check.
fn ticks(check: &saqshy_law::CheckItem, kind: &str) -> bool {
    let narrowed = |wanted: &String| {
        let rest = kind.strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    check.facts.iter().any(narrowed)
}

async fn clock_item(
    conn: &mut SqliteConnection,
    incident: &Incident,
    clock: &Clock,
) -> Result<GateItem> {
    use ClockStatus::{Met, MetLate, NotNeeded};
    let settled = matches!(clock.status, Met | MetLate | NotNeeded);
    let mut item = GateItem::new(
        format!("clock:{}", clock.duty),
        Some(&clock.clause),
        settled,
        serde_json::to_value(clock.status)?
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    );
    item.title = Some(clock.title.clone());
    item.at = clock.stopped;
    let row = sqlx::query("SELECT * FROM clock_reason WHERE incident_id = $1 AND duty = $2")
        .bind(&incident.id)
        .bind(&clock.duty)
        .fetch_optional(conn)
        .await?;
    if let (false, Some(row)) = (settled, row) {
        item.ok = true;
        item.detail = row.text("reason")?;
        item.by = Some(row.text("given_by")?);
        item.at = Some(row.time("given_us")?);
    }
    Ok(item)
}

async fn check_item(
    conn: &mut SqliteConnection,
    incident: &Incident,
    id: &str,
    title: &Text3,
) -> Result<GateItem> {
    let row = sqlx::query("SELECT * FROM check_mark WHERE incident_id = $1 AND item = $2")
        .bind(&incident.id)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    let mut item = GateItem::new(format!("check:{id}"), None, row.is_some(), String::new());
    item.title = Some(title.clone());
    if let Some(row) = row {
        item.detail = row.try_get("note")?;
        item.by = Some(row.text("marked_by")?);
        item.at = Some(row.time("marked_us")?);
    }
    Ok(item)
}
