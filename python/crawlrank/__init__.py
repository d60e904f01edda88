"""Common Crawl shards to a ranked web graph, from Python.

>>> import crawlrank as cr
>>> run = cr.open("out/")
>>> run.ranks().top(20)

Tables export themselves as Arrow streams, a fresh one each time: give them to polars, pyarrow, DuckDB
or pandas as they are. Not affiliated with Common Crawl.
"""

from crawlrank._core import (
    Fault,
    Header,
    Ranks,
    Record,
    Records,
    Run,
    Table,
    __version__,
    open,
    records,
)
from crawlrank._errors import CrawlrankError

__all__ = [
    "CrawlrankError",
    "Fault",
    "Header",
    "Ranks",
    "Record",
    "Records",
    "Run",
    "Table",
    "__version__",
    "open",
    "records",
]
