//! A census of robots.txt files: parse a column of them, decide ten URLs each, give the answers as record batches.
//!
//! One core and all, best of several rounds, wall time. Input: the real files of `../shared/data/robots` with their URLs where they
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
    println!("| census | threads | files/s | files/s per thread | decisions/s |");
    println!("|---|---|---|---|---|");
    for threads in [1, cores] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("threads start");
        for (name, agents) in [("1 agent", &known[..1]), ("all known agents", &known)] {
            let best = (0..ROUNDS)
                .map(|_| pool.install(|| census(&bodies, &urls, agents)))
                .min();
            let seconds = best.unwrap_or_default().as_secs_f64();
            let rate = files as f64 / seconds;
            println!(
                "| {name} ({}) | {threads} | {rate:.0} | {:.0} | {:.0} |",
                agents.len(),
                rate / threads as f64,
                rate * 10.0 * agents.len() as f64
            );
        }
    }
}

fn census(bodies: &BinaryArray, urls: &ListArray, agents: &[&str]) -> Duration {
    let start = Instant::now();
    let files = Files::parse(bodies, &Default::default()).expect("the column is binary");
    let decisions = files
        .decisions(agents, urls, false)
        .expect("the columns fit");
    black_box(&decisions);
    start.elapsed()
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
