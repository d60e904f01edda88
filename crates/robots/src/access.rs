//! From what came of fetching `/robots.txt` to what may be fetched (RFC 9309, sections 2.3 and 2.4).

use core::time::Duration;

use crate::agent::AgentRules;
use crate::freshness::{lifetime, retry_after};
use crate::robots::{ParseOptions, RobotsTxt};

/// How the fetch of a robots.txt ended, redirects followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// A response came; of one that is not 2xx the body does not matter.
    Response {
        /// The status code of the last response.
        status: u16,
        /// Its body, decoded; may be cut beyond the limit of [`ParseOptions`].
        body: &'a [u8],
    },
    /// No response: name resolution, connection, or time ran out.
    Unreachable,
}

/// A header field: its name, in any case of letters, and its value.
pub type HeaderField<'a> = (&'a str, &'a str);

/// One fetch of a robots.txt, and what is known of those before.
#[derive(Clone, Copy, Debug)]
pub struct Fetch<'a> {
    /// How it ended.
    pub outcome: Outcome<'a>,
    /// The header of the last response, as far as it is known: see [`Fetch::fresh_for`].
    pub headers: &'a [HeaderField<'a>],
    /// How many redirects were followed, to whichever authority.
    pub redirects: u32,
    /// How long ago it was.
    pub age: Duration,
    /// For how long the file has been unreachable without a break, this fetch included.
    pub unreachable_for: Duration,
}

impl<'a> Fetch<'a> {
    /// A response that came just now, without redirects; nothing is known of its header.
    #[must_use]
    pub fn response(status: u16, body: &'a [u8]) -> Fetch<'a> {
        let outcome = Outcome::Response { status, body };
        Fetch {
            outcome,
            headers: &[],
            redirects: 0,
            age: Duration::ZERO,
            unreachable_for: Duration::ZERO,
        }
    }

    /// A fetch that just failed, for the first time.
    #[must_use]
    pub fn unreachable() -> Fetch<'a> {
        Fetch {
            outcome: Outcome::Unreachable,
            ..Fetch::response(0, b"")
        }
    }
}

/// Redirects that are followed at least; beyond them the file counts as unavailable (section 2.3.1.2).
pub const MAX_REDIRECTS: u32 = 5;

/// How long an answer may be used without fetching again (section 2.4).
pub const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an unreachable file forbids everything; after that it counts as unavailable (section 2.3.1.4 says "a
/// reasonably long period of time (for example, 30 days)").
pub const MAX_UNREACHABLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What may be fetched from a site.
#[derive(Clone, Debug)]
pub enum Access<'a> {
    /// What the rules of the file say.
    Rules(RobotsTxt<'a>),
    /// Everything: there is no file (section 2.3.1.3, "Unavailable").
    AllowAll,
    /// Nothing for now: nobody knows what the file says (section 2.3.1.4, "Unreachable").
    DisallowAll,
}

impl<'a> Access<'a> {
    /// What follows from a fetch:
    ///
    /// | outcome | access |
    /// |---|---|
    /// | 2xx | the rules of the body |
    /// | a redirect that was not followed to its end: more than five, or without a target | allow all |
    /// | 4xx but 429, 401 and 403 too | allow all |
    /// | 429, 5xx, other codes, no response | disallow all; after 30 days without a break allow all |
    ///
    /// RFC 9309 counts 429 among 4xx; Google, and we, take it for what it says: ask later. A 304 answers only those who
    /// have the file already: keep what you have, and do not come here.
    #[must_use]
    pub fn from_fetch(fetch: &Fetch<'a>) -> Access<'a> {
        Access::from_fetch_with(fetch, &ParseOptions::default())
    }

    /// The same, the body parsed with other than the default options.
    #[must_use]
    pub fn from_fetch_with(fetch: &Fetch<'a>, options: &ParseOptions) -> Access<'a> {
        match fetch.outcome {
            Outcome::Response { .. } if fetch.redirects > MAX_REDIRECTS => Access::AllowAll,
            Outcome::Response {
                status: 200..=299,
                body,
            } => Access::Rules(RobotsTxt::parse_with(body, options)),
            Outcome::Response {
                status: 301 | 302 | 303 | 307 | 308,
                ..
            } => Access::AllowAll,
            Outcome::Response {
                status: status @ 400..=499,
                ..
            } if status != 429 => Access::AllowAll,
            Outcome::Response { .. } | Outcome::Unreachable
                if fetch.unreachable_for > MAX_UNREACHABLE =>
            {
                Access::AllowAll
            }
            Outcome::Response { .. } | Outcome::Unreachable => Access::DisallowAll,
        }
    }

    /// The rules of one agent, free of the file: what a crawler keeps of a site.
    #[must_use]
    pub fn agent(&self, agent: &str) -> AgentRules {
        match self {
            Access::Rules(robots) => robots.agent(agent).into_rules(),
            Access::AllowAll => AgentRules::allow_all(),
            Access::DisallowAll => AgentRules::disallow_all(),
        }
    }

    /// Whether an agent may fetch a URL of the site. Its robots.txt may always be fetched.
    #[must_use]
    pub fn allowed(&self, agent: &str, url: impl AsRef<[u8]>) -> bool {
        match self {
            Access::Rules(robots) => robots.agent(agent).allowed(url),
            Access::AllowAll => true,
            Access::DisallowAll => AgentRules::disallow_all().allowed(url),
        }
    }

    /// The name that tables use: `rules`, `allow_all` or `disallow_all`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Access::Rules(_) => "rules",
            Access::AllowAll => "allow_all",
            Access::DisallowAll => "disallow_all",
        }
    }
}

impl Fetch<'_> {
    /// For how long its answer may still be used; zero: fetch again. If that fails, go on with the old rules, and count
    /// in [`Fetch::unreachable_for`] how long it has been so.
    ///
    /// A day (section 2.4), or less where the header says so: of 429 and 5xx `Retry-After`, else `Cache-Control` and
    /// `Expires` as RFC 9111 reads them. Many servers send `no-cache` with every page that they generate, which gives zero;
    /// RFC 9309 leaves it to the crawler (MAY) to heed that, or to spare both sides the fetch before each page.
    #[must_use]
    pub fn fresh_for(&self) -> Duration {
        let stated = match self.outcome {
            Outcome::Response {
                status: 429 | 500..=599,
                ..
            } => retry_after(self.headers),
            Outcome::Response { .. } => lifetime(self.headers),
            Outcome::Unreachable => None,
        };
        let fresh_for = stated.map_or(MAX_AGE, |stated| stated.min(MAX_AGE));
        fresh_for.saturating_sub(self.age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh_for(status: u16, headers: &[HeaderField<'_>], age: u64) -> u64 {
        let fetch = Fetch {
            headers,
            age: Duration::from_secs(age),
            ..Fetch::response(status, b"")
        };
        fetch.fresh_for().as_secs()
    }

    /// RFC 9309, section 2.4: "Crawlers MAY use standard cache control as defined in RFC 9111. Crawlers SHOULD NOT use the
    /// cached version for more than 24 hours".
    #[test]
    fn headers_shorten_a_day_and_never_lengthen_it() {
        for status in [200, 301, 304, 404] {
            assert_eq!(fresh_for(status, &[], 0), 86400);
            assert_eq!(
                fresh_for(status, &[("Cache-Control", "max-age=600")], 100),
                500
            );
            assert_eq!(
                fresh_for(status, &[("Cache-Control", "max-age=600")], 700),
                0
            );
            assert_eq!(
                fresh_for(status, &[("Cache-Control", "max-age=604800")], 0),
                86400
            );
            assert_eq!(fresh_for(status, &[("Retry-After", "60")], 0), 86400);
        }
    }

    /// RFC 9110, section 10.2.3, and RFC 6585, section 4: what says "later" says when.
    #[test]
    fn a_server_in_need_says_when_to_ask_again() {
        for status in [429, 500, 503] {
            assert_eq!(fresh_for(status, &[("retry-after", "60")], 0), 60);
            assert_eq!(fresh_for(status, &[("retry-after", "604800")], 0), 86400);
            assert_eq!(
                fresh_for(status, &[("Cache-Control", "no-store")], 0),
                86400
            );
        }
        let nobody = Fetch {
            headers: &[("Retry-After", "60")],
            ..Fetch::unreachable()
        };
        assert_eq!(nobody.fresh_for(), MAX_AGE);
    }
}
