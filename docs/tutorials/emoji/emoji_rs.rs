//! Counts the emoji in WET shards.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crawlrank_analysis::{Analysis, Record, RecordType, export};

const BLOCKS: [RangeInclusive<char>; 5] = [
    '\u{2600}'..='\u{27BF}',
    '\u{1F300}'..='\u{1F64F}',
    '\u{1F680}'..='\u{1F6FF}',
    '\u{1F900}'..='\u{1F9FF}',
    '\u{1FA70}'..='\u{1FAFF}',
];

#[derive(Default)]
struct Emoji(BTreeMap<char, u64>);

impl Analysis for Emoji {
    type Output = BTreeMap<char, u64>;

    fn record(&mut self, record: &Record) {
        if record.record_type() != RecordType::Conversion {
            return;
        }
        for character in String::from_utf8_lossy(record.block()).chars() {
            if BLOCKS.iter().any(|block| block.contains(&character)) {
                *self.0.entry(character).or_default() += 1;
            }
        }
    }

    fn merge(&mut self, other: Emoji) {
        for (emoji, count) in other.0 {
            *self.0.entry(emoji).or_default() += count;
        }
    }

    fn finish(self) -> Self::Output {
        self.0
    }
}

export!(emoji_rs, Emoji);
