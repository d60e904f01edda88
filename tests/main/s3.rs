//! Inputs at `s3://`, which the feature `s3` brings: over a server on loopback that answers as buckets do.

#[cfg(feature = "s3")]
use std::fs;

#[cfg(feature = "s3")]
use crate::network::{Crawl, graphs};
#[cfg(feature = "s3")]
use crate::test_server::Fault;
#[cfg(feature = "s3")]
use crate::util::{Ran, crawlrank_with_env};

#[cfg(not(feature = "s3"))]
#[test]
fn a_program_without_the_feature_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    let object = "s3://commoncrawl/x.warc.wat.gz";
    for arguments in [
        &["plan", object][..],
        &["fetch", object, "--out", &out],
        &["run", object, "--out", &out],
        &["plan", "2026-39", "--base-url", "s3://commoncrawl/"],
    ] {
        let ran = crate::util::crawlrank(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("build with --features s3"),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    assert!(!folder.path().join("out").exists());
}

/// Runs the program where the server of a crawl is that of all buckets, without keys.
#[cfg(feature = "s3")]
fn ran(crawl: &Crawl, keys: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let endpoint = crawl.server.url("");
    let mut variables = vec![("AWS_ENDPOINT_URL", endpoint.as_str())];
    variables.extend(keys);
    crawlrank_with_env(arguments, &variables)
}

/// The crawl of [`Crawl`], as objects of the bucket `commoncrawl`.
#[cfg(feature = "s3")]
fn in_a_bucket() -> Crawl {
    let crawl = Crawl::new();
    for at in 0..3 {
        let bytes = fs::read(crawl.file(at)).unwrap();
        crawl
            .server
            .put(&format!("/commoncrawl{}", crawl.path(at)), bytes);
    }
    let mut list = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut list, crawl.paths.join("\n").as_bytes()).unwrap();
    let path = "/commoncrawl/crawl-data/CC-MAIN-2026-39/wat.paths.gz";
    crawl.server.put(path, list.finish().unwrap());
    crawl
}

#[cfg(feature = "s3")]
#[test]
fn a_run_over_objects_gives_the_graph_of_the_files() {
    let crawl = in_a_bucket();
    let local = crawl.out("local");
    let shards = crawl.shards();
    assert_eq!(ran(&crawl, &[], &["run", &shards, "--out", &local]).code, 0);
    // One breaks off, one asks to wait: the same graph, by addresses, by a list, and by the crawl's name.
    let object = |at| format!("/commoncrawl{}", crawl.path(at));
    let middle = fs::read(crawl.file(0)).unwrap().len() / 2;
    crawl.server.fault(&object(0), [Fault::Cut(middle)]);
    crawl.server.fault(&object(1), [Fault::Status(503, None)]);
    let addresses: Vec<String> = (0..3).map(|at| format!("s3:/{}", object(at))).collect();
    let list = "s3://commoncrawl/crawl-data/CC-MAIN-2026-39/wat.paths.gz";
    for (name, inputs) in [
        (
            "addresses",
            &[&*addresses[0], &addresses[1], &addresses[2]][..],
        ),
        ("list", &[list, "--all"]),
        (
            "name",
            &["2026-39", "--base-url", "s3://commoncrawl/", "--all"],
        ),
    ] {
        let out = crawl.out(name);
        let run = ran(&crawl, &[], &[&["run", "--out", &out], inputs].concat());
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        assert!(graphs(&out) == graphs(&local), "{name}");
    }
    let rest = crawl.server.seen().into_iter();
    let mut rest = rest.filter(|seen| seen.headers.contains_key("range"));
    let rest = rest.next().unwrap();
    assert_eq!(rest.path, object(0));
    assert_eq!(rest.headers["range"], format!("bytes={middle}-"));
    assert_eq!(rest.headers["if-match"], "\"v0\"");
}

#[cfg(feature = "s3")]
#[test]
fn objects_are_planned_and_fetched_with_signatures_where_there_are_keys() {
    let crawl = in_a_bucket();
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
    ];
    let base = ["2026-39", "--base-url", "s3://commoncrawl"];
    let plan = ran(
        &crawl,
        &keys,
        &[&["plan", "-o", "jsonl"], &base[..]].concat(),
    );
    let bytes: u64 = (0..3)
        .map(|at| fs::metadata(crawl.file(at)).unwrap().len())
        .sum();
    let rows = plan.rows_with(0);
    let row = rows.iter().find(|row| row["figure"] == "fetched_bytes");
    assert_eq!(row.unwrap()["value"], bytes);
    let out = crawl.out("fetched");
    let fetch = ["fetch", "--limit", "2", "--out", &out, "-o", "jsonl"];
    let fetched = ran(&crawl, &keys, &[&fetch, &base[..]].concat());
    let rows = fetched.rows_with(0);
    assert_eq!(rows.len(), 2, "{}", fetched.stderr);
    let file = std::path::Path::new(&out).join(&crawl.paths[0]);
    assert!(fs::read(file).unwrap() == fs::read(crawl.file(0)).unwrap());
    let seen = crawl.server.seen();
    assert!(
        !seen.is_empty()
            && seen
                .iter()
                .all(|seen| seen.path.contains("X-Amz-Signature="))
    );
    // Neither keys nor signatures are shown or kept.
    let kept = fs::read_to_string(std::path::Path::new(&out).join("fetched.jsonl")).unwrap();
    let shown = String::from_utf8(fetched.stdout).unwrap() + &fetched.stderr + &kept;
    assert!(
        !shown.contains("X-Amz") && !shown.contains("EXAMPLE"),
        "{shown}"
    );
}

#[cfg(feature = "s3")]
#[test]
fn what_buckets_refuse_is_said_with_what_to_do() {
    let crawl = in_a_bucket();
    let object = format!("/commoncrawl{}", crawl.path(0));
    let address = format!("s3:/{object}");
    let out = crawl.out("fetched");
    let fetch = ["fetch", &*address, "--out", &out, "-o", "jsonl"];
    crawl.server.fault(&object, [Fault::Status(403, None)]);
    let denied = ran(&crawl, &[], &fetch);
    assert_eq!(denied.rows_with(69)[0]["result"], "failed");
    // By a list that no keys open, nothing begins.
    let list = "/commoncrawl/crawl-data/CC-MAIN-2026-39/wat.paths.gz";
    crawl.server.fault(list, [Fault::Status(403, None)]);
    let denied = ran(&crawl, &[], &["plan", &format!("s3:/{list}")]);
    assert_eq!(denied.code, 69, "{}", denied.stderr);
    assert!(
        denied.stderr.contains("AWS_ACCESS_KEY_ID"),
        "{}",
        denied.stderr
    );
    let gone = address.replace(".warc", "-gone.warc");
    let missing = ran(&crawl, &[], &["fetch", &gone, "--out", &out, "-o", "jsonl"]);
    assert_eq!(missing.rows_with(3)[0]["result"], "missing");
    // Found before anything is asked for.
    crawl.server.forget();
    let half = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")];
    for (keys, input, says) in [
        (&half[..], &*address, "secret"),
        (&[], "s3://", "bucket"),
        (&[], "s3://commoncrawl/", "file"),
        (&[], "s3://commoncrawl:80/x.warc.wat.gz", "bucket"),
        (&[], "s3://commoncrawl/x.warc.wat.gz?versionId=1", "bucket"),
    ] {
        let refused = ran(&crawl, keys, &["fetch", input, "--out", &crawl.out("none")]);
        assert_eq!(refused.code, 2, "{input}: {}", refused.stderr);
        assert!(
            refused.stderr.to_lowercase().contains(says),
            "{input}: {}",
            refused.stderr
        );
    }
    assert!(crawl.server.seen().is_empty());
}
