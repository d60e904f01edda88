"""A Rust file of a user, imported: what it counts, when it is compiled, what is said when it cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest

import crawlrank as cr

Command = Callable[..., "subprocess.CompletedProcess[str]"]

HEAD = """//! Counts words.

use std::collections::BTreeMap;

use crawlrank_analysis::{Analysis, Record, RecordType, export};
"""
WORDS = (
    HEAD
    + """
#[derive(Default)]
struct Words(BTreeMap<String, u64>);

impl Analysis for Words {
    type Output = BTreeMap<String, u64>;

    fn record(&mut self, record: &Record) {
        if record.record_type() == RecordType::Conversion {
            let text = String::from_utf8_lossy(record.block());
            assert!(!text.contains("panic, please"), "as it was asked");
            for word in text.split_ascii_whitespace() {
                *self.0.entry(word.to_owned()).or_default() += 1;
            }
        }
    }

    fn merge(&mut self, other: Words) {
        for (word, count) in other.0 {
            *self.0.entry(word).or_default() += count;
        }
    }

    fn finish(self) -> Self::Output {
        self.0
    }
}

export!(words, Words);
"""
)


def python(
    code: str, folder: Path, *, tools: bool = True, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs code in a folder as a script there, with or without cargo."""
    (folder / "script.py").write_text(code)
    variables = {**os.environ, **(environment or {})}
    if not tools:
        (folder / "bin").mkdir(exist_ok=True)
        variables |= {"PATH": str(folder / "bin"), "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, check=False, cwd=folder, env=variables
    )


def test_the_wheel_carries_what_files_are_built_against() -> None:
    files = {str(file) for file in distribution("crawlrank").files or []}
    sources = "crawlrank/rust/sources"
    for name in ("analysis", "links", "robots", "warc"):
        assert {
            f"{sources}/crates/{name}/{file}" for file in ("Cargo.toml", "src/lib.rs", "README.md")
        } <= files
    manifest = (Path(cr.__file__).parent / "rust/sources/Cargo.toml").read_text()
    assert 'members = ["crates/*"]' in manifest
    assert "[package]" not in manifest.splitlines()


def test_what_it_needs_is_an_extra() -> None:
    requires = distribution("crawlrank").requires or []
    extra = [requirement.split(";")[1] for requirement in requires if requirement.startswith("maturin")]
    assert len(extra) == 2 and all("rust" in marker for marker in extra)


def test_import_alone_brings_nothing_that_builds(tmp_path: Path) -> None:
    done = python("import crawlrank.rust, sys; print('maturin_import_hook' in sys.modules)", tmp_path)
    assert done.stdout.split() == ["False"], done.stderr


def test_without_cargo_it_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "words.rs").write_text(WORDS)
    cache = {"CRAWLRANK_RUST_CACHE": str(tmp_path / "cache")}
    done = python("import crawlrank.rust\nimport words\n", tmp_path, tools=False, environment=cache)
    assert done.returncode == 1
    assert done.stderr.startswith("no Rust toolchain is installed, which compiles `words.rs`; get Rust 1.85")
    assert "https://rustup.rs" in done.stderr and len(done.stderr.splitlines()) == 1


def test_what_is_no_rust_file_is_python_s_own_error(tmp_path: Path) -> None:
    done = python("import crawlrank.rust\nimport nothing_of_this_name\n", tmp_path)
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in done.stderr


@pytest.mark.skipif(shutil.which("cargo") is None, reason="skipped: cargo is not installed")
def test_a_module_of_another_name_than_its_file_is_told_before_it_is_built(tmp_path: Path) -> None:
    (tmp_path / "other.rs").write_text(WORDS)
    done = python("import crawlrank.rust\nimport other\n", tmp_path)
    expected = "other.rs: `export!` names the module `words`, expected `other`, as the file\n"
    assert done.stderr == expected


def test_the_block_becomes_the_manifest() -> None:
    from crawlrank import rust

    def manifest(*block: str) -> str:
        lines = ("Counts words.", "", "```cargo", *block, "```")
        text = "".join(f"//! {line}".rstrip() + "\n" for line in lines)
        return rust._manifest("words", text + "\nuse std::io;\n", Path("/crates of ours"))

    plain = rust._manifest("words", HEAD, Path("/x"))
    assert plain.count("[dependencies") == 1 and "[dependencies.crawlrank-analysis]" in plain
    named = manifest("[dependencies]", 'regex = "1"', 'crawlrank-links = "*"', "", "[features]", "a = []")
    assert named.startswith('[dependencies]\nregex = "1"\n\n[features]\na = []\n')
    assert '[dependencies.crawlrank-links]\npath = "/crates of ours/crates/links"\n' in named
    bare = manifest('regex = "1"')
    assert bare.startswith('[dependencies]\nregex = "1"\n')
    assert "[profile.release]" in bare
    assert manifest("[profile.release]", "lto = true").count("[profile.release]") == 1


def test_only_the_words_of_rustc_are_left() -> None:
    from crawlrank import rust

    said = "error[E0425]: cannot find value `x` in this scope\n --> words.rs:3:5\n  |\n3 |     x\n  |     ^"
    output = (
        "maturin output:\n🔗 Found pyo3 bindings\n   Compiling words v0.0.0 (/somewhere)\n\x1b[1m"
        f"{said}\nerror: could not compile `words` (lib) due to 1 previous error\n💥 maturin failed\n"
    )
    assert rust._diagnostics(output) == said
    assert (
        rust._diagnostics("💥 maturin failed\n  Caused by: reasons")
        == "💥 maturin failed\n  Caused by: reasons"
    )
    assert rust._diagnostics("   Compiling words\n    Finished `release`", otherwise="") == ""


# What follows compiles.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a user works: a Rust file, and shards."""
    pytest.importorskip("maturin_import_hook", reason="skipped: maturin_import_hook is not installed")
    if shutil.which("cargo") is None:
        pytest.skip("skipped: cargo is not installed")
    (tmp_path / "words.rs").write_text(WORDS)
    return tmp_path


@pytest.fixture
def shards(folder: Path, command: Command) -> Path:
    options = ("--shards", "3", "--pages", "40", "--hosts", "30", "--seed", "5", "--kind", "wet")
    done = command("synth", "--out", folder / "wet", *options)
    assert done.returncode == 0, done.stderr
    return folder / "wet"


def in_rust(code: str, folder: Path, **environment: str) -> str:
    done = python(f"import crawlrank.rust\n{code}", folder, environment=environment)
    if any(
        lost in done.stderr for lost in ("failed to download", "failed to get", "network failure", "offline")
    ):
        pytest.skip(f"skipped: no registry of crates can be reached: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_words_are_those_that_python_counts(folder: Path, shards: Path) -> None:
    printed = in_rust(
        "import words\n"
        "one = words.run('wet/*.wet.gz', threads=1)\n"
        "two, account = words.run(['wet/*.wet.gz'], threads=2, account=True)\n"
        "assert one == two and list(one) == list(two)\n"
        "print(sum(shard['records'] for shard in account), len(account))\n"
        "print(*(f'{word} {count}' for word, count in one.items()), sep='\\n')\n",
        folder,
    )
    counts: Counter[str] = Counter()
    records = 0
    for shard in shards.glob("*.wet.gz"):
        for record in cr.records(shard):
            records += 1
            if record.type == "conversion":
                text = bytes(record.block).decode(errors="replace")
                counts.update(word for word in text.translate(ASCII_SPACE).split(" ") if word)
    account, *lines = printed.split("\n")[:-1]
    assert account == f"{records} 3"
    assert {word: int(count) for word, count in (line.rsplit(" ", 1) for line in lines)} == counts
    assert len(counts) > 1000


# What Rust's `split_ascii_whitespace` splits at.
ASCII_SPACE = {ord(space): " " for space in "\t\n\x0c\r"}


@pytest.mark.slow
def test_an_unchanged_file_needs_no_cargo(folder: Path, shards: Path) -> None:
    in_rust("import words", folder)
    done = python(
        "import crawlrank.rust, sys\nimport words\nprint('maturin_import_hook' in sys.modules)\n"
        "print(len(words.run('wet/*.wet.gz')) > 0)\n",
        folder,
        environment={"PATH": "/nowhere"},
    )
    assert done.stdout.split() == ["False", "True"], done.stderr


@pytest.mark.slow
def test_an_edited_file_is_imported_anew(folder: Path, shards: Path) -> None:
    printed = in_rust(
        "import importlib, pathlib, words\n"
        "before = sum(words.run('wet/*.wet.gz').values())\n"
        "file = pathlib.Path('words.rs')\n"
        "file.write_text(file.read_text().replace('+= 1', '+= 2'))\n"
        "importlib.reload(words)\n"
        "print(sum(words.run('wet/*.wet.gz').values()) / before)\n",
        folder,
    )
    assert printed == "2.0\n"


@pytest.mark.slow
def test_an_error_is_shown_in_rustc_s_words(folder: Path) -> None:
    in_rust("import words", folder)
    (folder / "words.rs").write_text(WORDS.replace("+= count", '+= "one"'))
    done = python("import crawlrank.rust\nimport words\n", folder)
    assert done.returncode == 1
    assert done.stderr.startswith("error[E0277]: cannot add-assign `&str` to `u64`\n  --> words.rs:")
    assert "Traceback" not in done.stderr and "maturin" not in done.stderr
    caught = in_rust(
        "try:\n    import words\nexcept crawlrank.rust.BuildError as error:\n"
        "    print(error.code, error.path, str(error)[:12])\n",
        folder,
    )
    assert caught == f"E-BUILD {folder / 'words.rs'} error[E0277]\n"


@pytest.mark.slow
def test_damage_is_warned_of_and_counted(folder: Path, shards: Path) -> None:
    first = min(shards.glob("*.wet.gz"))
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    (shards / "zz.wet.gz").write_bytes(b"<html>503 Slow Down</html>")
    printed = in_rust(
        "import warnings, words\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    counts, account = words.run('wet/*.wet.gz', account=True)\n"
        "print(caught[0].category.__name__, len(caught), caught[0].message)\n"
        "print([shard['faults'] for shard in account], [bool(shard['error']) for shard in account])\n",
        folder,
    )
    warning, account = printed.splitlines()
    assert warning.startswith("UserWarning 1 1 of 4 shards could not be read and are left out")
    assert "1 of 4 shards are damaged: 1 faults" in warning
    assert account == "[1, 0, 0, 0] [False, False, False, True]"


@pytest.mark.slow
def test_errors_are_those_of_the_package_and_a_panic_names_its_record(folder: Path) -> None:
    head = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 13\r\n\r\n"
    (folder / "one.warc").write_bytes(head + b"panic, please\r\n\r\n")
    (folder / "page.warc").write_bytes(b"<html>")
    printed = in_rust(
        "import crawlrank, words\n"
        "for shards in ('nothing/*.gz', [], 'page.warc', '.', 'one.warc'):\n"
        "    try:\n"
        "        words.run(shards)\n"
        "    except (crawlrank.CrawlrankError, RuntimeError) as error:\n"
        "        print(type(error).__name__, error)\n",
        folder,
    )
    lines = printed.splitlines()
    assert lines[0] == "UsageError error[E-USAGE]: nothing/*.gz: no file of such a name"
    assert lines[1].startswith("UsageError error[E-USAGE]: no shards are given")
    assert lines[2].startswith(
        "RefusedError error[E-FORMAT]: page.warc: none of the shards could be read: offset 0"
    )
    assert lines[3].startswith("UsageError error[E-USAGE]: .: a folder, expected files")
    assert lines[4].startswith(
        "RuntimeError one.warc offset 0: the analysis panicked at this record: as it was"
    )


@pytest.mark.slow
def test_progress_and_ctrl_c(folder: Path, shards: Path) -> None:
    slow = WORDS.replace(
        "if record", "std::thread::sleep(std::time::Duration::from_millis(20));\n        if record"
    )
    (folder / "words.rs").write_text(slow)
    printed = in_rust(
        "import os, signal, threading, time, words\n"
        "told = []\n"
        "words.run('wet/*.wet.gz', progress=lambda *news: told.append(news))\n"
        "stage, done, total, unit, message = told[-1]\n"
        "print(stage, 0 < done <= total, unit, message.endswith('/3 shards'))\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "begun = time.monotonic()\n"
        "try:\n    words.run('wet/*.wet.gz', threads=1)\n"
        "except KeyboardInterrupt:\n    print('stopped', time.monotonic() - begun < 1.5)\n",
        folder,
    )
    assert printed.splitlines() == ["analyze True bytes True", "stopped True"]
