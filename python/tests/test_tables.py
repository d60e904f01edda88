"""Tables of a run, as other libraries take them."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crawlrank as cr

SCORES = "in_degree out_degree pagerank pagerank_pos harmonic harmonic_pos"
ACCOUNT = "bytes members records pages links edges faults fault_bytes padding_bytes warnings skipped"
COLUMNS = {
    "hosts": f"id host host_rev domain pages {SCORES}",
    "domains": f"id domain domain_rev hosts pages {SCORES}",
    "edges": "source target pages",  # the demo asks for --edge-pages
    "shards": f"shard {ACCOUNT}",
    "faults": "shard offset kind bytes detail",
    "ranks": f"id host {SCORES}",
}
FILES = {
    "hosts": "hosts.parquet",
    "domains": "domains.parquet",
    "edges": "edges/host",
    "shards": "shards.parquet",
    "faults": "faults.parquet",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_has_its_columns_and_prints(run: cr.Run, name: str) -> None:
    table = getattr(run, name)()
    assert table.columns == COLUMNS[name].split()
    lines = repr(table).splitlines()
    assert lines[0].split() == table.columns
    assert f"{len(table)} rows" in lines[-1]


@pytest.mark.parametrize("name", FILES)
def test_a_stream_holds_what_the_files_hold(run: cr.Run, name: str) -> None:
    table = getattr(run, name)()
    expected = pq.read_table(run.path / "tables" / FILES[name])
    found = pa.table(table)
    assert found.equals(expected)
    assert len(table) == len(expected)
    assert pa.table(table).equals(found), "each call gives a fresh stream"


def test_columns_carry_their_documentation(run: cr.Run) -> None:
    for field in pa.table(run.hosts()).schema:
        assert field.metadata and field.metadata[b"doc"]


def test_polars_takes_a_table_twice(run: cr.Run) -> None:
    hosts = run.hosts()
    frame = pl.DataFrame(hosts)
    assert frame.equals(pl.DataFrame(hosts))
    assert frame["pagerank"].sum() == pytest.approx(1, abs=1e-9)
    assert frame["id"].to_list() == list(range(len(hosts)))
    assert frame.sort("pagerank_pos")["pagerank"].is_sorted(descending=True)


def test_duckdb_takes_a_table_twice(run: cr.Run) -> None:
    edges, hosts = run.edges(), run.hosts()
    query = "select count(*), count(distinct source) from edges join hosts on edges.source = hosts.id"
    first = duckdb.sql(query).fetchall()
    assert first[0][0] == len(edges)
    assert first[0][1] <= len(hosts)
    assert duckdb.sql(query).fetchall() == first


def test_degrees_are_those_of_the_edges(run: cr.Run) -> None:
    edges, hosts = pl.DataFrame(run.edges()), pl.DataFrame(run.hosts())
    counted = edges.group_by("source").len().rename({"source": "id"})
    linking = hosts.filter(pl.col("out_degree") > 0).select(
        "id", pl.col("out_degree").cast(pl.UInt32).alias("len")
    )
    assert counted.sort("id").equals(linking)


def test_the_three_lines_of_the_readme_work(run_directory: Path) -> None:
    run = cr.open(f"{run_directory}/")
    top = run.ranks().top(20)
    assert len(repr(top).splitlines()) == 22
    frame = pl.DataFrame(top)
    assert frame["pagerank_pos"].to_list() == list(range(1, 21))
    expected = pl.DataFrame(run.hosts()).sort("pagerank_pos").head(20)
    assert frame.equals(expected.select(frame.columns))


@pytest.mark.parametrize("level", ["host", "domain"])
@pytest.mark.parametrize(
    ("by", "column", "descending"), [("harmonic", "harmonic_pos", False), ("in_degree", "in_degree", True)]
)
def test_top_goes_by_other_columns(run: cr.Run, level: str, by: str, column: str, descending: bool) -> None:
    ranks = run.ranks(level)
    found = pl.DataFrame(ranks.top(7, by=by))
    everything = pl.DataFrame(ranks).sort([column, "id"], descending=[descending, False])
    assert found.equals(everything.head(7))


def test_top_of_nothing_and_of_more_than_all(run: cr.Run) -> None:
    ranks = run.ranks("domain")
    assert len(ranks.top(0)) == 0
    assert pa.table(ranks.top(0)).schema.names == ranks.columns
    assert len(ranks.top(10**9)) == len(ranks)


def test_words_that_mean_nothing_are_refused(run: cr.Run) -> None:
    with pytest.raises(cr.CrawlrankError, match="`by` is"):
        run.ranks().top(5, by="fame")
    with pytest.raises(cr.CrawlrankError, match="`level` is"):
        run.edges("planet")
    with pytest.raises(cr.CrawlrankError, match="tables/edges/page"):
        run.edges("page")


def test_a_run_says_what_it_is(run: cr.Run, run_directory: Path) -> None:
    assert run.complete
    assert run.path == run_directory
    assert len(run.run_id) == 32
    assert run.notes == []
    assert repr(run) == f'<crawlrank run "{run_directory}", complete>'
    assert (
        pq.read_metadata(run.path / "tables/hosts.parquet").metadata[b"crawlrank.run"].decode() == run.run_id
    )


def test_a_damaged_table_is_an_error_and_nothing_else(run: cr.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    file = copy / "tables" / "hosts.parquet"
    sound = file.read_bytes()
    file.write_bytes(sound[:-1])
    with pytest.raises(cr.CrawlrankError) as caught:
        cr.open(copy).hosts()
    assert (caught.value.code, caught.value.path) == ("E-TABLE", str(file))
    file.write_bytes(sound[:4] + b"\xff" * 20 + sound[24:])
    with pytest.raises(cr.DamagedError) as caught:
        repr(cr.open(copy).hosts())
    assert (caught.value.code, caught.value.path) == ("E-TABLE", str(file))
    for at in range(4, len(sound), len(sound) // 60):
        file.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        try:
            pa.table(cr.open(copy).hosts())  # may be sound still: pages carry no checksums, `verify` knows
        except (cr.CrawlrankError, pa.ArrowException) as e:
            assert "hosts.parquet" in str(e)
