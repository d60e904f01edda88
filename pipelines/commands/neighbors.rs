//! `crawlrank neighbors`: who links to a node, or whom it links to.

use std::path::PathBuf;

use clap::Args;

use super::top::print_nodes;
use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::recipe::Level;
use crate::tables::read::nodes::{Direction, Nodes};

/// Lists the neighbors of a node, highest PageRank first.
#[derive(Debug, Args)]
pub struct Neighbors {
    /// The run directory
    pub run: PathBuf,
    /// The node: a host, a domain or a URL, by --level
    pub name: String,
    /// Those that link here, or those that are linked from here
    #[arg(long, value_enum, default_value = "in")]
    pub direction: Direction,
    /// Rows
    #[arg(short, value_name = "N", default_value_t = 50)]
    pub n: usize,
    /// Nodes of this graph
    #[arg(long, value_enum, default_value = "host")]
    pub level: Level,
}

impl Neighbors {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let nodes = Nodes::open(&self.run, self.level, &context.interrupt)?;
        let ids = nodes.find(&self.name)?.neighbors(self.direction, self.n)?;
        print_nodes(&nodes, &ids, context)
    }
}
