//! Where strings of a document end: an index of its quotes, made for 64 bytes at a time.
//!
//! The strings of a WAT record are short, a dozen bytes on average, so a search that starts anew for each of them spends its time on starting. Here
//! each byte is compared once, in a loop without a branch, and what comes of 64 of them are two words of bits: finding the next quote is counting zeros.

use wide::{CmpEq, i8x16};

/// Bytes that share a block: one for each bit of a word.
pub(crate) const BLOCK_BYTES: usize = 64;

/// The quotes of a document.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    blocks: Vec<Block>,
}

/// What is known of some bytes, the first of them in the lowest bit.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Quotes that begin or end a string: all that are not escaped.
    quotes: u64,
    /// Bytes that must be decoded: backslashes, and what is not ASCII.
    odd: u64,
}

/// Where a string ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StringEnd {
    /// The position of its closing quote.
    pub(crate) quote: usize,
    /// Whether it must be decoded.
    pub(crate) is_odd: bool,
}

impl Quotes {
    /// Takes the quotes of another document; what is behind its last whole block is left out.
    pub(crate) fn index(&mut self, document: &[u8]) {
        self.blocks.clear();
        let mut is_escaped = false;
        let blocks = document.chunks_exact(BLOCK_BYTES).map(|bytes| {
            let bytes = bytes.try_into().expect("chunks of a block");
            let mut quotes = bits_of(bytes, equal_to(b'"'));
            let backslashes = bits_of(bytes, equal_to(b'\\'));
            if backslashes != 0 || is_escaped {
                let escaped;
                (escaped, is_escaped) = escaped_bytes(backslashes, is_escaped);
                quotes &= !escaped;
            }
            Block {
                quotes,
                odd: backslashes | bits_of(bytes, |bytes| bytes),
            }
        });
        self.blocks.extend(blocks);
        self.blocks.push(Block::default()); // so that each has a next
    }

    /// Gives back the memory of an unusually large document.
    pub(crate) fn shrink(&mut self, document_bytes: usize) {
        self.blocks.clear();
        self.blocks.shrink_to(document_bytes / BLOCK_BYTES);
    }

    /// Finds the end of the string whose first byte is at `start`, right behind its opening quote; `None` if it has no end.
    #[inline(always)] // Its result would go through memory.
    pub(crate) fn end_of_string(&self, start: usize) -> Option<StringEnd> {
        let (at, offset) = (start / BLOCK_BYTES, start % BLOCK_BYTES);
        // The next 64 bytes, wherever they begin: few strings are longer, and whether they are is what a processor guesses wrong.
        let (low, high) = (self.blocks.get(at)?, self.blocks.get(at + 1)?);
        let quotes = low.quotes >> offset | high.quotes << 1 << (63 - offset);
        let odd = low.odd >> offset | high.odd << 1 << (63 - offset);
        if quotes != 0 {
            return Some(StringEnd {
                quote: start + quotes.trailing_zeros() as usize,
                is_odd: odd & up_to_lowest(quotes) != 0,
            });
        }
        self.end_in_later_block(at + 1, odd != 0)
    }

    fn end_in_later_block(&self, at: usize, mut is_odd: bool) -> Option<StringEnd> {
        for (at, block) in self.blocks.iter().enumerate().skip(at) {
            if block.quotes != 0 {
                return Some(StringEnd {
                    quote: at * BLOCK_BYTES + block.quotes.trailing_zeros() as usize,
                    is_odd: is_odd || block.odd & up_to_lowest(block.quotes) != 0,
                });
            }
            is_odd |= block.odd != 0;
        }
        None
    }
}

/// Returns the lowest bit that is set, and all below it.
#[inline(always)]
fn up_to_lowest(bits: u64) -> u64 {
    bits ^ bits.wrapping_sub(1)
}

/// Sets the bits of the bytes for which `test` gives a byte with its highest bit set.
#[inline(always)]
fn bits_of(block: &[u8; BLOCK_BYTES], test: impl Fn(i8x16) -> i8x16) -> u64 {
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
        ) {
            let num_bytes = document.len();
            document.resize(num_bytes.next_multiple_of(BLOCK_BYTES), b' ');
            let mut quotes = Quotes::default();
            quotes.index(&document);
            let mut start = 0;
            while let Some(opening) = document[start..num_bytes].iter().position(|&byte| byte == b'"') {
                start += opening + 1;
                let expected = end_of_string(&document, start);
                prop_assert_eq!(quotes.end_of_string(start), expected);
                let Some(end) = expected else { break };
                start = end.quote + 1;
            }
        }
    }
}
