//! The compressed input, through a window that moves forward and can be held.

use std::io::{ErrorKind, Read};

use crate::error::Error;

/// Bytes that the window is filled up to. Members are a few KiB to half a MiB, so that nearly all are wholly in the
/// window, while it still fits into the second-level cache.
const WINDOW_BYTES: usize = 512 << 10;

/// Below this many bytes ahead the window is filled again.
pub(crate) const LOW_WATER: usize = 128 << 10;

/// A buffered input that knows absolute offsets and can go back to a place that is held.
///
/// How much it reads ahead depends on its own state alone, never on how many bytes a single `read` returned, so that a
/// slow connection gives the same records and faults as a file.
pub(crate) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `buffer[0]` in the input.
    base: u64,
    /// Bytes from here on stay in the buffer.
    hold: Option<u64>,
    at_end: bool,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(input: R) -> Window<R> {
        Window::at(input, 0)
    }

    /// A window on what lies behind `offset` in a larger input.
    pub(crate) fn at(input: R, offset: u64) -> Window<R> {
        Window {
            input,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            base: offset,
            hold: None,
            at_end: false,
        }
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Bytes that the input has given so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.base + self.end as u64
    }

    pub(crate) fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.end - self.start);
        self.start += bytes;
    }

    /// Keeps the bytes from the next one on, for [`Window::rewind`]; what is held already stays.
    pub(crate) fn hold(&mut self) {
        let offset = self.offset();
        self.hold = Some(self.hold.map_or(offset, |held| held.min(offset)));
    }

    /// Keeps only the last `history` bytes before the next one.
    pub(crate) fn hold_history(&mut self, history: u64) {
        let from = self.offset().saturating_sub(history);
        self.hold = self.hold.map(|hold| hold.max(from));
    }

    /// Lets the held bytes go.
    pub(crate) fn release(&mut self) {
        self.hold = None;
    }

    /// Goes back to `offset`, or as far as bytes were held.
    pub(crate) fn rewind(&mut self, offset: u64) {
        let earliest = self.hold.unwrap_or_else(|| self.offset());
        let back_to = offset.clamp(earliest, self.offset());
        self.start = (back_to - self.base) as usize;
    }

    /// Makes at least `wanted` bytes available, or all that are left.
    pub(crate) fn fill(&mut self, wanted: usize) -> Result<(), Error> {
        if self.end - self.start >= wanted || self.at_end {
            return Ok(());
        }
        self.compact();
        let target = self.start + wanted.max(WINDOW_BYTES);
        if self.buffer.len() < target {
            self.buffer.resize(target, 0);
        }
        while self.end < self.buffer.len() {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(bytes) => self.end += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Io {
                        offset: self.bytes_read(),
                        source,
                    });
                }
            }
        }
        Ok(())
    }

    fn compact(&mut self) {
        let keep = match self.hold {
            Some(hold) => self.start.min((hold - self.base) as usize),
            None => self.start,
        };
        self.buffer.copy_within(keep..self.end, 0);
        self.start -= keep;
        self.end -= keep;
        self.base += keep as u64;
        // A large member that had to be held is over: back to the usual size.
        if self.buffer.len() > 4 * WINDOW_BYTES && self.end < WINDOW_BYTES {
            self.buffer.truncate(WINDOW_BYTES);
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<u8> {
        (0..count).map(|n| n as u8).collect()
    }

    #[test]
    fn held_bytes_can_be_read_again_after_refills() {
        let input = numbers(3 * WINDOW_BYTES);
        let mut window = Window::new(&input[..]);
        window.fill(1).unwrap();
        window.consume(1000);
        window.hold();
        for _ in 0..2 {
            window.consume(window.available().len());
            window.fill(1).unwrap();
        }
        window.rewind(1000);
        assert_eq!(window.offset(), 1000);
        assert_eq!(window.available()[..50], input[1000..1050]);
    }

    #[test]
    fn rewind_stops_at_what_was_held() {
        let input = numbers(2 * WINDOW_BYTES);
        let mut window = Window::new(&input[..]);
        window.fill(1).unwrap();
        window.hold();
        window.consume(5000);
        window.hold_history(100);
        window.rewind(10);
        assert_eq!(window.offset(), 4900);
    }

    #[test]
    fn read_errors_know_their_offset() {
        let input = std::io::Read::chain(&b"abc"[..], Failing);
        let mut window = Window::new(input);
        let Err(Error::Io { offset, .. }) = window.fill(10) else {
            panic!("expected an error")
        };
        assert_eq!(offset, 3);
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
    }
}
