//! Shards from servers to files: a file gets its name when every member of it verified and its length is proven.
//!
//! Until then it lies beside under `NAME.part`, with `NAME.part.json` to say of which file on the server it is the
//! beginning. Whoever goes on looks through what is there, cuts it behind the last member that verifies, and asks for
//! the rest if the server still has the same file. Bytes that arrive are verified while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crawlrank_warc::{Format, Reader, ReaderOptions, Record};
use serde::{Deserialize, Serialize};

use super::download::{self, Download};
use super::shown;
use crate::error::{Error, Exit, Result, refused};
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Show};
use crate::queue::Queue;
use crate::run;
use crate::shard::{Remote, Shard, is_damaged_on_the_way};

/// Times that bytes which do not verify are asked for before the server's own copy counts as damaged.
pub(crate) const MAX_DAMAGED: u32 = 3;

/// What is to be done.
pub struct FetchJob<'a> {
    /// Shards on servers.
    pub shards: &'a [Shard],
    /// Where files go.
    pub out: &'a Path,
    /// Limits of the reader that verifies.
    pub reader: ReaderOptions,
    /// Tells when to stop.
    pub interrupt: &'a Interrupt,
    /// How progress is shown.
    pub progress: Show,
    /// Shards at once.
    pub connections: usize,
}

/// What became of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was fetched now.
    Fetched,
    /// Its file was there.
    Present,
    /// The server has no such file.
    Missing,
    /// The server's copy does not verify.
    Damaged,
    /// It is no shard at all.
    Refused,
    /// The network gave up.
    Failed,
}

impl Outcome {
    /// Its name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Fetched => "fetched",
            Outcome::Present => "present",
            Outcome::Missing => "missing",
            Outcome::Damaged => "damaged",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }

    /// How the program leaves when this is the worst that happened.
    pub fn exit(self) -> Exit {
        match self {
            Outcome::Fetched | Outcome::Present => Exit::Done,
            Outcome::Missing | Outcome::Damaged | Outcome::Refused => Exit::Faults,
            Outcome::Failed => Exit::Network,
        }
    }
}

/// The account of a shard.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its place in the list of shards.
    pub index: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// Bytes of the file, or of what is there of it.
    pub bytes: u64,
    /// Why there is no file.
    pub reason: Option<String>,
}

/// The path of a shard's file below the folder: that of the list which named it, else the last part of its address.
pub fn file_of(out: &Path, remote: &Remote) -> PathBuf {
    out.join(&remote.file)
}

/// Fetches all shards whose files are not there; the accounts come in order of the shards.
///
/// # Errors
/// A stop on request, a server that has forbidden it for good, a redirect elsewhere, and trouble with files of our own:
/// what was fetched is kept.
pub fn fetch(job: &FetchJob) -> Result<Vec<Fetched>> {
    let all: Vec<u32> = (0..job.shards.len() as u32).collect();
    let progress = Progress::start(job.progress, "fetch", "bytes", 0);
    let queue = Queue::new(all, progress);
    let accounts = Mutex::new(Vec::new());
    let workers = job.connections.min(job.shards.len().max(1));
    queue.work(workers, || {
        while let Some(index) = queue.take() {
            job.interrupt.check()?;
            let shard = &job.shards[index as usize];
            let remote = shard.remote()?;
            let fetching = Fetching {
                job,
                remote,
                progress: &queue.progress,
                file: file_of(job.out, remote),
            };
            let account = fetching.account(index as usize)?;
            if let Some(reason) = &account.reason {
                tracing::warn!("{}: {reason}", shown(&remote.url).display());
            }
            accounts
                .lock()
                .map_err(|_| Error::internal("a worker panicked"))?
                .push(account);
        }
        Ok(())
    })?;
    let mut accounts = accounts
        .into_inner()
        .map_err(|_| Error::internal("a worker panicked"))?;
    accounts.sort_by_key(|account| account.index);
    Ok(accounts)
}

/// One shard on its way.
struct Fetching<'a> {
    job: &'a FetchJob<'a>,
    remote: &'a Remote,
    progress: &'a Progress,
    file: PathBuf,
}

/// Of which file on the server a `.part` is the beginning.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    url: String,
    validator: String,
}

/// How reading a shard to its end went.
enum Reading {
    /// Every member verified; so many bytes.
    Whole(u64),
    /// Up to so many bytes, behind which something does not verify: what the error says.
    Damaged(u64, Error),
    /// The file on the server is another one now, or may be.
    Changed(Error),
}

impl Fetching<'_> {
    fn account(&self, index: usize) -> Result<Fetched> {
        if let Ok(found) = fs::symlink_metadata(&self.file) {
            if !found.is_file() {
                let found = "something other than a file has the shard's name";
                return Err(Error::new(Exit::CannotCreate, "E-CREATE", found).at(&self.file));
            }
            return Ok(Fetched {
                index,
                outcome: Outcome::Present,
                bytes: found.len(),
                reason: None,
            });
        }
        let url = shown(&self.remote.url);
        let (outcome, bytes, reason) = match self.fetch() {
            Ok(Ok(bytes)) => (Outcome::Fetched, bytes, None),
            Ok(Err((bytes, why))) => (Outcome::Damaged, bytes, Some(why)),
            // What is wrong with this one stops no other.
            Err(error) if error.path() == Some(&url) => {
                let outcome = match (error.exit(), error.code()) {
                    (_, download::MISSING) => Outcome::Missing,
                    (Exit::Refused, _) => Outcome::Refused,
                    _ => Outcome::Failed,
                };
                (outcome, self.part_bytes(), Some(error.found().to_owned()))
            }
            Err(error) => return Err(error),
        };
        Ok(Fetched {
            index,
            outcome,
            bytes,
            reason,
        })
    }

    /// Fetches the file and gives it its name; bytes and reason when the server's copy does not verify.
    fn fetch(&self) -> Result<std::result::Result<u64, (u64, String)>> {
        let folder = self.file.parent().unwrap_or(self.job.out);
        fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
        let (mut damaged, mut restarts) = (0, 0);
        let mut verified = self.look_through_what_is_there()?;
        loop {
            match self.go_on(verified)? {
                Reading::Whole(bytes) => {
                    run::publish_file(&self.part(), &self.file)?;
                    run::remove(&self.origin_file())?;
                    return Ok(Ok(bytes));
                }
                Reading::Damaged(to, error) => {
                    // Each piece of progress is a new chance.
                    damaged = if to > verified { 1 } else { damaged + 1 };
                    verified = to;
                    if damaged < MAX_DAMAGED {
                        continue;
                    }
                    if error.exit() == Exit::Refused {
                        return Err(error);
                    }
                    let why = error.found();
                    let why = format!(
                        "the server's copy is damaged behind byte {to} in {damaged} answers: {why}"
                    );
                    return Ok(Err((to, why)));
                }
                Reading::Changed(error) => {
                    restarts += 1;
                    if restarts >= download::MAX_RESTARTS {
                        return Err(error);
                    }
                    tracing::info!(
                        "{}: {}; it begins anew",
                        shown(&self.remote.url).display(),
                        error.found()
                    );
                    self.remote
                        .network
                        .manners
                        .retry(restarts, self.job.interrupt)?;
                    verified = 0;
                }
            }
        }
    }

    fn part(&self) -> PathBuf {
        with_end(&self.file, ".part")
    }

    fn origin_file(&self) -> PathBuf {
        with_end(&self.file, ".part.json")
    }

    fn part_bytes(&self) -> u64 {
        fs::metadata(self.part()).map_or(0, |part| part.len())
    }

    fn origin(&self) -> Option<Origin> {
        let origin: Origin = serde_json::from_slice(&fs::read(self.origin_file()).ok()?).ok()?;
        (origin.url == shown(&self.remote.url).to_string_lossy()).then_some(origin)
    }

    /// Bytes of an earlier attempt that verify, and to which the rest can be asked for.
    fn look_through_what_is_there(&self) -> Result<u64> {
        let part = self.part();
        let file = match (self.origin(), File::open(&part)) {
            (Some(_), Ok(file)) => file,
            _ => return Ok(0),
        };
        let mut verifier = Verifier::new(file, &self.job.reader);
        let ended = verifier.run(self.job.interrupt);
        self.job.interrupt.check()?;
        // Whatever is wrong with it, the rest is fetched from there on.
        drop(ended);
        let Some(verified) = verifier.member_end else {
            return Ok(0);
        };
        self.progress.advance(verified);
        Ok(verified)
    }

    /// Fetches from byte `verified` on, to the end or to what does not verify.
    fn go_on(&self, verified: u64) -> Result<Reading> {
        let url = &self.remote.url;
        let mut download = Download::new(&self.remote.network, url, self.job.interrupt).of_shard();
        let (mut verified, origin) = (verified, self.origin());
        match origin {
            Some(origin) if verified > 0 => download = download.from(verified, origin.validator),
            _ => verified = 0,
        }
        if verified == 0 {
            run::remove(&self.origin_file())?;
        }
        let part = self.part();
        let on = |e: io::Error| Error::cannot_create(&part, &e);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(on)?;
        file.set_len(verified).map_err(on)?;
        file.seek(SeekFrom::Start(verified)).map_err(on)?;
        let tee = Tee {
            fetching: self,
            download,
            file,
            knows_origin: verified > 0,
            knows_total: false,
        };
        let mut verifier = Verifier::new(tee, &self.job.reader);
        match verifier.run(self.job.interrupt) {
            Ok(None) => {
                self.job.interrupt.check()?; // it ends the reading as the last byte does
                Ok(Reading::Whole(verified + verifier.bytes()))
            }
            Ok(Some(why)) => {
                let error = Error::new(Exit::Network, "E-DAMAGED-REMOTE", why);
                Ok(Reading::Damaged(
                    verified + verifier.member_end.unwrap_or(0),
                    error,
                ))
            }
            Err(error) => match trouble(&error) {
                Some(error) if error.code() == download::CHANGED => Ok(Reading::Changed(error)),
                Some(error) => Err(error),
                // Not one record: no shard, or its first bytes were damaged on the way.
                None => Ok(Reading::Damaged(verified, refused(&shown(url), &error))),
            },
        }
    }
}

/// The trouble that a reader of shards passed on.
fn trouble(error: &crawlrank_warc::Error) -> Option<Error> {
    match error {
        crawlrank_warc::Error::Io { source, .. } => download::trouble(source),
        _ => None,
    }
}

/// Reads records to see that they are whole.
struct Verifier<R> {
    reader: Reader<R>,
    record: Record,
    /// Where the last member ends that verified, where another may begin; nothing in formats in which none can be begun
    /// at, such as zstd with a dictionary, or one member for the file.
    member_end: Option<u64>,
}

impl<R: Read> Verifier<R> {
    fn new(input: R, options: &ReaderOptions) -> Self {
        Verifier {
            reader: Reader::with_options(input, options.clone()),
            record: Record::default(),
            member_end: None,
        }
    }

    /// Bytes of the input, once it was read to its end.
    fn bytes(&self) -> u64 {
        self.reader.totals().bytes
    }

    /// Reads to the end, or to the first thing that came otherwise than it was written: says what it is.
    fn run(
        &mut self,
        interrupt: &Interrupt,
    ) -> std::result::Result<Option<String>, crawlrank_warc::Error> {
        loop {
            let more = self.reader.read_record(&mut self.record);
            let faults = self.reader.take_faults();
            if let Some(fault) = faults
                .iter()
                .find(|fault| is_damaged_on_the_way(fault.kind))
            {
                return Ok(Some(format!("{}: {}", fault.kind.as_str(), fault.detail)));
            }
            if !more? || interrupt.is_requested() {
                return Ok(None);
            }
            let members_are_records = self.reader.totals().members >= self.reader.totals().records;
            self.member_end = match self.reader.format() {
                Some(Format::GzipMembers) if members_are_records => {
                    Some(self.record.offset() + self.record.bytes())
                }
                _ => None,
            };
        }
    }
}

/// Bytes of a download that are written on their way to the reader.
struct Tee<'a> {
    fetching: &'a Fetching<'a>,
    download: Download,
    file: File,
    knows_origin: bool,
    knows_total: bool,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.download.read(buffer)?;
        let fetching = self.fetching;
        if !self.knows_origin && read > 0 {
            // First of what file they are, then the bytes: a kill between leaves nothing that misleads.
            if let Some(validator) = self.download.validator() {
                let origin = Origin {
                    url: shown(&fetching.remote.url).to_string_lossy().into_owned(),
                    validator: validator.to_owned(),
                };
                let text = serde_json::to_vec(&origin).expect("an origin is plain data");
                run::write_atomically(&fetching.origin_file(), &text).map_err(io::Error::other)?;
            }
            self.knows_origin = true;
        }
        if let (false, Some(total)) = (self.knows_total, self.download.total()) {
            fetching.progress.expect_more(total);
            self.knows_total = true;
        }
        self.file
            .write_all(&buffer[..read])
            .map_err(|e| io::Error::other(Error::cannot_create(fetching.part(), &e)))?;
        fetching.progress.advance(read as u64);
        Ok(read)
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
