//! An acknowledgement means: on disk. Shown with a disk that can be made to wait and to fail.

mod support;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use saqshy_spool::storage::{Disk, Storage, StoreFile};
use saqshy_spool::{Options, Spool};
use support::{SOURCE, Site, config, limits, request, wait_for};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

/// The real disk, whose fsync waits while `held` and fails while `broken`.
#[derive(Debug, Default)]
struct Control {
    held: Mutex<bool>,
    changed: Condvar,
    broken: AtomicBool,
    waiting: AtomicBool,
}

impl Control {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }
}

#[derive(Debug, Clone, Default)]
struct Touchy(Arc<Control>);

struct TouchyFile(Box<dyn StoreFile>, Arc<Control>);

impl Storage for Touchy {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        Disk.list(dir)
    }
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        Ok(Box::new(TouchyFile(Disk.open_write(path)?, self.0.clone())))
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        Disk.open_read(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
}

impl StoreFile for TouchyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        let mut held = self.1.held.lock().unwrap();
        while *held {
            self.1.waiting.store(true, SeqCst);
            held = self.1.changed.wait(held).unwrap();
        }
        self.1.waiting.store(false, SeqCst);
        if self.1.broken.load(SeqCst) {
            return Err(io::Error::other("injected"));
        }
        self.0.sync()
    }
}

async fn site() -> (Site, Arc<Control>) {
    let storage = Touchy::default();
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open_on(Arc::new(storage.clone()), dir.path(), &Options::default()).unwrap();
    (Site::over(config(limits()), spool, dir).await, storage.0)
}

const BODY: &[u8] = b"{\"create\":{}}\n{\"n\":1}\n{\"create\":{}}\n{\"n\":2}\n";
const EVENT: &[u8] = b"{\"event\":1}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_or_counted_before_the_fsync() {
    let (site, disk) = site().await;
    disk.hold(true);
    let http = site.http();
    let bulk = tokio::spawn(async move { request(http, "POST", "/_bulk", "", BODY).await });
    wait_for("an fsync that waits", || disk.waiting.load(SeqCst)).await;
    let hec =
        tokio::spawn(async move { request(http, "POST", "/services/collector", "", EVENT).await });
    let mut tcp = TcpStream::connect(site.tcp()).await.unwrap();
    tcp.write_all(b"<34>line\n").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(b"<34>datagram", site.udp()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!bulk.is_finished() && !hec.is_finished());
    assert!(
        site.intake
            .ledger()
            .snapshot()
            .iter()
            .all(|row| row.received == 0)
    );
    assert_eq!(site.stored(), []);
    disk.hold(false);
    assert_eq!(
        (bulk.await.unwrap().status, hec.await.unwrap().status),
        (200, 200)
    );
    wait_for("all five", || site.spool.durable_end() == 5).await;
    site.accepted("syslog_tcp:127.0.0.1", 1).await;
    site.accepted("syslog_udp:127.0.0.1", 1).await;
    site.check_ledger();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_acknowledges_nothing_and_loses_nothing_that_can_wait() {
    let (site, disk) = site().await;
    let http = site.http();
    disk.broken.store(true, SeqCst);
    let failed = request(http, "POST", "/_bulk", "", BODY).await;
    assert_eq!(
        (failed.status, failed.header("retry-after").is_some()),
        (503, true)
    );
    // Refused from now on, also when the disk is well again, until it is reopened.
    disk.broken.store(false, SeqCst);
    let refused = request(http, "POST", "/services/collector", "", EVENT).await;
    assert_eq!(
        (refused.status, refused.json()["code"].clone()),
        (503, 9.into())
    );
    let health = support::plain_request(http, "GET", "/services/collector/health", "", b"").await;
    assert_eq!(health.status, 503);
    let mut tcp = TcpStream::connect(site.tcp()).await.unwrap();
    tcp.write_all(b"<34>waits\n").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(b"<34>cannot wait", site.udp()).await.unwrap();
    wait_for("the loss", || {
        site.row("syslog_udp:127.0.0.1").received == 1
    })
    .await;
    assert_eq!(site.row("syslog_udp:127.0.0.1").dropped["spool_error"], 1);
    assert_eq!(
        (site.row(SOURCE).accepted, site.row(SOURCE).deferred),
        (0, 3)
    );
    let spool = site.spool.clone();
    tokio::task::spawn_blocking(move || spool.recover().unwrap())
        .await
        .unwrap();
    site.accepted("syslog_tcp:127.0.0.1", 1).await;
    assert_eq!(request(http, "POST", "/_bulk", "", BODY).await.status, 200);
    assert_eq!(site.row(SOURCE).accepted, 2);
    // The unacknowledged records may have turned out to be stored; they were sent again.
    let texts = site.texts();
    assert!(texts.ends_with(&["<34>waits".into(), "{\"n\":1}".into(), "{\"n\":2}".into()]));
}
