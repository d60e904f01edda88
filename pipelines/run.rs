//! The run directory: names of its files, its lock, and the one way a file or folder gets its final name.
//!
//! What has its final name is complete and never changes: it is written under `tmp/`, synced and renamed. A run that
//! was killed leaves at most files under `tmp/` and outputs that the manifest does not list; both go at the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};

use crate::error::{Error, Exit, Result};
use crate::recipe::Level;

/// Folders that hold committed outputs, each entry listed in the manifest.
const OUTPUTS: &[&str] = &[
    "parts",
    "graph",
    "ranks",
    "tables",
    "tables/edges",
    RunDir::LINKS_TABLE,
];

/// A run directory. Only this module knows its names.
#[derive(Clone, Debug)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// Names a run directory; touches nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        RunDir { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A name that no other run directory of the machine has: a hash of where it lies.
    pub fn place(&self) -> Result<String> {
        let path = fs::canonicalize(&self.root).map_err(|e| Error::io(&self.root, &e))?;
        let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
        Ok(hash.to_hex()[..16].to_owned())
    }

    /// The manifest: the one commit point.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// The resolved recipe.
    pub fn recipe(&self) -> PathBuf {
        self.root.join("run.toml")
    }

    /// The planned shards.
    pub fn shards(&self) -> PathBuf {
        self.root.join("shards.jsonl")
    }

    /// The lock file; its text names the holder.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join("run.lock")
    }

    /// The report: made of the outputs, and none itself.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// Scratch that no later run reads.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where the ranking of a level keeps its state; there only while one is going on or was stopped. No output: it binds itself
    /// to its graph and options, and is removed once the scores are committed.
    pub fn checkpoint(&self, level: Level) -> PathBuf {
        self.root
            .join(format!("rank-{}.checkpoint", level.as_str()))
    }

    /// A committed output by the name it has in the manifest, e.g. `graph/host`.
    pub fn output(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The name of the graph of a level.
    pub fn graph(level: Level) -> String {
        format!("graph/{}", level.as_str())
    }

    /// The name of the scores of a level.
    pub fn ranks(level: Level) -> String {
        format!("ranks/{}", level.as_str())
    }

    /// The name of a part.
    pub fn part(number: u64) -> String {
        format!("parts/{number:05}")
    }

    /// The name of the table of nodes of a level.
    pub fn nodes_table(level: Level) -> String {
        format!("tables/{}s.parquet", level.as_str())
    }

    /// The name of the table of robots.txt captures, which a survey makes.
    pub const ROBOTS_TABLE: &str = "tables/robots.parquet";

    /// The name of the folder of the table of links, which the command `links` makes.
    pub const LINKS_TABLE: &str = "tables/links";

    /// The name of the file of the links of a shard, by its position in the list of shards.
    pub fn links_file(shard: u32) -> String {
        format!("{}/{shard:05}.parquet", Self::LINKS_TABLE)
    }

    /// The name of the folder of the edge table of a level.
    pub fn edges_table(level: Level) -> String {
        format!("tables/edges/{}", level.as_str())
    }

    /// Makes the directory and takes its lock, for as long as the returned value lives.
    ///
    /// # Errors
    /// Exit 73 when the directory cannot be made or written, 75 when another run holds it, 2 when it holds something else.
    pub fn lock(&self) -> Result<Lock> {
        // What a run killed before its first commit can have left.
        self.lock_unless_foreign(|name| name == "run.lock" || name.starts_with(TEMPORARY))
    }

    /// The same for a survey, which needs no run: the directory may be a run, or hold the table of a survey and nothing else.
    pub fn lock_for_survey(&self) -> Result<Lock> {
        let holds_no_other_table = || {
            let tables = fs::read_dir(self.root.join("tables"));
            let table = self.output(Self::ROBOTS_TABLE);
            tables.is_ok_and(|mut tables| {
                tables.all(|entry| entry.is_ok_and(|entry| entry.path() == table))
            })
        };
        self.lock_unless_foreign(|name| match name {
            "run.lock" | "tmp" => true,
            "tables" => holds_no_other_table(),
            _ => false,
        })
    }

    /// Makes a folder for fetched shards and takes its lock. Whatever else lies there stays: a file is never replaced.
    pub fn lock_for_fetch(&self) -> Result<Lock> {
        fs::create_dir_all(&self.root).map_err(|e| Error::cannot_create(&self.root, &e))?;
        self.take_lock(&self.root.join("fetch.lock"))
    }

    fn lock_unless_foreign(&self, ours: impl Fn(&str) -> bool) -> Result<Lock> {
        fs::create_dir_all(&self.root).map_err(|e| Error::cannot_create(&self.root, &e))?;
        self.refuse_foreign_directory(ours)?;
        self.take_lock(&self.lock_file())
    }

    fn take_lock(&self, path: &Path) -> Result<Lock> {
        let mut file = open_options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| Error::cannot_create(path, &e))?;
        if !try_lock(&file, path)? {
            let mut holder = String::new();
            let _ = file.take(200).read_to_string(&mut holder);
            return Err(Error::new(
                Exit::Locked,
                "E-LOCKED",
                format!("another run holds the directory ({})", holder.trim()),
            )
            .at(&self.root)
            .remedy("wait for it, or choose another --out"));
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}", std::process::id()))
            .map_err(|e| Error::cannot_create(path, &e))?;
        Ok(Lock { _file: file })
    }

    /// Says which process holds the directory now, if any.
    pub fn holder(&self) -> Option<String> {
        let file = File::open(self.lock_file()).ok()?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).err()?;
        let mut holder = String::new();
        file.take(200).read_to_string(&mut holder).ok()?;
        Some(holder.trim().to_owned())
    }

    /// A folder with files in it that is no run is somebody's: nothing is written into it.
    fn refuse_foreign_directory(&self, ours: impl Fn(&str) -> bool) -> Result<()> {
        if self.manifest().exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.root).map_err(|e| Error::cannot_create(&self.root, &e))? {
            let entry = entry.map_err(|e| Error::cannot_create(&self.root, &e))?;
            let name = entry.file_name();
            if !ours(&name.to_string_lossy()) {
                return Err(Error::usage(format!(
                    "the directory is not a run and not empty: it holds {}",
                    crate::error::quoted(name.as_encoded_bytes())
                ))
                .at(&self.root)
                .remedy("choose a new or empty directory for --out"));
            }
        }
        Ok(())
    }

    /// Removes what a killed run left, scratch and outputs that `is_listed` denies, and makes an empty folder for scratch.
    pub fn clean(&self, is_listed: impl Fn(&str) -> bool) -> Result<()> {
        remove(&self.tmp())?;
        fs::create_dir_all(self.tmp()).map_err(|e| Error::cannot_create(self.tmp(), &e))?;
        for folder in OUTPUTS {
            let path = self.root.join(folder);
            if !path.is_dir() {
                continue;
            }
            for entry in fs::read_dir(&path).map_err(|e| Error::io(&path, &e))? {
                let entry = entry.map_err(|e| Error::io(&path, &e))?;
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if !OUTPUTS.contains(&name.as_str()) && !is_listed(&name) {
                    remove(&entry.path())?;
                }
            }
        }
        remove_temporaries_beside(&self.root)
    }

    /// Gives a complete file or folder under `tmp/` its final name, durably. What had the name before is replaced.
    pub fn publish(&self, scratch: &Path, name: &str) -> Result<()> {
        let target = self.root.join(name);
        let on = |e: std::io::Error| Error::cannot_create(&target, &e);
        let folder = target.parent().unwrap_or(&self.root);
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(on)?;
            // The folder of the manifest is synced with it.
            sync_folder(folder.parent().unwrap_or(&self.root)).map_err(on)?;
        }
        sync_tree(scratch).map_err(on)?;
        // Only an output that no manifest lists can be in the way: the remains of a run killed before its commit, or a table
        // that is made anew, which is there until the new one is.
        if fs::symlink_metadata(&target).is_ok_and(|found| found.is_dir()) {
            remove(&target)?;
        }
        fs::rename(scratch, &target).map_err(on)?;
        sync_folder(folder).map_err(on)
    }

    /// Removes an output that the manifest no longer lists.
    pub fn remove(&self, name: &str) -> Result<()> {
        remove(&self.root.join(name))
    }

    /// Writes a small file atomically: beside under a temporary name, synced, renamed.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        write_atomically(path, bytes)
    }
}

/// Takes the lock, or says that another process has it. A `status` looks at the lock for a moment, so one look is not enough.
fn try_lock(file: &File, path: &Path) -> Result<bool> {
    for _ in 0..3 {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_AGAIN),
            Err(e) => return Err(Error::cannot_create(path, &e.into())),
        }
    }
    Ok(false)
}

/// Time between two looks at a lock.
const LOCK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Holds a run directory against other runs until dropped. The system releases it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Replaces `path` by `bytes`, so that a reader sees the old or the new content whole, also after a power loss.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!("{TEMPORARY}{name}.{}", std::process::id()));
    // A killed process of the same number, as in containers, can have left one.
    remove(&beside)?;
    let written = (|| {
        let mut file = open_options().write(true).create_new(true).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(folder)
    })();
    written.map_err(|e| {
        let _ = fs::remove_file(&beside);
        Error::cannot_create(path, &e)
    })
}

/// Start of the name of a file that is being written.
const TEMPORARY: &str = ".tmp-";

/// Gives a complete file its final name in another folder of the same file system, durably.
pub fn publish_file(scratch: &Path, target: &Path) -> Result<()> {
    let on = |e: std::io::Error| Error::cannot_create(target, &e);
    sync_tree(scratch).map_err(on)?;
    fs::rename(scratch, target).map_err(on)?;
    sync_folder(target.parent().unwrap_or(Path::new(""))).map_err(on)
}

fn remove_temporaries_beside(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, &e))? {
        let entry = entry.map_err(|e| Error::io(folder, &e))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Options that never follow a link in place of the file itself.
pub(crate) fn open_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options
}

/// Removes a file or a folder with all it holds; nothing there is well.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, &e)),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)?.sync_all()
}

fn sync_tree(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            sync_tree(&entry?.path())?;
        }
    }
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_on_the_directory_leaves_by_75() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path().join("run"));
        let _lock = run.lock().unwrap();
        let error = run.lock().unwrap_err();
        assert_eq!(error.exit(), Exit::Locked);
        assert!(
            error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
    }

    #[test]
    fn a_foreign_folder_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
        let error = RunDir::new(folder.path()).lock().unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn cleaning_removes_what_the_manifest_does_not_list() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        run.clean(|_| true).unwrap();
        for name in ["parts/00000", "parts/00001", "tmp/x", "tables/edges/host"] {
            fs::create_dir_all(run.output(name)).unwrap();
        }
        fs::write(folder.path().join(".tmp-run.json.1"), "torn").unwrap();
        run.clean(|name| name == "parts/00000").unwrap();
        assert!(run.output("parts/00000").exists());
        for name in [
            "parts/00001",
            "tmp/x",
            "tables/edges/host",
            ".tmp-run.json.1",
        ] {
            assert!(!run.output(name).exists(), "{name}");
        }
    }
}
