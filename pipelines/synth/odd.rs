//! Links whose host is written oddly, with the host that each profile takes from them.
//!
//! The answers are part of the table: they come from Common Crawl's rules (`cc`) and from the
//! URL Standard (`browser`), never from our own extractor, so that they can prove it wrong. Forms on
//! which the two standards leave room (one label only, empty labels, a trailing dot) are left out.

/// Whom a link points to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Answer {
    /// The well-formed host that was put in the place of `{host}`.
    Host,
    /// This host, whatever was put in.
    Fixed(&'static str),
    /// Nobody: the link is dropped.
    Nobody,
}

/// One way to write a URL.
pub(super) struct Odd {
    /// `{host}` and `{path}` are filled in; the path has no leading slash.
    pub(super) url: &'static str,
    pub(super) cc: Answer,
    pub(super) browser: Answer,
}

const fn both(url: &'static str, answer: Answer) -> Odd {
    Odd {
        url,
        cc: answer,
        browser: answer,
    }
}

const fn differ(url: &'static str, cc: Answer, browser: Answer) -> Odd {
    Odd { url, cc, browser }
}

use Answer::{Fixed, Host, Nobody};

/// All forms; each is as likely as the others.
pub(super) const FORMS: [Odd; 29] = [
    both("http://192.0.2.17/{path}", Nobody),
    both("http://www.192.0.2.18/{path}", Nobody),
    both("http://[2001:db8::17]:8080/{path}", Nobody),
    both("http://2130706433/{path}", Nobody),
    both("http://999.1.2.3/{path}", Nobody),
    both("http://", Nobody),
    both("https://#top", Nobody),
    both("http://%zz.example/{path}", Nobody),
    both("http://user:secret@{host}/{path}", Host),
    both("https://{host}:8443/{path}", Host),
    both("https://{host}:443/{path}", Host),
    both("HTTPS://{host}/{path}", Host),
    both("https://{host}?id=17", Host),
    both("https://{host}#top", Host),
    both(
        "https://müller-bäckerei.example/{path}",
        Fixed("xn--mller-bckerei-hfb76a.example"),
    ),
    both(
        "https://faß-bier.example/{path}",
        Fixed("xn--fa-bier-1va.example"),
    ),
    both(
        "https://пример.example/{path}",
        Fixed("xn--e1afmkfd.example"),
    ),
    both(
        "http://BÜCHER.example/{path}",
        Fixed("xn--bcher-kva.example"),
    ),
    both("http://old_name.example/{path}", Fixed("old_name.example")),
    // IDNA 2008 knows no emoji, no full-width letters, no soft hyphens; browsers map them (UTS 46).
    differ(
        "https://👍shop.example/{path}",
        Nobody,
        Fixed("xn--shop-pi63c.example"),
    ),
    differ(
        "https://ｗｉｄｅ.example/{path}",
        Nobody,
        Fixed("wide.example"),
    ),
    differ(
        "https://soft\u{ad}hyphen.example/{path}",
        Nobody,
        Fixed("softhyphen.example"),
    ),
    differ(
        "http://perc%65nt.example/{path}",
        Nobody,
        Fixed("percent.example"),
    ),
    // Any label of digits and letters is a name for Python, an IPv4 address for a browser.
    differ("http://0x7f.0.0.1/{path}", Fixed("0x7f.0.0.1"), Nobody),
    differ("http://{host}\\{path}", Nobody, Host),
    differ("http:///{host}/{path}", Nobody, Host),
    differ(" https://{host}/{path}", Nobody, Host),
    differ("https://{host} /{path}", Host, Nobody),
    differ("http://{host}:port/{path}", Host, Nobody),
];

/// The hosts that `Fixed` answers name.
pub(super) fn fixed_hosts() -> impl Iterator<Item = &'static str> {
    FORMS
        .iter()
        .flat_map(|form| [form.cc, form.browser])
        .filter_map(|answer| match answer {
            Fixed(host) => Some(host),
            Host | Nobody => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_name_a_host_only_where_they_promise_one() {
        for form in &FORMS {
            let promises = form.cc == Host || form.browser == Host;
            assert_eq!(form.url.contains("{host}"), promises, "{}", form.url);
        }
    }
}
