//! Text files of lines, gzipped or not, whose every line has a meaning or is refused by its number.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::cli::Context;
use crate::commands::input::Input;
use crate::error::{Error, Exit, Result, quoted};
use crate::progress::Progress;

pub(super) const BUFFER_BYTES: usize = 1 << 18;

/// What the lines of a file are.
#[derive(Debug)]
pub(super) struct Form {
    /// Code of the error when they are something else.
    pub(super) code: &'static str,
    /// What a line holds, for the error.
    pub(super) expected: &'static str,
    /// A longer line is none; bounds the memory of a file without line ends.
    pub(super) longest: u64,
    /// Whether empty lines and those that begin with `#` or `%` are passed over.
    pub(super) comments: bool,
}

/// Why a line is not taken.
pub(super) enum Refused {
    /// The line itself is wrong.
    Line(String),
    /// Something else is.
    Other(Error),
}

impl From<crawlrank_graph::Error> for Refused {
    fn from(error: crawlrank_graph::Error) -> Self {
        Refused::Other(error.into())
    }
}

/// Calls `each` with every line of a file, without its line feed.
///
/// # Errors
/// Exit 4 at the first line that is refused, and where a gzip stream is damaged; the message says which line.
pub(super) fn read(
    path: &Path,
    form: &Form,
    context: &Context,
    progress: Option<&Progress>,
    each: &mut dyn FnMut(&[u8]) -> std::result::Result<(), Refused>,
) -> Result<()> {
    let input = Input::open(path, &context.interrupt, progress)?;
    let done = read_lines(input, form, each);
    context.interrupt.check()?;
    done.map_err(|trouble| trouble.told(path, form.code, "line", form.expected))
}

/// Gives the text that is in bytes, gzipped or not.
pub(super) fn open<'a>(
    input: impl Read + 'a,
) -> std::result::Result<Box<dyn BufRead + 'a>, Trouble> {
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, input);
    let start = raw
        .fill_buf()
        .map_err(|source| Trouble::Input { number: 0, source })?;
    Ok(match start.starts_with(&[0x1f, 0x8b]) {
        true => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            MultiGzDecoder::new(raw),
        )),
        false => Box::new(raw),
    })
}

pub(super) enum Trouble {
    /// A line, counted from 1, is refused.
    Line { number: u64, found: String },
    /// The bytes behind a line could not be read.
    Input { number: u64, source: std::io::Error },
    /// It is none of the file's fault.
    Other(Error),
}

impl Trouble {
    /// The error for the user: `unit` is what was counted, `expected` what each of them holds.
    pub(super) fn told(self, path: &Path, code: &'static str, unit: &str, expected: &str) -> Error {
        let refused = |found: String| Error::new(Exit::Refused, code, found).at(path);
        match self {
            Trouble::Line { number, found } => refused(format!("{unit} {number}: {found}"))
                .remedy(format!("nothing was imported; expected {expected}")),
            Trouble::Input { number, source } => match source.kind() {
                std::io::ErrorKind::InvalidInput
                | std::io::ErrorKind::InvalidData
                | std::io::ErrorKind::UnexpectedEof => refused(format!(
                    "the gzip stream is damaged behind {unit} {number}: {source}"
                ))
                .remedy("nothing was imported; fetch the file again"),
                _ => Error::io(path, &source),
            },
            Trouble::Other(error) => error,
        }
    }
}

impl Refused {
    /// Says which line, or what else is counted, was refused.
    pub(super) fn at(self, number: u64) -> Trouble {
        match self {
            Refused::Line(found) => Trouble::Line { number, found },
            Refused::Other(error) => Trouble::Other(error),
        }
    }
}

/// The same over bytes.
pub(super) fn read_lines(
    input: impl Read,
    form: &Form,
    each: &mut dyn FnMut(&[u8]) -> std::result::Result<(), Refused>,
) -> std::result::Result<(), Trouble> {
    let mut text = open(input)?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut start = text.by_ref().take(form.longest);
        let read = start.read_until(b'\n', &mut line);
        let read = read.map_err(|source| Trouble::Input {
            number: number - 1,
            source,
        })?;
        if read == 0 {
            break;
        }
        let ends = line.ends_with(b"\n");
        if form.comments && is_comment(&line) {
            if !ends {
                let skipped = text.skip_until(b'\n');
                skipped.map_err(|source| Trouble::Input { number, source })?;
            }
            continue;
        }
        if !ends && read as u64 == form.longest {
            let found = format!(
                "longer than {} bytes, begins with {}",
                form.longest,
                quoted(&line)
            );
            return Err(Trouble::Line { number, found });
        }
        each(line.strip_suffix(b"\n").unwrap_or(&line)).map_err(|refused| refused.at(number))?;
    }
    Ok(())
}

/// Whether a line holds nothing on purpose.
fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), None | Some(b'#' | b'%'))
}
