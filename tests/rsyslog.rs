//! A real rsyslog forwards 100,000 lines over TCP and TLS, and util-linux's `logger` a few: all
//! are searchable and the ledger agrees.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Server, prepare, wait_for};

const LINES: i64 = 50_000;

fn installed(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program} >/dev/null")])
        .status()
        .is_ok_and(|status| status.success())
}

fn tls_driver() -> bool {
    std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .any(|folder| folder.path().join("rsyslog/lmnsd_ossl.so").exists())
}

/// Runs rsyslogd on a file of lines until all were forwarded.
struct Rsyslog(std::process::Child);

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rsyslog(folder: &Path, name: &str, host: &str, action: &str) -> Rsyslog {
    let work = folder.join(name);
    std::fs::create_dir_all(&work).unwrap();
    let lines: String = (0..LINES)
        .map(|n| format!("{name} line number {n} of the real peer\n"))
        .collect();
    std::fs::write(work.join("input.log"), lines).unwrap();
    let config = work.join("rsyslog.conf");
    std::fs::write(
        &config,
        format!(
            "global(workDirectory={work:?} localHostname=\"{host}\")\n\
             module(load=\"imfile\")\n\
             input(type=\"imfile\" File={input:?} Tag=\"{name}:\" Facility=\"local3\" PersistStateInterval=\"1000\")\n\
             {action}\n",
            input = work.join("input.log"),
        ),
    )
    .unwrap();
    let child = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(&config)
        .arg("-i")
        .arg(work.join("pid"))
        .stdout(Stdio::null())
        .spawn()
        .expect("rsyslogd starts");
    Rsyslog(child)
}

#[test]
fn a_real_rsyslog_and_logger_lose_nothing() {
    if !installed("rsyslogd") || !installed("logger") || !tls_driver() {
        eprintln!(
            "SKIPPED: rsyslogd with its OpenSSL driver and logger are not installed (make setup)"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = prepare(folder.path(), "");
    let server = Server::start(&config);
    let api = server.sign_in();
    let (tcp, tls, udp) = (
        server.address("syslog_tcp"),
        server.address("syslog_tls"),
        server.address("syslog_udp"),
    );
    let authority = folder.path().join("data/tls/cert.pem");
    assert!(authority.exists(), "the server made its certificate");
    let plain = rsyslog(
        folder.path(),
        "overtcp",
        "peer-a",
        &format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\")",
            tcp.port()
        ),
    );
    let secret = rsyslog(
        folder.path(),
        "overtls",
        "peer-b",
        &format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"anon\" StreamDriver.CAFile={authority:?} template=\"RSYSLOG_ForwardFormat\" action.resumeRetryCount=\"-1\")",
            tls.port()
        ),
    );
    for (name, flags) in [
        ("bytcp", ["--tcp", "--octet-count"]),
        ("byudp", ["--udp", "--rfc5424"]),
    ] {
        let port = if name == "bytcp" {
            tcp.port()
        } else {
            udp.port()
        };
        let sent = Command::new("logger")
            .args([
                "--server",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--tag",
                name,
            ])
            .args(flags)
            .arg(format!("{name} қала"))
            .status()
            .unwrap();
        assert!(sent.success());
    }
    for (name, wanted) in [
        ("overtcp", LINES),
        ("overtls", LINES),
        ("bytcp", 1),
        ("byudp", 1),
    ] {
        let sql = format!(
            "select count(distinct \"event.original\") from events where \"process.name\" = '{name}'"
        );
        wait_for(
            &format!("{wanted} lines of {name}"),
            Duration::from_secs(180),
            || api.try_number(&sql) == Ok(wanted),
        );
    }
    drop((plain, secret));
    let total = api.number("select count(*) from events");
    let sources = api.get("/sources");
    let sum = |key: &str| -> i64 {
        sources["sources"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row[key].as_i64())
            .sum()
    };
    assert_eq!(
        (sum("received"), sum("stored"), sum("dropped")),
        (total, total, 0),
        "{sources}"
    );
    assert_eq!(total, 2 * LINES + 2);
    let found = api.request(
        "POST",
        "/search",
        Some(&serde_json::json!({
            "query": "process.name:overtls and \"number 49999 of\"",
            "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "limit": 10,
            "newest_first": true, "search_id": "r1",
        })),
    );
    assert!(
        found.text().contains("overtls line number 49999"),
        "{}",
        found.text()
    );
}
