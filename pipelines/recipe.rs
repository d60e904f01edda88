//! A recipe: everything that a run can be told. Defaults, then a TOML file, then flags; the resolved recipe is the run's `run.toml`.
//!
//! Some parameters shape the results ([`Recipe::shaping`]); they belong to the run's identity. The others say how the
//! work is done (threads, memory, limits, folders): a run may be resumed with other values, and gives the same bytes.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use crawlrank_links::{LinkFilter, LinkKind, Options as LinkOptions, Profile, Rel, Www};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, quoted};

/// What the nodes of a graph are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// `www.example.com`.
    Host,
    /// `example.com`: hosts folded by the public suffix list.
    Domain,
    /// A normalised URL.
    Page,
}

impl Level {
    /// The level's name in paths and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Host => "host",
            Level::Domain => "domain",
            Level::Page => "page",
        }
    }
}

/// Which shards links are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Links as Common Crawl extracted them.
    Wat,
    /// Captures as fetched: the links of their HTML, and redirects.
    Warc,
}

impl Kind {
    /// The list of a crawl that names such shards.
    pub fn list(self) -> &'static str {
        match self {
            Kind::Wat => "wat",
            Kind::Warc => "warc",
        }
    }
}

/// How link addresses are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileName {
    /// As a browser resolves them.
    Browser,
    /// Exactly as Common Crawl's own job does.
    Cc,
}

/// What becomes of a leading `www.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WwwRule {
    /// It stays, as in Common Crawl's graphs since 2026.
    Keep,
    /// It goes where two labels remain, as in graphs before.
    Strip,
}

/// A limit on damage: so many, or a share of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Allowance {
    /// So many.
    Count(u64),
    /// A share in percent of all.
    Percent(f64),
}

impl Allowance {
    /// How many of `all` may be bad. A share allows at least `at_least`.
    pub fn of(self, all: u64, at_least: u64) -> u64 {
        match self {
            Allowance::Count(count) => count,
            Allowance::Percent(percent) => at_least.max((all as f64 * percent / 100.0) as u64),
        }
    }
}

impl FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("expected a count such as 10 or a share such as 1%, found {text:?}");
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim().parse() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Allowance::Percent(percent)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Allowance::Count).map_err(|_| wrong()),
        }
    }
}

impl TryFrom<String> for Allowance {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Allowance> for String {
    fn from(allowance: Allowance) -> String {
        match allowance {
            Allowance::Count(count) => count.to_string(),
            Allowance::Percent(percent) => format!("{percent}%"),
        }
    }
}

/// Bytes, written as `512M`, `16G` or plain digits. Units are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let upper = text.trim().to_ascii_uppercase();
        let plain = upper.trim_end_matches("IB").trim_end_matches('B');
        let digits = plain.trim_end_matches(['K', 'M', 'G', 'T']);
        let shift = match &plain[digits.len()..] {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => 64,
        };
        digits
            .trim()
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(1u64.checked_shl(shift)?))
            .map(Size)
            .ok_or_else(|| format!("expected a size such as 512M or 16G, found {text:?}"))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        let (mut number, mut units) = (size.0, ["", "K", "M", "G", "T"].into_iter());
        let mut unit = units.next().unwrap_or_default();
        for larger in units {
            if number == 0 || number % 1024 != 0 {
                break;
            }
            (number, unit) = (number / 1024, larger);
        }
        format!("{number}{unit}")
    }
}

/// The resolved parameters of a run. Field names are those of the flags, with `_` for `-`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Graphs to build.
    pub level: Vec<Level>,
    /// Shards links are read from.
    pub kind: Kind,
    /// How link addresses are read.
    pub profile: ProfileName,
    /// What becomes of a leading `www.`.
    pub www: WwwRule,
    /// Links with one of these `rel` values make no edge.
    pub exclude_rel: Vec<String>,
    /// Only links of these kinds make edges; empty: all.
    pub only_kind: Vec<String>,
    /// Edges carry the number of pages that hold them.
    pub edge_pages: bool,
    /// Domains by the private section of the public suffix list, too.
    pub private_suffixes: bool,
    /// Only the first so many shards, in order of their names.
    pub limit: Option<u64>,
    /// PageRank's α.
    pub damping: f64,
    /// PageRank stops when the L1 change is below.
    pub tolerance: f64,
    /// PageRank stops after so many iterations.
    pub max_iterations: u32,
    /// Harmonic centrality is computed.
    pub harmonic: bool,
    /// HyperBall keeps 2^this registers a node.
    pub harmonic_log2m: u32,
    /// Memory the run may use; unset: 60 % of the machine's or container's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Threads; unset: one a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<NonZeroUsize>,
    /// Scratch files; unset: inside the run directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmp: Option<PathBuf>,
    /// Any fault refuses the run.
    pub strict: bool,
    /// Bad records a shard may have.
    pub max_bad_records: Allowance,
    /// Bad shards a run may have.
    pub max_bad_shards: Allowance,
    /// A larger record is a fault.
    pub max_record: Size,
    /// A larger record header is a fault.
    pub max_header: Size,
    /// Links read of a page.
    pub max_links: usize,
    /// A longer address is skipped.
    pub max_url: Size,
    /// HTML of a page beyond it is not read.
    pub max_html: Size,
    /// A larger zstd window is a fault.
    pub max_window: Size,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            level: vec![Level::Host, Level::Domain],
            kind: Kind::Wat,
            profile: ProfileName::Browser,
            www: WwwRule::Keep,
            exclude_rel: Vec::new(),
            only_kind: Vec::new(),
            edge_pages: false,
            private_suffixes: false,
            limit: None,
            damping: 0.85,
            tolerance: 1e-9,
            max_iterations: 200,
            harmonic: true,
            harmonic_log2m: 10,
            memory: None,
            threads: None,
            tmp: None,
            strict: false,
            max_bad_records: Allowance::Percent(1.0),
            max_bad_shards: Allowance::Percent(0.1),
            max_record: Size(64 << 20),
            max_header: Size(64 << 10),
            max_links: 100_000,
            max_url: Size(8 << 10),
            max_html: Size(HTML_BYTES),
            max_window: Size(128 << 20),
        }
    }
}

/// HTML that is read of a page, unless the recipe says otherwise; the memory of workers is reckoned with so much.
const HTML_BYTES: u64 = 16 << 20;

/// The most that it can say: positions in HTML have four bytes, also where its encoding makes it thrice as long.
const MAX_HTML_BYTES: u64 = 256 << 20;

/// The parameters that shape results, in canonical order: what the run's identity is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shaping(pub serde_json::Map<String, serde_json::Value>);

/// The fields of [`Recipe`] that do not shape results.
const NOT_SHAPING: &[&str] = &[
    "limit",
    "memory",
    "threads",
    "tmp",
    "strict",
    "max_bad_records",
    "max_bad_shards",
];

impl Recipe {
    /// Reads a recipe file; what it does not name keeps its default.
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::usage(format!("cannot read the recipe: {e}")).at(path))?;
        toml::from_str(&text).map_err(|e| {
            let error = Error::usage(format!("not a recipe: {}", e.message())).at(path);
            let error = match e.span() {
                Some(span) => error.offset(span.start as u64),
                None => error,
            };
            error.remedy("the keys are the flags of `crawlrank run`, with `_` for `-`")
        })
    }

    /// Returns the recipe as the text of `run.toml`.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is a flat table of plain values")
    }

    /// Checks the values against one another and puts lists in canonical order.
    pub fn check(mut self) -> Result<Self> {
        self.level.sort();
        self.level.dedup();
        for list in [&mut self.exclude_rel, &mut self.only_kind] {
            list.sort();
            list.dedup();
        }
        if self.limit == Some(0) {
            return Err(Error::usage("`limit` is 0, expected at least 1"));
        }
        if self.level.is_empty() {
            return Err(Error::usage(
                "`level` names no level; expected host, domain or page",
            ));
        }
        if self.level.contains(&Level::Domain) && !self.level.contains(&Level::Host) {
            // Domains are folded from hosts, so the host graph is built anyway.
            self.level.insert(0, Level::Host);
        }
        if self.max_html.0 > MAX_HTML_BYTES {
            return Err(Error::usage(format!(
                "`max-html` is {}, expected at most {}",
                String::from(self.max_html),
                String::from(Size(MAX_HTML_BYTES))
            )));
        }
        check_threads(self.threads)?;
        if self.tmp.as_ref().is_some_and(|tmp| tmp.to_str().is_none()) {
            return Err(Error::usage(
                "`tmp` is no text, and the recipe is a text file",
            ));
        }
        check_ranking(self.damping, self.tolerance, self.max_iterations)?;
        if !(4..=16).contains(&self.harmonic_log2m) {
            return Err(Error::usage(format!(
                "`harmonic-log2m` is {}, expected 4 to 16",
                self.harmonic_log2m
            )));
        }
        self.link_filter()?;
        Ok(self)
    }

    /// What the link library is told.
    pub fn link_options(&self) -> LinkOptions {
        LinkOptions {
            profile: match self.profile {
                ProfileName::Browser => Profile::Browser,
                ProfileName::Cc => Profile::Cc,
            },
            www: match self.www {
                WwwRule::Keep => Www::Keep,
                WwwRule::Strip => Www::Strip,
            },
            max_links: self.max_links,
            max_url_bytes: self.max_url.0 as usize,
            max_html_bytes: self.max_html.0 as usize,
            max_text_bytes: 0, // graphs need no anchor texts: an eighth less time
            ..LinkOptions::default()
        }
    }

    /// Which links become edges.
    pub fn link_filter(&self) -> Result<LinkFilter> {
        let mut filter = LinkFilter::default();
        for rel in &self.exclude_rel {
            let rel: Rel = rel.parse().map_err(|_| {
                Error::usage(format!(
                    "`exclude-rel` names {}, expected nofollow, ugc or sponsored",
                    quoted(rel)
                ))
            })?;
            filter.exclude_rel |= rel;
        }
        let kinds = self
            .only_kind
            .iter()
            .map(|kind| {
                kind.parse::<LinkKind>().map_err(|_| {
                    Error::usage(format!(
                        "`only-kind` names {}, expected one of {}",
                        quoted(kind),
                        LinkKind::ALL
                            .iter()
                            .map(|kind| kind.as_str())
                            .collect::<Vec<_>>()
                            .join(", ")
                    ))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if !kinds.is_empty() {
            filter.only_kinds = Some(kinds.into_iter().collect());
        }
        Ok(filter)
    }

    /// What the reader of shards is told.
    pub fn reader_options(&self) -> crawlrank_warc::ReaderOptions {
        crawlrank_warc::ReaderOptions {
            max_record_bytes: self.max_record.0,
            max_header_bytes: self.max_header.0 as usize,
            max_window_bytes: self.max_window.0,
            ..Default::default()
        }
    }

    /// Bytes that the largest record takes while its page is read.
    pub fn record_memory_bytes(&self) -> u64 {
        let read = match self.kind {
            // A copy in which strings are decoded in place, and where its quotes are.
            Kind::Wat => self.max_record.0 / 4 * 5,
            // HTML as it was decoded, and as text, thrice as long.
            Kind::Warc => 4 * self.max_html.0,
        };
        self.max_record.0.saturating_add(read)
    }

    /// The parameters that shape results.
    pub fn shaping(&self) -> Shaping {
        let value = serde_json::to_value(self).expect("a recipe is a flat table of plain values");
        let serde_json::Value::Object(mut map) = value else {
            unreachable!("a struct is an object")
        };
        map.retain(|name, _| !NOT_SHAPING.contains(&name.as_str()));
        // It came later: runs that were begun before it go on.
        if self.max_html == Recipe::default().max_html {
            map.remove("max_html");
        }
        Shaping(map)
    }
}

/// More threads than any machine has cores only cost memory.
const MAX_THREADS: usize = 1024;

/// Checks a number of threads.
pub fn check_threads(threads: Option<NonZeroUsize>) -> Result<()> {
    match threads
        .map(usize::from)
        .filter(|&threads| threads > MAX_THREADS)
    {
        Some(threads) => Err(Error::usage(format!(
            "`threads` is {threads}, expected 1 to {MAX_THREADS}"
        ))),
        None => Ok(()),
    }
}

/// Checks the parameters of PageRank.
pub fn check_ranking(damping: f64, tolerance: f64, max_iterations: u32) -> Result<()> {
    if !(0.0..1.0).contains(&damping) {
        return Err(Error::usage(format!(
            "`damping` is {damping}, expected 0 <= damping < 1"
        )));
    }
    if !(tolerance > 0.0 && tolerance < 1.0) {
        return Err(Error::usage(format!(
            "`tolerance` is {tolerance}, expected 0 < tolerance < 1"
        )));
    }
    if max_iterations == 0 {
        return Err(Error::usage("`max-iterations` is 0, expected at least 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_its_file() {
        let recipe = Recipe {
            memory: Some(Size(3 << 29)),
            ..Recipe::default()
        };
        assert_eq!(toml::from_str::<Recipe>(&recipe.to_toml()).unwrap(), recipe);
    }

    #[test]
    fn long_html_takes_memory_and_has_a_limit() {
        let with = |max_html, kind| Recipe {
            max_html: Size(max_html),
            kind,
            ..Recipe::default()
        };
        let largest = Recipe::default().max_record.0;
        for (max_html, kind, bytes) in [
            (1 << 10, Kind::Warc, largest + (4 << 10)),
            (16 << 20, Kind::Warc, 2 * largest),
            (17 << 20, Kind::Warc, 2 * largest + (4 << 20)),
            (17 << 20, Kind::Wat, largest / 4 * 9),
        ] {
            assert_eq!(with(max_html, kind).record_memory_bytes(), bytes);
        }
        assert!(with(256 << 20, Kind::Warc).check().is_ok());
        let error = with((256 << 20) + 1, Kind::Warc).check().unwrap_err();
        assert!(error.to_string().contains("at most 256M"), "{error}");
    }

    #[test]
    fn threads_memory_and_folders_do_not_shape_results() {
        let other = Recipe {
            memory: Some(Size(1 << 30)),
            threads: NonZeroUsize::new(7),
            tmp: Some("/scratch".into()),
            strict: true,
            ..Recipe::default()
        };
        assert_eq!(other.shaping(), Recipe::default().shaping());
        let short = Recipe {
            max_html: Size(1 << 10),
            ..Recipe::default()
        };
        assert_ne!(short.shaping(), Recipe::default().shaping());
        let damped = Recipe {
            damping: 0.5,
            ..Recipe::default()
        };
        assert_ne!(damped.shaping(), Recipe::default().shaping());
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("128M", 128 << 20),
            ("16GiB", 16 << 30),
            ("5", 5),
            ("1k", 1024),
        ] {
            assert_eq!(text.parse::<Size>().unwrap().0, bytes, "{text}");
        }
        assert!("12X".parse::<Size>().is_err());
        assert!("99999999999999T".parse::<Size>().is_err());
        assert_eq!(String::from(Size(1536 << 10)), "1536K");
    }

    #[test]
    fn a_share_allows_at_least_its_floor() {
        assert_eq!("1%".parse::<Allowance>().unwrap().of(100, 10), 10);
        assert_eq!("1%".parse::<Allowance>().unwrap().of(5000, 10), 50);
        assert_eq!("3".parse::<Allowance>().unwrap().of(5000, 10), 3);
        assert!("101%".parse::<Allowance>().is_err());
    }
}
