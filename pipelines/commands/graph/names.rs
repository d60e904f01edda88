//! Lists of edges between names: a line for each edge, the names of source and target with a tab between.
//!
//! Names may begin with anything, so no line is a comment, and none is empty.

use std::io::{self, Read};
use std::path::PathBuf;

use crawlrank_graph::{BuilderOptions, GraphBuilder, IdGraph, IdGraphOptions, NamedEdges};
use memchr::memchr;

use super::Making;
use super::cc::{Www, check_name};
use super::lines::{self, Refused, Trouble};
use super::numbers::{inputs, remove_refused, tell_start, work_folder};
use crate::cli::Context;
use crate::commands::input::{Input, is_stdin};
use crate::error::{Result, quoted};
use crate::progress::Progress;

/// Bytes of text that a thread works on at a time; more than the longest line.
const CHUNK_BYTES: usize = 1 << 19;

/// Chunks that are handed on at once, for each thread.
const CHUNKS_PER_THREAD: usize = 4;

/// Makes a graph of the edges in files. What was read before the same command was killed is passed over.
pub(super) fn make(
    making: &Making,
    files: &[PathBuf],
    www: Www,
    options: IdGraphOptions,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<IdGraph> {
    let options = BuilderOptions {
        memory_bytes: options.memory_bytes,
        self_loops: options.self_loops,
        edge_pages: false,
        node_pages: false,
    };
    if files.iter().any(|file| is_stdin(file)) {
        let scratch = making.prepare()?;
        let builder = GraphBuilder::new(scratch.path(), options)?;
        return build(builder, making, files, www, context, progress);
    }
    let work = work_folder(making)?;
    let inputs = inputs(&format!("names {www:?}"), files)?;
    let (builder, start) = GraphBuilder::resume(&work, &inputs, options)?;
    tell_start(&start);
    let made = build(builder, making, files, www, context, progress);
    remove_refused(&made, &work)?;
    made
}

fn build(
    mut builder: GraphBuilder,
    making: &Making,
    files: &[PathBuf],
    www: Www,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<IdGraph> {
    let memory_bytes = making.memory_bytes()?;
    for file in files {
        let input = Input::open(file, &context.interrupt, progress)?;
        let read = lines::open(input)
            .and_then(|mut text| read_lines(&mut text, www, memory_bytes, &mut builder));
        context.interrupt.check()?;
        read.map_err(|trouble| {
            let expected = "two names a line, with a tab between, in UTF-8 with lines that end by a line feed alone";
            trouble.told(file, "E-EDGES", "line", expected)
        })?;
    }
    making.check_space(builder.file_bytes())?;
    let made = builder.finish_with(&making.out, &mut |_| context.interrupt.flow());
    context.interrupt.or_stopped(made)
}

/// Some whole lines.
struct Chunk {
    /// Memory, of which the first `len` bytes are text.
    bytes: Vec<u8>,
    len: usize,
    lines: u64,
}

/// Chunks that are worked on, or read, at the same time.
struct Chunks {
    chunks: Vec<Chunk>,
    filled: usize,
}

impl Chunks {
    /// Two of these, and what is made of them, stay a small part of the memory whatever the threads.
    fn new(memory_bytes: usize) -> Self {
        let chunk = || Chunk {
            bytes: vec![0; CHUNK_BYTES],
            len: 0,
            lines: 0,
        };
        let most = (memory_bytes / 32 / CHUNK_BYTES).max(1);
        let chunks = most.min(CHUNKS_PER_THREAD * rayon::current_num_threads());
        Chunks {
            chunks: (0..chunks).map(|_| chunk()).collect(),
            filled: 0,
        }
    }

    /// Reads as much as they hold. What a line is cut from goes to `rest`, and comes from there the next time.
    fn read(&mut self, text: &mut impl Read, rest: &mut Vec<u8>) -> io::Result<()> {
        self.filled = 0;
        for chunk in &mut self.chunks {
            chunk.bytes[..rest.len()].copy_from_slice(rest);
            chunk.len = rest.len() + read_full(text, &mut chunk.bytes[rest.len()..])?;
            rest.clear();
            if chunk.len == 0 {
                break;
            }
            let text = &chunk.bytes[..chunk.len];
            match memchr::memrchr(b'\n', text) {
                Some(end) if chunk.len == CHUNK_BYTES => {
                    rest.extend_from_slice(&text[end + 1..]);
                    chunk.len = end + 1;
                }
                // The file ends here, or its line is too long to be one.
                _ => {}
            }
            let text = &chunk.bytes[..chunk.len];
            let is_cut = u64::from(!text.ends_with(b"\n"));
            chunk.lines = memchr::memchr_iter(b'\n', text).count() as u64 + is_cut;
            self.filled += 1;
        }
        Ok(())
    }

    fn filled(&self) -> &[Chunk] {
        &self.chunks[..self.filled]
    }

    fn lines(&self) -> u64 {
        self.filled().iter().map(|chunk| chunk.lines).sum()
    }
}

/// Reads until the buffer is full or the input at its end.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Hands some chunks on while the next ones are read.
fn read_lines(
    text: &mut impl Read,
    www: Www,
    memory_bytes: usize,
    builder: &mut GraphBuilder,
) -> std::result::Result<(), Trouble> {
    let (mut now, mut next) = (Chunks::new(memory_bytes), Chunks::new(memory_bytes));
    let (mut rest, mut lines) = (Vec::new(), 0);
    let input = |number| move |source| Trouble::Input { number, source };
    let read = now.read(text, &mut rest);
    read.map_err(input(now.lines()))?;
    while now.filled > 0 {
        let (mut added, mut read) = (Ok(()), Ok(()));
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| added = add(now.filled(), lines, www, builder));
            read = next.read(text, &mut rest);
        });
        added?;
        lines += now.lines();
        read.map_err(input(lines + next.lines()))?;
        std::mem::swap(&mut now, &mut next);
    }
    Ok(())
}

/// Adds the edges of chunks, which begin behind so many lines, but for those that are done.
fn add(
    chunks: &[Chunk],
    mut lines: u64,
    www: Www,
    builder: &mut GraphBuilder,
) -> std::result::Result<(), Trouble> {
    let mut texts = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let done = builder.done().min(chunk.lines);
        builder.skip(done);
        if done < chunk.lines {
            let text = without_lines(&chunk.bytes[..chunk.len], done);
            texts.push((text, lines + done));
        }
        lines += chunk.lines;
    }
    match texts.is_empty() {
        true => Ok(()),
        false => builder
            .extend(&texts, |&(text, lines), edges| {
                add_lines(text, lines, www, edges)
            })
            .map_err(|BadLine { number, refused }| refused.at(number)),
    }
}

fn without_lines(text: &[u8], lines: u64) -> &[u8] {
    match lines.checked_sub(1) {
        None => text,
        Some(last) => {
            let end = memchr::memchr_iter(b'\n', text).nth(last as usize);
            end.map_or(&[], |end| &text[end + 1..])
        }
    }
}

/// A line that is refused.
struct BadLine {
    number: u64,
    refused: Refused,
}

impl From<crawlrank_graph::Error> for BadLine {
    fn from(error: crawlrank_graph::Error) -> Self {
        BadLine {
            number: 0,
            refused: error.into(),
        }
    }
}

fn add_lines(
    mut text: &[u8],
    mut lines: u64,
    www: Www,
    edges: &mut NamedEdges,
) -> std::result::Result<(), BadLine> {
    let is_plain = text
        .iter()
        .fold(true, |plain, &byte| plain & is_plain(byte));
    while !text.is_empty() {
        let end = memchr(b'\n', text).unwrap_or(text.len());
        let line = &text[..end];
        text = text.get(end + 1..).unwrap_or_default();
        lines += 1;
        let (source, target) = edge(line, is_plain).map_err(|found| BadLine {
            number: lines,
            refused: Refused::Line(found),
        })?;
        edges.edge(www.of(source), www.of(target), 1)?;
    }
    Ok(())
}

/// Whether a byte may be in a name as it is, or between names.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n')
}

/// The names of a line, all of whose bytes may be known to be plain.
fn edge(line: &[u8], is_plain: bool) -> std::result::Result<(&[u8], &[u8]), String> {
    let tab = memchr(b'\t', line).filter(|tab| memchr(b'\t', &line[tab + 1..]).is_none());
    let tab = tab.ok_or_else(|| format!("found {}", quoted(line)))?;
    let (source, target) = (&line[..tab], &line[tab + 1..]);
    for name in [source, target] {
        let is_sound =
            is_plain && !name.is_empty() && name.len() <= crawlrank_graph::MAX_NAME_BYTES;
        if !is_sound {
            check_name(name)?;
        }
    }
    Ok((source, target))
}
