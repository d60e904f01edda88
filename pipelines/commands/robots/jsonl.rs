//! `crawlrank robots check --jsonl`: cases from stdin, a JSON object a line; an answer for each line, in order.
//!
//! Every line has an answer, also an empty one: that is no case, as are bytes that are not UTF-8. Answers are written out
//! whenever no whole line waits, so that a caller may ask one question at a time.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use crawlrank_robots::{ParseOptions, RobotsTxt};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::super::input::wait_for_stdin;
use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::rows::json_shown;

/// Longest line that is taken for a case.
const LONGEST_LINE: usize = 64 << 20;

/// Bytes of questions and answers that wait.
const BUFFER_BYTES: usize = 1 << 16;

#[derive(Deserialize)]
struct Case<'l> {
    #[serde(borrow)]
    robots_txt: Option<Cow<'l, str>>,
    #[serde(borrow)]
    robots_b64: Option<Cow<'l, str>>,
    #[serde(borrow)]
    agent: Cow<'l, str>,
    #[serde(borrow)]
    url: Cow<'l, str>,
}

#[derive(Serialize)]
struct Answer<'r> {
    allowed: bool,
    line: Option<usize>,
    rule: Option<String>,
    crawl_delay: Option<f64>,
    sitemaps: Vec<Cow<'r, str>>,
}

#[derive(Serialize)]
struct NoAnswer {
    error: String,
}

/// Answers all cases of stdin.
pub(super) fn run(parse: &ParseOptions, context: &Context) -> Result<Exit> {
    let input = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
    let output = io::BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    answer_all(input, output, parse, &|| wait_for_stdin(&context.interrupt))?;
    Ok(Exit::Done)
}

fn answer_all(
    mut input: BufReader<impl io::Read>,
    mut output: impl Write,
    parse: &ParseOptions,
    wait: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut line = Vec::new();
    loop {
        if !input.buffer().contains(&b'\n') {
            // Who asks may be waiting for what was answered so far.
            match output.flush() {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                flushed => flushed.map_err(cannot_write)?,
            }
        }
        let read = read_line(&mut input, &mut line, wait)?;
        let answer = match read {
            Read::End => break,
            Read::Line => answer(&line, parse),
            Read::TooLong => Err(format!("a line of more than {LONGEST_LINE} bytes")),
        };
        let answer = answer.unwrap_or_else(|error| to_json(&NoAnswer { error }));
        match writeln!(output, "{answer}") {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(cannot_write)?,
        }
    }
    match output.flush() {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        flushed => flushed.map_err(cannot_write),
    }
}

fn cannot_write(source: io::Error) -> Error {
    Error::new(
        Exit::Io,
        "E-STDOUT",
        format!("cannot write to stdout: {source}"),
    )
}

enum Read {
    Line,
    TooLong,
    End,
}

/// Reads the next line without its end. What is too long is passed over. `wait` returns when there is something to read.
fn read_line(
    input: &mut BufReader<impl io::Read>,
    line: &mut Vec<u8>,
    wait: &dyn Fn() -> Result<()>,
) -> Result<Read> {
    line.clear();
    let (mut is_empty, mut is_too_long) = (true, false);
    loop {
        if input.buffer().is_empty() {
            wait()?;
        }
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::io(Path::new("-"), &e)),
        };
        if buffer.is_empty() {
            break;
        }
        is_empty = false;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        is_too_long |= line.len() + piece.len() > LONGEST_LINE;
        if is_too_long {
            *line = Vec::new();
        } else {
            line.extend_from_slice(piece);
        }
        let taken = end.map_or(buffer.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            break;
        }
    }
    Ok(match (is_empty, is_too_long) {
        (true, _) => Read::End,
        (false, true) => Read::TooLong,
        (false, false) => Read::Line,
    })
}

fn answer(line: &[u8], parse: &ParseOptions) -> std::result::Result<String, String> {
    let text = std::str::from_utf8(line).map_err(|e| format!("not UTF-8: {e}"))?;
    if !text.trim_start().starts_with('{') {
        return Err("not a case: expected an object".to_owned());
    }
    let case: Case = serde_json::from_str(text).map_err(|e| format!("not a case: {e}"))?;
    let body = match (&case.robots_txt, &case.robots_b64) {
        (Some(text), None) => Cow::Borrowed(text.as_bytes()),
        (None, Some(digits)) => {
            let decoded = BASE64.decode(digits.as_bytes());
            Cow::Owned(decoded.map_err(|e| format!("`robots_b64` is no base64: {e}"))?)
        }
        _ => return Err("not a case: expected one of `robots_txt` and `robots_b64`".to_owned()),
    };
    let robots = RobotsTxt::parse_with(&body, parse);
    let agent = robots.agent(&case.agent);
    let decision = agent.explain(&*case.url);
    let rule = decision.rule;
    Ok(to_json(&Answer {
        allowed: decision.allowed,
        line: rule.as_ref().map(|rule| rule.line),
        rule: rule.map(|rule| rule.text),
        crawl_delay: agent.crawl_delay().map(|delay| delay.as_secs_f64()),
        sitemaps: robots.sitemaps().collect(),
    }))
}

fn to_json(value: &impl Serialize) -> String {
    json_shown(serde_json::to_string(value).expect("an answer is plain data"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answers(input: &[u8]) -> Vec<Value> {
        let mut output = Vec::new();
        let input = BufReader::new(input);
        answer_all(input, &mut output, &ParseOptions::default(), &|| Ok(())).unwrap();
        let text = String::from_utf8(output).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn every_line_has_an_answer() {
        let good = r#"{"robots_txt": "User-agent: *\nDisallow: /x\nCrawl-delay: 1.5\nSitemap: s", "agent": "CCBot", "url": "https://a.example/x"}"#;
        let encoded = r#"{"robots_b64": "//7+", "agent": "CCBot", "url": "/", "more": 1}"#;
        let input = [
            good.as_bytes(),
            b"\r\n\n\xff\n{}\n",
            br#"{"robots_txt": "", "robots_b64": "", "agent": "a", "url": "/"}"#,
            b"\n",
            br#"{"robots_b64": "?", "agent": "a", "url": "/"}"#,
            b"\n[1]\n",
            encoded.as_bytes(),
        ]
        .concat();
        let found = answers(&input);
        assert_eq!(
            found[0],
            json!({"allowed": false, "line": 2, "rule": "Disallow: /x", "crawl_delay": 1.5, "sitemaps": ["s"]})
        );
        assert_eq!(found.len(), 8);
        for bad in &found[1..7] {
            assert!(
                bad["error"].is_string() && bad.as_object().unwrap().len() == 1,
                "{bad}"
            );
        }
        assert_eq!(
            found[7],
            json!({"allowed": true, "line": null, "rule": null, "crawl_delay": null, "sitemaps": []})
        );
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let long = io::Read::chain(io::Read::take(io::repeat(b' '), 200 << 20), &b"\n{}\n"[..]);
        let mut output = Vec::new();
        answer_all(
            BufReader::new(long),
            &mut output,
            &ParseOptions::default(),
            &|| Ok(()),
        )
        .unwrap();
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(
            text.starts_with(r#"{"error":"a line of more than"#),
            "{text}"
        );
    }
}
