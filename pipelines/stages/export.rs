//! Graphs, scores and accounts to tables.

use crawlrank_graph::Graph;

use super::Job;
use crate::accounts;
use crate::error::Result;
use crate::manifest::{self, Commits};
use crate::progress::Progress;
use crate::recipe::Level;
use crate::run::{self, RunDir};
use crate::tables::nodes::{self, MappedScores};
use crate::tables::{edges, shards};

/// Writes the tables that are not yet committed.
pub fn export(job: &Job) -> Result<()> {
    let progress = Progress::start(
        job.progress,
        "export",
        "tables",
        2 + 2 * job.recipe.level.len() as u64,
    );
    export_accounts(job.commits, &mut || progress.advance(1))?;
    for &level in &job.recipe.level {
        export_level(job, level, &progress)?;
    }
    Ok(())
}

const SHARDS: &str = "tables/shards.parquet";
const FAULTS: &str = "tables/faults.parquet";

/// Writes the tables `shards` and `faults`, where they are not yet committed; calls `on_table` after each.
pub fn export_accounts(commits: &Commits, on_table: &mut dyn FnMut()) -> Result<()> {
    let run = commits.run();
    let manifest = commits.manifest();
    if !(commits.has(SHARDS) && commits.has(FAULTS)) {
        manifest::verify_accounts(run, &manifest)?;
    }
    let accounts = accounts::read(run, &manifest.parts())?;
    let mut publish = |name: &str, write: &dyn Fn(&std::path::Path) -> Result<()>| {
        if !commits.has(name) {
            let scratch = run.tmp().join(name.replace('/', "-"));
            run::remove(&scratch)?;
            write(&scratch)?;
            commits.publish(&scratch, name, Vec::new())?;
        }
        on_table();
        Ok(())
    };
    publish(SHARDS, &|path| {
        shards::write(path, &manifest.run_id, &accounts)
    })?;
    publish(FAULTS, &|path| {
        shards::write_faults(path, &manifest.run_id, run, &accounts)
    })
}

fn export_level(job: &Job, level: Level, progress: &Progress) -> Result<()> {
    let run = job.commits.run();
    let (nodes_table, edges_table) = (RunDir::nodes_table(level), RunDir::edges_table(level));
    let manifest = job.commits.manifest();
    let graph = Graph::open(run.output(&RunDir::graph(level)))?;
    if !job.commits.has(&nodes_table) {
        job.interrupt.check()?;
        let scores = MappedScores::open(&run.output(&RunDir::ranks(level)), graph.num_nodes())?;
        let scratch = run.tmp().join(format!("{}s.parquet", level.as_str()));
        run::remove(&scratch)?;
        nodes::write(
            &scratch,
            &manifest.run_id,
            level,
            &graph,
            &scores,
            job.recipe.private_suffixes,
            || job.interrupt.check(),
        )?;
        job.commits.publish(&scratch, &nodes_table, Vec::new())?;
    }
    progress.advance(1);
    if !job.commits.has(&edges_table) {
        let scratch = run.tmp().join(format!("edges-{}", level.as_str()));
        run::remove(&scratch)?;
        edges::write(&scratch, &manifest.run_id, &graph, || job.interrupt.check())?;
        job.commits.publish(&scratch, &edges_table, Vec::new())?;
    }
    progress.advance(1);
    Ok(())
}
