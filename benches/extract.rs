//! How close reading records and extracting host pairs come to the bound: libdeflate alone over the same shard.
//!
//! One core, CPU time, medians of interleaved rounds; then two threads on the one shard, wall time, the best round of each. Input: the WAT named by `CRAWLRANK_BENCH_WAT`, else real pages
//! from `../shared/data` repeated, else a shard made by `synth`. Run it by `cargo bench --bench extract`.

use std::collections::HashSet;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crawlrank::blocks::read_blocks;
use crawlrank::synth::{self, SynthOptions};
use crawlrank_graph::{BuilderOptions, GraphBuilder};
use crawlrank_links::{Level, LinkFilter, Options, Page, Profile};
use crawlrank_warc::{Error, Reader, ReaderOptions, Record, RecordType};

const ROUNDS: usize = 5;
/// Times the real pages are repeated: 8 times 7.5 MB.
const REPEATS: usize = 8;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shard = input(folder.path());
    let bytes = fs::read(&shard).expect("the shard is readable");
    let members = members(&bytes);
    let plain: u64 = members.iter().map(|&(_, _, plain)| plain).sum();
    println!(
        "{}: {:.1} MB gz, {:.1} MB plain, {} members",
        shard.file_name().unwrap_or_default().to_string_lossy(),
        bytes.len() as f64 / 1e6,
        plain as f64 / 1e6,
        members.len()
    );
    let tmp = folder.path();
    type Way<'a> = (&'a str, Box<dyn FnMut() -> u64 + 'a>);
    let mut ways: Vec<Way> = vec![
        (
            "libdeflate alone (the bound)",
            Box::new(|| inflate_alone(&bytes, &members)),
        ),
        (
            "read_record, every block",
            Box::new(|| read_records(&bytes)),
        ),
        (
            "host pairs, profile cc",
            Box::new(|| host_pairs(&bytes, Profile::Cc)),
        ),
        (
            "host pairs, profile browser",
            Box::new(|| host_pairs(&bytes, Profile::Browser)),
        ),
        (
            "host graph of the shard, profile cc",
            Box::new(|| host_graph(&bytes, tmp)),
        ),
    ];
    let mut times = vec![Vec::new(); ways.len()];
    let mut counts = vec![0; ways.len()];
    for _ in 0..ROUNDS {
        for (at, (_, run)) in ways.iter_mut().enumerate() {
            let start = cpu_time();
            counts[at] = black_box(run());
            times[at].push(cpu_time() - start);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let bound = median(&mut times[0]);
    println!("| way | CPU s | MB/s plain | ratio to the bound | result |");
    println!("|---|---|---|---|---|");
    for ((name, _), (times, count)) in ways.iter().zip(times.iter_mut().zip(&counts)) {
        let seconds = median(times);
        println!(
            "| {name} | {seconds:.3} | {:.0} | {:.2} | {count} |",
            plain as f64 / 1e6 / seconds,
            bound / seconds
        );
    }
    in_threads(&bytes);
}

/// What a thread does with a record: it adds to a sum.
type ReadRecord = fn(&mut Page, &Record, &mut u64);

/// One shard and two threads, beside one.
fn in_threads(bytes: &[u8]) {
    println!("\n| one shard, wall time | one thread | two threads | times as fast |");
    println!("|---|---|---|---|");
    let ways: [(&str, ReadRecord); 2] = [
        ("every block", |_, record, sum| {
            *sum += record.block().len() as u64;
        }),
        ("host pairs, profile cc", |page, record, sum| {
            if record.record_type() == RecordType::Metadata
                && page.parse_wat(record.block()) == Ok(true)
            {
                page.for_each_target(Level::Host, &LinkFilter::default(), &mut |target| {
                    black_box(target);
                    *sum += 1;
                });
            }
        }),
    ];
    for (name, read) in ways {
        let mut best = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            let mut sums = [0; 2];
            for threads in [1, 2] {
                let start = Instant::now();
                sums[threads - 1] = read_with(bytes, threads, read);
                best[threads - 1] = best[threads - 1].min(start.elapsed());
            }
            assert_eq!(sums[0], sums[1], "{name}");
        }
        let [one, two] = best.map(|time| time.as_secs_f64());
        println!("| {name} | {one:.3} s | {two:.3} s | {:.2} |", one / two);
    }
}

fn read_with(bytes: &[u8], threads: usize, read: ReadRecord) -> u64 {
    let new_page = |_| Page::new(page_options(Profile::Cc));
    let mut pages: Vec<Page> = (0..threads).map(new_page).collect();
    let (options, mut sum) = (ReaderOptions::default(), 0);
    let add = |found: u64| {
        sum += found;
        Ok::<(), Error>(())
    };
    let read_all = |page: &mut Page, record: &Record, sum: &mut u64| {
        read(page, record, sum);
        true
    };
    let mut rest = read_blocks(bytes, &options, &mut pages, read_all, add, |error| error)
        .expect("the input is a shard");
    let mut record = Record::default();
    while rest.read_record(&mut record).expect("the input is a shard") {
        read(&mut pages[0], &record, &mut sum);
    }
    sum
}

fn page_options(profile: Profile) -> Options {
    Options {
        profile,
        max_text_bytes: 0, // as a run, which has no use for texts
        ..Options::default()
    }
}

fn input(folder: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os("CRAWLRANK_BENCH_WAT") {
        return path.into();
    }
    let real =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/warc/derived/pages.warc.wat.gz");
    if let Ok(bytes) = fs::read(&real) {
        let path = folder.join("real-pages.wat.gz");
        fs::write(&path, bytes.repeat(REPEATS)).expect("the folder is writable");
        return path;
    }
    println!("no real pages beside the project: a synthetic shard takes their place");
    let options = SynthOptions {
        out: folder.join("synth"),
        shards: 1,
        pages_per_shard: 5000,
        ..Default::default()
    };
    synth::generate(&options, &|_| Ok(())).expect("the folder is writable");
    let mut files = fs::read_dir(&options.out)
        .expect("it was made")
        .flatten()
        .map(|entry| entry.path());
    files
        .find(|path| path.to_string_lossy().ends_with(".wat.gz"))
        .expect("one shard was made")
}

/// Offset, compressed and plain length of every member.
fn members(bytes: &[u8]) -> Vec<(usize, usize, u64)> {
    let mut reader = Reader::new(bytes);
    let mut record = Record::default();
    let mut members = Vec::new();
    while reader
        .read_record(&mut record)
        .expect("the input is a shard")
    {
        let (offset, length) = (record.offset() as usize, record.bytes() as usize);
        if length > 0 {
            let end = offset + length;
            let plain = u32::from_le_bytes(bytes[end - 4..end].try_into().expect("four bytes"));
            members.push((offset, length, u64::from(plain)));
        }
    }
    members
}

fn inflate_alone(bytes: &[u8], members: &[(usize, usize, u64)]) -> u64 {
    let mut decompressor = libdeflater::Decompressor::new();
    let mut out = vec![
        0;
        members
            .iter()
            .map(|&(_, _, plain)| plain as usize)
            .max()
            .unwrap_or(0)
    ];
    let inflated = members.iter().map(|&(offset, length, _)| {
        decompressor
            .gzip_decompress(&bytes[offset..offset + length], &mut out)
            .expect("the member is sound") as u64
    });
    inflated.sum()
}

fn read_records(bytes: &[u8]) -> u64 {
    let mut reader = Reader::new(bytes);
    let mut record = Record::default();
    let mut sum = 0;
    while reader
        .read_record(&mut record)
        .expect("the input is a shard")
    {
        sum += record.block().len() as u64;
    }
    sum
}

fn each_page(bytes: &[u8], profile: Profile, mut each: impl FnMut(&mut Page)) {
    let mut reader = Reader::new(bytes);
    let mut record = Record::default();
    let mut page = Page::new(page_options(profile));
    while reader
        .read_record(&mut record)
        .expect("the input is a shard")
    {
        if record.record_type() == RecordType::Metadata
            && page.parse_wat(record.block()) == Ok(true)
        {
            each(&mut page);
        }
    }
}

fn host_pairs(bytes: &[u8], profile: Profile) -> u64 {
    let (mut pairs, mut hosts) = (0, HashSet::new());
    each_page(bytes, profile, |page| {
        if let Some(host) = page.host() {
            if !hosts.contains(host) {
                hosts.insert(host.to_owned());
            }
        }
        page.for_each_target(Level::Host, &LinkFilter::default(), &mut |target| {
            black_box(target);
            pairs += 1;
        });
    });
    pairs
}

fn host_graph(bytes: &[u8], tmp: &Path) -> u64 {
    let mut builder =
        GraphBuilder::new(tmp, BuilderOptions::default()).expect("the folder is writable");
    each_page(bytes, Profile::Cc, |page| {
        let Some(host) = page.host().map(str::to_owned) else {
            return;
        };
        builder.node(host.as_bytes(), 1).expect("room for a node");
        page.for_each_target(Level::Host, &LinkFilter::default(), &mut |target| {
            builder
                .edge(host.as_bytes(), target.as_bytes(), 1)
                .expect("room for an edge");
        });
    });
    let out = tmp.join("graph");
    let edges = builder
        .finish(&out)
        .expect("the folder is writable")
        .num_edges();
    fs::remove_dir_all(&out).expect("it was made");
    edges
}

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
