//! Pages of hosts as the web has them: sizes of hosts by a power law, links of a template on most pages of a host, links to
//! pages nearby, and links to other hosts, few of which get most.
//!
//! Harder than a real crawl: templates are noisy, so that less of a list repeats its neighbour's.

use crate::Blocks;
use crate::random::Random;

/// Kinds of random streams.
const SIZES: u64 = 1;
const LINKS: u64 = 2;
const DANGLING: f64 = 0.31;
/// Least links of a page to pages around it; the mean is near five times that.
const NEAR: f64 = 2.25;
/// A page links to fewer other hosts than this, any number alike.
const OTHERS: u64 = 5;
/// Pages in a block, about.
const BLOCK: u64 = 1 << 16;

pub(crate) struct Web {
    nodes: u64,
    hosts: Vec<Host>,
    /// First host of each block, and the number of hosts.
    blocks: Vec<usize>,
}

struct Host {
    first: u64,
    pages: u64,
}

impl Web {
    pub(crate) fn new(nodes: u64) -> Self {
        assert!(nodes <= 1 << 32, "{nodes} nodes do not fit in `u32`");
        let mut random = Random::of(SIZES, 0);
        let mut hosts = Vec::new();
        let mut blocks = vec![0];
        let (mut first, mut block_end) = (0, BLOCK);
        while first < nodes {
            // Pareto with exponent 1.15.
            let pages = 4.0 * random.share().max(1e-9).powf(-1.0 / 1.15);
            let pages = (pages as u64).min(200_000).min(nodes - first);
            hosts.push(Host { first, pages });
            first += pages;
            if first >= block_end {
                blocks.push(hosts.len());
                block_end = first + BLOCK;
            }
        }
        if blocks.last() != Some(&hosts.len()) {
            blocks.push(hosts.len());
        }
        Self {
            nodes,
            hosts,
            blocks,
        }
    }

    /// A host by Zipf's law; those that get most lie anywhere.
    fn popular(&self, random: &mut Random) -> &Host {
        let hosts = self.hosts.len() as u64;
        let place = (hosts as f64).powf(random.share()) as u64;
        &self.hosts[((place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) % hosts) as usize]
    }

    fn host_edges(&self, index: usize, edges: &mut Vec<u64>) {
        let Host { first, pages } = self.hosts[index];
        let mut random = Random::of(LINKS, index as u64);
        let menu: Vec<u64> = (0..(2 + random.below(20)).min(pages))
            .map(|entry| match entry {
                0..3 => entry,
                _ => random.below(pages.min(20_000)),
            })
            .map(|page| first + page)
            .collect();
        let partners: Vec<u64> = (0..random.below(4))
            .map(|_| self.popular(&mut random).first)
            .collect();
        for page in 0..pages {
            if random.share() < DANGLING {
                continue;
            }
            let source = first + page;
            let mut link = |target: u64| {
                if target != source {
                    edges.push(source << 32 | target);
                }
            };
            for &target in &menu {
                if random.share() < 0.9 {
                    link(target);
                }
            }
            for &target in &partners {
                if random.share() < 0.8 {
                    link(target);
                }
            }
            let near = NEAR / random.share().max(0.02);
            for _ in 0..near as u64 {
                let reach = if random.share() < 0.7 { 64 } else { pages };
                let distance = (1 + random.below(reach)) % pages;
                let around = match random.below(2) {
                    0 => page + distance,
                    _ => page + pages - distance,
                };
                link(first + around % pages);
            }
            for _ in 0..random.below(OTHERS) {
                let host = self.popular(&mut random);
                // Most links to a host lead to its home page.
                let page = match random.share() < 0.7 {
                    true => 0,
                    false => random.below(host.pages.min(500)),
                };
                link(host.first + page);
            }
        }
    }
}

impl Blocks for Web {
    fn num_nodes(&self) -> u64 {
        self.nodes
    }

    fn num_blocks(&self) -> usize {
        self.blocks.len() - 1
    }

    fn edges(&self, block: usize, edges: &mut Vec<u64>) {
        for host in self.blocks[block]..self.blocks[block + 1] {
            self.host_edges(host, edges);
        }
    }
}
