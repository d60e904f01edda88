//! Sets of the names and spans of one page, with hashes seeded by process (the keys are foreign). Their order is never looked at.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::json::Span;

/// The size above which a table is given back after a page: clearing takes time by capacity, not by content.
const KEPT_CAPACITY: usize = 4096;

/// Names seen on a page, in one string.
#[derive(Default)]
pub(crate) struct UniqueNames {
    text: String,
    spans: HashTable<Span>,
    hasher: DefaultHashBuilder,
}

impl UniqueNames {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        clear_table(&mut self.spans);
    }

    /// Adds a name and returns whether it is new.
    pub(crate) fn insert(&mut self, name: &str) -> bool {
        let hash = self.hasher.hash_one(name);
        let text = &self.text;
        if self
            .spans
            .find(hash, |span| &text[span.range()] == name)
            .is_some()
        {
            return false;
        }
        let start = self.text.len() as u32;
        self.text.push_str(name);
        let span = Span {
            start,
            end: self.text.len() as u32,
        };
        let (text, hasher) = (&self.text, &self.hasher);
        self.spans
            .insert_unique(hash, span, |span| hasher.hash_one(&text[span.range()]));
        true
    }
}

/// Spans of a document seen on a page, by the bytes they stand for.
#[derive(Default)]
pub(crate) struct UniqueSpans {
    spans: HashTable<Span>,
    hasher: DefaultHashBuilder,
}

impl UniqueSpans {
    pub(crate) fn clear(&mut self) {
        clear_table(&mut self.spans);
    }

    /// Adds what `span` stands for in `document` and returns whether it is new.
    pub(crate) fn insert(&mut self, span: Span, document: &[u8]) -> bool {
        let bytes = &document[span.range()];
        let hash = self.hasher.hash_one(bytes);
        if self
            .spans
            .find(hash, |span| &document[span.range()] == bytes)
            .is_some()
        {
            return false;
        }
        let hasher = &self.hasher;
        self.spans
            .insert_unique(hash, span, |span| hasher.hash_one(&document[span.range()]));
        true
    }
}

fn clear_table(table: &mut HashTable<Span>) {
    if table.capacity() > KEPT_CAPACITY {
        *table = HashTable::new();
    } else {
        table.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_new_once() {
        let mut names = UniqueNames::default();
        for round in 0..2 {
            for i in 0..10_000 {
                assert!(names.insert(&format!("com.example{i}")), "{round}");
            }
            assert!(!names.insert("com.example7"));
            names.clear();
        }
    }

    #[test]
    fn spans_are_compared_by_their_bytes() {
        let mut spans = UniqueSpans::default();
        let document = b"abcabd";
        assert!(spans.insert(Span { start: 0, end: 3 }, document));
        assert!(spans.insert(Span { start: 3, end: 6 }, document));
        assert!(
            !spans.insert(Span { start: 3, end: 5 }, document)
                || spans.insert(Span { start: 0, end: 1 }, document)
        );
        assert!(!spans.insert(Span { start: 0, end: 2 }, document));
    }
}
