//! What servers do, and what must come of it: against a server of our own on loopback, at a hundredth of the pace.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use tempfile::TempDir;

use super::client::Patience;
use super::files::{Ending, FetchJob, Fetched, fetch};
use super::manners::{Manners, Pace};
use super::test_server::{Fault, Server, Tag};
use super::{Network, NetworkOptions};
use crate::error::{Exit, Result};
use crate::interrupt::Interrupt;
use crate::progress::Show;
use crate::shard::{self, FindOptions, Shard};
use crate::synth::{self, SynthOptions};

const PATH: &str = "/crawl-data/x.warc.wat.gz";

/// A shard of some members, as bytes.
fn shard_bytes(seed: u64) -> Vec<u8> {
    shard_of_pages(seed, 8)
}

fn shard_of_pages(seed: u64, pages: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let options = SynthOptions {
        out: folder.path().join("shards"),
        shards: 1,
        pages_per_shard: pages,
        hosts: 20,
        seed,
        ..SynthOptions::default()
    };
    synth::generate(&options, &|_| Ok(())).unwrap();
    let shards = shard::find(&[options.out], &FindOptions::local(None)).unwrap();
    fs::read(&shards[0].path).unwrap()
}

fn quick_network(options: NetworkOptions) -> Arc<Network> {
    let pace = Pace {
        between_requests: Duration::from_micros(100),
        between_retries: Duration::from_micros(100),
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(10),
    };
    let patience = Patience {
        connect: Duration::from_millis(500),
        head: Duration::from_millis(500),
        read: Duration::from_millis(300),
        max_redirects: 5,
    };
    Network::with_manners(options, Arc::new(Manners::new(pace)), patience)
}

fn find_options(network: Arc<Network>) -> FindOptions {
    FindOptions {
        network,
        ..FindOptions::local(None)
    }
}

/// Where a test fetches to.
struct Place {
    server: Server,
    folder: TempDir,
    options: FindOptions,
}

impl Place {
    fn new() -> Self {
        Place {
            server: Server::start(),
            folder: tempfile::tempdir().unwrap(),
            options: find_options(quick_network(NetworkOptions {
                probe_after: Duration::from_millis(50),
                ..NetworkOptions::default()
            })),
        }
    }

    fn file(&self, end: &str) -> PathBuf {
        self.folder.path().join(format!("x.warc.wat.gz{end}"))
    }

    fn try_fetch(&self) -> Result<Vec<Fetched>> {
        let shards = shard::find(&[self.server.url(PATH)], &self.options)?;
        fetch_all(&shards, self.folder.path())
    }

    fn fetch(&self) -> Fetched {
        self.try_fetch().unwrap().remove(0)
    }
}

fn fetch_all(shards: &[Shard], out: &Path) -> Result<Vec<Fetched>> {
    fetch(&job(shards, out, &Interrupt::default()))
}

fn job<'a>(shards: &'a [Shard], out: &'a Path, interrupt: &'a Interrupt) -> FetchJob<'a> {
    FetchJob {
        shards,
        out,
        reader: Default::default(),
        interrupt,
        progress: Show::Nothing,
        connections: 4,
    }
}

/// Everything that a server may do once and still give the file in the end, with what makes it differ for a place in it.
fn passing_faults(length: usize) -> Vec<Fault> {
    let middle = length / 2;
    vec![
        Fault::None,
        Fault::Status(503, None),
        Fault::Status(503, Some("0")),
        Fault::Status(503, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
        Fault::Status(429, None),
        Fault::Status(500, None),
        Fault::Status(502, None),
        Fault::Status(403, None),
        Fault::Reset,
        Fault::Cut(0),
        Fault::Cut(1),
        Fault::Cut(middle),
        Fault::Cut(length - 1),
        Fault::Stall(0),
        Fault::Stall(middle),
        Fault::NoLength(None),
        Fault::NoLength(Some(middle)),
        Fault::Length("99999999"),
        Fault::Length("9223372036854775807"),
        Fault::Length("99999999999999999999999"),
        Fault::Length("abc"),
        Fault::Length("100"),
        Fault::Length("0"),
        Fault::TwoLengths,
        Fault::Chunked(None),
        Fault::Chunked(Some(middle)),
        Fault::Flip(1),
        Fault::Flip(middle),
        Fault::Flip(length - 3),
        Fault::Body(b"<html><body>Please log in</body></html>"),
        Fault::Body(b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>"),
        Fault::Body(b""),
        Fault::ContentEncoding,
        Fault::EndlessHead,
        Fault::EndlessInterim,
        Fault::Escapes,
    ]
}

#[test]
fn a_shard_survives_each_fault_that_passes() {
    let bytes = shard_bytes(1);
    for tag in [Tag::Strong, Tag::Weak, Tag::None] {
        for fault in passing_faults(bytes.len()) {
            let place = Place::new();
            place.server.put(PATH, &*bytes);
            place.server.tag(PATH, tag);
            place.server.fault(PATH, [fault.clone()]);
            let fetched = place.fetch();
            assert_eq!(
                fetched.ending,
                Ending::Fetched,
                "{fault:?}, {tag:?}: {fetched:?}"
            );
            assert!(
                fs::read(place.file("")).unwrap() == bytes,
                "{fault:?}, {tag:?}"
            );
            for end in [".part", ".part.json"] {
                assert!(!place.file(end).exists(), "{fault:?}, {tag:?}");
            }
            // One that asks again for what it has would be known by it.
            let requests = place.server.seen().len();
            assert!(requests <= 3, "{fault:?}, {tag:?}: {requests} requests");
        }
    }
}

#[test]
fn ranges_that_are_no_good_begin_the_file_anew() {
    let bytes = shard_bytes(1);
    let middle = bytes.len() / 2;
    for fault in [
        Fault::IgnoresRange,
        Fault::ShiftedRange,
        Fault::WholeUnder206,
        Fault::Status(416, None),
    ] {
        let place = Place::new();
        place.server.put(PATH, &*bytes);
        place
            .server
            .fault(PATH, [Fault::Cut(middle), fault.clone()]);
        let fetched = place.fetch();
        assert_eq!(fetched.ending, Ending::Fetched, "{fault:?}: {fetched:?}");
        assert!(fs::read(place.file("")).unwrap() == bytes, "{fault:?}");
    }
}

#[test]
fn what_breaks_off_goes_on_where_it_broke() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    let middle = bytes.len() / 2;
    place.server.put(PATH, &*bytes);
    place.server.fault(PATH, [Fault::Cut(middle)]);
    assert_eq!(place.fetch().ending, Ending::Fetched);
    let seen = place.server.seen();
    assert_eq!(seen[1].headers["range"], format!("bytes={middle}-"));
    assert_eq!(seen[1].headers["if-range"], "\"v0\"");
    assert!(
        seen.iter()
            .all(|seen| seen.headers["accept-encoding"] == "identity")
    );
    assert!(
        seen.iter()
            .all(|seen| seen.headers["user-agent"].starts_with("crawlrank/"))
    );
}

#[test]
fn parts_of_two_versions_are_never_put_together() {
    let (old, new) = (shard_bytes(1), shard_bytes(2));
    for tag in [Tag::Strong, Tag::Weak, Tag::None] {
        let place = Place::new();
        place.server.put(PATH, &*old);
        place.server.put_next(PATH, &*new);
        place.server.tag(PATH, tag);
        place
            .server
            .fault(PATH, [Fault::Cut(old.len() / 2), Fault::Change]);
        assert_eq!(place.fetch().ending, Ending::Fetched, "{tag:?}");
        assert!(fs::read(place.file("")).unwrap() == new, "{tag:?}");
    }
}

#[test]
fn a_part_that_is_there_goes_on_at_the_last_member_that_verifies() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    place.server.put(PATH, &*bytes);
    place.server.fault(PATH, [Fault::Cut(bytes.len() * 2 / 3)]);
    // As after a kill: the network gave up, and what was written stays.
    place.server.fault(PATH, vec![Fault::Reset; 40]);
    let fetched = place.fetch();
    assert_eq!(fetched.ending, Ending::Failed, "{fetched:?}");
    assert!(place.file(".part").exists() && !place.file("").exists());
    let mut part = fs::read(place.file(".part")).unwrap();
    let flipped = part.len() / 2;
    part[flipped] ^= 1;
    fs::write(place.file(".part"), part).unwrap();

    let again = &place.server;
    again.put(PATH, &*bytes);
    again.forget();
    let shards = shard::find(&[again.url(PATH)], &place.options).unwrap();
    let fetched = fetch_all(&shards, place.folder.path()).unwrap().remove(0);
    assert_eq!(fetched.ending, Ending::Fetched);
    assert!(fs::read(place.file("")).unwrap() == bytes);
    let range = again.seen()[0].headers["range"].clone();
    let start: usize = range
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap();
    assert!(start > 0 && start <= flipped, "{start} of {flipped}");
    assert!(
        bytes[start..].starts_with(&[0x1f, 0x8b, 8]),
        "no member begins at {start}"
    );
    assert_eq!(again.seen().len(), 1);
}

#[test]
fn a_file_that_is_there_is_not_asked_for() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    place.server.put(PATH, &*bytes);
    assert_eq!(place.fetch().ending, Ending::Fetched);
    place.server.forget();
    assert_eq!(place.fetch().ending, Ending::Present);
    assert!(place.server.seen().is_empty());
}

#[test]
fn what_stays_wrong_is_never_complete() {
    let bytes = shard_bytes(1);
    let middle = bytes.len() / 2;
    for (fault, outcome) in [
        (Fault::Status(404, None), Ending::Missing),
        (Fault::Status(401, None), Ending::Failed),
        (Fault::Status(500, None), Ending::Failed),
        (Fault::Status(503, None), Ending::Failed),
        (Fault::Flip(middle), Ending::Damaged),
        (Fault::Body(b"<html>"), Ending::Refused),
        (Fault::Body(b""), Ending::Refused),
        (Fault::Reset, Ending::Failed),
        (Fault::Cut(0), Ending::Failed),
        (Fault::Length("300"), Ending::Damaged),
        (Fault::NoLength(Some(0)), Ending::Refused),
        (Fault::TwoLengths, Ending::Failed),
    ] {
        let place = Place::new();
        place.server.put(PATH, &*bytes);
        place.server.fault(PATH, vec![fault.clone(); 100]);
        let fetched = place.fetch();
        assert_eq!(fetched.ending, outcome, "{fault:?}: {fetched:?}");
        assert!(
            fetched.reason.is_some() && !place.file("").exists(),
            "{fault:?}"
        );
        assert!(
            place.server.seen().len() <= 31,
            "{fault:?}: {}",
            place.server.seen().len()
        );
    }
}

#[test]
fn damage_that_stays_far_inside_a_file_is_not_asked_for_without_end() {
    let (bytes, place) = (shard_of_pages(1, 300), Place::new());
    let far = 1 << 20;
    assert!(bytes.len() > far + 100_000, "{}", bytes.len());
    place.server.put(PATH, &*bytes);
    place
        .server
        .fault(PATH, vec![Fault::Flip(far + 50_000); 50]);
    assert_eq!(place.fetch().ending, Ending::Damaged);
    assert!(!place.file("").exists());
    assert_eq!(place.server.seen().len(), 3);
}

#[test]
fn a_server_that_says_when_is_not_asked_earlier() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    let paths = ["/a.warc.wat.gz", "/b.warc.wat.gz", "/c.warc.wat.gz"];
    for path in paths {
        place.server.put(path, &*bytes);
    }
    place
        .server
        .fault(paths[0], [Fault::Status(503, Some("1"))]);
    let urls = paths.map(|path| place.server.url(path));
    let shards = shard::find(&urls, &place.options).unwrap();
    // One connection: the others come behind the refusal, and wait as well.
    fetch(&FetchJob {
        connections: 1,
        ..job(&shards, place.folder.path(), &Interrupt::default())
    })
    .unwrap();
    let seen = place.server.seen();
    assert_eq!(seen.len(), 4);
    for later in &seen[1..] {
        assert!(later.at - seen[0].at >= Duration::from_millis(990));
    }
}

#[test]
fn a_server_that_forbids_is_asked_once_more_and_then_left_alone() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    place.server.put(PATH, &*bytes);
    place.server.fault(PATH, vec![Fault::Status(403, None); 9]);
    let error = place.try_fetch().unwrap_err();
    assert_eq!((error.exit(), error.code()), (Exit::Network, "E-BLOCKED"));
    let seen = place.server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(50));
}

#[test]
fn one_forbidden_file_among_others_is_its_own_trouble() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    let others = ["/a.warc.wat.gz", "/b.warc.wat.gz"];
    place.server.put(PATH, &*bytes);
    place.server.fault(PATH, vec![Fault::Status(403, None); 9]);
    let mut urls = vec![place.server.url(PATH)];
    for path in others {
        place.server.put(path, &*bytes);
        // Slow enough to be there when the server is asked again.
        place.server.fault(path, [Fault::Status(503, Some("1"))]);
        urls.push(place.server.url(path));
    }
    let shards = shard::find(&urls, &place.options).unwrap();
    // Whoever probes decides: a good file clears it, and this one is then known; or it is itself the probe.
    match fetch_all(&shards, place.folder.path()) {
        Err(error) => assert_eq!(error.code(), "E-BLOCKED"),
        Ok(fetched) => {
            let failed = fetched
                .iter()
                .filter(|account| account.ending == Ending::Failed);
            assert_eq!(failed.count(), 1);
        }
    }
    let asked = place
        .server
        .seen()
        .iter()
        .filter(|seen| seen.path == PATH)
        .count();
    assert!(asked <= 2, "{asked}");
}

#[test]
fn redirects_lead_to_no_other_host_and_into_no_private_network() {
    let (bytes, canary) = (shard_bytes(1), Server::start());
    canary.put(PATH, &*bytes);
    for to in [
        canary.url(PATH),
        canary.url(PATH).replace("127.0.0.1", "localhost"),
        canary.url(PATH).replace("http:", "https:"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]:1/".to_owned(),
        "http://2130706433/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/".to_owned(),
        "data:text/plain,x".to_owned(),
    ] {
        let place = Place::new();
        place.server.put(PATH, &*bytes);
        place
            .server
            .fault(PATH, vec![Fault::Redirect(to.clone()); 9]);
        let error = place.try_fetch().unwrap_err();
        assert_eq!(
            (error.exit(), error.code()),
            (Exit::Network, "E-REDIRECT"),
            "{to}"
        );
        assert_eq!(place.server.seen().len(), 1, "{to}");
    }
    // A host that the user allowed is still no private address that the user named.
    let place = Place::new();
    place.server.put(PATH, &*bytes);
    let to = canary.url(PATH).replace("127.0.0.1", "localhost");
    place.server.fault(PATH, vec![Fault::Redirect(to); 9]);
    let network = quick_network(NetworkOptions {
        allowed_hosts: BTreeSet::from(["localhost".to_owned()]),
        ..NetworkOptions::default()
    });
    let shards = shard::find(&[place.server.url(PATH)], &find_options(network)).unwrap();
    let error = fetch_all(&shards, place.folder.path()).unwrap_err();
    assert_eq!(error.code(), "E-REDIRECT");
    assert!(canary.seen().is_empty());
}

#[test]
fn redirects_on_the_same_server_are_followed_and_end() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    let moved = "/moved/x.warc.wat.gz";
    place.server.put(PATH, &*bytes);
    place.server.put(moved, &*bytes);
    place
        .server
        .fault(PATH, [Fault::Redirect(moved.to_owned())]);
    assert_eq!(place.fetch().ending, Ending::Fetched);

    let place = Place::new();
    place.server.put(PATH, &*bytes);
    place
        .server
        .fault(PATH, vec![Fault::Redirect(PATH.to_owned()); 1000]);
    assert_eq!(place.try_fetch().unwrap_err().code(), "E-REDIRECT");
    assert_eq!(place.server.seen().len(), 6);
}

#[test]
fn forty_random_schedules_end_with_the_right_files() {
    let files: Vec<(String, Vec<u8>)> = (0..4)
        .map(|seed| (format!("/a/{seed}.warc.wat.gz"), shard_bytes(seed)))
        .collect();
    for seed in 0..40 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let place = Place::new();
        let mut faults = 0;
        for (path, bytes) in &files {
            place.server.put(path, &**bytes);
            let tags = [Tag::Strong, Tag::Strong, Tag::Weak, Tag::None];
            place
                .server
                .tag(path, tags[dice.next_u32() as usize % tags.len()]);
            // Forbidden twice in a row is a verdict, which has a test of its own; waiting for stalls takes long.
            let mut all = passing_faults(bytes.len());
            all.retain(|fault| {
                !matches!(
                    fault,
                    Fault::Status(403, _) | Fault::Stall(_) | Fault::EndlessInterim
                )
            });
            while dice.next_u32() % 10 < 4 && faults < 100 {
                let fault = all[dice.next_u32() as usize % all.len()].clone();
                faults += 1;
                place.server.fault(path, [fault]);
            }
        }
        let urls: Vec<String> = files
            .iter()
            .map(|(path, _)| place.server.url(path))
            .collect();
        let shards = shard::find(&urls, &place.options).unwrap();
        let fetched = fetch_all(&shards, place.folder.path()).unwrap();
        for (account, (path, bytes)) in fetched.iter().zip(&files) {
            assert_eq!(
                account.ending,
                Ending::Fetched,
                "seed {seed}, {path}: {account:?}"
            );
            let file = place.folder.path().join(path.trim_start_matches("/a/"));
            assert!(fs::read(file).unwrap() == *bytes, "seed {seed}, {path}");
        }
        let (requests, allowed) = (place.server.seen().len(), (faults + files.len()) * 3 / 2);
        assert!(
            requests <= allowed,
            "seed {seed}: {requests} of {allowed} requests"
        );
    }
}

/// Lines of a list that lead out of its folder, to other servers, or that act on terminals.
const LINES_THAT_LEAD_ELSEWHERE: &[&str] = &[
    "../secret.warc.gz",
    "/etc/passwd.warc.gz",
    "http://169.254.169.254/latest.warc.gz",
    "http:169.254.169.254/latest.warc.gz",
    "https:127.0.0.1:1/latest.warc.gz",
    "//127.0.0.1:1/latest.warc.gz",
    "ftp:x.warc.gz",
    "a\\..\\b.warc.gz",
    "a/\u{1b}[31m.warc.gz",
    "a/%2e%2e/%2e%2e/b.warc.gz?../..",
    "crawl-data/x.txt",
];

#[test]
fn a_list_names_files_below_its_base_and_nowhere_else() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    let list = "/crawl-data/CC-MAIN-2026-39/wat.paths.gz";
    let gzipped = |text: &str| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, text.as_bytes()).unwrap();
        gz.finish().unwrap()
    };
    place.server.put("/crawl-data/a/1.warc.wat.gz", &*bytes);
    place.server.put("/crawl-data/a/2.warc.wat.gz", &*bytes);
    place.server.put(
        list,
        gzipped("crawl-data/a/1.warc.wat.gz\ncrawl-data/a/2.warc.wat.gz\n"),
    );
    let options = FindOptions {
        all: true,
        base_url: Some(place.server.url("/").parse().unwrap()),
        ..place.options.clone()
    };
    // Without a limit only whoever says so gets all.
    let guarded = FindOptions {
        all: false,
        ..options.clone()
    };
    let url = place.server.url(list);
    assert_eq!(
        shard::find(&[&*url], &guarded).unwrap_err().exit(),
        Exit::Usage
    );
    let limited = FindOptions {
        limit: Some(1),
        ..guarded.clone()
    };
    assert_eq!(shard::find(&[&*url], &limited).unwrap().len(), 1);
    // By the list's address, by the crawl's name, and by a list that is here.
    let here = place.folder.path().join("here.paths");
    fs::write(
        &here,
        "crawl-data/a/1.warc.wat.gz\ncrawl-data/a/2.warc.wat.gz\n",
    )
    .unwrap();
    for input in [
        url.as_str(),
        "CC-MAIN-2026-39",
        "2026-39",
        here.to_str().unwrap(),
    ] {
        let shards = shard::find(&[input], &options).unwrap();
        let names: Vec<&str> = shards.iter().map(|shard| shard.name.as_str()).collect();
        assert_eq!(names, ["1.warc.wat.gz", "2.warc.wat.gz"], "{input}");
    }
    let shards = shard::find(&[&*url], &options).unwrap();
    let out = place.folder.path().join("out");
    fetch_all(&shards, &out).unwrap();
    assert!(fs::read(out.join("crawl-data/a/2.warc.wat.gz")).unwrap() == bytes);

    for line in LINES_THAT_LEAD_ELSEWHERE {
        place.server.put(list, gzipped(line));
        let error = shard::find(&[&*url], &options).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{line}: {error}");
    }
    place.server.put(list, b"<html>sign in</html>".to_vec());
    assert!(shard::find(&[&*url], &options).is_err());
}

#[test]
fn a_part_that_is_whole_needs_no_byte_more() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    place.server.put(PATH, &*bytes);
    let cut = bytes.len() / 2;
    place.server.fault(PATH, [Fault::Cut(cut)]);
    place.server.fault(PATH, vec![Fault::Reset; 20]);
    assert_eq!(place.fetch().ending, Ending::Failed);
    // As after a kill between the last byte and the name.
    fs::write(place.file(".part"), &bytes).unwrap();
    place.server.put(PATH, &*bytes);
    place.server.forget();
    assert_eq!(place.fetch().ending, Ending::Fetched);
    assert!(fs::read(place.file("")).unwrap() == bytes && !place.file(".part.json").exists());
    let ranges: Vec<String> = place
        .server
        .seen()
        .iter()
        .map(|seen| seen.headers["range"].clone())
        .collect();
    assert_eq!(ranges, [format!("bytes={}-", bytes.len())]);
}

#[test]
fn a_file_of_the_name_is_the_shard_only_when_it_is() {
    let (bytes, other, place) = (shard_bytes(1), shard_bytes(2), Place::new());
    let elsewhere = "/other/x.warc.wat.gz";
    place.server.put(PATH, &*bytes);
    place.server.put(elsewhere, &*other);
    assert_eq!(place.fetch().ending, Ending::Fetched);
    let shards = shard::find(&[place.server.url(elsewhere)], &place.options).unwrap();
    let fetched = fetch_all(&shards, place.folder.path()).unwrap().remove(0);
    assert_eq!(fetched.ending, Ending::Damaged);
    assert!(fetched.reason.unwrap().contains("another address"));
    // One that others left there: whole, and cut.
    for (left, ending) in [
        (&bytes[..], Ending::Present),
        (&bytes[..500], Ending::Damaged),
    ] {
        let place = Place::new();
        place.server.put(PATH, &*bytes);
        fs::write(place.file(""), left).unwrap();
        assert_eq!(place.fetch().ending, ending);
        assert!(fs::read(place.file("")).unwrap() == left);
    }
}

#[test]
fn a_probe_that_is_sent_elsewhere_does_not_wait_for_itself() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    let moved = "/moved/x.warc.wat.gz";
    place.server.put(PATH, &*bytes);
    place.server.put(moved, &*bytes);
    place.server.fault(
        PATH,
        [Fault::Status(403, None), Fault::Redirect(moved.to_owned())],
    );
    assert_eq!(place.fetch().ending, Ending::Fetched);
}

#[test]
fn damage_behind_a_record_that_is_wrong_by_itself_is_damage() {
    let (bytes, place) = (shard_bytes(1), Place::new());
    // A member whose content begins no record, then the shard; the member behind it comes damaged.
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, b"no record at all\r\n").unwrap();
    let mut odd = bytes.clone();
    odd.extend(gz.finish().unwrap());
    let middle = odd.len() + 200;
    odd.extend(&bytes);
    place.server.put(PATH, &*odd);
    place.server.fault(PATH, [Fault::Flip(middle)]);
    assert_eq!(place.fetch().ending, Ending::Fetched);
    assert!(fs::read(place.file("")).unwrap() == odd);
    assert_eq!(place.server.seen().len(), 2);
}

#[test]
fn no_more_connections_are_open_than_allowed() {
    let bytes = shard_bytes(1);
    let server = Server::start();
    let paths: Vec<String> = (0..12).map(|at| format!("/{at}.warc.wat.gz")).collect();
    for path in &paths {
        server.put(path, &*bytes);
    }
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let network = quick_network(NetworkOptions {
        connections: 2,
        ..NetworkOptions::default()
    });
    let shards = shard::find(&urls, &find_options(network)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fetch_all(&shards, folder.path()).unwrap();
    assert!(server.most_answers() <= 2, "{}", server.most_answers());
}

#[test]
fn a_stop_on_request_does_not_wait_for_a_server() {
    let (bytes, server) = (shard_bytes(1), Server::start());
    server.put(PATH, &*bytes);
    server.fault(PATH, [Fault::Stall(100)]);
    let folder = tempfile::tempdir().unwrap();
    // With the patience of every day.
    let shards = shard::find(&[server.url(PATH)], &FindOptions::local(None)).unwrap();
    let interrupt = Interrupt::default();
    let started = std::time::Instant::now();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            interrupt.request();
        });
        fetch(&job(&shards, folder.path(), &interrupt)).unwrap_err()
    });
    assert_eq!(error.exit(), Exit::Interrupted);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(folder.path().join("x.warc.wat.gz.part").exists());
}

#[cfg(feature = "s3")]
mod objects {
    use super::*;
    use crate::network::s3::Account;

    /// Where objects of a bucket are fetched from: the server's first folders are buckets.
    fn place() -> Place {
        let mut place = Place::new();
        place.options = find_options(quick_network(NetworkOptions {
            s3: Account {
                endpoint: Some(place.server.url("")),
                ..Account::default()
            },
            ..NetworkOptions::default()
        }));
        place
    }

    fn fetch_from(place: &Place) -> Fetched {
        let shards = shard::find(&[format!("s3:/{PATH}")], &place.options).unwrap();
        fetch_all(&shards, place.folder.path()).unwrap().remove(0)
    }

    #[test]
    fn an_object_survives_each_fault_that_passes() {
        let bytes = shard_bytes(1);
        for fault in passing_faults(bytes.len()) {
            if fault == Fault::Status(403, None) {
                continue; // which keys decide
            }
            let place = place();
            place.server.put(PATH, &*bytes);
            place.server.fault(PATH, [fault.clone()]);
            let fetched = fetch_from(&place);
            assert_eq!(fetched.ending, Ending::Fetched, "{fault:?}: {fetched:?}");
            assert!(fs::read(place.file("")).unwrap() == bytes, "{fault:?}");
            let requests = place.server.seen().len();
            assert!(requests <= 3, "{fault:?}: {requests} requests");
        }
    }

    #[test]
    fn parts_of_two_versions_of_an_object_are_never_put_together() {
        let (old, new, place) = (shard_bytes(1), shard_bytes(2), place());
        place.server.put(PATH, &*old);
        place.server.put_next(PATH, &*new);
        let middle = old.len() / 2;
        place
            .server
            .fault(PATH, [Fault::Cut(middle), Fault::Change]);
        assert_eq!(fetch_from(&place).ending, Ending::Fetched);
        assert!(fs::read(place.file("")).unwrap() == new);
        let seen = place.server.seen();
        assert_eq!(seen[1].headers["range"], format!("bytes={middle}-"));
        assert_eq!(seen[1].headers["if-match"], "\"v0\"");
        assert!(!seen[1].headers.contains_key("if-range"));
        assert!(!seen[2].headers.contains_key("range"));
    }

    #[test]
    fn a_bucket_that_says_slow_down_is_not_asked_earlier() {
        let (bytes, place) = (shard_bytes(1), place());
        place.server.put(PATH, &*bytes);
        place.server.fault(PATH, [Fault::Status(503, Some("1"))]);
        assert_eq!(fetch_from(&place).ending, Ending::Fetched);
        let seen = place.server.seen();
        assert!(seen[1].at - seen[0].at >= Duration::from_millis(990));
    }

    #[test]
    fn objects_that_are_missing_or_denied_are_their_own_trouble() {
        for (status, ending) in [
            (404, Ending::Missing),
            (400, Ending::Failed),
            (401, Ending::Failed),
            (403, Ending::Failed),
        ] {
            let (bytes, place) = (shard_bytes(1), place());
            place.server.put(PATH, &*bytes);
            place.server.fault(PATH, [Fault::Status(status, None)]);
            assert_eq!(fetch_from(&place).ending, ending, "{status}");
            assert_eq!(place.server.seen().len(), 1, "{status}");
            // Nobody waits for it.
            assert_eq!(fetch_from(&place).ending, Ending::Fetched, "{status}");
        }
    }

    #[test]
    fn a_bucket_that_gives_no_object_is_left_alone() {
        let (bytes, place) = (shard_bytes(1), place());
        let paths: Vec<String> = (0..40).map(|at| format!("/b/{at}.warc.wat.gz")).collect();
        for path in &paths {
            place.server.put(path, &*bytes);
            place.server.fault(path, [Fault::Status(403, None)]);
        }
        let objects: Vec<String> = paths.iter().map(|path| format!("s3:/{path}")).collect();
        let shards = shard::find(&objects, &place.options).unwrap();
        let error = fetch_all(&shards, place.folder.path()).unwrap_err();
        assert_eq!((error.exit(), error.code()), (Exit::Network, "E-NETWORK"));
        let asked = place.server.seen().len();
        assert!((10..=14).contains(&asked), "{asked}"); // and what was under way
    }

    #[test]
    fn a_bucket_elsewhere_is_said_to_be_a_matter_of_the_region() {
        let (bytes, place) = (shard_bytes(1), place());
        place.server.put(PATH, &*bytes);
        place.server.fault(PATH, [Fault::Status(301, None)]);
        let shards = shard::find(&[format!("s3:/{PATH}")], &place.options).unwrap();
        let error = fetch_all(&shards, place.folder.path()).unwrap_err();
        assert_eq!((error.exit(), error.code()), (Exit::Network, "E-REDIRECT"));
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }
}
