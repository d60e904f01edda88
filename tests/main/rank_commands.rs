//! `rank` of a graph that belongs to no run.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array as _, ArrowPrimitiveType, RecordBatch};
use crawlrank::interrupt::Interrupt;
use crawlrank::progress::Show;
use crawlrank::stages::rank::{self, Checkpoint, Options, Report};
use crawlrank_graph::{
    AnyGraph, BuilderOptions, Column, Graph, GraphBuilder, PageRankOptions, pagerank,
};
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
pub(crate) fn column(out: &Path, name: &str) -> Option<Vec<i64>> {
    values::<Int64Type>(out, name)
}

fn values<T: ArrowPrimitiveType>(out: &Path, name: &str) -> Option<Vec<T::Native>> {
    let mut values = Vec::new();
    for batch in ranks(out).build().unwrap() {
        let batch = batch.unwrap();
        let column = batch.column_by_name(name).expect("never absent");
        if column.null_count() == column.len() {
            return None;
        }
        assert_eq!(column.null_count(), 0, "{name}");
        values.extend_from_slice(column.as_primitive::<T>().values());
    }
    Some(values)
}

fn ranks(out: &Path) -> ParquetRecordBatchReaderBuilder<File> {
    let file = File::open(out.join("ranks.parquet")).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap()
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
fn closeness_and_reachable_are_columns_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let edges = folder.path().join("edges.tsv");
    // 0 and 1 link to 2, 2 to 3; all others are alone.
    fs::write(&edges, "0 2\n1 2\n2 3\n").unwrap();
    let ranked = |more: &[&str]| ranked(folder.path(), &edges, &["--nodes", "300"], more);

    let (out, _) = ranked(&[]);
    for name in ["closeness", "reachable"] {
        assert!(ranks(&out).schema().column_with_name(name).is_none());
    }

    let (out, _) = ranked(&["--closeness", "--reachable", "--harmonic-log2m", "14"]);
    let expected = [
        ("closeness", [0.0, 0.0, 1.0 / 2.0, 1.0 / 5.0, 0.0]),
        ("reachable", [1.0, 1.0, 3.0, 4.0, 1.0]),
    ];
    for (name, expected) in expected {
        let found = values::<Float64Type>(&out, name).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-3, "{name}: {found}");
        }
    }

    // What does not fit is null, as harmonic centrality is: 16 MiB for each thread.
    let small = ["--memory", "128M", "--threads", "16"];
    let (out, report) = ranked(&[&["--closeness", "--harmonic-log2m", "16"], &small[..]].concat());
    assert_eq!(values::<Float64Type>(&out, "closeness"), None);
    assert!(report["harmonic_left_out"].is_string(), "{report}");
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

/// The scores of `ranks.parquet`.
fn scores(out: &Path) -> Vec<f64> {
    let file = File::open(out.join("ranks.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches = reader.build().unwrap().map(Result::unwrap);
    let values = |batch: RecordBatch| {
        let column = batch.column_by_name("pagerank").unwrap();
        column.as_primitive::<Float64Type>().values().to_vec()
    };
    batches.flat_map(values).collect()
}

/// What NetworkX 3.6.1 gives for the graph of the test below (`pagerank` with alpha 0.85 and tol 1e-16): whether
/// personalized, where dangling score goes, whether weighted.
const NETWORKX: &[(bool, &str, bool, [f64; 8])] = &[
    (
        false,
        "uniform",
        false,
        [
            0.2267255991808707,
            0.09785659901163048,
            0.09785659901163048,
            0.0912664637656385,
            0.15013762526697666,
            0.1845212691365159,
            0.10195843544104172,
            0.049677409185695506,
        ],
    ),
    (
        false,
        "uniform",
        true,
        [
            0.1613381992291178,
            0.13620170663910586,
            0.07525172026366131,
            0.15263138418439204,
            0.17572355609686807,
            0.15041353983413935,
            0.08842567008291538,
            0.06001422366980017,
        ],
    ),
    (
        true,
        "uniform",
        false,
        [
            0.23058344033557648,
            0.07489336261233265,
            0.11489336261233266,
            0.0677240606512641,
            0.1300933840761622,
            0.19482360516645703,
            0.14109440300485224,
            0.045894381541022704,
        ],
    ),
    (
        true,
        "uniform",
        true,
        [
            0.16878666909583845,
            0.11567904046197938,
            0.09191518769244048,
            0.12463597201420185,
            0.1579707399568554,
            0.15902574542122977,
            0.12601242085739917,
            0.05597422450005574,
        ],
    ),
    (
        true,
        "preference",
        false,
        [
            0.23478376387205363,
            0.04989154982281145,
            0.13344257608892746,
            0.042091665241223826,
            0.10826970221152402,
            0.20604053784251508,
            0.18370469178788656,
            0.041775513133057995,
        ],
    ),
    (
        true,
        "preference",
        true,
        [
            0.17993279789872685,
            0.08496826567439879,
            0.11685093390439187,
            0.08274274085096917,
            0.1314048574532988,
            0.17191332561801054,
            0.18225843821544796,
            0.04992864038475606,
        ],
    ),
];

#[test]
fn weights_preference_and_dangling_score_as_in_networkx() {
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("graph");
    let mut builder = GraphBuilder::new(folder.path(), BuilderOptions::default()).unwrap();
    for (source, target, pages) in [
        ("com.example", "com.example-shop", 5),
        ("com.example", "com.example.www", 1),
        ("com.example", "net.cdn", 2),
        ("com.example", "org.news", 1),
        ("com.example-shop", "com.example", 1),
        ("com.example-shop", "net.bank", 4),
        ("com.example.www", "com.example", 3),
        ("org.news", "com.example", 1),
        ("org.news", "net.cdn", 6),
        ("org.news", "org.wiki", 2),
        ("org.wiki", "org.news", 1),
    ] {
        builder
            .edge(source.as_bytes(), target.as_bytes(), pages)
            .unwrap();
    }
    builder.node(b"zz.alone", 1).unwrap();
    builder.finish(&graph).unwrap();
    // Names either way round, a blank line, a weight in two parts, and one left out for 1.
    let preference = folder.path().join("preference.tsv");
    let lines = [
        "com.example",
        "www.example.com\t2",
        "",
        "net.bank\t0.5",
        "wiki.org\t1.75",
        "org.wiki\t1.25",
        "zz.alone\t1",
    ];
    fs::write(&preference, lines.join("\n")).unwrap();
    let out = folder.path().join("ranks");
    for accelerate in [false, true] {
        for &(personalized, dangling, weighted, expected) in NETWORKX {
            let mut rank = vec!["rank".as_ref(), graph.as_os_str()];
            rank.extend(["--out".as_ref(), out.as_os_str()]);
            rank.extend(
                [
                    "--no-harmonic",
                    "--tolerance",
                    "1e-14",
                    "--dangling",
                    dangling,
                ]
                .map(OsStr::new),
            );
            if personalized {
                rank.extend(["--personalize".as_ref(), preference.as_os_str()]);
            }
            rank.extend(weighted.then_some(OsStr::new("--weighted")));
            rank.extend(accelerate.then_some(OsStr::new("--accelerate")));
            let ran = crawlrank(&rank);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            for (score, expected) in scores(&out).into_iter().zip(expected) {
                assert!(
                    (score - expected).abs() <= 1e-13,
                    "{rank:?}: {score} is not {expected}"
                );
            }
            let report = Report::open(&out).unwrap();
            assert_eq!(report.dangling, dangling);
            assert_eq!(
                (report.personalized, report.weighted),
                (personalized, weighted)
            );
        }
    }
}

#[test]
fn dangling_score_can_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let edges = folder.path().join("edges.tsv");
    fs::write(&edges, "0 1\n").unwrap();
    for more in [&[][..], &["--accelerate"]] {
        let rank = [
            "--no-harmonic",
            "--dangling",
            "none",
            "--tolerance",
            "1e-14",
        ];
        let (out, _) = ranked(folder.path(), &edges, &[], &[&rank[..], more].concat());
        // (1 - a) / 2, and the same again with what the first hands on.
        let expected = [0.075, 0.075 * 1.85];
        for (score, expected) in scores(&out).into_iter().zip(expected) {
            assert!(
                (score - expected).abs() < 1e-15,
                "{score} is not {expected}"
            );
        }
    }
}

#[test]
fn a_preference_that_is_none_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let edges = folder.path().join("edges.tsv");
    fs::write(&edges, "0 1\n1 2\n").unwrap();
    ranked(folder.path(), &edges, &[], &["--no-harmonic"]);
    let [graph, preference, out] =
        ["graph", "preference", "none"].map(|name| folder.path().join(name));
    let rank = |more: &[&OsStr]| {
        let rank = [
            "rank".as_ref(),
            graph.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ];
        crawlrank(rank.iter().chain(more))
    };
    for (lines, why) in [
        ("0\t1\n3\t1\n", "line 2: no such node:"),
        ("0\t1\n1\t-1\n", "line 2: a weight is at least 0"),
        ("0\tmuch\n", "line 1: expected a number"),
        ("0\tNaN\n", "line 1: a weight is at least 0"),
        ("0\t0\n", "no node has a weight above 0"),
        ("", "no node has a weight above 0"),
    ] {
        fs::write(&preference, lines).unwrap();
        let ran = rank(&["--personalize".as_ref(), preference.as_os_str()]);
        assert_eq!(ran.code, 2, "{lines:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{lines:?}: {}", ran.stderr);
        assert!(!out.exists(), "refused before anything is made");
    }
    let ran = rank(&["--weighted".as_ref()]);
    assert_ne!(ran.code, 0, "edges without pages have no weights");
    assert!(ran.stderr.contains("edges with pages"), "{}", ran.stderr);
}

/// A circle of nodes with two short cuts, on which scores go round for long: they shrink by the damping only.
fn circle(folder: &Path) -> PathBuf {
    let edges = folder.join("edges.tsv");
    let n = 5_000;
    let lines = (0..n).map(|node| format!("{node}\t{}\n", (node + 1) % n));
    let edges_text: String = lines
        .chain(["0\t1700\n", "900\t3000\n"].map(String::from))
        .collect();
    fs::write(&edges, edges_text).unwrap();
    edges
}

#[test]
fn what_does_not_converge_is_said_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let (graph, out) = (folder.path().join("graph"), folder.path().join("ranks"));
    let edges = circle(folder.path());
    let import = ["graph", "import", "--format", "edges", "--out"].map(Path::new);
    assert_eq!(
        crawlrank(import.into_iter().chain([&*graph, &edges])).code,
        0
    );
    let rank = ["rank".as_ref(), &*graph, "--out".as_ref(), &*out];
    let more = ["--no-harmonic", "--max-iterations", "5"].map(Path::new);
    let ran = crawlrank(rank.into_iter().chain(more));
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("did not converge within 5 iterations"),
        "{}",
        ran.stderr
    );
    let report: Value = serde_json::from_slice(&fs::read(out.join("ranks.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["converged"], &report["iterations"]),
        (&json!(false), &json!(5))
    );
    let residual = report["residual"].as_f64().unwrap();
    let bound = report["error_bound"].as_f64().unwrap();
    assert!(
        (bound - residual * 0.85 / 0.15).abs() <= 1e-12 * bound,
        "{report}"
    );
    assert_eq!(report["residuals"].as_array().unwrap().len(), 5);
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    // Of what was stopped nothing is left, of what ended neither.
    let mut files: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["ranks.json", "ranks.parquet"]);
}

/// Names a folder with a graph: the test process is then the one that ranks it, and is killed.
const RANK_HERE: &str = "CRAWLRANK_TEST_RANK_HERE";

#[test]
fn a_ranking_killed_at_any_moment_goes_on_to_the_same_bytes() {
    if let Some(folder) = std::env::var_os(RANK_HERE) {
        return rank_with_checkpoints(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let import = ["graph", "import", "--format", "edges", "--out"].map(Path::new);
    let graph = folder.path().join("graph");
    let edges = circle(folder.path());
    assert_eq!(
        crawlrank(import.into_iter().chain([&*graph, &edges])).code,
        0
    );
    let undisturbed = {
        let options = options();
        let graph = Graph::open(&graph).unwrap();
        pagerank(&graph, &options, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    let spawn = || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "rank_commands::a_ranking_killed_at_any_moment_goes_on_to_the_same_bytes",
            ])
            .env(RANK_HERE, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut kills = 0;
    for moment in 1..=20 {
        let mut child = spawn();
        sleep(Duration::from_millis(10 + moment * 37 % 90));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills >= 5, "only {kills} of 20 kills met a ranking");
    assert!(spawn().wait().unwrap().success());
    let report = Report::open(&folder.path().join("ranks")).unwrap();
    assert!(report.resumed_after > 0);
    let bits = |values: &[f64]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(report.iterations, 400);
    let scores = folder.path().join("ranks/pagerank.npy");
    let scores = Column::<f64>::open(&scores, undisturbed.scores.len() as u64).unwrap();
    assert_eq!(bits(&scores), bits(&undisturbed.scores));
}

fn options() -> PageRankOptions {
    PageRankOptions {
        damping: 0.99,
        tolerance: 0.0,
        max_iterations: 400,
        accelerate: true,
        ..PageRankOptions::default()
    }
}

/// Ranks the graph of the folder, with a checkpoint after each iteration.
fn rank_with_checkpoints(folder: &Path) {
    let checkpoint = Checkpoint::new(folder.join("checkpoint"));
    let options = Options {
        pagerank: options(),
        harmonic: None,
        reachable: false,
        components: false,
        memory: 1 << 30,
        checkpoint: checkpoint.after_every_iteration(),
    };
    let graph = AnyGraph::open(folder.join("graph")).unwrap();
    let scores = rank::score(&graph, &options, &Interrupt::default(), Show::Nothing).unwrap();
    let ranks = folder.join("ranks");
    let _ = fs::remove_dir_all(&ranks); // of one that was killed, or that had come to the end
    rank::write(&ranks, &scores).unwrap();
}

#[test]
fn an_interrupted_ranking_is_saved_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (graph, edges) = (folder.path().join("graph"), circle(folder.path()));
    let import = ["graph", "import", "--format", "edges", "--out"].map(Path::new);
    assert_eq!(
        crawlrank(import.into_iter().chain([&*graph, &edges])).code,
        0
    );
    let rank = |out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crawlrank"));
        command
            .args([
                "rank".as_ref(),
                graph.as_os_str(),
                "--out".as_ref(),
                out.as_os_str(),
            ])
            .args([
                "--no-harmonic",
                "--accelerate",
                "--damping",
                "0.999",
                "--tolerance",
                "1e-30",
                "--max-iterations",
            ])
            .arg("8000");
        command
    };
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let started = Instant::now();
    assert_eq!(rank(&whole).output().unwrap().status.code(), Some(3));
    let a_part = started.elapsed() / 6;
    let mut child = rank(&stopped)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    sleep(a_part);
    assert!(
        child.try_wait().unwrap().is_none(),
        "it ended before it could be stopped"
    );
    let signal = ["-INT", &child.id().to_string()];
    assert!(
        Command::new("kill")
            .args(signal)
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("run the same command again"), "{said}");
    assert!(stopped.join("ranks.checkpoint").exists());

    let report = |out: &Path| -> Value {
        serde_json::from_slice(&fs::read(out.join("ranks.json")).unwrap()).unwrap()
    };
    let again = rank(&stopped).output().unwrap();
    assert_eq!(again.status.code(), Some(3));
    assert!(report(&stopped)["resumed_after"].as_u64() > Some(0));
    assert_eq!(report(&stopped)["residuals"], report(&whole)["residuals"]);
    let table = |out: &Path| fs::read(out.join("ranks.parquet")).unwrap();
    assert!(table(&stopped) == table(&whole), "other bytes");
    assert!(!stopped.join("ranks.checkpoint").exists());

    // What belongs to other options is said and left aside.
    fs::write(
        stopped.join("ranks.checkpoint"),
        b"crawlrank-rank 1 of another world, and longer",
    )
    .unwrap();
    let again = rank(&stopped).output().unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        said.contains("this checkpoint of PageRank is not used"),
        "{said}"
    );
    assert_eq!(report(&stopped)["resumed_after"], 0);
    assert!(table(&stopped) == table(&whole), "other bytes");
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
