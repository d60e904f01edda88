//! Sorts edges that need not fit in memory: sorted runs on disk, merged when all are there.

use crate::Error;
use crate::array::{Array, ArrayWriter, Element};
use crate::writer::Scratch;
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

/// Runs merged at a time. Many more would make every read a seek; two levels sort 64 * 64 budgets.
const FAN_IN: usize = 64;

/// A sortable edge: two node ids and perhaps a number of pages. Orders by first, then second id.
pub(crate) trait Record: Element + Ord {
    fn new(first: u32, second: u32, pages: u32) -> Self;
    fn first(self) -> u32;
    fn second(self) -> u32;
    fn pages(self) -> u32;

    fn same_edge(self, other: Self) -> bool {
        self.first() == other.first() && self.second() == other.second()
    }
}

/// Without pages.
impl Record for u64 {
    fn new(first: u32, second: u32, _pages: u32) -> Self {
        u64::from(first) << 32 | u64::from(second)
    }
    fn first(self) -> u32 {
        (self >> 32) as u32
    }
    fn second(self) -> u32 {
        self as u32
    }
    fn pages(self) -> u32 {
        1
    }
    fn same_edge(self, other: Self) -> bool {
        self == other
    }
}

/// With pages in the low bits. A quarter is wasted, but one number compares without branches.
impl Record for u128 {
    fn new(first: u32, second: u32, pages: u32) -> Self {
        u128::from(u64::new(first, second, 0)) << 64 | u128::from(pages)
    }
    fn first(self) -> u32 {
        (self >> 96) as u32
    }
    fn second(self) -> u32 {
        (self >> 64) as u32
    }
    fn pages(self) -> u32 {
        self as u32
    }
}

/// Makes one edge of two equal ones, with the pages of both.
pub(crate) fn combine<R: Record>(a: R, b: R) -> Result<R, Error> {
    // Without pages both say 1, and the sum is not kept.
    let pages = add_pages(a.pages(), b.pages(), a.first(), a.second())?;
    Ok(R::new(a.first(), a.second(), pages))
}

pub(crate) fn add_pages(a: u32, b: u32, source_id: u32, target_id: u32) -> Result<u32, Error> {
    a.checked_add(b).ok_or(Error::PagesOverflow {
        source_id,
        target_id,
    })
}

/// Sorts in memory, on all threads, and makes one of equal edges.
pub(crate) fn sort_and_combine<R: Record>(records: &mut Vec<R>) -> Result<(), Error> {
    // Equal records cannot be told apart, so an unstable sort has one result.
    records.par_sort_unstable();
    let mut kept = 0;
    for at in 0..records.len() {
        let record = records[at];
        if kept > 0 && records[kept - 1].same_edge(record) {
            records[kept - 1] = combine(records[kept - 1], record)?;
        } else {
            records[kept] = record;
            kept += 1;
        }
    }
    records.truncate(kept);
    Ok(())
}

/// Takes edges in any order and gives them back sorted, each once.
pub(crate) struct Sorter<R> {
    buffer: Vec<R>,
    capacity: usize,
    scratch: Scratch,
    /// `runs[level]`: each of them is a merge of `FAN_IN` runs of the level below.
    runs: Vec<Vec<Run>>,
    pushed: u64,
}

struct Run {
    dir: PathBuf,
    len: u64,
}

impl<R: Record> Sorter<R> {
    /// Sorts within `work_bytes` of memory. `expected` records are likely to come, if that is known.
    pub(crate) fn new(tmp: &Path, work_bytes: usize, expected: Option<u64>) -> Result<Self, Error> {
        let limit = (work_bytes / size_of::<R>()).max(2);
        let capacity = expected.map_or(limit, |expected| {
            limit.min(usize::try_from(expected).unwrap_or(limit)).max(2)
        });
        let mut buffer = Vec::new();
        // At once, since growing would hold the old and the new buffer; untouched pages cost nothing.
        buffer
            .try_reserve_exact(capacity)
            .map_err(|_| Error::Memory {
                what: "sorting edges",
                needed: (capacity as u64) * size_of::<R>() as u64,
            })?;
        Ok(Sorter {
            buffer,
            capacity,
            scratch: Scratch::new(tmp),
            runs: Vec::new(),
            pushed: 0,
        })
    }

    #[inline]
    pub(crate) fn push(&mut self, record: R) -> Result<(), Error> {
        if self.buffer.len() == self.capacity {
            self.make_room()?;
        }
        self.buffer.push(record);
        self.pushed += 1;
        Ok(())
    }

    /// Records taken, duplicates included.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    fn make_room(&mut self) -> Result<(), Error> {
        sort_and_combine(&mut self.buffer)?;
        // Many duplicates: nothing needs to go to disk yet.
        if self.buffer.len() > self.capacity / 2 {
            self.spill()
        } else {
            Ok(())
        }
    }

    /// Writes the buffer, sorted and unique, as a run.
    fn spill(&mut self) -> Result<(), Error> {
        let dir = self.scratch.new_dir()?;
        let mut writer = ArrayWriter::create(&dir, "run")?;
        writer.extend(&self.buffer)?;
        self.buffer.clear();
        let len = writer.finish(false)?.len;
        self.add_run(0, Run { dir, len })
    }

    fn add_run(&mut self, level: usize, run: Run) -> Result<(), Error> {
        if self.runs.len() == level {
            self.runs.push(Vec::new());
        }
        self.runs[level].push(run);
        if self.runs[level].len() < FAN_IN {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.runs[level]);
        let dir = self.scratch.new_dir()?;
        let mut writer = ArrayWriter::create(&dir, "run")?;
        merge_runs(&runs, &mut |record: R| writer.push(record))?;
        let len = writer.finish(false)?.len;
        for run in runs {
            std::fs::remove_dir_all(&run.dir).map_err(Error::io(&run.dir, "remove"))?;
        }
        self.add_run(level + 1, Run { dir, len })
    }

    /// Calls `each` for every edge in order, equal ones made one.
    pub(crate) fn finish(
        mut self,
        each: &mut impl FnMut(R) -> Result<(), Error>,
    ) -> Result<(), Error> {
        sort_and_combine(&mut self.buffer)?;
        if self.runs.is_empty() {
            return self.buffer.iter().try_for_each(|&record| each(record));
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        self.buffer = Vec::new();
        let runs: Vec<Run> = std::mem::take(&mut self.runs)
            .into_iter()
            .flatten()
            .collect();
        merge_runs(&runs, each)
    }
}

fn merge_runs<R: Record>(
    runs: &[Run],
    each: &mut impl FnMut(R) -> Result<(), Error>,
) -> Result<(), Error> {
    let arrays: Vec<Array<R>> = runs
        .iter()
        .map(|run| Array::open(&run.dir, "run", run.len))
        .collect::<Result<_, _>>()?;
    let mut rest: Vec<std::slice::Iter<'_, R>> =
        arrays.iter().map(|array| array.as_slice().iter()).collect();
    let mut heads = BinaryHeap::with_capacity(rest.len());
    for (run, records) in rest.iter_mut().enumerate() {
        heads.extend(records.next().map(|&record| Reverse((record, run))));
    }
    let mut pending: Option<R> = None;
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((record, run)) = *head;
        // Replacing the head sifts once; popping and pushing would sift twice.
        match rest[run].next() {
            Some(&next) => *head = Reverse((next, run)),
            None => drop(std::collections::binary_heap::PeekMut::pop(head)),
        }
        pending = Some(match pending {
            Some(last) if last.same_edge(record) => combine(last, record)?,
            Some(last) => {
                each(last)?;
                record
            }
            None => record,
        });
    }
    pending.map_or(Ok(()), each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted<R: Record>(records: &[R], work_bytes: usize) -> Vec<R> {
        let tmp = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(tmp.path(), work_bytes, None).unwrap();
        for &record in records {
            sorter.push(record).unwrap();
        }
        let mut result = Vec::new();
        sorter
            .finish(&mut |record| {
                result.push(record);
                Ok(())
            })
            .unwrap();
        assert_eq!(
            std::fs::read_dir(tmp.path()).unwrap().count(),
            0,
            "scratch goes away"
        );
        result
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
    }

    #[test]
    fn more_runs_than_the_fan_in_are_merged_in_levels() {
        let records: Vec<u64> = (0..600u64).map(|i| i * 7_919 % 20_011).collect();
        let mut expected = records.clone();
        expected.sort_unstable();
        assert_eq!(sorted(&records, 2 * 8), expected);
    }

    #[test]
    fn pages_beyond_32_bits_are_an_error() {
        let mut records = vec![u128::new(1, 2, u32::MAX), u128::new(1, 2, 1)];
        assert!(matches!(
            sort_and_combine(&mut records),
            Err(Error::PagesOverflow {
                source_id: 1,
                target_id: 2
            })
        ));
    }
}
