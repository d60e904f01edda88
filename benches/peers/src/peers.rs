//! The peers, each asked in the way that costs it least.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

use crawlrank_robots::{RobotsTxt, UrlPath};

/// What one file took.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Until the first URL can be asked, in nanoseconds.
    pub ready: f64,
    /// All URLs of the file once, right after.
    pub once: f64,
    /// All URLs of the file, mean of the repetitions; 0 without any.
    pub repeated: f64,
    /// Bit n: URL n is allowed.
    pub allowed: u16,
    /// The file was rejected.
    pub rejected: bool,
}

impl Sample {
    fn rejected(start: Instant) -> Self {
        Self {
            ready: since(start),
            rejected: true,
            ..Self::default()
        }
    }
}

/// Everything there is to do with one file and one agent.
pub struct Peer {
    pub name: &'static str,
    pub sample: fn(body: &[u8], agent: &str, urls: &[String], repeats: u32) -> Sample,
}

/// Ours comes first.
pub const PEERS: [Peer; 6] = [
    Peer {
        name: "**crawlrank**",
        sample: |body, agent, urls, repeats| {
            let start = Instant::now();
            let robots = RobotsTxt::parse(body);
            let rules = robots.agent(agent);
            ask(start, urls, repeats, |url| rules.allowed(url))
        },
    },
    Peer {
        name: "fast-robots",
        sample: |body, agent, urls, repeats| {
            let start = Instant::now();
            let Ok(robots) = fast_robots::RobotsTxt::parse_bytes(body) else {
                return Sample::rejected(start);
            };
            ask(start, urls, repeats, |url| {
                robots.is_allowed(agent, &path_of(url))
            })
        },
    },
    Peer {
        name: "fast-robots `matcher`",
        sample: |body, agent, urls, repeats| {
            let start = Instant::now();
            let Ok(robots) = fast_robots::RobotsTxt::parse_bytes(body) else {
                return Sample::rejected(start);
            };
            let matcher = robots.matcher();
            ask(start, urls, repeats, |url| {
                matcher.is_allowed(agent, &path_of(url))
            })
        },
    },
    Peer {
        name: "robotxt",
        sample: |body, agent, urls, repeats| {
            let start = Instant::now();
            let robots = robotxt::Robots::parse(body, agent);
            ask(start, urls, repeats, |url| robots.is_allowed(&path_of(url)))
        },
    },
    Peer {
        name: "texting_robots",
        sample: |body, agent, urls, repeats| {
            let start = Instant::now();
            let Ok(robot) = texting_robots::Robot::new(agent, body) else {
                return Sample::rejected(start);
            };
            ask(start, urls, repeats, |url| robot.allowed(url))
        },
    },
    Peer {
        name: "robotstxt",
        sample: |body, agent, urls, repeats| {
            let start = Instant::now();
            let text = String::from_utf8_lossy(body);
            ask(start, urls, repeats, |url| {
                robotstxt::DefaultMatcher::default().one_agent_allowed_by_robots(&text, agent, url)
            })
        },
    },
];

/// Nanoseconds until a file is parsed so that every agent could be asked for; dropping it is not counted.
pub struct Parser {
    pub name: &'static str,
    pub parse: fn(body: &[u8]) -> f64,
}

pub const PARSERS: [Parser; 3] = [
    Parser {
        name: "**crawlrank**",
        parse: |body| {
            let start = Instant::now();
            let _robots = black_box(RobotsTxt::parse(black_box(body)));
            since(start)
        },
    },
    Parser {
        name: "fast-robots",
        parse: |body| {
            let start = Instant::now();
            let _robots = black_box(fast_robots::RobotsTxt::parse_bytes(black_box(body)));
            since(start)
        },
    },
    Parser {
        name: "robotstxt, nothing kept",
        parse: |body| {
            let start = Instant::now();
            let text = String::from_utf8_lossy(black_box(body));
            let mut lines = Lines(0);
            robotstxt::parse_robotstxt(&text, &mut lines);
            black_box(lines.0);
            since(start)
        },
    },
];

/// The least that can be done with what robotstxt reads.
struct Lines(u32);

impl robotstxt::RobotsParseHandler for Lines {
    fn handle_robots_start(&mut self) {}
    fn handle_robots_end(&mut self) {}
    fn handle_user_agent(&mut self, line: u32, _: &str) {
        self.0 ^= line;
    }
    fn handle_allow(&mut self, line: u32, _: &str) {
        self.0 ^= line;
    }
    fn handle_disallow(&mut self, line: u32, _: &str) {
        self.0 ^= line;
    }
    fn handle_sitemap(&mut self, line: u32, _: &str) {
        self.0 ^= line;
    }
    fn handle_unknown_action(&mut self, line: u32, _: &str, _: &str) {
        self.0 ^= line;
    }
}

/// From the bytes of a file to the decisions of every agent on every URL.
pub struct Census {
    pub name: &'static str,
    /// Too slow to be given more than every fourth file.
    pub slow: bool,
    pub count: Count,
}

/// Nanoseconds and the number of allowed pairs.
type Count = fn(body: &[u8], agents: &[&str], urls: &[String]) -> (f64, usize);

pub const CENSUSES: [Census; 5] = [
    Census {
        name: "**crawlrank**",
        slow: false,
        count: |body, agents, urls| {
            let start = Instant::now();
            let robots = RobotsTxt::parse(body);
            let rules = robots.agents(agents);
            let (mut allowed, mut answers) = (0, Vec::new());
            for url in urls {
                rules.allows_each(&UrlPath::new(black_box(url)), &mut answers);
                allowed += answers.iter().filter(|&&answer| answer).count();
            }
            (since(start), allowed)
        },
    },
    Census {
        name: "fast-robots",
        slow: false,
        count: |body, agents, urls| {
            let start = Instant::now();
            let Ok(robots) = fast_robots::RobotsTxt::parse_bytes(body) else {
                return (since(start), 0);
            };
            let allowed = pairs(agents, urls, |agent, path| robots.is_allowed(agent, path));
            (since(start), allowed)
        },
    },
    Census {
        name: "fast-robots `matcher`",
        slow: false,
        count: |body, agents, urls| {
            let start = Instant::now();
            let Ok(robots) = fast_robots::RobotsTxt::parse_bytes(body) else {
                return (since(start), 0);
            };
            let matcher = robots.matcher();
            let allowed = pairs(agents, urls, |agent, path| matcher.is_allowed(agent, path));
            (since(start), allowed)
        },
    },
    Census {
        name: "robotxt",
        slow: false,
        count: |body, agents, urls| {
            let start = Instant::now();
            let paths: Vec<_> = urls.iter().map(|url| path_of(black_box(url))).collect();
            let mut allowed = 0;
            for agent in agents {
                let robots = robotxt::Robots::parse(body, *agent);
                allowed += paths.iter().filter(|path| robots.is_allowed(path)).count();
            }
            (since(start), allowed)
        },
    },
    Census {
        name: "texting_robots",
        slow: true,
        count: |body, agents, urls| {
            let start = Instant::now();
            let mut allowed = 0;
            for agent in agents {
                if let Ok(robot) = texting_robots::Robot::new(agent, body) {
                    allowed += urls
                        .iter()
                        .filter(|url| robot.allowed(black_box(url)))
                        .count();
                }
            }
            (since(start), allowed)
        },
    },
];

/// Agents that owners name when they mean AI and search.
pub const AGENTS: [&str; 25] = [
    "CCBot",
    "Googlebot",
    "Google-Extended",
    "GPTBot",
    "ChatGPT-User",
    "OAI-SearchBot",
    "ClaudeBot",
    "Claude-Web",
    "anthropic-ai",
    "PerplexityBot",
    "Perplexity-User",
    "Applebot",
    "Applebot-Extended",
    "Amazonbot",
    "Bytespider",
    "FacebookBot",
    "meta-externalagent",
    "cohere-ai",
    "Diffbot",
    "ImagesiftBot",
    "Timpibot",
    "bingbot",
    "DuckDuckBot",
    "YandexBot",
    "Baiduspider",
];

fn ask(start: Instant, urls: &[String], repeats: u32, allowed: impl Fn(&str) -> bool) -> Sample {
    let ready = since(start);
    let mut sample = Sample {
        ready,
        ..Sample::default()
    };
    let round = Instant::now();
    for (n, url) in urls.iter().enumerate() {
        sample.allowed |= u16::from(allowed(black_box(url))) << n;
    }
    sample.once = since(round);
    if repeats > 0 {
        let round = Instant::now();
        for _ in 0..repeats {
            for url in urls {
                black_box(allowed(black_box(url)));
            }
        }
        sample.repeated = since(round) / f64::from(repeats);
    }
    sample
}

fn pairs(agents: &[&str], urls: &[String], allowed: impl Fn(&str, &str) -> bool) -> usize {
    let allowed_by = |path: &str| agents.iter().filter(|agent| allowed(agent, path)).count();
    urls.iter()
        .map(|url| allowed_by(&path_of(black_box(url))))
        .sum()
}

/// Path and query of a URL, for peers that want no more; copied only if the path is missing.
fn path_of(url: &str) -> Cow<'_, str> {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[after_scheme..];
    match rest.find(['/', '?']) {
        Some(at) if rest.as_bytes()[at] == b'/' => Cow::Borrowed(&rest[at..]),
        Some(at) => Cow::Owned(format!("/{}", &rest[at..])),
        None => Cow::Borrowed("/"),
    }
}

pub fn since(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}
