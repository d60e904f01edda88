//! Reads every byte of a graph and compares it with what was written.

use crate::Error;
use crate::adjacency::Adjacency;
use crate::array::{BLOCK_BYTES, HEADER_BYTES, array_path, block_checksum};
use crate::graph::{Graph, NamedArray, NodeData, OneWayGraph};
use crate::manifest::{CHECKSUMS, Manifest, blocks_of};
use crate::stream::RankingStream;
use rayon::prelude::*;
use std::path::Path;

/// Nodes that one task checks at a time.
const NODES_PER_TASK: usize = 65_536;

impl Graph {
    /// Reads the whole graph, on all threads, and checks it: every block against its checksum, and
    /// then what checksums cannot know of a foreign graph: names and neighbors ascend, offsets fit,
    /// ids are nodes, and both directions and the ranking stream hold the same edges.
    ///
    /// # Errors
    /// [`Error::Corrupt`] names the first file, and where known the offset, that is wrong.
    pub fn verify(&self) -> Result<(), Error> {
        verify_nodes(self.nodes(), self.arrays())?;
        let loops = self.keeps_self_loops();
        let outgoing = edge_sum(self.outgoing(), loops, |node, neighbor| (node, neighbor))?;
        let incoming = edge_sum(self.incoming(), loops, |node, neighbor| (neighbor, node))?;
        if outgoing != incoming {
            return Err(Error::corrupt(
                self.dir(),
                None,
                "the same edges in both directions",
                "different ones",
            ));
        }
        match self.ranking_stream() {
            Some(path) => RankingStream::of(self, &path)?.verify_of(self),
            None => Ok(()),
        }
    }
}

/// Checks all arrays, and what the names must be.
pub(crate) fn verify_nodes(nodes: &NodeData, arrays: Vec<NamedArray<'_>>) -> Result<(), Error> {
    // The manifest was checked when it was read; it may have changed on disk since.
    if Manifest::read(nodes.dir())? != *nodes.manifest() {
        return Err(Error::corrupt(
            nodes.dir(),
            None,
            "the manifest that was opened",
            "another one",
        ));
    }
    verify_blocks(nodes, arrays)?;
    verify_names(nodes)
}

fn verify_names(nodes: &NodeData) -> Result<(), Error> {
    let Some(names) = nodes.names() else {
        return Ok(());
    };
    names.check_ends()?;
    (0..names.len() as u32).into_par_iter().try_for_each(|id| {
        let name = names.checked(id)?;
        if id > 0 && names.checked(id - 1)? >= name {
            let path = array_path(nodes.dir(), "names");
            return Err(Error::corrupt(
                &path,
                None,
                "names in ascending order",
                format!("another order at node {id}"),
            ));
        }
        Ok(())
    })
}

/// Checks the blocks of those arrays that a merge reads.
pub(crate) fn verify_one_way(graph: &OneWayGraph) -> Result<(), Error> {
    verify_blocks(graph.nodes(), graph.merged_arrays())
}

fn verify_blocks(nodes: &NodeData, arrays: Vec<NamedArray<'_>>) -> Result<(), Error> {
    let manifest = nodes.manifest();
    let checksums = nodes.checksums();
    checksums.check_header(manifest.num_blocks())?;
    if !manifest.checksums_match(checksums.bytes()) {
        return Err(Error::corrupt(
            checksums.path(),
            None,
            format!("the digest in `{CHECKSUMS}` of the manifest"),
            "another digest",
        ));
    }
    for (name, bytes, header) in arrays {
        header?;
        let first = manifest
            .arrays
            .iter()
            .take_while(|entry| entry.name != name)
            .map(|entry| blocks_of(entry.bytes))
            .sum::<u64>();
        verify_array(
            nodes.dir(),
            name,
            bytes,
            &checksums.as_slice()[first as usize..],
        )?;
    }
    Ok(())
}

fn verify_array(dir: &Path, name: &str, bytes: &[u8], checksums: &[u64]) -> Result<(), Error> {
    let wrong = bytes
        .par_chunks(BLOCK_BYTES)
        .zip(checksums)
        .enumerate()
        .find_first(|(block, (bytes, checksum))| {
            block_checksum(name, *block as u64, bytes) != **checksum
        });
    match wrong {
        None => Ok(()),
        Some((block, _)) => {
            let offset = (HEADER_BYTES + block * BLOCK_BYTES) as u64;
            Err(Error::corrupt(
                &array_path(dir, name),
                Some(offset),
                "a block with its checksum",
                "a changed block",
            ))
        }
    }
}

/// Checks one direction and returns a sum over its edges that does not depend on their order.
fn edge_sum(
    adjacency: Adjacency<'_>,
    loops: bool,
    edge: impl Fn(u32, u32) -> (u32, u32) + Sync,
) -> Result<u64, Error> {
    let n = adjacency.num_nodes();
    let offsets = adjacency.offsets();
    if offsets.first() != Some(&0) || offsets.last() != Some(&(adjacency.num_edges() as u64)) {
        return Err(adjacency.bad_offsets(0));
    }
    (0..n.div_ceil(NODES_PER_TASK))
        .into_par_iter()
        .map(|task| {
            let mut sum = 0u64;
            for node in task * NODES_PER_TASK..n.min((task + 1) * NODES_PER_TASK) {
                sum = sum.wrapping_add(list_sum(adjacency, node as u32, loops, &edge)?);
            }
            Ok(sum)
        })
        .try_reduce(|| 0, |a, b| Ok(a.wrapping_add(b)))
}

fn list_sum(
    adjacency: Adjacency<'_>,
    node: u32,
    loops: bool,
    edge: impl Fn(u32, u32) -> (u32, u32),
) -> Result<u64, Error> {
    let list = adjacency.list(node)?;
    let mut sum = 0u64;
    let mut least = 0u64;
    for (place, &neighbor) in list.targets.iter().enumerate() {
        let is_node = (neighbor as usize) < adjacency.num_nodes();
        if !is_node || u64::from(neighbor) < least || (neighbor == node && !loops) {
            return Err(adjacency.bad_neighbor(node, neighbor));
        }
        least = u64::from(neighbor) + 1;
        let (source, target) = edge(node, neighbor);
        let pages = list.pages.map_or(1, |pages| pages[place]);
        let key = u64::from(source) << 32 | u64::from(target);
        sum = sum.wrapping_add(crate::mix64(key ^ crate::mix64(u64::from(pages))));
    }
    Ok(sum)
}
