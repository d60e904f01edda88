//! `crawlrank robots check`: yes or no.

use std::path::PathBuf;

use clap::Args;

use super::{ParseFlags, Question, jsonl};
use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::rows;

/// Prints `allowed` or `disallowed` and leaves by 0 or 1.
#[derive(Debug, Args)]
pub struct Check {
    /// The agent's product token, e.g. `CCBot`; of `CCBot/2.0` what comes before the slash
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
    pub agent: Option<String>,
    /// What it wants to fetch; with FILE a path is enough
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
    pub url: Option<String>,
    /// The robots.txt, or `-`; without it, that of the URL's origin is fetched
    #[arg(conflicts_with = "jsonl")]
    pub file: Option<PathBuf>,
    /// Answer cases from stdin, a JSON object a line: `robots_txt` or `robots_b64`, `agent`, `url`
    #[arg(long)]
    pub jsonl: bool,
    /// How the file is read
    #[command(flatten)]
    pub parse: ParseFlags,
}

impl Check {
    /// Runs the command.
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let parse = self.parse.options()?;
        if self.jsonl {
            return jsonl::run(&parse, context);
        }
        let question = Question {
            agent: self.agent.as_deref().unwrap_or_default(),
            url: self.url.as_deref().unwrap_or_default(),
            file: self.file.as_deref(),
        };
        question.check()?;
        let answer = question.answer(&parse, context)?;
        let allowed = answer.access(&parse).allowed(question.agent, question.url);
        rows::print_text(if allowed { "allowed\n" } else { "disallowed\n" })?;
        Ok(if allowed { Exit::Done } else { Exit::No })
    }
}
