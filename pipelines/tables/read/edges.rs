//! Edges out of Parquet files of anybody: two columns of whole numbers.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Fields};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;

use super::{BATCH_ROWS, check_footer, damaged, guarded};
use crate::error::{Error, Exit, Result, quoted};
use crate::interrupt::Interrupt;

/// A Parquet file whose rows are edges. Its values are not trusted, and nothing of it but the footer is in memory.
pub struct EdgesFile {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    /// Places of source, target, and pages where there are any.
    columns: Vec<usize>,
}

impl EdgesFile {
    /// Opens a file: the columns `source` and `target`, with `pages` where that is there, or the only two there are.
    ///
    /// # Errors
    /// Exit 4 when it is no Parquet file, is damaged, or has no such columns.
    pub fn open(path: &Path) -> Result<Self> {
        foreign((|| {
            check_footer(path)?;
            let metadata = guarded(path, "Parquet", || {
                let file = File::open(path).map_err(|e| Error::io(path, &e))?;
                ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
                    .map_err(|e| damaged(path, e.to_string()))
            })?;
            let columns =
                columns(metadata.schema().fields()).map_err(|found| damaged(path, found))?;
            let file = EdgesFile {
                path: path.to_owned(),
                metadata,
                columns,
            };
            file.check_compression()?;
            Ok(file)
        })())
    }

    /// Refuses what the Parquet library was built without: before any work, and by its name.
    fn check_compression(&self) -> Result<()> {
        let groups = self.metadata.metadata().row_groups().iter();
        let compressions = groups
            .flat_map(|group| group.columns())
            .map(|column| column.compression());
        match compressions
            .into_iter()
            .find(|found| matches!(found, Compression::BROTLI(_) | Compression::LZO))
        {
            None => Ok(()),
            Some(other) => Err(damaged(
                &self.path,
                format!("compressed by {other}, expected zstd, snappy, gzip, lz4 or nothing"),
            )),
        }
    }

    /// The number of rows that its footer counts; not more than can be.
    pub fn num_rows(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// Whether its edges have pages.
    pub fn has_pages(&self) -> bool {
        self.columns.len() == 3
    }

    /// Calls `each` with source, target and pages (1 where there are none) of every row; what it finds wrong is told with the number of the row, from 0.
    ///
    /// # Errors
    /// Exit 4 at the first row that is refused or has no value, and where the file is damaged.
    pub fn visit(
        &self,
        interrupt: &Interrupt,
        each: &mut dyn FnMut(i128, i128, i128) -> std::result::Result<(), Refused>,
    ) -> Result<()> {
        let wrong = |found: String| damaged(&self.path, found);
        foreign(guarded(&self.path, "Parquet", || {
            let file = File::open(&self.path).map_err(|e| Error::io(&self.path, &e))?;
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            let mask =
                ProjectionMask::roots(builder.parquet_schema(), self.columns.iter().copied());
            let batches = builder
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(|e| wrong(e.to_string()))?;
            let mut row = 0u64;
            for batch in batches {
                interrupt.check()?;
                let batch = batch.map_err(|e| wrong(e.to_string()))?;
                let columns = self.columns.iter();
                let columns = columns.map(|&column| self.numbers(&batch, column, row));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                for at in 0..batch.num_rows() {
                    let pages = columns.get(2).map_or(1, |pages| pages[at]);
                    each(columns[0][at], columns[1][at], pages).map_err(
                        |refused| match refused {
                            Refused::Row(found) => wrong(format!("row {row}: {found}")),
                            Refused::Other(error) => error,
                        },
                    )?;
                    row += 1;
                }
            }
            Ok(())
        }))
    }

    /// A column of a batch, whose first row has the number `row`.
    fn numbers(&self, batch: &RecordBatch, column: usize, row: u64) -> Result<Vec<i128>> {
        let field = &self.metadata.schema().fields()[column];
        // Columns come in the order of the file.
        let place = self.columns.iter().filter(|other| **other < column);
        let array = batch.column(place.count());
        if let Some(at) = (0..array.len()).find(|at| array.is_null(*at)) {
            let name = quoted(field.name());
            let found = format!("row {}: null in the column {name}", row + at as u64);
            return Err(damaged(&self.path, found));
        }
        numbers(array)
            .ok_or_else(|| Error::internal("a column has another type than its file says"))
    }
}

/// Why a row is not taken.
pub enum Refused {
    /// The row itself is wrong.
    Row(String),
    /// Something else is.
    Other(Error),
}

/// The places of source, target and pages, which are columns of integers.
fn columns(fields: &Fields) -> std::result::Result<Vec<usize>, String> {
    let place = |name| fields.find(name).map(|(place, _)| place);
    let places = match (place("source"), place("target")) {
        (Some(source), Some(target)) => {
            let pages = place("pages").into_iter();
            [source, target].into_iter().chain(pages).collect()
        }
        _ if fields.len() == 2 => vec![0, 1],
        _ => {
            let names: Vec<String> = fields.iter().map(|field| quoted(field.name())).collect();
            return Err(format!(
                "the columns {}, expected two, or `source` and `target`",
                names.join(", ")
            ));
        }
    };
    for &place in &places {
        let field = &fields[place];
        if !is_taken(field.data_type()) {
            return Err(format!(
                "the column {} has the type {}, expected integers of 32 or 64 bits",
                quoted(field.name()),
                field.data_type()
            ));
        }
    }
    Ok(places)
}

fn is_taken(data_type: &DataType) -> bool {
    use DataType::{Int32, Int64, UInt32, UInt64};
    matches!(data_type, Int32 | Int64 | UInt32 | UInt64)
}

fn numbers(array: &dyn Array) -> Option<Vec<i128>> {
    fn of<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<Vec<i128>>
    where
        T::Native: Into<i128>,
    {
        let values = array.as_primitive_opt::<T>()?.values();
        Some(values.iter().map(|value| (*value).into()).collect())
    }
    of::<Int64Type>(array)
        .or_else(|| of::<Int32Type>(array))
        .or_else(|| of::<UInt32Type>(array))
        .or_else(|| of::<UInt64Type>(array))
}

/// The same of a file that is no table of ours: it is refused, and no `verify` can say more.
fn foreign<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| match (error.exit(), error.path()) {
        (Exit::Damaged, Some(path)) => Error::new(Exit::Refused, "E-PARQUET", error.found())
            .at(path)
            .remedy("nothing was imported; give Parquet files with integers in the columns `source` and `target`"),
        _ => error,
    })
}
