//! Reading every record of a WAT file, next to libdeflate alone over the same bytes: CPU time, one thread.
//!
//! `cargo bench -p crawlrank-warc --bench iterate -- FILE.wat.gz` (or `CRAWLRANK_BENCH_WAT=FILE.wat.gz`). The file must be
//! made of gzip members of one record each, as Common Crawl writes them.

#[path = "../src/inflate.rs"]
#[allow(dead_code, unused_imports)] // its tests are compiled too, but not run
mod inflate;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crawlrank_warc::{Reader, Record};
use inflate::Inflater;

const ROUNDS: usize = 5;

fn main() {
    let argument = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let Some(path) = argument
        .or_else(|| std::env::var("CRAWLRANK_BENCH_WAT").ok())
        .map(PathBuf::from)
    else {
        println!("skipped: no file; give a WAT file as argument or in CRAWLRANK_BENCH_WAT");
        return;
    };
    let (mut alone, mut reader) = (Vec::new(), Vec::new());
    let (mut plain_bytes, mut records) = (0, 0);
    let input = fs::read(&path).expect("a file that can be read");
    let mut output = vec![0; 16 << 20];
    for _ in 0..ROUNDS {
        alone.push(seconds(|| {
            plain_bytes = libdeflate_alone(&input, &mut output)
        }));
        reader.push(seconds(|| records = read_records(&path)));
    }
    let (alone, reader) = (median(alone), median(reader));
    let rate = |seconds: f64| plain_bytes as f64 / seconds / 1e6;
    println!(
        "{records} records, {plain_bytes} bytes of content; medians of {ROUNDS} rounds, CPU time, one thread"
    );
    println!("libdeflate alone  {alone:.3} s  {:.0} MB/s", rate(alone));
    println!(
        "read_record       {reader:.3} s  {:.0} MB/s  {:.0} records/s",
        rate(reader),
        records as f64 / reader
    );
    println!("ratio             {:.3}", alone / reader);
}

/// Decompresses all members of a file that is in memory already; the reader has to read it as well.
fn libdeflate_alone(input: &[u8], output: &mut [u8]) -> u64 {
    let mut inflater = Inflater::new();
    let (mut rest, mut content_bytes) = (input, 0);
    while !rest.is_empty() {
        let inflated = inflater
            .gzip_member(rest, output)
            .expect("an undamaged file of small members");
        black_box(&output[..inflated.content_bytes]);
        content_bytes += inflated.content_bytes as u64;
        rest = &rest[inflated.member_bytes..];
    }
    content_bytes
}

fn read_records(path: &Path) -> u64 {
    let mut reader = Reader::open(path).expect("a file that can be opened");
    let mut record = Record::new();
    while reader.read_record(&mut record).expect("a WARC file") {
        black_box(record.block());
    }
    reader.totals().records
}

/// CPU seconds of this thread, or wall time where the system does not tell.
fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    let cpu_before = cpu_nanoseconds();
    work();
    match (cpu_before, cpu_nanoseconds()) {
        (Some(before), Some(after)) => (after - before) as f64 / 1e9,
        _ => start.elapsed().as_secs_f64(),
    }
}

/// The scheduler's first number: time on the CPU. It moves in ticks, some milliseconds each.
fn cpu_nanoseconds() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat")
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
