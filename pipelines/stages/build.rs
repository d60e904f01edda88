//! Parts to graphs: one merge for each level, and a fold of hosts to domains. Where a cluster has done this, its tables to graphs.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, Int64Array, RecordBatch};
use crawlrank_graph::{
    BuilderOptions, FoldOptions, Graph, GraphBuilder, MergeOptions, OrderedNodes,
};

use super::Job;
use crate::error::{Error, Exit, Result};
use crate::manifest;
use crate::progress::{Progress, Show};
use crate::recipe::Level;
use crate::run::RunDir;
use crate::tables::read::Table;

/// Builds the graphs that are not yet committed.
pub fn build(job: &Job) -> Result<()> {
    for &level in &job.recipe.level {
        let name = RunDir::graph(level);
        if job.commits.has(&name) {
            continue;
        }
        job.interrupt.check()?;
        let out = job
            .commits
            .run()
            .tmp()
            .join(format!("graph-{}", level.as_str()));
        let parts = parts(job, level);
        if level == Level::Domain {
            fold_hosts(job, &out)?;
        } else if !parts.is_empty() {
            merge_parts(job, &parts, &out)?;
        } else if has_tables(job, level) {
            graph_of_tables(job, level, &out)?;
            let made_anew = tables(&job.recipe.level);
            job.commits.publish_instead(&out, &name, &made_anew)?;
            continue;
        } else if job.commits.manifest().is_of_cluster() {
            return Err(not_handed_over(job.commits.run()));
        } else {
            empty_graph(job, &out)?;
        }
        job.commits.publish(&out, &name, Vec::new())?;
        report(
            job.progress,
            level,
            &Graph::open(job.commits.run().output(&name))?,
        );
    }
    Ok(())
}

/// The error of a run that has the accounts of a cluster and not its tables.
pub(crate) fn not_handed_over(run: &RunDir) -> Error {
    let found = "a cluster has read the shards, and has not handed over its tables yet";
    Error::usage(found)
        .at(run.root())
        .remedy("submit the same job again: it goes on")
}

/// The graphs of a level in parts.
fn parts(job: &Job, level: Level) -> Vec<PathBuf> {
    let run = job.commits.run();
    let manifest = job.commits.manifest();
    // A part whose shards all failed has no graph.
    manifest
        .parts()
        .into_iter()
        .map(|part| (part, format!("{part}/graph/{}", level.as_str())))
        .filter(|(part, graph)| manifest.lists(part, &format!("{graph}/graph.json")))
        .map(|(_, graph)| run.output(&graph))
        .collect()
}

/// The tables of nodes and edges of some levels.
fn tables(levels: &[Level]) -> Vec<String> {
    let tables = |&level: &Level| [RunDir::nodes_table(level), RunDir::edges_table(level)];
    levels.iter().flat_map(tables).collect()
}

fn has_tables(job: &Job, level: Level) -> bool {
    tables(&[level]).iter().all(|name| job.commits.has(name))
}

/// Makes the graph whose nodes and edges are in tables, in their order.
fn graph_of_tables(job: &Job, level: Level, out: &Path) -> Result<()> {
    let run = job.commits.run();
    let manifest = job.commits.manifest();
    for name in tables(&[level]) {
        manifest::verify_output(run, &manifest, &name)?;
    }
    let nodes = Table::open(&run.output(&RunDir::nodes_table(level)), job.interrupt)?;
    let edges = Table::open(&run.output(&RunDir::edges_table(level)), job.interrupt)?;
    let wrong = |table: &Table, column: &str| {
        let found = format!("column `{column}` has another type, or nulls");
        Error::new(Exit::Damaged, "E-TABLE", found).at(table.path())
    };
    let mut graph = OrderedNodes::new(out, false, job.recipe.edge_pages)?;
    let name = match level {
        Level::Page => "url",
        _ => "host_rev",
    };
    nodes.for_each_batch(&[name, "pages"], &mut |batch| {
        let names = batch
            .column_by_name(name)
            .and_then(|names| names.as_string_opt::<i32>());
        let names = names
            .filter(|names| names.null_count() == 0)
            .ok_or_else(|| wrong(&nodes, name))?;
        let pages = numbers(batch, "pages").ok_or_else(|| wrong(&nodes, "pages"))?;
        for at in 0..batch.num_rows() {
            let pages = u64::try_from(pages.value(at)).map_err(|_| wrong(&nodes, "pages"))?;
            let name = names.value(at);
            match level {
                Level::Page => {
                    let key = crawlrank_links::page_key(name).map_err(|_| wrong(&nodes, "url"))?;
                    graph.push(key.as_bytes(), pages, 0)?;
                }
                _ => {
                    graph.push(name.as_bytes(), pages, 0)?;
                }
            }
        }
        Ok(())
    })?;
    let mut graph = graph.finish()?;
    let progress = Progress::start(job.progress, "build", "edges", edges.num_rows());
    let columns = match job.recipe.edge_pages {
        true => &["source", "target", "pages"][..],
        false => &["source", "target"],
    };
    edges.for_each_batch(columns, &mut |batch| {
        let of = |column| numbers(batch, column).ok_or_else(|| wrong(&edges, column));
        let (sources, targets) = (of("source")?, of("target")?);
        let pages = job.recipe.edge_pages.then(|| of("pages")).transpose()?;
        let number = |values: &Int64Array, at, column| {
            u32::try_from(values.value(at)).map_err(|_| wrong(&edges, column))
        };
        for at in 0..batch.num_rows() {
            let pages = pages.map_or(Ok(1), |pages| number(pages, at, "pages"))?;
            graph.push(
                number(sources, at, "source")?,
                number(targets, at, "target")?,
                pages,
            )?;
        }
        progress.advance(batch.num_rows() as u64);
        Ok(())
    })?;
    let memory = job.memory as usize;
    let made = graph.finish(&job.scratch, memory, &mut |_| job.interrupt.flow());
    job.interrupt.or_stopped(made)?;
    Ok(())
}

/// A column of numbers without nulls.
fn numbers<'a>(batch: &'a RecordBatch, column: &str) -> Option<&'a Int64Array> {
    let numbers = batch
        .column_by_name(column)?
        .as_primitive_opt::<Int64Type>();
    numbers.filter(|numbers| numbers.null_count() == 0)
}

fn merge_parts(job: &Job, parts: &[PathBuf], out: &Path) -> Result<()> {
    let mut edges = 0;
    for part in parts {
        edges += Graph::open(part)?.num_edges();
    }
    let progress = Progress::start(job.progress, "build", "edges", edges);
    let options = MergeOptions {
        memory_bytes: job.memory as usize,
        ..MergeOptions::default()
    };
    let merged = crawlrank_graph::merge(parts, out, &job.scratch, &options, &mut |at| {
        follow(job, &progress, at)
    });
    job.interrupt.or_stopped(merged)?;
    Ok(())
}

/// Shows how far a merge is. It handles each edge several times, so the bar waits at its end.
fn follow(job: &Job, progress: &Progress, at: crawlrank_graph::Progress) -> ControlFlow<()> {
    progress.set(at.edges, String::new());
    job.interrupt.flow()
}

/// A crawl of no page is a graph of no node.
fn empty_graph(job: &Job, out: &Path) -> Result<()> {
    let options = BuilderOptions {
        edge_pages: job.recipe.edge_pages,
        node_pages: true,
        ..BuilderOptions::default()
    };
    GraphBuilder::new(&job.scratch, options)?.finish(out)?;
    Ok(())
}

fn fold_hosts(job: &Job, out: &Path) -> Result<()> {
    let manifest = job.commits.manifest();
    manifest::verify_output(job.commits.run(), &manifest, &RunDir::graph(Level::Host))?;
    let hosts = Graph::open(job.commits.run().output(&RunDir::graph(Level::Host)))?;
    let private = job.recipe.private_suffixes;
    let domain_of =
        |host: &[u8], domain: &mut Vec<u8>| domain.extend_from_slice(domain_of(host, private));
    let options = FoldOptions {
        memory_bytes: job.memory as usize,
    };
    let progress = Progress::start(job.progress, "fold", "edges", hosts.num_edges());
    let folded = crawlrank_graph::fold(&hosts, domain_of, out, &job.scratch, &options, &mut |at| {
        follow(job, &progress, at)
    });
    job.interrupt.or_stopped(folded)?;
    Ok(())
}

/// The registered domain of a reversed host name; a name without one, such as a public suffix, stands for itself.
pub fn domain_of(host: &[u8], private_suffixes: bool) -> &[u8] {
    std::str::from_utf8(host)
        .ok()
        .and_then(|host| crawlrank_links::registered_domain(host, private_suffixes))
        .map_or(host, str::as_bytes)
}

fn report(show: Show, level: Level, graph: &Graph) {
    if show != Show::Nothing {
        tracing::info!(
            level = level.as_str(),
            nodes = graph.num_nodes(),
            edges = graph.num_edges(),
            "built"
        );
    }
}
