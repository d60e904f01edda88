//! Builds that are killed, and go on.

use super::util::{files, keep_going};
use crate::{Error, Graph, IdGraphBuilder, IdGraphOptions, SelfLoops, Start};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Says to a test that it is the child, and where it builds.
const CHILD: &str = "CRAWLRANK_GRAPH_TEST_CHILD";

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
    if let Some(dir) = std::env::var_os(CHILD) {
        build(Path::new(&dir));
        return;
    }
    let expected = expected();
    let child = |dir: &Path| {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "tests::resume::a_killed_build_goes_on_and_ends_with_the_same_bytes",
            ])
            .env(CHILD, dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    assert!(child(dir.path()).wait().unwrap().success());
    let whole = begun.elapsed();
    assert!(files(&dir.path().join("graph")) == expected);

    let dir = tempfile::tempdir().unwrap();
    let (mut kills, mut done) = (0, 0);
    while kills < 20 {
        let mut process = child(dir.path());
        std::thread::sleep(whole * (kills + 1) / 21);
        process.kill().unwrap();
        kills += 1;
        process.wait().unwrap();
        if dir.path().join("graph").exists() {
            // It was faster than the signal; what it worked with may be gone, or be half gone.
            std::fs::remove_dir_all(dir.path().join("graph")).unwrap();
            let _ = std::fs::remove_dir_all(dir.path().join("work"));
            done = 0;
            continue;
        }
        if dir.path().join("work").exists() {
            let (builder, _) = start(dir.path());
            assert!(builder.edges_done() >= done, "complete runs stay");
            done = builder.edges_done();
        }
    }
    if dir.path().join("graph").exists() {
        std::fs::remove_dir_all(dir.path().join("graph")).unwrap();
    }
    build(dir.path());
    assert!(files(&dir.path().join("graph")) == expected);
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1, "only the graph stays");
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
