//! What the table `robots` of a run says of one host.

use std::path::Path;

use serde_json::Value;

use super::Table;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::manifest::{self, Manifest};
use crate::run::RunDir;

/// Tables up to this size are verified whenever they are opened: a tenth of a second.
const VERIFIED_BYTES: u64 = 256 << 20;
/// Captures of a host that are looked at.
const CAPTURES: u64 = 1000;

/// Returns the columns of the capture that tells how a host stands: the last that is no redirect. Names have `robots_` before
/// them; values are null for a host that was not asked. Nothing when no survey is part of the run.
pub fn capture_of(run: &Path, host: &str, interrupt: &Interrupt) -> Result<Vec<(String, Value)>> {
    let run = RunDir::new(run);
    let manifest = Manifest::open(&run)?;
    let name = RunDir::ROBOTS_TABLE;
    let Some(output) = manifest.outputs.get(name) else {
        return Ok(Vec::new());
    };
    if output.files.values().map(|file| file.bytes).sum::<u64>() <= VERIFIED_BYTES {
        manifest::verify_output(&run, &manifest, name)?;
    }
    let table = Table::open(&run.output(name), interrupt)?;
    let found = table.rows_with("host", host)?;
    let numbers: Vec<u64> = found.rev().take(CAPTURES as usize).collect();
    let rows = table.fetch(&numbers)?;
    let place = |column: &str| table.columns().iter().position(|name| name == column);
    let text = |row: &[Value], column: &str| -> String {
        let value = place(column).and_then(|at| row.get(at));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    // As `RobotsRow::tells_more_than` has it; times are shown in one form, which sorts as they do.
    let telling = rows.into_iter().max_by_key(|row| {
        let access = !text(row, "access").is_empty();
        (access, text(row, "fetched_at"), text(row, "url"))
    });
    let columns = table
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, name)| *name != "host");
    let value = |at: usize| telling.as_ref().and_then(|row| row.get(at)).cloned();
    let facts = columns.map(|(at, name)| (format!("robots_{name}"), value(at).unwrap_or_default()));
    Ok(facts.collect())
}
