//! Appending, reading, releasing, reopening on real files.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use saqshy_spool::{AppendError, Options, ReadError, Spool, SpoolError};

fn small() -> Options {
    Options {
        segment_bytes_max: 4096,
        total_bytes_max: 64 * 1024,
        ..Options::default()
    }
}

fn record(n: u64) -> Vec<u8> {
    format!("record {n} {}", "x".repeat((n % 97) as usize)).into_bytes()
}

fn fill(spool: &Spool, range: std::ops::Range<u64>) {
    for n in range {
        assert_eq!(spool.append(&[&record(n)]).unwrap(), n..n + 1);
    }
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
        .collect();
    files.sort();
    files
}

/// Everything readable, and the gaps on the way.
fn read_all(spool: &Spool) -> (Vec<(u64, Vec<u8>)>, Vec<saqshy_spool::Gap>) {
    let (mut records, mut gaps, mut at) = (Vec::new(), Vec::new(), spool.start());
    while at < spool.durable_end() {
        match spool.read(at, 7, 1000) {
            Ok(some) => {
                assert!(!some.is_empty());
                at = some.last().unwrap().0 + 1;
                records.extend(some);
            }
            Err(ReadError::Gap(gap)) => {
                assert!(gap.from == at && gap.to > at);
                at = gap.to;
                gaps.push(gap);
            }
            Err(other) => panic!("{other}"),
        }
    }
    (records, gaps)
}

#[test]
fn records_survive_reopening_in_order_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &small()).unwrap();
    fill(&spool, 0..300);
    let busy = Spool::open(dir.path(), &small());
    assert!(matches!(busy, Err(SpoolError::InUse { .. })), "{busy:?}");
    drop(spool);
    assert!(segments(dir.path()).len() > 3);
    let spool = Spool::open(dir.path(), &small()).unwrap();
    assert_eq!(spool.report().truncated, None);
    fill(&spool, 300..320);
    let (records, gaps) = read_all(&spool);
    assert_eq!(gaps, []);
    let expected: Vec<_> = (0..320).map(|n| (n, record(n))).collect();
    assert_eq!(records, expected);
    assert_eq!(spool.read(320, 10, 10).unwrap(), []);
    assert_eq!(spool.read(9999, 10, 10).unwrap(), []);
}

#[test]
fn a_full_spool_refuses_and_takes_again_after_release() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &small()).unwrap();
    let mut stored = 0;
    let full = loop {
        match spool.append(&[&record(stored)]) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, AppendError::Full { .. }), "{full}");
    let usage = spool.usage();
    assert!(
        usage.bytes <= usage.bytes_max && usage.bytes > usage.bytes_max * 9 / 10,
        "{usage:?}"
    );
    let on_disk: u64 = segments(dir.path())
        .iter()
        .map(|p| fs::metadata(p).unwrap().len())
        .sum();
    assert_eq!(usage.bytes, on_disk);
    spool.release(stored / 2);
    let start = spool.start();
    assert!(start > 0 && start <= stored / 2);
    assert!(matches!(spool.read(0, 1, 1), Err(ReadError::Released { start: s, .. }) if s == start));
    fill(&spool, stored..stored + 10);
    // Everything released: only the segment being written stays, and numbers go on.
    spool.release(u64::MAX);
    fill(&spool, stored + 10..stored + 400);
    assert_eq!(
        spool.read(stored + 399, 5, 5).unwrap(),
        [(stored + 399, record(stored + 399))]
    );
    let too_large = spool.append(&[&vec![0; 40_000]]);
    assert!(
        matches!(too_large, Err(AppendError::TooLarge { .. })),
        "{too_large:?}"
    );
    // Larger than a segment is fine.
    spool.release(u64::MAX);
    assert!(spool.append(&[&vec![7; 10_000]]).is_ok());
    assert_eq!(
        spool.read(stored + 400, 5, 5).unwrap()[0].1,
        vec![7; 10_000]
    );
}

#[test]
fn a_torn_tail_is_cut_off_and_reported() {
    for cut in [1, 20, 28, 30, 57] {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), &Options::default()).unwrap();
        fill(&spool, 0..10);
        drop(spool);
        let file = segments(dir.path()).pop().unwrap();
        let len = fs::metadata(&file).unwrap().len();
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(len - cut)
            .unwrap();
        let spool = Spool::open(dir.path(), &Options::default()).unwrap();
        // Records 8 and 9 take 45 and 46 bytes.
        let kept = if cut < 46 { 9 } else { 8 };
        assert_eq!(spool.durable_end(), kept, "cut {cut}");
        let torn = spool.report().truncated.unwrap();
        assert_eq!((torn.file, torn.offset + torn.bytes), (file, len - cut));
        fill(&spool, kept..12);
        assert_eq!(read_all(&spool).0.len(), 12);
    }
}

#[test]
fn every_flipped_byte_in_the_middle_is_a_gap_with_readable_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    fill(&spool, 0..6);
    drop(spool);
    let file = segments(dir.path()).pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let mut ends = vec![64];
    (0..6).for_each(|n| ends.push(ends[n as usize] + 28 + record(n).len()));
    for at in 64..ends[5] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(&file, &damaged).unwrap();
        let hit = ends.iter().position(|end| at < *end).unwrap() as u64 - 1;
        let spool = Spool::open(dir.path(), &Options::default()).unwrap();
        let (records, gaps) = read_all(&spool);
        let numbers: Vec<_> = records.iter().map(|record| record.0).collect();
        assert_eq!(
            numbers,
            (0..6).filter(|n| *n != hit).collect::<Vec<_>>(),
            "byte {at}"
        );
        let [gap] = &gaps[..] else { panic!("{gaps:?}") };
        assert_eq!((gap.from, gap.to, &gap.file), (hit, hit + 1, &file));
        assert_eq!(gap.offset, ends[hit as usize] as u64);
        assert_eq!(spool.report().gaps, gaps);
        assert!(
            ReadError::Gap(gap.clone())
                .to_string()
                .contains(&gap.offset.to_string())
        );
    }
}

#[test]
fn damage_in_an_older_segment_a_lost_segment_and_a_lost_header_are_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &small()).unwrap();
    fill(&spool, 0..300);
    drop(spool);
    let files = segments(dir.path());
    assert!(files.len() >= 5);
    let first = |at: usize| {
        let name = files[at].file_stem().unwrap().to_str().unwrap();
        u64::from_str_radix(name, 16).unwrap()
    };
    // The last record of segment 0 damaged, segment 1 lost, both headers of segment 2 damaged.
    let mut bytes = fs::read(&files[0]).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let mut bytes = fs::read(&files[2]).unwrap();
    (bytes[30], bytes[60]) = (!bytes[30], !bytes[60]);
    fs::write(&files[2], bytes).unwrap();
    let spool = Spool::open(dir.path(), &small()).unwrap();
    let (records, gaps) = read_all(&spool);
    let gaps: Vec<_> = gaps
        .into_iter()
        .map(|gap| (gap.from, gap.to, gap.file))
        .collect();
    assert_eq!(
        gaps,
        [
            (first(1) - 1, first(2), files[0].clone()),
            (first(2), first(3), files[2].clone())
        ]
    );
    let good = (0..300).filter(|n| *n < first(1) - 1 || *n >= first(3));
    assert_eq!(records, good.map(|n| (n, record(n))).collect::<Vec<_>>());
}

#[test]
fn a_lost_header_of_the_newest_segment_never_gives_a_number_twice() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    fill(&spool, 0..50);
    drop(spool);
    let file = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    (bytes[30], bytes[60]) = (!bytes[30], !bytes[60]);
    fs::write(&file, bytes).unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    let next = spool.append(&[b"after"]).unwrap().start;
    assert!(next >= 50);
    let (records, gaps) = read_all(&spool);
    assert_eq!((records, gaps.len()), (vec![(next, b"after".to_vec())], 1));
}

#[test]
fn numbers_never_fall_behind_a_readers_position() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        next_at_least: 1000,
        ..Options::default()
    };
    let spool = Spool::open(dir.path(), &options).unwrap();
    assert_eq!(spool.append(&[b"a"]).unwrap(), 1000..1001);
    drop(spool);
    let options = Options {
        next_at_least: 5000,
        ..Options::default()
    };
    let spool = Spool::open(dir.path(), &options).unwrap();
    assert_eq!(spool.append(&[b"b"]).unwrap(), 5000..5001);
    let (records, gaps) = read_all(&spool);
    assert_eq!(records, [(1000, b"a".to_vec()), (5000, b"b".to_vec())]);
    assert_eq!((gaps[0].from, gaps[0].to), (1001, 5000));
}

#[test]
fn submissions_of_many_threads_share_fsyncs_and_are_each_acknowledged_once() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    let groups = Arc::new(AtomicU64::new(0));
    let counted = groups.clone();
    spool.subscribe(move |_| _ = counted.fetch_add(1, Ordering::SeqCst));
    let (reply, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let (spool, reply) = (spool.clone(), reply.clone());
            scope.spawn(move || {
                for n in 0..500u64 {
                    let reply = reply.clone();
                    let records = vec![format!("{thread} {n}").into_bytes(), b"pair".to_vec()];
                    let done = move |range: Result<_, _>| reply.send((thread, n, range)).unwrap();
                    spool.submit(records, done).unwrap();
                }
            });
        }
    });
    drop(reply);
    let mut last = [0; 4];
    for (thread, n, range) in answers {
        let range: std::ops::Range<u64> = range.unwrap();
        assert_eq!(range.end - range.start, 2);
        let stored = spool.read(range.start, 1, 1).unwrap().remove(0).1;
        assert_eq!(stored, format!("{thread} {n}").into_bytes());
        let thread = &mut last[thread as usize];
        assert!(range.end > *thread, "order of one sender");
        *thread = range.end;
    }
    assert_eq!(spool.durable_end(), 4000);
    assert!(groups.load(Ordering::SeqCst) < 2000, "{groups:?}");
}

#[test]
fn waiting_ends_with_the_record_or_the_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    assert!(!spool.wait_beyond(0, Duration::from_millis(10)));
    let writer = spool.clone();
    let thread = std::thread::spawn(move || writer.append(&[b"x"]).unwrap());
    assert!(spool.wait_beyond(0, Duration::from_secs(30)));
    assert_eq!(spool.read(0, 1, 1).unwrap().len(), 1);
    thread.join().unwrap();
}

#[test]
fn a_payload_cannot_pose_as_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    spool.append(&[b"forged"]).unwrap();
    let file = segments(dir.path()).pop().unwrap();
    // Frames of another spool of the same shape, sent as the payload of a record.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Spool::open(elsewhere.path(), &Options::default()).unwrap();
    fill(&other, 0..8);
    let forged = fs::read(segments(elsewhere.path()).pop().unwrap()).unwrap()[64..].to_vec();
    spool.append(&[&forged]).unwrap();
    spool.append(&[b"end"]).unwrap();
    drop(spool);
    let mut bytes = fs::read(&file).unwrap();
    bytes[64 + 28 + 6 + 5] ^= 1; // The length of the carrier: a search for the next frame begins.
    fs::write(&file, bytes).unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    let (records, gaps) = read_all(&spool);
    assert_eq!(records, [(0, b"forged".to_vec()), (2, b"end".to_vec())]);
    assert_eq!(gaps.len(), 1);
}
