//! `crawlrank report`: a run as one page.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::escape::shown_path;
use crate::report;
use crate::rows;

/// Writes RUN/report.html: numbers, charts, the top 1,000 with their neighbors, and how the run was made, in one file that
/// needs no network and no server.
#[derive(Debug, Args)]
pub struct Report {
    /// The run directory
    pub run: PathBuf,
    /// Another place for the page
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl Report {
    /// Runs the command: prints where the page is.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let page = report::write(&self.run, self.out.as_deref(), &context.interrupt)?;
        rows::print_text(&format!("{}\n", shown_path(&page)))?;
        Ok(Exit::Done)
    }
}
