//! A body as it came to the text that lines are read from: length limit, byte order marks, UTF-16.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::robots::MAX_BYTES;

/// The text of a body, and what had to be done to it.
pub(crate) struct Text<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) is_truncated: bool,
}

/// Cuts `body` at the last line end within `max_bytes` (RFC 9309, section 2.5), decodes UTF-16 that says so by a byte
/// order mark, and skips the mark of UTF-8, also when only its first bytes are there, as Google does.
pub(crate) fn text_of(body: &[u8], max_bytes: usize) -> Text<'_> {
    // UTF-16 may grow by half when it is decoded.
    let max_bytes = match body {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => max_bytes.min(MAX_BYTES / 3 * 2),
        _ => max_bytes.min(MAX_BYTES),
    };
    let is_truncated = body.len() > max_bytes;
    let is_line_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let is_cut_at_end = body.get(max_bytes).is_some_and(is_line_end);
    let body = if is_truncated {
        &body[..max_bytes]
    } else {
        body
    };
    let decode = |unit: fn([u8; 2]) -> u16| Cow::Owned(decode_utf16(&body[2..], unit));
    let bytes = match body {
        [0xFF, 0xFE, ..] => decode(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => decode(u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] | [0xEF, 0xBB, rest @ ..] | [0xEF, rest @ ..] => {
            Cow::Borrowed(rest)
        }
        _ => Cow::Borrowed(body),
    };
    let mut text = Text {
        bytes,
        is_truncated,
    };
    if is_truncated && !(is_cut_at_end && matches!(text.bytes, Cow::Borrowed(_))) {
        // One line that fills the whole body has no end to cut at: its beginning is kept.
        let end = text
            .bytes
            .iter()
            .rposition(is_line_end)
            .map_or(text.bytes.len(), |last| last + 1);
        match &mut text.bytes {
            Cow::Borrowed(bytes) => *bytes = &bytes[..end],
            Cow::Owned(bytes) => bytes.truncate(end),
        }
    }
    text
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(bytes.len() / 2 + bytes.len() / 8);
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text.shrink_to_fit();
    text.into_bytes()
}
