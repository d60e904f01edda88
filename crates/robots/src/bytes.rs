//! Eight bytes at a time, in safe Rust: what a byte search needs when it may depend on nothing.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is zero; exact up to and including the lowest of them.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The high bit of each byte that equals `byte`; exact up to and including the lowest of them.
#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    zeros(word ^ (ONES * byte as u64))
}

/// The high bit of each byte below `limit` (at most 128); exact up to and including the lowest of them.
#[inline(always)]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*eight))
}

/// Finds the first byte at or after `from` that `hits` marks in a word, and that `is` confirms; else the end.
#[inline(always)]
fn find(bytes: &[u8], from: usize, hits: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> usize {
    let mut at = from;
    while let Some(word) = word_at(bytes, at) {
        let marked = hits(word);
        if marked == 0 {
            at += 8;
            continue;
        }
        at += marked.trailing_zeros() as usize / 8;
        if is(bytes[at]) {
            return at;
        }
        at += 1;
    }
    while at < bytes.len() && !is(bytes[at]) {
        at += 1;
    }
    at
}

/// The first LF or CR at or after `from`, or the end.
#[inline]
pub(crate) fn find_line_end(text: &[u8], from: usize) -> usize {
    find(
        text,
        from,
        |word| equal(word, b'\n') | equal(word, b'\r'),
        |byte| byte == b'\n' || byte == b'\r',
    )
}

/// The first LF, CR, `#` or NUL at or after `from`, or the end: where a value ends.
#[inline]
pub(crate) fn find_value_end(text: &[u8], from: usize) -> usize {
    // One test for NUL, LF and CR (and a tab now and then, which `is` sends on).
    find(
        text,
        from,
        |word| below(word, b'\r' + 1) | equal(word, b'#'),
        |byte| matches!(byte, b'\n' | b'\r' | b'#' | 0),
    )
}

/// The first `/`, `?`, `;` or `#` at or after `from`, or the end: where a URL's authority ends.
#[inline]
pub(crate) fn find_path_start(url: &[u8], from: usize) -> usize {
    find(
        url,
        from,
        // `/` and `?` differ in one bit.
        |word| equal(word | (ONES * 0x10), b'?') | equal(word, b';') | equal(word, b'#'),
        |byte| matches!(byte, b'/' | b'?' | b';' | b'#'),
    )
}

/// The first `byte` at or after `from`, or the end.
#[inline]
pub(crate) fn find_byte(bytes: &[u8], from: usize, byte: u8) -> usize {
    find(bytes, from, |word| equal(word, byte), |found| found == byte)
}

/// The first eight bytes as a little-endian word, with zeros where there are fewer.
#[inline]
pub(crate) fn head(bytes: &[u8]) -> u64 {
    if let Some(word) = word_at(bytes, 0) {
        return word;
    }
    bytes
        .iter()
        .rev()
        .fold(0, |head, byte| head << 8 | u64::from(*byte))
}

/// Whether `byte` is white space as C's `isspace` has it, which is what Google's parser strips.
#[inline(always)]
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// `bytes` without white space at either end.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// Whether `bytes` begins with the lower-case `prefix`, in any case of letters.
#[inline]
pub(crate) fn starts_with_ignore_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
