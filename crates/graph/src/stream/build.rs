//! Makes strips of a graph's incoming edges.

use super::sources::Sources;
use super::strip::{STRIP_EDGES, Strip, StripBuilder};
use super::{bin_nodes, num_bins};
use crate::Error;
use crate::adjacency::Adjacency;
use crate::graph::Graph;
use rayon::prelude::*;
use std::ops::Range;

/// Edges of one bin that make a strip: their places among all incoming edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) bin: usize,
    pub(crate) edges: Range<usize>,
}

/// The out-degrees of all nodes.
///
/// # Errors
/// [`Error::Corrupt`] when the graph's offsets are damaged.
pub(crate) fn out_degrees(graph: &Graph) -> Result<Vec<u32>, Error> {
    let outgoing = graph.outgoing();
    (0..graph.num_nodes() as u32)
        .into_par_iter()
        .map(|node| Ok(outgoing.list(node)?.targets.len() as u32))
        .collect()
}

/// Cuts incoming edges into strips: at bins, and within one every [`STRIP_EDGES`].
///
/// # Errors
/// [`Error::Corrupt`] when offsets decrease from bin to bin or pass the end.
pub(crate) fn cuts(incoming: Adjacency<'_>) -> Result<Vec<Cut>, Error> {
    let (n, offsets) = (incoming.num_nodes(), incoming.offsets());
    let mut cuts = Vec::new();
    for bin in 0..num_bins(n) {
        let nodes = bin_nodes(bin, n);
        let (first, end) = (offsets[nodes.start], offsets[nodes.end]);
        if first > end || end > incoming.num_edges() as u64 {
            return Err(incoming.bad_offsets(nodes.end as u32));
        }
        let (first, end) = (first as usize, end as usize);
        cuts.extend((first..end).step_by(STRIP_EDGES).map(|first| Cut {
            bin,
            edges: first..end.min(first + STRIP_EDGES),
        }));
    }
    Ok(cuts)
}

/// Makes a strip of some incoming edges.
///
/// # Errors
/// [`Error::Corrupt`] when offsets decrease, or a list does not ascend or names a node that is no source.
pub(crate) fn strip(
    builder: &mut StripBuilder,
    incoming: Adjacency<'_>,
    cut: &Cut,
    sources: &Sources,
) -> Result<Strip, Error> {
    let nodes = bin_nodes(cut.bin, incoming.num_nodes());
    let first = nodes.start;
    builder.begin();
    for node in nodes {
        let list = incoming.list(node as u32)?.targets;
        let at = incoming.offsets()[node] as usize;
        let own = cut.edges.start.max(at)..cut.edges.end.min(at + list.len());
        if own.is_empty() {
            continue;
        }
        let list = &list[own.start - at..own.end - at];
        builder
            .push((node - first) as u16, list, sources)
            .map_err(|source| incoming.bad_neighbor(node as u32, source))?;
    }
    Ok(builder.finish(cut.bin as u32, sources))
}
