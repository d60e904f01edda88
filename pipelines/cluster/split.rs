//! Where a plain shard may be cut, so that several machines read it.
//!
//! Compressed shards of Common Crawl have some hundred megabytes, and are read whole by one. A plain file of many gigabytes is cut at
//! the beginnings of records, which are found as a reader finds them: from the first record on, by the lengths that they
//! state, as long as each leads to the beginning of another one. A text that looks like a record cuts nothing.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Longest header that is looked through for its length.
const HEADER_BYTES: usize = 64 << 10;

/// What a record begins with.
const BEGINNING: &[u8] = b"WARC/";

/// Returns where the pieces of a file begin, 0 first: each but the last has at least `piece_bytes`. A compressed file, and one that
/// cannot be read, is one piece; behind a record whose length is wrong nothing is cut.
pub fn pieces(path: &Path, piece_bytes: u64) -> Vec<u64> {
    let mut starts = vec![0];
    let Ok(file) = File::open(path) else {
        return starts;
    };
    let mut at = 0;
    while let Some(next) = next_record(&file, at) {
        if next - starts[starts.len() - 1] >= piece_bytes.max(1) {
            starts.push(next);
        }
        at = next;
    }
    starts
}

/// Where the record behind the one at `at` begins; nothing at the end, and where either is none.
fn next_record(file: &File, at: u64) -> Option<u64> {
    let mut bytes = vec![0; 1 << 10];
    let (header, ending) = loop {
        let read = read_at(file, &mut bytes, at)?;
        let found = &bytes[..read];
        if !found.starts_with(BEGINNING) {
            return None;
        }
        match end_of_header(found) {
            Some(end) => break end,
            None if read == bytes.len() && read < HEADER_BYTES => bytes.resize(4 * read, 0),
            None => return None,
        }
    };
    let length = content_length(&bytes[..header])?;
    // Two line ends close a record.
    let next = at
        .checked_add(header as u64)?
        .checked_add(length)?
        .checked_add(2 * ending as u64)?;
    let mut beginning = [0; BEGINNING.len()];
    file.read_exact_at(&mut beginning, next).ok()?;
    (beginning == BEGINNING).then_some(next)
}

fn read_at(file: &File, bytes: &mut [u8], at: u64) -> Option<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(read)
}

/// Where the header ends, its empty line included, and the length of its line ends.
fn end_of_header(bytes: &[u8]) -> Option<(usize, usize)> {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let found = ends.map(|end| memchr::memmem::find(bytes, end).map(|at| at + end.len()));
    match found {
        [Some(crlf), lf] if lf.is_none_or(|lf| crlf < lf) => Some((crlf, 2)),
        [_, Some(lf)] => Some((lf, 1)),
        _ => None,
    }
}

fn content_length(header: &[u8]) -> Option<u64> {
    let mut lines = header.split(|&byte| byte == b'\n');
    lines.find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let is_length = name.trim_ascii().eq_ignore_ascii_case(b"content-length");
        let value = std::str::from_utf8(value).ok().filter(|_| is_length)?;
        value.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(block: &str) -> String {
        let length = block.len();
        format!(
            "WARC/1.0\r\nWARC-Type: response\r\ncontent-length: {length}\r\n\r\n{block}\r\n\r\n"
        )
    }

    fn pieces_of(text: &str, piece_bytes: u64) -> Vec<u64> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        pieces(file.path(), piece_bytes)
    }

    #[test]
    fn pieces_begin_where_records_do_and_not_at_what_looks_like_one() {
        let one = record(&format!("a capture of {}", record("a record")));
        let len = one.len() as u64;
        assert_eq!(
            pieces_of(&one.repeat(5), 1),
            [0, len, 2 * len, 3 * len, 4 * len]
        );
        assert_eq!(pieces_of(&one.repeat(5), len + 1), [0, 2 * len, 4 * len]);
        assert_eq!(pieces_of(&one.repeat(5), 9 * len), [0]);
        let with_lf = "WARC/1.0\nContent-Length: 3\n\nabc\n\n";
        let len = with_lf.len() as u64;
        assert_eq!(pieces_of(&with_lf.repeat(3), 1), [0, len, 2 * len]);
    }

    #[test]
    fn behind_a_wrong_length_nothing_is_cut() {
        let (sound, wrong) = (
            record("1234"),
            record("1234").replace("length: 4", "length: 5"),
        );
        let text = format!("{sound}{sound}{wrong}{sound}{sound}");
        let len = sound.len() as u64;
        assert_eq!(pieces_of(&text, 1), [0, len, 2 * len]);
        for other in [
            "",
            "\u{1f}\u{8b}",
            "WARC/1.0\r\n",
            "WARC/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n",
        ] {
            assert_eq!(pieces_of(other, 1), [0], "{other:?}");
        }
        assert_eq!(pieces(Path::new("/nowhere"), 1), [0]);
    }
}
