//! `crawlrank status`: what a run has done so far, what failed and why. Takes no lock, so it works on a live run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::manifest::Manifest;
use crate::rows::print_one;
use crate::run::RunDir;
use crate::stages::extract::ShardRow;
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
        let manifest = Manifest::open(&run)?;
        let holder = run.holder();
        let shards = Shards::of(&run, &manifest)?;
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
                ("shards_bad", Value::from(shards.bad.len())),
                ("shard_bytes", Value::from(manifest.shard_bytes)),
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
                ("bad_shards", Value::from(shards.bad)),
                ("notes", Value::from(manifest.notes.clone())),
            ],
        )?;
        Ok(Exit::Done)
    }
}

/// What the shards read so far came to.
#[derive(Default)]
struct Shards {
    records: u64,
    pages: u64,
    links: u64,
    faults: u64,
    fault_bytes: u64,
    warnings: BTreeMap<String, u64>,
    skipped: BTreeMap<String, u64>,
    /// Names and reasons.
    bad: Vec<String>,
}

impl Shards {
    /// Adds up what the committed parts say of their shards.
    fn of(run: &RunDir, manifest: &Manifest) -> Result<Self> {
        let mut shards = Shards::default();
        for part in manifest.parts() {
            let path = run.output(part).join("shards.jsonl");
            let lines =
                BufReader::new(File::open(&path).map_err(|e| Error::io(&path, &e))?).lines();
            for line in lines {
                let line = line.map_err(|e| Error::io(&path, &e))?;
                let row = serde_json::from_str(&line).map_err(|e| {
                    Error::new(
                        Exit::Damaged,
                        "E-SHARDS",
                        format!("not the account of a shard: {e}"),
                    )
                    .at(&path)
                })?;
                shards.add(row);
            }
        }
        Ok(shards)
    }

    fn add(&mut self, row: ShardRow) {
        self.records += row.records;
        self.pages += row.pages;
        self.links += row.links;
        self.faults += row.faults;
        self.fault_bytes += row.fault_bytes;
        for (sum, counts) in [
            (&mut self.warnings, &row.warnings),
            (&mut self.skipped, &row.skipped),
        ] {
            for (name, count) in counts {
                *sum.entry(name.clone()).or_default() += count;
            }
        }
        if row.is_bad() {
            let reason = row
                .failed
                .unwrap_or_else(|| format!("{} faults in {} records", row.faults, row.records));
            self.bad.push(format!("{}: {reason}", row.shard));
        }
    }
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
