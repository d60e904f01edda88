//! `crawlrank synth`: realistic test shards with their truth beside them.

use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::{fs, io};

use clap::Args;

use super::run::{default_threads, pool};
use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::escape::shown_path;
use crate::progress::Progress;
use crate::recipe::check_threads;
use crate::rows;
use crate::synth::{self, Kind, Summary, SynthOptions};

/// Makes realistic test shards.
#[derive(Debug, Args)]
pub struct Synth {
    /// A new or empty folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Shards of each kind
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub shards: u32,
    /// Pages of each shard
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub pages: u32,
    /// Crawled hosts
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub hosts: u32,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Kinds of shards
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "wat",
        value_name = "KINDS"
    )]
    pub kind: Vec<Kind>,
    /// Threads; default one a core
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

impl Synth {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let options = SynthOptions {
            out: self.out,
            shards: self.shards,
            pages_per_shard: self.pages,
            hosts: self.hosts,
            seed: self.seed,
            kinds: self.kind,
            ..SynthOptions::default()
        };
        check_threads(self.threads)?;
        let threads = self.threads.map_or_else(default_threads, usize::from);
        let summary = pool(threads)?.install(|| generate(&options, context))?;
        rows::print_text(&format!(
            "{}: {} files, {} bytes; truth.json beside them\n",
            shown_path(&options.out),
            summary.totals.files,
            summary.totals.bytes
        ))?;
        Ok(Exit::Done)
    }
}

/// Makes the shards beside their folder and gives it its name at the end, so that it is whole or not there.
pub(super) fn generate(options: &SynthOptions, context: &Context) -> Result<Summary> {
    let out = &options.out;
    let is_free = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(Error::usage("there is something already")
            .at(out)
            .remedy("choose another --out"));
    }
    let whole = std::path::absolute(out).map_err(|e| Error::cannot_create(out, &e))?;
    let (Some(parent), Some(_)) = (whole.parent(), whole.file_name()) else {
        return Err(Error::usage("no name for a new folder").at(out));
    };
    fs::create_dir_all(parent).map_err(|e| Error::cannot_create(parent, &e))?;
    let scratch = tempfile::Builder::new()
        .prefix(".tmp-synth-")
        .permissions(fs::Permissions::from_mode(0o777)) // less the umask, as for any folder
        .tempdir_in(parent)
        .map_err(|e| Error::cannot_create(parent, &e))?;
    let captures =
        u64::from(options.shards) * u64::from(options.pages_per_shard) * options.kinds.len() as u64;
    let progress = Progress::start(context.progress, "synth", "pages", captures);
    let made = synth::generate(
        &SynthOptions {
            out: scratch.path().to_owned(),
            ..options.clone()
        },
        &|pages| {
            progress.advance(pages);
            match context.interrupt.is_requested() {
                true => Err(io::Error::other("interrupted")),
                false => Ok(()),
            }
        },
    );
    if made.is_err() {
        context.interrupt.check()?;
    }
    let made = made?;
    fs::rename(scratch.path(), &whole).map_err(|e| Error::cannot_create(out, &e))?;
    Ok(made)
}
