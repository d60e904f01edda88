"""Common Crawl shards to a ranked web graph, from Python.

>>> import crawlrank as cr
>>> run = cr.open("out/")
>>> run.ranks().top(20)

Tables export themselves as Arrow streams, a fresh one each time: give them to polars, pyarrow, DuckDB
or pandas as they are. Not affiliated with Common Crawl.
"""

from crawlrank._core import (
    Column,
    Fault,
    Graph,
    Header,
    Links,
    Ranks,
    Record,
    Records,
    Run,
    Table,
    __version__,
    links,
    open,
    pagerank,
    records,
)
from crawlrank._errors import (
    CrawlrankError,
    DamagedError,
    InternalError,
    LockedError,
    MemoryBudgetError,
    NetworkError,
    OutputError,
    ReadWriteError,
    RefusedError,
    UsageError,
)
from crawlrank._run import run

TYPE_CHECKING = False  # that of `typing`, without its import
if TYPE_CHECKING:
    from types import ModuleType

    from crawlrank import robots, url

__all__ = [
    "Column",
    "CrawlrankError",
    "DamagedError",
    "Fault",
    "Graph",
    "Header",
    "InternalError",
    "Links",
    "LockedError",
    "MemoryBudgetError",
    "NetworkError",
    "OutputError",
    "Ranks",
    "ReadWriteError",
    "Record",
    "Records",
    "RefusedError",
    "Run",
    "Table",
    "UsageError",
    "__version__",
    "links",
    "open",
    "pagerank",
    "records",
    "robots",
    "run",
    "url",
]


def __getattr__(name: str) -> "ModuleType":
    """Imports a submodule when it is first used."""
    if name in ("robots", "url"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
