//! What the headers of an answer promise of a file's bytes: lengths, ranges, validators, and how long to wait.
//!
//! Everything here is a claim of a server's. Claims are compared with one another and with the bytes that come, and
//! nothing is allocated by them.

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;

/// Which bytes of the file an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The first of them.
    pub start: u64,
    /// Bytes of the whole file; nothing when the answer does not say.
    pub total: Option<u64>,
}

/// The claims of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `Content-Length`: bytes of this answer's body.
    pub length: Option<u64>,
    /// Whether the body ends by a mark of its own (`Transfer-Encoding: chunked`).
    pub is_chunked: bool,
    /// `Content-Range`, as first byte, last byte and length of the file (RFC 9110, section 14.4).
    pub range: Option<(u64, u64, Option<u64>)>,
    /// The length in `Content-Range: bytes */N` of an answer 416.
    pub unsatisfied: Option<u64>,
    /// The strong `ETag`: the only validator by which parts of a file may be put together (RFC 9110, section 13.1.5).
    pub validator: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl Claims {
    /// Reads the headers of an answer that came `now`, unless it says itself when.
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // The server's own clock, not ours, is what its dates are of.
        let sent = text("date").and_then(|date| httpdate::parse_http_date(date).ok());
        let now = sent.unwrap_or(now);
        let content_range = text("content-range").and_then(|value| value.strip_prefix("bytes "));
        let is_chunked = text("transfer-encoding")
            .is_some_and(|codings| codings.to_ascii_lowercase().contains("chunked"));
        Claims {
            // The library has refused headers that contradict one another.
            length: match is_chunked {
                true => None,
                false => text("content-length").and_then(number),
            },
            is_chunked,
            range: content_range.and_then(range),
            unsatisfied: content_range
                .and_then(|range| range.strip_prefix("*/"))
                .and_then(number),
            validator: text("etag")
                .filter(|tag| tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'))
                .map(str::to_owned),
            retry_after: text("retry-after").and_then(|value| retry_after(value, now)),
        }
    }

    /// The bytes that an answer 200 carries.
    pub fn whole(&self) -> Carried {
        Carried {
            start: 0,
            total: self.length,
        }
    }

    /// The bytes that an answer 206 carries, when it is what was asked for: everything from `start` on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn rest(&self, start: u64) -> Result<Carried, String> {
        let Some((first, last, total)) = self.range else {
            return Err("a part of the file without saying which".to_owned());
        };
        if first != start {
            return Err(format!(
                "the bytes from {first} on, not those from {start} on"
            ));
        }
        if total.is_some_and(|total| last.checked_add(1) != Some(total)) {
            return Err(format!("bytes up to {last} only"));
        }
        let length = last - first + 1;
        if self.length.is_some_and(|stated| stated != length) {
            return Err("a length that is not that of the range".to_owned());
        }
        Ok(Carried { start, total })
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// `first-last/total` or `first-last/*`, in order.
fn range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (ends, total) = text.split_once('/')?;
    let (first, last) = ends.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let total = match total {
        "*" => None,
        total => Some(number(total)?),
    };
    let is_in_order = first <= last && total.is_none_or(|total| last < total);
    is_in_order.then_some((first, last, total))
}

/// Seconds, or a date (RFC 9110, section 10.2.3). A date in the past is no wait.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(number(text).unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(headers: &[(&'static str, &str)]) -> Claims {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Claims::of(&headers.collect(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_strong_validator_counts_and_a_weak_one_does_not() {
        for (tag, counts) in [
            ("\"a-1\"", true),
            ("W/\"a-1\"", false),
            ("a", false),
            ("\"", false),
        ] {
            let validator = claims(&[("etag", tag)]).validator;
            assert_eq!(validator.is_some(), counts, "{tag}");
        }
    }

    #[test]
    fn a_wait_is_a_number_or_a_date() {
        let wait = |text: &str| claims(&[("retry-after", text)]).retry_after;
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        let date = "Thu, 01 Jan 1970 00:01:30 GMT";
        assert_eq!(wait(date), Some(Duration::from_secs(90)));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("soon"), None);
        let forever = Duration::from_secs(u64::MAX);
        assert_eq!(wait("99999999999999999999"), Some(forever));
        let sent = claims(&[
            ("retry-after", date),
            ("date", "Thu, 01 Jan 1970 00:01:00 GMT"),
        ]);
        assert_eq!(sent.retry_after, Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_part_must_be_the_one_that_was_asked_for() {
        let rest = |range: &str, length: &str| {
            claims(&[("content-range", range), ("content-length", length)]).rest(10)
        };
        let whole = Carried {
            start: 10,
            total: Some(30),
        };
        assert_eq!(rest("bytes 10-29/30", "20"), Ok(whole));
        for (range, length) in [
            ("bytes 0-29/30", "30"),
            ("bytes 11-29/30", "19"),
            ("bytes 10-20/30", "11"),
            ("bytes 10-29/30", "30"),
            ("bytes 10-40/30", "31"),
            ("bytes 29-10/30", "20"),
            ("bytes */30", "20"),
            ("chars 10-29/30", "20"),
            ("bytes 10-18446744073709551615/18446744073709551615", "1"),
        ] {
            assert!(rest(range, length).is_err(), "{range}");
        }
        assert_eq!(
            claims(&[("content-range", "bytes */30")]).unsatisfied,
            Some(30)
        );
    }

    #[test]
    fn chunks_have_no_length_whatever_is_claimed() {
        let both = claims(&[("transfer-encoding", "Chunked"), ("content-length", "5")]);
        assert_eq!((both.length, both.is_chunked), (None, true));
    }
}
