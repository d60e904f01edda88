//! The stream read from its file in each iteration: memory for vectors and a few buffers, however many
//! edges.
//!
//! Workers, some more than threads so that the disk never waits, take [tasks](Task) in the order of the file. A task
//! alone writes what belongs to its bins, and sums of tasks are added in their order.

use super::file::{StreamFile, Worker};
use super::scores::{
    MESSAGES_BEHIND, Nodes, Parted, Sums, add_messages, for_each_hub, hub_sum, no_sums,
    split_front, write_running_sums,
};
use super::strip::Strip;
use super::visit::{Task, tasks_of_bins};
use super::{BIN_NODES, num_bins};
use crate::Error;
use crate::memory::Memory;
use crate::pagerank::{Jump, Kernel};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// Workers beside those that the processors keep busy: each waits for the disk at times.
const EXTRA_WORKERS: usize = 2;

/// A kernel that reads the stream again and again.
#[derive(Debug)]
pub(crate) struct Direct {
    file: StreamFile,
    pub(super) nodes: Nodes,
    tasks: Vec<Task>,
    flows: Flows,
    /// Those of the iteration being made.
    next: Flows,
    dangling: f64,
    hands: Mutex<Vec<Hands>>,
}

/// What flows along edges.
#[derive(Debug)]
pub(super) struct Flows {
    pub(super) contributions: Memory<f64>,
    /// Running sums of each partition's contributions, a value more than these; empty without runs.
    running: Memory<f64>,
}

/// The slices that a task writes.
struct Own<'a> {
    scores: &'a mut [f64],
    contributions: &'a mut [f64],
    running: &'a mut [f64],
    changes: &'a mut [BinChange],
}

/// What changed in a bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BinChange {
    /// L1.
    pub(super) change: f64,
    /// Score on dangling nodes.
    pub(super) dangling: f64,
}

impl Direct {
    /// Takes an opened stream; reads nothing but degrees.
    pub(crate) fn new(file: StreamFile) -> Result<Self, Error> {
        let bins = 0..num_bins(file.num_nodes());
        let degrees = file.degrees()?;
        Self::of_bins(file, &degrees, bins)
    }

    /// As [`new`](Self::new), for a stream that has edges to the nodes of these bins alone: what flows from these is made.
    pub(super) fn of_bins(
        file: StreamFile,
        degrees: &[u32],
        bins: Range<usize>,
    ) -> Result<Self, Error> {
        let nodes = Nodes::new(degrees);
        let with_runs = file.superblock.totals.runs > 0;
        let all = 0..num_bins(nodes.len());
        Ok(Direct {
            flows: Flows::new(&nodes, all, with_runs)?,
            next: Flows::new(&nodes, bins.clone(), with_runs)?,
            tasks: tasks_of_bins(&file, bins),
            file,
            nodes,
            dangling: 0.0,
            hands: Mutex::default(),
        })
    }

    /// Makes new scores of the bins' old ones and of the contributions of all sources, `dangling` being the score on
    /// dangling nodes; `next` takes what flows from them then.
    pub(super) fn step(
        &mut self,
        contributions: &[f64],
        dangling: f64,
        scores: &mut [f64],
        jump: &Jump<'_>,
    ) -> Result<(&Flows, Vec<BinChange>), Error> {
        self.flows.contributions.copy_from_slice(contributions);
        self.dangling = dangling;
        if !self.flows.running.is_empty() {
            let mut running = &mut self.flows.running[..];
            for bin in 0..num_bins(self.nodes.len()) {
                let of_bin = &contributions[self.nodes.sources.of_bin(bin)];
                write_running_sums(of_bin, split_front(&mut running, of_bin.len() + 1));
            }
        }
        let mut changes = vec![BinChange::default(); num_bins(scores.len())];
        let mut next = std::mem::replace(&mut self.next, Flows::none());
        let result = self.iterate_into(scores, jump, &mut next, &mut changes);
        self.next = next;
        result.map(|()| (&self.next, changes))
    }

    /// Does a task: the new scores of its bins, and their flows.
    fn work(
        &self,
        task: &Task,
        own: Own<'_>,
        hands: &mut Hands,
        jump: &Jump<'_>,
    ) -> Result<(), Error> {
        let Hands {
            worker,
            messages,
            sums,
            parted,
        } = hands;
        let Own {
            mut scores,
            mut contributions,
            mut running,
            changes,
        } = own;
        let base = jump.base(self.dangling);
        let mut changes = changes.iter_mut();
        let mut bin = task.bins.start;
        sums.fill(0.0);
        let mut end_bin = |bin: usize, sums: &mut Sums| {
            let own_scores = split_front(&mut scores, self.nodes.of_bin(bin).len());
            let own = split_front(&mut contributions, self.nodes.sources.of_bin(bin).len());
            let change = self
                .nodes
                .update_bin(bin, sums, own_scores, jump.damping, &base);
            let (new, dangling) = self.nodes.contribute_bin(bin, own_scores, parted);
            own.copy_from_slice(new);
            *changes.next().expect("one per bin") = BinChange { change, dangling };
            if !running.is_empty() {
                write_running_sums(own, split_front(&mut running, own.len() + 1));
            }
            sums.fill(0.0);
        };
        for number in task.segments.clone() {
            self.file
                .for_each_strip(number, &self.nodes.sources, worker, &mut |strip| {
                    while bin < strip.bin as usize {
                        end_bin(bin, sums);
                        bin += 1;
                    }
                    self.add(strip, messages, sums);
                })?;
        }
        for bin in bin..task.bins.end {
            end_bin(bin, sums);
        }
        Ok(())
    }

    /// Adds what comes along a strip's edges.
    fn add(&self, strip: &Strip, messages: &mut Vec<f64>, sums: &mut Sums) {
        // The first is nobody's: see `add_messages`.
        messages.clear();
        messages.push(0.0);
        let mut sources = strip.sources.as_slice();
        for cell in &strip.cells {
            let contributions =
                &self.flows.contributions[self.nodes.sources.of_bin(cell.partition as usize)];
            let (of_cell, later) = sources.split_at(cell.sources as usize);
            sources = later;
            messages.extend(
                of_cell
                    .iter()
                    .map(|&source| contributions[usize::from(source)]),
            );
        }
        messages.resize(messages.len() + MESSAGES_BEHIND, 0.0);
        add_messages(messages, &strip.targets, sums);
        let mut hubs = strip.hubs.as_slice();
        let (mut singles, mut runs) = (strip.singles.as_slice(), strip.runs.as_slice());
        let mut targets = strip.hub_targets.iter();
        for cell in &strip.cells {
            let (of_cell, later) = hubs.split_at(cell.hubs as usize);
            hubs = later;
            let (own_singles, later) = singles.split_at(cell.singles as usize);
            singles = later;
            let (own_runs, later) = runs.split_at(cell.runs as usize);
            runs = later;
            let partition = cell.partition as usize;
            let range = self.nodes.sources.of_bin(partition);
            let contributions = &self.flows.contributions[range.clone()];
            let running = match self.flows.running.is_empty() {
                true => &[],
                false => &self.flows.running[range.start + partition..range.end + partition + 1],
            };
            for_each_hub(of_cell, own_singles, own_runs, |singles, runs| {
                let target = *targets.next().expect("one per hub");
                sums[usize::from(target) % BIN_NODES] +=
                    hub_sum(contributions, running, singles, runs);
            });
        }
    }
}

/// Memory of a worker, which is kept from one iteration to the next.
#[derive(Debug)]
struct Hands {
    worker: Worker,
    messages: Vec<f64>,
    sums: Box<Sums>,
    parted: Parted,
}

impl Kernel for Direct {
    fn load(&mut self, scores: &[f64]) -> Result<(), Error> {
        let nodes = &self.nodes;
        let mut contributions = &mut self.flows.contributions[..];
        let mut running = &mut self.flows.running[..];
        let bins = (0..num_bins(scores.len())).map(|bin| {
            let num_sources = nodes.sources.of_bin(bin).len();
            let num_running = match running.is_empty() {
                true => 0,
                false => num_sources + 1,
            };
            let own_running = split_front(&mut running, num_running);
            (
                bin,
                split_front(&mut contributions, num_sources),
                own_running,
            )
        });
        let bins: Vec<_> = bins.collect();
        let dangling =
            bins.into_par_iter()
                .map_init(Parted::default, |parted, (bin, own, running)| {
                    let (new, dangling) =
                        nodes.contribute_bin(bin, &scores[nodes.of_bin(bin)], parted);
                    own.copy_from_slice(new);
                    if !running.is_empty() {
                        write_running_sums(own, running);
                    }
                    dangling
                });
        let dangling: Vec<f64> = dangling.collect();
        self.dangling = dangling.iter().sum();
        Ok(())
    }

    fn iterate(&mut self, scores: &mut [f64], jump: &Jump<'_>) -> Result<f64, Error> {
        let mut changes = vec![BinChange::default(); num_bins(scores.len())];
        let mut next = std::mem::replace(&mut self.next, Flows::none());
        let result = self.iterate_into(scores, jump, &mut next, &mut changes);
        self.next = std::mem::replace(&mut self.flows, next);
        result?;
        self.dangling = changes.iter().map(|bin| bin.dangling).sum();
        Ok(changes.iter().map(|bin| bin.change).sum())
    }
}

impl Direct {
    fn iterate_into(
        &self,
        mut scores: &mut [f64],
        jump: &Jump<'_>,
        next: &mut Flows,
        mut changes: &mut [BinChange],
    ) -> Result<(), Error> {
        let (mut contributions, mut running) = (&mut next.contributions[..], &mut next.running[..]);
        let with_runs = !running.is_empty();
        let owns = self.tasks.iter().map(|task| {
            let nodes =
                (task.bins.end * BIN_NODES).min(self.nodes.len()) - task.bins.start * BIN_NODES;
            let of_task = task
                .bins
                .clone()
                .map(|bin| self.nodes.sources.of_bin(bin).len())
                .sum::<usize>();
            let own = Own {
                scores: split_front(&mut scores, nodes),
                contributions: split_front(&mut contributions, of_task),
                running: split_front(
                    &mut running,
                    if with_runs {
                        of_task + task.bins.len()
                    } else {
                        0
                    },
                ),
                changes: split_front(&mut changes, task.bins.len()),
            };
            (task, own)
        });
        let owns: Vec<_> = owns.collect();
        let queue = Mutex::new(owns.into_iter());
        let failure: Mutex<Option<Error>> = Mutex::new(None);
        let work = || {
            let mut hands = lock(&self.hands).pop().unwrap_or_else(|| Hands {
                worker: Worker::default(),
                messages: Vec::new(),
                sums: no_sums(),
                parted: Parted::default(),
            });
            loop {
                let next = lock(&queue).next();
                let Some((task, own)) = next else { break };
                if let Err(error) = self.work(task, own, &mut hands, jump) {
                    *lock(&failure) = Some(error);
                }
                if lock(&failure).is_some() {
                    break;
                }
            }
            lock(&self.hands).push(hands);
        };
        let workers = (rayon::current_num_threads() + EXTRA_WORKERS).min(self.tasks.len());
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let failure = failure
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        failure.map_or(Ok(()), Err)
    }
}

impl Flows {
    /// Of the sources of some bins.
    fn new(nodes: &Nodes, bins: Range<usize>, with_runs: bool) -> Result<Self, Error> {
        let of_bins = bins.clone().map(|bin| nodes.sources.of_bin(bin).len());
        let num_sources: usize = of_bins.sum();
        let num_running = match with_runs {
            true => num_sources + bins.len(),
            false => 0,
        };
        Ok(Flows {
            contributions: Memory::zeros(num_sources, "a ranking")?,
            running: Memory::zeros(num_running, "a ranking")?,
        })
    }

    fn none() -> Self {
        Flows {
            contributions: Memory::empty(),
            running: Memory::empty(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
