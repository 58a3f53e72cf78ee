//! What a pack declares beside clocks: registers, check lists, access, retention, categories.

use crate::text::Text3;

/// Which calendar the act counts working days by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarUse {
    /// The calendar of the country in which the program runs.
    #[default]
    National,
    /// None: only the weekly rest counts, no holiday.
    None,
}

/// An amendment that is known and not worked into the pack.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Amendment {
    /// Id inside the pack.
    pub id: String,
    /// The amending act.
    pub title: Text3,
    /// Day of signature.
    pub signed: jiff::civil::Date,
    /// What is known of it and from where.
    pub note: Text3,
}

/// What a field of a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Words.
    Text,
    /// A number.
    Number,
    /// An amount with a currency.
    Money,
    /// A day.
    Date,
    /// A moment.
    Moment,
    /// Yes or no.
    YesNo,
    /// One of the field's choices.
    Choice,
    /// A natural person: personal data.
    Person,
    /// A document with its hash.
    File,
    /// An IP address.
    Address,
    /// A link to an incident, an object or another register.
    Link,
}

/// A field that registers use.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Field {
    /// Id inside the pack.
    pub id: String,
    /// Its heading.
    pub title: Text3,
    /// What it holds.
    pub kind: FieldKind,
    /// The values of a choice.
    pub choices: Vec<Text3>,
}

/// A record that the act asks for, with its form.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Register {
    /// Id, such as `r90.incident-register`.
    pub id: String,
    /// Its name.
    pub title: Text3,
    /// Ids of its fields, in the order of the form.
    pub fields: Vec<String>,
    /// Fields that must not be empty.
    pub required: Vec<String>,
    /// Periodic duties that review it.
    pub review: Vec<String>,
    /// How long its entries are kept at least.
    pub retention: Option<String>,
    /// It holds personal or confidential data.
    pub restricted: bool,
    /// True when the act prescribes the fields; otherwise the form is ours.
    pub prescribed: bool,
}

/// Where a check list has to be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Before an incident is closed.
    CloseIncident,
    /// Before an internal investigation is closed.
    CloseInvestigation,
    /// Before a contract with a third party is signed.
    Contract,
    /// When an object is taken under monitoring.
    ObjectReady,
    /// Nowhere: the list guides the work.
    None,
}

/// A list of checks.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Checklist {
    /// Id, such as `r90.closing`.
    pub id: String,
    /// Its name.
    pub title: Text3,
    /// What waits for it.
    pub gate: Gate,
    /// Its items in order.
    pub items: Vec<CheckItem>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CheckItem {
    /// Id, such as `r90.close.causes`.
    pub id: String,
    /// What is checked.
    pub title: Text3,
    /// The gate stays shut without it.
    pub required: bool,
    /// Facts of the case of which each ticks the item.
    pub facts: Vec<String>,
}

/// What kind of access is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    /// To rooms and equipment.
    Physical,
    /// Over the network.
    Network,
    /// By an account with rights.
    Account,
    /// To documents.
    Document,
    /// A place to work.
    Workplace,
    /// The right to decide.
    Authority,
}

/// Access that one party gives another.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Access {
    /// Id.
    pub id: String,
    /// What is granted and how.
    pub title: Text3,
    /// Who grants it.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// What kind.
    pub kind: AccessKind,
    /// Proposed months between two reviews.
    pub review_months: Option<u32>,
}

/// What a retention floor covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Incidents and everything recorded on them.
    Incidents,
    /// Results and materials of investigations.
    Investigations,
    /// Events, raw and parsed.
    Events,
}

/// The shortest time that something has to be kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Retention {
    /// Id.
    pub id: String,
    /// What is kept.
    pub title: Text3,
    /// How many units.
    pub amount: u32,
    /// The unit: days, months or years.
    pub unit: crate::term::Unit,
    /// Kinds of facts of which the latest starts the time.
    pub from: Vec<String>,
    /// What it covers.
    pub what: Vec<Kept>,
}

/// What is sorted into a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoryOf {
    /// Objects that the act does not apply to, by reason.
    ExcludedObject,
    /// Why a vulnerability was not eliminated.
    VulnerabilityKept,
    /// Stages of responding to an incident.
    Stage,
    /// Kinds of work.
    Work,
}

/// A category that the act names.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Category {
    /// Id.
    pub id: String,
    /// What it sorts.
    pub of: CategoryOf,
    /// Its name.
    pub title: Text3,
}
