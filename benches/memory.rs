//! Whether memory stays within its promises: anonymous memory of reading within twice the limit of a record + 16 MiB, whatever is read, and what a zstd
//! window has beyond that limit; that of a run within 1.10 × `--memory` + 64 MiB.
//!
//! Read are bombs that the bench makes, and all shards below the folder named by `CRAWLRANK_BENCH_INPUTS`, else below `../shared/data/warc` where it
//! is; then a run takes all of these at once. A second run takes the shards below `CRAWLRANK_BENCH_SHARDS`, else some made by `synth` that are ten
//! times larger than the budget of 128 MiB (half a minute of work, 1.4 GB of disk). Run it by `cargo bench --bench memory`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crawlrank::memory::promise;
use crawlrank::shard::{self, FindOptions};
use crawlrank::synth::{self, SynthOptions};
use flate2::Compression;
use flate2::write::GzEncoder;

const BUDGET: u64 = 128 << 20;
/// The default limit of a record.
const RECORD: u64 = 64 << 20;
const READING_PROMISE: u64 = 2 * RECORD + (16 << 20);
/// The default limit of a zstd window.
const WINDOW: u64 = 128 << 20;
/// What a bomb comes to.
const BOMB: u64 = 1 << 30;
/// Pages of 7.7 KB each in the shards that are made.
const PAGES: u32 = 175_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    reading(folder.path());
    running(folder.path());
}

/// Reads each input alone, then all by one run.
fn reading(folder: &Path) {
    let made = folder.join("bombs");
    fs::create_dir(&made).expect("a folder");
    println!("| read by `warc check` | peak anonymous | promise | exit |");
    println!("|---|---|---|---|");
    let mut broken = Vec::new();
    let mut show = |what: &str, peak: u64, promised: u64, exits: &str| {
        println!(
            "| {what} | {} | {} MiB | {exits} |",
            mib(peak),
            promised >> 20
        );
        if peak > promised {
            broken.push(what.to_owned());
        }
    };
    for (name, exit, bomb) in bombs() {
        let path = made.join(name);
        bomb(File::create(&path).expect("a file")).expect("room for a bomb");
        let promised = match name.ends_with(".zst") {
            true => READING_PROMISE + WINDOW - RECORD,
            false => READING_PROMISE,
        };
        let watched = watch(&["warc", "check", &text(&path)]);
        assert_eq!(watched.exit, exit, "{name}");
        show(name, watched.peak, promised, &exit.to_string());
    }
    let mut inputs = vec![text(&made)];
    let given = std::env::var_os("CRAWLRANK_BENCH_INPUTS");
    let given = given.unwrap_or_else(|| "../shared/data/warc".into());
    match shard::find(&[Path::new(&given)], &FindOptions::local(None)) {
        Ok(found) => {
            let mut by_folder: BTreeMap<&Path, Vec<Watched>> = BTreeMap::new();
            for shard in &found {
                let watched = watch(&["warc", "check", &text(&shard.path)]);
                let folder = shard.path.parent().expect("a file is in a folder");
                by_folder.entry(folder).or_default().push(watched);
            }
            for (folder, watched) in by_folder {
                let peak = watched.iter().map(|watched| watched.peak).max();
                let exits: BTreeSet<i32> = watched.iter().map(|watched| watched.exit).collect();
                let what = format!("{} shards of `{}`", watched.len(), folder.display());
                show(
                    &what,
                    peak.unwrap_or(0),
                    READING_PROMISE,
                    &format!("{exits:?}"),
                );
            }
            inputs.push(given.to_string_lossy().into_owned());
        }
        Err(error) => println!("| no real shards: {error} | | | |"),
    }
    // Several workers are to meet it at a time.
    for copy in ["again", "once-more", "at-last"] {
        let copy = made.join(format!("window-{copy}.warc.zst"));
        fs::copy(made.join("window.warc.zst"), copy).expect("room for a bomb");
    }
    println!("\n| a run of all of them, four threads | peak anonymous | promise | exit |");
    println!("|---|---|---|---|");
    let out = folder.join("run-of-all");
    for (kind, megabytes, exit) in [
        ("wat", 128, 71), // no room for the window
        ("wat", 252, 3),
        ("warc", 252, 3),
        ("wat", 512, 3),
        ("warc", 512, 3),
    ] {
        let flags = format!(
            "run --kind {kind} --memory {megabytes}M --level host --threads 4 --max-bad-records 100% --max-bad-shards 100% --no-progress -q --out"
        );
        let mut flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
        flags.push(text(&out));
        flags.extend(inputs.iter().cloned());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let watched = watch(&flags);
        fs::remove_dir_all(&out).expect("a run");
        let what = format!("`--kind {kind} --memory {megabytes}M`");
        assert_eq!(watched.exit, exit, "{what}");
        show(
            &what,
            watched.peak,
            promise(megabytes << 20),
            &exit.to_string(),
        );
    }
    assert!(broken.is_empty(), "the promise is broken: {broken:?}");
}

/// One run of much more than its budget.
fn running(folder: &Path) {
    let shards = match std::env::var_os("CRAWLRANK_BENCH_SHARDS") {
        Some(given) => PathBuf::from(given),
        None => make_shards(folder.join("shards")),
    };
    let input = text(&shards);
    let bytes: u64 = shard::find(std::slice::from_ref(&input), &FindOptions::local(None))
        .expect("shards")
        .iter()
        .map(|shard| shard.bytes)
        .sum();
    let out = text(&folder.join("run"));
    let started = Instant::now();
    let watched = watch(&[
        "run",
        &input,
        "--memory",
        "128M",
        "--no-progress",
        "-q",
        "--out",
        &out,
    ]);
    println!("\n| shards | `--memory` | peak anonymous | promise | seconds | exit |");
    println!("|---|---|---|---|---|---|");
    println!(
        "| {:.0} MB | 128 MiB | {} | {} MiB | {:.0} | {} |",
        bytes as f64 / 1e6,
        mib(watched.peak),
        promise(BUDGET) >> 20,
        started.elapsed().as_secs_f64(),
        watched.exit
    );
    assert_eq!(watched.exit, 0);
    assert!(watched.peak <= promise(BUDGET), "the promise is broken");
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// What came of a process.
struct Watched {
    /// The most anonymous bytes that were seen, each millisecond.
    peak: u64,
    exit: i32,
}

/// Runs the program, and looks at it. It is to end in a way that says that it has read all, or what it could (3, 4), or what it had memory for (71).
fn watch(arguments: &[&str]) -> Watched {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            let exit = status.code().unwrap_or(-1);
            assert!(
                [0, 3, 4, 71].contains(&exit),
                "{arguments:?} left with {exit}"
            );
            return Watched { peak, exit };
        }
        peak = peak.max(anonymous_bytes(&status_file));
        std::thread::sleep(Duration::from_millis(1));
    }
}

type Bomb = Box<dyn FnOnce(File) -> io::Result<()>>;

/// Inputs that are much larger than they look, each with its name and the exit code of `warc check`.
fn bombs() -> Vec<(&'static str, i32, Bomb)> {
    fn gzip(head: String, content: impl Read + 'static, tail: &'static str) -> Bomb {
        Box::new(move |file| {
            let mut encoder = GzEncoder::new(file, Compression::fast());
            let mut plain = io::Cursor::new(head).chain(content).chain(tail.as_bytes());
            io::copy(&mut plain, &mut encoder)?;
            encoder.finish()?.flush()
        })
    }
    fn head(kind: &str, content_type: &str, length: u64) -> String {
        format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        )
    }
    const END: &str = "\r\n\r\n";
    const JSON: &str = "application/json";
    const HTTP: &str = "application/http; msgtype=response";
    const HTML: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
    let zeros = |bytes| io::repeat(0).take(bytes);
    // As large as a record may be, so that it is read.
    let record = |kind, content_type, before: &str, unit: &str, after: &str| {
        let room = RECORD as usize - before.len() - after.len();
        let block = before.to_owned() + &unit.repeat(room / unit.len()) + after;
        gzip(
            head(kind, content_type, block.len() as u64),
            io::Cursor::new(block),
            END,
        )
    };
    let wat_page = r#"{"Envelope":{"WARC-Header-Metadata":{"WARC-Type":"response","WARC-Target-URI":"http://a.example/"},"Payload-Metadata":{"HTTP-Response-Metadata":{"HTML-Metadata":{"Links":["#;
    let wat_link = r#"{"path":"A@/href","url":"http://b.example/"},"#;
    let wat_end = r#"{"path":"A@/href","url":"http://c.example/"}]}}}}}"#;
    let encoded: Bomb = Box::new(move |file| {
        let mut body = GzEncoder::new(Vec::new(), Compression::fast());
        io::copy(&mut zeros(BOMB), &mut body)?;
        let http = format!("{HTML}Content-Encoding: gzip\r\n\r\n").into_bytes();
        let block = [http, body.finish()?].concat();
        let head = head("response", HTTP, block.len() as u64);
        gzip(head, io::Cursor::new(block), END)(file)
    });
    let wide_window: Bomb = Box::new(move |file| {
        let mut encoder = zstd::stream::Encoder::new(file, 1)?;
        encoder.window_log(27)?; // 128 MiB, as large as it may be
        let head = head("resource", "text/plain", BOMB);
        let plain = io::Cursor::new(head)
            .chain(zeros(BOMB))
            .chain(END.as_bytes());
        io::copy(&mut { plain }, &mut encoder)?;
        encoder.finish()?.flush()
    });
    let empty_members: Bomb = Box::new(move |mut file| {
        let member = GzEncoder::new(Vec::new(), Compression::fast()).finish()?;
        file.write_all(&member.repeat(1 << 21))
    });
    vec![
        (
            "zeros.warc.gz",
            3,
            gzip(head("resource", "text/plain", BOMB), zeros(BOMB), END),
        ),
        (
            "length-too-small.warc.gz",
            3,
            gzip(head("resource", "text/plain", 10), zeros(BOMB), END),
        ),
        (
            "length-too-large.warc.gz",
            3,
            gzip(head("resource", "text/plain", u64::MAX), zeros(BOMB), ""),
        ),
        (
            "header-of-one-line.warc.gz",
            3,
            gzip(
                "WARC/1.0\r\nA: ".to_owned(),
                io::repeat(b'a').take(BOMB),
                "",
            ),
        ),
        (
            "header-of-many-lines.warc.gz",
            3,
            gzip(
                "WARC/1.0\r\n".to_owned() + &"A: b\r\n".repeat(1 << 24),
                zeros(0),
                "",
            ),
        ),
        ("empty-members.warc.gz", 0, empty_members),
        ("window.warc.zst", 3, wide_window),
        (
            "largest-record.warc.gz",
            0,
            record("resource", "text/plain", "", "some text ", ""),
        ),
        (
            "links.warc.wat.gz",
            0,
            record("metadata", JSON, wat_page, wat_link, wat_end),
        ),
        ("deep.warc.wat.gz", 0, record("metadata", JSON, "", "[", "")),
        (
            "string.warc.wat.gz",
            0,
            record("metadata", JSON, "{\"Envelope\":\"", "\\u0000", "\"}"),
        ),
        (
            "html.warc.gz",
            0,
            record(
                "response",
                HTTP,
                &format!("{HTML}\r\n"),
                "<a href=//b.example/>b",
                "",
            ),
        ),
        (
            "one-attribute.warc.gz",
            0,
            record(
                "response",
                HTTP,
                &format!("{HTML}\r\n<a href='"),
                "&amp;",
                "'>",
            ),
        ),
        ("encoded-body.warc.gz", 0, encoded),
    ]
}

fn make_shards(out: PathBuf) -> PathBuf {
    let options = SynthOptions {
        out: out.clone(),
        shards: 8,
        pages_per_shard: PAGES / 8,
        hosts: 200_000,
        ..SynthOptions::default()
    };
    synth::generate(&options, &|_| Ok(())).expect("room for 1.4 GB");
    out
}

/// Private memory of a process that no file backs.
fn anonymous_bytes(status_file: &str) -> u64 {
    let text = fs::read_to_string(status_file).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap_or("0");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or(0)
        << 10
}
