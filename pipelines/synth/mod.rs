//! Realistic shards of any size, with the truth about them beside: `crawlrank synth`.
//!
//! Whole Common Crawl files are large, and what is in them is known only to whoever reads them. This
//! module invents a small web instead and writes it down as Common Crawl would: **WAT** (metadata and
//! links), **WARC** (captures, with a second file for those that did not end in status 200), **WET**
//! (plain text) and **robots.txt** captures. Record layout, header names, key order, shares of link
//! forms, and sizes before and after compression are those measured on real pages.
//!
//! # What is promised
//!
//! - The same [`SynthOptions`] (but for the folder) give the same bytes, on any machine and for any
//!   number of threads. Page `i` depends on the seed and `i` alone, so it is the same page in every
//!   kind, and shard `s` holds pages `s * pages_per_shard ..`. Memory per thread is one record, plus
//!   8 bytes for each host pair of a shard; for all, 60 bytes per host.
//! - Final names appear only complete; `truth.json` is written last.
//!
//! # The truth
//!
//! It comes from what the generator knows it wrote, never from reading the shards back.
//!
//! - `truth.json`: the [`Summary`], counts per file and in all, and every damage.
//! - `host_pairs.PROFILE.tsv.gz`: reversed source host, tab, reversed target host; sorted, unique.
//!   A pair says that some page of the source host links to the target host: from `Links`, the head's
//!   links, scripts and metas, or an HTTP `Link` header, as an absolute `http`, `https` or `//` URL, or
//!   as a relative one under a `<base>` elsewhere. Hosts keep their `www.`; a pair of a host with
//!   itself is left out. `PROFILE` is `cc` (Common Crawl's rules) or `browser` (the URL Standard); they
//!   differ where a host is written oddly and for `<meta http-equiv="refresh">`, which only a browser sees.
//! - `hosts.PROFILE.txt.gz`: the reversed names of all hosts in those pairs and of all captured pages.
//! - `redirect_pairs.PROFILE.tsv.gz` and `redirect_hosts.PROFILE.txt.gz`, with WARC: the same for the
//!   `Location` of redirects in the `crawldiagnostics` files, which the lists above leave out.
//!
//! Lengths, offsets and checksums that a WAT says about its WARC, and the digests in it, are invented;
//! digests in WARC and WET are real.

mod clock;
mod dice;
mod head;
mod hosts;
mod members;
mod odd;
mod page;
mod shard;
mod truth;
mod wat;
mod words;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rayon::prelude::*;
use serde::Serialize;

pub use self::truth::{FaultTruth, OptionsTruth, ShardTruth, Summary, Totals};

use self::dice::{Dice, Purpose};
use self::hosts::Hosts;
use self::shard::{PageRecord, ShardFile};
use self::truth::{Gatherer, Share};
use self::words::Lexicon;

/// What to write, and how much of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthOptions {
    /// Folder to write to; made if missing, refused if not empty.
    pub out: PathBuf,
    /// Files of each kind, at most 100,000 (names have five digits).
    pub shards: u32,
    /// Pages in each file. Common Crawl has about 40,000.
    pub pages_per_shard: u32,
    /// Generated hosts, a quarter of them with pages; about 80 well-known and odd ones come on top.
    pub hosts: u32,
    /// Seed of all randomness.
    pub seed: u64,
    /// What to write.
    pub kinds: Vec<Kind>,
    /// Of a million records, how many are damaged or have junk before them.
    pub faults_per_million: u32,
}

impl Default for SynthOptions {
    fn default() -> Self {
        Self {
            out: PathBuf::from("synth"),
            shards: 1,
            pages_per_shard: 1_000,
            hosts: 10_000,
            seed: 1,
            kinds: vec![Kind::Wat],
            faults_per_million: 0,
        }
    }
}

/// A kind of shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Metadata and links as JSON.
    Wat,
}

impl Kind {
    /// The name used on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Wat => "wat",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let kinds = [Kind::Wat];
        kinds
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| format!("unknown kind `{name}`; known are `wat`"))
    }
}

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds something already.
    #[error("{}: the folder is not empty; choose another one or remove it", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// An option is out of its range.
    #[error("`{option}` is {value}, expected {expected}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What was given.
        value: u64,
        /// The range.
        expected: &'static str,
    },
    /// The operating system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// The invented web: what every page is made from.
struct World {
    seed: u64,
    lexicon: Lexicon,
    hosts: Hosts,
}

/// Writes the shards and the truth about them to `options.out`, on the threads of the current pool.
///
/// `progress` is called from those threads with the number of captures written since its last call.
///
/// # Errors
///
/// When an option is out of range, the folder is not empty, or writing fails; what has been written
/// by then stays.
pub fn generate(options: &SynthOptions, progress: &(dyn Fn(u64) + Sync)) -> Result<Summary, Error> {
    check(options)?;
    prepare_folder(&options.out)?;
    let lexicon = Lexicon::new();
    let hosts = Hosts::new(options.seed, options.hosts, &lexicon);
    let world = World {
        seed: options.seed,
        lexicon,
        hosts,
    };
    let run = Run {
        options,
        world: &world,
        pairs: Gatherer::new(&options.out, &world.hosts)?,
        progress,
    };
    let mut files: Vec<(Kind, u32)> = Vec::new();
    for &kind in &options.kinds {
        files.extend((0..options.shards).map(|shard| (kind, shard)));
    }
    let shards: Vec<ShardTruth> = files
        .into_par_iter()
        .map(|(kind, shard)| run.write(kind, shard))
        .collect::<Result<_, Error>>()?;
    run.tell_truth(shards)
}

fn check(options: &SynthOptions) -> Result<(), Error> {
    let in_range = |option, value: u64, highest: u64, expected| {
        if (1..=highest).contains(&value) {
            Ok(())
        } else {
            Err(Error::Option {
                option,
                value,
                expected,
            })
        }
    };
    in_range("shards", options.shards.into(), 100_000, "1 to 100000")?;
    in_range(
        "pages",
        options.pages_per_shard.into(),
        1_000_000,
        "1 to 1000000",
    )?;
    in_range("hosts", options.hosts.into(), 100_000_000, "1 to 100000000")?;
    in_range(
        "kind",
        options.kinds.len() as u64,
        1_000,
        "at least one kind",
    )
}

fn prepare_folder(folder: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    match fs::read_dir(folder).map_err(failed)?.next() {
        Some(_) => Err(Error::NotEmpty {
            path: folder.to_owned(),
        }),
        None => Ok(()),
    }
}

struct Run<'a> {
    options: &'a SynthOptions,
    world: &'a World,
    pairs: Gatherer<'a>,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Run<'_> {
    fn write(&self, kind: Kind, shard: u32) -> Result<ShardTruth, Error> {
        let name = |extension: &str| format!("{}-{shard:05}{extension}", clock::SEGMENT);
        let file = match kind {
            Kind::Wat => ShardTruth::new(name(".warc.wat.gz"), "wat"),
        };
        let stream = u64::from(shard) << 3 | kind as u64;
        let mut file = ShardFile::create(
            &self.options.out,
            file,
            (self.options.seed, stream, self.options.faults_per_million),
        )?;
        let mut share = self.pairs.share();
        let written = match kind {
            Kind::Wat => self.write_wat(shard, &mut file, &mut share),
        };
        file.at_path(written.and_then(|()| share.finish()))?;
        file.finish()
    }

    fn write_wat(&self, shard: u32, file: &mut ShardFile, share: &mut Share) -> io::Result<()> {
        let mut dice = Dice::new(
            self.options.seed,
            Purpose::World,
            1 << 40 | u64::from(shard),
        );
        let warc_name = format!("{}-{shard:05}.warc.gz", clock::SEGMENT);
        let mut writer = wat::WatWriter::new(self.world, warc_name, page::uuid(&mut dice));
        let own_name = file.truth.file.clone();
        writer.start(&own_name, &mut dice, |record| file.record(record, true))?;
        for index in self.pages(shard) {
            let page = page::page(self.world, index);
            share.add(page.host, &page.targets);
            file.truth.pages += 1;
            file.truth.links += page.links.len() as u64;
            file.truth.head_links += (page.head_links.len() + page.scripts.len()) as u64;
            writer.page(&page, |which, record| {
                file.record(record, which == PageRecord::Response)
            })?;
            (self.progress)(1);
        }
        Ok(())
    }

    fn pages(&self, shard: u32) -> std::ops::Range<u64> {
        let pages = u64::from(self.options.pages_per_shard);
        u64::from(shard) * pages..(u64::from(shard) + 1) * pages
    }

    /// Writes the lists and, last, `truth.json`.
    fn tell_truth(&self, shards: Vec<ShardTruth>) -> Result<Summary, Error> {
        let out = &self.options.out;
        let [host_pairs_cc, host_pairs_browser, hosts_cc, hosts_browser] =
            self.pairs.write(out, "host_pairs", "hosts")?;
        let sum = |count: fn(&ShardTruth) -> u64| shards.iter().map(count).sum();
        let totals = Totals {
            files: shards.len() as u64,
            bytes: sum(|shard| shard.bytes),
            members: sum(|shard| shard.members),
            records: sum(|shard| shard.records),
            pages: sum(|shard| shard.pages),
            links: sum(|shard| shard.links),
            faults: sum(|shard| shard.faults.len() as u64),
            host_pairs_cc,
            host_pairs_browser,
            hosts_cc,
            hosts_browser,
        };
        let summary = Summary {
            format: 1,
            options: OptionsTruth::from(self.options),
            totals,
            shards,
        };
        let path = out.join("truth.json");
        let write = || {
            let temporary = out.join(".truth.json.tmp");
            let file = File::create_new(&temporary)?;
            serde_json::to_writer_pretty(&file, &summary)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        Ok(summary)
    }
}

impl From<&SynthOptions> for OptionsTruth {
    fn from(options: &SynthOptions) -> Self {
        Self {
            seed: options.seed,
            shards: options.shards,
            pages_per_shard: options.pages_per_shard,
            hosts: options.hosts,
            kinds: options.kinds.clone(),
            faults_per_million: options.faults_per_million,
        }
    }
}
