//! The nodes with outgoing edges, numbered among themselves.

use super::{BIN_NODES, num_bins};
use rayon::prelude::*;

/// The set of nodes with outgoing edges. A source's number is its place among them.
///
/// 16 bytes for 64 nodes, so that looking up a number touches one line of cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    words: Vec<Word>,
    /// For each bin the number of its first source, and at the end that of all.
    starts: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Word {
    /// Bit i: whether node 64 w + i is a source.
    bits: u64,
    /// Sources before this word.
    before: u32,
}

impl Sources {
    /// `is_source` is asked for each node below `num_nodes`.
    pub(crate) fn new(num_nodes: usize, is_source: impl Fn(usize) -> bool + Sync) -> Self {
        let mut words: Vec<Word> = (0..num_nodes.div_ceil(64))
            .into_par_iter()
            .map(|word| {
                let nodes = word * 64..num_nodes.min(word * 64 + 64);
                let bits = nodes.fold(0, |bits, node| {
                    bits | u64::from(is_source(node)) << (node % 64)
                });
                Word { bits, before: 0 }
            })
            .collect();
        let mut before = 0;
        for word in &mut words {
            word.before = before;
            before += word.bits.count_ones();
        }
        let starts = (0..=num_bins(num_nodes))
            .map(|bin| {
                words
                    .get(bin * (BIN_NODES / 64))
                    .map_or(before, |word| word.before)
            })
            .collect();
        Sources { words, starts }
    }

    /// Returns the number of a node, if it is a source.
    #[inline]
    pub(crate) fn number(&self, node: u32) -> Option<u32> {
        let word = self.words.get(node as usize / 64)?;
        let below = word.bits & ((1 << (node % 64)) - 1);
        let is_source = word.bits >> (node % 64) & 1 == 1;
        is_source.then(|| word.before + below.count_ones())
    }

    /// Returns the number of bins.
    pub(crate) fn num_bins(&self) -> usize {
        self.starts.len() - 1
    }

    /// Makes of `numbers` the places of nodes of a bin among its sources.
    ///
    /// # Errors
    /// A node that is no source.
    pub(crate) fn numbers_within(
        &self,
        bin: u32,
        nodes: impl IntoIterator<Item = u32>,
        numbers: &mut Vec<u16>,
    ) -> Result<(), u32> {
        let first = self.starts[bin as usize];
        numbers.clear();
        // To note the first bad one is faster than to stop there.
        let mut bad = None;
        numbers.extend(nodes.into_iter().map(|node| match self.number(node) {
            Some(number) => (number - first) as u16,
            None => {
                bad = bad.or(Some(node));
                0
            }
        }));
        bad.map_or(Ok(()), Err)
    }

    /// For each 64 nodes of a bin, which of them are sources: the first one's is the lowest bit.
    pub(crate) fn bits_of_bin(&self, bin: usize) -> impl Iterator<Item = u64> + '_ {
        let words = self.words.chunks(BIN_NODES / 64).nth(bin).unwrap_or(&[]);
        words.iter().map(|word| word.bits)
    }

    /// The numbers of a bin's sources.
    pub(crate) fn of_bin(&self, bin: usize) -> std::ops::Range<usize> {
        self.starts[bin] as usize..self.starts[bin + 1] as usize
    }

    /// The numbers of the sources among consecutive nodes, the first of which is a multiple of 64.
    pub(crate) fn within(&self, nodes: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        let words = &self.words[nodes.start / 64..nodes.end.div_ceil(64)];
        let first = words.first().map_or(0, |word| word.before as usize);
        let count: u32 = words.iter().map(|word| word.bits.count_ones()).sum();
        first..first + count as usize
    }

    /// Returns the node of each source; 4 bytes per source.
    pub(crate) fn nodes(&self, num_nodes: usize) -> Vec<u32> {
        let nodes = (0..num_nodes as u32).into_par_iter();
        nodes.filter(|&node| self.number(node).is_some()).collect()
    }

    /// Returns the number of sources.
    pub(crate) fn len(&self) -> usize {
        self.starts.last().map_or(0, |&all| all as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_numbered_in_the_order_of_nodes() {
        let n = 100_000;
        let is_source = |node: usize| node % 3 == 1 || node / 1000 == 40;
        let sources = Sources::new(n, is_source);
        let nodes: Vec<u32> = (0..n as u32)
            .filter(|&node| is_source(node as usize))
            .collect();
        assert_eq!(sources.len(), nodes.len());
        for (number, &node) in nodes.iter().enumerate() {
            assert_eq!(sources.number(node), Some(number as u32));
            assert!(sources.of_bin(node as usize / BIN_NODES).contains(&number));
        }
        assert_eq!(sources.nodes(n), nodes);
        assert_eq!(
            (sources.number(0), sources.number(n as u32 + 64)),
            (None, None)
        );
    }
}
