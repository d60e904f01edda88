//! One invented page: its address, HTTP headers, head and links, and whom it links to.
//!
//! The shares below are those measured on 1,468 real pages (Common Crawl's own generator over
//! their HTML); where a page's numbers hang together (many links, many metas), so do ours.

use super::World;
use super::dice::{Dice, Purpose};
use super::head;
use super::hosts::HostId;
use super::links::EXTERNAL_RELS;
use super::words::{LANGUAGES, push_capitalized};

/// A link as the WAT lists it. Absent keys are `None`.
#[derive(Clone, Default)]
pub(super) struct Link {
    /// `A@/href`; empty for the rare link objects without any key.
    pub(super) path: &'static str,
    pub(super) url: String,
    pub(super) target: Option<&'static str>,
    pub(super) alt: Option<String>,
    pub(super) title: Option<String>,
    pub(super) rel: Option<&'static str>,
    /// MIME type.
    pub(super) media_type: Option<&'static str>,
    pub(super) method: Option<&'static str>,
    pub(super) text: Option<String>,
}

/// The path of CSS URLs, whose key is `href` where all others have `url`.
pub(super) const STYLE: &str = "STYLE/#text";

/// Which attribute names a `<meta>`.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum MetaKey {
    Name,
    Property,
    HttpEquiv,
}

pub(super) struct Meta {
    pub(super) key: MetaKey,
    pub(super) name: &'static str,
    pub(super) content: String,
}

/// The hosts that one link points to: by Common Crawl's rules, and as a browser sees it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Target {
    pub(super) cc: Option<HostId>,
    pub(super) browser: Option<HostId>,
}

/// A page. The same for every kind of shard: it depends on the seed and its index alone.
pub(super) struct Page {
    pub(super) index: u64,
    pub(super) host: HostId,
    pub(super) language: usize,
    /// `https://www.example.com`
    pub(super) origin: String,
    /// Path and query, with the leading slash.
    pub(super) path: String,
    /// Ids of the WARC's request, response and metadata records.
    pub(super) ids: [String; 3],
    pub(super) ip: String,
    /// Seconds after the start of the crawl.
    pub(super) second: u32,
    pub(super) fetch_milliseconds: usize,
    pub(super) http2: bool,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) base: Option<String>,
    pub(super) headers: Vec<(&'static str, Vec<String>)>,
    pub(super) metas: Vec<Meta>,
    pub(super) head_links: Vec<Link>,
    pub(super) scripts: Vec<Link>,
    pub(super) links: Vec<Link>,
    /// Length that the HTML should have, before it is cut at 1 MiB.
    pub(super) html_bytes: usize,
    /// One entry per link to another host (and per odd link), unsorted, with repeats.
    pub(super) targets: Vec<Target>,
}

impl Page {
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

/// Makes the page with this index.
pub(super) fn page(world: &World, index: u64) -> Page {
    let mut dice = Dice::new(world.seed, Purpose::Page, index);
    let host = world.hosts.draw_crawled(&mut dice);
    let mut maker = Maker::new(world, host, index, dice);
    maker.address();
    // Links come before the head: metas point only to hosts that some link points to as well.
    maker.body_links();
    head::fill(&mut maker);
    maker.page
}

/// What one site does alike on all of its pages.
pub(super) struct Habits {
    /// Links to its own pages carry the host.
    pub(super) absolute: bool,
    pub(super) extension: &'static str,
    /// Addresses end in a number: `/garten-im-winter-4229.html`.
    pub(super) numbered: bool,
    /// `title` attributes on links.
    pub(super) titles: f64,
    /// `target` and `rel` on links to other hosts.
    pub(super) new_window: f64,
    pub(super) rel: &'static str,
}

/// A page in the making.
pub(super) struct Maker<'a> {
    pub(super) world: &'a World,
    pub(super) dice: Dice,
    pub(super) page: Page,
    pub(super) habits: Habits,
    /// Folders of the site that this page links to, `/news` or `/2026/04`.
    sections: Vec<String>,
    /// Words that come back in this page's texts.
    topic: Vec<String>,
    /// Hosts this page links to already.
    pub(super) neighbors: Vec<HostId>,
    /// Share of links that leave the host.
    pub(super) external: f64,
    /// Whether the links being made have titles.
    pub(super) titled: bool,
}

/// Mean and spread of the logarithm of the HTML's length.
const HTML_BYTES: (f64, f64) = (11.23, 1.14);

impl<'a> Maker<'a> {
    fn new(world: &'a World, host: HostId, index: u64, mut dice: Dice) -> Self {
        let mut site = Dice::new(world.seed, Purpose::World, 1 + u64::from(host));
        let language = world.lexicon.language(&mut site);
        let scheme = if site.chance(0.88) { "https" } else { "http" };
        let habits = Habits {
            absolute: site.chance(0.43),
            extension: site.pick(&["/", "/", "", "", ".html", ".html", ".php", ".htm"]),
            numbered: site.chance(0.4),
            titles: site.skewed(1_000) as f64 * 0.000_74,
            new_window: site.unit(),
            rel: site.pick(&EXTERNAL_RELS),
        };
        let html_bytes = dice.log_normal(HTML_BYTES.0, HTML_BYTES.1) as usize;
        let external = (0.215 * dice.log_normal(-0.125, 0.5)).min(0.7);
        let page = Page {
            index,
            host,
            language,
            origin: format!("{scheme}://{}", world.hosts.name(host)),
            path: String::new(),
            ids: [uuid(&mut dice), uuid(&mut dice), uuid(&mut dice)],
            ip: ip_address(&mut site),
            second: dice.below(10_800) as u32,
            fetch_milliseconds: dice.log_normal(5.8, 0.8) as usize,
            http2: scheme == "https" && site.chance(0.7),
            title: String::new(),
            description: String::new(),
            base: None,
            headers: Vec::new(),
            metas: Vec::new(),
            head_links: Vec::new(),
            scripts: Vec::new(),
            links: Vec::new(),
            html_bytes,
            targets: Vec::new(),
        };
        let mut maker = Self {
            world,
            dice,
            page,
            habits,
            sections: Vec::new(),
            topic: Vec::new(),
            neighbors: Vec::new(),
            external,
            titled: false,
        };
        maker.set_the_scene(&mut site);
        maker
    }

    /// Chooses the site's folders and the page's topic.
    fn set_the_scene(&mut self, site: &mut Dice) {
        for _ in 0..site.between(3, 7) {
            let mut section = format!("/{}", self.slug_word(site));
            for _ in 0..site.below(3) {
                section.push('/');
                section.push_str(&self.slug_word(site));
            }
            self.sections.push(section);
        }
        if site.chance(0.5) {
            self.sections.push(format!(
                "/{}/{:02}",
                site.between(2009, 2026),
                site.between(1, 12)
            ));
        }
        let topic = self.dice.between(25, 60);
        for _ in 0..topic {
            let word = self
                .world
                .lexicon
                .noun(self.page.language, &mut self.dice)
                .to_owned();
            self.topic.push(word);
        }
    }

    fn address(&mut self) {
        let words = 2 + self.dice.log_normal(1.25, 0.5) as usize;
        let mut title = String::new();
        self.phrase(words.min(14), &mut title);
        if self.dice.chance(0.05) {
            self.page.path = "/".to_owned();
        } else {
            let section = self.section();
            let slug = self.slug(&title);
            // The index makes the address unique within the crawl.
            let query = if self.dice.chance(0.06) {
                "?view=full&page=2"
            } else {
                ""
            };
            let extension = self.habits.extension;
            self.page.path = format!("{section}/{slug}-{}{extension}{query}", self.page.index);
        }
        let site = self.site_name();
        self.page.title = format!("{title} {} {site}", self.dice.pick(&["-", "|", "–", "-"]));
        let mut description = String::new();
        for _ in 0..self.dice.between(1, 3) {
            self.world
                .lexicon
                .sentence(self.page.language, &mut self.dice, &mut description);
            description.push(' ');
        }
        self.page.description = description;
    }

    /// What the site calls itself: its domain's first label.
    pub(super) fn site_name(&self) -> String {
        let name = self.world.hosts.name(self.page.host);
        let label = name
            .strip_prefix("www.")
            .unwrap_or(name)
            .split('.')
            .next()
            .unwrap_or(name);
        let mut site = String::new();
        label.split('-').for_each(|word| {
            site.push_str(if site.is_empty() { "" } else { " " });
            push_capitalized(word, &mut site);
        });
        site
    }

    /// Appends a phrase about the page's topic.
    pub(super) fn phrase(&mut self, words: usize, out: &mut String) {
        for number in 0..words {
            let topical = !self.topic.is_empty() && self.dice.chance(0.72);
            let word = if topical {
                let place = self.dice.skewed(self.topic.len());
                &self.topic[place]
            } else {
                self.world.lexicon.word(self.page.language, &mut self.dice)
            };
            if number == 0 {
                push_capitalized(word, out);
            } else {
                out.push(' ');
                out.push_str(word);
            }
        }
    }

    /// A word for an address: plain letters, else an English one as many sites do.
    fn slug_word(&self, dice: &mut Dice) -> String {
        let word = self.world.lexicon.noun(self.page.language, dice);
        if word.is_ascii() {
            word.to_owned()
        } else {
            self.world.lexicon.noun(0, dice).to_owned()
        }
    }

    pub(super) fn section(&mut self) -> String {
        self.sections[self.dice.skewed(self.sections.len())].clone()
    }

    /// The last part of an address, made of a text's words.
    pub(super) fn slug(&mut self, text: &str) -> String {
        let mut slug = String::with_capacity(text.len());
        for letter in text.chars().flat_map(char::to_lowercase) {
            match letter {
                'a'..='z' | '0'..='9' => slug.push(letter),
                ' ' if !slug.ends_with('-') => slug.push('-'),
                'ä' => slug.push_str("ae"),
                'ö' => slug.push_str("oe"),
                'ü' => slug.push_str("ue"),
                'ß' => slug.push_str("ss"),
                'é' | 'è' | 'ê' => slug.push('e'),
                'ó' => slug.push('o'),
                _ => {}
            }
        }
        let slug = slug.trim_matches('-').to_owned();
        if slug.len() >= 3 {
            return slug;
        }
        if !text.is_empty() && self.dice.chance(0.2) {
            return text
                .split(' ')
                .next()
                .unwrap_or(text)
                .bytes()
                .fold(String::new(), |out, byte| out + &format!("%{byte:02X}"));
        }
        let mut words = self.world.lexicon.noun(0, &mut self.dice).to_owned();
        if self.dice.chance(0.5) {
            words.push('-');
            words.push_str(self.world.lexicon.noun(0, &mut self.dice));
        }
        words
    }
}

/// Letters and digits, as in keys of services.
pub(super) fn token(length: usize, dice: &mut Dice) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length)
        .map(|_| char::from(LETTERS[dice.below(64)]))
        .collect()
}

/// A random (version 4) UUID.
pub(super) fn uuid(dice: &mut Dice) -> String {
    let (high, low) = (dice.next_u64(), dice.next_u64());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

/// An address of the ranges for documentation and tests, so that it is nobody's.
pub(super) fn ip_address(dice: &mut Dice) -> String {
    format!(
        "198.{}.{}.{}",
        dice.between(18, 19),
        dice.below(256),
        dice.between(1, 254)
    )
}

impl Page {
    /// The page's language, as in `<html lang>`.
    pub(super) fn language_code(&self) -> &'static str {
        LANGUAGES[self.language].code
    }
}
