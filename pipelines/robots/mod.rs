//! robots.txt by the million: columns of files to record batches, and the survey of a crawl.
//!
//! What a rule means is the library's (`crawlrank-robots`). Here is what happens to many files: [`batch`] parses a column of
//! bodies, each distinct one once, and answers for all of them; [`survey`] reads captures from shards and sorts what it found
//! into the table `robots`; [`agents`] is the list of crawlers that a survey asks for.

pub mod agents;
pub mod batch;
pub mod capture;
mod journal;
pub mod ranks;
mod sorted;
pub mod survey;
