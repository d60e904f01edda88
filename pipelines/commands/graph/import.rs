//! `crawlrank graph import`: files of others as a graph.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use crawlrank_graph::{IdGraph, IdGraphBuilder, IdGraphOptions, NumberedNodes, SelfLoops};
use serde_json::Value;

use super::{Format, MOST_NODES, Making, cc, edges, lines};
use crate::cli::Context;
use crate::commands::input::{check_file, path_text, progress_over};
use crate::error::{Error, Exit, Result};
use crate::rows::print_one;

/// What becomes of edges from a node to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Loops {
    /// They are edges like others.
    Keep,
    /// They are left out; their nodes stay.
    Drop,
}

/// Makes a graph of files of edges.
///
/// Node numbers are kept as ids; with `cc`, ids are positions in the byte order of names, which Common Crawl's are as well.
#[derive(Debug, Args)]
pub struct Import {
    /// Files of edges, or `-`; with `cc` files of vertices and edges, told apart by their names
    #[arg(required_unless_present_any = ["vertices", "edges"], value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Their format; this version imports `edges` and `cc`
    #[arg(long, value_enum)]
    pub format: Format,
    /// Vertices under another name (`cc`); several: give it again
    #[arg(long, value_name = "FILE")]
    pub vertices: Vec<PathBuf>,
    /// Edges under another name (`cc`); several: give it again
    #[arg(long, value_name = "FILE")]
    pub edges: Vec<PathBuf>,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
    /// What becomes of edges from a node to itself
    #[arg(long, value_enum, default_value = "drop")]
    pub self_loops: Loops,
    /// The number of nodes; default the largest node number + 1 (with `cc` the number of vertices)
    #[arg(long, value_name = "N")]
    pub nodes: Option<u64>,
}

impl Import {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let made = match self.format {
            Format::Edges => self.import_edges(context)?,
            Format::Cc => self.import_cc(context)?,
            other => return Err(other.is_missing("imports")),
        };
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("edges_read", Value::from(made.edges_read)),
                ("duplicates", Value::from(made.duplicates)),
                ("self_loops", Value::from(made.self_loops)),
                (
                    "self_loops_kept",
                    Value::from(made.graph.keeps_self_loops()),
                ),
                ("nodes", Value::from(made.graph.num_nodes())),
                ("edges", Value::from(made.graph.num_edges())),
            ],
        )?;
        Ok(Exit::Done)
    }

    fn options(&self) -> Result<IdGraphOptions> {
        Ok(IdGraphOptions {
            memory_bytes: self.making.memory_bytes()?,
            self_loops: match self.self_loops {
                Loops::Keep => SelfLoops::Keep,
                Loops::Drop => SelfLoops::Drop,
            },
        })
    }

    fn import_edges(&self, context: &Context) -> Result<IdGraph> {
        if !(self.vertices.is_empty() && self.edges.is_empty()) {
            return Err(Error::usage("--vertices and --edges are for --format cc")
                .remedy("give the files of edges without them"));
        }
        let most_nodes = self.nodes.unwrap_or(MOST_NODES);
        if most_nodes > MOST_NODES {
            return Err(Error::usage(format!(
                "--nodes is {most_nodes}, a graph has at most {MOST_NODES}"
            )));
        }
        self.files.iter().try_for_each(|file| check_file(file))?;
        let options = self.options()?;
        let scratch = self.making.prepare()?;
        let mut builder = IdGraphBuilder::new(scratch.path(), options)?;
        let progress = progress_over(&self.files, "import", context);
        for file in &self.files {
            lines::read(
                file,
                &edges::FORM,
                context,
                progress.as_ref(),
                &mut |line| {
                    let (source, target) =
                        edges::edge(line, most_nodes).map_err(lines::Refused::Line)?;
                    Ok(builder.push(source, target)?)
                },
            )?;
        }
        drop(progress);
        self.making.check_space(builder.file_bytes(self.nodes))?;
        let made = builder.finish(self.nodes, &self.making.out, &mut |_| {
            context.interrupt.flow()
        });
        context.interrupt.or_stopped(made)
    }

    fn import_cc(&self, context: &Context) -> Result<IdGraph> {
        if self.nodes.is_some() {
            return Err(Error::usage(
                "--nodes is for --format edges: the vertices say how many there are",
            )
            .remedy("leave it out"));
        }
        let files = cc::Files::told_apart(&self.files, &self.vertices, &self.edges)?;
        let all = files.all();
        all.iter().try_for_each(|file| check_file(file))?;
        let options = self.options()?;
        let scratch = self.making.prepare()?;
        let progress = progress_over(&all, "import", context);
        let progress = progress.as_ref();
        let nodes = NumberedNodes::new(scratch.path(), options)?;
        let out = &self.making.out;
        let mut builder = cc::read_vertices(&files.vertices, nodes, out, context, progress)?;
        if builder.is_renumbered() {
            tracing::warn!(
                "ids differ from those of the files, whose vertices are not numbered in byte order of names"
            );
        }
        cc::read_edges(&files.edges, &mut builder, context, progress)?;
        self.making.check_space(builder.file_bytes())?;
        let made = builder.finish(&mut |_| context.interrupt.flow());
        context.interrupt.or_stopped(made)
    }
}
