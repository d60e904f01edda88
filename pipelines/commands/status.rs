//! `crawlrank status`: what a run has done so far, what failed and why. Takes no lock, so it works on a live run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use crate::accounts::{self, Outcome};
use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::manifest::Manifest;
use crate::recipe::Recipe;
use crate::rows::print_one;
use crate::run::RunDir;
use crate::stages::rank::Report;
use crate::tables::read::utc;

/// Says what a run has done, what failed and why.
#[derive(Debug, Args)]
pub struct Status {
    /// The run directory
    pub run: PathBuf,
}

impl Status {
    /// Prints one row.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let run = RunDir::new(&self.run);
        print(&run, run.holder(), context)?;
        Ok(Exit::Done)
    }
}

/// Prints the row on a run, which `holder` works on.
pub(super) fn print(run: &RunDir, holder: Option<String>, context: &Context) -> Result<()> {
    let manifest = Manifest::open(run)?;
    let rows = accounts::read(run, &manifest.parts())?;
    // A run that was killed at its very start has no recipe yet, and nothing to judge by it.
    let recipe = Recipe::open(&run.recipe()).unwrap_or_default();
    let shards = Outcome::of(&rows, recipe.max_bad_records);
    let reports = Report::all(run, &manifest)?;
    let notes = reports
        .iter()
        .filter_map(|(level, report)| report.note(level));
    let notes: Vec<String> = notes.collect();
    let bad = shards.bad_shards.iter();
    let bad: Vec<String> = bad
        .map(|(shard, reason)| format!("{shard}: {reason}"))
        .collect();
    let state = match (&holder, manifest.complete) {
        (Some(_), _) => "running",
        (None, true) => "complete",
        (None, false) => "stopped",
    };
    let seconds = manifest.stage_milliseconds.iter();
    let seconds =
        seconds.map(|(stage, &spent)| (stage.clone(), Value::from(spent as f64 / 1000.0)));
    let outputs = manifest
        .outputs
        .keys()
        .filter(|name| !name.starts_with("parts/"));
    print_one(
        context.output,
        [
            ("run_id", Value::from(manifest.run_id.as_str())),
            ("state", Value::from(state)),
            ("process", Value::from(holder)),
            ("shards", Value::from(manifest.num_shards)),
            ("shards_done", Value::from(manifest.done_shards().len())),
            ("shards_bad", Value::from(bad.len())),
            (
                "shard_bytes",
                Value::from(manifest.shard_bytes.max(shards.bytes)),
            ),
            ("records", Value::from(shards.records)),
            ("pages", Value::from(shards.pages)),
            ("links", Value::from(shards.links)),
            ("faults", Value::from(shards.faults)),
            ("fault_bytes", Value::from(shards.fault_bytes)),
            ("warnings", counts(shards.warnings)),
            ("skipped", counts(shards.skipped)),
            ("started", Value::from(time(manifest.started))),
            ("updated", Value::from(time(manifest.updated))),
            ("seconds", Value::Object(seconds.collect())),
            ("outputs", outputs.map(String::as_str).collect()),
            ("bad_shards", Value::from(bad)),
            ("notes", Value::from(notes)),
        ],
    )
}

fn counts(counts: BTreeMap<String, u64>) -> Value {
    Value::Object(
        counts
            .into_iter()
            .map(|(name, count)| (name, Value::from(count)))
            .collect::<Map<_, _>>(),
    )
}

fn time(seconds: u64) -> String {
    utc(i64::try_from(seconds).unwrap_or(i64::MAX))
}
