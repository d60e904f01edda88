//! The edges of a graph in parts of about the same size, for threads.

use crate::Error;
use crate::adjacency::Adjacency;
use crate::merge::Tick;
use std::ops::Range;

/// Parts that are handed out at once.
const TOGETHER: usize = 256;

/// Edges of consecutive nodes, or some of those of one node; at most as many as were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    nodes: Range<u32>,
    /// Places in the list of the first node; of the others all are meant.
    places: Range<usize>,
}

impl Part {
    /// The first node that has edges here.
    pub(crate) fn first_node(&self) -> u32 {
        self.nodes.start
    }

    /// Calls `each` with source, target and pages of each edge in order.
    #[inline]
    pub(crate) fn each(
        &self,
        edges: Adjacency<'_>,
        mut each: impl FnMut(u32, u32, u32) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each_list(edges, |source, targets, pages| match pages {
            Some(pages) => (targets.iter().zip(pages))
                .try_for_each(|(&target, &pages)| each(source, target, pages)),
            None => targets
                .iter()
                .try_for_each(|&target| each(source, target, 1)),
        })
    }

    /// Calls `each` with every source, its targets and their pages, if there are any, in order.
    #[inline]
    pub(crate) fn each_list(
        &self,
        edges: Adjacency<'_>,
        mut each: impl FnMut(u32, &[u32], Option<&[u32]>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for source in self.nodes.clone() {
            let list = edges.list(source)?;
            let places = match source == self.nodes.start {
                true => self.places.clone(),
                false => 0..list.targets.len(),
            };
            let pages = list.pages.map(|pages| &pages[places.clone()]);
            each(source, &list.targets[places], pages)?;
        }
        Ok(())
    }
}

/// The most that a part may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) nodes: u32,
    pub(crate) edges: usize,
}

/// Calls `take` with all edges in order, some parts at a time.
pub(crate) fn for_parts(
    edges: Adjacency<'_>,
    most: Most,
    tick: &mut Tick<'_>,
    take: &mut impl FnMut(&[Part]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut parts = Vec::with_capacity(TOGETHER);
    let mut add = |part, parts: &mut Vec<Part>| {
        parts.push(part);
        if parts.len() < TOGETHER {
            return Ok(());
        }
        take(parts)?;
        parts.clear();
        Ok(())
    };
    let mut begun: Option<(Part, usize)> = None;
    for node in 0..edges.num_nodes() as u32 {
        let len = edges.list(node)?.targets.len();
        tick.edges(1 + len as u64)?;
        if len == 0 {
            continue;
        }
        if let Some((part, edges)) = &mut begun {
            if *edges + len <= most.edges && node - part.nodes.start < most.nodes {
                part.nodes.end = node + 1;
                *edges += len;
                continue;
            }
        }
        if let Some((part, _)) = begun.take() {
            add(part, &mut parts)?;
        }
        let mut start = 0;
        while len - start > most.edges {
            let places = start..start + most.edges;
            start = places.end;
            let nodes = node..node + 1;
            add(Part { nodes, places }, &mut parts)?;
        }
        let part = Part {
            nodes: node..node + 1,
            places: start..len,
        };
        begun = Some((part, len - start));
    }
    if let Some((part, _)) = begun {
        add(part, &mut parts)?;
    }
    match parts.is_empty() {
        true => Ok(()),
        false => take(&parts),
    }
}
