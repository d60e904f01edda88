//! A graph in its other form: arrays made of the stream, and the stream alone of arrays.

use crate::Error;
use crate::graph::{Graph, NodeData};
use crate::manifest::Flags;
use crate::merge::{Progress, Tick};
use crate::sorter::Sorter;
use crate::stream::{self, RankingStream, StreamEdges};
use crate::stream_builder::sorting_bytes;
use crate::stream_graph::{AnyGraph, StreamGraph};
use crate::writer::{AdjacencyWriter, Direction, GraphWriter, NamesWriter, work_bytes};
use std::ops::ControlFlow;
use std::path::Path;

/// How a graph directory holds its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// In arrays of both directions, with a ranking stream beside them.
    #[default]
    Arrays,
    /// In the ranking stream alone.
    Stream,
}

/// Writes a graph in another form at `out`, which must be free. The bytes are those of a graph that was built in that form.
///
/// Arrays are made of a stream: its edges come sorted by target, which is one direction, and are sorted by source, within
/// `memory_bytes` and with scratch in the directory `tmp`, for the other. A stream alone has no pages of edges: those of
/// arrays are left out. Arrays of the first versions, which have no stream, get one.
///
/// # Errors
/// [`Error::Incompatible`] for a graph that is of that form already; [`Error::Exists`]; [`Error::Corrupt`] when the graph
/// is damaged; [`Error::Io`]; [`Error::Interrupted`] when `progress` says so. Nothing is left behind.
pub fn convert(
    graph: &AnyGraph,
    form: Form,
    out: &Path,
    tmp: &Path,
    memory_bytes: usize,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<AnyGraph, Error> {
    let tick = &mut Tick::new(progress);
    match (graph, form) {
        (AnyGraph::Stream(graph), Form::Arrays) => {
            to_arrays(graph, out, tmp, memory_bytes, tick).map(AnyGraph::Arrays)
        }
        (AnyGraph::Arrays(graph), Form::Stream) => {
            to_stream(graph, out, tick).map(AnyGraph::Stream)
        }
        (AnyGraph::Arrays(graph), Form::Arrays) if graph.ranking_stream().is_none() => {
            let mut writer = GraphWriter::create(out, graph.nodes().flags())?;
            copy_nodes(graph.nodes(), &mut writer)?;
            graph.copy_edges(&mut writer)?;
            let (n, m) = (graph.num_nodes(), graph.num_edges());
            writer.finish_with(n, m, tick).map(AnyGraph::Arrays)
        }
        _ => Err(Error::Incompatible {
            path: graph.dir().to_path_buf(),
            expected: "a graph of another form".to_owned(),
            found: "one that is of this form already".to_owned(),
        }),
    }
}

/// Copies names and counts of nodes.
pub(crate) fn copy_nodes(nodes: &NodeData, writer: &mut GraphWriter) -> Result<(), Error> {
    if let Some(names) = nodes.names() {
        let mut names_writer = NamesWriter::create(writer)?;
        for id in 0..nodes.num_nodes() as u32 {
            names_writer.push(names.checked(id)?)?;
        }
        names_writer.finish(writer)?;
    }
    if let Some(pages) = nodes.node_pages() {
        let mut array = writer.array("node_pages")?;
        array.extend(pages)?;
        writer.finish_array(array)?;
    }
    if let Some(hosts) = nodes.node_hosts() {
        let mut array = writer.array("node_hosts")?;
        array.extend(hosts)?;
        writer.finish_array(array)?;
    }
    Ok(())
}

/// The arrays of a graph that carries only its stream, and the same stream.
pub(crate) fn to_arrays(
    graph: &StreamGraph,
    out: &Path,
    tmp: &Path,
    memory_bytes: usize,
    tick: &mut Tick<'_>,
) -> Result<Graph, Error> {
    let flags = Flags {
        incoming: true,
        ..graph.nodes().flags()
    };
    let mut writer = GraphWriter::create(out, flags)?;
    copy_nodes(graph.nodes(), &mut writer)?;
    write_edges(graph, &mut writer, tmp, memory_bytes, tick)?;
    writer.copy_stream(graph.stream().path(), tick)?;
    let (n, m) = (graph.nodes().num_nodes(), graph.nodes().num_edges());
    writer.finish_with_stream(n, m)
}

/// Writes the outgoing edges of a stream, and the incoming ones where the graph is going to have them.
pub(crate) fn write_edges(
    graph: &StreamGraph,
    writer: &mut GraphWriter,
    tmp: &Path,
    memory_bytes: usize,
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    let n = graph.nodes().num_nodes();
    let stream = graph.stream();
    let mut incoming = match writer.flags().incoming {
        true => Some(AdjacencyWriter::create(writer, Direction::Incoming)?),
        false => None,
    };
    // What edges are decoded to takes a quarter.
    let mut sorter = Sorter::new(tmp, work_bytes(sorting_bytes(memory_bytes)));
    let edges = StreamEdges::new(stream, &stream.out_degrees()?);
    edges.for_each_in_order(memory_bytes / 4, &mut |edges| {
        tick.edges(edges.len() as u64)?;
        if let Some(incoming) = &mut incoming {
            incoming.extend(edges, tick)?;
        }
        let parts: Vec<&[u64]> = edges.chunks(sorter.most_in_part()).collect();
        sorter.extend(&parts, |part, records| {
            records.extend(part.iter().map(|edge| edge.rotate_left(32)));
            Ok(())
        })
    })?;
    drop(edges);
    if let Some(mut incoming) = incoming {
        incoming.begin_lists(n, tick)?;
        incoming.finish(n, writer)?;
    }
    let mut outgoing = AdjacencyWriter::create(writer, Direction::Outgoing)?;
    sorter.finish(&mut |edges: &[u64]| {
        tick.edges(edges.len() as u64)?;
        outgoing.extend(edges, tick)
    })?;
    outgoing.begin_lists(n, tick)?;
    outgoing.finish(n, writer)?;
    Ok(())
}

/// The stream of a graph without its arrays.
fn to_stream(graph: &Graph, out: &Path, tick: &mut Tick<'_>) -> Result<StreamGraph, Error> {
    let flags = Flags {
        incoming: false,
        edge_pages: false,
        ..graph.nodes().flags()
    };
    let mut writer = GraphWriter::create(out, flags)?;
    copy_nodes(graph.nodes(), &mut writer)?;
    match graph.ranking_stream() {
        Some(path) => {
            RankingStream::of(graph, &path)?;
            writer.copy_stream(&path, tick)?;
        }
        None => stream::write(graph, &writer.stream_path(), true, tick)?,
    }
    writer.finish_stream()
}
