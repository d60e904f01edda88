//! Tests that need a whole graph: laws, damage, ranks, reference answers.

mod blocks;
mod checkpoints;
mod components;
mod damage;
mod edges;
mod harmonic;
mod laws;
mod named;
mod ordered;
mod ranks;
mod reference;
mod resume;
mod stream;
mod stream_graphs;
mod util;
