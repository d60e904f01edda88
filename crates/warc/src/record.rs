//! One record: header and block, in a buffer that is used again for the next.

use std::fmt;
use std::ops::Range;

use crate::buffer::Buffer;
use crate::header::Header;
use crate::stream::WHOLE_BYTES;

/// A WARC record that was read whole.
///
/// It owns its memory. [`Reader::read_record`](crate::Reader::read_record) fills the same record again and again, so
/// that nothing is allocated for each.
#[derive(Clone, Default)]
pub struct Record {
    pub(crate) buffer: Buffer,
    pub(crate) header: Range<usize>,
    pub(crate) block: Range<usize>,
    pub(crate) record_type: RecordType,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Record {
    /// Returns an empty record to read into.
    pub fn new() -> Record {
        Record::default()
    }

    /// Empties it for the next record; a large buffer is given back before that grows one.
    pub(crate) fn clear(&mut self) {
        if self.buffer.capacity() > 2 * WHOLE_BYTES {
            *self = Record::default();
        }
        self.buffer.clear();
        (self.header, self.block) = (0..0, 0..0);
    }

    /// Returns what `WARC-Type` says.
    pub fn record_type(&self) -> RecordType {
        self.record_type
    }

    /// Returns the WARC header.
    pub fn header(&self) -> Header<'_> {
        Header::new(&self.buffer.bytes()[self.header.clone()])
    }

    /// Returns the block: all between the header and the two line ends behind it.
    ///
    /// For a `response` this is HTTP, see [`http::Head`](crate::http::Head).
    pub fn block(&self) -> &[u8] {
        &self.buffer.bytes()[self.block.clone()]
    }

    /// Returns `WARC-Target-URI` as raw bytes, without the `<…>` that old versions of wget put around it.
    pub fn target_uri(&self) -> Option<&[u8]> {
        self.header().target_uri()
    }

    /// Returns `WARC-Record-ID`, with its `<…>`.
    pub fn id(&self) -> Option<&[u8]> {
        self.header().get("WARC-Record-ID")
    }

    /// Returns `WARC-Date` as it is written.
    pub fn date(&self) -> Option<&[u8]> {
        self.header().get("WARC-Date")
    }

    /// Says whether the crawler cut the block (`WARC-Truncated`).
    pub fn is_truncated(&self) -> bool {
        self.header().get("WARC-Truncated").is_some()
    }

    /// Returns where the record begins in the compressed stream: the start of its gzip member or zstd frame (which
    /// other records may share), or of the record itself in plain files.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the compressed bytes that are charged to the record.
    ///
    /// A member that several records share is charged to the first of them. Where a member is so large (8 MiB of
    /// content) that it is read piece by piece, each record is charged what was consumed for it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("record_type", &self.record_type)
            .field("offset", &self.offset)
            .field("bytes", &self.bytes)
            .field("block_bytes", &self.block.len())
            .finish_non_exhaustive()
    }
}

/// The type of a record (WARC 1.1, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum RecordType {
    /// Describes the records that follow it.
    Warcinfo,
    /// What a server answered.
    Response,
    /// A thing without the protocol that brought it.
    Resource,
    /// What was asked of a server.
    Request,
    /// Facts about another record; the records of WAT files.
    Metadata,
    /// The same as an earlier capture.
    Revisit,
    /// Another form of a capture; the records of WET files.
    Conversion,
    /// A further piece of a record that was split.
    Continuation,
    /// Any other type, or none.
    #[default]
    Unknown,
}

impl RecordType {
    /// All types, the common ones first.
    pub const ALL: [RecordType; 9] = [
        RecordType::Response,
        RecordType::Metadata,
        RecordType::Request,
        RecordType::Conversion,
        RecordType::Warcinfo,
        RecordType::Resource,
        RecordType::Revisit,
        RecordType::Continuation,
        RecordType::Unknown,
    ];

    /// Returns the type's name as WARC spells it, or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::Warcinfo => "warcinfo",
            RecordType::Response => "response",
            RecordType::Resource => "resource",
            RecordType::Request => "request",
            RecordType::Metadata => "metadata",
            RecordType::Revisit => "revisit",
            RecordType::Conversion => "conversion",
            RecordType::Continuation => "continuation",
            RecordType::Unknown => "unknown",
        }
    }

    pub(crate) fn from_bytes(name: &[u8]) -> RecordType {
        let named = |kind: &RecordType| name.eq_ignore_ascii_case(kind.as_str().as_bytes());
        RecordType::ALL
            .into_iter()
            .find(named)
            .unwrap_or(RecordType::Unknown)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(header: &[u8]) -> Record {
        let mut record = Record {
            header: 0..header.len(),
            ..Record::default()
        };
        record.buffer.extend(header);
        record
    }

    #[test]
    fn angle_brackets_around_the_uri_are_taken_off() {
        let old_wget = record(b"WARC/1.0\r\nWARC-Target-URI: <http://a.example/>\r\n\r\n");
        assert_eq!(old_wget.target_uri(), Some(&b"http://a.example/"[..]));
        let odd = record(b"WARC/1.0\r\nWARC-Target-URI: <http://\xff\0/\r\n\r\n");
        assert_eq!(odd.target_uri(), Some(&b"<http://\xff\0/"[..]));
    }

    #[test]
    fn type_names_are_known_in_any_case() {
        for name in [
            "warcinfo",
            "Response",
            "RESOURCE",
            "request",
            "metadata",
            "revisit",
            "conversion",
            "continuation",
        ] {
            assert_eq!(
                RecordType::from_bytes(name.as_bytes()).as_str(),
                name.to_ascii_lowercase()
            );
        }
        assert_eq!(RecordType::from_bytes(b"hello_kitty"), RecordType::Unknown);
    }
}
