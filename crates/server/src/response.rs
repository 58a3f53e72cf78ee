//! Drivers: what an approved action does to another system (PS-039). casework decides whether an
//! action may be done; here it is rehearsed, applied, and undone when its time is over.
//!
//! A driver never sees a shell: the program of the system is called with fixed arguments, and a
//! target was checked before (an address, or a value of a set).

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use saqshy_casework::{Action, Actor, Ctx, Network, Result, reference_of};
use tokio::process::Command;

use crate::config::{Firewall, Response};
use crate::runtime::App;

/// How long a call to another system may take.
const CALL_MAX: Duration = Duration::from_secs(30);

/// What an action does. Each call says in words what it did, or why it failed; a call may be
/// repeated and then has the same effect as once.
trait Driver: Send + Sync {
    /// Says what would be done, and asks the other system whether it would accept it.
    fn rehearse<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome>;
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
    let mut tx = app.store.begin().await?;
    tx.begin_action(&job.ctx(), &action.id, action.version)
        .await?;
    tx.commit().await?;
    let outcome = match driver(&app.config.response, &action.driver) {
        Some(driver) => driver.apply(job).await,
        None => missing(&action),
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

/// Adds a value to a named set of this program.
struct ReferenceSet;

impl ReferenceSet {
    async fn set(job: Job<'_>, present: bool) -> Outcome {
        let Some((set, value)) = reference_of(&job.action.target) else {
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

/// Puts an address into a set of nftables on another machine, by the system's `ssh`. The element
/// carries its own timeout, so that the block ends even when this program does not.
struct Nftables {
    firewall: Firewall,
    program: PathBuf,
}

impl Nftables {
    /// Arguments of ssh: never a shell here, and nothing but checked words for the other side.
    fn arguments(&self, action: &Action, verb: &[&str], minutes: Option<u32>) -> Vec<String> {
        let firewall = &self.firewall;
        let mut arguments: Vec<String> = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
            .map(str::to_owned)
            .to_vec();
        if let Some(key) = &firewall.key_file {
            arguments.extend(["-i".to_owned(), key.display().to_string()]);
        }
        arguments.extend(["--".to_owned(), firewall.destination.clone()]);
        let set = match action.target.contains(':') {
            true => &firewall.set6,
            false => &firewall.set4,
        };
        arguments.push("nft".to_owned());
        arguments.extend(verb.iter().map(|word| (*word).to_owned()));
        arguments.extend(["element", &firewall.family, &firewall.table, set].map(str::to_owned));
        let timeout = minutes.map(|minutes| format!(" timeout {minutes}m"));
        let element = format!("{{ {}{} }}", action.target, timeout.unwrap_or_default());
        // The other side's login shell sees one word.
        arguments.push(format!("'{element}'"));
        arguments
    }

    async fn call(&self, arguments: Vec<String>) -> Outcome {
        let mut command = Command::new(&self.program);
        command
            .args(&arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let shown = arguments.join(" ");
        match tokio::time::timeout(CALL_MAX, command.output()).await {
            Err(_) => Err(format!(
                "no answer within {} s: {shown}",
                CALL_MAX.as_secs()
            )),
            Ok(Err(error)) => Err(format!("{}: {error}", self.program.display())),
            Ok(Ok(output)) if output.status.success() => Ok(shown),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("{}: {}: {shown}", output.status, said.trim()))
            }
        }
    }

    async fn run(&self, action: &Action, verb: &[&str], minutes: Option<u32>) -> Outcome {
        if Network::parse(&action.target).is_none() {
            return Err(format!("`{}` is no address", action.target));
        }
        self.call(self.arguments(action, verb, minutes)).await
    }
}

impl Driver for Nftables {
    fn rehearse<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        let minutes = Some(job.action.minutes);
        Box::pin(self.run(job.action, &["--check", "add"], minutes))
    }
    fn apply<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        let minutes = Some(job.action.minutes);
        Box::pin(self.run(job.action, &["add"], minutes))
    }
    fn undo<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.run(job.action, &["delete"], None).await {
                // The element's own timeout was faster.
                Err(said) if said.contains("No such file or directory") => Ok(said),
                outcome => outcome,
            }
        })
    }
}
