//! What can be wrong with an input: bytes lost (faults) and records read in spite of their claims (warnings).

use std::fmt;

/// Bytes that could not be read as a record, or a record that is cut or fails its checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the damage begins, in bytes of the compressed stream: the start of the damaged member, or of the record
    /// where the damage was found inside a member that holds more than one.
    pub offset: u64,
    /// What is wrong.
    pub kind: FaultKind,
    /// Compressed bytes lost. 0 where they are charged already to a record that was read from the same member.
    pub bytes: u64,
    /// What was found, for a person; without foreign bytes.
    pub detail: String,
}

/// What is wrong with lost bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// A member's content does not have the checksum that it claims.
    BadCrc,
    /// A gzip member's content does not have the length that it claims.
    BadLength,
    /// Compressed data that do not decompress.
    BadDeflate,
    /// The input ends inside a gzip member or zstd frame.
    CutMember,
    /// The input, or the damage after it, cuts a record short.
    CutRecord,
    /// Bytes where a member or a record should begin.
    Junk,
    /// A WARC header that cannot be parsed, or content without one.
    BadHeader,
    /// A header above the limits on bytes or lines.
    HeaderTooLarge,
    /// A record above the limit; it was streamed past.
    RecordTooLarge,
    /// A zstd frame that needs a larger window than allowed.
    WindowTooLarge,
    /// A zstd frame that needs a dictionary which the file does not carry.
    MissingDictionary,
}

impl FaultKind {
    /// Returns the stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::BadCrc => "bad_crc",
            FaultKind::BadLength => "bad_length",
            FaultKind::BadDeflate => "bad_deflate",
            FaultKind::CutMember => "cut_member",
            FaultKind::CutRecord => "cut_record",
            FaultKind::Junk => "junk",
            FaultKind::BadHeader => "bad_header",
            FaultKind::HeaderTooLarge => "header_too_large",
            FaultKind::RecordTooLarge => "record_too_large",
            FaultKind::WindowTooLarge => "window_too_large",
            FaultKind::MissingDictionary => "missing_dictionary",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A way in which a record that was read whole differs from its claims, or harmless filler between records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningKind {
    /// `Content-Length` disagrees with where the record ends.
    ContentLengthWrong,
    /// No `Content-Length`.
    ContentLengthMissing,
    /// `Content-Length` is not a number below 2^64, or there are several that differ.
    ContentLengthInvalid,
    /// Header lines that end with LF alone.
    LfOnly,
    /// Header values folded over several lines, as WARC allowed.
    FoldedHeader,
    /// Header lines without a colon.
    HeaderWithoutColon,
    /// A version other than those from 0.16 to 1.1.
    UnknownVersion,
    /// The block is not followed by two line ends.
    NoBlankLine,
    /// A member or frame without content.
    EmptyMember,
    /// Zero bytes up to the end of the input.
    ZeroPadding,
}

impl WarningKind {
    /// Every kind, in the order of [`Warnings::iter`](crate::Warnings::iter).
    pub(crate) const ALL: [WarningKind; 10] = [
        WarningKind::ContentLengthWrong,
        WarningKind::ContentLengthMissing,
        WarningKind::ContentLengthInvalid,
        WarningKind::LfOnly,
        WarningKind::FoldedHeader,
        WarningKind::HeaderWithoutColon,
        WarningKind::UnknownVersion,
        WarningKind::NoBlankLine,
        WarningKind::EmptyMember,
        WarningKind::ZeroPadding,
    ];

    /// Returns the stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            WarningKind::ContentLengthWrong => "content_length_wrong",
            WarningKind::ContentLengthMissing => "content_length_missing",
            WarningKind::ContentLengthInvalid => "content_length_invalid",
            WarningKind::LfOnly => "lf_only",
            WarningKind::FoldedHeader => "folded_header",
            WarningKind::HeaderWithoutColon => "header_without_colon",
            WarningKind::UnknownVersion => "unknown_version",
            WarningKind::NoBlankLine => "no_blank_line",
            WarningKind::EmptyMember => "empty_member",
            WarningKind::ZeroPadding => "zero_padding",
        }
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
