//! Any bytes as a robots.txt: the crate and the reference answer alike, for agents and rules of the file itself.
#![no_main]

#[path = "../../crates/robots/tests/reference/mod.rs"]
mod reference;

use crawlrank_robots::{ParseOptions, RobotsTxt, UrlPath};
use libfuzzer_sys::fuzz_target;
use reference::{Name, Options};

fuzz_target!(|data: &[u8]| {
    let Some((&first, body)) = data.split_first() else { return };
    let options = Options {
        // Rarely a limit within the file.
        max_bytes: if first & 0xf0 == 0xf0 { body.len() / 2 } else { 500 * 1024 },
        leniencies: first & 1 == 0,
        content_usage_is_rule: first & 2 != 0,
    };
    let robots = RobotsTxt::parse_with(
        body,
        &ParseOptions {
            max_bytes: options.max_bytes,
            leniencies: options.leniencies,
            content_usage_is_rule: options.content_usage_is_rule,
        },
    );
    let records = reference::records(body, &options);
    let groups = reference::groups_among(records.clone(), &options);
    assert_eq!(robots.num_groups(), groups.len());
    assert_eq!(robots.num_rules(), records.iter().filter(|record| matches!(record.name, Name::Allow | Name::Disallow)).count());
    let sitemaps: Vec<_> = robots.sitemaps().map(|url| url.into_owned()).collect();
    let expected = reference::sitemaps_among(&records);
    let expected: Vec<_> = expected.iter().map(|url| String::from_utf8_lossy(url).into_owned()).collect();
    assert_eq!(sitemaps, expected);

    let mut agents = vec!["a".to_owned(), "*".to_owned()];
    let mut urls = vec![b"/a".to_vec()];
    for record in &records {
        match record.name {
            Name::UserAgent if agents.len() < 4 => agents.push(String::from_utf8_lossy(&record.value).into_owned()),
            Name::Allow | Name::Disallow if urls.len() < 4 && record.value.len() < 300 => {
                let url = record.value.iter().filter(|&&byte| byte != b'*');
                urls.push(url.copied().collect());
            }
            _ => {}
        }
    }
    // What takes long and seldom fails is asked of a quarter.
    let is_thorough = first & 0x0c == 0;
    let form = robots.to_bytes();
    let again = RobotsTxt::from_bytes(&form).expect("our own form");
    if is_thorough {
        assert_eq!(RobotsTxt::verify_bytes(&form), Ok(()));
        assert_eq!(robots.warnings(), again.warnings());
    }
    let together = robots.agents(&agents);
    for (index, agent) in agents.iter().enumerate() {
        let own = reference::groups_of(&groups, agent);
        let rules = robots.agent(agent);
        assert_eq!(rules.crawl_delay(), reference::crawl_delay_among(&own), "{agent}");
        let (_, _, _) = (rules.request_rate(), rules.visit_time(), rules.content_signal());
        let alone = again.agent(agent).into_rules();
        for url in &urls {
            let expected = reference::decide_among(&own, &options, url);
            let path = UrlPath::new(url);
            assert_eq!(path.as_bytes(), reference::canonical_path(url));
            assert_eq!(rules.allows(&path), expected.allowed, "{agent} {:?}", url.escape_ascii().to_string());
            assert_eq!(together.allows(index, &path), expected.allowed);
            assert_eq!(alone.allows(&path), expected.allowed);
            let decision = rules.explain(url);
            assert_eq!(decision.allowed, expected.allowed);
            let by = decision.rule.map(|rule| (rule.line, rule.octets, rule.allow, rule.text));
            let expected = expected.rule.map(|rule| {
                let text = String::from_utf8_lossy(&rule.text).into_owned();
                (rule.line, rule.octets, rule.allow, text)
            });
            assert_eq!(by, expected, "{agent} {:?}", url.escape_ascii().to_string());
            let _ = rules.content_usage(url);
        }
    }
});
