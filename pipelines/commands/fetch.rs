//! `crawlrank fetch`: shards from servers to files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::input::path_text;
use super::warc::Limits;
use crate::cli::{Context, NetworkFlags};
use crate::error::{Error, Exit, Result};
use crate::network::files::{self, Ending, FetchJob, file_of};
use crate::rows::Rows;
use crate::run::RunDir;
use crate::shard;

/// Downloads shards into a folder. A file gets its name when every member of it verified and its length is proven; until then
/// it is `NAME.part`, and the same command goes on at the last member that verifies.
#[derive(Debug, Args)]
pub struct Fetch {
    /// Addresses of shards, `*.paths.gz` lists, crawls (`CC-MAIN-2026-39`, `2026-39`, `latest`)
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The folder for the files
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which shards of a crawl
    #[arg(long, value_enum, default_value = "wat")]
    pub kind: ListKind,
    /// Only the first N shards
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Limits of the reader that verifies
    #[command(flatten)]
    pub limits: Limits,
    /// Servers
    #[command(flatten)]
    pub network: NetworkFlags,
}

/// The lists that a crawl has of its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListKind {
    /// Metadata and links.
    Wat,
    /// Captures as fetched.
    Warc,
    /// Plain text.
    Wet,
    /// Captures of robots.txt.
    Robotstxt,
    /// Captures that are no pages: redirects, errors.
    Non200responses,
}

impl ListKind {
    fn as_str(self) -> &'static str {
        match self {
            ListKind::Wat => "wat",
            ListKind::Warc => "warc",
            ListKind::Wet => "wet",
            ListKind::Robotstxt => "robotstxt",
            ListKind::Non200responses => "non200responses",
        }
    }
}

impl Fetch {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        if self.limit == Some(0) {
            return Err(Error::usage("`limit` is 0, expected at least 1"));
        }
        let kind = self.kind.as_str();
        let options = self
            .network
            .find_options(self.limit, kind, &context.interrupt)?;
        let shards = shard::find(&self.inputs, &options)?;
        // Everything that is wrong with the inputs, before anything is asked for.
        let mut files = BTreeMap::new();
        for shard in &shards {
            let file = file_of(&self.out, shard.remote()?);
            if let Some(other) = files.insert(file.clone(), &shard.path) {
                let found = format!("two shards would be one file: {} as well", path_text(other));
                return Err(Error::usage(found)
                    .at(&shard.path)
                    .remedy("fetch them into folders of their own"));
            }
        }
        let _lock = RunDir::new(&self.out).lock_for_fetch()?;
        let fetched = files::fetch(&FetchJob {
            shards: &shards,
            out: &self.out,
            reader: self.limits.options(),
            interrupt: &context.interrupt,
            progress: context.progress,
            connections: self.network.connections as usize,
        })?;
        let columns = ["shard", "file", "bytes", "result", "reason"];
        let mut rows = Rows::new(context.output, columns);
        let (mut exit, mut counts) = (Exit::Done, BTreeMap::new());
        for account in fetched {
            let shard = &shards[account.index];
            let file = file_of(&self.out, shard.remote()?);
            exit = exit.worse(account.ending.exit());
            let (count, bytes) = counts
                .entry(account.ending.as_str())
                .or_insert((0_u64, 0_u64));
            (*count, *bytes) = (*count + 1, *bytes + account.bytes);
            let is_there = matches!(account.ending, Ending::Fetched | Ending::Present);
            rows.row(vec![
                Value::from(path_text(&shard.path)),
                is_there.then(|| path_text(&file)).into(),
                account.bytes.into(),
                account.ending.as_str().into(),
                account.reason.into(),
            ])?;
        }
        rows.finish()?;
        let counts = counts.iter().map(|(ending, (count, bytes))| {
            format!("{count} {ending} ({})", indicatif::HumanBytes(*bytes))
        });
        tracing::info!("{}", counts.collect::<Vec<_>>().join(", "));
        Ok(exit)
    }
}
