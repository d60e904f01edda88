//! Shards to parts: workers read shards and commit little graphs with the accounts of what was read.
//!
//! A part covers the shards that one worker finished since its last commit. Which shards share a part depends on timing
//! and changes nothing: merging is associative, so the graph of all parts is the same for every grouping. A kill costs
//! the shards in work and those finished since the last commit, which is due after 2 % of the time spent so far.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crawlrank_graph::{BuilderOptions, GraphBuilder, MergeOptions};
use crawlrank_links::{LinkFilter, Page};
use crawlrank_warc::http::Head;
use crawlrank_warc::{Fault, Reader, Record, RecordType};
use serde::{Deserialize, Serialize};

use super::Job;
use crate::error::{self, Error, Exit, Result};
use crate::memory::WorkerShare;
use crate::progress::Progress;
use crate::recipe::{Allowance, Kind, Level};
use crate::run::{self, RunDir};
use crate::shard::Shard;

/// Shards that one part covers at most: bounds what the merge of a part opens.
const SHARDS_PER_PART: usize = 64;
/// Time between two commits of a worker: 2 % of the time spent so far, within these bounds.
const COMMIT_AFTER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// Records between two looks at the interrupt flag and the progress.
const RECORDS_PER_LOOK: u64 = 256;

/// The account of one shard: a row of the table `shards`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRow {
    /// Its name.
    pub shard: String,
    /// Its length.
    pub bytes: u64,
    /// Compressed members.
    pub members: u64,
    /// Records read whole.
    pub records: u64,
    /// Captured pages.
    pub pages: u64,
    /// Links on them.
    pub links: u64,
    /// Page-to-host pairs that became edges (page-to-page pairs at page level alone): unique per page.
    pub edges: u64,
    /// Faults.
    pub faults: u64,
    /// Bytes in faults.
    pub fault_bytes: u64,
    /// Bytes of padding.
    pub padding_bytes: u64,
    /// Warnings by kind.
    pub warnings: BTreeMap<String, u64>,
    /// Pages and links left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Why nothing, or not everything, could be read, when the shard as a whole failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether it failed by a fault of ours: the program then leaves by 70.
    #[serde(default)]
    pub internal: bool,
    /// Where its faults begin in the part's `faults.jsonl`, in bytes.
    pub faults_at: u64,
    /// Their length there.
    pub faults_bytes: u64,
}

impl ShardRow {
    /// Why the shard counts towards the run's limit of bad shards, if it does: it failed, or has more bad records than
    /// `max_bad_records` allows.
    pub fn bad(&self, max_bad_records: Allowance) -> Option<String> {
        let too_many = self.faults > max_bad_records.of(self.records + self.faults, 10);
        let reason = || format!("{} faults in {} records", self.faults, self.records);
        self.failed.clone().or_else(|| too_many.then(reason))
    }
}

/// One fault: a row of the table `faults`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// The shard's name.
    pub shard: String,
    /// Where it begins in the compressed stream.
    pub offset: u64,
    /// What it is.
    pub kind: String,
    /// Bytes lost.
    pub bytes: u64,
    /// What was found.
    pub detail: String,
}

/// What all shards came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Shards read.
    pub shards: u64,
    /// Records read whole.
    pub records: u64,
    /// Shards that failed by a fault of ours.
    pub internal: u64,
    /// Faults.
    pub faults: u64,
    /// Bytes in faults.
    pub fault_bytes: u64,
    /// Warnings by kind.
    pub warnings: BTreeMap<String, u64>,
    /// Captured pages.
    pub pages: u64,
    /// Links on them.
    pub links: u64,
    /// Pages and links left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Names and reasons of the shards that failed or have too many faults.
    pub bad_shards: Vec<(String, String)>,
}

impl Outcome {
    /// Sums up the accounts of shards.
    pub fn of(rows: &[ShardRow], max_bad_records: Allowance) -> Self {
        let mut sum = Outcome {
            shards: rows.len() as u64,
            ..Outcome::default()
        };
        for row in rows {
            sum.internal += u64::from(row.internal);
            sum.records += row.records;
            sum.faults += row.faults;
            sum.fault_bytes += row.fault_bytes;
            sum.pages += row.pages;
            sum.links += row.links;
            add_counts(&mut sum.warnings, &row.warnings);
            add_counts(&mut sum.skipped, &row.skipped);
            let bad = row.bad(max_bad_records);
            sum.bad_shards
                .extend(bad.map(|reason| (row.shard.clone(), reason)));
        }
        sum
    }

    /// Refuses to go on when the damage exceeds the limits. Everything that was read stays committed.
    pub fn check(&self, job: &Job) -> Result<()> {
        let refuse = |found: String, remedy: &str| {
            let error = Error::new(Exit::Refused, "E-DAMAGE", found).remedy(remedy);
            Err(match self.bad_shards.first() {
                Some((shard, _)) => error.at(shard),
                None => error.at(job.commits.run().root()),
            })
        };
        let first = self
            .bad_shards
            .first()
            .map_or("", |(_, reason)| reason.as_str());
        if self.records == 0 {
            let found = if first.is_empty() {
                "no shard holds a record"
            } else {
                first
            };
            return refuse(found.to_owned(), "give WARC, WAT or WET files");
        }
        let allowed = job.recipe.max_bad_shards.of(self.shards, 1);
        let bad_shards = self.bad_shards.len() as u64;
        if bad_shards > allowed {
            return refuse(
                format!(
                    "{first}; {bad_shards} of {} shards are bad, {allowed} are allowed",
                    self.shards
                ),
                "what was read is kept: run again with a higher --max-bad-shards or --max-bad-records to go on",
            );
        }
        if job.recipe.strict && (self.faults > 0 || bad_shards > 0) {
            return refuse(
                format!("{} faults and --strict; {first}", self.faults)
                    .trim_end_matches("; ")
                    .to_owned(),
                "what was read is kept: run again without --strict to go on",
            );
        }
        Ok(())
    }
}

fn add_counts(sum: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        *sum.entry(name.clone()).or_default() += count;
    }
}

/// Reads all shards that no committed part covers, and sums up all that do.
pub fn extract(job: &Job) -> Result<Outcome> {
    let done = job.commits.manifest().done_shards();
    let pending: Vec<u32> = (0..job.shards.len() as u32)
        .filter(|index| !done.contains(index))
        .collect();
    if !pending.is_empty() {
        read_pending(job, &pending)?;
    }
    let rows = read_rows(job.commits.run(), &job.commits.manifest().parts())?;
    Ok(Outcome::of(&rows, job.recipe.max_bad_records))
}

fn read_pending(job: &Job, pending: &[u32]) -> Result<()> {
    let share = WorkerShare::of(job.memory, job.threads.min(pending.len()));
    let bytes = pending
        .iter()
        .map(|&index| job.shards[index as usize].bytes)
        .sum();
    let progress = Progress::start(job.progress, "extract", "bytes", bytes);
    let next_part = job.commits.manifest().parts().last().map_or(0, |name| {
        name.rsplit('/')
            .next()
            .and_then(|number| number.parse::<u64>().ok())
            .map_or(0, |number| number + 1)
    });
    let queue = Queue {
        pending,
        next: AtomicUsize::new(0),
        next_part: AtomicU64::new(next_part),
        started: Instant::now(),
        progress,
    };
    std::thread::scope(|scope| {
        let work = || {
            let result = Worker::new(job, &queue, share.builder_bytes)?.work();
            if result.is_err() {
                queue.next.store(queue.pending.len(), Ordering::Relaxed); // the others finish what they have
            }
            result
        };
        let workers: Vec<_> = (0..share.workers).map(|_| scope.spawn(work)).collect();
        let results: Vec<Result<()>> = workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(Error::internal("a worker panicked")))
            })
            .collect();
        results.into_iter().collect()
    })
}

/// Shards to read, shared by the workers.
struct Queue<'a> {
    pending: &'a [u32],
    next: AtomicUsize,
    next_part: AtomicU64,
    started: Instant,
    progress: Progress,
}

impl Queue<'_> {
    fn take(&self) -> Option<u32> {
        self.pending
            .get(self.next.fetch_add(1, Ordering::Relaxed))
            .copied()
    }

    fn commit_after(&self) -> Duration {
        (self.started.elapsed() / 50).clamp(COMMIT_AFTER.0, COMMIT_AFTER.1)
    }
}

/// One thread that reads shards and commits parts.
struct Worker<'a> {
    job: &'a Job<'a>,
    queue: &'a Queue<'a>,
    filter: LinkFilter,
    levels: Vec<Level>,
    builder_bytes: usize,
    page: Page,
    record: Record,
}

impl<'a> Worker<'a> {
    fn new(job: &'a Job<'a>, queue: &'a Queue<'a>, builder_bytes: usize) -> Result<Self> {
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
            queue,
            filter: job.recipe.link_filter()?,
            builder_bytes: builder_bytes / levels.len().max(1),
            levels,
            page: Page::new(job.recipe.link_options()),
            record: Record::default(),
        })
    }

    /// Reads shards until none is left or a stop is asked for; what is finished is committed in any case.
    fn work(mut self) -> Result<()> {
        loop {
            let number = self.queue.next_part.fetch_add(1, Ordering::Relaxed);
            let mut part = Part::start(
                self.job
                    .commits
                    .run()
                    .tmp()
                    .join(format!("part-{number:05}")),
            )?;
            let ended = self.fill(&mut part);
            if !part.rows.is_empty() {
                self.commit(part, &RunDir::part(number))?;
            }
            if ended? {
                return Ok(());
            }
        }
    }

    /// Adds shards to the part until its commit is due; true when no shard is left.
    fn fill(&mut self, part: &mut Part) -> Result<bool> {
        let started = Instant::now();
        while part.rows.len() < SHARDS_PER_PART
            && (part.rows.is_empty() || started.elapsed() < self.queue.commit_after())
        {
            self.job.interrupt.check()?;
            let Some(index) = self.queue.take() else {
                return Ok(true);
            };
            let shard = &self.job.shards[index as usize];
            let folder = part.folder.join(format!("shard-{index}"));
            let row = self.read_shard_guarded(shard, &folder, &mut part.faults)?;
            part.add(index, row, folder);
        }
        Ok(false)
    }

    /// Reads a shard behind a panic barrier: a fault of ours costs that shard, not the run.
    fn read_shard_guarded(
        &mut self,
        shard: &Shard,
        folder: &Path,
        faults: &mut FaultLog,
    ) -> Result<ShardRow> {
        let faults_at = faults.bytes;
        let read = catch_unwind(AssertUnwindSafe(|| self.read_shard(shard, folder, faults)));
        let mut row = match read {
            Ok(Ok(row)) => row,
            // Trouble with the shard itself stops nothing else; trouble with our own files stops the run.
            Ok(Err(error)) if error.path() == Some(&shard.path) => {
                run::remove(folder)?;
                self.failed_row(shard, &error, faults)?
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                self.page = Page::new(self.job.recipe.link_options());
                self.record = Record::default();
                run::remove(folder)?;
                self.failed_row(
                    shard,
                    &Error::internal("the reader panicked").at(&shard.path),
                    faults,
                )?
            }
        };
        row.faults_at = faults_at;
        row.faults_bytes = faults.bytes - faults_at;
        Ok(row)
    }

    /// The account of a shard that could not be read at all: every byte of it is in one fault.
    fn failed_row(&self, shard: &Shard, error: &Error, faults: &mut FaultLog) -> Result<ShardRow> {
        tracing::warn!("{error}");
        let kind = if error.exit() == Exit::Refused {
            "unknown_format"
        } else {
            "unreadable"
        };
        faults.write(&FaultRow {
            shard: shard.name.clone(),
            offset: error.byte_offset().unwrap_or(0),
            kind: kind.to_owned(),
            bytes: shard.bytes,
            detail: error.found().to_owned(),
        })?;
        Ok(ShardRow {
            shard: shard.name.clone(),
            bytes: shard.bytes,
            faults: 1,
            fault_bytes: shard.bytes,
            failed: Some(error.found().to_owned()),
            internal: error.exit() == Exit::Internal,
            ..ShardRow::default()
        })
    }

    fn read_shard(
        &mut self,
        shard: &Shard,
        folder: &Path,
        faults: &mut FaultLog,
    ) -> Result<ShardRow> {
        let file = File::open(&shard.path).map_err(|e| Error::io(&shard.path, &e))?;
        fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
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
        let mut row = ShardRow {
            shard: shard.name.clone(),
            ..ShardRow::default()
        };
        let mut reader = Reader::with_options(file, self.job.recipe.reader_options());
        let mut seen_bytes = 0;
        loop {
            let more = reader.read_record(&mut self.record);
            for fault in reader.take_faults() {
                faults.write(&fault_row(&shard.name, &fault))?;
            }
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let error = error::refused(&shard.path, &error);
                    if reader.totals().records == 0 {
                        return Err(error);
                    }
                    // The disk gave up half-way: what was read is good and stays.
                    row.failed = Some(error.found().to_owned());
                    break;
                }
            }
            self.read_page(&mut builders, &mut row)?;
            let totals = reader.totals();
            if totals.records % RECORDS_PER_LOOK == 0 {
                self.job.interrupt.check()?;
                self.queue
                    .progress
                    .advance(totals.bytes.saturating_sub(seen_bytes));
                seen_bytes = totals.bytes;
            }
        }
        let totals = reader.totals();
        self.queue
            .progress
            .advance(totals.bytes.saturating_sub(seen_bytes));
        row.bytes = if row.failed.is_some() {
            shard.bytes
        } else {
            totals.bytes
        };
        row.members = totals.members;
        row.records = totals.records;
        row.faults = totals.faults;
        row.fault_bytes = totals.fault_bytes;
        row.padding_bytes = totals.padding_bytes;
        if let Some(found) = &row.failed {
            let lost = shard
                .bytes
                .saturating_sub(totals.record_bytes + totals.fault_bytes + totals.padding_bytes);
            row.faults += 1;
            row.fault_bytes += lost;
            faults.write(&FaultRow {
                shard: shard.name.clone(),
                offset: totals.bytes,
                kind: "unreadable".to_owned(),
                bytes: lost,
                detail: found.clone(),
            })?;
        }
        row.warnings = totals
            .warnings
            .iter()
            .map(|(kind, count)| (kind.as_str().to_owned(), count))
            .collect();
        for (level, builder) in builders {
            self.job
                .pool
                .install(|| builder.finish(&folder.join(level.as_str())))?;
        }
        Ok(row)
    }

    /// Adds the page that the record holds, if any, to the graphs and the account.
    fn read_page(
        &mut self,
        builders: &mut [(Level, GraphBuilder)],
        row: &mut ShardRow,
    ) -> Result<()> {
        let mut skip =
            |reason: &str, count: u64| *row.skipped.entry(reason.to_owned()).or_default() += count;
        match parse_page(&mut self.page, &self.record, self.job.recipe.kind) {
            Ok(Parsed::Page) => {}
            Ok(Parsed::PageWithoutLinks(reason)) => skip(reason, 1),
            Ok(Parsed::Other) => return Ok(()),
            Err(reason) => {
                skip(reason.as_str(), 1);
                return Ok(());
            }
        }
        row.pages += 1;
        row.links += self.page.num_links();
        for (at, (level, builder)) in builders.iter_mut().enumerate() {
            let pairs = add_page(&mut self.page, *level, &self.filter, builder)?;
            if at == 0 {
                row.edges += pairs;
            }
        }
        for (reason, count) in self.page.skipped() {
            *row.skipped.entry(reason.as_str().to_owned()).or_default() += count;
        }
        Ok(())
    }

    fn commit(&self, part: Part, name: &str) -> Result<()> {
        let (folder, shards) = part.finish(self)?;
        self.job.commits.publish(&folder, name, shards)
    }
}

/// What a record holds.
enum Parsed {
    /// A captured page with its links.
    Page,
    /// A captured page whose links are not read, and why.
    PageWithoutLinks(&'static str),
    /// Something else.
    Other,
}

/// Reads the page of a record.
fn parse_page(
    page: &mut Page,
    record: &Record,
    kind: Kind,
) -> std::result::Result<Parsed, crawlrank_links::Skipped> {
    match (kind, record.record_type()) {
        (Kind::Wat, RecordType::Metadata) => Ok(if page.parse_wat(record.block())? {
            Parsed::Page
        } else {
            Parsed::Other
        }),
        (Kind::Warc, RecordType::Response) => {
            let redirects =
                page.parse_redirect(record.target_uri().unwrap_or_default(), record.block())?;
            let status = Head::parse(record.block()).and_then(|head| head.status());
            Ok(match status {
                Some(200..=299) if !redirects => Parsed::PageWithoutLinks("body_not_read"),
                _ => Parsed::Page,
            })
        }
        _ => Ok(Parsed::Other),
    }
}

/// Adds a page and its targets at one level; returns how many targets it has there.
fn add_page(
    page: &mut Page,
    level: Level,
    filter: &LinkFilter,
    builder: &mut GraphBuilder,
) -> Result<u64> {
    let (source, level) = match level {
        Level::Page => (page.page_key(), crawlrank_links::Level::Page),
        _ => (page.host(), crawlrank_links::Level::Host),
    };
    let Some(source) = source.map(str::to_owned) else {
        return Ok(0);
    };
    builder.node(source.as_bytes(), 1)?;
    let (mut pairs, mut result) = (0, Ok(()));
    page.for_each_target(level, filter, &mut |target| {
        if result.is_ok() {
            result = builder.edge(source.as_bytes(), target.as_bytes(), 1);
            pairs += 1;
        }
    });
    result?;
    Ok(pairs)
}

fn fault_row(shard: &str, fault: &Fault) -> FaultRow {
    FaultRow {
        shard: shard.to_owned(),
        offset: fault.offset,
        kind: fault.kind.as_str().to_owned(),
        bytes: fault.bytes,
        detail: fault.detail.clone(),
    }
}

/// Faults of a part, written as they come: a hostile shard may have millions.
struct FaultLog {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl FaultLog {
    fn create(path: PathBuf) -> Result<Self> {
        let file = File::create_new(&path).map_err(|e| Error::cannot_create(&path, &e))?;
        Ok(FaultLog {
            path,
            file: BufWriter::new(file),
            bytes: 0,
        })
    }

    fn write(&mut self, fault: &FaultRow) -> Result<()> {
        let line = serde_json::to_string(fault).expect("a fault is plain data") + "\n";
        self.bytes += line.len() as u64;
        self.file
            .write_all(line.as_bytes())
            .map_err(|e| Error::io(&self.path, &e))
    }
}

/// A part in the making.
struct Part {
    folder: PathBuf,
    faults: FaultLog,
    rows: Vec<ShardRow>,
    shards: Vec<u32>,
    graphs: Vec<PathBuf>,
}

impl Part {
    fn start(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).map_err(|e| Error::cannot_create(&folder, &e))?;
        let faults = FaultLog::create(folder.join("faults.jsonl"))?;
        Ok(Part {
            folder,
            faults,
            rows: Vec::new(),
            shards: Vec::new(),
            graphs: Vec::new(),
        })
    }

    fn add(&mut self, index: u32, row: ShardRow, graphs: PathBuf) {
        if graphs.exists() {
            self.graphs.push(graphs);
        }
        self.rows.push(row);
        self.shards.push(index);
    }

    /// Merges the graphs of the shards and writes the accounts; returns the finished folder and its shards.
    fn finish(mut self, worker: &Worker) -> Result<(PathBuf, Vec<u32>)> {
        let graph = self.folder.join("graph");
        fs::create_dir_all(&graph).map_err(|e| Error::cannot_create(&graph, &e))?;
        for level in &worker.levels {
            let inputs: Vec<PathBuf> = self
                .graphs
                .iter()
                .map(|folder| folder.join(level.as_str()))
                .collect();
            let out = graph.join(level.as_str());
            match inputs.as_slice() {
                [] => {}
                [one] => fs::rename(one, &out).map_err(|e| Error::io(&out, &e))?,
                many => {
                    let options = MergeOptions {
                        memory_bytes: worker.builder_bytes,
                        ..MergeOptions::default()
                    };
                    // Not interruptible: what the worker finished is to be committed.
                    worker.job.pool.install(|| {
                        crawlrank_graph::merge(
                            many,
                            &out,
                            &worker.job.scratch,
                            &options,
                            &mut |_| std::ops::ControlFlow::Continue(()),
                        )
                    })?;
                }
            }
        }
        for folder in &self.graphs {
            run::remove(folder)?;
        }
        let on = |path: &Path, e: std::io::Error| Error::cannot_create(path, &e);
        self.faults
            .file
            .flush()
            .map_err(|e| on(&self.faults.path, e))?;
        let path = self.folder.join("shards.jsonl");
        let lines: String = self
            .rows
            .iter()
            .map(|row| serde_json::to_string(row).expect("a row is plain data") + "\n")
            .collect();
        fs::write(&path, lines).map_err(|e| on(&path, e))?;
        Ok((self.folder, self.shards))
    }
}

/// Reads the accounts of all shards of the given parts, sorted by shard.
pub fn read_rows(run: &RunDir, parts: &[&str]) -> Result<Vec<ShardRow>> {
    let mut rows = Vec::new();
    for part in parts {
        rows.extend(part_rows(run, part)?);
    }
    rows.sort_by(|a, b| a.shard.cmp(&b.shard));
    Ok(rows)
}

/// Reads the accounts of one part.
pub fn part_rows(run: &RunDir, part: &str) -> Result<Vec<ShardRow>> {
    let path = run.output(part).join("shards.jsonl");
    let file = File::open(&path).map_err(|e| Error::io(&path, &e))?;
    BufReader::new(file)
        .lines()
        .map(|line| {
            let line = line.map_err(|e| Error::io(&path, &e))?;
            serde_json::from_str(&line).map_err(|e| {
                Error::new(
                    Exit::Damaged,
                    "E-PART",
                    format!("not the account of a shard: {e}"),
                )
                .at(&path)
                .remedy("remove the part's folder and run again: it is made anew")
            })
        })
        .collect()
}
