//! Reading only the wanted fields of EVTX files gives what reading whole events gives.

mod common;
#[path = "common/served.rs"]
mod served;

use std::path::PathBuf;

use jiff::Timestamp;
use proptest::prelude::*;
use saqshy_event::evtx::{Chunk, Chunks};
use saqshy_event::{Batch, BatchBuilder, FieldSet, Parser, Value};

/// As rules ask for them: some fields of `System`, some or all of the data.
fn field_sets() -> Vec<FieldSet> {
    let set = |names: &[&str], prefixes: &[&str]| {
        let mut fields = FieldSet::default();
        fields.extend(names.iter().copied());
        prefixes
            .iter()
            .for_each(|prefix| fields.insert_below(prefix));
        fields
    };
    vec![
        served::everything(),
        set(
            &["winlog.channel", "winlog.event_id", "winlog.provider_name"],
            &["winlog.event_data."],
        ),
        set(
            &[
                "winlog.channel",
                "winlog.event_data.Image",
                "winlog.event_data.param1",
                "winlog.event_data.param3",
                "winlog.event_data.TargetUserName",
                "winlog.user_data.Param1",
            ],
            &[],
        ),
        set(
            &["@timestamp", "winlog.event_data.CommandLine"],
            &["winlog.user_data."],
        ),
        set(&["winlog.event_data.ScriptBlockText"], &[]),
        FieldSet::default(),
    ]
}

fn received() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// What became of chunks: a batch, and the id of each record or why it has none.
type Read = (Batch, Vec<Result<u64, String>>);

fn fast(parser: &Parser, chunks: &[Chunk]) -> Read {
    let mut told = Vec::new();
    let mut events = parser.evtx_batch();
    for chunk in chunks {
        events.read(chunk, received(), "lab", |record| {
            told.push(record.map_err(|error| error.to_string()));
        });
    }
    (events.finish(), told)
}

fn plain(parser: &Parser, chunks: &[Chunk]) -> Read {
    let mut told = Vec::new();
    let mut builder = BatchBuilder::default();
    for chunk in chunks {
        chunk.events(|record| {
            told.push(match record {
                Ok((id, event)) => {
                    parser.windows_event(&mut builder, id, received(), "lab", &event);
                    builder.end_event();
                    Ok(id)
                }
                Err(error) => Err(error.to_string()),
            });
        });
    }
    (builder.finish(), told)
}

/// Compares all that is wanted, row by row and as columns.
fn compare(chunks: &[Chunk], fields: &FieldSet) -> Result<Batch, TestCaseError> {
    let parser = Parser::new("n").with_windows_fields(fields.clone());
    let (left, told) = plain(&parser, chunks);
    let (right, told_too) = fast(&parser, chunks);
    prop_assert_eq!(told, told_too);
    prop_assert_eq!(left.rows(), right.rows());
    let times = fields.contains("@timestamp");
    let seen = |name: &str| {
        let of_times = ["event.timestamp_untrusted", "event.created_claimed"];
        fields.contains(name) || (times && of_times.contains(&name))
    };
    for column in left.columns().iter().filter(|column| seen(column.name())) {
        let other = right.column(column.name());
        prop_assert!(other.is_some(), "no {}", column.name());
        for row in 0..left.rows() {
            let other = other.and_then(|other| other.get(row));
            prop_assert_eq!(column.get(row), other, "{} of {}", column.name(), row);
        }
    }
    for column in right.columns().iter().filter(|column| seen(column.name())) {
        prop_assert!(left.column(column.name()).is_some(), "{}", column.name());
        prop_assert_eq!(column.keys().len(), right.rows());
    }
    Ok(right)
}

fn chunks_of(path: &PathBuf) -> Vec<Chunk> {
    let bytes = std::fs::read(path).unwrap();
    Chunks::open(std::io::Cursor::new(bytes))
        .flatten()
        .collect()
}

fn files() -> Option<Vec<PathBuf>> {
    let folders = ["evtx", "sigma-regression"].map(common::data);
    let files: Vec<PathBuf> = folders
        .iter()
        .flatten()
        .flat_map(|folder| common::evtx_files(folder))
        .collect();
    (!files.is_empty()).then_some(files)
}

#[test]
fn every_file_gives_the_same_columns() {
    let Some(files) = files() else { return };
    let mut all = Vec::new();
    let (mut rows, mut whole) = (0, 0);
    for path in &files {
        let chunks = chunks_of(path);
        let batch = compare(&chunks, &served::everything()).unwrap();
        rows += batch.rows();
        // Only the plain way sets a field that nobody wants.
        let kind = batch.column("event.kind");
        whole += kind.map_or(0, |kind| {
            (0..batch.rows())
                .filter(|row| kind.get(*row).is_some())
                .count()
        });
        all.extend(chunks);
    }
    eprintln!("{whole} of {rows} events were read the plain way");
    // Forwarded events, which are no instances of templates.
    assert!(whole * 50 < rows, "{whole} of {rows}");
    for fields in field_sets() {
        compare(&all, &fields).unwrap();
    }
}

/// Without a selection, and with one that asks for what follows from other fields, all is there.
#[test]
fn what_follows_from_the_event_is_not_left_out() {
    let Some(files) = files() else { return };
    let chunks: Vec<Chunk> = files.iter().step_by(20).flat_map(chunks_of).collect();
    let mut fields = FieldSet::default();
    fields.insert("process.executable");
    let derived = Parser::new("n").with_windows_fields(fields);
    for parser in [Parser::new("n"), derived] {
        let (left, told) = plain(&parser, &chunks);
        let (right, told_too) = fast(&parser, &chunks);
        assert_eq!(told, told_too);
        let names = |batch: &Batch| -> Vec<String> {
            let names = batch
                .columns()
                .iter()
                .map(|column| column.name().to_owned());
            names.collect()
        };
        assert_eq!(names(&left), names(&right));
        for (left, right) in left.events().zip(right.events()) {
            assert!(left.fields().eq(right.fields()));
        }
        let seen = right.column("process.executable").unwrap();
        assert!(
            seen.values()
                .iter()
                .any(|value| matches!(value, Value::Str(_)))
        );
    }
}

/// Bytes of chunks that hold events of many kinds.
fn samples() -> Option<Vec<Vec<u8>>> {
    let mut samples = Vec::new();
    for path in files()?.iter().step_by(7) {
        let bytes = std::fs::read(path).unwrap();
        let chunks = bytes[4_096..].as_chunks::<65_536>().0;
        samples.extend(chunks.first().map(|chunk| chunk.to_vec()));
    }
    Some(samples)
}

/// The chunk with some bytes changed, or cut.
fn damaged(mut chunk: Vec<u8>, changes: &[(u16, u8)], cut: Option<u16>) -> Vec<u8> {
    let used = u32::from_le_bytes(*chunk[48..].first_chunk().unwrap()).clamp(600, 65_535);
    for (at, value) in changes {
        // Nearly all behind the header.
        let at = match at % 50 {
            0 => usize::from(at / 50) % 512,
            _ => 512 + usize::from(*at) % (used as usize - 512),
        };
        chunk[at] = match value % 4 {
            0 => *value,
            1 => chunk[at] ^ (1 << (value / 4 % 8)),
            2 => chunk[at].wrapping_add(1),
            _ => [0x00, 0x01, 0x0d, 0x21, 0x81, 0x02, 0xff, 0x0c][usize::from(value / 4) % 8],
        };
    }
    if let Some(cut) = cut {
        chunk.truncate(usize::from(cut) % used as usize);
    }
    chunk
}

#[test]
fn damaged_chunks_give_the_same_columns_and_errors() {
    let Some(samples) = samples() else { return };
    let sets = field_sets();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
    let change = (any::<u16>(), any::<u8>());
    let inputs = (
        prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                prop_oneof![
                    4 => prop::collection::vec(change, 0..4),
                    1 => prop::collection::vec(change, 4..40),
                ],
                prop::option::weighted(0.1, any::<u16>()),
            ),
            1..4,
        ),
        any::<prop::sample::Index>(),
    );
    runner
        .run(&inputs, |(chunks, set)| {
            let chunks: Vec<Chunk> = chunks
                .iter()
                .flat_map(|(of, changes, cut)| {
                    let bytes = damaged(of.get(&samples).clone(), changes, *cut);
                    Chunks::stream(&bytes[..]).flatten().collect::<Vec<_>>()
                })
                .collect();
            compare(&chunks, set.get(&sets))?;
            Ok(())
        })
        .unwrap();
}
