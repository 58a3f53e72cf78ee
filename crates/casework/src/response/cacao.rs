//! Procedures as CACAO 2.0 playbooks (OASIS CACAO Security Playbooks 2.0, section 3 and 4): read,
//! checked with every problem named by its place, and written from a simple list of steps.
//!
//! A step is done by a person unless its command has the type `saqshy`, whose `command` names one
//! of the [`DRIVERS`]. Commands of other types (bash, ssh, http-api, …) are shown to the person and
//! never run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{Error, NAME_BYTES_MAX, Result, TEXT_BYTES_MAX, check_text, opt_check};

/// What an automated step can do.
pub const DRIVERS: [&str; 4] = [
    "block_address",
    "disable_account",
    "call_webhook",
    "add_to_set",
];
/// Largest playbook, in bytes of its JSON.
const BODY_BYTES_MAX: usize = 1 << 20;
const STEPS_MAX: usize = 500;
/// Namespace of the ids of steps that are made here (UUID version 5).
const STEP_IDS: Uuid = Uuid::from_u128(0x7361_7173_6879_4f2d_8a0e_5c0f_9d5b_3c11);

/// A checked playbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    pub id: String,
    pub name: String,
    pub description: String,
    pub start: String,
    pub steps: BTreeMap<String, Step>,
    /// The document as it came, members that mean nothing here included.
    pub document: Value,
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: String,
    pub name: String,
    pub description: String,
    pub work: Work,
    /// Where it goes on; by failure where that differs.
    pub next: Option<String>,
    pub on_failure: Option<String>,
}

/// What a step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Start,
    End,
    /// Something a person does. `commands` are shown as they stand.
    Human {
        commands: Vec<String>,
    },
    /// Something one of the [`DRIVERS`] does after approval.
    Automated {
        driver: String,
    },
    /// A person decides which way: choice → step. `question` is the condition.
    Choice {
        question: String,
        ways: BTreeMap<String, String>,
    },
    /// Several ways at once; `next` follows when all have ended.
    Parallel {
        branches: Vec<String>,
    },
}

/// A procedure as a plain list of steps: what the simple editor shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearPlaybook {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub steps: Vec<LinearStep>,
}

/// One step of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearStep {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// One of the [`DRIVERS`]; a person does it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

impl Playbook {
    /// Reads and checks a playbook.
    ///
    /// # Errors
    /// `Invalid` that names every problem with its place, at most twenty.
    pub fn parse(document: &Value) -> Result<Playbook> {
        let mut check = Checker::default();
        let playbook = check.playbook(document);
        let size = document.to_string().len();
        if size > BODY_BYTES_MAX {
            check.problem(
                "/",
                format!("{size} bytes, at most {BODY_BYTES_MAX} are kept"),
            );
        }
        match playbook {
            Some(playbook) if check.problems.is_empty() => Ok(playbook),
            _ => {
                let more = check.problems.len().saturating_sub(20);
                check.problems.truncate(20);
                let mut message = check.problems.join("; ");
                if more > 0 {
                    message.push_str(&format!("; and {more} more"));
                }
                Err(Error::invalid("playbook", message))
            }
        }
    }

    /// The same as a list of steps, if it is one.
    pub fn linear(&self) -> Option<LinearPlaybook> {
        let mut steps = Vec::new();
        let mut at = self.steps.get(&self.start)?.next.clone()?;
        for _ in 0..=self.steps.len() {
            let step = self.steps.get(&at)?;
            let driver = match &step.work {
                Work::End => {
                    return Some(LinearPlaybook {
                        name: self.name.clone(),
                        description: self.description.clone(),
                        steps,
                    });
                }
                Work::Human { .. } if step.on_failure.is_none() => None,
                Work::Automated { driver } if step.on_failure.is_none() => Some(driver.clone()),
                _ => return None,
            };
            steps.push(LinearStep {
                name: step.name.clone(),
                description: step.description.clone(),
                driver,
            });
            at = step.next.clone()?;
        }
        None
    }
}

impl LinearPlaybook {
    /// The playbook as a CACAO 2.0 document under `id` (`playbook--<uuid>`).
    ///
    /// # Errors
    /// `Invalid` for an empty name, no step, or an unknown driver.
    pub fn to_cacao(&self, id: &str, by: &str, now: Timestamp) -> Result<Value> {
        check_text("name", &self.name, NAME_BYTES_MAX)?;
        opt_check("description", Some(&self.description), TEXT_BYTES_MAX)?;
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Err(Error::invalid(
                "steps",
                format!("1 to {STEPS_MAX} steps are needed"),
            ));
        }
        let key = |kind: &str, n: usize| {
            let name = format!("{id}/{n}");
            format!("{kind}--{}", Uuid::new_v5(&STEP_IDS, name.as_bytes()))
        };
        let (start, end) = (key("start", 0), key("end", self.steps.len() + 1));
        let after = |n: usize| match n {
            n if n > self.steps.len() => end.clone(),
            n => key("action", n),
        };
        let mut workflow = Map::new();
        workflow.insert(
            start.clone(),
            json!({"type": "start", "on_completion": after(1)}),
        );
        for (n, step) in (1..).zip(&self.steps) {
            check_text("steps", &step.name, NAME_BYTES_MAX)?;
            opt_check("steps", Some(&step.description), TEXT_BYTES_MAX)?;
            let command = match &step.driver {
                Some(driver) if !DRIVERS.contains(&driver.as_str()) => {
                    let known = DRIVERS.join(", ");
                    let message = format!("step {n}: `{driver}` is none of {known}");
                    return Err(Error::invalid("steps", message));
                }
                Some(driver) => json!({"type": "saqshy", "command": driver}),
                None => json!({"type": "manual", "command": step.name}),
            };
            let action = json!({
                "type": "action", "name": step.name, "description": step.description,
                "commands": [command], "on_completion": after(n + 1),
            });
            workflow.insert(key("action", n), action);
        }
        workflow.insert(end, json!({"type": "end"}));
        let author = Uuid::new_v5(&STEP_IDS, by.as_bytes());
        Ok(json!({
            "type": "playbook", "spec_version": "cacao-2.0", "id": id, "name": self.name,
            "description": self.description, "playbook_types": ["mitigation"],
            "created_by": format!("identity--{author}"), "created": now, "modified": now,
            "workflow_start": start, "workflow": workflow,
        }))
    }
}

#[derive(Default)]
struct Checker {
    problems: Vec<String>,
}

impl Checker {
    fn problem(&mut self, place: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("{place}: {what}"));
    }

    fn text(&mut self, at: &Value, place: &str, name: &str, needed: bool) -> String {
        match &at[name] {
            Value::String(text) if text.len() <= TEXT_BYTES_MAX => text.clone(),
            Value::String(_) => {
                self.problem(&format!("{place}/{name}"), "is too long");
                String::new()
            }
            Value::Null if !needed => String::new(),
            Value::Null => {
                self.problem(&format!("{place}/{name}"), "is missing");
                String::new()
            }
            _ => {
                self.problem(&format!("{place}/{name}"), "is no text");
                String::new()
            }
        }
    }

    fn playbook(&mut self, document: &Value) -> Option<Playbook> {
        if !document.is_object() {
            self.problem("/", "a playbook is a JSON object");
            return None;
        }
        for (name, value) in [("type", "playbook"), ("spec_version", "cacao-2.0")] {
            if document[name] != value {
                self.problem(&format!("/{name}"), format!("is not `{value}`"));
            }
        }
        let id = self.text(document, "", "id", true);
        self.identifier("/id", &id, "playbook");
        let name = self.text(document, "", "name", true);
        for time in ["created", "modified"] {
            let text = self.text(document, "", time, true);
            if !text.is_empty() && text.parse::<Timestamp>().is_err() {
                self.problem(&format!("/{time}"), format!("`{text}` is no RFC 3339 time"));
            }
        }
        self.text(document, "", "created_by", true);
        let start = self.text(document, "", "workflow_start", true);
        let Some(workflow) = document["workflow"].as_object() else {
            self.problem("/workflow", "is missing");
            return None;
        };
        if workflow.len() > STEPS_MAX {
            self.problem("/workflow", format!("has over {STEPS_MAX} steps"));
            return None;
        }
        let steps: BTreeMap<String, Step> = workflow
            .iter()
            .map(|(id, step)| (id.clone(), self.step(id, step)))
            .collect();
        match steps.get(&start).map(|step| &step.work) {
            Some(Work::Start) => {}
            Some(_) => self.problem("/workflow_start", "names a step that is no start"),
            None => self.problem("/workflow_start", format!("no step `{start}`")),
        }
        self.ways(&steps, &start);
        Some(Playbook {
            id,
            name,
            description: self.text(document, "", "description", false),
            start,
            steps,
            document: document.clone(),
        })
    }

    fn identifier(&mut self, place: &str, id: &str, kind: &str) {
        let uuid = id
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix("--"));
        if uuid.is_none_or(|uuid| uuid.parse::<Uuid>().is_err()) {
            self.problem(place, format!("`{id}` is not of the form `{kind}--<uuid>`"));
        }
    }

    fn step(&mut self, id: &str, step: &Value) -> Step {
        let place = format!("/workflow/{id}");
        let kind = self.text(step, &place, "type", true);
        self.identifier(&place, id, &kind);
        let reference = |name: &str| step[name].as_str().map(str::to_owned);
        let next = reference("on_completion").or_else(|| reference("on_success"));
        let both = !step["on_completion"].is_null() && !step["on_success"].is_null();
        if both {
            self.problem(&place, "on_completion excludes on_success");
        }
        let work = match kind.as_str() {
            "start" => Work::Start,
            "end" => Work::End,
            "action" => self.action(step, &place),
            "playbook-action" => Work::Human {
                commands: vec![self.text(step, &place, "playbook_id", true)],
            },
            "parallel" => Work::Parallel {
                branches: self.branches(step, &place),
            },
            "if-condition" | "while-condition" => Work::Choice {
                question: self.text(step, &place, "condition", true),
                ways: self.two_ways(step, &place),
            },
            "switch-condition" => Work::Choice {
                question: self.text(step, &place, "switch", true),
                ways: self.cases(step, &place),
            },
            other => {
                self.problem(&place, format!("`{other}` is no type of step"));
                Work::End
            }
        };
        let needs_next = matches!(work, Work::Start);
        if needs_next && next.is_none() {
            self.problem(&place, "on_completion is missing");
        }
        if matches!(work, Work::End) && next.is_some() {
            self.problem(&place, "nothing follows an end");
        }
        let name = self.text(step, &place, "name", false);
        Step {
            id: id.to_owned(),
            name: if name.is_empty() { kind } else { name },
            description: self.text(step, &place, "description", false),
            work,
            next,
            on_failure: reference("on_failure"),
        }
    }

    fn action(&mut self, step: &Value, place: &str) -> Work {
        let empty = Vec::new();
        let commands = step["commands"].as_array().unwrap_or(&empty);
        if commands.is_empty() {
            self.problem(
                &format!("{place}/commands"),
                "at least one command is needed",
            );
        }
        let own: Vec<&Value> = commands.iter().filter(|c| c["type"] == "saqshy").collect();
        if let [command] = own[..] {
            let driver = command["command"].as_str().unwrap_or_default();
            if commands.len() > 1 {
                self.problem(place, "a saqshy command stands alone in its step");
            }
            if !DRIVERS.contains(&driver) {
                let known = DRIVERS.join(", ");
                self.problem(place, format!("`{driver}` is none of {known}"));
            }
            return Work::Automated {
                driver: driver.to_owned(),
            };
        }
        if own.len() > 1 {
            self.problem(place, "a saqshy command stands alone in its step");
        }
        let mut shown = Vec::new();
        for (n, command) in commands.iter().enumerate() {
            let place = format!("{place}/commands/{n}");
            let kind = self.text(command, &place, "type", true);
            let body = ["command", "command_b64", "description"]
                .iter()
                .find_map(|name| command[*name].as_str());
            match (kind.as_str(), body) {
                ("manual", Some(body)) => shown.push(body.to_owned()),
                (kind, body) => shown.push(format!("{kind}: {}", body.unwrap_or("–"))),
            }
        }
        Work::Human { commands: shown }
    }

    fn branches(&mut self, step: &Value, place: &str) -> Vec<String> {
        let empty = Vec::new();
        let list = step["next_steps"].as_array().unwrap_or(&empty);
        let branches: Vec<String> = list
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect();
        if branches.is_empty() || branches.len() != list.len() {
            self.problem(&format!("{place}/next_steps"), "a list of steps is needed");
        }
        branches
    }

    fn two_ways(&mut self, step: &Value, place: &str) -> BTreeMap<String, String> {
        let mut ways = BTreeMap::new();
        for (choice, name) in [("true", "on_true"), ("false", "on_false")] {
            let to = step[name].as_str().or(match choice {
                "false" => step["on_completion"].as_str(),
                _ => None,
            });
            match to {
                Some(to) => {
                    ways.insert(choice.to_owned(), to.to_owned());
                }
                None if choice == "true" => {
                    self.problem(&format!("{place}/{name}"), "is missing");
                }
                None => {}
            }
        }
        ways
    }

    fn cases(&mut self, step: &Value, place: &str) -> BTreeMap<String, String> {
        let cases = step["cases"].as_object().cloned().unwrap_or_default();
        let ways: BTreeMap<String, String> = cases
            .iter()
            .filter_map(|(choice, to)| Some((choice.clone(), to.as_str()?.to_owned())))
            .collect();
        if ways.is_empty() || ways.len() != cases.len() {
            self.problem(
                &format!("{place}/cases"),
                "choices with one step each are needed",
            );
        }
        ways
    }

    /// Every reference names a step, every step can be reached.
    fn ways(&mut self, steps: &BTreeMap<String, Step>, start: &str) {
        let mut reached = BTreeSet::new();
        let mut todo = vec![start.to_owned()];
        for step in steps.values() {
            for to in step.leads_to() {
                if !steps.contains_key(to) {
                    self.problem(&format!("/workflow/{}", step.id), format!("no step `{to}`"));
                }
            }
        }
        while let Some(id) = todo.pop() {
            let Some(step) = steps.get(&id) else { continue };
            if reached.insert(id) {
                todo.extend(step.leads_to().map(str::to_owned));
            }
        }
        for id in steps.keys().filter(|id| !reached.contains(*id)) {
            self.problem(
                &format!("/workflow/{id}"),
                "no way leads here from the start",
            );
        }
    }
}

impl Step {
    fn leads_to(&self) -> impl Iterator<Item = &str> {
        let ways: Vec<&String> = match &self.work {
            Work::Choice { ways, .. } => ways.values().collect(),
            Work::Parallel { branches } => branches.iter().collect(),
            _ => Vec::new(),
        };
        ways.into_iter()
            .chain(&self.next)
            .chain(&self.on_failure)
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "playbook--f47ac10b-58cc-4372-a567-0e02b2c3d479";

    fn linear() -> LinearPlaybook {
        LinearPlaybook {
            name: "Шифрлаушы".into(),
            description: "Бірінші шаралар".into(),
            steps: vec![
                LinearStep {
                    name: "Ажырату".into(),
                    description: String::new(),
                    driver: None,
                },
                LinearStep {
                    name: "Бұғаттау".into(),
                    description: "Сыртқы мекенжай".into(),
                    driver: Some("block_address".into()),
                },
            ],
        }
    }

    fn document() -> Value {
        let now = "2026-03-16T09:00:00Z".parse().unwrap();
        linear().to_cacao(ID, "aigerim", now).unwrap()
    }

    #[test]
    fn a_list_of_steps_survives_the_way_through_cacao() {
        let playbook = Playbook::parse(&document()).unwrap();
        assert_eq!(playbook.linear(), Some(linear()));
        assert_eq!(playbook.document, document());
        let mut wrong = linear();
        wrong.steps[1].driver = Some("rm -rf".into());
        assert!(
            wrong
                .to_cacao(ID, "x", "2026-03-16T09:00:00Z".parse().unwrap())
                .is_err()
        );
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        type Breaking = fn(&mut Value);
        let broken: [(&str, Breaking); 8] = [
            ("/spec_version", |d| d["spec_version"] = json!("1.1")),
            ("/id", |d| d["id"] = json!("playbook--1")),
            ("/name: is missing", |d| {
                d.as_object_mut().unwrap().remove("name");
            }),
            ("/created", |d| d["created"] = json!("yesterday")),
            ("/workflow_start", |d| {
                d["workflow_start"] = json!("start--x")
            }),
            ("/workflow: is missing", |d| d["workflow"] = json!([])),
            ("no way leads here", |d| {
                let id = format!("end--{}", Uuid::new_v5(&STEP_IDS, b"x"));
                d["workflow"][id] = json!({"type": "end"});
            }),
            ("no step `nowhere`", |d| {
                let start = d["workflow_start"].as_str().unwrap().to_owned();
                d["workflow"][start]["on_completion"] = json!("nowhere");
            }),
        ];
        for (what, breaking) in broken {
            let mut document = document();
            breaking(&mut document);
            let error = Playbook::parse(&document).unwrap_err().to_string();
            assert!(error.contains(what), "{what}: {error}");
        }
        assert!(Playbook::parse(&json!("text")).is_err());
    }

    #[test]
    fn foreign_commands_are_shown_and_never_automated() {
        let mut document = document();
        let action = document["workflow"]
            .as_object_mut()
            .unwrap()
            .values_mut()
            .find(|step| step["type"] == "action")
            .unwrap();
        action["commands"] = json!([{"type": "ssh", "command": "reboot"}]);
        let playbook = Playbook::parse(&document).unwrap();
        let shown = playbook.steps.values().any(|step| {
            step.work
                == Work::Human {
                    commands: vec!["ssh: reboot".into()],
                }
        });
        assert!(shown);
    }
}
