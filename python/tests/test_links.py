"""Links of pages as Arrow streams: what the command writes, and shards that the tests write themselves."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crawlrank as cr

Command = Callable[..., "subprocess.CompletedProcess[str]"]
COLUMNS = ["source_url", "target_url", "source_host", "target_host", "kind", "rel", "text"]
SAMPLES = Path(__file__).parents[2] / "data-samples"
REAL = Path(__file__).parents[3] / "shared" / "data" / "warc" / "derived"
SYNTH = sorted((SAMPLES / "synth").glob("*.wat.gz"))


def member(url: str, links: Iterable[dict[str, str]], headers: dict[str, str] | None = None) -> bytes:
    """The WAT record of a page as a gzip member."""
    response = {"Headers": headers or {}, "HTML-Metadata": {"Links": list(links)}}
    envelope = {
        "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": url},
        "Payload-Metadata": {"HTTP-Response-Metadata": response},
    }
    block = json.dumps({"Envelope": envelope}).encode()
    head = f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: {url}\r\nContent-Type: application/json\r\n"
    length = f"Content-Length: {len(block)}\r\n\r\n"
    return gzip.compress(head.encode() + length.encode() + block + b"\r\n\r\n", mtime=0)


def anchor(url: str, **more: str) -> dict[str, str]:
    return {"path": "A@/href", "url": url, **more}


PAGES = [
    member(
        "http://a.example/dir/page",
        [
            anchor("x?y#z", text="Here"),
            anchor("//B.example:80", rel="nofollow ugc"),
            anchor("mailto:me@a.example"),
            {"path": "IMG@/src", "url": "/logo.png", "alt": "Logo"},
            anchor("http://10.0.0.1/"),
        ],
        {"Link": "<https://c.example/style.css>; rel=preload"},
    ),
    member("http://empty.example/", []),
    member("http://b.example/", [anchor("http://a.example/ü")]),
]
ROWS = [
    ("http://a.example/dir/page", "https://c.example/style.css", "a.example", "c.example", "header", "", ""),
    ("http://a.example/dir/page", "http://a.example/dir/x?y#z", "a.example", "a.example", "a", "", "Here"),
    ("http://a.example/dir/page", "http://b.example/", "a.example", "b.example", "a", "nofollow ugc", ""),
    ("http://a.example/dir/page", "http://a.example/logo.png", "a.example", "a.example", "img", "", "Logo"),
    ("http://a.example/dir/page", "http://10.0.0.1/", "a.example", None, "a", "", ""),
    ("http://b.example/", "http://a.example/%C3%BC", "b.example", "a.example", "a", "", ""),
]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "shard.warc.wat.gz"
    path.write_bytes(b"".join(PAGES))
    return path


def rows(links: cr.Links) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in pa.table(links).to_pylist()]


def written(command: Command, out: Path, shards: list[Path], *flags: str) -> pa.Table:
    """The rows that the command writes, in the order of shards."""
    done = command("links", *shards, "--out", out, *flags)
    assert done.returncode in (0, 3), done.stderr
    return pa.concat_tables(pq.read_table(file) for file in sorted((out / "tables/links").glob("*.parquet")))


def test_every_link_of_every_page_is_a_row_in_order(shard: Path) -> None:
    links = cr.links(shard)
    assert links.columns == COLUMNS
    assert rows(links) == ROWS
    assert rows(cr.links(str(shard))) == ROWS
    for field in pa.table(links).schema:
        assert field.metadata and field.metadata[b"doc"]


def test_totals_add_up(shard: Path) -> None:
    links = cr.links(shard, exclude_rel="ugc,sponsored")
    assert links.totals["complete"] is False and links.totals["rows"] == 0
    assert rows(links) == ROWS[:2] + ROWS[3:]
    totals = links.totals
    found = {name: totals[name] for name in ("complete", "shards", "pages", "links", "filtered", "rows")}
    assert found == {"complete": True, "shards": 1, "pages": 3, "links": 7, "filtered": 1, "rows": 5}
    assert totals["skipped"] == {"other_scheme": 1}
    assert totals["bytes"] == totals["record_bytes"] == shard.stat().st_size
    assert totals["records"] == totals["members"] == 3
    assert links.faults == [] and totals["warnings"] == {} and totals["faults"] == 0


@pytest.mark.parametrize("flags", [{}, {"profile": "cc", "www": "strip"}, {"only_kind": ["a", "img"]}])
def test_rows_are_those_of_the_command(command: Command, tmp_path: Path, flags: dict[str, str]) -> None:
    written_flags = []
    for name, value in flags.items():
        text = value if isinstance(value, str) else ",".join(value)
        written_flags += ["--" + name.replace("_", "-"), text]
    expected = written(command, tmp_path / "out", SYNTH, *written_flags)
    found = pa.table(cr.links(SYNTH, **flags))  # type: ignore[arg-type]
    assert len(found) > 1000
    assert found.equals(expected)
    alone = [pa.table(cr.links(shard, **flags)) for shard in SYNTH]  # type: ignore[arg-type]
    assert pa.concat_tables(alone).equals(expected), "several paths are one after the other"


def test_rows_of_captures_are_those_of_the_command(command: Command, tmp_path: Path) -> None:
    shards = sorted((SAMPLES / "kinds").glob("*.warc.gz"))
    found = pa.table(cr.links(shards, kind="warc"))
    assert len(found) > 0
    assert {"redirect", "a", "img"} <= set(found["kind"].to_pylist())
    assert found.equals(written(command, tmp_path / "out", shards, "--kind", "warc"))


@pytest.mark.parametrize("shard", sorted((SAMPLES / "odd").glob("*.wat*")), ids=lambda path: path.name)
def test_odd_shards_are_read_as_the_command_reads_them(command: Command, tmp_path: Path, shard: Path) -> None:
    links = cr.links(shard)
    assert pa.table(links).equals(written(command, tmp_path / "out", [shard]))
    told = dict(line.split("\t")[::2] for line in (SAMPLES / "odd/expected.tsv").read_text().splitlines())
    assert links.totals["faults"] == len(links.faults) == int(told[shard.name])


@pytest.mark.parametrize("profile", ["browser", "cc"])
def test_real_pages_are_read_as_the_command_reads_them(
    command: Command, tmp_path: Path, profile: str
) -> None:
    shard = REAL / "pages.warc.wat.gz"
    if not shard.exists():
        pytest.skip("no real pages beside the project")
    found = pa.table(cr.links(shard, profile=profile))  # type: ignore[arg-type]
    assert len(found) > 200_000
    assert found.equals(written(command, tmp_path / "out", [shard], "--profile", profile))


def test_each_consumer_gets_a_fresh_stream(shard: Path) -> None:
    links = cr.links(shard)
    frame = pl.DataFrame(links)
    assert frame.rows() == ROWS
    assert frame.equals(pl.DataFrame(links))
    assert list(pd.DataFrame.from_arrow(links).columns) == COLUMNS
    for _ in range(2):
        assert duckdb.sql("select count(*), min(target_host) from links").fetchall() == [(6, "a.example")]
    one, other = (pa.RecordBatchReader.from_stream(links) for _ in range(2))
    assert one.read_next_batch().equals(other.read_next_batch())


def test_paths_come_in_any_iterable_and_keep_their_order(shard: Path, tmp_path: Path) -> None:
    other = tmp_path / "a-name-before"
    other.write_bytes(PAGES[2])
    assert rows(cr.links([str(shard), other])) == ROWS + ROWS[5:]
    assert rows(cr.links(path for path in (other, shard))) == ROWS[5:] + ROWS


def test_the_account_is_that_of_the_stream_that_began_last(shard: Path) -> None:
    links = cr.links([shard, shard])
    first = pa.RecordBatchReader.from_stream(links)
    batch = first.read_next_batch()
    assert links.totals["shards"] == 1
    assert links.totals["rows"] == batch.num_rows == 6
    pa.RecordBatchReader.from_stream(links)  # is never read
    assert links.totals["rows"] == 6 and links.totals["complete"] is False
    assert len(list(first)) == 1
    assert links.totals["rows"] == 12 and links.totals["complete"] is True
    assert links.totals["shards"] == 2


def test_damage_costs_what_is_damaged_and_is_listed(tmp_path: Path, shard: Path) -> None:
    bad = bytearray(PAGES[0])
    bad[-8] ^= 1  # the checksum
    damaged = tmp_path / "damaged.warc.wat.gz"
    damaged.write_bytes(PAGES[2] + bad + PAGES[2])
    links = cr.links([damaged, shard, damaged])
    assert rows(links) == ROWS[5:] * 2 + ROWS + ROWS[5:] * 2
    faults = [(fault.path, fault.kind, fault.offset, fault.bytes) for fault in links.faults]
    assert faults == [(damaged, "bad_crc", len(PAGES[2]), len(bad))] * 2
    totals = links.totals
    assert totals["complete"] is True and totals["faults"] == 2
    assert totals["fault_bytes"] == 2 * len(bad)
    assert totals["bytes"] == 2 * damaged.stat().st_size + shard.stat().st_size
    sums = [totals[name] for name in ("record_bytes", "fault_bytes", "padding_bytes")]
    assert totals["bytes"] == sum(count for count in sums if isinstance(count, int))


def test_a_cut_anywhere_keeps_what_comes_before(tmp_path: Path) -> None:
    whole = b"".join(PAGES)
    path = tmp_path / "cut.warc.wat.gz"
    for length in range(len(PAGES[0]), len(whole), 37):
        path.write_bytes(whole[:length])
        links = cr.links(path)
        assert rows(links) == ROWS[:5]
        ends_between_members = length in (len(PAGES[0]), len(PAGES[0]) + len(PAGES[1]))
        assert (links.totals["faults"] == 0) == ends_between_members


@pytest.mark.parametrize(
    "content", [b"<html>503 Slow Down</html>", b"", b"\x1f\x8b\x08\0" * 99, b"\xff" * 5000]
)
def test_what_is_no_shard_ends_the_stream_with_its_name(tmp_path: Path, shard: Path, content: bytes) -> None:
    bad = tmp_path / "no-shard.warc.wat.gz"
    bad.write_bytes(content)
    links = cr.links([shard, bad, shard])
    reader = pa.RecordBatchReader.from_stream(links)
    assert reader.read_next_batch().num_rows == len(ROWS)
    with pytest.raises(pa.ArrowInvalid, match=r"error\[E-FORMAT\].*no-shard\.warc\.wat\.gz"):
        reader.read_next_batch()
    with pytest.raises(StopIteration):
        reader.read_next_batch()
    assert links.totals["complete"] is False and links.totals["shards"] == 2
    with pytest.raises(pl.exceptions.ComputeError, match="no-shard"):
        pl.DataFrame(links)
    assert "E-FORMAT" in repr(cr.links(bad))


def test_a_shard_that_goes_away_is_an_error(shard: Path) -> None:
    links = cr.links(shard)
    shard.unlink()
    with pytest.raises(pa.ArrowInvalid, match=r"error\[E-IO\].*shard\.warc\.wat\.gz"):
        pa.table(links)
    assert "E-IO" in repr(links)


def test_what_cannot_be_opened_is_found_at_once(shard: Path, tmp_path: Path) -> None:
    for paths in (tmp_path / "nothing", [shard, tmp_path / "nothing"]):
        with pytest.raises(cr.ReadWriteError) as caught:
            cr.links(paths)
        assert (caught.value.code, caught.value.path) == ("E-IO", str(tmp_path / "nothing"))
    with pytest.raises(cr.ReadWriteError, match="found a folder"):
        cr.links(tmp_path)
    with pytest.raises(cr.UsageError, match="`path` is empty"):
        cr.links([])
    for no_path, found in (
        (3, "is <class 'int'>"),
        (b"bytes", "is <class 'bytes'>"),
        ([3], "has <class 'int'>"),
    ):
        with pytest.raises(TypeError, match=f"`path` {found}, expected a path"):
            cr.links(no_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"only_kind": 3}, "`only_kind` is <class 'int'>, expected text, or several"),
        ({"exclude_rel": ["ugc", None]}, "`exclude_rel` has <class 'NoneType'>, expected text"),
        ({"max_record": 1.5}, '`max_record` is 1.5, expected a number of bytes, or text such as "8K"'),
        ({"max_url": -1}, "`max_url` is -1, expected a number of bytes"),
    ],
)
def test_options_of_another_type_are_named(shard: Path, option: dict[str, object], expected: str) -> None:
    with pytest.raises(TypeError) as caught:
        cr.links(shard, **option)  # type: ignore[arg-type]
    assert expected in str(caught.value)


@pytest.mark.parametrize("kinds", ["a,header", ["a", "header"], {"a", "header"}, iter(("a", "header"))])
def test_words_come_in_one_text_or_in_several(shard: Path, kinds: Iterable[str]) -> None:
    assert rows(cr.links(shard, only_kind=kinds)) == [row for row in ROWS if row[4] in ("a", "header")]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"kind": "wet"}, '`kind` is "wet", expected `wat` or `warc`'),
        ({"profile": "lynx"}, "expected `browser` or `cc`"),
        ({"www": ""}, "expected `keep` or `strip`"),
        ({"exclude_rel": ["nofollow", "follow"]}, "names `follow`, expected nofollow, ugc or sponsored"),
        ({"only_kind": "a,b"}, "names `b`, expected one of a, area"),
        ({"only_kind": []}, "`only_kind` is empty"),
        ({"max_url": "8 feet"}, "`max_url`: expected a size"),
    ],
)
def test_words_that_mean_nothing_are_refused(shard: Path, option: dict[str, object], expected: str) -> None:
    with pytest.raises(cr.UsageError) as caught:
        cr.links(shard, **option)  # type: ignore[arg-type]
    assert expected in str(caught.value)


def test_limits_cost_what_exceeds_them(shard: Path) -> None:
    for max_url in (26, "26"):
        links = cr.links(shard, max_links=2, max_url=max_url)
        assert rows(links) == ROWS[1:3] + ROWS[5:]
        assert links.totals["skipped"] == {"too_many_links": 3, "url_too_long": 1}
    assert rows(cr.links(shard, max_record="64")) == []


def test_html_is_read_up_to_a_limit() -> None:
    shard = next((SAMPLES / "kinds").glob("*-00000.warc.gz"))
    whole, cut = cr.links(shard, kind="warc"), cr.links(shard, kind="warc", max_html="2K")
    assert len(rows(cut)) < len(rows(whole))
    assert "page_too_long" not in whole.totals["skipped"]
    assert cut.totals["skipped"]["page_too_long"] > 10
    with pytest.raises(cr.UsageError, match="`max-html` is 1G, expected at most 256M"):
        cr.links(shard, kind="warc", max_html="1G")


def test_it_prints_its_first_rows(shard: Path) -> None:
    lines = repr(cr.links([shard, shard])).splitlines()
    assert lines[0].split() == COLUMNS
    assert len(lines) == 1 + len(ROWS) + 1
    assert lines[-1] == f'(the first links of "{shard}" and 1 more)'
    assert repr(cr.links(shard, only_kind="iframe")) == f'(links of "{shard}": none in the first MiB)'


def test_printing_leaves_a_pipe_alone(shard: Path) -> None:
    reading, writing = os.pipe()
    path = Path(f"/dev/fd/{reading}")
    if not path.exists():
        pytest.skip("no names for pipes on this system")
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb") as pipe:
        links = cr.links(path)
        assert repr(links) == f'(links of "{path}")', "it neither waits for bytes nor takes them"
        pipe.write(shard.read_bytes())
        pipe.close()
        assert rows(links) == ROWS


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b'{"Envelope": ' * 40 + b"0" + b"}" * 40,
    b'{"Envelope": ' * 10_000,
    b'{"Envelope": {"WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": 3}}}',
    b'{"Envelope": {"WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": "\xff\xfe"}}}',
]


def test_hostile_pages_are_counted_and_nothing_else(tmp_path: Path) -> None:
    def plain(block: bytes) -> bytes:
        head = b"WARC/1.0\r\nWARC-Type: metadata\r\nContent-Type: application/json\r\n"
        return gzip.compress(head + b"Content-Length: %d\r\n\r\n" % len(block) + block + b"\r\n\r\n")

    path = tmp_path / "hostile.warc.wat.gz"
    path.write_bytes(b"".join(plain(block) for block in HOSTILE) + b"".join(PAGES))
    links = cr.links(path)
    assert rows(links) == ROWS
    skipped = links.totals["skipped"]
    assert isinstance(skipped, dict) and skipped["bad_json"] >= 2 and skipped["json_too_deep"] >= 1
    assert links.totals["records"] == len(HOSTILE) + len(PAGES)


def python(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def long_shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of 600 MB of JSON in a file of some: 300,000 links with addresses of 2 KB."""
    page = member(
        "http://a.example/", [anchor(f"http://b.example/{number}/{'x' * 2000}") for number in range(1000)]
    )
    path = tmp_path_factory.mktemp("long") / "long.warc.wat.gz"
    path.write_bytes(page * 300)
    return path


MEMORY = """
import resource, sys
import crawlrank as cr, pyarrow as pa

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

reader = pa.RecordBatchReader.from_stream(cr.links(sys.argv[1]))
first = reader.read_next_batch().num_rows
before, rows, bytes = peak(), first, 0
for batch in reader:
    rows, bytes = rows + batch.num_rows, bytes + batch.nbytes
print(rows, bytes >> 20, peak() - before)
"""


def test_memory_does_not_grow_with_the_shard(long_shard: Path) -> None:
    num_rows, mebibytes, grown = map(int, python(MEMORY, long_shard).split())
    assert num_rows == 300_000
    assert mebibytes > 500
    assert grown < 64, "MiB more than after the first batch"


INTERRUPTED = """
import _thread, sys, threading, time
import crawlrank as cr, polars as pl, pyarrow as pa

links = cr.links([sys.argv[1]] * 1000)
ways = {
    "batches": lambda: [batch.num_rows for batch in pa.RecordBatchReader.from_stream(links)],
    "polars": lambda: pl.DataFrame(links),
    "pyarrow": lambda: pa.table(links),
    "no rows": lambda: pa.table(cr.links([sys.argv[1]] * 1000, only_kind="iframe")),
}
ticks, is_over = [], threading.Event()

def tick():
    while not is_over.wait(0.01):
        ticks.append(time.monotonic())

threading.Thread(target=tick).start()
threading.Timer(0.5, _thread.interrupt_main).start()
began = time.monotonic()
try:
    try:
        ways[sys.argv[2]]()
    except Exception as e:
        assert "interrupted by KeyboardInterrupt" in str(e), e
        for _ in range(1000):
            pass
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
is_over.set()
print(time.monotonic() - began, len(ticks))
"""


@pytest.mark.parametrize("way", ["batches", "polars", "pyarrow", "no rows"])
def test_ctrl_c_stops_it_and_other_threads_run_meanwhile(long_shard: Path, way: str) -> None:
    outcome, numbers = python(INTERRUPTED, long_shard, way).splitlines()
    seconds, ticks = map(float, numbers.split())
    assert outcome == "interrupted"
    assert seconds < 30
    assert ticks >= 3


UNCAUGHT = """
import _thread, sys, threading
import crawlrank as cr, polars as pl
threading.Timer(0.5, _thread.interrupt_main).start()
pl.DataFrame(cr.links([sys.argv[1]] * 1000))
"""


def test_ctrl_c_leaves_a_traceback_whole(long_shard: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT, long_shard], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode != 0
    assert done.stderr.startswith("Traceback")
    assert "ComputeError" in done.stderr.splitlines()[-1]
