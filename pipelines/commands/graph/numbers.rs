//! Edges between numbers on their way into a graph.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crawlrank_graph::{IdGraph, IdGraphBuilder, IdGraphOptions, Start};
use tempfile::TempDir;

use super::{Format, Making};
use crate::cli::Context;
use crate::commands::input::is_stdin;
use crate::error::{Error, Exit, Result};
use crate::run;

/// Edges that are handed on at a time, which all threads share.
const BATCH: usize = 1 << 20;

/// Takes edges, many at a time, into sorted runs on disk.
pub(super) struct Edges {
    builder: IdGraphBuilder,
    batch: Vec<[u32; 2]>,
    _scratch: Option<TempDir>,
}

impl Edges {
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

    fn hand_on(&mut self) -> std::result::Result<(), crawlrank_graph::Error> {
        self.builder.push_edges(&self.batch)?;
        self.batch.clear();
        Ok(())
    }

    /// Makes the graph, of `nodes` nodes or of as many as the edges have.
    fn finish(mut self, nodes: Option<u64>, making: &Making, context: &Context) -> Result<IdGraph> {
        self.hand_on()?;
        making.check_space(self.builder.file_bytes(nodes))?;
        let made = self
            .builder
            .finish(nodes, &making.out, &mut |_| context.interrupt.flow());
        context.interrupt.or_stopped(made)
    }
}

/// Makes a graph of the edges that `read` pushes; it returns how many nodes there are, where the files say it.
///
/// Files are read again by the same command when a process was stopped or killed, and what is in complete runs is passed over.
/// The runs lie beside the graph, or in the folder for scratch, and stay only where going on makes sense.
pub(super) fn make(
    making: &Making,
    format: Format,
    files: &[PathBuf],
    nodes: Option<u64>,
    options: IdGraphOptions,
    context: &Context,
    read: impl FnOnce(&mut Edges) -> Result<Option<u64>>,
) -> Result<IdGraph> {
    let mut edges;
    let mut kept = None;
    if files.iter().any(|file| is_stdin(file)) {
        let scratch = making.prepare()?;
        edges = Edges {
            builder: IdGraphBuilder::new(scratch.path(), options)?,
            batch: Vec::with_capacity(BATCH),
            _scratch: Some(scratch),
        };
    } else {
        let work = work_folder(making)?;
        let inputs = inputs(&format!("{format:?}"), files)?;
        let (builder, start) = IdGraphBuilder::resume(&work, &inputs, options)?;
        tell_start(&start);
        edges = Edges {
            builder,
            batch: Vec::with_capacity(BATCH),
            _scratch: None,
        };
        kept = Some(work);
    }
    let told = read(&mut edges);
    let made = match told {
        Ok(told) => edges.finish(nodes.or(told), making, context),
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
pub(super) fn remove_refused(made: &Result<IdGraph>, work: &Path) -> Result<()> {
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
