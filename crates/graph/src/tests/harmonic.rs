//! HyperBall against a plain one, to the bit.

use super::util::{eight_nodes, id_graph, with_threads};
use crate::{
    Graph, Harmonic, HarmonicOptions, HarmonicStep, RankingStream, harmonic, harmonic_exact,
    harmonic_of_stream, mix64,
};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn go(_: HarmonicStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// HyperBall with a counter for every node before and after a step, by one thread, and estimates that add up one
/// register after the other.
fn plain(graph: &Graph, log2m: u32) -> Harmonic {
    let m = 1usize << log2m;
    let n = graph.num_nodes() as usize;
    let mut now: Vec<Vec<u8>> = (0..n as u64)
        .map(|node| {
            let hash = mix64(node ^ 0x6372_6177_6c72_616e);
            let mut ball = vec![0; m];
            ball[hash as usize % m] = (hash >> log2m).trailing_zeros().min(63 - log2m) as u8 + 1;
            ball
        })
        .collect();
    let mut sizes: Vec<f64> = now.iter().map(|ball| estimate(ball)).collect();
    let (mut scores, mut distances) = (vec![0.0; n], vec![0.0; n]);
    let mut iterations = 0;
    loop {
        let mut next = now.clone();
        for (v, ball) in next.iter_mut().enumerate() {
            for &u in graph.incoming().neighbors(v as u32) {
                let registers = ball.iter_mut().zip(&now[u as usize]);
                registers.for_each(|(a, &b)| *a = b.max(*a));
            }
        }
        if next == now {
            break;
        }
        now = next;
        iterations += 1;
        for (v, ball) in now.iter().enumerate() {
            let size = estimate(ball);
            let found = (size - sizes[v]).max(0.0);
            scores[v] += found / iterations as f64;
            distances[v] += found * iterations as f64;
            sizes[v] = size;
        }
    }
    let inverse = |&sum: &f64| if sum > 0.0 { 1.0 / sum } else { 0.0 };
    Harmonic {
        scores,
        reachable: sizes,
        closeness: distances.iter().map(inverse).collect(),
        iterations,
    }
}

fn estimate(ball: &[u8]) -> f64 {
    let m = ball.len() as f64;
    let filled = ball.iter().filter(|&&register| register > 0);
    let sum: f64 = filled.map(|&register| 0.5f64.powi(register.into())).sum();
    let empty = ball.iter().filter(|&&register| register == 0).count() as f64 / m;
    // Ertl's sigma, which is infinite when all are empty: no ball is.
    let (mut x, mut y, mut sigma, mut before) = (empty, 1.0, empty, f64::NAN);
    while sigma != before {
        before = sigma;
        x *= x;
        sigma += x * y;
        y *= 2.0;
    }
    0.5 * std::f64::consts::LOG2_E * m * m / (sum + m * sigma)
}

fn bits(found: &Harmonic) -> (usize, Vec<u64>) {
    let values = [&found.scores, &found.reachable, &found.closeness];
    let values = values.into_iter().flatten();
    (
        found.iterations,
        values.map(|value| value.to_bits()).collect(),
    )
}

/// Arrays and stream, by so many threads.
fn both(graph: &Graph, log2m: u32, threads: usize) -> [Harmonic; 2] {
    let options = HarmonicOptions {
        log2m,
        closeness: true,
    };
    let stream = RankingStream::open(&graph.ranking_stream().unwrap()).unwrap();
    assert_eq!(stream.num_inner_nodes().unwrap(), graph.num_inner_nodes());
    with_threads(threads, || {
        [
            harmonic(graph, &options, &mut go).unwrap(),
            harmonic_of_stream(&stream, &options, &mut go).unwrap(),
        ]
    })
}

fn assert_plain(graph: &Graph, log2m: u32) {
    let expected = bits(&plain(graph, log2m));
    for threads in [1, 3] {
        for (form, found) in ["arrays", "stream"].iter().zip(both(graph, log2m, threads)) {
            assert!(bits(&found) == expected, "{form}, {threads} threads");
        }
    }
}

#[test]
fn hosts_that_dangle_and_hosts_that_nobody_links_to_have_their_balls() {
    let (_dir, graph) = eight_nodes().graph();
    // Bank and CDN dangle, one host is alone, and all others are linked to.
    assert_eq!(graph.num_inner_nodes(), 5);
    for log2m in [4, 6, 10] {
        assert_plain(&graph, log2m);
    }
}

#[test]
fn many_blocks_and_bins_give_the_plain_bits() {
    // Over two bins and 40 blocks; half of the nodes dangle, a tenth is linked to by nobody.
    let n = 40_000u64;
    let edges: Vec<_> = (0..150_000)
        .map(mix64)
        .map(|random| {
            let source = random % n / 2;
            let near = (source * 2 + (random >> 33) % 300) % (n - n / 10);
            (source as u32 * 2, near as u32 + n as u32 / 10)
        })
        .collect();
    let (_dir, graph) = id_graph(&edges, n);
    assert!((5_000..20_000).contains(&graph.num_inner_nodes()));
    assert_plain(&graph, 5);
}

#[test]
fn balls_made_anew_in_several_passes_are_the_same() {
    // Of 65,536 registers 256 balls fit at a time; a bin's 600 sinks of a chain take three passes.
    let chain = [(0, 1), (1, 2), (3, 2)];
    let sinks = (4..604).map(|sink| (sink % 4, sink));
    let edges: Vec<_> = chain.into_iter().chain(sinks).collect();
    let (_dir, graph) = id_graph(&edges, 604);
    assert_plain(&graph, 16);
}

#[test]
fn closeness_and_reachable_of_a_chain_in_closed_form() {
    // 0 -> 1 -> ... -> 29: v nodes lead to v, of distances that add up to v (v + 1) / 2.
    let chain: Vec<_> = (0..29).map(|u| (u, u + 1)).collect();
    let (_dir, graph) = id_graph(&chain, 30);
    let exact = harmonic_exact(&graph, &mut go).unwrap();
    let [estimated, _] = both(&graph, 14, 2);
    for v in 0..30 {
        let (nodes, distances) = (f64::from(v + 1), f64::from(v * (v + 1) / 2));
        let closeness = if v == 0 { 0.0 } else { 1.0 / distances };
        let v = v as usize;
        assert_eq!((exact.reachable[v], exact.closeness[v]), (nodes, closeness));
        assert!(
            (estimated.reachable[v] - nodes).abs() <= 0.04 * nodes,
            "{v}"
        );
        assert!(
            (estimated.closeness[v] - closeness).abs() <= 0.06 * closeness,
            "{v}"
        );
    }
    // Without being asked for it there is none.
    let found = harmonic(&graph, &HarmonicOptions::default(), &mut go).unwrap();
    assert!(found.closeness.is_empty() && found.reachable.len() == 30);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_graph_has_the_plain_bits(
        n in 1..70u32,
        edges in prop::collection::vec((any::<u32>(), any::<u32>()), 0..150),
    ) {
        let edges: Vec<_> = edges.iter().map(|&(u, v)| (u % n, v % n)).collect();
        let (_dir, graph) = id_graph(&edges, n.into());
        assert_plain(&graph, 4);
    }
}
