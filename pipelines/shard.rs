//! INPUT to shards: files, addresses, folders, patterns, lists of paths and crawls become one sorted list, each shard with a name of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crawlrank_warc::{Fault, Totals};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::error::{Error, Exit, NO_ROOM, Result, quoted};
use crate::escape::escaped;
use crate::interrupt::Interrupt;
use crate::network::crawls::{self, Catalog, is_crawl_name};
use crate::network::download::{
    CHANGED, DAMAGED, Download, MAX_DAMAGED, MAX_RESTARTS, is_damaged_on_the_way,
};
use crate::network::{self, BASE_URL, Network, NetworkOptions};
use crate::progress::Progress;

/// Bytes hashed at either end of a shard to recognise it again without reading it whole.
const SAMPLE_BYTES: u64 = 64 << 10;

/// One file of a crawl, our unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The shortest end of the path that no other shard has: the name in tables and messages, free of the user's folders.
    pub name: String,
    /// Where it lies: a path, or the address of one on a server. Bytes that are no text are lost where it is stored.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Its length; 0 for one on a server, which is not asked for it.
    pub bytes: u64,
    /// BLAKE3 of its first and last 64 KiB: tells whether it is still the same file. For one on a server, of its path and
    /// query: files of one name do not change there, and mirrors have the same ones.
    pub sample: String,
    /// How to get at one on a server.
    #[serde(skip)]
    pub remote: Option<Remote>,
}

/// A shard on a server.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its address.
    pub url: Url,
    /// An address of the origin that the user named: its own, or that of the list or base which it comes from.
    pub named: Url,
    /// Whom to ask.
    pub network: Arc<Network>,
    /// Where its file goes below a folder of fetched shards.
    pub file: PathBuf,
    /// Tells when to stop waiting.
    pub interrupt: Interrupt,
}

impl PartialEq for Remote {
    fn eq(&self, other: &Remote) -> bool {
        self.url == other.url
    }
}

impl Eq for Remote {}

/// Which of the attempts at reading a shard is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Whether bytes that do not verify may come better another time: the shard's own copy is not known to be damaged yet.
    pub may_come_better: bool,
}

impl Attempt {
    /// Ends the attempt when a fault may be the network's, so that the shard is asked for again.
    pub(crate) fn look_at(self, shard: &Shard, fault: &Fault) -> Result<()> {
        if !self.may_come_better || !is_damaged_on_the_way(fault.kind) {
            return Ok(());
        }
        let found = format!("{}: {}", fault.kind.as_str(), fault.detail);
        let error = Error::new(Exit::Network, DAMAGED, found);
        Err(error.at(&shard.path).offset(fault.offset))
    }

    /// The same for what was read to its end, where a fault of another kind may have swallowed damage; and refuses a
    /// shard that has other than the planned length.
    pub(crate) fn look_at_end(self, shard: &Shard, totals: &Totals) -> Result<()> {
        if self.may_come_better && totals.damaged > 0 {
            let error = Error::new(Exit::Network, DAMAGED, "a member that does not verify");
            return Err(error.at(&shard.path));
        }
        shard.check_length(totals.bytes)
    }
}

impl Shard {
    /// Reads it behind a panic barrier. What is wrong with the shard itself, or with our reading of it, is logged and
    /// stops nothing else: it is the inner error. Trouble with our own files is the outer one, and that there was no
    /// memory for a zstd window, since other workers may have it.
    ///
    /// A shard on a server is read anew when the file there changed, and when bytes do not verify that may have been
    /// damaged on the way; `read` undoes first what an earlier attempt of its did.
    pub(crate) fn read_guarded<R>(
        &self,
        mut read: impl FnMut(Attempt) -> Result<R>,
    ) -> Result<std::result::Result<R, Error>> {
        let (mut damaged, mut restarts) = (0, 0);
        let error = loop {
            let attempt = Attempt {
                may_come_better: self.remote.is_some() && damaged + 1 < MAX_DAMAGED,
            };
            let error = match catch_unwind(AssertUnwindSafe(|| read(attempt))) {
                Ok(Ok(found)) => return Ok(Ok(found)),
                Ok(Err(error)) if error.path() == Some(&self.path) => error,
                Ok(Err(error)) => return Err(error),
                Err(_) => Error::internal("the reader panicked").at(&self.path),
            };
            match (error.code(), error.exit()) {
                (DAMAGED, _) => damaged += 1,
                (CHANGED, _) => restarts += 1,
                // Not the shard's fault: whoever has the others knows what to do.
                (NO_ROOM, _) => return Err(error),
                // Not one record: no shard, or its beginning was damaged on the way.
                (_, Exit::Refused) if attempt.may_come_better => damaged += 1,
                _ => break error,
            }
            if restarts >= MAX_RESTARTS {
                break error;
            }
            tracing::info!("{error}; it is read anew");
            if let Some(remote) = &self.remote {
                remote
                    .network
                    .retry(damaged + restarts, &remote.interrupt)?;
            }
        };
        tracing::warn!("{error}");
        Ok(Err(error))
    }

    /// Refuses a shard that has other than the planned length when it was read to its end. That of one on a server was
    /// proven by whoever read it.
    fn check_length(&self, bytes: u64) -> Result<()> {
        if bytes == self.bytes || self.remote.is_some() {
            return Ok(());
        }
        let changed = format!("it had {} bytes and has {bytes}", self.bytes);
        Err(Error::new(Exit::Io, "E-CHANGED", changed).at(&self.path))
    }

    /// Where it lies on a server.
    ///
    /// # Errors
    /// Exit 2 when it lies here.
    pub fn remote(&self) -> Result<&Remote> {
        let here = || Error::usage("lies here, and need not be fetched").at(&self.path);
        self.remote.as_ref().ok_or_else(here)
    }
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// How inputs become shards.
#[derive(Clone, Debug)]
pub struct FindOptions {
    /// At most so many shards, in order of their names.
    pub limit: Option<u64>,
    /// Whether all shards of a crawl or list on a server are meant.
    pub all: bool,
    /// What paths of lists lie below, unless they are here.
    pub base_url: Option<Url>,
    /// Which list of a crawl is meant: `wat`, `warc`, `wet`, `robotstxt`, `non200responses`.
    pub kind: &'static str,
    /// Whom to ask for shards on servers.
    pub network: Arc<Network>,
    /// Tells when to stop.
    pub interrupt: Interrupt,
}

impl FindOptions {
    /// Finds shards on this machine, at most `limit` of them.
    pub fn local(limit: Option<u64>) -> Self {
        FindOptions {
            limit,
            all: false,
            base_url: None,
            kind: "wat",
            network: Network::new(NetworkOptions::default()),
            interrupt: Interrupt::default(),
        }
    }

    /// A shard on a server, of which the user named the origin of `named`.
    fn there(&self, url: Url, named: &Url, file: PathBuf) -> Place {
        Place::There(Remote {
            url,
            named: named.clone(),
            network: self.network.clone(),
            file,
            interrupt: self.interrupt.clone(),
        })
    }

    /// Where Common Crawl's paths begin.
    fn base(&self) -> Url {
        let base = self.base_url.clone();
        base.unwrap_or_else(|| BASE_URL.parse().expect("the address is a constant"))
    }
}

/// Where an input's shard lies.
#[derive(Clone, Debug)]
enum Place {
    Here(PathBuf),
    There(Remote),
}

/// Finds the shards of `inputs`: sorted by name, each once, at most as many as the limit says.
///
/// # Errors
/// An input that does not exist, a folder or pattern without shards, a crawl or list on a server without a limit; a list
/// that cannot be had.
pub fn find(inputs: &[impl AsRef<OsStr>], options: &FindOptions) -> Result<Vec<Shard>> {
    // By what it really is, so that each comes once.
    let mut places: BTreeMap<PathBuf, Place> = BTreeMap::new();
    for input in inputs {
        for place in expand(input.as_ref(), options)? {
            match place {
                Place::Here(path) => {
                    let real = fs::canonicalize(&path).map_err(|e| not_found(&path, &e))?;
                    let path = std::path::absolute(&path).map_err(|e| Error::io(&path, &e))?;
                    // Of several spellings of one file the least counts, whatever the order of inputs.
                    match places.get_mut(&real) {
                        Some(Place::Here(before)) => *before = path.min(std::mem::take(before)),
                        _ => {
                            places.insert(real, Place::Here(path));
                        }
                    }
                }
                Place::There(remote) => {
                    let real = PathBuf::from(remote.url.as_str());
                    places.insert(real, Place::There(remote));
                }
            }
        }
    }
    let places: Vec<Place> = places.into_values().collect();
    // What the environment says wrong of S3 shows with any object, before work starts.
    let object = places.iter().find_map(|place| match place {
        Place::There(remote) if network::is_object(&remote.url) => Some(remote),
        _ => None,
    });
    if let Some(object) = object {
        object.network.asked_at(&object.url, false)?;
    }
    let paths = places.iter().map(|place| match place {
        Place::Here(path) => path.as_path(),
        Place::There(remote) => Path::new(remote.url.path()),
    });
    let names = names(&paths.collect::<Vec<_>>());
    let mut named: Vec<(String, Place)> = names.into_iter().zip(places).collect();
    named.sort_by(|(one, _), (other, _)| one.cmp(other));
    named.truncate(options.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    }));
    named
        .into_iter()
        .map(|(name, place)| match place {
            Place::Here(path) => look_at(name, path),
            Place::There(remote) => Ok(on_a_server(name, remote)),
        })
        .collect()
}

/// Turns one INPUT into places of shards.
fn expand(input: &OsStr, options: &FindOptions) -> Result<Vec<Place>> {
    let path = Path::new(input);
    let is_pattern = |text: &str| text.contains(['*', '?', '[']);
    let here = |paths: Vec<PathBuf>| paths.into_iter().map(Place::Here).collect();
    // What is no text is no address, list, crawl name or pattern.
    let text = input.to_str().unwrap_or_default();
    if text.contains("://") {
        return addressed(text, options);
    }
    if path.is_dir() {
        return shards_in(path).map(here);
    }
    if is_list(text) {
        return listed(path, options);
    }
    if path.exists() {
        return Ok(here(vec![path.to_owned()]));
    }
    if is_crawl_name(text) && !is_pattern(text) {
        let crawl = Catalog::known().resolve(text)?;
        let base = options.base();
        let list = crawls::list_url(&base, &crawl, options.kind)?;
        return listed_there(&list, &base, options);
    }
    if is_pattern(text) {
        return matching(text).map(here);
    }
    Err(not_found(
        path,
        &std::io::Error::from(std::io::ErrorKind::NotFound),
    ))
}

/// The shard at an address, or those of the list there.
fn addressed(text: &str, options: &FindOptions) -> Result<Vec<Place>> {
    let url = web_address(text)?;
    if is_list(url.path()) {
        let base = match &options.base_url {
            Some(base) => base.clone(),
            // As Common Crawl's lists: paths below the server's root.
            None => url
                .join("/")
                .map_err(|e| Error::usage(format!("{}: {e}", quoted(text))))?,
        };
        return listed_there(&url, &base, options);
    }
    let file = url.path().rsplit('/').next().unwrap_or_default();
    let file =
        file_below(file).ok_or_else(|| Error::usage(format!("{} names no file", quoted(text))))?;
    let named = url.clone();
    Ok(vec![options.there(url, &named, file)])
}

/// Reads an address that can be asked.
pub fn web_address(text: &str) -> Result<Url> {
    let remedy = "give an address such as https://data.commoncrawl.org/crawl-data/…";
    if text.contains('@') {
        // Not quoted: it may hold a password.
        let found = "an address with `@` in it, as before a host stand names and passwords, which are not sent";
        return Err(Error::usage(found).remedy(remedy));
    }
    let bad = |why: String| Error::usage(format!("{} {why}", quoted(text))).remedy(remedy);
    let mut url = Url::parse(text).map_err(|e| bad(format!("is no address: {e}")))?;
    match url.scheme() {
        "https" | "http" if url.has_host() => {}
        #[cfg(not(feature = "s3"))]
        "s3" => {
            let found = format!("{} is of S3, and {}", quoted(text), network::NO_S3);
            return Err(Error::usage(found).remedy(network::WITH_S3));
        }
        #[cfg(feature = "s3")]
        "s3" if is_bucket(&url) => {}
        #[cfg(feature = "s3")]
        "s3" => {
            return Err(bad(
                "names no bucket, or more than a bucket and a key".to_owned()
            ));
        }
        _ => return Err(bad("is neither https nor http".to_owned())),
    }
    url.set_fragment(None);
    Ok(url)
}

/// Says whether an address has the host of a bucket, and nothing beside host and path.
#[cfg(feature = "s3")]
fn is_bucket(url: &Url) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let bucket = url.host_str().unwrap_or_default();
    bucket.starts_with(|first: char| first.is_ascii_alphanumeric())
        && bucket.bytes().all(is_plain)
        && url.port().is_none()
        && url.query().is_none()
}

/// The shards of a list on a server.
fn listed_there(list: &Url, base: &Url, options: &FindOptions) -> Result<Vec<Place>> {
    if options.limit.is_none() && !options.all {
        return Err(Error::usage("all shards of a list on a server, without a limit")
            .at(network::shown(list))
            .remedy("give --limit N, or --all when all of them are meant: `crawlrank plan` says what that takes"));
    }
    let lines = options.network.read_list(list, &options.interrupt)?;
    let label = network::shown(list);
    let places = lines
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| place_there(&label, number, line.trim(), base, options))
        .collect::<Result<Vec<_>>>()?;
    if places.is_empty() {
        return Err(Error::usage("the list names no shard").at(label));
    }
    Ok(places)
}

/// What a line of a list names on a server: a path below the base, or an address on a host that the user allowed.
fn place_there(
    list: &Path,
    number: usize,
    line: &str,
    base: &Url,
    options: &FindOptions,
) -> Result<Place> {
    let bad =
        |what: &str| Error::usage(format!("line {}: {} {what}", number + 1, quoted(line))).at(list);
    let (url, file) = if line.contains("://") {
        let url = web_address(line).map_err(|_| bad("is no address"))?;
        let host = url.host_str().unwrap_or_default();
        let allowed = &options.network.options().allowed_hosts;
        let is_allowed = network::have_one_origin(&url, base)
            || (url.scheme() == "https" && url.port().is_none() && allowed.contains(host));
        if !is_allowed {
            return Err(bad("is on another host than the list's base")
                .remedy("where that is wanted, allow it: --allow-host HOST"));
        }
        let file = file_below(url.path().trim_start_matches('/'));
        (url, file)
    } else {
        let url = crawls::join(base, line)?;
        // Addresses have other ways to lead elsewhere: `http:host/path`, `//host/path`.
        let has_scheme = line
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'));
        let stays = !has_scheme
            && network::have_one_origin(&url, base)
            && url.path().starts_with(base.path());
        (url, file_below(line).filter(|_| stays))
    };
    let file = file.ok_or_else(|| {
        bad("leaves the list's folder").remedy("paths in a list are relative, without `..`")
    })?;
    // A login page in place of the list would be a list of strange names.
    if !is_shard_name(&file.to_string_lossy()) {
        return Err(bad("is no shard").remedy(SHARD_NAMES));
    }
    Ok(options.there(url, base, file))
}

/// A path from a foreign hand, when it stays below the folder that it is put into.
fn file_below(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    let is_plain = |part: Component| match part {
        Component::Normal(name) => name.len() < 240, // and room for what is put behind it
        _ => false,
    };
    let stays = !text.is_empty() && path.components().all(is_plain);
    (stays && !text.contains(|c: char| c.is_control() || c == '\\')).then(|| path.to_owned())
}

fn on_a_server(name: String, remote: Remote) -> Shard {
    let (path, query) = (remote.url.path(), remote.url.query().unwrap_or_default());
    let sample = sample_of_path(path, query);
    Shard {
        name,
        path: network::shown(&remote.url),
        bytes: 0,
        sample,
        remote: Some(remote),
    }
}

fn not_found(path: &Path, source: &std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::NotFound {
        Error::usage("no such file or folder, and no crawl has that name")
            .at(path)
            .remedy("give shard files, a folder of them, a pattern, or a `*.paths.gz` list")
    } else {
        Error::io(path, source)
    }
}

fn is_list(input: &str) -> bool {
    input.ends_with(".paths.gz") || input.ends_with(".paths")
}

/// What [`is_shard_name`] asks for.
const SHARD_NAMES: &str = "shards end in .warc, .wat or .wet, with .gz or .zst behind or not";

/// Says whether a file's name is that of a shard; in folders, other files are passed over.
fn is_shard_name(name: &str) -> bool {
    let plain = [".gz", ".zst"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    [".warc", ".wat", ".wet"]
        .iter()
        .any(|end| plain.ends_with(end))
}

/// The shards below a folder, at any depth.
pub(crate) fn shards_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(|e| Error::io(&next, &e))? {
            let entry = entry.map_err(|e| Error::io(&next, &e))?;
            let kind = entry.file_type().map_err(|e| Error::io(entry.path(), &e))?;
            // A linked folder could lead back here; a linked file is welcome.
            if kind.is_dir() {
                folders.push(entry.path());
            } else if is_shard_name(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
    }
    if found.is_empty() {
        return Err(Error::usage("the folder holds no shard")
            .at(folder)
            .remedy(SHARD_NAMES));
    }
    Ok(found)
}

/// The files that a pattern matches.
fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let entries = glob::glob(pattern)
        .map_err(|e| Error::usage(format!("{} is not a pattern: {}", quoted(pattern), e.msg)))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(e.path(), e.error()))?;
        match path.is_dir() {
            true => found.extend(shards_in(&path)?),
            false => found.push(path),
        }
    }
    if found.is_empty() {
        return Err(Error::usage(format!("nothing matches {}", quoted(pattern))));
    }
    Ok(found)
}

/// The files that a list of paths names: relative to the list's folder or to the working folder, or below the base.
fn listed(list: &Path, options: &FindOptions) -> Result<Vec<Place>> {
    let file = File::open(list).map_err(|e| not_found(list, &e))?;
    let reader: Box<dyn std::io::Read> = match list.extension().is_some_and(|end| end == "gz") {
        true => Box::new(flate2::read::MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let folder = list.parent().unwrap_or(Path::new(""));
    let base = options.base();
    let (mut found, mut is_remote) = (Vec::new(), false);
    let mut reader = reader.take(network::MAX_LIST_BYTES + 1);
    for (number, line) in BufReader::new(&mut reader).lines().enumerate() {
        let line = line.map_err(|e| Error::usage(format!("line {}: {e}", number + 1)).at(list))?;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // A list may come from anywhere: it names files below its folder, not others.
        let local = file_below(line)
            .filter(|_| options.base_url.is_none())
            .and_then(|path| {
                let places = [folder.join(&path), path];
                places.into_iter().find(|path| path.exists())
            });
        found.push(match local {
            Some(path) => Place::Here(path),
            None => {
                is_remote = true;
                place_there(list, number, line, &base, options)?
            }
        });
    }
    if found.is_empty() {
        return Err(Error::usage("the list names no shard").at(list));
    }
    if reader.limit() == 0 {
        let found = format!(
            "more than {} bytes, as no list has",
            network::MAX_LIST_BYTES
        );
        return Err(Error::usage(found).at(list));
    }
    if is_remote && options.limit.is_none() && !options.all {
        return Err(Error::usage("the list names shards that are not here, without a limit")
            .at(list)
            .remedy("give --limit N, or --all when all of them are meant: `crawlrank plan` says what that takes"));
    }
    Ok(found)
}

/// Names shards that others read, by their addresses and lengths: sorted by name, each once.
pub fn elsewhere(addresses: &[(String, u64)]) -> Vec<Shard> {
    let once: BTreeMap<&str, u64> = addresses
        .iter()
        .map(|(address, bytes)| (address.as_str(), *bytes))
        .collect();
    let path_of = |address: &str| match Url::parse(address) {
        Ok(url) => PathBuf::from(url.path()),
        Err(_) => PathBuf::from(address),
    };
    let paths: Vec<PathBuf> = once.keys().map(|address| path_of(address)).collect();
    let shards = names(&paths).into_iter().zip(&once).zip(&paths);
    let mut shards: Vec<Shard> = shards
        .map(|((name, (address, bytes)), path)| Shard {
            name,
            path: PathBuf::from(address),
            bytes: *bytes,
            sample: sample_of_path(&path.to_string_lossy(), ""),
            remote: None,
        })
        .collect();
    shards.sort_by(|one, other| one.name.cmp(&other.name));
    shards
}

/// Files of one name do not change in a store, and mirrors have the same ones.
fn sample_of_path(path: &str, query: &str) -> String {
    blake3::hash(format!("{path}?{query}").as_bytes()).to_hex()[..32].to_owned()
}

/// Gives each path its shortest end, in whole components, that no other path has.
fn names(paths: &[impl AsRef<Path>]) -> Vec<String> {
    let ends = |path: &Path, components: usize| -> String {
        let all: Vec<_> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(escaped(name.as_encoded_bytes())),
                Component::ParentDir => Some("..".to_owned()),
                _ => None,
            })
            .collect();
        all[all.len().saturating_sub(components)..].join("/")
    };
    let mut names: Vec<String> = paths.iter().map(|path| ends(path.as_ref(), 1)).collect();
    let deepest = paths
        .iter()
        .map(|path| path.as_ref().components().count())
        .max()
        .unwrap_or(0);
    for components in 2..=deepest {
        let mut seen = BTreeSet::new();
        let doubled: BTreeSet<String> = names
            .iter()
            .filter(|name| !seen.insert(name.as_str()))
            .cloned()
            .collect();
        if doubled.is_empty() {
            break;
        }
        for (name, path) in names.iter_mut().zip(paths) {
            if doubled.contains(name) {
                *name = ends(path.as_ref(), components);
            }
        }
    }
    // Bytes that are no text can look alike when they are escaped.
    let mut seen = BTreeMap::new();
    for name in &mut names {
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            name.push_str(&format!(" ({count})"));
        }
    }
    names
}

/// A shard's bytes as they are read or arrive: shown as progress, and ended when a stop is asked for.
pub struct Watched<'a> {
    bytes: Bytes,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
}

/// Where they come from.
enum Bytes {
    File(File),
    /// The flag says whether the length is part of the progress yet.
    Download(Box<Download>, bool),
}

impl<'a> Watched<'a> {
    /// Opens a shard; one on a server is not asked for before the first read.
    pub fn open(shard: &Shard, interrupt: &'a Interrupt, progress: &'a Progress) -> Result<Self> {
        let bytes = match &shard.remote {
            Some(remote) => {
                let Remote {
                    network,
                    named,
                    url,
                    ..
                } = remote;
                let download = Download::new(network, named, url, interrupt).of_shard();
                Bytes::Download(Box::new(download), false)
            }
            None => {
                let path = &shard.path;
                Bytes::File(File::open(path).map_err(|e| Error::io(path, &e))?)
            }
        };
        Ok(Watched {
            bytes,
            interrupt,
            progress,
        })
    }
}

impl std::io::Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.interrupt.is_requested() {
            return Err(std::io::Error::other("interrupted"));
        }
        let read = match &mut self.bytes {
            Bytes::File(file) => file.read(buffer)?,
            Bytes::Download(download, is_expected) => {
                let read = download.read(buffer)?;
                if let (false, Some(total)) = (*is_expected, download.total()) {
                    self.progress.expect_more(total);
                    *is_expected = true;
                }
                read
            }
        };
        self.progress.advance(read as u64);
        Ok(read)
    }
}

/// Takes a shard's length and sample.
fn look_at(name: String, path: PathBuf) -> Result<Shard> {
    let on = |e: std::io::Error| Error::io(&path, &e);
    let metadata = fs::metadata(&path).map_err(on)?;
    if !metadata.is_file() {
        return Err(Error::usage("not a regular file")
            .at(&path)
            .remedy("give shard files, or a folder of them"));
    }
    let (bytes, sample) = sample(&path).map_err(on)?;
    Ok(Shard {
        name,
        path,
        bytes,
        sample,
        remote: None,
    })
}

/// Returns a file's length and the BLAKE3 of its two ends.
pub fn sample(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut hasher = blake3::Hasher::new();
    let mut ends = Vec::new();
    (&mut file).take(SAMPLE_BYTES).read_to_end(&mut ends)?;
    if bytes > SAMPLE_BYTES {
        file.seek(SeekFrom::Start(
            bytes.saturating_sub(SAMPLE_BYTES).max(SAMPLE_BYTES),
        ))?;
        file.take(SAMPLE_BYTES).read_to_end(&mut ends)?;
    }
    hasher.update(&ends);
    Ok((bytes, hasher.finalize().to_hex()[..32].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_shortest_end_that_no_other_path_has() {
        let paths = ["/a/x/1.wat", "/b/x/1.wat", "/a/2.wat"].map(PathBuf::from);
        assert_eq!(names(&paths), ["a/x/1.wat", "b/x/1.wat", "2.wat"]);
        let paths = ["/d/a/../x/1.wat", "/d/a/x/1.wat"].map(PathBuf::from);
        assert_eq!(names(&paths), ["../x/1.wat", "a/x/1.wat"]);
    }

    #[test]
    fn a_list_cannot_leave_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("wat.paths");
        fs::write(&list, "../secret.wat\n").unwrap();
        let options = FindOptions::local(None);
        let error = find(&[list.to_string_lossy().into_owned()], &options).unwrap_err();
        assert!(
            error.to_string().contains("leaves the list's folder"),
            "{error}"
        );
    }

    #[test]
    fn shards_come_sorted_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wat.gz", "a.warc.zst", "notes.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let input = folder.path().to_string_lossy().into_owned();
        let inputs = [format!("{input}/b*"), input];
        let shards = find(&inputs, &FindOptions::local(None)).unwrap();
        assert_eq!(
            shards.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["a.warc.zst", "b.wat.gz"]
        );
    }
}
