//! Which records of a shard are pages.

use crawlrank_links::Page;
use crawlrank_warc::http::Head;
use crawlrank_warc::{Record, RecordType};

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
pub(crate) fn parse_page(
    page: &mut Page,
    record: &Record,
    kind: Kind,
) -> std::result::Result<Parsed, crawlrank_links::Skipped> {
    match (kind, record.record_type()) {
        (Kind::Wat, RecordType::Metadata) if is_json(record) => {
            Ok(if page.parse_wat(record.block())? {
                Parsed::Page
            } else {
                Parsed::Other
            })
        }
        (Kind::Warc, RecordType::Response) => {
            let redirects =
                page.parse_redirect(record.target_uri().unwrap_or_default(), record.block())?;
            let status = Head::parse(record.block()).and_then(|head| head.status());
            Ok(match status {
                Some(200..=299) if !redirects => Parsed::PageWithoutLinks("body_not_read"),
                _ => Parsed::Page,
            })
        }
        _ => Ok(Parsed::Other),
    }
}

/// Says whether a metadata record is one of a WAT file: WARC files have others, of plain fields.
fn is_json(record: &Record) -> bool {
    let content_type = record.header().get("Content-Type").unwrap_or_default();
    content_type.starts_with(b"application/json")
        || record.block().trim_ascii_start().starts_with(b"{")
}
