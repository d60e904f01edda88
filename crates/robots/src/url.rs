//! From a URL to what rules are compared with: its path and query.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::bytes::{find_byte, find_path_start, head};
use crate::canonical::{OctetSet, canonical_path, has_canonical_escapes};

/// Path and query of a URL in canonical form, made once and asked of many files or agents.
#[derive(Clone, Debug)]
pub struct UrlPath<'u> {
    path: Cow<'u, [u8]>,
    /// The eight octets after the leading slash, which most rules differ in.
    pub(crate) head: u64,
    /// The octets in the path.
    pub(crate) octets: OctetSet,
}

impl<'u> UrlPath<'u> {
    /// Takes scheme, authority and fragment off a URL and normalizes the rest (RFC 9309, section 2.2.2). A path alone
    /// is as good as a URL, unless it begins with `//`, which an authority follows ([`UrlPath::from_path`] takes those); a
    /// URL without a path has the path `/`. Never fails: the caller knows what it will fetch.
    #[inline]
    pub fn new<U: AsRef<[u8]> + ?Sized>(url: &'u U) -> UrlPath<'u> {
        UrlPath::normalize(path_and_beyond(url.as_ref()))
    }

    /// Takes a path with its query as it is, also one that begins with `//`; a fragment is taken off.
    #[must_use]
    pub fn from_path<P: AsRef<[u8]> + ?Sized>(path: &'u P) -> UrlPath<'u> {
        UrlPath::normalize(path.as_ref())
    }

    #[inline]
    fn normalize(path: &'u [u8]) -> UrlPath<'u> {
        let octets = OctetSet::of(path);
        let is_canonical =
            octets.is_plain() || octets.is_plain_but_for_escapes() && has_canonical_escapes(path);
        if is_canonical && path.first() == Some(&b'/') {
            UrlPath::from_canonical(Cow::Borrowed(path), octets)
        } else {
            UrlPath::from_unusual(path)
        }
    }

    /// The path and query in canonical form; begins with `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.path
    }

    /// Whether it is the path of the robots.txt itself, which every agent may fetch (RFC 9309, section 2.2.2).
    #[inline]
    pub(crate) fn is_robots_txt(&self) -> bool {
        *self.path == *b"/robots.txt"
    }

    #[inline]
    fn from_canonical(path: Cow<'u, [u8]>, octets: OctetSet) -> UrlPath<'u> {
        let head = head(&path[1..]);
        UrlPath { path, head, octets }
    }

    #[cold]
    fn from_unusual(path: &'u [u8]) -> UrlPath<'u> {
        let path = &path[..find_byte(path, 0, b'#')];
        let mut canonical = Vec::new();
        if path.first() != Some(&b'/') {
            canonical.push(b'/');
        }
        canonical_path(path, &mut canonical);
        let octets = OctetSet::of(&canonical);
        UrlPath::from_canonical(Cow::Owned(canonical), octets)
    }
}

/// The URL from the first `/`, `?`, `;` or `#` that is not of its scheme or authority, as Google's
/// `GetPathParamsQuery`. Beginning with `#`, or empty, it has no path.
#[inline]
fn path_and_beyond(url: &[u8]) -> &[u8] {
    // Where its first two slashes are is known of nearly all URLs.
    let mut start = if url.starts_with(b"https://") {
        6
    } else if url.starts_with(b"http://") {
        5
    } else {
        find_path_start(url, if url.starts_with(b"//") { 2 } else { 0 })
    };
    // `://` ends a scheme only where no path has begun before it.
    if url[..start].ends_with(b":") && url[start..].starts_with(b"//") {
        start = find_path_start(url, start + 2);
    }
    &url[start..]
}
