//! `graph import` and `graph export` of Common Crawl's own graph files.
//!
//! The files here are written by hand, or by this test, in the form of the releases (`commoncrawl/cc-webgraph`): tabs, no
//! headings but that of the ranks, lines in order of ids.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::util::{Ran, crawlrank, rows};

/// Eight hosts as a release of hosts has them.
const VERTICES: &str = "0\tcom.example\n1\tcom.example-shop\n2\tcom.example.www\n3\tnet.bank\n4\tnet.cdn\n5\torg.news\n6\torg.wiki\n7\tzz.alone\n";
const EDGES: &str = "0\t1\n0\t2\n0\t4\n0\t5\n1\t0\n1\t3\n2\t0\n5\t0\n5\t4\n5\t6\n6\t5\n";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    let mut decoder = flate2::read::MultiGzDecoder::new(file);
    decoder.read_to_string(&mut text).unwrap();
    text
}

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn run_import(files: &[PathBuf], out: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["graph", "import", "--format", "cc", "--out", text(out)];
    arguments.extend(files.iter().map(|file| text(file)));
    arguments.extend(more);
    arguments.extend(["-o", "jsonl"]);
    crawlrank(arguments)
}

fn import(files: &[PathBuf], out: &Path) -> Value {
    run_import(files, out, &[]).rows_with(0).remove(0)
}

fn export(from: &Path, format: &str, out: &Path, more: &[&str]) -> Value {
    let arguments = [
        "graph",
        "export",
        text(from),
        "--format",
        format,
        "--out",
        text(out),
    ];
    rows([&arguments, more].concat()).remove(0)
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn files_of_a_release_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let release = "cc-main-2026-jan-feb-mar-host";
    let given = [
        write(at(&format!("{release}-vertices.txt.gz")), gzip(VERTICES)),
        write(at(&format!("{release}-edges.txt.gz")), gzip(EDGES)),
    ];
    let made = import(&given, &at("graph"));
    assert_eq!((&made["nodes"], &made["edges"]), (&json!(8), &json!(11)));
    let made = export(&at("graph"), "cc", &at("out"), &[]);
    assert_eq!(
        (&made["edges"], &made["ranks"]),
        (&json!(11), &json!(false))
    );
    assert_eq!(gunzip(&at("out/vertices.txt.gz")), VERTICES);
    assert_eq!(gunzip(&at("out/edges.txt.gz")), EDGES);
    assert_eq!(files(&at("out")).len(), 2);

    let again = [at("out/vertices.txt.gz"), at("out/edges.txt.gz")];
    import(&again, &at("again"));
    assert_eq!(files(&at("again")), files(&at("graph")));
    assert_eq!(rows(["verify", text(&at("again"))])[0]["result"], "sound");

    export(&at("graph"), "edges", &at("numbers"), &[]);
    assert_eq!(gunzip(&at("numbers/edges.tsv.gz")), EDGES);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        6,
        "two files, two graphs and two exports are all that is there"
    );
}

#[test]
fn parts_in_any_order_and_other_numbers_give_the_same_graph() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // The domains of the eight hosts. The first numbering is by name, the second is not.
    let sorted = [
        write(
            at("a/vertices"),
            "0\tcom.example\t2\n1\tcom.example-shop\t1\n2\tnet.cdn\t4000000000\n",
        ),
        write(at("a/edges"), "0\t1\n0\t2\n1\t0\n"),
    ];
    let parts = [
        write(at("b/edges/part-00001.gz"), gzip("70\t5\n5\t70\n")),
        write(at("b/vertices/part-00001.gz"), gzip("5\tcom.example\t2\n")),
        write(at("b/edges/part-00000.gz"), gzip("5\t9\n")),
        write(
            at("b/vertices/part-00000.gz"),
            gzip("70\tcom.example-shop\t1\n9\tnet.cdn\t4000000000\n"),
        ),
        write(at("b/edges/part-00002.gz"), gzip("")),
    ];
    import(&sorted, &at("one"));
    let ran = run_import(&parts, &at("other"), &[]);
    assert!(ran.stderr.contains("ids differ"), "{}", ran.stderr);
    assert_eq!(ran.rows_with(0)[0]["edges_read"], json!(3));
    assert_eq!(files(&at("one")), files(&at("other")));
    export(&at("other"), "cc", &at("out"), &[]);
    for name in ["vertices", "edges"] {
        let back = gunzip(&at(&format!("out/{name}.txt.gz")));
        assert_eq!(back, fs::read_to_string(at("a").join(name)).unwrap());
    }
    // Folders stand for their parts, and for no more: Spark leaves a file of its own, a release lists of its files.
    write(at("b/vertices/_SUCCESS"), "");
    write(
        at("b/vertices/vertices.paths.gz"),
        gzip("b/vertices/part-00000.gz\n"),
    );
    import(&[at("b/edges"), at("b/vertices")], &at("by-folder"));
    assert_eq!(files(&at("one")), files(&at("by-folder")));
    let by_flags = ["--vertices", text(&sorted[0]), "--edges", text(&sorted[1])];
    assert_eq!(run_import(&[], &at("third"), &by_flags).code, 0);
    assert_eq!(files(&at("one")), files(&at("third")));
}

/// More text than one gzip member holds, within the least memory.
#[test]
fn a_large_graph_comes_back_within_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let n = 150_000u64;
    let mut vertices = String::new();
    let mut edges = String::new();
    for id in 0..n {
        vertices += &format!("{id}\tcom.host-{id:09}.www\n");
        let targets: std::collections::BTreeSet<u64> =
            (1..=6).map(|k| (id * 31 + k * k * 7_919) % n).collect();
        for target in targets.into_iter().filter(|target| *target != id) {
            edges += &format!("{id}\t{target}\n");
        }
    }
    let given = [
        write(at("vertices.gz"), gzip(&vertices)),
        write(at("edges"), &edges),
    ];
    let ran = run_import(&given, &at("graph"), &["--memory", "128M"]);
    assert_eq!(ran.rows_with(0)[0]["nodes"], json!(n));
    export(&at("graph"), "cc", &at("out"), &[]);
    assert!(gunzip(&at("out/vertices.txt.gz")) == vertices);
    assert!(gunzip(&at("out/edges.txt.gz")) == edges);
}

#[test]
fn ranks_of_a_run_stand_in_order_of_harmonic_centrality() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (shards, run) = (at("shards"), at("run"));
    let synth = [
        "synth", "--shards", "1", "--pages", "60", "--hosts", "40", "--out",
    ];
    assert_eq!(crawlrank([&synth[..], &[text(&shards)]].concat()).code, 0);
    let ran = crawlrank(["run", text(&shards), "--out", text(&run)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (level, name, heading) in [
        (
            "host",
            "host_rev",
            "#harmonicc_pos\t#harmonicc_val\t#pr_pos\t#pr_val\t#host_rev",
        ),
        (
            "domain",
            "domain_rev",
            "#harmonicc_pos\t#harmonicc_val\t#pr_pos\t#pr_val\t#host_rev\t#n_hosts",
        ),
    ] {
        let out = at(level);
        let made = export(&run, "cc", &out, &["--level", level]);
        assert_eq!(made["ranks"], json!(true));
        let ranks = gunzip(&out.join("ranks.txt.gz"));
        let mut lines = ranks.lines();
        assert_eq!(lines.next(), Some(heading));
        // The table of the run has the same, written by other code. As CSV, which keeps every digit.
        let top = ["top", text(&run), "-n", "100000", "--by", "harmonic"];
        let table = crawlrank([&top[..], &["--level", level, "-o", "csv"]].concat());
        let table = String::from_utf8(table.stdout).unwrap();
        let mut table = table.lines().map(|line| line.split(','));
        let names: Vec<&str> = table.next().unwrap().collect();
        let rows = table.map(|row| names.iter().copied().zip(row).collect());
        let rows: Vec<BTreeMap<&str, &str>> = rows.collect();
        assert_eq!(json!(rows.len()), made["nodes"]);
        for (row, line) in rows.iter().zip(lines.by_ref()) {
            let columns: Vec<&str> = line.split('\t').collect();
            let number = |text: &str| text.parse::<f64>().unwrap();
            assert_eq!(columns[0], row["harmonic_pos"]);
            assert_eq!(number(columns[1]), number(row["harmonic"]));
            assert_eq!(columns[2], row["pagerank_pos"]);
            assert_eq!(number(columns[3]), number(row["pagerank"]));
            assert_eq!(columns[4], row[name]);
            if level == "domain" {
                assert_eq!(columns[5], row["hosts"]);
            }
        }
        assert_eq!(lines.next(), None);
        // What is exported can be imported, with the same nodes and edges.
        let given = [out.join("vertices.txt.gz"), out.join("edges.txt.gz")];
        let back = import(&given, &at(&format!("{level}-again")));
        assert_eq!(
            (&back["nodes"], &back["edges"]),
            (&made["nodes"], &made["edges"])
        );
    }
}

#[test]
fn what_is_no_release_is_said_in_one_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cut = |text: &str| {
        let mut bytes = gzip(text);
        bytes.truncate(bytes.len() - 9);
        bytes
    };
    let plain = |text: &str| text.as_bytes().to_vec();
    let (vertices, edges) = (plain("0\ta\n1\tb\n"), plain("0\t1\n"));
    for (vertices, edges, words) in [
        (
            plain("0\ta\n1 b\n"),
            &edges,
            "vertices: line 2: found `1 b`",
        ),
        (
            plain("0\ta\r\n"),
            &edges,
            "vertices: line 1: found a control character",
        ),
        (
            plain("0\ta\0\n"),
            &edges,
            "vertices: line 1: found a control character",
        ),
        (plain("\n"), &edges, "vertices: line 1: found ``"),
        (
            plain("#id\tname\n"),
            &edges,
            "line 1: found `#id` in place of a node number",
        ),
        (b"0\ta\xff\n".to_vec(), &edges, "which is not UTF-8"),
        (plain("0\ta\n-1\tb\n"), &edges, "line 2: found `-1`"),
        (
            plain("4294967295\ta\n"),
            &edges,
            "expected one below 4294967295",
        ),
        (
            plain("0\ta\n1\tb\t3\n"),
            &edges,
            "line 2: 3 columns, 2 on the lines before",
        ),
        (
            plain("0\ta\n0\tb\n"),
            &edges,
            "vertices: line 2: its id is that of another vertex",
        ),
        (
            cut("0\ta\n1\tb\n"),
            &edges,
            "the gzip stream is damaged behind line",
        ),
        (
            vertices.clone(),
            &plain("0\t1\n0\t2\n"),
            "edges: line 2: no vertex has the id 2",
        ),
        (
            vertices.clone(),
            &plain("0 1\n"),
            "edges: line 1: found `0 1`",
        ),
        (
            vertices.clone(),
            &plain("0\t1\r\n"),
            "edges: line 1: found `1\\r` in place of a node number",
        ),
        (
            vertices.clone(),
            &plain("0\t1\t2\n"),
            "edges: line 1: found `0\\t1\\t2`",
        ),
        (
            vertices.clone(),
            &cut("0\t1\n1\t0\n"),
            "the gzip stream is damaged behind line",
        ),
        (
            vec![b'7'; 1 << 20],
            &edges,
            "line 1: longer than 131072 bytes",
        ),
    ] {
        let given = [write(at("vertices"), vertices), write(at("edges"), edges)];
        let ran = run_import(&given, &at("g"), &[]);
        assert_eq!(ran.code, 4, "{words}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(words) && ran.stderr.lines().count() == 1,
            "{words}: {}",
            ran.stderr
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "{words}");
    }
    let given = [write(at("vertices"), &vertices), write(at("edges"), &edges)];
    for (files, more, code, words) in [
        (&given[..1], &[][..], 2, "no file of edges"),
        (
            &given[..],
            &["--nodes", "5"],
            2,
            "--nodes is for --format edges",
        ),
        (&given[..], &["--memory", "1M"], 71, "128"),
    ] {
        let ran = run_import(files, &at("g"), more);
        assert_eq!(ran.code, code, "{words}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_exported_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let list = write(at("list"), "0 1\n");
    let nameless = at("nameless");
    let arguments = [
        "graph",
        "import",
        text(&list),
        "--format",
        "edges",
        "--out",
        text(&nameless),
    ];
    assert_eq!(crawlrank(arguments).code, 0);
    let (list, there, out) = (text(&list), text(&nameless), at("out"));
    for (from, format, to, more, words) in [
        (there, "cc", text(&out), &[][..], "has no names"),
        (
            there,
            "npy",
            text(&out),
            &["--binary"],
            "--binary is for --format edges",
        ),
        (there, "edges", there, &[], "already there"),
        (
            there,
            "edges",
            text(&out),
            &["--level", "host"],
            "--level is for a run",
        ),
        (list, "edges", text(&out), &[], "not a graph"),
    ] {
        let arguments = ["graph", "export", from, "--format", format, "--out", to];
        let ran = crawlrank([&arguments, more].concat());
        assert_eq!(ran.code, 2, "{words}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
    // A folder that is there and empty is free, and a graph without edges is one.
    fs::create_dir(&out).unwrap();
    let empty = [write(at("e/vertices"), ""), write(at("e/edges"), "")];
    import(&empty, &at("empty"));
    export(&at("empty"), "cc", &out, &[]);
    assert_eq!(gunzip(&out.join("edges.txt.gz")), "");
}

/// As in cc-webgraph's issue 3, where a domain stood twice among the vertices.
#[test]
fn vertices_of_one_name_are_one_node_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let twice = [
        write(
            at("a/vertices"),
            "0\tcom.example\t2\n1\tcom.example-shop\t1\n2\tcom.example\t3\n3\tnet.cdn\t1\n",
        ),
        write(at("a/edges"), "0\t1\n0\t3\n1\t2\n2\t0\n2\t3\n3\t2\n"),
    ];
    let once = [
        write(
            at("b/vertices"),
            "0\tcom.example\t5\n1\tcom.example-shop\t1\n2\tnet.cdn\t1\n",
        ),
        write(at("b/edges"), "0\t1\n0\t2\n1\t0\n2\t0\n"),
    ];
    let ran = run_import(&twice, &at("one"), &[]);
    let words = "1 vertices have names of others";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    let made = ran.rows_with(0).remove(0);
    assert_eq!(
        (&made["nodes"], &made["self_loops"]),
        (&json!(3), &json!(1))
    );
    import(&once, &at("other"));
    assert_eq!(files(&at("one")), files(&at("other")));
}

/// What Common Crawl did with its host names until 2026 is an option for those since.
#[test]
fn www_is_stripped_by_option() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let since = [
        write(at("a/vertices"), VERTICES),
        write(at("a/edges"), EDGES),
    ];
    // Without `www.`, the hosts 0 and 2 are one, whose edges are those of both.
    let before = [
        write(
            at("b/vertices"),
            "0\tcom.example\n1\tcom.example-shop\n2\tnet.bank\n3\tnet.cdn\n4\torg.news\n5\torg.wiki\n6\tzz.alone\n",
        ),
        write(
            at("b/edges"),
            "0\t1\n0\t3\n0\t4\n1\t0\n1\t2\n4\t0\n4\t3\n4\t5\n5\t4\n",
        ),
    ];
    assert_eq!(
        run_import(&since, &at("stripped"), &["--www", "strip"]).code,
        0
    );
    import(&before, &at("plain"));
    assert_eq!(files(&at("stripped")), files(&at("plain")));
}

#[test]
fn ranks_of_a_graph_are_exported_as_those_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (shards, run) = (at("shards"), at("run"));
    let synth = [
        "synth", "--shards", "1", "--pages", "60", "--hosts", "40", "--out",
    ];
    assert_eq!(crawlrank([&synth[..], &[text(&shards)]].concat()).code, 0);
    assert_eq!(
        crawlrank(["run", text(&shards), "--out", text(&run)]).code,
        0
    );
    let (ranks, domain_ranks) = (at("ranks"), at("domain-ranks"));
    for (level, out) in [("host", &ranks), ("domain", &domain_ranks)] {
        let graph = run.join("graph").join(level);
        let ran = crawlrank(["rank", text(&graph), "--out", text(out)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let (one, other) = (
            at(&format!("{level}-of-run")),
            at(&format!("{level}-of-graph")),
        );
        export(&run, "cc", &one, &["--level", level]);
        let made = export(&graph, "cc", &other, &["--ranks", text(out)]);
        assert_eq!(made["ranks"], json!(true));
        assert_eq!(files(&one), files(&other));
    }
    let graph = run.join("graph/host");
    let no_harmonic = at("no-harmonic");
    let ran = crawlrank([
        "rank",
        text(&graph),
        "--no-harmonic",
        "--out",
        text(&no_harmonic),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (dir, words) in [
        (&domain_ranks, "not the ranks of this graph"),
        (&no_harmonic, "`harmonic` is null"),
        (&shards, "holds no `ranks.parquet`"),
    ] {
        let arguments = ["graph", "export", text(&graph), "--format", "cc"];
        let more = ["--ranks", text(dir), "--out", text(&at("x"))].map(str::to_owned);
        let ran = crawlrank(arguments.map(str::to_owned).into_iter().chain(more));
        assert_eq!(ran.code, 2, "{words}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert!(!at("x").exists());
    }
}

/// Headings, order and layout as `process_webgraph.sh` of cc-webgraph prints them; the numbers are counted by hand.
#[test]
fn distributions_as_releases_have_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let given = [write(at("vertices"), VERTICES), write(at("edges"), EDGES)];
    import(&given, &at("graph"));
    export(&at("graph"), "cc", &at("out"), &["--distributions"]);
    for (name, lines) in [
        ("indegree", "#arcs\t#nodes\n0\t1\n1\t4\n2\t2\n3\t1\n"),
        ("outdegree", "#arcs\t#nodes\n0\t3\n1\t2\n2\t1\n3\t1\n4\t1\n"),
        (
            "connected-components",
            "#freq\t#size\t#perc\n1\t7\t87.500000%\n1\t1\t12.500000%\n",
        ),
        (
            "strongly-connected-components",
            "#freq\t#size\t#perc\n1\t5\t62.500000%\n3\t1\t37.500000%\n",
        ),
    ] {
        assert_eq!(gunzip(&at(&format!("out/{name}-distrib.txt.gz"))), lines);
    }
    // They are no part of the graph when it comes back.
    import(&[at("out")], &at("again"));
    assert_eq!(files(&at("graph")), files(&at("again")));
}
