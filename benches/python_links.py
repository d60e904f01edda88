"""Links of pages from Python, against Common Crawl's rules in Python: `python benches/python_links.py WAT…`.

Needs `crawlrank` (a release build), `fastwarc`, `orjson`, `idna` and `pyarrow`. A small WAT file is
repeated until it has 60 MB. Without any a synthetic one is made. Median of five interleaved rounds, CPU time
of the process.

The peer is written after the rules of cc-pyspark's `ExtractLinksJob` (`cc_rules.py`), on the fastest readers
that Python has: FastWARC for records, orjson for JSON. It gives pairs of two addresses and nothing else; its
time is that of going through them, none kept. Ours is that of `cr.links` read as a stream of Arrow batches,
each of them pulled: the same pairs with hosts, kind, rel and text. Whether the pairs are the same is looked
at, too.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin

import crawlrank as cr
import pyarrow as pa
from cc_rules import Pair, link_pairs

ROUNDS = 5
ENOUGH_BYTES = 60_000_000
TARGET = 8

# --- Ours. ---


def our_batches(shard: Path, profile: str) -> Iterator[pa.RecordBatch]:
    yield from pa.RecordBatchReader.from_stream(cr.links(shard, profile=profile))


def our_pairs(shard: Path) -> Iterator[Pair]:
    for batch in our_batches(shard, "cc"):
        sources, targets = (batch[name].to_pylist() for name in ("source_url", "target_url"))
        yield from zip(sources, targets, strict=True)


# --- What both say. ---


def compare(shard: Path) -> None:
    """Counts pairs that both have, and sorts the others by their reason."""
    theirs, ours = Counter(link_pairs(shard)), Counter(our_pairs(shard))
    both = (theirs & ours).total()
    left: Counter[Pair] = Counter()
    for (source, target), count in (ours - theirs).items():
        left[source, loosely(target)] += count
    reasons: Counter[str] = Counter()
    unexplained: list[Pair] = []
    for (source, target), count in (theirs - ours).items():
        url = canonical(urljoin(source, target))
        spelled = source, loosely(url)
        matched = min(count, left[spelled])
        left[spelled] -= matched
        reasons[
            "the same page, spelled otherwise: ours as a browser asks for it, with an empty `#`, with `//`"
        ] += matched
        count -= matched
        if source == target:
            reasons["of the peer alone: the mark of a page or of a group without links"] += count
        elif not url.startswith(("http://", "https://")):
            reasons[
                "of the peer alone: no web page (`mailto:`, `javascript:`, …); ours is counted, no row"
            ] += count
        else:
            reasons["of the peer alone, otherwise: mostly addresses that name no host (`http://`)"] += count
            unexplained += [(source, target)] * count
    alone = list((+left).elements())
    reasons["of ours alone"] += len(alone)
    print(
        f"\n{theirs.total():,} pairs of the peer, {ours.total():,} of ours, {both:,} the same. The others:\n"
    )
    print("| pairs | why |\n|---|---|")
    for reason, count in reasons.items():
        print(f"| {count:,} | {reason} |")
    for name, pairs in (("peer", unexplained), ("ours", alone)):
        for source, target in pairs[:4]:
            print(f"\n{name}, for example: on {source!a}: {target!a}", end="")
    print()


def loosely(url: str) -> str:
    """Takes away what `urljoin` takes away: an empty query, an empty fragment, a slash behind a slash."""
    front, mark, fragment = url.partition("#")
    path, query_mark, query = front.removesuffix("?").partition("?")
    path = path[:8] + re.sub("/+", "/", path[8:])  # not those of the scheme
    return path + query_mark + query + (mark if fragment else "") + fragment


PARTS = re.compile(r"(https?)://(?:([^/?#@]*)@)?([^/?#:]+)(?::(\d*))?([^?#]*)(\?[^#]*)?(#.*)?\Z", re.I | re.S)
PORTS = {"http": "80", "https": "443"}


def canonical(url: str) -> str:
    """Spells a URL as the WHATWG URL standard does, as far as links of real pages need it."""
    url = re.sub(r"[\t\r\n]", "", url.strip("".join(map(chr, range(33)))))
    scheme, colon, rest = url.partition(":")
    if scheme.lower() in PORTS and colon:
        authority, mark, behind = re.fullmatch(r"([^?#]*)([?#]?)(.*)", rest, re.S).groups()  # type: ignore[union-attr]
        url = scheme + "://" + authority.replace("\\", "/").lstrip("/") + mark + behind
    parts = PARTS.match(url)
    if not parts:
        return url
    scheme, user, host, port, path, query, fragment = (part or "" for part in parts.groups())
    scheme = scheme.lower()
    try:
        host = host.encode("ascii").decode().lower()
    except UnicodeEncodeError:
        with suppress(UnicodeError):
            host = host.lower().encode("idna").decode()
    port = "" if port in ("", PORTS[scheme]) else f":{port}"
    user = f"{user}@" if user else ""
    return "".join(
        (
            f"{scheme}://{user}{host}{port}",
            quoted(without_dots(path), ' "<>`{}^'),
            quoted(query, " \"<>'"),
            quoted(fragment, ' "<>`'),
        )
    )


def without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:] or [""]
    for number, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(segment)
            continue
        if number == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def quoted(text: str, unsafe: str) -> str:
    def bytes_of(char: str) -> str:
        return "".join(f"%{byte:02X}" for byte in char.encode(errors="replace"))

    return "".join(c if "!" <= c <= "~" and c not in unsafe else bytes_of(c) for c in text)


# --- The figures. ---


def exhaust(items: Iterable[object]) -> int:
    count = 0
    for _ in items:
        count += 1
    return count


def as_table(pairs: Iterable[Pair]) -> pa.Table:
    sources, targets = zip(*pairs, strict=True)
    return pa.table({"s": pa.array(sources, pa.string()), "t": pa.array(targets, pa.string())})


def measure(shard: Path) -> None:
    ways: dict[str, Callable[[], object]] = {
        "`cr.links`, profile cc": lambda: exhaust(our_batches(shard, "cc")),
        "`cr.links`, profile browser": lambda: exhaust(our_batches(shard, "browser")),
        "FastWARC, orjson, urljoin: pairs gone through": lambda: exhaust(link_pairs(shard)),
        "the same: pairs as an Arrow table": lambda: as_table(link_pairs(shard)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    first, *_ = medians.values()
    print("\n| way | CPU s | times crawlrank | target |\n|---|---|---|---|")
    for name, taken in medians.items():
        target = TARGET if name.endswith("gone through") else ""
        print(f"| {name} | {taken:.2f} | **{taken / first:.1f}** | {target} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shards = [Path(name) for name in sys.argv[1:]] or [synthetic(Path(folder))]
        for shard in shards:
            size = shard.stat().st_size
            times = -(-ENOUGH_BYTES // size)
            long = Path(folder) / "long.warc.wat.gz"
            long.write_bytes(shard.read_bytes() * times)
            links = cr.links(shard)
            rows = sum(batch.num_rows for batch in pa.RecordBatchReader.from_stream(links))
            print(f"\n## {shard.name}: {size / 1e6:.1f} MB, {rows:,} links; {times} times over")
            compare(shard)
            measure(long)


def synthetic(folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "crawlrank",
        "synth",
        "--shards",
        "1",
        "--pages",
        "2000",
        "--out",
        folder / "synth",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next((folder / "synth").glob("**/*.wat.gz"))


if __name__ == "__main__":
    main()
