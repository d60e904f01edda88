"""robots.txt from Python, against protego in the same process: `python benches/python_robots.py [CORPUS]`.

Needs `crawlrank` (a release build), `protego` and `pyarrow`. CORPUS is a folder with
`robots_corpus.jsonl.zst` and `robots_urls.jsonl.zst`, read by the command `zstd`; without it a corpus is made
up. Best of five rounds, CPU time of all threads.

The files are every few of a longer list, and their strings lie scattered in memory, which is waited for. Of
the last row of the first table they lie one after the other, as in a program that reads file after file.
"""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import protego
import pyarrow as pa
from crawlrank import robots

ROUNDS = 5
AGENT = "CCBot"
SLOW = 2000  # files that protego is given; all files take it minutes


def lines(path: Path) -> list[dict[str, Any]]:
    text = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def corpus(folder: Path) -> tuple[list[bytes], list[list[str]]]:
    """Bodies and the URLs that go with each."""
    bodies = {}
    for row in lines(folder / "robots_corpus.jsonl.zst"):
        text = row.get("robots_txt")
        is_text = text is not None
        bodies[row["id"]] = str(text).encode() if is_text else base64.b64decode(str(row["robots_b64"]))
    urls = {row["id"]: row["urls"] for row in lines(folder / "robots_urls.jsonl.zst")}
    return list(bodies.values()), [urls[name] for name in bodies]


def made_up() -> tuple[list[bytes], list[list[str]]]:
    dice = random.Random(1)
    bodies, urls = [], []
    for _ in range(5000):
        rules = [
            f"Disallow: /{dice.randrange(10**6)}{dice.choice(['', '/', '*?x=', '.html$'])}" for _ in range(40)
        ]
        bodies.append("\n".join(["User-agent: *", *rules]).encode())
        urls.append([f"https://host.example/{dice.randrange(10**6)}.html" for _ in range(10)])
    return bodies, urls


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        rounds.append(time.process_time() - start)
    return min(rounds)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    bodies, urls = corpus(folder) if folder else made_up()
    # protego takes str alone; what is not UTF-8 is left out for both.
    both = [(body.decode(), own) for body, own in zip(bodies, urls, strict=True) if valid(body)]
    step = max(1, len(both) // SLOW)
    both = both[::step]
    num_urls = sum(len(own) for _, own in both)
    ours = [robots.parse(text) for text, _ in both]
    theirs = [protego.Protego.parse(text) for text, _ in both]

    def match_ours() -> None:
        for rules, (_, own) in zip(ours, both, strict=True):
            for url in own:
                rules.allowed(AGENT, url)

    def match_theirs() -> None:
        for rules, (_, own) in zip(theirs, both, strict=True):
            for url in own:
                rules.can_fetch(url, AGENT)

    def all_ours(files: list[tuple[str, list[str]]]) -> None:
        for text, own in files:
            rules = robots.parse(text)
            for url in own:
                rules.allowed(AGENT, url)

    def all_theirs(files: list[tuple[str, list[str]]]) -> None:
        for text, own in files:
            rules = protego.Protego.parse(text)
            for url in own:
                rules.can_fetch(url, AGENT)

    in_order = json.loads(json.dumps(both))  # new strings, each beside the one before
    match_ours(), match_theirs()  # agents are selected once, which is no part of a match
    rows = [
        (
            "parse",
            best(lambda: [robots.parse(text) for text, _ in both]) / len(both),
            best(lambda: [protego.Protego.parse(text) for text, _ in both]) / len(both),
            55,
        ),
        ("match one URL", best(match_ours) / num_urls, best(match_theirs) / num_urls, 18),
        ("parse + 10 URLs", *(best(partial(work, both)) / len(both) for work in (all_ours, all_theirs)), 38),
        (
            "the same, strings in order",
            *(best(partial(work, in_order)) / len(both) for work in (all_ours, all_theirs)),
            38,
        ),
    ]
    print(f"{len(both)} files, {num_urls} URLs, agent {AGENT}, protego {version('protego')}\n")
    print("| work | crawlrank | protego | ratio | target |\n|---|---|---|---|---|")
    for name, mine, other, target in rows:
        print(
            f"| {name} | {mine * 1e6:.2f} µs | {other * 1e6:.1f} µs | **1/{other / mine:.0f}** | 1/{target} |"
        )

    column = pa.array([url for own in urls for url in own])
    several = ours[:: len(ours) // 50]

    def batch() -> None:
        for rules in several:
            rules.allowed_many(AGENT, column)

    print(f"\n| {len(column)} URLs as a column | µs per URL | target |\n|---|---|---|")
    each = best(batch) / len(several) / len(column)
    print(f"| one file, mean of {len(several)} | **{each * 1e6:.3f}** | 0.12 |")
    texts = pa.array([body for body, own in zip(bodies, urls, strict=True) for _ in own])
    each = best(lambda: robots.allowed_many(texts, AGENT, column)) / len(column)
    print(f"| a file each, {len(bodies)} distinct, parsed in the call | {each * 1e6:.3f} | |")


def valid(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


if __name__ == "__main__":
    main()
