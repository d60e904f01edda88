//! Text to lines: where a line ends, what it is about, and where its value is.
//!
//! RFC 9309, section 2.2, read with the leniencies of Google's parser (github.com/google/robotstxt): names that only
//! begin like a known one, five misspellings of `disallow`, white space for a missing colon.

use crate::bytes::{
    find_byte, find_line_end, find_value_end, is_space, starts_with_ignore_case, trim,
};
use crate::record::{CUT, Kind, NO_COLON, PREFIX, TYPO};

/// What of a line is read; the rest is ignored. Google's figure: eight times a browser's longest URL (2,083), less one.
pub const MAX_LINE_BYTES: usize = 2083 * 8 - 1;

/// A line that says something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// What it is about; `None` for a name that we do not know, or for a line without one.
    pub(crate) kind: Option<Kind>,
    /// Where the line's first byte that is not white space lies in the text.
    pub(crate) start: usize,
    pub(crate) value_start: usize,
    pub(crate) value_end: usize,
    pub(crate) flags: u8,
}

/// The lines of a text that are neither empty nor only a comment, in order.
pub(crate) struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    leniencies: bool,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t [u8], leniencies: bool) -> Lines<'t> {
        Lines {
            text,
            at: 0,
            leniencies,
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    #[inline(always)]
    fn next(&mut self) -> Option<Line> {
        let text = self.text;
        let mut at = self.at;
        loop {
            // Empty lines and white space before a name, in one go.
            let mut line_start = at;
            while at < text.len() && is_space(text[at]) {
                if text[at] == b'\n' || text[at] == b'\r' {
                    line_start = at + 1;
                }
                at += 1;
            }
            if at == text.len() {
                self.at = at;
                return None;
            }
            if text[at] == b'#' || text[at] == 0 {
                at = find_line_end(text, at);
                continue;
            }
            if let Some((kind, name_end)) = common_name(text, at) {
                let mut colon = name_end;
                while colon < text.len() && (text[colon] == b' ' || text[colon] == b'\t') {
                    colon += 1;
                }
                if text.get(colon) == Some(&b':') {
                    let value = find_value_end(text, colon + 1);
                    self.at = if matches!(text.get(value), Some(b'#' | 0)) {
                        find_line_end(text, value)
                    } else {
                        value
                    };
                    let mut line = Line {
                        kind: Some(kind),
                        start: at,
                        value_start: colon + 1,
                        value_end: value,
                        flags: 0,
                    };
                    if self.at - line_start > MAX_LINE_BYTES {
                        line.cut(line_start);
                    }
                    line.trim_value(text);
                    return Some(line);
                }
            }
            let end = find_line_end(text, at);
            self.at = end;
            if let Some(line) = uncommon_line(text, line_start, at, end, self.leniencies) {
                return Some(line);
            }
            at = end;
        }
    }
}

impl Line {
    /// Forgets what lies beyond the longest line that is read.
    #[cold]
    fn cut(&mut self, line_start: usize) {
        let limit = line_start + MAX_LINE_BYTES;
        self.start = self.start.min(limit);
        self.value_start = self.value_start.min(limit);
        self.value_end = self.value_end.min(limit);
        self.flags |= CUT;
    }

    #[inline(always)]
    fn trim_value(&mut self, text: &[u8]) {
        while self.value_start < self.value_end && is_space(text[self.value_start]) {
            self.value_start += 1;
        }
        while self.value_end > self.value_start && is_space(text[self.value_end - 1]) {
            self.value_end -= 1;
        }
    }
}

/// A name as a word, and which bits of it make it lower case: only letters have them, so that no other byte turns
/// into a letter or a hyphen.
const fn word(name: &[u8]) -> (u64, u64) {
    let (mut word, mut case) = (0, 0);
    let mut at = 0;
    while at < 8 {
        word |= (name[at] as u64) << (8 * at);
        if name[at].is_ascii_lowercase() {
            case |= 0x20 << (8 * at);
        }
        at += 1;
    }
    (word, case)
}

const DISALLOW: (u64, u64) = word(b"disallow");
const USER_AGE: (u64, u64) = word(b"user-age");

/// The names that nearly all lines have, spelled right; the end of the name comes with it.
#[inline(always)]
fn common_name(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let rest = &text[at..];
    if let Some(eight) = rest.first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        if word | DISALLOW.1 == DISALLOW.0 {
            return Some((Kind::Disallow, at + 8));
        }
        if word | USER_AGE.1 == USER_AGE.0 && starts_with_ignore_case(&rest[8..], b"nt") {
            return Some((Kind::UserAgent, at + 10));
        }
    }
    if starts_with_ignore_case(rest, b"allow") {
        return Some((Kind::Allow, at + 5));
    }
    if starts_with_ignore_case(rest, b"sitemap") {
        return Some((Kind::Sitemap, at + 7));
    }
    if starts_with_ignore_case(rest, b"crawl-delay") {
        return Some((Kind::CrawlDelay, at + 11));
    }
    None
}

/// Any other line: the general way of the same rules, and of the leniencies. `None` when nothing is on it.
#[cold]
fn uncommon_line(
    text: &[u8],
    line_start: usize,
    start: usize,
    end: usize,
    leniencies: bool,
) -> Option<Line> {
    let limit = line_start + MAX_LINE_BYTES;
    let mut flags = if end > limit { CUT } else { 0 };
    let end = end.min(limit);
    if start >= end {
        return None; // white space beyond what is read of a line
    }
    let end = find_byte(&text[..end], start, 0);
    let end = find_byte(&text[..end], start, b'#');
    let content = trim(&text[start..end]);
    if content.is_empty() {
        return None;
    }
    let (name, mut value_start) = match content.iter().position(|byte| *byte == b':') {
        Some(colon) => (&content[..colon], start + colon + 1),
        None => match only_gap(content) {
            Some((name_end, value)) if leniencies => {
                flags |= NO_COLON;
                (&content[..name_end], start + value)
            }
            _ => (content, start + content.len()),
        },
    };
    let name = trim(name);
    let (mut kind, leniency) = kind_of(name);
    flags |= leniency;
    if kind == Some(Kind::Sitemap) && leniency == PREFIX {
        // `Sitemap https://…`: the colon that was found is the URL's own.
        if let Some(gap) = name.iter().position(|byte| is_space(*byte)) {
            flags = flags & !PREFIX | NO_COLON;
            value_start = start + gap;
        }
    }
    if flags & (TYPO | PREFIX | NO_COLON) != 0 && !leniencies {
        kind = None;
    }
    let mut line = Line {
        kind,
        start,
        value_start,
        value_end: start + content.len(),
        flags,
    };
    line.trim_value(text);
    Some(line)
}

/// The only gap of blanks in `content`: its start and its end. `None` when there is none, or more than one.
fn only_gap(content: &[u8]) -> Option<(usize, usize)> {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = content.iter().position(blank)?;
    let end = start + content[start..].iter().position(|byte| !blank(byte))?;
    (!content[end..].iter().any(blank)).then_some((start, end))
}

/// Which kind a name means, and how leniently.
fn kind_of(name: &[u8]) -> (Option<Kind>, u8) {
    const NAMES: [(&[u8], Kind); 11] = [
        (b"user-agent", Kind::UserAgent),
        (b"allow", Kind::Allow),
        (b"disallow", Kind::Disallow),
        (b"sitemap", Kind::Sitemap),
        (b"crawl-delay", Kind::CrawlDelay),
        (b"request-rate", Kind::RequestRate),
        (b"visit-time", Kind::VisitTime),
        (b"host", Kind::Host),
        (b"clean-param", Kind::CleanParam),
        (b"content-signal", Kind::ContentSignal),
        (b"content-usage", Kind::ContentUsage),
    ];
    // Google's list (robots.cc, `KeyIs…`), then the same kinds of slips for names that Google does not know.
    const TYPOS: [(&[u8], Kind); 13] = [
        (b"useragent", Kind::UserAgent),
        (b"user agent", Kind::UserAgent),
        (b"dissallow", Kind::Disallow),
        (b"dissalow", Kind::Disallow),
        (b"disalow", Kind::Disallow),
        (b"diasllow", Kind::Disallow),
        (b"disallaw", Kind::Disallow),
        (b"site-map", Kind::Sitemap),
        (b"crawldelay", Kind::CrawlDelay),
        (b"crawl delay", Kind::CrawlDelay),
        (b"contentsignal", Kind::ContentSignal),
        (b"content signal", Kind::ContentSignal),
        (b"contentusage", Kind::ContentUsage),
    ];
    // Google takes any name that begins like one of its own four.
    let prefixed = |kind: Kind| kind <= Kind::Sitemap;
    for (known, kind) in NAMES {
        if name.eq_ignore_ascii_case(known) {
            return (Some(kind), 0);
        }
        if prefixed(kind) && starts_with_ignore_case(name, known) {
            return (Some(kind), PREFIX);
        }
    }
    for (known, kind) in TYPOS {
        if name.eq_ignore_ascii_case(known)
            || prefixed(kind) && starts_with_ignore_case(name, known)
        {
            return (Some(kind), TYPO);
        }
    }
    (None, 0)
}
