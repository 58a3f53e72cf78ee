//! One record, three carriers, one event; and EVTX files that are broken.

mod common;

use std::fs;

use jiff::Timestamp;
use saqshy_event::evtx::{Chunks, EvtxReader};
use saqshy_event::{BatchBuilder, Format, Parser, Record, WindowsEvent, winlogbeat_json};
use serde_json::{Map, Value};

fn received() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// The event that a payload becomes, without the text as it arrived.
fn parsed(format: Format, payload: &[u8]) -> Map<String, Value> {
    let record = Record {
        received: received(),
        source: "lab",
        format,
        peer: None,
        truncated: false,
        payload,
    };
    let parsed = Parser::new("t").parse(&[(1, record)], received());
    assert_eq!(parsed.batch.rows(), 1);
    sorted(parsed.batch.event(0).to_json())
}

fn sorted(mut event: Map<String, Value>) -> Map<String, Value> {
    assert!(event.remove("event.original").is_some());
    event.sort_keys();
    event
}

/// Without the empty values of the event's data, which Winlogbeat does not send (its reader of
/// `EventData` and `UserData` drops them), while EVTX and XML say that they are there. Rules tell
/// an empty value from an absent one, so they are kept where the carrier has them.
fn filled(event: &Map<String, Value>) -> Map<String, Value> {
    let mut event = event.clone();
    event.retain(|name, value| {
        let data = name.starts_with("winlog.event_data.") || name.starts_with("winlog.user_data.");
        !(data && value.as_str() == Some(""))
    });
    event
}

fn trimmed(event: Map<String, Value>) -> Map<String, Value> {
    let trim = |value: Value| match value {
        Value::String(text) => Value::String(text.trim().to_owned()),
        other => other,
    };
    event
        .into_iter()
        .map(|(name, value)| (name, trim(value)))
        .collect()
}

fn differences(one: &Map<String, Value>, two: &Map<String, Value>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(two.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != two.get(*name))
        .map(|name| format!("{name}: {:?} / {:?}", one.get(name), two.get(name)))
        .collect()
}

#[test]
fn evtx_winlogbeat_and_forwarded_xml_give_the_same_event() {
    let Some(folder) = common::data("evtx") else {
        return;
    };
    let (mut files, mut records, mut numbered, mut empty) = (0, 0, 0, 0);
    for path in common::evtx_files(&folder) {
        files += 1;
        for item in EvtxReader::stream(fs::File::open(&path).unwrap()) {
            let (record_id, event) = item.unwrap();
            records += 1;
            let place = format!("{} record {record_id}", path.display());
            let mut builder = BatchBuilder::default();
            Parser::new("t").windows_event(&mut builder, 1, received(), "lab", &event);
            builder.end_event();
            let from_file = sorted(builder.finish().event(0).to_json());
            // The bookmark of a subscription has no record number of its own.
            let number = from_file.get("winlog.record_id").and_then(Value::as_u64);
            assert!(number.is_none_or(|number| number == record_id), "{place}");
            numbered += usize::from(number.is_some());
            assert!(from_file.contains_key("event.code"), "{place}");
            assert!(
                !from_file.contains_key("tags"),
                "{place}: {:?}",
                from_file["tags"]
            );

            let document = winlogbeat_json(&event).to_string();
            let from_beat = parsed(Format::Json, document.as_bytes());
            empty += from_file.len() - filled(&from_file).len();
            assert_eq!(
                differences(&filled(&from_file), &from_beat),
                [""; 0],
                "{place}: {document}"
            );

            let xml = event.original.as_deref().unwrap();
            let from_xml = parsed(Format::WindowsXml, xml.as_bytes());
            assert_eq!(
                differences(&from_file, &from_xml),
                [""; 0],
                "{place}: {xml}"
            );
        }
    }
    assert_eq!((files, records), (201, 5_809));
    assert!(empty > 1_000, "{empty} empty values kept");
    assert!(
        numbered >= records - 10,
        "{numbered} of {records} records have a number"
    );
}

/// Every record of the samples, read from binary XML and through XML text.
#[test]
fn binary_xml_gives_the_same_event_as_its_text() {
    let folders = [common::data("evtx"), common::data("sigma-regression")];
    let mut compared = 0;
    for path in folders
        .iter()
        .flatten()
        .flat_map(|folder| common::evtx_files(folder))
    {
        for chunk in Chunks::open(fs::File::open(&path).unwrap()) {
            let chunk = chunk.unwrap();
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            chunk.events(|item| fast.push(item.unwrap()));
            chunk.events_with_xml(|item| slow.push(item.unwrap()));
            assert_eq!(fast.len(), slow.len(), "{}", path.display());
            for ((fast_id, fast), (id, mut slow)) in fast.into_iter().zip(slow) {
                slow.original = None;
                assert_eq!(
                    (fast_id, &fast),
                    (id, &slow),
                    "{} record {id}",
                    path.display()
                );
                compared += 1;
            }
        }
    }
    assert!(folders[0].is_none() || compared > 5_800, "{compared}");
}

#[test]
fn evtx_dump_json_gives_the_same_event_as_its_file() {
    let Some(folder) = common::data("sigma-regression") else {
        return;
    };
    let (mut same, mut compared) = (0, 0);
    for path in common::evtx_files(&folder) {
        let Ok(json) = fs::read_to_string(path.with_extension("json")) else {
            continue;
        };
        let from_file: Vec<WindowsEvent> = EvtxReader::stream(fs::File::open(&path).unwrap())
            .map(|item| item.unwrap().1)
            .collect();
        let documents: Vec<Value> = serde_json::Deserializer::from_str(&json)
            .into_iter::<Value>()
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        for (file, document) in from_file.iter().zip(&documents) {
            let from_json = parsed(Format::Json, document.to_string().as_bytes());
            let from_file = parsed(
                Format::WindowsXml,
                file.original.as_deref().unwrap().as_bytes(),
            );
            // The dumps were made with a version that cut spaces off the ends of values.
            let differences = differences(&trimmed(from_file), &trimmed(from_json));
            compared += 1;
            same += usize::from(differences.is_empty());
            if !differences.is_empty() {
                eprintln!("{}: {differences:?}", path.display());
            }
        }
    }
    eprintln!("{same} of {compared} documents give the same event");
    assert!(compared >= 190 && same * 100 >= compared * 95);
}

#[test]
fn broken_evtx_files_lose_their_broken_parts_only() {
    let Some(folder) = common::data("evtx") else {
        return;
    };
    let path = common::evtx_files(&folder)
        .into_iter()
        .find(|path| path.ends_with("UACME_59_Sysmon.evtx"))
        .unwrap();
    let whole = fs::read(path).unwrap();
    let count = |bytes: Vec<u8>| {
        let (mut good, mut bad) = (0, 0);
        for item in EvtxReader::open_bytes(bytes) {
            match item {
                Ok((_, event)) => {
                    assert!(event.original.is_some());
                    good += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    bad += 1;
                }
            }
        }
        (good, bad)
    };
    assert_eq!(count(whole.clone()), (7, 0));
    for cut in (0..whole.len())
        .step_by(997)
        .chain([0, 1, 7, 8, 127, 128, 4_095, 4_096])
    {
        let (good, bad) = count(whole[..cut].to_vec());
        assert!(
            good <= 7 && good + bad >= 1 || cut <= 4_096,
            "cut at {cut}: {good} {bad}"
        );
    }
    let mut survivors = 0;
    let mut tries = 0;
    for at in (0..12_000)
        .step_by(13)
        .chain((12_000..whole.len()).step_by(211))
    {
        for flip in [0xff, 0x01] {
            let mut broken = whole.clone();
            broken[at] ^= flip;
            let (good, _) = count(broken);
            survivors += good;
            tries += 1;
        }
    }
    // One flipped byte costs one record as a rule; a broken chunk header costs its chunk.
    assert!(
        survivors >= tries * 5,
        "{survivors} events of {tries} broken files of seven"
    );
    // Without its header the file is read by chunks.
    let mut headless = whole.clone();
    headless[..4_096].fill(0);
    assert_eq!(count(headless), (7, 1));
}

/// The reader of XML text refuses a record whose header has no sound time, the quick one reads it.
/// A broken record further on hands the rest of the chunk over: what stands behind it must not be
/// taken for something that was already given.
#[test]
fn records_behind_a_broken_one_are_read_whatever_stands_before_it() {
    let Some(folder) = common::data("evtx") else {
        return;
    };
    let files = common::evtx_files(&folder);
    let path = files
        .iter()
        .find(|path| path.ends_with("UACME_59_Sysmon.evtx"));
    let whole = fs::read(path.unwrap()).unwrap();
    let mut chunk = whole[4_096..4_096 + 65_536].to_vec();
    let (mut places, mut at) = (Vec::new(), 512);
    while chunk[at..].starts_with(b"**\0\0") {
        let size = u32::from_le_bytes(*chunk[at + 4..].first_chunk().unwrap()) as usize;
        places.push(at..at + size);
        at += size;
    }
    assert_eq!(places.len(), 7);
    // The time in the record's header, which the quick reader does not need, is none.
    chunk[places[1].start + 23] = 0xd8;
    chunk[places[3].start + 24] = 0xaa;
    let read = |text: bool| {
        let mut ids = Vec::new();
        for chunk in Chunks::stream(&chunk[..]).flatten() {
            let each = |item: Result<(u64, _), _>| ids.extend(item.ok().map(|(id, _)| id));
            match text {
                true => chunk.events_with_xml(each),
                false => chunk.events(each),
            }
        }
        ids
    };
    let first = read(true)[0];
    let wanted = |places: &[u64]| places.iter().map(|at| first + at).collect::<Vec<_>>();
    assert_eq!(read(true), wanted(&[0, 2, 4, 5, 6]));
    assert_eq!(read(false), wanted(&[0, 1, 2, 4, 5, 6]));
}

/// Events and problems of the chunks found in a stream.
fn of_stream(bytes: &[u8]) -> (usize, Vec<String>) {
    let (mut events, mut problems) = (0, Vec::new());
    for chunk in Chunks::stream(bytes) {
        match chunk {
            Ok(chunk) => chunk.events(|item| match item {
                Ok(_) => events += 1,
                Err(error) => problems.push(error.to_string()),
            }),
            Err(error) => problems.push(error.to_string()),
        }
    }
    (events, problems)
}

#[test]
fn chunks_are_found_by_their_signature() {
    let Some(folder) = common::data("evtx") else {
        return;
    };
    let whole = fs::read(folder.join("EVTX-ATTACK-SAMPLES/UACME_59_Sysmon.evtx")).unwrap();
    let chunk = &whole[4_096..];
    assert_eq!(of_stream(&whole), (7, vec![]));
    let (events, problems) = of_stream(chunk);
    assert_eq!((events, problems.len()), (7, 1), "{problems:?}");
    // Carved from a disk: rubbish before, between and behind, and a header that is none.
    let rubbish: Vec<u8> = (0..70_001u32)
        .map(|at| (at * 7 + at / 251) as u8 | 1)
        .collect();
    let carved = [
        &rubbish[..777],
        chunk,
        &rubbish,
        chunk,
        &[0; 100_000],
        chunk,
        b"end",
    ]
    .concat();
    let (events, problems) = of_stream(&carved);
    assert_eq!(events, 21, "{problems:?}");
    let gaps: Vec<_> = problems
        .iter()
        .filter(|text| text.contains("are no chunk"))
        .collect();
    assert_eq!(gaps.len(), 3, "{problems:?}");
    assert!(
        gaps[1].starts_with("70001 bytes at offset 66313 "),
        "{gaps:?}"
    );
    // The end of a chunk is missing and the next one follows at once.
    let cut = [&whole[..4_096], &chunk[..9_000], chunk].concat();
    let (events, problems) = of_stream(&cut);
    assert!(
        (8..14).contains(&events) && !problems.is_empty(),
        "{events} {problems:?}"
    );
}

#[test]
fn an_end_that_is_missing_is_told_even_behind_a_whole_chunk() {
    let Some(folder) = common::data("evtx") else {
        return;
    };
    let files = common::evtx_files(&folder);
    let mut files = files.iter().map(|path| fs::read(path).unwrap());
    let whole = files
        .find(|bytes| bytes.len() > 4_096 + 3 * 65_536)
        .unwrap();
    // Empty ones may follow.
    let chunks = usize::from(u16::from_le_bytes([whole[42], whole[43]]));
    assert_eq!(of_stream(&whole).1, [""; 0]);
    for left in [chunks - 1, 1, 0] {
        let cut = &whole[..4_096 + 65_536 * left];
        let told =
            format!("the header counts {chunks} chunks and {left} are there: the end is missing");
        assert_eq!(of_stream(cut).1, std::slice::from_ref(&told));
        let opened = Chunks::open(std::io::Cursor::new(cut)).filter_map(Result::err);
        assert_eq!(
            opened.map(|error| error.to_string()).collect::<Vec<_>>(),
            [told]
        );
    }
}
