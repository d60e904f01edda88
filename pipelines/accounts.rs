//! The accounts of shards: what was read, what was lost and why; in parts, and summed up for the limits of a run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crawlrank_warc::{Fault, Totals};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Exit, Result};
use crate::network::download::MISSING;
use crate::recipe::{Allowance, Recipe};
use crate::run::RunDir;
use crate::shard::Shard;

/// The account of one shard: a row of the table `shards`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRow {
    /// Its name.
    pub shard: String,
    /// Its length.
    pub bytes: u64,
    /// Compressed members.
    pub members: u64,
    /// Records read whole.
    pub records: u64,
    /// Captured pages.
    pub pages: u64,
    /// Links on them.
    pub links: u64,
    /// Page-to-host pairs that became edges (page-to-page pairs at page level alone): unique per page.
    pub edges: u64,
    /// Faults.
    pub faults: u64,
    /// Bytes in faults.
    pub fault_bytes: u64,
    /// Bytes of padding.
    pub padding_bytes: u64,
    /// Warnings by kind.
    pub warnings: BTreeMap<String, u64>,
    /// Pages and links left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Why nothing could be read, when the shard as a whole failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether that may pass, as trouble with a disk does: then the next start reads the shard again.
    #[serde(default)]
    pub again: bool,
    /// Whether the network gave it up.
    #[serde(default)]
    pub network: bool,
    /// Whether it failed by a fault of ours: the program then leaves by 70.
    #[serde(default)]
    pub internal: bool,
    /// Where its faults begin in the part's `faults.jsonl`, in bytes.
    pub faults_at: u64,
    /// Their length there.
    pub faults_bytes: u64,
}

impl ShardRow {
    /// The account of a shard that was read to its end.
    pub fn read(shard: &Shard, totals: &Totals) -> Self {
        let warnings = totals.warnings.iter();
        ShardRow {
            shard: shard.name.clone(),
            bytes: totals.bytes,
            members: totals.members,
            records: totals.records,
            faults: totals.faults,
            fault_bytes: totals.fault_bytes,
            padding_bytes: totals.padding_bytes,
            warnings: warnings
                .map(|(kind, count)| (kind.as_str().to_owned(), count))
                .collect(),
            ..ShardRow::default()
        }
    }

    /// The account of a shard that could not be read: every byte of it is in one fault.
    pub fn failed(shard: &Shard, error: &Error) -> Self {
        ShardRow {
            shard: shard.name.clone(),
            bytes: shard.bytes,
            faults: 1,
            fault_bytes: shard.bytes,
            failed: Some(error.found().to_owned()),
            again: error.exit() != Exit::Refused,
            network: error.exit() == Exit::Network && error.code() != MISSING,
            internal: error.exit() == Exit::Internal,
            ..ShardRow::default()
        }
    }

    /// Adds what was left out.
    pub fn skip(&mut self, reason: &str, count: u64) {
        match self.skipped.get_mut(reason) {
            Some(sum) => *sum += count,
            None => {
                self.skipped.insert(reason.to_owned(), count);
            }
        }
    }

    /// Adds the account of another piece of the same shard.
    pub(crate) fn add_piece(&mut self, piece: ShardRow) {
        // By name, so that none is forgotten.
        let ShardRow {
            shard: _,
            bytes,
            members,
            records,
            pages,
            links,
            edges,
            faults,
            fault_bytes,
            padding_bytes,
            warnings,
            skipped,
            failed,
            again,
            network,
            internal,
            faults_at: _,
            faults_bytes: _,
        } = piece;
        let sums = [
            (&mut self.bytes, bytes),
            (&mut self.members, members),
            (&mut self.records, records),
            (&mut self.pages, pages),
            (&mut self.links, links),
            (&mut self.edges, edges),
            (&mut self.faults, faults),
            (&mut self.fault_bytes, fault_bytes),
            (&mut self.padding_bytes, padding_bytes),
        ];
        for (sum, count) in sums {
            *sum += count;
        }
        add_counts(&mut self.warnings, &warnings);
        add_counts(&mut self.skipped, &skipped);
        self.failed = self.failed.take().or(failed);
        self.again |= again;
        self.network |= network;
        self.internal |= internal;
    }

    /// Why the shard counts towards the run's limit of bad shards, if it does: it failed, or has more bad records than
    /// `max_bad_records` allows.
    pub fn bad(&self, max_bad_records: Allowance) -> Option<String> {
        let too_many = self.faults > max_bad_records.of(self.records + self.faults, 10);
        let reason = || format!("{} faults in {} records", self.faults, self.records);
        self.failed.clone().or_else(|| too_many.then(reason))
    }
}

/// One fault: a row of the table `faults`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// The shard's name.
    pub shard: String,
    /// Where it begins in the compressed stream.
    pub offset: u64,
    /// What it is.
    pub kind: String,
    /// Bytes lost.
    pub bytes: u64,
    /// What was found.
    pub detail: String,
}

impl FaultRow {
    /// A damaged place in a shard.
    pub fn new(shard: &Shard, fault: &Fault) -> Self {
        FaultRow {
            shard: shard.name.clone(),
            offset: fault.offset,
            kind: fault.kind.as_str().to_owned(),
            bytes: fault.bytes,
            detail: fault.detail.clone(),
        }
    }

    /// The one fault of a shard that could not be read.
    pub fn failed(shard: &Shard, error: &Error) -> Self {
        let kind = match (error.exit(), error.code()) {
            (Exit::Refused, _) => "unknown_format",
            (_, MISSING) => "missing",
            _ => "unreadable",
        };
        FaultRow {
            shard: shard.name.clone(),
            offset: error.byte_offset().unwrap_or(0),
            kind: kind.to_owned(),
            bytes: shard.bytes,
            detail: error.found().to_owned(),
        }
    }
}

/// What all shards came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Shards read.
    pub shards: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records read whole.
    pub records: u64,
    /// Shards that failed by a fault of ours.
    pub internal: u64,
    /// Faults.
    pub faults: u64,
    /// Bytes in faults.
    pub fault_bytes: u64,
    /// Warnings by kind.
    pub warnings: BTreeMap<String, u64>,
    /// Captured pages.
    pub pages: u64,
    /// Links on them.
    pub links: u64,
    /// Pages and links left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Shards that the network gave up.
    pub unreached: u64,
    /// Names and reasons of the shards that failed or have too many faults.
    pub bad_shards: Vec<(String, String)>,
}

impl Outcome {
    /// Sums up the accounts of shards.
    pub fn of(accounts: &[Located], max_bad_records: Allowance) -> Self {
        let mut sum = Outcome {
            shards: accounts.len() as u64,
            ..Outcome::default()
        };
        for Located { row, .. } in accounts {
            sum.internal += u64::from(row.internal);
            sum.unreached += u64::from(row.network);
            sum.records += row.records;
            sum.bytes += row.bytes;
            sum.faults += row.faults;
            sum.fault_bytes += row.fault_bytes;
            sum.pages += row.pages;
            sum.links += row.links;
            add_counts(&mut sum.warnings, &row.warnings);
            add_counts(&mut sum.skipped, &row.skipped);
            let bad = row.bad(max_bad_records);
            sum.bad_shards
                .extend(bad.map(|reason| (row.shard.clone(), reason)));
        }
        sum
    }

    /// What was lost, a phrase each.
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.internal > 0 {
            troubles.push(format!(
                "{} shards failed by a fault of ours",
                self.internal
            ));
        }
        if self.faults > 0 {
            troubles.push(format!(
                "{} faults, {} bytes lost",
                self.faults, self.fault_bytes
            ));
        }
        if !self.bad_shards.is_empty() {
            troubles.push(format!("{} bad shards", self.bad_shards.len()));
        }
        troubles
    }

    /// What to look at when shards are sound and hold no page: most often they are of the other kind.
    pub fn hint(&self) -> Option<String> {
        (self.pages == 0 && self.records > 0).then(|| {
            format!(
                "no page in {} records: links are read from WAT shards; captures as fetched (WARC) want `--kind warc`",
                self.records
            )
        })
    }

    /// Refuses to go on when the damage exceeds the limits. Everything that was read stays committed.
    pub fn check(&self, recipe: &Recipe, run: &RunDir) -> Result<()> {
        let refuse = |found: String, remedy: &str| {
            // When it is the network alone that took too many, that is what there is to say.
            let (exit, code) = match self.unreached == self.faults {
                true if self.unreached > 0 => (Exit::Network, "E-NETWORK"),
                _ => (Exit::Refused, "E-DAMAGE"),
            };
            let remedy = match exit {
                Exit::Network => {
                    "what was read is kept: look at the connection and run the same command again"
                }
                _ => remedy,
            };
            let error = Error::new(exit, code, found).remedy(remedy);
            Err(match self.bad_shards.first() {
                Some((shard, _)) => error.at(shard),
                None => error.at(run.root()),
            })
        };
        let first = self
            .bad_shards
            .first()
            .map_or("", |(_, reason)| reason.as_str());
        if self.records == 0 {
            let found = if first.is_empty() {
                "no shard holds a record"
            } else {
                first
            };
            return refuse(
                found.to_owned(),
                "give WARC, WAT or WET files that are there",
            );
        }
        let allowed = recipe.max_bad_shards.of(self.shards, 1);
        let bad_shards = self.bad_shards.len() as u64;
        if bad_shards > allowed {
            return refuse(
                format!(
                    "{first}; {bad_shards} of {} shards are bad, {allowed} are allowed",
                    self.shards
                ),
                "what was read is kept: run again with a higher --max-bad-shards or --max-bad-records to go on",
            );
        }
        if recipe.strict && (self.faults > 0 || bad_shards > 0) {
            return refuse(
                format!("{} faults and --strict; {first}", self.faults)
                    .trim_end_matches("; ")
                    .to_owned(),
                "what was read is kept: run again without --strict to go on",
            );
        }
        Ok(())
    }
}

fn add_counts(sum: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        *sum.entry(name.clone()).or_default() += count;
    }
}

/// The accounts of a part, written as they come: a hostile shard may have millions of faults.
pub struct AccountWriter {
    folder: PathBuf,
    faults: BufWriter<File>,
    /// Bytes of the log of faults, and of those whose shard is accounted for.
    written: u64,
    kept: u64,
    rows: Vec<ShardRow>,
}

impl AccountWriter {
    /// Starts the accounts in an existing folder.
    pub fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(FAULTS);
        let file = File::create_new(&path).map_err(|e| Error::cannot_create(&path, &e))?;
        Ok(AccountWriter {
            folder: folder.to_owned(),
            faults: BufWriter::new(file),
            written: 0,
            kept: 0,
            rows: Vec::new(),
        })
    }

    /// Writes a fault of the shard that is being read.
    pub fn fault(&mut self, fault: &FaultRow) -> Result<()> {
        let line = serde_json::to_string(fault).expect("a fault is plain data") + "\n";
        self.written += line.len() as u64;
        let written = self.faults.write_all(line.as_bytes());
        written.map_err(|e| Error::io(self.folder.join(FAULTS), &e))
    }

    /// Forgets the faults of the shard that is being read.
    pub fn forget(&mut self) -> Result<()> {
        let cut = self.faults.flush().and_then(|()| {
            let file = self.faults.get_mut();
            file.set_len(self.kept)?;
            std::io::Seek::seek(file, std::io::SeekFrom::Start(self.kept))
        });
        self.written = self.kept;
        cut.map(|_| ())
            .map_err(|e| Error::io(self.folder.join(FAULTS), &e))
    }

    /// Accounts for the shard whose faults were written last.
    pub fn shard(&mut self, mut row: ShardRow) {
        row.faults_at = self.kept;
        row.faults_bytes = self.written - self.kept;
        self.kept = self.written;
        self.rows.push(row);
    }

    /// The number of shards accounted for.
    pub fn num_shards(&self) -> usize {
        self.rows.len()
    }

    /// Ends the files.
    pub fn finish(mut self) -> Result<()> {
        self.forget()?;
        let path = self.folder.join(SHARDS);
        let rows = self.rows.iter();
        let lines: String = rows
            .map(|row| serde_json::to_string(row).expect("a row is plain data") + "\n")
            .collect();
        fs::write(&path, lines).map_err(|e| Error::cannot_create(&path, &e))
    }
}

/// The account of a shard, and the part that holds it.
pub struct Located {
    /// The account.
    pub row: ShardRow,
    /// The part's name.
    pub part: String,
}

impl Located {
    /// Calls `each` with the faults of the shard, in order of their offsets.
    pub fn faults(&self, run: &RunDir, mut each: impl FnMut(FaultRow) -> Result<()>) -> Result<()> {
        let path = run.output(&self.part).join(FAULTS);
        let mut file = File::open(&path).map_err(|e| Error::io(&path, &e))?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(self.row.faults_at))
            .map_err(|e| Error::io(&path, &e))?;
        let file = std::io::Read::take(file, self.row.faults_bytes);
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|e| Error::io(&path, &e))?;
            each(parse(&line, &path)?)?;
        }
        Ok(())
    }
}

/// Reads the accounts of all shards of the given parts, which are in order: sorted by shard, the last of each.
pub fn read(run: &RunDir, parts: &[&str]) -> Result<Vec<Located>> {
    let mut last = BTreeMap::new();
    for part in parts {
        let path = run.output(part).join(SHARDS);
        let file = File::open(&path).map_err(|e| Error::io(&path, &e))?;
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|e| Error::io(&path, &e))?;
            let row: ShardRow = parse(&line, &path)?;
            let part = (*part).to_owned();
            last.insert(row.shard.clone(), Located { row, part });
        }
    }
    Ok(last.into_values().collect())
}

fn parse<T: for<'a> Deserialize<'a>>(line: &str, path: &Path) -> Result<T> {
    serde_json::from_str(line).map_err(|e| {
        Error::new(Exit::Damaged, "E-PART", format!("not an account: {e}"))
            .at(path)
            .remedy("remove the part's folder and run again: it is made anew")
    })
}

/// Names of the files in a part.
const SHARDS: &str = "shards.jsonl";
const FAULTS: &str = "faults.jsonl";
