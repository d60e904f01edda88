//! A crawler's cache: one entry a site, fetched again after a day, the old rules kept while a site does not answer
//! (RFC 9309, sections 2.3.1 and 2.4). The fetch is played by a function here; the clock, too.
//!
//! `cargo run -p crawlrank-robots --example cache`

use std::collections::HashMap;
use std::time::Duration;

use crawlrank_robots::{Access, AgentRules, Fetch, MAX_AGE, Outcome};

const AGENT: &str = "ExampleBot";

/// What the crawler keeps of a site: not the file, only its own rules of it.
enum Kept {
    Rules(AgentRules),
    AllowAll,
    DisallowAll,
}

impl Kept {
    fn new(access: &Access<'_>) -> Kept {
        match access {
            Access::Rules(robots) => Kept::Rules(robots.agent(AGENT).into_rules()),
            Access::AllowAll => Kept::AllowAll,
            Access::DisallowAll => Kept::DisallowAll,
        }
    }
}

struct Entry {
    kept: Kept,
    /// When the site last answered with anything but an error of its own, and when it was last asked.
    answered: Duration,
    asked: Duration,
}

#[derive(Default)]
struct Cache {
    sites: HashMap<String, Entry>,
}

impl Cache {
    /// Whether a path of a site may be fetched now; `fetch` gets the site's robots.txt when it must be asked again.
    fn allowed(
        &mut self,
        now: Duration,
        site: &str,
        path: &str,
        fetch: impl FnOnce() -> Option<(u16, Vec<u8>)>,
    ) -> bool {
        let known = self.sites.get(site);
        if known.is_none_or(|entry| now - entry.asked >= MAX_AGE) {
            let response = fetch();
            let is_error = !matches!(response, Some((status, _)) if status < 500 && status != 429);
            let unreachable_for = known.map_or(Duration::ZERO, |entry| now - entry.answered);
            let outcome = match &response {
                Some((status, body)) => Outcome::Response {
                    status: *status,
                    body,
                },
                None => Outcome::Unreachable,
            };
            let access = Access::from_fetch(&Fetch {
                outcome,
                unreachable_for,
                ..Fetch::unreachable()
            });
            // A site that fails keeps the rules that it had, until it has failed for so long that it counts as gone.
            let keep_old = matches!(access, Access::DisallowAll) && known.is_some();
            match self.sites.get_mut(site) {
                Some(entry) if keep_old => entry.asked = now,
                _ => {
                    let entry = Entry {
                        kept: Kept::new(&access),
                        answered: now,
                        asked: now,
                    };
                    let entry = if is_error {
                        Entry {
                            answered: now - unreachable_for,
                            ..entry
                        }
                    } else {
                        entry
                    };
                    self.sites.insert(site.to_owned(), entry);
                }
            }
        }
        match &self.sites[site].kept {
            Kept::Rules(rules) => rules.allowed(path),
            Kept::AllowAll => true,
            Kept::DisallowAll => false,
        }
    }
}

fn main() {
    let mut cache = Cache::default();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let file = b"User-agent: ExampleBot\nDisallow: /private\n".to_vec();
    let unasked = || unreachable!("the entry is fresh");

    let mut ask =
        |at: u64, what: &str, expected: bool, fetch: &dyn Fn() -> Option<(u16, Vec<u8>)>| {
            let allowed = cache.allowed(hours(at), "https://example.com", "/private/x", fetch);
            println!(
                "hour {at:>4}: {what}: {}",
                if allowed { "allowed" } else { "disallowed" }
            );
            assert_eq!(allowed, expected);
        };
    ask(0, "nobody answers", false, &|| None);
    ask(30, "still nobody", false, &|| Some((503, Vec::new())));
    ask(60, "the file comes", false, &|| Some((200, file.clone())));
    ask(61, "from the cache", false, &unasked);
    ask(100, "the file is gone", true, &|| Some((404, Vec::new())));
    ask(130, "the file is back", false, &|| {
        Some((200, file.clone()))
    });
    ask(160, "an error: the old rules stay", false, &|| {
        Some((500, Vec::new()))
    });
    ask(160 + 31 * 24, "errors for a month: no rules", true, &|| {
        Some((500, Vec::new()))
    });
}
