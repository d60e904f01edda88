//! What a cluster needs of the program: shards as rows of record batches on any machine, and the tables that come of them taken up as
//! a run on one.
//!
//! | file | what |
//! |---|---|
//! | `rows` | a shard, or a part of one, as record batches, with its account and its faults as rows of their own |
//! | `split` | where a large plain file may be cut |
//! | `hand_over` | accounts and tables to a run directory, from which `crawlrank rank` goes on |
//!
//! Nothing in here knows which cluster it is.

pub mod hand_over;
pub mod rows;
pub mod split;
