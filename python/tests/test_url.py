"""`crawlrank.url`: columns of URLs and host names."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import crawlrank as cr
from crawlrank import url

URLS = [
    "https://WWW.Bücher.example.co.uk:80/x?y",
    None,
    "no url",
    "http://127.0.0.1/",
    "example.com",
    "/path",
    "",
]
HOSTS = ["www.xn--bcher-kva.example.co.uk", None, None, None, "example.com", None, None]
DOMAINS = ["example.co.uk", None, None, None, "example.com", None, None]


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_hosts_and_domains_of_any_text(text: Any) -> None:  # noqa: ANN401
    column = pa.array([value and value.encode() for value in URLS]).cast(text)
    for columns in (column, pa.chunked_array([column.slice(0, 2), column.slice(2)])):
        assert url.host(columns).to_list() == HOSTS
        assert url.domain(columns).to_list() == DOMAINS
        assert pa.array(url.host(columns)).to_pylist() == HOSTS


def test_polars_takes_and_gives() -> None:
    frame = pl.DataFrame({"url": URLS})
    frame = frame.with_columns(pl.Series(url.host(frame["url"])).alias("host"))
    assert frame["host"].to_list() == HOSTS
    answer = url.host(frame["url"])
    assert isinstance(answer, cr.Column)
    assert (len(answer), answer.type, answer.null_count) == (7, "Utf8", 5)


def test_options() -> None:
    column = pl.Series(["https://www.example.com/", "http://www.me.github.io", "https://www.com/"])
    assert url.host(column, www="strip").to_list() == ["example.com", "me.github.io", "www.com"]
    assert url.host(pl.Series(["http://_dmarc.x.com/"]), profile="cc").to_list() == [None]
    assert url.domain(column).to_list() == ["example.com", "github.io", "www.com"]
    assert url.domain(column, private_suffixes=True).to_list() == ["example.com", "me.github.io", "www.com"]
    for options in ({"www": "perhaps"}, {"profile": "mosaic"}):
        with pytest.raises(cr.CrawlrankError, match="expected `"):
            url.host(column, **options)  # type: ignore[arg-type]


def test_reversing_twice_changes_nothing() -> None:
    names = ["www.example.com", "com", "Example.COM", "1.2.example", None, "a..b", "", "a b.c", "x/y", "b.é"]
    once = url.reverse(pl.Series(names))
    expected = ["com.example.www", "com", "COM.Example", "example.2.1", None, None, None, None, None, "é.b"]
    assert once.to_list() == expected
    assert url.reverse(once).to_list() == [
        name if back else None for name, back in zip(names, expected, strict=True)
    ]


def test_many_rows_keep_their_order() -> None:
    names = [f"h{row}.example.com" if row % 3 else None for row in range(50_000)]
    assert url.reverse(pa.array(names)).to_list() == [
        name and f"com.example.{name.split('.')[0]}" for name in names
    ]


def test_the_reversed_names_of_a_run(run: cr.Run) -> None:
    hosts = pl.DataFrame(run.hosts())
    assert pl.Series(url.reverse(hosts["host"])).to_list() == hosts["host_rev"].to_list()
    assert pl.Series(url.host(hosts["host"])).to_list() == hosts["host"].to_list()
    with pytest.raises(cr.UsageError, match=r"`urls` is a table, .*; give one of its columns"):
        url.host(hosts)
    with pytest.raises(cr.CrawlrankError, match="`urls` is a column of type Int64"):
        url.host(hosts["id"])
