//! Files made to hurt: nothing is rejected, nothing panics, and the answers are right.
//!
//! How long they take is for `benches/`; here they are sized so that a parser that is quadratic, or worse, hangs.

mod reference;

use std::fmt::Write as _;

use crawlrank_robots::{MAX_BYTES, ParseOptions, RobotsTxt};
use reference::Options;

const LIMIT: usize = 500 * 1024;

/// Repeats lines of a group of `*` up to the limit.
fn filled(line: &str) -> String {
    let mut file = "User-agent: *\n".to_owned();
    while file.len() + line.len() < LIMIT {
        file.push_str(line);
    }
    file
}

fn unlimited() -> ParseOptions {
    ParseOptions {
        max_bytes: MAX_BYTES,
        ..ParseOptions::default()
    }
}

/// The crate and the reference decide alike, and by the same rule.
fn assert_as_reference(body: &[u8], urls: &[&str]) {
    let options = Options::default();
    let groups = reference::groups(body, &options);
    let groups = reference::groups_of(&groups, "CCBot");
    let robots = RobotsTxt::parse(body);
    let rules = robots.agent("CCBot");
    for url in urls {
        let expected = reference::decide_among(&groups, &options, url.as_bytes());
        let start = &url[..url.len().min(60)];
        assert_eq!(rules.allowed(url), expected.allowed, "{start}");
        let decision = rules.explain(url);
        assert_eq!(decision.allowed, expected.allowed, "{start}");
        assert_eq!(
            decision.rule.map(|rule| (rule.line, rule.octets)),
            expected.rule.map(|rule| (rule.line, rule.octets)),
            "{start}"
        );
    }
}

#[test]
fn one_line_of_stars_fills_the_file() {
    let file = format!("User-agent: *\nDisallow: /*{}*b$\n", "a*".repeat(250_000));
    // The line is cut at 16,663 bytes, the `b$` gone: any 8,325 letters satisfy it.
    let enough = format!("/{}", "a".repeat(8_400));
    let too_few = format!("/{}", "a".repeat(2_000));
    assert_as_reference(file.as_bytes(), &[&enough, &too_few]);
    let robots = RobotsTxt::parse(file.as_bytes());
    assert!(!robots.agent("CCBot").allowed(&enough));
    assert!(robots.agent("CCBot").allowed(&too_few));
}

#[test]
fn many_rules_of_stars() {
    let url = format!("/{}", "a".repeat(2_000));
    for pieces in [1_000, 40, 10, 3] {
        let line = format!("Disallow: /*{}b$\n", "a*".repeat(pieces));
        let file = filled(&line);
        let robots = RobotsTxt::parse(file.as_bytes());
        assert!(robots.num_rules() > 200);
        let rules = robots.agent("CCBot");
        assert!(rules.allowed(&url), "{pieces}");
        assert!(!rules.allowed(format!("{url}b")), "{pieces}");
        assert!(rules.allowed(format!("{url}bc")), "{pieces}");
        assert_as_reference(&file.as_bytes()[..8_000], &[&url, &format!("{url}b")]);
    }
}

#[test]
fn rules_that_nearly_match() {
    let mut file = "User-agent: *\n".to_owned();
    for _ in 0..550 {
        writeln!(file, "Disallow: /*{}b*c$", "a".repeat(900)).expect("memory");
    }
    let letters = "a".repeat(2_000);
    let robots = RobotsTxt::parse(file.as_bytes());
    let rules = robots.agent("CCBot");
    assert!(rules.allowed(format!("/{letters}")));
    assert!(rules.allowed(format!("/{letters}b")));
    assert!(!rules.allowed(format!("/{letters}bxc")));
    let nearly = format!("/{letters}c");
    let just = format!("/{letters}bbc");
    assert_as_reference(&file.as_bytes()[..5_000], &[&nearly, &just]);
}

#[test]
fn rules_of_slashes() {
    let file = filled("Disallow: /*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*x$\n");
    let url = "/".repeat(2_000);
    let robots = RobotsTxt::parse(file.as_bytes());
    assert!(robots.num_rules() > 8_000);
    assert!(robots.agent("CCBot").allowed(&url));
    assert!(!robots.agent("CCBot").allowed(format!("{url}x")));
    assert_as_reference(&file.as_bytes()[..3_000], &[&url, &format!("{url}x"), "/x"]);
}

#[test]
fn rules_that_are_all_different() {
    let mut file = "User-agent: *\n".to_owned();
    let mut number = 0_u32;
    while file.len() < LIMIT - 100 {
        // Every second one an Allow, with a literal that the URL nearly has.
        let name = if number % 2 == 0 { "Disallow" } else { "Allow" };
        writeln!(
            file,
            "{name}: /*{:b}*{}ab",
            number,
            "ab".repeat(number as usize % 7)
        )
        .expect("memory");
        number += 1;
    }
    let url = format!("/{}{}", "10".repeat(400), "ab".repeat(300));
    let robots = RobotsTxt::parse(file.as_bytes());
    let rules = robots.agent("CCBot");
    assert_eq!(rules.explain(&url).allowed, rules.allowed(&url));
    assert_as_reference(&file.as_bytes()[..20_000], &[&url, "/1ab", "/0", "/"]);
}

#[test]
fn long_prefixes_that_share_their_beginning() {
    let shared = "/".to_owned() + &"directory/".repeat(40);
    let mut file = "User-agent: *\n".to_owned();
    for number in 0..1_000 {
        let name = if number % 3 == 0 { "Allow" } else { "Disallow" };
        writeln!(file, "{name}: {shared}{number}").expect("memory");
    }
    let urls: Vec<_> = [0, 1, 3, 10, 99, 100, 998, 999, 1_000, 9_999]
        .iter()
        .map(|number| format!("{shared}{number}"))
        .collect();
    let urls: Vec<_> = urls
        .iter()
        .map(String::as_str)
        .chain(["/", "/directory/"])
        .collect();
    assert_as_reference(file.as_bytes(), &urls);
}

#[test]
fn ten_megabytes_of_rules() {
    let mut file = "User-agent: *\n".to_owned();
    for number in 0..230_000 {
        writeln!(file, "Disallow: /directory/with/a/name/{number}/").expect("memory");
    }
    // By default 500 KiB of it are read.
    let robots = RobotsTxt::parse(file.as_bytes());
    assert!(robots.is_truncated());
    assert!(
        !robots
            .agent("CCBot")
            .allowed("/directory/with/a/name/9999/x")
    );
    assert!(
        robots
            .agent("CCBot")
            .allowed("/directory/with/a/name/229999/x")
    );
    let robots = RobotsTxt::parse_with(file.as_bytes(), &unlimited());
    assert!(!robots.is_truncated());
    assert_eq!(robots.num_rules(), 230_000);
    assert!(
        !robots
            .agent("CCBot")
            .allowed("/directory/with/a/name/229999/x")
    );
    assert!(
        robots
            .agent("CCBot")
            .allowed("/directory/with/a/name/230000/x")
    );
    assert_eq!(
        robots
            .agent("CCBot")
            .explain("/directory/with/a/name/229999/x")
            .rule
            .expect("a rule")
            .line,
        230_001
    );
}

#[test]
fn a_million_groups() {
    let mut file = String::new();
    for number in 0..1_000_000_u32 {
        let name: String = number
            .to_string()
            .bytes()
            .map(|digit| (digit - b'0' + b'a') as char)
            .collect();
        writeln!(file, "User-agent: {name}\nDisallow: /{number}").expect("memory");
    }
    let robots = RobotsTxt::parse_with(file.as_bytes(), &unlimited());
    assert_eq!(robots.num_groups(), 1_000_000);
    let rules = robots.agent("bcdefg");
    assert!(!rules.allowed("/123456"));
    assert!(rules.allowed("/123457"));
    assert_eq!(
        rules.explain("/1234567").rule.expect("a rule").line,
        246_914
    );
    assert!(robots.agent("nobody").allowed("/1"));
    let together = robots.agents(&["bcdefg", "nobody", "a"]);
    assert!(!together.allowed(0, "/123456"));
    assert!(together.allowed(1, "/123456"));
    assert!(!together.allowed(2, "/0"));
}

#[test]
fn a_million_agents_of_one_group() {
    let mut file = String::new();
    for number in 0..1_000_000_u32 {
        writeln!(file, "User-agent: bot{}", number % 7).expect("memory");
    }
    file.push_str("User-agent: CCBot\nDisallow: /x\n");
    let robots = RobotsTxt::parse_with(file.as_bytes(), &unlimited());
    assert_eq!(robots.num_groups(), 1);
    assert!(!robots.agent("ccbot").allowed("/x"));
    assert!(!robots.agent("bot").allowed("/x"));
    assert!(!robots.agent("bot6").allowed("/x"));
    assert!(robots.agent("bot7").allowed("/x"));
}

#[test]
fn the_same_agent_over_and_over() {
    let file = "User-agent: CCBot\n".repeat(25_000) + "Disallow: /x\n";
    assert_as_reference(file.as_bytes(), &["/x", "/"]);
    let file = "User-agent: CCBot\nDisallow: /x\n".repeat(15_000);
    let robots = RobotsTxt::parse(file.as_bytes());
    assert_eq!(robots.num_groups(), 15_000);
    assert!(!robots.agent("CCBot").allowed("/x"));
    assert!(robots.agent("CCBot").allowed("/y"));
    let decision = robots.agent("CCBot").explain("/x");
    assert_eq!(decision.rule.expect("a rule").line, 2);
    assert_eq!(decision.beaten.len(), 14_999);
}

#[test]
fn many_agents_are_asked_for() {
    let file = "User-agent: a\nDisallow: /a\nUser-agent: b\nDisallow: /b\n".repeat(5_000);
    let names: Vec<_> = (0..1_000)
        .map(|number| ["a", "b", "c"][number % 3])
        .collect();
    let robots = RobotsTxt::parse(file.as_bytes());
    let agents = robots.agents(&names);
    assert_eq!(agents.len(), 1_000);
    for index in [0, 1, 2, 63, 64, 65, 998, 999] {
        assert_eq!(agents.allowed(index, "/a"), index % 3 != 0);
        assert_eq!(agents.allowed(index, "/b"), index % 3 != 1);
    }
}

#[test]
fn nothing_but_one_byte() {
    for byte in 0..=255 {
        let file = vec![byte; LIMIT + 10];
        let robots = RobotsTxt::parse(&file);
        assert!(robots.agent("CCBot").allowed("/x"));
        assert!(robots.is_truncated());
        assert_eq!((robots.num_groups(), robots.num_rules()), (0, 0), "{byte}");
        assert_eq!(robots.sitemaps().count(), 0);
    }
}

#[test]
fn nul_between_all() {
    let file = "User-agent: *\0\n\0\0\nDisallow: /x\0y\n\0".to_owned()
        + &"\0".repeat(400_000)
        + "\nDisallow: /z\n";
    assert_as_reference(file.as_bytes(), &["/x", "/xy", "/z", "/"]);
    assert!(
        !RobotsTxt::parse(file.as_bytes())
            .agent("CCBot")
            .allowed("/z")
    );
}

#[test]
fn cr_only_beyond_the_limit() {
    let file = format!(
        "User-agent: *\r{}Disallow: /late\r",
        "Disallow: /x\r".repeat(41_000)
    );
    assert!(file.len() > LIMIT);
    let robots = RobotsTxt::parse(file.as_bytes());
    assert!(robots.is_truncated());
    assert!(!robots.agent("CCBot").allowed("/x"));
    assert!(robots.agent("CCBot").allowed("/late"));
    let robots = RobotsTxt::parse_with(file.as_bytes(), &unlimited());
    assert_eq!(
        robots
            .agent("CCBot")
            .explain("/late")
            .rule
            .expect("a rule")
            .line,
        41_002
    );
}

#[test]
fn utf_16_beyond_the_limit() {
    let text = format!(
        "\u{feff}User-agent: *\n{}",
        "Disallow: /ab\n".repeat(19_300)
    );
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let file: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
        assert!(file.len() > LIMIT);
        let robots = RobotsTxt::parse(&file);
        assert!(robots.num_rules() > 18_000);
        assert!(!robots.agent("CCBot").allowed("/abc"));
        assert!(robots.agent("CCBot").allowed("/a"));
    }
}

#[test]
fn utf_16_that_breaks_off() {
    let text = "\u{feff}User-agent: *\nDisallow: /\u{1f600}x\nDisallow: /y";
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let file: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
        for cut in 0..=file.len() {
            assert_as_reference(&file[..cut], &["/y", "/%F0%9F%98%80x", "/", "/%EF%BF%BD"]);
        }
        // A surrogate without its other half stands for no character, and is not a reason to give up.
        let mut file = file;
        file.drain(60..62);
        assert_as_reference(&file, &["/y", "/%EF%BF%BDx"]);
    }
}

#[test]
fn lines_around_the_cut() {
    for length in 16_650..16_675 {
        let value = "a".repeat(length - "Disallow: /".len());
        for end in [
            "", "\n", "\r\n", "\r", "# x", "\0x", " x", "b$\n", "*\n", "%E3\n",
        ] {
            let file = format!("User-agent: *\nDisallow: /{value}{end}");
            let urls = [
                format!("/{value}"),
                format!("/{value}b"),
                format!("/{}", &value[1..]),
            ];
            assert_as_reference(file.as_bytes(), &urls.each_ref().map(String::as_str));
        }
    }
}

#[test]
fn white_space_around_the_cut() {
    for name in [
        "Disallow",
        "User-agent",
        "disalow",
        "Sitemap",
        "Allow",
        "Disallow /x",
    ] {
        for blanks in 16_640..16_670 {
            let blanks = " ".repeat(blanks);
            for line in [
                format!("{blanks}{name}: /x"),
                format!("{name}{blanks}: /x"),
                format!("{name}:{blanks}/x"),
            ] {
                let file = format!(
                    "User-agent: CCBot\n{line}\nUser-agent: other\nDisallow: /x\nAllow: /x/y"
                );
                assert_as_reference(file.as_bytes(), &["/x", "/", "/x/y"]);
            }
        }
    }
}

#[test]
fn limits_around_every_byte() {
    let file =
        b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /a\r\rDisallow: /b\n\nSitemap: x\r\nAllow: /b/c";
    for max_bytes in 0..file.len() + 2 {
        let options = Options {
            max_bytes,
            ..Options::default()
        };
        let robots = RobotsTxt::parse_with(
            file,
            &ParseOptions {
                max_bytes,
                ..ParseOptions::default()
            },
        );
        for url in ["/a", "/b", "/b/c", "/"] {
            let expected = reference::decide(file, &options, "x", url.as_bytes()).allowed;
            assert_eq!(
                robots.agent("x").allowed(url),
                expected,
                "{max_bytes} {url}"
            );
        }
        assert_eq!(
            robots.sitemaps().count(),
            reference::sitemaps(file, &options).len()
        );
        assert_eq!(robots.is_truncated(), max_bytes < file.len());
    }
}

#[test]
fn escapes_upon_escapes() {
    let file = filled(&format!("Disallow: /{}\n", "%25".repeat(2_000)));
    let url = format!("/{}", "%25".repeat(2_000));
    let robots = RobotsTxt::parse(file.as_bytes());
    assert!(!robots.agent("CCBot").allowed(&url));
    assert!(robots.agent("CCBot").allowed(&url[..url.len() - 3]));
    // Each byte of these becomes three.
    let file = format!(
        "User-agent: *\nDisallow: /{}$\nDisallow: /*{}\n",
        "é".repeat(4_000),
        "|".repeat(8_000)
    );
    let (letters, bars) = (
        format!("/{}", "%c3%a9".repeat(4_000)),
        format!("/x{}y", "%7c".repeat(8_000)),
    );
    assert_as_reference(
        file.as_bytes(),
        &[&letters, &bars, &letters[..20_000], &bars[..20_000]],
    );
}

#[test]
fn urls_without_end() {
    let file = b"User-agent: *\nDisallow: /*a*b*c$\nDisallow: /x\nAllow: /*?*&*=*z\n";
    let robots = RobotsTxt::parse(file);
    let rules = robots.agent("CCBot");
    let long = format!("https://h.example/{}", "ab".repeat(1_000_000));
    assert!(rules.allowed(&long));
    assert!(!rules.allowed(format!("{long}c")));
    let slashes = "/".repeat(1_000_000);
    assert!(rules.allowed(&slashes));
    let query = format!("/x?{}", "&=".repeat(500_000));
    assert!(!rules.allowed(&query));
    assert!(rules.allowed(format!("{query}z")));
    assert!(!rules.allowed(format!("/x{}", "#".repeat(1_000_000))));
}

#[test]
fn any_bytes_as_agent_and_url() {
    let robots = RobotsTxt::parse(b"User-agent: *\nDisallow: /x\nUser-agent: \xff\nDisallow: /y\n");
    for agent in [
        "", " ", "\0", "*", "é", "\u{feff}", "CCBot\0", "a b c", "/", "-", "_", ".", "0",
    ] {
        let rules = robots.agent(agent);
        assert!(!rules.allowed("/x"), "{agent:?}");
        assert!(rules.allowed("/y"), "{agent:?}");
    }
    let rules = robots.agent("CCBot");
    for byte in 0..=255_u8 {
        for url in [
            vec![byte],
            vec![b'/', byte],
            vec![byte, b'/', b'x'],
            vec![b'/', b'x', byte],
        ] {
            let expected = reference::decide(robots.text(), &Options::default(), "CCBot", &url);
            assert_eq!(rules.allowed(&url), expected.allowed, "{url:?}");
        }
    }
}
