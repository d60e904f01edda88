//! Parts to graphs: one merge for each level, and a fold of hosts to domains.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crawlrank_graph::{BuilderOptions, FoldOptions, Graph, GraphBuilder, MergeOptions};

use super::Job;
use crate::error::Result;
use crate::manifest;
use crate::progress::{Progress, Show};
use crate::recipe::Level;
use crate::run::RunDir;

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
        match level {
            Level::Domain => fold_hosts(job, &out)?,
            _ => merge_parts(job, level, &out)?,
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

fn merge_parts(job: &Job, level: Level, out: &Path) -> Result<()> {
    let run = job.commits.run();
    let manifest = job.commits.manifest();
    // A part whose shards all failed has no graph.
    let parts: Vec<PathBuf> = manifest
        .parts()
        .into_iter()
        .map(|part| (part, format!("{part}/graph/{}", level.as_str())))
        .filter(|(part, graph)| manifest.lists(part, &format!("{graph}/graph.json")))
        .map(|(_, graph)| run.output(&graph))
        .collect();
    if parts.is_empty() {
        return empty_graph(job, out);
    }
    let mut edges = 0;
    for part in &parts {
        edges += Graph::open(part)?.num_edges();
    }
    let progress = Progress::start(job.progress, "build", "edges", edges);
    let options = MergeOptions {
        memory_bytes: job.memory as usize,
        ..MergeOptions::default()
    };
    let merged = crawlrank_graph::merge(&parts, out, &job.scratch, &options, &mut |at| {
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
