//! Drivers: what an approved action does to another system (PS-039). casework decides whether an
//! action may be done; here it is rehearsed, applied, and undone when its time is over.
//!
//! A driver never sees a shell: the program of the system is called with fixed arguments, and a
//! target was checked before (an address, the name of an account, a value).

mod directory;
mod nftables;
mod reference;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use saqshy_casework::{Action, Actor, Ctx, Result};

use self::directory::Directory;
use self::nftables::Nftables;
use self::reference::ReferenceSet;
use self::webhook::CallWebhook;
use crate::config::Response;
use crate::runtime::App;

/// How long a call to another system may take.
const CALL_MAX: Duration = Duration::from_secs(30);

/// What an action does. Each call says in words what it did, or why it failed; a call may be
/// repeated and then has the same effect as once.
trait Driver: Send + Sync {
    /// Says what would be done, and asks the other system whether it would accept it.
    fn rehearse<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome>;
    /// Reads what undoing must restore. It is kept with the action (`action.former`) before
    /// `apply` is called.
    fn former<'a>(
        &'a self,
        _: Job<'a>,
    ) -> BoxFuture<'a, std::result::Result<Option<String>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// Does it. It must not outlast `action.minutes` where the other system can see to that.
    fn apply<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome>;
    /// Takes it back.
    fn undo<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome>;
}

type Outcome = std::result::Result<String, String>;

#[derive(Clone, Copy)]
struct Job<'a> {
    app: &'a App,
    actor: &'a Actor,
    action: &'a Action,
}

impl<'a> Job<'a> {
    fn ctx(&self) -> Ctx<'a> {
        Ctx {
            actor: self.actor,
            now: self.app.now(),
            law: &self.app.law,
        }
    }
}

/// The drivers that this server is set up for.
pub fn ready(config: &Response) -> Vec<String> {
    let mut ready = vec!["add_to_set".to_owned()];
    if config.firewall.is_some() {
        ready.push("block_address".to_owned());
    }
    if config.directory.is_some() {
        ready.push("disable_account".to_owned());
    }
    if !config.webhooks.is_empty() {
        ready.push("call_webhook".to_owned());
    }
    ready
}

fn driver(config: &Response, name: &str) -> Option<Box<dyn Driver>> {
    match name {
        "add_to_set" => Some(Box::new(ReferenceSet)),
        "block_address" => {
            let firewall = config.firewall.clone()?;
            let program = config.ssh_program.clone();
            Some(Box::new(Nftables { firewall, program }))
        }
        "disable_account" => Some(Box::new(Directory::new(config.directory.clone()?))),
        "call_webhook" if !config.webhooks.is_empty() => {
            Some(Box::new(CallWebhook::new(config.webhooks.clone())))
        }
        _ => None,
    }
}

fn missing(action: &Action) -> Outcome {
    Err(format!("this server is not set up for `{}`", action.driver))
}

/// Makes the dry run of an action and records what it said, the refusal of the other system too.
pub async fn rehearse(app: &App, actor: &Actor, action: Action) -> Result<Action> {
    let job = Job {
        app,
        actor,
        action: &action,
    };
    let said = match driver(&app.config.response, &action.driver) {
        Some(driver) => driver.rehearse(job).await,
        None => missing(&action),
    };
    let said = said.unwrap_or_else(|error| format!("! {error}"));
    let mut tx = app.store.begin().await?;
    let action = tx
        .rehearse_action(&job.ctx(), &action.id, &said, action.version)
        .await?;
    tx.commit().await?;
    Ok(action)
}

/// Applies an approved action and records how it ended.
pub async fn apply(app: &App, actor: &Actor, action: Action) -> Result<Action> {
    let job = Job {
        app,
        actor,
        action: &action,
    };
    let driver = driver(&app.config.response, &action.driver);
    let former = match &driver {
        Some(driver) => driver.former(job).await,
        None => Ok(None),
    };
    let mut tx = app.store.begin().await?;
    let kept = former.as_ref().ok().and_then(Option::as_deref);
    let begun = tx
        .begin_action(&job.ctx(), &action.id, action.version, kept)
        .await?;
    tx.commit().await?;
    let job = Job {
        action: &begun,
        ..job
    };
    let outcome = match (former, driver) {
        (Err(error), _) => Err(error),
        (Ok(_), Some(driver)) => driver.apply(job).await,
        (Ok(_), None) => missing(&begun),
    };
    let (done, said) = said(outcome);
    let mut tx = app.store.begin().await?;
    let action = tx
        .action_applied(&job.ctx(), &action.id, done, &said)
        .await?;
    tx.commit().await?;
    Ok(action)
}

/// Undoes an applied action and records how it ended; a failure leaves it applied.
pub async fn undo(app: &App, actor: &Actor, action: Action) -> Result<Action> {
    let job = Job {
        app,
        actor,
        action: &action,
    };
    let outcome = match driver(&app.config.response, &action.driver) {
        Some(driver) => driver.undo(job).await,
        None => missing(&action),
    };
    let (done, said) = said(outcome);
    let mut tx = app.store.begin().await?;
    let action = tx
        .action_undone(&job.ctx(), &action.id, done, &said)
        .await?;
    tx.commit().await?;
    Ok(action)
}

/// Undoes what has outlasted its time.
pub async fn undo_expired(app: Arc<App>) {
    // One round at a time: a slow system must not be asked twice.
    let Ok(_round) = app.undoing.try_lock() else {
        return;
    };
    let expired = match app.store.actions_expired(app.now()).await {
        Ok(expired) => expired,
        Err(error) => {
            tracing::error!("actions to undo: {error}; trying again");
            return;
        }
    };
    for action in expired {
        let id = action.id.clone();
        if let Err(error) = undo(&app, &Actor::system(), action).await {
            tracing::error!("undoing action {id}: {error}; trying again");
        }
    }
}

fn said(outcome: Outcome) -> (bool, String) {
    match outcome {
        Ok(text) => (true, text),
        Err(text) => (false, text),
    }
}
