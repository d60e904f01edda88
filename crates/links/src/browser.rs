//! Addresses as browsers read them: the WHATWG URL standard with UTS-46 host names.
//!
//! The crate `url` is the authority. Three addresses in four need none of its work, though: those without a host of their own, and those whose host
//! is plain ASCII. [`classify`] tells them apart by looking at the first bytes; the property test below holds it to what `url` says.

use url::{Position, Url};

use crate::host::{LabelRule, host_length, push_reversed};
use crate::{Skipped, Www};

/// What the first bytes of an address tell about its host, leading to the same answer as parsing it against an `http` base would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// It is relative: the host is the base's.
    SameHost,
    /// The host, if it [`is_plain`].
    Host(&'a [u8]),
    /// A scheme other than `http` and `https`.
    OtherScheme,
    /// Only parsing can tell.
    Unclear,
}

/// Says what can be said about an address without parsing it.
pub(crate) fn classify(address: &[u8]) -> Address<'_> {
    match address {
        [b'/', b'/', rest @ ..] => host_at_front(rest),
        [b'/', b'\\' | b'\t' | b'\n' | b'\r', ..] => Address::Unclear,
        [first, ..] if first.is_ascii_alphabetic() => classify_scheme(address),
        // Space and control characters at the front are dropped, tabs and line ends anywhere.
        [0..=b' ' | b'\\', ..] => Address::Unclear,
        _ => Address::SameHost,
    }
}

fn classify_scheme(address: &[u8]) -> Address<'_> {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = address
        .iter()
        .position(|byte| !is_scheme(byte))
        .unwrap_or(address.len());
    let (scheme, rest) = address.split_at(length);
    match rest {
        [b':', rest @ ..]
            if scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"http") =>
        {
            match rest {
                [b'/', b'/', rest @ ..] => host_at_front(rest),
                _ => Address::Unclear, // `http:x` is relative, `http:/x` is not.
            }
        }
        [b':', ..] => Address::OtherScheme,
        [b'\t' | b'\n' | b'\r', ..] => Address::Unclear,
        _ => Address::SameHost,
    }
}

fn host_at_front(rest: &[u8]) -> Address<'_> {
    let length = host_length(rest);
    let (host, rest) = rest.split_at(length);
    let ends_here = |rest: &[u8]| matches!(rest, [] | [b'/' | b'?' | b'#', ..]);
    let ends_after_port = |rest: &[u8]| {
        let digits = rest
            .iter()
            .take(5)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        digits < 5 && ends_here(&rest[digits..]) // Five digits may exceed 65,535.
    };
    match rest {
        [b':', port @ ..] if !host.is_empty() && ends_after_port(port) => Address::Host(host),
        _ if !host.is_empty() && ends_here(rest) => Address::Host(host),
        _ => Address::Unclear,
    }
}

/// Returns whether a host of letters, digits, dots, hyphens and underscores stands for itself: no label is punycode, and the last cannot be part
/// of an IPv4 address (URL standard, "ends in a number checker").
pub(crate) fn is_plain(host: &str) -> bool {
    let is_punycode =
        |label: &str| label.len() >= 4 && label.as_bytes()[..4].eq_ignore_ascii_case(b"xn--");
    let last = host
        .strip_suffix('.')
        .unwrap_or(host)
        .rsplit('.')
        .next()
        .unwrap_or_default();
    !last.starts_with(|char: char| char.is_ascii_digit()) && !host.split('.').any(is_punycode)
}

/// What the addresses of a page are relative to.
pub(crate) struct Base {
    url: Url,
    /// Its host, reversed; empty where that is no node.
    host: String,
}

impl Base {
    /// Takes a web page as base.
    pub(crate) fn new(url: Url, www: Www) -> Base {
        let mut host = String::new();
        let _ = push_host_of(&url, www, &mut host); // on an error nothing is written
        Base { url, host }
    }

    /// The base itself.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Writes URL and host of an address that needs no parsing; nothing at all for any other.
    fn join_settled(
        &self,
        address: &str,
        www: Www,
        url: &mut String,
        host: &mut String,
    ) -> Option<()> {
        match classify(address.as_bytes()) {
            Address::SameHost => self.join_relative(address, url, host),
            Address::Host(name) => self.join_absolute(address, name, www, url, host),
            Address::OtherScheme | Address::Unclear => None,
        }
    }

    fn join_relative(&self, address: &str, url: &mut String, host: &mut String) -> Option<()> {
        if !is_settled(address) {
            return None;
        }
        let front = match address.as_bytes() {
            [b'/', ..] => &self.url[..Position::BeforePath],
            [b'?', ..] => &self.url[..Position::AfterPath],
            [b'#', ..] | [] => &self.url[..Position::AfterQuery],
            _ => {
                let front = &self.url[..Position::AfterPath];
                &front[..=front.rfind('/')?]
            }
        };
        url.push_str(front);
        url.push_str(address);
        host.push_str(&self.host);
        Some(())
    }

    fn join_absolute(
        &self,
        address: &str,
        name: &[u8],
        www: Www,
        url: &mut String,
        host: &mut String,
    ) -> Option<()> {
        let start = name.as_ptr() as usize - address.as_ptr() as usize;
        let (front, rest) = address.split_at(start + name.len());
        let name = &front[start..];
        let has_port = rest.starts_with(':');
        let is_lower = !front.bytes().any(|byte| byte.is_ascii_uppercase());
        if has_port || !is_lower || !is_plain(name) || !is_settled(rest) {
            return None;
        }
        if front.starts_with('/') {
            url.push_str(self.url.scheme());
            url.push(':');
        }
        url.push_str(front);
        if !rest.starts_with('/') {
            url.push('/');
        }
        url.push_str(rest);
        let _ = push_reversed(name, LabelRule::Anywhere, www, host);
        Some(())
    }
}

/// Writes the URL that an address stands for and its reversed host, empty where that is no node.
///
/// Most addresses are spelled as the URL standard would spell them, and need no parsing: they are put behind the piece of the base that they are
/// relative to. The property tests below hold the result to what [`resolve`] says.
pub(crate) fn join(
    address: &[u8],
    base: Option<&Base>,
    www: Www,
    url: &mut String,
    host: &mut String,
) -> Result<(), Skipped> {
    url.clear();
    host.clear();
    let address = std::str::from_utf8(address).map_err(|_| Skipped::BadUrl)?;
    if base.is_some_and(|base| base.join_settled(address, www, url, host).is_some()) {
        return Ok(());
    }
    let parsed = resolve(address, base.map(Base::url))?;
    let _ = push_host_of(&parsed, www, host); // on an error nothing is written
    url.push_str(parsed.as_str());
    Ok(())
}

/// What a byte means to [`is_settled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// It stays as it is, in a path, a query and a fragment alike.
    Stays,
    /// It does so in some places.
    Depends,
    /// It is not printable ASCII, or is encoded in one of the three (``"'<>`{}``), or taken for another (`\`), or the standard has changed its mind
    /// about it (`^|`).
    Changes,
}

const SPELLINGS: [Spelling; 256] = {
    let mut spellings = [Spelling::Changes; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        spellings[byte as usize] = match byte {
            b'"' | b'\'' | b'<' | b'>' | b'`' | b'{' | b'}' | b'\\' | b'^' | b'|' => {
                Spelling::Changes
            }
            b'.' | b'%' | b'?' | b'#' => Spelling::Depends,
            _ => Spelling::Stays,
        };
        byte += 1;
    }
    spellings
};

/// Returns whether path, query and fragment are spelled as the URL standard spells them.
fn is_settled(rest: &str) -> bool {
    let rest = rest.as_bytes();
    let (mut is_path, mut is_fragment) = (true, false);
    for (at, &byte) in rest.iter().enumerate() {
        match SPELLINGS[byte as usize] {
            Spelling::Stays => continue,
            Spelling::Changes => return false,
            Spelling::Depends => {}
        }
        let begins_segment = is_path && (at == 0 || rest[at - 1] == b'/');
        match byte {
            // A segment that is `.` or `..`, or has `%2e` for a dot, goes away.
            b'.' if begins_segment => return false,
            b'%' if begins_segment && rest[at..].starts_with(b"%2") => return false,
            b'?' => is_path = false,
            b'#' if is_fragment => return false,
            b'#' => (is_path, is_fragment) = (false, true),
            _ => {}
        }
    }
    true
}

/// Parses an address against a base and insists on a web page.
pub(crate) fn resolve(address: &str, base: Option<&Url>) -> Result<Url, Skipped> {
    let url = Url::options()
        .base_url(base)
        .parse(address)
        .map_err(|error| match error {
            url::ParseError::IdnaError | url::ParseError::InvalidDomainCharacter => {
                Skipped::BadHost
            }
            url::ParseError::InvalidIpv4Address | url::ParseError::InvalidIpv6Address => {
                Skipped::IpAddress
            }
            _ => Skipped::BadUrl,
        })?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(Skipped::OtherScheme)
    }
}

/// Appends the reversed host of a parsed URL.
pub(crate) fn push_host_of(url: &Url, www: Www, out: &mut String) -> Result<(), Skipped> {
    match url.host() {
        Some(url::Host::Domain(name)) => push_reversed(name, LabelRule::Anywhere, www, out),
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => Err(Skipped::IpAddress),
        None => Err(Skipped::BadUrl),
    }
}

/// Appends the reversed host of an absolute URL.
pub(crate) fn push_host_of_url(url: &str, www: Www, out: &mut String) -> Result<(), Skipped> {
    if let Address::Host(host) = classify(url.as_bytes()) {
        let host = std::str::from_utf8(host).expect("`classify` returns ASCII");
        if is_plain(host) && !url.starts_with('/') {
            return push_reversed(host, LabelRule::Anywhere, www, out);
        }
    }
    push_host_of(&resolve(url, None)?, www, out)
}

/// Takes the angle brackets off that old versions of wget put around `WARC-Target-URI`.
pub(crate) fn without_angle_brackets(url: &[u8]) -> &[u8] {
    url.strip_prefix(b"<")
        .and_then(|url| url.strip_suffix(b">"))
        .unwrap_or(url)
}

/// Returns the address in the `content` of a meta refresh, or in a `Refresh` header: `5; url='/x'` (HTML, section 4.2.5.3, "shared declarative
/// refresh steps"). A refresh of the page itself has none.
pub(crate) fn refresh_address(content: &[u8]) -> Option<&[u8]> {
    let content = content.trim_ascii_start();
    let time = content
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .count();
    let rest = &content[time..];
    let separated = match rest {
        [b';' | b',', rest @ ..] if time > 0 => rest,
        [first, ..] if time > 0 && first.is_ascii_whitespace() => {
            let rest = rest.trim_ascii_start();
            rest.strip_prefix(b";")
                .or_else(|| rest.strip_prefix(b","))
                .unwrap_or(rest)
        }
        _ => return None,
    };
    let separated = separated.trim_ascii_start();
    let address = after_url_equals(separated).unwrap_or(separated);
    let address = match address {
        [quote @ (b'"' | b'\''), rest @ ..] => {
            rest.split(|byte| byte == quote).next().unwrap_or(rest)
        }
        _ => address,
    };
    let address = address.trim_ascii();
    (!address.is_empty()).then_some(address)
}

fn after_url_equals(text: &[u8]) -> Option<&[u8]> {
    let name = text
        .get(..3)
        .filter(|name| name.eq_ignore_ascii_case(b"url"))?;
    let rest = text[name.len()..].trim_ascii_start().strip_prefix(b"=")?;
    Some(rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host_by_url_crate(address: &str, base: &Url) -> Result<String, Skipped> {
        let mut out = String::new();
        push_host_of(&resolve(address, Some(base))?, Www::Keep, &mut out).map(|()| out)
    }

    /// The fast answer, or `None` where parsing must decide.
    fn host_by_classification(address: &str, base_host: &str) -> Option<Result<String, Skipped>> {
        match classify(address.as_bytes()) {
            Address::SameHost => Some(Ok(base_host.to_owned())),
            Address::OtherScheme => Some(Err(Skipped::OtherScheme)),
            Address::Host(host) => {
                let host = std::str::from_utf8(host).expect("`classify` returns ASCII");
                let mut out = String::new();
                is_plain(host).then(|| {
                    push_reversed(host, LabelRule::Anywhere, Www::Keep, &mut out).map(|()| out)
                })
            }
            Address::Unclear => None,
        }
    }

    /// URL and host by the fast way where it has an answer, by parsing otherwise, must be those by parsing.
    fn check_join(address: &str) -> Result<(), TestCaseError> {
        for base in [
            "https://base.example/dir/page?q#f",
            "http://www.base.example",
            "http://user@1.2.3.4:8080/a//b/?x/y",
        ] {
            let base = Base::new(Url::parse(base).expect("a good base"), Www::Keep);
            let (mut url, mut host) = (String::new(), String::new());
            let joined = join(
                address.as_bytes(),
                Some(&base),
                Www::Keep,
                &mut url,
                &mut host,
            );
            match resolve(address, Some(base.url())) {
                Ok(expected) => {
                    prop_assert_eq!(joined, Ok(()), "{:?}", address);
                    prop_assert_eq!(&url, expected.as_str(), "{:?}", address);
                    let mut expected_host = String::new();
                    let _ = push_host_of(&expected, Www::Keep, &mut expected_host);
                    prop_assert_eq!(host, expected_host, "{:?}", address);
                }
                Err(reason) => prop_assert_eq!(joined, Err(reason), "{:?}", address),
            }
        }
        Ok(())
    }

    fn check(address: &str) -> Result<(), TestCaseError> {
        for (base, base_host) in [
            ("https://base.example/dir/page?q", "example.base"),
            ("http://www.base.example", "example.base.www"),
        ] {
            let base = Url::parse(base).expect("a good base");
            if let Some(answer) = host_by_classification(address, base_host) {
                match host_by_url_crate(address, &base) {
                    // An address of another scheme is no web page, well-formed or not.
                    Err(_) if answer == Err(Skipped::OtherScheme) => {}
                    expected => prop_assert_eq!(answer, expected, "{:?}", address),
                }
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn classification_agrees_with_the_url_crate(address in r"((h|H)ttps?:|[a-z]{1,3}:|)[/\\:?#]{0,3}[a-z0-9A-Z._:@%/\\?# \t\n-]{0,24}") {
            check(&address)?;
        }

        #[test]
        fn classification_agrees_on_hosts(address in r"(https?:)?//[wxnW1-]{0,4}(\.?([a-zA-Z0-9_-]{0,6}|a{62,65}|(a\.){120,130})){1,4}\.?(:[0-9]{0,6})?([/?#].{0,6})?") {
            check(&address)?;
            check_join(&address)?;
        }

        #[test]
        fn classification_agrees_on_anything(address in ".{0,20}") {
            check(&address)?;
            check_join(&address)?;
        }

        #[test]
        fn joining_agrees_with_parsing(address in r"(https?:|HTTP:|[a-z]:|)[/\\?#]{0,2}([a-zA-Z0-9_.-]{0,6}\.[a-z0-9]{0,4}(:[0-9]{0,3})?)?([/?#.%:]?(%2[eE]|[!-~]|\.){0,4}){0,6}") {
            check_join(&address)?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn joining_agrees_on_what_means_something(address in r"((https?:)?//[aB]\.c)?(/|\.|%2[eEf]|%|\?|#|'|:|x|\\){0,8}") {
            check_join(&address)?;
        }
    }

    #[test]
    fn joining_needs_no_parsing_for_common_addresses() {
        let base = Url::parse("https://a.example/dir/page?q#f").expect("a good base");
        let base = Base::new(base, Www::Keep);
        for (address, joined) in [
            ("", "https://a.example/dir/page?q"),
            ("#top", "https://a.example/dir/page?q#top"),
            ("?page=2", "https://a.example/dir/page?page=2"),
            (
                "x/%D0%BF?a[]=/../#b?",
                "https://a.example/dir/x/%D0%BF?a[]=/../#b?",
            ),
            ("/x//y.html", "https://a.example/x//y.html"),
            ("//b.example", "https://b.example/"),
            ("http://b.example?x", "http://b.example/?x"),
        ] {
            let (mut url, mut host) = (String::new(), String::new());
            let found = match classify(address.as_bytes()) {
                Address::Host(name) => {
                    base.join_absolute(address, name, Www::Keep, &mut url, &mut host)
                }
                _ => base.join_relative(address, &mut url, &mut host),
            };
            assert_eq!((found, url.as_str()), (Some(()), joined));
        }
        for rest in ["../x", "/./", "a b", "/%2e", "\u{e9}", "/x#a#b", "?it's"] {
            assert!(!is_settled(rest), "{rest}");
        }
    }

    #[test]
    fn plain_addresses_need_no_parsing() {
        for address in [
            "http://Example.com",
            "//example.com/x",
            "https://a-b.example.com:8080?x",
            "/x",
            "",
            "#x",
            "x/y:z",
            "?a=http://b",
            "mailto:a@b",
            "javascript:void(0)",
        ] {
            assert_ne!(classify(address.as_bytes()), Address::Unclear, "{address}");
        }
    }

    #[test]
    fn hosts_are_those_a_browser_would_ask() {
        let host = |url: &str| {
            let mut out = String::new();
            push_host_of_url(url, Www::Keep, &mut out).map(|()| out)
        };
        for (url, reversed) in [
            ("http://\u{1f44d}.example/", "example.xn--yp8h"),
            ("http://\u{ff45}xample\u{3002}com/", "com.example"),
            ("http://exa\u{ad}mple.com/", "com.example"),
            ("http://cafe\u{301}.example/", "example.xn--caf-dma"),
            ("http://B\u{dc}CHER.example/", "example.xn--bcher-kva"),
            ("http://%65xample.com/", "com.example"),
            ("http:\\\\example.com\\x", "com.example"),
            ("http:example.com", "com.example"),
            (" ht\ntp://example.com/ ", "com.example"),
            ("http://user:pw@example.com:8080/", "com.example"),
            ("http://_dmarc.example.com/", "com.example._dmarc"),
        ] {
            assert_eq!(host(url).as_deref(), Ok(reversed), "{url}");
        }
        for (url, reason) in [
            ("http://1.2.3.4/", Skipped::IpAddress),
            ("http://2130706433/", Skipped::IpAddress),
            ("http://0x7f.1/", Skipped::IpAddress),
            ("http://[::1]/", Skipped::IpAddress),
            ("http://1.2.3.4.5/", Skipped::IpAddress),
            ("http://localhost/", Skipped::SingleLabel),
            ("ftp://example.com/", Skipped::OtherScheme),
            ("//example.com/", Skipped::BadUrl),
            ("http://a..b/", Skipped::BadHost),
            ("http://exam!ple.com/", Skipped::BadHost),
            ("http://xn--a.example/", Skipped::BadHost),
        ] {
            assert_eq!(host(url), Err(reason), "{url}");
        }
    }

    #[test]
    fn refresh_has_an_address_or_none() {
        for (content, address) in [
            ("0; url=http://example.com/", Some("http://example.com/")),
            ("0;URL='/x'", Some("/x")),
            ("5, /x ", Some("/x")),
            (" 1.5 url = \"/x\"y", Some("/x")),
            ("3 /x", Some("/x")),
            ("0;urls", Some("urls")),
            ("30", None),
            ("30;", None),
            ("url=/x", None),
            ("", None),
        ] {
            assert_eq!(
                refresh_address(content.as_bytes()),
                address.map(str::as_bytes),
                "{content}"
            );
        }
    }
}
