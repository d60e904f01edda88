//! Real files and damaged ones, against what two independent readers found (see the data's `facts.json`).

mod util;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crawlrank_warc::Error;
use serde_json::Value;
use util::{read_all, shared_data};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Files on which both readers agree, but where we decide otherwise, by the end of their names: why.
const EXCEPTIONS: [(&[&str], &str); 4] = [
    (
        &[
            "appended_zip_fragment_unexpected_eof.wet.gz",
            "trunc_last.wat.gz",
            "trunc_mid_eof.wat.gz",
            "chatnoir-resiliparse__clipped.warc.gz",
            "transfer_compression_none_truncated.warc.gz",
        ],
        "cut inside the last member: the record is lost and a fault, where both hand it out as if it were whole",
    ),
    (
        &["derived/faults/empty.wat.gz"],
        "an input without bytes is refused, as no WARC file can be empty",
    ),
    (
        &["CDX-Writer__giant_html.warc.gz"],
        "its record of 431 MB is above the limit",
    ),
    (
        &[
            "headerfieldpolicy-11.warc",
            "headerfieldpolicy-12.warc",
            "headerfieldpolicy-13.warc",
            "headerfieldpolicy-14.warc",
            "headerfieldpolicy-15.warc",
            "headerfieldpolicy-3.warc",
            "headerfieldpolicy-5.warc",
            "headerfieldpolicy-6.warc",
            "headerfieldpolicy-7.warc",
            "headerfieldpolicy-8.warc",
            "headerversion-23.warc",
            "headerversion-24.warc",
            "headerversion-6.warc",
            "headerversion-7.warc",
            "warc-metadata-sidecar__dns.warc",
        ],
        "plain files that end inside a header, or before the block that Content-Length announces: cut",
    ),
];

fn is_exception(name: &str) -> bool {
    EXCEPTIONS
        .iter()
        .any(|(names, _)| names.iter().any(|end| name.ends_with(end)))
}

/// The readers report types as they are spelled, and nothing for none; we know the eight of the standard.
fn known_types(by_type: &Value) -> BTreeMap<&str, u64> {
    let known = [
        "warcinfo",
        "response",
        "resource",
        "request",
        "metadata",
        "revisit",
        "conversion",
        "continuation",
    ];
    let mut counts = BTreeMap::new();
    for (name, count) in by_type.as_object().unwrap() {
        let name = if known.contains(&&name[..]) {
            &name[..]
        } else {
            "unknown"
        };
        *counts.entry(name).or_insert(0) += count.as_u64().unwrap();
    }
    counts
}

#[test]
fn every_file_reads_as_the_facts_say() {
    let Some(data) = shared_data() else { return };
    let facts = json(&data.join("facts.json"));
    let mut wrong = Vec::new();
    for (name, fact) in facts.as_object().unwrap() {
        let Some(format) = fact["format"].as_str() else {
            continue;
        };
        let input = fs::read(data.join(name)).unwrap();
        let outcome = read_all(&input);
        if format == "lz4" {
            assert!(
                matches!(outcome.error, Some(Error::Lz4)),
                "{name}: {:?}",
                outcome.error
            );
        } else if name.contains(".arc") {
            assert!(
                matches!(outcome.error, Some(Error::Arc)),
                "{name}: {:?}",
                outcome.error
            );
        } else if format == "bzip2" {
            assert!(
                matches!(outcome.error, Some(Error::UnknownFormat { .. })),
                "{name}: {:?}",
                outcome.error
            );
        }
        if fact["readers_agree"] != true || is_exception(name) {
            continue;
        }
        let mut by_type = BTreeMap::new();
        for record in &outcome.records {
            *by_type.entry(record.kind).or_insert(0u64) += 1;
        }
        if by_type != known_types(&fact["warcio"]["by_type"])
            || outcome.totals.block_bytes != fact["warcio"]["block_bytes"]
            || !outcome.faults.is_empty()
            || outcome.error.is_some()
        {
            wrong.push(format!(
                "{name}: {by_type:?} {} instead of {} {}; {:?} {:?}",
                outcome.totals.block_bytes,
                fact["warcio"]["by_type"],
                fact["warcio"]["block_bytes"],
                outcome.faults,
                outcome.error
            ));
            continue;
        }
        for (read, fact) in outcome
            .records
            .iter()
            .zip(fact["records"].as_array().unwrap_or(&Vec::new()))
        {
            // The facts decode other bytes than UTF-8 as Latin-1, and escape spaces.
            let uri = read
                .uri
                .as_deref()
                .map(|uri| match std::str::from_utf8(uri) {
                    Ok(uri) => uri.replace(' ', "%20"),
                    Err(_) => uri.iter().map(|&byte| char::from(byte)).collect(),
                });
            let expected_uri = fact[5]
                .as_str()
                .map(|uri| uri.trim_start_matches('<').trim_end_matches('>'));
            let place_and_size = read.offset == fact[0] && read.block.len() == fact[3];
            if !place_and_size || uri.as_deref() != expected_uri {
                wrong.push(format!(
                    "{name}: {} {} {uri:?} instead of {fact}",
                    read.offset,
                    read.block.len()
                ));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_and_warnings_are_those_expected() {
    let Some(data) = shared_data() else { return };
    let folder = data.join("derived/faults");
    let manifest = json(&folder.join("manifest.json"));
    let expected = json(&folder.join("expected.json"));
    let mut wrong = Vec::new();
    for (name, expected) in expected.as_object().unwrap() {
        let outcome = read_all(&fs::read(folder.join(name)).unwrap());
        if expected["exit"] == 4 {
            assert!(outcome.error.is_some(), "{name}");
            continue;
        }
        let warned = outcome.totals.warnings.total() > 0;
        let at = if name.starts_with("trunc_last") {
            66226
        } else {
            manifest["fault_at_offset"].as_u64().unwrap()
        };
        if outcome.error.is_some()
            || expected["records"] != outcome.records.len()
            || expected["faults"] != outcome.faults.len()
            || warned != expected["warnings"].is_string()
            || outcome
                .faults
                .iter()
                .any(|fault| fault.offset != at || fault.bytes == 0)
        {
            wrong.push(format!(
                "{name}: {expected} {} {:?} {:?} {:?}",
                outcome.records.len(),
                outcome.faults,
                outcome.warnings(),
                outcome.error
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_forms_of_a_file_give_the_same_records() {
    let Some(data) = shared_data() else { return };
    let records = |name: &str| {
        let outcome = read_all(&fs::read(data.join("derived").join(name)).unwrap());
        assert!(
            outcome.error.is_none() && outcome.faults.is_empty(),
            "{name}: {:?} {:?}",
            outcome.error,
            outcome.faults
        );
        assert_eq!(outcome.warnings(), [], "{name}");
        outcome
            .records
            .into_iter()
            .map(|record| (record.kind, record.uri, record.block))
            .collect::<Vec<_>>()
    };
    let plain = records("pages-small.warc");
    assert_eq!(plain.len(), 169);
    for name in [
        "pages-small.warc.gz",
        "pages-small.nodict.warc.zst",
        "pages-small.dict.warc.zst",
        "pages-small.dictz.warc.zst",
    ] {
        assert!(records(name) == plain, "{name}");
    }
}
