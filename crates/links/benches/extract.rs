//! How fast host pairs come out of WAT records, one core, beside inflating the same file.
//!
//! `CRAWLRANK_BENCH_WAT=file.wat.gz cargo bench -p crawlrank-links --bench extract`
//!
//! Times are CPU time of this thread's process, medians over rounds in which the candidates take turns, so that a busy machine slows all of them
//! alike. The baseline that results are stated against elsewhere is libdeflate over the same file; here it is what `flate2` brings.

use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use crawlrank_links::{Level, LinkFilter, Options, Page, Profile};
use flate2::read::MultiGzDecoder;

#[path = "../tests/util/mod.rs"]
mod util;

const NUM_ROUNDS: usize = 7;

/// Name, bytes that the rate is stated for, and what is timed: it returns what it counted.
type Candidate<'a> = (String, usize, Box<dyn FnMut() -> u64 + 'a>);

fn main() {
    let Some(path) = std::env::var_os("CRAWLRANK_BENCH_WAT") else {
        eprintln!("skipped: set CRAWLRANK_BENCH_WAT to the path of a .wat.gz file");
        return;
    };
    let compressed = std::fs::read(Path::new(&path)).expect("the file can be read");
    let inflated = util::content(Path::new(&path));
    let records = util::records(&inflated);
    let blocks: Vec<&[u8]> = records
        .iter()
        .map(|record| record.block)
        .filter(|block| block.starts_with(b"{"))
        .collect();
    let json_bytes: usize = blocks.iter().map(|block| block.len()).sum();
    let blocks = &blocks[..];

    let mut candidates: Vec<Candidate> = Vec::new();
    candidates.push((
        "inflate alone (flate2)".to_owned(),
        inflated.len(),
        Box::new(|| {
            let mut out = Vec::with_capacity(inflated.len());
            MultiGzDecoder::new(&compressed[..])
                .read_to_end(&mut out)
                .expect("the file is gzip");
            black_box(out.len()) as u64
        }),
    ));
    candidates.push((
        "serde_json::Value alone".to_owned(),
        json_bytes,
        Box::new(|| parse_with_serde(blocks)),
    ));
    for &profile in Profile::ALL {
        let edges_only = Options {
            profile,
            max_text_bytes: 0,
            ..Options::default()
        };
        let with_texts = Options {
            profile,
            ..Options::default()
        };
        let parse = edges_only.clone();
        candidates.push((
            format!("links with texts, {profile}"),
            json_bytes,
            Box::new(move || extract(blocks, &with_texts, false)),
        ));
        candidates.push((
            format!("links, {profile}"),
            json_bytes,
            Box::new(move || extract(blocks, &parse, false)),
        ));
        candidates.push((
            format!("links and host pairs, {profile}"),
            json_bytes,
            Box::new(move || extract(blocks, &edges_only, true)),
        ));
    }

    let mut times = vec![Vec::new(); candidates.len()];
    let mut counts = vec![0; candidates.len()];
    for _ in 0..NUM_ROUNDS {
        for (i, (_, _, run)) in candidates.iter_mut().enumerate() {
            let start = cpu_time();
            counts[i] = run();
            times[i].push(cpu_time() - start);
        }
    }
    println!(
        "{} records, {:.1} MB of JSON, median of {NUM_ROUNDS} rounds",
        blocks.len(),
        json_bytes as f64 / 1e6
    );
    for (i, (name, bytes, _)) in candidates.iter().enumerate() {
        times[i].sort();
        let seconds = times[i][NUM_ROUNDS / 2].as_secs_f64();
        println!(
            "{name:32} {:8.1} ms {:8.0} MB/s  ({})",
            seconds * 1e3,
            *bytes as f64 / 1e6 / seconds,
            counts[i]
        );
    }
}

fn parse_with_serde(blocks: &[&[u8]]) -> u64 {
    blocks
        .iter()
        .filter(|block| black_box(serde_json::from_slice::<serde_json::Value>(block)).is_ok())
        .count() as u64
}

/// Returns the number of links, or of host pairs.
fn extract(blocks: &[&[u8]], options: &Options, pairs: bool) -> u64 {
    let mut page = Page::new(options.clone());
    let filter = LinkFilter::default();
    let mut count = 0;
    for block in blocks {
        if page.parse_wat(block) != Ok(true) {
            continue;
        }
        if pairs {
            page.for_each_target(Level::Host, &filter, &mut |target| {
                black_box(target);
                count += 1;
            });
        } else {
            count += page.num_links();
        }
    }
    count
}

/// CPU time of this process so far; where the system does not tell, the clock on the wall.
fn cpu_time() -> Duration {
    let Ok(schedstat) = std::fs::read_to_string("/proc/self/schedstat") else {
        return wall_time();
    };
    let nanoseconds = schedstat
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok());
    nanoseconds.map_or_else(wall_time, Duration::from_nanos)
}

fn wall_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
