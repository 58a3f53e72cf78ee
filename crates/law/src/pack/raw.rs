//! The files of a pack as they are written, before they are checked.

use crate::term::{From, OffDay, Unit};
use crate::text::Text3;
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

pub(super) type Id = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPack {
    pub id: Id,
    pub version: u32,
    pub title: Text3,
    pub source: Text3,
    pub known_until: Date,
    pub known_until_note: Text3,
    #[serde(default)]
    pub calendar: super::CalendarUse,
    pub zone_setting: Option<Id>,
    #[serde(default)]
    pub placeholders: Vec<String>,
    #[serde(default)]
    pub revokes: BTreeMap<String, Vec<Id>>,
    #[serde(default)]
    pub amendment: Vec<RawAmendment>,
    pub edition: Vec<RawEdition>,
    #[serde(default)]
    pub repeal: Vec<RawRepeal>,
    pub party: Vec<RawParty>,
    #[serde(default)]
    pub fact: Vec<RawFact>,
    #[serde(default)]
    pub setting: Vec<RawSetting>,
    #[serde(default)]
    pub reading: Vec<RawReading>,
    #[serde(default)]
    pub term: Vec<RawTerm>,
    #[serde(default)]
    pub duty: Vec<RawDuty>,
    #[serde(default)]
    pub field: Vec<RawField>,
    #[serde(default)]
    pub register: Vec<RawRegister>,
    #[serde(default)]
    pub checklist: Vec<RawChecklist>,
    #[serde(default)]
    pub check: Vec<RawCheck>,
    #[serde(default)]
    pub access: Vec<RawAccess>,
    #[serde(default)]
    pub retention: Vec<RawRetention>,
    #[serde(default)]
    pub category: Vec<RawCategory>,
    pub clause: Vec<RawClause>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAmendment {
    pub id: Id,
    pub title: Text3,
    pub signed: Date,
    pub note: Text3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEdition {
    pub id: Id,
    pub title: Text3,
    pub signed: Date,
    pub registered: Option<Date>,
    pub registry_number: Option<String>,
    pub in_force: Date,
    pub in_force_setting: Option<Id>,
    pub in_force_reading: Option<Text3>,
    pub until: Option<Date>,
}

/// Ends a duty or a clause with the edition in whose file it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRepeal {
    pub id: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParty {
    pub id: Id,
    pub title: Text3,
    #[serde(default)]
    pub bearer: bool,
    pub part_of: Option<Id>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFact {
    pub kind: Id,
    pub title: Text3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetting {
    pub id: Id,
    pub title: Text3,
    pub default: String,
    pub reading: Text3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReading {
    pub id: Id,
    pub text: Text3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTerm {
    pub id: Id,
    pub name: Text3,
    pub meaning: Text3,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawKind {
    Within,
    After,
    Each,
    Before,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDuty {
    pub id: Id,
    pub since: Option<Id>,
    pub clause: Id,
    pub citation: Text3,
    pub title: Text3,
    pub bearer: Id,
    #[serde(default)]
    pub watched_by: Vec<Id>,
    pub addressee: Vec<Id>,
    #[serde(default)]
    pub or_to: Vec<Id>,
    #[serde(default)]
    pub trigger: Vec<Id>,
    #[serde(default)]
    pub trigger_watched: Vec<Id>,
    pub kind: RawKind,
    pub amount: Spanned<u32>,
    pub unit: Unit,
    /// The act names no term: the amount is the organisation's, under this setting.
    pub setting: Option<Id>,
    pub from: Option<From>,
    pub off_day: Option<OffDay>,
    pub times: Option<Spanned<u32>>,
    #[serde(default)]
    pub rolling: bool,
    #[serde(default)]
    pub stop: Vec<Id>,
    #[serde(default)]
    pub unless: Vec<Id>,
    #[serde(default)]
    pub pause: Vec<Id>,
    #[serde(default)]
    pub resume: Vec<Id>,
    #[serde(default)]
    pub extend: Vec<Id>,
    pub document: Option<Id>,
    #[serde(default)]
    pub reading: Vec<Id>,
    pub target_of: Option<Id>,
    #[serde(default)]
    pub follows: Vec<Id>,
    pub due: Option<RawDueDay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDueDay {
    pub amount: u32,
    pub unit: Spanned<Unit>,
    pub setting: Option<Id>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub id: Id,
    pub title: Text3,
    pub kind: super::FieldKind,
    #[serde(default)]
    pub choices: Vec<Text3>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegister {
    pub id: Id,
    pub title: Text3,
    pub fields: Vec<Id>,
    #[serde(default)]
    pub required: Vec<Id>,
    #[serde(default)]
    pub review: Vec<Id>,
    pub retention: Option<Id>,
    #[serde(default)]
    pub restricted: bool,
    /// The law prescribes these fields; otherwise they are ours.
    #[serde(default)]
    pub prescribed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChecklist {
    pub id: Id,
    pub title: Text3,
    pub gate: super::Gate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    pub id: Id,
    pub list: Id,
    pub title: Text3,
    #[serde(default)]
    pub required: bool,
    /// Facts of the case that tick the item.
    #[serde(default)]
    pub fact: Vec<Id>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccess {
    pub id: Id,
    pub title: Text3,
    pub from: Id,
    pub to: Id,
    pub kind: super::AccessKind,
    pub review_months: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    pub id: Id,
    pub title: Text3,
    pub amount: Spanned<u32>,
    pub unit: Unit,
    /// Facts of which the latest starts the time.
    pub from: Vec<Id>,
    /// What is kept, from a fixed list.
    pub what: Vec<super::Kept>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCategory {
    pub id: Id,
    pub of: super::CategoryOf,
    pub title: Text3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClause {
    pub id: Id,
    pub since: Option<Id>,
    pub citation: Text3,
    pub title: Text3,
    pub served: super::Served,
    #[serde(default)]
    pub duty: Vec<Id>,
    #[serde(default)]
    pub register: Vec<Id>,
    #[serde(default)]
    pub check: Vec<Id>,
    #[serde(default)]
    pub access: Vec<Id>,
    #[serde(default)]
    pub retention: Vec<Id>,
    #[serde(default)]
    pub category: Vec<Id>,
    pub page: Option<String>,
    pub reason: Option<Text3>,
    #[serde(default)]
    pub reading: Vec<Id>,
}
