//! The `crawlrank` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(crawlrank::cli::main(std::env::args_os()) as u8)
}
