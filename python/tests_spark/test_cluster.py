"""The job on separate executors, of which one is killed while shards are read, and one while nodes are
ranked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import assert_same
from pyspark.sql import SparkSession

import crawlrank.spark as cgs

MASTER = "local-cluster[2,1,1024]"


def executors() -> list[int]:
    """The processes of executors that this one has begun."""
    parents, names = {}, {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                names[int(path.name)] = (path / "cmdline").read_bytes()

    def is_ours(pid: int) -> bool:
        while pid in parents:
            if pid == os.getpid():
                return True
            pid = parents[pid]
        return False

    return [pid for pid, name in names.items() if b"CoarseGrainedExecutorBackend" in name and is_ours(pid)]


class Killer(threading.Thread):
    """Kills an executor as soon as `is_due`."""

    def __init__(self, is_due: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self._is_due, self.killed = is_due, False
        self.start()

    def run(self) -> None:
        for _ in range(6000):
            found = executors()
            if self._is_due() and found:
                os.kill(found[0], signal.SIGKILL)
                self.killed = True
                return
            time.sleep(0.02)


def test_executors_may_be_killed_at_work(
    spark: SparkSession, shards: Path, one: Path, tmp_path: Path
) -> None:
    out, work = tmp_path / "run", tmp_path / "work"
    reader = spark.read.format("crawlrank").option("kind", "host_links").option("edge_pages", True)
    links = reader.load(str(shards))

    def read_some() -> bool:
        # Files of tasks that are done, of a stage that is not.
        return any((work / "rows").rglob("part-*")) and not (work / "rows/_SUCCESS").exists()

    reading = Killer(read_some)
    with pytest.warns(UserWarning, match="2 faults"):
        cgs.build(links, out, work=work)
    assert reading.killed

    def ranked_some() -> bool:
        states = work.glob("ranking/host-*/state.json")
        return any(json.loads(state.read_text())[0] >= 2 for state in states)

    ranking = Killer(ranked_some)
    with pytest.warns(UserWarning, match="2 faults"):
        cgs.rank(out, on="cluster", blocks=5, work=work, harmonic_log2m=4, memory="1G")
    assert ranking.killed
    assert_same(out, one)
