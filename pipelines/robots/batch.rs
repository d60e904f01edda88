//! Columns of robots.txt files to record batches: decisions, rules, groups, delays, sitemaps, signals.
//!
//! [`Files::parse`] takes a column of bodies and parses each distinct one once, on all threads of the current rayon pool;
//! every question is then answered for all rows, in their order. What comes out depends on the rows alone, not on threads:
//! batches are cut at fixed places. All of it stops within milliseconds when an [`Interrupt`] asks for it. In all of them `file` is the row of the body, from 0; a null body is no file, and has
//! no rows.
//!
//! Memory: what the library keeps of each distinct body (it borrows the text), and one batch of answers a thread beside
//! those that are returned. Give very long columns a slice at a time.
//!
//! ```
//! use arrow_array::{BinaryArray, BooleanArray, StringArray};
//! use crawlrank::robots::batch::Files;
//!
//! let bodies = BinaryArray::from_vec(vec![b"User-agent: *\nDisallow: /x\n", b"", b"User-agent: *\nDisallow: /x\n"]);
//! let files = Files::parse(&bodies, &Default::default(), &Default::default())?;
//! assert_eq!((files.num_rows(), files.num_distinct()), (3, 2));
//!
//! let urls = StringArray::from(vec!["https://a.example/x", "/x", "/y"]);
//! assert_eq!(files.allowed("CCBot", &urls)?, BooleanArray::from(vec![false, true, true]));
//! # Ok::<(), crawlrank::error::Error>(())
//! ```

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{BooleanBufferBuilder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use crawlrank_robots::{AgentRules, Agents, ContentUse, ParseOptions, RobotsTxt, UrlPath};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Rows of bodies that one batch covers at most, and bytes of what goes with them.
const BATCH_FILES: usize = 1024;
const BATCH_BYTES: usize = 32 << 20;

/// Bytes of a decision beside its URL: file, agent, offset of the URL, line.
const DECISION_BYTES: usize = 32;

/// Files of a column, parsed.
pub struct Files<'a> {
    bodies: Texts<'a>,
    distinct: Vec<RobotsTxt<'a>>,
    /// For each row its place in `distinct`; null bodies have none.
    of_row: Vec<Option<u32>>,
    interrupt: Interrupt,
}

impl<'a> Files<'a> {
    /// Parses a column of bodies: binary or text, of any offset size, or views. `interrupt` stops this, and whatever is
    /// asked later.
    ///
    /// # Errors
    /// Exit 2 when the column has another type; that of `interrupt`.
    pub fn parse(
        bodies: &'a dyn Array,
        options: &ParseOptions,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let bodies = Texts::of(bodies, "bodies")?;
        let (first, of_row) = distinct(&bodies, interrupt)?;
        let parse = |&row: &usize| {
            interrupt.check()?;
            let body = bodies.get(row).unwrap_or_default();
            Ok(RobotsTxt::parse_with(body, options))
        };
        Ok(Files {
            distinct: first.par_iter().map(parse).collect::<Result<_>>()?,
            bodies,
            of_row,
            interrupt: interrupt.clone(),
        })
    }

    /// The rows of the column.
    pub fn num_rows(&self) -> usize {
        self.of_row.len()
    }

    /// How many bodies differ.
    pub fn num_distinct(&self) -> usize {
        self.distinct.len()
    }

    /// The parsed file of a row.
    pub fn get(&self, row: usize) -> Option<&RobotsTxt<'a>> {
        self.of_row[row].map(|at| &self.distinct[at as usize])
    }

    /// Says for each URL whether `agent` may fetch it by the file of the same row; null where either is. A column of one file
    /// goes with any number of URLs.
    ///
    /// # Errors
    /// Exit 2 when the columns differ in length, or the URLs are no text.
    pub fn allowed(&self, agent: &str, urls: &dyn Array) -> Result<BooleanArray> {
        let urls = Texts::of(urls, "urls")?;
        if self.num_rows() != 1 {
            self.check_length(urls.len())?;
        }
        let compile = |file: &RobotsTxt<'_>| {
            self.interrupt.check()?;
            Ok(file.agents(&[agent]))
        };
        let agents: Vec<Agents> = self
            .distinct
            .par_iter()
            .map(compile)
            .collect::<Result<_>>()?;
        let of_url = |row: usize| self.of_row[if self.num_rows() == 1 { 0 } else { row }];
        answers(urls.len(), &self.interrupt, |row| {
            let rules = agents[of_url(row)? as usize].get(0);
            Some(rules.allowed(urls.get(row)?))
        })
    }

    /// Decides URLs: `urls` has for each file one, or a list. Rows come by file, then URL, then agent; null URLs have none.
    /// With `lines`, the column `line` has the line of the rule that decided, null when none did; else it is null.
    ///
    /// # Errors
    /// Exit 2 when the columns differ in length, or the URLs are neither text nor lists of text.
    pub fn decisions<S: AsRef<str> + Sync>(
        &self,
        agents: &[S],
        urls: &dyn Array,
        lines: bool,
    ) -> Result<Vec<RecordBatch>> {
        let urls = Urls::of(urls)?;
        self.check_length(urls.len())?;
        let names = dictionary(agents);
        let bytes = |row| urls.bytes(row).saturating_mul(agents.len());
        self.batches(bytes, |rows| {
            self.decide(agents, &names, &urls, lines, rows)
        })
    }

    fn decide<S: AsRef<str>>(
        &self,
        agents: &[S],
        names: &ArrayRef,
        urls: &Urls<'_>,
        lines: bool,
        rows: Range<usize>,
    ) -> Result<RecordBatch> {
        let num_urls: usize = rows.clone().map(|row| urls.places(row).len()).sum();
        let expected = num_urls * agents.len();
        let text_bytes: usize = rows.clone().map(|row| urls.bytes(row) * agents.len()).sum();
        let mut files = Vec::with_capacity(expected);
        let mut keys = Vec::with_capacity(expected);
        let mut texts = StringBuilder::with_capacity(expected, text_bytes);
        let mut allowed = BooleanBufferBuilder::new(expected);
        let mut found_lines = Vec::with_capacity(if lines { expected } else { 0 });
        let mut answers = Vec::new();
        for row in rows {
            let Some(file) = self.get(row) else { continue };
            let rules = file.agents(agents);
            let explained: Vec<_> = match lines {
                true => agents
                    .iter()
                    .map(|agent| file.agent(agent.as_ref()))
                    .collect(),
                false => Vec::new(),
            };
            for url in urls.places(row).filter_map(|at| urls.texts.get(at)) {
                self.interrupt.check()?; // one file may have any number of URLs
                let path = UrlPath::new(url);
                rules.allows_each(&path, &mut answers);
                let text = String::from_utf8_lossy(url);
                for (agent, &answer) in answers.iter().enumerate() {
                    files.push(row as i64);
                    keys.push(agent as i32);
                    texts.append_value(&text);
                    allowed.append(answer);
                }
                found_lines.extend(explained.iter().map(|agent| deciding_line(agent, url)));
            }
        }
        let num_rows = files.len();
        let keys = Int32Array::from(keys);
        let agents =
            DictionaryArray::<Int32Type>::try_new(keys, names.clone()).map_err(internal)?;
        let found_lines = match lines {
            true => Int64Array::from(found_lines),
            false => Int64Array::new_null(num_rows),
        };
        batch(
            &DECISIONS,
            vec![
                Arc::new(Int64Array::from(files)),
                Arc::new(agents),
                Arc::new(texts.finish()),
                Arc::new(BooleanArray::new(allowed.finish(), None)),
                Arc::new(found_lines),
            ],
        )
    }

    /// All rules in groups: `file`, `group` (from 0), `line`, `allow`, `pattern` as written.
    ///
    /// # Errors
    /// That of the interrupt.
    pub fn rules(&self) -> Result<Vec<RecordBatch>> {
        self.batches(
            |_| 0,
            |rows| {
                let (mut files, mut groups, mut lines) = (Vec::new(), Vec::new(), Vec::new());
                let (mut allow, mut patterns) =
                    (BooleanBufferBuilder::new(0), StringBuilder::new());
                for (row, file) in self.some(rows) {
                    for (number, group) in file.groups().enumerate() {
                        for rule in group.rules() {
                            files.push(row);
                            groups.push(number as i64);
                            lines.push(rule.line as i64);
                            allow.append(rule.allow);
                            patterns.append_value(&rule.pattern);
                        }
                    }
                }
                batch(
                    &RULES,
                    vec![
                        integers(files),
                        integers(groups),
                        integers(lines),
                        Arc::new(BooleanArray::new(allow.finish(), None)),
                        Arc::new(patterns.finish()),
                    ],
                )
            },
        )
    }

    /// All groups: `file`, `group` (from 0), `line` of the first user-agent line, `agents` as written, the number of `rules`.
    ///
    /// # Errors
    /// That of the interrupt.
    pub fn groups(&self) -> Result<Vec<RecordBatch>> {
        self.batches(
            |_| 0,
            |rows| {
                let (mut files, mut groups, mut lines, mut rules) =
                    (Vec::new(), Vec::new(), Vec::new(), Vec::new());
                let mut agents = ListBuilder::new(StringBuilder::new()).with_field(item());
                for (row, file) in self.some(rows) {
                    for (number, group) in file.groups().enumerate() {
                        files.push(row);
                        groups.push(number as i64);
                        lines.push(group.line() as i64);
                        rules.push(group.rules().count() as i64);
                        group
                            .agents()
                            .for_each(|agent| agents.values().append_value(agent));
                        agents.append(true);
                    }
                }
                let agents: ArrayRef = Arc::new(agents.finish());
                batch(
                    &GROUPS,
                    vec![
                        integers(files),
                        integers(groups),
                        integers(lines),
                        agents,
                        integers(rules),
                    ],
                )
            },
        )
    }

    /// All sitemaps: `file`, `sitemap` as written.
    ///
    /// # Errors
    /// That of the interrupt.
    pub fn sitemaps(&self) -> Result<Vec<RecordBatch>> {
        self.batches(
            |_| 0,
            |rows| {
                let (mut files, mut sitemaps) = (Vec::new(), StringBuilder::new());
                for (row, file) in self.some(rows) {
                    for sitemap in file.sitemaps() {
                        files.push(row);
                        sitemaps.append_value(&sitemap);
                    }
                }
                batch(
                    &SITEMAPS,
                    vec![integers(files), Arc::new(sitemaps.finish())],
                )
            },
        )
    }

    /// How fast agents may come: `file`, `agent`, `crawl_delay` in seconds, `requests` in `period` seconds. An agent to whom a
    /// file says neither has no row.
    ///
    /// # Errors
    /// That of the interrupt.
    pub fn delays<S: AsRef<str> + Sync>(&self, agents: &[S]) -> Result<Vec<RecordBatch>> {
        let names = dictionary(agents);
        self.batches(
            |_| 0,
            |rows| {
                let (mut files, mut keys) = (Vec::new(), Vec::new());
                let (mut delays, mut requests, mut periods) = (Vec::new(), Vec::new(), Vec::new());
                for (row, file) in self.some(rows) {
                    for (key, agent) in agents.iter().enumerate() {
                        let agent = file.agent(agent.as_ref());
                        let (delay, rate) = (agent.crawl_delay(), agent.request_rate());
                        if delay.is_none() && rate.is_none() {
                            continue;
                        }
                        files.push(row);
                        keys.push(key as i32);
                        delays.push(delay.map(|delay| delay.as_secs_f64()));
                        requests.push(rate.map(|rate| i64::from(rate.requests)));
                        periods.push(rate.map(|rate| rate.period.as_secs_f64()));
                    }
                }
                let keys = Int32Array::from(keys);
                let agents =
                    DictionaryArray::<Int32Type>::try_new(keys, names.clone()).map_err(internal)?;
                batch(
                    &DELAYS,
                    vec![
                        integers(files),
                        Arc::new(agents),
                        Arc::new(Float64Array::from(delays)),
                        Arc::new(Int64Array::from(requests)),
                        Arc::new(Float64Array::from(periods)),
                    ],
                )
            },
        )
    }

    /// What files say about the use of pages: `file`, `agent`, then the signals `search`, `ai_input`, `ai_train`, `content_use`
    /// (null where it is not stated), and `content_signal` and `content_usage` as written, several lines with commas
    /// between. An agent to whom a file says neither has no row.
    ///
    /// # Errors
    /// That of the interrupt.
    pub fn signals<S: AsRef<str> + Sync>(&self, agents: &[S]) -> Result<Vec<RecordBatch>> {
        let names = dictionary(agents);
        // Each agent of a file may be told the same.
        let body_bytes = |row| self.bodies.get(row).map_or(0, <[u8]>::len);
        self.batches(
            |row| body_bytes(row).saturating_mul(agents.len()),
            |rows| {
                let (mut files, mut keys) = (Vec::new(), Vec::new());
                let (mut search, mut input, mut train) = (Vec::new(), Vec::new(), Vec::new());
                let mut texts = [(); 3].map(|()| StringBuilder::new());
                for (row, file) in self.some(rows) {
                    for (key, agent) in agents.iter().enumerate() {
                        let agent = file.agent(agent.as_ref());
                        let (signal, usage) = as_written(&agent);
                        if signal.is_none() && usage.is_none() {
                            continue;
                        }
                        files.push(row);
                        keys.push(key as i32);
                        let stated = agent.content_signal();
                        search.push(stated.search);
                        input.push(stated.ai_input);
                        train.push(stated.ai_train);
                        texts[0].append_option(stated.content_use.map(content_use));
                        texts[1].append_option(signal);
                        texts[2].append_option(usage);
                    }
                }
                let keys = Int32Array::from(keys);
                let agents =
                    DictionaryArray::<Int32Type>::try_new(keys, names.clone()).map_err(internal)?;
                let [content_use, signal, usage] =
                    texts.map(|mut text| Arc::new(text.finish()) as ArrayRef);
                let flags = [search, input, train]
                    .map(|flags| Arc::new(BooleanArray::from(flags)) as ArrayRef);
                let [search, input, train] = flags;
                let agents: ArrayRef = Arc::new(agents);
                batch(
                    &SIGNALS,
                    vec![
                        integers(files),
                        agents,
                        search,
                        input,
                        train,
                        content_use,
                        signal,
                        usage,
                    ],
                )
            },
        )
    }

    /// The files of some rows; after a stop no more come, and [`Files::batches`] throws away what was made of them.
    fn some(&self, rows: Range<usize>) -> impl Iterator<Item = (i64, &RobotsTxt<'a>)> {
        rows.take_while(|_| !self.interrupt.is_requested())
            .filter_map(|row| Some((row as i64, self.get(row)?)))
    }

    /// Makes a batch of every few rows, in parallel. `bytes` is what a row adds beside its body.
    fn batches(
        &self,
        bytes: impl Fn(usize) -> usize,
        make: impl Fn(Range<usize>) -> Result<RecordBatch> + Send + Sync,
    ) -> Result<Vec<RecordBatch>> {
        let (mut ranges, mut start, mut held) = (Vec::new(), 0, 0_usize);
        for row in 0..self.num_rows() {
            let body = self.bodies.get(row).map_or(0, <[u8]>::len);
            let more = body.saturating_add(bytes(row));
            if row > start
                && (row - start == BATCH_FILES || held.saturating_add(more) > BATCH_BYTES)
            {
                ranges.push(start..row);
                (start, held) = (row, 0);
            }
            if more > i32::MAX as usize {
                return Err(Error::usage(format!(
                    "row {row} and its URLs take {more} bytes, more than a column of text can hold"
                )));
            }
            held += more;
        }
        ranges.push(start..self.num_rows()); // also of no rows: a table without rows still has columns
        let make = |rows| {
            self.interrupt.check()?;
            let made = make(rows)?;
            self.interrupt.check()?;
            Ok(made)
        };
        ranges.into_par_iter().map(make).collect()
    }

    fn check_length(&self, urls: usize) -> Result<()> {
        match urls == self.num_rows() {
            true => Ok(()),
            false => Err(Error::usage(format!(
                "{} bodies and {urls} rows of URLs, expected as many",
                self.num_rows()
            ))),
        }
    }
}

/// Says for each URL whether rules that are compiled already let it be fetched; null for null. On all threads of the current
/// rayon pool.
///
/// # Errors
/// Exit 2 when the URLs are no text; that of `interrupt`.
pub fn allowed_by(
    rules: &AgentRules,
    urls: &dyn Array,
    interrupt: &Interrupt,
) -> Result<BooleanArray> {
    let urls = Texts::of(urls, "urls")?;
    answers(urls.len(), interrupt, |row| {
        Some(rules.allowed(urls.get(row)?))
    })
}

/// The answers of all rows, made in parallel. After a stop the rows that are left are passed over.
fn answers(
    num_rows: usize,
    interrupt: &Interrupt,
    answer: impl Fn(usize) -> Option<bool> + Sync + Send,
) -> Result<BooleanArray> {
    let answers: Vec<Option<bool>> = (0..num_rows)
        .into_par_iter()
        .with_min_len(BATCH_FILES)
        .map(|row| match interrupt.is_requested() {
            true => None,
            false => answer(row),
        })
        .collect();
    interrupt.check()?;
    Ok(answers.into())
}

/// The `Content-Signal` and the `Content-Usage` lines of an agent's groups, as written, with commas between.
pub fn as_written(agent: &crawlrank_robots::Agent<'_>) -> (Option<String>, Option<String>) {
    let joined = |lines: Vec<_>| (!lines.is_empty()).then(|| lines.join(", "));
    (
        joined(agent.content_signal_lines().collect()),
        joined(agent.content_usage_lines().collect()),
    )
}

fn content_use(stated: ContentUse) -> &'static str {
    match stated {
        ContentUse::Immediate => "immediate",
        ContentUse::Reference => "reference",
        ContentUse::Full => "full",
    }
}

/// The first row of each distinct body, and for each row which of them it has.
fn distinct(bodies: &Texts<'_>, interrupt: &Interrupt) -> Result<(Vec<usize>, Vec<Option<u32>>)> {
    let hash = |row| match interrupt.is_requested() {
        true => 0, // thrown away below
        false => xxhash_rust::xxh3::xxh3_128(bodies.get(row).unwrap_or_default()),
    };
    let hashes: Vec<u128> = (0..bodies.len())
        .into_par_iter()
        .with_min_len(BATCH_FILES)
        .map(hash)
        .collect();
    interrupt.check()?;
    let mut seen: HashMap<u128, u32> = HashMap::with_capacity(bodies.len());
    let mut first = Vec::new();
    let of_row = hashes.iter().enumerate().map(|(row, &hash)| {
        if interrupt.is_requested() {
            return None; // thrown away below
        }
        let body = bodies.get(row)?;
        let new = first.len() as u32; // rows of a column are fewer than 2^32 where they have 16 bytes of hash each
        let at = *seen.entry(hash).or_insert(new);
        // Bodies are compared whole: hashes that were made to collide cost time, and give no wrong answer.
        if at < new && bodies.get(first[at as usize]) == Some(body) {
            return Some(at);
        }
        first.push(row);
        Some(new)
    });
    let of_row = of_row.collect();
    interrupt.check()?;
    Ok((first, of_row))
}

/// The line of the rule that decides a URL.
fn deciding_line(agent: &crawlrank_robots::Agent<'_>, url: &[u8]) -> Option<i64> {
    let rule = agent.explain(url).rule;
    rule.map(|rule| rule.line as i64)
}

/// A column of text or bytes, whatever its layout.
enum Texts<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a arrow_array::LargeStringArray),
    Utf8View(&'a arrow_array::StringViewArray),
    Binary(&'a arrow_array::BinaryArray),
    LargeBinary(&'a arrow_array::LargeBinaryArray),
    BinaryView(&'a arrow_array::BinaryViewArray),
}

impl<'a> Texts<'a> {
    fn of(array: &'a dyn Array, name: &str) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Texts::Utf8(array.as_string()),
            DataType::LargeUtf8 => Texts::LargeUtf8(array.as_string()),
            DataType::Utf8View => Texts::Utf8View(array.as_string_view()),
            DataType::Binary => Texts::Binary(array.as_binary()),
            DataType::LargeBinary => Texts::LargeBinary(array.as_binary()),
            DataType::BinaryView => Texts::BinaryView(array.as_binary_view()),
            other => {
                return Err(Error::usage(format!(
                    "column `{name}` has type {other}, expected text or binary"
                )));
            }
        })
    }

    fn len(&self) -> usize {
        match self {
            Texts::Utf8(array) => array.len(),
            Texts::LargeUtf8(array) => array.len(),
            Texts::Utf8View(array) => array.len(),
            Texts::Binary(array) => array.len(),
            Texts::LargeBinary(array) => array.len(),
            Texts::BinaryView(array) => array.len(),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Texts::Utf8(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Texts::LargeUtf8(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Texts::Utf8View(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Texts::Binary(array) => array.is_valid(row).then(|| array.value(row)),
            Texts::LargeBinary(array) => array.is_valid(row).then(|| array.value(row)),
            Texts::BinaryView(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// URLs: one a row, or a list.
struct Urls<'a> {
    texts: Texts<'a>,
    /// Where the list of each row begins, and at last where it ends; nothing when there is one a row.
    offsets: Option<Vec<usize>>,
    /// The column itself: a list may be null.
    array: &'a dyn Array,
}

impl<'a> Urls<'a> {
    fn of(array: &'a dyn Array) -> Result<Self> {
        let (texts, offsets) = match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                let offsets = lists.value_offsets().iter().map(|&offset| offset as usize);
                (lists.values().as_ref(), Some(offsets.collect()))
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                let offsets = lists.value_offsets().iter().map(|&offset| offset as usize);
                (lists.values().as_ref(), Some(offsets.collect()))
            }
            _ => (array, None),
        };
        let texts = Texts::of(texts, "urls")?;
        Ok(Urls {
            texts,
            offsets,
            array,
        })
    }

    fn len(&self) -> usize {
        self.array.len()
    }

    /// The places of a row's URLs.
    fn places(&self, row: usize) -> Range<usize> {
        match &self.offsets {
            _ if self.array.is_null(row) => 0..0,
            Some(offsets) => offsets[row]..offsets[row + 1],
            None => row..row + 1,
        }
    }

    /// Bytes that the decisions of a row's URLs take for one agent.
    fn bytes(&self, row: usize) -> usize {
        self.places(row)
            .map(|at| DECISION_BYTES + self.texts.get(at).map_or(0, <[u8]>::len))
            .sum()
    }
}

type Columns = std::sync::LazyLock<SchemaRef>;

static DECISIONS: Columns = Columns::new(|| {
    schema([
        file(),
        agent(),
        Field::new("url", DataType::Utf8, false),
        Field::new("allowed", DataType::Boolean, false),
        Field::new("line", DataType::Int64, true),
    ])
});
static RULES: Columns = Columns::new(|| {
    schema([
        file(),
        Field::new("group", DataType::Int64, false),
        Field::new("line", DataType::Int64, false),
        Field::new("allow", DataType::Boolean, false),
        Field::new("pattern", DataType::Utf8, false),
    ])
});
static GROUPS: Columns = Columns::new(|| {
    schema([
        file(),
        Field::new("group", DataType::Int64, false),
        Field::new("line", DataType::Int64, false),
        Field::new("agents", DataType::List(Arc::new(item())), false),
        Field::new("rules", DataType::Int64, false),
    ])
});
static SITEMAPS: Columns =
    Columns::new(|| schema([file(), Field::new("sitemap", DataType::Utf8, false)]));
static SIGNALS: Columns = Columns::new(|| {
    schema([
        file(),
        agent(),
        Field::new("search", DataType::Boolean, true),
        Field::new("ai_input", DataType::Boolean, true),
        Field::new("ai_train", DataType::Boolean, true),
        Field::new("content_use", DataType::Utf8, true),
        Field::new("content_signal", DataType::Utf8, true),
        Field::new("content_usage", DataType::Utf8, true),
    ])
});
static DELAYS: Columns = Columns::new(|| {
    schema([
        file(),
        agent(),
        Field::new("crawl_delay", DataType::Float64, true),
        Field::new("requests", DataType::Int64, true),
        Field::new("period", DataType::Float64, true),
    ])
});

fn schema<const N: usize>(fields: [Field; N]) -> SchemaRef {
    Arc::new(Schema::new(fields.to_vec()))
}

fn file() -> Field {
    Field::new("file", DataType::Int64, false)
}

fn agent() -> Field {
    Field::new_dictionary("agent", DataType::Int32, DataType::Utf8, false)
}

fn item() -> Field {
    Field::new("item", DataType::Utf8, false)
}

/// The agents as the values of a dictionary.
fn dictionary<S: AsRef<str>>(agents: &[S]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(
        agents.iter().map(AsRef::as_ref),
    ))
}

fn integers(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema.clone(), columns).map_err(internal)
}

fn internal(source: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("answers do not fit their columns: {source}"))
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Float64Type;
    use arrow_array::{BinaryViewArray, LargeStringArray};

    use super::*;
    use crate::error::Exit;

    const CLOSED: &str =
        "User-agent: *\nDisallow: /\nCrawl-delay: 3\nContent-Signal: search=yes, use=reference\n";
    const MIXED: &str = "User-agent: CCBot\nUser-agent: GPTBot\nDisallow: /x\nAllow: /x/y\nRequest-rate: 1/5m\n\nUser-agent: *\nDisallow:\nSitemap: s1\nSitemap: s2\nContent-Usage: train-ai=n\n";
    const AGENTS: [&str; 2] = ["CCBot", "other"];

    fn bodies() -> StringArray {
        StringArray::from(vec![
            Some(CLOSED),
            Some(MIXED),
            None,
            Some(""),
            Some(CLOSED),
        ])
    }

    fn one(batches: Result<Vec<RecordBatch>>) -> RecordBatch {
        let mut batches = batches.unwrap();
        assert_eq!(batches.len(), 1);
        batches.remove(0)
    }

    fn ints(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
        let column = batch.column_by_name(name).unwrap();
        column
            .as_primitive::<arrow_array::types::Int64Type>()
            .iter()
            .collect()
    }

    fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>()
            .iter()
            .collect()
    }

    fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Vec<Option<&'b str>> {
        batch
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .iter()
            .collect()
    }

    fn keys(batch: &RecordBatch) -> Vec<i32> {
        let agents = batch
            .column_by_name("agent")
            .unwrap()
            .as_dictionary::<Int32Type>();
        agents.keys().values().to_vec()
    }

    fn bools(batch: &RecordBatch, name: &str) -> Vec<Option<bool>> {
        batch
            .column_by_name(name)
            .unwrap()
            .as_boolean()
            .iter()
            .collect()
    }

    #[test]
    fn each_distinct_body_is_parsed_once() {
        let bodies = bodies();
        let files = Files::parse(&bodies, &ParseOptions::default(), &Interrupt::default()).unwrap();
        assert_eq!((files.num_rows(), files.num_distinct()), (5, 3));
        assert!(std::ptr::eq(files.get(0).unwrap(), files.get(4).unwrap()));
        assert!(files.get(2).is_none());
    }

    #[test]
    fn decisions_come_by_file_url_and_agent_with_their_lines() {
        let bodies = bodies();
        let files = Files::parse(&bodies, &ParseOptions::default(), &Interrupt::default()).unwrap();
        let mut urls = ListBuilder::new(StringBuilder::new());
        urls.append_value([Some("https://a.example/")]);
        urls.append_value([Some("/x/y"), None, Some("/x")]);
        urls.append_value([Some("/")]);
        urls.append_null();
        urls.append_value::<_, &str>([]);
        let found = one(files.decisions(&AGENTS, &urls.finish(), true));
        assert_eq!(ints(&found, "file"), [0, 0, 1, 1, 1, 1].map(Some));
        assert_eq!(keys(&found), [0, 1, 0, 1, 0, 1]);
        let expected = [
            "https://a.example/",
            "https://a.example/",
            "/x/y",
            "/x/y",
            "/x",
            "/x",
        ];
        assert_eq!(texts(&found, "url"), expected.map(Some));
        assert_eq!(
            bools(&found, "allowed"),
            [false, false, true, true, false, true].map(Some)
        );
        assert_eq!(ints(&found, "line"), [2, 2, 4, 8, 3, 8].map(Some));

        let urls = LargeStringArray::from(vec![Some("/"), Some("/x"), Some("/"), None, Some("/")]);
        let found = one(files.decisions(&AGENTS[..1], &urls, false));
        assert_eq!(ints(&found, "file"), [0, 1, 4].map(Some));
        assert_eq!(ints(&found, "line"), [None; 3]);
    }

    #[test]
    fn every_row_has_its_answer_or_null() {
        let bodies = bodies();
        let files = Files::parse(&bodies, &ParseOptions::default(), &Interrupt::default()).unwrap();
        let urls = StringArray::from(vec![Some("/"), Some("/x"), Some("/"), Some("/"), None]);
        let answers = files.allowed("CCBot", &urls).unwrap();
        assert_eq!(
            answers,
            BooleanArray::from(vec![Some(false), Some(false), None, Some(true), None])
        );

        let rules = files.get(1).unwrap().agent("CCBot").into_rules();
        let expected = [Some(true), Some(false), Some(true), Some(true), None];
        let answers = allowed_by(&rules, &urls, &Interrupt::default()).unwrap();
        assert_eq!(answers, BooleanArray::from(expected.to_vec()));

        let one = BinaryViewArray::from_iter_values([MIXED]);
        let files = Files::parse(&one, &ParseOptions::default(), &Interrupt::default()).unwrap();
        let answers = files.allowed("CCBot", &urls).unwrap();
        assert_eq!(answers, BooleanArray::from(expected.to_vec()));
    }

    #[test]
    fn the_other_tables_hold_what_the_files_say() {
        let bodies = bodies();
        let files = Files::parse(&bodies, &ParseOptions::default(), &Interrupt::default()).unwrap();
        let rules = one(files.rules());
        assert_eq!(ints(&rules, "file"), [0, 1, 1, 1, 4].map(Some));
        assert_eq!(ints(&rules, "group"), [0, 0, 0, 1, 0].map(Some));
        assert_eq!(ints(&rules, "line"), [2, 3, 4, 8, 2].map(Some));
        assert_eq!(
            bools(&rules, "allow"),
            [false, false, true, false, false].map(Some)
        );
        assert_eq!(
            texts(&rules, "pattern"),
            ["/", "/x", "/x/y", "", "/"].map(Some)
        );

        let groups = one(files.groups());
        assert_eq!(ints(&groups, "line"), [1, 1, 7, 1].map(Some));
        assert_eq!(ints(&groups, "rules"), [1, 2, 1, 1].map(Some));
        let agents = groups
            .column_by_name("agents")
            .unwrap()
            .as_list::<i32>()
            .value(1);
        assert_eq!(
            agents.as_string::<i32>().iter().collect::<Vec<_>>(),
            [Some("CCBot"), Some("GPTBot")]
        );

        let sitemaps = one(files.sitemaps());
        assert_eq!(texts(&sitemaps, "sitemap"), ["s1", "s2"].map(Some));

        let delays = one(files.delays(&AGENTS));
        assert_eq!(ints(&delays, "file"), [0, 0, 1, 4, 4].map(Some));
        assert_eq!(keys(&delays), [0, 1, 0, 0, 1]);
        let three = Some(3.0);
        assert_eq!(
            floats(&delays, "crawl_delay"),
            [three, three, None, three, three]
        );
        assert_eq!(
            floats(&delays, "period"),
            [None, None, Some(300.0), None, None]
        );

        let signals = one(files.signals(&AGENTS));
        assert_eq!(ints(&signals, "file"), [0, 0, 1, 4, 4].map(Some));
        assert_eq!(keys(&signals), [0, 1, 1, 0, 1]);
        assert_eq!(bools(&signals, "search")[1..3], [Some(true), None]);
        assert_eq!(texts(&signals, "content_use")[0], Some("reference"));
        assert_eq!(
            texts(&signals, "content_usage")[1..3],
            [None, Some("train-ai=n")]
        );
    }

    #[test]
    fn batches_are_cut_at_the_same_places_for_any_threads() {
        let rows = 3 * BATCH_FILES + 1;
        let bodies = StringArray::from_iter_values(
            (0..rows).map(|row| format!("User-agent: *\nDisallow: /{}\n", row % 7)),
        );
        let urls = StringArray::from_iter_values((0..rows).map(|row| format!("/{}", row % 5)));
        let decide = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let files =
                    Files::parse(&bodies, &ParseOptions::default(), &Interrupt::default()).unwrap();
                assert_eq!(files.num_distinct(), 7);
                files.decisions(&AGENTS, &urls, false).unwrap()
            })
        };
        let found = decide(1);
        assert_eq!(found, decide(3));
        assert_eq!(
            found.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(),
            [2048, 2048, 2048, 2]
        );
    }

    #[test]
    fn a_stop_ends_every_question() {
        let (bodies, interrupt) = (bodies(), Interrupt::default());
        let files = Files::parse(&bodies, &ParseOptions::default(), &interrupt).unwrap();
        let urls = StringArray::from(vec!["/"; 5]);
        let rules = files.get(0).unwrap().agent("CCBot").into_rules();
        interrupt.request();
        let stopped = [
            Files::parse(&bodies, &ParseOptions::default(), &interrupt).err(),
            files.allowed("CCBot", &urls).err(),
            allowed_by(&rules, &urls, &interrupt).err(),
            files.decisions(&AGENTS, &urls, true).err(),
            files.rules().err(),
            files.groups().err(),
            files.sitemaps().err(),
            files.delays(&AGENTS).err(),
            files.signals(&AGENTS).err(),
        ];
        for error in stopped {
            assert_eq!(error.unwrap().exit(), Exit::Interrupted);
        }
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let bodies = bodies();
        let files = Files::parse(&bodies, &ParseOptions::default(), &Interrupt::default()).unwrap();
        let short = StringArray::from(vec!["/"]);
        assert!(files.allowed("CCBot", &short).is_err());
        assert!(files.decisions(&AGENTS, &short, false).is_err());
        let numbers = Int64Array::from(vec![1]);
        assert!(Files::parse(&numbers, &ParseOptions::default(), &Interrupt::default()).is_err());
        let none = StringArray::from(Vec::<&str>::new());
        let files = Files::parse(&none, &ParseOptions::default(), &Interrupt::default()).unwrap();
        assert_eq!(one(files.rules()).num_rows(), 0);
    }
}
