//! `graph.json`: what a graph directory holds, in canonical bytes with their own checksum.

use crate::Error;
use crate::array::{ArrayInfo, BLOCK_BYTES, Element, HEADER_BYTES};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) const MANIFEST: &str = "graph.json";
pub(crate) const CHECKSUMS: &str = "checksums";
/// The version of graphs with arrays of edges, with a stream beside them or, the first ones, without.
pub(crate) const VERSION: u32 = 1;
/// The version of graphs that carry only their stream: programs that do not know it say so.
const STREAM_VERSION: u32 = 2;
const FORMAT: &str = "crawlrank-graph";

/// A manifest has under 3 KB; more is not read into memory.
const MAX_MANIFEST_BYTES: u64 = 1 << 16;

/// More nodes than this are refused; 2^32 - 1 stays free as "no node".
pub(crate) const MAX_NODES: u64 = u32::MAX as u64;

/// Which arrays a graph has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flags {
    /// `names`, `name_offsets`.
    pub(crate) names: bool,
    /// `in_offsets`, `in_targets`; false only in scratch.
    pub(crate) incoming: bool,
    /// `out_pages`, `in_pages`.
    pub(crate) edge_pages: bool,
    /// `node_pages`.
    pub(crate) node_pages: bool,
    /// `node_hosts`.
    pub(crate) node_hosts: bool,
    /// Edges from a node to itself were kept.
    pub(crate) self_loops: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArrayEntry {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) len: u64,
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    pub(crate) num_nodes: u64,
    pub(crate) num_edges: u64,
    pub(crate) flags: Flags,
    /// Whether there is a ranking stream; absent in the first graphs, which have none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stream: bool,
    /// Where the stream holds what nothing else does: the checksum of its table, and so of all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream_checksum: Option<String>,
    block_bytes: u64,
    pub(crate) arrays: Vec<ArrayEntry>,
    /// XXH3-64 of the data of `checksums.npy`.
    checksums: String,
    /// XXH3-64 of this file with this value empty.
    checksum: String,
}

/// Only what is needed to say that the version is another one.
#[derive(Deserialize)]
struct Probe {
    format: String,
    version: u64,
}

impl Manifest {
    /// Describes finished arrays (`infos` in canonical order) and their checksums. `only_stream`: that of the stream,
    /// where there are no arrays of edges.
    pub(crate) fn new(
        num_nodes: u64,
        num_edges: u64,
        flags: Flags,
        infos: &[ArrayInfo],
        checksums: &[u64],
        only_stream: Option<u64>,
    ) -> Self {
        let arrays = infos
            .iter()
            .map(|info| ArrayEntry {
                name: info.name.to_owned(),
                dtype: info.dtype.to_owned(),
                len: info.len,
                bytes: info.bytes,
            })
            .collect();
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            version: match only_stream {
                None => VERSION,
                Some(_) => STREAM_VERSION,
            },
            num_nodes,
            num_edges,
            flags,
            stream: flags.incoming || only_stream.is_some(),
            stream_checksum: only_stream.map(hex),
            block_bytes: BLOCK_BYTES as u64,
            arrays,
            checksums: digest(bytemuck::cast_slice(checksums)),
            checksum: String::new(),
        };
        manifest.checksum = manifest.own_checksum();
        manifest
    }

    /// Reads and checks `DIR/graph.json`; the arrays themselves are not touched.
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let path = &dir.join(MANIFEST);
        let text = read_limited(path)?;
        let bad = |found: String| Error::corrupt(path, None, "the manifest of a graph", found);
        let probe: Probe = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        if probe.format != FORMAT {
            return Err(bad(format!("format {:?}", probe.format)));
        }
        if ![VERSION, STREAM_VERSION]
            .map(u64::from)
            .contains(&probe.version)
        {
            return Err(Error::Version {
                path: path.clone(),
                found: probe.version,
                expected: STREAM_VERSION,
            });
        }
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        // One graph has one manifest: other white space or order of keys is damage too.
        if manifest.to_bytes() != text || manifest.checksum != manifest.own_checksum() {
            return Err(bad("bytes that do not match their checksum".to_owned()));
        }
        manifest.check_layout().map_err(bad)?;
        Ok(manifest)
    }

    /// Compares the list of arrays with the one that flags and counts ask for.
    fn check_layout(&self) -> Result<(), String> {
        if self.num_nodes > MAX_NODES {
            return Err(format!("{} nodes", self.num_nodes));
        }
        if self.block_bytes != BLOCK_BYTES as u64 {
            return Err(format!("blocks of {} bytes", self.block_bytes));
        }
        let edges = !self.flags.incoming && !self.flags.edge_pages && self.stream;
        if self.has_arrays() == self.stream_checksum.is_some() || !(self.has_arrays() || edges) {
            return Err("edges in no form, or in another one than its version says".to_owned());
        }
        let layout = layout(
            self.flags,
            self.has_arrays(),
            self.num_nodes,
            self.num_edges,
        );
        if self.arrays.len() != layout.len() {
            return Err(format!(
                "{} arrays instead of {}",
                self.arrays.len(),
                layout.len()
            ));
        }
        for (entry, slot) in self.arrays.iter().zip(&layout) {
            let len_is_right = slot.len.is_none_or(|len| entry.len == len);
            let bytes = entry
                .len
                .checked_mul(slot.width)
                .and_then(|bytes| bytes.checked_add(HEADER_BYTES as u64));
            if entry.name != slot.name
                || entry.dtype != slot.dtype
                || !len_is_right
                || bytes != Some(entry.bytes)
            {
                return Err(format!(
                    "array {:?} of {} values of {:?}",
                    entry.name, entry.len, entry.dtype
                ));
            }
        }
        Ok(())
    }

    /// Whether there are arrays of edges; otherwise there is only the stream.
    pub(crate) fn has_arrays(&self) -> bool {
        self.version == VERSION
    }

    /// Whether this is the checksum of the stream's table; a manifest of arrays knows none.
    pub(crate) fn is_of_stream(&self, table_checksum: u64) -> bool {
        let known = self.stream_checksum.as_ref();
        known.is_none_or(|known| *known == hex(table_checksum))
    }

    /// Values in the array of that name; 0 when there is none.
    pub(crate) fn len_of(&self, name: &str) -> u64 {
        self.arrays
            .iter()
            .find(|entry| entry.name == name)
            .map_or(0, |entry| entry.len)
    }

    /// Number of values in `checksums.npy`: the blocks of all arrays.
    pub(crate) fn num_blocks(&self) -> u64 {
        self.arrays.iter().map(|entry| blocks_of(entry.bytes)).sum()
    }

    /// Whether these are the block checksums that the manifest was written with.
    pub(crate) fn checksums_match(&self, checksums: &[u8]) -> bool {
        self.checksums == digest(checksums)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a manifest has only strings and numbers");
        bytes.push(b'\n');
        bytes
    }

    fn own_checksum(&self) -> String {
        let blank = Manifest {
            checksum: String::new(),
            ..self.clone()
        };
        digest(&blank.to_bytes())
    }
}

/// Blocks of an array whose file has that many bytes.
pub(crate) fn blocks_of(file_bytes: u64) -> u64 {
    file_bytes
        .saturating_sub(HEADER_BYTES as u64)
        .div_ceil(BLOCK_BYTES as u64)
}

/// Place of an array in a graph directory. `len` is `None` for the names' bytes only.
pub(crate) struct Slot {
    pub(crate) name: &'static str,
    dtype: &'static str,
    width: u64,
    len: Option<u64>,
}

/// Returns the arrays of a graph in canonical order; `has_edges`: whether some hold edges.
pub(crate) fn layout(flags: Flags, has_edges: bool, num_nodes: u64, num_edges: u64) -> Vec<Slot> {
    fn slot<T: Element>(name: &'static str, len: Option<u64>) -> Slot {
        Slot {
            name,
            dtype: T::DTYPE,
            width: size_of::<T>() as u64,
            len,
        }
    }
    let (n, m) = (Some(num_nodes), Some(num_edges));
    let offsets = Some(num_nodes + 1);
    let mut slots = Vec::with_capacity(10);
    if flags.names {
        slots.push(slot::<u8>("names", None));
        slots.push(slot::<u64>("name_offsets", offsets));
    }
    if has_edges {
        slots.push(slot::<u64>("out_offsets", offsets));
        slots.push(slot::<u32>("out_targets", m));
    }
    if flags.edge_pages {
        slots.push(slot::<u32>("out_pages", m));
    }
    if flags.incoming {
        slots.push(slot::<u64>("in_offsets", offsets));
        slots.push(slot::<u32>("in_targets", m));
        if flags.edge_pages {
            slots.push(slot::<u32>("in_pages", m));
        }
    }
    if flags.node_pages {
        slots.push(slot::<u64>("node_pages", n));
    }
    if flags.node_hosts {
        slots.push(slot::<u32>("node_hosts", n));
    }
    slots
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Error> {
    let metadata = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
    if !metadata.is_file() || metadata.len() > MAX_MANIFEST_BYTES {
        let found = format!("{} bytes", metadata.len());
        return Err(Error::corrupt(
            path,
            None,
            format!("a file of at most {MAX_MANIFEST_BYTES} bytes"),
            found,
        ));
    }
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_MANIFEST_BYTES).read_to_end(&mut text))
        .map_err(Error::io(path, "read"))?;
    Ok(text)
}

fn digest(bytes: &[u8]) -> String {
    hex(xxh3_64(bytes))
}

fn hex(checksum: u64) -> String {
    format!("{checksum:016x}")
}
