//! Rows of the table `robots` in order, in bounded memory: sorted runs on disk, merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::run;
use crate::tables::robots::RobotsRow;

/// Runs that are merged at once: each is an open file.
const MERGED_AT_ONCE: usize = 128;

/// Collects rows of one worker, and writes them sorted to a folder whenever they take the memory that was given.
pub(super) struct Sorter<'a> {
    folder: &'a Path,
    /// Numbers of the files, shared by all workers.
    next: &'a AtomicU64,
    memory_bytes: usize,
    rows: Vec<RobotsRow>,
    rows_bytes: usize,
    runs: Vec<PathBuf>,
}

impl<'a> Sorter<'a> {
    /// Starts without rows.
    pub(super) fn new(folder: &'a Path, next: &'a AtomicU64, memory_bytes: usize) -> Self {
        Sorter {
            folder,
            next,
            memory_bytes,
            rows: Vec::new(),
            rows_bytes: 0,
            runs: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: RobotsRow) -> Result<()> {
        self.rows_bytes += row.memory_bytes();
        self.rows.push(row);
        match self.rows_bytes > self.memory_bytes {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Returns the files of all rows, each in order.
    pub(super) fn finish(mut self) -> Result<Vec<PathBuf>> {
        if !self.rows.is_empty() {
            self.spill()?;
        }
        Ok(self.runs)
    }

    fn spill(&mut self) -> Result<()> {
        self.rows.sort_unstable();
        let mut run = RunWriter::create(self.folder, self.next)?;
        self.rows.drain(..).try_for_each(|row| run.row(&row))?;
        self.rows_bytes = 0;
        self.runs.push(run.finish()?);
        Ok(())
    }
}

/// Calls `each` with the rows of all runs, in order; the runs are used up.
pub(super) fn merge(
    mut runs: Vec<PathBuf>,
    folder: &Path,
    next: &AtomicU64,
    each: &mut dyn FnMut(RobotsRow) -> Result<()>,
) -> Result<()> {
    while runs.len() > MERGED_AT_ONCE {
        let first: Vec<PathBuf> = runs.drain(..MERGED_AT_ONCE).collect();
        let mut run = RunWriter::create(folder, next)?;
        merge_few(&first, &mut |row| run.row(&row))?;
        first.iter().try_for_each(|path| run::remove(path))?;
        runs.push(run.finish()?);
    }
    merge_few(&runs, each)
}

fn merge_few(runs: &[PathBuf], each: &mut dyn FnMut(RobotsRow) -> Result<()>) -> Result<()> {
    let mut readers = runs
        .iter()
        .map(|path| RunReader::open(path))
        .collect::<Result<Vec<_>>>()?;
    let mut heads = BinaryHeap::new();
    for (at, reader) in readers.iter_mut().enumerate() {
        heads.extend(reader.next()?.map(|row| Reverse((row, at))));
    }
    while let Some(Reverse((row, at))) = heads.pop() {
        each(row)?;
        heads.extend(readers[at].next()?.map(|row| Reverse((row, at))));
    }
    Ok(())
}

/// Writes a file of rows, a JSON object a line.
struct RunWriter {
    path: PathBuf,
    out: BufWriter<File>,
}

impl RunWriter {
    fn create(folder: &Path, next: &AtomicU64) -> Result<Self> {
        let path = folder.join(next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create_new(&path).map_err(|e| Error::cannot_create(&path, &e))?;
        let out = BufWriter::with_capacity(1 << 16, file);
        Ok(RunWriter { path, out })
    }

    fn row(&mut self, row: &RobotsRow) -> Result<()> {
        let line = serde_json::to_string(row).expect("a row is plain data");
        writeln!(self.out, "{line}").map_err(|e| Error::cannot_create(&self.path, &e))
    }

    fn finish(mut self) -> Result<PathBuf> {
        self.out
            .flush()
            .map_err(|e| Error::cannot_create(&self.path, &e))?;
        Ok(self.path)
    }
}

struct RunReader {
    path: PathBuf,
    input: BufReader<File>,
    line: Vec<u8>,
}

impl RunReader {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, &e))?;
        Ok(RunReader {
            path: path.to_owned(),
            input: BufReader::with_capacity(1 << 16, file),
            line: Vec::new(),
        })
    }

    fn next(&mut self) -> Result<Option<RobotsRow>> {
        self.line.clear();
        let read = self.input.read_until(b'\n', &mut self.line);
        if read.map_err(|e| Error::io(&self.path, &e))? == 0 {
            return Ok(None);
        }
        let row = serde_json::from_slice(&self.line);
        row.map(Some).map_err(|e| {
            Error::internal(format!("a scratch file of ours is damaged: {e}")).at(&self.path)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::robots::AccessKind;

    fn row(number: u64) -> RobotsRow {
        RobotsRow {
            host: format!("h{}", number * 7919 % 1000),
            url: format!("http://x/{}\n\u{0}", number % 3),
            fetched_at: (number % 5 != 0).then_some(number as i64),
            status: 200,
            bytes: number,
            access: Some(AccessKind::Rules),
            groups: 1,
            rules: 2,
            crawl_delay: Some(std::time::Duration::from_millis(number)),
            sitemaps: vec!["s".repeat(number as usize % 7); 2],
            agents: Some(vec![true, false]),
            content_signal: None,
            content_usage: Some("x".to_owned()),
        }
    }

    #[test]
    fn rows_come_in_order_however_they_were_cut_into_runs() {
        let mut expected: Vec<RobotsRow> = (0..3000).map(row).collect();
        expected.sort();
        for memory_bytes in [1, 3000, 1 << 30] {
            let folder = tempfile::tempdir().unwrap();
            let next = AtomicU64::new(0);
            let mut sorter = Sorter::new(folder.path(), &next, memory_bytes);
            (0..3000)
                .try_for_each(|number| sorter.add(row(number)))
                .unwrap();
            let runs = sorter.finish().unwrap();
            assert_eq!(runs.len() > MERGED_AT_ONCE, memory_bytes < 1 << 30);
            let mut found = Vec::new();
            merge(runs, folder.path(), &next, &mut |row| {
                found.push(row);
                Ok(())
            })
            .unwrap();
            assert_eq!(found, expected);
        }
    }
}
