//! The envelope of a WAT record: where page URL, base and links are in it.
//!
//! Written by Common Crawl's generator (ia-web-commons). Nothing is assumed about the order of keys: `Envelope` may come before or after
//! `Container`, `Links` before `Head`, and the type of the record after its payload. Where a key is repeated, the last value counts.

use crate::json::{Json, JsonError, RawString, Span};
use crate::skipped::SkippedCounts;
use crate::{LinkKind, Options, Profile, Rel, Skipped, browser, cc};

/// The lists of a record that hold links, in the order in which a page's links are reported (that of Common Crawl's job).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Headers,
    HeadLink,
    Metas,
    Scripts,
    Links,
}

/// A link whose strings are spans of the document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredLink {
    pub(crate) url: Span,
    pub(crate) text: Span,
    pub(crate) kind: LinkKind,
    pub(crate) rel: Rel,
}

/// What was found in one record. Reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) json: Json,
    pub(crate) is_response: bool,
    pub(crate) target_uri: Option<Span>,
    pub(crate) base: Option<Span>,
    /// By [`Section`].
    pub(crate) links: [Vec<StoredLink>; 5],
    pub(crate) skipped: SkippedCounts,
}

impl Envelope {
    pub(crate) fn clear(&mut self) {
        self.is_response = false;
        self.target_uri = None;
        self.skipped.clear();
        self.clear_payload();
    }

    /// Gives back the memory of an unusually large page.
    pub(crate) fn shrink(&mut self, keep_bytes: usize) {
        self.json.shrink(keep_bytes);
        for links in &mut self.links {
            links.shrink_to(keep_bytes / size_of::<StoredLink>());
        }
    }

    pub(crate) fn num_links(&self) -> usize {
        self.links.iter().map(Vec::len).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &StoredLink> {
        self.links.iter().flatten()
    }

    pub(crate) fn push(&mut self, section: Section, link: StoredLink) {
        self.links[section as usize].push(link);
    }

    fn clear_payload(&mut self) {
        self.clear_section(Section::Headers);
        self.clear_html();
    }

    fn clear_html(&mut self) {
        self.clear_head();
        self.clear_section(Section::Links);
    }

    fn clear_head(&mut self) {
        self.base = None;
        for section in [Section::HeadLink, Section::Metas, Section::Scripts] {
            self.clear_section(section);
        }
    }

    fn clear_section(&mut self, section: Section) {
        self.links[section as usize].clear();
    }
}

/// Reads a WAT record's JSON into `envelope`.
pub(crate) fn read(
    document: &[u8],
    options: &Options,
    envelope: &mut Envelope,
) -> Result<(), JsonError> {
    envelope.clear();
    envelope.json.load(document, options.max_json_depth);
    let mut reader = WatReader { options, envelope };
    reader.document()
}

struct WatReader<'a> {
    options: &'a Options,
    envelope: &'a mut Envelope,
}

/// Reads an object's members: `members!(self, { b"key" => expression, … })`; other members are skipped.
macro_rules! members {
    ($self:ident, { $($key:literal => $read:expr),+ $(,)? }) => {
        if $self.json().enter_object()? {
            while let Some(key) = $self.json().next_key()? {
                match &$self.json().bytes()[key.range()] {
                    $($key => $read,)+
                    _ => $self.json().skip_value()?,
                }
            }
        }
    };
}

impl WatReader<'_> {
    #[inline]
    fn json(&mut self) -> &mut Json {
        &mut self.envelope.json
    }

    fn document(&mut self) -> Result<(), JsonError> {
        members!(self, { b"Envelope" => self.envelope()? });
        if self.json().at_end() {
            Ok(())
        } else {
            Err(JsonError::Syntax)
        }
    }

    fn envelope(&mut self) -> Result<(), JsonError> {
        self.envelope.clear();
        members!(self, {
            b"Payload-Metadata" => {
                self.envelope.clear_payload();
                members!(self, { b"HTTP-Response-Metadata" => self.response()? });
            },
            b"WARC-Header-Metadata" => self.warc_header()?,
        });
        Ok(())
    }

    fn warc_header(&mut self) -> Result<(), JsonError> {
        self.envelope.is_response = false;
        self.envelope.target_uri = None;
        members!(self, {
            b"WARC-Type" => {
                let record_type = self.text()?;
                self.envelope.is_response = record_type.is_some_and(|span| &self.envelope.json.bytes()[span.range()] == b"response");
            },
            b"WARC-Target-URI" => self.envelope.target_uri = self.text()?,
        });
        Ok(())
    }

    fn response(&mut self) -> Result<(), JsonError> {
        self.envelope.clear_payload();
        members!(self, {
            b"Headers" => self.headers()?,
            b"HTML-Metadata" => self.html()?,
        });
        Ok(())
    }

    fn html(&mut self) -> Result<(), JsonError> {
        self.envelope.clear_html();
        members!(self, {
            b"Head" => self.head()?,
            b"Links" => self.links(Section::Links)?,
        });
        Ok(())
    }

    fn head(&mut self) -> Result<(), JsonError> {
        self.envelope.clear_head();
        members!(self, {
            b"Base" => self.envelope.base = self.text()?,
            b"Link" => self.links(Section::HeadLink)?,
            b"Metas" => self.metas()?,
            b"Scripts" => self.links(Section::Scripts)?,
        });
        Ok(())
    }

    fn links(&mut self, section: Section) -> Result<(), JsonError> {
        self.envelope.clear_section(section);
        if self.json().enter_array()? {
            while self.json().next_element()? {
                self.link(section)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, section: Section) -> Result<(), JsonError> {
        let [url, path, text, rel, alt, href] = match self.json().compact_object(place_in_link) {
            Some(strings) => strings,
            None => self.strings_of_link()?,
        };
        // `STYLE/#text` has `href` in place of `url`. Common Crawl's job takes it in the body only, and only if it has a host.
        let is_style = url.is_none();
        let Some(address) = url
            .or(href
                .filter(|_| section == Section::Links || self.options.profile == Profile::Browser))
        else {
            return Ok(());
        };
        let Some(url) = self.address(address) else {
            return Ok(());
        };
        if is_style
            && self.options.profile == Profile::Cc
            && !cc::is_absolute(&self.envelope.json.bytes()[url.range()])
        {
            return Ok(());
        }
        let kind = match path.and_then(|path| self.json().unescape(path)) {
            Some(path) => LinkKind::from_path(&self.json().bytes()[path.range()]),
            None => LinkKind::Other,
        };
        let rel = match rel.and_then(|rel| self.json().unescape(rel)) {
            Some(rel) => Rel::from_attribute(&self.json().bytes()[rel.range()]),
            None => Rel::NONE,
        };
        let text = self.link_text(text.or(alt));
        self.keep(
            section,
            StoredLink {
                url,
                text,
                kind,
                rel,
            },
        );
        Ok(())
    }

    /// Reads the strings of a link by the general way.
    fn strings_of_link(&mut self) -> Result<[Option<RawString>; 6], JsonError> {
        let (mut url, mut href, mut path, mut rel) = (None, None, None, None);
        let (mut text, mut alt) = (None, None);
        members!(self, {
            b"url" => url = self.json().string()?,
            b"path" => path = self.json().string()?,
            b"text" => text = self.json().string()?,
            b"rel" => rel = self.json().string()?,
            b"alt" => alt = self.json().string()?,
            b"href" => href = self.json().string()?,
        });
        Ok([url, path, text, rel, alt, href])
    }

    fn link_text(&mut self, text: Option<RawString>) -> Span {
        if self.options.max_text_bytes == 0 {
            return Span::default();
        }
        let Some(mut span) = text.and_then(|text| self.json().decode(text)) else {
            return Span::default();
        };
        if span.len() > self.options.max_text_bytes {
            let text = &self.envelope.json.bytes()[span.range()];
            let is_inside = |at: &usize| text[*at] & 0xc0 == 0x80;
            let end = (0..=self.options.max_text_bytes)
                .rev()
                .find(|at| !is_inside(at))
                .unwrap_or(0);
            span.end = span.start + end as u32;
        }
        span
    }

    fn metas(&mut self) -> Result<(), JsonError> {
        self.envelope.clear_section(Section::Metas);
        if self.json().enter_array()? {
            while self.json().next_element()? {
                self.meta()?;
            }
        }
        Ok(())
    }

    fn meta(&mut self) -> Result<(), JsonError> {
        let [name, property, content, http_equiv] = match self.json().compact_object(place_in_meta)
        {
            Some(strings) => strings,
            None => self.strings_of_meta()?,
        };
        let Some(content) = content else {
            return Ok(());
        };
        let is_named =
            self.is_one_of(property, &LINK_PROPERTIES) || self.is_one_of(name, &LINK_NAMES);
        let is_refresh =
            !is_named && self.options.profile == Profile::Browser && self.is_refresh(http_equiv);
        if !is_named && !is_refresh && !self.json().may_begin(content, b"/h") {
            return Ok(()); // most are words
        }
        let Some(mut url) = self.json().decode(content) else {
            if is_named || is_refresh {
                self.envelope.skipped.add(Skipped::BadString);
            }
            return Ok(());
        };
        let text = &self.envelope.json.bytes()[url.range()];
        if is_refresh {
            match browser::refresh_address(text) {
                Some(address) => url = part_of(url, text, address),
                None => return Ok(()),
            }
        } else if !is_named && !cc::is_absolute(text) {
            return Ok(());
        }
        self.keep(
            Section::Metas,
            StoredLink {
                url,
                text: Span::default(),
                kind: LinkKind::Meta,
                rel: Rel::NONE,
            },
        );
        Ok(())
    }

    /// Reads the strings of a meta element by the general way.
    fn strings_of_meta(&mut self) -> Result<[Option<RawString>; 4], JsonError> {
        let (mut name, mut property, mut content, mut http_equiv) = (None, None, None, None);
        members!(self, {
            b"content" => content = self.json().string()?,
            b"name" => name = self.json().string()?,
            b"property" => property = self.json().string()?,
            b"http-equiv" => http_equiv = self.json().string()?,
        });
        Ok([name, property, content, http_equiv])
    }

    fn is_one_of(&mut self, value: Option<RawString>, names: &[&str]) -> bool {
        let Some(span) = value.and_then(|value| self.json().unescape(value)) else {
            return false;
        };
        let value = &self.envelope.json.bytes()[span.range()];
        names.iter().any(|name| name.as_bytes() == value)
    }

    fn is_refresh(&mut self, http_equiv: Option<RawString>) -> bool {
        let span = http_equiv.and_then(|value| self.json().unescape(value));
        span.is_some_and(|span| {
            self.envelope.json.bytes()[span.range()]
                .trim_ascii()
                .eq_ignore_ascii_case(b"refresh")
        })
    }

    /// Reads the HTTP headers that hold addresses. A repeated header is a list since CC-MAIN-2024-51, a string before.
    fn headers(&mut self) -> Result<(), JsonError> {
        self.envelope.clear_section(Section::Headers);
        if !self.json().enter_object()? {
            return Ok(());
        }
        while let Some(key) = self.json().next_key()? {
            let name = &self.envelope.json.bytes()[key.range()];
            let read: fn(&mut Self, Span) = if name.eq_ignore_ascii_case(b"link") {
                Self::link_header
            } else if name.eq_ignore_ascii_case(b"content-location") {
                Self::keep_header
            } else if self.options.profile == Profile::Browser
                && name.eq_ignore_ascii_case(b"refresh")
            {
                Self::refresh_header
            } else {
                self.json().skip_value()?;
                continue;
            };
            self.header_values(read)?;
        }
        Ok(())
    }

    fn header_values(&mut self, read: fn(&mut Self, Span)) -> Result<(), JsonError> {
        if self.json().next_is_array()? {
            self.json().enter_array()?;
            while self.json().next_element()? {
                self.header_value(read)?;
            }
            return Ok(());
        }
        self.header_value(read)
    }

    fn header_value(&mut self, read: fn(&mut Self, Span)) -> Result<(), JsonError> {
        if let Some(value) = self.json().string()? {
            match self.json().decode(value) {
                Some(span) => read(self, span),
                None => self.envelope.skipped.add(Skipped::BadString),
            }
        }
        Ok(())
    }

    /// Takes every `<…>` of a `Link` header (RFC 8288).
    fn link_header(&mut self, value: Span) {
        let mut at = value.start as usize;
        let end = value.end as usize;
        while let Some(open) = memchr::memchr(b'<', &self.envelope.json.bytes()[at..end]) {
            let start = at + open + 1;
            let Some(length) = memchr::memchr(b'>', &self.envelope.json.bytes()[start..end]) else {
                return;
            };
            self.keep_header(Span {
                start: start as u32,
                end: (start + length) as u32,
            });
            at = start + length + 1;
        }
    }

    fn refresh_header(&mut self, value: Span) {
        let text = &self.envelope.json.bytes()[value.range()];
        if let Some(address) = browser::refresh_address(text) {
            let url = part_of(value, text, address);
            self.keep(
                Section::Headers,
                StoredLink {
                    url,
                    text: Span::default(),
                    kind: LinkKind::Redirect,
                    rel: Rel::NONE,
                },
            );
        }
    }

    fn keep_header(&mut self, url: Span) {
        self.keep(
            Section::Headers,
            StoredLink {
                url,
                text: Span::default(),
                kind: LinkKind::Header,
                rel: Rel::NONE,
            },
        );
    }

    /// Reads and decodes a string; what is no string or no text gives `None`.
    fn text(&mut self) -> Result<Option<Span>, JsonError> {
        let string = self.json().string()?;
        Ok(string.and_then(|string| self.json().decode(string)))
    }

    /// Decodes a link's address, or counts it as lost.
    fn address(&mut self, string: RawString) -> Option<Span> {
        let span = self.json().decode(string);
        if span.is_none() {
            self.envelope.skipped.add(Skipped::BadString);
        }
        span
    }

    /// Keeps a link that is within the limits.
    fn keep(&mut self, section: Section, link: StoredLink) {
        if link.url.len() > self.options.max_url_bytes {
            self.envelope.skipped.add(Skipped::UrlTooLong);
        } else if self.envelope.num_links() >= self.options.max_links {
            self.envelope.skipped.add(Skipped::TooManyLinks);
        } else {
            self.envelope.push(section, link);
        }
    }
}

/// Makes a function for [`Json::compact_object`]: keys and the places of their values.
macro_rules! places {
    ($(#[$doc:meta])* $name:ident { $($key:literal => $place:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[inline(always)]
        fn $name(member: &[u8]) -> Option<(usize, usize)> {
            $(
                if member.starts_with(concat!($key, "\":\"").as_bytes()) {
                    return Some(($place, $key.len() + 3));
                }
            )+
            None
        }
    };
}

places! {
    /// The strings of a link: `url`, `path`, `text`, `rel`, `alt`, `href`.
    place_in_link { "path" => 1, "url" => 0, "text" => 2, "rel" => 3, "alt" => 4, "href" => 5 }
}

places! {
    /// The strings of a meta element: `name`, `property`, `content`, `http-equiv`.
    place_in_meta { "content" => 2, "name" => 0, "property" => 1, "http-equiv" => 3 }
}

/// Returns the span of `part`, which is a slice of `text`, the bytes of `whole`.
fn part_of(whole: Span, text: &[u8], part: &[u8]) -> Span {
    let offset = part.as_ptr() as usize - text.as_ptr() as usize;
    let start = whole.start + offset as u32;
    Span {
        start,
        end: start + part.len() as u32,
    }
}

/// Values of `property` whose `content` is an address.
const LINK_PROPERTIES: [&str; 8] = [
    "og:url",
    "og:image",
    "og:image:secure_url",
    "og:video",
    "og:video:url",
    "og:video:secure_url",
    "twitter:url",
    "twitter:image:src",
];

/// Values of `name` whose `content` is an address.
const LINK_NAMES: [&str; 6] = [
    "twitter:image",
    "thumbnail",
    "application-url",
    "msapplication-starturl",
    "msapplication-TileImage",
    "vb_meta_bburl",
];
