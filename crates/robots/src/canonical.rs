//! One spelling for each path, so that rules and URLs compare octet by octet (RFC 9309, section 2.2.2).
//!
//! - Unreserved octets (RFC 3986, section 2.3) stand for themselves: `%7E` becomes `~`, `%62` becomes `b`.
//! - Reserved octets (section 2.2) keep the spelling they have: `%2F` is not `/`.
//! - Every other octet is percent-encoded, in upper case: `ツ` becomes `%E3%83%84`, `%e3` becomes `%E3`.
//! - `*` and `$` of a URL become `%2A` and `%24`, which is how a rule spells the literal characters (section 2.2.3).
//! - A `%` that no two hexadecimal digits follow is left as it is.

use alloc::vec::Vec;

use crate::bytes::find_byte;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Unreserved,
    Reserved,
    /// `*` and `$`, reserved octets that are operators in a rule.
    Operator,
    Percent,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                Class::Unreserved
            }
            b'*' | b'$' => Class::Operator,
            b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@' => Class::Reserved,
            b'!' | b'&' | b'\'' | b'(' | b')' | b'+' | b',' | b';' | b'=' => Class::Reserved,
            b'%' => Class::Percent,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

/// Which octets a path or pattern holds, folded to a word: letters (both cases alike), digits and punctuation have a
/// bit each or share one. A pattern whose octets are not all in the path's set cannot match it. Three bits say whether
/// the spelling can be taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OctetSet(u64);

impl OctetSet {
    /// Some octet must be spelled otherwise, or begins a fragment.
    const UNUSUAL: u64 = 1;
    /// There is `*` or `$`.
    const OPERATOR: u64 = 2;
    /// There are escapes, which may or may not be canonical.
    const PERCENT: u64 = 1 << b'%';

    const BITS: [u64; 256] = {
        let mut bits = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            bits[byte] = match (CLASSES[byte], byte) {
                (Class::Operator, _) => OctetSet::OPERATOR,
                // A fragment begins, which is no part of a path.
                (_, 0x23) => OctetSet::UNUSUAL,
                (Class::Unreserved | Class::Reserved, 0x20..0x40) => 1 << byte,
                (Class::Unreserved | Class::Reserved, _) if byte & 31 > 1 => 1 << (byte & 31),
                (Class::Unreserved | Class::Reserved, _) => 1 << 31, // `@`, `A` and `a`, along with `_`
                (Class::Percent, _) => OctetSet::PERCENT,
                (Class::Other, _) => OctetSet::UNUSUAL,
            };
            byte += 1;
        }
        bits
    };

    #[inline(always)]
    pub(crate) fn of(bytes: &[u8]) -> OctetSet {
        let bits = |byte: u8| OctetSet::BITS[usize::from(byte)];
        let of_eight = |eight: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *eight;
            (bits(a) | bits(b) | bits(c) | bits(d)) | (bits(e) | bits(f) | bits(g) | bits(h))
        };
        // The last eight may overlap those before, which changes nothing and spares a loop over what is left.
        let Some(last) = bytes.last_chunk::<8>() else {
            return OctetSet(bytes.iter().fold(0, |set, byte| set | bits(*byte)));
        };
        let mut set = of_eight(last);
        for eight in bytes.chunks_exact(8) {
            set |= of_eight(eight.try_into().expect("eight bytes"));
        }
        OctetSet(set)
    }

    /// Whether every octet stands for itself.
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (OctetSet::UNUSUAL | OctetSet::OPERATOR | OctetSet::PERCENT) == 0
    }

    /// Whether every octet stands for itself, escapes apart.
    #[inline(always)]
    pub(crate) fn is_plain_but_for_escapes(self) -> bool {
        self.0 & (OctetSet::UNUSUAL | OctetSet::OPERATOR) == 0
    }

    /// Whether every octet stands for itself but `*` and `$`.
    #[inline(always)]
    pub(crate) fn is_plain_pattern(self) -> bool {
        self.0 & (OctetSet::UNUSUAL | OctetSet::PERCENT) == 0
    }

    /// Of a canonical path or pattern: whether all octets of `part` but `*` and `$` are in it.
    #[inline(always)]
    pub(crate) fn holds(self, part: OctetSet) -> bool {
        part.0 & !(self.0 | OctetSet::OPERATOR | OctetSet::UNUSUAL) == 0
    }

    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 8]) -> OctetSet {
        OctetSet(u64::from_le_bytes(bytes))
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

/// The octet that an escape at the start of `bytes` stands for.
fn escape(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => Some(hex_value(*high)? << 4 | hex_value(*low)?),
        _ => None,
    }
}

fn push_escaped(octet: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[
        b'%',
        HEX[usize::from(octet >> 4)],
        HEX[usize::from(octet & 15)],
    ]);
}

/// Takes one octet, spelled either way, off the front of `bytes` and appends its canonical spelling.
#[inline]
fn push_octet(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    match CLASSES[usize::from(bytes[0])] {
        Class::Unreserved | Class::Reserved => out.push(bytes[0]),
        Class::Operator | Class::Other => push_escaped(bytes[0], out),
        Class::Percent => {
            let Some(octet) = escape(bytes) else {
                out.push(b'%');
                return 1;
            };
            if CLASSES[usize::from(octet)] == Class::Unreserved {
                out.push(octet);
            } else {
                push_escaped(octet, out);
            }
            return 3;
        }
    }
    1
}

/// Appends the canonical form of a URL's path and query.
pub(crate) fn canonical_path(path: &[u8], out: &mut Vec<u8>) {
    out.reserve(path.len() + path.len() / 4);
    let mut at = 0;
    while at < path.len() {
        at += push_octet(&path[at..], out);
    }
}

/// Whether all escapes of a path are canonical, as those of links nearly always are: of octets that must be escaped,
/// in upper case.
pub(crate) fn has_canonical_escapes(path: &[u8]) -> bool {
    let mut at = find_byte(path, 0, b'%');
    while at < path.len() {
        if let Some(octet) = escape(&path[at..]) {
            let is_lower = path[at + 1].is_ascii_lowercase() || path[at + 2].is_ascii_lowercase();
            if is_lower || CLASSES[usize::from(octet)] == Class::Unreserved {
                return false;
            }
        }
        at = find_byte(path, at + 1, b'%');
    }
    true
}

/// What [`canonical_pattern`] found in a rule.
pub(crate) struct Pattern {
    /// Specificity: octets of the canonical pattern, operators and a literal `$` counting one.
    pub(crate) octets: usize,
    /// Whether it holds `*`, or ends with `$`: it must be matched as a pattern, or its octets are not its length.
    pub(crate) is_special: bool,
}

/// Appends the canonical form of a rule's pattern: `*` and a last `$` are operators and stay, a `$` elsewhere is the
/// literal character.
pub(crate) fn canonical_pattern(pattern: &[u8], out: &mut Vec<u8>) -> Pattern {
    let start = out.len();
    let (mut is_special, mut literal_dollars) = (false, 0);
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'*' => out.push(b'*'),
            b'$' if at + 1 == pattern.len() => out.push(b'$'),
            b'$' => {
                literal_dollars += 1;
                push_escaped(b'$', out);
            }
            _ => {
                at += push_octet(&pattern[at..], out);
                continue;
            }
        }
        is_special = true;
        at += 1;
    }
    Pattern {
        octets: out.len() - start - 2 * literal_dollars,
        is_special,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn path(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        canonical_path(text, &mut out);
        out
    }

    /// RFC 9309, section 2.2.2, the table of examples, and section 2.2.3.
    #[test]
    fn examples_of_the_rfc() {
        assert_eq!(path("/foo/bar/\u{30C4}".as_bytes()), b"/foo/bar/%E3%83%84");
        assert_eq!(path(b"/foo/bar/%62%61%7A"), b"/foo/bar/baz");
        assert_eq!(
            path(b"/path/file-with-a-*.html"),
            b"/path/file-with-a-%2A.html"
        );
    }

    #[test]
    fn what_is_canonical_is_taken_as_it_is() {
        for byte in 0..=255_u8 {
            for text in [
                vec![b'/', byte],
                vec![b'/', b'%', byte, b'1'],
                vec![b'/', b'%', b'4', byte],
            ] {
                let octets = OctetSet::of(&text);
                let is_taken = octets.is_plain_but_for_escapes() && has_canonical_escapes(&text);
                assert_eq!(is_taken, path(&text) == text && byte != b'#', "{text:?}");
                assert!(is_taken || !octets.is_plain());
            }
        }
    }

    #[test]
    fn operators_of_a_pattern_stay() {
        let mut out = Vec::new();
        let found = canonical_pattern(b"/a*%2a$b$", &mut out);
        assert_eq!(out, b"/a*%2A%24b$");
        assert!(found.is_special);
        assert_eq!(found.octets, 9);
    }
}
