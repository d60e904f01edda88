//! `crawlrank demo`: the whole job on the sample, to be looked at.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::top::Top;
use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::escape::shown_path;
use crate::recipe::{Level, Recipe};
use crate::report;
use crate::rows;
use crate::shard::{self, FindOptions};
use crate::synth::SynthOptions;
use crate::tables::read::nodes::By;

/// Runs the whole job on the sample.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where the sample and the run go
    #[arg(long, value_name = "DIR", default_value = "crawlrank-demo")]
    pub out: PathBuf,
}

/// Hosts shown at the end.
const TOP: usize = 15;

impl Demo {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let shards = sample(&self.out, context)?;
        let recipe = Recipe {
            edge_pages: true,
            ..Recipe::default()
        }
        .check()?;
        let shards = [shards.to_string_lossy().into_owned()];
        let shards = shard::find(&shards, &FindOptions::local(None))?;
        let run = self.out.join("run");
        let summary = super::run::execute(&recipe, &shards, &run, context)?;
        rows::print_text(
            "Top hosts by PageRank (the sample is made up; names are real only where every site links to them):\n\n",
        )?;
        Top {
            run: run.clone(),
            n: TOP,
            by: By::Pagerank,
            level: Level::Host,
        }
        .run(context)?;
        let report = report::write(&run, None, &context.interrupt)?;
        rows::print_text(&format!(
            "\n{}report     {}\n\nNext: open the report in a browser; crawlrank show {} NAME, or in Python: crawlrank.open(\"{2}\").ranks().top(20)\n",
            summary.text(),
            shown_path(&report),
            shown_path(&run)
        ))?;
        Ok(summary.exit())
    }
}

/// The folder of the sample's shards: the repository's when it is around, else made by `synth`, which gives the same bytes.
fn sample(out: &Path, context: &Context) -> Result<PathBuf> {
    let in_repository = Path::new("data-samples/synth");
    if in_repository.is_dir() {
        return Ok(in_repository.to_owned());
    }
    let folder = out.join("shards");
    if !folder.exists() {
        let options = SynthOptions {
            out: folder.clone(),
            ..SynthOptions::sample()
        };
        fs::create_dir_all(out).map_err(|e| Error::cannot_create(out, &e))?;
        super::synth::generate(&options, context)?;
    }
    Ok(folder)
}
