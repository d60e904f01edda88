//! The one error of the program: what was found, where, and what to do, in the form of every message a user sees.
//!
//! `error[CODE]: FILE offset N record R: what was found, what was expected; what was done; what to do`

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::escape::{escaped, shown, shown_path};
use crate::network::download;

/// How the program leaves. The numbers are part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing skipped.
    Done = 0,
    /// The answer is no.
    No = 1,
    /// Usage, configuration, or a run directory of other parameters.
    Usage = 2,
    /// Done, with listed faults or missing shards within the limits.
    Faults = 3,
    /// Input refused: unknown format, or more damage than allowed.
    Refused = 4,
    /// An own file fails verification.
    Damaged = 5,
    /// The network gave up, blocked or redirected us elsewhere.
    Network = 69,
    /// Internal error: a caught panic, or accounting that does not add up.
    Internal = 70,
    /// The memory budget cannot hold what was asked.
    Memory = 71,
    /// Cannot create output.
    CannotCreate = 73,
    /// Input-output error.
    Io = 74,
    /// Another run holds the directory.
    Locked = 75,
    /// Interrupted by SIGINT; the state is saved.
    Interrupted = 130,
    /// Ended by SIGTERM; the state is saved.
    Terminated = 143,
}

impl Exit {
    /// Returns the exit that says more, for a command that goes on after trouble: the codes grow from done over damage to failure.
    #[must_use]
    pub fn worse(self, other: Exit) -> Exit {
        if other as u8 > self as u8 {
            other
        } else {
            self
        }
    }
}

/// What went wrong. Shown as one line; see the module for its form.
#[derive(Clone, Debug)]
pub struct Error(Box<Parts>); // one word, so that results stay small

#[derive(Clone, Debug)]
struct Parts {
    exit: Exit,
    code: &'static str,
    path: Option<PathBuf>,
    offset: Option<u64>,
    record: Option<u64>,
    found: String,
    remedy: Option<String>,
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that leaves the program by `exit`; `code` names the kind of trouble, `found` says what was found and expected.
    pub fn new(exit: Exit, code: &'static str, found: impl Into<String>) -> Self {
        Error(Box::new(Parts {
            exit,
            code,
            path: None,
            offset: None,
            record: None,
            found: found.into(),
            remedy: None,
        }))
    }

    /// Something the user wrote is wrong: a flag, a recipe, an input that does not exist.
    pub fn usage(found: impl Into<String>) -> Self {
        Error::new(Exit::Usage, "E-USAGE", found)
    }

    /// A caught panic, or a promise of ours that did not hold.
    pub fn internal(found: impl Into<String>) -> Self {
        Error::new(Exit::Internal, "E-INTERNAL", found)
            .remedy("please report this with the line above; running the same command again goes on from what was saved")
    }

    /// Reading `path` failed, or writing to a file that was created before.
    pub fn io(path: impl Into<PathBuf>, source: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
                Error::new(Exit::CannotCreate, "E-SPACE", source.to_string())
                    .remedy("make space and run the same command again")
            }
            _ => Error::new(Exit::Io, "E-IO", source.to_string()),
        }
        .at(path)
    }

    /// `path` cannot be created or written, whatever the system's reason.
    pub fn cannot_create(path: impl Into<PathBuf>, source: &io::Error) -> Self {
        let mut error = Error::io(path, source);
        if error.0.exit != Exit::CannotCreate {
            (error.0.exit, error.0.code) = (Exit::CannotCreate, "E-CREATE");
        }
        error
    }

    /// Names the file or directory concerned.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// Names the byte concerned: of the compressed stream, for a shard.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Names the record concerned, counted from 0.
    #[must_use]
    pub fn record(mut self, record: u64) -> Self {
        self.0.record = Some(record);
        self
    }

    /// Says what the user can do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// How the program leaves.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// The kind of trouble, e.g. `E-FORMAT`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What was found, without place and remedy.
    pub fn found(&self) -> &str {
        &self.0.found
    }

    /// The file concerned.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The byte concerned.
    pub fn byte_offset(&self) -> Option<u64> {
        self.0.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            code,
            path,
            offset,
            record,
            found,
            remedy,
            ..
        } = &*self.0;
        write!(f, "error[{code}]: ")?;
        if let Some(path) = path {
            write!(f, "{}", shown_path(path))?;
            if let Some(offset) = offset {
                write!(f, " offset {offset}")?;
            }
            if let Some(record) = record {
                write!(f, " record {record}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&escaped(found))?;
        if let Some(remedy) = remedy {
            write!(f, "; {}", escaped(remedy))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The code of the error that says that a shard can be read when other workers are done with theirs.
pub(crate) const NO_ROOM: &str = "E-WINDOW";

/// Refuses a shard as a whole: `source` says what was found instead of records.
pub fn refused(path: &Path, source: &crawlrank_warc::Error) -> Error {
    match source {
        crawlrank_warc::Error::Io { offset, source } => match download::trouble(source) {
            Some(trouble) => trouble,
            None => Error::io(path, source).offset(*offset),
        },
        crawlrank_warc::Error::NoRoom {
            offset,
            window_bytes,
        } => {
            let found = format!(
                "no memory is left for a zstd window of {} MiB",
                window_bytes >> 20
            );
            Error::new(Exit::Memory, NO_ROOM, found)
                .at(path)
                .offset(*offset)
                .remedy("what was read is kept: run the same command with more --memory")
        }
        other => {
            // The library has no path to put before the offset.
            let text = other.to_string();
            let found = text.strip_prefix("offset 0: ").unwrap_or(&text);
            Error::new(Exit::Refused, "E-FORMAT", found)
                .at(path)
                .offset(0)
                .remedy("nothing was read from it; give a WARC, WAT or WET file")
        }
    }
}

impl From<crawlrank_graph::Error> for Error {
    fn from(source: crawlrank_graph::Error) -> Self {
        use crawlrank_graph::Error as Graph;
        match &source {
            Graph::Io {
                path,
                source,
                action: "read" | "map",
            } => Error::io(path, source),
            Graph::Io { path, source, .. } => Error::cannot_create(path, source),
            Graph::Corrupt {
                path,
                offset,
                expected,
                found,
            } => {
                let text = format!("expected {expected}, found {found}");
                let error = Error::new(Exit::Damaged, "E-GRAPH", text).at(path);
                let error = match offset {
                    Some(offset) => error.offset(*offset),
                    None => error,
                };
                error.remedy("restore the graph from a copy or build it again")
            }
            Graph::Locked { .. } => Error::new(Exit::Locked, "E-LOCKED", source.to_string()),
            Graph::DamagedRun { .. } => Error::new(Exit::Damaged, "E-GRAPH", source.to_string()),
            Graph::Memory { .. } => Error::new(Exit::Memory, "E-MEMORY", source.to_string()),
            Graph::Interrupted => Error::new(Exit::Interrupted, "E-INTERRUPTED", "interrupted"),
            _ => Error::new(Exit::Refused, "E-GRAPH", source.to_string()),
        }
    }
}

impl From<crate::synth::Error> for Error {
    fn from(source: crate::synth::Error) -> Self {
        use crate::synth::Error as Synth;
        match &source {
            Synth::Io { path, source } => Error::cannot_create(path, source),
            _ => Error::usage(source.to_string()),
        }
    }
}

/// Returns `text` in backticks, escaped and cut: for quoting what a user or a file said.
pub fn quoted(text: impl AsRef<[u8]>) -> String {
    format!("`{}`", shown(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_file_offset_record_and_remedy_in_one_line() {
        let error = Error::new(
            Exit::Refused,
            "E-FORMAT",
            "found `<html>`, expected `WARC/`",
        )
        .at("a\nb.warc.gz")
        .offset(12)
        .record(3)
        .remedy("fetch it again");
        assert_eq!(
            error.to_string(),
            "error[E-FORMAT]: a\\nb.warc.gz offset 12 record 3: found `<html>`, expected `WARC/`; fetch it again"
        );
    }

    #[test]
    fn a_full_disk_leaves_by_73() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Error::io("out", &full).exit(), Exit::CannotCreate);
    }
}
