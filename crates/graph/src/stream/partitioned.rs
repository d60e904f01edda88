//! The stream in memory, ready for the fastest iteration.
//!
//! An iteration has two passes. The first goes by partition: its contributions are made of its scores and stay
//! in the cache, and its messages and hub sums are written one after the other. The second goes by wide bin:
//! its sums are in the cache, and messages and hub sums of its cells are read. Both passes are parallel over
//! items that share nothing, and write each value in one place, so that nothing depends on threads.
//!
//! *Memory*: see [`Partitioned::memory_bytes`].

use super::file::{Superblock, Totals};
use super::scores::{
    Nodes, Parted, for_each_hub, hub_sum, no_sums, split_front, write_running_sums,
};
use super::shares::Shares;
use super::strip::{Cell, Hub, Run, Strip};
use super::wide::{
    MESSAGES_BEHIND, WIDE_BINS, WIDE_NODES, WideStrip, WideSums, add_messages, bytes_of_firsts,
};
use super::{BIN_NODES, num_bins};
use crate::Error;
use crate::memory::Memory;
use crate::pagerank::{Jump, Kernel};
use rayon::prelude::*;

/// A kernel that holds the whole stream.
#[derive(Debug)]
pub(crate) struct Partitioned {
    nodes: Nodes,
    partitions: Vec<Partition>,
    wide_bins: Vec<Vec<Targets>>,
    /// By partition, wide bin, and source. The first is nobody's: see [`add_messages`].
    messages: Memory<f64>,
    /// By partition, wide bin, and target.
    hub_sums: Memory<f64>,
}

/// What the first pass reads of all cells from one partition.
#[derive(Debug, Default)]
struct Partition {
    sources: Vec<u16>,
    hubs: Vec<Hub>,
    singles: Vec<u16>,
    runs: Vec<Run>,
}

/// What the second pass reads of a wide strip.
#[derive(Debug)]
struct Targets {
    cells: Vec<TargetCell>,
    targets: Vec<u16>,
    firsts: Vec<u8>,
    hub_targets: Vec<u16>,
}

/// Where a cell's values are in `messages` and `hub_sums`, and how many targets it has.
#[derive(Debug, Clone, Copy)]
struct TargetCell {
    first_message: u64,
    first_hub: u64,
    targets: u32,
    hubs: u32,
}

impl Partitioned {
    /// Takes all strips, ascending by bin, and the nodes.
    pub(crate) fn new(strips: Vec<Strip>, nodes: Nodes) -> Result<Self, Error> {
        let num_bins = num_bins(nodes.len());
        let strips = widen(strips, num_bins);
        let partitions = partitions(&strips, num_bins);
        let (mut num_messages, mut num_hubs) = (1, 0);
        // Of each partition, where the values of its next cell are.
        let mut places: Vec<(u64, u64)> = partitions
            .iter()
            .map(|partition| {
                let place = (num_messages, num_hubs);
                num_messages += partition.sources.len() as u64;
                num_hubs += partition.hubs.len() as u64;
                place
            })
            .collect();
        let mut targets_of = |strip: WideStrip| {
            let cells = strip.cells.iter().map(|cell| {
                let place = &mut places[cell.partition as usize];
                let (first_message, first_hub) = *place;
                place.0 += u64::from(cell.sources);
                place.1 += u64::from(cell.hubs);
                TargetCell {
                    first_message,
                    first_hub,
                    targets: cell.targets,
                    hubs: cell.hubs,
                }
            });
            Targets {
                cells: cells.collect(),
                targets: strip.targets,
                firsts: strip.firsts,
                hub_targets: strip.hub_targets,
            }
        };
        let of_bin = |strips: Vec<WideStrip>| strips.into_iter().map(&mut targets_of).collect();
        let wide_bins = strips.into_iter().map(of_bin).collect();
        Ok(Partitioned {
            messages: Memory::zeros(num_messages as usize + MESSAGES_BEHIND, "a ranking")?,
            hub_sums: Memory::zeros(num_hubs as usize, "a ranking")?,
            nodes,
            partitions,
            wide_bins,
        })
    }

    /// Bytes that a ranking takes with this kernel, with its scores; a fifth more while it is made.
    pub(crate) fn memory_bytes(stream: &Superblock) -> u64 {
        let Totals {
            cells,
            sources,
            targets,
            hubs,
            singles,
            runs,
        } = stream.totals;
        let bytes = [
            (stream.num_nodes, 8 + 1),
            (stream.num_sources, Shares::BYTES),
            // And a byte of `firsts` that is not full.
            (cells, size_of::<TargetCell>() as u64 + 1),
            (sources, 8 + 2),
            (targets, 2),
            (targets / 8, 1),
            (hubs, 8 + 2 + 4),
            (singles, 2),
            (runs, 4),
        ];
        let bytes = bytes
            .iter()
            .map(|(count, each)| count.saturating_mul(*each));
        let bytes = bytes.fold(0, u64::saturating_add);
        bytes.saturating_add(bytes / 5)
    }

    /// The first pass; returns the score on dangling nodes.
    fn send(&mut self, scores: &[f64]) -> f64 {
        let (_, mut messages) = self.messages.split_at_mut(1);
        let mut hub_sums = &mut self.hub_sums[..];
        let tasks: Vec<_> = self
            .partitions
            .iter()
            .enumerate()
            .map(|(bin, partition)| {
                let own = split_front(&mut messages, partition.sources.len());
                let own_sums = split_front(&mut hub_sums, partition.hubs.len());
                (bin, partition, own, own_sums)
            })
            .collect();
        let nodes = &self.nodes;
        let dangling: Vec<f64> = tasks
            .into_par_iter()
            .map_init(
                || (Parted::default(), vec![0.0; BIN_NODES + 1]),
                |(parted, running), (bin, partition, messages, hub_sums)| {
                    let scores = &scores[nodes.of_bin(bin)];
                    let (contributions, dangling) = nodes.contribute_bin(bin, scores, parted);
                    partition.send(contributions, running, messages, hub_sums);
                    dangling
                },
            )
            .collect();
        dangling.iter().sum()
    }

    /// The second pass; returns the L1 change.
    fn receive(&self, scores: &mut [f64], dangling: f64, jump: &Jump<'_>) -> f64 {
        let base = jump.base(dangling);
        let changes: Vec<[f64; WIDE_BINS]> = scores
            .par_chunks_mut(WIDE_NODES)
            .zip(&self.wide_bins)
            .enumerate()
            .map_init(no_sums, |sums, (wide_bin, (scores, strips))| {
                sums.fill(0.0);
                for targets in strips {
                    targets.receive(&self.messages, &self.hub_sums, sums);
                }
                let mut changes = [0.0; WIDE_BINS];
                let bins = sums.chunks(BIN_NODES).zip(scores.chunks_mut(BIN_NODES));
                for (at, (sums, scores)) in bins.enumerate() {
                    let bin = wide_bin * WIDE_BINS + at;
                    changes[at] = self
                        .nodes
                        .update_bin(bin, sums, scores, jump.damping, &base);
                }
                changes
            })
            .collect();
        changes.iter().flatten().sum()
    }
}

impl Kernel for Partitioned {
    /// Each iteration starts from the scores alone.
    fn load(&mut self, _scores: &[f64]) -> Result<(), Error> {
        Ok(())
    }

    fn iterate(&mut self, scores: &mut [f64], jump: &Jump<'_>) -> Result<f64, Error> {
        let dangling = self.send(scores);
        Ok(self.receive(scores, dangling, jump))
    }
}

impl Partition {
    fn send(
        &self,
        contributions: &[f64],
        running: &mut [f64],
        messages: &mut [f64],
        hub_sums: &mut [f64],
    ) {
        for (message, &source) in messages.iter_mut().zip(&self.sources) {
            *message = contributions[usize::from(source)];
        }
        if !self.runs.is_empty() {
            write_running_sums(contributions, running);
        }
        let mut hub_sums = hub_sums.iter_mut();
        for_each_hub(&self.hubs, &self.singles, &self.runs, |singles, runs| {
            let sum = hub_sums.next().expect("one per hub");
            *sum = hub_sum(contributions, running, singles, runs);
        });
    }
}

impl Targets {
    fn receive(&self, messages: &[f64], hub_sums: &[f64], sums: &mut WideSums) {
        let (mut targets, mut firsts) = (self.targets.as_slice(), self.firsts.as_slice());
        for cell in &self.cells {
            let (of_cell, later) = targets.split_at(cell.targets as usize);
            targets = later;
            let (own_firsts, later) = firsts.split_at(bytes_of_firsts(cell.targets));
            firsts = later;
            let messages = &messages[cell.first_message as usize - 1..];
            add_messages(messages, of_cell, own_firsts, sums);
        }
        let mut hub_targets = self.hub_targets.iter();
        for cell in &self.cells {
            let first = cell.first_hub as usize;
            for (sum, &target) in hub_sums[first..first + cell.hubs as usize]
                .iter()
                .zip(&mut hub_targets)
            {
                sums[usize::from(target)] += sum;
            }
        }
    }
}

/// Makes wide strips of all, by wide bin: of each bin the first, the second, and so on.
fn widen(strips: Vec<Strip>, num_bins: usize) -> Vec<Vec<WideStrip>> {
    let mut by_bin: Vec<[Vec<Strip>; WIDE_BINS]> = Vec::new();
    by_bin.resize_with(num_bins.div_ceil(WIDE_BINS), Default::default);
    for strip in strips {
        let bin = strip.bin as usize;
        by_bin[bin / WIDE_BINS][bin % WIDE_BINS].push(strip);
    }
    let wide = by_bin.into_par_iter().map(|strips| {
        let most = strips.iter().map(Vec::len).max().unwrap_or(0);
        let mut strips = strips.map(Vec::into_iter);
        let next = |_| {
            strips
                .each_mut()
                .map(|strips| strips.next().unwrap_or_default())
        };
        (0..most).map(next).map(WideStrip::of).collect()
    });
    wide.collect()
}

/// Puts together what the first pass reads of each partition.
fn partitions(strips: &[Vec<WideStrip>], num_partitions: usize) -> Vec<Partition> {
    // Where in the arrays of a strip each cell's values are.
    #[derive(Clone, Copy)]
    struct Place<'a> {
        strip: &'a WideStrip,
        cell: usize,
        at: [usize; 4],
    }
    let mut places: Vec<Vec<Place<'_>>> = vec![Vec::new(); num_partitions];
    for strip in strips.iter().flatten() {
        let mut at = [0; 4];
        for (number, cell) in strip.cells.iter().enumerate() {
            places[cell.partition as usize].push(Place {
                strip,
                cell: number,
                at,
            });
            at[0] += cell.sources as usize;
            at[1] += cell.hubs as usize;
            at[2] += cell.singles as usize;
            at[3] += cell.runs as usize;
        }
    }
    places
        .into_par_iter()
        .map(|places| {
            let mut partition = Partition::default();
            let sum = |count: fn(&Cell) -> u32| {
                places
                    .iter()
                    .map(|place| count(&place.strip.cells[place.cell]) as usize)
                    .sum()
            };
            partition.sources.reserve_exact(sum(|cell| cell.sources));
            partition.hubs.reserve_exact(sum(|cell| cell.hubs));
            partition.singles.reserve_exact(sum(|cell| cell.singles));
            partition.runs.reserve_exact(sum(|cell| cell.runs));
            for Place {
                strip,
                cell,
                at: [sources, hubs, singles, runs],
            } in places
            {
                let cell = strip.cells[cell];
                partition
                    .sources
                    .extend(&strip.sources[sources..sources + cell.sources as usize]);
                partition
                    .hubs
                    .extend(&strip.hubs[hubs..hubs + cell.hubs as usize]);
                partition
                    .singles
                    .extend(&strip.singles[singles..singles + cell.singles as usize]);
                partition
                    .runs
                    .extend(&strip.runs[runs..runs + cell.runs as usize]);
            }
            partition
        })
        .collect()
}
