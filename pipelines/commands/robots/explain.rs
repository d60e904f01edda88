//! `crawlrank robots explain`: the line that decides, and what lost.

use std::path::PathBuf;

use clap::Args;
use crawlrank_robots::{Access, DecidingGroup, DecidingRule, Decision, Leniency, RobotsTxt};
use serde_json::Value;

use super::{ParseFlags, Question};
use crate::cli::Context;
use crate::error::{Exit, Result};
use crate::robots::batch::as_written;
use crate::rows::print_one;

/// Says which line of a robots.txt decides, which others matched, and what else the file says to the agent.
#[derive(Debug, Args)]
pub struct Explain {
    /// The agent's product token, e.g. `CCBot`; of `CCBot/2.0` what comes before the slash
    pub agent: String,
    /// What it wants to fetch; with FILE a path is enough
    pub url: String,
    /// The robots.txt, or `-`; without it, that of the URL's origin is fetched
    pub file: Option<PathBuf>,
    /// How the file is read
    #[command(flatten)]
    pub parse: ParseFlags,
}

impl Explain {
    /// Runs the command: one row, upright for people. The exit does not depend on the answer.
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let parse = self.parse.options()?;
        let question = Question {
            agent: &self.agent,
            url: &self.url,
            file: self.file.as_deref(),
        };
        question.check()?;
        let answer = question.answer(&parse, context)?;
        let mut row = vec![
            ("agent", Value::from(self.agent.as_str())),
            ("url", Value::from(self.url.as_str())),
        ];
        row.extend(match answer.access(&parse) {
            Access::Rules(robots) => facts(&robots, &self.agent, &self.url),
            access => {
                let why = match answer.status {
                    Some(status) => format!("the robots.txt was answered by {status}"),
                    None => "the robots.txt could not be fetched".to_owned(),
                };
                facts_without_rules(access.allowed(&self.agent, &self.url), why)
            }
        });
        print_one(context.output, row)?;
        Ok(Exit::Done)
    }
}

type Facts = Vec<(&'static str, Value)>;

fn facts(robots: &RobotsTxt<'_>, agent: &str, url: &str) -> Facts {
    let agent = robots.agent(agent);
    let decision = agent.explain(url);
    let rule = decision.rule.as_ref();
    let (signal, usage) = as_written(&agent);
    let rate = agent.request_rate();
    let rate = rate.map(|rate| format!("{} in {} s", rate.requests, rate.period.as_secs()));
    vec![
        ("allowed", Value::from(decision.allowed)),
        ("reason", Value::from(reason(&decision))),
        ("line", Value::from(rule.map(|rule| rule.line))),
        ("rule", Value::from(rule.map(|rule| rule.text.as_str()))),
        ("octets", Value::from(rule.map(|rule| rule.octets))),
        (
            "leniencies",
            rule.map_or(Value::Array(Vec::new()), |rule| {
                leniencies(&rule.leniencies)
            }),
        ),
        ("path", Value::from(decision.path.as_str())),
        ("group", Value::from(group(&decision.group))),
        ("group_leniencies", leniencies(&decision.group_leniencies)),
        ("beaten", decision.beaten.iter().map(beaten).collect()),
        (
            "crawl_delay",
            Value::from(agent.crawl_delay().map(|delay| delay.as_secs_f64())),
        ),
        ("request_rate", Value::from(rate)),
        ("content_signal", Value::from(signal)),
        ("content_usage", Value::from(usage)),
        ("sitemaps", robots.sitemaps().map(Value::from).collect()),
        (
            "warnings",
            robots.warnings().iter().map(ToString::to_string).collect(),
        ),
    ]
}

/// The same columns, for want of a file.
fn facts_without_rules(allowed: bool, reason: String) -> Facts {
    let mut facts = facts(&RobotsTxt::parse(b""), "*", "/");
    for (column, value) in &mut facts {
        match *column {
            "allowed" => *value = Value::from(allowed),
            "reason" => *value = Value::from(reason.as_str()),
            "path" | "group" => *value = Value::Null,
            _ => {}
        }
    }
    facts
}

/// Why it was decided so, for people.
pub fn reason(decision: &Decision) -> String {
    let Some(rule) = &decision.rule else {
        return match (decision.is_robots_txt, &decision.group) {
            (true, _) => "a robots.txt itself may always be fetched (RFC 9309, section 2.2.2)",
            (false, DecidingGroup::None) => "no group is for the agent, and none for `*`",
            (false, _) => "no rule matches",
        }
        .to_owned();
    };
    match decision.beaten.first() {
        None => format!("line {} is the only rule that matches", rule.line),
        Some(next) if next.octets < rule.octets => format!(
            "line {} is the longest of {} rules that match",
            rule.line,
            1 + decision.beaten.len()
        ),
        Some(next) if next.allow != rule.allow => {
            format!(
                "lines {} and {} are equally long, and Allow wins",
                rule.line, next.line
            )
        }
        Some(_) => format!(
            "line {} is the first of the longest rules that match",
            rule.line
        ),
    }
}

fn leniencies(all: &[Leniency]) -> Value {
    all.iter().map(ToString::to_string).collect()
}

fn beaten(rule: &DecidingRule) -> String {
    let leniencies: String = rule
        .leniencies
        .iter()
        .map(|leniency| format!(", {leniency}"))
        .collect();
    format!(
        "line {}: {} ({} octets{leniencies})",
        rule.line, rule.text, rule.octets
    )
}

/// Whose groups decided, with their lines, for people.
pub fn group(group: &DecidingGroup) -> Option<String> {
    let (whose, lines) = match group {
        DecidingGroup::Named { lines } => ("the agent's own", lines),
        DecidingGroup::Star { lines } => ("that of `*`", lines),
        DecidingGroup::None => return None,
    };
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    Some(format!("{whose}, from line {}", lines.join(", ")))
}
