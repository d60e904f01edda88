//! crawlrank: Common Crawl shards to a ranked web graph in Parquet.
//!
//! This is the program's own library: what happens to shards, in which order, under which names. What things *are*
//! lives in the four libraries below it: records in `crawlrank-warc`, links in `crawlrank-links`, graphs in
//! `crawlrank-graph`, robots.txt in `crawlrank-robots`.
//!
//! | stage | reads | writes |
//! |---|---|---|
//! | plan | inputs | `run.toml`, `shards.jsonl` |
//! | extract | shards | `parts/` |
//! | build | parts | `graph/` |
//! | rank | graphs | `ranks/` |
//! | export | graphs, ranks, parts | `tables/` |

pub mod accounts;
pub mod blocks;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod error;
pub mod escape;
pub mod fetch;
pub mod interrupt;
pub mod links;
pub mod manifest;
pub mod memory;
pub mod network;
pub mod payload;
pub mod progress;
mod queue;
pub mod recipe;
pub mod report;
pub mod robots;
pub mod rows;
pub mod run;
pub mod shard;
pub mod stages;
pub mod synth;
pub mod tables;
