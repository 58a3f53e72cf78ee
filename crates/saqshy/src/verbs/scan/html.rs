//! The report as one HTML file: charts, filters and a table, without a network.
//!
//! The file holds the hits as one block of JSON and a script that shows a page of them at a time.
//! Nothing of a log is ever markup: the block is JSON with `<` escaped, and the script writes
//! text nodes only. The content security policy allows our style and script by their hashes and
//! nothing else.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use unic_langid::{LanguageIdentifier, langid};

use super::hit::{Found, Rules};
use super::inputs::Input;
use super::output::Summary;

const STYLE: &str = include_str!("report/report.css");
const SCRIPT: &str = include_str!("report/report.js");
const LANGUAGES: [&str; 3] = ["kk", "ru", "en"];
/// Different hosts, users or files that a report names; the rest stays without a name.
const NAMES_MAX: usize = 100_000;

/// A report under construction. The hits wait in a temporary file.
pub struct Html {
    lang: String,
    rules: Rules,
    rows: BufWriter<File>,
    count: u64,
    rule_names: Names,
    files: Names,
    /// By number of the file: its records have numbers, not offsets.
    numbered: Vec<bool>,
    hosts: Names,
    users: Names,
}

/// Texts that occur again and again, by number.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, usize>,
    list: Vec<String>,
}

impl Names {
    fn number(&mut self, name: Option<&str>) -> Option<usize> {
        let name = name?;
        if let Some(&number) = self.numbers.get(name) {
            return Some(number);
        }
        if self.list.len() >= NAMES_MAX {
            return None;
        }
        self.numbers.insert(name.to_owned(), self.list.len());
        self.list.push(name.to_owned());
        Some(self.list.len() - 1)
    }
}

impl Html {
    /// # Errors
    /// The language is unknown, or there is no room for a temporary file.
    pub fn new(lang: &str, rules: Rules) -> anyhow::Result<Self> {
        if !LANGUAGES.contains(&lang) {
            bail!("unknown language `{lang}`; use kk, ru or en");
        }
        let rows = tempfile::tempfile().context("making a temporary file")?;
        Ok(Html {
            lang: lang.to_owned(),
            rules,
            rows: BufWriter::new(rows),
            count: 0,
            rule_names: Names::default(),
            files: Names::default(),
            numbered: Vec::new(),
            hosts: Names::default(),
            users: Names::default(),
        })
    }

    pub fn hit(&mut self, found: &Found, files: &[Input]) -> anyhow::Result<()> {
        let path = files[found.file].path.to_string_lossy();
        let file = self.files.number(Some(&path));
        if let Some(file) = file
            && file == self.numbered.len()
        {
            self.numbered.push(found.record_id.is_some());
        }
        let place = found
            .record_id
            .map(Json::from)
            .or(found.offset.map(Json::from));
        let row = json!([
            found.hit.at.as_millisecond(),
            self.rule_names.number(Some(&found.hit.rule_id)),
            file,
            self.hosts.number(found.hit.host.as_deref()),
            self.users.number(found.user.as_deref()),
            place,
            found.code,
            found.detail(files),
        ]);
        let comma = if self.count > 0 { ",\n" } else { "" };
        write!(self.rows, "{comma}{}", inert(&row.to_string()))?;
        self.count += 1;
        Ok(())
    }

    pub fn finish(&mut self, summary: &Summary, out: &mut impl Write) -> anyhow::Result<()> {
        let rules = self.rule_names.list.iter().map(|id| self.rule(id));
        let rules: Vec<Json> = rules.collect();
        let (script, style) = (source_of(SCRIPT), source_of(STYLE));
        let lang = &self.lang;
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{script}'; style-src '{style}'; base-uri 'none'; form-action 'none'\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">\
<title>saqshy scan</title><style>{STYLE}</style></head>\n{BODY}\n"
        )?;
        block(out, "texts", &texts()?.to_string())?;
        block(out, "summary", &serde_json::to_string(summary)?)?;
        write!(out, "<script type=\"application/json\" id=\"data\">{{")?;
        for (name, list) in [
            ("rules", Json::from(rules)),
            ("files", Json::from(self.files.list.clone())),
            ("numbered", Json::from(self.numbered.clone())),
            ("hosts", Json::from(self.hosts.list.clone())),
            ("users", Json::from(self.users.list.clone())),
        ] {
            writeln!(out, "\"{name}\":{},", inert(&list.to_string()))?;
        }
        write!(out, "\"hits\":[")?;
        self.rows.flush()?;
        let rows = self.rows.get_mut();
        rows.rewind()?;
        std::io::copy(rows, out)?;
        write!(
            out,
            "]}}</script>\n<script>{SCRIPT}</script></body></html>\n"
        )?;
        Ok(())
    }

    fn rule(&self, id: &str) -> Json {
        let Some(rule) = self.rules.get(id) else {
            return json!({"id": id, "title": id, "level": "informational", "tactics": [], "tags": []});
        };
        json!({
            "id": id,
            "title": rule.title,
            "level": rule.level.as_str(),
            "description": rule.description.trim(),
            "author": rule.author,
            "license": rule.license,
            "tags": rule.tags,
            "tactics": tactics(rule.tags),
        })
    }
}

/// `attack.lateral-movement` → `lateral-movement`; techniques and others are left out.
fn tactics(tags: &[String]) -> Vec<String> {
    let tactic = |tag: &String| {
        let name = tag.strip_prefix("attack.")?.replace('_', "-");
        let words = name.chars().all(|it| it.is_ascii_lowercase() || it == '-');
        words.then_some(name)
    };
    tags.iter().filter_map(tactic).collect()
}

fn block(out: &mut impl Write, id: &str, json: &str) -> std::io::Result<()> {
    let json = inert(json);
    writeln!(
        out,
        "<script type=\"application/json\" id=\"{id}\">{json}</script>"
    )
}

/// JSON in which nothing can end its element or begin another.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// What the content security policy calls an inline script or style.
fn source_of(text: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

/// The words of the page in all languages; what the page fills in stands in braces.
fn texts() -> anyhow::Result<Json> {
    let ids: [LanguageIdentifier; 3] = [langid!("kk"), langid!("ru"), langid!("en")];
    let mut args = FluentArgs::new();
    for name in [
        "hits", "events", "files", "rules", "shown", "all", "page", "pages", "count",
    ] {
        args.set(name, format!("{{{name}}}"));
    }
    let mut languages = Map::new();
    for (lang, id) in LANGUAGES.iter().zip(ids) {
        let source = saqshy_server::embedded::locale(&format!("{lang}/scan.ftl"))
            .with_context(|| format!("the words in `{lang}` are missing"))?;
        let keys = source.lines().filter_map(|line| line.split_once(" = "));
        let keys: Vec<String> = keys.map(|(key, _)| key.to_owned()).collect();
        let resource = FluentResource::try_new(source)
            .map_err(|(_, errors)| anyhow::anyhow!("the words in `{lang}`: {errors:?}"))?;
        let mut bundle = FluentBundle::new(vec![id]);
        bundle.set_use_isolating(false);
        bundle
            .add_resource(&resource)
            .map_err(|errors| anyhow::anyhow!("the words in `{lang}`: {errors:?}"))?;
        let mut words = Map::new();
        for key in keys {
            let pattern = bundle.get_message(&key).and_then(|message| message.value());
            if let Some(pattern) = pattern {
                let text = bundle.format_pattern(pattern, Some(&args), &mut Vec::new());
                let name = key.strip_prefix("scan-").unwrap_or(&key);
                words.insert(name.to_owned(), text.into_owned().into());
            }
        }
        languages.insert((*lang).to_owned(), words.into());
    }
    Ok(languages.into())
}

const BODY: &str = r#"<body>
<header><h1 id="title">saqshy scan</h1><p id="subtitle"></p><div class="tools">
<select id="language"><option value="kk">Қазақша</option><option value="ru">Русский</option><option value="en">English</option></select>
<button type="button" id="theme"></button></div></header>
<p id="summary-line"></p><p id="broken"></p><p id="interrupted"></p>
<section><h2 id="title-timeline"></h2><svg id="timeline" viewBox="0 0 120 100" preserveAspectRatio="none"></svg><div class="ends" id="ends"></div></section>
<div class="lists"><section class="list" id="by-level"></section><section class="list" id="by-tactic"></section>
<section class="list" id="by-host"></section><section class="list" id="by-rule"></section></div>
<section><div class="bar-row"><input type="search" id="words"><button type="button" id="clear"></button><span id="shown" role="status"></span></div>
<div class="scroll"><table><thead><tr id="head"></tr></thead><tbody id="rows"></tbody></table></div>
<div class="bar-row"><button type="button" id="previous"></button><span id="page"></span><button type="button" id="next"></button></div></section>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_in_every_language() {
        let texts = texts().unwrap();
        let keys = |lang: &str| -> Vec<String> {
            texts[lang].as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(keys("kk"), keys("en"));
        assert_eq!(keys("ru"), keys("en"));
        assert_eq!(texts["en"]["shown"], "{shown} of {all} hits");
        // Every word that the script asks for by name.
        for piece in SCRIPT.split("text('").skip(1) {
            let key = piece.split('\'').next().unwrap();
            assert!(texts["en"].get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn nothing_of_a_log_becomes_markup() {
        let hostile = json!([
            "</script><script>alert(1)</script>",
            "<!--",
            "\u{2028}",
            "a&b"
        ]);
        let text = inert(&hostile.to_string());
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), hostile);
    }

    #[test]
    fn tactics_are_told_from_techniques() {
        let tags = [
            "attack.t1059.001",
            "attack.lateral_movement",
            "attack.execution",
            "cve.2020-1",
            "attack.g0049",
        ];
        let tags: Vec<String> = tags.map(str::to_owned).into();
        assert_eq!(tactics(&tags), ["lateral-movement", "execution"]);
    }
}
