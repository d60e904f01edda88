//! Registered domains by the public suffix list.

use psl::{List, Psl, Type};

/// The public suffix list that is compiled in, by the version of the crate that carries it.
///
/// [psl](https://docs.rs/psl) is published whenever the list changes; its changes are dated at <https://github.com/addr-rs/psl/releases>.
pub const PUBLIC_SUFFIX_LIST_VERSION: &str = "psl 2.1.246";

/// Returns the registered domain of a reversed host name, a prefix of it: `com.example` for `com.example.www`.
///
/// `None` when the name is itself a public suffix (`com`, `uk.co`); a graph of domains lets such a host stand for itself. A top-level domain that
/// is not on the list counts as a suffix of one label. Without `private_suffixes` only the list's ICANN section counts, as in Common Crawl's
/// graphs: `io.github` is then the domain of `io.github.me`.
///
/// ```
/// use crawlrank_links::registered_domain;
///
/// assert_eq!(registered_domain("uk.co.example.www", false), Some("uk.co.example"));
/// assert_eq!(registered_domain("io.github.me.blog", false), Some("io.github"));
/// assert_eq!(registered_domain("io.github.me.blog", true), Some("io.github.me"));
/// assert_eq!(registered_domain("uk.co", false), None);
/// ```
pub fn registered_domain(reversed_host: &str, private_suffixes: bool) -> Option<&str> {
    let suffix_length = suffix_length(reversed_host, private_suffixes);
    let rest = reversed_host.get(suffix_length..)?.strip_prefix('.')?;
    let label_length = rest.find('.').unwrap_or(rest.len());
    (label_length > 0).then(|| &reversed_host[..suffix_length + 1 + label_length])
}

/// Returns the bytes of the public suffix at the front of a reversed name.
fn suffix_length(reversed_host: &str, private_suffixes: bool) -> usize {
    let mut name = reversed_host;
    loop {
        // The list takes labels from the right, which is the order they have here.
        let suffix = List.find(name.as_bytes().split(|&byte| byte == b'.'));
        if private_suffixes || suffix.typ != Some(Type::Private) {
            return suffix.len;
        }
        // The longest rule is a private one: what would have matched without its last label?
        match name[..suffix.len.min(name.len())].rfind('.') {
            Some(shorter) => name = &name[..shorter],
            None => return suffix.len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reverse_host;

    fn domain_of(host: &str, private_suffixes: bool) -> Option<String> {
        let (mut reversed, mut domain) = (String::new(), String::new());
        reverse_host(host, &mut reversed);
        reverse_host(registered_domain(&reversed, private_suffixes)?, &mut domain);
        Some(domain)
    }

    /// Cases of the list's own test file, <https://github.com/publicsuffix/list/blob/main/tests/tests.txt> (public domain), as a host has them
    /// here: lower case, punycode.
    #[test]
    fn answers_of_the_lists_own_tests() {
        let cases = [
            ("com", None),
            ("example.com", Some("example.com")),
            ("b.example.com", Some("example.com")),
            ("a.b.example.com", Some("example.com")),
            ("example", None),
            ("example.example", Some("example.example")),
            ("b.example.example", Some("example.example")),
            ("biz", None),
            ("a.b.domain.biz", Some("domain.biz")),
            ("uk.com", Some("uk.com")),
            ("mm", None),
            ("c.mm", None),
            ("b.c.mm", Some("b.c.mm")),
            ("a.b.c.mm", Some("b.c.mm")),
            ("jp", None),
            ("test.jp", Some("test.jp")),
            ("ac.jp", None),
            ("www.test.ac.jp", Some("test.ac.jp")),
            ("kyoto.jp", None),
            ("test.kyoto.jp", Some("test.kyoto.jp")),
            ("ide.kyoto.jp", None),
            ("a.b.ide.kyoto.jp", Some("b.ide.kyoto.jp")),
            ("c.kobe.jp", None),
            ("b.c.kobe.jp", Some("b.c.kobe.jp")),
            ("city.kobe.jp", Some("city.kobe.jp")),
            ("www.city.kobe.jp", Some("city.kobe.jp")),
            ("c.kawasaki.jp", None),
            ("b.c.kawasaki.jp", Some("b.c.kawasaki.jp")),
            ("city.kawasaki.jp", Some("city.kawasaki.jp")),
            ("ck", None),
            ("test.ck", None),
            ("b.test.ck", Some("b.test.ck")),
            ("www.ck", Some("www.ck")),
            ("www.www.ck", Some("www.ck")),
            ("us", None),
            ("test.us", Some("test.us")),
            ("ak.us", None),
            ("www.test.k12.ak.us", Some("test.k12.ak.us")),
            ("b.example.co.uk", Some("example.co.uk")),
            ("xn--85x722f.com.cn", Some("xn--85x722f.com.cn")),
            (
                "www.xn--85x722f.xn--55qx5d.cn",
                Some("xn--85x722f.xn--55qx5d.cn"),
            ),
            ("xn--55qx5d.cn", None),
            ("shishi.xn--fiqs8s", Some("shishi.xn--fiqs8s")),
            ("xn--fiqs8s", None),
        ];
        for (host, domain) in cases {
            assert_eq!(domain_of(host, false).as_deref(), domain, "{host}");
        }
    }

    #[test]
    fn private_suffixes_count_on_request_only() {
        for (host, icann, private) in [
            ("github.io", Some("github.io"), None),
            ("me.github.io", Some("github.io"), Some("me.github.io")),
            (
                "a.me.blogspot.com",
                Some("blogspot.com"),
                Some("me.blogspot.com"),
            ),
            (
                "bucket.s3.amazonaws.com",
                Some("amazonaws.com"),
                Some("bucket.s3.amazonaws.com"),
            ),
            ("s3.amazonaws.com", Some("amazonaws.com"), None),
            ("example.com", Some("example.com"), Some("example.com")),
        ] {
            assert_eq!(domain_of(host, false).as_deref(), icann, "{host}");
            assert_eq!(domain_of(host, true).as_deref(), private, "{host}");
        }
    }

    #[test]
    fn odd_names_are_answered() {
        for odd in ["", ".", "..", "com.", ".com", "com..x"] {
            for private_suffixes in [false, true] {
                let domain = registered_domain(odd, private_suffixes);
                assert!(domain.is_none_or(|domain| odd.starts_with(domain)), "{odd}");
            }
        }
    }
}
