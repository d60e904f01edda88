//! R-MAT (Chakrabarti, Zhan, Faloutsos: R-MAT, a recursive model for graph mining, 2004) with the parameters of Graph500,
//! 16 edges drawn to a node, ids permuted, so that no order helps a kernel: the web's opposite.
//!
//! Each edge picks one of four quadrants for each bit of its ids: 0.57, 0.19, 0.19, 0.05. So the bits of a source are
//! independent of one another, its draws are Poisson distributed with a mean that its ones tell, and each bit of a target
//! depends on the same bit of the source alone. Every source can thus draw its own edges: nothing has to be sorted.

use rand_distr::{Distribution, Poisson};

use crate::Blocks;
use crate::random::Random;

const EDGES_PER_NODE: f64 = 16.0;
/// Probability of a one in a bit of the source.
const ONE: f64 = 0.19 + 0.05;
/// Probability of a one in a target's bit where the source has a one, 0.05 / 0.24, in 256ths; where it has none it is 1/4.
const ONE_AFTER_ONE: u32 = 53;
const BLOCK_BITS: u32 = 14;

pub(crate) struct Rmat {
    bits: u32,
    ids: Scramble,
    /// Draws of a source, by the number of its ones.
    draws: Vec<Poisson<f64>>,
}

impl Rmat {
    pub(crate) fn new(bits: u32) -> Self {
        assert!((BLOCK_BITS..=32).contains(&bits), "R-MAT of scale {bits}");
        let draws = (0..=bits as i32).map(|ones| {
            let share = ONE.powi(ones) * (1.0 - ONE).powi(bits as i32 - ones);
            let mean = EDGES_PER_NODE * 2f64.powi(bits as i32) * share;
            Poisson::new(mean).expect("a mean above zero")
        });
        Self {
            bits,
            ids: Scramble::new(bits),
            draws: draws.collect(),
        }
    }
}

impl Blocks for Rmat {
    fn num_nodes(&self) -> u64 {
        1 << self.bits
    }

    fn num_blocks(&self) -> usize {
        1 << (self.bits - BLOCK_BITS)
    }

    fn edges(&self, block: usize, edges: &mut Vec<u64>) {
        let first = (block as u64) << BLOCK_BITS;
        for id in first..first + (1 << BLOCK_BITS) {
            let source = self.ids.backward(id);
            let mut random = Random::of(0, source);
            let draws = self.draws[source.count_ones() as usize].sample(&mut random);
            for _ in 0..draws as u64 {
                let target = target(source, &mut random) & (self.num_nodes() - 1);
                edges.push(id << 32 | self.ids.forward(target));
            }
        }
    }
}

/// Draws all bits of a target at once.
fn target(source: u64, random: &mut Random) -> u64 {
    let after_zero = random.bits() & random.bits();
    // From the lowest digit of the probability up, an `or` halves what lacks to one, an `and` halves.
    let mut after_one = 0;
    for digit in 0..8 {
        match ONE_AFTER_ONE >> digit & 1 {
            1 => after_one |= random.bits(),
            _ => after_one &= random.bits(),
        }
    }
    (after_zero & !source) | (after_one & source)
}

/// A bijection of the numbers of some bits, and its inverse.
struct Scramble {
    mask: u64,
    shift: u32,
    factor: u64,
    inverse: u64,
}

impl Scramble {
    fn new(bits: u32) -> Self {
        let factor = 0x9e37_79b9_7f4a_7c15u64;
        // Newton's iteration: each step doubles the bits that are right, and three are at the start.
        let inverse = (0..5).fold(factor, |inverse, _| {
            inverse.wrapping_mul(2u64.wrapping_sub(factor.wrapping_mul(inverse)))
        });
        Self {
            mask: (1 << bits) - 1,
            shift: bits.div_ceil(2), // by half of the bits or more, so that a second time undoes it
            factor,
            inverse,
        }
    }

    fn forward(&self, mut x: u64) -> u64 {
        for _ in 0..3 {
            x = x.wrapping_mul(self.factor) & self.mask;
            x ^= x >> self.shift;
        }
        x
    }

    fn backward(&self, mut x: u64) -> u64 {
        for _ in 0..3 {
            x ^= x >> self.shift;
            x = x.wrapping_mul(self.inverse) & self.mask;
        }
        x
    }
}
