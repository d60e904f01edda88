//! Named edges in any order to a graph, within a memory budget.
//!
//! What comes waits until there is enough for all threads; then names get local ids from hash tables, and edges are pairs of
//! these ([`local_edges`]). When memory is full, edges go to scratch, unsorted, and so do names when these alone are too many:
//! then ids begin anew. In the end names are sorted, which gives the final ids, and edges go through the sorter once.
//!
//! Memory per distinct name: 6 and its bytes, rounded up to 32, and 11 to 21 in a table or 16 to sort.
//!
//! [`local_edges`]: crate::local_edges

use crate::Error;
use crate::graph::Graph;
use crate::id_builder::{IdGraph, IdGraphOptions};
use crate::local_edges::LocalEdges;
use crate::manifest::Flags;
use crate::merge::{Progress, SelfLoops, Tick};
use crate::named_edges::NamedEdges;
use crate::sorter::{Kept, Runs, Start};
use crate::writer::{GraphWriter, check_free, work_bytes};
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    work_bytes: usize,
    waiting: Waiting,
    held: Held,
    /// Spills that stay when this process is killed.
    kept: Option<Arc<Kept>>,
    /// Nodes and edges that are in such spills and will come again.
    to_skip: u64,
}

/// What has come and has no ids yet.
#[derive(Default)]
struct Waiting {
    /// The last one takes what comes one by one.
    edges: Vec<NamedEdges>,
    /// Of all but the last.
    bytes: usize,
    /// To be used again, with their memory.
    empty: Vec<NamedEdges>,
}

/// Edges with or without pages.
enum Held {
    Plain(LocalEdges<u64>),
    Paged(LocalEdges<u128>),
}

/// The part of the memory that waits: enough names for each table to be worth its way into the cache. With room to grow, it
/// takes up to twice that.
const WAITING_SHARE: usize = 16;

/// What comes one by one is dealt out in pieces of this size, which stay in a core's second cache.
const BYTES_TOGETHER: usize = 1 << 19;

impl GraphBuilder {
    /// Starts a graph; `tmp` is an existing directory for spills.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there.
    pub fn new(tmp: &Path, options: BuilderOptions) -> Result<Self, Error> {
        std::fs::read_dir(tmp).map_err(Error::io(tmp, "read"))?;
        Ok(Self::with_spills(Runs::scratch(tmp), tmp, None, options))
    }

    /// Starts a graph whose spills, in the directory `work`, outlive a process that is killed: as
    /// [`IdGraphBuilder::resume`](crate::IdGraphBuilder::resume), with nodes and edges in place of edges. Those that are
    /// [done](Self::done) are passed over only when they come one by one, or when [`skip`](Self::skip) is told.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process is at it, [`Error::DamagedRun`], [`Error::Io`].
    pub fn resume(
        work: &Path,
        inputs: &str,
        options: BuilderOptions,
    ) -> Result<(Self, Start), Error> {
        // Names of a spill may not fit another budget.
        let kind = (options.edge_pages, options.memory_bytes);
        let (kept, start) = Kept::open(work, &format!("names {kind:?}\n{inputs}"))?;
        let kept = Arc::new(kept);
        let runs = Runs::kept(kept.clone());
        let dir = kept.dir().to_path_buf();
        Ok((Self::with_spills(runs, &dir, Some(kept), options), start))
    }

    fn with_spills(
        spills: Runs,
        tmp: &Path,
        kept: Option<Arc<Kept>>,
        options: BuilderOptions,
    ) -> Self {
        let work_bytes = work_bytes(options.memory_bytes);
        let done = kept.as_ref().map(|kept| kept.edges());
        GraphBuilder {
            held: match options.edge_pages {
                true => Held::Paged(LocalEdges::new(spills, work_bytes, done)),
                false => Held::Plain(LocalEdges::new(spills, work_bytes, done)),
            },
            waiting: Waiting::default(),
            work_bytes,
            tmp: tmp.to_path_buf(),
            options,
            to_skip: done.unwrap_or(0),
            kept,
        }
    }

    /// Returns how many of the next nodes and edges are in complete spills already.
    pub fn done(&self) -> u64 {
        self.to_skip
    }

    /// Says that the next `count` nodes and edges will not come, since they are [done](Self::done).
    ///
    /// # Panics
    /// When fewer are done.
    pub fn skip(&mut self, count: u64) {
        assert!(count <= self.to_skip, "only what is done can be left out");
        self.to_skip -= count;
    }

    /// Adds a node and `pages` to its captured pages: a page's host is a node even without links.
    ///
    /// # Errors
    /// [`Error::NameTooLong`]; [`Error::Io`] from a spill.
    pub fn node(&mut self, name: &[u8], pages: u64) -> Result<(), Error> {
        self.add(|waiting| waiting.node(name, pages))
    }

    /// Adds an edge with its pages. Many edges of one source in a row are cheap.
    ///
    /// # Errors
    /// As [`node`](Self::node).
    pub fn edge(&mut self, source: &[u8], target: &[u8], pages: u32) -> Result<(), Error> {
        self.add(|waiting| waiting.edge(source, target, pages))
    }

    #[inline]
    fn add(&mut self, add: impl FnOnce(&mut NamedEdges) -> Result<(), Error>) -> Result<(), Error> {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return Ok(());
        }
        if self.waiting.edges.is_empty() {
            self.begin_waiting();
        }
        let last = self.waiting.edges.last_mut().expect("begun above");
        add(last)?;
        match last.bytes() < BYTES_TOGETHER.min(self.work_bytes / WAITING_SHARE) {
            true => Ok(()),
            false => self.end_waiting(),
        }
    }

    #[cold]
    fn begin_waiting(&mut self) {
        let empty = self.waiting.empty.pop();
        let empty = empty.unwrap_or_else(|| self.held.named_edges());
        self.waiting.edges.push(empty);
    }

    /// Nothing more is added to the last of what waits.
    #[cold]
    fn end_waiting(&mut self) -> Result<(), Error> {
        self.waiting.bytes += self.waiting.edges.last().map_or(0, NamedEdges::bytes);
        self.begin_waiting();
        match self.waiting.bytes < self.work_bytes / WAITING_SHARE {
            true => Ok(()),
            false => self.take_waiting(),
        }
    }

    /// Adds what `fill` makes of each chunk: the fast way for many, since threads share the chunks. Best are some hundred
    /// kilobytes of names in each, and several chunks for each thread. An error is that of the first chunk with one.
    ///
    /// # Errors
    /// What `fill` returns, then nothing is added; [`Error::Io`] from a spill.
    ///
    /// # Panics
    /// When some of what comes next is [done](Self::done).
    pub fn extend<C: Sync, E: From<Error> + Send>(
        &mut self,
        chunks: &[C],
        fill: impl Fn(&C, &mut NamedEdges) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        assert!(self.to_skip == 0, "what is done does not come again");
        let before = self.waiting.edges.len();
        chunks.iter().for_each(|_| self.begin_waiting());
        let filled = self.waiting.edges[before..].par_iter_mut().zip(chunks);
        let filled: Vec<Result<(), E>> = filled
            .with_max_len(1)
            .map(|(edges, chunk)| fill(chunk, edges))
            .collect();
        if let Some(error) = filled.into_iter().find_map(Result::err) {
            self.waiting.edges.drain(before..);
            return Err(error);
        }
        let bytes = self.waiting.edges[before..].iter().map(NamedEdges::bytes);
        self.waiting.bytes += bytes.sum::<usize>();
        if self.waiting.bytes >= self.work_bytes / WAITING_SHARE {
            self.take_waiting()?;
        }
        Ok(())
    }

    /// Gives ids to what waits.
    fn take_waiting(&mut self) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut self.waiting);
        match &mut self.held {
            Held::Plain(held) => held.take(&waiting.edges)?,
            Held::Paged(held) => held.take(&waiting.edges)?,
        }
        waiting.edges.iter_mut().for_each(NamedEdges::clear);
        waiting.empty.append(&mut waiting.edges);
        self.waiting.empty = waiting.empty;
        Ok(())
    }

    /// Returns the bytes of the arrays but for names; duplicates count, so it is about the most they can be.
    pub fn file_bytes(&self) -> u64 {
        let (bytes, edges) = match &self.held {
            Held::Plain(held) => (8, held.taken()),
            Held::Paged(held) => (16, held.taken()),
        };
        bytes * edges
    }

    /// Writes the graph at `out`, which must be free, and opens it.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooManyNodes`], [`Error::PagesOverflow`], [`Error::NodePagesOverflow`],
    /// [`Error::Io`]. Nothing is left behind.
    pub fn finish(self, out: &Path) -> Result<Graph, Error> {
        let made = self.finish_with(out, &mut |_| ControlFlow::Continue(()))?;
        Ok(made.graph)
    }

    /// As [`finish`](Self::finish), and says what went into the graph; `progress` is asked now and then whether to go on.
    ///
    /// # Errors
    /// Also [`Error::Interrupted`] when it says no, and [`Error::Incompatible`] when less came than is [done](Self::done).
    pub fn finish_with(
        mut self,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph, Error> {
        check_free(out)?;
        if self.to_skip > 0 {
            return Err(Error::Incompatible {
                path: self.tmp,
                expected: "what is in its spills again, and more".to_owned(),
                found: format!("{} less", self.to_skip),
            });
        }
        self.take_waiting()?;
        self.waiting = Waiting::default();
        let flags = Flags {
            names: true,
            incoming: true,
            edge_pages: self.options.edge_pages,
            node_pages: self.options.node_pages,
            node_hosts: false,
            self_loops: self.options.self_loops == SelfLoops::Keep,
        };
        let writer = match &self.kept {
            Some(_) => GraphWriter::create_again(out, flags)?,
            None => GraphWriter::create(out, flags)?,
        };
        let options = IdGraphOptions {
            memory_bytes: self.options.memory_bytes,
            self_loops: self.options.self_loops,
        };
        let tick = &mut Tick::new(progress);
        let made = match self.held {
            Held::Plain(held) => held.finish(writer, &self.tmp, &options, tick)?,
            Held::Paged(held) => held.finish(writer, &self.tmp, &options, tick)?,
        };
        if let Some(kept) = self.kept {
            kept.finish();
        }
        Ok(made)
    }
}

impl Held {
    fn named_edges(&self) -> NamedEdges {
        match self {
            Held::Plain(held) => held.named_edges(),
            Held::Paged(held) => held.named_edges(),
        }
    }
}
