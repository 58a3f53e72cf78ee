//! The dossier of a case: one ZIP that an outsider opens without this program and checks with
//! `saqshy-verify`. It is a bundle in the journal's pack format.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use saqshy_casework::{Actor, Custody};
use saqshy_dispatch::{
    Block, Cell, Column, Document, DocumentLang, Field, Form, Format, Signature, Table, in_all,
    moment, render,
};
use saqshy_journal::{Leaf, pack};
use saqshy_law::Text3;
use serde_json::{Value, json};

use super::case::CaseView;
use super::timeline::said;
use crate::notices::edition_title;
use crate::runtime::App;
use crate::texts::action;

/// How long the journal may take to seal the dossier's leaf.
const SEALING: Duration = Duration::from_secs(30);

/// Makes the dossier of an incident. Journalled: its leaf names every file and every leaf in it.
///
/// # Errors
/// `NotFound` for an unknown incident; the journal's when it does not seal in time.
///
/// `leaves` are those about the case. Earlier dossiers among them are left out: they would only name
/// files that are not here.
pub async fn make(
    app: &App,
    incident: &str,
    actor: &Actor,
    leaves: Vec<(u64, Vec<u8>)>,
) -> anyhow::Result<Vec<u8>> {
    let now = app.now();
    let view = CaseView::of(app, incident, now).await?;
    let mut custody = Vec::new();
    for one in &view.evidence {
        let (_, chain) = app.store.evidence(&one.id).await?;
        custody.push(chain);
    }
    // What stands in the journal now belongs to the dossier, nothing that comes after.
    let mut parsed = Vec::new();
    for (index, body) in leaves {
        parsed.push((index, Leaf::parse(&body)?));
    }
    parsed.retain(|(_, leaf)| leaf.action != "dossier.made");
    let leaves = parsed;
    let documents = letters(app, &view).await?;
    let mut files = files(app, &view, &custody, &leaves, &documents, now).await?;
    for (name, body) in documents {
        files.insert(format!("letters/{name}"), body);
    }
    let indices: Vec<u64> = leaves.iter().map(|(index, _)| *index).collect();
    let mut tx = app.store.begin().await?;
    let index = tx
        .leaf(&Leaf {
            at: now,
            actor: actor.id.clone(),
            action: "dossier.made".to_owned(),
            object: format!("incident:{incident}"),
            change: json!({"bundle": pack::bundle(&files, &indices)}),
            reason: None,
            edition: None,
        })
        .await?;
    tx.commit().await?;
    if !app.journal.wait_for(index + 1, SEALING).await {
        bail!("the journal has not sealed leaf {index} yet; ask again in a minute");
    }
    let mut wanted = indices;
    wanted.push(index);
    let request = pack::Request {
        leaves: wanted,
        since: Vec::new(),
        documents: Vec::new(),
        files,
    };
    let key = app.journal.verifying_key();
    let made = app
        .journal
        .with_log(move |log| pack::export(log, &request, &key))
        .await?;
    made.context("packing the dossier")
}

/// The letters of the case as they were approved, by file name. Evidence is not among them: it is
/// handed over on its own.
async fn letters(app: &App, view: &CaseView) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for notice in &view.whole.notices {
        let Some(sha256) = &notice.document_sha256 else {
            continue;
        };
        let document = app.store.document(sha256).await?;
        let name = notice.number.replace('/', "-").to_lowercase();
        found.insert(format!("{name}.pdf"), document.body);
    }
    Ok(found)
}

async fn files(
    app: &App,
    view: &CaseView,
    custody: &[Vec<Custody>],
    leaves: &[(u64, Leaf)],
    documents: &BTreeMap<String, Vec<u8>>,
    now: Timestamp,
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let whole = &view.whole;
    let history = app.store.clock_history(&whole.incident.id).await?;
    let mut files = BTreeMap::new();
    let mut data = |name: &str, value: Value| -> anyhow::Result<()> {
        files.insert(name.to_owned(), serde_json::to_vec_pretty(&value)?);
        Ok(())
    };
    data("timeline.json", json!(whole.timeline))?;
    data(
        "clocks.json",
        json!({"clocks": whole.clocks, "facts": whole.facts, "computations": history}),
    )?;
    data("notices.json", json!(whole.notices))?;
    let evidence: Vec<Value> = view
        .evidence
        .iter()
        .zip(custody)
        .map(|(one, chain)| json!({"evidence": one, "custody": chain}))
        .collect();
    data("evidence.json", json!(evidence))?;
    data("incident.json", json!(whole.incident))?;
    let names = people(app).await?;
    let pages = [
        (
            "verdict",
            verdict(app, view, leaves, (documents, &names), now)?,
        ),
        ("timeline", timeline(app, view, &names, now)?),
        ("clocks", clocks(app, view, now)?),
        ("evidence", evidence_list(app, view, custody, now)?),
    ];
    for (name, document) in pages {
        for lang in [DocumentLang::Kk, DocumentLang::Ru, DocumentLang::En] {
            let document = document.clone();
            let file =
                tokio::task::spawn_blocking(move || render(&document, lang, Format::Pdf)).await??;
            files.insert(format!("{name}.{}.pdf", lang.code()), file.bytes);
        }
    }
    Ok(files)
}

/// Names of the people with an account, by login.
async fn people(app: &App) -> anyhow::Result<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT login, name FROM account")
        .fetch_all(app.store.pool())
        .await?;
    Ok(rows.into_iter().collect())
}

fn page(
    app: &App,
    view: &CaseView,
    name: &str,
    blocks: Vec<Block>,
    now: Timestamp,
) -> anyhow::Result<Document> {
    let organisation = &app.config.organisation;
    Ok(Document {
        number: view.whole.incident.number.clone(),
        date: now,
        zone: organisation.zone.clone(),
        organisation: organisation.name.clone(),
        organisation_details: organisation.details.clone(),
        addressee: Text3::default(),
        title: in_all(&format!("dossier-{name}"), &[])?,
        subtitle: view.title(),
        blocks,
        annex: Vec::new(),
        signatures: vec![Signature::default()],
        contact: organisation.contact.clone(),
        landscape: matches!(name, "timeline" | "evidence"),
    })
}

fn table(id: &str, columns: &[(&str, u8)], rows: Vec<Vec<Cell>>) -> anyhow::Result<Block> {
    let head: Result<Vec<Column>, saqshy_dispatch::TextError> = columns
        .iter()
        .map(|(key, weight)| Ok(Column::new(in_all(&format!("column-{key}"), &[])?, *weight)))
        .collect();
    Ok(Block::Table(Table {
        id: id.to_owned(),
        title: Text3::default(),
        columns: head?,
        rows,
        empty: in_all("table-empty", &[])?,
    }))
}

fn timeline(
    app: &App,
    view: &CaseView,
    names: &BTreeMap<String, String>,
    now: Timestamp,
) -> anyhow::Result<Document> {
    let zone = &app.config.organisation.zone;
    let mut rows = Vec::new();
    for entry in &view.whole.timeline {
        rows.push(vec![
            Cell::plain(entry.seq.to_string()),
            Cell::plain(moment(zone, entry.at)),
            Cell::plain(names.get(&entry.by).unwrap_or(&entry.by).as_str()),
            Cell::words(action(&entry.kind)),
            Cell::words(said(app, names, entry)?),
        ]);
    }
    let columns = [
        ("n", 1),
        ("moment", 4),
        ("who", 3),
        ("action", 4),
        ("content", 12),
    ];
    let whole = Block::Paragraph {
        text: in_all("dossier-timeline-whole", &[])?,
    };
    let block = table("timeline", &columns, rows)?;
    page(app, view, "timeline", vec![whole, block], now)
}

/// Each clock with its computation, step by step.
fn clocks(app: &App, view: &CaseView, now: Timestamp) -> anyhow::Result<Document> {
    let zone = &app.config.organisation.zone;
    let at =
        |time: Option<Timestamp>| Text3::same(time.map_or_else(|| "—".into(), |t| moment(zone, t)));
    let mut blocks = Vec::new();
    for clock in view
        .whole
        .clocks
        .iter()
        .filter(|clock| clock.started.is_some())
    {
        let text = clock
            .title
            .map(|_, title| format!("{} · {title}", clock.clause));
        blocks.push(Block::Heading { text });
        let status = serde_json::to_value(clock.status)?;
        let status = status.as_str().unwrap_or_default().replace('_', "-");
        let mut fields = Vec::new();
        let mut field = |key: &str, value: Text3, form: Form| -> anyhow::Result<()> {
            fields.push(Field::new(
                key,
                in_all(&format!("column-{key}"), &[])?,
                value,
                form,
            ));
            Ok(())
        };
        let steps = |pick: fn(&Text3) -> &str| {
            let all = (1..).zip(&clock.steps);
            let all = all.map(|(n, step)| format!("{n}. {}", pick(step)));
            all.collect::<Vec<_>>().join("\n")
        };
        let steps = Text3::new(steps(|t| &t.kk), steps(|t| &t.ru), steps(|t| &t.en));
        field("started", at(clock.started), Form::Line)?;
        field("due", at(clock.due), Form::Line)?;
        field("stopped", at(clock.stopped), Form::Line)?;
        field(
            "status",
            in_all(&format!("clock-{status}"), &[])?,
            Form::Line,
        )?;
        let edition = edition_title(app, &clock.edition);
        field("edition", edition, Form::Line)?;
        field("computation", steps, Form::Prose)?;
        blocks.push(Block::Fields { fields });
    }
    if blocks.is_empty() {
        let text = in_all("table-empty", &[])?;
        blocks.push(Block::Paragraph { text });
    }
    page(app, view, "clocks", blocks, now)
}

fn evidence_list(
    app: &App,
    view: &CaseView,
    custody: &[Vec<Custody>],
    now: Timestamp,
) -> anyhow::Result<Document> {
    let zone = &app.config.organisation.zone;
    let mut rows = Vec::new();
    for (one, chain) in view.evidence.iter().zip(custody) {
        let chain = chain.iter().map(|act| {
            format!(
                "{}: {} → {} ({})",
                moment(zone, act.at),
                act.from,
                act.to,
                act.act
            )
        });
        rows.push(vec![
            Cell::plain(one.seq.to_string()),
            Cell::plain(format!("{}\n{}", one.title, one.file_name)),
            Cell::plain(format!("{}\n{}", one.source, one.method)),
            Cell::plain(format!(
                "{}\n{}",
                moment(zone, one.collected_at),
                one.collected_by
            )),
            // In two halves, so that it fits its column.
            Cell::plain(format!(
                "{}\n{}",
                &one.sha256[..32.min(one.sha256.len())],
                one.sha256.get(32..).unwrap_or_default()
            )),
            Cell::plain(chain.collect::<Vec<_>>().join("\n")),
        ]);
    }
    let columns = [
        ("n", 1),
        ("evidence", 5),
        ("source", 4),
        ("collected", 4),
        ("sha256", 6),
        ("custody", 8),
    ];
    let blocks = vec![
        Block::Paragraph {
            text: in_all("dossier-evidence-apart", &[])?,
        },
        table("evidence", &columns, rows)?,
    ];
    page(app, view, "evidence", blocks, now)
}

/// The page that a lawyer reads first: what is proven, by what key, how to check.
fn verdict(
    app: &App,
    view: &CaseView,
    leaves: &[(u64, Leaf)],
    (documents, names): (&BTreeMap<String, Vec<u8>>, &BTreeMap<String, String>),
    now: Timestamp,
) -> anyhow::Result<Document> {
    let zone = &app.config.organisation.zone;
    let key = app.journal.verifying_key().to_string();
    let first = leaves.first().map(|(_, leaf)| moment(zone, leaf.at));
    let last = leaves.last().map(|(_, leaf)| moment(zone, leaf.at));
    let words = |name: &str| in_all(name, &[]);
    let mut blocks = Vec::new();
    for part in ["proven", "not-proven"] {
        let text = words(&format!("verdict-{part}"))?;
        blocks.push(Block::Heading { text });
        for n in 1..=3 {
            let text = words(&format!("verdict-{part}-{n}"))?;
            blocks.push(Block::Paragraph { text });
        }
    }
    let mut fields = Vec::new();
    let mut field = |name: &str, value: String, form: Form| -> anyhow::Result<()> {
        fields.push(Field::new(
            name,
            in_all(&format!("verdict-{name}"), &[])?,
            Text3::same(value),
            form,
        ));
        Ok(())
    };
    field("incident", view.whole.incident.number.clone(), Form::Line)?;
    field("leaves", leaves.len().to_string(), Form::Line)?;
    field("documents", documents.len().to_string(), Form::Line)?;
    field("first", first.unwrap_or_default(), Form::Line)?;
    field("last", last.unwrap_or_default(), Form::Line)?;
    field("key", key, Form::Code)?;
    blocks.push(Block::Heading {
        text: words("verdict-facts")?,
    });
    blocks.push(Block::Fields { fields });
    blocks.push(Block::Heading {
        text: words("verdict-check")?,
    });
    for n in 1..=4 {
        let text = words(&format!("verdict-check-{n}"))?;
        blocks.push(Block::Paragraph { text });
    }
    blocks.push(Block::Heading {
        text: words("verdict-list")?,
    });
    let mut rows = Vec::new();
    for (index, leaf) in leaves {
        rows.push(vec![
            Cell::plain(index.to_string()),
            Cell::plain(moment(zone, leaf.at)),
            Cell::plain(names.get(&leaf.actor).unwrap_or(&leaf.actor).as_str()),
            Cell::words(action(&leaf.action)),
        ]);
    }
    let columns = [("leaf", 2), ("moment", 4), ("who", 3), ("action", 5)];
    blocks.push(table("leaves", &columns, rows)?);
    page(app, view, "verdict", blocks, now)
}
