//! Reasons for which a page or a link is left out.

use std::fmt;

/// Why a page, or a link of it, was left out. Nothing is dropped without one of these being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Skipped {
    /// Page: the JSON's structure cannot be read.
    BadJson,
    /// Page: the JSON is nested more deeply than the limit.
    JsonTooDeep,
    /// Page: the record is too large for positions of four bytes.
    RecordTooLarge,
    /// Page: the envelope of a response names no URL.
    NoTargetUri,
    /// Page: its HTML is longer than the limit, up to which it was read.
    PageTooLong,
    /// Link: its string is not text (bad UTF-8, bad escape, lone surrogate).
    BadString,
    /// Link: the page has more than the limit.
    TooManyLinks,
    /// Link: the URL is longer than the limit.
    UrlTooLong,
    /// Link: no URL can be made of it.
    BadUrl,
    /// Link: it leads elsewhere than to a web page (`mailto:`, `javascript:`, `data:` …).
    OtherScheme,
    /// Link: the host name breaks a rule of the profile.
    BadHost,
    /// Link: the host is an address, not a name.
    IpAddress,
    /// Link: the host name has a single label, as `localhost`.
    SingleLabel,
}

impl Skipped {
    /// All reasons, in the order of declaration.
    pub const ALL: [Skipped; 13] = [
        Skipped::BadJson,
        Skipped::JsonTooDeep,
        Skipped::RecordTooLarge,
        Skipped::NoTargetUri,
        Skipped::PageTooLong,
        Skipped::BadString,
        Skipped::TooManyLinks,
        Skipped::UrlTooLong,
        Skipped::BadUrl,
        Skipped::OtherScheme,
        Skipped::BadHost,
        Skipped::IpAddress,
        Skipped::SingleLabel,
    ];

    /// Returns the reason's name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Skipped::BadJson => "bad_json",
            Skipped::JsonTooDeep => "json_too_deep",
            Skipped::RecordTooLarge => "record_too_large",
            Skipped::NoTargetUri => "no_target_uri",
            Skipped::PageTooLong => "page_too_long",
            Skipped::BadString => "bad_string",
            Skipped::TooManyLinks => "too_many_links",
            Skipped::UrlTooLong => "url_too_long",
            Skipped::BadUrl => "bad_url",
            Skipped::OtherScheme => "other_scheme",
            Skipped::BadHost => "bad_host",
            Skipped::IpAddress => "ip_address",
            Skipped::SingleLabel => "single_label",
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Skipped {}

/// How often each reason occurred.
#[derive(Debug, Clone, Default)]
pub(crate) struct SkippedCounts([u64; Skipped::ALL.len()]);

impl SkippedCounts {
    pub(crate) fn add(&mut self, reason: Skipped) {
        self.0[reason as usize] += 1;
    }

    pub(crate) fn get(&self, reason: Skipped) -> u64 {
        self.0[reason as usize]
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_by_reason() {
        for (i, reason) in Skipped::ALL.into_iter().enumerate() {
            assert_eq!(
                reason as usize, i,
                "{reason} must be listed where it is declared"
            );
        }
        let mut counts = SkippedCounts::default();
        counts.add(Skipped::SingleLabel);
        assert_eq!(
            (
                counts.get(Skipped::SingleLabel),
                counts.get(Skipped::BadJson)
            ),
            (1, 0)
        );
    }
}
