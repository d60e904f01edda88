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
//! | `fetch` | shards to files: resumed, verified, then given their names |
//! | `crawls` | which crawls there are, and where their lists lie |

mod address;
pub mod answer;
pub mod client;
pub mod crawls;
pub mod download;
pub mod fetch;
pub mod manners;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use answer::Claims;
use client::{Client, Hosts, Patience, Request};
use download::Download;
use manners::Manners;

/// Where Common Crawl serves its files.
pub const BASE_URL: &str = "https://data.commoncrawl.org/";

/// Attempts at the length of one file.
const LENGTH_ATTEMPTS: u32 = 5;

/// Bytes of a list of paths; those of today have 100,000 lines of 140 bytes.
const MAX_LIST_BYTES: u64 = 1 << 30;

/// What the user says about servers.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Connections at once, 1 to 8.
    pub connections: usize,
    /// Time between a 403 and the one request that looks whether it still holds.
    pub probe_after: Duration,
    /// Hosts that a redirect or a list may lead to, beside the one that was named.
    pub allowed_hosts: BTreeSet<String>,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        NetworkOptions {
            connections: manners::MAX_CONNECTIONS,
            probe_after: Duration::from_secs(600),
            allowed_hosts: BTreeSet::new(),
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
        Self::with_manners(options, Manners::of_process(), Patience::of_shards())
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

    /// The client for addresses of this origin.
    fn client(&self, named: &Url) -> Arc<Client> {
        let origin = named.origin().ascii_serialization();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(origin).or_insert_with(|| {
            let hosts = Hosts::Listed(self.options.allowed_hosts.clone());
            Arc::new(Client::new(named, hosts, self.patience))
        });
        client.clone()
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
        let mut last = None;
        for _ in 0..download::MAX_RESTARTS {
            let mut body = Vec::new();
            let download = Download::new(self, url, interrupt);
            match download.take(max_bytes + 1).read_to_end(&mut body) {
                Ok(_) if body.len() as u64 > max_bytes => {
                    let found = format!("more than {max_bytes} bytes");
                    return Err(Error::new(Exit::Refused, "E-LENGTH", found).at(shown(url)));
                }
                Ok(_) => return Ok(body),
                Err(error) => {
                    let trouble = download::trouble(&error);
                    last = Some(trouble.unwrap_or_else(|| Error::io(shown(url), &error)));
                }
            }
            if last
                .as_ref()
                .is_some_and(|error| error.code() != download::CHANGED)
            {
                break;
            }
        }
        Err(last.expect("a loop that runs at least once ends here with an error"))
    }

    /// Asks for the length of a file; nothing when the server does not state it.
    ///
    /// # Errors
    /// Exit 69 when the server does not answer, or has no such file.
    pub fn length(&self, url: &Url, interrupt: &Interrupt) -> Result<Option<u64>> {
        let request = Request {
            url,
            is_head: true,
            headers: &[],
            deadline: Some(Instant::now() + Duration::from_secs(60)),
        };
        let client = self.client(url);
        let error =
            |found: String| Err(Error::new(Exit::Network, "E-NETWORK", found).at(shown(url)));
        for failures in 1..=LENGTH_ATTEMPTS {
            let why = match client.ask(&request, &mut || self.manners.request(interrupt))? {
                Ok(answer) if answer.status == 200 => {
                    self.manners.went_well();
                    let claims = Claims::of(answer.response.headers(), SystemTime::now());
                    return Ok(claims.length);
                }
                Ok(answer) => {
                    let claims = Claims::of(answer.response.headers(), SystemTime::now());
                    match answer.status {
                        403 => self.manners.forbidden(self.options.probe_after),
                        429 | 503 => {
                            self.manners.slow_down(claims.retry_after);
                        }
                        500..=599 => self.manners.retry(failures, interrupt)?,
                        status => return error(format!("the server answers {status}")),
                    }
                    format!("the server answers {}", answer.status)
                }
                Err(client::Failure::RefusedRedirect(why)) => return error(why),
                Err(client::Failure::Unreachable(why)) => {
                    self.manners.unanswered();
                    self.manners.retry(failures, interrupt)?;
                    why
                }
            };
            tracing::debug!("{}: {why}", shown(url).display());
        }
        error(format!("no answer after {LENGTH_ATTEMPTS} attempts"))
    }

    /// Reads the lines of a list of paths, gzipped or not.
    pub fn read_list(self: &Arc<Self>, url: &Url, interrupt: &Interrupt) -> Result<String> {
        let body = self.read(url, MAX_LIST_BYTES, interrupt)?;
        let plain = match body.starts_with(&[0x1f, 0x8b]) {
            false => body,
            true => {
                let mut plain = Vec::new();
                flate2::read::MultiGzDecoder::new(&body[..])
                    .take(MAX_LIST_BYTES)
                    .read_to_end(&mut plain)
                    .map_err(|e| {
                        let found = format!("the list cannot be unpacked: {e}");
                        Error::new(Exit::Refused, "E-LIST", found).at(shown(url))
                    })?;
                plain
            }
        };
        String::from_utf8(plain)
            .map_err(|_| Error::new(Exit::Refused, "E-LIST", "the list is no text").at(shown(url)))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// An address as messages and accounts name it: without a user's name and password, which are nobody's business.
pub fn shown(url: &Url) -> PathBuf {
    let mut url = url.clone();
    // Addresses without a host have neither.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    PathBuf::from(url.as_str())
}

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
