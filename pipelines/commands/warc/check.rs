//! `crawlrank warc check`: where every byte of a shard went.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use crawlrank_warc::{Reader, ReaderOptions, Record, Totals};
use serde_json::Value;

use super::Limits;
use super::digests::Digests;
use crate::cli::{Context, say};
use crate::commands::input::{Input, path_text, progress_over, shard_files};
use crate::error::{Exit, Result, refused};
use crate::progress::Progress;
use crate::rows::Rows;

/// Accounts for every byte of shards. Exit 3: faults were found; 4: a shard is no WARC file (the others are checked all the same).
#[derive(Debug, Args)]
pub struct Check {
    /// Shards, folders of them, or `-`
    #[arg(required = true, value_name = "SHARD")]
    pub shards: Vec<PathBuf>,
    /// List the faults, a row for each, and nothing else
    #[arg(long)]
    pub faults: bool,
    /// Verify WARC-Block-Digest and WARC-Payload-Digest; a digest that does not hold is a fault that loses no bytes
    #[arg(long)]
    pub digests: bool,
    /// Limits of the reader
    #[command(flatten)]
    pub limits: Limits,
}

impl Check {
    /// Prints a row for each shard, or for each fault.
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let shards = shard_files(&self.shards)?;
        let columns: &[&str] = match self.faults {
            true => &["shard", "offset", "kind", "bytes", "detail"],
            false => &[
                "shard",
                "bytes",
                "members",
                "records",
                "record_bytes",
                "faults",
                "fault_bytes",
                "padding_bytes",
                "warnings",
            ],
        };
        let mut rows = Rows::new(context.output, columns.iter().copied());
        let progress = progress_over(&shards, "check", context);
        let (mut exit, mut troubles) = (Exit::Done, Vec::new());
        for shard in &shards {
            let options = CheckOptions {
                reader: self.limits.options(),
                digests: self.digests,
                progress: progress.as_ref(),
            };
            let name = path_text(shard);
            let checked = check_shard(shard, &options, context, &mut |fault| match self.faults {
                true => rows.row(fault.row(&name)),
                false => Ok(()),
            });
            match checked {
                Ok(checked) => {
                    exit = exit.worse(checked.exit());
                    if !self.faults {
                        rows.row(checked.row(&name))?;
                    }
                }
                Err(trouble) => {
                    context.interrupt.check()?;
                    exit = exit.worse(trouble.exit());
                    troubles.push(trouble);
                }
            }
        }
        drop(progress);
        rows.finish()?;
        troubles.iter().for_each(say);
        Ok(exit)
    }
}

/// How a shard is checked.
pub(in crate::commands) struct CheckOptions<'a> {
    /// Limits.
    pub(in crate::commands) reader: ReaderOptions,
    /// Whether digests are verified.
    pub(in crate::commands) digests: bool,
    /// Where bytes are counted.
    pub(in crate::commands) progress: Option<&'a Progress>,
}

/// A fault, of the reader or of a digest.
pub(in crate::commands) struct FoundFault<'a> {
    offset: u64,
    kind: &'a str,
    bytes: u64,
    detail: &'a str,
}

impl FoundFault<'_> {
    fn row(&self, shard: &str) -> Vec<Value> {
        vec![
            Value::from(shard),
            Value::from(self.offset),
            Value::from(self.kind),
            Value::from(self.bytes),
            Value::from(self.detail),
        ]
    }
}

/// The account of a shard.
pub(in crate::commands) struct Checked {
    totals: Totals,
    digest_faults: u64,
    unknown_digests: u64,
}

impl Checked {
    /// The compressed bytes.
    pub(in crate::commands) fn bytes(&self) -> u64 {
        self.totals.bytes
    }

    /// The bytes lost in faults.
    pub(in crate::commands) fn fault_bytes(&self) -> u64 {
        self.totals.fault_bytes
    }

    /// All faults, those of digests among them.
    pub(in crate::commands) fn faults(&self) -> u64 {
        self.totals.faults + self.digest_faults
    }

    /// Done, or done with faults.
    pub(in crate::commands) fn exit(&self) -> Exit {
        if self.faults() == 0 {
            Exit::Done
        } else {
            Exit::Faults
        }
    }

    fn row(&self, shard: &str) -> Vec<Value> {
        let totals = &self.totals;
        let mut warnings: BTreeMap<&str, u64> = totals
            .warnings
            .iter()
            .map(|(kind, count)| (kind.as_str(), count))
            .collect();
        if self.unknown_digests > 0 {
            warnings.insert("digest_unknown", self.unknown_digests);
        }
        let warnings = warnings
            .into_iter()
            .map(|(kind, count)| (kind.to_owned(), Value::from(count)));
        vec![
            Value::from(shard),
            Value::from(totals.bytes),
            Value::from(totals.members),
            Value::from(totals.records),
            Value::from(totals.record_bytes),
            Value::from(self.faults()),
            Value::from(totals.fault_bytes),
            Value::from(totals.padding_bytes),
            Value::Object(warnings.collect()),
        ]
    }
}

/// Reads a shard to its end and calls `on_fault` with every fault, in order of the records.
///
/// # Errors
/// Exit 4 when the shard is refused, 74 when it cannot be read.
pub(in crate::commands) fn check_shard(
    shard: &Path,
    options: &CheckOptions,
    context: &Context,
    on_fault: &mut dyn FnMut(FoundFault) -> Result<()>,
) -> Result<Checked> {
    let input = Input::open(shard, &context.interrupt, options.progress)?;
    let mut reader = Reader::with_options(input, options.reader.clone());
    let mut record = Record::default();
    let mut digests = Digests::default();
    let mut digest_faults = 0;
    loop {
        let more = reader.read_record(&mut record);
        for fault in reader.take_faults() {
            let kind = fault.kind.as_str();
            on_fault(FoundFault {
                offset: fault.offset,
                kind,
                bytes: fault.bytes,
                detail: &fault.detail,
            })?;
        }
        if !more.map_err(|e| refused(shard, &e))? {
            break;
        }
        if options.digests {
            for (kind, detail) in digests.mismatches(&record) {
                digest_faults += 1;
                // The bytes are charged to the record, which is there whatever its digest says.
                on_fault(FoundFault {
                    offset: record.offset(),
                    kind,
                    bytes: 0,
                    detail: &detail,
                })?;
            }
        }
    }
    Ok(Checked {
        totals: reader.totals().clone(),
        digest_faults,
        unknown_digests: digests.unknown(),
    })
}
