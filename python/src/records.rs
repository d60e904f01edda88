//! Records of a shard, one by one.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crawlrank::error::{Error, refused};
use crawlrank_warc as warc;
use crawlrank_warc::http::Head;
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::error::raised;
use crate::links::check_opens;

/// Faults that are kept for `Records.faults`. A shard made of nothing but faults has millions; all are counted in the totals.
pub(crate) const MOST_FAULTS: usize = 10_000;

/// Records of other types that are read before Python is asked whether Ctrl-C was pressed.
const PASSED_OVER: usize = 1_000;

/// Iterates over the records of a shard: WARC, WAT or WET; plain, gzip or zstd.
///
/// `types`: give only records of these types, one or several, as `Record.type` has them. The others are read, so that
/// damage is found and `totals` counts them, at less cost than Python would have with them.
///
/// Raises `UsageError` for a type that does not exist, `ReadWriteError` when the shard cannot be opened.
#[pyfunction]
#[pyo3(signature = (path, *, types = None))]
pub(crate) fn records(
    py: Python<'_>,
    path: PathBuf,
    types: Option<Bound<'_, PyAny>>,
) -> PyResult<Records> {
    let types = types.as_ref().map(types_of).transpose()?;
    let reader = py
        .detach(|| {
            check_opens(&path)?;
            warc::Reader::open(&path).map_err(|e| refused(&path, &e))
        })
        .map_err(|e| raised(py, &e))?;
    Ok(Records {
        path,
        types,
        state: Mutex::new(State {
            reader,
            record: warc::Record::new(),
            faults: Vec::new(),
        }),
    })
}

/// The types of some names.
fn types_of(types: &Bound<'_, PyAny>) -> PyResult<Vec<warc::RecordType>> {
    let names: Vec<String> = one_or_several(types, "types", "text, or several")?;
    let known = names.iter().map(|name| record_type(name));
    known
        .collect::<Result<_, _>>()
        .map_err(|e| raised(types.py(), &e))
}

/// One value, or those that an iterable gives; `name` and `expected` are what messages call them.
pub(crate) fn one_or_several<'py, T: FromPyObjectOwned<'py>>(
    object: &Bound<'py, PyAny>,
    name: &str,
    expected: &str,
) -> PyResult<Vec<T>> {
    if let Ok(one) = object.extract() {
        return Ok(vec![one]);
    }
    let wrong = |is: &str, found: &Bound<'_, PyAny>| {
        let found = found.get_type();
        PyTypeError::new_err(format!("`{name}` {is} {found}, expected {expected}"))
    };
    if object.is_instance_of::<PyBytes>() {
        return Err(wrong("is", object)); // iterates, over numbers
    }
    let several = object.try_iter().map_err(|_| wrong("is", object))?;
    several
        .map(|one| {
            let one = one?;
            one.extract().map_err(|_| wrong("has", &one))
        })
        .collect()
}

fn record_type(name: &str) -> Result<warc::RecordType, Error> {
    let known = warc::RecordType::ALL;
    let found = known.into_iter().find(|known| known.as_str() == name);
    found.ok_or_else(|| {
        let known = known.map(|known| format!("`{known}`")).join(", ");
        Error::usage(format!("`types` has {name:?}, expected {known}"))
    })
}

/// The records of a shard. Damage does not stop it: what is lost is in `faults`.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Records {
    path: PathBuf,
    /// Records of other types are passed over.
    types: Option<Vec<warc::RecordType>>,
    state: Mutex<State>,
}

struct State {
    reader: warc::Reader<File>,
    /// Read into again and again: memory that is still in the cache, and large enough for nearly every record at the
    /// first attempt. What Python gets is of the record's own size.
    record: warc::Record,
    faults: Vec<warc::Fault>,
}

/// What reading came to.
enum Next {
    /// `State::record` is one to hand out.
    Found,
    /// There may be more behind records that were passed over.
    PassedOver,
    End,
}

impl State {
    fn next(&mut self, types: Option<&[warc::RecordType]>) -> Result<Next, warc::Error> {
        for _ in 0..PASSED_OVER {
            let found = self.reader.read_record(&mut self.record);
            let room = MOST_FAULTS.saturating_sub(self.faults.len());
            self.faults
                .extend(self.reader.take_faults().into_iter().take(room));
            if !found? {
                self.record = warc::Record::new();
                return Ok(Next::End);
            }
            if types.is_none_or(|types| types.contains(&self.record.record_type())) {
                return Ok(Next::Found);
            }
        }
        Ok(Next::PassedOver)
    }
}

#[pymethods]
impl Records {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Record>> {
        loop {
            let mut state = self.lock(py);
            let reading = &mut *state;
            match py.detach(|| reading.next(self.types.as_deref())) {
                Ok(Next::Found) => return Ok(Some(Record::of(py, &state.record))),
                Ok(Next::PassedOver) => {}
                Ok(Next::End) => return Ok(None),
                Err(error) => {
                    drop(state);
                    return Err(raised(py, &refused(&self.path, &error)));
                }
            }
            drop(state); // a signal handler may look at `totals`
            py.check_signals()?;
        }
    }

    /// What was lost so far: the first 10,000 faults, by offset. The totals count all.
    #[getter]
    fn faults(&self, py: Python<'_>) -> Vec<Fault> {
        let state = self.lock(py);
        let faults = state.faults.iter().cloned();
        faults.map(|fault| Fault::new(&self.path, fault)).collect()
    }

    /// The account so far: `bytes`, `members`, `records`, `block_bytes`, `record_bytes`, `fault_bytes`,
    /// `padding_bytes`, `faults`, and `warnings` by kind.
    ///
    /// At the end `record_bytes + fault_bytes + padding_bytes == bytes`, the length of the file.
    #[getter]
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let totals = self.lock(py).reader.totals().clone();
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
    /// Waits without the interpreter, which the thread that reads takes again before it lets the lock go.
    fn lock(&self, py: Python<'_>) -> std::sync::MutexGuard<'_, State> {
        // A panic inside the reader leaves a reader that may say nonsense, and no unsoundness; it is reported as it is.
        self.state
            .lock_py_attached(py)
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Bytes of a shard that could not be read as a record.
#[pyclass(frozen, module = "crawlrank")]
#[derive(Clone)]
pub(crate) struct Fault {
    path: PathBuf,
    fault: warc::Fault,
}

impl Fault {
    pub(crate) fn new(path: &Path, fault: warc::Fault) -> Self {
        Fault {
            path: path.to_owned(),
            fault,
        }
    }
}

#[pymethods]
impl Fault {
    /// The shard, as it was given.
    #[getter]
    fn path(&self) -> &Path {
        &self.path
    }

    /// Where the damage begins, in bytes of the compressed stream.
    #[getter]
    fn offset(&self) -> u64 {
        self.fault.offset
    }

    /// What is wrong, e.g. `bad_crc`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.fault.kind.as_str()
    }

    /// Compressed bytes lost.
    #[getter]
    fn bytes(&self) -> u64 {
        self.fault.bytes
    }

    /// What was found, for people.
    #[getter]
    fn detail(&self) -> &str {
        &self.fault.detail
    }

    fn __repr__(&self) -> String {
        let warc::Fault {
            offset,
            kind,
            bytes,
            detail,
        } = &self.fault;
        format!("<fault {kind} at {offset}, {bytes} bytes: {detail}>")
    }
}

/// A record that was read whole.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Record {
    record_type: warc::RecordType,
    offset: u64,
    bytes: u64,
    header: Box<[u8]>,
    block: Py<PyBytes>,
}

#[pymethods]
impl Record {
    /// What `WARC-Type` says: `response`, `metadata`, …, or `unknown`.
    #[getter]
    fn r#type(&self) -> &'static str {
        self.record_type.as_str()
    }

    /// Where the record begins in the compressed stream.
    #[getter]
    fn offset(&self) -> u64 {
        self.offset
    }

    /// Compressed bytes; a member that several records share is charged to the first.
    #[getter]
    fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `WARC-Target-URI`, without the `<…>` that some writers put around it.
    #[getter]
    fn url<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        self.warc_header()
            .target_uri()
            .map(|uri| text(py, uri))
            .transpose()
    }

    /// The WARC header, decoded when it is looked at.
    #[getter]
    fn header(slf: Py<Self>) -> Header {
        Header {
            record: slf,
            of: HeaderOf::Warc,
        }
    }

    /// All behind the header: for a `response` HTTP, for `metadata` in WAT files JSON. Always the same object.
    #[getter]
    fn block<'py>(&self, py: Python<'py>) -> &Bound<'py, PyBytes> {
        self.block.bind(py)
    }

    /// The status of an HTTP response, e.g. 200.
    #[getter]
    fn http_status(&self, py: Python<'_>) -> Option<u16> {
        self.http_head(py)?.status()
    }

    /// The header of an HTTP response or request, read when it is looked at.
    #[getter]
    fn http_header(slf: Bound<'_, Self>) -> Option<Header> {
        slf.get().http_head(slf.py())?;
        Some(Header {
            record: slf.unbind(),
            of: HeaderOf::Http,
        })
    }

    /// What HTTP brought: the block behind the HTTP header. The block itself where there is none.
    ///
    /// As it is stored. Common Crawl stores it with chunks and compression taken off; other crawlers do not.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        match self.http_head(py) {
            Some(head) => PyBytes::new(py, &self.block.as_bytes(py)[head.body()..]),
            None => self.block.bind(py).clone(),
        }
    }

    fn __repr__(&self) -> String {
        let url = self
            .warc_header()
            .target_uri()
            .map(crawlrank::escape::shown)
            .unwrap_or_default();
        format!("<record {} at {}: {url}>", self.record_type, self.offset)
    }
}

impl Record {
    /// Copies a record that the reader will write over.
    fn of(py: Python<'_>, record: &warc::Record) -> Record {
        Record {
            record_type: record.record_type(),
            offset: record.offset(),
            bytes: record.bytes(),
            header: record.header().as_bytes().into(),
            block: PyBytes::new(py, record.block()).unbind(),
        }
    }

    fn warc_header(&self) -> warc::Header<'_> {
        warc::Header::new(&self.header)
    }

    fn http_head<'a>(&'a self, py: Python<'a>) -> Option<Head<'a>> {
        use warc::RecordType::{Request, Response, Revisit};
        match self.record_type {
            Response | Request | Revisit => Head::parse(self.block.as_bytes(py)),
            _ => None,
        }
    }
}

/// A header: a mapping of field names, in any case, to values. Of a repeated field it gives the first value; `fields()` gives all.
#[pyclass(frozen, mapping, module = "crawlrank")]
pub(crate) struct Header {
    record: Py<Record>,
    of: HeaderOf,
}

/// Which header of a record.
#[derive(Clone, Copy)]
enum HeaderOf {
    Warc,
    Http,
}

#[pymethods]
impl Header {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        match self.first(py, name) {
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
        match self.first(py, name) {
            Some(value) => Ok(Some(text(py, value)?.into_any())),
            None => Ok(default),
        }
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> bool {
        self.first(py, name).is_some()
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.first_fields(py).len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.keys(py)?.into_pyobject(py)?.try_iter()?.into_any())
    }

    /// The names as they are written, each once.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.first_fields(py)
            .into_iter()
            .map(|(name, _)| text(py, name))
            .collect()
    }

    /// The values, in the order of the names.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.first_fields(py)
            .into_iter()
            .map(|(_, value)| text(py, value))
            .collect()
    }

    /// Names with their values.
    fn items<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
        self.first_fields(py)
            .into_iter()
            .map(|(name, value)| Ok((text(py, name)?, text(py, value)?)))
            .collect()
    }

    /// All fields, repeated ones too, in their order.
    fn fields<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
        self.all_fields(py)
            .into_iter()
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
    fn first<'a>(&'a self, py: Python<'a>, name: &str) -> Option<&'a [u8]> {
        let record = self.record.get();
        match self.of {
            HeaderOf::Warc => record.warc_header().get(name),
            HeaderOf::Http => record.http_head(py)?.first(name),
        }
    }

    fn all_fields<'a>(&'a self, py: Python<'a>) -> Vec<(&'a [u8], &'a [u8])> {
        let record = self.record.get();
        match self.of {
            HeaderOf::Warc => record.warc_header().iter().collect(),
            HeaderOf::Http => record
                .http_head(py)
                .map(|head| head.iter().collect())
                .unwrap_or_default(),
        }
    }

    /// Each field the first time that its name occurs.
    fn first_fields<'a>(&'a self, py: Python<'a>) -> Vec<(&'a [u8], &'a [u8])> {
        let mut names = HashSet::new();
        let mut fields = self.all_fields(py);
        fields.retain(|(name, _)| names.insert(name.to_ascii_lowercase()));
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
