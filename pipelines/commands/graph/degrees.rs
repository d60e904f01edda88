//! How many nodes have how many edges.

use std::collections::BTreeMap;

use crawlrank_graph::NodeDegrees;

use crate::cli::Context;
use crate::error::Result;

/// Degrees below this are counted in an array: nearly all are.
const DENSE: usize = 1 << 16;

/// Nodes by their number of edges in one direction.
pub(super) struct Degrees {
    dense: Vec<u64>,
    larger: BTreeMap<u64, u64>,
    nodes: u64,
}

impl Degrees {
    pub(super) fn of(all: &NodeDegrees<'_>, nodes: u64, context: &Context) -> Result<Degrees> {
        let mut degrees = Degrees {
            dense: vec![0; DENSE],
            larger: BTreeMap::new(),
            nodes,
        };
        for node in 0..degrees.nodes as u32 {
            if node % (1 << 20) == 0 {
                context.interrupt.check()?;
            }
            let degree = all.get(node);
            match degrees.dense.get_mut(degree as usize) {
                Some(count) => *count += 1,
                None => *degrees.larger.entry(degree).or_default() += 1,
            }
        }
        Ok(degrees)
    }

    /// Degrees that nodes have, ascending, with the number of these nodes.
    pub(super) fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let dense = self.dense.iter().enumerate();
        let dense = dense.map(|(degree, &nodes)| (degree as u64, nodes));
        let larger = self.larger.iter().map(|(&degree, &nodes)| (degree, nodes));
        dense.filter(|(_, nodes)| *nodes > 0).chain(larger)
    }

    /// The least degree that at least this share of nodes does not exceed; nothing when there are no nodes.
    pub(super) fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = ((share * self.nodes as f64).ceil() as u64).max(1);
        let mut nodes = 0;
        let mut reached = self.counts().skip_while(|(_, count)| {
            nodes += count;
            nodes < wanted
        });
        reached.next().map(|(degree, _)| degree)
    }

    pub(super) fn max(&self) -> Option<u64> {
        self.quantile(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_nearest_rank() {
        let mut degrees = Degrees {
            dense: vec![0; 4],
            larger: BTreeMap::from([(100_000, 1)]),
            nodes: 10,
        };
        degrees.dense[0] = 5;
        degrees.dense[3] = 4;
        let shares = [0.0, 0.5, 0.51, 0.9, 0.91, 1.0];
        let found = shares.map(|share| degrees.quantile(share).unwrap());
        assert_eq!(found, [0, 0, 3, 3, 100_000, 100_000]);
        assert_eq!(
            degrees.counts().collect::<Vec<_>>(),
            [(0, 5), (3, 4), (100_000, 1)]
        );
    }

    #[test]
    fn no_nodes_have_no_degrees() {
        let degrees = Degrees {
            dense: vec![0; 1],
            larger: BTreeMap::new(),
            nodes: 0,
        };
        assert_eq!((degrees.quantile(0.5), degrees.max()), (None, None));
    }
}
