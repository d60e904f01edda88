//! Verifies the digests that a record claims (WARC 1.1, sections 5.8 and 5.9).
//!
//! The payload of an HTTP record is its body, and writers disagree whether a chunked body is digested as it went over
//! the wire or with the chunks taken off (WARC 1.1 says the latter, most crawlers did the former): either is right here.

use std::borrow::Cow;

use crawlrank_warc::http::Head;
use crawlrank_warc::{Record, RecordType};
use data_encoding::{BASE32_NOPAD, Encoding, HEXLOWER};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::payload::without_chunks;

/// Verifies digests and counts those that it cannot.
#[derive(Default)]
pub(super) struct Digests {
    unknown: u64,
}

impl Digests {
    /// Returns kind and detail of each digest of the record that does not hold.
    pub(super) fn mismatches(&mut self, record: &Record) -> Vec<(&'static str, String)> {
        let block = self.mismatch(
            record,
            "WARC-Block-Digest",
            &[Cow::Borrowed(record.block())],
        );
        let payload = self.mismatch(record, "WARC-Payload-Digest", &payloads(record));
        let block = block.map(|detail| ("block_digest", detail));
        block
            .into_iter()
            .chain(payload.map(|detail| ("payload_digest", detail)))
            .collect()
    }

    /// Digests of an algorithm or a form that is not known here.
    pub(super) fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Compares a claim with candidates; without candidates there is nothing that it could be about.
    fn mismatch(
        &mut self,
        record: &Record,
        field: &str,
        candidates: &[Cow<[u8]>],
    ) -> Option<String> {
        let header = record.header();
        let value = header.get(field)?;
        let first = candidates.first()?;
        let Some(claim) = Claim::parse(value) else {
            self.unknown += 1;
            return None;
        };
        if candidates
            .iter()
            .any(|bytes| claim.algorithm.digest(bytes) == claim.digest)
        {
            return None;
        }
        let name = claim.algorithm.as_str();
        let found = claim.encoding.encode(&claim.algorithm.digest(first));
        Some(format!(
            "expected {name}:{}, found {name}:{found}",
            claim.encoding.encode(&claim.digest)
        ))
    }
}

/// What the payload digest of a record may be about; nothing when the payload is not, or not all, in this record.
fn payloads(record: &Record) -> Vec<Cow<'_, [u8]>> {
    let is_piece = record.header().get("WARC-Segment-Number").is_some();
    let is_elsewhere = matches!(
        record.record_type(),
        RecordType::Revisit | RecordType::Continuation
    );
    if is_piece || is_elsewhere || record.is_truncated() {
        return Vec::new();
    }
    let block = record.block();
    let head = match record.record_type() {
        RecordType::Response | RecordType::Request => Head::parse(block),
        _ => None,
    };
    let Some(head) = head else {
        return vec![Cow::Borrowed(block)];
    };
    let body = &block[head.body()..];
    let mut payloads = vec![Cow::Borrowed(body)];
    if head
        .all("Transfer-Encoding")
        .any(|coding| coding.to_ascii_lowercase().ends_with(b"chunked"))
    {
        payloads.extend(without_chunks(body).map(Cow::Owned));
    }
    payloads
}

/// What a header says: `sha1:` and the digest in base32 or hexadecimal digits.
struct Claim {
    algorithm: Algorithm,
    digest: Vec<u8>,
    /// The form in which the digest was written.
    encoding: Encoding,
}

impl Claim {
    fn parse(value: &[u8]) -> Option<Self> {
        let (name, digits) = std::str::from_utf8(value).ok()?.split_once(':')?;
        let algorithm = Algorithm::named(&name.trim().to_ascii_lowercase().replace('-', ""))?;
        let digits = digits.trim().trim_end_matches('=');
        // The length tells the two apart: no digest has as many digits in one as in the other.
        let (digest, encoding) = if digits.len() == 2 * algorithm.bytes() {
            (
                HEXLOWER
                    .decode(digits.to_ascii_lowercase().as_bytes())
                    .ok()?,
                HEXLOWER,
            )
        } else {
            (
                BASE32_NOPAD
                    .decode(digits.to_ascii_uppercase().as_bytes())
                    .ok()?,
                BASE32_NOPAD,
            )
        };
        (digest.len() == algorithm.bytes()).then_some(Claim {
            algorithm,
            digest,
            encoding,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    const ALL: [Algorithm; 4] = [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
    ];

    fn named(name: &str) -> Option<Self> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }

    fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Algorithm::Md5 => Md5::digest(bytes).to_vec(),
            Algorithm::Sha1 => Sha1::digest(bytes).to_vec(),
            Algorithm::Sha256 => Sha256::digest(bytes).to_vec(),
            Algorithm::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crawlrank_warc::Reader;

    use super::*;

    fn mismatches(record_type: &str, fields: &str, block: &str) -> (Vec<&'static str>, u64) {
        let length = block.len();
        let warc = format!(
            "WARC/1.0\r\nWARC-Type: {record_type}\r\n{fields}Content-Length: {length}\r\n\r\n{block}\r\n\r\n"
        );
        let mut reader = Reader::new(warc.as_bytes());
        let mut record = Record::default();
        assert!(reader.read_record(&mut record).unwrap());
        let mut digests = Digests::default();
        let kinds = digests
            .mismatches(&record)
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        (kinds, digests.unknown())
    }

    /// Digests of `abc` (FIPS 180-4 and RFC 1321, test suites).
    #[test]
    fn digests_hold_in_every_form() {
        for digest in [
            "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5",
            "SHA-1:a9993e364706816aba3e25717850c26c9cd0d89d",
            "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
            "sha-256:XJ4BNP4PAHH6UQKBIDPF3LRCEOYAGYNDSYLXVHFUCD7WD4QACWWQ====",
            "md5:900150983cd24fb0d6963f7d28e17f72",
        ] {
            let field = format!("WARC-Block-Digest: {digest}\r\n");
            assert_eq!(
                mismatches("resource", &field, "abc"),
                (vec![], 0),
                "{digest}"
            );
            assert_eq!(
                mismatches("resource", &field, "abd"),
                (vec!["block_digest"], 0),
                "{digest}"
            );
        }
    }

    #[test]
    fn a_digest_of_unknown_form_is_counted_and_no_fault() {
        for digest in ["crc32:00000000", "sha1:tooshort", "no digest"] {
            let field = format!("WARC-Payload-Digest: {digest}\r\n");
            assert_eq!(
                mismatches("resource", &field, "abc"),
                (vec![], 1),
                "{digest}"
            );
        }
    }

    #[test]
    fn the_payload_of_a_response_is_its_body_with_or_without_chunks() {
        let field = "WARC-Payload-Digest: sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5\r\n";
        assert_eq!(
            mismatches("response", field, "HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc").0,
            [""; 0]
        );
        assert_eq!(
            mismatches("response", field, "HTTP/1.1 200 OK\r\nA: b\r\n\r\nabd").0,
            ["payload_digest"]
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n";
        assert_eq!(mismatches("response", field, chunked).0, [""; 0]);
        let not_said = chunked.replace("Transfer-Encoding: chunked", "Server: x");
        assert_eq!(
            mismatches("response", field, &not_said).0,
            ["payload_digest"]
        );
    }

    #[test]
    fn a_payload_that_lies_elsewhere_is_not_compared() {
        let field = "WARC-Payload-Digest: sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5\r\n";
        assert_eq!(
            mismatches("revisit", field, "HTTP/1.1 304 Not Modified\r\n\r\n").0,
            [""; 0]
        );
        let cut = format!("{field}WARC-Truncated: length\r\n");
        assert_eq!(
            mismatches("response", &cut, "HTTP/1.1 200 OK\r\n\r\nab").0,
            [""; 0]
        );
    }

    #[test]
    fn chunks_that_are_not_whole_are_none() {
        for body in [
            "",
            "5\r\nab",
            "zz\r\n",
            "1\r\nab\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\n",
            "1\r\na",
        ] {
            assert_eq!(without_chunks(body.as_bytes()), None, "{body:?}");
        }
    }
}
