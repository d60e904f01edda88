//! Nodes to coarser nodes: hosts to domains.
//!
//! The names of one domain's hosts need not be neighbors (`com.example`, `com.example-shop`,
//! `com.example.www`: `-` sorts before `.`), so new names are collected and sorted like a builder's,
//! in chunks of nodes that fit the budget; each chunk's names are merged, and that gives each node
//! its new id (4 bytes per node, mapped scratch). Edges are renumbered and sorted again.

use crate::Error;
use crate::array::{Array, ArrayWriter};
use crate::graph::{Graph, NodeData, OneWayGraph};
use crate::interner::{Interner, SORT_BYTES_PER_NAME};
use crate::manifest::Flags;
use crate::merge::{Progress, Tick, merge_names};
use crate::names::MAX_NAME_BYTES;
use crate::parts::{Most, Part, for_parts};
use crate::sorter::{Record, Sorter};
use crate::transpose::write_incoming;
use crate::writer::{AdjacencyWriter, Direction, GraphWriter, NamesWriter, Scratch, work_bytes};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How a graph is folded.
#[derive(Debug, Clone)]
pub struct FoldOptions {
    /// Memory for names and for sorting. Default: 1 GiB.
    pub memory_bytes: usize,
}

impl Default for FoldOptions {
    fn default() -> Self {
        FoldOptions {
            memory_bytes: 1 << 30,
        }
    }
}

/// Writes at `out` the graph of coarser nodes: `name_of` writes the coarser name of each name it is
/// given into an empty buffer, for instance the registered domain of a host.
///
/// Edges within a new node vanish, equal ones become one. Pages of edges and nodes are summed;
/// `node_hosts` counts the nodes that became one (or sums their `node_hosts`). Scratch goes to `tmp`.
///
/// # Errors
/// [`Error::Incompatible`] for a graph without names; otherwise as [`merge`](crate::merge).
pub fn fold(
    graph: &Graph,
    name_of: impl Fn(&[u8], &mut Vec<u8>),
    out: &Path,
    tmp: &Path,
    options: &FoldOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Graph, Error> {
    let flags = Flags {
        node_hosts: true,
        self_loops: false,
        incoming: true,
        ..graph.nodes().flags()
    };
    let mut writer = GraphWriter::create(out, flags)?;
    let mut scratch = Scratch::new(tmp);
    let tick = &mut Tick::new(progress);
    let (new_ids, n) = fold_names(graph, name_of, &mut writer, &mut scratch, options, tick)?;
    let m = match flags.edge_pages {
        true => fold_edges::<u128>(
            graph,
            new_ids.as_slice(),
            n,
            &mut writer,
            tmp,
            options,
            tick,
        )?,
        false => fold_edges::<u64>(
            graph,
            new_ids.as_slice(),
            n,
            &mut writer,
            tmp,
            options,
            tick,
        )?,
    };
    write_incoming(&mut writer, n, m, tmp, options.memory_bytes, tick)?;
    writer.finish(n, m)
}

/// Writes new names and counts; returns each node's new id and the number of new nodes.
fn fold_names(
    graph: &Graph,
    name_of: impl Fn(&[u8], &mut Vec<u8>),
    writer: &mut GraphWriter,
    scratch: &mut Scratch,
    options: &FoldOptions,
    tick: &mut Tick<'_>,
) -> Result<(Array<u32>, u64), Error> {
    let names = graph.nodes().expect_names()?;
    let mut chunks = Chunks::new(graph, scratch.new_dir()?, work_bytes(options.memory_bytes))?;
    let mut name = Vec::new();
    for id in 0..names.len() as u32 {
        tick.edges(1)?;
        name.clear();
        name_of(names.checked(id)?, &mut name);
        chunks.push(&name, scratch)?;
    }
    let (chunk_ids, paths) = chunks.finish(scratch)?;
    let inputs = paths
        .iter()
        .map(|path| OneWayGraph::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let nodes: Vec<&NodeData> = inputs.iter().map(OneWayGraph::nodes).collect();
    let maps = merge_names(&nodes, writer, scratch)?;

    let chunk_of_nodes = Array::<u32>::open(
        &chunk_ids.dir,
        "chunk_ids",
        chunk_ids.ends.last().copied().unwrap_or(0),
    )?;
    let dir = scratch.new_dir()?;
    let mut new_ids = ArrayWriter::<u32>::create(&dir, "new_ids")?;
    let mut start = 0;
    for (chunk, &end) in chunk_ids.ends.iter().enumerate() {
        let map = maps.of(chunk);
        for &id in &chunk_of_nodes.as_slice()[start as usize..end as usize] {
            new_ids.push(map[id as usize])?;
        }
        start = end;
    }
    let len = new_ids.finish()?.len;
    Ok((Array::open(&dir, "new_ids", len)?, maps.num_nodes()))
}

/// Collects new names of nodes in order of id, writing them out as scratch graphs without edges.
struct Chunks<'a> {
    graph: &'a Graph,
    work_bytes: usize,
    names: Interner,
    /// Local id of the new name of each node since the last chunk.
    local_ids: Vec<u32>,
    ids: ArrayWriter<u32>,
    done: ChunkIds,
    paths: Vec<PathBuf>,
}

/// Where the nodes' ids within their chunk lie, and where each chunk's nodes end.
struct ChunkIds {
    dir: PathBuf,
    ends: Vec<u64>,
}

impl<'a> Chunks<'a> {
    fn new(graph: &'a Graph, dir: PathBuf, work_bytes: usize) -> Result<Self, Error> {
        Ok(Chunks {
            graph,
            work_bytes,
            names: Interner::default(),
            local_ids: Vec::new(),
            ids: ArrayWriter::create(&dir, "chunk_ids")?,
            done: ChunkIds {
                dir,
                ends: Vec::new(),
            },
            paths: Vec::new(),
        })
    }

    fn push(&mut self, name: &[u8], scratch: &mut Scratch) -> Result<(), Error> {
        if name.len() > MAX_NAME_BYTES {
            return Err(Error::NameTooLong {
                found: name.len(),
                limit: MAX_NAME_BYTES,
            });
        }
        if !self.fits(name) && !self.local_ids.is_empty() {
            self.write_chunk(scratch)?;
        }
        let id = self.names.intern(name);
        self.local_ids.push(id);
        Ok(())
    }

    fn fits(&self, name: &[u8]) -> bool {
        // Sums of pages and hosts per name take 12 bytes more while a chunk is written.
        let sums = (self.names.len() + 1) * (SORT_BYTES_PER_NAME + 4);
        let ids = self.local_ids.capacity() * size_of::<u32>()
            + crate::interner::growth(&self.local_ids, 1);
        let growth = self.names.growth_bytes(1, name.len());
        growth.is_some_and(|growth| {
            self.names.memory_bytes() + growth + sums + ids <= self.work_bytes
        })
    }

    fn write_chunk(&mut self, scratch: &mut Scratch) -> Result<(), Error> {
        let local_ids = std::mem::take(&mut self.local_ids);
        let sorted = std::mem::take(&mut self.names).into_sorted();
        let first_node = self.ids.len() as usize;
        let (pages, hosts) = self.sums(&local_ids, sorted.order.len(), first_node)?;
        for id in local_ids {
            self.ids.push(sorted.rank[id as usize])?;
        }
        self.done.ends.push(self.ids.len());

        let path = scratch.new_path()?;
        let flags = Flags {
            incoming: false,
            edge_pages: false,
            node_hosts: true,
            ..self.graph.nodes().flags()
        };
        let mut writer = GraphWriter::create_scratch(&path, flags)?;
        let mut names = NamesWriter::create(&writer)?;
        for name in sorted.iter() {
            names.push(name)?;
        }
        let n = names.finish(&mut writer)?;
        if let Some(pages) = pages {
            let mut array = writer.array("node_pages")?;
            sorted
                .order
                .iter()
                .try_for_each(|&id| array.push(pages[id as usize]))?;
            writer.finish_array(array)?;
        }
        let mut array = writer.array("node_hosts")?;
        sorted
            .order
            .iter()
            .try_for_each(|&id| array.push(hosts[id as usize]))?;
        writer.finish_array(array)?;
        AdjacencyWriter::create(&writer, Direction::Outgoing)?.finish(n, &mut writer)?;
        writer.finish_one_way(n, 0)?;
        self.paths.push(path);
        Ok(())
    }

    /// Sums of pages (if the graph has them) and hosts per local id.
    fn sums(
        &self,
        local_ids: &[u32],
        num_names: usize,
        first_node: usize,
    ) -> Result<(Option<Vec<u64>>, Vec<u32>), Error> {
        let too_large = |node: usize| Error::Incompatible {
            path: self.graph.dir().to_path_buf(),
            expected: "counts that add up".to_owned(),
            found: format!("a sum that is too large at node {node}"),
        };
        let mut hosts = vec![0u32; num_names];
        let mut pages = self
            .graph
            .node_pages()
            .map(|values| (values, vec![0u64; num_names]));
        for (node, &id) in (first_node..).zip(local_ids) {
            let (id, more) = (
                id as usize,
                self.graph.node_hosts().map_or(1, |hosts| hosts[node]),
            );
            hosts[id] = hosts[id].checked_add(more).ok_or_else(|| too_large(node))?;
            if let Some((values, sums)) = &mut pages {
                sums[id] = sums[id]
                    .checked_add(values[node])
                    .ok_or_else(|| too_large(node))?;
            }
        }
        Ok((pages.map(|(_, sums)| sums), hosts))
    }

    fn finish(mut self, scratch: &mut Scratch) -> Result<(ChunkIds, Vec<PathBuf>), Error> {
        if !self.local_ids.is_empty() {
            self.write_chunk(scratch)?;
        }
        self.ids.finish()?;
        Ok((self.done, self.paths))
    }
}

fn fold_edges<R: Record>(
    graph: &Graph,
    new_ids: &[u32],
    num_nodes: u64,
    writer: &mut GraphWriter,
    tmp: &Path,
    options: &FoldOptions,
    tick: &mut Tick<'_>,
) -> Result<u64, Error> {
    let edges = graph.outgoing();
    let mut sorter = Sorter::<R>::new(tmp, work_bytes(options.memory_bytes));
    let most = Most {
        nodes: u32::MAX,
        edges: sorter.most_in_part(),
    };
    for_parts(edges, most, tick, &mut |parts| {
        sorter.extend(parts, |part: &Part, records| {
            part.each(edges, |source, target, pages| {
                let new_source = new_ids[source as usize];
                let &new_target = new_ids
                    .get(target as usize)
                    .ok_or_else(|| edges.bad_neighbor(source, target))?;
                if new_target != new_source {
                    records.push(R::new(new_source, new_target, pages));
                }
                Ok(())
            })
        })
    })?;
    let mut adjacency = AdjacencyWriter::create(writer, Direction::Outgoing)?;
    sorter.finish(&mut |records: &[R]| {
        tick.edges(records.len() as u64)?;
        adjacency.extend(records, tick)
    })?;
    adjacency.finish(num_nodes, writer)
}
