//! `crawlrank plan`: what a run would take. Changes nothing.

use clap::Args;
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
    pub inputs: Vec<String>,
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
/// Unique host pairs a page adds to a shard's graph, and nodes for each of them: measured on 40,000 real pages.
const EDGES_PER_PAGE: u64 = 20;
/// Compressed bytes that one core reads in a second.
const BYTES_PER_SECOND: u64 = 80 << 20;

/// Prints the plan: a row for each figure.
pub fn print(recipe: &Recipe, shards: &[Shard], context: &Context) -> Result<()> {
    let bytes: u64 = shards.iter().map(|shard| shard.bytes).sum();
    let pages = match recipe.kind {
        Kind::Wat => bytes / BYTES_PER_PAGE.0,
        Kind::Warc => bytes / BYTES_PER_PAGE.1,
    };
    let (edges, nodes) = (pages * EDGES_PER_PAGE, pages * EDGES_PER_PAGE / 2);
    let share = WorkerShare::of(
        memory::check(budget(recipe))?,
        threads(recipe).min(shards.len()),
        recipe.max_record.0,
    );
    let harmonic = match recipe.harmonic {
        true => crawlrank_graph::harmonic_memory_bytes(nodes, recipe.harmonic_log2m),
        false => 0,
    };
    let levels = recipe
        .level
        .iter()
        .filter(|&&level| level != Level::Domain)
        .count() as u64;
    // Parts, graphs in both directions and tables: about 40 bytes an edge and 200 a node, names included.
    let disk = levels * (edges * 40 + nodes * 200);
    let rows: Vec<(&str, Value, &str)> = vec![
        ("shards", shards.len().into(), "exact"),
        ("bytes", bytes.into(), "exact"),
        ("requests", 0.into(), "exact: all shards are local"),
        ("pages", pages.into(), "estimated from bytes"),
        ("nodes", nodes.into(), "estimated, at most"),
        ("edges", edges.into(), "estimated, at most"),
        ("disk_bytes", disk.into(), "estimated, at most"),
        ("memory_bytes", budget(recipe).into(), "exact: the budget"),
        (
            "pagerank_bytes",
            crawlrank_graph::pagerank_memory_bytes(nodes).into(),
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
