//! What is sorted.

use crate::Error;

/// A sortable edge: two node ids and perhaps a number of pages. Orders by first, then second id.
pub(crate) trait Record: Copy + Ord + Send + Sync + 'static {
    /// Whether pages are kept; otherwise they are 1.
    const PAGES: bool;

    fn of_key(key: u64, pages: u32) -> Self;
    /// The first id in the high half, the second in the low one.
    fn key(self) -> u64;
    fn pages(self) -> u32;

    fn new(first: u32, second: u32, pages: u32) -> Self {
        Self::of_key(u64::from(first) << 32 | u64::from(second), pages)
    }
    fn first(self) -> u32 {
        (self.key() >> 32) as u32
    }
    fn second(self) -> u32 {
        self.key() as u32
    }
}

impl Record for u64 {
    const PAGES: bool = false;

    #[inline]
    fn of_key(key: u64, _pages: u32) -> Self {
        key
    }
    #[inline]
    fn key(self) -> u64 {
        self
    }
    #[inline]
    fn pages(self) -> u32 {
        1
    }
}

/// With pages in the low bits. A quarter is wasted, but one number compares without branches.
impl Record for u128 {
    const PAGES: bool = true;

    #[inline]
    fn of_key(key: u64, pages: u32) -> Self {
        u128::from(key) << 64 | u128::from(pages)
    }
    #[inline]
    fn key(self) -> u64 {
        (self >> 64) as u64
    }
    #[inline]
    fn pages(self) -> u32 {
        self as u32
    }
}

/// Makes one edge of two equal ones, with the pages of both.
fn combine<R: Record>(a: R, b: R) -> Result<R, Error> {
    if !R::PAGES {
        return Ok(a);
    }
    let pages = add_pages(a.pages(), b.pages(), a.first(), a.second())?;
    Ok(R::of_key(a.key(), pages))
}

pub(crate) fn add_pages(a: u32, b: u32, source_id: u32, target_id: u32) -> Result<u32, Error> {
    a.checked_add(b).ok_or(Error::PagesOverflow {
        source_id,
        target_id,
    })
}

/// Makes one of equal edges, which are neighbors.
pub(super) fn combine_sorted<R: Record>(records: &mut Vec<R>) -> Result<(), Error> {
    // Most often there are none, and a scan that writes nothing is the faster one.
    let equal = |pair: &[R]| pair[0].key() == pair[1].key();
    let Some(first) = records.windows(2).position(equal) else {
        return Ok(());
    };
    let mut kept = first + 1;
    for at in first + 1..records.len() {
        let record = records[at];
        if records[kept - 1].key() == record.key() {
            records[kept - 1] = combine(records[kept - 1], record)?;
        } else {
            records[kept] = record;
            kept += 1;
        }
    }
    records.truncate(kept);
    Ok(())
}

/// Sorts in memory by comparing and makes one of equal edges: what all else is compared with.
#[cfg(test)]
pub(crate) fn sort_and_combine<R: Record>(records: &mut Vec<R>) -> Result<(), Error> {
    // Equal records cannot be told apart, so an unstable sort has one result.
    records.sort_unstable();
    combine_sorted(records)
}

/// Makes one of records that all have the same key.
pub(super) fn combine_all<R: Record>(
    records: impl IntoIterator<Item = R>,
) -> Result<Option<R>, Error> {
    let mut records = records.into_iter();
    let Some(first) = records.next() else {
        return Ok(None);
    };
    records.try_fold(first, combine).map(Some)
}
