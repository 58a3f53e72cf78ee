//! From a configuration to open parts, in named steps.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, ensure};
use parking_lot::RwLock;
use saqshy_casework::{EvidenceFiles, Law, Store};
use saqshy_detect::correlate::Generations;
use saqshy_dispatch::AckSigner;
use saqshy_journal::{Keys, TileLog};
use saqshy_lake::{Lake, LakeConfig};
use saqshy_law::{Calendar, Pack};
use saqshy_spool::Spool;

use super::pipeline::READER;
use super::rules::{backtest, exceptions, intervals};
use super::{
    App, Clock, JournalHandle, RuleService, SourceRegistry, correlation, lake_files, ledger,
};
use crate::api::EVIDENCE_BYTES_MAX;
use crate::config::Config;
use crate::embedded;

/// Where things are in a data folder.
#[derive(Debug, Clone)]
pub struct Paths {
    pub data: PathBuf,
    pub spool: PathBuf,
    pub lake: PathBuf,
    pub database: PathBuf,
    /// The Merkle log. It holds no secret: the folder may be copied and handed out.
    pub journal: PathBuf,
    pub keys: PathBuf,
    pub documents: PathBuf,
    pub evidence: PathBuf,
    pub tls: PathBuf,
}

impl Paths {
    pub fn of(data: &Path) -> Self {
        Paths {
            data: data.to_owned(),
            spool: data.join("spool"),
            lake: data.join("lake"),
            database: data.join("saqshy.db"),
            journal: data.join("journal"),
            keys: data.join("keys"),
            documents: data.join("documents"),
            evidence: data.join("evidence"),
            tls: data.join("tls"),
        }
    }
}

/// Opens everything that a server needs below HTTP.
pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Arc<App>> {
    let paths = open_data_dir(&config)?;
    let store = open_store(&paths).await?;
    let lake = open_lake(&config, &paths).await?;
    let spool = open_spool(&config, &paths, &store, &lake).await?;
    let journal = open_journal(&config, &paths)?;
    let law = load_law(&config)?;
    config.promotion.check(&law).context("incidents.rule")?;
    let mut rules = RuleService::load(&config, &paths.data, &store).await?;
    intervals::reconcile(&store, clock(), &rules).await?;
    backtest::interrupt_all(&store).await?;
    rules.generations = bind_correlations(&store, &rules).await?;
    let exceptions = exceptions::in_force(&store).await?;
    let sources = SourceRegistry::load(&store).await?;
    let position = store.position(READER).await?;
    let ledger = ledger::restore(&store, &spool, position).await?;
    let ack = AckSigner::new(&load_secret(&paths.keys.join("ack.key"))?)?;
    let evidence = EvidenceFiles::new(&paths.evidence, EVIDENCE_BYTES_MAX);
    let app = Arc::new(App {
        config,
        paths,
        clock,
        store,
        lake,
        spool,
        ledger,
        sources: Arc::new(sources),
        rules: RwLock::new(Arc::new(rules)),
        exceptions: RwLock::new(Arc::new(exceptions)),
        backtests: Default::default(),
        costs: Default::default(),
        correlation_figures: Default::default(),
        rule_changes: tokio::sync::Mutex::new(()),
        law,
        journal,
        ack,
        base_url: OnceLock::new(),
        sending: tokio::sync::Mutex::new(()),
        evidence,
        undoing: tokio::sync::Mutex::new(()),
    });
    lake_files::reconcile(&app).await?;
    Ok(app)
}

/// Makes the folder, closed to other accounts of the machine.
fn open_data_dir(config: &Config) -> anyhow::Result<Paths> {
    let paths = Paths::of(&config.data_dir);
    make_data_dir(&paths)?;
    Ok(paths)
}

/// As above, for a program that works on the folder of a stopped server.
pub fn make_data_dir(paths: &Paths) -> anyhow::Result<()> {
    for folder in [&paths.data, &paths.keys, &paths.documents, &paths.evidence] {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("making the folder `{}`", folder.display()))?;
    }
    Ok(())
}

/// The database with the tables of everything below HTTP.
pub(crate) async fn open_store(paths: &Paths) -> anyhow::Result<Store> {
    let store = Store::open(&paths.database)
        .await
        .with_context(|| format!("opening the database `{}`", paths.database.display()))?;
    store.migrate("runtime", lake_files::MIGRATIONS).await?;
    store.migrate("rules", super::rules::MIGRATIONS).await?;
    store
        .migrate("correlation", correlation::MIGRATIONS)
        .await?;
    Ok(store)
}

/// What changed of the correlations while the server was stopped loses its state.
async fn bind_correlations(store: &Store, rules: &RuleService) -> anyhow::Result<Generations> {
    let mut tx = store.begin().await?;
    let generations = correlation::bind(&mut tx, rules).await?;
    tx.commit().await?;
    Ok(generations)
}

async fn open_lake(config: &Config, paths: &Paths) -> anyhow::Result<Lake> {
    let mut settings = LakeConfig::new(&paths.lake);
    settings.flush_rows = config.lake.flush_rows.unwrap_or(settings.flush_rows);
    settings.flush_bytes = config.lake.flush_bytes.unwrap_or(settings.flush_bytes);
    settings.flush_age = config.lake.flush_age.unwrap_or(settings.flush_age);
    Lake::open(settings, &config.node)
        .await
        .with_context(|| format!("opening the lake `{}`", paths.lake.display()))
}

async fn open_spool(
    config: &Config,
    paths: &Paths,
    store: &Store,
    lake: &Lake,
) -> anyhow::Result<Spool> {
    let options = saqshy_spool::Options {
        total_bytes_max: config.spool_bytes_max,
        next_at_least: store.position(READER).await?.max(lake.position()),
        ..Default::default()
    };
    let folder = paths.spool.clone();
    let spool = tokio::task::spawn_blocking(move || Spool::open(&folder, &options)).await?;
    spool.with_context(|| format!("opening the spool `{}`", paths.spool.display()))
}

fn open_journal(config: &Config, paths: &Paths) -> anyhow::Result<JournalHandle> {
    let keys = Keys::load_or_create(&paths.keys, &format!("{}/saqshy", config.node))?;
    let log = TileLog::open_or_create(&paths.journal, keys.signing_key())
        .with_context(|| format!("opening the journal `{}`", paths.journal.display()))?;
    Ok(JournalHandle::new(log, keys))
}

/// The packs and the calendar inside the program, and those of the configured folders.
pub fn load_law(config: &Config) -> anyhow::Result<Law> {
    let mut folders = embedded::packs();
    for root in &config.pack_folders {
        for (name, files) in read_packs(root)? {
            folders.insert(name, files);
        }
    }
    let calendar = folders
        .remove("calendar-kz")
        .context("no calendar `calendar-kz` among the packs")?;
    let calendar = Calendar::parse(&calendar).context("calendar `calendar-kz`")?;
    let mut packs = folders
        .iter()
        .map(|(name, files)| Pack::parse(files).with_context(|| format!("pack `{name}`")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let profile = config.organisation.profile.clone();
    // The acts that bind this organisation come first.
    packs.sort_by_key(|pack| {
        let bound = pack.parties.iter().any(|party| profile.is(pack, &party.id));
        !bound
    });
    for bearer in &profile.bearers {
        ensure!(
            packs.iter().any(|pack| pack.knows_bearer(bearer)),
            "organisation.bearers: no pack knows the bearer `{bearer}`"
        );
    }
    Ok(Law {
        packs,
        profile,
        calendar,
        categories: config.categories.clone(),
    })
}

/// Folder below `root` → (path inside it → text).
fn read_packs(root: &Path) -> anyhow::Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut packs: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("packs in `{}`", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let below = path
                .strip_prefix(root)
                .context("a file below the packs folder")?
                .to_string_lossy()
                .into_owned();
            if let Some((name, file)) = below.split_once('/') {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("pack file `{}`", path.display()))?;
                packs
                    .entry(name.to_owned())
                    .or_default()
                    .insert(file.to_owned(), text);
            }
        }
    }
    Ok(packs)
}

/// 256 random bits, made on first use, readable by the owner alone.
fn load_secret(path: &Path) -> anyhow::Result<[u8; 32]> {
    if !path.exists() {
        let mut secret = [0u8; 32];
        getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("random bytes: {error}"))?;
        write_secret(path, hex::encode(secret).as_bytes())?;
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("secret `{}`", path.display()))?;
    let bytes = hex::decode(text.trim()).with_context(|| format!("secret `{}`", path.display()))?;
    let length = bytes.len();
    bytes
        .try_into()
        .map_err(|_| anyhow::anyhow!("secret `{}` has {length} bytes, not 32", path.display()))
}

/// Writes a file with mode 0600, synced.
pub fn write_secret(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("writing `{}`", path.display()))?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(())
}
