//! Mail against a real SMTP server, read back with a parser that is not ours.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::tz::TimeZone;
use saqshy_dispatch::{
    DocumentLang, Format, Letter, MailError, Message, Signature, SmtpConfig, TlsMode,
    check_address, information_template, letter_document, notice_message, render, send_mail,
};
use saqshy_law::Text3;

/// A Python that has aiosmtpd: `SAQSHY_PYTHON`, the workspace's `.venv`, or the system's.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let found = [
        std::env::var_os("SAQSHY_PYTHON").map(PathBuf::from),
        Some(root.join(".venv/bin/python")),
        Some(PathBuf::from("python3")),
    ]
    .into_iter()
    .flatten()
    .find(|python| {
        let out = Command::new(python)
            .args(["-c", "import aiosmtpd"])
            .output();
        out.is_ok_and(|out| out.status.success())
    });
    if found.is_none() {
        eprintln!(
            "SKIPPED: no Python with aiosmtpd (run scripts/setup test, or set SAQSHY_PYTHON)"
        );
    }
    found
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

struct Server {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
    python: PathBuf,
    ca_pem: Option<String>,
}

impl Server {
    fn start(mode: &str) -> Option<Self> {
        let python = python()?;
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(&python);
        command
            .arg(script("smtp_server.py"))
            .arg(dir.path())
            .arg(mode);
        let mut ca_pem = None;
        if mode != "plain" {
            let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
            if !certificate(&cert, &key) {
                eprintln!("SKIPPED: openssl is not installed");
                return None;
            }
            ca_pem = Some(std::fs::read_to_string(&cert).unwrap());
            command.arg(cert).arg(key);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self {
            child,
            dir,
            port,
            python,
            ca_pem,
        })
    }

    fn config(&self, tls: TlsMode) -> SmtpConfig {
        let protected = tls != TlsMode::None;
        SmtpConfig {
            host: if protected { "localhost" } else { "127.0.0.1" }.into(),
            port: self.port,
            tls,
            allow_plain: false,
            ca_pem: self.ca_pem.clone(),
            user: protected.then(|| "soc".into()),
            password: protected.then(|| "құпия сөз".into()),
            from: "Ақпараттық қауіпсіздік орталығы <soc@example.kz>".into(),
            hello: None,
            timeout_seconds: 20,
        }
    }

    fn kept(&self) -> usize {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        files
            .filter(|file| {
                file.as_ref()
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|e| e == "eml")
            })
            .count()
    }

    fn read(&self, n: usize) -> serde_json::Value {
        let out = Command::new(&self.python)
            .arg(script("read_mail.py"))
            .arg(self.dir.path().join(format!("{n}.eml")))
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        serde_json::from_slice(&out.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificate(cert: &Path, key: &Path) -> bool {
    let out = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-days", "30", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "extendedKeyUsage=serverAuth"])
        .arg("-out")
        .arg(cert)
        .arg("-keyout")
        .arg(key)
        .output();
    out.is_ok_and(|out| out.status.success())
}

fn letter() -> Letter {
    let title = Text3::new(
        "Рұқсатсыз кіру\r\nBcc: x@example.com",
        "Несанкционированный вход",
        "Logon",
    );
    let values = [
        ("incident.number", Text3::same("INC-2026-0001")),
        ("incident.title", title),
    ];
    Letter {
        number: "INC-2026-0001/1".into(),
        date: "2026-03-16T09:12:00Z".parse().unwrap(),
        zone: TimeZone::get("Asia/Almaty").unwrap(),
        organisation: Text3::new("«МТҚ» АҚ", "АО «ГТС»", "State Technical Service JSC"),
        organisation_details: Text3::default(),
        addressee: Text3::new(
            "Қаржы министрлігі",
            "Министерство финансов",
            "Ministry of Finance",
        ),
        template: information_template(),
        values: values.map(|(name, text)| (name.to_owned(), text)).into(),
        added: String::new(),
        notes: Vec::new(),
        ack_url: Some(format!("https://soc.example.kz/ack/{}", "Ab9-_".repeat(30))),
        signer: Signature::default(),
        contact: "soc@example.kz".into(),
    }
}

fn message(to: &str) -> (Message, String) {
    let letter = letter();
    let document = letter_document(&letter).unwrap();
    let pdf = render(&document, DocumentLang::KkRu, Format::Pdf).unwrap();
    let message = notice_message(&letter, to, "0123456789abcdef", &pdf).unwrap();
    (message, pdf.sha256)
}

#[tokio::test]
async fn the_addressee_gets_text_link_and_the_very_pdf() {
    let Some(server) = Server::start("plain") else {
        return;
    };
    let config = server.config(TlsMode::None);
    let (message, sha256) = message("Қаржы министрлігі <minfin@example.kz>");
    let answer = send_mail(&config, &message).await.unwrap();
    assert!(answer.starts_with("250 "), "{answer}");
    let mail = server.read(1);
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(
        mail["subject"],
        "INC-2026-0001/1 INC-2026-0001 АҚ оқыс оқиғасы туралы ақпарат: Рұқсатсыз кіру Bcc: \
         x@example.com"
    );
    assert_eq!(
        mail["from"],
        "Ақпараттық қауіпсіздік орталығы <soc@example.kz>"
    );
    assert_eq!(mail["to"], "Қаржы министрлігі <minfin@example.kz>");
    assert_eq!(mail["id"], "<0123456789abcdef@saqshy>");
    let headers = mail["headers"].to_string();
    assert!(!headers.contains("bcc"), "{headers}");
    assert_eq!(
        mail["files"],
        serde_json::json!([{
            "name": "INC-2026-0001-1.pdf", "type": "application/pdf", "sha256": sha256,
        }])
    );
    let body = mail["body"].as_str().unwrap();
    let url = letter().ack_url.unwrap();
    assert_eq!(
        body.matches(&url).count(),
        3,
        "the link stands in each language:\n{body}"
    );
    for part in [
        "«МТҚ» АҚ хабарлайды: INC-2026-0001 АҚ оқыс оқиғасы туралы ақпарат",
        "АО «ГТС» сообщает: Информация об инциденте ИБ INC-2026-0001",
        "informs: Information on security incident INC-2026-0001: Logon",
        "Қаржы министрлігі",
    ] {
        assert!(body.contains(part), "`{part}` is not in:\n{body}");
    }

    // The same message again is the same bytes: a second copy can be recognised.
    send_mail(&config, &message).await.unwrap();
    let bytes = |n| std::fs::read(server.dir.path().join(format!("{n}.eml"))).unwrap();
    assert!(bytes(1) == bytes(2));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let Some(server) = Server::start("plain") else {
        return;
    };
    let config = server.config(TlsMode::None);
    let rejected = send_mail(&config, &message("rejected@example.kz").0)
        .await
        .unwrap_err();
    assert!(
        matches!(&rejected, MailError::Rejected(what) if what.contains("no such user")),
        "{rejected}"
    );
    let later = send_mail(&config, &message("later@example.kz").0)
        .await
        .unwrap_err();
    assert!(
        matches!(&later, MailError::Temporary(what) if what.contains("greylisted")),
        "{later}"
    );
    let nonsense = send_mail(&config, &message("not an address").0)
        .await
        .unwrap_err();
    assert!(matches!(nonsense, MailError::Rejected(_)), "{nonsense}");
    let smuggled = check_address("a@example.kz\r\nBcc: b@example.kz");
    assert!(smuggled.is_err());
    let no_starttls = SmtpConfig {
        tls: TlsMode::Starttls,
        ..server.config(TlsMode::None)
    };
    let refused = send_mail(&no_starttls, &message("a@example.kz").0)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, MailError::Rejected(what) if what.contains("STARTTLS")),
        "{refused}"
    );
    assert_eq!(server.kept(), 0);
}

#[tokio::test]
async fn tls_with_a_password_and_trust() {
    for (mode, tls) in [("starttls", TlsMode::Starttls), ("tls", TlsMode::Tls)] {
        let Some(server) = Server::start(mode) else {
            return;
        };
        let config = server.config(tls);
        let (message, _) = message("minfin@example.kz");
        let answer = send_mail(&config, &message)
            .await
            .unwrap_or_else(|e| panic!("{mode}: {e}"));
        assert!(answer.starts_with("250 "), "{mode}: {answer}");
        assert_eq!(server.kept(), 1, "{mode}");

        let wrong = SmtpConfig {
            password: Some("құпия".into()),
            ..config.clone()
        };
        let refused = send_mail(&wrong, &message).await.unwrap_err();
        assert!(
            matches!(refused, MailError::Rejected(_)),
            "{mode}: {refused}"
        );
        let stranger = SmtpConfig {
            ca_pem: None,
            ..config
        };
        let untrusted = send_mail(&stranger, &message).await.unwrap_err();
        assert!(
            matches!(untrusted, MailError::Unreachable(_)),
            "{mode}: {untrusted}"
        );
        assert_eq!(server.kept(), 1, "{mode}: nothing went to a stranger");
    }
}

#[tokio::test]
async fn without_protection_only_to_loopback() {
    let config = |host: &str, port: u16| SmtpConfig {
        host: host.into(),
        port,
        tls: TlsMode::None,
        allow_plain: false,
        ca_pem: None,
        user: None,
        password: None,
        from: "soc@example.kz".into(),
        hello: None,
        timeout_seconds: 2,
    };
    let (message, _) = message("a@example.kz");
    let outside = send_mail(&config("192.0.2.1", 25), &message)
        .await
        .unwrap_err();
    assert!(
        matches!(&outside, MailError::Rejected(what) if what.contains("loopback")),
        "{outside}"
    );

    // Nobody listens: the port was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = send_mail(&config("127.0.0.1", free), &message)
        .await
        .unwrap_err();
    assert!(matches!(nobody, MailError::Unreachable(_)), "{nobody}");

    // Somebody listens and never speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mute = send_mail(&config("127.0.0.1", port), &message)
        .await
        .unwrap_err();
    assert!(matches!(mute, MailError::Unreachable(_)), "{mute}");
}

#[test]
fn the_password_is_not_printed() {
    let config: SmtpConfig = serde_json::from_value(serde_json::json!({
        "host": "mail.example.kz", "port": 587, "tls": "starttls",
        "user": "soc", "password": "hunter2", "from": "soc@example.kz",
    }))
    .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.timeout_seconds, 60);
}
