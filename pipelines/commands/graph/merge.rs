//! `crawlrank graph merge`: the union of graphs.

use std::path::PathBuf;

use clap::Args;
use crawlrank_graph::{AnyGraph, MergeOptions, Pages, SelfLoops};
use serde_json::Value;

use super::{FormName, Making, check_graph};
use crate::cli::Context;
use crate::commands::input::path_text;
use crate::error::{Error, Exit, Result};
use crate::rows::print_one;

/// Makes one graph of several: the union of their nodes, by name, and of their edges.
///
/// Pages and hosts are summed. Pages that not all of the graphs have (imported ones have none) are left out.
#[derive(Debug, Args)]
pub struct Merge {
    /// Graph directories with names, e.g. the hosts of several months
    #[arg(required = true, value_name = "GRAPH")]
    pub graphs: Vec<PathBuf>,
    /// How the new graph holds its edges; those that are merged may be of either form
    #[arg(long, value_enum, default_value = "arrays")]
    pub form: FormName,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
}

/// What the graphs have together.
#[derive(Default)]
struct Given {
    nodes: u64,
    edges: u64,
    with_node_pages: usize,
    with_edge_pages: usize,
}

impl Merge {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let mut given = Given::default();
        for folder in &self.graphs {
            check_graph(folder)?;
            let graph = AnyGraph::open(folder)?;
            if graph.names().is_none() {
                return Err(
                    Error::usage("the graph has no names, by which graphs are merged").at(folder),
                );
            }
            given.nodes += graph.num_nodes();
            given.edges += graph.num_edges();
            given.with_node_pages += usize::from(graph.node_pages().is_some());
            given.with_edge_pages += usize::from(graph.has_edge_pages());
        }
        for (with, what) in [
            (given.with_node_pages, "pages of nodes"),
            (given.with_edge_pages, "pages of edges"),
        ] {
            if with != 0 && with != self.graphs.len() {
                let all = self.graphs.len();
                tracing::warn!("{what} are left out: {with} of {all} graphs have them");
            }
        }
        if given.with_edge_pages == self.graphs.len() && self.form == FormName::Stream {
            tracing::warn!("pages of edges are left out: a stream has none");
        }
        let options = MergeOptions {
            memory_bytes: self.making.memory_bytes()?,
            self_loops: SelfLoops::Keep, // those that a graph has were asked for
            pages: Pages::Common,
            ..MergeOptions::default()
        };
        let scratch = self.making.prepare()?;
        let merged = crawlrank_graph::merge_as(
            &self.graphs,
            self.form.into(),
            &self.making.out,
            scratch.path(),
            &options,
            &mut |_| context.interrupt.flow(),
        );
        let merged = context.interrupt.or_stopped(merged)?;
        let (nodes, edges) = (merged.num_nodes(), merged.num_edges());
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("graphs", Value::from(self.graphs.len())),
                ("nodes_in", Value::from(given.nodes)),
                ("edges_in", Value::from(given.edges)),
                ("nodes_shared", Value::from(given.nodes - nodes)),
                ("edges_shared", Value::from(given.edges - edges)),
                ("nodes", Value::from(nodes)),
                ("edges", Value::from(edges)),
            ],
        )?;
        Ok(Exit::Done)
    }
}
