//! HTTP bodies as content: codings are taken off where they are still on. Crawlers mostly store bodies decoded and leave
//! the header that said otherwise, so that what the bytes are decides, not what the header says.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use zstd::stream::read::Decoder as ZstdDecoder;

/// Bytes looked at to tell text from what is still encoded.
const LOOKED_AT: usize = 1024;

/// The window that a decoder of zstd must have at most, as a power of two: 8 MB (RFC 9659, section 3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes asked of a decoder at once in what is damaged: those that come with the error are lost.
const STEP_BYTES: usize = 64;

/// The content of a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Content<'a> {
    /// Its bytes, up to where it is cut.
    pub bytes: Cow<'a, [u8]>,
    /// Whether that is all.
    pub cut: Cut,
}

/// Where the content of a body ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Nowhere.
    None,
    /// Its chunks are cut or damaged.
    Chunks,
    /// What it was compressed to is cut or damaged.
    Coding,
}

impl Content<'_> {
    /// The bytes, unless a coding of them is cut or damaged.
    pub fn of_whole_coding(self) -> Option<Self> {
        (self.cut < Cut::Coding).then_some(self)
    }
}

/// Returns the content of a body with these values of `Transfer-Encoding` and `Content-Encoding`: at most `max_bytes` of
/// it and one more, where it was encoded; of what is cut or damaged, what comes before that. `None` when it is encoded
/// and nothing of it can be read (brotli, or damaged from the start).
pub fn content<'a, 'h>(
    body: &'a [u8],
    mut transfer: impl Iterator<Item = &'h [u8]>,
    encodings: impl Iterator<Item = &'h [u8]>,
    max_bytes: usize,
) -> Option<Content<'a>> {
    let is_chunked = transfer.any(|coding| coding.to_ascii_lowercase().ends_with(b"chunked"));
    // What is compressed is hardly ever longer than its content.
    let most_bytes = max_bytes.saturating_add(max_bytes / 8 + (64 << 10));
    // A body that begins as no chunk was stored without them.
    let (mut bytes, mut cut) = match is_chunked.then(|| chunks(body, most_bytes)).flatten() {
        Some((content, true)) => (Cow::Owned(content), Cut::None),
        Some((content, false)) => (Cow::Owned(content), Cut::Chunks),
        None => (Cow::Borrowed(body), Cut::None),
    };
    let encodings: Vec<&[u8]> = encodings
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    // The last one named was applied last (RFC 9110, section 8.4); more than a few are a joke at our cost.
    for encoding in encodings.iter().rev().take(4) {
        let (decoded, is_whole) = match encoding.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => continue,
            coding => decoded(&bytes, coding, max_bytes),
        };
        // What reads as text all along is more likely text than damaged.
        bytes = match is_whole {
            true => Cow::Owned(decoded),
            false if is_text(&bytes) => continue,
            false if decoded.is_empty() => return None,
            false => {
                cut = Cut::Coding;
                Cow::Owned(decoded)
            }
        };
    }
    if let Cow::Owned(bytes) = &mut bytes {
        bytes.truncate(max_bytes.saturating_add(1));
    }
    Some(Content { bytes, cut })
}

/// Takes one coding off: at most one byte more than `max_bytes`, and whether nothing before is cut or damaged. What does
/// not begin as the coding does, or has one that is not known, gives nothing.
fn decoded(bytes: &[u8], coding: &[u8], max_bytes: usize) -> (Vec<u8>, bool) {
    match coding {
        b"gzip" | b"x-gzip" if bytes.starts_with(&[0x1f, 0x8b]) => {
            read(max_bytes, || Ok(MultiGzDecoder::new(bytes)))
        }
        b"deflate" if begins_zlib(bytes) => {
            match read(max_bytes, || Ok(ZlibDecoder::new(bytes))) {
                (decoded, true) => (decoded, true),
                // The checksum comes with the last bytes, and would take them along.
                _ => (
                    read(max_bytes, || Ok(DeflateDecoder::new(&bytes[2..]))).0,
                    false,
                ),
            }
        }
        // Servers that took the coding's name for what it is, as browsers know. It has no mark and no checksum: text may
        // come to an end as such, too, and a part of it proves nothing.
        b"deflate" if !is_text(bytes) => match read(max_bytes, || Ok(DeflateDecoder::new(bytes))) {
            (decoded, true) if !decoded.is_empty() => (decoded, true),
            _ => (Vec::new(), false),
        },
        b"zstd" if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => read(max_bytes, || {
            let mut decoder = ZstdDecoder::with_buffer(bytes)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Ok(decoder)
        }),
        _ => (Vec::new(), false),
    }
}

/// Says whether bytes begin with the header of zlib (RFC 1950, section 2.2).
fn begins_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0
        }
        _ => false,
    }
}

/// Reads at most one byte more than `max_bytes`, and whether it came to there, or to the end, without trouble.
fn read<R: Read>(max_bytes: usize, open: impl Fn() -> io::Result<R>) -> (Vec<u8>, bool) {
    let limit = max_bytes as u64 + 1;
    let mut content = Vec::new();
    if let Ok(decoder) = open() {
        if decoder.take(limit).read_to_end(&mut content).is_ok() {
            return (content, true);
        }
    }
    // Once more in small steps, since a decoder keeps what it has read of the step that fails.
    content.clear();
    if let Ok(decoder) = open() {
        let (mut decoder, mut step) = (decoder.take(limit), [0; STEP_BYTES]);
        while let Ok(bytes @ 1..) = decoder.read(&mut step) {
            content.extend_from_slice(&step[..bytes]);
        }
    }
    (content, false)
}

/// Says whether bytes are text for sure: UTF-16 with its mark, or UTF-8 with hardly a control byte. What is encoded is
/// hardly ever either, and to take it for text would be to take a file without rules for the one that there is.
fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let is_control =
        |byte: &&u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    let controls = start.iter().filter(is_control).count();
    let is_utf16 = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    let is_utf8 = match std::str::from_utf8(start) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(), // cut within a character
    };
    is_utf16 || is_utf8 && controls * 20 <= start.len()
}

/// Takes the chunks off a body (RFC 9112, section 7.1); `None` when they are not whole.
pub fn without_chunks(body: &[u8]) -> Option<Vec<u8>> {
    chunks(body, body.len()).and_then(|(content, is_whole)| is_whole.then_some(content))
}

/// What the chunks of a body hold, at most `max_bytes` of it, of a cut or damaged one up to there, and whether they are whole; `None` when it does
/// not begin with a chunk.
fn chunks(body: &[u8], max_bytes: usize) -> Option<(Vec<u8>, bool)> {
    let (mut size, mut rest) = chunk_size(body)?;
    // It holds no more than the body, which one that grows might twice over.
    let mut content = Vec::with_capacity(body.len().min(max_bytes));
    while size > 0 {
        let chunk = &rest[..rest.len().min(size)];
        let room = max_bytes - content.len();
        content.extend_from_slice(&chunk[..chunk.len().min(room)]);
        rest = &rest[chunk.len()..];
        let line_end = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.strip_prefix(b"\n"));
        match line_end.and_then(chunk_size) {
            Some(next) => (size, rest) = next,
            None => return Some((content, false)),
        }
    }
    Some((content, true))
}

/// The size that the line at the start of a chunk tells, and what follows the line.
fn chunk_size(body: &[u8]) -> Option<(usize, &[u8])> {
    let end = body.iter().position(|&byte| byte == b'\n')?;
    let line = std::str::from_utf8(&body[..end]).ok()?;
    let size = line.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(size, 16).ok()?;
    Some((size, &body[end + 1..]))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"User-agent: *\nDisallow: /\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn read_as(
        body: &[u8],
        transfer: &str,
        encoding: &str,
        max_bytes: usize,
    ) -> Option<(Vec<u8>, Cut)> {
        let (transfer, encoding) = ([transfer.as_bytes()], [encoding.as_bytes()]);
        let content = content(body, transfer.into_iter(), encoding.into_iter(), max_bytes)?;
        Some((content.bytes.into_owned(), content.cut))
    }

    /// Lines that no dictionary of a compressor holds.
    fn lines(count: u32) -> Vec<u8> {
        let line = |n: u32| format!("{:08x}\n", n.wrapping_mul(0x9e37_79b9));
        (0..count).map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn what_is_encoded_is_decoded_and_what_only_claims_to_be_is_not() {
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(TEXT).unwrap();
        let raw = raw.finish().unwrap();
        let two_frames = [zstd(&TEXT[..7]), zstd(&TEXT[7..])].concat();
        let chunks = [b"1a\r\n", TEXT, b"\r\n0\r\n\r\n"].concat();
        for (body, transfer, encoding) in [
            (TEXT, "", ""),
            (TEXT, "chunked", "gzip"),
            (TEXT, "", "br"),
            (TEXT, "", "deflate"),
            (&gzip(TEXT), "", "gzip"),
            (&gzip(&gzip(TEXT)), "", "gzip, GZIP"),
            (&zlib(TEXT), "", "deflate"),
            (&raw, "", "deflate"),
            (TEXT, "", "zstd"),
            (&zstd(TEXT), "", "zstd"),
            (&two_frames, "", "zstd"),
            (&zstd(&gzip(TEXT)), "", "gzip, zstd"),
            (&chunks, "gzip, chunked", "identity"),
        ] {
            assert_eq!(
                read_as(body, transfer, encoding, 1000).unwrap(),
                (TEXT.to_vec(), Cut::None),
                "{transfer} {encoding}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_so() {
        let noise: Vec<u8> = (0..=255).collect();
        for encoding in ["br", "zstd", "deflate", "gzip", "compress"] {
            assert_eq!(read_as(&noise, "", encoding, 1000), None, "{encoding}");
        }
        // Nothing comes before the cut.
        for (body, encoding, end) in [
            (gzip(TEXT), "gzip", 10),
            (zstd(TEXT), "zstd", 6),
            (zlib(TEXT), "deflate", 2),
        ] {
            assert_eq!(
                read_as(&body[..end], "", encoding, 1000),
                None,
                "{encoding}"
            );
        }
    }

    #[test]
    fn what_is_cut_is_read_to_the_cut() {
        let text = lines(100_000);
        for (body, encoding, most_lost) in [
            (gzip(&text), "gzip", 0),
            (zlib(&text), "deflate", 0),
            (zstd(&text), "zstd", 256 << 10), // a block of 128 KiB is all or nothing
        ] {
            let middle = body.len() / 2;
            let (read, cut) = read_as(&body[..middle], "", encoding, 1 << 30).unwrap();
            assert_eq!(cut, Cut::Coding, "{encoding}");
            assert!(text.starts_with(&read), "{encoding}");
            let at_least = text.len() * 48 / 100 - most_lost;
            assert!(read.len() > at_least, "{encoding}: {}", read.len());
            // A limit before the cut is one that was not cut.
            let (read, cut) = read_as(&body[..middle], "", encoding, 1000).unwrap();
            assert_eq!((read.len(), cut), (1001, Cut::None), "{encoding}");
        }
    }

    #[test]
    fn what_is_damaged_is_read_to_the_damage_and_with_a_wrong_checksum_whole() {
        let text = lines(100_000);
        for (mut body, encoding) in [(gzip(&text), "gzip"), (zlib(&text), "deflate")] {
            let checksum = body.len() - if encoding == "gzip" { 8 } else { 4 };
            body[checksum] ^= 1;
            let (read, cut) = read_as(&body, "", encoding, 1 << 30).unwrap();
            assert_eq!((read == text, cut), (true, Cut::Coding), "{encoding}");
        }
        let mut behind = gzip(&text);
        behind.extend(b"<!-- served by -->");
        let (read, cut) = read_as(&behind, "", "gzip", 1 << 30).unwrap();
        assert_eq!((read == text, cut), (true, Cut::Coding));
        // A stored block, and behind it one of a kind that there is none of.
        let mut damaged = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0];
        damaged.extend(200_u16.to_le_bytes());
        damaged.extend((!200_u16).to_le_bytes());
        damaged.extend(&text[..200]);
        damaged.extend(b"\x07and noise");
        let (read, cut) = read_as(&damaged, "", "gzip", 1000).unwrap();
        assert!(text.starts_with(&read) && read.len() + STEP_BYTES > 200);
        assert_eq!(cut, Cut::Coding);
    }

    #[test]
    fn cut_chunks_are_a_whole_coding_and_cut_codings_are_none() {
        let content = |cut| Content {
            bytes: TEXT.into(),
            cut,
        };
        for (cut, is_whole) in [(Cut::None, true), (Cut::Chunks, true), (Cut::Coding, false)] {
            let found = content(cut).of_whole_coding();
            assert_eq!(found, is_whole.then(|| content(cut)), "{cut:?}");
        }
    }

    /// Text may begin as compressed bytes do.
    #[test]
    fn text_that_looks_damaged_is_text() {
        for text in [
            "x^2 + y^2 = z^2, of which there is no end: the header of zlib is printable.",
            "K  l  m  n  : blocks of raw deflate may begin with K, and end with blanks.",
        ] {
            let expected = Some((text.as_bytes().to_vec(), Cut::None));
            assert_eq!(read_as(text.as_bytes(), "", "deflate", 1000), expected);
        }
    }

    #[test]
    fn windows_of_zstd_have_a_limit() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        encoder.write_all(&lines(1_000)).unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(read_as(&body, "", "zstd", 1000), None);
    }

    /// Of a body that was cut within its chunks the rules before the cut count, without the lines that tell sizes.
    #[test]
    fn cut_chunks_are_read_to_the_cut() {
        for (body, expected) in [
            (&b"5\r\nUser-\r\n6\r\nagent:\r\n"[..], &b"User-agent:"[..]),
            (b"5\r\nUser-\r\n40\r\nagent:", b"User-agent:"),
            (b"5\r\nUser-\r\nzz\r\nagent:", b"User-"),
        ] {
            let expected = (expected.to_vec(), Cut::Chunks);
            assert_eq!(read_as(body, "chunked", "", 1000).unwrap(), expected);
        }
    }

    /// Compressed bytes that hold few controls are no text all the same.
    #[test]
    fn encoded_bytes_that_look_printable_are_not_taken_for_text() {
        let printable = [0x8b, 0x0b, 0x80, b'a', b'b', b'c', 0xc3, 0x28].repeat(4);
        assert_eq!(read_as(&printable, "", "br", 1000), None);
    }

    #[test]
    fn a_bomb_is_read_to_the_limit_and_one_byte() {
        let much = vec![b'a'; 10 << 20];
        for (bomb, encoding) in [(gzip(&much), "gzip"), (zstd(&much), "zstd")] {
            let (read, cut) = read_as(&bomb, "", encoding, 1000).unwrap();
            assert_eq!((read.len(), cut), (1001, Cut::None), "{encoding}");
        }
    }
}
