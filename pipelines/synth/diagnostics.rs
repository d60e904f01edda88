//! Captures that did not end in status 200: errors, and redirects with all their ways to say where to.

use super::World;
use super::clock;
use super::dice::{Dice, Purpose};
use super::hosts::HostId;
use super::page::{Target, ip_address};
use super::shard::{PageRecord, Written};
use super::warc::{Answer, Exchange, WarcWriter, new_ids};

/// One such capture for so many pages.
pub(super) const PAGES_PER_CAPTURE: u32 = 4;

const STATUSES: [(&str, f64); 11] = [
    ("404 Not Found", 42.0),
    ("301 Moved Permanently", 27.0),
    ("302 Found", 13.0),
    ("403 Forbidden", 6.0),
    ("410 Gone", 2.0),
    ("500 Internal Server Error", 2.0),
    ("503 Service Unavailable", 3.0),
    ("307 Temporary Redirect", 1.5),
    ("308 Permanent Redirect", 1.5),
    ("303 See Other", 1.0),
    ("304 Not Modified", 1.0),
];

/// Writes one capture; returns its host and whom it redirects to.
pub(super) fn capture(
    world: &World,
    writer: &mut WarcWriter,
    index: u64,
    mut each: impl FnMut(PageRecord, &[u8]) -> Written,
) -> std::io::Result<(HostId, Option<Target>)> {
    let mut dice = Dice::new(world.seed, Purpose::Diagnostics, index);
    let host = world.hosts.draw_crawled(&mut dice);
    let scheme = if dice.chance(0.6) { "https" } else { "http" };
    let origin = format!("{scheme}://{}", world.hosts.name(host));
    let word = world.lexicon.noun(0, &mut dice).to_owned();
    let path = format!("/{}/{word}-{index}", world.lexicon.noun(0, &mut dice));
    let status = STATUSES[dice.weighted(&STATUSES.map(|(_, weight)| weight))].0;
    let second = dice.below(10_800) as u32;
    let is_redirect = status.starts_with('3') && !status.starts_with("304");
    // Common Crawl's own rules know status lines of HTTP/1 only.
    let http2 = dice.chance(0.02);
    let mut head = format!(
        "{} {status}\r\nDate: {}\r\nServer: nginx\r\nContent-Type: text/html; charset=UTF-8\r\n",
        if http2 { "HTTP/2" } else { "HTTP/1.1" },
        clock::http(second)
    );
    let mut target = None;
    if is_redirect {
        let (location, found) = location(world, host, &path, &mut dice);
        target = found.map(|found| Target {
            cc: (!http2).then_some(found),
            browser: Some(found),
        });
        let name = dice.pick(&["Location", "Location", "location"]);
        head.push_str(&format!("{name}: {location}\r\n"));
    }
    let body = format!(
        "<html><head><title>{status}</title></head>\n<body><h1>{status}</h1></body></html>\n"
    );
    head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    let (ids, ip) = (new_ids(&mut dice), ip_address(&mut dice));
    let exchange = Exchange {
        ids: &ids,
        ip: &ip,
        second,
        origin: &origin,
        path: &path,
    };
    let answer = Answer {
        head: &head,
        body: body.as_bytes(),
        truncated: false,
        http2,
        payload_type: "text/html",
    };
    each(PageRecord::Request, writer.request(&exchange))?;
    each(PageRecord::Response, writer.response(&exchange, &answer))?;
    Ok((host, target))
}

/// A `Location`, and the host it leads to if that is not the own one.
fn location(world: &World, own: HostId, path: &str, dice: &mut Dice) -> (String, Option<HostId>) {
    let own_name = world.hosts.name(own);
    match dice.below(10) {
        0..=3 => (format!("https://{own_name}{path}/"), None),
        4 => (format!("{path}/"), None),
        5 => ("../index.html".to_owned(), None),
        form => {
            let host = world.hosts.sister(own).filter(|_| form == 6);
            let host = host.unwrap_or_else(|| world.hosts.draw_target(dice));
            let name = world.hosts.name(host);
            let url = match form {
                7 => format!("//{name}{path}"),
                8 => format!("http://{name}:80/"),
                _ => format!("https://{name}{path}"),
            };
            (url, Some(host))
        }
    }
}
