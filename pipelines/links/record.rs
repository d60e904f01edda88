//! Which records of a shard are pages.

use crawlrank_links::{Page, Skipped};
use crawlrank_warc::http::Head;
use crawlrank_warc::{Record, RecordType};

use crate::payload;
use crate::recipe::Kind;

/// What a record holds.
pub(crate) enum Parsed {
    /// A captured page with its links.
    Page,
    /// A captured page whose links are not read, and why.
    PageWithoutLinks(&'static str),
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
    let head = Head::parse(block).filter(|head| matches!(head.status(), Some(200..=299)));
    let Some(head) = head.filter(|_| !redirects) else {
        return Ok(Parsed::Page);
    };
    if !is_html(record, &head) {
        return Ok(Parsed::PageWithoutLinks("not_html"));
    }
    let (head_block, body) = block.split_at(head.body());
    let html = payload::content(
        body,
        head.all("Transfer-Encoding"),
        head.all("Content-Encoding"),
        page.options().max_html_bytes,
    );
    let Some(html) = html else {
        return Ok(Parsed::PageWithoutLinks("encoded_body"));
    };
    page.parse_html(uri, head_block, &html)?;
    Ok(Parsed::Page)
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
