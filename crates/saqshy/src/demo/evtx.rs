//! Windows event logs of a test data folder as the documents that Winlogbeat would send.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use saqshy_event::evtx::EvtxReader;
use saqshy_event::winlogbeat_json;

/// Every readable record of every `.evtx` file below `test_data/evtx`. None, with a word on
/// standard error, where there is no such folder.
pub fn documents(test_data: Option<&Path>) -> Vec<String> {
    let Some(folder) = test_data
        .map(|folder| folder.join("evtx"))
        .filter(|folder| folder.is_dir())
    else {
        eprintln!(
            "saqshy: no Windows event logs played: SAQSHY_TEST_DATA names no folder with `evtx`"
        );
        return Vec::new();
    };
    let mut documents = Vec::new();
    for entry in walkdir::WalkDir::new(&folder)
        .sort_by_file_name()
        .into_iter()
        .flatten()
    {
        if entry.path().extension().is_none_or(|end| end != "evtx") {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        let records = EvtxReader::stream(BufReader::new(file)).flatten();
        documents.extend(records.map(|(_, event)| winlogbeat_json(&event).to_string()));
    }
    documents
}
