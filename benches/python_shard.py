"""One shard, and all who read it: `python benches/python_shard.py SHARD...`.

Needs `crawlrank` (a release build), the program `crawlrank` (`--crawlrank PATH`), `fastwarc` 2, `warcio`,
`daft`, `orjson`, `idna` and `pyarrow`. Give shards of the size of Common Crawl's (300 MB). Median of three
interleaved rounds (`--rounds N`) of the CPU time of all threads, the time to import aside.

Reading: each goes through all records. FastWARC as in `python_records.py`; warcio as its manual has it; Daft
reads what a count needs, and then the content of each record.

Host pairs, of WAT: the whole command `crawlrank run` with one thread, from reading to the graph of hosts,
ranks and tables on the disk, and its stage `extract` alone, beside the rules of cc-pyspark's job
(`cc_rules.py`), whose pairs are gone through, and gathered without repetition. Whether the pairs are the
same is looked at, too, of a host with itself aside: so cc-pyspark says that a page has no links.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import crawlrank as cr
import daft
import pyarrow.parquet as pq
from cc_rules import HostPairs
from fastwarc.warc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

TARGET = 8  # times as fast as cc-pyspark's rules


def count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


# --- Reading. ---


def crawlrank_records(path: Path) -> int:
    return count(cr.records(path))


def fastwarc_records(path: Path) -> int:
    return count(ArchiveIterator(str(path), parse_http=False, buffer_size=256 << 10, inplace=True))


def warcio_records(path: Path) -> int:
    with path.open("rb") as stream:
        return count(WarcioIterator(stream, no_record_parse=True))


def daft_count(path: Path) -> int:
    return daft.read_warc(str(path)).count_rows()


def daft_contents(path: Path) -> int:
    contents = daft.read_warc(str(path)).select("warc_content")
    return sum(batch.num_rows for batch in contents.to_arrow_iter())


READERS = {
    "`cr.records`": crawlrank_records,
    "FastWARC": fastwarc_records,
    "warcio": warcio_records,
    "Daft, records counted": daft_count,
    "Daft, contents of records": daft_contents,
}


# --- Host pairs. ---


def run(program: str, path: Path, out: Path) -> float:
    """Runs the whole command; returns the seconds of its stage `extract`."""
    shutil.rmtree(out, ignore_errors=True)
    flags = ["--profile", "cc", "--level", "host", "--threads", "1", "--quiet"]
    command = [program, "run", path, "--out", out, *flags]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 3):  # 3: with listed faults
        raise SystemExit(done.returncode)
    return json.loads((out / "run.json").read_text())["stage_milliseconds"]["extract"] / 1000


def pairs_of_run(out: Path) -> set[tuple[str, str]]:
    names = pq.read_table(out / "tables/hosts.parquet", columns=["host_rev"])["host_rev"].to_pylist()
    edges = pq.read_table(out / "tables/edges/host")
    ends = zip(edges["source"].to_pylist(), edges["target"].to_pylist(), strict=True)
    return {(names[source], names[target]) for source, target in ends}


def rules(path: Path) -> Iterable[tuple[str, str]]:
    return HostPairs("keep")(0, [str(path)])


# --- The figures. ---


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads, and of the processes that were started and have ended."""

    def now() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    start = now()
    work()
    return now() - start


def medians(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def reading(path: Path, rounds: int) -> None:
    counts = {name: read(path) for name, read in READERS.items()}
    ways = {name: lambda read=read: cpu_seconds(lambda: read(path)) for name, read in READERS.items()}
    taken = medians(ways, rounds)
    ours = next(iter(taken.values()))
    print("\n| reading | records | CPU s | times crawlrank |\n|---|---|---|---|")
    for name, seconds in taken.items():
        print(f"| {name} | {counts[name]:,} | {seconds:.2f} | **{seconds / ours:.2f}** |", flush=True)


def host_pairs(path: Path, program: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        ways: dict[str, Callable[[], float]] = {
            "`crawlrank run`, whole": lambda: cpu_seconds(lambda: run(program, path, out)),
            "its stage `extract`, by the clock": lambda: run(program, path, out),
            "cc-pyspark's rules: pairs gone through": lambda: cpu_seconds(lambda: count(rules(path))),
            "the same: pairs gathered": lambda: cpu_seconds(lambda: set(rules(path))),
        }
        taken = medians(ways, rounds)
        whole, extract, peer, gathered = taken.values()
        print("\n| host pairs | s | times whole | times extract | target |\n|---|---|---|---|---|")
        for name, seconds in taken.items():
            ratios = f"**{seconds / whole:.1f}** | **{seconds / extract:.1f}**"
            target = TARGET if seconds in (peer, gathered) else ""
            print(f"| {name} | {seconds:.2f} | {ratios} | {target} |")
        theirs = {(source, target) for source, target in rules(path) if source != target}
        ours = pairs_of_run(out)
    alone = f"{len(ours - theirs)} of crawlrank alone, {len(theirs - ours)} of the peer alone"
    print(f"\n{len(ours & theirs):,} pairs of two hosts that both have, {alone}.", *sorted(ours ^ theirs)[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crawlrank", default="crawlrank", help="the program")
    given = parser.parse_args()
    logging.disable()  # warcio has a word on every odd URL
    names = ("crawlrank", "fastwarc", "warcio", "daft", "orjson")
    print(", ".join(f"{name} {version(name)}" for name in names))
    for shard in given.shards:
        shard.read_bytes()
        print(f"\n## {shard.name}: {shard.stat().st_size / 1e6:.1f} MB")
        reading(shard, given.rounds)
        if ".wat" in shard.name:
            host_pairs(shard, given.crawlrank, given.rounds)


if __name__ == "__main__":
    main()
