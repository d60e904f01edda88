//! Text to lines: where a line ends, what it is about, and where its value is.
//!
//! RFC 9309, section 2.2, read with the leniencies of Google's parser (github.com/google/robotstxt): names that only
//! begin like a known one, five misspellings of `disallow`, white space for a missing colon.

use crate::bytes::{
    find_byte, find_line_end, find_value_end, head, is_space, starts_with_ignore_case, trim,
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
            if text[at] == b'#' {
                at = find_line_end(text, at);
                continue;
            }
            if let Some((kind, name_end)) = common_name(text, at) {
                let mut colon = name_end;
                while colon < text.len() && (text[colon] == b' ' || text[colon] == b'\t') {
                    colon += 1;
                }
                if text.get(colon) == Some(&b':') {
                    let value_end = find_value_end(text, colon + 1);
                    let is_commented = matches!(text.get(value_end), Some(b'#' | 0));
                    let end = if is_commented {
                        find_line_end(text, value_end)
                    } else {
                        value_end
                    };
                    if end - line_start <= MAX_LINE_BYTES {
                        self.at = end;
                        let mut line = Line {
                            kind: Some(kind),
                            start: at,
                            value_start: colon + 1,
                            value_end,
                            flags: 0,
                        };
                        line.trim_value(text);
                        return Some(line);
                    }
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

/// The first eight octets of a lower-case name, to compare those of a line with at once.
struct Name {
    word: u64,
    /// The bits that make its letters lower case: only letters have one, so that no other octet turns into a hyphen.
    case: u64,
    /// All bits of the octets that it has.
    mask: u64,
}

impl Name {
    const fn new(name: &[u8]) -> Name {
        let (mut word, mut case, mut mask) = (0, 0, 0);
        let mut at = 0;
        while at < name.len() {
            word |= (name[at] as u64) << (8 * at);
            mask |= 0xFF << (8 * at);
            if name[at].is_ascii_lowercase() {
                case |= 0x20 << (8 * at);
            }
            at += 1;
        }
        Name { word, case, mask }
    }

    #[inline(always)]
    fn begins(&self, line: u64) -> bool {
        (line | self.case) & self.mask == self.word
    }
}

/// The names that nearly all lines have, spelled right; the end of the name comes with it.
#[inline(always)]
fn common_name(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    const DISALLOW: Name = Name::new(b"disallow");
    const ALLOW: Name = Name::new(b"allow");
    const USER_AGE: Name = Name::new(b"user-age");
    const SITEMAP: Name = Name::new(b"sitemap");
    const CRAWL_DE: Name = Name::new(b"crawl-de");
    let line = head(&text[at..]);
    if DISALLOW.begins(line) {
        Some((Kind::Disallow, at + 8))
    } else if ALLOW.begins(line) {
        Some((Kind::Allow, at + 5))
    } else if USER_AGE.begins(line) {
        starts_with_ignore_case(&text[at + 8..], b"nt").then_some((Kind::UserAgent, at + 10))
    } else if SITEMAP.begins(line) {
        Some((Kind::Sitemap, at + 7))
    } else if CRAWL_DE.begins(line) {
        starts_with_ignore_case(&text[at + 8..], b"lay").then_some((Kind::CrawlDelay, at + 11))
    } else {
        None
    }
}

/// Bytes of the shortest line that says something: `host:`.
const SHORTEST_LINE: usize = 5;

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
    let nothing = |flags| {
        let end = start + content.len();
        Some(Line {
            kind: None,
            start,
            value_start: end,
            value_end: end,
            flags,
        })
    };
    if content.len() < SHORTEST_LINE {
        return nothing(flags);
    }
    let (name, mut value_start) = match content.iter().position(|byte| *byte == b':') {
        Some(colon) => (&content[..colon], start + colon + 1),
        None => match only_gap(content) {
            Some((name_end, value)) if leniencies => {
                flags |= NO_COLON;
                (&content[..name_end], start + value)
            }
            _ => return nothing(flags),
        },
    };
    let name = trim(name);
    let (mut kind, leniency) = kind_of(name);
    flags |= leniency;
    if kind == Some(Kind::Sitemap) && leniency != 0 {
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
    let Some(letter) = name.first().map(u8::to_ascii_lowercase) else {
        return (None, 0);
    };
    let alike = |(known, _): &(&[u8], Kind)| known[0] == letter;
    for (known, kind) in NAMES.into_iter().filter(alike) {
        if name.eq_ignore_ascii_case(known) {
            return (Some(kind), 0);
        }
        if prefixed(kind) && starts_with_ignore_case(name, known) {
            return (Some(kind), PREFIX);
        }
    }
    for (known, kind) in TYPOS.into_iter().filter(alike) {
        if name.eq_ignore_ascii_case(known)
            || prefixed(kind) && starts_with_ignore_case(name, known)
        {
            return (Some(kind), TYPO);
        }
    }
    (None, 0)
}
