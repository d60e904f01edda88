//! A shard as record batches, on whatever machine.
//!
//! Besides the columns of their kind all rows have the same three. `shard` is its name. `account` and `fault` are JSON, each on rows of its
//! own: the account of the shard comes last, once, before it a row for each fault. So what was lost travels with what was found, and whoever
//! leaves these rows out does so on purpose.
//!
//! Memory: a record and a batch; for pairs of names, what a builder is given, the rest in scratch.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder as _, BinaryBuilder, Int64Builder, StringBuilder};
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use crawlrank_graph::{BuilderOptions, Graph, GraphBuilder};
use crawlrank_robots::ParseOptions;
use crawlrank_warc::{Fault, Reader, Record, Totals};
use serde::{Deserialize, Serialize};

use crate::accounts::{FaultRow, ShardRow};
use crate::error::{self, Error, Result};
use crate::links::{Batches, LinksOptions};
use crate::recipe::{Level, Recipe};
use crate::robots::agents::KnownAgent;
use crate::robots::capture::{self, Found};
use crate::robots::survey;
use crate::shard::Shard;
use crate::stages::pages::{PageReader, read_pages};
use crate::tables::robots::{RobotsRow, robots_arrays};
use crate::tables::{self, BATCH_ROWS};

/// Bytes of records in a batch, or of what is said of them.
const BATCH_BYTES: usize = 8 << 20;

/// What rows are.
#[derive(Clone, Debug)]
pub enum RowKind {
    /// Pairs of names, each once: hosts or pages that link to one another.
    Pairs(Level),
    /// Links of pages, as the command `links` has them.
    Links,
    /// Records; with their blocks, or only what is said of them.
    Records {
        /// Whether blocks are wanted.
        blocks: bool,
    },
    /// Captures of robots.txt, and what they tell these agents.
    Robots(Vec<KnownAgent>),
}

impl RowKind {
    /// The schema: the columns of the kind, then `shard`, `account` and `fault`. All may be null, since each row has only its own.
    pub fn schema(&self) -> Schema {
        let own = match self {
            RowKind::Pairs(_) => pair_schema(),
            RowKind::Links => tables::links::schema(),
            RowKind::Records { .. } => record_schema(),
            RowKind::Robots(_) => tables::robots::schema(),
        };
        let own = own.fields().iter().map(|field| field.as_ref().clone());
        let common =
            ["shard", "account", "fault"].map(|name| Field::new(name, DataType::Utf8, true));
        let fields = own.chain(common).map(|field| field.with_nullable(true));
        Schema::new(fields.collect::<Vec<_>>())
    }
}

fn pair_schema() -> Schema {
    Schema::new(vec![
        Field::new("source", DataType::Utf8, true),
        Field::new("target", DataType::Utf8, true),
        Field::new("pages", DataType::Int64, true),
    ])
}

fn record_schema() -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    Schema::new(vec![
        number("offset"),
        number("bytes"),
        text("type"),
        text("url"),
        text("date"),
        text("content_type"),
        number("block_bytes"),
        Field::new("block", DataType::Binary, true),
    ])
}

/// A shard, or a piece of one.
pub struct Piece {
    /// The shard.
    pub shard: Shard,
    /// Which of its bytes.
    pub bytes: Range<u64>,
}

/// What the last row of a piece says: what was read and lost, and of which shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Of the piece.
    pub row: ShardRow,
    /// The whole shard.
    pub planned: Shard,
}

/// Streams the rows of a piece.
pub struct Rows {
    schema: SchemaRef,
    piece: Piece,
    source: Option<Box<dyn Source>>,
    faults: FaultLog,
    /// The lines of the log, once it is complete.
    told: Option<std::io::Lines<BufReader<File>>>,
    account: Option<ShardRow>,
}

/// The rows of a kind.
trait Source: Send {
    /// Returns the columns of the kind; nothing at the end.
    fn next(
        &mut self,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Option<Vec<ArrayRef>>>;

    /// What was counted, once it has come to its end, and what the reader counted.
    fn counted(&self) -> (ShardRow, Totals);
}

impl Rows {
    /// Begins to read `input`, the bytes of the piece; scratch goes to the folder `tmp`, of which builders use `memory_bytes` of memory
    /// before.
    ///
    /// # Errors
    /// Exit 2 for a recipe that makes no sense, 73 when there is no room for scratch.
    pub fn new(
        kind: &RowKind,
        recipe: &Recipe,
        piece: Piece,
        input: Box<dyn Read + Send>,
        tmp: &Path,
        memory_bytes: usize,
    ) -> Result<Self> {
        let path = &piece.shard.path;
        let source: Box<dyn Source> = match kind {
            RowKind::Pairs(level) => Box::new(Pairs {
                input: Some(input),
                recipe: recipe.clone(),
                level: *level,
                path: path.clone(),
                scratch: tempfile::tempdir_in(tmp).map_err(|e| Error::cannot_create(tmp, &e))?,
                memory_bytes,
                graph: None,
                node: 0,
                edge: 0,
                found: ShardRow::default(),
                totals: Totals::default(),
            }),
            RowKind::Links => {
                let options = LinksOptions::of(recipe)?;
                Box::new(Batches::new(input, path, options))
            }
            RowKind::Records { blocks } => Box::new(Records {
                path: path.clone(),
                reader: Reader::with_options(input, recipe.reader_options()),
                record: Record::default(),
                blocks: *blocks,
                first: piece.bytes.start,
            }),
            RowKind::Robots(agents) => Box::new(Robots {
                path: path.clone(),
                reader: Reader::with_options(input, recipe.reader_options()),
                record: Record::default(),
                agents: agents.iter().map(|agent| agent.token.clone()).collect(),
                found: ShardRow::default(),
            }),
        };
        Ok(Rows {
            schema: Arc::new(kind.schema()),
            piece,
            source: Some(source),
            faults: FaultLog::new(tmp)?,
            told: None,
            account: None,
        })
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the next batch, nothing at the end. What is wrong with the shard, and a fault of ours in reading it, ends its rows
    /// and is in its account.
    ///
    /// # Errors
    /// Trouble with scratch.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(source) = &mut self.source {
            let shard = &self.piece.shard;
            let (first, faults) = (self.piece.bytes.start, &mut self.faults);
            let mut on_fault = |mut fault: Fault| {
                fault.offset += first;
                faults.add(&FaultRow::new(shard, &fault))
            };
            let next = catch_unwind(AssertUnwindSafe(|| source.next(&mut on_fault)))
                .unwrap_or_else(|_| Err(Error::internal("the reader panicked").at(&shard.path)));
            match next {
                Ok(Some(columns)) => return self.batch(columns, None, None).map(Some),
                Ok(None) => {
                    let (counted, totals) = source.counted();
                    self.account = Some(self.piece.account(counted, &totals));
                }
                Err(error) if error.path() == Some(&shard.path) => {
                    self.account = Some(self.fail(&error)?)
                }
                Err(error) => return Err(error),
            }
            if self
                .account
                .as_ref()
                .is_some_and(|row| row.bytes != self.piece.len() && row.failed.is_none())
            {
                let row = self.account.take().unwrap_or_default();
                let found = format!("{} bytes, expected {}", row.bytes, self.piece.len());
                let error =
                    Error::new(error::Exit::Io, "E-CHANGED", found).at(&self.piece.shard.path);
                self.account = Some(self.fail(&error)?);
            }
            self.source = None;
            self.told = Some(self.faults.lines()?);
        }
        let Some(told) = &mut self.told else {
            return Ok(None);
        };
        let mut faults = Vec::new();
        for line in told.by_ref().take(BATCH_ROWS / 16) {
            faults.push(line.map_err(|e| Error::io(std::env::temp_dir(), &e))?);
        }
        if !faults.is_empty() {
            return self.batch(Vec::new(), None, Some(faults)).map(Some);
        }
        self.told = None;
        let account = Account {
            row: self.account.take().unwrap_or_default(),
            planned: self.piece.shard.clone(),
        };
        let account = serde_json::to_string(&account).expect("an account is plain data");
        self.batch(Vec::new(), Some(account), None).map(Some)
    }

    /// The account of a piece that cannot be read: every byte of it is in one fault.
    fn fail(&mut self, error: &Error) -> Result<ShardRow> {
        self.faults.forget()?;
        let piece = Shard {
            bytes: self.piece.len(),
            ..self.piece.shard.clone()
        };
        let mut fault = FaultRow::failed(&piece, error);
        fault.offset += self.piece.bytes.start;
        self.faults.add(&fault)?;
        Ok(ShardRow::failed(&piece, error))
    }

    /// Puts the columns that all kinds have behind those of the kind.
    fn batch(
        &self,
        own: Vec<ArrayRef>,
        account: Option<String>,
        faults: Option<Vec<String>>,
    ) -> Result<RecordBatch> {
        let rows = match (own.first(), &faults) {
            (Some(column), _) => column.len(),
            (None, Some(faults)) => faults.len(),
            (None, None) => 1,
        };
        let text = |values: Option<Vec<String>>| -> ArrayRef {
            match values {
                Some(values) => Arc::new(StringArray::from(values)),
                None => new_null_array(&DataType::Utf8, rows),
            }
        };
        let mut columns = own;
        for field in &self.schema.fields()[columns.len()..self.schema.fields().len() - 3] {
            columns.push(new_null_array(field.data_type(), rows));
        }
        let shard =
            StringArray::from_iter_values(std::iter::repeat_n(&self.piece.shard.name, rows));
        columns.extend([
            Arc::new(shard),
            text(account.map(|account| vec![account])),
            text(faults),
        ]);
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| Error::internal(format!("rows do not fit their schema: {e}")))
    }
}

impl Piece {
    fn len(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }

    fn account(&self, counted: ShardRow, totals: &Totals) -> ShardRow {
        ShardRow {
            pages: counted.pages,
            links: counted.links,
            edges: counted.edges,
            skipped: counted.skipped,
            ..ShardRow::read(&self.shard, totals)
        }
    }
}

/// Faults as they come, in a file: a hostile shard may have millions.
struct FaultLog(BufWriter<File>);

impl FaultLog {
    fn new(tmp: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(tmp).map_err(|e| Error::cannot_create(tmp, &e))?;
        Ok(FaultLog(BufWriter::new(file)))
    }

    fn add(&mut self, fault: &FaultRow) -> Result<()> {
        let line = serde_json::to_string(fault).expect("a fault is plain data") + "\n";
        self.0.write_all(line.as_bytes()).map_err(Self::failed)
    }

    fn forget(&mut self) -> Result<()> {
        let mut forget = || {
            self.0.flush()?;
            self.0.get_mut().set_len(0)?;
            self.0.get_mut().seek(SeekFrom::Start(0)).map(|_| ())
        };
        forget().map_err(Self::failed)
    }

    fn lines(&mut self) -> Result<std::io::Lines<BufReader<File>>> {
        let mut lines = || {
            self.0.flush()?;
            let mut file = self.0.get_ref().try_clone()?;
            file.seek(SeekFrom::Start(0))?;
            Ok(BufReader::new(file).lines())
        };
        lines().map_err(Self::failed)
    }

    fn failed(source: std::io::Error) -> Error {
        Error::io("a file without a name in the folder for scratch", &source)
    }
}

/// Pairs of names: all that a shard gives to a graph.
struct Pairs {
    input: Option<Box<dyn Read + Send>>,
    recipe: Recipe,
    level: Level,
    path: std::path::PathBuf,
    scratch: tempfile::TempDir,
    memory_bytes: usize,
    graph: Option<Graph>,
    /// The node whose row or edges come next, and the place of the next edge in the list of all.
    node: u32,
    edge: usize,
    found: ShardRow,
    totals: Totals,
}

impl Pairs {
    /// Reads the piece to its end.
    fn read(
        &mut self,
        input: Box<dyn Read + Send>,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Graph> {
        let options = BuilderOptions {
            memory_bytes: self.memory_bytes,
            edge_pages: self.recipe.edge_pages,
            node_pages: true,
            ..BuilderOptions::default()
        };
        let mut builders = vec![(self.level, GraphBuilder::new(self.scratch.path(), options)?)];
        let mut readers = vec![PageReader::new(&self.recipe, &[self.level])?];
        let (found, totals) = read_pages(
            input,
            &self.recipe.reader_options(),
            &mut readers,
            &mut Record::default(),
            &mut builders,
            on_fault,
            |e| error::refused(&self.path, &e),
        )?;
        (self.found, self.totals) = (found, totals);
        let (_, builder) = builders.remove(0);
        Ok(builder.finish(&self.scratch.path().join("graph"))?)
    }
}

impl Source for Pairs {
    /// A node with pages is a row without target; so is one without any edge. The others come with their edges.
    fn next(
        &mut self,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Option<Vec<ArrayRef>>> {
        if let Some(input) = self.input.take() {
            self.graph = Some(self.read(input, on_fault)?);
        }
        let Some(graph) = &self.graph else {
            return Ok(None);
        };
        let none = || Error::internal("a graph without names and pages");
        let (names, node_pages) = (
            graph.names().ok_or_else(none)?,
            graph.node_pages().ok_or_else(none)?,
        );
        let name = |id: u32| String::from_utf8_lossy(names.get(id));
        let (mut sources, mut targets, mut pages) = (
            StringBuilder::new(),
            StringBuilder::new(),
            Int64Builder::new(),
        );
        let mut bytes = 0;
        while (self.node as usize) < names.len() && pages.len() < BATCH_ROWS && bytes < BATCH_BYTES
        {
            let source = name(self.node);
            let edges = graph.outgoing();
            let list = edges.neighbors(self.node);
            if self.edge == 0 {
                let captured = node_pages[self.node as usize];
                let is_alone = list.is_empty() && graph.incoming().neighbors(self.node).is_empty();
                if captured > 0 || is_alone {
                    sources.append_value(&source);
                    targets.append_null();
                    pages.append_value(captured as i64);
                    bytes += source.len();
                }
            }
            let list_pages = edges.pages(self.node);
            while self.edge < list.len() && pages.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                let target = name(list[self.edge]);
                bytes += source.len() + target.len();
                sources.append_value(&source);
                targets.append_value(&target);
                pages.append_option(list_pages.map(|pages| i64::from(pages[self.edge])));
                self.edge += 1;
            }
            if self.edge == list.len() {
                (self.node, self.edge) = (self.node + 1, 0);
            }
        }
        Ok((pages.len() > 0).then(|| -> Vec<ArrayRef> {
            vec![
                Arc::new(sources.finish()),
                Arc::new(targets.finish()),
                Arc::new(pages.finish()),
            ]
        }))
    }

    fn counted(&self) -> (ShardRow, Totals) {
        (self.found.clone(), self.totals.clone())
    }
}

impl<R: Read + Send> Source for Batches<R> {
    fn next(
        &mut self,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Option<Vec<ArrayRef>>> {
        Ok(self
            .next_batch(on_fault)?
            .map(|batch| batch.columns().to_vec()))
    }

    fn counted(&self) -> (ShardRow, Totals) {
        let counts = self.counts();
        let skipped = counts.skipped.iter();
        let row = ShardRow {
            pages: counts.pages,
            links: counts.links,
            skipped: skipped
                .map(|(&reason, &count)| (reason.to_owned(), count))
                .collect(),
            ..ShardRow::default()
        };
        (row, self.totals().clone())
    }
}

/// Reads a record, and tells of the faults before it; false at the end.
fn read_record(
    reader: &mut Reader<Box<dyn Read + Send>>,
    record: &mut Record,
    path: &Path,
    on_fault: &mut dyn FnMut(Fault) -> Result<()>,
) -> Result<bool> {
    let more = reader.read_record(record);
    reader.take_faults().into_iter().try_for_each(on_fault)?;
    more.map_err(|e| error::refused(path, &e))
}

struct Records {
    path: std::path::PathBuf,
    reader: Reader<Box<dyn Read + Send>>,
    record: Record,
    blocks: bool,
    /// Offset of the piece.
    first: u64,
}

impl Source for Records {
    fn next(
        &mut self,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Option<Vec<ArrayRef>>> {
        let mut numbers = [(); 3].map(|()| Int64Builder::new());
        let mut words = [(); 4].map(|()| StringBuilder::new());
        let (mut blocks, mut bytes) = (BinaryBuilder::new(), 0);
        while numbers[0].len() < BATCH_ROWS && bytes < BATCH_BYTES {
            if !read_record(&mut self.reader, &mut self.record, &self.path, on_fault)? {
                break;
            }
            let (record, block) = (&self.record, self.record.block());
            let values = [
                self.first + record.offset(),
                record.bytes(),
                block.len() as u64,
            ];
            for (column, value) in numbers.iter_mut().zip(values) {
                column.append_value(value as i64);
            }
            let content_type = record.header().get("Content-Type");
            let texts = [
                Some(record.record_type().as_str().as_bytes()),
                record.target_uri(),
                record.date(),
                content_type,
            ];
            for (column, text) in words.iter_mut().zip(texts) {
                column.append_option(text.map(String::from_utf8_lossy));
                bytes += text.map_or(0, <[u8]>::len);
            }
            blocks.append_option(self.blocks.then_some(block));
            bytes += if self.blocks { block.len() } else { 0 };
        }
        let [mut offset, mut length, mut block_bytes] = numbers;
        let [mut kind, mut url, mut date, mut content_type] = words;
        Ok((offset.len() > 0).then(|| -> Vec<ArrayRef> {
            vec![
                Arc::new(offset.finish()),
                Arc::new(length.finish()),
                Arc::new(kind.finish()),
                Arc::new(url.finish()),
                Arc::new(date.finish()),
                Arc::new(content_type.finish()),
                Arc::new(block_bytes.finish()),
                Arc::new(blocks.finish()),
            ]
        }))
    }

    fn counted(&self) -> (ShardRow, Totals) {
        (ShardRow::default(), self.reader.totals().clone())
    }
}

struct Robots {
    path: std::path::PathBuf,
    reader: Reader<Box<dyn Read + Send>>,
    record: Record,
    agents: Vec<String>,
    found: ShardRow,
}

impl Source for Robots {
    fn next(
        &mut self,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Option<Vec<ArrayRef>>> {
        let parse = ParseOptions::default();
        let tokens: Vec<&str> = self.agents.iter().map(String::as_str).collect();
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            if !read_record(&mut self.reader, &mut self.record, &self.path, on_fault)? {
                break;
            }
            match capture::look(&self.record, parse.max_bytes) {
                Found::Capture(capture) => {
                    self.found.pages += 1;
                    let row: RobotsRow =
                        survey::row_of(&capture, &tokens, &parse, &mut BTreeMap::new());
                    bytes += row.memory_bytes();
                    rows.push(row);
                }
                Found::Skipped(reason) => self.found.skip(reason, 1),
                Found::Other => {}
            }
        }
        match rows.is_empty() {
            true => Ok(None),
            false => robots_arrays(&self.agents, &rows).map(Some),
        }
    }

    fn counted(&self) -> (ShardRow, Totals) {
        (self.found.clone(), self.reader.totals().clone())
    }
}
