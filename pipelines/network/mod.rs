//! Shards from servers, with the manners that Common Crawl asks for.
//!
//! One process asks at most five times a second over at most eight connections; a server that says "slow down" is heard
//! by all of them, and one that says "forbidden" stops all of them. Names that resolve into private networks are reached
//! only when the user named that very origin. What breaks off goes on at the byte where it broke, as long as the server
//! vouches that it is the same file; and a shard counts only when every member of it verified and its length is proven.
//!
//! | file | what |
//! |---|---|
//! | `manners` | how often the process asks, and when it waits |
//! | `address` | which addresses are private |
//! | `client` | one request, its redirects looked at one by one |
//! | `answer` | what the headers of an answer promise of a file's bytes |
//! | `download` | a file as a stream of bytes over as many requests as it takes |
//! | `files` | shards to files: resumed, verified, then given their names |
//! | `crawls` | which crawls there are, and where their lists lie |
//! | `s3` | where objects of S3 are asked for, and signatures; with the feature `s3` |

mod address;
pub mod answer;
pub mod client;
pub mod crawls;
pub mod download;
pub mod files;
pub mod manners;
#[cfg(feature = "s3")]
pub mod s3;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use client::{Client, Hosts, Patience};
use download::Download;
use manners::Manners;

/// Where Common Crawl serves its files.
pub const BASE_URL: &str = "https://data.commoncrawl.org/";

/// Bytes of a list of paths, unpacked; those of today have 100,000 lines of 140 bytes.
pub const MAX_LIST_BYTES: u64 = 64 << 20;

/// What the user says about servers.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Connections at once, 1 to 8.
    pub connections: usize,
    /// Time between a 403 and the one request that looks whether it still holds.
    pub probe_after: Duration,
    /// Hosts that a redirect or a list may lead to, beside the one that was named.
    pub allowed_hosts: BTreeSet<String>,
    /// Who asks for objects of S3, and which server.
    #[cfg(feature = "s3")]
    pub s3: s3::Account,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        NetworkOptions {
            connections: manners::MAX_CONNECTIONS,
            probe_after: Duration::from_secs(600),
            allowed_hosts: BTreeSet::new(),
            #[cfg(feature = "s3")]
            s3: s3::Account::default(),
        }
    }
}

/// The servers that a command asks. Cheap to share; manners are those of the process.
pub struct Network {
    options: NetworkOptions,
    manners: Arc<Manners>,
    patience: Patience,
    /// A client for each origin that was named: it keeps connections, and lets nobody lead it into private networks.
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
}

impl Network {
    /// Servers, asked with the manners of the process.
    pub fn new(options: NetworkOptions) -> Arc<Self> {
        let manners = Manners::of_process();
        manners.forgive();
        Self::with_manners(options, manners, Patience::of_shards())
    }

    /// The same with manners of its own: tests wait less.
    pub(crate) fn with_manners(
        options: NetworkOptions,
        manners: Arc<Manners>,
        patience: Patience,
    ) -> Arc<Self> {
        Arc::new(Network {
            options,
            manners,
            patience,
            clients: Mutex::default(),
        })
    }

    /// What the user says about servers.
    pub fn options(&self) -> &NetworkOptions {
        &self.options
    }

    /// Another attempt at what failed so often in a row, after a wait.
    pub(crate) fn retry(&self, failures: u32, interrupt: &Interrupt) -> Result<()> {
        self.manners.retry(failures, interrupt)
    }

    /// Where a file is asked for: at its address; one at `s3://`, at the server of its bucket.
    ///
    /// # Errors
    /// Exit 2 when it cannot be asked for, by what the environment says of S3.
    #[cfg_attr(
        not(feature = "s3"),
        expect(unused_variables, reason = "only signatures depend on the method")
    )]
    pub fn asked_at(&self, url: &Url, is_head: bool) -> Result<Url> {
        match is_object(url) {
            #[cfg(feature = "s3")]
            true => self.options.s3.address(url, is_head),
            #[cfg(not(feature = "s3"))]
            true => Err(Error::usage(NO_S3).at(shown(url)).remedy(WITH_S3)),
            false => Ok(url.clone()),
        }
    }

    /// The client for a user who named this origin.
    fn client(&self, named: &Url) -> Result<Arc<Client>> {
        let named = &self.asked_at(named, false)?;
        let origin = named.origin().ascii_serialization();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(origin).or_insert_with(|| {
            let hosts = Hosts::Listed(self.options.allowed_hosts.clone());
            Arc::new(Client::new(named, hosts, self.patience))
        });
        Ok(client.clone())
    }

    /// Reads a small file whole, e.g. a list of paths.
    ///
    /// # Errors
    /// Exit 69 when it cannot be had, 4 when it has more than `max_bytes`.
    pub fn read(
        self: &Arc<Self>,
        url: &Url,
        max_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<u8>> {
        let mut restarts = 0;
        loop {
            let mut body = Vec::new();
            let download = Download::new(self, url, url, interrupt);
            let error = match download.take(max_bytes + 1).read_to_end(&mut body) {
                Ok(_) => return within(body, max_bytes, url),
                Err(error) => {
                    download::trouble(&error).unwrap_or_else(|| Error::io(shown(url), &error))
                }
            };
            restarts += 1;
            if error.code() != download::CHANGED || restarts >= download::MAX_RESTARTS {
                return Err(error);
            }
            self.manners.retry(restarts, interrupt)?;
        }
    }

    /// Reads the lines of a list of paths, gzipped or not.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); exit 4 when what came is no such list.
    pub fn read_list(self: &Arc<Self>, url: &Url, interrupt: &Interrupt) -> Result<String> {
        let body = self.read(url, MAX_LIST_BYTES, interrupt)?;
        let is_gzip = body.starts_with(&[0x1f, 0x8b]);
        let refuse = |found: String| Error::new(Exit::Refused, "E-LIST", found).at(shown(url));
        let plain = match is_gzip {
            false => body,
            true => {
                let mut plain = Vec::new();
                flate2::read::MultiGzDecoder::new(&body[..])
                    .take(MAX_LIST_BYTES + 1)
                    .read_to_end(&mut plain)
                    .map_err(|e| refuse(format!("the list cannot be unpacked: {e}")))?;
                within(plain, MAX_LIST_BYTES, url)?
            }
        };
        String::from_utf8(plain).map_err(|_| refuse("the list is no text".to_owned()))
    }
}

fn within(body: Vec<u8>, max_bytes: u64, url: &Url) -> Result<Vec<u8>> {
    match body.len() as u64 > max_bytes {
        false => Ok(body),
        true => {
            let found = format!("more than {max_bytes} bytes");
            Err(Error::new(Exit::Refused, "E-LENGTH", found).at(shown(url)))
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Why an address of S3 is refused.
#[cfg(not(feature = "s3"))]
pub const NO_S3: &str = "this program was built without `s3://`";

/// What to do about it.
#[cfg(not(feature = "s3"))]
pub const WITH_S3: &str = "build with --features s3: `cargo build --release --features s3`";

/// Says whether an address is that of an object of S3.
pub fn is_object(url: &Url) -> bool {
    url.scheme() == "s3"
}

/// Says whether two addresses are of one server; for `s3://`, of one bucket.
pub fn have_one_origin(one: &Url, other: &Url) -> bool {
    // Origins of schemes that browsers do not know are equal to nothing.
    let are_objects = is_object(one) && is_object(other);
    one.origin() == other.origin() || (are_objects && one.host_str() == other.host_str())
}

/// An address as messages and accounts name it: without what follows a question mark, which may be a signature.
pub fn shown(url: &Url) -> PathBuf {
    match url.as_str().split_once('?') {
        Some((before, _)) => PathBuf::from(format!("{before}?…")),
        None => PathBuf::from(url.as_str()),
    }
}

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
