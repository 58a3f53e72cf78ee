//! The closed word lists: what the database, the journal and the wire write for each.

use serde::{Deserialize, Serialize};

use crate::Error;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $field:literal { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(Error::invalid($field, format!("`{other}` is not one of the known words"))),
                }
            }
        }
    };
}

words! {
    /// Level of a detection rule, lowest first (Sigma specification 2.1).
    Level, "level" {
        Informational = "informational", Low = "low", Medium = "medium", High = "high", Critical = "critical",
    }
}

words! {
    /// Severity of an incident, lowest first.
    Severity, "severity" { Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Informational | Level::Low => Severity::Low,
            Level::Medium => Severity::Medium,
            Level::High => Severity::High,
            Level::Critical => Severity::Critical,
        }
    }
}

words! {
    /// Where an alert stands in triage.
    AlertState, "state" { New = "new", Acknowledged = "acknowledged", InProgress = "in_progress", Closed = "closed" }
}

words! {
    /// What triage found.
    Verdict, "verdict" { TruePositive = "true_positive", FalsePositive = "false_positive", Benign = "benign" }
}

words! {
    /// The way by which a notice leaves.
    #[derive(Default)]
    Channel, "channel" {
        /// Mail with the letter attached.
        #[default]
        Mail = "mail",
        /// HTTPS POST to the addressee's system.
        Webhook = "webhook",
        /// Files in a folder that a gateway or a courier empties.
        Folder = "folder",
        /// On paper, with a recorded receipt.
        Hand = "hand",
    }
}

words! {
    /// Where an incident stands.
    IncidentState, "state" {
        Open = "open", Investigating = "investigating", Contained = "contained",
        Eliminated = "eliminated", Closed = "closed",
    }
}

impl IncidentState {
    /// Whether `to` may follow. Work goes forward from state to state, may skip containment, and
    /// may fall back to investigation; a closed incident may only be reopened for investigation.
    /// Closing is legal from everywhere, but see [`IncidentState::needs_reason`].
    pub fn may_become(self, to: Self) -> bool {
        use IncidentState::*;
        match (self, to) {
            (Open, Investigating | Contained | Eliminated) => true,
            (Investigating, Contained | Eliminated) => true,
            (Contained, Investigating | Eliminated) => true,
            (Eliminated, Investigating) => true,
            (Closed, Investigating) => true,
            (from, Closed) => from != Closed,
            _ => false,
        }
    }

    /// Whether the step must be explained: closing without elimination, and every step back.
    pub fn needs_reason(self, to: Self) -> bool {
        use IncidentState::*;
        match (self, to) {
            (Eliminated, Closed) => false,
            (_, Closed) => true,
            (Eliminated | Closed, Investigating) => true,
            _ => false,
        }
    }
}

words! {
    /// Where a task stands.
    TaskState, "state" { Open = "open", Done = "done", Cancelled = "cancelled" }
}

words! {
    /// Where a notice to an addressee stands.
    NoticeState, "state" {
        Draft = "draft", Approved = "approved", Sent = "sent", Delivered = "delivered",
        Acknowledged = "acknowledged", Failed = "failed",
    }
}

words! {
    /// How one attempt to send ended.
    AttemptOutcome, "outcome" {
        /// The next server took responsibility for the message, or it was handed over in person.
        Accepted = "accepted",
        /// May succeed later.
        Temporary = "temporary",
        /// Will not succeed unless something is changed.
        Rejected = "rejected",
        /// Nobody answered.
        Unreachable = "unreachable",
    }
}

words! {
    /// How an addressee's receipt became known.
    ReceiptHow, "how" {
        /// The addressee opened the signed link and confirmed.
        Link = "link",
        /// A person here recorded a paper, stamped or spoken receipt.
        Recorded = "recorded",
    }
}

words! {
    /// How two cases belong together.
    LinkKind, "kind" {
        Related = "related", Duplicate = "duplicate", CausedBy = "caused_by", PartOf = "part_of",
    }
}

words! {
    /// An act in the chain of custody.
    CustodyAct, "act" {
        Taken = "taken", HandedOver = "handed_over", Examined = "examined", Copied = "copied",
        Returned = "returned", Read = "read", Sealed = "sealed", Exported = "exported",
        Deleted = "deleted",
    }
}

words! {
    /// Who suffered damage (R90-4-14).
    DamageTo, "to" { Institution = "institution", Clients = "clients" }
}

words! {
    /// The part of a person in an investigation.
    PersonPart, "part" {
        Member = "member",
        /// The investigation is about them; they cannot open it.
        Subject = "subject",
    }
}

words! {
    /// What an item of an investigation is.
    ItemKind, "kind" { Task = "task", Recommendation = "recommendation" }
}

words! {
    /// Where a step of a procedure stands.
    StepState, "state" {
        Open = "open",
        /// For the branches of a parallel step.
        Waiting = "waiting",
        Done = "done", Failed = "failed", Skipped = "skipped",
    }
}

words! {
    /// Whether a procedure had effect (R90-8).
    Effect, "effect" { Effective = "effective", Low = "low" }
}

words! {
    /// Where an action on another system stands.
    ActionState, "state" {
        Requested = "requested", Approved = "approved", Refused = "refused",
        /// Taken in hand by a driver.
        Applying = "applying",
        Applied = "applied", Failed = "failed", Undone = "undone",
    }
}

words! {
    /// How far a business process is stopped (R90-8-2).
    Extent, "extent" { Partial = "partial", Full = "full" }
}

words! {
    /// Why a person is told something.
    NotificationKind, "kind" {
        Mention = "mention", Escalation = "escalation", HandOver = "hand_over",
        Assignment = "assignment", Task = "task", Reminder = "reminder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_reach_closed_and_be_reopened() {
        for &from in IncidentState::ALL {
            assert!(!from.may_become(from), "{from} to itself");
            assert!(!from.may_become(IncidentState::Open), "{from} to open");
            if from != IncidentState::Closed {
                assert!(from.may_become(IncidentState::Closed));
            }
        }
        assert!(IncidentState::Closed.may_become(IncidentState::Investigating));
        assert!(IncidentState::Open.needs_reason(IncidentState::Closed));
        assert!(!IncidentState::Eliminated.needs_reason(IncidentState::Closed));
    }

    #[test]
    fn words_survive_a_round_trip() {
        for word in NoticeState::ALL {
            assert_eq!(word.as_str().parse::<NoticeState>().unwrap(), *word);
        }
        assert!("CRITICAL".parse::<Severity>().is_err());
        assert!(Level::Critical > Level::High && Severity::Low < Severity::Medium);
    }
}
