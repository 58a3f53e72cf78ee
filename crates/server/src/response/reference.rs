//! A value into a named set of this program, which rules and people read.

use futures::future::BoxFuture;
use saqshy_casework::named_value;

use super::{Driver, Job, Outcome};

/// Adds a value to a named set of this program.
pub(super) struct ReferenceSet;

impl ReferenceSet {
    async fn set(job: Job<'_>, present: bool) -> Outcome {
        let Some((set, value)) = named_value(&job.action.target) else {
            return Err("the target is not `set=value`".to_owned());
        };
        let work = async {
            let mut tx = job.app.store.begin().await?;
            tx.set_reference(&job.ctx(), set, value, present, Some(&job.action.id))
                .await?;
            tx.commit().await
        };
        match work.await {
            Ok(()) => Ok(format!("{set} {} {value}", if present { "+" } else { "−" })),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Driver for ReferenceSet {
    fn rehearse<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { Ok(format!("+ {}", job.action.target)) })
    }
    fn apply<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Self::set(job, true))
    }
    fn undo<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Self::set(job, false))
    }
}
