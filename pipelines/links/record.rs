//! Which records of a shard are pages.

use crawlrank_links::{Page, Skipped};
use crawlrank_warc::http::Head;
use crawlrank_warc::{Record, RecordType};

use crate::payload::{self, Cut};
use crate::recipe::Kind;

/// What a record holds.
pub(crate) enum Parsed {
    /// A captured page with its links.
    Page,
    /// A captured page of which nothing, or not all, is read, and why.
    PageInPart(&'static str),
    /// Something else.
    Other,
}

/// Reads the page of a record.
pub(crate) fn parse_page(page: &mut Page, record: &Record, kind: Kind) -> Result<Parsed, Skipped> {
    match (kind, record.record_type()) {
        (Kind::Wat, RecordType::Metadata) if is_json(record) => {
            Ok(if page.parse_wat(record.block())? {
                Parsed::Page
            } else {
                Parsed::Other
            })
        }
        (Kind::Warc, RecordType::Response) => parse_capture(page, record),
        _ => Ok(Parsed::Other),
    }
}

/// Reads the links of a capture: where it redirects to, or those of its HTML if it is a success. Other answers are no pages, as they have no WAT record.
fn parse_capture(page: &mut Page, record: &Record) -> Result<Parsed, Skipped> {
    let (uri, block) = (record.target_uri().unwrap_or_default(), record.block());
    let redirects = page.parse_redirect(uri, block)?;
    let Some(head) = Head::parse(block).filter(|head| head.status().is_some()) else {
        return Ok(Parsed::PageInPart("bad_http_head"));
    };
    if redirects || !matches!(head.status(), Some(200..=299)) {
        return Ok(Parsed::Page);
    }
    let max_html_bytes = page.options().max_html_bytes;
    let (head_block, body) = block.split_at(head.body());
    // Of what is no page to read the headers are read all the same, as its WAT record has them.
    let mut without_body = |reason| {
        page.parse_html(uri, head_block, b"")?;
        Ok(Parsed::PageInPart(reason))
    };
    if !is_html(record, &head) {
        return without_body("not_html");
    }
    let html = payload::content(
        body,
        head.all("Transfer-Encoding"),
        head.all("Content-Encoding"),
        max_html_bytes,
    );
    let Some(html) = html else {
        return without_body("encoded_body");
    };
    page.parse_html(uri, head_block, &html.bytes)?;
    Ok(match html.cut {
        Cut::None => Parsed::Page,
        Cut::Chunks | Cut::Coding => Parsed::PageInPart("cut_body"),
    })
}

/// Says whether a capture is HTML: by what Common Crawl found it to be, which is told in the WARC header, else by what the server said.
fn is_html(record: &Record, head: &Head) -> bool {
    let told = record
        .header()
        .get("WARC-Identified-Payload-Type")
        .or_else(|| head.first("Content-Type"));
    let media_type = told.and_then(|told| told.split(|&byte| byte == b';').next());
    let media_type = media_type.unwrap_or_default().trim_ascii();
    [&b"text/html"[..], b"application/xhtml+xml"]
        .iter()
        .any(|html| media_type.eq_ignore_ascii_case(html))
}

/// Says whether a metadata record is one of a WAT file: WARC files have others, of plain fields.
fn is_json(record: &Record) -> bool {
    let content_type = record.header().get("Content-Type").unwrap_or_default();
    content_type.starts_with(b"application/json")
        || record.block().trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use crawlrank_links::Options;
    use crawlrank_warc::Reader;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const HTML: &[u8] = b"<a href=//b.example>";

    /// What is made of a capture: the addresses of its links, or why they are not read.
    fn read(warc_field: &str, http_head: &str, body: &[u8]) -> Result<Vec<String>, &'static str> {
        match read_in_part(warc_field, http_head, body) {
            (links, None) => Ok(links),
            (_, Some(reason)) => Err(reason),
        }
    }

    /// The addresses of a capture's links, and why they are not all.
    fn read_in_part(
        warc_field: &str,
        http_head: &str,
        body: &[u8],
    ) -> (Vec<String>, Option<&'static str>) {
        let block = [http_head.as_bytes(), b"\r\n\r\n", body].concat();
        let head = format!(
            "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\n{warc_field}Content-Length: {}\r\n\r\n",
            block.len()
        );
        let warc = [head.as_bytes(), &block, b"\r\n\r\n"].concat();
        let (mut record, mut page) = (Record::new(), Page::new(Options::default()));
        assert!(Reader::new(&warc[..]).read_record(&mut record).unwrap());
        let parsed = parse_page(&mut page, &record, Kind::Warc).unwrap();
        assert_eq!(page.host(), Some("example.a"));
        let address = |url: &[u8]| String::from_utf8(url.to_vec()).unwrap();
        let links = page.links().map(|link| address(link.url)).collect();
        match parsed {
            Parsed::Page => (links, None),
            Parsed::PageInPart(reason) => (links, Some(reason)),
            Parsed::Other => panic!("a capture is a page"),
        }
    }

    #[test]
    fn a_success_has_the_links_of_its_html() {
        let found = Ok(vec!["//b.example".to_owned()]);
        let none = Ok(vec![]);
        let identified = |media_type| format!("WARC-Identified-Payload-Type: {media_type}\r\n");
        for (warc_field, http_head, expected) in [
            ("", "HTTP/1.1 200 OK\r\nContent-Type: text/html", &found),
            (
                "",
                "HTTP/2 203\r\ncontent-type: Text/HTML ; charset=utf-8",
                &found,
            ),
            (
                "",
                "HTTP/1.1 200 OK\r\nContent-Type: application/xhtml+xml",
                &found,
            ),
            (
                &identified("text/html"),
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain",
                &found,
            ),
            (
                &identified("application/pdf"),
                "HTTP/1.1 200 OK\r\nContent-Type: text/html",
                &Err("not_html"),
            ),
            (
                "",
                "HTTP/1.1 200 OK\r\nContent-Type: text/htmlish",
                &Err("not_html"),
            ),
            ("", "HTTP/1.1 200 OK", &Err("not_html")),
            (
                "",
                "HTTP/1.1 404 Not Found\r\nContent-Type: text/html",
                &none,
            ),
            ("", "HTTP/1.1 301 Moved\r\nContent-Type: text/html", &none),
            ("", "HTTP/1.1 302 Found\r\nLocation: //b.example", &found),
        ] {
            assert_eq!(
                &read(warc_field, http_head, HTML),
                expected,
                "{warc_field}{http_head}"
            );
        }
    }

    #[test]
    fn codings_are_taken_off_and_a_cut_page_is_read_to_the_cut() {
        let head = |fields: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{fields}");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(HTML).unwrap();
        let gzip = gzip.finish().unwrap();
        let chunks = |body: &[u8]| {
            [
                format!("{:x}\r\n", body.len()).as_bytes(),
                body,
                b"\r\n0\r\n\r\n",
            ]
            .concat()
        };
        let found = Ok(vec!["//b.example".to_owned()]);
        for (fields, body) in [
            ("Content-Encoding: br", HTML.to_vec()), // what it says, and is not
            ("Content-Encoding: gzip", gzip.clone()),
            ("Transfer-Encoding: chunked", chunks(HTML)),
            (
                "Transfer-Encoding: chunked\r\nContent-Encoding: gzip",
                chunks(&gzip),
            ),
            ("Content-Encoding: zstd", zstd::encode_all(HTML, 3).unwrap()),
            ("X: a page that is cut", [HTML, b"<a href=//c.exa"].concat()),
        ] {
            assert_eq!(read("", &head(fields), &body), found, "{fields}");
        }
        let cut = (vec!["//b.example".to_owned()], Some("cut_body"));
        let checksum = gzip.len() - 8;
        for (fields, body) in [
            ("Content-Encoding: gzip", gzip[..checksum].to_vec()),
            ("Content-Encoding: gzip", [&gzip, &b"junk"[..]].concat()),
            ("Transfer-Encoding: chunked", [b"ffff\r\n", HTML].concat()),
        ] {
            assert_eq!(read_in_part("", &head(fields), &body), cut, "{fields}");
        }
        let noise: Vec<u8> = (0..=255).collect();
        assert_eq!(
            read("", &head("Content-Encoding: br"), &noise),
            Err("encoded_body")
        );
    }
}
