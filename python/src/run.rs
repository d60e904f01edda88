//! A run directory and its tables.

use std::path::PathBuf;

use crawlrank::error::{Error, Result};
use crawlrank::manifest::Manifest;
use crawlrank::recipe::Level;
use crawlrank::run::RunDir;
use crawlrank::stages::rank::Report;
use pyo3::prelude::*;

use crate::error::{damaged_table, raised};
use crate::table::{Ranks, Table};

/// A run directory, finished or still going on.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Run {
    directory: RunDir,
    run_id: String,
}

/// Opens a run directory.
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
            let remedy = "finish the run, with the level in question, by `crawlrank run`";
            return Err(Error::usage(found).at(self.directory.root()).remedy(remedy));
        };
        let mut files = Vec::new();
        for (file, entry) in &output.files {
            let path = self.directory.output(file);
            let bytes = std::fs::metadata(&path)
                .map_err(|e| damaged_table(&path, e))?
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

fn parse_level(level: &str) -> Result<Level> {
    [Level::Host, Level::Domain, Level::Page]
        .into_iter()
        .find(|known| known.as_str() == level)
        .ok_or_else(|| {
            Error::usage(format!(
                "`level` is {level:?}, expected `host`, `domain` or `page`"
            ))
        })
}
