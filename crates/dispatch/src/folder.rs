//! A notice as files in a folder that a gateway or a courier empties.

use std::io::{Error, ErrorKind, Write};
use std::path::Path;

/// Puts `files` into the folder `name` below `root`. The folder is there whole or not at all: it is
/// written under another name, synced, and then renamed. A second call with the same name finds it
/// there and changes nothing.
///
/// # Errors
/// Those of the file system. `root` must exist: a share that is not mounted must not be taken for
/// an empty folder. Names hold letters, digits, `.`, `_` and `-`.
pub fn drop_files(root: &Path, name: &str, files: &[(String, Vec<u8>)]) -> std::io::Result<()> {
    let good = |name: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
    };
    if !good(name) || !files.iter().all(|(file, _)| good(file)) {
        let what = format!("`{name}` and its files need names of letters, digits, `.`, `_`, `-`");
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    if !root.is_dir() {
        let what = format!("the folder `{}` is not there", root.display());
        return Err(Error::new(ErrorKind::NotFound, what));
    }
    let target = root.join(name);
    if target.exists() {
        return Ok(());
    }
    let hidden = root.join(format!(".{name}.part"));
    if hidden.exists() {
        std::fs::remove_dir_all(&hidden)?;
    }
    std::fs::create_dir(&hidden)?;
    for (file, bytes) in files {
        let mut out = std::fs::File::create(hidden.join(file))?;
        out.write_all(bytes)?;
        out.sync_all()?;
    }
    std::fs::File::open(&hidden)?.sync_all()?;
    std::fs::rename(&hidden, &target)?;
    std::fs::File::open(root)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_there_whole_and_once() {
        let root = tempfile::tempdir().unwrap();
        let files = vec![
            ("letter.pdf".to_owned(), b"%PDF".to_vec()),
            ("letter.json".to_owned(), b"{}".to_vec()),
        ];
        // What a crash left behind is no hindrance.
        std::fs::create_dir(root.path().join(".INC-1.part")).unwrap();
        std::fs::write(root.path().join(".INC-1.part/old"), "x").unwrap();
        drop_files(root.path(), "INC-1", &files).unwrap();
        drop_files(root.path(), "INC-1", &[]).unwrap();
        let names = || {
            let all = std::fs::read_dir(root.path().join("INC-1")).unwrap();
            let mut all: Vec<_> = all.map(|e| e.unwrap().file_name()).collect();
            all.sort();
            all
        };
        assert_eq!(names(), ["letter.json", "letter.pdf"]);
        let left: Vec<_> = std::fs::read_dir(root.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_missing_share_and_a_climbing_name_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let missing = drop_files(&root.path().join("share"), "a", &[]).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        for name in ["..", "a/b", "", ".a", "a b"] {
            let error = drop_files(root.path(), name, &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        }
        let files = [("../x".to_owned(), vec![])];
        assert!(drop_files(root.path(), "a", &files).is_err());
    }
}
