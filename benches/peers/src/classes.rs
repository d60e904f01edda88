//! Why a peer decides otherwise than we do: one thing at a time is taken out of the file (or written plainly), and the
//! first whose absence makes both agree names the difference.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::{Corpus, File};
use crate::peers::{PEERS, Peer};
use crate::table::Table;

const AGENTS: [&str; 2] = ["CCBot", "Googlebot"];

/// A way to write a question without one difficulty.
struct Repair {
    name: &'static str,
    body: fn(&[u8]) -> Vec<u8>,
    url: fn(&str) -> String,
}

impl Repair {
    const fn of_body(name: &'static str, body: fn(&[u8]) -> Vec<u8>) -> Self {
        Self {
            name,
            body,
            url: str::to_owned,
        }
    }
}

/// A rule that matches no URL of the files.
const NOTHING: &[u8] = b"/%00%00";
const WITH_END: &str = "rules with `$` at the end";
const WITH_STAR: &str = "rules with `*`";

/// The narrow ones first.
const REPAIRS: &[Repair] = &[
    Repair::of_body("lines that end in CR", |body| {
        lines(body).collect::<Vec<_>>().join(&b'\n')
    }),
    Repair::of_body("byte order mark", |body| {
        let is_mark = |byte: &&u8| matches!(**byte, 0xef | 0xbb | 0xbf);
        let mark = body.iter().take(3).take_while(is_mark).count();
        body[mark..].to_vec()
    }),
    Repair::of_body("text after NUL", |body| {
        each_line(body, |line| {
            let end = line.iter().position(|byte| *byte == 0);
            Some(line[..end.unwrap_or(line.len())].to_vec())
        })
    }),
    Repair::of_body("more than 500 KiB", |body| {
        let mut kept = body[..body.len().min(500 * 1024)].to_vec();
        if kept.len() < body.len() {
            let end = kept.iter().rposition(|byte| *byte == b'\n');
            kept.truncate(end.unwrap_or_default());
        }
        kept
    }),
    Repair::of_body("octets that are no UTF-8", |body| {
        String::from_utf8_lossy(body).into_owned().into_bytes()
    }),
    Repair::of_body("misspelt or missing colon", |body| {
        each_record(body, |_, value| Some(value.to_vec()))
    }),
    Repair::of_body("agent value longer than its token", |body| {
        each_record(body, |key, value| {
            if key != Key::Agent
                || value.starts_with(b"*") && value.get(1).is_none_or(u8::is_ascii_whitespace)
            {
                let value = if key == Key::Agent { b"*" } else { value };
                return Some(value.to_vec());
            }
            let is_token = |byte: &&u8| byte.is_ascii_alphabetic() || matches!(**byte, b'-' | b'_');
            Some(value.iter().take_while(is_token).copied().collect())
        })
    }),
    Repair::of_body("another record between agents or rules", |body| {
        each_record(body, |key, value| {
            (key != Key::Other).then(|| value.to_vec())
        })
    }),
    Repair::of_body("rules before any group", |body| {
        let mut in_group = false;
        each_record(body, |key, value| {
            in_group |= key == Key::Agent;
            (in_group || key == Key::Other).then(|| value.to_vec())
        })
    }),
    Repair::of_body("rule with an empty value", |body| {
        each_record(body, |key, value| {
            let is_empty_rule = matches!(key, Key::Allow | Key::Disallow) && value.is_empty();
            Some(if is_empty_rule {
                b"/%00%00".to_vec()
            } else {
                value.to_vec()
            })
        })
    }),
    Repair::of_body("rule that begins with neither `/` nor `*`", |body| {
        without_rules(body, |rule| {
            !rule.is_empty() && !rule.starts_with(b"/") && !rule.starts_with(b"*")
        })
    }),
    Repair::of_body("`%2A` or `%24` in a rule", |body| {
        without_rules(body, |rule| {
            let rule = rule.to_ascii_uppercase();
            rule.windows(3)
                .any(|octets| octets == b"%2A" || octets == b"%24")
        })
    }),
    Repair {
        name: "percent-encoding of rule or URL",
        body: |body| {
            each_record(body, |key, value| {
                let is_rule = matches!(key, Key::Allow | Key::Disallow);
                Some(if is_rule {
                    canonical(value)
                } else {
                    value.to_vec()
                })
            })
        },
        url: |url| String::from_utf8(canonical(url.as_bytes())).expect("all ASCII"),
    },
    Repair::of_body("`Allow` of an index page", |body| {
        each_record(body, |key, value| {
            let is_odd =
                key == Key::Allow && value.windows(10).any(|octets| octets == b"/index.htm");
            Some(if is_odd { NOTHING } else { value }.to_vec())
        })
    }),
    Repair {
        name: "`/robots.txt` itself",
        body: <[u8]>::to_vec,
        url: |url| url.replace("/robots.txt", "/robots-txt"),
    },
    Repair::of_body("`$` within a rule", |body| {
        without_rules(body, |rule| {
            rule.iter().rev().skip(1).any(|byte| *byte == b'$')
        })
    }),
    Repair::of_body("rule that begins with `*`", |body| {
        without_rules(body, |rule| rule.starts_with(b"*"))
    }),
    Repair {
        name: "`.` or `..` in the URL's path",
        body: <[u8]>::to_vec,
        url: |url| {
            let odd = ["/./", "/../"];
            odd.iter()
                .fold(url.to_owned(), |url, odd| url.replace(odd, "/"))
        },
    },
    Repair {
        name: "`'` in the URL's query",
        body: <[u8]>::to_vec,
        url: |url| url.replace('\'', ""),
    },
    Repair::of_body(WITH_END, |body| {
        without_rules(body, |rule| rule.ends_with(b"$"))
    }),
    Repair::of_body(WITH_STAR, |body| {
        without_rules(body, |rule| rule.contains(&b'*'))
    }),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Agent,
    Allow,
    Disallow,
    Other,
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| matches!(byte, b'\n' | b'\r'))
}

fn each_line(body: &[u8], mut line: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let lines: Vec<_> = lines(body).filter_map(&mut line).collect();
    lines.join(&b'\n')
}

/// Writes every record plainly, with another value or not at all.
fn each_record(body: &[u8], mut value_of: impl FnMut(Key, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    each_line(body, |line| {
        let line = line
            .split(|byte| *byte == b'#')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let is_separator = |byte: &u8| *byte == b':';
        let at = line
            .iter()
            .position(is_separator)
            .or_else(|| line.iter().position(u8::is_ascii_whitespace))?;
        let (key, value) = (line[..at].to_ascii_lowercase(), line[at + 1..].trim_ascii());
        let starts = |names: &[&str]| names.iter().any(|name| key.starts_with(name.as_bytes()));
        let (key, name) = if starts(&["user-agent", "useragent", "user agent"]) {
            (Key::Agent, "User-agent")
        } else if starts(&["allow"]) {
            (Key::Allow, "Allow")
        } else if starts(&[
            "disallow",
            "dissallow",
            "dissalow",
            "disalow",
            "diasllow",
            "disallaw",
        ]) {
            (Key::Disallow, "Disallow")
        } else {
            (Key::Other, std::str::from_utf8(&line[..at]).ok()?)
        };
        let value = value_of(key, value)?;
        Some([name.as_bytes(), b": ", &value].concat())
    })
}

/// Rules that are taken out leave one that matches nothing, so that their group stays one.
fn without_rules(body: &[u8], mut is_odd: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    each_record(body, |key, value| {
        let is_rule = matches!(key, Key::Allow | Key::Disallow);
        Some(if is_rule && is_odd(value) {
            b"/%00%00".to_vec()
        } else {
            value.to_vec()
        })
    })
}

/// RFC 9309, section 2.2.2: unreserved octets plain, all that may not stand in a URI encoded, in capitals.
fn canonical(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text
            .get(at + 1..at + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let encoded = digits
            .filter(|_| text[at] == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let byte = encoded.unwrap_or(text[at]);
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_plain = byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if is_unreserved || encoded.is_none() && is_plain {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
        at += if encoded.is_some() { 3 } else { 1 };
    }
    out
}

/// `None`: the file is rejected.
fn decide(peer: &Peer, body: &[u8], agent: &str, url: &str) -> Option<bool> {
    let sample = (peer.sample)(body, agent, &[url.to_owned()], 0);
    (!sample.rejected).then_some(sample.allowed == 1)
}

fn agree(peer: &Peer, body: &[u8], agent: &str, url: &str) -> bool {
    decide(peer, body, agent, url) == decide(&PEERS[0], body, agent, url)
}

/// Whether some rule, alone in a file, is answered differently: then matching differs, and not weighing.
fn differs_alone(peer: &Peer, body: &[u8], url: &str, is_asked: impl Fn(&[u8]) -> bool) -> bool {
    let mut differs = false;
    each_record(body, |key, value| {
        if matches!(key, Key::Allow | Key::Disallow) && is_asked(value) {
            let alone = [b"User-agent: *\nDisallow: ", value, b"\n"].concat();
            differs |= !agree(peer, &alone, "a", url);
        }
        None
    });
    differs
}

fn class_of(peer: &Peer, file: &File, agent: &str, url: &str) -> Cow<'static, str> {
    if decide(peer, &file.body, agent, url).is_none() {
        return match (std::str::from_utf8(&file.body), file.body.len()) {
            (Err(_), _) => "rejected: octets that are no UTF-8",
            (Ok(_), 524_289..) => "rejected: over 512 KiB",
            (Ok(_), _) => "rejected: a rule's regular expression",
        }
        .into();
    }
    let repaired = |first: &Repair, second: Option<&Repair>| {
        let (mut body, mut url) = ((first.body)(&file.body), (first.url)(url));
        if let Some(second) = second {
            (body, url) = ((second.body)(&body), (second.url)(&url));
        }
        agree(peer, &body, agent, &url)
    };
    let both = |alone: bool, matching: &'static str, weighing: &'static str| {
        if alone { matching } else { weighing }
    };
    for repair in REPAIRS {
        if repaired(repair, None) {
            return match repair.name {
                WITH_END => both(
                    differs_alone(peer, &file.body, url, |rule| rule.ends_with(b"$")),
                    "`*x$` tried at the first `x` only, or not at the end",
                    "octets of a rule with `$`",
                ),
                WITH_STAR => both(
                    differs_alone(peer, &file.body, url, |rule| rule.contains(&b'*')),
                    "a rule with `*` matched otherwise",
                    "octets of a rule with `*`",
                ),
                name => name,
            }
            .into();
        }
    }
    for (n, first) in REPAIRS.iter().enumerate() {
        for second in &REPAIRS[n + 1..] {
            if repaired(first, Some(second)) {
                return format!("{} and {}", first.name, second.name).into();
            }
        }
    }
    "not explained".into()
}

pub fn print(corpus: &Corpus, list: bool) {
    // The compiled matcher of fast-robots decides as its plain one does.
    let peers: Vec<&Peer> = PEERS[1..]
        .iter()
        .filter(|peer| !peer.name.contains("matcher"))
        .collect();
    let mut classes: BTreeMap<String, Vec<(usize, BTreeSet<&str>)>> = BTreeMap::new();
    for file in &corpus.files {
        for agent in AGENTS {
            let ours = (PEERS[0].sample)(&file.body, agent, &file.urls, 0);
            for (column, peer) in peers.iter().enumerate() {
                let sample = (peer.sample)(&file.body, agent, &file.urls, 0);
                for (n, url) in file.urls.iter().enumerate() {
                    let differs = (sample.allowed ^ ours.allowed) >> n & 1 == 1;
                    if !differs && !sample.rejected {
                        continue;
                    }
                    let class = class_of(peer, file, agent, url);
                    if list {
                        eprintln!("{}\t{}\t{agent}\t{url}\t{class}", peer.name, file.id);
                    }
                    let counts = classes.entry(class.into_owned());
                    let counts = counts.or_insert_with(|| vec![Default::default(); peers.len()]);
                    counts[column].0 += 1;
                    counts[column].1.insert(&file.id);
                }
            }
        }
    }
    println!("\n## Where peers differ from crawlrank: decisions (files)\n");
    let mut header = vec!["what the file has"];
    header.extend(peers.iter().map(|peer| peer.name));
    let mut table = Table::new(&header);
    let mut rows: Vec<_> = classes.into_iter().collect();
    rows.sort_by_key(|(_, counts)| {
        std::cmp::Reverse(counts.iter().map(|count| count.0).sum::<usize>())
    });
    for (class, counts) in rows {
        let cell = |(decisions, files): (usize, BTreeSet<&str>)| match decisions {
            0 => String::new(),
            _ => format!("{decisions} ({})", files.len()),
        };
        table.row(std::iter::once(class).chain(counts.into_iter().map(cell)));
    }
    table.print();
}
