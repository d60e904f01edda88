//! Lists of integer edges: a line for each edge, two node numbers with tabs or blanks between.
//!
//! Empty lines and lines that begin with `#` or `%` (SNAP, KONECT, Matrix Market) are passed over. A third column would
//! be a weight or a time, which this graph cannot hold: it is refused rather than lost.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::cli::Context;
use crate::commands::input::Input;
use crate::error::{Error, Exit, Result, quoted};
use crate::progress::Progress;

/// A longer line is no edge; bounds the memory of a file without line ends.
const LONGEST_LINE: u64 = 4096;
const BUFFER_BYTES: usize = 1 << 18;

/// Calls `each` with source and target of every edge in a file, gzipped or not.
///
/// # Errors
/// Exit 4 at the first line that is no edge or names a node that is not below `most_nodes`; the message says which line.
pub(super) fn read(
    path: &Path,
    most_nodes: u64,
    context: &Context,
    progress: Option<&Progress>,
    each: &mut dyn FnMut(u32, u32) -> Result<()>,
) -> Result<()> {
    let input = Input::open(path, &context.interrupt, progress)?;
    let done = read_edges(input, most_nodes, each);
    context.interrupt.check()?;
    done.map_err(|trouble| match trouble {
        Trouble::Line { number, found } => Error::new(
            Exit::Refused,
            "E-EDGES",
            format!("line {number}: {found}"),
        )
        .at(path)
        .remedy(
            "nothing was imported; expected two node numbers a line, with a tab or blanks between",
        ),
        Trouble::Input { number, source } => match source.kind() {
            std::io::ErrorKind::InvalidInput
            | std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::UnexpectedEof => Error::new(
                Exit::Refused,
                "E-EDGES",
                format!("the gzip stream is damaged behind line {number}: {source}"),
            )
            .at(path)
            .remedy("nothing was imported; fetch the file again"),
            _ => Error::io(path, &source),
        },
        Trouble::Taken(error) => error,
    })
}

enum Trouble {
    /// A line, counted from 1, is no edge.
    Line { number: u64, found: String },
    /// The bytes behind a line could not be read.
    Input { number: u64, source: std::io::Error },
    /// The edge was not taken.
    Taken(Error),
}

fn read_edges(
    input: impl Read,
    most_nodes: u64,
    each: &mut dyn FnMut(u32, u32) -> Result<()>,
) -> std::result::Result<(), Trouble> {
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, input);
    let start = raw
        .fill_buf()
        .map_err(|source| Trouble::Input { number: 0, source })?;
    match start.starts_with(&[0x1f, 0x8b]) {
        true => read_lines(
            BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(raw)),
            most_nodes,
            each,
        ),
        false => read_lines(raw, most_nodes, each),
    }
}

fn read_lines(
    mut text: impl BufRead,
    most_nodes: u64,
    each: &mut dyn FnMut(u32, u32) -> Result<()>,
) -> std::result::Result<(), Trouble> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = text
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line);
        let read = read.map_err(|source| Trouble::Input {
            number: number - 1,
            source,
        })?;
        if read == 0 {
            break;
        }
        let edge = if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") && !is_comment(&line) {
            Err(format!(
                "longer than {LONGEST_LINE} bytes, begins with {}",
                quoted(&line)
            ))
        } else {
            edge(&line, most_nodes)
        };
        match edge {
            Ok(Some((source, target))) => each(source, target).map_err(Trouble::Taken)?,
            Ok(None) => {
                skip_rest(&mut text, &line).map_err(|source| Trouble::Input { number, source })?
            }
            Err(found) => return Err(Trouble::Line { number, found }),
        }
    }
    Ok(())
}

/// Passes over the rest of a comment that is longer than a line may be.
fn skip_rest(text: &mut impl BufRead, line: &[u8]) -> std::io::Result<()> {
    if (line.len() as u64) < LONGEST_LINE || line.ends_with(b"\n") {
        return Ok(());
    }
    text.skip_until(b'\n').map(|_| ())
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'#' | b'%'))
}

/// Reads a line; `None` where it holds no edge on purpose.
fn edge(line: &[u8], most_nodes: u64) -> std::result::Result<Option<(u32, u32)>, String> {
    let line = line.trim_ascii();
    if line.is_empty() || is_comment(line) {
        return Ok(None);
    }
    let mut columns = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|column| !column.is_empty());
    let (Some(source), Some(target), None) = (columns.next(), columns.next(), columns.next())
    else {
        return Err(format!("found {}", quoted(line)));
    };
    Ok(Some((id(source, most_nodes)?, id(target, most_nodes)?)))
}

fn id(digits: &[u8], most_nodes: u64) -> std::result::Result<u32, String> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(format!(
            "found {} in place of a node number",
            quoted(digits)
        ));
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        number
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))
            .filter(|number| *number < most_nodes)
    });
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| {
            format!(
                "found the node number {}, expected one below {most_nodes}",
                quoted(digits)
            )
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn edges(text: impl AsRef<[u8]>) -> std::result::Result<Vec<(u32, u32)>, String> {
        let mut edges = Vec::new();
        let read = read_edges(text.as_ref(), u64::from(u32::MAX), &mut |source, target| {
            edges.push((source, target));
            Ok(())
        });
        match read {
            Ok(()) => Ok(edges),
            Err(Trouble::Line { number, found }) => Err(format!("{number}: {found}")),
            Err(Trouble::Input { number, source }) => {
                Err(format!("input behind {number}: {source}"))
            }
            Err(Trouble::Taken(error)) => Err(error.to_string()),
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn tabs_blanks_comments_and_line_ends_of_all_sorts() {
        let text = "# nodes: 4\n% more\n0\t1\n  2   3 \r\n\n\t\n3 0";
        assert_eq!(edges(text), Ok(vec![(0, 1), (2, 3), (3, 0)]));
        assert_eq!(edges(""), Ok(vec![]));
    }

    #[test]
    fn gzip_of_several_members() {
        let members = [gzip("0 1\n1 "), gzip("2\n")].concat();
        assert_eq!(edges(members), Ok(vec![(0, 1), (1, 2)]));
    }

    #[test]
    fn a_cut_gzip_file_is_an_error() {
        let whole = gzip("0 1\n");
        for end in 2..whole.len() {
            assert!(edges(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_edge_is_named_with_its_line() {
        for (text, message) in [
            ("0 1\nx y\n", "2: found `x` in place of a node number"),
            ("1\n", "1: found `1`"),
            ("\n0 1 0.5\n", "2: found `0 1 0.5`"),
            ("0,1\n", "1: found `0,1`"),
            ("-1 0\n", "1: found `-1` in place of a node number"),
            (
                "0 4294967295\n",
                "1: found the node number `4294967295`, expected one below 4294967295",
            ),
            (
                "0 99999999999999999999999\n",
                "1: found the node number `99999999999999999999999`, expected one below 4294967295",
            ),
        ] {
            assert_eq!(edges(text), Err(message.to_owned()));
        }
        assert_eq!(edges("0 4294967294\n"), Ok(vec![(0, 4_294_967_294)]));
    }

    #[test]
    fn a_line_without_end_costs_no_memory_and_a_long_comment_is_one() {
        let long = "7".repeat(1 << 20);
        assert!(
            edges(&long)
                .unwrap_err()
                .starts_with("1: longer than 4096 bytes")
        );
        assert_eq!(edges(format!("# {long}\n0 1\n")), Ok(vec![(0, 1)]));
        assert_eq!(edges(format!("# {long}")), Ok(vec![]));
    }
}
