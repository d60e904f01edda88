//! Builds that are killed, and go on.

use super::util::{files, goes_on_when_killed, keep_going};
use crate::{Error, Graph, IdGraphBuilder, IdGraphOptions, SelfLoops, Start};
use std::path::Path;

const EDGES: u64 = 200_000;

fn options() -> IdGraphOptions {
    // The least memory: a hundred runs.
    IdGraphOptions {
        memory_bytes: 0,
        self_loops: SelfLoops::Keep,
    }
}

/// Edges between few nodes, so that some come again; the last node comes first.
fn edges() -> Vec<[u32; 2]> {
    (0..EDGES)
        .map(|number| crate::mix64(EDGES - number))
        .map(|number| [number as u32 % 900, (number >> 32) as u32 % 900])
        .collect()
}

fn start(dir: &Path) -> (IdGraphBuilder, Start) {
    IdGraphBuilder::resume(&dir.join("work"), "200,000 edges", options()).unwrap()
}

/// One by one and together; little at a time, as the runs are small.
fn push_all(builder: &mut IdGraphBuilder) {
    for (number, edges) in edges().chunks(1_000).enumerate() {
        if number % 2 == 0 {
            builder.push_edges(edges).unwrap();
        } else {
            edges.iter().for_each(|&[u, v]| builder.push(u, v).unwrap());
        }
    }
}

/// Builds as a program would.
fn build(dir: &Path) -> Graph {
    let (mut builder, _) = start(dir);
    push_all(&mut builder);
    builder
        .finish(None, &dir.join("graph"), &mut keep_going)
        .unwrap()
        .graph
}

fn expected() -> std::collections::BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = IdGraphBuilder::new(
        dir.path(),
        IdGraphOptions {
            self_loops: SelfLoops::Keep,
            ..IdGraphOptions::default()
        },
    )
    .unwrap();
    builder.push_edges(&edges()).unwrap();
    let graph = builder
        .finish(None, &dir.path().join("graph"), &mut keep_going)
        .unwrap()
        .graph;
    files(graph.dir())
}

#[test]
fn a_killed_build_goes_on_and_ends_with_the_same_bytes() {
    let done = |dir: &Path| start(dir).0.edges_done();
    let test = "tests::resume::a_killed_build_goes_on_and_ends_with_the_same_bytes";
    goes_on_when_killed(test, |dir| drop(build(dir)), done, expected);
}

#[test]
fn a_second_process_is_refused_and_other_inputs_start_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, begin) = start(dir.path());
    assert_eq!(begin, Start::Fresh);
    let second = IdGraphBuilder::resume(&dir.path().join("work"), "200,000 edges", options());
    assert!(matches!(second, Err(Error::Locked { .. })));
    push_all(&mut first);
    drop(first);

    let (second, begin) = start(dir.path());
    let Start::Resumed { edges: done } = begin else {
        panic!("{begin:?}")
    };
    assert_eq!(done, second.edges_done());
    assert!(done > EDGES - 3_000, "{done}");
    let fewer = second.finish(None, &dir.path().join("graph"), &mut keep_going);
    assert!(matches!(fewer, Err(Error::Incompatible { .. })));

    let work = dir.path().join("work");
    let (third, begin) = IdGraphBuilder::resume(&work, "others", options()).unwrap();
    assert_eq!((begin, third.edges_done()), (Start::Anew, 0));
    drop(third);
    assert!(!work.exists(), "nothing to go on with");
}

#[test]
fn a_damaged_run_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (mut builder, _) = start(dir.path());
    push_all(&mut builder);
    drop(builder);
    let run = dir.path().join("work/0003");
    let mut bytes = std::fs::read(&run).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&run, &bytes).unwrap();
    let (mut builder, _) = start(dir.path());
    builder.push_edges(&edges()).unwrap();
    let finished = builder.finish(None, &dir.path().join("graph"), &mut keep_going);
    let message = finished.unwrap_err().to_string();
    let expected =
        "work/0003 offset 0: a sorted run is damaged; remove the folder it is in and begin again";
    assert!(message.ends_with(expected), "{message}");

    std::fs::write(&run, &bytes[..50]).unwrap();
    let cut = IdGraphBuilder::resume(&dir.path().join("work"), "200,000 edges", options());
    assert!(matches!(cut, Err(Error::DamagedRun { offset: 50, .. })));
}
