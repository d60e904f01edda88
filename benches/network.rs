//! A run from a server on loopback against the same run from files: what the network's side of the program costs.
//!
//! ```text
//! cargo bench --bench network
//! ```
//!
//! Wall time of the whole run, medians of five rounds that take turns. Shards are made by the bench; `CRAWLRANK_BENCH_WAT=FILE`
//! names one to be served under several names instead.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crawlrank::shard::{self, FindOptions};
use crawlrank::synth::{self, SynthOptions};

#[path = "../pipelines/network/test_server.rs"]
mod test_server;

use test_server::Server;

const ROUNDS: usize = 5;
/// Names under which one file is served.
const COPIES: usize = 4;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shards = folder.path().join("shards");
    match std::env::var_os("CRAWLRANK_BENCH_WAT") {
        Some(file) => link_copies(Path::new(&file), &shards),
        None => make_shards(&shards),
    }
    let files = shard::find(&[&shards], &FindOptions::local(None)).expect("shards");
    let bytes: u64 = files.iter().map(|shard| shard.bytes).sum();
    let server = Server::start();
    let mut urls = Vec::new();
    for file in &files {
        let path = format!("/{}", file.name);
        server.put(&path, std::fs::read(&file.path).expect("a shard"));
        urls.push(server.url(&path));
    }
    let (mut local, mut remote) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let out = |name: &str| folder.path().join(format!("{name}-{round}"));
        local.push(run(&[shards.to_string_lossy().into_owned()], &out("local")));
        remote.push(run(&urls, &out("remote")));
    }
    let (local, remote) = (median(local), median(remote));
    println!("{} shards, {:.1} MB", files.len(), bytes as f64 / 1e6);
    println!("from files     {local:.2} s");
    println!(
        "from a server  {remote:.2} s: {:.2} of the rate",
        local / remote
    );
}

fn make_shards(out: &Path) {
    let options = SynthOptions {
        out: out.to_owned(),
        shards: COPIES as u32,
        pages_per_shard: 8_000,
        hosts: 20_000,
        ..SynthOptions::default()
    };
    synth::generate(&options, &|_| Ok(())).expect("room for shards");
}

fn link_copies(file: &Path, out: &Path) {
    std::fs::create_dir(out).expect("a folder");
    for copy in 0..COPIES {
        let link = out.join(format!("{copy}.warc.wat.gz"));
        std::fs::copy(file, link).expect("a copy");
    }
}

/// Seconds of a run.
fn run(inputs: &[String], out: &PathBuf) -> f64 {
    let started = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .arg("run")
        .args(inputs)
        .args(["-q", "--no-progress", "--no-harmonic", "--out"])
        .arg(out)
        .stdout(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.success(), "{status}");
    started.elapsed().as_secs_f64()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
