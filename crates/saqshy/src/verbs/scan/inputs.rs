//! What is to be scanned: files, folders, patterns and standard input; and opening one of them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};
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
    /// Why nothing can be read here: a link to nothing, a folder that is closed to us.
    pub problem: Option<String>,
}

impl Input {
    fn new(path: PathBuf) -> Self {
        Input {
            bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            path,
            problem: None,
        }
    }

    fn unreadable(path: PathBuf, problem: String) -> Self {
        Input {
            path,
            bytes: 0,
            problem: Some(problem),
        }
    }

    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// Every file that the paths mean, once whatever it is called and whichever links lead to it, in
/// the order of the paths and of their names.
///
/// # Errors
/// A path that does not exist or cannot be looked into, or a pattern that is none or finds
/// nothing. What is wrong below a folder is said in [`Input::problem`].
pub fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        if text == "-" || path.is_file() {
            inputs.push(Input::new(path.clone()));
        } else if path.is_dir() {
            walk(path, |_| true, &mut inputs)?;
        } else if path.exists() {
            inputs.push(Input::new(path.clone())); // a pipe or a device
        } else if text.contains(['*', '?', '[']) {
            let before = inputs.len();
            like(path, &mut inputs).with_context(|| format!("the pattern `{text}`"))?;
            if inputs.len() == before {
                bail!("no file is like `{text}`");
            }
        } else {
            bail!("`{text}` does not exist");
        }
    }
    let mut seen = HashSet::new();
    inputs.retain(|input| {
        let real = match input.is_stdin() {
            true => None,
            false => std::fs::canonicalize(&input.path).ok(),
        };
        seen.insert(real.unwrap_or_else(|| input.path.clone()))
    });
    Ok(inputs)
}

/// What is like a pattern, and everything below the folders that are. Below `**` links to folders
/// are not followed, as in [`walk`].
fn like(pattern: &Path, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
    let anywhere = |part: &Component<'_>| part.as_os_str() == "**";
    // `.` is left out of what is found, but for one that stands alone.
    let parts = pattern.components();
    let mut pattern: PathBuf = parts.filter(|part| *part != Component::CurDir).collect();
    if pattern
        .components()
        .next()
        .is_some_and(|part| anywhere(&part))
    {
        pattern = Path::new(".").join(pattern);
    }
    let fixed: PathBuf = pattern
        .components()
        .take_while(|part| !anywhere(part))
        .collect();
    let whole = glob::Pattern::new(&pattern.to_string_lossy())?;
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..Default::default()
    };
    for path in glob::glob(&fixed.to_string_lossy())? {
        match path {
            Ok(path) if path.is_dir() && fixed == pattern => walk(&path, |_| true, inputs)?,
            Ok(path) if path.is_dir() => {
                let below = path.ancestors().count();
                let wanted = |found: &Path| {
                    let depth = found.ancestors().count().saturating_sub(below);
                    let mut parents = found.ancestors().take(depth);
                    parents.any(|path| whole.matches_path_with(path, options))
                };
                walk(&path, wanted, inputs)?;
            }
            Ok(path) if fixed == pattern => inputs.push(match std::fs::metadata(&path) {
                Ok(_) => Input::new(path),
                Err(error) => Input::unreadable(path, format!("could not be read: {error}")),
            }),
            Ok(_) => {}
            Err(error) => {
                let problem = format!("could not be looked into: {}", error.error());
                inputs.push(Input::unreadable(error.path().to_owned(), problem));
            }
        }
    }
    Ok(())
}

/// The `wanted` files below a folder. Links to files are followed, links to folders are not: they
/// lead out of what is to be scanned or around in it.
fn walk(
    folder: &Path,
    wanted: impl Fn(&Path) -> bool,
    inputs: &mut Vec<Input>,
) -> anyhow::Result<()> {
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let reason = error.io_error().map(|error| error.to_string());
                let reason = reason.unwrap_or_else(|| error.to_string());
                if error.depth() == 0 {
                    bail!("looking into `{}`: {reason}", path.display());
                }
                let problem = format!("could not be looked into: {reason}");
                inputs.push(Input::unreadable(path, problem));
                continue;
            }
        };
        if !wanted(entry.path()) {
            continue;
        }
        if entry.file_type().is_file() {
            inputs.push(Input::new(entry.into_path()));
        } else if entry.path_is_symlink() {
            match std::fs::metadata(entry.path()) {
                Ok(target) if target.is_file() => inputs.push(Input::new(entry.into_path())),
                Ok(_) => {}
                Err(error) => {
                    let problem = format!("a link that cannot be followed: {error}");
                    inputs.push(Input::unreadable(entry.into_path(), problem));
                }
            }
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
    if let Some(problem) = &input.problem {
        bail!("{problem}");
    }
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

/// A file that begins with more NUL bytes is not looked at.
const NULLS_MAX: u64 = 1 << 30;

fn look(source: Stream) -> std::io::Result<(Vec<u8>, bool, Stream)> {
    look_behind(source, NULLS_MAX)
}

/// The beginning of a stream, whether that is all of it, and the stream as it was. Of a hole at
/// the start, of at most `nulls_max` bytes or little more, the beginning has one byte.
fn look_behind(mut source: Stream, nulls_max: u64) -> std::io::Result<(Vec<u8>, bool, Stream)> {
    let mut head = Vec::new();
    let mut nulls = 0;
    let read = loop {
        let wanted = HEAD_BYTES - head.len();
        let read = source.by_ref().take(wanted as u64).read_to_end(&mut head);
        let hole = head.iter().position(|byte| *byte != 0);
        let hole = hole.unwrap_or(head.len()).saturating_sub(1);
        if hole == 0 || head.len() < HEAD_BYTES || read.is_err() {
            break read;
        }
        head.drain(..hole);
        nulls += hole as u64;
        if nulls > nulls_max {
            return Err(std::io::Error::other(
                "begins with too many NUL bytes; not read",
            ));
        }
    };
    let complete = head.len() < HEAD_BYTES;
    let start = std::io::repeat(0).take(nulls);
    let start = start.chain(std::io::Cursor::new(head.clone()));
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

    #[cfg(unix)]
    #[test]
    fn a_file_is_found_once_whichever_links_lead_to_it() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("case/in")).unwrap();
        std::fs::create_dir(at("outside")).unwrap();
        for name in ["case/a.log", "case/in/b.log", "outside/c.log"] {
            std::fs::write(at(name), "x").unwrap();
        }
        symlink(at("case"), at("case/in/round")).unwrap();
        // With two of them there are 2^40 ways through them.
        symlink(at("case"), at("case/in/round2")).unwrap();
        symlink(at("case/a.log"), at("case/same.log")).unwrap();
        symlink(at("outside"), at("case/out")).unwrap();
        symlink(at("outside/c.log"), at("case/linked.log")).unwrap();
        symlink(at("none"), at("case/gone.log")).unwrap();
        symlink(at("case/loop"), at("case/loop")).unwrap();
        let found = |paths: &[PathBuf]| -> (Vec<String>, Vec<String>) {
            let (good, bad): (Vec<Input>, Vec<Input>) = find(paths)
                .unwrap()
                .into_iter()
                .partition(|input| input.problem.is_none());
            let names = |inputs: Vec<Input>| -> Vec<String> {
                let names = inputs.iter().map(|input| input.path.file_name().unwrap());
                names
                    .map(|name| name.to_string_lossy().into_owned())
                    .collect()
            };
            (names(good), names(bad))
        };
        let (good, bad) = found(&[at("case")]);
        assert_eq!(good, ["a.log", "b.log", "linked.log"]);
        assert_eq!(bad, ["gone.log", "loop"]);
        assert_eq!(found(&[at("case/**/a.log")]).0, ["a.log"]);
        assert_eq!(
            found(&[at("case/**/*.log")]).0,
            ["a.log", "b.log", "linked.log"]
        );
        assert_eq!(found(&[at("c*/**/in")]).0, ["b.log"]);
        assert_eq!(found(&[at("case/**")]).0, ["a.log", "b.log", "linked.log"]);
        assert_eq!(found(&[at("*/?.log")]).0, ["a.log", "c.log"]);
        let spellings = [
            at("case/../case/same.log"),
            at("case/a.log"),
            at("case/./a.log"),
        ];
        assert_eq!(found(&spellings).0, ["same.log"]);
        // A link that is named is followed.
        assert_eq!(found(&[at("case/out")]).0, ["c.log"]);
    }

    #[test]
    fn behind_a_hole_the_stream_is_as_it_was() {
        for hole in [0, 1, 100, HEAD_BYTES - 1, HEAD_BYTES, 5 * HEAD_BYTES + 3] {
            for content in [0, 10, 3 * HEAD_BYTES] {
                let bytes = [vec![0; hole], vec![b'x'; content]].concat();
                let source = Box::new(std::io::Cursor::new(bytes.clone()));
                let (head, complete, mut stream) = look(source).unwrap();
                let text = head.iter().filter(|byte| **byte == b'x').count();
                assert!(text >= content.min(HEAD_BYTES - 1), "{hole} {content}");
                assert!(!complete || text == content);
                let mut whole = Vec::new();
                stream.read_to_end(&mut whole).unwrap();
                assert!(whole == bytes, "{hole} {content}");
            }
        }
        assert!(look_behind(Box::new(std::io::repeat(0)), 1 << 20).is_err());
    }
}
