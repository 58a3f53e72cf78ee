//! Response (R90-4-4, R90-8, PS-039, PS-047): standard procedures as playbooks, their runs on a
//! case, actions on other systems, stops of business processes.

mod actions;
mod cacao;
mod playbooks;
mod runs;
mod stops;
mod targets;

pub use actions::{ACTION_MINUTES_MAX, Action, NewAction, named_value};
pub use cacao::{DRIVERS, LinearPlaybook, LinearStep, Playbook, Step, Work};
pub use playbooks::{PlaybookReading, PlaybookVersion};
pub use runs::{Run, RunStep, StepEnd};
pub use stops::{NewStop, ProcessStop};
pub use targets::{Network, ProtectedTarget, ReferenceItem};
