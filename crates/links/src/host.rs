//! Host names, forward and reversed.

use crate::{Options, Profile, Skipped, Www, browser, cc};

/// A host name that satisfies the rules of a [`Profile`]: lower case, ASCII (punycode), at least two labels, no trailing dot, not an IP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    forward: String,
}

impl Host {
    /// Reads the host of an absolute URL by the rules of `options`.
    ///
    /// # Errors
    ///
    /// The reason why the URL has no host that could be a node.
    ///
    /// # Examples
    ///
    /// ```
    /// use crawlrank_links::{Host, Options, Skipped};
    ///
    /// let host = Host::from_url(b"https://WWW.B\xc3\xbccher.example:8080/x", &Options::default())?;
    /// assert_eq!(host.forward(), "www.xn--bcher-kva.example");
    /// assert_eq!(host.reversed(), "example.xn--bcher-kva.www");
    /// assert_eq!(Host::from_url(b"http://127.0.0.1/", &Options::default()), Err(Skipped::IpAddress));
    /// # Ok::<(), Skipped>(())
    /// ```
    pub fn from_url(url: &[u8], options: &Options) -> Result<Host, Skipped> {
        let mut reversed = String::new();
        push_reversed_host_of(url, options, &mut reversed)?;
        let mut forward = String::new();
        reverse_host(&reversed, &mut forward);
        Ok(Host { forward })
    }

    /// Reads a host name as people write it, by the rules of `options`.
    ///
    /// # Errors
    ///
    /// The reason why the name cannot be a node.
    pub fn parse(name: &str, options: &Options) -> Result<Host, Skipped> {
        if name.contains(['/', '?', '#', '@', ':', '\\']) {
            return Err(Skipped::BadHost);
        }
        Host::from_url(format!("http://{name}/").as_bytes(), options)
    }

    /// Returns the name as people write it, `www.example.com`.
    pub fn forward(&self) -> &str {
        &self.forward
    }

    /// Returns the name as graphs store it, `com.example.www`.
    pub fn reversed(&self) -> String {
        let mut reversed = String::new();
        reverse_host(&self.forward, &mut reversed);
        reversed
    }
}

/// Replaces `out` by the labels of `name` in the opposite order; works both ways.
///
/// ```
/// let mut reversed = String::new();
/// crawlrank_links::reverse_host("www.example.com", &mut reversed);
/// assert_eq!(reversed, "com.example.www");
/// ```
pub fn reverse_host(name: &str, out: &mut String) {
    out.clear();
    for label in name.rsplit('.') {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(label);
    }
}

/// Appends the reversed host of an absolute URL.
pub(crate) fn push_reversed_host_of(
    url: &[u8],
    options: &Options,
    out: &mut String,
) -> Result<(), Skipped> {
    let url = std::str::from_utf8(url).map_err(|_| Skipped::BadUrl)?;
    match options.profile {
        Profile::Cc => cc::push_host_of_url(url, options.www, out),
        Profile::Browser => browser::push_host_of_url(url, options.www, out),
    }
}

/// Letters, digits, `-` and `_`: what labels are made of. A table, as each byte of each absolute address is looked up.
const LABEL_BYTES: [bool; 256] = {
    let (mut is_label, mut byte) = ([false; 256], 0);
    while byte < 256 {
        is_label[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'_');
        byte += 1;
    }
    is_label
};

/// Returns how many bytes at the front can be those of a host: labels and dots between them.
pub(crate) fn host_length(bytes: &[u8]) -> usize {
    let is_other = |&byte: &u8| !LABEL_BYTES[byte as usize] && byte != b'.';
    bytes.iter().position(is_other).unwrap_or(bytes.len())
}

/// What a label may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelRule {
    /// Letters, digits, `-` and `_` anywhere: names that resolvers look up.
    Anywhere,
    /// The same, but a letter or digit at both ends: the rule of Common Crawl's job.
    AlphanumericEnds,
}

impl LabelRule {
    fn accepts(self, label: &[u8]) -> bool {
        let is_inner = |&byte: &u8| LABEL_BYTES[byte as usize];
        let (Some(first), Some(last)) = (label.first(), label.last()) else {
            return false;
        };
        let good_ends = self == LabelRule::Anywhere
            || (first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric());
        label.len() <= 63 && good_ends && label.iter().all(is_inner)
    }
}

/// Appends the labels of an ASCII host name in reverse and in lower case, after checking them; on an error `out` is as before.
///
/// One trailing dot is let go (the name is then just fully qualified). `www` goes only if at least two labels remain: `www.com` is a domain.
pub(crate) fn push_reversed(
    host: &str,
    rule: LabelRule,
    www: Www,
    out: &mut String,
) -> Result<(), Skipped> {
    let start = out.len();
    let pushed = push_labels(host.strip_suffix('.').unwrap_or(host), rule, www, out);
    if pushed.is_err() {
        out.truncate(start);
    }
    pushed
}

fn push_labels(host: &str, rule: LabelRule, www: Www, out: &mut String) -> Result<(), Skipped> {
    // Common Crawl's job counts characters, before punycode; its rule is checked by the caller.
    if rule == LabelRule::Anywhere && host.len() > 253 {
        return Err(Skipped::BadHost);
    }
    let start = out.len();
    out.reserve(host.len());
    let (mut rest, mut num_labels) = (Some(host), 0);
    while let Some(name) = rest {
        // Labels are too short for a search by vectors.
        let dot = name.bytes().rposition(|byte| byte == b'.');
        let label = &name[dot.map_or(0, |dot| dot + 1)..];
        rest = dot.map(|dot| &name[..dot]);
        if !rule.accepts(label.as_bytes()) {
            return Err(Skipped::BadHost);
        }
        if num_labels > 0 {
            out.push('.');
        }
        out.push_str(label);
        num_labels += 1;
    }
    if num_labels < 2 {
        return Err(Skipped::SingleLabel);
    }
    out[start..].make_ascii_lowercase();
    if www == Www::Strip && num_labels > 2 && out.ends_with(".www") {
        out.truncate(out.len() - ".www".len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_name_of_a_host_is_a_host(url in r"https?://([a-zA-Z0-9é.。ß_%-]|\PC){1,20}\.[a-z0-9é]{1,3}\.?(:80)?/?") {
            let options = Options::default();
            if let Ok(host) = Host::from_url(url.as_bytes(), &options) {
                prop_assert_eq!(Host::parse(host.forward(), &options), Ok(host));
            }
        }
    }

    #[test]
    fn labels_are_checked_and_reversed() {
        let reversed = |host: &str, rule, www| {
            let mut out = "before:".to_owned();
            let result = push_reversed(host, rule, www, &mut out);
            assert!(
                out.starts_with("before:") && (result.is_ok() || out == "before:"),
                "{out}"
            );
            result.map(|()| out["before:".len()..].to_owned())
        };
        let anywhere = |host| reversed(host, LabelRule::Anywhere, Www::Keep);
        assert_eq!(
            anywhere("WWW.Example.COM").as_deref(),
            Ok("com.example.www")
        );
        assert_eq!(anywhere("example.com.").as_deref(), Ok("com.example"));
        assert_eq!(anywhere("_dmarc.-x-.com").as_deref(), Ok("com.-x-._dmarc"));
        assert_eq!(
            reversed("_dmarc.x.com", LabelRule::AlphanumericEnds, Www::Keep),
            Err(Skipped::BadHost)
        );
        assert_eq!(anywhere("localhost"), Err(Skipped::SingleLabel));
        for bad in [
            "",
            ".",
            "a..b",
            ".a.b",
            "a.b..",
            "a b.c",
            "a!b.c",
            &format!("{}.com", "a".repeat(64)),
            &"a.".repeat(128),
        ] {
            assert_eq!(anywhere(bad), Err(Skipped::BadHost), "{bad}");
        }
    }

    #[test]
    fn www_goes_only_if_two_labels_remain() {
        let stripped = |host| {
            let mut out = String::new();
            push_reversed(host, LabelRule::Anywhere, Www::Strip, &mut out).map(|()| out)
        };
        assert_eq!(stripped("www.example.com").as_deref(), Ok("com.example"));
        assert_eq!(stripped("www.com").as_deref(), Ok("com.www"));
        assert_eq!(
            stripped("www.www.example.com").as_deref(),
            Ok("com.example.www")
        );
        assert_eq!(
            stripped("www1.example.com").as_deref(),
            Ok("com.example.www1")
        );
    }

    #[test]
    fn a_name_is_not_a_url() {
        let options = Options::default();
        assert_eq!(
            Host::parse("Example.com", &options)
                .map(|host| host.reversed())
                .as_deref(),
            Ok("com.example")
        );
        assert_eq!(
            Host::parse("user@example.com", &options),
            Err(Skipped::BadHost)
        );
    }
}
