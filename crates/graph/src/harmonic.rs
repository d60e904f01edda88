//! Harmonic centrality: for each node `v` the sum of `1 / d(u, v)` over the nodes `u` from which
//! `v` can be reached, `d` the number of edges of a shortest path. With it come the number of these
//! nodes, and the closeness of `v`: one over the sum of `d(u, v)`.
//!
//! [`harmonic`] estimates them by HyperBall (Boldi and Vigna, 2013): each node has a HyperLogLog
//! counter of its ball, the nodes that reach it in at most `t` steps; the ball for `t + 1` is the
//! union of the in-neighbors' balls for `t`, and `(|ball_t| - |ball_{t-1}|) / t` adds up to the
//! centrality. Stops when no counter changes. Nodes hash by a fixed function of their id, so the
//! result is a function of the graph and of the register count.
//!
//! *Error*: a counter of `2^log2m` registers has a relative standard deviation of about
//! `1.04 / sqrt(2^log2m)`: 3.25 % at 10, the default. Counters of neighboring nodes err alike, since
//! they share most of their balls, so order is kept better than that.
//!
//! *Sizes* of balls are estimated by the corrected raw estimator of Ertl ("New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017, algorithm 6): it equals linear counting
//! where balls are small, needs no tables or thresholds, and never falls when a ball grows.
//!
//! *Special nodes*: nothing reaches a node without incoming edges; its centrality and closeness are 0.
//!
//! *Memory*: counters are kept, before and after a step, of *inner* nodes only, which have incoming and
//! outgoing edges. The ball of a node without incoming edges is the node. The ball of one without
//! outgoing edges, of nine hosts in ten, is read by nobody: it is made anew from those of its sources
//! whenever one of them grew, and only its size is kept. [`harmonic_memory_bytes`] has the sum.

use crate::Error;
use crate::graph::Graph;
use crate::in_edges::{ArrayEdges, Bits, InEdges, has, members, number_in, number_words, set};
use crate::memory::Memory;
use crate::mix64;
use crate::pagerank::filled;
use crate::stream::{RankingStream, Sources, StreamEdges, split_front};
use rayon::prelude::*;
use std::ops::{ControlFlow, Range};

/// Nodes that [`harmonic_exact`] handles between two calls for progress.
const NODES_PER_TICK: usize = 1024;

/// Counters that a thread makes anew at a time. Where those of a block do not fit, its edges are read
/// once for each part.
const SCRATCH_BYTES: usize = 16 << 20;

/// Makes the hash of nodes another function than other uses of the same mixer.
const HASH_SEED: u64 = 0x6372_6177_6c72_616e;

/// How harmonic centrality is estimated.
#[derive(Debug, Clone)]
pub struct HarmonicOptions {
    /// Binary logarithm of the registers per node, 4 to 16. Default: 10.
    pub log2m: u32,
    /// Whether closeness is wanted as well, for 8 bytes a node. Default: no.
    pub closeness: bool,
}

impl Default for HarmonicOptions {
    fn default() -> Self {
        HarmonicOptions {
            log2m: 10,
            closeness: false,
        }
    }
}

/// What the progress callback sees after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HarmonicStep {
    /// Radius of the balls, from 1; with [`harmonic_exact`] the nodes done.
    pub step: u64,
    /// Nodes whose ball grew; with [`harmonic_exact`] the nodes left.
    pub changed: u64,
}

/// Harmonic centrality of all nodes, and what comes with it: estimates from [`harmonic`], which may lie beyond the ranges
/// below by their error, and exact from [`harmonic_exact`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Harmonic {
    /// One per node, from 0 to n - 1.
    pub scores: Vec<f64>,
    /// The number of nodes that reach each node, itself among them: from 1 to n.
    pub reachable: Vec<f64>,
    /// One over the sum of distances from the nodes that reach each node, and 0 where there are none; from
    /// [`harmonic`] no values unless [asked for](HarmonicOptions::closeness).
    pub closeness: Vec<f64>,
    /// Steps done until no ball grew: the longest shortest path, or of estimates about that.
    pub iterations: usize,
}

/// Returns the bytes of memory that [`harmonic`] takes with so many threads, for a graph of that many nodes
/// of which so many are [inner](Graph::num_inner_nodes).
pub fn harmonic_memory_bytes(
    num_nodes: u64,
    num_inner_nodes: u64,
    num_threads: usize,
    options: &HarmonicOptions,
) -> u64 {
    let counter = 1u64.checked_shl(options.log2m).unwrap_or(u64::MAX);
    let counters = num_inner_nodes.saturating_mul(counter).saturating_mul(2);
    // Size and score; sets of nodes and the tasks of a step are less than a byte.
    let table = if counter <= SMALL_COUNTER as u64 {
        4
    } else {
        0
    };
    let per_node = 16 + 1 + table + if options.closeness { 8 } else { 0 };
    let scratch = num_nodes.saturating_mul(counter).min(SCRATCH_BYTES as u64);
    counters
        .saturating_add(num_nodes.saturating_mul(per_node))
        .saturating_add(scratch.saturating_mul(num_threads as u64))
}

impl Graph {
    /// Returns the number of nodes with both incoming and outgoing edges.
    pub fn num_inner_nodes(&self) -> u64 {
        let (incoming, outgoing) = (self.incoming(), self.outgoing());
        let nodes = (0..self.num_nodes() as u32).into_par_iter();
        let is_inner = |&node: &u32| incoming.degree(node) > 0 && outgoing.degree(node) > 0;
        nodes.filter(is_inner).count() as u64
    }
}

impl RankingStream {
    /// Returns the number of nodes with both incoming and outgoing edges; reads all of the stream.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn num_inner_nodes(&self) -> Result<u64, Error> {
        let degrees = self.out_degrees()?;
        let reached = StreamEdges::new(self, &degrees).reached()?;
        let nodes = degrees.par_iter().enumerate();
        let is_inner = |&(node, &degree): &(usize, &u32)| degree > 0 && reached.has(node);
        Ok(nodes.filter(is_inner).count() as u64)
    }
}

/// Estimates harmonic centrality; `progress` is called after each step and may stop it.
///
/// # Errors
/// [`Error::Option`], [`Error::Memory`], [`Error::Interrupted`], and [`Error::Corrupt`] when the
/// graph is damaged.
pub fn harmonic(
    graph: &Graph,
    options: &HarmonicOptions,
    progress: &mut dyn FnMut(HarmonicStep) -> ControlFlow<()>,
) -> Result<Harmonic, Error> {
    hyperball(&ArrayEdges::new(graph), options, progress)
}

/// As [`harmonic`], to the same bits, of a graph of which there is only the stream: reads it twice in each step, and once
/// before.
///
/// # Errors
/// Those of [`harmonic`], and [`Error::Io`].
pub fn harmonic_of_stream(
    stream: &RankingStream,
    options: &HarmonicOptions,
    progress: &mut dyn FnMut(HarmonicStep) -> ControlFlow<()>,
) -> Result<Harmonic, Error> {
    let edges = StreamEdges::new(stream, &stream.out_degrees()?);
    hyperball(&edges, options, progress)
}

fn hyperball(
    edges: &impl InEdges,
    options: &HarmonicOptions,
    progress: &mut dyn FnMut(HarmonicStep) -> ControlFlow<()>,
) -> Result<Harmonic, Error> {
    if !(4..=16).contains(&options.log2m) {
        let expected = "a number from 4 to 16".to_owned();
        return Err(Error::Option {
            option: "log2m",
            expected,
            found: options.log2m.to_string(),
        });
    }
    let mut balls = Balls::new(edges, options)?;
    let mut growth = Growth::new(&balls, options)?;
    let mut iterations = 0;
    loop {
        let changed = balls.grow(&mut growth, iterations + 1)?;
        if changed == 0 {
            break;
        }
        iterations += 1;
        if progress(HarmonicStep {
            step: iterations as u64,
            changed,
        })
        .is_break()
        {
            return Err(Error::Interrupted);
        }
    }
    let mut closeness = growth.distances;
    let sums = closeness.par_iter_mut();
    sums.for_each(|sum| *sum = closeness_of(*sum));
    Ok(Harmonic {
        scores: growth.scores,
        reachable: growth.sizes,
        closeness,
        iterations,
    })
}

fn closeness_of(distances: f64) -> f64 {
    match distances > 0.0 {
        true => 1.0 / distances,
        false => 0.0,
    }
}

/// What a step reads.
struct Balls<'a, E: InEdges> {
    edges: &'a E,
    blocks: Vec<E::Block>,
    counting: Counting,
    /// The inner nodes, numbered.
    inner: Inner,
    /// Their counters.
    now: Memory<u8>,
    /// Nodes whose ball grew in the last step.
    grew: Bits,
}

/// Bytes of a counter up to which looking up whose it is costs as much as uniting two.
const SMALL_COUNTER: usize = 64;

/// The inner nodes, numbered.
struct Inner {
    nodes: Sources,
    /// Where counters are small, the number of each node, and [`u32::MAX`] for others: counting bits takes a dozen
    /// instructions on processors of every kind, a look into a table one.
    numbers: Vec<u32>,
}

impl Inner {
    fn new(nodes: Sources, num_nodes: usize, counter_bytes: usize) -> Self {
        let number = |node: usize| nodes.number(node as u32).unwrap_or(u32::MAX);
        let numbers = match counter_bytes <= SMALL_COUNTER {
            true => (0..num_nodes).into_par_iter().map(number).collect(),
            false => Vec::new(),
        };
        Inner { nodes, numbers }
    }

    #[inline]
    fn number(&self, node: u32) -> Option<u32> {
        if self.numbers.is_empty() {
            return self.nodes.number(node);
        }
        let number = self.numbers.get(node as usize).copied();
        number.filter(|&number| number != u32::MAX)
    }
}

/// What a step writes.
struct Growth {
    /// The counters of inner nodes; before the step as they were a step earlier.
    next: Memory<u8>,
    grows: Bits,
    sizes: Vec<f64>,
    scores: Vec<f64>,
    /// Sums of distances; no values unless closeness is wanted.
    distances: Vec<f64>,
}

/// The same of a block.
struct BlockGrowth<'a> {
    next: &'a mut [u8],
    grows: &'a mut [u64],
    sizes: &'a mut [f64],
    scores: &'a mut [f64],
    distances: &'a mut [f64],
}

/// Memory for the blocks of a thread.
#[derive(Default)]
struct Scratch<W> {
    worker: W,
    /// Nodes of the block, not inner ones, with a source that grew.
    marked: Vec<u64>,
    /// Of each word of these, how many there are before it.
    before: Vec<u32>,
    /// Their counters.
    anew: Vec<u8>,
}

impl<'a, E: InEdges> Balls<'a, E> {
    /// Balls of radius 0: each node in its own.
    fn new(edges: &'a E, options: &HarmonicOptions) -> Result<Self, Error> {
        let n = edges.num_nodes();
        let reached = edges.reached()?;
        let mut balls = Balls {
            edges,
            blocks: edges.blocks(),
            counting: Counting::new(options.log2m),
            inner: Inner::new(
                Sources::new(n, |node| reached.has(node) && edges.has_outgoing(node)),
                n,
                1 << options.log2m,
            ),
            now: Memory::empty(),
            grew: Bits::of(n, |_| true),
        };
        let mut now = balls.counters()?;
        let m = balls.counting.m;
        let mut rest = &mut now[..];
        let tasks: Vec<_> = balls
            .nodes_of_blocks()
            .map(|nodes| {
                let own = split_front(&mut rest, m * balls.inner.nodes.within(&nodes).len());
                (nodes, own)
            })
            .collect();
        tasks.into_par_iter().for_each(|(nodes, counters)| {
            let inner = nodes.filter(|&node| balls.inner.number(node as u32).is_some());
            for (node, ball) in inner.zip(counters.chunks_exact_mut(m)) {
                balls.counting.add(ball, node as u32);
            }
        });
        balls.now = now;
        Ok(balls)
    }

    /// Counters of nothing for the inner nodes.
    fn counters(&self) -> Result<Memory<u8>, Error> {
        let what = "harmonic centrality";
        let registers = self.inner.nodes.len().checked_mul(self.counting.m);
        let needed = u64::MAX;
        Memory::zeros(registers.ok_or(Error::Memory { what, needed })?, what)
    }

    fn nodes_of_blocks(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.blocks.iter().map(|block| self.edges.nodes(block))
    }

    /// Makes each ball the union of itself and its in-neighbors' balls; returns how many grew.
    fn grow(&mut self, growth: &mut Growth, radius: usize) -> Result<u64, Error> {
        let blocks = self.blocks.par_iter().zip(growth.split(self));
        let changed = blocks
            .map_init(Scratch::default, |scratch, (block, mut growth)| {
                let inner = self.grow_inner(block, &mut growth, scratch, radius)?;
                let others = self.grow_others(block, &mut growth, scratch, radius)?;
                Ok(inner + others)
            })
            .collect::<Result<Vec<u64>, Error>>()?;
        std::mem::swap(&mut self.now, &mut growth.next);
        std::mem::swap(&mut self.grew, &mut growth.grows);
        Ok(changed.iter().sum())
    }

    /// Unites the balls of inner nodes; marks other nodes with a source that grew.
    fn grow_inner(
        &self,
        block: &E::Block,
        growth: &mut BlockGrowth<'_>,
        scratch: &mut Scratch<E::Worker>,
        radius: usize,
    ) -> Result<u64, Error> {
        let nodes = self.edges.nodes(block);
        let (m, numbers) = (self.counting.m, self.inner.nodes.within(&nodes));
        let row = |number: u32| (number as usize - numbers.start) * m..;
        growth.grows.fill(0);
        scratch.marked.clear();
        scratch.marked.resize(growth.grows.len(), 0);
        for node in nodes.clone().filter(|&node| self.grew.has(node)) {
            if let Some(number) = self.inner.number(node as u32) {
                growth.next[row(number)][..m].copy_from_slice(self.ball(number));
            }
        }
        // Arrays have the edges of a target one after the other: its number is looked up once.
        let mut last = (u32::MAX, None);
        self.edges
            .for_each_edge(block, &mut scratch.worker, |source, target| {
                // What did not grow in the last step is in these balls already.
                if !self.grew.has(source as usize) {
                    return;
                }
                let at = target as usize - nodes.start;
                if target != last.0 {
                    last = (target, self.inner.number(target));
                }
                match last.1 {
                    None => set(&mut scratch.marked, at),
                    Some(number) => {
                        let ball = &mut growth.next[row(number)][..m];
                        if self.unite(ball, source, radius) {
                            set(growth.grows, at);
                        }
                    }
                }
            })?;
        let grown = members(growth.grows).collect::<Vec<_>>();
        for &at in &grown {
            let number = self.inner.number((nodes.start + at) as u32);
            let ball = number.map(|number| &growth.next[row(number)][..m]);
            let size = self.counting.size(ball.expect("only inner nodes grew"));
            growth.resize(at, size, radius);
        }
        Ok(grown.len() as u64)
    }

    /// Makes the balls of marked nodes anew; returns how many grew.
    fn grow_others(
        &self,
        block: &E::Block,
        growth: &mut BlockGrowth<'_>,
        scratch: &mut Scratch<E::Worker>,
        radius: usize,
    ) -> Result<u64, Error> {
        let Scratch {
            worker,
            marked,
            before,
            anew,
        } = scratch;
        let (m, start) = (self.counting.m, self.edges.nodes(block).start);
        let num_marked = number_words(marked, before);
        let in_a_pass = (SCRATCH_BYTES / m).max(1);
        let mut changed = 0;
        for first in (0..num_marked).step_by(in_a_pass) {
            let rows = in_a_pass.min(num_marked - first);
            anew.clear();
            anew.resize(rows * m, 0);
            let row_of = |target: u32| {
                let at = target as usize - start;
                let number = has(marked, at).then(|| number_in(marked, before, at));
                number?.checked_sub(first).filter(|&row| row < rows)
            };
            let mut last = (u32::MAX, None);
            self.edges.for_each_edge(block, worker, |source, target| {
                if target != last.0 {
                    last = (target, row_of(target));
                }
                if let Some(row) = last.1 {
                    self.unite(&mut anew[row * m..][..m], source, radius);
                }
            })?;
            let marked = members(marked).skip(first).take(rows);
            for (at, ball) in marked.zip(anew.chunks_exact_mut(m)) {
                self.counting.add(ball, (start + at) as u32);
                // A register that grows makes the estimate larger, if only by its last bits.
                let size = self.counting.size(ball);
                if size > growth.sizes[at] {
                    changed += 1;
                    growth.resize(at, size, radius);
                }
            }
        }
        Ok(changed)
    }

    /// Adds the ball of a source; returns whether the ball grew.
    fn unite(&self, ball: &mut [u8], source: u32, radius: usize) -> bool {
        match self.inner.number(source) {
            // Before the first step each node is alone in its ball.
            Some(number) if radius > 1 => unite(ball, self.ball(number)),
            _ => self.counting.add(ball, source),
        }
    }

    fn ball(&self, number: u32) -> &[u8] {
        let m = self.counting.m;
        &self.now[number as usize * m..][..m]
    }
}

impl Growth {
    fn new<E: InEdges>(balls: &Balls<'_, E>, options: &HarmonicOptions) -> Result<Self, Error> {
        let n = balls.edges.num_nodes();
        let mut sizes = filled(n, 0.0)?;
        let nodes = sizes.par_iter_mut().enumerate();
        nodes.for_each(|(node, size)| *size = balls.counting.size_of_one(node as u32));
        Ok(Growth {
            next: balls.counters()?,
            grows: Bits::none(n),
            sizes,
            scores: filled(n, 0.0)?,
            distances: filled(if options.closeness { n } else { 0 }, 0.0)?,
        })
    }

    fn split<E: InEdges>(&mut self, balls: &Balls<'_, E>) -> Vec<BlockGrowth<'_>> {
        let (mut next, mut sizes, mut scores, mut distances) = (
            &mut self.next[..],
            &mut self.sizes[..],
            &mut self.scores[..],
            &mut self.distances[..],
        );
        let blocks = balls.nodes_of_blocks();
        blocks
            .zip(self.grows.split(balls.nodes_of_blocks()))
            .map(|(nodes, grows)| BlockGrowth {
                next: split_front(
                    &mut next,
                    balls.counting.m * balls.inner.nodes.within(&nodes).len(),
                ),
                grows,
                sizes: split_front(&mut sizes, nodes.len()),
                scores: split_front(&mut scores, nodes.len()),
                distances: match distances.is_empty() {
                    true => &mut [],
                    false => split_front(&mut distances, nodes.len()),
                },
            })
            .collect()
    }
}

impl BlockGrowth<'_> {
    /// Takes note of a ball's new size.
    fn resize(&mut self, at: usize, size: f64, radius: usize) {
        let found = (size - self.sizes[at]).max(0.0);
        self.sizes[at] = size;
        self.scores[at] += found / radius as f64;
        if let Some(distances) = self.distances.get_mut(at) {
            *distances += found * radius as f64;
        }
    }
}

/// How counters count.
struct Counting {
    log2m: u32,
    /// Registers of a counter.
    m: usize,
    /// `2^-r` of each register's value `r`, in units of `2^-(64 - log2m)`, which is that of the largest value: no sum of
    /// `m` of these overflows, and none is rounded. An empty register is counted apart.
    shares: [u64; 64],
}

impl Counting {
    fn new(log2m: u32) -> Self {
        let share = |value: u32| match value {
            0 => 0,
            _ => 1u64 << (64 - log2m).saturating_sub(value),
        };
        Counting {
            log2m,
            m: 1 << log2m,
            shares: std::array::from_fn(|value| share(value as u32)),
        }
    }

    /// The register of a node, and its value.
    fn register(&self, node: u32) -> (usize, u8) {
        let hash = mix64(u64::from(node) ^ HASH_SEED);
        let zeros = (hash >> self.log2m).trailing_zeros();
        let value = zeros.min(63 - self.log2m) + 1;
        (hash as usize & (self.m - 1), value as u8)
    }

    /// Adds a node; returns whether the counter changed.
    fn add(&self, ball: &mut [u8], node: u32) -> bool {
        let (register, value) = self.register(node);
        let is_larger = value > ball[register];
        ball[register] = ball[register].max(value);
        is_larger
    }

    /// Estimates the number of distinct nodes in a counter.
    fn size(&self, ball: &[u8]) -> f64 {
        // Four sums, as an addition waits for the one before it.
        let mut sums = [0u64; 4];
        let mut empty = 0u32;
        for registers in ball.chunks_exact(16) {
            for (at, &register) in registers.iter().enumerate() {
                let share = self.shares[usize::from(register) % 64];
                sums[at % 4] = sums[at % 4].wrapping_add(share);
            }
            let is_empty = registers.iter().map(|&register| u8::from(register == 0));
            empty += u32::from(is_empty.fold(0u8, u8::wrapping_add));
        }
        self.estimate(empty, sums.iter().sum())
    }

    /// The same of a counter that holds one node.
    fn size_of_one(&self, node: u32) -> f64 {
        let (_, value) = self.register(node);
        self.estimate(self.m as u32 - 1, self.shares[usize::from(value)])
    }

    /// Estimates by the number of empty registers and the sum of the others' shares.
    fn estimate(&self, empty: u32, shares: u64) -> f64 {
        let m = self.m as f64;
        let unit = f64::from_bits((1023 - u64::from(64 - self.log2m)) << 52);
        let sum = shares as f64 * unit;
        // 1 / (2 ln 2), the bias correction for many registers. Hashes have 64 bits, so no register is
        // ever full and Ertl's correction for large counts is 0.
        const ALPHA: f64 = 0.5 * std::f64::consts::LOG2_E;
        ALPHA * m * m / (sum + m * sigma(f64::from(empty) / m))
    }
}

/// Takes the larger of each two registers; returns whether any grew.
fn unite(ball: &mut [u8], other: &[u8]) -> bool {
    // Sixteen at a time, as a processor compares them; no counter has fewer.
    let mut changed = [0; 16];
    for (ball, other) in ball.chunks_exact_mut(16).zip(other.chunks_exact(16)) {
        for (at, changed) in changed.iter_mut().enumerate() {
            let larger = ball[at].max(other[at]);
            *changed |= larger ^ ball[at];
            ball[at] = larger;
        }
    }
    changed != [0; 16]
}

/// What empty registers count for: `x + sum over k >= 1 of x^(2^k) 2^(k - 1)` (Ertl 2017, formula 13).
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y *= 2.0;
        if z == before {
            return z;
        }
    }
}

/// Computes harmonic centrality by a breadth-first search from every node: n times m steps, so for
/// small graphs.
///
/// Closeness is always there. *Memory*: 12 bytes per node and thread, 24 per node.
///
/// # Errors
/// As [`harmonic`].
pub fn harmonic_exact(
    graph: &Graph,
    progress: &mut dyn FnMut(HarmonicStep) -> ControlFlow<()>,
) -> Result<Harmonic, Error> {
    let n = graph.num_nodes() as usize;
    let mut harmonic = Harmonic {
        scores: filled(n, 0.0)?,
        reachable: filled(n, 0.0)?,
        closeness: filled(n, 0.0)?,
        iterations: 0,
    };
    let mut done = 0;
    while done < n {
        let found = (done..n.min(done + NODES_PER_TICK))
            .into_par_iter()
            .map_init(
                || Search::new(n),
                |search, node| search.run(graph, node as u32),
            )
            .collect::<Result<Vec<Reached>, Error>>()?;
        for reached in found {
            harmonic.scores[done] = reached.harmonic;
            harmonic.reachable[done] = reached.nodes as f64;
            harmonic.closeness[done] = closeness_of(reached.distances as f64);
            harmonic.iterations = harmonic.iterations.max(reached.radius);
            done += 1;
        }
        if progress(HarmonicStep {
            step: done as u64,
            changed: (n - done) as u64,
        })
        .is_break()
        {
            return Err(Error::Interrupted);
        }
    }
    Ok(harmonic)
}

/// A reusable breadth-first search against the direction of edges.
pub(crate) struct Search {
    /// Number of the search that saw a node last; saves clearing between searches.
    seen: Vec<u32>,
    number: u32,
    queue: Vec<u32>,
}

/// What reaches a node.
pub(crate) struct Reached {
    pub(crate) harmonic: f64,
    /// The sum of the distances of all nodes that reach it.
    pub(crate) distances: u64,
    pub(crate) radius: usize,
    /// The nodes that reach it, itself among them.
    pub(crate) nodes: usize,
}

impl Search {
    pub(crate) fn new(n: usize) -> Self {
        Search {
            seen: vec![0; n],
            number: 0,
            queue: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, graph: &Graph, node: u32) -> Result<Reached, Error> {
        let incoming = graph.incoming();
        // At most 2^32 - 1 nodes are searched from, each once.
        self.number += 1;
        self.queue.clear();
        self.queue.push(node);
        self.seen[node as usize] = self.number;
        let (mut start, mut radius, mut harmonic, mut distances) = (0, 0, 0.0, 0);
        while start < self.queue.len() {
            let end = self.queue.len();
            for at in start..end {
                let v = self.queue[at];
                for &u in incoming.list(v)?.targets {
                    let seen = self
                        .seen
                        .get_mut(u as usize)
                        .ok_or_else(|| incoming.bad_neighbor(v, u))?;
                    if *seen != self.number {
                        *seen = self.number;
                        self.queue.push(u);
                    }
                }
            }
            start = end;
            let found = self.queue.len() - end;
            if found > 0 {
                radius += 1;
                harmonic += found as f64 / radius as f64;
                distances += (found * radius) as u64;
            }
        }
        Ok(Reached {
            harmonic,
            distances,
            radius,
            nodes: self.queue.len(),
        })
    }
}
