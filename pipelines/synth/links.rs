//! The links of a page's body: elements in their shares, addresses in theirs, and whom they point to.

use super::hosts::HostId;
use super::odd::{self, Answer};
use super::page::{Link, Maker, STYLE, Target, token};

/// Mean and spread of the logarithm of the number of links, and the most a page has.
const LINKS: (f64, f64, usize) = (4.82, 0.97, 9_000);

impl Maker<'_> {
    pub(super) fn body_links(&mut self) {
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
        let words = self.dice.log_normal(1.2, 0.85) as usize;
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
        let fresh = if self.neighbors.len() < 8 { 0.8 } else { 0.36 };
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
pub(super) const EXTERNAL_RELS: [&str; 16] = [
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

fn percent(text: &str) -> String {
    text.replace(':', "%3A")
        .replace('/', "%2F")
        .replace('?', "%3F")
        .replace('&', "%26")
}
