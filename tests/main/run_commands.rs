//! The commands that read a run: `status`, `top`, `show`, `neighbors`, `verify`, and `graph merge` of its graphs.

use std::fs;
use std::path::{Path, PathBuf};

use crawlrank::run::RunDir;
use serde_json::{Value, json};

use crate::util::{column, crawlrank, rows};

/// A small finished run and the shards it was made of.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World { folder };
        let shards = world.folder.path().join("shards");
        let synth = [
            "synth", "--shards", "2", "--pages", "60", "--hosts", "30", "--out",
        ];
        assert_eq!(
            crawlrank(synth.iter().map(AsRef::as_ref).chain([shards.as_os_str()])).code,
            0
        );
        let run = crawlrank([
            "run".as_ref(),
            shards.as_os_str(),
            "--out".as_ref(),
            world.run().as_os_str(),
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        world
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn path(&self) -> String {
        self.run().to_str().unwrap().to_owned()
    }

    fn shard(&self) -> PathBuf {
        let shards = self.folder.path().join("shards");
        let mut pending = vec![shards];
        while let Some(folder) = pending.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    pending.push(path);
                } else if path.to_string_lossy().ends_with(".wat.gz") {
                    return path;
                }
            }
        }
        panic!("synth made no WAT file");
    }
}

fn flip_last_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn nodes_are_listed_shown_and_followed() {
    let world = World::new();
    let run = &world.path();

    let top = rows(["top", run, "-n", "7"]);
    assert_eq!(column(&top, "pagerank_pos"), (1..=7).collect::<Vec<_>>());
    assert!(
        top.windows(2)
            .all(|pair| pair[0]["pagerank"].as_f64() >= pair[1]["pagerank"].as_f64())
    );
    assert_eq!(rows(["top", run]).len(), 20);
    let linked = rows(["top", run, "--by", "in_degree", "-n", "30"]);
    assert!(
        linked
            .windows(2)
            .all(|pair| pair[0]["in_degree"].as_u64() >= pair[1]["in_degree"].as_u64())
    );
    let harmonic = rows([
        "top", run, "--by", "harmonic", "--level", "domain", "-n", "3",
    ]);
    assert_eq!(column(&harmonic, "harmonic_pos"), [1, 2, 3]);
    let array: Value =
        serde_json::from_slice(&crawlrank(["top", run, "-n", "7", "-o", "json"]).stdout).unwrap();
    assert_eq!(array, Value::from(top.clone()));

    for best in &top {
        let (host, reversed) = (
            best["host"].as_str().unwrap(),
            best["host_rev"].as_str().unwrap(),
        );
        let shown = rows(["show", run, host]).remove(0);
        for (name, value) in best.as_object().unwrap() {
            assert_eq!(&shown[name], value, "{host}: {name}");
        }
        assert_eq!(rows(["show", run, reversed])[0]["id"], best["id"]);

        for (direction, other, degree) in [("in", "out", "in_degree"), ("out", "in", "out_degree")]
        {
            let all = rows([
                "neighbors",
                run,
                host,
                "--direction",
                direction,
                "-n",
                "100000",
            ]);
            assert_eq!(all.len() as u64, best[degree].as_u64().unwrap());
            assert!(all.windows(2).all(|pair| pair[0]["pagerank_pos"].as_u64() < pair[1]["pagerank_pos"].as_u64()));
            let first: Vec<&Value> = column(&all, "host").into_iter().take(10).collect();
            assert_eq!(shown[format!("{direction}_neighbors")], json!(first));
            if let Some(neighbor) = first.first() {
                let back = [
                    "neighbors",
                    run,
                    neighbor.as_str().unwrap(),
                    "--direction",
                    other,
                    "-n",
                    "100000",
                ];
                assert!(
                    column(&rows(back), "host").contains(&&best["host"]),
                    "{neighbor} knows {host}"
                );
            }
        }
    }
}

#[test]
fn a_name_that_is_not_there_is_answered_with_those_beside_it() {
    let world = World::new();
    let best = rows(["top", &world.path(), "-n", "1"]).remove(0);
    let host = best["host"].as_str().unwrap();
    let (label, rest) = host.split_once('.').unwrap();
    for command in ["show", "neighbors"] {
        let ran = crawlrank([command, &world.path(), &format!("{label}0.{rest}")]);
        assert_eq!((ran.code, ran.stdout.len()), (2, 0));
        assert!(
            ran.stderr.contains("no host has the name") && ran.stderr.contains(host),
            "{}",
            ran.stderr
        );
    }
    let page = crawlrank(["top", &world.path(), "--level", "page"]);
    assert_eq!(page.code, 2);
    assert!(
        page.stderr.contains("no table `tables/pages.parquet`"),
        "{}",
        page.stderr
    );
}

#[test]
fn status_tells_what_is_done_also_while_the_run_is_held() {
    let world = World::new();
    let status = rows(["status", &world.path()]).remove(0);
    for (name, value) in [
        ("state", json!("complete")),
        ("shards", json!(2)),
        ("shards_done", json!(2)),
        ("faults", json!(0)),
    ] {
        assert_eq!(status[name], value, "{name}");
    }
    assert_eq!(status["process"], Value::Null);
    assert!(
        status["pages"].as_u64() > Some(0) && status["links"].as_u64() > status["pages"].as_u64()
    );
    assert!(
        status["outputs"]
            .as_array()
            .unwrap()
            .contains(&json!("tables/hosts.parquet"))
    );

    let lock = RunDir::new(world.run()).lock().unwrap();
    let held = rows(["status", &world.path()]).remove(0);
    assert_eq!(held["state"], "running");
    assert!(
        held["process"]
            .as_str()
            .unwrap()
            .contains(&std::process::id().to_string())
    );
    drop(lock);
}

#[test]
fn runs_graphs_and_shards_are_verified_in_one_call() {
    let world = World::new();
    let (run, graph, shard) = (world.run(), world.run().join("graph/host"), world.shard());
    let targets = [run.as_os_str(), graph.as_os_str(), shard.as_os_str()];
    let verify = || {
        crawlrank(
            ["verify", "-o", "jsonl", "-q"]
                .map(AsRef::as_ref)
                .into_iter()
                .chain(targets),
        )
    };
    let sound = verify().rows_with(0);
    assert_eq!(column(&sound, "kind"), ["run", "graph", "shard"]);
    assert_eq!(column(&sound, "result"), ["sound"; 3]);
    assert!(
        column(&sound, "bytes")
            .iter()
            .all(|bytes| bytes.as_u64() > Some(0))
    );

    flip_last_byte(&shard);
    let faults = verify();
    assert_eq!(
        column(&faults.rows_with(3), "result"),
        ["sound", "sound", "faults"]
    );

    for table in ["tables/hosts.parquet", "tables/domains.parquet"] {
        flip_last_byte(&run.join(table));
    }
    let damaged = verify();
    let found = damaged.rows_with(5);
    assert_eq!(
        (&found[0]["result"], &found[0]["faults"]),
        (&json!("damaged"), &json!(2))
    );
    assert!(
        damaged.stderr.contains("hosts.parquet") && damaged.stderr.contains("domains.parquet"),
        "{}",
        damaged.stderr
    );
    assert_eq!(damaged.stderr.lines().count(), 3, "{}", damaged.stderr);
    let top = crawlrank(["top", &world.path()]);
    assert_eq!((top.code, top.stdout.len()), (5, 0), "{}", top.stderr);

    fs::write(&shard, "<html>").unwrap();
    flip_last_byte(&graph.join("out_targets.npy"));
    let worse = verify();
    assert_eq!(
        column(&worse.rows_with(5), "result"),
        ["damaged", "damaged", "refused"]
    );
}

#[test]
fn a_graph_merged_with_itself_is_the_same_graph() {
    let world = World::new();
    let (graph, out) = (
        world.run().join("graph/host"),
        world.folder.path().join("merged"),
    );
    let merge = [
        "graph".as_ref(),
        "merge".as_ref(),
        graph.as_os_str(),
        graph.as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ];
    let merged = rows(merge).remove(0);
    let info = rows(["graph".as_ref(), "info".as_ref(), graph.as_os_str()]).remove(0);
    assert_eq!(
        (&merged["nodes"], &merged["edges"]),
        (&info["nodes"], &info["edges"])
    );
    assert_eq!(
        fs::read(graph.join("names.npy")).unwrap(),
        fs::read(out.join("names.npy")).unwrap()
    );
    assert_eq!(crawlrank(merge).code, 2, "nothing is overwritten");
    let of_run = crawlrank(["graph".as_ref(), "info".as_ref(), world.run().as_os_str()]);
    assert!(
        of_run.code == 2 && of_run.stderr.contains("graph/host"),
        "{}",
        of_run.stderr
    );
}
