"""A small invented web for the notebooks, made once: eight shards, and the runs over them.

Names are real only where every site links to them. What a notebook shows of the sample is how to look, not
how the web is.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import crawlrank as cr

FOLDER = Path(__file__).resolve().parent.parent / "out" / "notebooks"


def whole() -> Path:
    """The run over all shards; it has the table `robots`, too."""
    return _sample() / "whole"


def halves() -> tuple[Path, Path]:
    """Two runs: over the first half of the shards, and over the second."""
    return _sample() / "first-half", _sample() / "second-half"


def robots_shards() -> list[Path]:
    """The shards with robots.txt captures that the table `robots` was made from."""
    return sorted((_sample() / "shards").glob("*.robotstxt.warc.gz"))


def _sample() -> Path:
    done = FOLDER / "sample"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another notebook may be making it
        if not done.exists():
            _make(FOLDER / "sample.part")
            (FOLDER / "sample.part").rename(done)
    return done


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shards = folder / "shards"
    size = ["--shards=8", "--pages=300", "--hosts=12000", "--seed=20261101", "--kind=wat,robots"]
    _crawlrank("synth", f"--out={shards}", *size)
    wat = sorted(shards.glob("*.wat.gz"))
    for name, inputs in [("whole", wat), ("first-half", wat[:4]), ("second-half", wat[4:])]:
        cr.run(*inputs, out=folder / name, progress=False)
    _crawlrank("robots", "survey", *shards.glob("*.robotstxt.warc.gz"), f"--out={folder / 'whole'}")


def _crawlrank(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "crawlrank", *map(str, arguments), "--quiet"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
