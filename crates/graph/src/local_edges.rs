//! Edges under local ids, until all names are known.

use crate::Error;
use crate::array::{Array, ArrayWriter};
use crate::graph::{NodeData, OneWayGraph};
use crate::id_builder::{IdGraph, IdGraphOptions, write_edges};
use crate::interners::{Entries, Interners, SortedNames};
use crate::manifest::Flags;
use crate::merge::{Tick, merge_names};
use crate::named_edges::NamedEdges;
use crate::sorter::{Record, Runs, Sorter};
use crate::spill::{Contents, MOST_IN_PART, NodePages, Spill};
use crate::writer::{AdjacencyWriter, Direction, GraphWriter, NamesWriter, Scratch};
use bytemuck::Pod;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// A table of this size stays in a core's second cache.
const BYTES_PER_TABLE: usize = 2 << 20;

/// What is in memory goes to a spill before it is more than so many sixteenths of it; names begin anew before they alone are.
/// The rest is for what waits, and for names that are all new.
const MOST_HELD: usize = 13;
const MOST_NAMES: usize = 12;

/// Edges that make a spill worth a file, in sixteenths: with fewer it is names that take the memory. Runs that outlive
/// the process are not let grow beyond four times that: so much is lost when it is killed.
const LEAST_EDGES: usize = 1;

/// Blocks of edges that are handed on at once; then their memory is free.
const TOGETHER: usize = 64;

pub(crate) struct LocalEdges<R> {
    work_bytes: usize,
    names: Interners,
    /// In blocks as they came.
    edges: Vec<Vec<R>>,
    nodes: Vec<NodePages>,
    spills: Runs,
    /// Spills of the numberings before this one.
    spills_before: usize,
    /// Bytes of the names of each table that are in spills.
    spilled_names: Vec<usize>,
    /// Nodes and edges taken so far, those of spills included.
    taken: u64,
    is_kept: bool,
}

impl<R: Record + Pod> LocalEdges<R> {
    /// `taken`: how many nodes and edges are in the spills that are there, if these outlive the process.
    pub(crate) fn new(spills: Runs, work_bytes: usize, taken: Option<u64>) -> Self {
        let tables = work_bytes / 16 * MOST_NAMES / BYTES_PER_TABLE;
        let names = Interners::new(tables.max(1).ilog2());
        LocalEdges {
            work_bytes,
            edges: Vec::new(),
            nodes: Vec::new(),
            spilled_names: vec![0; names.names().count()],
            spills_before: spills.paths().len(),
            spills,
            names,
            taken: taken.unwrap_or(0),
            is_kept: taken.is_some(),
        }
    }

    /// Nodes and edges taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// For edges that are going to be [taken](Self::take).
    pub(crate) fn named_edges(&self) -> NamedEdges {
        NamedEdges::new(self.names.dealt())
    }

    /// Takes edges and nodes.
    pub(crate) fn take(&mut self, waiting: &[NamedEdges]) -> Result<(), Error> {
        let dealt: Vec<_> = waiting.iter().map(|edges| &edges.names).collect();
        if !self.names.ids_suffice(dealt.iter().copied()) {
            self.begin_numbering()?;
        }
        let found = self.names.intern(&dealt);
        let numbered = waiting.par_iter().enumerate();
        let numbered = numbered.map(|(at, edges)| edges.numbered(&found, at));
        let numbered: Vec<(Vec<R>, Vec<NodePages>)> = numbered.collect();
        for (edges, nodes) in numbered {
            self.edges.push(edges);
            self.nodes.extend(nodes);
        }
        self.taken += waiting.iter().map(|edges| edges.len() as u64).sum::<u64>();
        self.make_room()
    }

    fn make_room(&mut self) -> Result<(), Error> {
        let part = self.work_bytes / 16;
        let names = self.names.memory_bytes();
        let edges: usize = self.edges.iter().map(|edges| size_of_val(&edges[..])).sum();
        let edges = edges + size_of_val(&self.nodes[..]);
        if names > MOST_NAMES * part {
            return self.begin_numbering();
        }
        let is_full = names + edges > MOST_HELD * part && edges > LEAST_EDGES * part;
        match is_full || (self.is_kept && edges > 4 * LEAST_EDGES * part) {
            true => self.spill(),
            false => Ok(()),
        }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let names: Vec<_> = self
            .names
            .names()
            .zip(self.spilled_names.iter().copied())
            .collect();
        let contents = Contents {
            begins: self.spills.paths().len() == self.spills_before,
            bits: self.names.bits(),
            edges: &self.edges,
            nodes: &self.nodes,
            names: &names,
        };
        let path = self.spills.next_path()?;
        let bytes = contents.write(&path)?;
        self.spills.add(path, bytes, self.taken)?;
        self.spilled_names = names
            .iter()
            .map(|(names, _)| names.as_bytes().len())
            .collect();
        (self.edges, self.nodes) = Default::default();
        Ok(())
    }

    /// Forgets the names, which are in spills then.
    fn begin_numbering(&mut self) -> Result<(), Error> {
        if !self.names.is_empty() {
            self.spill()?;
        }
        self.spills_before = self.spills.paths().len();
        self.names = self.names.emptied();
        self.spilled_names.fill(0);
        Ok(())
    }

    /// Writes the graph.
    pub(crate) fn finish(
        mut self,
        mut writer: GraphWriter,
        tmp: &Path,
        options: &IdGraphOptions,
        tick: &mut Tick<'_>,
    ) -> Result<IdGraph, Error> {
        if self.spills_before > 0 {
            self.begin_numbering()?;
        }
        let spills = self.spills.paths().iter().map(|path| Spill::open(path));
        let spills = spills.collect::<Result<Vec<_>, _>>()?;
        let mut numberings = numberings(&spills);
        let (sorter, n) = match (numberings.pop(), numberings.is_empty()) {
            (Some(last), false) => {
                numberings.push(last);
                self.merge(&numberings, &mut writer, tmp, tick)?
            }
            (only, _) => self.number(only.unwrap_or_default(), &mut writer, tmp, tick)?,
        };
        // Checksums were compared, and no file is read again.
        drop(spills);
        write_edges(sorter, n, writer, tmp, options, tick)
    }

    /// Gives final ids to edges of one numbering; returns them, and the number of nodes.
    fn number(
        self,
        spills: &[Spill],
        writer: &mut GraphWriter,
        tmp: &Path,
        tick: &mut Tick<'_>,
    ) -> Result<(Sorter<R>, u64), Error> {
        let LocalEdges {
            names,
            edges,
            mut nodes,
            work_bytes,
            ..
        } = self;
        let sorted = match (names.is_empty(), names.bits()) {
            (true, _) => sorted_names::<R>(spills)?,
            (false, bits) => SortedNames::of(names.into_names(), bits),
        };
        for spill in spills {
            nodes.extend(spill.nodes::<R>(sorted.end())?);
        }
        let n = write_names(&sorted, &nodes, writer)?;
        let ids = sorted.ranks();
        drop((sorted, nodes));
        let mut sorter = Sorter::new(tmp, work_bytes.saturating_sub(size_of_val(&ids[..])));
        let mut edges = edges.into_iter();
        while edges.len() > 0 {
            let blocks: Vec<Vec<R>> = edges.by_ref().take(TOGETHER).collect();
            let parts: Vec<&[R]> = blocks
                .iter()
                .flat_map(|block| block.chunks(MOST_IN_PART))
                .collect();
            push(&mut sorter, &parts, &ids, |part: &&[R]| Ok(*part), tick)?;
        }
        push_spilled(&mut sorter, spills, &ids, tick)?;
        Ok((sorter, n))
    }

    /// The same for several numberings, all of whose names are in spills.
    fn merge(
        self,
        numberings: &[&[Spill]],
        writer: &mut GraphWriter,
        tmp: &Path,
        tick: &mut Tick<'_>,
    ) -> Result<(Sorter<R>, u64), Error> {
        let mut scratch = Scratch::new(tmp);
        let flags = writer.flags();
        let sorted = numberings.iter().map(|spills| {
            let sorted = sorted_names::<R>(spills)?;
            let nodes = spills.iter().map(|spill| spill.nodes::<R>(sorted.end()));
            let nodes = nodes.collect::<Result<Vec<_>, _>>()?.concat();
            write_aside(&sorted, &nodes, flags, &mut scratch)
        });
        let sorted = sorted.collect::<Result<Vec<_>, Error>>()?;
        let graphs = sorted.iter().map(|(path, _)| OneWayGraph::open(path));
        let graphs = graphs.collect::<Result<Vec<_>, Error>>()?;
        let nodes: Vec<&NodeData> = graphs.iter().map(OneWayGraph::nodes).collect();
        let maps = merge_names(&nodes, writer, &mut scratch)?;
        let most = sorted.iter().map(|(_, ranks)| ranks.as_slice().len()).max();
        let ids_bytes = most.unwrap_or(0) * size_of::<u32>();
        let mut sorter = Sorter::new(tmp, self.work_bytes.saturating_sub(ids_bytes));
        for (number, spills) in numberings.iter().enumerate() {
            let map = maps.of(number);
            let ranks = sorted[number].1.as_slice().par_iter();
            // Ids that no name has are ranks of 0.
            let ids = ranks.map(|&rank| map.get(rank as usize).copied().unwrap_or(0));
            let ids: Vec<u32> = ids.collect();
            push_spilled(&mut sorter, spills, &ids, tick)?;
        }
        Ok((sorter, maps.num_nodes()))
    }
}

/// Spills by numbering.
fn numberings(spills: &[Spill]) -> Vec<&[Spill]> {
    spills.chunk_by(|_, next| !next.begins()).collect()
}

/// The names of one numbering.
fn sorted_names<R: Record>(spills: &[Spill]) -> Result<SortedNames, Error> {
    let bits = spills.first().map_or(0, Spill::bits);
    let mut tables: Vec<Entries> = Vec::new();
    tables.resize_with(1 << bits, Entries::default);
    for spill in spills {
        spill.read_names::<R>(&mut tables)?;
    }
    Ok(SortedNames::of(tables, bits))
}

/// Writes names and, where the graph has them, pages of nodes; returns the number of nodes.
fn write_names(
    sorted: &SortedNames,
    nodes: &[NodePages],
    writer: &mut GraphWriter,
) -> Result<u64, Error> {
    let mut names = NamesWriter::create(writer)?;
    sorted.write(&mut names)?;
    let n = names.finish(writer)?;
    if writer.flags().node_pages {
        let pages = sums_of(nodes, sorted)?;
        let mut array = writer.array("node_pages")?;
        array.extend_of(&sorted.order, |&id| pages[id as usize])?;
        writer.finish_array(array)?;
    }
    Ok(n)
}

/// Pages by local id.
fn sums_of(nodes: &[NodePages], sorted: &SortedNames) -> Result<Vec<u64>, Error> {
    let mut sums = vec![0u64; sorted.end()];
    for &[id, pages] in nodes {
        let sum = &mut sums[id as usize];
        *sum = sum
            .checked_add(pages)
            .ok_or_else(|| Error::NodePagesOverflow {
                name: String::from_utf8_lossy(sorted.name(id as u32)).into_owned(),
            })?;
    }
    Ok(sums)
}

/// Writes names and pages as a graph without edges in scratch; returns where it is, and the ranks of local ids in it.
fn write_aside(
    sorted: &SortedNames,
    nodes: &[NodePages],
    flags: Flags,
    scratch: &mut Scratch,
) -> Result<(PathBuf, Array<u32>), Error> {
    let flags = Flags {
        incoming: false,
        edge_pages: false,
        self_loops: false,
        ..flags
    };
    let path = scratch.new_path()?;
    let mut writer = GraphWriter::create_scratch(&path, flags)?;
    let n = write_names(sorted, nodes, &mut writer)?;
    AdjacencyWriter::create(&writer, Direction::Outgoing)?.finish(n, &mut writer)?;
    writer.finish_one_way(n, 0)?;
    let dir = scratch.new_dir()?;
    let mut ranks = ArrayWriter::<u32>::create(&dir, "ranks")?;
    ranks.extend(&sorted.ranks())?;
    let len = ranks.finish()?.len;
    Ok((path, Array::open(&dir, "ranks", len)?))
}

/// Gives edges their final ids on the way to the sorter.
fn push<'a, R: Record, P: Sync>(
    sorter: &mut Sorter<R>,
    parts: &[P],
    ids: &[u32],
    records: impl Fn(&P) -> Result<&'a [R], Error> + Sync,
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    let before = sorter.pushed();
    sorter.extend(parts, |part, numbered| {
        let id = |local: u32| ids[local as usize];
        let numbered_edge = |edge: &R| R::new(id(edge.first()), id(edge.second()), edge.pages());
        numbered.extend(records(part)?.iter().map(numbered_edge));
        Ok(())
    })?;
    tick.edges(sorter.pushed() - before)
}

fn push_spilled<R: Record + Pod>(
    sorter: &mut Sorter<R>,
    spills: &[Spill],
    ids: &[u32],
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    for spill in spills {
        let parts = spill.parts::<R>();
        for parts in parts.chunks(TOGETHER) {
            push(sorter, parts, ids, |part| part.records(ids.len()), tick)?;
        }
    }
    Ok(())
}
