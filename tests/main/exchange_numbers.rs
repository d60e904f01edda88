//! `graph import` and `graph export` of files without names: binary edges, NumPy arrays, Parquet.
//!
//! What NumPy, SciPy and pyarrow make of such files is in `python/tests/test_exchange.py`. Here are the files that nobody
//! should have made, and the bytes that others document.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use serde_json::json;

use crate::util::{Ran, crawlrank, rows, shared};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn import(files: &[PathBuf], format: &str, out: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["graph", "import", "--format", format, "--out", text(out)];
    arguments.extend(files.iter().map(|file| text(file)));
    arguments.extend(more);
    arguments.extend(["-o", "jsonl"]);
    crawlrank(arguments)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pairs(edges: &[(u32, u32)]) -> Vec<u8> {
    let numbers = edges.iter().flat_map(|(source, target)| [source, target]);
    numbers.flat_map(|number| number.to_le_bytes()).collect()
}

/// An array as the description of the format (NEP 1) has it, in version 1.0: magic, version, length of the header, header.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let magic: &[u8] = b"\x93NUMPY\x01\x00";
    [magic, &length, header.as_bytes(), data].concat()
}

fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    npy(&header, data)
}

fn numbers(values: &[u64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Writes the files, imports them, and finds the error in one line and nothing left behind.
fn refuses(format: &str, files: &[(&str, Vec<u8>)], code: i32, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    refuses_paths(format, &paths, folder.path(), code, words);
}

fn refuses_paths(format: &str, paths: &[PathBuf], folder: &Path, code: i32, words: &str) {
    let before = fs::read_dir(folder).unwrap().count();
    let ran = import(paths, format, &folder.join("g"), &[]);
    assert_eq!(ran.code, code, "{words}: {}", ran.stderr);
    assert!(
        ran.stderr.contains(words) && ran.stderr.lines().count() == 1,
        "{words}: {}",
        ran.stderr
    );
    assert_eq!(fs::read_dir(folder).unwrap().count(), before, "{words}");
}

#[test]
fn binary_edges_that_are_none() {
    let two = pairs(&[(0, 1), (1, 2)]);
    let mut cut = gzip(&two);
    cut.truncate(cut.len() - 9);
    for (name, bytes, words) in [
        (
            "e.bin",
            two[..13].to_vec(),
            "edge 2: the file ends after 5 of its 8 bytes",
        ),
        (
            "e.bin",
            pairs(&[(0, 1), (7, u32::MAX)]),
            "edge 2: found the node number `4294967295`",
        ),
        ("e.bin.gz", cut, "the gzip stream is damaged behind edge"),
        (
            "e.bin.gz",
            gzip(&two[..15]),
            "edge 2: the file ends after 7 of its 8 bytes",
        ),
        (
            "e.bin.gz",
            two.clone(),
            "the gzip stream is damaged behind edge 0",
        ),
    ] {
        refuses("edges", &[(name, bytes)], 4, words);
    }
}

/// The first two bytes of a gzip stream are those of node 35,615, too.
#[test]
fn binary_edges_that_look_like_gzip() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("e.bin");
    fs::write(&list, pairs(&[(0x8b1f, 3)])).unwrap();
    let made = import(&[list], "edges", &folder.path().join("g"), &[]).rows_with(0);
    assert_eq!(
        (&made[0]["nodes"], &made[0]["edges"]),
        (&json!(0x8b20), &json!(1))
    );
}

#[test]
fn arrays_that_are_none_of_edges() {
    let data = numbers(&[0, 1, 1, 2]);
    let rows = |descr: &str| array(descr, "(2, 2)", &data);
    for (bytes, words) in [
        (b"PK\x03\x04".to_vec(), "a zip archive"),
        (b"0 1\n".to_vec(), "no NumPy file: it begins with `0 1\\n`"),
        (b"\x93NUMPY".to_vec(), "the header is cut"),
        (rows("<u8")[..30].to_vec(), "the header is cut"),
        (b"\x93NUMPY\x04\x00".to_vec(), "version 4 of the format"),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
            "a header of 4294967295 bytes",
        ),
        (rows(">i8"), "values of type `>i8`"),
        (rows("<f8"), "values of type `<f8`"),
        (rows("|O"), "values of type `|O`"),
        (array("<u8", "(2, 2)", &data[..31]), "expected"),
        (
            array("<u8", "(2, 2)", &[&data[..], b"x"].concat()),
            "expected",
        ),
        (
            array("<u8", "(9223372036854775807, 2)", &data),
            "expected more than can be",
        ),
        (
            array("<u8", "(99999999999999999999, 2)", &data),
            "expected a length",
        ),
        (array("<u8", "()", &data[..8]), "an array of 0 dimensions"),
        (array("<u8", "(1, 2, 2)", &data), "an array of 3 dimensions"),
        (
            array("<u8", "(1, 4)", &data),
            "shape (1, 4), expected (m, 2)",
        ),
        (array("<u8", "(-2, 2)", &data), "expected a length"),
        (npy("{'descr': '<u8'}", &data), "the header lacks one of"),
        (
            npy("{'descr': [('a', '<u8')], }", &data),
            "an array of records",
        ),
        (
            npy("{'descr': __import__('os')}", &data),
            "expected a string",
        ),
        (
            npy("{'descr': '<u8", &data[..0]),
            "expected a string that ends",
        ),
        (
            npy("{'shape': (2, 2), 'shape': (2, 2)}", &data),
            "stands twice",
        ),
        (npy("{'colour': (2, 2)}", &data), "found the key `colour`"),
        (
            npy("{'fortran_order': 1}", &data),
            "expected `True` or `False`",
        ),
        (npy("", &data), "expected `{`"),
        (
            array("<i8", "(1, 2)", &numbers(&[0, u64::MAX])),
            "row 0: found the node number `-1`",
        ),
        (
            array("<u8", "(1, 2)", &numbers(&[1 << 32, 0])),
            "row 0: found the node number `4294967296`",
        ),
        (
            array("<u4", "(1, 2)", &pairs(&[(0, u32::MAX)])),
            "row 0: found the node number `4294967295`",
        ),
    ] {
        refuses("npy", &[("a.npy", bytes)], 4, words);
    }
    let column = |values: &[u64]| array("<u8", &format!("({},)", values.len()), &numbers(values));
    for (first, second, code, words) in [
        (
            ("sources.npy", column(&[0, 1])),
            ("targets.npy", column(&[1])),
            4,
            "1 targets for 2 sources",
        ),
        (
            ("offsets.npy", column(&[])),
            ("targets.npy", column(&[])),
            4,
            "no offsets",
        ),
        (
            ("offsets.npy", column(&[1, 1])),
            ("targets.npy", column(&[0])),
            4,
            "row 0: found the offset 1, expected 0",
        ),
        (
            ("offsets.npy", column(&[0, 0])),
            ("targets.npy", column(&[0])),
            4,
            "row 1: found the offset 0, expected 1",
        ),
        (
            ("offsets.npy", column(&[0, 2])),
            ("targets.npy", column(&[0])),
            4,
            "row 1: found the offset 2, expected one from 0 to 1",
        ),
        (
            ("offsets.npy", column(&[0, 2, 1])),
            ("targets.npy", column(&[0, 1])),
            4,
            "row 2: found the offset 1, expected one from 2 to 2",
        ),
        (
            ("offsets.npy", column(&[0, 1])),
            ("targets.npy", column(&[1])),
            4,
            "row 0: found the node number `1`, expected at least 0 and below 1",
        ),
        (
            ("sources.npy", column(&[0])),
            ("offsets.npy", column(&[0])),
            2,
            "not edges together",
        ),
        (
            ("sources.npy", column(&[0])),
            ("some.npy", column(&[0])),
            2,
            "whose name does not say what it is",
        ),
        (
            ("sources.npy", column(&[0])),
            ("my_sources.npy", column(&[0])),
            2,
            "a second array of its kind",
        ),
        (
            ("sources.npy", column(&[0])),
            ("e.npy", rows("<u8")),
            2,
            "not edges together",
        ),
    ] {
        refuses("npy", &[first, second], code, words);
    }
    refuses_paths(
        "npy",
        &[PathBuf::from("-")],
        tempfile::tempdir().unwrap().path(),
        2,
        "stdin",
    );
}

/// Every header that is one byte off is refused or gives another graph, and nothing else happens.
#[test]
fn every_flipped_byte_of_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let sound = array("<u4", "(2, 2)", &pairs(&[(0, 1), (1, 2)]));
    for at in (0..sound.len() - 16).step_by(3) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        let out = folder.path().join(at.to_string());
        let ran = import(std::slice::from_ref(&path), "npy", &out, &[]);
        assert!(matches!(ran.code, 0 | 4), "{at}: {}", ran.stderr);
        assert_eq!(out.exists(), ran.code == 0);
    }
}

#[test]
fn tables_that_are_none_of_edges() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("t.parquet");
    let longs = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let one = || longs(vec![Some(0), Some(1)]);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    for (columns, message) in [
        (
            vec![("source", one()), ("weight", one()), ("to", one())],
            "the columns `source`, `weight`, `to`, expected two",
        ),
        (
            vec![("source", one())],
            "the columns `source`, expected two",
        ),
        (
            vec![("source", one()), ("target", words)],
            "the column `target` has the type Utf8",
        ),
        (
            vec![("source", longs(vec![Some(0), None])), ("target", one())],
            "row 1: null in the column `source`",
        ),
        (
            vec![("a", one()), ("b", longs(vec![Some(3), Some(-3)]))],
            "row 1: found the node number `-3`",
        ),
        (
            vec![
                ("a", one()),
                (
                    "b",
                    Arc::new(UInt64Array::from(vec![u64::MAX, 0])) as ArrayRef,
                ),
            ],
            "row 0: found the node number `18446744073709551615`",
        ),
        (
            vec![
                ("a", one()),
                (
                    "b",
                    Arc::new(Int32Array::from(vec![0, i32::MIN])) as ArrayRef,
                ),
            ],
            "row 1: found the node number `-2147483648`",
        ),
        (
            vec![
                ("a", one()),
                ("b", longs(vec![Some(0), Some(4_294_967_295)])),
            ],
            "row 1: found the node number `4294967295`",
        ),
    ] {
        parquet(&at, columns);
        refuses_paths(
            "parquet",
            std::slice::from_ref(&at),
            folder.path(),
            4,
            message,
        );
    }
    parquet(&at, vec![("source", one()), ("target", one())]);
    let sound = fs::read(&at).unwrap();
    for cut in [0, 3, sound.len() / 2, sound.len() - 1] {
        fs::write(&at, &sound[..cut]).unwrap();
        refuses_paths(
            "parquet",
            std::slice::from_ref(&at),
            folder.path(),
            4,
            "not a Parquet file",
        );
    }
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    refuses_paths(
        "parquet",
        &[empty],
        folder.path(),
        2,
        "holds no file of this format",
    );
}

/// A run's own table of edges is a graph again: its own, without names.
#[test]
fn edges_of_a_run_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (shards, run) = (at("shards"), at("run"));
    let synth = [
        "synth", "--shards", "1", "--pages", "60", "--hosts", "40", "--out",
    ];
    assert_eq!(crawlrank([&synth[..], &[text(&shards)]].concat()).code, 0);
    let ran = crawlrank(["run", text(&shards), "--out", text(&run)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let info = rows(["graph", "info", text(&run.join("graph/host"))]).remove(0);
    let nodes = info["nodes"].to_string();
    let table = run.join("tables/edges/host");
    let made = import(&[table], "parquet", &at("g"), &["--nodes", &nodes])
        .rows_with(0)
        .remove(0);
    assert_eq!(made["edges"], info["edges"]);
    for name in [
        "out_offsets.npy",
        "out_targets.npy",
        "in_offsets.npy",
        "in_targets.npy",
    ] {
        let own = fs::read(run.join("graph/host").join(name)).unwrap();
        assert!(own == fs::read(at("g").join(name)).unwrap(), "{name}");
    }
}

/// Pages of edges are summed where an edge comes again, and go out and in.
#[test]
fn pages_of_edges_come_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let longs = |values: [i64; 4]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    let edges = |pages: [i64; 4]| {
        vec![
            ("pages", longs(pages)),
            ("target", longs([1, 2, 1, 0])),
            ("source", longs([0, 0, 0, 2])),
        ]
    };
    parquet(&at("a.parquet"), edges([3, 1, 4, 5]));
    let made = import(&[at("a.parquet")], "parquet", &at("graph"), &[])
        .rows_with(0)
        .remove(0);
    assert_eq!(
        (&made["edges"], &made["edge_pages"]),
        (&json!(3), &json!(true))
    );
    let values = |name: &str| -> Vec<u32> {
        let bytes = fs::read(at("graph").join(name)).unwrap();
        let values = bytes[128..].chunks_exact(4);
        values
            .map(|value| u32::from_le_bytes(value.try_into().unwrap()))
            .collect()
    };
    assert_eq!(values("out_targets.npy"), [1, 2, 0]);
    assert_eq!(values("out_pages.npy"), [7, 1, 5]);
    assert_eq!(values("in_pages.npy"), [5, 7, 1]);
    assert_eq!(rows(["verify", text(&at("graph"))])[0]["result"], "sound");
    rows([
        "graph",
        "export",
        text(&at("graph")),
        "--format",
        "parquet",
        "--out",
        text(&at("out")),
    ]);
    import(&[at("out")], "parquet", &at("again"), &[]).rows_with(0);
    for file in fs::read_dir(at("graph")).unwrap().map(|file| file.unwrap()) {
        assert!(
            fs::read(file.path()).unwrap() == fs::read(at("again").join(file.file_name())).unwrap()
        );
    }
    for pages in [[0, 1, 1, 1], [1, -1, 1, 1], [1, 1, 1 << 32, 1]] {
        parquet(&at("a.parquet"), edges(pages));
        refuses_paths(
            "parquet",
            &[at("a.parquet")],
            folder.path(),
            4,
            "a number of pages",
        );
    }
    // Each fits, their sum does not.
    let most = i64::from(u32::MAX);
    parquet(&at("a.parquet"), edges([most, 1, 1, 1]));
    refuses_paths(
        "parquet",
        &[at("a.parquet")],
        folder.path(),
        4,
        "exceed 4294967295",
    );
    parquet(&at("b.parquet"), edges([1; 4])[1..].to_vec());
    let both = [at("a.parquet"), at("b.parquet")];
    refuses_paths(
        "parquet",
        &both,
        folder.path(),
        2,
        "1 of 2 files have the column `pages`",
    );
}

/// Every format gives a public graph back, byte for byte.
#[test]
fn a_public_graph_through_every_format() {
    let Some(list) = shared("graphs/wb-cs-stanford.edges.tsv.gz") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let options = ["--nodes", "9914", "--self-loops", "keep"];
    let made = import(&[list], "edges", &at("g"), &options)
        .rows_with(0)
        .remove(0);
    assert_eq!(made["edges"], json!(36_854));
    for (name, format, more) in [
        ("text", "edges", &[][..]),
        ("binary", "edges", &["--binary"]),
        ("npy", "npy", &[]),
        ("parquet", "parquet", &[]),
    ] {
        let (out, again) = (at(name), at(&format!("{name}-again")));
        let export = [
            "graph",
            "export",
            text(&at("g")),
            "--format",
            format,
            "--out",
            text(&out),
        ]
        .map(str::to_owned);
        let more = more.iter().map(|flag: &&str| (*flag).to_owned());
        assert_eq!(crawlrank(export.into_iter().chain(more)).code, 0, "{name}");
        import(&[out], format, &again, &options).rows_with(0);
        for file in fs::read_dir(at("g")).unwrap().map(|file| file.unwrap()) {
            let back = fs::read(again.join(file.file_name())).unwrap();
            assert!(
                fs::read(file.path()).unwrap() == back,
                "{name}: {:?}",
                file.file_name()
            );
        }
    }
}
