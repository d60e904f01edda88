"""Counts where the `<a href>` of pages lead, from WAT shards, twice: Python and one Rust file.

python link_count.py wat/*.wat.gz             # Python
python link_count.py --rust wat/*.wat.gz      # and link_rs.rs
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable

import crawlrank as cr


def host(address: str) -> str | None:
    """The host of an address that says it in full; None for others."""
    scheme, slashes, rest = address.partition("://")
    if not slashes or scheme.lower() not in ("http", "https"):
        return None
    for end in "/?#":
        rest = rest.partition(end)[0]
    return rest.rpartition("@")[2].partition(":")[0].lower()


def glue(shards: Iterable[str]) -> Counter[str]:
    """JSON to objects, objects to a few strings, and most of the objects for nothing."""
    counts: Counter[str] = Counter()
    for path in shards:
        for record in cr.records(path):
            if record.type != "metadata":
                continue
            envelope = json.loads(record.block)["Envelope"]
            if envelope["WARC-Header-Metadata"].get("WARC-Type") != "response":
                continue
            response = envelope.get("Payload-Metadata", {}).get("HTTP-Response-Metadata", {})
            for link in response.get("HTML-Metadata", {}).get("Links", []):
                if link.get("path") == "A@/href" and link.get("url", "").isascii():
                    name = host(link["url"])
                    if name:
                        counts[name] += 1
    return counts


def rust(shards: Iterable[str]) -> Counter[str]:
    """`link_rs.rs`, beside this file."""
    import crawlrank.rust  # noqa: F401  # makes the next line work
    import link_rs

    return Counter(link_rs.run(shards, progress=False))


def main(*arguments: str) -> None:
    shards = [argument for argument in arguments if argument != "--rust"]
    ways: list[Callable[[list[str]], Counter[str]]] = [glue]
    if "--rust" in arguments:
        ways.append(rust)
        rust(shards[:1])  # compiles, where it was not yet
    outcomes = []
    for way in ways:
        begun = time.perf_counter()
        outcomes.append(way(shards))
        print(f"{way.__name__:6} {outcomes[-1].total():9,} links {time.perf_counter() - begun:8.2f} s")
    assert all(outcome == outcomes[0] for outcome in outcomes), "the counts differ"
    print(*(f"{name} {count:,}" for name, count in outcomes[0].most_common(5)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
