//! What a builder of named edges has put on disk.
//!
//! Names get local ids; edges wait under these until all names are known. A *spill* holds edges and nodes, and the names that
//! got their ids since the spill before. Spills of one *numbering* share its ids: the first of them says that it begins one.
//! Names are in no order and edges are not sorted: both are sorted once, in the end.
//!
//! A file holds edges, nodes, names table by table (how many bytes, then these), an index of checksums, and a trailer. Numbers
//! are little-endian.

use crate::Error;
use crate::interners::Entries;
use crate::mapping::Mapping;
use crate::sorter::Record;
use bytemuck::Pod;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: u64 = u64::from_le_bytes(*b"crlknam1");

/// Edges that have one checksum, and go to a sorter together.
pub(crate) const MOST_IN_PART: usize = 1 << 16;

/// A node's local id, and pages to add to it.
pub(crate) type NodePages = [u64; 2];

/// What goes to a spill.
pub(crate) struct Contents<'a, R> {
    /// Whether ids begin anew.
    pub(crate) begins: bool,
    /// Names are in `2^bits` tables.
    pub(crate) bits: u32,
    pub(crate) edges: &'a [Vec<R>],
    pub(crate) nodes: &'a [NodePages],
    /// Of each table the names, and how many bytes of them are in spills already.
    pub(crate) names: &'a [(&'a Entries, usize)],
}

/// Records of consecutive edges, and the checksum of their bytes.
type Part = [u64; 2];

/// Checksum of the rest and of the index, parts of edges, nodes, bytes of names, `bits` and twice `begins`, [`MAGIC`].
type Trailer = [u64; 6];

impl<R: Record + Pod> Contents<'_, R> {
    /// Writes a spill and returns its length.
    pub(crate) fn write(&self, path: &Path) -> Result<u64, Error> {
        let file = File::create_new(path).map_err(Error::io(path, "create"))?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        let mut written = 0;
        let mut write = |bytes: &[u8]| {
            written += bytes.len() as u64;
            file.write_all(bytes).map_err(Error::io(path, "write"))
        };
        let mut index: Vec<Part> = Vec::new();
        for edges in self
            .edges
            .iter()
            .flat_map(|edges| edges.chunks(MOST_IN_PART))
        {
            let bytes = bytemuck::cast_slice(edges);
            index.push([edges.len() as u64, xxh3_64(bytes)]);
            write(bytes)?;
        }
        let names = self.new_names();
        write(bytemuck::cast_slice(self.nodes))?;
        write(&names)?;
        let parts = index.len() as u64;
        index.push([xxh3_64(bytemuck::cast_slice(self.nodes)), xxh3_64(&names)]);
        // Numbers are read in place, so they begin where these may.
        write(&[0; 16][..names.len().next_multiple_of(16) - names.len()])?;
        write(bytemuck::cast_slice(&index))?;
        let kind = u64::from(self.bits) << 2 | u64::from(R::PAGES) << 1 | u64::from(self.begins);
        let mut trailer: Trailer = [
            0,
            parts,
            self.nodes.len() as u64,
            names.len() as u64,
            kind,
            MAGIC,
        ];
        trailer[0] = index_checksum(&index, &trailer);
        write(bytemuck::bytes_of(&trailer))?;
        file.flush().map_err(Error::io(path, "write"))?;
        Ok(written)
    }

    fn new_names(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(names, before) in self.names {
            let new = &names.as_bytes()[before..];
            bytes.extend_from_slice(&(new.len() as u64).to_le_bytes());
            bytes.extend_from_slice(new);
        }
        bytes
    }
}

fn index_checksum(index: &[Part], trailer: &Trailer) -> u64 {
    xxh3_64(bytemuck::cast_slice(index)) ^ xxh3_64(bytemuck::cast_slice(&trailer[1..]))
}

/// A spill to read from.
pub(crate) struct Spill {
    path: PathBuf,
    map: Mapping,
    index: Vec<Part>,
    trailer: Trailer,
}

impl Spill {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let map = Mapping::open(path)?;
        let damaged = || Error::damaged_run(path, 0);
        let end = map.len().checked_sub(size_of::<Trailer>());
        let end = end.ok_or_else(damaged)?;
        let trailer: Trailer = bytemuck::pod_read_unaligned(&map[end..]);
        let parts = usize::try_from(trailer[1]).ok();
        let index_bytes =
            parts.and_then(|parts| parts.checked_add(1)?.checked_mul(size_of::<Part>()));
        let start = index_bytes.and_then(|bytes| end.checked_sub(bytes));
        let start = start.ok_or_else(damaged)?;
        let index: &[Part] = bytemuck::try_cast_slice(&map[start..end]).map_err(|_| damaged())?;
        let index = index.to_vec();
        if trailer[5] != MAGIC || index_checksum(&index, &trailer) != trailer[0] {
            return Err(damaged());
        }
        Ok(Spill {
            path: path.to_path_buf(),
            map,
            index,
            trailer,
        })
    }

    /// Whether its ids are none of the spill before.
    pub(crate) fn begins(&self) -> bool {
        self.trailer[4] & 1 == 1
    }

    /// Names are in so many tables, as a power of two.
    pub(crate) fn bits(&self) -> u32 {
        (self.trailer[4] >> 2) as u32
    }

    /// The edges, some at a time, each with where they begin in the file and what their checksum has to be.
    pub(crate) fn parts<R: Record>(&self) -> Vec<SpilledEdges<'_>> {
        let mut start = 0;
        let parts = self.index[..self.index.len() - 1].iter();
        let parts = parts.map(|&[records, checksum]| {
            let begin = start;
            start = bytes_to::<R>(start, records);
            SpilledEdges {
                spill: self,
                bytes: begin..start,
                checksum,
            }
        });
        parts.collect()
    }

    /// Pages of nodes, as they came; all ids are below `end`.
    pub(crate) fn nodes<R: Record>(&self, end: usize) -> Result<Vec<NodePages>, Error> {
        let (start, behind) = self.nodes_range::<R>();
        let bytes = self.map.get(start..behind);
        let bytes = bytes.filter(|bytes| xxh3_64(bytes) == self.last_checksums()[0]);
        let nodes: Option<&[NodePages]> =
            bytes.and_then(|bytes| bytemuck::try_cast_slice(bytes).ok());
        let nodes = nodes.filter(|nodes| nodes.iter().all(|&[id, _]| id < end as u64));
        let nodes = nodes.ok_or_else(|| Error::damaged_run(&self.path, start as u64))?;
        Ok(nodes.to_vec())
    }

    /// Adds the new names of each table to `tables`.
    pub(crate) fn read_names<R: Record>(&self, tables: &mut [Entries]) -> Result<(), Error> {
        let (_, start) = self.nodes_range::<R>();
        let bytes = self.map.get(start..bytes_to::<u8>(start, self.trailer[3]));
        let bytes = bytes.filter(|bytes| xxh3_64(bytes) == self.last_checksums()[1]);
        let read = bytes.and_then(|bytes| read_names(bytes, tables));
        read.ok_or_else(|| Error::damaged_run(&self.path, start as u64))
    }

    fn nodes_range<R: Record>(&self) -> (usize, usize) {
        let edges = self.index[..self.index.len() - 1].iter();
        let start = edges.map(|[records, _]| *records).fold(0, bytes_to::<R>);
        (start, bytes_to::<NodePages>(start, self.trailer[2]))
    }

    /// Of nodes and names.
    fn last_checksums(&self) -> Part {
        self.index[self.index.len() - 1]
    }
}

/// Where so many values from `start` on end; beyond any file when they are too many.
fn bytes_to<T>(start: usize, values: u64) -> usize {
    let bytes = (values as usize).saturating_mul(size_of::<T>());
    start.saturating_add(bytes)
}

fn read_names(mut bytes: &[u8], tables: &mut [Entries]) -> Option<()> {
    for table in tables {
        let (len, rest) = bytes.split_first_chunk()?;
        let (names, rest) = rest.split_at_checked(u64::from_le_bytes(*len).try_into().ok()?)?;
        table.append(names);
        bytes = rest;
    }
    bytes.is_empty().then_some(())
}

/// Some edges of a spill.
pub(crate) struct SpilledEdges<'a> {
    spill: &'a Spill,
    bytes: std::ops::Range<usize>,
    checksum: u64,
}

impl<'a> SpilledEdges<'a> {
    /// The edges, as they were written; all ids are below `end`.
    pub(crate) fn records<R: Record + Pod>(&self, end: usize) -> Result<&'a [R], Error> {
        let bytes = self.spill.map.get(self.bytes.clone());
        let bytes = bytes.filter(|bytes| xxh3_64(bytes) == self.checksum);
        // Edges come first and mappings begin at a page, so they lie where numbers may.
        let records: Option<&[R]> = bytes.and_then(|bytes| bytemuck::try_cast_slice(bytes).ok());
        let is_known = |edge: &R| edge.first().max(edge.second()) < end as u32;
        records
            .filter(|records| records.iter().all(is_known))
            .ok_or_else(|| Error::damaged_run(&self.spill.path, self.bytes.start as u64))
    }
}
