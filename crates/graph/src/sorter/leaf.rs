//! Sorts what fits a cache: least significant digit first.

use super::chunks::{Bucket, Extent};
use super::record::{Record, combine_all, combine_sorted};
use crate::Error;

/// Most bits of a digit: its counts fit the first cache beside the ends of the lists that are written.
const MOST_BITS: u32 = 11;
const MOST_DIGITS: usize = (64 / MOST_BITS + 1) as usize;
const VALUES: usize = 1 << MOST_BITS;

/// How far ahead records are looked at.
const SLICES_AHEAD: usize = 2;

/// Keys with the bits between their halves that never vary left out: fewer digits to sort, and small differences.
#[derive(Clone, Copy)]
pub(super) struct Squeeze(pub(super) u32);

impl Squeeze {
    pub(super) fn of(extent: Extent) -> Self {
        Squeeze(extent.second_bits())
    }

    #[inline]
    pub(super) fn squeeze(self, key: u64) -> u64 {
        (key >> 32 << self.0) | (key & 0xffff_ffff)
    }

    #[inline]
    pub(super) fn restore(self, squeezed: u64) -> u64 {
        let second = squeezed & !(!0 << self.0);
        (squeezed >> self.0) << 32 | second
    }
}

/// Memory for sorting leaves.
pub(super) struct Sort<R> {
    from: Vec<R>,
    to: Vec<R>,
    counts: Vec<[u32; VALUES]>,
}

impl<R> Default for Sort<R> {
    fn default() -> Self {
        Sort {
            from: Vec::new(),
            to: Vec::new(),
            counts: vec![[0; VALUES]; MOST_DIGITS],
        }
    }
}

impl<R: Record> Sort<R> {
    /// Gives the records sorted, each once.
    pub(super) fn sort(&mut self, leaf: &Bucket<'_, R>, extent: Extent) -> Result<&[R], Error> {
        let bits = extent.bits_below(leaf.top);
        let squeeze = Squeeze::of(extent);
        match bits.div_ceil(MOST_BITS) {
            0 => {
                let all = leaf.slices().flatten().copied();
                self.from.clear();
                self.from.extend(combine_all(all)?);
            }
            1 => self.sort_by::<1>(leaf, squeeze, bits),
            2 => self.sort_by::<2>(leaf, squeeze, bits),
            3 => self.sort_by::<3>(leaf, squeeze, bits),
            4 => self.sort_by::<4>(leaf, squeeze, bits),
            5 => self.sort_by::<5>(leaf, squeeze, bits),
            _ => self.sort_by::<6>(leaf, squeeze, bits),
        }
        combine_sorted(&mut self.from)?;
        Ok(&self.from)
    }

    /// Sorts by `DIGITS` digits, which are the lowest `bits` bits. The first one takes the records from where they are.
    fn sort_by<const DIGITS: usize>(&mut self, leaf: &Bucket<'_, R>, squeeze: Squeeze, bits: u32) {
        let each = bits.div_ceil(DIGITS as u32);
        let mask = (1usize << each) - 1;
        debug_assert!(mask < VALUES);
        let len = leaf.len();
        for records in [&mut self.from, &mut self.to] {
            records.resize(len, R::of_key(0, 0));
        }
        let counts: &mut [[u32; VALUES]; DIGITS] = (&mut self.counts[..DIGITS])
            .try_into()
            .expect("that many digits");
        count(leaf, squeeze, counts, each);
        let leading = DIGITS - 1;
        for (digit, places) in counts.iter_mut().enumerate() {
            let mut start = 0u32;
            let mut is_one_value = false;
            for place in &mut places[..=mask] {
                is_one_value |= *place as usize == len;
                start = start.wrapping_add(std::mem::replace(place, start));
            }
            if is_one_value && digit > 0 && digit < leading {
                continue;
            }
            let deal = Deal {
                shift: digit as u32 * each,
                mask,
                places,
                to: &mut self.to,
            };
            let restored = |record: R| R::of_key(squeeze.restore(record.key()), record.pages());
            let squeezed = |&record: &R| R::of_key(squeeze.squeeze(record.key()), record.pages());
            let given = || leaf.slices().flat_map(|slice| slice.iter().map(squeezed));
            match (digit == 0, digit == leading) {
                (true, true) => deal.all(given(), restored),
                (true, false) => deal.all(given(), |record| record),
                (false, true) => deal.all(self.from.iter().copied(), restored),
                (false, false) => deal.all(self.from.iter().copied(), |record| record),
            }
            std::mem::swap(&mut self.from, &mut self.to);
        }
    }
}

/// Counts the values of digits of `each` bits.
fn count<R: Record, const DIGITS: usize>(
    leaf: &Bucket<'_, R>,
    squeeze: Squeeze,
    counts: &mut [[u32; VALUES]; DIGITS],
    each: u32,
) {
    let mask = (1usize << each) - 1;
    counts.iter_mut().for_each(|count| count.fill(0));
    // Slices lie far from each other: a look at a later one brings it into the cache.
    let mut ahead = leaf.slices().skip(SLICES_AHEAD);
    let mut seen = 0;
    for slice in leaf.slices() {
        let lines = ahead
            .next()
            .into_iter()
            .flat_map(|slice| slice.iter().step_by(64 / size_of::<R>()));
        seen |= lines.fold(0, |seen, record| seen | record.key());
        for record in slice {
            let key = squeeze.squeeze(record.key());
            for (digit, count) in counts.iter_mut().enumerate() {
                let value = (key >> (digit as u32 * each)) as usize & mask;
                let count = &mut count[value & (VALUES - 1)];
                *count = count.wrapping_add(1);
            }
        }
    }
    std::hint::black_box(seen);
}

/// Puts records where the values of a digit have their places.
struct Deal<'a, R> {
    shift: u32,
    mask: usize,
    places: &'a mut [u32; VALUES],
    to: &'a mut [R],
}

impl<R: Record> Deal<'_, R> {
    #[inline]
    fn all(self, records: impl Iterator<Item = R>, put: impl Fn(R) -> R) {
        let Deal {
            shift,
            mask,
            places,
            to,
        } = self;
        records.for_each(|record| {
            let value = (record.key() >> shift) as usize & mask;
            let place = &mut places[value & (VALUES - 1)];
            to[*place as usize] = put(record);
            *place = place.wrapping_add(1);
        });
    }
}
