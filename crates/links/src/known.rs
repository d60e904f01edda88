//! Hosts met on earlier pages, as spelled there, with their reversed names.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::Skipped;
use crate::json::Span;

/// With so many bytes of names, or so many hosts, all are forgotten: enough for those that a shard names again and again, and
/// 3 MiB of memory at most.
const MAX_BYTES: usize = 2 << 20;
const MAX_HOSTS: usize = 1 << 15;

/// A memory of names, so that checking and reversing happens once for each spelling, not once for each page that has it.
#[derive(Default)]
pub(crate) struct KnownHosts {
    text: String,
    hosts: HashTable<KnownHost>,
    hasher: DefaultHashBuilder,
}

/// Places in the text.
struct KnownHost {
    spelled: Span,
    reversed: Span,
}

impl KnownHosts {
    /// Appends the reversed name of a host to `out`: from memory, or as `push` does; its errors are not remembered.
    pub(crate) fn push_reversed(
        &mut self,
        spelled: &str,
        out: &mut String,
        push: impl FnOnce(&mut String) -> Result<(), Skipped>,
    ) -> Result<(), Skipped> {
        let hash = self.hasher.hash_one(spelled);
        let text = &self.text;
        let is_same = |host: &KnownHost| &text[host.spelled.range()] == spelled;
        if let Some(host) = self.hosts.find(hash, is_same) {
            out.push_str(&text[host.reversed.range()]);
            return Ok(());
        }
        let start = out.len();
        push(out)?;
        if self.text.len() > MAX_BYTES || self.hosts.len() >= MAX_HOSTS {
            self.text.clear();
            self.hosts.clear();
        }
        let mut keep = |name: &str| {
            let start = self.text.len() as u32;
            self.text.push_str(name);
            let end = self.text.len() as u32;
            Span { start, end }
        };
        let (spelled, reversed) = (keep(spelled), keep(&out[start..]));
        let (text, hasher) = (&self.text, &self.hasher);
        let host = KnownHost { spelled, reversed };
        self.hosts.insert_unique(hash, host, |host| {
            hasher.hash_one(&text[host.spelled.range()])
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_made_once_until_too_many_are_known() {
        let (mut known, mut num_made) = (KnownHosts::default(), 0);
        let mut out = String::new();
        let mut host = |known: &mut KnownHosts, spelled: &str| {
            out.clear();
            let pushed = known.push_reversed(spelled, &mut out, |out| {
                num_made += 1;
                out.push_str("com.example");
                Ok(())
            });
            assert_eq!((pushed, out.as_str()), (Ok(()), "com.example"));
            num_made
        };
        assert_eq!(host(&mut known, "example.com"), 1);
        assert_eq!(host(&mut known, "example.com"), 1);
        assert_eq!(host(&mut known, "Example.com"), 2);
        host(&mut known, &"x".repeat(MAX_BYTES));
        host(&mut known, "example.org");
        assert_eq!(host(&mut known, "example.com"), 5);
    }

    #[test]
    fn errors_are_told_each_time() {
        let mut known = KnownHosts::default();
        for _ in 0..2 {
            let pushed =
                known.push_reversed("x", &mut String::new(), |_| Err(Skipped::SingleLabel));
            assert_eq!(pushed, Err(Skipped::SingleLabel));
        }
    }
}
