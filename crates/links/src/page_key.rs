//! Keys of pages: normalised URLs in an order that keeps hosts and domains together.
//!
//! A key is `com,example,www)/path?query` for `https://www.example.com/path?query`: the labels of the host reversed, then path and query as the
//! URL standard writes them, as in the SURT form that web archives sort by. Schemes are *not* folded into one another: `http` is written
//! `com,example,www+http)/path`, which sorts next to its `https` twin, and a port other than the scheme's own follows as `:8080`. Fragment, user
//! and password are no part of a page and are dropped. [`url_of_page_key`] gives the URL back.

use url::Url;

use crate::host::reverse_host;
use crate::{Skipped, Www, browser};

/// Appends the key of a parsed URL.
pub(crate) fn push_page_key(url: &Url, out: &mut String) -> Result<(), Skipped> {
    let start = out.len();
    browser::push_host_of(url, Www::Keep, out)?;
    // Labels hold no comma, so every dot is a separator.
    let labels = out.split_off(start);
    out.extend(
        labels
            .chars()
            .map(|char| if char == '.' { ',' } else { char }),
    );
    if url.scheme() == "http" {
        out.push_str("+http");
    }
    if let Some(port) = url.port() {
        out.push(':');
        out.push_str(&port.to_string());
    }
    out.push(')');
    out.push_str(url.path());
    if let Some(query) = url.query() {
        out.push('?');
        out.push_str(query);
    }
    Ok(())
}

/// Returns the key of an absolute `http` or `https` URL.
///
/// # Errors
///
/// The reason why the URL cannot be a node.
///
/// # Examples
///
/// ```
/// use crawlrank_links::{page_key, url_of_page_key};
///
/// let key = page_key("http://www.Example.com:8080/a/../b?q=1#top")?;
/// assert_eq!(key, "com,example,www+http:8080)/b?q=1");
/// assert_eq!(url_of_page_key(&key).as_deref(), Some("http://www.example.com:8080/b?q=1"));
/// # Ok::<(), crawlrank_links::Skipped>(())
/// ```
pub fn page_key(url: &str) -> Result<String, Skipped> {
    let mut key = String::new();
    push_page_key(&browser::resolve(url, None)?, &mut key)?;
    Ok(key)
}

/// Returns the URL of a page key, `None` if it is no key.
pub fn url_of_page_key(key: &str) -> Option<String> {
    let (authority, path) = key.split_once(')')?;
    let (authority, port) = authority
        .split_once(':')
        .map_or((authority, None), |(authority, port)| {
            (authority, Some(port))
        });
    let (labels, scheme) = authority
        .strip_suffix("+http")
        .map_or((authority, "https"), |labels| (labels, "http"));
    let mut host = String::new();
    reverse_host(&labels.replace(',', "."), &mut host);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    path.starts_with('/')
        .then(|| format!("{scheme}://{host}{port}{path}"))
}

/// Returns the reversed host name of a page key.
pub fn host_of_page_key(key: &str) -> Option<String> {
    let (authority, _) = key.split_once(')')?;
    let labels = authority.split([':', '+']).next()?;
    Some(labels.replace(',', "."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_sort_by_host_and_give_the_url_back() {
        let mut urls = [
            "https://example.com.br/",
            "https://www.example.com/",
            "http://example.com/b",
            "https://example.com/b",
            "https://example.com:444/",
            "https://example.com/a?x",
            "https://example-shop.com/",
        ];
        urls.sort_by_key(|url| page_key(url).expect("a good URL"));
        let sorted = [
            "https://example.com.br/",
            "https://example.com/a?x",
            "https://example.com/b",
            "http://example.com/b",
            "https://www.example.com/",
            "https://example-shop.com/",
            "https://example.com:444/",
        ];
        assert_eq!(urls, sorted);
        assert_eq!(
            host_of_page_key("com,example,www+http:81)/a,b)c").as_deref(),
            Some("com.example.www")
        );
        for no_key in ["", "com,example", "com,example)x"] {
            assert_eq!(url_of_page_key(no_key), None, "{no_key}");
        }
    }

    proptest! {
        #[test]
        fn key_and_url_are_two_forms_of_one_thing(url in r"https?://[a-z]{1,3}\.[a-z0-9é-]{1,5}\.com(:[0-9]{1,4})?(/[a-z.%):, é?]{0,12})?(#x)?") {
            if let Ok(key) = page_key(&url) {
                let url_again = url_of_page_key(&key).expect("a key has a URL");
                prop_assert_eq!(page_key(&url_again), Ok(key));
                let mut normal = Url::parse(&url).expect("it had a key");
                normal.set_fragment(None);
                prop_assert_eq!(url_again, normal.as_str());
            }
        }
    }
}
