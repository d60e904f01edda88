//! A run directory and its tables.

use std::path::PathBuf;

use crawlrank::error::{Error, Result};
use crawlrank::escape::shown;
use crawlrank::interrupt::Interrupt;
use crawlrank::manifest::Manifest;
use crawlrank::recipe::Level;
use crawlrank::report;
use crawlrank::run::RunDir;
use crawlrank::stages::rank::Report;
use crawlrank::tables::read::nodes::{Direction, Nodes};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;

use crate::error::{damaged_table, raised};
use crate::graph::Graph;
use crate::interrupt::interruptible;
use crate::table::{Ranks, Table};

/// A run directory, finished or still going on.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Run {
    directory: RunDir,
    run_id: String,
}

/// Opens a run directory, finished or still going on.
#[pyfunction]
pub(crate) fn open(py: Python<'_>, directory: PathBuf) -> PyResult<Run> {
    let directory = RunDir::new(directory);
    let manifest = Manifest::open(&directory).map_err(|e| raised(py, &e))?;
    Ok(Run {
        directory,
        run_id: manifest.run_id,
    })
}

#[pymethods]
impl Run {
    /// The directory.
    #[getter]
    fn path(&self) -> PathBuf {
        self.directory.root().to_owned()
    }

    /// Hash of the parameters that shape results and of the inputs.
    #[getter]
    fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Whether every stage is done, now.
    #[getter]
    fn complete(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.manifest(py)?.complete)
    }

    /// What one should know of the results, e.g. why a column is null.
    #[getter]
    fn notes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let manifest = self.manifest(py)?;
        let reports = Report::all(&self.directory, &manifest).map_err(|e| raised(py, &e))?;
        let notes = reports
            .iter()
            .filter_map(|(level, report)| report.note(level));
        Ok(notes.collect())
    }

    /// The hosts with their pages, degrees and scores, by id.
    fn hosts(&self, py: Python<'_>) -> PyResult<Table> {
        self.table(py, &RunDir::nodes_table(Level::Host))
    }

    /// The registered domains with their hosts, pages, degrees and scores, by id.
    fn domains(&self, py: Python<'_>) -> PyResult<Table> {
        self.table(py, &RunDir::nodes_table(Level::Domain))
    }

    /// The edges between nodes of a level, as ids of its table.
    #[pyo3(signature = (level = "host"))]
    fn edges(&self, py: Python<'_>, level: &str) -> PyResult<Table> {
        let level = parse_level(level).map_err(|e| raised(py, &e))?;
        self.table(py, &RunDir::edges_table(level))
    }

    /// What each shard gave.
    fn shards(&self, py: Python<'_>) -> PyResult<Table> {
        self.table(py, "tables/shards.parquet")
    }

    /// Bytes of shards that were lost, and why.
    fn faults(&self, py: Python<'_>) -> PyResult<Table> {
        self.table(py, "tables/faults.parquet")
    }

    /// What the robots.txt files of a survey say, by host; the run has them after `crawlrank robots survey`.
    fn robots(&self, py: Python<'_>) -> PyResult<Table> {
        self.table(py, RunDir::ROBOTS_TABLE)
    }

    /// The `n` neighbors of a node that rank highest by PageRank: those that link to it, or are linked from it.
    ///
    /// `name`: `www.example.com` or `com.example.www`, a URL at level page. Columns as in the table of the level.
    ///
    /// Raises `UsageError` when there is no such node; its text names those beside.
    #[pyo3(signature = (name, direction = "in", n = 50, level = "host"))]
    fn neighbors(
        &self,
        py: Python<'_>,
        name: &str,
        direction: &str,
        n: usize,
        level: &str,
    ) -> PyResult<Table> {
        let direction = match direction {
            "in" => Ok(Direction::In),
            "out" => Ok(Direction::Out),
            other => Err(Error::usage(format!(
                "`direction` is {other:?}, expected `in` or `out`"
            ))),
        }
        .map_err(|e| raised(py, &e))?;
        let level = parse_level(level).map_err(|e| raised(py, &e))?;
        let table = self.table(py, &RunDir::nodes_table(level))?;
        py.detach(|| {
            let nodes = Nodes::open(self.directory.root(), level, &Interrupt::default())?;
            let ids = nodes.find(name)?.neighbors(direction, n)?;
            let rows = nodes.table().fetch(&ids)?;
            let word = match direction {
                Direction::In => "linking to",
                Direction::Out => "linked from",
            };
            let title = format!("{}s {word} {}", level.as_str(), shown(name));
            table.with_rows(&title, nodes.table().columns(), &rows)
        })
        .map_err(|e| raised(py, &e))
    }

    /// The row of one node: its degrees, scores and positions by the names of the columns.
    ///
    /// Raises `UsageError` when there is no such node; its text names those beside.
    #[pyo3(signature = (name, level = "host"))]
    fn rank<'py>(&self, py: Python<'py>, name: &str, level: &str) -> PyResult<Bound<'py, PyDict>> {
        let level = parse_level(level).map_err(|e| raised(py, &e))?;
        let found = py.detach(|| {
            let nodes = Nodes::open(self.directory.root(), level, &Interrupt::default())?;
            let row = nodes.find(name)?.row()?;
            Ok((nodes.table().columns().to_vec(), row))
        });
        let (columns, row) = found.map_err(|e| raised(py, &e))?;
        let dict = PyDict::new(py);
        for (column, value) in columns.iter().zip(row) {
            match value {
                Value::Number(number) if number.is_f64() => {
                    dict.set_item(column, number.as_f64())?
                }
                Value::Number(number) => dict.set_item(column, number.as_i64())?,
                Value::String(text) => dict.set_item(column, text)?,
                Value::Bool(is) => dict.set_item(column, is)?,
                _ => dict.set_item(column, py.None())?,
            }
        }
        Ok(dict)
    }

    /// The graph of a level as NumPy arrays over its files, with the scores of its nodes where the run has them.
    ///
    /// Raises `UsageError` when the run has no such graph.
    #[pyo3(signature = (level = "host"))]
    fn graph(&self, py: Python<'_>, level: &str) -> PyResult<Graph> {
        let level = parse_level(level).map_err(|e| raised(py, &e))?;
        let manifest = self.manifest(py)?;
        let committed = |name: String| -> Result<PathBuf> {
            self.files(&manifest, &name)?;
            Ok(self.directory.output(&name))
        };
        py.detach(|| {
            let graph = committed(RunDir::graph(level))?;
            let ranks = RunDir::ranks(level);
            let is_ranked = manifest.outputs.contains_key(&ranks);
            let scores = is_ranked.then(|| committed(ranks)).transpose()?;
            Graph::open(&graph, scores.as_deref())
        })
        .map_err(|e| raised(py, &e))
    }

    /// Writes the run as one HTML page, `report.html` in its directory or `out`; returns where it is.
    #[pyo3(signature = (out = None))]
    fn report(&self, py: Python<'_>, out: Option<PathBuf>) -> PyResult<PathBuf> {
        interruptible(
            py,
            |_| Ok(()),
            |interrupt| report::write(self.directory.root(), out.as_deref(), interrupt),
        )
    }

    /// Names and scores of the nodes of a level.
    #[pyo3(signature = (level = "host"))]
    fn ranks<'py>(&self, py: Python<'py>, level: &str) -> PyResult<Bound<'py, Ranks>> {
        let level = parse_level(level).map_err(|e| raised(py, &e))?;
        let nodes = self.table(py, &RunDir::nodes_table(level))?;
        let ranks = py
            .detach(|| Ranks::new(nodes, level))
            .map_err(|e| raised(py, &e))?;
        Bound::new(py, ranks)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let state = if self.complete(py)? {
            "complete"
        } else {
            "not complete"
        };
        Ok(format!(
            "<crawlrank run {:?}, {state}>",
            self.directory.root()
        ))
    }
}

impl Run {
    /// The manifest as it is now: a run that goes on gets more tables.
    fn manifest(&self, py: Python<'_>) -> PyResult<Manifest> {
        Manifest::open(&self.directory).map_err(|e| raised(py, &e))
    }

    fn table(&self, py: Python<'_>, name: &str) -> PyResult<Table> {
        let manifest = self.manifest(py)?;
        let files = self.files(&manifest, name).map_err(|e| raised(py, &e))?;
        py.detach(|| Table::open(name, files))
            .map_err(|e| raised(py, &e))
    }

    /// The files of a committed table, in order.
    fn files(&self, manifest: &Manifest, name: &str) -> Result<Vec<PathBuf>> {
        let Some(output) = manifest.outputs.get(name) else {
            let found = format!("the run has no `{name}`");
            let remedy = match name {
                "tables/robots.parquet" => "make it by `crawlrank robots survey … --out` this run",
                _ => "finish the run, with the level in question, by `crawlrank run`",
            };
            return Err(Error::usage(found).at(self.directory.root()).remedy(remedy));
        };
        let mut files = Vec::new();
        for (file, entry) in &output.files {
            let path = self.directory.output(file);
            let bytes = std::fs::metadata(&path)
                .map_err(|e| match e.kind() {
                    std::io::ErrorKind::NotFound => damaged_table(&path, e),
                    _ => Error::io(&path, &e), // a permission that lacks is no damage
                })?
                .len();
            if bytes != entry.bytes {
                return Err(damaged_table(
                    &path,
                    format!("found {bytes} bytes, expected {}", entry.bytes),
                ));
            }
            files.push(path);
        }
        Ok(files)
    }
}

pub(crate) fn parse_level(level: &str) -> Result<Level> {
    [Level::Host, Level::Domain, Level::Page]
        .into_iter()
        .find(|known| known.as_str() == level)
        .ok_or_else(|| {
            Error::usage(format!(
                "`level` is {level:?}, expected `host`, `domain` or `page`"
            ))
        })
}
