//! Any bytes as the stored form of a parsed robots.txt: refused, or every question is answered without a panic.
#![no_main]

use crawlrank_robots::{RobotsTxt, UrlPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let verified = RobotsTxt::verify_bytes(data);
    let Ok(robots) = RobotsTxt::from_bytes(data) else {
        assert!(verified.is_err());
        return;
    };
    if verified.is_ok() {
        assert_eq!(robots.to_bytes(), data);
    }
    let agents: Vec<String> = robots.groups().flat_map(|group| group.agents().map(|agent| agent.into_owned()).collect::<Vec<_>>()).take(3).collect();
    let patterns: Vec<String> =
        robots.groups().flat_map(|group| group.rules().map(|rule| rule.pattern.into_owned()).collect::<Vec<_>>()).take(3).collect();
    for agent in agents.iter().map(String::as_str).chain(["*", "a"]) {
        let rules = robots.agent(agent);
        let (_, _, _) = (rules.request_rate(), rules.visit_time(), rules.content_signal());
        for url in patterns.iter().map(String::as_str).chain(["/a"]) {
            assert_eq!(rules.allowed(url), rules.explain(url).allowed, "{agent} {url}");
            let _ = rules.content_usage(url);
        }
        let path = UrlPath::new("/a?b=c");
        assert_eq!(rules.allows(&path), rules.clone().into_rules().allows(&path));
    }
    let _ = robots.agents(&agents);
    let _ = (robots.warnings(), robots.sitemaps().count(), robots.host().is_some(), robots.clean_params().count());
    let _ = (robots.num_groups(), robots.num_rules(), robots.is_html(), robots.is_truncated());
    let owned = robots.clone().into_owned();
    assert_eq!(owned.to_bytes(), robots.to_bytes());
});
