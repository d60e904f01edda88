//! Lists of integer edges: a line for each edge, two node numbers with tabs or blanks between.
//!
//! Empty lines and lines that begin with `#` or `%` (SNAP, KONECT, Matrix Market) are passed over. A third column would
//! be a weight or a time, which this graph cannot hold: it is refused rather than lost.

use super::lines::Form;
use crate::error::quoted;

/// The lines of such a list.
pub(super) const FORM: Form = Form {
    code: "E-EDGES",
    expected: "two node numbers a line, with a tab or blanks between",
    longest: 4096,
    comments: true,
};

/// Reads a line; both node numbers are below `most_nodes`.
pub(super) fn edge(line: &[u8], most_nodes: u64) -> Result<(u32, u32), String> {
    let line = line.trim_ascii();
    let mut columns = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|column| !column.is_empty());
    let (Some(source), Some(target), None) = (columns.next(), columns.next(), columns.next())
    else {
        return Err(format!("found {}", quoted(line)));
    };
    Ok((number(source, most_nodes)?, number(target, most_nodes)?))
}

/// Reads a node number below `most_nodes`.
pub(super) fn number(digits: &[u8], most_nodes: u64) -> Result<u32, String> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
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

/// Makes a node id of a number below `most_nodes`.
pub(super) fn id<N>(number: N, most_nodes: u64) -> Result<u32, String>
where
    N: Copy + std::fmt::Display + TryInto<u32>,
{
    let id = number.try_into().ok();
    id.filter(|id| u64::from(*id) < most_nodes).ok_or_else(|| {
        format!("found the node number `{number}`, expected at least 0 and below {most_nodes}")
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::lines::{Refused, Trouble, read_lines};
    use super::*;

    fn edges(text: impl AsRef<[u8]>) -> Result<Vec<(u32, u32)>, String> {
        let mut edges = Vec::new();
        let read = read_lines(text.as_ref(), &FORM, &mut |line| {
            edges.push(edge(line, u64::from(u32::MAX)).map_err(Refused::Line)?);
            Ok(())
        });
        match read {
            Ok(()) => Ok(edges),
            Err(Trouble::Line { number, found }) => Err(format!("{number}: {found}")),
            Err(Trouble::Input { number, source }) => {
                Err(format!("input behind {number}: {source}"))
            }
            Err(Trouble::Other(error)) => Err(error.to_string()),
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
