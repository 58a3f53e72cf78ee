//! `pack.toml` as it is written, before it is checked.

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
    pub placeholders: Vec<String>,
    #[serde(default)]
    pub revokes: BTreeMap<String, Vec<Id>>,
    pub edition: Vec<RawEdition>,
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
    pub clause: Vec<RawClause>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParty {
    pub id: Id,
    pub title: Text3,
    #[serde(default)]
    pub bearer: bool,
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
    pub clause: Id,
    pub citation: Text3,
    pub title: Text3,
    pub edition: Vec<Id>,
    pub bearer: Id,
    #[serde(default)]
    pub watched_by: Vec<Id>,
    pub addressee: Vec<Id>,
    #[serde(default)]
    pub or_to: Vec<Id>,
    #[serde(default)]
    pub trigger: Vec<Id>,
    pub kind: RawKind,
    pub amount: Spanned<u32>,
    pub unit: Unit,
    pub from: Option<From>,
    pub off_day: Option<OffDay>,
    #[serde(default)]
    pub stop: Vec<Id>,
    #[serde(default)]
    pub unless: Vec<Id>,
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
    pub setting: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClause {
    pub id: Id,
    pub citation: Text3,
    pub title: Text3,
    pub served: super::Served,
    pub status: super::Status,
    #[serde(default)]
    pub duty: Vec<Id>,
    #[serde(default)]
    pub reading: Vec<Id>,
}
