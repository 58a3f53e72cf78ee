//! `saqshy rules` as a program: rules carried as one file to a network without another way in, what
//! of it is refused, and files that are no rules; what a server says of such files.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const RULE: &str = "title: Password refused
id: 5f0e4ac0-0d2f-4e7c-8a54-00000000b001
logsource: {product: linux, service: sshd}
detection:
  keywords: ['Failed password']
  condition: keywords
level: low
";

const SECOND: &str = "title: Encoded PowerShell
id: 5f0e4ac0-0d2f-4e7c-8a54-00000000b002
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: ' -enc '}
  condition: selection
level: high
";

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder for one test, with rules in `ours/`.
struct Trial {
    root: tempfile::TempDir,
}

impl Trial {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder for the test");
        let linux = root.path().join("ours/linux");
        fs::create_dir_all(&linux).unwrap();
        fs::write(linux.join("refused.yml"), RULE).unwrap();
        fs::write(root.path().join("ours/encoded.yml"), SECOND).unwrap();
        fs::write(root.path().join("ours/README.md"), "no rule").unwrap();
        Trial { root }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn rules(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_saqshy"))
            .arg("rules")
            .args(arguments)
            .current_dir(self.root.path())
            .output()
            .expect("saqshy starts")
    }

    /// What a verb that succeeds says as JSON.
    fn told(&self, arguments: &[&str]) -> Value {
        let output = self.rules(&[arguments, &["--format", "json"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON on standard output")
    }

    fn bundle(&self) -> Vec<u8> {
        self.told(&["bundle", "ours", "-o", "ours.zip", "--set-version", "7"]);
        fs::read(self.at("ours.zip")).unwrap()
    }

    fn import(&self, path: &Path) -> Output {
        self.rules(&["import", path.to_str().unwrap(), "--data", "data"])
    }

    /// Imports what must be refused as bad input and gives the message.
    #[track_caller]
    fn refused(&self, path: &Path) -> String {
        let output = self.import(path);
        let why = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{} {why}",
            text(&output.stdout)
        );
        assert!(why.contains(&*path.to_string_lossy()), "{why}");
        why
    }

    fn sets(&self) -> Vec<Value> {
        let sets = self.told(&["sets", "--data", "data"]);
        sets.as_array().unwrap().clone()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        archive
            .start_file(*path, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_bundle_goes_from_a_folder_into_a_data_folder() {
    let trial = Trial::new();
    let made = trial.told(&["bundle", "ours", "-o", "ours.zip", "--set-version", "7"]);
    assert_eq!(
        (&made["files"], &made["signed"]),
        (&2.into(), &false.into())
    );
    let done = trial.import(&trial.at("ours.zip"));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let sets = trial.sets();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["name"], "ours");
    assert_eq!(sets[0]["version"], "7");
    assert_eq!(
        sets[0]["mode"], "test",
        "an import raises no alerts unless asked to"
    );
    assert_eq!(sets[0]["rules"], 2);
    assert_eq!(
        sets[0]["origin"],
        serde_json::json!({"kind": "folder", "path": "ours"})
    );
    assert_eq!(sets[0]["sha256"], made["sha256"]);
    let table = trial.rules(&["sets", "--data", "data"]);
    let table = text(&table.stdout);
    let row = table.lines().nth(1).expect("a row for the set");
    for cell in [
        "ours",
        "test",
        "7",
        "folder ours",
        made["sha256"].as_str().unwrap(),
    ] {
        assert!(row.contains(cell), "`{cell}` in {table}");
    }

    // The same bundle again is the same set; a newer one takes its place.
    assert!(trial.import(&trial.at("ours.zip")).status.success());
    assert_eq!(trial.sets().len(), 1);
    trial.told(&["bundle", "ours", "-o", "newer.zip", "--set-version", "8"]);
    let asked = ["import", "newer.zip", "--data", "data", "--mode", "enabled"];
    assert_eq!(trial.told(&asked)["mode"], "enabled");
    let sets = trial.sets();
    assert_eq!((sets.len(), &sets[0]["version"]), (1, &"8".into()));

    // A bundle that was changed where it is kept is seen.
    let kept = fs::read_dir(trial.at("data/rules"))
        .unwrap()
        .next()
        .unwrap();
    let kept = kept.unwrap().path();
    let mut bytes = fs::read(&kept).unwrap();
    bytes.push(0);
    fs::write(&kept, bytes).unwrap();
    let output = trial.rules(&["sets", "--data", "data"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("its SHA-256 differs"));
    let output = trial.rules(&["sets", "--data", "elsewhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        !trial.at("elsewhere").exists(),
        "looking makes no data folder"
    );
}

#[test]
fn rules_come_from_a_folder_an_archive_and_a_checkout() {
    let trial = Trial::new();
    let folder = trial.told(&["import", "ours", "--data", "data", "--name", "a"]);
    assert_eq!(folder["origin"]["kind"], "folder");

    let archive = zip(&[
        ("linux/refused.yml", RULE.as_bytes()),
        ("encoded.yml", SECOND.as_bytes()),
        ("README.md", b"no rule"),
    ]);
    trial.write("packed.zip", &archive);
    let packed = trial.told(&["import", "packed.zip", "--data", "data", "--name", "b"]);
    assert_eq!(
        packed["origin"],
        serde_json::json!({"kind": "zip", "path": "packed.zip"})
    );
    assert_eq!(
        packed["sha256"], folder["sha256"],
        "the hash is of the files alone"
    );

    fs::create_dir_all(trial.at("ours/.git")).unwrap();
    trial.write("ours/.git/HEAD", COMMIT.as_bytes());
    let git = trial.told(&["import", "ours", "--data", "data", "--name", "c"]);
    assert_eq!(
        (&git["origin"]["kind"], &git["version"]),
        (&"git".into(), &COMMIT.into())
    );
    assert_eq!(git["sha256"], folder["sha256"]);

    let names: Vec<_> = trial.sets().iter().map(|set| set["name"].clone()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_bundle_with_a_changed_byte_is_refused_and_the_file_is_named() {
    let trial = Trial::new();
    let bundle = trial.bundle();
    // In the packed content of one file.
    let begin = {
        let mut archive = ZipArchive::new(Cursor::new(&bundle)).unwrap();
        let file = archive.by_name("rules/linux/refused.yml").unwrap();
        file.data_start().expect("where its content begins") as usize
    };
    let mut changed = bundle.clone();
    changed[begin + 20] ^= 1;
    let why = trial.refused(&trial.write("changed.zip", &changed));
    assert!(why.contains("rules/linux/refused.yml"), "{why}");

    // Packed again, so that the archive itself is whole.
    let mut archive = ZipArchive::new(Cursor::new(&bundle)).unwrap();
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        files.push((
            file.name().to_owned(),
            content.replace("level: low", "level: LOW"),
        ));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_bytes()))
        .collect();
    let why = trial.refused(&trial.write("packed-again.zip", &zip(&files)));
    assert!(
        why.contains("`linux/refused.yml`") && why.contains("SHA-256 differs"),
        "{why}"
    );

    // In the name of the manifest in the directory of the archive: still a bundle, not an archive
    // of rules that nobody checks.
    let name = b"manifest.json";
    let at = bundle
        .windows(name.len())
        .rposition(|bytes| bytes == name)
        .unwrap();
    let mut changed = bundle.clone();
    changed[at] ^= 1;
    let why = trial.refused(&trial.write("renamed.zip", &changed));
    assert!(why.contains("manifest.json"), "{why}");
    assert!(!trial.at("data/rules").exists(), "nothing was stored");
}

#[test]
fn truncated_escaping_and_swelling_archives_are_refused() {
    let trial = Trial::new();
    let bundle = trial.bundle();
    for end in [0, 1, 30, bundle.len() / 2, bundle.len() - 1] {
        let why = trial.refused(&trial.write("cut.zip", &bundle[..end]));
        assert!(why.contains("no ZIP file"), "cut to {end}: {why}");
    }

    let rule = RULE.as_bytes();
    for path in [
        "../x.yml",
        "linux/../../x.yml",
        "/x.yml",
        "..\\x.yml",
        "../notes.txt",
    ] {
        let bytes = zip(&[("good.yml", rule), (path, rule)]);
        let why = trial.refused(&trial.write("escape.zip", &bytes));
        assert!(
            why.contains("is no path below the archive"),
            "{path}: {why}"
        );
    }
    assert!(!trial.root.path().parent().unwrap().join("x.yml").exists());

    // 64 MiB would come out of 64 KiB; reading ends at the limit of one file.
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    archive.start_file("bomb.yml", options).unwrap();
    let zeros = vec![b' '; 1 << 20];
    (0..64).for_each(|_| archive.write_all(&zeros).unwrap());
    let bytes = archive.finish().unwrap().into_inner();
    let why = trial.refused(&trial.write("bomb.zip", &bytes));
    assert!(why.contains("`bomb.yml` has more than"), "{why}");

    // Many files, none too large.
    let file = vec![b' '; 4 << 20];
    let names: Vec<_> = (0..70).map(|n| format!("{n}.yml")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), file.as_slice()))
        .collect();
    let why = trial.refused(&trial.write("many.zip", &zip(&files)));
    assert!(why.contains("together"), "{why}");

    // Nothing to use in it.
    let bytes = zip(&[("a.yml", b"title: only a title\n")]);
    let why = trial.import(&trial.write("empty.zip", &bytes));
    assert_eq!(why.status.code(), Some(2));
    assert!(!trial.at("data/rules").exists(), "nothing was stored");
}

/// A correlation that parses and cannot be linked is refused, not counted as loaded.
#[test]
fn what_is_refused_after_parsing_is_not_counted_as_loaded() {
    let trial = Trial::new();
    let dangling = "title: Dangling\ncorrelation: {type: event_count, rules: [nobody], \
                    timespan: 1m, condition: {gte: 2}}\n";
    trial.write("ours/dangling.yml", dangling.as_bytes());
    let told = text(&trial.rules(&["check", "ours"]).stdout);
    let end = "2 rules loaded, 0 correlations, 0 filters, 1 refused";
    assert!(told.contains(end), "{told}");
    let told = trial.rules(&["check", "--format", "json", "ours"]).stdout;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        (&told["loaded"], &told["correlations"]),
        (&2.into(), &0.into())
    );
    assert_eq!(told["refused"][0]["line"], 1);
    let listed = trial.rules(&["list", "ours"]);
    assert!(!text(&listed.stdout).contains("Dangling"));
    assert!(text(&listed.stdout).contains("Password refused"));
    assert!(text(&listed.stderr).contains("1 refused"));
}

#[test]
fn what_is_wrong_with_a_whole_file_names_no_line() {
    let trial = Trial::new();
    trial.write("ours/big.yml", &vec![b' '; (4 << 20) + 1]);
    for verb in ["check", "test"] {
        let told = text(&trial.rules(&[verb, "ours"]).stdout);
        assert!(told.contains("ours/big.yml: more than the"), "{told}");
    }
    let told = trial.rules(&["check", "--format", "json", "ours"]).stdout;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["refused"][0]["file"], "ours/big.yml");
    assert_eq!(told["refused"][0].get("line"), None);
}

#[test]
fn a_rule_file_that_is_not_utf_8_is_refused_with_its_line() {
    let trial = Trial::new();
    // Windows-1251, as editors of old write it.
    let bytes = RULE.replace("level: low", "author: ????\nlevel: low");
    let (before, after) = bytes.split_once("????").unwrap();
    let bytes = [before.as_bytes(), b"\xc0\xe9\xe3\xfb", after.as_bytes()].concat();
    trial.write("ours/old.yml", &bytes);
    let why = format!(
        "ours/old.yml:7: is not UTF-8 at byte {} of the file",
        before.len()
    );
    for (path, loaded) in [("ours/old.yml", 0), ("ours", 2)] {
        let output = trial.rules(&["check", path]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&why), "{told}");
        let end = format!("{loaded} rules loaded, 0 correlations, 0 filters, 1 refused");
        assert!(told.contains(&end), "{told}");
        let output = trial.rules(&["test", path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains(&why));
    }
    let output = trial.rules(&["check", "ours/none.yml"]);
    assert_eq!(output.status.code(), Some(2), "a path that leads nowhere");
}

/// A server starts without the rules it cannot use and says so, in a log without colours.
#[test]
fn a_server_says_at_start_which_rules_it_refused() {
    let trial = Trial::new();
    for n in 0..23 {
        trial.write(&format!("ours/broken{n:02}.yml"), b"title: only a title\n");
    }
    let folders = [trial.at("ours"), trial.at("missing")];
    let config = common::prepare(
        trial.root.path(),
        &format!("\n[rules]\nfolders = {folders:?}\n"),
    );
    let log = trial.at("log");
    let mut server = common::saqshy()
        .args(["serve", "--format", "json", "--config"])
        .arg(config)
        .env_remove("SAQSHY_LOG")
        .env_remove("NO_COLOR")
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    stdout.read_line(&mut ready).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let log = fs::read_to_string(log).unwrap();
    assert!(ready.contains("listening"), "{log}");
    for told in [
        "rules folder ",
        "/missing: could not be read: ",
        "rule refused: ",
        "ours/broken00.yml:1: `",
        "and 3 more refused rules; see GET /rules",
    ] {
        assert!(log.contains(told), "{told} in {log}");
    }
    assert_eq!(log.matches("/missing: could").count(), 1, "{log}");
    assert_eq!(log.matches("ours/broken").count(), 20, "{log}");
    assert!(!log.contains('\x1b'), "{log}");
}

#[test]
fn every_exit_code_is_in_the_help() {
    let help = common::saqshy().arg("--help").output().unwrap();
    assert!(text(&help.stdout).contains("130 interrupted"));
}
