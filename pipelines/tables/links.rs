//! The table `links`: a row for each link of a page, in the order of shards, pages and links.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::{ArrayBuilder as _, StringBuilder};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::{BATCH_ROWS, TableWriter, column, text};
use crate::error::{Error, Result};

/// Bytes of text in a batch: a URL may have kilobytes, and each row repeats that of its page.
const BATCH_BYTES: usize = 4 << 20;

/// The schema of the table.
pub fn schema() -> Schema {
    let maybe_text = |name: &str, doc: &str| column(name, DataType::Utf8, true, doc);
    Schema::new(vec![
        text("source_url", "Address of the page, as captured"),
        text(
            "target_url",
            "Address that the link leads to: absolute, normalized, with its fragment",
        ),
        maybe_text(
            "source_host",
            "Host of the page, as in the table of hosts; null where it is no node, as an IP address is none",
        ),
        maybe_text(
            "target_host",
            "Host that the link leads to, as in the table of hosts; null where it is no node",
        ),
        text(
            "kind",
            "Where the link stood: a, area, ping, link, img, srcset, script, iframe, form, meta, refresh, redirect, header, style, object, media, cite, other",
        ),
        text(
            "rel",
            "Those of nofollow, ugc and sponsored that the link has, with a blank between; empty without",
        ),
        text(
            "text",
            "Text of an anchor or the alternative text of an image, its first 1,024 bytes; empty without",
        ),
    ])
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRow<'a> {
    /// The page.
    pub source_url: &'a str,
    /// Where the link leads.
    pub target_url: &'a str,
    /// The page's host.
    pub source_host: Option<&'a str>,
    /// The host it leads to.
    pub target_host: Option<&'a str>,
    /// Where it stood.
    pub kind: &'a str,
    /// Relations by which the page withholds its vote.
    pub rel: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Rows of the table in the making: a batch at a time.
pub struct LinkRows {
    schema: SchemaRef,
    columns: [StringBuilder; 7],
    rows: usize,
    bytes: usize,
}

impl Default for LinkRows {
    fn default() -> Self {
        LinkRows {
            schema: Arc::new(schema()),
            columns: Default::default(),
            rows: 0,
            bytes: 0,
        }
    }
}

impl LinkRows {
    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds a row.
    pub fn push(&mut self, row: &LinkRow) {
        let values = [
            Some(row.source_url),
            Some(row.target_url),
            row.source_host,
            row.target_host,
            Some(row.kind),
            Some(row.rel),
            Some(row.text),
        ];
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.append_option(value);
            self.bytes += value.map_or(0, str::len);
        }
        self.rows += 1;
    }

    /// Says whether the batch is to be taken.
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Says whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the rows, and begins anew, with room for as many: a column that grows row by row is copied again and again.
    pub fn take(&mut self) -> Result<RecordBatch> {
        (self.rows, self.bytes) = (0, 0);
        let columns = self.columns.iter_mut();
        let columns = columns
            .map(|column| {
                let (rows, bytes) = (column.len(), column.values_slice().len());
                let room = StringBuilder::with_capacity(rows, bytes);
                Arc::new(std::mem::replace(column, room).finish()) as _
            })
            .collect();
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| Error::internal(format!("rows do not fit the table's schema: {e}")))
    }
}

/// Writes the rows of one shard.
pub struct LinkWriter(TableWriter);

impl LinkWriter {
    /// Starts the file `path`, of the links `run_id`.
    pub fn create(path: &Path, run_id: &str) -> Result<Self> {
        TableWriter::create(path, schema(), run_id).map(LinkWriter)
    }

    /// Adds rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch.columns().to_vec())
    }

    /// Ends the file.
    pub fn finish(self) -> Result<()> {
        self.0.finish()
    }
}
