//! Sorting more inputs of correlations than memory should hold: full buffers are sorted and
//! written to temporary files, which are merged when all is there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};

use anyhow::Context;
use jiff::Timestamp;
use saqshy_detect::correlate::Input;

/// Inputs that are held in memory.
const BUFFER: usize = 8_192;
/// Files that are open at a time; more are merged into one.
const FILES_MAX: usize = 64;

/// Takes inputs in any order and gives them back in the order of time, then event.
pub struct Sorter {
    buffer: Vec<Input>,
    buffer_max: usize,
    files: Vec<File>,
}

type Order = (Timestamp, String, String);

fn order(input: &Input) -> Order {
    (input.at, input.event_id.clone(), input.id.clone())
}

impl Default for Sorter {
    fn default() -> Self {
        Sorter::with_buffer(BUFFER)
    }
}

impl Sorter {
    fn with_buffer(buffer_max: usize) -> Self {
        Sorter {
            buffer: Vec::new(),
            buffer_max,
            files: Vec::new(),
        }
    }

    /// # Errors
    /// There is no room for a temporary file.
    pub fn push(&mut self, input: Input) -> anyhow::Result<()> {
        self.buffer.push(input);
        if self.buffer.len() < self.buffer_max {
            return Ok(());
        }
        self.buffer.sort_by_cached_key(order);
        let sorted = std::mem::take(&mut self.buffer);
        let file = written(sorted.into_iter().map(Ok))?;
        self.files.push(file);
        if self.files.len() >= FILES_MAX {
            let files = std::mem::take(&mut self.files);
            let merged = written(Merge::new(files, Vec::new())?)?;
            self.files.push(merged);
        }
        Ok(())
    }

    /// # Errors
    /// A temporary file could not be read back.
    pub fn finish(mut self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Input>>> {
        self.buffer.sort_by_cached_key(order);
        Merge::new(self.files, self.buffer)
    }
}

/// The inputs in a temporary file, one JSON object a line.
fn written(sorted: impl Iterator<Item = anyhow::Result<Input>>) -> anyhow::Result<File> {
    let file = tempfile::tempfile().context("making a temporary file")?;
    let mut out = BufWriter::new(file);
    for input in sorted {
        serde_json::to_writer(&mut out, &input?).context("writing a temporary file")?;
        out.write_all(b"\n").context("writing a temporary file")?;
    }
    let mut file = out.into_inner().context("writing a temporary file")?;
    file.rewind()?;
    Ok(file)
}

/// Sorted files and the sorted rest in memory, together in order.
struct Merge {
    files: Vec<BufReader<File>>,
    rest: std::vec::IntoIter<Input>,
    /// The next of each source, the rest in memory last.
    heads: BinaryHeap<Reverse<(Order, usize)>>,
    inputs: Vec<Option<Input>>,
}

impl Merge {
    fn new(files: Vec<File>, rest: Vec<Input>) -> anyhow::Result<Self> {
        let sources = files.len() + 1;
        let mut merge = Merge {
            files: files.into_iter().map(BufReader::new).collect(),
            rest: rest.into_iter(),
            heads: BinaryHeap::new(),
            inputs: vec![None; sources],
        };
        for at in 0..sources {
            merge.refill(at)?;
        }
        Ok(merge)
    }

    fn refill(&mut self, at: usize) -> anyhow::Result<()> {
        let next = match self.files.get_mut(at) {
            Some(file) => {
                let mut line = Vec::new();
                file.read_until(b'\n', &mut line)
                    .context("reading a temporary file")?;
                match line.is_empty() {
                    true => None,
                    false => Some(serde_json::from_slice(&line).context("a temporary file")?),
                }
            }
            None => self.rest.next(),
        };
        if let Some(input) = &next {
            self.heads.push(Reverse((order(input), at)));
        }
        self.inputs[at] = next;
        Ok(())
    }
}

impl Iterator for Merge {
    type Item = anyhow::Result<Input>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, at)) = self.heads.pop()?;
        let input = self.inputs[at].take()?;
        Some(self.refill(at).map(|()| input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_memory_comes_back_in_order() {
        let mut sorter = Sorter::with_buffer(3);
        let count = 3 * FILES_MAX as u64 + 50;
        for number in 0..count {
            // A walk through all numbers, each once.
            let number = number * 101 % count;
            let input = serde_json::json!({
                "id": number.to_string(), "rule": "r", "event_id": "e", "dataset": "",
                "at": Timestamp::from_second(number as i64).unwrap(),
                "fields": {"a": "ә\n\"b"}, "host": null, "user": null, "source_ip": null,
            });
            sorter.push(serde_json::from_value(input).unwrap()).unwrap();
        }
        let sorted: Vec<Input> = sorter.finish().unwrap().map(Result::unwrap).collect();
        let numbers: Vec<i64> = sorted.iter().map(|input| input.at.as_second()).collect();
        assert_eq!(numbers, (0..count as i64).collect::<Vec<_>>());
        assert_eq!(sorted[7].fields["a"], "ә\n\"b");
    }
}
