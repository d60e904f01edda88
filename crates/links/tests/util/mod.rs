//! What the integration tests share: the project's data folder, and a splitter for records that does not need `crawlrank-warc`.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// Returns a folder of the shared test data, or says that it is not there.
pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/warc")
        .join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no test data at {}", path.display());
    None
}

/// Returns the files of a folder whose names end in `suffix`, sorted.
pub(crate) fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().expect("the folder can be listed");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the entry can be read").path())
        .collect();
    files.retain(|path| path.to_string_lossy().ends_with(suffix));
    files.sort();
    files
}

/// Returns what a file holds, inflated if it is gzip. What cannot be inflated is missing from the end.
pub(crate) fn content(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path)
        .expect("the file opens")
        .read_to_end(&mut bytes)
        .expect("the file can be read");
    if !bytes.starts_with(b"\x1f\x8b") {
        return bytes;
    }
    let mut inflated = Vec::new();
    let _ = MultiGzDecoder::new(&bytes[..]).read_to_end(&mut inflated);
    inflated
}

/// A WARC record: header block and body.
pub(crate) struct Record<'a> {
    pub(crate) header: &'a str,
    pub(crate) block: &'a [u8],
}

impl Record<'_> {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.header.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
    }
}

/// Splits an inflated file by Content-Length; ends at the first record whose header does not fit.
pub(crate) fn records(bytes: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some(start) = find(rest, b"WARC/") {
        rest = &rest[start..];
        let Some(header_length) = find(rest, b"\r\n\r\n") else {
            break;
        };
        let Ok(header) = std::str::from_utf8(&rest[..header_length]) else {
            break;
        };
        let record = Record { header, block: &[] };
        let Some(length) = record
            .field("Content-Length")
            .and_then(|length| length.parse::<usize>().ok())
        else {
            break;
        };
        let Some(block) = rest.get(header_length + 4..header_length + 4 + length) else {
            break;
        };
        rest = &rest[header_length + 4 + length..];
        records.push(Record { header, block });
    }
    records
}

pub(crate) fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, pattern)
}
