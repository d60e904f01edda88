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
//! - `….robotstxt.jsonl.gz`, one per file of robots.txt captures: a line per capture with `status`,
//!   `access` (RFC 9309, section 2.3.1; null for a redirect), `sitemaps`, the number of `rules` (null for a hostile body),
//!   `crawl_delay`, `content_signal` and `content_usage` of `*`, and which agents `may_fetch` `/` (null for noise).
//!
//! Damage is never done to a record that carries links or rules, so all this holds with faults, too.
//!
//! Lengths, offsets and checksums that a WAT says about its WARC, and the digests in it, are invented;
//! digests in WARC and WET are real.

mod clock;
mod diagnostics;
mod dice;
mod head;
mod hosts;
mod html;
mod links;
mod members;
mod odd;
mod page;
mod robots;
mod run;
#[cfg(test)]
mod samples;
mod shard;
#[cfg(test)]
mod tests;
mod truth;
mod warc;
mod wat;
mod wet;
mod words;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

pub use self::truth::{FaultTruth, ListLengths, OptionsTruth, ShardTruth, Summary, Totals};

use self::hosts::Hosts;
use self::run::Run;
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

impl SynthOptions {
    /// What the committed sample in `data-samples/synth` was made with: small, and of hosts few
    /// enough that they link to one another.
    pub fn sample() -> Self {
        Self {
            shards: 8,
            pages_per_shard: 25,
            hosts: 400,
            seed: 20_261_101,
            ..Self::default()
        }
    }
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
    /// Captures as fetched; captures without status 200 go to files of their own.
    Warc,
    /// Plain text.
    Wet,
    /// Captures of robots.txt, one for each crawled host.
    Robots,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Wat, Kind::Warc, Kind::Wet, Kind::Robots];

    /// The name used on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Wat => "wat",
            Kind::Warc => "warc",
            Kind::Wet => "wet",
            Kind::Robots => "robots",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| {
            format!("unknown kind `{name}`; known are `wat`, `warc`, `wet`, `robots`")
        })
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
/// `progress` is called from those threads with the number of captures written since its last call; an error that it
/// returns ends the work.
///
/// # Errors
///
/// When an option is out of range, the folder is not empty, or writing fails; what has been written
/// by then stays.
pub fn generate(
    options: &SynthOptions,
    progress: &(dyn Fn(u64) -> io::Result<()> + Sync),
) -> Result<Summary, Error> {
    check(options)?;
    prepare_folder(&options.out)?;
    let lexicon = Lexicon::new();
    let hosts = Hosts::new(options.seed, options.hosts, &lexicon);
    let world = World {
        seed: options.seed,
        lexicon,
        hosts,
    };
    Run::new(options, &world, progress)?.write_all()
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
