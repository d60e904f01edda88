//! The survey of a crawl: captures of robots.txt out of shards, what they say, and how many hosts say it.
//!
//! Workers read shards, one each, and write rows to sorted files; the files are merged into the table `robots`. Memory is
//! a record and a share of rows a worker, whatever the crawl. Rows have one order, so that the table is the same, byte for
//! byte, for any threads, memory, order of shards, and interruptions: a journal in the scratch folder lists the shards that
//! are done, and the same survey goes on from there. A shard that failed gives no row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crawlrank_robots::{Access, Fetch, ParseOptions, UrlPath};
use crawlrank_warc::{Reader, ReaderOptions, Record};

use super::agents::KnownAgent;
use super::batch::as_written;
use super::capture::{self, Capture, Found};
use super::journal::{Entry, Journal};
use super::ranks::HostRanks;
use super::sorted::{self, Runs, Sorter};
use crate::accounts::{Located, Outcome, ShardRow};
use crate::error::{self, Result};
use crate::fetch;
use crate::interrupt::Interrupt;
use crate::memory::WorkerShare;
use crate::progress::{Progress, Show};
use crate::queue::Queue;
use crate::recipe::{Recipe, Shaping};
use crate::shard::{Attempt, Shard, Watched};
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
    /// A folder for scratch of this survey alone: empty, or as it was left.
    pub scratch: &'a Path,
    /// Tells when to stop.
    pub interrupt: &'a Interrupt,
    /// How progress is shown.
    pub progress: Show,
}

/// The parameters that shape the table, for its id.
pub fn shaping(recipe: &Recipe, agents: &[KnownAgent], parse: &ParseOptions) -> Shaping {
    let tokens: Vec<&str> = agents.iter().map(|agent| agent.token.as_str()).collect();
    let mut map = serde_json::Map::new();
    map.insert("command".to_owned(), "robots survey".into());
    map.insert("agents".to_owned(), tokens.into());
    map.insert("max_robots_bytes".to_owned(), parse.max_bytes.into());
    for (name, size) in [
        ("max_record", recipe.max_record),
        ("max_header", recipe.max_header),
        ("max_window", recipe.max_window),
    ] {
        map.insert(name.to_owned(), size.0.into());
    }
    Shaping(map)
}

/// What was read from the shards, before it is merged.
pub struct Survey<'a> {
    accounts: Vec<Located>,
    notes: BTreeMap<String, u64>,
    runs: Vec<u64>,
    files: Runs<'a>,
}

/// Reads the captures of all shards that were not read before.
///
/// # Errors
/// A stop on request, trouble with files of our own, and too little memory for a zstd window; what is wrong with a shard is in its account.
pub fn read<'a>(shards: &[Shard], options: &SurveyOptions<'a>) -> Result<Survey<'a>> {
    let (journal, mut entries) = Journal::open(options.scratch)?;
    let done: BTreeSet<&str> = entries
        .iter()
        .flat_map(|entry| &entry.shards)
        .map(|account| account.shard.as_str())
        .collect();
    let is_pending = |shard: &&Shard| !done.contains(shard.name.as_str());
    let pending: Vec<&Shard> = shards.iter().filter(is_pending).collect();
    let last_run = entries.iter().flat_map(|entry| &entry.runs).max();
    let files = Runs {
        folder: options.scratch,
        next: AtomicU64::new(last_run.map_or(0, |last| last + 1)),
    };
    let bytes = pending.iter().map(|shard| shard.bytes).sum();
    let progress = Progress::start(options.progress, "survey", "bytes", bytes);
    let unread = Unread {
        shards: Queue::new(pending, progress),
        journal,
    };
    entries.extend(read_pending(&unread, options, &files)?);
    let (mut accounts, mut notes, mut runs) = (Vec::new(), BTreeMap::new(), Vec::new());
    for entry in entries {
        accounts.extend(entry.shards);
        for (note, count) in entry.notes {
            *notes.entry(note).or_default() += count;
        }
        runs.extend(entry.runs);
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
        files,
    })
}

/// Reads shards with as many workers as the memory has room for.
fn read_pending(unread: &Unread, options: &SurveyOptions, files: &Runs) -> Result<Vec<Entry>> {
    let workers = options.threads.min(unread.shards.len());
    let recipe = &options.recipe;
    let (record_bytes, window_bytes) = (recipe.max_record.0, recipe.max_window.0);
    let share = WorkerShare::of(options.memory, workers, record_bytes, window_bytes);
    let tokens = options.agents.iter().map(|agent| agent.token.as_str());
    let entries = unread.shards.work(share.workers, || {
        let worker = Worker {
            options,
            unread,
            reader: share.reader_options(recipe),
            tokens: tokens.clone().collect(),
            sorter: Sorter::new(files, share.builder_bytes.min(SORTED_BYTES)),
            record: Record::default(),
            accounts: Vec::new(),
            notes: BTreeMap::new(),
            entries: Vec::new(),
        };
        worker.work()
    })?;
    Ok(entries.into_iter().flatten().collect())
}

impl Survey<'_> {
    /// Sums up what was read and lost. `pages` of it are the captures.
    pub fn outcome(&self, recipe: &Recipe) -> Outcome {
        Outcome::of(&self.accounts, recipe.max_bad_records)
    }

    /// Kinds of captures that are worth a word, with their counts: redirects, pages in place of the file, and the like.
    pub fn notes(&self) -> &BTreeMap<String, u64> {
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
        sorted::merge(self.runs, &self.files, &mut |row| {
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

/// Shards to read, shared by the workers, and where what was read is written down.
struct Unread<'a> {
    shards: Queue<&'a Shard>,
    journal: Journal,
}

/// One thread that reads shards.
struct Worker<'a, 'shards> {
    options: &'a SurveyOptions<'a>,
    unread: &'a Unread<'shards>,
    reader: ReaderOptions,
    tokens: Vec<&'a str>,
    sorter: Sorter<'a>,
    record: Record,
    /// Of shards since the last commit.
    accounts: Vec<ShardRow>,
    notes: BTreeMap<String, u64>,
    /// What was committed, and at last what is not worth it.
    entries: Vec<Entry>,
}

impl Worker<'_, '_> {
    /// Reads shards until none is left or a stop is asked for; what is finished is committed in any case.
    fn work(mut self) -> Result<Vec<Entry>> {
        let mut committed = Instant::now();
        while let Some(shard) = self.unread.shards.take() {
            let read = match self.options.interrupt.check() {
                Ok(()) => self.read_shard_guarded(shard),
                Err(stopped) => Err(stopped),
            };
            if let Err(stopped) = read {
                if self.unread.shards.put_off(shard, shard.bytes, &stopped) {
                    continue;
                }
                self.sorter.forget()?;
                self.commit()?;
                return Err(stopped);
            }
            if committed.elapsed() > self.unread.shards.commit_after() {
                self.commit()?;
                committed = Instant::now();
            }
        }
        self.commit()?;
        Ok(self.entries)
    }

    /// Makes what was read since the last time last.
    fn commit(&mut self) -> Result<()> {
        // A shard whose trouble may pass, as that with a disk does, is read again by whoever goes on.
        let (again, shards): (Vec<ShardRow>, Vec<ShardRow>) =
            self.accounts.drain(..).partition(|account| account.again);
        if !again.is_empty() {
            self.entries.push(Entry {
                shards: again,
                notes: BTreeMap::new(),
                runs: Vec::new(),
            });
        }
        if !shards.is_empty() {
            let entry = Entry {
                shards,
                notes: std::mem::take(&mut self.notes),
                runs: self.sorter.flush()?,
            };
            self.unread.journal.add(&entry)?;
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Reads a shard behind a panic barrier: a fault of ours costs that shard, not the survey.
    fn read_shard_guarded(&mut self, shard: &Shard) -> Result<()> {
        let read = |attempt| {
            self.sorter.forget()?; // what an earlier attempt found
            self.read_shard(shard, attempt)
        };
        let error = match shard.read_guarded(read)? {
            Ok((account, notes)) => {
                self.sorter.keep();
                self.accounts.push(account);
                for (note, count) in notes {
                    *self.notes.entry(note.to_owned()).or_default() += count;
                }
                return Ok(());
            }
            Err(error) => error,
        };
        self.record = Record::default(); // a panic may have left it half made
        self.sorter.forget()?;
        self.accounts.push(ShardRow::failed(shard, &error));
        Ok(())
    }

    /// Reads a shard to its end: its account, and what was worth a word.
    fn read_shard(&mut self, shard: &Shard, attempt: Attempt) -> Result<(ShardRow, Notes)> {
        let options = self.options;
        let progress = &self.unread.shards.progress;
        let input = Watched::open(shard, options.interrupt, progress)?;
        let (mut found, mut notes) = (ShardRow::default(), Notes::new());
        let mut reader = Reader::with_options(input, self.reader.clone());
        loop {
            let more = reader.read_record(&mut self.record);
            // The totals count them, `warc check --faults` lists them.
            for fault in reader.take_faults() {
                attempt.look_at(shard, &fault)?;
            }
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
                    self.sorter
                        .add(row_of(&capture, &self.tokens, &options.parse, &mut notes))?;
                }
                Found::Skipped(reason) => found.skip(reason, 1),
                Found::Other => {}
            }
        }
        let totals = reader.totals();
        attempt.look_at_end(shard, totals)?;
        let account = ShardRow {
            pages: found.pages,
            skipped: found.skipped,
            ..ShardRow::read(shard, totals)
        };
        Ok((account, notes))
    }
}

/// Kinds of captures that are worth a word, with their counts.
pub(crate) type Notes = BTreeMap<&'static str, u64>;

/// What a capture says, as a row of the table.
pub(crate) fn row_of(
    capture: &Capture,
    tokens: &[&str],
    parse: &ParseOptions,
    notes: &mut Notes,
) -> RobotsRow {
    let mut note = |is: bool, name| {
        if is {
            *notes.entry(name).or_default() += 1;
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
    row
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Exit;
    use crate::robots::agents;
    use crate::shard::{self, FindOptions};
    use crate::synth::{self, Kind, SynthOptions};

    fn write(survey: Survey, options: &SurveyOptions) -> (Vec<u8>, Summary) {
        let table = options.scratch.join("table");
        let summary = survey.write(&table, "id", options, None).unwrap();
        (fs::read(&table).unwrap(), summary)
    }

    #[test]
    fn a_survey_goes_on_where_it_was_stopped_and_failed_shards_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let made = SynthOptions {
            out: folder.path().join("shards"),
            shards: 3,
            hosts: 400,
            kinds: vec![Kind::Robots],
            ..SynthOptions::default()
        };
        synth::generate(&made, &|_| Ok(())).unwrap();
        let shards = shard::find(&[&made.out], &FindOptions::local(None)).unwrap();
        assert_eq!(shards.len(), 3);
        let agents = agents::from_flag("*,CCBot").unwrap();
        let (recipe, interrupt) = (Recipe::default(), Interrupt::default());
        let options = |scratch| SurveyOptions {
            recipe: &recipe,
            agents: &agents,
            parse: ParseOptions::default(),
            memory: 256 << 20,
            threads: 1,
            scratch,
            interrupt: &interrupt,
            progress: Show::Nothing,
        };
        let [whole, halves] = ["whole", "halves"].map(|name| folder.path().join(name));
        fs::create_dir(&whole).unwrap();
        fs::create_dir(&halves).unwrap();
        let expected = write(read(&shards, &options(&whole)).unwrap(), &options(&whole));
        assert!(expected.1.rows >= 100);

        // The first shard cannot be read for now.
        let aside = folder.path().join("aside");
        fs::rename(&shards[0].path, &aside).unwrap();
        let first = read(&shards, &options(&halves)).unwrap();
        assert_eq!(first.outcome(&recipe).bad_shards.len(), 1);
        drop(first);
        fs::rename(&aside, &shards[0].path).unwrap();
        // The others were read, and are not needed any more.
        fs::remove_file(&shards[1].path).unwrap();
        fs::remove_file(&shards[2].path).unwrap();
        let second = read(&shards, &options(&halves)).unwrap();
        let outcome = second.outcome(&recipe);
        assert_eq!(
            (outcome.bad_shards.len(), outcome.pages),
            (0, expected.1.rows)
        );
        assert_eq!(write(second, &options(&halves)), expected);

        interrupt.request();
        fs::remove_dir_all(&whole).unwrap();
        fs::create_dir(&whole).unwrap();
        let stopped = read(&shards, &options(&whole)).err().unwrap();
        assert_eq!(stopped.exit(), Exit::Interrupted);
    }
}
