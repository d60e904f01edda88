//! Records by the leading bits of their keys, in blocks.
//!
//! The split goes in two steps, so that it is stable, shares nothing between threads, and writes to many buckets cost
//! little: parts that fit a cache are sorted by bucket (a counting sort), then every bucket takes its piece of each part.

use super::record::Record;
use rayon::prelude::*;

/// Records that are split together: 512 KiB without pages, half of a core's second cache.
pub(super) const PART: usize = 1 << 16;

/// Most records in a block of a bucket.
const MOST_IN_BLOCK: usize = 2048;

/// Bits of a key that vary. All keys so far are below these widths in either half.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent(u64);

impl Extent {
    pub(super) fn of<R: Record>(records: &[R]) -> Self {
        Extent(records.iter().fold(0, |all, record| all | record.key()))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Extent(self.0 | other.0)
    }

    fn first_bits(self) -> u32 {
        32 - ((self.0 >> 32) as u32).leading_zeros()
    }

    pub(super) fn second_bits(self) -> u32 {
        32 - (self.0 as u32).leading_zeros()
    }

    /// The highest bit that may vary, plus 1.
    fn top(self) -> u32 {
        32 + self.first_bits()
    }

    /// The lowest bit of a digit of at most `bits` bits that ends at `top`, which moves over bits that never vary.
    fn digit(self, top: u32, bits: u32) -> (u32, u32) {
        let top = if top == 32 { self.second_bits() } else { top };
        let floor = if top > 32 { 32 } else { 0 };
        let bits = bits.min(top - floor);
        (top - bits, bits)
    }

    /// Bits below `top` that vary.
    pub(super) fn bits_below(self, top: u32) -> u32 {
        match top.checked_sub(32) {
            Some(first) => first + self.second_bits(),
            None => top,
        }
    }
}

/// Records whose keys agree from bit `top` on, in order of coming.
pub(super) struct Bucket<R> {
    blocks: Vec<Vec<R>>,
    len: usize,
    pub(super) top: u32,
}

impl<R: Record> Bucket<R> {
    fn new(top: u32) -> Self {
        Bucket {
            blocks: Vec::new(),
            len: 0,
            top,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn blocks(&self) -> &[Vec<R>] {
        &self.blocks
    }

    fn extend(&mut self, mut records: &[R], most_in_block: usize) {
        self.len += records.len();
        while !records.is_empty() {
            let room = match self.blocks.last() {
                Some(block) => block.capacity() - block.len(),
                None => 0,
            };
            if room == 0 {
                // Small buckets stay small; growing a block would copy it.
                let capacity = most_in_block.min((2 * self.len).max(16));
                self.blocks.push(Vec::with_capacity(capacity));
                continue;
            }
            let (now, later) = records.split_at(room.min(records.len()));
            self.blocks
                .last_mut()
                .expect("has room")
                .extend_from_slice(now);
            records = later;
        }
    }

    fn append(&mut self, mut other: Self) {
        self.len += other.len;
        self.blocks.append(&mut other.blocks);
    }
}

/// Records by one digit of their keys.
pub(super) struct Buckets<R> {
    buckets: Vec<Bucket<R>>,
    shift: u32,
    bits: u32,
    extent: Extent,
    most_in_block: usize,
    len: usize,
}

/// A part sorted by bucket. Kept between splits for its memory.
pub(super) struct Split<R> {
    records: Vec<R>,
    ends: Vec<u32>,
}

impl<R> Default for Split<R> {
    fn default() -> Self {
        Split {
            records: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl<R: Record> Buckets<R> {
    /// `2^bits` buckets for about `capacity` records.
    pub(super) fn new(bits: u32, capacity: usize) -> Self {
        let mut buckets = Buckets {
            buckets: Vec::new(),
            shift: 32,
            bits,
            extent: Extent::default(),
            most_in_block: (capacity >> (bits + 2)).clamp(64, MOST_IN_BLOCK),
            len: 0,
        };
        buckets.fill_up();
        buckets
    }

    /// By the digit of `extent` below `top`.
    fn below(extent: Extent, top: u32, bits: u32) -> Self {
        let (shift, bits) = extent.digit(top, bits);
        let mut buckets = Buckets {
            buckets: Vec::new(),
            shift,
            bits,
            extent,
            most_in_block: MOST_IN_BLOCK,
            len: 0,
        };
        buckets.fill_up();
        buckets
    }

    fn fill_up(&mut self) {
        let shift = self.shift;
        self.buckets
            .resize_with(1 << self.bits, || Bucket::new(shift));
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// Makes the digit one of the leading bits for keys within `extent`, too. Buckets become one with their neighbors.
    pub(super) fn widen(&mut self, extent: Extent) {
        self.extent = self.extent.and(extent);
        let shift = self.extent.top().saturating_sub(self.bits).max(32);
        if shift == self.shift {
            return;
        }
        let group = 1usize << (shift - self.shift).min(self.bits);
        self.shift = shift;
        let mut all = std::mem::take(&mut self.buckets).into_iter();
        while all.len() > 0 {
            let mut joined = Bucket::new(shift);
            all.by_ref()
                .take(group)
                .for_each(|bucket| joined.append(bucket));
            self.buckets.push(joined);
        }
        self.fill_up();
    }

    /// Takes records within the extent, at most [`PART`] in a part.
    pub(super) fn extend(&mut self, parts: &[&[R]], splits: &mut Vec<Split<R>>) {
        if splits.len() < parts.len() {
            splits.resize_with(parts.len(), Split::default);
        }
        let splits = &mut splits[..parts.len()];
        let (shift, bits) = (self.shift, self.bits);
        splits
            .par_iter_mut()
            .zip(parts)
            .for_each(|(split, part)| split.fill(part, shift, bits));
        let splits = &*splits;
        let most_in_block = self.most_in_block;
        let together = self
            .buckets
            .len()
            .div_ceil(4 * rayon::current_num_threads());
        self.buckets
            .par_chunks_mut(together)
            .enumerate()
            .for_each(|(chunk, buckets)| {
                for split in splits {
                    for (bucket, number) in buckets.iter_mut().zip(chunk * together..) {
                        bucket.extend(split.piece(number), most_in_block);
                    }
                }
            });
        self.len += parts.iter().map(|part| part.len()).sum::<usize>();
    }

    /// The buckets in order of their keys.
    pub(super) fn into_buckets(self) -> Vec<Bucket<R>> {
        self.buckets
    }
}

impl<R: Record> Split<R> {
    fn fill(&mut self, part: &[R], shift: u32, bits: u32) {
        // A digit of no bits may lie above the highest one.
        let (shift, mask) = (shift.min(63), (1usize << bits) - 1);
        let digit = |record: R| (record.key() >> shift) as usize & mask;
        self.ends.clear();
        self.ends.resize(mask + 1, 0);
        let places = &mut self.ends[..=mask];
        for &record in part {
            let place = &mut places[digit(record)];
            *place = place.wrapping_add(1);
        }
        let mut start = 0;
        for place in places.iter_mut() {
            start += std::mem::replace(place, start);
        }
        let Some(&any) = part.first() else {
            self.records.clear();
            return;
        };
        self.records.resize(part.len(), any);
        let records = &mut self.records[..];
        for &record in part {
            let place = &mut places[digit(record)];
            records[*place as usize] = record;
            *place = place.wrapping_add(1);
        }
    }

    fn piece(&self, bucket: usize) -> &[R] {
        let start = match bucket {
            0 => 0,
            _ => self.ends[bucket - 1],
        };
        &self.records[start as usize..self.ends[bucket] as usize]
    }
}

/// Gives buckets in order of their keys, those that are too large split into smaller ones.
pub(super) struct Leaves<R> {
    /// The next one last.
    left: Vec<Bucket<R>>,
    extent: Extent,
    most: usize,
    splits: Vec<Split<R>>,
}

impl<R: Record> Leaves<R> {
    /// Leaves have at most `most` records, except where all of these are equal.
    pub(super) fn new(buckets: Buckets<R>, most: usize) -> Self {
        let extent = buckets.extent();
        let mut left = buckets.into_buckets();
        left.reverse();
        Leaves {
            left,
            extent,
            most,
            splits: Vec::new(),
        }
    }

    fn split(&mut self, bucket: Bucket<R>) {
        let wanted = (bucket.len / self.most).max(1).ilog2() + 2;
        let mut split = Buckets::below(self.extent, bucket.top, wanted.min(11));
        // A few blocks at a time: they are gone before the next ones take memory.
        let together = 8 * rayon::current_num_threads() * (PART / MOST_IN_BLOCK);
        let mut blocks = bucket.blocks.into_iter();
        while blocks.len() > 0 {
            let now: Vec<Vec<R>> = blocks.by_ref().take(together).collect();
            let parts: Vec<&[R]> = now.iter().map(Vec::as_slice).collect();
            split.extend(&parts, &mut self.splits);
        }
        self.left.extend(split.into_buckets().into_iter().rev());
    }
}

impl<R: Record> Iterator for Leaves<R> {
    type Item = Bucket<R>;

    fn next(&mut self) -> Option<Bucket<R>> {
        loop {
            let bucket = self.left.pop()?;
            if bucket.len > self.most && self.extent.bits_below(bucket.top) > 0 {
                self.split(bucket);
            } else if bucket.len > 0 {
                return Some(bucket);
            }
        }
    }
}
