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
    /// Edges that go by messages: (partition, source << 16 | target), as they come, by target.
    messages: Vec<(u32, u32)>,
    /// The same source << 16 | target by partition.
    by_partition: Vec<u32>,
    counts: Vec<u32>,
    places: Vec<u32>,
    sorted: Vec<u32>,
    /// Hubs as they come, by target, with the beginnings of their singles and runs.
    hubs: Vec<FoundHub>,
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

impl StripBuilder {
    /// Begins a strip, of at most [`STRIP_EDGES`].
    pub(crate) fn begin(&mut self) {
        self.messages.clear();
        self.hubs.clear();
        self.singles.clear();
        self.runs.clear();
    }

    /// Takes the sources, ascending, of the bin's next target.
    ///
    /// # Errors
    /// A source that is not above the one before it, or no node of `sources`.
    pub(crate) fn push(&mut self, target: u16, list: &[u32], sources: &Sources) -> Result<(), u32> {
        if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(pair[1]);
        }
        let partition = |node: &u32| node / BIN_NODES as u32;
        for of_cell in list.chunk_by(|a, b| partition(a) == partition(b)) {
            self.push_cell(partition(&of_cell[0]), target, of_cell, sources)?;
        }
        Ok(())
    }

    /// Takes a target's sources in one partition.
    fn push_cell(
        &mut self,
        partition: u32,
        target: u16,
        list: &[u32],
        sources: &Sources,
    ) -> Result<(), u32> {
        let first_source = sources.first_of(partition).ok_or(list[0])?;
        let (first_single, first_run) = (self.singles.len(), self.runs.len());
        let (first_message, key) = (self.messages.len(), u32::from(target));
        for &node in list {
            let source = sources.number(node).ok_or(node)? - first_source;
            self.messages.push((partition, source << 16 | key));
        }
        // A hub saves at most its edges, so that short lists need no closer look.
        if list.len() * 10 <= HUB_COST {
            return Ok(());
        }
        let of_list = &self.messages[first_message..];
        for run in of_list.chunk_by(|a, b| (a.1 >> 16) + 1 == b.1 >> 16) {
            let first = (run[0].1 >> 16) as u16;
            if run.len() < MIN_RUN {
                self.singles
                    .extend((0..run.len() as u16).map(|at| first + at));
            } else {
                let len = run.len() as u16;
                self.runs.push(Run { first, len });
            }
        }
        let singles = self.singles.len() - first_single;
        let runs = self.runs.len() - first_run;
        if SINGLE_COST * singles + RUN_COST * runs + HUB_COST < 10 * list.len() {
            self.messages.truncate(first_message);
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
        Ok(())
    }

    /// Ends the strip.
    pub(crate) fn finish(&mut self, bin: u32, sources: &Sources) -> Strip {
        let mut strip = Strip {
            bin,
            targets: Vec::with_capacity(self.messages.len()),
            hub_targets: Vec::with_capacity(self.hubs.len()),
            hubs: Vec::with_capacity(self.hubs.len()),
            singles: Vec::with_capacity(self.singles.len()),
            runs: Vec::with_capacity(self.runs.len()),
            ..Strip::default()
        };
        let num_partitions = self.distribute();
        // Stable, so that targets stay ascending within a cell.
        self.hubs.sort_by_key(|hub| hub.partition);
        let mut hubs = self.hubs.as_slice();
        for partition in 0..num_partitions {
            let range = self.counts[partition] as usize..self.counts[partition + 1] as usize;
            let count = hubs
                .iter()
                .take_while(|hub| hub.partition as usize == partition)
                .count();
            if range.is_empty() && count == 0 {
                continue;
            }
            let num_sources = sources.of_bin(partition).len();
            let before = strip.sources.len();
            let targets = range.len() as u32;
            let edges = &mut self.by_partition[range];
            sort_cell(edges, num_sources, &mut self.places, &mut self.sorted);
            for list in edges.chunk_by(|a, b| a >> 16 == b >> 16) {
                strip.sources.push((list[0] >> 16) as u16);
                strip.targets.push(list[0] as u16 | FIRST);
                strip
                    .targets
                    .extend(list[1..].iter().map(|&edge| edge as u16));
            }
            let (of_cell, later) = hubs.split_at(count);
            hubs = later;
            let (singles, runs) = (strip.singles.len(), strip.runs.len());
            for found in of_cell {
                let (s, r) = (found.first_single as usize, found.first_run as usize);
                strip.hub_targets.push(found.target);
                strip.hubs.push(found.hub);
                strip
                    .singles
                    .extend(&self.singles[s..s + found.hub.singles as usize]);
                strip
                    .runs
                    .extend(&self.runs[r..r + found.hub.runs as usize]);
            }
            strip.cells.push(Cell {
                partition: partition as u32,
                sources: (strip.sources.len() - before) as u32,
                targets,
                hubs: count as u32,
                singles: (strip.singles.len() - singles) as u32,
                runs: (strip.runs.len() - runs) as u32,
            });
        }
        strip.sources.shrink_to_fit();
        strip
    }

    /// Puts the edges of messages together by partition, still by target within one; leaves in
    /// `counts` where each begins. Returns the number of partitions up to the last in use.
    fn distribute(&mut self) -> usize {
        let used = self.messages.iter().map(|&(partition, _)| partition);
        let used = used.chain(self.hubs.iter().map(|hub| hub.partition));
        let num_partitions = used.max().map_or(0, |last| last as usize + 1);
        self.counts.clear();
        self.counts.resize(num_partitions + 2, 0);
        // Shifted by two, so that filling leaves the beginnings in place.
        for &(partition, _) in &self.messages {
            self.counts[partition as usize + 2] += 1;
        }
        for partition in 2..self.counts.len() {
            self.counts[partition] += self.counts[partition - 1];
        }
        self.by_partition.resize(self.messages.len(), 0);
        for &(partition, edge) in &self.messages {
            let place = &mut self.counts[partition as usize + 1];
            self.by_partition[*place as usize] = edge;
            *place += 1;
        }
        num_partitions
    }
}

/// Sorts edges by (source, target), which come by target: so by source alone, stably.
fn sort_cell(edges: &mut [u32], num_sources: usize, places: &mut Vec<u32>, sorted: &mut Vec<u32>) {
    if edges.len() < 64 {
        edges.sort_unstable();
        return;
    }
    sorted.resize(edges.len(), 0);
    // Counting costs a pass over the counts, too, so that few edges are sorted by one byte and then the other.
    if edges.len() < num_sources / 8 {
        sort_by_digit(edges, sorted, 256, |edge| edge >> 16 & 0xff, places);
        sort_by_digit(
            sorted,
            edges,
            num_sources / 256 + 1,
            |edge| edge >> 24,
            places,
        );
    } else {
        sort_by_digit(edges, sorted, num_sources, |edge| edge >> 16, places);
        edges.copy_from_slice(sorted);
    }
}

/// Copies edges, sorted stably by a digit below `digits`.
fn sort_by_digit(
    from: &[u32],
    to: &mut [u32],
    digits: usize,
    digit: impl Fn(u32) -> u32,
    places: &mut Vec<u32>,
) {
    places.clear();
    places.resize(digits + 1, 0);
    for &edge in from {
        places[digit(edge) as usize + 1] += 1;
    }
    for at in 1..places.len() {
        places[at] += places[at - 1];
    }
    for &edge in from {
        let place = &mut places[digit(edge) as usize];
        to[*place as usize] = edge;
        *place += 1;
    }
}
