//! Each write, fsync, creation, removal fails: having done its work, none of it, or half. Then
//! the spool is opened again, with or without a power loss. Whatever happened: the acknowledged
//! records are there, in order, once.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use saqshy_spool::{AppendError, Options, ReadError, Spool};
use support::{FAULTS, Fault, Memory};

fn options() -> Options {
    Options {
        segment_bytes_max: 1024,
        total_bytes_max: 1 << 20,
        ..Options::default()
    }
}

fn open(memory: &Memory) -> Spool {
    Spool::open_on(Arc::new(memory.clone()), Path::new("/spool"), &options()).unwrap()
}

#[derive(Default)]
struct Ledger {
    sent: u64,
    /// Record → its number.
    acknowledged: BTreeMap<u64, u64>,
    released: u64,
}

impl Ledger {
    /// Appends `count` groups of two records; every other time a release. Says whether any failed.
    fn work(&mut self, spool: &Spool, count: u64) -> bool {
        let mut failed = false;
        for _ in 0..count {
            let (a, b) = (self.sent, self.sent + 1);
            self.sent += 2;
            let record =
                |n: u64| format!("{n}:{}", "y".repeat((n * 37 % 150) as usize)).into_bytes();
            match spool.append(&[&record(a), &record(b)]) {
                Ok(range) => {
                    self.acknowledged.insert(a, range.start);
                    self.acknowledged.insert(b, range.start + 1);
                }
                Err(AppendError::Refused) => assert!(failed || spool.is_refusing()),
                Err(_) => failed = true,
            }
            if self.sent.is_multiple_of(16) && !failed {
                self.released = spool.durable_end().saturating_sub(20).max(self.released);
                spool.release(self.released);
            }
        }
        failed
    }

    fn check(&self, spool: &Spool, what: &str) {
        let mut stored = BTreeMap::new();
        let (mut at, mut last) = (spool.start(), None);
        while at < spool.durable_end() {
            let read = match spool.read(at, 1000, 1 << 20) {
                Ok(read) => read,
                // Unacknowledged records may have left a hole; `acknowledged` is checked below.
                Err(ReadError::Gap(gap)) => {
                    at = gap.to;
                    continue;
                }
                Err(error) => panic!("{what}: {error}"),
            };
            for (number, record) in read {
                let text = String::from_utf8(record).unwrap();
                let sent: u64 = text.split(':').next().unwrap().parse().unwrap();
                assert!(last < Some(sent), "{what}: order at {number}");
                last = Some(sent);
                assert_eq!(stored.insert(sent, number), None, "{what}: twice");
                at = number + 1;
            }
        }
        for (sent, number) in &self.acknowledged {
            if *number >= self.released {
                assert_eq!(
                    stored.get(sent),
                    Some(number),
                    "{what}: acknowledged {sent}"
                );
            }
        }
    }
}

#[test]
fn acknowledged_records_outlive_every_single_fault() {
    let mut hits = 0;
    for fault in FAULTS {
        for operation in 0.. {
            let memory = Memory::default();
            let mut ledger = Ledger::default();
            let what = format!("{fault:?} at {operation}");
            let spool = open(&memory);
            ledger.work(&spool, 10);
            memory.fail_at(operation, fault);
            ledger.work(&spool, 25);
            let hit = memory.was_hit();
            memory.no_more_faults();
            for ending in 0..4 {
                // 0: recover in place; 1: reopen; others: power loss.
                let what = format!("{what}, ending {ending}");
                let memory = &memory;
                if ending == 0 {
                    ledger.check(&spool, &what);
                    spool.recover().unwrap();
                    ledger.check(&spool, &what);
                    assert!(!ledger.work(&spool, 6), "{what}");
                    continue;
                }
                if ending > 1 {
                    memory.power_loss(operation * 10 + ending);
                }
                let again = open(memory);
                ledger.check(&again, &what);
                assert!(!ledger.work(&again, 6), "{what}");
                ledger.check(&again, &what);
            }
            if !hit {
                break;
            }
            hits += 1;
        }
    }
    assert!(hits > 200, "{hits}");
}

/// The power fails straight after the fault, before anything could be repaired.
#[test]
fn acknowledged_records_outlive_a_fault_followed_by_power_loss() {
    for fault in FAULTS {
        for operation in 0.. {
            for seed in 0..3 {
                let memory = Memory::default();
                let mut ledger = Ledger::default();
                let what = format!("{fault:?} at {operation}, seed {seed}");
                let spool = open(&memory);
                memory.fail_at(operation, fault);
                ledger.work(&spool, 30);
                memory.no_more_faults();
                drop(spool);
                memory.power_loss(operation * 7 + seed);
                let spool = open(&memory);
                ledger.check(&spool, &what);
                assert!(!ledger.work(&spool, 5), "{what}");
                drop(spool);
                memory.power_loss(operation * 11 + seed);
                ledger.check(&open(&memory), &what);
            }
            let memory = Memory::default();
            let spool = open(&memory);
            memory.fail_at(operation, fault);
            Ledger::default().work(&spool, 30);
            if !memory.was_hit() {
                break;
            }
        }
    }
}

/// What a reopened spool shows is really on disk, even where an fsync had failed before and the
/// system pretends that there is nothing left to write.
#[test]
fn records_found_after_a_failed_fsync_are_made_durable_before_they_are_shown() {
    let memory = Memory::default();
    let spool = open(&memory);
    spool.append(&[b"1:"]).unwrap();
    memory.fail_at(1, Fault::FailsAndDoesNot);
    let failed = spool.append(&[b"2:"]).unwrap_err();
    assert!(matches!(failed, AppendError::Storage { .. }), "{failed}");
    memory.no_more_faults();
    assert_eq!(spool.durable_end(), 1);
    assert!(matches!(spool.append(&[b"3:"]), Err(AppendError::Refused)));
    let report = spool.recover().unwrap();
    let shown = spool.read(0, 10, 1000).unwrap();
    assert_eq!(report.end, shown.len() as u64);
    drop(spool);
    for seed in 0..20 {
        memory.power_loss(seed);
        assert_eq!(open(&memory).read(0, 10, 1000).unwrap(), shown);
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_and_nothing_is_refused_afterwards() {
    let memory = Memory::default();
    let spool = open(&memory);
    memory.fail_at(0, Fault::DiskFull);
    assert!(matches!(
        spool.append(&[b"1:"]),
        Err(AppendError::Full { .. })
    ));
    memory.no_more_faults();
    assert_eq!(spool.append(&[b"2:"]).unwrap(), 0..1);
}

/// A segment that could not be begun must not come back after a crash: its name would end the
/// segment before it, in which smaller records were acknowledged meanwhile.
#[test]
fn a_segment_that_could_not_be_begun_stays_gone() {
    for seed in 0..20 {
        let memory = Memory::default();
        let spool = open(&memory);
        spool.append(&[&[b'1'; 700]]).unwrap();
        memory.fail_at(2, Fault::DiskFull);
        assert!(matches!(
            spool.append(&[&[b'2'; 400]]),
            Err(AppendError::Full { .. })
        ));
        assert!(memory.was_hit());
        memory.no_more_faults();
        assert_eq!(spool.append(&[b"small"]).unwrap(), 1..2);
        drop(spool);
        memory.power_loss(seed);
        let spool = open(&memory);
        assert_eq!(
            spool.read(1, 1, 10).unwrap(),
            [(1, b"small".to_vec())],
            "seed {seed}"
        );
    }
}

/// A fault while opening leaves the spool as it was for the next attempt.
#[test]
fn acknowledged_records_outlive_faults_of_recovery_itself() {
    for fault in FAULTS {
        for operation in 0.. {
            let memory = Memory::default();
            let mut ledger = Ledger::default();
            let spool = open(&memory);
            ledger.work(&spool, 12);
            memory.fail_at(1, Fault::FailsAndDoesNot);
            ledger.work(&spool, 2);
            drop(spool);
            memory.fail_at(operation, fault);
            let attempt = Spool::open_on(Arc::new(memory.clone()), Path::new("/spool"), &options());
            let hit = memory.was_hit();
            memory.no_more_faults();
            assert!(attempt.is_err() == hit, "{fault:?} at {operation}");
            drop(attempt);
            memory.power_loss(operation);
            let spool = open(&memory);
            ledger.check(&spool, &format!("{fault:?} at {operation}"));
            if !hit {
                break;
            }
        }
    }
}
