//! HTTP bodies as content: codings are taken off where they are still on. Crawlers mostly store bodies decoded and leave
//! the header that said otherwise, so that what the bytes are decides, not what the header says.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

/// Bytes looked at to tell text from what is still encoded.
const LOOKED_AT: usize = 1024;

/// Returns the content of a body with these values of `Transfer-Encoding` and `Content-Encoding`: at most `max_bytes` of
/// it and one more, where it was encoded; `None` when it is encoded and cannot be read (brotli, zstd, or damaged).
pub fn content<'a, 'h>(
    body: &'a [u8],
    mut transfer: impl Iterator<Item = &'h [u8]>,
    encodings: impl Iterator<Item = &'h [u8]>,
    max_bytes: usize,
) -> Option<Cow<'a, [u8]>> {
    let is_chunked = transfer.any(|coding| coding.to_ascii_lowercase().ends_with(b"chunked"));
    // A body that begins as no chunk was stored without them.
    let mut content = match is_chunked.then(|| chunks(body)).flatten() {
        Some((content, _)) => Cow::Owned(content),
        None => Cow::Borrowed(body),
    };
    let encodings: Vec<&[u8]> = encodings
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    // The last one named was applied last (RFC 9110, section 8.4); more than a few are a joke at our cost.
    for encoding in encodings.iter().rev().take(4) {
        let decoded = match encoding.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => continue,
            b"gzip" | b"x-gzip" if content.starts_with(&[0x1f, 0x8b]) => {
                read_whole(MultiGzDecoder::new(&*content), max_bytes)
            }
            b"deflate" => read_whole(ZlibDecoder::new(&*content), max_bytes),
            _ => None,
        };
        match decoded {
            Some(decoded) => content = Cow::Owned(decoded),
            None if is_text(&content) => {}
            None => return None,
        }
    }
    Some(content)
}

/// Reads at most one byte more than `max_bytes`; `None` when what comes before is damaged.
fn read_whole(reader: impl Read, max_bytes: usize) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut reader = reader.take(max_bytes as u64 + 1);
    reader.read_to_end(&mut content).ok()?;
    Some(content)
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
    chunks(body).and_then(|(content, is_whole)| is_whole.then_some(content))
}

/// What the chunks of a body hold, of a cut or damaged one up to there, and whether they are whole; `None` when it does
/// not begin with a chunk.
fn chunks(body: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (mut size, mut rest) = chunk_size(body)?;
    // It holds no more than the body, which one that grows might twice over.
    let mut content = Vec::with_capacity(body.len());
    while size > 0 {
        let chunk = &rest[..rest.len().min(size)];
        content.extend_from_slice(chunk);
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
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"User-agent: *\nDisallow: /\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(body: &[u8], transfer: &str, encoding: &str, max_bytes: usize) -> Option<Vec<u8>> {
        let (transfer, encoding) = ([transfer.as_bytes()], [encoding.as_bytes()]);
        content(body, transfer.into_iter(), encoding.into_iter(), max_bytes).map(Cow::into_owned)
    }

    #[test]
    fn what_is_encoded_is_decoded_and_what_only_claims_to_be_is_not() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let zlib = zlib.finish().unwrap();
        let chunks = [b"1a\r\n", TEXT, b"\r\n0\r\n\r\n"].concat();
        for (body, transfer, encoding) in [
            (TEXT, "", ""),
            (TEXT, "chunked", "gzip"),
            (TEXT, "", "br"),
            (TEXT, "", "deflate"),
            (&gzip(TEXT), "", "gzip"),
            (&gzip(&gzip(TEXT)), "", "gzip, GZIP"),
            (&zlib, "", "deflate"),
            (&chunks, "gzip, chunked", "identity"),
        ] {
            assert_eq!(
                decoded(body, transfer, encoding, 1000).unwrap(),
                TEXT,
                "{transfer} {encoding}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_so() {
        let noise: Vec<u8> = (0..=255).collect();
        for encoding in ["br", "zstd", "deflate"] {
            assert_eq!(decoded(&noise, "", encoding, 1000), None, "{encoding}");
        }
        let whole = gzip(TEXT);
        assert_eq!(decoded(&whole[..whole.len() - 9], "", "gzip", 1000), None);
    }

    /// Of a body that was cut within its chunks the rules before the cut count, without the lines that tell sizes.
    #[test]
    fn cut_chunks_are_read_to_the_cut() {
        for (body, expected) in [
            (&b"5\r\nUser-\r\n6\r\nagent:\r\n"[..], &b"User-agent:"[..]),
            (b"5\r\nUser-\r\n40\r\nagent:", b"User-agent:"),
            (b"5\r\nUser-\r\nzz\r\nagent:", b"User-"),
        ] {
            assert_eq!(decoded(body, "chunked", "", 1000).unwrap(), expected);
        }
    }

    /// Compressed bytes that hold few controls are no text all the same.
    #[test]
    fn encoded_bytes_that_look_printable_are_not_taken_for_text() {
        let printable = [0x8b, 0x0b, 0x80, b'a', b'b', b'c', 0xc3, 0x28].repeat(4);
        assert_eq!(decoded(&printable, "", "br", 1000), None);
    }

    #[test]
    fn a_bomb_is_read_to_the_limit_and_one_byte() {
        let bomb = gzip(&vec![b'a'; 10 << 20]);
        assert_eq!(decoded(&bomb, "", "gzip", 1000).unwrap().len(), 1001);
    }
}
