//! Scores with answers from outside the code.

use super::util::{eight_nodes, go_on, id_graph, with_threads};
use crate::harmonic::Search;
use crate::{
    BuilderOptions, Dangling, Error, Graph, HarmonicOptions, HarmonicStep, PageRank,
    PageRankOptions, harmonic, harmonic_exact, harmonic_memory_bytes, pagerank,
    pagerank_memory_bytes,
};
use std::ops::ControlFlow;

pub(super) fn exact_options() -> PageRankOptions {
    PageRankOptions {
        tolerance: 1e-15,
        max_iterations: 1000,
        ..PageRankOptions::default()
    }
}

fn rank(graph: &Graph, options: &PageRankOptions) -> PageRank {
    pagerank(graph, options, &mut go_on).unwrap()
}

fn assert_close(scores: &[f64], expected: &[f64]) {
    assert_eq!(scores.len(), expected.len());
    for (node, (score, expected)) in scores.iter().zip(expected).enumerate() {
        assert!(
            (score - expected).abs() <= 1e-12,
            "node {node}: {score} is not {expected}"
        );
    }
}

fn log2m(log2m: u32) -> HarmonicOptions {
    HarmonicOptions {
        log2m,
        ..HarmonicOptions::default()
    }
}

fn go(_: HarmonicStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Serial PageRank that pushes along outgoing edges and knows nothing of blocks.
fn push_pagerank(graph: &Graph, options: &PageRankOptions, iterations: usize) -> Vec<f64> {
    let n = graph.num_nodes() as usize;
    let uniform = vec![1.0; n];
    let preference = options.personalize.as_ref().unwrap_or(&uniform);
    let total: f64 = preference.iter().sum();
    let mut scores = vec![1.0 / n as f64; n];
    for _ in 0..iterations {
        let mut next: Vec<f64> = preference
            .iter()
            .map(|p| (1.0 - options.damping) * p / total)
            .collect();
        for (u, &score) in scores.iter().enumerate() {
            let targets = graph.outgoing().neighbors(u as u32);
            let weights: Vec<f64> = match graph.outgoing().pages(u as u32) {
                Some(pages) if options.weighted => {
                    pages.iter().map(|&pages| f64::from(pages)).collect()
                }
                _ => vec![1.0; targets.len()],
            };
            let sum: f64 = weights.iter().sum();
            for (&v, weight) in targets.iter().zip(&weights) {
                next[v as usize] += options.damping * score * weight / sum;
            }
            if targets.is_empty() {
                for (v, next) in next.iter_mut().enumerate() {
                    let share = match options.dangling {
                        Dangling::Uniform => 1.0 / n as f64,
                        Dangling::Preference => preference[v] / total,
                        Dangling::None => 0.0,
                    };
                    *next += options.damping * score * share;
                }
            }
        }
        scores = next;
    }
    scores
}

#[test]
fn clique_and_cycle_are_uniform() {
    let clique: Vec<_> = (0..5)
        .flat_map(|u| (0..5).map(move |v| (u, v)))
        .filter(|(u, v)| u != v)
        .collect();
    let (_dir, graph) = id_graph(&clique, 5);
    assert_close(&rank(&graph, &exact_options()).scores, &[0.2; 5]);
    let cycle: Vec<_> = (0..7).map(|u| (u, (u + 1) % 7)).collect();
    let (_dir, graph) = id_graph(&cycle, 7);
    let ranks = rank(&graph, &exact_options());
    assert_close(&ranks.scores, &[1.0 / 7.0; 7]);
    assert!(
        ranks.converged && ranks.iterations < 5,
        "starts at the answer"
    );
}

#[test]
fn star_with_edges_both_ways() {
    // c = (1 - a)/n + a k l, l = (1 - a)/n + a c / k, with k leaves: c = (1 - a)(1 + a k)/(n (1 - a^2)).
    let (a, k) = (0.85, 9.0);
    let star: Vec<_> = (1..10).flat_map(|leaf| [(0, leaf), (leaf, 0)]).collect();
    let (_dir, graph) = id_graph(&star, 10);
    let center = (1.0 + a * k) / (10.0 * (1.0 + a));
    let mut expected = vec![(1.0 - center) / k; 10];
    expected[0] = center;
    assert_close(&rank(&graph, &exact_options()).scores, &expected);
}

#[test]
fn dangling_sink() {
    // 0 -> 1: x0 = (1 - a)/2 + a x1/2, and x0 + x1 = 1, so x0 = 1/(2 + a).
    let (_dir, graph) = id_graph(&[(0, 1)], 2);
    let x = 1.0 / 2.85;
    let ranks = rank(&graph, &exact_options());
    assert_close(&ranks.scores, &[x, 1.0 - x]);
    // All jumps go to 1, and dangling score too: nothing ever comes to 0.
    let personalize = Some(vec![0.0, 3.0]);
    let options = PageRankOptions {
        personalize,
        dangling: Dangling::Preference,
        ..exact_options()
    };
    assert_close(&rank(&graph, &options).scores, &[0.0, 1.0]);
    // Lost score: x0 = (1 - a)/2, x1 = (1 - a)/2 (1 + a).
    let options = PageRankOptions {
        dangling: Dangling::None,
        ..exact_options()
    };
    assert_close(&rank(&graph, &options).scores, &[0.075, 0.075 * 1.85]);
}

#[test]
fn pages_weigh_edges() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = super::util::World::default();
    for (u, v, pages) in [("a", "b", 3), ("a", "c", 1), ("b", "a", 1), ("c", "a", 7)] {
        world.edges.push((u.into(), v.into(), pages));
    }
    let graph = world.build(
        BuilderOptions::default(),
        dir.path(),
        &dir.path().join("graph"),
    );
    let options = PageRankOptions {
        weighted: true,
        ..exact_options()
    };
    // a gets all of b and c: a = (1 - d)/3 + d (1 - a); b = (1 - d)/3 + d 3/4 a.
    let a = (0.05 + 0.85) / 1.85;
    assert_close(
        &rank(&graph, &options).scores,
        &[a, 0.05 + 0.6375 * a, 0.05 + 0.2125 * a],
    );
}

#[test]
fn pull_agrees_with_push() {
    let (_dir, graph) = eight_nodes().graph();
    let personalize = Some(vec![1.0, 0.0, 2.0, 0.5, 0.0, 0.0, 3.0, 1.0]);
    for dangling in [Dangling::Uniform, Dangling::Preference, Dangling::None] {
        for personalize in [None, personalize.clone()] {
            for weighted in [false, true] {
                let options = PageRankOptions {
                    dangling,
                    personalize: personalize.clone(),
                    weighted,
                    ..exact_options()
                };
                assert_close(
                    &rank(&graph, &options).scores,
                    &push_pagerank(&graph, &options, 300),
                );
            }
        }
    }
}

#[test]
fn threads_leave_no_trace() {
    // 200,000 nodes in four blocks, a hub, chains, a third of the nodes dangling.
    let n = 200_000u32;
    let edges: Vec<_> = (0..n)
        .filter(|u| u % 3 != 0)
        .flat_map(|u| {
            [
                (u, 0),
                (u, (u * 7_919) % n),
                (u, (u + 1) % n),
                (u, (u / 2) * 3 % n),
            ]
        })
        .collect();
    let (_dir, graph) = id_graph(&edges, u64::from(n));
    let bits = |scores: Vec<f64>| scores.into_iter().map(f64::to_bits).collect::<Vec<u64>>();
    let options = PageRankOptions {
        max_iterations: 20,
        ..PageRankOptions::default()
    };
    // For balls a smaller one, of six tasks: the chain makes many steps.
    let near: Vec<_> = edges
        .iter()
        .copied()
        .filter(|&(u, v)| u < 6_000 && v < 6_000)
        .collect();
    let (_dir, small) = id_graph(&near, 6_000);
    let accelerated = PageRankOptions {
        accelerate: true,
        ..options.clone()
    };
    let run = || {
        let ranks = rank(&graph, &options);
        let accelerated = rank(&graph, &accelerated);
        let harmonic = harmonic(&small, &log2m(5), &mut go).unwrap();
        let places = crate::positions(&ranks.scores);
        (
            bits(ranks.scores),
            bits(accelerated.scores),
            ranks.residual.to_bits(),
            bits(harmonic.scores),
            places,
        )
    };
    let alone = with_threads(1, run);
    for threads in [2, 3, 7] {
        assert!(with_threads(threads, run) == alone, "{threads} threads");
    }
}

#[test]
fn accelerated_and_plain_have_one_answer() {
    let (_dir, graph) = eight_nodes().graph();
    let personalize = Some(vec![1.0, 0.0, 2.0, 0.5, 0.0, 0.0, 3.0, 1.0]);
    for dangling in [Dangling::Uniform, Dangling::Preference, Dangling::None] {
        for (personalize, weighted) in [(None, false), (personalize.clone(), true)] {
            let options = PageRankOptions {
                dangling,
                personalize,
                weighted,
                accelerate: true,
                tolerance: 1e-13,
                ..exact_options()
            };
            let ranks = rank(&graph, &options);
            assert!(ranks.converged && ranks.iterations <= 60, "{options:?}");
            assert_close(&ranks.scores, &push_pagerank(&graph, &options, 300));
        }
    }
}

#[test]
fn accelerated_star_takes_a_jump() {
    // Its scores swing between center and leaves, each step -a times the one before: two steps tell all.
    let star: Vec<_> = (1..10).flat_map(|leaf| [(0, leaf), (leaf, 0)]).collect();
    let (_dir, graph) = id_graph(&star, 10);
    let accelerated = PageRankOptions {
        accelerate: true,
        tolerance: 1e-12,
        ..exact_options()
    };
    let ranks = rank(&graph, &accelerated);
    let center = (1.0 + 0.85 * 9.0) / (10.0 * 1.85);
    let mut expected = vec![(1.0 - center) / 9.0; 10];
    expected[0] = center;
    assert_close(&ranks.scores, &expected);
    assert!(
        ranks.converged && ranks.iterations <= 17,
        "{}",
        ranks.iterations
    );
}

#[test]
fn acceleration_that_does_not_help_costs_little() {
    // All jumps of preference go to the head of a long path: each step moves one edge on and nothing repeats.
    let path: Vec<_> = (0..499).map(|u| (u, u + 1)).collect();
    let (_dir, graph) = id_graph(&path, 500);
    let mut head = vec![0.0; 500];
    head[0] = 1.0;
    for tolerance in [1e-6, 1e-12, 1e-15] {
        let mut options = PageRankOptions {
            tolerance,
            personalize: Some(head.clone()),
            dangling: Dangling::Preference,
            ..exact_options()
        };
        let plain = rank(&graph, &options);
        options.accelerate = true;
        let accelerated = rank(&graph, &options);
        assert!(plain.converged && accelerated.converged);
        assert!(
            accelerated.iterations <= plain.iterations + 10,
            "{} and {} iterations",
            accelerated.iterations,
            plain.iterations
        );
        assert!(accelerated.scores.iter().all(|&score| score >= 0.0));
    }
}

#[test]
fn iterations_left_are_estimated_from_the_rate() {
    // Of two nodes that link to each other, and all jumps to one: the residual falls by the damping each time.
    let (_dir, graph) = id_graph(&[(0, 1), (1, 0)], 2);
    let options = PageRankOptions {
        personalize: Some(vec![1.0, 0.0]),
        ..PageRankOptions::default()
    };
    let mut left = Vec::new();
    let ranks = pagerank(&graph, &options, &mut |iteration| {
        left.push(iteration.remaining);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(ranks.residuals.len(), ranks.iterations);
    assert_eq!(ranks.residuals.last(), Some(&ranks.residual));
    for (at, left) in left.into_iter().enumerate() {
        let really = ranks.iterations - at - 1;
        match left {
            None => assert!(at < 8),
            Some(left) => assert!(left.abs_diff(really) <= 1, "{left} is not {really}"),
        }
    }
}

#[test]
fn scores_sum_to_one_also_where_few_have_most() {
    // All jumps go to one node, and half of its score far down a tree: 100,000 small scores are added to large ones.
    let n = 100_000u32;
    let edges: Vec<_> = (1..n).map(|v| (v / 10, v)).collect();
    let (_dir, graph) = id_graph(&edges, u64::from(n));
    let mut personalize = vec![0.0; n as usize];
    personalize[0] = 1.0;
    let options = PageRankOptions {
        personalize: Some(personalize),
        ..PageRankOptions::default()
    };
    for accelerate in [false, true] {
        let options = PageRankOptions {
            accelerate,
            ..options.clone()
        };
        // With what each addition lost (Neumaier 1974).
        let (mut sum, mut lost) = (0.0f64, 0.0);
        for score in rank(&graph, &options).scores {
            let next = sum + score;
            lost += match sum > score {
                true => (sum - next) + score,
                false => (score - next) + sum,
            };
            sum = next;
        }
        sum += lost;
        assert!((sum - 1.0).abs() <= 1e-13, "{:e}", sum - 1.0);
    }
}

#[test]
fn error_bound_holds() {
    let (_dir, graph) = eight_nodes().graph();
    let exact = rank(&graph, &exact_options()).scores;
    for (iterations, accelerate) in (1..30).flat_map(|count| [(count, false), (count, true)]) {
        let options = PageRankOptions {
            max_iterations: iterations,
            tolerance: 0.0,
            accelerate,
            ..PageRankOptions::default()
        };
        let ranks = rank(&graph, &options);
        let error: f64 = ranks
            .scores
            .iter()
            .zip(&exact)
            .map(|(a, b)| (a - b).abs())
            .sum();
        assert!(
            error <= ranks.error_bound + 1e-14 && !ranks.converged,
            "{error} after {iterations}"
        );
        assert_eq!(ranks.error_bound, ranks.residual * 0.85 / (1.0 - 0.85));
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let (_dir, graph) = eight_nodes().graph();
    let default = PageRankOptions::default;
    let bad = [
        PageRankOptions {
            damping: 1.0,
            ..default()
        },
        PageRankOptions {
            damping: f64::NAN,
            ..default()
        },
        PageRankOptions {
            tolerance: -1.0,
            ..default()
        },
        PageRankOptions {
            personalize: Some(vec![1.0; 7]),
            ..default()
        },
        PageRankOptions {
            personalize: Some(vec![0.0; 8]),
            ..default()
        },
        PageRankOptions {
            personalize: Some(vec![f64::INFINITY; 8]),
            ..default()
        },
    ];
    for options in bad {
        assert!(
            matches!(
                pagerank(&graph, &options, &mut go_on),
                Err(Error::Option { .. })
            ),
            "{options:?}"
        );
    }
    assert!(matches!(
        harmonic(&graph, &log2m(3), &mut go),
        Err(Error::Option { .. })
    ));
    let (_dir, plain) = id_graph(&[(0, 1)], 2);
    let weighted = PageRankOptions {
        weighted: true,
        ..default()
    };
    assert!(matches!(
        pagerank(&plain, &weighted, &mut go_on),
        Err(Error::Incompatible { .. })
    ));
}

#[test]
fn callbacks_interrupt() {
    let (_dir, graph) = eight_nodes().graph();
    let result = pagerank(&graph, &PageRankOptions::default(), &mut |_| {
        ControlFlow::Break(())
    });
    assert!(matches!(result, Err(Error::Interrupted)));
    let result = harmonic(&graph, &HarmonicOptions::default(), &mut |_| {
        ControlFlow::Break(())
    });
    assert!(matches!(result, Err(Error::Interrupted)));
}

#[test]
fn no_nodes_no_scores() {
    let (_dir, graph) = id_graph(&[], 0);
    let ranks = rank(&graph, &PageRankOptions::default());
    assert!(ranks.scores.is_empty() && ranks.converged);
    assert!(
        harmonic(&graph, &HarmonicOptions::default(), &mut go)
            .unwrap()
            .scores
            .is_empty()
    );
}

#[test]
fn memory_is_told_beforehand() {
    let mut options = PageRankOptions::default();
    assert_eq!(
        pagerank_memory_bytes(1_000_000_000, 250_000_000, &options),
        16_750_000_000
    );
    options.accelerate = true;
    assert_eq!(
        pagerank_memory_bytes(1_000_000_000, 250_000_000, &options),
        56_750_000_000
    );
    let mut options = HarmonicOptions::default();
    let scratch = 4 * (16 << 20);
    assert_eq!(
        harmonic_memory_bytes(1_000_000, 250_000, 4, &options),
        512_000_000 + 17_000_000 + scratch
    );
    options.closeness = true;
    assert_eq!(
        harmonic_memory_bytes(1_000, 0, 1, &options),
        1_000 * (25 + 1_024)
    );
    assert_eq!(
        harmonic_memory_bytes(u64::MAX, u64::MAX, 1, &options),
        u64::MAX
    );
}

#[test]
fn harmonic_of_chain_and_star_in_closed_form() {
    // 0 -> 1 -> ... -> 49: node v has the harmonic number H(v).
    let chain: Vec<_> = (0..49).map(|u| (u, u + 1)).collect();
    let (_dir, graph) = id_graph(&chain, 50);
    let exact = harmonic_exact(&graph, &mut go).unwrap();
    let expected: Vec<f64> = (0..50)
        .map(|v| (1..=v).map(|d| 1.0 / f64::from(d)).sum())
        .collect();
    assert_close(&exact.scores, &expected);
    assert_eq!(exact.iterations, 49);
    let estimate = harmonic(&graph, &log2m(14), &mut go).unwrap();
    assert_eq!(estimate.iterations, 49);
    for (estimate, expected) in estimate.scores.iter().zip(&expected) {
        assert!(
            (estimate - expected).abs() <= 0.04 * expected,
            "{estimate} is not {expected}"
        );
    }
    let star: Vec<_> = (1..100).map(|leaf| (leaf, 0)).collect();
    let (_dir, graph) = id_graph(&star, 100);
    let exact = harmonic_exact(&graph, &mut go).unwrap();
    assert_eq!(
        (exact.scores[0], exact.scores[1], exact.iterations),
        (99.0, 0.0, 1)
    );
}

#[test]
fn search_counts_what_reaches_a_node() {
    let (_dir, graph) = eight_nodes().graph();
    let mut search = Search::new(8);
    let bank = search.run(&graph, 3).unwrap();
    // shop at 1, example.com at 2, www and news at 3, wiki at 4.
    assert_eq!(
        (bank.nodes, bank.radius, bank.distances),
        (6, 4, 1 + 2 + 2 * 3 + 4)
    );
    assert!((bank.harmonic - (1.0 + 0.5 + 2.0 / 3.0 + 0.25)).abs() < 1e-15);
}
