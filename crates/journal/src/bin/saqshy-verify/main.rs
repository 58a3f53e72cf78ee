//! `saqshy-verify`: checks a proof pack or a journal folder, without network or database.

mod words;

use saqshy_journal::pack::{Options, verify};
use saqshy_journal::{VerifyingKey, verify_dir};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use words::Lang;

const HELP: &str = "\
saqshy-verify PACK [--key VKEY] [--since FILE] [--format text|json] [--lang en|kk|ru]

Checks a proof pack (.zip) or, given a folder, a whole journal. Needs no network.

  --key VKEY     the owner's public key (name+hash+base64), or a file that holds it;
                 needed for a folder, recommended always
  --since FILE   an older checkpoint of the same journal; shows that nothing recorded before it
                 was taken out
  --format F     text (default) or json
  --lang L       en (default), kk or ru

Exit status: 0 verified, 1 not verified, 2 wrong usage or unreadable input.";

/// A pack is at most this long; more is refused before it is read.
const PACK_BYTES_MAX: u64 = 1 << 30;

struct Args {
    pack: PathBuf,
    key: Option<VerifyingKey>,
    since: Option<Vec<u8>>,
    json: bool,
    lang: Lang,
}

enum Asked {
    Verify(Box<Args>),
    Print(String),
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Option<Vec<String>> = arguments
        .into_iter()
        .map(|a| a.into_string().ok())
        .collect();
    let asked = match arguments {
        Some(list) => parse(&list),
        None => Err("an argument is not UTF-8".to_owned()),
    };
    match asked.and_then(run) {
        Ok((text, good)) => {
            // A closed pipe changes nothing about the verdict.
            let _ = writeln!(std::io::stdout(), "{text}");
            match good {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(1),
            }
        }
        Err(message) => {
            let _ = writeln!(
                std::io::stderr(),
                "saqshy-verify: {message}\nTry: saqshy-verify --help"
            );
            ExitCode::from(2)
        }
    }
}

fn parse(list: &[String]) -> Result<Asked, String> {
    let mut pack = None;
    let mut args = Args {
        pack: PathBuf::new(),
        key: None,
        since: None,
        json: false,
        lang: Lang::En,
    };
    let mut rest = list.iter();
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let mut value = || {
            let next = inline.clone().or_else(|| rest.next().cloned());
            next.ok_or_else(|| format!("`{name}` needs a value"))
        };
        match name {
            "-h" | "--help" => return Ok(Asked::Print(HELP.to_owned())),
            "-V" | "--version" => {
                let text = concat!("saqshy-verify ", env!("CARGO_PKG_VERSION"));
                return Ok(Asked::Print(text.to_owned()));
            }
            "--key" => args.key = Some(read_key(&value()?)?),
            "--since" => args.since = Some(read_limited(Path::new(&value()?), 64 * 1024)?),
            "--format" => {
                args.json = match value()?.as_str() {
                    "json" => true,
                    "text" => false,
                    other => return Err(format!("unknown format `{other}`; use text or json")),
                }
            }
            "--lang" => {
                let code = value()?;
                args.lang = Lang::parse(&code)
                    .ok_or_else(|| format!("unknown language `{code}`; use en, kk or ru"))?;
            }
            other if other.starts_with('-') && other.len() > 1 => {
                return Err(format!("unknown option `{other}`"));
            }
            path if pack.is_none() => pack = Some(PathBuf::from(path)),
            path => return Err(format!("one pack at a time; what is `{path}`?")),
        }
    }
    args.pack = pack.ok_or("name the pack to verify")?;
    Ok(Asked::Verify(Box::new(args)))
}

fn read_key(text: &str) -> Result<VerifyingKey, String> {
    let path = Path::new(text);
    let text = match path.is_file() {
        true => String::from_utf8_lossy(&read_limited(path, 4096)?).into_owned(),
        false => text.to_owned(),
    };
    text.trim()
        .parse()
        .map_err(|e| format!("--key: {e}; it looks like name+c74f20a3+ARpc2Q…, or names a file"))
}

fn read_limited(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let problem = |e: std::io::Error| format!("could not read `{}`: {e}", path.display());
    let file = File::open(path).map_err(problem)?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(problem)?;
    match bytes.len() as u64 > most {
        true => Err(format!("`{}` is longer than {most} bytes", path.display())),
        false => Ok(bytes),
    }
}

fn run(asked: Asked) -> Result<(String, bool), String> {
    let args = match asked {
        Asked::Print(text) => return Ok((text, true)),
        Asked::Verify(args) => args,
    };
    if args.pack.is_dir() {
        return folder(&args);
    }
    let bytes = read_limited(&args.pack, PACK_BYTES_MAX)?;
    let options = Options {
        key: args.key,
        since: args.since,
    };
    let verdict = verify(&bytes, &options);
    let text = match args.json {
        true => serde_json::to_string(&verdict).map_err(|e| e.to_string())?,
        false => words::say(&verdict, args.lang),
    };
    Ok((text, verdict.ok))
}

/// A journal folder: every file against the signed root.
fn folder(args: &Args) -> Result<(String, bool), String> {
    let key = args
        .key
        .as_ref()
        .ok_or("a journal folder holds no key; give the owner's with --key")?;
    if args.since.is_some() {
        return Err("--since is for packs; export one with `saqshy journal export`".to_owned());
    }
    let report = verify_dir(&args.pack, key);
    let good = report.is_ok();
    let text = match (&report, args.json) {
        (Ok(report), true) => serde_json::json!({"ok": true, "report": report}).to_string(),
        (Err(findings), true) => serde_json::json!({"ok": false, "findings": findings}).to_string(),
        (Ok(r), false) => format!(
            "[ok] {}: {} leaves, {} files, root {}",
            r.origin, r.size, r.files, r.root
        ),
        (Err(findings), false) => findings
            .iter()
            .map(|f| format!("[XX] {}: {}", f.path, f.what))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    Ok((text, good))
}
