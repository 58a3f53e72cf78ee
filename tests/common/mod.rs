//! A real `saqshy serve` as a child process, and the little HTTP that tests need to talk to it.
#![allow(dead_code)] // each test binary uses its part

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const LOGIN: &str = "tester";
pub const PASSWORD: &str = "correct horse battery staple 9";

/// The program under test.
pub fn saqshy() -> Command {
    Command::new(env!("CARGO_BIN_EXE_saqshy"))
}

/// Writes a configuration with every listener on a free port of loopback, and makes the account
/// of [`LOGIN`]. `extra` is appended.
pub fn prepare(folder: &Path, extra: &str) -> PathBuf {
    let config = folder.join("saqshy.toml");
    let data = folder.join("data");
    let text = format!(
        r#"node = "test"
data_dir = {data:?}

[organisation]
name = {{ kk = "Сынақ", ru = "Проба", en = "Trial" }}
bearers = ["kz/o199:sts"]
time_zone = "Asia/Almaty"

[console]
listen = "127.0.0.1:0"

[intake]
syslog_udp = "127.0.0.1:0"
syslog_tcp = "127.0.0.1:0"
syslog_tls = "127.0.0.1:0"
http = "127.0.0.1:0"
{extra}"#
    );
    std::fs::write(&config, text).expect("the test folder is writable");
    let mut child = saqshy()
        .args([
            "user",
            "add",
            LOGIN,
            "--role",
            "administrator",
            "--role",
            "analyst",
            "--data",
        ])
        .arg(&data)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("saqshy starts");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(PASSWORD.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "the account was not made");
    config
}

/// A running server. Dropping it kills the process without warning, as a power cut would.
pub struct Server {
    child: Child,
    pub listening: Value,
}

impl Server {
    pub fn start(config: &Path) -> Server {
        let mut child = saqshy()
            .args(["serve", "--format", "json", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("saqshy starts");
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("standard output is readable");
        let listening = serde_json::from_str::<Value>(&line)
            .unwrap_or_else(|error| panic!("no line about the listeners: {error}: `{line}`"));
        Server {
            child,
            listening: listening["listening"].clone(),
        }
    }

    pub fn address(&self, listener: &str) -> SocketAddr {
        let text = self.listening[listener]
            .as_str()
            .unwrap_or_else(|| panic!("no listener {listener}"));
        text.trim_start_matches("http://")
            .parse()
            .expect("an address")
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("the server was running");
        self.child.wait().unwrap();
    }

    /// Signs in and gives a client for the API.
    pub fn sign_in(&self) -> Api {
        let console = self.address("console");
        let mut api = Api {
            console,
            cookie: String::new(),
        };
        let body = serde_json::json!({"login": LOGIN, "password": PASSWORD});
        let reply = api.request("POST", "/session", Some(&body));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cookie = reply.header("set-cookie").expect("a session cookie");
        api.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        api
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The console's API with a session.
pub struct Api {
    console: SocketAddr,
    cookie: String,
}

impl Api {
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = format!(
            "content-type: application/json\r\nx-saqshy-csrf: 1\r\ncookie: {}\r\n",
            self.cookie
        );
        http(
            self.console,
            method,
            &format!("/api/v1{path}"),
            &headers,
            body.as_bytes(),
        )
        .expect("the console answers")
    }

    pub fn get(&self, path: &str) -> Value {
        self.json("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.json("POST", path, Some(body))
    }

    fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.request(method, path, body);
        assert!(
            reply.status < 300,
            "{method} {path}: {} {}",
            reply.status,
            reply.text()
        );
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
    }

    /// Makes a source and gives its token.
    pub fn new_source(&self, name: &str) -> String {
        let made = self.post("/sources", &serde_json::json!({"name": name}));
        made["token"]
            .as_str()
            .expect("a token, shown once")
            .to_owned()
    }

    /// The first column of the first row of a query.
    pub fn number(&self, sql: &str) -> i64 {
        self.try_number(sql)
            .unwrap_or_else(|why| panic!("no number from `{sql}`: {why}"))
    }

    /// As [`Api::number`], for columns that appear with the first event that has them.
    pub fn try_number(&self, sql: &str) -> Result<i64, String> {
        let body = serde_json::json!({"sql": sql, "limit": 10});
        let reply = self.request("POST", "/sql", Some(&body));
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        answer["rows"][0][0].as_i64().ok_or_else(|| reply.text())
    }
}

pub struct Reply {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request on a connection of its own. An error means that the peer went away before the
/// whole answer was there.
pub fn http(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut reply = Reply {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
    };
    if reply.header("transfer-encoding") == Some("chunked") {
        reply.body = unchunk(&reply.body)?;
    } else if let Some(length) = reply.header("content-length") {
        let length: usize = length.parse().ok()?;
        if reply.body.len() < length {
            return None;
        }
    }
    Some(reply)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(whole);
        }
        whole.extend(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// Waits until `ready` is true; panics with `what` after `limit`.
pub fn wait_for(what: &str, limit: Duration, mut ready: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !ready() {
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(25));
    }
}
