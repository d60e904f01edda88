//! The tables `hosts`, `domains` and `pages`: a row a node, in order of ids.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray, new_null_array};
use arrow_schema::{DataType, Field, Schema};
use crawlrank_graph::{AnyGraph, Column, ColumnValue, Graph, Names, NodeDegrees};

use super::{BATCH_ROWS, TableWriter, column, count, text};
use crate::error::{Error, Exit, Result};
use crate::recipe::Level;
use crate::stages::build::domain_of;

/// Scores of a graph's nodes, mapped from the files of the stage `rank`.
pub struct MappedScores {
    pub(crate) pagerank: Column<f64>,
    pub(crate) pagerank_pos: Column<i64>,
    /// Scores and positions, where they were computed.
    pub(crate) harmonic: Option<(Column<f64>, Column<i64>)>,
    /// Weak and strong, where they were computed.
    components: [Option<Column<u32>>; 2],
    /// Those [on request](ON_REQUEST) that are there.
    on_request: [Option<Column<f64>>; 2],
}

/// Columns of `ranks.parquet` that are there when they were asked for.
pub const ON_REQUEST: [(&str, &str); 2] = [
    (
        "closeness",
        "One over the sum of distances from the nodes that reach this one, estimated by HyperBall; 0 where there are none, null when not computed",
    ),
    (
        "reachable",
        "Nodes that reach this one, itself included, estimated by HyperBall; null when not computed",
    ),
];

/// Opens the column `NAME.npy` of a folder, where it is there.
fn optional<T: ColumnValue>(folder: &Path, name: &str, nodes: u64) -> Result<Option<Column<T>>> {
    let path = folder.join(name).with_extension("npy");
    let is_there = path.exists();
    Ok(is_there.then(|| Column::open(&path, nodes)).transpose()?)
}

impl MappedScores {
    /// Opens the scores in `folder`, which must be those of `nodes` nodes.
    pub fn open(folder: &Path, nodes: u64) -> Result<Self> {
        let scores = |name: &str| Column::<f64>::open(&folder.join(name), nodes);
        let positions = |name: &str| Column::<i64>::open(&folder.join(name), nodes);
        let harmonic = match folder.join("harmonic.npy").exists() {
            true => Some((scores("harmonic.npy")?, positions("harmonic_pos.npy")?)),
            false => None,
        };
        Ok(MappedScores {
            pagerank: scores("pagerank.npy")?,
            pagerank_pos: positions("pagerank_pos.npy")?,
            harmonic,
            components: [
                optional(folder, "weak_component", nodes)?,
                optional(folder, "strong_component", nodes)?,
            ],
            on_request: [
                optional(folder, ON_REQUEST[0].0, nodes)?,
                optional(folder, ON_REQUEST[1].0, nodes)?,
            ],
        })
    }

    /// The names of the scores and positions that are there; each has a file `NAME.npy` in the folder.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let harmonic = ["harmonic", "harmonic_pos"].into_iter();
        let harmonic = harmonic.filter(|_| self.harmonic.is_some());
        ["pagerank", "pagerank_pos"].into_iter().chain(harmonic)
    }

    /// The PageRank of a node.
    pub fn pagerank(&self, id: u32) -> Option<f64> {
        self.pagerank.get(id as usize).copied()
    }

    /// The position of a node by PageRank, from 1.
    pub fn pagerank_pos(&self, id: u32) -> Option<i64> {
        self.pagerank_pos.get(id as usize).copied()
    }
}

/// The columns of scores, the same in every table of nodes.
fn score_columns() -> Vec<Field> {
    let number = |name: &str, doc: &str| column(name, DataType::Float64, true, doc);
    let position = |name: &str, doc: &str| column(name, DataType::Int64, true, doc);
    vec![
        count("in_degree", "Nodes that link here"),
        count("out_degree", "Nodes linked to from here"),
        number("pagerank", "PageRank; the scores of all nodes sum to 1"),
        position(
            "pagerank_pos",
            "Position by PageRank, 1 = highest, ties by id",
        ),
        number(
            "harmonic",
            "Harmonic centrality over incoming paths, estimated by HyperBall; null when not computed",
        ),
        position(
            "harmonic_pos",
            "Position by harmonic centrality, 1 = highest, ties by id",
        ),
    ]
}

/// The schema of the table of a level's nodes.
pub fn schema(level: Level) -> Schema {
    let id = count("id", "Position in byte order of the reversed names, from 0");
    let pages = count("pages", "Captured pages");
    let mut fields = match level {
        Level::Host => vec![
            id,
            text("host", "Host name, e.g. www.example.com"),
            text("host_rev", "Reversed host name, e.g. com.example.www"),
            text(
                "domain",
                "Registered domain by the public suffix list; the host itself where it has none",
            ),
            pages,
        ],
        Level::Domain => vec![
            id,
            text("domain", "Registered domain, e.g. example.com"),
            text("domain_rev", "Reversed domain, e.g. com.example"),
            count("hosts", "Hosts of the domain in the host graph"),
            pages,
        ],
        Level::Page => vec![
            id,
            text("url", "Normalised URL"),
            text("host_rev", "Reversed host name"),
        ],
    };
    fields.extend(score_columns());
    Schema::new(fields)
}

/// Writes the table of a graph's nodes; `check` may end the work.
pub fn write(
    path: &Path,
    run_id: &str,
    level: Level,
    graph: &Graph,
    scores: &MappedScores,
    private_suffixes: bool,
    check: impl Fn() -> Result<()>,
) -> Result<()> {
    let mut table = TableWriter::create(path, schema(level), run_id)?;
    let degrees = [graph.incoming(), graph.outgoing()].map(NodeDegrees::Listed);
    for ids in batches(graph.num_nodes(), graph.names()) {
        check()?;
        let mut columns = names(level, graph, ids.clone(), private_suffixes)?;
        columns.extend(score_arrays(&degrees, scores, ids));
        table.write(columns)?;
    }
    table.finish()
}

/// Bytes of names in a batch: names of pages may have kilobytes each.
const BATCH_NAME_BYTES: usize = 2 << 20;

/// The nodes of a graph, a batch of the table at a time: a function of the graph alone.
fn batches(num_nodes: u64, names: Option<Names<'_>>) -> impl Iterator<Item = Ids> + '_ {
    let mut first = 0;
    std::iter::from_fn(move || {
        let ids = first..batch_end(num_nodes, names, first);
        first = ids.end;
        (!ids.is_empty()).then_some(ids)
    })
}

/// Where the batch ends that begins with node `first`.
fn batch_end(num_nodes: u64, names: Option<Names<'_>>, first: u64) -> u64 {
    let last = num_nodes.min(first + BATCH_ROWS as u64);
    let Some(names) = names else {
        return last;
    };
    let mut bytes = 0;
    (first..last)
        .find(|&id| {
            bytes += names.get(id as u32).len();
            bytes > BATCH_NAME_BYTES && id > first
        })
        .unwrap_or(last)
}

type Ids = std::ops::Range<u64>;

fn names(level: Level, graph: &Graph, ids: Ids, private_suffixes: bool) -> Result<Vec<ArrayRef>> {
    let unnamed = || Error::new(Exit::Damaged, "E-GRAPH", "the graph has no names");
    let all = graph.names().ok_or_else(unnamed)?;
    // Names were checked when they went in, and the graph's checksums hold; a flipped byte shows as U+FFFD.
    let name = |id: u64| String::from_utf8_lossy(all.get(id as u32));
    let stored: Vec<_> = ids.clone().map(name).collect();
    let text = |values: &mut dyn Iterator<Item = String>| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    };
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(
        ids.clone().map(|id| id as i64),
    ));
    let pages = || numbers(graph.node_pages(), ids.clone(), |&pages| pages as i64);
    let name_column: ArrayRef = Arc::new(StringArray::from_iter_values(&stored));
    Ok(match level {
        Level::Host => vec![
            id,
            text(&mut stored.iter().map(|name| reversed(name))),
            name_column,
            text(&mut stored.iter().map(|name| {
                let domain = domain_of(name.as_bytes(), private_suffixes);
                reversed(&String::from_utf8_lossy(domain))
            })),
            pages(),
        ],
        Level::Domain => vec![
            id,
            text(&mut stored.iter().map(|name| reversed(name))),
            name_column,
            numbers(graph.node_hosts(), ids.clone(), |&hosts| i64::from(hosts)),
            pages(),
        ],
        Level::Page => vec![
            id,
            text(
                &mut stored
                    .iter()
                    .map(|key| crawlrank_links::url_of_page_key(key).unwrap_or_default()),
            ),
            text(
                &mut stored
                    .iter()
                    .map(|key| crawlrank_links::host_of_page_key(key).unwrap_or_default()),
            ),
        ],
    })
}

/// A host name with its labels in reverse order: `www.example.com` for `com.example.www`, and back.
pub fn reversed(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    crawlrank_links::reverse_host(name, &mut out);
    out
}

/// The slice of a node array as numbers; a graph without the array has zeros.
fn numbers<T>(array: Option<&[T]>, ids: Ids, number: impl Fn(&T) -> i64) -> ArrayRef {
    let range = ids.start as usize..ids.end as usize;
    let rows = range.len();
    let values = array.and_then(|array| array.get(range));
    Arc::new(match values {
        Some(values) => Int64Array::from_iter_values(values.iter().map(number)),
        None => Int64Array::from(vec![0; rows]),
    })
}

/// `degrees`: the incoming edges of each node, and the outgoing ones.
fn score_arrays(degrees: &[NodeDegrees<'_>; 2], scores: &MappedScores, ids: Ids) -> Vec<ArrayRef> {
    let [in_degrees, out_degrees] = degrees.each_ref().map(|degrees| -> ArrayRef {
        let degrees = ids.clone().map(|id| degrees.get(id as u32) as i64);
        Arc::new(Int64Array::from_iter_values(degrees))
    });
    let range = ids.start as usize..ids.end as usize;
    let score = |column: &Column<f64>| -> ArrayRef {
        Arc::new(Float64Array::from(column[range.clone()].to_vec()))
    };
    let position = |column: &Column<i64>| -> ArrayRef {
        Arc::new(Int64Array::from(column[range.clone()].to_vec()))
    };
    let (harmonic, harmonic_pos) = match &scores.harmonic {
        Some((values, positions)) => (score(values), position(positions)),
        None => (
            new_null_array(&DataType::Float64, range.len()),
            new_null_array(&DataType::Int64, range.len()),
        ),
    };
    vec![
        in_degrees,
        out_degrees,
        score(&scores.pagerank),
        position(&scores.pagerank_pos),
        harmonic,
        harmonic_pos,
    ]
}

/// The schema of `ranks.parquet`, which ranking a graph alone writes; `requested` are those of [`ON_REQUEST`].
pub fn ranks_schema(named: bool, requested: [bool; 2]) -> Schema {
    let mut fields = vec![count("id", "Position in the graph, from 0")];
    if named {
        fields.push(text("name", "The node's name, as the graph has it"));
    }
    fields.extend(score_columns());
    let component = |name: &str, doc: &str| column(name, DataType::Int64, true, doc);
    fields.push(component(
        "weak_component",
        "Weakly connected component, by its smallest id; null when not computed",
    ));
    fields.push(component(
        "strong_component",
        "Strongly connected component, by its smallest id; null when not computed",
    ));
    for ((name, doc), is_requested) in ON_REQUEST.iter().zip(requested) {
        if is_requested {
            fields.push(column(name, DataType::Float64, true, doc));
        }
    }
    Schema::new(fields)
}

fn component_arrays(scores: &MappedScores, ids: Ids) -> [ArrayRef; 2] {
    let range = ids.start as usize..ids.end as usize;
    scores.components.each_ref().map(|component| -> ArrayRef {
        let Some(component) = component else {
            return new_null_array(&DataType::Int64, range.len());
        };
        let ids = component[range.clone()].iter();
        Arc::new(Int64Array::from_iter_values(ids.map(|&id| i64::from(id))))
    })
}

/// Writes the scores of a graph that belongs to no run, with those columns of [`ON_REQUEST`] that are requested.
pub fn write_ranks(
    path: &Path,
    graph: &AnyGraph,
    scores: &MappedScores,
    requested: [bool; 2],
) -> Result<()> {
    let names = graph.names();
    let degrees = [graph.in_degrees()?, graph.out_degrees()?];
    let mut table = TableWriter::create(path, ranks_schema(names.is_some(), requested), "")?;
    for ids in batches(graph.num_nodes(), names) {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(
            ids.clone().map(|id| id as i64),
        ))];
        if let Some(names) = &names {
            let names = ids
                .clone()
                .map(|id| String::from_utf8_lossy(names.get(id as u32)));
            columns.push(Arc::new(StringArray::from_iter_values(names)));
        }
        columns.extend(score_arrays(&degrees, scores, ids.clone()));
        columns.extend(component_arrays(scores, ids.clone()));
        let range = ids.start as usize..ids.end as usize;
        for (values, _) in (scores.on_request.iter().zip(requested)).filter(|pair| pair.1) {
            columns.push(match values {
                Some(values) => Arc::new(Float64Array::from(values[range.clone()].to_vec())),
                None => new_null_array(&DataType::Float64, range.len()),
            });
        }
        table.write(columns)?;
    }
    table.finish()
}
