//! Small documents over HTTP: redirects of a crawler, a cap, a deadline. How requests are made is the business of
//! [`crate::network::client`]; the pace of shards does not hold for a document that a user asks for by name.

use std::io::Read as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use url::Url;

use crate::error::Result;
use crate::interrupt::{Interrupt, LOOK_EVERY};
use crate::network::client::{Client, Hosts, Patience, Request};
pub use crate::network::client::{Failure, is_redirect};

/// What is asked for, and how much of it.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Redirects that are followed.
    pub max_redirects: u32,
    /// Bytes of the body that are read; one more tells that there are more.
    pub max_body_bytes: usize,
    /// Time for all of it, redirects included.
    pub timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            max_redirects: 5, // RFC 9309, section 2.3.1.2
            max_body_bytes: 500 << 10,
            timeout: Duration::from_secs(30),
        }
    }
}

/// What a server answered in the end.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status; a redirect when there was one more than is followed, or one that leads nowhere.
    pub status: u16,
    /// Redirects that were followed.
    pub redirects: u32,
    /// Where the answer came from.
    pub url: Url,
    /// `Content-Encoding`: the body is as it came.
    pub content_encoding: Option<String>,
    /// The body of a 2xx answer, at most one byte more than asked for; of others nothing.
    pub body: Vec<u8>,
}

/// Fetches `url`, whose origin the user named. A stop on request ends the wait, not the request, which ends with the process.
///
/// # Errors
/// A stop on request; everything that the network does is in the value.
pub fn get(
    url: &Url,
    options: &FetchOptions,
    interrupt: &Interrupt,
) -> Result<std::result::Result<Fetched, Failure>> {
    let (sender, receiver) = mpsc::channel();
    let (url, options) = (url.clone(), options.clone());
    std::thread::spawn(move || {
        let _ = sender.send(fetch(&url, &options)); // nobody waits any more: well
    });
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(answer) => return answer,
            Err(mpsc::RecvTimeoutError::Timeout) => interrupt.check()?,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Ok(Err(Failure::Unreachable("the client gave up".to_owned())));
            }
        }
    }
}

fn fetch(url: &Url, options: &FetchOptions) -> Result<std::result::Result<Fetched, Failure>> {
    let patience = Patience {
        connect: Duration::from_secs(10),
        head: options.timeout,
        read: options.timeout,
        max_redirects: options.max_redirects,
    };
    let request = Request {
        url,
        is_head: false,
        headers: &[],
        deadline: Some(Instant::now() + options.timeout),
    };
    let client = Client::new(url, Hosts::Any, patience);
    let mut answer = match client.ask(&request, &mut || Ok(()))? {
        Ok(answer) => answer,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut body = Vec::new();
    if (200..300).contains(&answer.status) {
        let reader = answer.response.body_mut().as_reader();
        let read = reader
            .take(options.max_body_bytes as u64 + 1)
            .read_to_end(&mut body);
        if let Err(error) = read {
            let why = format!("the answer breaks off: {error}");
            return Ok(Err(Failure::Unreachable(why)));
        }
    }
    Ok(Ok(Fetched {
        content_encoding: answer.header("content-encoding"),
        status: answer.status,
        redirects: answer.redirects,
        url: answer.url,
        body,
    }))
}
