//! A call to another system's own web address: to isolate a station, to end sessions, to open a
//! ticket. The call is signed as notices are (see `saqshy_dispatch::post_webhook`); undoing it is a
//! call too.
//!
//! The body is JSON: `operation` (`apply`, `undo`, `rehearse`), `action`, `incident`, `webhook`,
//! `target`, `minutes`, `expires_at`, `reason`. `x-saqshy-delivery` is `<action>:<operation>`, the
//! same on a repeated call, so that the receiver may tell it from a new one.

use futures::future::BoxFuture;
use saqshy_casework::{Action, named_value};
use saqshy_dispatch::post_webhook;
use serde_json::json;

use super::{Driver, Job, Outcome};
use crate::config::ResponseWebhook;

/// Calls one of the configured addresses.
pub(super) struct CallWebhook {
    webhooks: Vec<ResponseWebhook>,
}

impl CallWebhook {
    pub(super) fn new(webhooks: Vec<ResponseWebhook>) -> Self {
        Self { webhooks }
    }

    /// The webhook that the action names, and the value for it.
    fn find<'a>(&'a self, action: &'a Action) -> Result<(&'a ResponseWebhook, &'a str), String> {
        let (name, value) =
            named_value(&action.target).ok_or("the target is not `webhook=value`")?;
        let found = self.webhooks.iter().find(|one| one.name == name);
        found.map(|one| (one, value)).ok_or_else(|| {
            let known: Vec<&str> = self.webhooks.iter().map(|one| one.name.as_str()).collect();
            format!(
                "no webhook is named `{name}`; there is: {}",
                known.join(", ")
            )
        })
    }

    async fn call(&self, job: Job<'_>, operation: &str) -> Outcome {
        let (hook, value) = self.find(job.action)?;
        let url = match operation {
            "apply" => Some(&hook.url),
            "undo" => Some(&hook.undo_url),
            _ => hook.rehearse_url.as_ref(),
        };
        let Some(url) = url else {
            return Ok(format!(
                "would call {} for `{value}`; undoing calls {}; nothing was called",
                hook.url, hook.undo_url
            ));
        };
        let body = json!({
            "operation": operation, "action": job.action.id, "incident": job.action.incident_id,
            "webhook": hook.name, "target": value, "minutes": job.action.minutes,
            "expires_at": job.action.expires_at, "reason": job.action.reason,
        });
        let hook = hook.peer.at(url).map_err(|error| format!("{error:#}"))?;
        let delivery = format!("{}:{operation}", job.action.id);
        let body = body.to_string().into_bytes();
        let answer = post_webhook(&hook, &delivery, job.app.now(), body).await;
        match answer {
            Ok(said) => Ok(format!("{url}: {said}")),
            Err(error) => Err(format!("{url}: {error}")),
        }
    }
}

impl Driver for CallWebhook {
    fn rehearse<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.call(job, "rehearse"))
    }
    fn apply<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.call(job, "apply"))
    }
    fn undo<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.call(job, "undo"))
    }
}
