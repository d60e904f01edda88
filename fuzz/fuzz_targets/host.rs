//! Any text as a URL: its host in either profile is canonical, and so are its registered domain and its page key.
#![no_main]

use crawlrank_links::{Host, Options, Profile, page_key, registered_domain, url_of_page_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|url: &str| {
    for &profile in Profile::ALL {
        let options = Options { profile, ..Options::default() };
        let Ok(host) = Host::from_url(url.as_bytes(), &options) else { continue };
        // Common Crawl's job takes `1.2.3.4.` for a name, and `1.2.3.4` for an address.
        if profile == Profile::Browser {
            assert_eq!(Host::parse(host.forward(), &options).as_ref(), Ok(&host), "the name of a host is a host");
        }
        for private_suffixes in [false, true] {
            let reversed = host.reversed();
            let domain = registered_domain(&reversed, private_suffixes).unwrap_or(&reversed);
            assert!(reversed.strip_prefix(domain).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')), "{reversed} {domain}");
        }
    }
    if let Ok(key) = page_key(url) {
        let url_again = url_of_page_key(&key).expect("a key has a URL");
        assert_eq!(page_key(&url_again), Ok(key));
    }
});
