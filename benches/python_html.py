"""Links out of HTML, beside parsers in Python: `python benches/python_html.py [--crawlrank FILE] WARC…`.

Needs `cargo build --release`, and `fastwarc`, `resiliparse`, `selectolax` and `lxml` in Python. A small WARC
file is repeated until it has 30 MB; without any a synthetic one is made. Median of five interleaved rounds,
CPU time.

Ours is the whole command `crawlrank links --kind warc` with one thread: every link with its URL resolved,
hosts, kind, rel and text, written as Parquet. The peers read the same records with FastWARC, parse each page
to a tree and count the addresses of `a`, `area`, `link`, `img`, `script`, `iframe` and `form` as written:
less than ours does. Resiliparse goes through its tree by `traverse_dom`, the fastest of its ways: iterating
the lists that its selectors and `get_elements_by_tag_name` give takes the square of their length.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import lxml.html
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import DOMContext, HTMLTree, traverse_dom
from selectolax.lexbor import LexborHTMLParser

ROUNDS = 5
ENOUGH_BYTES = 30_000_000
TARGET = 2
ADDRESSES = {
    "a": "href",
    "area": "href",
    "link": "href",
    "img": "src",
    "script": "src",
    "iframe": "src",
    "form": "action",
}


def pages(shard: Path) -> Iterator[tuple[bytes, str | None]]:
    """The bodies of a shard's HTML responses, with the encoding that their HTTP header names."""
    with shard.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            http = record.http_headers
            if http is not None and "html" in (record.http_content_type or ""):
                yield record.reader.read(), record.http_charset


def fastwarc_alone(shard: Path) -> int:
    return sum(1 for _ in pages(shard))


def resiliparse_tree(page: bytes, charset: str | None) -> HTMLTree:
    return HTMLTree.parse_from_bytes(page, charset or detect_encoding(page))


def resiliparse_parsing(shard: Path) -> int:
    return sum(resiliparse_tree(page, charset) is not None for page, charset in pages(shard))


def resiliparse_links(shard: Path) -> int:
    links = 0

    def visit(context: DOMContext) -> None:
        nonlocal links
        attribute = ADDRESSES.get(context.node.tag)
        if attribute is not None and context.node.getattr(attribute) is not None:
            links += 1

    for page, charset in pages(shard):
        traverse_dom(resiliparse_tree(page, charset).document.document_element, visit, elements_only=True)
    return links


def selectolax(shard: Path) -> int:
    links = 0
    for page, _ in pages(shard):
        tree = LexborHTMLParser(page)
        for tag, attribute in ADDRESSES.items():
            for element in tree.tags(tag):
                links += attribute in element.attributes
    return links


def lxml_iterlinks(shard: Path) -> int:
    links = 0
    for page, _ in pages(shard):
        for element in lxml.html.document_fromstring(page).iter(*ADDRESSES):
            links += ADDRESSES[element.tag] in element.attrib
    return links


PEERS: dict[str, Callable[[Path], int]] = {
    "FastWARC alone: pages": fastwarc_alone,
    "resiliparse: tree alone, pages": resiliparse_parsing,
    "resiliparse: tree, addresses counted": resiliparse_links,
    "selectolax (Lexbor): the same": selectolax,
    "lxml: the same": lxml_iterlinks,
}


def measure(program: Path, shard: Path) -> None:
    out = shard.with_name("links")

    def ours(shard: Path) -> int:
        shutil.rmtree(out, ignore_errors=True)
        flags = ["--kind", "warc", "--threads", "1", "-q", "-o", "json", "--out", out]
        done = subprocess.run([program, "links", shard, *flags], check=True, capture_output=True)
        summary: list[dict[str, int]] = json.loads(done.stdout)
        return summary[0]["rows"]

    ways = {"`crawlrank links`: rows": ours, **PEERS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    counts: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = cpu_time()
            counts[name] = way(shard)
            seconds[name].append(cpu_time() - start)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    first, *_ = medians.values()
    print("| way | CPU s | times crawlrank | counted | target |\n|---|---|---|---|---|")
    for name, taken in medians.items():
        target = TARGET if name.startswith("resiliparse: tree, ") else ""
        print(f"| {name} | {taken:.2f} | **{taken / first:.1f}** | {counts[name]:,} | {target} |")


def cpu_time() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--crawlrank", type=Path, default=Path("target/release/crawlrank"))
    parser.add_argument("shards", type=Path, nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for shard in given.shards or [synthetic(given.crawlrank, Path(folder))]:
            size = shard.stat().st_size
            times = -(-ENOUGH_BYTES // size)
            long = Path(folder) / "long.warc.gz"
            long.write_bytes(shard.read_bytes() * times)
            print(f"\n## {shard.name}: {size / 1e6:.1f} MB, {times} times over\n")
            measure(given.crawlrank, long)


def synthetic(program: Path, folder: Path) -> Path:
    flags = ["--kind", "warc", "--shards", "1", "--pages", "1000", "--hosts", "2000", "--seed", "1"]
    subprocess.run([program, "synth", *flags, "--out", folder / "synth"], check=True, capture_output=True)
    shards = (folder / "synth").glob("**/*.warc.gz")
    return next(shard for shard in shards if "crawldiagnostics" not in shard.name)


if __name__ == "__main__":
    main()
