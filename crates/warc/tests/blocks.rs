//! Blocks read on their own and put together again give what reading in order gives, whatever the input.

mod util;

use std::fs;
use std::path::{Path, PathBuf};

use crawlrank_warc::{Blocks, ReaderOptions, Record, Totals};
use proptest::prelude::*;
use util::{Outcome, Read1, gzip, noise, read_all, read_on, record, shared_data, text};

/// Reads blocks until one does not count, `ahead` of them before it is known, and the rest in order. Returns how many counted, too.
fn read_in_blocks(input: &[u8], block_bytes: usize, ahead: usize) -> (Outcome, usize) {
    let (options, mut record) = (ReaderOptions::default(), Record::new());
    let mut blocks = Blocks::new(input, block_bytes);
    let (mut records, mut totals, mut num_good) = (Vec::new(), Totals::default(), 0);
    let mut unread = Vec::new();
    while let Some(block) = blocks.next_block().expect("slices can be read") {
        let mut found = Vec::new();
        let read = block.read(&options, &mut record, |record| {
            found.push(Read1::of(record));
            true
        });
        let Some(read) = read else {
            unread.push(block);
            break;
        };
        totals += &read;
        records.extend(found);
        num_good += 1;
    }
    if !unread.is_empty() {
        while let Some(block) = blocks.next_block().expect("slices can be read") {
            unread.push(block);
            if unread.len() > ahead {
                break;
            }
        }
    }
    let reader = blocks.into_reader(unread, totals, options);
    (read_on(reader, records, input.len() as u64), num_good)
}

#[track_caller]
fn assert_same(name: &str, input: &[u8], block_bytes: usize) -> usize {
    let in_order = read_all(input);
    let (in_blocks, num_good) = read_in_blocks(input, block_bytes, 3);
    assert!(
        in_blocks.records == in_order.records,
        "{name}: other records"
    );
    assert_eq!(in_blocks.faults, in_order.faults, "{name}");
    assert_eq!(in_blocks.totals, in_order.totals, "{name}");
    let told = |outcome: &Outcome| outcome.error.as_ref().map(ToString::to_string);
    assert_eq!(told(&in_blocks), told(&in_order), "{name}");
    num_good
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn real_and_damaged_files_give_the_same_in_blocks() {
    let Some(data) = shared_data() else { return };
    let mut num_good = 0;
    for file in files_below(&data) {
        let input = fs::read(&file).unwrap();
        for block_bytes in [4 << 10, 40 << 10, 1 << 20] {
            num_good += assert_same(&file.to_string_lossy(), &input, block_bytes);
        }
    }
    assert!(num_good > 500, "{num_good} blocks counted");
}

#[test]
fn sound_members_are_all_read_in_blocks() {
    let members: Vec<u8> = (0..200)
        .flat_map(|n| gzip(&record(n, &text(n as u64, 500))))
        .collect();
    assert!(assert_same("members", &members, 4 << 10) > members.len() / (5 << 10));
    assert_same("nothing", b"", 4 << 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_damage_is_told_as_in_order(
        block_bytes in 50..3000usize,
        damage in prop::collection::vec((0.0..1.0f64, prop::sample::select(vec![0, 1, 30, 300]), 0..4u8), 0..3),
    ) {
        let mut input: Vec<u8> = Vec::new();
        for n in 0..20 {
            input.extend(gzip(&record(n, &noise(n as u64, 100 + 40 * n))));
        }
        for (at, bytes, kind) in damage {
            let at = (at * input.len() as f64) as usize;
            let end = (at + bytes).min(input.len());
            match kind {
                0 => drop(input.drain(at..end)),
                1 => input[at..end].fill(0),
                2 => drop(input.splice(at..at, noise(1, bytes))),
                _ => drop(input.splice(at..at, gzip(b""))),
            }
        }
        assert_same("damaged", &input, block_bytes);
    }
}
