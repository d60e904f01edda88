//! PageRank of a graph that comes as Arrow data.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array, RecordBatch, StructArray,
};
use arrow_schema::{DataType, Field, Fields, Schema};
use crawlrank::error::{Error, Result};
use crawlrank::interrupt::Interrupt;
use crawlrank_graph::{
    IdGraphBuilder, IdGraphOptions, PageRankOptions, SelfLoops, pagerank as rank, positions,
};
use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;

use crate::arrow::{Arrays, open};
use crate::error::raised;
use crate::interrupt::interruptible;
use crate::pool::threads;
use crate::table::Table;

/// Rows of a batch of the result.
const BATCH_ROWS: usize = 1 << 16;

/// More nodes than this, and than `NODES_PER_EDGE` times the edges, are only taken when `num_nodes` says so: hashes and
/// sparse keys given for node numbers would fill disk and memory with nodes that nobody meant.
const NODES_UNASKED: u64 = 1 << 24;
const NODES_PER_EDGE: u64 = 16;

/// Computes PageRank of a graph: any Arrow stream of two integer columns, or with `source` and `target`.
///
/// `edges`: m rows, each an edge from a node to another, in any order; edges that are given again count once. Node
/// numbers are from 0 to 2^32 - 2 and are kept: there are as many nodes as the largest + 1, or `num_nodes`; numbers
/// with wide gaps, such as hashes, are refused without it. What a node without outgoing edges has goes to all nodes alike. Stops when the L1 change of an iteration is below
/// `tolerance`, or after `max_iterations`, which is then warned of (`RuntimeWarning`).
///
/// Returns a table of n rows, by id: `id`, `in_degree`, `out_degree`, `pagerank` (n scores, sum 1), `pagerank_pos` (1
/// is the highest; ties by id). The same bits for any number of threads. The graph is built on the disk, in the
/// system's folder for temporary files: some 16 bytes a node and an edge. In memory: up to 1 GiB to sort, then some
/// 70 bytes a node. Other threads of Python run meanwhile; Ctrl-C stops it.
///
/// Raises `CrawlrankError` when the columns are others, hold null or no node numbers, or an option is out of range;
/// `KeyboardInterrupt` after Ctrl-C.
#[pyfunction]
#[pyo3(signature = (edges, *, damping = 0.85, tolerance = 1e-9, max_iterations = 200, num_nodes = None, self_loops = "drop"))]
pub(crate) fn pagerank(
    py: Python<'_>,
    edges: &Bound<'_, PyAny>,
    damping: f64,
    tolerance: f64,
    max_iterations: u32,
    num_nodes: Option<u64>,
    self_loops: &str,
) -> PyResult<Table> {
    let self_loops = match self_loops {
        "drop" => Ok(SelfLoops::Drop),
        "keep" => Ok(SelfLoops::Keep),
        other => Err(Error::usage(format!(
            "`self_loops` is {other:?}, expected `drop` or `keep`"
        ))),
    };
    let options = PageRankOptions {
        damping,
        tolerance,
        max_iterations: max_iterations as usize,
        ..PageRankOptions::default()
    };
    let checked = self_loops.and_then(|self_loops| {
        crawlrank::recipe::check_ranking(damping, tolerance, max_iterations)?;
        Ok(self_loops)
    });
    let self_loops = checked.map_err(|e| raised(py, &e))?;
    let mut edges = open(edges, "edges")?;
    let columns = columns(&edges.data_type).map_err(|e| raised(py, &e))?;
    let (batches, note) = interruptible(
        py,
        |_| Ok(()),
        |interrupt| {
            threads()?.install(|| {
                compute(
                    &mut edges, columns, num_nodes, self_loops, &options, interrupt,
                )
            })
        },
    )?;
    if let Some(note) = note {
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &note, 1)?;
    }
    Table::of_batches("pagerank", batches).map_err(|e| raised(py, &e))
}

/// Builds the graph in a scratch folder and ranks it; also says what one should know of the result.
fn compute(
    edges: &mut Arrays,
    columns: [usize; 2],
    num_nodes: Option<u64>,
    self_loops: SelfLoops,
    options: &PageRankOptions,
    interrupt: &Interrupt,
) -> Result<(Vec<RecordBatch>, Option<std::ffi::CString>)> {
    let scratch = tempfile::Builder::new().prefix("crawlrank-").tempdir();
    let scratch = scratch.map_err(|e| Error::cannot_create(std::env::temp_dir(), &e))?;
    let mut builder = IdGraphBuilder::new(
        scratch.path(),
        IdGraphOptions {
            self_loops,
            ..IdGraphOptions::default()
        },
    )?;
    let (mut row, mut largest, mut ends) = (0, 0, [Vec::new(), Vec::new()]);
    while let Some(batch) = edges.next()? {
        interrupt.check()?;
        let batch = batch.as_struct();
        for (ids, column) in ends.iter_mut().zip(columns) {
            read_ids(batch, column, row, ids)?;
            largest = ids.iter().copied().fold(largest, u32::max);
        }
        for (&source, &target) in ends[0].iter().zip(&ends[1]) {
            builder.push(source, target)?;
        }
        row += batch.len() as u64;
    }
    let asked = u64::from(largest) + 1;
    if num_nodes.is_none() && asked > NODES_UNASKED.max(row.saturating_mul(NODES_PER_EDGE)) {
        return Err(Error::usage(format!(
            "`edges` has {row} rows and names node {largest}: numbers that are not dense"
        ))
        .remedy(format!(
            "number the nodes from 0 without gaps, or give `num_nodes={asked}` if there are so many"
        )));
    }
    let folder = scratch.path().join("graph");
    let built = builder.finish(num_nodes, &folder, &mut |_| interrupt.flow());
    let graph = interrupt.or_stopped(built)?.graph;
    let ranked = rank(&graph, options, &mut |_| interrupt.flow());
    let ranked = interrupt.or_stopped(ranked)?;
    let places = positions(&ranked.scores);
    let n = graph.num_nodes() as usize;
    let schema = Arc::new(schema());
    let batch = |start: usize| {
        let nodes = start..n.min(start + BATCH_ROWS);
        let degrees = |adjacency: crawlrank_graph::Adjacency<'_>| -> ArrayRef {
            let degrees = nodes
                .clone()
                .map(|node| adjacency.degree(node as u32) as i64);
            Arc::new(Int64Array::from_iter_values(degrees))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(
                nodes.clone().map(|node| node as i64),
            )),
            degrees(graph.incoming()),
            degrees(graph.outgoing()),
            Arc::new(Float64Array::from_iter_values(
                ranked.scores[nodes.clone()].iter().copied(),
            )),
            Arc::new(Int64Array::from_iter_values(
                places[nodes.clone()].iter().map(|&place| place as i64),
            )),
        ];
        RecordBatch::try_new(schema.clone(), columns).map_err(|e| Error::internal(e.to_string()))
    };
    // Also of no nodes: a table without rows still has columns.
    let starts = (0..n.max(1)).step_by(BATCH_ROWS);
    let batches = starts.map(batch).collect::<Result<_>>()?;
    let note = (!ranked.converged).then(|| {
        format!(
            "PageRank did not converge within {} iterations: residual {:.1e}, error at most {:.1e}; \
             give a higher `max_iterations` or `tolerance`",
            ranked.iterations, ranked.residual, ranked.error_bound
        )
    });
    Ok((
        batches,
        note.and_then(|note| std::ffi::CString::new(note).ok()),
    ))
}

fn schema() -> Schema {
    let field = |name, data_type, doc: &str| {
        Field::new(name, data_type, false)
            .with_metadata([("doc".to_owned(), doc.to_owned())].into())
    };
    Schema::new(vec![
        field("id", DataType::Int64, "the node, as the edges name it"),
        field("in_degree", DataType::Int64, "nodes that link here"),
        field(
            "out_degree",
            DataType::Int64,
            "nodes that are linked from here",
        ),
        field("pagerank", DataType::Float64, "PageRank; all add up to 1"),
        field(
            "pagerank_pos",
            DataType::Int64,
            "place by PageRank, 1 is the highest; ties by id",
        ),
    ])
}

/// The places of source and target: the columns of these names, or the only two.
fn columns(data_type: &DataType) -> Result<[usize; 2]> {
    let DataType::Struct(fields) = data_type else {
        return Err(Error::usage(format!(
            "`edges` is a column of type {data_type}, expected a table of two integer columns"
        )));
    };
    let columns = match (fields.find("source"), fields.find("target")) {
        (Some((source, _)), Some((target, _))) => [source, target],
        _ if fields.len() == 2 => [0, 1],
        _ => {
            return Err(Error::usage(format!(
                "`edges` has the columns {}, expected two, or `source` and `target`",
                names(fields)
            )));
        }
    };
    match columns
        .into_iter()
        .find(|&at| !fields[at].data_type().is_integer())
    {
        None => Ok(columns),
        Some(at) => Err(Error::usage(format!(
            "column `{}` of `edges` has type {}, expected integers",
            fields[at].name(),
            fields[at].data_type()
        ))),
    }
}

fn names(fields: &Fields) -> String {
    let names: Vec<String> = fields
        .iter()
        .map(|field| format!("`{}`", field.name()))
        .collect();
    names.join(", ")
}

/// Reads a column of node ids, of any integer type; `row` is the number of the first.
fn read_ids(batch: &StructArray, column: usize, row: u64, ids: &mut Vec<u32>) -> Result<()> {
    let values = batch.column(column);
    let name = batch.fields()[column].name();
    let wrong = |at: usize, found: &str| {
        Error::usage(format!(
            "row {} of `edges` has {found} as `{name}`, expected a node number from 0 to {}",
            row + at as u64,
            u32::MAX - 1
        ))
    };
    for nulls in [batch.nulls(), values.nulls()].into_iter().flatten() {
        if let Some(at) = (0..nulls.len()).find(|&at| nulls.is_null(at)) {
            return Err(wrong(at, "null"));
        }
    }
    ids.clear();
    macro_rules! read {
        ($($data_type:ident => $primitive:ty),*) => {
            match values.data_type() {
                $(DataType::$data_type => read_values::<$primitive>(values, ids),)*
                other => return Err(Error::internal(format!("ids of type {other}"))),
            }
        };
    }
    let bad = read!(
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type
    );
    match bad {
        None => Ok(()),
        Some((at, found)) => Err(wrong(at, &found)),
    }
}

/// Returns the first value that is no node id, with its place.
fn read_values<T>(values: &ArrayRef, ids: &mut Vec<u32>) -> Option<(usize, String)>
where
    T: ArrowPrimitiveType,
    T::Native: TryInto<u32> + std::fmt::Display,
{
    let values = values.as_primitive::<T>().values();
    ids.reserve(values.len());
    for (at, &value) in values.iter().enumerate() {
        match value.try_into() {
            Ok(id) if id < u32::MAX => ids.push(id),
            _ => return Some((at, value.to_string())),
        }
    }
    None
}
