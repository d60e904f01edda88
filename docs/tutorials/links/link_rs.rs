//! Counts where the `<a href>` of pages lead, from WAT shards.
//!
//! ```cargo
//! [dependencies]
//! crawlrank-links = "*"
//! ```

use std::collections::{BTreeMap, HashMap};

use crawlrank_analysis::{Analysis, Record, RecordType, export};
use crawlrank_links::{LinkKind, Options, Page};

struct Targets {
    page: Page,
    hosts: HashMap<Vec<u8>, u64>,
}

impl Default for Targets {
    fn default() -> Targets {
        Targets {
            page: Page::new(Options::default()),
            hosts: HashMap::new(),
        }
    }
}

impl Analysis for Targets {
    type Output = BTreeMap<String, u64>;

    fn record(&mut self, record: &Record) {
        if record.record_type() != RecordType::Metadata || self.page.parse_wat(record.block()) != Ok(true) {
            return;
        }
        for link in self.page.links() {
            if link.kind != LinkKind::A || !link.url.is_ascii() {
                continue;
            }
            let Some(name) = host(link.url) else { continue };
            match self.hosts.get_mut(name) {
                Some(count) => *count += 1,
                None => drop(self.hosts.insert(name.to_vec(), 1)),
            }
        }
    }

    fn merge(&mut self, other: Targets) {
        for (name, count) in other.hosts {
            *self.hosts.entry(name).or_default() += count;
        }
    }

    fn finish(self) -> Self::Output {
        let mut counts = BTreeMap::new();
        for (name, count) in self.hosts {
            *counts.entry(String::from_utf8_lossy(&name).to_lowercase()).or_default() += count;
        }
        counts
    }
}

/// The host of an address that says it in full; `None` for others.
fn host(address: &[u8]) -> Option<&[u8]> {
    let colon = address.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = (&address[..colon], &address[colon + 3..]);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = rest.split(|byte| b"/?#".contains(byte)).next()?;
    let rest = rest.rsplit(|&byte| byte == b'@').next()?;
    let name = rest.split(|&byte| byte == b':').next()?;
    (!name.is_empty()).then_some(name)
}

export!(link_rs, Targets);
