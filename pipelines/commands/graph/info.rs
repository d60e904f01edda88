//! `crawlrank graph info`: a graph in numbers.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use crawlrank_graph::AnyGraph;
use serde_json::{Value, json};

use super::check_graph;
use super::degrees::Degrees;
use crate::cli::{Context, OutputFormat};
use crate::commands::input::path_text;
use crate::error::{Error, Exit, Result};
use crate::rows::print_one;

/// Describes a graph: its size, its files, how many edges nodes have.
///
/// Quantiles are nearest ranks: at least 9 nodes in 10 have no more edges than `p90_out_degree` says.
#[derive(Debug, Args)]
pub struct Info {
    /// A graph directory, e.g. `RUN/graph/host`
    pub graph: PathBuf,
}

impl Info {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        check_graph(&self.graph)?;
        let graph = AnyGraph::open(&self.graph)?;
        let files = files(&self.graph)?;
        let (nodes, edges) = (graph.num_nodes(), graph.num_edges());
        let per_edge = |bytes: u64| (edges > 0).then(|| rounded(bytes as f64 / edges as f64));
        let (outgoing, incoming) = (graph.out_degrees()?, graph.in_degrees()?);
        let mut isolated = 0u64;
        for node in 0..nodes as u32 {
            if node % (1 << 20) == 0 {
                context.interrupt.check()?;
            }
            isolated += u64::from(outgoing.get(node) + incoming.get(node) == 0);
        }
        let (ins, outs) = (
            Degrees::of(&incoming, nodes, context)?,
            Degrees::of(&outgoing, nodes, context)?,
        );
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        let listed = files.iter().map(|(name, bytes)| match context.output {
            OutputFormat::Table => Value::from(shown(name, *bytes, per_edge(*bytes))),
            _ => json!({ "file": name, "bytes": bytes, "bytes_per_edge": per_edge(*bytes) }),
        });
        let mean = (nodes > 0).then(|| rounded(edges as f64 / nodes as f64));
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.graph))),
                ("nodes", Value::from(nodes)),
                ("edges", Value::from(edges)),
                ("bytes", Value::from(bytes)),
                ("bytes_per_edge", Value::from(per_edge(bytes))),
                ("dangling", Value::from(nodes - graph.num_sources())),
                ("isolated", Value::from(isolated)),
                ("mean_degree", Value::from(mean)),
                ("median_in_degree", Value::from(ins.quantile(0.5))),
                ("p90_in_degree", Value::from(ins.quantile(0.9))),
                ("p99_in_degree", Value::from(ins.quantile(0.99))),
                ("max_in_degree", Value::from(ins.max())),
                ("median_out_degree", Value::from(outs.quantile(0.5))),
                ("p90_out_degree", Value::from(outs.quantile(0.9))),
                ("p99_out_degree", Value::from(outs.quantile(0.99))),
                ("max_out_degree", Value::from(outs.max())),
                ("names", Value::from(graph.names().is_some())),
                ("edge_pages", Value::from(graph.has_edge_pages())),
                ("node_pages", Value::from(graph.node_pages().is_some())),
                ("node_hosts", Value::from(graph.node_hosts().is_some())),
                ("self_loops_kept", Value::from(graph.keeps_self_loops())),
                ("forms", Value::from(forms(&files))),
                ("files", listed.collect()),
            ],
        )?;
        Ok(Exit::Done)
    }
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The files of a graph with their lengths, by name.
fn files(folder: &Path) -> Result<Vec<(String, u64)>> {
    let on = |e: std::io::Error| Error::io(folder, &e);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(on)? {
        let entry = entry.map_err(on)?;
        let name = path_text(Path::new(&entry.file_name()));
        files.push((name, entry.metadata().map_err(on)?.len()));
    }
    files.sort();
    Ok(files)
}

/// What holds the edges: arrays, a stream for ranking, or both.
fn forms(files: &[(String, u64)]) -> Vec<&'static str> {
    let has = |wanted: &str| files.iter().any(|(name, _)| name == wanted);
    let forms = [
        ("arrays", has("out_targets.npy")),
        ("stream", has("ranking.stream")),
    ];
    let forms = forms.into_iter().filter(|(_, is_there)| *is_there);
    forms.map(|(form, _)| form).collect()
}

fn shown(name: &str, bytes: u64, per_edge: Option<f64>) -> String {
    let per_edge = per_edge.map_or(String::new(), |per_edge| format!("  {per_edge:.2} an edge"));
    format!("{name:18}  {bytes:>14} bytes{per_edge}")
}
