//! A census of robots.txt files: parse a column of them, decide ten URLs each, give the answers as record batches.
//!
//! One core and all, best of several rounds; a core's rate is by CPU time, so that other work beside does not count. Input: the real files of `../shared/data/robots` with their URLs where they
//! lie beside the project, else files made here. Run it by `cargo bench --bench census`.

use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{BinaryArray, ListArray};
use crawlrank::robots::agents;
use crawlrank::robots::batch::Files;
use serde_json::Value;

const ROUNDS: usize = 7;

fn main() {
    let (bodies, urls, source) = real().unwrap_or_else(made);
    let bytes: usize = bodies.iter().flatten().map(<[u8]>::len).sum();
    let files = bodies.iter().count();
    println!(
        "{source}: {files} files, {:.1} MB, 10 URLs each",
        bytes as f64 / 1e6
    );
    let known = agents::known();
    let known: Vec<&str> = known.iter().map(|agent| agent.token.as_str()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("| agents | threads | files/s | files/s per core | decisions/s per core |");
    println!("|---|---|---|---|---|");
    for threads in [1, cores] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("threads start");
        for agents in [&["CCBot"][..], &known] {
            let rounds = (0..ROUNDS).map(|_| pool.install(|| census(&bodies, &urls, agents)));
            let (walls, cpus): (Vec<_>, Vec<_>) = rounds.unzip();
            let rate = |times: Vec<Duration>| {
                files as f64 / times.into_iter().min().unwrap_or_default().as_secs_f64()
            };
            let (wall, core) = (rate(walls), rate(cpus));
            let decisions = core * 10.0 * agents.len() as f64;
            println!(
                "| {} | {threads} | {wall:.0} | {core:.0} | {decisions:.0} |",
                agents.len()
            );
        }
    }
}

/// Wall and CPU time of one census.
fn census(bodies: &BinaryArray, urls: &ListArray, agents: &[&str]) -> (Duration, Duration) {
    let (start, cpu) = (Instant::now(), cpu_time());
    let files = Files::parse(bodies, &Default::default(), &Default::default())
        .expect("the column is binary");
    let decisions = files
        .decisions(agents, urls, false)
        .expect("the columns fit");
    black_box(&decisions);
    (start.elapsed(), cpu_time() - cpu)
}

/// CPU time of the process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

type Input = (BinaryArray, ListArray, &'static str);

/// The files of the study, with the URLs that were made for them.
fn real() -> Option<Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/robots");
    let lines = |name: &str| -> Option<Vec<Value>> {
        let file = std::fs::File::open(folder.join(name)).ok()?;
        let reader = BufReader::new(zstd::Decoder::new(file).ok()?);
        reader
            .lines()
            .map(|line| serde_json::from_str(&line.ok()?).ok())
            .collect()
    };
    let bodies = lines("robots_corpus.jsonl.zst")?;
    let bodies: Vec<Vec<u8>> = bodies
        .iter()
        .map(|file| match file["robots_b64"].as_str() {
            Some(digits) => data_encoding::BASE64
                .decode(digits.as_bytes())
                .unwrap_or_default(),
            None => file["robots_txt"]
                .as_str()
                .unwrap_or_default()
                .as_bytes()
                .to_vec(),
        })
        .collect();
    let mut urls = ListBuilder::new(StringBuilder::new());
    for file in lines("robots_urls.jsonl.zst")? {
        let of_file = file["urls"].as_array()?.iter();
        urls.append_value(of_file.map(Value::as_str));
    }
    Some((
        BinaryArray::from_iter_values(bodies),
        urls.finish(),
        "real files",
    ))
}

fn made() -> Input {
    let body = |number: usize| {
        let rules: String = (0..number % 23)
            .map(|rule| format!("Disallow: /{rule}/{}\n", number % 97))
            .collect();
        format!("User-agent: *\nAllow: /{number}\n{rules}\nUser-agent: GPTBot\nDisallow: /\n")
    };
    let bodies = BinaryArray::from_iter_values((0..20_000).map(body));
    let mut urls = ListBuilder::new(StringBuilder::new());
    for number in 0..20_000 {
        urls.append_value((0..10).map(|at| {
            Some(format!(
                "https://host-{number}.example/{at}/{}",
                number % 89
            ))
        }));
    }
    (bodies, urls.finish(), "made files")
}
