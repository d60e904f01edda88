//! One-dimensional NumPy files, written in blocks with checksums and read by mapping.

use crate::Error;
use crate::mapping::Mapping;
use crate::syncer::Sync;
use bytemuck::Pod;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

#[cfg(target_endian = "big")]
compile_error!("graph files are little-endian and read in place");

/// Every file begins with a `.npy` header of this length, so that data is 64-byte aligned.
/// 64 bytes would not hold the text of a long array's header.
pub(crate) const HEADER_BYTES: usize = 128;

/// Checksums are taken over blocks of this many data bytes.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;

/// What a writer holds in memory; divides [`BLOCK_BYTES`].
pub(crate) const BUFFER_BYTES: usize = 1 << 18;

/// Bytes after which the disk is asked to write what there is.
const SYNC_BYTES: u64 = 64 << 20;

/// A number that an array can hold.
pub(crate) trait Element: Pod + Send + std::marker::Sync {
    /// NumPy's name for it.
    const DTYPE: &'static str;
}

impl Element for u8 {
    const DTYPE: &'static str = "|u1";
}
impl Element for u32 {
    const DTYPE: &'static str = "<u4";
}
impl Element for u64 {
    const DTYPE: &'static str = "<u8";
}

/// Returns the header of an array: format version 1.0, padded with spaces, ended by a newline.
pub(crate) fn npy_header(dtype: &str, len: u64) -> [u8; HEADER_BYTES] {
    let text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({len},), }}");
    let mut header = [b' '; HEADER_BYTES];
    header[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    header[8..10].copy_from_slice(&(HEADER_BYTES as u16 - 10).to_le_bytes());
    header[10..10 + text.len()].copy_from_slice(text.as_bytes());
    header[HEADER_BYTES - 1] = b'\n';
    header
}

/// Returns the checksum of a block. The seed ties it to array and position, so that a sound block
/// in the wrong place is found.
pub(crate) fn block_checksum(array: &str, block: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, block_seed(array, block))
}

fn block_seed(array: &str, block: u64) -> u64 {
    xxh3_64(array.as_bytes()).wrapping_add(block)
}

/// What the manifest needs to know of a finished array.
#[derive(Debug, Clone)]
pub(crate) struct ArrayInfo {
    pub(crate) name: &'static str,
    pub(crate) dtype: &'static str,
    pub(crate) len: u64,
    pub(crate) bytes: u64,
    pub(crate) checksums: Vec<u64>,
}

/// Writes an array from front to back with [`BUFFER_BYTES`] of memory.
pub(crate) struct ArrayWriter<T> {
    name: &'static str,
    path: PathBuf,
    file: File,
    buffer: Vec<T>,
    len: u64,
    hasher: Box<Xxh3>,
    in_block: usize,
    checksums: Vec<u64>,
    /// For arrays that are to be on the disk in the end.
    sync: Option<Sync>,
    not_synced: u64,
}

impl<T: Element> ArrayWriter<T> {
    const BUFFER: usize = BUFFER_BYTES / size_of::<T>();

    /// Starts `DIR/NAME.npy`; it must not be there yet.
    pub(crate) fn create(dir: &Path, name: &'static str) -> Result<Self, Error> {
        let path = array_path(dir, name);
        let mut file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        // The length is not known yet; `finish` writes the real header.
        file.write_all(&[0; HEADER_BYTES])
            .map_err(Error::io(&path, "write"))?;
        Ok(ArrayWriter {
            name,
            path,
            file,
            buffer: Vec::new(),
            len: 0,
            hasher: Box::new(Xxh3::with_seed(block_seed(name, 0))),
            in_block: 0,
            checksums: Vec::new(),
            sync: None,
            not_synced: 0,
        })
    }

    /// As [`create`](Self::create), for an array that the disk has when that of `sync` is finished.
    pub(crate) fn create_durable(
        dir: &Path,
        name: &'static str,
        sync: Option<Sync>,
    ) -> Result<Self, Error> {
        let writer = Self::create(dir, name)?;
        Ok(ArrayWriter { sync, ..writer })
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) -> Result<(), Error> {
        if self.buffer.len() == Self::BUFFER {
            self.flush()?;
        }
        self.buffer.push(value);
        Ok(())
    }

    /// As [`extend`](Self::extend), with a value of each item.
    pub(crate) fn extend_of<S>(
        &mut self,
        mut items: &[S],
        value: impl Fn(&S) -> T,
    ) -> Result<(), Error> {
        while !items.is_empty() {
            if self.buffer.len() == Self::BUFFER {
                self.flush()?;
            }
            let room = Self::BUFFER - self.buffer.len();
            let (now, later) = items.split_at(room.min(items.len()));
            self.buffer.extend(now.iter().map(&value));
            items = later;
        }
        Ok(())
    }

    pub(crate) fn extend(&mut self, mut values: &[T]) -> Result<(), Error> {
        while !values.is_empty() {
            if self.buffer.len() == Self::BUFFER {
                self.flush()?;
            }
            if self.buffer.is_empty() && values.len() >= Self::BUFFER {
                let (now, later) = values.split_at(Self::BUFFER);
                self.write(now)?;
                values = later;
                continue;
            }
            let room = Self::BUFFER - self.buffer.len();
            let (now, later) = values.split_at(room.min(values.len()));
            self.buffer.extend_from_slice(now);
            values = later;
        }
        Ok(())
    }

    /// Values taken so far.
    pub(crate) fn len(&self) -> u64 {
        self.len + self.buffer.len() as u64
    }

    fn flush(&mut self) -> Result<(), Error> {
        let mut values = std::mem::take(&mut self.buffer);
        self.write(&values)?;
        values.clear();
        self.buffer = values;
        Ok(())
    }

    /// Writes a whole buffer, or the last values.
    fn write(&mut self, values: &[T]) -> Result<(), Error> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        self.file
            .write_all(bytes)
            .map_err(Error::io(&self.path, "write"))?;
        // Buffers divide blocks and only the last one is short, so none crosses a block's end.
        self.hasher.update(bytes);
        self.in_block += bytes.len();
        if self.in_block == BLOCK_BYTES {
            self.end_block();
        }
        self.len += values.len() as u64;
        self.not_synced += bytes.len() as u64;
        if self.not_synced >= SYNC_BYTES {
            self.not_synced = 0;
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Error> {
        let Some(sync) = &self.sync else {
            return Ok(());
        };
        let file = self.file.try_clone();
        let file = file.map_err(Error::io(&self.path, "open again"))?;
        sync.sync(&self.path, file);
        Ok(())
    }

    fn end_block(&mut self) {
        self.checksums.push(self.hasher.digest());
        let next = self.checksums.len() as u64;
        *self.hasher = Xxh3::with_seed(block_seed(self.name, next));
        self.in_block = 0;
    }

    /// Writes the header.
    pub(crate) fn finish(mut self) -> Result<ArrayInfo, Error> {
        self.flush()?;
        if self.in_block > 0 {
            self.end_block();
        }
        let header = npy_header(T::DTYPE, self.len);
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&header))
            .map_err(Error::io(&self.path, "write"))?;
        self.sync()?;
        Ok(ArrayInfo {
            name: self.name,
            dtype: T::DTYPE,
            len: self.len,
            bytes: HEADER_BYTES as u64 + self.len * size_of::<T>() as u64,
            checksums: self.checksums,
        })
    }
}

/// An array mapped from its file. Header, type and length are checked, values are not.
#[derive(Debug)]
pub(crate) struct Array<T> {
    path: PathBuf,
    map: Mapping,
    element: PhantomData<T>,
}

impl<T: Element> Array<T> {
    /// Maps `DIR/NAME.npy`, which must hold exactly `len` values.
    pub(crate) fn open(dir: &Path, name: &str, len: u64) -> Result<Self, Error> {
        let path = array_path(dir, name);
        let map = Mapping::open(&path)?;
        let expected = len
            .checked_mul(size_of::<T>() as u64)
            .and_then(|bytes| bytes.checked_add(HEADER_BYTES as u64))
            .ok_or_else(|| {
                Error::corrupt(
                    &path,
                    None,
                    "a length below 2^64 bytes",
                    format!("{len} values"),
                )
            })?;
        if map.len() as u64 != expected {
            let found = format!("{} bytes", map.len());
            return Err(Error::corrupt(
                &path,
                None,
                format!("{expected} bytes"),
                found,
            ));
        }
        let array = Array {
            path,
            map,
            element: PhantomData,
        };
        array.check_header(len)?;
        Ok(array)
    }

    /// Compares the header with the only one that an array of this type and length has.
    pub(crate) fn check_header(&self, len: u64) -> Result<(), Error> {
        if self.map[..HEADER_BYTES] == npy_header(T::DTYPE, len) {
            return Ok(());
        }
        let expected = format!("the header of {len} values of `{}`", T::DTYPE);
        Err(Error::corrupt(
            &self.path,
            Some(0),
            expected,
            "another header",
        ))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map[HEADER_BYTES..]
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        // The length is a multiple of the element (`open`), and mappings begin at a page.
        bytemuck::cast_slice(self.bytes())
    }
}

/// Returns the path of an array in a graph directory.
pub(crate) fn array_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.npy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_of_writer_is_the_identity() {
        let dir = tempfile::tempdir().unwrap();
        for len in [
            0usize,
            1,
            BUFFER_BYTES / 4,
            BLOCK_BYTES / 4,
            BLOCK_BYTES / 4 + 1,
            700_000,
        ] {
            let name = "out_targets";
            let values: Vec<u32> = (0..len as u32)
                .map(|i| i.wrapping_mul(2_654_435_761))
                .collect();
            let mut writer = ArrayWriter::create(dir.path(), name).unwrap();
            let (front, back) = values.split_at(len / 3);
            writer.extend(front).unwrap();
            for &value in back {
                writer.push(value).unwrap();
            }
            let info = writer.finish().unwrap();
            let array = Array::<u32>::open(dir.path(), name, len as u64).unwrap();
            assert_eq!(array.as_slice(), values);
            let checksums: Vec<u64> = array
                .bytes()
                .chunks(BLOCK_BYTES)
                .enumerate()
                .map(|(block, bytes)| block_checksum(name, block as u64, bytes))
                .collect();
            assert_eq!(info.checksums, checksums);
            std::fs::remove_file(array_path(dir.path(), name)).unwrap();
        }
    }

    #[test]
    fn header_is_numpys() {
        let header = npy_header("<u4", u64::MAX);
        let text = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<u4', 'fortran_order': False, 'shape': (18446744073709551615,), }";
        assert_eq!(&header[..text.len()], text);
        assert!(header[text.len()..127].iter().all(|&byte| byte == b' '));
        assert_eq!(header[127], b'\n');
    }

    #[test]
    fn a_pipe_or_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("names.npy")).unwrap();
        assert!(matches!(
            Array::<u8>::open(dir.path(), "names", 1),
            Err(Error::Corrupt { .. })
        ));
    }
}
