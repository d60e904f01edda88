//! The arrays of a graph, mapped by NumPy.

use std::path::{Path, PathBuf};

use crawlrank::error::{Error, Result};
use crawlrank::run::RunDir;
use crawlrank::tables::nodes::MappedScores;
use crawlrank_graph as graph;
use pyo3::exceptions::{PyKeyError, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::raised;

/// A graph directory: a mapping of the names of its arrays to the arrays, which NumPy maps from their files.
///
/// `Graph(path)` opens any that has arrays of its edges, also one that `crawlrank graph merge` made; `run.graph()` gives that of
/// a run with its scores. Of a graph that carries only its ranking stream, `crawlrank graph convert --form arrays` makes one.
/// With n nodes and m edges, in order of ids unless said otherwise:
///
/// - `names` (`uint8`) and `name_offsets` (`uint64`, n + 1): the name of node `i` is the bytes
///   `names[name_offsets[i]:name_offsets[i + 1]]`; names ascend, hosts are reversed (`com.example.www`).
/// - `out_offsets` (`uint64`, n + 1) and `out_targets` (`uint32`, m): node `u` has edges to
///   `out_targets[out_offsets[u]:out_offsets[u + 1]]`, ascending. These are `indptr` and `indices` of SciPy's CSR.
/// - `in_offsets`, `in_targets`: likewise, who has an edge to a node.
/// - `out_pages`, `in_pages` (`uint32`, m): captured pages with such a link; `node_pages` (`uint64`, n): captured pages;
///   `node_hosts` (`uint32`, n): hosts of a domain. There where the graph was built with them.
/// - `pagerank`, `harmonic` (`float64`, n), `pagerank_pos`, `harmonic_pos` (`int64`, n): where the run has them.
///
/// Arrays are read-only and share the memory of the files: nothing is read before it is looked at. Needs NumPy.
///
/// Raises `CrawlrankError` when the directory holds no graph, or one that is cut, of another version or without such arrays.
#[pyclass(frozen, mapping, module = "crawlrank")]
pub(crate) struct Graph {
    path: PathBuf,
    num_nodes: u64,
    num_edges: u64,
    /// The arrays by name, in the order of the format; type and length of each were checked when it was opened.
    files: Vec<(String, PathBuf)>,
}

#[pymethods]
impl Graph {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| Graph::open(&path, None));
        opened.map_err(|error| {
            let is_run = RunDir::new(&path).manifest().exists();
            let error = match is_run {
                true => error.remedy("this is a run: `crawlrank.open(path).graph()`"),
                false => error,
            };
            raised(py, &error)
        })
    }

    /// The directory.
    #[getter]
    fn path(&self) -> &Path {
        &self.path
    }

    /// How many nodes there are: n.
    #[getter]
    fn num_nodes(&self) -> u64 {
        self.num_nodes
    }

    /// How many edges there are: m, each an ordered pair of nodes that occurs once.
    #[getter]
    fn num_edges(&self) -> u64 {
        self.num_edges
    }

    /// The names of the arrays that are there.
    fn keys(&self) -> Vec<&str> {
        self.files.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let Some((_, path)) = self.files.iter().find(|(known, _)| known == name) else {
            let keys = self.keys().join(", ");
            return Err(PyKeyError::new_err(format!(
                "the graph has no array {name:?}; it has {keys}"
            )));
        };
        let mapped = PyDict::new(py);
        mapped.set_item("mmap_mode", "r")?;
        let numpy = py.import("numpy").map_err(|failure| {
            let text = "the arrays of a graph need NumPy: pip install numpy";
            let missing = PyModuleNotFoundError::new_err((text,));
            missing.set_cause(py, Some(failure));
            missing
        })?;
        numpy.call_method("load", (path,), Some(&mapped))
    }

    fn __contains__(&self, name: &str) -> bool {
        self.files.iter().any(|(known, _)| known == name)
    }

    fn __len__(&self) -> usize {
        self.files.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.keys())?.try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        let Graph {
            path,
            num_nodes,
            num_edges,
            ..
        } = self;
        format!("<graph {path:?}, {num_nodes} nodes, {num_edges} edges>")
    }
}

impl Graph {
    /// Opens a graph, and the scores of its nodes where there are any.
    pub(crate) fn open(path: &Path, scores: Option<&Path>) -> Result<Self> {
        let opened = graph::Graph::open(path).map_err(Error::from)?;
        let mut files: Vec<(String, PathBuf)> = opened
            .array_files()
            .map(|(name, file)| (name.to_owned(), file))
            .collect();
        if let Some(folder) = scores {
            let scores = MappedScores::open(folder, opened.num_nodes())?;
            files.extend(
                scores
                    .names()
                    .map(|name| (name.to_owned(), folder.join(format!("{name}.npy")))),
            );
        }
        Ok(Graph {
            path: path.to_owned(),
            num_nodes: opened.num_nodes(),
            num_edges: opened.num_edges(),
            files,
        })
    }
}
