//! What is done once per node and iteration: sums to scores, scores to contributions.

use super::shares::Shares;
use super::sources::Sources;
use super::strip::{FIRST, Hub, Run};
use super::{BIN_NODES, bin_nodes};
use crate::pagerank::Base;

/// Sums of a bin's nodes.
pub(crate) type Sums = [f64; BIN_NODES];

/// Returns the sums of a bin, which are 0.
pub(crate) fn no_sums<const NODES: usize>() -> Box<[f64; NODES]> {
    vec![0.0; NODES].try_into().expect("of that length")
}

/// Scores of a bin's sources, put together, and of its other nodes.
#[derive(Debug)]
pub(crate) struct Parted {
    sources: Box<Sums>,
    dangling: Box<Sums>,
}

impl Default for Parted {
    fn default() -> Self {
        Parted {
            sources: no_sums(),
            dangling: no_sums(),
        }
    }
}

/// Four sums, to which values go in turn: adding waits for the addition before it, four do not wait
/// for one another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FourSums([f64; 4]);

impl FourSums {
    fn of(values: &[f64]) -> f64 {
        let mut sums = [0.0; 4];
        let mut fours = values.chunks_exact(4);
        for four in &mut fours {
            (0..4).for_each(|at| sums[at] += four[at]);
        }
        let rest = fours.remainder();
        rest.iter()
            .zip(&mut sums)
            .for_each(|(value, sum)| *sum += value);
        FourSums(sums).total()
    }

    pub(crate) fn total(self) -> f64 {
        let [a, b, c, d] = self.0;
        (a + c) + (b + d)
    }
}

/// How many values must lie behind the last message: see [`add_messages`].
pub(crate) const MESSAGES_BEHIND: usize = 7;

/// Adds a cell's messages to the sums of their targets. `messages[1..]` begins with the cell's, and goes on at
/// least [`MESSAGES_BEHIND`] behind them.
#[inline]
pub(crate) fn add_messages(messages: &[f64], targets: &[u16], sums: &mut Sums) {
    let mut at = 0;
    let mut fours = targets.chunks_exact(4);
    // Without a branch on where a message begins, which would be mispredicted at each; and with one check of
    // bounds for four targets, which go at most four messages on.
    for four in &mut fours {
        let near: &[f64; 8] = messages[at..at + 8].try_into().expect("of that length");
        let mut on = 0;
        for &target in four {
            on += usize::from(target / FIRST);
            sums[usize::from(target % FIRST)] += near[on];
        }
        at += on;
    }
    for &target in fours.remainder() {
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
    // Four at a time: the next four wait for one addition only.
    let mut fours = contributions.chunks_exact(4);
    let mut running_fours = running[1..=contributions.len()].chunks_exact_mut(4);
    for (four, running) in (&mut fours).zip(&mut running_fours) {
        let two = four[0] + four[1];
        let three = two + four[2];
        running[0] = sum + four[0];
        running[1] = sum + two;
        running[2] = sum + three;
        sum += two + (four[2] + four[3]);
        running[3] = sum;
    }
    let rest = running_fours.into_remainder();
    for (running, &contribution) in rest.iter_mut().zip(fours.remainder()) {
        sum += contribution;
        *running = sum;
    }
}

/// What kernels know of the nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    num_nodes: usize,
    pub(crate) sources: Sources,
    shares: Shares,
}

impl Nodes {
    pub(crate) fn new(degrees: &[u32]) -> Self {
        let of_sources = degrees.iter().copied().filter(|&degree| degree > 0);
        Nodes {
            num_nodes: degrees.len(),
            sources: Sources::new(degrees.len(), |node| degrees[node] > 0),
            shares: Shares::new(of_sources),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.num_nodes
    }

    /// The nodes of a bin.
    pub(crate) fn of_bin(&self, bin: usize) -> std::ops::Range<usize> {
        bin_nodes(bin, self.num_nodes)
    }

    /// Makes new scores of a bin's sums; returns the L1 change.
    pub(crate) fn update_bin(
        &self,
        bin: usize,
        sums: &[f64],
        scores: &mut [f64],
        damping: f64,
        base: &Base<'_>,
    ) -> f64 {
        let first = bin * BIN_NODES;
        match base {
            Base::Same(base) => update_scores(sums, scores, |_, sum| damping * sum + base),
            base => update_scores(sums, scores, |at, sum| damping * sum + base.of(first + at)),
        }
    }

    /// Makes contributions of a bin's scores; returns them, and the score on dangling nodes.
    pub(crate) fn contribute_bin<'a>(
        &self,
        bin: usize,
        scores: &[f64],
        parted: &'a mut Parted,
    ) -> (&'a [f64], f64) {
        let Parted { sources, dangling } = parted;
        let (mut num_sources, mut num_dangling) = (0, 0);
        for (scores, mut bits) in scores.chunks(64).zip(self.sources.bits_of_bin(bin)) {
            for &score in scores {
                // Which nodes dangle is not to be predicted, so that each is written as either, and the next
                // over what it is not.
                sources[num_sources % BIN_NODES] = score;
                dangling[num_dangling % BIN_NODES] = score;
                num_sources += (bits & 1) as usize;
                num_dangling += (!bits & 1) as usize;
                bits >>= 1;
            }
        }
        let contributions = &mut sources[..num_sources];
        self.shares.apply(self.sources.of_bin(bin), contributions);
        (contributions, FourSums::of(&dangling[..num_dangling]))
    }
}

/// Makes scores of sums; returns the L1 change.
#[inline]
fn update_scores(sums: &[f64], scores: &mut [f64], score: impl Fn(usize, f64) -> f64) -> f64 {
    let mut changes = FourSums::default();
    // Up to four nodes. Inlined with exactly four, the compiler makes vectors of it.
    let mut few = |first: usize, sums: &[f64], scores: &mut [f64]| {
        for at in 0..sums.len() {
            let new = score(first + at, sums[at]);
            changes.0[at] += (new - scores[at]).abs();
            scores[at] = new;
        }
    };
    let (num_nodes, whole) = (scores.len(), scores.len() / 4 * 4);
    let mut sum_fours = sums[..num_nodes].chunks_exact(4);
    let mut score_fours = scores.chunks_exact_mut(4);
    for (four, (sums, scores)) in (&mut sum_fours).zip(&mut score_fours).enumerate() {
        few(4 * four, sums, scores);
    }
    few(whole, sum_fours.remainder(), score_fours.into_remainder());
    changes.total()
}

/// Takes the first values away from a slice.
pub(crate) fn split_front<'a, T>(values: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (front, back) = std::mem::take(values).split_at_mut(count);
    *values = back;
    front
}
