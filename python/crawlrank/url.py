"""Columns of URLs and host names: hosts, registered domains, reversed names.

>>> import polars as pl
>>> from crawlrank import url
>>> pl.Series(url.domain(pl.Series(["https://www.example.co.uk/x", "no URL"]))).to_list()
['example.co.uk', None]

Columns are of text (Utf8, LargeUtf8, Utf8View) or binary, of whatever exports itself as Arrow data; what
comes back is a `Column` of as many rows. Null stays null, and what cannot be read becomes null. All cores
work, and other threads of Python run.
"""

from crawlrank._core import url_domain as domain
from crawlrank._core import url_host as host
from crawlrank._core import url_reverse as reverse

__all__ = ["domain", "host", "reverse"]
