//! Captures of robots.txt in WARC records: what a server answered when it was asked for the file.

use std::borrow::Cow;

use crawlrank_warc::http::Head;
use crawlrank_warc::{Record, RecordType};
use url::Url;

use crate::payload::{self, Content};

/// The answer to a request for a host's robots.txt.
#[derive(Debug)]
pub struct Capture<'a> {
    /// The host, lower case, in punycode.
    pub host: String,
    /// The address, as the record has it.
    pub url: String,
    /// Milliseconds since 1970; nothing when the record does not say.
    pub fetched_at: Option<i64>,
    /// The status.
    pub status: u16,
    /// The body: of a 2xx answer its content, at most one byte more than the limit where it had been encoded; else as stored.
    pub body: Cow<'a, [u8]>,
    /// Whether the crawler cut the body.
    pub is_truncated: bool,
}

/// What a record turned out to be.
#[derive(Debug)]
pub enum Found<'a> {
    /// A capture of a robots.txt.
    Capture(Capture<'a>),
    /// An answer, or what stands for one, that is left out, and why.
    Skipped(&'static str),
    /// A record of another kind: a request, or facts about the file.
    Other,
}

/// Looks into a record. `max_bytes` is as much as the parser wants of a body.
pub fn look(record: &Record, max_bytes: usize) -> Found<'_> {
    match record.record_type() {
        RecordType::Response => {}
        RecordType::Revisit => return Found::Skipped("revisit"),
        _ => return Found::Other,
    }
    let uri = record.target_uri().unwrap_or_default();
    if !is_robots_txt(uri) {
        return Found::Skipped("not_robots_txt");
    }
    let Some((host, url)) = host_of(uri) else {
        return Found::Skipped("bad_url");
    };
    let block = record.block();
    let Some(head) = Head::parse(block) else {
        return Found::Skipped("not_http");
    };
    let Some(status) = head.status() else {
        return Found::Skipped("no_status");
    };
    let stored = &block[head.body()..];
    let body = match (200..300).contains(&status) {
        true => {
            let content = payload::content(
                stored,
                head.all("Transfer-Encoding"),
                head.all("Content-Encoding"),
                max_bytes,
            );
            // Rules that are missing would be taken for none.
            let content = content.and_then(Content::of_whole_coding);
            content.map(|content| content.bytes)
        }
        false => Some(Cow::Borrowed(stored)),
    };
    let Some(body) = body else {
        return Found::Skipped("body_encoded");
    };
    Found::Capture(Capture {
        host,
        url,
        fetched_at: record.date().and_then(milliseconds_since_1970),
        status,
        body,
        is_truncated: record.is_truncated(),
    })
}

/// Says whether the path of an address is `/robots.txt` (RFC 9309, section 2.3), with or without a query.
fn is_robots_txt(uri: &[u8]) -> bool {
    let end = uri.iter().position(|byte| matches!(byte, b'?' | b'#'));
    let before = &uri[..end.unwrap_or(uri.len())];
    let Some(authority) = before.strip_suffix(b"/robots.txt") else {
        return false;
    };
    // Nothing but scheme and authority comes before.
    authority
        .iter()
        .filter(|&&byte| byte == b'/')
        .count()
        .eq(&2)
}

/// The host of an http or https address, and the address as text.
fn host_of(uri: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(uri).ok()?;
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host); // then just fully qualified
    let is_host = !host.is_empty();
    let is_http = matches!(url.scheme(), "http" | "https");
    (is_host && is_http).then(|| (host.to_owned(), text.to_owned()))
}

/// Reads a date as WARC has it: `2026-11-01T00:17:04Z`, with up to nine digits of a fraction (WARC 1.1, section 5.4).
fn milliseconds_since_1970(date: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(date.trim_ascii()).ok()?;
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let form = b"0000-00-00T00:00:00";
    let fits = |(found, form): (u8, &u8)| match form {
        b'0' => found.is_ascii_digit(),
        other => found == *other,
    };
    if whole.len() != form.len() || !whole.bytes().zip(form).all(fits) {
        return None;
    }
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| whole[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let milliseconds: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1000 + milliseconds)
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the calendar, for years from 0 (Howard Hinnant, "chrono-compatible low-level date algorithms": `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is their last.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::read::utc;

    #[test]
    fn dates_are_read_as_they_are_shown() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59Z",
            "2026-11-01T00:17:04Z",
            "2100-03-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
        ] {
            let found = milliseconds_since_1970(text.as_bytes()).unwrap();
            assert_eq!(utc(found.div_euclid(1000)), text);
        }
        assert_eq!(
            milliseconds_since_1970(b"1970-01-01T00:00:00.0259Z"),
            Some(25)
        );
        assert_eq!(
            milliseconds_since_1970(b"1970-01-01T00:00:01.5Z"),
            Some(1500)
        );
        for text in [
            "",
            "Z",
            "2026-11-01",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-01T24:00:00Z",
            "2026-11-01T00:00:00",
            "2026-11-01T00:00:00.Z1Z",
            "20261101000000",
            "+026-11-01T00:00:00Z",
            "2026-11-0\u{e9}T00:00:00Z",
        ] {
            assert_eq!(milliseconds_since_1970(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_the_file_at_the_root_is_one() {
        for (uri, is) in [
            ("https://a.example/robots.txt", true),
            ("http://a.example:8080/robots.txt?x=/y", true),
            ("http://[::1]/robots.txt#/x", true),
            ("https://a.example/x/robots.txt", false),
            ("https://a.example/robots.txt/", false),
            ("https://a.example/Robots.txt", false),
            ("https://a.example/?/robots.txt", false),
            ("/robots.txt", false),
            ("robots.txt", false),
        ] {
            assert_eq!(is_robots_txt(uri.as_bytes()), is, "{uri}");
        }
    }

    #[test]
    fn hosts_are_those_of_a_browser() {
        let host = |uri: &str| host_of(uri.as_bytes()).map(|(host, _)| host);
        assert_eq!(
            host("https://WWW.B\u{fc}cher.example/robots.txt").unwrap(),
            "www.xn--bcher-kva.example"
        );
        assert_eq!(host("http://127.1/robots.txt").unwrap(), "127.0.0.1");
        assert_eq!(host("ftp://a.example/robots.txt"), None);
        assert_eq!(host("http://a b/robots.txt"), None);
    }
}
