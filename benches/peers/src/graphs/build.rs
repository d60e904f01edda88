//! How fast other libraries make a graph of pairs in any order, by two threads.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use dsi_bitstream::traits::BE;
use webgraph::prelude::{BvComp, MemoryUsage, ParSortedGraph};

use crate::Result;
use crate::formats::{Pairs, Size};
use crate::measure::cpu_time;
use crate::peers::neo4j_graph;

const THREADS: u64 = 2;
const BUILDERS: [&str; 2] = ["graph (neo4j)", "webgraph"];

/// Each builder in a process of its own, so that memory is its own.
pub fn print(graph: &Path, work: &Path) -> Result {
    println!(
        "\n| {}, {THREADS} threads | M edges/s | M edges/s of CPU time | peak memory, GB |",
        graph.display()
    );
    println!("|---|---|---|---|");
    for builder in BUILDERS {
        let status = Command::new("taskset")
            .args(["--cpu-list", &format!("0-{}", THREADS - 1)])
            .arg(std::env::current_exe()?)
            .args(["build-one", builder])
            .args([graph, work])
            .env("RAYON_NUM_THREADS", THREADS.to_string())
            .status()?;
        if !status.success() {
            return Err(format!("{builder}: {status}").into());
        }
    }
    Ok(())
}

pub fn one(builder: &str, graph: &Path, work: &Path) -> Result {
    let size = Size::of(graph)?;
    // `graph` takes pairs from memory alone; reading them there is not its work. webgraph reads them as it sorts.
    let pairs: Vec<(u32, u32)> = match builder {
        "webgraph" => Vec::new(),
        _ => Pairs::open(graph)?.collect(),
    };
    let (clock, cpu) = (Instant::now(), cpu_time(std::process::id())?);
    match builder {
        "webgraph" => webgraph(graph, &size, &work.join("built"))?,
        _ => drop(std::hint::black_box(neo4j_graph(pairs))),
    }
    let wall = clock.elapsed();
    let cpu = cpu_time(std::process::id())? - cpu;
    let rate = |seconds: f64| size.edges as f64 / seconds / 1e6;
    println!(
        "| {builder} | {:.1} | {:.1} | {:.1} |",
        rate(wall.as_secs_f64()),
        rate(cpu.as_secs_f64()),
        peak_memory()? as f64 / 1e9
    );
    Ok(())
}

/// An external sort within 1 GB, and compression; the transpose would be as much again.
fn webgraph(graph: &Path, size: &Size, folder: &Path) -> Result {
    fs::create_dir_all(folder)?;
    let parts = (0..THREADS).map(|part| Pairs::open_part(graph, part, THREADS));
    let parts: Vec<Pairs> = parts.collect::<Result<_>>()?;
    let pairs = parts
        .into_iter()
        .map(|part| part.map(|(source, target)| (source as usize, target as usize)));
    let sorted = ParSortedGraph::config()
        .dedup()
        .memory_usage(MemoryUsage::MemorySize(1_000_000_000))
        .par_sort_pair_iters(size.nodes, pairs)?;
    BvComp::with_basename(folder.join("graph")).par_comp::<BE, _>(sorted)?;
    Ok(fs::remove_dir_all(folder)?)
}

fn peak_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.ok_or("no VmHWM in /proc/self/status")?;
    Ok(kilobytes.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}
