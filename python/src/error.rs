//! The exceptions: `crawlrank.CrawlrankError` and its kinds, made of the program's one error.

use std::path::Path;

use crawlrank::error::{Error, Exit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Returns the exception that carries the error's text, code, path and offset; its kind is that of the exit code.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let path = error.path().map(Path::as_os_str);
    let exit = error.exit() as u8;
    let exception = MAKE
        .import(py, "crawlrank._errors", "make")
        .and_then(|make| {
            make.call1((
                exit,
                error.to_string(),
                error.code(),
                path,
                error.byte_offset(),
            ))
        });
    match exception {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// A table that the manifest lists cannot be read: a file of our own is damaged.
pub(crate) fn damaged_table(path: &Path, found: impl ToString) -> Error {
    Error::new(Exit::Damaged, "E-TABLE", found.to_string())
        .at(path)
        .remedy("look with `crawlrank verify`; run the same `crawlrank run` again to make it anew")
}
