"""`crawlrank.run`: the command `run` as a function."""

from __future__ import annotations

import sys
from os import PathLike, fspath

from crawlrank import _core

TYPE_CHECKING = False  # that of `typing`, without its import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_FLAGS = ("edge_pages", "private_suffixes", "no_harmonic", "strict", "all")
_PATHS = ("out", "recipe", "tmp")


def run(
    *inputs: str | PathLike[str],
    out: str | PathLike[str],
    recipe: str | PathLike[str] | None = None,
    level: str | Sequence[str] | None = None,
    kind: str | None = None,
    limit: int | None = None,
    profile: str | None = None,
    www: str | None = None,
    exclude_rel: str | Sequence[str] | None = None,
    only_kind: str | Sequence[str] | None = None,
    edge_pages: bool = False,
    private_suffixes: bool = False,
    memory: str | int | None = None,
    threads: int | None = None,
    tmp: str | PathLike[str] | None = None,
    damping: float | None = None,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    no_harmonic: bool = False,
    harmonic_log2m: int | None = None,
    strict: bool = False,
    max_bad_records: str | int | None = None,
    max_bad_shards: str | int | None = None,
    max_record: str | int | None = None,
    max_header: str | int | None = None,
    max_links: int | None = None,
    max_url: str | int | None = None,
    max_html: str | int | None = None,
    max_window: str | int | None = None,
    all: bool = False,
    base_url: str | None = None,
    connections: int | None = None,
    probe_after: int | None = None,
    allow_host: str | Sequence[str] | None = None,
    progress: bool | Callable[[str, int, int, str, str], object] | None = None,
) -> _core.Run:
    """Shards to graph to ranks to Parquet, as `crawlrank run` does it; again with the same `out`: goes on.

    Args:
        inputs: shard files or their addresses, folders, patterns, `*.paths.gz` lists, crawls (`"2026-39"`,
            `"latest"`).
        out: the run directory.
        recipe: a recipe file (TOML); arguments win.
        level: graphs to build: `host`, `domain`, `page`, several as a list.
        kind: shards that links are read from, `wat` or `warc`.
        limit: only the first so many shards.
        profile: how link addresses are read, `browser` or `cc`.
        www: what becomes of a leading `www.`, `keep` or `strip`.
        exclude_rel: links with these rel values make no edge: `nofollow`, `ugc`, `sponsored`.
        only_kind: only links of these kinds make edges: `a`, `img`, `script`, `redirect`, …
        edge_pages: edges carry the number of pages that hold them.
        private_suffixes: domains by the private section of the public suffix list, too.
        memory: bytes to use, a number or `"4G"`; default 60 % of the machine's or container's.
        threads: default one a core.
        tmp: a folder for scratch files; default inside the run directory.
        damping: share of score that follows edges, 0.85.
        tolerance: PageRank stops when the L1 change is below, 1e-9.
        max_iterations: PageRank stops after so many iterations, 200.
        no_harmonic: leave harmonic centrality out.
        harmonic_log2m: HyperBall keeps 2^N registers a node.
        strict: any fault refuses the run.
        max_bad_records: bad records a shard may have, a count or a share such as `"1%"`.
        max_bad_shards: bad shards a run may have, a count or a share.
        max_record: largest record, in bytes.
        max_header: largest record header, in bytes.
        max_links: links read of a page.
        max_url: longest address, in bytes.
        max_html: HTML read of a page, in bytes; for `kind="warc"`.
        max_window: largest zstd window, in bytes.
        all: all shards of a crawl or of a list on a server; without it `limit` says how many.
        base_url: what the paths of lists and crawls lie below; default https://data.commoncrawl.org/.
        connections: connections at once, 1 to 8.
        probe_after: seconds between an answer 403 and the one request that looks whether it still holds, 600.
        allow_host: hosts that redirects and lists may lead to, beside the one that was named.
        progress: a bar on a terminal, a line in a notebook (default), nothing (`False`), or a function that
            is called with stage, done, total, unit and a message, some times a second. Totals may be guesses.

    Returns:
        The finished run. A `UserWarning` says when something was lost, a ranking did not converge, or shards
        hold no page.

    Raises:
        CrawlrankError: of the kind that says how the command would have left; what was finished is saved.
        KeyboardInterrupt: after Ctrl-C in the main thread; what was finished is saved, and the same call goes
            on. Other threads of Python run all the while.
    """
    options = {name: value for name, value in locals().items() if name not in ("inputs", "progress")}
    arguments = arguments_of(**options)
    if any(isinstance(path, (list, tuple)) for path in inputs):
        raise TypeError("`inputs` holds a list, expected paths one by one: run(*paths, out=…)")
    arguments += ["--", *(fspath(path) for path in inputs)]
    if progress is None or progress is True:
        with_line = "ipykernel" in sys.modules or "marimo" in sys.modules
        if with_line:
            line = _Line()
            try:
                return _core.run(arguments, line)
            finally:
                line.clear()
        progress = True
    return _core.run(arguments, progress)


def arguments_of(**options: Any) -> list[str]:  # noqa: ANN401
    """The flags of the command that say what the arguments of a function do."""
    arguments = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if name in _FLAGS:
            arguments += [flag] if value else []
        elif name in _PATHS:
            arguments += [] if value is None else [f"{flag}={fspath(value)}"]
        elif value is not None:
            several = not isinstance(value, (str, int, float, PathLike))
            arguments.append(f"{flag}={','.join(value) if several else value}")
    return arguments


class _Line:
    """A line of text that is written over, for notebooks: they have no terminal."""

    def __init__(self) -> None:
        self._length = 0

    def __call__(self, stage: str, done: int, total: int, unit: str, message: str) -> None:
        share = min(done / total, 1) if total else 0
        bar = "#" * int(30 * share)
        self._write(f"{stage:8} [{bar:-<30}] {done:,}/{total:,} {unit} {message}".rstrip())

    def clear(self) -> None:
        self._write("")
        sys.stderr.write("\r")
        sys.stderr.flush()

    def _write(self, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self._length))
        sys.stderr.flush()
        self._length = len(text)
