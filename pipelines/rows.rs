//! Rows on stdout, as a table, JSON, JSON lines or CSV. Every foreign character that could act on a terminal is escaped.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::OutputFormat;
use crate::error::{Error, Exit, Result};
use crate::escape::escaped;

/// Rows looked at before the widths of a table's columns are fixed: later rows stream.
const ROWS_MEASURED: usize = 200;
/// Widest column of a table; a longer value runs on to the right.
const WIDEST_COLUMN: usize = 60;

/// Writes rows of named columns to stdout.
pub struct Rows {
    format: OutputFormat,
    columns: Vec<String>,
    out: BufWriter<StdoutLock<'static>>,
    /// Rows of a table that wait for the widths.
    waiting: Vec<Vec<Value>>,
    widths: Option<Vec<usize>>,
    written: u64,
    /// Whether the reader went away, as `head` does: nothing more is written, and that is no error.
    closed: bool,
}

impl Rows {
    /// Starts rows of these columns.
    pub fn new<C: Into<String>>(
        format: OutputFormat,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        Rows {
            format,
            columns: columns.into_iter().map(Into::into).collect(),
            out: BufWriter::new(io::stdout().lock()),
            waiting: Vec::new(),
            widths: None,
            written: 0,
            closed: false,
        }
    }

    /// Writes a row: a value for each column.
    pub fn row(&mut self, values: Vec<Value>) -> Result<()> {
        debug_assert_eq!(values.len(), self.columns.len());
        if self.format == OutputFormat::Table && self.widths.is_none() {
            self.waiting.push(values);
            return if self.waiting.len() < ROWS_MEASURED {
                Ok(())
            } else {
                self.write_waiting()
            };
        }
        let written = self.write_row(&values);
        self.check(written)
    }

    /// Says whether the reader of stdout went away, so that long work may end.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Ends the rows.
    pub fn finish(mut self) -> Result<()> {
        if self.format == OutputFormat::Table && self.widths.is_none() {
            self.write_waiting()?;
        }
        let ended = match self.format {
            OutputFormat::Json if self.written == 0 => writeln!(self.out, "[]"),
            OutputFormat::Json => writeln!(self.out, "\n]"),
            OutputFormat::Csv if self.written == 0 => self.write_csv_header(),
            _ => Ok(()),
        };
        let ended = ended.and_then(|()| self.out.flush());
        self.check(ended)
    }

    fn check(&mut self, written: io::Result<()>) -> Result<()> {
        match written {
            _ if self.closed => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(e) => Err(Error::new(
                Exit::Io,
                "E-STDOUT",
                format!("cannot write to stdout: {e}"),
            )),
            Ok(()) => Ok(()),
        }
    }

    fn write_waiting(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let widths = self.columns.iter().enumerate().map(|(at, column)| {
            let cells = rows.iter().map(|row| cell(&row[at]).width());
            cells
                .max()
                .unwrap_or(0)
                .min(WIDEST_COLUMN)
                .max(column.width())
        });
        self.widths = Some(widths.collect());
        let header: Vec<Value> = self
            .columns
            .iter()
            .map(|name| Value::from(name.as_str()))
            .collect();
        for row in std::iter::once(&header).chain(&rows) {
            let written = self.write_row(row);
            self.check(written)?;
        }
        Ok(())
    }

    fn write_row(&mut self, values: &[Value]) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match self.format {
            OutputFormat::Table => self.write_table_row(values)?,
            OutputFormat::Json => {
                self.out
                    .write_all(if self.written == 0 { b"[\n" } else { b",\n" })?;
                self.write_object(values)?;
            }
            OutputFormat::Jsonl => {
                self.write_object(values)?;
                self.out.write_all(b"\n")?;
            }
            OutputFormat::Csv => {
                if self.written == 0 {
                    self.write_csv_header()?;
                }
                let line = csv_line(values.iter().map(cell));
                self.out.write_all(&line)?;
            }
        }
        self.written += 1;
        Ok(())
    }

    fn write_csv_header(&mut self) -> io::Result<()> {
        let line = csv_line(self.columns.iter().cloned());
        self.out.write_all(&line)
    }

    fn write_object(&mut self, values: &[Value]) -> io::Result<()> {
        self.out.write_all(b"{")?;
        for (at, (name, value)) in self.columns.iter().zip(values).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let name = Value::from(name.as_str());
            write!(self.out, "{comma}{}: {}", json(&name), json(value))?;
        }
        self.out.write_all(b"}")
    }

    fn write_table_row(&mut self, values: &[Value]) -> io::Result<()> {
        let widths = self.widths.as_deref().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        for (at, (value, &width)) in values.iter().zip(widths).enumerate() {
            let text = cell(value);
            let fill = " ".repeat(width.saturating_sub(text.width()));
            match value {
                Value::Number(_) => write!(self.out, "{fill}{text}")?,
                _ if at == last => write!(self.out, "{text}")?,
                _ => write!(self.out, "{text}{fill}")?,
            }
            if at != last {
                self.out.write_all(b"  ")?;
            }
        }
        self.out.write_all(b"\n")
    }
}

/// Writes the one row of a command that describes one thing. As a table it stands upright: a line for each column, and for
/// each entry of a list.
pub fn print_one<'a>(
    format: OutputFormat,
    row: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<()> {
    if format != OutputFormat::Table {
        let (columns, values): (Vec<&str>, Vec<Value>) = row.into_iter().unzip();
        let mut rows = Rows::new(format, columns);
        rows.row(values)?;
        return rows.finish();
    }
    let lines = row.into_iter().flat_map(|(column, value)| {
        let entries = match value {
            Value::Array(entries) if !entries.is_empty() => entries,
            Value::Array(_) => vec![Value::Null],
            // As text, so that all stand at the left.
            other => vec![Value::from(cell(&other))],
        };
        let names = std::iter::once(column).chain(std::iter::repeat(""));
        names.zip(entries).collect::<Vec<_>>()
    });
    let lines: Vec<(&str, Value)> = lines.collect();
    let width = lines
        .iter()
        .map(|(name, _)| name.width())
        .max()
        .unwrap_or(0);
    let text: String = lines
        .iter()
        .map(|(name, value)| format!("{name:width$}  {}\n", cell(value)))
        .collect();
    print_text(&text)
}

/// Writes text to stdout. A reader that went away, as `head` does, is no error.
pub fn print_text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            Exit::Io,
            "E-STDOUT",
            format!("cannot write to stdout: {e}"),
        )),
        _ => Ok(()),
    }
}

/// A value as text for people: strings without quotes, nothing for null.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        other => json(other),
    }
}

/// JSON whose strings hold no invisible or reordering character: those become `\u` escapes, so that the value stays the same.
fn json(value: &Value) -> String {
    json_shown(value.to_string())
}

/// The same of JSON that is text already.
pub(crate) fn json_shown(text: String) -> String {
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if escaped(character.encode_utf8(&mut [0; 4]))
            .chars()
            .eq([character])
        {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn csv_line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail, and a row of any length is a row.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_the_value_and_hides_what_acts_on_a_terminal() {
        let value = Value::from("a\u{202e}b\u{9b}c é 🦀");
        let text = json(&value);
        assert!(
            text.contains("\\u202e") && text.contains("\\u009b") && text.contains("é 🦀"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(
            csv_line(["a,b".to_owned(), "c".to_owned()].into_iter()),
            b"\"a,b\",c\n"
        );
    }
}
