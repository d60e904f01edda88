//! Files made to be slow: one file, one agent, one URL of 2,000 octets. Each peer meets each input in a process of its
//! own, which is ended when it takes too long.

use std::hint::black_box;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crawlrank_robots::{ParseOptions, RobotsTxt};

use crate::corpus::Corpus;
use crate::heap::cost_of;
use crate::peers::{PEERS, since};
use crate::random::Random;
use crate::table::Table;

const AGENT: &str = "CCBot";
const LIMIT: Duration = Duration::from_secs(3);
/// RFC 9309 wants at least this much to be read; peers with a limit have it here.
const SIZE: usize = 500 * 1024;
const URL_OCTETS: usize = 2_000;

struct Input {
    name: &'static str,
    make: fn() -> (Vec<u8>, String),
}

/// The same rule up to the full size.
fn repeated(line: &str) -> Vec<u8> {
    filled(|_| format!("{line}\n"))
}

/// A group for everyone, filled with lines up to the full size.
fn filled(line: impl FnMut(usize) -> String) -> Vec<u8> {
    filled_after("user-agent:*\n", line)
}

fn filled_after(head: &str, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut body = head.to_owned();
    for n in 0.. {
        let line = line(n);
        if body.len() + line.len() > SIZE {
            break;
        }
        body.push_str(&line);
    }
    body.into_bytes()
}

fn url(path: &str) -> String {
    let mut path = path.to_owned();
    let end = (0..URL_OCTETS)
        .rev()
        .find(|&end| path.is_char_boundary(end));
    path.truncate(end.unwrap_or_default());
    format!("https://h.example/{path}")
}

/// The URL whose path is one text again and again.
fn url_of(text: &str) -> String {
    url(&text.repeat(URL_OCTETS / text.len() + 1))
}

/// A URL over two letters, and its path.
fn binary_url() -> (String, String) {
    let path = Random(99).text(b"ab", URL_OCTETS - 1);
    (url(&path), path)
}

/// Some octets of `path` with the last one changed, so that a search for them nearly succeeds.
fn near_miss(random: &mut Random, path: &str, len: usize) -> String {
    loop {
        let at = random.below(path.len() - len);
        let mut text = path[at..at + len].to_owned();
        let last = text.pop();
        text.push(if last == Some('a') { 'b' } else { 'a' });
        if !path.contains(&text) {
            return text;
        }
    }
}

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The first twelve are those of the study that set the target, the others try to be worse.
const INPUTS: &[Input] = &[
    Input {
        name: "one line `/*a*a…*b$`",
        make: || {
            (
                format!(
                    "user-agent:*\ndisallow:/{}*b$\n",
                    "*a".repeat(SIZE / 2 - 20)
                )
                .into_bytes(),
                url_of("a"),
            )
        },
    },
    Input {
        name: "lines of 2 KB `/*a*a…*b$`",
        make: || {
            (
                repeated(&format!("disallow:/{}*b$", "*a".repeat(1_000))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "lines of 90 bytes `/*a*a…*b$`",
        make: || {
            (
                repeated(&format!("disallow:/{}*b$", "*a".repeat(38))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "550 lines `/*a{900}b*c$`",
        make: || {
            (
                repeated(&format!("disallow:/*{}b*c$", "a".repeat(900))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "9,000 lines `/*/*…x$`",
        make: || {
            (
                repeated(&format!("disallow:/{}x$", "*/".repeat(22))),
                url_of("/"),
            )
        },
    },
    Input {
        name: "10 MB, 230,000 lines",
        make: || {
            let lines =
                (0..230_000).map(|n| format!("disallow:/directory-number-{n}/with-a-name\n"));
            (
                format!("user-agent:*\n{}", lines.collect::<String>()).into_bytes(),
                url_of("directory-number-"),
            )
        },
    },
    Input {
        name: "35 MB, 1,000,000 groups",
        make: || {
            let groups = (0..1_000_000).map(|n| format!("user-agent:bot-{n}\ndisallow:/p{n}\n"));
            (groups.collect::<String>().into_bytes(), url_of("p"))
        },
    },
    Input {
        name: "1,000,000 agents in one group",
        make: || {
            let agents = (0..1_000_000).map(|n| format!("user-agent:bot-{n}\n"));
            (
                format!("{}disallow:/p\n", agents.collect::<String>()).into_bytes(),
                url_of("p"),
            )
        },
    },
    Input {
        name: "one agent 100,000 times",
        make: || {
            (
                format!("{}disallow:/p\n", "user-agent:ccbot\n".repeat(100_000)).into_bytes(),
                url_of("p"),
            )
        },
    },
    Input {
        name: "only NUL",
        make: || (vec![0; SIZE], url_of("a")),
    },
    Input {
        name: "lines end in CR",
        make: || {
            let mut body = filled(|n| format!("disallow:/directory-{n}/\n"));
            body.iter_mut()
                .filter(|byte| **byte == b'\n')
                .for_each(|byte| *byte = b'\r');
            (body, url_of("directory-"))
        },
    },
    Input {
        name: "UTF-16 with its mark",
        make: || {
            let body = String::from_utf8(filled(|n| format!("disallow:/directory-{n}/\n")))
                .expect("ASCII");
            let units = std::iter::once(0xFEFF).chain(body[..SIZE / 2].encode_utf16());
            (
                units.flat_map(u16::to_le_bytes).collect(),
                url_of("directory-"),
            )
        },
    },
    Input {
        name: "`*ab`, URL of `a`",
        make: || (repeated("allow:*ab"), url_of("a")),
    },
    Input {
        name: "`*ab*c` and `*b*a$` in turn, URL of `ab`",
        make: || {
            (
                filled(|n| ["allow:*ab*c\n", "allow:*b*a$\n"][n % 2].to_owned()),
                url_of("ab"),
            )
        },
    },
    Input {
        name: "`*` and 12 to 40 of `ab`, near misses",
        make: || {
            let (url, path) = binary_url();
            let mut random = Random(5);
            let body =
                filled(|n| format!("allow:*{}\n", near_miss(&mut random, &path, 12 + n % 29)));
            (body, url)
        },
    },
    Input {
        name: "`*`, 3 to 40 of `ab`, `*c`",
        make: || {
            let (url, _) = binary_url();
            let mut random = Random(6);
            let body = filled(|n| format!("allow:*{}*c\n", random.text(b"ab", 3 + n % 38)));
            (body, url)
        },
    },
    Input {
        name: "`*` and every absent word of `ab`, 11 to 15",
        make: || {
            let (url, path) = binary_url();
            let words = (11..=15).flat_map(|len| {
                (0..1_u32 << len).map(move |bits| -> String {
                    (0..len)
                        .map(|bit| if bits >> bit & 1 == 1 { 'a' } else { 'b' })
                        .collect()
                })
            });
            let mut words = words.filter(|word| !path.contains(word.as_str()));
            (
                filled(|_| {
                    words
                        .next()
                        .map_or("#\n".to_owned(), |word| format!("allow:*{word}\n"))
                }),
                url,
            )
        },
    },
    Input {
        name: "`*` and an absent triple of 64 letters",
        make: || {
            let mut random = Random(8);
            let path = random.text(BASE64, URL_OCTETS - 1);
            let body = filled(|_| {
                loop {
                    let word = random.text(BASE64, 3);
                    if !path.contains(&word) {
                        break format!("allow:*{word}\n");
                    }
                }
            });
            (body, url(&path))
        },
    },
    Input {
        name: "`/` pair `*` absent triple, all of 64 letters",
        make: || {
            let mut random = Random(9);
            let path = random.text(BASE64, URL_OCTETS - 1);
            let first = path[..2].to_owned();
            let body = filled(|_| format!("allow:/{first}*{}!\n", random.text(BASE64, 3)));
            (body, url(&path))
        },
    },
    Input {
        name: "two present words in the wrong order",
        make: || {
            let mut random = Random(10);
            let path = random.text(BASE64, URL_OCTETS - 1);
            let body = filled(|_| {
                let (early, late) = (random.below(900), 1_000 + random.below(900));
                format!(
                    "allow:*{}*{}\n",
                    &path[late..late + 6],
                    &path[early..early + 6]
                )
            });
            (body, url(&path))
        },
    },
    Input {
        name: "the same with `$`",
        make: || {
            let mut random = Random(11);
            let path = random.text(BASE64, URL_OCTETS - 1);
            let body = filled(|_| {
                let (early, late) = (random.below(900), 1_000 + random.below(900));
                format!(
                    "allow:*{}*{}$\n",
                    &path[early..early + 6],
                    &path[late..late + 6]
                )
            });
            (body, url(&path))
        },
    },
    Input {
        name: "ten present letters, then an absent one",
        make: || {
            let mut random = Random(12);
            let path = random.text(BASE64, URL_OCTETS - 1);
            let body = filled(|_| {
                let letters: Vec<String> = (0..10).map(|_| random.text(BASE64, 1)).collect();
                format!("allow:*{}*!\n", letters.join("*"))
            });
            (body, url(&path))
        },
    },
    Input {
        name: "`*a{1..500}b`, URL of `a`",
        make: || {
            (
                filled(|n| format!("allow:*{}b\n", "a".repeat(1 + n % 500))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "`*a{1990}b`, URL of `a`",
        make: || {
            (
                repeated(&format!("allow:*{}b", "a".repeat(1_990))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "`*ba{20}`, URL of `a` and few `b`",
        make: || {
            (
                filled(|n| format!("allow:*b{}\n", "a".repeat(20 + n % 40))),
                url_of(&format!("b{}", "a".repeat(19))),
            )
        },
    },
    Input {
        name: "`*a{n}`, all match, each longer than the last",
        make: || {
            (
                filled(|n| format!("allow:*{}\n", "a".repeat(n))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "`/a{8}*` and a near miss",
        make: || {
            (
                filled(|n| format!("allow:/aaaaaaaa*{}b\n", "a".repeat(n % 30))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "three present words of `ab`, then an absent one",
        make: || {
            let (url, path) = binary_url();
            let mut random = Random(13);
            let body = filled(|n| {
                let at = random.below(1_500);
                let words = [
                    &path[at..at + 9],
                    &path[at + 90..at + 99],
                    &path[at + 200..at + 209],
                ];
                format!(
                    "allow:*{}*{}\n",
                    words.join("*"),
                    near_miss(&mut random, &path, 14 + n % 9)
                )
            });
            (body, url)
        },
    },
    Input {
        name: "a long literal before and after the place",
        make: || {
            let literal = format!("{}bb", "ab".repeat(30));
            let path = format!("q{literal}{}{literal}", "ab".repeat(930));
            (repeated(&format!("disallow:/q*bb*{literal}*/")), url(&path))
        },
    },
    Input {
        name: "a short literal before and after the place",
        make: || {
            let path = format!("qababbb{}ababbb", "ab".repeat(980));
            (repeated("disallow:/q*bb*ababbb*/"), url(&path))
        },
    },
    Input {
        name: "sixty literals of three octets, each far from the last",
        make: || {
            let (x, y) = ("x".repeat(29), "y".repeat(29));
            let path = format!("z{}", format!("abc{x}ABC{y}").repeat(31));
            let line = format!("disallow:/*{}zz", "abc*ABC*".repeat(31));
            (repeated(&line), url(&path))
        },
    },
    Input {
        name: "sixty literals of five octets, each far from the last",
        make: || {
            let (x, y) = ("x".repeat(27), "y".repeat(27));
            let path = format!("z{}", format!("abcde{x}ABCDE{y}").repeat(31));
            let line = format!("disallow:/*{}zz", "abcde*ABCDE*".repeat(31));
            (repeated(&line), url(&path))
        },
    },
    Input {
        name: "all rules share 900 octets with the URL",
        make: || {
            (
                filled(|n| format!("disallow:/{}{n}\n", "a".repeat(900))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "all rules share 20 octets with the URL",
        make: || {
            (
                filled(|n| format!("disallow:/{}{n}\n", "a".repeat(20))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "every prefix of the URL, an octet wrong",
        make: || {
            (
                filled(|n| format!("disallow:/{}b\n", "a".repeat(n % 1_000))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "everything `%`-escaped",
        make: || {
            (
                filled(|n| format!("disallow:/{}{n}\n", "%61".repeat(10))),
                url_of("%61"),
            )
        },
    },
    Input {
        name: "everything `%`-escaped, with `*`",
        make: || {
            (
                filled(|n| format!("disallow:*{}%62{n}\n", "%61".repeat(n % 20))),
                url_of("%61"),
            )
        },
    },
    Input {
        name: "long lines of `%61`",
        make: || {
            (
                filled(|_| format!("disallow:/{}\n", "%61".repeat(5_000))),
                url_of("%61"),
            )
        },
    },
    Input {
        name: "octets beyond ASCII",
        make: || {
            (
                filled(|n| format!("disallow:*{}{n}\n", "\u{fc}".repeat(n % 10))),
                url_of("\u{fc}"),
            )
        },
    },
    Input {
        name: "long lines of octets that are no UTF-8",
        make: || {
            let mut body = filled(|_| format!("disallow:/{}\n", "~".repeat(16_000)));
            body.iter_mut()
                .filter(|byte| **byte == b'~')
                .for_each(|byte| *byte = 0xff);
            (body, url_of("%FF"))
        },
    },
    Input {
        name: "only `*`, in lines of 100",
        make: || {
            (
                repeated(&format!("disallow:/{}b", "*".repeat(100))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "only `*`, in lines of 16,000",
        make: || {
            (
                repeated(&format!("disallow:/{}b", "*".repeat(16_000))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "`disallow:/`",
        make: || (repeated("disallow:/"), url_of("a")),
    },
    Input {
        name: "`allow:`",
        make: || (repeated("allow:"), url_of("a")),
    },
    Input {
        name: "`disallow:x`",
        make: || (repeated("disallow:x"), url_of("x")),
    },
    Input {
        name: "`disallow /x`, no colon",
        make: || (repeated("disallow /x"), url_of("a")),
    },
    Input {
        name: "`allow:/n/index.html`",
        make: || (filled(|n| format!("allow:/{n}/index.html\n")), url_of("a")),
    },
    Input {
        name: "numbers as rules, descending",
        make: || {
            (
                filled(|n| format!("disallow:/{}\n", 99_999 - n.min(99_999))),
                url_of("9"),
            )
        },
    },
    Input {
        name: "only LF",
        make: || (vec![b'\n'; SIZE], url_of("a")),
    },
    Input {
        name: "only CR",
        make: || (vec![b'\r'; SIZE], url_of("a")),
    },
    Input {
        name: "only spaces",
        make: || (vec![b' '; SIZE], url_of("a")),
    },
    Input {
        name: "only `:`",
        make: || (vec![b':'; SIZE], url_of("a")),
    },
    Input {
        name: "only `#` lines",
        make: || (b"#\n".repeat(SIZE / 2), url_of("a")),
    },
    Input {
        name: "only `a:` lines",
        make: || (b"a:\n".repeat(SIZE / 3), url_of("a")),
    },
    Input {
        name: "only agents, each another",
        make: || {
            (
                filled_after("", |n| format!("user-agent:{}\n", letters(n))),
                url_of("a"),
            )
        },
    },
    Input {
        name: "only the agent asked for",
        make: || {
            (
                filled_after("", |_| "user-agent:ccbot\n".to_owned()),
                url_of("a"),
            )
        },
    },
    Input {
        name: "a group of its own for every rule",
        make: || {
            (
                filled_after("", |n| format!("user-agent:ccbot\nallow:/{n}\n")),
                url_of("1"),
            )
        },
    },
    Input {
        name: "a group of another agent for every rule",
        make: || {
            (
                filled_after("", |n| format!("user-agent:{}\nallow:/{n}\n", letters(n))),
                url_of("1"),
            )
        },
    },
    Input {
        name: "`user-agent:*`, and `crawl-delay:1` between",
        make: || {
            (
                filled_after("", |_| "user-agent:*\ncrawl-delay:1\n".to_owned()),
                url_of("a"),
            )
        },
    },
    Input {
        name: "only sitemaps",
        make: || (repeated("sitemap:/"), url_of("a")),
    },
];

/// A number as a product token.
fn letters(mut n: usize) -> String {
    let mut token = String::new();
    loop {
        token.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
        if n == 0 {
            return token;
        }
    }
}

/// In the child: prints milliseconds and what was decided.
pub fn one(peer: usize, input: usize) {
    let (body, url) = (INPUTS[input].make)();
    let urls = [url];
    let mut least = f64::INFINITY;
    let mut verdict = "";
    let begin = Instant::now();
    for _ in 0..20 {
        let start = Instant::now();
        let sample = (PEERS[peer].sample)(&body, AGENT, &urls, 0);
        let time = since(start) / 1e6;
        least = least.min(time);
        verdict = match (sample.rejected, sample.allowed) {
            (true, _) => "rejected",
            (false, 0) => "no",
            (false, _) => "yes",
        };
        if since(begin) > 3e8 {
            break;
        }
    }
    let cost = cost_of(|| (PEERS[peer].sample)(&body, AGENT, &urls, 0));
    println!("{least} {verdict} {}", cost.peak);
}

struct Outcome {
    milliseconds: f64,
    verdict: String,
    peak: f64,
}

/// `None` when it did not end in time, or not well.
fn in_child(peer: usize, input: usize) -> Option<Outcome> {
    let program = std::env::current_exe().expect("a path to this program");
    let mut child = Command::new(program)
        .args(["hostile-one", &peer.to_string(), &input.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child process");
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child's status") {
            if !status.success() {
                return None;
            }
            break;
        }
        if start.elapsed() > LIMIT {
            child.kill().expect("the child ends");
            child.wait().expect("the child's status");
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    let mut fields = text.split_whitespace();
    Some(Outcome {
        milliseconds: fields.next()?.parse().ok()?,
        verdict: fields.next()?.to_owned(),
        peak: fields.next()?.parse().ok()?,
    })
}

/// `only_ours` is for those who change it: seconds instead of minutes.
pub fn print(only_ours: bool) {
    let peers = if only_ours { &PEERS[..1] } else { &PEERS };
    println!(
        "\n## Hostile files: parse, choose the agent, ask one URL; milliseconds (target for ours: 5)\n"
    );
    println!(
        "A word says what was decided where it is not what ours decided; `-` did not end within {LIMIT:?}.\n"
    );
    let mut header = vec!["input", "allowed"];
    header.extend(peers.iter().map(|peer| peer.name));
    header.push("ours: peak heap, KB");
    let mut table = Table::new(&header);
    let mut worst = vec![(0.0_f64, ""); peers.len()];
    let mut unfinished = vec![0; peers.len()];
    for (index, input) in INPUTS.iter().enumerate() {
        let outcomes: Vec<_> = (0..peers.len()).map(|peer| in_child(peer, index)).collect();
        let ours = outcomes[0]
            .as_ref()
            .map_or("-", |ours| ours.verdict.as_str());
        let mut row = vec![input.name.to_owned(), ours.to_owned()];
        for (peer, outcome) in outcomes.iter().enumerate() {
            row.push(match outcome {
                None => {
                    unfinished[peer] += 1;
                    "-".to_owned()
                }
                Some(outcome) => {
                    if outcome.milliseconds > worst[peer].0 {
                        worst[peer] = (outcome.milliseconds, input.name);
                    }
                    let verdict = if outcome.verdict == ours {
                        ""
                    } else {
                        &outcome.verdict
                    };
                    format!("{:.2} {verdict}", outcome.milliseconds)
                        .trim_end()
                        .to_owned()
                }
            });
        }
        let peak = outcomes[0].as_ref().map_or(f64::NAN, |ours| ours.peak);
        row.push(format!("{:.0}", peak / 1e3));
        table.row(row);
    }
    table.print();
    println!();
    for (peer, (milliseconds, name)) in worst.into_iter().enumerate() {
        let name = if name.is_empty() { "nothing" } else { name };
        println!(
            "- {}: at most {milliseconds:.2} ms, on {name}; {} not ended",
            peers[peer].name, unfinished[peer]
        );
    }
}

/// One file of 47 MB, read to its end by all who can be told to.
pub fn print_unlimited(corpus: &Corpus) {
    const TOTAL: usize = 47_000_000;
    let mut body: Vec<u8> = Vec::with_capacity(TOTAL);
    let parts = corpus
        .files
        .iter()
        .filter(|file| std::str::from_utf8(&file.body).is_ok() && !file.body.contains(&0));
    for file in parts.cycle() {
        if body.len() + file.body.len() > TOTAL {
            break;
        }
        body.extend_from_slice(&file.body);
        body.push(b'\n');
    }
    let unlimited = ParseOptions {
        max_bytes: usize::MAX,
        ..ParseOptions::default()
    };
    let options = fast_robots::ParseOptions { max_bytes: None };
    type Way<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let ways: [Way; 3] = [
        (
            "**crawlrank**",
            Box::new(|| drop(black_box(RobotsTxt::parse_with(&body, &unlimited)))),
        ),
        (
            "fast-robots",
            Box::new(|| {
                drop(black_box(fast_robots::RobotsTxt::parse_bytes_with_options(
                    &body, options,
                )))
            }),
        ),
        (
            "texting_robots, one agent",
            Box::new(|| drop(black_box(texting_robots::Robot::new(AGENT, &body)))),
        ),
    ];
    println!(
        "\n## Real files joined to one of {:.0} MB, no limit (target: 100 ms, 2 x its size)\n",
        body.len() as f64 / 1e6
    );
    let mut table = Table::new(&["", "ms", "peak heap, MB"]);
    for (name, way) in ways {
        let time = |_| {
            let start = Instant::now();
            way();
            since(start) / 1e6
        };
        let least = (0..3).map(time).fold(f64::INFINITY, f64::min);
        table.row([
            name.to_owned(),
            format!("{least:.0}"),
            format!("{:.0}", cost_of(&way).peak / 1e6),
        ]);
    }
    table.print();
}
