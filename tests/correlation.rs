//! Correlations survive `kill -9`: a scenario is sent through the HTTP intake to a server that is
//! killed and restarted in its middle, again and again. Its alerts are those of a server that was
//! left in peace, with the same ids, entities and hits.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::time::Duration;

use common::{Api, Server, http, prepare, wait_for};
use serde_json::{Value, json};

/// Rule ids of our own correlations.
const SPRAYING: &str = "SSH passwords tried on many accounts";
const GUESSED: &str = "SSH password guessed";
const SWEPT: &str = "Ports of a host swept";
/// A rule about single events, met by the last event of the scenario only.
const LAST: &str = "SSH closed a connection after too many attempts";

/// An event with `seconds` after the begin of the scenario.
fn event(seconds: i64, fields: Value) -> Value {
    let begin: jiff::Timestamp = "2026-03-20T10:00:00Z".parse().unwrap();
    let at = begin + jiff::SignedDuration::from_secs(seconds);
    let mut event = json!({"@timestamp": at.to_string(), "host": {"name": "portal-1"}});
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn ssh(seconds: i64, message: String, user: &str, address: &str) -> Value {
    let fields = json!({
        "message": message, "process": {"name": "sshd"}, "user": {"name": user},
        "source": {"ip": address}, "data_stream": {"dataset": "linux.auth"}
    });
    event(seconds, fields)
}

fn refused(seconds: i64, user: &str, address: &str) -> Value {
    let message = format!("Failed password for {user} from {address} port 40112 ssh2");
    ssh(seconds, message, user, address)
}

fn accepted(seconds: i64, user: &str, address: &str) -> Value {
    let message = format!("Accepted password for {user} from {address} port 40112 ssh2");
    ssh(seconds, message, user, address)
}

fn blocked(seconds: i64, port: i64, address: &str) -> Value {
    let fields = json!({
        "event": {"action": "blocked", "category": ["network"]}, "source": {"ip": address},
        "destination": {"ip": "10.20.9.2", "port": port},
        "data_stream": {"dataset": "gw.firewall"}
    });
    event(seconds, fields)
}

/// Requests of events. Events of neighbouring requests are out of order by less than the lateness
/// of the configuration.
fn scenario() -> Vec<Vec<Value>> {
    let mut events = Vec::new();
    for round in 0..4i64 {
        let (begin, address) = (round * 900, format!("203.0.113.{}", 10 + round));
        for attempt in 0..30 {
            let user = format!("user-{}", attempt % (3 + 3 * (round % 2)));
            events.push(refused(begin + attempt * 12, &user, &address));
        }
        events.push(accepted(begin + 370, "user-1", &address));
        for port in 0..40 {
            let from = format!("198.51.100.{}", port % 2);
            events.push(blocked(begin + port, 20 + port / 2, &from));
            events.push(refused(
                begin + port * 9,
                "user-0",
                &format!("10.0.{round}.{port}"),
            ));
        }
    }
    let seconds = |event: &Value| -> jiff::Timestamp {
        event["@timestamp"].as_str().unwrap().parse().unwrap()
    };
    // A fixed disorder of up to 20 seconds.
    let place =
        |(at, event): &(usize, Value)| seconds(event).as_second() + (*at as i64 * 7_919 % 21);
    let mut events: Vec<_> = events.into_iter().enumerate().collect();
    events.sort_by_key(place);
    let events: Vec<Value> = events.into_iter().map(|(_, event)| event).collect();
    let mut requests: Vec<Vec<Value>> = events.chunks(9).map(<[Value]>::to_vec).collect();
    // Long after all others: it moves the watermark past them.
    let last = "Disconnecting: Too many authentication failures".to_owned();
    requests.push(vec![ssh(40_000, last, "user-9", "192.0.2.1")]);
    requests
}

fn send(server: &Server, token: &str, events: &[Value]) {
    let headers =
        format!("content-type: application/x-ndjson\r\nauthorization: ApiKey {token}\r\n");
    let body: String = events
        .iter()
        .map(|event| format!("{{\"create\":{{\"_index\":\"logs-test\"}}}}\n{event}\n"))
        .collect();
    let to = server.address("http");
    let reply = http(to, "POST", "/_bulk", &headers, body.as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Everything about the alerts that must not depend on when the server was killed.
fn alerts(api: &Api) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/alerts?limit=100{cursor}"));
        for alert in page["alerts"].as_array().unwrap() {
            let id = alert["id"].as_str().unwrap().to_owned();
            let whole = api.get(&format!("/alerts/{id}"));
            let hits: BTreeSet<String> = whole["hits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hit| format!("{} {} {}", hit["id"], hit["event_id"], hit["at"]))
                .collect();
            let mut kept = json!({"hits": hits});
            for key in [
                "rule_title",
                "entity_kind",
                "entity",
                "first_at",
                "last_at",
                "hits_count",
            ] {
                kept[key] = alert[key].clone();
            }
            assert!(all.insert(id, kept).is_none(), "an alert is listed twice");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn titles(alerts: &BTreeMap<String, Value>) -> BTreeMap<&str, usize> {
    let mut titles = BTreeMap::new();
    for alert in alerts.values() {
        *titles
            .entry(alert["rule_title"].as_str().unwrap())
            .or_default() += 1;
    }
    titles
}

/// Sends the scenario, with a kill after the requests for which `kill` says so.
fn run(folder: &Path, kill: impl Fn(usize) -> bool) -> BTreeMap<String, Value> {
    let config = prepare(folder, "\n[alerts]\nlate_seconds = 120\n");
    let mut server = Server::start(&config);
    let token = server.sign_in().new_source("scenario");
    for (number, events) in scenario().iter().enumerate() {
        send(&server, &token, events);
        if kill(number) {
            // Somewhere in the work on the run that was just acknowledged.
            std::thread::sleep(Duration::from_millis(random(60)));
            server.kill();
            server = Server::start(&config);
        }
    }
    let api = server.sign_in();
    let mut found = BTreeMap::new();
    wait_for("the last event's alert", Duration::from_secs(120), || {
        found = alerts(&api);
        titles(&found).contains_key(LAST)
    });
    found
}

fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

#[test]
fn killed_servers_give_the_alerts_of_one_left_in_peace() {
    let (peace, war) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let wanted = run(peace.path(), |_| false);
    let counts = titles(&wanted);
    eprintln!("{counts:?}");
    assert!(counts[SPRAYING] >= 2, "{counts:?}");
    assert!(counts[GUESSED] >= 2, "{counts:?}");
    assert!(counts[SWEPT] >= 4, "{counts:?}");
    let found = run(war.path(), |number| number % 5 == 2);
    let only = |left: &BTreeMap<String, Value>, right: &BTreeMap<String, Value>| {
        let only = left
            .iter()
            .filter(|(id, alert)| right.get(*id) != Some(alert));
        only.map(|(id, alert)| format!("{id} {alert}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(
        found,
        wanted,
        "\nonly killed:\n{}\nonly in peace:\n{}",
        only(&found, &wanted),
        only(&wanted, &found)
    );
}
