//! Shards from servers to files: a file gets its name when every member of it verified and its length is proven.
//!
//! Until then it lies beside under `NAME.part`, with `NAME.part.json` to say of which file on the server it is the
//! beginning. Whoever goes on looks through what is there, cuts it behind the last member that verifies, and asks for
//! the rest if the server still has the same file. Bytes that arrive are verified while they are written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crawlrank_warc::{Format, Reader, ReaderOptions, Record};
use serde::{Deserialize, Serialize};

use super::download::{
    self, DAMAGED, Download, MAX_DAMAGED, PROGRESS_BYTES, is_damaged_on_the_way,
};
use super::shown;
use crate::error::{Error, Exit, Result, refused};
use crate::escape::escaped;
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Show};
use crate::queue::Queue;
use crate::run;
use crate::shard::{Remote, Shard};

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

/// How fetching a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
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

impl Ending {
    /// Its name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Fetched => "fetched",
            Ending::Present => "present",
            Ending::Missing => "missing",
            Ending::Damaged => "damaged",
            Ending::Refused => "refused",
            Ending::Failed => "failed",
        }
    }

    /// How the program leaves when this is the worst that happened.
    pub fn exit(self) -> Exit {
        match self {
            Ending::Fetched | Ending::Present => Exit::Done,
            Ending::Missing | Ending::Damaged => Exit::Faults,
            Ending::Refused => Exit::Refused,
            Ending::Failed => Exit::Network,
        }
    }
}

/// The account of a shard.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its place in the list of shards.
    pub index: usize,
    /// How it ended.
    pub ending: Ending,
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
    fs::create_dir_all(job.out).map_err(|e| Error::cannot_create(job.out, &e))?;
    let journal = Journal::open(job.out)?;
    let workers = job.connections.min(job.shards.len().max(1));
    let accounts = queue.work(workers, || {
        let mut accounts = Vec::new();
        while let Some(index) = queue.take() {
            job.interrupt.check()?;
            let remote = job.shards[index as usize].remote()?;
            let fetching = Fetching {
                job,
                journal: &journal,
                remote,
                progress: &queue.progress,
                file: file_of(job.out, remote),
            };
            let account = fetching.account(index as usize)?;
            if let Some(reason) = &account.reason {
                tracing::warn!("{}: {}", shown(&remote.url).display(), escaped(reason));
            }
            accounts.push(account);
        }
        Ok(accounts)
    })?;
    let mut accounts = accounts.concat();
    accounts.sort_by_key(|account| account.index);
    Ok(accounts)
}

/// Which files of the folder were fetched from where: lines of `fetched.jsonl`, appended when a file has its name.
struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    /// The entries of earlier commands, by file.
    before: BTreeMap<PathBuf, Entry>,
}

/// A file that was fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    file: PathBuf,
    /// Hash of its address, which may hold a signature.
    address: String,
    bytes: u64,
}

impl Journal {
    fn open(out: &Path) -> Result<Self> {
        let path = out.join("fetched.jsonl");
        let text = match fs::read_to_string(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(&path, &e)),
            text => text.unwrap_or_default(),
        };
        // A line that a kill cut is one that was not written.
        let entries = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let before = entries
            .map(|entry: Entry| (entry.file.clone(), entry))
            .collect();
        let mut file = run::open_options()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| Error::cannot_create(&path, &e))?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(|e| Error::io(&path, &e))?;
        }
        let file = Mutex::new(file);
        Ok(Journal { path, file, before })
    }

    fn add(&self, remote: &Remote, bytes: u64) -> Result<()> {
        let entry = Entry {
            file: remote.file.clone(),
            address: address(remote),
            bytes,
        };
        let line = serde_json::to_string(&entry).expect("an entry is plain data") + "\n";
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(line.as_bytes());
        written.map_err(|e| Error::io(&self.path, &e))
    }
}

fn address(remote: &Remote) -> String {
    blake3::hash(remote.url.as_str().as_bytes()).to_hex()[..32].to_owned()
}

/// One shard on its way.
struct Fetching<'a> {
    job: &'a FetchJob<'a>,
    remote: &'a Remote,
    progress: &'a Progress,
    journal: &'a Journal,
    file: PathBuf,
}

/// Of which file on the server a `.part` is the beginning.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    address: String,
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
        if fs::symlink_metadata(&self.file).is_ok() {
            let (ending, bytes, reason) = self.look_at_what_is_there()?;
            return Ok(Fetched {
                index,
                ending,
                bytes,
                reason,
            });
        }
        let url = shown(&self.remote.url);
        let (ending, bytes, reason) = match self.fetch() {
            Ok(Ok(bytes)) => (Ending::Fetched, bytes, None),
            Ok(Err((bytes, why))) => (Ending::Damaged, bytes, Some(why)),
            // What is wrong with this one stops no other.
            Err(error) if error.path() == Some(&url) => {
                let ending = match (error.exit(), error.code()) {
                    (_, download::MISSING) => Ending::Missing,
                    (Exit::Refused, _) => Ending::Refused,
                    _ => Ending::Failed,
                };
                (ending, self.part_bytes(), Some(error.found().to_owned()))
            }
            Err(error) => return Err(error),
        };
        Ok(Fetched {
            index,
            ending,
            bytes,
            reason,
        })
    }

    /// Says whether the file of the shard's name is what was fetched from its address. One that no journal lists, as another
    /// program leaves it, must at least verify.
    fn look_at_what_is_there(&self) -> Result<(Ending, u64, Option<String>)> {
        let found = fs::symlink_metadata(&self.file).map_err(|e| Error::io(&self.file, &e))?;
        let bytes = found.len();
        // What a kill behind the last rename left.
        run::remove(&self.origin_file())?;
        let other = |what: &str| Ok((Ending::Damaged, bytes, Some(what.to_owned())));
        if !found.is_file() {
            return other("something other than a file has the shard's name");
        }
        match self.journal.before.get(&self.remote.file) {
            Some(entry) if entry.address != address(self.remote) => {
                return other(
                    "a file from another address has the shard's name: fetch into another folder",
                );
            }
            Some(entry) if entry.bytes == bytes => return Ok((Ending::Present, bytes, None)),
            _ => {}
        }
        let file = File::open(&self.file).map_err(|e| Error::io(&self.file, &e))?;
        let mut verifier = Verifier::new(file, &self.job.reader);
        let verified = verifier.run(self.job.interrupt);
        self.job.interrupt.check()?;
        match verified {
            Ok(None) => {
                self.journal.add(self.remote, bytes)?;
                Ok((Ending::Present, bytes, None))
            }
            _ => other("a file that does not verify has the shard's name: move it away"),
        }
    }

    /// Fetches the file and gives it its name; bytes and reason when the server's copy does not verify.
    fn fetch(&self) -> Result<std::result::Result<u64, (u64, String)>> {
        let folder = self.file.parent().unwrap_or(self.job.out);
        fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
        let (mut damaged, mut restarts) = (0, 0);
        let mut verified = self.look_through_what_is_there()?;
        // The farthest that verified, also when it is begun anew.
        let mut reached = verified;
        loop {
            match self.go_on(verified)? {
                Reading::Whole(bytes) => {
                    run::publish_file(&self.part(), &self.file)?;
                    run::remove(&self.origin_file())?;
                    self.journal.add(self.remote, bytes)?;
                    return Ok(Ok(bytes));
                }
                Reading::Damaged(to, error) => {
                    // Much of progress is a new chance; the last one is to begin anew.
                    let is_new = to >= reached + PROGRESS_BYTES;
                    reached = reached.max(to);
                    damaged = if is_new { 1 } else { damaged + 1 };
                    verified = if damaged + 1 == MAX_DAMAGED { 0 } else { to };
                    if damaged >= MAX_DAMAGED {
                        if error.exit() == Exit::Refused {
                            return Err(error);
                        }
                        let why = error.found();
                        let why = format!(
                            "the server's copy is damaged behind byte {to}, in {damaged} answers: {why}"
                        );
                        return Ok(Err((to, why)));
                    }
                    self.remote.network.retry(damaged, self.job.interrupt)?;
                }
                Reading::Changed(error) => {
                    restarts += 1;
                    if restarts >= download::MAX_RESTARTS {
                        return Err(error);
                    }
                    tracing::info!(
                        "{}: {}; it begins anew",
                        shown(&self.remote.url).display(),
                        escaped(error.found())
                    );
                    self.remote.network.retry(restarts, self.job.interrupt)?;
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
        (origin.address == address(self.remote)).then_some(origin)
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
        let Remote {
            url,
            named,
            network,
            ..
        } = self.remote;
        let mut download = Download::new(network, named, url, self.job.interrupt).of_shard();
        let (mut verified, origin) = (verified, self.origin());
        match origin {
            Some(origin) if verified > 0 => {
                download = download.resumed_at(verified, origin.validator)
            }
            _ => verified = 0,
        }
        let part = self.part();
        let on = |e: io::Error| Error::cannot_create(&part, &e);
        let mut options = run::open_options();
        let file = options.write(true).create(true).truncate(false);
        let mut file = file.open(&part).map_err(on)?;
        if verified == 0 {
            run::remove(&self.origin_file())?;
        }
        file.set_len(verified).map_err(on)?;
        if verified == 0 {
            // So that no power loss brings old bytes back beside the note of a new file.
            file.sync_all().map_err(on)?;
        }
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
                let error = Error::new(Exit::Network, DAMAGED, why);
                Ok(Reading::Damaged(
                    verified + verifier.member_end.unwrap_or(0),
                    error,
                ))
            }
            // All of it was there.
            Err(crawlrank_warc::Error::Empty) if verified > 0 => Ok(Reading::Whole(verified)),
            Err(error) => {
                let trouble = refused(&shown(url), &error);
                match error {
                    crawlrank_warc::Error::Io { .. } if trouble.code() == download::CHANGED => {
                        Ok(Reading::Changed(trouble))
                    }
                    crawlrank_warc::Error::Io { .. } => Err(trouble),
                    // Not one record: no shard, or its first bytes were damaged on the way.
                    _ => Ok(Reading::Damaged(verified, trouble)),
                }
            }
        }
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
            if self.reader.totals().damaged > 0 {
                return Ok(Some("a member that does not verify".to_owned()));
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
                    address: address(fetching.remote),
                    validator: validator.to_owned(),
                };
                let text = serde_json::to_vec(&origin).expect("an origin is plain data");
                let path = fetching.origin_file();
                fs::write(&path, text)
                    .map_err(|e| io::Error::other(Error::cannot_create(path, &e)))?;
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
