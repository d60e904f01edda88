//! Addresses as Common Crawl's job reads them: the rules behind its published graphs, bit for bit.
//!
//! The job is `ExtractHostLinksJob` of [cc-pyspark](https://github.com/commoncrawl/cc-pyspark) (commit 49daea0), so some rules are those of Python's
//! `urllib.parse` and `idna`. They are not what a browser does; the table in the crate's description lists the differences.

use crate::host::{LabelRule, host_length, push_reversed};
use crate::idna2008;
use crate::{Skipped, Www};

/// Returns whether an address names a host of its own: `^([a-z][a-z0-9]{1,5}:)?//` in any case. All others count as links within the host.
pub(crate) fn is_global(address: &[u8]) -> bool {
    if address.starts_with(b"//") {
        return true;
    }
    let length = address
        .iter()
        .take(7)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    (2..=6).contains(&length)
        && address[0].is_ascii_alphabetic()
        && address[length..].starts_with(b"://")
}

/// Returns whether the text of a style sheet or a meta element counts as an address: `^(https?:)?//`, lower case only.
pub(crate) fn is_absolute(address: &[u8]) -> bool {
    [&b"//"[..], b"http://", b"https://"]
        .iter()
        .any(|prefix| address.starts_with(prefix))
}

/// Returns the host of an address of the common form: `(https?:)?//`, letters, digits, `.`, `-`, `_`, then the end or `/`, `?`, `#`.
pub(crate) fn common_host(address: &[u8]) -> Option<&[u8]> {
    let rest = match address {
        [b'/', b'/', rest @ ..] => rest,
        [
            b'h' | b'H',
            b't' | b'T',
            b't' | b'T',
            b'p' | b'P',
            b':',
            b'/',
            b'/',
            rest @ ..,
        ] => rest,
        [
            b'h' | b'H',
            b't' | b'T',
            b't' | b'T',
            b'p' | b'P',
            b's' | b'S',
            b':',
            b'/',
            b'/',
            rest @ ..,
        ] => rest,
        _ => return None,
    };
    let length = host_length(rest);
    let ends_here = matches!(rest[length..], [] | [b'/' | b'?' | b'#', ..]);
    (length > 0 && ends_here).then(|| &rest[..length])
}

/// Appends the reversed host of a URL.
pub(crate) fn push_host_of_url(url: &str, www: Www, out: &mut String) -> Result<(), Skipped> {
    if let Some(host) = common_host(url.as_bytes()) {
        let host = std::str::from_utf8(host).expect("`common_host` returns ASCII");
        return push_host(host, www, out);
    }
    let parts = UrlParts::of(url)?;
    push_host_of_netloc(&parts.netloc, www, out)
}

/// Appends the reversed form of a host name that is as written, in any case.
pub(crate) fn push_host(host: &str, www: Www, out: &mut String) -> Result<(), Skipped> {
    if host.is_ascii() {
        return push_ascii_host(host, www, out);
    }
    // Python's `lower` and Rust's agree, the final sigma included. The length is that of characters.
    let host = host.to_lowercase();
    if host.chars().count() > 253 {
        return Err(Skipped::BadHost);
    }
    if looks_like_ipv4(&host, |label| label.chars().all(char::is_numeric)) {
        return Err(Skipped::IpAddress);
    }
    let labels: Result<Vec<String>, Skipped> = host.split('.').map(ascii_label).collect();
    push_checked(&labels?.join("."), www, out)
}

fn push_ascii_host(host: &str, www: Www, out: &mut String) -> Result<(), Skipped> {
    if host.len() > 253 {
        return Err(Skipped::BadHost);
    }
    if looks_like_ipv4(host, |label| {
        label.bytes().all(|byte| byte.is_ascii_digit())
    }) {
        return Err(Skipped::IpAddress);
    }
    push_checked(host, www, out)
}

fn push_checked(host: &str, www: Www, out: &mut String) -> Result<(), Skipped> {
    if matches!(host, "" | ".") {
        return Err(Skipped::BadUrl);
    }
    push_reversed(host, LabelRule::AlphanumericEnds, www, out)
}

fn ascii_label(label: &str) -> Result<String, Skipped> {
    if label.is_ascii() {
        return Ok(label.to_owned());
    }
    let encoded = if label.chars().count() > 63 {
        None
    } else {
        idna2008::encode_label(label)
    };
    encoded.ok_or(Skipped::BadHost)
}

/// Returns whether a host is four numbers of one to three digits, or `www` before them. (A dot behind them makes it a name, as there.)
fn looks_like_ipv4(host: &str, is_number: impl Fn(&str) -> bool) -> bool {
    // Decided by the last byte for nearly every host.
    if host.as_bytes().last().is_none_or(u8::is_ascii_alphabetic) {
        return false;
    }
    let host = match host.as_bytes() {
        [b'w' | b'W', b'w' | b'W', b'w' | b'W', b'.', ..] => &host[4..],
        _ => host,
    };
    let is_short = |label: &str| (1..=3).contains(&label.chars().count());
    host.split('.').count() == 4
        && host
            .split('.')
            .all(|label| is_short(label) && is_number(label))
}

/// Appends the reversed host that an element `<base href>` gives to the links of a page.
///
/// Follows `urljoin`: an address of the page's scheme keeps the page's host unless it has its own, one of another scheme stands alone.
pub(crate) fn push_base_host(
    page_url: &str,
    base: &str,
    www: Www,
    out: &mut String,
) -> Result<(), Skipped> {
    if base.is_empty() || page_url.is_empty() {
        return push_host_of_url(if base.is_empty() { page_url } else { base }, www, out);
    }
    let page = UrlParts::of(page_url)?;
    let own = UrlParts::of(base)?;
    let joins = own.scheme.is_empty() || own.scheme == page.scheme;
    if !joins || !JOINED_SCHEMES.contains(&page.scheme.as_str()) {
        return push_host_of_url(base, www, out);
    }
    let netloc = if own.netloc.is_empty() {
        page.netloc
    } else {
        own.netloc
    };
    push_host_of_netloc(&netloc, www, out)
}

/// Schemes whose addresses Python's `urljoin` joins.
const JOINED_SCHEMES: [&str; 20] = [
    "", "ftp", "http", "gopher", "nntp", "imap", "wais", "file", "https", "shttp", "mms",
    "prospero", "rtsp", "rtsps", "rtspu", "sftp", "svn", "svn+ssh", "ws", "wss",
];

/// Scheme (lower case) and network location of a URL, as Python's `urlsplit` sees them; empty where absent.
struct UrlParts {
    scheme: String,
    netloc: String,
}

impl UrlParts {
    fn of(url: &str) -> Result<UrlParts, Skipped> {
        let url: String = url
            .trim_start_matches(|char| char <= ' ')
            .chars()
            .filter(|char| !matches!(char, '\t' | '\r' | '\n'))
            .collect();
        let (scheme, rest) = split_scheme(&url);
        let netloc = match rest.strip_prefix("//") {
            Some(rest) => &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())],
            None => "",
        };
        // Brackets enclose IPv6 addresses, which are no names, or else are an error. Characters whose compatibility form is a delimiter are an error.
        if netloc.contains(['[', ']'])
            || netloc.chars().any(|char| HIDDEN_DELIMITERS.contains(&char))
        {
            return Err(Skipped::BadHost);
        }
        Ok(UrlParts {
            scheme: scheme.to_ascii_lowercase(),
            netloc: netloc.to_owned(),
        })
    }
}

/// Characters whose compatibility decomposition (NFKC) holds one of `/`, `?`, `#`, `@`, `:`.
const HIDDEN_DELIMITERS: [char; 19] = [
    '\u{2047}', '\u{2048}', '\u{2049}', '\u{2100}', '\u{2101}', '\u{2105}', '\u{2106}', '\u{2a74}',
    '\u{fe13}', '\u{fe16}', '\u{fe55}', '\u{fe56}', '\u{fe5f}', '\u{fe6b}', '\u{ff03}', '\u{ff0f}',
    '\u{ff1a}', '\u{ff1f}', '\u{ff20}',
];

fn split_scheme(url: &str) -> (&str, &str) {
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    match url.split_once(':') {
        Some((scheme, rest))
            if scheme.starts_with(|char: char| char.is_ascii_alphabetic())
                && scheme.bytes().all(is_scheme) =>
        {
            (scheme, rest)
        }
        _ => ("", url),
    }
}

/// Drops user and port and appends the reversed host.
fn push_host_of_netloc(netloc: &str, www: Www, out: &mut String) -> Result<(), Skipped> {
    let host = netloc.rsplit('@').next().unwrap_or(netloc);
    let host = host.split(':').next().unwrap_or(host);
    // Python's `strip` takes the information separators for white space, Rust's does not.
    let host = host
        .trim_matches(|char: char| char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char));
    if host.is_empty() {
        return Err(Skipped::BadUrl);
    }
    push_host(host, www, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(url: &str) -> Result<String, Skipped> {
        let mut out = String::new();
        push_host_of_url(url, Www::Strip, &mut out).map(|()| out)
    }

    #[test]
    fn global_addresses_have_a_short_scheme_or_none() {
        for global in ["//x", "http://x", "HTTPS://x", "h2://", "abcdef://x"] {
            assert!(is_global(global.as_bytes()), "{global}");
        }
        for inner in [
            "",
            "/x",
            "h://x",
            "abcdefg://x",
            "2x://x",
            " http://x",
            "http:/x",
            "mailto:x",
            "x+y://z",
        ] {
            assert!(!is_global(inner.as_bytes()), "{inner}");
        }
    }

    #[test]
    fn hosts_are_those_of_the_job() {
        assert_eq!(host("http://1.2.3.4.:80/").as_deref(), Ok("4.3.2.1"));
        assert_eq!(host("http://www.1.2.3.4/"), Err(Skipped::IpAddress));
        assert_eq!(
            host("http://\u{967}.\u{967}.\u{967}.\u{967}/"),
            Err(Skipped::IpAddress)
        );
        assert_eq!(
            host("http://us\u{2105}er@example.com/"),
            Err(Skipped::BadHost)
        );
        assert_eq!(host("http://\u{b7}\u{b7}.example/"), Err(Skipped::BadHost));
        assert_eq!(host("/relative"), Err(Skipped::BadUrl));
    }

    #[test]
    fn base_is_joined_as_python_does() {
        let base_host = |page, base| {
            let mut out = String::new();
            push_base_host(page, base, Www::Strip, &mut out).map(|()| out)
        };
        for (page, base, expected) in [
            ("http://a.example/x", "/y", "example.a"),
            ("http://a.example/x", "", "example.a"),
            ("http://a.example/x", "//b.example", "example.b"),
            ("http://a.example/x", "https://b.example/", "example.b"),
            ("http://a.example/x", "http:y", "example.a"),
            ("<http://a.example/x>", "http://b.example", "example.b"),
        ] {
            assert_eq!(
                base_host(page, base).as_deref(),
                Ok(expected),
                "{page} {base}"
            );
        }
        assert_eq!(
            base_host("http://a.example/x", "https:y"),
            Err(Skipped::BadUrl)
        );
        assert_eq!(
            base_host("http://a.example/x", "//[b"),
            Err(Skipped::BadHost)
        );
    }
}
