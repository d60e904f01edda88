//! What each source gives along each of its edges, of a score of 1.

use std::ops::Range;

/// Of each source 1 / its number of outgoing edges.
///
/// A byte for nearly each: all shares are read in each iteration, and memory's bandwidth bounds it.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Degrees below 256, and 0 for larger ones.
    degrees: Vec<u8>,
    /// The sources with larger ones by number, ascending, and these.
    large: Vec<(u32, u32)>,
}

/// `1 / degree` at each degree that fits a byte.
const SHARES: [f64; 256] = {
    let mut shares = [0.0; 256];
    let mut degree = 1;
    while degree < 256 {
        shares[degree] = 1.0 / degree as f64;
        degree += 1;
    }
    shares
};

impl Shares {
    /// Bytes a source, where at most an eighth of all have more than 255 edges: such a one takes 9, so at worst all do, in
    /// a graph of more than 255 edges a source.
    pub(crate) const BYTES: u64 = 2;

    /// `degrees` of all sources, each above 0.
    pub(crate) fn new(degrees: impl Iterator<Item = u32>) -> Self {
        let mut large = Vec::new();
        let small = degrees.enumerate().map(|(source, degree)| {
            u8::try_from(degree).unwrap_or_else(|_| {
                large.push((source as u32, degree));
                0
            })
        });
        Shares {
            degrees: small.collect(),
            large,
        }
    }

    /// Makes of the scores of a range of sources what each gives along an edge.
    pub(crate) fn apply(&self, sources: Range<usize>, values: &mut [f64]) {
        let large = |source: usize| {
            self.large
                .partition_point(|&(at, _)| (at as usize) < source)
        };
        let large = &self.large[large(sources.start)..large(sources.end)];
        // Before they are lost below.
        let of_large = |&(source, degree): &(u32, u32)| {
            values[source as usize - sources.start] * (1.0 / f64::from(degree))
        };
        let contributions: Vec<f64> = large.iter().map(of_large).collect();
        for (value, &degree) in values.iter_mut().zip(&self.degrees[sources.clone()]) {
            *value *= SHARES[usize::from(degree)];
        }
        for (&(source, _), contribution) in large.iter().zip(contributions) {
            values[source as usize - sources.start] = contribution;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_multiplied_by_one_over_its_degree() {
        let degrees = [1, 3, 255, 256, 257, 7, 100_000, u32::MAX, 2];
        let shares = Shares::new(degrees.into_iter());
        for range in [0..9, 2..5, 3..4, 4..4, 6..9] {
            let score = |source: usize| 0.1 + source as f64;
            let mut values: Vec<f64> = range.clone().map(score).collect();
            shares.apply(range.clone(), &mut values);
            let expected = range.map(|source| score(source) * (1.0 / f64::from(degrees[source])));
            assert_eq!(values, expected.collect::<Vec<_>>());
        }
    }
}
