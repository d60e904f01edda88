//! A file on a server as a stream of bytes, over as many requests as it takes.
//!
//! What breaks off goes on at the byte where it broke, as long as the server vouches by a strong validator that it is
//! the same file (`If-Range`, RFC 9110, section 13.1.5); otherwise the reader is told to begin anew. The stream ends
//! only where the file's length is proven: by `Content-Length`, by the last chunk, or by a server that says that
//! nothing lies behind. A thread of its own asks and reads the body, so that the network and whoever uses the bytes do
//! not wait for one another, and a stop on request never waits for a server.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use super::answer::{Carried, Claims};
use super::client::{Answer, Client, Failure, Request, is_redirect};
use super::manners::{Connection, Manners};
use super::{Network, shown};
use crate::error::{Error, Exit, Result, quoted};
use crate::interrupt::Interrupt;

/// Attempts in a row that bring no byte, before the network is given up.
const MAX_FAILURES: u32 = 10;

/// Times that a file is begun anew, before it is given up.
pub const MAX_RESTARTS: u32 = 10;

/// The code of an error after which the file must be begun anew.
pub const CHANGED: &str = "E-CHANGED-REMOTE";

/// The code of an error for a file that is not there.
pub const MISSING: &str = "E-MISSING";

/// Why a file without a strong `ETag` is begun anew.
const NO_VALIDATOR: &str = "the answer broke off, and has no strong ETag to go on by";

/// Bytes that pass from the network's thread to the reader at once, and messages that may wait there: 1 MiB a download.
const PIECE_BYTES: usize = 128 << 10;
const MESSAGES_WAITING: usize = 8;

/// A body that brings fewer bytes in so much time is dropped and asked for again: 1 KiB/s.
const SLOWEST: (u64, Duration) = (60 << 10, Duration::from_secs(60));

/// Time between two looks at whether the user wants to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of a file on a server, in order, each once. What goes wrong is an [`Error`] inside the [`io::Error`]: see [`trouble`].
pub struct Download {
    network: Arc<Network>,
    url: Url,
    interrupt: Interrupt,
    is_shard: bool,
    /// Bytes of the file before the next one.
    position: u64,
    validator: Option<String>,
    /// Bytes of the whole file, when a server has said it.
    total: Option<u64>,
    /// Nothing lies behind `position`.
    is_ended: bool,
    /// A body ended without saying that the file does: the next request asks what lies behind.
    asks_for_end: bool,
    /// Attempts in a row that brought no byte.
    failures: u32,
    messages: Option<Receiver<Message>>,
    /// Bytes of the answer that were given before.
    skipped: u64,
    piece: Vec<u8>,
    taken: usize,
}

/// What comes from the thread that asks.
enum Message {
    /// It may ask no more: a stop on request, or a server that has forbidden it.
    Stopped(Error),
    Failed(Failure),
    Head(u16, Claims),
    Bytes(Vec<u8>),
    /// The body ended; whether its framing has an end at all.
    End {
        is_framed: bool,
    },
    Broken(String),
}

impl Download {
    /// The whole file at `url`, whose origin the user named. Nothing is asked before the first read.
    pub fn new(network: &Arc<Network>, url: &Url, interrupt: &Interrupt) -> Self {
        Download {
            network: network.clone(),
            url: url.clone(),
            interrupt: interrupt.clone(),
            is_shard: false,
            position: 0,
            validator: None,
            total: None,
            is_ended: false,
            asks_for_end: false,
            failures: 0,
            messages: None,
            skipped: 0,
            piece: Vec::new(),
            taken: 0,
        }
    }

    /// Refuses a body whose first bytes are those of no shard, as of a server's error message under status 200.
    #[must_use]
    pub fn of_shard(mut self) -> Self {
        self.is_shard = true;
        self
    }

    /// Begins at the byte `position` of a file whose beginning came with `validator`.
    #[must_use]
    pub fn from(mut self, position: u64, validator: String) -> Self {
        (self.position, self.validator) = (position, Some(validator));
        self
    }

    /// The strong validator of the bytes, once a server gave one.
    pub fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// Bytes of the whole file, once a server said it.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Gets the next bytes; false at the proven end.
    fn next_piece(&mut self) -> Result<bool> {
        while !self.is_ended {
            let message = match &self.messages {
                None => {
                    self.ask()?;
                    continue;
                }
                Some(messages) => match messages.recv_timeout(LOOK_EVERY) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => {
                        self.interrupt.check()?;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        Message::Broken("its thread ended".to_owned())
                    }
                },
            };
            if self.take(message)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a thread for what is missing.
    fn ask(&mut self) -> Result<()> {
        let mut headers = Vec::new();
        if self.position > 0 {
            headers.push(("Range", format!("bytes={}-", self.position)));
            match &self.validator {
                Some(validator) => headers.push(("If-Range", validator.clone())),
                // Whether the file ends here can be asked without one.
                None if self.asks_for_end => {}
                None => return Err(self.changed(NO_VALIDATOR)),
            }
        }
        let manners = self.network.manners.clone();
        let connection = manners.connection(self.network.options.connections, &self.interrupt)?;
        let errand = Errand {
            client: self.network.client(&self.url),
            url: self.url.clone(),
            headers,
            manners,
            interrupt: self.interrupt.clone(),
            _connection: connection,
        };
        let (sender, receiver) = mpsc::sync_channel(MESSAGES_WAITING);
        std::thread::spawn(move || errand.run(&sender));
        self.messages = Some(receiver);
        self.skipped = 0;
        Ok(())
    }

    /// Takes a message in; true when there are bytes to give.
    fn take(&mut self, message: Message) -> Result<bool> {
        match message {
            Message::Stopped(error) => return Err(error),
            Message::Failed(Failure::RefusedRedirect(why)) => {
                let url = shown(&self.url);
                let found = format!("{}: {why}", url.display());
                return Err(Error::new(Exit::Network, "E-REDIRECT", found)
                    .remedy("where that is wanted, allow it: --allow-host HOST"));
            }
            Message::Failed(Failure::Unreachable(why)) => {
                self.network.manners.unanswered();
                self.failed(&why)?;
            }
            Message::Head(status, claims) => self.head(status, claims)?,
            Message::Bytes(bytes) => return self.bytes(bytes),
            Message::End { is_framed } => self.end(is_framed)?,
            Message::Broken(why) => self.failed(&format!("the body breaks off: {why}"))?,
        }
        Ok(false)
    }

    /// Looks at the head of an answer: whether its body is what is missing, and what to do when it is not.
    fn head(&mut self, status: u16, claims: Claims) -> Result<()> {
        let manners = self.network.manners.clone();
        if !matches!(status, 403 | 429 | 503) {
            manners.went_well();
        }
        match status {
            200 if self.asks_for_end => Err(self.error(
                "E-NETWORK",
                "the server states no length, and no end either".to_owned(),
            )),
            200 => self.begin_whole(&claims),
            // Nobody says that the rest is of the same file.
            206 if self.validator.is_none() => Err(self.changed(NO_VALIDATOR)),
            206 if self.position > 0 => match claims.rest(self.position) {
                Ok(carried) => self.begin(carried, &claims),
                Err(why) => {
                    Err(self.changed(&format!("asked for the rest, the server gives {why}")))
                }
            },
            416 if self.position > 0 && claims.unsatisfied == Some(self.position) => {
                (self.is_ended, self.messages) = (true, None);
                Ok(())
            }
            416 => Err(self.changed("the server has no such bytes any more")),
            404 | 410 => Err(self
                .error(MISSING, format!("the server answers {status}"))
                .remedy("it is listed as missing; the same command asks for it again")),
            403 => {
                self.messages = None;
                manners.forbidden(self.network.options.probe_after);
                Ok(())
            }
            429 | 503 => {
                self.messages = None;
                let wait = manners.slow_down(claims.retry_after);
                tracing::info!(
                    "{}: {status}, all requests wait {wait:.1?}",
                    shown(&self.url).display()
                );
                self.count_failure(&format!("the server answers {status}"))
            }
            408 | 425 | 500..=599 => self.failed(&format!("the server answers {status}")),
            _ if is_redirect(status) => self.failed(&format!(
                "the server answers {status}, a redirect to nowhere or one too many"
            )),
            _ => Err(self.error("E-NETWORK", format!("the server answers {status}"))),
        }
    }

    /// The whole file comes: from its beginning, or again where the server knows no ranges.
    fn begin_whole(&mut self, claims: &Claims) -> Result<()> {
        let is_same = self.validator.is_some() && self.validator == claims.validator;
        if self.position > 0 && !is_same {
            return Err(
                self.changed("the server gives the file from its beginning, and not the same one")
            );
        }
        self.skipped = self.position;
        self.begin(claims.whole(), claims)
    }

    fn begin(&mut self, carried: Carried, claims: &Claims) -> Result<()> {
        let is_other = claims.validator.is_some() && claims.validator != self.validator;
        if self.position > 0 && is_other {
            return Err(self.changed("the server gives the rest of another file"));
        }
        self.asks_for_end = false;
        // The latest word counts: a body that broke off before its stated length proves that one wrong.
        self.total = carried.total.or(self.total);
        self.validator = claims.validator.clone().or(self.validator.take());
        Ok(())
    }

    fn bytes(&mut self, mut bytes: Vec<u8>) -> Result<bool> {
        if self.skipped > 0 {
            let skipped = self.skipped.min(bytes.len() as u64);
            bytes.drain(..skipped as usize);
            self.skipped -= skipped;
        }
        if bytes.is_empty() {
            return Ok(false);
        }
        if self.is_shard && self.position == 0 && !begins_a_shard(&bytes) {
            let start = quoted(&bytes[..bytes.len().min(40)]);
            self.failed(&format!("the body begins with {start}, as no shard does"))?;
            return Ok(false);
        }
        self.failures = 0;
        (self.piece, self.taken) = (bytes, 0);
        Ok(true)
    }

    /// A body ended. The file does when its length says so, or the framing, or the server when it is asked for more.
    fn end(&mut self, is_framed: bool) -> Result<()> {
        self.messages = None;
        match self.total {
            Some(total) if self.position == total => self.is_ended = self.position > 0,
            Some(total) => {
                return self.failed(&format!(
                    "the body ends at byte {} of {total}",
                    self.position
                ));
            }
            None => self.is_ended = is_framed && self.position > 0,
        }
        if self.position == 0 {
            return self.failed("the body is empty");
        }
        self.asks_for_end = !self.is_ended;
        Ok(())
    }

    /// Waits before the next attempt, when there may be one.
    fn failed(&mut self, why: &str) -> Result<()> {
        self.messages = None;
        self.count_failure(why)?;
        tracing::debug!(
            "{}: {why}; attempt {}",
            shown(&self.url).display(),
            self.failures + 1
        );
        self.network.manners.retry(self.failures, &self.interrupt)
    }

    fn count_failure(&mut self, why: &str) -> Result<()> {
        self.failures += 1;
        match self.failures < MAX_FAILURES {
            true => Ok(()),
            false => Err(self
                .error("E-NETWORK", format!("{why}; given up after {MAX_FAILURES} attempts"))
                .remedy("look at the connection and run the same command again: what was finished is kept")),
        }
    }

    fn error(&self, code: &'static str, found: String) -> Error {
        let error = Error::new(Exit::Network, code, found).at(shown(&self.url));
        match self.position {
            0 => error,
            position => error.offset(position),
        }
    }

    fn changed(&self, why: &str) -> Error {
        self.error(CHANGED, why.to_owned())
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() {
            match self.next_piece() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let left = &self.piece[self.taken..];
        let given = left.len().min(buffer.len());
        buffer[..given].copy_from_slice(&left[..given]);
        self.taken += given;
        self.position += given as u64;
        Ok(given)
    }
}

/// The trouble of a [`Download`] that a reader met.
pub fn trouble(error: &io::Error) -> Option<Error> {
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    Some(inner.clone())
}

/// Says whether bytes begin as gzip, zstd (frames of data, and frames to skip, as for a dictionary) or plain WARC do.
fn begins_a_shard(bytes: &[u8]) -> bool {
    let is_skipped_frame =
        |magic: &[u8]| magic[0] & 0xf0 == 0x50 && magic[1..4] == [0x2a, 0x4d, 0x18];
    bytes.starts_with(&[0x1f, 0x8b])
        || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || bytes.starts_with(b"WARC/")
        || (bytes.len() >= 4 && is_skipped_frame(bytes))
}

/// One request and its body, on a thread of its own.
struct Errand {
    client: Arc<Client>,
    url: Url,
    headers: Vec<(&'static str, String)>,
    manners: Arc<Manners>,
    interrupt: Interrupt,
    _connection: Connection,
}

impl Errand {
    /// Ends early when nobody listens any more.
    fn run(self, sender: &SyncSender<Message>) {
        let request = Request {
            url: &self.url,
            is_head: false,
            headers: &self.headers,
            deadline: None,
        };
        let asked = self
            .client
            .ask(&request, &mut || self.manners.request(&self.interrupt));
        let answer = match asked {
            Err(error) => return send(sender, Message::Stopped(error)).unwrap_or_default(),
            Ok(Err(failure)) => return send(sender, Message::Failed(failure)).unwrap_or_default(),
            Ok(Ok(answer)) => answer,
        };
        let _ = carry(answer, sender);
    }
}

/// Nobody listens any more.
struct Unheard;

fn send(sender: &SyncSender<Message>, message: Message) -> std::result::Result<(), Unheard> {
    sender.send(message).map_err(|_| Unheard)
}

/// Passes an answer on, piece by piece.
fn carry(answer: Answer, sender: &SyncSender<Message>) -> std::result::Result<(), Unheard> {
    let claims = Claims::of(answer.response.headers(), SystemTime::now());
    let is_framed = claims.is_chunked || claims.length.is_some();
    send(sender, Message::Head(answer.status, claims))?;
    if !matches!(answer.status, 200 | 206) {
        return Ok(()); // never as data
    }
    let mut body = answer.response.into_body().into_reader();
    let (mut window_bytes, mut window_time) = (0, Duration::ZERO);
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let asked = Instant::now();
        let read = match body.read(&mut piece) {
            Ok(0) => return send(sender, Message::End { is_framed }),
            Ok(read) => read,
            Err(error) => return send(sender, Message::Broken(error.to_string())),
        };
        // Time that the reader takes is not the server's.
        (window_bytes, window_time) = (window_bytes + read as u64, window_time + asked.elapsed());
        piece.truncate(read);
        send(sender, Message::Bytes(piece))?;
        if window_time >= SLOWEST.1 {
            if window_bytes < SLOWEST.0 {
                return send(sender, Message::Broken("slower than 1 KiB/s".to_owned()));
            }
            (window_bytes, window_time) = (0, Duration::ZERO);
        }
    }
}
