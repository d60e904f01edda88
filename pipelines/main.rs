//! crawlrank.
fn main() {}
