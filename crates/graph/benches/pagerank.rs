//! Rates of building a graph, of one PageRank iteration and of components, on the real crawl `cnr-2000`.
//!
//! `cargo bench -p crawlrank-graph --bench pagerank`. The baseline is one thread. Times are the best
//! of several runs, since other work on the machine can only slow a run down.

use crawlrank_graph::{
    BuilderOptions, Graph, GraphBuilder, IdGraphBuilder, IdGraphOptions, PageRankOptions,
    SelfLoops, pagerank, strong_components, weak_components,
};
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

const EDGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/data/graphs/cnr-2000.edges.tsv.gz"
);
const RUNS: usize = 5;
const ITERATIONS: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(file) = std::fs::File::open(EDGES) else {
        eprintln!("skipped: no {EDGES}");
        return Ok(());
    };
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines() {
        let line = line?;
        let (source, target) = line.split_once('\t').ok_or("a line without a tab")?;
        edges.push((source.parse()?, target.parse()?));
    }
    let dir = tempfile::tempdir()?;
    let graph = build_from_ids(&edges, &dir.path().join("ids"))?;
    println!(
        "cnr-2000: {} nodes, {} edges; best of {RUNS} runs",
        graph.num_nodes(),
        graph.num_edges()
    );
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        pool.install(|| {
            report("build, integer edges", threads, edges.len(), || {
                build_from_ids(&edges, &dir.path().join("graph")).map(drop)
            });
            report("build, named edges", threads, edges.len(), || {
                build_from_names(&edges, &dir.path().join("graph")).map(drop)
            });
            report(
                "pagerank iteration",
                threads,
                edges.len() * ITERATIONS,
                || iterate(&graph),
            );
            report("weak components", threads, edges.len(), || {
                weak_components(&graph, &mut |_| ControlFlow::Continue(())).map(drop)
            });
            report("strong components", threads, edges.len(), || {
                strong_components(&graph, &mut |_| ControlFlow::Continue(())).map(drop)
            });
        });
        let _ = std::fs::remove_dir_all(dir.path().join("graph"));
    }
    Ok(())
}

type Outcome = Result<(), crawlrank_graph::Error>;

fn report(what: &str, threads: usize, edges: usize, mut run: impl FnMut() -> Outcome) {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        run().expect("a sound graph and room on the disk");
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{what:<22} {threads} thread(s) {:9.1} M edges/s",
        edges as f64 / best / 1e6
    );
}

fn iterate(graph: &Graph) -> Outcome {
    let options = PageRankOptions {
        tolerance: 0.0,
        max_iterations: ITERATIONS,
        ..PageRankOptions::default()
    };
    pagerank(graph, &options, &mut |_| ControlFlow::Continue(())).map(drop)
}

fn build_from_ids(edges: &[(u32, u32)], out: &Path) -> Result<Graph, crawlrank_graph::Error> {
    let _ = std::fs::remove_dir_all(out);
    let parent = out.parent().expect("a path in the scratch directory");
    let options = IdGraphOptions {
        self_loops: SelfLoops::Keep,
        ..IdGraphOptions::default()
    };
    let mut builder = IdGraphBuilder::new(parent, options)?;
    // Backwards, so that the sort has something to do.
    for &(source, target) in edges.iter().rev() {
        builder.push(source, target)?;
    }
    Ok(builder
        .finish(None, out, &mut |_| std::ops::ControlFlow::Continue(()))?
        .graph)
}

fn build_from_names(edges: &[(u32, u32)], out: &Path) -> Result<Graph, crawlrank_graph::Error> {
    let _ = std::fs::remove_dir_all(out);
    let parent = out.parent().expect("a path in the scratch directory");
    let name = |id: u32| format!("com.example{id:07}.www").into_bytes();
    let names: Vec<Vec<u8>> = (0..=edges.iter().map(|&(u, v)| u.max(v)).max().unwrap_or(0))
        .map(name)
        .collect();
    let mut builder = GraphBuilder::new(parent, BuilderOptions::default())?;
    for &(source, target) in edges {
        builder.edge(&names[source as usize], &names[target as usize], 1)?;
    }
    builder.finish(out)
}
