//! The reader: records one after another, what is lost in between, and the account of every byte.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::budget::WindowBudget;
use crate::error::Error;
use crate::fault::{Fault, FaultKind, WarningKind};
use crate::format;
use crate::framing::{self, Extent, NoRecord};
use crate::header::{self, Claim, Limits, Outcome, Parsed};
use crate::record::Record;
use crate::records::Records;
use crate::stream::{Damage, Decoder, Extend, Format, Stream};
use crate::totals::Totals;
use crate::window::Window;

/// Compressed bytes after which an input in which nothing looks like WARC is given up.
const SEARCH_LIMIT: u64 = 64 << 20;

/// Limits on what a record may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Largest block in bytes; a larger record is a fault and streamed past. 64 MiB.
    pub max_record_bytes: u64,
    /// Largest header in bytes. 64 KiB.
    pub max_header_bytes: usize,
    /// Most lines in a header. 256.
    pub max_header_lines: usize,
    /// Largest window of zstd frames in bytes, rounded down to a power of two. 128 MiB.
    pub max_window_bytes: u64,
    /// What several readers share for windows above 8 MiB. `None`: each has as much as it needs.
    pub window_budget: Option<WindowBudget>,
}

impl Default for ReaderOptions {
    fn default() -> ReaderOptions {
        ReaderOptions {
            max_record_bytes: 64 << 20,
            max_header_bytes: 64 << 10,
            max_header_lines: 256,
            max_window_bytes: 128 << 20,
            window_budget: None,
        }
    }
}

/// Reads records from any input, front to back.
///
/// Bytes that are not records become [`Fault`]s, and reading goes on behind them; see the crate's introduction.
/// Memory: one record (at most `max_record_bytes`), 8 MiB for the member that it comes from, half a MiB of input (20 MiB
/// behind a large damaged member); a zstd window.
pub struct Reader<R> {
    state: State<R>,
    options: ReaderOptions,
    totals: Totals,
    faults: Vec<Fault>,
    /// Damage whose end was not reached yet.
    lost: Option<Lost>,
    /// Beginning of the first content that was no record, for the message should none be found.
    first_content: Option<Vec<u8>>,
}

enum State<R> {
    /// Nothing was read.
    New(Option<R>),
    Reading(Box<Stream<R>>),
    /// At the end, or refused.
    Done(Option<Format>),
}

/// Damage that reaches from `offset` to the next record.
struct Lost {
    offset: u64,
    kind: FaultKind,
    detail: String,
    /// Only zero bytes so far: padding, if the input ends with them.
    all_zero: bool,
}

impl Reader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened. What it contains is looked at by the first read.
    pub fn open(path: &Path) -> Result<Reader<File>, Error> {
        let file = File::open(path).map_err(|source| Error::Io { offset: 0, source })?;
        Ok(Reader::new(file))
    }
}

impl<R: Read> Reader<R> {
    /// Makes a reader with the default limits. The input need not be buffered.
    pub fn new(input: R) -> Reader<R> {
        Reader::with_options(input, ReaderOptions::default())
    }

    /// Makes a reader.
    pub fn with_options(input: R, options: ReaderOptions) -> Reader<R> {
        let state = State::New(Some(input));
        Reader {
            state,
            options,
            totals: Totals::default(),
            faults: Vec::new(),
            lost: None,
            first_content: None,
        }
    }

    /// Makes a reader of the bytes behind those that `totals` accounts for: gzip members, if there are any of these.
    pub(crate) fn resume(input: R, options: ReaderOptions, totals: Totals) -> Reader<R> {
        let mut reader = Reader::with_options(input, options);
        if totals.bytes > 0 {
            let State::New(Some(input)) = std::mem::replace(&mut reader.state, State::Done(None))
            else {
                unreachable!("nothing was read");
            };
            let decoder = Decoder::new(Format::GzipMembers, &reader.options);
            let window = Window::at(input, totals.bytes);
            let mut stream = Stream::new(window, decoder, reader.limits());
            stream.num_members = totals.members;
            stream.warc_seen = totals.records > 0;
            reader.state = State::Reading(Box::new(stream));
            reader.totals = totals;
        }
        reader
    }

    /// Reads records as long as each is a member of its own, without anything to warn of, and `each` says so; returns the totals if the input, of
    /// `bytes` bytes, is nothing else.
    pub(crate) fn read_plain_members(
        mut self,
        bytes: usize,
        record: &mut Record,
        mut each: impl FnMut(&Record) -> bool,
    ) -> Option<Totals> {
        if let State::New(input) = &mut self.state {
            let input = input.take().expect("the input is taken once");
            self.state = State::Reading(Box::new(self.begin(Window::new(input)).ok()?));
        }
        let State::Reading(mut stream) = std::mem::replace(&mut self.state, State::Done(None))
        else {
            return None;
        };
        stream.fill(bytes).ok()?;
        record.clear();
        while self.take_member(&mut stream, record).ok()? {
            if !each(record) {
                return None;
            }
        }
        self.totals.members = stream.num_members;
        let is_all =
            stream.input().is_empty() && stream.bytes().is_empty() && stream.num_empty_members == 0;
        is_all.then_some(self.totals)
    }

    /// Reads the next record into `record`; `false` at the end, when the totals are final.
    ///
    /// # Errors
    /// When the input itself fails, or when it is no WARC file. Damage in a WARC file is no error, see
    /// [`Reader::take_faults`]. After an error there is nothing more to read.
    ///
    /// # Panics
    /// When the account of bytes does not add up, which is a mistake in this crate.
    pub fn read_record(&mut self, record: &mut Record) -> Result<bool, Error> {
        let result = self.read_next(record);
        if result.is_err() {
            self.state = State::Done(self.format());
        }
        result
    }

    /// Turns the reader into an iterator over records, for where speed is less important than ease.
    pub fn records(self) -> Records<R> {
        Records::new(self)
    }

    /// Returns the faults found since the last call, in the order of their offsets.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Returns what was read so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the format, which is known after the first read.
    pub fn format(&self) -> Option<Format> {
        match &self.state {
            State::New(_) => None,
            State::Reading(stream) => Some(stream.format()),
            State::Done(format) => *format,
        }
    }

    fn read_next(&mut self, record: &mut Record) -> Result<bool, Error> {
        if let State::New(input) = &mut self.state {
            let input = input.take().expect("the input is taken once");
            let stream = self.begin(Window::new(input))?;
            self.state = State::Reading(Box::new(stream));
        }
        // The stream leaves `self` for the time of the call, so that both can be borrowed.
        let State::Reading(mut stream) = std::mem::replace(&mut self.state, State::Done(None))
        else {
            return Ok(false);
        };
        let result = self.next_record(&mut stream, record);
        self.totals.members = stream.num_members;
        let filler = std::mem::take(&mut stream.num_empty_members);
        self.totals.warnings.add(WarningKind::EmptyMember, filler);
        self.state = match result {
            Ok(true) => State::Reading(stream),
            _ => State::Done(Some(stream.format())),
        };
        result
    }

    fn limits(&self) -> Limits {
        Limits {
            bytes: self.options.max_header_bytes,
            lines: self.options.max_header_lines,
        }
    }

    /// Finds out the format. Behind a damaged start it is that of the first member that verifies, or of the first header
    /// that convinces, within 1 MiB.
    fn begin(&mut self, mut window: Window<R>) -> Result<Stream<R>, Error> {
        window.fill(format::SEARCHED_BYTES)?;
        let bytes = window.available();
        if bytes.is_empty() {
            return Err(Error::Empty);
        }
        let limits = self.limits();
        let decoder = |format| Decoder::new(format, &self.options);
        if let Some(format) = format::of_first_bytes(bytes) {
            return Ok(Stream::new(window, decoder(format), limits));
        }
        if let Some(error) = format::refuse(bytes) {
            return Err(error);
        }
        let found = format::beginnings(&bytes[..bytes.len().min(format::SEARCHED_BYTES)], limits);
        let mut stream = Stream::new(window, Decoder::Plain, limits);
        let Some(format) = stream.first_that_verifies(&found, decoder)? else {
            return Err(format::unknown(
                stream.input(),
                format::resemblance(stream.input()),
            ));
        };
        stream.set_decoder(decoder(format));
        Ok(stream)
    }

    fn next_record(&mut self, stream: &mut Stream<R>, record: &mut Record) -> Result<bool, Error> {
        record.clear();
        loop {
            if self.lost.is_none() && self.take_member(stream, record)? {
                return Ok(true);
            }
            let found = if self.lost.is_some() {
                self.search(stream)?
            } else {
                self.seek_record(stream)?
            };
            if !found {
                self.finish(stream)?;
                return Ok(false);
            }
            if self.lost.is_none() && self.read_framed(stream, record)? {
                return Ok(true);
            }
        }
    }

    /// The fast path: a member that holds just one record, and no claim is wrong.
    fn take_member(&mut self, stream: &mut Stream<R>, record: &mut Record) -> Result<bool, Error> {
        let Some((start, end)) = stream.take_member(&mut record.buffer)? else {
            return Ok(false);
        };
        let content = record.buffer.bytes();
        if let Outcome::Header(parsed) = header::parse(content, self.limits()) {
            let block_and_ends = content.len() - parsed.len;
            let is_exact = block_and_ends.checked_sub(4).is_some_and(|block| {
                parsed.claim == Claim::Length(block as u64)
                    && block as u64 <= self.options.max_record_bytes
            });
            if is_exact && parsed.is_clean() && content.ends_with(b"\r\n\r\n") {
                record.header = 0..parsed.len;
                record.block = parsed.len..content.len() - 4;
                stream.warc_seen = true;
                self.count_record(record, &parsed, start, end);
                return Ok(true);
            }
        }
        stream.put_back(&mut record.buffer, (start, end));
        Ok(false)
    }

    /// Goes to the next record where nothing was lost: over blank lines. `false` at the end.
    fn seek_record(&mut self, stream: &mut Stream<R>) -> Result<bool, Error> {
        loop {
            let bytes = stream.bytes();
            let blank = bytes
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            stream.advance(blank);
            let bytes = stream.bytes();
            let known = bytes.len().min(header::MAGIC.len());
            if bytes[..known] != header::MAGIC[..known] {
                self.lose_content(stream)?;
                return Ok(true);
            }
            if known == header::MAGIC.len() {
                stream.warc_seen = true;
                return Ok(true);
            }
            match stream.extend()? {
                Extend::Grown => {}
                Extend::Damaged => {
                    self.lose_to_damage(stream, None)?;
                    return Ok(true);
                }
                Extend::End if known == 0 => return Ok(false),
                Extend::End => {
                    self.lose(
                        stream.offset_at(0),
                        FaultKind::CutRecord,
                        "the input ends inside a version line",
                    );
                    stream.advance(known);
                    return Ok(true);
                }
            }
        }
    }

    /// Content that does not begin a record.
    fn lose_content(&mut self, stream: &mut Stream<R>) -> Result<(), Error> {
        if self.totals.records == 0 && !stream.warc_seen {
            let content = stream.bytes();
            let is_plain = stream.format() == Format::Plain; // known by more than its first bytes
            if let Some(error) = format::refuse(content).filter(|_| !is_plain) {
                return Err(error);
            }
            self.first_content
                .get_or_insert_with(|| content[..content.len().min(64)].to_vec());
        }
        let (kind, detail) = match stream.format() {
            Format::Plain => (FaultKind::Junk, "bytes that do not begin a record"),
            _ => (
                FaultKind::BadHeader,
                "a member whose content does not begin with `WARC/`",
            ),
        };
        self.lose(stream.offset_at(0), kind, detail);
        Ok(())
    }

    fn lose(&mut self, offset: u64, kind: FaultKind, detail: impl Into<String>) {
        debug_assert!(self.lost.is_none());
        self.pad_to(offset);
        self.lost = Some(Lost {
            offset,
            kind,
            detail: detail.into(),
            all_zero: kind == FaultKind::Junk,
        });
    }

    /// Damage in the compressed stream; `record_offset`: of the record that it cuts.
    fn lose_to_damage(
        &mut self,
        stream: &mut Stream<R>,
        record_offset: Option<u64>,
    ) -> Result<(), Error> {
        let Damage {
            offset,
            kind,
            detail,
        } = stream.damage().expect("damage was reported").clone();
        let detail = match record_offset {
            Some(record) if record < offset => {
                format!("{detail}, at offset {offset} inside a record")
            }
            _ => detail,
        };
        self.lose(record_offset.unwrap_or(offset).min(offset), kind, detail);
        self.pass_damage(stream)
    }

    fn pass_damage(&mut self, stream: &mut Stream<R>) -> Result<(), Error> {
        self.totals.damaged += 1;
        let content_lost = !stream.bytes().is_empty();
        let zeros = stream.resync()?;
        let lost = self.lost.as_mut().expect("damage is being passed");
        lost.all_zero &= zeros && !content_lost;
        Ok(())
    }

    /// Searches the next record behind damage. `false` at the end.
    fn search(&mut self, stream: &mut Stream<R>) -> Result<bool, Error> {
        let is_plain = stream.format() == Format::Plain;
        let mut ended = false;
        loop {
            let (passed, found) = framing::next_header(stream, ended, self.limits());
            if passed > 0 {
                let bytes = &stream.bytes()[..passed];
                let lost = self
                    .lost
                    .as_mut()
                    .expect("a search is for the end of a loss");
                lost.all_zero &= is_plain && bytes.iter().all(|&byte| byte == 0);
                stream.advance(passed);
            }
            if found {
                stream.warc_seen = true;
                let begins_there = is_plain || stream.begins_member(0);
                self.end_loss(if begins_there {
                    stream.offset_at(0)
                } else {
                    stream.offset_behind(1)
                });
                return Ok(true);
            }
            if ended {
                return Ok(false);
            }
            if !stream.warc_seen && stream.input_offset() > SEARCH_LIMIT {
                return Err(self.refused(stream));
            }
            match stream.extend()? {
                Extend::Grown => {}
                Extend::Damaged => self.pass_damage(stream)?,
                Extend::End => ended = true,
            }
        }
    }

    /// Reads the record at the stream's start; `false` when it is lost.
    fn read_framed(&mut self, stream: &mut Stream<R>, record: &mut Record) -> Result<bool, Error> {
        let offset = stream.offset_at(0);
        let framed = match framing::read_header(stream, self.limits())? {
            Ok(parsed) => framing::find_extent(
                stream,
                &parsed,
                self.options.max_record_bytes,
                self.limits(),
            )?
            .map(|end| (parsed, end)),
            Err(why) => Err(why),
        };
        match framed {
            Ok((parsed, extent)) => {
                self.hand_over(stream, record, &parsed, &extent);
                Ok(true)
            }
            Err(NoRecord::Damaged) => {
                self.lose_to_damage(stream, Some(offset))?;
                Ok(false)
            }
            Err(NoRecord::Fault(kind, detail)) => {
                self.lose(offset, kind, detail);
                // So that the search does not find the same header again.
                stream.advance(1);
                Ok(false)
            }
        }
    }

    fn hand_over(
        &mut self,
        stream: &mut Stream<R>,
        record: &mut Record,
        parsed: &Parsed,
        extent: &Extent,
    ) {
        let (start, end) = (stream.offset_at(0), stream.offset_behind(extent.end));
        stream.give(extent.block_end, extent.end, &mut record.buffer);
        record.header = 0..parsed.len;
        record.block = parsed.len..extent.block_end;
        self.count_record(record, parsed, start, end);
        let flags = [
            (extent.length_wrong, WarningKind::ContentLengthWrong),
            (
                parsed.claim == Claim::Missing,
                WarningKind::ContentLengthMissing,
            ),
            (
                parsed.claim == Claim::Invalid,
                WarningKind::ContentLengthInvalid,
            ),
            (parsed.lf_only, WarningKind::LfOnly),
            (parsed.folded, WarningKind::FoldedHeader),
            (parsed.without_colon, WarningKind::HeaderWithoutColon),
            (parsed.unknown_version, WarningKind::UnknownVersion),
            (!extent.blank_line, WarningKind::NoBlankLine),
        ];
        for (_, kind) in flags.into_iter().filter(|&(is_set, _)| is_set) {
            self.totals.warnings.add(kind, 1);
        }
    }

    /// Enters a record that takes the input up to `end` into the account.
    fn count_record(&mut self, record: &mut Record, parsed: &Parsed, start: u64, end: u64) {
        self.pad_to(start);
        record.record_type = parsed.record_type;
        record.offset = start;
        record.bytes = self.charge_to(end);
        self.totals.records += 1;
        self.totals.block_bytes += record.block.len() as u64;
        self.totals.record_bytes += record.bytes;
    }

    /// Returns the bytes up to `offset` that nothing else accounts for, and accounts for them.
    fn charge_to(&mut self, offset: u64) -> u64 {
        let bytes = offset.saturating_sub(self.totals.bytes);
        self.totals.bytes += bytes;
        bytes
    }

    fn pad_to(&mut self, offset: u64) {
        self.totals.padding_bytes += self.charge_to(offset);
    }

    /// The loss reaches up to `offset`.
    fn end_loss(&mut self, offset: u64) {
        let Lost {
            offset: start,
            kind,
            detail,
            ..
        } = self.lost.take().expect("something was lost");
        let bytes = self.charge_to(offset);
        self.totals.fault_bytes += bytes;
        self.totals.faults += 1;
        self.faults.push(Fault {
            offset: start,
            kind,
            bytes,
            detail,
        });
    }

    /// Closes the account at the end of the input.
    fn finish(&mut self, stream: &mut Stream<R>) -> Result<(), Error> {
        let total = stream.bytes_read();
        match &self.lost {
            Some(lost) if lost.all_zero => {
                self.lost = None;
                self.totals.warnings.add(WarningKind::ZeroPadding, 1);
            }
            Some(_) => self.end_loss(total),
            None => {}
        }
        self.pad_to(total);
        let Totals {
            record_bytes,
            fault_bytes,
            padding_bytes,
            ..
        } = self.totals;
        assert!(
            record_bytes + fault_bytes + padding_bytes == total,
            "every byte is accounted for: {record_bytes} in records, {fault_bytes} in faults, {padding_bytes} in padding, \
             {total} in all"
        );
        if self.totals.records == 0 && self.totals.faults > 0 && !stream.warc_seen {
            return Err(self.refused(stream));
        }
        Ok(())
    }

    /// The error for an input in which nothing looks like WARC.
    fn refused(&self, stream: &Stream<R>) -> Error {
        let hint = match (&self.first_content, stream.format()) {
            (Some(_), Format::Plain) => "no record".to_owned(),
            (Some(_), Format::GzipMembers) => "gzip, but of something else".to_owned(),
            (Some(_), Format::Zstd) => "zstd, but of something else".to_owned(),
            (None, format) => {
                let first = self
                    .faults
                    .first()
                    .map(|fault| &fault.detail)
                    .or(self.lost.as_ref().map(|lost| &lost.detail));
                let detail = first.map_or("", |detail| detail.as_str());
                format!(
                    "a {} input without a member that can be read ({detail})",
                    format.as_str()
                )
            }
        };
        format::unknown(self.first_content.as_deref().unwrap_or_default(), &hint)
    }
}
