//! The links in a page's HTML.
//!
//! They are those that Common Crawl's generator (ia-web-commons, `ExtractingParseObserver`) writes into the WAT record of the page, in the same sections
//! and of the same kinds. Profile `Browser` adds what it leaves out: `srcset`, `ping`, and meta refresh. Where the two read HTML differently the
//! standard is followed; `docs/links.md` lists what comes of it.

use std::borrow::Cow;

use htmlize::Context;

use crate::json::{Span, char_boundary};
use crate::meta::Meta;
use crate::style;
use crate::tokens::{Attribute, Element, Tag, Token, Tokenizer, is_one_of};
use crate::wat::{Envelope, Section, StoredLink};
use crate::{LinkKind, Options, Profile, Rel, cc};

/// Characters of an anchor's text, as in a WAT record.
const MAX_TEXT_CHARS: usize = 128;

/// Reads a page's HTML into `envelope`, whose document grows by what is kept.
pub(crate) fn read(html: &str, options: &Options, envelope: &mut Envelope) {
    let mut reader = HtmlReader {
        options,
        envelope,
        anchor: None,
        text: AnchorText::default(),
    };
    let mut tokenizer = Tokenizer::new(html.as_bytes());
    let mut tag = Tag::default();
    while let Some(token) = tokenizer.next(&mut tag) {
        match token {
            Token::Text(text) => reader.text(text),
            Token::Start => reader.start_tag(&tag),
            Token::End(name) => reader.end_tag(name),
        }
    }
    reader.end_anchor();
}

/// Attributes that hold an address whatever element they are on.
const ADDRESSES_OF_ALL: [Attribute; 3] = [
    Attribute::Background,
    Attribute::DataHref,
    Attribute::DataUri,
];

/// Returns the attributes of an element that hold addresses, and the kinds of those links.
fn addresses_of(element: Element) -> &'static [(Attribute, LinkKind)] {
    use Attribute as At;
    match element {
        Element::A => &[(At::Href, LinkKind::A), (At::Ping, LinkKind::Ping)],
        Element::Applet => &[
            (At::Codebase, LinkKind::Object),
            (At::Cdata, LinkKind::Object),
        ],
        Element::Area => &[(At::Href, LinkKind::Area), (At::Ping, LinkKind::Ping)],
        Element::Audio | Element::Track => &[(At::Src, LinkKind::Media)],
        Element::Button => &[(At::Formaction, LinkKind::Form)],
        Element::Embed => &[(At::Src, LinkKind::Object)],
        Element::Form => &[(At::Action, LinkKind::Form)],
        Element::Frame | Element::Iframe => &[(At::Src, LinkKind::Iframe)],
        Element::Img => &[
            (At::Src, LinkKind::Img),
            (At::Longdesc, LinkKind::Img),
            (At::Srcset, LinkKind::Srcset),
        ],
        Element::Input => &[(At::Src, LinkKind::Img), (At::Formaction, LinkKind::Form)],
        Element::Link => &[
            (At::Href, LinkKind::Link),
            (At::Imagesrcset, LinkKind::Srcset),
        ],
        Element::Menuitem => &[(At::Icon, LinkKind::Other)],
        Element::Object => &[
            (At::Codebase, LinkKind::Object),
            (At::Cdata, LinkKind::Object),
            (At::Data, LinkKind::Object),
        ],
        Element::Q | Element::Blockquote | Element::Del | Element::Ins => {
            &[(At::Cite, LinkKind::Cite)]
        }
        Element::Script => &[(At::Src, LinkKind::Script)],
        Element::Source => &[(At::Src, LinkKind::Media), (At::Srcset, LinkKind::Srcset)],
        Element::Video => &[(At::Src, LinkKind::Media), (At::Poster, LinkKind::Media)],
        _ => &[],
    }
}

struct HtmlReader<'a> {
    options: &'a Options,
    envelope: &'a mut Envelope,
    /// The open anchor whose text is gathered, by its place in its section. There is one at most: an anchor ends where the next begins.
    anchor: Option<usize>,
    text: AnchorText,
}

impl HtmlReader<'_> {
    fn start_tag(&mut self, tag: &Tag) {
        self.separate_words(tag.name());
        for attribute in ADDRESSES_OF_ALL {
            if let Some(address) = value_of(tag, attribute) {
                self.keep(&address, LinkKind::Other);
            }
        }
        let Some(element) = tag.element() else {
            return;
        };
        if element == Element::A {
            self.end_anchor();
        }
        for &(attribute, kind) in addresses_of(element) {
            if let Some(value) = value_of(tag, attribute) {
                self.attribute(tag, attribute, kind, &value);
            }
        }
        match element {
            Element::Base => self.base(tag),
            Element::Div | Element::Input => self.onclick(tag),
            Element::Meta => self.meta(tag),
            Element::Style => self.style(tag.content()),
            _ => {}
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        self.separate_words(name);
        if name.eq_ignore_ascii_case(b"a") {
            self.end_anchor();
        }
    }

    fn text(&mut self, text: &[u8]) {
        if self.anchor.is_some() {
            self.text.push(text);
        }
    }

    /// Lets the words before and behind a tag be two, if it is one of those that do so.
    fn separate_words(&mut self, name: &[u8]) {
        if self.anchor.is_some() && separates_words(name) {
            self.text.push_blank();
        }
    }

    /// Keeps what an attribute holds: one address, or several.
    fn attribute(&mut self, tag: &Tag, attribute: Attribute, kind: LinkKind, value: &[u8]) {
        match kind {
            LinkKind::Srcset => for_each_candidate(value, &mut |address| {
                self.keep(address, kind);
            }),
            LinkKind::Ping => {
                for address in value
                    .split(u8::is_ascii_whitespace)
                    .filter(|word| !word.is_empty())
                {
                    self.keep(address, kind);
                }
            }
            _ => {
                let rel = match kind {
                    LinkKind::A | LinkKind::Area | LinkKind::Link => value_of(tag, Attribute::Rel),
                    _ => None,
                };
                let alt = match (kind, attribute) {
                    (LinkKind::A, _) | (LinkKind::Img, Attribute::Src) => {
                        value_of(tag, Attribute::Alt)
                    }
                    _ => None,
                };
                let text = alt.map_or(Span::default(), |alt| self.append_text(&alt));
                if let Some(link) = self.keep(value, kind) {
                    link.rel = rel.map_or(Rel::NONE, |rel| Rel::from_attribute(&rel));
                    link.text = text;
                    if kind == LinkKind::A && self.options.max_text_bytes > 0 {
                        self.anchor = Some(self.envelope.links[Section::Links as usize].len() - 1);
                    }
                }
            }
        }
    }

    /// Gives the open anchor its text, if it has some.
    fn end_anchor(&mut self) {
        let Some(index) = self.anchor.take() else {
            return;
        };
        let text = self.text.take();
        if !text.is_empty() {
            let text = self.append_text(text.as_bytes());
            self.envelope.links[Section::Links as usize][index].text = text;
        }
    }

    /// Takes the first base that has an address (HTML, section 4.2.3).
    fn base(&mut self, tag: &Tag) {
        if self.envelope.base.is_none() {
            let address = value_of(tag, Attribute::Href);
            self.envelope.base = address.map(|address| self.envelope.json.append(&address));
        }
    }

    /// Reads a `<meta>`. One that says nothing but its content is about something on the page, and is left out as in a WAT record.
    fn meta(&mut self, tag: &Tag) {
        let Some(content) = value_of(tag, Attribute::Content) else {
            return;
        };
        let [property, name, http_equiv] =
            [Attribute::Property, Attribute::Name, Attribute::HttpEquiv]
                .map(|attribute| value_of(tag, attribute));
        let says_what = [&property, &name, &http_equiv]
            .into_iter()
            .any(Option::is_some);
        if !says_what && tag.get(Attribute::Rel).is_none() {
            return;
        }
        let meta = Meta::of(
            property.as_deref(),
            name.as_deref(),
            http_equiv.as_deref(),
            self.options.profile,
        );
        if let Some(address) = meta.address(&content) {
            self.keep(address, meta.link_kind());
        }
    }

    fn style(&mut self, style: &[u8]) {
        style::for_each_address(style, &mut |address| {
            if self.options.profile == Profile::Browser || cc::is_absolute(address) {
                self.keep(address, LinkKind::Style);
            }
        });
    }

    fn onclick(&mut self, tag: &Tag) {
        if let Some(script) = value_of(tag, Attribute::Onclick) {
            if let Some(address) = address_of_onclick(&script) {
                self.keep(address, LinkKind::Other);
            }
        }
    }

    /// Keeps a link that is within the limits, and returns it.
    fn keep(&mut self, address: &[u8], kind: LinkKind) -> Option<&mut StoredLink> {
        let section = match kind {
            LinkKind::Link => Section::HeadLink,
            LinkKind::Meta | LinkKind::Refresh => Section::Metas,
            LinkKind::Script => Section::Scripts,
            LinkKind::Ping | LinkKind::Srcset if self.options.profile == Profile::Cc => {
                return None;
            }
            _ => Section::Links,
        };
        let address = without_data(address);
        if !self.envelope.admits(address.len(), self.options) {
            return None;
        }
        let link = StoredLink {
            url: self.envelope.json.append(address),
            text: Span::default(),
            kind,
            rel: Rel::NONE,
        };
        self.envelope.push(section, link);
        self.envelope.links[section as usize].last_mut()
    }

    fn append_text(&mut self, text: &[u8]) -> Span {
        let end = char_boundary(text, self.options.max_text_bytes);
        self.envelope.json.append(&text[..end])
    }
}

/// Returns an attribute's value as a browser sees it: character references decoded, and U+FFFD for each NUL.
fn value_of<'a>(tag: &Tag<'a>, attribute: Attribute) -> Option<Cow<'a, [u8]>> {
    let value = tag.get(attribute)?;
    if memchr::memchr2(b'&', 0, value).is_none() {
        return Some(Cow::Borrowed(value));
    }
    let pieces: Vec<&[u8]> = value.split(|byte| *byte == 0).collect();
    let value = match pieces.as_slice() {
        [_] => Cow::Borrowed(value),
        _ => Cow::Owned(pieces.join("\u{fffd}".as_bytes())),
    };
    Some(htmlize::unescape_bytes_in(value, Context::Attribute))
}

/// Cuts what a `data:` address holds, as a WAT record has it, so that it counts as one and not as a URL that is too long.
fn without_data(address: &[u8]) -> &[u8] {
    const MAX_BYTES: usize = 128;
    if !address.starts_with(b"data:") {
        return address;
    }
    let comma = memchr::memchr(b',', address).map_or(address.len(), |comma| comma + 1);
    &address[..char_boundary(address, comma.min(MAX_BYTES))]
}

/// Calls `each` with the addresses of a `srcset` (HTML, section 4.8.4.2.1): of each candidate the first word.
fn for_each_candidate<'a>(srcset: &'a [u8], each: &mut dyn FnMut(&'a [u8])) {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let mut rest = srcset;
    while let Some(start) = rest.iter().position(|byte| !is_between(byte)) {
        rest = &rest[start..];
        let end = rest.iter().position(u8::is_ascii_whitespace);
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        // A comma within the word belongs to the address, one at its end is where the next candidate begins.
        let commas = word.iter().rev().take_while(|byte| **byte == b',').count();
        each(&word[..word.len() - commas]);
        let descriptors = match commas {
            0 => memchr::memchr(b',', behind).unwrap_or(behind.len()),
            _ => 0,
        };
        rest = &behind[descriptors..];
    }
}

/// Returns the address that a click leads to, where the script is one of the forms that Common Crawl's generator knows:
/// `location = '…'`, `window.open('…'`.
fn address_of_onclick(script: &[u8]) -> Option<&[u8]> {
    let script = without_prefix(script, b"javascript:").unwrap_or(script);
    if let Some(argument) = opened_window(script) {
        let (address, behind) = quoted(argument, b"'\"")?;
        return matches!(behind, [b',' | b')', ..]).then_some(address);
    }
    let (address, behind) = quoted(assigned_location(script)?, b"'")?;
    behind.is_empty().then_some(address)
}

fn opened_window(script: &[u8]) -> Option<&[u8]> {
    let object = [&b"window"[..], b"parent"];
    let call = object
        .iter()
        .find_map(|name| without_prefix(script, name))?;
    without_prefix(call, b".open(")
}

fn assigned_location(script: &[u8]) -> Option<&[u8]> {
    let objects = [&b"window."[..], b"top.", b"document.", b"self.", b"parent."];
    let script = objects
        .iter()
        .find_map(|name| without_prefix(script, name))
        .unwrap_or(script);
    let rest = without_prefix(script, b"location")?;
    let rest = without_prefix(rest, b".href").unwrap_or(rest);
    Some(
        rest.trim_ascii_start()
            .strip_prefix(b"=")?
            .trim_ascii_start(),
    )
}

fn without_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Returns what is between quotes of one of these kinds at the front, if it may be an address, and what is behind them.
fn quoted<'a>(text: &'a [u8], quotes: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (quote, rest) = text
        .split_first()
        .filter(|(quote, _)| quotes.contains(quote))?;
    let end = memchr::memchr2(b'\'', b'"', rest)?;
    let is_address = (3..=256).contains(&end) && rest[end] == *quote;
    is_address.then(|| (&rest[..end], &rest[end + 1..]))
}

/// The text of an anchor so far: words with a blank between them, the first [`MAX_TEXT_CHARS`] characters.
#[derive(Default)]
struct AnchorText {
    text: String,
    num_chars: usize,
}

impl AnchorText {
    fn push(&mut self, text: &[u8]) {
        if self.num_chars == MAX_TEXT_CHARS {
            return;
        }
        let decoded = htmlize::unescape_bytes_in(text, Context::General);
        let text = std::str::from_utf8(&decoded).unwrap_or_default(); // a piece of UTF-8 is UTF-8
        for char in text.chars() {
            if char.is_whitespace() || char.is_control() {
                self.push_blank();
            } else {
                self.push_char(char);
            }
        }
    }

    fn push_blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.push_char(' ');
        }
    }

    fn push_char(&mut self, char: char) {
        if self.num_chars < MAX_TEXT_CHARS {
            self.text.push(char);
            self.num_chars += 1;
        }
    }

    /// Returns the text, and begins a new one.
    fn take(&mut self) -> String {
        self.num_chars = 0;
        let mut text = std::mem::take(&mut self.text);
        text.truncate(text.trim_end().len());
        text
    }
}

/// Returns whether a tag of that name stands between words: the list of Common Crawl's generator.
fn separates_words(name: &[u8]) -> bool {
    const NAMES: [&str; 66] = [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "button",
        "canvas",
        "caption",
        "center",
        "cite",
        "col",
        "colgroup",
        "datalist",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "iframe",
        "img",
        "input",
        "label",
        "legend",
        "li",
        "map",
        "noframes",
        "noscript",
        "object",
        "ol",
        "optgroup",
        "output",
        "p",
        "pre",
        "progress",
        "q",
        "section",
        "select",
        "summary",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "ul",
        "video",
    ];
    is_one_of(name, &NAMES)
}
