//! Runs that outlive their process, so that a build that was killed goes on: sorted edges, or the spills of a build of named
//! ones.
//!
//! A directory holds `lock`, the runs by number, and `state.json`, which has the length of each complete one and says of how
//! many edges they are. What is not listed is the rest of a process that was killed. Nothing is synced: it is processes that
//! are killed, and after a power cut a length, or a checksum where a run is read, tells.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

const LOCK: &str = "lock";
const STATE: &str = "state.json";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    /// What the edges are of, in the caller's words.
    inputs: String,
    /// Bytes of each run.
    runs: Vec<u64>,
    /// Edges in these runs, duplicates included, and in spills named nodes: the first ones of the inputs.
    edges: u64,
    /// No node of these edges has this number or a higher one; 0 where nodes have names.
    least_nodes: u64,
}

/// What a directory of runs held before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// Nothing.
    Fresh,
    /// So many edges, which need not be given again; those that are given are passed over.
    Resumed {
        /// The first edges of the inputs.
        edges: u64,
    },
    /// Runs of other inputs, or of another version of this crate, which are gone.
    Anew,
}

/// A directory of runs, held against other processes.
pub(crate) struct Kept {
    dir: PathBuf,
    _lock: File,
    state: Mutex<State>,
    /// Grows before the edges that ask for it are taken.
    pub(crate) least_nodes: AtomicU64,
}

impl Kept {
    pub(crate) fn open(dir: &Path, inputs: &str) -> Result<(Self, Start), Error> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir, "create"))?;
        let lock = lock(dir)?;
        let path = dir.join(STATE);
        let before: Option<State> = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io(&path, "read")(error)),
        };
        let (state, start) = match before {
            Some(state) if state.version == VERSION && state.inputs == inputs => {
                let edges = state.edges;
                (state, Start::Resumed { edges })
            }
            other => {
                let fresh = State {
                    version: VERSION,
                    inputs: inputs.to_owned(),
                    runs: Vec::new(),
                    edges: 0,
                    least_nodes: 0,
                };
                let start = match other.is_some() || path.exists() {
                    true => Start::Anew,
                    false => Start::Fresh,
                };
                (fresh, start)
            }
        };
        let kept = Kept {
            dir: dir.to_path_buf(),
            _lock: lock,
            least_nodes: AtomicU64::new(state.least_nodes),
            state: Mutex::new(state),
        };
        kept.remove_the_rest()?;
        Ok((kept, start))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }

    /// Paths of the complete runs.
    pub(super) fn runs(&self) -> Vec<PathBuf> {
        let runs = self.state().runs.len();
        (0..runs).map(|run| self.run(run)).collect()
    }

    fn run(&self, number: usize) -> PathBuf {
        self.dir.join(format!("{number:04}"))
    }

    /// Edges in the complete runs.
    pub(crate) fn edges(&self) -> u64 {
        self.state().edges
    }

    /// Where the next run is written, before it is complete.
    pub(super) fn next_run(&self) -> PathBuf {
        self.dir.join("next")
    }

    /// Gives the run at [`next_run`](Self::next_run) its name; with it the runs are of `edges` edges.
    pub(super) fn add_run(&self, bytes: u64, edges: u64) -> Result<PathBuf, Error> {
        let mut state = self.state();
        let path = self.run(state.runs.len());
        let rename = |from: &Path, to: &Path| {
            std::fs::rename(from, to).map_err(Error::io(to, "rename a file to"))
        };
        rename(&self.next_run(), &path)?;
        state.runs.push(bytes);
        state.edges = edges;
        state.least_nodes = self.least_nodes.load(Ordering::Relaxed);
        let text = serde_json::to_vec_pretty(&*state).expect("text and numbers");
        let beside = self.dir.join("state.next");
        std::fs::write(&beside, text).map_err(Error::io(&beside, "write"))?;
        rename(&beside, &self.dir.join(STATE))?;
        Ok(path)
    }

    /// Removes all that does not belong to a complete run.
    fn remove_the_rest(&self) -> Result<(), Error> {
        let runs = self.runs();
        let is_kept = |path: &Path| {
            runs.iter().any(|run| run == path)
                || path == self.dir.join(LOCK)
                || (!runs.is_empty() && path == self.dir.join(STATE))
        };
        for entry in std::fs::read_dir(&self.dir).map_err(Error::io(&self.dir, "read"))? {
            let path = entry.map_err(Error::io(&self.dir, "read"))?.path();
            if is_kept(&path) {
                continue;
            }
            let removed = match path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            removed.map_err(Error::io(&path, "remove"))?;
        }
        for (run, bytes) in runs.iter().zip(&self.state().runs) {
            let found = std::fs::metadata(run).map_err(Error::io(run, "read"))?;
            if found.len() != *bytes {
                return Err(Error::damaged_run(run, found.len().min(*bytes)));
            }
        }
        Ok(())
    }

    /// Says that the runs are no longer needed.
    pub(crate) fn finish(&self) {
        self.state().runs.clear();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Without a run there is nothing to go on with. If it cannot be removed, the next process removes it.
        if self.state().runs.is_empty() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Takes the lock of the directory, or says that another process has it. The system releases it when the process ends.
fn lock(dir: &Path) -> Result<File, Error> {
    use rustix::fs::{FlockOperation, flock};
    let path = dir.join(LOCK);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(Error::io(&path, "create"))?;
    let locked = || Error::Locked {
        path: dir.to_path_buf(),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(locked()),
        Err(error) => return Err(Error::io(&path, "lock")(error.into())),
    }
    // The one who had it may have removed the directory meanwhile, and somebody else made it again.
    let held = file.metadata().map_err(Error::io(&path, "read"))?;
    match std::fs::metadata(&path) {
        Ok(there) if there.ino() == held.ino() => Ok(file),
        _ => Err(locked()),
    }
}
