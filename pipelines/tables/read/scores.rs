//! Scores of a graph that belongs to no run, out of the `ranks.parquet` that its ranking wrote.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use crawlrank_graph::AnyGraph;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{BATCH_ROWS, check_footer, guarded};
use crate::error::{Error, Exit, Result, quoted};
use crate::interrupt::Interrupt;

/// Scores and positions, a value a node, in order of ids.
pub struct GraphScores {
    /// PageRank.
    pub pagerank: Vec<f64>,
    /// Position by PageRank, from 1.
    pub pagerank_pos: Vec<i64>,
    /// Harmonic centrality.
    pub harmonic: Vec<f64>,
    /// Position by harmonic centrality, from 1.
    pub harmonic_pos: Vec<i64>,
}

impl GraphScores {
    /// Reads the table, whose rows must be the nodes of `graph`, with their names where it has them.
    ///
    /// # Errors
    /// Exit 2 when it is of another graph, or was made without harmonic centrality; 5 when it is damaged.
    pub fn read(path: &Path, graph: &AnyGraph, interrupt: &Interrupt) -> Result<GraphScores> {
        check_footer(path)?;
        let mut scores = GraphScores {
            pagerank: Vec::new(),
            pagerank_pos: Vec::new(),
            harmonic: Vec::new(),
            harmonic_pos: Vec::new(),
        };
        let damaged = |found: String| {
            Error::new(Exit::Damaged, "E-TABLE", found)
                .at(path)
                .remedy("rank the graph again")
        };
        guarded(path, "Parquet", || {
            let file = File::open(path).map_err(|e| Error::io(path, &e))?;
            let batches = ParquetRecordBatchReaderBuilder::try_new(file)
                .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
                .map_err(|e| damaged(e.to_string()))?;
            for batch in batches {
                interrupt.check()?;
                let batch = batch.map_err(|e| damaged(e.to_string()))?;
                check_names(&batch, scores.pagerank.len() as u64, graph)
                    .map_err(|found| other(path, &found))?;
                take::<Float64Type>(&batch, "pagerank", &mut scores.pagerank, path)?;
                take::<Int64Type>(&batch, "pagerank_pos", &mut scores.pagerank_pos, path)?;
                take::<Float64Type>(&batch, "harmonic", &mut scores.harmonic, path)?;
                take::<Int64Type>(&batch, "harmonic_pos", &mut scores.harmonic_pos, path)?;
            }
            let (rows, nodes) = (scores.pagerank.len() as u64, graph.num_nodes());
            match rows == nodes {
                true => Ok(scores),
                false => Err(other(
                    path,
                    &format!("{rows} rows, the graph has {nodes} nodes"),
                )),
            }
        })
    }
}

fn other(path: &Path, found: &str) -> Error {
    Error::usage(format!("not the ranks of this graph: {found}"))
        .at(path)
        .remedy("rank the graph that is exported")
}

/// Compares the names of rows, the first of which has the number `row`, with those of nodes.
fn check_names(batch: &RecordBatch, row: u64, graph: &AnyGraph) -> std::result::Result<(), String> {
    let Some(names) = graph.names() else {
        return Ok(());
    };
    let column = batch.column_by_name("name");
    let Some(column) = column.and_then(|column| column.as_string_opt::<i32>()) else {
        return Err("it has no column of names".to_owned());
    };
    for (name, node) in column.iter().zip(row..) {
        if node >= graph.num_nodes() {
            return Err("more rows than nodes".to_owned());
        }
        // Both are UTF-8 where they can be exported at all.
        let own = names.get(node as u32);
        if name.map(str::as_bytes) != Some(own) {
            let name = name.map_or("null".to_owned(), quoted);
            return Err(format!("row {node} is {name}, the node is {}", quoted(own)));
        }
    }
    Ok(())
}

fn take<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
    values: &mut Vec<T::Native>,
    path: &Path,
) -> Result<()> {
    let column = batch.column_by_name(name);
    let Some(column) = column.and_then(|column| column.as_primitive_opt::<T>()) else {
        return Err(other(
            path,
            &format!("it has no column {} of the right type", quoted(name)),
        ));
    };
    if column.null_count() > 0 {
        return Err(Error::usage(format!("{} is null", quoted(name)))
            .at(path)
            .remedy("rank the graph again, with more --memory or without --no-harmonic"));
    }
    values.extend_from_slice(column.values());
    Ok(())
}
