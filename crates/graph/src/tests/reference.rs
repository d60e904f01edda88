//! Real web graphs with reference answers, where the shared data is at hand.

use super::components::{kosaraju, strong, weak};
use super::ranks::exact_options;
use super::util::{go_on, keep_going};
use crate::harmonic::Search;
use crate::{
    Graph, HarmonicOptions, IdGraphBuilder, IdGraphOptions, PageRankOptions, SelfLoops, harmonic,
    pagerank,
};
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const GRAPHS: [&str; 5] = [
    "cnr-2000",
    "harvard500",
    "wb-cs-stanford",
    "web-spam",
    "web-webbase-2001",
];

fn data() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/graphs");
    if data.is_dir() {
        return Some(data);
    }
    eprintln!("skipped: no reference graphs at {}", data.display());
    None
}

fn import(data: &Path, name: &str, dir: &Path) -> Graph {
    let file = std::fs::File::open(data.join(format!("{name}.edges.tsv.gz"))).unwrap();
    let options = IdGraphOptions {
        memory_bytes: 16 << 20,
        self_loops: SelfLoops::Keep,
    };
    let mut builder = IdGraphBuilder::new(dir, options).unwrap();
    for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines() {
        let line = line.unwrap();
        let (source, target) = line.split_once('\t').unwrap();
        builder
            .push(source.parse().unwrap(), target.parse().unwrap())
            .unwrap();
    }
    let imported = builder
        .finish(None, &dir.join(name), &mut keep_going)
        .unwrap();
    assert_eq!(imported.duplicates, 0);
    let facts = facts(data, name);
    let graph = imported.graph;
    assert_eq!(graph.num_nodes(), facts["nodes"]);
    assert_eq!(graph.num_edges(), facts["edges"]);
    assert_eq!(graph.num_dangling(), facts["dangling"]);
    assert_eq!(imported.self_loops, facts["self_loops"]);
    let max_degree =
        |degree: &dyn Fn(u32) -> u64| (0..graph.num_nodes() as u32).map(degree).max().unwrap();
    assert_eq!(
        max_degree(&|u| graph.outgoing().degree(u)),
        facts["max_outdegree"]
    );
    assert_eq!(
        max_degree(&|v| graph.incoming().degree(v)),
        facts["max_indegree"]
    );
    graph
}

fn facts(data: &Path, name: &str) -> serde_json::Value {
    let facts = std::fs::read(data.join(format!("{name}.facts.json"))).unwrap();
    serde_json::from_slice(&facts).unwrap()
}

fn rows(path: PathBuf) -> Vec<(u32, Vec<f64>)> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut fields = line.split(',');
        let node = fields.next().unwrap().parse().unwrap();
        (node, fields.map(|field| field.parse().unwrap()).collect())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn pagerank_of_real_graphs() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in GRAPHS {
        let graph = import(&data, name, dir.path());
        graph.verify().unwrap();
        let ranks = pagerank(&graph, &exact_options(), &mut go_on).unwrap();
        let sum: f64 = ranks.scores.iter().sum();
        assert!((sum - 1.0).abs() <= 1e-12, "{name}: sum {sum}");
        for kind in ["top1000", "sample1000"] {
            let mut l1 = 0.0;
            for (node, values) in rows(data.join(format!("{name}.pagerank-{kind}.csv"))) {
                let (score, expected) = (ranks.scores[node as usize], values[0]);
                let difference = (score - expected).abs();
                assert!(
                    difference <= 1e-9 * expected,
                    "{name} node {node}: {score} is not {expected}"
                );
                l1 += difference;
            }
            assert!(l1 <= 1e-11, "{name} {kind}: L1 {l1}");
            eprintln!(
                "{name} {kind}: L1 {l1:.1e} after {} iterations",
                ranks.iterations
            );
        }
    }
}

#[test]
fn accelerated_pagerank_of_real_graphs() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    // Iterations to an L1 change below 1e-6 and 1e-12, at most; plain ones take 61 and 144 on cnr-2000.
    for (name, most) in GRAPHS
        .iter()
        .zip([[40, 105], [30, 60], [40, 80], [15, 29], [11, 21]])
    {
        let graph = import(&data, name, dir.path());
        let options = PageRankOptions {
            accelerate: true,
            tolerance: 1e-12,
            ..PageRankOptions::default()
        };
        let ranks = pagerank(&graph, &options, &mut go_on).unwrap();
        let plain = pagerank(&graph, &exact_options(), &mut go_on).unwrap();
        let l1: f64 = (ranks.scores.iter().zip(&plain.scores))
            .map(|(a, b)| (a - b).abs())
            .sum();
        assert!(
            l1 <= 1e-11 && l1 <= ranks.error_bound + 1e-13,
            "{name}: L1 {l1}"
        );
        let sum: f64 = ranks.scores.iter().sum();
        assert!((sum - 1.0).abs() <= 1e-12, "{name}: sum {sum}");
        let iterations = [1e-6, 1e-12].map(|tolerance| {
            let reached = |&residual: &f64| residual < tolerance;
            ranks.residuals.iter().position(reached).unwrap() + 1
        });
        eprintln!("{name}: L1 {l1:.1e}, iterations {iterations:?}");
        assert!(
            iterations[0] <= most[0] && iterations[1] <= most[1],
            "{name}: {iterations:?}"
        );
    }
}

#[test]
fn harmonic_of_real_graphs() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in GRAPHS {
        let graph = import(&data, name, dir.path());
        // 83 MB of counters for the largest graph; the error is that of 256 registers.
        let log2m = 8;
        let options = HarmonicOptions {
            log2m,
            closeness: true,
        };
        let deviation = 1.04 / f64::from(1 << log2m).sqrt();
        let estimated = harmonic(&graph, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        let mut search = Search::new(graph.num_nodes() as usize);
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for (at, (node, values)) in rows(data.join(format!("{name}.harmonic-sample.csv")))
            .into_iter()
            .enumerate()
        {
            let (expected, reachable) = (values[0], values[1]);
            let score = estimated.scores[node as usize];
            if expected == 0.0 {
                assert_eq!(score, 0.0, "{name} node {node}");
                continue;
            }
            let error = (score - expected) / expected;
            let reached = estimated.reachable[node as usize];
            let off = (reached - 1.0 - reachable) / reachable;
            assert!(
                off.abs() <= 5.0 * deviation,
                "{name} node {node}: {reached}"
            );
            // Of some hundred nodes none should be five deviations off.
            assert!(
                error.abs() <= 5.0 * deviation,
                "{name} node {node}: {score} is not {expected}"
            );
            (sum, squares, count) = (sum + error, squares + error * error, count + 1.0);
            if at < 20 {
                let exact = search.run(&graph, node).unwrap();
                assert!(
                    (exact.harmonic - expected).abs() <= 1e-9 * expected,
                    "{name} node {node}"
                );
                assert_eq!(exact.nodes as f64 - 1.0, reachable, "{name} node {node}");
                let closeness = estimated.closeness[node as usize] * exact.distances as f64;
                // Far nodes are found last, when a counter's error is that of the whole ball.
                assert!(
                    (closeness - 1.0).abs() <= 6.0 * deviation,
                    "{name} node {node}: {closeness}"
                );
            }
        }
        let (mean, spread) = (sum / count, f64::sqrt(squares / count));
        eprintln!(
            "{name}: mean relative error {mean:.4}, root mean square {spread:.4}, one counter {deviation:.4}"
        );
        // Balls overlap, so errors are not independent, but they spread no more than a counter's.
        assert!(spread <= 1.5 * deviation, "{name}: {spread}");
    }
}

#[test]
fn components_of_real_graphs() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in GRAPHS {
        let graph = import(&data, name, dir.path());
        let facts = facts(&data, name);
        let (weak, strong) = (weak(&graph), strong(&graph));
        for (kind, components) in [("wcc", &weak), ("scc", &strong)] {
            let sizes = components.sizes().unwrap();
            assert_eq!(sizes.components, facts[kind], "{name}: {kind}");
            let largest = &facts[format!("largest_{kind}")];
            assert_eq!(sizes.largest, *largest, "{name}: largest {kind}");
        }
        assert_eq!(strong.ids(), kosaraju(&graph), "{name}");
    }
}
