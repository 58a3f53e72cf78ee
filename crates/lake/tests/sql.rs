//! SQL: what it answers and what it refuses.

mod common;

use common::{config, plain, start};
use saqshy_event::BatchBuilder;
use saqshy_lake::{Lake, LakeError};
use serde_json::{Value, json};

async fn rows(lake: &Lake, text: &str) -> Vec<Vec<Value>> {
    let mut stream = lake
        .sql(text, 1_000)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut all = Vec::new();
    while let Some(some) = stream.next().await {
        all.extend(some.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_and_flushed_events_are_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert_eq!(
        rows(&lake, "select count(*) from events").await,
        [[json!(0)]]
    );
    lake.append(plain(0, 30), 30, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    lake.append(plain(30, 30), 60, start()).await.unwrap();
    assert_eq!(
        rows(&lake, "select count(*) from events").await,
        [[json!(60)]]
    );
    let text = r#"select "data_stream.dataset", count(*) as n, max("source.port"), min("@timestamp")
        from events where "host.name" = 'host-3' or "source.port" > 50
        group by 1 order by n desc"#;
    let found = rows(&lake, text).await;
    assert_eq!(
        found,
        [
            [
                json!("web.access"),
                json!(10),
                json!(59),
                json!("2026-03-20T09:30:10Z")
            ],
            [
                json!("linux.auth"),
                json!(6),
                json!(57),
                json!("2026-03-20T09:30:03Z")
            ],
        ]
    );
    let text = r#"with late as (select * from events where "@timestamp" >= '2026-03-20T09:30:55Z')
        select "event.id", "event.ingested_day" from late order by 1 limit 1"#;
    assert_eq!(
        rows(&lake, text).await,
        [["n-0000000000000037", "2026-03-20"]]
    );
    assert!(!rows(&lake, "explain select * from events").await.is_empty());
    let mut stream = lake.sql("select * from events", 7).await.unwrap();
    let mut count = 0;
    while let Some(some) = stream.next().await {
        count += some.unwrap().len();
    }
    assert!(stream.truncated());
    assert_eq!(count, 7);
    let names: Vec<_> = stream
        .columns()
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert!(names.contains(&"host.name") && names.contains(&"_overflow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overflow_map_is_reached_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let mut builder = BatchBuilder::default();
    builder.set("source.port", "ssh");
    builder.set("event.id", "n-0");
    builder.end_event();
    lake.append(builder.finish(), 1, start()).await.unwrap();
    for _ in 0..2 {
        let text = r#"select "_overflow"['source.port'], "source.port" is null from events"#;
        let found = rows(&lake, text).await;
        let first = found[0][0].as_str().unwrap();
        assert!(first == "ssh" || first == "[ssh]", "{first}");
        lake.flush(start()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_but_reading_the_events_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    lake.append(plain(0, 3), 3, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    let secret = folder.path().join("secret.csv");
    std::fs::write(&secret, "a\n1\n").unwrap();
    let secret = secret.display();
    for text in [
        String::new(),
        "select 1; select 2".into(),
        "drop table events".into(),
        "delete from events".into(),
        "update events set \"host.name\" = 'x'".into(),
        "insert into events select * from events".into(),
        "create table t as select 1".into(),
        "create view v as select 1".into(),
        "select * into t from events".into(),
        "explain insert into events select * from events".into(),
        "explain analyze delete from events".into(),
        "explain copy (select 1) to '/tmp/x.csv'".into(),
        "set datafusion.execution.batch_size = 1".into(),
        "show tables".into(),
        "begin".into(),
        format!("copy events to '{secret}.out'"),
        format!("create external table t stored as csv location '{secret}'"),
        format!("select * from '{secret}'"),
        format!("select * from read_csv('{secret}')"),
        "select nonsense from events".into(),
        "select".into(),
    ] {
        match lake.sql(&text, 10).await {
            Err(LakeError::Sql(message)) => assert!(!message.is_empty(), "{text}"),
            Err(error) => panic!("{text}: {error}"),
            Ok(mut stream) => {
                let first = stream.next().await;
                panic!("{text} was allowed: {first:?}");
            }
        }
    }
    assert_eq!(
        rows(&lake, "select count(*) from events").await,
        [[json!(3)]]
    );
}
