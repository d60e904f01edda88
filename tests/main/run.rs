//! The job as users run it: same bytes after any history, clear ends on wrong input.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::test_server::{Fault, Server};

/// The built program.
fn crawlrank() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crawlrank"));
    command
        .env_remove("CRAWLRANK_MEMORY")
        .env_remove("CRAWLRANK_THREADS")
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    crawlrank()
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("test paths are text")
}

/// Makes shards and returns their folder.
fn synth(folder: &Path, shards: u32, pages: u32) -> PathBuf {
    let out = folder.join("shards");
    let made = run(&[
        "synth",
        "--out",
        path(&out),
        "--shards",
        &shards.to_string(),
        "--pages",
        &pages.to_string(),
        "--hosts",
        "300",
        "--seed",
        "7",
        "--no-progress",
    ]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    out
}

fn shards_in(folder: &Path) -> Vec<PathBuf> {
    let mut shards: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".wat.gz") || name.ends_with(".warc.gz")
        })
        .collect();
    shards.sort();
    shards
}

/// Content of every file below `root` that belongs to the results: not wall times, the lock, parts or the recipe.
fn results(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if ["graph/", "ranks/", "tables/"]
                .iter()
                .any(|start| name.starts_with(start))
                && !name.ends_with("ranks.json")
            {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn assert_same_results(actual: &Path, expected: &Path) {
    let (actual, expected) = (results(actual), results(expected));
    assert_eq!(
        actual.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &expected {
        assert!(actual[name] == *bytes, "{name} differs");
    }
}

/// Names of files that only a run in work may have.
fn temporaries(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with(".tmp") || name == "tmp" {
                found.push(path.to_string_lossy().into_owned());
            } else if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// A small generator of moments: the seed is printed with a failure by its test's name.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn killed_runs_end_with_the_bytes_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let shards = shards_in(&synth(folder.path(), 40, 20));
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let forward: Vec<&str> = shards.iter().map(|shard| path(shard)).collect();
    let reversed: Vec<&str> = forward.iter().rev().copied().collect();

    let started = Instant::now();
    let done = crawlrank()
        .args([
            "run",
            "--out",
            path(&whole),
            "--threads",
            "2",
            "--memory",
            "512M",
            "--no-progress",
        ])
        .args(&forward)
        .output()
        .unwrap();
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let undisturbed = started.elapsed().as_millis() as u64;

    let mut command = crawlrank();
    command
        .args([
            "run",
            "--out",
            path(&killed),
            "--threads",
            "1",
            "--memory",
            "192M",
            "--no-progress",
        ])
        .args(&reversed)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let (mut random, mut kills) = (0x5eed_u64, 0);
    for _ in 0..10 {
        let mut child = command.spawn().unwrap();
        sleep(Duration::from_millis(
            1 + next_random(&mut random) % (undisturbed * 3 / 4 + 1),
        ));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills >= 3, "only {kills} of 10 kills met a running program");
    let status = command.status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_same_results(&killed, &whole);
    assert_eq!(temporaries(&killed), Vec::<String>::new());
}

#[test]
fn one_shard_by_several_threads_gives_the_bytes_of_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let shards = shards_in(&synth(folder.path(), 1, 800));
    let sound = fs::read(&shards[0]).unwrap();
    assert!(
        sound.len() > 4 << 20,
        "{} bytes are too few blocks",
        sound.len()
    );
    let server = Server::start();
    for (name, flipped, expected) in [("sound", None, 0), ("damaged", Some(sound.len() / 2), 3)] {
        let mut bytes = sound.clone();
        if let Some(at) = flipped {
            bytes[at] ^= 0x20;
        }
        let shard = folder.path().join(format!("{name}.warc.wat.gz"));
        fs::write(&shard, &bytes).unwrap();
        // From a server it comes damaged for the first time.
        let on_server = format!("/{name}.warc.wat.gz");
        server.put(&on_server, bytes);
        server.fault(&on_server, [Fault::Flip(sound.len() / 3)]);
        let out = |threads: &str| folder.path().join(format!("{name}-{threads}"));
        let run_with = |input: &str, threads: &str, out: &Path| {
            let flags = [
                "--level",
                "host,page",
                "--memory",
                "1G",
                "--no-harmonic",
                "--no-progress",
            ];
            let done = crawlrank()
                .args(["run", input, "--threads", threads, "--out", path(out)])
                .args(flags)
                .output()
                .unwrap();
            assert_eq!(code(&done), expected, "{}", stderr(&done));
        };
        run_with(path(&shard), "1", &out("1"));
        run_with(path(&shard), "4", &out("4"));
        assert_same_results(&out("4"), &out("1"));
        let url = server.url(&on_server);
        run_with(&url, "1", &out("remote-1"));
        run_with(&url, "4", &out("remote-4"));
        assert_same_results(&out("remote-4"), &out("remote-1"));
        for graph in ["graph/host", "graph/page"] {
            let (here, there) = (out("1").join(graph), out("remote-4").join(graph));
            let names = |folder: PathBuf| fs::read(folder.join("names.npy")).unwrap();
            assert!(names(here) == names(there), "{graph}");
        }
    }
}

/// Turns a gzip shard into a zstd frame with a window of 128 MiB.
fn with_wide_window(shard: &Path) {
    let mut plain = flate2::read::MultiGzDecoder::new(fs::File::open(shard).unwrap());
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    std::io::copy(&mut plain, &mut encoder).unwrap();
    let mut frame = encoder.finish().unwrap();
    assert_eq!(frame[5], (24 - 10) << 3, "the window descriptor");
    frame[5] = (27 - 10) << 3;
    fs::write(shard.with_extension("zst"), frame).unwrap();
    fs::remove_file(shard).unwrap();
}

#[test]
fn shards_with_wide_windows_are_read_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 6, 400);
    let robots = folder.path().join("robots");
    let made = run(&[
        "synth",
        "--out",
        path(&robots),
        "--kind",
        "robots",
        "--shards",
        "6",
        "--pages",
        "4000",
        "--hosts",
        "30000",
        "--no-progress",
    ]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    for shard in shards_in(&shards).iter().chain(&shards_in(&robots)) {
        with_wide_window(shard);
    }
    let commands = [
        vec!["run", path(&shards), "--no-harmonic"],
        vec!["links", path(&shards)],
        vec!["robots", "survey", path(&robots)],
    ];
    for command in commands {
        let run_with = |memory: &str, threads: &str| {
            let out = folder.path().join(format!("{}-{memory}", command[0]));
            let flags = [
                "--memory",
                memory,
                "--threads",
                threads,
                "--no-progress",
                "-v",
                "--out",
            ];
            let done = crawlrank()
                .args(&command)
                .args(flags)
                .arg(&out)
                .output()
                .unwrap();
            assert_eq!(code(&done), 0, "{command:?}: {}", stderr(&done));
            (out, stderr(&done))
        };
        let (one, said) = run_with("8G", "1");
        assert!(!said.contains("is read when others are done"), "{said}");
        // Four workers, and room for one window.
        let (four, said) = run_with("1G", "4");
        assert!(
            said.contains("is read when others are done"),
            "{command:?}: {said}"
        );
        assert!(!results(&one).is_empty(), "{command:?}");
        assert_same_results(&four, &one);
    }
}

#[test]
fn a_window_that_has_no_room_ends_the_run_behind_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 3, 20);
    with_wide_window(&shards_in(&shards)[0]);
    let out = folder.path().join("run");
    let run_with = |memory: &str| {
        let flags = [
            "--threads",
            "1",
            "--no-harmonic",
            "--no-progress",
            "--out",
            path(&out),
        ];
        run(&[&["run", path(&shards), "--memory", memory], &flags[..]].concat())
    };
    let refused = run_with("128M");
    assert_eq!(code(&refused), 71, "{}", stderr(&refused));
    for words in ["zstd window of 128 MiB", "offset 0", "more --memory"] {
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
    let parts = manifest["outputs"].as_object().unwrap().iter();
    let read: Vec<_> = parts
        .filter(|(name, _)| name.starts_with("parts/"))
        .map(|(_, part)| &part["shards"])
        .collect();
    assert_eq!(read, [&serde_json::json!([1, 2])]);
    assert_eq!(code(&run_with("256M")), 0);
}

#[test]
fn a_stopped_run_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 12, 60);
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let out = folder.path().join(format!("run{signal}"));
        let mut child = crawlrank()
            .args(["run", path(&shards), "--out", path(&out), "--threads", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let manifest = out.join("run.json");
        while !manifest.exists() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the run ended before it could be stopped"
            );
            sleep(Duration::from_millis(1));
        }
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let stopped = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        assert!(stopped.elapsed() < Duration::from_secs(10));
        assert!(
            stderr(&output).contains("run the same command again"),
            "{}",
            stderr(&output)
        );
        let resumed = run(&[
            "run",
            path(&shards),
            "--out",
            path(&out),
            "--threads",
            "2",
            "--no-progress",
        ]);
        assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    }
    assert_same_results(
        &folder.path().join("run-INT"),
        &folder.path().join("run-TERM"),
    );
}

#[test]
fn a_finished_run_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 2, 20);
    let out = folder.path().join("run");
    let arguments = ["run", path(&shards), "--out", path(&out), "--no-progress"];
    assert_eq!(code(&run(&arguments)), 0);
    let before = results(&out);
    assert_eq!(code(&run(&arguments)), 0);
    assert!(results(&out) == before);
}

#[test]
fn other_parameters_or_inputs_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 2, 20);
    let out = folder.path().join("run");
    assert_eq!(code(&run(&["run", path(&shards), "--out", path(&out)])), 0);
    let damped = run(&[
        "run",
        path(&shards),
        "--out",
        path(&out),
        "--damping",
        "0.5",
    ]);
    assert_eq!(code(&damped), 2);
    assert!(
        stderr(&damped).contains("`damping` was 0.85 and is 0.5"),
        "{}",
        stderr(&damped)
    );
    let fewer = run(&["run", path(&shards_in(&shards)[0]), "--out", path(&out)]);
    assert_eq!(code(&fewer), 2);
    assert!(
        stderr(&fewer).contains("was an input and is not"),
        "{}",
        stderr(&fewer)
    );
}

#[test]
fn a_second_run_on_the_directory_leaves_by_75() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 1, 5);
    let out = folder.path().join("run");
    fs::create_dir(&out).unwrap();
    let lock = fs::File::create(out.join("run.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let second = run(&["run", path(&shards), "--out", path(&out)]);
    assert_eq!(code(&second), 75, "{}", stderr(&second));
}

#[test]
fn damage_is_listed_and_can_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 3, 20);
    let damaged = &shards_in(&shards)[1];
    let mut bytes = fs::read(damaged).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0xff;
    fs::write(damaged, bytes).unwrap();
    let out = folder.path().join("run");
    let strict = run(&["run", path(&shards), "--out", path(&out), "--strict"]);
    assert_eq!(code(&strict), 4, "{}", stderr(&strict));
    let lenient = run(&["run", path(&shards), "--out", path(&out)]);
    assert_eq!(code(&lenient), 3, "{}", stderr(&lenient));
    let text = String::from_utf8_lossy(&lenient.stdout).into_owned();
    assert!(text.contains("1 faults"), "{text}");
    assert!(out.join("tables/faults.parquet").exists());
}

#[test]
fn bad_shards_above_the_limit_stop_the_run_and_a_higher_limit_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 3, 20);
    for shard in &shards_in(&shards)[..2] {
        fs::write(shard, "<html><title>503 Slow Down</title></html>").unwrap();
    }
    let out = folder.path().join("run");
    let refused = run(&["run", path(&shards), "--out", path(&out)]);
    assert_eq!(code(&refused), 4, "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("2 of 3 shards are bad"),
        "{}",
        stderr(&refused)
    );
    let allowed = run(&[
        "run",
        path(&shards),
        "--out",
        path(&out),
        "--max-bad-shards",
        "2",
    ]);
    assert_eq!(code(&allowed), 3, "{}", stderr(&allowed));
}

#[test]
fn bad_records_above_the_limit_make_a_bad_shard_until_the_limit_is_raised() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 2, 20);
    let damaged = &shards_in(&shards)[0];
    let mut bytes = fs::read(damaged).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0xff;
    fs::write(damaged, bytes).unwrap();
    let out = folder.path().join("run");
    let with_limit = |records: &str| {
        let limits = ["--max-bad-shards", "0", "--max-bad-records", records];
        run(&[&["run", path(&shards), "--out", path(&out)], &limits[..]].concat())
    };
    let refused = with_limit("0");
    assert_eq!(code(&refused), 4, "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("1 of 2 shards are bad, 0 are allowed"),
        "{}",
        stderr(&refused)
    );
    let allowed = with_limit("1");
    assert_eq!(code(&allowed), 3, "{}", stderr(&allowed));
}

#[test]
fn a_refused_ranking_leaves_the_run_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 1, 10);
    let out = folder.path().join("run");
    assert_eq!(code(&run(&["run", path(&shards), "--out", path(&out)])), 0);
    let before = results(&out);
    let refused = run(&["rank", path(&out), "--damping", "0.5", "--memory", "1M"]);
    assert_eq!(code(&refused), 71, "{}", stderr(&refused));
    assert!(results(&out) == before);
    let ranked = run(&["rank", path(&out), "--damping", "0.5", "--no-harmonic"]);
    assert_eq!(code(&ranked), 0, "{}", stderr(&ranked));
    let again = run(&["rank", path(&out), "--damping", "0.85"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert!(results(&out) == before);
}

#[test]
fn runs_of_the_same_shards_may_share_a_scratch_folder() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 4, 40);
    let scratch = folder.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let start = |name: &str| {
        crawlrank()
            .args([
                "run",
                path(&shards),
                "--no-progress",
                "--tmp",
                path(&scratch),
            ])
            .args(["--out", path(&folder.path().join(name))])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut both = [start("one"), start("two")];
    for child in &mut both {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    assert_same_results(&folder.path().join("one"), &folder.path().join("two"));
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn an_own_file_that_is_damaged_is_met_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 1, 10);
    let out = folder.path().join("run");
    assert_eq!(code(&run(&["run", path(&shards), "--out", path(&out)])), 0);
    let flip = |name: &str| {
        let file = out.join(name);
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.len() * 2 / 3;
        bytes[at] ^= 8;
        fs::write(&file, bytes).unwrap();
    };
    flip("tables/hosts.parquet");
    let top = run(&["top", path(&out)]);
    assert_eq!(code(&top), 5, "{}", stderr(&top));
    for array in ["in_targets", "out_targets", "names", "node_pages"] {
        flip(&format!("graph/host/{array}.npy"));
        let ranked = run(&["rank", path(&out), "--damping", "0.5"]);
        assert_eq!(code(&ranked), 5, "{array}: {}", stderr(&ranked));
        let graph = out.join("graph/host");
        let alone = run(&[
            "rank",
            path(&graph),
            "--out",
            path(&folder.path().join("ranks")),
        ]);
        assert_eq!(code(&alone), 5, "{array}: {}", stderr(&alone));
        flip(&format!("graph/host/{array}.npy"));
    }
}

#[test]
fn names_that_are_no_text_are_read_and_shown_escaped() {
    use std::os::unix::ffi::OsStringExt as _;
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 1, 5);
    let odd = std::ffi::OsString::from_vec(b"odd\x1b[31m\xff.wat.gz".to_vec());
    fs::rename(&shards_in(&shards)[0], shards.join(&odd)).unwrap();
    let output = crawlrank()
        .args([
            "run".as_ref(),
            shards.join(&odd).as_os_str(),
            "--out".as_ref(),
        ])
        .arg(folder.path().join("out\x1b[31m"))
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for text in [output.stdout, output.stderr] {
        assert!(!text.contains(&0x1b));
    }
}

#[test]
fn stopped_synth_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("shards");
    let mut child = crawlrank()
        .args(["synth", "--pages", "100000", "--out", path(&out), "-q"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while fs::read_dir(folder.path()).unwrap().count() == 0 {
        assert!(child.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(1));
    }
    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_full_or_closed_stdout_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 1, 5);
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = crawlrank()
        .args([
            "run",
            path(&shards),
            "--out",
            path(&folder.path().join("run")),
        ])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(code(&output), 74, "{}", stderr(&output));
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut usage = crawlrank();
    let usage = usage.arg("nonsense").stderr(full).status().unwrap();
    assert_eq!(usage.code(), Some(2));
}

#[test]
fn verify_finds_every_damaged_file_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 2, 10);
    let out = folder.path().join("run");
    assert_eq!(code(&run(&["run", path(&shards), "--out", path(&out)])), 0);
    assert_eq!(code(&run(&["verify", path(&out)])), 0);
    let mut files: Vec<PathBuf> = results(&out)
        .into_keys()
        .map(|name| out.join(name))
        .collect();
    files.extend(
        [
            "run.json",
            "run.toml",
            "shards.jsonl",
            "ranks/host/ranks.json",
            "parts/00000/shards.jsonl",
        ]
        .map(|name| out.join(name)),
    );
    for file in files {
        let sound = fs::read(&file).unwrap();
        if sound.is_empty() {
            continue;
        }
        for at in [0, sound.len() / 2, sound.len() - 1] {
            let mut flipped = sound.clone();
            flipped[at] ^= 4;
            fs::write(&file, &flipped).unwrap();
            let verified = run(&["verify", path(&out)]);
            assert_eq!(
                code(&verified),
                5,
                "{} byte {at}: {}",
                file.display(),
                stderr(&verified)
            );
        }
        fs::write(&file, &sound[..sound.len() - 1]).unwrap();
        assert_eq!(
            code(&run(&["verify", path(&out)])),
            5,
            "{} cut",
            file.display()
        );
        fs::write(&file, &sound).unwrap();
    }
    assert_eq!(code(&run(&["verify", path(&out)])), 0);
}

#[test]
fn a_file_that_went_away_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 2, 10);
    let out = folder.path().join("run");
    let arguments = ["run", path(&shards), "--out", path(&out), "--no-progress"];
    assert_eq!(code(&run(&arguments)), 0);
    let before = results(&out);
    fs::remove_file(out.join("tables/hosts.parquet")).unwrap();
    fs::remove_dir_all(out.join("ranks/host")).unwrap();
    assert_eq!(code(&run(&arguments)), 0);
    assert!(results(&out) == before);
}

/// A second on a machine that does nothing else.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A wrong input, the exit code it leaves by, and a word of its message.
#[test]
fn wrong_inputs_leave_by_their_code_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        path(&file).to_owned()
    };
    let text = write("letter.warc", b"Dear reader, this is no archive at all.");
    let html = write(
        "error.warc.wat.gz",
        b"<!DOCTYPE html><html><body>503 Slow Down</body></html>",
    );
    let arc = write("old.arc.warc", b"filedesc://old.arc 0.0.0.0 20080430204825 text/plain 76\n1 0 CDL\nURL IP-address Archive-date Content-type Archive-length\n");
    let empty = write("empty.warc.gz", b"");
    let bare = folder.path().join("bare");
    fs::create_dir(&bare).unwrap();
    let recipe = write("bad.toml", b"damping = \"much\"\n");
    let good = path(&synth(folder.path(), 1, 5)).to_owned();
    let file_as_folder = format!("{text}/run");
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec![&text], 4, "letter.warc"),
        (vec![&html], 4, "HTML"),
        (vec![&arc], 4, "ARC"),
        (vec![&empty], 4, "empty"),
        (vec![path(&bare)], 2, "no shard"),
        (vec![&good, "--recipe", &recipe], 2, "bad.toml"),
        (vec!["CC-MAIN-2099-99"], 2, "CC-MAIN-2099-99"),
        (vec!["/no/such/file.warc.gz"], 2, "no such file"),
        (vec![&good, "--damping", "1.5"], 2, "damping"),
        (vec![&good, "--memory", "1M"], 71, "128 MiB"),
        (vec![&good, "--out", &file_as_folder], 73, "letter.warc"),
    ];
    for (number, (arguments, expected, word)) in cases.into_iter().enumerate() {
        let out = folder.path().join(format!("out-{number}"));
        let mut command = crawlrank();
        command.arg("run").args(&arguments);
        if !arguments.contains(&"--out") {
            command.args(["--out", path(&out)]);
        }
        let started = Instant::now();
        let output = command.output().unwrap();
        let message = stderr(&output);
        assert_eq!(code(&output), expected, "{arguments:?}: {message}");
        assert!(
            started.elapsed() < AT_ONCE,
            "{arguments:?} took {:?}",
            started.elapsed()
        );
        let line = message
            .lines()
            .find(|line| line.starts_with("error["))
            .unwrap_or_default();
        assert!(line.contains(word), "{arguments:?}: {message}");
    }
}

#[test]
fn a_cut_shard_is_read_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let shards = synth(folder.path(), 1, 20);
    let shard = &shards_in(&shards)[0];
    let bytes = fs::read(shard).unwrap();
    fs::write(shard, &bytes[..bytes.len() - 10]).unwrap();
    let output = run(&[
        "run",
        path(&shards),
        "--out",
        path(&folder.path().join("run")),
    ]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
}
