//! Sorts what fits a cache: least significant digit first.

use super::buckets::{Bucket, Extent};
use super::record::{Record, combine_all, combine_sorted};
use crate::Error;

/// Most bits of a digit: its counts fit the first cache beside the ends of the lists that are written.
const MOST_BITS: u32 = 11;
const MOST_DIGITS: usize = (64 / MOST_BITS + 1) as usize;
const VALUES: usize = 1 << MOST_BITS;

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
    /// Gives the records sorted, each once. With `seconds_ascend`, records with the same first id are in order already.
    pub(super) fn sort(
        &mut self,
        leaf: &Bucket<R>,
        extent: Extent,
        seconds_ascend: bool,
    ) -> Result<&[R], Error> {
        let bits = extent.bits_below(leaf.top);
        if bits == 0 {
            let all = leaf.blocks().iter().flatten().copied();
            self.from.clear();
            self.from.extend(combine_all(all)?);
            return Ok(&self.from);
        }
        let squeeze = Squeeze::of(extent);
        let low = match seconds_ascend {
            true => squeeze.0.min(bits),
            false => 0,
        };
        let digits = (bits - low).div_ceil(MOST_BITS);
        match digits {
            0 => self.gather::<0>(leaf, squeeze, low, bits),
            1 => self.gather::<1>(leaf, squeeze, low, bits),
            2 => self.gather::<2>(leaf, squeeze, low, bits),
            3 => self.gather::<3>(leaf, squeeze, low, bits),
            4 => self.gather::<4>(leaf, squeeze, low, bits),
            5 => self.gather::<5>(leaf, squeeze, low, bits),
            _ => self.gather::<6>(leaf, squeeze, low, bits),
        }
        for record in &mut self.from {
            *record = R::of_key(squeeze.restore(record.key()), record.pages());
        }
        combine_sorted(&mut self.from)?;
        Ok(&self.from)
    }

    /// Takes the records together, counting `DIGITS` digits between the bits `low` and `high`, and sorts.
    fn gather<const DIGITS: usize>(
        &mut self,
        leaf: &Bucket<R>,
        squeeze: Squeeze,
        low: u32,
        high: u32,
    ) {
        let each = (high - low).div_ceil(DIGITS.max(1) as u32);
        let mask = (1usize << each) - 1;
        debug_assert!(mask < VALUES);
        let counts: &mut [[u32; VALUES]; DIGITS] = (&mut self.counts[..DIGITS])
            .try_into()
            .expect("that many digits");
        counts.iter_mut().for_each(|count| count.fill(0));
        self.from.clear();
        self.from.reserve(leaf.len());
        for block in leaf.blocks() {
            self.from.extend(block.iter().map(|record| {
                let key = squeeze.squeeze(record.key());
                for (digit, count) in counts.iter_mut().enumerate() {
                    let value = (key >> (low + digit as u32 * each)) as usize & mask;
                    let count = &mut count[value & (VALUES - 1)];
                    *count = count.wrapping_add(1);
                }
                R::of_key(key, record.pages())
            }));
        }
        let len = self.from.len();
        if self.to.len() < len {
            self.to.resize(len, R::of_key(0, 0));
        }
        self.to.truncate(len);
        for (digit, places) in counts.iter_mut().enumerate() {
            let mut start = 0u32;
            let mut is_one_value = false;
            for place in &mut places[..=mask] {
                is_one_value |= *place as usize == len;
                start = start.wrapping_add(std::mem::replace(place, start));
            }
            if is_one_value {
                continue;
            }
            let shift = low + digit as u32 * each;
            let to = &mut self.to[..];
            for &record in &self.from {
                let value = (record.key() >> shift) as usize & mask;
                let place = &mut places[value & (VALUES - 1)];
                to[*place as usize] = record;
                *place = place.wrapping_add(1);
            }
            std::mem::swap(&mut self.from, &mut self.to);
        }
    }
}
