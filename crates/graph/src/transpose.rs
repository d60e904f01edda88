//! Edges by source to edges by target.
//!
//! In memory when they fit the budget, otherwise over files; both read and write sequentially ([`ByTarget`]).

use crate::Error;
use crate::adjacency::Adjacency;
use crate::array::Array;
use crate::by_target::{ByTarget, Word};
use crate::convert::copy_nodes;
use crate::graph::Graph;
use crate::merge::Tick;
use crate::parts::for_parts;
use crate::writer::{AdjacencyWriter, Direction, GraphWriter, work_bytes};
use std::path::Path;

/// Writes the graph with every edge turned round at `out`; names and counts of nodes stay.
///
/// Sorts within `memory_bytes`, with scratch in the directory `tmp`. Twice is the identity.
///
/// # Errors
/// [`Error::Exists`] when something is at `out`, [`Error::Io`], and [`Error::Corrupt`] when the
/// graph is damaged. Nothing is left behind.
pub fn transpose(
    graph: &Graph,
    out: &Path,
    tmp: &Path,
    memory_bytes: usize,
) -> Result<Graph, Error> {
    let mut writer = GraphWriter::create(
        out,
        crate::manifest::Flags {
            incoming: true,
            ..graph.nodes().flags()
        },
    )?;
    copy_nodes(graph.nodes(), &mut writer)?;
    let (n, m) = (graph.num_nodes(), graph.num_edges());
    let tick = &mut Tick::silent();
    write_turned(
        graph.outgoing(),
        Direction::Outgoing,
        &mut writer,
        tmp,
        memory_bytes,
        tick,
    )?;
    write_incoming(&mut writer, n, m, tmp, memory_bytes, tick)?;
    writer.finish(n, m)
}

/// Adds the incoming direction to a graph whose outgoing one is written.
pub(crate) fn write_incoming(
    writer: &mut GraphWriter,
    num_nodes: u64,
    num_edges: u64,
    tmp: &Path,
    memory_bytes: usize,
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    let dir = writer.dir().to_path_buf();
    let offsets = Array::<u64>::open(&dir, "out_offsets", num_nodes + 1)?;
    let targets = Array::<u32>::open(&dir, "out_targets", num_edges)?;
    let pages = match writer.flags().edge_pages {
        true => Some(Array::<u32>::open(&dir, "out_pages", num_edges)?),
        false => None,
    };
    let pages = pages.as_ref().map(Array::as_slice);
    let outgoing = Adjacency::new(
        offsets.as_slice(),
        targets.as_slice(),
        pages,
        targets.path(),
    );
    write_turned(
        outgoing,
        Direction::Incoming,
        writer,
        tmp,
        memory_bytes,
        tick,
    )
}

fn write_turned(
    edges: Adjacency<'_>,
    direction: Direction,
    writer: &mut GraphWriter,
    tmp: &Path,
    memory_bytes: usize,
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    match edges.has_pages() {
        true => write_by_target::<u64>(edges, direction, writer, tmp, memory_bytes, tick),
        false => write_by_target::<u32>(edges, direction, writer, tmp, memory_bytes, tick),
    }
}

fn write_by_target<W: Word>(
    edges: Adjacency<'_>,
    direction: Direction,
    writer: &mut GraphWriter,
    tmp: &Path,
    memory_bytes: usize,
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    let n = edges.num_nodes();
    let mut by_target = ByTarget::<W>::new(n, tmp, work_bytes(memory_bytes));
    for_parts(edges, by_target.most_in_part(), tick, &mut |parts| {
        by_target.extend(parts, edges)
    })?;
    let mut adjacency = AdjacencyWriter::create(writer, direction)?;
    by_target.finish(&mut |lists| adjacency.extend_lists(&lists, tick))?;
    adjacency.finish(n as u64, writer)?;
    Ok(())
}
