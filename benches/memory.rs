//! Whether a run keeps its memory promise: anonymous memory within 1.10 × `--memory` + 64 MiB.
//!
//! Input: the folder named by `CRAWLRANK_BENCH_SHARDS`, else shards made by `synth` that are ten times larger than the
//! budget of 128 MiB (half a minute of work, 1.4 GB of disk). Run it by `cargo bench --bench memory`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crawlrank::shard::{self, FindOptions};
use crawlrank::synth::{self, SynthOptions};

const BUDGET: u64 = 128 << 20;
/// Pages of 7.7 KB each in the shards that are made.
const PAGES: u32 = 175_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shards = match std::env::var_os("CRAWLRANK_BENCH_SHARDS") {
        Some(given) => PathBuf::from(given),
        None => make_shards(folder.path().join("shards")),
    };
    let input = shards.to_string_lossy().into_owned();
    let bytes: u64 = shard::find(std::slice::from_ref(&input), &FindOptions::local(None))
        .expect("shards")
        .iter()
        .map(|shard| shard.bytes)
        .sum();
    let out = folder.path().join("run");
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .args([
            "run",
            &input,
            "--memory",
            "128M",
            "--no-progress",
            "-q",
            "--out",
        ])
        .arg(&out)
        .stdout(Stdio::inherit())
        .spawn()
        .expect("the program starts");
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            break status;
        }
        peak = peak.max(anonymous_bytes(&status_file));
        std::thread::sleep(Duration::from_millis(5));
    };
    let promise = BUDGET + BUDGET / 10 + (64 << 20);
    println!("| shards | --memory | peak anonymous | promise | seconds | exit |");
    println!("|---|---|---|---|---|---|");
    println!(
        "| {:.0} MB | 128 MiB | {} MiB | {} MiB | {:.0} | {} |",
        bytes as f64 / 1e6,
        peak >> 20,
        promise >> 20,
        started.elapsed().as_secs_f64(),
        status.code().unwrap_or(-1)
    );
    assert!(peak <= promise, "the promise is broken");
}

fn make_shards(out: PathBuf) -> PathBuf {
    let options = SynthOptions {
        out: out.clone(),
        shards: 8,
        pages_per_shard: PAGES / 8,
        hosts: 200_000,
        ..SynthOptions::default()
    };
    synth::generate(&options, &|_| Ok(())).expect("room for 1.4 GB");
    out
}

/// Private memory of a process that no file backs.
fn anonymous_bytes(status_file: &str) -> u64 {
    let text = fs::read_to_string(status_file).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap_or("0");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or(0)
        << 10
}
