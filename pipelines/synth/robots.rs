//! Captures of robots.txt: mostly rules, often none, sometimes nonsense.

use std::io;

use serde::Serialize;

use super::World;
use super::clock;
use super::dice::{Dice, Purpose};
use super::page::ip_address;
use super::shard::{PageRecord, Written};
use super::warc::{Answer, Exchange, WarcWriter, new_ids};

/// What is known about one capture: a line of the shard's `.jsonl.gz`.
#[derive(Debug, Serialize)]
pub(super) struct RobotsTruth {
    host: String,
    url: String,
    status: u16,
    /// Length of the body.
    bytes: usize,
    /// RFC 9309, section 2.3.1: `rules`, `allow_all` or `disallow_all`; null for redirects.
    access: Option<&'static str>,
    /// Whether these agents may fetch `/`; null where nobody can say, as of noise.
    may_fetch: Option<MayFetch>,
    /// Rules; null where the body is hostile.
    rules: Option<usize>,
    /// What the group of `*` has.
    #[serde(flatten)]
    star: StarLines,
    sitemaps: Vec<String>,
}

/// Lines of the group of `*` that are no rules.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct StarLines {
    crawl_delay: Option<usize>,
    content_signal: Option<&'static str>,
    content_usage: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct MayFetch {
    #[serde(rename = "*")]
    any: bool,
    #[serde(rename = "CCBot")]
    ccbot: bool,
    #[serde(rename = "GPTBot")]
    gptbot: bool,
}

impl MayFetch {
    fn all(allowed: bool) -> Self {
        Self {
            any: allowed,
            ccbot: allowed,
            gptbot: allowed,
        }
    }
}

/// Crawlers that train or feed language models, and the share of the sites with anything against them that
/// shut this one out: about what files of 2024 and 2025 say, of well-known sites and of others.
const AI_AGENTS: [(&str, f64); 14] = [
    ("GPTBot", 0.8),
    ("CCBot", 0.6),
    ("Google-Extended", 0.45),
    ("ClaudeBot", 0.4),
    ("anthropic-ai", 0.35),
    ("Bytespider", 0.3),
    ("Amazonbot", 0.3),
    ("PerplexityBot", 0.25),
    ("FacebookBot", 0.25),
    ("meta-externalagent", 0.25),
    ("Omgilibot", 0.2),
    ("Applebot-Extended", 0.2),
    ("cohere-ai", 0.15),
    ("Diffbot", 0.15),
];

const DISALLOWED: [&str; 12] = [
    "/wp-admin/",
    "/search",
    "/cgi-bin/",
    "/admin/",
    "/tmp/",
    "/*?s=",
    "/cart/",
    "/*.pdf$",
    "/private/",
    "/user/login",
    "/checkout/",
    "/*/feed/",
];

/// Writes one host's capture and says what is in it.
pub(super) fn capture(
    world: &World,
    writer: &mut WarcWriter,
    number: usize,
    mut each: impl FnMut(PageRecord, &[u8]) -> Written,
) -> io::Result<RobotsTruth> {
    let mut dice = Dice::new(world.seed, Purpose::Robots, number as u64);
    let name = world.hosts.name(world.hosts.crawled(number));
    let origin = format!(
        "{}://{name}",
        if dice.chance(0.85) { "https" } else { "http" }
    );
    let place = number as f64 / world.hosts.num_crawled() as f64;
    let file = robots_txt(&origin, name, place, &mut dice);
    let second = dice.below(10_800) as u32;
    let mut head = format!(
        "HTTP/1.1 {}\r\nDate: {}\r\nServer: nginx\r\nContent-Type: {}\r\n",
        file.status,
        clock::http(second),
        file.content_type
    );
    if let Some(location) = &file.location {
        head.push_str(&format!("Location: {location}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n", file.body.len()));
    let (ids, ip) = (new_ids(&mut dice), ip_address(&mut dice));
    let exchange = Exchange {
        ids: &ids,
        ip: &ip,
        second,
        origin: &origin,
        path: "/robots.txt",
    };
    let answer = Answer {
        head: &head,
        body: &file.body,
        truncated: false,
        http2: false,
        payload_type: if file.content_type.starts_with("text/html") {
            "text/html"
        } else {
            "text/x-robots"
        },
    };
    each(PageRecord::Request, writer.request(&exchange))?;
    each(PageRecord::Response, writer.response(&exchange, &answer))?;
    Ok(RobotsTruth {
        host: name.to_owned(),
        url: format!("{origin}/robots.txt"),
        status: file.status[..3]
            .parse()
            .expect("statuses begin with three digits"),
        bytes: file.body.len(),
        access: file.access,
        may_fetch: file.may_fetch,
        rules: file.rules,
        star: file.star,
        sitemaps: file.sitemaps,
    })
}

struct RobotsFile {
    status: &'static str,
    content_type: &'static str,
    location: Option<String>,
    body: Vec<u8>,
    access: Option<&'static str>,
    may_fetch: Option<MayFetch>,
    rules: Option<usize>,
    star: StarLines,
    sitemaps: Vec<String>,
}

/// A host's answer. `place` in `[0, 1)` is its place among the crawled hosts, popular ones first.
fn robots_txt(origin: &str, host: &str, place: f64, dice: &mut Dice) -> RobotsFile {
    let without_rules = |status, access, may_fetch, body: &str| RobotsFile {
        status,
        content_type: "text/html; charset=UTF-8",
        location: None,
        body: body.as_bytes().to_vec(),
        access,
        may_fetch,
        rules: Some(0),
        star: StarLines::default(),
        sitemaps: Vec::new(),
    };
    match dice.below(100) {
        0..=21 => without_rules(
            "404 Not Found",
            Some("allow_all"),
            Some(MayFetch::all(true)),
            NOT_FOUND,
        ),
        22..=24 => without_rules(
            "403 Forbidden",
            Some("allow_all"),
            Some(MayFetch::all(true)),
            "Forbidden\n",
        ),
        25 => without_rules(
            "500 Internal Server Error",
            Some("disallow_all"),
            Some(MayFetch::all(false)),
            "",
        ),
        26 => without_rules(
            "503 Service Unavailable",
            Some("disallow_all"),
            Some(MayFetch::all(false)),
            "Busy\n",
        ),
        27..=31 => {
            let location = match dice.below(3) {
                0 => format!("https://{host}/robots.txt/"),
                1 => "/robots.txt?moved=1".to_owned(),
                _ => format!(
                    "https://{}/robots.txt",
                    host.strip_prefix("www.").unwrap_or(host)
                ),
            };
            RobotsFile {
                location: Some(location),
                ..without_rules("301 Moved Permanently", None, None, "")
            }
        }
        // A start page in place of the file: no line of it is a rule.
        32..=34 => without_rules(
            "200 OK",
            Some("rules"),
            Some(MayFetch::all(true)),
            NOT_FOUND,
        ),
        35..=36 => {
            let (body, may_fetch) = hostile(dice);
            RobotsFile {
                content_type: "text/plain",
                body,
                rules: None,
                ..without_rules("200 OK", Some("rules"), may_fetch, "")
            }
        }
        _ => rules(origin, place, dice),
    }
}

const NOT_FOUND: &str = "<!DOCTYPE html>\n<html><head><title>Not found</title></head>\n<body><p>There is nothing here.</p></body></html>\n";

/// A limit that crawlers must keep: 500 KiB (RFC 9309, section 2.5).
const LIMIT: usize = 500 << 10;

/// Bodies that break naive parsers, and whom they let in.
fn hostile(dice: &mut Dice) -> (Vec<u8>, Option<MayFetch>) {
    let all = |allowed| Some(MayFetch::all(allowed));
    match dice.below(12) {
        // A NUL ends the line, and leaves `/`.
        0 => (
            "User-agent: *\nDisallow: /\0hidden\n\0\0\0".into(),
            all(false),
        ),
        1 => (
            b"User-agent: *\rDisallow: /cr-only\rUser-agent: CCBot\rDisallow: /".to_vec(),
            Some(MayFetch {
                ccbot: false,
                ..MayFetch::all(true)
            }),
        ),
        2 => {
            let text = "\u{feff}User-agent: *\r\nDisallow: /\r\n".encode_utf16();
            (text.flat_map(u16::to_le_bytes).collect(), all(false))
        }
        3 => (
            [
                b"User-agent: *\nDisallow: /".as_slice(),
                &[b'a'; 100_000],
                b"\n",
            ]
            .concat(),
            all(true),
        ),
        // What would shut everybody out lies behind the limit.
        4 => {
            let rule = "Disallow: /x\n";
            let mut text = "User-agent: *\n".to_owned() + &rule.repeat(LIMIT / rule.len());
            text.push_str("Disallow: /\n");
            (text.into_bytes(), all(true))
        }
        5 => (
            [
                b"User-agent: *\nDisallow: /".as_slice(),
                &b"*a".repeat(2_000),
                b"$\n",
            ]
            .concat(),
            all(true),
        ),
        6 => (
            b"Disallow: /before-any-agent\nUser-agent\nUser agent: *\nDisalow: /typo\n: nothing\n"
                .to_vec(),
            all(true),
        ),
        7 => (Vec::new(), all(true)),
        // As many wildcards as fit, in lines as long as they are read.
        8 => {
            let rule = [b"Disallow: /".as_slice(), &b"*a".repeat(8_000), b"b\n"].concat();
            let text = [
                b"User-agent: *\n".as_slice(),
                &rule.repeat((LIMIT - 20) / rule.len()),
            ];
            (text.concat(), all(true))
        }
        // More groups than most have lines; all of one agent count.
        9 => {
            let mut text: String = (0..10_000)
                .map(|number| format!("User-agent: bot-{number}\nDisallow: /{number}\n"))
                .collect();
            text.push_str("User-agent: gptbot\nAllow: /x\nUser-agent: GPTBot/1.0\nDisallow: /\n");
            let may_fetch = MayFetch {
                gptbot: false,
                ..MayFetch::all(true)
            };
            (text.into_bytes(), Some(may_fetch))
        }
        // A byte order mark cut short, Latin-1, terminal escapes.
        10 => (
            b"\xef\xbbUser-agent: *\nDisallow: /\xe9\x1b[31m\nSitemap:\n".to_vec(),
            all(true),
        ),
        _ => {
            let mut noise = vec![0; 2_000];
            dice.fill(&mut noise);
            (noise, None)
        }
    }
}

fn rules(origin: &str, place: f64, dice: &mut Dice) -> RobotsFile {
    let mut text = String::new();
    let mut may_fetch = MayFetch::all(true);
    if dice.chance(0.1) {
        text.push('\u{feff}');
    }
    if dice.chance(0.3) {
        text.push_str("# robots.txt, please be polite\n\n");
    }
    let star = group_for_all(&mut text, &mut may_fetch, dice);
    let mut sitemaps = Vec::new();
    if dice.chance(0.6) {
        for part in 0..dice.between(1, 3) {
            let sitemap = format!(
                "{origin}/sitemap{}.xml",
                if part == 0 {
                    String::new()
                } else {
                    format!("_{part}")
                }
            );
            text.push_str(&format!("Sitemap: {sitemap}\n"));
            sitemaps.push(sitemap);
        }
    }
    if dice.chance(chance_of_ai_groups(place)) {
        ai_groups(&mut text, &mut may_fetch, dice);
    }
    let is_rule = |line: &&str| line.starts_with("Disallow:") || line.starts_with("Allow:");
    let rules = text.lines().filter(is_rule).count();
    if dice.chance(0.15) {
        text = text.replace('\n', "\r\n");
    }
    RobotsFile {
        status: "200 OK",
        content_type: "text/plain; charset=utf-8",
        location: None,
        body: text.into_bytes(),
        access: Some("rules"),
        may_fetch: Some(may_fetch),
        rules: Some(rules),
        star,
        sitemaps,
    }
}

fn group_for_all(text: &mut String, may_fetch: &mut MayFetch, dice: &mut Dice) -> StarLines {
    let mut star = StarLines::default();
    text.push_str(dice.pick(&[
        "User-agent: *\n",
        "User-Agent: *\n",
        "user-agent:*\n",
        "User-agent: * # everybody\n",
    ]));
    if dice.chance(0.1) {
        text.push_str("Content-Signal: search=yes,ai-train=no\n");
        star.content_signal = Some("search=yes,ai-train=no");
    }
    if dice.chance(0.05) {
        text.push_str("Content-Usage: train-ai=n\n");
        star.content_usage = Some("train-ai=n");
    }
    match dice.below(20) {
        0 => {
            text.push_str("Disallow: /\n");
            *may_fetch = MayFetch::all(false);
        }
        1..=3 => text.push_str("Disallow:\n"),
        _ => {
            for _ in 0..dice.between(1, 14) {
                text.push_str(&format!("Disallow: {}\n", dice.pick(&DISALLOWED)));
            }
            if dice.chance(0.5) {
                text.push_str("Allow: /wp-admin/admin-ajax.php\n");
            }
        }
    }
    if dice.chance(0.12) {
        let delay = dice.between(1, 30);
        text.push_str(&format!("Crawl-delay: {delay}\n"));
        star.crawl_delay = Some(delay);
    }
    text.push('\n');
    star
}

/// Who is read most has most to give away: of the thousand best-known sites of 2024 23 % named a crawler
/// of language models, of others 9 %, and more do since. Products alone, so that all machines agree.
fn chance_of_ai_groups(place: f64) -> f64 {
    let popularity = (1.0 - place) * (1.0 - place) * (1.0 - place);
    0.1 + 0.6 * popularity
}

/// Groups that keep crawlers of language models out, one group for all or one for each. Every other list is
/// copied: a short one has the crawlers that everybody thinks of, a long one the others, too.
fn ai_groups(text: &mut String, may_fetch: &mut MayFetch, dice: &mut Dice) {
    let joined = dice.chance(0.4);
    let copied = dice.chance(0.5).then(|| dice.unit());
    let mut count = 0;
    for (agent, share) in AI_AGENTS {
        if copied.unwrap_or_else(|| dice.unit()) >= share {
            continue;
        }
        count += 1;
        let spelled = if dice.chance(0.2) {
            agent.to_lowercase()
        } else {
            agent.to_owned()
        };
        text.push_str(&format!("User-agent: {spelled}\n"));
        if !joined {
            text.push_str("Disallow: /\n\n");
        }
        match agent {
            "CCBot" => may_fetch.ccbot = false,
            "GPTBot" => may_fetch.gptbot = false,
            _ => {}
        }
    }
    if joined && count > 0 {
        text.push_str("Disallow: /\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popular_hosts_name_crawlers_of_language_models_more_often() {
        // Of a thousand files, how many shut GPTBot out by name.
        let by_name = |place| {
            let files = (0..1_000).map(|number| {
                let mut dice = Dice::new(1, Purpose::Robots, number);
                rules("https://a.example", place, &mut dice).may_fetch
            });
            let named = |may_fetch: &MayFetch| may_fetch.any && !may_fetch.gptbot;
            files.flatten().filter(named).count()
        };
        let (first, middle, last) = (by_name(0.0), by_name(0.5), by_name(0.99));
        assert!(
            first > 2 * middle && middle > last,
            "{first} {middle} {last}"
        );
        assert!(last > 30, "{last}");
    }
}
