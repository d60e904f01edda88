//! Values of the lines that are not rules: delays, rates, times. None has a specification; these are the forms in use.

use core::time::Duration;

/// `Request-rate: 1/10m 0600-0845`: so many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// At least 1.
    pub requests: u32,
    /// Longer than zero.
    pub period: Duration,
    /// When it holds; always if `None`.
    pub time: Option<VisitTime>,
}

/// `Visit-time: 0600-0845`: a time of day, in UTC. The end may lie before the start: over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitTime {
    /// Minutes since midnight, below 1,440.
    pub start_minute: u16,
    /// Minutes since midnight, below 1,440.
    pub end_minute: u16,
}

impl VisitTime {
    /// Whether a minute of the day, from 0 to 1,439, lies within; the minute of the end does, too.
    #[must_use]
    pub fn contains(&self, minute: u16) -> bool {
        if self.start_minute <= self.end_minute {
            (self.start_minute..=self.end_minute).contains(&minute)
        } else {
            minute >= self.start_minute || minute <= self.end_minute
        }
    }
}

/// Seconds as a decimal number, without sign or exponent.
pub(crate) fn crawl_delay(value: &[u8]) -> Option<Duration> {
    let text = core::str::from_utf8(value).ok()?;
    if text
        .bytes()
        .any(|byte| !byte.is_ascii_digit() && byte != b'.')
    {
        return None;
    }
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// `requests/period`, the period in seconds or with `s`, `m`, `h` or `d`, one second where there is none; a time of
/// day may follow.
pub(crate) fn request_rate(value: &[u8]) -> Option<RequestRate> {
    let text = core::str::from_utf8(value).ok()?;
    let (rate, time) = match text.split_once([' ', '\t']) {
        Some((rate, rest)) => (
            rate,
            Some(visit_time(
                rest.split_ascii_whitespace().next()?.as_bytes(),
            )?),
        ),
        None => (text, None),
    };
    let (requests, period) = rate.split_once('/').unwrap_or((rate, "1"));
    let (number, unit) = match period.bytes().last()?.to_ascii_lowercase() {
        b's' => (&period[..period.len() - 1], 1),
        b'm' => (&period[..period.len() - 1], 60),
        b'h' => (&period[..period.len() - 1], 3600),
        b'd' => (&period[..period.len() - 1], 86400),
        _ => (period, 1),
    };
    let positive = |digits: &str| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()); // `parse` would take a sign
        digits
            .parse()
            .ok()
            .filter(|number: &u32| is_number && *number > 0)
    };
    let (requests, number) = (positive(requests)?, positive(number)?);
    Some(RequestRate {
        requests,
        period: Duration::from_secs(u64::from(number) * unit),
        time,
    })
}

/// `HHMM-HHMM`.
pub(crate) fn visit_time(value: &[u8]) -> Option<VisitTime> {
    let minute = |digits: &[u8]| {
        let [h1, h2, m1, m2] = *<&[u8; 4]>::try_from(digits).ok()?;
        if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |tens: u8, ones: u8| u16::from(tens - b'0') * 10 + u16::from(ones - b'0');
        let (hours, minutes) = (number(h1, h2), number(m1, m2));
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let dash = value.iter().position(|byte| *byte == b'-')?;
    Some(VisitTime {
        start_minute: minute(&value[..dash])?,
        end_minute: minute(&value[dash + 1..])?,
    })
}
