//! What is to be scanned: files, folders, patterns and standard input; and opening one of them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use jiff::Timestamp;
use saqshy_event::read::{HEAD_BYTES, Kind, Sniffed, sniff};

/// One file, or standard input.
#[derive(Debug, Clone)]
pub struct Input {
    /// `-` for standard input.
    pub path: PathBuf,
    pub bytes: u64,
}

impl Input {
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// Every file that the paths mean, once, in the order of the paths and of their names.
///
/// # Errors
/// A path that does not exist, or a pattern that is none or finds nothing.
pub fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut files = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        if text == "-" || path.is_file() {
            files.push(path.clone());
        } else if path.is_dir() {
            walk(path, &mut files)?;
        } else if path.exists() {
            files.push(path.clone()); // a pipe or a device
        } else if text.contains(['*', '?', '[']) {
            let before = files.len();
            let found = glob::glob(&text).with_context(|| format!("the pattern `{text}`"))?;
            for path in found {
                let path = path.with_context(|| format!("looking for `{text}`"))?;
                match path.is_dir() {
                    true => walk(&path, &mut files)?,
                    false => files.push(path),
                }
            }
            if files.len() == before {
                bail!("no file is like `{text}`");
            }
        } else {
            bail!("`{text}` does not exist");
        }
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    let input = |path: PathBuf| Input {
        bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
        path,
    };
    Ok(files.into_iter().map(input).collect())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let walk = walkdir::WalkDir::new(folder)
        .follow_links(true)
        .sort_by_file_name();
    for entry in walk {
        let entry = entry.with_context(|| format!("looking into `{}`", folder.display()))?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(())
}

/// What a file turned out to be.
pub enum Opened {
    /// A whole EVTX file on disk, which may be read from its oldest chunk on.
    EvtxFile(Counted<File>),
    EvtxStream(Stream),
    Records(Stream, Kind),
    /// No log; why.
    Other(&'static str),
}

/// Bytes to be read from the start, whatever of them was looked at.
pub type Stream = Box<dyn Read + Send>;

/// Opens `input`, unpacks it and looks what it is. Bytes read are added to `read`.
///
/// # Errors
/// The file cannot be opened or its beginning cannot be read.
pub fn open(input: &Input, read: &Arc<AtomicU64>) -> anyhow::Result<(Opened, Timestamp)> {
    if input.is_stdin() {
        let source = Counted::new(std::io::stdin(), read);
        return Ok((recognise(Box::new(source))?, Timestamp::now()));
    }
    let file = File::open(&input.path).context("could not be opened")?;
    let modified = file.metadata()?.modified()?;
    let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut file = Counted::new(file, read);
    let mut magic = Vec::new();
    file.by_ref().take(8).read_to_end(&mut magic)?;
    let rewound = file.rewind().is_ok();
    if rewound && magic == b"ElfFile\0" {
        return Ok((Opened::EvtxFile(file), modified));
    }
    let source: Stream = match rewound {
        true => Box::new(file),
        false => Box::new(std::io::Cursor::new(magic).chain(file)),
    };
    Ok((recognise(source)?, modified))
}

fn recognise(source: Stream) -> anyhow::Result<Opened> {
    let (head, complete, source) = look(source)?;
    let (source, sniffed): (Stream, Sniffed) = match sniff(&head, complete) {
        Sniffed::Gzip => unpacked(Box::new(flate2::read::MultiGzDecoder::new(source)))?,
        Sniffed::Zstd => {
            let mut decoder = zstd::Decoder::new(source)?;
            // 128 MiB, as the command line tool allows.
            decoder.window_log_max(27)?;
            unpacked(Box::new(decoder))?
        }
        sniffed => (source, sniffed),
    };
    Ok(match sniffed {
        Sniffed::Records(kind) => Opened::Records(source, kind),
        Sniffed::Evtx => Opened::EvtxStream(source),
        Sniffed::Empty => Opened::Other("empty"),
        Sniffed::Other(reason) => Opened::Other(reason),
        Sniffed::Gzip | Sniffed::Zstd => Opened::Other("packed twice"),
    })
}

fn unpacked(source: Stream) -> anyhow::Result<(Stream, Sniffed)> {
    let bounded = Bounded {
        source,
        left: UNPACKED_BYTES_MAX,
    };
    let (head, complete, source) = look(Box::new(bounded)).context("could not be unpacked")?;
    let sniffed = sniff(&head, complete);
    Ok((source, sniffed))
}

/// The beginning of a stream, whether that is all of it, and the stream as it was.
fn look(mut source: Stream) -> std::io::Result<(Vec<u8>, bool, Stream)> {
    let mut head = Vec::new();
    let read = source
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head);
    let complete = head.len() < HEAD_BYTES;
    let start = std::io::Cursor::new(head.clone());
    let whole: Stream = match read {
        Ok(_) => Box::new(start.chain(source)),
        Err(error) if head.is_empty() => return Err(error),
        // What could be read is used; the error comes behind it.
        Err(error) => Box::new(start.chain(Fails(Some(error)))),
    };
    Ok((head, complete, whole))
}

/// Gives an error once, then nothing.
struct Fails(Option<std::io::Error>);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// A packed file that grows beyond this was made to fill disks.
const UNPACKED_BYTES_MAX: u64 = 1 << 40;

struct Bounded {
    source: Stream,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(out.len());
        if most == 0 && !out.is_empty() {
            return Err(std::io::Error::other("unpacks to more than 1 TiB"));
        }
        let count = self.source.read(&mut out[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Counts what is read, for the progress.
pub struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    fn new(source: R, read: &Arc<AtomicU64>) -> Self {
        Counted {
            source,
            read: read.clone(),
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(out)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.source.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_patterns_and_files_are_found_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.log", "b.txt", "in/c.log"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let names = |paths: &[PathBuf]| -> Vec<String> {
            let found = find(paths).unwrap().into_iter();
            let short =
                found.map(|input| input.path.strip_prefix(folder.path()).unwrap().to_owned());
            short
                .map(|path| path.to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(
            names(&[folder.path().to_owned()]),
            ["a.log", "b.txt", "in/c.log"]
        );
        let pattern = folder.path().join("**/*.log");
        assert_eq!(
            names(&[pattern, folder.path().join("a.log")]),
            ["a.log", "in/c.log"]
        );
        assert!(find(&[folder.path().join("*.evtx")]).is_err());
        assert!(find(&[folder.path().join("none")]).is_err());
    }
}
