//! WARC: captures as fetched, with digests that hold.

use std::fmt::Write as _;

use data_encoding::BASE32;
use sha1::{Digest, Sha1};

use super::World;
use super::clock;
use super::dice::Dice;
use super::html;
use super::page::{Page, uuid};
use super::shard::{PageRecord, Written};
use super::words::LANGUAGES;

/// Writes the records of one WARC file.
pub(super) struct WarcWriter {
    warcinfo_id: String,
    html: String,
    block: Vec<u8>,
    record: Vec<u8>,
}

/// What a request and its answer share.
pub(super) struct Exchange<'a> {
    /// Ids of the request, response and metadata records.
    pub(super) ids: &'a [String; 3],
    pub(super) ip: &'a str,
    pub(super) second: u32,
    /// `https://www.example.com`
    pub(super) origin: &'a str,
    pub(super) path: &'a str,
}

/// An HTTP answer.
pub(super) struct Answer<'a> {
    /// Status line and headers, without the blank line.
    pub(super) head: &'a str,
    pub(super) body: &'a [u8],
    pub(super) truncated: bool,
    pub(super) http2: bool,
    /// As identified from the body; empty if there is none.
    pub(super) payload_type: &'a str,
}

impl WarcWriter {
    pub(super) fn new(warcinfo_id: String) -> Self {
        Self {
            warcinfo_id,
            html: String::new(),
            block: Vec::new(),
            record: Vec::new(),
        }
    }

    /// The record about the file itself.
    pub(super) fn start(&mut self, name: &str, each: impl FnOnce(&[u8]) -> Written) -> Written {
        let fields = format!(
            "isPartOf: {}\r\npublisher: crawlrank synth\r\n\
             description: Invented captures; no site was visited\r\noperator: nobody (nobody@crawlrank.example)\r\n\
             hostname: localhost\r\nsoftware: crawlrank synth\r\nrobots: obeyed, there were none\r\n\
             format: WARC File Format 1.1\r\n\
             conformsTo: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n\r\n",
            clock::CRAWL
        );
        let header = format!(
            "WARC-Type: warcinfo\r\nWARC-Date: {}\r\nWARC-Record-ID: <urn:uuid:{}>\r\n\
             Content-Length: {}\r\nContent-Type: application/warc-fields\r\nWARC-Filename: {name}\r\n",
            clock::iso(0),
            self.warcinfo_id,
            fields.len()
        );
        self.block.clear();
        self.block.extend_from_slice(fields.as_bytes());
        each(self.wrap(&header))
    }

    /// A page's request, response and metadata.
    pub(super) fn page(
        &mut self,
        world: &World,
        page: &Page,
        mut each: impl FnMut(PageRecord, &[u8]) -> Written,
    ) -> Written {
        let mut html = std::mem::take(&mut self.html);
        let truncated = html::render(world, page, &mut html);
        let mut head = String::from("HTTP/1.1 200 OK\r\n");
        for (name, values) in &page.headers {
            for value in values {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        let _ = write!(head, "Content-Length: {}\r\n", html.len());
        let exchange = Exchange {
            ids: &page.ids,
            ip: &page.ip,
            second: page.second,
            origin: &page.origin,
            path: &page.path,
        };
        let answer = Answer {
            head: &head,
            body: html.as_bytes(),
            truncated,
            http2: page.http2,
            payload_type: "text/html",
        };
        each(PageRecord::Request, self.request(&exchange))?;
        each(PageRecord::Response, self.response(&exchange, &answer))?;
        each(PageRecord::Metadata, self.metadata(&exchange, page))?;
        self.html = html;
        Ok(())
    }

    pub(super) fn request(&mut self, exchange: &Exchange) -> &[u8] {
        let host = exchange.origin.rsplit('/').next().unwrap_or_default();
        let request = format!(
            "GET {} HTTP/1.1\r\nUser-Agent: CCBot/2.0 (https://commoncrawl.org/faq/)\r\n\
             Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
             Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: br,gzip\r\nHost: {host}\r\n\
             Connection: Keep-Alive\r\n\r\n",
            exchange.path
        );
        self.block.clear();
        self.block.extend_from_slice(request.as_bytes());
        let mut header = self.header("request", exchange, 0, "application/http; msgtype=request");
        let _ = write!(
            header,
            "WARC-IP-Address: {}\r\nWARC-Target-URI: {}{}\r\n",
            exchange.ip, exchange.origin, exchange.path
        );
        self.wrap(&header)
    }

    pub(super) fn response(&mut self, exchange: &Exchange, answer: &Answer) -> &[u8] {
        self.block.clear();
        self.block.extend_from_slice(answer.head.as_bytes());
        self.block.extend_from_slice(b"\r\n");
        self.block.extend_from_slice(answer.body);
        let mut header = self.header(
            "response",
            exchange,
            1,
            "application/http; msgtype=response",
        );
        let _ = write!(
            header,
            "WARC-Concurrent-To: <urn:uuid:{}>\r\nWARC-IP-Address: {}\r\nWARC-Target-URI: {}{}\r\n",
            exchange.ids[0], exchange.ip, exchange.origin, exchange.path
        );
        let tls = exchange.origin.starts_with("https:");
        header.push_str(if answer.http2 {
            "WARC-Protocol: h2\r\n"
        } else {
            "WARC-Protocol: http/1.1\r\n"
        });
        if tls {
            header.push_str(
                "WARC-Protocol: tls/1.3\r\nWARC-Cipher-Suite: TLS_AES_128_GCM_SHA256\r\n",
            );
        }
        if answer.truncated {
            header.push_str("WARC-Truncated: length\r\n");
        }
        let _ = write!(
            header,
            "WARC-Payload-Digest: {}\r\nWARC-Block-Digest: {}\r\n",
            digest(answer.body),
            digest(&self.block)
        );
        if !answer.payload_type.is_empty() {
            let _ = write!(
                header,
                "WARC-Identified-Payload-Type: {}\r\n",
                answer.payload_type
            );
        }
        self.wrap(&header)
    }

    fn metadata(&mut self, exchange: &Exchange, page: &Page) -> &[u8] {
        let language = &LANGUAGES[page.language];
        let fields = format!(
            "fetchTimeMs: {}\r\ncharset-detected: UTF-8\r\nlanguages-cld2: {{\"reliable\":true,\"text-bytes\":{},\
             \"languages\":[{{\"code\":\"{}\",\"code-iso-639-3\":\"{}\",\"text-covered\":0.98,\"score\":596.0,\
             \"name\":\"{}\"}}]}}\r\n\r\n",
            page.fetch_milliseconds,
            page.html_bytes / 9,
            language.code,
            language.code3,
            language.name
        );
        self.block.clear();
        self.block.extend_from_slice(fields.as_bytes());
        let mut header = self.header("metadata", exchange, 2, "application/warc-fields");
        let _ = write!(
            header,
            "WARC-Concurrent-To: <urn:uuid:{}>\r\nWARC-Target-URI: {}{}\r\n",
            exchange.ids[1], exchange.origin, exchange.path
        );
        self.wrap(&header)
    }

    /// The fields that begin each record about a capture; `self.block` is there already.
    fn header(&self, kind: &str, exchange: &Exchange, which: usize, content_type: &str) -> String {
        format!(
            "WARC-Type: {kind}\r\nWARC-Date: {}\r\nWARC-Record-ID: <urn:uuid:{}>\r\nContent-Length: {}\r\n\
             Content-Type: {content_type}\r\nWARC-Warcinfo-ID: <urn:uuid:{}>\r\n",
            clock::iso(exchange.second),
            exchange.ids[which],
            self.block.len(),
            self.warcinfo_id
        )
    }

    /// Puts header and block together.
    fn wrap(&mut self, header: &str) -> &[u8] {
        self.record.clear();
        self.record.extend_from_slice(b"WARC/1.0\r\n");
        self.record.extend_from_slice(header.as_bytes());
        self.record.extend_from_slice(b"\r\n");
        self.record.extend_from_slice(&self.block);
        self.record.extend_from_slice(b"\r\n\r\n");
        &self.record
    }
}

/// A digest as WARC headers carry it.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha1:{}", BASE32.encode(&Sha1::digest(bytes)))
}

/// Ids for a capture that is not a page.
pub(super) fn new_ids(dice: &mut Dice) -> [String; 3] {
    [uuid(dice), uuid(dice), uuid(dice)]
}
