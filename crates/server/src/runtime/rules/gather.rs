//! Rules from a folder, a ZIP file or a git checkout, as a bundle.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use saqshy_journal::VerifyingKey;

use super::archive::Archive;
use super::bundle::{Bundle, FILE_BYTES_MAX, FILES_MAX, Origin, TOTAL_BYTES_MAX};

/// What the caller says about the rules; a bundle says it itself.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Name of the set; that of the folder or file where it is left out.
    pub name: Option<String>,
    /// The commit of a checkout where it is left out.
    pub version: Option<String>,
}

/// Rules at `path`: a bundle, a ZIP file, or a folder, which may be in a git checkout. Of a checkout
/// the files as they lie there are taken.
///
/// # Errors
/// It cannot be read, is damaged or too large.
pub fn gather(path: &Path, named: &Named, trusted: &[VerifyingKey]) -> anyhow::Result<Bundle> {
    let kind = std::fs::metadata(path).with_context(|| format!("rules at `{}`", path.display()))?;
    if !kind.is_dir() {
        let file = File::open(path).with_context(|| format!("reading `{}`", path.display()))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        return from_zip(
            file,
            &stem.unwrap_or_default(),
            &path.display().to_string(),
            named,
            trusted,
        )
        .with_context(|| format!("rules in `{}`", path.display()));
    }
    let files = read_folder(path)?;
    let commit = head_commit(path);
    let origin = Origin {
        kind: if commit.is_some() { "git" } else { "folder" }.to_owned(),
        path: path.display().to_string(),
        commit: commit.clone(),
    };
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let last = whole.file_name().map(|name| name.to_string_lossy());
    let name = named
        .name
        .clone()
        .unwrap_or_else(|| plain(&last.unwrap_or_default()));
    let version = named.version.clone().or(commit).unwrap_or_default();
    Bundle::new(&name, &version, origin, files)
}

/// Rules in a ZIP file. `called` names it where nobody else does.
///
/// # Errors
/// It is damaged or too large.
pub fn from_zip(
    from: impl Read + Seek,
    called: &str,
    path: &str,
    named: &Named,
    trusted: &[VerifyingKey],
) -> anyhow::Result<Bundle> {
    let archive = Archive::open(from)?;
    if archive.is_bundle() {
        return Bundle::of(archive, trusted);
    }
    let mut files = BTreeMap::new();
    for (path, content) in archive.unpack(is_wanted)? {
        let text = String::from_utf8(content).with_context(|| format!("`{path}` is not UTF-8"))?;
        files.insert(path, text);
    }
    let origin = Origin {
        kind: "zip".to_owned(),
        path: path.to_owned(),
        commit: None,
    };
    let name = named.name.clone().unwrap_or_else(|| plain(called));
    Bundle::new(&name, named.version.as_deref().unwrap_or(""), origin, files)
}

/// Rules and the samples beside them.
fn is_wanted(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    !hidden
        && (name.ends_with(".yml") || name.ends_with(".yaml") || name.ends_with(".samples.toml"))
}

fn plain(name: &str) -> String {
    let kept = name.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
        _ => '-',
    });
    let kept: String = kept.take(64).collect();
    kept.trim_start_matches('.').to_owned()
}

fn read_folder(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let (mut files, mut total) = (BTreeMap::new(), 0);
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        let entries =
            std::fs::read_dir(&at).with_context(|| format!("reading `{}`", at.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let below = path.strip_prefix(folder).unwrap_or(&path);
            let below = below.to_string_lossy().replace('\\', "/");
            if kind.is_dir() {
                if !entry.file_name().to_string_lossy().starts_with('.') {
                    waiting.push(path);
                }
                continue;
            }
            if !kind.is_file() || !is_wanted(&below) {
                continue;
            }
            let size = entry.metadata()?.len();
            ensure!(
                size <= FILE_BYTES_MAX,
                "`{}` has more than the {FILE_BYTES_MAX} bytes allowed for a rule file",
                path.display()
            );
            total += size;
            ensure!(files.len() < FILES_MAX, "more than {FILES_MAX} files");
            ensure!(
                total <= TOTAL_BYTES_MAX,
                "the files have more than {TOTAL_BYTES_MAX} bytes together"
            );
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("reading `{}`", path.display()))?;
            files.insert(below, text);
        }
    }
    Ok(files)
}

/// The commit that is checked out around `path`; `None` outside a checkout.
fn head_commit(path: &Path) -> Option<String> {
    let whole = path.canonicalize().ok()?;
    let git = whole
        .ancestors()
        .map(|folder| folder.join(".git"))
        .find(|git| git.exists())?;
    let git = git_folder(&git)?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref: ") else {
        return is_commit(head).then(|| head.to_owned());
    };
    // A worktree keeps its branches in the repository that it belongs to.
    let common = std::fs::read_to_string(git.join("commondir"))
        .map_or_else(|_| git.clone(), |common| git.join(common.trim()));
    for folder in [&git, &common] {
        if let Ok(commit) = std::fs::read_to_string(folder.join(name)) {
            let commit = commit.trim();
            return is_commit(commit).then(|| commit.to_owned());
        }
    }
    let packed = std::fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (commit, known) = line.split_once(' ')?;
        (known == name && is_commit(commit)).then(|| commit.to_owned())
    })
}

/// The folder that `.git` is, or that the file `.git` names.
fn git_folder(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let text = std::fs::read_to_string(git).ok()?;
    Some(git.parent()?.join(text.trim().strip_prefix("gitdir: ")?))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_tells_its_commit_and_a_folder_does_not() {
        let root = tempfile::tempdir().unwrap();
        let (git, rules) = (root.path().join(".git"), root.path().join("rules/linux"));
        std::fs::create_dir_all(&rules).unwrap();
        std::fs::write(rules.join("a.yml"), "title: a\n").unwrap();
        std::fs::write(rules.join("a.samples.toml"), "").unwrap();
        std::fs::write(rules.join("README.md"), "no rule").unwrap();
        let take = |path: &Path| gather(path, &Named::default(), &[]).unwrap();
        let plain = take(&root.path().join("rules"));
        assert_eq!(
            (plain.origin.kind.as_str(), plain.name.as_str()),
            ("folder", "rules")
        );
        let paths: Vec<_> = plain
            .files()
            .iter()
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(paths, ["linux/a.samples.toml", "linux/a.yml"]);

        let commit = "0123456789abcdef0123456789abcdef01234567";
        std::fs::create_dir_all(git.join("refs/heads")).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::write(
            git.join("packed-refs"),
            format!("# pack-refs\n{commit} refs/heads/main\n"),
        )
        .unwrap();
        let packed = take(&root.path().join("rules"));
        assert_eq!(
            (packed.origin.kind.as_str(), packed.version.as_str()),
            ("git", commit)
        );
        assert_eq!(
            packed.sha256, plain.sha256,
            "the hash is of the files alone"
        );
        let newer = commit.replace('0', "f");
        std::fs::write(git.join("refs/heads/main"), format!("{newer}\n")).unwrap();
        assert_eq!(take(root.path()).origin.commit, Some(newer));
        std::fs::write(git.join("HEAD"), commit).unwrap();
        assert_eq!(take(root.path()).origin.commit.as_deref(), Some(commit));
    }
}
