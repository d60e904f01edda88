//! The commands, one file each: flags, what is called, what is printed.

pub mod completions;
pub mod crawls;
pub mod demo;
pub mod fetch;
pub mod graph;
mod input;
pub mod links;
pub mod man;
pub mod neighbors;
pub mod plan;
pub mod rank;
pub mod report;
pub mod robots;
pub mod run;
pub mod show;
pub mod status;
pub mod synth;
pub mod top;
pub mod verify;
pub mod warc;
