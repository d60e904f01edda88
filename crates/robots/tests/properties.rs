//! Laws, on generated files: the crate is the reference, forms of a file answer alike, nothing panics.

mod reference;

use crawlrank_robots::{ParseOptions, RobotsTxt, UrlPath};
use proptest::prelude::*;
use reference::Options;

/// A file whose failures can be read.
#[derive(Clone)]
struct File(Vec<u8>);

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

const AGENTS: [&str; 10] = ["a", "B", "ab", "a-b", "a2", "a/1", "", "*", "A_", "b.c (x)"];

/// Pieces of patterns and URLs: few, so that they meet.
fn piece() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => prop::sample::select(vec!["/", "a", "b", "*", "$"]),
        1 => prop::sample::select(vec![
            "%2A", "%2a", "%24", "%2F", "%2f", "%61", "%62", "%", "%2", "%E3", "é", "ツ", "%C3%A9", "?", "=", "&", ";",
            "~", "%7E", "|", "\\", ":", "abababab", "/index.html", "/index.htm", "index", " ", "\t", "%20", "\u{1}",
            "://", "robots.txt", "/robots.txt",
        ]),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    (
        prop::bool::weighted(0.9),
        prop::collection::vec(piece(), 0..8),
    )
        .prop_map(|(is_path, pieces)| {
            let start = if is_path { "/" } else { "" };
            format!("{start}{}", pieces.concat())
        })
}

fn url() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec![
        "/",
        "/",
        "/",
        "/",
        "https://h.example/",
        "http://h",
        "h.example",
        "//h/",
        "",
    ]);
    let end = prop::sample::select(vec!["", "", "", "#", "#/a", "#?a://b/c"]);
    (start, prop::collection::vec(piece(), 0..12), end)
        .prop_map(|(start, pieces, end)| format!("{start}{}{end}", pieces.concat()))
}

fn agent_value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["*", "a", "b", "ab", "A-B", "a2", "A", "b.c"]).prop_map(str::to_owned),
        1 => "[ab2*/ ._-]{0,5}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let rule = prop::sample::select(vec![
        "Disallow",
        "Allow",
        "Disallow",
        "Allow",
        "disallow",
        "ALLOW",
        "disalow",
        "Disallows",
        "Disallow ",
    ]);
    let agent = prop::sample::select(vec!["User-agent", "user-agent", "useragent", "User agent"]);
    let other = prop::sample::select(vec![
        "",
        "# comment",
        "Sitemap: https://h/s.xml",
        "sitemap https://h/t.xml",
        "site-map: x",
        "Sitemap:",
        "Crawl-delay: 2",
        "Crawl-delay: x",
        "crawl-delay 0.5",
        "Crawl delay: 1e1",
        "Host: h",
        "Noindex: /a",
        "Content-Usage: train-ai=n",
        "Content-Signal: search=no",
        "word",
        "two words",
        ": x",
        "Disallow",
        "User-agent",
        "Allow : /a # b",
        "\0",
        "Disallow: /a\0b",
        "Disallow",
        "\u{b}Disallow: /b\u{c}",
    ]);
    let sign = prop::sample::select(vec![": ", ":", " : ", ": ", ":\t", " ", "\t"]);
    prop_oneof![
        4 => (rule, sign.clone(), pattern()).prop_map(|(name, sign, value)| format!("{name}{sign}{value}")),
        3 => (agent, sign, agent_value()).prop_map(|(name, sign, value)| format!("{name}{sign}{value}")),
        2 => other.prop_map(str::to_owned),
    ]
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(line(), 0..14)
}

fn file() -> impl Strategy<Value = File> {
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r", "\n\r", "\n\n"]);
    let start = prop::sample::select(vec![
        b"".as_slice(),
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xef",
        b"\n",
    ]);
    (start, prop::collection::vec((line(), end), 0..14)).prop_map(|(start, lines)| {
        let mut bytes = start.to_vec();
        for (line, end) in lines {
            bytes.extend(line.bytes());
            bytes.extend(end.bytes());
        }
        File(bytes)
    })
}

fn options() -> impl Strategy<Value = Options> {
    (
        prop_oneof![3 => Just(500 * 1024), 1 => 0..200_usize],
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(max_bytes, leniencies, content_usage_is_rule)| Options {
            max_bytes,
            leniencies,
            content_usage_is_rule,
        })
}

fn parse<'a>(body: &'a [u8], options: &Options) -> RobotsTxt<'a> {
    RobotsTxt::parse_with(
        body,
        &ParseOptions {
            max_bytes: options.max_bytes,
            leniencies: options.leniencies,
            content_usage_is_rule: options.content_usage_is_rule,
        },
    )
}

/// The crate says of a file what the reference says.
fn agrees(body: &[u8], options: &Options, urls: &[String]) -> Result<(), TestCaseError> {
    let robots = parse(body, options);
    let groups = reference::groups(body, options);
    for agent in AGENTS {
        let own = reference::groups_of(&groups, agent);
        let rules = robots.agent(agent);
        for url in urls {
            let expected = reference::decide_among(&own, options, url.as_bytes());
            let actual = rules.explain(url);
            prop_assert_eq!(rules.allowed(url), expected.allowed, "{} {}", agent, url);
            prop_assert_eq!(actual.allowed, expected.allowed, "{} {}", agent, url);
            let of_crate = actual
                .rule
                .map(|rule| (rule.line, rule.text, rule.octets, rule.allow));
            let of_reference = expected.rule.map(|rule| {
                let text = String::from_utf8_lossy(&rule.text).into_owned();
                (rule.line, text, rule.octets, rule.allow)
            });
            prop_assert_eq!(of_crate, of_reference, "{} {}", agent, url);
        }
        let delay = reference::crawl_delay_among(&own);
        prop_assert_eq!(rules.crawl_delay(), delay, "{}", agent);
    }
    let sitemaps: Vec<_> = robots.sitemaps().map(|url| url.into_owned()).collect();
    let expected: Vec<_> = reference::sitemaps(body, options)
        .iter()
        .map(|url| String::from_utf8_lossy(url).into_owned())
        .collect();
    prop_assert_eq!(sitemaps, expected);
    prop_assert_eq!(robots.num_groups(), groups.len());
    Ok(())
}

/// All that a file answers about some URLs.
fn answers(robots: &RobotsTxt<'_>, urls: &[String]) -> Vec<String> {
    let mut answers = Vec::new();
    for agent in AGENTS {
        let rules = robots.agent(agent);
        answers.push(format!(
            "{agent}: {:?} {:?} {:?} {:?}",
            rules.crawl_delay(),
            rules.request_rate(),
            rules.content_signal(),
            rules.is_named(),
        ));
        for url in urls {
            answers.push(format!(
                "{agent} {url}: {} {:?} {:?}",
                rules.allowed(url),
                rules.explain(url),
                rules.content_usage(url)
            ));
        }
    }
    answers.push(format!("{:?}", robots.sitemaps().collect::<Vec<_>>()));
    answers.push(format!("{:?}", robots.clean_params().collect::<Vec<_>>()));
    answers.push(format!("{:?} {:?}", robots.host(), robots.warnings()));
    answers.push(format!("{} {}", robots.num_groups(), robots.num_rules()));
    answers.push(format!("{} {}", robots.is_html(), robots.is_truncated()));
    answers
}

/// Only what is allowed, which no way of writing a file may change.
fn decisions(robots: &RobotsTxt<'_>, urls: &[String]) -> Vec<bool> {
    let of_agent = |agent| {
        let rules = robots.agent(agent);
        urls.iter()
            .map(|url| rules.allowed(url))
            .collect::<Vec<_>>()
    };
    AGENTS.into_iter().flat_map(of_agent).collect()
}

fn urls() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(url(), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_are_as_the_reference_says(File(body) in file(), options in options(), urls in urls()) {
        agrees(&body, &options, &urls)?;
    }

    #[test]
    fn bytes_are_as_the_reference_says(body in prop::collection::vec(any::<u8>(), 0..400), urls in urls()) {
        agrees(&body, &Options::default(), &urls)?;
    }

    #[test]
    fn torn_files_are_as_the_reference_says(
        File(body) in file(), from in any::<prop::sample::Index>(), replaced in any::<prop::sample::Index>(), byte in any::<u8>(), urls in urls(),
    ) {
        let mut body = body;
        if !body.is_empty() {
            let at = replaced.index(body.len());
            body[at] = byte;
            body.drain(..from.index(body.len()) / 4);
        }
        agrees(&body, &Options::default(), &urls)?;
    }

    #[test]
    fn a_pattern_matches_what_the_reference_matches(pattern in pattern(), url in url()) {
        let file = format!("User-agent: *\nDisallow: {pattern}");
        let path = reference::canonical_path(url.as_bytes());
        let is_denied = !pattern.trim().is_empty() && path != b"/robots.txt" && reference::matches(pattern.trim().as_bytes(), &path);
        prop_assert_eq!(!RobotsTxt::parse(file.as_bytes()).agent("x").allowed(&url), is_denied);
    }

    #[test]
    fn paths_are_canonical(url in url()) {
        let path = UrlPath::new(&url);
        let expected = reference::canonical_path(url.as_bytes());
        prop_assert_eq!(path.as_bytes(), expected.as_slice());
    }

    #[test]
    fn a_path_asked_of_many_is_the_url(File(body) in file(), urls in urls()) {
        let robots = RobotsTxt::parse(&body);
        for agent in AGENTS {
            let (rules, alone) = (robots.agent(agent), robots.agent(agent).into_rules());
            prop_assert_eq!(alone.crawl_delay(), rules.crawl_delay());
            for url in &urls {
                let path = UrlPath::new(url);
                prop_assert_eq!(rules.allows(&path), rules.allowed(url));
                prop_assert_eq!(alone.allows(&path), rules.allowed(url));
                prop_assert_eq!(alone.allowed(url), rules.allowed(url));
            }
        }
    }

    #[test]
    fn agents_together_are_as_each_alone(
        File(body) in file(), urls in urls(),
        agents in prop::collection::vec(prop::sample::select(AGENTS.to_vec()), 0..140),
    ) {
        let robots = RobotsTxt::parse(&body);
        let together = robots.agents(&agents);
        prop_assert_eq!(together.len(), agents.len());
        for (index, agent) in agents.iter().enumerate() {
            let alone = robots.agent(agent);
            prop_assert_eq!(together.get(index).crawl_delay(), alone.crawl_delay());
            for url in &urls {
                prop_assert_eq!(together.allowed(index, url), alone.allowed(url), "{} {}", agent, url);
                prop_assert_eq!(together.allows(index, &UrlPath::new(url)), alone.allowed(url), "{} {}", agent, url);
            }
        }
    }

    #[test]
    fn a_form_answers_as_its_file(File(body) in file(), options in options(), urls in urls()) {
        let robots = parse(&body, &options);
        let form = robots.to_bytes();
        let again = RobotsTxt::from_bytes(&form).expect("our own form");
        prop_assert_eq!(answers(&again, &urls), answers(&robots, &urls));
        prop_assert_eq!(again.to_bytes(), form.clone());
        let owned = robots.clone().into_owned();
        prop_assert_eq!(answers(&owned, &urls), answers(&robots, &urls));
    }

    #[test]
    fn a_damaged_form_is_refused_or_answers(
        File(body) in file(), options in options(), urls in urls(),
        at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<prop::sample::Index>(),
    ) {
        let form = parse(&body, &options).to_bytes();
        let mut flipped = form.clone();
        flipped[at.index(form.len())] ^= flip;
        let longer = [&form[..], &[flip]].concat();
        for damaged in [&flipped[..], &form[..cut.index(form.len())], &longer] {
            if let Ok(robots) = RobotsTxt::from_bytes(damaged) {
                answers(&robots, &urls);
                prop_assert_eq!(robots.agents(&AGENTS).len(), AGENTS.len());
                let lines = robots.groups().map(|group| group.agents().count() + group.rules().count());
                prop_assert!(lines.sum::<usize>() <= damaged.len());
                prop_assert!(RobotsTxt::from_bytes(&robots.to_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn line_ends_are_alike(lines in lines(), urls in urls()) {
        let unix = lines.join("\n");
        let expected = answers(&RobotsTxt::parse(unix.as_bytes()), &urls);
        for end in ["\r\n", "\r"] {
            let other = lines.join(end);
            prop_assert_eq!(answers(&RobotsTxt::parse(other.as_bytes()), &urls), expected.clone());
        }
    }

    #[test]
    fn encodings_are_alike(lines in lines(), urls in urls()) {
        let text = lines.join("\n");
        let expected = answers(&RobotsTxt::parse(text.as_bytes()), &urls);
        let marked = format!("\u{feff}{text}");
        prop_assert_eq!(answers(&RobotsTxt::parse(marked.as_bytes()), &urls), expected.clone());
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let encoded: Vec<u8> = marked.encode_utf16().flat_map(to_bytes).collect();
            prop_assert_eq!(answers(&RobotsTxt::parse(&encoded), &urls), expected.clone());
        }
    }

    #[test]
    fn white_space_comments_and_other_records_change_nothing(lines in lines(), urls in urls()) {
        let robots = lines.join("\n");
        let spaced: String = lines.iter().map(|line| format!("\t {line} \n\n# x: y\nUnknown: z\n")).collect();
        let expected = decisions(&RobotsTxt::parse(robots.as_bytes()), &urls);
        prop_assert_eq!(decisions(&RobotsTxt::parse(spaced.as_bytes()), &urls), expected);
    }

    #[test]
    fn the_order_of_rules_changes_nothing(
        rules in prop::collection::vec((any::<bool>(), pattern()), 0..12).prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        urls in urls(),
    ) {
        let file = |rules: &[(bool, String)]| {
            let lines = rules.iter().map(|(allow, pattern)| format!("{}: {pattern}\n", if *allow { "Allow" } else { "Disallow" }));
            format!("User-agent: *\n{}", lines.collect::<String>())
        };
        let (before, after) = (file(&rules.0), file(&rules.1));
        prop_assert_eq!(decisions(&RobotsTxt::parse(after.as_bytes()), &urls), decisions(&RobotsTxt::parse(before.as_bytes()), &urls));
    }

    #[test]
    fn groups_of_others_change_nothing(body in lines(), rules in prop::collection::vec(pattern(), 0..6), urls in urls()) {
        let before = body.join("\n");
        let others: String = rules.iter().map(|pattern| format!("Disallow: {pattern}\n")).collect();
        let after = format!("{before}\nDisallow:\nUser-agent: somebody-else\n{others}");
        let before = format!("{before}\nDisallow:\n");
        prop_assert_eq!(decisions(&RobotsTxt::parse(after.as_bytes()), &urls), decisions(&RobotsTxt::parse(before.as_bytes()), &urls));
    }

    #[test]
    fn the_rule_that_is_named_decides(File(body) in file(), urls in urls()) {
        let robots = RobotsTxt::parse(&body);
        for agent in AGENTS {
            let rules = robots.agent(agent);
            for url in &urls {
                let decision = rules.explain(url);
                prop_assert_eq!(decision.allowed, rules.allowed(url));
                for beaten in &decision.beaten {
                    let rule = decision.rule.as_ref().expect("what is beaten has a winner");
                    prop_assert!((beaten.octets, beaten.allow) <= (rule.octets, rule.allow));
                }
            }
        }
    }
}
