//! Named edges in any order to a graph, within a memory budget.
//!
//! Names get local ids from a hash table; edges are pairs of local ids. When the budget is reached,
//! names and edges are sorted and written as a small graph in scratch (a spill); in the end the
//! spills are merged. Memory per distinct name: its bytes, 4 for its end, 6 to 12 in the table, 8 to
//! sort, 8 for pages of nodes; per edge: 8, with pages 16.

use crate::Error;
use crate::graph::{Graph, OneWayGraph};
use crate::interner::{Interner, growth};
use crate::manifest::Flags;
use crate::merge::{MergeOptions, SelfLoops, Tick, merge_spills};
use crate::names::MAX_NAME_BYTES;
use crate::sorter::{Record, sort_and_combine};
use crate::transpose::write_incoming;
use crate::writer::{
    AdjacencyWriter, Direction, GraphWriter, NamesWriter, Scratch, check_free, work_bytes,
};
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
    held: Held,
    spills: Vec<PathBuf>,
}

/// What is in memory.
#[derive(Default)]
struct Held {
    names: Interner,
    edges: Vec<u64>,
    /// Used instead of `edges` when these carry pages.
    edges_with_pages: Vec<u128>,
    node_pages: Vec<u64>,
    last_source: Option<u32>,
}

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
            options,
            held: Held::default(),
            spills: Vec::new(),
        })
    }

    /// Adds a node and `pages` to its captured pages: a page's host is a node even without links.
    ///
    /// # Errors
    /// [`Error::NameTooLong`]; [`Error::Io`] from a spill; [`Error::PagesOverflow`].
    pub fn node(&mut self, name: &[u8], pages: u64) -> Result<(), Error> {
        check_name(name)?;
        self.make_room(&[name], 0)?;
        let id = self.held.intern(name, &self.options);
        if self.options.node_pages {
            let sum = &mut self.held.node_pages[id as usize];
            *sum = sum.checked_add(pages).ok_or(Error::PagesOverflow {
                source_id: id,
                target_id: id,
            })?;
        }
        Ok(())
    }

    /// Adds an edge with its pages. Many edges of one source in a row are cheap.
    ///
    /// # Errors
    /// As [`node`](Self::node).
    pub fn edge(&mut self, source: &[u8], target: &[u8], pages: u32) -> Result<(), Error> {
        check_name(source)?;
        check_name(target)?;
        self.make_room(&[source, target], 1)?;
        let source = self.held.intern_source(source, &self.options);
        let target = self.held.intern(target, &self.options);
        if source == target && self.options.self_loops == SelfLoops::Drop {
            return Ok(());
        }
        match self.options.edge_pages {
            true => self
                .held
                .edges_with_pages
                .push(Record::new(source, target, pages)),
            false => self.held.edges.push(Record::new(source, target, pages)),
        }
        Ok(())
    }

    /// Spills when what may be added could exceed the budget.
    #[inline]
    fn make_room(&mut self, names: &[&[u8]], edges: usize) -> Result<(), Error> {
        if self.fits(names, edges) {
            return Ok(());
        }
        if self.held.compact(self.options.edge_pages)? && self.fits(names, edges) {
            return Ok(());
        }
        // A lone name always fits: a spill of nothing would not help.
        if self.held.names.len() > 0 {
            self.spill()
        } else {
            Ok(())
        }
    }

    fn fits(&self, names: &[&[u8]], edges: usize) -> bool {
        let bytes = names.iter().map(|name| name.len()).sum();
        let Some(names_growth) = self.held.names.growth_bytes(names.len(), bytes) else {
            return false;
        };
        let growth = names_growth
            + match self.options.edge_pages {
                true => growth(&self.held.edges_with_pages, edges),
                false => growth(&self.held.edges, edges),
            }
            + if self.options.node_pages {
                growth(&self.held.node_pages, names.len())
            } else {
                0
            };
        self.held.memory_bytes() + growth <= self.work_bytes
    }

    fn spill(&mut self) -> Result<(), Error> {
        let path = self.scratch.new_path()?;
        let writer = GraphWriter::create_scratch(&path, self.flags(false))?;
        // Dropped and not cleared: the next names and edges may come in another proportion.
        std::mem::take(&mut self.held).write(writer)?;
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
        if self.held.names.len() > 0 {
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

impl Held {
    fn intern(&mut self, name: &[u8], options: &BuilderOptions) -> u32 {
        let id = self.names.intern(name);
        if options.node_pages && id as usize == self.node_pages.len() {
            self.node_pages.push(0);
        }
        id
    }

    fn intern_source(&mut self, name: &[u8], options: &BuilderOptions) -> u32 {
        match self.last_source {
            Some(id) if self.names.get(id) == name => id,
            _ => {
                let id = self.intern(name, options);
                self.last_source = Some(id);
                id
            }
        }
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
            ..
        } = self;
        let sorted = names.into_sorted();
        let mut names_writer = NamesWriter::create(writer)?;
        for name in sorted.iter() {
            names_writer.push(name)?;
        }
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
    for edge in &mut edges {
        *edge = R::new(
            rank[edge.first() as usize],
            rank[edge.second() as usize],
            edge.pages(),
        );
    }
    sort_and_combine(&mut edges)?;
    let mut adjacency = AdjacencyWriter::create(writer, Direction::Outgoing)?;
    for edge in edges {
        adjacency.push(edge.first(), edge.second(), edge.pages())?;
    }
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
