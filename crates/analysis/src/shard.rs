//! One shard: its records, and what became of its bytes.
//!
//! Nothing in here depends on the analysis, so that it is compiled once and not with every file of a user.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crawlrank_warc::{Error, Fault, Reader, Record, Totals};

use crate::progress::Progress;

/// What became of the bytes of a shard.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its path, as it was given.
    pub shard: PathBuf,
    /// Records, faults and warnings; `record_bytes + fault_bytes + padding_bytes == bytes`.
    pub totals: Totals,
    /// The first fault; `totals` counts all.
    pub first_fault: Option<Fault>,
    /// Why the shard could not be read (to its end). None of its records is in the result then.
    pub error: Option<String>,
}

/// The records of one shard, one by one.
pub(crate) struct Shard {
    reader: Reader<Counted>,
    first_fault: Option<Fault>,
}

/// A file that tells how much was read of it.
struct Counted {
    file: File,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress
            .bytes
            .fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Shard {
    pub(crate) fn open(path: &Path, progress: &Arc<Progress>) -> Result<Shard, Error> {
        let file = File::open(path).map_err(|source| Error::Io { offset: 0, source })?;
        let progress = progress.clone();
        Ok(Shard {
            reader: Reader::new(Counted { file, progress }),
            first_fault: None,
        })
    }

    #[inline(never)]
    pub(crate) fn read_record(&mut self, record: &mut Record) -> Result<bool, Error> {
        let found = self.reader.read_record(record);
        if self.reader.totals().faults > 0 {
            let faults = self.reader.take_faults();
            self.first_fault = self.first_fault.take().or(faults.into_iter().next());
        }
        found
    }

    /// What was read so far.
    pub(crate) fn account(self, shard: &Path, error: Option<&Error>) -> Account {
        Account {
            shard: shard.to_owned(),
            totals: self.reader.totals().clone(),
            first_fault: self.first_fault,
            error: error.map(described),
        }
    }
}

impl Account {
    pub(crate) fn unopened(shard: &Path, error: &Error) -> Account {
        Account {
            shard: shard.to_owned(),
            totals: Totals::default(),
            first_fault: None,
            error: Some(described(error)),
        }
    }
}

/// The error and what caused it, in a line.
fn described(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
