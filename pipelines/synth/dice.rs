//! Seeded randomness: every capture has a stream of its own.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_distr::{Distribution, LogNormal, Zipf};

/// What a stream of random numbers is for. Streams of one capture never overlap, so that the
/// number of draws for its HTML cannot change its links.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// What a page is: its address, headers, head and links. The same in every kind of shard.
    Page = 0,
    /// Filler text of a page's HTML.
    Html = 1,
    /// What only the WAT knows: ids and dates of its own records, sizes of the WARC's.
    Wat = 2,
    /// A capture that did not end in status 200.
    Diagnostics = 3,
    /// A robots.txt.
    Robots = 4,
    /// Damage to the members of a file.
    Fault = 5,
    /// The names of hosts and the words of languages.
    World = 6,
    /// The text of a WET record.
    Text = 7,
}

/// A die that falls the same way on every machine: ChaCha8, keyed by the run's seed, with one
/// stream per purpose and index. Logarithms come from `libm`, not from the platform.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream((index << 3) | purpose as u64);
        Self(random)
    }

    /// A whole number in `0..limit`, of at most 32 bits; 0 when `limit` is 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        debug_assert!(limit as u64 <= 1 << 32, "{limit} has more than 32 bits");
        ((u64::from(self.0.next_u32()) * limit as u64) >> 32) as usize
    }

    /// A whole number in `low..=high`.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A number in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// An index drawn with the given weights.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        weights.len() - 1
    }

    pub(super) fn log_normal(&mut self, mu: f64, sigma: f64) -> f64 {
        LogNormal::new(mu, sigma)
            .expect("sigma is a finite constant")
            .sample(&mut self.0)
    }

    /// An index in `0..count`, low ones much more often: a fast stand-in for Zipf's law where the
    /// count is small. Products alone, so that all machines agree.
    pub(super) fn skewed(&mut self, count: usize) -> usize {
        let unit = self.unit();
        (unit * unit * unit * count as f64) as usize
    }

    /// A rank in `0..count` with probability proportional to `(rank + 1)^-exponent`.
    pub(super) fn zipf(&mut self, count: usize, exponent: f64) -> usize {
        let rank: f64 = Zipf::new(count as f64, exponent)
            .expect("count is at least 1 and the exponent a constant")
            .sample(&mut self.0);
        (rank as usize).clamp(1, count) - 1
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |purpose, index| Dice::new(7, purpose, index).next_u64();
        assert_eq!(draw(Purpose::Page, 3), draw(Purpose::Page, 3));
        assert_ne!(draw(Purpose::Page, 3), draw(Purpose::Page, 4));
        assert_ne!(draw(Purpose::Page, 3), draw(Purpose::Html, 3));
        assert_ne!(
            draw(Purpose::Page, 3),
            Dice::new(8, Purpose::Page, 3).next_u64()
        );
    }

    #[test]
    fn weights_are_kept() {
        let mut dice = Dice::new(1, Purpose::World, 0);
        let mut counts = [0u32; 3];
        for _ in 0..10_000 {
            counts[dice.weighted(&[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((7_300..7_700).contains(&counts[2]), "{counts:?}");
    }
}
