//! Times of harmonic centrality and of components over a graph, with a sum over the results' bits by which
//! two programs are compared.
//!
//! ```text
//! cargo bench -p crawlrank-graph --bench centrality -- harmonic GRAPH [--log2m 6] [--threads 2]
//! cargo bench -p crawlrank-graph --bench centrality -- components GRAPH [--threads 2]
//! ```

use crawlrank_graph::{
    Components, ComponentsStep, Error, Graph, HarmonicOptions, harmonic, strong_components,
    weak_components,
};
use std::ops::ControlFlow;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [what @ ("harmonic" | "components"), path, options @ ..] = words.as_slice() else {
        println!("skipped: say `harmonic GRAPH` or `components GRAPH`");
        return Ok(());
    };
    let option = |name: &str, default: usize| -> Result<usize> {
        let at = options.iter().position(|&word| word == name);
        Ok(at
            .and_then(|at| options.get(at + 1))
            .map_or(Ok(default), |value| value.parse())?)
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(option("--threads", 0)?)
        .build()?;
    let log2m = option("--log2m", 6)? as u32;
    let graph = Graph::open(path)?;
    pool.install(|| match *what {
        "harmonic" => time_harmonic(&graph, log2m),
        _ => time_components(&graph),
    })
}

fn time_harmonic(graph: &Graph, log2m: u32) -> Result<()> {
    let options = HarmonicOptions {
        log2m,
        ..HarmonicOptions::default()
    };
    let started = Started::now();
    let found = harmonic(graph, &options, &mut |_| ControlFlow::Continue(()))?;
    let bits = found.scores.iter().map(|score| score.to_bits());
    started.report(
        &format!("harmonic, log2m {log2m}, {} steps", found.iterations),
        bits,
    );
    Ok(())
}

fn time_components(graph: &Graph) -> Result<()> {
    type Find = fn(
        &Graph,
        &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
    ) -> std::result::Result<Components, Error>;
    for (name, find) in [
        ("weak components", weak_components as Find),
        ("strong components", strong_components),
    ] {
        let started = Started::now();
        let found = find(graph, &mut |_| ControlFlow::Continue(()))?;
        started.report(name, found.ids().iter().map(|&id| u64::from(id)));
    }
    Ok(())
}

struct Started {
    at: Instant,
    cpu: f64,
}

impl Started {
    fn now() -> Self {
        Started {
            at: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    fn report(&self, what: &str, values: impl Iterator<Item = u64>) {
        let (wall, cpu) = (self.at.elapsed().as_secs_f64(), cpu_seconds() - self.cpu);
        let sum = values.fold(0u64, |sum, value| sum.rotate_left(5) ^ value);
        println!(
            "{what}: {} threads, {wall:.2} s, {cpu:.2} s of CPU; sum {sum:016x}",
            rayon::current_num_threads()
        );
    }
}

/// Seconds of processor time that this process took so far, in user code and in the system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
