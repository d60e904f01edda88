//! Groups: runs of user-agent lines with the rules that follow them (RFC 9309, section 2.2.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::record::{Kind, Record};
use crate::robots::{RobotsTxt, USAGE_IS_RULE};
use crate::token::{Token, is_star};

/// Whether a user-agent line after this one opens a new group.
#[inline(always)]
fn ends_agents(kind: Kind, usage_is_rule: bool) -> bool {
    kind.is_rule() || usage_is_rule && kind == Kind::ContentUsage
}

/// Where the records of each group lie, by number: from its first user-agent line to the next group's.
pub(crate) struct Spans<'r> {
    robots: &'r RobotsTxt<'r>,
    /// The next record that no group holds yet.
    next: usize,
    usage_is_rule: bool,
}

impl<'r> Spans<'r> {
    pub(crate) fn new(robots: &'r RobotsTxt<'_>) -> Spans<'r> {
        let is_outside = |record: &Record| record.kind != Kind::UserAgent;
        Spans {
            robots,
            next: robots.records().take_while(is_outside).count(),
            usage_is_rule: robots.has(USAGE_IS_RULE),
        }
    }
}

impl Iterator for Spans<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let (start, end) = (self.next, self.robots.num_records());
        let mut agents_ended = false;
        let is_inside = |record: &Record| {
            agents_ended |= ends_agents(record.kind, self.usage_is_rule);
            !(agents_ended && record.kind == Kind::UserAgent)
        };
        self.next += self
            .robots
            .records_in(start, end)
            .take_while(is_inside)
            .count();
        (start < end).then_some((start, self.next))
    }
}

/// One group, as written.
#[derive(Clone, Debug)]
pub struct Group<'r> {
    robots: &'r RobotsTxt<'r>,
    start: usize,
    end: usize,
    /// At the first record.
    lines: LineNumbers<'r>,
}

impl<'r> Group<'r> {
    pub(crate) fn new(
        robots: &'r RobotsTxt<'r>,
        start: usize,
        end: usize,
        lines: &mut LineNumbers<'r>,
    ) -> Group<'r> {
        if let Some(first) = robots.records_in(start, end).next() {
            lines.advance_to(first.offset as usize);
        }
        Group {
            robots,
            start,
            end,
            lines: *lines,
        }
    }

    /// The 1-based line of its first user-agent line.
    #[must_use]
    pub fn line(&self) -> usize {
        self.lines.line
    }

    /// The values of its user-agent lines, as written.
    pub fn agents(&self) -> impl Iterator<Item = Cow<'r, str>> + use<'r> {
        let robots = self.robots;
        robots
            .records_in(self.start, self.end)
            .filter(|record| record.kind == Kind::UserAgent)
            .map(move |record| String::from_utf8_lossy(robots.value(&record)))
    }

    /// Its `Allow` and `Disallow` lines.
    pub fn rules(&self) -> impl Iterator<Item = GroupRule<'r>> + use<'r> {
        let (robots, mut lines) = (self.robots, self.lines);
        robots
            .records_in(self.start, self.end)
            .filter(|record| record.kind.is_rule())
            .map(move |record| GroupRule {
                line: lines.advance_to(record.offset as usize),
                allow: record.kind == Kind::Allow,
                pattern: String::from_utf8_lossy(robots.value(&record)),
            })
    }
}

/// One rule of a group, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule<'r> {
    /// The 1-based line it stands on.
    pub line: usize,
    /// Whether it is an `Allow`.
    pub allow: bool,
    /// Its path pattern, as written.
    pub pattern: Cow<'r, str>,
}

/// Counts lines up to ascending places in a text; LF, CR and CRLF each end one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineNumbers<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

impl<'t> LineNumbers<'t> {
    pub(crate) fn new(text: &'t [u8]) -> LineNumbers<'t> {
        LineNumbers {
            text,
            at: 0,
            line: 1,
        }
    }

    /// The 1-based number of the line that holds `offset`, which must not lie before the last one asked for.
    pub(crate) fn advance_to(&mut self, offset: usize) -> usize {
        let ends = |at: &usize| match self.text[*at] {
            b'\n' => true,
            b'\r' => self.text.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        self.line += (self.at..offset).filter(ends).count();
        self.at = offset;
        self.line
    }
}

/// A group as far as some agents (at most 64) are concerned: which of them it names, and where its records are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// Records, by number.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Bit i: it names agent i.
    pub(crate) named: u64,
    pub(crate) is_star: bool,
    /// The record of the first line that names one of the agents, and of the first for `*`.
    pub(crate) named_at: u32,
    pub(crate) star_at: u32,
}

impl Section {
    pub(crate) fn records<'r>(
        &self,
        robots: &'r RobotsTxt<'_>,
    ) -> impl Iterator<Item = Record> + use<'r> {
        robots.records_in(self.start as usize, self.end as usize)
    }
}

/// The groups that name one of the `tokens`, or are for `*`, in the order of the file.
pub(crate) fn sections_of(robots: &RobotsTxt<'_>, tokens: &[Token<'_>]) -> Vec<Section> {
    let usage_is_rule = robots.has(USAGE_IS_RULE);
    let mut sections = Vec::new();
    for (start, end) in Spans::new(robots) {
        let mut section = Section {
            start: start as u32,
            end: end as u32,
            named: 0,
            is_star: false,
            named_at: 0,
            star_at: 0,
        };
        let heads = robots.records_in(start, end);
        for (at, record) in heads
            .enumerate()
            .take_while(|(_, record)| !ends_agents(record.kind, usage_is_rule))
        {
            if record.kind != Kind::UserAgent {
                continue;
            }
            let (value, at) = (robots.value(&record), (start + at) as u32);
            if is_star(value) && !section.is_star {
                (section.is_star, section.star_at) = (true, at);
            }
            let names =
                |(agent, token): (usize, &Token<'_>)| u64::from(token.is_named_by(value)) << agent;
            let named = tokens
                .iter()
                .enumerate()
                .map(names)
                .fold(0, |all, named| all | named);
            if section.named == 0 {
                section.named_at = at;
            }
            section.named |= named;
        }
        if section.named != 0 || section.is_star {
            sections.push(section);
        }
    }
    sections
}
