//! `crawlrank synth`: realistic test shards with their truth beside them.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::progress::Progress;
use crate::synth::{self, Kind, SynthOptions};

/// Makes realistic test shards.
#[derive(Debug, Args)]
pub struct Synth {
    /// A new or empty folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Shards of each kind
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub shards: u32,
    /// Pages of each shard
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub pages: u32,
    /// Crawled hosts
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub hosts: u32,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Kinds of shards
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "wat",
        value_name = "KINDS"
    )]
    pub kind: Vec<Kind>,
    /// Threads; default one a core
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

impl Synth {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let options = SynthOptions {
            out: self.out,
            shards: self.shards,
            pages_per_shard: self.pages,
            hosts: self.hosts,
            seed: self.seed,
            kinds: self.kind,
            ..SynthOptions::default()
        };
        let pages = u64::from(self.shards) * u64::from(self.pages) * options.kinds.len() as u64;
        let progress = Progress::start(context.progress, "synth", "pages", pages);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.unwrap_or(0))
            .build()
            .map_err(|e| crate::error::Error::internal(e.to_string()))?;
        let summary =
            pool.install(|| synth::generate(&options, &|pages| progress.advance(pages)))?;
        drop(progress);
        println!(
            "{}: {} files, {} bytes; truth.json beside them",
            options.out.display(),
            summary.totals.files,
            summary.totals.bytes
        );
        Ok(Exit::Done)
    }
}
