//! `crawlrank plan`: what a run would take. Changes nothing.

use std::ffi::OsString;

use clap::Args;
use crawlrank_graph::{HarmonicOptions, PageRankOptions};
use serde_json::Value;

use super::run::{budget, threads};
use crate::cli::{Context, NetworkFlags, RecipeFlags};
use crate::error::{Error, Exit, Result};
use crate::memory::{self, WorkerShare};
use crate::network::download::Download;
use crate::network::manners::Pace;
use crate::recipe::{Kind, Level, Recipe};
use crate::rows::Rows;
use crate::shard::{self, Remote, Shard};

/// Says what a run would take.
#[derive(Debug, Args)]
pub struct Plan {
    /// Shard files or their addresses, folders, patterns, `*.paths.gz` lists, crawls (`CC-MAIN-2026-39`, `2026-39`, `latest`)
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The recipe
    #[command(flatten)]
    pub recipe: RecipeFlags,
    /// Shards on servers
    #[command(flatten)]
    pub network: NetworkFlags,
}

impl Plan {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let recipe = self.recipe.resolve()?;
        let shards = find(&self.inputs, &recipe, &self.network, context)?;
        print(&recipe, &shards, context)?;
        Ok(Exit::Done)
    }
}

/// Finds the shards that a plan is about: those of a whole crawl, too, since only the list is fetched.
pub fn find(
    inputs: &[OsString],
    recipe: &Recipe,
    network: &NetworkFlags,
    context: &Context,
) -> Result<Vec<Shard>> {
    let kind = recipe.kind.list();
    let mut options = network.find_options(recipe.limit, kind, &context.interrupt)?;
    options.all = true;
    shard::find(inputs, &options)
}

/// Shards on servers whose lengths are asked for; the rest is as long on average.
const SAMPLED: usize = 12;

/// Bytes of all shards, and how that is known.
struct Bytes {
    /// Of all.
    all: u64,
    /// Of those that must be fetched.
    fetched: u64,
    /// Requests that fetching them takes.
    requests: u64,
    how: String,
}

impl Bytes {
    /// Adds up lengths, and asks servers for some of those that are not known.
    fn of(shards: &[Shard], context: &Context) -> Result<Self> {
        let local: u64 = shards.iter().map(|shard| shard.bytes).sum();
        let remote: Vec<&Remote> = shards
            .iter()
            .filter_map(|shard| shard.remote.as_ref())
            .collect();
        if remote.is_empty() {
            return Ok(Bytes {
                all: local,
                fetched: 0,
                requests: 0,
                how: "exact".to_owned(),
            });
        }
        let step = remote.len().div_ceil(SAMPLED);
        let mut lengths = Vec::new();
        for shard in remote.iter().step_by(step) {
            let Remote {
                network,
                named,
                url,
                ..
            } = shard;
            let download = Download::new(network, named, url, &context.interrupt);
            lengths.extend(download.length()?);
        }
        if lengths.is_empty() {
            let found = "the server states no length of any shard that was asked for";
            return Err(Error::new(Exit::Network, "E-NETWORK", found).at(&shards[0].path));
        }
        let (sum, sampled) = (
            lengths
                .iter()
                .map(|&length| u128::from(length))
                .sum::<u128>(),
            lengths.len(),
        );
        let fetched = sum * remote.len() as u128 / sampled as u128;
        let fetched = u64::try_from(fetched).unwrap_or(u64::MAX);
        Ok(Bytes {
            all: local.saturating_add(fetched),
            fetched,
            requests: remote.len() as u64,
            how: match sampled == remote.len() {
                true => "exact".to_owned(),
                false => format!(
                    "sampled: the lengths of {sampled} shards of {}",
                    remote.len()
                ),
            },
        })
    }
}

/// Compressed bytes of a page in a WAT and in a WARC shard: 18.2 TiB and 2.9 billion pages in February 2019 give
/// 6.9 KB and 22.7 KB; today's pages are about a tenth larger.
const BYTES_PER_PAGE: (u64, u64) = (7_700, 26_000);
/// Unique pairs that a page adds to a shard's graph, nodes that come with them, and bytes of names: measured on 40,000
/// real pages for hosts, on synthetic ones for pages.
fn growth(level: Level) -> (u64, u64, u64) {
    match level {
        Level::Page => (175, 160, 80),
        Level::Host => (20, 10, 20),
        Level::Domain => (15, 8, 15),
    }
}

/// Bytes that a line of 1 Gbit/s brings in a second.
const GIGABIT_BYTES: u64 = 125_000_000;

/// Compressed bytes that one core reads in a second.
const BYTES_PER_SECOND: u64 = 100 << 20;

/// Prints the plan: a row for each figure.
pub fn print(recipe: &Recipe, shards: &[Shard], context: &Context) -> Result<()> {
    let bytes_of = Bytes::of(shards, context)?;
    let bytes = bytes_of.all;
    let pages = match recipe.kind {
        Kind::Wat => bytes / BYTES_PER_PAGE.0,
        Kind::Warc => bytes / BYTES_PER_PAGE.1,
    };
    let (mut edges, mut nodes, mut disk) = (0, 0, 0);
    for &level in &recipe.level {
        let (level_edges, level_nodes, name_bytes) = growth(level);
        edges += pages * level_edges;
        nodes = nodes.max(pages * level_nodes);
        // Parts, graph in both directions and tables: three times the names, and the numbers beside them.
        disk += pages * (level_edges * 30 + level_nodes * (3 * name_bytes + 120));
    }
    let share = WorkerShare::of_shards(
        memory::check(budget(recipe))?,
        shards.len(),
        threads(recipe),
        recipe.record_memory_bytes(),
        recipe.max_window.0,
    );
    // Only what was captured has outgoing edges.
    let sources = nodes.min(pages);
    let harmonic = match recipe.harmonic {
        true => {
            let options = HarmonicOptions {
                log2m: recipe.harmonic_log2m,
                ..HarmonicOptions::default()
            };
            crawlrank_graph::harmonic_memory_bytes(nodes, sources, threads(recipe), &options)
        }
        false => 0,
    };
    let rows: Vec<(&str, Value, &str)> = vec![
        ("shards", shards.len().into(), "exact"),
        ("bytes", bytes.into(), &bytes_of.how),
        ("fetched_bytes", bytes_of.fetched.into(), &bytes_of.how),
        (
            "requests",
            bytes_of.requests.into(),
            match bytes_of.requests {
                0 => "exact: all shards are local",
                _ => "at least: one a shard, and one for each time that it breaks off",
            },
        ),
        ("pages", pages.into(), "estimated from bytes"),
        (
            "nodes",
            nodes.into(),
            "estimated, at most, of the largest graph",
        ),
        ("edges", edges.into(), "estimated, at most, of all graphs"),
        ("disk_bytes", disk.into(), "estimated, at most"),
        ("memory_bytes", budget(recipe).into(), "exact: the budget"),
        (
            "pagerank_bytes",
            crawlrank_graph::pagerank_memory_bytes(nodes, sources, &PageRankOptions::default())
                .into(),
            "estimated, at most",
        ),
        (
            "harmonic_bytes",
            harmonic.into(),
            "estimated, at most; above the budget it is left out",
        ),
        ("workers", share.workers.into(), "exact"),
        (
            "seconds",
            (bytes / (BYTES_PER_SECOND * (share.workers * share.threads) as u64)).into(),
            "estimated, reading shards",
        ),
        (
            "fetch_seconds",
            (bytes_of.requests * Pace::default().between_requests.as_millis() as u64 / 1000)
                .max(bytes_of.fetched / GIGABIT_BYTES)
                .into(),
            "at least: at 5 requests a second and 1 Gbit/s",
        ),
    ];
    let mut out = Rows::new(context.output, ["figure", "value", "how"]);
    for (figure, value, how) in rows {
        out.row(vec![figure.into(), value, how.into()])?;
    }
    out.finish()
}
