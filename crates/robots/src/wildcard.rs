//! Matching of patterns with `*` and `$`, in time that no pair of rule and URL can drive up.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::bytes::find_byte;

/// Work (octets looked at) on one URL after which it is worth an index. Ordinary files stay far below: hundreds of
/// wildcard rules against a long URL.
const MAX_PLAIN_WORK: usize = 1 << 16;

/// A path to match patterns with; remembers how much work it was, and what helps when it becomes too much.
pub(crate) struct Wildcard<'p> {
    path: &'p [u8],
    work: usize,
    /// Boxed: it is large, and nearly never there.
    index: Option<Box<Index>>,
}

impl<'p> Wildcard<'p> {
    #[inline]
    pub(crate) fn new(path: &'p [u8]) -> Wildcard<'p> {
        Wildcard {
            path,
            work: 0,
            index: None,
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
            if star == pattern.len() {
                return if at_end {
                    self.path.len() - at >= literal.len() && self.path.ends_with(literal)
                } else {
                    self.holds(literal, at)
                };
            }
            match self.find(literal, at) {
                Some(found) => at = found + literal.len(),
                None => return false,
            }
        }
        !at_end || at == self.path.len()
    }

    /// Whether `literal` occurs at or after `from`.
    fn holds(&mut self, literal: &[u8], from: usize) -> bool {
        if self.work > MAX_PLAIN_WORK && !literal.is_empty() {
            return self.index().holds(literal, from);
        }
        self.find(literal, from).is_some()
    }

    /// Where `literal` first occurs at or after `from`.
    fn find(&mut self, literal: &[u8], from: usize) -> Option<usize> {
        let Some((first, rest)) = literal.split_first() else {
            return Some(from);
        };
        if self.work > MAX_PLAIN_WORK {
            return self.index().find(literal, from);
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

    fn index(&mut self) -> &Index {
        let path = self.path;
        self.index.get_or_insert_with(|| Box::new(Index::new(path)))
    }
}

/// What makes literals quick to find in a path that has met too many of them.
///
/// The automaton knows in a step an octet whether a literal occurs, and where first and last, which answers nearly
/// all questions; a place between the two is looked for with the bits. Half a megabyte of rules against a path of
/// two thousand octets takes milliseconds, whatever they are.
struct Index {
    automaton: Option<Automaton>,
    positions: Positions,
}

/// Longer paths have no automaton: it takes some hundred bytes an octet.
const MAX_AUTOMATON_PATH: usize = 8 << 10;

impl Index {
    fn new(path: &[u8]) -> Index {
        Index {
            automaton: (path.len() <= MAX_AUTOMATON_PATH).then(|| Automaton::new(path)),
            positions: Positions::new(path),
        }
    }

    fn holds(&self, literal: &[u8], from: usize) -> bool {
        match &self.automaton {
            Some(automaton) => automaton
                .find(literal)
                .is_some_and(|(_, last)| last >= from),
            None => self.positions.find(literal, from).is_some(),
        }
    }

    fn find(&self, literal: &[u8], from: usize) -> Option<usize> {
        if let Some(automaton) = &self.automaton {
            let (first, last) = automaton.find(literal)?;
            if last < from {
                return None;
            }
            if first >= from {
                return Some(first);
            }
        }
        self.positions.find(literal, from)
    }
}

/// The suffix automaton of a path (Blumer and others, "The smallest automaton recognizing the subwords of a text",
/// 1985): each way from its start spells a part of the path, each part has one way.
struct Automaton {
    /// Which column an octet has; [`NOWHERE`] for those that do not occur.
    columns: [u8; 256],
    num_columns: usize,
    /// For each state and column the next state, or 0.
    next: Vec<u16>,
    /// For each state, where its parts of the path first end, and last.
    first_end: Vec<u16>,
    last_end: Vec<u16>,
}

const NOWHERE: u8 = 255;

impl Automaton {
    fn new(path: &[u8]) -> Automaton {
        let mut columns = [NOWHERE; 256];
        let mut num_columns = 0;
        for byte in path {
            let column = &mut columns[usize::from(*byte)];
            if *column == NOWHERE {
                *column = num_columns; // canonical paths have less than a hundred different octets
                num_columns += 1;
            }
        }
        let mut automaton = Automaton {
            columns,
            num_columns: usize::from(num_columns),
            next: Vec::new(),
            first_end: Vec::new(),
            last_end: Vec::new(),
        };
        automaton.build(path);
        automaton
    }

    fn build(&mut self, path: &[u8]) {
        let num_states = 2 * path.len() + 2;
        self.next.reserve_exact(num_states * self.num_columns);
        // Of each state, the length of its longest part, and the state of the longest end of that which occurs
        // elsewhere, too.
        let (mut longest, mut links) = (Vec::new(), Vec::new());
        const NO_LINK: u16 = u16::MAX;
        let columns = self.num_columns;
        self.next.resize(columns, 0);
        longest.push(0);
        links.push(NO_LINK);
        self.first_end.push(0);
        let mut last = 0_u16;
        for (at, byte) in path.iter().enumerate() {
            let column = usize::from(self.columns[usize::from(*byte)]);
            let state = longest.len() as u16;
            self.next.resize(self.next.len() + columns, 0);
            longest.push(at as u16 + 1);
            self.first_end.push(at as u16 + 1);
            links.push(0);
            let mut from = last;
            while from != NO_LINK && self.next[usize::from(from) * columns + column] == 0 {
                self.next[usize::from(from) * columns + column] = state;
                from = links[usize::from(from)];
            }
            if from != NO_LINK {
                let other = self.next[usize::from(from) * columns + column];
                let (from_at, other_at) = (usize::from(from), usize::from(other));
                if longest[other_at] == longest[from_at] + 1 {
                    links[usize::from(state)] = other;
                } else {
                    let copy = longest.len() as u16;
                    self.next
                        .extend_from_within(other_at * columns..(other_at + 1) * columns);
                    longest.push(longest[from_at] + 1);
                    self.first_end.push(self.first_end[other_at]);
                    links.push(links[other_at]);
                    while from != NO_LINK
                        && self.next[usize::from(from) * columns + column] == other
                    {
                        self.next[usize::from(from) * columns + column] = copy;
                        from = links[usize::from(from)];
                    }
                    links[other_at] = copy;
                    links[usize::from(state)] = copy;
                }
            }
            last = state;
        }
        // A part ends last where the last of the parts that end with it does: those are longer, so longest first.
        self.last_end = self.first_end.clone();
        let mut by_length: Vec<u16> = (0..longest.len() as u16).collect();
        by_length.sort_unstable_by_key(|state| core::cmp::Reverse(longest[usize::from(*state)]));
        for state in by_length.into_iter().map(usize::from) {
            if links[state] != NO_LINK {
                let of_link = usize::from(links[state]);
                self.last_end[of_link] = self.last_end[of_link].max(self.last_end[state]);
            }
        }
    }

    /// Where `literal` begins first, and last.
    fn find(&self, literal: &[u8]) -> Option<(usize, usize)> {
        let mut state = 0;
        for byte in literal {
            let column = self.columns[usize::from(*byte)];
            if column == NOWHERE {
                return None;
            }
            state = usize::from(self.next[state * self.num_columns + usize::from(column)]);
            if state == 0 {
                return None;
            }
        }
        let start = |end: u16| usize::from(end) - literal.len();
        Some((start(self.first_end[state]), start(self.last_end[state])))
    }
}

/// For each octet the set of positions at which it stands in a path, as bits: a literal is looked for at 256 places
/// at once.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain way: every place is tried.
    fn find_plainly(path: &[u8], literal: &[u8], from: usize) -> Option<usize> {
        (from..=path.len()).find(|at| path[*at..].starts_with(literal))
    }

    /// All strings of `a` and `b` of a length.
    fn strings(len: usize) -> impl Iterator<Item = Vec<u8>> {
        (0..1_u32 << len).map(move |bits| {
            (0..len)
                .map(|at| if bits >> at & 1 == 0 { b'a' } else { b'b' })
                .collect()
        })
    }

    #[test]
    fn the_index_finds_what_the_plain_search_finds() {
        let mut path: Vec<u8> = strings(5).flatten().collect();
        path.extend_from_slice(&[b'a'; 300]);
        path.push(b'c');
        for path in [&path[..], &path[..64], &path[..1], b""] {
            let index = Index::new(path);
            let bits_only = Index {
                automaton: None,
                positions: Positions::new(path),
            };
            for literal in (1..8)
                .flat_map(strings)
                .chain([b"ac".to_vec(), b"d".to_vec()])
            {
                for from in 0..=path.len() {
                    let plain = find_plainly(path, &literal, from);
                    assert_eq!(index.find(&literal, from), plain, "{literal:?} from {from}");
                    assert_eq!(index.holds(&literal, from), plain.is_some());
                    assert_eq!(
                        bits_only.find(&literal, from),
                        plain,
                        "{literal:?} from {from}"
                    );
                }
            }
        }
    }

    #[test]
    fn too_much_work_changes_no_answer() {
        let path = b"/aab/abab/b?a=b";
        for pattern in strings(6).map(|mut letters| {
            (letters[2], letters[4]) = (b'*', if letters[4] == b'a' { b'*' } else { b'b' });
            letters.insert(0, b'*');
            letters
        }) {
            for end in [&b""[..], b"*", b"$"] {
                let pattern = [&pattern[..], end].concat();
                let mut tired = Wildcard::new(path);
                tired.work = MAX_PLAIN_WORK + 1;
                assert_eq!(
                    tired.matches(&pattern),
                    Wildcard::new(path).matches(&pattern),
                    "{pattern:?}"
                );
            }
        }
    }
}
