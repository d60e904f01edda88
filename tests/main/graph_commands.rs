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
        ("max_in_degree", 2),
        ("max_out_degree", 2),
    ] {
        assert_eq!(info[column], json!(value), "{column}");
    }
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
