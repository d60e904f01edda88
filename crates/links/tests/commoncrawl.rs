//! Profile `cc` against what Common Crawl's own job makes of the same files.

mod util;

use std::collections::BTreeSet;
use std::path::Path;

use crawlrank_links::{Host, Level, LinkFilter, Options, Page, Profile, Www, page_key};
use serde_json::Value;

fn options(www: Www) -> Options {
    Options {
        profile: Profile::Cc,
        www,
        ..Options::default()
    }
}

type Pairs = BTreeSet<(String, String)>;

/// Pairs of reversed hosts, and for every page that is a node its pair with itself.
fn pairs_of(wat: &Path, www: Www) -> Pairs {
    let mut page = Page::new(options(www));
    let mut pairs = Pairs::new();
    for record in util::records(&util::content(wat)) {
        if !record.block.starts_with(b"{") || page.parse_wat(record.block) != Ok(true) {
            continue;
        }
        let Some(source) = page.host().map(str::to_owned) else {
            continue;
        };
        page.for_each_target(Level::Host, &LinkFilter::default(), &mut |target| {
            pairs.insert((source.clone(), target.to_owned()));
        });
        pairs.insert((source.clone(), source));
    }
    pairs
}

fn expected_pairs(path: &Path) -> Pairs {
    let text = String::from_utf8(util::content(path)).expect("pairs are text");
    text.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(source, target)| (source.to_owned(), target.to_owned()))
        .collect()
}

fn edges(pairs: &Pairs) -> BTreeSet<&(String, String)> {
    pairs
        .iter()
        .filter(|(source, target)| source != target)
        .collect()
}

fn names(pairs: &Pairs) -> BTreeSet<&String> {
    pairs
        .iter()
        .flat_map(|(source, target)| [source, target])
        .collect()
}

#[test]
fn host_pairs_are_those_of_common_crawls_job() {
    let Some(derived) = util::data("derived") else {
        return;
    };
    let mut num_files = 0;
    let mut wats = util::files(&derived.join("wat-of"), ".wat.gz");
    wats.push(derived.join("pages.warc.wat.gz"));
    for wat in wats {
        let name = wat
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let stem = name.strip_suffix(".gz").expect("listed by its suffix");
        for (www, suffix) in [(Www::Strip, "hostedges"), (Www::Keep, "hostedges-keepwww")] {
            let expected =
                expected_pairs(&derived.join(format!("expected/{stem}.{suffix}.tsv.gz")));
            let actual = pairs_of(&wat, www);
            assert_eq!(
                edges(&actual),
                edges(&expected),
                "edges of {name}, www {www}"
            );
            assert_eq!(
                names(&actual),
                names(&expected),
                "nodes of {name}, www {www}"
            );
            num_files += 1;
        }
    }
    assert_eq!(
        num_files,
        2 * util::files(&derived.join("expected"), ".hostedges.tsv.gz").len(),
        "every expected file was compared"
    );
}

#[test]
fn hosts_of_urls_are_those_of_common_crawls_job() {
    let Some(derived) = util::data("derived") else {
        return;
    };
    let cases = std::fs::read_to_string(derived.join("expected/hosts.jsonl"))
        .expect("the cases can be read");
    for case in cases.lines() {
        let case: Value = serde_json::from_str(case).expect("a case is JSON");
        let url = case["url"].as_str().expect("a case has a URL");
        for (www, field) in [(Www::Strip, "host"), (Www::Keep, "host_keep_www")] {
            let host = Host::from_url(url.as_bytes(), &options(www))
                .ok()
                .map(|host| host.reversed());
            assert_eq!(host.as_deref(), case[field].as_str(), "{url:?}, www {www}");
        }
    }
}

#[test]
fn redirects_are_those_of_common_crawls_job() {
    let Some(data) = util::data(".") else { return };
    let expected_files = util::files(&data.join("derived/expected"), ".redirects.tsv.gz");
    for expected in &expected_files {
        let name = expected
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let warc_name = name
            .strip_suffix(".redirects.tsv.gz")
            .expect("listed by its suffix");
        let captures = ["crawl", "odd"].map(|folder| data.join(folder));
        let warc = captures
            .iter()
            .flat_map(|folder| util::files(folder, ""))
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy() == warc_name)
            })
            .unwrap_or_else(|| panic!("no capture for {name}"));
        assert_eq!(redirects_of(&warc), expected_pairs(expected), "{name}");
    }
}

/// Captured URLs and the addresses they redirect to, as written.
fn redirects_of(warc: &Path) -> Pairs {
    let mut page = Page::new(options(Www::Keep));
    let content = util::content(warc);
    let mut pairs = Pairs::new();
    for record in util::records(&content)
        .iter()
        .filter(|record| record.field("WARC-Type") == Some("response"))
    {
        let uri = record
            .field("WARC-Target-URI")
            .expect("a response has a URI");
        if page.parse_redirect(uri.as_bytes(), record.block) == Ok(true) {
            let location = page
                .links()
                .next()
                .expect("a redirect is a link")
                .url
                .to_vec();
            pairs.insert((
                uri.to_owned(),
                String::from_utf8(location).expect("addresses are text"),
            ));
        }
    }
    pairs
}

/// Common Crawl's page-level job joins addresses to the page and leaves them as they are. Normalised, they are our pages, but for what Python's
/// `urljoin` does otherwise than a browser: it drops a `?` without query, joins `//` within a path to `/`, and reads `http:///host` as a path.
#[test]
fn pages_are_those_of_common_crawls_job() {
    let Some(derived) = util::data("derived") else {
        return;
    };
    let (mut num_same, mut num_pages) = (0, 0);
    for expected in util::files(&derived.join("expected"), ".links.jsonl.gz") {
        let name = expected
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let wat = name.replace(".links.jsonl.gz", ".gz");
        let folder = if wat.starts_with("pages.") {
            derived.clone()
        } else {
            derived.join("wat-of")
        };
        let content = util::content(&folder.join(&wat));
        let records = util::records(&content);
        let metadata: Vec<_> = records
            .iter()
            .filter(|record| record.field("WARC-Type") == Some("metadata"))
            .collect();
        for line in String::from_utf8(util::content(&expected))
            .expect("cases are text")
            .lines()
        {
            let case: Value = serde_json::from_str(line).expect("a case is JSON");
            let Some(urls) = case["targets"].as_array() else {
                continue;
            };
            let mut page = Page::new(options(Www::Keep));
            let index = case["i"].as_u64().expect("a case has an index") as usize;
            assert_eq!(
                page.parse_wat(metadata[index].block),
                Ok(true),
                "{wat} record {index}"
            );
            assert_eq!(
                page.url(),
                case["url"].as_str().expect("a case has a URL").as_bytes()
            );
            let own = page.page_key().map(str::to_owned);
            let keys = urls
                .iter()
                .filter_map(|url| page_key(url.as_str().expect("targets are text")).ok());
            let folded = |key: &str| key.trim_end_matches('?').replace("//", "/");
            let keys = keys.filter(|key| Some(key) != own.as_ref());
            let keys: BTreeSet<String> = keys.map(|key| folded(&key)).collect();
            let mut found = BTreeSet::new();
            page.for_each_target(Level::Page, &LinkFilter::default(), &mut |key| {
                found.insert(folded(key));
            });
            num_pages += 1;
            num_same += usize::from(found == keys || own.is_none());
        }
    }
    assert!(
        num_pages > 0 && num_same * 100 >= num_pages * 99,
        "{num_same} of {num_pages} pages have the same targets"
    );
}
