//! Real senders: rsyslog over TCP and TLS, util-linux `logger`, Python's `SysLogHandler` and the
//! Elasticsearch client. One that is not installed prints SKIPPED.

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use saqshy_spool::Options;
use support::{SOURCE, Site, TOKEN, certificate, config, limits};

const RSYSLOGD: &str = "/usr/sbin/rsyslogd";
const LINES: u64 = 20_000;

/// Ends the process when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Straight to standard error: the test runner would swallow `eprintln!`.
fn skipped(what: &str) {
    std::io::stderr()
        .write_all(format!("SKIPPED: {what}\n").as_bytes())
        .unwrap();
}

/// Has rsyslog follow a file of numbered lines and forward it by `action`.
fn rsyslog(dir: &Path, global: &str, action: &str) -> Running {
    let mut text = String::new();
    for n in 0..LINES {
        writeln!(
            text,
            "line {n} қауіпсіздік {}",
            "p".repeat((n % 200) as usize)
        )
        .unwrap();
    }
    std::fs::write(dir.join("input.log"), text).unwrap();
    let at = dir.display();
    let config = format!(
        r#"global(workDirectory="{at}" {global})
module(load="imfile")
input(type="imfile" file="{at}/input.log" tag="demo:" facility="local0" severity="info" ruleset="forward")
ruleset(name="forward") {{
    action(type="omfwd" target="localhost" action.resumeRetryCount="-1" action.resumeInterval="1" {action})
}}
"#
    );
    std::fs::write(dir.join("rsyslog.conf"), config).unwrap();
    let child = Command::new(RSYSLOGD)
        .arg("-n")
        .arg("-f")
        .arg(dir.join("rsyslog.conf"))
        .arg("-i")
        .arg(dir.join("rsyslog.pid"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    Running(child)
}

/// Every line is in the spool once, in order, and the ledger says the same.
async fn check_rsyslog(site: &Site, source: &str, work: &Path) {
    let wait = site.accepted(source, LINES);
    if tokio::time::timeout(Duration::from_secs(50), wait)
        .await
        .is_err()
    {
        let said = std::fs::read_to_string(work.join("stderr")).unwrap();
        panic!("{:?}\nrsyslog said: {said}", site.row(source));
    }
    let stored = site.stored();
    assert_eq!(stored.len() as u64, LINES);
    for (n, record) in stored.iter().enumerate() {
        let text = record.text();
        assert!(text.starts_with("<134>1 "), "{text}");
        let end = format!("line {n} қауіпсіздік {}", "p".repeat(n % 200));
        assert!(text.trim_end().ends_with(end.trim_end()), "{n}: {text}");
    }
    let row = site.row(source);
    assert_eq!(
        (row.received, row.accepted, row.truncated),
        (LINES, LINES, 0)
    );
    site.check_ledger();
}

const TEMPLATE: &str = r#"template="RSYSLOG_SyslogProtocol23Format""#;

#[tokio::test]
async fn rsyslog_over_tcp_in_both_framings() {
    if !Path::new(RSYSLOGD).exists() {
        return skipped("rsyslogd is not installed (package rsyslog)");
    }
    for framing in ["octet-counted", "traditional"] {
        let site = Site::new(limits()).await;
        let work = tempfile::tempdir().unwrap();
        let port = site.tcp().port();
        let action = format!(r#"port="{port}" protocol="tcp" tcp_framing="{framing}" {TEMPLATE}"#);
        let running = rsyslog(work.path(), "", &action);
        check_rsyslog(&site, "syslog_tcp:127.0.0.1", work.path()).await;
        drop(running);
    }
}

#[tokio::test]
async fn rsyslog_over_tls() {
    if !Path::new(RSYSLOGD).exists() {
        return skipped("rsyslogd is not installed (package rsyslog)");
    }
    let drivers = [("gtls", "rsyslog-gnutls"), ("ossl", "rsyslog-openssl")];
    for (driver, package) in drivers {
        let module = format!(
            "/usr/lib/{}-linux-gnu/rsyslog/lmnsd_{driver}.so",
            std::env::consts::ARCH
        );
        if !Path::new(&module).exists() {
            skipped(&format!(
                "rsyslog cannot speak TLS by {driver} (package {package})"
            ));
            continue;
        }
        let (server, _, authority) = certificate();
        let mut config = config(limits());
        config.syslog_tls = Some(("127.0.0.1:0".parse().unwrap(), server));
        let site = Site::with(config, Options::default()).await;
        let work = tempfile::tempdir().unwrap();
        let file = work.path().join("authority.pem");
        std::fs::write(&file, authority).unwrap();
        let global = format!(
            r#"defaultNetstreamDriver="{driver}" defaultNetstreamDriverCAFile="{}""#,
            file.display()
        );
        let port = site.tls().port();
        let action = format!(
            r#"port="{port}" protocol="tcp" tcp_framing="octet-counted" {TEMPLATE} streamDriver="{driver}" streamDriverMode="1" streamDriverAuthMode="x509/name" streamDriverPermittedPeers="localhost""#
        );
        let running = rsyslog(work.path(), &global, &action);
        check_rsyslog(&site, "syslog_tls:127.0.0.1", work.path()).await;
        drop(running);
    }
}

async fn run(mut command: Command) -> Output {
    let run = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
    run.await.unwrap().unwrap()
}

#[tokio::test]
async fn logger_over_udp_and_tcp() {
    if Command::new("logger").arg("--version").output().is_err() {
        return skipped("logger is not installed (package bsdutils)");
    }
    let site = Site::new(limits()).await;
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("lines");
    let lines: String = (0..300).map(|n| format!("logger line {n}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let ports = [site.udp().port(), site.tcp().port(), site.tcp().port()];
    let kinds: [&[&str]; 3] = [&["--udp"], &["--tcp"], &["--tcp", "--octet-count"]];
    for (kind, port) in kinds.iter().zip(ports) {
        let mut logger = Command::new("logger");
        logger.args([
            "--server",
            "127.0.0.1",
            "--rfc5424",
            "--port",
            &port.to_string(),
        ]);
        logger.args(*kind).arg("--file").arg(&file);
        let output = run(logger).await;
        assert!(output.status.success(), "{output:?}");
    }
    site.accepted("syslog_udp:127.0.0.1", 300).await;
    site.accepted("syslog_tcp:127.0.0.1", 600).await;
    let stored = site.stored();
    for transport in ["syslog_udp:127.0.0.1", "syslog_tcp:127.0.0.1"] {
        let texts = stored
            .iter()
            .filter(|one| one.source == transport)
            .map(support::Stored::text);
        for (n, text) in texts.enumerate() {
            assert!(text.starts_with('<'), "{text}");
            assert!(
                text.ends_with(&format!("logger line {}", n % 300)),
                "{text}"
            );
        }
    }
    site.check_ledger();
}

/// The interpreter in `SAQSHY_PYTHON`, or `python3`, if it has `module`.
async fn python(module: &str) -> Option<Command> {
    let name = std::env::var("SAQSHY_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut probe = Command::new(&name);
    probe
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null());
    let found = tokio::task::spawn_blocking(move || probe.status())
        .await
        .unwrap();
    if found.is_ok_and(|status| status.success()) {
        return Some(Command::new(name));
    }
    skipped(&format!("python module `{module}` is not installed"));
    None
}

/// Python ends its messages with NUL.
#[tokio::test]
async fn python_logging_over_tcp_and_udp() {
    let Some(mut python) = python("logging.handlers").await else {
        return;
    };
    let site = Site::new(limits()).await;
    let script = r#"
import logging, logging.handlers, socket, sys
for kind, port in ((socket.SOCK_STREAM, int(sys.argv[1])), (socket.SOCK_DGRAM, int(sys.argv[2]))):
    handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=kind)
    for n in range(200):
        handler.emit(logging.LogRecord("x", logging.WARNING, "f", 1, f"python\n{n}", None, None))
    handler.close()
"#;
    python.args([
        "-c",
        script,
        &site.tcp().port().to_string(),
        &site.udp().port().to_string(),
    ]);
    let output = run(python).await;
    assert!(output.status.success(), "{output:?}");
    site.accepted("syslog_udp:127.0.0.1", 200).await;
    // Without octet counting a newline in a message ends it.
    site.accepted("syslog_tcp:127.0.0.1", 400).await;
    let texts = site.texts();
    assert!(
        texts.contains(&"<12>python\n199".to_owned()),
        "datagrams are whole"
    );
    assert!(texts.contains(&"<12>python".to_owned()) && texts.contains(&"199".to_owned()));
    site.check_ledger();
}

#[tokio::test]
async fn the_elasticsearch_client_checks_the_product_and_bulks() {
    let Some(mut python) = python("elasticsearch").await else {
        return;
    };
    let site = Site::new(limits()).await;
    let script = r#"
import sys
from elasticsearch import Elasticsearch, AuthenticationException, helpers
url, token = sys.argv[1:]
es = Elasticsearch(url, api_key=token, http_compress=True, retry_on_timeout=False)
info = es.info()
assert info["version"]["number"].startswith("8."), info
assert es.ping()
assert es.cluster.health()["status"] == "green"
assert es.license.get()["license"]["type"] == "basic"
assert es.indices.exists_index_template(name="winlogbeat-8.19.0")
assert es.ilm.put_lifecycle(name="x", policy={"phases": {}})["acknowledged"]
actions = ({"_op_type": "create", "_index": "logs-app-default", "n": n, "text": "қ" * (n % 50)}
           for n in range(5000))
stored, errors = helpers.bulk(es, actions, chunk_size=700)
assert (stored, errors) == (5000, []), (stored, errors)
mixed = [{"_op_type": "index", "_index": "a", "_id": "1", "n": 1},
         {"_op_type": "delete", "_index": "a", "_id": "1"},
         {"_op_type": "create", "_index": "a", "n": 2}]
stored, errors = helpers.bulk(es, mixed, raise_on_error=False)
assert stored == 2 and errors[0]["delete"]["status"] == 400, (stored, errors)
basic = Elasticsearch(url, basic_auth=("saqshy", token))
assert helpers.bulk(basic, mixed[:1])[0] == 1
try:
    Elasticsearch(url, api_key="wrong").info()
    sys.exit("a wrong key was accepted")
except AuthenticationException:
    pass
"#;
    let url = format!("http://{}", site.http());
    python.args(["-W", "ignore", "-c", script, &url, TOKEN]);
    let output = run(python).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let row = site.row(SOURCE);
    assert_eq!((row.accepted, row.dropped["not_supported"]), (5003, 1));
    let stored = site.stored();
    assert_eq!(stored.len(), 5003);
    let third: serde_json::Value = serde_json::from_slice(&stored[3].payload).unwrap();
    assert_eq!(third, serde_json::json!({"n": 3, "text": "қққ"}));
    site.check_ledger();
}
