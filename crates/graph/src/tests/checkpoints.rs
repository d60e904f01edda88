//! A ranking that stops anywhere goes on to the same bits.

use super::util::{eight_nodes, go_on, id_graph};
use crate::{
    Dangling, Graph, PageRank, PageRankOptions, Ranking, Restored, pagerank, remove_checkpoint,
};
use std::path::Path;

fn options(accelerate: bool) -> PageRankOptions {
    PageRankOptions {
        accelerate,
        tolerance: 1e-12,
        ..PageRankOptions::default()
    }
}

/// Iterates up to `iterations` times, saves the state and drops all.
fn stop_after(graph: &Graph, options: &PageRankOptions, iterations: usize, path: &Path) {
    let mut ranking = Ranking::new(graph, options).unwrap();
    ranking.restore(path);
    for _ in 0..iterations {
        ranking.iterate().unwrap();
    }
    ranking.save(path).unwrap();
}

fn go_to_the_end(mut ranking: Ranking<'_>) -> PageRank {
    while ranking.iterate().unwrap().is_some() {}
    ranking.finish()
}

fn bits(ranks: &PageRank) -> Vec<u64> {
    let values = ranks.scores.iter().chain(&ranks.residuals);
    values.map(|value| value.to_bits()).collect()
}

/// A hub, chains and dangling nodes, in two blocks.
fn graph() -> (tempfile::TempDir, Graph) {
    let n = 70_000u32;
    let edges: Vec<_> = (0..n)
        .filter(|u| u % 3 != 0)
        .flat_map(|u| [(u, 0), (u, (u * 7_919) % n), (u, (u / 2) * 3 % n)])
        .collect();
    id_graph(&edges, u64::from(n))
}

#[test]
fn stopped_and_resumed_is_as_undisturbed() {
    let (dir, graph) = graph();
    let path = dir.path().join("checkpoint");
    for accelerate in [false, true] {
        let options = options(accelerate);
        let undisturbed = pagerank(&graph, &options, &mut go_on).unwrap();
        // Stops before, at and after jumps, twice at one place, and in a row.
        for goes in [&[1][..], &[3, 0, 4, 1], &[8], &[9, 9], &[1; 10], &[1000]] {
            let _ = std::fs::remove_file(&path);
            for &iterations in goes {
                stop_after(&graph, &options, iterations, &path);
            }
            let mut ranking = Ranking::new(&graph, &options).unwrap();
            let done = goes.iter().sum::<usize>().min(undisturbed.iterations);
            assert_eq!(ranking.restore(&path), Restored::After(done));
            let resumed = go_to_the_end(ranking);
            assert!(resumed.converged);
            assert!(
                bits(&resumed) == bits(&undisturbed),
                "{accelerate}: {goes:?}"
            );
        }
    }
}

#[test]
fn all_options_go_on() {
    let (dir, graph) = eight_nodes().graph();
    let path = dir.path().join("checkpoint");
    for dangling in [Dangling::Uniform, Dangling::Preference, Dangling::None] {
        let options = PageRankOptions {
            dangling,
            weighted: true,
            personalize: Some(vec![1.0, 0.0, 2.0, 0.5, 0.0, 0.0, 3.0, 1.0]),
            ..options(true)
        };
        let undisturbed = pagerank(&graph, &options, &mut go_on).unwrap();
        let _ = std::fs::remove_file(&path);
        stop_after(&graph, &options, 11, &path);
        let mut ranking = Ranking::new(&graph, &options).unwrap();
        assert_eq!(ranking.restore(&path), Restored::After(11));
        assert_eq!(bits(&go_to_the_end(ranking)), bits(&undisturbed));
    }
}

#[test]
fn no_file_is_a_beginning() {
    let (dir, graph) = eight_nodes().graph();
    let options = options(true);
    let mut ranking = Ranking::new(&graph, &options).unwrap();
    assert_eq!(ranking.restore(&dir.path().join("none")), Restored::Nothing);
}

/// The file is left aside, and the ranking is that from the beginning.
fn assert_ignored(graph: &Graph, options: &PageRankOptions, path: &Path, why: &str) {
    let mut ranking = Ranking::new(graph, options).unwrap();
    match ranking.restore(path) {
        Restored::Ignored(said) => assert!(said.contains(why), "{said}, not {why}"),
        other => panic!("{other:?}"),
    }
    let ranks = go_to_the_end(ranking);
    let undisturbed = pagerank(graph, options, &mut go_on).unwrap();
    assert_eq!(bits(&ranks), bits(&undisturbed));
}

#[test]
fn of_another_graph_or_other_options_is_left_aside() {
    let (dir, graph) = eight_nodes().graph();
    let path = dir.path().join("checkpoint");
    let before = options(true);
    stop_after(&graph, &before, 10, &path);
    let other = |change: fn(&mut PageRankOptions)| {
        let mut other = before.clone();
        change(&mut other);
        other
    };
    for other in [
        other(|options| options.damping = 0.8),
        other(|options| options.tolerance = 1e-6),
        other(|options| options.max_iterations = 300),
        other(|options| options.dangling = Dangling::Preference),
        other(|options| options.personalize = Some(vec![1.0; 8])),
        other(|options| options.weighted = true),
        other(|options| options.accelerate = false),
    ] {
        assert_ignored(&graph, &other, &path, "another graph or to other options");
    }
    // As many nodes and edges, one edge elsewhere.
    let mut world = eight_nodes();
    world.edges[2].1 = "net.bank".into();
    let (_dir, graph) = world.graph();
    assert_ignored(&graph, &before, &path, "another graph or to other options");
}

#[test]
fn damage_anywhere_is_found() {
    let (dir, graph) = eight_nodes().graph();
    let path = dir.path().join("checkpoint");
    let options = options(true);
    stop_after(&graph, &options, 10, &path);
    let sound = std::fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, flipped).unwrap();
        assert_ignored(&graph, &options, &path, "");
        std::fs::write(&path, &sound[..at]).unwrap();
        assert_ignored(&graph, &options, &path, "");
    }
    let mut grown = sound.clone();
    grown.push(0);
    std::fs::write(&path, grown).unwrap();
    assert_ignored(&graph, &options, &path, "length");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_ignored(&graph, &options, &path, "");
}

#[test]
fn saving_replaces_whole_files_and_what_a_killed_one_left() {
    let (dir, graph) = eight_nodes().graph();
    let place = dir.path().join("place");
    std::fs::create_dir(&place).unwrap();
    let path = place.join("checkpoint");
    std::fs::write(place.join("checkpoint.tmp"), b"half of it").unwrap();
    let options = options(false);
    for done in [2, 4] {
        stop_after(&graph, &options, 2, &path);
        let mut ranking = Ranking::new(&graph, &options).unwrap();
        assert_eq!(ranking.restore(&path), Restored::After(done));
    }
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1);
    std::fs::write(place.join("checkpoint.tmp"), b"half of it").unwrap();
    for _ in 0..2 {
        remove_checkpoint(&path).unwrap();
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    }
    let ranking = Ranking::new(&graph, &options).unwrap();
    assert!(ranking.save(&place.join("none/checkpoint")).is_err());
}
