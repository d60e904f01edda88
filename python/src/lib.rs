//! The Python module `crawlrank._core`: opens runs and shards, converts types, adds no logic.

mod arrow;
mod cluster;
mod engine;
mod error;
mod graph;
mod interrupt;
mod links;
mod pagerank;
mod pool;
mod preview;
mod records;
mod robots;
mod run;
mod table;
mod url;

use std::ffi::OsString;
use std::io::Write as _;

use pyo3::prelude::*;

/// Runs the command line; the first argument is the program's name. Returns the exit code.
///
/// Listens to SIGINT and SIGTERM from here on: meant as the last call of a process.
#[pyfunction]
fn main(py: Python<'_>, argv: Vec<OsString>) -> u8 {
    py.detach(|| {
        let exit = crawlrank::cli::main(argv);
        // Rust flushes stdout when a Rust program ends; this one is Python's. A reader that went away is no error.
        let _ = std::io::stdout().flush();
        exit as u8
    })
}

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::arrow::Column;
    #[pymodule_export]
    use super::cluster::{
        ClusterBlock, ClusterRows, cluster_begin, cluster_hosts, cluster_is_built, cluster_lost,
        cluster_pages, cluster_pieces, cluster_plan, cluster_publish, cluster_rank, cluster_recipe,
        cluster_write_degrees,
    };
    #[pymodule_export]
    use super::engine::run;
    #[pymodule_export]
    use super::graph::Graph;
    #[pymodule_export]
    use super::links::{Links, links};
    #[pymodule_export]
    use super::main;
    #[pymodule_export]
    use super::pagerank::pagerank;
    #[pymodule_export]
    use super::records::{Fault, Header, Record, Records, records};
    #[pymodule_export]
    use super::robots::{
        Access, Beaten, Decision, Group, RequestRate, RobotsTxt, Rule, Signals, VisitTime, Warning,
        robots_allowed_many, robots_census, robots_delays, robots_from_bytes, robots_from_response,
        robots_groups, robots_parse, robots_rules, robots_signals, robots_sitemaps,
    };
    #[pymodule_export]
    use super::run::{Run, open};
    #[pymodule_export]
    use super::table::{Ranks, Table};
    #[pymodule_export]
    use super::url::{url_domain, url_host, url_reverse};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
