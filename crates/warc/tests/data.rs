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

/// Files on which both readers agree, but which do not end whole or where we decide otherwise: why.
const EXCEPTIONS: [(&str, &str); 0] = [];

#[test]
fn every_file_reads_as_the_facts_say() {
    let Some(data) = shared_data() else { return };
    let facts = json(&data.join("facts.json"));
    let mut wrong = Vec::new();
    for (name, fact) in facts.as_object().unwrap() {
        let Some(format) = fact["format"].as_str() else { continue };
        let input = fs::read(data.join(name)).unwrap();
        let outcome = read_all(&input);
        if format == "lz4" {
            assert!(matches!(outcome.error, Some(Error::Lz4)), "{name}: {:?}", outcome.error);
        } else if name.contains(".arc") {
            assert!(matches!(outcome.error, Some(Error::Arc)), "{name}: {:?}", outcome.error);
        } else if format == "bzip2" {
            assert!(matches!(outcome.error, Some(Error::UnknownFormat { .. })), "{name}: {:?}", outcome.error);
        }
        if fact["readers_agree"] != true || EXCEPTIONS.iter().any(|(exception, _)| exception == name) {
            continue;
        }
        let mut by_type = BTreeMap::new();
        for record in &outcome.records {
            *by_type.entry(record.kind).or_insert(0u64) += 1;
        }
        let found = serde_json::json!(by_type);
        if found != fact["warcio"]["by_type"]
            || outcome.totals.block_bytes != fact["warcio"]["block_bytes"]
            || !outcome.faults.is_empty()
            || outcome.error.is_some()
        {
            wrong.push(format!(
                "{name}: {found} {} instead of {} {}; {:?} {:?}",
                outcome.totals.block_bytes, fact["warcio"]["by_type"], fact["warcio"]["block_bytes"], outcome.faults, outcome.error
            ));
            continue;
        }
        for (read, fact) in outcome.records.iter().zip(fact["records"].as_array().unwrap_or(&Vec::new())) {
            let uri = read.uri.as_deref().map(String::from_utf8_lossy);
            let expected_uri = fact[5].as_str().map(|uri| uri.trim_start_matches('<').trim_end_matches('>'));
            if read.offset != fact[0] || read.kind != fact[2] || read.block.len() != fact[3] || uri.as_deref() != expected_uri {
                wrong.push(format!("{name}: {} {} {} {uri:?} instead of {fact}", read.offset, read.kind, read.block.len()));
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
        let at = if name.starts_with("trunc_last") { 66226 } else { manifest["fault_at_offset"].as_u64().unwrap() };
        if outcome.error.is_some()
            || expected["records"] != outcome.records.len()
            || expected["faults"] != outcome.faults.len()
            || warned != expected["warnings"].is_string()
            || outcome.faults.iter().any(|fault| fault.offset != at || fault.bytes == 0)
        {
            wrong.push(format!("{name}: {expected} {} {:?} {:?} {:?}", outcome.records.len(), outcome.faults, outcome.warnings(), outcome.error));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_forms_of_a_file_give_the_same_records() {
    let Some(data) = shared_data() else { return };
    let records = |name: &str| {
        let outcome = read_all(&fs::read(data.join("derived").join(name)).unwrap());
        assert!(outcome.error.is_none() && outcome.faults.is_empty(), "{name}: {:?} {:?}", outcome.error, outcome.faults);
        assert_eq!(outcome.warnings(), [], "{name}");
        outcome.records.into_iter().map(|record| (record.kind, record.uri, record.block)).collect::<Vec<_>>()
    };
    let plain = records("pages-small.warc");
    assert_eq!(plain.len(), 169);
    for name in ["pages-small.warc.gz", "pages-small.nodict.warc.zst", "pages-small.dict.warc.zst", "pages-small.dictz.warc.zst"] {
        assert!(records(name) == plain, "{name}");
    }
}
