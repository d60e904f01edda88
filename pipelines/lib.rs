//! crawlrank.
