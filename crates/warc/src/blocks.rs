//! A shard in blocks that can be read side by side.
//!
//! Members of a shard are independent of one another, but nothing lists where they begin. What writes shards gives every member the same ten bytes of
//! header, though, so a search for them finds places to cut at. A place that only looks like a beginning does no harm: a block counts only if it is
//! nothing but sound members of one record each, first byte to last. Whatever else it holds, reading in order goes on from its first byte, and says of
//! each byte what it would have said.

use std::io::{Chain, Cursor, Read};

use memchr::memmem;

use crate::error::Error;
use crate::gzip;
use crate::reader::{Reader, ReaderOptions};
use crate::record::Record;
use crate::totals::Totals;

/// Bytes of a gzip header without optional fields (RFC 1952, section 2.3.1).
const HEADER_BYTES: usize = 10;

/// Cuts an input into [`Block`]s, front to back.
pub struct Blocks<R> {
    input: R,
    block_bytes: usize,
    /// Bytes read and not given away.
    bytes: Vec<u8>,
    /// Offset of the first of them.
    offset: u64,
    /// What the input begins with, and so each of its members.
    header: Option<[u8; HEADER_BYTES]>,
}

/// Consecutive bytes of a shard.
pub struct Block {
    offset: u64,
    bytes: Vec<u8>,
}

impl<R: Read> Blocks<R> {
    /// Begins at the first byte of `input`, which need not be buffered. Blocks have `block_bytes` compressed bytes, or less by up to a member.
    ///
    /// A MiB is enough that handing it to a thread costs nothing, and little to wait for at the end.
    pub fn new(input: R, block_bytes: usize) -> Blocks<R> {
        Blocks {
            input,
            block_bytes,
            bytes: Vec::new(),
            offset: 0,
            header: None,
        }
    }

    /// Returns the next block; `None` at the end.
    ///
    /// # Errors
    /// When the input fails.
    pub fn next_block(&mut self) -> Result<Option<Block>, Error> {
        self.fill()?;
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let is_last = self.bytes.len() < self.block_bytes;
        let end = match self.header {
            Some(header) if !is_last => memmem::rfind(&self.bytes[1..], &header).map(|at| 1 + at),
            _ => None,
        };
        // A block without a place to cut at ends anywhere, and will not count.
        let rest = self.bytes.split_off(end.unwrap_or(self.bytes.len()));
        let block = Block {
            offset: self.offset,
            bytes: std::mem::replace(&mut self.bytes, rest),
        };
        self.offset += block.bytes.len() as u64;
        Ok(Some(block))
    }

    /// Turns back to reading in order: `unread` are the blocks given last, the first of which begins where `totals`, those of all blocks before, end.
    /// The reader behaves as if it had read those before as well.
    pub fn into_reader(
        self,
        unread: Vec<Block>,
        totals: Totals,
        options: ReaderOptions,
    ) -> Reader<Chain<Cursor<Vec<u8>>, R>> {
        let mut bytes = unread.into_iter().fold(Vec::new(), |mut bytes, block| {
            bytes.extend(block.bytes);
            bytes
        });
        bytes.extend(self.bytes);
        Reader::resume(Cursor::new(bytes).chain(self.input), options, totals)
    }

    fn fill(&mut self) -> Result<(), Error> {
        let wanted = self.block_bytes.saturating_sub(self.bytes.len()) as u64;
        self.bytes.reserve_exact(wanted as usize);
        let mut input = self.input.by_ref().take(wanted);
        if let Err(source) = input.read_to_end(&mut self.bytes) {
            let offset = self.offset + self.bytes.len() as u64;
            return Err(Error::Io { offset, source });
        }
        if self.header.is_none() {
            let first = self.bytes.first_chunk();
            self.header = first
                .filter(|header| header.starts_with(&gzip::MAGIC))
                .copied();
        }
        Ok(())
    }
}

impl Block {
    /// Reads the records of the block, and returns what they add to the totals; `None` if it is not sound members of one record each, or if something
    /// about a record is worth a warning, or if `each` returns false. What `each` was given is to be forgotten then.
    pub fn read(
        &self,
        options: &ReaderOptions,
        record: &mut Record,
        each: impl FnMut(&Record) -> bool,
    ) -> Option<Totals> {
        let before = Totals {
            bytes: self.offset,
            ..Totals::default()
        };
        let reader = Reader::resume(&self.bytes[..], options.clone(), before);
        let mut totals = reader.read_plain_members(self.bytes.len(), record, each)?;
        totals.bytes -= self.offset;
        Some(totals)
    }
}
