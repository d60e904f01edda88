"""Shards, the run of one machine that all is compared with, and sessions of Spark."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import crawlrank as cr
import crawlrank.spark as cgs

REAL_PAGES = Path(__file__).parents[3] / "shared/data/warc/derived/pages.warc.wat.gz"


def record(url: str, links: list[str]) -> bytes:
    """A WAT record of a page."""
    html = {"Links": [{"path": "A@/href", "url": link} for link in links]}
    page = {
        "Envelope": {
            "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": url},
            "Payload-Metadata": {
                "HTTP-Response-Metadata": {"Response-Message": {"Status": "200"}, "HTML-Metadata": html}
            },
        }
    }
    block = json.dumps(page).encode()
    head = f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: {url}\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 synthetic shards; one that names so many hosts that a ranking can be cut into seven blocks; one that
    is damaged; a plain one, damaged at its end; and the real pages, where they are.
    """
    folder = tmp_path_factory.mktemp("shards")
    synth = ["synth", "--out", folder, "--shards", 24, "--pages", 40, "--hosts", 5000, "--seed", 11]
    command = [sys.executable, "-m", "crawlrank", *synth, "--kind", "wat"]
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    with (folder / "many.warc.wat.gz").open("wb") as many:
        for page in range(240):
            links = [f"https://w{page * 1000 + link}.example{link % 7}.net/" for link in range(1000)]
            many.write(gzip.compress(record(f"https://from{page}.example.org/", links), 1))
    sound = gzip.compress(record("https://sound.example/", ["https://w1.example1.net/"]))
    damaged = bytearray(sound)
    damaged[len(damaged) // 2] ^= 0xFF
    (folder / "damaged.warc.wat.gz").write_bytes(sound + damaged + sound)
    with (folder / "plain.warc.wat").open("wb") as plain:
        for page in range(300):
            numbers = [(page * 7919 + link * 31) % 240_000 for link in range(7)]
            links = [f"https://w{number}.example{link}.net/" for link, number in enumerate(numbers)]
            plain.write(record(f"https://plain{page}.example.org/", links))
        plain.write(b"WARC/1.0\r\nno header")
    if REAL_PAGES.exists():
        (folder / "real.warc.wat.gz").symlink_to(REAL_PAGES)
    return folder


@pytest.fixture(scope="session")
def one(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one machine."""
    out = tmp_path_factory.mktemp("runs") / "one"
    with pytest.warns(UserWarning, match="2 faults"):
        cr.run(shards, out=out, edge_pages=True, harmonic_log2m=4, memory="1G", progress=False)
    return out


def new_session(master: str) -> SparkSession:
    """A session of its own; what there was is stopped."""
    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()
    return cgs.session(
        master,
        spark_ui_enabled="false",
        spark_ui_showConsoleProgress="false",
        spark_sql_shuffle_partitions="2",
        spark_log_level="ERROR",
    )


@pytest.fixture(scope="module")
def spark(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """The session of a module, which names its cluster in `MASTER`."""
    spark = new_session(request.module.MASTER)
    cgs.register(spark)
    yield spark
    spark.stop()


def assert_same(found: Path, expected: Path) -> None:
    """Two runs have the same tables, graphs and scores, to the byte, and the same identity."""
    assert cr.open(found).run_id == cr.open(expected).run_id
    assert cr.open(found).complete
    for below in ("tables", "graph", "ranks"):
        names = sorted(path.relative_to(expected) for path in (expected / below).rglob("*") if path.is_file())
        assert names == sorted(
            path.relative_to(found) for path in (found / below).rglob("*") if path.is_file()
        )
        for name in names:
            if name.name != "ranks.json":  # it has the time that it took
                assert (found / name).read_bytes() == (expected / name).read_bytes(), name
