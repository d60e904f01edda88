//! The files and URLs that everything is measured on.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use data_encoding::BASE64;
use serde_json::Value;

use crate::random::Random;

/// One robots.txt file with what is asked of it.
pub struct File {
    pub id: String,
    pub body: Vec<u8>,
    /// Ten of them.
    pub urls: Vec<String>,
    pub verdicts: Vec<Verdicts>,
}

/// What an independent reference says to the URLs of a file.
pub struct Verdicts {
    pub agent: String,
    /// `None` where the strong parsers do not agree among themselves.
    pub allowed: Vec<Option<bool>>,
}

pub struct Corpus {
    pub name: String,
    pub files: Vec<File>,
}

impl Corpus {
    /// The real files, or made ones where those are not around.
    pub fn open() -> Self {
        let folder = std::env::var_os("CRAWLRANK_BENCH_ROBOTS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/robots"),
            PathBuf::from,
        );
        match read(&folder) {
            Ok(files) => Self {
                name: "real files".to_owned(),
                files,
            },
            Err(error) => {
                eprintln!("no real files ({error}), so made ones; decisions have no reference");
                Self {
                    name: "made files".to_owned(),
                    files: made(4_000),
                }
            }
        }
    }

    pub fn num_bytes(&self) -> usize {
        self.files.iter().map(|file| file.body.len()).sum()
    }
}

fn read(folder: &Path) -> io::Result<Vec<File>> {
    let mut urls: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines(&folder.join("robots_urls.jsonl.zst"))? {
        let of_file = line["urls"].as_array().into_iter().flatten();
        urls.insert(text(&line["id"]), of_file.map(text).collect());
    }
    let mut verdicts: HashMap<String, Vec<Verdicts>> = HashMap::new();
    for line in lines(&folder.join("robots_decisions.jsonl.zst"))? {
        let (allowed, agreed) = (text(&line["allowed"]), text(&line["agreed"]));
        let allowed = allowed.bytes().zip(agreed.bytes());
        verdicts
            .entry(text(&line["id"]))
            .or_default()
            .push(Verdicts {
                agent: text(&line["agent"]),
                allowed: allowed
                    .map(|(allowed, agreed)| (agreed == b'1').then_some(allowed == b'1'))
                    .collect(),
            });
    }
    let files = lines(&folder.join("robots_corpus.jsonl.zst"))?.into_iter();
    let files = files.map(|line| {
        let id = text(&line["id"]);
        let body = match line["robots_b64"].as_str() {
            Some(encoded) => BASE64.decode(encoded.as_bytes()).expect("base64"),
            None => text(&line["robots_txt"]).into_bytes(),
        };
        File {
            body,
            urls: urls.remove(&id).unwrap_or_default(),
            verdicts: verdicts.remove(&id).unwrap_or_default(),
            id,
        }
    });
    Ok(files.filter(|file| !file.urls.is_empty()).collect())
}

fn lines(path: &Path) -> io::Result<Vec<Value>> {
    let mut plain = String::new();
    zstd::Decoder::new(fs::File::open(path)?)?.read_to_string(&mut plain)?;
    let lines = plain.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Files of the shape that real ones have: mostly short, a few with hundreds of rules, wildcards in a third of them.
fn made(num_files: usize) -> Vec<File> {
    const WORDS: [&str; 12] = [
        "admin",
        "search",
        "wp-content",
        "cart",
        "tmp",
        "user",
        "api",
        "images",
        "checkout",
        "tag",
        "private",
        "feed",
    ];
    let mut random = Random(7);
    let file = |index: usize| {
        let random = &mut random;
        let mut body = String::new();
        let mut paths = Vec::new();
        let num_groups = if random.below(4) == 0 {
            1 + random.below(6)
        } else {
            1
        };
        for group in 0..num_groups {
            let agents = [
                "*",
                "CCBot",
                "GPTBot",
                "Googlebot",
                "Bytespider",
                "AhrefsBot",
            ];
            writeln!(body, "User-agent: {}", agents[group]).expect("a string");
            let num_rules = match random.below(20) {
                0 => 50 + random.below(400),
                1..5 => 10 + random.below(40),
                _ => 1 + random.below(8),
            };
            for _ in 0..num_rules {
                let words: Vec<_> = (0..1 + random.below(3))
                    .map(|_| WORDS[random.below(12)])
                    .collect();
                let path = format!("/{}/", words.join("/"));
                let rule = match random.below(8) {
                    0 => format!("/*{path}"),
                    1 => format!("{path}*.php$"),
                    _ => path.clone(),
                };
                let verb = if random.below(6) == 0 {
                    "Allow"
                } else {
                    "Disallow"
                };
                writeln!(body, "{verb}: {rule}").expect("a string");
                paths.push(path);
            }
            body.push('\n');
        }
        let urls = (0..10).map(|n| match n % 2 {
            0 => format!(
                "https://www.example.com{}page{n}.html",
                paths[random.below(paths.len())]
            ),
            _ => format!(
                "https://www.example.com/{}/{n}?q=abc&page=2",
                WORDS[random.below(12)]
            ),
        });
        File {
            id: format!("made{index}"),
            urls: urls.collect(),
            body: body.into_bytes(),
            verdicts: Vec::new(),
        }
    };
    (0..num_files).map(file).collect()
}
