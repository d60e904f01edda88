//! Real files, where the project's data folder is at hand: what four other parsers agree on, and what the reference says.

mod reference;

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use crawlrank_robots::{RobotsTxt, UrlPath};
use reference::Options;
use serde_json::Value;

/// Decisions that other parsers agree on and that we make differently: file, agent, URL, and why.
const KNOWN: [(&str, &str, &str, &str); 0] = [];

/// Agents that real files name, with and without digits, and one that they do not.
const AGENTS: [&str; 5] = [
    "CCBot",
    "Googlebot",
    "MJ12bot",
    "AhrefsBot/7.0",
    "nobody-at-all",
];

fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/robots");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no test data at {}", path.display());
    None
}

fn read(data: &Path, name: &str) -> Vec<Value> {
    let path = data.join(format!("robots_{name}.jsonl.zst"));
    let file = std::fs::File::open(path).expect("the file opens");
    let bytes = zstd::stream::Decoder::new(file).expect("a decoder");
    std::io::BufReader::new(bytes)
        .lines()
        .map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"))
        .collect()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().expect("a text")
}

/// A real file, and the URLs to ask of it.
struct File {
    body: Vec<u8>,
    urls: Vec<String>,
}

/// The files by id.
fn files(data: &Path) -> HashMap<String, File> {
    let mut files = HashMap::new();
    for value in read(data, "corpus") {
        let body = match value["robots_txt"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => from_base64(text(&value, "robots_b64")),
        };
        let urls = Vec::new();
        files.insert(text(&value, "id").to_owned(), File { body, urls });
    }
    for value in read(data, "urls") {
        let urls = value["urls"].as_array().expect("a list");
        let urls = urls
            .iter()
            .map(|url| url.as_str().expect("a text").to_owned());
        let file = files.get_mut(text(&value, "id")).expect("a known file");
        file.urls = urls.collect();
    }
    files
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four
            .iter()
            .fold(0_u32, |bits, &byte| bits << 6 | u32::from(digit(byte)));
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[test]
fn decisions_are_those_that_others_agree_on() {
    let Some(data) = data() else { return };
    let files = files(&data);
    let (mut agreed, mut wrong) = (0, Vec::new());
    for decisions in read(&data, "decisions") {
        let (id, agent) = (text(&decisions, "id"), text(&decisions, "agent"));
        let robots = RobotsTxt::parse(&files[id].body);
        let rules = robots.agent(agent);
        let answers = text(&decisions, "allowed").bytes();
        let is_agreed = text(&decisions, "agreed").bytes();
        for ((url, allowed), is_agreed) in files[id].urls.iter().zip(answers).zip(is_agreed) {
            if is_agreed != b'1' {
                continue;
            }
            agreed += 1;
            if rules.allowed(url) != (allowed == b'1') {
                wrong.push((id.to_owned(), agent.to_owned(), url.clone()));
            }
        }
    }
    let unknown: Vec<_> = wrong
        .iter()
        .filter(|(id, agent, url)| {
            !KNOWN
                .iter()
                .any(|known| (known.0, known.1, known.2) == (id, agent, url))
        })
        .collect();
    assert!(agreed > 200_000, "{agreed} decisions");
    assert!(unknown.is_empty(), "of {agreed}: {unknown:#?}");
    assert!(wrong.len() <= agreed / 100_000, "of {agreed}: {wrong:#?}");
}

#[test]
fn files_are_as_the_reference_says() {
    let Some(data) = data() else { return };
    let files = files(&data);
    let options = Options::default();
    for (id, File { body, urls }) in &files {
        let robots = RobotsTxt::parse(body);
        let together = robots.agents(&AGENTS);
        let sitemaps: Vec<_> = robots.sitemaps().map(|url| url.into_owned()).collect();
        let expected: Vec<_> = reference::sitemaps(body, &options)
            .iter()
            .map(|url| String::from_utf8_lossy(url).into_owned())
            .collect();
        assert_eq!(sitemaps, expected, "{id}");
        let groups = reference::groups(body, &options);
        assert_eq!(robots.num_groups(), groups.len(), "{id}");
        for (index, agent) in AGENTS.into_iter().enumerate() {
            let groups = reference::groups_of(&groups, agent);
            let rules = robots.agent(agent);
            let delay = reference::crawl_delay_among(&groups);
            assert_eq!(rules.crawl_delay(), delay, "{id} {agent}");
            for url in urls {
                let expected = reference::decide_among(&groups, &options, url.as_bytes());
                let decision = rules.explain(url);
                let allowed = (
                    decision.allowed,
                    rules.allowed(url),
                    together.allows(index, &UrlPath::new(url)),
                );
                let all = (expected.allowed, expected.allowed, expected.allowed);
                assert_eq!(allowed, all, "{id} {agent} {url}");
                let by = decision
                    .rule
                    .map(|rule| (rule.line, rule.text, rule.octets));
                let expected = expected.rule.map(|rule| {
                    let text = String::from_utf8_lossy(&rule.text).into_owned();
                    (rule.line, text, rule.octets)
                });
                assert_eq!(by, expected, "{id} {agent} {url}");
            }
        }
    }
}

#[test]
fn forms_of_files_answer_as_the_files() {
    let Some(data) = data() else { return };
    let files = files(&data);
    for (id, File { body, urls }) in &files {
        let robots = RobotsTxt::parse(body);
        let form = robots.to_bytes();
        let again = RobotsTxt::from_bytes(&form).expect("our own form");
        for agent in ["CCBot", "Googlebot"] {
            let (rules, again) = (robots.agent(agent), again.agent(agent));
            for url in urls {
                assert_eq!(again.explain(url), rules.explain(url), "{id} {agent} {url}");
            }
        }
        assert_eq!(again.warnings(), robots.warnings(), "{id}");
        assert_eq!(again.num_rules(), robots.num_rules(), "{id}");
    }
}
