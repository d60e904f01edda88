//! The tables `shards` and `faults`: the account of what was read, and of what could not be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use arrow_schema::{DataType, Field, Fields, Schema};

use super::{BATCH_ROWS, TableWriter, column, count, text};
use crate::accounts::{FaultRow, Located, ShardRow};
use crate::error::{Error, Result};
use crate::run::RunDir;

fn counts(name: &str, doc: &str) -> Field {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Int64, false),
    ]);
    let entries = Arc::new(Field::new("entries", DataType::Struct(entries), false));
    column(name, DataType::Map(entries, false), false, doc)
}

/// The schema of the table `shards`.
pub fn schema() -> Schema {
    Schema::new(vec![
        text(
            "shard",
            "Shortest end of the shard's path that no other shard has",
        ),
        count(
            "bytes",
            "Length of the shard; in records, faults and padding they add up to it",
        ),
        count("members", "Compressed members or frames"),
        count("records", "Records read whole"),
        count("pages", "Captured pages"),
        count("links", "Links on the pages"),
        count("edges", "Pairs of page and linked host, unique per page"),
        count("faults", "Damaged places"),
        count("fault_bytes", "Bytes lost to them"),
        count("padding_bytes", "Bytes of harmless filler"),
        counts(
            "warnings",
            "Records read whole although their header claims otherwise: kind to count",
        ),
        counts("skipped", "Pages and links left out: reason to count"),
    ])
}

/// The schema of the table `faults`.
pub fn faults_schema() -> Schema {
    Schema::new(vec![
        text("shard", "The shard, as in the table of shards"),
        count(
            "offset",
            "Where the fault begins, in bytes of the compressed stream",
        ),
        text("kind", "What is wrong"),
        count("bytes", "Bytes lost"),
        text("detail", "What was found"),
    ])
}

/// Writes the table `shards`: `accounts` sorted by shard.
pub fn write(path: &Path, run_id: &str, accounts: &[Located]) -> Result<()> {
    let mut table = TableWriter::create(path, schema(), run_id)?;
    for accounts in accounts.chunks(BATCH_ROWS) {
        let rows: Vec<&ShardRow> = accounts.iter().map(|account| &account.row).collect();
        let number = |of: fn(&ShardRow) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| of(row) as i64),
            ))
        };
        table.write(vec![
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| &row.shard),
            )),
            number(|row| row.bytes),
            number(|row| row.members),
            number(|row| row.records),
            number(|row| row.pages),
            number(|row| row.links),
            number(|row| row.edges),
            number(|row| row.faults),
            number(|row| row.fault_bytes),
            number(|row| row.padding_bytes),
            map_array(rows.iter().map(|row| &row.warnings))?,
            map_array(rows.iter().map(|row| &row.skipped))?,
        ])?;
    }
    table.finish()
}

fn map_array<'a>(maps: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> Result<ArrayRef> {
    let names = MapFieldNames {
        entry: "entries".into(),
        key: "key".into(),
        value: "value".into(),
    };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), Int64Builder::new())
        .with_values_field(Field::new("value", DataType::Int64, false));
    for map in maps {
        for (key, &count) in map {
            builder.keys().append_value(key);
            builder.values().append_value(count as i64);
        }
        builder
            .append(true)
            .map_err(|e| Error::internal(e.to_string()))?;
    }
    Ok(Arc::new(builder.finish()))
}

/// Writes the table `faults`: those of `accounts`, sorted by shard and offset.
pub fn write_faults(path: &Path, run_id: &str, run: &RunDir, accounts: &[Located]) -> Result<()> {
    let mut table = TableWriter::create(path, faults_schema(), run_id)?;
    let mut waiting: Vec<FaultRow> = Vec::new();
    for account in accounts
        .iter()
        .filter(|account| account.row.faults_bytes > 0)
    {
        account.faults(run, |fault| {
            waiting.push(fault);
            match waiting.len() {
                BATCH_ROWS => write_batch(&mut table, &std::mem::take(&mut waiting)),
                _ => Ok(()),
            }
        })?;
    }
    write_batch(&mut table, &waiting)?;
    table.finish()
}

fn write_batch(table: &mut TableWriter, faults: &[FaultRow]) -> Result<()> {
    let words = |of: fn(&FaultRow) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(faults.iter().map(of)))
    };
    let number = |of: fn(&FaultRow) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            faults.iter().map(|fault| of(fault) as i64),
        ))
    };
    table.write(vec![
        words(|fault| &fault.shard),
        number(|fault| fault.offset),
        words(|fault| &fault.kind),
        number(|fault| fault.bytes),
        words(|fault| &fault.detail),
    ])
}
