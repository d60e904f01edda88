//! `crawlrank graph`: graphs that belong to no run.

mod cc;
mod edges;
mod export;
mod lines;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use crawlrank_graph::{
    IdGraph, IdGraphBuilder, IdGraphOptions, MergeOptions, NumberedNodes, SelfLoops,
};
use serde_json::Value;

pub use self::export::Export;
use super::input::{check_file, path_text, progress_over};
use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::memory::{self, default_budget};
use crate::recipe::Size;
use crate::rows::print_one;

/// Imports or exports a graph, describes one, or merges several.
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
}

impl Graph {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Graph::Import(command) => command.run(context),
            Graph::Export(command) => command.run(context),
            Graph::Info(command) => command.run(context),
            Graph::Merge(command) => command.run(context),
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
        let folder = parent_of(&self.out);
        let on = |e: rustix::io::Errno| Error::cannot_create(folder, &e.into());
        let disk = rustix::fs::statvfs(folder).map_err(on)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if needed <= free {
            return Ok(());
        }
        let found = format!(
            "the graph takes up to {} MiB, {} MiB are free",
            needed >> 20,
            free >> 20
        );
        Err(Error::new(Exit::CannotCreate, "E-SPACE", found)
            .at(&self.out)
            .remedy("make space, or number the nodes from 0 without gaps"))
    }

    /// Makes sure that nothing is overwritten, and a folder for scratch that goes away when dropped.
    fn prepare(&self) -> Result<tempfile::TempDir> {
        make_free(&self.out)?;
        let parent = parent_of(&self.out);
        let scratch = self.tmp.as_deref().unwrap_or(parent);
        for folder in [parent, scratch] {
            fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
        }
        let beside = tempfile::Builder::new()
            .prefix(".tmp-graph-")
            .tempdir_in(scratch);
        beside.map_err(|e| Error::cannot_create(scratch, &e))
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

fn parent_of(path: &Path) -> &Path {
    let parent = path.parent();
    parent
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Formats of graphs in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines of two node numbers with tabs or blanks between, gzipped or not.
    Edges,
    /// Common Crawl's vertices and edges, gzipped or not, in one file or in parts.
    Cc,
    /// Parquet edges; in a later version.
    Parquet,
    /// NumPy arrays; in a later version.
    Npy,
    /// WebGraph's; in a later version.
    Bvgraph,
}

/// What becomes of edges from a node to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Loops {
    /// They are edges like others.
    Keep,
    /// They are left out; their nodes stay.
    Drop,
}

impl Format {
    /// The error for a format that this version cannot `verb`.
    fn is_missing(self, verb: &str) -> Error {
        let name = self
            .to_possible_value()
            .map_or(String::new(), |value| value.get_name().to_owned());
        Error::usage(format!(
            "--format {name} is not in this version, which {verb} `edges` and `cc`"
        ))
        .remedy("choose one of these")
    }
}

/// Makes a graph of files of edges.
///
/// Node numbers are kept as ids; with `cc`, ids are positions in the byte order of names, which Common Crawl's are as well.
#[derive(Debug, Args)]
pub struct Import {
    /// Files of edges, or `-`; with `cc` files of vertices and edges, told apart by their names
    #[arg(required_unless_present_any = ["vertices", "edges"], value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Their format; this version imports `edges` and `cc`
    #[arg(long, value_enum)]
    pub format: Format,
    /// Vertices under another name (`cc`); several: give it again
    #[arg(long, value_name = "FILE")]
    pub vertices: Vec<PathBuf>,
    /// Edges under another name (`cc`); several: give it again
    #[arg(long, value_name = "FILE")]
    pub edges: Vec<PathBuf>,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
    /// What becomes of edges from a node to itself
    #[arg(long, value_enum, default_value = "drop")]
    pub self_loops: Loops,
    /// The number of nodes; default the largest node number + 1 (with `cc` the number of vertices)
    #[arg(long, value_name = "N")]
    pub nodes: Option<u64>,
}

/// A graph has at most this many nodes: ids have 32 bits, and the last of them means "none".
const MOST_NODES: u64 = u32::MAX as u64;

impl Import {
    fn run(self, context: &Context) -> Result<Exit> {
        let made = match self.format {
            Format::Edges => self.import_edges(context)?,
            Format::Cc => self.import_cc(context)?,
            other => return Err(other.is_missing("imports")),
        };
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("edges_read", Value::from(made.edges_read)),
                ("duplicates", Value::from(made.duplicates)),
                ("self_loops", Value::from(made.self_loops)),
                (
                    "self_loops_kept",
                    Value::from(made.graph.keeps_self_loops()),
                ),
                ("nodes", Value::from(made.graph.num_nodes())),
                ("edges", Value::from(made.graph.num_edges())),
            ],
        )?;
        Ok(Exit::Done)
    }

    fn options(&self) -> Result<IdGraphOptions> {
        Ok(IdGraphOptions {
            memory_bytes: self.making.memory_bytes()?,
            self_loops: match self.self_loops {
                Loops::Keep => SelfLoops::Keep,
                Loops::Drop => SelfLoops::Drop,
            },
        })
    }

    fn import_edges(&self, context: &Context) -> Result<IdGraph> {
        if !(self.vertices.is_empty() && self.edges.is_empty()) {
            return Err(Error::usage("--vertices and --edges are for --format cc")
                .remedy("give the files of edges without them"));
        }
        let most_nodes = self.nodes.unwrap_or(MOST_NODES);
        if most_nodes > MOST_NODES {
            return Err(Error::usage(format!(
                "--nodes is {most_nodes}, a graph has at most {MOST_NODES}"
            )));
        }
        self.files.iter().try_for_each(|file| check_file(file))?;
        let options = self.options()?;
        let scratch = self.making.prepare()?;
        let mut builder = IdGraphBuilder::new(scratch.path(), options)?;
        let progress = progress_over(&self.files, "import", context);
        for file in &self.files {
            lines::read(
                file,
                &edges::FORM,
                context,
                progress.as_ref(),
                &mut |line| {
                    let (source, target) =
                        edges::edge(line, most_nodes).map_err(lines::Refused::Line)?;
                    Ok(builder.push(source, target)?)
                },
            )?;
        }
        drop(progress);
        self.making.check_space(builder.file_bytes(self.nodes))?;
        let made = builder.finish(self.nodes, &self.making.out, &mut |_| {
            context.interrupt.flow()
        });
        context.interrupt.or_stopped(made)
    }

    fn import_cc(&self, context: &Context) -> Result<IdGraph> {
        if self.nodes.is_some() {
            return Err(Error::usage(
                "--nodes is for --format edges: the vertices say how many there are",
            )
            .remedy("leave it out"));
        }
        let files = cc::Files::told_apart(&self.files, &self.vertices, &self.edges)?;
        let all = files.all();
        all.iter().try_for_each(|file| check_file(file))?;
        let options = self.options()?;
        let scratch = self.making.prepare()?;
        let progress = progress_over(&all, "import", context);
        let progress = progress.as_ref();
        let nodes = NumberedNodes::new(scratch.path(), options)?;
        let out = &self.making.out;
        let mut builder = cc::read_vertices(&files.vertices, nodes, out, context, progress)?;
        if builder.is_renumbered() {
            tracing::warn!(
                "ids differ from those of the files, whose vertices are not numbered in byte order of names"
            );
        }
        cc::read_edges(&files.edges, &mut builder, context, progress)?;
        self.making.check_space(builder.file_bytes())?;
        let made = builder.finish(&mut |_| context.interrupt.flow());
        context.interrupt.or_stopped(made)
    }
}

/// Describes a graph.
#[derive(Debug, Args)]
pub struct Info {
    /// A graph directory, e.g. `RUN/graph/host`
    pub graph: PathBuf,
}

impl Info {
    fn run(self, context: &Context) -> Result<Exit> {
        check_graph(&self.graph)?;
        let graph = crawlrank_graph::Graph::open(&self.graph)?;
        let (outgoing, incoming) = (graph.outgoing(), graph.incoming());
        let (mut isolated, mut max_in_degree, mut max_out_degree) = (0u64, 0, 0);
        for node in 0..graph.num_nodes() as u32 {
            if node % (1 << 20) == 0 {
                context.interrupt.check()?;
            }
            let (in_degree, out_degree) = (incoming.degree(node), outgoing.degree(node));
            isolated += u64::from(in_degree + out_degree == 0);
            max_in_degree = max_in_degree.max(in_degree);
            max_out_degree = max_out_degree.max(out_degree);
        }
        let bytes = file_bytes(&self.graph)?;
        let edges = graph.num_edges();
        let bytes_per_edge = (edges > 0).then(|| bytes as f64 / edges as f64);
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.graph))),
                ("nodes", Value::from(graph.num_nodes())),
                ("edges", Value::from(edges)),
                ("bytes", Value::from(bytes)),
                (
                    "bytes_per_edge",
                    Value::from(bytes_per_edge.map(|bytes| (bytes * 100.0).round() / 100.0)),
                ),
                ("dangling", Value::from(graph.num_dangling())),
                ("isolated", Value::from(isolated)),
                ("max_in_degree", Value::from(max_in_degree)),
                ("max_out_degree", Value::from(max_out_degree)),
                ("names", Value::from(graph.names().is_some())),
                ("edge_pages", Value::from(graph.has_edge_pages())),
                ("self_loops_kept", Value::from(graph.keeps_self_loops())),
            ],
        )?;
        Ok(Exit::Done)
    }
}

/// Makes one graph of several.
#[derive(Debug, Args)]
pub struct Merge {
    /// Graph directories with names, e.g. the hosts of several months
    #[arg(required = true, value_name = "GRAPH")]
    pub graphs: Vec<PathBuf>,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
}

impl Merge {
    fn run(self, context: &Context) -> Result<Exit> {
        self.graphs
            .iter()
            .try_for_each(|graph| check_graph(graph))?;
        let options = MergeOptions {
            memory_bytes: self.making.memory_bytes()?,
            ..MergeOptions::default()
        };
        let scratch = self.making.prepare()?;
        let merged = crawlrank_graph::merge(
            &self.graphs,
            &self.making.out,
            scratch.path(),
            &options,
            &mut |_| context.interrupt.flow(),
        );
        let merged = context.interrupt.or_stopped(merged)?;
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("graphs", Value::from(self.graphs.len())),
                ("nodes", Value::from(merged.num_nodes())),
                ("edges", Value::from(merged.num_edges())),
            ],
        )?;
        Ok(Exit::Done)
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
