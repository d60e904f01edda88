//! A real crawl many times over, its copies linked: real local structure, and more nodes than caches hold.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::Blocks;
use crate::random::Random;

/// A link that leads further than this, in ids, may lead into another copy.
const FAR: u64 = 1024;
/// Far links of a copy into the same region go the same way, as links of one site to another do.
const REGION: u64 = 4096;

pub(crate) struct Tiles {
    crawl: Vec<(u32, u32)>,
    nodes: u64,
    tiles: u64,
}

impl Tiles {
    pub(crate) fn open(path: &Path, tiles: u64) -> Result<Self, Box<dyn Error>> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut crawl: Vec<(u32, u32)> = Vec::new();
        for line in BufReader::new(MultiGzDecoder::new(file)).lines() {
            let line = line?;
            let (source, target) = line.split_once('\t').ok_or("a line without a tab")?;
            crawl.push((source.parse()?, target.parse()?));
        }
        let last = crawl.iter().map(|&(u, v)| u.max(v)).max();
        let nodes = u64::from(last.ok_or("no edges")?) + 1;
        Ok(Self {
            crawl,
            nodes,
            tiles,
        })
    }
}

impl Blocks for Tiles {
    fn num_nodes(&self) -> u64 {
        self.nodes * self.tiles
    }

    fn num_blocks(&self) -> usize {
        self.tiles as usize
    }

    fn edges(&self, block: usize, edges: &mut Vec<u64>) {
        let own = block as u64;
        let elsewhere: Vec<u64> = (0..=self.nodes / REGION)
            .map(|region| {
                let mut random = Random::of(own, region);
                match random.below(2) {
                    0 => own,
                    _ => random.below(self.tiles),
                }
            })
            .collect();
        edges.extend(self.crawl.iter().map(|&(source, target)| {
            let (source, target) = (u64::from(source), u64::from(target));
            let tile = if source.abs_diff(target) > FAR {
                elsewhere[(target / REGION) as usize]
            } else {
                own
            };
            (own * self.nodes + source) << 32 | (tile * self.nodes + target)
        }));
    }
}
