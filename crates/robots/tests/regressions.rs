//! What readings of the crate found, so that it stays found.

use std::time::Duration;

use crawlrank_robots::{
    Access, DecidingGroup, Fetch, FormError, Leniency, Outcome, ParseOptions, RobotsTxt, UrlPath,
    WarningKind,
};

fn kinds(body: &[u8]) -> Vec<WarningKind> {
    let warnings = RobotsTxt::parse(body).warnings();
    warnings.iter().map(|warning| warning.kind).collect()
}

#[test]
fn a_304_is_no_answer() {
    let access = Access::from_fetch(&Fetch::response(304, b""));
    assert!(matches!(access, Access::DisallowAll));
}

#[test]
fn a_robots_txt_may_always_be_fetched() {
    let access = Access::from_fetch(&Fetch::unreachable());
    assert!(access.allowed("CCBot", "https://a.example/robots.txt"));
    assert!(!access.allowed("CCBot", "https://a.example/"));
    assert!(!access.agent("CCBot").allowed("https://a.example/x?y"));
}

#[test]
fn thirty_days_without_answer_are_enough() {
    let fetch = |days: u64| Fetch {
        outcome: Outcome::Unreachable,
        unreachable_for: Duration::from_secs(days * 86400),
        ..Fetch::unreachable()
    };
    assert!(matches!(
        Access::from_fetch(&fetch(30)),
        Access::DisallowAll
    ));
    assert!(matches!(Access::from_fetch(&fetch(31)), Access::AllowAll));
}

/// Every bit of a form counts, those of the header, too.
#[test]
fn no_flipped_bit_is_verified() {
    let good = RobotsTxt::parse(b"User-agent: *\nDisallow: /x\nAllow: /x/*y$\n").to_bytes();
    assert_eq!(RobotsTxt::verify_bytes(&good), Ok(()));
    for bit in 0..8 * good.len() {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(RobotsTxt::verify_bytes(&bad).is_err(), "bit {bit}");
    }
}

/// Records that no parser writes: long ones, and many over the same text, which would take memory without end.
#[test]
fn forms_that_lie_are_refused() {
    let text_bytes = 100_000_usize;
    let form = |records: &[(u32, u16)]| {
        let mut bytes = RobotsTxt::parse(b"").to_bytes();
        bytes[8..12].copy_from_slice(&(records.len() as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&(text_bytes as u32).to_le_bytes());
        for (offset, len) in records {
            bytes.extend_from_slice(&offset.to_le_bytes());
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(&[2, 0]);
        }
        bytes.resize(bytes.len() + text_bytes, b'a');
        bytes
    };
    for (records, bad) in [
        (&[(0, 16_664)][..], 0),
        (&[(0, 10), (9, 10)], 1),
        (&[(50, 10), (0, 10)], 1),
        (&[(0, 10), (99_999, 2)], 1),
    ] {
        let offset = 24 + 8 * bad;
        let found = RobotsTxt::from_bytes(&form(records)).map(|_| ());
        assert_eq!(found, Err(FormError::Damaged { offset }), "{records:?}");
    }
    assert!(RobotsTxt::from_bytes(&form(&[(0, 16_663), (16_663, 0), (99_999, 1)])).is_ok());
}

/// UTF-16 grows by half when it is decoded; what is kept can still be stored.
#[test]
fn the_largest_utf_16_can_be_stored() {
    let options = ParseOptions {
        max_bytes: usize::MAX,
        ..ParseOptions::default()
    };
    let mut body = vec![0xFF, 0xFE];
    body.extend(
        "\u{30C4}\n"
            .repeat(18 << 20)
            .encode_utf16()
            .flat_map(u16::to_le_bytes),
    );
    let robots = RobotsTxt::parse_with(&body, &options);
    assert!(robots.is_truncated());
    assert!(RobotsTxt::from_bytes(&robots.to_bytes()).is_ok());
}

#[test]
fn leniencies_of_agent_lines_are_told() {
    let robots = RobotsTxt::parse(b"User-agent: x\nuseragent CCBot/2.0\nDisallow: /\n");
    let decision = robots.agent("CCBot").explain("/");
    assert_eq!(decision.group, DecidingGroup::Named { lines: vec![2] });
    let expected = [Leniency::Typo, Leniency::MissingColon, Leniency::AgentCut];
    assert_eq!(decision.group_leniencies, expected);
}

#[test]
fn broken_preferences_are_warned_of() {
    for line in [
        "Content-Usage: train-ai=n x",
        "Content-Usage: /x",
        "Content-Signal: search=maybe",
    ] {
        assert_eq!(
            kinds(format!("User-agent: *\n{line}\n").as_bytes()),
            [WarningKind::BadValue],
            "{line}"
        );
    }
    assert_eq!(
        kinds(b"User-agent: *\nContent-Usage: /x train-ai=n\nContent-Signal: search=no\n"),
        []
    );
    assert_eq!(
        kinds(b"User-agent: *\nAllow: /a/index.html\n"),
        [WarningKind::IndexPage]
    );
}

/// UTF-16 that does not say so is not read at all, which must not go without a word.
#[test]
fn lines_that_begin_with_nul_are_warned_of() {
    let body: Vec<u8> = b"User-agent: *\nDisallow: /\n"
        .iter()
        .flat_map(|byte| [0, *byte])
        .collect();
    assert!(kinds(&body).contains(&WarningKind::Nul));
}

/// Once it took seconds, by the square of the keys.
#[test]
fn half_a_megabyte_of_preferences_is_read_once() {
    let mut body = b"User-agent: *\n".to_vec();
    let mut number = 0;
    while body.len() < 500_000 {
        body.extend_from_slice(b"Content-Usage: ");
        for _ in 0..1500 {
            body.extend_from_slice(format!("k{number:06}=y,").as_bytes());
            number += 1;
        }
        body.pop();
        body.push(b'\n');
    }
    let robots = RobotsTxt::parse(&body);
    let usage = robots.agent("a").content_usage("/");
    assert_eq!(usage.iter().count(), number);
    assert_eq!(usage.allows("k000007"), Some(true));
}

#[test]
fn thousands_of_agents_in_one_group_share_its_rules() {
    let names: Vec<String> = (0..2000_u32)
        .map(|number| {
            format!(
                "bot-{}",
                number
                    .to_string()
                    .replace(|c: char| c.is_ascii_digit(), "x")
            ) + &"y".repeat(number as usize % 40)
        })
        .collect();
    let mut body = String::new();
    for name in &names[..1000] {
        body += &format!("User-agent: {name}\n");
    }
    body += "Disallow: /x\n";
    let robots = RobotsTxt::parse(body.as_bytes());
    let agents = robots.agents(&names);
    let mut each = Vec::new();
    agents.allows_each(&UrlPath::new("/x"), &mut each);
    for (at, name) in names.iter().enumerate() {
        assert_eq!(each[at], robots.agent(name).allowed("/x"), "{name}");
        assert_eq!(agents.get(at).is_named(), robots.agent(name).is_named());
    }
}

/// What follows two slashes is an authority, unless the caller says that it is a path.
#[test]
fn a_path_may_begin_with_two_slashes() {
    let robots = RobotsTxt::parse(b"User-agent: *\nDisallow: //private/\n");
    let agent = robots.agent("CCBot");
    assert!(agent.allowed("//private/x"));
    assert!(!agent.allows(&UrlPath::from_path("//private/x")));
    assert!(!agent.allowed("https://a.example//private/x"));
}
