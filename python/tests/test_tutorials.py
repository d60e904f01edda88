"""The tutorials: all their ways count the same."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import crawlrank as cr

Command = Callable[..., "subprocess.CompletedProcess[str]"]
TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
EMOJI = TUTORIALS / "emoji" / "emoji_count.py"
LINKS = TUTORIALS / "links" / "link_count.py"


@pytest.fixture
def shards(tmp_path: Path, command: Command) -> Callable[[str], list[str]]:
    def make(kind: str) -> list[str]:
        options = ("--shards", "2", "--pages", "60", "--hosts", "30", "--seed", "3", "--kind", kind)
        done = command("synth", "--out", tmp_path / kind, *options)
        assert done.returncode == 0, done.stderr
        return sorted(map(str, (tmp_path / kind).glob(f"*.{kind}.gz")))

    return make


def test_both_expressions_count_the_emoji_there_are(shards: Callable[[str], list[str]]) -> None:
    tutorial = runpy.run_path(str(EMOJI))
    wet = shards("wet")
    counts: Counter[str] = Counter()
    for shard in wet:
        for record in cr.records(shard):
            if record.type == "conversion":
                counts.update(bytes(record.block).decode(errors="replace"))
    expected = {emoji: counts[emoji] for emoji in tutorial["EMOJI"] if counts[emoji]}
    assert len(expected) > 5
    assert tutorial["regex"](wet) == expected
    assert tutorial["glue"](wet[:1]) == tutorial["regex"](wet[:1])


def test_links_are_counted_by_host(shards: Callable[[str], list[str]]) -> None:
    tutorial = runpy.run_path(str(LINKS))
    assert tutorial["host"]("https://User@WWW.Example.com:80/a@b?c#d") == "www.example.com"
    assert tutorial["host"]("http://a.example?x") == "a.example"
    assert tutorial["host"]("/a") is None and tutorial["host"]("ftp://a.example/") is None
    counts = tutorial["glue"](shards("wat"))
    assert counts.total() > 1000 and all("." in name or name == "localhost" for name in list(counts)[:20])


def assert_rust_counts_the_same(tutorial: Path, shards: list[str]) -> None:
    pytest.importorskip("maturin_import_hook", reason="skipped: maturin_import_hook is not installed")
    if shutil.which("cargo") is None:
        pytest.skip("skipped: cargo is not installed")
    command = [sys.executable, str(tutorial), "--rust", *shards]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # the script itself compares
    assert done.stdout.startswith("glue") and "\nrust" in done.stdout


def test_a_file_is_built_against_the_wheel_and_counts_the_same(
    shards: Callable[[str], list[str]], tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(LINKS.parent, tmp_path / "links"))
    file = copied / "link_rs.rs"
    block = 'crawlrank-links = "*"\n'
    # Compiled as fast as can be: half a minute of two cores instead of more than a whole one.
    unoptimized = f"{block}//!\n//! [profile.release]\n//! opt-level = 0\n"
    assert block in file.read_text()
    file.write_text(file.read_text().replace(block, unoptimized, 1))
    assert_rust_counts_the_same(copied / LINKS.name, shards("wat"))


@pytest.mark.slow
@pytest.mark.parametrize(("tutorial", "kind"), [(EMOJI, "wet"), (LINKS, "wat")])
def test_rust_counts_the_same(tutorial: Path, kind: str, shards: Callable[[str], list[str]]) -> None:
    assert_rust_counts_the_same(tutorial, shards(kind))
