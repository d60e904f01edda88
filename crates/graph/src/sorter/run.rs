//! Sorted runs on disk.
//!
//! A run is a file of blocks, then an index of them, then a trailer. A block holds differences of squeezed keys
//! ([`Squeeze`]) in bytes, and pages where edges have them; it has its own checksum and can be read alone. Numbers are
//! little-endian.

use super::leaf::Squeeze;
use super::record::Record;
use crate::Error;
use crate::mapping::Mapping;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Most records in a block. Blocks at the ends of a range are read for a few of their records; each needs an entry in memory.
pub(super) const MOST_IN_BLOCK: usize = 8192;

/// A number in bytes is at most this long, and decoding looks at this many.
const MOST_BYTES: usize = 9;

const MAGIC: u64 = u64::from_le_bytes(*b"crlkrun1");

/// Where a block lies, and how it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) first_key: u64,
    offset: u64,
    bytes: u32,
    pub(super) records: u32,
    checksum: u64,
}

/// An [`Entry`] in the file.
type EntryWords = [u64; 4];

impl From<EntryWords> for Entry {
    fn from([first_key, offset, lengths, checksum]: EntryWords) -> Self {
        Entry {
            first_key,
            offset,
            bytes: (lengths >> 32) as u32,
            records: lengths as u32,
            checksum,
        }
    }
}

impl From<Entry> for EntryWords {
    fn from(entry: Entry) -> Self {
        let lengths = u64::from(entry.bytes) << 32 | u64::from(entry.records);
        [entry.first_key, entry.offset, lengths, entry.checksum]
    }
}

/// Checksum of the index, its blocks, bits of second ids, [`MAGIC`].
type Trailer = [u64; 4];

/// Sorted records as they go to a run.
pub(super) struct Encoded {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Encodes sorted records; offsets count from the first. `buffer` is memory to work in.
pub(super) fn encode<R: Record>(records: &[R], squeeze: Squeeze, buffer: &mut Vec<u8>) -> Encoded {
    let most = MOST_BYTES * if R::PAGES { 2 } else { 1 };
    let mut bytes = Vec::new();
    let mut entries = Vec::with_capacity(records.len().div_ceil(MOST_IN_BLOCK));
    buffer.resize(MOST_IN_BLOCK * most + MOST_BYTES, 0);
    for block in records.chunks(MOST_IN_BLOCK) {
        let mut last = squeeze.squeeze(block[0].key());
        let mut at = 0;
        for record in block {
            let key = squeeze.squeeze(record.key());
            at = put(buffer, at, key.wrapping_sub(last));
            last = key;
            if R::PAGES {
                at = put(buffer, at, u64::from(record.pages()));
            }
        }
        entries.push(Entry {
            first_key: block[0].key(),
            offset: bytes.len() as u64,
            bytes: at as u32,
            records: block.len() as u32,
            checksum: block_checksum(&buffer[..at], block[0].key(), block.len() as u32),
        });
        bytes.extend_from_slice(&buffer[..at]);
    }
    Encoded { bytes, entries }
}

fn block_checksum(bytes: &[u8], first_key: u64, records: u32) -> u64 {
    xxh3_64_with_seed(bytes, first_key ^ u64::from(records).rotate_right(16))
}

/// Writes a number at `at` and returns where the next one goes. The lowest three bits of the first byte say how many more
/// follow, so that neither side branches on the length.
#[inline]
fn put(buffer: &mut [u8], at: usize, value: u64) -> usize {
    let bits = 64 - value.leading_zeros();
    if bits > 53 {
        buffer[at] = 7;
        buffer[at + 1..at + 9].copy_from_slice(&value.to_le_bytes());
        return at + 9;
    }
    let more = (bits + 2) / 8;
    let word = value << 3 | u64::from(more);
    buffer[at..at + 8].copy_from_slice(&word.to_le_bytes());
    at + more as usize + 1
}

/// Reads the number at `at`, and returns where the next one is. `bytes` goes on for [`MOST_BYTES`].
#[inline]
fn take(bytes: &[u8], at: usize) -> (u64, usize) {
    let eight = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let word = eight(at);
    let more = word & 7;
    if more == 7 {
        return (eight(at + 1), at + 9);
    }
    let value = (word << (56 - 8 * more)) >> (59 - 8 * more);
    (value, at + more as usize + 1)
}

/// Writes a run from front to back.
pub(super) struct RunWriter {
    path: PathBuf,
    file: BufWriter<File>,
    index: Vec<EntryWords>,
    bytes: u64,
}

impl RunWriter {
    pub(super) fn create(path: PathBuf) -> Result<Self, Error> {
        let file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        Ok(RunWriter {
            path,
            file: BufWriter::new(file),
            index: Vec::new(),
            bytes: 0,
        })
    }

    pub(super) fn push(&mut self, encoded: Encoded) -> Result<(), Error> {
        let start = self.bytes;
        let entries = encoded.entries.into_iter().map(|entry| Entry {
            offset: start + entry.offset,
            ..entry
        });
        self.index.extend(entries.map(EntryWords::from));
        self.bytes += encoded.bytes.len() as u64;
        self.write(&encoded.bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        written.map_err(Error::io(&self.path, "write"))
    }

    /// Writes the index; returns the file's length.
    pub(super) fn finish(mut self, squeeze: Squeeze) -> Result<u64, Error> {
        let words = std::mem::take(&mut self.index);
        let index: &[u8] = bytemuck::cast_slice(&words);
        // The index is read as numbers in place, so it begins where these may.
        let padding = self.bytes.next_multiple_of(8) - self.bytes;
        self.write(&[0; 8][..padding as usize])?;
        self.write(index)?;
        let second_bits = u64::from(squeeze.0);
        let checksum = xxh3_64_with_seed(index, second_bits);
        let trailer: Trailer = [checksum, words.len() as u64, second_bits, MAGIC];
        self.write(bytemuck::bytes_of(&trailer))?;
        self.file.flush().map_err(Error::io(&self.path, "write"))?;
        Ok(self.bytes + padding + index.len() as u64 + size_of::<Trailer>() as u64)
    }
}

/// A run to read from.
pub(super) struct Run {
    path: PathBuf,
    map: Mapping,
    index: std::ops::Range<usize>,
    squeeze: Squeeze,
}

impl Run {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let map = Mapping::open(path)?;
        let damaged = |offset: usize| Error::damaged_run(path, offset as u64);
        let end = map.len().checked_sub(size_of::<Trailer>());
        let end = end.ok_or_else(|| damaged(0))?;
        let [checksum, blocks, second_bits, magic]: Trailer =
            bytemuck::pod_read_unaligned(&map[end..]);
        let index_bytes = blocks.checked_mul(size_of::<EntryWords>() as u64);
        let start = index_bytes.and_then(|bytes| end.checked_sub(usize::try_from(bytes).ok()?));
        let (Some(start), MAGIC, 0..=32) = (start, magic, second_bits) else {
            return Err(damaged(end));
        };
        if start % 8 != 0 || xxh3_64_with_seed(&map[start..end], second_bits) != checksum {
            return Err(damaged(start));
        }
        Ok(Run {
            path: path.to_path_buf(),
            squeeze: Squeeze(second_bits as u32),
            index: start..end,
            map,
        })
    }

    fn index(&self) -> &[EntryWords] {
        // It begins at a multiple of 8 (`open`), and mappings begin at a page.
        bytemuck::cast_slice(&self.map[self.index.clone()])
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.index().iter().copied().map(Entry::from)
    }

    /// Returns the records with keys in `low..high` (to the end for `None`), in order.
    pub(super) fn read<R: Record>(&self, low: u64, high: Option<u64>) -> Result<Vec<R>, Error> {
        let index = self.index();
        let begin = index.partition_point(|&[first_key, ..]| first_key <= low);
        let is_within = |entry: &Entry| high.is_none_or(|high| entry.first_key < high);
        let within = index[begin.saturating_sub(1)..].iter().copied();
        let within = within.map(Entry::from).take_while(is_within);
        let most = within.clone().map(|entry| entry.records as usize).sum();
        let mut records = Vec::with_capacity(most);
        for entry in within {
            self.decode(entry, &mut records)?;
        }
        // Only the first and the last block reach beyond the range.
        if let Some(high) = high {
            records.truncate(records.partition_point(|record: &R| record.key() < high));
        }
        let skipped = records.partition_point(|record| record.key() < low);
        records.drain(..skipped);
        Ok(records)
    }

    fn decode<R: Record>(&self, entry: Entry, records: &mut Vec<R>) -> Result<(), Error> {
        let (offset, len) = (entry.offset as usize, entry.bytes as usize);
        // The trailer is longer than what decoding looks at beyond the last block.
        let bytes = &self.map[offset..offset + len + MOST_BYTES];
        if block_checksum(&bytes[..len], entry.first_key, entry.records) != entry.checksum {
            return Err(Error::damaged_run(&self.path, entry.offset));
        }
        let mut at = 0;
        let mut key = self.squeeze.squeeze(entry.first_key);
        records.extend((0..entry.records).map(|_| {
            let (difference, next) = take(bytes, at);
            at = next;
            key = key.wrapping_add(difference);
            let pages = match R::PAGES {
                true => {
                    let (pages, next) = take(bytes, at);
                    at = next;
                    pages as u32
                }
                false => 1,
            };
            R::of_key(self.squeeze.restore(key), pages)
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_lengths() {
        let mut values = vec![0, 1, u64::MAX];
        for bits in 1..64 {
            values.extend([(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        }
        let mut buffer = vec![0; values.len() * MOST_BYTES + MOST_BYTES];
        let mut end = 0;
        for &value in &values {
            end = put(&mut buffer, end, value);
        }
        let mut at = 0;
        for &value in &values {
            let (read, next) = take(&buffer, at);
            assert_eq!(read, value);
            at = next;
        }
        assert_eq!(at, end);
    }
}
