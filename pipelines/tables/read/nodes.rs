//! The nodes of a run at one level, by name, by rank and by neighborhood: the table and the graph together.

use std::path::Path;

use clap::ValueEnum;
use crawlrank_graph::{Graph, Names};
use crawlrank_links::{Host, Options, page_key, reverse_host, url_of_page_key};
use serde_json::Value;

use super::{Order, Table};
use crate::error::{Error, Exit, Result, quoted};
use crate::interrupt::Interrupt;
use crate::manifest::{self, Manifest};
use crate::recipe::Level;
use crate::run::RunDir;

/// The column that ranks nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum By {
    /// PageRank, highest first.
    Pagerank,
    /// Harmonic centrality, highest first.
    Harmonic,
    /// Nodes that link here, most first.
    InDegree,
}

/// One end of an edge, seen from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Nodes that link here.
    In,
    /// Nodes that are linked from here.
    Out,
}

/// Tables up to this size are verified whenever they are opened: a tenth of a second.
const VERIFIED_BYTES: u64 = 256 << 20;

/// The nodes of one level of a run, opened. A row of the table is a node, its number the node's id.
pub struct Nodes {
    run: RunDir,
    level: Level,
    table: Table,
}

impl Nodes {
    /// Opens the table of a level.
    ///
    /// # Errors
    /// Exit 2 when the directory is no run, or has no such table (yet); 5 when the table is damaged.
    pub fn open(run: &Path, level: Level, interrupt: &Interrupt) -> Result<Self> {
        let run = RunDir::new(run);
        let manifest = Manifest::open(&run)?;
        let name = RunDir::nodes_table(level);
        if !manifest.outputs.contains_key(&name) {
            let missing = Error::usage(format!("the run has no table `{name}`")).at(run.root());
            return Err(match manifest.complete {
                true => missing.remedy("choose another --level, or run with that level"),
                false => {
                    missing.remedy("the run is not complete: run the same `crawlrank run` again")
                }
            });
        }
        let files = &manifest.outputs[&name].files;
        // A larger table would keep the user waiting for what `crawlrank verify` does.
        if files.values().map(|file| file.bytes).sum::<u64>() <= VERIFIED_BYTES {
            manifest::verify_output(&run, &manifest, &name)?;
        }
        let table = Table::open(&run.output(&name), interrupt)?;
        Ok(Nodes { run, level, table })
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Returns the ids of the `n` nodes that rank highest.
    ///
    /// # Errors
    /// Exit 2 when the run did not compute that score.
    pub fn top(&self, by: By, n: usize) -> Result<Vec<u64>> {
        let (column, order) = match by {
            By::Pagerank => ("pagerank_pos", Order::Lowest),
            By::Harmonic => ("harmonic_pos", Order::Lowest),
            By::InDegree => ("in_degree", Order::Highest),
        };
        let top = self.table.first_by(column, order, n, None)?;
        if top.is_empty() && n > 0 && self.table.num_rows() > 0 {
            return Err(
                Error::usage(format!("the run has no values in column `{column}`"))
                    .at(self.table.path())
                    .remedy("`crawlrank status` says why; `crawlrank rank` on the run computes it"),
            );
        }
        Ok(top)
    }

    /// Returns the names of nodes of the level's graph as people write them.
    pub fn names(&self, graph: &Graph, ids: &[u64]) -> Vec<String> {
        let names = graph.names();
        let name = |&id: &u64| {
            names.map_or(&[][..], |names| {
                u32::try_from(id).map_or(&[][..], |id| names.get(id))
            })
        };
        ids.iter().map(|id| self.shown_name(name(id))).collect()
    }

    /// Opens the graph and finds a node by its name: `www.example.com` or `com.example.www`, or a URL at level page.
    ///
    /// # Errors
    /// Exit 2 when there is no such node, naming those beside its place.
    pub fn find(&self, name: &str) -> Result<Node<'_>> {
        let folder = self.run.output(&RunDir::graph(self.level));
        let graph = Graph::open(&folder).map_err(|e| {
            Error::new(Exit::Damaged, "E-GRAPH", e.to_string())
                .at(folder)
                .remedy("run the same `crawlrank run` again: it is made anew")
        })?;
        if graph.num_nodes() != self.table.num_rows() {
            let found = format!(
                "{} nodes in the graph, {} rows in the table",
                graph.num_nodes(),
                self.table.num_rows()
            );
            return Err(Error::new(Exit::Damaged, "E-TABLE", found).at(self.table.path()));
        }
        let Some(names) = graph.names() else {
            return Err(
                Error::new(Exit::Damaged, "E-GRAPH", "the graph has no names").at(graph.dir()),
            );
        };
        let stored = self.stored_names(name);
        match stored.iter().find_map(|name| names.find(name.as_bytes())) {
            Some(id) => Ok(Node {
                nodes: self,
                graph,
                id,
            }),
            None => Err(self.unknown(name, &stored[0], names)),
        }
    }

    /// The forms in which a name that the user typed may be stored, likeliest first.
    fn stored_names(&self, name: &str) -> Vec<String> {
        let mut stored = Vec::new();
        if self.level == Level::Page {
            stored.extend(page_key(name));
            stored.extend(page_key(&format!("https://{name}")));
        } else {
            stored.extend(Host::parse(name, &Options::default()).map(|host| host.reversed()));
            // Names of one label, and those of profile `cc`, are not all hosts to a browser.
            let mut reversed = String::new();
            reverse_host(&name.to_ascii_lowercase(), &mut reversed);
            stored.push(reversed);
        }
        stored.push(name.to_owned());
        stored
    }

    fn unknown(&self, name: &str, stored: &str, names: Names<'_>) -> Error {
        let place = first_at_or_after(names, stored.as_bytes());
        let beside = (place.saturating_sub(2)..names.len().min(place + 2))
            .map(|id| quoted(self.shown_name(names.get(id as u32))))
            .collect::<Vec<_>>();
        let error = Error::usage(format!(
            "no {} has the name {}",
            self.level.as_str(),
            quoted(name)
        ))
        .at(self.run.root());
        match beside.is_empty() {
            true => error,
            false => error.remedy(format!(
                "in order of names it would stand among {}",
                beside.join(", ")
            )),
        }
    }

    /// A stored name as people write it.
    fn shown_name(&self, stored: &[u8]) -> String {
        let stored = String::from_utf8_lossy(stored);
        if self.level == Level::Page {
            return url_of_page_key(&stored).unwrap_or_else(|| stored.into_owned());
        }
        let mut forward = String::new();
        reverse_host(&stored, &mut forward);
        forward
    }
}

/// A node that was found by its name.
pub struct Node<'a> {
    nodes: &'a Nodes,
    graph: Graph,
    id: u32,
}

impl Node<'_> {
    /// Returns the node's row.
    pub fn row(&self) -> Result<Vec<Value>> {
        let rows = self.nodes.table.fetch(&[u64::from(self.id)])?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Returns the name as people write it.
    pub fn name(&self) -> String {
        let names = self.graph.names();
        self.nodes
            .shown_name(names.map_or(&[][..], |names| names.get(self.id)))
    }

    /// Returns the ids of the first `n` neighbors by PageRank's position.
    pub fn neighbors(&self, direction: Direction, n: usize) -> Result<Vec<u64>> {
        let adjacency = match direction {
            Direction::In => self.graph.incoming(),
            Direction::Out => self.graph.outgoing(),
        };
        let mut ids = adjacency.neighbors(self.id).iter().map(|&id| u64::from(id));
        self.nodes
            .table
            .first_by("pagerank_pos", Order::Lowest, n, Some(&mut ids))
    }

    /// Returns the names of nodes as people write them.
    pub fn names(&self, ids: &[u64]) -> Vec<String> {
        self.nodes.names(&self.graph, ids)
    }
}

/// The first place in the order of names that is not before `name`.
fn first_at_or_after(names: Names<'_>, name: &[u8]) -> usize {
    let (mut low, mut high) = (0, names.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if names.get(middle as u32) < name {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
