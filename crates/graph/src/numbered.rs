//! Named nodes under numbers of somebody else, and edges between the numbers, to a graph, within a memory budget.
//!
//! Nodes come first. Their names are sorted (sorted runs in scratch, merged), which gives the ids; where those are not the
//! numbers, a table from number to id of 4 bytes a number is kept in memory while edges are read.

use crate::Error;
use crate::array::ArrayWriter;
use crate::convert::Form;
use crate::id_builder::{IdGraph, IdGraphOptions, write_edges};
use crate::interner::growth;
use crate::manifest::{Flags, MAX_NODES};
use crate::merge::{Progress, SelfLoops, Tick};
use crate::names::MAX_NAME_BYTES;
use crate::sorter::{Record, Sorter};
use crate::stream::SeenSources;
use crate::stream_builder::{self, sorting_bytes, write_stream};
use crate::stream_graph::AnyGraph;
use crate::writer::{GraphWriter, NamesWriter, Scratch, check_free, check_num_nodes, work_bytes};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Runs merged at a time: each has a file open.
const FAN_IN: usize = 64;

/// Stands in the table for numbers that no node has; no id is that high.
const NO_NODE: u32 = u32::MAX;

/// Collects nodes: names and the numbers that edges will know them by.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::{IdGraphOptions, NumberedNodes};
/// use std::ops::ControlFlow;
/// let dir = tempfile::tempdir()?;
/// let mut nodes = NumberedNodes::new(dir.path(), IdGraphOptions::default())?;
/// nodes.push(7, b"org.example", None)?;
/// nodes.push(3, b"com.example", None)?;
/// let go_on = &mut |_| ControlFlow::Continue(());
/// let mut edges = nodes.finish(&dir.path().join("graph"), go_on)?;
/// let (source, target) = (edges.id(3).unwrap(), edges.id(7).unwrap());
/// edges.push(source, target)?;
/// let graph = edges.finish(go_on)?.graph;
/// assert_eq!(graph.names().unwrap().get(0), b"com.example");
/// assert_eq!(graph.outgoing().neighbors(0), [1]);
/// # Ok(())
/// # }
/// ```
pub struct NumberedNodes {
    options: IdGraphOptions,
    tmp: PathBuf,
    scratch: Scratch,
    held: Held,
    runs: Vec<PathBuf>,
    rows: u32,
    max_number: u32,
    has_hosts: bool,
}

/// Nodes in memory, in order of coming.
#[derive(Default)]
struct Held {
    names: Vec<u8>,
    nodes: Vec<HeldNode>,
}

#[derive(Clone, Copy)]
struct HeldNode {
    start: usize,
    name_bytes: u16,
    facts: Facts,
}

/// What is known of a node besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Facts {
    row: u32,
    number: u32,
    hosts: u32,
}

impl NumberedNodes {
    /// Starts a graph; `tmp` is an existing directory for sorted runs.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there.
    pub fn new(tmp: &Path, options: IdGraphOptions) -> Result<Self, Error> {
        std::fs::read_dir(tmp).map_err(Error::io(tmp, "read"))?;
        Ok(NumberedNodes {
            options,
            tmp: tmp.to_path_buf(),
            scratch: Scratch::new(tmp),
            held: Held::default(),
            runs: Vec::new(),
            rows: 0,
            max_number: 0,
            has_hosts: false,
        })
    }

    /// Adds a node, with the number of hosts that were folded into it where that is known. The graph has these counts when
    /// any node comes with one.
    ///
    /// # Errors
    /// [`Error::NameTooLong`]; [`Error::TooManyNodes`] for the number 2^32 - 1 and beyond 2^32 - 1 nodes; [`Error::Io`].
    pub fn push(&mut self, number: u32, name: &[u8], hosts: Option<u32>) -> Result<(), Error> {
        let name_bytes = u16::try_from(name.len()).map_err(|_| Error::NameTooLong {
            found: name.len(),
            limit: MAX_NAME_BYTES,
        })?;
        check_num_nodes(u64::from(number) + 1, MAX_NODES)?;
        check_num_nodes(u64::from(self.rows) + 1, MAX_NODES)?;
        let needed = self.held.memory_bytes()
            + growth(&self.held.names, name.len())
            + growth(&self.held.nodes, 1);
        if needed > work_bytes(self.options.memory_bytes) && !self.held.nodes.is_empty() {
            self.spill()?;
        }
        self.held.nodes.push(HeldNode {
            start: self.held.names.len(),
            name_bytes,
            facts: Facts {
                row: self.rows,
                number,
                hosts: hosts.unwrap_or(0),
            },
        });
        self.held.names.extend_from_slice(name);
        self.rows += 1;
        self.max_number = self.max_number.max(number);
        self.has_hosts |= hosts.is_some();
        Ok(())
    }

    /// Writes what is held as a sorted run.
    fn spill(&mut self) -> Result<(), Error> {
        // Dropped and not cleared: the next names may be of another length.
        let mut held = std::mem::take(&mut self.held);
        let path = self.scratch.new_path()?;
        let mut run = RunWriter::create(path)?;
        held.sort();
        held.each(&mut |name, facts| run.push(name, facts))?;
        self.runs.push(run.finish()?);
        Ok(())
    }

    /// Gives the nodes their ids; the graph is going to be at `out`, which must be free. Nodes of the same name are made one:
    /// it has all their numbers, and the sum of their hosts. `progress` is asked now and then whether to go on.
    ///
    /// # Errors
    /// [`Error::Repeated`] when two rows have the same number; [`Error::Memory`] when the table of numbers takes more
    /// than half of the budget; [`Error::Interrupted`]; [`Error::Exists`]; [`Error::Io`]. Nothing is left behind.
    pub fn finish(
        self,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<NumberedGraphBuilder, Error> {
        self.finish_as(Form::Arrays, out, progress)
    }

    /// As [`finish`](Self::finish), for a graph of a form: see [`NumberedGraphBuilder::finish_as`].
    ///
    /// # Errors
    /// As there.
    pub fn finish_as(
        mut self,
        form: Form,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<NumberedGraphBuilder, Error> {
        check_free(out)?;
        let tick = &mut Tick::new(progress);
        let work_bytes = work_bytes(self.options.memory_bytes);
        let self_loops = self.options.self_loops == SelfLoops::Keep;
        let flags = Flags {
            incoming: form == Form::Arrays,
            ..flags(self.has_hosts, self_loops)
        };
        let writer = GraphWriter::create(out, flags)?;
        let mut ids = IdWriter {
            names: NamesWriter::create(&writer)?,
            hosts: match self.has_hosts {
                true => Some(writer.array("node_hosts")?),
                false => None,
            },
            ids: Ids::Same(0),
            table_len: self.max_number as usize + 1,
            memory_bytes: work_bytes / 2,
            last: None,
            merged: 0,
        };
        if self.runs.is_empty() {
            self.held.sort();
            self.held.each(&mut |name, facts| {
                tick.edges(1)?;
                ids.push(name, facts)
            })?;
        } else {
            self.spill()?;
            let runs = merge_to_few(std::mem::take(&mut self.runs), &mut self.scratch, tick)?;
            merge_runs(&runs, &mut |name, facts| {
                tick.edges(1)?;
                ids.push(name, facts)
            })?;
        }
        self.held = Held::default();
        ids.end_node()?;
        let IdWriter {
            names,
            hosts,
            ids,
            merged,
            ..
        } = ids;
        let mut writer = writer;
        let num_nodes = names.finish(&mut writer)?;
        if let Some(hosts) = hosts {
            writer.finish_array(hosts)?;
        }
        let seen = (form == Form::Stream).then(|| SeenSources::of(num_nodes));
        let work_bytes = work_bytes - ids.memory_bytes();
        let sorting = match form {
            Form::Arrays => work_bytes,
            Form::Stream => sorting_bytes(work_bytes),
        };
        let sorter = Sorter::new(&self.tmp, sorting);
        Ok(NumberedGraphBuilder {
            options: self.options,
            tmp: self.tmp,
            writer,
            num_nodes,
            ids,
            merged,
            sorter,
            seen,
        })
    }
}

fn flags(node_hosts: bool, self_loops: bool) -> Flags {
    Flags {
        names: true,
        incoming: true,
        edge_pages: false,
        node_pages: false,
        node_hosts,
        self_loops,
    }
}

impl Held {
    fn memory_bytes(&self) -> usize {
        self.names.capacity() + self.nodes.capacity() * size_of::<HeldNode>()
    }

    fn sort(&mut self) {
        let names = &self.names;
        let key = |node: &HeldNode| (name_of(names, node), node.facts.row);
        self.nodes
            .par_sort_unstable_by(|one, other| key(one).cmp(&key(other)));
    }

    fn each(&self, each: &mut impl FnMut(&[u8], Facts) -> Result<(), Error>) -> Result<(), Error> {
        self.nodes
            .iter()
            .try_for_each(|node| each(name_of(&self.names, node), node.facts))
    }
}

fn name_of<'a>(names: &'a [u8], node: &HeldNode) -> &'a [u8] {
    &names[node.start..node.start + usize::from(node.name_bytes)]
}

/// A run in scratch: for each node row, number, hosts, length of the name, name.
struct RunWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl RunWriter {
    fn create(path: PathBuf) -> Result<Self, Error> {
        let file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(RunWriter { path, file })
    }

    fn push(&mut self, name: &[u8], facts: Facts) -> Result<(), Error> {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&facts.row.to_le_bytes());
        head[4..8].copy_from_slice(&facts.number.to_le_bytes());
        head[8..12].copy_from_slice(&facts.hosts.to_le_bytes());
        head[12..].copy_from_slice(&(name.len() as u16).to_le_bytes());
        let written = self.file.write_all(&head);
        let written = written.and_then(|()| self.file.write_all(name));
        written.map_err(Error::io(&self.path, "write"))
    }

    fn finish(mut self) -> Result<PathBuf, Error> {
        self.file.flush().map_err(Error::io(&self.path, "write"))?;
        Ok(self.path)
    }
}

const HEAD_BYTES: usize = 14;

struct RunReader<'a> {
    path: &'a Path,
    file: BufReader<File>,
    left: u64,
}

impl<'a> RunReader<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        let left = file.metadata().map_err(Error::io(path, "read"))?.len();
        let file = BufReader::with_capacity(1 << 15, file);
        Ok(RunReader { path, file, left })
    }

    /// Reads the next node, its name into `name`; `None` at the end.
    fn next(&mut self, name: &mut Vec<u8>) -> Result<Option<Facts>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        let read = self.file.read_exact(&mut head).and_then(|()| {
            name.resize(usize::from(u16::from_le_bytes([head[12], head[13]])), 0);
            self.file.read_exact(name)
        });
        read.map_err(Error::io(self.path, "read"))?;
        self.left = self.left.saturating_sub((HEAD_BYTES + name.len()) as u64);
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("4 bytes"));
        Ok(Some(Facts {
            row: number(0),
            number: number(4),
            hosts: number(8),
        }))
    }
}

/// Merges until no more runs are left than may be open.
fn merge_to_few(
    runs: Vec<PathBuf>,
    scratch: &mut Scratch,
    tick: &mut Tick<'_>,
) -> Result<Vec<PathBuf>, Error> {
    let mut runs = std::collections::VecDeque::from(runs);
    while runs.len() > FAN_IN {
        let group: Vec<PathBuf> = runs.drain(..FAN_IN).collect();
        let mut merged = RunWriter::create(scratch.new_path()?)?;
        merge_runs(&group, &mut |name, facts| {
            tick.edges(1)?;
            merged.push(name, facts)
        })?;
        for run in &group {
            std::fs::remove_file(run).map_err(Error::io(run, "remove"))?;
        }
        runs.push_back(merged.finish()?);
    }
    Ok(runs.into())
}

/// Calls `each` for the nodes of all runs in order of name, then row.
fn merge_runs(
    runs: &[PathBuf],
    each: &mut impl FnMut(&[u8], Facts) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut readers = Vec::with_capacity(runs.len());
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for (run, path) in runs.iter().enumerate() {
        let mut reader = RunReader::open(path)?;
        let mut name = Vec::new();
        if let Some(facts) = reader.next(&mut name)? {
            heads.push(Reverse((name, facts, run)));
        }
        readers.push(reader);
    }
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((name, facts, run)) = &mut *head;
        each(name, *facts)?;
        // Replacing the head sifts once; popping and pushing would sift twice.
        match readers[*run].next(name)? {
            Some(next) => *facts = next,
            None => drop(PeekMut::pop(head)),
        }
    }
    Ok(())
}

/// Takes nodes in order of name and writes them.
struct IdWriter {
    names: NamesWriter,
    hosts: Option<ArrayWriter<u32>>,
    ids: Ids,
    table_len: usize,
    memory_bytes: usize,
    last: Option<Node>,
    merged: u64,
}

/// The node whose rows are coming.
struct Node {
    name: Vec<u8>,
    id: u32,
    hosts: u32,
}

impl IdWriter {
    fn push(&mut self, name: &[u8], facts: Facts) -> Result<(), Error> {
        let id = match &mut self.last {
            Some(node) if node.name == name => {
                node.hosts = add_hosts(node, facts.hosts)?;
                self.merged += 1;
                node.id
            }
            _ => self.begin_node(name, facts.hosts)?,
        };
        if let Ids::Same(nodes) = &mut self.ids {
            if facts.number == id && id == *nodes {
                *nodes += 1;
                return Ok(());
            }
            self.ids = Ids::Table(table_of_same(*nodes, self.table_len, self.memory_bytes)?);
        }
        let Ids::Table(table) = &mut self.ids else {
            unreachable!("made a table above")
        };
        let place = &mut table[facts.number as usize];
        if *place != NO_NODE {
            return Err(Error::Repeated {
                what: "id",
                row: u64::from(facts.row),
            });
        }
        *place = id;
        Ok(())
    }

    fn begin_node(&mut self, name: &[u8], hosts: u32) -> Result<u32, Error> {
        self.end_node()?;
        let id = self.names.push(name)?;
        match &mut self.last {
            Some(node) => {
                name.clone_into(&mut node.name);
                (node.id, node.hosts) = (id, hosts);
            }
            None => {
                let name = name.to_vec();
                self.last = Some(Node { name, id, hosts });
            }
        }
        Ok(id)
    }

    /// Writes what is known when all rows of a node have come.
    fn end_node(&mut self) -> Result<(), Error> {
        match (&mut self.hosts, &self.last) {
            (Some(hosts), Some(node)) => hosts.push(node.hosts),
            _ => Ok(()),
        }
    }
}

fn add_hosts(node: &Node, hosts: u32) -> Result<u32, Error> {
    node.hosts.checked_add(hosts).ok_or_else(|| Error::Option {
        option: "hosts",
        expected: "numbers of one node that add up within 32 bits".to_owned(),
        found: format!("{} and {hosts}", node.hosts),
    })
}

/// From numbers to ids.
enum Ids {
    /// So many nodes so far have the number that is their id.
    Same(u32),
    Table(Vec<u32>),
}

impl Ids {
    fn memory_bytes(&self) -> usize {
        match self {
            Ids::Same(_) => 0,
            Ids::Table(table) => table.capacity() * size_of::<u32>(),
        }
    }
}

fn table_of_same(nodes: u32, len: usize, memory_bytes: usize) -> Result<Vec<u32>, Error> {
    let needed = len * size_of::<u32>();
    let too_much = || Error::Memory {
        what: "the table from the numbers of nodes, which are not in the order of names, to ids",
        needed: needed as u64,
    };
    let mut table = Vec::new();
    if needed > memory_bytes || table.try_reserve_exact(len).is_err() {
        return Err(too_much());
    }
    table.extend(0..nodes);
    table.resize(len, NO_NODE);
    Ok(table)
}

/// Collects edges between the nodes of a [`NumberedNodes`] and writes them as a graph.
pub struct NumberedGraphBuilder {
    options: IdGraphOptions,
    tmp: PathBuf,
    writer: GraphWriter,
    num_nodes: u64,
    ids: Ids,
    merged: u64,
    sorter: Sorter<u64>,
    /// For a graph that carries only its stream: its edges are sorted turned round.
    seen: Option<SeenSources>,
}

impl NumberedGraphBuilder {
    /// Returns the id of the node that came with that number.
    #[inline]
    pub fn id(&self, number: u32) -> Option<u32> {
        match &self.ids {
            Ids::Same(nodes) => (number < *nodes).then_some(number),
            Ids::Table(table) => {
                let id = table.get(number as usize).copied();
                id.filter(|id| *id != NO_NODE)
            }
        }
    }

    /// Whether any node has another id than its number.
    pub fn is_renumbered(&self) -> bool {
        matches!(self.ids, Ids::Table(_))
    }

    /// Returns the number of nodes.
    pub fn num_nodes(&self) -> u64 {
        self.num_nodes
    }

    /// Returns how many rows gave a name again: so many nodes more had come.
    pub fn num_merged(&self) -> u64 {
        self.merged
    }

    /// Adds an edge between two ids, which [`id`](Self::id) gave.
    ///
    /// # Errors
    /// [`Error::Option`] for an id that no node has; [`Error::Io`] from a sorted run.
    #[inline]
    pub fn push(&mut self, source: u32, target: u32) -> Result<(), Error> {
        let largest = source.max(target);
        if u64::from(largest) >= self.num_nodes {
            return Err(Error::Option {
                option: "edge",
                expected: format!("ids below {}", self.num_nodes),
                found: largest.to_string(),
            });
        }
        match &self.seen {
            None => self.sorter.push(Record::new(source, target, 1)),
            Some(seen) => {
                if source != target || self.options.self_loops == SelfLoops::Keep {
                    seen.add(source);
                }
                self.sorter.push(Record::new(target, source, 1))
            }
        }
    }

    /// An upper bound of the bytes that [`finish`](Self::finish) is still going to write.
    pub fn file_bytes(&self) -> u64 {
        match &self.seen {
            None => 16 * self.num_nodes + 8 * self.sorter.pushed(),
            Some(_) => stream_builder::file_bytes(self.num_nodes, &self.sorter),
        }
    }

    /// Writes the graph and opens it.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `progress` says so; [`Error::Exists`]; [`Error::Io`]; [`Error::Option`] when another form
    /// was chosen, which [`finish_as`](Self::finish_as) makes. Nothing is left behind.
    pub fn finish(
        self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph, Error> {
        if self.seen.is_some() {
            return Err(Error::Option {
                option: "form",
                expected: "arrays".to_owned(),
                found: "stream".to_owned(),
            });
        }
        drop(self.ids);
        let tick = &mut Tick::new(progress);
        write_edges(
            self.sorter,
            self.num_nodes,
            self.writer,
            &self.tmp,
            &self.options,
            tick,
        )
    }

    /// As [`finish`](Self::finish), in the form that was chosen when the [nodes ended](NumberedNodes::finish_as).
    ///
    /// # Errors
    /// As there; [`Error::Memory`] when the out-degrees of a graph that carries only its stream exceed the budget.
    pub fn finish_as(
        mut self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph<AnyGraph>, Error> {
        let Some(seen) = self.seen.take() else {
            return self.finish(progress).map(IdGraph::into_any);
        };
        drop(self.ids);
        let tick = &mut Tick::new(progress);
        let (n, options) = (self.num_nodes, &self.options);
        write_stream(self.sorter, n, self.writer, seen, options, tick).map(IdGraph::into_any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Graph;
    use std::collections::BTreeMap;

    type Row = (u32, String, Option<u32>);

    fn build(
        rows: &[Row],
        edges: &[(u32, u32)],
        memory_bytes: usize,
        out: &Path,
    ) -> Result<Graph, Error> {
        let tmp = tempfile::tempdir().unwrap();
        let options = IdGraphOptions {
            memory_bytes,
            ..IdGraphOptions::default()
        };
        let mut nodes = NumberedNodes::new(tmp.path(), options)?;
        for (number, name, hosts) in rows {
            nodes.push(*number, name.as_bytes(), *hosts)?;
        }
        let go_on = &mut |_| ControlFlow::Continue(());
        let mut builder = nodes.finish(out, go_on)?;
        for (source, target) in edges {
            let id = |number| builder.id(number).expect("a node of the test");
            let edge = (id(*source), id(*target));
            builder.push(edge.0, edge.1)?;
        }
        let graph = builder.finish(go_on)?.graph;
        assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
        Ok(graph)
    }

    /// Rows in an order of their own under numbers with gaps, more than fit the least memory, and more runs than a merge takes.
    fn scattered() -> (Vec<Row>, Vec<(u32, u32)>) {
        let numbers = (0..40_000u32).map(|i| i * 7_919 % 40_009);
        let name = |number: u32| format!("com.host-{:x}", number.wrapping_mul(2_654_435_761));
        let rows: Vec<Row> = numbers
            .map(|number| (number, name(number), Some(number + 1)))
            .collect();
        let edges = rows.windows(2).map(|pair| (pair[0].0, pair[1].0));
        let edges = edges.collect();
        (rows, edges)
    }

    #[test]
    fn any_order_and_any_memory_give_the_graph_of_the_names() {
        let (rows, edges) = scattered();
        let by_name: BTreeMap<&str, (u32, u32)> = rows
            .iter()
            .map(|(number, name, hosts)| (name.as_str(), (*number, hosts.unwrap())))
            .collect();
        let name_of: BTreeMap<u32, &str> = rows
            .iter()
            .map(|(number, name, _)| (*number, name.as_str()))
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        // The second is short of memory: 4 MiB are for the writers, the table of numbers has to fit half of the rest.
        for (place, memory) in [("large", 1 << 30), ("small", (4 << 20) + (330 << 10))] {
            let graph = build(&rows, &edges, memory, &dir.path().join(place)).unwrap();
            graph.verify().unwrap();
            let names = graph.names().unwrap();
            let found: Vec<&[u8]> = names.iter().collect();
            let expected: Vec<&[u8]> = by_name.keys().map(|name| name.as_bytes()).collect();
            assert_eq!(found, expected);
            let hosts: Vec<u32> = by_name.values().map(|&(_, hosts)| hosts).collect();
            assert_eq!(graph.node_hosts().unwrap(), hosts);
            for (source, target) in &edges {
                let id = |number: &u32| names.find(name_of[number].as_bytes()).unwrap();
                assert!(graph.outgoing().neighbors(id(source)).contains(&id(target)));
            }
            assert_eq!(graph.num_edges(), edges.len() as u64);
            let mut files: Vec<_> = graph.array_files().map(|(_, path)| path).collect();
            files.sort();
            bytes.push(
                files
                    .iter()
                    .map(|path| std::fs::read(path).unwrap())
                    .collect::<Vec<_>>(),
            );
        }
        assert_eq!(bytes[0], bytes[1]);
    }

    #[test]
    fn many_runs_are_merged_in_turns() {
        let tmp = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(tmp.path());
        let mut runs = Vec::new();
        for number in (0..3 * FAN_IN as u32).rev() {
            let mut run = RunWriter::create(scratch.new_path().unwrap()).unwrap();
            let facts = Facts {
                row: number,
                number,
                hosts: 0,
            };
            run.push(format!("{number:04}").as_bytes(), facts).unwrap();
            runs.push(run.finish().unwrap());
        }
        let few = merge_to_few(runs, &mut scratch, &mut Tick::silent()).unwrap();
        assert!(few.len() <= FAN_IN);
        let mut numbers = Vec::new();
        merge_runs(&few, &mut |_, facts| {
            numbers.push(facts.number);
            Ok(())
        })
        .unwrap();
        assert!(numbers.into_iter().eq(0..3 * FAN_IN as u32));
    }

    #[test]
    fn what_is_given_twice_is_named_by_its_row() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("g");
        let row = |number, name: &str| (number, name.to_owned(), None);
        for (rows, what, at) in [
            (vec![row(0, "a"), row(0, "b")], "id", 1),
            (vec![row(5, "a"), row(1, "b"), row(5, "c")], "id", 2),
        ] {
            let found = build(&rows, &[], 1 << 30, &out).unwrap_err();
            assert!(
                matches!(found, Error::Repeated { what: of, row } if of == what && row == at),
                "{found}"
            );
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn rows_of_one_name_are_one_node() {
        let dir = tempfile::tempdir().unwrap();
        let row = |number, name: &str, hosts| (number, name.to_owned(), Some(hosts));
        let edges = [(0, 1), (3, 1), (2, 0), (0, 3)];
        for (place, memory) in [("a", 1 << 30), ("b", 0)] {
            let rows = [
                row(0, "a", 2),
                row(1, "b", 1),
                row(2, "c", 4),
                row(3, "a", 7),
            ];
            let graph = build(&rows, &edges, memory, &dir.path().join(place)).unwrap();
            graph.verify().unwrap();
            let names: Vec<&[u8]> = graph.names().unwrap().iter().collect();
            assert_eq!(names, [b"a", b"b", b"c"]);
            assert_eq!(graph.node_hosts().unwrap(), [9, 1, 4]);
            let lists: Vec<&[u32]> = (0..3).map(|id| graph.outgoing().neighbors(id)).collect();
            assert_eq!(
                lists,
                [&[1][..], &[], &[0]],
                "an edge within a node is a self-loop"
            );
        }
        let rows = [row(0, "a", u32::MAX), row(1, "a", 1)];
        let found = build(&rows, &[], 1 << 30, &dir.path().join("c")).unwrap_err();
        assert!(matches!(found, Error::Option { .. }), "{found}");
    }

    #[test]
    fn far_numbers_out_of_order_need_their_memory() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [(4_000_000_000, "a".to_owned(), None)];
        let found = build(&rows, &[], 1 << 30, &dir.path().join("g")).unwrap_err();
        assert!(
            matches!(
                found,
                Error::Memory {
                    needed: 16_000_000_004,
                    ..
                }
            ),
            "{found}"
        );
    }

    #[test]
    fn no_nodes_are_a_graph_too() {
        let dir = tempfile::tempdir().unwrap();
        let graph = build(&[], &[], 1 << 30, &dir.path().join("g")).unwrap();
        assert_eq!((graph.num_nodes(), graph.num_edges()), (0, 0));
    }
}
