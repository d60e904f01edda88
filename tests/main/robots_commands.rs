//! `robots check`, `robots explain`, `robots survey`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crawlrank::interrupt::Interrupt;
use crawlrank::tables::read::Table;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::util::{Ran, column, crawlrank, crawlrank_with_stdin, rows};

const RULES: &str = "User-agent: CCBot\nDisallow: /private\nAllow: /private/open\nCrawl-delay: 2\n\nUser-agent: *\nDisallow: /\n";

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn answer(ran: &Ran) -> (i32, &str) {
    (ran.code, std::str::from_utf8(&ran.stdout).unwrap())
}

#[test]
fn a_file_is_asked_and_the_exit_is_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), "robots.txt", RULES);
    for (agent, url, expected) in [
        ("CCBot", "https://a.example/private/x", (1, "disallowed\n")),
        (
            "ccbot/2.0",
            "https://a.example/private/open",
            (0, "allowed\n"),
        ),
        ("CCBot", "/private", (1, "disallowed\n")),
        ("CCBot", "/public", (0, "allowed\n")),
        ("GPTBot", "https://a.example/", (1, "disallowed\n")),
        ("*", "https://a.example/", (1, "disallowed\n")),
        ("CCBot 2.0 (bot)", "/public", (0, "allowed\n")),
        ("GPTBot", "https://a.example/robots.txt", (0, "allowed\n")),
        ("CCBot", "ftp://a.example/private", (1, "disallowed\n")),
    ] {
        let ran = crawlrank(["robots", "check", agent, url, &file]);
        assert_eq!(answer(&ran), expected, "{agent} {url}");
        assert_eq!(ran.stderr, "");
        let piped = crawlrank_with_stdin(["robots", "check", agent, url, "-"], RULES.as_bytes());
        assert_eq!(answer(&piped), expected, "{agent} {url}");
    }
    let cut = [
        "robots",
        "check",
        "GPTBot",
        "/",
        &file,
        "--max-robots-bytes",
        "90",
    ];
    assert_eq!(answer(&crawlrank(cut)), (0, "allowed\n"));
}

#[test]
fn what_is_no_question_leaves_by_2() {
    let folder = tempfile::tempdir().unwrap();
    let robots = file(folder.path(), "robots.txt", RULES);
    for arguments in [
        &["check"][..],
        &["check", "CCBot"],
        &["check", "", "https://a.example/", &robots],
        &["check", " ", "https://a.example/", &robots],
        &["check", "CCBot", "a.example", &robots],
        &["check", "CCBot", "https://", &robots],
        // A browser asks for other addresses than these.
        &["check", "CCBot", r"https://a.example\private", &robots],
        &["check", "CCBot", "https:/a.example/private", &robots],
        &["check", "CCBot", "https:///a.example/private", &robots],
        &["check", "CCBot", "https://a.example/pri\tvate", &robots],
        &["check", "CCBot", "/x"],
        &["check", "CCBot", "ftp://a.example/x"],
        &["check", "CCBot", "https://a.example/", "no-such-file"],
        &[
            "check",
            "CCBot",
            "https://a.example/",
            folder.path().to_str().unwrap(),
        ],
        &["check", "CCBot", "/", &robots, "--max-robots-bytes", "1G"],
        &["check", "CCBot", "/", &robots, "--jsonl"],
        &["explain", "CCBot"],
        &["survey", &robots],
        &["survey", "--out", "x"],
        &["survey", "--out", "x", &robots, "--agents", "a b"],
    ] {
        let ran = crawlrank([&["robots"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{arguments:?}");
        assert!(ran.stderr.starts_with("error[E-USAGE]: "), "{}", ran.stderr);
        assert!(ran.stderr.lines().count() <= 5, "{}", ran.stderr);
    }
    assert!(!Path::new("x").exists());
}

#[test]
fn cases_are_answered_one_by_one_while_they_come() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .args(["robots", "check", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |question: &[u8]| -> Value {
        questions.write_all(question).unwrap();
        questions.write_all(b"\n").unwrap();
        serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap()
    };
    let case = |url: &str| {
        let case = json!({"robots_txt": RULES, "agent": "CCBot", "url": url});
        serde_json::to_vec(&case).unwrap()
    };
    let expected = json!({"allowed": false, "line": 2, "rule": "Disallow: /private", "crawl_delay": 2.0, "sitemaps": []});
    assert_eq!(ask(&case("https://a.example/private")), expected);
    assert!(ask(b"\xff")["error"].is_string());
    assert!(ask(b"")["error"].is_string());
    assert!(ask(br#"["a", null, "b", "/"]"#)["error"].is_string());
    let open = ask(&case("/private/open"));
    assert_eq!((&open["allowed"], &open["line"]), (&json!(true), &json!(3)));
    drop(questions);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Whoever waits for stdin can be stopped.
#[test]
fn a_stop_is_heard_while_stdin_is_silent() {
    for arguments in [&["check", "--jsonl"][..], &["check", "CCBot", "/x", "-"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
            .arg("robots")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _silent = child.stdin.take().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let ended = child.wait().unwrap();
        // On a machine so slow that nobody listened yet, the signal itself ends the process.
        let is_stopped = ended.code() == Some(143) || ended.signal() == Some(15);
        assert!(is_stopped, "{arguments:?}: {ended}");
    }
}

#[test]
fn the_line_that_decides_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let robots = file(
        folder.path(),
        "robots.txt",
        "User-agent: CCBot\nCrawl-delay: 2\nDisalow: /a*\nAllow: /a/b$\n\nSitemap: https://a.example/s.xml\nContent-Signal: ai-train=no\nfoo\n",
    );
    let explain = |url: &str| {
        let ran = crawlrank(["robots", "explain", "CCBot", url, &robots, "-o", "jsonl"]);
        ran.rows_with(0).remove(0)
    };
    let row = explain("https://a.example/a/b");
    for (name, value) in [
        ("allowed", json!(true)),
        ("line", json!(4)),
        ("rule", json!("Allow: /a/b$")),
        ("octets", json!(5)),
        ("leniencies", json!([])),
        ("path", json!("/a/b")),
        ("group", json!("the agent's own, from line 1")),
        (
            "beaten",
            json!(["line 3: Disalow: /a* (3 octets, name misspelled)"]),
        ),
        ("crawl_delay", json!(2.0)),
        ("content_signal", json!("ai-train=no")),
        ("content_usage", Value::Null),
        ("sitemaps", json!(["https://a.example/s.xml"])),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    assert!(
        row["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|w| w.as_str().unwrap().contains("line 8"))
    );
    let row = explain("/ab");
    assert_eq!(
        (&row["allowed"], &row["leniencies"]),
        (&json!(false), &json!(["name misspelled"]))
    );
    assert_eq!(explain("/x")["reason"], "no rule matches");
    let shown = crawlrank(["robots", "explain", "CCBot", "/ab", &robots]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("reason") && shown.contains("line 3 is the only rule that matches"),
        "{shown}"
    );
}

/// A server on this machine: answers each request by its path, and keeps what was asked.
struct Server {
    origin: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream: TcpStream = stream.unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                log.lock().unwrap().push(head);
                let _ = stream.write_all(&answer(&path)); // the client may have gone
            }
        });
        Server { origin, asked }
    }

    fn check(&self, path: &str) -> Ran {
        crawlrank([
            "robots",
            "check",
            "CCBot",
            &format!("{}{path}", self.origin),
        ])
    }
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn without_a_file_that_of_the_origin_is_fetched() {
    let server = Server::start(|_| response("200 OK", "", RULES));
    let ran = server.check("/private/x?y#z");
    assert_eq!(
        (answer(&ran), ran.stderr.as_str()),
        ((1, "disallowed\n"), "")
    );
    assert_eq!(server.check("/").code, 0);
    let asked = server.asked.lock().unwrap();
    assert!(
        asked[0].starts_with("GET /robots.txt HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    let agent = asked[0]
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("user-agent:"));
    let agent = agent.unwrap();
    assert!(
        agent.contains("crawlrank/") && agent.contains("(+https://"),
        "{agent}"
    );
}

#[test]
fn a_status_that_is_no_file_is_an_answer_and_said() {
    for (status, code, section) in [
        ("404 Not Found", 0, "2.3.1.3"),
        ("401 Unauthorized", 0, "2.3.1.3"),
        ("410 Gone", 0, "2.3.1.3"),
        ("429 Too Many Requests", 1, "2.3.1.4"),
        ("500 Oops", 1, "2.3.1.4"),
        ("503 Busy", 1, "2.3.1.4"),
        ("301 Moved", 0, "2.3.1.2"),
    ] {
        let server = Server::start(move |_| response(status, "", RULES));
        let ran = server.check("/private");
        assert_eq!(ran.code, code, "{status}: {}", ran.stderr);
        assert!(
            ran.stderr
                .starts_with(&format!("robots.txt of {}: ", server.origin)),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains(section) && ran.stderr.lines().count() == 1,
            "{}",
            ran.stderr
        );
    }
    let explained = Server::start(|_| response("503 Busy", "", ""));
    let url = format!("{}/x", explained.origin);
    let row = crawlrank(["robots", "explain", "CCBot", &url, "-o", "jsonl"])
        .rows_with(0)
        .remove(0);
    assert_eq!(
        (&row["allowed"], &row["line"]),
        (&json!(false), &Value::Null)
    );
}

#[test]
fn an_unreachable_server_forbids_everything() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = crawlrank(["robots", "check", "CCBot", &format!("http://{free}/x")]);
    assert_eq!(answer(&ran), (1, "disallowed\n"));
    assert!(
        ran.stderr
            .contains("disallow all (RFC 9309, section 2.3.1.4)"),
        "{}",
        ran.stderr
    );
    let half = Server::start(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nUser-agent: *\nAllow: /\n".to_vec()
    });
    assert_eq!(half.check("/x").code, 1);
    // Whoever speaks no TLS is no https server.
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/x", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let ran = crawlrank(["robots", "check", "CCBot", &url]);
    assert_eq!(answer(&ran), (1, "disallowed\n"));
    assert!(ran.stderr.contains("disallow all"), "{}", ran.stderr);
}

#[test]
fn five_redirects_are_followed_and_no_more() {
    let redirects = |count: usize| {
        Server::start(move |path| {
            let done: usize = path.strip_prefix("/robots.txt").unwrap().len();
            match done < count {
                true => {
                    let location = format!("Location: /robots.txt{}\r\n", "x".repeat(done + 1));
                    response("302 Found", &location, "")
                }
                false => response("200 OK", "", RULES),
            }
        })
    };
    let five = redirects(5).check("/private");
    assert_eq!((five.code, five.stderr.as_str()), (1, ""));
    let six = redirects(6).check("/private");
    assert_eq!(six.code, 0);
    assert!(
        six.stderr.contains("more than 5 redirects: allow all"),
        "{}",
        six.stderr
    );
}

#[test]
fn a_redirect_into_a_private_network_is_refused() {
    let secret = Server::start(|_| response("200 OK", "", "User-agent: *\nAllow: /\n"));
    let target = secret.origin.clone();
    let outside = Server::start(move |_| {
        response(
            "302 Found",
            &format!("Location: {target}/robots.txt\r\n"),
            "",
        )
    });
    let ran = outside.check("/x");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("private address 127.0.0.1"),
        "{}",
        ran.stderr
    );
    assert_eq!(secret.asked.lock().unwrap().len(), 0);
}

#[test]
fn no_more_of_a_body_is_read_than_the_limit() {
    let long = format!(
        "User-agent: *\nDisallow: /x\n{}\nDisallow: /\n",
        "#\n".repeat(300 << 10)
    );
    let server = Server::start(move |_| response("200 OK", "", &long));
    assert_eq!(server.check("/x").code, 1);
    assert_eq!(server.check("/y").code, 0);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(RULES.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let server = Server::start(move |_| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            gzip.len()
        );
        [head.as_bytes(), &gzip].concat()
    });
    assert_eq!(
        (server.check("/private").code, server.check("/").code),
        (1, 0)
    );
}

fn synth(folder: &Path, shards: u32, hosts: u32) -> PathBuf {
    let out = folder.join("shards");
    let (shards, hosts) = (shards.to_string(), hosts.to_string());
    let ran = crawlrank([
        "synth",
        "--kind",
        "robots",
        "--shards",
        &shards,
        "--hosts",
        &hosts,
        "--out",
        out.to_str().unwrap(),
        "--no-progress",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    out
}

/// Files below a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_string_lossy().ends_with(end) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn survey(arguments: &[&str]) -> Ran {
    crawlrank(
        [
            &["robots", "survey", "--no-progress", "-o", "jsonl"],
            arguments,
        ]
        .concat(),
    )
}

fn table(path: &Path) -> Vec<BTreeMap<String, Value>> {
    let table = Table::open(path, &Interrupt::default()).unwrap();
    let numbers: Vec<u64> = (0..table.num_rows()).collect();
    let rows = table.fetch(&numbers).unwrap().into_iter();
    rows.map(|row| table.columns().iter().cloned().zip(row).collect())
        .collect()
}

#[test]
fn ten_thousand_captures_are_surveyed_as_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 3, 40_000);
    let mut truth = BTreeMap::new();
    for file in files(&shards, ".robotstxt.jsonl.gz") {
        let mut text = String::new();
        GzDecoder::new(fs::File::open(file).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        for line in text.lines() {
            let capture: Value = serde_json::from_str(line).unwrap();
            truth.insert(capture["host"].as_str().unwrap().to_owned(), capture);
        }
    }
    assert!(truth.len() >= 10_000, "{}", truth.len());

    let out = folder.path().join("survey");
    let agents = "*,CCBot,GPTBot";
    let ran = survey(&[
        shards.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--agents",
        agents,
    ]);
    let summary = ran.rows_with(0);
    assert!(
        ran.stderr
            .contains(&format!("{} captures of robots.txt", truth.len())),
        "{}",
        ran.stderr
    );
    let path = out.join("tables/robots.parquet");
    let found = table(&path);
    assert_eq!(found.len(), truth.len());
    assert!(
        found
            .windows(2)
            .all(|pair| pair[0]["host"].as_str() < pair[1]["host"].as_str())
    );
    let (mut hostile, mut disallowed) = (0, [0; 3]);
    for row in &found {
        let expected = &truth[row["host"].as_str().unwrap()];
        let known = [
            "url",
            "status",
            "bytes",
            "access",
            "content_signal",
            "content_usage",
        ];
        for name in known {
            assert_eq!(row[name], expected[name], "{name}: {expected}");
        }
        assert_eq!(
            row["crawl_delay"].as_f64(),
            expected["crawl_delay"].as_f64(),
            "{expected}"
        );
        assert!(
            row["fetched_at"]
                .as_str()
                .unwrap()
                .starts_with("2026-11-01T")
        );
        match expected["access"].is_null() {
            true => assert_eq!(row["agents"], Value::Null, "{expected}"),
            false if expected["may_fetch"].is_null() => {}
            false => assert_eq!(row["agents"], expected["may_fetch"], "{expected}"),
        }
        match expected["rules"].is_null() {
            true => hostile += 1,
            false => {
                assert_eq!(row["rules"], expected["rules"], "{expected}");
                assert_eq!(row["sitemaps"], expected["sitemaps"], "{expected}");
            }
        }
        for (count, agent) in disallowed.iter_mut().zip(agents.split(',')) {
            *count += u64::from(row["agents"][agent] == false);
        }
    }
    assert!(hostile > 100, "{hostile}");
    assert_eq!(column(&summary, "agent"), ["*", "CCBot", "GPTBot"]);
    assert_eq!(column(&summary, "disallowed"), disallowed);

    // The same bytes, whatever the order of shards, the threads, and the memory.
    let backwards = folder.path().join("backwards");
    let mut names = files(&shards, ".warc.gz");
    names.reverse();
    let names: Vec<&str> = names.iter().map(|name| name.to_str().unwrap()).collect();
    let more = [
        "--out",
        backwards.to_str().unwrap(),
        "--agents",
        agents,
        "--threads",
        "1",
        "--memory",
        "128M",
    ];
    survey(&[&names[..], &more].concat()).rows_with(0);
    assert_eq!(
        fs::read(&path).unwrap(),
        fs::read(backwards.join("tables/robots.parquet")).unwrap()
    );
    let left: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_survey_that_was_killed_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 6, 6_000);
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let arguments = |out: &Path| -> Vec<String> {
        let paths = [shards.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let all = [
            &["robots", "survey", "--no-progress", "--threads", "2"],
            &paths[..],
        ];
        all.concat().into_iter().map(str::to_owned).collect()
    };
    let started = Instant::now();
    assert_eq!(crawlrank(arguments(&whole)).code, 0);
    let whole_time = started.elapsed();
    for (count, signal) in ["INT", "KILL", "TERM", "KILL"].iter().enumerate() {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
            .args(arguments(&killed))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole_time * (count as u32 + 1) / 6);
        let kill = ["-s", signal, &child.id().to_string()].map(str::to_owned);
        let _ = Command::new("kill")
            .args(kill)
            .stderr(Stdio::null())
            .status(); // it may have ended
        child.wait().unwrap();
    }
    assert_eq!(crawlrank(arguments(&killed)).code, 0);
    let table = "tables/robots.parquet";
    assert_eq!(
        fs::read(killed.join(table)).unwrap(),
        fs::read(whole.join(table)).unwrap()
    );
    assert!(!killed.join("tmp").exists());
}

/// A response record about `url`.
fn capture(url: &str, date: &str, http: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\nContent-Length: {}\r\n\r\n",
        http.len()
    );
    [head.as_bytes(), http, b"\r\n\r\n"].concat()
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat()
}

const DATE: &str = "2026-11-01T00:00:00Z";

#[test]
fn what_is_no_robots_txt_is_counted_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let url = "https://a.example/robots.txt";
    let closed = b"User-agent: *\nDisallow: /\n";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(closed).unwrap();
    let gzip = gzip.finish().unwrap();
    let noise: Vec<u8> = (0..=255).collect();
    let records = [
        capture("https://a.example/page", DATE, &ok("", b"")),
        capture("https://a.example/robots.txt/", DATE, &ok("", b"")),
        capture("https://[/robots.txt", DATE, &ok("", b"")),
        capture(url, DATE, b"<html>"),
        capture(url, DATE, b"HTTP/1.1 \r\n\r\n"),
        capture(
            "https://br.example/robots.txt",
            DATE,
            &ok("Content-Encoding: br\r\n", &noise),
        ),
        capture(
            "https://GZ.example:443/robots.txt?x",
            "2026-11-01T00:00:00.5Z",
            &ok("Content-Encoding: gzip\r\n", &gzip),
        ),
        capture("http://127.0.0.1/robots.txt", "yesterday", &ok("", closed)),
        // Of one host the last capture that is no redirect counts; of two at one time that over https.
        capture("http://two.example/robots.txt", DATE, &ok("", closed)),
        capture("https://two.example/robots.txt", DATE, &ok("", b"")),
        capture(
            "https://two.example/robots.txt",
            "2026-11-02T00:00:00Z",
            b"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n",
        ),
        capture(
            "https://late.example/robots.txt",
            "2026-11-02T00:00:00Z",
            &ok("", closed),
        ),
        capture("https://late.example/robots.txt", DATE, &ok("", b"")),
        capture(
            "https://moved.example/robots.txt",
            DATE,
            b"HTTP/1.1 308 Moved\r\n\r\n",
        ),
        b"WARC/1.0\r\nWARC-Type: request\r\nContent-Length: 0\r\n\r\n\r\n\r\n".to_vec(),
        b"WARC/1.0\r\nWARC-Type: revisit\r\nContent-Length: 0\r\n\r\n\r\n\r\n".to_vec(),
    ];
    let shard = file(folder.path(), "x.warc", records.concat());
    let out = folder.path().join("out");
    let ran = survey(&[&shard, "--out", out.to_str().unwrap(), "--agents", "CCBot"]);
    let summary = ran.rows_with(0);
    let hosts = ["hosts", "allowed", "disallowed"].map(|name| &summary[0][name]);
    assert_eq!(hosts, [4, 1, 3]);
    for words in [
        "1 bad_url, 1 body_encoded, 1 no_status, 1 not_http, 2 not_robots_txt, 1 revisit",
        "1 no_date, 2 redirect",
        "16 records, 8 captures",
        "8 captures of 5 hosts",
        "of 1 hosts only redirects are known",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let rows = table(&out.join("tables/robots.parquet"));
    let hosts: Vec<&str> = rows
        .iter()
        .map(|row| row["host"].as_str().unwrap())
        .collect();
    assert_eq!(
        hosts,
        [
            "127.0.0.1",
            "gz.example",
            "late.example",
            "late.example",
            "moved.example",
            "two.example",
            "two.example",
            "two.example"
        ]
    );
    assert_eq!(rows[0]["fetched_at"], Value::Null);
    assert_eq!(
        (&rows[1]["bytes"], &rows[1]["rules"]),
        (&json!(closed.len()), &json!(1))
    );
    assert_eq!(
        (&rows[4]["status"], &rows[4]["access"], &rows[4]["agents"]),
        (&json!(308), &Value::Null, &Value::Null)
    );
}

#[test]
fn damage_is_counted_and_refused_beyond_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let good = capture("https://a.example/robots.txt", DATE, &ok("", b""));
    let member = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut bad = member(&good);
    let at = bad.len() - 6;
    bad[at] ^= 1; // the checksum
    let shard = file(folder.path(), "x.warc.gz", [member(&good), bad].concat());
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let ran = survey(&[&shard, "--out", out]);
    assert_eq!(
        (ran.code, ran.rows().len() > 40),
        (3, true),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("1 faults"), "{}", ran.stderr);
    assert_eq!(survey(&[&shard, "--out", out, "--strict"]).code, 4);

    let page = file(folder.path(), "page.warc.gz", "<!DOCTYPE html><html>");
    let other = folder.path().join("other");
    let ran = survey(&[&page, "--out", other.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.len()), (4, 0), "{}", ran.stderr);
    assert_eq!(files(&other, ".parquet").len(), 0);
    let two = survey(&[&page, &shard, "--out", other.to_str().unwrap()]);
    assert_eq!(two.code, 3, "{}", two.stderr);
    assert_eq!(files(&other, ".parquet").len(), 1);
    let none = survey(&[
        &page,
        &shard,
        "--out",
        other.to_str().unwrap(),
        "--max-bad-shards",
        "0",
    ]);
    assert_eq!(none.code, 4, "{}", none.stderr);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let shard = file(
        folder.path(),
        "x.warc",
        capture("https://a.example/robots.txt", DATE, &ok("", b"")),
    );
    let ran = survey(&[&shard, "--out", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // A survey's folder is not taken for a run's.
    let out = folder.path().join("out");
    survey(&[&shard, "--out", out.to_str().unwrap()]).rows_with(0);
    assert_eq!(
        crawlrank(["run", &shard, "--out", out.to_str().unwrap()]).code,
        2
    );
    survey(&[&shard, "--out", out.to_str().unwrap(), "--agents", "CCBot"]).rows_with(0);
    assert_eq!(files(&out, ".parquet").len(), 1);
}

#[test]
fn a_survey_becomes_part_of_a_run_and_is_weighed_by_its_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let shards = folder.path().join("shards");
    let ran = crawlrank([
        "synth",
        "--kind",
        "wat,robots",
        "--shards",
        "2",
        "--pages",
        "60",
        "--hosts",
        "30",
        "--out",
        shards.to_str().unwrap(),
        "--no-progress",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let wat: Vec<PathBuf> = files(&shards, ".wat.gz");
    let wat = wat.iter().map(|path| path.to_str().unwrap());
    let made = crawlrank(
        ["run", "--no-progress", "--out", run]
            .into_iter()
            .chain(wat),
    );
    assert_eq!(made.code, 0, "{}", made.stderr);
    let robots: Vec<PathBuf> = files(&shards, ".robotstxt.warc.gz");
    let robots: Vec<&str> = robots.iter().map(|path| path.to_str().unwrap()).collect();
    let agents = ["--agents", "*,CCBot,GPTBot"];

    let before = rows(["top", run, "-n", "1"]).remove(0);
    let shown = rows(["show", run, before["host"].as_str().unwrap()]).remove(0);
    assert!(shown.get("robots_access").is_none());

    let ran = survey(&[&robots[..], &["--out", run], &agents].concat());
    let summary = ran.rows_with(0);
    assert!(
        ran.stderr.contains("of the hosts are in the run"),
        "{}",
        ran.stderr
    );
    let path = Path::new(run).join("tables/robots.parquet");
    let table = table(&path);

    // The shares, added up by hand.
    let hosts = rows(["top", run, "-n", "100000"]);
    let pagerank: BTreeMap<&str, f64> = hosts
        .iter()
        .map(|host| {
            (
                host["host"].as_str().unwrap(),
                host["pagerank"].as_f64().unwrap(),
            )
        })
        .collect();
    let answered: Vec<_> = table
        .iter()
        .filter(|row| !row["agents"].is_null())
        .collect();
    let mass = |rows: &mut dyn Iterator<Item = &&BTreeMap<String, Value>>| -> f64 {
        rows.map(|row| pagerank.get(row["host"].as_str().unwrap()).unwrap_or(&0.0))
            .sum()
    };
    let whole = mass(&mut answered.iter());
    assert!(whole > 0.01, "{whole}");
    for row in &summary {
        let agent = row["agent"].as_str().unwrap();
        let closed = mass(&mut answered.iter().filter(|row| row["agents"][agent] == false));
        let share = row["pagerank_disallowed_share"].as_f64().unwrap();
        assert!((share - closed / whole).abs() < 1e-6, "{agent}: {share}");
    }

    let verified = rows(["verify", run]);
    assert_eq!(verified[0]["result"], "sound");
    let asked = answered
        .iter()
        .find(|row| pagerank.contains_key(row["host"].as_str().unwrap()))
        .unwrap();
    let shown = rows(["show", run, asked["host"].as_str().unwrap()]).remove(0);
    for name in [
        "access",
        "status",
        "agents",
        "sitemaps",
        "crawl_delay",
        "fetched_at",
    ] {
        assert_eq!(shown[format!("robots_{name}")], asked[name], "{name}");
    }
    let surveyed: Vec<&str> = table
        .iter()
        .map(|row| row["host"].as_str().unwrap())
        .collect();
    let other = pagerank
        .keys()
        .find(|host| !surveyed.contains(host))
        .unwrap();
    assert_eq!(rows(["show", run, other])[0]["robots_access"], Value::Null);

    // It outlives a new ranking, is the same without a run, and gives way to another survey.
    let bytes = fs::read(&path).unwrap();
    assert_eq!(
        crawlrank(["rank", run, "--damping", "0.5", "--no-progress"]).code,
        0
    );
    assert_eq!(rows(["verify", run])[0]["result"], "sound");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let alone = folder.path().join("alone");
    survey(&[&robots[..], &["--out", alone.to_str().unwrap()], &agents].concat()).rows_with(0);
    assert_eq!(
        fs::read(alone.join("tables/robots.parquet")).unwrap(),
        bytes
    );
    survey(&[&robots[..1], &["--out", run], &agents].concat()).rows_with(0);
    assert_eq!(rows(["verify", run])[0]["result"], "sound");
    assert_ne!(fs::read(&path).unwrap(), bytes);
}
