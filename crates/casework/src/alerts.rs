//! Alerts: what detection found, grouped, and what people made of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use saqshy_law::Text3;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::tx::{Columns, Note};
use crate::{
    Actor, AlertState, Error, Level, Result, Store, Tx, Verdict, check_text, opt_check, time,
};

/// One match of one rule on one event. `id` is a function of both, so a replay brings it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub id: String,
    pub rule_id: String,
    pub event_id: String,
    pub at: Timestamp,
    pub host: Option<String>,
    pub user: Option<String>,
    pub source_ip: Option<String>,
    pub dataset: String,
}

/// Hits of one rule on one entity in one window, as detection groups them. `id` is a function of
/// rule, entity and window start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAlert {
    pub id: String,
    pub rule_id: String,
    pub rule_title: String,
    /// The title in the languages that the rule has it in.
    #[serde(default)]
    pub rule_title_text: Option<Text3>,
    pub level: Level,
    pub tags: Vec<String>,
    pub entity_kind: String,
    pub entity: String,
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub hits: Vec<Hit>,
}

/// An alert as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    pub id: String,
    pub rule_id: String,
    pub rule_title: String,
    pub rule_title_text: Option<Text3>,
    pub level: Level,
    pub tags: Vec<String>,
    pub entity_kind: String,
    pub entity: String,
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    /// Time of the earliest and of the latest hit.
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// When the alert was recorded.
    pub opened_at: Timestamp,
    pub hits_count: u64,
    pub state: AlertState,
    pub verdict: Option<Verdict>,
    pub assignee: Option<String>,
    pub incident_id: Option<String>,
    /// Grows with every decision about the alert, not with further hits.
    pub version: i64,
}

impl Alert {
    /// The rule's title in the three languages; the plain one where it has no other.
    pub fn title(&self) -> Text3 {
        let text = self.rule_title_text.clone();
        text.unwrap_or_else(|| Text3::same(&self.rule_title))
    }
}

/// What a person wrote beside an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    pub id: String,
    pub at: Timestamp,
    pub by: String,
    pub text: String,
}

/// An alert with everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertWhole {
    pub alert: Alert,
    /// In order of time; the newest [`HITS_SHOWN`] if there are more.
    pub hits: Vec<Hit>,
    pub comments: Vec<Comment>,
}

/// Hits that [`Store::alert`] returns at most.
pub const HITS_SHOWN: u32 = 1000;

/// Which alerts to list. Empty lists and `None` mean: any.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    pub state: Option<AlertState>,
    pub level: Option<Level>,
    pub rule_id: Option<String>,
    pub incident_id: Option<String>,
    /// Words that must all occur in title, rule id, entity or tags; letter case does not matter.
    pub text: Option<String>,
}

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Pass this to get the next page; `None` on the last one.
    pub next: Option<String>,
}

/// A decision about an alert. `None` leaves the part as it is.
#[derive(Debug, Clone, Default)]
pub struct Triage {
    pub state: Option<AlertState>,
    pub verdict: Option<Verdict>,
    /// An empty name takes the assignment away.
    pub assignee: Option<String>,
    pub comment: Option<String>,
    pub version: i64,
}

/// Alerts that one call of [`Tx::record_hits`] changed.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    pub opened: Vec<Alert>,
    /// Known before, with hits that are new.
    pub grown: Vec<Alert>,
    pub hits_new: u64,
}

const ALERT_COLUMNS: &str = "id, rule_id, rule_title, rule_title_text, level, tags, entity_kind, entity, window_start_us, \
     window_end_us, first_at_us, last_at_us, opened_at_us, hits_count, state, verdict, assignee, \
     incident_id, version";

fn alert_of(row: &SqliteRow) -> Result<Alert> {
    Ok(Alert {
        id: row.text("id")?,
        rule_id: row.text("rule_id")?,
        rule_title: row.text("rule_title")?,
        rule_title_text: match row.opt_text("rule_title_text")? {
            Some(json) => Some(serde_json::from_str(&json)?),
            None => None,
        },
        level: row.word("level")?,
        tags: row.json("tags")?,
        entity_kind: row.text("entity_kind")?,
        entity: row.text("entity")?,
        window_start: row.time("window_start_us")?,
        window_end: row.time("window_end_us")?,
        first_at: row.time("first_at_us")?,
        last_at: row.time("last_at_us")?,
        opened_at: row.time("opened_at_us")?,
        hits_count: row.uint("hits_count")?,
        state: row.word("state")?,
        verdict: match row.opt_text("verdict")? {
            Some(text) => Some(text.parse()?),
            None => None,
        },
        assignee: row.opt_text("assignee")?,
        incident_id: row.opt_text("incident_id")?,
        version: row.int("version")?,
    })
}

pub(crate) async fn alert_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Alert> {
    let sql = format!("SELECT {ALERT_COLUMNS} FROM alert WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("alert", id))?;
    alert_of(&row)
}

pub(crate) async fn alerts_of_incident(
    conn: &mut SqliteConnection,
    incident_id: &str,
) -> Result<Vec<Alert>> {
    let sql = format!(
        "SELECT {ALERT_COLUMNS} FROM alert WHERE incident_id = $1 ORDER BY first_at_us, id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident_id)
        .fetch_all(conn)
        .await?;
    rows.iter().map(alert_of).collect()
}

impl Tx {
    /// Records hits under their alerts. What is known already changes nothing, so a replay after
    /// a crash gives the same rows, the same counts and no second leaf.
    ///
    /// A new alert writes the leaf `alert.opened`. Further hits change counters and times only:
    /// they are explained by the events, which stay.
    pub async fn record_hits(&mut self, now: Timestamp, drafts: &[NewAlert]) -> Result<Recorded> {
        let mut recorded = Recorded::default();
        for draft in drafts {
            self.record_alert(now, draft, &mut recorded).await?;
        }
        Ok(recorded)
    }

    async fn record_alert(
        &mut self,
        now: Timestamp,
        draft: &NewAlert,
        recorded: &mut Recorded,
    ) -> Result<()> {
        if draft.hits.is_empty() {
            return Ok(());
        }
        let opened = self.insert_alert(now, draft).await?;
        let (mut new, mut first_new, mut last_new) = (0u64, i64::MAX, i64::MIN);
        for hit in &draft.hits {
            let at = time::to_us(hit.at);
            let done = sqlx::query(
                "INSERT INTO hit (id, alert_id, rule_id, event_id, at_us, host, user_name, \
                 source_ip, dataset) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(&hit.id)
            .bind(&draft.id)
            .bind(&hit.rule_id)
            .bind(&hit.event_id)
            .bind(at)
            .bind(hit.host.as_deref().map(fit))
            .bind(hit.user.as_deref().map(fit))
            .bind(hit.source_ip.as_deref().map(fit))
            .bind(&hit.dataset)
            .execute(self.conn())
            .await?;
            if done.rows_affected() > 0 {
                new += 1;
                first_new = first_new.min(at);
                last_new = last_new.max(at);
            }
        }
        recorded.hits_new += new;
        if new > 0 {
            sqlx::query(
                "UPDATE alert SET hits_count = hits_count + $2, \
                 first_at_us = CASE WHEN first_at_us < $3 THEN first_at_us ELSE $3 END, \
                 last_at_us = CASE WHEN last_at_us > $4 THEN last_at_us ELSE $4 END, \
                 window_end_us = CASE WHEN window_end_us > $5 THEN window_end_us ELSE $5 END \
                 WHERE id = $1",
            )
            .bind(&draft.id)
            .bind(time::signed(new)?)
            .bind(first_new)
            .bind(last_new)
            .bind(time::to_us(draft.window_end))
            .execute(self.conn())
            .await?;
        }
        if opened && new == 0 {
            // Every hit already stands under another alert: grouping has changed since.
            sqlx::query("DELETE FROM alert WHERE id = $1")
                .bind(&draft.id)
                .execute(self.conn())
                .await?;
            return Ok(());
        }
        if opened {
            self.note_opened(now, draft).await?;
        }
        if new > 0 {
            let alert = alert_by_id(self.conn(), &draft.id).await?;
            let list = if opened {
                &mut recorded.opened
            } else {
                &mut recorded.grown
            };
            list.push(alert);
        }
        Ok(())
    }

    /// True if the alert was not there. Times of hits are filled in by the caller.
    async fn insert_alert(&mut self, now: Timestamp, draft: &NewAlert) -> Result<bool> {
        let tags = serde_json::to_string(&draft.tags)?;
        let titles = draft.rule_title_text.as_ref();
        let search = format!(
            "{}\n{}\n{}\n{}\n{}",
            draft.rule_title,
            titles.map_or_else(String::new, |text| format!("{}\n{}", text.kk, text.ru)),
            draft.rule_id,
            fit(&draft.entity),
            draft.tags.join(" ")
        )
        .to_lowercase();
        let done = sqlx::query(
            "INSERT INTO alert (id, rule_id, rule_title, level, tags, entity_kind, entity, \
             search_text, window_start_us, window_end_us, first_at_us, last_at_us, opened_at_us, \
             hits_count, state, version, rule_title_text) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 'new', 1, $14) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&draft.id)
        .bind(&draft.rule_id)
        .bind(&draft.rule_title)
        .bind(draft.level.as_str())
        .bind(tags)
        .bind(&draft.entity_kind)
        .bind(fit(&draft.entity))
        .bind(search)
        .bind(time::to_us(draft.window_start))
        .bind(time::to_us(draft.window_end))
        .bind(i64::MAX)
        .bind(i64::MIN)
        .bind(time::to_us(now))
        .bind(titles.map(serde_json::to_string).transpose()?)
        .execute(self.conn())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn note_opened(&mut self, now: Timestamp, draft: &NewAlert) -> Result<()> {
        let change = json!({
            "rule_id": draft.rule_id,
            "rule_title": draft.rule_title,
            "level": draft.level,
            "tags": draft.tags,
            "entity_kind": draft.entity_kind,
            "entity": fit(&draft.entity),
            "window_start": time::whole(draft.window_start),
            "state": AlertState::New,
        });
        self.note(
            "system",
            now,
            Note {
                action: "alert.opened",
                object: ("alert", &draft.id),
                change,
                ..Note::default()
            },
        )
        .await?;
        Ok(())
    }

    /// Records a decision about an alert.
    ///
    /// # Errors
    /// `Conflict` when `triage.version` is not the alert's. `Invalid` when a closed alert is left
    /// without a verdict, or when nothing would change.
    pub async fn triage(
        &mut self,
        actor: &Actor,
        now: Timestamp,
        id: &str,
        triage: &Triage,
    ) -> Result<Alert> {
        let old = alert_by_id(self.conn(), id).await?;
        check_version("alert", id, triage.version, old.version)?;
        opt_check(
            "assignee",
            triage.assignee.as_deref(),
            crate::NAME_BYTES_MAX,
        )?;
        let state = triage.state.unwrap_or(old.state);
        let verdict = triage.verdict.or(old.verdict);
        let assignee = match &triage.assignee {
            Some(name) if name.is_empty() => None,
            Some(name) => Some(name.clone()),
            None => old.assignee.clone(),
        };
        if state == AlertState::Closed && verdict.is_none() {
            return Err(Error::invalid("verdict", "a closed alert needs a verdict"));
        }
        let mut change = serde_json::Map::new();
        if state != old.state {
            change.insert("state".into(), json!(state));
        }
        if verdict != old.verdict {
            change.insert("verdict".into(), json!(verdict));
        }
        if assignee != old.assignee {
            change.insert("assignee".into(), json!(assignee));
        }
        let comment = triage
            .comment
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        if let Some(text) = comment {
            check_text("comment", text, crate::TEXT_BYTES_MAX)?;
            change.insert("comment".into(), json!(text));
        }
        if change.is_empty() {
            return Err(Error::invalid("triage", "nothing would change"));
        }
        if let Some(text) = comment {
            let comment_id = self.new_id("comment").await?;
            sqlx::query(
                "INSERT INTO alert_comment (id, alert_id, at_us, by_actor, text) \
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(comment_id)
            .bind(id)
            .bind(time::to_us(now))
            .bind(&actor.id)
            .bind(text)
            .execute(self.conn())
            .await?;
        }
        sqlx::query(
            "UPDATE alert SET state = $2, verdict = $3, assignee = $4, version = version + 1 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(verdict.map(Verdict::as_str))
        .bind(&assignee)
        .execute(self.conn())
        .await?;
        self.note(
            &actor.id,
            now,
            Note {
                action: "alert.triaged",
                object: ("alert", id),
                change: change.into(),
                ..Note::default()
            },
        )
        .await?;
        alert_by_id(self.conn(), id).await
    }

    /// Entities of an alert and of its hits, as (kind, value): what it is about, hosts, users,
    /// source addresses.
    pub(crate) async fn entities_of_alert(
        &mut self,
        alert: &Alert,
    ) -> Result<BTreeSet<(String, String)>> {
        let mut entities = BTreeSet::from([(alert.entity_kind.clone(), alert.entity.clone())]);
        let rows = sqlx::query(
            "SELECT DISTINCT host, user_name, source_ip FROM hit WHERE alert_id = $1 LIMIT 1000",
        )
        .bind(&alert.id)
        .fetch_all(self.conn())
        .await?;
        for row in &rows {
            for (kind, column) in [("host", "host"), ("user", "user_name"), ("ip", "source_ip")] {
                if let Some(value) = row.opt_text(column)? {
                    entities.insert((kind.to_owned(), value));
                }
            }
        }
        entities.retain(|(_, value)| !value.is_empty());
        Ok(entities)
    }
}

pub(crate) fn check_version(kind: &str, id: &str, expected: i64, current: i64) -> Result<()> {
    if expected == current {
        return Ok(());
    }
    Err(Error::Conflict {
        object: format!("{kind}:{id}"),
        expected,
        current,
    })
}

impl Store {
    /// Alerts by the time of their latest hit, newest first. `cursor` is the `next` of the page
    /// before; `limit` is held between 1 and 500.
    pub async fn alerts(
        &self,
        filter: &AlertFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Alert>> {
        let limit = limit.clamp(1, 500);
        let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new("SELECT ");
        query.push(ALERT_COLUMNS).push(" FROM alert WHERE 1 = 1");
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(level) = filter.level {
            query.push(" AND level = ").push_bind(level.as_str());
        }
        if let Some(rule_id) = &filter.rule_id {
            query.push(" AND rule_id = ").push_bind(rule_id);
        }
        if let Some(incident_id) = &filter.incident_id {
            query.push(" AND incident_id = ").push_bind(incident_id);
        }
        for word in filter
            .text
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
            .take(16)
        {
            query
                .push(" AND search_text LIKE ")
                .push_bind(like(&word.to_lowercase()))
                .push(" ESCAPE '!'");
        }
        if let Some(cursor) = cursor {
            let (at, id) = read_cursor(cursor)?;
            query
                .push(" AND (last_at_us < ")
                .push_bind(at)
                .push(" OR (last_at_us = ")
                .push_bind(at)
                .push(" AND id < ")
                .push_bind(id)
                .push("))");
        }
        query
            .push(" ORDER BY last_at_us DESC, id DESC LIMIT ")
            .push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(self.pool()).await?;
        let mut rows: Vec<Alert> = rows.iter().map(alert_of).collect::<Result<_>>()?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = match rows.last() {
            Some(last) if more => Some(format!("{}~{}", time::to_us(last.last_at), last.id)),
            _ => None,
        };
        Ok(Page { rows, next })
    }

    /// One alert with its hits and comments.
    pub async fn alert(&self, id: &str) -> Result<AlertWhole> {
        let mut conn = self.pool().acquire().await?;
        let alert = alert_by_id(&mut conn, id).await?;
        let rows = sqlx::query(
            "SELECT id, rule_id, event_id, at_us, host, user_name, source_ip, dataset FROM hit \
             WHERE alert_id = $1 ORDER BY at_us DESC, id DESC LIMIT $2",
        )
        .bind(id)
        .bind(i64::from(HITS_SHOWN))
        .fetch_all(&mut *conn)
        .await?;
        let mut hits: Vec<Hit> = rows
            .iter()
            .map(|row| {
                Ok(Hit {
                    id: row.text("id")?,
                    rule_id: row.text("rule_id")?,
                    event_id: row.text("event_id")?,
                    at: row.time("at_us")?,
                    host: row.opt_text("host")?,
                    user: row.opt_text("user_name")?,
                    source_ip: row.opt_text("source_ip")?,
                    dataset: row.text("dataset")?,
                })
            })
            .collect::<Result<_>>()?;
        hits.reverse();
        let rows = sqlx::query(
            "SELECT id, at_us, by_actor, text FROM alert_comment WHERE alert_id = $1 \
             ORDER BY at_us, id",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await?;
        let comments = rows
            .iter()
            .map(|row| {
                Ok(Comment {
                    id: row.text("id")?,
                    at: row.time("at_us")?,
                    by: row.text("by_actor")?,
                    text: row.text("text")?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(AlertWhole {
            alert,
            hits,
            comments,
        })
    }

    /// Alerts whose latest hit lies in `from..to`, counted by level, lowest level first.
    pub async fn alerts_by_level(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Level, u64)>> {
        let rows = sqlx::query(
            "SELECT level, COUNT(*) FROM alert WHERE last_at_us >= $1 AND last_at_us < $2 \
             GROUP BY level",
        )
        .bind(time::to_us(from))
        .bind(time::to_us(to))
        .fetch_all(self.pool())
        .await?;
        let mut counts: Vec<(Level, u64)> = Level::ALL.iter().map(|&level| (level, 0)).collect();
        for row in &rows {
            let level: Level = row.word("level")?;
            let number = time::count(row.try_get(1)?)?;
            for entry in &mut counts {
                if entry.0 == level {
                    entry.1 = number;
                }
            }
        }
        Ok(counts)
    }

    /// For every rule that ever matched: hits and the time of the latest.
    pub async fn hits_by_rule(&self) -> Result<Vec<(String, u64, Timestamp)>> {
        let rows = sqlx::query(
            "SELECT rule_id, CAST(SUM(hits_count) AS BIGINT) AS hits, MAX(last_at_us) AS last_us \
             FROM alert GROUP BY rule_id ORDER BY rule_id",
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.text("rule_id")?,
                    row.uint("hits")?,
                    row.time("last_us")?,
                ))
            })
            .collect()
    }
}

/// A value from an event, short enough for the leaf of its alert.
fn fit(value: &str) -> String {
    crate::promote::clean(value, crate::TITLE_BYTES_MAX)
}

fn like(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn read_cursor(cursor: &str) -> Result<(i64, String)> {
    cursor
        .split_once('~')
        .and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())))
        .ok_or_else(|| Error::invalid("cursor", format!("`{cursor}` is not a cursor of this list")))
}
