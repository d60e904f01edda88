//! Edges between numbers on their way into a graph.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crawlrank_graph::{
    AnyGraph, IdGraph, IdGraphBuilder, IdGraphOptions, Start, StreamGraphBuilder,
};
use tempfile::TempDir;

use super::{FormName, Format, Making};
use crate::cli::Context;
use crate::commands::input::is_stdin;
use crate::error::{Error, Exit, Result};
use crate::run;

/// Edges that are handed on at a time, which all threads share.
pub(super) const BATCH: usize = 1 << 20;

/// Takes edges, many at a time, into sorted runs on disk.
pub(super) struct Edges {
    builder: Builder,
    batch: Vec<[u32; 2]>,
    _scratch: Option<TempDir>,
}

/// What makes a graph of edges, by its form.
enum Builder {
    Arrays(IdGraphBuilder),
    Stream(StreamGraphBuilder),
}

impl Builder {
    fn push_edges(
        &mut self,
        edges: &[[u32; 2]],
    ) -> std::result::Result<(), crawlrank_graph::Error> {
        match self {
            Builder::Arrays(builder) => builder.push_edges(edges),
            Builder::Stream(builder) => builder.push_edges(edges),
        }
    }
}

impl Edges {
    fn new(builder: Builder, scratch: Option<TempDir>) -> Self {
        Edges {
            builder,
            batch: Vec::with_capacity(BATCH),
            _scratch: scratch,
        }
    }

    #[inline]
    pub(super) fn push(
        &mut self,
        source: u32,
        target: u32,
    ) -> std::result::Result<(), crawlrank_graph::Error> {
        self.batch.push([source, target]);
        match self.batch.len() < BATCH {
            true => Ok(()),
            false => self.hand_on(),
        }
    }

    /// Takes edges that are many already.
    pub(super) fn push_many(
        &mut self,
        edges: &[[u32; 2]],
    ) -> std::result::Result<(), crawlrank_graph::Error> {
        self.hand_on()?;
        self.builder.push_edges(edges)
    }

    fn hand_on(&mut self) -> std::result::Result<(), crawlrank_graph::Error> {
        self.builder.push_edges(&self.batch)?;
        self.batch.clear();
        Ok(())
    }

    /// Makes the graph, of `nodes` nodes or of as many as the edges have.
    fn finish(
        mut self,
        nodes: Option<u64>,
        to: &Making,
        context: &Context,
    ) -> Result<IdGraph<AnyGraph>> {
        self.hand_on()?;
        to.check_space(match &self.builder {
            Builder::Arrays(builder) => builder.file_bytes(nodes),
            Builder::Stream(builder) => builder.file_bytes(nodes),
        })?;
        let go_on = &mut |_| context.interrupt.flow();
        let made = match self.builder {
            Builder::Arrays(builder) => {
                builder.finish(nodes, &to.out, go_on).map(IdGraph::into_any)
            }
            Builder::Stream(builder) => {
                builder.finish(nodes, &to.out, go_on).map(IdGraph::into_any)
            }
        };
        context.interrupt.or_stopped(made)
    }
}

/// A graph that is made of files of edges.
pub(super) struct EdgesImport<'a> {
    pub(super) to: &'a Making,
    pub(super) form: FormName,
    pub(super) format: Format,
    pub(super) files: &'a [PathBuf],
    pub(super) nodes: Option<u64>,
    pub(super) options: IdGraphOptions,
}

impl EdgesImport<'_> {
    /// Makes the graph of the edges that `read` pushes; it returns how many nodes there are, where the files say it.
    ///
    /// Files are read again by the same command when a process was stopped or killed, and what is in complete runs is passed over.
    /// The runs lie beside the graph, or in the folder for scratch, and stay only where going on makes sense.
    pub(super) fn make(
        &self,
        context: &Context,
        read: impl FnOnce(&mut Edges) -> Result<Option<u64>>,
    ) -> Result<IdGraph<AnyGraph>> {
        let (mut edges, kept) = match self.files.iter().any(|file| is_stdin(file)) {
            true => (self.begin()?, None),
            false => {
                let work = work_folder(self.to)?;
                (self.resume(&work)?, Some(work))
            }
        };
        let made = match read(&mut edges) {
            Ok(told) => edges.finish(self.nodes.or(told), self.to, context),
            Err(error) => {
                drop(edges);
                Err(error)
            }
        };
        if let Some(work) = kept {
            remove_refused(&made, &work)?;
        }
        made
    }

    fn begin(&self) -> Result<Edges> {
        let scratch = self.to.prepare()?;
        let (path, options) = (scratch.path(), self.options.clone());
        let builder = match self.form {
            FormName::Arrays => Builder::Arrays(IdGraphBuilder::new(path, options)?),
            FormName::Stream => Builder::Stream(StreamGraphBuilder::new(path, options)?),
        };
        Ok(Edges::new(builder, Some(scratch)))
    }

    fn resume(&self, work: &Path) -> Result<Edges> {
        let inputs = inputs(&format!("{:?}", self.format), self.files)?;
        let options = self.options.clone();
        let (builder, start) = match self.form {
            FormName::Arrays => {
                let (builder, start) = IdGraphBuilder::resume(work, &inputs, options)?;
                (Builder::Arrays(builder), start)
            }
            FormName::Stream => {
                let (builder, start) = StreamGraphBuilder::resume(work, &inputs, options)?;
                (Builder::Stream(builder), start)
            }
        };
        tell_start(&start);
        Ok(Edges::new(builder, None))
    }
}

pub(super) fn tell_start(start: &Start) {
    match start {
        Start::Resumed { edges } => {
            tracing::info!(edges, "going on behind edges that were read before");
        }
        Start::Anew => tracing::info!("beginning anew: the files are others than before"),
        _ => {}
    }
}

/// Removes what is kept of files that were refused: they are not going to be better the next time.
pub(super) fn remove_refused<T>(made: &Result<T>, work: &Path) -> Result<()> {
    match made {
        Err(error) if matches!(error.exit(), Exit::Refused | Exit::Usage) => run::remove(work),
        _ => Ok(()),
    }
}

/// Where runs are kept: by the name of the graph, so that the same command finds them.
pub(super) fn work_folder(making: &Making) -> Result<PathBuf> {
    let folder = making.make_folders()?;
    let name = making.out.file_name().unwrap_or_default();
    Ok(folder.join(format!(".{}.import", name.to_string_lossy())))
}

/// A text that changes when other edges would come; `kind` is what is read.
pub(super) fn inputs(kind: &str, files: &[PathBuf]) -> Result<String> {
    let mut inputs = format!("{kind}\n");
    for file in files {
        let on = |e: std::io::Error| Error::io(file, &e);
        let metadata = fs::metadata(file).map_err(on)?;
        let time = metadata.modified().ok();
        let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let path = fs::canonicalize(file).map_err(on)?;
        inputs += &format!(
            "{}\t{}\t{}\n",
            shown(&path),
            metadata.len(),
            time.unwrap_or_default().as_nanos()
        );
    }
    Ok(inputs)
}

fn shown(path: &Path) -> String {
    crate::escape::escaped(path.as_os_str().as_encoded_bytes())
}
