//! `crawlrank graph`: graphs that belong to no run.

#[cfg(feature = "bvgraph")]
mod bvgraph;
mod cc;
mod convert;
mod degrees;
mod distributions;
mod edges;
mod export;
mod import;
mod info;
mod lines;
mod merge;
mod names;
mod npy;
mod numbers;
mod pairs;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use crawlrank_graph::{AnyGraph, Form};

pub use self::cc::Www;
pub use self::convert::Convert;
pub use self::export::Export;
pub use self::import::{Import, Loops};
pub use self::info::Info;
pub use self::merge::Merge;
use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::memory::{self, default_budget};
use crate::recipe::Size;

/// Imports or exports a graph, describes or converts one, or merges several.
#[derive(Debug, Subcommand)]
pub enum Graph {
    /// Make a graph of files of edges
    Import(Import),
    /// Write a graph as files that other programs read
    Export(Export),
    /// Describe a graph
    Info(Info),
    /// Make one graph of several: the union of their nodes and edges
    Merge(Merge),
    /// Make a graph in another form: arrays of a ranking stream, or the stream alone
    Convert(Convert),
}

impl Graph {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Graph::Import(command) => command.run(context),
            Graph::Export(command) => command.run(context),
            Graph::Info(command) => command.run(context),
            Graph::Merge(command) => command.run(context),
            Graph::Convert(command) => command.run(context),
        }
    }
}

/// Where a graph is made, and with what.
#[derive(Debug, Args)]
pub struct Making {
    /// The graph directory to make
    #[arg(long, value_name = "GRAPH")]
    pub out: PathBuf,
    /// Memory to use, e.g. 4G; default 60 % of the machine's or container's
    #[arg(long, env = "CRAWLRANK_MEMORY", value_name = "SIZE")]
    pub memory: Option<Size>,
    /// Folder for scratch files; default beside the graph
    #[arg(long, value_name = "DIR")]
    pub tmp: Option<PathBuf>,
}

impl Making {
    fn memory_bytes(&self) -> Result<usize> {
        let budget = memory::check(self.memory.map_or_else(default_budget, |size| size.0))?;
        Ok(usize::try_from(budget).unwrap_or(usize::MAX))
    }

    /// Refuses to begin what the disk cannot hold: a large node number alone makes large files.
    fn check_space(&self, needed: u64) -> Result<()> {
        let remedy = "make space, or number the nodes from 0 without gaps";
        check_space(&self.out, "the graph takes up to", needed, remedy)
    }

    /// Makes sure that nothing is overwritten, and the folders that are written to; returns that for scratch.
    fn make_folders(&self) -> Result<&Path> {
        make_free(&self.out)?;
        let parent = parent_of(&self.out);
        let scratch = self.tmp.as_deref().unwrap_or(parent);
        for folder in [parent, scratch] {
            fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
        }
        Ok(scratch)
    }

    /// The same, with a folder for scratch that goes away when dropped.
    fn prepare(&self) -> Result<tempfile::TempDir> {
        let scratch = self.make_folders()?;
        let beside = tempfile::Builder::new()
            .prefix(".tmp-graph-")
            .tempdir_in(scratch);
        beside.map_err(|e| Error::cannot_create(scratch, &e))
    }
}

/// How a graph directory holds its edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormName {
    /// In arrays of both directions, with a ranking stream beside them
    Arrays,
    /// In the ranking stream alone: 0.5 to 2.6 bytes an edge in place of 8 more, and made in less time
    Stream,
}

impl From<FormName> for Form {
    fn from(name: FormName) -> Self {
        match name {
            FormName::Arrays => Form::Arrays,
            FormName::Stream => Form::Stream,
        }
    }
}

/// Makes sure that nothing is overwritten; an empty folder is no loss.
fn make_free(out: &Path) -> Result<()> {
    let on = |e: std::io::Error| Error::cannot_create(out, &e);
    if out.symlink_metadata().is_err() {
        return Ok(());
    }
    let is_empty = out.is_dir() && fs::read_dir(out).map_err(on)?.next().is_none();
    if !is_empty {
        return Err(Error::usage("already there")
            .at(out)
            .remedy("remove it, or choose another --out"));
    }
    fs::remove_dir(out).map_err(on)
}

/// Refuses to begin what the disk cannot hold. `out` is what is made, and `takes` says of what the bytes are.
fn check_space(out: &Path, takes: &str, needed: u64, remedy: &str) -> Result<()> {
    let folder = parent_of(out);
    let on = |e: rustix::io::Errno| Error::cannot_create(folder, &e.into());
    let disk = rustix::fs::statvfs(folder).map_err(on)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if needed <= free {
        return Ok(());
    }
    let found = format!("{takes} {} MiB, {} MiB are free", needed >> 20, free >> 20);
    let error = Error::new(Exit::CannotCreate, "E-SPACE", found);
    Err(error.at(out).remedy(remedy))
}

/// The bytes of the offsets and targets of a graph, in both directions: what a graph of a stream alone lacks.
fn array_bytes(graph: &AnyGraph) -> u64 {
    16 * graph.num_nodes() + 8 * graph.num_edges()
}

fn parent_of(path: &Path) -> &Path {
    let parent = path.parent();
    parent
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Fewer edges, or lines, are read or written before a bar is looked at.
const SHOWN_FROM: u64 = 10_000_000;

/// A graph has at most this many nodes: ids have 32 bits, and the last of them means "none".
const MOST_NODES: u64 = u32::MAX as u64;

/// Formats of graphs in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines of two node numbers with tabs or blanks between, gzipped or not; in files `.bin` and `.bin.gz` two little-endian u32 an edge
    Edges,
    /// Common Crawl's vertices and edges, gzipped or not, in one file or in parts
    Cc,
    /// Parquet: integers in the columns `source` and `target`, or in the only two
    Parquet,
    /// NumPy: an array of shape (m, 2); or `sources.npy` and `targets.npy`; or `offsets.npy` (one more than nodes) and `targets.npy`
    Npy,
    /// WebGraph's `.graph` and `.properties`, by their basename; in programs that were built with the feature `bvgraph`
    Bvgraph,
}

impl Format {
    /// Refuses what this program was built without.
    fn check_is_built_in(self) -> Result<()> {
        if self != Format::Bvgraph || cfg!(feature = "bvgraph") {
            return Ok(());
        }
        Err(
            Error::usage("this program was built without --format bvgraph")
                .remedy("build it with: `cargo build --release --features bvgraph`"),
        )
    }
}

pub(super) fn check_graph(folder: &Path) -> Result<()> {
    if folder.join("graph.json").exists() {
        return Ok(());
    }
    let error = Error::usage("not a graph: no `graph.json` is in it").at(folder);
    Err(match folder.join("graph/host").exists() {
        true => error.remedy("this is a run; its graphs are `graph/host` and the like"),
        false => error,
    })
}

/// The bytes of the files in a graph's folder.
pub(super) fn file_bytes(folder: &Path) -> Result<u64> {
    let on = |e: std::io::Error| Error::io(folder, &e);
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(on)? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(on)?.len();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        check_space(&out, "it takes", 0, "make space").unwrap();
        let error = check_space(&out, "it takes", u64::MAX, "make space").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("it takes 17592186044415 MiB, "), "{error}");
    }
}
