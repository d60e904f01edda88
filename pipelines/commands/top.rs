//! `crawlrank top`: the nodes of a run that rank highest.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::recipe::Level;
use crate::rows::Rows;
use crate::tables::read::nodes::{By, Nodes};

/// Lists the nodes of a run that rank highest.
#[derive(Debug, Args)]
pub struct Top {
    /// The run directory
    pub run: PathBuf,
    /// Rows
    #[arg(short, value_name = "N", default_value_t = 20)]
    pub n: usize,
    /// What ranks them
    #[arg(long, value_enum, default_value = "pagerank")]
    pub by: By,
    /// Nodes of this graph
    #[arg(long, value_enum, default_value = "host")]
    pub level: Level,
}

impl Top {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let nodes = Nodes::open(&self.run, self.level, &context.interrupt)?;
        let ids = nodes.top(self.by, self.n)?;
        print_nodes(&nodes, &ids, context)
    }
}

/// Rows of a table that are fetched at a time.
const FETCHED_ROWS: usize = 4096;

/// Prints rows of the table of nodes.
pub(super) fn print_nodes(nodes: &Nodes, ids: &[u64], context: &Context) -> Result<Exit> {
    let mut rows = Rows::new(context.output, nodes.table().columns());
    for ids in ids.chunks(FETCHED_ROWS) {
        for row in nodes.table().fetch(ids)? {
            rows.row(row)?;
        }
        if rows.is_closed() {
            break;
        }
    }
    rows.finish()?;
    Ok(Exit::Done)
}
