//! Dates. The crawl lasts three hours of one day, so that no calendar is needed.

use super::dice::Dice;

/// The crawl's name, in `isPartOf` of its warcinfo records.
pub(super) const CRAWL: &str = "CC-MAIN-2026-45";
/// Begin and end of the segment, as in its files' names.
pub(super) const SEGMENT: &str = "CC-MAIN-20261101000000-20261101030000";

fn time(second: u32) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `2026-11-01T00:17:04Z`, as in WARC headers. `second` counts from the crawl's start.
pub(super) fn iso(second: u32) -> String {
    format!("2026-11-01T{}Z", time(second))
}

/// `Sun, 01 Nov 2026 00:17:04 GMT`, as in HTTP headers.
pub(super) fn http(second: u32) -> String {
    format!("Sun, 01 Nov 2026 {} GMT", time(second))
}

/// Some moment of the years before.
pub(super) fn iso_past(dice: &mut Dice) -> String {
    let (year, month, day) = (
        dice.between(2012, 2026),
        dice.between(1, 10),
        dice.between(1, 28),
    );
    format!(
        "{year}-{month:02}-{day:02}T{}+00:00",
        time(dice.below(86_400) as u32)
    )
}
