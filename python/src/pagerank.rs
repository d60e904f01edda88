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
    Adjacency, EdgeList, EdgePart, Graph, IdGraphBuilder, IdGraphOptions, PageRankOptions,
    RankedEdges, SelfLoops, pagerank as rank, positions,
};
use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;
use rayon::prelude::*;
use tempfile::TempDir;

use crate::arrow::{Arrays, open};
use crate::error::raised;
use crate::interrupt::interruptible;
use crate::pool::threads;
use crate::table::Table;

/// Rows of a batch of the result.
const BATCH_ROWS: usize = 1 << 16;

/// Memory for edges: with more they are sorted on the disk.
const MEMORY_BYTES: u64 = 1 << 30;

/// Rows that are read at a time.
const PART_ROWS: usize = 1 << 20;

/// More nodes than this, and than `NODES_PER_EDGE` times the edges, are only taken when `num_nodes` says so: hashes and
/// sparse keys given for node numbers would fill disk and memory with nodes that nobody meant.
const NODES_UNASKED: u64 = 1 << 24;
const NODES_PER_EDGE: u64 = 16;

/// Computes PageRank of a graph: any Arrow stream of two integer columns, or with `source` and `target`.
///
/// `edges`: m rows, each an edge from a node to another, in any order; edges that are given again count once. Node
/// numbers are from 0 to 2^32 - 2 and are kept: there are as many nodes as the largest + 1, or `num_nodes`; numbers
/// with wide gaps, such as hashes, are refused without it. What a node without outgoing edges has goes to all nodes
/// alike. Stops when the L1 change of an iteration is below
/// `tolerance`, or after `max_iterations`, which is then warned of (`RuntimeWarning`).
///
/// Returns a table of n rows, by id: `id`, `in_degree`, `out_degree`, `pagerank` (n scores, sum 1), `pagerank_pos` (1
/// is the highest; ties by id). The same bits for any number of threads. Takes up to 18 bytes of memory an edge and
/// some 65 a node, beside the result. Where that is more than 1 GiB, edges are sorted within 1 GiB and the graph is built
/// on the disk, in the system's folder for temporary files: some 16 bytes a node and an edge; ranking it takes up to 16
/// bytes of memory an edge and some 70 a node. Other threads of Python run meanwhile; Ctrl-C stops it.
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

/// Ranks the graph; also says what one should know of the result.
fn compute(
    edges: &mut Arrays,
    columns: [usize; 2],
    num_nodes: Option<u64>,
    self_loops: SelfLoops,
    options: &PageRankOptions,
    interrupt: &Interrupt,
) -> Result<(Vec<RecordBatch>, Option<std::ffi::CString>)> {
    let (edges, rows) = Edges::read(edges, columns, num_nodes, self_loops, interrupt)?;
    let least = edges.least_nodes;
    if num_nodes.is_none() && least > NODES_UNASKED.max(rows.saturating_mul(NODES_PER_EDGE)) {
        return Err(Error::usage(format!(
            "`edges` has {rows} rows and names node {}: numbers that are not dense",
            least - 1
        ))
        .remedy(format!(
            "number the nodes from 0 without gaps, or give `num_nodes={least}` if there are so many"
        )));
    }
    let ranked = edges.rank(options, interrupt)?;
    let RankedEdges {
        pagerank: ranked,
        in_degrees,
        out_degrees,
    } = ranked;
    let places = positions(&ranked.scores);
    let n = ranked.scores.len();
    let schema = Arc::new(schema());
    let batch = |start: usize| {
        let nodes = start..n.min(start + BATCH_ROWS);
        let degrees = |degrees: &[u32]| -> ArrayRef {
            let degrees = degrees[nodes.clone()].iter();
            Arc::new(Int64Array::from_iter_values(
                degrees.map(|&degree| i64::from(degree)),
            ))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(
                nodes.clone().map(|node| node as i64),
            )),
            degrees(&in_degrees),
            degrees(&out_degrees),
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

/// Edges as they come: in memory, or sorted on the disk when they are too many.
struct Edges {
    in_memory: EdgeList,
    on_disk: Option<(IdGraphBuilder, TempDir)>,
    least_nodes: u64,
    num_nodes: Option<u64>,
    self_loops: SelfLoops,
}

impl Edges {
    /// Takes all edges; returns with them the number of rows.
    fn read(
        arrays: &mut Arrays,
        columns: [usize; 2],
        num_nodes: Option<u64>,
        self_loops: SelfLoops,
        interrupt: &Interrupt,
    ) -> Result<(Self, u64)> {
        let mut edges = Edges {
            in_memory: EdgeList::default(),
            on_disk: None,
            least_nodes: 0,
            num_nodes,
            self_loops,
        };
        let mut row = 0;
        // Of small batches, until they are enough for a part.
        let mut pending = [Vec::new(), Vec::new()];
        while let Some(batch) = arrays.next()? {
            let batch = batch.as_struct();
            let starts: Vec<usize> = (0..batch.len()).step_by(PART_ROWS).collect();
            for starts in starts.chunks(2 * rayon::current_num_threads()) {
                interrupt.check()?;
                if let &[start] = starts {
                    let len = PART_ROWS.min(batch.len() - start);
                    read_rows(&batch.slice(start, len), columns, row, &mut pending)?;
                    row += len as u64;
                    if pending[0].len() >= PART_ROWS {
                        edges.add(EdgePart::new(&pending[0], &pending[1]))?;
                        pending.iter_mut().for_each(Vec::clear);
                    }
                    continue;
                }
                let parts: Vec<Result<EdgePart>> = starts
                    .par_iter()
                    .map(|&start| {
                        let rows = batch.slice(start, PART_ROWS.min(batch.len() - start));
                        let row = row + (start - starts[0]) as u64;
                        let mut ends = [Vec::new(), Vec::new()];
                        read_rows(&rows, columns, row, &mut ends)?;
                        Ok(EdgePart::new(&ends[0], &ends[1]))
                    })
                    .collect();
                // In order, so that it is the first wrong row that is named.
                for part in parts {
                    edges.add(part?)?;
                }
                let end = batch.len().min(starts[starts.len() - 1] + PART_ROWS);
                row += (end - starts[0]) as u64;
            }
        }
        edges.add(EdgePart::new(&pending[0], &pending[1]))?;
        Ok((edges, row))
    }

    fn add(&mut self, part: EdgePart) -> Result<()> {
        self.in_memory.push(part);
        self.least_nodes = self.least_nodes.max(self.in_memory.least_nodes());
        let nodes = self.least_nodes.max(self.num_nodes.unwrap_or(0));
        if self.on_disk.is_none() && self.in_memory.memory_bytes(nodes) > MEMORY_BYTES {
            self.on_disk = Some(builder(self.self_loops)?);
        }
        if let Some((builder, _)) = &mut self.on_disk {
            std::mem::take(&mut self.in_memory).push_into(builder)?;
        }
        Ok(())
    }

    fn rank(self, options: &PageRankOptions, interrupt: &Interrupt) -> Result<RankedEdges> {
        let num_nodes = self.num_nodes;
        let Some((builder, scratch)) = self.on_disk else {
            let nodes = num_nodes.unwrap_or(self.least_nodes);
            let go_on = &mut || interrupt.flow();
            let ranked = self.in_memory.rank(nodes, self.self_loops, options, go_on);
            return interrupt.or_stopped(ranked);
        };
        let folder = scratch.path().join("graph");
        let built = builder.finish(num_nodes, &folder, &mut |_| interrupt.flow());
        let graph = interrupt.or_stopped(built)?.graph;
        let ranked = rank(&graph, options, &mut |_| interrupt.flow());
        Ok(RankedEdges {
            pagerank: interrupt.or_stopped(ranked)?,
            in_degrees: degrees(&graph, graph.incoming()),
            out_degrees: degrees(&graph, graph.outgoing()),
        })
    }
}

fn degrees(graph: &Graph, adjacency: Adjacency<'_>) -> Vec<u32> {
    let nodes = 0..graph.num_nodes() as u32;
    nodes.map(|node| adjacency.degree(node) as u32).collect()
}

/// Begins a graph in a scratch folder.
fn builder(self_loops: SelfLoops) -> Result<(IdGraphBuilder, TempDir)> {
    let scratch = tempfile::Builder::new().prefix("crawlrank-").tempdir();
    let scratch = scratch.map_err(|e| Error::cannot_create(std::env::temp_dir(), &e))?;
    let options = IdGraphOptions {
        memory_bytes: MEMORY_BYTES as usize,
        self_loops,
    };
    Ok((IdGraphBuilder::new(scratch.path(), options)?, scratch))
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

/// Appends both ends of some rows; `row` is the number of the first.
fn read_rows(
    rows: &StructArray,
    columns: [usize; 2],
    row: u64,
    ends: &mut [Vec<u32>; 2],
) -> Result<()> {
    let mut ends = ends.iter_mut().zip(columns);
    ends.try_for_each(|(ids, column)| read_ids(rows, column, row, ids))
}

/// Appends a column of node ids, of any integer type; `row` is the number of the first.
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
