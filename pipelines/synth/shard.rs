//! One file in the making: members are appended, counted and, where asked for, damaged.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Error;
use super::dice::{Dice, Purpose};
use super::members::Compressor;
use super::truth::{FaultTruth, ShardTruth};

/// What writing one record comes to.
pub(super) type Written = io::Result<()>;

/// Which of a page's records is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum PageRecord {
    Request,
    /// Carries the links.
    Response,
    Metadata,
}

/// A shard that is written under a temporary name beside its final one.
pub(super) struct ShardFile {
    out: BufWriter<File>,
    path: PathBuf,
    temporary: PathBuf,
    compressor: Compressor,
    faults_per_million: u32,
    dice: Dice,
    pub(super) truth: ShardTruth,
}

impl ShardFile {
    /// `stream` tells the file's faults from those of other files.
    pub(super) fn create(
        folder: &Path,
        truth: ShardTruth,
        (seed, stream, faults_per_million): (u64, u64, u32),
    ) -> Result<Self, Error> {
        let path = folder.join(&truth.file);
        let temporary = folder.join(format!(".{}.tmp", truth.file));
        let out = File::create_new(&temporary).map_err(|source| Error::Io {
            path: temporary.clone(),
            source,
        })?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 17, out),
            path,
            temporary,
            compressor: Compressor::new(),
            faults_per_million,
            dice: Dice::new(seed, Purpose::Fault, stream),
            truth,
        })
    }

    /// Appends a record as a member of its own. Damage spares records that are `vital`: those that
    /// the truth about links and robots.txt rests on.
    pub(super) fn record(&mut self, record: &[u8], vital: bool) -> Written {
        let hit = self.faults_per_million > 0
            && self
                .dice
                .chance(f64::from(self.faults_per_million) / 1_000_000.0);
        let member = self.compressor.member(record);
        let offset = self.truth.bytes;
        let mut fault = |kind, bytes: &[u8]| {
            self.truth.faults.push(FaultTruth {
                offset,
                kind,
                bytes: bytes.len() as u64,
            });
        };
        match (hit, self.dice.below(4)) {
            (true, 0) if !vital => {
                let mut damaged = member.to_vec();
                // In the first half, where every bit matters.
                let at = 12 + self.dice.below(damaged.len() / 2 - 12);
                damaged[at] ^= 1 << self.dice.below(8);
                fault("bit_flip", &damaged);
                return append(&mut self.out, &damaged, &mut self.truth.bytes);
            }
            (true, 1) if !vital => {
                let cut = &member[..12 + self.dice.below(member.len() - 24)];
                fault("cut_member", cut);
                return append(&mut self.out, cut, &mut self.truth.bytes);
            }
            (true, 2) => {
                fault("zeros", &[0; 512]);
                append(&mut self.out, &[0; 512], &mut self.truth.bytes)?;
            }
            (true, _) => {
                let mut junk = [0; 100];
                self.dice.fill(&mut junk);
                fault("junk", &junk);
                append(&mut self.out, &junk, &mut self.truth.bytes)?;
            }
            (false, _) => {}
        }
        self.truth.members += 1;
        self.truth.records += 1;
        append(&mut self.out, member, &mut self.truth.bytes)
    }

    /// Gives the file its final name.
    pub(super) fn finish(self) -> Result<ShardTruth, Error> {
        let Self {
            out,
            path,
            temporary,
            truth,
            ..
        } = self;
        let to_disk = || {
            out.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
            fs::rename(&temporary, &path)
        };
        to_disk().map_err(|source| Error::Io { path, source })?;
        Ok(truth)
    }

    /// Says which file an error belongs to.
    pub(super) fn at_path<T>(&self, result: io::Result<T>) -> Result<T, Error> {
        result.map_err(|source| Error::Io {
            path: self.path.clone(),
            source,
        })
    }
}

fn append(out: &mut impl Write, bytes: &[u8], total: &mut u64) -> Written {
    *total += bytes.len() as u64;
    out.write_all(bytes)
}
