//! Names to numbers in order of appearance, in memory.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Gives each distinct name a local id. The hash is seeded per process, so that no input can be
/// made to collide; local ids do not depend on it.
#[derive(Default)]
pub(crate) struct Interner {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    names: LocalNames,
}

/// Names one after another in one allocation.
#[derive(Default)]
pub(crate) struct LocalNames {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// Names sorted by bytes.
pub(crate) struct SortedNames {
    names: LocalNames,
    /// Local ids in the order of their names.
    pub(crate) order: Vec<u32>,
    /// For each local id its place in that order.
    pub(crate) rank: Vec<u32>,
}

/// Bytes per name that [`Interner::into_sorted`] needs on top: order and rank.
pub(crate) const SORT_BYTES_PER_NAME: usize = 8;

impl Interner {
    /// Returns the local id of a name; a new name gets the next one.
    pub(crate) fn intern(&mut self, name: &[u8]) -> u32 {
        let Interner {
            hasher,
            table,
            names,
        } = self;
        let entry = table.entry(
            hasher.hash_one(name),
            |&id| names.get(id) == name,
            |&id| hasher.hash_one(names.get(id)),
        );
        *entry.or_insert_with(|| names.push(name)).get()
    }

    pub(crate) fn len(&self) -> usize {
        self.names.ends.len()
    }

    /// Bytes held, with what sorting will need.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.table.allocation_size()
            + self.names.bytes.capacity()
            + self.names.ends.capacity() * size_of::<u32>()
            + self.len() * SORT_BYTES_PER_NAME
    }

    /// Bytes of new allocations before `names` more names of `bytes` bytes together fit; `None`
    /// when they never do, because places in the arena have 32 bits.
    pub(crate) fn growth_bytes(&self, names: usize, bytes: usize) -> Option<usize> {
        if self.names.bytes.len() + bytes > u32::MAX as usize
            || self.len() + names > u32::MAX as usize
        {
            return None;
        }
        let table = match self.table.len() + names <= self.table.capacity() {
            true => 0,
            // Doubles, and at least this; the smallest table has 4 buckets of 5 bytes and a group.
            false => 2 * self.table.allocation_size() + 64 * names,
        };
        let arena = growth(&self.names.bytes, bytes);
        let ends = growth(&self.names.ends, names);
        Some(table + arena + ends + names * SORT_BYTES_PER_NAME)
    }

    /// Sorts the names; the hash table is gone before the memory for that is taken.
    pub(crate) fn into_sorted(self) -> SortedNames {
        let Interner { table, names, .. } = self;
        drop(table);
        let mut order: Vec<u32> = (0..names.ends.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| names.get(a).cmp(names.get(b)));
        let mut rank = vec![0; order.len()];
        for (place, &id) in order.iter().enumerate() {
            rank[id as usize] = place as u32;
        }
        SortedNames { names, order, rank }
    }
}

impl SortedNames {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.order.iter().map(|&id| self.names.get(id))
    }
}

impl LocalNames {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All names, one after another.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each name ends.
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Adds a name, known or not; all together have at most 4 GiB.
    pub(crate) fn push(&mut self, name: &[u8]) -> u32 {
        let id = self.ends.len() as u32;
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len() as u32);
        id
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 {
            0
        } else {
            self.ends[id - 1] as usize
        };
        &self.bytes[start..self.ends[id] as usize]
    }
}

/// Bytes that a vector allocates before it holds `more` further values: it doubles.
pub(crate) fn growth<T>(vec: &Vec<T>, more: usize) -> usize {
    match vec.len() + more <= vec.capacity() {
        true => 0,
        false => (2 * vec.capacity()).max(vec.len() + more).max(8) * size_of::<T>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_ids_in_order_of_appearance_and_sort_by_bytes() {
        let mut interner = Interner::default();
        let ids: Vec<u32> = [
            &b"com.example.www"[..],
            b"com.example",
            b"",
            b"com.example-shop",
            b"com.example",
        ]
        .map(|name| interner.intern(name))
        .into();
        assert_eq!(ids, [0, 1, 2, 3, 1]);
        let sorted = interner.into_sorted();
        assert_eq!(sorted.order, [2, 1, 3, 0]);
        assert_eq!(sorted.rank, [3, 1, 0, 2]);
        assert_eq!(sorted.iter().last(), Some(&b"com.example.www"[..]));
    }

    #[test]
    fn announced_growth_bounds_the_real_one() {
        let mut interner = Interner::default();
        for i in 0..20_000 {
            let name = format!("com.example{i}");
            let announced = interner.memory_bytes() + interner.growth_bytes(1, name.len()).unwrap();
            interner.intern(name.as_bytes());
            assert!(interner.memory_bytes() <= announced, "name {i}");
        }
    }
}
