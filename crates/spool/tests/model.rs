//! Random appends, releases, reopenings and torn ends against a plain list.

use std::fs;

use proptest::prelude::*;
use saqshy_spool::{Options, Spool};

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<u16>),
    Reopen,
    /// Crash: this many bytes of rubbish (an unfinished write) stand behind the end.
    Crash(Vec<u8>),
    /// Crash in the middle of the last append: this share (of 256) of its bytes is missing.
    Tear(u8),
    Release(u8),
    Read(u8, u8, u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => prop::collection::vec(0u16..3000, 0..6).prop_map(Op::Append),
        1 => Just(Op::Reopen),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Op::Crash),
        1 => any::<u8>().prop_map(Op::Tear),
        1 => any::<u8>().prop_map(Op::Release),
        3 => (any::<u8>(), 1u8..20, 0u16..5000).prop_map(|(at, n, bytes)| Op::Read(at, n, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn behaves_as_a_list(ops in prop::collection::vec(op(), 1..50)) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes_max: 8192, total_bytes_max: 1 << 20, ..Options::default() };
        let mut spool = Some(Spool::open(dir.path(), &options).unwrap());
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut released = 0u64;
        let mut last_append = 0usize;
        for op in ops {
            let open = spool.as_ref().unwrap();
            match op {
                Op::Append(sizes) => {
                    let records: Vec<Vec<u8>> = sizes
                        .iter()
                        .enumerate()
                        .map(|(at, size)| vec![(model.len() + at) as u8; usize::from(*size)])
                        .collect();
                    let slices: Vec<_> = records.iter().map(Vec::as_slice).collect();
                    let from = model.len() as u64;
                    let until = from + records.len() as u64;
                    prop_assert_eq!(open.append(&slices).unwrap(), from..until);
                    last_append = records.last().map_or(0, |record| record.len() + 28);
                    model.extend(records);
                }
                Op::Reopen => {
                    drop(spool.take());
                    spool = Some(Spool::open(dir.path(), &options).unwrap());
                    prop_assert_eq!(spool.as_ref().unwrap().report().truncated, None);
                }
                Op::Crash(rubbish) => {
                    drop(spool.take());
                    let file = newest(dir.path());
                    let mut bytes = fs::read(&file).unwrap();
                    bytes.extend(&rubbish);
                    fs::write(&file, bytes).unwrap();
                    spool = Some(Spool::open(dir.path(), &options).unwrap());
                    let torn = spool.as_ref().unwrap().report().truncated.map_or(0, |torn| torn.bytes);
                    prop_assert_eq!(torn, rubbish.len() as u64);
                }
                Op::Tear(share) => {
                    let cut = last_append * usize::from(share) / 256;
                    if cut == 0 || released == model.len() as u64 {
                        continue;
                    }
                    drop(spool.take());
                    let file = newest(dir.path());
                    let len = fs::metadata(&file).unwrap().len();
                    fs::File::options().write(true).open(&file).unwrap().set_len(len - cut as u64).unwrap();
                    model.pop();
                    last_append = 0;
                    spool = Some(Spool::open(dir.path(), &options).unwrap());
                }
                Op::Release(share) => {
                    released = released.max(model.len() as u64 * u64::from(share) / 256);
                    open.release(released);
                    prop_assert!(open.start() <= released);
                }
                Op::Read(share, records, bytes) => {
                    let from = released + (model.len() as u64 - released) * u64::from(share) / 256;
                    let got = open.read(from, usize::from(records), usize::from(bytes)).unwrap();
                    let rest = &model[from as usize..];
                    prop_assert!(got.len() <= usize::from(records));
                    prop_assert!(rest.is_empty() || !got.is_empty());
                    let sum: usize = got.iter().map(|record| record.1.len()).sum();
                    prop_assert!(got.len() == 1 || sum <= usize::from(bytes));
                    for (at, (number, record)) in got.iter().enumerate() {
                        prop_assert_eq!(*number, from + at as u64);
                        prop_assert_eq!(record, &rest[at]);
                    }
                }
            }
            let open = spool.as_ref().unwrap();
            prop_assert_eq!(open.durable_end(), model.len() as u64);
            prop_assert!(open.report().gaps.is_empty());
        }
        let open = spool.as_ref().unwrap();
        let all = open.read(released, usize::MAX, usize::MAX).unwrap();
        prop_assert_eq!(all.len() as u64, model.len() as u64 - released);
    }
}

fn newest(dir: &std::path::Path) -> std::path::PathBuf {
    let files = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
        .max()
        .unwrap()
}
