//! Named edges: any order, memory and threads, and builds that are killed.

use super::util::{files, goes_on_when_killed, keep_going, with_threads};
use crate::{BuilderOptions, Error, Graph, GraphBuilder, NamedEdges, SelfLoops, Start};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const EDGES: u64 = 60_000;

type Edge = (String, String, u32);

fn name(number: u64) -> String {
    // Some longer than what is compared at once.
    let tail = "-and-more".repeat((number % 5) as usize);
    format!("com.example{}{tail}", number % 4_000)
}

/// Edges between few names, so that some come again.
fn edges() -> Vec<Edge> {
    (0..EDGES)
        .map(crate::mix64)
        .map(|number| {
            (
                name(number & 0xffff),
                name(number >> 40),
                1 + (number >> 62) as u32,
            )
        })
        .collect()
}

fn options(memory_bytes: usize, edge_pages: bool) -> BuilderOptions {
    BuilderOptions {
        memory_bytes,
        edge_pages,
        node_pages: false,
        self_loops: SelfLoops::Keep,
    }
}

fn push(edges: &mut NamedEdges, (source, target, pages): &Edge) -> Result<(), Error> {
    edges.edge(source.as_bytes(), target.as_bytes(), *pages)
}

/// Some one by one, some together.
fn add_all(builder: &mut GraphBuilder, edges: &[Edge]) {
    for (number, edges) in edges.chunks(700).enumerate() {
        if number % 2 == 0 {
            for (source, target, pages) in edges {
                let (source, target) = (source.as_bytes(), target.as_bytes());
                builder.edge(source, target, *pages).unwrap();
            }
            continue;
        }
        let done = builder.done().min(edges.len() as u64);
        builder.skip(done);
        let left: Vec<&[Edge]> = edges[done as usize..].chunks(200).collect();
        if !left.is_empty() {
            let fill = |edges: &&[Edge], named: &mut NamedEdges| {
                edges.iter().try_for_each(|edge| push(named, edge))
            };
            builder.extend(&left, fill).unwrap();
        }
    }
}

fn built(edges: &[Edge], options: BuilderOptions, out: &Path) -> Graph {
    let tmp = tempfile::tempdir().unwrap();
    let mut builder = GraphBuilder::new(tmp.path(), options).unwrap();
    add_all(&mut builder, edges);
    let made = builder.finish_with(out, &mut keep_going).unwrap();
    assert_eq!(made.edges_read, EDGES);
    let left = std::fs::read_dir(tmp.path()).unwrap().count();
    assert_eq!(left, 0, "scratch goes away");
    made.graph
}

#[test]
fn order_memory_and_threads_leave_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let given = edges();
    let mut turned = given.clone();
    turned.reverse();
    for edge_pages in [false, true] {
        let at = |place: &str| dir.path().join(format!("{place}-{edge_pages}"));
        let graph = built(&given, options(1 << 30, edge_pages), &at("large"));
        graph.verify().unwrap();
        let mut sums = BTreeMap::new();
        for (source, target, pages) in &given {
            *sums
                .entry((source.as_bytes(), target.as_bytes()))
                .or_insert(0) += pages;
        }
        let expected: BTreeSet<&[u8]> = sums.keys().flat_map(|&(u, v)| [u, v]).collect();
        let names = graph.names().unwrap();
        assert!(names.iter().eq(expected.iter().copied()));
        let outgoing = graph.outgoing();
        let found = (0..graph.num_nodes() as u32).flat_map(|source| {
            let pages = outgoing.pages(source).map(<[u32]>::to_vec);
            let targets = outgoing.neighbors(source).iter().enumerate();
            targets.map(move |(at, &target)| {
                let pages = pages.as_ref().map_or(0, |pages| pages[at]);
                ((names.get(source), names.get(target)), pages)
            })
        });
        let kept = |pages| if edge_pages { pages } else { 0 };
        let sums = sums.into_iter().map(|(edge, pages)| (edge, kept(pages)));
        assert!(found.eq(sums));

        // 4 MiB are for the writers: these have some 60 KiB, so that edges and names go to scratch, and 900 KiB, which are
        // enough for names.
        for (place, memory, threads, edges) in [
            ("least", 0, 2, &given),
            ("turned", (4 << 20) + (60 << 10), 5, &turned),
            ("middle", (4 << 20) + (900 << 10), 1, &given),
        ] {
            let options = options(memory, edge_pages);
            let other = with_threads(threads, || built(edges, options, &at(place)));
            assert!(files(graph.dir()) == files(other.dir()), "{place}");
        }
    }
}

#[test]
fn the_error_of_the_first_chunk_is_told_and_its_edges_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = GraphBuilder::new(dir.path(), options(1 << 30, false)).unwrap();
    builder.edge(b"a", b"b", 1).unwrap();
    let too_long = |bytes: usize| vec![b'a'; crate::MAX_NAME_BYTES + bytes];
    let chunks = [vec![b'c'], too_long(2), too_long(1)];
    let result = builder.extend(&chunks, |name, edges| edges.edge(b"a", name, 1));
    assert!(matches!(result, Err(Error::NameTooLong { found, .. }) if found == too_long(2).len()));
    let graph = builder.finish(&dir.path().join("graph")).unwrap();
    assert_eq!((graph.num_nodes(), graph.num_edges()), (2, 1));
}

#[test]
fn pages_of_a_node_beyond_64_bits_are_an_error_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = GraphBuilder::new(dir.path(), BuilderOptions::default()).unwrap();
    builder.node(b"com.example", u64::MAX).unwrap();
    builder.node(b"com.example", 1).unwrap();
    let error = builder.finish(&dir.path().join("graph")).unwrap_err();
    let expected = "the pages of the node `com.example` exceed 18446744073709551615";
    assert_eq!(error.to_string(), expected);
}

fn start(dir: &Path) -> (GraphBuilder, Start) {
    let options = options((4 << 20) + (200 << 10), false);
    GraphBuilder::resume(&dir.join("work"), "edges of this test", options).unwrap()
}

/// Builds as a program would.
fn build(dir: &Path) {
    let (mut builder, _) = start(dir);
    add_all(&mut builder, &edges());
    builder.finish(&dir.join("graph")).unwrap();
}

#[test]
fn a_killed_build_goes_on_and_ends_with_the_same_bytes() {
    let done = |dir: &Path| start(dir).0.done();
    let test = "tests::named::a_killed_build_goes_on_and_ends_with_the_same_bytes";
    goes_on_when_killed(test, build, done, || {
        let dir = tempfile::tempdir().unwrap();
        let graph = built(&edges(), options(1 << 30, false), &dir.path().join("graph"));
        files(graph.dir())
    });
}

#[test]
fn damage_to_a_spill_is_found_and_fewer_edges_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut builder, begin) = start(dir.path());
    assert_eq!(begin, Start::Fresh);
    add_all(&mut builder, &edges());
    drop(builder);
    let (builder, begin) = start(dir.path());
    let done = builder.done();
    assert_eq!(begin, Start::Resumed { edges: done });
    assert!(done > EDGES / 2, "{done}");
    let out = dir.path().join("graph");
    assert!(matches!(
        builder.finish(&out),
        Err(Error::Incompatible { .. })
    ));

    let spill = dir.path().join("work/0001");
    let whole = std::fs::read(&spill).unwrap();
    // Of edges, of names, of the index and of the trailer.
    for place in [
        0,
        8,
        whole.len() / 2,
        whole.len() - 200,
        whole.len() - 60,
        whole.len() - 1,
    ] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&spill, &bytes).unwrap();
        let (mut builder, _) = start(dir.path());
        add_all(&mut builder, &edges());
        let message = builder.finish(&out).unwrap_err().to_string();
        assert!(message.contains("work/0001 offset "), "{place}: {message}");
    }
}
