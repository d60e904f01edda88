//! The program from outside: what each command prints, and how it leaves.

mod bvgraph;
mod exchange;
mod exchange_names;
mod exchange_numbers;
mod graph_commands;
mod links_commands;
mod network;
mod program;
mod rank_commands;
mod real_data;
mod reference;
mod report;
mod robots_commands;
mod run;
mod run_commands;
mod s3;
mod stream_graphs;
#[path = "../../pipelines/network/test_server.rs"]
mod test_server;
mod util;
mod warc_commands;
