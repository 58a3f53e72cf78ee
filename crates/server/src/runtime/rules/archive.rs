//! ZIP files from outside, read where they lie and within bounds.
//!
//! What an archive claims about itself counts for nothing: the bytes that are read from it and that
//! come out of it are counted. No honest archive needs more than its own length; entries that share
//! their bytes, or a directory that is searched for again and again, do.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use anyhow::{Context, ensure};
use zip::ZipArchive;

use super::bundle::{
    FILE_BYTES_MAX, FILES_MAX, MANIFEST, MANIFEST_BYTES_MAX, NOTE, TOTAL_BYTES_MAX,
};

/// Largest archive: files, manifest and headers fit that cannot be packed at all.
const ARCHIVE_BYTES_MAX: u64 = TOTAL_BYTES_MAX + 2 * MANIFEST_BYTES_MAX;
/// Most that is read to find and read the directory. It is smaller than the manifest of its files.
const DIRECTORY_BYTES_MAX: u64 = MANIFEST_BYTES_MAX;
/// Where a ZIP file holds the name of its first file: behind the fixed part of the local header
/// (APPNOTE 4.3.7).
const LOCAL_NAME_AT: usize = 30;

/// A ZIP file with its directory read.
pub(super) struct Archive<R> {
    zip: ZipArchive<Counted<R>>,
    bundle: bool,
    left: Rc<Cell<u64>>,
    length: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// # Errors
    /// It cannot be read, is too large or no ZIP file.
    pub fn open(mut inner: R) -> anyhow::Result<Self> {
        let length = inner.seek(SeekFrom::End(0))?;
        ensure!(
            length <= ARCHIVE_BYTES_MAX,
            "the file has {length} bytes, more than the {ARCHIVE_BYTES_MAX} allowed for rules"
        );
        inner.seek(SeekFrom::Start(0))?;
        let left = Rc::new(Cell::new(DIRECTORY_BYTES_MAX));
        let mut counted = Counted {
            inner: BufReader::new(inner),
            at: 0,
            left: left.clone(),
        };
        let mut head = Vec::new();
        let first = (LOCAL_NAME_AT + MANIFEST.len()) as u64;
        counted.by_ref().take(first).read_to_end(&mut head)?;
        let named = head.get(LOCAL_NAME_AT..);
        let named = named.is_some_and(|name| name == MANIFEST.as_bytes());
        let zip = ZipArchive::new(counted).context(match named {
            true => "this is no ZIP file, though it begins like one with a manifest.json",
            false => "this is no ZIP file",
        })?;
        Ok(Archive {
            bundle: named || zip.index_for_name(MANIFEST).is_some(),
            zip,
            left,
            length,
        })
    }

    /// Whether it is a bundle; otherwise it is a plain archive of rules.
    ///
    /// A ZIP file names its files twice, before each and in the directory at its end. Either name
    /// of the manifest counts, so that damage to one does not make a bundle an unchecked archive.
    pub fn is_bundle(&self) -> bool {
        self.bundle
    }

    /// The wanted files, by path with `/`.
    ///
    /// # Errors
    /// A path leaves the archive, a file is damaged, or there is more than the limits allow.
    pub fn unpack(
        mut self,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        self.left.set(self.length);
        let (mut files, mut total) = (BTreeMap::new(), 0);
        for place in 0..self.zip.len() {
            let file = self.zip.by_index(place);
            let file = file.context("the ZIP file is damaged")?;
            let path = file.name().replace('\\', "/");
            if !file.is_file() {
                continue;
            }
            // What is not wanted is looked at too: whoever wrote such a path meant to leave the
            // folder.
            let clean =
                !path.starts_with('/') && !path.split('/').any(|part| matches!(part, ".." | ""));
            ensure!(clean, "`{path}` is no path below the archive");
            if !wanted(&path) {
                continue;
            }
            ensure!(files.len() < FILES_MAX, "more than {FILES_MAX} files");
            let (most, what) = match path == MANIFEST {
                true => (MANIFEST_BYTES_MAX, "the manifest"),
                false => (FILE_BYTES_MAX, "a rule file"),
            };
            let mut content = Vec::new();
            file.take(most + 1)
                .read_to_end(&mut content)
                .with_context(|| format!("`{path}` in the ZIP file is damaged"))?;
            let size = content.len() as u64;
            ensure!(
                size <= most,
                "`{path}` has more than the {most} bytes allowed for {what}"
            );
            if path != MANIFEST && path != NOTE {
                total += size;
            }
            ensure!(
                total <= TOTAL_BYTES_MAX,
                "the files have more than {TOTAL_BYTES_MAX} bytes together"
            );
            ensure!(
                files.insert(path.clone(), content).is_none(),
                "`{path}` is twice in the ZIP file"
            );
        }
        Ok(files)
    }
}

/// A reader that gives no more bytes than are left. Going to another place costs nothing and keeps
/// what is buffered.
struct Counted<R> {
    inner: BufReader<R>,
    at: u64,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| {
            io::Error::other(
                "its parts overlap, or its directory is too large: more is to be read than a rule \
                 archive has",
            )
        })?);
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let to = match to {
            SeekFrom::Start(to) => to,
            SeekFrom::Current(by) => self.at.checked_add_signed(by).ok_or_else(outside)?,
            SeekFrom::End(_) => {
                self.at = self.inner.seek(to)?;
                return Ok(self.at);
            }
        };
        let by = to.checked_signed_diff(self.at).ok_or_else(outside)?;
        self.inner.seek_relative(by)?;
        self.at = to;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn refused(bytes: &[u8]) -> String {
        let found = Archive::open(Cursor::new(bytes)).and_then(|it| it.unpack(|_| true));
        format!("{:#}", found.expect_err("it is refused"))
    }

    fn u16s(values: &[u16]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn u32s(values: &[u32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    /// APPNOTE 4.3.12: an entry of the directory, of a deflated file at the beginning.
    fn entry(name: &str, packed: u32) -> Vec<u8> {
        [
            b"PK\x01\x02".to_vec(),
            u16s(&[20, 20, 0, 8, 0, 0]),
            u32s(&[0, packed, 0]),
            u16s(&[name.len() as u16, 0, 0, 0, 0]),
            u32s(&[0, 0]),
            name.as_bytes().to_vec(),
        ]
        .concat()
    }

    /// APPNOTE 4.3.16: the end of the directory.
    fn end(entries: u16, size: u32, at: u32) -> Vec<u8> {
        [
            b"PK\x05\x06".to_vec(),
            u16s(&[0, 0, entries, entries]),
            u32s(&[size, at]),
            u16s(&[0]),
        ]
        .concat()
    }

    #[test]
    fn paths_that_leave_the_archive_are_refused() {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        archive.start_file("../../etc/passwd.yml", options).unwrap();
        archive.write_all(b"x").unwrap();
        let bytes = archive.finish().unwrap().into_inner();
        assert!(refused(&bytes).contains("no path below the archive"));
        let open = Archive::open(Cursor::new(&bytes)).unwrap();
        assert!(open.unpack(|_| false).is_err(), "wanted or not");
    }

    /// 2,000 files of no content over the same megabyte of empty blocks: 2 GB to read.
    #[test]
    fn files_that_share_their_bytes_are_refused() {
        let packed = [
            [0u8, 0, 0, 0xff, 0xff].repeat(200_000),
            vec![1, 0, 0, 0xff, 0xff],
        ]
        .concat();
        let size = packed.len() as u32;
        let mut bytes = [
            b"PK\x03\x04".to_vec(),
            u16s(&[20, 0, 8, 0, 0]),
            u32s(&[0, size, 0]),
            u16s(&[5, 0]),
            b"0.yml".to_vec(),
        ]
        .concat();
        bytes.extend(packed);
        let at = bytes.len();
        let whole = |count: u16| {
            let entries: Vec<u8> = (0..count)
                .flat_map(|n| entry(&format!("{n}.yml"), size))
                .collect();
            [
                &bytes[..],
                &entries,
                &end(count, entries.len() as u32, at as u32),
            ]
            .concat()
        };
        let one = Archive::open(Cursor::new(whole(1))).unwrap();
        assert_eq!(one.unpack(|_| true).unwrap()["0.yml"], b"");
        let why = refused(&whole(2_000));
        assert!(why.contains("overlap"), "{why}");
    }

    /// Every end of a directory that is tried names 60,000 entries, and the last is broken.
    #[test]
    fn a_directory_that_is_searched_for_again_and_again_is_refused() {
        let mut bytes = entry("a.yml", 0).repeat(60_000);
        let size = bytes.len() as u32;
        bytes.extend(end(60_001, size, 0).repeat(20_000));
        let why = refused(&bytes);
        assert!(why.contains("no ZIP file"), "{why}");
    }
}
