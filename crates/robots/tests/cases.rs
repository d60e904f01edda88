//! What a robots.txt means, case by case: `tests/cases/README.md` has the format. The crate and the reference answer alike.

mod reference;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crawlrank_robots::{Access, ContentUse, Fetch, ParseOptions, RobotsTxt};
use reference::Options;

/// A robots.txt, and what is expected of it.
#[derive(Default)]
struct Case {
    title: String,
    body: Vec<u8>,
    options: Options,
    expectations: Vec<Expectation>,
}

struct Expectation {
    /// In the file of cases, from 1.
    line: usize,
    words: String,
}

/// Collects what went wrong, so that one run shows all.
#[derive(Default)]
struct Failures(String);

impl Failures {
    fn check<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, actual: T, expected: T) {
        if actual != expected {
            writeln!(self.0, "{place}: found {actual:?}, expected {expected:?}").expect("memory");
        }
    }
}

#[test]
fn examples_of_rfc_9309() {
    run("rfc9309.txt");
}

#[test]
fn rules() {
    run("rules.txt");
}

#[test]
fn agents() {
    run("agents.txt");
}

#[test]
fn lines() {
    run("lines.txt");
}

#[test]
fn encodings() {
    run("encodings.txt");
}

#[test]
fn urls() {
    run("urls.txt");
}

#[test]
fn extraction() {
    run("extraction.txt");
}

#[test]
fn warnings() {
    run("warnings.txt");
}

#[test]
fn access() {
    run("access.txt");
}

#[test]
fn no_file_of_cases_is_forgotten() {
    let source = include_str!("cases.rs");
    for entry in folder().read_dir().expect("the folder can be listed") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("plain names");
        assert!(
            !name.ends_with(".txt") || source.contains(&format!("run(\"{name}\")")),
            "no test runs cases/{name}"
        );
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn run(file: &str) {
    let text = std::fs::read_to_string(folder().join(file)).expect("the file can be read");
    let mut failures = Failures::default();
    let cases = parse(&text);
    assert!(!cases.is_empty(), "{file} has cases");
    for case in &cases {
        assert!(
            !case.expectations.is_empty(),
            "{file}: `{}` expects something",
            case.title
        );
        check(file, case, &mut failures);
    }
    assert!(failures.0.is_empty(), "\n{}", failures.0);
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut encoding = None;
    for (index, line) in text.lines().enumerate() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if first == "==" {
            finish(cases.last_mut(), encoding.take());
            cases.push(Case {
                title: rest.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        match first {
            ">" => {
                let (content, end) = match rest.strip_suffix('\\') {
                    Some(content) if !content.ends_with('\\') => (content, ""),
                    _ => (rest, "\n"),
                };
                case.body.extend(unescape(content));
                case.body.extend(end.as_bytes());
            }
            "as" => encoding = Some(rest.to_owned()),
            "option" => match rest.split_once(' ').unwrap_or((rest, "")) {
                ("strict", "") => case.options.leniencies = false,
                ("content-usage-is-rule", "") => case.options.content_usage_is_rule = true,
                ("max-bytes", bytes) => case.options.max_bytes = bytes.parse().expect("a number"),
                _ => panic!("line {}: no such option", index + 1),
            },
            "allow" | "deny" | "delay" | "rate" | "visit" | "sitemap" | "sitemaps" | "host"
            | "clean-param" | "signal" | "usage" | "warn" | "warnings" | "fetch" | "html"
            | "truncated" => {
                case.expectations.push(Expectation {
                    line: index + 1,
                    words: line.to_owned(),
                });
            }
            "" | "from" => {}
            _ => panic!("line {}: `{first}` is nothing to expect", index + 1),
        }
    }
    finish(cases.last_mut(), encoding);
    cases
}

/// Encodes the body of a case that asks for it.
fn finish(case: Option<&mut Case>, encoding: Option<String>) {
    let (Some(case), Some(encoding)) = (case, encoding) else {
        return;
    };
    let text = std::str::from_utf8(&case.body).expect("what is to be encoded is UTF-8");
    let to_bytes: fn(u16) -> [u8; 2] = match encoding.as_str() {
        "utf-16le" => u16::to_le_bytes,
        "utf-16be" => u16::to_be_bytes,
        _ => panic!("{encoding} is no encoding"),
    };
    case.body = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(to_bytes)
        .collect();
}

/// Resolves `\xHH`, `\r`, `\n`, `\t`, `\\` and `\{TEXT*TIMES}`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend(rest[..at].bytes());
        let escape = &rest[at + 1..];
        let length = match escape.as_bytes()[0] {
            b'x' => {
                bytes.push(u8::from_str_radix(&escape[1..3], 16).expect("two digits"));
                3
            }
            b'{' => {
                let end = escape.find('}').expect("a closing brace");
                let (piece, times) = escape[1..end].rsplit_once('*').expect("a number of times");
                bytes.extend(unescape(piece).repeat(times.parse().expect("a number")));
                end + 1
            }
            other => {
                let byte = match other {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'\\' => b'\\',
                    _ => panic!("`\\{}` is no escape", other as char),
                };
                bytes.push(byte);
                1
            }
        };
        rest = &escape[length..];
    }
    bytes.extend(rest.bytes());
    bytes
}

fn check(file: &str, case: &Case, failures: &mut Failures) {
    let (body, options) = (case.body.as_slice(), &case.options);
    let robots = RobotsTxt::parse_with(
        body,
        &ParseOptions {
            max_bytes: options.max_bytes,
            leniencies: options.leniencies,
            content_usage_is_rule: options.content_usage_is_rule,
        },
    );
    let lists = |word: &str| {
        let of_word = case.expectations.iter().filter_map(|expectation| {
            let (first, rest) = expectation.words.split_once(' ')?;
            (first == word).then(|| String::from_utf8(unescape(rest)).expect("UTF-8"))
        });
        of_word.collect::<Vec<_>>()
    };
    for expectation in &case.expectations {
        let place = |who: &str| {
            format!(
                "{file}:{} ({}), {who}: `{}`",
                expectation.line, case.title, expectation.words
            )
        };
        let crate_place = place("crate");
        let reference_place = place("reference");
        let mut words = expectation.words.split_ascii_whitespace();
        let what = words.next().expect("a word");
        let mut word = || {
            let word = unescape(words.next().unwrap_or_default());
            if word == b"\"\"" { Vec::new() } else { word }
        };
        match what {
            "allow" | "deny" => {
                let agent = String::from_utf8(word()).expect("agents are UTF-8");
                let url = word();
                let decided = reference::decide(body, options, &agent, &url);
                let agent = robots.agent(&agent);
                let explained = agent.explain(&url);
                failures.check(&crate_place, agent.allowed(&url), what == "allow");
                failures.check(&crate_place, explained.allowed, what == "allow");
                failures.check(&reference_place, decided.allowed, what == "allow");
                let Some((_, by)) = expectation.words.split_once(" by ") else {
                    continue;
                };
                let by = String::from_utf8(unescape(by)).expect("UTF-8");
                let by_crate = explained
                    .rule
                    .map(|rule| format!("{} {}", rule.line, rule.text));
                let by_reference = decided
                    .rule
                    .map(|rule| format!("{} {}", rule.line, String::from_utf8_lossy(&rule.text)));
                let or_nothing = |by: Option<String>| by.unwrap_or_else(|| "nothing".to_owned());
                failures.check(&crate_place, or_nothing(by_crate), by.clone());
                failures.check(&reference_place, or_nothing(by_reference), by);
            }
            "delay" => {
                let agent = String::from_utf8(word()).expect("agents are UTF-8");
                let seconds = String::from_utf8(word()).expect("a number");
                let delay = (seconds != "none")
                    .then(|| Duration::from_secs_f64(seconds.parse().expect("a number")));
                failures.check(&crate_place, robots.agent(&agent).crawl_delay(), delay);
                failures.check(
                    &reference_place,
                    reference::crawl_delay(body, options, &agent),
                    delay,
                );
            }
            "rate" => {
                let agent = String::from_utf8(word()).expect("agents are UTF-8");
                let expected = String::from_utf8(word()).expect("a rate");
                let rate = robots.agent(&agent).request_rate().map_or_else(
                    || "none".to_owned(),
                    |rate| format!("{}/{}", rate.requests, rate.period.as_secs_f64()),
                );
                failures.check(&crate_place, rate, expected);
            }
            "visit" => {
                let agent = String::from_utf8(word()).expect("agents are UTF-8");
                let expected = String::from_utf8(word()).expect("two times");
                let clock = |minute: u16| format!("{:02}{:02}", minute / 60, minute % 60);
                let visit = robots.agent(&agent).visit_time().map_or_else(
                    || "none".to_owned(),
                    |time| format!("{}-{}", clock(time.start_minute), clock(time.end_minute)),
                );
                failures.check(&crate_place, visit, expected);
            }
            "sitemap" | "sitemaps" => {
                let expected = lists("sitemap");
                let sitemaps: Vec<_> = robots.sitemaps().map(|url| url.into_owned()).collect();
                failures.check(&crate_place, sitemaps, expected.clone());
                let sitemaps: Vec<_> = reference::sitemaps(body, options)
                    .iter()
                    .map(|url| String::from_utf8_lossy(url).into_owned())
                    .collect();
                failures.check(&reference_place, sitemaps, expected);
            }
            "warn" | "warnings" => {
                let warnings: Vec<_> = robots
                    .warnings()
                    .iter()
                    .map(|warning| format!("{} {:?}", warning.line, warning.kind))
                    .collect();
                failures.check(&crate_place, warnings, lists("warn"));
            }
            "host" => {
                let host = robots.host().map(|host| host.into_owned());
                failures.check(&crate_place, host.as_ref(), lists("host").first());
            }
            "clean-param" => {
                let params: Vec<_> = robots
                    .clean_params()
                    .map(|text| text.into_owned())
                    .collect();
                failures.check(&crate_place, params, lists("clean-param"));
            }
            "signal" => {
                let agent = String::from_utf8(word()).expect("agents are UTF-8");
                let signal = robots.agent(&agent).content_signal();
                let expected = expectation.words.split_ascii_whitespace().skip(2);
                let yes_or_no = |name: &str, value: Option<bool>| {
                    value.map(|yes| format!("{name}={}", if yes { "yes" } else { "no" }))
                };
                let content_use = signal.content_use.map(|content_use| match content_use {
                    ContentUse::Immediate => "use=immediate".to_owned(),
                    ContentUse::Reference => "use=reference".to_owned(),
                    ContentUse::Full => "use=full".to_owned(),
                });
                let all = [
                    yes_or_no("search", signal.search),
                    yes_or_no("ai-input", signal.ai_input),
                    yes_or_no("ai-train", signal.ai_train),
                    content_use,
                ];
                failures.check(
                    &crate_place,
                    sorted_or_none(all.into_iter().flatten()),
                    sorted_or_none(expected.map(str::to_owned)),
                );
            }
            "usage" => {
                let agent = String::from_utf8(word()).expect("agents are UTF-8");
                let usage = robots.agent(&agent).content_usage(word());
                let expected = expectation.words.split_ascii_whitespace().skip(3);
                // Labels that are no categories of the vocabulary say nothing.
                let stated = usage
                    .iter()
                    .filter(|(name, _)| ["train-ai", "search"].contains(name))
                    .map(|(name, yes)| format!("{name}={}", if yes { "y" } else { "n" }));
                failures.check(
                    &crate_place,
                    sorted_or_none(stated),
                    sorted_or_none(expected.map(str::to_owned)),
                );
            }
            "fetch" => {
                let mut words = expectation.words.split_ascii_whitespace().skip(1);
                let mut fetch = match words.next().expect("a status") {
                    "unreachable" => Fetch::unreachable(),
                    status => Fetch::response(status.parse().expect("a status"), body),
                };
                let mut expected = "";
                for word in words {
                    match word.split_once('=') {
                        Some(("redirects", count)) => {
                            fetch.redirects = count.parse().expect("a number");
                        }
                        Some(("days", days)) => {
                            let days: u64 = days.parse().expect("a number");
                            fetch.unreachable_for = Duration::from_secs(days * 24 * 60 * 60);
                        }
                        _ => expected = word,
                    }
                }
                let access = Access::from_fetch(&fetch);
                failures.check(&crate_place, access.name(), expected);
                let is_allowed = match access.name() {
                    "rules" => reference::decide(body, options, "CCBot", b"/x").allowed,
                    name => name == "allow_all",
                };
                failures.check(&crate_place, access.allowed("CCBot", "/x"), is_allowed);
            }
            "html" => failures.check(&crate_place, robots.is_html(), word() == b"yes"),
            "truncated" => failures.check(&crate_place, robots.is_truncated(), word() == b"yes"),
            _ => unreachable!("parsed"),
        }
    }
}

fn sorted_or_none(words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<_> = words.collect();
    words.sort();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(" ")
    }
}
