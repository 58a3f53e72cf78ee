//! Reading incidents: the list, and one as a whole.

use jiff::Timestamp;
use saqshy_law::Clock;

use crate::alerts::alerts_of_incident;
use crate::facts::{facts_in_force, facts_of};
use crate::incidents::{incident_by_id, incident_of, pins_of, task_of, timeline_of};
use crate::notices::notices_of;
use crate::tx::Columns;
use crate::{
    Alert, Fact, Incident, IncidentState, Law, Notice, PinnedEvent, Result, Store, Task,
    TimelineEntry, time,
};

/// Which incidents to list.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    pub state: Option<IncidentState>,
    /// Leave out closed incidents.
    pub open_only: bool,
}

/// A line of the list of incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    pub incident: Incident,
    pub alerts_count: u64,
    pub tasks_open: u64,
}

/// An incident with everything that belongs to it, read at one moment.
#[derive(Debug, Clone)]
pub struct IncidentWhole {
    pub incident: Incident,
    pub alerts: Vec<Alert>,
    /// Oldest first.
    pub timeline: Vec<TimelineEntry>,
    pub tasks: Vec<Task>,
    pub facts: Vec<Fact>,
    pub clocks: Vec<Clock>,
    /// Of the case and of those merged into it.
    pub notices: Vec<Notice>,
    /// Events kept with the case.
    pub pins: Vec<PinnedEvent>,
}

impl Store {
    /// Incidents, newest first. `limit` is held between 1 and 1000.
    pub async fn incidents(&self, filter: &IncidentFilter, limit: u32) -> Result<Vec<IncidentRow>> {
        let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
            "SELECT i.*, (SELECT COUNT(*) FROM alert a WHERE a.incident_id = i.id) AS alerts_count, \
             (SELECT COUNT(*) FROM task t WHERE t.incident_id = i.id AND t.state = 'open') \
             AS tasks_open FROM incident i WHERE 1 = 1",
        );
        if let Some(state) = filter.state {
            query.push(" AND i.state = ").push_bind(state.as_str());
        }
        if filter.open_only {
            query.push(" AND i.state <> 'closed'");
        }
        query
            .push(" ORDER BY i.created_at_us DESC, i.year DESC, i.year_sequence DESC LIMIT ")
            .push_bind(i64::from(limit.clamp(1, 1000)));
        let rows = query.build().fetch_all(self.pool()).await?;
        rows.iter()
            .map(|row| {
                Ok(IncidentRow {
                    incident: incident_of(row)?,
                    alerts_count: row.uint("alerts_count")?,
                    tasks_open: row.uint("tasks_open")?,
                })
            })
            .collect()
    }

    /// Number of incidents that are not closed.
    pub async fn incidents_open(&self) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM incident WHERE state <> 'closed'")
                .fetch_one(self.pool())
                .await?;
        time::count(count)
    }

    /// One incident with everything that belongs to it; clocks as of `now`.
    pub async fn incident(&self, id: &str, law: &Law, now: Timestamp) -> Result<IncidentWhole> {
        let mut conn = self.pool().begin().await?;
        let incident = incident_by_id(&mut conn, id).await?;
        let alerts = alerts_of_incident(&mut conn, id).await?;
        let rows = sqlx::query("SELECT * FROM timeline_entry WHERE incident_id = $1 ORDER BY seq")
            .bind(id)
            .fetch_all(&mut *conn)
            .await?;
        let timeline = rows.iter().map(timeline_of).collect::<Result<_>>()?;
        let rows = sqlx::query("SELECT * FROM task WHERE incident_id = $1 ORDER BY seq")
            .bind(id)
            .fetch_all(&mut *conn)
            .await?;
        let tasks = rows.iter().map(task_of).collect::<Result<_>>()?;
        let facts = facts_of(&mut conn, id).await?;
        let clocks = law.clocks(&facts_in_force(&mut conn, id).await?, now);
        let notices = notices_of(&mut conn, id).await?;
        let pins = pins_of(&mut conn, id).await?;
        Ok(IncidentWhole {
            incident,
            alerts,
            timeline,
            tasks,
            facts,
            clocks,
            notices,
            pins,
        })
    }
}
