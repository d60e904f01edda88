//! Arrow columns from and to Python, by the PyCapsule interface.
//!
//! Whatever has `__arrow_c_stream__` or `__arrow_c_array__` is taken: series, arrays, chunked arrays, frames, tables. Buffers
//! are shared, not copied. That their addresses and lengths are sound is the producer's word, as the C data interface
//! has it; that text is UTF-8 is not taken on trust: text is looked at as bytes.
#![allow(unsafe_code)] // structures of the C interface are filled by foreign functions

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BinaryViewArray, GenericBinaryArray, GenericListArray,
    GenericStringArray, LargeBinaryArray, OffsetSizeTrait, make_array, new_empty_array,
};
use arrow_schema::{DataType, Field};
use crawlrank::error::{Error, Result};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyCapsule, PyList, PyString, PyTuple};

use crate::error::raised;

/// What a producer handed over: arrays of one type.
pub(crate) struct Imported {
    pub(crate) data_type: DataType,
    pub(crate) chunks: Vec<ArrayRef>,
}

/// Whether an object exports itself as Arrow data.
pub(crate) fn is_arrow(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.hasattr("__arrow_c_stream__")? || object.hasattr("__arrow_c_array__")?)
}

/// Takes all arrays that an object exports; `name` is what messages call it.
pub(crate) fn import(object: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Imported> {
    let py = object.py();
    let mut arrays = open(object, name)?;
    py.detach(|| {
        let mut chunks = Vec::new();
        while let Some(array) = arrays.next()? {
            chunks.push(array);
        }
        Ok(Imported {
            data_type: arrays.data_type,
            chunks,
        })
    })
    .map_err(|e| raised(py, &e))
}

/// Begins to take the arrays that an object exports, one after the other.
pub(crate) fn open(object: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Arrays> {
    let py = object.py();
    let arrays = if object.hasattr("__arrow_c_stream__")? {
        let capsule = object.call_method0("__arrow_c_stream__")?;
        let pointer = pointer(&capsule, c"arrow_array_stream")?;
        // SAFETY: a capsule of this name holds an initialized stream. It is moved out: what stays behind is released.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer) };
        py.detach(|| Arrays::of_stream(stream, name))
    } else if object.hasattr("__arrow_c_array__")? {
        let capsules = object.call_method0("__arrow_c_array__")?;
        let (schema, array): (Bound<'_, PyAny>, Bound<'_, PyAny>) = capsules.extract()?;
        let schema = pointer(&schema, c"arrow_schema")?;
        let array = pointer(&array, c"arrow_array")?;
        // SAFETY: capsules of these names hold an initialized schema and array. Both are moved out.
        let (schema, array) = unsafe {
            (
                FFI_ArrowSchema::from_raw(schema),
                FFI_ArrowArray::from_raw(array),
            )
        };
        Arrays::new(Source::Array(Some(array)), schema, name)
    } else {
        return Err(PyTypeError::new_err(format!(
            "`{name}` is of type {}, expected Arrow data (of polars, pyarrow, pandas or whatever else exports itself)",
            object.get_type().name()?
        )));
    };
    arrays.map_err(|e| raised(py, &e))
}

fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<*mut T> {
    let pointer = capsule.cast::<PyCapsule>()?.pointer_checked(Some(name))?;
    Ok(pointer.as_ptr().cast())
}

/// Arrays of one type, as they come.
pub(crate) struct Arrays {
    source: Source,
    schema: FFI_ArrowSchema,
    name: &'static str,
    pub(crate) data_type: DataType,
}

enum Source {
    Stream(FFI_ArrowArrayStream),
    Array(Option<FFI_ArrowArray>),
}

impl Arrays {
    fn new(source: Source, schema: FFI_ArrowSchema, name: &'static str) -> Result<Arrays> {
        let data_type = guarded(name, || {
            DataType::try_from(&schema).map_err(|e| unreadable(name, e))
        })?;
        Ok(Arrays {
            source,
            schema,
            name,
            data_type,
        })
    }

    fn of_stream(mut stream: FFI_ArrowArrayStream, name: &'static str) -> Result<Arrays> {
        let Some(get_schema) = stream.get_schema else {
            return Err(unreadable(name, "the stream was consumed already"));
        };
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the function belongs to this stream, which is not released, and fills the structure or says why not.
        let code = unsafe { get_schema(&mut stream, &mut schema) };
        check(&mut stream, code, name)?;
        Arrays::new(Source::Stream(stream), schema, name)
    }

    /// Returns the next array.
    pub(crate) fn next(&mut self) -> Result<Option<ArrayRef>> {
        let array = match &mut self.source {
            Source::Array(array) => array.take(),
            Source::Stream(stream) => {
                let Some(get_next) = stream.get_next else {
                    return Err(unreadable(self.name, "the stream cannot be read"));
                };
                let mut array = FFI_ArrowArray::empty();
                // SAFETY: as for `get_schema`; no two calls run at a time.
                let code = unsafe { get_next(stream, &mut array) };
                check(stream, code, self.name)?;
                (!array.is_released()).then_some(array)
            }
        };
        let Some(array) = array else { return Ok(None) };
        guarded(self.name, || {
            // SAFETY: the producer made both, and says by the interface that array and schema go together and that its
            // buffers are as long as they must be.
            let data =
                unsafe { from_ffi(array, &self.schema) }.map_err(|e| unreadable(self.name, e))?;
            Ok(Some(make_array(data)))
        })
    }
}

/// Returns what the stream says of an error.
fn check(stream: &mut FFI_ArrowArrayStream, code: c_int, name: &str) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    let text = match stream.get_last_error {
        // SAFETY: the function belongs to this stream, which is not released.
        Some(get_last_error) => unsafe { get_last_error(stream) },
        None => std::ptr::null(),
    };
    if text.is_null() {
        let found = format_args!("the stream failed with error {code}");
        return Err(unreadable(name, found));
    }
    // SAFETY: text that ends in NUL, and lives until the next call on the stream.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    Err(unreadable(name, text))
}

fn unreadable(name: &str, found: impl std::fmt::Display) -> Error {
    Error::usage(format!("`{name}` cannot be read as Arrow data: {found}"))
}

/// Turns a panic of the Arrow library, which types it does not know can cause, into an error.
fn guarded<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(unreadable(name, "the Arrow reader gave up")))
}

impl Imported {
    /// The same, text as bytes: what is no text stays as it is.
    fn text_as_bytes(self) -> Imported {
        let chunks = self.chunks.into_iter();
        Imported {
            data_type: self.data_type,
            chunks: chunks.map(text_as_bytes).collect(),
        }
    }

    /// One array of text or bytes; chunks are put together without their contents being copied.
    pub(crate) fn into_bytes(self, name: &str) -> Result<ArrayRef> {
        use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
        if !matches!(
            self.data_type,
            Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView
        ) {
            return Err(wrong_type(name, &self.data_type, "text or binary"));
        }
        let mut chunks = self.text_as_bytes().chunks;
        if chunks.len() < 2 {
            let none = || new_empty_array(&DataType::Binary);
            return Ok(chunks.pop().unwrap_or_else(none));
        }
        let mut all = BinaryViewBuilder::new();
        for chunk in &chunks {
            all.append_array(&match chunk.data_type() {
                DataType::Binary => BinaryViewArray::from(chunk.as_binary::<i32>()),
                DataType::LargeBinary => BinaryViewArray::from(chunk.as_binary::<i64>()),
                _ => chunk.as_binary_view().clone(),
            });
        }
        Ok(Arc::new(all.finish()))
    }

    /// The URLs of files: one a row, or a list a row in one chunk.
    pub(crate) fn into_urls(self, name: &str) -> Result<ArrayRef> {
        match self.data_type {
            DataType::List(_) | DataType::LargeList(_) if self.chunks.len() == 1 => {
                Ok(lists_as_bytes(&self.chunks[0]))
            }
            DataType::List(_) | DataType::LargeList(_) => Err(Error::usage(format!(
                "`{name}` has lists in {} chunks, expected one",
                self.chunks.len()
            ))
            .remedy(
                "put them together first: `combine_chunks()` in pyarrow, `rechunk()` in polars",
            )),
            _ => self.into_bytes(name),
        }
    }
}

pub(crate) fn wrong_type(name: &str, found: &DataType, expected: &str) -> Error {
    let (found, remedy) = match found {
        DataType::Struct(_) => (
            "a table".to_owned(),
            Some(
                "give one of its columns, e.g. `table[\"url\"]`; of DuckDB `relation.to_arrow_table()[\"url\"]`",
            ),
        ),
        DataType::Dictionary(..) => (
            format!("a column of type {found}"),
            Some("cast it first: `.cast(polars.String)`, `.cast(\"string\")` in pyarrow"),
        ),
        other => (format!("a column of type {other}"), None),
    };
    let error = Error::usage(format!(
        "`{name}` is {found}, expected a column of {expected}"
    ));
    match remedy {
        Some(remedy) => error.remedy(remedy),
        None => error,
    }
}

fn text_as_bytes(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8 => bytes_of(array.as_string::<i32>()),
        DataType::LargeUtf8 => bytes_of(array.as_string::<i64>()),
        DataType::Utf8View => Arc::new(array.as_string_view().clone().to_binary_view()),
        _ => array,
    }
}

fn bytes_of<O: OffsetSizeTrait>(text: &GenericStringArray<O>) -> ArrayRef {
    let (offsets, values, nulls) = text.clone().into_parts();
    Arc::new(GenericBinaryArray::<O>::new(offsets, values, nulls))
}

/// Lists of text as lists of bytes.
fn lists_as_bytes(lists: &ArrayRef) -> ArrayRef {
    fn of<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> ArrayRef {
        let (_, offsets, values, nulls) = lists.clone().into_parts();
        let values = text_as_bytes(values);
        let item = Field::new("item", values.data_type().clone(), true);
        Arc::new(GenericListArray::<O>::new(
            Arc::new(item),
            offsets,
            values,
            nulls,
        ))
    }
    match lists.data_type() {
        DataType::List(_) => of(lists.as_list::<i32>()),
        _ => of(lists.as_list::<i64>()),
    }
}

/// The values of a column that [`Imported::into_bytes`] made.
pub(crate) enum Values<'a> {
    Binary(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
}

impl<'a> Values<'a> {
    pub(crate) fn of(array: &'a ArrayRef) -> Values<'a> {
        match array.data_type() {
            DataType::Binary => Values::Binary(array.as_binary()),
            DataType::LargeBinary => Values::Large(array.as_binary()),
            _ => Values::View(array.as_binary_view()),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Values::Binary(array) => array.is_valid(row).then(|| array.value(row)),
            Values::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Values::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of answers; give it to polars, pyarrow or pandas as it is.
#[pyclass(frozen, module = "crawlrank")]
pub(crate) struct Column(ArrayRef);

impl Column {
    pub(crate) fn new(array: impl Into<ArrayRef>) -> Column {
        Column(array.into())
    }
}

#[pymethods]
impl Column {
    /// The Arrow type: `Boolean`, `Utf8` or `LargeUtf8`.
    #[getter]
    fn r#type(&self) -> String {
        self.0.data_type().to_string()
    }

    /// How many values are null.
    #[getter]
    fn null_count(&self) -> usize {
        self.0.null_count()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The values as Python has them; `None` for null.
    fn to_list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let values = (0..self.0.len()).map(|row| self.value(py, row));
        PyList::new(py, values.collect::<Vec<_>>())
    }

    /// Exports the values as an Arrow array, afresh at each call. The schema asked for is not looked at, as the
    /// interface allows: consumers cast.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let _ = requested_schema;
        let (array, schema) =
            to_ffi(&self.0.to_data()).map_err(|e| raised(py, &Error::internal(e.to_string())))?;
        PyTuple::new(
            py,
            [
                PyCapsule::new_with_value(py, schema, c"arrow_schema")?,
                PyCapsule::new_with_value(py, array, c"arrow_array")?,
            ],
        )
    }

    fn __repr__(&self) -> String {
        let (len, nulls) = (self.0.len(), self.0.null_count());
        format!(
            "<crawlrank column of {len} {} values, {nulls} null>",
            self.r#type()
        )
    }
}

impl Column {
    fn value<'py>(&self, py: Python<'py>, row: usize) -> Bound<'py, PyAny> {
        let array = &self.0;
        if array.is_null(row) {
            return py.None().into_bound(py);
        }
        match array.data_type() {
            DataType::Boolean => PyBool::new(py, array.as_boolean().value(row))
                .to_owned()
                .into_any(),
            DataType::Utf8 => PyString::new(py, array.as_string::<i32>().value(row)).into_any(),
            _ => PyString::new(py, array.as_string::<i64>().value(row)).into_any(),
        }
    }
}
