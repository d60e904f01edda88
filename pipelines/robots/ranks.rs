//! PageRank of hosts by their names: what joins a survey to the run that ranked them.

use crawlrank_graph::Graph;
use crawlrank_links::{Host, Options, Www, reverse_host};

use crate::error::Result;
use crate::manifest::{self, Manifest};
use crate::recipe::{Level, Recipe};
use crate::run::RunDir;
use crate::tables::nodes::MappedScores;

/// The hosts of a run with their scores, mapped.
pub struct HostRanks {
    graph: Graph,
    scores: MappedScores,
    options: Options,
}

impl HostRanks {
    /// Opens the hosts of a run, checked; nothing when it has not ranked them (yet).
    pub fn open(run: &RunDir, manifest: &Manifest) -> Result<Option<Self>> {
        let (graph, ranks) = (RunDir::graph(Level::Host), RunDir::ranks(Level::Host));
        if ![&graph, &ranks]
            .iter()
            .all(|name| manifest.outputs.contains_key(*name))
        {
            return Ok(None);
        }
        manifest::verify_output(run, manifest, &ranks)?;
        let graph = Graph::open(run.output(&graph))?;
        let scores = MappedScores::open(&run.output(&ranks), graph.num_nodes())?;
        let options = Recipe::open(&run.recipe())?.link_options();
        Ok(Some(HostRanks {
            graph,
            scores,
            options,
        }))
    }

    /// The number of hosts.
    pub fn num_hosts(&self) -> u64 {
        self.graph.num_nodes()
    }

    /// The PageRank of a host; nothing when the run has no such host. A run that took `www.` off has one host for both.
    pub fn pagerank(&self, host: &str) -> Option<f64> {
        let names = self.graph.names()?;
        let mut reversed = String::new();
        reverse_host(host, &mut reversed);
        let id = names.find(reversed.as_bytes()).or_else(|| {
            let strips = self.options.www == Www::Strip;
            let stored = strips
                .then(|| Host::parse(host, &self.options).ok())
                .flatten()?;
            names.find(stored.reversed().as_bytes())
        })?;
        self.scores.pagerank(id)
    }
}
