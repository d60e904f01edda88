//! `crawlrank warc`: looks into shards, record by record and byte by byte.

mod check;
mod digests;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use crawlrank_warc::{Reader, ReaderOptions, Record};
use serde_json::Value;

pub(super) use check::{CheckOptions, check_shard};

use super::input::{Input, cannot_open, check_file, is_stdin, path_text, shard_files, text};
use crate::cli::{Context, say};
use crate::error::{Error, Exit, Result, refused};
use crate::recipe::Size;
use crate::rows::Rows;

/// Looks into shards: WARC, WAT or WET files, plain, gzip or zstd, or `-`.
#[derive(Debug, Subcommand)]
pub enum Warc {
    /// List the records
    Ls(Ls),
    /// Write a record to stdout as it is stored
    Cat(Cat),
    /// Account for every byte
    Check(check::Check),
}

impl Warc {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Warc::Ls(command) => command.run(context),
            Warc::Cat(command) => command.run(context),
            Warc::Check(command) => command.run(context),
        }
    }
}

/// Limits of the reader; what exceeds them is a fault.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Limits {
    /// Largest record
    #[arg(long, value_name = "SIZE")]
    pub max_record: Option<Size>,
    /// Largest record header
    #[arg(long, value_name = "SIZE")]
    pub max_header: Option<Size>,
    /// Largest zstd window
    #[arg(long, value_name = "SIZE")]
    pub max_window: Option<Size>,
}

impl Limits {
    pub(super) fn options(self) -> ReaderOptions {
        let mut options = ReaderOptions::default();
        if let Some(Size(bytes)) = self.max_record {
            options.max_record_bytes = bytes;
        }
        if let Some(Size(bytes)) = self.max_header {
            options.max_header_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(Size(bytes)) = self.max_window {
            options.max_window_bytes = bytes;
        }
        options
    }
}

/// Lists the records of shards.
#[derive(Debug, Args)]
pub struct Ls {
    /// Shards, folders of them, or `-`
    #[arg(required = true, value_name = "SHARD")]
    pub shards: Vec<PathBuf>,
    /// Limits of the reader
    #[command(flatten)]
    pub limits: Limits,
}

impl Ls {
    /// Prints a row for each record. With several shards the first column names the shard.
    fn run(self, context: &Context) -> Result<Exit> {
        let shards = shard_files(&self.shards)?;
        let several = shards.len() > 1;
        let columns = ["shard", "offset", "bytes", "type", "block_bytes", "url"];
        let mut rows = Rows::new(
            context.output,
            columns.into_iter().skip(usize::from(!several)),
        );
        let (mut exit, mut troubles) = (Exit::Done, Vec::new());
        for shard in &shards {
            let listed = self.list(shard, context, &mut |record| {
                let url = record
                    .target_uri()
                    .map_or(Value::Null, |url| Value::from(text(url)));
                let values = [
                    Value::from(path_text(shard)),
                    Value::from(record.offset()),
                    Value::from(record.bytes()),
                    Value::from(record.record_type().as_str()),
                    Value::from(record.block().len()),
                    url,
                ];
                rows.row(values.into_iter().skip(usize::from(!several)).collect())?;
                Ok(!rows.is_closed())
            });
            if let Err(trouble) = listed {
                context.interrupt.check()?;
                exit = exit.worse(trouble.exit());
                troubles.push(trouble);
            }
        }
        rows.finish()?;
        troubles.iter().for_each(say);
        Ok(exit)
    }

    /// Calls `each` with every record, until it says that nobody listens.
    fn list(
        &self,
        shard: &Path,
        context: &Context,
        each: &mut dyn FnMut(&Record) -> Result<bool>,
    ) -> Result<()> {
        let input = Input::open(shard, &context.interrupt, None)?;
        let mut reader = Reader::with_options(input, self.limits.options());
        let mut record = Record::default();
        while reader
            .read_record(&mut record)
            .map_err(|e| refused(shard, &e))?
        {
            if !each(&record)? {
                return Ok(());
            }
            reader.take_faults(); // the totals count them
        }
        let totals = reader.totals();
        if totals.faults == 0 {
            return Ok(());
        }
        let found = format!(
            "{} faults, {} bytes lost; the other records are listed",
            totals.faults, totals.fault_bytes
        );
        Err(Error::new(Exit::Faults, "E-FAULTS", found)
            .at(shard)
            .remedy("`crawlrank warc check --faults` lists them"))
    }
}

/// Writes a record to stdout as it is stored.
#[derive(Debug, Args)]
pub struct Cat {
    /// A shard, or `-`
    pub shard: PathBuf,
    /// Where the record begins, as `warc ls` prints it: in the compressed stream
    pub offset: u64,
    /// Of the records that begin there because they share a member, the one after so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip: u64,
    /// Limits of the reader
    #[command(flatten)]
    pub limits: Limits,
}

impl Cat {
    /// Writes header and block, decompressed; nothing behind the block.
    fn run(self, context: &Context) -> Result<Exit> {
        check_file(&self.shard)?;
        let (input, start) = self.input(context)?;
        let mut reader = Reader::with_options(input, self.limits.options());
        let (mut record, mut skip) = (Record::default(), self.skip);
        loop {
            let more = reader.read_record(&mut record);
            context.interrupt.check()?;
            for fault in reader.take_faults() {
                if start + fault.offset == self.offset {
                    let found = format!(
                        "the record there is damaged: {}, {}",
                        fault.kind, fault.detail
                    );
                    return Err(Error::new(Exit::Faults, "E-FAULT", found)
                        .at(&self.shard)
                        .offset(self.offset));
                }
            }
            let is_behind = match more {
                Ok(more) => !more || start + record.offset() > self.offset,
                Err(crawlrank_warc::Error::Io { offset, source }) => {
                    return Err(Error::io(&self.shard, &source).offset(start + offset));
                }
                Err(refusal) if start == 0 => return Err(refused(&self.shard, &refusal)),
                Err(_) => true,
            };
            if is_behind {
                return Err(Error::usage("no record begins there")
                    .at(&self.shard)
                    .offset(self.offset)
                    .remedy("`crawlrank warc ls` lists the offsets"));
            }
            if start + record.offset() == self.offset {
                if skip == 0 {
                    return write_raw(&record);
                }
                skip -= 1;
            }
        }
    }

    /// Opens the shard at the record where that can be, else at its start; returns the offset of the start as well.
    fn input(&self, context: &Context) -> Result<(Input<'static>, u64)> {
        let mut start = 0;
        if !is_stdin(&self.shard) {
            let mut magic = [0; 4];
            let on = |e: io::Error| cannot_open(&self.shard, &e);
            let found = File::open(&self.shard)
                .and_then(|mut file| file.read(&mut magic))
                .map_err(on)?;
            // Frames of zstd may need the dictionary at the start of the file; members and plain records stand alone.
            if magic[..found] == *b"WARC" || magic.starts_with(&[0x1f, 0x8b]) {
                start = self.offset;
            }
        }
        let mut input = Input::open(&self.shard, &context.interrupt, None)?;
        input
            .skip_to(start)
            .map_err(|e| Error::io(&self.shard, &e))?;
        Ok((input, start))
    }
}

fn write_raw(record: &Record) -> Result<Exit> {
    let mut out = io::stdout().lock();
    let header = record.header();
    let written = [header.as_bytes(), record.block()]
        .iter()
        .try_for_each(|bytes| out.write_all(bytes));
    match written.and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            Exit::Io,
            "E-STDOUT",
            format!("cannot write to stdout: {e}"),
        )),
        _ => Ok(Exit::Done),
    }
}
