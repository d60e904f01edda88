//! `warc ls`, `warc cat`, `warc check`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::util::{Ran, column, crawlrank, crawlrank_with_stdin, rows, shared};

/// A record with a URL and a block.
fn record(url: &str, block: &str) -> String {
    format!("{}{block}\r\n\r\n", header(url, block))
}

fn header(url: &str, block: &str) -> String {
    let length = block.len();
    format!(
        "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: {url}\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn member(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn check(arguments: &[&str]) -> Ran {
    crawlrank([&["warc", "check", "-o", "jsonl"], arguments].concat())
}

#[test]
fn records_are_listed_and_written_as_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (
        member(record("http://a.example/", "one")),
        member(record("http://b.example/", "second")),
    );
    let shard = file(&folder, "x.warc.gz", [&first[..], &second].concat());
    let listed = rows(["warc", "ls", text(&shard)]);
    let expected = |offset: usize, bytes: usize, block_bytes: usize, url: &str| json!({"offset": offset, "bytes": bytes, "type": "resource", "block_bytes": block_bytes, "url": url});
    assert_eq!(
        listed,
        [
            expected(0, first.len(), 3, "http://a.example/"),
            expected(first.len(), second.len(), 6, "http://b.example/")
        ]
    );

    let cat = crawlrank(["warc", "cat", text(&shard), &first.len().to_string()]);
    assert_eq!(
        (cat.code, cat.stdout),
        (
            0,
            (header("http://b.example/", "second") + "second").into_bytes()
        )
    );
}

#[test]
fn an_offset_inside_a_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plain = file(&folder, "x.warc", record("http://a.example/", "one"));
    let gzip = file(
        &folder,
        "x.warc.gz",
        member(record("http://a.example/", "one")),
    );
    for (shard, offset) in [(&plain, 5), (&gzip, 3), (&plain, 100_000), (&gzip, 100_000)] {
        let cat = crawlrank(["warc", "cat", text(shard), &offset.to_string()]);
        assert_eq!(cat.code, 2, "{}", cat.stderr);
        assert!(
            cat.stderr.contains("no record begins there"),
            "{}",
            cat.stderr
        );
        assert!(cat.stdout.is_empty());
    }
}

#[test]
fn records_that_share_a_member_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let shard = file(
        &folder,
        "x.warc.gz",
        member(record("http://a.example/", "one") + &record("http://b.example/", "two")),
    );
    assert_eq!(
        column(&rows(["warc", "ls", text(&shard)]), "offset"),
        [0, 0]
    );
    for (skip, block) in [("0", "one"), ("1", "two")] {
        let cat = crawlrank(["warc", "cat", text(&shard), "0", "--skip", skip]);
        assert!(
            cat.stdout.ends_with(block.as_bytes()),
            "{skip}: {}",
            cat.stderr
        );
    }
    assert_eq!(
        crawlrank(["warc", "cat", text(&shard), "0", "--skip", "2"]).code,
        2
    );
}

#[test]
fn stdin_is_a_shard_too() {
    let shard = [
        member(record("http://a.example/", "one")),
        member(record("http://b.example/", "two")),
    ]
    .concat();
    let listed = crawlrank_with_stdin(["warc", "ls", "-", "-o", "jsonl"], &shard).rows_with(0);
    let offset = listed[1]["offset"].as_u64().unwrap().to_string();
    assert!(
        crawlrank_with_stdin(["warc", "cat", "-", &offset], &shard)
            .stdout
            .ends_with(b"two")
    );
    let checked = crawlrank_with_stdin(["warc", "check", "-", "-o", "jsonl"], &shard).rows_with(0);
    assert_eq!(
        (&checked[0]["shard"], &checked[0]["bytes"]),
        (&json!("-"), &json!(shard.len()))
    );
}

#[test]
fn several_shards_are_told_apart_by_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let a = file(&folder, "a.warc", record("http://a.example/", "one"));
    let b = file(&folder, "b.warc", record("http://b.example/", "two"));
    let listed = rows(["warc", "ls", text(&a), text(&b)]);
    assert_eq!(column(&listed, "shard"), [text(&a), text(&b)]);
}

#[test]
fn terminal_escapes_in_a_url_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://a.example/\u{1b}]0;x\u{7}\u{202e}é";
    let shard = file(&folder, "a.warc", record(url, "one"));
    for form in ["table", "json", "jsonl", "csv"] {
        let listed = crawlrank(["warc", "ls", text(&shard), "-o", form]);
        let shown = String::from_utf8(listed.stdout).unwrap();
        assert!(
            !shown.contains(['\u{1b}', '\u{7}', '\u{202e}']) && shown.contains('é'),
            "{form}: {shown:?}"
        );
    }
    assert_eq!(rows(["warc", "ls", text(&shard)])[0]["url"], url);
}

#[test]
fn a_refused_shard_leaves_by_4_and_the_others_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(
        &folder,
        "good.warc.gz",
        member(record("http://a.example/", "one")),
    );
    let refused = [
        (
            "page.warc.gz",
            &b"<!DOCTYPE html><html><title>503 Slow Down</title>"[..],
            "HTML",
        ),
        ("empty.warc.gz", b"", "empty"),
        (
            "old.arc",
            b"filedesc://x.arc 0.0.0.0 20000101000000 text/plain 76\n1 0 x\n",
            "ARC",
        ),
        (
            "picture.warc",
            b"\x89PNG\r\n\x1a\n0000000000000000000000",
            "expected a WARC file",
        ),
    ];
    for (name, bytes, word) in refused {
        let bad = file(&folder, name, bytes);
        let checked = check(&[text(&bad), text(&good)]);
        let rows = checked.rows_with(4);
        assert_eq!(column(&rows, "shard"), [text(&good)]);
        assert!(
            checked.stderr.starts_with("error[E-FORMAT]: ") && checked.stderr.contains(word),
            "{}",
            checked.stderr
        );
        assert!(
            checked.stderr.contains(name) && checked.stderr.lines().count() == 1,
            "{}",
            checked.stderr
        );
    }
}

#[test]
fn a_wrong_path_is_found_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good.warc", record("http://a.example/", "one"));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for wrong in [folder.path().join("none.warc"), empty] {
        for command in ["ls", "check"] {
            let ran = crawlrank(["warc", command, text(&good), text(&wrong)]);
            assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{}", ran.stderr);
        }
    }
    // A folder stands for the shards in it.
    let checked = rows(["warc", "check", text(folder.path())]);
    assert_eq!(column(&checked, "shard"), [text(&good)]);
}

#[test]
fn a_limit_makes_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let shard = file(
        &folder,
        "x.warc.gz",
        member(record("http://a.example/", &"x".repeat(5000))),
    );
    assert_eq!(check(&[text(&shard)]).code, 0);
    let faults = check(&["--faults", "--max-record", "4K", text(&shard)]).rows_with(3);
    assert_eq!(column(&faults, "kind"), ["record_too_large"]);
}

#[test]
fn digests_that_do_not_hold_are_faults_without_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let claimed = record("http://a.example/", "abc").replace(
        "Content-Length",
        "WARC-Block-Digest: sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5\r\nContent-Length",
    );
    let shard = file(
        &folder,
        "x.warc",
        claimed.clone() + &claimed.replace("\r\nabc\r\n", "\r\nabd\r\n"),
    );
    assert_eq!(check(&[text(&shard)]).code, 0);
    let row = &check(&["--digests", text(&shard)]).rows_with(3)[0];
    assert_eq!(
        (&row["records"], &row["faults"], &row["fault_bytes"]),
        (&json!(2), &json!(1), &json!(0))
    );
    let fault = &check(&["--digests", "--faults", text(&shard)]).rows_with(3)[0];
    assert_eq!(
        (&fault["kind"], &fault["bytes"], &fault["offset"]),
        (&json!("block_digest"), &json!(0), &json!(claimed.len()))
    );
    let detail = fault["detail"].as_str().unwrap();
    assert!(
        detail.contains("expected sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5, found sha1:"),
        "{detail}"
    );
}

#[test]
fn ls_and_cat_tell_of_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (good, mut bad) = (
        member(record("http://a.example/", "one")),
        member(record("http://b.example/", "two")),
    );
    let at = bad.len() - 6;
    bad[at] ^= 1; // the CRC
    let shard = file(&folder, "x.warc.gz", [&good[..], &bad, &good].concat());
    let listed = crawlrank(["warc", "ls", "-o", "jsonl", text(&shard)]);
    assert_eq!(
        column(&listed.rows_with(3), "offset"),
        [0, good.len() + bad.len()]
    );
    assert!(
        listed.stderr.contains("1 faults") && listed.stderr.lines().count() == 1,
        "{}",
        listed.stderr
    );
    let cat = crawlrank(["warc", "cat", text(&shard), &good.len().to_string()]);
    assert_eq!((cat.code, cat.stdout.len()), (3, 0), "{}", cat.stderr);
    assert!(cat.stderr.contains("bad_crc"), "{}", cat.stderr);
}

/// One file for each way in which Common Crawl's files were seen to be damaged, with what is to be found in it.
#[test]
fn every_known_damage_gives_what_is_expected() {
    let Some(folder) = shared("warc/derived/faults") else {
        return;
    };
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let place = read("manifest.json")["fault_at_offset"].clone();
    for (name, expected) in read("expected.json").as_object().unwrap() {
        let shard = folder.join(name);
        let checked = check(&[text(&shard)]);
        assert_eq!(checked.code, expected["exit"], "{name}: {}", checked.stderr);
        if expected["exit"] == 4 {
            continue;
        }
        let row = &checked.rows()[0];
        let number = |column: &str| row[column].as_u64().unwrap();
        assert_eq!(
            (&row["records"], &row["faults"]),
            (&expected["records"], &expected["faults"]),
            "{name}"
        );
        assert_eq!(
            number("bytes"),
            fs::metadata(&shard).unwrap().len(),
            "{name}"
        );
        assert_eq!(
            number("record_bytes") + number("fault_bytes") + number("padding_bytes"),
            number("bytes"),
            "{name}"
        );
        assert_eq!(
            row["warnings"].as_object().unwrap().is_empty(),
            expected["warnings"].is_null(),
            "{name}: {row}"
        );

        let faults = check(&["--faults", text(&shard)]).rows();
        assert_eq!(faults.len() as u64, number("faults"), "{name}");
        let bytes: u64 = faults
            .iter()
            .map(|fault| fault["bytes"].as_u64().unwrap())
            .sum();
        assert_eq!(bytes, number("fault_bytes"), "{name}");
        // Only this one is damaged in another place: its last member.
        if name != "trunc_last.wat.gz" {
            assert!(
                faults.iter().all(|fault| fault["offset"] == place),
                "{name}: {faults:?}"
            );
        }
    }
}

/// A record of half a gigabyte of zeros, ten times over the limit, in half a megabyte; as gzip, and as zstd in a tenth of that.
fn bombs(folder: &Path) -> [PathBuf; 2] {
    const BYTES: u64 = 512 << 20;
    let header = format!(
        "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a.example/\r\nContent-Length: {BYTES}\r\n\r\n"
    );
    let content = || {
        let zeros = std::io::repeat(0).take(BYTES);
        header.as_bytes().chain(zeros).chain(&b"\r\n\r\n"[..])
    };
    let [gz, zst] = ["bomb.warc.gz", "bomb.warc.zst"].map(|name| folder.join(name));
    let mut encoder = GzEncoder::new(fs::File::create(&gz).unwrap(), Compression::fast());
    std::io::copy(&mut content(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    let mut encoder = zstd::stream::Encoder::new(fs::File::create(&zst).unwrap(), 1).unwrap();
    std::io::copy(&mut content(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    [gz, zst]
}

#[test]
fn bombs_are_one_fault_within_twice_the_limit_of_a_record() {
    let folder = tempfile::tempdir().unwrap();
    for bomb in bombs(folder.path()) {
        // Data of the process: twice the limit of a record (64 MiB), and 16 MiB.
        let ran = Command::new("sh")
            .args([
                "-c",
                "ulimit -d 147456 && exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_crawlrank"),
            ])
            .args(["warc", "check", bomb.to_str().unwrap(), "-o", "jsonl"])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(3), "{stderr}");
        let row: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(
            (&row["records"], &row["faults"]),
            (&Value::from(0), &Value::from(1)),
            "{row}"
        );
        assert_eq!(row["fault_bytes"], row["bytes"]);
    }
}
