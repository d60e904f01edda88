//! The tables of edges: files of a fixed number of edges each, sorted by source and target.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::Schema;
use crawlrank_graph::Graph;
use rayon::prelude::*;

use super::{BATCH_ROWS, TableWriter, count};
use crate::error::{Error, Result};

/// Edges of one file: fixed, so that the same graph gives the same files.
const EDGES_PER_FILE: u64 = 1 << 25;

/// The schema: two ids, and the pages when the graph has them.
pub fn schema(with_pages: bool) -> Schema {
    let mut fields = vec![
        count("source", "Id of the node that links"),
        count("target", "Id of the node linked to"),
    ];
    if with_pages {
        fields.push(count(
            "pages",
            "Captured pages that hold at least one such link",
        ));
    }
    Schema::new(fields)
}

/// Writes the edges of `graph` into files of a new folder; `check` may end the work.
pub fn write(
    folder: &Path,
    run_id: &str,
    graph: &Graph,
    check: impl Fn() -> Result<()> + Sync,
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
    let files = graph.num_edges().div_ceil(EDGES_PER_FILE).max(1);
    (0..files).into_par_iter().try_for_each(|file| {
        check()?;
        let edges = file * EDGES_PER_FILE..graph.num_edges().min((file + 1) * EDGES_PER_FILE);
        write_file(
            &folder.join(format!("{file:05}.parquet")),
            run_id,
            graph,
            edges,
            &check,
        )
    })
}

fn write_file(
    path: &Path,
    run_id: &str,
    graph: &Graph,
    edges: std::ops::Range<u64>,
    check: impl Fn() -> Result<()>,
) -> Result<()> {
    let outgoing = graph.outgoing();
    let offsets = outgoing.offsets();
    let with_pages = outgoing.has_pages();
    let mut table = TableWriter::create(path, schema(with_pages), run_id)?;
    let (mut sources, mut targets, mut pages) = (Vec::new(), Vec::new(), Vec::new());
    let mut write = |sources: &mut Vec<i64>, targets: &mut Vec<i64>, pages: &mut Vec<i64>| {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(std::mem::take(sources))),
            Arc::new(Int64Array::from(std::mem::take(targets))),
        ];
        if with_pages {
            columns.push(Arc::new(Int64Array::from(std::mem::take(pages))));
        }
        check()?;
        table.write(columns)
    };
    // The source of the first edge: the last node whose list begins at or before it.
    let mut source = offsets
        .partition_point(|&offset| offset <= edges.start)
        .saturating_sub(1);
    let mut at = edges.start;
    while at < edges.end && source < graph.num_nodes() as usize {
        let list = outgoing.neighbors(source as u32);
        let from = (at - offsets[source]) as usize;
        let to = ((edges.end - offsets[source]) as usize).min(list.len());
        for position in from..to {
            sources.push(source as i64);
            targets.push(i64::from(list[position]));
            if let Some(list) = outgoing.pages(source as u32) {
                pages.push(i64::from(list[position]));
            }
            if sources.len() == BATCH_ROWS {
                write(&mut sources, &mut targets, &mut pages)?;
            }
        }
        at += (to - from) as u64;
        source += 1;
    }
    write(&mut sources, &mut targets, &mut pages)?;
    table.finish()
}
