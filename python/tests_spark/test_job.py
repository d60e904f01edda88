"""The job as a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import assert_same

JOB = Path(__file__).parents[2] / "pipelines/spark/host_graph.py"


def start(shards: Path, out: Path, *flags: object) -> subprocess.Popen[str]:
    command = [sys.executable, JOB, shards, "--out", out, "--master", "local[2]", "--edge-pages", *flags]
    return subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_driver_that_was_killed_goes_on(shards: Path, one: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    flags = ("--memory", "1G", "--harmonic-log2m", 4)
    stages = Path(f"{out}.spark/stages.json")
    with start(shards, out, *flags) as first:
        while first.poll() is None and not (stages.exists() and "host-pairs" in stages.read_text()):
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
    listed = json.loads(stages.read_text())["stages"]
    made = {stage: Path(f"{out}.spark", stage, "_SUCCESS").stat().st_mtime_ns for stage in listed}
    # The second is killed while it ranks, when the tables without scores are gone.
    with start(shards, out, *flags) as second:
        while second.poll() is None and not (out / "graph/host").exists():
            time.sleep(0.01)
        os.killpg(second.pid, signal.SIGKILL)
        assert second.wait() == -signal.SIGKILL
    for stage, time_made in made.items():
        assert Path(f"{out}.spark", stage, "_SUCCESS").stat().st_mtime_ns == time_made, stage
    third = start(shards, out, *flags)
    said = third.communicate(timeout=300)
    assert third.returncode == 3, said  # there are faults
    assert "2 faults" in said[1]
    assert "complete" in said[0]
    assert_same(out, one)


def test_what_cannot_be_done_is_said_in_a_line(shards: Path, tmp_path: Path) -> None:
    job = start(shards / "damaged.warc.wat.gz", tmp_path / "run", "--strict")
    _, said = job.communicate(timeout=300)
    assert job.returncode == 4, said
    assert "1 faults and --strict" in said.splitlines()[-1]
    job = start(shards, tmp_path / "other", "--profile", "firefox")
    _, said = job.communicate(timeout=300)
    assert job.returncode == 2, said
    assert said.splitlines()[-1].startswith("error[E-USAGE]: invalid value 'firefox' for '--profile")
