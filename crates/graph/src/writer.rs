//! Writes graph directories: temporary beside the final name, sync, rename.

use crate::Error;
use crate::array::{ArrayInfo, ArrayWriter, Element};
use crate::by_target::Lists;
use crate::graph::{Graph, OneWayGraph};
use crate::interner::LocalNames;
use crate::manifest::{CHECKSUMS, Flags, MANIFEST, MAX_NODES, Manifest, Slot, layout};
use crate::merge::Tick;
use crate::sorter::Record;
use crate::stream::{self, RankingStream, STREAM};
use crate::stream_graph::StreamGraph;
use crate::syncer::Syncer;
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Memory that the writers of one graph hold together, with the buffers of a merge's id maps.
pub(crate) const WRITE_BUFFERS_BYTES: usize = 4 << 20;

/// Bytes that are copied between two looks at the caller.
const COPIED_PER_TICK: u64 = 64 << 20;

/// The least working memory that sorting gets, however small the budget.
pub(crate) const MIN_WORK_BYTES: usize = 16 << 10;

/// Returns what of a memory budget is left for sorting.
pub(crate) fn work_bytes(memory_bytes: usize) -> usize {
    memory_bytes
        .saturating_sub(WRITE_BUFFERS_BYTES)
        .max(MIN_WORK_BYTES)
}

/// A graph directory being written. Dropped before [`finish`](Self::finish), it leaves nothing.
pub(crate) struct GraphWriter {
    out: PathBuf,
    temporary: TempDir,
    durable: bool,
    /// Syncs arrays; none for scratch.
    syncer: Option<Syncer>,
    flags: Flags,
    infos: Vec<ArrayInfo>,
}

impl GraphWriter {
    /// Starts a graph that will be at `out`, in the hidden directory `.NAME.tmp-…` beside it.
    pub(crate) fn create(out: &Path, flags: Flags) -> Result<Self, Error> {
        Self::create_at(out, flags, "")
    }

    /// `suffix`: end of the temporary name, which is otherwise drawn.
    fn create_at(out: &Path, flags: Flags, suffix: &str) -> Result<Self, Error> {
        check_free(out)?;
        let parent = parent_of(out);
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        let drawn = if suffix.is_empty() { 6 } else { 0 };
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{name}.tmp-"))
            .suffix(suffix)
            .rand_bytes(drawn)
            // As `mkdir` would: the umask decides, not the private default of temporary files.
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(parent)
            .map_err(Error::io(parent, "create a directory in"))?;
        Ok(GraphWriter {
            out: out.to_path_buf(),
            temporary,
            durable: true,
            syncer: Some(Syncer::start(parent)?),
            flags,
            infos: Vec::new(),
        })
    }

    /// As [`create`](Self::create), for one process at a time: what a killed one has left goes away first.
    pub(crate) fn create_again(out: &Path, flags: Flags) -> Result<Self, Error> {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        let leftover = parent_of(out).join(format!(".{name}.tmp-again"));
        match std::fs::remove_dir_all(&leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(&leftover, "remove")(error));
            }
            _ => {}
        }
        Self::create_at(out, flags, "again")
    }

    /// Starts a scratch graph: nothing is synced, since after a crash nobody reads it.
    pub(crate) fn create_scratch(out: &Path, flags: Flags) -> Result<Self, Error> {
        Ok(GraphWriter {
            durable: false,
            syncer: None,
            ..Self::create(out, flags)?
        })
    }

    /// The temporary directory, where finished arrays can already be mapped.
    pub(crate) fn dir(&self) -> &Path {
        self.temporary.path()
    }

    pub(crate) fn flags(&self) -> Flags {
        self.flags
    }

    pub(crate) fn array<T: Element>(&self, name: &'static str) -> Result<ArrayWriter<T>, Error> {
        ArrayWriter::create_durable(self.dir(), name, self.syncer.as_ref().map(Syncer::handle))
    }

    pub(crate) fn finish_array<T: Element>(&mut self, array: ArrayWriter<T>) -> Result<(), Error> {
        self.infos.push(array.finish()?);
        Ok(())
    }

    /// Puts the graph under its final name and opens it.
    pub(crate) fn finish(self, num_nodes: u64, num_edges: u64) -> Result<Graph, Error> {
        self.finish_with(num_nodes, num_edges, &mut Tick::silent())
    }

    /// As [`finish`](Self::finish); `tick` is told of the edges put into the stream, and may end it.
    pub(crate) fn finish_with(
        mut self,
        num_nodes: u64,
        num_edges: u64,
        tick: &mut Tick<'_>,
    ) -> Result<Graph, Error> {
        self.describe(num_nodes, num_edges, None)?;
        let graph = Graph::open_without_stream(self.dir())?;
        stream::write(&graph, &self.stream_path(), self.durable, tick)?;
        self.commit_checked(|dir| Graph::open(dir))
    }

    /// As [`finish`](Self::finish), for a graph without incoming edges.
    pub(crate) fn finish_one_way(
        mut self,
        num_nodes: u64,
        num_edges: u64,
    ) -> Result<OneWayGraph, Error> {
        self.describe(num_nodes, num_edges, None)?;
        self.commit_checked(OneWayGraph::open)
    }

    /// Where the ranking stream goes.
    pub(crate) fn stream_path(&self) -> PathBuf {
        self.dir().join(STREAM)
    }

    /// Takes the stream of another graph of the same edges; `tick` may end it.
    pub(crate) fn copy_stream(&self, from: &Path, tick: &mut Tick<'_>) -> Result<(), Error> {
        let path = self.stream_path();
        let given = File::open(from).map_err(Error::io(from, "read"))?;
        let mut file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        // The system copies a piece without showing it to us.
        let mut copy = || std::io::copy(&mut (&given).take(COPIED_PER_TICK), &mut file);
        while copy().map_err(Error::io(&path, "write"))? > 0 {
            tick.ask()?;
        }
        file.sync_all().map_err(Error::io(&path, "sync"))
    }

    /// As [`finish`](Self::finish), for a graph whose stream is there already.
    pub(crate) fn finish_with_stream(
        mut self,
        num_nodes: u64,
        num_edges: u64,
    ) -> Result<Graph, Error> {
        self.describe(num_nodes, num_edges, None)?;
        self.commit_checked(|dir| {
            let graph = Graph::open(dir)?;
            RankingStream::of(&graph, &dir.join(STREAM))?;
            Ok(graph)
        })
    }

    /// As [`finish`](Self::finish), for a graph whose edges are all in its [stream](Self::stream_path), which is written.
    pub(crate) fn finish_stream(mut self) -> Result<StreamGraph, Error> {
        let stream = RankingStream::open(&self.stream_path())?;
        let (n, m) = (stream.num_nodes(), stream.num_edges());
        self.describe(n, m, Some(stream.hash()))?;
        self.commit_checked(|dir| StreamGraph::open(dir))
    }

    /// Writes checksums and manifest; `only_stream` is the checksum of the stream where there are no arrays of edges.
    fn describe(
        &mut self,
        num_nodes: u64,
        num_edges: u64,
        only_stream: Option<u64>,
    ) -> Result<(), Error> {
        let slots = layout(self.flags, only_stream.is_none(), num_nodes, num_edges);
        let infos = self.infos_in_order(&slots);
        let checksums: Vec<u64> = infos
            .iter()
            .flat_map(|info| info.checksums.iter().copied())
            .collect();
        let mut writer = self.array::<u64>(CHECKSUMS)?;
        writer.extend(&checksums)?;
        writer.finish()?;
        let manifest = Manifest::new(
            num_nodes,
            num_edges,
            self.flags,
            &infos,
            &checksums,
            only_stream,
        );
        self.write_manifest(&manifest)
    }

    /// Puts the graph under its final name and opens it there, if it can be opened where it is: a fault of ours, or of the
    /// disk, leaves nothing under that name.
    fn commit_checked<G>(self, open: impl Fn(&Path) -> Result<G, Error>) -> Result<G, Error> {
        open(self.dir())?;
        open(&self.commit()?)
    }

    fn commit(mut self) -> Result<PathBuf, Error> {
        if let Some(syncer) = self.syncer.take() {
            syncer.finish()?;
        }
        if self.durable {
            sync_dir(self.dir())?;
        }
        rename_to_free_name(self.dir(), &self.out)?;
        self.temporary.disable_cleanup(true);
        if self.durable {
            sync_dir(parent_of(&self.out))?;
        }
        Ok(self.out)
    }

    fn infos_in_order(&mut self, slots: &[Slot]) -> Vec<ArrayInfo> {
        let infos = std::mem::take(&mut self.infos);
        assert_eq!(
            infos.len(),
            slots.len(),
            "a writer fills the arrays its flags name"
        );
        let find = |name| infos.iter().find(|info| info.name == name).cloned();
        slots
            .iter()
            .map(|slot| find(slot.name).expect("a writer fills the arrays its flags name"))
            .collect()
    }

    fn write_manifest(&self, manifest: &Manifest) -> Result<(), Error> {
        let path = self.dir().join(MANIFEST);
        let mut file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        file.write_all(&manifest.to_bytes())
            .map_err(Error::io(&path, "write"))?;
        if self.durable {
            file.sync_all().map_err(Error::io(&path, "sync"))?;
        }
        Ok(())
    }
}

/// Writes the names of a graph's nodes, in byte order.
pub(crate) struct NamesWriter {
    bytes: ArrayWriter<u8>,
    offsets: ArrayWriter<u64>,
    /// [`MAX_NODES`], except in tests.
    max_nodes: u64,
}

impl NamesWriter {
    pub(crate) fn create(writer: &GraphWriter) -> Result<Self, Error> {
        let mut offsets = writer.array("name_offsets")?;
        offsets.push(0)?;
        Ok(NamesWriter {
            bytes: writer.array("names")?,
            offsets,
            max_nodes: MAX_NODES,
        })
    }

    /// Whether there is no name yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.offsets.len() == 1
    }

    /// Takes the next name and returns its id.
    pub(crate) fn push(&mut self, name: &[u8]) -> Result<u32, Error> {
        let id = self.offsets.len() - 1;
        check_num_nodes(id + 1, self.max_nodes)?;
        self.bytes.extend(name)?;
        self.offsets.push(self.bytes.len())?;
        Ok(id as u32)
    }

    /// Takes the next names.
    pub(crate) fn extend(&mut self, names: &LocalNames) -> Result<(), Error> {
        let num_nodes = self.offsets.len() - 1 + names.len() as u64;
        check_num_nodes(num_nodes, self.max_nodes)?;
        let before = self.bytes.len();
        self.bytes.extend(names.all())?;
        let offset = |end: &u32| before + u64::from(*end);
        self.offsets.extend_of(names.ends(), offset)
    }

    /// Returns the number of names.
    pub(crate) fn finish(self, writer: &mut GraphWriter) -> Result<u64, Error> {
        let num_nodes = self.offsets.len() - 1;
        writer.finish_array(self.bytes)?;
        writer.finish_array(self.offsets)?;
        Ok(num_nodes)
    }
}

pub(crate) fn check_num_nodes(found: u64, limit: u64) -> Result<(), Error> {
    match found <= limit {
        true => Ok(()),
        false => Err(Error::TooManyNodes { found, limit }),
    }
}

/// Returns how many nodes a graph has for which so many were asked, or none, and whose ids need `least`.
pub(crate) fn checked_num_nodes(asked: Option<u64>, least: u64) -> Result<u64, Error> {
    let num_nodes = asked.unwrap_or(least);
    check_num_nodes(num_nodes, MAX_NODES)?;
    match num_nodes >= least {
        true => Ok(num_nodes),
        false => Err(Error::Option {
            option: "num_nodes",
            expected: format!("at least {least}, the largest id + 1"),
            found: num_nodes.to_string(),
        }),
    }
}

/// Which way an adjacency's edges are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Outgoing,
    Incoming,
}

/// Writes one direction's edges, which come sorted and unique.
pub(crate) struct AdjacencyWriter {
    offsets: ArrayWriter<u64>,
    targets: ArrayWriter<u32>,
    pages: Option<ArrayWriter<u32>>,
}

/// Lists that are begun between two looks at the caller.
const LISTS_PER_TICK: u64 = 1 << 20;

impl AdjacencyWriter {
    pub(crate) fn create(writer: &GraphWriter, direction: Direction) -> Result<Self, Error> {
        let [offsets, targets, pages] = match direction {
            Direction::Outgoing => ["out_offsets", "out_targets", "out_pages"],
            Direction::Incoming => ["in_offsets", "in_targets", "in_pages"],
        };
        Ok(AdjacencyWriter {
            offsets: writer.array(offsets)?,
            targets: writer.array(targets)?,
            pages: writer
                .flags()
                .edge_pages
                .then(|| writer.array(pages))
                .transpose()?,
        })
    }

    /// Takes the next edge; sources never decrease.
    #[inline]
    pub(crate) fn push(&mut self, source: u32, target: u32, pages: u32) -> Result<(), Error> {
        self.begin_lists_to(u64::from(source))?;
        self.targets.push(target)?;
        match &mut self.pages {
            Some(writer) => writer.push(pages),
            None => Ok(()),
        }
    }

    /// Takes the next edges, sorted by source, then target.
    pub(crate) fn extend<R: Record>(
        &mut self,
        edges: &[R],
        tick: &mut Tick<'_>,
    ) -> Result<(), Error> {
        let before = self.targets.len();
        let mut next = self.offsets.len();
        for (place, edge) in edges.iter().enumerate() {
            let source = u64::from(edge.first());
            if source >= next {
                self.begin_lists_at(source, before + place as u64, tick)?;
                next = source + 1;
            }
        }
        self.targets.extend_of(edges, |edge| edge.second())?;
        match &mut self.pages {
            Some(pages) => pages.extend_of(edges, |edge| edge.pages()),
            None => Ok(()),
        }
    }

    /// Takes the lists of the next nodes, or more of the last ones.
    pub(crate) fn extend_lists(&mut self, lists: &Lists, tick: &mut Tick<'_>) -> Result<(), Error> {
        tick.edges((lists.lengths.len() + lists.sources.len()) as u64)?;
        let mut start = self.targets.len();
        for &length in &lists.lengths {
            self.offsets.push(start)?;
            start += u64::from(length);
        }
        self.targets.extend(&lists.sources)?;
        match &mut self.pages {
            Some(pages) => pages.extend(&lists.pages),
            None => Ok(()),
        }
    }

    /// Begins the lists of all nodes up to this one, which may be billions: `tick` may end it.
    pub(crate) fn begin_lists(&mut self, node: u64, tick: &mut Tick<'_>) -> Result<(), Error> {
        self.begin_lists_at(node, self.targets.len(), tick)
    }

    /// As [`begin_lists`](Self::begin_lists), behind `edges` edges.
    fn begin_lists_at(&mut self, node: u64, edges: u64, tick: &mut Tick<'_>) -> Result<(), Error> {
        while self.offsets.len() <= node {
            let next = node.min(self.offsets.len() + LISTS_PER_TICK);
            tick.edges(next - self.offsets.len())?;
            while self.offsets.len() <= next {
                self.offsets.push(edges)?;
            }
        }
        Ok(())
    }

    fn begin_lists_to(&mut self, node: u64) -> Result<(), Error> {
        while self.offsets.len() <= node {
            self.offsets.push(self.targets.len())?;
        }
        Ok(())
    }

    /// Returns the number of edges.
    pub(crate) fn finish(mut self, num_nodes: u64, writer: &mut GraphWriter) -> Result<u64, Error> {
        self.begin_lists_to(num_nodes)?;
        let num_edges = self.targets.len();
        writer.finish_array(self.offsets)?;
        writer.finish_array(self.targets)?;
        if let Some(pages) = self.pages {
            writer.finish_array(pages)?;
        }
        Ok(num_edges)
    }
}

/// A scratch directory that is made on first use and removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    parent: PathBuf,
    dir: Option<TempDir>,
    made: u64,
}

impl Scratch {
    pub(crate) fn new(parent: &Path) -> Self {
        Scratch {
            parent: parent.to_path_buf(),
            dir: None,
            made: 0,
        }
    }

    /// Returns a path in the scratch directory that nothing has yet.
    pub(crate) fn new_path(&mut self) -> Result<PathBuf, Error> {
        if self.dir.is_none() {
            let made = tempfile::Builder::new()
                .prefix(".graph.tmp-")
                .tempdir_in(&self.parent);
            self.dir = Some(made.map_err(Error::io(&self.parent, "create a directory in"))?);
        }
        let dir = self.dir.as_ref().expect("made above");
        self.made += 1;
        Ok(dir.path().join(self.made.to_string()))
    }

    /// As [`new_path`](Self::new_path), with an empty directory at it.
    pub(crate) fn new_dir(&mut self) -> Result<PathBuf, Error> {
        let path = self.new_path()?;
        std::fs::create_dir(&path).map_err(Error::io(&path, "create"))?;
        Ok(path)
    }
}

/// Finds out before the work starts that the output is in the way or unnameable.
pub(crate) fn check_free(out: &Path) -> Result<(), Error> {
    if out.file_name().is_none() {
        let found = out.display().to_string();
        return Err(Error::Option {
            option: "out",
            expected: "a path that ends in a name".to_owned(),
            found,
        });
    }
    match out.symlink_metadata() {
        Ok(_) => Err(Error::Exists {
            path: out.to_path_buf(),
        }),
        Err(_) => Ok(()),
    }
}

pub(crate) fn parent_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn rename_to_free_name(from: &Path, to: &Path) -> Result<(), Error> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(Error::Exists {
            path: to.to_path_buf(),
        }),
        // Some file systems know no such flag; then two steps have to do.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            check_free(to)?;
            std::fs::rename(from, to).map_err(Error::io(to, "rename a directory to"))
        }
        Err(error) => Err(Error::io(to, "rename a directory to")(error.into())),
    }
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(Error::io(dir, "sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> Flags {
        Flags {
            names: true,
            incoming: false,
            edge_pages: false,
            node_pages: false,
            node_hosts: false,
            self_loops: false,
        }
    }

    #[test]
    fn one_node_too_many_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let writer = GraphWriter::create(&dir.path().join("graph"), flags()).unwrap();
        let mut names = NamesWriter::create(&writer).unwrap();
        names.max_nodes = 2;
        assert_eq!(names.push(b"a").unwrap(), 0);
        assert_eq!(names.push(b"b").unwrap(), 1);
        let error = names.push(b"c").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a graph holds at most 2 nodes, found 3; split the input or fold it to domains"
        );
        drop(writer);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_taken_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("graph");
        let mut writer = GraphWriter::create(&out, flags()).unwrap();
        NamesWriter::create(&writer)
            .unwrap()
            .finish(&mut writer)
            .unwrap();
        let adjacency = AdjacencyWriter::create(&writer, Direction::Outgoing).unwrap();
        adjacency.finish(0, &mut writer).unwrap();
        std::fs::create_dir(&out).unwrap();
        assert!(matches!(
            writer.finish_one_way(0, 0),
            Err(Error::Exists { .. })
        ));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_opened_gets_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = GraphWriter::create(&dir.path().join("graph"), flags()).unwrap();
        let names = NamesWriter::create(&writer).unwrap();
        names.finish(&mut writer).unwrap();
        let adjacency = AdjacencyWriter::create(&writer, Direction::Outgoing).unwrap();
        adjacency.finish(0, &mut writer).unwrap();
        let finished = writer.finish_one_way(1, 0);
        assert!(matches!(finished, Err(Error::Corrupt { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn copying_a_stream_ends_when_asked_to() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("stream");
        std::fs::write(&from, [7; 1000]).unwrap();
        let writer = GraphWriter::create(&dir.path().join("graph"), flags()).unwrap();
        let stop = &mut |_| std::ops::ControlFlow::Break(());
        let copied = writer.copy_stream(&from, &mut Tick::new(stop));
        assert!(matches!(copied, Err(Error::Interrupted)));
    }

    #[test]
    fn a_missing_parent_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = GraphWriter::create(&dir.path().join("no/graph"), flags())
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .contains("no: cannot create a directory in"),
            "{error}"
        );
    }
}
