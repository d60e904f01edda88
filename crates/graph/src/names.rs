//! The names of a graph's nodes, in byte order.

use crate::Error;
use std::ops::Range;
use std::path::Path;

/// Longest name that a graph takes, in bytes; bounds the memory of every reader.
pub const MAX_NAME_BYTES: usize = 65_535;

/// The names of all nodes: sorted by bytes, unique; a node's id is its name's position.
///
/// Offsets come from a file and are checked at each use: where they are damaged, a name is empty.
/// [`Graph::verify`](crate::Graph::verify) tells whether that is so.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    bytes: &'a [u8],
    offsets: &'a [u64],
    path: &'a Path,
}

impl<'a> Names<'a> {
    /// `offsets` holds one value more than there are names.
    pub(crate) fn new(bytes: &'a [u8], offsets: &'a [u64], path: &'a Path) -> Self {
        Names {
            bytes,
            offsets,
            path,
        }
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether the graph has no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the name of a node; empty when there is no such node.
    pub fn get(&self, id: u32) -> &'a [u8] {
        self.range(id).map_or(&[], |range| &self.bytes[range])
    }

    /// Returns the node of that name, by binary search.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle as u32).cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle as u32),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Iterates over all names in order of id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let names = *self;
        // An id fits 32 bits because the manifest's number of nodes does.
        (0..names.len()).map(move |id| names.get(id as u32))
    }

    /// The name of a node, or what is wrong with its place in the file.
    pub(crate) fn checked(&self, id: u32) -> Result<&'a [u8], Error> {
        let range = self.range(id).ok_or_else(|| {
            Error::corrupt(
                self.path,
                None,
                "name offsets that do not decrease",
                format!("others at node {id}"),
            )
        })?;
        Ok(&self.bytes[range])
    }

    /// Checks that the first name begins, and the last one ends, where the bytes do.
    pub(crate) fn check_ends(&self) -> Result<(), Error> {
        let ends = (self.offsets.first(), self.offsets.last());
        if ends == (Some(&0), Some(&(self.bytes.len() as u64))) {
            return Ok(());
        }
        let expected = format!("name offsets from 0 to {}", self.bytes.len());
        Err(Error::corrupt(self.path, None, expected, "others"))
    }

    fn range(&self, id: u32) -> Option<Range<usize>> {
        checked_range(self.offsets, id, self.bytes.len())
            .filter(|range| range.len() <= MAX_NAME_BYTES)
    }
}

/// Returns `offsets[id]..offsets[id + 1]` if that is a range within `len`.
pub(crate) fn checked_range(offsets: &[u64], id: u32, len: usize) -> Option<Range<usize>> {
    let id = id as usize;
    let start = usize::try_from(*offsets.get(id)?).ok()?;
    let end = usize::try_from(*offsets.get(id + 1)?).ok()?;
    (start <= end && end <= len).then_some(start..end)
}
