//! From a URL to what rules are compared with: its path and query.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::bytes::{find_byte, find_path_start, head};
use crate::canonical::{OctetSet, canonical_path, is_canonical_path};

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
    /// is as good as a URL; a URL without a path has the path `/`. Never fails: the caller knows what it will fetch.
    #[inline]
    pub fn new<U: AsRef<[u8]> + ?Sized>(url: &'u U) -> UrlPath<'u> {
        let url = url.as_ref();
        let path = path_and_beyond(url);
        let octets = OctetSet::of(path);
        if octets.is_plain() && path.first() == Some(&b'/') {
            return UrlPath {
                head: head(&path[1..]),
                octets,
                path: Cow::Borrowed(path),
            };
        }
        UrlPath::from_unusual(path)
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

    #[cold]
    fn from_unusual(path: &'u [u8]) -> UrlPath<'u> {
        let path = &path[..find_byte(path, 0, b'#')];
        let has_slash = path.first() == Some(&b'/');
        let path = if path.is_empty() {
            Cow::Borrowed(b"/".as_slice())
        } else if has_slash && is_canonical_path(path) {
            Cow::Borrowed(path)
        } else {
            let mut canonical = Vec::new();
            if !has_slash {
                canonical.push(b'/');
            }
            canonical_path(path, &mut canonical);
            Cow::Owned(canonical)
        };
        UrlPath {
            head: head(&path[1..]),
            octets: OctetSet::of(&path),
            path,
        }
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
