//! Matching of patterns with `*` and `$`, in time that no pair of rule and URL can drive up.

use alloc::boxed::Box;

use crate::bytes::find_byte;
use crate::occurrences::Occurrences;

/// Work (octets looked at) on one URL after which it is worth an index. Ordinary files stay far below: hundreds of
/// wildcard rules against a long URL.
const MAX_PLAIN_WORK: usize = 1 << 16;

/// A path to match patterns with; remembers how much work it was, and what helps when it becomes too much.
pub(crate) struct Wildcard<'p> {
    path: &'p [u8],
    work: usize,
    /// Boxed: it is large, and nearly never there.
    index: Option<Box<Occurrences>>,
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

    fn index(&mut self) -> &Occurrences {
        let path = self.path;
        self.index
            .get_or_insert_with(|| Box::new(Occurrences::new(path)))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// All strings of `a` and `b` of a length.
    fn strings(len: usize) -> impl Iterator<Item = Vec<u8>> {
        (0..1_u32 << len).map(move |bits| {
            (0..len)
                .map(|at| if bits >> at & 1 == 0 { b'a' } else { b'b' })
                .collect()
        })
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
