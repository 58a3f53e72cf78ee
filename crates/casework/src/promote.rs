//! Incident by rule: which alerts become incidents at once, and which join one that is open.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use saqshy_law::Text3;
use serde::Deserialize;
use sqlx::Row;

use crate::incidents::{IncidentTable, newest_table};
use crate::tx::{Columns, id_of};
use crate::{
    Alert, Ctx, Error, Law, Level, NewIncident, Result, Severity, Tx, check_text, opt_check, time,
};

/// The promotion rules of an organisation, tried in order; the first that fits decides.
///
/// ```
/// let rules: saqshy_casework::PromotionRules = toml::from_str(r#"
///     [[rule]]
///     id = "ransomware"
///     when = { level = "high", tags = ["attack.impact"] }
///     join_minutes = 1440
///     incident.category = "malware"
///     incident.title = { kk = "{entity}: {rule}", ru = "{entity}: {rule}", en = "{rule} on {entity}" }
/// "#).unwrap();
/// assert_eq!(rules.rules[0].id, "ransomware");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromotionRules {
    /// Language of the plain title: `kk`, `ru` or `en`.
    #[serde(default)]
    pub language: TitleLanguage,
    #[serde(default, rename = "rule")]
    pub rules: Vec<PromotionRule>,
}

/// Which of the three titles becomes the incident's plain title.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TitleLanguage {
    #[default]
    Kk,
    Ru,
    En,
}

/// One promotion rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromotionRule {
    pub id: String,
    pub when: When,
    /// An alert joins an open incident that shares its host (or what the alert is about) and has
    /// an alert within this many minutes of it. 0: never join, always open a new incident.
    #[serde(default = "day")]
    pub join_minutes: u32,
    pub incident: Template,
}

fn day() -> u32 {
    24 * 60
}

/// Conditions, all of which must hold; one that is left out holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The alert's level is this or higher.
    pub level: Option<Level>,
    /// The alert has any of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The alert's rule is any of these.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The alert is about this kind of entity.
    pub entity_kind: Option<String>,
    /// The alert is about any of these.
    #[serde(default)]
    pub entities: Vec<String>,
}

/// What the incident will say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// `{rule}`, `{entity}` and `{level}` are replaced by the alert's.
    pub title: Text3,
    /// The level of the alert decides if this is left out.
    pub severity: Option<Severity>,
    #[serde(default)]
    pub category: String,
}

/// What became of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    pub alert_id: String,
    pub incident_id: String,
    pub rule_id: String,
    /// A new incident was opened; otherwise the alert joined one.
    pub opened: bool,
}

impl PromotionRules {
    /// Refuses rules that could not open an incident: call it when they are loaded.
    ///
    /// # Errors
    /// `Invalid` for a repeated or empty id, an empty title, a category that is not in the list.
    pub fn check(&self, law: &Law) -> Result<()> {
        let mut seen = BTreeSet::new();
        for rule in &self.rules {
            check_text("rule.id", &rule.id, crate::NAME_BYTES_MAX)?;
            if !seen.insert(&rule.id) {
                return Err(Error::invalid(
                    "rule.id",
                    format!("`{}` stands twice", rule.id),
                ));
            }
            let title = &rule.incident.title;
            for text in [&title.kk, &title.ru, &title.en] {
                check_text("rule.incident.title", text, crate::TITLE_BYTES_MAX / 2)?;
            }
            opt_check(
                "rule.incident.category",
                Some(&rule.incident.category),
                crate::NAME_BYTES_MAX,
            )?;
            law.check_category(&rule.incident.category)?;
        }
        Ok(())
    }
}

impl When {
    /// Whether `alert` meets the conditions.
    pub fn fits(&self, alert: &Alert) -> bool {
        let any = |list: &[String], has: &dyn Fn(&String) -> bool| {
            list.is_empty() || list.iter().any(has)
        };
        self.level.is_none_or(|level| alert.level >= level)
            && any(&self.tags, &|tag| alert.tags.contains(tag))
            && any(&self.rules, &|rule| *rule == alert.rule_id)
            && any(&self.entities, &|entity| *entity == alert.entity)
            && self
                .entity_kind
                .as_ref()
                .is_none_or(|kind| *kind == alert.entity_kind)
    }
}

impl Tx {
    /// Applies the promotion rules to alerts, as [`Tx::record_hits`] returned them.
    ///
    /// The incident's id is a function of rule and alert, and an alert that belongs to an
    /// incident is passed over, so calling this again changes nothing. The events of the
    /// organisation's own table that need an immediate reaction (R90-4-2) come before the rules.
    pub async fn promote(
        &mut self,
        ctx: &Ctx<'_>,
        rules: &PromotionRules,
        alerts: &[Alert],
    ) -> Result<Vec<Promoted>> {
        let mut alerts: Vec<&Alert> = alerts.iter().collect();
        alerts.sort_by(|a, b| (a.first_at, &a.id).cmp(&(b.first_at, &b.id)));
        let mut promoted = Vec::new();
        if alerts.is_empty() {
            return Ok(promoted);
        }
        let table = newest_table(self.conn()).await?;
        let table = table.map_or_else(IncidentTable::default, |newest| newest.table);
        let own = table.rules();
        let adopted = !table.categories.is_empty();
        for alert in alerts {
            let mut rules_in_order = own.iter().chain(&rules.rules);
            if let Some(rule) = rules_in_order.find(|rule| rule.when.fits(alert)) {
                let mut rule = rule.clone();
                // A rule of the configuration may be older than the table that is in force.
                if adopted && table.category(&rule.incident.category).is_none() {
                    rule.incident.category.clear();
                }
                let rule = &rule;
                promoted.extend(self.promote_one(ctx, rules.language, rule, alert).await?);
            }
        }
        Ok(promoted)
    }

    async fn promote_one(
        &mut self,
        ctx: &Ctx<'_>,
        language: TitleLanguage,
        rule: &PromotionRule,
        alert: &Alert,
    ) -> Result<Option<Promoted>> {
        let alert = crate::alerts::alert_by_id(self.conn(), &alert.id).await?;
        if alert.incident_id.is_some() || alert.state == crate::AlertState::Closed {
            return Ok(None);
        }
        let severity = rule.incident.severity.unwrap_or(alert.level.into());
        let mut promoted = Promoted {
            alert_id: alert.id.clone(),
            incident_id: String::new(),
            rule_id: rule.id.clone(),
            opened: false,
        };
        if let Some(incident) = self.incident_to_join(rule, &alert).await? {
            self.attach(ctx, &incident, &alert).await?;
            self.raise_severity(ctx, &incident, severity).await?;
            promoted.incident_id = incident;
            return Ok(Some(promoted));
        }
        promoted.incident_id = id_of(&["promotion", &rule.id, &alert.id]);
        promoted.opened = true;
        let title = fill(&rule.incident.title, &alert);
        let plain = match language {
            TitleLanguage::Kk => title.kk.clone(),
            TitleLanguage::Ru => title.ru.clone(),
            TitleLanguage::En => title.en.clone(),
        };
        let new = NewIncident {
            title_text: Some(title),
            category: rule.incident.category.clone(),
            object: clean(&alert.entity, crate::TITLE_BYTES_MAX),
            detected_at: Some(ctx.now),
            alerts: vec![alert.id.clone()],
            ..NewIncident::new(&plain, severity)
        };
        self.insert_incident(ctx, &promoted.incident_id, Some(&rule.id), &new)
            .await?;
        Ok(Some(promoted))
    }

    /// The oldest open incident that shares a host or the alert's own entity and is near in time.
    async fn incident_to_join(
        &mut self,
        rule: &PromotionRule,
        alert: &Alert,
    ) -> Result<Option<String>> {
        if rule.join_minutes == 0 {
            return Ok(None);
        }
        let window = SignedDuration::from_mins(i64::from(rule.join_minutes));
        let from = alert
            .first_at
            .saturating_sub(window)
            .unwrap_or(alert.first_at);
        let to = alert
            .last_at
            .saturating_add(window)
            .unwrap_or(alert.last_at);
        let mut best: Option<(i64, i64, String)> = None;
        for (kind, value) in self.entities_of_alert(alert).await? {
            let own = kind == alert.entity_kind && value == alert.entity;
            if !own && kind != "host" {
                continue;
            }
            let row = sqlx::query(
                "SELECT i.year, i.year_sequence, i.id FROM incident i \
                 JOIN incident_entity e ON e.incident_id = i.id \
                 WHERE e.kind = $1 AND e.value = $2 AND i.state <> 'closed' AND EXISTS ( \
                   SELECT 1 FROM alert a WHERE a.incident_id = i.id \
                   AND a.last_at_us >= $3 AND a.first_at_us <= $4) \
                 ORDER BY i.year, i.year_sequence LIMIT 1",
            )
            .bind(&kind)
            .bind(&value)
            .bind(time::to_us(from))
            .bind(time::to_us(to))
            .fetch_optional(self.conn())
            .await?;
            if let Some(row) = row {
                let found = (row.try_get(0)?, row.try_get(1)?, row.text("id")?);
                if best.as_ref().is_none_or(|best| found < *best) {
                    best = Some(found);
                }
            }
        }
        Ok(best.map(|(_, _, id)| id))
    }
}

fn fill(title: &Text3, alert: &Alert) -> Text3 {
    let rule = alert.title();
    Text3 {
        kk: fill_one(&title.kk, alert, &rule.kk),
        ru: fill_one(&title.ru, alert, &rule.ru),
        en: fill_one(&title.en, alert, &rule.en),
    }
}

/// Fills in the places and keeps the title within its limit; values are not looked at again.
fn fill_one(template: &str, alert: &Alert, rule: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let places = [
            ("{rule}", rule),
            ("{entity}", alert.entity.as_str()),
            ("{level}", alert.level.as_str()),
        ];
        match places.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    clean(&out, crate::TITLE_BYTES_MAX)
}

/// Text from an event made fit for a field: no control characters, no more than `bytes_max`.
pub(crate) fn clean(text: &str, bytes_max: usize) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut end = out.len().min(bytes_max);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}
