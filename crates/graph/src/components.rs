//! Components: which nodes hang together.
//!
//! Two nodes are in one *weakly* connected component when a path leads from one to the other along
//! edges taken in either direction, and in one *strongly* connected component when paths along the
//! edges lead both ways. A component's id is its smallest node id, so the result is a function of
//! the graph alone, whatever the algorithm or the number of threads.
//!
//! *Special nodes*: an isolated node is a component by itself, weakly and strongly; a node without
//! incoming or without outgoing edges is strongly so. Self-loops change nothing.
//!
//! [`weak_components`] reads all edges once, in any order, and unites their ends: a parallel
//! union-find whose roots are hooked by compare-and-swap (Anderson and Woll, 1991), always the
//! larger below the smaller, with path halving. [`strong_components`] is Tarjan's depth-first
//! search (1972) as Pearce keeps it small ("A space-efficient algorithm for finding strongly
//! connected components", 2016), by one thread, with stacks of its own in place of recursion. It
//! jumps from node to node, so a graph should fit into memory. Nodes that no cycle can hold need no
//! trimming beforehand: the search, too, looks at them once.
//!
//! *Memory* per node: weakly 8 bytes, strongly 20, the counts of [`Components::sizes`] included;
//! edges (4 bytes each) are read from the mapped file. Over a stream weakly 4 bytes more for each node with
//! outgoing edges, and the out-degrees while it is opened.

use crate::Error;
use crate::adjacency::Adjacency;
use crate::graph::Graph;
use crate::in_edges::{ArrayEdges, InEdges};
use crate::pagerank::filled;
use crate::stream::{RankingStream, StreamEdges};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Blocks of edges between two calls for progress while threads unite: enough work for all of them.
const BLOCKS_PER_STEP: usize = 256;

/// Nodes between two calls for progress while one thread searches.
const NODES_PER_TICK: u64 = 1 << 18;

/// What the progress callback sees now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentsStep {
    /// Nodes done so far, of all nodes of the graph.
    pub nodes: u64,
}

/// The component of each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    ids: Vec<u32>,
}

/// How large components are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentSizes {
    /// Number of components.
    pub components: u64,
    /// Nodes of the largest; 0 in a graph without nodes.
    pub largest: u64,
    /// Each size with the number of components that have it, by size.
    pub distribution: Vec<(u64, u64)>,
}

impl Components {
    /// Returns one id per node: the smallest node id in its component.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns the ids of [`ids`](Self::ids).
    pub fn into_ids(self) -> Vec<u32> {
        self.ids
    }

    /// Counts components by size, in 4 bytes per node.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn sizes(&self) -> Result<ComponentSizes, Error> {
        let mut nodes = filled(self.ids.len(), 0u32)?;
        for &id in &self.ids {
            nodes[id as usize] += 1;
        }
        let mut distribution = BTreeMap::new();
        for size in nodes.into_iter().filter(|&size| size > 0) {
            *distribution.entry(u64::from(size)).or_default() += 1;
        }
        Ok(ComponentSizes {
            components: distribution.values().sum(),
            largest: distribution.keys().last().copied().unwrap_or(0),
            distribution: distribution.into_iter().collect(),
        })
    }
}

/// Returns the bytes of memory that [`weak_components`] takes for a graph of that many nodes.
pub fn weak_components_memory_bytes(num_nodes: u64) -> u64 {
    num_nodes.saturating_mul(8)
}

/// Returns the bytes of memory that [`strong_components`] takes for a graph of that many nodes.
pub fn strong_components_memory_bytes(num_nodes: u64) -> u64 {
    num_nodes.saturating_mul(20)
}

/// Finds the weakly connected components; `progress` is called now and then and may stop it.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::{IdGraphBuilder, IdGraphOptions, strong_components, weak_components};
/// use std::ops::ControlFlow;
///
/// let dir = tempfile::tempdir()?;
/// let mut builder = IdGraphBuilder::new(dir.path(), IdGraphOptions::default())?;
/// for (source, target) in [(0, 3), (3, 0), (3, 1)] {
///     builder.push(source, target)?;
/// }
/// let mut go_on = |_| ControlFlow::Continue(());
/// let graph = builder.finish(None, &dir.path().join("graph"), &mut go_on)?.graph;
///
/// let mut go_on = |_| ControlFlow::Continue(());
/// assert_eq!(weak_components(&graph, &mut go_on)?.ids(), [0, 0, 2, 0]);
/// let strong = strong_components(&graph, &mut go_on)?;
/// assert_eq!(strong.ids(), [0, 1, 2, 0]);
/// assert_eq!(strong.sizes()?.distribution, [(1, 2), (2, 1)]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Memory`], [`Error::Interrupted`], and [`Error::Corrupt`] when the graph is damaged.
pub fn weak_components(
    graph: &Graph,
    progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
) -> Result<Components, Error> {
    weak(&ArrayEdges::new(graph), progress)
}

/// As [`weak_components`], of a graph of which there is only the stream: reads it once.
///
/// # Errors
/// [`Error::Io`], [`Error::Memory`], [`Error::Interrupted`], and [`Error::Corrupt`] when the stream is damaged.
pub fn weak_components_of_stream(
    stream: &RankingStream,
    progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
) -> Result<Components, Error> {
    let edges = StreamEdges::new(stream, &stream.out_degrees()?);
    weak(&edges, progress)
}

fn weak<E: InEdges>(
    edges: &E,
    progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
) -> Result<Components, Error> {
    let forest = Forest::new(edges.num_nodes())?;
    for blocks in edges.blocks().chunks(BLOCKS_PER_STEP) {
        let unite = |worker: &mut E::Worker, block| forest.unite_edges(edges, block, worker);
        let blocks_of_threads = blocks.par_iter();
        blocks_of_threads.try_for_each_init(E::Worker::default, unite)?;
        let done = blocks.last().map_or(0, |block| edges.nodes(block).end);
        tick(done as u64, progress)?;
    }
    Ok(Components {
        ids: forest.into_roots(),
    })
}

/// Trees of nodes that are known to hang together. No parent is larger than its child, so that there
/// are no cycles and the root is the smallest.
struct Forest {
    parents: Vec<AtomicU32>,
}

impl Forest {
    /// Every node for itself.
    fn new(n: usize) -> Result<Self, Error> {
        let mut parents = Vec::new();
        parents.try_reserve_exact(n).map_err(|_| Error::Memory {
            what: "components",
            needed: weak_components_memory_bytes(n as u64),
        })?;
        parents.extend((0..n).map(|node| AtomicU32::new(node as u32)));
        Ok(Forest { parents })
    }

    fn unite_edges<E: InEdges>(
        &self,
        edges: &E,
        block: &E::Block,
        worker: &mut E::Worker,
    ) -> Result<(), Error> {
        // Arrays have the edges of a target one after the other, whose root is then at hand.
        let (mut last, mut root) = (0, 0);
        edges.for_each_edge(block, worker, |source, target| {
            if target != last {
                (last, root) = (target, target);
            }
            root = self.unite(root, source);
        })
    }

    /// Makes one tree of those of two nodes; returns its root, or what was its root a moment ago.
    fn unite(&self, a: u32, b: u32) -> u32 {
        let (mut a, mut b) = (self.root(a), self.root(b));
        while a != b {
            let (low, high) = (a.min(b), a.max(b));
            // Fails when another thread has hooked `high` meanwhile: it is no root any more.
            let hooked = self.parents[high as usize].compare_exchange(high, low, Relaxed, Relaxed);
            if hooked.is_ok() {
                return low;
            }
            (a, b) = (self.root(low), self.root(high));
        }
        a
    }

    /// Goes up to the root, and hangs every other node on the way below its grandparent.
    ///
    /// Relaxed loads and stores do: a value that is out of date is still an ancestor, only not the
    /// nearest to the root, and what makes a root a child is a compare-and-swap.
    fn root(&self, mut node: u32) -> u32 {
        loop {
            let parent = self.parents[node as usize].load(Relaxed);
            let grandparent = self.parents[parent as usize].load(Relaxed);
            if parent == grandparent {
                return parent;
            }
            self.parents[node as usize].store(grandparent, Relaxed);
            node = grandparent;
        }
    }

    fn into_roots(self) -> Vec<u32> {
        (0..self.parents.len()).into_par_iter().for_each(|node| {
            self.parents[node].store(self.root(node as u32), Relaxed);
        });
        let parents = self.parents.into_iter();
        parents.map(AtomicU32::into_inner).collect()
    }
}

/// Finds the strongly connected components; `progress` is called now and then and may stop it.
///
/// # Errors
/// [`Error::Memory`], [`Error::Interrupted`], and [`Error::Corrupt`] when the graph is damaged.
pub fn strong_components(
    graph: &Graph,
    progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
) -> Result<Components, Error> {
    let n = graph.num_nodes() as usize;
    let mut search = Search::new(n)?;
    for node in 0..n as u32 {
        search.run(&graph.outgoing(), node, progress)?;
    }
    let mut ids = search.into_components();
    smallest_nodes(&mut ids)?;
    Ok(Components { ids })
}

/// Depth-first search over the nodes not seen yet.
struct Search {
    /// 0: not seen. While a node is open: how early a node it is known to reach, as the 1-based
    /// position among the open nodes in order of discovery. Then the number of its component: from
    /// `u32::MAX` down, as there are fewer nodes than that always above the position of any node
    /// that is still open, and so never taken for an earlier one.
    marks: Vec<u32>,
    /// The path from where the search began to where it is.
    path: Vec<Visit>,
    /// Nodes left behind by the path whose component is still open.
    left: Vec<u32>,
    /// Nodes on the path and among those left.
    open: u32,
    /// The number of the next component.
    component: u32,
    seen: u64,
}

/// A node of the path.
struct Visit {
    node: u32,
    /// Its mark when it was discovered.
    position: u32,
    /// Its neighbors before this place are done with.
    place: u32,
}

impl Search {
    fn new(n: usize) -> Result<Self, Error> {
        let memory = |_| Error::Memory {
            what: "components",
            needed: strong_components_memory_bytes(n as u64),
        };
        // All of it at once: a vector that grows would need up to three times its size.
        let (mut path, mut left) = (Vec::new(), Vec::new());
        path.try_reserve_exact(n).map_err(memory)?;
        left.try_reserve_exact(n).map_err(memory)?;
        Ok(Search {
            marks: filled(n, 0)?,
            path,
            left,
            open: 0,
            component: u32::MAX,
            seen: 0,
        })
    }

    /// Visits all that can be reached from a node, unless it was seen before.
    fn run(
        &mut self,
        outgoing: &Adjacency,
        start: u32,
        progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if self.marks[start as usize] == 0 {
            self.discover(start, progress)?;
        }
        while let Some(visit) = self.path.last_mut() {
            match next_unseen(outgoing, visit, &mut self.marks)? {
                Some(neighbor) => self.discover(neighbor, progress)?,
                None => self.leave(),
            }
        }
        Ok(())
    }

    fn discover(
        &mut self,
        node: u32,
        progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.open += 1;
        self.marks[node as usize] = self.open;
        self.path.push(Visit {
            node,
            position: self.open,
            place: 0,
        });
        self.seen += 1;
        if self.seen % NODES_PER_TICK == 0 || self.seen == self.marks.len() as u64 {
            tick(self.seen, progress)?;
        }
        Ok(())
    }

    /// Ends the visit of the last node of the path, whose neighbors are all done with.
    fn leave(&mut self) {
        let Some(visit) = self.path.pop() else { return };
        let mark = self.marks[visit.node as usize];
        if mark != visit.position {
            self.left.push(visit.node); // reaches an earlier node, whose component it shares
            return;
        }
        // Nothing earlier is reached: what was left behind since then is the rest of its component.
        self.close(visit.node);
        while let Some(&node) = self.left.last() {
            if self.marks[node as usize] < mark {
                break;
            }
            self.left.pop();
            self.close(node);
        }
        self.component -= 1;
    }

    fn close(&mut self, node: u32) {
        self.marks[node as usize] = self.component;
        self.open -= 1;
    }

    /// Returns the number of each node's component; the stacks are freed.
    fn into_components(self) -> Vec<u32> {
        self.marks
    }
}

/// Goes through a node's neighbors up to the first that was not seen, and notes the earliest mark.
///
/// A neighbor that is returned is looked at again when it has been visited, for its mark.
fn next_unseen(
    outgoing: &Adjacency,
    visit: &mut Visit,
    marks: &mut [u32],
) -> Result<Option<u32>, Error> {
    let targets = outgoing.list(visit.node)?.targets;
    // With more neighbors than nodes they cannot ascend; and places are 32 bits wide.
    if let Some(&target) = targets.get(marks.len()) {
        return Err(outgoing.bad_neighbor(visit.node, target));
    }
    let mut earliest = marks[visit.node as usize];
    let mut unseen = None;
    for &target in &targets[visit.place as usize..] {
        match marks.get(target as usize) {
            Some(0) => {
                unseen = Some(target);
                break;
            }
            Some(&mark) => earliest = earliest.min(mark),
            None => return Err(outgoing.bad_neighbor(visit.node, target)),
        }
        visit.place += 1;
    }
    marks[visit.node as usize] = earliest;
    Ok(unseen)
}

/// Turns numbers of components, from `u32::MAX` down, into the smallest node of each.
fn smallest_nodes(numbers: &mut [u32]) -> Result<(), Error> {
    let components = numbers.iter().map(|number| u32::MAX - number + 1).max();
    let mut smallest = filled(components.unwrap_or(0) as usize, u32::MAX)?;
    for (node, number) in numbers.iter_mut().enumerate() {
        let smallest = &mut smallest[(u32::MAX - *number) as usize];
        *smallest = (*smallest).min(node as u32);
        *number = *smallest;
    }
    Ok(())
}

fn tick(
    nodes: u64,
    progress: &mut dyn FnMut(ComponentsStep) -> ControlFlow<()>,
) -> Result<(), Error> {
    match progress(ComponentsStep { nodes }).is_break() {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}
