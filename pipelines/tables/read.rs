//! Reads tables by row number, a few columns and rows at a time, without loading them.
//!
//! In the tables of nodes the row number is the node id, so that a rank, a name or a neighbor is one lookup. A table is
//! a Parquet file or a folder of them, whose rows then count through in order of the files' names.
//!
//! Parquet files may come from anywhere, and the Parquet library takes its own panics on malformed files for ordinary
//! bugs: everything that touches a file runs behind a barrier that turns a panic into the error of that file.

mod cells;
pub mod edges;
pub mod nodes;
pub mod robots;
pub mod scores;

use std::cell::Cell;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use serde_json::Value;

pub use cells::utc;

use crate::error::{Error, Exit, Result, quoted};
use crate::interrupt::Interrupt;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;
/// Wanted rows that are looked up in one pass: bounds the memory of a selection.
const SELECTED_ROWS: usize = 1 << 16;
/// Longest footer that is read; ours have a few hundred bytes for each column of a row group.
const LONGEST_FOOTER: u64 = 16 << 20;

/// A table, opened: its columns and where its rows lie. Nothing else is in memory.
pub struct Table {
    path: PathBuf,
    parts: Vec<Part>,
    columns: Vec<String>,
    interrupt: Interrupt,
}

struct Part {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    /// Row numbers in the whole table.
    rows: Range<u64>,
}

/// Which values come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest, as positions go.
    Lowest,
    /// The largest, as degrees go.
    Highest,
}

impl Table {
    /// Opens a Parquet file, or a folder of files `*.parquet` with the same columns.
    ///
    /// # Errors
    /// Exit 5 when a file is no Parquet file or is damaged, 74 when it cannot be read.
    pub fn open(path: &Path, interrupt: &Interrupt) -> Result<Self> {
        let mut parts: Vec<Part> = Vec::new();
        for file in files(path)? {
            let start = parts.last().map_or(0, |part| part.rows.end);
            parts.push(Part::open(file, start)?);
        }
        let Some(first) = parts.first() else {
            return Err(damaged(path, "the folder holds no `.parquet` file"));
        };
        if let Some(other) = parts
            .iter()
            .find(|part| part.metadata.schema().fields() != first.metadata.schema().fields())
        {
            return Err(damaged(
                &other.path,
                format!(
                    "its columns differ from those of {}",
                    quoted(first.path.as_os_str().as_encoded_bytes())
                ),
            ));
        }
        let columns = first
            .metadata
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        Ok(Table {
            path: path.to_owned(),
            parts,
            columns,
            interrupt: interrupt.clone(),
        })
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows.
    pub fn num_rows(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.rows.end)
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `each` with all rows, some at a time, as batches of these columns in the order of the table.
    pub fn for_each_batch(
        &self,
        columns: &[&str],
        each: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        self.visit(columns, None, &mut |_, batch, place| match place {
            0 => each(batch),
            _ => Ok(()),
        })
    }

    /// Returns whole rows by their numbers, in the order that is asked for.
    pub fn fetch(&self, rows: &[u64]) -> Result<Vec<Vec<Value>>> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&at| rows[at]);
        let mut fetched = vec![Vec::new(); rows.len()];
        let mut places = order.iter();
        self.visit(
            &columns,
            Some(&mut order.iter().map(|&at| rows[at])),
            &mut |_, batch, place| {
                let values = batch
                    .columns()
                    .iter()
                    .map(|column| cells::value(column, place));
                let values = values.collect::<std::result::Result<_, _>>();
                if let Some(&at) = places.next() {
                    fetched[at] = values.map_err(|found| damaged(&self.path, found))?;
                }
                Ok(())
            },
        )?;
        Ok(fetched)
    }

    /// Returns the numbers of the `n` rows that come first by an integer column, among all rows or among those given in
    /// ascending order. Equal values come by row number; rows without a value are left out. Memory: 16 bytes for each
    /// of the `n`.
    pub fn first_by(
        &self,
        column: &str,
        order: Order,
        n: usize,
        among: Option<&mut dyn Iterator<Item = u64>>,
    ) -> Result<Vec<u64>> {
        // The worst of the best is on top, to be replaced by a better one.
        let mut best: BinaryHeap<(i64, u64)> = BinaryHeap::new();
        self.visit(&[column], among, &mut |row, batch, place| {
            let Some(integers) = batch.column(0).as_primitive_opt::<Int64Type>() else {
                let found = format!(
                    "column `{column}` has type {}, expected Int64",
                    batch.column(0).data_type()
                );
                return Err(damaged(&self.path, found));
            };
            if integers.is_null(place) {
                return Ok(());
            }
            let key = match order {
                Order::Lowest => integers.value(place),
                Order::Highest => !integers.value(place), // descending, and no value overflows
            };
            if best.len() < n {
                best.push((key, row));
            } else if let Some(mut worst) = best.peek_mut() {
                if (key, row) < *worst {
                    *worst = (key, row);
                }
            }
            Ok(())
        })?;
        Ok(best
            .into_sorted_vec()
            .into_iter()
            .map(|(_, row)| row)
            .collect())
    }

    /// Returns the numbers of the rows that have `text` in a column of text by which the table is sorted: a binary search that
    /// reads a page for each step.
    pub fn rows_with(&self, column: &str, text: &str) -> Result<Range<u64>> {
        // The first row that is not before `text`, or that is behind it.
        let first = |is_before: &dyn Fn(&str) -> bool| -> Result<u64> {
            let (mut low, mut high) = (0, self.num_rows());
            while low < high {
                let middle = low + (high - low) / 2;
                match is_before(&self.text_at(column, middle)?) {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            Ok(low)
        };
        Ok(first(&|found| found < text)?..first(&|found| found <= text)?)
    }

    fn text_at(&self, column: &str, row: u64) -> Result<String> {
        let mut text = String::new();
        self.visit(
            &[column],
            Some(&mut std::iter::once(row)),
            &mut |_, batch, place| {
                let Some(texts) = batch.column(0).as_string_opt::<i32>() else {
                    let found = format!(
                        "column `{column}` has type {}, expected Utf8",
                        batch.column(0).data_type()
                    );
                    return Err(damaged(&self.path, found));
                };
                texts.value(place).clone_into(&mut text);
                Ok(())
            },
        )?;
        Ok(text)
    }

    /// Calls `each` with row number, batch and place in the batch for the wanted rows, which ascend; without `wanted`,
    /// for all rows. The columns of the batch are those named, in the order of the table.
    fn visit(
        &self,
        columns: &[&str],
        wanted: Option<&mut dyn Iterator<Item = u64>>,
        each: &mut dyn FnMut(u64, &RecordBatch, usize) -> Result<()>,
    ) -> Result<()> {
        let roots = columns
            .iter()
            .map(|&name| self.root(name))
            .collect::<Result<Vec<_>>>()?;
        let Some(wanted) = wanted else {
            return self
                .parts
                .iter()
                .try_for_each(|part| part.visit(&roots, None, &self.interrupt, each));
        };
        loop {
            let rows: Vec<u64> = wanted.take(SELECTED_ROWS).collect();
            let Some(&last) = rows.last() else {
                return Ok(());
            };
            if last >= self.num_rows() || !rows.is_sorted_by(|a, b| a < b) {
                let found = format!(
                    "row {last} was asked for, in ascending order, and it has {} rows",
                    self.num_rows()
                );
                return Err(damaged(&self.path, found));
            }
            for part in &self.parts {
                let start = rows.partition_point(|&row| row < part.rows.start);
                let end = rows.partition_point(|&row| row < part.rows.end);
                if start < end {
                    part.visit(&roots, Some(&rows[start..end]), &self.interrupt, each)?;
                }
            }
        }
    }

    fn root(&self, column: &str) -> Result<usize> {
        let found = self.columns.iter().position(|name| name == column);
        found.ok_or_else(|| damaged(&self.path, format!("it has no column `{column}`")))
    }
}

impl Part {
    fn open(path: PathBuf, start: u64) -> Result<Self> {
        check_footer(&path)?;
        let metadata = guarded(&path, "Parquet", || {
            let file = File::open(&path).map_err(|e| Error::io(&path, &e))?;
            // With the index of pages, a lookup reads the pages that hold its rows and no others.
            let options = ArrowReaderOptions::new()
                .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Optional);
            ArrowReaderMetadata::load(&file, options).map_err(|e| damaged(&path, e.to_string()))
        })?;
        let groups = metadata
            .metadata()
            .row_groups()
            .iter()
            .map(|group| u64::try_from(group.num_rows()).ok());
        let rows = groups
            .into_iter()
            .try_fold(start, |sum, rows| sum.checked_add(rows?));
        let end = rows.ok_or_else(|| {
            damaged(
                &path,
                "its row groups count fewer than 0 or more than 2^64 rows",
            )
        })?;
        Ok(Part {
            path,
            metadata,
            rows: start..end,
        })
    }

    fn visit(
        &self,
        roots: &[usize],
        wanted: Option<&[u64]>,
        interrupt: &Interrupt,
        each: &mut dyn FnMut(u64, &RecordBatch, usize) -> Result<()>,
    ) -> Result<()> {
        guarded(&self.path, "Parquet", || {
            let file = File::open(&self.path).map_err(|e| Error::io(&self.path, &e))?;
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
            let mut builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
            if let Some(wanted) = wanted {
                let (groups, selection) = self.select(wanted);
                builder = builder
                    .with_row_groups(groups)
                    .with_row_selection(selection);
            }
            let mut rows: Box<dyn Iterator<Item = u64>> = match wanted {
                Some(wanted) => Box::new(wanted.iter().copied()),
                None => Box::new(self.rows.clone()),
            };
            let wrong = |found: String| damaged(&self.path, found);
            for batch in builder.build().map_err(|e| wrong(e.to_string()))? {
                interrupt.check()?;
                let batch = batch.map_err(|e| wrong(e.to_string()))?;
                for place in 0..batch.num_rows() {
                    let row = rows
                        .next()
                        .ok_or_else(|| wrong("more rows than its footer counts".to_owned()))?;
                    each(row, &batch, place)?;
                }
            }
            match rows.next() {
                Some(row) => Err(wrong(format!("row {row} is missing"))),
                None => Ok(()),
            }
        })
    }

    /// The row groups that hold wanted rows, and these rows as a selection among the rows of these groups.
    fn select(&self, wanted: &[u64]) -> (Vec<usize>, RowSelection) {
        let (mut groups, mut ranges) = (Vec::new(), Vec::new());
        let (mut start, mut kept) = (self.rows.start, 0);
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let end = start + group.num_rows() as u64; // not negative, and without overflow: `open` has looked
            let here = &wanted[wanted.partition_point(|&row| row < start)
                ..wanted.partition_point(|&row| row < end)];
            if !here.is_empty() {
                groups.push(number);
                ranges.extend(here.iter().map(|row| (kept + row - start) as usize));
                kept += end - start;
            }
            start = end;
        }
        let ranges = ranges.into_iter().map(|row| row..row + 1);
        (
            groups,
            RowSelection::from_consecutive_ranges(ranges, kept as usize),
        )
    }
}

/// The files of a table, sorted by name.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let on = |e: std::io::Error| Error::io(path, &e);
    if !fs::metadata(path).map_err(on)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(on)? {
        let file = entry.map_err(on)?.path();
        if file.extension().is_some_and(|end| end == "parquet") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Refuses a footer that would take much memory before the library reads it.
fn check_footer(path: &Path) -> Result<()> {
    let on = |e: std::io::Error| Error::io(path, &e);
    let mut file = File::open(path).map_err(on)?;
    let bytes = file.metadata().map_err(on)?.len();
    let mut tail = [0; 8];
    if bytes >= 12 {
        file.seek(SeekFrom::End(-8))
            .and_then(|_| file.read_exact(&mut tail))
            .map_err(on)?;
    }
    let (length, magic) = tail.split_at(4);
    let length = u64::from(u32::from_le_bytes(
        length.try_into().expect("four of eight bytes"),
    ));
    if magic != b"PAR1" {
        return Err(damaged(
            path,
            format!(
                "not a Parquet file: it ends with {}, expected `PAR1`",
                quoted(magic)
            ),
        ));
    }
    match length.min(bytes - 12) {
        _ if length > LONGEST_FOOTER => Err(damaged(
            path,
            format!("a footer of {length} bytes, expected at most {LONGEST_FOOTER}"),
        )),
        fits if fits == length => Ok(()),
        _ => Err(damaged(
            path,
            format!("a footer of {length} bytes in a file of {bytes}"),
        )),
    }
}

fn damaged(path: &Path, found: impl Into<String>) -> Error {
    Error::new(Exit::Damaged, "E-TABLE", found)
        .at(path)
        .remedy("`crawlrank verify` on the run tells which files are damaged")
}

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Says whether a panic of this thread would be caught and told as the error of a file, so that nobody else need tell it.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Does `work` on a file; a panic of the library that reads it becomes the file's error.
pub(crate) fn guarded<T>(
    path: &Path,
    library: &str,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.unwrap_or_else(|panic| {
        let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (_, Some(text)) => text.as_str(),
            _ => "for a reason unknown",
        };
        Err(damaged(
            path,
            format!("the {library} reader gave up: {text}"),
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// Rows `from..to` of a table: `id`, `place` falling, `odd` null in every third row, `name`.
    fn write(path: &Path, from: i64, to: i64) {
        let ids = || from..to;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(ids()))),
            (
                "place",
                Arc::new(Int64Array::from_iter_values(ids().map(|id| 100_000 - id))),
            ),
            (
                "odd",
                Arc::new(Int64Array::from_iter(
                    ids().map(|id| (id % 3 != 0).then_some(id % 2)),
                )),
            ),
            (
                "score",
                Arc::new(Float64Array::from_iter_values(
                    ids().map(|id| id as f64 / 2.0),
                )),
            ),
            (
                "name",
                Arc::new(StringArray::from_iter_values(
                    ids().map(|id| format!("n{id}")),
                )),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(1000))
            .build();
        let mut writer = ArrowWriter::try_new(
            File::create(path).unwrap(),
            batch.schema(),
            Some(properties),
        )
        .unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn folder() -> (tempfile::TempDir, Table) {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("00001.parquet"), 3500, 10_000);
        write(&folder.path().join("00000.parquet"), 0, 3500);
        let table = Table::open(folder.path(), &Interrupt::default()).unwrap();
        (folder, table)
    }

    #[test]
    fn rows_of_a_folder_come_in_the_order_asked_for() {
        let (_folder, table) = folder();
        assert_eq!(table.num_rows(), 10_000);
        let rows = [9999, 0, 3499, 3500, 1000, 42];
        let fetched = table.fetch(&rows).unwrap();
        for (row, values) in rows.iter().zip(&fetched) {
            assert_eq!(values[0], Value::from(*row));
            assert_eq!(values[4], Value::from(format!("n{row}")));
        }
        assert_eq!(fetched[1][2], Value::Null);
        assert_eq!(fetched[5][3], Value::from(21.0));
    }

    #[test]
    fn the_first_by_a_column_come_with_ties_by_row_and_without_nulls() {
        let (_folder, table) = folder();
        assert_eq!(
            table.first_by("place", Order::Lowest, 2, None).unwrap(),
            [9999, 9998]
        );
        assert_eq!(
            table.first_by("place", Order::Highest, 2, None).unwrap(),
            [0, 1]
        );
        assert_eq!(
            table.first_by("odd", Order::Highest, 3, None).unwrap(),
            [1, 5, 7]
        );
        assert_eq!(
            table.first_by("odd", Order::Lowest, 2, None).unwrap(),
            [2, 4]
        );
        assert!(
            table
                .first_by("odd", Order::Lowest, 0, None)
                .unwrap()
                .is_empty()
        );
        let among = table.first_by(
            "place",
            Order::Lowest,
            9,
            Some(&mut [7, 3499, 3500, 4000].into_iter()),
        );
        assert_eq!(among.unwrap(), [4000, 3500, 3499, 7]);
    }

    #[test]
    fn rows_are_found_by_a_sorted_text() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["a", "b", "b", "b", "d"].to_vec();
        let column: ArrayRef = Arc::new(StringArray::from(words));
        let batch = RecordBatch::try_from_iter([("word", column)]).unwrap();
        let path = folder.path().join("t.parquet");
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let table = Table::open(&path, &Interrupt::default()).unwrap();
        for (word, rows) in [
            ("", 0..0),
            ("a", 0..1),
            ("b", 1..4),
            ("c", 4..4),
            ("d", 4..5),
            ("e", 5..5),
        ] {
            assert_eq!(table.rows_with("word", word).unwrap(), rows, "{word}");
        }
        assert_eq!(
            table.rows_with("other", "a").unwrap_err().exit(),
            Exit::Damaged
        );
    }

    #[test]
    fn every_third_row_in_several_passes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.parquet");
        write(&file, 0, 3 * SELECTED_ROWS as i64 + 10);
        let table = Table::open(&file, &Interrupt::default()).unwrap();
        let mut third = (0..table.num_rows()).step_by(3);
        let found = table
            .first_by("id", Order::Highest, 2, Some(&mut third))
            .unwrap();
        assert_eq!(
            found,
            [3 * SELECTED_ROWS as u64 + 9, 3 * SELECTED_ROWS as u64 + 6]
        );
    }

    #[test]
    fn a_row_beyond_the_end_or_a_column_that_is_not_there_is_an_error() {
        let (_folder, table) = folder();
        assert_eq!(table.fetch(&[10_000]).unwrap_err().exit(), Exit::Damaged);
        assert_eq!(
            table
                .first_by("rank", Order::Lowest, 1, None)
                .unwrap_err()
                .exit(),
            Exit::Damaged
        );
        assert_eq!(
            table
                .first_by("score", Order::Lowest, 1, None)
                .unwrap_err()
                .exit(),
            Exit::Damaged
        );
    }

    /// Arrow's reader may answer damage with an error, a panic, or (there are no checksums in pages) other values.
    #[test]
    fn a_damaged_file_never_panics() {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_guarded() {
                tell(panic);
            }
        }));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.parquet");
        write(&file, 0, 300);
        let sound = fs::read(&file).unwrap();
        let mut refused = 0;
        for at in (0..sound.len()).step_by(19) {
            for flip in [1, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                fs::write(&file, &bytes).unwrap();
                let read = Table::open(&file, &Interrupt::default()).and_then(|table| {
                    table
                        .fetch(&[0, 150, 299])
                        .and_then(|_| table.first_by("place", Order::Lowest, 3, None))
                });
                refused += u32::from(read.is_err_and(|e| e.exit() == Exit::Damaged));
            }
        }
        assert!(refused > 0);
        for end in (0..sound.len()).step_by(101) {
            fs::write(&file, &sound[..end]).unwrap();
            assert!(
                Table::open(&file, &Interrupt::default()).is_err(),
                "cut at {end}"
            );
        }
    }
}
