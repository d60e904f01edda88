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

use crawlrank_warc::FaultKind;
use url::Url;

use super::answer::{Carried, Claims};
use super::client::{Answer, Client, Failure, Request, is_redirect};
use super::manners::{Connection, Manners, Permit};
use super::{Network, is_object, shown};
use crate::error::{Error, Exit, Result, quoted};
use crate::escape::escaped;
use crate::interrupt::{Interrupt, LOOK_EVERY};

/// Attempts in a row that bring nothing worth it, before a file is given up.
const MAX_FAILURES: u32 = 10;

/// Bytes that are worth an attempt.
pub const PROGRESS_BYTES: u64 = 1 << 20;

/// Times that a file is begun anew, before it is given up.
pub const MAX_RESTARTS: u32 = 5;

/// Times that bytes which do not verify are asked for, before the server's own copy counts as damaged.
pub const MAX_DAMAGED: u32 = 3;

/// Bytes of a file; the largest of Common Crawl have a few GB.
const MAX_FILE_BYTES: u64 = 256 << 30;

/// The code of an error after which the file must be begun anew.
pub const CHANGED: &str = "E-CHANGED-REMOTE";

/// The code of an error for a file that is not there.
pub const MISSING: &str = "E-MISSING";

/// The code of an error for bytes that may come better another time.
pub const DAMAGED: &str = "E-DAMAGED-REMOTE";

/// Why a file without a strong `ETag` is begun anew.
const NO_VALIDATOR: &str = "the answer broke off, and has no strong ETag to go on by";

/// Bytes that pass from the network's thread to the reader at once, and messages that may wait there: 1 MiB a download.
const PIECE_BYTES: usize = 128 << 10;
const MESSAGES_WAITING: usize = 8;

/// A body that brings fewer bytes in so much time is dropped and asked for again: 1 KiB/s.
const SLOWEST: (u64, Duration) = (60 << 10, Duration::from_secs(60));

/// Says whether a fault is of the kinds that a network makes: bytes are otherwise than they were written. Records above
/// a limit, or with a wrong header in a member that verifies, are as their writer made them. They may swallow members
/// that do not verify, though, which [`Totals::damaged`](crawlrank_warc::Totals::damaged) counts.
pub fn is_damaged_on_the_way(kind: FaultKind) -> bool {
    use FaultKind as Kind;
    matches!(
        kind,
        Kind::BadCrc
            | Kind::BadLength
            | Kind::BadDeflate
            | Kind::CutMember
            | Kind::CutRecord
            | Kind::Junk
    )
}

/// Bytes of a file on a server, in order, each once. What goes wrong is an [`Error`] inside the [`io::Error`]: see [`trouble`].
pub struct Download {
    network: Arc<Network>,
    /// An address of the origin that the user named.
    named: Url,
    url: Url,
    interrupt: Interrupt,
    is_shard: bool,
    /// Only the head is asked for.
    is_head: bool,
    /// Bytes of the file before the next one.
    position: u64,
    validator: Option<String>,
    /// Bytes of the whole file, when a server has said it.
    total: Option<u64>,
    /// Nothing lies behind `position`.
    is_ended: bool,
    /// A body ended without saying that the file does: the next request asks what lies behind.
    asks_for_end: bool,
    /// Whether the end of the body that comes is the file's, too.
    ends_file: bool,
    /// Attempts in a row that brought nothing worth it, and where the last that did had come to.
    failures: u32,
    progress: u64,
    /// Answers 403 for this file.
    forbidden: u32,
    /// Bodies that were empty, or began as no shard does.
    odd_beginnings: u32,
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
    /// Status and headers, and whether the request was the one that looks whether requests are forbidden still.
    Head(u16, Claims, bool),
    Bytes(Vec<u8>),
    /// The body ended; whether its framing has an end at all.
    End {
        is_framed: bool,
    },
    Broken(String),
}

impl Download {
    /// The whole file at `url`; the user named the origin of `named`. Nothing is asked before the first read.
    pub fn new(network: &Arc<Network>, named: &Url, url: &Url, interrupt: &Interrupt) -> Self {
        Download {
            network: network.clone(),
            named: named.clone(),
            url: url.clone(),
            interrupt: interrupt.clone(),
            is_shard: false,
            is_head: false,
            position: 0,
            validator: None,
            total: None,
            is_ended: false,
            asks_for_end: false,
            ends_file: false,
            failures: 0,
            progress: 0,
            forbidden: 0,
            odd_beginnings: 0,
            messages: None,
            skipped: 0,
            piece: Vec::new(),
            taken: 0,
        }
    }

    /// Asks again for a body whose first bytes are those of no shard, as of a server's error message under status 200.
    #[must_use]
    pub fn of_shard(mut self) -> Self {
        self.is_shard = true;
        self
    }

    /// Begins at the byte `position` of a file whose beginning came with `validator`.
    #[must_use]
    pub fn resumed_at(mut self, position: u64, validator: String) -> Self {
        (self.position, self.progress) = (position, position);
        self.validator = Some(validator);
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

    /// Asks for the length alone; nothing when the server does not state it.
    ///
    /// # Errors
    /// As those of reading.
    pub fn length(mut self) -> Result<Option<u64>> {
        self.is_head = true;
        while !self.is_ended {
            self.step()?;
        }
        Ok(self.total)
    }

    /// Gets the next bytes; false at the proven end.
    fn next_piece(&mut self) -> Result<bool> {
        while !self.is_ended {
            if self.step()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks, or takes in what came; true when there are bytes to give.
    fn step(&mut self) -> Result<bool> {
        let Some(messages) = &self.messages else {
            self.ask()?;
            return Ok(false);
        };
        match messages.recv_timeout(LOOK_EVERY) {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => self.interrupt.check().map(|()| false),
            Err(RecvTimeoutError::Disconnected) => {
                self.take(Message::Broken("its thread ended".to_owned()))
            }
        }
    }

    /// Sends a thread for what is missing.
    fn ask(&mut self) -> Result<()> {
        let mut headers = Vec::new();
        if self.position > 0 {
            headers.push(("Range", format!("bytes={}-", self.position)));
            match &self.validator {
                // Buckets promise this condition, and not the other one.
                Some(validator) if is_object(&self.url) => {
                    headers.push(("If-Match", validator.clone()));
                }
                Some(validator) => headers.push(("If-Range", validator.clone())),
                // Whether the file ends here can be asked without one.
                None if self.asks_for_end => {}
                None => return Err(self.changed(NO_VALIDATOR)),
            }
        }
        let manners = self.network.manners.clone();
        let connection = manners.connection(self.network.options.connections, &self.interrupt)?;
        let errand = Errand {
            client: self.network.client(&self.named)?,
            url: self.network.asked_at(&self.url, self.is_head)?,
            is_head: self.is_head,
            headers,
            manners,
            probe_after: self.network.options.probe_after,
            is_object: is_object(&self.url),
            was_forbidden: self.forbidden > 0,
            interrupt: self.interrupt.clone(),
            _connection: connection,
        };
        let (sender, receiver) = mpsc::sync_channel(MESSAGES_WAITING);
        let thread = std::thread::Builder::new().name("download".to_owned());
        match thread.spawn(move || errand.run(&sender)) {
            Ok(_) => self.messages = Some(receiver),
            Err(error) => self.failed(&format!("no thread to ask on: {error}"))?,
        }
        self.skipped = 0;
        Ok(())
    }

    /// Takes a message in; true when there are bytes to give.
    fn take(&mut self, message: Message) -> Result<bool> {
        match message {
            Message::Stopped(error) => return Err(error),
            Message::Failed(Failure::RefusedRedirect(why)) => return Err(self.redirected(&why)),
            Message::Failed(Failure::Unreachable(why)) => self.failed(&why)?,
            Message::Head(status, claims, is_probe) => self.head(status, claims, is_probe)?,
            Message::Bytes(bytes) => return self.bytes(bytes),
            Message::End { is_framed } => self.end(is_framed)?,
            Message::Broken(why) => self.failed(&format!("the body breaks off: {why}"))?,
        }
        Ok(false)
    }

    /// Looks at the head of an answer: whether its body is what is missing, and what to do when it is not.
    fn head(&mut self, status: u16, claims: Claims, is_probe: bool) -> Result<()> {
        match status {
            200 if self.is_head => {
                (self.total, self.is_ended) = (claims.length, true);
                Ok(())
            }
            200 if self.asks_for_end
                && claims.length.is_none()
                && claims.validator == self.validator =>
            {
                let found = "the server states neither the file's length nor its end";
                Err(self.error("E-NETWORK", found.to_owned()))
            }
            200 => self.begin_whole(&claims),
            206 if self.position > 0 => self.begin_rest(&claims),
            416 if self.position > 0 && claims.unsatisfied == Some(self.position) => {
                (self.is_ended, self.messages) = (true, None);
                Ok(())
            }
            416 => Err(self.changed("the server has no such bytes any more")),
            // The condition of a request for the rest.
            412 if self.position > 0 => Err(self.changed("the server has another file by now")),
            404 | 410 => Err(self.error(MISSING, format!("the server answers {status}"))),
            // A server of buckets that is asked too often says 503.
            400 | 401 | 403 if is_object(&self.url) => Err(self.denied(status)),
            // All requests wait until one has looked again; when it was that one, none is made any more.
            403 if self.forbidden == 0 || is_probe => {
                (self.messages, self.forbidden) = (None, self.forbidden + 1);
                Ok(())
            }
            // Other files are given.
            403 => Err(self.error(
                "E-NETWORK",
                "the server answers 403 for this file".to_owned(),
            )),
            429 | 503 => {
                self.messages = None; // and all requests wait
                self.count_failure(&format!("the server answers {status}"))
            }
            408 | 425 | 500..=599 => self.failed(&format!("the server answers {status}")),
            _ if is_redirect(status) => {
                let why =
                    format!("the server answers {status}: a redirect to nowhere, or one too many");
                Err(self.redirected(&why))
            }
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
        self.validator = claims.validator.clone();
        self.ends_file = true;
        self.begin(claims.whole());
        Ok(())
    }

    /// The rest comes. That it is of the same file, only the validator says.
    fn begin_rest(&mut self, claims: &Claims) -> Result<()> {
        if self.validator.is_none() || claims.validator != self.validator {
            return Err(self.changed("the server gives the rest of what may be another file"));
        }
        match claims.rest(self.position) {
            Ok(carried) => {
                // Of a rest without the file's length nobody says that it goes up to the end.
                self.ends_file = carried.total.is_some();
                self.begin(carried);
                Ok(())
            }
            Err(why) => Err(self.changed(&format!("asked for the rest, the server gives {why}"))),
        }
    }

    fn begin(&mut self, carried: Carried) {
        // The latest word counts: a body that broke off before its stated length proves that one wrong.
        self.total = carried.total.or(self.total);
        self.asks_for_end = false;
    }

    fn bytes(&mut self, mut bytes: Vec<u8>) -> Result<bool> {
        let skipped = self.skipped.min(bytes.len() as u64);
        bytes.drain(..skipped as usize);
        self.skipped -= skipped;
        if bytes.is_empty() {
            return Ok(false);
        }
        if self.position > MAX_FILE_BYTES {
            let found = format!("more than {MAX_FILE_BYTES} bytes, as no shard has");
            return Err(Error::new(Exit::Refused, "E-LENGTH", found).at(shown(&self.url)));
        }
        if self.is_shard
            && self.position == 0
            && self.odd_beginnings + 1 < MAX_DAMAGED
            && !may_begin_a_shard(&bytes)
        {
            self.odd_beginnings += 1;
            let start = quoted(&bytes[..bytes.len().min(40)]);
            self.failed(&format!("the body begins with {start}, as no shard does"))?;
            return Ok(false);
        }
        if self.position >= self.progress + PROGRESS_BYTES {
            (self.failures, self.progress) = (0, self.position);
        }
        (self.piece, self.taken) = (bytes, 0);
        Ok(true)
    }

    /// A body ended. The file does when its length says so, or the framing, or the server when it is asked for more.
    fn end(&mut self, is_framed: bool) -> Result<()> {
        self.messages = None;
        if self.position == 0 {
            self.odd_beginnings += 1;
            // After some attempts the reader of shards may say what it is.
            self.is_ended = self.is_shard && self.odd_beginnings >= MAX_DAMAGED;
            return match self.is_ended {
                true => Ok(()),
                false => self.failed("the body is empty"),
            };
        }
        match self.total {
            Some(total) if self.position == total => self.is_ended = true,
            Some(total) => {
                let why = format!("the body ends at byte {} of {total}", self.position);
                return self.failed(&why);
            }
            None => self.is_ended = is_framed && self.ends_file,
        }
        self.asks_for_end = !self.is_ended;
        match self.is_ended {
            true => Ok(()),
            false => self.count_failure("the server states no length"),
        }
    }

    /// Waits before the next attempt, when there may be one.
    fn failed(&mut self, why: &str) -> Result<()> {
        self.messages = None;
        self.count_failure(why)?;
        let url = shown(&self.url);
        tracing::debug!(
            "{}: {}; attempt {}",
            url.display(),
            escaped(why),
            self.failures + 1
        );
        self.network.manners.retry(self.failures, &self.interrupt)
    }

    fn count_failure(&mut self, why: &str) -> Result<()> {
        self.failures += 1;
        if self.failures < MAX_FAILURES {
            return Ok(());
        }
        self.network.manners.gave_up();
        let found = format!("{why}; given up after {MAX_FAILURES} attempts");
        let remedy =
            "look at the connection and run the same command again: what was finished is kept";
        Err(self.error("E-NETWORK", found).remedy(remedy))
    }

    /// Trouble with this file alone: it names the address.
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

    /// An object that the keys, or nobody's, do not open. Others may be given; many in a row end the command.
    fn denied(&self, status: u16) -> Error {
        self.network.manners.gave_up();
        let found = format!(
            "the server answers {status}: no such object, or not for these AWS keys or in this region"
        );
        self.error("E-DENIED", found).remedy(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which Common Crawl's bucket wants as well, and AWS_REGION where it is not us-east-1",
        )
    }

    /// A server that sends elsewhere does so with every file: this ends the command, not the file.
    fn redirected(&self, why: &str) -> Error {
        let found = format!("{}: {why}", shown(&self.url).display());
        Error::new(Exit::Network, "E-REDIRECT", found).remedy(match is_object(&self.url) {
            true => "set AWS_REGION to the region that the bucket lies in",
            false => "where that is wanted, allow it: --allow-host HOST",
        })
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

/// Says whether bytes, of which there may be few, begin as gzip, zstd (frames of data, and frames to skip, as for a
/// dictionary) or plain WARC do.
fn may_begin_a_shard(bytes: &[u8]) -> bool {
    let begins = |magic: &[u8]| bytes.starts_with(magic) || magic.starts_with(bytes);
    let begins_skipped_frame = bytes[0] & 0xf0 == 0x50 && begins(&[bytes[0], 0x2a, 0x4d, 0x18]);
    begins(&[0x1f, 0x8b])
        || begins(&[0x28, 0xb5, 0x2f, 0xfd])
        || begins(b"WARC/")
        || begins_skipped_frame
}

/// One request and its body, on a thread of its own.
struct Errand {
    client: Arc<Client>,
    url: Url,
    is_head: bool,
    headers: Vec<(&'static str, String)>,
    manners: Arc<Manners>,
    probe_after: Duration,
    /// Whether it is one of S3, which keys open.
    is_object: bool,
    /// Whether this very file was forbidden before.
    was_forbidden: bool,
    interrupt: Interrupt,
    _connection: Connection,
}

/// Nobody listens any more.
struct Unheard;

impl Errand {
    /// Ends early when nobody listens any more.
    fn run(self, sender: &SyncSender<Message>) {
        let _ = self.pass_on(sender);
    }

    /// Asks, and passes the answer on, piece by piece.
    fn pass_on(self, sender: &SyncSender<Message>) -> std::result::Result<(), Unheard> {
        let request = Request {
            url: &self.url,
            is_head: self.is_head,
            headers: &self.headers,
            deadline: None,
        };
        let mut permit: Option<Permit> = None;
        let asked = self.client.ask(&request, &mut || match &permit {
            Some(permit) => permit.again(&self.interrupt),
            None => {
                permit = Some(self.manners.request(&self.interrupt)?);
                Ok(())
            }
        });
        let answer = match asked {
            Err(error) => return send(sender, Message::Stopped(error)),
            Ok(Err(failure)) => return send(sender, Message::Failed(failure)),
            Ok(Ok(answer)) => answer,
        };
        let claims = Claims::of(answer.response.headers(), SystemTime::now());
        let is_probe = permit.as_ref().is_some_and(Permit::is_probe);
        // One forbidden file among others is that file's trouble, and no sign that we ask too much.
        let is_its_own = match answer.status {
            400 | 401 | 403 if self.is_object => true,
            403 => self.was_forbidden && !is_probe,
            _ => false,
        };
        if let Some(permit) = permit.filter(|_| !is_its_own) {
            permit.answered(answer.status, claims.retry_after, self.probe_after);
        }
        let is_framed = claims.is_chunked || claims.length.is_some();
        // A body of any other status is never data.
        let has_data = matches!(answer.status, 200 | 206) && !self.is_head;
        send(sender, Message::Head(answer.status, claims, is_probe))?;
        match has_data {
            true => pass_body(answer, is_framed, sender),
            false => Ok(()),
        }
    }
}

fn send(sender: &SyncSender<Message>, message: Message) -> std::result::Result<(), Unheard> {
    sender.send(message).map_err(|_| Unheard)
}

fn pass_body(
    answer: Answer,
    is_framed: bool,
    sender: &SyncSender<Message>,
) -> std::result::Result<(), Unheard> {
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
