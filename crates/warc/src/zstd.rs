//! Zstandard frames (RFC 8878), with the dictionary frame of the IIPC's *Zstandard Compression for WARC Files 1.0*.

use std::io::Read;

use memchr::memmem;
use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::budget::{Room, WindowBudget};
use crate::buffer::Buffer;
use crate::error::Error;
use crate::fault::FaultKind;
use crate::stream::{HISTORY_BYTES, MAX_HELD_BYTES, Step, WHOLE_BYTES};
use crate::window::Window;

pub(crate) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The skippable frame that carries a dictionary: magic number 0x184D2A5D.
const DICTIONARY_MAGIC: [u8; 4] = [0x5d, 0x2a, 0x4d, 0x18];

/// Bytes of a skippable frame before its content: magic number and length.
pub(crate) const SKIPPABLE_HEADER: usize = 8;

/// Limit on dictionaries; those in use have some 100 KiB.
pub(crate) const MAX_DICTIONARY_BYTES: usize = 4 << 20;

const ROOM: usize = 128 << 10;

/// Bytes of the longest header of a frame.
const FRAME_HEADER: usize = 18;

/// Windows up to this size, as nearly all are, take nothing of a budget.
const ORDINARY_WINDOW_BYTES: u64 = 8 << 20;

/// Reads zstd frames.
pub(crate) struct Zstd {
    context: DCtx<'static>,
    /// A frame is being read.
    open: bool,
    /// Output of the frame so far.
    produced: u64,
    /// Input of the frame so far.
    consumed: u64,
    window_log: u32,
    has_dictionary: bool,
    /// For the largest window so far, whose memory the library keeps.
    room: Option<Room>,
}

impl Zstd {
    pub(crate) fn new(max_window_bytes: u64, budget: Option<&WindowBudget>) -> Zstd {
        // RFC 8878 allows windows from 1 KiB (10) to beyond what the library can do (31).
        let window_log = max_window_bytes.checked_ilog2().unwrap_or(0).clamp(10, 31);
        Zstd {
            context: DCtx::create(),
            open: false,
            produced: 0,
            consumed: 0,
            window_log,
            has_dictionary: false,
            room: budget.map(WindowBudget::room),
        }
    }

    /// Says whether a frame may begin here; one that the end of the input cuts counts.
    pub(crate) fn begins(bytes: &[u8]) -> bool {
        let known = bytes.len().min(MAGIC.len());
        bytes[..known] == MAGIC[..known] || Zstd::begins_skippable(bytes)
    }

    /// Says whether a skippable frame begins here: magic numbers 0x184D2A50 to 0x184D2A5F.
    pub(crate) fn begins_skippable(bytes: &[u8]) -> bool {
        matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
    }

    /// Says whether the skippable frame that begins here carries a dictionary.
    pub(crate) fn begins_dictionary(bytes: &[u8]) -> bool {
        bytes.starts_with(&DICTIONARY_MAGIC)
    }

    pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
        memmem::find(bytes, &MAGIC)
    }

    pub(crate) fn abandon(&mut self) {
        self.open = false;
    }

    /// Uses `content`, raw or itself a zstd frame, as the dictionary of all frames that follow.
    pub(crate) fn set_dictionary(&mut self, content: &[u8]) -> Result<(), &'static str> {
        let loaded = if content.starts_with(&MAGIC) {
            self.context.load_dictionary(&unpack_dictionary(content)?)
        } else {
            self.context.load_dictionary(content)
        };
        self.has_dictionary = loaded.is_ok();
        loaded
            .map(|_| ())
            .map_err(|_| "a dictionary that cannot be loaded")
    }

    /// Decompresses on, or begins a frame; stops after `limit` bytes.
    pub(crate) fn decode<R: Read>(
        &mut self,
        window: &mut Window<R>,
        out: &mut Buffer,
        limit: usize,
    ) -> Result<Step, Error> {
        if !self.open {
            window.hold();
            self.take_room(window)?;
            if let Err(code) = self.begin() {
                return Ok(damaged(code, self.has_dictionary));
            }
        }
        let step = self.stream_on(window, out, limit)?;
        self.open = matches!(step, Step::More);
        Ok(step)
    }

    /// Has room for the window of the frame that begins here.
    fn take_room<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Error> {
        let Some(room) = &mut self.room else {
            return Ok(());
        };
        window.fill(FRAME_HEADER)?;
        let Some((window_bytes, needed_bytes)) = frame_window(window.available()) else {
            return Ok(());
        };
        // One that is larger than allowed is refused without memory.
        let is_refused = window_bytes > 1 << self.window_log;
        if is_refused || needed_bytes <= ORDINARY_WINDOW_BYTES || room.grow_to(needed_bytes) {
            return Ok(());
        }
        Err(Error::NoRoom {
            offset: window.offset(),
            window_bytes: needed_bytes,
        })
    }

    fn begin(&mut self) -> Result<(), usize> {
        // A context stays unusable after an error until it is reset; the dictionary survives a reset of the session.
        self.context.reset(ResetDirective::SessionOnly)?;
        self.context
            .set_parameter(DParameter::WindowLogMax(self.window_log))?;
        self.open = true;
        self.produced = 0;
        self.consumed = 0;
        Ok(())
    }

    fn stream_on<R: Read>(
        &mut self,
        window: &mut Window<R>,
        out: &mut Buffer,
        limit: usize,
    ) -> Result<Step, Error> {
        if self.produced > WHOLE_BYTES as u64 {
            window.hold_history(HISTORY_BYTES);
        }
        let mut produced = 0;
        while produced < limit {
            window.fill(1)?;
            if window.available().is_empty() {
                return Ok(Step::Damaged(
                    FaultKind::CutMember,
                    "the input ends inside a zstd frame".into(),
                ));
            }
            let spare = out.spare(ROOM);
            let room = spare.len().min(limit - produced);
            let mut input = InBuffer::around(window.available());
            let mut output = OutBuffer::around(&mut spare[..room]);
            let status = self.context.decompress_stream(&mut output, &mut input);
            let (consumed, written) = (input.pos(), output.pos());
            window.consume(consumed);
            out.commit(written);
            produced += written;
            self.produced += written as u64;
            self.consumed += consumed as u64;
            if self.consumed > MAX_HELD_BYTES {
                window.hold_history(HISTORY_BYTES);
            }
            match status {
                Ok(0) => return Ok(Step::End),
                Ok(_) if consumed > 0 || written > 0 => {}
                Ok(_) => {
                    return Ok(Step::Damaged(
                        FaultKind::BadDeflate,
                        "zstd data that lead nowhere".into(),
                    ));
                }
                Err(code) => return Ok(damaged(code, self.has_dictionary)),
            }
        }
        Ok(Step::More)
    }
}

/// The window of a frame (RFC 8878, section 3.1.1.1.2), and the memory that it needs: at most that of the content, where the header tells it.
fn frame_window(frame: &[u8]) -> Option<(u64, u64)> {
    const SINGLE_SEGMENT: u8 = 1 << 5;
    let descriptor = *frame.strip_prefix(&MAGIC)?.first()?;
    let content = zstd_safe::get_frame_content_size(frame).ok().flatten();
    if descriptor & SINGLE_SEGMENT != 0 {
        return content.map(|content| (content, content));
    }
    let exponent_and_mantissa = u64::from(*frame.get(MAGIC.len() + 1)?);
    let base = 1 << (10 + (exponent_and_mantissa >> 3));
    let window = base + base / 8 * (exponent_and_mantissa & 7);
    Some((
        window,
        content.map_or(window, |content| content.min(window)),
    ))
}

fn unpack_dictionary(content: &[u8]) -> Result<Vec<u8>, &'static str> {
    let unpacked = zstd::stream::Decoder::with_buffer(content).and_then(|decoder| {
        let mut unpacked = Vec::new();
        decoder
            .take(MAX_DICTIONARY_BYTES as u64 + 1)
            .read_to_end(&mut unpacked)?;
        Ok(unpacked)
    });
    match unpacked {
        Ok(unpacked) if unpacked.len() <= MAX_DICTIONARY_BYTES => Ok(unpacked),
        Ok(_) => Err("a dictionary above 4 MiB"),
        Err(_) => Err("a dictionary that does not decompress"),
    }
}

/// Sorts zstd's errors into kinds; the library gives them stable names.
fn damaged(code: usize, has_dictionary: bool) -> Step {
    let name = zstd_safe::get_error_name(code);
    let kind = match name {
        "Restored data doesn't match checksum" => FaultKind::BadCrc,
        "Frame requires too much memory for decoding" => FaultKind::WindowTooLarge,
        "Dictionary mismatch" if !has_dictionary => FaultKind::MissingDictionary,
        _ => FaultKind::BadDeflate,
    };
    Step::Damaged(
        kind,
        format!("zstd frame does not verify: {}", name.to_ascii_lowercase()),
    )
}
