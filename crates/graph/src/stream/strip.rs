//! Strips: consecutive edges of one bin, cell by cell.

use super::BIN_NODES;
use super::sources::Sources;

/// Edges after which a strip ends, so that hubs of any degree take bounded memory.
pub(crate) const STRIP_EDGES: usize = 1 << 21;

/// In `targets`: here begins the next source's list.
pub(crate) const FIRST: u16 = 1 << 15;

/// Sources of a list that make a run worth its two reads: fewer are cheaper one by one.
const MIN_RUN: usize = 6;

/// What a hub costs, in tenths of adding one message to one target, measured on host and page graphs:
/// reading a single, reading a run, and the hub itself (its end is mispredicted).
const SINGLE_COST: usize = 8;
const RUN_COST: usize = 20;
const HUB_COST: usize = 60;

/// Sources of a partition that a hub has at least: it costs no less than one with a single run.
const LEAST_HUB: usize = (HUB_COST + RUN_COST) / 10 + 1;

/// Edges of a cell that are sorted by comparing: counting takes a pass over the counts, too.
const SHORT_CELL: usize = 64;

/// Edges from the sources of some partitions to the targets of one bin.
///
/// A partition is the sources of one bin; ids within partitions and bins are their places there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Strip {
    pub(crate) bin: u32,
    /// Ascending by partition; the arrays below hold them one after the other.
    pub(crate) cells: Vec<Cell>,
    /// Of each message its source, ascending within a cell.
    pub(crate) sources: Vec<u16>,
    /// Of each message its targets, ascending, the first marked by [`FIRST`].
    pub(crate) targets: Vec<u16>,
    /// Of each hub its target, ascending within a cell.
    pub(crate) hub_targets: Vec<u16>,
    pub(crate) hubs: Vec<Hub>,
    pub(crate) singles: Vec<u16>,
    pub(crate) runs: Vec<Run>,
}

/// How many values of each array belong to a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) partition: u32,
    pub(crate) sources: u32,
    pub(crate) targets: u32,
    pub(crate) hubs: u32,
    pub(crate) singles: u32,
    pub(crate) runs: u32,
}

/// How many singles and runs belong to a hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hub {
    pub(crate) singles: u16,
    pub(crate) runs: u16,
}

/// Consecutive sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u16,
    pub(crate) len: u16,
}

impl Strip {
    /// Returns the number of edges.
    pub(crate) fn num_edges(&self) -> u64 {
        let of_runs: u64 = self.runs.iter().map(|run| u64::from(run.len)).sum();
        (self.targets.len() + self.singles.len()) as u64 + of_runs
    }

    /// Calls `each` with (partition, source, target) of every edge, in no order.
    pub(crate) fn for_each_edge(&self, mut each: impl FnMut(u32, u16, u16)) {
        let (mut sources, mut targets) = (self.sources.iter(), self.targets.iter());
        let (mut hubs, mut hub_targets) = (self.hubs.iter(), self.hub_targets.iter());
        let (mut singles, mut runs) = (self.singles.iter(), self.runs.iter());
        for cell in &self.cells {
            let mut source = 0;
            for &target in targets.by_ref().take(cell.targets as usize) {
                if target >= FIRST {
                    source = *sources.next().expect("one per message");
                }
                each(cell.partition, source, target % FIRST);
            }
            for (hub, &target) in hubs
                .by_ref()
                .zip(hub_targets.by_ref())
                .take(cell.hubs as usize)
            {
                for &source in singles.by_ref().take(usize::from(hub.singles)) {
                    each(cell.partition, source, target);
                }
                for run in runs.by_ref().take(usize::from(hub.runs)) {
                    (run.first..run.first + run.len)
                        .for_each(|source| each(cell.partition, source, target));
                }
            }
        }
    }
}

/// Makes strips of lists of sources; its memory is reused from one to the next.
#[derive(Debug, Default)]
pub(crate) struct StripBuilder {
    /// The sources of edges that go by messages, list by list, and of each list the target and where it ends.
    nodes: Vec<u32>,
    lists: Vec<(u16, u32)>,
    /// How many of these edges each partition has, at its number + 2.
    counts: Vec<u32>,
    /// The same edges by partition: node within its bin << 16 | target.
    by_partition: Vec<u32>,
    sorted: Vec<u32>,
    /// The sources of a cell, then those of all cells.
    heads: Vec<u16>,
    sources: Vec<u16>,
    /// Hubs as they come, by target, with the beginnings of their singles and runs.
    hubs: Vec<FoundHub>,
    numbers: Vec<u16>,
    singles: Vec<u16>,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct FoundHub {
    partition: u32,
    target: u16,
    hub: Hub,
    first_single: u32,
    first_run: u32,
}

/// A source that is none, of this target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BadSource {
    pub(crate) target: u16,
    pub(crate) node: u32,
}

fn partition_of(node: u32) -> u32 {
    node / BIN_NODES as u32
}

impl StripBuilder {
    /// Begins a strip, of at most [`STRIP_EDGES`].
    pub(crate) fn begin(&mut self, sources: &Sources) {
        self.nodes.clear();
        self.lists.clear();
        self.counts.clear();
        // Shifted by two, so that filling leaves the beginnings in place.
        self.counts.resize(sources.num_bins() + 2, 0);
        self.sources.clear();
        self.hubs.clear();
        self.singles.clear();
        self.runs.clear();
    }

    /// Takes the sources, ascending, of the bin's next target.
    ///
    /// # Errors
    /// A source that is not above the one before it, or too large; others are found in [`finish`](Self::finish).
    pub(crate) fn push(&mut self, target: u16, list: &[u32], sources: &Sources) -> Result<(), u32> {
        // All pairs, also where one is bad: without a way out the compiler makes vectors of it.
        let falls = |pair: &[u32]| pair[0] >= pair[1];
        if list.windows(2).fold(false, |bad, pair| bad | falls(pair)) {
            let pair = list.windows(2).find(|pair| falls(pair));
            return Err(pair.expect("one falls")[1]);
        }
        let is_beyond = |node: &u32| partition_of(*node) as usize >= sources.num_bins();
        if let Some(&beyond) = list.last().filter(|last| is_beyond(last)) {
            return Err(beyond);
        }
        let of_one =
            |sources: &[u32]| partition_of(sources[0]) == partition_of(sources[LEAST_HUB - 1]);
        let may_be_hub = list
            .windows(LEAST_HUB)
            .fold(false, |any, sources| any | of_one(sources));
        match may_be_hub {
            true => self.push_parts(target, list, sources)?,
            false => {
                let nodes = list.iter();
                nodes.for_each(|&node| self.counts[partition_of(node) as usize + 2] += 1);
                self.nodes.extend_from_slice(list);
            }
        }
        self.lists.push((target, self.nodes.len() as u32));
        Ok(())
    }

    /// Takes a target's sources partition by partition.
    fn push_parts(&mut self, target: u16, list: &[u32], sources: &Sources) -> Result<(), u32> {
        let (mut at, mut taken) = (0, 0);
        while at < list.len() {
            let partition = partition_of(list[at]);
            let is_within = |node: &&u32| partition_of(**node) == partition;
            let len = 1 + list[at + 1..].iter().take_while(is_within).count();
            if len >= LEAST_HUB && self.push_hub(partition, target, &list[at..at + len], sources)? {
                self.nodes.extend_from_slice(&list[taken..at]);
                taken = at + len;
            } else {
                self.counts[partition as usize + 2] += len as u32;
            }
            at += len;
        }
        self.nodes.extend_from_slice(&list[taken..]);
        Ok(())
    }

    /// Takes a target's sources in one partition if they are less work as a hub.
    fn push_hub(
        &mut self,
        partition: u32,
        target: u16,
        list: &[u32],
        sources: &Sources,
    ) -> Result<bool, u32> {
        sources.numbers_within(partition, list.iter().copied(), &mut self.numbers)?;
        let numbers = self.numbers.as_slice();
        let gaps = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let groups = 1 + gaps.filter(|&gap| gap != 1).count();
        // A group is a single at least.
        if HUB_COST + SINGLE_COST * groups >= 10 * list.len() {
            return Ok(false);
        }
        let (first_single, first_run) = (self.singles.len(), self.runs.len());
        for run in numbers.chunk_by(|a, b| u32::from(*a) + 1 == u32::from(*b)) {
            if run.len() < MIN_RUN {
                self.singles.extend_from_slice(run);
            } else {
                let (first, len) = (run[0], run.len() as u16);
                self.runs.push(Run { first, len });
            }
        }
        let singles = self.singles.len() - first_single;
        let runs = self.runs.len() - first_run;
        let is_hub = SINGLE_COST * singles + RUN_COST * runs + HUB_COST < 10 * list.len();
        if is_hub {
            self.hubs.push(FoundHub {
                partition,
                target,
                hub: Hub {
                    singles: singles as u16,
                    runs: runs as u16,
                },
                first_single: first_single as u32,
                first_run: first_run as u32,
            });
        } else {
            self.singles.truncate(first_single);
            self.runs.truncate(first_run);
        }
        Ok(is_hub)
    }

    /// Ends the strip.
    ///
    /// # Errors
    /// One of the sources that were pushed is no node of `sources`.
    pub(crate) fn finish(&mut self, bin: u32, sources: &Sources) -> Result<Strip, BadSource> {
        let mut strip = Strip {
            bin,
            targets: Vec::with_capacity(self.nodes.len()),
            hub_targets: Vec::with_capacity(self.hubs.len()),
            hubs: Vec::with_capacity(self.hubs.len()),
            singles: Vec::with_capacity(self.singles.len()),
            runs: Vec::with_capacity(self.runs.len()),
            ..Strip::default()
        };
        self.distribute();
        // Stable, so that targets stay ascending within a cell.
        self.hubs.sort_by_key(|hub| hub.partition);
        let mut hubs = self.hubs.as_slice();
        for partition in 0..sources.num_bins() {
            let range = self.counts[partition] as usize..self.counts[partition + 1] as usize;
            let count = hubs
                .iter()
                .take_while(|hub| hub.partition as usize == partition)
                .count();
            if range.is_empty() && count == 0 {
                continue;
            }
            let targets = range.len() as u32;
            let edges = &mut self.by_partition[range];
            sort_cell(edges, &mut self.sorted);
            split_heads(edges, &mut strip.targets, &mut self.heads);
            let nodes = self.heads.iter();
            let first = (partition * BIN_NODES) as u32;
            sources
                .numbers_within(
                    partition as u32,
                    nodes.map(|&head| first + u32::from(head)),
                    &mut self.numbers,
                )
                .map_err(|node| {
                    let is_its = |edge: &&u32| **edge >> 16 == node - first;
                    let edge = edges.iter().find(is_its).expect("a head is one of an edge");
                    BadSource {
                        target: *edge as u16,
                        node,
                    }
                })?;
            self.sources.extend_from_slice(&self.numbers);
            let (of_cell, later) = hubs.split_at(count);
            hubs = later;
            let (singles, runs) = (strip.singles.len(), strip.runs.len());
            for found in of_cell {
                let (s, r) = (found.first_single as usize, found.first_run as usize);
                strip.hub_targets.push(found.target);
                strip.hubs.push(found.hub);
                strip
                    .singles
                    .extend_from_slice(&self.singles[s..s + found.hub.singles as usize]);
                strip
                    .runs
                    .extend_from_slice(&self.runs[r..r + found.hub.runs as usize]);
            }
            strip.cells.push(Cell {
                partition: partition as u32,
                sources: self.heads.len() as u32,
                targets,
                hubs: count as u32,
                singles: (strip.singles.len() - singles) as u32,
                runs: (strip.runs.len() - runs) as u32,
            });
        }
        strip.sources = self.sources.clone();
        Ok(strip)
    }

    /// Puts the edges of messages together by partition, still by target within one; leaves in
    /// `counts` where each begins.
    fn distribute(&mut self) {
        for partition in 2..self.counts.len() {
            self.counts[partition] += self.counts[partition - 1];
        }
        self.by_partition.resize(self.nodes.len(), 0);
        let mut begin = 0;
        for &(target, end) in &self.lists {
            for &node in &self.nodes[begin..end as usize] {
                let place = &mut self.counts[partition_of(node) as usize + 1];
                self.by_partition[*place as usize] =
                    node % BIN_NODES as u32 * (1 << 16) + u32::from(target);
                *place += 1;
            }
            begin = end as usize;
        }
    }
}

/// Sorts edges by (source, target), which come by target: so by source alone, stably.
fn sort_cell(edges: &mut [u32], sorted: &mut Vec<u32>) {
    if edges.len() < SHORT_CELL {
        edges.sort_unstable();
        return;
    }
    sorted.clear();
    sorted.resize(edges.len(), 0);
    let (mut low, mut high) = ([0u32; 256], [0u32; 256]);
    for &edge in edges.iter() {
        low[(edge >> 16 & 0xff) as usize] += 1;
        high[(edge >> 24) as usize] += 1;
    }
    sort_by_digit(edges, sorted, low, |edge| edge >> 16 & 0xff);
    sort_by_digit(sorted, edges, high, |edge| edge >> 24);
}

/// Copies edges, sorted stably by a digit, of which so many have each value.
fn sort_by_digit(from: &[u32], to: &mut [u32], mut places: [u32; 256], digit: impl Fn(u32) -> u32) {
    let mut start = 0;
    for place in &mut places {
        start += std::mem::replace(place, start);
    }
    for &edge in from {
        let place = &mut places[digit(edge) as usize];
        to[*place as usize] = edge;
        *place += 1;
    }
}

/// Makes of sorted edges their targets, the first of each source marked, and the sources.
fn split_heads(edges: &[u32], targets: &mut Vec<u16>, heads: &mut Vec<u16>) {
    heads.resize(edges.len() + 1, 0);
    let (mut last, mut count) = (u32::MAX, 0);
    // No branches: whether a list ends is hard to predict.
    targets.extend(edges.iter().map(|&edge| {
        let source = edge >> 16;
        let is_first = source != last;
        heads[count] = source as u16;
        count += usize::from(is_first);
        last = source;
        edge as u16 | if is_first { FIRST } else { 0 }
    }));
    heads.truncate(count);
}

/// Takes the first values away from a slice.
pub(super) fn take<'a, T>(values: &mut &'a [T], count: u32) -> &'a [T] {
    let (front, back) = values.split_at(count as usize);
    *values = back;
    front
}
