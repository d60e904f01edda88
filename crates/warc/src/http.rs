//! HTTP heads, as they stand at the beginning of `response`, `request` and `revisit` blocks.
//!
//! ```
//! use crawlrank_warc::http::Head;
//!
//! let block = b"HTTP/2 301\r\nlocation: /there\r\n\r\n<p>moved";
//! let head = Head::parse(block).unwrap();
//! assert_eq!(head.status(), Some(301));
//! assert_eq!(head.first("Location"), Some(&b"/there"[..]));
//! assert_eq!(&block[head.body()..], b"<p>moved");
//! ```

use memchr::memchr;

use crate::header::{Fields, blank_line_end, split_line};

/// The first line and the header fields of an HTTP message, as bytes.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    first_line: &'a [u8],
    fields: &'a [u8],
    body: usize,
}

impl<'a> Head<'a> {
    /// Parses the head at the beginning of a block; `None` if there is none.
    ///
    /// Accepted are status lines of every version (`HTTP/1.1 200 OK`, `HTTP/2 200`, `HTTP/3.0 200`) and request lines
    /// (`GET / HTTP/1.1`), lines that end with LF alone, and a head that ends with the block.
    pub fn parse(block: &'a [u8]) -> Option<Head<'a>> {
        let (first_line, fields) = split_line(block);
        if !is_status_line(first_line) && !is_request_line(first_line) {
            return None;
        }
        let body = blank_line_end(block, 0).unwrap_or(block.len());
        let fields = &fields[..body.saturating_sub(block.len() - fields.len())];
        Some(Head {
            first_line,
            fields,
            body,
        })
    }

    /// Returns the status code of a response; `None` for requests, or when it is no number of three digits.
    pub fn status(&self) -> Option<u16> {
        if !is_status_line(self.first_line) {
            return None;
        }
        let rest = &self.first_line[memchr(b' ', self.first_line)?..];
        let code = rest.trim_ascii_start();
        let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ends = code
            .get(digits)
            .is_none_or(|byte| byte.is_ascii_whitespace());
        if digits != 3 || !ends {
            return None;
        }
        Some(
            code[..3]
                .iter()
                .fold(0, |status, digit| status * 10 + u16::from(digit - b'0')),
        )
    }

    /// Returns the version, without `HTTP/`: `1.1`, `2`.
    pub fn version(&self) -> &'a [u8] {
        let word = match is_status_line(self.first_line) {
            true => self.first_line.split(|&byte| byte == b' ').next(),
            false => self.first_line.rsplit(|&byte| byte == b' ').next(),
        };
        word.and_then(|word| word.get(5..)).unwrap_or_default()
    }

    /// Returns the first line without its end.
    pub fn first_line(&self) -> &'a [u8] {
        self.first_line
    }

    /// Returns the value of the first field of that name; case does not matter.
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        let name = name.as_bytes();
        self.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Goes through the values of all fields of that name, in their order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let name = name.as_bytes();
        Fields::new(self.fields)
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Goes through the fields, (name, value), in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        Fields::new(self.fields)
    }

    /// Returns where the body begins in the block.
    pub fn body(&self) -> usize {
        self.body
    }
}

fn is_status_line(line: &[u8]) -> bool {
    line.get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/"))
}

fn is_request_line(line: &[u8]) -> bool {
    let Some(last) = line.rsplit(|&byte| byte == b' ').next() else {
        return false;
    };
    let method = line
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    method > 0 && line.get(method) == Some(&b' ') && is_status_line(last) && last.len() < line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_of_every_version_are_read() {
        let cases: [(&str, Option<u16>, &str); 7] = [
            ("HTTP/1.1 200 OK", Some(200), "1.1"),
            ("HTTP/1.0 404", Some(404), "1.0"),
            ("HTTP/2 301", Some(301), "2"),
            ("HTTP/2.0 302 Found", Some(302), "2.0"),
            ("http/1.1  200 ok", Some(200), "1.1"),
            ("HTTP/1.1 2000 OK", None, "1.1"),
            ("HTTP/1.1", None, "1.1"),
        ];
        for (line, status, version) in cases {
            let block = format!("{line}\r\n\r\n");
            let head = Head::parse(block.as_bytes()).unwrap();
            assert_eq!(
                (head.status(), head.version()),
                (status, version.as_bytes()),
                "{line}"
            );
        }
    }

    #[test]
    fn repeated_fields_are_all_found() {
        let block = b"HTTP/1.1 200 OK\nLink: a\nX: y\nlink: b\xff\n\nLink: body";
        let head = Head::parse(block).unwrap();
        assert_eq!(head.all("Link").collect::<Vec<_>>(), [&b"a"[..], b"b\xff"]);
        assert_eq!(head.first("LINK"), Some(&b"a"[..]));
        assert_eq!(&block[head.body()..], b"Link: body");
    }

    #[test]
    fn head_without_end_fills_the_block() {
        let block = b"HTTP/1.1 204 No Content\r\nA: b";
        let head = Head::parse(block).unwrap();
        assert_eq!(
            (head.first("a"), head.body()),
            (Some(&b"b"[..]), block.len())
        );
        assert_eq!(Head::parse(b"HTTP/1.1 204").unwrap().body(), 12);
    }

    #[test]
    fn requests_have_no_status() {
        let head = Head::parse(b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(
            (head.status(), head.version(), head.first("host")),
            (None, &b"1.1"[..], Some(&b"x"[..]))
        );
    }

    #[test]
    fn other_blocks_have_no_head() {
        for block in [&b"<html>"[..], b"", b"dns: x", b"GET", b"http"] {
            assert!(Head::parse(block).is_none());
        }
    }
}
