//! `graph import --names`: lists of edges between names.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use crate::util::{Ran, crawlrank, crawlrank_with_stdin};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn arguments<'a>(files: &[&'a Path], out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["graph", "import", "--format", "edges", "--names"];
    arguments.extend(["--out", text(out), "-o", "jsonl"]);
    arguments.extend(files.iter().map(|file| text(file)));
    arguments.extend(more);
    arguments
}

fn import(files: &[&Path], out: &Path, more: &[&str]) -> Ran {
    crawlrank(arguments(files, out, more))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// All edges of a graph by name.
fn edges(graph: &Path) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    let graph = crawlrank_graph::Graph::open(graph).unwrap();
    let names = graph.names().unwrap();
    let sources = 0..graph.num_nodes() as u32;
    let of = |source| {
        let targets = graph.outgoing().neighbors(source).iter();
        targets.map(move |target| (names.get(source).to_vec(), names.get(*target).to_vec()))
    };
    sources.flat_map(of).collect()
}

/// Enough lines for some chunks, in an order of their own; some come again.
fn many() -> String {
    let line = |number: u64| {
        let (source, target) = (number * 7_919 % 3_001, number * number % 4_003);
        format!("org.example{source}\tcom.example.números{target}\n")
    };
    (0..60_000).map(line).collect()
}

#[test]
fn lines_files_and_stdin_give_the_same_graph() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let lines = many();
    let expected: BTreeSet<(Vec<u8>, Vec<u8>)> = lines
        .lines()
        .map(|line| {
            let (source, target) = line.split_once('\t').unwrap();
            (source.into(), target.into())
        })
        .collect();
    let middle = lines[lines.len() / 2..].find('\n').unwrap() + lines.len() / 2 + 1;
    let (first, second) = lines.split_at(middle);
    fs::write(at("all.tsv"), &lines).unwrap();
    // Without the last line feed.
    fs::write(at("first.tsv"), first.trim_end()).unwrap();
    fs::write(at("second.tsv.gz"), gzip(second)).unwrap();
    let made = import(&[&at("all.tsv")], &at("one"), &["--memory", "128M"]).rows_with(0);
    assert_eq!(made[0]["edges_read"], json!(60_000));
    assert_eq!(made[0]["edges"], json!(expected.len()));
    assert!(edges(&at("one")) == expected);

    let parts = [at("second.tsv.gz"), at("first.tsv")];
    let ran = import(&[&parts[0], &parts[1]], &at("two"), &["--memory", "200M"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let three = at("three");
    let stdin = arguments(&[], &three, &["-"]);
    assert_eq!(crawlrank_with_stdin(stdin, lines.as_bytes()).code, 0);
    for other in ["two", "three"] {
        for file in fs::read_dir(at("one")).unwrap() {
            let file = file.unwrap();
            let same = at(other).join(file.file_name());
            assert!(
                fs::read(file.path()).unwrap() == fs::read(same).unwrap(),
                "{other}"
            );
        }
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        6,
        "nothing is left behind"
    );
}

#[test]
fn self_loops_and_www() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("edges.tsv");
    fs::write(&list, "com.example.www\tcom.example\norg.news\torg.news\n").unwrap();
    let made = |name: &str, more: &[&str]| {
        let rows = import(&[&list], &folder.path().join(name), more).rows_with(0);
        ["nodes", "edges", "self_loops"].map(|column| rows[0][column].as_u64().unwrap())
    };
    assert_eq!(made("dropped", &[]), [3, 1, 1]);
    assert_eq!(made("kept", &["--self-loops", "keep"]), [3, 2, 1]);
    assert_eq!(made("stripped", &["--www", "strip"]), [2, 0, 2]);
    fs::write(&list, "").unwrap();
    assert_eq!(made("empty", &[]), [0, 0, 0]);
}

#[test]
fn lines_that_are_none_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (list, out) = (folder.path().join("edges.tsv"), folder.path().join("g"));
    let long = "a".repeat(70_000);
    let far = many() + "a\tb\tc\n";
    for (lines, words) in [
        ("a\tb\n\na\tc\n", "line 2: found ``"),
        ("a b\n", "line 1: found `a b`"),
        ("a\tb\tc\n", "line 1: found `a\\tb\\tc`"),
        ("a\t\n", "line 1: found an empty name"),
        (
            "a\tb\r\n",
            "line 1: found a control character in the name `b\\r`",
        ),
        (
            &format!("a\tb\n{long}\tb\n"),
            "line 2: found a name of 70000 bytes",
        ),
        (&long.repeat(20), "line 1: found `aaa"),
        (&far, "line 60001: found `a\\tb\\tc`"),
    ] {
        fs::write(&list, lines).unwrap();
        let ran = import(&[&list], &out, &[]);
        assert_eq!(ran.code, 4, "{words}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(words) && ran.stderr.lines().count() == 1,
            "{}",
            ran.stderr
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{words}");
    }
    fs::write(&list, b"a\tb\xff\n").unwrap();
    let ran = import(&[&list], &out, &[]);
    assert!(ran.stderr.contains("which is not UTF-8"), "{}", ran.stderr);
    let mut cut = gzip("a\tb\n");
    cut.truncate(cut.len() - 3);
    fs::write(&list, cut).unwrap();
    let ran = import(&[&list], &out, &[]);
    assert!(
        ran.code == 4 && ran.stderr.contains("the gzip stream is damaged"),
        "{}",
        ran.stderr
    );
    for (more, words) in [
        (&["--nodes", "3"][..], "--nodes is for numbers"),
        (
            &["--vertices", "v"],
            "--vertices and --edges are for --format cc",
        ),
    ] {
        let ran = import(&[&list], &out, more);
        assert!(
            ran.code == 2 && ran.stderr.contains(words),
            "{}",
            ran.stderr
        );
    }
    let named = crawlrank([
        "graph", "import", "--format", "npy", "--names", "--out", "g", "x.npy",
    ]);
    assert!(named.code == 2 && named.stderr.contains("--names is for --format edges"));
}
