//! Results beside a graph: one value a node, in a NumPy file of its own.

use crate::Error;
use crate::array::{HEADER_BYTES, npy_header};
use crate::mapping::Mapping;
use bytemuck::Pod;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A value that a column can hold.
pub trait ColumnValue: Pod + Send + Sync {
    /// NumPy's name for it.
    const DTYPE: &'static str;
}

impl ColumnValue for f64 {
    const DTYPE: &'static str = "<f8";
}

impl ColumnValue for i64 {
    const DTYPE: &'static str = "<i8";
}

impl ColumnValue for u32 {
    const DTYPE: &'static str = "<u4";
}

/// One value a node, mapped from its file; a slice in order of ids.
///
/// Type and length are checked when it is opened. Whoever lists the file keeps its checksum.
#[derive(Debug)]
pub struct Column<T> {
    map: Mapping,
    value: PhantomData<T>,
}

impl<T: ColumnValue> Column<T> {
    /// Writes `values` to the new file `path`; it is not synced.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file is there already.
    pub fn write(path: &Path, values: &[T]) -> Result<(), Error> {
        let file = File::create_new(path).map_err(Error::io(path, "create"))?;
        let mut file = BufWriter::new(file);
        file.write_all(&npy_header(T::DTYPE, values.len() as u64))
            .and_then(|()| file.write_all(bytemuck::cast_slice(values)))
            .and_then(|()| file.flush())
            .map_err(Error::io(path, "write"))
    }

    /// Maps a column that must hold exactly `len` values.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Corrupt`] when type or length differ.
    pub fn open(path: &Path, len: u64) -> Result<Self, Error> {
        let map = Mapping::open(path)?;
        let header = npy_header(T::DTYPE, len);
        let bytes = len
            .checked_mul(size_of::<T>() as u64)
            .and_then(|bytes| bytes.checked_add(HEADER_BYTES as u64));
        if bytes != Some(map.len() as u64) || map[..HEADER_BYTES] != header {
            let expected = format!("{len} values of `{}`", T::DTYPE);
            return Err(Error::corrupt(path, None, expected, "something else"));
        }
        Ok(Column {
            map,
            value: PhantomData,
        })
    }

    /// Reads columns, each with the number of its values, one behind the other.
    ///
    /// # Errors
    /// As [`Column::open`].
    pub fn read_all(columns: &[(PathBuf, u64)]) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        for (path, len) in columns {
            values.extend_from_slice(&Column::open(path, *len)?);
        }
        Ok(values)
    }
}

impl<T: ColumnValue> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // `open` checked that the length is a multiple of the value's, and mappings begin at a page.
        bytemuck::cast_slice(&self.map[HEADER_BYTES..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pagerank.npy");
        Column::write(&path, &[0.25, 0.75]).unwrap();
        assert_eq!(*Column::<f64>::open(&path, 2).unwrap(), [0.25, 0.75]);
    }

    #[test]
    fn another_type_or_length_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pagerank.npy");
        Column::write(&path, &[1i64, 2]).unwrap();
        assert!(matches!(
            Column::<f64>::open(&path, 2),
            Err(Error::Corrupt { .. })
        ));
        assert!(matches!(
            Column::<i64>::open(&path, 3),
            Err(Error::Corrupt { .. })
        ));
        assert!(matches!(
            Column::<i64>::open(&path, u64::MAX),
            Err(Error::Corrupt { .. })
        ));
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(
            Column::<i64>::open(&path, 0),
            Err(Error::Corrupt { .. })
        ));
    }
}
