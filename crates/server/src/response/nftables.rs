//! An address into a set of nftables on another machine.

use std::path::PathBuf;
use std::process::Stdio;

use futures::future::BoxFuture;
use saqshy_casework::{Action, Network};
use tokio::process::Command;

use super::{CALL_MAX, Driver, Job, Outcome};
use crate::config::Firewall;

/// Puts an address into a set of nftables on another machine, by the system's `ssh`. The element
/// carries its own timeout, so that the block ends even when this program does not.
pub(super) struct Nftables {
    pub firewall: Firewall,
    /// The system's ssh.
    pub program: PathBuf,
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
                // The element's own timeout was faster. nft says it in its own words for sets of
                // intervals and passes the kernel's on for others.
                Err(said)
                    if ["element does not exist", "No such file or directory"]
                        .iter()
                        .any(|absent| said.contains(absent)) =>
                {
                    Ok(said)
                }
                outcome => outcome,
            }
        })
    }
}
