//! Graphs of nodes and edges that come in order.

use super::util::{eight_nodes, files, keep_going, two_labels};
use crate::{BuilderOptions, Error, FoldOptions, Graph, OrderedNodes, fold};
use std::ops::ControlFlow;
use std::path::Path;

/// Makes a graph anew of what is in it, in its order.
fn again(graph: &Graph, dir: &Path) -> Result<Graph, Error> {
    let hosts = graph.node_hosts();
    let mut nodes = OrderedNodes::new(&dir.join("again"), hosts.is_some(), graph.has_edge_pages())?;
    let (names, pages) = (graph.names().unwrap(), graph.node_pages().unwrap());
    for id in 0..names.len() as u32 {
        let hosts = hosts.map_or(0, |hosts| hosts[id as usize]);
        nodes.push(names.get(id), pages[id as usize], hosts)?;
    }
    let mut edges = nodes.finish()?;
    for (source, target, pages) in graph.outgoing().edges() {
        edges.push(source, target, pages)?;
    }
    edges.finish(dir, 0, &mut keep_going)
}

#[test]
fn the_files_are_those_of_a_builder_and_of_a_fold() {
    for edge_pages in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let options = BuilderOptions {
            edge_pages,
            ..BuilderOptions::default()
        };
        let hosts = eight_nodes().build(options, dir.path(), &dir.path().join("hosts"));
        let options = FoldOptions::default();
        let out = dir.path().join("domains");
        let domains = fold(
            &hosts,
            two_labels,
            &out,
            dir.path(),
            &options,
            &mut keep_going,
        );
        for graph in [hosts, domains.unwrap()] {
            let dir = tempfile::tempdir().unwrap();
            let made = again(&graph, dir.path()).unwrap();
            made.verify().unwrap();
            assert!(files(made.dir()) == files(graph.dir()), "{edge_pages}");
        }
    }
}

#[test]
fn what_is_out_of_order_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let mut nodes = OrderedNodes::new(&dir.path().join("graph"), false, false).unwrap();
        nodes.push(b"", 1, 0).unwrap();
        nodes.push(b"b", 1, 0).unwrap();
        nodes
    };
    for name in ["b", "a", ""] {
        let refused = start().push(name.as_bytes(), 1, 0);
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{name:?}");
    }
    for edges in [
        [(1, 0), (0, 1)],
        [(0, 1), (0, 1)],
        [(0, 1), (1, 1)],
        [(0, 1), (1, 2)],
    ] {
        let mut builder = start().finish().unwrap();
        let pushed = edges.map(|(source, target)| builder.push(source, target, 1));
        assert!(
            matches!(pushed, [Ok(()), Err(Error::Corrupt { .. })]),
            "{edges:?}"
        );
    }
    let builder = start().finish().unwrap();
    let stopped = builder.finish(dir.path(), 0, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(files(dir.path()).is_empty());
}
