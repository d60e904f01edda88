//! Binary lists of integer edges: for each edge two little-endian `u32`, source and target, and nothing else.
//!
//! Nothing in such a file says that it is one, or that it is gzipped (the first two bytes of a gzip stream are those of
//! node 35,615 as well), so the name does: it ends with `.bin` or `.bin.gz`.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::Path;

use crawlrank_graph::Graph;

use flate2::bufread::MultiGzDecoder;

use super::lines::{BUFFER_BYTES, Refused, Trouble};
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

/// Calls `each` with the two numbers of every edge.
///
/// # Errors
/// Exit 4 at the first edge that is refused, where the file ends within an edge, and where a gzip stream is damaged.
pub(super) fn read(
    path: &Path,
    context: &Context,
    progress: Option<&Progress>,
    each: &mut dyn FnMut(u32, u32) -> std::result::Result<(), Refused>,
) -> Result<()> {
    let input = Input::open(path, &context.interrupt, progress)?;
    let raw = BufReader::with_capacity(BUFFER_BYTES, input);
    let done = match ends_with(path, ".gz") {
        true => read_pairs(MultiGzDecoder::new(raw), each),
        false => read_pairs(raw, each),
    };
    context.interrupt.check()?;
    done.map_err(|trouble| {
        let expected = "two little-endian numbers of 32 bits for each edge";
        trouble.told(path, "E-EDGES", "edge", expected)
    })
}

fn read_pairs(
    mut pairs: impl Read,
    each: &mut dyn FnMut(u32, u32) -> std::result::Result<(), Refused>,
) -> std::result::Result<(), Trouble> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut number, mut held) = (0, 0);
    loop {
        let read = match pairs.read(&mut buffer[held..]) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.map_err(|source| Trouble::Input { number, source })?,
        };
        if read == 0 {
            break;
        }
        held += read;
        for pair in buffer[..held].chunks_exact(PAIR_BYTES) {
            number += 1;
            let (source, target) = pair.split_at(4);
            let value = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("half of 8"));
            each(value(source), value(target)).map_err(|refused| refused.at(number))?;
        }
        let whole = held - held % PAIR_BYTES;
        buffer.copy_within(whole..held, 0);
        held -= whole;
    }
    match held {
        0 => Ok(()),
        _ => Err(Trouble::Line {
            number: number + 1,
            found: format!("the file ends after {held} of its {PAIR_BYTES} bytes"),
        }),
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
