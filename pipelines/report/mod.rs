//! The report of a run: one HTML file that needs no network, no server and no other file.
//!
//! [`write()`] gathers what the run's tables, graphs and accounts say, and lays it out as text, tables and charts. Charts are
//! Vega-Lite specifications (`specs/`) that notebooks read, too; Vega and Vega-Lite travel inside the page (`vendor/`), so
//! that it draws them anywhere. Without a script the page still holds all its numbers.
//!
//! Names come from the web and may hold markup, control characters or ones that turn the direction of text. They are
//! escaped twice: by [`escaped`](crate::escape::escaped), after which nothing invisible is left, and as HTML or JSON. The page forbids itself the
//! network (`Content-Security-Policy`).
//!
//! The same run gives the same page, but for the times in it.

mod facts;
mod page;
mod text;

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::run::{self, RunDir};
use facts::Facts;

/// Writes the report of the run at `run` to `out`, or to `report.html` in the run; returns where it is.
///
/// Memory: the accounts of all shards, 1,000 rows, and the page itself, a few megabytes; graphs and scores are mapped.
///
/// # Errors
/// Exit 2 when the directory is no complete run, 5 when a file of it is damaged, 73 when the page cannot be written.
pub fn write(run: &Path, out: Option<&Path>, interrupt: &Interrupt) -> Result<PathBuf> {
    let run = RunDir::new(run);
    let facts = Facts::gather(&run, interrupt)?;
    let out = out.map_or_else(|| run.report(), Path::to_owned);
    run::write_atomically(&out, page::html_of(&facts).as_bytes())?;
    Ok(out)
}
