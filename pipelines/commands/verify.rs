//! `crawlrank verify`: every checksum of runs and graphs, every byte of shards.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use crawlrank_graph::AnyGraph;
use serde_json::Value;

use super::graph::file_bytes;
use super::input::{check_file, path_text, progress_over};
use super::warc::{CheckOptions, check_shard};
use crate::cli::{Context, say};
use crate::error::{Error, Exit, Result};
use crate::manifest::{self, Manifest};
use crate::progress::Progress;
use crate::rows::Rows;
use crate::run::RunDir;

/// Checks every checksum of runs and graphs, and accounts for every byte of shards.
#[derive(Debug, Args)]
pub struct Verify {
    /// Run directories, graph directories, shards, or `-`
    #[arg(required = true, value_name = "RUN|GRAPH|SHARD")]
    pub targets: Vec<PathBuf>,
}

/// What a target turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Run,
    Graph,
    Shard,
}

impl Kind {
    fn of(target: &Path) -> Result<Self> {
        if !target.is_dir() {
            return check_file(target).map(|()| Kind::Shard);
        }
        if RunDir::new(target).manifest().exists() {
            return Ok(Kind::Run);
        }
        if target.join("graph.json").exists() {
            return Ok(Kind::Graph);
        }
        Err(Error::usage(
            "a folder that is neither a run (it holds no `run.json`) nor a graph (no `graph.json`)",
        )
        .at(target))
    }

    fn as_str(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Graph => "graph",
            Kind::Shard => "shard",
        }
    }
}

/// What was found in a target.
struct Found {
    /// Bytes that were read.
    bytes: u64,
    /// Files, or places in a shard, that are wrong.
    faults: u64,
    /// A message for each wrong file.
    wrong: Vec<Error>,
    exit: Exit,
}

impl Found {
    fn in_files(bytes: u64, wrong: Vec<Error>) -> Self {
        let exit = wrong
            .iter()
            .fold(Exit::Done, |exit, error| exit.worse(error.exit()));
        Found {
            bytes,
            faults: wrong.len() as u64,
            wrong,
            exit,
        }
    }
}

impl Verify {
    /// Prints a row for each target, and a line on stderr for each file that is wrong.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let kinds = self
            .targets
            .iter()
            .map(|target| Kind::of(target))
            .collect::<Result<Vec<_>>>()?;
        let mut rows = Rows::new(
            context.output,
            ["target", "kind", "bytes", "faults", "result"],
        );
        let (mut exit, mut troubles) = (Exit::Done, Vec::new());
        for (target, kind) in self.targets.iter().zip(kinds) {
            let found = match kind {
                Kind::Run => verify_run(target, context),
                Kind::Graph => verify_graph(target),
                Kind::Shard => verify_shard(target, context),
            };
            let found = found.or_else(|trouble| -> Result<Found> {
                context.interrupt.check()?;
                Ok(Found::in_files(0, vec![trouble]))
            })?;
            exit = exit.worse(found.exit);
            troubles.extend(found.wrong);
            rows.row(vec![
                Value::from(path_text(target)),
                Value::from(kind.as_str()),
                Value::from(found.bytes),
                Value::from(found.faults),
                Value::from(result(found.exit)),
            ])?;
        }
        rows.finish()?;
        troubles.iter().for_each(say);
        Ok(exit)
    }
}

fn result(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "sound",
        Exit::Faults => "faults",
        Exit::Refused => "refused",
        Exit::Damaged => "damaged",
        _ => "not read",
    }
}

fn verify_run(target: &Path, context: &Context) -> Result<Found> {
    let run = RunDir::new(target);
    let manifest = Manifest::open(&run)?;
    let files = || {
        manifest
            .outputs
            .values()
            .flat_map(|output| output.files.values())
    };
    let progress = Progress::start(context.progress, "verify", "files", files().count() as u64);
    let wrong = manifest::verify(&run, || {
        progress.advance(1);
        context.interrupt.check()
    })?;
    // The arrays of a graph are listed by its `graph.json` alone.
    let listed: u64 = files().map(|file| file.bytes).sum();
    let arrays: u64 = manifest
        .outputs
        .values()
        .flat_map(|output| output.files.keys())
        .filter_map(|name| name.strip_suffix("/graph.json"))
        .map(|graph| array_bytes(&run.output(graph)))
        .sum();
    Ok(Found::in_files(listed + arrays, wrong))
}

/// Bytes of the arrays in a folder; one that cannot be read is told of by its checksums.
fn array_bytes(graph: &Path) -> u64 {
    let arrays = fs::read_dir(graph).into_iter().flatten().flatten();
    let arrays = arrays.filter(|file| file.path().extension().is_some_and(|end| end == "npy"));
    arrays
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum()
}

fn verify_graph(target: &Path) -> Result<Found> {
    let verified = AnyGraph::open(target).and_then(|graph| graph.verify());
    let wrong = verified.err().map(|e| match e {
        // An array that went away is damage like any other.
        crawlrank_graph::Error::Io { path, source, .. }
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Error::new(Exit::Damaged, "E-GRAPH", "the file is missing").at(path)
        }
        other => Error::from(other),
    });
    Ok(Found::in_files(
        file_bytes(target)?,
        wrong.into_iter().collect(),
    ))
}

fn verify_shard(target: &PathBuf, context: &Context) -> Result<Found> {
    let progress = progress_over(std::slice::from_ref(target), "verify", context);
    let options = CheckOptions {
        reader: Default::default(),
        digests: false,
        progress: progress.as_ref(),
    };
    let checked = match check_shard(target, &options, context, &mut |_| Ok(())) {
        Ok(checked) => checked,
        Err(trouble) => {
            let bytes = fs::metadata(target).map_or(0, |file| file.len());
            return Ok(Found::in_files(bytes, vec![trouble]));
        }
    };
    let wrong = match checked.faults() {
        0 => Vec::new(),
        faults => {
            let found = format!("{faults} faults, {} bytes lost", checked.fault_bytes());
            let error = Error::new(Exit::Faults, "E-FAULTS", found).at(target);
            vec![error.remedy("`crawlrank warc check --faults` lists them")]
        }
    };
    Ok(Found {
        bytes: checked.bytes(),
        faults: checked.faults(),
        wrong,
        exit: checked.exit(),
    })
}
