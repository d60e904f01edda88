//! The compact stream: the same edges, the same sums in every form, and nothing believed of its bytes.

use super::util::{go_on, id_graph, keep_going, with_threads};
use crate::graph::Graph;
use crate::merge::Tick;
use crate::pagerank::{Kernel, PageRankOptions, Ranking};
use crate::pull::Pull;
use crate::stream::{self, RankingStream, Reading, StreamFile};
use crate::{Dangling, Error, mix64};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Pseudo-random edges with all that a stream knows: four bins, hubs with single sources and with runs, lists
/// of many targets, dangling nodes, self-loops.
fn edges(num_nodes: u32) -> Vec<(u32, u32)> {
    let mut state = 1;
    let mut below = |limit: u32| {
        state += 1;
        (mix64(state) % u64::from(limit)) as u32
    };
    let mut edges = Vec::new();
    for source in (0..num_nodes).filter(|node| node % 5 != 3 && node / 100 % 4 != 1) {
        // Templates: neighbors link to the same.
        edges.extend((0..4).map(|i| (source, (source / 64 * 64 + i * 7) % num_nodes)));
        edges.push((source, below(num_nodes)));
        if source % 3 == 0 {
            edges.push((source, num_nodes / 2));
        }
        if source / 5000 % 2 == 0 {
            edges.push((source, 17 % num_nodes));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

const NODES: u32 = 120_000;

fn world(num_nodes: u32) -> (TempDir, Graph) {
    id_graph(&edges(num_nodes), u64::from(num_nodes))
}

fn write(graph: &Graph, dir: &Path) -> PathBuf {
    let path = dir.join("stream");
    let _ = std::fs::remove_file(&path);
    stream::write(graph, &path, false, &mut Tick::silent()).unwrap();
    path
}

fn rank<'a>(
    graph: &'a Graph,
    kernel: Box<dyn Kernel + 'a>,
    options: &'a PageRankOptions,
) -> Vec<f64> {
    let mut ranking = Ranking::with_kernel(graph.num_nodes() as usize, 0, options, kernel).unwrap();
    while ranking.iterate().unwrap().is_some() {}
    ranking.finish().scores
}

fn verify(graph: &Graph, path: &Path) -> Result<(), Error> {
    RankingStream::of(graph, path)?.verify_of(graph)
}

fn options() -> PageRankOptions {
    PageRankOptions {
        tolerance: 1e-14,
        max_iterations: 40,
        ..PageRankOptions::default()
    }
}

#[test]
fn every_form_gives_the_bits_of_every_other_and_the_scores_of_the_plain_pull() {
    for num_nodes in [1, 2, 700, NODES] {
        let (dir, graph) = world(num_nodes);
        let n = num_nodes as usize;
        let path = write(&graph, dir.path());
        for options in [
            options(),
            PageRankOptions {
                dangling: Dangling::Preference,
                personalize: Some((0..n).map(|node| (node % 3 + 1) as f64).collect()),
                ..options()
            },
        ] {
            let plain = rank(
                &graph,
                Box::new(Pull::new(&graph, false).unwrap()),
                &options,
            );
            let in_memory = rank(
                &graph,
                Box::new(stream::kernel_of(&graph).unwrap()),
                &options,
            );
            let difference: f64 = plain
                .iter()
                .zip(&in_memory)
                .map(|(a, b)| (a - b).abs())
                .sum();
            assert!(difference <= 1e-12, "{difference}");
            for threads in [1, 2, 5] {
                for memory_bytes in [0, u64::MAX] {
                    let scores = with_threads(threads, || {
                        rank(
                            &graph,
                            RankingStream::open(&path)
                                .unwrap()
                                .kernel(memory_bytes)
                                .unwrap(),
                            &options,
                        )
                    });
                    assert!(
                        scores == in_memory,
                        "{threads} threads, {memory_bytes} bytes"
                    );
                }
                let scores = with_threads(threads, || {
                    rank(
                        &graph,
                        Box::new(stream::kernel_of(&graph).unwrap()),
                        &options,
                    )
                });
                assert!(scores == in_memory, "{threads} threads");
            }
        }
    }
}

#[test]
fn a_stream_holds_the_edges_of_its_graph_and_the_same_bytes_for_any_threads() {
    let (dir, graph) = world(NODES);
    let bytes = [1, 2, 5]
        .map(|threads| std::fs::read(with_threads(threads, || write(&graph, dir.path()))).unwrap());
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2]);
    let path = dir.path().join("stream");
    let file = StreamFile::open(&dir.path().join("stream"), Reading::Direct).unwrap();
    verify(&graph, &path).unwrap();
    let (_other_dir, other) = id_graph(&edges(NODES)[1..], u64::from(NODES));
    assert!(matches!(verify(&other, &path), Err(Error::Corrupt { .. })));
    let per_edge = file.bytes() as f64 / graph.num_edges() as f64;
    assert!(per_edge < 2.5, "{per_edge} bytes per edge");
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let (dir, graph) = world(NODES);
    let path = write(&graph, dir.path());
    let sound = std::fs::read(&path).unwrap();
    verify(&graph, &path).unwrap();
    for at in (0..sound.len()).step_by(sound.len() / 400) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).unwrap();
        let error = verify(&graph, &path)
            .err()
            .unwrap_or_else(|| panic!("byte {at} of {}", bytes.len()));
        assert!(
            matches!(error, Error::Corrupt { .. } | Error::Version { .. }),
            "{error}"
        );
    }
    for len in [0, 1, 4095, 4096, sound.len() / 2, sound.len() - 1] {
        std::fs::write(&path, &sound[..len]).unwrap();
        assert!(
            StreamFile::open(&path, Reading::Cached).is_err(),
            "{len} bytes"
        );
    }
    let grown = [&sound[..], &[0]].concat();
    std::fs::write(&path, grown).unwrap();
    assert!(StreamFile::open(&path, Reading::Cached).is_err());
}

#[test]
fn edges_that_are_in_no_graph_have_the_stream_of_the_graph_that_would_hold_them() {
    let (dir, graph) = world(NODES);
    let of_graph = write(&graph, dir.path());
    let path = dir.path().join("alone");
    let stream = RankingStream::write(
        &path,
        u64::from(NODES),
        |node| graph.outgoing().degree(node) as u32,
        |node, list| {
            list.clear();
            list.extend_from_slice(graph.incoming().neighbors(node));
        },
        &mut keep_going,
    )
    .unwrap();
    stream.verify().unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(of_graph).unwrap());
    let options = options();
    let mut ranking = Ranking::of_stream(&stream, &options).unwrap();
    while ranking.iterate().unwrap().is_some() {}
    let of_graph = crate::pagerank(&graph, &options, &mut go_on).unwrap();
    assert!(ranking.finish().scores == of_graph.scores);

    let lists = |node: u32, list: &mut Vec<u32>| {
        list.clear();
        list.extend([node / 2 + 1, node / 2]);
    };
    std::fs::remove_file(&path).unwrap();
    let refused = RankingStream::write(&path, 10, |_| 2, lists, &mut keep_going);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("found 0 among those of node 0"), "{error}");
}

/// Makes all checksums right again, as one would who means harm.
fn reseal(bytes: &mut [u8]) {
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let put = |bytes: &mut [u8], at: usize, value: u64| {
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    };
    let (segments, table) = (word(bytes, 96), word(bytes, 104) as usize);
    for number in 0..segments {
        let row = table + 40 * number as usize;
        let Some(offset) = bytes.get(row..row + 40).map(|row| word(row, 0) as usize) else {
            return;
        };
        let end = offset.saturating_add(word(bytes, row + 8) as usize);
        if let Some(segment) = bytes.get(offset..end) {
            let checksum = xxh3_64_with_seed(segment, number);
            put(bytes, row + 32, checksum);
        }
    }
    if let Some(table) = bytes.get(table..) {
        let checksum = xxh3_64(table);
        put(bytes, 112, checksum);
    }
    let checksum = xxh3_64(&bytes[..120]);
    put(bytes, 120, checksum);
}

#[test]
fn a_stream_made_to_do_harm_gives_errors_or_wrong_scores() {
    let (dir, graph) = world(700);
    let (big_dir, big) = world(40_000);
    let mut refused = 0;
    for (graph, dir, step) in [(&graph, dir.path(), 1), (&big, big_dir.path(), 997)] {
        let path = write(graph, dir);
        let sound = std::fs::read(&path).unwrap();
        let mut resealed = sound.clone();
        reseal(&mut resealed);
        assert!(resealed == sound);
        for at in (0..sound.len())
            .step_by(step)
            .filter(|&at| sound[at] != 0 || at % 7 == 0)
        {
            for bits in [1, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] ^= bits;
                reseal(&mut bytes);
                std::fs::write(&path, bytes).unwrap();
                let options = PageRankOptions {
                    max_iterations: 2,
                    memory_bytes: if bits == 1 { u64::MAX } else { 0 },
                    ..PageRankOptions::default()
                };
                let result = RankingStream::open(&path).and_then(|stream| {
                    let _ = stream.verify();
                    let mut ranking = Ranking::of_stream(&stream, &options)?;
                    while ranking.iterate()?.is_some() {}
                    Ok(())
                });
                refused += usize::from(result.is_err());
            }
        }
    }
    assert!(refused > 300, "{refused}");
}
