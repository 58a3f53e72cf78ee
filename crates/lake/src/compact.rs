//! Small files to large ones, and the end of the small ones.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use crate::error::{LakeError, at};
use crate::file::{Contents, LakeFile, write};
use crate::lake::{Lake, hull};
use crate::merge::Merged;
use crate::scan::Reader;
use crate::table::Commit;
use crate::time::parse_day;

/// Most bytes, before compression, that are sorted at once.
const UNCOMPRESSED_BYTES_MAX: u64 = 1 << 30;
/// A file replaced or removed, until nobody reads it and its time has come.
#[derive(Default)]
pub(crate) struct Replaced {
    waiting: Vec<(Weak<LakeFile>, String, Timestamp)>,
}

/// What a compaction changed: the same events in other files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compaction {
    pub removed: Vec<LakeFile>,
    pub added: Vec<LakeFile>,
}

impl Lake {
    /// Joins small files of one partition, as many partitions as have enough of them. Each group
    /// is one commit that changes no data. Searches go on meanwhile.
    ///
    /// Replaced files are deleted by [`Lake::vacuum`].
    pub async fn compact(&self, now: Timestamp) -> Result<Compaction, LakeError> {
        let mut replaced = self.inner.compacting.lock().await;
        let mut done = Compaction::default();
        for group in self.groups() {
            let (dir, reader) = (self.inner.config.dir.clone(), self.inner.reader.clone());
            let inputs = group.clone();
            let written = spawn_blocking(move || join(&dir, &reader, &inputs)).await??;
            let Some((count, file)) = written else {
                continue;
            };
            let removed: Vec<LakeFile> = group[..count]
                .iter()
                .map(|file| LakeFile::clone(file))
                .collect();
            let added = vec![file];
            let mut table = self.inner.table.lock().await;
            let commit = Commit {
                add: &added,
                remove: &removed,
                columns: None,
                position: None,
                data_change: false,
                at: now,
            };
            table.commit(commit).await?;
            let version = table.version();
            self.change(|view| {
                view.files
                    .retain(|file| !removed.iter().any(|gone| gone.path == file.path));
                view.files.extend(added.iter().cloned().map(Arc::new));
                view.version = version;
            });
            drop(table);
            for file in &group[..count] {
                replaced
                    .waiting
                    .push((Arc::downgrade(file), file.path.clone(), now));
            }
            done.removed.extend(removed);
            done.added.extend(added);
        }
        Ok(done)
    }

    /// Takes files out of the table for good, with the events in them: retention. They must be
    /// live; the paths are as [`Lake::files`] gives them. Deletion from disk is [`Lake::vacuum`]'s.
    pub async fn remove(
        &self,
        paths: &[String],
        now: Timestamp,
    ) -> Result<Vec<LakeFile>, LakeError> {
        let mut replaced = self.inner.compacting.lock().await;
        let mut table = self.inner.table.lock().await;
        let gone: Vec<Arc<LakeFile>> = {
            let view = self.view();
            view.files
                .iter()
                .filter(|file| paths.contains(&file.path))
                .cloned()
                .collect()
        };
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let removed: Vec<LakeFile> = gone.iter().map(|file| LakeFile::clone(file)).collect();
        let commit = Commit {
            add: &[],
            remove: &removed,
            columns: None,
            position: None,
            data_change: true,
            at: now,
        };
        table.commit(commit).await?;
        let version = table.version();
        self.change(|view| {
            view.files.retain(|file| !paths.contains(&file.path));
            view.version = version;
        });
        for file in &gone {
            replaced
                .waiting
                .push((Arc::downgrade(file), file.path.clone(), now));
        }
        Ok(removed)
    }

    /// Deletes files from disk that were replaced long enough ago and that no search reads.
    /// Returns their paths. What is left when the program ends is deleted at the next start.
    pub async fn vacuum(&self, now: Timestamp) -> Result<Vec<String>, LakeError> {
        let mut replaced = self.inner.compacting.lock().await;
        let age = self.inner.config.vacuum_age;
        let mut deleted = Vec::new();
        let mut waiting = Vec::new();
        for (file, path, since) in std::mem::take(&mut replaced.waiting) {
            if file.strong_count() > 0 || now.duration_since(since) < age {
                waiting.push((file, path, since));
                continue;
            }
            let full = self.inner.config.dir.join(&path);
            self.inner.reader.forget(&path);
            match fs::remove_file(&full) {
                Ok(()) => deleted.push(path),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    waiting.push((file, path, since));
                    tracing::error!(%error, path = %full.display(), "could not delete a file");
                }
            }
        }
        replaced.waiting = waiting;
        Ok(deleted)
    }

    /// Groups of small files worth joining, oldest first within a group.
    fn groups(&self) -> Vec<Vec<Arc<LakeFile>>> {
        let config = &self.inner.config;
        let view = self.view();
        let mut partitions: BTreeMap<(&str, &str), Vec<&Arc<LakeFile>>> = BTreeMap::new();
        for file in &view.files {
            if file.rows < config.compact_rows {
                partitions
                    .entry((&file.day, &file.dataset))
                    .or_default()
                    .push(file);
            }
        }
        let mut groups = Vec::new();
        for mut files in partitions.into_values() {
            files.sort_by_key(|file| file.ingested);
            let mut group: Vec<Arc<LakeFile>> = Vec::new();
            let mut rows = 0;
            for file in files {
                if rows + file.rows > config.compact_rows && group.len() > 1 {
                    groups.push(std::mem::take(&mut group));
                    rows = 0;
                }
                rows += file.rows;
                group.push(file.clone());
            }
            if group.len() >= config.compact_files.max(2) {
                groups.push(group);
            }
        }
        groups
    }
}

/// Writes the rows of the first files of the group, as many as fit, to one. `None` if only one
/// fits.
fn join(
    dir: &std::path::Path,
    reader: &Reader,
    files: &[Arc<LakeFile>],
) -> Result<Option<(usize, LakeFile)>, LakeError> {
    let (mut bytes, mut count) = (0, 0);
    for file in files {
        bytes += reader.uncompressed_bytes(file)?;
        if bytes > UNCOMPRESSED_BYTES_MAX {
            break;
        }
        count += 1;
    }
    let [first, _, ..] = &files[..count] else {
        return Ok(None);
    };
    let mut batches = Vec::new();
    for file in &files[..count] {
        batches.extend(reader.read_all(file)?);
    }
    let contents = Contents {
        day: parse_day(&first.day).ok_or_else(|| LakeError::Damaged {
            path: first.path.clone(),
            what: format!("`{}` is no day", first.day),
        })?,
        dataset: first.dataset.as_str().into(),
        times: hull(files[..count].iter().map(|file| file.times)),
        ingested: hull(files[..count].iter().map(|file| file.ingested)),
    };
    let file = write(dir, &Merged::new(&batches)?, &contents)?;
    let expected: u64 = files[..count].iter().map(|file| file.rows).sum();
    if file.rows != expected {
        let _ = fs::remove_file(dir.join(&file.path)).map_err(at("delete", &file.path));
        return Err(LakeError::Damaged {
            path: first.path.clone(),
            what: format!("compaction read {} rows of {expected}", file.rows),
        });
    }
    Ok(Some((count, file)))
}
