//! A captured page: its URL, its links, and the nodes they lead to.

use std::cell::OnceCell;

use url::Url;

use crate::browser::{self, Address, Base};
use crate::cc;
use crate::charset;
use crate::header::LinkHeader;
use crate::host::{LabelRule, push_reversed, push_reversed_host_of};
use crate::html;
use crate::json::{JsonError, MAX_BYTES, Span};
use crate::known::KnownHosts;
use crate::page_key::push_page_key;
use crate::redirect::{self, Head};
use crate::registered_domain;
use crate::skipped::SkippedCounts;
use crate::unique::{UniqueNames, UniqueSpans};
use crate::wat::{self, Envelope, Section, StoredLink};
use crate::{Level, Link, LinkFilter, LinkKind, Options, Profile, Rel, Skipped};

/// Buffers above this size are given back after the page that needed them.
const KEPT_BYTES: usize = 4 << 20;

/// The most bytes of target names of one page: a base of 8 KiB before each of 100,000 links would otherwise be a gigabyte of page keys.
const MAX_NAME_BYTES: usize = 64 << 20;

/// The longest HTML of which all positions have four bytes, whatever its encoding makes of it (thrice as long) and beside its headers.
const MAX_HTML_BYTES: usize = u32::MAX as usize / 8;

/// A captured page with its links; one value is reused for page after page.
///
/// Memory: a copy of the record (of HTML the addresses and texts of its links, and while it is read its text, if it is not UTF-8), a quarter of it as an
/// index, 20 bytes a link, the names of the page's targets, and up to 4 MiB of hosts of earlier pages.
pub struct Page {
    options: Options,
    envelope: Envelope,
    /// Whether the page has no host of its own and [`Page::adopt_base_host`] gave it one.
    host_is_adopted: bool,
    url: Vec<u8>,
    host: Option<String>,
    key: OnceCell<Option<String>>,
    base: OnceCell<Option<Base>>,
    /// The reversed host of relative links in profile `Cc`, where the page has a base.
    base_host: OnceCell<Option<String>>,
    targets: Targets,
}

impl Page {
    /// Returns an empty page.
    pub fn new(options: Options) -> Page {
        Page {
            options,
            envelope: Envelope::default(),
            host_is_adopted: false,
            url: Vec::new(),
            host: None,
            key: OnceCell::new(),
            base: OnceCell::new(),
            base_host: OnceCell::new(),
            targets: Targets::default(),
        }
    }

    /// Reads the block of a WAT record: `true` if it describes the capture of a page, `false` if something else (a request, a warcinfo …).
    ///
    /// A page without links, or without HTML, is a page. Links that are lost on the way are counted ([`skipped`](Page::skipped)).
    ///
    /// # Errors
    ///
    /// The reason why the record gives no page. The page is empty then.
    pub fn parse_wat(&mut self, json: &[u8]) -> Result<bool, Skipped> {
        self.clear();
        let parsed = self.read_wat(json);
        if parsed != Ok(true) {
            self.clear();
        }
        parsed
    }

    fn read_wat(&mut self, json: &[u8]) -> Result<bool, Skipped> {
        if json.len() > MAX_BYTES {
            return Err(Skipped::RecordTooLarge);
        }
        wat::read(json, &self.options, &mut self.envelope).map_err(|error| match error {
            JsonError::Syntax => Skipped::BadJson,
            JsonError::TooDeep => Skipped::JsonTooDeep,
        })?;
        if !self.envelope.is_response {
            return Ok(false);
        }
        let url = self.envelope.target_uri.ok_or(Skipped::NoTargetUri)?;
        self.set_url(url)?;
        self.envelope.check_base(&self.options);
        self.find_host();
        Ok(true)
    }

    /// Reads a captured page: its target URI, the head of its HTTP response, and its HTML, without the codings of its transfer.
    ///
    /// The links are those of the page's WAT record, and in [`Profile::Browser`] some more. HTML above the limit is read up to there.
    ///
    /// # Errors
    ///
    /// The reason why there is no page. The page is empty then.
    pub fn parse_html(
        &mut self,
        target_uri: &[u8],
        http_head: &[u8],
        html: &[u8],
    ) -> Result<(), Skipped> {
        self.start_capture(target_uri)?;
        let head = Head { block: http_head };
        for (name, value) in head.fields() {
            if let Some(header) = LinkHeader::of(name, self.options.profile) {
                let value = self
                    .envelope
                    .json
                    .append(redirect::to_utf8(value).as_bytes());
                header.read(value, &self.options, &mut self.envelope);
            }
        }
        let max_bytes = self.options.max_html_bytes.min(MAX_HTML_BYTES);
        if html.len() > max_bytes {
            self.envelope.skipped.add(Skipped::PageTooLong);
        }
        let html = &html[..html.len().min(max_bytes)];
        let text = charset::decode(html, head.first(b"content-type"));
        html::read(&text, &self.options, &mut self.envelope);
        self.envelope.check_base(&self.options);
        self.find_host();
        Ok(())
    }

    /// Reads a WARC `response` record: its target URI and its block, the HTTP message. `true` if it is a redirect with an address.
    ///
    /// Either way the captured URL and its host are known afterwards: what was visited is a node, whatever it answered.
    ///
    /// # Errors
    ///
    /// The reason why there is no page. The page is empty then.
    pub fn parse_redirect(
        &mut self,
        target_uri: &[u8],
        http_block: &[u8],
    ) -> Result<bool, Skipped> {
        self.start_capture(target_uri)?;
        self.find_host();
        let head = Head { block: http_block };
        let location = match self.options.profile {
            Profile::Browser => head.location(),
            Profile::Cc => head.location_for_cc(),
        };
        let Some(location) = location else {
            return Ok(false);
        };
        if !self.envelope.admits(location.len(), &self.options) {
            return Ok(false);
        }
        let location = self.envelope.json.append(location.as_bytes());
        self.envelope.push(
            Section::Headers,
            StoredLink {
                url: location,
                text: Span::default(),
                kind: LinkKind::Redirect,
                rel: Rel::NONE,
            },
        );
        Ok(true)
    }

    /// Returns the options that the page was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the page's URL as captured, without the angle brackets of old wget in profile [`Profile::Browser`]; empty if there is no page.
    pub fn url(&self) -> &[u8] {
        &self.url
    }

    /// Returns the reversed name of the page's host; `None` if it has none that could be a node.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns the page's key at [`Level::Page`]; `None` if its URL cannot be a node.
    pub fn page_key(&self) -> Option<&str> {
        let make = || {
            let mut key = String::new();
            let url = browser::resolve(std::str::from_utf8(&self.url).ok()?, None).ok()?;
            push_page_key(&url, &mut key).ok().map(|()| key)
        };
        self.key.get_or_init(make).as_deref()
    }

    /// Returns the number of links kept.
    pub fn num_links(&self) -> u64 {
        self.envelope.num_links() as u64
    }

    /// Iterates over the links as found: those of HTTP headers first, then `<link>`, `<meta>` and `<script>` of the head, then all others.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        let bytes = self.envelope.json.bytes();
        let link = |stored: &StoredLink| Link {
            url: &bytes[stored.url.range()],
            kind: stored.kind,
            rel: stored.rel,
            text: &bytes[stored.text.range()],
        };
        self.envelope.iter().map(link)
    }

    /// Returns the URL that an address on this page stands for, as a browser resolves it, `<base>` included. The fragment is kept.
    ///
    /// # Errors
    ///
    /// The reason why it leads to no web page.
    pub fn resolve(&self, address: &[u8]) -> Result<String, Skipped> {
        let address = std::str::from_utf8(address).map_err(|_| Skipped::BadUrl)?;
        browser::resolve(address, self.base_url()).map(String::from)
    }

    /// Writes the URL that a link of this page leads to, and the reversed name of its host: nothing where the host is no node, as an IP address is
    /// none. On an error what they hold means nothing.
    ///
    /// These hosts, without the page's own, are those that [`for_each_target`](Page::for_each_target) calls at [`Level::Host`]. In profile
    /// [`Profile::Cc`] an address that only that profile takes for one of a host (`ftp://host/`) is returned as it is written; and a base that only
    /// addresses without a page refer to (`javascript:`) is a target there and not here.
    ///
    /// # Errors
    ///
    /// The reason why the link leads to no web page.
    pub fn target(
        &self,
        link: &Link<'_>,
        url: &mut String,
        host: &mut String,
    ) -> Result<(), Skipped> {
        let resolved = browser::join(link.url, self.base(), self.options.www, url, host);
        if self.options.profile == Profile::Browser {
            return resolved;
        }
        let address = std::str::from_utf8(link.url).map_err(|_| Skipped::BadUrl)?;
        host.clear();
        let is_header = matches!(link.kind, LinkKind::Header | LinkKind::Redirect);
        let names_its_host = is_header || cc::is_global(link.url);
        if !names_its_host {
            host.push_str(self.host_of_relative_for_cc().unwrap_or_default());
        } else if !(is_header && self.host_is_adopted) {
            let _ = cc::push_host_of_url(address, self.options.www, host);
        }
        if resolved.is_err() && names_its_host && !host.is_empty() {
            url.clear();
            url.push_str(address);
            return Ok(());
        }
        resolved
    }

    /// Calls `each` once for every node that the page's links lead to, in order of first appearance; the page's own node is left out.
    ///
    /// Names are reversed hosts, reversed registered domains, or page keys. A page whose own node has no name has no targets. Links that lead nowhere
    /// are counted afresh by each call.
    pub fn for_each_target(
        &mut self,
        level: Level,
        filter: &LinkFilter,
        each: &mut dyn FnMut(&str),
    ) {
        let mut targets = std::mem::take(&mut self.targets);
        targets.start();
        if let Some(own) = self.own_name(level) {
            targets.names.insert(own);
            for link in self
                .envelope
                .iter()
                .filter(|link| filter.takes(link.kind, link.rel))
            {
                let found = match level {
                    Level::Page => self.push_target_page(link, &mut targets),
                    Level::Host | Level::Domain => self.push_target_host(link, &mut targets),
                };
                match found {
                    Ok(true) => targets.report(level, &self.options, each),
                    Ok(false) => {}
                    Err(reason) => targets.skipped.add(reason),
                }
            }
        }
        self.targets = targets;
    }

    /// Iterates over the reasons for which links of this page were lost, and how many: while it was read, and by the last
    /// [`for_each_target`](Page::for_each_target).
    pub fn skipped(&self) -> impl Iterator<Item = (Skipped, u64)> {
        let counts = |reason| {
            (
                reason,
                self.envelope.skipped.get(reason) + self.targets.skipped.get(reason),
            )
        };
        Skipped::ALL
            .into_iter()
            .map(counts)
            .filter(|&(_, count)| count > 0)
    }

    /// Empties it, if it has the memory of an unusually large page, which the next one gives back otherwise.
    pub fn clear_if_large(&mut self) {
        if self.envelope.json.is_large(KEPT_BYTES) {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.envelope.clear();
        self.envelope.shrink(KEPT_BYTES);
        self.targets.start();
        self.host_is_adopted = false;
        self.url.clear();
        self.host = None;
        self.key = OnceCell::new();
        self.base = OnceCell::new();
        self.base_host = OnceCell::new();
    }

    /// Begins a page of a WARC record, whose target URI is the document so far.
    fn start_capture(&mut self, target_uri: &[u8]) -> Result<(), Skipped> {
        self.clear();
        let document = match self.options.profile {
            Profile::Browser => redirect::to_utf8(target_uri),
            Profile::Cc => String::from_utf8_lossy(target_uri),
        };
        self.envelope.json.load(document.as_bytes(), 0);
        let uri = Span {
            start: 0,
            end: document.len().try_into().map_err(|_| Skipped::UrlTooLong)?,
        };
        let set = self.set_url(uri);
        if set.is_err() {
            self.clear();
        }
        set
    }

    fn set_url(&mut self, span: Span) -> Result<(), Skipped> {
        let url = &self.envelope.json.bytes()[span.range()];
        if url.len() > self.options.max_url_bytes {
            return Err(Skipped::UrlTooLong);
        }
        let url = match self.options.profile {
            Profile::Browser => browser::without_angle_brackets(url),
            Profile::Cc => url,
        };
        self.url.extend_from_slice(url);
        Ok(())
    }

    fn find_host(&mut self) {
        let mut host = String::new();
        let named = push_reversed_host_of(&self.url, &self.options, &mut host);
        if named.is_ok() {
            self.host = Some(host);
        } else if self.options.profile == Profile::Cc && self.push_base_host(&mut host).is_ok() {
            self.adopt_base_host(host);
        }
    }

    /// Lets the base stand for a page whose own host is no node, if the page then has an edge: Common Crawl's job does so for the links of the HTML,
    /// not for those of the headers, and not for a page without edges.
    fn adopt_base_host(&mut self, base_host: String) {
        self.host = Some(base_host);
        self.host_is_adopted = true;
        let mut num_targets = 0;
        self.for_each_target(Level::Host, &LinkFilter::default(), &mut |_| {
            num_targets += 1
        });
        self.targets.start();
        if num_targets == 0 {
            self.host = None;
        }
    }

    fn own_name(&self, level: Level) -> Option<&str> {
        match level {
            Level::Host => self.host(),
            Level::Domain => self
                .host()
                .map(|host| registered_domain(host, self.options.private_suffixes).unwrap_or(host)),
            Level::Page => self.page_key(),
        }
    }

    /// Returns what addresses of this page are relative to: the first `<base href>` if it leads to a web page, else the page (HTML, section 4.2.3).
    fn base(&self) -> Option<&Base> {
        let make = || {
            let page = std::str::from_utf8(&self.url).ok();
            let page = page.and_then(|url| browser::resolve(url, None).ok());
            let base = self.envelope.base.and_then(|base| {
                std::str::from_utf8(&self.envelope.json.bytes()[base.range()]).ok()
            });
            let url = base
                .and_then(|base| browser::resolve(base, page.as_ref()).ok())
                .or(page)?;
            Some(Base::new(url, self.options.www))
        };
        self.base.get_or_init(make).as_ref()
    }

    fn base_url(&self) -> Option<&Url> {
        self.base().map(Base::url)
    }

    /// Writes the key of the page that a link leads to; `false` if it is known to be no new one.
    fn push_target_page(&self, link: &StoredLink, targets: &mut Targets) -> Result<bool, Skipped> {
        let document = self.envelope.json.bytes();
        if !targets.seen.insert(link.url, document) {
            return Ok(false);
        }
        let address =
            std::str::from_utf8(&document[link.url.range()]).map_err(|_| Skipped::BadUrl)?;
        targets.name.clear();
        push_page_key(
            &browser::resolve(address, self.base_url())?,
            &mut targets.name,
        )?;
        Ok(true)
    }

    /// Writes the reversed host that a link leads to; `false` if it is known to be no new one.
    fn push_target_host(&self, link: &StoredLink, targets: &mut Targets) -> Result<bool, Skipped> {
        let document = self.envelope.json.bytes();
        let address = &document[link.url.range()];
        if matches!(address, [b'/', b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9', ..] | [b'#', ..])
            && !matches!(link.kind, LinkKind::Header | LinkKind::Redirect)
        {
            return self.push_host_of_relative(targets);
        }
        let last_front = &document[targets.last_front.range()];
        if !last_front.is_empty() && address.starts_with(last_front) {
            return Ok(false);
        }
        match self.options.profile {
            Profile::Cc => self.push_host_for_cc(link, address, targets),
            Profile::Browser => self.push_host_for_browser(link, address, targets),
        }
    }

    fn push_host_for_browser(
        &self,
        link: &StoredLink,
        address: &[u8],
        targets: &mut Targets,
    ) -> Result<bool, Skipped> {
        match browser::classify(address) {
            Address::SameHost => return self.push_host_of_relative(targets),
            Address::OtherScheme => return Err(Skipped::OtherScheme),
            Address::Host(host) => {
                if !self.is_new_spelling(link, address, host, targets) {
                    return Ok(false);
                }
                let host = std::str::from_utf8(host).map_err(|_| Skipped::BadUrl)?;
                if browser::is_plain(host) {
                    let (rule, www) = (LabelRule::Anywhere, self.options.www);
                    let push = |out: &mut String| push_reversed(host, rule, www, out);
                    targets.known.push_reversed(host, &mut targets.name, push)?;
                    return Ok(true);
                }
            }
            Address::Unclear => targets.name.clear(),
        }
        let address = std::str::from_utf8(address).map_err(|_| Skipped::BadUrl)?;
        browser::push_host_of(
            &browser::resolve(address, self.base_url())?,
            self.options.www,
            &mut targets.name,
        )?;
        Ok(true)
    }

    fn push_host_for_cc(
        &self,
        link: &StoredLink,
        address: &[u8],
        targets: &mut Targets,
    ) -> Result<bool, Skipped> {
        let is_header = matches!(link.kind, LinkKind::Header | LinkKind::Redirect);
        if is_header && self.host_is_adopted {
            return Ok(false);
        }
        if !is_header && !cc::is_global(address) {
            return self.push_host_of_relative(targets);
        }
        let Some(host) = cc::common_host(address) else {
            targets.name.clear();
            let address = std::str::from_utf8(address).map_err(|_| Skipped::BadUrl)?;
            cc::push_host_of_url(address, self.options.www, &mut targets.name)?;
            return Ok(true);
        };
        if !self.is_new_spelling(link, address, host, targets) {
            return Ok(false);
        }
        let host = std::str::from_utf8(host).map_err(|_| Skipped::BadUrl)?;
        let push = |out: &mut String| cc::push_host(host, self.options.www, out);
        targets.known.push_reversed(host, &mut targets.name, push)?;
        Ok(true)
    }

    /// Returns whether a host was not seen on this page in just this spelling.
    fn is_new_spelling(
        &self,
        link: &StoredLink,
        address: &[u8],
        host: &[u8],
        targets: &mut Targets,
    ) -> bool {
        let offset = (host.as_ptr() as usize - address.as_ptr() as usize) as u32;
        let start = link.url.start + offset;
        let end = start + host.len() as u32;
        // What ends a host ends it in any address with the same front. A port must be looked at again.
        let ends_for_sure = matches!(
            address.get(offset as usize + host.len()),
            Some(b'/' | b'?' | b'#')
        );
        targets.last_front = Span {
            start: link.url.start,
            end: if ends_for_sure {
                end + 1
            } else {
                link.url.start
            },
        };
        targets.name.clear();
        targets
            .seen
            .insert(Span { start, end }, self.envelope.json.bytes())
    }

    /// Writes the host of a relative address: the base's, if that is not the page's.
    fn push_host_of_relative(&self, targets: &mut Targets) -> Result<bool, Skipped> {
        if self.envelope.base.is_none() || targets.relative_seen {
            return Ok(false);
        }
        targets.relative_seen = true;
        targets.name.clear();
        match self.options.profile {
            Profile::Cc => self.push_base_host(&mut targets.name)?,
            Profile::Browser => {
                let base = self.base_url().ok_or(Skipped::BadUrl)?;
                browser::push_host_of(base, self.options.www, &mut targets.name)?;
            }
        }
        Ok(true)
    }

    /// Returns the reversed host of relative links in profile `Cc`.
    fn host_of_relative_for_cc(&self) -> Option<&str> {
        if self.envelope.base.is_none() {
            return self.host();
        }
        let make = || {
            let mut host = String::new();
            self.push_base_host(&mut host).is_ok().then_some(host)
        };
        self.base_host.get_or_init(make).as_deref()
    }

    /// Appends the base's host by the rules of Common Crawl's job.
    fn push_base_host(&self, out: &mut String) -> Result<(), Skipped> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Skipped::BadUrl);
        let base = self.envelope.base.ok_or(Skipped::BadUrl)?;
        cc::push_base_host(
            text(&self.url)?,
            text(&self.envelope.json.bytes()[base.range()])?,
            self.options.www,
            out,
        )
    }
}

/// What [`Page::for_each_target`] remembers while it goes through the links. Reused from page to page.
#[derive(Default)]
struct Targets {
    /// The name at hand.
    name: String,
    /// Names reported, and the page's own.
    names: UniqueNames,
    num_name_bytes: usize,
    /// Hosts (or addresses, at [`Level::Page`]) as spelled in the document.
    seen: UniqueSpans,
    /// Hosts of earlier pages: what a page's options make of a spelling is always the same.
    known: KnownHosts,
    /// The front of an address up to the byte behind its host, which was dealt with: links come in runs.
    last_front: Span,
    relative_seen: bool,
    skipped: SkippedCounts,
}

impl Targets {
    fn start(&mut self) {
        self.names.clear();
        self.num_name_bytes = 0;
        self.seen.clear();
        self.last_front = Span::default();
        self.relative_seen = false;
        self.skipped.clear();
    }

    /// Reports the name at hand if it is new.
    fn report(&mut self, level: Level, options: &Options, each: &mut dyn FnMut(&str)) {
        let name = match level {
            Level::Domain => {
                registered_domain(&self.name, options.private_suffixes).unwrap_or(&self.name)
            }
            Level::Host | Level::Page => &self.name,
        };
        if self.num_name_bytes + name.len() > MAX_NAME_BYTES {
            self.skipped.add(Skipped::TooManyLinks);
        } else if self.names.insert(name) {
            self.num_name_bytes += name.len();
            each(name);
        }
    }
}
