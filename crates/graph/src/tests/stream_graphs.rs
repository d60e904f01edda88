//! Graphs that carry only their ranking stream.

use super::util::{check_documented, eight_nodes, files, id_graph, keep_going, with_threads};
use crate::{
    AnyGraph, Error, Form, Graph, IdGraphBuilder, IdGraphOptions, MergeOptions, NumberedNodes,
    PageRankOptions, Pages, Ranking, SelfLoops, StreamGraph, StreamGraphBuilder, convert, merge_as,
    mix64,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Edges in any order, some twice, with self-loops, hubs and dangling nodes; more than a strip to one bin.
fn edges(len: u64, nodes: u64) -> Vec<[u32; 2]> {
    let near = |source: u64, number: u64| (source + number % 400) % nodes;
    (0..len)
        .map(mix64)
        .map(|number| (number % nodes / 2 * 2, number >> 40))
        .map(|(source, number)| match number % 8 {
            0 => [source, source / 1000],
            1 => [source, mix64(number) % nodes],
            _ => [source, near(source, number)],
        })
        .map(|edge| edge.map(|node| node as u32))
        .collect()
}

fn options(memory_bytes: usize, self_loops: SelfLoops) -> IdGraphOptions {
    IdGraphOptions {
        memory_bytes,
        self_loops,
    }
}

fn stream_graph(edges: &[[u32; 2]], options: IdGraphOptions) -> (TempDir, StreamGraph) {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = StreamGraphBuilder::new(dir.path(), options).unwrap();
    edges
        .chunks(100_000)
        .for_each(|edges| builder.push_edges(edges).unwrap());
    let out = dir.path().join("graph");
    let made = builder.finish(Some(200_000), &out, &mut keep_going);
    (dir, made.unwrap().graph)
}

fn triangle() -> (TempDir, StreamGraph) {
    let dir = tempfile::tempdir().unwrap();
    let options = options(0, SelfLoops::Drop);
    let mut builder = StreamGraphBuilder::new(dir.path(), options).unwrap();
    builder.push_edges(&[[0, 1], [1, 2], [2, 0]]).unwrap();
    let out = dir.path().join("graph");
    let made = builder.finish(None, &out, &mut keep_going).unwrap();
    (dir, made.graph)
}

fn arrays(edges: &[[u32; 2]]) -> (TempDir, Graph) {
    let edges: Vec<(u32, u32)> = edges.iter().map(|&[u, v]| (u, v)).collect();
    id_graph(&edges, 200_000)
}

fn convert_to(graph: AnyGraph, form: Form, memory_bytes: usize) -> (TempDir, AnyGraph) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("converted");
    let made = convert(
        &graph,
        form,
        &out,
        dir.path(),
        memory_bytes,
        &mut keep_going,
    );
    (dir, made.unwrap())
}

#[test]
fn a_stream_is_that_of_the_arrays_for_any_memory_and_threads_and_gives_them_back() {
    let edges = edges(3_500_000, 36_000);
    let (_kept, with_arrays) = arrays(&edges);
    let expected = files(with_arrays.dir());
    let to_first_bin = with_arrays.incoming().offsets()[32_768];
    assert!(to_first_bin > 1 << 21, "{to_first_bin} are one strip");
    let mut first = None;
    for (threads, memory_bytes) in [(2, 1 << 30), (1, 16 << 20), (5, 32 << 20)] {
        let (_dir, graph) = with_threads(threads, || {
            stream_graph(&edges, options(memory_bytes, SelfLoops::Keep))
        });
        graph.verify().unwrap();
        let found = files(graph.dir());
        assert!(
            found["ranking.stream"] == expected["ranking.stream"],
            "{threads} threads"
        );
        assert_eq!(found.len(), 3, "stream, checksums, manifest");
        assert!(*first.get_or_insert(found.clone()) == found);

        let graph = AnyGraph::from(graph);
        for (degrees, adjacency) in [
            (graph.out_degrees().unwrap(), with_arrays.outgoing()),
            (graph.in_degrees().unwrap(), with_arrays.incoming()),
        ] {
            let same = |node: u32| degrees.get(node) == adjacency.degree(node);
            assert!((0..graph.num_nodes() as u32).all(same));
        }
        let (_dir, back) = with_threads(threads, || convert_to(graph, Form::Arrays, memory_bytes));
        assert!(files(back.dir()) == expected, "{threads} threads");
    }
    let (_dir, alone) = convert_to(with_arrays.into(), Form::Stream, 0);
    assert!(Some(files(alone.dir())) == first);
}

#[test]
fn self_loops_are_dropped_and_their_nodes_may_then_be_no_sources() {
    let edges = [[3, 3], [3, 3], [0, 2], [2, 2], [0, 2], [5, 0]];
    for self_loops in [SelfLoops::Drop, SelfLoops::Keep] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("graph");
        let mut builder = StreamGraphBuilder::new(dir.path(), options(0, self_loops)).unwrap();
        builder.push_edges(&edges).unwrap();
        let made = builder.finish(None, &out, &mut keep_going).unwrap();
        assert_eq!(
            (made.edges_read, made.duplicates, made.self_loops),
            (6, 2, 2)
        );
        made.graph.verify().unwrap();
        let stream = made.graph.stream();
        let expected = match self_loops {
            SelfLoops::Drop => [1, 0, 0, 0, 0, 1],
            SelfLoops::Keep => [1, 0, 1, 1, 0, 1],
        };
        assert_eq!(stream.out_degrees().unwrap(), expected);
    }
}

#[test]
fn no_edges_and_no_nodes() {
    for nodes in [0, 1, 70_000] {
        let dir = tempfile::tempdir().unwrap();
        let builder =
            StreamGraphBuilder::new(dir.path(), options(1 << 20, SelfLoops::Drop)).unwrap();
        let out = dir.path().join("graph");
        let graph = builder
            .finish(Some(nodes), &out, &mut keep_going)
            .unwrap()
            .graph;
        graph.verify().unwrap();
        let options = PageRankOptions::default();
        let mut ranking = Ranking::of_stream(graph.stream(), &options).unwrap();
        while ranking.iterate().unwrap().is_some() {}
        assert_eq!(ranking.finish().scores.len() as u64, nodes);
        let (_dir, back) = convert_to(graph.into(), Form::Arrays, 0);
        back.verify().unwrap();
        assert_eq!((back.num_nodes(), back.num_edges()), (nodes, 0));
    }
}

/// Names and counts of nodes are there in either form, and pages of edges in none without arrays.
#[test]
fn nodes_keep_their_names_and_counts() {
    let (_dir, graph) = eight_nodes().graph();
    let (pages, names) = (graph.node_pages().unwrap().to_vec(), graph.names().unwrap());
    let names: Vec<Vec<u8>> = names.iter().map(<[u8]>::to_vec).collect();
    let edges: Vec<_> = graph.outgoing().edges().collect();
    let (_dir, alone) = convert_to(graph.into(), Form::Stream, 0);
    alone.verify().unwrap();
    assert!(!alone.has_edge_pages());
    let (_dir, back) = convert_to(alone, Form::Arrays, 0);
    back.verify().unwrap();
    assert_eq!(back.node_pages().unwrap(), pages);
    let found: Vec<Vec<u8>> = back.names().unwrap().iter().map(<[u8]>::to_vec).collect();
    assert_eq!(found, names);
    let found: Vec<_> = back.arrays().unwrap().outgoing().edges().collect();
    assert!(
        found
            .iter()
            .map(|edge| (edge.0, edge.1))
            .eq(edges.iter().map(|edge| (edge.0, edge.1)))
    );
}

#[test]
fn numbered_nodes_have_the_stream_of_their_arrays() {
    let build = |form: Form| -> (TempDir, AnyGraph) {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("graph");
        let mut nodes = NumberedNodes::new(dir.path(), options(1 << 20, SelfLoops::Drop)).unwrap();
        for number in 0..500u32 {
            let name = format!("com.host{}", number * 7 % 500);
            nodes.push(number, name.as_bytes(), Some(1)).unwrap();
        }
        let mut builder = nodes.finish_as(form, &out, &mut keep_going).unwrap();
        for number in (0..4000u64).map(mix64) {
            let id = |number: u64| builder.id(number as u32).unwrap();
            let (source, target) = (id(number % 500), id((number >> 32) % 250));
            builder.push(source, target).unwrap();
        }
        let made = builder.finish_as(&mut keep_going).unwrap();
        (dir, made.graph)
    };
    let ((_one, arrays), (_other, alone)) = (build(Form::Arrays), build(Form::Stream));
    alone.verify().unwrap();
    let (_dir, back) = convert_to(alone, Form::Arrays, 1 << 20);
    assert!(files(back.dir()) == files(arrays.dir()));
}

/// The example in `docs/formats.md`: whoever changes it makes a new version of the format.
#[test]
fn the_manifest_of_a_stream_never_changes() {
    let (_dir, graph) = triangle();
    let manifest = std::fs::read_to_string(graph.dir().join("graph.json")).unwrap();
    assert_eq!(manifest, include_str!("triangle.json"));
    check_documented(&manifest);
}

#[test]
fn each_form_says_that_it_is_not_the_other() {
    let (_dir, alone) = stream_graph(&[[0, 1]], options(0, SelfLoops::Keep));
    let error = Graph::open(alone.dir()).unwrap_err();
    assert!(matches!(error, Error::Incompatible { .. }));
    assert!(error.to_string().contains("graph convert"), "{error}");
    let (dir, graph) = arrays(&[[0, 1]]);
    assert!(matches!(
        StreamGraph::open(graph.dir()),
        Err(Error::Incompatible { .. })
    ));
    for (graph, form) in [
        (AnyGraph::from(alone), Form::Stream),
        (AnyGraph::from(graph), Form::Arrays),
    ] {
        let out = dir.path().join("again");
        let refused = convert(&graph, form, &out, dir.path(), 0, &mut keep_going);
        assert!(matches!(refused, Err(Error::Incompatible { .. })));
    }
}

/// What is in complete runs need not come again, and its sources are known all the same.
#[test]
fn an_import_that_stopped_goes_on_to_the_same_bytes() {
    let edges = edges(300_000, 30_000);
    let (_dir, expected) = stream_graph(&edges, options(64 << 20, SelfLoops::Drop));
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    // The least memory: many runs.
    let start = || StreamGraphBuilder::resume(&work, "edges", options(0, SelfLoops::Drop)).unwrap();
    for (skips, until) in [
        (false, 100_000),
        (true, 200_000),
        (false, 300_000),
        (true, 300_000),
    ] {
        let (mut builder, _) = start();
        let done = match skips {
            true => builder.edges_done(),
            false => 0,
        };
        assert_eq!(done > 0, skips);
        builder.skip(done);
        for edges in edges[done as usize..until].chunks(1_000) {
            builder.push_edges(edges).unwrap();
        }
    }
    // Runs of arrays are others.
    let arrays = IdGraphBuilder::resume(&work, "edges", options(0, SelfLoops::Drop));
    assert_eq!(arrays.unwrap().0.edges_done(), 0);
    let (mut builder, _) = start();
    assert_eq!(builder.edges_done(), 0);
    builder.push_edges(&edges[..150_000]).unwrap();
    drop(builder);
    let (mut builder, _) = start();
    let done = builder.edges_done();
    assert!(done > 0);
    builder.skip(done);
    builder.push_edges(&edges[done as usize..]).unwrap();
    let out = dir.path().join("graph");
    let made = builder.finish(Some(200_000), &out, &mut keep_going);
    assert!(files(made.unwrap().graph.dir()) == files(expected.dir()));
    assert!(!work.exists());
}

/// Merges of graphs of any forms are the same graph, in either form.
#[test]
fn graphs_of_either_form_are_merged_to_either() {
    let world = |skip: usize| {
        let mut world = eight_nodes();
        world.edges.drain(skip..skip + 4);
        world.nodes.remove(skip);
        world.graph()
    };
    let ((_a, a), (_b, b)) = (world(0), world(3));
    let paths = [&a, &b].map(|graph| graph.dir().to_path_buf());
    let alone = [a, b].map(|graph| convert_to(graph.into(), Form::Stream, 0));
    let [only_a, only_b] = [&alone[0], &alone[1]].map(|(_, graph)| graph.dir().to_path_buf());
    let merged = |inputs: [&PathBuf; 2], form: Form, max_open: usize| {
        let dir = tempfile::tempdir().unwrap();
        let options = MergeOptions {
            max_open,
            pages: Pages::Common,
            ..MergeOptions::default()
        };
        let inputs = inputs.map(PathBuf::clone);
        let out = dir.path().join("merged");
        let made = merge_as(&inputs, form, &out, dir.path(), &options, &mut keep_going);
        let found = files(made.unwrap().dir());
        std::fs::remove_dir_all(out).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        found
    };
    let stream = merged([&paths[0], &paths[1]], Form::Stream, 64);
    let arrays = merged([&only_a, &only_b], Form::Arrays, 64);
    assert!(stream["ranking.stream"] == arrays["ranking.stream"]);
    assert!(stream["names.npy"] == arrays["names.npy"]);
    for inputs in [
        [&only_a, &only_b],
        [&paths[1], &only_a],
        [&only_b, &paths[0]],
    ] {
        assert!(merged(inputs, Form::Stream, 2) == stream);
        assert!(merged(inputs, Form::Arrays, 2) == arrays);
    }
}

/// Opens and verifies a graph, and uses it without looking: errors are welcome, crashes are not.
fn use_it(dir: &Path) -> Result<(), Error> {
    let graph = AnyGraph::open(dir)?;
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("out");
    let _ = graph.in_degrees();
    let _ = convert(&graph, Form::Arrays, &out, tmp.path(), 0, &mut keep_going);
    graph.verify()
}

#[test]
fn a_flipped_byte_anywhere_in_a_graph_of_a_stream_is_found() {
    let (_dir, graph) = eight_nodes().graph();
    let (_dir, alone) = convert_to(graph.into(), Form::Stream, 0);
    let dir = alone.dir().to_path_buf();
    use_it(&dir).unwrap();
    for (name, bytes) in files(&dir) {
        let path = dir.join(&name);
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&path, changed).unwrap();
            assert!(use_it(&dir).is_err(), "{name} byte {at}");
        }
        for len in [0, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..len]).unwrap();
            assert!(use_it(&dir).is_err(), "{name} of {len} bytes");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(AnyGraph::open(&dir).is_err(), "no {name}");
        std::fs::write(&path, bytes).unwrap();
    }
    use_it(&dir).unwrap();
    // A sound stream of as many nodes and edges, but another.
    let world = |last| stream_graph(&[[0, 1], [1, 2], [2, last]], options(0, SelfLoops::Keep));
    let ((_one, one), (_other, other)) = (world(0), world(1));
    std::fs::copy(other.stream().path(), one.stream().path()).unwrap();
    let error = AnyGraph::open(one.dir()).unwrap_err().to_string();
    assert!(error.contains("another stream"), "{error}");
}
