//! PageRank of other programs on one graph, iteration by iteration. See `../../README.md`.
//!
//!     cargo run --release --bin graphs -- --programs=target/peers/bin GRAPH.bin...
//!
//! A graph is a file of sorted pairs (source, target) of little-endian `u32`, as `benches/graphs` makes them. Each peer gets
//! it in its own format, in a folder that goes away; each measurement is a process of its own, and rounds take the peers in
//! turn.

mod build;
mod formats;
mod measure;
mod peers;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use measure::Figures;
use peers::{PEERS, Peer};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

struct Options {
    rounds: usize,
    /// Where GAP and COST were built, by `fetch-and-build.sh`.
    programs: PathBuf,
    /// Where the peers' own formats are put for a while: some 20 bytes an edge.
    work: PathBuf,
    /// Part of a peer's name.
    only: Option<String>,
    graphs: Vec<PathBuf>,
}

fn main() -> Result {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // The child of a measurement.
    match args.as_slice() {
        [what, peer, folder] if what == "one" => return peers::one(peer, Path::new(folder)),
        [what, builder, graph, work] if what == "build-one" => {
            return build::one(builder, Path::new(graph), Path::new(work));
        }
        _ => {}
    }
    let value = |flag: &str| {
        let prefix = format!("--{flag}=");
        args.iter().find_map(|arg| arg.strip_prefix(&prefix))
    };
    let options = Options {
        rounds: value("rounds").map_or(Ok(5), str::parse)?,
        programs: value("programs").unwrap_or("target/peers/bin").into(),
        work: value("work").unwrap_or("target/peers").into(),
        only: value("only").map(str::to_owned),
        graphs: args
            .iter()
            .filter(|arg| !arg.starts_with("--"))
            .map(PathBuf::from)
            .collect(),
    };
    if options.graphs.is_empty() {
        return Err(
            "which graph? graphs [--build] [--programs=FOLDER] [--only=PEER] [--rounds=N] GRAPH.bin..."
                .into(),
        );
    }
    for graph in &options.graphs {
        match args.iter().any(|arg| arg == "--build") {
            true => build::print(graph, &options.work)?,
            false => measure_all(graph, &options)?,
        }
    }
    Ok(())
}

fn measure_all(graph: &Path, options: &Options) -> Result {
    let folder = options.work.join("formats");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let wanted = |peer: &&Peer| match &options.only {
        Some(only) => peer.name.contains(only.as_str()),
        None => true,
    };
    let peers: Vec<&Peer> = PEERS.iter().filter(wanted).collect();
    let size = formats::write(graph, &peers, &folder, &options.programs)?;
    let mut runs: Vec<(&Peer, usize, Figures)> = Vec::new();
    for &peer in &peers {
        for &threads in peer.threads {
            runs.push((peer, threads, Figures::default()));
        }
    }
    for round in 0..options.rounds {
        for (peer, threads, figures) in &mut runs {
            let iteration = peer.run(*threads, &folder, &options.programs, size.nodes)?;
            eprintln!(
                "round {round}: {} x{threads}: {}",
                peer.name,
                iteration.summary()
            );
            figures.add(&iteration);
        }
    }
    println!(
        "\n{}: {} nodes, {} edges; {} rounds. M edges/s an iteration, and as much by CPU time of the process.",
        graph.display(),
        size.nodes,
        size.edges,
        options.rounds
    );
    println!("| peer | threads | best | median | best by CPU time | median by CPU time |");
    println!("|---|---|---|---|---|---|");
    for (peer, threads, figures) in &runs {
        println!(
            "| {} | {threads} | {} |",
            peer.name,
            figures.cells(size.edges)
        );
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}
