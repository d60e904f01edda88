#![doc = include_str!("../README.md")]

mod blocks;
mod budget;
mod buffer;
mod error;
mod fault;
mod format;
mod framing;
mod gzip;
mod header;
pub mod http;
mod inflate;
mod reader;
mod record;
mod records;
mod stream;
mod totals;
mod window;
mod zstd;

pub use blocks::{Block, Blocks};
pub use budget::WindowBudget;
pub use error::Error;
pub use fault::{Fault, FaultKind, WarningKind};
pub use header::Header;
pub use reader::{Reader, ReaderOptions};
pub use record::{Record, RecordType};
pub use records::Records;
pub use stream::Format;
pub use totals::{Totals, Warnings};
