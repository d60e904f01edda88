//! What a report tells of a run: read from its manifest, accounts, graphs and tables, never from the shards.

use std::collections::BTreeMap;

use crawlrank_graph::{Adjacency, Graph};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use crate::accounts::{self, Located, Outcome};
use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::manifest::Manifest;
use crate::recipe::{Level, Recipe};
use crate::robots::ranks::HostRanks;
use crate::run::RunDir;
use crate::stages::rank;
use crate::tables::nodes::MappedScores;
use crate::tables::read::nodes::{By, Nodes};
use crate::tables::read::robots::{self, AgentAnswers, Answers};

/// Nodes of the list.
pub(super) const TOP: usize = 1000;
/// Neighbors shown in each direction.
pub(super) const NEIGHBORS: usize = 8;
/// Top-level domains shown.
const TLDS: usize = 20;
/// Shards drawn at most: of more, every so many-th.
const SHARDS_DRAWN: usize = 2000;
/// Damaged shards named at most.
pub(super) const DAMAGED_NAMED: usize = 50;

/// All that a report says.
pub(super) struct Facts {
    pub(super) manifest: Manifest,
    pub(super) recipe: Recipe,
    pub(super) outcome: Outcome,
    pub(super) shards: Vec<ShardFact>,
    /// How fast they were read: the one thing drawn that differs from run to run.
    pub(super) rates: Vec<RateFact>,
    /// Those with faults, most bytes lost first.
    pub(super) damaged: Vec<Located>,
    /// Nodes and edges of each level.
    pub(super) graphs: BTreeMap<String, (u64, u64)>,
    pub(super) ranks: BTreeMap<String, rank::Report>,
    /// The level that the degrees and the list are of.
    pub(super) level: Level,
    pub(super) degrees: Vec<DegreeFact>,
    /// Nodes without incoming and without outgoing edges.
    pub(super) without: (u64, u64),
    pub(super) tlds: Vec<TldFact>,
    /// Top-level domains in all.
    pub(super) num_tlds: u64,
    /// Columns of the table of nodes.
    pub(super) columns: Vec<String>,
    pub(super) top: Vec<TopFact>,
    pub(super) robots: Option<RobotsFacts>,
}

/// A shard as the chart draws it.
#[derive(Serialize)]
pub(super) struct ShardFact {
    pub(super) position: u64,
    pub(super) shard: String,
    pub(super) bytes: u64,
    pub(super) records: u64,
    pub(super) pages: u64,
    pub(super) links: u64,
    pub(super) faults: u64,
    pub(super) fault_bytes: u64,
    pub(super) state: &'static str,
}

/// How fast a shard was read.
#[derive(Serialize)]
pub(super) struct RateFact {
    pub(super) position: u64,
    pub(super) shard: String,
    /// Compressed megabytes a second by one thread, over the shards that it committed together.
    pub(super) rate: f64,
}

/// Nodes whose degree lies in a range.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct DegreeFact {
    pub(super) direction: &'static str,
    /// Geometric mean of the range's ends.
    pub(super) degree: f64,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) nodes: u64,
    /// Nodes divided by the degrees in the range.
    pub(super) nodes_each: f64,
}

/// A top-level domain.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct TldFact {
    pub(super) tld: String,
    pub(super) nodes: u64,
    pub(super) pagerank: f64,
}

/// A node of the list.
pub(super) struct TopFact {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) row: Vec<Value>,
    /// Ids and names of the neighbors that rank highest, and how many there are.
    pub(super) incoming: (Vec<(u64, String)>, u64),
    pub(super) outgoing: (Vec<(u64, String)>, u64),
}

/// What the survey of robots.txt found.
pub(super) struct RobotsFacts {
    pub(super) answers: Answers,
    /// Of the agents that are drawn.
    pub(super) agents: Vec<AgentFact>,
    /// Agents that every host answers as it answers `*`: a line each would say nothing.
    pub(super) num_as_anybody: u64,
}

/// An agent's share of hosts that shut it out.
#[derive(Serialize)]
pub(super) struct AgentFact {
    pub(super) agent: String,
    pub(super) measure: &'static str,
    pub(super) share: f64,
}

impl Facts {
    /// Gathers the facts of a run whose tables are made.
    pub(super) fn gather(run: &RunDir, interrupt: &Interrupt) -> Result<Self> {
        let manifest = Manifest::open(run)?;
        let recipe = Recipe::open(&run.recipe()).unwrap_or_default();
        let level = level(run, &manifest)?;
        let mut accounts = accounts::read(run, &manifest.parts())?;
        let outcome = Outcome::of(&accounts, recipe.max_bad_records);
        let shards = shard_facts(&accounts);
        let rates = rate_facts(&accounts, &manifest);
        accounts.retain(|account| account.row.faults > 0 || account.row.failed.is_some());
        accounts.sort_by_key(|account| std::cmp::Reverse(account.row.fault_bytes));

        let ranks = rank::Report::all(run, &manifest)?;
        let mut graphs = BTreeMap::new();
        for name in manifest.outputs.keys() {
            if let Some(level) = name.strip_prefix("graph/") {
                let graph = Graph::open(run.output(name))?;
                graphs.insert(level.to_owned(), (graph.num_nodes(), graph.num_edges()));
            }
        }
        let nodes = Nodes::open(run.root(), level, interrupt)?;
        let graph = Graph::open(run.output(&RunDir::graph(level)))?;
        let scores = MappedScores::open(&run.output(&RunDir::ranks(level)), graph.num_nodes())?;
        let (incoming, without_in) = degree_facts("in", graph.incoming());
        let (outgoing, without_out) = degree_facts("out", graph.outgoing());
        interrupt.check()?;
        let (tlds, num_tlds) = tld_facts(&graph, &scores, interrupt)?;
        let top = top_facts(&nodes, &graph, &scores, interrupt)?;
        Ok(Facts {
            robots: robots_facts(run, &manifest, interrupt)?,
            columns: nodes.table().columns().to_vec(),
            recipe,
            outcome,
            shards,
            rates,
            damaged: accounts,
            graphs,
            ranks,
            level,
            degrees: incoming.into_iter().chain(outgoing).collect(),
            without: (without_in, without_out),
            tlds,
            num_tlds,
            top,
            manifest,
        })
    }
}

/// The coarsest level short of domains that the run has: hosts, else whatever it has.
fn level(run: &RunDir, manifest: &Manifest) -> Result<Level> {
    let has = |level: &Level| manifest.outputs.contains_key(&RunDir::nodes_table(*level));
    let levels = [Level::Host, Level::Page, Level::Domain];
    levels.into_iter().find(has).ok_or_else(|| {
        let error = Error::usage("the run has no table of nodes").at(run.root());
        match manifest.complete {
            true => error.remedy("give the directory of a `crawlrank run`"),
            false => {
                error.remedy("the run is not complete: run the same `crawlrank run` again first")
            }
        }
    })
}

/// The shards that are drawn, with their places from 1.
fn drawn(accounts: &[Located]) -> impl Iterator<Item = (&Located, u64)> {
    let step = accounts.len().div_ceil(SHARDS_DRAWN).max(1);
    accounts.iter().zip(1..).step_by(step)
}

fn rate_facts(accounts: &[Located], manifest: &Manifest) -> Vec<RateFact> {
    let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
    for account in accounts {
        *bytes.entry(&account.part).or_default() += account.row.bytes;
    }
    let rate = |(account, position): (&Located, u64)| {
        let spent = manifest.outputs.get(&account.part)?.milliseconds?;
        let bytes = bytes.get(account.part.as_str())?;
        (spent > 0 && account.row.failed.is_none()).then(|| RateFact {
            position,
            shard: crate::escape::escaped(&account.row.shard),
            rate: *bytes as f64 / 1e3 / spent as f64,
        })
    };
    drawn(accounts).filter_map(rate).collect()
}

fn shard_facts(accounts: &[Located]) -> Vec<ShardFact> {
    drawn(accounts)
        .map(|(Located { row, .. }, position)| ShardFact {
            position,
            shard: crate::escape::escaped(&row.shard),
            bytes: row.bytes,
            records: row.records,
            pages: row.pages,
            links: row.links,
            faults: row.faults,
            fault_bytes: row.fault_bytes,
            state: match (&row.failed, row.faults) {
                (Some(_), _) => "not read",
                (None, 0) => "sound",
                (None, _) => "with faults",
            },
        })
        .collect()
}

/// The distribution of degrees above 0, in ranges that grow by an eighth, and the nodes of degree 0.
fn degree_facts(direction: &'static str, adjacency: Adjacency) -> (Vec<DegreeFact>, u64) {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for ends in adjacency.offsets().windows(2) {
        *counts.entry(range_start(ends[1] - ends[0])).or_default() += 1;
    }
    let without = counts.remove(&0).unwrap_or(0);
    let facts = counts.into_iter().map(|(from, nodes)| {
        let to = range_end(from);
        DegreeFact {
            direction,
            degree: ((from as f64) * (to as f64)).sqrt(),
            from,
            to,
            nodes,
            nodes_each: nodes as f64 / (to - from + 1) as f64,
        }
    });
    (facts.collect(), without)
}

/// The last degree of the range that begins with `from`: up to 15 each degree is a range.
fn range_end(from: u64) -> u64 {
    match from < 16 {
        true => from,
        false => from + from / 8 - 1,
    }
}

/// The first degree of the range that `degree` lies in.
fn range_start(degree: u64) -> u64 {
    if degree < 16 {
        return degree;
    }
    let mut from = 16;
    while range_end(from) < degree {
        from = range_end(from) + 1;
    }
    from
}

/// The top-level domains with the most PageRank, and the number of all. Names ascend, so that those of one stand together.
fn tld_facts(
    graph: &Graph,
    scores: &MappedScores,
    interrupt: &Interrupt,
) -> Result<(Vec<TldFact>, u64)> {
    let Some(names) = graph.names() else {
        return Err(Error::new(Exit::Damaged, "E-GRAPH", "the graph has no names").at(graph.dir()));
    };
    let mut facts: Vec<TldFact> = Vec::new();
    let (mut number, mut last): (u64, &[u8]) = (0, b"");
    for (id, name) in names.iter().enumerate() {
        // Reversed hosts have dots between labels, keys of pages commas, and a parenthesis behind the host.
        let end = name.iter().position(|byte| b".,)".contains(byte));
        let tld = &name[..end.unwrap_or(name.len())];
        if tld != last || facts.is_empty() {
            (number, last) = (number + 1, tld);
            interrupt.check()?;
            if facts.len() >= 1 << 16 {
                highest(&mut facts);
            }
            facts.push(TldFact {
                tld: crate::escape::escaped(tld),
                nodes: 0,
                pagerank: 0.0,
            });
        }
        if let Some(fact) = facts.last_mut() {
            fact.nodes += 1;
            fact.pagerank += scores.pagerank(id as u32).unwrap_or(0.0);
        }
    }
    highest(&mut facts);
    Ok((facts, number))
}

fn highest(facts: &mut Vec<TldFact>) {
    facts.sort_by(|a, b| {
        b.pagerank
            .total_cmp(&a.pagerank)
            .then_with(|| a.tld.cmp(&b.tld))
    });
    facts.truncate(TLDS);
}

fn top_facts(
    nodes: &Nodes,
    graph: &Graph,
    scores: &MappedScores,
    interrupt: &Interrupt,
) -> Result<Vec<TopFact>> {
    let ids = nodes.top(By::Pagerank, TOP)?;
    let rows = nodes.table().fetch(&ids)?;
    let named = |ids: Vec<u32>| -> Vec<(u64, String)> {
        let ids: Vec<u64> = ids.into_iter().map(u64::from).collect();
        let names = nodes.names(graph, &ids);
        ids.into_iter().zip(names).collect()
    };
    let fact = |(id, row): (u64, Vec<Value>)| {
        interrupt.check()?;
        let node = u32::try_from(id)
            .map_err(|_| Error::new(Exit::Damaged, "E-TABLE", "an id is too large"))?;
        let best = |adjacency: Adjacency| {
            let ids = first_neighbors(adjacency, node, scores);
            (named(ids), adjacency.degree(node))
        };
        Ok(TopFact {
            id,
            name: nodes.names(graph, &[id]).concat(),
            row,
            incoming: best(graph.incoming()),
            outgoing: best(graph.outgoing()),
        })
    };
    let given: Vec<(u64, Vec<Value>)> = ids.into_iter().zip(rows).collect();
    given.into_par_iter().map(fact).collect()
}

/// The neighbors of a node that rank highest.
fn first_neighbors(adjacency: Adjacency, node: u32, scores: &MappedScores) -> Vec<u32> {
    let mut first: Vec<(i64, u32)> = Vec::with_capacity(NEIGHBORS + 1);
    for &id in adjacency.neighbors(node) {
        let key = (scores.pagerank_pos(id).unwrap_or(i64::MAX), id);
        if first.len() < NEIGHBORS || first.last().is_some_and(|last| key < *last) {
            let place = first.partition_point(|other| *other < key);
            first.insert(place, key);
            first.truncate(NEIGHBORS);
        }
    }
    first.into_iter().map(|(_, id)| id).collect()
}

fn robots_facts(
    run: &RunDir,
    manifest: &Manifest,
    interrupt: &Interrupt,
) -> Result<Option<RobotsFacts>> {
    if !manifest.outputs.contains_key(RunDir::ROBOTS_TABLE) {
        return Ok(None);
    }
    let ranks = HostRanks::open(run, manifest)?;
    let pagerank = |host: &str| ranks.as_ref().and_then(|ranks| ranks.pagerank(host));
    let answers = robots::answers(run, manifest, &pagerank, interrupt)?;
    let is_as_anybody =
        |agent: &AgentAnswers| agent.agent != "*" && agent.unlike_anybody == Some(0);
    let (mut agents, mut num_as_anybody) = (Vec::new(), 0);
    for agent in &answers.agents {
        if is_as_anybody(agent) {
            num_as_anybody += 1;
            continue;
        }
        let mut add = |measure, part: f64, whole: f64| {
            if whole > 0.0 {
                agents.push(AgentFact {
                    agent: crate::escape::escaped(&agent.agent),
                    measure,
                    share: part / whole,
                });
            }
        };
        let hosts = agent.allowed + agent.disallowed;
        add("of hosts", agent.disallowed as f64, hosts as f64);
        add(
            "of their PageRank",
            agent.pagerank_disallowed,
            answers.pagerank,
        );
    }
    Ok(Some(RobotsFacts {
        answers,
        agents,
        num_as_anybody,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_degrees_follow_one_another() {
        let mut from = 1;
        while from < 1 << 40 {
            let end = range_end(from);
            for degree in [from, end] {
                if degree < 100_000 {
                    assert_eq!(range_start(degree), from);
                }
            }
            assert!(end == from || from >= 16, "{from}");
            from = end + 1;
        }
    }
}
