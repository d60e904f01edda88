//! The rules of one agent, compiled so that a URL is decided in some tens of nanoseconds.

use alloc::vec::Vec;
use core::time::Duration;

use crate::bytes::{find_byte, head};
use crate::canonical::{OctetSet, canonical_pattern};
use crate::fields::{RequestRate, VisitTime, crawl_delay, request_rate, visit_time};
use crate::groups::{Section, sections_of};
use crate::record::{Kind, Record};
use crate::robots::{LENIENT, RobotsTxt};
use crate::token::Token;
use crate::url::UrlPath;
use crate::wildcard::Wildcard;

/// The rules of one agent in one file; see [`RobotsTxt::agent`].
#[derive(Clone, Debug)]
pub struct Agent<'r> {
    pub(crate) robots: &'r RobotsTxt<'r>,
    /// Its groups, or those of `*`.
    pub(crate) sections: Vec<Section>,
    rules: AgentRules,
}

impl<'r> Agent<'r> {
    pub(crate) fn select(robots: &'r RobotsTxt<'r>, agent: &str) -> Agent<'r> {
        let mut sections = sections_of(robots, &[Token::new(agent)]);
        let is_named = sections.iter().any(|section| section.named != 0);
        sections.retain(|section| {
            if is_named {
                section.named != 0
            } else {
                section.is_star
            }
        });
        let rules = AgentRules::compile(robots, sections.iter(), is_named);
        Agent {
            robots,
            sections,
            rules,
        }
    }

    /// Whether the agent may fetch a URL, or a path: the longest rule that matches decides, `Allow` wins a tie, and
    /// what no rule matches is allowed (RFC 9309, section 2.2.2).
    #[inline]
    pub fn allowed(&self, url: impl AsRef<[u8]>) -> bool {
        self.rules.allowed(url)
    }

    /// The same of a path that is in canonical form already, for asking many files or agents of one URL.
    #[inline]
    pub fn allows(&self, path: &UrlPath<'_>) -> bool {
        self.rules.allows(path)
    }

    /// The first valid `Crawl-delay` of its groups. An agent with groups of its own does not get the delay of `*`.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.rules.crawl_delay
    }

    /// The first valid `Request-rate` of its groups.
    #[must_use]
    pub fn request_rate(&self) -> Option<RequestRate> {
        self.rules.request_rate
    }

    /// The first valid `Visit-time` of its groups.
    #[must_use]
    pub fn visit_time(&self) -> Option<VisitTime> {
        self.values(Kind::VisitTime).find_map(visit_time)
    }

    /// Whether a group of the file names the agent; if not, the groups of `*` are its own.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.rules.is_named
    }

    /// What is needed to decide URLs, free of the file: for a crawler that keeps its own rules of many hosts.
    #[must_use]
    pub fn into_rules(self) -> AgentRules {
        let mut rules = self.rules;
        rules.heads.shrink_to_fit();
        rules.places.shrink_to_fit();
        rules.rests.shrink_to_fit();
        rules
    }

    /// The records of its groups, in the order of the file.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.sections
            .iter()
            .flat_map(|section| section.records(self.robots))
    }

    /// The values of all lines of a kind in its groups.
    pub(crate) fn values(&self, kind: Kind) -> impl Iterator<Item = &'r [u8]> {
        let robots = self.robots;
        self.records()
            .filter(move |record| record.kind == kind)
            .map(|record| record.value(&robots.text))
    }
}

/// Compiled rules, on their own: no file is needed to decide with them.
///
/// A rule is told from a URL by the eight octets after the leading slash: eight bytes a rule are looked through for
/// those of the URL, and only where they agree is the rest compared. Rules with fewer octets than that come after
/// those with all eight. Memory: 12 bytes a rule, and the octets that the first eight do not hold.
#[derive(Clone, Debug, Default)]
pub struct AgentRules {
    /// The octets 1 to 8 of each rule's literal beginning, zero where it has fewer.
    heads: Vec<u64>,
    /// For each rule, where its rest begins in `rests`, shifted by two; then [`ALLOW`] and [`WILD`].
    places: Vec<u32>,
    /// How many heads are full.
    num_full: usize,
    /// Of a plain rule with a full head, the octets after it, with their number before them (see [`push_len`]); of a
    /// wild rule octets (u16), length (u16), octet set (u64) and the canonical pattern.
    rests: Vec<u8>,
    crawl_delay: Option<Duration>,
    request_rate: Option<RequestRate>,
    is_named: bool,
}

const ALLOW: u32 = 1;
const WILD: u32 = 2;

/// Bytes before the pattern of a wild rule.
const WILD_FACTS: usize = 12;

/// Octets that `heads` cover: the slash and eight more.
const HEAD_END: usize = 9;

impl AgentRules {
    pub(crate) fn compile<'s>(
        robots: &RobotsTxt<'_>,
        sections: impl Iterator<Item = &'s Section> + Clone,
        is_named: bool,
    ) -> AgentRules {
        let num_records = sections
            .clone()
            .map(|section| (section.end - section.start) as usize)
            .sum();
        let mut compiler = Compiler {
            rules: AgentRules {
                heads: Vec::with_capacity(num_records),
                places: Vec::with_capacity(num_records),
                rests: Vec::with_capacity(16 * num_records),
                is_named,
                ..AgentRules::default()
            },
            scratch: Vec::new(),
        };
        for record in sections.flat_map(|section| section.records(robots)) {
            let value = robots.value(&record);
            match record.kind {
                Kind::Allow => {
                    compiler.push(value, ALLOW);
                    if robots.has(LENIENT) {
                        if let Some(directory) = directory_of_index(value) {
                            compiler.push(&[directory, b"$"].concat(), ALLOW);
                        }
                    }
                }
                Kind::Disallow => compiler.push(value, 0),
                Kind::CrawlDelay if compiler.rules.crawl_delay.is_none() => {
                    compiler.rules.crawl_delay = crawl_delay(value);
                }
                Kind::RequestRate if compiler.rules.request_rate.is_none() => {
                    compiler.rules.request_rate = request_rate(value);
                }
                _ => {}
            }
        }
        compiler.finish()
    }

    /// Rules of nothing: everything is allowed.
    #[must_use]
    pub fn allow_all() -> AgentRules {
        AgentRules::default()
    }

    /// Rules that allow nothing but the robots.txt itself.
    #[must_use]
    pub fn disallow_all() -> AgentRules {
        RobotsTxt::parse(b"User-agent: *\nDisallow: /")
            .agent("*")
            .into_rules()
    }

    /// Whether the agent may fetch a URL, or a path; see [`Agent::allowed`].
    #[inline]
    pub fn allowed(&self, url: impl AsRef<[u8]>) -> bool {
        self.allows(&UrlPath::new(url.as_ref()))
    }

    /// The same of a path that is in canonical form already.
    pub fn allows(&self, path: &UrlPath<'_>) -> bool {
        // Octets times two, plus one for Allow: the largest decides. Nothing matched, or the empty rule: allowed.
        let mut best = 1;
        let mut wildcard = Wildcard::new(path.as_bytes());
        self.decide_full(path, &mut wildcard, &mut best);
        self.decide_short(path, &mut wildcard, &mut best);
        best & 1 != 0 || path.is_robots_txt()
    }

    /// The rules with a full head: those with the head of the path, which are few, are compared to their end.
    #[inline]
    fn decide_full(&self, path: &UrlPath<'_>, wildcard: &mut Wildcard<'_>, best: &mut u32) {
        let Some(after_head) = path.as_bytes().get(HEAD_END..) else {
            return;
        };
        const LANES: usize = 8;
        let heads = self.heads[..self.num_full].chunks(LANES);
        for (heads, places) in heads.zip(self.places[..self.num_full].chunks(LANES)) {
            if !heads
                .iter()
                .fold(false, |any, head| any | (*head == path.head))
            {
                continue;
            }
            for (_, place) in heads
                .iter()
                .zip(places)
                .filter(|(head, _)| **head == path.head)
            {
                if place & WILD != 0 {
                    self.decide_wild(*place, path.octets, wildcard, best);
                    continue;
                }
                let rest = rest_at(&self.rests, (place >> 2) as usize);
                if after_head.starts_with(rest) {
                    *best = (*best).max(((HEAD_END + rest.len()) as u32) << 1 | place & ALLOW);
                }
            }
        }
    }

    /// The rules with less: the octets that they have are those of the path.
    #[inline]
    fn decide_short(&self, path: &UrlPath<'_>, wildcard: &mut Wildcard<'_>, best: &mut u32) {
        let heads = self.heads[self.num_full..].iter();
        for (head, place) in heads.zip(&self.places[self.num_full..]) {
            // Literal octets are never zero, so the zeros at the top of a head are those that it lacks.
            let lacking = head.leading_zeros() & !7;
            if (head ^ path.head).checked_shl(lacking).unwrap_or(0) != 0 {
                continue;
            }
            if place & WILD != 0 {
                self.decide_wild(*place, path.octets, wildcard, best);
            } else {
                *best = (*best).max((9 - lacking / 8) << 1 | place & ALLOW);
            }
        }
    }

    fn decide_wild(
        &self,
        place: u32,
        octets: OctetSet,
        wildcard: &mut Wildcard<'_>,
        best: &mut u32,
    ) {
        let rest = &self.rests[(place >> 2) as usize..];
        let field = |at: usize| u16::from_le_bytes([rest[at], rest[at + 1]]);
        let decision = u32::from(field(0)) << 1 | place & ALLOW;
        if decision <= *best {
            return;
        }
        let needed = OctetSet::from_bytes(rest[4..WILD_FACTS].try_into().expect("eight bytes"));
        if octets.holds(needed) && wildcard.matches(&rest[WILD_FACTS..][..usize::from(field(2))]) {
            *best = decision;
        }
    }

    /// The first valid `Crawl-delay` of the agent's groups.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// The first valid `Request-rate` of the agent's groups.
    #[must_use]
    pub fn request_rate(&self) -> Option<RequestRate> {
        self.request_rate
    }

    /// Whether a group of the file names the agent; if not, the groups of `*` are its own.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// How many patterns there are to match.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is nothing to match: everything is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

/// The directory that an `Allow` of its index page also opens, Google's leniency: `/a/` of `/a/index.html`.
pub(crate) fn directory_of_index(pattern: &[u8]) -> Option<&[u8]> {
    let slash = pattern.iter().rposition(|byte| *byte == b'/')?;
    pattern[slash..]
        .starts_with(b"/index.htm")
        .then(|| &pattern[..slash + 1])
}

/// Appends a length: one byte below 128, else three (a canonical pattern has at most 49,983 octets).
fn push_len(len: usize, out: &mut Vec<u8>) {
    if len < 128 {
        out.push(len as u8);
    } else {
        out.extend_from_slice(&[128 | (len & 127) as u8, (len >> 7) as u8, (len >> 15) as u8]);
    }
}

/// The octets behind the length at `at`.
#[inline]
fn rest_at(rests: &[u8], at: usize) -> &[u8] {
    let first = usize::from(rests[at]);
    if first < 128 {
        return &rests[at + 1..][..first];
    }
    let len = first & 127 | usize::from(rests[at + 1]) << 7 | usize::from(rests[at + 2]) << 15;
    &rests[at + 3..][..len]
}

struct Compiler {
    rules: AgentRules,
    scratch: Vec<u8>,
}

impl Compiler {
    #[inline]
    fn push(&mut self, pattern: &[u8], decision: u32) {
        // Every path begins with a slash, and the empty rule changes nothing.
        if let Some(b'/' | b'*') = pattern.first() {
            let octets = OctetSet::of(pattern);
            if octets.is_plain() {
                self.push_plain(pattern, decision);
            } else if octets.is_plain_pattern() && find_byte(pattern, 0, b'$') + 1 >= pattern.len()
            {
                self.push_wild(pattern, octets, pattern.len(), decision);
            } else {
                self.push_unusual(pattern, decision);
            }
        }
    }

    #[inline]
    fn push_plain(&mut self, pattern: &[u8], decision: u32) {
        let head = head(&pattern[1..]);
        match pattern.get(HEAD_END..) {
            Some(rest) => {
                self.push_head(head, decision);
                push_len(rest.len(), &mut self.rules.rests);
                self.rules.rests.extend_from_slice(rest);
            }
            None => self.push_head(head, decision),
        }
    }

    #[inline]
    fn push_head(&mut self, head: u64, flags: u32) {
        self.rules.heads.push(head);
        self.rules
            .places
            .push((self.rules.rests.len() as u32) << 2 | flags);
    }

    /// A pattern that is not its own canonical form.
    fn push_unusual(&mut self, pattern: &[u8], decision: u32) {
        let mut canonical = core::mem::take(&mut self.scratch);
        canonical.clear();
        let found = canonical_pattern(pattern, &mut canonical);
        if found.is_special {
            self.push_wild(&canonical, OctetSet::of(&canonical), found.octets, decision);
        } else {
            self.push_plain(&canonical, decision);
        }
        self.scratch = canonical;
    }

    fn push_wild(&mut self, pattern: &[u8], set: OctetSet, octets: usize, decision: u32) {
        let literal = find_byte(pattern, 0, b'*').min(find_byte(pattern, 0, b'$'));
        // A pattern that begins with `*` has no octets that must come first, like `/` has none after the slash.
        let head = if literal > 0 {
            head(&pattern[1..literal])
        } else {
            0
        };
        self.push_head(head, decision | WILD);
        let mut facts = [0; WILD_FACTS];
        facts[..2].copy_from_slice(&(octets as u16).to_le_bytes());
        facts[2..4].copy_from_slice(&(pattern.len() as u16).to_le_bytes());
        facts[4..].copy_from_slice(&set.to_bytes());
        self.rules.rests.extend_from_slice(&facts);
        self.rules.rests.extend_from_slice(pattern);
    }

    /// Puts the full heads before the others. Their order is free: the strongest match decides, wherever it stands.
    fn finish(self) -> AgentRules {
        let mut rules = self.rules;
        let mut num_full = 0;
        for at in 0..rules.heads.len() {
            if rules.heads[at] >> 56 != 0 {
                rules.heads.swap(num_full, at);
                rules.places.swap(num_full, at);
                num_full += 1;
            }
        }
        rules.num_full = num_full;
        rules
    }
}
