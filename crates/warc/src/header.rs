//! WARC headers: a version line and named fields, up to a blank line (WARC 1.1, section 4).

use memchr::{memchr, memchr_iter};

use crate::record::RecordType;

/// How a WARC header begins.
pub(crate) const MAGIC: &[u8] = b"WARC/";

const NO_VERSION: &str = "no `WARC/` version line";

/// The header of a record, as bytes: names and values are not decoded.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    bytes: &'a [u8],
}

impl<'a> Header<'a> {
    /// Makes a header of bytes that [`Header::as_bytes`] gave: from the version line to the blank line.
    pub fn new(bytes: &'a [u8]) -> Header<'a> {
        Header { bytes }
    }

    /// Returns the version, without `WARC/`.
    pub fn version(&self) -> &'a [u8] {
        let (line, _) = split_line(self.bytes);
        line.get(MAGIC.len()..).unwrap_or_default().trim_ascii()
    }

    /// Returns the value of the first field of that name; case does not matter.
    ///
    /// White space around the value is taken off. A folded value keeps its line ends.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let name = name.as_bytes();
        self.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Returns `WARC-Target-URI` as raw bytes, without the `<…>` that old versions of wget put around it.
    pub fn target_uri(&self) -> Option<&'a [u8]> {
        let uri = self.get("WARC-Target-URI")?;
        Some(
            uri.strip_prefix(b"<")
                .and_then(|uri| uri.strip_suffix(b">"))
                .unwrap_or(uri),
        )
    }

    /// Goes through the fields, (name, value), in their order; lines without a colon are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (_, rest) = split_line(self.bytes);
        Fields { rest }
    }

    /// Returns the header as it is in the file, with the blank line at its end.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Iterator over header fields; WARC and HTTP headers share their syntax.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// `bytes`: the lines behind the first one.
    pub(crate) fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let field = self.rest;
            let (line, mut rest) = split_line(field);
            if line.is_empty() {
                return None; // the blank line
            }
            while matches!(rest.first(), Some(b' ' | b'\t')) {
                rest = split_line(rest).1;
            }
            let folded = &field[..field.len() - rest.len()];
            self.rest = rest;
            if let Some(colon) = memchr(b':', line) {
                return Some((line[..colon].trim_ascii(), folded[colon + 1..].trim_ascii()));
            }
        }
        None
    }
}

/// Splits off the first line; the line comes without its end.
pub(crate) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr(b'\n', bytes) else {
        return (bytes, &[]);
    };
    let line = &bytes[..end];
    (line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..])
}

/// Limits on headers.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) lines: usize,
}

/// What `Content-Length` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Length(u64),
    Missing,
    Invalid,
}

/// What the reader needs to know of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Bytes of the header with its blank line.
    pub(crate) len: usize,
    pub(crate) record_type: RecordType,
    pub(crate) claim: Claim,
    /// It names its type, and its length or identifier: enough to begin a record inside other bytes.
    pub(crate) convincing: bool,
    pub(crate) lf_only: bool,
    pub(crate) folded: bool,
    pub(crate) without_colon: bool,
    pub(crate) unknown_version: bool,
}

impl Parsed {
    /// Nothing about the header is worth a warning.
    pub(crate) fn is_clean(&self) -> bool {
        !(self.lf_only || self.folded || self.without_colon || self.unknown_version)
    }
}

/// What there is at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Header(Parsed),
    /// No blank line so far.
    Incomplete,
    TooLarge,
    Invalid(&'static str),
}

/// Parses the header at the beginning of `bytes`.
pub(crate) fn parse(bytes: &[u8], limits: Limits) -> Outcome {
    if bytes
        .get(MAGIC.len())
        .is_some_and(|byte| !byte.is_ascii_digit())
    {
        return Outcome::Invalid(NO_VERSION); // without a search for the line's end
    }
    let searched = &bytes[..bytes.len().min(limits.bytes)];
    let mut parsed = Parsed {
        len: 0,
        record_type: RecordType::Unknown,
        claim: Claim::Missing,
        convincing: false,
        lf_only: false,
        folded: false,
        without_colon: false,
        unknown_version: false,
    };
    let (mut has_type, mut has_id) = (false, false);
    let mut start = 0;
    for (number, end) in memchr_iter(b'\n', searched).enumerate() {
        if number > limits.lines {
            return Outcome::TooLarge;
        }
        let raw = &searched[start..end];
        let line = raw.strip_suffix(b"\r").unwrap_or(raw);
        parsed.lf_only |= line.len() == raw.len();
        start = end + 1;
        if number == 0 {
            match version(line) {
                Some(known) => parsed.unknown_version = !known,
                None => return Outcome::Invalid(NO_VERSION),
            }
        } else if line.is_empty() {
            parsed.len = start;
            parsed.convincing = has_type && (has_id || parsed.claim != Claim::Missing);
            return Outcome::Header(parsed);
        } else if matches!(line[0], b' ' | b'\t') {
            parsed.folded = true;
        } else if let Some(colon) = memchr(b':', line) {
            let (name, value) = (line[..colon].trim_ascii_end(), &line[colon + 1..]);
            // The lengths sort out nearly all names before a byte is compared.
            match name.len() {
                14 if name.eq_ignore_ascii_case(b"Content-Length") => {
                    parsed.claim = claim(parsed.claim, value)
                }
                14 if name.eq_ignore_ascii_case(b"WARC-Record-ID") => has_id = true,
                9 if name.eq_ignore_ascii_case(b"WARC-Type") => {
                    has_type = true;
                    parsed.record_type = RecordType::from_bytes(value.trim_ascii());
                }
                _ => {}
            }
        } else {
            parsed.without_colon = true;
        }
    }
    if bytes.len() > limits.bytes {
        Outcome::TooLarge
    } else {
        Outcome::Incomplete
    }
}

/// Returns where the first blank line behind `from` ends, for headers that arrive in pieces.
pub(crate) fn blank_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', &bytes[from..]).find_map(|place| match &bytes[from + place + 1..] {
        [b'\n', ..] => Some(from + place + 2),
        [b'\r', b'\n', ..] => Some(from + place + 3),
        _ => None,
    })
}

/// Checks a version line; `Some(true)` for versions that exist.
fn version(line: &[u8]) -> Option<bool> {
    let version = line.strip_prefix(MAGIC)?.trim_ascii_end();
    let dot = memchr(b'.', version)?;
    let (major, minor) = (&version[..dot], &version[dot + 1..]);
    let digits = |part: &[u8]| (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    if !digits(major) || !digits(minor) {
        return None;
    }
    Some(matches!(
        version,
        b"1.0" | b"1.1" | b"0.16" | b"0.17" | b"0.18"
    ))
}

/// Combines a `Content-Length` value with those before it: equal ones agree, others are invalid.
fn claim(before: Claim, value: &[u8]) -> Claim {
    let value = value.trim_ascii();
    let length = if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
        std::str::from_utf8(value)
            .ok()
            .and_then(|digits| digits.parse().ok())
    } else {
        None
    };
    match (before, length) {
        (Claim::Missing, Some(length)) => Claim::Length(length),
        (Claim::Length(before), Some(length)) if before == length => Claim::Length(length),
        _ => Claim::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 1000,
        lines: 10,
    };

    fn parsed(bytes: &[u8]) -> Parsed {
        match parse(bytes, LIMITS) {
            Outcome::Header(parsed) => parsed,
            other => panic!("expected a header, found {other:?}"),
        }
    }

    fn claim_of(lines: &str) -> Claim {
        parsed(format!("WARC/1.0\r\n{lines}\r\n").as_bytes()).claim
    }

    #[test]
    fn header_ends_at_its_blank_line() {
        let bytes = b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 4\r\n\r\ntest";
        let header = parsed(bytes);
        assert_eq!(header.len, bytes.len() - 4);
        assert_eq!(header.record_type, RecordType::Response);
        assert_eq!(header.claim, Claim::Length(4));
        assert!(header.convincing && header.is_clean());
    }

    #[test]
    fn lf_only_and_folded_lines_are_read_and_noted() {
        let bytes = b"WARC/1.0\nWARC-Type: metadata\nX: a\n b\nno colon\n\n";
        let header = parsed(bytes);
        assert!(header.lf_only && header.folded && header.without_colon);
        let fields: Vec<_> = Header::new(bytes).iter().collect();
        assert_eq!(
            fields,
            [(&b"WARC-Type"[..], &b"metadata"[..]), (b"X", b"a\n b")]
        );
    }

    #[test]
    fn names_are_found_in_any_case_and_values_are_trimmed() {
        let header = Header::new(b"WARC/1.0\r\nwarc-TYPE :\t x \r\n\r\nafter: no\r\n");
        assert_eq!(header.get("WARC-Type"), Some(&b"x"[..]));
        assert_eq!(header.get("after"), None);
        assert_eq!(header.version(), b"1.0");
    }

    #[test]
    fn content_length_is_checked() {
        assert_eq!(claim_of("Content-Length: 12\r\n"), Claim::Length(12));
        assert_eq!(claim_of("content-length:0\r\n"), Claim::Length(0));
        assert_eq!(
            claim_of("Content-Length: 18446744073709551615\r\n"),
            Claim::Length(u64::MAX)
        );
        assert_eq!(claim_of(""), Claim::Missing);
        for bad in [
            "",
            " ",
            "-5",
            "+5",
            "abc",
            "0x10",
            "1 2",
            "18446744073709551617",
            &"9".repeat(500),
        ] {
            assert_eq!(
                claim_of(&format!("Content-Length: {bad}\r\n")),
                Claim::Invalid,
                "{bad}"
            );
        }
    }

    #[test]
    fn repeated_content_length_must_agree() {
        assert_eq!(
            claim_of("Content-Length: 3\r\nContent-Length: 3\r\n"),
            Claim::Length(3)
        );
        assert_eq!(
            claim_of("Content-Length: 3\r\nContent-Length: 4\r\n"),
            Claim::Invalid
        );
        assert_eq!(
            claim_of("Content-Length: x\r\nContent-Length: 4\r\n"),
            Claim::Invalid
        );
    }

    #[test]
    fn limits_on_bytes_and_lines_hold() {
        let long = format!("WARC/1.0\r\nX: {}\r\n\r\n", "a".repeat(1000));
        assert_eq!(parse(long.as_bytes(), LIMITS), Outcome::TooLarge);
        let many = format!("WARC/1.0\r\n{}\r\n", "X: a\r\n".repeat(11));
        assert_eq!(parse(many.as_bytes(), LIMITS), Outcome::TooLarge);
        assert_eq!(parse(b"WARC/1.0\r\nX: a\r\n", LIMITS), Outcome::Incomplete);
    }

    #[test]
    fn version_line_must_be_one() {
        for bad in [
            "WARC/\r\n\r\n",
            "WARC/x.y\r\n\r\n",
            "WARC/1\r\n\r\n",
            "WARC/1.0.\r\n\r\n",
            "warc/1.0\r\n\r\n",
        ] {
            assert!(
                matches!(parse(bad.as_bytes(), LIMITS), Outcome::Invalid(_)),
                "{bad}"
            );
        }
        assert!(parsed(b"WARC/2.0\r\n\r\n").unknown_version);
    }

    #[test]
    fn blank_line_is_found_when_the_header_arrives_in_pieces() {
        let bytes = b"WARC/1.0\r\nA: b\r\n\r\nblock";
        let end = bytes.len() - 5;
        assert_eq!(blank_line_end(&bytes[..end - 1], 0), None);
        for from in 0..end - 3 {
            assert_eq!(blank_line_end(bytes, from), Some(end));
        }
    }
}
