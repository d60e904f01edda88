//! Writes small WARC files, and reads inputs to the end.
#![allow(dead_code)] // each test file uses its own part

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crawlrank_warc::{Error, Fault, Reader, ReaderOptions, Record, Totals};
use flate2::{Compression, write::GzEncoder};

/// A record in plain form, with the two line ends behind its block.
pub(crate) fn record(number: usize, block: &[u8]) -> Vec<u8> {
    record_with(
        &format!("Content-Length: {}\r\n", block.len()),
        number,
        block,
    )
}

/// A record whose `Content-Length` line, or lack of it, is given.
pub(crate) fn record_with(length_line: &str, number: usize, block: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:test:{number}>\r\n\
         WARC-Target-URI: http://a.example/{number}\r\n{length_line}\r\n"
    )
    .into_bytes();
    bytes.extend(block);
    bytes.extend(b"\r\n\r\n");
    bytes
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Bytes without pattern, the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// Text of words, which compresses about as well as pages.
pub(crate) fn text(seed: u64, bytes: usize) -> Vec<u8> {
    let words = [
        "the ",
        "host ",
        "links ",
        "to ",
        "a ",
        "page ",
        "of ",
        "example\n",
        "WARC ",
        "<p>",
    ];
    let mut text = Vec::new();
    for byte in noise(seed, bytes) {
        text.extend_from_slice(words[usize::from(byte) % words.len()].as_bytes());
    }
    text.truncate(bytes);
    text
}

/// What a test compares of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read1 {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) kind: &'static str,
    pub(crate) uri: Option<Vec<u8>>,
    pub(crate) block: Vec<u8>,
}

impl Read1 {
    pub(crate) fn of(record: &Record) -> Read1 {
        Read1 {
            offset: record.offset(),
            bytes: record.bytes(),
            kind: record.record_type().as_str(),
            uri: record.target_uri().map(<[u8]>::to_vec),
            block: record.block().to_vec(),
        }
    }
}

/// What came of an input.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) records: Vec<Read1>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) totals: Totals,
    pub(crate) error: Option<Error>,
}

impl Outcome {
    pub(crate) fn blocks(&self) -> Vec<&[u8]> {
        self.records
            .iter()
            .map(|record| &record.block[..])
            .collect()
    }

    pub(crate) fn warnings(&self) -> Vec<(&'static str, u64)> {
        self.totals
            .warnings
            .iter()
            .map(|(kind, count)| (kind.as_str(), count))
            .collect()
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.faults
            .iter()
            .map(|fault| fault.kind.as_str())
            .collect()
    }
}

pub(crate) fn read_all(input: &[u8]) -> Outcome {
    read_with(input, ReaderOptions::default(), input.len() as u64)
}

/// Reads to the end and checks the account.
pub(crate) fn read_with(input: impl Read, options: ReaderOptions, size: u64) -> Outcome {
    read_on(Reader::with_options(input, options), Vec::new(), size)
}

/// Reads on behind `records`.
pub(crate) fn read_on(
    mut reader: Reader<impl Read>,
    mut records: Vec<Read1>,
    size: u64,
) -> Outcome {
    let mut record = Record::new();
    let (mut faults, mut error) = (Vec::new(), None);
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => records.push(Read1::of(&record)),
            Ok(false) => break,
            Err(found) => {
                error = Some(found);
                break;
            }
        }
        faults.extend(reader.take_faults());
    }
    faults.extend(reader.take_faults());
    let totals = reader.totals().clone();
    if error.is_none() {
        assert_eq!(totals.bytes, size);
        assert_eq!(
            totals.record_bytes + totals.fault_bytes + totals.padding_bytes,
            size
        );
        assert_eq!(totals.records, records.len() as u64);
        assert_eq!(
            totals.record_bytes,
            records.iter().map(|record| record.bytes).sum::<u64>()
        );
        assert_eq!(
            totals.block_bytes,
            records
                .iter()
                .map(|record| record.block.len() as u64)
                .sum::<u64>()
        );
        assert_eq!(totals.faults, faults.len() as u64);
        assert_eq!(
            totals.fault_bytes,
            faults.iter().map(|fault| fault.bytes).sum::<u64>()
        );
        assert!(
            faults
                .windows(2)
                .all(|pair| pair[0].offset <= pair[1].offset)
        );
    }
    Outcome {
        records,
        faults,
        totals,
        error,
    }
}

/// The folder of shared test data; `None`, with a message, where it is missing.
pub(crate) fn shared_data() -> Option<PathBuf> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/warc"
    ));
    if path.is_dir() {
        return Some(path.to_owned());
    }
    eprintln!("skipped: no shared test data at {}", path.display());
    None
}

/// Gives one byte at a time, with interruptions.
pub(crate) struct Trickle<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) interrupt: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        match self.bytes.split_first() {
            Some((&first, rest)) if !buffer.is_empty() => {
                buffer[0] = first;
                self.bytes = rest;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}
