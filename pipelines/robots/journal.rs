//! What a survey has read so far: kept in its scratch folder until the table is whole, so that after a kill the same command goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::accounts::ShardRow;
use crate::error::{Error, Result};
use crate::run;

/// Shards that one worker read, and the files of their rows: complete, whatever happens later.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The accounts of the shards.
    pub(super) shards: Vec<ShardRow>,
    /// Captures that are worth a word, by kind.
    pub(super) notes: BTreeMap<String, u64>,
    /// Numbers of the files.
    pub(super) runs: Vec<u64>,
}

/// The file of entries, a JSON object a line, to which workers add.
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

const NAME: &str = "journal.jsonl";

impl Journal {
    /// Opens the journal in a folder, or starts one; returns it with the entries that are there, whole. What a killed survey
    /// left beside them goes.
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Entry>)> {
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io(&path, &e)),
        };
        let text = String::from_utf8_lossy(&bytes);
        let (mut entries, mut whole) = (Vec::new(), 0);
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            // A torn line ends what can be relied on.
            let Ok(entry) = serde_json::from_str::<Entry>(line) else {
                break;
            };
            entries.push(entry);
            whole += line.len() as u64;
        }
        let runs = entries.iter().flat_map(|entry: &Entry| &entry.runs);
        let names: BTreeSet<String> = runs.map(|run| format!("{run}.run")).collect();
        for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, &e))? {
            let entry = entry.map_err(|e| Error::io(folder, &e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != NAME && !names.contains(&name) {
                run::remove(&entry.path())?;
            }
        }
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.and_then(|file| file.set_len(whole).map(|()| file));
        let file = Mutex::new(file.map_err(|e| Error::cannot_create(&path, &e))?);
        Ok((Journal { path, file }, entries))
    }

    /// Adds an entry, durably; its files are already.
    pub(super) fn add(&self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry).expect("an entry is plain data") + "\n";
        let mut file = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let added = file
            .write_all(line.as_bytes())
            .and_then(|()| file.sync_data());
        added.map_err(|e| Error::cannot_create(&self.path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_taken_off_and_files_without_an_entry_go() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |run| Entry {
            shards: vec![ShardRow::default()],
            notes: BTreeMap::from([("html".to_owned(), 2)]),
            runs: vec![run],
        };
        let (journal, entries) = Journal::open(folder.path()).unwrap();
        assert_eq!(entries, []);
        for run in [1, 2] {
            fs::write(folder.path().join(format!("{run}.run")), "").unwrap();
            journal.add(&entry(run)).unwrap();
        }
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        fs::write(folder.path().join("3.run"), "").unwrap();
        for cut in whole.len() / 2..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            fs::write(folder.path().join("2.run"), "").unwrap();
            let (journal, entries) = Journal::open(folder.path()).unwrap();
            assert_eq!(entries, [entry(1)]);
            journal.add(&entry(2)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }
}
