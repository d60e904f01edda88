//! What a site owner should look at again, with line numbers.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::agent::directory_of_index;
use crate::dictionary::parse_dictionary;
use crate::fields::{crawl_delay, request_rate, visit_time};
use crate::groups::LineNumbers;
use crate::line::{Line, Lines};
use crate::record::{CUT, Kind, NO_COLON, PREFIX, TYPO};
use crate::robots::{LENIENT, RobotsTxt, TRUNCATED, USAGE_IS_RULE};
use crate::signals::{ContentSignal, split_usage};
use crate::token::{is_cut_agent, is_star, token_of};

/// One thing that is odd about a file; [`RobotsTxt::warnings`] has all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The 1-based line; 1 of a warning about the whole file.
    pub line: usize,
    /// What is odd.
    pub kind: WarningKind,
    /// The line as written, without comment; empty for the whole file.
    pub text: String,
}

/// What is odd about a line, or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningKind {
    /// The body is an HTML page.
    Html,
    /// The body is longer than what is read of it.
    Truncated,
    /// The text is not UTF-8.
    NotUtf8,
    /// A NUL ends what is read of the line.
    Nul,
    /// The name is not known.
    UnknownName,
    /// There is neither a colon nor anything that could stand for it.
    NoName,
    /// The name is misspelled; it was understood if leniencies are on.
    Typo,
    /// The name only begins like a known one; it was understood if leniencies are on.
    NamePrefix,
    /// White space stands for the colon; it was understood if leniencies are on.
    MissingColon,
    /// The line is too long, and its end was ignored.
    LineCut,
    /// A rule, or another line of a group, before any user-agent line: it is for nobody.
    OutsideGroup,
    /// A pattern that begins with neither `/` nor `*` matches nothing.
    NeverMatches,
    /// An `Allow` of an index page is taken to allow its directory, too; only if leniencies are on.
    IndexPage,
    /// A user-agent line that names nobody.
    NoToken,
    /// Only the beginning of a user-agent line's value is a product token, and only that is compared.
    AgentCut,
    /// A line that is no rule stands between user-agent lines: they are one group all the same (section 2.2.4).
    JoinsAgents,
    /// The value is not what its name calls for, and was ignored.
    BadValue,
    /// A delay for a group that has one: the first valid one holds.
    SecondDelay,
}

impl WarningKind {
    /// What it means, in a few words.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            WarningKind::Html => "the file is an HTML page",
            WarningKind::Truncated => "the file is too long, its end is not read",
            WarningKind::NotUtf8 => "the file is not UTF-8",
            WarningKind::Nul => "the line is cut at a NUL",
            WarningKind::UnknownName => "unknown name, the line is ignored",
            WarningKind::NoName => "neither name nor colon, the line is ignored",
            WarningKind::Typo => "the name is misspelled",
            WarningKind::NamePrefix => "the name only begins like a known one",
            WarningKind::MissingColon => "the colon is missing",
            WarningKind::LineCut => "the line is too long, its end is ignored",
            WarningKind::OutsideGroup => "no user-agent line before it, it is for nobody",
            WarningKind::NeverMatches => {
                "the pattern begins with neither `/` nor `*`, it matches nothing"
            }
            WarningKind::IndexPage => "the directory of the index page is allowed, too",
            WarningKind::NoToken => "the user-agent line names nobody",
            WarningKind::AgentCut => {
                "only letters, `_` and `-` at the start of the name are compared"
            }
            WarningKind::JoinsAgents => {
                "it does not part the user-agent lines around it, they are one group"
            }
            WarningKind::BadValue => {
                "the value is ignored, it is not of the form that the name calls for"
            }
            WarningKind::SecondDelay => "the group has a delay already, the first one holds",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind.message())?;
        if self.text.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.text)
        }
    }
}

impl RobotsTxt<'_> {
    /// All that is odd about the file, by line. Reads the text once more: costs nothing unless asked for.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut finder = Finder {
            robots: self,
            lines: LineNumbers::new(&self.text),
            found: Vec::new(),
            joins: Vec::new(),
        };
        for (is_so, kind) in [
            (self.is_html(), WarningKind::Html),
            (
                core::str::from_utf8(&self.text).is_err(),
                WarningKind::NotUtf8,
            ),
            (self.has(TRUNCATED), WarningKind::Truncated),
        ] {
            if is_so {
                finder.found.push(Warning {
                    line: 1,
                    kind,
                    text: String::new(),
                });
            }
        }
        let mut group = Group::default();
        for line in Lines::new(&self.text, true) {
            finder.line(&line, &mut group);
        }
        let mut found = finder.found;
        found.sort_by_key(|warning| warning.line);
        found
    }
}

/// What of a group the lines so far have shown.
#[derive(Default)]
struct Group {
    has_agent: bool,
    has_rule: bool,
    has_delay: bool,
}

struct Finder<'r> {
    robots: &'r RobotsTxt<'r>,
    lines: LineNumbers<'r>,
    found: Vec<Warning>,
    /// Lines of the group's run of agents that are neither agents nor rules: odd if another agent follows.
    joins: Vec<Warning>,
}

impl Finder<'_> {
    fn line(&mut self, line: &Line, group: &mut Group) {
        let text = &self.robots.text;
        let number = self.lines.advance_to(line.start);
        let value = &text[line.value_start..line.value_end];
        let written = || String::from_utf8_lossy(&text[line.start..line.value_end]).into_owned();
        let warning = |kind| Warning {
            line: number,
            kind,
            text: written(),
        };
        let mut odd = |is_odd: bool, kind: WarningKind| {
            if is_odd {
                self.found.push(warning(kind));
            }
        };
        odd(line.flags & CUT != 0, WarningKind::LineCut);
        odd(
            text.get(line.value_end..).is_some_and(ends_at_nul),
            WarningKind::Nul,
        );
        let Some(kind) = line.kind else {
            let has_colon = text[line.start..line.value_end.max(line.value_start)].contains(&b':');
            odd(has_colon, WarningKind::UnknownName);
            odd(!has_colon, WarningKind::NoName);
            return;
        };
        odd(line.flags & TYPO != 0, WarningKind::Typo);
        odd(line.flags & PREFIX != 0, WarningKind::NamePrefix);
        odd(line.flags & NO_COLON != 0, WarningKind::MissingColon);
        if line.flags & (TYPO | PREFIX | NO_COLON) != 0 && !self.robots.has(LENIENT) {
            return; // the parser did not take it
        }
        let belongs_to_group = !matches!(
            kind,
            Kind::UserAgent | Kind::Sitemap | Kind::Host | Kind::CleanParam
        );
        odd(
            belongs_to_group && !group.has_agent,
            WarningKind::OutsideGroup,
        );
        match kind {
            Kind::UserAgent => {
                odd(
                    !is_star(value) && token_of(value).is_empty(),
                    WarningKind::NoToken,
                );
                odd(
                    !is_star(value) && !token_of(value).is_empty() && is_cut_agent(value),
                    WarningKind::AgentCut,
                );
                if group.has_rule {
                    *group = Group::default();
                } else {
                    self.found.append(&mut self.joins);
                }
                self.joins.clear();
                group.has_agent = true;
                return;
            }
            Kind::Allow | Kind::Disallow => {
                odd(
                    !matches!(value.first(), None | Some(b'/' | b'*')),
                    WarningKind::NeverMatches,
                );
                let is_index = kind == Kind::Allow && directory_of_index(value).is_some();
                odd(is_index && self.robots.has(LENIENT), WarningKind::IndexPage);
                group.has_rule = true;
            }
            Kind::CrawlDelay => {
                let is_valid = crawl_delay(value).is_some();
                odd(!is_valid, WarningKind::BadValue);
                odd(is_valid && group.has_delay, WarningKind::SecondDelay);
                group.has_delay |= is_valid && group.has_agent;
            }
            Kind::RequestRate => odd(request_rate(value).is_none(), WarningKind::BadValue),
            Kind::VisitTime => odd(visit_time(value).is_none(), WarningKind::BadValue),
            Kind::ContentUsage => {
                odd(
                    parse_dictionary(split_usage(value).1).is_empty(),
                    WarningKind::BadValue,
                );
                group.has_rule |= self.robots.has(USAGE_IS_RULE);
            }
            Kind::ContentSignal => {
                let mut signal = ContentSignal::default();
                signal.add(value);
                odd(signal == ContentSignal::default(), WarningKind::BadValue);
            }
            Kind::Sitemap | Kind::Host | Kind::CleanParam => {
                odd(value.is_empty(), WarningKind::BadValue);
            }
        }
        if belongs_to_group && group.has_agent && !group.has_rule {
            self.joins.push(warning(WarningKind::JoinsAgents));
        }
    }
}

/// Whether a value was ended by a NUL, white space between them or not.
fn ends_at_nul(after: &[u8]) -> bool {
    after
        .iter()
        .find(|byte| !matches!(byte, b' ' | b'\t' | 0x0B | 0x0C))
        == Some(&0)
}
