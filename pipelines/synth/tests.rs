use std::collections::BTreeSet;
use std::io::Read;

use crawlrank_links::{Level, LinkFilter, Options, Page, Profile};
use crawlrank_warc::{Reader, Record};

use super::dice::{Dice, Purpose};
use super::members::Compressor;
use super::page::STYLE;
use super::*;

fn options(folder: &tempfile::TempDir) -> SynthOptions {
    SynthOptions {
        out: folder.path().to_owned(),
        shards: 3,
        pages_per_shard: 40,
        hosts: 500,
        kinds: Kind::ALL.to_vec(),
        ..SynthOptions::default()
    }
}

fn made(options: &SynthOptions) -> Summary {
    generate(options, &|_| Ok(())).unwrap()
}

fn world(hosts: u32) -> World {
    let lexicon = Lexicon::new();
    let hosts = Hosts::new(1, hosts, &lexicon);
    World {
        seed: 1,
        lexicon,
        hosts,
    }
}

fn new_uuid() -> String {
    page::uuid(&mut Dice::new(1, Purpose::World, 9))
}

fn lines(path: &Path) -> BTreeSet<String> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.windows(2).all(|pair| pair[0] < pair[1]),
        "{}: sorted and unique",
        path.display()
    );
    lines.into_iter().map(str::to_owned).collect()
}

fn assert_near(what: &str, actual: f64, expected: f64, tolerance: f64) {
    eprintln!("{what}: {actual:.1}, expected about {expected}");
    assert!(
        (actual / expected - 1.0).abs() < tolerance,
        "{what}: {actual:.1}, expected about {expected}"
    );
}

/// Sizes measured on 1,468 real pages: plain and compressed bytes of the records about a request, a
/// response and a page's metadata.
#[test]
fn wat_sizes_are_those_of_real_pages() {
    const PAGES: u64 = 1_000;
    let world = world(20_000);
    let mut writer = wat::WatWriter::new(
        &world,
        format!("{}-00000.warc.gz", clock::SEGMENT),
        new_uuid(),
    );
    let mut compressor = Compressor::new();
    let mut sizes = [[0usize; 2]; 3];
    let (mut links, mut targets, mut hosts) = (0, 0, 0);
    for index in 0..PAGES {
        let page = page::page(&world, index);
        links += page.links.len();
        targets += page.targets.len();
        hosts += page
            .targets
            .iter()
            .filter_map(|target| target.cc)
            .collect::<BTreeSet<_>>()
            .len();
        let add = |which, record: &[u8]| {
            let size = &mut sizes[which as usize];
            *size = [
                size[0] + record.len(),
                size[1] + compressor.member(record).len(),
            ];
            Ok(())
        };
        writer.page(&page, add).unwrap();
    }
    let mean = |sum: usize| sum as f64 / PAGES as f64;
    let expected = [
        ("request", 1_816.0, 909.0),
        ("response", 30_900.0, 6_100.0),
        ("metadata", 1_452.0, 756.0),
    ];
    for ((what, plain, compressed), sizes) in expected.into_iter().zip(sizes) {
        assert_near(what, mean(sizes[0]), plain, 0.06);
        assert_near(what, mean(sizes[1]), compressed, 0.06);
    }
    assert_near("links", mean(links), 198.0, 0.05);
    assert_near("links to other hosts", mean(targets), 45.0, 0.12);
    assert_near("other hosts", mean(hosts), 18.0, 0.08);
}

#[test]
fn link_forms_are_as_frequent_as_on_real_pages() {
    let world = world(20_000);
    let (mut all, mut root, mut own, mut data, mut text) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut anchors, mut repeats) = (0.0, 0.0);
    for index in 0..400 {
        let page = page::page(&world, index);
        let mut seen = BTreeSet::new();
        for link in page
            .head_links
            .iter()
            .chain(&page.scripts)
            .chain(&page.links)
        {
            let count = |sum: &mut f64, holds: bool| *sum += f64::from(u8::from(holds));
            count(&mut all, true);
            count(
                &mut root,
                link.url.starts_with('/') && !link.url.starts_with("//"),
            );
            count(&mut own, link.url.starts_with(&page.origin));
            count(&mut data, link.url.starts_with("data:"));
            count(&mut text, link.text.is_some());
            count(&mut anchors, link.path == "A@/href");
            count(&mut repeats, !seen.insert(&link.url));
        }
    }
    for (what, count, percent) in [
        ("root-relative", root, 41.0),
        ("absolute on the same host", own, 30.9),
        ("data", data, 1.1),
        ("texts", text, 67.0),
        ("anchors", anchors, 74.0),
        ("repeats", repeats, 22.6),
    ] {
        assert_near(what, 100.0 * count / all, percent, 0.2);
    }
}

#[test]
fn warc_sizes_are_those_of_real_pages() {
    let world = world(5_000);
    let mut writer = warc::WarcWriter::new(new_uuid());
    let mut compressor = Compressor::new();
    let mut sizes = [0; 2];
    for index in 0..150 {
        let page = page::page(&world, index);
        let add = |which, record: &[u8]| {
            if which == shard::PageRecord::Response {
                sizes = [
                    sizes[0] + record.len(),
                    sizes[1] + compressor.member(record).len(),
                ];
            }
            Ok(())
        };
        writer.page(&world, &page, add).unwrap();
    }
    assert_near("ratio", sizes[0] as f64 / sizes[1] as f64, 5.0, 0.15);
    assert_near("response", sizes[0] as f64 / 150.0, 129_000.0, 0.25);
}

#[test]
fn html_carries_the_links_of_the_wat() {
    let world = world(500);
    let mut html = String::new();
    for index in 0..60 {
        let page = page::page(&world, index);
        html::render(&world, &page, &mut html);
        for link in page
            .head_links
            .iter()
            .chain(&page.scripts)
            .chain(&page.links)
        {
            let written = match link.path {
                "" => continue,
                STYLE => format!("url({})", link.url),
                _ if link.url.starts_with("data:") => {
                    format!("=\"{}", link.url.replace('&', "&amp;"))
                }
                _ => format!("=\"{}\"", link.url.replace('&', "&amp;")),
            };
            assert!(html.contains(&written), "page {index}: `{written}`");
        }
    }
}

#[test]
fn same_options_give_same_bytes_on_any_number_of_threads() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (threads, folder) in [1, 3].into_iter().zip(&folders) {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let options = SynthOptions {
            faults_per_million: 20_000,
            ..options(folder)
        };
        pool.install(|| made(&options));
    }
    let names = |folder: &tempfile::TempDir| -> BTreeSet<_> {
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect()
    };
    assert_eq!(names(&folders[0]), names(&folders[1]));
    for name in names(&folders[0]) {
        let [one, many] =
            [0, 1].map(|number: usize| fs::read(folders[number].path().join(&name)).unwrap());
        assert!(one == many, "{}", name.display());
    }
}

#[test]
fn pages_do_not_depend_on_the_number_of_shards() {
    let world = world(500);
    let (one, again) = (page::page(&world, 17), page::page(&world, 17));
    assert_eq!(one.url(), again.url());
    assert_eq!(one.targets, again.targets);
    assert_ne!(one.url(), page::page(&world, 18).url());
}

/// The generator's own knowledge against the extractor, for both profiles.
#[test]
fn extractor_finds_the_pairs_and_hosts_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let options = SynthOptions {
        pages_per_shard: 120,
        kinds: vec![Kind::Wat, Kind::Warc],
        ..options(&folder)
    };
    let summary = made(&options);
    for (profile, name) in [(Profile::Cc, "cc"), (Profile::Browser, "browser")] {
        let mut page = Page::new(Options {
            profile,
            ..Options::default()
        });
        for (kind, pairs, hosts) in [
            ("wat", "host_pairs", "hosts"),
            ("crawldiagnostics", "redirect_pairs", "redirect_hosts"),
        ] {
            let mut found = Found::default();
            for shard in summary.shards.iter().filter(|shard| shard.kind == kind) {
                found.read(&options.out.join(&shard.file), kind, &mut page);
            }
            let list = |list: &str, kind: &str| {
                lines(&options.out.join(format!("{list}.{name}.{kind}.gz")))
            };
            assert_same(&found.pairs, &list(pairs, "tsv"), name);
            assert_same(&found.hosts, &list(hosts, "txt"), name);
        }
    }
}

fn assert_same(found: &BTreeSet<String>, expected: &BTreeSet<String>, profile: &str) {
    let missed: Vec<_> = expected.difference(found).take(5).collect();
    let invented: Vec<_> = found.difference(expected).take(5).collect();
    assert!(
        missed.is_empty() && invented.is_empty(),
        "{profile}: missed {missed:?}, invented {invented:?}"
    );
    assert!(!expected.is_empty());
}

#[derive(Default)]
struct Found {
    pairs: BTreeSet<String>,
    hosts: BTreeSet<String>,
}

impl Found {
    fn read(&mut self, path: &Path, kind: &str, page: &mut Page) {
        let mut reader = Reader::open(path).unwrap();
        let mut record = Record::default();
        while reader.read_record(&mut record).unwrap() {
            let is_page = match kind {
                "wat" => {
                    record.block().starts_with(b"{") && page.parse_wat(record.block()).unwrap()
                }
                // What was visited is a host, whatever it answered.
                _ => {
                    record.block().starts_with(b"HTTP/")
                        && page
                            .parse_redirect(record.target_uri().unwrap(), record.block())
                            .is_ok()
                }
            };
            if !is_page {
                continue;
            }
            let host = page.host().unwrap().to_owned();
            page.for_each_target(Level::Host, &LinkFilter::default(), &mut |target| {
                self.pairs.insert(format!("{host}\t{target}"));
                self.hosts.insert(target.to_owned());
            });
            self.hosts.insert(host);
        }
    }
}

#[test]
fn reader_finds_the_faults_that_were_made_and_all_other_records() {
    let folder = tempfile::tempdir().unwrap();
    let options = SynthOptions {
        faults_per_million: 30_000,
        ..options(&folder)
    };
    let summary = made(&options);
    assert!(summary.totals.faults > 20, "{}", summary.totals.faults);
    for shard in &summary.shards {
        let mut reader = Reader::open(&options.out.join(&shard.file)).unwrap();
        let mut record = Record::default();
        let mut records = 0;
        while reader.read_record(&mut record).unwrap() {
            records += 1;
        }
        let found: Vec<(u64, u64)> = reader
            .take_faults()
            .iter()
            .map(|fault| (fault.offset, fault.bytes))
            .collect();
        let made: Vec<(u64, u64)> = merged(&shard.faults);
        assert_eq!(
            (records, merged_pairs(found)),
            (shard.records, made),
            "{}",
            shard.file
        );
    }
}

/// Neighboring faults may be told as one.
fn merged(faults: &[FaultTruth]) -> Vec<(u64, u64)> {
    merged_pairs(
        faults
            .iter()
            .map(|fault| (fault.offset, fault.bytes))
            .collect(),
    )
}

fn merged_pairs(faults: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (offset, bytes) in faults {
        match merged.last_mut() {
            Some(last) if last.0 + last.1 == offset => last.1 += bytes,
            _ => merged.push((offset, bytes)),
        }
    }
    merged
}

#[test]
fn without_faults_all_bytes_are_records_and_digests_hold() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let summary = made(&options);
    for shard in &summary.shards {
        let mut reader = Reader::open(&options.out.join(&shard.file)).unwrap();
        let mut record = Record::default();
        while reader.read_record(&mut record).unwrap() {
            if let Some(digest) = record.header().get("WARC-Block-Digest") {
                assert_eq!(warc::digest(record.block()).as_bytes(), digest);
            }
        }
        let totals = reader.totals();
        assert_eq!(
            (totals.records, totals.record_bytes),
            (shard.records, shard.bytes),
            "{}",
            shard.file
        );
        assert_eq!(totals.members, shard.members);
    }
    let pages = u64::from(options.shards * options.pages_per_shard);
    assert_eq!(summary.totals.pages, pages);
    let wat = summary
        .shards
        .iter()
        .filter(|shard| shard.kind == "wat")
        .map(|shard| shard.records)
        .sum::<u64>();
    assert_eq!(wat, 3 * pages + 2 * u64::from(options.shards));
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "precious").unwrap();
    let error = generate(&options(&folder), &|_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new");
    let options = SynthOptions {
        hosts: 0,
        out: out.clone(),
        ..SynthOptions::default()
    };
    let error = generate(&options, &|_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "`hosts` is 0, expected 1 to 100000000");
    assert!(!out.exists());
}

#[test]
fn one_host_and_one_page_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let options = SynthOptions {
        shards: 1,
        pages_per_shard: 1,
        hosts: 1,
        ..options(&folder)
    };
    assert_eq!(made(&options).totals.pages, 1);
}

#[test]
fn random_uuids_have_their_marks() {
    let id = new_uuid();
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
    assert!("89ab".contains(&id[19..20]), "{id}");
}
