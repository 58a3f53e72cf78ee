//! A correlation among the rules: its form, and how it stands in memory.

use saqshy_sigma::{Correlation, CorrelationKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::wire_words;
use crate::App;
use crate::runtime::RuleService;

wire_words! {
    /// What a correlation measures in the window of each hit.
    CorrelationType: CorrelationKind {
        EventCount, ValueCount, Temporal, TemporalOrdered, ValueSum, ValueAvg, ValuePercentile
    }
}

#[derive(Serialize, ToSchema)]
pub struct CorrelationInfo {
    #[serde(rename = "type")]
    pub kind: CorrelationType,
    /// Fields or aliases whose values separate the groups; empty: all hits are one group.
    pub group_by: Vec<String>,
    /// Two hits further apart are never counted together.
    pub timespan_seconds: u64,
    /// Absent while it is not in service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<CorrelationFigures>,
}

/// Counted since the server started or the correlation came into service, whichever was later.
#[derive(Serialize, ToSchema)]
pub struct CorrelationFigures {
    /// Groups that hold hits in memory now.
    pub groups: u64,
    /// How often the condition was met anew.
    pub fired: u64,
    /// Hits that came after their window had been looked at (`alerts.late_seconds`), left out.
    pub late: u64,
    /// Groups and hits given up because the limits of memory were reached.
    pub dropped: u64,
}

/// The correlation with this id; `None` for a rule.
pub(super) fn of(app: &App, service: &RuleService, id: &str) -> Option<CorrelationInfo> {
    let mut all = service.set.correlations().iter();
    let one: &Correlation = all.find(|one| one.id == id)?;
    let mut in_service = service.detector.plans().correlations();
    let figures = in_service.any(|other| other.id == id).then(|| {
        let now = app.correlation_figures.of(id);
        CorrelationFigures {
            groups: now.groups,
            fired: now.fired,
            late: now.late,
            dropped: now.dropped,
        }
    });
    Some(CorrelationInfo {
        kind: one.kind.into(),
        group_by: one.group_by.clone(),
        timespan_seconds: u64::try_from(one.timespan.as_secs()).unwrap_or(0),
        figures,
    })
}
