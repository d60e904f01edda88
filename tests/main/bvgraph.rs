//! `graph import` and `graph export` of BVGraph files, which the feature `bvgraph` brings. The graphs are those of the
//! Laboratory for Web Algorithmics, compressed by WebGraph's Java version.

#[cfg(feature = "bvgraph")]
use std::fs;
use std::path::Path;

#[cfg(feature = "bvgraph")]
use serde_json::{Value, json};

#[cfg(feature = "bvgraph")]
use crate::util::shared;
use crate::util::{Ran, crawlrank};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn import(file: &Path, format: &str, out: &Path) -> Ran {
    let arguments = ["graph", "import", text(file), "--format", format];
    let more = ["--self-loops", "keep", "--out", text(out), "-o", "jsonl"];
    crawlrank([&arguments[..], &more].concat())
}

#[cfg(feature = "bvgraph")]
fn imported(file: &Path, format: &str, out: &Path) -> Value {
    import(file, format, out).rows_with(0).remove(0)
}

#[cfg(feature = "bvgraph")]
fn export(graph: &Path, out: &Path) {
    let arguments = [
        "graph",
        "export",
        text(graph),
        "--format",
        "bvgraph",
        "--out",
        text(out),
    ];
    let ran = crawlrank(arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[cfg(feature = "bvgraph")]
fn assert_same(one: &Path, other: &Path) {
    for file in fs::read_dir(one).unwrap().map(|file| file.unwrap()) {
        let again = fs::read(other.join(file.file_name())).unwrap();
        assert!(
            fs::read(file.path()).unwrap() == again,
            "{:?}",
            file.file_name()
        );
    }
}

#[cfg(not(feature = "bvgraph"))]
#[test]
fn what_the_program_was_built_without_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("g");
    let ran = import(&folder.path().join("cnr-2000"), "bvgraph", &out);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--features bvgraph"), "{}", ran.stderr);
}

#[cfg(feature = "bvgraph")]
#[test]
fn a_public_graph_and_its_transpose_are_those_of_the_text() {
    let Some(folder) = shared("graphs/cnr-2000-bvgraph") else {
        return;
    };
    let list = folder.with_file_name("cnr-2000.edges.tsv.gz");
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let made = imported(&folder.join("cnr-2000"), "bvgraph", &at("bv"));
    assert_eq!(
        (&made["nodes"], &made["edges"]),
        (&json!(325_557), &json!(3_216_152))
    );
    imported(&list, "edges", &at("text"));
    assert_same(&at("text"), &at("bv"));
    // By a file of it, and under a name with a dot.
    imported(
        &folder.join("cnr-2000-t.graph"),
        "bvgraph",
        &at("transpose"),
    );
    for (one, other) in [("in", "out"), ("out", "in")] {
        for end in ["offsets.npy", "targets.npy"] {
            let of =
                |graph: &str, way: &str| fs::read(at(graph).join(format!("{way}_{end}"))).unwrap();
            assert!(of("transpose", one) == of("text", other), "{one}_{end}");
        }
    }
    // Written by the default parameters of the Java version, as theirs was.
    export(&at("bv"), &at("out"));
    assert!(
        fs::read(at("out/graph.graph")).unwrap()
            == fs::read(folder.join("cnr-2000.graph")).unwrap()
    );
    let names: Vec<_> = fs::read_dir(at("out"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    fs::create_dir(at("dots")).unwrap();
    for end in ["graph", "properties"] {
        fs::copy(
            at("out").join(format!("graph.{end}")),
            at("dots").join(format!("cnr.2000.{end}")),
        )
        .unwrap();
    }
    imported(&at("dots/cnr.2000"), "bvgraph", &at("again"));
    assert_same(&at("bv"), &at("again"));
    imported(&at("dots"), "bvgraph", &at("by-folder"));
    assert_same(&at("bv"), &at("by-folder"));
}

#[cfg(feature = "bvgraph")]
#[test]
fn damage_is_an_error_or_another_graph_and_never_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let edges: String = (0..60u32)
        .flat_map(|node| (0..node % 7 + 3).map(move |k| (node, (node * 3 + k * k) % 60)))
        .chain((0..40).map(|target| (59, target)))
        .map(|(source, target)| format!("{source}\t{target}\n"))
        .collect();
    fs::write(at("list"), edges).unwrap();
    imported(&at("list"), "edges", &at("g"));
    export(&at("g"), &at("bv"));
    imported(&at("bv"), "bvgraph", &at("again"));
    assert_same(&at("g"), &at("again"));

    let file = at("bv/graph.graph");
    let sound = fs::read(&file).unwrap();
    let refused = |words: &str| {
        let ran = import(&at("bv"), "bvgraph", &at("x"));
        assert_eq!(ran.code, 4, "{words}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(words) && ran.stderr.lines().count() == 1,
            "{words}: {}",
            ran.stderr
        );
        assert!(!at("x").exists());
    };
    for byte in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[byte] ^= 1 << (byte % 8);
        fs::write(&file, bytes).unwrap();
        let ran = import(&at("bv"), "bvgraph", &at("x"));
        assert!(matches!(ran.code, 0 | 4), "{byte}: {}", ran.stderr);
        assert_eq!(at("x").exists(), ran.code == 0);
        let _ = fs::remove_dir_all(at("x"));
    }
    // The last bytes fill up a word of 64 bits.
    for end in (0..sound.len() - 8).step_by(5) {
        fs::write(&file, &sound[..end]).unwrap();
        refused("graph.graph: ");
    }
    fs::write(&file, [0; 4096]).unwrap();
    refused("graph.graph: ");
    fs::write(&file, &sound).unwrap();

    let file = at("bv/graph.properties");
    let properties = fs::read_to_string(&file).unwrap();
    for (line, other, words) in [
        ("nodes=60", "nodes=61", ""),
        (
            "nodes=60",
            "nodes=99999999999",
            "99999999999 nodes, expected at most 4294967295",
        ),
        ("nodes=60", "nodes=-1", "nodes"),
        (
            "windowsize=7",
            "windowsize=1000000000000",
            "a window of 1000000000000 lists",
        ),
        ("endianness=big", "endianness=odd", "endianness"),
        (
            "compressionflags=",
            "compressionflags=RESIDUALS_ODD",
            "RESIDUALS_ODD",
        ),
        ("zetak=3", "zetak=70", "ζ"),
    ] {
        assert!(properties.contains(line), "{line}");
        fs::write(&file, properties.replace(line, other)).unwrap();
        refused(words);
    }
    let arcs = properties
        .lines()
        .find(|line| line.starts_with("arcs="))
        .unwrap();
    fs::write(&file, properties.replace(arcs, "arcs=7")).unwrap();
    refused("expected 7 by its properties");
    fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    refused("properties of 2097152 bytes");
    fs::remove_file(&file).unwrap();
    let ran = import(&at("bv"), "bvgraph", &at("x"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[cfg(feature = "bvgraph")]
#[test]
fn a_graph_of_nothing_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("list"), "").unwrap();
    imported(&at("list"), "edges", &at("g"));
    export(&at("g"), &at("bv"));
    let made = imported(&at("bv"), "bvgraph", &at("again"));
    assert_eq!((&made["nodes"], &made["edges"]), (&json!(0), &json!(0)));
}
