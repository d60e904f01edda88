//! A crawler's cache: its own rules of each site, fetched again after a day, kept while a site does not answer
//! (RFC 9309, sections 2.3.1 and 2.4). The fetch is played by a function here; the clock, too.
//!
//! `cargo run -p crawlrank-robots --example cache`

use std::collections::HashMap;
use std::time::Duration;

use crawlrank_robots::{Access, AgentRules, Fetch, Outcome};

const AGENT: &str = "ExampleBot";

/// How soon a site that did not answer is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(3600);

struct Entry {
    /// The crawler's own rules: the file itself is not kept.
    rules: AgentRules,
    ask_again_at: Duration,
    /// Since when the site has not answered, if it does not.
    unreachable_since: Option<Duration>,
}

#[derive(Default)]
struct Cache {
    sites: HashMap<String, Entry>,
}

impl Cache {
    /// Whether a URL of a site may be fetched now. `fetch` gets the site's robots.txt, when it must be asked for: status
    /// and body of the response, and how many redirects led there.
    fn allowed(
        &mut self,
        now: Duration,
        site: &str,
        url: &str,
        fetch: impl FnOnce() -> Option<(u16, Vec<u8>, u32)>,
    ) -> bool {
        let known = self.sites.remove(site);
        let entry = match known {
            Some(entry) if now < entry.ask_again_at => entry,
            known => Cache::asked(now, known, fetch()),
        };
        let allowed = entry.rules.allowed(url);
        self.sites.insert(site.to_owned(), entry);
        allowed
    }

    fn asked(now: Duration, known: Option<Entry>, response: Option<(u16, Vec<u8>, u32)>) -> Entry {
        let unreachable_since = known.as_ref().and_then(|entry| entry.unreachable_since);
        let since = unreachable_since.unwrap_or(now);
        let (outcome, redirects) = match &response {
            Some((status, body, redirects)) => {
                let status = *status;
                (Outcome::Response { status, body }, *redirects)
            }
            None => (Outcome::Unreachable, 0),
        };
        let fetch = Fetch {
            outcome,
            headers: &[], // of the last response: they may ask for less than a day
            redirects,
            age: Duration::ZERO,
            unreachable_for: now - since,
        };
        let access = Access::from_fetch(&fetch);
        match (access, known) {
            // A site that fails keeps the rules that it had, until it has failed for so long that it counts as gone.
            (Access::DisallowAll, known) => Entry {
                rules: known.map_or_else(AgentRules::disallow_all, |entry| entry.rules),
                ask_again_at: now + RETRY_AFTER,
                unreachable_since: Some(since),
            },
            (access, _) => Entry {
                rules: access.agent(AGENT),
                ask_again_at: now + fetch.fresh_for(),
                unreachable_since: None,
            },
        }
    }
}

fn main() {
    let mut cache = Cache::default();
    let file = || {
        Some((
            200,
            b"User-agent: ExampleBot\nDisallow: /private\n".to_vec(),
            1,
        ))
    };
    let status = |status: u16| move || Some((status, Vec::new(), 0));

    let mut ask =
        |hour: u64, what: &str, expected: bool, fetch: &dyn Fn() -> Option<(u16, Vec<u8>, u32)>| {
            let now = Duration::from_secs(hour * 3600);
            let allowed = cache.allowed(
                now,
                "https://example.com",
                "https://example.com/private/x",
                fetch,
            );
            println!(
                "hour {hour:>4}: {what}: {}",
                if allowed { "allowed" } else { "disallowed" }
            );
            assert_eq!(allowed, expected, "hour {hour}");
        };
    ask(0, "nobody answers", false, &|| None);
    ask(1, "still nobody", false, &status(503));
    ask(2, "the file comes", false, &file);
    ask(3, "from the cache", false, &|| {
        unreachable!("the entry is fresh")
    });
    ask(30, "the file is gone", true, &status(404));
    ask(60, "the file is back", false, &file);
    ask(
        60 + 40 * 24,
        "after a long silence, an error: the old rules stay",
        false,
        &status(500),
    );
    ask(60 + 41 * 24, "an error, a day later", false, &status(500));
    ask(
        60 + 71 * 24,
        "errors for more than a month: no rules",
        true,
        &status(500),
    );
}
