//! Storage in memory with a page cache and a disk, whose operations fail on command.
//!
//! It is as unkind as the real thing: what was written but not synced may or may not be on disk
//! after a power loss, piece by piece; a failed fsync marks the pages clean, so that the next one
//! succeeds without saving them; a new file's name is lost unless its folder was synced.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use saqshy_spool::storage::{Storage, StoreFile};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Reports an error though everything was done.
    FailsAndPersists,
    /// Reports an error and nothing was done.
    FailsAndDoesNot,
    /// Reports an error after half of it (writes only).
    FailsHalfway,
    /// As `FailsAndDoesNot`, as a full disk says it.
    DiskFull,
}

pub const FAULTS: [Fault; 4] = [
    Fault::FailsAndPersists,
    Fault::FailsAndDoesNot,
    Fault::FailsHalfway,
    Fault::DiskFull,
];

#[derive(Debug, Default)]
struct FileState {
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// Pieces written and not yet synced: offset, bytes; a `None` is a cut to that length.
    dirty: Vec<(u64, Option<Vec<u8>>)>,
    name_on_disk: bool,
    /// Removed from the folder, which was not synced since.
    removed: bool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, FileState>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    hit: bool,
    random: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

impl State {
    /// Counts a changing operation and says whether it is the one to fail.
    fn count(&mut self) -> Option<Fault> {
        self.operations += 1;
        let (at, fault) = self.fault?;
        if self.operations - 1 != at {
            return None;
        }
        self.hit = true;
        Some(fault)
    }

    fn flip(&mut self) -> bool {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.random >> 63 == 1
    }
}

fn error(fault: Fault) -> io::Error {
    match fault {
        Fault::DiskFull => io::ErrorKind::StorageFull.into(),
        _ => io::Error::other("injected"),
    }
}

fn apply(bytes: &mut Vec<u8>, offset: u64, piece: &Option<Vec<u8>>) {
    let offset = offset as usize;
    match piece {
        None => bytes.resize(offset, 0),
        Some(piece) => {
            if bytes.len() < offset + piece.len() {
                bytes.resize(offset + piece.len(), 0);
            }
            bytes[offset..offset + piece.len()].copy_from_slice(piece);
        }
    }
}

impl Memory {
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        state.fault = Some((state.operations + operation, fault));
        state.hit = false;
    }

    pub fn no_more_faults(&self) {
        self.0.lock().unwrap().fault = None;
    }

    /// Whether the fault was reached.
    pub fn was_hit(&self) -> bool {
        self.0.lock().unwrap().hit
    }

    /// Power loss: each unsynced piece is on disk or not, as `seed` has it.
    pub fn power_loss(&self, seed: u64) {
        let mut state = self.0.lock().unwrap();
        state.random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut files = std::mem::take(&mut state.files);
        files.retain(|_, file| {
            let exists = match (file.name_on_disk, file.removed) {
                (true, false) => true,
                _ => state.flip(),
            };
            for (offset, piece) in std::mem::take(&mut file.dirty) {
                if state.flip() {
                    apply(&mut file.disk, offset, &piece);
                }
            }
            file.cache = file.disk.clone();
            (file.name_on_disk, file.removed) = (true, false);
            exists
        });
        state.files = files;
    }
}

impl Storage for Memory {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.0.lock().unwrap();
        let present = state.files.iter().filter(|(_, file)| !file.removed);
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(present
            .map(|(path, file)| (name(path), file.cache.len() as u64))
            .collect())
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let mut state = self.0.lock().unwrap();
        if state.files.get(path).is_none_or(|file| file.removed) {
            let fault = state.count();
            if !matches!(fault, Some(Fault::FailsAndDoesNot | Fault::DiskFull)) {
                state.files.insert(path.to_owned(), FileState::default());
            }
            if let Some(fault) = fault {
                return Err(error(fault));
            }
        }
        Ok(Box::new(Handle {
            memory: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let state = self.0.lock().unwrap();
        if state.files.get(path).is_none_or(|file| file.removed) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(Handle {
            memory: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let fault = state.count();
        if !matches!(fault, Some(Fault::FailsAndDoesNot | Fault::DiskFull)) {
            match state.files.get_mut(path) {
                Some(file) if !file.removed => file.removed = true,
                _ => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        fault.map_or(Ok(()), |fault| Err(error(fault)))
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let fault = state.count();
        if !matches!(fault, Some(Fault::FailsAndDoesNot | Fault::DiskFull)) {
            state.files.retain(|_, file| !file.removed);
            state
                .files
                .values_mut()
                .for_each(|file| file.name_on_disk = true);
        }
        fault.map_or(Ok(()), |fault| Err(error(fault)))
    }
}

struct Handle {
    memory: Memory,
    path: PathBuf,
}

impl Handle {
    fn change(&self, change: impl FnOnce(&mut FileState, Option<Fault>)) -> io::Result<()> {
        let mut state = self.memory.0.lock().unwrap();
        let fault = state.count();
        let file = state
            .files
            .get_mut(&self.path)
            .ok_or(io::ErrorKind::NotFound)?;
        change(file, fault);
        fault.map_or(Ok(()), |fault| Err(error(fault)))
    }
}

impl StoreFile for Handle {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.memory.0.lock().unwrap();
        let file = state.files.get(&self.path).ok_or(io::ErrorKind::NotFound)?;
        let from = (offset as usize).min(file.cache.len());
        let len = buf.len().min(file.cache.len() - from);
        buf[..len].copy_from_slice(&file.cache[from..from + len]);
        Ok(len)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.change(|file, fault| {
            let part = match fault {
                Some(Fault::FailsAndDoesNot | Fault::DiskFull) => return,
                Some(Fault::FailsHalfway) => &buf[..buf.len() / 2],
                _ => buf,
            };
            // Pages reach the disk one by one and in any order.
            for (at, page) in part.chunks(64).enumerate() {
                let piece = (offset + 64 * at as u64, Some(page.to_vec()));
                apply(&mut file.cache, piece.0, &piece.1);
                file.dirty.push(piece);
            }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|file, fault| {
            if !matches!(fault, Some(Fault::FailsAndDoesNot | Fault::DiskFull)) {
                apply(&mut file.cache, len, &None);
                file.dirty.push((len, None));
            }
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(|file, fault| {
            let dirty = std::mem::take(&mut file.dirty);
            if matches!(fault, None | Some(Fault::FailsAndPersists)) {
                dirty
                    .iter()
                    .for_each(|(offset, piece)| apply(&mut file.disk, *offset, piece));
            }
        })
    }
}
