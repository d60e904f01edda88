//! The tables: what notebooks read. Schemas with a sentence for every column, and the writer that all of them share.

pub mod edges;
pub mod links;
pub mod nodes;
pub mod read;
pub mod robots;
pub mod shards;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::{Error, Exit, Result};

/// Version of the tables' schemas.
pub const FORMAT: &str = "1";

/// Rows of a row group: fixed, so that the same rows give the same bytes.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Encoded bytes after which a row group ends early: it is held in memory until then.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Rows of the batches that writers fill.
pub const BATCH_ROWS: usize = 1 << 16;

/// Describes a column: name, type, whether it may be null, and what it means.
fn column(name: &str, data_type: DataType, nullable: bool, doc: &str) -> Field {
    Field::new(name, data_type, nullable)
        .with_metadata(HashMap::from([("doc".to_owned(), doc.to_owned())]))
}

/// A column of whole numbers that is never null.
fn count(name: &str, doc: &str) -> Field {
    column(name, DataType::Int64, false, doc)
}

/// A column of text that is never null.
fn text(name: &str, doc: &str) -> Field {
    column(name, DataType::Utf8, false, doc)
}

/// Writes one Parquet file.
struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
}

impl TableWriter {
    /// Starts the file `path` for rows of `schema`, of the run `run_id`.
    fn create(path: &Path, schema: Schema, run_id: &str) -> Result<Self> {
        let schema = Arc::new(schema);
        let file = File::create_new(path).map_err(|e| Error::cannot_create(path, &e))?;
        let properties = properties(&schema, run_id);
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))
            .map_err(|e| cannot_write(path, e))?;
        Ok(TableWriter {
            path: path.to_owned(),
            schema,
            writer,
        })
    }

    /// Writes rows: one array a column, all of one length.
    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| Error::internal(format!("rows do not fit the table's schema: {e}")))?;
        let written = self.writer.write(&batch).and_then(|()| {
            // A function of the rows alone, so that the same rows give the same bytes.
            match self.writer.in_progress_size() > ROW_GROUP_BYTES {
                true => self.writer.flush(),
                false => Ok(()),
            }
        });
        written.map_err(|e| cannot_write(&self.path, e))
    }

    /// Ends the file.
    fn finish(self) -> Result<()> {
        let path = self.path;
        self.writer
            .close()
            .map(|_| ())
            .map_err(|e| cannot_write(&path, e))
    }
}

/// How every table is written: zstd, statistics, and ascending numbers as differences.
fn properties(schema: &Schema, run_id: &str) -> WriterProperties {
    let metadata = [
        ("crawlrank.format", FORMAT),
        ("crawlrank.version", env!("CARGO_PKG_VERSION")),
        ("crawlrank.run", run_id),
    ];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let level = ZstdLevel::try_new(3).expect("3 is a level of zstd");
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("crawlrank ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(metadata.to_vec()));
    for name in ["id", "source", "target"] {
        if schema.field_with_name(name).is_ok() {
            let path = ColumnPath::from(name);
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    builder.build()
}

/// An error of the Parquet library while writing: nearly always the disk's.
fn cannot_write(path: &Path, source: parquet::errors::ParquetError) -> Error {
    let text = source.to_string();
    if let parquet::errors::ParquetError::External(inner) = source {
        if let Ok(io) = inner.downcast::<std::io::Error>() {
            return Error::cannot_create(path, &io);
        }
    }
    Error::new(
        Exit::CannotCreate,
        "E-CREATE",
        format!("cannot write the table: {text}"),
    )
    .at(path)
    .remedy("make space and run the same command again")
}
