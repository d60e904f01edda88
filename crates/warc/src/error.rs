//! Why an input could not be read at all; what is merely damaged is a [`Fault`](crate::Fault).

use std::fmt::Write;
use std::io;

/// Why an input was refused or could not be read on.
///
/// Damage inside a WARC file is not an error: it is listed as [`Fault`](crate::Fault)s and reading goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input itself failed; the offset is that of the first byte that did not arrive.
    #[error("offset {offset}: cannot read the input")]
    Io {
        /// Offset of the first byte that did not arrive.
        offset: u64,
        /// What the operating system or the network said.
        source: io::Error,
    },
    /// A zstd window for which a [`WindowBudget`](crate::WindowBudget) has nothing left; the same input can be read when others are done.
    #[error("offset {offset}: no memory is left for a zstd window of {window_bytes} bytes")]
    NoRoom {
        /// Offset of the frame.
        offset: u64,
        /// What its window takes.
        window_bytes: u64,
    },
    /// The input has no bytes, which no WARC file can have.
    #[error("offset 0: the input is empty, expected a WARC file; fetch it again")]
    Empty,
    /// An ARC file, the predecessor of WARC.
    #[error(
        "offset 0: an ARC file, expected WARC; convert it, for example with `warcio recompress`"
    )]
    Arc,
    /// An LZ4 stream.
    #[error(
        "offset 0: an LZ4 stream, expected plain, gzip or zstd; unpack it first, for example with `lz4 -d`"
    )]
    Lz4,
    /// A web page or a server's error message in place of the file.
    #[error(
        "offset 0: an HTML or XML page, most often a server's error message, expected a WARC file; \
         fetch it again, found `{found}`"
    )]
    HtmlOrXml {
        /// The first bytes, escaped.
        found: String,
    },
    /// Some other format, or bytes without a single WARC record.
    #[error("offset 0: {hint}, expected a WARC file (plain, gzip or zstd), found `{found}`")]
    UnknownFormat {
        /// The first bytes, escaped.
        found: String,
        /// What it looks like, or why nothing in it counts as a record.
        hint: String,
    },
}

/// Returns the first bytes so that they can be shown anywhere: printable ASCII as it is, all else as `\xNN`.
pub(crate) fn escape(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let mut text = String::new();
    for &byte in bytes.iter().take(SHOWN) {
        match byte {
            b'`' | b'\\' => write!(text, "\\x{byte:02x}").expect("writing to a string"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").expect("writing to a string"),
        }
    }
    text
}
