//! `graph import`, `graph info`, and `verify` of graphs.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::util::{crawlrank, rows, shared};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Edges over the nodes 0 to 5: one of them twice, a self-loop, and 4 linked to by nobody.
const EDGES: &str = "# a comment\n0\t1\n0 2\n2\t1\n0\t1\n3\t3\n4\t5\n";

fn import(out: &Path, edges: &[u8], more: &[&str]) -> Value {
    let list = out.with_extension("tsv.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(fs::File::create(&list).unwrap(), Default::default());
    encoder.write_all(edges).unwrap();
    encoder.finish().unwrap();
    let arguments = [
        "graph",
        "import",
        text(&list),
        "--format",
        "edges",
        "--out",
        text(out),
    ];
    rows([&arguments, more].concat()).remove(0)
}

#[test]
fn an_edge_list_becomes_a_graph() {
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("graph");
    let made = import(&graph, EDGES.as_bytes(), &[]);
    for (column, value) in [
        ("edges_read", 6),
        ("duplicates", 1),
        ("self_loops", 1),
        ("nodes", 6),
        ("edges", 4),
    ] {
        assert_eq!(made[column], json!(value), "{column}");
    }
    let info = rows(["graph", "info", text(&graph)]).remove(0);
    for (column, value) in [
        ("nodes", 6),
        ("edges", 4),
        ("dangling", 3),
        ("isolated", 1),
        ("median_in_degree", 0),
        ("p90_in_degree", 2),
        ("max_in_degree", 2),
        ("median_out_degree", 0),
        ("p99_out_degree", 2),
        ("max_out_degree", 2),
    ] {
        assert_eq!(info[column], json!(value), "{column}");
    }
    assert_eq!(info["mean_degree"], json!(0.67));
    assert_eq!(info["forms"], json!(["arrays", "stream"]));
    let listed = info["files"].as_array().unwrap();
    let bytes: u64 = listed
        .iter()
        .map(|file| file["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(json!(bytes), info["bytes"]);
    assert_eq!(listed.len(), fs::read_dir(&graph).unwrap().count());
    let targets = listed.iter().find(|file| file["file"] == "out_targets.npy");
    assert_eq!(targets.unwrap()["bytes"], json!(128 + 4 * 4));
    let table = crawlrank(["graph", "info", text(&graph)]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("144 bytes  36.00 an edge"), "{table}");
    assert_eq!(info["names"], json!(false));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "the graph and the list are all that is there"
    );
}

#[test]
fn self_loops_and_more_nodes_by_option() {
    let folder = tempfile::tempdir().unwrap();
    let made = import(
        &folder.path().join("g"),
        EDGES.as_bytes(),
        &["--self-loops", "keep", "--nodes", "10"],
    );
    assert_eq!((&made["nodes"], &made["edges"]), (&json!(10), &json!(5)));
}

#[test]
fn what_cannot_be_imported_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("edges.tsv");
    let import = |edges: &str, format: &str, more: &[&str]| {
        fs::write(&list, edges).unwrap();
        let out = folder.path().join("g");
        let arguments = [
            "graph",
            "import",
            text(&list),
            "--format",
            format,
            "--out",
            text(&out),
        ];
        let ran = crawlrank([&arguments, more].concat());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "only the list is there"
        );
        (ran.code, ran.stderr)
    };
    for (edges, format, more, code, words) in [
        (
            "0 1\na b\n",
            "edges",
            &[][..],
            4,
            "line 2: found `a` in place of a node number",
        ),
        ("0 1 7\n", "edges", &[], 4, "line 1: found `0 1 7`"),
        (
            "0 4294967295\n",
            "edges",
            &[],
            4,
            "line 1: found the node number `4294967295`",
        ),
        (
            "0 5\n",
            "edges",
            &["--nodes", "5"],
            4,
            "expected one below 5",
        ),
        (
            "0 1\n",
            "edges",
            &["--nodes", "4294967296"],
            2,
            "at most 4294967295",
        ),
        ("0 1\n", "edges", &["--memory", "1M"], 71, "128"),
        ("0 1\n", "parquet", &[], 4, "not a Parquet file"),
    ] {
        let (found, stderr) = import(edges, format, more);
        assert_eq!(found, code, "{stderr}");
        assert!(
            stderr.contains(words) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
}

/// What a stopped import has sorted is kept under the name of the graph, for the same command, and for one process at a time.
#[test]
fn two_imports_of_one_graph_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let (list, out) = (folder.path().join("edges.tsv"), folder.path().join("g"));
    fs::write(&list, "0 1\n").unwrap();
    let work = folder.path().join(".g.import");
    fs::create_dir(&work).unwrap();
    let lock = fs::File::create(work.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let arguments = [
        "graph",
        "import",
        text(&list),
        "--format",
        "edges",
        "--out",
        text(&out),
    ];
    let ran = crawlrank(arguments);
    assert_eq!(ran.code, 75, "{}", ran.stderr);
    assert!(ran.stderr.contains("another process"), "{}", ran.stderr);
    drop(lock);
    // Nothing is listed there, so there is nothing to go on with.
    assert_eq!(crawlrank(arguments).code, 0);
    assert!(out.exists() && !work.exists());
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("edges.tsv");
    fs::write(&list, "0 1\n").unwrap();
    let out = folder.path().join("g");
    fs::create_dir(&out).unwrap();
    let arguments = [
        "graph",
        "import",
        text(&list),
        "--format",
        "edges",
        "--out",
        text(&out),
    ];
    assert_eq!(crawlrank(arguments).code, 0, "an empty folder is free");
    let again = crawlrank(arguments);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("already there"), "{}", again.stderr);
}

#[test]
fn every_damaged_file_of_a_graph_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("graph");
    import(&graph, EDGES.as_bytes(), &[]);
    assert_eq!(rows(["verify", text(&graph)])[0]["result"], "sound");
    for entry in fs::read_dir(&graph).unwrap() {
        let path = entry.unwrap().path();
        let sound = fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        for damaged in [Some(flipped), Some(sound[..last].to_vec()), None] {
            match damaged {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let ran = crawlrank(["verify", text(&graph), "-o", "jsonl"]);
            // Without its manifest a folder is no graph.
            let expected = if path.exists() || !path.ends_with("graph.json") {
                5
            } else {
                2
            };
            assert_eq!(ran.code, expected, "{}: {}", path.display(), ran.stderr);
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        }
        fs::write(&path, sound).unwrap();
    }
    assert_eq!(crawlrank(["verify", text(&graph)]).code, 0);
}

/// Counts of public graphs as their publishers and other programs give them.
#[test]
fn public_graphs_have_the_published_counts() {
    for name in ["harvard500", "web-spam", "wb-cs-stanford"] {
        let Some(edges) = shared(&format!("graphs/{name}.edges.tsv.gz")) else {
            return;
        };
        let facts = fs::read(edges.with_file_name(format!("{name}.facts.json"))).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("g");
        let nodes = facts["nodes"].to_string();
        let arguments = [
            "graph",
            "import",
            text(&edges),
            "--format",
            "edges",
            "--out",
            text(&out),
        ];
        let made =
            rows([&arguments[..], &["--self-loops", "keep", "--nodes", &nodes]].concat()).remove(0);
        assert_eq!(
            (&made["edges_read"], &made["edges"]),
            (&facts["raw_lines"], &facts["edges"]),
            "{name}"
        );
        assert_eq!(made["self_loops"], facts["self_loops"], "{name}");
        let info = rows(["graph", "info", text(&out)]).remove(0);
        for (column, fact) in [
            ("dangling", "dangling"),
            ("max_in_degree", "max_indegree"),
            ("max_out_degree", "max_outdegree"),
        ] {
            assert_eq!(info[column], facts[fact], "{name}: {column}");
        }
    }
}

/// How many components of which size, by the same facts.
#[test]
fn public_graphs_have_the_published_components() {
    for name in ["harvard500", "web-webbase-2001", "wb-cs-stanford"] {
        let Some(edges) = shared(&format!("graphs/{name}.edges.tsv.gz")) else {
            return;
        };
        let facts = fs::read(edges.with_file_name(format!("{name}.facts.json"))).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (graph, out) = (folder.path().join("g"), folder.path().join("out"));
        let nodes = facts["nodes"].to_string();
        let import = [
            "graph",
            "import",
            text(&edges),
            "--format",
            "edges",
            "--nodes",
            &nodes,
        ];
        rows([&import[..], &["--out", text(&graph)]].concat());
        let export = [
            "graph",
            "export",
            text(&graph),
            "--format",
            "edges",
            "--distributions",
        ];
        rows([&export[..], &["--out", text(&out)]].concat());
        for (kind, count, largest) in [
            ("connected", "wcc", "largest_wcc"),
            ("strongly-connected", "scc", "largest_scc"),
        ] {
            let path = out.join(format!("{kind}-components-distrib.txt.gz"));
            let mut lines = String::new();
            let mut file = flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap());
            std::io::Read::read_to_string(&mut file, &mut lines).unwrap();
            let sizes = lines.lines().skip(1).map(|line| {
                let mut columns = line.split('\t').map(|column| column.parse::<u64>());
                (
                    columns.next().unwrap().unwrap(),
                    columns.next().unwrap().unwrap(),
                )
            });
            let sizes: Vec<(u64, u64)> = sizes.collect();
            let components: u64 = sizes.iter().map(|(components, _)| components).sum();
            assert_eq!(json!(components), facts[count], "{name}: {kind}");
            assert_eq!(json!(sizes[0].1), facts[largest], "{name}: {kind}");
        }
    }
}

/// Months of Common Crawl, of which one was imported and one comes from a run.
#[test]
fn graphs_of_several_origins_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (shards, run) = (at("shards"), at("run"));
    let synth = [
        "synth", "--shards", "2", "--pages", "80", "--hosts", "60", "--out",
    ];
    assert_eq!(crawlrank([&synth[..], &[text(&shards)]].concat()).code, 0);
    let ran = crawlrank(["run", text(&shards), "--edge-pages", "--out", text(&run)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let host = run.join("graph/host");
    let info = rows(["graph", "info", text(&host)]).remove(0);
    // The same hosts and edges as files of a release, and one edge more between two more hosts.
    let files = at("cc");
    rows([
        "graph",
        "export",
        text(&host),
        "--format",
        "cc",
        "--out",
        text(&files),
    ]);
    fs::create_dir(at("more")).unwrap();
    fs::write(at("more/vertices"), "0\tzz.a\n1\tzz.b\n").unwrap();
    fs::write(at("more/edges"), "0\t1\n").unwrap();
    for (from, graph) in [(files, "imported"), (at("more"), "more-graph")] {
        let arguments = ["graph", "import", text(&from), "--format", "cc"];
        rows([&arguments[..], &["--out", text(&at(graph))]].concat());
    }
    let merge = |graphs: [&Path; 3], out: &str| {
        let graphs = graphs.map(text);
        let out = at(out);
        let more = ["--memory", "128M", "--out", text(&out), "-o", "jsonl"];
        crawlrank([&["graph", "merge"], &graphs[..], &more].concat())
    };
    let ran = merge([&host, &at("imported"), &at("more-graph")], "merged");
    for what in ["pages of nodes", "pages of edges"] {
        let words = format!("{what} are left out: 1 of 3 graphs have them");
        assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    }
    let made = ran.rows_with(0).remove(0);
    let number = |row: &Value, column: &str| row[column].as_u64().unwrap();
    for what in ["nodes", "edges"] {
        let (own, more) = (number(&info, what), if what == "nodes" { 2 } else { 1 });
        assert_eq!(number(&made, what), own + more);
        assert_eq!(number(&made, &format!("{what}_in")), 2 * own + more);
        assert_eq!(number(&made, &format!("{what}_shared")), own);
    }
    assert_eq!(rows(["verify", text(&at("merged"))])[0]["result"], "sound");
    // In another order it is the same graph.
    assert_eq!(
        merge([&at("more-graph"), &host, &at("imported")], "again").code,
        0
    );
    for file in fs::read_dir(at("merged"))
        .unwrap()
        .map(|file| file.unwrap())
    {
        let again = fs::read(at("again").join(file.file_name())).unwrap();
        assert!(
            fs::read(file.path()).unwrap() == again,
            "{:?}",
            file.file_name()
        );
    }
    // Domains are no hosts, and numbers no names.
    let domain = run.join("graph/domain");
    let ran = merge([&host, &domain, &at("imported")], "x");
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("node hosts"), "{}", ran.stderr);
    import(&at("nameless"), b"0 1\n", &[]);
    let ran = merge([&host, &at("nameless"), &at("imported")], "x");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("has no names") && !at("x").exists());
}
