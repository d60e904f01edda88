//! WAT: what Common Crawl's generator says about each WARC record, as one line of JSON.
//!
//! The envelope's keys, their order and their spelling are those of its current release. Lengths,
//! offsets and checksums of the WARC, and its digests, are invented: no WARC need exist beside it.

use std::fmt::Write;

use data_encoding::BASE32;

use super::World;
use super::clock;
use super::dice::{Dice, Purpose};
use super::page::{Link, Meta, MetaKey, Page, STYLE, uuid};
use super::shard::{PageRecord, Written};

/// Writes the records of one WAT shard.
pub(super) struct WatWriter<'a> {
    world: &'a World,
    warc_name: String,
    warcinfo_id: String,
    /// Where the next record of the WARC would begin.
    offset: u64,
    json: String,
    record: String,
}

impl<'a> WatWriter<'a> {
    /// `warc_name` is the file that this WAT describes.
    pub(super) fn new(world: &'a World, warc_name: String, warcinfo_id: String) -> Self {
        Self {
            world,
            warc_name,
            warcinfo_id,
            offset: 0,
            json: String::new(),
            record: String::new(),
        }
    }

    /// The two records at the start: about this file, and about the WARC's own first record.
    pub(super) fn start(
        &mut self,
        wat_name: &str,
        dice: &mut Dice,
        mut each: impl FnMut(&[u8]) -> Written,
    ) -> Written {
        let date = clock::iso(0);
        let fields = format!(
            "Software-Info: crawlrank synth\r\nExtracted-Date: {}\r\nip: 198.18.0.1\r\nhostname: localhost\r\n\
             format: WARC File Format 1.0\r\n\
             conformsTo: http://bibnum.bnf.fr/WARC/WARC_ISO_28500_version1_latestdraft.pdf\r\n\r\n",
            clock::http(0)
        );
        let record = format!(
            "WARC/1.0\r\nWARC-Type: warcinfo\r\nWARC-Date: {date}\r\nWARC-Filename: {wat_name}\r\n\
             WARC-Record-ID: <urn:uuid:{}>\r\nContent-Type: application/warc-fields\r\n\
             Content-Length: {}\r\n\r\n{fields}\r\n\r\n",
            uuid(dice),
            fields.len()
        );
        each(record.as_bytes())?;

        self.json.clear();
        self.container(360, 275, dice);
        let digest = digest(dice);
        let _ = write!(
            self.json,
            "{{\"Payload-Metadata\":{{\"Actual-Content-Length\":\"98\",\"Trailing-Slop-Length\":\"4\",\
             \"Block-Digest\":\"{digest}\",\"Headers-Corrupt\":true,\
             \"Actual-Content-Type\":\"application/warc-fields\",\
             \"WARC-Info-Metadata\":{{\"isPartOf\":\"{}\",\"publisher\":\"crawlrank synth\"}}}},\
             \"Format\":\"WARC/1.0\",\"WARC-Header-Length\":\"258\",\"WARC-Header-Metadata\":{{\
             \"WARC-Type\":\"warcinfo\",\"WARC-Date\":\"{date}\",\"WARC-Record-ID\":\"<urn:uuid:{}>\",\
             \"Content-Length\":\"98\",\"Content-Type\":\"application/warc-fields\",\
             \"WARC-Filename\":\"{}\"}}}}}}",
            clock::CRAWL,
            self.warcinfo_id,
            self.warc_name
        );
        let (name, id) = (self.warc_name.clone(), self.warcinfo_id.clone());
        each(self.wrap(&name, &id, 0, dice))
    }

    /// The three records of a page: for its request, response and metadata.
    pub(super) fn page(
        &mut self,
        page: &Page,
        mut each: impl FnMut(PageRecord, &[u8]) -> Written,
    ) -> Written {
        let mut dice = Dice::new(self.world.seed, Purpose::Wat, page.index);
        let url = page.url();
        self.request(page, &url, &mut dice);
        each(
            PageRecord::Request,
            self.wrap(&url, &page.ids[0], page.second, &mut dice),
        )?;
        self.response(page, &url, &mut dice);
        each(
            PageRecord::Response,
            self.wrap(&url, &page.ids[1], page.second, &mut dice),
        )?;
        self.metadata(page, &url, &mut dice);
        each(
            PageRecord::Metadata,
            self.wrap(&url, &page.ids[2], page.second, &mut dice),
        )
    }

    /// Puts the WARC header before the JSON.
    fn wrap(&mut self, url: &str, refers_to: &str, second: u32, dice: &mut Dice) -> &[u8] {
        self.record.clear();
        let _ = write!(
            self.record,
            "WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: {url}\r\nWARC-Date: {}\r\n\
             WARC-Record-ID: <urn:uuid:{}>\r\nWARC-Refers-To: <urn:uuid:{refers_to}>\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            clock::iso(second),
            uuid(dice),
            self.json.len()
        );
        self.record.push_str(&self.json);
        self.record.push_str("\r\n\r\n");
        self.record.as_bytes()
    }

    /// Opens the JSON with where in the WARC its record would be.
    fn container(&mut self, inflated: usize, deflated: usize, dice: &mut Dice) {
        self.json.clear();
        let _ = write!(
            self.json,
            "{{\"Container\":{{\"Filename\":\"{}\",\"Compressed\":true,\"Offset\":\"{}\",\
             \"Gzip-Metadata\":{{\"Deflate-Length\":\"{deflated}\",\"Header-Length\":\"10\",\
             \"Footer-Length\":\"8\",\"Inflated-CRC\":\"{}\",\"Inflated-Length\":\"{inflated}\"}}}},\"Envelope\":",
            self.warc_name,
            self.offset,
            dice.next_u64() as u32
        );
        self.offset += deflated as u64;
    }

    fn request(&mut self, page: &Page, url: &str, dice: &mut Dice) {
        let host = page.origin.rsplit('/').next().unwrap_or_default();
        let length = 212 + page.path.len() + host.len();
        self.container(length + 419 + url.len(), 420 + url.len() / 2, dice);
        self.json.push_str(
            "{\"Payload-Metadata\":{\"Actual-Content-Type\":\"application/http; msgtype=request\",\
             \"HTTP-Request-Metadata\":{\"Request-Message\":{\"Method\":\"GET\",\"Path\":",
        );
        push_string(&page.path, &mut self.json);
        let _ = write!(
            self.json,
            ",\"Version\":\"HTTP/1.1\"}},\"Headers-Length\":\"{}\",\"Headers\":{{\
             \"User-Agent\":\"CCBot/2.0 (https://commoncrawl.org/faq/)\",\
             \"Accept\":\"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\",\
             \"Accept-Language\":\"en-US,en;q=0.5\",\"Accept-Encoding\":\"br,gzip\",\
             \"Host\":\"{host}\",\"Connection\":\"Keep-Alive\"}},\"Entity-Length\":\"0\",\
             \"Entity-Digest\":\"sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\",\
             \"Entity-Trailing-Slop-Length\":\"0\"}},\"Actual-Content-Length\":\"{length}\",\
             \"Trailing-Slop-Length\":\"4\",\"Block-Digest\":\"{}\"}},\"Format\":\"WARC/1.0\",\
             \"WARC-Header-Length\":\"{}\",\"WARC-Header-Metadata\":{{\"WARC-Type\":\"request\",",
            length - 2,
            digest(dice),
            319 + url.len()
        );
        self.record_header(page, 0, length, "application/http; msgtype=request");
        let _ = write!(
            self.json,
            "\"WARC-IP-Address\":\"{}\",\"WARC-Target-URI\":",
            page.ip
        );
        push_string(url, &mut self.json);
        self.json.push_str("}}}");
    }

    /// The fields that begin every record's header, as JSON.
    fn record_header(&mut self, page: &Page, which: usize, length: usize, content_type: &str) {
        let _ = write!(
            self.json,
            "\"WARC-Date\":\"{}\",\"WARC-Record-ID\":\"<urn:uuid:{}>\",\"Content-Length\":\"{length}\",\
             \"Content-Type\":\"{content_type}\",\"WARC-Warcinfo-ID\":\"<urn:uuid:{}>\",",
            clock::iso(page.second),
            page.ids[which],
            self.warcinfo_id
        );
    }

    fn response(&mut self, page: &Page, url: &str, dice: &mut Dice) {
        let body = page.html_bytes.min(1 << 20);
        let headers: usize = page
            .headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(|value| name.len() + value.len() + 4))
            .sum();
        let length = body + headers + 19;
        self.container(length + 740, 1_500 + length / 5, dice);
        let _ = write!(
            self.json,
            "{{\"Payload-Metadata\":{{\"Actual-Content-Type\":\"application/http; msgtype=response\",\
             \"HTTP-Response-Metadata\":{{\"Response-Message\":{{\"Status\":\"200\",\"Version\":\"HTTP/1.1\",\
             \"Reason\":\"OK\"}},\"Headers-Length\":\"{}\",\"Headers\":",
            headers + 19
        );
        self.headers(page, body);
        self.html_metadata(page);
        let entity = digest(dice);
        let block = digest(dice);
        let _ = write!(
            self.json,
            ",\"Entity-Length\":\"{body}\",\"Entity-Digest\":\"{entity}\",\"Entity-Trailing-Slop-Length\":\"0\"}},\
             \"Actual-Content-Length\":\"{length}\",\"Trailing-Slop-Length\":\"4\",\
             \"Block-Digest\":\"{block}\"}},\"Format\":\"WARC/1.0\",\"WARC-Header-Length\":\"{}\",\
             \"WARC-Header-Metadata\":{{\"WARC-Type\":\"response\",",
            640 + url.len()
        );
        self.record_header(page, 1, length, "application/http; msgtype=response");
        let _ = write!(
            self.json,
            "\"WARC-Concurrent-To\":\"<urn:uuid:{}>\",\"WARC-IP-Address\":\"{}\",\"WARC-Target-URI\":",
            page.ids[0], page.ip
        );
        push_string(url, &mut self.json);
        let protocol = match (page.http2, page.origin.starts_with("https:")) {
            (true, _) => {
                ",\"WARC-Protocol\":[\"h2\",\"tls/1.3\"],\"WARC-Cipher-Suite\":\"TLS_AES_128_GCM_SHA256\""
            }
            (false, true) => {
                ",\"WARC-Protocol\":[\"http/1.1\",\"tls/1.3\"],\"WARC-Cipher-Suite\":\"TLS_AES_256_GCM_SHA384\""
            }
            (false, false) => ",\"WARC-Protocol\":\"http/1.1\"",
        };
        self.json.push_str(protocol);
        let _ = write!(
            self.json,
            ",\"WARC-Payload-Digest\":\"{entity}\",\"WARC-Block-Digest\":\"{block}\",\
             \"WARC-Identified-Payload-Type\":\"text/html\"}}}}}}"
        );
    }

    /// HTTP headers: a string each, a list where the header came more than once.
    fn headers(&mut self, page: &Page, body: usize) {
        self.json.push('{');
        for (name, values) in &page.headers {
            push_string(name, &mut self.json);
            self.json.push(':');
            match values.as_slice() {
                [value] => push_string(value, &mut self.json),
                values => {
                    for (number, value) in values.iter().enumerate() {
                        self.json.push(if number == 0 { '[' } else { ',' });
                        push_string(value, &mut self.json);
                    }
                    self.json.push(']');
                }
            }
            self.json.push(',');
        }
        let _ = write!(self.json, "\"Content-Length\":\"{body}\"}}");
    }

    fn html_metadata(&mut self, page: &Page) {
        self.json.push_str(",\"HTML-Metadata\":{\"Head\":{");
        if !page.metas.is_empty() {
            self.list("Metas", &page.metas, push_meta);
            self.json.push(',');
        }
        self.json.push_str("\"Title\":");
        push_string(&page.title, &mut self.json);
        if let Some(base) = &page.base {
            self.json.push_str(",\"Base\":");
            push_string(base, &mut self.json);
        }
        for (name, links) in [("Link", &page.head_links), ("Scripts", &page.scripts)] {
            if !links.is_empty() {
                self.json.push(',');
                self.list(name, links, push_link);
            }
        }
        self.json.push('}');
        if !page.links.is_empty() {
            self.json.push(',');
            self.list("Links", &page.links, push_link);
        }
        self.json.push('}');
    }

    fn list<T>(&mut self, name: &str, items: &[T], push: fn(&T, &mut String)) {
        let _ = write!(self.json, "\"{name}\":[");
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.json.push(',');
            }
            push(item, &mut self.json);
        }
        self.json.push(']');
    }

    fn metadata(&mut self, page: &Page, url: &str, dice: &mut Dice) {
        self.container(630 + url.len(), 455, dice);
        let _ = write!(
            self.json,
            "{{\"Payload-Metadata\":{{\"Actual-Content-Type\":\"application/metadata-fields\",\
             \"WARC-Metadata-Metadata\":{{\"FIELDS_CORRUPT\":true,\"Metadata-Records\":[\
             {{\"Name\":\"fetchTimeMs\",\"Value\":\"{}\"}},\
             {{\"Name\":\"charset-detected\",\"Value\":\"UTF-8\"}}]}},\"Actual-Content-Length\":\"200\",\
             \"Trailing-Slop-Length\":\"4\",\"Block-Digest\":\"{}\"}},\"Format\":\"WARC/1.0\",\
             \"WARC-Header-Length\":\"{}\",\"WARC-Header-Metadata\":{{\"WARC-Type\":\"metadata\",",
            page.fetch_milliseconds,
            digest(dice),
            344 + url.len()
        );
        self.record_header(page, 2, 200, "application/warc-fields");
        let _ = write!(
            self.json,
            "\"WARC-Concurrent-To\":\"<urn:uuid:{}>\",\"WARC-Target-URI\":",
            page.ids[1]
        );
        push_string(url, &mut self.json);
        self.json.push_str("}}}");
    }
}

/// An invented digest in the right form.
fn digest(dice: &mut Dice) -> String {
    let mut bytes = [0; 20];
    dice.fill(&mut bytes);
    format!("sha1:{}", BASE32.encode(&bytes))
}

fn push_meta(meta: &Meta, json: &mut String) {
    // A property comes after its content, a name before, as in the generator's output.
    json.push('{');
    if meta.key == MetaKey::Name {
        json.push_str("\"name\":");
        push_string(meta.name, json);
        json.push(',');
    }
    json.push_str("\"content\":");
    push_string(&meta.content, json);
    let key = match meta.key {
        MetaKey::Name => return json.push('}'),
        MetaKey::Property => ",\"property\":",
        MetaKey::HttpEquiv => ",\"http-equiv\":",
    };
    json.push_str(key);
    push_string(meta.name, json);
    json.push('}');
}

fn push_link(link: &Link, json: &mut String) {
    if link.path.is_empty() {
        return json.push_str("{}");
    }
    json.push_str("{\"path\":\"");
    json.push_str(link.path);
    json.push_str(if link.path == STYLE {
        "\",\"href\":"
    } else {
        "\",\"url\":"
    });
    push_string(&link.url, json);
    let keys: [(&str, Option<&str>); 7] = [
        ("target", link.target),
        ("method", link.method),
        ("alt", link.alt.as_deref()),
        ("title", link.title.as_deref()),
        ("rel", link.rel),
        ("type", link.media_type),
        ("text", link.text.as_deref()),
    ];
    for (key, value) in keys {
        if let Some(value) = value {
            json.push_str(",\"");
            json.push_str(key);
            json.push_str("\":");
            push_string(value, json);
        }
    }
    json.push('}');
}

/// Appends `text` as a JSON string, escaping what must be escaped and no more.
fn push_string(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        json.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            byte @ (b'"' | b'\\') => {
                json.push('\\');
                json.push(char::from(byte));
            }
            byte => {
                let _ = write!(json, "\\u{byte:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}
