#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod browser;
mod cc;
mod charset;
mod domain;
mod header;
mod host;
mod html;
mod idna2008;
mod json;
mod known;
mod link;
mod meta;
mod options;
mod page;
mod page_key;
mod quotes;
mod redirect;
mod skipped;
mod style;
mod tokens;
mod unique;
mod wat;

pub use domain::{PUBLIC_SUFFIX_LIST_VERSION, registered_domain};
pub use host::{Host, reverse_host};
pub use link::{KindSet, Link, LinkFilter, LinkKind, ParseNameError, Rel};
pub use options::{Level, Options, Profile, Www};
pub use page::Page;
pub use page_key::{host_of_page_key, page_key, url_of_page_key};
pub use skipped::Skipped;
