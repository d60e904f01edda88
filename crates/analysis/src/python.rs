//! An analysis as a Python module: what [`export!`](crate::export) calls.

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use pyo3::{IntoPyObjectExt, PyTypeInfo};

use crate::{Account, Analysis, Error, Outcome, Progress};

/// How often Python is asked whether Ctrl-C was pressed, and told how far the run is.
const ASKED_EVERY: Duration = Duration::from_millis(50);
/// How often a line of progress is written anew.
const WRITTEN_EVERY: Duration = Duration::from_millis(250);

/// Goes through shards and returns what the analysis makes of them; with `account` a pair of that and an account of each shard.
///
/// Other threads of Python run all the while; Ctrl-C stops it within a record.
///
/// # Errors
/// `crawlrank.CrawlrankError` when there is no such file, or when none can be read; `RuntimeError` when the analysis panics.
pub fn run<A>(
    py: Python<'_>,
    shards: &Bound<'_, PyAny>,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
    account: bool,
) -> PyResult<Py<PyAny>>
where
    A: Analysis,
    A::Output: for<'py> IntoPyObject<'py>,
{
    let shards = paths(shards)?;
    let threads = threads.unwrap_or_else(default_threads);
    let told = Arc::new(Progress::default());
    let work = || crate::run::<A>(&shards, threads, &told);
    let teller = Teller::new(py, progress, &shards)?;
    let outcome = interruptible(py, &told, teller, work)?;
    let Outcome { value, shards } = outcome;
    warn_of_losses(py, &shards)?;
    let value = value.into_py_any(py)?;
    if account {
        return (value, accounts(py, &shards)?).into_py_any(py);
    }
    Ok(value)
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Works on a thread of its own, and stops it when a signal handler of Python raises.
fn interruptible<'py, T: Send>(
    py: Python<'py>,
    progress: &Progress,
    mut teller: Teller<'py>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    let (done, result) = mpsc::channel();
    let result = Mutex::new(result); // nobody else takes it; without the interpreter only what threads may share is at hand
    let receive = || {
        let result = result.lock().unwrap_or_else(PoisonError::into_inner);
        result.recv_timeout(ASKED_EVERY)
    };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // The receiver goes away only with this scope.
            let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let mut stopped = Ok(());
        let outcome = loop {
            match py.detach(receive) {
                Ok(outcome) => break outcome,
                Err(mpsc::RecvTimeoutError::Timeout) if stopped.is_ok() => {
                    stopped = py.check_signals().and_then(|()| teller.tell(py, progress));
                    if stopped.is_err() {
                        progress.stop();
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(PyRuntimeError::new_err("the work ended without a word"));
                }
            }
        };
        teller.clear(py)?;
        // What Python raised says more than that the work was stopped.
        stopped?;
        match outcome {
            Ok(outcome) => outcome.map_err(|error| raised(py, &error)),
            Err(_) => Err(PyRuntimeError::new_err("the work ended by a panic")),
        }
    })
}

/// The shards that are meant: paths and patterns, one or several. A pattern gives its files in the order of their names; no
/// file is taken twice.
fn paths(shards: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let py = shards.py();
    let fspath = py.import("os")?.getattr("fspath")?;
    let mut given: Vec<PathBuf> = Vec::new();
    let is_one = shards.is_instance_of::<PyString>()
        || shards.is_instance_of::<PyBytes>()
        || shards.hasattr("__fspath__")?;
    if is_one {
        given.push(fspath.call1((shards,))?.extract()?);
    } else {
        for one in shards.try_iter()? {
            given.push(fspath.call1((one?,))?.extract()?);
        }
    }
    let mut paths = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for path in given {
        let is_pattern = path
            .to_str()
            .is_some_and(|path| path.contains(['*', '?', '[']));
        let found: Vec<PathBuf> = if is_pattern && !path.exists() {
            let options = PyDict::new(py);
            options.set_item("recursive", true)?;
            let glob = py.import("glob")?.getattr("glob")?;
            let mut found: Vec<PathBuf> =
                glob.call((path.as_os_str(),), Some(&options))?.extract()?;
            found.retain(|path| !path.is_dir());
            found.sort();
            found
        } else {
            vec![path.clone()]
        };
        if found.is_empty() {
            let message = format!("{}: no file of such a name", path.display());
            return Err(exception(py, 2, &message, "E-USAGE", Some(&path), None));
        }
        if let Some(folder) = found.iter().find(|path| path.is_dir()) {
            let message = format!(
                "{}: a folder, expected files; give a pattern, such as `{}`",
                folder.display(),
                folder.join("*.gz").display()
            );
            return Err(exception(py, 2, &message, "E-USAGE", Some(folder), None));
        }
        paths.extend(found.into_iter().filter(|path| seen.insert(path.clone())));
    }
    if paths.is_empty() {
        let message = "no shards are given, expected paths or patterns";
        return Err(exception(py, 2, message, "E-USAGE", None, None));
    }
    Ok(paths)
}

fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::NothingRead { shard, .. } => exception(py, 4, &text, "E-FORMAT", Some(shard), None),
        _ => PyRuntimeError::new_err(text),
    }
}

/// An exception of `crawlrank`, which is there when its import hook has built the module; an `OSError` where it is not.
fn exception(
    py: Python<'_>,
    exit: u8,
    text: &str,
    code: &str,
    path: Option<&PathBuf>,
    offset: Option<u64>,
) -> PyErr {
    let path = path.map(|path| path.as_os_str());
    let text_with_code = format!("error[{code}]: {text}");
    let made = py
        .import("crawlrank._errors")
        .and_then(|errors| errors.getattr("make"))
        .and_then(|make| make.call1((exit, text_with_code, code, path, offset)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(_) => PyOSError::new_err(text.to_owned()),
    }
}

/// Warns when something was lost: nothing is lost in silence.
fn warn_of_losses(py: Python<'_>, shards: &[Account]) -> PyResult<()> {
    let Some(text) = losses(shards) else {
        return Ok(());
    };
    let text = CString::new(text.replace('\0', "\\0")).expect("no zero bytes are left");
    PyErr::warn(py, &PyUserWarning::type_object(py), &text, 1)
}

/// What was lost, in a sentence; `None` when all was read.
fn losses(shards: &[Account]) -> Option<String> {
    let unread: Vec<&Account> = shards.iter().filter(|s| s.error.is_some()).collect();
    let damaged: Vec<&Account> = shards
        .iter()
        .filter(|shard| shard.error.is_none() && shard.totals.faults > 0)
        .collect();
    let mut parts = Vec::new();
    if let Some(first) = unread.first() {
        parts.push(format!(
            "{} of {} shards could not be read and are left out, the first: {:?}: {}",
            unread.len(),
            shards.len(),
            first.shard,
            first.error.as_deref().unwrap_or_default()
        ));
    }
    if let Some(first) = damaged.first() {
        let faults: u64 = damaged.iter().map(|shard| shard.totals.faults).sum();
        let bytes: u64 = damaged.iter().map(|shard| shard.totals.fault_bytes).sum();
        let place = first
            .first_fault
            .as_ref()
            .map_or_else(String::new, |fault| {
                format!(" offset {}: {}", fault.offset, fault.kind)
            });
        parts.push(format!(
            "{} of {} shards are damaged: {faults} faults, {bytes} bytes lost, the first: {:?}{place}",
            damaged.len(),
            shards.len(),
            first.shard
        ));
    }
    (!parts.is_empty()).then(|| {
        format!(
            "{}; `account=True` returns an account of each shard",
            parts.join("; ")
        )
    })
}

fn accounts<'py>(py: Python<'py>, shards: &[Account]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for shard in shards {
        let totals = &shard.totals;
        let dict = PyDict::new(py);
        dict.set_item("shard", shard.shard.as_os_str())?;
        for (name, count) in [
            ("bytes", totals.bytes),
            ("members", totals.members),
            ("records", totals.records),
            ("faults", totals.faults),
            ("fault_bytes", totals.fault_bytes),
            ("padding_bytes", totals.padding_bytes),
        ] {
            dict.set_item(name, count)?;
        }
        let warnings = PyDict::new(py);
        for (kind, count) in totals.warnings.iter() {
            warnings.set_item(kind.as_str(), count)?;
        }
        dict.set_item("warnings", warnings)?;
        dict.set_item("error", shard.error.as_deref())?;
        list.append(dict)?;
    }
    Ok(list)
}

/// Tells how far a run is, where somebody wants to know.
struct Teller<'py> {
    whom: Whom<'py>,
    bytes: u64,
    shards: usize,
    begun: Instant,
    written: Option<Instant>,
    length: usize,
}

enum Whom<'py> {
    Nobody,
    /// A line that is written over, to Python's stderr: what notebooks show.
    Line,
    Function(Bound<'py, PyAny>),
}

impl<'py> Teller<'py> {
    fn new(
        py: Python<'py>,
        progress: Option<Bound<'py, PyAny>>,
        shards: &[PathBuf],
    ) -> PyResult<Teller<'py>> {
        let whom = match progress {
            Some(function) if function.is_callable() => Whom::Function(function),
            Some(wanted) if wanted.is_truthy()? => Whom::Line,
            Some(_) => Whom::Nobody,
            None if has_watcher(py).unwrap_or(false) => Whom::Line,
            None => Whom::Nobody,
        };
        // What is not a plain file, or not there, is told when it is read.
        let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        Ok(Teller {
            whom,
            bytes: shards.iter().map(length).sum(),
            shards: shards.len(),
            begun: Instant::now(),
            written: None,
            length: 0,
        })
    }

    fn tell(&mut self, py: Python<'py>, progress: &Progress) -> PyResult<()> {
        if self
            .written
            .is_some_and(|last| last.elapsed() < WRITTEN_EVERY)
        {
            return Ok(());
        }
        self.written = Some(Instant::now());
        let (done, total) = (progress.bytes(), self.bytes.max(progress.bytes()));
        let shards = format!("{}/{} shards", progress.shards(), self.shards);
        match &self.whom {
            Whom::Nobody => Ok(()),
            Whom::Function(function) => {
                function.call1(("analyze", done, total, "bytes", shards))?;
                Ok(())
            }
            Whom::Line => {
                let share = (done * 30).checked_div(total).unwrap_or(0) as usize;
                let rate = done as f64 / 1e6 / self.begun.elapsed().as_secs_f64();
                let bar = "#".repeat(share) + &"-".repeat(30 - share);
                self.write(py, &format!("analyze  [{bar}] {shards}, {rate:.0} MB/s"))
            }
        }
    }

    /// Leaves no line behind.
    fn clear(&mut self, py: Python<'py>) -> PyResult<()> {
        if self.length == 0 {
            return Ok(());
        }
        self.write(py, "")?;
        self.write(py, "")
    }

    fn write(&mut self, py: Python<'py>, text: &str) -> PyResult<()> {
        let stderr = py.import("sys")?.getattr("stderr")?;
        let padded = format!("\r{text:<width$}", width = self.length);
        stderr.call_method1("write", (padded,))?;
        stderr.call_method0("flush")?;
        self.length = text.len();
        Ok(())
    }
}

/// Whether somebody looks at stderr: a terminal or a notebook.
fn has_watcher(py: Python<'_>) -> PyResult<bool> {
    let sys = py.import("sys")?;
    let modules = sys.getattr("modules")?;
    if modules.contains("ipykernel")? || modules.contains("marimo")? {
        return Ok(true);
    }
    sys.getattr("stderr")?.call_method0("isatty")?.is_truthy()
}
