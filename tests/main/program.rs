//! Completions, manual pages, and manners that all commands share.

use std::process::{Command, Stdio};

use crate::util::crawlrank;

#[test]
fn completions_for_every_shell_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = crawlrank(["completions", shell]);
        let script = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.code == 0 && script.contains("neighbors"), "{shell}");
    }
    assert_eq!(crawlrank(["completions", "tcsh"]).code, 2);
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    assert_eq!(crawlrank(["man".as_ref(), out.as_os_str()]).code, 0);
    for page in [
        "crawlrank",
        "crawlrank-run",
        "crawlrank-warc",
        "crawlrank-warc-check",
        "crawlrank-graph-import",
        "crawlrank-top",
    ] {
        let text = std::fs::read_to_string(out.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
    let others = std::fs::read_dir(&out).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        !name.to_string_lossy().starts_with("crawlrank")
    });
    assert_eq!(others.count(), 0, "no temporary file is left");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crawlrank"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn usage_errors_are_few_lines_and_leave_by_2() {
    for arguments in [
        &["warc", "check"][..],
        &["top"],
        &["frobnicate"],
        &["top", "x", "--by", "fame"],
        &[],
    ] {
        let ran = crawlrank(arguments);
        assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{arguments:?}");
        assert!(
            ran.stderr.starts_with("error[E-USAGE]: ") && ran.stderr.lines().count() <= 5,
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_folder_that_is_no_run_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for arguments in [
        &["status", folder][..],
        &["top", folder],
        &["show", folder, "x"],
        &["neighbors", folder, "x"],
        &["verify", folder],
    ] {
        let ran = crawlrank(arguments);
        assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{}", ran.stderr);
        assert!(ran.stderr.contains("run.json"), "{}", ran.stderr);
    }
}
