//! `links`: the table, its law with the edges of the graph, damage, and going on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use arrow_array::cast::AsArray as _;
use crawlrank::links::{self, LinksOptions};
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

use crate::util::{Ran, crawlrank};

fn sample(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data-samples")
        .join(folder)
}

fn shards(folder: &Path) -> Vec<PathBuf> {
    let mut shards: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".wat.gz"))
        .collect();
    shards.sort();
    shards
}

/// Runs `links` on shards.
fn write_links(shards: &[PathBuf], out: &Path, flags: &[&str]) -> Ran {
    let mut arguments = vec!["links".to_owned(), "--no-progress".to_owned()];
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    arguments.push("--out".to_owned());
    arguments.push(out.to_str().unwrap().to_owned());
    let shards = shards
        .iter()
        .map(|shard| shard.to_str().unwrap().to_owned());
    crawlrank(arguments.into_iter().chain(shards))
}

const COLUMNS: [&str; 7] = [
    "source_url",
    "target_url",
    "source_host",
    "target_host",
    "kind",
    "rel",
    "text",
];

/// The rows of all files, in order; null is nothing.
fn rows(out: &Path) -> Vec<[Option<String>; 7]> {
    let mut files: Vec<PathBuf> = fs::read_dir(out.join("tables/links"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
        for field in reader.schema().fields() {
            assert!(field.metadata()["doc"].len() > 10, "{field}");
        }
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let names: Vec<String> = batch
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect();
            assert_eq!(names, COLUMNS);
            for at in 0..batch.num_rows() {
                rows.push(std::array::from_fn(|column| {
                    let values = batch.column(column).as_string::<i32>();
                    use arrow_array::Array as _;
                    values.is_valid(at).then(|| values.value(at).to_owned())
                }));
            }
        }
    }
    rows
}

/// The files of the folder below `tables`, with their bytes.
fn tables(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["tables", "tables/links"] {
        for entry in fs::read_dir(out.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn reversed(host: &str) -> String {
    let labels: Vec<&str> = host.rsplit('.').collect();
    labels.join(".")
}

/// The pages of a synthetic shard come as captures and as what Common Crawl's generator finds in them.
#[test]
fn html_has_the_links_of_its_wat_records() {
    let folder = tempfile::tempdir().unwrap();
    let shard = |suffix: &str| {
        sample("kinds").join(format!(
            "CC-MAIN-20261101000000-20261101030000-00000.{suffix}"
        ))
    };
    for profile in ["browser", "cc"] {
        let out = |kind: &str| folder.path().join(format!("{profile}-{kind}"));
        let wat = ["--profile", profile, "-q"];
        assert_eq!(
            write_links(&[shard("warc.wat.gz")], &out("wat"), &wat).code,
            0
        );
        let warc = ["--kind", "warc", "--profile", profile, "-q"];
        assert_eq!(
            write_links(&[shard("warc.gz")], &out("warc"), &warc).code,
            0
        );
        // Texts that are cut at 128 characters are so in one place or another.
        let comparable = |mut row: [Option<String>; 7]| {
            let text = row[6].take().unwrap_or_default();
            (row, text.chars().take(100).collect::<String>())
        };
        let [of_wat, of_html] = ["wat", "warc"].map(|kind| {
            let rows = rows(&out(kind));
            rows.into_iter().map(comparable).collect::<Vec<_>>()
        });
        assert!(of_wat.len() > 1000, "{}", of_wat.len());
        assert!(of_wat == of_html, "{profile}: rows differ");
    }
}

#[test]
fn html_beyond_the_limit_is_not_read_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let shard = sample("kinds").join("CC-MAIN-20261101000000-20261101030000-00000.warc.gz");
    let told = |max_html: &str| {
        let options = ["--kind", "warc", "--max-html", max_html, "-o", "jsonl"];
        let out = folder.path().join(max_html);
        write_links(std::slice::from_ref(&shard), &out, &options)
            .rows_with(0)
            .remove(0)
    };
    let (all, few) = (told("16M"), told("2K"));
    assert!(all["skipped"]["page_too_long"].is_null(), "{all}");
    assert!(
        few["skipped"]["page_too_long"].as_u64().unwrap() > 10,
        "{few}"
    );
    assert!(few["rows"].as_u64() < all["rows"].as_u64(), "{few}");
    assert_eq!(few["pages"], all["pages"]);
}

#[test]
fn the_hosts_of_the_rows_are_the_pairs_of_the_graph() {
    let folder = tempfile::tempdir().unwrap();
    for profile in ["browser", "cc"] {
        let out = folder.path().join(profile);
        let ran = write_links(
            &shards(&sample("synth")),
            &out,
            &["--profile", profile, "-o", "jsonl"],
        );
        let told = ran.rows_with(0).remove(0);
        let rows = rows(&out);
        assert_eq!(told["rows"], json!(rows.len()));
        let skipped: u64 = told["skipped"]
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum();
        // Every link is a row or has a reason; a reason may also stand for a link that was not kept, or for a page.
        let links = told["links"].as_u64().unwrap();
        assert!(links > 1000 && rows.len() as u64 <= links);
        assert!(rows.len() as u64 + skipped >= links, "{told}");

        let pairs: BTreeSet<(String, String)> = rows
            .iter()
            .filter_map(|row| Some((row[2].as_deref()?, row[3].as_deref()?)))
            .filter(|(source, target)| source != target)
            .map(|(source, target)| (reversed(source), reversed(target)))
            .collect();
        let mut truth = String::new();
        MultiGzDecoder::new(
            File::open(sample(&format!("synth/host_pairs.{profile}.tsv.gz"))).unwrap(),
        )
        .read_to_string(&mut truth)
        .unwrap();
        let truth: BTreeSet<(String, String)> = truth
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(source, target)| (source.to_owned(), target.to_owned()))
            .collect();
        assert_eq!(pairs, truth, "{profile}");
    }
}

#[test]
fn rows_say_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let page = json!({"Envelope": {
        "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": "https://www.example.com/dir/page"},
        "Payload-Metadata": {"HTTP-Response-Metadata": {"HTML-Metadata": {
            "Head": {"Base": "https://base.example/b/"},
            "Links": [
                {"path": "A@/href", "url": "x#part", "text": "caf\u{e9} \u{202e}<b>"},
                {"path": "A@/href", "url": "HTTP://Org.Example:80/a b", "rel": "ugc nofollow"},
                {"path": "A@/href", "url": "mailto:a@b.example"},
                {"path": "IMG@/src", "url": "http://192.168.0.1/i.png", "alt": "a picture"}]}}}}})
    .to_string();
    let shard = folder.path().join("a.wat");
    let record = format!(
        "WARC/1.0\r\nWARC-Type: metadata\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{page}\r\n\r\n",
        page.len()
    );
    fs::write(&shard, record).unwrap();
    let out = folder.path().join("out");
    let ran = write_links(std::slice::from_ref(&shard), &out, &["-o", "jsonl"]);
    assert_eq!(ran.rows_with(0)[0]["skipped"], json!({"other_scheme": 1}));
    let found = rows(&out);
    let expected = [
        [
            "https://www.example.com/dir/page",
            "https://base.example/b/x#part",
            "www.example.com",
            "base.example",
            "a",
            "",
            "caf\u{e9} \u{202e}<b>",
        ],
        [
            "https://www.example.com/dir/page",
            "http://org.example/a%20b",
            "www.example.com",
            "org.example",
            "a",
            "nofollow ugc",
            "",
        ],
    ]
    .map(|row| row.map(|value| Some(value.to_owned())));
    assert_eq!(found[..2], expected);
    assert_eq!(found.len(), 3);
    assert_eq!(
        (found[2][1].as_deref(), &found[2][3]),
        (Some("http://192.168.0.1/i.png"), &None)
    );

    for (flags, kept) in [
        (&["--exclude-rel", "nofollow"][..], 2),
        (&["--only-kind", "img"], 1),
        (&["--only-kind", "redirect"], 0),
    ] {
        let out = folder.path().join(flags.concat());
        assert_eq!(
            write_links(std::slice::from_ref(&shard), &out, flags).code,
            0
        );
        assert_eq!(rows(&out).len(), kept, "{flags:?}");
    }
}

#[test]
fn a_page_of_many_long_links_is_cut_over_batches() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(8000);
    let links: Vec<_> = (0..3000)
        .map(|number| json!({"path": "A@/href", "url": format!("/{number}")}))
        .collect();
    let page = json!({"Envelope": {
        "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": format!("https://a.example/{long}")},
        "Payload-Metadata": {"HTTP-Response-Metadata": {"HTML-Metadata": {"Links": links}}}}})
    .to_string();
    let shard = folder.path().join("a.wat");
    let record = format!(
        "WARC/1.0\r\nWARC-Type: metadata\r\nContent-Length: {}\r\n\r\n{page}\r\n\r\n",
        page.len()
    );
    fs::write(&shard, record).unwrap();
    let batches = links::batches(&shard, LinksOptions::default()).unwrap();
    let mut next = 0;
    for batch in batches {
        let batch = batch.unwrap();
        let targets = batch.column(1).as_string::<i32>();
        assert!(batch.num_rows() <= 600, "{}", batch.num_rows());
        for target in targets.iter() {
            assert_eq!(target, Some(format!("https://a.example/{next}").as_str()));
            next += 1;
        }
    }
    assert_eq!(next, 3000);
}

#[test]
fn killed_and_disturbed_work_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let shards = shards(&sample("synth"));
    let whole = folder.path().join("whole");
    let started = Instant::now();
    assert_eq!(write_links(&shards, &whole, &["--threads", "1"]).code, 0);
    let undisturbed = started.elapsed();
    let expected = tables(&whole);
    assert_eq!(expected.len(), shards.len() + 2);

    let killed = folder.path().join("killed");
    let mut reversed = shards.clone();
    reversed.reverse();
    for tenth in [1, 3, 6, 8] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
            .args(["links", "--threads", "3", "--memory", "512M", "--out"])
            .arg(&killed)
            .args(&reversed)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(undisturbed * tenth / 10);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(write_links(&reversed, &killed, &["--threads", "3"]).code, 0);
    assert_eq!(tables(&killed), expected);
    assert!(!killed.join("tmp").exists());
    assert_eq!(crawlrank([Path::new("verify"), &killed]).code, 0);

    // A file that went away is made again, and no other one is written.
    let time = |name: &str| fs::metadata(killed.join(name)).unwrap().modified().unwrap();
    let before = time("tables/links/00001.parquet");
    fs::remove_file(killed.join("tables/links/00000.parquet")).unwrap();
    assert_eq!(write_links(&shards, &killed, &[]).code, 0);
    assert_eq!(tables(&killed), expected);
    assert_eq!(time("tables/links/00001.parquet"), before);
    // A file that nobody listed goes.
    fs::write(killed.join("tables/links/00099.parquet"), "torn").unwrap();
    assert_eq!(write_links(&shards, &killed, &[]).code, 0);
    assert_eq!(tables(&killed), expected);
    // A flipped byte is found.
    let path = killed.join("tables/links/00002.parquet");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(crawlrank([Path::new("verify"), &killed]).code, 5);
}

#[test]
fn damage_is_listed_and_other_parameters_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let damaged = sample("odd/cut_member.warc.wat.gz");
    let ran = write_links(std::slice::from_ref(&damaged), &out, &["-o", "jsonl"]);
    let told = ran.rows_with(3).remove(0);
    assert_eq!((&told["faults"], &told["records"]), (&json!(1), &json!(11)));
    assert_eq!(
        write_links(std::slice::from_ref(&damaged), &out, &[]).code,
        3
    );
    assert!(out.join("tables/faults.parquet").exists());

    let strict = write_links(std::slice::from_ref(&damaged), &out, &["--strict"]);
    assert_eq!(strict.code, 4, "{}", strict.stderr);
    let other = write_links(std::slice::from_ref(&damaged), &out, &["--profile", "cc"]);
    assert_eq!(other.code, 2, "{}", other.stderr);
    assert!(other.stderr.contains("`profile`"), "{}", other.stderr);
    let run = crawlrank([Path::new("run"), &damaged, Path::new("--out"), &out]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let top = crawlrank([Path::new("top"), &out]);
    assert_eq!(top.code, 2, "{}", top.stderr);

    let text = folder.path().join("no-shard.wat.gz");
    fs::write(&text, "<html>").unwrap();
    let refused = write_links(&[text], &folder.path().join("refused"), &[]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let little = write_links(
        &[damaged],
        &folder.path().join("little"),
        &["--memory", "64M"],
    );
    assert_eq!(little.code, 71, "{}", little.stderr);
}
