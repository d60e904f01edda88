//! A graph that carries only its stream, with bytes changed: `verify` finds it, and where the checksums were made anew, as a
//! hostile writer would, nothing panics or hangs on the way.
#![no_main]

use crawlrank_graph::{
    AnyGraph, Form, HarmonicOptions, IdGraphOptions, PageRankOptions, Ranking, StreamGraph, StreamGraphBuilder, convert,
    harmonic_of_stream, weak_components_of_stream,
};
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow::Continue;
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The graph's directory, and its files as they were written.
struct Sound {
    dir: TempDir,
    graph: PathBuf,
    stream: Vec<u8>,
    manifest: String,
    /// Where the stream has bytes that are no padding.
    places: Vec<usize>,
}

static SOUND: OnceLock<Sound> = OnceLock::new();

const BLOCK: usize = 4096;
const SUPERBLOCK_BYTES: usize = 128;
const ROW_BYTES: usize = 40;

// Input: whether checksums are made anew, then groups of three bytes, each sets one byte: place (little-endian), value.
fuzz_target!(|data: &[u8]| {
    let sound = SOUND.get_or_init(build);
    let Some((mended, changes)) = data.split_first() else { return };
    let (mut stream, mut manifest) = (sound.stream.clone(), sound.manifest.clone());
    for change in changes.chunks_exact(3) {
        let place = u16::from_le_bytes([change[0], change[1]]) as usize % sound.places.len();
        stream[sound.places[place]] = change[2];
    }
    let is_mended = mended % 2 == 1;
    if is_mended {
        mend(&mut stream, &mut manifest);
    }
    std::fs::write(sound.graph.join("ranking.stream"), &stream).expect("a file");
    std::fs::write(sound.graph.join("graph.json"), &manifest).expect("a file");
    if let Ok(graph) = StreamGraph::open(&sound.graph) {
        let is_sound = graph.verify().is_ok();
        if !is_mended {
            assert_eq!(is_sound, stream == sound.stream, "damage must be noticed");
        }
        read(graph, sound);
    }
});

fn build() -> Sound {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut builder = StreamGraphBuilder::new(dir.path(), IdGraphOptions::default()).expect("a builder");
    // Messages, and hubs with single sources and runs, to two bins.
    let spread = (0..300u32).map(|i| [i * i % 101, i * 7 % 89]);
    let hubs = (0..600u32).map(|i| [i * (1 + i / 300), 33_000]);
    builder.push_edges(&spread.chain(hubs).collect::<Vec<_>>()).expect("edges");
    let graph = dir.path().join("graph");
    builder.finish(None, &graph, &mut |_| Continue(())).expect("a graph");
    let stream = std::fs::read(graph.join("ranking.stream")).expect("a file");
    let manifest = std::fs::read_to_string(graph.join("graph.json")).expect("a file");
    let table = word(&stream, 13) as usize;
    let mut places: Vec<usize> = (0..SUPERBLOCK_BYTES).chain(table..stream.len()).collect();
    for row in (table..stream.len()).step_by(ROW_BYTES).map(|at| at / 8) {
        let (start, bytes) = (word(&stream, row), word(&stream, row + 1));
        places.extend((start..start + bytes).map(|at| at as usize));
    }
    assert!(places.len() < 1 << 16, "each place can be said");
    Sound { dir, graph, stream, manifest, places }
}

/// The number at this place of the file, counted in numbers.
fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(8 * at..8 * at + 8);
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}

/// Makes all checksums anew, and says the numbers of the stream in the manifest.
fn mend(stream: &mut [u8], manifest: &mut String) {
    let table = (word(stream, 13) as usize).clamp(BLOCK, stream.len());
    for (number, row) in (table..stream.len()).step_by(ROW_BYTES).enumerate() {
        let (start, bytes) = (word(stream, row / 8) as usize, word(stream, row / 8 + 1) as usize);
        let segment = start.checked_add(bytes).and_then(|end| stream.get(start..end));
        let checksum = segment.map_or(0, |segment| xxh3_64_with_seed(segment, number as u64));
        if let Some(place) = stream.get_mut(row + 32..row + 40) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }
    let of_table = xxh3_64(&stream[table..]);
    stream[112..120].copy_from_slice(&of_table.to_le_bytes());
    let of_superblock = xxh3_64(&stream[..120]);
    stream[120..128].copy_from_slice(&of_superblock.to_le_bytes());
    set(manifest, "num_nodes", &word(stream, 2).to_string());
    set(manifest, "num_edges", &word(stream, 3).to_string());
    set(manifest, "stream_checksum", &format!("\"{of_table:016x}\""));
    set(manifest, "checksum", "\"\"");
    let own = xxh3_64(manifest.as_bytes());
    set(manifest, "checksum", &format!("\"{own:016x}\""));
}

fn set(manifest: &mut String, key: &str, value: &str) {
    let key = format!("\"{key}\": ");
    let start = manifest.find(&key).expect("a key of manifests") + key.len();
    let end = start + manifest[start..].find([',', '\n']).expect("a line ends");
    manifest.replace_range(start..end, value);
}

/// Uses the graph without asking whether it is sound.
fn read(graph: StreamGraph, sound: &Sound) {
    let stream = graph.stream();
    let _ = (stream.out_degrees(), stream.in_degrees());
    for memory_bytes in [0, 1 << 30] {
        let options = PageRankOptions { max_iterations: 3, memory_bytes, ..PageRankOptions::default() };
        if let Ok(mut ranking) = Ranking::of_stream(stream, &options) {
            while let Ok(Some(_)) = ranking.iterate() {}
        }
    }
    let options = HarmonicOptions { log2m: 4, ..HarmonicOptions::default() };
    let _ = harmonic_of_stream(stream, &options, &mut |_| Continue(()));
    let _ = weak_components_of_stream(stream, &mut |_| Continue(()));
    let tmp = tempfile::tempdir_in(&sound.dir).expect("a temporary directory");
    let out = tmp.path().join("arrays");
    let _ = convert(&AnyGraph::from(graph), Form::Arrays, &out, tmp.path(), 0, &mut |_| Continue(()));
}
