//! What people act on: alerts, incidents, the facts their legal clocks run on, notices and
//! receipts. One SQLite database; every change travels in one transaction with the journal leaf
//! that describes it, so neither exists without the other.
//!
//! ```no_run
//! # async fn example(law: &saqshy_casework::Law, now: jiff::Timestamp) -> saqshy_casework::Result<()> {
//! use saqshy_casework::{Actor, Ctx, NewIncident, Severity, Store};
//!
//! let store = Store::open("casework.db".as_ref()).await?;
//! let actor = Actor { id: "aigerim".into(), name: "Әйгерім".into(), roles: vec![] };
//! let ctx = Ctx { actor: &actor, now, law };
//! let mut tx = store.begin().await?;
//! let incident = tx.create_incident(&ctx, &NewIncident::new("Рұқсатсыз кіру", Severity::High)).await?;
//! tx.commit().await?;
//! for clock in store.clocks_of(&incident.id, law, now).await? {
//!     println!("{} due {:?}", clock.clause, clock.due);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Time is an argument everywhere; nothing here reads the clock.

mod alerts;
mod contacts;
mod done;
mod due;
mod error;
mod evidence;
mod facts;
mod incidents;
mod investigations;
mod law;
mod ledger;
mod notice_work;
mod notices;
mod notifications;
mod promote;
mod read;
mod reports;
mod response;
mod shifts;
mod store;
mod templates;
mod time;
mod tx;
mod words;

pub use alerts::{
    Alert, AlertFilter, AlertWhole, Comment, HITS_SHOWN, Hit, NewAlert, Page, Recorded, Triage,
};
pub use contacts::{Contact, ContactClock, ContactFields};
pub use done::{Done, Periodic};
pub use due::{Due, DueKind, Reader};
pub use error::Error;
pub use evidence::{
    Custody, Evidence, EvidenceFiles, Keeping, LegalHold, NewCustody, NewEvidence, RETENTION_YEARS,
    StoredFile, Upload, retention_end,
};
pub use facts::{ClockComputation, Fact, IncidentClock, NewFact};
pub use incidents::{
    CheckItem, GateItem, Incident, IncidentPatch, IncidentTable, LikelyDuplicate, LinkedIncident,
    NewIncident, NewTask, NewVisit, PIN_BYTES_MAX, PinnedEvent, TableCategory, TableEvent,
    TableHistory, TableReview, TableVersion, Task, TimelineEntry, Visit, VisitPatch, review_due,
};
pub use investigations::{
    Damage, Extended, Extension, Findings, Investigation, InvestigationDecision, InvestigationItem,
    InvestigationPerson, InvestigationWhole, ItemPatch, NewDamage, NewItem,
};
pub use law::{Category, Law};
pub use ledger::SourceLedger;
pub use notice_work::NoticeAtRisk;
pub use notices::{Attempt, Document, NewNotice, Notice, Receipt};
pub use notifications::{Notification, mentions};
pub use promote::{Promoted, PromotionRule, PromotionRules, Template, TitleLanguage, When};
pub use read::{IncidentFilter, IncidentRow, IncidentWhole};
pub use reports::{NewReport, Report};
pub use response::{
    ACTION_MINUTES_MAX, Action, DRIVERS, LinearPlaybook, LinearStep, Network, NewAction, NewStop,
    Playbook, PlaybookReading, PlaybookVersion, ProcessStop, ProtectedTarget, ReferenceItem, Run,
    RunStep, Step, StepEnd, Work, named_value,
};
pub use shifts::{Gap, HandOver, Shift, gaps};
pub use store::{Actor, Ctx, Migration, Store};
pub use templates::{TEMPLATE_BYTES_MAX, TemplateVersion};
pub use tx::Tx;
pub use words::{
    ActionState, AlertState, AttemptOutcome, Channel, CustodyAct, DamageTo, Effect, Extent,
    IncidentState, ItemKind, Level, LinkKind, NoticeState, NotificationKind, PersonPart,
    ReceiptHow, Severity, StepState, TaskState, Verdict,
};

/// `Result` of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Longest comment, description or notice text, in bytes: a leaf must hold it.
pub const TEXT_BYTES_MAX: usize = 8192;
/// Longest title, object or note, in bytes.
pub const TITLE_BYTES_MAX: usize = 1024;
/// Longest name of a person, addressee or category, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// Refuses an empty or too long text.
pub(crate) fn check_text(field: &'static str, text: &str, bytes_max: usize) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    opt_check(field, Some(text), bytes_max)
}

/// Refuses a too long text or one with control characters other than line breaks and tabs.
pub(crate) fn opt_check(field: &'static str, text: Option<&str>, bytes_max: usize) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    if text.len() > bytes_max {
        return Err(Error::invalid(
            field,
            format!("has {} bytes, at most {bytes_max} are kept", text.len()),
        ));
    }
    match text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        Some(c) => Err(Error::invalid(
            field,
            format!("holds the control character U+{:04X}", c as u32),
        )),
        None => Ok(()),
    }
}
