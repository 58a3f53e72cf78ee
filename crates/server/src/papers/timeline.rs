//! An entry of a case's timeline in words, for paper: what the data of the entry says, in the
//! reader's language and with the names that the law packs and the organisation give. The data as
//! recorded is in the dossier's `timeline.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use saqshy_casework::TimelineEntry;
use saqshy_dispatch::{in_all, moment, shown};
use saqshy_law::Text3;
use serde_json::Value;

use crate::runtime::App;

/// Fields in the order in which a reader wants them, with the text that names each.
const FIELDS: &[(&str, &str)] = &[
    ("number", "column-number"),
    ("title", "column-incident"),
    ("kind", "field-fact"),
    ("duty", "column-duty"),
    ("addressee", "field-addressee"),
    ("address", "field-address"),
    ("state", "column-state"),
    ("severity", "column-severity"),
    ("category", "column-category"),
    ("object", "column-object"),
    ("detected_at", "column-detected-at"),
    ("occurred_at", "field-occurred-at"),
    ("at", "column-moment"),
    ("reporter", "field-reporter"),
    ("channel", "field-channel"),
    ("assignee", "field-assignee"),
    ("description", "column-description"),
    ("cause", "column-cause"),
    ("recommendations", "column-corrective"),
    ("to", "column-to-whom"),
    ("damage_kind", "column-damage"),
    ("amount", "column-amount"),
    ("planned_end", "field-planned-end"),
    ("due", "column-due"),
    ("file_name", "field-file"),
    ("detail", "field-detail"),
    ("note", "field-note"),
    ("document_sha256", "column-sha256"),
    ("sha256", "column-sha256"),
];

/// What an entry says: its own words, then its fields.
pub fn said(
    app: &App,
    names: &BTreeMap<String, String>,
    entry: &TimelineEntry,
) -> anyhow::Result<Text3> {
    let mut all: Vec<Text3> = entry.text.iter().map(Text3::same).collect();
    for (field, label) in FIELDS {
        let Some(value) = value(app, names, entry, field)? else {
            continue;
        };
        let label = in_all(label, &[])?;
        all.push(label.map(|lang, label| format!("{label}: {}", value.get(lang))));
    }
    let joined = |pick: fn(&Text3) -> &str| all.iter().map(pick).collect::<Vec<_>>().join("\n");
    Ok(Text3::new(
        joined(|t| &t.kk),
        joined(|t| &t.ru),
        joined(|t| &t.en),
    ))
}

fn value(
    app: &App,
    names: &BTreeMap<String, String>,
    entry: &TimelineEntry,
    field: &str,
) -> anyhow::Result<Option<Text3>> {
    let text = match entry.data.get(field) {
        Some(Value::String(text)) if !text.trim().is_empty() => text.as_str(),
        Some(Value::Number(number)) if field == "amount" => {
            let currency = entry.data.get("currency").and_then(Value::as_str);
            let amount = shown(number.as_f64().unwrap_or_default());
            let amount = format!("{amount} {}", currency.unwrap_or_default());
            return Ok(Some(Text3::same(amount.trim_end())));
        }
        _ => return Ok(None),
    };
    let known = |prefix: &str| in_all(&format!("{prefix}-{text}"), &[]);
    Ok(Some(match field {
        // A notice's states are told by the action.
        "state" if entry.kind.starts_with("notice.") => return Ok(None),
        "state" => known("state").unwrap_or_else(|_| Text3::same(text)),
        "severity" => known("severity").unwrap_or_else(|_| Text3::same(text)),
        "to" => match known("damage") {
            Ok(words) => words,
            Err(_) => Text3::same(names.get(text).map_or(text, String::as_str)),
        },
        "category" => {
            let mut categories = app.law.categories.iter();
            let found = categories.find(|category| category.id == text);
            found.map_or_else(|| Text3::same(text), |category| category.title.clone())
        }
        "channel" if entry.kind.starts_with("notice.") => return Ok(None),
        "kind" => fact(app, text)?,
        "duty" => duty(app, text),
        "addressee" => addressee(app, text),
        "assignee" => Text3::same(names.get(text).map_or(text, String::as_str)),
        _ => match text.parse::<Timestamp>() {
            Ok(at) => Text3::same(moment(&app.config.organisation.zone, at)),
            Err(_) => Text3::same(text),
        },
    }))
}

fn duty(app: &App, id: &str) -> Text3 {
    let found = app.law.duty_in(id, "");
    found.map_or_else(|| Text3::same(id), |(_, duty)| duty.title.clone())
}

fn addressee(app: &App, id: &str) -> Text3 {
    let contact = app.config.contacts_of(id).next();
    let in_pack = || {
        let mut packs = app.law.packs.iter();
        packs.find_map(|pack| Some(pack.parties.iter().find(|p| p.id == id)?.title.clone()))
    };
    let found = contact.map(|contact| contact.name.clone());
    found.or_else(in_pack).unwrap_or_else(|| Text3::same(id))
}

/// A fact as its pack names it. That of a notice or answer names its duty: `notice.sent:o199.x`.
fn fact(app: &App, kind: &str) -> anyhow::Result<Text3> {
    let mut packs = app.law.packs.iter();
    if let Some(title) = packs.find_map(|pack| pack.facts.get(kind)) {
        return Ok(title.clone());
    }
    let (base, of) = kind.split_once(':').unwrap_or((kind, ""));
    let Ok(words) = in_all(&format!("fact-{}", base.replace('.', "-")), &[]) else {
        return Ok(Text3::same(kind));
    };
    let of = duty(app, of.split(':').next().unwrap_or_default());
    Ok(words.map(|lang, words| format!("{words}: {}", of.get(lang))))
}
