//! The table `robots`: a row for each capture of a robots.txt, in order of hosts.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::builder::{BooleanBuilder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use crawlrank_robots::Access;
use serde::{Deserialize, Serialize};

use super::{BATCH_ROWS, TableWriter, column, count, text};
use crate::error::{Error, Result};

/// Bytes of text in a batch: one file may name thousands of sitemaps.
const BATCH_BYTES: usize = 4 << 20;

/// What an answer means for crawlers (RFC 9309, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    /// The rules of the file apply.
    Rules,
    /// There is no file: everything is allowed.
    AllowAll,
    /// The server could not say: nothing is.
    DisallowAll,
}

impl AccessKind {
    /// What the library found.
    pub fn of(access: &Access<'_>) -> Self {
        match access {
            Access::Rules(_) => AccessKind::Rules,
            Access::AllowAll => AccessKind::AllowAll,
            Access::DisallowAll => AccessKind::DisallowAll,
        }
    }

    /// The name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            AccessKind::Rules => "rules",
            AccessKind::AllowAll => "allow_all",
            AccessKind::DisallowAll => "disallow_all",
        }
    }
}

/// A row of the table. Rows have one order, that of their fields, so that a sorted table is one thing only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RobotsRow {
    /// The host, as in the table of hosts.
    pub host: String,
    /// The address that was asked for.
    pub url: String,
    /// Milliseconds since 1970.
    pub fetched_at: Option<i64>,
    /// The status.
    pub status: u16,
    /// Length of the body.
    pub bytes: u64,
    /// What the answer means; nothing for a redirect.
    pub access: Option<AccessKind>,
    /// Groups.
    pub groups: u64,
    /// Rules.
    pub rules: u64,
    /// The delay for `*`.
    pub crawl_delay: Option<Duration>,
    /// All sitemaps, as written.
    pub sitemaps: Vec<String>,
    /// For each agent of the survey, whether it may fetch `/`; nothing for a redirect.
    pub agents: Option<Vec<bool>>,
    /// `Content-Signal` for `*`, as written.
    pub content_signal: Option<String>,
    /// `Content-Usage` for `*`, as written.
    pub content_usage: Option<String>,
}

impl RobotsRow {
    /// Bytes that the row takes in memory, nearly.
    pub fn memory_bytes(&self) -> usize {
        let words = [
            Some(&self.host),
            Some(&self.url),
            self.content_signal.as_ref(),
            self.content_usage.as_ref(),
        ];
        let words: usize = words.into_iter().flatten().map(String::len).sum();
        let sitemaps: usize = self
            .sitemaps
            .iter()
            .map(|sitemap| sitemap.len() + size_of::<String>())
            .sum();
        let agents = self.agents.as_ref().map_or(0, Vec::len);
        size_of::<RobotsRow>() + words + sitemaps + agents
    }

    /// Which of two captures of a host tells how it stands: one that says something before a redirect, the later before the
    /// earlier, `https` before `http`.
    pub fn tells_more_than(&self, other: &RobotsRow) -> Ordering {
        let key = |row: &RobotsRow| (row.access.is_some(), row.fetched_at);
        // `https:` comes after `http:`.
        key(self)
            .cmp(&key(other))
            .then_with(|| self.url.cmp(&other.url))
            .then_with(|| self.cmp(other))
    }
}

/// The schema of the table.
pub fn schema() -> Schema {
    let maybe_text = |name: &str, doc: &str| column(name, DataType::Utf8, true, doc);
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let sitemaps = DataType::List(Arc::new(sitemap_field()));
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        allowed_field(),
    ]);
    let entries = Arc::new(Field::new("entries", DataType::Struct(entries), false));
    Schema::new(vec![
        text("host", "Host that was asked, as in the table of hosts"),
        text("url", "Address of the capture"),
        column(
            "fetched_at",
            time,
            true,
            "When it was captured; null when the record does not say",
        ),
        count("status", "HTTP status"),
        count("bytes", "Length of the body, without encodings"),
        maybe_text(
            "access",
            "What the answer means (RFC 9309, section 2.3.1): rules, allow_all, disallow_all; null for a redirect, which leaves it to its target",
        ),
        count("groups", "Groups of the file; 0 without rules"),
        count("rules", "Allow and Disallow lines of the file"),
        column(
            "crawl_delay",
            DataType::Float64,
            true,
            "Seconds that `*` is to wait between requests",
        ),
        column(
            "sitemaps",
            sitemaps,
            false,
            "All sitemaps of the file, as written",
        ),
        column(
            "agents",
            DataType::Map(entries, false),
            true,
            "Agents of the survey: whether each may fetch `/`; null for a redirect",
        ),
        maybe_text("content_signal", "Content-Signal for `*`, as written"),
        maybe_text("content_usage", "Content-Usage for `*`, as written"),
    ])
}

fn sitemap_field() -> Field {
    Field::new("item", DataType::Utf8, false)
}

fn allowed_field() -> Field {
    Field::new("value", DataType::Boolean, false)
}

/// Writes the table: rows in their order, a batch at a time.
pub struct RobotsWriter {
    table: TableWriter,
    agents: Vec<String>,
    waiting: Vec<RobotsRow>,
    waiting_bytes: usize,
}

impl RobotsWriter {
    /// Starts the table of a survey that asked for `agents`.
    pub fn create(path: &Path, run_id: &str, agents: Vec<String>) -> Result<Self> {
        Ok(RobotsWriter {
            table: TableWriter::create(path, schema(), run_id)?,
            agents,
            waiting: Vec::new(),
            waiting_bytes: 0,
        })
    }

    /// Adds the next row.
    pub fn row(&mut self, row: RobotsRow) -> Result<()> {
        self.waiting_bytes += row.memory_bytes();
        self.waiting.push(row);
        match self.waiting.len() >= BATCH_ROWS || self.waiting_bytes >= BATCH_BYTES {
            true => self.write_waiting(),
            false => Ok(()),
        }
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<()> {
        self.write_waiting()?;
        self.table.finish()
    }

    fn write_waiting(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        self.table.write(robots_arrays(&self.agents, &rows)?)
    }
}

/// The columns of rows of the table.
pub fn robots_arrays(agents: &[String], rows: &[RobotsRow]) -> Result<Vec<ArrayRef>> {
    let words = |of: fn(&RobotsRow) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let maybe = |of: fn(&RobotsRow) -> Option<&str>| -> ArrayRef {
        Arc::new(StringArray::from_iter(rows.iter().map(of)))
    };
    let number = |of: fn(&RobotsRow) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|row| of(row) as i64),
        ))
    };
    let times = TimestampMillisecondArray::from_iter(rows.iter().map(|row| row.fetched_at));
    let delays = rows
        .iter()
        .map(|row| row.crawl_delay.map(|delay| delay.as_secs_f64()));
    Ok(vec![
        words(|row| &row.host),
        words(|row| &row.url),
        Arc::new(times.with_timezone("UTC")),
        number(|row| row.status.into()),
        number(|row| row.bytes),
        maybe(|row| row.access.map(AccessKind::as_str)),
        number(|row| row.groups),
        number(|row| row.rules),
        Arc::new(Float64Array::from_iter(delays)),
        sitemaps_array(rows),
        agents_array(agents, rows)?,
        maybe(|row| row.content_signal.as_deref()),
        maybe(|row| row.content_usage.as_deref()),
    ])
}

fn sitemaps_array(rows: &[RobotsRow]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(sitemap_field());
    for row in rows {
        row.sitemaps
            .iter()
            .for_each(|sitemap| builder.values().append_value(sitemap));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn agents_array(agents: &[String], rows: &[RobotsRow]) -> Result<ArrayRef> {
    let names = MapFieldNames {
        entry: "entries".into(),
        key: "key".into(),
        value: "value".into(),
    };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), BooleanBuilder::new())
        .with_values_field(allowed_field());
    for row in rows {
        for (agent, &allowed) in agents.iter().zip(row.agents.iter().flatten()) {
            builder.keys().append_value(agent);
            builder.values().append_value(allowed);
        }
        builder
            .append(row.agents.is_some())
            .map_err(|e| Error::internal(e.to_string()))?;
    }
    Ok(Arc::new(builder.finish()))
}
