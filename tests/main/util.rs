//! What the tests of the program share.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// The rows of a command that ran with `-o jsonl`.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The same, of a command that must leave by `code`.
    pub(crate) fn rows_with(&self, code: i32) -> Vec<Value> {
        assert_eq!(self.code, code, "{}", self.stderr);
        self.rows()
    }
}

/// Runs the program.
pub(crate) fn crawlrank<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    crawlrank_with_stdin(arguments, b"")
}

/// Runs the program with bytes on stdin.
pub(crate) fn crawlrank_with_stdin<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    stdin: &[u8],
) -> Ran {
    let mut command = command();
    command.args(arguments).write_stdin(stdin);
    run(&mut command)
}

/// Runs the program with these variables.
#[cfg(feature = "s3")]
pub(crate) fn crawlrank_with_env(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = command();
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"AWS_") {
            command.env_remove(name); // nor the keys of one
        }
    }
    command.args(arguments).envs(variables.iter().copied());
    run(&mut command)
}

fn command() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_crawlrank"));
    // Not the list of crawls that a developer keeps.
    command.env("XDG_CACHE_HOME", "/nonexistent");
    command
}

fn run(command: &mut assert_cmd::Command) -> Ran {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        !stderr.contains("panicked") && !stderr.contains("E-INTERNAL"),
        "{stderr}"
    );
    Ran {
        code: output.status.code().expect("no signal ends the program"),
        stdout: output.stdout,
        stderr,
    }
}

/// Runs the program, which must leave by 0, and returns its rows.
pub(crate) fn rows<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Vec<Value> {
    let arguments = arguments
        .into_iter()
        .map(|argument| argument.as_ref().to_owned());
    crawlrank(arguments.chain(["-o".into(), "jsonl".into()])).rows_with(0)
}

/// Real files that lie beside the project on some machines and are no part of it.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// A column of rows.
pub(crate) fn column<'a>(rows: &'a [Value], name: &str) -> Vec<&'a Value> {
    rows.iter().map(|row| &row[name]).collect()
}
