//! Makes the large graphs that `README.md` gives figures for: `w16`, hosts as the web has them; `cx`, a real crawl tiled;
//! `r24`, R-MAT.
//!
//! `cargo bench --bench graphs -- w16 cx r24` writes them into `target/graphs`; with no graph named it makes all three at a
//! 64th of their size and keeps nothing. A file is pairs (source, target) of little-endian `u32`, sorted and unique. Graphs
//! are streamed, so that memory stays small at any `--scale`, and the bytes are the same for any number of threads.

mod random;
mod rmat;
mod tiles;
mod web;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use rayon::prelude::*;

/// The crawl that `cx` repeats.
const CRAWL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/graphs/cnr-2000.edges.tsv.gz"
);
/// Edges that a pass of `--shuffle` holds: 1 GiB.
const SHUFFLED: u64 = 1 << 27;

#[derive(Parser)]
struct Options {
    /// Graphs to write
    graphs: Vec<Name>,
    /// Folder to write them into
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/graphs"))]
    out: PathBuf,
    /// Times as many nodes; for `r24` the power of two next to it
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Edges in an order that has nothing to do with the graph: GRAPH-shuffled.bin
    #[arg(long)]
    shuffle: bool,
    /// Lines `source<tab>target` of reversed host names instead of ids: GRAPH.tsv
    #[arg(long)]
    names: bool,
    /// Edges of the crawl that `cx` repeats, as gzipped lines `source<tab>target`
    #[arg(long, default_value = CRAWL)]
    crawl: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    W16,
    Cx,
    R24,
}

/// A graph that is made block by block: a range of sources each, ascending. An edge is `source << 32 | target`.
trait Blocks: Sync {
    fn num_nodes(&self) -> u64;
    fn num_blocks(&self) -> usize;
    /// Adds the block's edges, unique, in any order.
    fn edges(&self, block: usize, edges: &mut Vec<u64>);
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    println!("| graph | nodes | edges | dangling | gaps below 256 |");
    println!("|---|---|---|---|---|");
    for &name in &options.graphs {
        let graph = make(name, options.scale, &options)?;
        fs::create_dir_all(&options.out)?;
        let facts = write(&*graph, name, &options)?;
        facts.print(name, &*graph);
    }
    if options.graphs.is_empty() {
        for &name in Name::value_variants() {
            match make(name, 1.0 / 64.0, &options) {
                Ok(graph) => Facts::of(&*graph)?.print(name, &*graph),
                Err(error) => eprintln!("skipped {}: {error}", name.word()),
            }
        }
    }
    Ok(())
}

fn make(name: Name, scale: f64, options: &Options) -> Result<Box<dyn Blocks>, Box<dyn Error>> {
    Ok(match name {
        Name::W16 => Box::new(web::Web::new((16e6 * scale) as u64)),
        Name::Cx => Box::new(tiles::Tiles::open(
            &options.crawl,
            (64.0 * scale).ceil() as u64,
        )?),
        Name::R24 => Box::new(rmat::Rmat::new((24.0 + scale.log2()).round() as u32)),
    })
}

fn write(graph: &dyn Blocks, name: Name, options: &Options) -> Result<Facts, Box<dyn Error>> {
    let suffix = match (options.shuffle, options.names) {
        (false, false) => ".bin",
        (true, false) => "-shuffled.bin",
        (false, true) => ".tsv",
        (true, true) => "-shuffled.tsv",
    };
    let path = options.out.join(format!("{}{suffix}", name.word()));
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    let mut put = |edges: &[u64]| match options.names {
        // Names take longer to spell than to write, so threads share the work; order is kept.
        true => edges
            .par_chunks(1 << 14)
            .map(named)
            .collect::<Vec<_>>()
            .iter()
            .try_for_each(|lines| out.write_all(lines)),
        false => edges
            .iter()
            .try_for_each(|edge| out.write_all(&edge.rotate_left(32).to_le_bytes())),
    };
    let facts = if options.shuffle {
        let facts = Facts::of(graph)?;
        let passes = facts.edges.div_ceil(SHUFFLED).max(1);
        for pass in 0..passes {
            let mut kept = Vec::new();
            in_order(graph, |edges| {
                kept.extend(
                    edges
                        .iter()
                        .filter(|&&edge| random::mixed(edge) % passes == pass),
                );
                Ok(())
            })?;
            kept.par_sort_unstable_by_key(|&edge| random::mixed(edge));
            put(&kept)?;
        }
        facts
    } else {
        let mut facts = Facts::default();
        in_order(graph, |edges| {
            facts.add(edges);
            put(edges)
        })?;
        facts
    };
    out.flush()?;
    Ok(facts)
}

/// Gives the sorted edges of each block, block after block; some are made at a time, by all threads.
fn in_order(
    graph: &dyn Blocks,
    mut take: impl FnMut(&[u64]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let blocks: Vec<usize> = (0..graph.num_blocks()).collect();
    for some in blocks.chunks(2 * rayon::current_num_threads()) {
        let made: Vec<Vec<u64>> = some
            .par_iter()
            .map(|&block| {
                let mut edges = Vec::new();
                graph.edges(block, &mut edges);
                edges.sort_unstable();
                edges.dedup();
                edges
            })
            .collect();
        made.iter().try_for_each(|edges| take(edges))?;
    }
    Ok(())
}

/// What one graph is compared with another by.
#[derive(Default)]
struct Facts {
    edges: u64,
    sources: u64,
    /// Targets less than 256 from the one before in the same list, or the first from the source.
    near: u64,
}

impl Facts {
    fn of(graph: &dyn Blocks) -> std::io::Result<Self> {
        let mut facts = Self::default();
        in_order(graph, |edges| {
            facts.add(edges);
            Ok(())
        })?;
        Ok(facts)
    }

    fn add(&mut self, edges: &[u64]) {
        let lists = edges.chunk_by(|a, b| a >> 32 == b >> 32);
        for list in lists {
            self.sources += 1;
            self.edges += list.len() as u64;
            let near = list.windows(2).filter(|pair| pair[1] - pair[0] < 256);
            let first = (list[0] >> 32).abs_diff(list[0] & u64::from(u32::MAX));
            self.near += near.count() as u64 + u64::from(first < 256);
        }
    }

    fn print(&self, name: Name, graph: &dyn Blocks) {
        let nodes = graph.num_nodes();
        println!(
            "| {} | {nodes} | {} | {:.1} % | {:.1} % |",
            name.word(),
            self.edges,
            100.0 * (nodes - self.sources) as f64 / nodes as f64,
            100.0 * self.near as f64 / self.edges as f64
        );
    }
}

impl Name {
    fn word(self) -> &'static str {
        match self {
            Self::W16 => "w16",
            Self::Cx => "cx",
            Self::R24 => "r24",
        }
    }
}

fn named(edges: &[u64]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(edges.len() * 48);
    for &edge in edges {
        push_name(edge >> 32, &mut lines);
        lines.push(b'\t');
        push_name(edge & u64::from(u32::MAX), &mut lines);
        lines.push(b'\n');
    }
    lines
}

/// A reversed host name, in the order of ids: `com.bacedo`, `com.bacedo.blog`, eight hosts to a domain.
fn push_name(node: u64, text: &mut Vec<u8>) {
    const SUFFIXES: [&str; 8] = ["com", "de", "fr", "io", "it", "net", "nl", "org"];
    const HOSTS: [&str; 8] = [
        "", ".api", ".blog", ".en", ".mail", ".shop", ".static", ".www",
    ];
    const VOWELS: &[u8] = b"aeiou";
    const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxyz";
    // 2^32 ids: a suffix for each eighth of them, four syllables for the 2^26 domains below it.
    text.extend_from_slice(SUFFIXES[(node >> 29) as usize & 7].as_bytes());
    text.push(b'.');
    let syllables = (VOWELS.len() * CONSONANTS.len()) as u64;
    let domain = node >> 3 & ((1 << 26) - 1);
    for place in (0..4).rev() {
        let syllable = (domain / syllables.pow(place) % syllables) as usize;
        text.push(CONSONANTS[syllable / VOWELS.len()]);
        text.push(VOWELS[syllable % VOWELS.len()]);
    }
    text.extend_from_slice(HOSTS[node as usize & 7].as_bytes());
}
