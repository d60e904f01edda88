//! What the reader promises, one case each, on small hand-made inputs.

mod util;

use crawlrank_warc::{Error, Reader, ReaderOptions, WindowBudget};
use util::{gzip, noise, read_all, read_with, record, record_with, text, zstd};

fn three() -> [Vec<u8>; 3] {
    [
        record(0, b"zero"),
        record(1, &text(1, 3000)),
        record(2, b"two"),
    ]
}

fn blocks_of_three() -> [Vec<u8>; 3] {
    [b"zero".to_vec(), text(1, 3000), b"two".to_vec()]
}

#[track_caller]
fn assert_clean(input: &[u8], expected: &[Vec<u8>]) {
    let outcome = read_all(input);
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.blocks(), expected);
    assert_eq!((outcome.kinds(), outcome.warnings()), (vec![], vec![]));
}

#[test]
fn member_per_record_gives_offsets_and_bytes_of_members() {
    let members = three().map(|record| gzip(&record));
    let outcome = read_all(&members.concat());
    let places: Vec<_> = outcome
        .records
        .iter()
        .map(|record| (record.offset, record.bytes))
        .collect();
    let (a, b, c) = (
        members[0].len() as u64,
        members[1].len() as u64,
        members[2].len() as u64,
    );
    assert_eq!(places, [(0, a), (a, b), (a + b, c)]);
    assert_eq!(outcome.totals.members, 3);
}

#[test]
fn records_are_the_same_in_every_layout() {
    let plain = three().concat();
    assert_clean(&plain, &blocks_of_three());
    assert_clean(&gzip(&plain), &blocks_of_three());
    assert_clean(&zstd(&plain), &blocks_of_three());
    assert_clean(
        &three().map(|record| zstd(&record)).concat(),
        &blocks_of_three(),
    );
    for cut in [1, 5, 60, 150, plain.len() - 3] {
        let (front, back) = plain.split_at(cut);
        assert_clean(&[gzip(front), gzip(back)].concat(), &blocks_of_three());
        assert_clean(&[zstd(front), zstd(back)].concat(), &blocks_of_three());
    }
}

#[test]
fn members_of_a_byte_each_are_read() {
    let members: Vec<u8> = three()
        .concat()
        .iter()
        .flat_map(|&byte| gzip(&[byte]))
        .collect();
    assert_clean(&members, &blocks_of_three());
}

#[test]
fn shared_member_is_charged_to_its_first_record() {
    let input = gzip(&three().concat());
    let outcome = read_all(&input);
    let charged: Vec<_> = outcome
        .records
        .iter()
        .map(|record| (record.offset, record.bytes))
        .collect();
    assert_eq!(charged, [(0, input.len() as u64), (0, 0), (0, 0)]);
}

#[test]
fn member_above_the_whole_limit_is_streamed() {
    let blocks = [noise(1, 5 << 20), noise(2, 5 << 20), b"small".to_vec()];
    let plain: Vec<u8> = blocks
        .iter()
        .enumerate()
        .flat_map(|(number, block)| record(number, block))
        .collect();
    assert_clean(&gzip(&plain), &blocks);
    let single = noise(3, 20 << 20);
    assert_clean(
        &[gzip(&record(0, &single)), gzip(&record(1, b"after"))].concat(),
        &[single, b"after".to_vec()],
    );
}

#[test]
fn damage_at_the_end_of_a_streamed_record_loses_it_alone() {
    let mut members = [
        gzip(&record(0, b"a")),
        gzip(&record(1, &noise(3, 9 << 20))),
        gzip(&record(2, b"b")),
    ];
    let crc = members[1].len() - 8;
    members[1][crc] ^= 1;
    let outcome = read_all(&members.concat());
    assert_eq!(outcome.blocks(), [b"a", b"b"]);
    assert_eq!(outcome.kinds(), ["bad_crc"]);
    assert_eq!(
        (outcome.faults[0].offset, outcome.faults[0].bytes),
        (members[0].len() as u64, members[1].len() as u64)
    );
}

#[test]
fn middle_of_a_large_member_missing_loses_it_alone() {
    let mut members = [
        gzip(&record(0, b"a")),
        gzip(&record(1, &noise(3, 9 << 20))),
        gzip(&record(2, b"b")),
    ];
    members[1].drain(8_900_000..9_000_000);
    let outcome = read_all(&members.concat());
    assert_eq!(outcome.blocks(), [b"a", b"b"]);
    assert_eq!(outcome.faults.len(), 1);
}

#[test]
fn junk_before_the_first_member_is_a_fault() {
    for form in [gzip, zstd, |content: &[u8]| content.to_vec()] {
        let members = three().map(|record| form(&record)).concat();
        let outcome = read_all(&[&noise(9, 500), &members[..]].concat());
        assert_eq!(outcome.blocks(), blocks_of_three());
        assert_eq!(
            (outcome.kinds(), outcome.faults[0].bytes),
            (vec!["junk"], 500)
        );
    }
}

#[test]
fn damaged_first_member_is_a_fault() {
    let mut members = three().map(|record| gzip(&record));
    let last = members[0].len() - 1;
    members[0][last] ^= 1;
    let outcome = read_all(&members.concat());
    assert_eq!(outcome.blocks(), blocks_of_three()[1..]);
    assert_eq!(
        (outcome.kinds(), outcome.faults[0].offset),
        (vec!["bad_length"], 0)
    );
}

#[test]
fn neighbours_that_are_damaged_are_one_fault() {
    let mut members = three().map(|record| gzip(&record));
    for member in &mut members[..2] {
        let crc = member.len() - 8;
        member[crc] ^= 1;
    }
    let outcome = read_all(&members.concat());
    assert_eq!(outcome.blocks(), [b"two"]);
    assert_eq!(outcome.faults.len(), 1);
    assert_eq!(
        outcome.faults[0].bytes,
        (members[0].len() + members[1].len()) as u64
    );
}

#[test]
fn record_over_two_members_is_lost_with_the_second() {
    let plain = record(0, &text(1, 3000));
    let (front, back) = plain.split_at(1000);
    let mut damaged = gzip(back);
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    let front = gzip(front);
    let outcome = read_all(&[&front[..], &damaged, &gzip(&record(1, b"after"))].concat());
    assert_eq!(outcome.blocks(), [b"after"]);
    assert_eq!(
        (outcome.kinds(), outcome.faults[0].offset),
        (vec!["bad_crc"], 0)
    );
    assert_eq!(
        outcome.faults[0].bytes,
        (front.len() + damaged.len()) as u64
    );
}

#[test]
fn cut_inside_a_member_keeps_the_whole_records_before() {
    let whole = gzip(
        &[
            record(0, b"zero"),
            record(1, &noise(1, 3000)),
            record(2, &noise(2, 3000)),
        ]
        .concat(),
    );
    let outcome = read_all(&whole[..whole.len() - 1500]);
    assert_eq!(outcome.blocks(), [&b"zero"[..], &noise(1, 3000)]);
    assert_eq!(outcome.kinds(), ["cut_member"]);
}

#[test]
fn length_that_seems_to_reach_the_end_loses_one_record_only() {
    // A raw zstd block holds noise as it is; its damaged length swallows the frames behind it.
    let mut frames = [1, 2, 3].map(|n| zstd(&record(n, &noise(n as u64, 400))));
    let block_header = 6;
    frames[0][block_header + 1] ^= 0x20;
    let outcome = read_all(&frames.concat());
    assert_eq!(outcome.blocks(), [noise(2, 400), noise(3, 400)]);
    assert_eq!(
        (outcome.faults.len(), outcome.faults[0].bytes),
        (1, frames[0].len() as u64)
    );
}

#[test]
fn blocks_without_content_are_not_kept() {
    let empty_blocks = [0, 0, 0, 0xff, 0xff].repeat(8 << 20);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let input = [&gzip(&record(0, b"zero"))[..], &head, &empty_blocks].concat();
    let outcome = read_all(&input);
    assert_eq!(
        (outcome.blocks(), outcome.kinds()),
        (vec![&b"zero"[..]], vec!["cut_member"])
    );
}

#[test]
fn cut_plain_record_is_a_fault() {
    let plain = three().concat();
    let outcome = read_all(&plain[..plain.len() - 8]);
    assert_eq!(outcome.blocks(), blocks_of_three()[..2]);
    assert_eq!(outcome.kinds(), ["cut_record"]);
}

#[test]
fn empty_members_and_zeros_at_the_end_are_padding() {
    let [a, b, c] = three().map(|record| gzip(&record));
    let empty = gzip(b"");
    let zeros = [0; 700];
    let input = [&empty[..], &a, &empty, &empty, &b, &c, &empty, &zeros].concat();
    let outcome = read_all(&input);
    assert_eq!(outcome.blocks(), blocks_of_three());
    assert_eq!(
        outcome.warnings(),
        [("empty_member", 4), ("zero_padding", 1)]
    );
    assert_eq!(
        outcome.totals.padding_bytes,
        (4 * empty.len() + zeros.len()) as u64
    );
    let outcome = read_all(&[&three().concat()[..], &zeros].concat());
    assert_eq!(
        (outcome.warnings(), outcome.totals.padding_bytes),
        (vec![("zero_padding", 1)], 700)
    );
}

#[test]
fn ten_thousand_empty_members_are_harmless() {
    let empty = gzip(b"");
    let input = [
        empty.repeat(10_000),
        gzip(&record(0, b"zero")),
        empty.repeat(10_000),
    ]
    .concat();
    let outcome = read_all(&input);
    assert_eq!(outcome.blocks(), [b"zero"]);
    assert_eq!(outcome.warnings(), [("empty_member", 20_000)]);
}

#[test]
fn wrong_lengths_are_bounded_by_the_member() {
    for wrong in ["0", "3", "2999", "3004", "3100", "1000000000000"] {
        let middle = record_with(&format!("Content-Length: {wrong}\r\n"), 1, &text(1, 3000));
        for form in [gzip, zstd] {
            let input = [record(0, b"zero"), middle.clone(), record(2, b"two")]
                .map(|record| form(&record))
                .concat();
            let outcome = read_all(&input);
            let blocks = outcome.blocks();
            assert_eq!(
                (blocks.len(), blocks[2], outcome.kinds()),
                (3, &b"two"[..], vec![]),
                "{wrong}"
            );
            assert_eq!(outcome.totals.warnings.total(), 1, "{wrong}");
            assert!(blocks[1].starts_with(&text(1, 3000)), "{wrong}");
        }
    }
}

#[test]
fn wrong_lengths_in_plain_files_end_at_the_next_header() {
    for line in [
        "Content-Length: 10\r\n",
        "Content-Length: 3100\r\n",
        "Content-Length: 1000000000000\r\n",
        "",
        "Content-Length: x\r\n",
    ] {
        let middle = record_with(line, 1, &text(1, 3000));
        let plain = [record(0, b"zero"), middle, record(2, b"two")].concat();
        for input in [plain.clone(), gzip(&plain), zstd(&plain)] {
            let outcome = read_all(&input);
            assert_eq!(outcome.blocks(), blocks_of_three(), "{line}");
            assert_eq!(
                (outcome.kinds(), outcome.totals.warnings.total()),
                (vec![], 1),
                "{line}"
            );
        }
    }
}

#[test]
fn junk_between_plain_records_is_a_fault() {
    let [a, b, c] = three();
    let outcome = read_all(&[&a[..], b"junk\r\n", &b, &c].concat());
    assert_eq!(outcome.blocks(), blocks_of_three());
    assert_eq!(
        (
            outcome.kinds(),
            outcome.faults[0].offset,
            outcome.faults[0].bytes
        ),
        (vec!["junk"], a.len() as u64, 6)
    );
}

#[test]
fn block_that_holds_a_warc_file_is_one_record() {
    let inner = three().concat();
    for form in [gzip, zstd, |content: &[u8]| content.to_vec()] {
        let input = [form(&record(0, &inner)), form(&record(1, b"after"))].concat();
        assert_clean(&input, &[inner.clone(), b"after".to_vec()]);
    }
}

#[test]
fn member_without_a_record_is_a_fault() {
    let [a, b, c] = three().map(|record| gzip(&record));
    let other = gzip(b"not a record");
    let outcome = read_all(&[&a[..], &b, &other, &c].concat());
    assert_eq!(outcome.blocks(), blocks_of_three());
    assert_eq!(outcome.kinds(), ["bad_header"]);
    assert_eq!(outcome.faults[0].bytes, other.len() as u64);
}

#[test]
fn record_above_the_limit_is_streamed_past() {
    let options = || ReaderOptions {
        max_record_bytes: 100_000,
        ..ReaderOptions::default()
    };
    let bomb = record(1, &vec![0; 30 << 20]);
    for form in [gzip, zstd, |content: &[u8]| content.to_vec()] {
        let members = [
            form(&record(0, &text(0, 100_000))),
            form(&bomb),
            form(&record(2, b"two")),
        ];
        let input = members.concat();
        let outcome = read_with(&input[..], options(), input.len() as u64);
        assert_eq!(outcome.blocks(), [&text(0, 100_000)[..], b"two"]);
        assert_eq!(outcome.kinds(), ["record_too_large"]);
        assert_eq!(outcome.faults[0].bytes, members[1].len() as u64);
    }
}

#[test]
fn header_above_the_limit_is_a_fault() {
    let long = record_with(
        &format!("X: {}\r\nContent-Length: 1\r\n", "a".repeat(1 << 20)),
        1,
        b"b",
    );
    let many = record_with(
        &format!("{}Content-Length: 1\r\n", "X: a\r\n".repeat(300)),
        1,
        b"b",
    );
    for middle in [long, many] {
        for form in [gzip, zstd, |content: &[u8]| content.to_vec()] {
            let input = [
                form(&record(0, b"zero")),
                form(&middle),
                form(&record(2, b"two")),
            ]
            .concat();
            let outcome = read_all(&input);
            assert_eq!(outcome.blocks(), [&b"zero"[..], b"two"]);
            assert_eq!(outcome.kinds(), ["header_too_large"]);
        }
    }
}

#[test]
fn window_above_the_limit_is_a_fault() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(22).unwrap();
    std::io::Write::write_all(&mut encoder, &record(1, &noise(1, 5 << 20))).unwrap();
    let wide = encoder.finish().unwrap();
    let input = [
        &zstd(&record(0, b"zero"))[..],
        &wide,
        &zstd(&record(2, b"two")),
    ]
    .concat();
    let options = ReaderOptions {
        max_window_bytes: 2 << 20,
        ..ReaderOptions::default()
    };
    let outcome = read_with(&input[..], options, input.len() as u64);
    assert_eq!(outcome.blocks(), [&b"zero"[..], b"two"]);
    assert_eq!(
        (outcome.kinds(), outcome.faults[0].bytes),
        (vec!["window_too_large"], wide.len() as u64)
    );
    assert_eq!(read_all(&input).records.len(), 3);
}

/// A frame with a window of 16 MiB whose header does not tell how long its content is.
fn wide_frame(plain: &[u8], dictionary: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::with_dictionary(Vec::new(), 1, dictionary).unwrap();
    encoder.window_log(24).unwrap();
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn readers_share_room_for_wide_windows() {
    let dictionary = noise(7, 50_000);
    let header = [0x5d, 0x2a, 0x4d, 0x18, 0x50, 0xc3, 0, 0]; // of a skippable frame of 50,000 bytes
    let frame = |content: &[u8]| wide_frame(&record(1, content), &dictionary);
    let narrow = zstd(&record(0, b"zero"));
    let input = [
        &header[..],
        &dictionary,
        &narrow,
        &frame(b"one"),
        &frame(&noise(3, 9 << 20)), // more than is taken as a whole
        &frame(b"three")[..40],     // damaged
        &frame(b"four"),
    ]
    .concat();
    let alone = read_all(&input);
    assert_eq!(alone.records.len(), 4);
    let options = ReaderOptions {
        window_budget: Some(WindowBudget::new(20 << 20)),
        ..ReaderOptions::default()
    };
    let with_budget = || read_with(&input[..], options.clone(), input.len() as u64);
    let outcome = with_budget();
    assert_eq!(outcome.blocks(), alone.blocks());
    assert_eq!(outcome.kinds(), alone.kinds());
    // While another one is at a wide frame there is no room; before it comes to one there is.
    let mut other = Reader::with_options(&input[..], options.clone());
    let mut record = crawlrank_warc::Record::new();
    assert!(other.read_record(&mut record).unwrap());
    assert_eq!(with_budget().records.len(), 4);
    assert!(other.read_record(&mut record).unwrap());
    let without_room = with_budget();
    assert_eq!(without_room.blocks(), alone.blocks()[..1]);
    let place = header.len() + dictionary.len() + narrow.len();
    let Some(Error::NoRoom {
        offset,
        window_bytes,
    }) = without_room.error
    else {
        panic!("{:?}", without_room.error);
    };
    assert_eq!((offset, window_bytes), (place as u64, 16 << 20));
    drop(other);
    assert_eq!(with_budget().records.len(), 4);
}

#[test]
fn other_inputs_are_refused_by_name() {
    let error = |input: &[u8]| read_all(input).error.expect("a refusal");
    assert!(matches!(error(b""), Error::Empty));
    assert!(matches!(
        error(&gzip(
            b"filedesc://x.arc 0.0.0.0 20080430204825 text/plain 0\n"
        )),
        Error::Arc
    ));
    assert!(matches!(
        error(&gzip(b"<!DOCTYPE html><p>")),
        Error::HtmlOrXml { .. }
    ));
    for other in [
        gzip(b"some text"),
        zstd(b"some text"),
        noise(1, 5000),
        vec![0; 5000],
        b"text".to_vec(),
        gzip(&noise(5, 9 << 20)),
    ] {
        assert!(matches!(error(&other), Error::UnknownFormat { .. }));
    }
}

#[test]
fn gzip_of_nothing_is_a_file_without_records() {
    let outcome = read_all(&gzip(b""));
    assert!(outcome.error.is_none());
    assert_eq!(outcome.warnings(), [("empty_member", 1)]);
}

#[test]
fn a_million_skippable_frames_are_harmless() {
    let empty = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(1 << 20);
    let input = [zstd(&record(0, b"zero")), empty, zstd(&record(1, b"one"))].concat();
    let outcome = read_all(&input);
    assert_eq!(outcome.blocks(), [&b"zero"[..], b"one"]);
    assert_eq!(outcome.faults.len(), 0);
}

#[test]
fn skippable_frames_are_padding() {
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"bytes"].concat();
    let input = [
        &zstd(&record(0, b"zero"))[..],
        &skippable,
        &zstd(&record(1, b"one")),
    ]
    .concat();
    let outcome = read_all(&input);
    assert_eq!(outcome.blocks(), [&b"zero"[..], b"one"]);
    assert_eq!(outcome.totals.padding_bytes, 13);
    let cut = read_all(&input[..input.len() - zstd(&record(1, b"one")).len() - 2]);
    assert_eq!((cut.blocks().len(), cut.kinds()), (1, vec!["cut_member"]));
}

#[test]
fn easy_loop_owns_its_records() {
    let input = three().map(|record| gzip(&record)).concat();
    let mut records = Reader::new(&input[..]).records();
    let all: Vec<_> = records.by_ref().map(|record| record.unwrap()).collect();
    assert_eq!(
        all.iter().map(|record| record.block()).collect::<Vec<_>>(),
        blocks_of_three()
    );
    assert_eq!(records.reader().totals().bytes, input.len() as u64);
    assert!(records.reader_mut().take_faults().is_empty());
}
