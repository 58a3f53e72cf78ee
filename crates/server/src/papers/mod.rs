//! Documents made from the records: letters, reports, the dossier of a case. What a document says is
//! gathered here; how it looks is `saqshy-dispatch`'s.

pub mod case;
pub mod dossier;
pub mod reports;
pub mod templates;
pub mod timeline;
pub mod values;

use std::io::Write;
use std::path::Path;

use saqshy_dispatch::File;

use crate::runtime::App;

/// Writes a file so that it is there whole or not at all, synced.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let (temporary, path) = (folder.join(format!(".{name}.tmp")), folder.join(name));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Writes a document's file beside the journal, before the leaf that names it is committed: a leaf
/// never names a document that is not there.
pub async fn file_document(app: &App, file: &File) -> anyhow::Result<()> {
    let name = format!("{}.{}", file.sha256, file.format.extension());
    let (folder, bytes) = (app.paths.documents.clone(), file.bytes.clone());
    tokio::task::spawn_blocking(move || write_whole(&folder, &name, &bytes)).await??;
    Ok(())
}
