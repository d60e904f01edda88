//! What holds for every graph.

use super::util::{
    World, check_documented, eight_nodes, files, go_on, keep_going, merge_all, two_labels,
    with_threads,
};
use crate::{
    BuilderOptions, Error, FoldOptions, Graph, IdGraphBuilder, IdGraphOptions, SelfLoops, fold,
    transpose,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Names over few letters around `.`, so that prefixes, equal names and `-` before `.` are common.
fn name() -> impl Strategy<Value = String> {
    "[ab]{1,2}(\\.[ab]{1,2}|-[ab]){0,2}"
}

fn world() -> impl Strategy<Value = World> {
    let nodes = proptest::collection::vec((name(), 0u64..5), 0..20);
    let edges = proptest::collection::vec((name(), name(), 1u32..4), 0..80);
    (nodes, edges).prop_map(|(nodes, edges)| World { nodes, edges })
}

fn edges_of(graph: &Graph) -> Vec<(u32, u32, u32)> {
    graph.outgoing().edges().collect()
}

/// Names and edges as sets and sums, kept apart from the code under test.
type Model = (BTreeMap<String, u64>, BTreeMap<(String, String), u32>);

fn model(world: &World) -> Model {
    let (mut nodes, mut edges) = (BTreeMap::new(), BTreeMap::new());
    for (name, pages) in &world.nodes {
        *nodes.entry(name.clone()).or_default() += pages;
    }
    for (source, target, pages) in &world.edges {
        nodes.entry(source.clone()).or_default();
        nodes.entry(target.clone()).or_default();
        if source != target {
            *edges.entry((source.clone(), target.clone())).or_default() += pages;
        }
    }
    (nodes, edges)
}

fn model_of(graph: &Graph) -> Model {
    let names = graph.names().unwrap();
    let name = |id| String::from_utf8(names.get(id).to_vec()).unwrap();
    let nodes = (0..names.len())
        .map(|id| (name(id as u32), graph.node_pages().unwrap()[id]))
        .collect();
    let edges = graph
        .outgoing()
        .edges()
        .map(|(u, v, pages)| ((name(u), name(v)), pages))
        .collect();
    (nodes, edges)
}

#[test]
fn eight_nodes_are_where_they_belong() {
    let (_dir, graph) = eight_nodes().graph();
    graph.verify().unwrap();
    let names: Vec<&[u8]> = graph.names().unwrap().iter().collect();
    let expected: [&[u8]; 8] = [
        b"com.example",
        b"com.example-shop",
        b"com.example.www",
        b"net.bank",
        b"net.cdn",
        b"org.news",
        b"org.wiki",
        b"zz.alone",
    ];
    assert_eq!(names, expected);
    let out: Vec<&[u32]> = (0..8).map(|u| graph.outgoing().neighbors(u)).collect();
    assert_eq!(
        out,
        [
            &[1, 2, 4, 5][..],
            &[0, 3],
            &[0],
            &[],
            &[],
            &[0, 4, 6],
            &[5],
            &[]
        ]
    );
    let incoming: Vec<&[u32]> = (0..8).map(|v| graph.incoming().neighbors(v)).collect();
    assert_eq!(
        incoming,
        [
            &[1, 2, 5][..],
            &[0],
            &[0],
            &[1],
            &[0, 5],
            &[0, 6],
            &[5],
            &[]
        ]
    );
    assert_eq!(graph.num_dangling(), 3);
    assert_eq!(graph.node_pages().unwrap(), [2, 2, 2, 0, 0, 2, 2, 2]);
    assert_eq!(graph.names().unwrap().find(b"org.news"), Some(5));
    assert_eq!(graph.names().unwrap().find(b"org"), None);
    assert_eq!(
        (
            graph.outgoing().degree(0),
            graph.incoming().degree(7),
            graph.outgoing().degree(8)
        ),
        (4, 0, 0)
    );
}

#[test]
fn domains_of_eight_nodes() {
    let (dir, graph) = eight_nodes().graph();
    let out = dir.path().join("domains");
    let domains = fold(
        &graph,
        two_labels,
        &out,
        dir.path(),
        &FoldOptions::default(),
        &mut keep_going,
    )
    .unwrap();
    domains.verify().unwrap();
    let names: Vec<&[u8]> = domains.names().unwrap().iter().collect();
    let expected: [&[u8]; 7] = [
        b"com.example",
        b"com.example-shop",
        b"net.bank",
        b"net.cdn",
        b"org.news",
        b"org.wiki",
        b"zz.alone",
    ];
    assert_eq!(names, expected);
    assert_eq!(domains.node_hosts().unwrap(), [2, 1, 1, 1, 1, 1, 1]);
    assert_eq!(domains.node_pages().unwrap(), [4, 2, 0, 0, 2, 2, 2]);
    assert_eq!(domains.outgoing().neighbors(0), [1, 3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_graph_holds_what_was_given(world in world()) {
        let (_dir, graph) = world.graph();
        graph.verify().unwrap();
        prop_assert_eq!(model_of(&graph), model(&world));
        let turned: BTreeSet<_> = graph.incoming().edges().map(|(v, u, pages)| (u, v, pages)).collect();
        prop_assert_eq!(turned, edges_of(&graph).into_iter().collect::<BTreeSet<_>>());
    }

    #[test]
    fn memory_leaves_no_trace(world in world(), keep in any::<bool>(), repeat in 1usize..6, edge_pages in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        // Distinct names by the thousand, so that the smallest budget spills several times.
        let mut world = world;
        for i in 0..repeat * 300 {
            world.edges.push((format!("c.{}", i * 7_919 % 1_000), format!("c.{}", i * 104_729 % 1_000), 1));
        }
        let self_loops = if keep { SelfLoops::Keep } else { SelfLoops::Drop };
        let options = BuilderOptions { self_loops, edge_pages, ..BuilderOptions::default() };
        let large = world.build(options.clone(), dir.path(), &dir.path().join("large"));
        let small = world.build(BuilderOptions { memory_bytes: 0, ..options }, dir.path(), &dir.path().join("small"));
        small.verify().unwrap();
        prop_assert!(files(large.dir()) == files(small.dir()));
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no scratch stays");
    }

    #[test]
    fn order_of_edges_leaves_no_trace(world in world()) {
        let (_a, graph) = world.graph();
        let mut reversed = world.clone();
        reversed.edges.reverse();
        reversed.nodes.reverse();
        let (_b, other) = reversed.graph();
        prop_assert!(files(graph.dir()) == files(other.dir()));
    }

    #[test]
    fn merge_of_parts_is_the_graph_of_all(worlds in proptest::collection::vec(world(), 1..6), max_open in 2usize..4) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let all = World {
            nodes: worlds.iter().flat_map(|world| world.nodes.clone()).collect(),
            edges: worlds.iter().flat_map(|world| world.edges.clone()).collect(),
        };
        let all = files(all.build(BuilderOptions::default(), dir.path(), &path("all")).dir());
        let parts: Vec<_> = worlds
            .iter()
            .enumerate()
            .map(|(i, world)| world.build(BuilderOptions::default(), dir.path(), &path(&i.to_string())).dir().to_path_buf())
            .collect();
        let parts: Vec<_> = parts.iter().map(|part| part.as_path()).collect();
        let merged = merge_all(&parts, dir.path(), &path("merged"), 64).unwrap();
        prop_assert!(files(merged.dir()) == all, "merge is the union");
        let levels = merge_all(&parts, dir.path(), &path("levels"), max_open).unwrap();
        prop_assert!(files(levels.dir()) == all, "levels leave no trace");
        let backwards: Vec<_> = parts.iter().rev().copied().collect();
        let backwards = merge_all(&backwards, dir.path(), &path("backwards"), 64).unwrap();
        prop_assert!(files(backwards.dir()) == all, "order leaves no trace");
        let (left, right) = parts.split_at(parts.len() / 2);
        let mut groups = vec![merge_all(right, dir.path(), &path("right"), 64).unwrap()];
        if !left.is_empty() {
            groups.push(merge_all(left, dir.path(), &path("left"), 64).unwrap());
        }
        let groups: Vec<_> = groups.iter().map(|graph| graph.dir()).collect();
        let grouped = merge_all(&groups, dir.path(), &path("grouped"), 64).unwrap();
        prop_assert!(files(grouped.dir()) == all, "grouping leaves no trace");
    }

    #[test]
    fn transpose_twice_is_the_identity(world in world()) {
        let (dir, graph) = world.graph();
        let once = transpose(&graph, &dir.path().join("once"), dir.path(), 0).unwrap();
        once.verify().unwrap();
        prop_assert!(once.outgoing().edges().eq(graph.incoming().edges()));
        let twice = transpose(&once, &dir.path().join("twice"), dir.path(), 0).unwrap();
        prop_assert!(files(twice.dir()) == files(graph.dir()));
    }

    #[test]
    fn fold_is_the_graph_of_folded_names(world in world(), small in any::<bool>()) {
        let mut world = world;
        for i in 0..600 {
            world.edges.push((format!("c.{}.{i}", i * 7_919 % 300), format!("c.{}-x.{i}", i % 300), 1));
        }
        let (dir, graph) = world.graph();
        let options = FoldOptions { memory_bytes: if small { 0 } else { 1 << 30 } };
        let folded = fold(&graph, two_labels, &dir.path().join("folded"), dir.path(), &options, &mut keep_going).unwrap();
        folded.verify().unwrap();
        let domain = |name: &String| {
            let mut out = Vec::new();
            two_labels(name.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let coarser = World {
            nodes: world.nodes.iter().map(|(name, pages)| (domain(name), *pages)).collect(),
            edges: world.edges.iter().map(|(a, b, pages)| (domain(a), domain(b), *pages)).collect(),
        };
        prop_assert_eq!(model_of(&folded), model(&coarser));
        let mut hosts = BTreeMap::new();
        for name in model(&world).0.keys() {
            *hosts.entry(domain(name)).or_insert(0) += 1;
        }
        prop_assert_eq!(folded.node_hosts().unwrap(), hosts.into_values().collect::<Vec<u32>>());
    }

    #[test]
    fn integer_edges_keep_their_ids(
        edges in proptest::collection::vec((0u32..30, 0u32..30), 0..4_000),
        keep in any::<bool>(),
        more in 0u64..3,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let self_loops = if keep { SelfLoops::Keep } else { SelfLoops::Drop };
        let mut builder = IdGraphBuilder::new(dir.path(), IdGraphOptions { memory_bytes: 0, self_loops }).unwrap();
        for &(u, v) in &edges {
            builder.push(u, v).unwrap();
        }
        let least = edges.iter().map(|&(u, v)| u64::from(u.max(v)) + 1).max().unwrap_or(0);
        let imported = builder.finish((more > 0).then_some(least + more), &dir.path().join("graph"), &mut keep_going).unwrap();
        imported.graph.verify().unwrap();
        let unique: BTreeSet<_> = edges.iter().copied().collect();
        let loops = unique.iter().filter(|(u, v)| u == v).count();
        prop_assert_eq!(imported.edges_read, edges.len() as u64);
        prop_assert_eq!(imported.duplicates, (edges.len() - unique.len()) as u64);
        prop_assert_eq!(imported.self_loops, loops as u64);
        prop_assert_eq!(imported.graph.num_nodes(), least + more);
        let expected: Vec<_> = unique.into_iter().filter(|(u, v)| keep || u != v).map(|(u, v)| (u, v, 1)).collect();
        prop_assert_eq!(edges_of(&imported.graph), expected);
    }
}

#[test]
fn threads_and_memory_leave_no_trace_in_a_graph_of_integers() {
    let edges: Vec<[u32; 2]> = (0..150_000u64)
        .map(crate::mix64)
        .map(|number| [(number >> 32) as u32 % 5_000, number as u32 % 700])
        .collect();
    let mut expected = None;
    for (threads, memory_bytes) in [(1, 1 << 30), (2, 6 << 20), (5, 0), (1, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let options = IdGraphOptions {
            memory_bytes,
            ..IdGraphOptions::default()
        };
        let graph = with_threads(threads, || {
            let mut builder = IdGraphBuilder::new(dir.path(), options).unwrap();
            for edges in edges.chunks(10_000) {
                builder.push_edges(edges).unwrap();
            }
            let out = dir.path().join("graph");
            builder.finish(None, &out, &mut keep_going).unwrap().graph
        });
        let found = files(graph.dir());
        let expected = expected.get_or_insert_with(|| found.clone());
        assert!(
            found == *expected,
            "{threads} threads, {memory_bytes} bytes"
        );
    }
}

#[test]
fn the_empty_graph_is_a_graph() {
    let (dir, graph) = World::default().graph();
    graph.verify().unwrap();
    assert_eq!(
        (graph.num_nodes(), graph.num_edges(), graph.num_dangling()),
        (0, 0, 0)
    );
    assert!(graph.names().unwrap().is_empty());
    let out = dir.path().join("merged");
    let merged = merge_all(&[graph.dir(), graph.dir()], dir.path(), &out, 64).unwrap();
    assert!(files(merged.dir()) == files(graph.dir()));
    let alone = merge_all(&[graph.dir()], dir.path(), &dir.path().join("alone"), 64).unwrap();
    assert!(files(alone.dir()) == files(graph.dir()));
    let domains = fold(
        &graph,
        two_labels,
        &dir.path().join("d"),
        dir.path(),
        &FoldOptions::default(),
        &mut keep_going,
    );
    assert_eq!(domains.unwrap().num_nodes(), 0);
}

#[test]
fn pages_that_overflow_are_an_error_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World {
        nodes: vec![],
        edges: vec![("a".into(), "b".into(), u32::MAX)],
    };
    let a = world.build(BuilderOptions::default(), dir.path(), &dir.path().join("a"));
    let out = dir.path().join("out");
    let result = merge_all(&[a.dir(), a.dir()], dir.path(), &out, 64);
    assert!(
        matches!(
            result,
            Err(Error::PagesOverflow {
                source_id: 0,
                target_id: 1
            })
        ),
        "{result:?}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_interrupted_merge_leaves_nothing() {
    let (dir, graph) = eight_nodes().graph();
    let inputs = [graph.dir().to_path_buf()];
    let options = crate::MergeOptions::default();
    let out = dir.path().join("out");
    let result = crate::merge(&inputs, &out, dir.path(), &options, &mut |_| {
        ControlFlow::Break(())
    });
    assert!(matches!(result, Err(Error::Interrupted)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn graphs_of_different_counts_do_not_merge() {
    let dir = tempfile::tempdir().unwrap();
    let world = eight_nodes();
    let a = world.build(BuilderOptions::default(), dir.path(), &dir.path().join("a"));
    let options = BuilderOptions {
        edge_pages: false,
        ..BuilderOptions::default()
    };
    let b = world.build(options, dir.path(), &dir.path().join("b"));
    let result = merge_all(&[a.dir(), b.dir()], dir.path(), &dir.path().join("out"), 64);
    let Err(error @ Error::Incompatible { .. }) = result else {
        panic!("{result:?}")
    };
    assert!(error.to_string().contains("found node pages"), "{error}");
}

#[test]
fn nothing_is_overwritten() {
    let (dir, graph) = eight_nodes().graph();
    let before = files(graph.dir());
    let result = merge_all(&[graph.dir()], dir.path(), graph.dir(), 64);
    assert!(matches!(result, Err(Error::Exists { .. })));
    assert!(files(graph.dir()) == before);
}

#[test]
fn ids_and_names_beyond_the_limits_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = IdGraphBuilder::new(dir.path(), IdGraphOptions::default()).unwrap();
    builder.push(5, 4).unwrap();
    assert!(matches!(
        builder.push(0, u32::MAX),
        Err(Error::TooManyNodes {
            found: 4_294_967_296,
            ..
        })
    ));
    let result = builder.finish(Some(5), &dir.path().join("out"), &mut keep_going);
    assert!(matches!(
        result,
        Err(Error::Option {
            option: "num_nodes",
            ..
        })
    ));

    let mut builder = crate::GraphBuilder::new(dir.path(), BuilderOptions::default()).unwrap();
    builder.node(&vec![b'a'; crate::MAX_NAME_BYTES], 1).unwrap();
    assert!(matches!(
        builder.node(&vec![b'a'; crate::MAX_NAME_BYTES + 1], 1),
        Err(Error::NameTooLong { .. })
    ));
}

#[test]
fn self_loops_are_kept_on_request_and_dropped_by_a_later_merge() {
    let dir = tempfile::tempdir().unwrap();
    let options = BuilderOptions {
        self_loops: SelfLoops::Keep,
        ..BuilderOptions::default()
    };
    let kept = eight_nodes().build(options, dir.path(), &dir.path().join("kept"));
    assert_eq!(
        (kept.num_edges(), kept.outgoing().neighbors(2)),
        (12, &[0, 2][..])
    );
    assert!(kept.keeps_self_loops());
    let dropped = merge_all(&[kept.dir()], dir.path(), &dir.path().join("dropped"), 64).unwrap();
    let (_dir, expected) = eight_nodes().graph();
    assert!(files(dropped.dir()) == files(expected.dir()));
}

#[test]
fn the_format_is_the_documented_one() {
    let (_dir, graph) = eight_nodes().graph();
    let manifest = std::fs::read_to_string(graph.dir().join("graph.json")).unwrap();
    // `checksums` in it stands for the bytes of all arrays. A change needs a new format version.
    assert_eq!(manifest, include_str!("eight_nodes.json"));
    check_documented(&manifest);
}

#[test]
fn a_graph_of_many_nodes_can_be_stopped_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = IdGraphBuilder::new(dir.path(), IdGraphOptions::default()).unwrap();
    builder.push(4_000_000_000, 0).unwrap();
    assert_eq!(builder.file_bytes(None), 16 * 4_000_000_001 + 8);
    let mut asked = 0;
    let stopped = builder.finish(None, &dir.path().join("out"), &mut |_| {
        asked += 1;
        if asked < 3 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_graph_from_before_there_were_streams_opens_and_ranks_the_same() {
    let (_dir, graph) = eight_nodes().graph();
    let options = crate::PageRankOptions::default();
    let scores = crate::pagerank(&graph, &options, &mut go_on)
        .unwrap()
        .scores;
    let expected = files(graph.dir());
    std::fs::remove_file(graph.dir().join("ranking.stream")).unwrap();
    let manifest = include_str!("eight_nodes_without_stream.json");
    std::fs::write(graph.dir().join("graph.json"), manifest).unwrap();
    let old = Graph::open(graph.dir()).unwrap();
    old.verify().unwrap();
    assert_eq!(old.ranking_stream(), None);
    let again = crate::pagerank(&old, &options, &mut go_on).unwrap().scores;
    assert_eq!(again, scores);
    // It is given one.
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("new");
    let (old, form) = (crate::AnyGraph::from(old), crate::Form::Arrays);
    let new = crate::convert(&old, form, &out, tmp.path(), 0, &mut keep_going).unwrap();
    assert!(files(new.dir()) == expected);
}
