//! The survey of a crawl: captures of robots.txt out of shards, what they say, and how many hosts say it.
//!
//! Workers read shards, one each, and write rows to sorted files; the files are merged into the table `robots`. Memory is
//! a record and a share of rows a worker, whatever the crawl. Rows have one order, so that the table is the same, byte for
//! byte, for any threads, memory and order of shards.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crawlrank_robots::{Access, Fetch, ParseOptions, UrlPath};
use crawlrank_warc::{Reader, Record};

use super::agents::KnownAgent;
use super::batch::as_written;
use super::capture::{self, Capture, Found};
use super::ranks::HostRanks;
use super::sorted::{self, Sorter};
use crate::accounts::{Located, Outcome, ShardRow};
use crate::error::{self, Error, Exit, Result};
use crate::fetch;
use crate::interrupt::Interrupt;
use crate::memory::WorkerShare;
use crate::progress::{Progress, Show};
use crate::recipe::{Recipe, Shaping};
use crate::shard::Shard;
use crate::tables::robots::{AccessKind, RobotsRow, RobotsWriter};

/// Bytes of rows that a worker holds at most: beyond that nothing is gained.
const SORTED_BYTES: usize = 64 << 20;

/// How a survey is made.
pub struct SurveyOptions<'a> {
    /// Limits on records and on damage.
    pub recipe: &'a Recipe,
    /// The agents to ask for.
    pub agents: &'a [KnownAgent],
    /// How files are parsed.
    pub parse: ParseOptions,
    /// Bytes of memory to use.
    pub memory: u64,
    /// Threads to use.
    pub threads: usize,
    /// An empty folder for scratch.
    pub scratch: &'a Path,
    /// Tells when to stop.
    pub interrupt: &'a Interrupt,
    /// How progress is shown.
    pub progress: Show,
}

impl SurveyOptions<'_> {
    /// The parameters that shape the table, for its id: those that shape a run and do not concern a survey have no part in it.
    pub fn shaping(&self) -> Shaping {
        let tokens: Vec<&str> = self
            .agents
            .iter()
            .map(|agent| agent.token.as_str())
            .collect();
        let mut map = serde_json::Map::new();
        map.insert("command".to_owned(), "robots survey".into());
        map.insert("agents".to_owned(), tokens.into());
        map.insert("max_robots_bytes".to_owned(), self.parse.max_bytes.into());
        let limits = &self.recipe;
        for (name, size) in [
            ("max_record", limits.max_record),
            ("max_header", limits.max_header),
            ("max_window", limits.max_window),
        ] {
            map.insert(name.to_owned(), size.0.into());
        }
        Shaping(map)
    }
}

/// What was read from the shards, before it is merged.
pub struct Survey {
    accounts: Vec<Located>,
    notes: BTreeMap<&'static str, u64>,
    runs: Vec<PathBuf>,
    next_run: AtomicU64,
}

/// Reads the captures of all shards.
///
/// # Errors
/// A stop on request, and trouble with files of our own; what is wrong with a shard is in its account.
pub fn read(shards: &[Shard], options: &SurveyOptions) -> Result<Survey> {
    let share = WorkerShare::of(
        options.memory,
        options.threads.min(shards.len()),
        options.recipe.max_record.0,
    );
    let bytes = shards.iter().map(|shard| shard.bytes).sum();
    let progress = Progress::start(options.progress, "survey", "bytes", bytes);
    let next_run = AtomicU64::new(0);
    let queue = AtomicUsize::new(0);
    let found: Vec<Result<Worker>> = std::thread::scope(|scope| {
        let work = || {
            let worker = Worker {
                options,
                progress: &progress,
                tokens: options
                    .agents
                    .iter()
                    .map(|agent| agent.token.as_str())
                    .collect(),
                sorter: Sorter::new(
                    options.scratch,
                    &next_run,
                    share.builder_bytes.min(SORTED_BYTES),
                ),
                record: Record::default(),
                accounts: Vec::new(),
                notes: BTreeMap::new(),
            };
            let worked = worker.work(shards, &queue);
            if worked.is_err() {
                queue.store(shards.len(), Ordering::Relaxed); // the others need not go on
            }
            worked
        };
        let workers: Vec<_> = (0..share.workers).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .map(|worked| worked.unwrap_or_else(|_| Err(Error::internal("a worker panicked"))))
            .collect()
    });
    let (mut accounts, mut notes, mut runs) = (Vec::new(), BTreeMap::new(), Vec::new());
    for worker in found {
        let worker = worker?;
        accounts.extend(worker.accounts);
        for (note, count) in worker.notes {
            *notes.entry(note).or_default() += count;
        }
        runs.extend(worker.sorter.finish()?);
    }
    accounts.sort_by(|a, b| a.shard.cmp(&b.shard));
    let located = |row| Located {
        row,
        part: String::new(),
    };
    Ok(Survey {
        accounts: accounts.into_iter().map(located).collect(),
        notes,
        runs,
        next_run,
    })
}

impl Survey {
    /// Sums up what was read and lost. `pages` of it are the captures.
    pub fn outcome(&self, recipe: &Recipe) -> Outcome {
        Outcome::of(&self.accounts, recipe.max_bad_records)
    }

    /// Kinds of captures that are worth a word, with their counts: redirects, pages in place of the file, and the like.
    pub fn notes(&self) -> &BTreeMap<&'static str, u64> {
        &self.notes
    }

    /// Merges the rows into the table `path`, and counts hosts.
    pub fn write(
        self,
        path: &Path,
        run_id: &str,
        options: &SurveyOptions,
        ranks: Option<&HostRanks>,
    ) -> Result<Summary> {
        let tokens = options.agents.iter().map(|agent| agent.token.clone());
        let mut table = RobotsWriter::create(path, run_id, tokens.collect())?;
        let mut summary = Summary::new(options.agents.len());
        let mut telling: Option<RobotsRow> = None;
        let mut rows: u64 = 0;
        sorted::merge(self.runs, options.scratch, &self.next_run, &mut |row| {
            rows += 1;
            if rows % 4096 == 0 {
                options.interrupt.check()?;
            }
            match &mut telling {
                Some(best) if best.host == row.host => {
                    if row.tells_more_than(best).is_gt() {
                        *best = row.clone();
                    }
                }
                _ => {
                    if let Some(host) = telling.replace(row.clone()) {
                        summary.add(&host, ranks);
                    }
                }
            }
            table.row(row)
        })?;
        if let Some(host) = telling {
            summary.add(&host, ranks);
        }
        summary.rows = rows;
        table.finish()?;
        Ok(summary)
    }
}

/// How many hosts allow what. A host with several captures counts by the one that tells most: the last that is no redirect.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Captures.
    pub rows: u64,
    /// Hosts that were asked.
    pub hosts: u64,
    /// Those of them of which only redirects are known.
    pub hosts_unknown: u64,
    /// Those whose answer is known and that the run ranks.
    pub hosts_ranked: u64,
    /// The PageRank of these.
    pub pagerank: f64,
    /// What each agent is told.
    pub agents: Vec<AgentSummary>,
}

/// What an agent is told by the hosts whose answer is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AgentSummary {
    /// Hosts that let it fetch `/`.
    pub allowed: u64,
    /// Hosts that do not.
    pub disallowed: u64,
    /// The PageRank of those that do not.
    pub pagerank_disallowed: f64,
}

impl Summary {
    fn new(agents: usize) -> Self {
        Summary {
            rows: 0,
            hosts: 0,
            hosts_unknown: 0,
            hosts_ranked: 0,
            pagerank: 0.0,
            agents: vec![AgentSummary::default(); agents],
        }
    }

    /// Adds a host. Hosts come in order of their names, so that the sums are the same every time.
    fn add(&mut self, host: &RobotsRow, ranks: Option<&HostRanks>) {
        self.hosts += 1;
        let Some(allowed) = &host.agents else {
            self.hosts_unknown += 1;
            return;
        };
        let pagerank = ranks.and_then(|ranks| ranks.pagerank(&host.host));
        self.hosts_ranked += u64::from(pagerank.is_some());
        let pagerank = pagerank.unwrap_or(0.0);
        self.pagerank += pagerank;
        for (agent, &allowed) in self.agents.iter_mut().zip(allowed) {
            match allowed {
                true => agent.allowed += 1,
                false => {
                    agent.disallowed += 1;
                    agent.pagerank_disallowed += pagerank;
                }
            }
        }
    }
}

/// One thread that reads shards.
struct Worker<'a> {
    options: &'a SurveyOptions<'a>,
    progress: &'a Progress,
    tokens: Vec<&'a str>,
    sorter: Sorter<'a>,
    record: Record,
    accounts: Vec<ShardRow>,
    notes: BTreeMap<&'static str, u64>,
}

impl Worker<'_> {
    fn work(mut self, shards: &[Shard], queue: &AtomicUsize) -> Result<Self> {
        while let Some(shard) = shards.get(queue.fetch_add(1, Ordering::Relaxed)) {
            self.options.interrupt.check()?;
            let account = self.read_shard_guarded(shard)?;
            self.accounts.push(account);
        }
        Ok(self)
    }

    /// Reads a shard behind a panic barrier: a fault of ours costs the rest of that shard, not the survey.
    fn read_shard_guarded(&mut self, shard: &Shard) -> Result<ShardRow> {
        let read = catch_unwind(AssertUnwindSafe(|| self.read_shard(shard)));
        let error = match read {
            Ok(Ok(account)) => return Ok(account),
            // Trouble with the shard itself stops nothing else; trouble with our own files does.
            Ok(Err(error)) if error.path() == Some(&shard.path) => error,
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                self.record = Record::default();
                Error::internal("the reader panicked").at(&shard.path)
            }
        };
        tracing::warn!("{error}");
        Ok(ShardRow::failed(shard, &error))
    }

    fn read_shard(&mut self, shard: &Shard) -> Result<ShardRow> {
        let options = self.options;
        let input = Watched {
            file: File::open(&shard.path).map_err(|e| Error::io(&shard.path, &e))?,
            interrupt: options.interrupt,
            progress: self.progress,
        };
        let mut found = ShardRow::default();
        let mut reader = Reader::with_options(input, options.recipe.reader_options());
        loop {
            let more = reader.read_record(&mut self.record);
            reader.take_faults(); // the totals count them, `warc check --faults` lists them
            let more = more.map_err(|e| match options.interrupt.check() {
                Err(stopped) => stopped,
                Ok(()) => error::refused(&shard.path, &e),
            });
            if !more? {
                break;
            }
            match capture::look(&self.record, options.parse.max_bytes) {
                Found::Capture(capture) => {
                    found.pages += 1;
                    let (row, notes) = row_of(&capture, &self.tokens, &options.parse);
                    self.sorter.add(row)?;
                    for note in notes {
                        *self.notes.entry(note).or_default() += 1;
                    }
                }
                Found::Skipped(reason) => found.skip(reason, 1),
                Found::Other => {}
            }
        }
        let totals = reader.totals();
        if totals.bytes != shard.bytes {
            let changed = format!("it had {} bytes and has {}", shard.bytes, totals.bytes);
            return Err(Error::new(Exit::Io, "E-CHANGED", changed).at(&shard.path));
        }
        Ok(ShardRow {
            pages: found.pages,
            skipped: found.skipped,
            ..ShardRow::read(shard, totals)
        })
    }
}

/// A shard's bytes as they are read: shown as progress, and ended when a stop is asked for.
struct Watched<'a> {
    file: File,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_requested() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.file.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

/// What a capture says, as a row of the table, and what is worth a word.
fn row_of(
    capture: &Capture,
    tokens: &[&str],
    parse: &ParseOptions,
) -> (RobotsRow, Vec<&'static str>) {
    let mut notes = Vec::new();
    let mut note = |is: bool, name| {
        if is {
            notes.push(name);
        }
    };
    note(capture.is_truncated, "body_truncated");
    note(capture.fetched_at.is_none(), "no_date");
    let is_redirect = fetch::is_redirect(capture.status);
    note(is_redirect, "redirect");
    let access = Access::from_fetch_with(&Fetch::response(capture.status, &capture.body), parse);
    let mut row = RobotsRow {
        host: capture.host.clone(),
        url: capture.url.clone(),
        fetched_at: capture.fetched_at,
        status: capture.status,
        bytes: capture.body.len() as u64,
        // A redirect leaves it to its target, which is a capture of its own, if any.
        access: (!is_redirect).then(|| AccessKind::of(&access)),
        groups: 0,
        rules: 0,
        crawl_delay: None,
        sitemaps: Vec::new(),
        agents: (!is_redirect).then(|| vec![matches!(access, Access::AllowAll); tokens.len()]),
        content_signal: None,
        content_usage: None,
    };
    if let Access::Rules(robots) = access {
        note(robots.is_html(), "html");
        note(robots.is_truncated(), "over_limit");
        let agents = robots.agents(tokens);
        let everybody = robots.agent("*");
        let mut allowed = Vec::with_capacity(tokens.len());
        agents.allows_each(&UrlPath::new("/"), &mut allowed);
        row.agents = Some(allowed);
        row.groups = robots.num_groups() as u64;
        row.rules = robots.num_rules() as u64;
        row.crawl_delay = everybody.crawl_delay();
        row.sitemaps = robots
            .sitemaps()
            .map(|sitemap| sitemap.into_owned())
            .collect();
        (row.content_signal, row.content_usage) = as_written(&everybody);
    }
    (row, notes)
}
