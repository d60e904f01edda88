//! Gzip members (RFC 1952): whole ones through libdeflate, all others as a stream.

use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;

use crate::buffer::Buffer;
use crate::error::Error;
use crate::fault::FaultKind;
use crate::header;
use crate::inflate::{Inflater, NotInflated};
use crate::stream::{HISTORY_BYTES, MAX_HELD_BYTES, Step, WHOLE_BYTES};
use crate::window::Window;

/// Room that is offered to the first attempt at a member; as large as nearly all records.
const FIRST_ROOM: usize = 64 << 10;

/// Identification and the only compression method that exists (RFC 1952, section 2.3.1).
pub(crate) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Says that the header has a checksum of its own, which libdeflate does not look at.
const HEADER_CHECKSUM_FLAG: u8 = 0x02;

/// Flag bits that must be zero.
const RESERVED_FLAGS: u8 = 0xe0;

/// Reads gzip members.
pub(crate) struct Gzip {
    inflater: Inflater,
    /// The member that is being streamed.
    stream: Option<Decompress>,
    /// Offset of a member that was tried in vain as a whole.
    not_whole: Option<u64>,
    /// Looks at the first bytes of what may be a member; kept, as making one costs more than such a look.
    probe: Decompress,
}

impl Gzip {
    pub(crate) fn new() -> Gzip {
        Gzip {
            inflater: Inflater::new(),
            stream: None,
            not_whole: None,
            probe: Decompress::new(false),
        }
    }

    /// Says whether a member may begin here; a header that the end of the input cuts counts.
    pub(crate) fn begins(bytes: &[u8]) -> bool {
        let known = bytes.len().min(MAGIC.len());
        bytes[..known] == MAGIC[..known]
            && bytes.get(3).is_none_or(|flags| flags & RESERVED_FLAGS == 0)
    }

    /// Finds the next place where a member may begin.
    pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
        memmem::find_iter(bytes, &MAGIC).find(|&place| Gzip::begins(&bytes[place..]))
    }

    /// Says whether the content of the member that may begin here may begin with a record; `false` is certain.
    pub(crate) fn may_begin_record(&mut self, bytes: &[u8]) -> bool {
        const PLAIN_HEADER: usize = 10;
        let Some(data) = bytes.get(PLAIN_HEADER..).filter(|_| bytes[3] == 0) else {
            return true;
        };
        self.probe.reset(false);
        let mut start = [0; header::MAGIC.len()];
        let result = self
            .probe
            .decompress(data, &mut start, FlushDecompress::None);
        let written = self.probe.total_out() as usize;
        let is_cut = self.probe.total_in() as usize == data.len()
            && !matches!(result, Ok(Status::StreamEnd));
        is_cut || start[..written] == *header::MAGIC
    }

    /// Forgets a member that was begun.
    pub(crate) fn abandon(&mut self) {
        self.stream = None;
    }

    /// Decompresses the member at the window's start if it is wholly there and its content at most
    /// [`WHOLE_BYTES`]; otherwise nothing changes.
    pub(crate) fn whole_member<R: Read>(
        &mut self,
        window: &mut Window<R>,
        out: &mut Buffer,
    ) -> bool {
        let flags = window.available().get(3);
        if flags.is_some_and(|flags| flags & HEADER_CHECKSUM_FLAG != 0) {
            self.not_whole = Some(window.offset());
            return false;
        }
        let mut room = FIRST_ROOM;
        loop {
            let spare = out.spare(room);
            let offered = spare.len().min(WHOLE_BYTES);
            match self
                .inflater
                .gzip_member(window.available(), &mut spare[..offered])
            {
                Ok(inflated) => {
                    window.consume(inflated.member_bytes);
                    out.commit(inflated.content_bytes);
                    return true;
                }
                Err(NotInflated::OutputTooSmall) if offered < WHOLE_BYTES => {
                    room = (2 * offered).min(WHOLE_BYTES)
                }
                Err(_) => {
                    self.not_whole = Some(window.offset());
                    return false;
                }
            }
        }
    }

    /// Decompresses on, or begins a member; stops after `limit` bytes.
    pub(crate) fn decode<R: Read>(
        &mut self,
        window: &mut Window<R>,
        out: &mut Buffer,
        limit: usize,
    ) -> Result<Step, Error> {
        if self.stream.is_none() {
            if self.not_whole != Some(window.offset()) && self.whole_member(window, out) {
                return Ok(Step::End);
            }
            window.hold();
            self.stream = Some(Decompress::new_gzip(15));
        }
        let step = self.stream_on(window, out, limit)?;
        if !matches!(step, Step::More) {
            self.stream = None;
        }
        Ok(step)
    }

    fn stream_on<R: Read>(
        &mut self,
        window: &mut Window<R>,
        out: &mut Buffer,
        limit: usize,
    ) -> Result<Step, Error> {
        let stream = self.stream.as_mut().expect("a member that was begun");
        if stream.total_out() > WHOLE_BYTES as u64 {
            window.hold_history(HISTORY_BYTES);
        }
        let mut produced = 0;
        while produced < limit {
            window.fill(1)?;
            if window.available().is_empty() {
                return Ok(Step::Damaged(
                    FaultKind::CutMember,
                    "the input ends inside a gzip member".into(),
                ));
            }
            let spare = out.spare(FIRST_ROOM);
            let room = spare.len().min(limit - produced);
            let (input_before, output_before) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(
                window.available(),
                &mut spare[..room],
                FlushDecompress::None,
            );
            let consumed = (stream.total_in() - input_before) as usize;
            let written = (stream.total_out() - output_before) as usize;
            window.consume(consumed);
            out.commit(written);
            produced += written;
            if stream.total_in() > MAX_HELD_BYTES {
                window.hold_history(HISTORY_BYTES);
            }
            match status {
                Ok(Status::StreamEnd) => return Ok(Step::End),
                Ok(_) if consumed > 0 || written > 0 => {}
                Ok(_) => {
                    return Ok(Step::Damaged(
                        FaultKind::BadDeflate,
                        "gzip data that lead nowhere".into(),
                    ));
                }
                Err(error) => return Ok(damaged(error.message().unwrap_or("invalid data"))),
            }
        }
        Ok(Step::More)
    }
}

/// Sorts zlib's messages into kinds.
fn damaged(message: &str) -> Step {
    let kind = match message {
        "incorrect data check" | "header crc mismatch" => FaultKind::BadCrc,
        "incorrect length check" => FaultKind::BadLength,
        _ => FaultKind::BadDeflate,
    };
    // What the inflater says when it found the damage at the end of the call before.
    let message = match message {
        "repeated call with bad state" => "invalid deflate data",
        other => other,
    };
    Step::Damaged(kind, format!("gzip member does not verify: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use std::io::Write;

    fn member(content: &[u8]) -> Vec<u8> {
        let builder = GzBuilder::new().filename("name").extra(vec![7; 300]);
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    /// Decodes all members of `input`; `whole` allows libdeflate.
    fn decode(input: &[u8], whole: bool) -> (Vec<u8>, Vec<Option<FaultKind>>) {
        let (mut gzip, mut window, mut out) = (Gzip::new(), Window::new(input), Buffer::default());
        let mut steps = Vec::new();
        loop {
            window.fill(crate::window::LOW_WATER).unwrap();
            if window.available().is_empty() {
                return (out.bytes().to_vec(), steps);
            }
            if !whole && gzip.stream.is_none() {
                window.hold();
                gzip.stream = Some(Decompress::new_gzip(15));
            }
            match gzip.decode(&mut window, &mut out, 1000).unwrap() {
                Step::More => {}
                Step::End => steps.push(None),
                Step::Damaged(kind, _) => {
                    steps.push(Some(kind));
                    return (out.bytes().to_vec(), steps);
                }
            }
        }
    }

    #[test]
    fn whole_members_and_streams_give_the_same() {
        let contents = [
            noise(10),
            noise(0),
            noise(70_000),
            vec![b'x'; 300_000],
            noise(600_000),
        ];
        let input: Vec<u8> = contents
            .iter()
            .flat_map(|content| member(content))
            .collect();
        let (content, steps) = decode(&input, true);
        assert_eq!(content, contents.concat());
        assert_eq!(steps, [None; 5]);
        assert_eq!(decode(&input, false), (content, steps));
    }

    #[test]
    fn checksum_of_a_header_is_checked() {
        let content = b"some content";
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        let mut header = encoder.finish().unwrap();
        let data = header.split_off(10);
        header[3] |= HEADER_CHECKSUM_FLAG;
        let mut checksum = flate2::Crc::new();
        checksum.update(&header);
        let [first, second, ..] = checksum.sum().to_le_bytes();
        let of = |checksum: [u8; 2]| [&header[..], &checksum, &data].concat();
        let right = (content.to_vec(), vec![None]);
        let wrong = (Vec::new(), vec![Some(FaultKind::BadCrc)]);
        for whole in [true, false] {
            assert_eq!(decode(&of([first, second]), whole), right);
            assert_eq!(decode(&of([first, !second]), whole), wrong);
        }
    }

    #[test]
    fn damage_has_its_kind() {
        let whole = member(b"some content");
        let flipped = |place: usize| {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            decode(&damaged, true).1
        };
        assert_eq!(flipped(whole.len() - 1), [Some(FaultKind::BadLength)]);
        assert_eq!(flipped(whole.len() - 8), [Some(FaultKind::BadCrc)]);
        assert_eq!(
            decode(&whole[..whole.len() - 1], true).1,
            [Some(FaultKind::CutMember)]
        );
    }

    #[test]
    fn look_at_a_member_is_right_about_its_content() {
        let plain = |content: &[u8]| {
            let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        };
        let mut gzip = Gzip::new();
        for content in [
            &b"WARC/1.0\r\n"[..],
            b"WARC/",
            &[b"WARC/", &noise(9000)[..]].concat(),
        ] {
            let member = plain(content);
            assert!(gzip.may_begin_record(&member) && gzip.may_begin_record(&member[..12]));
        }
        for content in [&b"WARC-1.0\r\n"[..], b"WAR", b"", &noise(9000)] {
            assert!(!gzip.may_begin_record(&plain(content)));
        }
        let mut no_deflate = plain(b"WARC/1.0");
        no_deflate[10] = 0xff;
        assert!(!gzip.may_begin_record(&no_deflate));
        assert!(gzip.may_begin_record(&member(b"named, so unknown")));
    }

    #[test]
    fn reserved_flags_are_no_member() {
        assert!(Gzip::begins(&[0x1f, 0x8b, 8, 0x1f]));
        assert!(!Gzip::begins(&[0x1f, 0x8b, 8, 0x20]));
        assert!(Gzip::begins(&[0x1f, 0x8b]));
        assert_eq!(
            Gzip::find(&[0x1f, 0x8b, 8, 0xff, 0x1f, 0x8b, 8, 0]),
            Some(4)
        );
    }
}
