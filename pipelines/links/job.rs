//! The links of many shards as Parquet files, one for each shard, with the accounts of what was read.
//!
//! A file is named after its shard's place in the list of shards, so that the folder holds the same bytes for any threads,
//! memory, order of inputs and interruptions. Workers read shards, one each; what is finished is committed after 2 % of the
//! time spent so far, two seconds at least, and never read again.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::{Batches, LinksOptions};
use crate::accounts::{self, AccountWriter, FaultRow, Outcome, ShardRow};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::manifest::{Commits, Finished};
use crate::memory::WorkerShare;
use crate::progress::Show;
use crate::queue::{SHARDS_PER_PART, Unread};
use crate::recipe::{Recipe, Shaping};
use crate::run::{self, RunDir};
use crate::shard::{Attempt, Shard, Watched};
use crate::stages::export;
use crate::tables::links::LinkWriter;

/// What is to be done.
pub struct LinksJob<'a> {
    /// Which links, and the limits on damage.
    pub recipe: &'a Recipe,
    /// The planned shards, sorted by name.
    pub shards: &'a [Shard],
    /// Where files are committed.
    pub commits: &'a Commits,
    /// Tells when to stop.
    pub interrupt: &'a Interrupt,
    /// How progress is shown.
    pub progress: Show,
    /// Bytes of memory to use.
    pub memory: u64,
    /// Threads to use.
    pub threads: usize,
}

/// The parameters of a recipe that do not shape rows.
const NOT_SHAPING: &[&str] = &[
    "damping",
    "edge_pages",
    "harmonic",
    "harmonic_log2m",
    "level",
    "max_iterations",
    "private_suffixes",
    "tolerance",
];

/// The parameters that shape the rows, for the id of the folder.
pub fn shaping(recipe: &Recipe) -> Shaping {
    let Shaping(mut map) = recipe.shaping();
    map.retain(|name, _| !NOT_SHAPING.contains(&name.as_str()));
    map.insert("command".to_owned(), Value::from("links"));
    Shaping(map)
}

/// Reads all shards that are not done, writes the tables `shards` and `faults`, and sums up.
///
/// # Errors
/// A stop on request, trouble with files of our own, and too little memory for a zstd window; what is wrong with a shard is in its account.
pub fn run(job: &LinksJob) -> Result<Outcome> {
    if let Some(unread) = Unread::of(job.commits, job.shards, "links", job.progress)? {
        let share = WorkerShare::of(
            job.memory,
            job.threads.min(unread.queue.len()),
            job.recipe.record_memory_bytes(),
            job.recipe.max_window.0,
        );
        let options = LinksOptions {
            reader: share.reader_options(job.recipe),
            ..LinksOptions::of(job.recipe)?
        };
        let worker = Worker {
            job,
            unread: &unread,
            options: &options,
        };
        job.commits.timed("links", || {
            unread.queue.work(share.workers, || worker.work())
        })?;
    }
    export::export_accounts(job.commits, &mut || {})?;
    Ok(Outcome::of(
        &accounts::read(job.commits.run(), &job.commits.manifest().parts())?,
        job.recipe.max_bad_records,
    ))
}

/// One thread that reads shards.
struct Worker<'a> {
    job: &'a LinksJob<'a>,
    unread: &'a Unread,
    options: &'a LinksOptions,
}

/// What a worker has finished since its last commit.
struct Part {
    number: u64,
    folder: PathBuf,
    accounts: AccountWriter,
    /// Shards that were read, with their files.
    files: Vec<(u32, PathBuf)>,
    /// Shards that will never be read: they have no file.
    refused: Vec<u32>,
}

impl Worker<'_> {
    /// Reads shards until none is left or a stop is asked for; what is finished is committed in any case.
    fn work(&self) -> Result<()> {
        loop {
            let mut part = self.start_part()?;
            let started = Instant::now();
            let ended = self.fill(&mut part);
            self.commit(part, started.elapsed().as_millis() as u64)?;
            if ended? {
                return Ok(());
            }
        }
    }

    fn start_part(&self) -> Result<Part> {
        let number = self.unread.next_part();
        let folder = self
            .job
            .commits
            .run()
            .tmp()
            .join(format!("part-{number:05}"));
        fs::create_dir_all(&folder).map_err(|e| Error::cannot_create(&folder, &e))?;
        Ok(Part {
            number,
            accounts: AccountWriter::create(&folder)?,
            folder,
            files: Vec::new(),
            refused: Vec::new(),
        })
    }

    /// Reads shards until the commit is due; true when none is left.
    fn fill(&self, part: &mut Part) -> Result<bool> {
        let started = Instant::now();
        while part.accounts.num_shards() < SHARDS_PER_PART
            && (part.accounts.num_shards() == 0
                || started.elapsed() < self.unread.queue.commit_after())
        {
            self.job.interrupt.check()?;
            let Some(index) = self.unread.queue.take() else {
                return Ok(true);
            };
            let bytes = self.job.shards[index as usize].bytes;
            match self.read_shard_guarded(index, part) {
                Ok(()) => {}
                Err(error) if self.unread.queue.put_off(index, bytes, &error) => {
                    part.accounts.forget()?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn commit(&self, part: Part, spent: u64) -> Result<()> {
        if part.accounts.num_shards() == 0 {
            return run::remove(&part.folder);
        }
        part.accounts.finish()?;
        let mut outputs = vec![Finished {
            scratch: part.folder,
            name: RunDir::part(part.number),
            shards: part.refused,
            milliseconds: Some(spent),
            of_cluster: false,
        }];
        for (index, file) in part.files {
            outputs.push(Finished {
                scratch: file,
                name: RunDir::links_file(index),
                shards: vec![index],
                milliseconds: None,
                of_cluster: false,
            });
        }
        // What was summed up without these shards is summed up anew.
        let commits = self.job.commits;
        commits.forget(&["tables/shards.", "tables/faults."])?;
        commits.publish_all(outputs)
    }

    /// Reads a shard behind a panic barrier: a fault of ours costs that shard, not all.
    fn read_shard_guarded(&self, index: u32, part: &mut Part) -> Result<()> {
        let shard = &self.job.shards[index as usize];
        let file = self
            .job
            .commits
            .run()
            .tmp()
            .join(format!("links-{index:05}.parquet"));
        let read = |attempt| {
            // What was left by a kill, or by an earlier attempt.
            run::remove(&file)?;
            part.accounts.forget()?;
            self.read_shard(shard, attempt, &file, &mut part.accounts)
        };
        let error = match shard.read_guarded(read)? {
            Ok(row) => {
                part.accounts.shard(row);
                part.files.push((index, file));
                return Ok(());
            }
            Err(error) => error,
        };
        run::remove(&file)?;
        part.accounts.forget()?;
        let row = ShardRow::failed(shard, &error);
        if row.again && self.unread.failed_before.contains(&row.shard) {
            return Ok(()); // nothing new: its account stands
        }
        if !row.again {
            part.refused.push(index);
        }
        part.accounts.fault(&FaultRow::failed(shard, &error))?;
        part.accounts.shard(row);
        Ok(())
    }

    fn read_shard(
        &self,
        shard: &Shard,
        attempt: Attempt,
        file: &std::path::Path,
        accounts: &mut AccountWriter,
    ) -> Result<ShardRow> {
        let interrupt = self.job.interrupt;
        let input = Watched::open(shard, interrupt, &self.unread.queue.progress)?;
        let mut links = Batches::new(input, &shard.path, self.options.clone());
        let run_id = self.job.commits.manifest().run_id;
        let mut table = LinkWriter::create(file, &run_id)?;
        let mut on_fault = |fault| {
            attempt.look_at(shard, &fault)?;
            accounts.fault(&FaultRow::new(shard, &fault))
        };
        loop {
            match links.next_batch(&mut on_fault) {
                Ok(Some(batch)) => table.write(&batch)?,
                Ok(None) => break,
                Err(error) => {
                    interrupt.check()?;
                    return Err(error);
                }
            }
        }
        let totals = links.totals();
        attempt.look_at_end(shard, totals)?;
        table.finish()?;
        let counts = links.counts();
        let skipped = counts.skipped.iter();
        Ok(ShardRow {
            pages: counts.pages,
            links: counts.links,
            skipped: skipped
                .map(|(&reason, &count)| (reason.to_owned(), count))
                .collect(),
            ..ShardRow::read(shard, totals)
        })
    }
}
