//! `crawlrank graph convert`: a graph in its other form.

use std::path::PathBuf;

use clap::Args;
use crawlrank_graph::AnyGraph;
use serde_json::Value;

use super::{FormName, Making, array_bytes, check_graph, file_bytes};
use crate::cli::Context;
use crate::commands::input::path_text;
use crate::error::{Exit, Result};
use crate::rows::print_one;

/// Makes a graph in another form, with the same bytes as if it had been made so.
///
/// A stream alone has no pages of edges: they are left out. A graph with arrays, but without a stream, as the first versions
/// made them, gets one by --form arrays.
#[derive(Debug, Args)]
pub struct Convert {
    /// A graph directory
    pub graph: PathBuf,
    /// How the new one holds its edges
    #[arg(long, value_enum)]
    pub form: FormName,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
}

impl Convert {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        check_graph(&self.graph)?;
        let graph = AnyGraph::open(&self.graph)?;
        graph.verify()?;
        if graph.has_edge_pages() && self.form == FormName::Stream {
            tracing::warn!("pages of edges are left out: a stream has none");
        }
        let memory_bytes = self.making.memory_bytes()?;
        let (nodes, edges) = (graph.num_nodes(), graph.num_edges());
        let scratch = self.making.prepare()?;
        // What both forms have is copied.
        self.making.check_space(match self.form {
            FormName::Arrays => file_bytes(&self.graph)? + array_bytes(&graph),
            FormName::Stream => file_bytes(&self.graph)?.saturating_sub(array_bytes(&graph)),
        })?;
        let converted = crawlrank_graph::convert(
            &graph,
            self.form.into(),
            &self.making.out,
            scratch.path(),
            memory_bytes,
            &mut |_| context.interrupt.flow(),
        );
        context.interrupt.or_stopped(converted)?;
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("nodes", Value::from(nodes)),
                ("edges", Value::from(edges)),
                ("bytes_before", Value::from(file_bytes(&self.graph)?)),
                ("bytes", Value::from(file_bytes(&self.making.out)?)),
            ],
        )?;
        Ok(Exit::Done)
    }
}
