//! Gzip members as Common Crawl writes them: one a record, with a header that never changes.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Magic, deflate, no flags, no time, no extra flags, Unix: the ten bytes at each record's start.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// Compresses records to members with one reused state.
pub(super) struct Compressor {
    deflate: Compress,
    member: Vec<u8>,
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self {
            deflate: Compress::new(Compression::new(6), false),
            member: Vec::new(),
        }
    }

    /// Returns `record` as one complete gzip member.
    pub(super) fn member(&mut self, record: &[u8]) -> &[u8] {
        self.deflate.reset();
        self.member.clear();
        self.member.extend_from_slice(&HEADER);
        // Deflate's own bound for stored blocks, so that one call is nearly always enough.
        self.member.reserve(record.len() + record.len() / 1000 + 64);
        loop {
            let read = self.deflate.total_in() as usize;
            let status = self
                .deflate
                .compress_vec(&record[read..], &mut self.member, FlushCompress::Finish)
                .expect("deflate of bytes in memory has no way to fail");
            if status == Status::StreamEnd {
                break;
            }
            self.member.reserve(record.len() / 8 + 64);
        }
        let mut crc = Crc::new();
        crc.update(record);
        self.member.extend_from_slice(&crc.sum().to_le_bytes());
        self.member.extend_from_slice(&crc.amount().to_le_bytes());
        &self.member
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn members_inflate_to_their_records() {
        let mut compressor = Compressor::new();
        let long = "WARC/1.0\r\n".repeat(50_000);
        for record in ["", "x", &long] {
            let member = compressor.member(record.as_bytes());
            assert_eq!(member[..10], HEADER);
            let mut inflated = String::new();
            flate2::read::GzDecoder::new(member)
                .read_to_string(&mut inflated)
                .unwrap();
            assert_eq!(inflated, record);
        }
    }
}
