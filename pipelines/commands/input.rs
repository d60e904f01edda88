//! What commands read: files that the user named, or stdin for `-`.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::escape::escaped;
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Show};
use crate::shard;

/// Inputs of fewer bytes in all are read before a bar is looked at.
const SHOWN_FROM: u64 = 64 << 20;

/// The bytes of an input as they are read: counted as progress, and ended when the user asks for it.
pub(super) struct Input<'a> {
    source: Source,
    interrupt: Interrupt,
    progress: Option<&'a Progress>,
}

enum Source {
    File(File),
    Stdin(io::StdinLock<'static>),
}

impl<'a> Input<'a> {
    /// Opens a file, or stdin for `-`.
    pub(super) fn open(
        path: &Path,
        interrupt: &Interrupt,
        progress: Option<&'a Progress>,
    ) -> Result<Self> {
        let source = match is_stdin(path) {
            true => Source::Stdin(io::stdin().lock()),
            false => Source::File(File::open(path).map_err(|e| cannot_open(path, &e))?),
        };
        Ok(Input {
            source,
            interrupt: interrupt.clone(),
            progress,
        })
    }

    /// Passes over the first bytes.
    pub(super) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        match &mut self.source {
            Source::File(file) => file.seek(SeekFrom::Start(offset)).map(|_| ()),
            Source::Stdin(stdin) => io::copy(&mut stdin.take(offset), &mut io::sink()).map(|_| ()),
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_requested() {
            return Err(io::Error::other("interrupted"));
        }
        let read = match &mut self.source {
            Source::File(file) => file.read(buffer),
            Source::Stdin(stdin) => stdin.read(buffer),
        }?;
        if let Some(progress) = self.progress {
            progress.advance(read as u64);
        }
        Ok(read)
    }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Finds a wrong path before any work is done.
pub(super) fn check_file(path: &Path) -> Result<()> {
    if is_stdin(path) {
        return Ok(());
    }
    let metadata = fs::metadata(path).map_err(|e| cannot_open(path, &e))?;
    if metadata.is_dir() {
        return Err(Error::usage("a folder, expected a file")
            .at(path)
            .remedy("give its files"));
    }
    if !metadata.is_file() {
        return Err(Error::usage("not a regular file")
            .at(path)
            .remedy("pipe it in, and give `-`"));
    }
    Ok(())
}

/// The shards that paths name: files, stdin, and those in folders, in order of their names.
pub(super) fn shard_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !is_stdin(path) && path.is_dir() {
            let mut found = shard::shards_in(path)?;
            found.sort();
            files.extend(found);
        } else {
            check_file(path)?;
            files.push(path.clone());
        }
    }
    Ok(files)
}

pub(super) fn cannot_open(path: &Path, source: &io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::usage("no such file").at(path),
        io::ErrorKind::PermissionDenied => {
            Error::new(Exit::Io, "E-PERMISSION", source.to_string()).at(path)
        }
        _ => Error::io(path, source),
    }
}

/// Foreign bytes as text for a row: as they are when they are UTF-8, else with the bytes that are not as `\xNN`.
pub(super) fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| escaped(bytes), str::to_owned)
}

/// A path as it was given.
pub(super) fn path_text(path: &Path) -> String {
    text(path.as_os_str().as_encoded_bytes())
}

/// Starts the progress over the bytes of files, when there are enough of them to wait for.
pub(super) fn progress_over(
    files: &[PathBuf],
    stage: &'static str,
    context: &Context,
) -> Option<Progress> {
    let bytes = files
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .map(|file| file.len())
        .sum();
    (bytes >= SHOWN_FROM && context.progress != Show::Nothing)
        .then(|| Progress::start(context.progress, stage, "bytes", bytes))
}
/// Waits until stdin has something to read, its end too; a stop on request ends the wait.
pub(super) fn wait_for_stdin(interrupt: &Interrupt) -> Result<()> {
    let look_every = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    loop {
        interrupt.check()?;
        let stdin = std::io::stdin();
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&look_every)) {
            Ok(0) | Err(Errno::INTR) => {}
            // Where nobody can tell, reading does.
            Ok(_) | Err(_) => return Ok(()),
        }
    }
}
