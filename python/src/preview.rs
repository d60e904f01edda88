//! What Python prints of a table: its first rows, aligned, with foreign text escaped.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use crawlrank::escape::shown;

/// Rows that are shown.
pub(crate) const ROWS: usize = 20;

/// Returns the first rows of a table as text; the last line counts all of them.
pub(crate) fn table(
    name: &str,
    schema: &Schema,
    num_rows: u64,
    first: Option<&RecordBatch>,
) -> String {
    let shown = first.map_or(0, |batch| batch.num_rows().min(ROWS)) as u64;
    let count = if shown < num_rows {
        format!("{shown} of {num_rows} rows")
    } else {
        format!("{num_rows} rows")
    };
    rows(schema, first) + &format!("({name}: {count})")
}

/// Returns the first rows as lines of text below the names of the columns.
pub(crate) fn rows(schema: &Schema, first: Option<&RecordBatch>) -> String {
    let columns: Vec<Vec<String>> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(number, field)| {
            let cells = first.map(|batch| batch.column(number));
            let cells = cells
                .into_iter()
                .flat_map(|cells| (0..cells.len().min(ROWS)).map(|row| cell(cells, row)));
            std::iter::once(field.name().clone()).chain(cells).collect()
        })
        .collect();
    let lines = columns.first().map_or(0, Vec::len);
    let mut out = String::new();
    for line in 0..lines {
        for (column, field) in columns.iter().zip(schema.fields()) {
            let width = column
                .iter()
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0);
            let cell = &column[line];
            let padded = if field.data_type().is_numeric() {
                format!("{cell:>width$}  ")
            } else {
                format!("{cell:<width$}  ")
            };
            out.push_str(&padded);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// A value as text for people; nothing for null.
fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => match column.as_primitive::<Float64Type>().value(row) {
            large if large.abs() >= 1.0 => format!("{large:.3}"),
            small => format!("{small:.4e}"),
        },
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Utf8 => shown(column.as_string::<i32>().value(row)),
        DataType::Dictionary(..) => match column.as_any_dictionary_opt() {
            Some(dictionary) => cell(dictionary.values(), dictionary.normalized_keys()[row]),
            None => String::new(),
        },
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            let items = (0..items.len()).map(|at| cell(&items, at));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let pairs = (0..entries.len()).map(|at| {
                format!(
                    "{}: {}",
                    cell(entries.column(0), at),
                    cell(entries.column(1), at)
                )
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => format!("<{other}>"),
    }
}
