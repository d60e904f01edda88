//! Many graphs to one.
//!
//! Names are merged first, which gives for every input a map from its ids to the new ones. Names
//! are sorted in all graphs, so each map ascends, and edges renumbered by it stay sorted: they are
//! merged too, and never sorted again. Only the incoming direction needs a sort ([`transpose`]).
//!
//! Memory: write buffers and a head per input; the maps (4 bytes per node of each input) lie in
//! scratch and are mapped. Every file is read and written front to back.
//!
//! Disk: besides the result, and while there are levels the merged graphs of one, the arrays made of those inputs that
//! carry only their stream: of a group of [`MergeOptions::max_open`] at a time, 4 bytes an edge, 8 a node and the names.
//!
//! [`transpose`]: crate::transpose

use crate::Error;
use crate::adjacency::{Adjacency, List};
use crate::graph::{Graph, NodeData, OneWayGraph};
use crate::id_maps::{IdMaps, IdMapsWriter};
use crate::manifest::Flags;
use crate::merge_stream::open_one_way;
use crate::sorter::add_pages;
use crate::transpose::write_incoming;
use crate::writer::{AdjacencyWriter, Direction, GraphWriter, NamesWriter, Scratch, check_free};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What becomes of edges from a node to itself. The node stays in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SelfLoops {
    /// They are left out.
    #[default]
    Drop,
    /// They are edges like others.
    Keep,
}

/// How graphs are merged.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Memory for buffers and for sorting the incoming direction. Default: 1 GiB.
    pub memory_bytes: usize,
    /// Graphs merged at a time; more are merged in levels, unless to a graph that carries only its stream. Default: 64,
    /// at least 2. Their files are mapped and hold no descriptors, so the limit of open files does not matter.
    pub max_open: usize,
    /// Default: dropped.
    pub self_loops: SelfLoops,
    /// Whether the inputs' checksums are checked before their bytes are used. Default: yes.
    pub verify: bool,
    /// What becomes of pages (of edges, of nodes) that some of the graphs have, and some do not. Default: an error.
    pub pages: Pages,
}

/// What becomes of pages that not all graphs have. Hosts of nodes must always agree: graphs of domains have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// Graphs that differ in them are refused: something is wrong with one of them.
    #[default]
    Same,
    /// Only those that all graphs have are kept, since a sum over some of them would say something else.
    Common,
}

impl Default for MergeOptions {
    fn default() -> Self {
        MergeOptions {
            memory_bytes: 1 << 30,
            max_open: 64,
            self_loops: SelfLoops::Drop,
            verify: true,
            pages: Pages::Same,
        }
    }
}

/// How far a merge or a fold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Edges handled so far. Each is handled several times, so this exceeds the number of edges.
    pub edges: u64,
}

/// Calls for progress every so many edges; between two calls pass some tens of milliseconds.
const EDGES_PER_TICK: u64 = 1 << 20;

/// Counts edges and asks the caller now and then whether to go on.
pub(crate) struct Tick<'a> {
    progress: Option<&'a mut dyn FnMut(Progress) -> ControlFlow<()>>,
    edges: u64,
    next: u64,
}

impl<'a> Tick<'a> {
    pub(crate) fn new(progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>) -> Self {
        Tick {
            progress: Some(progress),
            edges: 0,
            next: 0,
        }
    }

    pub(crate) fn silent() -> Self {
        Tick {
            progress: None,
            edges: 0,
            next: u64::MAX,
        }
    }

    #[inline]
    pub(crate) fn edges(&mut self, count: u64) -> Result<(), Error> {
        self.edges += count;
        if self.edges < self.next {
            Ok(())
        } else {
            self.ask()
        }
    }

    /// Asks now, however few edges there were since the last time.
    #[cold]
    pub(crate) fn ask(&mut self) -> Result<(), Error> {
        self.next = self.edges + EDGES_PER_TICK;
        let edges = self.edges;
        match self
            .progress
            .as_mut()
            .map(|progress| progress(Progress { edges }))
        {
            Some(ControlFlow::Break(())) => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }
}

/// Merges graphs with names: the union of their nodes and edges, at `out`.
///
/// Inputs are of either form. Pages of edges and nodes, and hosts of nodes, are summed. The result's bytes depend neither on
/// the order of the inputs nor on how they were merged before. All inputs must carry the same
/// arrays. Scratch goes to the directory `tmp`.
///
/// # Errors
/// [`Error::Exists`], [`Error::Incompatible`], [`Error::TooManyNodes`], [`Error::PagesOverflow`],
/// [`Error::Corrupt`], [`Error::Io`], and [`Error::Interrupted`] when `progress` says so.
/// Nothing is left behind.
pub fn merge(
    inputs: &[PathBuf],
    out: &Path,
    tmp: &Path,
    options: &MergeOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Graph, Error> {
    if inputs.is_empty() {
        return Err(Error::Option {
            option: "inputs",
            expected: "at least one graph".to_owned(),
            found: "none".to_owned(),
        });
    }
    check_free(out)?;
    let tick = &mut Tick::new(progress);
    merge_paths(inputs.to_vec(), false, out, tmp, options, tick)
}

fn merge_paths(
    mut inputs: Vec<PathBuf>,
    mut own: bool,
    out: &Path,
    tmp: &Path,
    options: &MergeOptions,
    tick: &mut Tick<'_>,
) -> Result<Graph, Error> {
    let mut scratch = Scratch::new(tmp);
    let fan_in = options.max_open.max(2);
    while inputs.len() > fan_in {
        let mut merged = Vec::new();
        for group in inputs.chunks(fan_in) {
            let mut unpacked = Scratch::new(tmp);
            let graphs = open_group(group, own, &mut unpacked, tmp, options, tick)?;
            let flags = merged_flags(&nodes_of(&graphs), SelfLoops::Keep, options.pages)?;
            let path = scratch.new_path()?;
            let mut writer = GraphWriter::create_scratch(
                &path,
                Flags {
                    incoming: false,
                    ..flags
                },
            )?;
            let (n, m) = merge_into(&graphs, &mut writer, &mut scratch, tick)?;
            writer.finish_one_way(n, m)?;
            if own {
                remove_all(group)?;
            }
            merged.push(path);
        }
        inputs = merged;
        own = true;
    }
    let mut unpacked = Scratch::new(tmp);
    let graphs = open_group(&inputs, own, &mut unpacked, tmp, options, tick)?;
    let flags = merged_flags(&nodes_of(&graphs), options.self_loops, options.pages)?;
    let mut writer = GraphWriter::create(
        out,
        Flags {
            incoming: true,
            ..flags
        },
    )?;
    let (n, m) = merge_into(&graphs, &mut writer, &mut scratch, tick)?;
    drop((graphs, unpacked));
    write_incoming(&mut writer, n, m, tmp, options.memory_bytes, tick)?;
    writer.finish(n, m)
}

/// `own`: scratch of this process; other graphs are the caller's. Arrays of streams are made in `unpacked`.
fn open_group(
    paths: &[PathBuf],
    own: bool,
    unpacked: &mut Scratch,
    tmp: &Path,
    options: &MergeOptions,
    tick: &mut Tick<'_>,
) -> Result<Vec<OneWayGraph>, Error> {
    let open = |path: &PathBuf| match own {
        true => OneWayGraph::open(path),
        false => open_one_way(path, unpacked, tmp, options, tick),
    };
    paths.iter().map(open).collect()
}

fn remove_all(paths: &[PathBuf]) -> Result<(), Error> {
    paths
        .iter()
        .try_for_each(|path| std::fs::remove_dir_all(path).map_err(Error::io(path, "remove")))
}

fn nodes_of(graphs: &[OneWayGraph]) -> Vec<&NodeData> {
    graphs.iter().map(OneWayGraph::nodes).collect()
}

/// The flags of the merged graph; those of all inputs must agree, but for self-loops, and for pages where that is allowed.
pub(crate) fn merged_flags(
    graphs: &[&NodeData],
    self_loops: SelfLoops,
    pages: Pages,
) -> Result<Flags, Error> {
    let comparable = |graph: &NodeData| Flags {
        self_loops: false,
        incoming: false,
        ..graph.flags()
    };
    let all_have = |has: fn(Flags) -> bool| graphs.iter().all(|graph| has(graph.flags()));
    let common = match pages {
        Pages::Same => None,
        Pages::Common => Some((
            all_have(|flags| flags.edge_pages),
            all_have(|flags| flags.node_pages),
        )),
    };
    let comparable = |graph: &NodeData| match common {
        None => comparable(graph),
        Some((edge_pages, node_pages)) => Flags {
            edge_pages,
            node_pages,
            ..comparable(graph)
        },
    };
    let flags = comparable(graphs[0]);
    for graph in graphs {
        graph.expect_names()?;
        if comparable(graph) != flags {
            return Err(Error::Incompatible {
                path: graph.dir().to_path_buf(),
                expected: format!(
                    "the counts of `{}` ({})",
                    graphs[0].dir().display(),
                    describe(flags)
                ),
                found: describe(comparable(graph)),
            });
        }
    }
    let any_kept = graphs.iter().any(|graph| graph.flags().self_loops);
    Ok(Flags {
        self_loops: any_kept && self_loops == SelfLoops::Keep,
        ..flags
    })
}

fn describe(flags: Flags) -> String {
    let all = [
        (flags.edge_pages, "edge pages"),
        (flags.node_pages, "node pages"),
        (flags.node_hosts, "node hosts"),
    ];
    let present: Vec<&str> = all
        .iter()
        .filter(|(present, _)| *present)
        .map(|(_, name)| *name)
        .collect();
    if present.is_empty() {
        "none".to_owned()
    } else {
        present.join(", ")
    }
}

/// Writes names, counts and outgoing edges; returns the numbers of nodes and edges.
fn merge_into(
    graphs: &[OneWayGraph],
    writer: &mut GraphWriter,
    scratch: &mut Scratch,
    tick: &mut Tick<'_>,
) -> Result<(u64, u64), Error> {
    let maps = merge_names(&nodes_of(graphs), writer, scratch)?;
    let n = maps.num_nodes();
    let mut adjacency = AdjacencyWriter::create(writer, Direction::Outgoing)?;
    let keep_loops = writer.flags().self_loops;
    merge_edges(graphs, &maps, &mut |source, target, pages| {
        tick.edges(1)?;
        if source == target && !keep_loops {
            return Ok(());
        }
        adjacency.push(source, target, pages)
    })?;
    Ok((n, adjacency.finish(n, writer)?))
}

/// Writes the union of names with the sums of their counts; returns each input's map of ids.
pub(crate) fn merge_names(
    graphs: &[&NodeData],
    writer: &mut GraphWriter,
    scratch: &mut Scratch,
) -> Result<IdMaps, Error> {
    let inputs = graphs
        .iter()
        .map(|graph| graph.expect_names())
        .collect::<Result<Vec<_>, _>>()?;
    let lens = inputs.iter().map(|names| names.len() as u64);
    let mut maps = IdMapsWriter::create(scratch.new_path()?, lens)?;
    let mut names = NamesWriter::create(writer)?;
    let Flags {
        node_pages,
        node_hosts,
        ..
    } = writer.flags();
    let mut pages_writer = node_pages
        .then(|| writer.array::<u64>("node_pages"))
        .transpose()?;
    let mut hosts_writer = node_hosts
        .then(|| writer.array::<u32>("node_hosts"))
        .transpose()?;

    let mut next_ids = vec![0u32; inputs.len()];
    let mut heads = BinaryHeap::with_capacity(inputs.len());
    for (input, names) in inputs.iter().enumerate() {
        if !names.is_empty() {
            heads.push(Reverse((names.checked(0)?, input)));
        }
    }
    while let Some(&Reverse((name, _))) = heads.peek() {
        let id = names.push(name)?;
        let (mut pages, mut hosts) = (0u64, 0u32);
        while let Some(&Reverse((other, input))) = heads.peek() {
            if other != name {
                break;
            }
            heads.pop();
            maps.push(input, id)?;
            let local = next_ids[input];
            pages = sum_at(
                pages,
                graphs[input].node_pages(),
                local,
                |a, b| a.checked_add(b),
                graphs[input],
            )?;
            hosts = sum_at(
                hosts,
                graphs[input].node_hosts(),
                local,
                |a, b| a.checked_add(b),
                graphs[input],
            )?;
            next_ids[input] += 1;
            if (next_ids[input] as usize) < inputs[input].len() {
                let next = inputs[input].checked(next_ids[input])?;
                if next <= name {
                    let found = format!("another order at node {}", next_ids[input]);
                    return Err(Error::corrupt(
                        graphs[input].dir(),
                        None,
                        "names in ascending order",
                        found,
                    ));
                }
                heads.push(Reverse((next, input)));
            }
        }
        if let Some(writer) = &mut pages_writer {
            writer.push(pages)?;
        }
        if let Some(writer) = &mut hosts_writer {
            writer.push(hosts)?;
        }
    }
    let n = names.finish(writer)?;
    if let Some(pages) = pages_writer {
        writer.finish_array(pages)?;
    }
    if let Some(hosts) = hosts_writer {
        writer.finish_array(hosts)?;
    }
    maps.finish(n)
}

fn sum_at<T: Copy>(
    sum: T,
    values: Option<&[T]>,
    id: u32,
    add: impl Fn(T, T) -> Option<T>,
    graph: &NodeData,
) -> Result<T, Error> {
    let Some(values) = values else { return Ok(sum) };
    add(sum, values[id as usize]).ok_or_else(|| Error::Incompatible {
        path: graph.dir().to_path_buf(),
        expected: "counts that add up".to_owned(),
        found: format!("a sum that is too large at node {id}"),
    })
}

/// Calls `each` for every edge of the union in order, under the new ids, with summed pages.
fn merge_edges(
    graphs: &[OneWayGraph],
    maps: &IdMaps,
    each: &mut impl FnMut(u32, u32, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut cursors: Vec<SourceCursor<'_>> = graphs
        .iter()
        .enumerate()
        .map(|(input, graph)| SourceCursor {
            edges: graph.outgoing(),
            map: maps.of(input),
            next: 0,
        })
        .collect();
    let mut heads = BinaryHeap::with_capacity(cursors.len());
    for (input, cursor) in cursors.iter_mut().enumerate() {
        heads.extend(cursor.next_list()?.map(|source| Reverse((source, input))));
    }
    let mut lists = Vec::new();
    while let Some(&Reverse((source, _))) = heads.peek() {
        lists.clear();
        while let Some(&Reverse((other, input))) = heads.peek() {
            if other != source {
                break;
            }
            heads.pop();
            lists.push(cursors[input].list()?);
            heads.extend(
                cursors[input]
                    .next_list()?
                    .map(|source| Reverse((source, input))),
            );
        }
        merge_lists(source, &mut lists, each)?;
    }
    Ok(())
}

/// One input's position among its sources.
struct SourceCursor<'a> {
    edges: Adjacency<'a>,
    map: &'a [u32],
    /// Local id of the source after the current one.
    next: u32,
}

impl<'a> SourceCursor<'a> {
    /// Goes to the next source with edges and returns its new id.
    fn next_list(&mut self) -> Result<Option<u32>, Error> {
        while (self.next as usize) < self.map.len() {
            let local = self.next;
            self.next += 1;
            if !self.edges.list(local)?.targets.is_empty() {
                return Ok(Some(self.map[local as usize]));
            }
        }
        Ok(None)
    }

    /// The edges of the current source. Only after [`next_list`](Self::next_list) returned one.
    fn list(&self) -> Result<ListCursor<'a>, Error> {
        let local = self.next - 1;
        Ok(ListCursor {
            list: self.edges.list(local)?,
            edges: self.edges,
            map: self.map,
            source: local,
            place: 0,
        })
    }
}

/// One input's position in the list of a source.
struct ListCursor<'a> {
    list: List<'a>,
    edges: Adjacency<'a>,
    map: &'a [u32],
    source: u32,
    place: usize,
}

impl ListCursor<'_> {
    /// Returns the next target under its new id, with its pages.
    #[inline]
    fn next(&mut self) -> Result<Option<(u32, u32)>, Error> {
        let Some(&target) = self.list.targets.get(self.place) else {
            return Ok(None);
        };
        let ascends = self.place == 0 || self.list.targets[self.place - 1] < target;
        let mapped = self.map.get(target as usize).filter(|_| ascends);
        let &mapped = mapped.ok_or_else(|| self.edges.bad_neighbor(self.source, target))?;
        let pages = self.list.pages.map_or(1, |pages| pages[self.place]);
        self.place += 1;
        Ok(Some((mapped, pages)))
    }
}

fn merge_lists(
    source: u32,
    lists: &mut [ListCursor<'_>],
    each: &mut impl FnMut(u32, u32, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    if let [only] = lists {
        while let Some((target, pages)) = only.next()? {
            each(source, target, pages)?;
        }
        return Ok(());
    }
    let mut heads = BinaryHeap::with_capacity(lists.len());
    for (at, list) in lists.iter_mut().enumerate() {
        heads.extend(
            list.next()?
                .map(|(target, pages)| Reverse((target, at, pages))),
        );
    }
    while let Some(&Reverse((target, _, _))) = heads.peek() {
        let mut sum = None;
        while let Some(&Reverse((other, at, pages))) = heads.peek() {
            if other != target {
                break;
            }
            heads.pop();
            sum = Some(match sum {
                Some(sum) => add_pages(sum, pages, source, target)?,
                None => pages,
            });
            heads.extend(
                lists[at]
                    .next()?
                    .map(|(target, pages)| Reverse((target, at, pages))),
            );
        }
        each(source, target, sum.unwrap_or(0))?;
    }
    Ok(())
}
