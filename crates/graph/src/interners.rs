//! Names to numbers, many at once on all threads.
//!
//! Names are dealt out by hash to interners that each fit a cache. One large table costs three misses a name, a small one
//! none, and small ones share nothing.

use crate::Error;
use crate::in_order::in_order;
use crate::interner::{Interner, LocalNames};
use hashbrown::DefaultHashBuilder;
use rayon::prelude::*;
use std::hash::BuildHasher;
use std::ops::Range;

/// Names that are dealt out together: they stay in a core's second cache.
const CHUNK: usize = 1 << 14;

/// Bytes per name that sorting takes: a key, its place in the order, and a rank.
const SORT_BYTES_PER_NAME: usize = size_of::<Key>() + 8;

/// The first 16 bytes of a name as numbers, and its id. Most comparisons end there and read no name.
type Key = (u64, u64, u32);

/// `2^bits` interners. A name's id is its id in one of them, then the number of this one.
pub(crate) struct Interners {
    hasher: DefaultHashBuilder,
    interners: Vec<Interner>,
    bits: u32,
}

/// Names dealt out to interners.
pub(crate) struct Dealt {
    chunks: Vec<Chunk>,
}

/// Consecutive names, by interner. They are copied, so that each interner reads them from front to back.
struct Chunk {
    names: LocalNames,
    hashes: Vec<u64>,
    /// Where they come from in the chunk.
    places: Vec<u32>,
    /// Where each interner's names end.
    ends: Vec<u32>,
    /// Bytes of each interner's names.
    bytes: Vec<u32>,
}

impl Interners {
    pub(crate) fn new(bits: u32) -> Self {
        Self::with_hasher(DefaultHashBuilder::default(), bits)
    }

    /// As many without names, for names that are dealt out already.
    pub(crate) fn emptied(&self) -> Self {
        Self::with_hasher(self.hasher.clone(), self.bits)
    }

    fn with_hasher(hasher: DefaultHashBuilder, bits: u32) -> Self {
        let interner = || Interner::with_hasher(hasher.clone());
        Interners {
            interners: (0..1 << bits).map(|_| interner()).collect(),
            hasher,
            bits,
        }
    }

    /// No id is this high or higher.
    pub(crate) fn end(&self) -> usize {
        let most = self.interners.iter().map(Interner::len).max();
        most.unwrap_or(0) << self.bits
    }

    /// Bytes held, with what sorting will need.
    pub(crate) fn memory_bytes(&self) -> usize {
        let held: usize = self.interners.iter().map(Interner::memory_bytes).sum();
        held + self.end() * SORT_BYTES_PER_NAME
    }

    pub(crate) fn deal(&self, names: &LocalNames) -> Dealt {
        let chunks = (0..names.len().div_ceil(CHUNK)).into_par_iter();
        let chunks = chunks.map(|chunk| {
            let start = chunk * CHUNK;
            let end = names.len().min(start + CHUNK);
            self.deal_chunk(names, start as u32, end as u32)
        });
        Dealt {
            chunks: chunks.collect(),
        }
    }

    fn deal_chunk(&self, names: &LocalNames, start: u32, end: u32) -> Chunk {
        let (mut ends, mut bytes) = (vec![0u32; 1 << self.bits], vec![0u32; 1 << self.bits]);
        let mut hashes = Vec::with_capacity((end - start) as usize);
        for name in (start..end).map(|name| names.get(name)) {
            let hash = self.hasher.hash_one(name);
            let interner = self.interner_of(hash);
            ends[interner] += 1;
            bytes[interner] += name.len() as u32;
            hashes.push(hash);
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut places = vec![0; hashes.len()];
        for (place, &hash) in hashes.iter().enumerate() {
            let end = &mut ends[self.interner_of(hash)];
            places[*end as usize] = place as u32;
            *end += 1;
        }
        let mut by_interner = LocalNames::default();
        for &place in &places {
            by_interner.push(names.get(start + place));
        }
        Chunk {
            names: by_interner,
            hashes: places.iter().map(|&place| hashes[place as usize]).collect(),
            places,
            ends,
            bytes,
        }
    }

    /// Tables take the lowest and the highest bits of a hash, so this takes others.
    fn interner_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize & ((1 << self.bits) - 1)
    }

    /// Whether these names could all be new: places in an interner have 32 bits, and so have ids.
    pub(crate) fn ids_suffice(&self, dealt: &Dealt) -> bool {
        let mut numbers = 0..self.interners.len();
        numbers.all(|number| {
            let pieces = dealt.chunks.iter().map(|chunk| chunk.piece(number).len());
            let names: usize = pieces.sum();
            let bytes = dealt
                .chunks
                .iter()
                .map(|chunk| chunk.bytes[number] as usize);
            let interner = &self.interners[number];
            let end = (interner.len() + names) << self.bits;
            interner.growth_bytes(names, bytes.sum()).is_some() && u32::try_from(end).is_ok()
        })
    }

    /// Writes the ids of the names, in their order, to `ids`.
    pub(crate) fn intern(&mut self, dealt: &Dealt, ids: &mut Vec<u32>) {
        let bits = self.bits;
        let by_interner: Vec<Vec<u32>> = self
            .interners
            .par_iter_mut()
            .enumerate()
            .map(|(number, interner)| {
                let mut ids = Vec::new();
                for chunk in &dealt.chunks {
                    ids.extend(chunk.range(number).map(|at| {
                        let (hash, name) = (chunk.hashes[at], chunk.names.get(at as u32));
                        interner.intern_hashed(hash, name) << bits | number as u32
                    }));
                }
                ids
            })
            .collect();
        ids.clear();
        ids.resize(dealt.chunks.iter().map(|chunk| chunk.places.len()).sum(), 0);
        // Where the ids of each chunk begin in each interner's.
        let mut begins = vec![0; by_interner.len()];
        let mut starts = Vec::with_capacity(dealt.chunks.len());
        for chunk in &dealt.chunks {
            starts.push(begins.clone());
            for (number, begin) in begins.iter_mut().enumerate() {
                *begin += chunk.piece(number).len();
            }
        }
        ids.par_chunks_mut(CHUNK)
            .zip(&dealt.chunks)
            .zip(starts)
            .for_each(|((ids, chunk), starts)| {
                for (number, (of_interner, start)) in by_interner.iter().zip(starts).enumerate() {
                    for (&place, &id) in chunk.piece(number).iter().zip(&of_interner[start..]) {
                        ids[place as usize] = id;
                    }
                }
            });
    }

    /// Sorts the names by bytes.
    pub(crate) fn into_sorted(self) -> SortedInterners {
        let end = self.end();
        let Interners {
            interners, bits, ..
        } = self;
        let names: Vec<LocalNames> = interners.into_iter().map(Interner::into_names).collect();
        let count = names.iter().map(LocalNames::len).sum();
        let mut sorted = SortedInterners {
            names,
            bits,
            order: Vec::with_capacity(count),
            rank: Vec::new(),
        };
        let mut keys: Vec<Key> = Vec::with_capacity(count);
        for (number, names) in sorted.names.iter().enumerate() {
            let ids = (0..names.len() as u32).map(|id| (names.get(id), id << bits | number as u32));
            keys.extend(ids.map(|(name, id)| (eight(name, 0), eight(name, 8), id)));
        }
        keys.par_sort_unstable_by(|a, b| {
            let order = (a.0, a.1).cmp(&(b.0, b.1));
            // A name that is another one with zeros after it has the same numbers.
            order.then_with(|| sorted.get(a.2).cmp(sorted.get(b.2)))
        });
        sorted.order.extend(keys.iter().map(|key| key.2));
        drop(keys);
        sorted.rank.resize(end, 0);
        for (place, &id) in sorted.order.iter().enumerate() {
            sorted.rank[id as usize] = place as u32;
        }
        sorted
    }
}

/// The eight bytes from `start` as a number in the order of bytes; zeros where the name has ended.
fn eight(name: &[u8], start: usize) -> u64 {
    let rest = name.get(start..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(bytes)
        }
    }
}

impl Chunk {
    fn range(&self, number: usize) -> Range<usize> {
        let start = match number {
            0 => 0,
            _ => self.ends[number - 1] as usize,
        };
        start..self.ends[number] as usize
    }

    /// Places of an interner's names.
    fn piece(&self, number: usize) -> &[u32] {
        &self.places[self.range(number)]
    }
}

/// Names sorted by bytes.
pub(crate) struct SortedInterners {
    names: Vec<LocalNames>,
    bits: u32,
    /// Ids in the order of their names.
    pub(crate) order: Vec<u32>,
    /// For each id its place in that order.
    pub(crate) rank: Vec<u32>,
}

impl SortedInterners {
    fn get(&self, id: u32) -> &[u8] {
        let number = id as usize & ((1 << self.bits) - 1);
        self.names[number].get(id >> self.bits)
    }

    /// Calls `each` with all names in order.
    pub(crate) fn for_each(
        &self,
        each: &mut impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // Together by threads, since each name is a miss.
        let together = |(): &mut (), ids: &[u32]| {
            let mut names = LocalNames::default();
            for &id in ids {
                names.push(self.get(id));
            }
            Ok(names)
        };
        in_order(self.order.chunks(CHUNK), || (), together, &mut |names| {
            (0..names.len() as u32).try_for_each(|name| each(names.get(name)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_get_one_id_and_ids_sort_by_bytes() {
        // Prefixes of one another, longer than a key, with zeros, and many.
        let mut given: Vec<Vec<u8>> = [
            &b""[..],
            b"\0",
            b"a",
            b"a\0",
            b"a-b",
            b"a.b",
            b"0123456789abcdef",
        ]
        .map(<[u8]>::to_vec)
        .into();
        given.extend((0..20_000u64).map(|number| {
            let number = crate::mix64(number) % 5_000;
            format!("com.a-long-name-{number}").into_bytes()
        }));
        let expected: std::collections::BTreeSet<&[u8]> = given.iter().map(Vec::as_slice).collect();
        for bits in [0, 3, 8] {
            let mut interners = Interners::new(bits);
            let (mut ids, mut all) = (Vec::new(), Vec::new());
            for given in given.chunks(7_000) {
                let mut names = LocalNames::default();
                for name in given {
                    names.push(name);
                }
                let dealt = interners.deal(&names);
                assert!(interners.ids_suffice(&dealt));
                interners.intern(&dealt, &mut ids);
                all.extend_from_slice(&ids);
            }
            let sorted = interners.into_sorted();
            let mut names = Vec::new();
            let each = sorted.for_each(&mut |name| {
                names.push(name.to_vec());
                Ok(())
            });
            each.unwrap();
            assert!(names.iter().eq(expected.iter()), "{bits} bits");
            for (name, &id) in given.iter().zip(&all) {
                assert_eq!(&names[sorted.rank[id as usize] as usize], name);
            }
        }
    }
}
