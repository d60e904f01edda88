//! What a site says about the use of its pages: `Content-Signal` (contentsignals.org) and `Content-Usage`
//! (draft-ietf-aipref-attach). Both are preferences beside the rules: neither allows nor forbids a fetch.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::agent::Agent;
use crate::bytes::trim;
use crate::canonical::canonical_pattern;
use crate::dictionary::parse_dictionary;
use crate::record::Kind;
use crate::url::UrlPath;
use crate::wildcard::Wildcard;

/// The content signals of an agent's groups. A signal that is not stated is `None`: neither granted nor refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentSignal {
    /// `search`: a search index with links and short excerpts.
    pub search: Option<bool>,
    /// `ai-input`: input to a model at the time of a question.
    pub ai_input: Option<bool>,
    /// `ai-train`: training or fine-tuning of a model.
    pub ai_train: Option<bool>,
    /// `use`: how much may be kept and shown again.
    pub content_use: Option<ContentUse>,
}

/// How much of a page may be kept and shown again, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentUse {
    /// Interact with it, keep nothing.
    Immediate,
    /// Index, excerpt and link back.
    Reference,
    /// Summarize and reproduce.
    Full,
}

impl ContentSignal {
    /// Adds what one line states; what was stated before stays.
    pub(crate) fn add(&mut self, line: &[u8]) {
        for signal in line.split(|byte| *byte == b',') {
            let mut parts = signal.splitn(2, |byte| *byte == b'=');
            let name = trim(parts.next().unwrap_or_default());
            let value = trim(parts.next().unwrap_or_default());
            let is = |text: &str| value.eq_ignore_ascii_case(text.as_bytes());
            let named = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
            let granted = if is("yes") {
                Some(true)
            } else if is("no") {
                Some(false)
            } else {
                None
            };
            if named("search") {
                self.search = self.search.or(granted);
            } else if named("ai-input") {
                self.ai_input = self.ai_input.or(granted);
            } else if named("ai-train") {
                self.ai_train = self.ai_train.or(granted);
            } else if named("use") {
                let all = [
                    ("immediate", ContentUse::Immediate),
                    ("reference", ContentUse::Reference),
                    ("full", ContentUse::Full),
                ];
                let stated = all
                    .iter()
                    .find(|(text, _)| is(text))
                    .map(|(_, content_use)| *content_use);
                self.content_use = self.content_use.or(stated);
            }
        }
    }
}

/// The usage preferences that apply to one URL; empty where none was stated, and where the URL may not be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentUsage {
    /// Categories and whether their use is allowed, sorted by category.
    preferences: Vec<(String, bool)>,
}

impl ContentUsage {
    /// Whether the use of a category (`train-ai`, `search`, …) is allowed; `None` is unknown.
    #[must_use]
    pub fn allows(&self, category: &str) -> Option<bool> {
        let at = self
            .preferences
            .binary_search_by(|(known, _)| known.as_str().cmp(category))
            .ok()?;
        Some(self.preferences[at].1)
    }

    /// All stated preferences, sorted by category.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        self.preferences
            .iter()
            .map(|(category, allowed)| (category.as_str(), *allowed))
    }

    /// Whether nothing was stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.preferences.is_empty()
    }

    /// Combines statements: unknown gives way, of allow and disallow the latter stays
    /// (draft-ietf-aipref-vocab, "Combining Preferences").
    fn combine(mut preferences: Vec<(String, bool)>) -> ContentUsage {
        preferences.sort_by(|a, b| a.0.cmp(&b.0));
        preferences.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            kept.1 &= !is_same || next.1;
            is_same
        });
        ContentUsage { preferences }
    }
}

impl<'r> Agent<'r> {
    /// The content signals of the agent's groups; of a signal stated more than once, the first holds.
    #[must_use]
    pub fn content_signal(&self) -> ContentSignal {
        let mut signal = ContentSignal::default();
        self.values(Kind::ContentSignal)
            .for_each(|line| signal.add(line));
        signal
    }

    /// The `Content-Signal` lines of the agent's groups, as written.
    pub fn content_signal_lines(&self) -> impl Iterator<Item = Cow<'r, str>> {
        self.values(Kind::ContentSignal)
            .map(String::from_utf8_lossy)
    }

    /// The usage preferences that the agent's groups state for a URL: those of the `Content-Usage` lines with the
    /// longest path that matches; several with equally long paths are combined.
    #[must_use]
    pub fn content_usage(&self, url: impl AsRef<[u8]>) -> ContentUsage {
        let path = UrlPath::new(url.as_ref());
        if !self.allows(&path) {
            return ContentUsage::default(); // nothing is implied for what may not be fetched
        }
        let mut wildcard = Wildcard::new(path.as_bytes());
        let (mut longest, mut statements) = (0, Vec::new());
        let mut canonical = Vec::new();
        for value in self.values(Kind::ContentUsage) {
            let (pattern, statement) = split_usage(value);
            canonical.clear();
            let octets = canonical_pattern(pattern, &mut canonical).octets;
            if octets < longest || !wildcard.matches(&canonical) {
                continue;
            }
            if octets > longest {
                longest = octets;
                statements.clear();
            }
            statements.push(statement);
        }
        ContentUsage::combine(statements.into_iter().flat_map(parse_dictionary).collect())
    }

    /// The `Content-Usage` lines of the agent's groups, as written.
    pub fn content_usage_lines(&self) -> impl Iterator<Item = Cow<'r, str>> {
        self.values(Kind::ContentUsage).map(String::from_utf8_lossy)
    }
}

/// Path pattern and statement of a `Content-Usage` line: there is a path only where the value begins with `/`, and it
/// ends at the first blank.
pub(crate) fn split_usage(value: &[u8]) -> (&[u8], &[u8]) {
    if value.first() != Some(&b'/') {
        return (b"", value);
    }
    let end = value
        .iter()
        .position(|byte| *byte == b' ' || *byte == b'\t')
        .unwrap_or(value.len());
    (&value[..end], trim(&value[end..]))
}
