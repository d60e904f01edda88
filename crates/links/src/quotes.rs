//! Where strings of a document end: its quotes, found for 64 bytes at a time.
//!
//! The strings of a WAT record are short, a dozen bytes on average, so a search that starts anew for each of them spends its time on starting. Here
//! each byte is compared once, and what comes of 64 of them are two words of bits: finding the next quote is counting zeros.

use wide::{CmpEq, i8x16};

/// Bytes looked at in one go: one for each bit of a word. So much filler must follow a document.
pub(crate) const BLOCK: usize = 64;

/// A block of the document: which of its bytes are quotes that end or begin a string, and which are backslashes. The first byte is the lowest bit.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    start: usize,
    quotes: u64,
    /// Bytes that must be decoded: backslashes, and all that are not ASCII.
    odd: u64,
    /// Whether the block ends with a backslash that escapes the byte behind it.
    escapes_next: bool,
}

/// Where a string ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StringEnd {
    /// The position of its closing quote.
    pub(crate) quote: usize,
    pub(crate) is_odd: bool,
}

impl Quotes {
    /// Looks at the beginning of another document.
    pub(crate) fn restart(&mut self, document: &[u8]) {
        self.look_at(document, 0, false);
    }

    /// Finds the end of the string whose first byte is at `start`, right behind its opening quote; `None` if it has no end.
    ///
    /// Going from front to back is what costs least. Strings that were found may be changed.
    #[inline(always)] // Its result would go through memory.
    pub(crate) fn end_of_string(&mut self, document: &[u8], start: usize) -> Option<StringEnd> {
        let mut offset = start.wrapping_sub(self.start);
        if offset >= BLOCK {
            // Behind a quote nothing is escaped.
            self.look_at(document, start, false).then_some(())?;
            offset = 0;
        }
        let quotes = self.quotes >> offset;
        let odd = self.odd >> offset;
        if quotes != 0 {
            let before = quotes ^ (quotes - 1); // the bits up to the lowest that is set
            return Some(StringEnd {
                quote: start + quotes.trailing_zeros() as usize,
                is_odd: odd & before != 0,
            });
        }
        self.end_in_later_block(document, odd != 0)
    }

    fn end_in_later_block(&mut self, document: &[u8], mut is_odd: bool) -> Option<StringEnd> {
        loop {
            let next = self.start + BLOCK;
            if !self.look_at(document, next, self.escapes_next) {
                return None;
            }
            if self.quotes != 0 {
                let before = self.quotes ^ (self.quotes - 1);
                return Some(StringEnd {
                    quote: next + self.quotes.trailing_zeros() as usize,
                    is_odd: is_odd || self.odd & before != 0,
                });
            }
            is_odd |= self.odd != 0;
        }
    }

    /// Goes to the block at `start`, unless the document ends before.
    fn look_at(&mut self, document: &[u8], start: usize, is_escaped: bool) -> bool {
        let block = document.get(start..).and_then(|rest| rest.first_chunk());
        let Some(block) = block else {
            return false;
        };
        let quotes = bits_of(block, equal_to(b'"'));
        let backslashes = bits_of(block, equal_to(b'\\'));
        self.start = start;
        self.odd = backslashes | bits_of(block, |bytes| bytes);
        self.quotes = quotes;
        self.escapes_next = false;
        if backslashes != 0 || is_escaped {
            let (escaped, escapes_next) = escaped_bytes(backslashes, is_escaped);
            self.quotes &= !escaped;
            self.escapes_next = escapes_next;
        }
        true
    }
}

/// Sets the bits of the bytes for which `test` gives a byte with its highest bit set.
#[inline(always)]
fn bits_of(block: &[u8; BLOCK], test: impl Fn(i8x16) -> i8x16) -> u64 {
    let mut bits = 0;
    for (at, chunk) in block.chunks_exact(16).enumerate() {
        let chunk: [u8; 16] = chunk.try_into().expect("chunks of sixteen bytes");
        let found = test(i8x16::new(chunk.map(|byte| byte as i8))).move_mask();
        bits |= u64::from(found as u16) << (16 * at);
    }
    bits
}

#[inline(always)]
fn equal_to(byte: u8) -> impl Fn(i8x16) -> i8x16 {
    move |bytes| bytes.cmp_eq(i8x16::splat(byte as i8))
}

/// Returns the bits of bytes that a backslash before them escapes, and whether the byte behind the block is such a one.
fn escaped_bytes(backslashes: u64, first_is_escaped: bool) -> (u64, bool) {
    let (mut escaped, mut escapes_next) = (u64::from(first_is_escaped), false);
    // Backslashes are rare, so one after the other.
    let mut left = backslashes & !escaped;
    while left != 0 {
        let at = left.trailing_zeros();
        left &= left - 1;
        if at == 63 {
            escapes_next = true;
        } else {
            escaped |= 2 << at;
            left &= !(2 << at);
        }
    }
    (escaped, escapes_next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, byte by byte.
    fn end_of_string(document: &[u8], start: usize) -> Option<StringEnd> {
        let mut quote = start;
        while *document.get(quote)? != b'"' {
            quote += 1 + usize::from(document[quote] == b'\\');
        }
        let is_odd = |byte: &u8| *byte == b'\\' || !byte.is_ascii();
        Some(StringEnd {
            quote,
            is_odd: document[start..quote].iter().any(is_odd),
        })
    }

    proptest! {
        #[test]
        fn strings_end_where_a_search_from_their_beginning_finds_it(
            mut document in prop::collection::vec(prop::sample::select(b"abcdefgh\"\\\\\xc3".to_vec()), 0..400),
            start_twice in any::<bool>(),
        ) {
            let num_bytes = document.len();
            document.resize(num_bytes + BLOCK, b' ');
            let mut quotes = Quotes::default();
            quotes.restart(&document);
            let mut start = 0;
            while let Some(opening) = document[start..num_bytes].iter().position(|&byte| byte == b'"') {
                start += opening + 1;
                let expected = end_of_string(&document, start);
                prop_assert_eq!(quotes.end_of_string(&document, start), expected);
                if start_twice {
                    prop_assert_eq!(quotes.end_of_string(&document, start), expected);
                }
                let Some(end) = expected else { break };
                document[start..end.quote].fill(b'\\'); // what was found may change
                start = end.quote + 1;
            }
        }
    }
}
