"""Extraction on Spark, against Common Crawl's job and the program: `python benches/python_spark.py WAT...`.

Needs `crawlrank[spark]` (a release build), `fastwarc` 2, `orjson` and `idna`, and the program `crawlrank`
(`--crawlrank PATH`). Everything is done in one session, `local[2]`: give an even number of shards of about
one size, so that both cores have work to the end; a single one is given twice. They should have the size of
real ones (100 MB and more), since Spark takes half a second before it does anything. Wall time, median of
three interleaved rounds (`--rounds N`) behind one that warms up: it starts workers and fills caches.

- The data source: all rows of `host_links`, profile cc, written to the format `noop`, which consumes and
  forgets them.
- The peer has the rules of cc-pyspark's `ExtractHostLinksJob` (`cc_rules.py`): a task per shard
  (`mapPartitionsWithIndex`), pairs of two reversed hosts to a data frame, to `noop` as well. `--www` (`keep`
  or `strip`) is for both.
- The same two without repeated pairs (`dropDuplicates`), which is where that job ends but for its files.
- The command line, `crawlrank run --threads 2`: its stage `extract` alone, which leaves a graph on the disk.

Whether the pairs are the same is looked at, too, of a host with itself aside: so cc-pyspark says that a page
has no links.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cc_rules
import crawlrank.spark as cgs
from cc_rules import HostPairs
from pyspark.sql import DataFrame, SparkSession

TARGET_PEER = 5  # times as fast as the peer
TARGET_PROGRAM = 1.5  # times the command line, at most

# --- The two as data frames, and the command line. ---


def ours(spark: SparkSession, shards: list[str], www: str) -> DataFrame:
    reader = spark.read.format("crawlrank").option("kind", "host_links")
    return reader.option("profile", "cc").option("www", www).load(shards)


def theirs(spark: SparkSession, shards: list[str], www: str) -> DataFrame:
    paths = spark.sparkContext.parallelize(shards, len(shards))
    return spark.createDataFrame(paths.mapPartitionsWithIndex(HostPairs(www)), "source string, target string")


def pairs_alone(rows: DataFrame) -> DataFrame:
    return rows.where("target is not null").select("source", "target").dropDuplicates()


def consume(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def extract_seconds(program: str, shards: list[str], www: str, folder: Path) -> float:
    """What the command line's run says of its stage `extract`."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    flags = ["--no-harmonic", "--profile", "cc", "--www", www, "--level", "host", "--threads", "2", "--quiet"]
    done = subprocess.run(
        [program, "run", *shards, "--out", out, *flags], check=False, stdout=subprocess.DEVNULL
    )
    if done.returncode not in (0, 3):  # 3: with listed faults
        raise SystemExit(done.returncode)
    return json.loads((out / "run.json").read_text())["stage_milliseconds"]["extract"] / 1000


# --- What both say, and the figures. ---


def compare(spark: SparkSession, shards: list[str], www: str) -> None:
    sides = {}
    for name, rows in (
        ("of crawlrank", ours(spark, shards, www)),
        ("of the peer", theirs(spark, shards, www)),
    ):
        found = pairs_alone(rows).where("source <> target").toArrow()
        sides[name] = set(zip(found["source"].to_pylist(), found["target"].to_pylist(), strict=True))
    (_, first), (_, second) = sides.items()
    print(f"\n{len(first & second):,} pairs of two hosts that both have.")
    for name, alone in zip(sides, (first - second, second - first), strict=True):
        print(f"{len(alone):,} {name} alone{':' if alone else '.'}")
        for source, target in sorted(alone)[:8]:
            print(f"  {source} -> {target}")


def measure(spark: SparkSession, shards: list[str], given: argparse.Namespace, folder: Path) -> None:
    www = given.www
    ways: dict[str, Callable[[], float]] = {
        "data source `host_links`": lambda: timed(lambda: consume(ours(spark, shards, www))),
        "cc-pyspark's rules": lambda: timed(lambda: consume(theirs(spark, shards, www))),
        "data source, distinct pairs": lambda: timed(lambda: consume(pairs_alone(ours(spark, shards, www)))),
        "cc-pyspark's rules, distinct pairs": lambda: timed(
            lambda: consume(pairs_alone(theirs(spark, shards, www)))
        ),
        "command line, stage `extract`": lambda: extract_seconds(given.crawlrank, shards, www, folder),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(given.rounds + 1):
        for name, way in ways.items():
            taken = way()
            if number:  # the first round warms up
                seconds[name].append(taken)
    source, peer, distinct, peer_distinct, program = (statistics.median(taken) for taken in seconds.values())
    rows = [
        (source, "of the command line", source / program, f"at most {TARGET_PROGRAM}"),
        (peer, "of the data source", peer / source, f"at least {TARGET_PEER}"),
        (distinct, "", None, ""),
        (peer_distinct, "of the data source, distinct pairs", peer_distinct / distinct, ""),
        (program, "", None, ""),
    ]
    print("\n| way | wall s | times | target |\n|---|---|---|---|")
    for name, (taken, of, ratio, target) in zip(ways, rows, strict=True):
        times = f"**{ratio:.2f}** {of}" if ratio else ""
        print(f"| {name} | {taken:.2f} | {times} | {target} |")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shards", nargs="+", type=Path, metavar="WAT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--www", choices=("keep", "strip"), default="keep")
    parser.add_argument("--crawlrank", default="crawlrank", help="the program")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = [str(shard.resolve()) for shard in given.shards]
        if len(shards) == 1:
            shards.append(str(folder / f"again-{given.shards[0].name}"))
            shutil.copyfile(shards[0], shards[1])
        spark = cgs.session(
            "local[2]",
            spark_ui_enabled="false",
            spark_ui_showConsoleProgress="false",
            spark_sql_shuffle_partitions="4",  # the default of 200 is for clusters; it costs both sides alike
        )
        spark.sparkContext.setLogLevel("ERROR")
        cgs.register(spark)
        spark.sparkContext.addPyFile(cc_rules.__file__)  # for the workers
        size = sum(Path(shard).stat().st_size for shard in shards)
        print(f"\n## {len(shards)} shards, {size / 1e6:.1f} MB")
        compare(spark, shards, given.www)
        measure(spark, shards, given, folder)
        spark.stop()


if __name__ == "__main__":
    main()
