//! Any bytes, as they are, as the content of a gzip member, and cut: no panic, and the account adds up.
#![no_main]

use std::io::{Read, Write};

use crawlrank_warc::{Reader, ReaderOptions, Record, WindowBudget, http::Head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data, data.len());
    let (content, _) = data.split_at(data.len() / 2);
    read(content, content.len());
    let member = stored_member(data);
    read(&member[..], member.len());
});

/// Small limits, so that the fuzzer reaches them.
fn read(input: impl Read, size: usize) {
    let options = ReaderOptions { max_record_bytes: 4096, max_header_bytes: 1024, max_header_lines: 16, max_window_bytes: 32 << 20, window_budget: Some(WindowBudget::new(16 << 20)) };
    let mut reader = Reader::with_options(input, options);
    let mut record = Record::new();
    let mut fault_bytes = 0;
    while let Ok(true) = reader.read_record(&mut record) {
        let fields = record.header().iter().count();
        assert!(fields <= 16 && record.block().len() <= 4096);
        if let Some(head) = Head::parse(record.block()) {
            assert!(head.body() <= record.block().len());
            let _ = (head.status(), head.version(), head.iter().count());
        }
        fault_bytes += reader.take_faults().iter().map(|fault| fault.bytes).sum::<u64>();
    }
    fault_bytes += reader.take_faults().iter().map(|fault| fault.bytes).sum::<u64>();
    let totals = reader.totals();
    assert_eq!(fault_bytes, totals.fault_bytes);
    assert_eq!(totals.record_bytes + totals.fault_bytes + totals.padding_bytes, totals.bytes);
    assert!(totals.bytes <= size as u64);
}

/// A gzip member with the content in stored blocks; its checksum is left out, so that it is a cut one.
fn stored_member(content: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for block in content.chunks(0xffff) {
        let length = block.len() as u16;
        member.push(0);
        member.write_all(&length.to_le_bytes()).expect("writing to memory");
        member.write_all(&(!length).to_le_bytes()).expect("writing to memory");
        member.extend_from_slice(block);
    }
    member
}
