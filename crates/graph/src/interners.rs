//! Names to numbers, many at once on all threads.
//!
//! Names are dealt out by hash, as they come, to tables that each fit a cache; then every table looks its names up. One large
//! table costs several misses a name, small ones cost few, and share nothing between threads.

use crate::Error;
use crate::in_order::in_order;
use crate::interner::LocalNames;
use crate::writer::NamesWriter;
use hashbrown::DefaultHashBuilder;
use rayon::prelude::*;
use std::hash::BuildHasher;

/// Names that are written together.
const CHUNK: usize = 1 << 14;

/// Bytes per name that sorting takes: where it is, its place in the order twice, and its rank.
const SORT_BYTES_PER_NAME: usize = 16;

/// Names in a range that one thread sorts: their keys stay in its second cache.
const NAMES_IN_RANGE: usize = 1 << 13;

/// Most ranges: each table notes where each of them ends.
const MOST_RANGES: usize = 1 << 12;

/// Names looked at for each range, to find ranges of about the same size.
const SAMPLES_PER_RANGE: usize = 16;

/// Most tables: which one a name is dealt to is noted in a byte.
pub(crate) const MOST_BITS: u32 = 8;

/// `2^bits` tables. A name's id is its id in one of them, then the number of this one.
pub(crate) struct Interners {
    hasher: DefaultHashBuilder,
    tables: Vec<Table>,
    bits: u32,
}

/// Finds names by the 32 high bits of their hashes.
#[derive(Default)]
struct Table {
    names: Entries,
    /// Those bits above the place of the name + 1, or 0. Slots ascend with the bits, but where one was taken the next free
    /// one is it.
    slots: Vec<u64>,
}

/// Names in order of coming, each behind its number in that order, in four bytes, and its length, in two; filled up with zeros
/// to whole blocks.
#[derive(Default)]
pub(crate) struct Entries {
    blocks: Vec<Block>,
    len: u32,
}

/// Half of a cache line: most names and what is before them are one, are in one line, and compare without a branch.
type Block = [u64; 4];

/// Names dealt out to tables.
pub(crate) struct Dealt {
    hasher: DefaultHashBuilder,
    /// For each table its names as in [`Entries`], with 32 bits of the hash in place of a number.
    streams: Vec<Vec<Block>>,
    /// How many names each table has.
    counts: Vec<u32>,
    /// The table of each name in order of coming.
    tables: Vec<u8>,
    blocks: usize,
}

/// A number of 32 bits, and the length of the name.
const HEAD_BYTES: usize = 6;

const BLOCK_BYTES: usize = size_of::<Block>();

/// Names that a table looks up together. They wait for memory at the same time.
const TOGETHER: usize = 32;

/// Where a name was dealt to.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Its number among the names in order of coming.
    pub(crate) number: u32,
    start: u32,
}

/// The ids of names that were dealt out.
pub(crate) struct Found {
    by_table: Vec<Vec<u32>>,
    /// For each [`Dealt`], where its ids begin in each table's.
    starts: Vec<Vec<u32>>,
}

impl Interners {
    pub(crate) fn new(bits: u32) -> Self {
        Self::with_hasher(DefaultHashBuilder::default(), bits.min(MOST_BITS))
    }

    /// As many without names, for names that are dealt out already.
    pub(crate) fn emptied(&self) -> Self {
        Self::with_hasher(self.hasher.clone(), self.bits)
    }

    fn with_hasher(hasher: DefaultHashBuilder, bits: u32) -> Self {
        Interners {
            tables: (0..1 << bits).map(|_| Table::default()).collect(),
            hasher,
            bits,
        }
    }

    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.names.len == 0)
    }

    /// The names of each table.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Entries> {
        self.tables.iter().map(|table| &table.names)
    }

    pub(crate) fn into_names(self) -> Vec<Entries> {
        let names = self.tables.into_iter().map(|table| table.names);
        names.collect()
    }

    /// Bytes held, with what sorting will need when the slots are gone.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of = |table: &Table| {
            let slots = table.slots.capacity() * size_of::<u64>();
            let to_sort = table.names.len as usize * SORT_BYTES_PER_NAME;
            table.names.blocks.capacity() * BLOCK_BYTES + slots.max(to_sort)
        };
        self.tables.iter().map(of).sum()
    }

    /// Nothing yet, to be dealt out to these tables.
    pub(crate) fn dealt(&self) -> Dealt {
        Dealt {
            hasher: self.hasher.clone(),
            streams: vec![Vec::new(); self.tables.len()],
            counts: vec![0; self.tables.len()],
            tables: Vec::new(),
            blocks: 0,
        }
    }

    /// Whether these names could all be new: places in a table have 32 bits, and so have ids.
    pub(crate) fn ids_suffice<'a>(&self, dealt: impl Iterator<Item = &'a Dealt>) -> bool {
        let (mut names, mut blocks) = (vec![0; self.tables.len()], vec![0; self.tables.len()]);
        for dealt in dealt {
            for (table, stream) in dealt.streams.iter().enumerate() {
                names[table] += dealt.counts[table] as usize;
                blocks[table] += stream.len();
            }
        }
        self.tables
            .iter()
            .zip(names)
            .zip(blocks)
            .all(|((table, names), blocks)| {
                let end = (table.names.len as usize + names) << self.bits;
                // Places are below the end of the last name.
                u32::try_from(end).is_ok()
                    && u32::try_from(table.names.blocks.len() + blocks).is_ok()
            })
    }

    /// Finds the ids of the names; new names get theirs.
    pub(crate) fn intern(&mut self, dealt: &[&Dealt]) -> Found {
        let bits = self.bits;
        let tables = self.tables.par_iter_mut().enumerate();
        let by_table = tables.map(|(number, table)| {
            let names = dealt.iter().map(|dealt| dealt.counts[number] as usize);
            let mut ids = Vec::with_capacity(names.sum());
            for dealt in dealt {
                table.intern_all(&dealt.streams[number], &mut |id| {
                    ids.push(id << bits | number as u32);
                });
            }
            ids
        });
        let by_table = by_table.collect();
        let mut begins = vec![0; self.tables.len()];
        let starts = dealt.iter().map(|dealt| {
            let starts = begins.clone();
            for (begin, count) in begins.iter_mut().zip(&dealt.counts) {
                *begin += count;
            }
            starts
        });
        Found {
            starts: starts.collect(),
            by_table,
        }
    }
}

impl Table {
    /// Calls `each` with the number of every name of a stream.
    fn intern_all(&mut self, mut stream: &[Block], each: &mut impl FnMut(u32)) {
        let mut names: [&[Block]; TOGETHER] = [&[]; TOGETHER];
        let mut likely = [None; TOGETHER];
        while !stream.is_empty() {
            let mut count = 0;
            while count < TOGETHER && !stream.is_empty() {
                (names[count], stream) = stream.split_at(blocks_of(&stream[0]));
                count += 1;
            }
            // Most names are known and in their first slot. These loads depend on none another, nor on a branch.
            for (likely, name) in likely.iter_mut().zip(&names[..count]) {
                *likely = self.first_place(number_of(&name[0]));
            }
            let firsts = likely.map(|place| self.names.blocks.get(place?).copied());
            for ((name, likely), first) in names[..count].iter().zip(likely).zip(firsts) {
                let number = match (likely, first) {
                    (Some(place), Some(first))
                        if is_same(&first, &name[0])
                            && (name.len() == 1 || self.names.holds(place, name)) =>
                    {
                        number_of(&first)
                    }
                    _ => self.intern(name),
                };
                each(number);
            }
        }
    }

    /// The place in the first slot for a hash, if that is the one of the hash.
    #[inline]
    fn first_place(&self, hash: u32) -> Option<usize> {
        let slot = match self.slots.len() {
            0 => 0,
            len => self.slots[first_slot(hash.into(), len)],
        };
        (slot >> 32 == u64::from(hash) && slot as u32 != 0).then(|| slot as u32 as usize - 1)
    }

    /// Returns the number of a name, which gets one when it is new.
    fn intern(&mut self, name: &[Block]) -> u32 {
        if self.names.len as usize >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        let wanted = u64::from(number_of(&name[0]));
        let mut at = first_slot(wanted, self.slots.len());
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                let place = self.names.blocks.len() as u64;
                self.slots[at] = wanted << 32 | (place + 1);
                return self.names.push(name);
            }
            let place = slot as u32 as usize - 1;
            if slot >> 32 == wanted && self.names.holds(place, name) {
                return number_of(&self.names.blocks[place]);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Doubles the slots.
    #[cold]
    fn grow(&mut self) {
        let len = (2 * self.slots.len()).max(8);
        let mut slots = vec![0; len];
        for &slot in self.slots.iter().filter(|slot| **slot != 0) {
            let mut at = first_slot(slot >> 32, len);
            while slots[at] != 0 {
                at = (at + 1) & (len - 1);
            }
            slots[at] = slot;
        }
        self.slots = slots;
    }
}

impl Entries {
    /// Adds a name that is behind another number.
    fn push(&mut self, name: &[Block]) -> u32 {
        if self.blocks.capacity() - self.blocks.len() < name.len() {
            // A quarter more and not as much again: it is most of the memory.
            self.blocks
                .reserve_exact((self.blocks.capacity() / 4).max(name.len()));
        }
        let (place, number) = (self.blocks.len(), self.len);
        self.blocks.extend_from_slice(name);
        let first = &mut self.blocks[place][0];
        *first = *first >> 32 << 32 | u64::from(number);
        self.len += 1;
        number
    }

    /// Whether that is the name at a place.
    #[inline]
    fn holds(&self, place: usize, name: &[Block]) -> bool {
        let Some(found) = self.blocks.get(place..place + name.len()) else {
            return false;
        };
        is_same(&found[0], &name[0]) && found[1..] == name[1..]
    }

    /// All of it, as bytes to write.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.blocks)
    }

    /// Adds names that were written behind those that are here.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let blocks = bytes.chunks_exact(BLOCK_BYTES);
        self.blocks
            .extend(blocks.map(bytemuck::pod_read_unaligned::<Block>));
    }

    /// Where each name begins.
    fn places(&self) -> Vec<u32> {
        let mut places = Vec::with_capacity(self.len as usize);
        let mut place = 0;
        while let Some(first) = self.blocks.get(place) {
            places.push(place as u32);
            place += blocks_of(first);
        }
        places
    }
}

/// The number before a name, by the first block.
#[inline]
fn number_of(first: &Block) -> u32 {
    first[0] as u32
}

/// Whether two first blocks are equal but for their numbers.
#[inline]
fn is_same(one: &Block, other: &Block) -> bool {
    let differ = |at: usize| one[at] ^ other[at];
    differ(0) >> 32 | differ(1) | differ(2) | differ(3) == 0
}

#[inline]
fn len_of(first: &Block) -> usize {
    (first[0] >> 32) as usize & 0xffff
}

/// Blocks of a name, by the first one.
#[inline]
fn blocks_of(first: &Block) -> usize {
    (HEAD_BYTES + len_of(first)).div_ceil(BLOCK_BYTES)
}

fn push_name(blocks: &mut Vec<Block>, number: u32, name: &[u8]) {
    let place = blocks.len();
    let head = u64::from(number) | (name.len() as u64) << 32;
    blocks.push([head, 0, 0, 0]);
    if HEAD_BYTES + name.len() > BLOCK_BYTES {
        let all = (HEAD_BYTES + name.len()).div_ceil(BLOCK_BYTES);
        blocks.resize(place + all, [0; 4]);
    }
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut blocks[place..]);
    bytes[HEAD_BYTES..HEAD_BYTES + name.len()].copy_from_slice(name);
}

/// The name at the beginning of blocks; an empty one where they are too few.
#[inline]
fn name_in(blocks: &[Block]) -> &[u8] {
    let len = blocks.first().map_or(0, len_of);
    let bytes: &[u8] = bytemuck::cast_slice(blocks);
    bytes.get(HEAD_BYTES..HEAD_BYTES + len).unwrap_or_default()
}

/// By the leading bits, so that slots need no name when there are more of them.
fn first_slot(hash: u64, slots: usize) -> usize {
    (hash as usize) >> (32 - slots.ilog2())
}

impl Dealt {
    /// Adds a name of at most 65,535 bytes.
    #[inline]
    pub(crate) fn push(&mut self, name: &[u8]) -> Place {
        let hash = self.hasher.hash_one(name);
        // Tables look at the high bits.
        let table = hash as usize & (self.streams.len() - 1);
        let stream = &mut self.streams[table];
        let start = u32::try_from(stream.len()).expect("chunks are small");
        push_name(stream, (hash >> 32) as u32, name);
        self.blocks += stream.len() - start as usize;
        self.counts[table] += 1;
        let number = self.tables.len() as u32;
        self.tables.push(table as u8);
        Place { number, start }
    }

    /// Whether that is the name at a place.
    #[inline]
    pub(crate) fn holds(&self, place: Place, name: &[u8]) -> bool {
        let table = self.tables[place.number as usize];
        let stream = &self.streams[usize::from(table)];
        name_in(&stream[place.start as usize..]) == name
    }

    pub(crate) fn len(&self) -> usize {
        self.tables.len()
    }

    /// Bytes of the names and what is noted of them.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks * BLOCK_BYTES + self.tables.len()
    }

    pub(crate) fn clear(&mut self) {
        self.streams.iter_mut().for_each(Vec::clear);
        self.counts.fill(0);
        self.tables.clear();
        self.blocks = 0;
    }
}

impl Found {
    /// Writes the ids of all names of the `at`-th of those that were dealt out, in order of coming, to `ids`.
    pub(crate) fn ids(&self, at: usize, dealt: &Dealt, ids: &mut Vec<u32>) {
        let mut next = self.starts[at].clone();
        ids.clear();
        ids.extend(dealt.tables.iter().map(|&table| {
            let place = &mut next[usize::from(table)];
            let id = self.by_table[usize::from(table)][*place as usize];
            *place += 1;
            id
        }));
    }
}

/// Names sorted by bytes.
pub(crate) struct SortedNames {
    names: Vec<Placed>,
    bits: u32,
    /// Ids in the order of their names.
    pub(crate) order: Vec<u32>,
}

/// Names that can be had by number.
struct Placed {
    names: Entries,
    places: Vec<u32>,
}

impl Placed {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn get(&self, number: u32) -> &[u8] {
        name_in(&self.names.blocks[self.places[number as usize] as usize..])
    }
}

impl SortedNames {
    /// Sorts the names of `2^bits` tables.
    pub(crate) fn of(names: Vec<Entries>, bits: u32) -> Self {
        let placed = names.into_par_iter().map(|names| Placed {
            places: names.places(),
            names,
        });
        let mut sorted = SortedNames {
            names: placed.collect(),
            bits,
            order: Vec::new(),
        };
        sorted.order = sorted.sort();
        sorted
    }

    /// Names go to ranges first, so that each range has a beginning that all its names share, and threads sort ranges.
    fn sort(&self) -> Vec<u32> {
        let count: usize = self.names.iter().map(Placed::len).sum();
        let ranges = Ranges::of(&self.names, count);
        let split: Vec<SplitIds> = self
            .names
            .par_iter()
            .enumerate()
            .map(|(number, names)| ranges.split(names, self.bits, number as u32))
            .collect();
        let mut order = vec![0; count];
        let mut rest = &mut order[..];
        let mut places = Vec::with_capacity(ranges.len());
        for range in 0..ranges.len() {
            let len = split.iter().map(|split| split.piece(range).len()).sum();
            let (now, later) = rest.split_at_mut(len);
            places.push(now);
            rest = later;
        }
        places
            .into_par_iter()
            .with_max_len(1)
            .enumerate()
            .for_each(|(range, order)| {
                let shared = ranges.shared(range);
                let ids = split.iter().flat_map(|split| split.piece(range));
                let mut keys: Vec<(u64, u32)> = Vec::with_capacity(order.len());
                keys.extend(ids.map(|&id| (eight(self.get(id), shared), id)));
                // A name that is another one with zeros after it has the same number.
                keys.sort_unstable_by(|a, b| {
                    a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1)))
                });
                for (place, key) in order.iter_mut().zip(keys) {
                    *place = key.1;
                }
            });
        order
    }

    fn get(&self, id: u32) -> &[u8] {
        let number = id as usize & ((1 << self.bits) - 1);
        self.names[number].get(id >> self.bits)
    }

    /// Returns the name of an id, or nothing for an id that no name has.
    pub(crate) fn name(&self, id: u32) -> &[u8] {
        let number = id as usize & ((1 << self.bits) - 1);
        match ((id >> self.bits) as usize) < self.names[number].len() {
            true => self.get(id),
            false => &[],
        }
    }

    /// No id is this high or higher.
    pub(crate) fn end(&self) -> usize {
        let most = self.names.iter().map(Placed::len).max();
        most.unwrap_or(0) << self.bits
    }

    /// For each id its place in the order.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.end()];
        for (place, &id) in self.order.iter().enumerate() {
            ranks[id as usize] = place as u32;
        }
        ranks
    }

    /// Writes all names in order.
    pub(crate) fn write(&self, writer: &mut NamesWriter) -> Result<(), Error> {
        // Together by threads, since each name is a miss.
        let together = |(): &mut (), ids: &[u32]| {
            let mut names = LocalNames::default();
            for &id in ids {
                names.push(self.get(id));
            }
            Ok(names)
        };
        in_order(self.order.chunks(CHUNK), || (), together, &mut |names| {
            writer.extend(&names)
        })
    }
}

/// Where ranges of names begin, but for the first.
struct Ranges<'a> {
    begins: Vec<(Start, &'a [u8])>,
}

/// The first 16 bytes of a name as numbers. Most comparisons end there.
type Start = (u64, u64);

fn start_of(name: &[u8]) -> Start {
    (eight(name, 0), eight(name, 8))
}

/// The ids of a table by range.
struct SplitIds {
    ids: Vec<u32>,
    ends: Vec<u32>,
}

impl SplitIds {
    fn piece(&self, range: usize) -> &[u32] {
        let start = match range {
            0 => 0,
            _ => self.ends[range - 1],
        };
        &self.ids[start as usize..self.ends[range] as usize]
    }
}

impl<'a> Ranges<'a> {
    /// Of about the same size.
    fn of(names: &'a [Placed], count: usize) -> Self {
        let ranges = (count / NAMES_IN_RANGE).clamp(1, MOST_RANGES);
        let step = (count / (ranges * SAMPLES_PER_RANGE)).max(1);
        let samples = names.iter().flat_map(|names| {
            let ids = (0..names.len() as u32).step_by(step);
            ids.map(|id| names.get(id))
        });
        let mut samples: Vec<(Start, &[u8])> = samples.map(|name| (start_of(name), name)).collect();
        samples.par_sort_unstable();
        let begins = (1..ranges).map(|range| samples[range * samples.len() / ranges]);
        Ranges {
            begins: begins.collect(),
        }
    }

    fn len(&self) -> usize {
        self.begins.len() + 1
    }

    fn range_of(&self, name: &[u8]) -> usize {
        let key = (start_of(name), name);
        self.begins.partition_point(|begin| *begin <= key)
    }

    fn split(&self, names: &Placed, bits: u32, number: u32) -> SplitIds {
        let ids = 0..names.len() as u32;
        let ranges: Vec<u16> = ids
            .clone()
            .map(|id| self.range_of(names.get(id)) as u16)
            .collect();
        let mut ends = vec![0u32; self.len()];
        for &range in &ranges {
            ends[usize::from(range)] += 1;
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut by_range = vec![0; ranges.len()];
        for (id, &range) in ids.zip(&ranges) {
            let end = &mut ends[usize::from(range)];
            by_range[*end as usize] = id << bits | number;
            *end += 1;
        }
        SplitIds {
            ids: by_range,
            ends,
        }
    }

    /// How many bytes all names of a range begin with.
    fn shared(&self, range: usize) -> usize {
        match (range.checked_sub(1), self.begins.get(range)) {
            (Some(before), Some((_, end))) => {
                let both = self.begins[before].1.iter().zip(*end);
                both.take_while(|(a, b)| a == b).count()
            }
            _ => 0,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Prefixes of one another, longer than a key, with zeros, and many; each comes several times.
    fn given(many: u64) -> Vec<Vec<u8>> {
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
        given.extend((0..4 * many).map(|number| {
            let number = crate::mix64(number) % many;
            format!("com.a-long-name-{number}").into_bytes()
        }));
        given
    }

    #[test]
    fn equal_names_get_one_id_and_ids_sort_by_bytes() {
        let given = given(5_000);
        let expected: BTreeSet<&[u8]> = given.iter().map(Vec::as_slice).collect();
        for bits in [0, 3, 8] {
            let mut interners = Interners::new(bits);
            let (mut ids, mut all) = (Vec::new(), Vec::new());
            for given in given.chunks(7_000) {
                let dealt: Vec<Dealt> = given
                    .chunks(3_000)
                    .map(|given| {
                        let mut dealt = interners.dealt();
                        for (number, name) in given.iter().enumerate() {
                            let place = dealt.push(name);
                            assert_eq!(place.number as usize, number);
                            assert!(dealt.holds(place, name) && !dealt.holds(place, b"another"));
                        }
                        dealt
                    })
                    .collect();
                assert!(interners.ids_suffice(dealt.iter()));
                let found = interners.intern(&dealt.iter().collect::<Vec<_>>());
                for (at, dealt) in dealt.iter().enumerate() {
                    found.ids(at, dealt, &mut ids);
                    all.extend_from_slice(&ids);
                }
            }
            let sorted = SortedNames::of(interners.into_names(), bits);
            let names: Vec<&[u8]> = sorted.order.iter().map(|&id| sorted.get(id)).collect();
            assert!(names.iter().eq(expected.iter()), "{bits} bits");
            let ranks = sorted.ranks();
            for (name, &id) in given.iter().zip(&all) {
                assert_eq!(names[ranks[id as usize] as usize], name);
            }
        }
    }

    #[test]
    fn many_ranges_sort_as_one_does() {
        let given = given(50_000);
        let expected: BTreeSet<&[u8]> = given.iter().map(Vec::as_slice).collect();
        let mut tables: [Entries; 4] = Default::default();
        for (at, name) in expected.iter().rev().enumerate() {
            let mut blocks = Vec::new();
            push_name(&mut blocks, 7, name);
            tables[at % 4].push(&blocks);
        }
        let sorted = SortedNames::of(tables.into(), 2);
        assert!(Ranges::of(&sorted.names, expected.len()).len() > 4);
        let names = sorted.order.iter().map(|&id| sorted.get(id));
        assert!(names.eq(expected.iter().copied()));
    }
}
