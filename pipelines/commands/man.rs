//! `crawlrank man`: manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};

use crate::cli::{Cli, Context};
use crate::error::{Error, Exit, Result};
use crate::run::write_atomically;

/// Writes manual pages, one for each command: `crawlrank.1`, `crawlrank-warc-check.1`, …
#[derive(Debug, Args)]
pub struct Man {
    /// Where they go, for example `~/.local/share/man/man1`
    pub dir: PathBuf,
}

impl Man {
    /// Runs the command.
    pub fn run(self, _context: &Context) -> Result<Exit> {
        fs::create_dir_all(&self.dir).map_err(|e| Error::cannot_create(&self.dir, &e))?;
        // Built as a whole, commands know their full names.
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        write_pages(&command, &self.dir)?;
        Ok(Exit::Done)
    }
}

fn write_pages(command: &Command, folder: &Path) -> Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text).map_err(|e| Error::io(&path, &e))?;
    write_atomically(&path, &text)?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| write_pages(command, folder))
}
