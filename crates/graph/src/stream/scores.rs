//! What is done once per node and iteration: sums to scores, scores to contributions.

use super::strip::{FIRST, Hub, Run};
use super::{BIN_NODES, bin_nodes, num_bins};
use crate::pagerank::Base;
use rayon::prelude::*;

/// Sums of a bin's nodes.
pub(crate) type Sums = [f64; BIN_NODES];

pub(crate) fn new_sums() -> Box<Sums> {
    vec![0.0; BIN_NODES].try_into().expect("of that length")
}

/// Four sums, to which values go in turn: adding waits for the addition before it, four do not wait
/// for one another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FourSums([f64; 4]);

impl FourSums {
    pub(crate) fn total(self) -> f64 {
        let [a, b, c, d] = self.0;
        (a + c) + (b + d)
    }
}

/// What changed in a bin.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BinChange {
    /// L1.
    pub(crate) change: f64,
    /// Score on dangling nodes.
    pub(crate) dangling: f64,
}

/// Adds a cell's messages to the sums of their targets. `messages[1..]` are the cell's.
#[inline]
pub(crate) fn add_messages(messages: &[f64], targets: &[u16], sums: &mut Sums) {
    let mut at = 0;
    for &target in targets {
        // Without a branch: a mispredicted one for each message would cost more than all else.
        at += usize::from(target / FIRST);
        sums[usize::from(target % FIRST)] += messages[at];
    }
}

/// Returns a hub's sum of a partition's contributions.
///
/// `running` holds their running sums, from 0 to that of all; only read for runs.
#[inline]
pub(crate) fn hub_sum(
    contributions: &[f64],
    running: &[f64],
    singles: &[u16],
    runs: &[Run],
) -> f64 {
    let mut sums = [0.0; 4];
    let mut fours = singles.chunks_exact(4);
    for four in &mut fours {
        for (sum, &source) in sums.iter_mut().zip(four) {
            *sum += contributions[usize::from(source)];
        }
    }
    for (sum, &source) in sums.iter_mut().zip(fours.remainder()) {
        *sum += contributions[usize::from(source)];
    }
    let mut total = FourSums(sums).total();
    for run in runs {
        let first = usize::from(run.first);
        total += running[first + usize::from(run.len)] - running[first];
    }
    total
}

/// Calls `each` with the singles and runs of each hub.
#[inline]
pub(crate) fn for_each_hub<'a>(
    hubs: &[Hub],
    mut singles: &'a [u16],
    mut runs: &'a [Run],
    mut each: impl FnMut(&'a [u16], &'a [Run]),
) {
    for hub in hubs {
        let (of_hub, later) = singles.split_at(usize::from(hub.singles));
        singles = later;
        let (runs_of_hub, later) = runs.split_at(usize::from(hub.runs));
        runs = later;
        each(of_hub, runs_of_hub);
    }
}

/// Writes the running sums of contributions, one value more than these.
pub(crate) fn write_running_sums(contributions: &[f64], running: &mut [f64]) {
    let mut sum = 0.0;
    running[0] = 0.0;
    for (running, &contribution) in running[1..].iter_mut().zip(contributions) {
        sum += contribution;
        *running = sum;
    }
}

/// Makes new scores of a bin's sums, and contributions of the scores. `first` is the bin's first node.
///
/// Leaves the sums without meaning.
pub(crate) fn update_bin(
    sums: &mut Sums,
    first: usize,
    scores: &mut [f64],
    degrees: &[u32],
    contributions: &mut [f64],
    damping: f64,
    base: &Base<'_>,
) -> BinChange {
    match base {
        Base::Same(base) => update(sums, scores, degrees, contributions, |_, sum| {
            damping * sum + base
        }),
        base => update(sums, scores, degrees, contributions, |at, sum| {
            damping * sum + base.of(first + at)
        }),
    }
}

#[inline]
fn update(
    sums: &mut Sums,
    scores: &mut [f64],
    degrees: &[u32],
    contributions: &mut [f64],
    score: impl Fn(usize, f64) -> f64,
) -> BinChange {
    let (mut changes, mut dangling) = (FourSums::default(), FourSums::default());
    // Up to four nodes. Inlined with exactly four, the compiler makes vectors of it.
    let mut few = |first: usize, sums: &mut [f64], scores: &mut [f64], degrees: &[u32]| {
        for at in 0..sums.len() {
            let new = score(first + at, sums[at]);
            changes.0[at] += (new - scores[at]).abs();
            // A product, since a choice would be a branch.
            dangling.0[at] += new * f64::from(u8::from(degrees[at] == 0));
            scores[at] = new;
            sums[at] = new / f64::from(degrees[at]);
        }
    };
    let sums = &mut sums[..scores.len()];
    let mut sum_fours = sums.chunks_exact_mut(4);
    let mut score_fours = scores.chunks_exact_mut(4);
    let mut degree_fours = degrees.chunks_exact(4);
    let fours = (&mut sum_fours)
        .zip(&mut score_fours)
        .zip(&mut degree_fours);
    for (four, ((sums, scores), degrees)) in fours.enumerate() {
        few(4 * four, sums, scores, degrees);
    }
    let rest = degrees.len() / 4 * 4;
    few(
        rest,
        sum_fours.into_remainder(),
        score_fours.into_remainder(),
        degree_fours.remainder(),
    );
    // Which nodes dangle is not to be predicted, so that all are written, and the next one over them.
    let mut num_sources = 0;
    for (at, &degree) in degrees.iter().enumerate() {
        sums[num_sources] = sums[at];
        num_sources += usize::from(degree > 0);
    }
    contributions.copy_from_slice(&sums[..num_sources]);
    BinChange {
        change: changes.total(),
        dangling: dangling.total(),
    }
}

/// Writes the contributions of all scores; returns the score on dangling nodes.
pub(crate) fn contribute(
    scores: &[f64],
    degrees: &[u32],
    contributions: &mut [f64],
    starts: impl Fn(usize) -> std::ops::Range<usize>,
) -> f64 {
    let n = scores.len();
    let mut rest = contributions;
    let bins: Vec<(usize, &mut [f64])> = (0..num_bins(n))
        .map(|bin| {
            let (of_bin, later) = std::mem::take(&mut rest).split_at_mut(starts(bin).len());
            rest = later;
            (bin, of_bin)
        })
        .collect();
    let dangling: Vec<f64> = bins
        .into_par_iter()
        .map(|(bin, contributions)| {
            let mut dangling = FourSums::default();
            let mut contributions = contributions.iter_mut();
            for (at, node) in bin_nodes(bin, n).enumerate() {
                match degrees[node] {
                    0 => dangling.0[at % 4] += scores[node],
                    degree => {
                        *contributions.next().expect("one per source") =
                            scores[node] / f64::from(degree)
                    }
                }
            }
            dangling.total()
        })
        .collect();
    dangling.iter().sum()
}

/// Takes the first values away from a slice.
pub(crate) fn split_front<'a, T>(values: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (front, back) = std::mem::take(values).split_at_mut(count);
    *values = back;
    front
}
