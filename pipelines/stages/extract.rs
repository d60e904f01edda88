//! Shards to parts: workers read shards and commit little graphs with the accounts of what was read.
//!
//! A part covers the shards that one worker finished since its last commit. Which shards share a part depends on timing
//! and changes nothing: merging is associative, so the graph of all parts is the same for every grouping. A kill costs
//! the shards in work and those finished since the last commit, which is due after 2 % of the time spent so far, two seconds at least.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crawlrank_graph::{BuilderOptions, GraphBuilder, MergeOptions};
use crawlrank_warc::{ReaderOptions, Record};

use super::Job;
use super::pages::{PageReader, read_pages};
use crate::accounts::{self, AccountWriter, FaultRow, Outcome, ShardRow};
use crate::error::{self, Error, Result};
use crate::manifest::Finished;
use crate::memory::WorkerShare;
use crate::queue::{SHARDS_PER_PART, Unread};
use crate::recipe::Level;
use crate::run::{self, RunDir};
use crate::shard::{Attempt, Shard, Watched};

/// Reads all shards that no committed part covers, and sums up all that do.
pub fn extract(job: &Job) -> Result<Outcome> {
    if let Some(unread) = Unread::of(job.commits, job.shards, "extract", job.progress)? {
        let share = WorkerShare::of_shards(
            job.memory,
            unread.queue.len(),
            job.threads,
            job.recipe.record_memory_bytes(),
            job.recipe.max_window.0,
        );
        unread
            .queue
            .work(share.workers, || Worker::new(job, &unread, &share)?.work())?;
    }
    outcome(job)
}

/// Sums up what is committed, reading nothing.
pub fn outcome(job: &Job) -> Result<Outcome> {
    Ok(Outcome::of(
        &accounts::read(job.commits.run(), &job.commits.manifest().parts())?,
        job.recipe.max_bad_records,
    ))
}

/// One thread that reads shards and commits parts.
struct Worker<'a> {
    job: &'a Job<'a>,
    unread: &'a Unread,
    levels: Vec<Level>,
    builder_bytes: usize,
    reader: ReaderOptions,
    /// One for each thread that reads a shard.
    pages: Vec<PageReader>,
    record: Record,
}

impl<'a> Worker<'a> {
    fn new(job: &'a Job<'a>, unread: &'a Unread, share: &WorkerShare) -> Result<Self> {
        // Domains are folded from hosts later.
        let levels: Vec<Level> = job
            .recipe
            .level
            .iter()
            .copied()
            .filter(|&level| level != Level::Domain)
            .collect();
        Ok(Worker {
            job,
            unread,
            builder_bytes: share.builder_bytes / levels.len().max(1),
            reader: share.reader_options(job.recipe),
            pages: page_readers(job, &levels, share.threads)?,
            levels,
            record: Record::default(),
        })
    }

    /// Reads shards until none is left or a stop is asked for; what is finished is committed in any case.
    fn work(mut self) -> Result<()> {
        loop {
            let number = self.unread.next_part();
            let mut part = Part::start(self.job.commits.run(), number)?;
            let started = Instant::now();
            let ended = self.fill(&mut part);
            let spent = started.elapsed().as_millis() as u64;
            if part.accounts.num_shards() > 0 {
                let (folder, shards) = part.finish(&self)?;
                let name = RunDir::part(number);
                // What was made without these shards, if anything, is made anew.
                self.job.commits.forget(&["graph/", "ranks/", "tables/"])?;
                self.job.commits.publish_all(vec![Finished {
                    scratch: folder,
                    name,
                    shards,
                    milliseconds: Some(spent),
                    of_cluster: false,
                }])?;
            } else {
                run::remove(&part.folder)?;
                run::remove(&part.shards_folder)?;
            }
            if ended? {
                return Ok(());
            }
        }
    }

    /// Adds shards to the part until its commit is due; true when no shard is left.
    fn fill(&mut self, part: &mut Part) -> Result<bool> {
        let started = Instant::now();
        while part.accounts.num_shards() < SHARDS_PER_PART
            && (part.accounts.num_shards() == 0
                || started.elapsed() < self.unread.queue.commit_after())
        {
            self.job.interrupt.check()?;
            let Some(index) = self.unread.queue.take() else {
                return Ok(true);
            };
            let shard = &self.job.shards[index as usize];
            let graphs = part.shards_folder.join(index.to_string());
            let row = match self.read_shard_guarded(shard, &graphs, &mut part.accounts) {
                Ok(row) => row,
                Err(error) if self.unread.queue.put_off(index, shard.bytes, &error) => {
                    part.accounts.forget()?;
                    run::remove(&graphs)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if row.again && self.unread.failed_before.contains(&row.shard) {
                part.accounts.forget()?; // nothing new: its account stands, and so does what was made without it
            } else {
                part.add(index, row, graphs);
            }
        }
        Ok(false)
    }

    /// Reads a shard behind a panic barrier: a fault of ours costs that shard, not the run.
    fn read_shard_guarded(
        &mut self,
        shard: &Shard,
        graphs: &Path,
        accounts: &mut AccountWriter,
    ) -> Result<ShardRow> {
        let read = |attempt| {
            accounts.forget()?; // what an earlier attempt lists
            self.read_shard(shard, attempt, graphs, accounts)
        };
        let error = match shard.read_guarded(read)? {
            Ok(row) => return Ok(row),
            Err(error) => error,
        };
        // A panic may have left them half made.
        self.pages = page_readers(self.job, &self.levels, self.pages.len())?;
        self.record = Record::default();
        run::remove(graphs)?;
        accounts.forget()?;
        accounts.fault(&FaultRow::failed(shard, &error))?;
        Ok(ShardRow::failed(shard, &error))
    }

    fn read_shard(
        &mut self,
        shard: &Shard,
        attempt: Attempt,
        graphs: &Path,
        accounts: &mut AccountWriter,
    ) -> Result<ShardRow> {
        let input = Watched::open(shard, self.job.interrupt, &self.unread.queue.progress)?;
        let mut builders = self
            .levels
            .iter()
            .map(|&level| {
                let options = BuilderOptions {
                    memory_bytes: self.builder_bytes,
                    edge_pages: self.job.recipe.edge_pages,
                    node_pages: true,
                    ..BuilderOptions::default()
                };
                Ok((level, GraphBuilder::new(&self.job.scratch, options)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let refused = |e| match self.job.interrupt.check() {
            Err(stopped) => stopped,
            Ok(()) => error::refused(&shard.path, &e),
        };
        let (found, totals) = read_pages(
            input,
            &self.reader,
            &mut self.pages,
            &mut self.record,
            &mut builders,
            &mut |fault| {
                attempt.look_at(shard, &fault)?;
                accounts.fault(&FaultRow::new(shard, &fault))
            },
            refused,
        )?;
        attempt.look_at_end(shard, &totals)?;
        fs::create_dir_all(graphs).map_err(|e| Error::cannot_create(graphs, &e))?;
        for (level, builder) in builders {
            let out = graphs.join(level.as_str());
            self.job.pool.install(|| builder.finish(&out))?;
        }
        Ok(ShardRow {
            pages: found.pages,
            links: found.links,
            edges: found.edges,
            skipped: found.skipped,
            ..ShardRow::read(shard, &totals)
        })
    }

    /// Merges the graphs of a part. Not interruptible: what was finished is to be committed.
    fn merge(&self, graphs: &[PathBuf], out: &Path) -> Result<()> {
        let options = MergeOptions {
            memory_bytes: self.builder_bytes,
            ..MergeOptions::default()
        };
        let mut go_on = |_| ControlFlow::Continue(());
        let merge = || crawlrank_graph::merge(graphs, out, &self.job.scratch, &options, &mut go_on);
        self.job.pool.install(merge)?;
        Ok(())
    }
}

fn page_readers(job: &Job, levels: &[Level], threads: usize) -> Result<Vec<PageReader>> {
    (0..threads)
        .map(|_| PageReader::new(job.recipe, levels))
        .collect()
}

/// A part in the making.
struct Part {
    /// What is published.
    folder: PathBuf,
    /// The graphs of single shards, a folder each; not published.
    shards_folder: PathBuf,
    accounts: AccountWriter,
    shards: Vec<u32>,
    graphs: Vec<PathBuf>,
}

impl Part {
    fn start(run: &RunDir, number: u64) -> Result<Self> {
        let folder = run.tmp().join(format!("part-{number:05}"));
        let shards_folder = run.tmp().join(format!("part-{number:05}-shards"));
        for folder in [&folder, &shards_folder] {
            fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
        }
        Ok(Part {
            accounts: AccountWriter::create(&folder)?,
            folder,
            shards_folder,
            shards: Vec::new(),
            graphs: Vec::new(),
        })
    }

    fn add(&mut self, index: u32, row: ShardRow, graphs: PathBuf) {
        if row.failed.is_none() {
            self.graphs.push(graphs);
        }
        if !row.again {
            self.shards.push(index);
        }
        self.accounts.shard(row);
    }

    /// Merges the graphs of the shards and ends the accounts; returns the finished folder and its shards.
    fn finish(self, worker: &Worker) -> Result<(PathBuf, Vec<u32>)> {
        let graph = self.folder.join("graph");
        fs::create_dir_all(&graph).map_err(|e| Error::cannot_create(&graph, &e))?;
        for level in &worker.levels {
            let graphs = self.graphs.iter();
            let inputs: Vec<PathBuf> = graphs.map(|folder| folder.join(level.as_str())).collect();
            let out = graph.join(level.as_str());
            match inputs.as_slice() {
                [] => {}
                [one] => fs::rename(one, &out).map_err(|e| Error::io(&out, &e))?,
                many => worker.merge(many, &out)?,
            }
        }
        run::remove(&self.shards_folder)?;
        self.accounts.finish()?;
        Ok((self.folder, self.shards))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::interrupt::Interrupt;
    use crate::manifest::{self, Commits};
    use crate::progress::Show;
    use crate::recipe::Recipe;
    use crate::shard::{self, FindOptions};
    use crate::stages;
    use crate::synth::{self, SynthOptions};

    fn job<'a>(
        recipe: &'a Recipe,
        shards: &'a [Shard],
        commits: &'a Commits,
        interrupt: &'a Interrupt,
        pool: &'a rayon::ThreadPool,
    ) -> Job<'a> {
        Job {
            recipe,
            shards,
            commits,
            interrupt,
            progress: Show::Nothing,
            memory: 256 << 20,
            threads: 1,
            pool,
            scratch: commits.run().tmp(),
        }
    }

    #[test]
    fn a_shard_that_could_not_be_read_is_read_again_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let options = SynthOptions {
            out: folder.path().join("shards"),
            shards: 2,
            pages_per_shard: 3,
            hosts: 20,
            ..SynthOptions::default()
        };
        synth::generate(&options, &|_| Ok(())).unwrap();
        let input = options.out.to_string_lossy().into_owned();
        let shards = shard::find(&[input], &FindOptions::local(None)).unwrap();
        let recipe = Recipe::default();
        let run = RunDir::new(folder.path().join("run"));
        fs::create_dir(run.root()).unwrap();
        let commits = manifest::begin(&run, recipe.shaping(), &shards, "").unwrap();
        let (interrupt, pool) = (
            Interrupt::default(),
            rayon::ThreadPoolBuilder::new().build().unwrap(),
        );

        let mut changed = shards.clone();
        changed[0].bytes += 1;
        let first = job(&recipe, &changed, &commits, &interrupt, &pool);
        let outcome = stages::run_all(&first).unwrap();
        assert_eq!(outcome.bad_shards.len(), 1);
        assert_eq!(outcome.pages, 3);
        assert!(commits.has("tables/hosts.parquet"));

        let before = commits.manifest();
        let again = stages::run_all(&first).unwrap();
        assert_eq!(again.bad_shards.len(), 1);
        assert_eq!(commits.manifest().outputs, before.outputs);

        let second = job(&recipe, &shards, &commits, &interrupt, &pool);
        let outcome = stages::run_all(&second).unwrap();
        assert_eq!(outcome.bad_shards, []);
        assert_eq!((outcome.shards, outcome.pages, outcome.faults), (2, 6, 0));
        let graph = crawlrank_graph::Graph::open(run.output("graph/host")).unwrap();
        assert_eq!(graph.node_pages().unwrap().iter().sum::<u64>(), 6);
    }

    #[test]
    fn a_stop_keeps_what_is_finished_and_nothing_half_done() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let shard = Shard {
            name: "a".into(),
            path: folder.path().join("a"),
            bytes: 0,
            sample: String::new(),
            remote: None,
        };
        let (recipe, shards) = (Recipe::default(), [shard]);
        let commits = manifest::begin(&run, recipe.shaping(), &shards, "").unwrap();
        let (interrupt, pool) = (
            Interrupt::default(),
            rayon::ThreadPoolBuilder::new().build().unwrap(),
        );
        interrupt.request();
        let stopped = extract(&job(&recipe, &shards, &commits, &interrupt, &pool));
        assert_eq!(stopped.unwrap_err().exit(), Exit::Interrupted);
        assert_eq!(commits.manifest().parts(), Vec::<&str>::new());
    }
}
