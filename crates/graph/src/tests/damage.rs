//! Damaged and hostile graph directories.

use super::util::{eight_nodes, files, go_on, keep_going, two_labels};
use crate::{
    Error, FoldOptions, Graph, HarmonicOptions, PageRankOptions, fold, harmonic, harmonic_exact,
    pagerank, strong_components, transpose, weak_components,
};
use std::ops::ControlFlow;
use std::path::Path;

/// Uses everything a reader can use; what it gives does not matter, that it ends does.
fn use_unverified(graph: &Graph) {
    let num = graph.num_nodes() as u32;
    if let Some(names) = graph.names() {
        let total: usize = names.iter().map(<[u8]>::len).sum();
        assert!(total < 1 << 20);
        names.find(b"org.news");
    }
    for adjacency in [graph.outgoing(), graph.incoming()] {
        for node in 0..=num {
            let pages = adjacency.pages(node).map_or(0, <[u32]>::len);
            assert_eq!(adjacency.neighbors(node).len(), pages);
        }
        adjacency.edges().count();
    }
    let ranks = pagerank(
        graph,
        &PageRankOptions {
            weighted: true,
            max_iterations: 3,
            ..Default::default()
        },
        &mut go_on,
    );
    let harmonic = harmonic(
        graph,
        &HarmonicOptions {
            log2m: 4,
            closeness: false,
        },
        &mut |_| ControlFlow::Continue(()),
    );
    let exact = harmonic_exact(graph, &mut |_| ControlFlow::Continue(()));
    let weak = weak_components(graph, &mut |_| ControlFlow::Continue(()));
    let strong = strong_components(graph, &mut |_| ControlFlow::Continue(()));
    for components in [&weak, &strong].into_iter().flatten() {
        components.sizes().unwrap();
    }
    for error in [
        ranks.err(),
        harmonic.err(),
        exact.err(),
        weak.err(),
        strong.err(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

/// As [`use_unverified`], for what writes graphs (and syncs, so it is slow).
fn rewrite_unverified(graph: &Graph, tmp: &Path) {
    let out = tmp.join("out");
    let options = crate::MergeOptions {
        verify: false,
        ..Default::default()
    };
    let inputs = [graph.dir().to_path_buf(), graph.dir().to_path_buf()];
    let merged = crate::merge(&inputs, &out, tmp, &options, &mut keep_going);
    let _ = std::fs::remove_dir_all(&out);
    let folded = fold(
        graph,
        two_labels,
        &out,
        tmp,
        &FoldOptions::default(),
        &mut keep_going,
    );
    let _ = std::fs::remove_dir_all(&out);
    let turned = transpose(graph, &out, tmp, 0);
    let _ = std::fs::remove_dir_all(&out);
    for error in [merged.err(), folded.err(), turned.err()]
        .into_iter()
        .flatten()
    {
        assert!(
            matches!(
                error,
                Error::Corrupt { .. } | Error::PagesOverflow { .. } | Error::Incompatible { .. }
            ),
            "{error}"
        );
    }
}

/// Opens and verifies a damaged graph; one of the two has to notice.
fn must_be_noticed(dir: &Path, what: &str) {
    match Graph::open(dir) {
        Err(Error::Corrupt { .. } | Error::Version { .. } | Error::Io { .. }) => {}
        Err(error) => panic!("{what}: {error}"),
        Ok(graph) => {
            assert!(
                matches!(
                    graph.verify(),
                    Err(Error::Corrupt { .. } | Error::Version { .. })
                ),
                "{what} was not noticed"
            );
            use_unverified(&graph);
        }
    }
}

#[test]
fn every_flipped_byte_is_found_and_nothing_panics() {
    let (dir, graph) = eight_nodes().graph();
    for (name, bytes) in files(graph.dir()) {
        let path = graph.dir().join(&name);
        for at in 0..bytes.len() {
            // The low bit makes a near miss, the high bit a huge number.
            for bit in [1, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= bit;
                std::fs::write(&path, damaged).unwrap();
                must_be_noticed(graph.dir(), &format!("{name} byte {at}"));
            }
        }
        std::fs::write(&path, bytes).unwrap();
    }
    Graph::open(graph.dir()).unwrap().verify().unwrap();
    drop(dir);
}

#[test]
fn writers_survive_damaged_inputs() {
    let (dir, graph) = eight_nodes().graph();
    for (name, bytes) in files(graph.dir())
        .into_iter()
        .filter(|(name, _)| name.ends_with(".npy"))
    {
        let path = graph.dir().join(&name);
        for (at, value) in (128..bytes.len())
            .step_by(5)
            .zip([0xff, 0x03, 0x80].into_iter().cycle())
        {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            std::fs::write(&path, damaged).unwrap();
            rewrite_unverified(&Graph::open(graph.dir()).unwrap(), dir.path());
        }
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "errors leave nothing behind"
    );
}

#[test]
fn every_length_but_the_right_one_is_found() {
    let (_dir, graph) = eight_nodes().graph();
    for (name, bytes) in files(graph.dir()) {
        let path = graph.dir().join(&name);
        for len in 0..bytes.len() {
            std::fs::write(&path, &bytes[..len]).unwrap();
            must_be_noticed(graph.dir(), &format!("{name} cut to {len}"));
        }
        for more in [1, 4, 8, 4096] {
            let mut grown = bytes.clone();
            grown.resize(bytes.len() + more, 0);
            std::fs::write(&path, grown).unwrap();
            must_be_noticed(graph.dir(), &format!("{name} grown by {more}"));
        }
        std::fs::remove_file(&path).unwrap();
        must_be_noticed(graph.dir(), &format!("{name} missing"));
        std::fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn swapped_files_and_blocks_are_found() {
    // 600,000 edges to node 0 and 0's edges back: two arrays of several equal blocks.
    let star: Vec<(u32, u32)> = (1..600_000)
        .flat_map(|leaf| [(leaf, 0), (0, leaf)])
        .collect();
    let (_dir, graph) = super::util::id_graph(&star, 600_000);
    graph.verify().unwrap();
    let (out, into) = (
        graph.dir().join("out_targets.npy"),
        graph.dir().join("in_targets.npy"),
    );
    let original = std::fs::read(&out).unwrap();
    assert_eq!(
        std::fs::read(&into).unwrap(),
        original,
        "the star is symmetric"
    );

    let mut swapped = original.clone();
    let (block, start) = (1 << 20, 128);
    swapped.copy_within(start + block..start + 2 * block, start);
    swapped[start + block..start + 2 * block].copy_from_slice(&original[start..start + block]);
    std::fs::write(&out, swapped).unwrap();
    let error = Graph::open(graph.dir()).unwrap().verify().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Corrupt {
                offset: Some(128),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn another_version_is_named() {
    let (_dir, graph) = eight_nodes().graph();
    let path = graph.dir().join("graph.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 3")).unwrap();
    let error = Graph::open(graph.dir()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Version {
                found: 3,
                expected: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn merge_refuses_a_damaged_input() {
    let (dir, graph) = eight_nodes().graph();
    let path = graph.dir().join("out_pages.npy");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let result = super::util::merge_all(&[graph.dir()], dir.path(), &dir.path().join("out"), 64);
    assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
}
