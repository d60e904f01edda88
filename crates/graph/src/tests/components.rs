//! Components with answers from outside the code.

use super::util::{eight_nodes, id_graph, with_threads};
use crate::{
    Components, ComponentsStep, Error, Graph, RankingStream, strong_components,
    strong_components_memory_bytes, weak_components, weak_components_memory_bytes,
    weak_components_of_stream,
};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn go(_: ComponentsStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(super) fn weak(graph: &Graph) -> Components {
    weak_components(graph, &mut go).unwrap()
}

/// The same over the graph's stream.
fn weak_of_stream(graph: &Graph) -> Components {
    let stream = RankingStream::open(&graph.ranking_stream().unwrap()).unwrap();
    weak_components_of_stream(&stream, &mut go).unwrap()
}

pub(super) fn strong(graph: &Graph) -> Components {
    strong_components(graph, &mut go).unwrap()
}

fn ids(edges: &[(u32, u32)], num_nodes: u64) -> (Vec<u32>, Vec<u32>) {
    let (_dir, graph) = id_graph(edges, num_nodes);
    (weak(&graph).into_ids(), strong(&graph).into_ids())
}

/// Components by what reaches what, from a matrix (Warshall, 1962): cubic, and nothing to get wrong.
fn by_reachability(edges: &[(u32, u32)], n: usize, both_ways: bool) -> Vec<u32> {
    let mut reaches = vec![vec![false; n]; n];
    for &(u, v) in edges {
        reaches[u as usize][v as usize] = true;
        reaches[v as usize][u as usize] |= both_ways;
    }
    for (node, row) in reaches.iter_mut().enumerate() {
        row[node] = true;
    }
    for via in 0..n {
        let onwards = reaches[via].clone();
        for row in reaches.iter_mut().filter(|row| row[via]) {
            row.iter_mut().zip(&onwards).for_each(|(a, b)| *a |= b);
        }
    }
    let smallest = |u: usize| (0..n).find(|&v| reaches[u][v] && reaches[v][u]).unwrap() as u32;
    (0..n).map(smallest).collect()
}

/// Strong components by two plain searches (Kosaraju and Sharir, 1981): the nodes in the order in
/// which a search along outgoing edges leaves them, and from the last of them back along incoming ones.
pub(super) fn kosaraju(graph: &Graph) -> Vec<u32> {
    let n = graph.num_nodes() as usize;
    let (mut order, mut seen) = (Vec::new(), vec![false; n]);
    for start in 0..n as u32 {
        if std::mem::replace(&mut seen[start as usize], true) {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some((node, place)) = path.last_mut() {
            match graph.outgoing().neighbors(*node).get(*place) {
                Some(&next) => {
                    *place += 1;
                    if !std::mem::replace(&mut seen[next as usize], true) {
                        path.push((next, 0));
                    }
                }
                None => order.extend(path.pop().map(|(node, _)| node)),
            }
        }
    }
    let mut ids = vec![u32::MAX; n];
    for &start in order.iter().rev() {
        let (mut members, mut at) = (vec![start], 0);
        if ids[start as usize] != u32::MAX {
            continue;
        }
        ids[start as usize] = start;
        while let Some(&node) = members.get(at) {
            at += 1;
            for &next in graph.incoming().neighbors(node) {
                if ids[next as usize] == u32::MAX {
                    ids[next as usize] = start;
                    members.push(next);
                }
            }
        }
        let smallest = *members.iter().min().unwrap();
        members
            .iter()
            .for_each(|&node| ids[node as usize] = smallest);
    }
    ids
}

/// Weak components by relabelling the smaller list: serial, and without trees.
fn by_relabelling(graph: &Graph) -> Vec<u32> {
    let n = graph.num_nodes() as u32;
    let mut ids: Vec<u32> = (0..n).collect();
    let mut members: Vec<Vec<u32>> = (0..n).map(|node| vec![node]).collect();
    for (u, v, _) in graph.outgoing().edges() {
        let (a, b) = (ids[u as usize], ids[v as usize]);
        if a == b {
            continue;
        }
        let (few, many) = match members[a as usize].len() < members[b as usize].len() {
            true => (a, b),
            false => (b, a),
        };
        let moved = std::mem::take(&mut members[few as usize]);
        moved.iter().for_each(|&node| ids[node as usize] = many);
        members[many as usize].extend(moved);
    }
    for members in members.iter().filter(|members| !members.is_empty()) {
        let smallest = *members.iter().min().unwrap();
        members
            .iter()
            .for_each(|&node| ids[node as usize] = smallest);
    }
    ids
}

/// Edges between nodes below `n`, the same for every run (xorshift).
fn random_edges(n: u64, m: usize) -> Vec<(u32, u32)> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut below_n = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n) as u32
    };
    (0..m).map(|_| (below_n(), below_n())).collect()
}

#[test]
fn a_cycle_is_one_component_and_a_path_as_many_as_nodes() {
    // Longer than any stack of calls would be, and against the order of ids.
    let n = 300_000;
    let path: Vec<_> = (1..n).map(|u| (u, u - 1)).collect();
    let all: Vec<u32> = (0..n).collect();
    assert_eq!(ids(&path, n.into()), (vec![0; n as usize], all.clone()));
    let turned: Vec<_> = path.iter().map(|&(u, v)| (v, u)).collect();
    assert_eq!(ids(&turned, n.into()), (vec![0; n as usize], all));
    let cycle = [path, vec![(0, n - 1)]].concat();
    assert_eq!(
        ids(&cycle, n.into()),
        (vec![0; n as usize], vec![0; n as usize])
    );
}

#[test]
fn a_graph_without_cycles_has_strong_components_of_one() {
    let dag: Vec<_> = (0..40)
        .flat_map(|u| (u + 1..40).map(move |v| (u, v)))
        .collect();
    assert_eq!(ids(&dag, 40), (vec![0; 40], (0..40).collect()));
}

#[test]
fn cliques_in_a_chain_are_strong_components() {
    // Clique k has k + 1 nodes and one edge to the next; nodes of all are dealt out in turn.
    let node = |clique: u32, member: u32| 5 * member + clique;
    let mut edges = Vec::new();
    for k in 0..5 {
        for (i, j) in (0..=k).flat_map(|i| (0..=k).map(move |j| (i, j))) {
            edges.push((node(k, i), node(k, j)));
        }
        if k < 4 {
            edges.push((node(k, 0), node(k + 1, k + 1)));
        }
    }
    let (_dir, graph) = id_graph(&edges, 25);
    let strong = strong(&graph);
    for k in 0..5 {
        for member in 0..5 {
            let expected = if member <= k { k } else { node(k, member) };
            assert_eq!(strong.ids()[node(k, member) as usize], expected);
        }
    }
    let sizes = strong.sizes().unwrap();
    // Of 25 nodes 15 are in cliques, and one of those has a single node.
    assert_eq!(
        sizes.distribution,
        [(1, 11), (2, 1), (3, 1), (4, 1), (5, 1)]
    );
    assert_eq!((sizes.components, sizes.largest), (15, 5));
    let weak = weak(&graph).sizes().unwrap();
    assert_eq!(weak.distribution, [(1, 10), (15, 1)]);
}

#[test]
fn the_front_page_and_its_friends_hang_together() {
    // example.com, its shop and `www`, news and wiki reach each other; bank and CDN never link; one is alone.
    let (_dir, graph) = eight_nodes().graph();
    let names = graph.names().unwrap();
    let id = |name: &str| names.find(name.as_bytes()).unwrap() as usize;
    let (weak, strong) = (weak(&graph), strong(&graph));
    assert_eq!(weak.sizes().unwrap().distribution, [(1, 1), (7, 1)]);
    assert_eq!(weak.ids()[id("zz.alone")], id("zz.alone") as u32);
    assert_eq!(strong.sizes().unwrap().distribution, [(1, 3), (5, 1)]);
    for alone in ["net.bank", "net.cdn", "zz.alone"] {
        assert_eq!(strong.ids()[id(alone)], id(alone) as u32);
    }
}

#[test]
fn a_graph_without_nodes_has_no_components() {
    let (_dir, graph) = id_graph(&[], 0);
    for components in [weak(&graph), strong(&graph)] {
        let sizes = components.sizes().unwrap();
        assert_eq!((sizes.components, sizes.largest), (0, 0));
        assert!(components.ids().is_empty() && sizes.distribution.is_empty());
    }
}

#[test]
fn any_number_of_threads_gives_the_plain_result() {
    // Near the threshold where one large component arises, so that there are many of many sizes.
    for m in [15_000, 30_000, 60_000] {
        let (_dir, graph) = id_graph(&random_edges(30_000, m), 30_000);
        let (plain_weak, plain_strong) = (by_relabelling(&graph), kosaraju(&graph));
        for threads in [1, 2, 5] {
            let (weak, strong) = with_threads(threads, || (weak(&graph), strong(&graph)));
            assert_eq!(weak.ids(), plain_weak, "{m} edges, {threads} threads");
            let streamed = with_threads(threads, || weak_of_stream(&graph));
            assert_eq!(streamed, weak, "{m} edges, {threads} threads");
            assert_eq!(strong.ids(), plain_strong, "{m} edges, {threads} threads");
        }
    }
}

#[test]
fn threads_that_meet_at_every_edge_lose_none() {
    // A path of nodes that lie far apart, so that all threads hook trees of all others.
    let n = 1 << 16;
    let scattered = |u: u32| u.wrapping_mul(40_503) % n;
    let path: Vec<_> = (1..n).map(|u| (scattered(u - 1), scattered(u))).collect();
    let (_dir, graph) = id_graph(&path, n.into());
    for _ in 0..20 {
        let weak = with_threads(5, || weak(&graph));
        assert!(weak.ids().iter().all(|&id| id == 0));
    }
}

#[test]
fn the_caller_can_stop_both() {
    let (_dir, graph) = id_graph(&[(0, 1)], 3);
    let mut seen = Vec::new();
    let mut stop = |step: ComponentsStep| {
        seen.push(step.nodes);
        ControlFlow::Break(())
    };
    let weak = weak_components(&graph, &mut stop);
    assert!(matches!(weak, Err(Error::Interrupted)), "{weak:?}");
    let strong = strong_components(&graph, &mut stop);
    assert!(matches!(strong, Err(Error::Interrupted)), "{strong:?}");
    assert_eq!(seen, [3, 3]);
}

#[test]
fn needs_are_said_in_advance() {
    assert_eq!(weak_components_memory_bytes(1_000), 8_000);
    assert_eq!(strong_components_memory_bytes(1_000), 20_000);
    assert_eq!(strong_components_memory_bytes(u64::MAX), u64::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn components_are_those_of_a_reachability_matrix(
        n in 1..24usize,
        edges in prop::collection::vec((0..24u32, 0..24u32), 0..60),
    ) {
        let below_n = |node: u32| node % n as u32;
        let edges: Vec<_> = edges.iter().map(|&(u, v)| (below_n(u), below_n(v))).collect();
        let (weak, strong) = ids(&edges, n as u64);
        prop_assert_eq!(weak, by_reachability(&edges, n, true));
        prop_assert_eq!(strong, by_reachability(&edges, n, false));
    }
}
