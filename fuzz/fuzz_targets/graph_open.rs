//! A sound graph with bytes changed: `verify` finds it, and nothing panics or hangs on the way.
#![no_main]

use crawlrank_graph::{BuilderOptions, Graph, GraphBuilder, HarmonicOptions, PageRankOptions, harmonic, harmonic_exact, pagerank};
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow::Continue;
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;

/// The graph's directory, and its files as they were written.
struct Sound {
    _dir: TempDir,
    graph: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

static SOUND: OnceLock<Sound> = OnceLock::new();

// Input: groups of four bytes, each sets one byte: file, place (little-endian), value.
fuzz_target!(|data: &[u8]| {
    let sound = SOUND.get_or_init(build);
    let mut files = sound.files.clone();
    for change in data.chunks_exact(4) {
        let at = change[0] as usize % files.len();
        let bytes = &mut files[at].1;
        let place = u16::from_le_bytes([change[1], change[2]]) as usize % bytes.len();
        bytes[place] = change[3];
    }
    write_different(&files, &sound.files);
    if let Ok(graph) = Graph::open(&sound.graph) {
        assert_eq!(graph.verify().is_ok(), files == sound.files, "damage must be noticed");
        read(&graph);
    }
    write_different(&sound.files, &files);
});

fn build() -> Sound {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut builder = GraphBuilder::new(dir.path(), BuilderOptions::default()).expect("a builder");
    for i in 0..40u32 {
        let name = |i: u32| format!("com.example{}", i % 17).into_bytes();
        builder.edge(&name(i), &name(i * i + 3), i).expect("an edge");
    }
    let graph = dir.path().join("graph");
    builder.finish(&graph).expect("a graph");
    let entries = std::fs::read_dir(&graph).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    files.sort();
    Sound { _dir: dir, graph, files }
}

/// Writes those files that differ from what is on disk; no graph is open then.
fn write_different(files: &[(PathBuf, Vec<u8>)], on_disk: &[(PathBuf, Vec<u8>)]) {
    for ((path, bytes), (_, before)) in files.iter().zip(on_disk) {
        if bytes != before {
            std::fs::write(path, bytes).expect("a file");
        }
    }
}

fn read(graph: &Graph) {
    if let Some(names) = graph.names() {
        names.iter().for_each(|name| assert!(name.len() < 1 << 16));
        names.find(b"com.example5");
    }
    for adjacency in [graph.outgoing(), graph.incoming()] {
        // A list may be damaged to hold all edges, but not more.
        assert!(adjacency.edges().count() <= adjacency.num_nodes() * adjacency.num_edges());
    }
    let options = PageRankOptions { max_iterations: 3, weighted: true, ..PageRankOptions::default() };
    let _ = pagerank(graph, &options, &mut |_| Continue(()));
    let _ = harmonic(graph, &HarmonicOptions { log2m: 4, ..Default::default() }, &mut |_| Continue(()));
    let _ = harmonic_exact(graph, &mut |_| Continue(()));
}
