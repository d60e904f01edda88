//! NumPy arrays of edges, one file an array.
//!
//! | files | arrays |
//! |---|---|
//! | one | shape (m, 2): source and target of each edge |
//! | `…sources.npy`, `…targets.npy` | one value an edge each |
//! | `…offsets.npy`, `…targets.npy` | compressed rows: the targets of node `u` are those from place `offsets[u]` to before `offsets[u + 1]` |
//!
//! The header of such a file is the text of a Python dictionary; no more of Python's grammar is read than arrays of
//! integers need.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crawlrank_graph::Graph;

use super::edges;
use super::numbers::Edges;
use crate::cli::Context;
use crate::commands::input::{Input, cannot_open};
use crate::error::{Error, Exit, Result, quoted};
use crate::progress::Progress;

/// Longest header that is read. NumPy itself reads at most 10,000 bytes of one.
const LONGEST_HEADER: usize = 1 << 16;

/// Values read, or written, at a time.
const CHUNK: usize = 1 << 15;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Of a folder as [`write`] makes it, or of a graph's, which hold more, keeps the two arrays that say it all.
pub(super) fn keep_rows(files: &mut Vec<PathBuf>) {
    let is_row =
        |file: &PathBuf| file.ends_with("out_offsets.npy") || file.ends_with("out_targets.npy");
    if files.iter().filter(|file| is_row(file)).count() == 2 {
        files.retain(is_row);
    }
}

/// Reads the edges of all files into `builder`; node numbers are below `most_nodes`. Returns the number of nodes where the
/// arrays say it.
///
/// # Errors
/// Exit 2 when the files are no arrays of edges together, 4 when one is no NumPy file, is cut, or holds something else.
pub(super) fn read(
    files: &[PathBuf],
    most_nodes: u64,
    builder: &mut Edges,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<Option<u64>> {
    match Arrays::told_apart(files)? {
        Arrays::Edges(all) => {
            for edges in &all {
                match edges.order {
                    Order::Rows => {
                        let mut values = Values::open(edges, context, progress)?;
                        for row in 0..edges.rows {
                            let source = values.id(row, most_nodes)?;
                            let target = values.id(row, most_nodes)?;
                            builder.push(source, target)?;
                        }
                    }
                    Order::Columns => {
                        let sources = Values::open(edges, context, progress)?;
                        let mut targets = Values::open(edges, context, progress)?;
                        targets.skip(edges.rows)?;
                        push_pairs(sources, targets, edges.rows, most_nodes, builder)?;
                    }
                }
            }
            Ok(None)
        }
        Arrays::Columns { sources, targets } => {
            let rows = sources.rows;
            let sources = Values::open(&sources, context, progress)?;
            let targets = Values::open(&targets, context, progress)?;
            push_pairs(sources, targets, rows, most_nodes, builder)?;
            Ok(None)
        }
        Arrays::Rows { offsets, targets } => {
            let num_nodes = offsets.rows - 1;
            if num_nodes > most_nodes {
                return Err(refused(
                    &offsets.path,
                    format!("offsets of {num_nodes} nodes, expected at most {most_nodes}"),
                ));
            }
            let mut starts = Values::open(&offsets, context, progress)?;
            let mut values = Values::open(&targets, context, progress)?;
            let mut end = starts.offset(0, 0, targets.rows)?;
            if end != 0 {
                return Err(starts.refused(0, format!("found the offset {end}, expected 0")));
            }
            for node in 0..num_nodes {
                let start = end;
                end = starts.offset(node + 1, start, targets.rows)?;
                for place in start..end {
                    let target = values.id(place, num_nodes)?;
                    builder.push(node as u32, target)?; // at most 2^32 - 1 nodes: see above
                }
            }
            if end != targets.rows {
                let found = format!(
                    "found the offset {end}, expected {}, the number of targets",
                    targets.rows
                );
                return Err(starts.refused(num_nodes, found));
            }
            Ok(Some(num_nodes))
        }
    }
}

fn push_pairs(
    mut sources: Values<'_>,
    mut targets: Values<'_>,
    rows: u64,
    most_nodes: u64,
    builder: &mut Edges,
) -> Result<()> {
    for row in 0..rows {
        let (source, target) = (sources.id(row, most_nodes)?, targets.id(row, most_nodes)?);
        builder.push(source, target)?;
    }
    Ok(())
}

/// Arrays that are edges together.
enum Arrays {
    Edges(Vec<Array>),
    Columns { sources: Array, targets: Array },
    Rows { offsets: Array, targets: Array },
}

impl Arrays {
    fn told_apart(files: &[PathBuf]) -> Result<Arrays> {
        let (mut edges, mut sources, mut offsets, mut targets) = (vec![], None, None, None);
        for path in files {
            let array = Array::open(path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if array.columns == Some(2) {
                edges.push(array);
                continue;
            }
            if let Some(columns) = array.columns {
                let found = format!(
                    "shape ({}, {columns}), expected (m, 2), a row an edge",
                    array.rows
                );
                let error = Error::new(Exit::Refused, "E-NUMPY", found).at(path);
                return Err(error.remedy(
                    "nothing was imported; of an array `a` with a column an edge save `a.T`",
                ));
            }
            let place = [
                ("sources.npy", &mut sources),
                ("offsets.npy", &mut offsets),
                ("targets.npy", &mut targets),
            ]
            .into_iter()
            .find(|(end, _)| name.ends_with(end));
            let Some((_, place)) = place else {
                return Err(Error::usage("an array of one dimension whose name does not say what it is")
                    .at(path)
                    .remedy("end the names with `sources.npy` and `targets.npy`, or with `offsets.npy` and `targets.npy`"));
            };
            if place.replace(array).is_some() {
                return Err(Error::usage("a second array of its kind").at(path)
                    .remedy("give one graph at a time, or edges of shape (m, 2), of which there may be several files"));
            }
        }
        match (edges.is_empty(), sources, offsets, targets) {
            (true, Some(sources), None, Some(targets)) => {
                if sources.rows != targets.rows {
                    let found = format!("{} targets for {} sources", targets.rows, sources.rows);
                    return Err(refused(&targets.path, found));
                }
                Ok(Arrays::Columns { sources, targets })
            }
            (true, None, Some(offsets), Some(targets)) => {
                if offsets.rows == 0 {
                    return Err(refused(&offsets.path, "no offsets, expected one more than nodes".to_owned()));
                }
                Ok(Arrays::Rows { offsets, targets })
            }
            (false, None, None, None) => Ok(Arrays::Edges(edges)),
            _ => Err(Error::usage("the arrays are not edges together").remedy(
                "give edges of shape (m, 2), or `sources.npy` and `targets.npy`, or `offsets.npy` and `targets.npy`",
            )),
        }
    }
}

/// An array of integers in a file.
#[derive(Debug)]
struct Array {
    path: PathBuf,
    start: u64,
    kind: Kind,
    rows: u64,
    columns: Option<u64>,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Rows,
    Columns,
}

/// Types of integers, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    I32,
    I64,
    U32,
    U64,
}

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Kind::I32 | Kind::U32 => 4,
            Kind::I64 | Kind::U64 => 8,
        }
    }

    /// All values fit.
    fn value(self, bytes: &[u8]) -> i128 {
        let four = || bytes.try_into().expect("as many as `bytes` says");
        let eight = || bytes.try_into().expect("as many as `bytes` says");
        match self {
            Kind::I32 => i32::from_le_bytes(four()).into(),
            Kind::U32 => u32::from_le_bytes(four()).into(),
            Kind::I64 => i64::from_le_bytes(eight()).into(),
            Kind::U64 => u64::from_le_bytes(eight()).into(),
        }
    }
}

impl Array {
    fn open(path: &Path) -> Result<Array> {
        let on = |e: std::io::Error| Error::io(path, &e);
        let file = File::open(path).map_err(|e| cannot_open(path, &e))?;
        let bytes = file.metadata().map_err(on)?.len();
        let mut start = Vec::new();
        let limit = (LONGEST_HEADER + 12) as u64;
        file.take(limit).read_to_end(&mut start).map_err(on)?;
        let header = Header::parse(&start).map_err(|found| refused(path, found))?;
        let array = Array {
            path: path.to_owned(),
            start: header.bytes as u64,
            kind: header.kind,
            rows: header.shape[0],
            columns: header.shape.get(1).copied(),
            order: match header.fortran_order && header.shape.len() == 2 {
                true => Order::Columns,
                false => Order::Rows,
            },
        };
        let values = array.rows.checked_mul(array.columns.unwrap_or(1));
        let expected = values
            .and_then(|values| values.checked_mul(array.kind.bytes() as u64))
            .and_then(|data| data.checked_add(array.start));
        if expected != Some(bytes) {
            let expected =
                expected.map_or("more than can be".to_owned(), |bytes| bytes.to_string());
            let found = format!("{bytes} bytes, expected {expected} by its header");
            return Err(refused(path, found));
        }
        Ok(array)
    }
}

fn refused(path: &Path, found: String) -> Error {
    Error::new(Exit::Refused, "E-NUMPY", found).at(path).remedy(
        "nothing was imported; save little-endian integers of 32 or 64 bits by `numpy.save`",
    )
}

/// The values of an array, one after another.
struct Values<'a> {
    array: &'a Array,
    context: &'a Context,
    input: Input<'a>,
    left: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl<'a> Values<'a> {
    fn open(
        array: &'a Array,
        context: &'a Context,
        progress: Option<&'a Progress>,
    ) -> Result<Self> {
        let mut input = Input::open(&array.path, &context.interrupt, progress)?;
        input
            .skip_to(array.start)
            .map_err(|e| Error::io(&array.path, &e))?;
        Ok(Values {
            array,
            context,
            input,
            left: array.rows * array.columns.unwrap_or(1), // `open` compared it with the file's length
            buffer: Vec::new(),
            at: 0,
        })
    }

    /// Passes over the first values.
    fn skip(&mut self, values: u64) -> Result<()> {
        let place = self.array.start + values * self.array.kind.bytes() as u64;
        self.left -= values;
        self.input
            .skip_to(place)
            .map_err(|e| Error::io(&self.array.path, &e))
    }

    #[inline]
    fn next(&mut self) -> Result<i128> {
        if self.at == self.buffer.len() {
            self.fill()?;
        }
        let end = self.at + self.array.kind.bytes();
        let value = self.array.kind.value(&self.buffer[self.at..end]);
        self.at = end;
        Ok(value)
    }

    #[cold]
    fn fill(&mut self) -> Result<()> {
        let values = self.left.min(CHUNK as u64);
        self.buffer
            .resize(values as usize * self.array.kind.bytes(), 0);
        let read = self.input.read_exact(&mut self.buffer);
        self.context.interrupt.check()?;
        read.map_err(|e| Error::io(&self.array.path, &e))?;
        self.left -= values;
        self.at = 0;
        Ok(())
    }

    fn id(&mut self, row: u64, most_nodes: u64) -> Result<u32> {
        let number = self.next()?;
        edges::id(number, most_nodes).map_err(|found| self.refused(row, found))
    }

    /// The next offset, which is at least `least` and at most `most`.
    fn offset(&mut self, row: u64, least: u64, most: u64) -> Result<u64> {
        let number = self.next()?;
        let offset = u64::try_from(number).ok();
        offset
            .filter(|offset| (least..=most).contains(offset))
            .ok_or_else(|| {
                self.refused(
                    row,
                    format!("found the offset {number}, expected one from {least} to {most}"),
                )
            })
    }

    fn refused(&self, row: u64, found: String) -> Error {
        Error::new(Exit::Refused, "E-EDGES", format!("row {row}: {found}"))
            .at(&self.array.path)
            .remedy("nothing was imported")
    }
}

/// What stands before the values.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    kind: Kind,
    fortran_order: bool,
    /// One or two lengths.
    shape: Vec<u64>,
    /// Its length with all that is before it.
    bytes: usize,
}

impl Header {
    /// Reads the header at the start of a file.
    fn parse(start: &[u8]) -> std::result::Result<Header, String> {
        if !start.starts_with(MAGIC) {
            let found = &start[..start.len().min(MAGIC.len())];
            return Err(match found.starts_with(b"PK") {
                true => {
                    "a zip archive, as `numpy.savez` makes it, expected an array by `numpy.save`"
                        .to_owned()
                }
                false => format!("no NumPy file: it begins with {}", quoted(found)),
            });
        }
        let cut = || "the header is cut".to_owned();
        let version = *start.get(6).ok_or_else(cut)?;
        let (text_at, text_bytes) = match version {
            1 => (
                10,
                usize::from(u16::from_le_bytes(bytes_at(start, 8).ok_or_else(cut)?)),
            ),
            2 | 3 => (
                12,
                u32::from_le_bytes(bytes_at(start, 8).ok_or_else(cut)?) as usize,
            ),
            other => return Err(format!("version {other} of the format, expected 1, 2 or 3")),
        };
        if text_bytes > LONGEST_HEADER {
            return Err(format!(
                "a header of {text_bytes} bytes, expected at most {LONGEST_HEADER}"
            ));
        }
        let text = start.get(text_at..text_at + text_bytes).ok_or_else(cut)?;
        let mut literal = Literal { text, at: 0 };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        literal.expect(b'{')?;
        while !literal.take(b'}') {
            let key = literal.string()?;
            literal.expect(b':')?;
            let is_new = match key {
                b"descr" => descr.replace(literal.kind()?).is_none(),
                b"fortran_order" => fortran_order.replace(literal.boolean()?).is_none(),
                b"shape" => shape.replace(literal.lengths()?).is_none(),
                other => return Err(format!("found the key {} in the header", quoted(other))),
            };
            if !is_new {
                return Err(format!(
                    "the key {} stands twice in the header",
                    quoted(key)
                ));
            }
            if !literal.take(b',') {
                literal.expect(b'}')?;
                break;
            }
        }
        literal.end()?;
        let (Some(kind), Some(fortran_order), Some(shape)) = (descr, fortran_order, shape) else {
            return Err("the header lacks one of `descr`, `fortran_order` and `shape`".to_owned());
        };
        if !matches!(shape.len(), 1 | 2) {
            return Err(format!(
                "an array of {} dimensions, expected one or two",
                shape.len()
            ));
        }
        Ok(Header {
            kind,
            fortran_order,
            shape,
            bytes: text_at + text_bytes,
        })
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Reads Python literals from front to back: strings, booleans and tuples of whole numbers.
struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> std::result::Result<(), String> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(self.odd(&format!("`{}`", char::from(byte)))),
        }
    }

    fn end(&mut self) -> std::result::Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.odd("its end")),
        }
    }

    fn odd(&self, expected: &str) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let rest = &rest[..rest.len().min(24)];
        format!("found {} in the header, expected {expected}", quoted(rest))
    }

    /// Quoted text without escapes, which the headers of arrays do not need.
    fn string(&mut self) -> std::result::Result<&'a [u8], String> {
        let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'));
        let quote = quote.ok_or_else(|| self.odd("a string"))?;
        let rest = &self.text[self.at + 1..];
        let end = rest.iter().position(|byte| *byte == quote);
        let end = end.ok_or_else(|| self.odd("a string that ends"))?;
        self.at += end + 2;
        Ok(&rest[..end])
    }

    fn kind(&mut self) -> std::result::Result<Kind, String> {
        if self.peek() == Some(b'[') {
            return Err("an array of records, expected one of integers".to_owned());
        }
        match self.string()? {
            b"<i4" => Ok(Kind::I32),
            b"<i8" => Ok(Kind::I64),
            b"<u4" => Ok(Kind::U32),
            b"<u8" => Ok(Kind::U64),
            other => Err(format!(
                "values of type {}, expected `<u4`, `<u8`, `<i4` or `<i8`",
                quoted(other)
            )),
        }
    }

    fn boolean(&mut self) -> std::result::Result<bool, String> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.odd("`True` or `False`"))
    }

    fn lengths(&mut self) -> std::result::Result<Vec<u64>, String> {
        self.expect(b'(')?;
        let mut lengths = Vec::new();
        while !self.take(b')') {
            lengths.push(self.number()?);
            self.take(b'L'); // Python 2 marked long integers
            if !self.take(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(lengths)
    }

    fn number(&mut self) -> std::result::Result<u64, String> {
        self.peek();
        let rest = &self.text[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits]).ok();
        let number = number.and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| self.odd("a length"))?;
        self.at += digits;
        Ok(number)
    }
}

/// Writes the edges of a graph as arrays of a folder, both ways: `edges.npy`, and rows by `out_offsets.npy` and `out_targets.npy`
/// (with `out_pages.npy` where edges have pages).
pub(super) fn write(
    graph: &Graph,
    folder: &Path,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<()> {
    let create =
        |name: &str, kind, shape| ArrayFile::create(&folder.join(name), kind, shape, context);
    let (n, m) = (graph.num_nodes(), graph.num_edges());
    let outgoing = graph.outgoing();
    let mut edges = create("edges.npy", "<u4", format!("({m}, 2)"))?;
    let mut targets = create("out_targets.npy", "<u4", format!("({m},)"))?;
    let mut pages = match graph.has_edge_pages() {
        true => Some(create("out_pages.npy", "<u4", format!("({m},)"))?),
        false => None,
    };
    let mut offsets = create("out_offsets.npy", "<u8", format!("({},)", n + 1))?;
    offsets.push(&0u64.to_le_bytes())?;
    let mut written = 0u64;
    for source in 0..n as u32 {
        let neighbors = outgoing.neighbors(source);
        for target in neighbors {
            edges.push(&source.to_le_bytes())?;
            edges.push(&target.to_le_bytes())?;
            targets.push(&target.to_le_bytes())?;
        }
        if let (Some(file), Some(list)) = (&mut pages, outgoing.pages(source)) {
            list.iter()
                .try_for_each(|pages| file.push(&pages.to_le_bytes()))?;
        }
        written += neighbors.len() as u64;
        offsets.push(&written.to_le_bytes())?;
        if let Some(progress) = progress {
            progress.advance(neighbors.len() as u64);
        }
    }
    let files = [Some(edges), Some(targets), pages, Some(offsets)];
    files.into_iter().flatten().try_for_each(ArrayFile::finish)
}

struct ArrayFile<'a> {
    path: PathBuf,
    file: BufWriter<File>,
    context: &'a Context,
    values: usize,
}

impl<'a> ArrayFile<'a> {
    /// Starts an array with the header that `numpy.save` writes.
    fn create(path: &Path, kind: &str, shape: String, context: &'a Context) -> Result<Self> {
        let on = |e: std::io::Error| Error::cannot_create(path, &e);
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        // Data begins at a multiple of 64 bytes; 128 hold the text of any shape here.
        let mut header = [b' '; 128];
        header[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
        header[8..10].copy_from_slice(&118u16.to_le_bytes());
        header[10..10 + text.len()].copy_from_slice(text.as_bytes());
        header[127] = b'\n';
        let mut file = BufWriter::with_capacity(1 << 18, File::create_new(path).map_err(on)?);
        file.write_all(&header).map_err(on)?;
        Ok(ArrayFile {
            path: path.to_owned(),
            file,
            context,
            values: 0,
        })
    }

    #[inline]
    fn push(&mut self, value: &[u8]) -> Result<()> {
        self.values += 1;
        if self.values % CHUNK == 0 {
            self.context.interrupt.check()?;
        }
        let written = self.file.write_all(value);
        written.map_err(|e| Error::cannot_create(&self.path, &e))
    }

    fn finish(mut self) -> Result<()> {
        let written = self.file.flush();
        written.map_err(|e| Error::cannot_create(&self.path, &e))
    }
}
