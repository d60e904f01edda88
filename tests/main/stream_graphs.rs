//! Graphs that carry only their ranking stream, through every command.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rank_commands::column;
use crate::util::{Ran, crawlrank, rows};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let read = |file: fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        (name, fs::read(file.path()).unwrap())
    };
    files.map(read).collect()
}

/// The same edges as a graph of either form, in `arrays` and `stream`; some edges twice, and self-loops.
fn graphs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("edges.bin");
    let mut bytes = Vec::new();
    for number in 0..40_000u32 {
        let spread = number.wrapping_mul(2_654_435_761) >> 7;
        let source = spread % 3_000 / 2;
        let target = if number % 3 == 0 {
            number / 999
        } else {
            spread % 1_999
        };
        bytes.extend([source.to_le_bytes(), target.to_le_bytes()].concat());
    }
    fs::write(&list, bytes).unwrap();
    let import = ["graph", "import", "--format", "edges", text(&list), "--out"];
    let made = ["arrays", "stream"].map(|form| {
        let out = folder.path().join(form);
        let mut made = rows([&import[..], &[text(&out), "--form", form]].concat()).remove(0);
        assert!(!folder.path().join(format!(".{form}.import")).exists());
        made.as_object_mut().unwrap().remove("graph");
        made
    });
    assert_eq!(made[0], made[1]);
    assert!(made[0]["duplicates"].as_u64() > Some(0) && made[0]["self_loops"].as_u64() > Some(0));
    folder
}

#[test]
fn the_stream_is_that_of_the_arrays_and_each_is_made_of_the_other() {
    let folder = graphs();
    let at = |name: &str| folder.path().join(name);
    let (arrays, stream) = (files(&at("arrays")), files(&at("stream")));
    let names: Vec<&str> = stream.keys().map(String::as_str).collect();
    assert_eq!(names, ["checksums.npy", "graph.json", "ranking.stream"]);
    assert!(arrays["ranking.stream"] == stream["ranking.stream"]);
    let convert = |from: &str, form: &str, to: &str| {
        let (from, to) = (at(from), at(to));
        crawlrank([
            "graph",
            "convert",
            text(&from),
            "--form",
            form,
            "--out",
            text(&to),
        ])
    };
    for (from, form, to) in [
        ("stream", "arrays", "made-arrays"),
        ("arrays", "stream", "made-stream"),
    ] {
        let ran = convert(from, form, to);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            files(&at(to))
                == if form == "arrays" {
                    arrays.clone()
                } else {
                    stream.clone()
                }
        );
    }
    let again = convert("stream", "stream", "again");
    assert_eq!(again.code, 4, "{}", again.stderr);
    assert!(!at("again").exists());
}

#[test]
fn a_graph_of_a_stream_is_described_and_verified() {
    let folder = graphs();
    let path = folder.path().join("stream");
    let info = |form: &str| rows(["graph", "info", text(&folder.path().join(form))]).remove(0);
    let (mut of_arrays, mut of_stream) = (info("arrays"), info("stream"));
    assert_eq!(of_stream["forms"], json!(["stream"]));
    assert!(of_stream["bytes_per_edge"].as_f64() < of_arrays["bytes_per_edge"].as_f64());
    for info in [&mut of_arrays, &mut of_stream] {
        for differs in ["graph", "forms", "files", "bytes", "bytes_per_edge"] {
            info.as_object_mut().unwrap().remove(differs);
        }
    }
    assert_eq!(of_arrays, of_stream);

    let verify = || crawlrank(["verify", text(&path), "-o", "jsonl"]);
    assert_eq!(verify().rows_with(0)[0]["result"], "sound");
    for (name, bytes) in files(&path) {
        let mut changed = bytes.clone();
        let at = changed.len() - 1 - changed.len() / 3;
        changed[at] ^= 4;
        fs::write(path.join(&name), changed).unwrap();
        let ran = verify();
        assert_eq!(ran.rows_with(5)[0]["result"], "damaged", "{name}");
        assert!(ran.stderr.contains(&name), "{}", ran.stderr);
        fs::remove_file(path.join(&name)).unwrap();
        if name != "graph.json" {
            assert_eq!(verify().code, 5, "no {name}");
        }
        fs::write(path.join(&name), bytes).unwrap();
    }
}

fn rank(graph: &Path, out: &Path, more: &[&str]) -> Ran {
    crawlrank([&["rank", text(graph), "--out", text(out)], more].concat())
}

#[test]
fn ranks_are_those_of_the_arrays() {
    let folder = graphs();
    let at = |name: &str| folder.path().join(name);
    let preference = at("preference.tsv");
    fs::write(&preference, "7\t2\n1500\n").unwrap();
    let preference = [
        "--personalize",
        text(&preference),
        "--dangling",
        "preference",
    ];
    let harmonic = ["--harmonic-log2m", "5", "--closeness", "--reachable"];
    for (number, more) in [
        &[][..],
        &["--memory", "128M", "--threads", "1"],
        &["--accelerate", "--tolerance", "1e-12"],
        &preference,
    ]
    .into_iter()
    .enumerate()
    {
        let ranks = ["arrays", "stream"].map(|form| {
            let out = at(&format!("ranks-{form}-{number}"));
            let ran = rank(&at(form), &out, &[more, &harmonic].concat());
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            fs::read(out.join("ranks.parquet")).unwrap()
        });
        assert!(ranks[0] == ranks[1], "{more:?}");
    }
}

#[test]
fn what_needs_arrays_says_how_they_are_made() {
    let folder = graphs();
    let at = |name: &str| folder.path().join(name);
    let ran = rank(&at("stream"), &at("weighted"), &["--weighted"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("make the graph with arrays"),
        "{}",
        ran.stderr
    );
}

#[test]
fn weak_components_are_those_of_the_arrays_and_strong_ones_need_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let edges = at("edges.tsv");
    // A cycle of 1, 2 and 5 with a way out to 0; 4 links to 3; 6 is alone.
    fs::write(&edges, "1 2\n2 5\n5 1\n5 0\n4 3\n").unwrap();
    let [(arrays, _), (stream, stderr)] = ["arrays", "stream"].map(|form| {
        let import = ["graph", "import", "--format", "edges", text(&edges)];
        let graph = at(form);
        let more = ["--nodes", "7", "--form", form, "--out", text(&graph)];
        rows([&import[..], &more].concat());
        let out = at(&format!("ranks-{form}"));
        let ran = rank(&graph, &out, &["--components", "--no-harmonic"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        (out, ran.stderr)
    });
    let report = |out: &Path| -> Value {
        serde_json::from_slice(&fs::read(out.join("ranks.json")).unwrap()).unwrap()
    };
    let (of_arrays, of_stream) = (report(&arrays), report(&stream));
    let weak = &of_arrays["components"]["weak"];
    assert_eq!(weak["count"], 3);
    assert_eq!(&of_stream["components"]["weak"], weak);
    assert_eq!(of_stream["components"]["strong"], Value::Null);
    let ids = column(&stream, "weak_component");
    assert!(ids.is_some() && ids == column(&arrays, "weak_component"));
    assert_eq!(column(&stream, "strong_component"), None);

    let remedy = format!(
        "crawlrank graph convert {} --form arrays",
        text(&at("stream"))
    );
    assert_eq!(stderr.matches(&remedy).count(), 1, "{stderr}");
    assert!(
        stderr.contains("strong components are null: the graph carries only"),
        "{stderr}"
    );
    let why = of_stream["components_left_out"].as_str().unwrap();
    assert!(why.contains(&remedy), "{why}");
}

#[test]
fn a_budget_that_nodes_exceed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("edges.tsv"), "0\t1\n").unwrap();
    let (list, graph) = (at("edges.tsv"), at("graph"));
    let import = |nodes: &str| {
        let import = [
            "graph",
            "import",
            text(&list),
            "--format",
            "edges",
            "--form",
            "stream",
        ];
        let more = ["--memory", "128M", "--nodes", nodes, "--out", text(&graph)];
        crawlrank([&import[..], &more].concat())
    };
    let ran = import("40000000");
    assert_eq!(ran.code, 71, "{}", ran.stderr);
    let ran = import("20000000");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = rank(&graph, &at("ranks"), &["--memory", "128M"]);
    assert_eq!(ran.code, 71, "{}", ran.stderr);
    let words =
        "PageRank of 20000000 nodes needs 157 MiB, the budget is 128 MiB; give --memory 158M";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
}

#[test]
fn exports_are_those_of_the_arrays() {
    let folder = graphs();
    let at = |name: &str| folder.path().join(name);
    for (number, more) in [
        &["--format", "edges"][..],
        &["--format", "edges", "--binary"],
        &["--format", "npy"],
        &["--format", "parquet", "--distributions"],
    ]
    .into_iter()
    .enumerate()
    {
        let exported = ["arrays", "stream"].map(|form| {
            let out = at(&format!("export-{form}-{number}"));
            rows(
                [
                    &["graph", "export", text(&at(form)), "--out", text(&out)],
                    more,
                ]
                .concat(),
            );
            files(&out)
        });
        assert!(exported[0] == exported[1], "{more:?}");
    }
    let left = fs::read_dir(folder.path()).unwrap();
    let left = left.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.as_encoded_bytes().starts_with(b".")
    });
    assert_eq!(left.count(), 0, "scratch goes away");
}

#[test]
fn named_graphs_are_imported_and_merged_in_either_form() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, vertices, edges) in [
        (
            "a",
            "0\tcom.a\n1\tcom.b\n2\tcom.c\n",
            "0\t1\n2\t0\n2\t0\n1\t1\n",
        ),
        ("b", "0\tcom.b\n1\tcom.d\n2\torg.e\n", "0\t1\n2\t1\n1\t0\n"),
    ] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("vertices"), vertices).unwrap();
        fs::write(at(name).join("edges"), edges).unwrap();
        for form in ["arrays", "stream"] {
            let out = at(&format!("{name}-{form}"));
            let given = at(name);
            let import = ["graph", "import", text(&given), "--format", "cc"];
            rows([&import[..], &["--form", form, "--out", text(&out)]].concat());
            assert_eq!(rows(["verify", text(&out)])[0]["result"], "sound");
        }
    }
    let merged = |graphs: [&str; 2], form: &str| -> BTreeMap<String, Vec<u8>> {
        let graphs: [PathBuf; 2] = graphs.map(at);
        let out = at("merged");
        let merge = ["graph", "merge", text(&graphs[0]), text(&graphs[1])];
        let made = rows([&merge[..], &["--form", form, "--out", text(&out)]].concat());
        assert_eq!(
            (&made[0]["nodes"], &made[0]["nodes_shared"]),
            (&json!(5), &json!(1))
        );
        let found = files(&out);
        fs::remove_dir_all(out).unwrap();
        found
    };
    let arrays = merged(["a-arrays", "b-arrays"], "arrays");
    let stream = merged(["a-stream", "b-stream"], "stream");
    assert!(arrays["ranking.stream"] == stream["ranking.stream"]);
    assert!(arrays["names.npy"] == stream["names.npy"]);
    assert!(!stream.contains_key("out_targets.npy"));
    assert!(merged(["a-stream", "b-arrays"], "arrays") == arrays);
    assert!(merged(["b-arrays", "a-stream"], "stream") == stream);
}
