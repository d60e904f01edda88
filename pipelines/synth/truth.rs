//! What is in the shards, from the generator's own knowledge.
//!
//! Pairs and hosts are kept as numbers in the order of reversed names, so sorting numbers sorts names.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde::Serialize;

use super::hosts::{HostId, Hosts};
use super::page::Target;
use super::{Error, Kind};

/// Everything that was written; `truth.json` holds the same.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Version of this description.
    pub format: u32,
    /// What the shards were made from; the same options give the same bytes.
    pub options: OptionsTruth,
    /// Sums over all files.
    pub totals: Totals,
    /// One entry per file, by kind and number.
    pub shards: Vec<ShardTruth>,
}

/// The options that shape the output.
#[derive(Debug, Clone, Serialize)]
pub struct OptionsTruth {
    /// Seed of all randomness.
    pub seed: u64,
    /// Files of each kind.
    pub shards: u32,
    /// Pages in each file.
    pub pages_per_shard: u32,
    /// Generated hosts, beside the fixed ones.
    pub hosts: u32,
    /// What was written.
    pub kinds: Vec<Kind>,
    /// How often records were damaged.
    pub faults_per_million: u32,
}

/// Sums over all files, and sizes of the lists beside them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// Files.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Whole members.
    pub members: u64,
    /// Whole records.
    pub records: u64,
    /// Different pages: a page that is in WAT and in WARC counts once.
    pub pages: u64,
    /// Entries of the pages' `Links`; those of the head are not in it.
    pub links: u64,
    /// Damages.
    pub faults: u64,
    /// Lines of the lists about pages' links.
    pub lists: ListLengths,
    /// Lines of the lists about redirects; all 0 without WARC.
    pub redirect_lists: ListLengths,
}

impl Totals {
    /// Sums up; pages and links are counted in the files of one kind only, as all have the same.
    pub(super) fn of(shards: &[ShardTruth], counted: Option<&str>) -> Self {
        let mut totals = Self::default();
        for shard in shards {
            totals.files += 1;
            totals.bytes += shard.bytes;
            totals.members += shard.members;
            totals.records += shard.records;
            totals.faults += shard.faults.len() as u64;
            if counted == Some(shard.kind) {
                totals.pages += shard.pages;
                totals.links += shard.links;
            }
        }
        totals
    }
}

/// Lines of the lists of host pairs and of hosts, by profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ListLengths {
    /// Pairs by Common Crawl's rules.
    pub pairs_cc: u64,
    /// Pairs as browsers see them.
    pub pairs_browser: u64,
    /// Hosts by Common Crawl's rules.
    pub hosts_cc: u64,
    /// Hosts as browsers see them.
    pub hosts_browser: u64,
}

/// What one file holds.
#[derive(Debug, Clone, Serialize)]
pub struct ShardTruth {
    /// Name within the output folder.
    pub file: String,
    /// `wat`, `warc`, `crawldiagnostics`, `wet` or `robotstxt`.
    pub kind: &'static str,
    /// Length of the file.
    pub bytes: u64,
    /// Whole members; damaged ones are in `faults` instead.
    pub members: u64,
    /// Whole records.
    pub records: u64,
    /// Captures of pages with status 200; of a robots.txt or an error, none.
    pub pages: u64,
    /// Entries of the pages' `Links`.
    pub links: u64,
    /// Entries of the pages' `Head.Link` and `Head.Scripts`.
    pub head_links: u64,
    /// Damages in order of offset.
    pub faults: Vec<FaultTruth>,
}

impl ShardTruth {
    pub(super) fn new(file: String, kind: &'static str) -> Self {
        Self {
            file,
            kind,
            bytes: 0,
            members: 0,
            records: 0,
            pages: 0,
            links: 0,
            head_links: 0,
            faults: Vec::new(),
        }
    }
}

/// One damage. Everything outside of it reads as if it were not there.
#[derive(Debug, Clone, Serialize)]
pub struct FaultTruth {
    /// Where the damaged member, or what was put between members, begins.
    pub offset: u64,
    /// `bit_flip`, `cut_member`, `zeros` or `junk`.
    pub kind: &'static str,
    /// Length of the damaged or foreign piece.
    pub bytes: u64,
}

/// Host pairs and hosts by one profile's rules, gathered by many threads.
struct Answers {
    /// Scratch without a name; holds sorted runs one after the other.
    runs: Mutex<Runs>,
    /// A bit per host.
    hosts: Vec<AtomicU64>,
}

struct Runs {
    file: File,
    /// Pairs of each run.
    lengths: Vec<u64>,
}

impl Answers {
    fn new(folder: &Path, num_hosts: usize) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        let hosts = (0..num_hosts.div_ceil(64))
            .map(|_| AtomicU64::new(0))
            .collect();
        Ok(Self {
            runs: Mutex::new(Runs {
                file,
                lengths: Vec::new(),
            }),
            hosts,
        })
    }

    fn add_host(&self, rank: u32) {
        self.hosts[rank as usize / 64].fetch_or(1 << (rank % 64), Ordering::Relaxed);
    }

    fn has_host(&self, rank: u32) -> bool {
        self.hosts[rank as usize / 64].load(Ordering::Relaxed) >> (rank % 64) & 1 == 1
    }

    fn add_run(&self, pairs: &mut Vec<u64>) -> io::Result<()> {
        pairs.sort_unstable();
        pairs.dedup();
        let bytes: Vec<u8> = pairs.iter().flat_map(|pair| pair.to_le_bytes()).collect();
        let mut runs = self
            .runs
            .lock()
            .expect("no thread panics while it writes a run");
        runs.file.write_all(&bytes)?;
        runs.lengths.push(pairs.len() as u64);
        pairs.clear();
        Ok(())
    }

    /// Calls `each` once per different pair, in order.
    fn merge(&self, mut each: impl FnMut(u64) -> io::Result<()>) -> io::Result<()> {
        let runs = self
            .runs
            .lock()
            .expect("no thread panics while it writes a run");
        let mut readers = Vec::new();
        let mut heap = BinaryHeap::new();
        let mut start = 0;
        for &length in &runs.lengths {
            let mut reader = RunReader {
                file: &runs.file,
                next: start * 8,
                end: (start + length) * 8,
                chunk: Vec::new(),
            };
            if let Some(pair) = reader.next_pair()? {
                heap.push(Reverse((pair, readers.len())));
            }
            readers.push(reader);
            start += length;
        }
        let mut last = None;
        while let Some(Reverse((pair, number))) = heap.pop() {
            if last != Some(pair) {
                each(pair)?;
                last = Some(pair);
            }
            if let Some(pair) = readers[number].next_pair()? {
                heap.push(Reverse((pair, number)));
            }
        }
        Ok(())
    }
}

/// Reads one sorted run, 8 KiB at a time.
struct RunReader<'a> {
    file: &'a File,
    next: u64,
    end: u64,
    /// Pairs read ahead, last first.
    chunk: Vec<u64>,
}

impl RunReader<'_> {
    fn next_pair(&mut self) -> io::Result<Option<u64>> {
        if self.chunk.is_empty() {
            let mut bytes = [0; 8192];
            let length = bytes.len().min((self.end - self.next) as usize);
            self.file.read_exact_at(&mut bytes[..length], self.next)?;
            self.next += length as u64;
            let pair =
                |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
            self.chunk
                .extend(bytes[..length].chunks_exact(8).rev().map(pair));
        }
        Ok(self.chunk.pop())
    }
}

/// Gathers who links to whom, by both profiles.
pub(super) struct Gatherer<'a> {
    hosts: &'a Hosts,
    profiles: [Answers; 2],
}

/// One thread's share of the pairs: those of a single file.
pub(super) struct Share<'g, 'a> {
    gatherer: &'g Gatherer<'a>,
    pairs: [Vec<u64>; 2],
}

const PROFILES: [&str; 2] = ["cc", "browser"];

impl<'a> Gatherer<'a> {
    pub(super) fn new(folder: &Path, hosts: &'a Hosts) -> Result<Self, Error> {
        let answers = || Answers::new(folder, hosts.len());
        let both = || Ok([answers()?, answers()?]);
        let profiles = both().map_err(|source| Error::Io {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self { hosts, profiles })
    }

    pub(super) fn share(&self) -> Share<'_, 'a> {
        Share {
            gatherer: self,
            pairs: [Vec::new(), Vec::new()],
        }
    }

    /// Writes `{pairs}.{profile}.tsv.gz` and `{hosts}.{profile}.txt.gz` for both profiles.
    pub(super) fn write(
        &self,
        folder: &Path,
        pairs: &str,
        hosts: &str,
    ) -> Result<ListLengths, Error> {
        let write = |profile: usize| {
            let name = PROFILES[profile];
            Ok((
                self.write_pairs(
                    &folder.join(format!("{pairs}.{name}.tsv.gz")),
                    &self.profiles[profile],
                )?,
                self.write_hosts(
                    &folder.join(format!("{hosts}.{name}.txt.gz")),
                    &self.profiles[profile],
                )?,
            ))
        };
        let ((pairs_cc, hosts_cc), (pairs_browser, hosts_browser)) = (write(0)?, write(1)?);
        Ok(ListLengths {
            pairs_cc,
            pairs_browser,
            hosts_cc,
            hosts_browser,
        })
    }

    fn write_pairs(&self, path: &Path, answers: &Answers) -> Result<u64, Error> {
        write_lines(path, |line| {
            answers.merge(|pair| {
                let [source, target] =
                    [pair >> 32, pair & 0xffff_ffff].map(|rank| self.reversed(rank as u32));
                line(&format!("{source}\t{target}\n"))
            })
        })
    }

    fn write_hosts(&self, path: &Path, answers: &Answers) -> Result<u64, Error> {
        let mut ranks = (0..self.hosts.len() as u32).filter(|&rank| answers.has_host(rank));
        write_lines(path, |line| {
            ranks.try_for_each(|rank| line(&format!("{}\n", self.reversed(rank))))
        })
    }

    fn reversed(&self, rank: u32) -> String {
        self.hosts.reversed(self.hosts.at_rank(rank))
    }
}

impl Share<'_, '_> {
    /// Adds one capture: its host is a host even without links; links within it are none.
    pub(super) fn add(&mut self, source: HostId, targets: &[Target]) {
        let hosts = self.gatherer.hosts;
        let source_rank = hosts.rank(source);
        for (number, answers) in self.gatherer.profiles.iter().enumerate() {
            answers.add_host(source_rank);
            let targets = targets.iter().filter_map(|target| {
                if number == 0 {
                    target.cc
                } else {
                    target.browser
                }
            });
            for target in targets.filter(|&target| target != source) {
                let rank = hosts.rank(target);
                answers.add_host(rank);
                self.pairs[number].push(u64::from(source_rank) << 32 | u64::from(rank));
            }
        }
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        for (answers, pairs) in self.gatherer.profiles.iter().zip(&mut self.pairs) {
            answers.add_run(pairs)?;
        }
        Ok(())
    }
}

/// Writes a gzip file without a time in its header, so that the same lines give the same bytes.
fn write_lines(
    path: &Path,
    lines: impl FnOnce(&mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()>,
) -> Result<u64, Error> {
    let mut count = 0;
    let write = || {
        let file = BufWriter::new(File::create_new(path)?);
        let mut out: GzEncoder<_> = GzBuilder::new().mtime(0).write(file, Compression::new(6));
        lines(&mut |line| {
            count += 1;
            out.write_all(line.as_bytes())
        })?;
        out.finish()?.into_inner()?.sync_all()
    };
    write().map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(count)
}
