//! `crawlrank robots`: may this agent fetch that URL, why, and what a whole crawl says.

mod check;
pub mod explain;
mod jsonl;
mod survey;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use clap::{Args, Subcommand};
use crawlrank_robots::{Access, Fetch, ParseOptions};
use url::Url;

use super::input::{cannot_open, check_file, is_stdin, wait_for_stdin};
use crate::cli::{Context, say};
use crate::error::{Error, Exit, Result, quoted};
use crate::escape::escaped;
use crate::fetch::{self, FetchOptions};
use crate::interrupt::Interrupt;
use crate::payload::{self, Content};
use crate::recipe::Size;

/// Asks robots.txt files: may an agent fetch a URL, which line says so, and what does a crawl of them say.
#[derive(Debug, Subcommand)]
pub enum Robots {
    /// Print `allowed` or `disallowed` and leave by 0 or 1
    Check(check::Check),
    /// Say which line decides, and what lost against it
    Explain(explain::Explain),
    /// Read the robots.txt captures of shards into the table `robots`, and count who lets whom in
    Survey(survey::Survey),
}

impl Robots {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Robots::Check(command) => command.run(context),
            Robots::Explain(command) => command.run(context),
            Robots::Survey(command) => command.run(context),
        }
    }
}

/// How files are read.
#[derive(Clone, Copy, Debug, Args)]
pub struct ParseFlags {
    /// Largest robots.txt; what lies beyond the last line end within it is not read
    #[arg(long, value_name = "SIZE", default_value = "500K")]
    pub max_robots_bytes: Size,
}

impl ParseFlags {
    fn options(self) -> Result<ParseOptions> {
        let most = crawlrank_robots::MAX_BYTES as u64;
        let Size(bytes) = self.max_robots_bytes;
        if bytes > most {
            let found = format!("--max-robots-bytes is {bytes}, expected at most {most}");
            return Err(Error::usage(found));
        }
        Ok(ParseOptions {
            max_bytes: bytes as usize,
            ..ParseOptions::default()
        })
    }
}

/// One question.
struct Question<'q> {
    agent: &'q str,
    url: &'q str,
    file: Option<&'q Path>,
}

/// What there is to answer a question with.
struct Answer {
    /// The status of the response; a file that was named counts as 200. Nothing when none came.
    status: Option<u16>,
    /// Its body.
    body: Vec<u8>,
}

impl Answer {
    /// What follows for the site (RFC 9309, section 2.3.1).
    fn access(&self, parse: &ParseOptions) -> Access<'_> {
        let fetch = match self.status {
            Some(status) => Fetch::response(status, &self.body),
            None => Fetch::unreachable(),
        };
        Access::from_fetch_with(&fetch, parse)
    }
}

impl Question<'_> {
    /// Refuses what can be no question before anything is read.
    fn check(&self) -> Result<()> {
        // What of it is a token, the library knows; servers are sent stranger names than the RFC has.
        if self.agent.trim().is_empty() {
            return Err(Error::usage("the agent has no name").remedy("give one, e.g. `CCBot`"));
        }
        let is_path = self.url.starts_with('/') && self.file.is_some();
        if !is_path {
            web_address(self.url, self.file.is_none())?;
        }
        self.file.map_or(Ok(()), check_file)
    }

    /// Reads the file that was named, or fetches that of the URL's origin.
    fn answer(&self, parse: &ParseOptions, context: &Context) -> Result<Answer> {
        match self.file {
            Some(file) => Ok(Answer {
                status: Some(200),
                body: read_file(file, parse.max_bytes, &context.interrupt)?,
            }),
            None => fetch_answer(&web_address(self.url, true)?, parse, context),
        }
    }
}

/// Reads an address: http or https, with a host, when it is to be fetched from; any other scheme can be asked of a file.
fn web_address(text: &str, fetches: bool) -> Result<Url> {
    let bad = |what: &str| {
        Error::usage(format!("{} {what}", quoted(text))).remedy(match fetches {
            true => "give a URL such as https://example.com/page",
            false => "give a URL such as https://example.com/page, or a path such as /page",
        })
    };
    let url = Url::parse(text).map_err(|e| bad(&format!("is no URL: {e}")))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("has no host"));
    }
    // Rules are compared with the address as it is given, and a browser would ask for another one.
    let after_scheme = text.get(url.scheme().len()..).unwrap_or_default();
    let authority = after_scheme.strip_prefix("://").unwrap_or("/");
    if authority.starts_with('/') || text.contains(['\\', '\t', '\n', '\r']) {
        return Err(bad(&format!("is asked for as {}", quoted(url.as_str()))).remedy("give that"));
    }
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ if fetches => Err(bad("is neither http nor https")),
        _ => Ok(url),
    }
}

/// Reads as much of a file as the parser wants, and a byte more, which tells it that there is more.
fn read_file(file: &Path, max_bytes: usize, interrupt: &Interrupt) -> Result<Vec<u8>> {
    let limit = max_bytes as u64 + 1;
    let read = match is_stdin(file) {
        true => return read_stdin(max_bytes + 1, interrupt),
        false => File::open(file).map_err(|e| cannot_open(file, &e))?,
    };
    let mut body = Vec::new();
    read.take(limit)
        .read_to_end(&mut body)
        .map_err(|e| Error::io(file, &e))?;
    Ok(body)
}

/// Reads stdin, at most so many bytes, and stops on request.
fn read_stdin(max_bytes: usize, interrupt: &Interrupt) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut piece = [0; 1 << 16];
    while body.len() < max_bytes {
        wait_for_stdin(interrupt)?;
        let room = piece.len().min(max_bytes - body.len());
        match io::stdin().read(&mut piece[..room]) {
            Ok(0) => break,
            Ok(read) => body.extend_from_slice(&piece[..read]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(Path::new("-"), &e)),
        }
    }
    Ok(body)
}

/// Fetches the robots.txt of a URL's origin (RFC 9309, section 2.3.1). Where there is none to be had, says why on stderr.
fn fetch_answer(url: &Url, parse: &ParseOptions, context: &Context) -> Result<Answer> {
    let origin = url.origin().ascii_serialization();
    let robots_txt: Url = format!("{origin}/robots.txt")
        .parse()
        .map_err(|e| Error::usage(format!("{} is no URL: {e}", quoted(&origin))))?;
    let options = FetchOptions {
        max_body_bytes: parse.max_bytes,
        ..FetchOptions::default()
    };
    let mut answer = Answer {
        status: None,
        body: Vec::new(),
    };
    let why = match fetch::get(&robots_txt, &options, &context.interrupt)? {
        Err(failure) => failure.to_string(),
        Ok(fetched) if (200..300).contains(&fetched.status) => {
            let encodings = fetched.content_encoding.as_deref().map(str::as_bytes);
            let none = std::iter::empty();
            let max_bytes = parse.max_bytes;
            let content = payload::content(&fetched.body, none, encodings.into_iter(), max_bytes);
            match content.and_then(Content::of_whole_coding) {
                Some(content) => {
                    answer.status = Some(fetched.status);
                    answer.body = content.bytes.into_owned();
                    return Ok(answer);
                }
                None => "its encoding cannot be read".to_owned(),
            }
        }
        Ok(fetched) => {
            answer.status = Some(fetched.status);
            match fetch::is_redirect(fetched.status) {
                true if fetched.redirects < options.max_redirects => {
                    "a redirect to nowhere".to_owned()
                }
                true => format!("more than {} redirects", options.max_redirects),
                false => fetched.status.to_string(),
            }
        }
    };
    let (words, section) = match (answer.access(parse), answer.status) {
        (Access::AllowAll, Some(300..=399)) => ("allow all", "2.3.1.2"),
        (Access::AllowAll, _) => ("allow all", "2.3.1.3"),
        _ => ("disallow all", "2.3.1.4"),
    };
    say(format_args!(
        "robots.txt of {}: {}: {words} (RFC 9309, section {section})",
        escaped(&origin),
        escaped(&why)
    ));
    Ok(answer)
}
