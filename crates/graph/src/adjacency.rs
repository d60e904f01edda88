//! All edges of a graph by source (outgoing) or by target (incoming).

use crate::Error;
use crate::names::checked_range;
use std::ops::Range;
use std::path::Path;

/// All edges in one direction: for each node its neighbors, ascending and unique.
///
/// `offsets`: n + 1 values, `offsets[u]..offsets[u + 1]` are the places of `u`'s neighbors in
/// `targets` (m values) and in `pages`. They come from a file and are checked at each use: where
/// offsets are damaged, a node has no neighbors, and a damaged neighbor may be any `u32`.
/// [`Graph::verify`](crate::Graph::verify) tells whether that is so; algorithms of this crate
/// return [`Error::Corrupt`] instead.
#[derive(Debug, Clone, Copy)]
pub struct Adjacency<'a> {
    offsets: &'a [u64],
    targets: &'a [u32],
    pages: Option<&'a [u32]>,
    path: &'a Path,
}

/// One node's neighbors, as algorithms take them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) targets: &'a [u32],
    pub(crate) pages: Option<&'a [u32]>,
}

impl<'a> Adjacency<'a> {
    /// `path` is the file of `targets`, for messages.
    pub(crate) fn new(
        offsets: &'a [u64],
        targets: &'a [u32],
        pages: Option<&'a [u32]>,
        path: &'a Path,
    ) -> Self {
        Adjacency {
            offsets,
            targets,
            pages,
            path,
        }
    }

    /// Returns the number of nodes.
    pub fn num_nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the number of edges.
    pub fn num_edges(&self) -> usize {
        self.targets.len()
    }

    /// Returns a node's neighbors, ascending; empty when there is no such node.
    pub fn neighbors(&self, node: u32) -> &'a [u32] {
        self.range(node).map_or(&[], |range| &self.targets[range])
    }

    /// Returns the number of a node's neighbors.
    pub fn degree(&self, node: u32) -> u64 {
        self.range(node).map_or(0, |range| range.len() as u64)
    }

    /// Returns the pages of a node's edges, in the order of [`neighbors`](Self::neighbors), if the
    /// graph has them: the number of captured pages with at least one such link.
    pub fn pages(&self, node: u32) -> Option<&'a [u32]> {
        let pages = self.pages?;
        Some(self.range(node).map_or(&[], |range| &pages[range]))
    }

    /// Iterates over all edges as (node, neighbor, pages), sorted; pages are 1 where the graph has none.
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32, u32)> + use<'a> {
        let adjacency = *self;
        (0..adjacency.num_nodes()).flat_map(move |node| {
            let node = node as u32;
            let range = adjacency.range(node).unwrap_or(0..0);
            range.map(move |place| {
                let pages = adjacency.pages.map_or(1, |pages| pages[place]);
                (node, adjacency.targets[place], pages)
            })
        })
    }

    /// A node's neighbors, or what is wrong with their place in the file.
    #[inline]
    pub(crate) fn list(&self, node: u32) -> Result<List<'a>, Error> {
        let range = self.range(node).ok_or_else(|| self.bad_offsets(node))?;
        // `pages` has as many values as `targets`: both lengths are the manifest's number of edges.
        Ok(List {
            targets: &self.targets[range.clone()],
            pages: self.pages.map(|pages| &pages[range]),
        })
    }

    /// Returns where each node's edges begin among all edges: n + 1 values, not checked.
    pub fn offsets(&self) -> &'a [u64] {
        self.offsets
    }

    /// Says whether edges carry pages.
    pub fn has_pages(&self) -> bool {
        self.pages.is_some()
    }

    #[cold]
    pub(crate) fn bad_offsets(&self, node: u32) -> Error {
        let found = format!("others at node {node}");
        Error::corrupt(
            self.path,
            None,
            "offsets that do not decrease or pass the end",
            found,
        )
    }

    /// The error for a neighbor that is no node, or is out of order.
    #[cold]
    pub(crate) fn bad_neighbor(&self, node: u32, neighbor: u32) -> Error {
        let expected = format!("ascending neighbors below {}", self.num_nodes());
        Error::corrupt(
            self.path,
            None,
            expected,
            format!("{neighbor} among those of node {node}"),
        )
    }

    #[inline]
    fn range(&self, node: u32) -> Option<Range<usize>> {
        checked_range(self.offsets, node, self.targets.len())
    }
}
