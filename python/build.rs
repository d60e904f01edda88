//! Gathers the sources that travel in the wheel: the light crates, which a Rust file of a user is built against
//! (`crawlrank.rust`). `pyproject.toml` takes them from the output folder; git does not hold them twice.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What `crawlrank.rust` offers. None of them brings parquet or arrow.
const LIGHT: [&str; 4] = ["analysis", "links", "robots", "warc"];

fn main() -> io::Result<()> {
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let root = variable("CARGO_MANIFEST_DIR").join("..");
    let sources = variable("OUT_DIR").join("rust/sources");
    if sources.exists() {
        fs::remove_dir_all(&sources)?; // files that are no more
    }
    fs::create_dir_all(&sources)?;
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = read(&root.join("Cargo.toml"))?;
    fs::write(sources.join("Cargo.toml"), workspace_alone(&manifest))?;
    copy(&root.join("Cargo.lock"), &sources.join("Cargo.lock"))?;
    for name in LIGHT {
        let (from, to) = (
            root.join("crates").join(name),
            sources.join("crates").join(name),
        );
        fs::create_dir_all(&to)?;
        let manifest = read(&from.join("Cargo.toml"))?;
        fs::write(to.join("Cargo.toml"), without_programs(&manifest))?;
        copy(&from.join("README.md"), &to.join("README.md"))?; // the text of its `lib.rs`
        println!("cargo::rerun-if-changed={}", from.join("src").display());
        copy_folder(&from.join("src"), &to.join("src"))?;
    }
    Ok(())
}

/// The root's manifest with the light crates for members, and without the program itself.
fn workspace_alone(manifest: &str) -> String {
    let (workspace, _) = manifest
        .split_once("\n[package]\n")
        .expect("the program follows");
    let kept = |line: &&str| !line.starts_with("default-members") && !line.starts_with("exclude");
    let line = |line: &str| match line.starts_with("members = ") {
        true => "members = [\"crates/*\"]\n".to_owned(),
        false => format!("{line}\n"),
    };
    workspace.lines().filter(kept).map(line).collect()
}

/// A crate's manifest without the benches and tests, whose files stay behind.
fn without_programs(manifest: &str) -> String {
    let program = |table: &&str| {
        !["[[bench]]", "[[test]]", "[[example]]"]
            .iter()
            .any(|t| table.starts_with(t))
    };
    manifest.split_inclusive("\n\n").filter(program).collect()
}

fn read(path: &Path) -> io::Result<String> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", from.display());
    fs::copy(from, to)?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()?.is_dir() {
            true => copy_folder(&from, &to)?,
            false => drop(fs::copy(from, to)?),
        }
    }
    Ok(())
}
