//! `crawlrank crawls`: the crawls and graph releases that are known.

use clap::Args;
use serde_json::Value;
use url::Url;

use crate::cli::Context;
use crate::error::{Error, Exit, Result};
use crate::escape::shown_path;
use crate::network::crawls::{Catalog, LISTS_URL};
use crate::network::{Network, NetworkOptions};
use crate::rows::Rows;
use crate::shard::web_address;

/// Lists crawls and graph releases, newest first: of a list that ships with the program, and that `--refresh` replaces.
#[derive(Debug, Args)]
pub struct Crawls {
    /// Only these, e.g. `latest`, `2026-39`
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Ask Common Crawl for the list of today, and keep it
    #[arg(long)]
    pub refresh: bool,
    /// Where `collinfo.json` and `graphinfo.json` lie
    #[arg(long, value_name = "URL", default_value = LISTS_URL)]
    pub lists_url: String,
}

impl Crawls {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let catalog = match self.refresh {
            false => Catalog::known(),
            true => {
                let lists: Url = web_address(&self.lists_url)?;
                let network = Network::new(NetworkOptions::default());
                let (catalog, file) = Catalog::refresh(&network, &lists, &context.interrupt)?;
                tracing::info!("kept in {}", shown_path(&file));
                catalog
            }
        };
        let wanted = self
            .names
            .iter()
            .map(
                |name| match catalog.graphs.iter().any(|graph| graph.id == *name) {
                    true => Ok(name.clone()),
                    false => catalog.resolve(name),
                },
            )
            .collect::<Result<Vec<_>>>()?;
        let is_wanted = |id: &String| wanted.is_empty() || wanted.contains(id);
        let columns = ["id", "kind", "name", "from", "to", "crawls", "latest"];
        let mut rows = Rows::new(context.output, columns);
        let mut written = 0;
        for (at, crawl) in catalog.crawls.iter().enumerate() {
            if is_wanted(&crawl.id) {
                written += 1;
                rows.row(vec![
                    crawl.id.clone().into(),
                    "crawl".into(),
                    crawl.name.clone().into(),
                    crawl.from.clone().into(),
                    crawl.to.clone().into(),
                    Value::Null,
                    (at == 0).into(),
                ])?;
            }
        }
        for (at, graph) in catalog.graphs.iter().enumerate() {
            if is_wanted(&graph.id) {
                written += 1;
                rows.row(vec![
                    graph.id.clone().into(),
                    "graph".into(),
                    Value::Null,
                    Value::Null,
                    Value::Null,
                    graph.crawls.clone().into(),
                    (at == 0).into(),
                ])?;
            }
        }
        rows.finish()?;
        match written {
            0 => Err(
                Error::usage(format!("the list does not have {} yet", wanted.join(", ")))
                    .remedy("ask for the list of today: `crawlrank crawls --refresh`"),
            ),
            _ => Ok(Exit::Done),
        }
    }
}
