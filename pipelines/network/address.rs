//! Which addresses are private, and a resolver that leads to none of them unless the user named it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use url::Url;

use crate::error::quoted;

/// Resolves names, and refuses those of private networks but the one that the user named. What it resolved to is looked at
/// before it is connected to, so that no answer of a name server can slip in between.
#[derive(Debug)]
pub(super) struct Guard {
    named: String,
    inner: DefaultResolver,
}

impl Guard {
    /// The origin of `named` may be anywhere.
    pub(super) fn new(named: &Url) -> Self {
        Guard {
            named: origin(named),
            inner: DefaultResolver::default(),
        }
    }
}

pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
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
pub(super) struct Private(String, IpAddr);

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
}
