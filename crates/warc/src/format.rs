//! Which format an input has, judged by its first bytes and never by its name.

use memchr::{memchr, memmem};

use crate::error::{Error, escape};
use crate::gzip::{self, Gzip};
use crate::header::{self, Limits, Outcome};
use crate::stream::Format;
use crate::zstd::{self, Zstd};

/// Bytes that are searched for a first member or record when the input begins with something else.
pub(crate) const SEARCHED_BYTES: usize = 1 << 20;

/// Members that are tried there.
const MAX_BEGINNINGS: usize = 1000;

/// How pages and servers' messages begin. A single `<` may be junk before the first record.
const PAGE_STARTS: [&[u8]; 12] = [
    b"<?xml",
    b"<!doctype",
    b"<!--",
    b"<html",
    b"<head",
    b"<body",
    b"<title",
    b"<h1",
    b"<center",
    b"<error",
    b"<message",
    b"<listbucketresult",
];

/// Returns the format that the first bytes show.
pub(crate) fn of_first_bytes(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(&gzip::MAGIC) {
        Some(Format::GzipMembers)
    } else if bytes.starts_with(&zstd::MAGIC) || Zstd::begins_skippable(bytes) {
        Some(Format::Zstd)
    } else if bytes.trim_ascii_start().starts_with(header::MAGIC) {
        Some(Format::Plain)
    } else {
        None
    }
}

/// Names content that is certainly no WARC, so that it is not searched for records.
pub(crate) fn refuse(content: &[u8]) -> Option<Error> {
    let text = content
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(content)
        .trim_ascii_start();
    if is_arc(content) {
        return Some(Error::Arc);
    }
    if content.starts_with(&[0x04, 0x22, 0x4d, 0x18]) {
        return Some(Error::Lz4);
    }
    let begins_with = |start: &&[u8]| {
        let same = |text: &[u8]| text.eq_ignore_ascii_case(start);
        text.get(..start.len()).is_some_and(same)
    };
    if PAGE_STARTS.iter().any(begins_with) {
        return Some(Error::HtmlOrXml {
            found: escape(content),
        });
    }
    let hint = match content {
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => {
            "a bzip2 stream; unpack it first, for example with `bzip2 -d`"
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            "an xz stream; unpack it first, for example with `xz -d`"
        }
        [b'P', b'K', 3, 4, ..] => "a zip archive (WACZ files are such); unpack it first",
        _ => return None,
    };
    Some(unknown(content, hint))
}

/// Says what content in which no record was found looks like.
pub(crate) fn resemblance(content: &[u8]) -> &'static str {
    match content {
        [b'{' | b'[', ..] => "JSON, most often a server's error message or a list",
        _ => "an unknown format without a record in its first MiB",
    }
}

/// Makes the error for bytes in which there is no record.
pub(crate) fn unknown(content: &[u8], hint: &str) -> Error {
    Error::UnknownFormat {
        found: escape(content),
        hint: hint.to_owned(),
    }
}

/// Recognizes ARC: a `filedesc:` line, or a URL record line of ARC 1.0, `URL IP-address date type length`.
fn is_arc(content: &[u8]) -> bool {
    let content = content.trim_ascii_start();
    if content.starts_with(b"filedesc:") {
        return true;
    }
    let Some(end) = memchr(b'\n', &content[..content.len().min(16 << 10)]) else {
        return false;
    };
    let fields: Vec<&[u8]> = content[..end]
        .trim_ascii_end()
        .split(|&byte| byte == b' ')
        .collect();
    let (Some(first), Some(last)) = (fields.first(), fields.last()) else {
        return false;
    };
    let is_number = |field: &[u8]| !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    fields.len() >= 5
        && memchr(b':', first).is_some_and(|colon| (3..=6).contains(&colon))
        && is_number(last)
        && fields[1..]
            .iter()
            .any(|field| is_number(field) && field.len() >= 10)
}

/// Finds where members or records may begin behind a damaged start: members first, nearest first, as a member that
/// does not compress shows the headers in it.
pub(crate) fn beginnings(bytes: &[u8], limits: Limits) -> Vec<(usize, Format)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(place) = Gzip::find(&bytes[from..]).map(|place| from + place) {
        found.push((place, Format::GzipMembers));
        from = place + 1;
    }
    found.extend(memmem::find_iter(bytes, &zstd::MAGIC).map(|place| (place, Format::Zstd)));
    found.sort_by_key(|&(place, _)| place);
    found.truncate(MAX_BEGINNINGS);
    let plain = memmem::find_iter(bytes, header::MAGIC).find(|&place| {
        matches!(header::parse(&bytes[place..], limits), Outcome::Header(header) if header.convincing)
    });
    found.extend(plain.map(|place| (place, Format::Plain)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        assert_eq!(of_first_bytes(b"WARC/1.0\r\n"), Some(Format::Plain));
        assert_eq!(of_first_bytes(b"\r\nWARC/1.0\r\n"), Some(Format::Plain));
        assert_eq!(
            of_first_bytes(&[0x1f, 0x8b, 8, 0]),
            Some(Format::GzipMembers)
        );
        assert_eq!(
            of_first_bytes(&[0x28, 0xb5, 0x2f, 0xfd]),
            Some(Format::Zstd)
        );
        assert_eq!(
            of_first_bytes(&[0x5d, 0x2a, 0x4d, 0x18]),
            Some(Format::Zstd)
        );
        assert_eq!(of_first_bytes(b"<html>"), None);
    }

    #[test]
    fn other_formats_are_named() {
        assert!(matches!(
            refuse(b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain 200\n"),
            Some(Error::Arc)
        ));
        assert!(matches!(
            refuse(b"http://a.example/ 1.2.3.4 20080430204825 text/html 12\n"),
            Some(Error::Arc)
        ));
        assert!(matches!(
            refuse(&[0x04, 0x22, 0x4d, 0x18, 0]),
            Some(Error::Lz4)
        ));
        assert!(matches!(
            refuse(b"\xef\xbb\xbf <!DOCTYPE html>"),
            Some(Error::HtmlOrXml { .. })
        ));
        assert!(matches!(
            refuse(b"<?xml version=\"1.0\"?><Error/>"),
            Some(Error::HtmlOrXml { .. })
        ));
        assert!(matches!(
            refuse(b"BZh91AY"),
            Some(Error::UnknownFormat { .. })
        ));
        assert!(refuse(b"E|v\x9f").is_none());
        assert!(refuse(b"<a\x1f\x8b").is_none());
        assert!(resemblance(b"{\"message\": 1}").starts_with("JSON"));
        assert!(refuse(b"").is_none());
    }

    #[test]
    fn foreign_bytes_are_escaped_in_errors() {
        let message = unknown(b"a\x1b[31m\xe2\x80\xae`b", "odd").to_string();
        assert!(
            message.contains(r"found `a\x1b[31m\xe2\x80\xae\x60b`"),
            "{message}"
        );
    }
}
