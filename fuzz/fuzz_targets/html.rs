//! Any bytes as an HTTP response: a page whose links are text within the limits, in time and memory that go with its length; never a panic.
#![no_main]

use crawlrank_links::{Level, LinkFilter, Options, Page, Profile, url_of_page_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|response: &[u8]| {
    let body = response.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, html) = response.split_at(body);
    for &profile in Profile::ALL {
        let options = Options { profile, max_links: 50, max_url_bytes: 200, ..Options::default() };
        let mut page = Page::new(options.clone());
        assert_eq!(page.parse_html(b"https://www.example.com/dir/page", head, html), Ok(()));
        assert_eq!(page.links().count() as u64, page.num_links());
        assert!(page.num_links() <= options.max_links as u64);
        for link in page.links() {
            assert!(std::str::from_utf8(link.url).is_ok() && std::str::from_utf8(link.text).is_ok());
            assert!(link.url.len() <= options.max_url_bytes && link.text.len() <= options.max_text_bytes);
        }
        page.for_each_target(Level::Host, &LinkFilter::default(), &mut |host| assert!(host.contains('.'), "{host}"));
        page.for_each_target(Level::Page, &LinkFilter::default(), &mut |key| assert!(url_of_page_key(key).is_some(), "{key}"));
    }
});
