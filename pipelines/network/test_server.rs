//! A server on loopback that does what servers do to those who download: it cuts, stalls, lies about lengths, asks to
//! wait, changes files, and sends elsewhere. Each request for a path takes the next of its faults; then it behaves.

#![allow(
    dead_code,
    reason = "unit tests and tests of the program use different parts of it"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a server does to one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It answers as it should.
    None,
    /// It answers with a status, and what `Retry-After` is to say.
    Status(u16, Option<&'static str>),
    /// The connection ends before an answer.
    Reset,
    /// The body ends after so many bytes.
    Cut(usize),
    /// Nothing comes any more after so many bytes.
    Stall(usize),
    /// No `Content-Length`: the body ends with the connection, after so many bytes when that is said.
    NoLength(Option<usize>),
    /// `Content-Length` is this.
    Length(&'static str),
    /// Two lengths that differ.
    TwoLengths,
    /// The body comes in chunks; it breaks off after so many bytes when that is said.
    Chunked(Option<usize>),
    /// The byte at this place is another one.
    Flip(usize),
    /// Bytes of another kind under status 200.
    Body(&'static [u8]),
    /// A redirect.
    Redirect(String),
    /// A range is asked for and the whole file is given, under 200.
    IgnoresRange,
    /// Bytes of another range, truly said.
    ShiftedRange,
    /// The whole file under 206.
    WholeUnder206,
    /// From now on the file is its next version.
    Change,
    /// `Content-Encoding: gzip` on bytes that are as they are.
    ContentEncoding,
    /// A head that has no end.
    EndlessHead,
    /// Interim answers (1xx) without end.
    EndlessInterim,
    /// Control characters in the status line.
    Escapes,
}

/// How a file's versions are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tag {
    Strong,
    Weak,
    None,
}

struct Served {
    versions: Vec<Vec<u8>>,
    version: usize,
    tag: Tag,
    faults: VecDeque<Fault>,
}

/// A request as it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct State {
    files: Mutex<BTreeMap<String, Served>>,
    seen: Mutex<Vec<Seen>>,
    /// Answers that are being given, and the most that ever were at once.
    answers: Mutex<(usize, usize)>,
    is_over: AtomicBool,
}

/// A server on a port of its own; it ends with the value.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let state = shared.clone();
                std::thread::spawn(move || {
                    // A client that goes away is no trouble of ours.
                    let _ = serve(&stream.unwrap(), &state);
                });
            }
        });
        Server { address, state }
    }

    /// Serves bytes at a path, with a strong tag.
    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let served = Served {
            versions: vec![bytes.into()],
            version: 0,
            tag: Tag::Strong,
            faults: VecDeque::new(),
        };
        self.state
            .files
            .lock()
            .unwrap()
            .insert(path.to_owned(), served);
    }

    /// What [`Fault::Change`] changes it to.
    pub(crate) fn put_next(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.with(path, |served| served.versions.push(bytes.into()));
    }

    pub(crate) fn tag(&self, path: &str, tag: Tag) {
        self.with(path, |served| served.tag = tag);
    }

    /// What happens to the next requests for the path, one after the other.
    pub(crate) fn fault(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.with(path, |served| served.faults.extend(faults));
    }

    fn with(&self, path: &str, change: impl FnOnce(&mut Served)) {
        change(self.state.files.lock().unwrap().get_mut(path).unwrap());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The most answers that were given at once.
    pub(crate) fn most_answers(&self) -> usize {
        self.state.answers.lock().unwrap().1
    }

    pub(crate) fn forget(&self) {
        self.state.seen.lock().unwrap().clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // so that the listener looks
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(stream);
    loop {
        let Some(seen) = read_request(&mut reader)? else {
            return Ok(());
        };
        state.seen.lock().unwrap().push(seen.clone());
        {
            let mut answers = state.answers.lock().unwrap();
            answers.0 += 1;
            answers.1 = answers.1.max(answers.0);
        }
        let goes_on = answer(stream, &seen, state);
        state.answers.lock().unwrap().0 -= 1;
        if !goes_on? {
            return Ok(());
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (method, path) = (word(), word());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(Some(Seen {
        method,
        path,
        headers,
        at: Instant::now(),
    }))
}

/// Answers; true when the connection can take another request.
fn answer(mut stream: &TcpStream, seen: &Seen, state: &State) -> std::io::Result<bool> {
    let (bytes, tag, fault) = {
        let mut files = state.files.lock().unwrap();
        // Signatures are behind a question mark.
        let path = seen.path.split('?').next().unwrap_or_default();
        let Some(served) = files.get_mut(path) else {
            drop(files);
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here\n")?;
            return Ok(true);
        };
        let fault = match seen.method.as_str() {
            "GET" => served.faults.pop_front().unwrap_or(Fault::None),
            _ => Fault::None,
        };
        if fault == Fault::Change {
            served.version = (served.version + 1).min(served.versions.len() - 1);
        }
        let tag = match served.tag {
            Tag::Strong => format!("ETag: \"v{}\"\r\n", served.version),
            Tag::Weak => format!("ETag: W/\"v{}\"\r\n", served.version),
            Tag::None => String::new(),
        };
        (served.versions[served.version].clone(), tag, fault)
    };
    match &fault {
        Fault::Reset => return Ok(false),
        Fault::Status(status, retry_after) => {
            let retry =
                retry_after.map_or(String::new(), |value| format!("Retry-After: {value}\r\n"));
            let body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} Sorry\r\n{retry}Content-Length: {length}\r\n\r\n{body}"
            )?;
            return Ok(true);
        }
        Fault::Redirect(to) => {
            write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            )?;
            return Ok(true);
        }
        Fault::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(
                    &b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(64),
                )?;
            }
        }
        Fault::EndlessInterim => loop {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")?;
            std::thread::sleep(Duration::from_millis(1));
        },
        Fault::Escapes => {
            stream.write_all(b"HTTP/1.1 500 \x1b[31mred\x1b[0m\r\nContent-Length: 0\r\n\r\n")?;
            return Ok(true);
        }
        Fault::Body(body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n"
            )?;
            stream.write_all(body)?;
            return Ok(true);
        }
        _ => {}
    }
    // What is asked for: a range when it is still of the same file (RFC 9110, section 13.1.5).
    let asked = seen.headers.get("range").and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse::<usize>()
            .ok()
    });
    let is_same = seen
        .headers
        .get("if-range")
        .is_none_or(|validator| tag == format!("ETag: {validator}\r\n"));
    // As buckets do: the rest of this very object, or nothing.
    let is_changed = seen
        .headers
        .get("if-match")
        .is_some_and(|validator| tag != format!("ETag: {validator}\r\n"));
    if is_changed {
        stream.write_all(b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    }
    let start = match asked {
        Some(_) if fault == Fault::IgnoresRange => None,
        Some(start) if is_same => Some(start),
        _ => None,
    };
    let total = bytes.len();
    let (mut head, mut body) = match start {
        Some(start) if start >= total => {
            write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n"
            )?;
            return Ok(true);
        }
        Some(start) => {
            let start = match fault {
                Fault::ShiftedRange => start.saturating_sub(7),
                Fault::WholeUnder206 => 0,
                _ => start,
            };
            let range = format!("Content-Range: bytes {start}-{}/{total}\r\n", total - 1);
            (
                format!("HTTP/1.1 206 Partial Content\r\n{tag}{range}"),
                bytes[start..].to_vec(),
            )
        }
        None => (format!("HTTP/1.1 200 OK\r\n{tag}"), bytes),
    };
    if let Fault::Flip(at) = fault {
        let at = at.saturating_sub(start.unwrap_or(0));
        if let Some(byte) = body.get_mut(at) {
            *byte ^= 0x20;
        }
    }
    if fault == Fault::ContentEncoding {
        head += "Content-Encoding: gzip\r\n";
    }
    let length = body.len();
    let (sent, ends_connection) = match fault {
        Fault::Cut(after) | Fault::Stall(after) => (after.min(length), true),
        Fault::NoLength(after) => (after.unwrap_or(length).min(length), true),
        Fault::Length(_) | Fault::TwoLengths => (length, true),
        Fault::Chunked(Some(after)) => (after.min(length), true),
        _ => (length, false),
    };
    match &fault {
        Fault::NoLength(_) => head += "Connection: close\r\n",
        Fault::Length(length) => head += &format!("Content-Length: {length}\r\n"),
        Fault::TwoLengths => head += &format!("Content-Length: {length}\r\nContent-Length: 7\r\n"),
        Fault::Chunked(_) => head += "Transfer-Encoding: chunked\r\n",
        _ => head += &format!("Content-Length: {length}\r\n"),
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    if seen.method == "HEAD" {
        return Ok(true);
    }
    if let Fault::Chunked(after) = fault {
        for chunk in body[..sent].chunks(1000) {
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        if after.is_none() {
            stream.write_all(b"0\r\n\r\n")?;
        }
    } else {
        stream.write_all(&body[..sent])?;
    }
    if matches!(fault, Fault::Stall(_)) {
        let _ = stream.read(&mut [0]); // until the client gives up
    }
    Ok(!ends_connection)
}
