//! Segments of every past format version open forever.

use std::path::Path;

use saqshy_spool::{Options, Spool};

fn expected() -> Vec<(u64, Vec<u8>)> {
    (4096..4101)
        .map(|n| {
            (
                n,
                format!("version 1, record {n}, қауіпсіздік").into_bytes(),
            )
        })
        .collect()
}

/// A missing fixture is written, to be looked at and committed.
#[test]
fn version_1_opens() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/compat/v1");
    let name = "0000000000001000.seg";
    if !kept.exists() {
        let options = Options {
            next_at_least: 4096,
            ..Options::default()
        };
        let spool = Spool::open(&kept, &options).unwrap();
        expected().iter().for_each(|(n, record)| {
            assert_eq!(spool.append(&[record]).unwrap().start, *n);
        });
        drop(spool);
        std::fs::remove_file(kept.join("spool.lock")).unwrap();
        panic!("wrote {}; commit it", kept.display());
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(kept.join(name), dir.path().join(name)).unwrap();
    let spool = Spool::open(dir.path(), &Options::default()).unwrap();
    assert_eq!(spool.read(4096, 100, 1 << 20).unwrap(), expected());
    assert_eq!(spool.append(&[b"goes on"]).unwrap(), 4101..4102);
}
