//! A pack: one act as data, with its editions, parties, duties and clauses.

mod check;
mod duties;
mod items;
mod raw;
mod served;
mod template;

use crate::error::{PackError, Source};
use crate::term::{Term, Unit};
use crate::text::Text3;
use jiff::civil::Date;
use std::collections::BTreeMap;
use toml::Spanned;

pub use items::{
    Access, AccessKind, Amendment, CalendarUse, Category, CategoryOf, CheckItem, Checklist, Field,
    FieldKind, Gate, Kept, Register, Retention,
};
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
    /// The party whose unit or employee it is: who is that party is this one too.
    pub part_of: Option<String>,
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
        /// Weeks, months, quarters or years.
        unit: Unit,
        /// From the end of the period to the due day.
        due: Term,
        /// Setting with the organisation's own number of days.
        setting: Option<String>,
        /// How often it is to be done in the period.
        times: u32,
        /// No more than a period may pass between two performances either.
        rolling: bool,
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
    /// Editions in which this wording stands.
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
    /// Facts that start it for those who only watch it; empty when they are the same.
    pub trigger_watched: Vec<String>,
    /// The time rule.
    pub rule: Rule,
    /// The act names no term: the amount is the organisation's own, under this setting.
    pub setting: Option<String>,
    /// Facts that show it was done.
    pub stop: Vec<String>,
    /// Facts that make it fall away.
    pub unless: Vec<String>,
    /// Facts that make the clock stand still.
    pub pause: Vec<String>,
    /// Facts that let it go on.
    pub resume: Vec<String>,
    /// Facts of a decision to extend the term, followed by `:<amount>-<unit>`.
    pub extend: Vec<String>,
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    /// A duty with a clock on a case.
    Duty,
    /// A duty that returns every period.
    Periodic,
    /// Something to be recorded in a register, or kept for a time.
    Record,
    /// A check of a list.
    Check,
    /// Access that is granted and reviewed.
    Access,
    /// What the act applies to, what it calls things.
    Scope,
    /// Outside the program, for a stated reason.
    Outside,
}

impl Served {
    /// The word for it in packs.
    pub fn word(self) -> &'static str {
        match self {
            Served::Duty => "duty",
            Served::Periodic => "periodic",
            Served::Record => "record",
            Served::Check => "check",
            Served::Access => "access",
            Served::Scope => "scope",
            Served::Outside => "outside",
        }
    }
}

/// How far the program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The program acts on it: a clock runs or a page of the console shows it.
    Built,
    /// The pack declares it; the part of the program that acts on it is not built yet.
    Declared,
}

/// One clause of the act and what serves it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Clause {
    /// Clause id of the catalogue.
    pub id: String,
    /// Editions in which this wording stands.
    pub editions: Vec<String>,
    /// The place in the act as a person cites it.
    pub citation: Text3,
    /// What it says: in Kazakh in the act's own words, shortened; the others are translations.
    pub title: Text3,
    /// How it is served.
    pub served: Served,
    /// How far that is built.
    pub status: Status,
    /// Duties that implement it.
    pub duties: Vec<String>,
    /// Registers that record it.
    pub registers: Vec<String>,
    /// Checks that ask for it.
    pub checks: Vec<String>,
    /// Access rules that grant it.
    pub access: Vec<String>,
    /// Retention floors that it sets.
    pub retention: Vec<String>,
    /// Categories that it names.
    pub categories: Vec<String>,
    /// Page of the console that shows it.
    pub page: Option<String>,
    /// Why it is outside the program.
    pub reason: Option<Text3>,
    /// Tests that show it: path in the source tree and name, divided by `::`.
    pub tests: Vec<String>,
    /// Readings that it rests on.
    pub readings: Vec<String>,
}

impl Clause {
    /// Ids of everything in the pack that serves the clause, with the kind in front:
    /// `duty:o52.notify-sts`.
    pub fn items(&self) -> Vec<String> {
        let kinds = [
            ("duty", &self.duties),
            ("register", &self.registers),
            ("check", &self.checks),
            ("access", &self.access),
            ("retention", &self.retention),
            ("category", &self.categories),
        ];
        let named = |(kind, ids): (&'static str, &Vec<String>)| {
            ids.iter()
                .map(|id| format!("{kind}:{id}"))
                .collect::<Vec<_>>()
        };
        kinds.into_iter().flat_map(named).collect()
    }
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
    /// Amendments that are known and not worked in.
    pub amendments: Vec<Amendment>,
    /// Which calendar counts.
    pub calendar: CalendarUse,
    /// Setting that names the time zone, when the act does not follow the organisation's.
    pub zone_setting: Option<String>,
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
    /// Fields of the registers.
    pub fields: Vec<Field>,
    /// Records with their forms.
    pub registers: Vec<Register>,
    /// Check lists.
    pub checklists: Vec<Checklist>,
    /// Access rules.
    pub access: Vec<Access>,
    /// Retention floors.
    pub retention: Vec<Retention>,
    /// Categories.
    pub categories: Vec<Category>,
    /// Every clause of the act.
    pub clauses: Vec<Clause>,
    /// Names that templates may use.
    pub placeholders: Vec<String>,
    #[serde(skip)]
    templates: BTreeMap<String, String>,
}

/// Files at the top of a pack folder that are not part of the act.
const NOT_OF_THE_ACT: [&str; 1] = ["tests.toml"];

impl Pack {
    /// Reads and checks a pack folder. Keys of `files` are paths inside the folder:
    /// `pack.toml` and other `*.toml` beside it, which are read as one text; `editions/*.toml` with
    /// later amendments; `tests.toml`; `templates/<document>.<language>.txt`.
    ///
    /// # Errors
    /// The first fault, with file, line, key and remedy.
    pub fn parse(files: &BTreeMap<String, String>) -> Result<Pack, PackError> {
        let text = files.get("pack.toml").ok_or_else(|| {
            PackError::file("pack.toml", "the file is missing", "a pack folder needs it")
        })?;
        let mut source = Source::one("pack.toml", text);
        let parts = files.iter().filter(|(name, _)| {
            let top = !name.contains('/') && name.ends_with(".toml");
            top && *name != "pack.toml" && !NOT_OF_THE_ACT.contains(&name.as_str())
        });
        let amendments = files
            .iter()
            .filter(|(name, _)| name.starts_with("editions/") && name.ends_with(".toml"));
        for (name, text) in parts.chain(amendments) {
            source.add(name, text)?;
        }
        let lost = |name: &&String| {
            let folder = name.rsplit_once('/').map(|(folder, _)| folder);
            name.ends_with(".toml") && folder.is_some_and(|f| f != "editions")
        };
        if let Some(name) = files.keys().find(lost) {
            return Err(PackError::file(
                name,
                "nothing reads this file",
                "move it beside pack.toml or into editions/",
            ));
        }
        let tests = match files.get("tests.toml") {
            Some(text) => Source::one("tests.toml", text).parse()?,
            None => BTreeMap::new(),
        };
        let pack = check::build(&source, source.parse()?, files, tests)?;
        pack.check_templates()?;
        Ok(pack)
    }

    /// The duty with this id, in its newest wording.
    pub fn duty(&self, id: &str) -> Option<&Duty> {
        self.duties.iter().rev().find(|d| d.id == id)
    }

    /// The duty with this id in the wording of an edition, given as [`Pack::edition_ref`] writes it.
    pub fn duty_in(&self, id: &str, edition_ref: &str) -> Option<&Duty> {
        let (_, edition) = edition_ref.split_once('@')?;
        let stands = |d: &&Duty| d.id == id && d.editions.iter().any(|e| e == edition);
        self.duties.iter().find(stands)
    }

    /// The clause with this id, in its newest wording.
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.iter().rev().find(|c| c.id == id)
    }

    /// The register with this id.
    pub fn register(&self, id: &str) -> Option<&Register> {
        self.registers.iter().find(|r| r.id == id)
    }

    /// The name of a party; its id when the pack does not know it.
    pub fn party_title(&self, id: &str) -> Text3 {
        let party = self.parties.iter().find(|p| p.id == id);
        party.map_or_else(|| Text3::same(id), |p| p.title.clone())
    }

    /// True when `asked` is a bearer of this act: `sts`, or `kz/o199:sts` for this act alone.
    pub fn knows_bearer(&self, asked: &str) -> bool {
        let asked = match asked.split_once(':') {
            Some((act, party)) if act == self.id => party,
            Some(_) => return false,
            None => asked,
        };
        self.parties.iter().any(|p| p.bearer && p.id == asked)
    }

    /// True when `party` is `whole` or a unit of it, over as many steps as needed.
    pub(crate) fn is_part(&self, party: &str, whole: &str) -> bool {
        let mut id = party;
        for _ in 0..=self.parties.len() {
            if id == whole {
                return true;
            }
            let found = self.parties.iter().find(|p| p.id == id);
            match found.and_then(|p| p.part_of.as_deref()) {
                Some(next) => id = next,
                None => return false,
            }
        }
        false
    }

    /// The value of a setting: the organisation's own, or the proposed one.
    pub fn setting<'a>(
        &'a self,
        id: &str,
        settings: &'a BTreeMap<String, String>,
    ) -> Option<&'a str> {
        let proposed = self.settings.iter().find(|s| s.id == id);
        let own = settings.get(id).map(String::as_str);
        own.or(proposed.map(|s| s.default.as_str()))
    }

    /// Amendments that are not worked in and were signed on `date` or before.
    pub fn amendments_by(&self, date: Date) -> impl Iterator<Item = &Amendment> {
        self.amendments.iter().filter(move |a| a.signed <= date)
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
