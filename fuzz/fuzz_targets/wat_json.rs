//! Any bytes as the block of a WAT record: a page, something else, or a reason; never a panic, and the names that come out are well formed.
#![no_main]

use crawlrank_links::{Level, LinkFilter, Options, Page, Profile, url_of_page_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|block: &[u8]| {
    for &profile in Profile::ALL {
        let mut page = Page::new(Options { profile, ..Options::default() });
        if page.parse_wat(block) != Ok(true) {
            assert!(page.url().is_empty() && page.num_links() == 0);
            continue;
        }
        assert_eq!(page.links().count() as u64, page.num_links());
        for link in page.links() {
            assert!(std::str::from_utf8(link.url).is_ok() && std::str::from_utf8(link.text).is_ok());
        }
        let own_host = page.host().map(str::to_owned);
        page.for_each_target(Level::Host, &LinkFilter::default(), &mut |host| {
            assert!(host.contains('.') && host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')), "{host}");
            assert_ne!(Some(host), own_host.as_deref());
        });
        page.for_each_target(Level::Page, &LinkFilter::default(), &mut |key| assert!(url_of_page_key(key).is_some(), "{key}"));
    }
});
