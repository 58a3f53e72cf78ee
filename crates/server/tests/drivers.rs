//! Response on real systems (PS-039, R90-8-2): a firewall of the kernel behind a real sshd, a real
//! directory, a real web server. Each action is rehearsed, approved by a second person, applied,
//! looked at from outside, and undone.

mod common;
#[path = "drivers/directory.rs"]
mod directory;
#[path = "drivers/firewall.rs"]
mod firewall;
#[path = "drivers/webhook.rs"]
mod webhook;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use common::{Person, Trial, until};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use saqshy_server::runtime::Clock;
use serde_json::{Value, json};

/// A program that runs beside the test and ends with it.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says that a test is skipped when one of `programs` is missing.
fn lacks(programs: &[&str]) -> bool {
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let there = |name: &&&str| {
        folders
            .iter()
            .any(|folder| Path::new(folder).join(name).exists())
    };
    let missing: Vec<_> = programs.iter().filter(|name| !there(name)).collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: {missing:?} not installed (run scripts/setup test)");
    }
    !missing.is_empty()
}

/// Runs a program; its output when it succeeds, what it complained of otherwise.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stdout) + &text(&output.stderr)),
    }
}

/// A clock that the test moves.
#[derive(Clone)]
struct Hands(Arc<Mutex<SignedDuration>>);

impl Hands {
    fn new() -> (Hands, Clock) {
        let ahead = Arc::new(Mutex::new(SignedDuration::ZERO));
        let hands = Hands(ahead.clone());
        (hands, Arc::new(move || Timestamp::now() + *ahead.lock()))
    }

    fn forward(&self, minutes: i64) {
        *self.0.lock() += SignedDuration::from_mins(minutes);
    }
}

/// A case, who works on it, and who approves.
struct Response {
    analyst: Person,
    chief: Person,
    case: String,
}

impl Response {
    async fn new(trial: &Trial) -> Response {
        let analyst = trial.sign_in("analyst").await;
        let chief = trial.sign_in("incident_coordinator").await;
        let body = json!({"title": "Шабуыл", "severity": "high"});
        let case = analyst.ok("POST", "/incidents", Some(&body)).await;
        let case = case["id"].as_str().unwrap().to_owned();
        Response {
            analyst,
            chief,
            case,
        }
    }

    /// Asks for an action; it comes back with what the dry run said.
    async fn ask(&self, driver: &str, target: &str, minutes: u32) -> Value {
        let body =
            json!({"driver": driver, "target": target, "minutes": minutes, "reason": "шабуыл"});
        let path = format!("/incidents/{}/actions", self.case);
        self.analyst.ok("POST", &path, Some(&body)).await
    }

    async fn approve(&self, action: &Value) -> Value {
        let body = json!({"owner": "Әлия, төлемдер", "version": action["version"]});
        self.does(action, "approve", body).await
    }

    async fn undo(&self, action: &Value) -> Value {
        let body = json!({"version": self.now(action).await["version"]});
        self.does(action, "undo", body).await
    }

    async fn does(&self, action: &Value, what: &str, body: Value) -> Value {
        let path = format!("/actions/{}/{what}", action["id"].as_str().unwrap());
        self.chief.ok("POST", &path, Some(&body)).await
    }

    /// The action as it stands now.
    async fn now(&self, action: &Value) -> Value {
        let path = format!("/incidents/{}/response", self.case);
        let found = self.chief.ok("GET", &path, None).await;
        let actions = found["actions"].as_array().unwrap();
        let found = actions.iter().find(|one| one["id"] == action["id"]);
        found.unwrap().clone()
    }

    /// Waits until the program has undone the action by itself.
    async fn ends(&self, action: &Value) {
        until("the action is undone when its time is over", async || {
            self.now(action).await["state"] == "undone"
        })
        .await;
    }

    /// What the timeline of the case says about actions.
    async fn told(&self) -> Vec<String> {
        let path = format!("/incidents/{}", self.case);
        let whole = self.chief.ok("GET", &path, None).await;
        let timeline = whole["timeline"].as_array().unwrap();
        let kinds = timeline.iter().filter_map(|entry| entry["kind"].as_str());
        let of_response = kinds.filter(|kind| kind.starts_with("response."));
        of_response.map(str::to_owned).collect()
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
