//! What the table `robots` of a run says: of one host, and of all of them.

use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array as _, RecordBatch};
use serde_json::Value;

use super::{Table, damaged};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::manifest::{self, Manifest};
use crate::run::RunDir;

/// Tables up to this size are verified whenever they are opened: a tenth of a second.
const VERIFIED_BYTES: u64 = 256 << 20;
/// Captures of a host that are looked at.
const CAPTURES: u64 = 1000;

/// Returns the columns of the capture that tells how a host stands: the last that is no redirect. Names have `robots_` before
/// them; values are null for a host that was not asked. Nothing when no survey is part of the run.
pub fn capture_of(run: &Path, host: &str, interrupt: &Interrupt) -> Result<Vec<(String, Value)>> {
    let run = RunDir::new(run);
    let manifest = Manifest::open(&run)?;
    if !manifest.outputs.contains_key(RunDir::ROBOTS_TABLE) {
        return Ok(Vec::new());
    }
    let table = open(&run, &manifest, interrupt)?;
    let found = table.rows_with("host", host)?;
    let numbers: Vec<u64> = found.rev().take(CAPTURES as usize).collect();
    let rows = table.fetch(&numbers)?;
    let place = |column: &str| table.columns().iter().position(|name| name == column);
    let text = |row: &[Value], column: &str| -> String {
        let value = place(column).and_then(|at| row.get(at));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    // As `RobotsRow::tells_more_than` has it; times are shown in one form, which sorts as they do.
    let telling = rows.into_iter().max_by_key(|row| {
        let access = !text(row, "access").is_empty();
        (access, text(row, "fetched_at"), text(row, "url"))
    });
    let columns = table
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, name)| *name != "host");
    let value = |at: usize| telling.as_ref().and_then(|row| row.get(at)).cloned();
    let facts = columns.map(|(at, name)| (format!("robots_{name}"), value(at).unwrap_or_default()));
    Ok(facts.collect())
}

/// Opens the table of a run that has it.
fn open(run: &RunDir, manifest: &Manifest, interrupt: &Interrupt) -> Result<Table> {
    let name = RunDir::ROBOTS_TABLE;
    let files = manifest.outputs.get(name).map(|output| &output.files);
    let bytes = files.into_iter().flat_map(|files| files.values());
    if bytes.map(|file| file.bytes).sum::<u64>() <= VERIFIED_BYTES {
        manifest::verify_output(run, manifest, name)?;
    }
    Table::open(&run.output(name), interrupt)
}

/// What the agents of a survey are told by the hosts whose answer is known: the numbers that the survey printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Captures.
    pub rows: u64,
    /// Hosts that were asked.
    pub hosts: u64,
    /// Those of them of which only redirects are known.
    pub hosts_unknown: u64,
    /// The PageRank of the others.
    pub pagerank: f64,
    /// In the order of the survey.
    pub agents: Vec<AgentAnswers>,
}

/// What one agent is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentAnswers {
    /// The agent.
    pub agent: String,
    /// Hosts that let it fetch `/`.
    pub allowed: u64,
    /// Hosts that do not.
    pub disallowed: u64,
    /// The PageRank of those that do not.
    pub pagerank_disallowed: f64,
    /// Hosts that answer it otherwise than they answer `*`; absent where `*` was not asked about.
    pub unlike_anybody: Option<u64>,
}

/// A capture, as far as it tells how its host stands.
#[derive(Default)]
struct Capture {
    host: String,
    /// Compared as `RobotsRow::tells_more_than` has it.
    key: (bool, Option<i64>, String),
    agents: Option<Vec<bool>>,
}

/// Sums up the table of a run that has it, weighing hosts by `pagerank`.
pub fn answers(
    run: &RunDir,
    manifest: &Manifest,
    pagerank: &dyn Fn(&str) -> Option<f64>,
    interrupt: &Interrupt,
) -> Result<Answers> {
    let table = open(run, manifest, interrupt)?;
    let mut answers = Answers::default();
    let mut telling: Option<Capture> = None;
    let columns = ["host", "url", "fetched_at", "access", "agents"];
    table.visit(&columns, None, &mut |_, batch, place| {
        let wrong = || damaged(table.path(), "its columns are not those of a survey");
        let capture = capture(batch, place, &mut answers).ok_or_else(wrong)?;
        answers.rows += 1;
        match &mut telling {
            Some(best) if best.host == capture.host => {
                if capture.key > best.key {
                    *best = capture;
                }
            }
            _ => {
                if let Some(host) = telling.replace(capture) {
                    add(&mut answers, &host, pagerank);
                }
            }
        }
        Ok(())
    })?;
    if let Some(host) = telling {
        add(&mut answers, &host, pagerank);
    }
    Ok(answers)
}

/// Reads a row; nothing when a column has another type. Learns the agents from the first row that has them.
fn capture(batch: &RecordBatch, place: usize, answers: &mut Answers) -> Option<Capture> {
    let text = |at: usize| Some(batch.column(at).as_string_opt::<i32>()?.value(place));
    let times = batch
        .column(2)
        .as_primitive_opt::<TimestampMillisecondType>()?;
    let agents = batch.column(4).as_map_opt()?;
    let is_known = agents.is_valid(place);
    let told = if is_known {
        let entries = agents.value(place);
        let (names, values) = (
            entries.column(0).as_string_opt::<i32>()?,
            entries.column(1).as_boolean_opt()?,
        );
        if answers.agents.is_empty() {
            let agent = |name: Option<&str>| AgentAnswers {
                agent: name.unwrap_or_default().to_owned(),
                ..AgentAnswers::default()
            };
            answers.agents = names.iter().map(agent).collect();
        }
        Some(values.iter().map(|value| value == Some(true)).collect())
    } else {
        None
    };
    let time = times.is_valid(place).then(|| times.value(place));
    let has_access = batch.column(3).is_valid(place);
    Some(Capture {
        host: text(0)?.to_owned(),
        key: (has_access, time, text(1)?.to_owned()),
        agents: told,
    })
}

fn add(answers: &mut Answers, host: &Capture, pagerank: &dyn Fn(&str) -> Option<f64>) {
    answers.hosts += 1;
    let Some(allowed) = &host.agents else {
        answers.hosts_unknown += 1;
        return;
    };
    let pagerank = pagerank(&host.host).unwrap_or(0.0);
    answers.pagerank += pagerank;
    let mut told = answers.agents.iter().zip(allowed);
    let anybody = told.find_map(|(agent, &allowed)| (agent.agent == "*").then_some(allowed));
    for (agent, &allowed) in answers.agents.iter_mut().zip(allowed) {
        if let Some(anybody) = anybody {
            *agent.unlike_anybody.get_or_insert(0) += u64::from(allowed != anybody);
        }
        match allowed {
            true => agent.allowed += 1,
            false => {
                agent.disallowed += 1;
                agent.pagerank_disallowed += pagerank;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_hosts_need_not_be_the_same_hosts() {
        let agents = ["*", "same", "other"].map(|agent| AgentAnswers {
            agent: agent.to_owned(),
            ..AgentAnswers::default()
        });
        let mut answers = Answers {
            agents: agents.into(),
            ..Answers::default()
        };
        for allowed in [[true, true, false], [false, false, true]] {
            let host = Capture {
                agents: Some(allowed.into()),
                ..Capture::default()
            };
            add(&mut answers, &host, &|_| None);
        }
        assert!(answers.agents.iter().all(|agent| agent.disallowed == 1));
        let unlike = answers.agents.iter().map(|agent| agent.unlike_anybody);
        assert!(unlike.eq([Some(0), Some(0), Some(2)]));
    }
}
