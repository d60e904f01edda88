#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod access;
mod agent;
mod agents;
mod bytes;
mod canonical;
mod dictionary;
mod explain;
mod fields;
mod form;
mod freshness;
mod groups;
mod line;
mod occurrences;
mod record;
mod robots;
mod signals;
mod text;
mod token;
mod url;
mod warnings;
mod wildcard;

pub use access::{Access, Fetch, HeaderField, MAX_AGE, MAX_REDIRECTS, MAX_UNREACHABLE, Outcome};
pub use agent::{Agent, AgentRules};
pub use agents::Agents;
pub use explain::{DecidingGroup, DecidingRule, Decision, Leniency};
pub use fields::{RequestRate, VisitTime};
pub use form::FormError;
pub use groups::{Group, GroupRule};
pub use line::MAX_LINE_BYTES;
pub use robots::{DEFAULT_MAX_BYTES, MAX_BYTES, ParseOptions, RobotsTxt};
pub use signals::{ContentSignal, ContentUsage, ContentUse};
pub use url::UrlPath;
pub use warnings::{Warning, WarningKind};
