//! Where the files of a log lie.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Largest file that a log may contain: 256 entries of the greatest length, with room to spare.
pub const FILE_BYTES_MAX: u64 = 32 << 20;
/// Ending of a file that was being written.
pub const UNFINISHED: &str = ".tmp";

/// Named files with atomic, durable replacement. Paths use `/` and have no `..`.
///
/// The implementer owes: `write` that returned `Ok` survives a power cut; one that returned `Err`
/// left either the old or the new content, never a mixture. Calls come from one thread at a time.
pub trait Storage {
    /// The content, or `None` when there is no such file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
    /// Creates or replaces a file.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Whether this opener may change files. One that only reads passes over what an interrupted
    /// writer left.
    fn writable(&self) -> bool {
        true
    }
    /// Removes a file; one that is not there is no error.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Paths of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
}

/// A directory on a local disk.
#[derive(Debug)]
pub struct DirStorage {
    root: PathBuf,
    // Holds the exclusive lock of a writer.
    lock: Option<File>,
}

impl DirStorage {
    /// Opens `root` for one writer, creating it when needed.
    ///
    /// # Errors
    /// `ResourceBusy` when another process writes there.
    pub fn writer(root: &Path) -> io::Result<Self> {
        if !root.is_dir() {
            fs::create_dir_all(root)?;
            if let Some(parent) = root.parent() {
                sync_dir(parent)?;
            }
        }
        let lock = File::open(root)?;
        lock.try_lock().map_err(|e| match e {
            fs::TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process has the journal open",
            ),
            fs::TryLockError::Error(e) => e,
        })?;
        Ok(DirStorage {
            root: root.to_owned(),
            lock: Some(lock),
        })
    }

    /// Opens `root` for reading. Writing through it is an error.
    pub fn reader(root: &Path) -> Self {
        DirStorage {
            root: root.to_owned(),
            lock: None,
        }
    }

    fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        let plain = Path::new(path)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        if plain && !path.is_empty() {
            Ok(self.root.join(path))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{path}` is not a path inside the journal"),
            ))
        }
    }

    fn may_write(&self) -> io::Result<()> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the journal is open for reading",
            )),
        }
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        if let Some(parent) = dir.parent() {
            self.create_dirs(parent)?;
            match fs::create_dir(dir) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => sync_dir(parent)?,
            }
        }
        Ok(())
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    File::open(dir)?.sync_all()
}

impl Storage for DirStorage {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let full = self.resolve(path)?;
        let file = match File::open(&full) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("`{path}` is larger than any file of a journal"),
            ));
        }
        Ok(Some(bytes))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.may_write()?;
        let full = self.resolve(path)?;
        let dir = full.parent().unwrap_or(&self.root);
        self.create_dirs(dir)?;
        let mut name = full.clone().into_os_string();
        name.push(UNFINISHED);
        let unfinished = PathBuf::from(name);
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &full)?;
        sync_dir(dir)
    }

    fn writable(&self) -> bool {
        self.lock.is_some()
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.may_write()?;
        let full = self.resolve(path)?;
        match fs::remove_file(&full) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // The directory of partial tiles goes with its last file; others may stay empty.
        if let Some(dir) = full.parent().filter(|d| d.extension().is_some()) {
            let _ = fs::remove_dir(dir);
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut todo = vec![(self.root.clone(), String::new())];
        while let Some((dir, prefix)) = todo.pop() {
            for item in fs::read_dir(&dir)? {
                let item = item?;
                let name = item.file_name();
                let path = format!("{prefix}{}", name.to_string_lossy());
                // A link is listed as a file and read through `read`, never followed as a folder.
                if item.file_type()?.is_dir() {
                    todo.push((item.path(), format!("{path}/")));
                } else {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }
}

/// Files in memory: an exported journal, or a test.
#[derive(Debug, Default, Clone)]
pub struct MemStorage {
    files: std::cell::RefCell<std::collections::BTreeMap<String, Vec<u8>>>,
}

impl MemStorage {
    /// Takes the files as they are.
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        MemStorage {
            files: std::cell::RefCell::new(files.into_iter().collect()),
        }
    }
}

impl Storage for MemStorage {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.borrow().get(path).cloned())
    }
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.files
            .borrow_mut()
            .insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(path);
        Ok(())
    }
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_and_no_way_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let a = DirStorage::writer(dir.path()).unwrap();
        assert_eq!(
            DirStorage::writer(dir.path()).unwrap_err().kind(),
            io::ErrorKind::ResourceBusy
        );
        a.write("tile/0/000.p/1", b"x").unwrap();
        assert_eq!(a.read("tile/0/000.p/1").unwrap().unwrap(), b"x");
        assert_eq!(a.list().unwrap(), ["tile/0/000.p/1"]);
        a.remove("tile/0/000.p/1").unwrap();
        assert!(!dir.path().join("tile/0/000.p").exists());
        for bad in ["../x", "/etc/passwd", "", "a/../../b"] {
            assert!(a.write(bad, b"").is_err(), "{bad}");
        }
        assert!(DirStorage::reader(dir.path()).write("x", b"").is_err());
    }

    #[test]
    fn a_reader_passes_over_what_an_interrupted_writer_left() {
        let dir = tempfile::tempdir().unwrap();
        let key = crate::SigningKey::from_seed("a.kz/journal", &[1; 32]).unwrap();
        let mut log = crate::TileLog::open_or_create(dir.path(), &key).unwrap();
        log.append(&[b"one".to_vec()]).unwrap();
        log.checkpoint(&key).unwrap();
        drop(log);
        let left = dir.path().join("tile/0/000.p/2");
        fs::write(&left, [0u8; 64]).unwrap();
        let reader = DirStorage::reader(dir.path());
        let log = crate::TileLog::open(reader, &key.verifying_key()).unwrap();
        assert_eq!(log.entry(0).unwrap(), b"one");
        assert!(left.exists(), "a reader removes nothing");
        crate::TileLog::open_or_create(dir.path(), &key).unwrap();
        assert!(!left.exists(), "the next writer does");
    }
}
