//! Where a record ends.
//!
//! `Content-Length` is a claim: it holds when a record, a member's end or the input's end follows the block that it
//! measures. Otherwise a record ends with its member, or before the next convincing header inside it.

use std::io::Read;

use memchr::memmem;

use crate::error::Error;
use crate::fault::FaultKind;
use crate::header::{self, Claim, Limits, MAGIC, Outcome, Parsed};
use crate::stream::{Extend, Format, Stream};

/// Line ends behind a block (WARC 1.1, section 4).
const LINE_ENDS: usize = 2;

/// Blank bytes behind a block that are taken as part of the record; more are filler.
const MAX_BLANK_BYTES: usize = 64;

/// Where a record ends, as indexes into the stream's bytes.
pub(crate) struct Extent {
    /// End of the block.
    pub(crate) block_end: usize,
    /// End of the line ends behind it.
    pub(crate) end: usize,
    pub(crate) length_wrong: bool,
    /// The block is followed by the two line ends that belong there.
    pub(crate) blank_line: bool,
}

/// Why there is no record.
pub(crate) enum NoRecord {
    /// Its bytes do not decompress.
    Damaged,
    Fault(FaultKind, String),
}

/// Finds the next header in the stream's bytes. Returns how many bytes can be passed over, and whether a header follows
/// them.
///
/// A header at the start of a member counts as it is; elsewhere it must convince. It need not begin a line, as junk
/// before it may end anywhere. `ended`: there are no more bytes to complete a header.
pub(crate) fn next_header<R: Read>(
    stream: &Stream<R>,
    ended: bool,
    limits: Limits,
) -> (usize, bool) {
    let bytes = stream.bytes();
    let is_plain = stream.format() == Format::Plain;
    for place in memmem::find_iter(bytes, MAGIC) {
        let next_record = stream.next_warc_member(place + 1);
        match header::parse(&bytes[place..next_record.unwrap_or(bytes.len())], limits) {
            Outcome::Header(parsed)
                if parsed.convincing || (!is_plain && stream.begins_member(place)) =>
            {
                return (place, true);
            }
            Outcome::Incomplete if next_record.is_none() && !ended => return (place, false),
            _ => {}
        }
    }
    let tail = if ended {
        0
    } else {
        beginning_at_the_end(bytes)
    };
    (bytes.len() - tail, false)
}

/// Length of the longest beginning of `WARC/` that ends the bytes.
fn beginning_at_the_end(bytes: &[u8]) -> usize {
    (1..MAGIC.len())
        .rev()
        .find(|&len| bytes.ends_with(&MAGIC[..len]))
        .unwrap_or(0)
}

/// Reads the header at the stream's start, where `WARC/` was seen.
pub(crate) fn read_header<R: Read>(
    stream: &mut Stream<R>,
    limits: Limits,
) -> Result<Result<Parsed, NoRecord>, Error> {
    let mut seen = 1;
    let mut searched = 0;
    loop {
        let next_record = stream.next_warc_member(seen);
        let bytes = &stream.bytes()[..next_record.unwrap_or(stream.bytes().len())];
        if bytes.len() > limits.bytes || header::blank_line_end(bytes, searched).is_some() {
            return Ok(match header::parse(bytes, limits) {
                Outcome::Header(parsed) => Ok(parsed),
                Outcome::TooLarge | Outcome::Incomplete => {
                    let Limits { bytes, lines } = limits;
                    let detail = format!("a header of more than {bytes} bytes or {lines} lines");
                    Err(NoRecord::Fault(FaultKind::HeaderTooLarge, detail))
                }
                Outcome::Invalid(what) => Err(NoRecord::Fault(FaultKind::BadHeader, what.into())),
            });
        }
        if next_record.is_some() {
            let detail = "a member ends inside the header of its record".into();
            return Ok(Err(NoRecord::Fault(FaultKind::BadHeader, detail)));
        }
        (seen, searched) = (bytes.len().max(1), bytes.len().saturating_sub(2));
        match stream.extend()? {
            Extend::Grown => {}
            Extend::Damaged => return Ok(Err(NoRecord::Damaged)),
            Extend::End => {
                let detail = "the input ends inside a header".into();
                return Ok(Err(NoRecord::Fault(FaultKind::CutRecord, detail)));
            }
        }
    }
}

/// Finds the end of the record at the stream's start.
pub(crate) fn find_extent<R: Read>(
    stream: &mut Stream<R>,
    parsed: &Parsed,
    max_record_bytes: u64,
    limits: Limits,
) -> Result<Result<Extent, NoRecord>, Error> {
    let search = Search {
        block: parsed.len,
        max_record_bytes,
        limits,
    };
    match parsed.claim {
        Claim::Length(length) if length <= max_record_bytes => {
            let claimed = parsed.len + usize::try_from(length).expect("a record fits into memory");
            match gather(stream, parsed.len, claimed)? {
                Gathered::Damaged => Ok(Err(NoRecord::Damaged)),
                Gathered::NextRecord(end) => search.up_to(stream, Bound::At(end)),
                Gathered::End => search.up_to(stream, Bound::InputEnd),
                Gathered::All => match check_line_ends(stream, claimed)? {
                    LineEnds::Good { end, blank_line } => Ok(Ok(Extent {
                        block_end: claimed,
                        end,
                        length_wrong: false,
                        blank_line,
                    })),
                    LineEnds::Damaged => Ok(Err(NoRecord::Damaged)),
                    LineEnds::Wrong => search.up_to(stream, Bound::MemberOf(claimed)),
                },
            }
        }
        // A claim above the limit is not trusted over a header or a member's end within the limit.
        Claim::Length(_) => search.up_to(stream, Bound::NextRecord),
        Claim::Missing | Claim::Invalid => {
            let extent = search.up_to(stream, Bound::MemberOf(parsed.len - 1))?;
            Ok(extent.map(|extent| Extent {
                length_wrong: false,
                ..extent
            }))
        }
    }
}

enum Gathered {
    /// All bytes that are claimed.
    All,
    /// A member that begins with a record comes first, at this index.
    NextRecord(usize),
    /// The input ends first.
    End,
    Damaged,
}

/// Extends the stream to `claimed` bytes, over the ends of members that are not followed by a record.
fn gather<R: Read>(
    stream: &mut Stream<R>,
    block: usize,
    claimed: usize,
) -> Result<Gathered, Error> {
    let mut seen = block;
    loop {
        if let Some(end) = stream.next_warc_member(seen).filter(|&end| end < claimed) {
            return Ok(Gathered::NextRecord(end));
        }
        seen = stream.bytes().len().max(block);
        if stream.bytes().len() >= claimed {
            return Ok(Gathered::All);
        }
        match stream.extend()? {
            Extend::Grown => {}
            Extend::Damaged => return Ok(Gathered::Damaged),
            Extend::End => return Ok(Gathered::End),
        }
    }
}

enum LineEnds {
    Good {
        end: usize,
        blank_line: bool,
    },
    /// Something else follows: the block does not end here.
    Wrong,
    Damaged,
}

/// Checks that what follows the block that is claimed to end at `block_end` is what follows a block.
fn check_line_ends<R: Read>(stream: &mut Stream<R>, block_end: usize) -> Result<LineEnds, Error> {
    let mut end = block_end;
    let mut lines = 0;
    loop {
        let rest = &stream.bytes()[end..];
        let good = LineEnds::Good {
            end,
            blank_line: lines >= LINE_ENDS,
        };
        let at_boundary = stream.is_boundary(end);
        if at_boundary && lines >= LINE_ENDS || end - block_end > MAX_BLANK_BYTES {
            return Ok(good);
        }
        match rest {
            [b'\n', ..] => (end, lines) = (end + 1, lines + 1),
            [b'\r', b'\n', ..] => (end, lines) = (end + 2, lines + 1),
            [] | [b'\r'] => match stream.extend()? {
                Extend::Grown => {}
                Extend::Damaged if at_boundary => return Ok(good),
                Extend::Damaged => return Ok(LineEnds::Damaged),
                Extend::End => {
                    return Ok(LineEnds::Good {
                        end: stream.bytes().len(),
                        blank_line: lines >= LINE_ENDS,
                    });
                }
            },
            _ if at_boundary || rest.starts_with(MAGIC) => return Ok(good),
            _ if MAGIC.starts_with(rest) => match stream.extend()? {
                Extend::Grown => {}
                Extend::Damaged => return Ok(LineEnds::Damaged),
                Extend::End => {
                    return Ok(if lines == LINE_ENDS {
                        good
                    } else {
                        LineEnds::Wrong
                    });
                }
            },
            // In plain files, and members too large to be checked first, junk may follow a sound record. A small
            // member that verified has no junk in it.
            _ if lines == LINE_ENDS && stream.member_end(end).is_none() => return Ok(good),
            _ => return Ok(LineEnds::Wrong),
        }
    }
}

/// What ends a block whose length is not known, if no header comes before.
#[derive(Clone, Copy)]
enum Bound {
    /// This index.
    At(usize),
    /// The end of the member that holds this byte.
    MemberOf(usize),
    /// The next member that begins with a record.
    NextRecord,
    /// The end of the input, which was reached before the claimed length.
    InputEnd,
}

/// The search for the end of a block whose claimed length is wrong or missing.
struct Search {
    block: usize,
    max_record_bytes: u64,
    limits: Limits,
}

impl Search {
    fn up_to<R: Read>(
        &self,
        stream: &mut Stream<R>,
        bound: Bound,
    ) -> Result<Result<Extent, NoRecord>, Error> {
        let mut from = self.block;
        let mut members_seen = self.block;
        let mut ended = matches!(bound, Bound::InputEnd);
        loop {
            let len = stream.bytes().len();
            let limit = match bound {
                Bound::At(end) => Some(end),
                Bound::MemberOf(index) => stream.member_end(index),
                Bound::NextRecord => stream.next_warc_member(members_seen),
                Bound::InputEnd => None,
            };
            members_seen = len.max(self.block);
            let limit = if ended { limit.or(Some(len)) } else { limit };
            let (searched, found) = self.header_within(
                &stream.bytes()[..limit.unwrap_or(len)],
                from,
                limit.is_some(),
            );
            if found {
                return Ok(self.extent(stream, searched));
            }
            if let Some(end) = limit {
                // Nothing vouches for the end of a plain file.
                let is_cut = matches!(bound, Bound::InputEnd) && stream.format() == Format::Plain;
                return Ok(if is_cut {
                    Err(cut())
                } else {
                    self.extent(stream, end)
                });
            }
            from = searched;
            if (len - self.block) as u64 > self.max_record_bytes {
                return Ok(Err(self.too_large()));
            }
            match stream.extend()? {
                Extend::Grown => {}
                Extend::Damaged => return Ok(Err(NoRecord::Damaged)),
                Extend::End
                    if matches!(bound, Bound::NextRecord) && stream.format() == Format::Plain =>
                {
                    return Ok(Err(cut()));
                }
                Extend::End => ended = true,
            }
        }
    }

    /// Finds a convincing header at the start of a line, from `from` on; or where to search on once there is more.
    fn header_within(&self, bytes: &[u8], from: usize, complete: bool) -> (usize, bool) {
        for place in memmem::find_iter(&bytes[from..], MAGIC).map(|place| from + place) {
            if place > self.block && bytes[place - 1] != b'\n' {
                continue;
            }
            match header::parse(&bytes[place..], self.limits) {
                Outcome::Header(parsed) if parsed.convincing => return (place, true),
                Outcome::Incomplete if !complete => return (place, false),
                _ => {}
            }
        }
        (bytes.len().saturating_sub(MAGIC.len() - 1).max(from), false)
    }

    /// The record ends before `end`; up to two line ends there are not of its block.
    fn extent<R: Read>(&self, stream: &Stream<R>, end: usize) -> Result<Extent, NoRecord> {
        let mut block = &stream.bytes()[self.block..end];
        let mut lines = 0;
        while let Some(shorter) = block.strip_suffix(b"\n").filter(|_| lines < LINE_ENDS) {
            block = shorter.strip_suffix(b"\r").unwrap_or(shorter);
            lines += 1;
        }
        if block.len() as u64 > self.max_record_bytes {
            return Err(self.too_large());
        }
        let block_end = self.block + block.len();
        Ok(Extent {
            block_end,
            end,
            length_wrong: true,
            blank_line: lines == LINE_ENDS,
        })
    }

    fn too_large(&self) -> NoRecord {
        let detail = format!("a record of more than {} bytes", self.max_record_bytes);
        NoRecord::Fault(FaultKind::RecordTooLarge, detail)
    }
}

fn cut() -> NoRecord {
    NoRecord::Fault(
        FaultKind::CutRecord,
        "the input ends inside a record".into(),
    )
}
