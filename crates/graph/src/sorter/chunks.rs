//! Records by the leading bits of their keys.
//!
//! Each chunk of records is dealt out to buckets by a counting sort, stable and in cache, and stays where it is: a bucket
//! is a slice of every chunk. Nothing is shared between threads, and nothing is copied again before a bucket is sorted.

use super::record::Record;
use rayon::prelude::*;

/// Most records of a chunk: 2 MiB without pages, of which a bucket's slice is still some cache lines.
pub(super) const MOST_IN_CHUNK: usize = 1 << 18;

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

/// Records in order of a digit of their keys.
pub(super) struct Chunk<R> {
    records: Vec<R>,
    /// Where the records of each value end.
    ends: Vec<u32>,
    shift: u32,
}

impl<R> Default for Chunk<R> {
    fn default() -> Self {
        Chunk {
            records: Vec::new(),
            ends: Vec::new(),
            shift: 0,
        }
    }
}

impl<R: Record> Chunk<R> {
    fn fill(&mut self, from: &[R], shift: u32, bits: u32) {
        self.shift = shift;
        // A digit of no bits may lie above the highest one.
        let (shift, mask) = (shift.min(63), (1usize << bits) - 1);
        let digit = |record: R| (record.key() >> shift) as usize & mask;
        self.ends.clear();
        self.ends.resize(mask + 1, 0);
        let places = &mut self.ends[..=mask];
        for &record in from {
            let place = &mut places[digit(record)];
            *place = place.wrapping_add(1);
        }
        let mut start = 0;
        for place in places.iter_mut() {
            start += std::mem::replace(place, start);
        }
        self.records.resize(from.len(), R::of_key(0, 0));
        let records = &mut self.records[..];
        for &record in from {
            let place = &mut places[digit(record)];
            records[*place as usize] = record;
            *place = place.wrapping_add(1);
        }
    }
}

/// Records whose keys agree from bit `top` on, in order of coming.
pub(super) struct Bucket<'a, R> {
    slices: Vec<&'a mut [R]>,
    len: usize,
    pub(super) top: u32,
}

impl<'a, R: Record> Bucket<'a, R> {
    fn new(top: u32) -> Self {
        Bucket {
            slices: Vec::new(),
            len: 0,
            top,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn slices(&self) -> impl Iterator<Item = &[R]> + Clone {
        self.slices.iter().map(|slice| &**slice)
    }

    fn push(&mut self, slice: &'a mut [R]) {
        if !slice.is_empty() {
            self.len += slice.len();
            self.slices.push(slice);
        }
    }
}

/// Cuts `records` where each of `buckets` ends, and gives every bucket its slice.
fn deal_out<'a, R: Record>(
    mut records: &'a mut [R],
    end: impl Fn(usize) -> usize,
    buckets: &mut [Bucket<'a, R>],
) {
    let mut start = 0;
    for (value, bucket) in buckets.iter_mut().enumerate() {
        let end = end(value);
        let (slice, behind) = records.split_at_mut(end - start);
        bucket.push(slice);
        (start, records) = (end, behind);
    }
}

/// Chunks of records, dealt out by one digit.
pub(super) struct Chunks<R> {
    chunks: Vec<Chunk<R>>,
    /// Memory for more.
    spare: Vec<Chunk<R>>,
    extent: Extent,
    bits: u32,
    len: usize,
}

impl<R: Record> Chunks<R> {
    /// By `bits` bits.
    pub(super) fn new(bits: u32) -> Self {
        Chunks {
            chunks: Vec::new(),
            spare: Vec::new(),
            extent: Extent::default(),
            bits,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// The lowest bit of the digit: it moves up when larger keys come.
    fn shift(&self) -> u32 {
        self.extent.top().saturating_sub(self.bits).max(32)
    }

    /// Takes records, at most [`MOST_IN_CHUNK`] in a part.
    pub(super) fn extend(&mut self, parts: &[&[R]]) {
        let extents = parts.par_iter().map(|part| Extent::of(part));
        let extent = extents.reduce(Extent::default, Extent::and);
        self.extent = self.extent.and(extent);
        let (shift, bits) = (self.shift(), self.bits);
        let mut chunks: Vec<Chunk<R>> = Vec::new();
        chunks.resize_with(parts.len(), || self.spare.pop().unwrap_or_default());
        chunks
            .par_iter_mut()
            .zip(parts)
            .for_each(|(chunk, part)| chunk.fill(part, shift, bits));
        self.chunks.extend(chunks);
        self.len += parts.iter().map(|part| part.len()).sum::<usize>();
    }

    /// Gives all records in order of buckets, which have at most `most` records, except where all of these are equal.
    pub(super) fn leaves(&mut self, most: usize) -> Leaves<'_, R> {
        let (shift, extent) = (self.shift(), self.extent);
        let mut left = Vec::new();
        left.resize_with(1 << self.bits, || Bucket::new(shift));
        for chunk in &mut self.chunks {
            let (ends, group) = (&chunk.ends, shift - chunk.shift);
            // Values of this digit are groups of those of the chunk's, when larger keys came after it.
            let end = |value: usize| ends[((value + 1) << group).min(ends.len()) - 1] as usize;
            deal_out(&mut chunk.records, end, &mut left);
        }
        left.reverse();
        Leaves { left, extent, most }
    }

    /// Forgets all records and keeps their memory.
    pub(super) fn clear(&mut self) {
        self.spare.append(&mut self.chunks);
        self.extent = Extent::default();
        self.len = 0;
    }
}

/// Buckets in order of their keys.
pub(super) struct Leaves<'a, R> {
    /// The next one last.
    left: Vec<Bucket<'a, R>>,
    extent: Extent,
    most: usize,
}

impl<'a, R: Record> Leaves<'a, R> {
    /// Deals out a bucket by its next digit. Its slices stay where they are.
    fn split(&mut self, bucket: Bucket<'a, R>) {
        let wanted = (bucket.len / self.most).max(1).ilog2() + 2;
        let (shift, bits) = self.extent.digit(bucket.top, wanted.min(11));
        let dealt = bucket
            .slices
            .into_par_iter()
            .map_init(Chunk::default, |chunk, slice| {
                chunk.fill(slice, shift, bits);
                slice.copy_from_slice(&chunk.records);
                (slice, chunk.ends.clone())
            });
        let dealt: Vec<(&mut [R], Vec<u32>)> = dealt.collect();
        let mut buckets = Vec::new();
        buckets.resize_with(1 << bits, || Bucket::new(shift));
        for (slice, ends) in dealt {
            deal_out(slice, |value| ends[value] as usize, &mut buckets);
        }
        self.left.extend(buckets.into_iter().rev());
    }
}

impl<'a, R: Record> Iterator for Leaves<'a, R> {
    type Item = Bucket<'a, R>;

    fn next(&mut self) -> Option<Bucket<'a, R>> {
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
