//! A URL and patterns, a line each: the crate matches, ranks and spells them as the reference does.
#![no_main]

#[path = "../../crates/robots/tests/reference/mod.rs"]
mod reference;

use crawlrank_robots::{RobotsTxt, UrlPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let url = lines.next().unwrap_or_default();
    let path = UrlPath::new(url);
    let canonical = reference::canonical_path(url);
    assert_eq!(path.as_bytes(), canonical);

    let mut file = b"User-agent: *".to_vec();
    let mut best = (0, true);
    for (index, pattern) in lines.enumerate() {
        // What would end the value, or not be of it.
        let is_space = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | 9..=13));
        if pattern.iter().any(|byte| b"\r#\0".contains(byte)) || is_space(pattern.first()) || is_space(pattern.last()) {
            continue;
        }
        let allow = index % 2 == 1;
        file.extend(if allow { b"\nAllow:".as_slice() } else { b"\nDisallow:" });
        file.extend(pattern);
        if allow && pattern.windows(10).any(|window| window == b"/index.htm") {
            return; // a leniency that `robots_parse` is for
        }
        if reference::matches(pattern, &canonical) {
            best = best.max((reference::octets(pattern), allow));
        }
    }
    let robots = RobotsTxt::parse(&file);
    let rules = robots.agent("a");
    let expected = best.0 == 0 || best.1 || canonical == b"/robots.txt";
    assert_eq!(rules.allows(&path), expected);
    assert_eq!(rules.allowed(url), expected);
    let decision = rules.explain(url);
    assert_eq!(decision.allowed, expected);
    if let Some(rule) = decision.rule {
        assert_eq!((rule.octets, rule.allow || rule.octets == 0), (best.0, best.1 || best.0 == 0));
    }
});
