//! The stream on disk.
//!
//! A superblock of 4 KiB; segments that begin at multiples of 4 KiB, so that they can be read past the page
//! cache; a table of the segments. Superblock, table and each segment have a checksum, and a segment's is
//! compared at each reading. Segments of strips come first, by bin, then those of out-degrees.
//! `docs/formats.md` describes every byte.

use super::codec::{self, Damage, Decoder, get, put};
use super::sources::Sources;
use super::strip::Strip;
use super::{BIN_NODES, num_bins};
use crate::Error;
use crate::manifest::MAX_NODES;
use rayon::prelude::*;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Its name in a graph directory.
pub(crate) const STREAM: &str = "ranking.stream";

const MAGIC: [u8; 8] = *b"crwlstrm";
const VERSION: u32 = 1;

/// Numbers of 8 bytes in a superblock and in a row of the table.
const SUPERBLOCK_WORDS: usize = 16;
const SEGMENT_WORDS: usize = 5;

/// Where segments begin: a page of memory, and a block of any disk.
const ALIGNMENT: usize = 4096;

/// A segment ends with the bin in which it passes this,
const SEGMENT_BYTES: usize = 2 << 20;
/// or with the strip in which it passes this; strips are below 9 MB.
const MAX_SEGMENT_BYTES: usize = 4 << 20;

/// No segment is longer: what a table may claim.
const LONGEST_SEGMENT: u64 = 1 << 25;

/// Bins whose degrees make a segment.
const DEGREE_BINS: usize = 32;

/// The first bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) num_nodes: u64,
    pub(crate) num_edges: u64,
    /// Nodes with outgoing edges.
    pub(crate) num_sources: u64,
    pub(crate) totals: Totals,
    num_strip_segments: u64,
    num_segments: u64,
    table_offset: u64,
    pub(crate) table_checksum: u64,
}

/// How many values the strips hold, from which follows how much memory they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) cells: u64,
    pub(crate) sources: u64,
    pub(crate) targets: u64,
    pub(crate) hubs: u64,
    pub(crate) singles: u64,
    pub(crate) runs: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, strip: &Strip) {
        self.cells += strip.cells.len() as u64;
        self.sources += strip.sources.len() as u64;
        self.targets += strip.targets.len() as u64;
        self.hubs += strip.hubs.len() as u64;
        self.singles += strip.singles.len() as u64;
        self.runs += strip.runs.len() as u64;
    }

    pub(crate) fn add_all(&mut self, other: &Totals) {
        self.cells += other.cells;
        self.sources += other.sources;
        self.targets += other.targets;
        self.hubs += other.hubs;
        self.singles += other.singles;
        self.runs += other.runs;
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    offset: u64,
    bytes: u64,
    pub(crate) edges: u64,
    pub(crate) first_bin: u32,
    pub(crate) last_bin: u32,
    /// XXH3-64 of its bytes, seeded with its number, so that a sound one in the wrong place is found.
    checksum: u64,
}

/// Writes a stream from front to back.
pub(crate) struct StreamWriter {
    path: PathBuf,
    file: BufWriter<File>,
    num_nodes: usize,
    num_sources: usize,
    num_edges: u64,
    totals: Totals,
    segments: Vec<Segment>,
    offset: u64,
    /// The segment being filled.
    bytes: Vec<u8>,
    bins: Option<(u32, u32)>,
    edges: u64,
}

/// A strip, ready to be written.
#[derive(Debug)]
pub(crate) struct Encoded {
    bin: u32,
    pub(crate) edges: u64,
    totals: Totals,
    bytes: Vec<u8>,
}

impl Encoded {
    pub(crate) fn new(strip: &Strip) -> Self {
        let mut bytes = Vec::new();
        codec::encode(strip, &mut bytes);
        let mut totals = Totals::default();
        totals.add(strip);
        Encoded {
            bin: strip.bin,
            edges: strip.num_edges(),
            totals,
            bytes,
        }
    }
}

impl StreamWriter {
    /// Starts the file `path`, which must not be there yet.
    pub(crate) fn create(path: &Path, num_nodes: usize, num_sources: usize) -> Result<Self, Error> {
        let file = File::create_new(path).map_err(Error::io(path, "create"))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        // The real one comes last: a file without it is none.
        file.write_all(&[0; ALIGNMENT])
            .map_err(Error::io(path, "write"))?;
        Ok(StreamWriter {
            path: path.to_path_buf(),
            file,
            num_nodes,
            num_sources,
            num_edges: 0,
            totals: Totals::default(),
            segments: Vec::new(),
            offset: ALIGNMENT as u64,
            bytes: Vec::new(),
            bins: None,
            edges: 0,
        })
    }

    /// Takes the next strip, by bin.
    pub(crate) fn push(&mut self, strip: &Encoded) -> Result<(), Error> {
        let new_bin = self.bins.is_some_and(|(_, last)| last < strip.bin);
        if self.bytes.len() >= MAX_SEGMENT_BYTES || (new_bin && self.bytes.len() >= SEGMENT_BYTES) {
            self.end_segment()?;
        }
        let first = self.bins.map_or(strip.bin, |(first, _)| first);
        self.bins = Some((first, strip.bin));
        self.edges += strip.edges;
        put(&mut self.bytes, strip.bytes.len() as u32);
        self.bytes.extend_from_slice(&strip.bytes);
        self.num_edges += strip.edges;
        self.totals.add_all(&strip.totals);
        Ok(())
    }

    fn end_segment(&mut self) -> Result<(), Error> {
        let Some((first_bin, last_bin)) = self.bins.take() else {
            return Ok(());
        };
        let number = self.segments.len() as u64;
        self.segments.push(Segment {
            offset: self.offset,
            bytes: self.bytes.len() as u64,
            edges: std::mem::take(&mut self.edges),
            first_bin,
            last_bin,
            checksum: xxh3_64_with_seed(&self.bytes, number),
        });
        let padding = self.bytes.len().next_multiple_of(ALIGNMENT) - self.bytes.len();
        self.offset += (self.bytes.len() + padding) as u64;
        self.file
            .write_all(&self.bytes)
            .and_then(|()| self.file.write_all(&[0; ALIGNMENT][..padding]))
            .map_err(Error::io(&self.path, "write"))?;
        self.bytes.clear();
        Ok(())
    }

    /// Writes the out-degrees of all nodes, the table and the superblock. With `durable`, does not return
    /// before the disk has everything.
    pub(crate) fn finish(mut self, degrees: &[u32], durable: bool) -> Result<(), Error> {
        assert_eq!(degrees.len(), self.num_nodes, "a degree for each node");
        self.end_segment()?;
        let num_strip_segments = self.segments.len() as u64;
        for (at, degrees) in degrees.chunks(DEGREE_BINS * BIN_NODES).enumerate() {
            let first = (at * DEGREE_BINS) as u32;
            self.bins = Some((first, first + num_bins(degrees.len()) as u32 - 1));
            degrees
                .iter()
                .for_each(|&degree| put(&mut self.bytes, degree));
            self.end_segment()?;
        }
        let table: Vec<u64> = self
            .segments
            .iter()
            .flat_map(|segment| segment.to_words())
            .collect();
        let table: &[u8] = bytemuck::cast_slice(&table);
        let superblock = Superblock {
            num_nodes: self.num_nodes as u64,
            num_edges: self.num_edges,
            num_sources: self.num_sources as u64,
            totals: self.totals,
            num_strip_segments,
            num_segments: self.segments.len() as u64,
            table_offset: self.offset,
            table_checksum: xxh3_64(table),
        };
        let superblock = superblock.to_words();
        let mut write = || -> std::io::Result<()> {
            self.file.write_all(table)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(bytemuck::cast_slice(&superblock))?;
            self.file.flush()?;
            match durable {
                true => self.file.get_ref().sync_all(),
                false => Ok(()),
            }
        };
        write().map_err(Error::io(&self.path, "write"))
    }
}

impl Superblock {
    /// The first bytes of the file, as little-endian numbers: what it is, the fields, and XXH3-64 of all that.
    fn to_words(self) -> [u64; SUPERBLOCK_WORDS] {
        let t = self.totals;
        let mut words = [
            u64::from_le_bytes(MAGIC),
            u64::from(VERSION),
            self.num_nodes,
            self.num_edges,
            self.num_sources,
            t.cells,
            t.sources,
            t.targets,
            t.hubs,
            t.singles,
            t.runs,
            self.num_strip_segments,
            self.num_segments,
            self.table_offset,
            self.table_checksum,
            0,
        ];
        words[SUPERBLOCK_WORDS - 1] = checksum_of(&words);
        words
    }

    fn from_words(words: &[u64; SUPERBLOCK_WORDS]) -> Self {
        let [
            _,
            _,
            num_nodes,
            num_edges,
            num_sources,
            cells,
            sources,
            targets,
            hubs,
            singles,
            runs,
            rest @ ..,
        ] = *words;
        let [
            num_strip_segments,
            num_segments,
            table_offset,
            table_checksum,
            _,
        ] = rest;
        Superblock {
            num_nodes,
            num_edges,
            num_sources,
            totals: Totals {
                cells,
                sources,
                targets,
                hubs,
                singles,
                runs,
            },
            num_strip_segments,
            num_segments,
            table_offset,
            table_checksum,
        }
    }
}

/// The checksum that the last word of a superblock should be.
fn checksum_of(words: &[u64; SUPERBLOCK_WORDS]) -> u64 {
    xxh3_64(bytemuck::cast_slice(&words[..SUPERBLOCK_WORDS - 1]))
}

impl Segment {
    fn to_words(self) -> [u64; SEGMENT_WORDS] {
        let bins = u64::from(self.last_bin) << 32 | u64::from(self.first_bin);
        [self.offset, self.bytes, self.edges, bins, self.checksum]
    }

    fn from_words(words: &[u64]) -> Self {
        Segment {
            offset: words[0],
            bytes: words[1],
            edges: words[2],
            first_bin: words[3] as u32,
            last_bin: (words[3] >> 32) as u32,
            checksum: words[4],
        }
    }
}

/// An opened stream.
#[derive(Debug)]
pub(crate) struct StreamFile {
    path: PathBuf,
    file: File,
    pub(crate) superblock: Superblock,
    segments: Vec<Segment>,
}

/// How a stream's segments are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Through the page cache.
    Cached,
    /// Past it: for a stream that is larger than memory, which would only turn it over.
    Direct,
}

impl StreamFile {
    /// Opens a stream and checks superblock and table.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Version`], [`Error::Corrupt`].
    pub(crate) fn open(path: &Path, reading: Reading) -> Result<Self, Error> {
        let metadata = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
        let corrupt = |offset, expected: &str, found: &str| {
            Error::corrupt(path, Some(offset), expected, found)
        };
        if !metadata.is_file() {
            return Err(corrupt(0, "a regular file", "something else"));
        }
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        if metadata.len() < ALIGNMENT as u64 {
            return Err(corrupt(
                metadata.len(),
                "a superblock of 4096 bytes",
                "the end of the file",
            ));
        }
        let mut block = [0; ALIGNMENT / size_of::<u64>()];
        file.read_exact_at(bytemuck::cast_slice_mut(&mut block), 0)
            .map_err(Error::io(path, "read"))?;
        let (words, padding) = block.split_first_chunk().expect("a superblock is shorter");
        let is_padded = padding.iter().all(|&word| word == 0);
        if words[0] != u64::from_le_bytes(MAGIC) {
            return Err(corrupt(0, "the first bytes of a ranking stream", "others"));
        }
        if words[1] != u64::from(VERSION) {
            return Err(Error::Version {
                path: path.to_path_buf(),
                found: words[1],
                expected: VERSION,
            });
        }
        if !is_padded || words[SUPERBLOCK_WORDS - 1] != checksum_of(words) {
            return Err(corrupt(
                0,
                "a superblock with its checksum",
                "a changed one",
            ));
        }
        let superblock = Superblock::from_words(words);
        let row = (SEGMENT_WORDS * size_of::<u64>()) as u64;
        let table_bytes = superblock.num_segments.checked_mul(row);
        let end = table_bytes.and_then(|bytes| bytes.checked_add(superblock.table_offset));
        if superblock.num_nodes > MAX_NODES || end != Some(metadata.len()) {
            return Err(corrupt(0, "a table that ends the file", "another length"));
        }
        let mut table = vec![0u64; superblock.num_segments as usize * SEGMENT_WORDS];
        file.read_exact_at(
            bytemuck::cast_slice_mut(&mut table),
            superblock.table_offset,
        )
        .map_err(Error::io(path, "read"))?;
        let wrong_table = |expected, found| corrupt(superblock.table_offset, expected, found);
        if xxh3_64(bytemuck::cast_slice(&table)) != superblock.table_checksum {
            return Err(wrong_table("a table with its checksum", "a changed one"));
        }
        let segments: Vec<Segment> = table
            .chunks_exact(SEGMENT_WORDS)
            .map(Segment::from_words)
            .collect();
        check_table(&superblock, &segments).map_err(|what| wrong_table(what, "something else"))?;
        let file = match reading {
            Reading::Cached => file,
            // Some file systems cannot.
            Reading::Direct => open_direct(path).unwrap_or(file),
        };
        Ok(StreamFile {
            path: path.to_path_buf(),
            file,
            superblock,
            segments,
        })
    }

    pub(crate) fn num_nodes(&self) -> usize {
        self.superblock.num_nodes as usize
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the length of the file.
    pub(crate) fn bytes(&self) -> u64 {
        let row = (SEGMENT_WORDS * size_of::<u64>()) as u64;
        self.superblock.table_offset + row * self.superblock.num_segments
    }

    /// The segments of strips, by number.
    pub(crate) fn strip_segments(&self) -> &[Segment] {
        &self.segments[..self.superblock.num_strip_segments as usize]
    }

    /// Reads the segment of this number and compares it with its checksum.
    pub(crate) fn read<'b>(
        &self,
        number: usize,
        buffer: &'b mut SegmentBuffer,
    ) -> Result<&'b [u8], Error> {
        let segment = self.segments[number];
        let aligned = buffer.room(segment.bytes.next_multiple_of(ALIGNMENT as u64) as usize);
        self.file
            .read_exact_at(aligned, segment.offset)
            .map_err(Error::io(&self.path, "read"))?;
        let (bytes, padding) = aligned.split_at(segment.bytes as usize);
        let is_padded = padding.iter().all(|&byte| byte == 0);
        match is_padded && xxh3_64_with_seed(bytes, number as u64) == segment.checksum {
            true => Ok(bytes),
            false => Err(Error::corrupt(
                &self.path,
                Some(segment.offset),
                "a segment with its checksum",
                "a changed one",
            )),
        }
    }

    /// Calls `each` for every strip of a segment; the strip's memory is reused.
    pub(crate) fn for_each_strip(
        &self,
        number: usize,
        sources: &Sources,
        (buffer, decoder): &mut Worker,
        each: &mut dyn FnMut(&mut Strip),
    ) -> Result<(), Error> {
        let segment = self.segments[number];
        let bytes = self.read(number, buffer)?;
        let mut rest = bytes;
        let (mut edges, mut least_bin) = (0, segment.first_bin);
        let wrong = |at: usize, expected: &str| {
            Error::corrupt(
                &self.path,
                Some(segment.offset + at as u64),
                expected,
                "something else",
            )
        };
        while !rest.is_empty() {
            let len = get(&mut rest).map(|len| len as usize);
            let at = bytes.len() - rest.len();
            let own = len.and_then(|len| rest.split_at_checked(len));
            let (own, later) = own.ok_or_else(|| wrong(at, "a whole strip"))?;
            rest = later;
            decoder
                .decode(own, sources, self.num_nodes())
                .map_err(|damage: Damage| wrong(at + damage.at, damage.expected))?;
            let strip = &mut decoder.strip;
            if !strip.runs.is_empty() && self.superblock.totals.runs == 0 {
                return Err(wrong(at, "a strip without runs, as all are"));
            }
            if strip.bin < least_bin || strip.bin > segment.last_bin {
                return Err(wrong(at, "strips by bin"));
            }
            least_bin = strip.bin;
            edges += strip.num_edges();
            each(strip);
        }
        match edges == segment.edges {
            true => Ok(()),
            false => Err(wrong(0, "as many edges as the table says")),
        }
    }

    /// Reads the out-degrees of all nodes.
    pub(crate) fn degrees(&self) -> Result<Vec<u32>, Error> {
        self.read_degrees(|edges| edges == self.superblock.num_edges)
    }

    /// As [`degrees`](Self::degrees), for a stream of which the edges are only some of those that were counted.
    pub(crate) fn degrees_of_block(&self) -> Result<Vec<u32>, Error> {
        self.read_degrees(|edges| edges >= self.superblock.num_edges)
    }

    fn read_degrees(&self, adds_up: impl Fn(u64) -> bool) -> Result<Vec<u32>, Error> {
        let first = self.superblock.num_strip_segments as usize;
        let parts: Vec<Vec<u32>> = (first..self.segments.len())
            .into_par_iter()
            .map_init(SegmentBuffer::default, |buffer, number| {
                let segment = self.segments[number];
                let nodes = segment.first_bin as usize * BIN_NODES
                    ..self
                        .num_nodes()
                        .min((segment.last_bin as usize + 1) * BIN_NODES);
                let mut bytes = self.read(number, buffer)?;
                let mut degrees = Vec::with_capacity(nodes.len());
                degrees.extend(nodes.map_while(|_| get(&mut bytes)));
                match bytes.is_empty() && degrees.len() == degrees.capacity() {
                    true => Ok(degrees),
                    false => Err(Error::corrupt(
                        &self.path,
                        Some(segment.offset),
                        "a degree for each node",
                        "another number",
                    )),
                }
            })
            .collect::<Result<_, Error>>()?;
        let degrees = parts.concat();
        let edges: u64 = degrees.par_iter().map(|&degree| u64::from(degree)).sum();
        let sources = degrees.par_iter().filter(|&&degree| degree > 0).count() as u64;
        match adds_up(edges) && sources == self.superblock.num_sources {
            true => Ok(degrees),
            false => Err(Error::corrupt(
                &self.path,
                None,
                "degrees that add up to the edges",
                "others",
            )),
        }
    }
}

/// What the kernels rely on: segments lie in the file, in order, and cover the bins in order.
fn check_table(superblock: &Superblock, segments: &[Segment]) -> Result<(), &'static str> {
    let num_bins = num_bins(superblock.num_nodes as usize) as u32;
    let num_strips = superblock.num_strip_segments as usize;
    if num_strips > segments.len() {
        return Err("no more segments of strips than segments");
    }
    let (strips, degrees) = segments.split_at(num_strips);
    let mut offset = ALIGNMENT as u64;
    for segment in segments {
        if segment.offset != offset || segment.bytes > LONGEST_SEGMENT {
            return Err("segments one after the other");
        }
        offset += segment.bytes.next_multiple_of(ALIGNMENT as u64);
    }
    if offset != superblock.table_offset {
        return Err("segments up to the table");
    }
    let (mut least, mut edges) = (0, 0u64);
    for segment in strips {
        if segment.first_bin < least
            || segment.last_bin < segment.first_bin
            || segment.last_bin >= num_bins
        {
            return Err("bins in order");
        }
        least = segment.last_bin;
        edges = edges.checked_add(segment.edges).ok_or("fewer edges")?;
    }
    if edges != superblock.num_edges {
        return Err("segments of all edges");
    }
    let mut next = 0;
    for segment in degrees {
        if segment.first_bin != next || segment.last_bin < next || segment.last_bin >= num_bins {
            return Err("degrees of all bins");
        }
        if (segment.last_bin - next) as usize >= DEGREE_BINS {
            return Err("degrees of few bins");
        }
        next = segment.last_bin + 1;
    }
    match next == num_bins {
        true => Ok(()),
        false => Err("degrees of all bins"),
    }
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECT;
    let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()?;
    Some(File::from(file))
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Option<File> {
    None
}

/// Memory to read segments of strips with.
pub(crate) type Worker = (SegmentBuffer, Decoder);

/// Memory for a segment, at a multiple of what reading past the page cache asks for.
#[derive(Debug, Default)]
pub(crate) struct SegmentBuffer(Vec<u8>);

impl SegmentBuffer {
    fn room(&mut self, len: usize) -> &mut [u8] {
        let needed = len + ALIGNMENT;
        if self.0.len() < needed {
            self.0 = vec![0; needed];
        }
        let start = self.0.as_ptr().align_offset(ALIGNMENT);
        &mut self.0[start..start + len]
    }
}
