//! Sorts edges that need not fit in memory, on all threads.
//!
//! Edges are dealt out by the leading bits of their keys as they come ([`chunks`]). When memory is full, each bucket is
//! sorted in cache ([`leaf`]) and written to a run ([`run`]); in the end the runs are merged by ranges of keys, which threads
//! merge independently. What comes out is in order of keys, each once, and depends on neither threads nor memory.

mod chunks;
mod kept;
mod leaf;
mod record;
mod run;

pub use self::kept::Start;

pub(crate) use self::kept::Kept;
#[cfg(test)]
use self::record::sort_and_combine;
pub(crate) use self::record::{Record, add_pages};

use self::chunks::{Chunks, MOST_IN_CHUNK};
use self::leaf::{Sort, Squeeze};
use self::record::combine_sorted;
use self::run::{MOST_IN_BLOCK, Run, RunWriter, encode};
use crate::Error;
use crate::in_order::{ITEMS_PER_THREAD, in_order};
use crate::writer::Scratch;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most buckets of the first digit: more would leave too little of a chunk for each.
const MOST_BUCKET_BITS: u32 = 11;

/// So many records of a bucket are sorted in a core's second cache.
const LEAF_BITS: u32 = 15;

/// Parts that are dealt out at once, for each thread.
const PARTS_PER_THREAD: usize = 2;

/// Takes edges in any order and gives them back sorted, each once.
pub(crate) struct Sorter<R> {
    chunks: Chunks<R>,
    capacity: usize,
    work_bytes: usize,
    pending: Vec<R>,
    runs: Runs,
    pushed: u64,
}

/// Where runs are.
pub(crate) struct Runs {
    place: Place,
    paths: Vec<PathBuf>,
}

enum Place {
    /// They go away with the sorter.
    Scratch(Scratch),
    /// They stay until their directory is removed.
    Kept(Arc<Kept>),
}

impl Runs {
    pub(crate) fn scratch(tmp: &Path) -> Self {
        Runs {
            place: Place::Scratch(Scratch::new(tmp)),
            paths: Vec::new(),
        }
    }

    /// Those that are there, and more.
    pub(crate) fn kept(kept: Arc<Kept>) -> Self {
        Runs {
            paths: kept.runs(),
            place: Place::Kept(kept),
        }
    }

    /// The complete ones.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    pub(crate) fn next_path(&mut self) -> Result<PathBuf, Error> {
        match &mut self.place {
            Place::Scratch(scratch) => scratch.new_path(),
            Place::Kept(kept) => Ok(kept.next_run()),
        }
    }

    /// Takes the complete run at `path`; with it runs are of `records` records.
    pub(crate) fn add(&mut self, path: PathBuf, bytes: u64, records: u64) -> Result<(), Error> {
        let path = match &self.place {
            Place::Scratch(_) => path,
            Place::Kept(kept) => kept.add_run(bytes, records)?,
        };
        self.paths.push(path);
        Ok(())
    }
}

impl<R: Record> Sorter<R> {
    /// Sorts within `work_bytes` of memory.
    pub(crate) fn new(tmp: &Path, work_bytes: usize) -> Self {
        // The rest is for what is being dealt out, for results in flight and for sorting leaves.
        let capacity = (work_bytes / 8 * 7 / size_of::<R>()).max(2);
        let bucket_bits = (capacity >> LEAF_BITS).max(1).ilog2().min(MOST_BUCKET_BITS);
        Sorter {
            chunks: Chunks::new(bucket_bits),
            capacity,
            work_bytes,
            pending: Vec::new(),
            runs: Runs::scratch(tmp),
            pushed: 0,
        }
    }

    /// As [`new`](Self::new), with runs that stay, after those that are there.
    pub(crate) fn with_kept(kept: Arc<Kept>, work_bytes: usize) -> Self {
        Sorter {
            pushed: kept.edges(),
            runs: Runs::kept(kept),
            ..Self::new(Path::new(""), work_bytes)
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, record: R) -> Result<(), Error> {
        self.pending.push(record);
        if self.pending.len() >= self.batch() {
            self.split_pending()
        } else {
            Ok(())
        }
    }

    /// Most records of a part in [`extend`](Self::extend).
    pub(crate) fn most_in_part(&self) -> usize {
        (self.capacity / 8).clamp(1, MOST_IN_CHUNK)
    }

    fn batch(&self) -> usize {
        self.most_in_part() * self.parts_together()
    }

    /// Parts are filled in some of the memory that records do not take.
    fn parts_together(&self) -> usize {
        let most = self.capacity / 16 / self.most_in_part();
        most.clamp(1, PARTS_PER_THREAD * rayon::current_num_threads())
    }

    #[cold]
    fn split_pending(&mut self) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        let parts: Vec<&[R]> = pending.chunks(self.most_in_part()).collect();
        self.take(&parts)?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Adds what `fill` makes of each part, in order: at most [`most_in_part`](Self::most_in_part) records.
    pub(crate) fn extend<P: Sync>(
        &mut self,
        parts: &[P],
        fill: impl Fn(&P, &mut Vec<R>) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let together = self.parts_together();
        let mut filled: Vec<Vec<R>> = Vec::new();
        filled.resize_with(together.min(parts.len()), Vec::new);
        for parts in parts.chunks(together) {
            filled
                .par_iter_mut()
                .zip(parts)
                .try_for_each(|(records, part)| {
                    records.clear();
                    fill(part, records)
                })?;
            let slices: Vec<&[R]> = filled[..parts.len()].iter().map(Vec::as_slice).collect();
            let records: usize = slices.iter().map(|slice| slice.len()).sum();
            // A chunk has a number for each bucket: of few records it would take more memory than these.
            if records < slices.len() * self.most_in_part() / 4 {
                for slice in slices {
                    self.pending.extend_from_slice(slice);
                    if self.pending.len() >= self.batch() {
                        self.split_pending()?;
                    }
                }
                continue;
            }
            self.split_pending()?;
            self.take(&slices)?;
        }
        Ok(())
    }

    fn take(&mut self, parts: &[&[R]]) -> Result<(), Error> {
        let records = parts.iter().map(|part| part.len()).sum::<usize>();
        if self.chunks.len() + records > self.capacity {
            self.spill()?;
        }
        self.chunks.extend(parts);
        self.pushed += records as u64;
        Ok(())
    }

    /// Records taken, duplicates included.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed + self.pending.len() as u64
    }

    /// Most records of a leaf.
    fn most_in_leaf(&self) -> usize {
        (self.capacity / 16).clamp(1 << 10, 8 << LEAF_BITS)
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> Result<(), Error> {
        if self.chunks.len() == 0 {
            return Ok(());
        }
        let extent = self.chunks.extent();
        let squeeze = Squeeze::of(extent);
        let path = self.runs.next_path()?;
        let mut run = RunWriter::create(path.clone())?;
        let most = self.most_in_leaf();
        in_order(
            self.chunks.leaves(most),
            <(Sort<R>, Vec<u8>)>::default,
            |(sort, buffer), leaf| {
                let records = sort.sort(&leaf, extent)?;
                Ok(encode(records, squeeze, buffer))
            },
            &mut |encoded| run.push(encoded),
        )?;
        self.chunks.clear();
        let bytes = run.finish(squeeze)?;
        self.runs.add(path, bytes, self.pushed)
    }

    /// Calls `each`, on all threads, with the edges of all runs, in no order.
    pub(crate) fn for_each_in_runs(&self, each: impl Fn(&[R]) + Sync) -> Result<(), Error> {
        let runs = self.runs.paths.iter().map(|path| Run::open(path));
        for run in runs.collect::<Result<Vec<Run>, Error>>()? {
            let run = std::slice::from_ref(&run);
            let in_range = |(low, high): (u64, Option<u64>)| {
                each(&run[0].read(low, high)?);
                Ok(())
            };
            ranges(run, MOST_IN_CHUNK)
                .into_par_iter()
                .try_for_each(in_range)?;
        }
        Ok(())
    }

    /// Calls `each` with all edges in order, equal ones made one, some at a time.
    pub(crate) fn finish(
        mut self,
        each: &mut impl FnMut(&[R]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.split_pending()?;
        self.pending = Vec::new();
        if self.runs.paths.is_empty() {
            let extent = self.chunks.extent();
            let most = self.most_in_leaf();
            return in_order(
                self.chunks.leaves(most),
                Sort::default,
                |sort, leaf| Ok(sort.sort(&leaf, extent)?.to_vec()),
                &mut |records: Vec<R>| each(&records),
            );
        }
        self.spill()?;
        // What is merged takes the memory.
        self.chunks = Chunks::new(0);
        let runs = self.runs.paths.iter().map(|path| Run::open(path));
        let runs = runs.collect::<Result<Vec<Run>, Error>>()?;
        let in_flight = 4 * ITEMS_PER_THREAD * rayon::current_num_threads();
        let most = self.work_bytes / size_of::<R>() / in_flight;
        let wanted = (4 * runs.len() * MOST_IN_BLOCK).max(8 << LEAF_BITS);
        let ranges = ranges(&runs, wanted.min(most).max(1));
        in_order(
            ranges.into_iter(),
            || (),
            |(), (low, high)| {
                let lists = runs.iter().map(|run| run.read(low, high));
                let mut records = merged(lists.collect::<Result<_, Error>>()?);
                combine_sorted(&mut records)?;
                Ok(records)
            },
            &mut |records: Vec<R>| each(&records),
        )
    }
}

/// Merges sorted lists, two at a time.
fn merged<R: Record>(mut lists: Vec<Vec<R>>) -> Vec<R> {
    while lists.len() > 1 {
        let pairs = lists.chunks(2).map(|pair| match pair {
            [a, b] => merged_two(a, b),
            rest => rest.concat(),
        });
        lists = pairs.collect();
    }
    lists.pop().unwrap_or_default()
}

/// Which one is next is not foreseeable, so nothing branches on it.
fn merged_two<R: Record>(a: &[R], b: &[R]) -> Vec<R> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        let is_first = x.key() <= y.key();
        all.push(if is_first { x } else { y });
        i += usize::from(is_first);
        j += usize::from(!is_first);
    }
    all.extend_from_slice(&a[i..]);
    all.extend_from_slice(&b[j..]);
    all
}

/// Cuts all keys into ranges that hold about `wanted` records each.
fn ranges(runs: &[Run], wanted: usize) -> Vec<(u64, Option<u64>)> {
    let blocks = runs.iter().flat_map(Run::entries);
    let mut blocks: Vec<(u64, u32)> = blocks
        .map(|entry| (entry.first_key, entry.records))
        .collect();
    blocks.par_sort_unstable();
    let mut ranges = Vec::new();
    let (mut low, mut records) = (0, 0);
    for (first_key, more) in blocks {
        if records >= wanted && first_key > low {
            ranges.push((low, Some(first_key)));
            (low, records) = (first_key, 0);
        }
        records += more as usize;
    }
    ranges.push((low, None));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(work)
    }

    fn finished<R: Record>(sorter: Sorter<R>) -> Vec<R> {
        let mut result = Vec::new();
        let finish = sorter.finish(&mut |records| {
            result.extend_from_slice(records);
            Ok(())
        });
        finish.unwrap();
        result
    }

    fn sorted<R: Record>(records: &[R], work_bytes: usize) -> Vec<R> {
        let tmp = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(tmp.path(), work_bytes);
        // One by one and many at once.
        let (one_by_one, together) = records.split_at(records.len() / 3);
        for &record in one_by_one {
            sorter.push(record).unwrap();
        }
        let parts: Vec<&[R]> = together.chunks(sorter.most_in_part()).collect();
        let fill = |part: &&[R], records: &mut Vec<R>| {
            records.extend_from_slice(part);
            Ok(())
        };
        sorter.extend(&parts, fill).unwrap();
        assert_eq!(sorter.pushed(), records.len() as u64);
        let result = finished(sorter);
        let left = std::fs::read_dir(tmp.path()).unwrap().count();
        assert_eq!(left, 0, "scratch goes away");
        result
    }

    fn plainly_sorted<R: Record>(records: &[R]) -> Vec<R> {
        let mut records = records.to_vec();
        sort_and_combine(&mut records).unwrap();
        records
    }

    /// Numbers that look drawn at random.
    fn numbers(len: usize) -> impl Iterator<Item = u64> {
        (0..len as u64).map(crate::mix64)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn external_sort_is_the_sort_in_memory(
            edges in proptest::collection::vec((0u32..20, 0u32..20, 1u32..4), 0..400),
            capacity in 8usize..200,
        ) {
            let mut sums = std::collections::BTreeMap::new();
            for &(a, b, pages) in &edges {
                *sums.entry((a, b)).or_insert(0) += pages;
            }
            let records: Vec<u128> = edges.iter().map(|&(a, b, pages)| u128::new(a, b, pages)).collect();
            let expected: Vec<u128> = sums.iter().map(|(&(a, b), &pages)| u128::new(a, b, pages)).collect();
            prop_assert_eq!(sorted(&records, capacity * 16), expected);

            let records: Vec<u64> = edges.iter().map(|&(a, b, _)| u64::new(a, b, 1)).collect();
            let expected: Vec<u64> = sums.keys().map(|&(a, b)| u64::new(a, b, 1)).collect();
            prop_assert_eq!(sorted(&records, capacity * 8), expected);
        }

        #[test]
        fn threads_and_memory_leave_no_trace(
            first_bits in 0u32..=32,
            second_bits in 0u32..=32,
            len in 0usize..60_000,
            skewed in any::<bool>(),
        ) {
            let below = |number: u64, bits: u32| (u128::from(number as u32) << bits >> 32) as u32;
            let edge = |number: u64| {
                // Half of all edges begin at one node.
                let hub = skewed && number & 1 == 0;
                let first = if hub { 0 } else { below(number >> 32, first_bits) };
                u64::new(first, below(number, second_bits), 1)
            };
            let records: Vec<u64> = numbers(len).map(edge).collect();
            let expected = plainly_sorted(&records);
            for (threads, work_bytes) in [(1, 1 << 26), (2, 1 << 17), (5, 1 << 14), (2, 1 << 26), (1, 1 << 17)] {
                let found = with_threads(threads, || sorted(&records, work_bytes));
                prop_assert!(found == expected, "{} threads, {} bytes", threads, work_bytes);
            }
        }
    }

    /// Ids grow only after much has been split, so that buckets have to become one.
    #[test]
    fn ids_that_grow_late_are_sorted() {
        let records: Vec<u64> = numbers(1_200_000)
            .enumerate()
            .map(|(at, number)| number & ((1 << (at / 20_000 + 3)) - 1))
            .collect();
        assert!(sorted(&records, 64 << 20) == plainly_sorted(&records));
    }

    #[test]
    fn a_hub_is_split_until_it_fits() {
        let with_pages = |number: u64| u128::new(7, number as u32, 1 + (number >> 62) as u32);
        let records: Vec<u128> = numbers(1_500_000).map(with_pages).collect();
        assert!(sorted(&records, 1 << 30) == plainly_sorted(&records));
    }

    #[test]
    fn many_equal_edges_become_one() {
        let records = vec![u128::new(3, 4, 1); 700_000];
        for work_bytes in [1 << 14, 1 << 30] {
            assert_eq!(sorted(&records, work_bytes), [u128::new(3, 4, 700_000)]);
        }
    }

    #[test]
    fn pages_beyond_32_bits_are_an_error() {
        let records = [u128::new(1, 2, u32::MAX), u128::new(1, 2, 1)];
        let mut plain = records.to_vec();
        let mut sorter = Sorter::new(Path::new("."), 1 << 20);
        for record in records {
            sorter.push(record).unwrap();
        }
        for result in [
            sort_and_combine(&mut plain),
            sorter.finish(&mut |_: &[u128]| Ok(())),
        ] {
            let Err(Error::PagesOverflow {
                source_id,
                target_id,
            }) = result
            else {
                panic!("{result:?}")
            };
            assert_eq!((source_id, target_id), (1, 2));
        }
    }

    /// Any byte of a run may be another one: what is read is right, or an error names the run.
    #[test]
    fn a_damaged_run_is_named() {
        let tmp = tempfile::tempdir().unwrap();
        let records: Vec<u64> = numbers(5_000).collect();
        let expected = plainly_sorted(&records);
        for flipped in 0..40 {
            let mut sorter = Sorter::new(tmp.path(), 1 << 14);
            for &record in &records {
                sorter.push(record).unwrap();
            }
            let path = sorter.runs.paths[1].clone();
            let mut bytes = std::fs::read(&path).unwrap();
            // From the end, where the index and the trailer are, and throughout.
            let at = match flipped {
                0..20 => bytes.len() - 1 - flipped * 5,
                _ => crate::mix64(flipped as u64) as usize % bytes.len(),
            };
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let mut found = Vec::new();
            let finish = sorter.finish(&mut |records| {
                found.extend_from_slice(records);
                Ok(())
            });
            match finish {
                // Padding.
                Ok(()) => assert!(found == expected, "byte {at}"),
                Err(Error::DamagedRun { path: named, .. }) => assert_eq!(named, path),
                Err(other) => panic!("{other}"),
            }
        }
    }
}
