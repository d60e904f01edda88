//! Binary lists of integer edges: for each edge two little-endian `u32`, source and target, and nothing else.
//!
//! Nothing in such a file says that it is one, or that it is gzipped (the first two bytes of a gzip stream are those of
//! node 35,615 as well), so the name does: it ends with `.bin` or `.bin.gz`.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::Path;

use crawlrank_graph::Graph;

use flate2::bufread::MultiGzDecoder;

use super::edges as text;
use super::lines::{BUFFER_BYTES, Refused, Trouble};
use super::numbers::{BATCH, Edges};
use crate::cli::Context;
use crate::commands::input::Input;
use crate::error::{Error, Result};
use crate::progress::Progress;

const PAIR_BYTES: usize = 8;

/// Whether a file holds binary edges, by its name.
pub(super) fn is_named_so(path: &Path) -> bool {
    ends_with(path, ".bin") || ends_with(path, ".bin.gz")
}

fn ends_with(path: &Path, end: &str) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().ends_with(end.as_bytes())
}

/// Reads all edges of a file; nodes are below `most_nodes`.
///
/// # Errors
/// Exit 4 at the first edge that is refused, where the file ends within an edge, and where a gzip stream is damaged.
pub(super) fn read(
    path: &Path,
    most_nodes: u64,
    edges: &mut Edges,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<()> {
    let input = Input::open(path, &context.interrupt, progress)?;
    let done = match ends_with(path, ".gz") {
        true => {
            let raw = BufReader::with_capacity(BUFFER_BYTES, input);
            read_pairs(MultiGzDecoder::new(raw), most_nodes, edges)
        }
        false => read_pairs(input, most_nodes, edges),
    };
    context.interrupt.check()?;
    done.map_err(|trouble| {
        let expected = "two little-endian numbers of 32 bits for each edge";
        trouble.told(path, "E-EDGES", "edge", expected)
    })
}

/// The next edges are read while those before them are handed on.
fn read_pairs(
    from: impl Read,
    most_nodes: u64,
    edges: &mut Edges,
) -> std::result::Result<(), Trouble> {
    let mut pairs = Pairs {
        from,
        buffer: vec![0; BUFFER_BYTES],
        held: 0,
        number: 0,
    };
    let (mut now, mut next) = (Vec::new(), Vec::new());
    loop {
        let number = pairs.number - now.len() as u64;
        let (mut read, mut taken) = (Ok(()), Ok(()));
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| taken = take(&now, number, most_nodes, edges));
            read = pairs.read_batch(&mut next);
        });
        taken?;
        read?;
        if next.is_empty() {
            return Ok(());
        }
        std::mem::swap(&mut now, &mut next);
    }
}

/// Hands on `batch`, which comes behind `number` edges.
fn take(
    batch: &[[u32; 2]],
    number: u64,
    most_nodes: u64,
    edges: &mut Edges,
) -> std::result::Result<(), Trouble> {
    let largest = batch
        .iter()
        .fold(0, |max, edge| max.max(edge[0]).max(edge[1]));
    if u64::from(largest) >= most_nodes {
        for (edge, number) in batch.iter().zip(number + 1..) {
            for id in edge {
                let checked = text::id(*id, most_nodes).map_err(Refused::Line);
                checked.map_err(|refused| refused.at(number))?;
            }
        }
    }
    let pushed = edges.push_many(batch).map_err(Refused::from);
    pushed.map_err(|refused| refused.at(number))
}

struct Pairs<R> {
    from: R,
    /// Begins with `held` bytes of a pair whose others are still to come.
    buffer: Vec<u8>,
    held: usize,
    /// Pairs read.
    number: u64,
}

impl<R: Read> Pairs<R> {
    /// Makes the next pairs of `batch`, or none at the end.
    fn read_batch(&mut self, batch: &mut Vec<[u32; 2]>) -> std::result::Result<(), Trouble> {
        batch.clear();
        while batch.len() < BATCH {
            let number = self.number;
            match self.from.read(&mut self.buffer[self.held..]) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Trouble::Input { number, source }),
                Ok(0) => return self.end(),
                Ok(read) => self.held += read,
            }
            let whole = self.held - self.held % PAIR_BYTES;
            let value = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("half of 8"));
            let pairs = self.buffer[..whole].chunks_exact(PAIR_BYTES);
            batch.extend(pairs.map(|pair| [value(&pair[..4]), value(&pair[4..])]));
            self.number += (whole / PAIR_BYTES) as u64;
            self.buffer.copy_within(whole..self.held, 0);
            self.held -= whole;
        }
        Ok(())
    }

    fn end(&self) -> std::result::Result<(), Trouble> {
        match self.held {
            0 => Ok(()),
            held => Err(Trouble::Line {
                number: self.number + 1,
                found: format!("the file ends after {held} of its {PAIR_BYTES} bytes"),
            }),
        }
    }
}

/// Writes the edges of a graph to a new file.
pub(super) fn write(
    graph: &Graph,
    path: &Path,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<()> {
    let on = |e: std::io::Error| Error::cannot_create(path, &e);
    let mut file = File::create_new(path).map_err(on)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let outgoing = graph.outgoing();
    let mut write = |buffer: &mut Vec<u8>| {
        context.interrupt.check()?;
        file.write_all(buffer).map_err(on)?;
        if let Some(progress) = progress {
            progress.advance((buffer.len() / PAIR_BYTES) as u64);
        }
        buffer.clear();
        Ok::<_, Error>(())
    };
    for source in 0..graph.num_nodes() as u32 {
        for target in outgoing.neighbors(source) {
            if buffer.len() == BUFFER_BYTES {
                write(&mut buffer)?;
            }
            buffer.extend_from_slice(&source.to_le_bytes());
            buffer.extend_from_slice(&target.to_le_bytes());
        }
    }
    write(&mut buffer)
}
