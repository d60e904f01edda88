//! Damage of any kind, anywhere: nothing panics, every byte is accounted for, and records beside the damage are kept.

mod util;

use std::ops::Range;

use proptest::prelude::*;
use util::{Outcome, Trickle, gzip, noise, read_all, read_with, record, text, zstd};

type Form = fn(&[u8]) -> Vec<u8>;

fn plain(content: &[u8]) -> Vec<u8> {
    content.to_vec()
}

const FORMS: [Form; 3] = [gzip, zstd, plain];

/// Six records, and where each lies in the input.
fn six(form: Form) -> (Vec<u8>, Vec<Range<usize>>, Vec<Vec<u8>>) {
    let blocks: Vec<_> = (0..6)
        .map(|n| {
            if n % 2 == 0 {
                text(n, 700)
            } else {
                noise(n, 400)
            }
        })
        .collect();
    let (mut input, mut places) = (Vec::new(), Vec::new());
    for (number, block) in blocks.iter().enumerate() {
        let start = input.len();
        input.extend(form(&record(number, block)));
        places.push(start..input.len());
    }
    (input, places, blocks)
}

/// All records that the damage does not touch must be there, in order.
fn assert_kept(
    outcome: &Outcome,
    untouched: impl Iterator<Item = Vec<u8>>,
) -> Result<(), TestCaseError> {
    let mut found = outcome.blocks().into_iter();
    for block in untouched {
        prop_assert!(
            found.any(|other| other == block),
            "lost: {:?} {:?}",
            outcome.faults,
            outcome.error
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn cut_anywhere(form in 0..3usize, at in 0.0..1.0f64) {
        let (input, places, blocks) = six(FORMS[form]);
        let at = (at * input.len() as f64) as usize;
        let outcome = read_all(&input[..at]);
        let before = places.iter().zip(blocks).filter(|(place, _)| place.end <= at).map(|(_, block)| block);
        assert_kept(&outcome, before)?;
        let at_boundary = at == 0 || places.iter().any(|place| place.end == at);
        // Of a plain record, the line ends alone may be missing.
        prop_assert!(at_boundary || form == 2 || outcome.faults.len() == 1 || outcome.error.is_some());
    }

    #[test]
    fn byte_flipped_anywhere(form in 0..3usize, at in 0.0..1.0f64, flip in 1..=255u8) {
        let (mut input, places, blocks) = six(FORMS[form]);
        let at = (at * input.len() as f64) as usize;
        input[at] ^= flip;
        let outcome = read_all(&input);
        let untouched = places.iter().zip(blocks).filter(|(place, _)| !place.contains(&at)).map(|(_, block)| block);
        // In a plain file nothing tells a damaged length or header from a sound one: the record before may grow.
        if form != 2 {
            assert_kept(&outcome, untouched)?;
            prop_assert!(outcome.faults.len() <= 1);
        }
    }

    #[test]
    fn junk_inserted_between_records(form in 0..3usize, place in 0..=6usize, seed in 0..1000u64, size in 1..3000usize) {
        let (input, places, blocks) = six(FORMS[form]);
        let at = if place == 6 { input.len() } else { places[place].start };
        let junk = noise(seed, size);
        prop_assume!(junk[0] != b'\r' && junk[0] != b'\n');
        let damaged = [&input[..at], &junk, &input[at..]].concat();
        let outcome = read_all(&damaged);
        prop_assert_eq!(outcome.blocks(), blocks);
        prop_assert_eq!(outcome.faults.len(), 1);
        prop_assert_eq!((outcome.faults[0].offset, outcome.faults[0].bytes), (at as u64, size as u64));
    }

    #[test]
    fn junk_inserted_anywhere(form in 0..2usize, at in 0.0..1.0f64, seed in 0..1000u64, size in 1..3000usize) {
        let (input, places, blocks) = six(FORMS[form]);
        let at = (at * input.len() as f64) as usize;
        let damaged = [&input[..at], &noise(seed, size), &input[at..]].concat();
        let outcome = read_all(&damaged);
        let untouched = places.iter().zip(blocks).filter(|(place, _)| !(place.start < at && at < place.end));
        assert_kept(&outcome, untouched.map(|(_, block)| block))?;
    }

    #[test]
    fn bytes_removed_anywhere(form in 0..2usize, at in 0.0..1.0f64, size in 1..2000usize) {
        let (input, places, blocks) = six(FORMS[form]);
        let at = (at * input.len() as f64) as usize;
        let end = (at + size).min(input.len());
        let outcome = read_all(&[&input[..at], &input[end..]].concat());
        let untouched = places.iter().zip(blocks).filter(|(place, _)| place.end <= at || place.start >= end);
        assert_kept(&outcome, untouched.map(|(_, block)| block))?;
    }

    #[test]
    fn slow_inputs_give_the_same(form in 0..3usize, at in 0.0..1.0f64, flip in 0..=255u8) {
        let (mut input, ..) = six(FORMS[form]);
        let at = (at * input.len() as f64) as usize;
        input[at] ^= flip;
        let at_once = read_all(&input);
        let trickle = Trickle { bytes: &input, interrupt: false };
        let slowly = read_with(trickle, Default::default(), input.len() as u64);
        prop_assert_eq!(at_once.records, slowly.records);
        prop_assert_eq!(at_once.faults, slowly.faults);
        prop_assert_eq!(at_once.totals, slowly.totals);
    }

    #[test]
    fn any_bytes(input in proptest::collection::vec(any::<u8>(), 0..500), magic in 0..5usize) {
        let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18", b"WARC/1.0\r\n"][magic];
        read_all(&[magic, &input].concat());
    }

    #[test]
    fn layouts_do_not_matter(sizes in proptest::collection::vec(0..3000usize, 1..8), cuts in proptest::collection::vec(0.0..1.0f64, 0..12), form in 0..2usize) {
        let blocks: Vec<_> = sizes.iter().enumerate().map(|(seed, &size)| text(seed as u64, size)).collect();
        let content: Vec<u8> = blocks.iter().enumerate().flat_map(|(number, block)| record(number, block)).collect();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| (cut * content.len() as f64) as usize).collect();
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        let input: Vec<u8> = cuts.windows(2).flat_map(|pair| FORMS[form](&content[pair[0]..pair[1]])).collect();
        let outcome = read_all(&input);
        prop_assert_eq!(outcome.blocks(), blocks);
        prop_assert_eq!(outcome.kinds(), Vec::<&str>::new());
    }
}

/// What a seed does to an input: flips, cuts out, doubles, zeroes, swaps or inserts some bytes somewhere.
fn mutated(input: &[u8], seed: u64) -> Vec<u8> {
    let dice = noise(seed, 24);
    let number = |at: usize, below: usize| {
        let bytes: [u8; 8] = dice[at..at + 8].try_into().expect("eight bytes");
        (u64::from_le_bytes(bytes) % below.max(1) as u64) as usize
    };
    let at = number(0, input.len());
    let end = (at + 1 + number(8, 600)).min(input.len());
    let (before, piece, behind) = (&input[..at], &input[at..end], &input[end..]);
    match seed % 7 {
        0 => {
            let mut flipped = input.to_vec();
            flipped[at] ^= 1 << number(16, 8);
            flipped
        }
        1 => [before, behind].concat(),
        2 => [before, piece, piece, behind].concat(),
        3 => [before, &vec![0; piece.len()], behind].concat(),
        4 => [before, &noise(seed + 1, piece.len()), piece, behind].concat(),
        5 => [behind, before, piece].concat(),
        _ => before.to_vec(),
    }
}

#[test]
fn no_loss_is_silent_in_two_thousand_mutants() {
    for (form, name) in [(gzip as Form, "gzip"), (zstd as Form, "zstd")] {
        let (input, places, blocks) = six(form);
        for seed in 0..2000 {
            let mutant = mutated(&input, seed);
            let outcome = read_all(&mutant);
            let found = outcome.blocks();
            let lost = blocks
                .iter()
                .filter(|block| !found.contains(&block.as_slice()))
                .count();
            let invented = found
                .iter()
                .filter(|found| blocks.iter().all(|block| block != *found))
                .count();
            // Where whole members went, nothing is left to tell of them: that takes the length from elsewhere.
            let is_whole = |bytes: &[u8]| places.iter().any(|place| &input[place.clone()] == bytes);
            let ends_whole =
                mutant.is_empty() || (0..mutant.len()).any(|start| is_whole(&mutant[start..]));
            let is_told = !outcome.faults.is_empty() || outcome.error.is_some();
            assert_eq!(invented, 0, "{name}, seed {seed}");
            assert!(
                lost == 0 || is_told || (ends_whole && seed % 7 != 0),
                "{name}, seed {seed}: {lost} lost"
            );
        }
    }
}

/// Larger than the reader's window, so that records meet its edges in other places when they arrive slowly.
#[test]
fn slow_large_input_gives_the_same() {
    let input: Vec<u8> = (0..40)
        .flat_map(|n| gzip(&record(n, &noise(n as u64, 50_000 + 9_000 * n))))
        .collect();
    let at_once = read_all(&input);
    assert_eq!(at_once.records.len(), 40);
    let slowly = read_with(
        Trickle {
            bytes: &input,
            interrupt: false,
        },
        Default::default(),
        input.len() as u64,
    );
    assert_eq!(at_once.records, slowly.records);
}
