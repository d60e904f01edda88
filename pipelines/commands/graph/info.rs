//! `crawlrank graph info`: a graph in numbers.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{check_graph, file_bytes};
use crate::cli::Context;
use crate::commands::input::path_text;
use crate::error::{Exit, Result};
use crate::rows::print_one;

/// Describes a graph.
#[derive(Debug, Args)]
pub struct Info {
    /// A graph directory, e.g. `RUN/graph/host`
    pub graph: PathBuf,
}

impl Info {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        check_graph(&self.graph)?;
        let graph = crawlrank_graph::Graph::open(&self.graph)?;
        let (outgoing, incoming) = (graph.outgoing(), graph.incoming());
        let (mut isolated, mut max_in_degree, mut max_out_degree) = (0u64, 0, 0);
        for node in 0..graph.num_nodes() as u32 {
            if node % (1 << 20) == 0 {
                context.interrupt.check()?;
            }
            let (in_degree, out_degree) = (incoming.degree(node), outgoing.degree(node));
            isolated += u64::from(in_degree + out_degree == 0);
            max_in_degree = max_in_degree.max(in_degree);
            max_out_degree = max_out_degree.max(out_degree);
        }
        let bytes = file_bytes(&self.graph)?;
        let edges = graph.num_edges();
        let bytes_per_edge = (edges > 0).then(|| bytes as f64 / edges as f64);
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.graph))),
                ("nodes", Value::from(graph.num_nodes())),
                ("edges", Value::from(edges)),
                ("bytes", Value::from(bytes)),
                (
                    "bytes_per_edge",
                    Value::from(bytes_per_edge.map(|bytes| (bytes * 100.0).round() / 100.0)),
                ),
                ("dangling", Value::from(graph.num_dangling())),
                ("isolated", Value::from(isolated)),
                ("max_in_degree", Value::from(max_in_degree)),
                ("max_out_degree", Value::from(max_out_degree)),
                ("names", Value::from(graph.names().is_some())),
                ("edge_pages", Value::from(graph.has_edge_pages())),
                ("self_loops_kept", Value::from(graph.keeps_self_loops())),
            ],
        )?;
        Ok(Exit::Done)
    }
}
