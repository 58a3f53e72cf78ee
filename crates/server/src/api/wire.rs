//! Wire types that several parts of the API share. Domain types are converted here by hand; no
//! other crate knows this shape.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::http::ApiResult;

/// Conversions both ways between a wire enum and the enum of another crate with the same words.
macro_rules! same_words {
    ($wire:ty: $domain:ty { $($word:ident),+ $(,)? }) => {
        impl From<$wire> for $domain {
            fn from(word: $wire) -> Self {
                match word { $(<$wire>::$word => <$domain>::$word),+ }
            }
        }
        impl From<$domain> for $wire {
            fn from(word: $domain) -> Self {
                match word { $(<$domain>::$word => <$wire>::$word),+ }
            }
        }
    };
}
pub(crate) use same_words;

/// A wire type with the same fields as a domain type, and the conversion. A field whose value is
/// not the domain's own says how it is made.
macro_rules! wire {
    ($(#[$meta:meta])* $name:ident($from:ident: $domain:ty) {
        $($(#[$field_meta:meta])* $field:ident: $ty:ty $(= $value:expr)?),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty),+ }

        impl From<$domain> for $name {
            fn from($from: $domain) -> Self {
                Self { $($field: wire!(@value $from $field $(= $value)?)),+ }
            }
        }
    };
    (@value $from:ident $field:ident = $value:expr) => { $value };
    (@value $from:ident $field:ident) => { $from.$field.into() };
}
pub(crate) use wire;

/// A wire enum with the same words as a domain enum.
macro_rules! wire_words {
    ($(#[$meta:meta])* $name:ident: $domain:ty { $($word:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($word),+ }
        crate::api::wire::same_words!($name: $domain { $($word),+ });
    };
}
pub(crate) use wire_words;

/// One change in the caller's name: a transaction, the work, the commit. Yields what the work
/// yields; whatever refuses undoes everything.
macro_rules! change {
    ($app:expr, $who:expr, |$tx:ident, $ctx:ident| $work:expr) => {{
        let actor = $who.actor();
        let context = saqshy_casework::Ctx {
            actor: &actor,
            now: $app.now(),
            law: &$app.law,
        };
        let $ctx = &context;
        let mut $tx = $app.store.begin().await?;
        let done = $work;
        $tx.commit().await?;
        done
    }};
}
pub(crate) use change;

/// `Json` of every element, converted.
pub(crate) fn list<T, U: From<T>>(rows: Vec<T>) -> Vec<U> {
    rows.into_iter().map(U::from).collect()
}

/// One text in the three languages of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Text3 {
    pub kk: String,
    pub ru: String,
    pub en: String,
}

impl From<Text3> for saqshy_law::Text3 {
    fn from(text: Text3) -> Self {
        Self {
            kk: text.kk,
            ru: text.ru,
            en: text.en,
        }
    }
}

impl From<saqshy_law::Text3> for Text3 {
    fn from(text: saqshy_law::Text3) -> Self {
        Self {
            kk: text.kk,
            ru: text.ru,
            en: text.en,
        }
    }
}

/// Level of a detection rule and of its alerts, from the Sigma specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl From<saqshy_detect::Level> for Level {
    fn from(level: saqshy_detect::Level) -> Self {
        use saqshy_detect::Level as From;
        match level {
            From::Informational => Level::Informational,
            From::Low => Level::Low,
            From::Medium => Level::Medium,
            From::High => Level::High,
            From::Critical => Level::Critical,
        }
    }
}

/// Severity of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

same_words!(Level: saqshy_casework::Level { Informational, Low, Medium, High, Critical });
same_words!(Severity: saqshy_casework::Severity { Low, Medium, High, Critical });

/// A number per level.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct LevelCounts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub informational: u64,
}

/// How many events fell into the interval that starts at `time`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Bucket {
    pub time: Timestamp,
    pub count: u64,
}

/// Where a duty's clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockStatus {
    NotStarted,
    Running,
    Met,
    MetLate,
    Overdue,
    Fired,
    NotNeeded,
}

same_words!(ClockStatus: saqshy_law::ClockStatus {
    NotStarted, Running, Met, MetLate, Overdue, Fired, NotNeeded,
});

/// A duty of the law on one incident, with its term.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Clock {
    pub id: String,
    /// Id of the duty in its pack, for example `o199.notify-nsc`.
    pub duty: String,
    /// Clause id, for example `O199-10-3-7b`.
    pub clause: String,
    /// The act that sets the duty, for example `kz/o199`.
    pub act: String,
    /// The organisation's own duty; otherwise one that somebody owes it, watched the same way.
    pub own: bool,
    pub bearer: String,
    pub addressees: Vec<Text3>,
    /// The same addressees as ids, to draft a notice to.
    pub addressee_ids: Vec<String>,
    pub title: Text3,
    /// `within`, `after`, `each` or `before`.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    pub status: ClockStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Timestamp>,
    /// How the due time was computed, step by step.
    pub steps: Vec<Text3>,
    /// Edition of the act that the term was computed under.
    pub edition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_edition: Option<String>,
    /// The calendar of a year involved is not published yet.
    pub provisional: bool,
}

impl Clock {
    /// A clock of one incident; the names of parties are from its pack.
    pub fn of(incident: &str, clock: saqshy_law::Clock, law: &saqshy_casework::Law) -> Self {
        let pack = law.packs.iter().find(|pack| pack.id == clock.act);
        let title = |id: &String| match pack {
            Some(pack) => pack.party_title(id).into(),
            None => saqshy_law::Text3::same(id.as_str()).into(),
        };
        let period = clock.period.map(|period| format!(":{period}"));
        Self {
            id: format!("{incident}:{}{}", clock.duty, period.unwrap_or_default()),
            addressees: clock.addressee.iter().map(title).collect(),
            duty: clock.duty,
            clause: clock.clause,
            act: clock.act,
            own: clock.own,
            bearer: clock.bearer,
            addressee_ids: clock.addressee,
            title: clock.title.into(),
            kind: match clock.kind {
                saqshy_law::ClockKind::Within => "within",
                saqshy_law::ClockKind::After => "after",
                saqshy_law::ClockKind::Each => "each",
                saqshy_law::ClockKind::Before => "before",
            }
            .to_owned(),
            started: clock.started,
            due: clock.due,
            status: clock.status.into(),
            stopped: clock.stopped,
            steps: clock.steps.into_iter().map(Text3::from).collect(),
            edition: clock.edition,
            calendar_edition: clock.calendar_edition,
            provisional: clock.provisional,
        }
    }
}

/// A clock and the incident that it runs on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClockRow {
    #[serde(flatten)]
    pub clock: Clock,
    pub incident_id: String,
    pub incident_number: String,
    pub incident_title: String,
}

/// Names of the people with an account, by login.
pub struct Names(BTreeMap<String, String>);

impl Names {
    pub async fn of(app: &App) -> ApiResult<Self> {
        let accounts = app.access().accounts.all().await?;
        let pairs = accounts.into_iter().map(|one| (one.login, one.name));
        Ok(Names(pairs.collect()))
    }

    /// Whether somebody has this login.
    pub fn knows(&self, login: &str) -> bool {
        self.0.contains_key(login)
    }

    /// The name of who has this login; the login itself when nobody has (the program, an
    /// addressee).
    pub fn name(&self, login: String) -> String {
        self.0.get(&login).cloned().unwrap_or(login)
    }
}

/// Something was made; this is its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct Created {
    pub id: String,
}
