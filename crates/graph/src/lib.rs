#![doc = include_str!("../README.md")]

mod adjacency;
mod array;
mod builder;
mod by_target;
mod checkpoint;
mod column;
mod components;
mod convert;
mod error;
mod extrapolation;
mod fold;
mod graph;
mod harmonic;
mod id_builder;
mod id_maps;
mod in_edges;
mod in_order;
mod interner;
mod interners;
mod local_edges;
mod manifest;
mod mapping;
mod memory;
mod merge;
mod merge_stream;
mod named_edges;
mod names;
mod numbered;
mod ordered;
mod paged_ids;
mod pagerank;
mod parts;
mod positions;
mod pull;
mod sorter;
mod spill;
mod stream;
mod stream_builder;
mod stream_graph;
mod syncer;
mod transpose;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use adjacency::Adjacency;
pub use builder::{BuilderOptions, GraphBuilder};
pub use checkpoint::{Restored, remove_checkpoint};
pub use column::{Column, ColumnValue};
pub use components::{
    ComponentSizes, Components, ComponentsStep, strong_components, strong_components_memory_bytes,
    weak_components, weak_components_memory_bytes, weak_components_of_stream,
};
pub use convert::{Form, convert};
pub use error::Error;
pub use fold::{FoldOptions, fold};
pub use graph::Graph;
pub use harmonic::{
    Harmonic, HarmonicOptions, HarmonicStep, harmonic, harmonic_exact, harmonic_memory_bytes,
    harmonic_of_stream,
};
pub use id_builder::{IdGraph, IdGraphBuilder, IdGraphOptions};
pub use merge::{MergeOptions, Pages, Progress, SelfLoops, merge};
pub use merge_stream::merge_as;
pub use named_edges::NamedEdges;
pub use names::{MAX_NAME_BYTES, Names};
pub use numbered::{NumberedGraphBuilder, NumberedNodes};
pub use ordered::{OrderedGraphBuilder, OrderedNodes};
pub use paged_ids::PagedIdGraphBuilder;
pub use pagerank::{
    Dangling, Iteration, PageRank, PageRankOptions, Ranking, pagerank, pagerank_memory_bytes,
};
pub use positions::positions;
pub use sorter::Start;
pub use stream::{BlockScores, EdgeList, EdgePart, RankedEdges, RankingBlock, RankingStream};
pub use stream_builder::StreamGraphBuilder;
pub use stream_graph::{AnyGraph, NodeDegrees, StreamGraph};
pub use transpose::transpose;

/// Spreads the bits of a number: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014). Part of
/// the definition of harmonic estimates, so it never changes.
fn mix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
