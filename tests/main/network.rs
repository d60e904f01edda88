//! Crawls, plans, downloads and runs over a server on loopback, as users type them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::test_server::{Fault, Server};
use crate::util::{column, crawlrank, rows};

/// Three shards on a server, and the same ones in a folder.
pub(crate) struct Crawl {
    pub(crate) server: Server,
    folder: TempDir,
    pub(crate) paths: Vec<String>,
}

impl Crawl {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shards = folder.path().join("shards");
        let made = crawlrank([
            "synth",
            "--out",
            shards.to_str().unwrap(),
            "--shards",
            "3",
            "--pages",
            "20",
            "--hosts",
            "30",
            "--seed",
            "5",
        ]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let server = Server::start();
        let mut paths = Vec::new();
        for entry in fs::read_dir(&shards).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(".warc.wat.gz") {
                paths.push(format!("crawl-data/CC-MAIN-2026-39/segments/1/wat/{name}"));
                server.put(
                    &format!("/{}", paths.last().unwrap()),
                    fs::read(&path).unwrap(),
                );
            }
        }
        paths.sort();
        assert_eq!(paths.len(), 3);
        let mut list = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut list, paths.join("\n").as_bytes()).unwrap();
        server.put(
            "/crawl-data/CC-MAIN-2026-39/wat.paths.gz",
            list.finish().unwrap(),
        );
        Crawl {
            server,
            folder,
            paths,
        }
    }

    fn base(&self) -> String {
        self.server.url("/")
    }

    pub(crate) fn out(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn shards(&self) -> String {
        self.out("shards")
    }

    /// A shard's address.
    fn url(&self, at: usize) -> String {
        self.server.url(&self.path(at))
    }

    pub(crate) fn path(&self, at: usize) -> String {
        format!("/{}", self.paths[at])
    }

    /// The same shard here.
    pub(crate) fn file(&self, at: usize) -> PathBuf {
        let name = self.paths[at].rsplit('/').next().unwrap();
        self.folder.path().join("shards").join(name)
    }
}

/// The files of a run's graphs; its tables name the run, which knows where shards lie.
pub(crate) fn graphs(run: &str) -> Vec<(String, Vec<u8>)> {
    let mut graphs = Vec::new();
    let mut folders = vec![Path::new(run).join("graph")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => graphs.push((
                    path.strip_prefix(run).unwrap().display().to_string(),
                    fs::read(&path).unwrap(),
                )),
            }
        }
    }
    graphs.sort();
    graphs
}

#[test]
fn a_run_from_the_network_gives_the_graph_of_the_files() {
    let crawl = Crawl::new();
    let local = crawl.out("local");
    assert_eq!(crawlrank(["run", &crawl.shards(), "--out", &local]).code, 0);
    // One breaks off, one comes damaged the first time: the same graph.
    let first = fs::read(crawl.file(0));
    let middle = first.unwrap().len() / 2;
    crawl.server.fault(&crawl.path(0), [Fault::Cut(middle)]);
    crawl.server.fault(&crawl.path(1), [Fault::Flip(middle)]);
    let remote = crawl.out("remote");
    let ran = crawlrank([
        "run",
        "2026-39",
        "--limit",
        "3",
        "--base-url",
        &crawl.base(),
        "--out",
        &remote,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(graphs(&local) == graphs(&remote));
    let shards = rows(["status", &remote]);
    assert_eq!(shards.len(), 1, "{shards:?}");
    assert_eq!(crawlrank(["verify", &remote]).code, 0);
    // Nothing is left to be done, and nobody is asked.
    crawl.server.forget();
    let urls: Vec<String> = crawl
        .paths
        .iter()
        .map(|path| crawl.server.url(&format!("/{path}")))
        .collect();
    let again = crawlrank(["run", &urls[0], &urls[1], &urls[2], "--out", &remote]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(crawl.server.seen().is_empty());
}

#[test]
fn a_missing_shard_is_listed_and_the_others_are_read() {
    let crawl = Crawl::new();
    let there = crawl.url(0);
    let gone = crawl.server.url("/gone.warc.wat.gz");
    let out = crawl.out("run");
    let ran = crawlrank(["run", &there, &gone, "--out", &out]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the server answers 404"),
        "{}",
        ran.stderr
    );
    let ran = crawlrank(["run", &gone, "--out", &crawl.out("alone")]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
}

#[test]
fn links_come_from_the_network_as_from_files() {
    let crawl = Crawl::new();
    let file = crawl.file(2);
    let local = rows([
        "links",
        file.to_str().unwrap(),
        "--out",
        &crawl.out("local"),
    ]);
    let url = crawl.url(2);
    let remote = rows(["links", &url, "--out", &crawl.out("remote")]);
    for name in ["rows", "records", "pages", "links"] {
        assert_eq!(local[0][name], remote[0][name], "{name}");
    }
}

#[test]
fn fetched_files_are_those_of_the_server_and_are_there_the_next_time() {
    let crawl = Crawl::new();
    let out = crawl.out("fetched");
    let fetch = || {
        crawlrank([
            "fetch",
            "CC-MAIN-2026-39",
            "--limit",
            "2",
            "--base-url",
            &crawl.base(),
            "--out",
            &out,
            "-o",
            "jsonl",
        ])
    };
    let fetched = fetch().rows_with(0);
    assert_eq!(column(&fetched, "result"), ["fetched", "fetched"]);
    for (row, path) in fetched.iter().zip(&crawl.paths) {
        let file = row["file"].as_str().unwrap();
        assert!(file.ends_with(path.as_str()), "{file}");
        let name = path.rsplit('/').next().unwrap();
        let original = fs::read(crawl.folder.path().join("shards").join(name)).unwrap();
        assert!(fs::read(file).unwrap() == original);
    }
    assert_eq!(
        column(&fetch().rows_with(0), "result"),
        ["present", "present"]
    );
    // The folder is an input like others, and so is the list beside the files.
    assert_eq!(crawlrank(["warc", "check", &out]).code, 0);
    assert_eq!(crawlrank(["run", &out, "--out", &crawl.out("run")]).code, 0);
}

#[test]
fn what_is_not_there_is_said_and_leaves_by_3() {
    let crawl = Crawl::new();
    let there = crawl.url(0);
    let gone = crawl.server.url("/gone.warc.wat.gz");
    let ran = crawlrank([
        "fetch",
        &there,
        &gone,
        "--out",
        &crawl.out("fetched"),
        "-o",
        "jsonl",
    ]);
    let found = ran.rows_with(3);
    let mut results = column(&found, "result");
    results.sort_by_key(|result| result.to_string());
    assert_eq!(results, ["fetched", "missing"]);
}

#[test]
fn a_plan_tells_what_is_exact_and_what_is_sampled() {
    let crawl = Crawl::new();
    let plan = rows(["plan", "2026-39", "--base-url", &crawl.base()]);
    let figure = |name: &str| {
        let row = plan.iter().find(|row| row["figure"] == name).unwrap();
        (
            row["value"].clone(),
            row["how"].as_str().unwrap().to_owned(),
        )
    };
    let sizes = crawl.paths.iter().map(|path| {
        let name = path.rsplit('/').next().unwrap();
        fs::metadata(crawl.folder.path().join("shards").join(name))
            .unwrap()
            .len()
    });
    assert_eq!(figure("shards").0, 3);
    assert_eq!(
        figure("bytes"),
        (Value::from(sizes.sum::<u64>()), "exact".to_owned())
    );
    assert_eq!(figure("requests").0, 3);
    let asked = crawl.server.seen();
    assert!(
        asked.iter().filter(|seen| seen.method == "GET").count() == 1,
        "only the list"
    );
    assert!(!crawl.folder.path().join("run.json").exists());
}

#[test]
fn crawls_are_listed_newest_first() {
    let all = rows(["crawls"]);
    assert!(all.len() > 170);
    assert_eq!(all[0]["latest"], true);
    let latest = rows(["crawls", "latest"]);
    assert_eq!(latest, [all[0].clone()]);
    let one = rows(["crawls", "2024-51"]);
    assert_eq!(one[0]["name"], "December 2024 Index");
    assert_eq!(crawlrank(["crawls", "2024-50"]).code, 2);
}

#[test]
fn the_list_of_crawls_can_be_refreshed() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    server.put("/collinfo.json", r#"[{"id":"CC-MAIN-2031-05","name":"January 2031 Index","timegate":"x","from":"2031-01-20T00:00:00","to":"2031-02-02T00:00:00"}]"#);
    server.put(
        "/graphinfo.json",
        r#"[{"id":"cc-main-2031-jan-feb-mar","crawls":["CC-MAIN-2031-05"],"index":"x"}]"#,
    );
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_crawlrank"));
        let output = command
            .env("XDG_CACHE_HOME", folder.path())
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = run(&[
        "crawls",
        "--refresh",
        "--lists-url",
        &server.url("/"),
        "-o",
        "csv",
    ]);
    assert_eq!(code, 0);
    assert!(
        text.contains("CC-MAIN-2031-05,crawl,January 2031 Index,2031-01-20,2031-02-02"),
        "{text}"
    );
    let (_, latest) = run(&["crawls", "latest", "-o", "csv"]);
    assert!(latest.contains("CC-MAIN-2031-05"), "{latest}");
    // A list that is none changes nothing.
    server.put("/collinfo.json", "<html>");
    assert_eq!(
        run(&["crawls", "--refresh", "--lists-url", &server.url("/")]).0,
        4
    );
    assert!(run(&["crawls", "latest"]).1.contains("CC-MAIN-2031-05"));
}

#[test]
fn wrong_inputs_are_refused_before_anything_is_asked() {
    let crawl = Crawl::new();
    let out = crawl.out("out");
    let list = crawl.server.url("/crawl-data/CC-MAIN-2026-39/wat.paths.gz");
    for (arguments, says) in [
        (&["run", &list, "--out", &out][..], "--all"),
        (&["run", "2026-39", "--out", &out], "--all"),
        (
            &["fetch", "2024-50", "--out", &out, "--limit", "1"],
            "CC-MAIN-2024-51",
        ),
        (&["fetch", "file:///etc/passwd", "--out", &out], "https"),
        (&["fetch", "https://", "--out", &out], "address"),
        (&["fetch", "https://example.com/", "--out", &out], "file"),
        (&["fetch", &crawl.shards(), "--out", &out], "here"),
        (
            &["fetch", &list, "--all", "--connections", "9", "--out", &out],
            "connections",
        ),
        (&["fetch", &list, "--limit", "0", "--out", &out], "limit"),
    ] {
        let ran = crawlrank(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.lines().count() <= 5, "{}", ran.stderr);
    }
    assert!(crawl.server.seen().is_empty());
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_server_that_blocks_ends_the_run_by_69() {
    let crawl = Crawl::new();
    let path = crawl.path(0);
    crawl.server.fault(&path, vec![Fault::Status(403, None); 5]);
    let url = crawl.server.url(&path);
    for (command, out) in [("fetch", "fetched"), ("run", "run")] {
        crawl.server.forget();
        let ran = crawlrank([
            command,
            &url,
            "--probe-after",
            "1",
            "--out",
            &crawl.out(out),
        ]);
        assert_eq!(ran.code, 69, "{}", ran.stderr);
        assert!(ran.stderr.contains("error[E-BLOCKED]: "), "{}", ran.stderr);
        assert_eq!(crawl.server.seen().len(), 2);
    }
    // What was blocked is free again: the same command goes on.
    crawl.server.put(&path, fs::read(crawl.file(0)).unwrap());
    assert_eq!(crawlrank(["run", &url, "--out", &crawl.out("run")]).code, 0);
}

#[test]
fn a_second_fetch_into_the_folder_leaves_by_75() {
    let crawl = Crawl::new();
    let path = crawl.path(0);
    crawl.server.fault(&path, [Fault::Stall(100)]);
    let out = crawl.out("fetched");
    let mut first = std::process::Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .args(["fetch", &crawl.server.url(&path), "--out", &out])
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let part = Path::new(&out).join(format!("{}.part", path.rsplit('/').next().unwrap()));
    while !part.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let second = crawlrank(["fetch", &crawl.server.url(&path), "--out", &out]);
    assert_eq!(second.code, 75, "{}", second.stderr);
    // Killed, it leaves no file of that name; the same command ends with the server's bytes.
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!part.with_extension("").exists());
    assert_eq!(
        crawlrank(["fetch", &crawl.server.url(&path), "--out", &out]).code,
        0
    );
    assert!(part.with_extension("").exists() && !part.exists());
}
