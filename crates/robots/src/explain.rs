//! Why a URL is allowed or not: the plain way to a decision, which also serves tests as the reference.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use crate::agent::{Agent, directory_of_index};
use crate::canonical::canonical_pattern;
use crate::groups::LineNumbers;
use crate::record::{CUT, Kind, NO_COLON, PREFIX, Record, TYPO};
use crate::robots::LENIENT;
use crate::token::is_cut_agent;
use crate::url::UrlPath;
use crate::wildcard::Wildcard;

/// A departure from RFC 9309 that Google's parser makes in favor of what the author meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leniency {
    /// The name was misspelled: `Disalow`, `useragent`.
    Typo,
    /// The name only begins like a known one: `Disallows`.
    NamePrefix,
    /// White space stood where the colon was missing.
    MissingColon,
    /// The line was longer than [`crate::MAX_LINE_BYTES`], and cut there.
    LineCut,
    /// `Allow: /a/index.html` was taken to allow `/a/`, too.
    IndexPage,
    /// A user-agent line was read up to the end of a product token: `Foo/1.2` as `Foo`.
    AgentCut,
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Leniency::Typo => "name misspelled",
            Leniency::NamePrefix => "name only begins like a known one",
            Leniency::MissingColon => "colon missing",
            Leniency::LineCut => "line too long, cut",
            Leniency::IndexPage => "index page stands for its directory",
            Leniency::AgentCut => "only the beginning of the agent's name is compared",
        })
    }
}

/// What decided a URL, and what else had a say; see [`Agent::explain`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the agent may fetch the URL.
    pub allowed: bool,
    /// The rule that decided; `None` when none matched, or none was asked ([`Decision::is_robots_txt`]).
    pub rule: Option<DecidingRule>,
    /// Rules that matched as well and lost, the strongest first.
    pub beaten: Vec<DecidingRule>,
    /// Whose groups were asked.
    pub group: DecidingGroup,
    /// The leniencies without which the user-agent lines of these groups would not have been read, or not have named
    /// the agent.
    pub group_leniencies: Vec<Leniency>,
    /// Whether the URL is the robots.txt itself, which is always allowed (RFC 9309, section 2.2.2).
    pub is_robots_txt: bool,
    /// The path and query that rules were compared with, normalized.
    pub path: String,
}

/// Whose groups decide for an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidingGroup {
    /// Those that name the agent.
    Named {
        /// In each group, the 1-based line that first does so.
        lines: Vec<usize>,
    },
    /// Those of `*`: no group names the agent.
    Star {
        /// In each group, the 1-based line of the first `*`.
        lines: Vec<usize>,
    },
    /// No group is for the agent: everything is allowed.
    None,
}

/// A rule that matched a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecidingRule {
    /// The 1-based line it stands on.
    pub line: usize,
    /// The line as written, without comment: `Disallow: /x`.
    pub text: String,
    /// Its path pattern as written.
    pub pattern: String,
    /// Whether it is an `Allow`.
    pub allow: bool,
    /// How specific it is: the octets of its normalized pattern.
    pub octets: usize,
    /// The leniencies without which it would not have been read, or not have matched.
    pub leniencies: Vec<Leniency>,
}

impl Agent<'_> {
    /// Decides a URL as [`Agent::allowed`] does, and says why. Slower by far: for people, logs and tests.
    #[must_use]
    pub fn explain(&self, url: impl AsRef<[u8]>) -> Decision {
        let path = UrlPath::new(url.as_ref());
        let is_robots_txt = path.is_robots_txt();
        let mut matched = if is_robots_txt {
            Vec::new()
        } else {
            self.matching(&path)
        };
        // Most octets first, Allow before Disallow, then the order of the file: the sort is stable.
        matched.sort_by_key(|rule| Reverse((rule.octets, rule.allow)));
        let mut beaten = matched.into_iter();
        let rule = beaten.next();
        Decision {
            // An empty pattern forbids nothing, whichever name it has.
            allowed: rule
                .as_ref()
                .is_none_or(|rule| rule.allow || rule.octets == 0),
            rule,
            beaten: beaten.collect(),
            group: self.group(),
            group_leniencies: self.group_leniencies(),
            is_robots_txt,
            path: String::from_utf8_lossy(path.as_bytes()).into_owned(),
        }
    }

    /// All rules that match, in the order of the file.
    fn matching(&self, path: &UrlPath<'_>) -> Vec<DecidingRule> {
        let robots = self.robots;
        let mut wildcard = Wildcard::new(path.as_bytes());
        let mut lines = LineNumbers::new(&robots.text);
        let mut canonical = Vec::new();
        let mut matching = Vec::new();
        for record in self.records().filter(|record| record.kind.is_rule()) {
            let (value, allow) = (record.value(&robots.text), record.kind == Kind::Allow);
            let mut octets_if_matching = |pattern: &[u8]| {
                canonical.clear();
                let octets = canonical_pattern(pattern, &mut canonical).octets;
                wildcard.matches(&canonical).then_some(octets)
            };
            let mut leniencies = leniencies_of(&record);
            let mut octets = octets_if_matching(value);
            if octets.is_none() && allow && robots.has(LENIENT) {
                if let Some(directory) = directory_of_index(value) {
                    octets = octets_if_matching(&[directory, b"$"].concat());
                    leniencies.push(Leniency::IndexPage);
                }
            }
            let Some(octets) = octets else { continue };
            matching.push(DecidingRule {
                line: lines.advance_to(record.offset as usize),
                text: robots.written(&record).into_owned(),
                pattern: String::from_utf8_lossy(value).into_owned(),
                allow,
                octets,
                leniencies,
            });
        }
        matching
    }

    /// The user-agent lines that chose its groups, one each.
    fn choosing_lines(&self) -> impl Iterator<Item = Record> {
        self.sections.iter().filter_map(|section| {
            let at = if self.is_named() {
                section.named_at
            } else {
                section.star_at
            } as usize;
            self.robots.records_in(at, at + 1).next()
        })
    }

    fn group(&self) -> DecidingGroup {
        let mut numbers = LineNumbers::new(&self.robots.text);
        let lines: Vec<usize> = self
            .choosing_lines()
            .map(|record| numbers.advance_to(record.offset as usize))
            .collect();
        match (lines.is_empty(), self.is_named()) {
            (true, _) => DecidingGroup::None,
            (false, true) => DecidingGroup::Named { lines },
            (false, false) => DecidingGroup::Star { lines },
        }
    }

    fn group_leniencies(&self) -> Vec<Leniency> {
        let mut leniencies = Vec::new();
        for record in self.choosing_lines() {
            let value = self.robots.value(&record);
            let cut = (self.is_named() && is_cut_agent(value)).then_some(Leniency::AgentCut);
            for leniency in leniencies_of(&record).into_iter().chain(cut) {
                if !leniencies.contains(&leniency) {
                    leniencies.push(leniency);
                }
            }
        }
        leniencies
    }
}

fn leniencies_of(record: &Record) -> Vec<Leniency> {
    let all = [
        (TYPO, Leniency::Typo),
        (PREFIX, Leniency::NamePrefix),
        (NO_COLON, Leniency::MissingColon),
        (CUT, Leniency::LineCut),
    ];
    all.iter()
        .filter(|(flag, _)| record.flags & flag != 0)
        .map(|(_, leniency)| *leniency)
        .collect()
}
