//! Makes `data-samples/` and holds it to what is committed.
//!
//! `UPDATE_SAMPLES=1 cargo test -p crawlrank --lib synth::samples` writes the folder anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crawlrank_warc::{Reader, Record};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::members::Compressor;
use super::{Hosts, Kind, Lexicon, SynthOptions, World, clock, generate, page, wat};

/// Files by their path within the folder.
type Files = BTreeMap<String, Vec<u8>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data-samples")
}

/// A hand-made file and what a careful reader finds in it.
struct Odd {
    name: &'static str,
    bytes: Vec<u8>,
    records: u64,
    faults: usize,
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        files.insert(name, fs::read(&path).unwrap());
    }
}

/// Everything in the folder but its README and the dictionary, which was trained once.
fn all_files() -> Files {
    let mut files = Files::new();
    let scratch = tempfile::tempdir().unwrap();
    let synth = SynthOptions {
        out: scratch.path().join("synth"),
        ..SynthOptions::sample()
    };
    generate(&synth, &|_| Ok(())).unwrap();
    read_folder(&synth.out, "synth/", &mut files);
    let kinds = SynthOptions {
        out: scratch.path().join("kinds"),
        shards: 1,
        pages_per_shard: 16,
        hosts: 160,
        kinds: Kind::ALL.to_vec(),
        ..SynthOptions::sample()
    };
    generate(&kinds, &|_| Ok(())).unwrap();
    read_folder(&kinds.out, "kinds/", &mut files);
    let odd = odd_files();
    let mut expected = String::from("file\trecords\tfaults\n");
    for odd in odd {
        expected.push_str(&format!("{}\t{}\t{}\n", odd.name, odd.records, odd.faults));
        files.insert(format!("odd/{}", odd.name), odd.bytes);
    }
    files.insert("odd/expected.tsv".to_owned(), expected.into_bytes());
    let sums = files
        .iter()
        .map(|(name, bytes)| format!("{}  {name}\n", HEXLOWER.encode(&Sha256::digest(bytes))));
    let sums = sums.collect::<String>();
    files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
    files
}

/// The records of a small WAT: 4 pages, so 12 records.
fn wat_records() -> Vec<Vec<u8>> {
    let lexicon = Lexicon::new();
    let hosts = Hosts::new(7, 100, &lexicon);
    let world = World {
        seed: 7,
        lexicon,
        hosts,
    };
    let id = "00000000-0000-4000-8000-000000000000".to_owned();
    let mut writer = wat::WatWriter::new(&world, format!("{}-00000.warc.gz", clock::SEGMENT), id);
    let mut records = Vec::new();
    for index in 0..4 {
        let page = page::page(&world, index);
        writer
            .page(&page, |_, record| {
                records.push(record.to_vec());
                Ok(())
            })
            .unwrap();
    }
    records
}

fn odd_files() -> Vec<Odd> {
    let records = wat_records();
    let members = members(&records);
    let whole = |name, bytes| Odd {
        name,
        bytes,
        records: 12,
        faults: 0,
    };
    let damaged = |name, bytes, records| Odd {
        name,
        bytes,
        records,
        faults: 1,
    };
    // The record that all damage is done to: the request of the third page.
    let hit = 6;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut members = members.clone();
        change(&mut members[hit]);
        members.concat()
    };
    let rewritten = |change: &dyn Fn(String) -> String| {
        let mut records = records.clone();
        records[hit] = change(String::from_utf8(records[hit].clone()).unwrap()).into_bytes();
        self::members(&records).concat()
    };
    let empty = Compressor::new().member(b"").to_vec();
    let (first, second) = records[hit].split_at(600);
    vec![
        damaged(
            "bit_flip.warc.wat.gz",
            changed(&|member| member[100] ^= 4),
            11,
        ),
        damaged(
            "cut_member.warc.wat.gz",
            changed(&|member| member.truncate(300)),
            11,
        ),
        damaged(
            "cut_file.warc.wat.gz",
            members.concat()[..members.concat().len() - 100].to_vec(),
            11,
        ),
        damaged(
            "junk_between.warc.wat.gz",
            changed(&|member| drop(member.splice(..0, *b"junk, not gzip"))),
            12,
        ),
        whole("empty_members.warc.wat.gz", members.join(&empty[..])),
        whole(
            "zeros_at_end.warc.wat.gz",
            [members.concat(), vec![0; 512]].concat(),
        ),
        whole(
            "one_member.warc.wat.gz",
            Compressor::new().member(&records.concat()).to_vec(),
        ),
        whole("two_members_a_record.warc.wat.gz", {
            let mut pieces = members.clone();
            pieces[hit] = self::members(&[first.to_vec(), second.to_vec()]).concat();
            pieces.concat()
        }),
        whole(
            "lf_only.warc.wat.gz",
            rewritten(&|record| record.replace("\r\n", "\n")),
        ),
        whole(
            "content_length_huge.warc.wat.gz",
            rewritten(&|record| {
                let (before, after) = record.split_once("Content-Length: ").unwrap();
                let (_, after) = after.split_once('\r').unwrap();
                format!("{before}Content-Length: 1000000000000\r{after}")
            }),
        ),
        whole("plain.warc.wat", records.concat()),
        whole("dictionary.warc.wat.zst", zstd_with_dictionary(&records)),
    ]
}

fn members(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut compressor = Compressor::new();
    records
        .iter()
        .map(|record| compressor.member(record).to_vec())
        .collect()
}

/// A skippable frame with the dictionary, then a frame for each record (IIPC, "Zstandard Compression
/// for WARC Files 1.0").
fn zstd_with_dictionary(records: &[Vec<u8>]) -> Vec<u8> {
    let dictionary = fs::read(folder().join("odd/dictionary")).unwrap();
    let mut file = 0x184d_2a5d_u32.to_le_bytes().to_vec();
    file.extend((dictionary.len() as u32).to_le_bytes());
    file.extend(&dictionary);
    let mut compressor = zstd::bulk::Compressor::with_dictionary(9, &dictionary).unwrap();
    compressor.include_checksum(true).unwrap();
    for record in records {
        file.extend(compressor.compress(record).unwrap());
    }
    file
}

#[test]
fn committed_samples_are_what_the_generator_makes() {
    let files = all_files();
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        for (name, bytes) in &files {
            let path = folder().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let total: usize = files.values().map(Vec::len).sum();
    assert!(total < 2_500_000, "{total} bytes are too many to commit");
    for (name, bytes) in &files {
        let committed = fs::read(folder().join(name)).unwrap_or_default();
        assert!(
            &committed == bytes,
            "data-samples/{name} differs; if that is meant, run with UPDATE_SAMPLES=1"
        );
    }
}

#[test]
fn odd_files_read_as_their_list_says() {
    for odd in odd_files() {
        let mut reader = Reader::new(odd.bytes.as_slice());
        let mut record = Record::default();
        let mut records = 0;
        while reader.read_record(&mut record).unwrap() {
            records += 1;
        }
        assert_eq!(
            (records, reader.take_faults().len()),
            (odd.records, odd.faults),
            "{}",
            odd.name
        );
    }
}
