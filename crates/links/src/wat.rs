//! The envelope of a WAT record: where page URL, base and links are in it.
//!
//! Written by Common Crawl's generator (ia-web-commons). Nothing is assumed about the order of keys: `Envelope` may come before or after
//! `Container`, `Links` before `Head`, and the type of the record after its payload. Where a key is repeated, the last value counts.

use crate::header::LinkHeader;
use crate::json::{Json, JsonError, RawString, Span, char_boundary, part_of};
use crate::meta::Meta;
use crate::skipped::SkippedCounts;
use crate::{LinkKind, Options, Profile, Rel, Skipped, cc};

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

    /// Keeps a link that is within the limits.
    pub(crate) fn keep(&mut self, section: Section, link: StoredLink, options: &Options) {
        if self.admits(link.url.len(), options) {
            self.push(section, link);
        }
    }

    /// Returns whether one more link with so long a URL is within the limits, and counts it if not.
    pub(crate) fn admits(&mut self, url_bytes: usize, options: &Options) -> bool {
        let reason = if url_bytes > options.max_url_bytes {
            Skipped::UrlTooLong
        } else if self.num_links() >= options.max_links {
            Skipped::TooManyLinks
        } else {
            return true;
        };
        self.skipped.add(reason);
        false
    }

    /// Forgets a base that is not within the limits, and counts it.
    pub(crate) fn check_base(&mut self, options: &Options) {
        if self
            .base
            .is_some_and(|base| base.len() > options.max_url_bytes)
        {
            self.base = None;
            self.skipped.add(Skipped::UrlTooLong);
        }
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
        let link = StoredLink {
            url,
            text,
            kind,
            rel,
        };
        self.envelope.keep(section, link, self.options);
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
        let text = &self.envelope.json.bytes()[span.range()];
        span.end = span.start + char_boundary(text, self.options.max_text_bytes) as u32;
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
        let [property, name, http_equiv] =
            [property, name, http_equiv].map(|value| self.json().unescape(value?));
        let meta = {
            let text = |span: Option<Span>| Some(&self.envelope.json.bytes()[span?.range()]);
            Meta::of(
                text(property),
                text(name),
                text(http_equiv),
                self.options.profile,
            )
        };
        if meta == Meta::Other && !self.json().may_begin(content, b"/h") {
            return Ok(()); // most are words
        }
        let Some(content) = self.json().decode(content) else {
            if meta != Meta::Other {
                self.envelope.skipped.add(Skipped::BadString);
            }
            return Ok(());
        };
        let text = &self.envelope.json.bytes()[content.range()];
        if let Some(address) = meta.address(text) {
            let link = StoredLink {
                url: part_of(content, text, address),
                text: Span::default(),
                kind: meta.link_kind(),
                rel: Rel::NONE,
            };
            self.envelope.keep(Section::Metas, link, self.options);
        }
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

    /// Reads the HTTP headers that hold addresses. A repeated header is a list since CC-MAIN-2024-51, a string before.
    fn headers(&mut self) -> Result<(), JsonError> {
        self.envelope.clear_section(Section::Headers);
        if !self.json().enter_object()? {
            return Ok(());
        }
        while let Some(key) = self.json().next_key()? {
            let name = &self.envelope.json.bytes()[key.range()];
            match LinkHeader::of(name, self.options.profile) {
                Some(header) => self.header_values(header)?,
                None => self.json().skip_value()?,
            }
        }
        Ok(())
    }

    fn header_values(&mut self, header: LinkHeader) -> Result<(), JsonError> {
        if self.json().next_is_array()? {
            self.json().enter_array()?;
            while self.json().next_element()? {
                self.header_value(header)?;
            }
            return Ok(());
        }
        self.header_value(header)
    }

    fn header_value(&mut self, header: LinkHeader) -> Result<(), JsonError> {
        if let Some(value) = self.json().string()? {
            match self.json().decode(value) {
                Some(span) => header.read(span, self.options, self.envelope),
                None => self.envelope.skipped.add(Skipped::BadString),
            }
        }
        Ok(())
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
