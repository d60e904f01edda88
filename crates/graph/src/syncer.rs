//! Brings files to the disk while work goes on.

use crate::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Files that wait, each of them open: where the disk is slow, who writes waits for it.
const MOST_WAITING: usize = 8;

/// A thread that syncs. Systems begin to write on their own only when gigabytes wait, and then everybody waits for all of it.
pub(crate) struct Syncer {
    files: SyncSender<Given>,
    thread: JoinHandle<Result<(), Error>>,
}

/// Gives files to a [`Syncer`].
#[derive(Clone)]
pub(crate) struct Sync(SyncSender<Given>);

/// A file and its path; none at the end.
type Given = Option<(PathBuf, File)>;

impl Syncer {
    /// `dir` is named when there is no thread to be had.
    pub(crate) fn start(dir: &Path) -> Result<Self, Error> {
        let (files, given) = sync_channel(MOST_WAITING);
        let thread = std::thread::Builder::new().spawn(move || sync_all(&given));
        let thread = thread.map_err(Error::io(dir, "start a thread that writes to"))?;
        Ok(Syncer { files, thread })
    }

    pub(crate) fn handle(&self) -> Sync {
        Sync(self.files.clone())
    }

    /// Waits until the disk has every file as it was when it was given.
    pub(crate) fn finish(self) -> Result<(), Error> {
        // After an error it waits no more, and tells of that.
        let _ = self.files.send(None);
        self.thread.join().expect("it does not panic")
    }
}

impl Sync {
    /// What `file` holds now is to be on the disk when the syncer is finished.
    pub(crate) fn sync(&self, path: &Path, file: File) {
        // After an error nobody listens, and `finish` tells of it.
        let _ = self.0.send(Some((path.to_path_buf(), file)));
    }
}

fn sync_all(files: &Receiver<Given>) -> Result<(), Error> {
    let mut files = files.iter().map_while(|given| given);
    files.try_for_each(|(path, file)| file.sync_all().map_err(Error::io(&path, "sync")))
}
