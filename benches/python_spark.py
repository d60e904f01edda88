"""Extraction on Spark, against Common Crawl's job and the program: `python benches/python_spark.py WAT...`.

Needs `crawlrank[spark]` (a release build), `fastwarc` 2, `orjson` and `idna`, and the program `crawlrank`
(`--crawlrank PATH`). Everything is done in one session, `local[2]`: give an even number of shards of about
one size, so that both cores have work to the end; a single one is given twice. They should have the size of
real ones (100 MB and more), since Spark takes half a second before it does anything. Wall time, median of
three interleaved rounds (`--rounds N`) behind one that warms up: it starts workers and fills caches.

- The data source: all rows of `host_links`, profile cc, written to the format `noop`, which consumes and
  forgets them.
- The peer is written after the rules of cc-pyspark's `ExtractHostLinksJob` (commit 49daea0) as its FastWARC
  variant runs them, with the fastest JSON that it takes, orjson: a task per shard (`mapPartitionsWithIndex`),
  pairs of two reversed hosts to a data frame, to `noop` as well. Its counters and log are left out. That
  commit strips a leading `www.`; since 2026 Common Crawl's graphs keep it, so `--www` (`keep` or `strip`) is
  for both.
- The same two without repeated pairs (`dropDuplicates`), which is where that job ends but for its files.
- The command line, `crawlrank run --threads 2`: its stage `extract` alone, which leaves a graph on the disk.

Whether the pairs are the same is looked at, too, of a host with itself aside: so cc-pyspark says that a page
has no links.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import crawlrank.spark as cgs
import idna
import orjson
from fastwarc.warc import ArchiveIterator, WarcRecordType
from pyspark.sql import DataFrame, SparkSession

TARGET_PEER = 5  # times as fast as the peer
TARGET_PROGRAM = 1.5  # times the command line, at most

# --- The peer: pairs of hosts by the rules of Common Crawl's job. ---

SITEMAP_SHARD = re.compile(r".*/robotstxt/")
SITEMAP = re.compile(rb"Sitemap:\s*(\S+)", re.I)
SUCCESS = re.compile(rb"HTTP\s*/\s*1\.[01]\s*200\b")
REDIRECT = re.compile(rb"HTTP\s*/\s*1\.[01]\s*30[12378]\b")
LOCATION = re.compile(rb"Location:\s*(\S+)", re.I)
IN_BRACKETS = re.compile(r"<([^>]*)>")
ABSOLUTE = re.compile(r"(?:https?:)?//")
TO_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9]{1,5}:)?//", re.I | re.A)
PLAIN_URL = re.compile(r"https?://([a-z0-9_.-]{2,253})(?:[/?#]|\Z)", re.I | re.A)
IP_ADDRESS = re.compile(r"(?:www\.)?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\Z")
LABEL = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\Z", re.I | re.A)
META_PROPERTIES = frozenset(
    f"{of}:{what}"
    for of, several in {
        "og": ["url", "image", "image:secure_url", "video", "video:url", "video:secure_url"],
        "twitter": ["url", "image:src"],
    }.items()
    for what in several
)
META_NAMES = frozenset(
    [
        "twitter:image",
        "thumbnail",
        "application-url",
        "msapplication-starturl",
        "msapplication-TileImage",
        "vb_meta_bburl",
    ]
)
Pair = tuple[str, str]


class Peer:
    """The job's work in a task: pairs of the shards of a partition."""

    def __init__(self, www: str) -> None:
        self.strips_www = www == "strip"

    def __call__(self, _partition: int, shards: Iterable[str]) -> Iterator[Pair]:
        for shard in shards:
            holds_robots = SITEMAP_SHARD.match(shard) is not None
            with Path(shard).open("rb") as stream:
                types = WarcRecordType.metadata | WarcRecordType.response
                # A shard that breaks off is left there.
                with suppress(OSError):
                    for record in ArchiveIterator(stream, record_types=types, parse_http=False):
                        yield from self.record_pairs(record, holds_robots)

    def record_pairs(self, record: Any, holds_robots: bool) -> Iterator[Pair]:  # noqa: ANN401
        if record.record_type == WarcRecordType.response:
            pairs = self.response_pairs(record, holds_robots)
        elif record.headers.get("Content-Type") == "application/json":
            try:
                envelope = orjson.loads(record.reader.read())["Envelope"]
            except ValueError:
                return
            header = envelope["WARC-Header-Metadata"]
            if header["WARC-Type"] != "response":
                return
            pairs = self.page_pairs(header["WARC-Target-URI"], envelope)
        else:
            return
        nothing = True
        for pair in pairs:
            nothing = False
            yield pair
        if nothing:  # a page without links is a node, too
            url = record.headers.get("WARC-Target-URI")
            yield from self.pair(url, url)

    def page_pairs(self, url: str, envelope: dict[str, Any]) -> Iterator[Pair]:
        # What a record lacks ends it, and what was found stays.
        with suppress(KeyError):
            response = envelope["Payload-Metadata"]["HTTP-Response-Metadata"]
            source = self.host(url)
            if source and "Headers" in response:
                for address in header_links(response["Headers"]):
                    target = self.host(address)
                    if target is not None and target != source:
                        yield source, target
            html = response.get("HTML-Metadata")
            if html is None:
                return
            head = html.get("Head", {})
            base = base_host = None
            if "Base" in head:
                with suppress(ValueError):
                    base = urljoin(url, head["Base"])
                    base_host = self.host(base)
            page = source or base_host, base, base_host
            if "Link" in head:
                yield from self.element_pairs(*page, head["Link"], "url")
            for meta in head.get("Metas", ()):
                if (
                    ("property" in meta and meta["property"] in META_PROPERTIES)
                    or ("name" in meta and meta["name"] in META_NAMES)
                    or ("content" in meta and ABSOLUTE.match(meta["content"]))
                ):
                    yield from self.element_pairs(*page, (meta,), "content")
            if "Scripts" in head:
                yield from self.element_pairs(*page, head["Scripts"], "url")
            if "Links" in html:
                yield from self.element_pairs(*page, html["Links"], "url", "href")

    def element_pairs(
        self,
        source: str | None,
        base: str | None,
        base_host: str | None,
        elements: Iterable[dict[str, str]],
        attribute: str,
        other: str | None = None,
    ) -> Iterator[Pair]:
        if not source:
            return
        targets = set()
        is_any_relative = False
        for element in elements:
            if not element:
                continue
            if attribute in element:
                address = element[attribute]
            elif other in element and ABSOLUTE.match(element[other]):
                address = element[other]
            else:
                continue
            if not TO_ELSEWHERE.match(address):
                is_any_relative = True
                continue
            target = self.host(address)
            if target and target != source:
                targets.add(target)
        for target in targets:
            yield source, target
        if is_any_relative and base is not None and base_host and base_host != source:
            yield source, base_host

    def response_pairs(self, record: Any, holds_robots: bool) -> Iterator[Pair]:  # noqa: ANN401
        url = record.headers.get("WARC-Target-URI")
        status = record.reader.readline()
        if holds_robots and SUCCESS.match(status):
            while (line := record.reader.readline()) and line != b"\r\n":
                pass
            while line := record.reader.readline():
                if found := SITEMAP.match(line):
                    with suppress(UnicodeError):
                        yield from (p for p in self.pair(url, found[1].decode()) if p[0] != p[1])
        elif REDIRECT.match(status):
            while (line := record.reader.readline()) and line != b"\r\n":
                if found := LOCATION.match(line):
                    with suppress(UnicodeError):
                        yield from self.pair(url, found[1].decode())
                    return

    def pair(self, source_url: str, target_url: str) -> Iterator[Pair]:
        source, target = self.host(source_url), self.host(target_url)
        if source and target:
            yield source, target

    def host(self, url: str) -> str | None:
        """The reversed host of a URL, or None where there is none that counts."""
        if plain := PLAIN_URL.match(url):
            host = plain[1]
        else:
            try:
                host = urlsplit(url).hostname
            except ValueError:
                return None
            if not host:
                return None
        host = host.strip().lower()
        if not 1 <= len(host) <= 253 or IP_ADDRESS.match(host):
            return None
        labels = host.split(".")
        if labels[-1] == "":
            labels.pop()
        if len(labels) <= 1:
            return None
        if self.strips_www and len(labels) > 2 and labels[0] == "www":
            del labels[0]
        for place, label in enumerate(labels):
            if len(label) > 63:
                return None
            if not LABEL.match(label):
                try:
                    labels[place] = idna.encode(label).decode("ascii")
                except (UnicodeError, IndexError):
                    return None
                if not LABEL.match(labels[place]):
                    return None
        return ".".join(reversed(labels))


def header_links(headers: dict[str, Any]) -> Iterator[str]:
    for name, value in headers.items():
        lower = name.lower()
        if lower not in ("link", "content-location"):
            continue
        for text in value if isinstance(value, list) else [value]:
            yield from IN_BRACKETS.findall(text) if lower == "link" else [text]


# --- The two as data frames, and the command line. ---


def ours(spark: SparkSession, shards: list[str], www: str) -> DataFrame:
    reader = spark.read.format("crawlrank").option("kind", "host_links")
    return reader.option("profile", "cc").option("www", www).load(shards)


def theirs(spark: SparkSession, shards: list[str], www: str) -> DataFrame:
    paths = spark.sparkContext.parallelize(shards, len(shards))
    return spark.createDataFrame(paths.mapPartitionsWithIndex(Peer(www)), "source string, target string")


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
        size = sum(Path(shard).stat().st_size for shard in shards)
        print(f"\n## {len(shards)} shards, {size / 1e6:.1f} MB")
        compare(spark, shards, given.www)
        measure(spark, shards, given, folder)
        spark.stop()


if __name__ == "__main__":
    main()
