//! Time per file and per URL. Every figure of a file is its least over passes; passes take the peers in turn, so that
//! other work on the machine hits all alike.

use std::hint::black_box;
use std::time::Instant;

use crawlrank_robots::RobotsTxt;

use crate::corpus::Corpus;
use crate::peers::{AGENTS, CENSUSES, PARSERS, PEERS, since};
use crate::table::{Table, mean, nanoseconds, quantile};

const AGENT: &str = "CCBot";
/// Times the URLs of a file are asked again in passes that measure that.
const REPEATS: u32 = 8;
const URLS: f64 = 10.0;

/// Least time of each file.
struct Least(Vec<f64>);

impl Least {
    fn new(num_files: usize) -> Self {
        Self(vec![f64::INFINITY; num_files])
    }

    fn see(&mut self, file: usize, nanoseconds: f64) {
        self.0[file] = self.0[file].min(nanoseconds);
    }

    fn mean(&self) -> f64 {
        mean(self.0.iter().copied())
    }

    fn cells(&self, share: f64) -> [String; 3] {
        let of_one: Vec<f64> = self.0.iter().map(|time| time * share).collect();
        [
            nanoseconds(mean(of_one.iter().copied())),
            nanoseconds(quantile(&of_one, 0.5)),
            nanoseconds(quantile(&of_one, 0.99)),
        ]
    }
}

/// What reading the clock twice takes, so that it can be taken off.
fn clock() -> f64 {
    let pair = |_| {
        let start = Instant::now();
        since(start)
    };
    (0..100_000).map(pair).fold(f64::INFINITY, f64::min)
}

pub fn print(corpus: &Corpus, passes: usize) {
    let clock = clock();
    println!("\n({passes} passes; {clock:.0} ns of the clock taken off each figure.)");
    parse(corpus, passes, clock);
    one_agent(corpus, passes, clock);
    load(corpus, passes, clock);
}

fn parse(corpus: &Corpus, passes: usize, clock: f64) {
    let num_files = corpus.files.len();
    let mut least: Vec<Least> = PARSERS.iter().map(|_| Least::new(num_files)).collect();
    for _ in 0..passes {
        for (parser, least) in PARSERS.iter().zip(&mut least) {
            for (n, file) in corpus.files.iter().enumerate() {
                least.see(n, (parser.parse)(&file.body) - clock);
            }
        }
    }
    println!("\n## Parse for all agents, per file\n");
    let mut table = Table::new(&["", "mean", "p50", "p99", "MB/s", "ours to it", "target"]);
    for (parser, times) in PARSERS.iter().zip(&least) {
        let rate = corpus.num_bytes() as f64 / times.0.iter().sum::<f64>() * 1e3;
        let target = if parser.name == "fast-robots" {
            "0.80"
        } else {
            ""
        };
        let [mean, p50, p99] = times.cells(1.0);
        table.row([
            parser.name.to_owned(),
            mean,
            p50,
            p99,
            format!("{rate:.0}"),
            format!("{:.2}", least[0].mean() / times.mean()),
            target.to_owned(),
        ]);
    }
    table.print();
}

/// Times of one peer, agent CCBot.
struct OneAgent {
    ready: Least,
    once: Least,
    repeated: Least,
    end_to_end: Least,
    with_drop: Least,
}

fn one_agent(corpus: &Corpus, passes: usize, clock: f64) {
    let least = |_: &_| {
        let least = || Least::new(corpus.files.len());
        OneAgent {
            ready: least(),
            once: least(),
            repeated: least(),
            end_to_end: least(),
            with_drop: least(),
        }
    };
    let mut peers: Vec<OneAgent> = PEERS.iter().map(least).collect();
    for _ in 0..passes {
        for (peer, times) in PEERS.iter().zip(&mut peers) {
            for (n, file) in corpus.files.iter().enumerate() {
                let start = Instant::now();
                let sample = (peer.sample)(&file.body, AGENT, &file.urls, 0);
                // Two more pairs of readings lie inside.
                times.with_drop.see(n, since(start) - 3.0 * clock);
                times.ready.see(n, sample.ready - clock);
                times
                    .end_to_end
                    .see(n, sample.ready + sample.once - 2.0 * clock);
                if !sample.rejected {
                    times.once.see(n, sample.once - clock);
                }
            }
        }
        for (peer, times) in PEERS.iter().zip(&mut peers) {
            for (n, file) in corpus.files.iter().enumerate() {
                let sample = (peer.sample)(&file.body, AGENT, &file.urls, REPEATS);
                if !sample.rejected {
                    times
                        .repeated
                        .see(n, sample.repeated - clock / f64::from(REPEATS));
                }
            }
        }
    }
    // A rejected file has no figure, and is left out of its peer's distribution.
    for times in peers
        .iter_mut()
        .flat_map(|times| [&mut times.once, &mut times.repeated])
    {
        times.0.retain(|time| time.is_finite());
    }
    ready(&peers);
    per_url(
        "Match, per URL: ten URLs right after parsing",
        &peers,
        |times| &times.once,
        true,
    );
    per_url(
        "Match, per URL: the same ten URLs again and again",
        &peers,
        |times| &times.repeated,
        true,
    );
    end_to_end(&peers);
}

fn ready(peers: &[OneAgent]) {
    println!("\n## Ready for one agent, per file\n");
    let mut table = Table::new(&["", "mean", "p50", "p99", "ours to it"]);
    for (peer, times) in PEERS.iter().zip(peers) {
        let ratio = peers[0].ready.mean() / times.ready.mean();
        let [mean, p50, p99] = times.ready.cells(1.0);
        table.row([peer.name.to_owned(), mean, p50, p99, format!("{ratio:.2}")]);
    }
    table.print();
}

fn per_url(title: &str, peers: &[OneAgent], of: impl Fn(&OneAgent) -> &Least, targets: bool) {
    println!("\n## {title}\n");
    let mut table = Table::new(&[
        "",
        "mean",
        "p50",
        "p99",
        "ours to it: mean",
        "p99",
        "target",
    ]);
    for (peer, times) in PEERS.iter().zip(peers) {
        let (ours, its) = (of(&peers[0]), of(times));
        let target = if targets && peer.name.ends_with("`matcher`") {
            "0.50, p99 0.60"
        } else {
            ""
        };
        let [mean, p50, p99] = its.cells(1.0 / URLS);
        table.row([
            peer.name.to_owned(),
            mean,
            p50,
            p99,
            format!("{:.2}", ours.mean() / its.mean()),
            format!("{:.2}", quantile(&ours.0, 0.99) / quantile(&its.0, 0.99)),
            target.to_owned(),
        ]);
    }
    table.print();
}

fn end_to_end(peers: &[OneAgent]) {
    println!("\n## One agent end to end, per file: parse and ten URLs\n");
    let mut table = Table::new(&[
        "",
        "mean",
        "p50",
        "p99",
        "with drop, mean",
        "ours to it",
        "target",
    ]);
    for (peer, times) in PEERS.iter().zip(peers) {
        let target = match peer.name {
            "fast-robots" => "0.50",
            "texting_robots" => "0.12",
            _ => "",
        };
        let [mean, p50, p99] = times.end_to_end.cells(1.0);
        table.row([
            peer.name.to_owned(),
            mean,
            p50,
            p99,
            nanoseconds(times.with_drop.mean()),
            format!(
                "{:.2}",
                peers[0].end_to_end.mean() / times.end_to_end.mean()
            ),
            target.to_owned(),
        ]);
    }
    table.print();
}

fn load(corpus: &Corpus, passes: usize, clock: f64) {
    let forms: Vec<Vec<u8>> = corpus
        .files
        .iter()
        .map(|file| RobotsTxt::parse(&file.body).to_bytes())
        .collect();
    let mut once = Least::new(forms.len());
    let mut repeated = Least::new(forms.len());
    for _ in 0..passes {
        for (n, form) in forms.iter().enumerate() {
            let start = Instant::now();
            let robots = black_box(RobotsTxt::from_bytes(black_box(form)));
            once.see(n, since(start) - clock);
            assert!(robots.is_ok(), "a form that was just made");
        }
        for (n, form) in forms.iter().enumerate() {
            let start = Instant::now();
            for _ in 0..REPEATS {
                let _robots = black_box(RobotsTxt::from_bytes(black_box(form)));
            }
            repeated.see(n, (since(start) - clock) / f64::from(REPEATS));
        }
    }
    println!("\n## Load the owned form, per file (target: 100 ns)\n");
    let mut table = Table::new(&["", "mean", "p50", "p99"]);
    for (name, times) in [("not in the cache", &once), ("again and again", &repeated)] {
        let [mean, p50, p99] = times.cells(1.0);
        table.row([name.to_owned(), mean, p50, p99]);
    }
    table.print();
}

/// 25 agents and ten URLs, from the bytes of the file on. Peers that need seconds for it get every fourth file, and the
/// ratio to them is taken over the same files.
pub fn print_census(corpus: &Corpus, passes: usize) {
    const EVERY: usize = 4;
    let num_files = corpus.files.len();
    let mut least: Vec<Least> = CENSUSES.iter().map(|_| Least::new(num_files)).collect();
    let mut allowed = vec![[0; 2]; CENSUSES.len()];
    for _ in 0..passes {
        for (peer, census) in CENSUSES.iter().enumerate() {
            allowed[peer] = [0; 2];
            for (n, file) in corpus.files.iter().enumerate() {
                let in_sample = n % EVERY == 0;
                if census.slow && !in_sample {
                    continue;
                }
                let (time, count) = (census.count)(&file.body, &AGENTS, &file.urls);
                least[peer].see(n, time);
                allowed[peer][0] += count;
                allowed[peer][1] += if in_sample { count } else { 0 };
            }
        }
    }
    println!("\n## 25 agents and ten URLs, per file, parsing included\n");
    let mut table = Table::new(&[
        "",
        "every file, mean",
        "every 4th, mean",
        "ours to it",
        "target",
        "allowed pairs, every 4th",
    ]);
    let sampled = |least: &Least| mean(least.0.iter().copied().step_by(EVERY));
    for (peer, census) in CENSUSES.iter().enumerate() {
        let times = &least[peer];
        let (all, ratio) = if census.slow {
            ("-".to_owned(), sampled(&least[0]) / sampled(times))
        } else {
            (nanoseconds(times.mean()), least[0].mean() / times.mean())
        };
        let target = if census.name.ends_with("`matcher`") {
            "0.50"
        } else {
            ""
        };
        table.row([
            census.name.to_owned(),
            all,
            nanoseconds(sampled(times)),
            format!("{ratio:.2}"),
            target.to_owned(),
            allowed[peer][1].to_string(),
        ]);
    }
    table.print();
}
