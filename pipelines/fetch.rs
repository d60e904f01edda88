//! Small documents over HTTP, with the manners of a crawler: a name, few redirects, a cap, a deadline, and no way into private networks.
//!
//! An address of a private network, and plain http, are reached only when the user named them: a redirect cannot lead
//! there. The name is resolved once and what it resolved to is looked at before it is connected to, so that no answer of
//! a name server can slip in between. Proxies of the environment are not used: what they resolve nobody can look at.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::mpsc;
use std::time::Duration;

use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, http::Uri};
use url::Url;

use crate::error::{Result, quoted};
use crate::interrupt::Interrupt;

/// Who asks, in every request.
pub const USER_AGENT: &str = concat!(
    "crawlrank/",
    env!("CARGO_PKG_VERSION"),
    " (+",
    env!("CARGO_PKG_REPOSITORY"),
    ")"
);

/// Time between two looks at whether the user wants to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The network gave up: no such name, no connection, no end within the time.
    Unreachable(String),
    /// A redirect led where it may not.
    RefusedRedirect(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Unreachable(why) | Failure::RefusedRedirect(why)) = self;
        f.write_str(why)
    }
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
        let _ = sender.send(follow(&url, &options)); // nobody waits any more: well
    });
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(answer) => return Ok(answer),
            Err(mpsc::RecvTimeoutError::Timeout) => interrupt.check()?,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Ok(Err(Failure::Unreachable("the client gave up".to_owned())));
            }
        }
    }
}

fn follow(named: &Url, options: &FetchOptions) -> std::result::Result<Fetched, Failure> {
    let started = std::time::Instant::now();
    let guard = Guard {
        named: origin(named),
        inner: DefaultResolver::default(),
    };
    let agent = Agent::with_parts(config(), DefaultConnector::default(), guard);
    let (mut url, mut redirects) = (named.clone(), 0);
    loop {
        let left = options.timeout.saturating_sub(started.elapsed());
        // Nothing left means no time, and no limit to the library.
        let left = left.max(Duration::from_millis(1));
        let request = agent
            .get(url.as_str())
            .header("Accept-Encoding", "identity");
        let call = request.config().timeout_global(Some(left));
        let mut response = call.build().call().map_err(|e| failure(&e))?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let content_encoding = header("content-encoding");
        let next = match is_redirect(status) && redirects < options.max_redirects {
            true => header("location").and_then(|location| url.join(&location).ok()),
            false => None,
        };
        if let Some(mut next) = next {
            check_redirect(named, &next)?;
            // Nobody gave us a name and a password to show to others.
            let _ = next.set_username("").and_then(|()| next.set_password(None));
            (url, redirects) = (next, redirects + 1);
            continue;
        }
        let mut body = Vec::new();
        if (200..300).contains(&status) {
            let reader = response.body_mut().as_reader();
            reader
                .take(options.max_body_bytes as u64 + 1)
                .read_to_end(&mut body)
                .map_err(|e| Failure::Unreachable(format!("the answer breaks off: {e}")))?;
        }
        return Ok(Fetched {
            status,
            redirects,
            url,
            content_encoding,
            body,
        });
    }
}

fn config() -> Config {
    Config::builder()
        .user_agent(USER_AGENT)
        .http_status_as_error(false)
        .max_redirects(0) // ours, each looked at
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_connect(Some(Duration::from_secs(10)))
        .build()
}

/// Statuses that send elsewhere by `Location` (RFC 9110, section 15.4); 304 and the like are answers.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Plain http is for those who named it.
fn check_redirect(named: &Url, next: &Url) -> std::result::Result<(), Failure> {
    match next.scheme() {
        "https" => Ok(()),
        "http" if named.scheme() == "http" => Ok(()),
        _ => Err(Failure::RefusedRedirect(format!(
            "a redirect to {}, which is not followed from {}",
            quoted(next.as_str()),
            named.scheme()
        ))),
    }
}

fn failure(error: &ureq::Error) -> Failure {
    let refused = match error {
        ureq::Error::Io(e) => e
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Private>()),
        _ => None,
    };
    match (refused, error) {
        (Some(private), _) => Failure::RefusedRedirect(private.to_string()),
        (None, ureq::Error::HostNotFound) => Failure::Unreachable("no such host".to_owned()),
        (None, ureq::Error::Io(e)) => Failure::Unreachable(e.to_string()),
        (None, other) => Failure::Unreachable(other.to_string()),
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Resolves names, and refuses those of private networks but the one that the user named.
#[derive(Debug)]
struct Guard {
    named: String,
    inner: DefaultResolver,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let is_named = Url::parse(&uri.to_string()).is_ok_and(|url| origin(&url) == self.named);
        match found.iter().find(|address| is_private(address.ip())) {
            Some(address) if !is_named => {
                let private = Private(uri.host().unwrap_or_default().to_owned(), address.ip());
                Err(ureq::Error::Io(io::Error::other(private)))
            }
            _ => Ok(found),
        }
    }
}

/// A name that resolved to an address of a private network.
#[derive(Debug)]
struct Private(String, IpAddr);

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Private(host, address) = self;
        write!(
            f,
            "a redirect to {}, which is the private address {address}",
            quoted(host)
        )
    }
}

impl std::error::Error for Private {}

/// Says whether an address is not one of the public Internet (IANA, special-purpose address registries).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224 // multicast, reserved, broadcast
        || (a == 100 && b & 0xc0 == 64) // shared by carriers, RFC 6598
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18) // benchmarks, RFC 2544
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) => embedded(g, h), // `::`, `::1` and IPv4 in IPv6
        (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),  // NAT64
        (0x64, 0xff9b, 1, ..) => true,
        (0x2002, ..) => embedded(b, c),  // 6to4
        (0x2001, 0 | 0xdb8, ..) => true, // Teredo, documentation
        // Unique local, link local, multicast; 2000::/3 is all that was given out.
        _ => a & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn plain_http_is_followed_only_by_those_who_named_it() {
        let (plain, tls) = ("http://a.example/", "https://a.example/");
        for (named, next, follows) in [
            (tls, "https://b.example/robots.txt", true),
            (plain, "https://a.example/robots.txt", true),
            (plain, "http://www.a.example/robots.txt", true),
            (tls, "http://a.example/robots.txt", false),
            (tls, "ftp://a.example/robots.txt", false),
            (plain, "file:///etc/passwd", false),
        ] {
            let checked = check_redirect(&named.parse().unwrap(), &next.parse().unwrap());
            assert_eq!(checked.is_ok(), follows, "{named} to {next}");
        }
    }
}
