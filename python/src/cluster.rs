//! What `crawlrank.spark` stands on: shards as rows, tables taken up as a run, and blocks of a ranking.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, Int64Array};
use clap::Parser as _;
use crawlrank::cli::{Cli, Command, Context, OutputFormat};
use crawlrank::cluster::hand_over::{self, Told};
use crawlrank::cluster::rows::{Piece, RowKind, Rows};
use crawlrank::cluster::split;
use crawlrank::commands::rank::{Iterated, rank_run};
use crawlrank::error::{Error, Exit, Result};
use crawlrank::manifest::Manifest;
use crawlrank::progress::Show;
use crawlrank::recipe::{Level, Recipe};
use crawlrank::robots::agents;
use crawlrank::run::RunDir;
use crawlrank::shard::{self, Shard};
use crawlrank::stages::build::domain_of;
use crawlrank::tables::nodes::reversed;
use crawlrank_graph::{BlockScores, PageRankOptions, RankingBlock};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow::{Arrays, Column, open};
use crate::engine;
use crate::error::raised;
use crate::interrupt::interruptible;
use crate::run::parse_level;
use crate::table::{batches, export};
use crate::url;

/// Finds shards for a cluster: returns the recipe that `arguments`, flags of the command `run`, come to, and the shards, as JSON.
///
/// `inputs`: files, folders, patterns and lists on this machine. `elsewhere`: addresses and lengths of shards that only the cluster reads.
#[pyfunction]
pub(crate) fn cluster_plan(
    py: Python<'_>,
    inputs: Vec<OsString>,
    elsewhere: Vec<(String, u64)>,
    arguments: Vec<OsString>,
) -> PyResult<(String, Vec<String>)> {
    let plan = |interrupt: &_| {
        // Some input has to be there.
        let some = ["--out", "-", "-"].map(OsString::from);
        let mut job = engine::parse(arguments.into_iter().chain(some).collect())?;
        let recipe = job.recipe.resolve()?;
        let mut shards = shard::elsewhere(&elsewhere);
        if !inputs.is_empty() {
            job.inputs = inputs;
            shards.extend(job.find(&recipe, interrupt)?);
            if let Some(far) = shards.iter().find(|shard| shard.remote.is_some()) {
                let found = "a shard on a server, which every worker of a cluster would ask at its own pace";
                return Err(Error::usage(found).at(&far.path).remedy(
                    "fetch the shards first, by `crawlrank fetch`, or give the addresses of an object store: `s3://commoncrawl/crawl-data/…`",
                ));
            }
        }
        let shards = shards.iter().map(json).collect();
        Ok((json(&recipe), shards))
    };
    interruptible(py, |_| Ok(()), plan)
}

/// Where the pieces of a shard on this machine begin that are read by several workers.
#[pyfunction]
pub(crate) fn cluster_pieces(py: Python<'_>, path: PathBuf, piece_bytes: u64) -> Vec<u64> {
    py.detach(|| split::pieces(&path, piece_bytes))
}

/// The rows of a piece of a shard, for one stream.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct ClusterRows(Mutex<Option<Rows>>);

#[pymethods]
impl ClusterRows {
    /// `kind`: `host_links`, `page_links`, `links`, `records`, `robots`. `recipe` and `shard` are those of `cluster_plan`; `source` is what
    /// bytes are read of, by `read(size)`, where the shard is not on this machine. `blocks`: whether records have theirs.
    /// `agents`: tokens, or a file of them, for `robots`.
    #[new]
    #[pyo3(signature = (kind, recipe, shard, start, end, source, tmp, memory_bytes, blocks, agents))]
    #[expect(clippy::too_many_arguments, reason = "what a task is told")]
    fn new(
        py: Python<'_>,
        kind: &str,
        recipe: &str,
        shard: &str,
        start: u64,
        end: u64,
        source: Option<Py<PyAny>>,
        tmp: PathBuf,
        memory_bytes: usize,
        blocks: bool,
        agents: Option<String>,
    ) -> PyResult<Self> {
        let make = || {
            let kind = row_kind(kind, blocks, agents.as_deref())?;
            let shard: Shard = parsed(shard)?;
            let input: Box<dyn Read + Send> = match source {
                // A request to a store takes time, whatever it brings.
                Some(object) => Box::new(BufReader::with_capacity(REQUEST_BYTES, Object(object))),
                None => open_piece(&shard.path, start, end),
            };
            let piece = Piece {
                shard,
                bytes: start..end,
            };
            Rows::new(
                &kind,
                &parsed::<Recipe>(recipe)?,
                piece,
                input,
                &tmp,
                memory_bytes,
            )
        };
        let rows = py.detach(make).map_err(|e| raised(py, &e))?;
        Ok(ClusterRows(Mutex::new(Some(rows))))
    }

    /// Exports the rows as an Arrow stream, once.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut rows =
            rows.ok_or_else(|| raised(py, &Error::usage("these rows were taken already")))?;
        let schema = rows.schema().clone();
        export(py, batches(schema, move || rows.next_batch()))
    }
}

fn row_kind(kind: &str, blocks: bool, agents: Option<&str>) -> Result<RowKind> {
    Ok(match kind {
        "host_links" => RowKind::Pairs(Level::Host),
        "page_links" => RowKind::Pairs(Level::Page),
        "links" => RowKind::Links,
        "records" => RowKind::Records { blocks },
        "robots" => RowKind::Robots(match agents {
            Some(flag) => agents::from_flag(flag)?,
            None => agents::known(),
        }),
        other => {
            let known = "`host_links`, `page_links`, `links`, `records` or `robots`";
            return Err(Error::usage(format!(
                "`kind` is {other:?}, expected {known}"
            )));
        }
    })
}

/// What cannot be opened fails when it is read: then it is in the account of the shard.
fn open_piece(path: &Path, start: u64, end: u64) -> Box<dyn Read + Send> {
    let open = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file.take(end - start))
    };
    match open() {
        Ok(piece) => Box::new(piece),
        Err(error) => Box::new(Failed(Some(error))),
    }
}

/// Bytes that an object of Python is asked for at a time.
const REQUEST_BYTES: usize = 8 << 20;

struct Failed(Option<std::io::Error>);

impl Read for Failed {
    fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
        let gone = || std::io::Error::other("it could not be opened");
        Err(self.0.take().unwrap_or_else(gone))
    }
}

/// Bytes that an object of Python gives.
struct Object(Py<PyAny>);

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Python::attach(|py| {
            let bytes = self.0.call_method1(py, "read", (buffer.len(),))?;
            let bytes: &[u8] = bytes.extract(py)?;
            let fits = bytes.len().min(buffer.len());
            buffer[..fits].copy_from_slice(&bytes[..fits]);
            Ok::<_, PyErr>(fits)
        })
        .map_err(|e| std::io::Error::other(e.to_string()))
    }
}

/// Of a column of reversed host names the names as people write them, the registered domains, reversed, and these as people
/// write them. A name without a domain stands for itself.
#[pyfunction]
pub(crate) fn cluster_hosts(
    hosts: &Bound<'_, PyAny>,
    private_suffixes: bool,
) -> PyResult<(Column, Column, Column)> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let domain = |host: &[u8]| text(domain_of(host, private_suffixes));
    let column = |make: &(dyn Fn(&[u8]) -> String + Sync)| {
        url::map(hosts, "hosts", |host, out| {
            out.push_str(&make(host));
            true
        })
    };
    Ok((
        column(&|host| reversed(&text(host)))?,
        column(&domain)?,
        column(&|host| reversed(&domain(host)))?,
    ))
}

/// The addresses and the reversed hosts of a column of names of pages.
#[pyfunction]
pub(crate) fn cluster_pages(pages: &Bound<'_, PyAny>) -> PyResult<(Column, Column)> {
    let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    let urls = url::map(pages, "pages", |key, out| {
        out.push_str(&crawlrank_links::url_of_page_key(&text(key)).unwrap_or_default());
        true
    })?;
    let hosts = url::map(pages, "pages", |key, out| {
        out.push_str(&crawlrank_links::host_of_page_key(&text(key)).unwrap_or_default());
        true
    })?;
    Ok((urls, hosts))
}

/// Whether `out` has the graphs of these shards already.
#[pyfunction]
pub(crate) fn cluster_is_built(
    py: Python<'_>,
    out: PathBuf,
    recipe: &str,
    shards: Vec<String>,
) -> PyResult<bool> {
    let look = || hand_over::is_built(&out, &parsed::<Recipe>(recipe)?, &parsed_all(&shards)?);
    py.detach(look).map_err(|e| raised(py, &e))
}

/// Begins a run with the accounts of its shards.
#[pyfunction]
pub(crate) fn cluster_begin(
    py: Python<'_>,
    out: PathBuf,
    recipe: &str,
    shards: Vec<String>,
    accounts: PathBuf,
    faults: PathBuf,
) -> PyResult<()> {
    py.detach(|| {
        let shards = parsed_all(&shards)?;
        let told = Told {
            accounts: &accounts,
            faults: &faults,
        };
        hand_over::begin(&out, &parsed::<Recipe>(recipe)?, &shards, told).map(|_| ())
    })
    .map_err(|e| raised(py, &e))
}

/// What was lost of the shards of a run, in words.
#[pyfunction]
pub(crate) fn cluster_lost(py: Python<'_>, out: PathBuf) -> PyResult<Option<String>> {
    py.detach(|| hand_over::lost(&out))
        .map_err(|e| raised(py, &e))
}

/// The recipe of a run, as JSON.
#[pyfunction]
pub(crate) fn cluster_recipe(py: Python<'_>, out: PathBuf) -> PyResult<String> {
    let read = || {
        let run = RunDir::new(&out);
        Manifest::open(&run)?;
        Ok(json(&Recipe::open(&run.recipe())?))
    };
    py.detach(read).map_err(|e| raised(py, &e))
}

/// Moves tables into a run: pairs of a file or folder and its name there.
#[pyfunction]
pub(crate) fn cluster_publish(
    py: Python<'_>,
    out: PathBuf,
    tables: Vec<(PathBuf, String)>,
) -> PyResult<()> {
    py.detach(|| {
        let tables: Vec<(&Path, &str)> = tables
            .iter()
            .map(|(path, name)| (path.as_path(), name.as_str()))
            .collect();
        hand_over::publish(&out, &tables)
    })
    .map_err(|e| raised(py, &e))
}

/// Files of vectors, each with its length.
type Files = Vec<(PathBuf, u64)>;

/// Does what the command `rank` does with a run. `arguments` are its flags; `iterated` has for each level that a cluster has ranked the
/// files of its scores, in order, each with its length, and the L1 change of each iteration.
#[pyfunction]
pub(crate) fn cluster_rank(
    py: Python<'_>,
    out: PathBuf,
    arguments: Vec<OsString>,
    iterated: BTreeMap<String, (Files, Vec<f64>)>,
    progress: bool,
) -> PyResult<Option<String>> {
    let rank = |interrupt: &crawlrank::interrupt::Interrupt| {
        let program = [
            "crawlrank".into(),
            "rank".into(),
            out.clone().into_os_string(),
        ];
        let cli = Cli::try_parse_from(program.into_iter().chain(arguments));
        let cli = cli.map_err(|refusal| Error::usage(refusal.to_string()))?;
        let Command::Rank(command) = cli.command else {
            return Err(Error::internal(
                "the arguments of `rank` are those of another command",
            ));
        };
        let mut of_levels = BTreeMap::new();
        for (level, (scores, residuals)) in iterated {
            of_levels.insert(parse_level(&level)?, Iterated { scores, residuals });
        }
        let context = Context {
            interrupt: interrupt.clone(),
            progress: if progress { Show::Auto } else { Show::Nothing },
            output: OutputFormat::Table,
        };
        let change = |recipe| command.recipe(recipe);
        let summary = rank_run(&out, change, &of_levels, &context)?;
        match summary.exit() {
            Exit::Internal => Err(Error::internal(summary.trouble().unwrap_or_default()).at(&out)),
            _ => Ok(summary.trouble()),
        }
    };
    interruptible(py, |_| Ok(()), rank)
}

/// Writes a column of whole numbers as a file of `uint32`, which blocks read.
#[pyfunction]
pub(crate) fn cluster_write_degrees(
    py: Python<'_>,
    path: PathBuf,
    table: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let mut arrays = open(table, "table")?;
    py.detach(|| {
        let mut degrees = Vec::new();
        each_row(&mut arrays, 1, &mut |row| {
            degrees.push(row[0]);
            Ok(())
        })?;
        Ok(crawlrank_graph::Column::write(&path, &degrees)?)
    })
    .map_err(|e| raised(py, &e))
}

/// Calls `each` with the ids in the columns of each row.
fn each_row(
    arrays: &mut Arrays,
    columns: usize,
    each: &mut dyn FnMut(&[u32]) -> Result<()>,
) -> Result<()> {
    let wrong = |what: &str| Error::internal(format!("a table of a cluster has {what}"));
    let mut row = vec![0; columns];
    while let Some(batch) = arrays.next()? {
        let batch = batch.as_struct_opt().ok_or_else(|| wrong("no columns"))?;
        let of = |column: &_| -> Option<Int64Array> {
            let column: &std::sync::Arc<dyn arrow_array::Array> = column;
            let numbers = column.as_primitive_opt::<Int64Type>()?;
            (numbers.null_count() == 0).then(|| numbers.clone())
        };
        let values = batch
            .columns()
            .iter()
            .take(columns)
            .map(of)
            .collect::<Option<Vec<_>>>();
        let values = values.filter(|values| values.len() == columns);
        let values = values.ok_or_else(|| wrong("columns that are no numbers"))?;
        for at in 0..batch.len() {
            for (value, column) in row.iter_mut().zip(&values) {
                *value = u32::try_from(column.value(at)).map_err(|_| wrong("ids beyond 2^32"))?;
            }
            each(&row)?;
        }
    }
    Ok(())
}

/// Consecutive nodes with their incoming edges, for ranking in blocks. Vectors are in files of NumPy's format.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct ClusterBlock(Mutex<RankingBlock>);

#[pymethods]
impl ClusterBlock {
    /// Blocks begin at multiples of so many nodes.
    #[classattr]
    const ALIGNMENT: u64 = RankingBlock::ALIGNMENT;

    /// Writes the block of the nodes from `start` to before `end`. `degrees`: files of the out-degrees of all nodes, in order, each with its
    /// length; `edges`: a table of sources and targets, by target, then source.
    #[staticmethod]
    fn write(
        py: Python<'_>,
        path: PathBuf,
        degrees: Files,
        start: u64,
        end: u64,
        edges: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let mut arrays = open(edges, "edges")?;
        py.detach(|| {
            let degrees: Vec<u32> = crawlrank_graph::Column::read_all(&degrees)?;
            let mut sources = Vec::new();
            let mut ends = vec![0usize; (end - start) as usize];
            let mut last = start;
            each_row(&mut arrays, 2, &mut |row| {
                let target = u64::from(row[1]);
                if target < last || target >= end {
                    return Err(Error::internal(format!(
                        "an edge to node {target} in the block from {start}, behind one to {last}"
                    )));
                }
                last = target;
                sources.push(row[0]);
                ends[(target - start) as usize] = sources.len();
                Ok(())
            })?;
            for node in 1..ends.len() {
                ends[node] = ends[node].max(ends[node - 1]);
            }
            let read_list = |node: u32, list: &mut Vec<u32>| {
                let place = (u64::from(node) - start) as usize;
                let first = place.checked_sub(1).map_or(0, |before| ends[before]);
                list.extend_from_slice(&sources[first..ends[place]]);
            };
            Ok(RankingBlock::write(&path, &degrees, start..end, read_list)?)
        })
        .map_err(|e| raised(py, &e))
    }

    /// Opens a block that was written.
    #[new]
    fn new(py: Python<'_>, path: PathBuf, start: u64, end: u64) -> PyResult<Self> {
        let opened = py.detach(|| Ok(RankingBlock::open(&path, start..end)?));
        let block = opened.map_err(|e: Error| raised(py, &e))?;
        Ok(ClusterBlock(Mutex::new(block)))
    }

    /// Writes the scores that a ranking begins with, and what flows from them; returns the number of contributions, and of each bin the change
    /// and the score on dangling nodes.
    fn start(&self, py: Python<'_>, scores: PathBuf, contributions: PathBuf) -> PyResult<Written> {
        py.detach(|| {
            let block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            write_scores(block.start(), &scores, &contributions)
        })
        .map_err(|e| raised(py, &e))
    }

    /// Does an iteration: reads the block's scores, of `from_scores`, and all contributions, of files with their lengths in order.
    #[expect(clippy::too_many_arguments, reason = "what a task is told")]
    fn step(
        &self,
        py: Python<'_>,
        all_contributions: Files,
        dangling: f64,
        from_scores: (PathBuf, u64),
        damping: f64,
        scores: PathBuf,
        contributions: PathBuf,
    ) -> PyResult<Written> {
        py.detach(|| {
            let options = PageRankOptions {
                damping,
                ..PageRankOptions::default()
            };
            let all = crawlrank_graph::Column::<f64>::read_all(&all_contributions)?;
            let before = crawlrank_graph::Column::<f64>::read_all(&[from_scores])?;
            let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            write_scores(
                block.step(&all, dangling, before, &options)?,
                &scores,
                &contributions,
            )
        })
        .map_err(|e| raised(py, &e))
    }
}

type Written = (u64, Vec<f64>, Vec<f64>);

fn write_scores(state: BlockScores, scores: &Path, contributions: &Path) -> Result<Written> {
    crawlrank_graph::Column::write(scores, &state.scores)?;
    crawlrank_graph::Column::write(contributions, &state.contributions)?;
    Ok((
        state.contributions.len() as u64,
        state.changes,
        state.dangling,
    ))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::internal(format!("not what was planned: {e}")))
}

fn parsed_all(shards: &[String]) -> Result<Vec<Shard>> {
    shards.iter().map(|shard| parsed(shard)).collect()
}
