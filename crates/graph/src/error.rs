//! The one error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read, write, map or rename a file.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done, as a verb: `read`, `write`, `map`, `rename`.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of a graph directory does not hold what a graph directory holds.
    #[error("{}{}: expected {expected}, found {found}; restore the graph from a copy or build it again", path.display(), at(*offset))]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Byte offset in the file, where one is known.
        offset: Option<u64>,
        /// What a sound file holds there.
        expected: String,
        /// What this one holds.
        found: String,
    },
    /// A sorted run in scratch is not as it was written.
    #[error("{} offset {offset}: a sorted run is damaged; remove the folder it is in and begin again", path.display())]
    DamagedRun {
        /// The run.
        path: PathBuf,
        /// Where in it the damage begins, or a little before.
        offset: u64,
    },
    /// Another process makes the same graph.
    #[error("{}: another process is at work here; wait for its end", path.display())]
    Locked {
        /// The directory of its sorted runs.
        path: PathBuf,
    },
    /// A graph, or its ranking stream, was written in another version of the format.
    #[error("{}: expected format version {expected}, found {found}; read it with the program that wrote it, or build it again", path.display())]
    Version {
        /// The `graph.json` or `ranking.stream` that says so.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest version that this crate reads.
        expected: u32,
    },
    /// A graph is never written over something else.
    #[error("{}: already there; remove it or choose another name", path.display())]
    Exists {
        /// The output that was asked for.
        path: PathBuf,
    },
    /// Graphs that cannot be merged or ranked as asked, for instance with and without names.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Incompatible {
        /// The graph.
        path: PathBuf,
        /// What the operation needs.
        expected: String,
        /// What this graph has.
        found: String,
    },
    /// Node ids are 32 bits wide.
    #[error(
        "a graph holds at most {limit} nodes, found {found}; split the input or fold it to domains"
    )]
    TooManyNodes {
        /// Nodes that would be needed (at least).
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A name longer than the format allows.
    #[error("a name holds at most {limit} bytes, found {found}")]
    NameTooLong {
        /// Bytes of the name.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Two nodes came with one number.
    #[error("row {row}: its {what} is that of another row; give each once")]
    Repeated {
        /// `id`.
        what: &'static str,
        /// Position of one of the two among the nodes as they came, from 0.
        row: u64,
    },
    /// The pages of one edge do not add up within 32 bits.
    #[error("the pages of the edge from node {source_id} to node {target_id} exceed 4294967295")]
    PagesOverflow {
        /// Node id of the source, in the graph being written.
        source_id: u32,
        /// Node id of the target.
        target_id: u32,
    },
    /// The pages of one node do not add up within 64 bits.
    #[error("the pages of the node `{name}` exceed 18446744073709551615")]
    NodePagesOverflow {
        /// The node's name.
        name: String,
    },
    /// The memory for a result could not be had.
    #[error(
        "{what} needs {needed} bytes of memory, which could not be allocated; use a machine with more or a larger limit"
    )]
    Memory {
        /// What needs it.
        what: &'static str,
        /// How much.
        needed: u64,
    },
    /// An option outside its range.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// The progress callback asked to stop; nothing was left behind.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io {
            path,
            action,
            source,
        }
    }

    pub(crate) fn damaged_run(path: &Path, offset: u64) -> Error {
        Error::DamagedRun {
            path: path.to_path_buf(),
            offset,
        }
    }

    pub(crate) fn corrupt(
        path: &Path,
        offset: Option<u64>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Corrupt {
            path: path.to_path_buf(),
            offset,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

fn at(offset: Option<u64>) -> String {
    offset
        .map(|offset| format!(" offset {offset}"))
        .unwrap_or_default()
}
