//! Edges by source become edges by target, without a comparison.
//!
//! Edges come in order of their sources. Each chunk of them is dealt out to ranges of targets (buckets) by a stable counting
//! sort, and in the end the edges of each bucket, chunk by chunk, are dealt out to their targets by another one: what a
//! target gets is in order of sources as it comes. Chunks that exceed memory are written to disk, bucket by bucket, and
//! read back in that order.
//!
//! A word of 32 bits holds an edge: how far its source is from the first one of its chunk, and its target's place in its
//! bucket.

use crate::Error;
use crate::adjacency::Adjacency;
use crate::in_order::{ITEMS_PER_THREAD, in_order};
use crate::mapping::Mapping;
use crate::parts::{Most, Part};
use crate::writer::Scratch;
use bytemuck::Pod;
use rayon::prelude::*;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Buckets, at most: a chunk has more than a cache line for each of them.
const MOST_BUCKET_BITS: u32 = 11;

/// Smaller buckets would gain nothing.
const LEAST_PLACE_BITS: u32 = 8;

/// Most edges of a chunk: 1 MiB without pages.
const MOST_IN_CHUNK: usize = 1 << 18;

/// An edge within its chunk and bucket.
pub(crate) trait Word: Pod + Send + Sync {
    /// Whether pages are kept.
    const PAGES: bool;

    fn new(edge: u32, pages: u32) -> Self;
    fn edge(self) -> u32;
    fn pages(self) -> u32;
}

impl Word for u32 {
    const PAGES: bool = false;

    #[inline]
    fn new(edge: u32, _pages: u32) -> Self {
        edge
    }
    #[inline]
    fn edge(self) -> u32 {
        self
    }
    #[inline]
    fn pages(self) -> u32 {
        1
    }
}

impl Word for u64 {
    const PAGES: bool = true;

    #[inline]
    fn new(edge: u32, pages: u32) -> Self {
        u64::from(pages) << 32 | u64::from(edge)
    }
    #[inline]
    fn edge(self) -> u32 {
        self as u32
    }
    #[inline]
    fn pages(self) -> u32 {
        (self >> 32) as u32
    }
}

/// How targets are cut into buckets.
#[derive(Debug, Clone, Copy)]
struct Cut {
    num_nodes: usize,
    /// Bits of a target's place in its bucket.
    place_bits: u32,
}

impl Cut {
    fn of(num_nodes: usize) -> Self {
        let id_bits = usize::BITS - num_nodes.saturating_sub(1).leading_zeros();
        let place_bits = id_bits.saturating_sub(MOST_BUCKET_BITS);
        Cut {
            num_nodes,
            place_bits: place_bits.max(LEAST_PLACE_BITS),
        }
    }

    fn num_buckets(self) -> usize {
        self.num_nodes.div_ceil(1 << self.place_bits)
    }

    fn bucket(self, target: u32) -> usize {
        (target >> self.place_bits) as usize
    }

    /// The number of targets in a bucket.
    fn num_targets(self, bucket: usize) -> usize {
        let first = bucket << self.place_bits;
        (self.num_nodes - first).min(1 << self.place_bits)
    }
}

/// Edges that came together, by bucket.
struct Chunk<W> {
    first_source: u32,
    words: Vec<W>,
    /// Where each bucket ends.
    ends: Vec<u32>,
}

impl<W: Word> Chunk<W> {
    fn of(part: &Part, edges: Adjacency<'_>, cut: Cut) -> Result<Self, Error> {
        let mut places = vec![0u32; cut.num_buckets()];
        part.each_list(edges, |source, targets, _| {
            for &target in targets {
                let place = places.get_mut(cut.bucket(target));
                *place.ok_or_else(|| edges.bad_neighbor(source, target))? += 1;
                if target as usize >= cut.num_nodes {
                    return Err(edges.bad_neighbor(source, target));
                }
            }
            Ok(())
        })?;
        let mut len = 0;
        for place in &mut places {
            len += std::mem::replace(place, len);
        }
        let mut words = vec![W::zeroed(); len as usize];
        let first_source = part.first_node();
        let mask = !(!0 << cut.place_bits);
        part.each_list(edges, |source, targets, pages| {
            let high = (source - first_source) << cut.place_bits;
            let mut put = |target: u32, pages| {
                let place = &mut places[cut.bucket(target)];
                words[*place as usize] = W::new(high | target & mask, pages);
                *place = place.wrapping_add(1);
            };
            match pages {
                Some(pages) if W::PAGES => {
                    (targets.iter().zip(pages)).for_each(|(&target, &pages)| put(target, pages))
                }
                _ => targets.iter().for_each(|&target| put(target, 1)),
            }
            Ok(())
        })?;
        Ok(Chunk {
            first_source,
            words,
            ends: places,
        })
    }

    fn words(&self, bucket: usize) -> &[W] {
        let start = match bucket {
            0 => 0,
            _ => self.ends[bucket - 1],
        };
        &self.words[start as usize..self.ends[bucket] as usize]
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.words[..]) + size_of_val(&self.ends[..])
    }
}

/// Chunks on disk, by bucket.
struct Spill {
    path: PathBuf,
    map: Mapping,
    extents: Vec<Extent>,
}

/// A bucket's words in a spill: those of each chunk that has some, behind its first source and their number.
#[derive(Default)]
struct Extent {
    offset: u64,
    bytes: usize,
    checksum: u64,
    edges: usize,
}

type Head = [u32; 2];

impl Spill {
    fn write<W: Word>(chunks: &[Chunk<W>], buckets: usize, path: PathBuf) -> Result<Self, Error> {
        let mut file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        let mut extents = Vec::with_capacity(buckets);
        let mut offset = 0;
        in_order(
            0..buckets,
            || (),
            |(), bucket| Ok(Extent::encode(chunks, bucket)),
            &mut |(extent, bytes): (Extent, Vec<u8>)| {
                file.write_all(&bytes).map_err(Error::io(&path, "write"))?;
                extents.push(Extent { offset, ..extent });
                offset += bytes.len() as u64;
                Ok(())
            },
        )?;
        drop(file);
        let map = Mapping::open(&path)?;
        Ok(Spill { path, map, extents })
    }

    /// Calls `each` with the first source and the words of each chunk.
    fn read<W: Word>(&self, bucket: usize, mut each: impl FnMut(u32, &[W])) -> Result<(), Error> {
        let extent = &self.extents[bucket];
        let start = extent.offset as usize;
        let bytes = self.map.get(start..start + extent.bytes);
        let sound = bytes.filter(|bytes| xxh3_64(bytes) == extent.checksum);
        let mut bytes = sound.ok_or_else(|| Error::damaged_run(&self.path, extent.offset))?;
        while !bytes.is_empty() {
            let (head, behind) = bytes.split_at(size_of::<Head>());
            let [first_source, len]: Head = bytemuck::pod_read_unaligned(head);
            let (words, behind) = behind.split_at(len as usize * size_of::<W>());
            each(first_source, bytemuck::cast_slice(words));
            bytes = behind;
        }
        Ok(())
    }
}

impl Extent {
    fn encode<W: Word>(chunks: &[Chunk<W>], bucket: usize) -> (Self, Vec<u8>) {
        let (mut bytes, mut edges) = (Vec::new(), 0);
        for chunk in chunks {
            let words = chunk.words(bucket);
            if !words.is_empty() {
                let head: Head = [chunk.first_source, words.len() as u32];
                bytes.extend_from_slice(bytemuck::bytes_of(&head));
                bytes.extend_from_slice(bytemuck::cast_slice(words));
                edges += words.len();
            }
        }
        let extent = Extent {
            offset: 0,
            bytes: bytes.len(),
            checksum: xxh3_64(&bytes),
            edges,
        };
        (extent, bytes)
    }
}

/// Takes edges in order of sources and gives them back by target.
pub(crate) struct ByTarget<W> {
    cut: Cut,
    most_bytes: usize,
    /// Edges whose list is made at a time.
    most_edges: usize,
    chunks: Vec<Chunk<W>>,
    bytes: usize,
    spills: Vec<Spill>,
    scratch: Scratch,
}

/// Sources of consecutive targets, or some of them.
pub(crate) struct Lists {
    /// How many edges each target of a bucket has; empty where the bucket goes on.
    pub(crate) lengths: Vec<u32>,
    pub(crate) sources: Vec<u32>,
    /// Empty without pages.
    pub(crate) pages: Vec<u32>,
}

impl<W: Word> ByTarget<W> {
    /// For targets below `num_nodes`, within `work_bytes` of memory, or twice what the places and lengths of buckets take
    /// where that is more: 40 bytes for each thread and target of a bucket.
    pub(crate) fn new(num_nodes: usize, tmp: &Path, work_bytes: usize) -> Self {
        let threads = rayon::current_num_threads();
        let in_flight = 2 * ITEMS_PER_THREAD * threads;
        let cut = Cut::of(num_nodes);
        let per_target = threads * size_of::<usize>() + in_flight * size_of::<u32>();
        let in_buckets = per_target << cut.place_bits;
        let work_bytes = work_bytes - in_buckets.min(work_bytes / 2);
        ByTarget {
            cut,
            most_bytes: work_bytes / 4 * 3,
            most_edges: (work_bytes / 8 / in_flight / size_of::<W>()).max(1 << 10),
            chunks: Vec::new(),
            bytes: 0,
            spills: Vec::new(),
            scratch: Scratch::new(tmp),
        }
    }

    /// The most that a part may have.
    pub(crate) fn most_in_part(&self) -> Most {
        Most {
            nodes: 1 << (u32::BITS - self.cut.place_bits),
            edges: (self.most_bytes / 16 / size_of::<W>()).clamp(1 << 8, MOST_IN_CHUNK),
        }
    }

    /// Takes the edges of parts, which come in order.
    pub(crate) fn extend(&mut self, parts: &[Part], edges: Adjacency<'_>) -> Result<(), Error> {
        let cut = self.cut;
        let part_bytes =
            self.most_in_part().edges * size_of::<W>() + cut.num_buckets() * size_of::<u32>();
        let together =
            (self.most_bytes / 8 / part_bytes).clamp(1, 2 * rayon::current_num_threads());
        for parts in parts.chunks(together) {
            let chunks = parts.par_iter().with_max_len(1);
            let chunks = chunks.map(|part| Chunk::of(part, edges, cut));
            let chunks = chunks.collect::<Result<Vec<_>, Error>>()?;
            let bytes: usize = chunks.iter().map(Chunk::bytes).sum();
            if self.bytes + bytes > self.most_bytes {
                self.spill()?;
            }
            self.bytes += bytes;
            self.chunks.extend(chunks);
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<(), Error> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let path = self.scratch.new_path()?;
        let spill = Spill::write(&self.chunks, self.cut.num_buckets(), path)?;
        self.spills.push(spill);
        self.chunks.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Calls `each` with the lists of all targets in order.
    pub(crate) fn finish(
        self,
        each: &mut impl FnMut(Lists) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let windows = (0..self.cut.num_buckets()).flat_map(|bucket| {
            let windows = self.num_edges(bucket).div_ceil(self.most_edges).max(1);
            (0..windows).map(move |window| (bucket, window * self.most_edges))
        });
        in_order(
            windows,
            Vec::new,
            |places, (bucket, start)| self.lists(bucket, start, places),
            each,
        )
    }

    fn num_edges(&self, bucket: usize) -> usize {
        let spilled = self.spills.iter().map(|spill| spill.extents[bucket].edges);
        let held = self.chunks.iter().map(|chunk| chunk.words(bucket).len());
        spilled.sum::<usize>() + held.sum::<usize>()
    }

    fn words(&self, bucket: usize, mut each: impl FnMut(u32, &[W])) -> Result<(), Error> {
        for spill in &self.spills {
            spill.read(bucket, &mut each)?;
        }
        for chunk in &self.chunks {
            each(chunk.first_source, chunk.words(bucket));
        }
        Ok(())
    }

    /// The sources of a bucket's edges from the one at `start` on, at most `most_edges` of them. A bucket may have more
    /// edges than memory: it is read again for each piece of its lists.
    fn lists(&self, bucket: usize, start: usize, places: &mut Vec<usize>) -> Result<Lists, Error> {
        let mask = !(!0 << self.cut.place_bits);
        places.clear();
        places.resize(mask as usize + 1, 0);
        self.words(bucket, |_, words| {
            for word in words {
                let count = &mut places[(word.edge() & mask) as usize];
                *count = count.wrapping_add(1);
            }
        })?;
        let lengths = match start {
            0 => {
                let counts = &places[..self.cut.num_targets(bucket)];
                counts.iter().map(|&count| count as u32).collect()
            }
            _ => Vec::new(),
        };
        let mut end = 0;
        for place in places.iter_mut() {
            end += std::mem::replace(place, end);
        }
        let len = (end - start).min(self.most_edges);
        let mut sources = vec![0; len];
        let mut pages = vec![0; if W::PAGES { len } else { 0 }];
        self.words(bucket, |first_source, words| {
            for word in words {
                let place = &mut places[(word.edge() & mask) as usize];
                let at = place.wrapping_sub(start);
                *place = place.wrapping_add(1);
                if let Some(source) = sources.get_mut(at) {
                    *source = first_source.wrapping_add(word.edge() >> self.cut.place_bits);
                }
                if W::PAGES {
                    if let Some(slot) = pages.get_mut(at) {
                        *slot = word.pages();
                    }
                }
            }
        })?;
        Ok(Lists {
            lengths,
            sources,
            pages,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::Tick;
    use crate::parts::for_parts;
    use proptest::prelude::*;
    use std::os::unix::fs::FileExt;

    /// A graph's lists: offsets, targets, pages.
    struct Outgoing {
        offsets: Vec<u64>,
        targets: Vec<u32>,
        pages: Vec<u32>,
    }

    impl Outgoing {
        /// `edges` are sorted.
        fn of(num_nodes: u32, edges: &[(u32, u32, u32)]) -> Self {
            let before = |node| edges.partition_point(|edge| edge.0 < node) as u64;
            Outgoing {
                offsets: (0..=num_nodes).map(before).collect(),
                targets: edges.iter().map(|edge| edge.1).collect(),
                pages: edges.iter().map(|edge| edge.2).collect(),
            }
        }

        fn adjacency(&self, pages: bool) -> Adjacency<'_> {
            let pages = pages.then_some(&self.pages[..]);
            Adjacency::new(&self.offsets, &self.targets, pages, Path::new("targets"))
        }
    }

    fn dealt<W: Word>(edges: Adjacency<'_>, tmp: &Path, work_bytes: usize) -> ByTarget<W> {
        let mut by_target = ByTarget::new(edges.num_nodes(), tmp, work_bytes);
        let most = by_target.most_in_part();
        let mut extend = |parts: &[Part]| by_target.extend(parts, edges);
        for_parts(edges, most, &mut Tick::silent(), &mut extend).unwrap();
        by_target
    }

    /// All edges as (target, source, pages).
    fn turned<W: Word>(edges: Adjacency<'_>, work_bytes: usize) -> Vec<(u32, u32, u32)> {
        let tmp = tempfile::tempdir().unwrap();
        let (mut lengths, mut sources, mut pages) = (Vec::new(), Vec::new(), Vec::new());
        let finish = dealt::<W>(edges, tmp.path(), work_bytes).finish(&mut |lists| {
            lengths.extend(lists.lengths);
            sources.extend(lists.sources);
            pages.extend(lists.pages);
            Ok(())
        });
        finish.unwrap();
        assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
        assert_eq!(lengths.len(), edges.num_nodes());
        if !W::PAGES {
            pages.resize(sources.len(), 1);
        }
        let targets = (0..)
            .zip(lengths)
            .flat_map(|(node, length)| std::iter::repeat_n(node, length as usize));
        let turned: Vec<_> = targets.zip(sources).zip(pages).collect();
        turned
            .into_iter()
            .map(|((target, source), pages)| (target, source, pages))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Few nodes and many, hubs whose edges are more than fit, and spills.
        #[test]
        fn edges_by_target_are_the_edges_sorted_by_target(
            num_nodes in prop_oneof![1u32..40, 200_000u32..600_000],
            len in 0usize..30_000,
            hubs in 0u64..3,
            seed in any::<u64>(),
        ) {
            let number = |at: usize| crate::mix64(seed ^ at as u64);
            let mut edges: Vec<(u32, u32, u32)> = (0..len)
                .map(|at| (number(2 * at), number(2 * at + 1)))
                .map(|(a, b)| match b % 4 < hubs {
                    true => (a as u32 % num_nodes, num_nodes - 1, b as u32 | 1),
                    false => (a as u32 % num_nodes, (b >> 32) as u32 % num_nodes, b as u32 | 1),
                })
                .collect();
            edges.sort_unstable();
            edges.dedup_by_key(|edge| (edge.0, edge.1));
            let outgoing = Outgoing::of(num_nodes, &edges);
            let mut expected: Vec<_> = edges.iter().map(|&(u, v, pages)| (v, u, pages)).collect();
            expected.sort_unstable();
            for work_bytes in [1 << 14, 1 << 17, 1 << 24] {
                prop_assert!(turned::<u64>(outgoing.adjacency(true), work_bytes) == expected);
            }
            expected.iter_mut().for_each(|edge| edge.2 = 1);
            for work_bytes in [1 << 14, 1 << 17, 1 << 24] {
                prop_assert!(turned::<u32>(outgoing.adjacency(false), work_bytes) == expected);
            }
        }
    }

    #[test]
    fn a_target_that_is_no_node_is_an_error() {
        for target in [3, 255, 256, u32::MAX] {
            let outgoing = Outgoing::of(3, &[(0, 1, 1), (2, target, 1)]);
            let edges = outgoing.adjacency(false);
            let mut by_target = ByTarget::<u32>::new(3, Path::new("."), 1 << 20);
            let most = by_target.most_in_part();
            let mut extend = |parts: &[Part]| by_target.extend(parts, edges);
            let given = for_parts(edges, most, &mut Tick::silent(), &mut extend);
            assert!(matches!(given, Err(Error::Corrupt { .. })), "{target}");
        }
    }

    #[test]
    fn a_damaged_spill_is_named() {
        let tmp = tempfile::tempdir().unwrap();
        let edges: Vec<_> = (0..40_000).map(|at| (at / 8, at % 8 * 611, 1)).collect();
        let outgoing = Outgoing::of(5_000, &edges);
        for flipped in 0..20 {
            let by_target = dealt::<u32>(outgoing.adjacency(false), tmp.path(), 1 << 16);
            let path = by_target.spills[1].path.clone();
            let mut bytes = std::fs::read(&path).unwrap();
            let at = crate::mix64(flipped) as usize % bytes.len();
            bytes[at] ^= 1;
            // In place: it is mapped.
            let file = File::options().write(true).open(&path).unwrap();
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
            match by_target.finish(&mut |_| Ok(())) {
                Err(Error::DamagedRun {
                    path: named,
                    offset,
                }) => {
                    assert!(named == path && offset <= at as u64);
                }
                other => panic!("byte {at}: {other:?}"),
            }
        }
    }
}
