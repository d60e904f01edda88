"""The sample run that the tests look at, made once by the installed command for all test workers."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import crawlrank as cr

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def crawlrank_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does after `pip install`."""
    command = [sys.executable, "-m", "crawlrank", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="session")
def command() -> Command:
    return crawlrank_command


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A finished run over the sample."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    directory = shared / "sample-run"
    with (shared / "sample-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other workers wait, and then find it there
        if not directory.exists():
            done = crawlrank_command("demo", "--out", directory)
            assert done.returncode == 0, done.stderr
    return directory / "run"


@pytest.fixture
def run(run_directory: Path) -> cr.Run:
    return cr.open(run_directory)
