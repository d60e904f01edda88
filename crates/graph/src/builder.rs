//! Named edges in any order to a graph, within a memory budget.
//!
//! What comes waits until there is enough for all threads; then names get local ids from hash tables, and edges
//! are pairs of these. When the budget is reached, names and edges are sorted and written as a small graph in
//! scratch (a spill); in the end the spills are merged. Memory per distinct name: its bytes, 4 for its end, 6 to
//! 12 in a table, 32 to sort, 8 for pages of nodes; per edge: 8, with pages 16.

use crate::Error;
use crate::graph::{Graph, OneWayGraph};
use crate::interner::{LocalNames, growth};
use crate::interners::{Dealt, Interners};
use crate::manifest::Flags;
use crate::merge::{MergeOptions, SelfLoops, Tick, merge_spills};
use crate::names::MAX_NAME_BYTES;
use crate::sorter::{Record, sort_and_combine};
use crate::transpose::write_incoming;
use crate::writer::{
    AdjacencyWriter, Direction, GraphWriter, NamesWriter, Scratch, check_free, work_bytes,
};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// What a [`GraphBuilder`] keeps.
#[derive(Debug, Clone)]
pub struct BuilderOptions {
    /// Memory for everything that is held. Default: 1 GiB.
    pub memory_bytes: usize,
    /// Whether edges carry pages: the sum over equal edges. Default: yes.
    pub edge_pages: bool,
    /// Whether nodes carry pages. Default: yes.
    pub node_pages: bool,
    /// Default: dropped; their node stays.
    pub self_loops: SelfLoops,
}

impl Default for BuilderOptions {
    fn default() -> Self {
        BuilderOptions {
            memory_bytes: 1 << 30,
            edge_pages: true,
            node_pages: true,
            self_loops: SelfLoops::Drop,
        }
    }
}

/// Collects named nodes and edges and writes them as a graph.
///
/// The result is a function of what was given, not of its order or of the memory.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::{BuilderOptions, GraphBuilder};
/// let dir = tempfile::tempdir()?;
/// let mut builder = GraphBuilder::new(dir.path(), BuilderOptions::default())?;
/// builder.node(b"com.example", 3)?;
/// builder.edge(b"com.example", b"org.example.www", 2)?;
/// let graph = builder.finish(&dir.path().join("graph"))?;
/// assert_eq!(graph.num_nodes(), 2);
/// assert_eq!(graph.outgoing().neighbors(0), [1]);
/// # Ok(())
/// # }
/// ```
pub struct GraphBuilder {
    options: BuilderOptions,
    tmp: PathBuf,
    scratch: Scratch,
    work_bytes: usize,
    waiting: Waiting,
    held: Held,
    spills: Vec<PathBuf>,
}

/// What has come and has no ids yet.
#[derive(Default)]
struct Waiting {
    names: LocalNames,
    /// Places of source and target among the names, and pages.
    edges: Vec<(u32, u32, u32)>,
    nodes: Vec<(u32, u64)>,
    last_source: Option<u32>,
}

/// What is in memory, under local ids.
struct Held {
    names: Interners,
    edges: Vec<u64>,
    /// Used instead of `edges` when these carry pages.
    edges_with_pages: Vec<u128>,
    node_pages: Vec<u64>,
}

/// A table of this size stays in a core's second cache with its names.
const BYTES_PER_INTERNER: usize = 1 << 20;

/// More tables would leave too few of the waiting names to each.
const MOST_INTERNER_BITS: u32 = 8;

/// The part of the memory that waits: enough names for each table to be worth its way into the cache.
const WAITING_SHARE: usize = 16;

impl GraphBuilder {
    /// Starts a graph; `tmp` is an existing directory for spills.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there.
    pub fn new(tmp: &Path, options: BuilderOptions) -> Result<Self, Error> {
        std::fs::read_dir(tmp).map_err(Error::io(tmp, "read"))?;
        Ok(GraphBuilder {
            work_bytes: work_bytes(options.memory_bytes),
            tmp: tmp.to_path_buf(),
            scratch: Scratch::new(tmp),
            waiting: Waiting::default(),
            held: Held::new(work_bytes(options.memory_bytes)),
            options,
            spills: Vec::new(),
        })
    }

    /// Adds a node and `pages` to its captured pages: a page's host is a node even without links.
    ///
    /// # Errors
    /// [`Error::NameTooLong`]; [`Error::Io`] from a spill; [`Error::PagesOverflow`].
    pub fn node(&mut self, name: &[u8], pages: u64) -> Result<(), Error> {
        check_name(name)?;
        let place = self.waiting.names.push(name);
        self.waiting.nodes.push((place, pages));
        self.take_when_enough()
    }

    /// Adds an edge with its pages. Many edges of one source in a row are cheap.
    ///
    /// # Errors
    /// As [`node`](Self::node).
    pub fn edge(&mut self, source: &[u8], target: &[u8], pages: u32) -> Result<(), Error> {
        check_name(source)?;
        check_name(target)?;
        let Waiting {
            names,
            edges,
            last_source,
            ..
        } = &mut self.waiting;
        let source = match *last_source {
            Some(last) if names.get(last) == source => last,
            _ => names.push(source),
        };
        *last_source = Some(source);
        let target = names.push(target);
        edges.push((source, target, pages));
        self.take_when_enough()
    }

    #[inline]
    fn take_when_enough(&mut self) -> Result<(), Error> {
        match self.waiting.memory_bytes() < self.work_bytes / WAITING_SHARE {
            true => Ok(()),
            false => self.take_waiting(),
        }
    }

    /// Gives ids to what waits, after a spill when it could exceed the budget.
    #[cold]
    fn take_waiting(&mut self) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let dealt = self.held.names.deal(&waiting.names);
        if !self.fits(&waiting, &dealt) {
            let is_enough =
                self.held.compact(self.options.edge_pages)? && self.fits(&waiting, &dealt);
            // A spill of nothing would not help.
            if !is_enough && self.held.names.end() > 0 {
                self.spill()?;
            }
        }
        self.held.take(&waiting, &dealt, &self.options)?;
        waiting.clear();
        self.waiting = waiting;
        match self.held.memory_bytes() <= self.most_held() {
            true => Ok(()),
            false => self.spill(),
        }
    }

    fn fits(&self, waiting: &Waiting, dealt: &Dealt) -> bool {
        let edges = waiting.edges.len();
        let growth = match self.options.edge_pages {
            true => growth(&self.held.edges_with_pages, edges),
            false => growth(&self.held.edges, edges),
        };
        self.held.names.ids_suffice(dealt) && self.held.memory_bytes() + growth <= self.most_held()
    }

    /// What may be held: the memory without what waits, which doubles as it grows, and without the names in it, which may
    /// all be new. How many are is known only afterwards.
    fn most_held(&self) -> usize {
        self.work_bytes - 4 * (self.work_bytes / WAITING_SHARE)
    }

    fn spill(&mut self) -> Result<(), Error> {
        let path = self.scratch.new_path()?;
        let writer = GraphWriter::create_scratch(&path, self.flags(false))?;
        // Dropped and not cleared: the next names and edges may come in another proportion.
        let empty = Held::with_names(self.held.names.emptied());
        std::mem::replace(&mut self.held, empty).write(writer)?;
        self.spills.push(path);
        Ok(())
    }

    fn flags(&self, incoming: bool) -> Flags {
        Flags {
            names: true,
            incoming,
            edge_pages: self.options.edge_pages,
            node_pages: self.options.node_pages,
            node_hosts: false,
            self_loops: self.options.self_loops == SelfLoops::Keep,
        }
    }

    /// Writes the graph at `out`, which must be free, and opens it.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooManyNodes`], [`Error::PagesOverflow`], [`Error::Io`]. Nothing
    /// is left behind.
    pub fn finish(mut self, out: &Path) -> Result<Graph, Error> {
        check_free(out)?;
        self.take_waiting()?;
        self.waiting = Waiting::default();
        let memory_bytes = self.options.memory_bytes;
        if self.spills.is_empty() {
            let mut writer = GraphWriter::create(out, self.flags(true))?;
            let (n, m) = self.held.write_arrays(&mut writer)?;
            write_incoming(
                &mut writer,
                n,
                m,
                &self.tmp,
                memory_bytes,
                &mut Tick::silent(),
            )?;
            return writer.finish(n, m);
        }
        if self.held.names.end() > 0 {
            self.spill()?;
        }
        let options = MergeOptions {
            memory_bytes,
            self_loops: self.options.self_loops,
            ..MergeOptions::default()
        };
        merge_spills(std::mem::take(&mut self.spills), out, &self.tmp, &options)
    }
}

impl Waiting {
    /// Bytes of what waits, with what giving ids to it takes: a copy of the name, hash, place, and id twice.
    #[inline]
    fn memory_bytes(&self) -> usize {
        2 * self.names.bytes()
            + self.names.len() * (2 * size_of::<u32>() + 20)
            + self.edges.len() * size_of::<(u32, u32, u32)>()
            + self.nodes.len() * size_of::<(u32, u64)>()
    }

    fn clear(&mut self) {
        self.names.clear();
        self.edges.clear();
        self.nodes.clear();
        self.last_source = None;
    }
}

impl Held {
    fn new(work_bytes: usize) -> Self {
        let interners = (work_bytes / 4 / BYTES_PER_INTERNER).max(1);
        Self::with_names(Interners::new(interners.ilog2().min(MOST_INTERNER_BITS)))
    }

    fn with_names(names: Interners) -> Self {
        Held {
            names,
            edges: Vec::new(),
            edges_with_pages: Vec::new(),
            node_pages: Vec::new(),
        }
    }

    /// Takes what waits, under local ids.
    fn take(
        &mut self,
        waiting: &Waiting,
        dealt: &Dealt,
        options: &BuilderOptions,
    ) -> Result<(), Error> {
        let mut ids = Vec::new();
        self.names.intern(dealt, &mut ids);
        if options.node_pages {
            self.node_pages.resize(self.names.end(), 0);
            for &(place, pages) in &waiting.nodes {
                let id = ids[place as usize];
                let sum = &mut self.node_pages[id as usize];
                *sum = sum.checked_add(pages).ok_or(Error::PagesOverflow {
                    source_id: id,
                    target_id: id,
                })?;
            }
        }
        let keep_loops = options.self_loops == SelfLoops::Keep;
        let edges = waiting.edges.iter().filter_map(|&(source, target, pages)| {
            let (source, target) = (ids[source as usize], ids[target as usize]);
            (source != target || keep_loops).then_some((source, target, pages))
        });
        match options.edge_pages {
            true => self
                .edges_with_pages
                .extend(edges.map(|(u, v, pages)| u128::new(u, v, pages))),
            false => self.edges.extend(edges.map(|(u, v, _)| u64::new(u, v, 1))),
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.names.memory_bytes()
            + self.edges.capacity() * size_of::<u64>()
            + self.edges_with_pages.capacity() * size_of::<u128>()
            + self.node_pages.capacity() * size_of::<u64>()
    }

    /// Makes one of equal edges. Returns whether that made room worth the sort.
    fn compact(&mut self, edge_pages: bool) -> Result<bool, Error> {
        fn compact<R: Record>(edges: &mut Vec<R>) -> Result<bool, Error> {
            let before = edges.len();
            sort_and_combine(edges)?;
            Ok(edges.len() < before / 2)
        }
        if edge_pages {
            compact(&mut self.edges_with_pages)
        } else {
            compact(&mut self.edges)
        }
    }

    fn write(self, mut writer: GraphWriter) -> Result<OneWayGraph, Error> {
        let (n, m) = self.write_arrays(&mut writer)?;
        writer.finish_one_way(n, m)
    }

    /// Writes names, pages of nodes and outgoing edges; returns the numbers of nodes and edges.
    fn write_arrays(self, writer: &mut GraphWriter) -> Result<(u64, u64), Error> {
        let Held {
            names,
            edges,
            edges_with_pages,
            node_pages,
        } = self;
        let sorted = names.into_sorted();
        let mut names_writer = NamesWriter::create(writer)?;
        sorted.for_each(&mut |name| names_writer.push(name).map(|_| ()))?;
        let n = names_writer.finish(writer)?;
        if writer.flags().node_pages {
            let mut array = writer.array("node_pages")?;
            for &id in &sorted.order {
                array.push(node_pages[id as usize])?;
            }
            writer.finish_array(array)?;
        }
        let m = match writer.flags().edge_pages {
            true => write_edges(edges_with_pages, &sorted.rank, n, writer)?,
            false => write_edges(edges, &sorted.rank, n, writer)?,
        };
        Ok((n, m))
    }
}

fn write_edges<R: Record>(
    mut edges: Vec<R>,
    rank: &[u32],
    num_nodes: u64,
    writer: &mut GraphWriter,
) -> Result<u64, Error> {
    edges.par_iter_mut().for_each(|edge| {
        let (first, second) = (rank[edge.first() as usize], rank[edge.second() as usize]);
        *edge = R::new(first, second, edge.pages());
    });
    sort_and_combine(&mut edges)?;
    let mut adjacency = AdjacencyWriter::create(writer, Direction::Outgoing)?;
    adjacency.extend(&edges, &mut Tick::silent())?;
    adjacency.finish(num_nodes, writer)
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    match name.len() <= MAX_NAME_BYTES {
        true => Ok(()),
        false => Err(Error::NameTooLong {
            found: name.len(),
            limit: MAX_NAME_BYTES,
        }),
    }
}
