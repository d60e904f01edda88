//! One request: who asks, how long it waits, and where redirects may lead, each of which is looked at.
//!
//! Plain http and private networks are reached only when the user named them. Proxies of the environment are not used:
//! what they resolve nobody can look at.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Response;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::Url;

use super::address::{Guard, Private, origin};
use crate::error::{Result, quoted};

/// Who asks, in every request.
pub const USER_AGENT: &str = concat!(
    "crawlrank/",
    env!("CARGO_PKG_VERSION"),
    " (+",
    env!("CARGO_PKG_REPOSITORY"),
    ")"
);

/// How long is waited for what, and how many redirects are followed.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer.
    pub head: Duration,
    /// For the next bytes of its body.
    pub read: Duration,
    /// Redirects that are followed.
    pub max_redirects: u32,
}

impl Patience {
    /// What shards are worth: their bodies take long, and are watched by whoever reads them.
    pub fn of_shards() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
            read: Duration::from_secs(30),
            max_redirects: 5,
        }
    }
}

/// Hosts that a redirect may lead to.
#[derive(Clone, Debug)]
pub enum Hosts {
    /// Any of the public Internet.
    Any,
    /// The one that was named, and these.
    Listed(BTreeSet<String>),
}

/// Asks servers on behalf of a user who named one origin.
pub struct Client {
    agent: Agent,
    named: Url,
    hosts: Hosts,
    patience: Patience,
}

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where.
    pub url: &'a Url,
    /// Whether the head of the answer is enough.
    pub is_head: bool,
    /// Headers beside those of every request.
    pub headers: &'a [(&'static str, String)],
    /// When the answer must have ended, if at all.
    pub deadline: Option<Instant>,
}

/// What a server answered in the end.
pub struct Answer {
    /// The status; a redirect when there was one more than is followed, or one that leads nowhere.
    pub status: u16,
    /// Redirects that were followed.
    pub redirects: u32,
    /// Where the answer came from.
    pub url: Url,
    /// The answer itself, its body not yet read.
    pub response: Response<Body>,
}

impl Answer {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
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

impl Client {
    /// A client for a user who named the origin of `named`.
    pub fn new(named: &Url, hosts: Hosts, patience: Patience) -> Self {
        let config = Config::builder()
            .user_agent(USER_AGENT)
            .http_status_as_error(false)
            .max_redirects(0) // ours, each looked at
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.head))
            .timeout_per_read(Some(patience.read))
            .max_idle_connections(0) // one that waits would count as well, and files are large
            .build();
        Client {
            agent: Agent::with_parts(config, DefaultConnector::default(), Guard::new(named)),
            named: named.clone(),
            hosts,
            patience,
        }
    }

    /// Asks, and follows where it may; `before` is called before each request, and its error ends the attempt. A redirect too
    /// many, or to nowhere, is an answer like others.
    ///
    /// # Errors
    /// Those of `before`; everything that the network does is in the value.
    pub fn ask(
        &self,
        request: &Request,
        before: &mut dyn FnMut() -> Result<()>,
    ) -> Result<std::result::Result<Answer, Failure>> {
        let (mut url, mut redirects) = (request.url.clone(), 0);
        loop {
            before()?;
            let response = match self.call(&url, request) {
                Ok(response) => response,
                Err(error) => return Ok(Err(failure(&error))),
            };
            let answer = Answer {
                status: response.status().as_u16(),
                redirects,
                url,
                response,
            };
            let next = match is_redirect(answer.status) && redirects < self.patience.max_redirects {
                true => answer.header("location"),
                false => None,
            };
            let Some(mut next) = next.and_then(|location| answer.url.join(&location).ok()) else {
                return Ok(Ok(answer));
            };
            if let Err(refused) = self.check_redirect(&next) {
                return Ok(Err(refused));
            }
            // Nobody gave us a name and a password to show to others.
            let _ = next.set_username("").and_then(|()| next.set_password(None));
            (url, redirects) = (next, redirects + 1);
        }
    }

    fn call(
        &self,
        url: &Url,
        request: &Request,
    ) -> std::result::Result<Response<Body>, ureq::Error> {
        let call = match request.is_head {
            true => self.agent.head(url.as_str()),
            false => self.agent.get(url.as_str()),
        };
        let mut call = call.header("Accept-Encoding", "identity");
        for (name, value) in request.headers {
            call = call.header(*name, value);
        }
        let left = request.deadline.map(|deadline| {
            // Nothing left means no time, and no limit to the library.
            deadline
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1))
        });
        call.config().timeout_global(left).build().call()
    }

    /// Plain http is for those who named it, and other hosts for those who allowed them.
    fn check_redirect(&self, next: &Url) -> std::result::Result<(), Failure> {
        let refuse = |why: String| {
            let next = quoted(super::shown(next).to_string_lossy().as_bytes());
            Err(Failure::RefusedRedirect(format!(
                "a redirect to {next}, {why}"
            )))
        };
        let named = &self.named;
        match next.scheme() {
            "https" => {}
            "http" if named.scheme() == "http" => {}
            _ => return refuse(format!("which is not followed from {}", named.scheme())),
        }
        let host = next.host_str().unwrap_or_default();
        match &self.hosts {
            Hosts::Any => Ok(()),
            Hosts::Listed(_) if origin(next) == origin(named) => Ok(()),
            Hosts::Listed(_) if next.scheme() == "http" => {
                refuse("plain http to a server that was not named".to_owned())
            }
            // Another port is another server.
            Hosts::Listed(_) if next.port().is_some() => {
                refuse("which is another server".to_owned())
            }
            Hosts::Listed(_) if next.host_str() == named.host_str() => Ok(()),
            Hosts::Listed(hosts) if hosts.contains(host) => Ok(()),
            Hosts::Listed(_) => refuse("which is another host".to_owned()),
        }
    }
}

/// Statuses that send elsewhere by `Location` (RFC 9110, section 15.4); 304 and the like are answers.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// What the library says of an attempt, as a value of ours.
pub(super) fn failure(error: &ureq::Error) -> Failure {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_they_may() {
        let (plain, tls) = ("http://a.example:81/", "https://a.example/");
        for (named, next, any, listed) in [
            (tls, "https://a.example/x", true, true),
            (tls, "https://b.example/x", true, false),
            (tls, "https://ok.example/x", true, true),
            (tls, "https://a.example:8443/x", true, false),
            (plain, "https://a.example/x", true, true),
            (plain, "http://a.example:81/x", true, true),
            (plain, "http://a.example/x", true, false),
            (plain, "http://ok.example/x", true, false),
            (plain, "http://a.example:82/x", true, false),
            (tls, "http://a.example/x", false, false),
            (tls, "ftp://a.example/x", false, false),
            (plain, "file:///etc/passwd", false, false),
        ] {
            let url = |text: &str| text.parse::<Url>().unwrap();
            let client = |hosts| Client::new(&url(named), hosts, Patience::of_shards());
            let ok_example = BTreeSet::from(["ok.example".to_owned()]);
            for (hosts, follows) in [(Hosts::Any, any), (Hosts::Listed(ok_example), listed)] {
                let checked = client(hosts).check_redirect(&url(next));
                assert_eq!(checked.is_ok(), follows, "{named} to {next}: {checked:?}");
            }
        }
    }
}
