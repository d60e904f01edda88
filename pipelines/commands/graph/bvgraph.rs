//! Graphs as WebGraph compresses them (Boldi and Vigna, 2004): `BASENAME.graph`, `BASENAME.properties`, and `BASENAME.offsets`,
//! which only random access needs.
//!
//! The crate `webgraph` reads properties and codes, and compresses. Lists are put together here: its own decoder takes every
//! length at its word, and a flipped bit can then ask for more memory than there is.

use std::fmt::Display;
use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crawlrank_graph::{Adjacency, Graph};
use dsi_bitstream::codes::ToInt as _;
use dsi_bitstream::impls::{BufBitReader, WordAdapter};
use dsi_bitstream::prelude::CodesRead;
use dsi_bitstream::traits::{BE, Endianness, LE};
use lender::{Lend, Lender, Lending, check_covariance};
use webgraph::graphs::bvgraph::{
    BvComp, CompFlags, Decode, DynCodesDecoder, get_endianness, parse_properties,
};
use webgraph::traits::{IntoParLenders, NodeLabelsLender};

use super::numbers::Edges;
use crate::cli::Context;
use crate::commands::input::Input;
use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::tables::read::guarded;

/// Properties have some 2,000 bytes.
const LONGEST_PROPERTIES: u64 = 1 << 20;

/// Lists that a list may refer back to; WebGraph's default is 7.
const WIDEST_WINDOW: usize = 1 << 10;

/// Edges of a piece that is compressed by itself. Fixed, so that the files are the same for any number of threads; a piece
/// begins without lists to refer to, which costs a few bytes.
const EDGES_PER_PIECE: u64 = 1 << 24;

/// The files of a graph by the name that they share.
#[derive(Debug)]
pub(super) struct Files {
    graph: PathBuf,
    properties: PathBuf,
}

impl Files {
    /// Finds them by a basename, or by one of the files.
    pub(super) fn of(given: &Path) -> Result<Files> {
        let is_file = |end| given.extension().is_some_and(|found| found == end);
        let base = match is_file("graph") || is_file("properties") || is_file("offsets") {
            true => given.with_extension(""),
            false => given.to_owned(),
        };
        let with = |end: &str| {
            let mut name = base.clone().into_os_string();
            name.push(end); // a basename may have dots of its own
            PathBuf::from(name)
        };
        let files = Files {
            graph: with(".graph"),
            properties: with(".properties"),
        };
        for file in [&files.graph, &files.properties] {
            if !file.is_file() {
                return Err(Error::usage("no such file")
                    .at(file)
                    .remedy("give the basename that `.graph` and `.properties` share"));
            }
        }
        Ok(files)
    }

    /// What is read of them: the graph first.
    pub(super) fn all(&self) -> [PathBuf; 2] {
        [self.graph.clone(), self.properties.clone()]
    }

    fn refused(&self, found: impl Display) -> Error {
        Error::new(Exit::Refused, "E-BVGRAPH", found.to_string())
            .at(&self.graph)
            .remedy("nothing was imported; fetch `.graph` and `.properties` again")
    }
}

/// Reads the edges into `builder`, holding lists of at most `list_bytes`. Returns the number of nodes.
///
/// # Errors
/// Exit 4 when the files are no such graph, or damaged where it can be told; 71 when lists are too long for the memory.
pub(super) fn read(
    files: &Files,
    most_nodes: u64,
    list_bytes: usize,
    builder: &mut Edges,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<u64> {
    let bytes = fs::metadata(&files.properties)
        .map_err(|e| Error::io(&files.properties, &e))?
        .len();
    if bytes > LONGEST_PROPERTIES {
        return Err(files.refused(format!(
            "properties of {bytes} bytes, expected at most {LONGEST_PROPERTIES}"
        )));
    }
    // The crate's readers panic where a stream ends.
    let read = guarded(&files.graph, "WebGraph", || {
        // With an ending that the crate replaces: it would replace what is behind a dot in the basename.
        let endianness =
            get_endianness(&files.properties).map_err(|e| files.refused(format!("{e:#}")))?;
        let input = Input::open(&files.graph, &context.interrupt, progress)?;
        match endianness.as_str() {
            "big" => read_stream::<BE>(files, input, most_nodes, list_bytes, builder, context),
            "little" => read_stream::<LE>(files, input, most_nodes, list_bytes, builder, context),
            other => Err(files.refused(format!(
                "the endianness `{other}`, expected `big` or `little`"
            ))),
        }
    });
    context.interrupt.check()?;
    read.map_err(|error| match error.exit() {
        Exit::Damaged => files.refused(format!("{}; the file may be cut", error.found())),
        _ => error,
    })
}

/// A bit stream is read in words of 32 bits, and files end with any byte.
type Words<'a> =
    WordAdapter<u32, BufReader<std::io::Chain<Input<'a>, std::io::Take<std::io::Repeat>>>>;

fn read_stream<'a, E: Endianness>(
    files: &Files,
    input: Input<'a>,
    most_nodes: u64,
    list_bytes: usize,
    builder: &mut Edges,
    context: &Context,
) -> Result<u64>
where
    BufBitReader<E, Words<'a>>: CodesRead<E>,
{
    let (nodes, edges, flags) =
        parse_properties::<E>(&files.properties).map_err(|e| files.refused(format!("{e:#}")))?;
    let nodes = nodes as u64;
    if nodes > most_nodes {
        return Err(files.refused(format!("{nodes} nodes, expected at most {most_nodes}")));
    }
    let bytes = fs::metadata(&files.graph)
        .map_err(|e| Error::io(&files.graph, &e))?
        .len();
    let padding = bytes.next_multiple_of(4) - bytes;
    let padded = input.chain(std::io::repeat(0).take(padding));
    let bits =
        BufBitReader::<E, _>::new(WordAdapter::new(BufReader::with_capacity(1 << 18, padded)));
    let decoder =
        DynCodesDecoder::new(bits, &flags).map_err(|e| files.refused(format!("{e:#}")))?;
    let mut lists = Lists::new(decoder, nodes, &flags, list_bytes / size_of::<u32>())
        .map_err(|found| files.refused(found))?;
    let mut read = 0;
    for node in 0..nodes {
        if node % (1 << 14) == 0 {
            context.interrupt.check()?;
        }
        let list = lists.next().map_err(|trouble| match trouble {
            Trouble::Damaged(found) => files.refused(format!("node {node}: {found}")),
            Trouble::Long(degree) => Error::new(
                Exit::Memory,
                "E-MEMORY",
                format!("node {node} has {degree} edges, which with the lists before do not fit the memory budget"),
            )
            .at(&files.graph)
            .remedy("give more --memory"),
        })?;
        for target in list {
            builder.push(node as u32, *target)?;
        }
        read += list.len() as u64;
    }
    match read == edges {
        true => Ok(nodes),
        false => Err(files.refused(format!("{read} edges, expected {edges} by its properties"))),
    }
}

/// Why a list cannot be had.
enum Trouble {
    Damaged(String),
    /// So many edges do not fit.
    Long(u64),
}

impl From<String> for Trouble {
    fn from(found: String) -> Self {
        Trouble::Damaged(found)
    }
}

/// Decodes the lists of successors one after another, as the documentation of WebGraph has them.
struct Lists<D> {
    decoder: D,
    nodes: u64,
    node: u64,
    least_interval: u64,
    /// The lists of the last nodes, which later ones refer to: that of node `u` is at `u % len`.
    held: Vec<Vec<u32>>,
    held_values: usize,
    most_values: usize,
}

impl<D: Decode> Lists<D> {
    fn new(
        decoder: D,
        nodes: u64,
        flags: &CompFlags,
        most_values: usize,
    ) -> std::result::Result<Self, String> {
        let window = flags.compression_window;
        if window > WIDEST_WINDOW {
            return Err(format!(
                "a window of {window} lists, expected at most {WIDEST_WINDOW}"
            ));
        }
        Ok(Lists {
            decoder,
            nodes,
            node: 0,
            least_interval: flags.min_interval_length as u64,
            held: vec![Vec::new(); window + 1],
            held_values: 0,
            most_values,
        })
    }

    fn next(&mut self) -> std::result::Result<&[u32], Trouble> {
        let places = self.held.len() as u64;
        let (node, place) = (self.node, (self.node % places) as usize);
        let mut list = std::mem::take(&mut self.held[place]);
        self.held_values -= list.len();
        list.clear();
        let degree = self.decoder.read_outdegree();
        if degree > self.nodes {
            return Err(format!("{degree} edges in a graph of {} nodes", self.nodes).into());
        }
        if degree > (self.most_values - self.held_values) as u64 {
            return Err(Trouble::Long(degree));
        }
        // A long list once held should not stay: it is as long as the longest of a window.
        list.shrink_to(self.most_values / self.held.len());
        if degree > 0 {
            self.copy(node, degree, &mut list)?;
            self.extend(node, degree, &mut list)?;
            list.sort_unstable();
        }
        if list.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("an edge that stands twice".to_owned().into());
        }
        self.held_values += list.len();
        self.held[place] = list;
        self.node += 1;
        Ok(&self.held[place])
    }

    /// Takes over parts of the list of a node before.
    fn copy(
        &mut self,
        node: u64,
        degree: u64,
        list: &mut Vec<u32>,
    ) -> std::result::Result<(), String> {
        let window = self.held.len() as u64 - 1;
        let back = match window {
            0 => 0,
            _ => self.decoder.read_reference_offset(),
        };
        if back == 0 {
            return Ok(());
        }
        if back > window.min(node) {
            return Err(format!("a reference {back} lists back"));
        }
        let other = &self.held[((node - back) % (window + 1)) as usize];
        let blocks = self.decoder.read_block_count();
        let (mut at, mut copies) = (0, true);
        for block in 0..blocks {
            // But the first, blocks are never empty, and stored as one less.
            let length = self.decoder.read_block().checked_add(u64::from(block > 0));
            let end = length.and_then(|length| length.checked_add(at as u64));
            let end = end.filter(|end| *end <= other.len() as u64);
            let end = end.ok_or("blocks beyond the list that is copied")? as usize;
            if copies {
                list.extend_from_slice(&other[at..end]);
            }
            (at, copies) = (end, !copies);
        }
        if copies {
            list.extend_from_slice(&other[at..]);
        }
        match list.len() as u64 <= degree {
            true => Ok(()),
            false => Err(format!(
                "{} edges copied, expected at most {degree}",
                list.len()
            )),
        }
    }

    /// Adds what was not copied: intervals, then one by one.
    fn extend(
        &mut self,
        node: u64,
        degree: u64,
        list: &mut Vec<u32>,
    ) -> std::result::Result<(), String> {
        let nodes = self.nodes;
        let beyond = || format!("an edge to a node beyond the {nodes}");
        let from = |code: u64| {
            let first = i128::from(node) + i128::from(code.to_int());
            u64::try_from(first)
                .ok()
                .filter(|first| *first < nodes)
                .ok_or_else(beyond)
        };
        let left = |list: &Vec<u32>| degree - list.len() as u64;
        if left(list) > 0 && self.least_interval != 0 {
            let intervals = self.decoder.read_interval_count();
            let mut next = 0;
            for interval in 0..intervals {
                let code = self.decoder.read_interval_start();
                let start = match interval {
                    0 => from(code)?,
                    _ => code
                        .checked_add(1 + next)
                        .filter(|start| *start < nodes)
                        .ok_or_else(beyond)?,
                };
                let length = self
                    .decoder
                    .read_interval_len()
                    .checked_add(self.least_interval);
                let length = length.filter(|length| *length <= left(list));
                let length = length.ok_or("intervals of more edges than there are")?;
                next = start + length;
                if next > nodes {
                    return Err(beyond());
                }
                list.extend(start as u32..=(next - 1) as u32);
            }
        }
        let mut target = None;
        for _ in 0..left(list) {
            let next = match target {
                None => from(self.decoder.read_first_residual())?,
                Some(last) => {
                    let next = self.decoder.read_residual().checked_add(1 + last);
                    next.filter(|next| *next < nodes).ok_or_else(beyond)?
                }
            };
            list.push(next as u32);
            target = Some(next);
        }
        Ok(())
    }
}

/// Writes a graph as `graph.graph`, `graph.properties` and `graph.offsets` with WebGraph's default parameters, big-endian, which
/// its Java version reads, too.
pub(super) fn write(
    graph: &Graph,
    folder: &Path,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<()> {
    let base = folder.join("graph");
    let pieces = Pieces {
        outgoing: graph.outgoing(),
        interrupt: &context.interrupt,
        progress,
    };
    let scratch = folder.join("tmp");
    fs::create_dir(&scratch).map_err(|e| Error::cannot_create(&scratch, &e))?;
    let written = BvComp::with_basename(&base)
        .tmp_dir(&scratch)
        .par_comp::<BE, _>(pieces);
    context.interrupt.check()?;
    written.map_err(|e| match e.downcast_ref::<std::io::Error>() {
        Some(source) => Error::cannot_create(&base, source),
        None => Error::new(Exit::CannotCreate, "E-CREATE", format!("{e:#}")).at(&base),
    })?;
    fs::remove_dir_all(&scratch).map_err(|e| Error::io(&scratch, &e))
}

struct Pieces<'a> {
    outgoing: Adjacency<'a>,
    interrupt: &'a Interrupt,
    progress: Option<&'a Progress>,
}

impl<'a> IntoParLenders for Pieces<'a> {
    type ParLender = Piece<'a>;

    fn into_par_lenders(self) -> (Box<[Piece<'a>]>, Box<[usize]>) {
        let (nodes, offsets) = (self.outgoing.num_nodes(), self.outgoing.offsets());
        let mut cuts = vec![0];
        while let Some(&start) = cuts.last().filter(|start| **start < nodes) {
            let end = offsets.partition_point(|offset| *offset <= offsets[start] + EDGES_PER_PIECE);
            // At least one node; the last cut is at the last node's end, not at the end of offsets.
            cuts.push(end.saturating_sub(1).clamp(start + 1, nodes));
        }
        if nodes == 0 {
            cuts.push(0); // a graph has one piece at least
        }
        let pieces = cuts.windows(2).map(|cut| Piece {
            outgoing: self.outgoing,
            node: cut[0],
            end: cut[1],
            interrupt: self.interrupt,
            progress: self.progress,
        });
        (pieces.collect(), cuts.into())
    }
}

/// The lists of nodes from `node` to before `end`.
struct Piece<'a> {
    outgoing: Adjacency<'a>,
    node: usize,
    end: usize,
    interrupt: &'a Interrupt,
    progress: Option<&'a Progress>,
}

/// Makes `usize` of ids.
type Widened<'a> = std::iter::Map<std::slice::Iter<'a, u32>, fn(&u32) -> usize>;

impl<'lend> NodeLabelsLender<'lend> for Piece<'_> {
    type Label = usize;
    type IntoIterator = Widened<'lend>;
}

impl<'lend> Lending<'lend> for Piece<'_> {
    type Lend = (usize, Widened<'lend>);
}

impl Lender for Piece<'_> {
    check_covariance!();

    fn next(&mut self) -> Option<Lend<'_, Self>> {
        // Where a stop is asked for, what was written goes away.
        if self.node == self.end || self.interrupt.is_requested() {
            return None;
        }
        let node = self.node;
        self.node += 1;
        let list = self.outgoing.neighbors(node as u32);
        if let Some(progress) = self.progress {
            progress.advance(list.len() as u64);
        }
        Some((node, list.iter().map(|target| *target as usize)))
    }
}
