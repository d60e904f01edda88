//! Where literals occur in a path, for when too many of them are asked for.

use alloc::vec::Vec;

/// Finds literals in a path quickly, whatever they are: half a megabyte of rules against a path of two thousand octets
/// takes milliseconds.
///
/// The automaton knows in a step an octet whether a literal occurs at all, and where next. Short ones are looked for
/// among the bits first: they mostly occur nearby.
pub(crate) struct Occurrences {
    automaton: Option<Automaton>,
    positions: Positions,
}

/// Longer paths have no automaton: its states are numbered in 16 bits, and it takes some four hundred bytes an octet.
/// No crawler fetches such URLs; against them a search takes time by the length of both.
const MAX_AUTOMATON_PATH: usize = 32_000;

/// Literals up to this length are looked for nearby first.
const SHORT: usize = 2;

impl Occurrences {
    pub(crate) fn new(path: &[u8]) -> Occurrences {
        Occurrences {
            automaton: (path.len() <= MAX_AUTOMATON_PATH).then(|| Automaton::new(path)),
            positions: Positions::new(path),
        }
    }

    /// Whether `literal`, which is not empty, occurs at or after `from`.
    pub(crate) fn holds(&self, literal: &[u8], from: usize) -> bool {
        match &self.automaton {
            Some(automaton) => automaton
                .state_of(literal)
                .is_some_and(|state| automaton.next_end(state, from + literal.len()).is_some()),
            None => self.positions.find(literal, from).is_some(),
        }
    }

    /// Where `literal`, which is not empty, first occurs at or after `from`.
    pub(crate) fn find(&self, literal: &[u8], from: usize) -> Option<usize> {
        let Some(automaton) = &self.automaton else {
            return self.positions.find(literal, from);
        };
        if literal.len() <= SHORT {
            if let Some(near) = self.positions.find_in_words(literal, from, from / 64) {
                return Some(near);
            }
        }
        let state = automaton.state_of(literal)?;
        let end = automaton.next_end(state, from + literal.len())?;
        Some(end - literal.len())
    }
}

/// The suffix automaton of a path (Blumer and others, "The smallest automaton recognizing the subwords of a text",
/// 1985): each way from its start spells a part of the path, and each part has one way. Where a part ends is kept in
/// the order of the tree of links, in which the ends of one state lie side by side.
struct Automaton {
    /// Which column an octet has; those that do not occur share the first, which leads nowhere.
    columns: [u8; 256],
    num_columns: usize,
    /// For each state and column the next state, or 0.
    next: Vec<u16>,
    /// For each state, which of `ends` are its own.
    ranges: Vec<(u16, u16)>,
    ends: WaveletMatrix,
}

const NO_STATE: u16 = u16::MAX;

impl Automaton {
    fn new(path: &[u8]) -> Automaton {
        let mut columns = [0; 256];
        let mut num_columns = 1;
        for byte in path {
            let column = &mut columns[usize::from(*byte)];
            if *column == 0 {
                *column = num_columns; // canonical paths have less than a hundred different octets
                num_columns += 1;
            }
        }
        let mut builder = Builder {
            num_columns: usize::from(num_columns),
            next: Vec::with_capacity((2 * path.len() + 2) * usize::from(num_columns)),
            states: Vec::with_capacity(2 * path.len() + 2),
        };
        builder.add_state(State {
            longest: 0,
            link: NO_STATE,
            is_prefix: false,
        });
        let mut last = 0;
        for byte in path {
            last = builder.append(last, usize::from(columns[usize::from(*byte)]));
        }
        let (ranges, ends) = ends_by_link(&builder.states);
        Automaton {
            columns,
            num_columns: builder.num_columns,
            next: builder.next,
            ranges,
            ends: WaveletMatrix::new(ends),
        }
    }

    /// The state that `literal` leads to, if it occurs.
    fn state_of(&self, literal: &[u8]) -> Option<usize> {
        let mut state = 0;
        for byte in literal {
            let column = usize::from(self.columns[usize::from(*byte)]);
            state = usize::from(self.next[state * self.num_columns + column]);
            if state == 0 {
                return None;
            }
        }
        Some(state)
    }

    /// The first end at or after `from` of the parts that a state stands for.
    fn next_end(&self, state: usize, from: usize) -> Option<usize> {
        let (start, end) = self.ranges[state];
        self.ends
            .next_value(usize::from(start), usize::from(end), from)
    }
}

/// A state while the automaton is made.
#[derive(Clone, Copy)]
struct State {
    /// The length of the longest part that it stands for.
    longest: u16,
    /// The state of the longest end of its parts that occurs elsewhere, too.
    link: u16,
    /// Whether that longest part is the path's beginning.
    is_prefix: bool,
}

struct Builder {
    num_columns: usize,
    next: Vec<u16>,
    states: Vec<State>,
}

impl Builder {
    fn next(&mut self, state: u16, column: usize) -> &mut u16 {
        &mut self.next[usize::from(state) * self.num_columns + column]
    }

    fn add_state(&mut self, state: State) -> u16 {
        self.next.resize(self.next.len() + self.num_columns, 0);
        self.states.push(state);
        self.states.len() as u16 - 1
    }

    /// Appends an octet to the path, of which `last` is the state; returns the new one.
    fn append(&mut self, last: u16, column: usize) -> u16 {
        let longest = self.states[usize::from(last)].longest + 1;
        let state = self.add_state(State {
            longest,
            link: 0,
            is_prefix: true,
        });
        let mut from = last;
        while from != NO_STATE && *self.next(from, column) == 0 {
            *self.next(from, column) = state;
            from = self.states[usize::from(from)].link;
        }
        if from != NO_STATE {
            let other = *self.next(from, column);
            let is_longest = self.states[usize::from(other)].longest
                == self.states[usize::from(from)].longest + 1;
            let link = if is_longest {
                other
            } else {
                self.split(from, other, column)
            };
            self.states[usize::from(state)].link = link;
        }
        state
    }

    /// Parts off what of `other` is reached from `from` and shorter ends of it, which now occur in one place more.
    fn split(&mut self, mut from: u16, other: u16, column: usize) -> u16 {
        let longest = self.states[usize::from(from)].longest + 1;
        let link = self.states[usize::from(other)].link;
        let part = self.add_state(State {
            longest,
            link,
            is_prefix: false,
        });
        let row = usize::from(other) * self.num_columns;
        self.next.copy_within(
            row..row + self.num_columns,
            usize::from(part) * self.num_columns,
        );
        while from != NO_STATE && *self.next(from, column) == other {
            *self.next(from, column) = part;
            from = self.states[usize::from(from)].link;
        }
        self.states[usize::from(other)].link = part;
        part
    }
}

/// All ends of the path's beginnings, in the order in which the tree of links is walked, and for each state which of
/// them are those of its own parts: its own and those of all states below it.
fn ends_by_link(states: &[State]) -> (Vec<(u16, u16)>, Vec<u16>) {
    let (mut first_child, mut sibling) = (
        alloc::vec![NO_STATE; states.len()],
        alloc::vec![NO_STATE; states.len()],
    );
    for (at, state) in states.iter().enumerate().skip(1) {
        sibling[at] = first_child[usize::from(state.link)];
        first_child[usize::from(state.link)] = at as u16;
    }
    let mut ranges = alloc::vec![(0, 0); states.len()];
    let mut ends = Vec::with_capacity(states.len());
    let mut way = Vec::new();
    let mut at = 0;
    loop {
        ranges[at].0 = ends.len() as u16;
        if states[at].is_prefix {
            ends.push(states[at].longest);
        }
        if first_child[at] != NO_STATE {
            way.push(at);
            at = usize::from(first_child[at]);
            continue;
        }
        // Up to the first state that has a sibling left.
        loop {
            ranges[at].1 = ends.len() as u16;
            if sibling[at] != NO_STATE {
                at = usize::from(sibling[at]);
                break;
            }
            match way.pop() {
                Some(parent) => at = parent,
                None => return (ranges, ends),
            }
        }
    }
}

/// Numbers in an order of their own, of any stretch of which the smallest that is not below another is found in a few
/// steps (Claude and Navarro, "The wavelet matrix", 2012).
struct WaveletMatrix {
    numbers: Vec<u16>,
    /// From the highest bit down: for each place how many numbers before it lack the bit, and last how many in all.
    /// At each further bit those that lack the one before come first.
    zeros: Vec<Vec<u16>>,
}

/// So many numbers are quicker looked at one by one.
const FEW: usize = 64;

impl WaveletMatrix {
    fn new(numbers: Vec<u16>) -> WaveletMatrix {
        let most = numbers.iter().copied().max().unwrap_or(0);
        let num_bits = u16::BITS - most.leading_zeros();
        let mut zeros = Vec::with_capacity(num_bits as usize);
        let mut ordered = numbers.clone();
        for bit in (0..num_bits).rev() {
            let lacks = |number: &u16| number >> bit & 1 == 0;
            let mut count = 0;
            let mut before: Vec<u16> = Vec::with_capacity(ordered.len() + 1);
            for number in &ordered {
                before.push(count);
                count += u16::from(lacks(number));
            }
            before.push(count);
            zeros.push(before);
            // Stable, and in two passes: what lacks the bit, then what has it.
            let (without, with): (Vec<u16>, Vec<u16>) =
                ordered.iter().partition(|number| lacks(number));
            ordered = [without, with].concat();
        }
        WaveletMatrix { numbers, zeros }
    }

    /// The smallest number at the places from `start` to `end` that is at least `least`.
    fn next_value(&self, start: usize, end: usize, least: usize) -> Option<usize> {
        if end - start <= FEW {
            // Without a branch a number, several at a time.
            let least = u16::try_from(least).ok()?;
            let or_none = |number: &u16| if *number >= least { *number } else { NO_STATE };
            let smallest = self.numbers[start..end]
                .iter()
                .map(or_none)
                .fold(NO_STATE, u16::min);
            return (smallest != NO_STATE).then_some(usize::from(smallest));
        }
        if least >> self.zeros.len() != 0 {
            return None;
        }
        let smaller = self.count_below(start, end, least);
        (smaller < end - start).then(|| self.smallest(start, end, smaller))
    }

    /// Where the stretch goes on at the next bit, of numbers that lack this one, and of those that have it.
    fn split(zeros: &[u16], start: usize, end: usize) -> [(usize, usize); 2] {
        let (before, up_to) = (usize::from(zeros[start]), usize::from(zeros[end]));
        let all = usize::from(zeros[zeros.len() - 1]);
        [(before, up_to), (all + start - before, all + end - up_to)]
    }

    fn count_below(&self, mut start: usize, mut end: usize, limit: usize) -> usize {
        let mut count = 0;
        for (level, zeros) in self.zeros.iter().enumerate() {
            let [without, with] = Self::split(zeros, start, end);
            let has_bit = limit >> (self.zeros.len() - 1 - level) & 1 != 0;
            if has_bit {
                count += without.1 - without.0;
            }
            (start, end) = if has_bit { with } else { without };
        }
        count
    }

    /// The number that `rank` others of the stretch come before.
    fn smallest(&self, mut start: usize, mut end: usize, mut rank: usize) -> usize {
        let mut number = 0;
        for zeros in &self.zeros {
            let [without, with] = Self::split(zeros, start, end);
            let num_without = without.1 - without.0;
            let has_bit = rank >= num_without;
            if has_bit {
                rank -= num_without;
            }
            number = number << 1 | usize::from(has_bit);
            (start, end) = if has_bit { with } else { without };
        }
        number
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
        let end = (self.len + 1).checked_sub(literal.len())?;
        let mut words = (from / 64..end.div_ceil(64)).step_by(LANES);
        words.find_map(|word| self.find_in_words(literal, from, word))
    }

    /// Where `literal` first begins in `LANES` words, at or after `from`.
    fn find_in_words(&self, literal: &[u8], from: usize, word: usize) -> Option<usize> {
        let rarest = if literal.len() <= SHORT {
            0
        } else {
            self.rarest(literal)
        };
        let mut places = self.shifted(literal[rarest], word, rarest);
        if word == from / 64 {
            places[0] &= u64::MAX << (from % 64);
        }
        for (at, byte) in literal.iter().enumerate() {
            if places == [0; LANES] {
                return None;
            }
            let there = self.shifted(*byte, word, at);
            for lane in 0..LANES {
                places[lane] &= there[lane];
            }
        }
        let lane = places.iter().position(|bits| *bits != 0)?;
        Some((word + lane) * 64 + places[lane].trailing_zeros() as usize)
    }

    /// The place in a literal of the octet that the path has the least of: it leaves the fewest places to look at.
    fn rarest(&self, literal: &[u8]) -> usize {
        let count = |at: &usize| self.counts[usize::from(literal[*at])];
        (0..literal.len()).min_by_key(count).unwrap_or(0)
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
            let index = Occurrences::new(path);
            let bits_only = Occurrences {
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
}
