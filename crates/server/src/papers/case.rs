//! Everything that documents tell of one case, read at one moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use saqshy_casework::{Damage, Evidence, IncidentState, IncidentWhole, TaskState, TimelineEntry};
use saqshy_dispatch::{Case, in_all, shown};
use saqshy_law::Text3;

use crate::runtime::App;

/// A case with what hangs on it.
pub struct CaseView {
    pub whole: IncidentWhole,
    pub damage: Vec<Damage>,
    pub evidence: Vec<Evidence>,
}

impl CaseView {
    pub async fn of(app: &App, id: &str, now: Timestamp) -> anyhow::Result<Self> {
        Ok(Self {
            whole: app.store.incident(id, &app.law, now).await?,
            damage: app.store.damage(id).await?,
            evidence: app.store.evidence_of(id).await?,
        })
    }

    /// Number and id, for the figures that count it.
    pub fn case(&self) -> Case {
        Case {
            number: self.whole.incident.number.clone(),
            id: self.whole.incident.id.clone(),
        }
    }

    pub fn title(&self) -> Text3 {
        let incident = &self.whole.incident;
        let title = incident.title_text.clone();
        title.unwrap_or_else(|| Text3::same(incident.title.as_str()))
    }

    /// Damage that stands, by currency.
    pub fn damage_sums(&self) -> Vec<(String, u64)> {
        let mut sums: std::collections::BTreeMap<String, u64> = Default::default();
        for one in self.damage.iter().filter(|d| d.withdrawn_at.is_none()) {
            let sum = sums.entry(one.currency.clone()).or_default();
            *sum = sum.saturating_add(one.amount.unwrap_or(0));
        }
        sums.into_iter().collect()
    }

    /// `1 200 000 KZT`, or nothing.
    pub fn damage_text(&self) -> String {
        let sums = self.damage_sums().into_iter();
        let lines = sums.filter(|(_, sum)| *sum > 0);
        let lines = lines.map(|(currency, sum)| format!("{} {currency}", shown(sum as f64)));
        lines.collect::<Vec<_>>().join(", ")
    }

    /// What was done (R90-9-a, 2): tasks that are done and the steps of the response, with their
    /// times as `moment` writes them.
    pub fn measures(
        &self,
        app: &App,
        moment: fn(&TimeZone, Timestamp) -> String,
    ) -> anyhow::Result<Text3> {
        let zone = &app.config.organisation.zone;
        let mut lines: Vec<(Timestamp, Text3)> = Vec::new();
        for task in &self.whole.tasks {
            if let (TaskState::Done, Some(at)) = (task.state, task.done_at) {
                lines.push((at, Text3::same(task.title.as_str())));
            }
        }
        for entry in self
            .whole
            .timeline
            .iter()
            .filter(|e| e.kind == "incident.state")
        {
            if let Some(state) = state_of(entry) {
                let mut words = in_all(&format!("state-{state}"), &[])?;
                if let Some(why) = entry.text.as_deref().filter(|why| !why.is_empty()) {
                    words = words.map(|_, text| format!("{text}: {why}"));
                }
                lines.push((entry.at, words));
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        let joined = |pick: fn(&Text3) -> &str| {
            let all = lines.iter();
            let all = all.map(|(at, words)| format!("{}: {}", moment(zone, *at), pick(words)));
            all.collect::<Vec<_>>().join("\n")
        };
        Ok(Text3::new(
            joined(|t| &t.kk),
            joined(|t| &t.ru),
            joined(|t| &t.en),
        ))
    }

    pub fn state(&self) -> anyhow::Result<Text3> {
        Ok(in_all(
            &format!("state-{}", self.whole.incident.state),
            &[],
        )?)
    }

    pub fn severity(&self) -> anyhow::Result<Text3> {
        let key = format!("severity-{}", self.whole.incident.severity.as_str());
        Ok(in_all(&key, &[])?)
    }

    /// The category in the organisation's own words.
    pub fn category(&self, app: &App) -> Text3 {
        let id = &self.whole.incident.category;
        let known = app
            .law
            .categories
            .iter()
            .find(|category| category.id == *id);
        known.map_or_else(|| Text3::same(id.as_str()), |known| known.title.clone())
    }

    /// Causes and consequences are gone.
    pub fn is_eliminated(&self) -> bool {
        let incident = &self.whole.incident;
        incident.eliminated_at.is_some() || incident.state == IncidentState::Closed
    }

    /// Internet addresses that the case is about.
    pub async fn addresses(&self, app: &App) -> anyhow::Result<Vec<String>> {
        entities(app, &self.whole.incident.id, "ip").await
    }

    /// Machines that the case is about.
    pub async fn hosts(&self, app: &App) -> anyhow::Result<Vec<String>> {
        entities(app, &self.whole.incident.id, "host").await
    }
}

async fn entities(app: &App, incident: &str, kind: &str) -> anyhow::Result<Vec<String>> {
    let values = sqlx::query_scalar(
        "SELECT value FROM incident_entity WHERE incident_id = $1 AND kind = $2 ORDER BY value \
         LIMIT 100",
    )
    .bind(incident)
    .bind(kind)
    .fetch_all(app.store.pool())
    .await?;
    Ok(values)
}

fn state_of(entry: &TimelineEntry) -> Option<IncidentState> {
    entry.data.get("state")?.as_str()?.parse().ok()
}
