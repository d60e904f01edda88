//! `crawlrank graph merge`: the union of graphs.

use std::path::PathBuf;

use clap::Args;
use crawlrank_graph::MergeOptions;
use serde_json::Value;

use super::{Making, check_graph};
use crate::cli::Context;
use crate::commands::input::path_text;
use crate::error::{Exit, Result};
use crate::rows::print_one;

/// Makes one graph of several.
#[derive(Debug, Args)]
pub struct Merge {
    /// Graph directories with names, e.g. the hosts of several months
    #[arg(required = true, value_name = "GRAPH")]
    pub graphs: Vec<PathBuf>,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
}

impl Merge {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        self.graphs
            .iter()
            .try_for_each(|graph| check_graph(graph))?;
        let options = MergeOptions {
            memory_bytes: self.making.memory_bytes()?,
            ..MergeOptions::default()
        };
        let scratch = self.making.prepare()?;
        let merged = crawlrank_graph::merge(
            &self.graphs,
            &self.making.out,
            scratch.path(),
            &options,
            &mut |_| context.interrupt.flow(),
        );
        let merged = context.interrupt.or_stopped(merged)?;
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("graphs", Value::from(self.graphs.len())),
                ("nodes", Value::from(merged.num_nodes())),
                ("edges", Value::from(merged.num_edges())),
            ],
        )?;
        Ok(Exit::Done)
    }
}
