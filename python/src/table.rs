//! Tables as Python sees them: objects that export themselves as Arrow streams.
//!
//! The Arrow PyCapsule interface needs no `unsafe` of ours: the stream structure is dropped with its capsule, and its
//! drop releases what no consumer has taken over.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, RecordBatchReader,
    StringArray,
};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use crawlrank::error::{Error, Exit, Result};
use crawlrank::interrupt::Interrupt;
use crawlrank::recipe::Level;
use crawlrank::tables::read::{Order, Table as TableRows};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde_json::Value;

use crate::error::{damaged_table, raised};
use crate::preview;

/// Rows of a batch: large enough that crossing to Python costs nothing, small enough for any memory.
const BATCH_ROWS: usize = 1 << 16;

/// A table; give it to polars, pyarrow, DuckDB or pandas as it is.
#[pyclass(frozen, subclass, module = "crawlrank")]
pub(crate) struct Table {
    /// Its name below the run directory, or what it is.
    name: String,
    schema: SchemaRef,
    num_rows: u64,
    source: Source,
}

/// Where a table's rows are.
enum Source {
    /// In Parquet files, read anew by each stream.
    Files(Files),
    /// In memory.
    Batches(Vec<RecordBatch>),
}

#[derive(Clone)]
struct Files {
    paths: Vec<PathBuf>,
    /// The columns that are read, by their numbers; all where there is no choice.
    columns: Option<Vec<usize>>,
}

#[pymethods]
impl Table {
    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect()
    }

    fn __len__(&self) -> usize {
        self.num_rows as usize
    }

    /// Exports the rows as an Arrow stream, a fresh one at each call. The schema asked for is not looked at, as the
    /// interface allows: consumers cast.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let reader = py
            .detach(|| self.reader(BATCH_ROWS))
            .map_err(|e| raised(py, &e))?;
        export(py, reader)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.preview()).map_err(|e| raised(py, &e))
    }
}

impl Table {
    /// Opens a table that lies in `paths`, one after the other.
    pub(crate) fn open(name: &str, paths: Vec<PathBuf>) -> Result<Table> {
        let files = Files {
            paths,
            columns: None,
        };
        let mut num_rows = 0;
        for path in &files.paths {
            let rows = guarded(path, || {
                Ok(builder(path)?.metadata().file_metadata().num_rows())
            })?;
            num_rows += u64::try_from(rows).map_err(|e| damaged_table(path, e))?;
        }
        let schema = files.schema()?;
        Ok(Table {
            name: name.to_owned(),
            schema,
            num_rows,
            source: Source::Files(files),
        })
    }

    /// A table in memory, of one batch at least.
    pub(crate) fn of_batches(name: &str, batches: Vec<RecordBatch>) -> Result<Table> {
        let Some(first) = batches.first() else {
            return Err(Error::internal("a table without a batch"));
        };
        Ok(Table {
            name: name.to_owned(),
            schema: first.schema(),
            num_rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            source: Source::Batches(batches),
        })
    }

    /// The same table with fewer columns, in their order; names that it does not have are left out.
    fn select(self, names: &[&str]) -> Result<Table> {
        let Source::Files(files) = self.source else {
            return Err(Error::internal(
                "only tables of files are cut down to columns",
            ));
        };
        let wanted = |name: &String| names.contains(&name.as_str());
        let fields = self.schema.fields().iter().enumerate();
        let columns = fields
            .filter(|(_, field)| wanted(field.name()))
            .map(|(number, _)| number)
            .collect();
        let files = Files {
            columns: Some(columns),
            ..files
        };
        let schema = files.schema()?;
        Ok(Table {
            schema,
            source: Source::Files(files),
            ..self
        })
    }

    fn reader(&self, batch_rows: usize) -> Result<Box<dyn RecordBatchReader + Send>> {
        Ok(match &self.source {
            Source::Files(files) => {
                let mut rows = FileBatches {
                    files: files.clone(),
                    batch_rows,
                    next: 0,
                    current: None,
                };
                batches(self.schema.clone(), move || rows.read())
            }
            Source::Batches(held) => Box::new(RecordBatchIterator::new(
                held.clone().into_iter().map(Ok),
                self.schema.clone(),
            )),
        })
    }

    fn preview(&self) -> Result<String> {
        let mut reader = self.reader(preview::ROWS)?;
        let first = reader.next().transpose().map_err(|e| match e {
            // Ours, on its way through Arrow's interface.
            ArrowError::ExternalError(source) => match source.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(other) => Error::internal(other.to_string()),
            },
            other => Error::internal(other.to_string()),
        })?;
        Ok(preview::table(
            &self.name,
            &self.schema,
            self.num_rows,
            first.as_ref(),
        ))
    }
}

impl Files {
    fn schema(&self) -> Result<SchemaRef> {
        let Some(path) = self.paths.first() else {
            return Err(Error::internal("a table without a file"));
        };
        self.open(path, BATCH_ROWS).map(|reader| reader.schema())
    }

    fn open(&self, path: &Path, batch_rows: usize) -> Result<ParquetRecordBatchReader> {
        guarded(path, || {
            let mut builder = builder(path)?.with_batch_size(batch_rows);
            if let Some(columns) = &self.columns {
                let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
                builder = builder.with_projection(mask);
            }
            builder.build().map_err(|e| damaged_table(path, e))
        })
    }
}

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged_table(path, e))
}

/// Turns a panic of the Parquet library, which malformed files can cause, into the error of that file: a panic must
/// not cross the C interface of a stream.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(damaged_table(path, "the Parquet reader gave up")))
}

/// The rows of some files, one file after the other.
struct FileBatches {
    files: Files,
    batch_rows: usize,
    /// The file to open next.
    next: usize,
    current: Option<(PathBuf, ParquetRecordBatchReader)>,
}

impl FileBatches {
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some((path, reader)) = &mut self.current {
                let batch = guarded(path, || {
                    reader
                        .next()
                        .transpose()
                        .map_err(|e| damaged_table(path, e))
                })?;
                if batch.is_some() {
                    return Ok(batch);
                }
            }
            let Some(path) = self.files.paths.get(self.next) else {
                return Ok(None);
            };
            self.next += 1;
            self.current = Some((path.clone(), self.files.open(path, self.batch_rows)?));
        }
    }
}

/// Batches as Arrow streams have them: what `read` gives, up to the end or the first error.
pub(crate) fn batches(
    schema: SchemaRef,
    read: impl FnMut() -> Result<Option<RecordBatch>> + Send + 'static,
) -> Box<dyn RecordBatchReader + Send> {
    let mut read = Some(read);
    let batches = std::iter::from_fn(move || {
        let batch = read.as_mut()?();
        if !matches!(batch, Ok(Some(_))) {
            read = None; // and what it holds open
        }
        batch
            .map_err(|e| ArrowError::ExternalError(Box::new(e)))
            .transpose()
    });
    Box::new(RecordBatchIterator::new(batches, schema))
}

/// Hands a stream to Python.
pub(crate) fn export(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
}

/// Names and scores of the nodes of a level.
#[pyclass(frozen, extends = Table, module = "crawlrank")]
pub(crate) struct Ranks;

/// What `top` may go by: the word users type, the column, and which of its values come first.
const ORDERS: [(&str, &str, Order); 3] = [
    ("pagerank", "pagerank_pos", Order::Lowest),
    ("harmonic", "harmonic_pos", Order::Lowest),
    ("in_degree", "in_degree", Order::Highest),
];

#[pymethods]
impl Ranks {
    /// Returns the `n` nodes that come first, as a table.
    #[pyo3(signature = (n = 20, by = "pagerank"))]
    fn top(slf: &Bound<'_, Self>, py: Python<'_>, n: usize, by: &str) -> PyResult<Table> {
        let ranks: &Table = slf.as_super().get();
        py.detach(|| ranks.top(n, by)).map_err(|e| raised(py, &e))
    }
}

impl Ranks {
    /// Cuts the table of a level's nodes down to names and scores.
    pub(crate) fn new(nodes: Table, level: Level) -> Result<(Ranks, Table)> {
        let name = match level {
            Level::Host => "host",
            Level::Domain => "domain",
            Level::Page => "url",
        };
        let scores = [
            "in_degree",
            "out_degree",
            "pagerank",
            "pagerank_pos",
            "harmonic",
            "harmonic_pos",
        ];
        let columns: Vec<&str> = ["id", name].into_iter().chain(scores).collect();
        Ok((Ranks, nodes.select(&columns)?))
    }
}

impl Table {
    fn top(&self, n: usize, by: &str) -> Result<Table> {
        let Source::Files(Files { paths, .. }) = &self.source else {
            return Err(Error::internal("the ranks of a run lie in files"));
        };
        let Some((_, column, order)) = ORDERS.into_iter().find(|&(name, ..)| name == by) else {
            let expected = ORDERS.map(|(name, ..)| format!("`{name}`")).join(", ");
            return Err(Error::usage(format!(
                "`by` is {by:?}, expected one of {expected}"
            )));
        };
        let Some(path) = paths.first() else {
            return Err(Error::internal("a table without a file"));
        };
        let nodes = TableRows::open(path, &Interrupt::default())?;
        let rows = nodes.fetch(&nodes.first_by(column, order, n, None)?)?;
        let name = format!("{}, top by {by}", self.name);
        self.with_rows(&name, nodes.columns(), &rows)
    }

    /// A table in memory with the columns of this one; `columns` says which values the rows have.
    pub(crate) fn with_rows(
        &self,
        name: &str,
        columns: &[String],
        rows: &[Vec<Value>],
    ) -> Result<Table> {
        let arrays = self.schema.fields().iter().map(|field| -> ArrayRef {
            let place = columns.iter().position(|column| column == field.name());
            let values = rows
                .iter()
                .map(|row| place.and_then(|place| row.get(place)));
            match field.data_type() {
                DataType::Int64 => {
                    Arc::new(Int64Array::from_iter(values.map(|value| value?.as_i64())))
                }
                DataType::Float64 => {
                    Arc::new(Float64Array::from_iter(values.map(|value| value?.as_f64())))
                }
                _ => Arc::new(StringArray::from_iter(values.map(|value| value?.as_str()))),
            }
        });
        let batch = RecordBatch::try_new(self.schema.clone(), arrays.collect())
            .map_err(|e| Error::new(Exit::Damaged, "E-TABLE", e.to_string()))?;
        Table::of_batches(name, vec![batch])
    }
}
