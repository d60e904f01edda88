//! Edges in memory: what a graph of the same edges says, to the bit.

use super::util::{go_on, keep_going, with_threads};
use crate::{
    EdgeList, EdgePart, Error, Graph, IdGraphBuilder, IdGraphOptions, PageRankOptions, SelfLoops,
    mix64, pagerank,
};
use std::ops::ControlFlow;
use tempfile::TempDir;

const NODES: u64 = 150_000;

/// Edges in no order to four bins: far and near ones, a hub, nodes that all link to, twice the same, self-loops, and
/// nodes without an edge behind the last.
fn edges() -> Vec<[u32; 2]> {
    let below = |seed: u64, limit: u64| (mix64(seed) % limit) as u32;
    let mut edges: Vec<[u32; 2]> = (0..400_000)
        .map(|i| {
            let source = below(3 * i, 120_000);
            match i % 4 {
                0 => [source, below(3 * i + 1, 120_000)],
                1 => [source, (source / 64 * 64 + below(3 * i + 1, 4)) % 120_000],
                2 => [source, below(3 * i + 1, 20)],
                _ => [below(3 * i + 1, 50), source],
            }
        })
        .collect();
    edges.extend((0..20_000).map(|source| [source, 70_000]));
    edges.extend((0..500).map(|node| [node * 200, node * 200]));
    edges.extend_from_within(..10_000);
    edges
}

fn list(edges: &[[u32; 2]], in_part: usize) -> EdgeList {
    let mut list = EdgeList::default();
    for part in edges.chunks(in_part) {
        let ends = |end: usize| part.iter().map(|edge| edge[end]).collect::<Vec<u32>>();
        list.push(EdgePart::new(&ends(0), &ends(1)));
    }
    list
}

fn graph(self_loops: SelfLoops, fill: impl FnOnce(&mut IdGraphBuilder)) -> (TempDir, Graph) {
    let dir = tempfile::tempdir().unwrap();
    let options = IdGraphOptions {
        self_loops,
        ..IdGraphOptions::default()
    };
    let mut builder = IdGraphBuilder::new(dir.path(), options).unwrap();
    fill(&mut builder);
    let out = dir.path().join("graph");
    let built = builder.finish(Some(NODES), &out, &mut keep_going).unwrap();
    (dir, built.graph)
}

#[test]
fn edges_in_memory_have_the_scores_and_degrees_of_their_graph() {
    let edges = edges();
    let options = PageRankOptions::default();
    for self_loops in [SelfLoops::Drop, SelfLoops::Keep] {
        let (_dir, graph) = graph(self_loops, |builder| builder.push_edges(&edges).unwrap());
        let expected = pagerank(&graph, &options, &mut go_on).unwrap();
        for (threads, in_part) in [(1, 1 << 20), (2, 7_777), (5, 100_000)] {
            let ranked = with_threads(threads, || {
                let go_on = &mut || ControlFlow::Continue(());
                list(&edges, in_part).rank(NODES, self_loops, &options, go_on)
            });
            let ranked = ranked.unwrap();
            assert!(
                ranked.pagerank.scores == expected.scores,
                "{threads} threads"
            );
            assert_eq!(ranked.pagerank.residuals, expected.residuals);
            for node in 0..NODES as u32 {
                let (into, out) = (graph.incoming(), graph.outgoing());
                assert_eq!(
                    ranked.in_degrees[node as usize] as usize,
                    into.degree(node) as usize
                );
                assert_eq!(
                    ranked.out_degrees[node as usize] as usize,
                    out.degree(node) as usize
                );
            }
        }
    }
}

#[test]
fn edges_in_memory_become_a_graph_when_they_are_too_many() {
    let edges = edges();
    let (_dir, expected) = graph(SelfLoops::Drop, |builder| {
        builder.push_edges(&edges).unwrap()
    });
    let (_dir, found) = graph(SelfLoops::Drop, |builder| {
        list(&edges, 50_000).push_into(builder).unwrap();
    });
    assert!(found.outgoing().edges().eq(expected.outgoing().edges()));
}

#[test]
fn edges_in_memory_are_counted_checked_and_interrupted() {
    let edges = edges();
    let options = PageRankOptions::default();
    let list = || list(&edges, 1 << 16);
    assert_eq!(list().num_edges(), edges.len() as u64);
    let least = edges
        .iter()
        .flatten()
        .max()
        .map(|&id| u64::from(id) + 1)
        .unwrap();
    assert_eq!(list().least_nodes(), least);
    assert!(list().memory_bytes(NODES) > 18 * edges.len() as u64 + 58 * NODES);
    let too_few = list().rank(least - 1, SelfLoops::Drop, &options, &mut || {
        ControlFlow::Continue(())
    });
    assert!(
        matches!(
            too_few,
            Err(Error::Option {
                option: "num_nodes",
                ..
            })
        ),
        "{too_few:?}"
    );
    for asked in 0..4 {
        let mut left = asked;
        let stopped = list().rank(NODES, SelfLoops::Drop, &options, &mut || {
            left -= 1;
            if left < 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(stopped, Err(Error::Interrupted)));
    }
    let none = EdgeList::default().rank(0, SelfLoops::Drop, &options, &mut || {
        ControlFlow::Continue(())
    });
    assert!(none.unwrap().pagerank.scores.is_empty());
}
