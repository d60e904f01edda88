#![doc = include_str!("../README.md")]

mod error;
mod progress;
#[cfg(feature = "python")]
pub mod python;
mod run;
mod shard;

pub use crawlrank_warc as warc;
pub use crawlrank_warc::{Record, RecordType};
#[cfg(feature = "python")]
pub use pyo3;

pub use error::Error;
pub use progress::Progress;
pub use run::{Outcome, run};
pub use shard::Account;

/// What is done with each record of a shard, and how the results of two shards become one.
///
/// Every shard begins with `Self::default()`. Results are merged one after another in the order of the shards, so that the
/// outcome is the same for any number of threads, whatever `merge` does.
pub trait Analysis: Default + Send {
    /// What comes out; for `export!` something that Python knows: numbers, strings, tuples, `Vec`, maps.
    ///
    /// A `BTreeMap` rather than a `HashMap`, whose order is another one each time.
    type Output: Send;

    /// Looks at one record. All kinds come by, `warcinfo` too: see [`Record::record_type`].
    fn record(&mut self, record: &Record);

    /// Takes in the result of the shards that follow those of `self`.
    fn merge(&mut self, other: Self);

    /// Makes the outcome of what all shards gave.
    fn finish(self) -> Self::Output;
}

/// Makes an analysis a Python module with a function `run`: `export!(module, Analysis)`.
///
/// The name of the module is that of the file, without `.rs`. See `python::run` for the arguments.
#[cfg(feature = "python")]
#[macro_export]
macro_rules! export {
    ($module:ident, $analysis:ident) => {
        #[$crate::pyo3::pymodule]
        #[pyo3(crate = "::crawlrank_analysis::pyo3")]
        mod $module {
            use $crate::pyo3::prelude::*;

            /// Goes through the records of shards, all cores at work, and returns what the analysis makes of them.
            ///
            /// Args:
            ///     shards: paths and patterns, one or a list of them: WARC, WAT or WET; plain, gzip or zstd.
            ///     threads: default one a core. The result is the same for any number.
            ///     progress: a line on a terminal and in a notebook (default), nothing (`False`), or a function that is
            ///         called with stage, done, total, unit and a message, some times a second.
            ///     account: return a pair, the result and a list with a dict for each shard: `shard`, `bytes`, `members`,
            ///         `records`, `faults`, `fault_bytes`, `padding_bytes`, `warnings` by kind, `error`.
            ///
            /// A `UserWarning` says when something was lost: damaged records, shards that could not be read.
            ///
            /// Raises `crawlrank.CrawlrankError` when there is no such file, or when none can be read.
            #[pyfunction]
            #[pyo3(crate = "::crawlrank_analysis::pyo3")]
            #[pyo3(signature = (shards, threads = None, progress = None, account = false))]
            fn run(
                py: Python<'_>,
                shards: &Bound<'_, PyAny>,
                threads: Option<usize>,
                progress: Option<Bound<'_, PyAny>>,
                account: bool,
            ) -> PyResult<Py<PyAny>> {
                $crate::python::run::<super::$analysis>(py, shards, threads, progress, account)
            }
        }
    };
}
