"""Counts the emoji in WET shards three times: glue, a regular expression done right, one Rust file.

python emoji_count.py wet/*.wet.gz            # two ways of Python
python emoji_count.py --rust wet/*.wet.gz     # and emoji_rs.rs
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import crawlrank as cr

# What counts as emoji is a matter of taste; here it is five blocks of Unicode, 1,824 characters.
BLOCKS = [(0x2600, 0x27BF), (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF), (0x1FA70, 0x1FAFF)]
EMOJI = [chr(code) for first, last in BLOCKS for code in range(first, last + 1)]


def texts(shards: Iterable[str]) -> Iterator[str]:
    for path in shards:
        for record in cr.records(path):
            if record.type == "conversion":
                yield bytes(record.block).decode(errors="replace")


def glue(shards: Iterable[str]) -> Counter[str]:
    """What one writes first. Beyond U+FFFF Python's `re` looks at the characters of a class one by one."""
    any_emoji = re.compile("[" + "".join(EMOJI) + "]")
    counts: Counter[str] = Counter()
    for text in texts(shards):
        counts.update(any_emoji.findall(text))
    return counts


def regex(shards: Iterable[str]) -> Counter[str]:
    """The same class, said as ranges: five comparisons a character instead of a thousand."""
    any_emoji = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in BLOCKS) + "]")
    counts: Counter[str] = Counter()
    for text in texts(shards):
        counts.update(any_emoji.findall(text))
    return counts


def rust(shards: Iterable[str]) -> Counter[str]:
    """`emoji_rs.rs`, beside this file."""
    import crawlrank.rust  # noqa: F401  # makes the next line work
    import emoji_rs

    return Counter(emoji_rs.run(shards, progress=False))


def main(*arguments: str) -> None:
    shards = [argument for argument in arguments if argument != "--rust"]
    ways: list[Callable[[list[str]], Counter[str]]] = [glue, regex]
    if "--rust" in arguments:
        ways.append(rust)
        rust(shards[:1])  # compiles, where it was not yet
    outcomes = []
    for way in ways:
        begun = time.perf_counter()
        outcomes.append(way(shards))
        print(f"{way.__name__:6} {outcomes[-1].total():9,} emoji {time.perf_counter() - begun:8.2f} s")
    assert all(outcome == outcomes[0] for outcome in outcomes), "the counts differ"
    print(*(f"{emoji} {count:,}" for emoji, count in outcomes[0].most_common(10)))


if __name__ == "__main__":
    main(*sys.argv[1:])
