//! Rate of building a graph of integer edges in any order.
//!
//! ```text
//! cargo bench -p crawlrank-graph --bench building -- PAIRS.bin OUT [--memory 1000] [--threads 2] [--turn]
//! ```
//!
//! `PAIRS.bin` holds source and target of each edge as little-endian `u32`; `OUT` must be free. `--turn` transposes the graph
//! after that and removes what that gave, to time it alone. Memory is in MB. Processor time is what counts on a busy machine.

use crawlrank_graph::{Graph, IdGraphBuilder, IdGraphOptions};
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [pairs, out, options @ ..] = words.as_slice() else {
        println!("skipped: say `PAIRS.bin OUT`");
        return Ok(());
    };
    let option = |name: &str, default: usize| -> Result<usize> {
        let at = options.iter().position(|&word| word == name);
        Ok(at
            .and_then(|at| options.get(at + 1))
            .map_or(Ok(default), |value| value.parse())?)
    };
    let memory_bytes = option("--memory", 1000)? * 1_000_000;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(option("--threads", 0)?)
        .build()?;
    pool.install(|| {
        let graph = build(Path::new(pairs), Path::new(out), memory_bytes)?;
        match options.contains(&"--turn") {
            true => turn(&graph, Path::new(out), memory_bytes),
            false => Ok(()),
        }
    })
}

fn build(pairs: &Path, out: &Path, memory_bytes: usize) -> Result<Graph> {
    let tmp = out.parent().ok_or("OUT is in a folder")?;
    let options = IdGraphOptions {
        memory_bytes,
        ..IdGraphOptions::default()
    };
    let clock = Clock::start();
    let mut builder = IdGraphBuilder::new(tmp, options)?;
    let mut file = File::open(pairs)?;
    let mut batch = vec![[0u32; 2]; 1 << 20];
    let mut left = file.metadata()?.len() as usize / 8;
    let edges = left;
    while left > 0 {
        let now = &mut batch[..left.min(1 << 20)];
        file.read_exact(bytemuck::cast_slice_mut(now))?;
        builder.push_edges(now)?;
        left -= now.len();
    }
    clock.told("read and split", edges);
    let go_on = &mut |_| ControlFlow::Continue(());
    let graph = builder.finish(None, out, go_on)?.graph;
    clock.told("all, with the stream", edges);
    Ok(graph)
}

fn turn(graph: &Graph, out: &Path, memory_bytes: usize) -> Result<()> {
    let turned = out.with_extension("turned");
    let clock = Clock::start();
    let tmp = out.parent().ok_or("OUT is in a folder")?;
    crawlrank_graph::transpose(graph, &turned, tmp, memory_bytes)?;
    clock.told("transposed, twice", graph.num_edges() as usize);
    Ok(std::fs::remove_dir_all(&turned)?)
}

struct Clock {
    begun: Instant,
    spent: f64,
}

impl Clock {
    fn start() -> Self {
        Clock {
            begun: Instant::now(),
            spent: processor_seconds(),
        }
    }

    fn told(&self, what: &str, edges: usize) {
        let wall = self.begun.elapsed().as_secs_f64();
        let spent = processor_seconds() - self.spent;
        println!(
            "{what}: {spent:.2} s of processors, {wall:.2} s, {:.1} M edges/s; {} MB anonymous",
            edges as f64 / wall / 1e6,
            anonymous_bytes() / 1_000_000
        );
    }
}

/// User and system time of this process, in which a tick is 10 ms.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = behind_name.split(' ').skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// What the process holds in memory now that is no file.
fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
