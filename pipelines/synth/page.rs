//! One invented page: its address, HTTP headers, head and links, and whom it links to.
//!
//! The shares below are those measured on 1,468 real pages (Common Crawl's own generator over
//! their HTML); where a page's numbers hang together (many links, many metas), so do ours.

use super::World;
use super::dice::{Dice, Purpose};
use super::head;
use super::hosts::HostId;
use super::odd::{self, Answer};
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
struct Habits {
    /// Links to its own pages carry the host.
    absolute: bool,
    extension: &'static str,
    /// Addresses end in a number: `/garten-im-winter-4229.html`.
    numbered: bool,
    /// `title` attributes on links.
    titles: f64,
    /// `target` and `rel` on links to other hosts.
    new_window: f64,
    rel: &'static str,
}

/// A page in the making.
pub(super) struct Maker<'a> {
    pub(super) world: &'a World,
    pub(super) dice: Dice,
    pub(super) page: Page,
    habits: Habits,
    /// Folders of the site that this page links to, `/news` or `/2026/04`.
    sections: Vec<String>,
    /// Words that come back in this page's texts.
    topic: Vec<String>,
    /// Hosts this page links to already.
    neighbors: Vec<HostId>,
    /// Share of links that leave the host.
    external: f64,
    /// Whether the links being made have titles.
    titled: bool,
}

/// Mean and spread of the logarithm of the number of links, and the most a page has.
const LINKS: (f64, f64, usize) = (4.80, 0.97, 9_000);
/// Likewise of the HTML's length.
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
            titles: site.unit().powi(3) * 0.74,
            new_window: site.unit(),
            rel: site.pick(&EXTERNAL_RELS),
        };
        let html_bytes = dice.log_normal(HTML_BYTES.0, HTML_BYTES.1) as usize;
        let external = (0.19 * dice.log_normal(-0.125, 0.5)).min(0.7);
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
            let topical = !self.topic.is_empty() && self.dice.chance(0.62);
            let word = if topical {
                let place = self.dice.zipf(self.topic.len(), 0.9);
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

    fn section(&mut self) -> String {
        self.sections[self.dice.zipf(self.sections.len(), 1.1)].clone()
    }

    /// The last part of an address, made of a text's words.
    fn slug(&mut self, text: &str) -> String {
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

    fn body_links(&mut self) {
        if self.dice.chance(0.003) {
            return;
        }
        let count = (self.dice.log_normal(LINKS.0, LINKS.1) as usize).clamp(1, LINKS.2);
        self.page.links.reserve(count);
        let mut echo = None;
        for number in 0..count {
            // Repeats come in runs, as a menu does that stands above and below; one link in five is one.
            echo = match echo {
                Some(place) if place + 1 < number && self.dice.chance(0.75) => Some(place + 1),
                _ if number > 3 && self.dice.chance(0.065) => Some(self.dice.below(number)),
                _ => None,
            };
            if number % 8 == 0 {
                self.titled = self.dice.chance(self.habits.titles);
            }
            let link = match echo {
                Some(place) => self.repeated_link(place),
                None => self.new_link(),
            };
            self.page.links.push(link);
        }
    }

    /// A second link to an address of this page, sometimes with another text.
    fn repeated_link(&mut self, place: usize) -> Link {
        let mut link = self.page.links[place].clone();
        if link.path == "A@/href" && self.dice.chance(0.25) {
            link.text = self.anchor_text();
        }
        link
    }

    fn new_link(&mut self) -> Link {
        const KINDS: [f64; 8] = [0.854, 0.106, 0.023, 0.009, 0.003, 0.002, 0.0025, 0.0005];
        match self.dice.weighted(&KINDS) {
            0 => self.anchor(),
            1 => self.image(),
            2 => Link {
                path: STYLE,
                url: self.asset_url("css"),
                ..Link::default()
            },
            3 => self.form(),
            4 => {
                let url = self.external_url();
                Link {
                    path: "IFRAME@/src",
                    url,
                    ..Link::default()
                }
            }
            5 => Link {
                path: "AREA@/href",
                url: self.own_url(""),
                ..Link::default()
            },
            6 => self.rare_element(),
            _ => Link::default(),
        }
    }

    fn anchor(&mut self) -> Link {
        let text = self.anchor_text();
        let (relative, inner) = (0.046, 0.031);
        let mut link = Link {
            path: "A@/href",
            ..Link::default()
        };
        let form = self.dice.unit();
        if form < self.external {
            link.url = self.external_url();
            if self.dice.chance((self.habits.new_window * 1.1).min(0.95)) {
                link.target = Some("_blank");
            }
            if self.dice.chance(0.15 + self.habits.new_window * 0.4) {
                let usual = self.dice.chance(0.85);
                link.rel = Some(if usual {
                    self.habits.rel
                } else {
                    self.dice.pick(&EXTERNAL_RELS)
                });
            }
        } else if form < self.external + 0.0012 {
            link.url = self.odd_url();
        } else if form > 1.0 - inner {
            link.url = ["#", "#top", "#content", "#menu", ""][self.dice.below(5)].to_owned();
        } else if form > 1.0 - inner - 0.008 {
            link.url = "javascript:void(0)".to_owned();
        } else if form > 1.0 - inner - 0.012 {
            link.url = self.contact_url();
        } else if form > 1.0 - inner - 0.012 - relative {
            link.url = self.path_relative_url();
        } else {
            link.url = self.own_url(text.as_deref().unwrap_or(""));
            if self.dice.chance(0.045) {
                link.rel = Some(self.dice.pick(&OWN_RELS));
            }
            if self.dice.chance(0.03) {
                link.target = Some(self.dice.pick(&["_self", "_blank", ""]));
            }
        }
        if self.titled {
            link.title = match &text {
                Some(text) if self.dice.chance(0.66) => Some(text.clone()),
                _ => self.long_text(),
            };
        }
        link.text = text.filter(|_| self.dice.chance(0.95));
        link
    }

    fn anchor_text(&mut self) -> Option<String> {
        if self.dice.chance(0.04) {
            return None;
        }
        if self.dice.chance(0.08) {
            return Some(self.dice.between(1, 120).to_string());
        }
        let words = self.dice.log_normal(1.08, 0.85) as usize;
        let mut text = String::new();
        self.phrase(words.clamp(1, 24), &mut text);
        // The generator cuts texts at 128 characters.
        if let Some((end, _)) = text.char_indices().nth(128) {
            text.truncate(end);
        }
        if text.len() > 60 && self.dice.chance(0.15) {
            text.insert(0, '“');
            text.push('"');
        }
        Some(text)
    }

    fn long_text(&mut self) -> Option<String> {
        let mut text = String::new();
        let words = self.dice.between(2, 7);
        self.phrase(words, &mut text);
        Some(text)
    }

    fn image(&mut self) -> Link {
        let mut link = Link {
            path: "IMG@/src",
            ..Link::default()
        };
        if self.dice.chance(0.14) {
            // The generator cuts data URLs after the comma.
            link.url = self
                .dice
                .pick(&[
                    "data:image/gif;base64,",
                    "data:image/svg+xml,",
                    "data:image/png;base64,",
                ])
                .to_owned();
        } else {
            link.url = self.asset_url("jpg");
        }
        if self.dice.chance(0.85) {
            link.alt = if self.dice.chance(0.3) {
                Some(String::new())
            } else {
                self.long_text()
            };
        }
        if self.dice.chance(0.18) {
            link.title = link.alt.clone().filter(|alt| !alt.is_empty());
        }
        link
    }

    fn form(&mut self) -> Link {
        let method = self
            .dice
            .chance(0.85)
            .then(|| self.dice.pick(&["get", "post", "get", "POST"]));
        let url = if self.dice.chance(0.7) {
            self.own_url("search")
        } else {
            self.external_url()
        };
        Link {
            path: "FORM@/action",
            url,
            method,
            ..Link::default()
        }
    }

    fn rare_element(&mut self) -> Link {
        const PATHS: [&str; 8] = [
            "INPUT@/src",
            "DIV@/data-href",
            "SOURCE@/src",
            "VIDEO@/poster",
            "TD@/background",
            "BLOCKQUOTE@/cite",
            "EMBED@/src",
            "AUDIO@/src",
        ];
        let path = self.dice.pick(&PATHS);
        let url = if self.dice.chance(0.4) {
            self.external_url()
        } else {
            self.asset_url("jpg")
        };
        Link {
            path,
            url,
            ..Link::default()
        }
    }

    /// An address on the page's own host, in the site's way of writing them.
    pub(super) fn own_url(&mut self, text: &str) -> String {
        let mut url = String::new();
        let absolute = if self.habits.absolute { 0.91 } else { 0.04 };
        if self.dice.chance(absolute) {
            url.push_str(&self.page.origin);
        }
        self.push_own_path(text, &mut url);
        url
    }

    fn push_own_path(&mut self, text: &str, url: &mut String) {
        match self.dice.below(100) {
            0..=3 => return url.push('/'),
            4..=13 => {
                url.push('/');
                url.push_str(&self.slug(text));
                return url.push_str(self.habits.extension);
            }
            14..=18 => {
                let number = self.dice.between(1, 90_000);
                let section = self.section();
                *url += &format!("{section}/index.php?id={number}&cat={}", number % 40);
                return;
            }
            _ => {}
        }
        let section = self.section();
        url.push_str(&section);
        url.push('/');
        url.push_str(&self.slug(text));
        if self.habits.numbered && self.dice.chance(0.6) {
            url.push_str(&format!(
                "-{}",
                4_000 * (self.page.host as usize % 90) + self.dice.below(4_000)
            ));
        }
        url.push_str(self.habits.extension);
    }

    fn path_relative_url(&mut self) -> String {
        let text = self.long_text().unwrap_or_default();
        let slug = self.slug(&text);
        match self.dice.below(4) {
            0 => format!("?page={}", self.dice.between(2, 40)),
            1 => format!("../{slug}.html"),
            2 => format!("{slug}/"),
            _ => format!("{slug}.html"),
        }
    }

    fn contact_url(&mut self) -> String {
        if self.dice.chance(0.3) {
            return format!("tel:+49{}", self.dice.between(100_000_000, 999_999_999));
        }
        let name = self.world.hosts.name(self.page.host);
        format!("mailto:info@{}", name.strip_prefix("www.").unwrap_or(name))
    }

    /// A picture, style or script: on the own host, a sister host, or a public one.
    pub(super) fn asset_url(&mut self, extension: &str) -> String {
        let mut url = String::new();
        match self.world.hosts.sister(self.page.host) {
            Some(sister) if self.habits.absolute && self.dice.chance(0.35) => {
                self.link_to(sister);
                url.push_str(if self.dice.chance(0.1) {
                    "//"
                } else {
                    "https://"
                });
                url.push_str(self.world.hosts.name(sister));
            }
            _ if self.habits.absolute => url.push_str(&self.page.origin),
            _ => {}
        }
        let folder = [
            "/wp-content/uploads",
            "/assets/images",
            "/media",
            "/static",
            "/fileadmin/user_upload",
        ][self.page.host as usize % 5];
        url.push_str(folder);
        if self.dice.chance(0.5) {
            url.push_str(&format!(
                "/{}/{:02}",
                2019 + self.page.host % 8,
                self.dice.between(7, 12)
            ));
        }
        url.push('/');
        let text = self.long_text().unwrap_or_default();
        let slug = self.slug(&text);
        url.push_str(&slug);
        if extension == "jpg" {
            let size = [150, 300, 768, 1024][self.dice.below(4)];
            url.push_str(&format!(
                "-{size}x{}.{}",
                size * 2 / 3,
                self.dice.pick(&["jpg", "jpg", "png", "webp"])
            ));
        } else {
            url.push_str(&format!(
                ".min.{extension}?ver={}.{}.{}",
                self.page.host % 7,
                self.dice.below(9),
                self.page.host % 3
            ));
        }
        url
    }

    /// Notes a link to a well-formed host, which all profiles see alike.
    pub(super) fn link_to(&mut self, host: HostId) {
        self.page.targets.push(Target {
            cc: Some(host),
            browser: Some(host),
        });
    }

    /// A host that this page links to: often one it has linked to before.
    fn neighbor(&mut self) -> HostId {
        let fresh = if self.neighbors.len() < 8 { 0.8 } else { 0.42 };
        if !self.neighbors.is_empty() && !self.dice.chance(fresh) {
            return self.neighbors[self.dice.below(self.neighbors.len())];
        }
        let host = self.world.hosts.draw_target(&mut self.dice);
        if !self.neighbors.contains(&host) {
            self.neighbors.push(host);
        }
        host
    }

    /// Hosts of this page that both profiles know of.
    pub(super) fn known_neighbor(&mut self) -> Option<HostId> {
        if self.neighbors.is_empty() {
            return None;
        }
        Some(self.neighbors[self.dice.below(self.neighbors.len())])
    }

    /// An address on another host (rarely, by chance, on the own one), in a well-formed way.
    fn external_url(&mut self) -> String {
        let host = self.neighbor();
        self.url_on(host)
    }

    /// An address on `host`; the link is noted.
    pub(super) fn url_on(&mut self, host: HostId) -> String {
        self.link_to(host);
        let scheme = ["https://", "http://", "//"][self.dice.weighted(&[0.78, 0.19, 0.03])];
        let mut url = format!("{scheme}{}", self.world.hosts.name(host));
        self.push_foreign_path(host, &mut url);
        url
    }

    fn push_foreign_path(&mut self, host: HostId, url: &mut String) {
        let text = self.long_text().unwrap_or_default();
        let slug = self.slug(&text);
        match self.dice.below(100) {
            0..=14 => url.push('/'),
            15..=19 => {}
            20..=26 => *url += &format!("/?{}={}&utm_source={slug}", "ref", self.dice.below(1_000)),
            _ if self.world.hosts.is_head(host) => {
                let name = self.site_name().replace(' ', "").to_lowercase();
                match self.dice.below(4) {
                    0 => {
                        *url += &format!(
                            "/sharer.php?u={}{}",
                            percent(&self.page.origin),
                            percent(&self.page.path)
                        )
                    }
                    1 => *url += &format!("/watch?v={}", token(11, &mut self.dice)),
                    2 => *url += &format!("/{name}/"),
                    _ => *url += &format!("/{name}"),
                }
            }
            _ => {
                let year = self.dice.between(2005, 2026);
                *url += &match self.dice.below(4) {
                    0 => format!("/{year}/{:02}/{slug}/", self.dice.between(1, 12)),
                    1 => format!("/{slug}.html"),
                    2 => format!("/{slug}-{}", self.dice.between(100, 99_999)),
                    _ => format!("/{slug}/"),
                };
            }
        }
    }

    /// A URL from the table of odd forms; what each profile makes of it is noted.
    fn odd_url(&mut self) -> String {
        let form = &odd::FORMS[self.dice.below(odd::FORMS.len())];
        let host = self.world.hosts.draw_target(&mut self.dice);
        let hosts = &self.world.hosts;
        let resolve = |answer| match answer {
            Answer::Host => Some(host),
            Answer::Fixed(name) => Some(hosts.find(name).expect("every fixed answer is a host")),
            Answer::Nobody => None,
        };
        self.page.targets.push(Target {
            cc: resolve(form.cc),
            browser: resolve(form.browser),
        });
        let path = self.long_text().unwrap_or_default();
        let path = self.slug(&path);
        form.url
            .replace("{host}", hosts.name(host))
            .replace("{path}", &path)
    }
}

const EXTERNAL_RELS: [&str; 16] = [
    "nofollow",
    "nofollow",
    "nofollow",
    "noopener",
    "noopener",
    "noopener noreferrer",
    "noopener noreferrer",
    "nofollow noopener noreferrer",
    "nofollow noopener",
    "noreferrer",
    "external nofollow ugc",
    "external nofollow",
    "noopener nofollow",
    "external",
    "nofollow noopener sponsored",
    "license",
];
const OWN_RELS: [&str; 8] = [
    "tag",
    "bookmark",
    "follow",
    "home",
    "category tag",
    "author",
    "nofollow",
    "next",
];

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

fn percent(text: &str) -> String {
    text.replace(':', "%3A")
        .replace('/', "%2F")
        .replace('?', "%3F")
        .replace('&', "%26")
}

/// The page's language.
impl Page {
    pub(super) fn language_code(&self) -> &'static str {
        LANGUAGES[self.language].code
    }
}
