//! Strips of two neighboring bins as one: what the kernel adds up that holds all edges in memory.
//!
//! Where links lead anywhere, twice as many targets take a sixth fewer messages, each of which is written to
//! memory and read again. The sums of a wide bin, 512 KiB, still fit a core's second-level cache. Its ids fill
//! 16 bits, so that bits of their own say where a message begins.
//!
//! Each target's sum has the order that it has in the stream: only the order among targets is another.

use super::BIN_NODES;
use super::strip::{Cell, FIRST, Hub, Run, Strip, take};

/// Bins that make a wide one.
pub(crate) const WIDE_BINS: usize = 2;

/// Nodes of a wide bin.
pub(crate) const WIDE_NODES: usize = WIDE_BINS * BIN_NODES;

/// Sums of a wide bin's nodes.
pub(crate) type WideSums = [f64; WIDE_NODES];

/// Targets whose bits, where messages begin, are in a byte.
const TARGETS_OF_BYTE: usize = 8;

/// How many values must lie behind the last message: see [`add_messages`].
pub(crate) const MESSAGES_BEHIND: usize = 2 * TARGETS_OF_BYTE - 1;

/// As a [`Strip`], but for the targets of messages.
#[derive(Debug, Default)]
pub(crate) struct WideStrip {
    pub(crate) cells: Vec<Cell>,
    pub(crate) sources: Vec<u16>,
    pub(crate) targets: Vec<u16>,
    /// A bit for each target, the lowest first: whether a message begins with it. Each cell's begin with a byte.
    pub(crate) firsts: Vec<u8>,
    pub(crate) hub_targets: Vec<u16>,
    pub(crate) hubs: Vec<Hub>,
    pub(crate) singles: Vec<u16>,
    pub(crate) runs: Vec<Run>,
}

/// Bytes of [`firsts`](WideStrip::firsts) for so many targets of a cell.
pub(crate) fn bytes_of_firsts(targets: u32) -> usize {
    (targets as usize).div_ceil(TARGETS_OF_BYTE)
}

impl WideStrip {
    /// Makes one of those of the lower and the higher bin; without edges where one has none.
    pub(crate) fn of(strips: [Strip; WIDE_BINS]) -> Self {
        let mut wide = WideStrip::default();
        wide.targets
            .reserve_exact(strips.iter().map(|strip| strip.targets.len()).sum());
        let mut cursors = strips.each_ref().map(Cursor::new);
        // Of the edges of a cell, source << 16 | target.
        let mut edges = Vec::new();
        while let Some(partition) = cursors.iter().filter_map(Cursor::partition).min() {
            edges.clear();
            let mut cell = Cell {
                partition,
                ..Cell::default()
            };
            for (bin, cursor) in cursors.iter_mut().enumerate() {
                if cursor.partition() == Some(partition) {
                    cursor.move_cell((bin * BIN_NODES) as u16, &mut cell, &mut edges, &mut wide);
                }
            }
            // Two runs that ascend, which a stable sort merges.
            edges.sort();
            cell.targets = edges.len() as u32;
            cell.sources = wide.push_messages(&edges);
            wide.cells.push(cell);
        }
        wide
    }

    /// Takes the edges of a cell's messages; returns how many messages they are.
    fn push_messages(&mut self, edges: &[u32]) -> u32 {
        let before = self.sources.len();
        self.sources.resize(before + edges.len() + 1, 0);
        let (mut at, mut last) = (before, u32::MAX);
        for eight in edges.chunks(TARGETS_OF_BYTE) {
            let mut firsts = 0;
            // No branches: whether a message ends is hard to predict.
            for (bit, &edge) in eight.iter().enumerate() {
                let source = edge >> 16;
                let is_first = source != last;
                self.sources[at] = source as u16;
                at += usize::from(is_first);
                firsts |= u8::from(is_first) << bit;
                last = source;
            }
            self.firsts.push(firsts);
        }
        self.sources.truncate(at);
        self.targets.extend(edges.iter().map(|&edge| edge as u16));
        (at - before) as u32
    }
}

/// A strip whose cells are moved one by one.
struct Cursor<'a> {
    cells: &'a [Cell],
    sources: &'a [u16],
    targets: &'a [u16],
    hub_targets: &'a [u16],
    hubs: &'a [Hub],
    singles: &'a [u16],
    runs: &'a [Run],
}

impl<'a> Cursor<'a> {
    fn new(strip: &'a Strip) -> Self {
        Cursor {
            cells: &strip.cells,
            sources: &strip.sources,
            targets: &strip.targets,
            hub_targets: &strip.hub_targets,
            hubs: &strip.hubs,
            singles: &strip.singles,
            runs: &strip.runs,
        }
    }

    /// Of the next cell.
    fn partition(&self) -> Option<u32> {
        self.cells.first().map(|cell| cell.partition)
    }

    /// Moves a cell, but for its messages, of which it gives the edges. `first` is added to its targets.
    fn move_cell(&mut self, first: u16, to: &mut Cell, edges: &mut Vec<u32>, wide: &mut WideStrip) {
        let (cell, later) = self.cells.split_first().expect("a cell is left");
        self.cells = later;
        let sources = take(&mut self.sources, cell.sources);
        // Of the message that begins next; there is none after the last.
        let mut next = 0;
        edges.extend(take(&mut self.targets, cell.targets).iter().map(|&target| {
            next += usize::from(target / FIRST);
            u32::from(sources[next - 1]) << 16 | u32::from(target % FIRST + first)
        }));
        let hub_targets = take(&mut self.hub_targets, cell.hubs).iter();
        wide.hub_targets
            .extend(hub_targets.map(|&target| target + first));
        wide.hubs.extend(take(&mut self.hubs, cell.hubs));
        wide.singles.extend(take(&mut self.singles, cell.singles));
        wide.runs.extend(take(&mut self.runs, cell.runs));
        to.hubs += cell.hubs;
        to.singles += cell.singles;
        to.runs += cell.runs;
    }
}

/// Adds a cell's messages to the sums of their targets. `messages[1..]` begins with the cell's, and goes on at
/// least [`MESSAGES_BEHIND`] behind them.
#[inline]
pub(crate) fn add_messages(messages: &[f64], targets: &[u16], firsts: &[u8], sums: &mut WideSums) {
    let mut at = 0;
    let mut eights = targets.chunks_exact(TARGETS_OF_BYTE);
    let mut firsts = firsts.iter();
    // Without a branch on where a message begins, which would be mispredicted at each; and with one check of
    // bounds for eight targets, which go at most eight messages on.
    for (eight, &firsts) in (&mut eights).zip(&mut firsts) {
        let near: &[f64; 2 * TARGETS_OF_BYTE] = messages[at..at + 2 * TARGETS_OF_BYTE]
            .try_into()
            .expect("of that length");
        let (mut on, mut firsts) = (0, usize::from(firsts));
        for &target in eight {
            on += firsts & 1;
            firsts >>= 1;
            sums[usize::from(target)] += near[on % near.len()];
        }
        at += on;
    }
    let mut firsts = firsts.next().copied().map_or(0, usize::from);
    for &target in eights.remainder() {
        at += firsts & 1;
        firsts >>= 1;
        sums[usize::from(target)] += messages[at];
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::Sources;
    use super::super::strip::StripBuilder;
    use super::*;
    use crate::mix64;

    const NODES: usize = 3 * BIN_NODES;

    /// A strip of pseudo-random edges: lists of some, and a hub of all of a partition now and then.
    fn strip(bin: u32, seed: u64) -> Strip {
        let sources = Sources::new(NODES, |node| node % 3 != 1);
        let mut builder = StripBuilder::default();
        builder.begin(&sources);
        for target in 0..200 {
            let random = |edge| mix64(seed << 32 | target << 16 | edge);
            let mut list: Vec<u32> = match random(0) % 16 {
                0 => (0..900).collect(),
                few => (0..few * few)
                    .map(|edge| random(1 + edge) as u32 % NODES as u32)
                    .collect(),
            };
            list.retain(|node| node % 3 != 1);
            list.sort_unstable();
            list.dedup();
            builder
                .push((target * 150) as u16, &list, &sources)
                .unwrap();
        }
        builder.finish(bin, &sources).unwrap()
    }

    /// Partition, source, target.
    type Edge = (u32, u16, u16);

    /// Partition, target, and what it holds.
    type WholeHub = (u32, u16, Vec<u16>, Vec<Run>);

    /// The edges of messages, and the hubs.
    fn parts(wide: &WideStrip) -> (Vec<Edge>, Vec<WholeHub>) {
        let (mut messages, mut hubs) = (Vec::new(), Vec::new());
        let (mut sources, mut targets) = (wide.sources.as_slice(), wide.targets.as_slice());
        let mut firsts = wide.firsts.as_slice();
        let (mut hub_targets, mut of_hubs) = (wide.hub_targets.as_slice(), wide.hubs.as_slice());
        let (mut singles, mut runs) = (wide.singles.as_slice(), wide.runs.as_slice());
        for cell in &wide.cells {
            let own_sources = take(&mut sources, cell.sources);
            let own_firsts = take(&mut firsts, bytes_of_firsts(cell.targets) as u32);
            let mut next = 0;
            for (at, &target) in take(&mut targets, cell.targets).iter().enumerate() {
                next += usize::from(own_firsts[at / 8] >> (at % 8) & 1);
                messages.push((cell.partition, own_sources[next - 1], target));
            }
            assert_eq!(next, own_sources.len());
            let targets = take(&mut hub_targets, cell.hubs).iter();
            for (&target, hub) in targets.zip(take(&mut of_hubs, cell.hubs)) {
                let singles = take(&mut singles, u32::from(hub.singles)).to_vec();
                let runs = take(&mut runs, u32::from(hub.runs)).to_vec();
                hubs.push((cell.partition, target, singles, runs));
            }
        }
        (messages, hubs)
    }

    #[test]
    fn a_wide_strip_has_the_edges_of_both_in_the_order_of_each_target() {
        for (low, high) in [
            (strip(4, 1), strip(5, 2)),
            (strip(4, 3), Strip::default()),
            (Strip::default(), strip(5, 4)),
        ] {
            let alone = |strips| parts(&WideStrip::of(strips));
            let (messages, hubs) = alone([low.clone(), high.clone()]);
            assert!(messages.is_sorted() && !messages.is_empty() && !hubs.is_empty());
            let (low_messages, low_hubs) = alone([low.clone(), Strip::default()]);
            let (high_messages, high_hubs) = alone([Strip::default(), high.clone()]);
            let is_low = |target: u16| usize::from(target) < BIN_NODES;
            let of_low = |edge: &&Edge| is_low(edge.2);
            assert_eq!(messages.iter().filter(of_low).count(), low_messages.len());
            assert!(messages.iter().filter(of_low).eq(&low_messages));
            assert!(
                messages
                    .iter()
                    .filter(|edge| !of_low(edge))
                    .eq(&high_messages)
            );
            assert!(hubs.iter().filter(|hub| is_low(hub.1)).eq(&low_hubs));
            assert!(hubs.iter().filter(|hub| !is_low(hub.1)).eq(&high_hubs));

            // What one strip holds, told by itself.
            let mut edges = Vec::new();
            low.for_each_edge(|partition, source, target| edges.push((partition, source, target)));
            let of_hubs = low_hubs
                .iter()
                .flat_map(|(partition, target, singles, runs)| {
                    let runs = runs.iter().flat_map(|run| run.first..run.first + run.len);
                    let sources = singles.iter().copied().chain(runs);
                    sources.map(move |source| (*partition, source, *target))
                });
            let mut expected: Vec<_> = low_messages.iter().copied().chain(of_hubs).collect();
            edges.sort_unstable();
            expected.sort_unstable();
            assert_eq!(edges, expected);
        }
    }

    #[test]
    fn messages_are_added_to_the_targets_that_follow_their_bit() {
        for num_targets in 1..40u16 {
            let targets: Vec<u16> = (0..num_targets).map(|at| at % 7 * 9000).collect();
            let is_first = |at: u16| at == 0 || mix64(u64::from(num_targets * 64 + at)) % 3 == 0;
            let mut firsts = vec![0; bytes_of_firsts(u32::from(num_targets))];
            let mut messages = vec![0.0];
            let mut expected = [0.0; 7];
            for at in 0..num_targets {
                if is_first(at) {
                    firsts[usize::from(at) / 8] |= 1u8 << (at % 8);
                    messages.push(f64::from(at) + 0.5);
                }
                expected[usize::from(at % 7)] += messages.last().unwrap();
            }
            messages.resize(messages.len() + MESSAGES_BEHIND, 0.0);
            let mut sums = super::super::scores::no_sums();
            add_messages(&messages, &targets, &firsts, &mut sums);
            let found: Vec<f64> = (0..7).map(|target| sums[target * 9000]).collect();
            assert_eq!(found, expected);
        }
    }
}
