//! Rates of PageRank iterations over graphs of any size, in memory and out of core, and a way to make a graph
//! of billions of edges of one of millions.
//!
//! ```text
//! cargo bench -p crawlrank-graph --bench ranking -- rank GRAPH|FILE.stream [--threads 2] [--iterations 6] [--memory 1000]
//! cargo bench -p crawlrank-graph --bench ranking -- write GRAPH OUT.stream [--threads 1]
//! cargo bench -p crawlrank-graph --bench ranking -- overlay GRAPH TILE COPIES OUT.stream
//! ```
//!
//! `rank` prints the rate of an iteration, median and best; `--memory` (MB) below what the edges need makes it read
//! them in each iteration. `write` makes the stream of a graph's arrays once more, to a file that must not be there
//! yet, and says how long that takes: what a graph costs beyond its arrays. `overlay` writes the stream of a graph in which node `u` has its own links and those of
//! the nodes one, two, ... `COPIES` - 1 tiles of `TILE` nodes before it: local structure stays, edges multiply.

use crawlrank_graph::{Graph, PageRankOptions, Ranking, RankingStream};
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
    let option = |name: &str, default: u64| -> Result<u64> {
        let at = words.iter().position(|&word| word == name);
        Ok(at
            .and_then(|at| words.get(at + 1))
            .map_or(Ok(default), |value| value.parse())?)
    };
    let pool = || -> Result<rayon::ThreadPool> {
        let threads = option("--threads", 0)? as usize;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        Ok(pool.build()?)
    };
    match words.as_slice() {
        ["rank", path, ..] => {
            let ranking = PageRankOptions {
                tolerance: 0.0,
                max_iterations: option("--iterations", 6)? as usize,
                memory_bytes: option("--memory", u64::MAX / 1_000_000)? * 1_000_000,
                ..PageRankOptions::default()
            };
            pool()?.install(|| rank(Path::new(path), &ranking))
        }
        ["write", graph, out, ..] => {
            let graph = Graph::open(graph)?;
            pool()?.install(|| write(&graph, Path::new(out)))
        }
        ["overlay", graph, tile, copies, out] => overlay(
            &Graph::open(graph)?,
            tile.parse()?,
            copies.parse()?,
            Path::new(out),
        ),
        _ => {
            println!(
                "skipped: say `rank PATH`, `write GRAPH OUT` or `overlay GRAPH TILE COPIES OUT`; benches/README.md has the commands"
            );
            Ok(())
        }
    }
}

fn rank(path: &Path, options: &PageRankOptions) -> Result<()> {
    let file = match path.is_dir() {
        true => path.join("ranking.stream"),
        false => path.to_path_buf(),
    };
    let stream = RankingStream::open(&file)?;
    let edges = stream.num_edges() as f64;
    println!(
        "{}: {} nodes, {} sources, {} edges, {} bytes, {:.3} bytes/edge, {}",
        file.display(),
        stream.num_nodes(),
        stream.num_sources(),
        stream.num_edges(),
        stream.bytes(),
        stream.bytes() as f64 / edges,
        match stream.memory_bytes() <= options.memory_bytes {
            true => "in memory",
            false => "out of core",
        }
    );
    let begun = Instant::now();
    let mut ranking = Ranking::of_stream(&stream, options)?;
    ranking.iterate()?;
    let first = begun.elapsed().as_secs_f64();
    let mut seconds = Vec::new();
    let mut residual = 0.0;
    loop {
        let begun = Instant::now();
        let Some(iteration) = ranking.iterate()? else {
            break;
        };
        seconds.push(begun.elapsed().as_secs_f64());
        residual = iteration.residual;
    }
    seconds.sort_by(f64::total_cmp);
    let rate = |seconds: f64| edges / seconds / 1e6;
    println!(
        "{} threads: opened and iterated once in {first:.2} s; then median {:.0}, best {:.0} M edges/s; residual {residual:e}; peak {} MB anonymous",
        rayon::current_num_threads(),
        rate(seconds[seconds.len() / 2]),
        rate(seconds[0]),
        peak_anonymous_bytes() / 1_000_000,
    );
    Ok(())
}

/// What the process holds in memory that is no file: at its end, before anything is given back.
fn peak_anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn write(graph: &Graph, out: &Path) -> Result<()> {
    let begun = Instant::now();
    let stream = RankingStream::write(
        out,
        graph.num_nodes(),
        |node| graph.outgoing().degree(node) as u32,
        |node, sources| {
            sources.clear();
            sources.extend_from_slice(graph.incoming().neighbors(node));
        },
        &mut |_| ControlFlow::Continue(()),
    )?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{}: {} edges, {} bytes in {seconds:.2} s, {:.1} M edges/s",
        out.display(),
        stream.num_edges(),
        stream.bytes(),
        stream.num_edges() as f64 / seconds / 1e6
    );
    Ok(())
}

fn overlay(graph: &Graph, tile: u32, copies: u32, out: &Path) -> Result<()> {
    let n = graph.num_nodes() as u32;
    let begun = Instant::now();
    // Node `node` after `copy` tiles, around.
    let after = |node: u32, copy: u32| {
        ((u64::from(node) + u64::from(copy) * u64::from(tile)) % u64::from(n)) as u32
    };
    let before = |node: u32, copy: u32| after(node, copy * (n / tile - 1));
    assert_eq!(n % tile, 0, "whole tiles");
    use rayon::prelude::*;
    let degrees: Vec<u32> = (0..n)
        .into_par_iter()
        .map_init(Vec::new, |targets: &mut Vec<u32>, node| {
            targets.clear();
            let lists = (0..copies).flat_map(|copy| graph.outgoing().neighbors(before(node, copy)));
            targets.extend(lists);
            targets.sort_unstable();
            targets.dedup();
            targets.len() as u32
        })
        .collect();
    println!("degrees in {:.0} s", begun.elapsed().as_secs_f64());
    let read_list = |node: u32, sources: &mut Vec<u32>| {
        sources.clear();
        let own = graph.incoming().neighbors(node);
        (0..copies).for_each(|copy| sources.extend(own.iter().map(|&source| after(source, copy))));
        // Runs that ascend, of which a stable sort makes use.
        sources.sort();
        sources.dedup();
    };
    let mut next = 0;
    let stream = RankingStream::write(
        out,
        u64::from(n),
        |node| degrees[node as usize],
        read_list,
        &mut |progress| {
            if progress.edges >= next {
                println!(
                    "{} edges in {:.0} s",
                    progress.edges,
                    begun.elapsed().as_secs_f64()
                );
                next = progress.edges + 500_000_000;
            }
            ControlFlow::Continue(())
        },
    )?;
    println!(
        "{}: {} nodes, {} edges, {} bytes in {:.0} s",
        out.display(),
        stream.num_nodes(),
        stream.num_edges(),
        stream.bytes(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}
