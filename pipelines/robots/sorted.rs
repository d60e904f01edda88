//! Rows of the table `robots` in order, in bounded memory: sorted runs on disk, merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Exit, Result};
use crate::run;
use crate::tables::robots::RobotsRow;

/// Runs that are merged at once: each is an open file. In tests few, so that some are merged twice.
const MERGED_AT_ONCE: usize = if cfg!(test) { 4 } else { 128 };

/// The sorted files of a survey, by their numbers in a folder.
pub(super) struct Runs<'a> {
    /// The folder.
    pub(super) folder: &'a Path,
    /// The number of the next file, for all workers.
    pub(super) next: AtomicU64,
}

impl Runs<'_> {
    fn path(&self, run: u64) -> PathBuf {
        self.folder.join(format!("{run}.run"))
    }

    /// Writes rows that are in order to a file of their own, durably.
    fn write(&self, rows: impl Iterator<Item = RobotsRow>) -> Result<u64> {
        let mut run = RunWriter::create(self)?;
        for row in rows {
            run.row(&row)?;
        }
        run.finish()
    }
}

/// Collects rows of one worker, shard by shard, and writes them sorted to files whenever they take the memory that was given.
pub(super) struct Sorter<'a> {
    files: &'a Runs<'a>,
    memory_bytes: usize,
    /// Bytes of all rows in memory.
    rows_bytes: usize,
    /// Rows and files of shards that were read whole.
    kept: Vec<RobotsRow>,
    kept_runs: Vec<u64>,
    /// Those of the shard that is being read.
    open: Vec<RobotsRow>,
    open_runs: Vec<u64>,
}

impl<'a> Sorter<'a> {
    /// Starts without rows.
    pub(super) fn new(files: &'a Runs<'a>, memory_bytes: usize) -> Self {
        Sorter {
            files,
            memory_bytes,
            rows_bytes: 0,
            kept: Vec::new(),
            kept_runs: Vec::new(),
            open: Vec::new(),
            open_runs: Vec::new(),
        }
    }

    /// Adds a row of the shard that is being read.
    pub(super) fn add(&mut self, row: RobotsRow) -> Result<()> {
        self.rows_bytes += row.memory_bytes();
        self.open.push(row);
        if self.rows_bytes > self.memory_bytes {
            self.spill_kept()?;
            self.open.sort_unstable();
            self.open_runs.push(self.files.write(self.open.drain(..))?);
            self.rows_bytes = 0;
        }
        Ok(())
    }

    /// Keeps the rows of the shard that is being read: it is read whole.
    pub(super) fn keep(&mut self) {
        self.kept.append(&mut self.open);
        self.kept_runs.append(&mut self.open_runs);
    }

    /// Forgets the rows of the shard that is being read.
    pub(super) fn forget(&mut self) -> Result<()> {
        self.open.clear();
        self.rows_bytes = self.kept.iter().map(RobotsRow::memory_bytes).sum();
        let files = self.files;
        let mut runs = self.open_runs.drain(..);
        runs.try_for_each(|run| run::remove(&files.path(run)))
    }

    /// Writes out all that is kept; returns the files since the last time, each in order.
    pub(super) fn flush(&mut self) -> Result<Vec<u64>> {
        self.spill_kept()?;
        self.rows_bytes = self.open.iter().map(RobotsRow::memory_bytes).sum();
        Ok(std::mem::take(&mut self.kept_runs))
    }

    fn spill_kept(&mut self) -> Result<()> {
        if !self.kept.is_empty() {
            self.kept.sort_unstable();
            self.kept_runs.push(self.files.write(self.kept.drain(..))?);
        }
        Ok(())
    }
}

/// Calls `each` with the rows of all runs, in order. The files stay: a merge that is stopped can begin anew.
pub(super) fn merge(
    mut runs: Vec<u64>,
    files: &Runs,
    each: &mut dyn FnMut(RobotsRow) -> Result<()>,
) -> Result<()> {
    while runs.len() > MERGED_AT_ONCE {
        let first: Vec<u64> = runs.drain(..MERGED_AT_ONCE).collect();
        let mut run = RunWriter::create(files)?;
        merge_few(&first, files, &mut |row| run.row(&row))?;
        runs.push(run.finish()?);
    }
    merge_few(&runs, files, each)
}

fn merge_few(
    runs: &[u64],
    files: &Runs,
    each: &mut dyn FnMut(RobotsRow) -> Result<()>,
) -> Result<()> {
    let readers = runs.iter().map(|&run| RunReader::open(&files.path(run)));
    let mut readers = readers.collect::<Result<Vec<_>>>()?;
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
    number: u64,
    path: PathBuf,
    out: BufWriter<File>,
}

impl RunWriter {
    fn create(files: &Runs) -> Result<Self> {
        let number = files.next.fetch_add(1, Ordering::Relaxed);
        let path = files.path(number);
        let file = File::create_new(&path).map_err(|e| Error::cannot_create(&path, &e))?;
        let out = BufWriter::with_capacity(1 << 16, file);
        Ok(RunWriter { number, path, out })
    }

    fn row(&mut self, row: &RobotsRow) -> Result<()> {
        let line = serde_json::to_string(row).expect("a row is plain data");
        writeln!(self.out, "{line}").map_err(|e| Error::cannot_create(&self.path, &e))
    }

    fn finish(mut self) -> Result<u64> {
        let ended = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all());
        ended.map_err(|e| Error::cannot_create(&self.path, &e))?;
        Ok(self.number)
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
            Error::new(Exit::Damaged, "E-SCRATCH", format!("not a row: {e}"))
                .at(&self.path)
                .remedy("remove its folder and run the same command again")
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
        for memory_bytes in [100_000, 1 << 30] {
            let folder = tempfile::tempdir().unwrap();
            let files = Runs {
                folder: folder.path(),
                next: AtomicU64::new(0),
            };
            let mut sorter = Sorter::new(&files, memory_bytes);
            for shard in 0..30 {
                for number in 0..99 {
                    sorter.add(row(99 + number)).unwrap();
                }
                sorter.forget().unwrap(); // a shard that failed
                for number in 0..100 {
                    sorter.add(row(100 * shard + number)).unwrap();
                }
                sorter.keep();
            }
            sorter.add(row(7)).unwrap(); // of a shard that is not whole
            let runs = sorter.flush().unwrap();
            assert_eq!(runs.len() > MERGED_AT_ONCE, memory_bytes < 1 << 30);
            let mut found = Vec::new();
            merge(runs, &files, &mut |row| {
                found.push(row);
                Ok(())
            })
            .unwrap();
            assert_eq!(found, expected);
        }
    }
}
