//! Rankings in blocks.

use super::util::id_graph;
use crate::{BlockScores, Error, Graph, PageRank, PageRankOptions, RankingBlock, mix64, pagerank};
use std::ops::Range;
use std::path::Path;

const NODES: u64 = 200_000;

/// Hubs, runs of neighbors, and a third of the nodes without outgoing edges; 7 bins.
fn graph() -> (tempfile::TempDir, Graph) {
    let node = |number: u64| (number % NODES) as u32;
    let mut edges = Vec::new();
    for number in 0..400_000u64 {
        let (source, drawn) = (node(mix64(number) % NODES / 3 * 3), mix64(number ^ 1 << 40));
        edges.push((source, node(drawn)));
        edges.push((node(number / 2 * 3), node(drawn % 5 * 40_000)));
        edges.extend((0..drawn % 3).map(|near| (source + 1, node(u64::from(source) + near))));
    }
    id_graph(&edges, NODES)
}

/// The ends of `count` blocks.
fn blocks(count: u64) -> Vec<Range<u64>> {
    let bins = NODES.div_ceil(RankingBlock::ALIGNMENT);
    let begin = |block: u64| (block * bins / count * RankingBlock::ALIGNMENT).min(NODES);
    (0..count)
        .map(|block| begin(block)..begin(block + 1))
        .collect()
}

fn write(graph: &Graph, nodes: Range<u64>, path: &Path) {
    let degrees = (0..NODES as u32).map(|node| graph.outgoing().degree(node) as u32);
    let read_list = |node: u32, list: &mut Vec<u32>| {
        list.extend_from_slice(graph.incoming().neighbors(node));
    };
    RankingBlock::write(path, &degrees.collect::<Vec<_>>(), nodes, read_list).unwrap();
}

/// What the machine does that waits for all blocks.
fn rank(graph: &Graph, count: u64, options: &PageRankOptions) -> PageRank {
    let dir = tempfile::tempdir().unwrap();
    let open = |nodes: Range<u64>| {
        let path = dir.path().join(nodes.start.to_string());
        if !path.exists() {
            write(graph, nodes.clone(), &path);
        }
        RankingBlock::open(&path, nodes).unwrap()
    };
    let mut states: Vec<BlockScores> = blocks(count)
        .into_iter()
        .map(|nodes| open(nodes).start())
        .collect();
    let mut residuals: Vec<f64> = Vec::new();
    while residuals
        .last()
        .is_none_or(|&last| last >= options.tolerance)
    {
        let all = |part: fn(&BlockScores) -> &[f64]| states.iter().flat_map(part).copied();
        let contributions: Vec<f64> = all(|state| &state.contributions).collect();
        let dangling = all(|state| &state.dangling).sum();
        let next = blocks(count)
            .into_iter()
            .zip(&states)
            .map(|(nodes, state)| {
                // A block may go on anywhere: it is opened anew each time.
                let scores = state.scores.clone();
                open(nodes)
                    .step(&contributions, dangling, scores, options)
                    .unwrap()
            });
        states = next.collect();
        residuals.push(states.iter().flat_map(|state| &state.changes).sum());
    }
    let scores = states.into_iter().flat_map(|state| state.scores).collect();
    PageRank::of(scores, residuals, options)
}

#[test]
fn any_number_of_blocks_gives_the_bits_of_one_ranking() {
    let (_dir, graph) = graph();
    let options = PageRankOptions::default();
    let whole = pagerank(&graph, &options, &mut |_| {
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    for count in [1, 3, 5, 7] {
        let ranked = rank(&graph, count, &options);
        assert!(ranked.scores == whole.scores, "{count} blocks");
        assert_eq!(ranked.residuals, whole.residuals, "{count} blocks");
        assert_eq!(ranked.error_bound, whole.error_bound);
        assert!(ranked.converged);
    }
}

#[test]
fn what_is_no_block_is_refused() {
    let (dir, graph) = graph();
    let path = dir.path().join("block");
    let bin = RankingBlock::ALIGNMENT;
    write(&graph, bin..2 * bin, &path);
    for nodes in [1..bin, 0..bin + 1, bin..NODES + 1] {
        let refused = RankingBlock::open(&path, nodes.clone());
        assert!(matches!(refused, Err(Error::Option { .. })), "{nodes:?}");
    }
    for nodes in [0..bin, 2 * bin..3 * bin] {
        let refused = RankingBlock::open(&path, nodes.clone());
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{nodes:?}");
    }
    let mut block = RankingBlock::open(&path, bin..2 * bin).unwrap();
    let scores = block.start().scores;
    let none = block.step(&[], 0.0, scores.clone(), &PageRankOptions::default());
    assert!(matches!(none, Err(Error::Option { .. })));
    let all = vec![0.0; block.num_sources()];
    let none = block.step(&all, 0.0, scores[1..].to_vec(), &PageRankOptions::default());
    assert!(matches!(none, Err(Error::Option { .. })));
    let weighted = PageRankOptions {
        weighted: true,
        ..PageRankOptions::default()
    };
    assert!(matches!(
        block.step(&all, 0.0, scores, &weighted),
        Err(Error::Option { .. })
    ));
}
