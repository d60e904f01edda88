//! Links of pages as Arrow streams, straight from shards.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use clap::ValueEnum;
use crawlrank::error::{Error, Exit, Result, quoted};
use crawlrank::links::{Batches, LinksOptions};
use crawlrank::recipe::{Kind, ProfileName, Recipe, Size, WwwRule};
use crawlrank::tables;
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use crate::error::raised;
use crate::preview;
use crate::records::{Fault, MOST_FAULTS, one_or_several};
use crate::table::{batches, export};

/// Bytes of the first shard that a preview may read: rows enough in a WAT shard, and no wait in one that has none.
const PREVIEW_BYTES: u64 = 1 << 20;

/// Words in several strings or in one, with commas between them as a flag has them.
fn words(object: Option<Bound<'_, PyAny>>, name: &str) -> PyResult<Vec<String>> {
    let Some(object) = object else {
        return Ok(Vec::new());
    };
    let several: Vec<String> = one_or_several(&object, name, "text, or several")?;
    let words = several.iter().flat_map(|words| words.split(','));
    Ok(words.map(str::to_owned).collect())
}

/// A number of bytes, or as a flag has it: `8K`.
fn size(object: Option<Bound<'_, PyAny>>, name: &str, default: Size) -> PyResult<Size> {
    let Some(object) = object else {
        return Ok(default);
    };
    if let Ok(bytes) = object.extract() {
        return Ok(Size(bytes));
    }
    let Ok(text) = object.extract::<String>() else {
        return Err(PyTypeError::new_err(format!(
            "`{name}` is {object}, expected a number of bytes, or text such as \"8K\""
        )));
    };
    text.parse()
        .map_err(|e| raised(object.py(), &Error::usage(format!("`{name}`: {e}"))))
}

/// Reads the links of pages from a shard, or from several: every link of every page as a row, without a graph.
///
/// `path`: a shard (plain, gzip or zstd), or several; rows come in the order of shards, pages and links.
/// `kind`: shards with the links as Common Crawl extracted them, `wat`, or captures as fetched, whose HTML and
/// redirects are read, `warc`. `profile`: how addresses are read, as a `browser` resolves them or with the hosts of Common Crawl's
/// own job, `cc`. `www`: `strip` takes a leading `www.` off hosts where two labels remain. `exclude_rel`: links with
/// these rel values give no row: `nofollow`, `ugc`, `sponsored`. `only_kind`: only links of these kinds give one: `a`,
/// `img`, `script`, `redirect`, … `max_links`: links read of a page. `max_url`: longest address, 8 KiB, `max_html`:
/// HTML read of a page, 16 MiB, `max_record`: largest record, 64 MiB, in bytes or as `"8K"`. Options and defaults are those of the command `links`.
///
/// Raises `UsageError` when an option makes no sense, `ReadWriteError` when a shard cannot be opened. What a shard
/// holds is looked at when rows are read: what is none then ends the stream with an error that names it.
#[pyfunction]
#[pyo3(signature = (
    path,
    *,
    kind = "wat",
    profile = "browser",
    www = "keep",
    exclude_rel = None,
    only_kind = None,
    max_links = 100_000,
    max_url = None,
    max_html = None,
    max_record = None,
))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn links(
    py: Python<'_>,
    path: &Bound<'_, PyAny>,
    kind: &str,
    profile: &str,
    www: &str,
    exclude_rel: Option<Bound<'_, PyAny>>,
    only_kind: Option<Bound<'_, PyAny>>,
    max_links: usize,
    max_url: Option<Bound<'_, PyAny>>,
    max_html: Option<Bound<'_, PyAny>>,
    max_record: Option<Bound<'_, PyAny>>,
) -> PyResult<Links> {
    let shards = one_or_several(path, "path", "a path, or several")?;
    let default = Recipe::default();
    let only_kind_given = only_kind.is_some();
    let only_kind = words(only_kind, "only_kind")?;
    if only_kind_given && only_kind.is_empty() {
        // To a recipe an empty list is no list: every link would give a row.
        let found = "`only_kind` is empty, expected at least one kind";
        return Err(raised(py, &Error::usage(found)));
    }
    let recipe = Recipe {
        exclude_rel: words(exclude_rel, "exclude_rel")?,
        only_kind,
        max_links,
        max_url: size(max_url, "max_url", default.max_url)?,
        max_html: size(max_html, "max_html", default.max_html)?,
        max_record: size(max_record, "max_record", default.max_record)?,
        ..default
    };
    let make = || {
        let recipe = Recipe {
            kind: choose::<Kind>("kind", kind)?,
            profile: choose::<ProfileName>("profile", profile)?,
            www: choose::<WwwRule>("www", www)?,
            ..recipe
        };
        Links::new(shards, LinksOptions::of(&recipe.check()?)?)
    };
    py.detach(make).map_err(|e| raised(py, &e))
}

/// Returns the value that users call `word`.
fn choose<T: ValueEnum>(name: &str, word: &str) -> Result<T> {
    T::from_str(word, false).map_err(|_| {
        let known = T::value_variants().iter();
        let known = known.filter_map(|value| Some(quoted(value.to_possible_value()?.get_name())));
        let known = known.collect::<Vec<_>>().join(" or ");
        Error::usage(format!("`{name}` is {word:?}, expected {known}"))
    })
}

/// Links of pages; give it to polars, pyarrow, DuckDB or pandas as it is.
///
/// Each of them gets a stream of its own, which reads the shards anew, a batch of at most 65,536 rows or little more
/// than 4 MiB of text at a time: `pyarrow.RecordBatchReader.from_stream(links)` goes through shards of any size.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Links {
    shards: Arc<[PathBuf]>,
    options: LinksOptions,
    schema: SchemaRef,
    account: Latest,
}

/// The account of the stream that began to read last.
type Latest = Arc<Mutex<Arc<Mutex<Account>>>>;

#[pymethods]
impl Links {
    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().as_str()).collect()
    }

    /// What was lost so far to the stream that began to read last: the first 10,000 faults, in order. The totals
    /// count all.
    #[getter]
    fn faults(&self) -> Vec<Fault> {
        lock(&lock(&self.account)).faults.clone()
    }

    /// The account so far of the stream that began to read last; zeros before any did.
    ///
    /// `complete`: whether it came to the end of the last shard. `shards` that were begun; `pages`, their `links`,
    /// those `filtered` out by `exclude_rel` and `only_kind`, and `rows`; `skipped`: pages and links left out, by
    /// reason. The others are those of `Records.totals`, of all shards together: at the end `record_bytes +
    /// fault_bytes + padding_bytes == bytes`, the length of the files.
    #[getter]
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (is_complete, sums) = {
            let latest = lock(&self.account);
            let account = lock(&latest);
            (account.is_complete, account.sums())
        };
        let dict = PyDict::new(py);
        dict.set_item("complete", is_complete)?;
        for (name, count) in Sums::NAMES.into_iter().zip(sums.counts) {
            dict.set_item(name, count)?;
        }
        dict.set_item("warnings", sums.warnings)?;
        dict.set_item("skipped", sums.skipped)?;
        Ok(dict)
    }

    /// Exports the rows as an Arrow stream, a fresh one at each call. The schema asked for is not looked at, as the
    /// interface allows: consumers cast.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let mut stream = self.stream();
        export(
            py,
            batches(self.schema.clone(), move || stream.read_detached()),
        )
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        py.detach(|| self.preview())
    }
}

impl Links {
    fn new(shards: Vec<PathBuf>, options: LinksOptions) -> Result<Links> {
        if shards.is_empty() {
            return Err(Error::usage("`path` is empty, expected at least one shard"));
        }
        for shard in &shards {
            check_opens(shard)?;
        }
        Ok(Links {
            shards: shards.into(),
            options,
            schema: Arc::new(tables::links::schema()),
            account: Latest::default(),
        })
    }

    fn stream(&self) -> Stream {
        Stream {
            shards: self.shards.clone(),
            options: self.options.clone(),
            latest: self.account.clone(),
            account: Arc::default(),
            next: 0,
            current: None,
            asker: Asker::new(),
        }
    }

    /// The first rows, if they come soon, and what they are of. Never an error: what is wrong is said.
    fn preview(&self) -> String {
        let first = &self.shards[0];
        let of = match self.shards.len() {
            1 => format!("{first:?}"),
            several => format!("{first:?} and {} more", several - 1),
        };
        if std::fs::metadata(first).is_ok_and(|found| !found.is_file()) {
            return format!("(links of {of})"); // what is read of a pipe is gone
        }
        let rows = guarded(first, || {
            let file = File::open(first).map_err(|e| Error::io(first, &e))?;
            Batches::new(file.take(PREVIEW_BYTES), first, self.options.clone())
                .next_batch(&mut |_| Ok(()))
        });
        match rows {
            Ok(Some(rows)) => {
                let table = preview::rows(&self.schema, Some(&rows));
                format!("{table}(the first links of {of})")
            }
            Ok(None) => format!("(links of {of}: none in the first MiB)"),
            Err(error) => format!("(links of {of}: {error})"),
        }
    }
}

/// Finds out at once what would otherwise end the stream later. A pipe is not opened: it can be read only once.
pub(crate) fn check_opens(shard: &Path) -> Result<()> {
    let found = std::fs::metadata(shard).map_err(|e| Error::io(shard, &e))?;
    if found.is_dir() {
        let found = "found a folder, expected a shard";
        let remedy = "give its files, e.g. `sorted(pathlib.Path(folder).glob(\"*.wat.gz\"))`";
        return Err(Error::new(Exit::Io, "E-IO", found).at(shard).remedy(remedy));
    }
    match found.is_file() {
        true => File::open(shard)
            .map(drop)
            .map_err(|e| Error::io(shard, &e)),
        false => Ok(()),
    }
}

/// What a stream has seen.
#[derive(Default)]
struct Account {
    is_complete: bool,
    /// Of the shards that are done.
    done: Sums,
    /// Of the shard at hand.
    current: Sums,
    faults: Vec<Fault>,
}

impl Account {
    fn sums(&self) -> Sums {
        let mut sums = self.done.clone();
        sums.add(&self.current);
        sums
    }
}

/// Counts of one shard, or of several.
#[derive(Clone, Default)]
struct Sums {
    /// By [`NAMES`](Sums::NAMES).
    counts: [u64; 13],
    warnings: BTreeMap<&'static str, u64>,
    skipped: BTreeMap<&'static str, u64>,
}

impl Sums {
    const NAMES: [&'static str; 13] = [
        "shards",
        "pages",
        "links",
        "filtered",
        "rows",
        "bytes",
        "members",
        "records",
        "block_bytes",
        "record_bytes",
        "fault_bytes",
        "padding_bytes",
        "faults",
    ];

    fn of(links: &Batches<Watched>) -> Sums {
        let (counts, totals) = (links.counts(), links.totals());
        let warnings = totals.warnings.iter();
        Sums {
            counts: [
                1,
                counts.pages,
                counts.links,
                counts.filtered,
                counts.rows,
                totals.bytes,
                totals.members,
                totals.records,
                totals.block_bytes,
                totals.record_bytes,
                totals.fault_bytes,
                totals.padding_bytes,
                totals.faults,
            ],
            warnings: warnings
                .map(|(kind, count)| (kind.as_str(), count))
                .collect(),
            skipped: counts.skipped.clone(),
        }
    }

    fn add(&mut self, other: &Sums) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        for (sums, counts) in [
            (&mut self.warnings, &other.warnings),
            (&mut self.skipped, &other.skipped),
        ] {
            for (name, count) in counts {
                *sums.entry(name).or_default() += count;
            }
        }
    }
}

/// The links of some shards, one shard after the other. Nothing is opened before the first batch is asked for: consumers
/// make streams only to look at the schema.
struct Stream {
    shards: Arc<[PathBuf]>,
    options: LinksOptions,
    latest: Latest,
    account: Arc<Mutex<Account>>,
    /// The shard to open next.
    next: usize,
    current: Option<Batches<Watched>>,
    asker: Asker,
}

impl Stream {
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        if self.next == 0 {
            *lock(&self.latest) = self.account.clone();
        }
        loop {
            if let Some(batch) = self.read_shard()? {
                return Ok(Some(batch));
            }
            let Some(shard) = self.shards.get(self.next) else {
                lock(&self.account).is_complete = true;
                return Ok(None);
            };
            self.next += 1;
            let file = File::open(shard).map_err(|e| Error::io(shard, &e))?;
            let input = Watched {
                file,
                asker: self.asker.clone(),
            };
            self.current = Some(Batches::new(input, shard, self.options.clone()));
        }
    }

    /// Returns the next batch of the shard at hand.
    fn read_shard(&mut self) -> Result<Option<RecordBatch>> {
        let Some(links) = &mut self.current else {
            return Ok(None);
        };
        let shard = &self.shards[self.next - 1];
        let mut faults = Vec::new();
        let batch = guarded(shard, || {
            links.next_batch(&mut |fault| {
                if faults.len() < MOST_FAULTS {
                    faults.push(Fault::new(shard, fault));
                }
                Ok(())
            })
        });
        let mut account = lock(&self.account);
        let room = MOST_FAULTS.saturating_sub(account.faults.len());
        account.faults.extend(faults.into_iter().take(room));
        account.current = Sums::of(links);
        if matches!(batch, Ok(None)) {
            let sums = std::mem::take(&mut account.current);
            account.done.add(&sums);
            self.current = None;
        }
        // What a signal handler raised says more than that reading failed.
        self.asker.answer().and(batch)
    }

    /// Reads on with the interpreter free for other threads.
    fn read_detached(&mut self) -> Result<Option<RecordBatch>> {
        if !self.asker.may_attach() {
            return self.read();
        }
        let attached = Python::try_attach(|py| {
            check_signals(py)?;
            py.detach(|| self.read())
        });
        attached.unwrap_or_else(|| self.read())
    }
}

/// Asks Python whether Ctrl-C was pressed. Only on the thread that asked for the stream: a consumer that waits for its own
/// threads may hold the interpreter, and waiting for it on those would be forever.
#[derive(Clone)]
struct Asker {
    owner: ThreadId,
    raised: Arc<Mutex<Option<Error>>>,
}

impl Asker {
    fn new() -> Asker {
        Asker {
            owner: thread::current().id(),
            raised: Arc::default(),
        }
    }

    fn may_attach(&self) -> bool {
        thread::current().id() == self.owner
    }

    /// Keeps what a signal handler raised, and says whether one did.
    fn ask(&self) -> bool {
        if !self.may_attach() {
            return false;
        }
        let Some(Err(error)) = Python::try_attach(check_signals) else {
            return false;
        };
        *lock(&self.raised) = Some(error);
        true
    }

    /// What [`ask`](Asker::ask) kept.
    fn answer(&self) -> Result<()> {
        lock(&self.raised).take().map_or(Ok(()), Err)
    }
}

/// A shard's bytes as they are read, ended when Ctrl-C was pressed: where few links are rows, the next batch may be many
/// shards away.
struct Watched {
    file: File,
    asker: Asker,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.asker.ask() {
            true => Err(std::io::Error::other("interrupted")),
            false => self.file.read(buffer),
        }
    }
}

fn check_signals(py: Python<'_>) -> Result<()> {
    py.check_signals().map_err(|e| interrupted(py, &e))
}

/// The error for what a signal handler raised. An Arrow stream has only text for it, which the consumer raises; after
/// Ctrl-C `KeyboardInterrupt` follows, lest code that catches the consumer's errors goes on.
fn interrupted(py: Python<'_>, raised: &PyErr) -> Error {
    let text = format!("interrupted by {raised}");
    let text = text.trim_end_matches(": "); // of an exception without text
    if raised.is_instance_of::<PyKeyboardInterrupt>(py) {
        // Without it the consumer's error is all there is.
        let _ = py
            .import("crawlrank._interrupt")
            .and_then(|module| module.call_method0("expect_again"))
            .and_then(|_| py.import("_thread")?.call_method0("interrupt_main"));
    }
    Error::new(Exit::Interrupted, "E-INTERRUPTED", text)
}

/// Turns a panic into the error of that shard: none may cross the C interface of a stream.
fn guarded<T>(shard: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::internal("the reader panicked").at(shard)))
}

/// What is held is whole at any time, so that a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
