//! `crawlrank plan`: what a run would take. Changes nothing.

use std::ffi::OsString;

use clap::Args;
use crawlrank_graph::{HarmonicOptions, PageRankOptions};
use serde_json::Value;

use super::run::{budget, threads};
use crate::cli::{Context, RecipeFlags};
use crate::error::{Exit, Result};
use crate::memory::{self, WorkerShare};
use crate::recipe::{Kind, Level, Recipe};
use crate::rows::Rows;
use crate::shard::{self, Shard};

/// Says what a run would take.
#[derive(Debug, Args)]
pub struct Plan {
    /// Shard files, folders of them, patterns, `*.paths.gz` lists
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The recipe
    #[command(flatten)]
    pub recipe: RecipeFlags,
}

impl Plan {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let recipe = self.recipe.resolve()?;
        let shards = shard::find(&self.inputs, recipe.limit)?;
        print(&recipe, &shards, context)?;
        Ok(Exit::Done)
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

/// Compressed bytes that one core reads in a second.
const BYTES_PER_SECOND: u64 = 80 << 20;

/// Prints the plan: a row for each figure.
pub fn print(recipe: &Recipe, shards: &[Shard], context: &Context) -> Result<()> {
    let bytes: u64 = shards.iter().map(|shard| shard.bytes).sum();
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
    let share = WorkerShare::of(
        memory::check(budget(recipe))?,
        threads(recipe).min(shards.len()),
        recipe.max_record.0,
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
        ("bytes", bytes.into(), "exact"),
        ("requests", 0.into(), "exact: all shards are local"),
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
            (bytes / (BYTES_PER_SECOND * share.workers as u64)).into(),
            "estimated, reading shards",
        ),
    ];
    let mut out = Rows::new(context.output, ["figure", "value", "how"]);
    for (figure, value, how) in rows {
        out.row(vec![figure.into(), value, how.into()])?;
    }
    out.finish()
}
