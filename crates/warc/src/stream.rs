//! The decompressed stream: bytes of one member after another, with the places where members begin and end.
//!
//! Framing into records ([`reader`](crate::reader)) works on this stream, for all formats alike. A plain file is a
//! single member that never ends.

use std::collections::VecDeque;
use std::io::Read;

use memchr::memmem;

use crate::buffer::Buffer;
use crate::error::Error;
use crate::fault::FaultKind;
use crate::gzip::Gzip;
use crate::header::{self, Limits, Outcome};
use crate::reader::ReaderOptions;
use crate::window::{LOW_WATER, Window};
use crate::zstd::{self, SKIPPABLE_HEADER, Zstd};

/// Content up to this size is decompressed and verified before any of it is used. Larger members are handed on piece by
/// piece; almost none are, as single records are smaller (Common Crawl cuts payloads at 1 or 5 MiB).
pub(crate) const WHOLE_BYTES: usize = 8 << 20;

/// Pieces in which larger members, and plain files, are taken.
const PIECE_BYTES: usize = 256 << 10;

/// Compressed bytes kept behind while a large member is streamed: damage is found some time after it began, at most a
/// deflate block later, and the search for the next member starts this far back.
pub(crate) const HISTORY_BYTES: u64 = 128 << 10;

/// Input that is kept of a member with little content, for the same reason. Blocks without content make more possible.
pub(crate) const MAX_HELD_BYTES: u64 = 16 << 20;

/// Decompressed bytes that fruitless attempts to verify a member may cost, plus [`WASTE_RATIO`] for each byte searched;
/// beyond, attempts are cut short, so that a hostile file full of beginnings cannot take quadratic time.
const WASTE_ALLOWED: u64 = 256 << 20;
const WASTE_RATIO: u64 = 64;

/// With this many members in sight (of a byte each, say) the newest are counted as one.
const MAX_MEMBERS: usize = 1 << 16;

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Records without compression.
    Plain,
    /// Gzip members, of one record each or otherwise.
    GzipMembers,
    /// Zstandard frames, with or without a dictionary.
    Zstd,
}

impl Format {
    /// Returns the stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Plain => "plain",
            Format::GzipMembers => "gzip",
            Format::Zstd => "zstd",
        }
    }
}

/// What a decoder came to.
pub(crate) enum Step {
    /// The limit; there is more.
    More,
    /// The end of the member, and it verified.
    End,
    /// Bytes that do not decompress or verify, or the end of the input.
    Damaged(FaultKind, String),
}

/// What decompresses the input.
pub(crate) enum Decoder {
    Plain,
    Gzip(Box<Gzip>),
    Zstd(Zstd),
}

impl Decoder {
    pub(crate) fn new(format: Format, options: &ReaderOptions) -> Decoder {
        match format {
            Format::Plain => Decoder::Plain,
            Format::GzipMembers => Decoder::Gzip(Box::new(Gzip::new())),
            Format::Zstd => Decoder::Zstd(Zstd::new(
                options.max_window_bytes,
                options.window_budget.as_ref(),
            )),
        }
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Decoder::Plain => Format::Plain,
            Decoder::Gzip(_) => Format::GzipMembers,
            Decoder::Zstd(_) => Format::Zstd,
        }
    }

    fn decode<R: Read>(
        &mut self,
        window: &mut Window<R>,
        out: &mut Buffer,
        limit: usize,
    ) -> Result<Step, Error> {
        match self {
            Decoder::Plain => {
                window.fill(LOW_WATER)?;
                let bytes = window.available().len().min(limit);
                out.extend(&window.available()[..bytes]);
                window.consume(bytes);
                Ok(Step::More)
            }
            Decoder::Gzip(gzip) => gzip.decode(window, out, limit),
            Decoder::Zstd(zstd) => zstd.decode(window, out, limit),
        }
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        match self {
            Decoder::Plain => true,
            Decoder::Gzip(_) => Gzip::begins(bytes),
            Decoder::Zstd(_) => Zstd::begins(bytes),
        }
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Decoder::Plain => memmem::find(bytes, header::MAGIC),
            Decoder::Gzip(_) => Gzip::find(bytes),
            Decoder::Zstd(_) => Zstd::find(bytes),
        }
    }

    fn abandon(&mut self) {
        match self {
            Decoder::Plain => {}
            Decoder::Gzip(gzip) => gzip.abandon(),
            Decoder::Zstd(zstd) => zstd.abandon(),
        }
    }
}

/// A member of which bytes are in sight. Positions count bytes of the decompressed stream.
struct Member {
    /// Position of its content.
    content: u64,
    /// Offset of the member in the input.
    offset: u64,
    /// Offset behind it, once it ended and verified.
    end: Option<u64>,
}

/// Bytes of the input that do not decompress.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    pub(crate) offset: u64,
    pub(crate) kind: FaultKind,
    pub(crate) detail: String,
}

/// What a search for a member came to.
struct Found {
    /// There is one; otherwise the input ended.
    member: bool,
    /// All bytes before it were zero.
    all_zero: bool,
}

/// What became of the wish for more bytes.
pub(crate) enum Extend {
    /// There may be more; an empty member brings none.
    Grown,
    /// Damage comes next; it stays until [`Stream::resync`].
    Damaged,
    End,
}

/// Decompressed bytes that were not used yet, and how they came to be.
pub(crate) struct Stream<R> {
    window: Window<R>,
    decoder: Decoder,
    buffer: Buffer,
    /// Position of the buffer's first byte.
    position: u64,
    members: VecDeque<Member>,
    damage: Option<Damage>,
    ended: bool,
    limits: Limits,
    /// Members read whole.
    pub(crate) num_members: u64,
    /// Those among them without content.
    pub(crate) num_empty_members: u64,
    /// Some content began like a WARC header.
    pub(crate) warc_seen: bool,
}

impl<R: Read> Stream<R> {
    pub(crate) fn new(window: Window<R>, decoder: Decoder, limits: Limits) -> Stream<R> {
        Stream {
            window,
            decoder,
            buffer: Buffer::default(),
            position: 0,
            members: VecDeque::new(),
            damage: None,
            ended: false,
            limits,
            num_members: 0,
            num_empty_members: 0,
            warc_seen: false,
        }
    }

    /// Tries places where members or records may begin, and returns the format of the first that holds.
    pub(crate) fn first_that_verifies(
        &mut self,
        places: &[(usize, Format)],
        decoder: impl Fn(Format) -> Decoder,
    ) -> Result<Option<Format>, Error> {
        let mut holds = None;
        self.window.hold();
        for &(place, format) in places {
            self.decoder = decoder(format);
            self.window.consume(place);
            let verifies = format == Format::Plain || self.verifies(WHOLE_BYTES + 1, &mut 0)?;
            self.window.rewind(0);
            if verifies {
                holds = Some(format);
                break;
            }
        }
        self.window.release();
        Ok(holds)
    }

    pub(crate) fn set_decoder(&mut self, decoder: Decoder) {
        self.decoder = decoder;
    }

    /// Has so many bytes of the input in memory, or all that are left.
    pub(crate) fn fill(&mut self, bytes: usize) -> Result<(), Error> {
        self.window.fill(bytes)
    }

    /// Bytes of the input that come next.
    pub(crate) fn input(&self) -> &[u8] {
        self.window.available()
    }

    pub(crate) fn format(&self) -> Format {
        self.decoder.format()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// Offset in the input up to which it was decompressed.
    pub(crate) fn input_offset(&self) -> u64 {
        self.window.offset()
    }

    /// Bytes that the input has given.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.window.bytes_read()
    }

    pub(crate) fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Decompresses the next member straight into `out`, if all bytes before it are used up, the format is gzip and the
    /// member can be taken in one piece. Returns the offsets of its start and end.
    pub(crate) fn take_member(&mut self, out: &mut Buffer) -> Result<Option<(u64, u64)>, Error> {
        if !self.buffer.is_empty() || self.is_open() || self.damage.is_some() {
            return Ok(None);
        }
        let Decoder::Gzip(gzip) = &mut self.decoder else {
            return Ok(None);
        };
        self.window.fill(LOW_WATER)?;
        let start = self.window.offset();
        out.clear();
        if !gzip.whole_member(&mut self.window, out) {
            return Ok(None);
        }
        self.num_members += 1;
        Ok(Some((start, self.window.offset())))
    }

    /// Takes back the content of a member that [`Stream::take_member`] gave, to be read bit by bit.
    pub(crate) fn put_back(&mut self, content: &mut Buffer, (offset, end): (u64, u64)) {
        self.members.clear();
        std::mem::swap(&mut self.buffer, content);
        if self.buffer.is_empty() {
            self.num_empty_members += 1;
        } else {
            self.members.push_back(Member {
                content: self.position,
                offset,
                end: Some(end),
            });
        }
    }

    /// Tries to make more bytes available.
    pub(crate) fn extend(&mut self) -> Result<Extend, Error> {
        if self.damage.is_some() {
            return Ok(Extend::Damaged);
        }
        if self.ended {
            return Ok(Extend::End);
        }
        let is_new = !self.is_open();
        if is_new {
            match self.begin_member()? {
                Extend::Grown => {}
                other => return Ok(other),
            }
        }
        self.decode(is_new)
    }

    fn is_open(&self) -> bool {
        self.members
            .back()
            .is_some_and(|member| member.end.is_none())
    }

    fn end_position(&self) -> u64 {
        self.position + self.buffer.len() as u64
    }

    /// Goes to where the next member begins; damage where none does.
    fn begin_member(&mut self) -> Result<Extend, Error> {
        let offset = loop {
            self.window.fill(LOW_WATER)?;
            let bytes = self.window.available();
            if bytes.is_empty() {
                self.ended = true;
                return Ok(Extend::End);
            }
            if !self.decoder.begins(bytes) {
                self.set_damage(
                    self.window.offset(),
                    FaultKind::Junk,
                    "bytes that are neither member nor record".into(),
                );
                return Ok(Extend::Damaged);
            }
            let is_skippable = Zstd::begins_skippable(bytes);
            if !is_skippable || !matches!(self.decoder, Decoder::Zstd(_)) {
                break self.window.offset();
            }
            if !self.skip_frame()? {
                return Ok(Extend::Damaged);
            }
        };
        self.members.push_back(Member {
            content: self.end_position(),
            offset,
            end: None,
        });
        Ok(Extend::Grown)
    }

    fn decode(&mut self, is_new: bool) -> Result<Extend, Error> {
        let is_plain = matches!(self.decoder, Decoder::Plain);
        // One byte above the limit for whole members, to see that there is more.
        let limit = if is_new && !is_plain {
            WHOLE_BYTES + 1
        } else {
            PIECE_BYTES
        };
        let before = self.buffer.len();
        let step = self
            .decoder
            .decode(&mut self.window, &mut self.buffer, limit)?;
        let grown = self.buffer.len() > before;
        self.warc_seen |= is_new && self.buffer.bytes()[before..].starts_with(header::MAGIC);
        match step {
            Step::More if is_plain && !grown => {
                self.ended = true;
                Ok(Extend::End)
            }
            Step::More => Ok(Extend::Grown),
            Step::End => {
                self.end_member();
                Ok(Extend::Grown)
            }
            Step::Damaged(kind, detail) => {
                let offset = self.members.back().expect("a member is open").offset;
                // What precedes a cut is sound. After other damage nothing of a small member can be trusted; of a
                // larger one, pieces were used already.
                if is_new && !(kind == FaultKind::CutMember && self.is_cut_by_the_end(offset)?) {
                    self.buffer.truncate(before);
                    self.members.pop_back();
                }
                self.set_damage(offset, kind, detail);
                Ok(if self.buffer.len() > before {
                    Extend::Grown
                } else {
                    Extend::Damaged
                })
            }
        }
    }

    fn end_member(&mut self) {
        self.window.release();
        self.num_members += 1;
        let (end_position, end) = (self.end_position(), self.window.offset());
        let member = self.members.back_mut().expect("a member is open");
        member.end = Some(end);
        if member.content == end_position {
            self.members.pop_back();
            self.num_empty_members += 1;
        } else if self.members.len() > MAX_MEMBERS {
            self.members.pop_back();
            self.members.back_mut().expect("there are many").end = Some(end);
        }
    }

    fn set_damage(&mut self, offset: u64, kind: FaultKind, detail: String) {
        self.damage = Some(Damage {
            offset,
            kind,
            detail,
        });
    }

    /// Skips a skippable zstd frame; false where it is cut. The first of the file may carry a dictionary.
    fn skip_frame(&mut self) -> Result<bool, Error> {
        let offset = self.window.offset();
        let bytes = self.window.available();
        let is_dictionary = offset == 0 && Zstd::begins_dictionary(bytes);
        let Some(&[a, b, c, d]) = bytes
            .get(4..SKIPPABLE_HEADER)
            .and_then(|length| length.first_chunk::<4>())
        else {
            self.set_damage(
                offset,
                FaultKind::CutMember,
                "the input ends inside a skippable zstd frame".into(),
            );
            return Ok(false);
        };
        self.window.hold();
        self.window.consume(SKIPPABLE_HEADER);
        let mut dictionary = Vec::new();
        let mut left = u64::from(u32::from_le_bytes([a, b, c, d]));
        while left > 0 {
            self.window.fill(1)?;
            let piece = (self.window.available().len() as u64).min(left) as usize;
            if piece == 0 {
                self.set_damage(
                    offset,
                    FaultKind::CutMember,
                    "the input ends inside a skippable zstd frame".into(),
                );
                return Ok(false);
            }
            if is_dictionary && dictionary.len() <= zstd::MAX_DICTIONARY_BYTES {
                dictionary.extend_from_slice(&self.window.available()[..piece]);
            }
            self.window.consume(piece);
            self.window.hold_history(HISTORY_BYTES);
            left -= piece as u64;
        }
        self.window.release();
        if let (true, Decoder::Zstd(zstd)) = (is_dictionary, &mut self.decoder) {
            // A dictionary that cannot be used shows in the frames that need it, each a fault of that name.
            let _ = if dictionary.len() <= zstd::MAX_DICTIONARY_BYTES {
                zstd.set_dictionary(&dictionary)
            } else {
                Err("a dictionary above 4 MiB")
            };
        }
        Ok(true)
    }

    /// Uses up bytes at the front.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.buffer.consume(bytes);
        self.position += bytes as u64;
        while self.members.len() > 1 && self.members[1].content <= self.position {
            self.members.pop_front();
        }
        if self.buffer.is_empty() && !self.is_open() {
            self.members.clear();
        }
    }

    /// Gives the first `bytes` bytes away into `out`, and uses up `next` of them.
    ///
    /// The smaller part is copied: what is given, or what remains.
    pub(crate) fn give(&mut self, bytes: usize, next: usize, out: &mut Buffer) {
        out.clear();
        let remaining = self.buffer.len() - next;
        if remaining < bytes {
            out.extend(&self.buffer.bytes()[next..]);
            std::mem::swap(out, &mut self.buffer);
            out.truncate(bytes);
            // As if the bytes had been consumed: `advance` below counts positions only.
            self.position += next as u64;
            self.advance(0);
        } else {
            out.extend(&self.buffer.bytes()[..bytes]);
            self.advance(next);
        }
    }

    /// Place in the list of members of the one that holds the byte at `index`.
    fn member_at(&self, index: usize) -> Option<usize> {
        let position = self.position + index as u64;
        self.members
            .partition_point(|member| member.content <= position)
            .checked_sub(1)
    }

    /// Offset of the member that the byte at `index` belongs to; in plain files, of the byte itself.
    pub(crate) fn offset_at(&self, index: usize) -> u64 {
        match self.decoder {
            Decoder::Plain => self.position + index as u64,
            _ => self
                .member_at(index)
                .map_or(self.window.offset(), |place| self.members[place].offset),
        }
    }

    /// Offset behind the compressed bytes that were needed for the first `len` bytes.
    pub(crate) fn offset_behind(&self, len: usize) -> u64 {
        match self.decoder {
            Decoder::Plain => self.position + len as u64,
            _ => {
                let last = len.checked_sub(1).and_then(|index| self.member_at(index));
                last.and_then(|place| self.members[place].end)
                    .unwrap_or(self.window.offset())
            }
        }
    }

    /// Says whether a member's content begins or ends at `index`.
    pub(crate) fn is_boundary(&self, index: usize) -> bool {
        let position = self.position + index as u64;
        let begins = self
            .members
            .binary_search_by_key(&position, |member| member.content)
            .is_ok();
        begins || (position == self.end_position() && !self.is_open())
    }

    /// Says whether a member begins at `index`, as far as is known.
    pub(crate) fn begins_member(&self, index: usize) -> bool {
        let position = self.position + index as u64;
        self.members
            .binary_search_by_key(&position, |member| member.content)
            .is_ok()
    }

    /// Index of the end of the member that holds the byte at `index`, if it is known.
    pub(crate) fn member_end(&self, index: usize) -> Option<usize> {
        let place = self.member_at(index)?;
        match self.members.get(place + 1) {
            Some(next) => Some((next.content - self.position) as usize),
            None if self.is_open() => None,
            None => Some(self.buffer.len()),
        }
    }

    /// Index, from `from` on, of the first member that begins with `WARC/`.
    pub(crate) fn next_warc_member(&self, from: usize) -> Option<usize> {
        let position = self.position + from as u64;
        let first = self
            .members
            .partition_point(|member| member.content < position);
        self.members.range(first..).find_map(|member| {
            let index = (member.content - self.position) as usize;
            let member_bytes =
                &self.bytes()[index..self.member_end(index).unwrap_or(self.buffer.len())];
            member_bytes.starts_with(header::MAGIC).then_some(index)
        })
    }

    /// Goes on behind damage: drops what was not used, and finds the next member that verifies and begins with a
    /// record. Returns whether all bytes up to there, or up to the end, were zero.
    pub(crate) fn resync(&mut self) -> Result<bool, Error> {
        let damage = self.damage.take().expect("damage that was reported");
        self.position = self.end_position();
        self.buffer.clear();
        self.members.clear();
        self.decoder.abandon();
        self.window.rewind(damage.offset);
        self.window.release();
        let Found { member, all_zero } = self.find_member(false)?;
        self.ended = !member;
        Ok(all_zero)
    }

    /// Says whether the end of the input is what cuts the member that begins at `offset`: no member that verifies lies
    /// behind its beginning. Otherwise a damaged length made it seem to reach so far.
    fn is_cut_by_the_end(&mut self, offset: u64) -> Result<bool, Error> {
        let content = std::mem::take(&mut self.buffer);
        self.decoder.abandon();
        self.window.rewind(offset);
        let found = self.find_member(true);
        self.buffer = content;
        Ok(!found?.member)
    }

    /// Goes to the next member that verifies and begins with a record, or to the end. The buffer must be empty.
    /// `keep_held`: bytes that the window holds stay so.
    fn find_member(&mut self, keep_held: bool) -> Result<Found, Error> {
        let mut all_zero = true;
        let (mut wasted, mut searched) = (0, 0);
        // The damaged member's own beginning is not tried again.
        let mut skip = 1;
        loop {
            self.window.fill(LOW_WATER)?;
            let bytes = self.window.available();
            if bytes.is_empty() {
                return Ok(Found {
                    member: false,
                    all_zero,
                });
            }
            let found = self.decoder.find(&bytes[skip..]).map(|place| skip + place);
            // A beginning may lie across the end of the window.
            let tail = if bytes.len() < LOW_WATER { 0 } else { 3 };
            let passed = found.unwrap_or((bytes.len() - tail).max(skip));
            all_zero &= bytes[..passed].iter().all(|&byte| byte == 0);
            self.window.consume(passed);
            searched += passed as u64;
            skip = 0;
            if found.is_some() {
                let limit = match wasted > WASTE_ALLOWED + WASTE_RATIO * searched {
                    true => PIECE_BYTES,
                    false => WHOLE_BYTES + 1,
                };
                self.window.hold();
                let member = self.verifies(limit, &mut wasted)?;
                if !keep_held {
                    self.window.release();
                }
                if member {
                    return Ok(Found { member, all_zero });
                }
                skip = 1;
            }
        }
    }

    /// Says whether a whole member begins at the window's start, which is held, and begins with a record.
    fn verifies(&mut self, limit: usize, wasted: &mut u64) -> Result<bool, Error> {
        self.window.fill(LOW_WATER)?;
        if let Decoder::Gzip(gzip) = &mut self.decoder {
            if !gzip.may_begin_record(self.window.available()) {
                return Ok(false);
            }
        }
        let offset = self.window.offset();
        // The buffer is empty during a search, so that it can take the content for a moment.
        let step = self
            .decoder
            .decode(&mut self.window, &mut self.buffer, limit)?;
        self.decoder.abandon();
        self.window.rewind(offset);
        let parsed = header::parse(self.buffer.bytes(), self.limits);
        let verified = match step {
            // It took so much input that its beginning was let go; no real member does for so little content.
            _ if self.window.offset() != offset => false,
            Step::End => matches!(parsed, Outcome::Header(_)),
            // Too large to be checked whole: its beginning must convince.
            Step::More => {
                limit > WHOLE_BYTES
                    && matches!(parsed, Outcome::Header(header) if header.convincing)
            }
            Step::Damaged(..) => false,
        };
        if !verified {
            *wasted += self.buffer.len() as u64;
        }
        self.buffer.clear();
        Ok(verified)
    }
}
