//! Matching of patterns with `*` and `$`, in time that no pair of rule and URL can drive up.

use alloc::vec::Vec;

use crate::bytes::find_byte;

/// Work (octets looked at) on one URL after which searches go through [`Positions`]. Ordinary files stay far below:
/// a thousand wildcard rules against a long URL.
const MAX_PLAIN_WORK: usize = 1 << 18;

/// A path to match patterns with; remembers how much work it was, and what helps when it becomes too much.
pub(crate) struct Wildcard<'p> {
    path: &'p [u8],
    work: usize,
    positions: Option<Positions>,
}

impl<'p> Wildcard<'p> {
    #[inline]
    pub(crate) fn new(path: &'p [u8]) -> Wildcard<'p> {
        Wildcard {
            path,
            work: 0,
            positions: None,
        }
    }

    /// Whether `pattern` (canonical: `*` any octets, a last `$` the end) matches the path from its start.
    ///
    /// Between two `*` the leftmost place is as good as any later one, so one pass decides.
    pub(crate) fn matches(&mut self, pattern: &[u8]) -> bool {
        let (pattern, at_end) = match pattern {
            [start @ .., b'$'] => (start, true),
            _ => (pattern, false),
        };
        let mut star = find_byte(pattern, 0, b'*');
        if !self.path.starts_with(&pattern[..star]) {
            return false;
        }
        let mut at = star;
        while star < pattern.len() {
            let start = star + 1;
            star = find_byte(pattern, start, b'*');
            let literal = &pattern[start..star];
            if star == pattern.len() && at_end {
                return self.path.len() - at >= literal.len() && self.path.ends_with(literal);
            }
            match self.find(literal, at) {
                Some(found) => at = found + literal.len(),
                None => return false,
            }
        }
        !at_end || at == self.path.len()
    }

    /// Where `literal` first occurs at or after `from`.
    fn find(&mut self, literal: &[u8], from: usize) -> Option<usize> {
        let Some((first, rest)) = literal.split_first() else {
            return Some(from);
        };
        if self.work > MAX_PLAIN_WORK {
            let path = self.path;
            return self
                .positions
                .get_or_insert_with(|| Positions::new(path))
                .find(literal, from);
        }
        let mut at = from;
        loop {
            let found = find_byte(self.path, at, *first);
            self.work += found - at + 1;
            if self.path.len() - found < literal.len() {
                return None;
            }
            if self.path[found + 1..].starts_with(rest) {
                return Some(found);
            }
            self.work += literal.len() / 8;
            at = found + 1;
        }
    }
}

/// For each octet the set of positions at which it stands in a path, as bits: a literal is looked for at 256 places
/// at once, so that half a megabyte of rules against a long URL takes milliseconds, whatever they are.
struct Positions {
    len: usize,
    /// Words per row: `len` bits, and room to read past the end.
    words: usize,
    /// Which row an octet has; 0 for those that do not occur.
    rows: [u8; 256],
    /// How often each octet occurs.
    counts: [u32; 256],
    bits: Vec<u64>,
}

const LANES: usize = 4;

impl Positions {
    fn new(path: &[u8]) -> Positions {
        let words = (path.len().div_ceil(64)).next_multiple_of(LANES) + LANES + 1;
        let (mut rows, mut counts) = ([0; 256], [0; 256]);
        let mut num_rows = 1_u8; // canonical paths have some ninety different octets
        for byte in path {
            let row = &mut rows[usize::from(*byte)];
            if *row == 0 {
                *row = num_rows;
                num_rows = num_rows.saturating_add(1);
            }
            counts[usize::from(*byte)] += 1;
        }
        let mut bits = alloc::vec![0; usize::from(num_rows) * words];
        for (at, byte) in path.iter().enumerate() {
            bits[usize::from(rows[usize::from(*byte)]) * words + at / 64] |= 1 << (at % 64);
        }
        Positions {
            len: path.len(),
            words,
            rows,
            counts,
            bits,
        }
    }

    fn find(&self, literal: &[u8], from: usize) -> Option<usize> {
        if literal.len() > self.len - from {
            return None;
        }
        // The rarest octet first: it leaves the fewest places to look at.
        let mut rarest = 0;
        for (at, byte) in literal.iter().enumerate() {
            let count = self.counts[usize::from(*byte)];
            if count == 0 {
                return None;
            }
            if count < self.counts[usize::from(literal[rarest])] {
                rarest = at;
            }
        }
        let first_word = from / 64;
        let last = self.len - literal.len();
        let mut word = first_word;
        while word * 64 <= last {
            let mut places = self.shifted(literal[rarest], word, rarest);
            if word == first_word {
                places[0] &= u64::MAX << (from % 64);
            }
            for (at, byte) in literal.iter().enumerate() {
                if places == [0; LANES] {
                    break;
                }
                let there = self.shifted(*byte, word, at);
                for lane in 0..LANES {
                    places[lane] &= there[lane];
                }
            }
            for (lane, bits) in places.iter().enumerate() {
                if *bits != 0 {
                    return Some((word + lane) * 64 + bits.trailing_zeros() as usize);
                }
            }
            word += LANES;
        }
        None
    }

    /// Where `byte` stands `distance` octets after the positions of `LANES` words from `word` on.
    #[inline]
    fn shifted(&self, byte: u8, word: usize, distance: usize) -> [u64; LANES] {
        let row = usize::from(self.rows[usize::from(byte)]) * self.words;
        let start = word + distance / 64;
        let mut lanes = [0; LANES];
        let Some(bits) = self.bits[row..row + self.words].get(start..start + LANES + 1) else {
            return lanes;
        };
        let shift = (distance % 64) as u32;
        for lane in 0..LANES {
            lanes[lane] = bits[lane] >> shift | (bits[lane + 1] << 1) << (63 - shift);
        }
        lanes
    }
}
