//! Who is measured, and how each is asked.

use std::path::Path;
use std::process::Command;

use dsi_bitstream::traits::BE;
use graph::prelude::{CsrLayout, DirectedCsrGraph, GraphBuilder, PageRankConfig, page_rank};
use webgraph::graphs::csr_graph::CsrSortedGraph;
use webgraph::prelude::BvGraph;
use webgraph_algo::rank::{PageRank, preds::MaxIter};

use crate::Result;
use crate::formats::{Format, Pairs};
use crate::measure::Iteration;

const ITERATIONS: usize = 10;

pub struct Peer {
    pub name: &'static str,
    pub format: Format,
    pub threads: &'static [usize],
    how: How,
}

enum How {
    /// A program of GAP's.
    Gap(&'static str),
    /// COST's program in one of its modes.
    Cost(&'static str),
    /// A library, called by this program.
    Library(fn(&Path) -> Result),
}

pub const PEERS: &[Peer] = &[
    Peer {
        name: "GAP",
        format: Format::Gap,
        threads: &[1, 2],
        how: How::Gap("pr"),
    },
    Peer {
        name: "GAP, -march=native",
        format: Format::Gap,
        threads: &[1, 2],
        how: How::Gap("pr-native"),
    },
    Peer {
        name: "COST, vertex order",
        format: Format::CostVertex,
        threads: &[1],
        how: How::Cost("vertex"),
    },
    Peer {
        name: "COST, Hilbert order",
        format: Format::CostHilbert,
        threads: &[1],
        how: How::Cost("hilbert"),
    },
    Peer {
        name: "graph (neo4j)",
        format: Format::Pairs,
        threads: &[1, 2],
        how: How::Library(neo4j),
    },
    Peer {
        name: "webgraph, BV",
        format: Format::Webgraph,
        threads: &[1, 2],
        how: How::Library(webgraph_bv),
    },
    Peer {
        name: "webgraph, arrays",
        format: Format::Webgraph,
        threads: &[1, 2],
        how: How::Library(webgraph_arrays),
    },
];

impl Peer {
    /// One process of ten iterations or more.
    pub fn run(
        &self,
        threads: usize,
        folder: &Path,
        programs: &Path,
        nodes: usize,
    ) -> Result<Iteration> {
        let threads_text = threads.to_string();
        match self.how {
            // `-l` prints a line for each iteration, which a C program keeps back when nobody watches, hence stdbuf.
            How::Gap(program) => Iteration::of(
                Command::new("stdbuf")
                    .arg("--output=L")
                    .arg(programs.join(program))
                    .arg("-f")
                    .arg(folder.join("graph.sg"))
                    .args(["-l", "-n1", "-t0", &format!("-i{}", ITERATIONS + 1)])
                    .env("OMP_NUM_THREADS", threads_text),
                |line| {
                    let line = line.trim_start();
                    line.starts_with(|first: char| first.is_ascii_digit())
                },
            ),
            How::Cost(mode) => Iteration::of(
                Command::new(programs.join("pagerank"))
                    .arg(mode)
                    .arg(folder.join("graph"))
                    .arg(nodes.to_string()),
                |line| line.starts_with("Iteration "),
            ),
            // `graph` takes a thread for each core that it may run on.
            How::Library(_) => Iteration::of(
                Command::new("taskset")
                    .args(["--cpu-list", &format!("0-{}", threads - 1)])
                    .arg(std::env::current_exe()?)
                    .args(["one", self.name])
                    .arg(folder)
                    .env("RAYON_NUM_THREADS", threads_text),
                |line| {
                    let line = line.trim_start_matches("Finished ");
                    line.trim_start_matches(['i', 'I']).starts_with("teration ")
                },
            ),
        }
    }
}

/// Runs a library on the graph in `folder`; its log says when iterations end.
pub fn one(name: &str, folder: &Path) -> Result {
    log::set_logger(&Stdout).map_err(|error| error.to_string())?;
    log::set_max_level(log::LevelFilter::Info);
    let peer = PEERS.iter().find(|peer| peer.name == name);
    match peer.ok_or("no such peer")?.how {
        How::Library(run) => run(folder),
        How::Gap(_) | How::Cost(_) => Err("a program of its own".into()),
    }
}

fn neo4j(folder: &Path) -> Result {
    let graph = neo4j_graph(Pairs::open(&folder.join("pairs.bin"))?.collect());
    page_rank(&graph, PageRankConfig::new(ITERATIONS + 1, 0.0, 0.85));
    Ok(())
}

pub fn neo4j_graph(edges: Vec<(u32, u32)>) -> DirectedCsrGraph<u32> {
    GraphBuilder::new()
        .csr_layout(CsrLayout::Sorted)
        .edges(edges)
        .build()
}

fn webgraph_bv(folder: &Path) -> Result {
    let transpose = BvGraph::with_basename(folder.join("transpose"))
        .endianness::<BE>()
        .load()?;
    PageRank::new(&transpose).run(MaxIter::from(ITERATIONS + 1));
    Ok(())
}

/// Not compressed, eight bytes an edge: the same iteration without the decoding.
fn webgraph_arrays(folder: &Path) -> Result {
    let compressed = BvGraph::with_basename(folder.join("transpose"))
        .endianness::<BE>()
        .load()?;
    let transpose = CsrSortedGraph::from_seq_graph(&compressed);
    PageRank::new(&transpose).run(MaxIter::from(ITERATIONS + 1));
    Ok(())
}

struct Stdout;

impl log::Log for Stdout {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        println!("{}", record.args());
    }

    fn flush(&self) {}
}
