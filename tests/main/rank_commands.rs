//! `rank` of a graph that belongs to no run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::util::{crawlrank, shared};

/// Imports edges, and ranks them with more arguments; returns the folder of ranks and its report.
fn ranked(folder: &Path, edges: &Path, import: &[&str], rank: &[&str]) -> (PathBuf, Value) {
    let (graph, out) = (folder.join("graph"), folder.join("ranks"));
    if !graph.exists() {
        let arguments = ["graph", "import", "--format", "edges", "--out"].map(Path::new);
        let more = import.iter().map(Path::new);
        let imported = crawlrank(arguments.into_iter().chain([&*graph, edges]).chain(more));
        assert_eq!(imported.code, 0, "{}", imported.stderr);
    }
    let arguments = ["rank".as_ref(), &*graph, "--out".as_ref(), &*out];
    let ran = crawlrank(arguments.into_iter().chain(rank.iter().map(Path::new)));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = fs::read(out.join("ranks.json")).unwrap();
    (out, serde_json::from_slice(&report).unwrap())
}

/// A column of `ranks.parquet`; nothing where all of it is null.
fn column(out: &Path, name: &str) -> Option<Vec<i64>> {
    let file = File::open(out.join("ranks.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut values = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let column = batch.column_by_name(name).expect("never absent");
        if column.null_count() == column.len() {
            return None;
        }
        assert_eq!(column.null_count(), 0, "{name}");
        values.extend_from_slice(column.as_primitive::<Int64Type>().values());
    }
    Some(values)
}

#[test]
fn components_are_computed_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let edges = folder.path().join("edges.tsv");
    // A cycle of 1, 2 and 5 with a way out to 0; 4 links to 3; 6 is alone.
    fs::write(&edges, "1 2\n2 5\n5 1\n5 0\n4 3\n").unwrap();
    let ranked = |more: &[&str]| ranked(folder.path(), &edges, &["--nodes", "7"], more);

    let (out, report) = ranked(&["--no-harmonic"]);
    assert_eq!(column(&out, "weak_component"), None);
    assert_eq!(column(&out, "strong_component"), None);
    assert_eq!(report["components"], Value::Null);

    let (out, report) = ranked(&["--no-harmonic", "--components"]);
    assert_eq!(
        column(&out, "weak_component").unwrap(),
        [0, 0, 0, 3, 3, 0, 6]
    );
    assert_eq!(
        column(&out, "strong_component").unwrap(),
        [0, 1, 1, 3, 4, 1, 6]
    );
    let size = |size: u64, count: u64| json!({"size": size, "count": count});
    assert_eq!(
        report["components"],
        json!({
            "weak": {"count": 3, "largest": 4, "sizes": [size(1, 1), size(2, 1), size(4, 1)]},
            "strong": {"count": 5, "largest": 3, "sizes": [size(1, 4), size(3, 1)]},
        })
    );
    assert_eq!(report["components_left_out"], Value::Null);
}

#[test]
fn acceleration_is_asked_for_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let edges = folder.path().join("edges.tsv");
    // A star with edges both ways, whose scores swing: plain iterations shrink their changes by the damping only.
    fs::write(&edges, "0 1\n1 0\n0 2\n2 0\n0 3\n3 0\n").unwrap();
    let ranked = |more: &[&str]| ranked(folder.path(), &edges, &[], more).1;
    let plain = ranked(&["--no-harmonic"]);
    let fast = ranked(&["--no-harmonic", "--accelerate"]);
    assert_eq!(
        (&plain["accelerated"], &fast["accelerated"]),
        (&json!(false), &json!(true))
    );
    assert!(plain["iterations"].as_u64() > Some(100), "{plain}");
    assert!(fast["iterations"].as_u64() < Some(20), "{fast}");
    assert_eq!(fast["converged"], true);
}

#[test]
fn components_of_public_graphs_are_those_of_other_programs() {
    for name in ["harvard500", "web-spam", "wb-cs-stanford"] {
        let Some(edges) = shared(&format!("graphs/{name}.edges.tsv.gz")) else {
            return;
        };
        let facts = fs::read(edges.with_file_name(format!("{name}.facts.json"))).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let nodes = facts["nodes"].to_string();
        let (out, report) = ranked(
            folder.path(),
            &edges,
            &["--nodes", &nodes],
            &["--no-harmonic", "--components"],
        );
        for (kind, fact) in [("weak", "wcc"), ("strong", "scc")] {
            let found = &report["components"][kind];
            assert_eq!(found["count"], facts[fact], "{name}: {kind}");
            let largest = &facts[format!("largest_{fact}")];
            assert_eq!(&found["largest"], largest, "{name}: {kind}");
            // A component's id is its smallest node, so there are as many as nodes with their own id.
            let ids = column(&out, &format!("{kind}_component")).unwrap();
            let own = (0..).zip(&ids).filter(|(node, id)| node == *id).count();
            assert_eq!(found["count"], own, "{name}: {kind}");
        }
    }
}

#[test]
fn the_components_of_a_run_are_those_of_its_graphs() {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join("run.json"), "{}").unwrap();
    let ran = crawlrank([
        "rank".as_ref(),
        run.path().as_os_str(),
        "--components".as_ref(),
    ]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("RUN/graph/host"), "{}", ran.stderr);
}
