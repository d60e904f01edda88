"""Records from Python, against FastWARC in the same process: `python benches/python_records.py SHARD...`.

Needs `crawlrank` (a release build) and `fastwarc` 2. Median of five rounds, in which the two take turns, of
the CPU time of all threads; every shard is read before. FastWARC is in its fastest configuration of those
tried: it opens the file itself, takes 256 KiB at a time, parses no HTTP, and gives one record object again
and again, while ours may be kept. Both must see the same records, payloads, URLs and dates.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import crawlrank as cr
from fastwarc.warc import ArchiveIterator, WarcRecordType, any_type, response

ROUNDS = 5
TARGET = 1.2  # times as fast on WAT

# What a use returns is a count and lengths, so that it can be compared.
Use = Callable[[str], tuple[int, ...]]


def fastwarc(path: str, types: WarcRecordType = any_type) -> Iterator[Any]:
    records: Iterator[Any] = ArchiveIterator(
        path, record_types=types, parse_http=False, buffer_size=256 << 10, inplace=True
    )
    return records


def iterate_ours(path: str) -> tuple[int, ...]:
    count = 0
    for _ in cr.records(path):
        count += 1
    return (count,)


def iterate_theirs(path: str) -> tuple[int, ...]:
    count = 0
    for _ in fastwarc(path):
        count += 1
    return (count,)


def payload_ours(path: str) -> tuple[int, ...]:
    count = payload = 0
    for record in cr.records(path):
        count += 1
        payload += len(record.block)
    return count, payload


def payload_theirs(path: str) -> tuple[int, ...]:
    count = payload = 0
    for record in fastwarc(path):
        count += 1
        payload += len(record.reader.read())
    return count, payload


def fields_ours(path: str) -> tuple[int, ...]:
    count = payload = urls = dates = 0
    for record in cr.records(path):
        count += 1
        dates += len(record.header["WARC-Date"])
        urls += len(record.url or "")
        payload += len(record.block)
    return count, payload, urls, dates


def fields_theirs(path: str) -> tuple[int, ...]:
    count = payload = urls = dates = 0
    for record in fastwarc(path):
        count += 1
        header = record.headers
        dates += len(header["WARC-Date"])
        urls += len(header.get("WARC-Target-URI") or "")
        payload += len(record.reader.read())
    return count, payload, urls, dates


def responses_ours(path: str) -> tuple[int, ...]:
    count = payload = 0
    for record in cr.records(path, types="response"):
        count += 1
        payload += len(record.block)
    return count, payload


def responses_theirs(path: str) -> tuple[int, ...]:
    count = payload = 0
    for record in fastwarc(path, response):
        count += 1
        payload += len(record.reader.read())
    return count, payload


USES: list[tuple[str, Use, Use]] = [
    ("iterate", iterate_ours, iterate_theirs),
    ("payload as bytes", payload_ours, payload_theirs),
    ("date, URL, payload", fields_ours, fields_theirs),
    ("payload of responses", responses_ours, responses_theirs),
]


def timed(use: Use, path: str) -> float:
    start = time.process_time()
    use(path)
    return time.process_time() - start


def main() -> None:
    shards = sys.argv[1:]
    if not shards:
        sys.exit("usage: python benches/python_records.py SHARD...")
    print(
        f"crawlrank {version('crawlrank')}, fastwarc {version('fastwarc')}, Python {sys.version.split()[0]}\n"
    )
    print("| shard | use | records | payload MB | crawlrank s | FastWARC s | times as fast |")
    print("|---|---|---|---|---|---|---|")
    for shard in shards:
        Path(shard).read_bytes()
        for name, ours, theirs in USES:
            seen, expected = ours(shard), theirs(shard)
            if seen != expected:
                sys.exit(f"{shard}: {name}: crawlrank saw {seen}, FastWARC {expected}")
            if not seen[0]:
                continue  # a WAT file has no responses
            rounds = [(timed(ours, shard), timed(theirs, shard)) for _ in range(ROUNDS)]
            mine, other = (statistics.median(times) for times in zip(*rounds, strict=True))
            ratio = statistics.median(b / a for a, b in rounds)
            megabytes = f"{seen[1] / 1e6:.0f}" if len(seen) > 1 else ""
            print(
                f"| {Path(shard).name} | {name} | {seen[0]} | {megabytes} "
                f"| {mine:.3f} | {other:.3f} | **{ratio:.2f}** |",
                flush=True,
            )
    print(f"\nThe target is {TARGET}, on WAT.")


if __name__ == "__main__":
    main()
