//! A parsed file as bytes: written once, used from anywhere, a memory map included, without parsing.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "CRR1": name and version of the form
//!      4      1  flags: 1 truncated, 2 leniencies, 4 Content-Usage is a rule
//!      5      3  zero
//!      8      4  number of records, little-endian as all numbers
//!     12      4  bytes of the text
//!     16      8  checksum of all the rest
//!     24    8 n  records: offset in the text (u32), bytes (u16), kind (u8), leniencies (u8)
//!           ...  text
//! ```

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use crate::bytes::head;
use crate::line::MAX_LINE_BYTES;
use crate::record::{ALL_LENIENCIES, Kind, RECORD_BYTES};
use crate::robots::{ALL_FLAGS, MAX_BYTES, RobotsTxt};

const MAGIC: [u8; 4] = *b"CRR1";
const HEADER_BYTES: usize = 24;

/// Why bytes are not a parsed robots.txt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormError {
    /// They do not begin as this version of the form does: parse the body again.
    Magic,
    /// They are fewer, or more, than their header says.
    Length {
        /// Bytes that the header tells of.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A record, or the header, holds what no parser writes; the place is the byte offset in the form.
    Damaged {
        /// Offset in bytes.
        offset: usize,
    },
    /// Records and text do not have the checksum that they were written with.
    Checksum,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormError::Magic => write!(
                f,
                "not a parsed robots.txt of this version: expected `CRR1`; parse it again"
            ),
            FormError::Length { expected, found } => {
                write!(
                    f,
                    "parsed robots.txt is cut or has something behind it: expected {expected} bytes, found {found}"
                )
            }
            FormError::Damaged { offset } => {
                write!(f, "parsed robots.txt is damaged at offset {offset}")
            }
            FormError::Checksum => write!(
                f,
                "parsed robots.txt does not have its checksum; parse it again"
            ),
        }
    }
}

impl core::error::Error for FormError {}

impl<'a> RobotsTxt<'a> {
    /// The parsed file as bytes, for [`RobotsTxt::from_bytes`]: 24 bytes, 8 a record, and the text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.table.len() + self.text.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[self.flags, 0, 0, 0]);
        bytes.extend_from_slice(&(self.num_records() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.text.len() as u32).to_le_bytes());
        let checksum = checksum(&bytes, &self.table, &self.text);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&self.table);
        bytes.extend_from_slice(&self.text);
        bytes
    }

    /// Takes bytes that [`RobotsTxt::to_bytes`] made, borrows them, and allocates nothing. Every record is checked to
    /// lie in the text, so that no bytes whatever can make a later call panic; the checksum is not computed (see
    /// [`RobotsTxt::verify_bytes`]), so a flipped letter of a rule goes unseen here.
    ///
    /// # Errors
    ///
    /// [`FormError`] when the bytes are of another version, cut, or damaged.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<RobotsTxt<'a>, FormError> {
        let (header, rest) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(FormError::Magic)?;
        if header[..4] != MAGIC {
            return Err(FormError::Magic);
        }
        let flags = header[4];
        if flags & !ALL_FLAGS != 0 || header[5..8] != [0; 3] {
            return Err(FormError::Damaged { offset: 4 });
        }
        let number = |at: usize| {
            u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes")) as usize
        };
        let (table_bytes, text_bytes) = (number(8) as u64 * RECORD_BYTES as u64, number(12));
        let expected = table_bytes + text_bytes as u64;
        if text_bytes > MAX_BYTES {
            return Err(FormError::Damaged { offset: 12 });
        }
        if expected != rest.len() as u64 {
            return Err(FormError::Length {
                expected: expected + HEADER_BYTES as u64,
                found: bytes.len() as u64,
            });
        }
        let (table, text) = rest.split_at(table_bytes as usize);
        let robots = RobotsTxt {
            text: Cow::Borrowed(text),
            table: Cow::Borrowed(table),
            flags,
        };
        let words = table
            .chunks_exact(RECORD_BYTES)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        // The high bit is set where a value begins before the last one ends, is longer than a line, or ends behind the
        // text, or where kind or leniencies are none that there are.
        let badness = |previous_end: u64, packed: u64| {
            let (start, len) = (packed & 0xFFFF_FFFF, packed >> 32 & 0xFFFF);
            let beyond = |limit: u64, value: u64| limit.wrapping_sub(value);
            beyond(start, previous_end)
                | beyond(MAX_LINE_BYTES as u64, len)
                | beyond(text_bytes as u64, start + len)
                | beyond(Kind::ALL.len() as u64 - 1, packed >> 48 & 0xFF)
                | beyond(u64::from(ALL_LENIENCIES), packed >> 56)
        };
        let end_of = |packed: u64| (packed & 0xFFFF_FFFF) + (packed >> 32 & 0xFFFF);
        // All of them without a branch each; then, rarely, which it was.
        let (bad, _) = words.clone().fold((0, 0), |(bad, previous_end), packed| {
            (bad | badness(previous_end, packed), end_of(packed))
        });
        if bad >> 63 != 0 {
            let mut previous_end = 0;
            let record = words.clone().position(|packed| {
                let is_bad = badness(previous_end, packed) >> 63 != 0;
                previous_end = end_of(packed);
                is_bad
            });
            let offset = HEADER_BYTES + RECORD_BYTES * record.expect("one of them is bad");
            return Err(FormError::Damaged { offset });
        }
        Ok(robots)
    }

    /// Checks that bytes are to the last bit what [`RobotsTxt::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// As [`RobotsTxt::from_bytes`], and [`FormError::Checksum`].
    pub fn verify_bytes(bytes: &[u8]) -> Result<(), FormError> {
        let robots = RobotsTxt::from_bytes(bytes)?;
        let stored = u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes"));
        if checksum(&bytes[..16], &robots.table, &robots.text) == stored {
            Ok(())
        } else {
            Err(FormError::Checksum)
        }
    }
}

/// FNV-1a (draft-eastlake-fnv), a word of eight bytes at a time, over header, records and text: against flipped bits, not against an attacker.
fn checksum(header: &[u8], table: &[u8], text: &[u8]) -> u64 {
    let step = |hash: u64, word: u64| {
        (hash ^ word)
            .wrapping_mul(0x0000_0100_0000_01B3)
            .rotate_left(29)
    };
    let words = [header, table, text]
        .into_iter()
        .flat_map(|part| part.chunks(8))
        .map(head);
    words.fold(0xCBF2_9CE4_8422_2325, step)
}
