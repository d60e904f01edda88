//! Tables that a cluster has made, taken up as a run.
//!
//! First come the accounts: they are a part of the run without graphs, which covers all shards, and say whether more was lost than is allowed.
//! Then come the tables of nodes and edges, without scores. Of these `crawlrank rank` makes the graphs, ranks them, and writes the tables anew,
//! so that in the end there is nothing to tell the run from one that was made on one machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use super::rows::Account;
use crate::accounts::{self, AccountWriter, FaultRow, Outcome, ShardRow};
use crate::error::{Error, Result};
use crate::manifest::{self, Finished, Manifest};
use crate::recipe::Recipe;
use crate::run::{self, RunDir};
use crate::shard::Shard;
use crate::stages::export;

/// What a cluster tells of shards: files of a JSON object a line, as the rows of [`rows`](super::rows) have them.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Accounts, in any order; several of one shard where it was read in pieces.
    pub accounts: &'a Path,
    /// Faults, by shard, then offset.
    pub faults: &'a Path,
}

/// Begins a run in the directory `out`, or goes on with the same: its shards are those of the accounts.
///
/// # Errors
/// Exit 4 when there is more damage than the recipe allows; what was told is kept, and the same again with a higher limit goes on. Exit 2 for a
/// directory of another run, 70 when what is told makes no sense.
pub fn begin(out: &Path, recipe: &Recipe, told: Told<'_>) -> Result<Outcome> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    each_line(told.accounts, &mut |account: Account| {
        match accounts.get_mut(&account.planned.name) {
            Some(sum) => sum.row.add_piece(account.row),
            None => {
                accounts.insert(account.planned.name.clone(), account);
            }
        }
        Ok(())
    })?;
    let shards: Vec<Shard> = accounts
        .values()
        .map(|account| account.planned.clone())
        .collect();
    let run = RunDir::new(out);
    let _lock = run.lock()?;
    let commits = manifest::begin(&run, recipe.shaping(), &shards, &recipe.to_toml())?;
    if commits.manifest().parts().is_empty() {
        let folder = run.tmp().join("part-00000");
        write_part(&folder, accounts, told.faults)?;
        commits.publish_all(vec![Finished {
            scratch: folder,
            name: RunDir::part(0),
            shards: (0..shards.len() as u32).collect(),
            milliseconds: None,
        }])?;
    }
    export::export_accounts(&commits, &mut || {})?;
    let accounts = accounts::read(&run, &commits.manifest().parts())?;
    let outcome = Outcome::of(&accounts, recipe.max_bad_records);
    outcome.check(recipe, &run)?;
    Ok(outcome)
}

/// Gives tables their names in the run: files or folders by the names that the run has for them. Those that it has already stay.
///
/// # Errors
/// Exit 2 when `out` is no run.
pub fn publish(out: &Path, tables: &[(&Path, &str)]) -> Result<()> {
    let run = RunDir::new(out);
    let _lock = run.lock()?;
    let commits = manifest::Commits::new(run.clone(), Manifest::open(&run)?);
    let new = tables.iter().filter(|(_, name)| !commits.has(name));
    let finished = new.map(|(scratch, name)| Finished {
        scratch: scratch.to_path_buf(),
        name: (*name).to_owned(),
        shards: Vec::new(),
        milliseconds: None,
    });
    commits.publish_all(finished.collect())
}

/// Writes the accounts, by shard, and with each its faults, which come in the same order.
fn write_part(folder: &Path, accounts: BTreeMap<String, Account>, faults: &Path) -> Result<()> {
    run::remove(folder)?;
    fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
    let mut part = AccountWriter::create(folder)?;
    // It is not read again by whoever goes on: what the cluster made of the others would have to be made anew.
    let rows = accounts.into_values();
    let mut rows = rows.map(|account| ShardRow {
        again: false,
        ..account.row
    });
    let mut open = rows.next();
    each_line(faults, &mut |fault: FaultRow| {
        while let Some(row) = open.take_if(|row| row.shard != fault.shard) {
            part.shard(row);
            open = rows.next();
        }
        part.fault(&fault)
    })?;
    for row in open.into_iter().chain(rows) {
        part.shard(row);
    }
    part.finish()
}

fn each_line<T: for<'a> serde::Deserialize<'a>>(
    path: &Path,
    each: &mut dyn FnMut(T) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|e| Error::io(path, &e))?;
        let row = serde_json::from_str(&line)
            .map_err(|e| Error::internal(format!("not an account: {e}")).at(path))?;
        each(row)?;
    }
    Ok(())
}
