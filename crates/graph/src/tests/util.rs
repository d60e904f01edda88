//! Small worlds.

use crate::{
    BuilderOptions, Error, Graph, GraphBuilder, IdGraphBuilder, IdGraphOptions, Iteration,
    Progress, SelfLoops,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// Named edges with pages, and named nodes with pages.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) nodes: Vec<(String, u64)>,
    pub(super) edges: Vec<(String, String, u32)>,
}

/// Eight hosts. The shop and `www` belong to example.com and link back to it, as does the news site;
/// the front page links to both, to the news and to the CDN. The shop also links to a bank, which
/// like the CDN was never crawled and so dangles. News and wiki link to each other, news to the CDN
/// too. `www` links to itself, which is no edge. One crawled host has no links at all.
pub(super) fn eight_nodes() -> World {
    let edges = [
        ("com.example", "com.example-shop"),
        ("com.example", "com.example.www"),
        ("com.example", "net.cdn"),
        ("com.example", "org.news"),
        ("com.example-shop", "com.example"),
        ("com.example-shop", "net.bank"),
        ("com.example.www", "com.example"),
        ("com.example.www", "com.example.www"),
        ("org.news", "com.example"),
        ("org.news", "net.cdn"),
        ("org.news", "org.wiki"),
        ("org.wiki", "org.news"),
    ];
    let crawled = [
        "com.example",
        "com.example-shop",
        "com.example.www",
        "org.news",
        "org.wiki",
        "zz.alone",
    ];
    World {
        nodes: crawled.iter().map(|name| (name.to_string(), 2)).collect(),
        edges: edges
            .iter()
            .map(|(source, target)| (source.to_string(), target.to_string(), 1))
            .collect(),
    }
}

impl World {
    pub(super) fn build(&self, options: BuilderOptions, tmp: &Path, out: &Path) -> Graph {
        let mut builder = GraphBuilder::new(tmp, options).unwrap();
        for (name, pages) in &self.nodes {
            builder.node(name.as_bytes(), *pages).unwrap();
        }
        for (source, target, pages) in &self.edges {
            builder
                .edge(source.as_bytes(), target.as_bytes(), *pages)
                .unwrap();
        }
        builder.finish(out).unwrap()
    }

    pub(super) fn graph(&self) -> (TempDir, Graph) {
        let dir = tempfile::tempdir().unwrap();
        let graph = self.build(
            BuilderOptions::default(),
            dir.path(),
            &dir.path().join("graph"),
        );
        (dir, graph)
    }
}

/// A graph of integer edges, self-loops kept.
pub(super) fn id_graph(edges: &[(u32, u32)], num_nodes: u64) -> (TempDir, Graph) {
    let dir = tempfile::tempdir().unwrap();
    let options = IdGraphOptions {
        self_loops: SelfLoops::Keep,
        ..IdGraphOptions::default()
    };
    let mut builder = IdGraphBuilder::new(dir.path(), options).unwrap();
    for &(source, target) in edges {
        builder.push(source, target).unwrap();
    }
    let graph = builder
        .finish(Some(num_nodes), &dir.path().join("graph"), &mut keep_going)
        .unwrap()
        .graph;
    (dir, graph)
}

/// All files of a graph directory.
pub(super) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

pub(super) fn go_on(_: Iteration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(super) fn keep_going(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(super) fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

/// Folds a reversed host to its first two labels.
pub(super) fn two_labels(name: &[u8], out: &mut Vec<u8>) {
    let mut dots = 0;
    out.extend(name.iter().take_while(|&&byte| {
        dots += usize::from(byte == b'.');
        dots < 2
    }));
}

pub(super) fn merge_all(
    inputs: &[&Path],
    tmp: &Path,
    out: &Path,
    max_open: usize,
) -> Result<Graph, Error> {
    let inputs: Vec<_> = inputs.iter().map(|path| path.to_path_buf()).collect();
    let options = crate::MergeOptions {
        max_open,
        ..crate::MergeOptions::default()
    };
    crate::merge(&inputs, out, tmp, &options, &mut keep_going)
}

/// A manifest stands in the documentation as it is.
pub(super) fn check_documented(manifest: &str) {
    let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats.md");
    match std::fs::read_to_string(documented) {
        Ok(text) => assert!(
            text.contains(manifest),
            "docs/formats.md shows this manifest"
        ),
        Err(_) => eprintln!("skipped: no docs/formats.md beside this crate"),
    }
}

/// Says to a test that it is the child, and where it builds.
const CHILD: &str = "CRAWLRANK_GRAPH_TEST_CHILD";

/// Kills a build twenty times, ever later, and lets it go on: `DIR/graph` ends with the `expected` bytes, nothing is left of
/// `DIR/work`, and what was `done` stays so. The build runs in another process, as this `test`.
pub(super) fn goes_on_when_killed(
    test: &str,
    build: impl Fn(&Path),
    done: impl Fn(&Path) -> u64,
    expected: impl FnOnce() -> BTreeMap<String, Vec<u8>>,
) {
    if let Some(dir) = std::env::var_os(CHILD) {
        build(Path::new(&dir));
        return;
    }
    let expected = expected();
    let child = |dir: &Path| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(CHILD, dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    assert!(child(dir.path()).wait().unwrap().success());
    let whole = begun.elapsed();
    assert!(files(&dir.path().join("graph")) == expected);

    let dir = tempfile::tempdir().unwrap();
    let [graph, work] = ["graph", "work"].map(|name| dir.path().join(name));
    let (mut kills, mut done_before) = (0, 0);
    while kills < 20 {
        let mut process = child(dir.path());
        std::thread::sleep(whole * (kills + 1) / 21);
        process.kill().unwrap();
        kills += 1;
        process.wait().unwrap();
        if graph.exists() {
            // It was faster than the signal; what it worked with may be gone, or be half gone.
            std::fs::remove_dir_all(&graph).unwrap();
            let _ = std::fs::remove_dir_all(&work);
            done_before = 0;
            continue;
        }
        if work.exists() {
            let done = done(dir.path());
            assert!(done >= done_before, "what is complete stays");
            done_before = done;
        }
    }
    build(dir.path());
    assert!(files(&graph) == expected);
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1, "only the graph stays");
}
