"""The job in one process: rows, tables and ranks are those of one machine."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import assert_same, record
from pyspark.sql import DataFrame, SparkSession

import crawlrank as cr
import crawlrank.spark as cgs
from crawlrank import _core
from crawlrank.spark import _rank, _source

MASTER = "local[2]"


def rows_of(spark: SparkSession, shards: Path | list[str], kind: str, **options: object) -> DataFrame:
    reader = spark.read.format("crawlrank").option("kind", kind)
    for name, value in options.items():
        reader = reader.option(name, value)
    return reader.load([*map(str, shards)] if isinstance(shards, list) else str(shards))


@pytest.fixture(scope="module")
def built(spark: SparkSession, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that Spark has built and nobody has ranked."""
    out = tmp_path_factory.mktemp("built") / "run"
    with pytest.warns(UserWarning, match="2 faults, .* bytes lost"):
        cgs.build(rows_of(spark, shards, "host_links", edge_pages=True, split="32K"), out)
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "run")
    shutil.copytree(f"{built}.spark", tmp_path / "run.spark")
    return tmp_path / "run"


def test_a_built_run_has_the_tables_of_one_machine_without_scores(built: Path, one: Path) -> None:
    run, expected = cr.open(built), cr.open(one)
    assert not run.complete
    for table in ("shards", "faults"):
        assert pa.table(getattr(run, table)()).equals(pa.table(getattr(expected, table)())), table
    scores = ("pagerank", "pagerank_pos", "harmonic", "harmonic_pos")
    for level in ("hosts", "domains"):
        ours, theirs = pa.table(getattr(run, level)()), pa.table(getattr(expected, level)())
        assert ours.column_names == theirs.column_names
        for column in theirs.column_names:
            if column in scores:
                assert ours[column].null_count == len(ours)
            else:
                assert ours[column].to_pylist() == theirs[column].to_pylist(), column
    for level in ("host", "domain"):
        ours, theirs = pa.table(run.edges(level)), pa.table(expected.edges(level))
        assert ours.to_pydict() == theirs.to_pydict()


def test_ranked_by_the_driver_it_is_the_run_of_one_machine(copy: Path, one: Path) -> None:
    with pytest.warns(UserWarning, match="2 faults"):
        cgs.rank(copy, harmonic_log2m=4, memory="1G")
    assert_same(copy, one)
    assert not Path(f"{copy}.spark").exists()


@pytest.mark.parametrize("blocks", [3, 5, 7])
def test_ranked_in_blocks_it_is_the_run_of_one_machine(copy: Path, one: Path, blocks: int) -> None:
    with pytest.warns(UserWarning, match="2 faults"):
        cgs.rank(copy, on="cluster", blocks=blocks, harmonic_log2m=4, memory="1G")
    assert_same(copy, one)
    ranks = json.loads((copy / "ranks/host/ranks.json").read_text())
    assert ranks["resumed_after"] == ranks["iterations"] > 1  # the driver has iterated nothing


def test_the_command_takes_it_as_a_run(copy: Path, one: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def command(*arguments: object) -> tuple[int, str]:
        exit = cr._core.main(["crawlrank", *map(str, arguments)])
        return exit, capfd.readouterr().out

    assert command("status", copy, "-o", "json")[0] == 0
    assert command("verify", copy)[0] == 0
    assert command("rank", copy, "--harmonic-log2m", 4, "--memory", "1G", "-q")[0] == 3
    assert_same(copy, one)
    for asked in (("top", "-n", 5), ("neighbors", "w1.example1.net"), ("show", "w1.example1.net")):
        name, *rest = asked
        found, expected = (command(name, run, *rest, "-o", "json") for run in (copy, one))
        assert found[0] == expected[0] == 0
        assert found[1] == expected[1]
    assert command("report", copy)[0] == 0


def test_links_and_records_are_those_of_the_functions(spark: SparkSession, shards: Path) -> None:
    some = sorted(map(str, shards.glob("*.wat*")))[-6:]
    links = rows_of(spark, some, "links", profile="cc")
    expected = pa.table(cr.links(some, profile="cc"))
    found = links.where("source_url is not null").select(*expected.column_names).toArrow()
    assert found.sort_by([(name, "ascending") for name in found.column_names]).to_pylist() == (
        expected.sort_by([(name, "ascending") for name in expected.column_names]).to_pylist()
    )
    plain = shards / "plain.warc.wat"
    records = rows_of(spark, plain, "records", split="64K", blocks=True)
    found = records.where("offset is not null").orderBy("offset").collect()
    expected = [(record.offset, record.url, record.payload) for record in cr.records(plain)]
    assert [(row["offset"], row["url"], bytes(row["block"])) for row in found] == expected
    assert records.where("account is not null").count() > 1
    lost = cgs.faults(records).collect()
    assert [(row["offset"], row["bytes"]) for row in lost] == [(plain.stat().st_size - 19, 19)]
    assert sum(row["bytes"] for row in cgs.shards(records).collect()) == plain.stat().st_size


def test_robots_are_those_of_the_survey(spark: SparkSession, tmp_path: Path) -> None:
    synth = ("--shards", "2", "--pages", "30", "--hosts", "200", "--seed", "3", "--kind", "robots")
    assert cr._core.main(["crawlrank", "synth", "--out", str(tmp_path / "shards"), *synth]) == 0
    survey = ["crawlrank", "robots", "survey", str(tmp_path / "shards"), "--out", str(tmp_path / "run"), "-q"]
    assert cr._core.main([*survey, "--agents", "CCBot,GPTBot"]) == 0
    import pyarrow.parquet as pq

    expected = pq.read_table(tmp_path / "run/tables/robots.parquet")
    rows = rows_of(spark, tmp_path / "shards", "robots", agents="CCBot,GPTBot").where("host is not null")
    found = rows.select(*expected.column_names).toArrow()
    by = [("host", "ascending"), ("url", "ascending"), ("fetched_at", "ascending")]
    assert found.sort_by(by).to_pylist() == expected.cast(found.schema).sort_by(by).to_pylist()


def test_pages_are_built_too(spark: SparkSession, shards: Path, tmp_path: Path) -> None:
    some = sorted(map(str, shards.glob("*00000.warc.wat.gz")))
    cr.run(*some, out=tmp_path / "one", level="page", no_harmonic=True, memory="1G", progress=False)
    cgs.build(rows_of(spark, some, "page_links"), tmp_path / "run")
    cgs.rank(tmp_path / "run", no_harmonic=True, memory="1G")
    assert_same(tmp_path / "run", tmp_path / "one")


NO_PAGE = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
ALONE = "https://alone.example/"


@pytest.mark.parametrize(
    "content",
    [NO_PAGE, record(ALONE, []), record(ALONE, [ALONE]), record(ALONE, ["https://other.example/"])],
    ids=["no page", "no link", "a link to itself", "two hosts"],
)
@pytest.mark.filterwarnings("ignore:.*no page in 1 records:UserWarning")
def test_graphs_of_next_to_nothing(spark: SparkSession, tmp_path: Path, content: bytes) -> None:
    shard, one = tmp_path / "small.warc.wat", tmp_path / "one"
    shard.write_bytes(content)
    cr.run(shard, out=one, memory="256M", progress=False)
    for on in ("driver", "cluster"):
        out = tmp_path / on
        cgs.build(rows_of(spark, shard, "host_links"), out)
        cgs.rank(out, on=on, memory="256M")
        assert_same(out, one)


def test_blocks_have_nearly_the_same_weight() -> None:
    bin_nodes = _core.ClusterBlock.ALIGNMENT

    def bins_of(weights: list[int], blocks: int) -> list[tuple[float, float]]:
        num_nodes = len(weights) * bin_nodes - 7
        cut = _rank._blocks(weights, num_nodes, blocks)
        assert [block.number for block in cut] == [*range(len(cut))]
        assert [block.start for block in cut[1:]] == [block.end for block in cut[:-1]]
        assert cut[-1].end == num_nodes
        return [(block.start / bin_nodes, -(-block.end // bin_nodes)) for block in cut]

    assert bins_of([1, 1, 1, 1], 2) == [(0, 2), (2, 4)]
    assert bins_of([9, 1, 1, 1, 1, 1, 4], 2) == [(0, 1), (1, 7)]
    assert bins_of([100, 1, 1, 1], 3) == [(0, 1), (1, 4)]
    assert bins_of([1, 1, 100], 2) == [(0, 2), (2, 3)]
    assert bins_of([5, 5], 10) == [(0, 1), (1, 2)]
    assert bins_of([5, 5], 0) == [(0, 2)]


def test_the_notebook_shows_of_it_what_it_shows_of_one_machine(spark: SparkSession, tmp_path: Path) -> None:
    if importlib.util.find_spec("marimo") is None:
        pytest.skip("notebooks/requirements.txt is not installed: `make .venv/notebooks`")
    synth = ("--shards", "8", "--pages", "300", "--hosts", "12000", "--seed", "20261101", "--kind", "wat")
    assert cr._core.main(["crawlrank", "synth", "--out", str(tmp_path / "shards"), *synth]) == 0
    cgs.build(rows_of(spark, tmp_path / "shards", "host_links"), tmp_path / "run")
    cgs.rank(tmp_path / "run")
    export = Path(__file__).parents[2] / "notebooks/export.py"
    command = [sys.executable, export, "--check", "06_beyond_one_machine", "--run", tmp_path / "run"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_too_much_damage_fails_loudly_and_a_higher_limit_goes_on(
    spark: SparkSession, shards: Path, tmp_path: Path
) -> None:
    some = [str(shards / name) for name in ("damaged.warc.wat.gz", "plain.warc.wat")]
    links = rows_of(spark, some, "host_links", max_bad_records=0)
    with pytest.raises(cr.RefusedError, match="2 of 2 shards are bad, 1 are allowed"):
        cgs.build(links, tmp_path / "run")
    assert pa.table(cr.open(tmp_path / "run").faults()).num_rows == 2
    with pytest.raises(cr.RefusedError, match="--strict"):
        cgs.build(links, tmp_path / "run", max_bad_records="50%", strict=True)
    rows = tmp_path / "run.spark/rows/_SUCCESS"
    made = rows.stat().st_mtime_ns
    with pytest.warns(UserWarning, match="2 bad shards"):
        cgs.build(links, tmp_path / "run", max_bad_shards=2)
    assert rows.stat().st_mtime_ns == made
    with pytest.warns(UserWarning, match="2 bad shards"):
        cgs.rank(tmp_path / "run", no_harmonic=True, memory="256M")


def test_a_shard_that_cannot_be_read_is_in_its_account(shards: Path, tmp_path: Path) -> None:
    gone, empty = tmp_path / "gone.warc.wat.gz", tmp_path / "other.warc.wat.gz"
    for path in (gone, empty):
        path.write_bytes((shards / "damaged.warc.wat.gz").read_bytes())
    reader = _source.CrawlrankSource({"path": str(tmp_path)}).reader(None)
    pieces = reader.partitions()
    assert len(pieces) == 2
    gone.unlink()
    empty.write_text("no shard at all")
    for piece, kind in zip(pieces, ("unreadable", "unknown_format"), strict=True):
        *_, fault, account = [row for batch in reader.read(piece) for row in batch.to_pylist()]
        assert json.loads(fault["fault"])["kind"] == kind
        row = json.loads(account["account"])["row"]
        assert row["failed"] and row["fault_bytes"] == row["bytes"] == piece.end


def test_a_stream_that_breaks_goes_on_at_its_byte(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (shards / "plain.warc.wat").read_bytes()

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if breaks and self.tell() >= breaks[0]:
                breaks.pop(0)
                raise OSError("reset by peer")
            return super().read(1000)

    class Store:
        def open_input_file(self, path: str) -> Breaking:
            assert path == "a/b"
            return Breaking(content)

    monkeypatch.setattr(_source._files, "store", lambda address: (Store(), address.removeprefix("s3://")))
    monkeypatch.setattr(_source.time, "sleep", lambda _: None)

    def read_all() -> bytes:
        late = _source._Late("s3://a/b")
        return b"".join(iter(lambda: late.read(1 << 20), b""))

    breaks = [0, 5000, 20_000, 20_000]
    assert read_all() == content
    breaks = [0, 1, 2, 3, 4]
    with pytest.raises(OSError, match="reset by peer"):
        read_all()


def test_wrong_options_are_refused_before_any_work(spark: SparkSession, shards: Path, tmp_path: Path) -> None:
    for options, words in [
        ({"kind": "hosts"}, "`kind` is 'hosts', expected one of host_links"),
        ({"profil": "cc"}, "unknown option `profil`"),
        ({"profile": "firefox"}, "firefox"),
        ({"edge_pages": "yes"}, "expected `true` or `false`"),
    ]:
        with pytest.raises(Exception, match=words):
            rows_of(spark, shards, **{"kind": "host_links", **options})
    for path, words in [(tmp_path / "nothing", "no such file"), ("https://example.com/a.wat.gz", "own pace")]:
        with pytest.raises(Exception, match=words):
            rows_of(spark, [str(path)], "host_links").count()
    with pytest.raises(ValueError, match="not what the data source"):
        cgs.build(spark.range(3), tmp_path / "run")
    with pytest.raises(ValueError, match="`level` is 'page'"):
        cgs.build(rows_of(spark, shards, "host_links"), tmp_path / "run", level="page")
    with pytest.raises(cr.UsageError):
        cgs.rank(tmp_path / "run")
