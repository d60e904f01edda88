//! Many graphs, of either form, to one that carries only its stream.
//!
//! Names are merged as for arrays, but all at once. Edges, renumbered, are sorted once, by target, whatever order they
//! come in. So the inputs' files are mapped, however many they are, for a head and 16 KiB of ids each; of their streams
//! one at a time is open.

use crate::Error;
use crate::convert::{Form, copy_nodes, write_edges};
use crate::graph::{Graph, NodeData, OneWayGraph};
use crate::id_builder::IdGraphOptions;
use crate::id_maps::IdMaps;
use crate::manifest::{Flags, Manifest};
use crate::merge::{MergeOptions, Progress, SelfLoops, Tick, merge, merge_names, merged_flags};
use crate::parts::{Most, Part, for_parts};
use crate::sorter::Sorter;
use crate::stream::{SeenSources, StreamEdges};
use crate::stream_builder::{sorting_bytes, write_stream};
use crate::stream_graph::{AnyGraph, StreamGraph, open_stream};
use crate::verify::verify_one_way;
use crate::writer::{GraphWriter, Scratch, check_free, work_bytes};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// As [`merge`], to a graph of a form.
///
/// # Errors
/// As there; [`Error::Memory`] when the out-degrees of a graph that carries only its stream exceed the budget.
pub fn merge_as(
    inputs: &[PathBuf],
    form: Form,
    out: &Path,
    tmp: &Path,
    options: &MergeOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<AnyGraph, Error> {
    if form == Form::Arrays || inputs.is_empty() {
        return merge(inputs, out, tmp, options, progress).map(AnyGraph::Arrays);
    }
    check_free(out)?;
    let tick = &mut Tick::new(progress);
    let inputs = inputs.iter().map(|path| Input::open(path, options.verify));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    merge_inputs(&inputs, out, tmp, options, tick).map(AnyGraph::Stream)
}

/// A graph that is merged. Nothing in it holds a descriptor.
enum Input {
    Arrays(OneWayGraph),
    /// The stream is opened again when its edges are read.
    Stream(NodeData),
}

impl Input {
    fn open(path: &Path, verify: bool) -> Result<Self, Error> {
        if Manifest::read(path)?.has_arrays() {
            let graph = Graph::open(path)?.into_one_way();
            if verify {
                verify_one_way(&graph)?;
            }
            return Ok(Input::Arrays(graph));
        }
        let graph = StreamGraph::open(path)?;
        if verify {
            graph.verify()?;
        }
        Ok(Input::Stream(graph.into_nodes()))
    }

    fn nodes(&self) -> &NodeData {
        match self {
            Input::Arrays(graph) => graph.nodes(),
            Input::Stream(nodes) => nodes,
        }
    }
}

/// Opens what a merge to arrays reads; of a stream these are made, in scratch.
pub(crate) fn open_one_way(
    path: &Path,
    scratch: &mut Scratch,
    tmp: &Path,
    options: &MergeOptions,
    tick: &mut Tick<'_>,
) -> Result<OneWayGraph, Error> {
    if let Input::Arrays(graph) = Input::open(path, options.verify)? {
        return Ok(graph);
    }
    let graph = StreamGraph::open(path)?;
    let (nodes, made) = (graph.nodes(), scratch.new_path()?);
    let mut writer = GraphWriter::create_scratch(&made, nodes.flags())?;
    copy_nodes(nodes, &mut writer)?;
    write_edges(&graph, &mut writer, tmp, options.memory_bytes, tick)?;
    writer.finish_one_way(nodes.num_nodes(), nodes.num_edges())
}

fn merge_inputs(
    inputs: &[Input],
    out: &Path,
    tmp: &Path,
    options: &MergeOptions,
    tick: &mut Tick<'_>,
) -> Result<StreamGraph, Error> {
    let nodes: Vec<&NodeData> = inputs.iter().map(Input::nodes).collect();
    let flags = Flags {
        incoming: false,
        edge_pages: false,
        ..merged_flags(&nodes, options.self_loops, options.pages)?
    };
    let mut writer = GraphWriter::create(out, flags)?;
    let mut scratch = Scratch::new(tmp);
    let maps = merge_names(&nodes, &mut writer, &mut scratch)?;
    let sorting = IdGraphOptions {
        memory_bytes: options.memory_bytes,
        self_loops: match flags.self_loops {
            true => SelfLoops::Keep,
            false => SelfLoops::Drop,
        },
    };
    let mut edges = Renumbered {
        sorter: Sorter::new(tmp, work_bytes(sorting_bytes(options.memory_bytes))),
        seen: SeenSources::of(maps.num_nodes()),
        loops: flags.self_loops,
    };
    for (number, input) in inputs.iter().enumerate() {
        edges.add(input, number, &maps, options.memory_bytes / 4, tick)?;
    }
    let (n, Renumbered { sorter, seen, .. }) = (maps.num_nodes(), edges);
    Ok(write_stream(sorter, n, writer, seen, &sorting, tick)?.graph)
}

/// Edges under their new ids, turned round.
struct Renumbered {
    sorter: Sorter<u64>,
    seen: SeenSources,
    loops: bool,
}

impl Renumbered {
    fn add(
        &mut self,
        input: &Input,
        number: usize,
        maps: &IdMaps,
        memory_bytes: usize,
        tick: &mut Tick<'_>,
    ) -> Result<(), Error> {
        let (map, seen, loops) = (maps.of(number), &self.seen, self.loops);
        let new = |source: u32, target: u32| {
            let source = *map.get(source as usize)?;
            let target = *map.get(target as usize)?;
            if source != target || loops {
                seen.add(source);
            }
            Some(u64::from(target) << 32 | u64::from(source))
        };
        let sorter = &mut self.sorter;
        match input {
            Input::Arrays(graph) => {
                let edges = graph.outgoing();
                let most = Most {
                    nodes: u32::MAX,
                    edges: sorter.most_in_part(),
                };
                for_parts(edges, most, tick, &mut |parts| {
                    sorter.extend(parts, |part: &Part, records| {
                        part.each(edges, |source, target, _| {
                            let edge = new(source, target);
                            records.push(edge.ok_or_else(|| edges.bad_neighbor(source, target))?);
                            Ok(())
                        })
                    })
                })
            }
            Input::Stream(nodes) => {
                let stream = open_stream(nodes.dir(), nodes.manifest())?;
                let edges = StreamEdges::new(&stream, &stream.out_degrees()?);
                edges.for_each_in_order(memory_bytes, &mut |edges| {
                    tick.edges(edges.len() as u64)?;
                    let parts: Vec<&[u64]> = edges.chunks(sorter.most_in_part()).collect();
                    sorter.extend(&parts, |part, records| {
                        let old = part.iter().map(|&edge| (edge as u32, (edge >> 32) as u32));
                        let edges = old.map(|(source, target)| new(source, target));
                        records.extend(edges.map(|edge| edge.expect("ids of a stream are nodes")));
                        Ok(())
                    })
                })
            }
        }
    }
}
