//! Everything of a server that is not HTTP: opening the data folder, the pipeline, the journal
//! sequencer, housekeeping.

mod app;
mod correlation;
mod housekeeping;
mod journal;
mod lake_files;
mod ledger;
mod open;
mod pipeline;
pub mod rules;
mod sources;
mod tls;
mod verify;

pub use app::{App, Clock, system_clock};
pub use housekeeping::run as housekeeping;
pub use journal::{JournalHandle, run as sequencer};
pub use ledger::{SourceRow, source_rows};
pub(crate) use open::open_store;
pub use open::{Paths, load_law, make_data_dir, open};
pub use pipeline::{flush, measure_costs, run as pipeline};
pub use rules::RuleService;
pub use sources::{NewSource, Source, SourceRegistry};
pub use tls::server_config;
pub use verify::{VerifyFinding, VerifyReport, public_key, verify_data_dir};
