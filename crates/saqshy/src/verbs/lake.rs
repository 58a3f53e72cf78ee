//! `saqshy search` and `saqshy sql`: the lake of a stopped server.

use std::path::Path;

use futures::StreamExt;
use saqshy_lake::{Lake, LakeConfig, LakeError, SearchEvent, SearchRequest, query};
use saqshy_server::runtime::Paths;
use serde_json::{Map, Value, json};

use crate::cli::{Format, Search, Sql};
use crate::exit::{Exit, Failure, unreachable};
use crate::table::Table;

pub fn search(options: Search) -> Result<Exit, Failure> {
    let query = query::parse(&options.query).map_err(|error| {
        let marker = format!("{}^", " ".repeat(error.column.saturating_sub(1)));
        anyhow::anyhow!("{error}\n  {}\n  {marker}", options.query)
    })?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let lake = open(&options.data).await?;
        let request = SearchRequest {
            query,
            from: options.from,
            to: options.to,
            limit: options.limit,
            newest_first: true,
        };
        let mut found = lake.search(request);
        let mut events = Vec::new();
        let mut matched = 0;
        while let Some(message) = found.next().await {
            match message? {
                SearchEvent::Event(event) if options.format == Format::Ndjson => {
                    println!("{}", Value::Object(event))
                }
                SearchEvent::Event(event) => events.push(event),
                SearchEvent::Progress(_) => {}
                SearchEvent::Done(done) => matched = done.matched,
            }
        }
        match options.format {
            Format::Table => print_events(&events, matched)?,
            Format::Json => println!("{}", json!({"events": events, "matched": matched})),
            Format::Ndjson => {}
        }
        Ok(Exit::Done)
    })
}

fn print_events(events: &[Map<String, Value>], matched: u64) -> std::io::Result<()> {
    let mut table = Table::new(&["TIME", "DATASET", "HOST", "EVENT"]);
    for event in events {
        let text = |name: &str| {
            event
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let what = [
            text("message"),
            text("process.command_line"),
            text("event.original"),
        ];
        let what = what
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        table.row([
            text("@timestamp"),
            text("data_stream.dataset"),
            text("host.name"),
            what.chars().take(160).collect(),
        ]);
    }
    table.write(&mut std::io::stdout().lock())?;
    println!("\n{} shown of {matched} found", events.len());
    Ok(())
}

pub fn sql(options: Sql) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let lake = open(&options.data).await?;
        let mut rows = lake.sql(&options.statement, options.limit).await?;
        let names: Vec<String> = rows
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let mut all: Vec<Vec<Value>> = Vec::new();
        while let Some(some) = rows.next().await {
            for row in some? {
                if options.format == Format::Ndjson {
                    let object: Map<String, Value> = names.iter().cloned().zip(row).collect();
                    println!("{}", Value::Object(object));
                } else {
                    all.push(row);
                }
            }
        }
        match options.format {
            Format::Ndjson => {}
            Format::Json => println!(
                "{}",
                json!({"columns": names, "rows": all, "truncated": rows.truncated()})
            ),
            Format::Table => {
                let head: Vec<&str> = names.iter().map(String::as_str).collect();
                let mut table = Table::new(&head);
                for row in &all {
                    table.row(row.iter().map(cell));
                }
                table.write(&mut std::io::stdout().lock())?;
                if rows.truncated() {
                    println!("… more rows than --limit {}", options.limit);
                }
            }
        }
        Ok(Exit::Done)
    })
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn open(data: &Path) -> Result<Lake, Failure> {
    let paths = Paths::of(data);
    if !paths.lake.is_dir() {
        return Err(
            anyhow::anyhow!("`{}` is no data folder: it has no `lake`", data.display()).into(),
        );
    }
    match Lake::open(LakeConfig::new(&paths.lake), "reader").await {
        Ok(lake) => Ok(lake),
        Err(error @ LakeError::Locked { .. }) => Err(unreachable(
            anyhow::Error::new(error)
                .context("a server has this folder open; ask it instead, or stop it first"),
        )),
        Err(error) => Err(anyhow::Error::new(error).context("opening the lake").into()),
    }
}
