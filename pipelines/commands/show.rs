//! `crawlrank show`: all that a run knows of one node.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::recipe::Level;
use crate::rows::print_one;
use crate::tables::read::nodes::{Direction, Nodes};
use crate::tables::read::robots;

/// Neighbors shown in each direction.
const NEIGHBORS: usize = 10;

/// Shows one node of a run with its first neighbors.
#[derive(Debug, Args)]
pub struct ShowNode {
    /// The run directory
    pub run: PathBuf,
    /// The node: a host, a domain or a URL, by --level
    pub name: String,
    /// Nodes of this graph
    #[arg(long, value_enum, default_value = "host")]
    pub level: Level,
}

impl ShowNode {
    /// Runs the command: the columns of the table, then the names of the neighbors that rank highest, then what its robots.txt
    /// says when a survey is part of the run.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let nodes = Nodes::open(&self.run, self.level, &context.interrupt)?;
        let node = nodes.find(&self.name)?;
        let columns = nodes.table().columns().iter().map(String::as_str);
        let mut values: Vec<(&str, Value)> = columns.zip(node.row()?).collect();
        for (column, direction) in [
            ("in_neighbors", Direction::In),
            ("out_neighbors", Direction::Out),
        ] {
            let ids = node.neighbors(direction, NEIGHBORS)?;
            values.push((column, Value::from(node.names(&ids))));
        }
        let robots = match self.level {
            Level::Host => robots::capture_of(&self.run, &node.name(), &context.interrupt)?,
            _ => Vec::new(),
        };
        values.extend(
            robots
                .iter()
                .map(|(column, value)| (column.as_str(), value.clone())),
        );
        print_one(context.output, values)?;
        Ok(Exit::Done)
    }
}
