//! A pack: one act as data, with its editions, parties, duties and clauses.

mod check;
mod raw;
mod template;

use crate::error::{PackError, Source};
use crate::term::{Term, Unit};
use crate::text::Text3;
use jiff::civil::Date;
use std::collections::BTreeMap;

pub use template::{RenderError, Rendered};

/// One wording of the act with the dates between which it applies.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Edition {
    /// Id inside the pack.
    pub id: String,
    /// Which act brought it.
    pub title: Text3,
    /// Day of signature.
    pub signed: Date,
    /// Day of registration with the Ministry of Justice.
    pub registered: Option<Date>,
    /// Number in the register.
    pub registry_number: Option<String>,
    /// First day in force.
    pub in_force: Date,
    /// Setting that overrides `in_force` where the act leaves it open.
    pub in_force_setting: Option<String>,
    /// How an open date is read.
    pub in_force_reading: Option<Text3>,
    /// Last day in force.
    pub until: Option<Date>,
}

/// A role that the act names.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Party {
    /// Id inside the pack, such as `sts`.
    pub id: String,
    /// Its name.
    pub title: Text3,
    /// True when the organisation can be this party.
    pub bearer: bool,
}

/// A value that the act leaves to the organisation.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Setting {
    /// Id.
    pub id: String,
    /// What it sets.
    pub title: Text3,
    /// Value when the organisation sets none.
    pub default: String,
    /// Why this default.
    pub reading: Text3,
}

/// How an unclear passage is read.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Reading {
    /// Id in the catalogue of ambiguities, such as `A-05`.
    pub id: String,
    /// The reading.
    pub text: Text3,
}

/// A term that the act defines.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Definition {
    /// Id, such as `O199-2-4`.
    pub id: String,
    /// The term.
    pub name: Text3,
    /// What it means, in our own words.
    pub meaning: Text3,
}

/// How a duty relates to time.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Rule {
    /// Do it within a term after the trigger.
    Within {
        /// The term.
        term: Term,
    },
    /// Do it once a term has passed since the trigger.
    After {
        /// The term.
        term: Term,
    },
    /// Do it so long before the event of the trigger.
    Before {
        /// The term.
        term: Term,
    },
    /// Do it for every period.
    Each {
        /// How many units make a period.
        amount: u32,
        /// Months or quarters.
        unit: Unit,
        /// From the end of the period to the due day.
        due: Term,
        /// Setting with the organisation's own number.
        setting: String,
    },
}

/// What somebody owes under the act, with its clock.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Duty {
    /// Id, such as `o199.notify-nsc`.
    pub id: String,
    /// Clause id of the catalogue.
    pub clause: String,
    /// The place in the act as a person cites it.
    pub citation: Text3,
    /// What is owed.
    pub title: Text3,
    /// Editions in which it stands.
    pub editions: Vec<String>,
    /// Who owes it.
    pub bearer: String,
    /// Who keeps watch on it although it owes nothing.
    pub watched_by: Vec<String>,
    /// To whom; all of them.
    pub addressee: Vec<String>,
    /// Who may receive it in the addressee's place.
    pub or_to: Vec<String>,
    /// Facts that start it.
    pub trigger: Vec<String>,
    /// The time rule.
    pub rule: Rule,
    /// Facts that show it was done.
    pub stop: Vec<String>,
    /// Facts that make it fall away.
    pub unless: Vec<String>,
    /// Template of its document.
    pub document: Option<String>,
    /// Readings that it rests on.
    pub readings: Vec<String>,
    /// A duty whose due time, when earlier, is shown to the bearer as the time to aim at.
    pub target_of: Option<String>,
    /// Duties that should be done before this one.
    pub follows: Vec<String>,
}

/// How a clause is answered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    /// A duty with a clock on a case.
    Duty,
    /// A duty that returns every period.
    Periodic,
    /// Something to be recorded.
    Record,
    /// A task on a case.
    Task,
    /// Access that is granted and reviewed.
    Access,
    /// What the act applies to.
    Scope,
    /// Outside the program.
    Outside,
}

/// How far the program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    Built,
    /// It is named here and nothing more.
    Declared,
}

/// One clause of the act and what serves it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Clause {
    /// Clause id of the catalogue.
    pub id: String,
    /// The place in the act as a person cites it.
    pub citation: Text3,
    /// What it says, in our own words.
    pub title: Text3,
    /// How it is served.
    pub served: Served,
    /// How far that is built.
    pub status: Status,
    /// Duties that implement it.
    pub duties: Vec<String>,
    /// Readings that it rests on.
    pub readings: Vec<String>,
}

/// An act as data.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Pack {
    /// Id of the act, such as `kz/o199`.
    pub id: String,
    /// Grows with every change of the data.
    pub version: u32,
    /// Title of the act.
    pub title: Text3,
    /// Where the text is from.
    pub source: Text3,
    /// Last day on which the text is known to be complete.
    pub known_until: Date,
    /// What was and was not checked.
    pub known_until_note: Text3,
    /// Editions, oldest first.
    pub editions: Vec<Edition>,
    /// Roles.
    pub parties: Vec<Party>,
    /// Names of fact kinds.
    pub facts: BTreeMap<String, Text3>,
    /// Facts that undo earlier ones: revoking kind to revoked kinds.
    pub revokes: BTreeMap<String, Vec<String>>,
    /// What the organisation sets.
    pub settings: Vec<Setting>,
    /// Readings of unclear passages.
    pub readings: Vec<Reading>,
    /// Defined terms.
    pub terms: Vec<Definition>,
    /// Duties with a clock.
    pub duties: Vec<Duty>,
    /// Every clause of the act.
    pub clauses: Vec<Clause>,
    /// Names that templates may use.
    pub placeholders: Vec<String>,
    #[serde(skip)]
    templates: BTreeMap<String, String>,
}

impl Pack {
    /// Reads and checks a pack folder. Keys of `files` are paths inside the folder:
    /// `pack.toml`, `templates/<document>.<language>.txt`.
    ///
    /// # Errors
    /// The first fault, with file, line and remedy.
    pub fn parse(files: &BTreeMap<String, String>) -> Result<Pack, PackError> {
        let text = files.get("pack.toml").ok_or_else(|| PackError {
            file: "pack.toml".into(),
            line: 0,
            what: "the file is missing".into(),
            fix: "a pack folder needs it".into(),
        })?;
        let source = Source {
            file: "pack.toml",
            text,
        };
        let pack = check::build(&source, source.parse()?, files)?;
        pack.check_templates()?;
        Ok(pack)
    }

    /// The duty with this id.
    pub fn duty(&self, id: &str) -> Option<&Duty> {
        self.duties.iter().find(|d| d.id == id)
    }

    /// The clause with this id.
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.iter().find(|c| c.id == id)
    }

    /// The name of a party; its id when the pack does not know it.
    pub fn party_title(&self, id: &str) -> Text3 {
        let party = self.parties.iter().find(|p| p.id == id);
        party.map_or_else(|| Text3::same(id), |p| p.title.clone())
    }

    /// The edition in force on `date`; `settings` may move the date of one that left it open.
    pub fn edition_on(&self, date: Date, settings: &BTreeMap<String, String>) -> Option<&Edition> {
        self.editions
            .iter()
            .rev()
            .find(|e| self.in_force(e, settings) <= date && e.until.is_none_or(|last| date <= last))
    }

    /// First day in force of `edition` under the organisation's settings.
    pub fn in_force(&self, edition: &Edition, settings: &BTreeMap<String, String>) -> Date {
        let set = edition.in_force_setting.as_ref();
        set.and_then(|key| settings.get(key))
            .and_then(|value| value.parse().ok())
            .unwrap_or(edition.in_force)
    }

    /// How a citation of the edition is written into records: `kz/o199@399-nk`.
    pub fn edition_ref(&self, edition: &Edition) -> String {
        format!("{}@{}", self.id, edition.id)
    }
}
