//! For how long a response may be used, by its headers: `Cache-Control`, `Expires`, `Date` and `Age` of RFC 9111, sections
//! 4.2 and 5, and `Retry-After` of RFC 9110, section 10.2.3.
//!
//! A crawler is a private cache, which `s-maxage` does not concern. There is no clock here: a time counts from the `Date`
//! beside it, and says nothing without one.

use alloc::vec::Vec;
use core::time::Duration;

use crate::access::HeaderField;

/// What is left of the lifetime that a response was given, at its receipt; `None` where nothing was said.
pub(crate) fn lifetime(headers: &[HeaderField<'_>]) -> Option<Duration> {
    let stated = max_age(headers).or_else(|| expires(headers))?;
    let age = values(headers, "age").find_map(seconds).unwrap_or(0);
    Some(Duration::from_secs(stated.saturating_sub(age)))
}

/// How long a server asks to be left alone.
pub(crate) fn retry_after(headers: &[HeaderField<'_>]) -> Option<Duration> {
    let value = values(headers, "retry-after").next()?;
    let seconds = seconds(value).or_else(|| since_date(headers, http_date(value)?))?;
    Some(Duration::from_secs(seconds))
}

fn values<'h>(headers: &[HeaderField<'h>], name: &str) -> impl Iterator<Item = &'h str> {
    headers
        .iter()
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// The seconds of `Cache-Control`: none where a response must not be used again without asking. Of two statements the
/// first counts, and one that cannot be read means that the response is stale (RFC 9111, section 4.2.1).
fn max_age(headers: &[HeaderField<'_>]) -> Option<u64> {
    let mut max_age = None;
    for directive in values(headers, "cache-control").flat_map(directives) {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (directive, None),
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if value.is_none() && (is("no-cache") || is("no-store")) {
            return Some(0);
        }
        if is("max-age") && max_age.is_none() {
            // Quoted, too: section 5.2.
            max_age = Some(seconds(value.unwrap_or("").trim_matches('"')).unwrap_or(0));
        }
    }
    max_age
}

/// What the commas part that stand in no quotes.
fn directives(value: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = value.split(move |c: char| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    parts.map(str::trim)
}

/// The seconds from `Date` to `Expires`. What is no date, `0` above all, lies in the past (RFC 9111, section 5.3).
fn expires(headers: &[HeaderField<'_>]) -> Option<u64> {
    match http_date(values(headers, "expires").next()?) {
        Some(expires) => since_date(headers, expires),
        None => Some(0),
    }
}

/// The seconds from the `Date` of the response to another time.
fn since_date(headers: &[HeaderField<'_>], time: i64) -> Option<u64> {
    let date = http_date(values(headers, "date").next()?)?;
    Some(time.saturating_sub(date).max(0).unsigned_abs())
}

fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX)) // too large a number is a large one (section 1.2.2)
}

/// The seconds of a date, from a day that is the same for all of them (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text
        .split([' ', ',', '-'])
        .filter(|part| !part.is_empty())
        .take(7)
        .collect();
    let (year, month, day, time) = match *parts {
        // `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`
        [_, day, month, year, time, "GMT"] => (year, month, day, time),
        // `Sun Nov  6 08:49:37 1994`
        [_, month, day, time, year] => (year, month, day, time),
        _ => return None,
    };
    let number = |text: &str, up_to: i64| {
        let number = (text.len() <= 4).then(|| seconds(text))??;
        i64::try_from(number).ok().filter(|number| *number <= up_to)
    };
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year = match (number(year, 9999)?, year.len()) {
        (year @ 70.., 2) => 1900 + year,
        (year, 2) => 2000 + year,
        (year, _) => year,
    };
    let day = days(year, month, number(day, 31)?);
    let mut clock = time.split(':');
    let mut next = |up_to| number(clock.next()?, up_to);
    let (hours, minutes, seconds) = (next(23)?, next(59)?, next(60)?);
    Some(((day * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// The number of a day in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have the day that may be missing at their end.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: HeaderField<'_> = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");

    fn lifetime_of(headers: &[HeaderField<'_>]) -> Option<u64> {
        lifetime(headers).map(|lifetime| lifetime.as_secs())
    }

    /// RFC 9110, section 5.6.7: the examples are one time, 784,111,777 seconds after 1970.
    #[test]
    fn dates_have_three_forms() {
        let epoch = http_date("Thu, 01 Jan 1970 00:00:00 GMT").unwrap();
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(text).unwrap() - epoch, 784_111_777, "{text}");
        }
        // The last second of a leap year's February, and the first of March, of years that 100 and 400 divide.
        for (year, days) in [("1900", 1), ("1996", 2), ("2000", 2), ("2023", 1)] {
            let time = |day: &str| {
                http_date(&["Mon, ", day, " ", year, " 00:00:00 GMT"].concat()).unwrap()
            };
            assert_eq!(time("01 Mar") - time("28 Feb"), days * 86400, "{year}");
        }
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 24:00:00 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    /// RFC 9111, sections 4.2.1, 5.2.2 and 5.3.
    #[test]
    fn max_age_comes_before_expires() {
        let hour_later = ("expires", "Sun, 06 Nov 1994 09:49:37 GMT");
        for (headers, expected) in [
            (&[][..], None),
            (&[("Content-Type", "text/plain"), DATE], None),
            (&[("cache-control", "public, MAX-AGE=60")], Some(60)),
            (&[("Cache-Control", "max-age=\"60\"")], Some(60)),
            (&[("Cache-Control", "max-age=60, max-age=5")], Some(60)),
            (
                &[("Cache-Control", "public"), ("Cache-Control", "max-age=60")],
                Some(60),
            ),
            (
                &[("Cache-Control", "max-age=99999999999999999999")],
                Some(u64::MAX),
            ),
            (&[("Cache-Control", "max-age=soon")], Some(0)),
            (&[("Cache-Control", "s-maxage=60")], None),
            (&[("Cache-Control", "max-age=60, no-cache")], Some(0)),
            (&[("Cache-Control", "no-store")], Some(0)),
            // A field list: it is those fields that must not be used again.
            (
                &[("Cache-Control", "no-cache=\"a, no-store\", max-age=60")],
                Some(60),
            ),
            (&[DATE, hour_later], Some(3600)),
            (&[hour_later], None),
            (&[("Expires", "0")], Some(0)),
            (
                &[DATE, hour_later, ("Cache-Control", "max-age=60")],
                Some(60),
            ),
            (&[("Date", hour_later.1), ("Expires", DATE.1)], Some(0)),
        ] {
            assert_eq!(lifetime_of(headers), expected, "{headers:?}");
        }
    }

    /// RFC 9111, section 5.1: `Age` is the time since the origin generated or validated the response.
    #[test]
    fn time_in_other_caches_counts() {
        let with_age = |age| lifetime_of(&[("Cache-Control", "max-age=600"), ("Age", age)]);
        assert_eq!(with_age("100"), Some(500));
        assert_eq!(with_age("700"), Some(0));
        assert_eq!(with_age("old"), Some(600));
    }

    /// RFC 9110, section 10.2.3.
    #[test]
    fn retry_after_is_a_delay_or_a_date() {
        let retry = |headers: &[_]| retry_after(headers).map(|after| after.as_secs());
        assert_eq!(retry(&[("Retry-After", "120")]), Some(120));
        let minute_later = ("Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT");
        assert_eq!(retry(&[DATE, minute_later]), Some(60));
        assert_eq!(retry(&[minute_later]), None);
        assert_eq!(retry(&[("Retry-After", "later")]), None);
        assert_eq!(retry(&[("Age", "120")]), None);
    }
}
