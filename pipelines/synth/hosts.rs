//! The hosts of the invented web: a fixed head that everybody links to, and a generated tail.

use std::collections::HashSet;

use super::dice::{Dice, Purpose};
use super::odd;
use super::words::Lexicon;

/// A host's number in [`Hosts`]; small numbers are popular.
pub(super) type HostId = u32;

/// The hosts that real pages link to most, most popular first.
const HEAD: [&str; 72] = [
    "www.facebook.com",
    "twitter.com",
    "www.youtube.com",
    "www.instagram.com",
    "www.googletagmanager.com",
    "fonts.googleapis.com",
    "www.linkedin.com",
    "fonts.gstatic.com",
    "www.google.com",
    "plus.google.com",
    "www.pinterest.com",
    "ajax.googleapis.com",
    "s.w.org",
    "maps.google.com",
    "wordpress.org",
    "cdnjs.cloudflare.com",
    "gmpg.org",
    "www.google-analytics.com",
    "platform.twitter.com",
    "connect.facebook.net",
    "en.wikipedia.org",
    "api.whatsapp.com",
    "play.google.com",
    "apps.apple.com",
    "t.me",
    "secure.gravatar.com",
    "pagead2.googlesyndication.com",
    "www.tiktok.com",
    "i0.wp.com",
    "www.w3.org",
    "maxcdn.bootstrapcdn.com",
    "code.jquery.com",
    "cdn.jsdelivr.net",
    "vimeo.com",
    "stats.wp.com",
    "docs.google.com",
    "creativecommons.org",
    "policies.google.com",
    "github.com",
    "www.reddit.com",
    "support.google.com",
    "www.amazon.com",
    "www.flickr.com",
    "itunes.apple.com",
    "schema.org",
    "player.vimeo.com",
    "use.fontawesome.com",
    "www.addtoany.com",
    "x.com",
    "www.tumblr.com",
    "open.spotify.com",
    "ec.europa.eu",
    "www.paypal.com",
    "s3.amazonaws.com",
    "developers.google.com",
    "www.gstatic.com",
    "kit.fontawesome.com",
    "unpkg.com",
    "i.ytimg.com",
    "b.hatena.ne.jp",
    "de.wikipedia.org",
    "social-plugins.line.me",
    "vk.com",
    "www.bbc.co.uk",
    "www.nytimes.com",
    "www.theguardian.com",
    "www.gov.uk",
    "medium.com",
    "www.medium.com",
    "archive.org",
    "web.archive.org",
    "www.blogger.com",
];

/// Hosts of the head that serve fonts and scripts rather than readers.
const ASSET_HOSTS: [HostId; 14] = [4, 5, 7, 11, 15, 17, 18, 19, 26, 30, 31, 32, 46, 57];

/// Top-level domains and how often they end a generated name (in thousandths).
const SUFFIXES: [(&str, f64); 28] = [
    ("com", 450.0),
    ("org", 75.0),
    ("de", 80.0),
    ("net", 50.0),
    ("ru", 40.0),
    ("co.uk", 30.0),
    ("fr", 25.0),
    ("it", 25.0),
    ("nl", 22.0),
    ("com.br", 20.0),
    ("pl", 20.0),
    ("jp", 12.0),
    ("co.jp", 12.0),
    ("es", 18.0),
    ("com.au", 15.0),
    ("ch", 12.0),
    ("cz", 12.0),
    ("at", 10.0),
    ("eu", 12.0),
    ("io", 10.0),
    ("info", 14.0),
    ("edu", 8.0),
    ("gov", 3.0),
    ("ca", 10.0),
    ("se", 8.0),
    ("in", 8.0),
    ("gov.uk", 2.0),
    ("blogspot.com", 17.0),
];

const SUBDOMAINS: [&str; 10] = [
    "static", "cdn", "img", "blog", "shop", "m", "news", "media", "forum", "assets",
];

/// Generated hosts come in fours: `www.A`, `B`, a sister of `www.A`, `www.C`. The first of each
/// four is crawled, so three generated hosts in four are linked to at most, as in the real web.
const GROUP: usize = 4;

/// All names, with their place in the order of reversed names.
pub(super) struct Hosts {
    names: String,
    /// `names` of host `id` is `ends[id]..ends[id + 1]`.
    ends: Vec<usize>,
    generated: usize,
    /// Place of each host among the reversed names in byte order.
    ranks: Vec<u32>,
    by_rank: Vec<HostId>,
}

impl Hosts {
    /// Invents `generated` hosts beside the fixed ones. 60 bytes a host.
    pub(super) fn new(seed: u64, generated: u32, lexicon: &Lexicon) -> Self {
        let mut hosts = Self {
            names: String::new(),
            ends: vec![0],
            generated: generated as usize,
            ranks: Vec::new(),
            by_rank: Vec::new(),
        };
        HEAD.iter().for_each(|name| hosts.push(name));
        hosts.invent(seed, lexicon);
        let mut fixed: Vec<&str> = odd::fixed_hosts().collect();
        fixed.sort_unstable();
        fixed.dedup();
        fixed.iter().for_each(|name| hosts.push(name));
        hosts.sort();
        hosts
    }

    fn push(&mut self, name: &str) {
        self.names.push_str(name);
        self.ends.push(self.names.len());
    }

    fn invent(&mut self, seed: u64, lexicon: &Lexicon) {
        let mut dice = Dice::new(seed, Purpose::World, 0);
        let bare = |name: &&str| name.strip_prefix("www.").unwrap_or(name).to_owned();
        let mut taken: HashSet<String> = HEAD.iter().map(bare).collect();
        let mut group_domain = String::new();
        for number in 0..self.generated {
            let domain = match number % GROUP {
                2 => group_domain.clone(),
                _ => new_domain(lexicon, &mut taken, &mut dice),
            };
            let name = match number % GROUP {
                0 => {
                    group_domain.clone_from(&domain);
                    format!("www.{domain}")
                }
                1 => domain,
                2 => format!("{}.{domain}", dice.pick(&SUBDOMAINS)),
                _ => format!("www.{domain}"),
            };
            self.push(&name);
        }
    }

    fn sort(&mut self) {
        let mut by_rank: Vec<HostId> = (0..self.len() as HostId).collect();
        by_rank.sort_by_cached_key(|&id| self.reversed(id));
        self.ranks = vec![0; self.len()];
        for (rank, &id) in (0u32..).zip(&by_rank) {
            self.ranks[id as usize] = rank;
        }
        self.by_rank = by_rank;
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub(super) fn name(&self, id: HostId) -> &str {
        &self.names[self.ends[id as usize]..self.ends[id as usize + 1]]
    }

    /// The name with its labels in reverse order: `com.example.www`.
    pub(super) fn reversed(&self, id: HostId) -> String {
        let labels: Vec<&str> = self.name(id).rsplit('.').collect();
        labels.join(".")
    }

    /// The host's place among the reversed names in byte order.
    pub(super) fn rank(&self, id: HostId) -> u32 {
        self.ranks[id as usize]
    }

    pub(super) fn at_rank(&self, rank: u32) -> HostId {
        self.by_rank[rank as usize]
    }

    /// The host of this name; a scan from the end, where the names of odd links stand.
    pub(super) fn find(&self, name: &str) -> Option<HostId> {
        (0..self.len() as HostId)
            .rev()
            .find(|&id| self.name(id) == name)
    }

    /// How many of the hosts are crawled.
    pub(super) fn num_crawled(&self) -> usize {
        self.generated.div_ceil(GROUP)
    }

    pub(super) fn crawled(&self, number: usize) -> HostId {
        (HEAD.len() + number * GROUP) as HostId
    }

    /// The host of a capture: popular ones have more pages, yet none has most.
    pub(super) fn draw_crawled(&self, dice: &mut Dice) -> HostId {
        // To the power of 1.5, by operations that all machines round alike.
        let unit = dice.unit();
        let place = unit * unit.sqrt();
        self.crawled((place * self.num_crawled() as f64) as usize)
    }

    /// The host of a link, by Zipf's law with the exponent measured on real pages. One link in three
    /// goes anywhere: the law holds for the head, while the tail is longer than it says.
    pub(super) fn draw_target(&self, dice: &mut Dice) -> HostId {
        let count = HEAD.len() + self.generated;
        if dice.chance(0.33) {
            return dice.below(count) as HostId;
        }
        dice.zipf(count, 0.97) as HostId
    }

    /// A host that pages load fonts, styles and scripts from.
    pub(super) fn draw_asset(&self, dice: &mut Dice) -> HostId {
        ASSET_HOSTS[dice.zipf(ASSET_HOSTS.len(), 0.6)]
    }

    /// Another host of a crawled host's domain, if it has one.
    pub(super) fn sister(&self, crawled: HostId) -> Option<HostId> {
        let number = crawled as usize - HEAD.len() + 2;
        (number < self.generated).then_some(crawled + 2)
    }

    /// Whether the host is one of the fixed head, whose pages are profiles and plug-ins.
    pub(super) fn is_head(&self, id: HostId) -> bool {
        (id as usize) < HEAD.len()
    }
}

/// Invents a domain that was not there before: one or two words, rarely with a number.
fn new_domain(lexicon: &Lexicon, taken: &mut HashSet<String>, dice: &mut Dice) -> String {
    let suffix = SUFFIXES[dice.weighted(&SUFFIXES.map(|(_, weight)| weight))].0;
    let mut label = ascii_word(lexicon, dice);
    if dice.chance(0.75) {
        label.push_str(if dice.chance(0.25) { "-" } else { "" });
        label.push_str(&ascii_word(lexicon, dice));
    }
    if dice.chance(0.04) {
        label.push_str(&dice.between(1, 999).to_string());
    }
    let mut domain = format!("{label}.{suffix}");
    while !taken.insert(domain.clone()) {
        label.push_str(&dice.between(0, 99).to_string());
        domain = format!("{label}.{suffix}");
    }
    domain
}

/// A word in plain letters; languages without them lend none.
fn ascii_word(lexicon: &Lexicon, dice: &mut Dice) -> String {
    loop {
        let word = lexicon.noun(dice.weighted(&[0.7, 0.15, 0.1, 0.05]), dice);
        let word: String = word.chars().filter(char::is_ascii_lowercase).collect();
        if (3..=14).contains(&word.len()) {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(generated: u32) -> Hosts {
        Hosts::new(1, generated, &Lexicon::new())
    }

    #[test]
    fn names_are_unique_and_ranks_follow_reversed_names() {
        let hosts = hosts(30_000);
        let reversed: Vec<String> = (0..hosts.len() as u32)
            .map(|rank| hosts.reversed(hosts.at_rank(rank)))
            .collect();
        assert!(reversed.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(hosts.rank(hosts.at_rank(17)), 17);
    }

    #[test]
    fn more_hosts_do_not_rename_the_first() {
        let (few, many) = (hosts(100), hosts(200));
        assert!((0..172).all(|id| few.name(id) == many.name(id)));
    }

    #[test]
    fn names_are_valid_host_names() {
        let hosts = hosts(2_000);
        for id in 0..(HEAD.len() + 2_000) as u32 {
            let name = hosts.name(id);
            let plain = |label: &str| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            assert!(
                name.split('.').count() >= 2 && name.split('.').all(plain),
                "{name}"
            );
        }
    }

    #[test]
    fn sisters_share_the_domain() {
        let hosts = hosts(400);
        let crawled = hosts.crawled(5);
        let domain = hosts.name(crawled).strip_prefix("www.").unwrap();
        assert!(hosts.name(hosts.sister(crawled).unwrap()).ends_with(domain));
    }
}
