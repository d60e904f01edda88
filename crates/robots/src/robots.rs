//! A parsed file: its text, and a table of the lines in it that say something.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::agent::Agent;
use crate::agents::Agents;
use crate::bytes::{starts_with_ignore_case, trim};
use crate::groups::{Group, LineNumbers, Spans};
use crate::line::{Lines, MAX_LINE_BYTES};
use crate::record::{Kind, RECORD_BYTES, Record};
use crate::text::text_of;

/// What is read of a body unless the caller says otherwise: 500 KiB, the least that RFC 9309, section 2.5 asks for.
pub const DEFAULT_MAX_BYTES: usize = 500 * 1024;

/// More is never read, 64 MiB: compiled rules, which may take nine times the text, are found by 30 bits.
pub const MAX_BYTES: usize = 1 << 26;

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseOptions {
    /// What lies beyond the last line end within this many bytes is not read; at most [`MAX_BYTES`].
    pub max_bytes: usize,
    /// Whether to take what Google's parser takes beyond RFC 9309: misspelled names, names that only begin right, a
    /// missing colon, `Allow: …/index.html` for the directory. Each use that a decision hangs on is reported by
    /// [`Agent::explain`], all of them by [`RobotsTxt::warnings`].
    pub leniencies: bool,
    /// Whether a `Content-Usage` line ends the run of user-agent lines of a group as `Allow` does
    /// (draft-ietf-aipref-attach makes it a rule; for RFC 9309, section 2.2.4 it is an other record, which must not).
    pub content_usage_is_rule: bool,
}

impl Default for ParseOptions {
    fn default() -> ParseOptions {
        ParseOptions {
            max_bytes: DEFAULT_MAX_BYTES,
            leniencies: true,
            content_usage_is_rule: false,
        }
    }
}

/// A parsed robots.txt: borrows the body (a copy is made only of UTF-16), or is its own ([`RobotsTxt::into_owned`]).
///
/// Parsing never fails: what cannot be understood is skipped, and [`RobotsTxt::warnings`] says where. Memory: the
/// text, and eight bytes for each line that says something.
///
/// ```
/// use crawlrank_robots::RobotsTxt;
///
/// let robots = RobotsTxt::parse(b"User-agent: *\nDisallow: /private\nAllow: /private/open\n");
/// let agent = robots.agent("CCBot");
/// assert!(!agent.allowed("https://example.com/private/x"));
/// assert!(agent.allowed("https://example.com/private/open"));
/// ```
#[derive(Clone, Debug)]
pub struct RobotsTxt<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    /// Records of [`RECORD_BYTES`] each, in the order of the lines.
    pub(crate) table: Cow<'a, [u8]>,
    pub(crate) flags: u8,
}

/// Flags of a parsed file, as the owned form stores them.
pub(crate) const TRUNCATED: u8 = 1;
pub(crate) const LENIENT: u8 = 2;
pub(crate) const USAGE_IS_RULE: u8 = 4;
pub(crate) const ALL_FLAGS: u8 = 7;

impl<'a> RobotsTxt<'a> {
    /// Parses a body as it came, whatever it is.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> RobotsTxt<'a> {
        RobotsTxt::parse_with(body, &ParseOptions::default())
    }

    /// Parses a body with other than the default options.
    #[must_use]
    pub fn parse_with(body: &'a [u8], options: &ParseOptions) -> RobotsTxt<'a> {
        let text = text_of(body, options.max_bytes);
        let mut flags = 0;
        for (flag, is_set) in [
            (TRUNCATED, text.is_truncated),
            (LENIENT, options.leniencies),
            (USAGE_IS_RULE, options.content_usage_is_rule),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        let table = table_of(&text.bytes, options.leniencies);
        RobotsTxt {
            text: text.bytes,
            table: Cow::Owned(table),
            flags,
        }
    }

    /// The rules of one agent: the groups of its product token, merged (RFC 9309, section 2.2.1), or those of `*`.
    ///
    /// `agent` is a product token (`CCBot`); of `CCBot/2.0` what comes before the `/` counts. `*`, or a name without a
    /// token, gets the groups of `*`.
    #[must_use]
    pub fn agent(&self, agent: &str) -> Agent<'_> {
        Agent::select(self, agent)
    }

    /// The rules of several agents in one pass. Agents that the file has in the same groups share their rules.
    #[must_use]
    pub fn agents<S: AsRef<str>>(&self, agents: &[S]) -> Agents {
        Agents::select(self, agents)
    }

    /// All groups in the order of the file, as written.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let mut lines = LineNumbers::new(&self.text);
        Spans::new(self).map(move |(start, end)| Group::new(self, start, end, &mut lines))
    }

    /// How many groups there are.
    #[must_use]
    pub fn num_groups(&self) -> usize {
        Spans::new(self).count()
    }

    /// How many `Allow` and `Disallow` lines there are, those outside of groups included.
    #[must_use]
    pub fn num_rules(&self) -> usize {
        self.records()
            .filter(|record| record.kind.is_rule())
            .count()
    }

    /// All sitemaps, as written, in the order of the file. They belong to no group.
    pub fn sitemaps(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.values(Kind::Sitemap)
    }

    /// The first `Host` line, with which Yandex lets a site name its main mirror.
    #[must_use]
    pub fn host(&self) -> Option<Cow<'_, str>> {
        self.values(Kind::Host).next()
    }

    /// All `Clean-param` lines, as written: query parameters that do not change a page, for Yandex.
    pub fn clean_params(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.values(Kind::CleanParam)
    }

    /// Whether the body looks like an HTML page that was served for the missing file. Its lines are read all the same.
    #[must_use]
    pub fn is_html(&self) -> bool {
        let start = trim(&self.text);
        const STARTS: [&[u8]; 6] = [
            b"<!doctype",
            b"<html",
            b"<head",
            b"<body",
            b"<!--",
            b"<?xml",
        ];
        STARTS.iter().any(|tag| starts_with_ignore_case(start, tag))
    }

    /// Whether the body was longer than what is read of it.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    /// The text that lines are counted in: the body without byte order mark, decoded if it was UTF-16, cut at the limit.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The same, with a copy of the body of its own.
    #[must_use]
    pub fn into_owned(self) -> RobotsTxt<'static> {
        let mut table = self.table.into_owned();
        table.shrink_to_fit();
        RobotsTxt {
            text: Cow::Owned(self.text.into_owned()),
            table: Cow::Owned(table),
            flags: self.flags,
        }
    }

    #[inline]
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.table
            .chunks_exact(RECORD_BYTES)
            .map(|bytes| Record::from_bytes(bytes.try_into().expect("chunks of this size")))
    }

    pub(crate) fn num_records(&self) -> usize {
        self.table.len() / RECORD_BYTES
    }

    /// The records from one number up to another.
    #[inline]
    pub(crate) fn records_in(&self, start: usize, end: usize) -> impl Iterator<Item = Record> {
        self.table[start * RECORD_BYTES..end * RECORD_BYTES]
            .chunks_exact(RECORD_BYTES)
            .map(|bytes| Record::from_bytes(bytes.try_into().expect("chunks of this size")))
    }

    #[inline]
    pub(crate) fn value(&self, record: &Record) -> &[u8] {
        record.value(&self.text)
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The values that are not empty, of all lines of a kind.
    fn values(&self, kind: Kind) -> impl Iterator<Item = Cow<'_, str>> {
        self.records()
            .filter(move |record| record.kind == kind && record.len > 0)
            .map(|record| String::from_utf8_lossy(self.value(&record)))
    }

    /// The line of a record as written, from its first letter to the end of its value.
    pub(crate) fn written(&self, record: &Record) -> Cow<'_, str> {
        let (start, end) = (
            record.offset as usize,
            record.offset as usize + usize::from(record.len),
        );
        let is_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        let earliest = start.saturating_sub(MAX_LINE_BYTES);
        let line_start = self.text[earliest..start]
            .iter()
            .rposition(is_end)
            .map_or(earliest, |at| earliest + at + 1);
        String::from_utf8_lossy(trim(&self.text[line_start..end]))
    }
}

/// The records of a text, in the order of its lines.
fn table_of(text: &[u8], leniencies: bool) -> Vec<u8> {
    // About one record in forty bytes on average; short files are nothing but records.
    let mut table = Vec::with_capacity(RECORD_BYTES * (4 + text.len() / 32));
    for line in Lines::new(text, leniencies) {
        let Some(kind) = line.kind else { continue };
        let record = Record {
            offset: line.value_start as u32,
            len: (line.value_end - line.value_start) as u16,
            kind,
            flags: line.flags,
        };
        table.extend_from_slice(&record.to_bytes());
    }
    table
}
