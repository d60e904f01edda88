//! Makes strips of lists of sources.

use super::sources::Sources;
use super::strip::{BadSource, STRIP_EDGES, Strip, StripBuilder};
use super::{bin_nodes, num_bins};
use crate::Error;
use rayon::prelude::*;

/// What a stream is made of.
pub(crate) trait Incoming: Sync {
    /// Returns the number of nodes.
    fn num_nodes(&self) -> usize;

    /// Returns a node's number of outgoing edges.
    fn degree(&self, node: u32) -> Result<u32, Error>;

    /// Returns the sources of a node's incoming edges, ascending; `buffer` is there to hold them.
    fn list<'a>(&'a self, node: u32, buffer: &'a mut Vec<u32>) -> Result<&'a [u32], Error>;

    /// The error for a source that is out of order, or has no outgoing edges.
    fn bad_source(&self, node: u32, source: u32) -> Error;
}

/// The out-degrees of all nodes.
pub(crate) fn out_degrees(edges: &impl Incoming) -> Result<Vec<u32>, Error> {
    let nodes = (0..edges.num_nodes() as u32).into_par_iter();
    nodes.map(|node| edges.degree(node)).collect()
}

/// Memory to make strips with, which is reused.
#[derive(Debug, Default)]
pub(crate) struct Workbench {
    builder: StripBuilder,
    buffer: Vec<u32>,
}

impl Workbench {
    /// Makes the strips of a bin: of its edges by target one after every [`STRIP_EDGES`], and one at the end.
    pub(crate) fn strips(
        &mut self,
        bin: usize,
        edges: &impl Incoming,
        sources: &Sources,
        each: &mut dyn FnMut(Strip),
    ) -> Result<(), Error> {
        let nodes = bin_nodes(bin, edges.num_nodes());
        let mut left = STRIP_EDGES;
        let first = nodes.start as u32;
        let bad = |found: BadSource| edges.bad_source(first + u32::from(found.target), found.node);
        self.builder.begin(sources);
        for (target, node) in nodes.enumerate() {
            let node = node as u32;
            let mut list = edges.list(node, &mut self.buffer)?;
            while !list.is_empty() {
                let (now, later) = list.split_at(left.min(list.len()));
                let bad_here = |source| edges.bad_source(node, source);
                self.builder
                    .push(target as u16, now, sources)
                    .map_err(bad_here)?;
                if let (Some(last), Some(&next)) = (now.last(), later.first()) {
                    if *last >= next {
                        return Err(bad_here(next));
                    }
                }
                left -= now.len();
                list = later;
                if left == 0 {
                    each(self.builder.finish(bin as u32, sources).map_err(bad)?);
                    self.builder.begin(sources);
                    left = STRIP_EDGES;
                }
            }
        }
        if left < STRIP_EDGES {
            each(self.builder.finish(bin as u32, sources).map_err(bad)?);
        }
        Ok(())
    }
}

/// The strips of all bins, ascending.
pub(crate) fn strips(edges: &impl Incoming, sources: &Sources) -> Result<Vec<Strip>, Error> {
    let strips = (0..num_bins(edges.num_nodes()))
        .into_par_iter()
        .map_init(Workbench::default, |workbench, bin| {
            let mut strips = Vec::new();
            workbench.strips(bin, edges, sources, &mut |strip| strips.push(strip))?;
            Ok(strips)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(strips.into_iter().flatten().collect())
}
