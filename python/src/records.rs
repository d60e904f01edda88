//! Records of a shard, one by one.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;

use crawlrank::error::refused;
use crawlrank_warc as warc;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt as _, PyOnceLock};
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::error::raised;

/// Faults that are kept for `Records.faults`. A shard made of nothing but faults has millions; all are counted in the totals.
const MOST_FAULTS: usize = 10_000;

/// Iterates over the records of a shard: WARC, WAT or WET; plain, gzip or zstd.
#[pyfunction]
pub(crate) fn records(py: Python<'_>, path: PathBuf) -> PyResult<Records> {
    let reader = py
        .detach(|| warc::Reader::open(&path))
        .map_err(|e| raised(py, &refused(&path, &e)))?;
    Ok(Records {
        path,
        state: Mutex::new(State {
            reader,
            faults: Vec::new(),
        }),
    })
}

/// The records of a shard. Damage does not stop it: what is lost is in `faults`.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Records {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    reader: warc::Reader<File>,
    faults: Vec<warc::Fault>,
}

impl State {
    fn next(&mut self) -> Result<Option<warc::Record>, warc::Error> {
        let mut record = warc::Record::default();
        let found = self.reader.read_record(&mut record);
        let room = MOST_FAULTS.saturating_sub(self.faults.len());
        self.faults
            .extend(self.reader.take_faults().into_iter().take(room));
        Ok(found?.then_some(record))
    }
}

#[pymethods]
impl Records {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Record>> {
        let record = py
            .detach(|| self.lock().next())
            .map_err(|e| raised(py, &refused(&self.path, &e)))?;
        Ok(record.map(|record| Record {
            record,
            block: PyOnceLock::new(),
        }))
    }

    /// What was lost so far: the first 10,000 faults, by offset. The totals count all.
    #[getter]
    fn faults(&self, py: Python<'_>) -> Vec<Fault> {
        let state = self.lock_attached(py);
        state.faults.iter().cloned().map(Fault).collect()
    }

    /// The account so far: `bytes`, `members`, `records`, `block_bytes`, `record_bytes`, `fault_bytes`,
    /// `padding_bytes`, `faults`, and `warnings` by kind.
    ///
    /// At the end `record_bytes + fault_bytes + padding_bytes == bytes`, the length of the file.
    #[getter]
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let totals = self.lock_attached(py).reader.totals().clone();
        let dict = PyDict::new(py);
        for (name, count) in [
            ("bytes", totals.bytes),
            ("members", totals.members),
            ("records", totals.records),
            ("block_bytes", totals.block_bytes),
            ("record_bytes", totals.record_bytes),
            ("fault_bytes", totals.fault_bytes),
            ("padding_bytes", totals.padding_bytes),
            ("faults", totals.faults),
        ] {
            dict.set_item(name, count)?;
        }
        let warnings = PyDict::new(py);
        for (kind, count) in totals.warnings.iter() {
            warnings.set_item(kind.as_str(), count)?;
        }
        dict.set_item("warnings", warnings)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        format!("<records of {:?}>", self.path)
    }
}

impl Records {
    /// Without the interpreter: another thread may hold the reader while it reads.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic inside the reader leaves a reader that may say nonsense, and no unsoundness; it is reported as it is.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock_attached(&self, py: Python<'_>) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock_py_attached(py)
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Bytes of a shard that could not be read as a record.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Fault(warc::Fault);

#[pymethods]
impl Fault {
    /// Where the damage begins, in bytes of the compressed stream.
    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    /// What is wrong, e.g. `bad_crc`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.as_str()
    }

    /// Compressed bytes lost.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// What was found, for people.
    #[getter]
    fn detail(&self) -> &str {
        &self.0.detail
    }

    fn __repr__(&self) -> String {
        let warc::Fault {
            offset,
            kind,
            bytes,
            detail,
        } = &self.0;
        format!("<fault {kind} at {offset}, {bytes} bytes: {detail}>")
    }
}

/// A record that was read whole.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Record {
    record: warc::Record,
    block: PyOnceLock<Py<PyBytes>>,
}

#[pymethods]
impl Record {
    /// What `WARC-Type` says: `response`, `metadata`, …, or `unknown`.
    #[getter]
    fn r#type(&self) -> &'static str {
        self.record.record_type().as_str()
    }

    /// Where the record begins in the compressed stream.
    #[getter]
    fn offset(&self) -> u64 {
        self.record.offset()
    }

    /// Compressed bytes; a member that several records share is charged to the first.
    #[getter]
    fn bytes(&self) -> u64 {
        self.record.bytes()
    }

    /// `WARC-Target-URI`, without the `<…>` that some writers put around it.
    #[getter]
    fn url<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        self.record
            .target_uri()
            .map(|uri| text(py, uri))
            .transpose()
    }

    /// The WARC header, decoded when it is looked at.
    #[getter]
    fn header(slf: Py<Self>) -> Header {
        Header { record: slf }
    }

    /// All behind the header: for a `response` HTTP, for `metadata` in WAT files JSON.
    #[getter]
    fn block<'py>(&self, py: Python<'py>) -> &Bound<'py, PyBytes> {
        self.block
            .get_or_init(py, || PyBytes::new(py, self.record.block()).unbind())
            .bind(py)
    }

    fn __repr__(&self) -> String {
        let url = self
            .record
            .target_uri()
            .map(crawlrank::escape::shown)
            .unwrap_or_default();
        format!(
            "<record {} at {}: {url}>",
            self.r#type(),
            self.record.offset()
        )
    }
}

/// A WARC header: a mapping of field names, in any case, to values. Of a repeated field it gives the first value; `fields()` gives all.
#[pyclass(frozen, mapping, module = "crawlrank")]
pub(crate) struct Header {
    record: Py<Record>,
}

#[pymethods]
impl Header {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        match self.warc_header().get(name) {
            Some(value) => text(py, value),
            None => Err(PyKeyError::new_err(name.to_owned())),
        }
    }

    /// The value, or `default`.
    #[pyo3(signature = (name, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.warc_header().get(name) {
            Some(value) => Ok(Some(text(py, value)?.into_any())),
            None => Ok(default),
        }
    }

    fn __contains__(&self, name: &str) -> bool {
        self.warc_header().get(name).is_some()
    }

    fn __len__(&self) -> usize {
        self.first_fields().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.keys(py)?.into_pyobject(py)?.try_iter()?.into_any())
    }

    /// The names as they are written, each once.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.first_fields()
            .into_iter()
            .map(|(name, _)| text(py, name))
            .collect()
    }

    /// The values, in the order of the names.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.first_fields()
            .into_iter()
            .map(|(_, value)| text(py, value))
            .collect()
    }

    /// Names with their values.
    fn items<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
        self.first_fields()
            .into_iter()
            .map(|(name, value)| Ok((text(py, name)?, text(py, value)?)))
            .collect()
    }

    /// All fields, repeated ones too, in their order.
    fn fields<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
        self.warc_header()
            .iter()
            .map(|(name, value)| Ok((text(py, name)?, text(py, value)?)))
            .collect()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let fields = PyDict::new(py);
        for (name, value) in self.items(py)? {
            fields.set_item(name, value)?;
        }
        Ok(fields.repr()?.to_string())
    }
}

impl Header {
    fn warc_header(&self) -> warc::Header<'_> {
        self.record.get().record.header()
    }

    /// Each field the first time that its name occurs. Headers have at most 256 lines.
    fn first_fields(&self) -> Vec<(&[u8], &[u8])> {
        let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
        for (name, value) in self.warc_header().iter() {
            if !fields
                .iter()
                .any(|(before, _)| before.eq_ignore_ascii_case(name))
            {
                fields.push((name, value));
            }
        }
        fields
    }
}

/// Decodes UTF-8. Other bytes become lone surrogates, so that `encode("utf-8", "surrogateescape")` gives them back.
fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => PyString::from_encoded_object(
            &PyBytes::new(py, bytes),
            Some(c"utf-8"),
            Some(c"surrogateescape"),
        ),
    }
}
