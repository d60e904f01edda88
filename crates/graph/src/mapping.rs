//! Maps files into memory, read-only: the one file of this crate with `unsafe`.

#![allow(unsafe_code)]

use crate::Error;
use memmap2::Mmap;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

/// The bytes of a file, paged in by the operating system as they are touched.
///
/// The descriptor is closed after mapping, so thousands of mapped files need no open-file limit.
#[derive(Debug)]
pub(crate) struct Mapping(Mmap);

impl Mapping {
    /// Maps a regular file; anything else (a pipe would block for ever) is an error.
    pub(crate) fn open(path: &Path) -> Result<Mapping, Error> {
        let metadata = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
        if !metadata.is_file() {
            return Err(Error::corrupt(
                path,
                None,
                "a regular file",
                "something else",
            ));
        }
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        // SAFETY: the mapping is sound as long as nobody changes the file under it. What has its
        // final name is complete and never changes (invariant 3 of the project), and scratch files
        // lie in a directory of this process and are mapped after their last write. Values in the
        // file are not trusted: each is checked when it is used.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path, "map"))?;
        Ok(Mapping(map))
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
