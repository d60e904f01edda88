//! `crawlrank completions`: completions for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::{Cli, Context};
use crate::error::{Exit, Result};
use crate::rows::print_text;

/// Prints completions for a shell, for example into `~/.local/share/bash-completion/completions/crawlrank`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

impl Completions {
    /// Runs the command.
    pub fn run(self, _context: &Context) -> Result<Exit> {
        // Into memory first: the generator takes a closed pipe for a bug.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "crawlrank", &mut script);
        print_text(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}
