//! The program over real files beside the project (`../shared/data`), against answers of other programs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use crawlrank_graph::Graph;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The folder of real data, or nothing, said once, where it is not around.
fn shared(below: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(below);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: no real data at {}", folder.display());
    None
}

fn crawlrank(arguments: &[&str]) -> i32 {
    let output = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .args(arguments)
        .output()
        .unwrap();
    let code = output.status.code().unwrap_or(-1);
    assert!(
        code == 0 || code == 3,
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    code
}

fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Pairs of names of a graph's edges, and all its names.
fn edges_and_names(folder: &Path) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
    let graph = Graph::open(folder).unwrap();
    let names = graph.names().unwrap();
    let name = |id: u32| String::from_utf8(names.get(id).to_vec()).unwrap();
    let edges = graph
        .outgoing()
        .edges()
        .map(|(source, target, _)| (name(source), name(target)))
        .collect();
    (edges, (0..graph.num_nodes() as u32).map(name).collect())
}

#[test]
fn profile_cc_gives_the_pairs_of_common_crawls_own_job() {
    let Some(derived) = shared("warc/derived") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for entry in fs::read_dir(derived.join("expected")).unwrap() {
        let expected = entry.unwrap().path();
        let name = expected.file_name().unwrap().to_string_lossy().into_owned();
        let (shard, www) = match (
            name.strip_suffix(".hostedges.tsv.gz"),
            name.strip_suffix(".hostedges-keepwww.tsv.gz"),
        ) {
            (Some(shard), _) => (shard, "strip"),
            (_, Some(shard)) => (shard, "keep"),
            _ => continue,
        };
        let places = [
            derived.join(format!("{shard}.gz")),
            derived.join(format!("wat-of/{shard}.gz")),
        ];
        let input = places
            .iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("no WAT for {name}"));
        let out = folder.path().join(&name);
        let (input, run) = (input.to_str().unwrap(), out.to_str().unwrap());
        crawlrank(&[
            "run",
            input,
            "--out",
            run,
            "--profile",
            "cc",
            "--www",
            www,
            "--level",
            "host",
            "--no-harmonic",
            "-q",
        ]);
        let (edges, names) = edges_and_names(&out.join("graph/host"));
        let text = gunzip(&expected);
        let pairs: BTreeSet<(String, String)> = text
            .lines()
            .map(|line| line.split_once('\t').unwrap())
            .map(|(source, target)| (source.to_owned(), target.to_owned()))
            .collect();
        let all_names: BTreeSet<String> = pairs
            .iter()
            .flat_map(|(source, target)| [source.clone(), target.clone()])
            .collect();
        let without_self: BTreeSet<_> = pairs
            .into_iter()
            .filter(|(source, target)| source != target)
            .collect();
        assert!(
            edges == without_self,
            "{name}: {} pairs, expected {}",
            edges.len(),
            without_self.len()
        );
        assert!(
            names == all_names,
            "{name}: {} names, expected {}",
            names.len(),
            all_names.len()
        );
        compared += 1;
    }
    assert!(
        compared >= 30,
        "only {compared} files of expected pairs were found"
    );
}

/// Reads two columns of `ranks.parquet`.
fn ranks(path: &Path) -> (Vec<f64>, Vec<f64>, Vec<i64>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap())
        .unwrap()
        .build()
        .unwrap();
    let (mut pagerank, mut harmonic, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for batch in reader {
        let batch = batch.unwrap();
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .unwrap_or_else(|| panic!("no column {name}"))
        };
        pagerank.extend_from_slice(column("pagerank").as_primitive::<Float64Type>().values());
        harmonic.extend_from_slice(column("harmonic").as_primitive::<Float64Type>().values());
        positions.extend_from_slice(column("pagerank_pos").as_primitive::<Int64Type>().values());
    }
    (pagerank, harmonic, positions)
}

/// Lines of `node,value,…`.
fn reference(path: &Path) -> Vec<(usize, f64)> {
    let text = fs::read_to_string(path).unwrap();
    let numbers = text.lines().filter_map(|line| {
        let mut cells = line.split(',');
        Some((cells.next()?.parse().ok()?, cells.next()?.parse().ok()?))
    });
    numbers.collect()
}

#[test]
fn ranks_of_real_graphs_are_those_of_the_references() {
    let Some(graphs) = shared("graphs") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // Fewer registers for the largest graph keep the test a matter of seconds.
    for (name, log2m) in [
        ("harvard500", 12),
        ("wb-cs-stanford", 12),
        ("web-spam", 12),
        ("web-webbase-2001", 10),
        ("cnr-2000", 7),
    ] {
        let edges = graphs.join(format!("{name}.edges.tsv.gz"));
        let facts: serde_json::Value =
            serde_json::from_slice(&fs::read(graphs.join(format!("{name}.facts.json"))).unwrap())
                .unwrap();
        let nodes = facts["nodes"].as_u64().unwrap();
        let (graph, out) = (
            folder.path().join(name),
            folder.path().join(format!("{name}-ranks")),
        );
        crawlrank(&[
            "graph",
            "import",
            edges.to_str().unwrap(),
            "--format",
            "edges",
            "--out",
            graph.to_str().unwrap(),
            "--self-loops",
            "keep",
            "--nodes",
            &nodes.to_string(),
        ]);
        let opened = Graph::open(&graph).unwrap();
        assert_eq!(opened.num_nodes(), nodes, "{name}");
        assert_eq!(Some(opened.num_edges()), facts["edges"].as_u64(), "{name}");
        assert_eq!(
            Some(opened.num_dangling()),
            facts["dangling"].as_u64(),
            "{name}"
        );
        crawlrank(&[
            "rank",
            graph.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "--tolerance",
            "1e-14",
            "--max-iterations",
            "1000",
            "--harmonic-log2m",
            &log2m.to_string(),
            "-q",
        ]);
        let (pagerank, harmonic, positions) = ranks(&out.join("ranks.parquet"));
        assert!(
            (pagerank.iter().sum::<f64>() - 1.0).abs() <= 1e-12,
            "{name}: scores sum to 1"
        );
        let top = reference(&graphs.join(format!("{name}.pagerank-top1000.csv")));
        let sample = reference(&graphs.join(format!("{name}.pagerank-sample1000.csv")));
        for known in [&top, &sample] {
            let l1: f64 = known
                .iter()
                .map(|&(node, score)| (pagerank[node] - score).abs())
                .sum();
            assert!(l1 <= 1e-11, "{name}: L1 {l1:e}");
            for &(node, score) in known {
                assert!(
                    (pagerank[node] - score).abs() <= 1e-9 * score,
                    "{name}: node {node}"
                );
            }
        }
        let best = positions
            .iter()
            .position(|&position| position == 1)
            .unwrap();
        assert!(
            (pagerank[best] - top[0].1).abs() <= 1e-12,
            "{name}: the best is the best"
        );
        // HyperBall's relative standard deviation is 1.04 / sqrt(2^log2m), and that of a mean is below.
        let stated = 1.04 / f64::from(1 << log2m).sqrt();
        let exact = reference(&graphs.join(format!("{name}.harmonic-sample.csv")));
        let errors: Vec<f64> = exact
            .iter()
            .filter(|&&(_, value)| value > 0.0)
            .map(|&(node, value)| (harmonic[node] - value).abs() / value)
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(
            mean <= stated,
            "{name}: mean error of harmonic centrality {mean}"
        );
    }
}
