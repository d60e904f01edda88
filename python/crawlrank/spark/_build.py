"""Pairs of names to the tables of a run: distinct, ids, edges, degrees, domains."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F

from crawlrank import _core
from crawlrank.spark._files import Folder
from crawlrank.spark._source import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from pyspark.sql import DataFrame, SparkSession

_LEVELS = {"host_links": ["host", "domain"], "page_links": ["page"]}

# Rows of a file of the tables.
_NODES_PER_FILE = 1 << 22
_EDGES_PER_FILE = 1 << 25

# What `monotonically_increasing_id` gives: the partition, and behind it the row in it.
_ROW_BITS = 33

_SCORES = (
    "cast(null as double) as pagerank",
    "cast(null as bigint) as pagerank_pos",
    "cast(null as double) as harmonic",
    "cast(null as bigint) as harmonic_pos",
)


def build(
    links: DataFrame,
    out: str | PathLike[str],
    *,
    level: str | Sequence[str] | None = None,
    work: str | PathLike[str] | None = None,
    strict: bool | None = None,
    max_bad_records: str | int | None = None,
    max_bad_shards: str | int | None = None,
) -> None:
    """Makes a run of the rows of `host_links` or `page_links`: its tables of nodes and edges, without scores.

    Stages end in Parquet files below `work`, and are listed once they are complete: the same call goes on
    behind the last one that is. What was lost of shards is in the tables `shards` and `faults` of the run,
    as on one machine.

    Args:
        links: what `spark.read.format("crawlrank")` gave, as it is.
        out: the run directory, on the machine of the driver.
        level: `host`, or `host` and `domain` (default), of `host_links`; `page` of `page_links`.
        work: a folder that driver and workers share, as a path or as an address that Spark takes (`s3a://…`, `gs://…`,
            `hdfs://…`); default `out` with `.spark` behind it. Removed by `rank`.
        strict: any fault refuses the run.
        max_bad_records: bad records a shard may have, a count or a share such as `"1%"`.
        max_bad_shards: bad shards a run may have, a count or a share. These three win over the options of
            `links`.

    Raises:
        RefusedError: when more was lost than is allowed. What was read is kept: the same call with a higher
            limit goes on.
        UsageError: when `out` holds a run of other shards or options.
        ValueError: when `work` holds stages of others.

    A `UserWarning` says when something was lost.
    """
    facts = links.schema["shard"].metadata if "shard" in links.columns else {}
    if facts.get("crawlrank_kind") not in _LEVELS:
        raise ValueError(
            "`links` is not what the data source `crawlrank` gave of the kind `host_links` or `page_links`"
        )
    recipe = json.loads(facts["crawlrank_recipe"])
    recipe["level"] = _levels(level, facts["crawlrank_kind"])
    limits = {"strict": strict, "max_bad_records": max_bad_records, "max_bad_shards": max_bad_shards}
    shards = planned(facts["crawlrank_options"])
    # Limits may be others the next time; shards may not.
    identity = json.dumps(
        [{**recipe, **dict.fromkeys(limits)}, facts["crawlrank_kind"], shards], sort_keys=True
    )
    for name, limit in limits.items():
        if limit is not None:
            recipe[name] = limit if isinstance(limit, bool) else str(limit)
    if not _core.cluster_is_built(out, json.dumps(recipe), shards):
        folder = Folder(work if work is not None else f"{Path(out).absolute()}.spark")
        _build(Path(out), Job(links.sparkSession, folder, recipe, identity), links, shards)
    lost = _core.cluster_lost(out)
    if lost:
        warnings.warn(f"{out}: {lost}", UserWarning, stacklevel=2)


def _build(out: Path, job: Job, links: DataFrame, shards: list[str]) -> None:
    rows = job.stage("rows", lambda: links)
    _begin(out, job, rows, shards)
    for level in job.recipe["level"]:
        _tables_of(level, job, rows)
    # What a killed one leaves there goes away with the next beginning.
    scratch = Path(out, "tmp", "tables")
    tables = [table for level in job.recipe["level"] for table in _collected(level, job, scratch)]
    _core.cluster_publish(out, tables)


def _levels(level: str | Sequence[str] | None, kind: str) -> list[str]:
    possible = _LEVELS[kind]
    if level is None:
        return possible
    asked = level.split(",") if isinstance(level, str) else list(level)
    unknown = [name for name in asked if name not in possible]
    if unknown or not asked:
        raise ValueError(f"`level` is {level!r}, expected {' or '.join(possible)} of the kind `{kind}`")
    # Domains are folded from hosts.
    return [name for name in possible if name in asked or name == possible[0]]


class Job:
    """A build in its folder, and which stages of it are complete."""

    LIST = "stages.json"

    def __init__(self, spark: SparkSession, folder: Folder, recipe: dict, what: str) -> None:
        self.spark, self.folder, self.recipe = spark, folder, recipe
        self.edge_pages: bool = recipe["edge_pages"]
        identity = hashlib.sha256(what.encode()).hexdigest()
        listed = json.loads(folder.read(self.LIST) or "{}")
        if listed.get("identity") not in (None, identity):
            raise ValueError(
                f"{folder.address} holds stages of other shards or options; give another `work`, or remove it"
            )
        self._listed = {"identity": identity, "stages": listed.get("stages", [])}

    def stage(self, name: str, make: Callable[[], DataFrame]) -> DataFrame:
        """The rows of a stage, which are made where it is not complete.

        They are read back: what Spark makes a second time, after a loss, may come in another order.
        """
        if name not in self._listed["stages"]:
            # Spark makes a folder complete by a file in it; the list makes it count.
            write = make().write.mode("overwrite").option("compression", "zstd")
            write.parquet(self.folder.for_spark(name))
            self._listed["stages"].append(name)
            self.folder.write(self.LIST, json.dumps(self._listed).encode())
        return self.spark.read.parquet(self.folder.for_spark(name))

    def ordered(self, name: str, rows: DataFrame, order: Sequence[str], per_file: int) -> DataFrame:
        """The rows of a stage in order: a file holds what is before all of the next one."""

        def sort() -> DataFrame:
            files = max(1, -(-rows.count() // per_file))
            return rows.repartitionByRange(files, *order).sortWithinPartitions(*order)

        return self.stage(name, sort)

    def numbered(self, name: str, rows: DataFrame, order: str) -> DataFrame:
        """The rows of a stage with the column `id`: their places in an order, from 0."""

        def sort() -> DataFrame:
            files = max(1, -(-rows.count() // _NODES_PER_FILE))
            ordered = rows.repartitionByRange(files, order).sortWithinPartitions(order)
            return ordered.withColumn("place", F.monotonically_increasing_id())

        placed = self.stage(name, sort)
        part = F.shiftright("place", _ROW_BITS)
        counts = placed.groupBy(part.alias("part")).count().orderBy("part").collect()
        starts, start = [], 0
        for row in counts:
            starts.append((row["part"], start))
            start += row["count"]
        offsets = self.spark.createDataFrame(starts, "part bigint, start bigint")
        place_in_part = F.col("place").bitwiseAND((1 << _ROW_BITS) - 1)
        joined = placed.withColumn("part", part).join(F.broadcast(offsets), "part")
        return joined.select(
            (F.col("start") + place_in_part).alias("id"), *(c for c in placed.columns if c != "place")
        )


def _begin(out: Path, job: Job, rows: DataFrame, shards: list[str]) -> None:
    """Begins the run with what was read and lost."""
    with tempfile.TemporaryDirectory(prefix="crawlrank-") as folder:
        accounts, faults = Path(folder, "accounts"), Path(folder, "faults")
        # In one partition: each is a job of its own.
        _write_lines(accounts, rows.where("account is not null").select("account").repartition(1))
        offset = F.get_json_object("fault", "$.offset").cast("bigint")
        lost = rows.where("fault is not null").orderBy("shard", offset, "fault")
        _write_lines(faults, lost.select("fault"))
        _core.cluster_begin(out, json.dumps(job.recipe), shards, accounts, faults)


def _write_lines(path: Path, rows: DataFrame) -> None:
    with path.open("w", encoding="utf-8") as file:
        for (line,) in rows.toLocalIterator():
            file.write(line + "\n")


def _tables_of(level: str, job: Job, rows: DataFrame) -> None:
    """Makes the tables of nodes and edges of a level, in order, as stages of these names."""
    nodes, edges = (_domains if level == "domain" else _names)(level, job, rows)
    edges = job.ordered(f"{level}-edges", edges, ("source", "target"), _EDGES_PER_FILE)
    outgoing = edges.groupBy(F.col("source").alias("id")).agg(F.count("*").alias("out_degree"))
    incoming = edges.groupBy(F.col("target").alias("id")).agg(F.count("*").alias("in_degree"))
    degrees = nodes.join(incoming, "id", "left").join(outgoing, "id", "left")
    degrees = degrees.fillna(0, ["in_degree", "out_degree"])
    columns = {
        "host": ("id", "host", "host_rev", "domain", "pages"),
        "domain": ("id", "domain", "domain_rev", "hosts", "pages"),
        "page": ("id", "url", "host_rev"),
    }[level]
    # What a graph of pages has of each, though its table does not show it.
    behind = ("pages",) if level == "page" else ()
    degrees = job.stage(f"{level}-degrees", lambda: degrees)
    table = degrees.selectExpr(*columns, "in_degree", "out_degree", *_SCORES, *behind)
    job.ordered(f"{level}-nodes", table, ("id",), _NODES_PER_FILE)


def _names(level: str, job: Job, rows: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The nodes that pairs name, and the edges between them."""
    pages = F.sum("pages").alias("pages")

    def distinct() -> DataFrame:
        pairs = rows.where("target is not null").groupBy("source", "target")
        return pairs.agg(pages if job.edge_pages else F.lit(None).cast("bigint").alias("pages"))

    pairs = job.stage(f"{level}-pairs", distinct)

    def names() -> DataFrame:
        captured = rows.where("source is not null and target is null").selectExpr("source as name", "pages")
        named = pairs.selectExpr("explode(array(source, target)) as name", "0 as pages")
        return captured.union(named).groupBy("name").agg(pages)

    nodes = job.numbered(f"{level}-names", job.stage(f"{level}-unordered", names), "name")

    def edges() -> DataFrame:
        ids = nodes.select("id", "name")
        source = ids.withColumnsRenamed({"id": "source", "name": "source_name"})
        target = ids.withColumnsRenamed({"id": "target", "name": "target_name"})
        named = pairs.withColumnsRenamed({"source": "source_name", "target": "target_name"})
        found = named.join(source, "source_name").join(target, "target_name")
        pages = ["pages"] if job.edge_pages else []
        return found.where("source <> target").select("source", "target", *pages)

    facts = _page_facts if level == "page" else _host_facts(job.recipe["private_suffixes"])
    columns = "id bigint, url string, host_rev string, pages bigint"
    if level == "host":
        columns = "id bigint, host string, host_rev string, domain string, domain_rev string, pages bigint"
    named = job.stage(f"{level}-named", lambda: nodes.mapInArrow(facts, columns))
    return named, job.stage(f"{level}-ids", edges)


def _domains(level: str, job: Job, rows: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The domains of hosts, and the edges between them."""
    del rows
    hosts = job.spark.read.parquet(job.folder.for_spark("host-named"))

    def names() -> DataFrame:
        return hosts.groupBy("domain_rev", "domain").agg(
            F.count("*").alias("hosts"), F.sum("pages").alias("pages")
        )

    nodes = job.numbered(f"{level}-names", job.stage(f"{level}-unordered", names), "domain_rev")

    def edges() -> DataFrame:
        domain = hosts.select(F.col("id").alias("host"), "domain_rev")
        domain = domain.join(nodes.select("id", "domain_rev"), "domain_rev").select("host", "id")
        domain_of = job.stage(f"{level}-of-hosts", lambda: domain)
        source = domain_of.withColumnsRenamed({"host": "source_host", "id": "source"})
        target = domain_of.withColumnsRenamed({"host": "target_host", "id": "target"})
        between = job.spark.read.parquet(job.folder.for_spark("host-edges"))
        between = between.withColumnsRenamed({"source": "source_host", "target": "target_host"})
        found = between.join(source, "source_host").join(target, "target_host").where("source <> target")
        if not job.edge_pages:
            return found.select("source", "target").distinct()
        return found.groupBy("source", "target").agg(F.sum("pages").alias("pages"))

    return nodes, job.stage(f"{level}-ids", edges)


def _host_facts(private_suffixes: bool) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def facts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            names = batch.column("name")
            host, domain_rev, domain = map(pa.array, _core.cluster_hosts(names, private_suffixes))
            yield pa.RecordBatch.from_pydict(
                {
                    "id": batch.column("id"),
                    "host": host,
                    "host_rev": names,
                    "domain": domain,
                    "domain_rev": domain_rev,
                    "pages": batch.column("pages"),
                }
            )

    return facts


def _page_facts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        url, host = map(pa.array, _core.cluster_pages(batch.column("name")))
        yield pa.RecordBatch.from_pydict(
            {"id": batch.column("id"), "url": url, "host_rev": host, "pages": batch.column("pages")}
        )


def _collected(level: str, job: Job, scratch: Path) -> list[tuple[Path, str]]:
    """Brings the tables of a level to this machine; returns them with the names that they have in a run."""
    tables = []
    for stage, name in (("nodes", f"tables/{level}s.parquet"), ("edges", f"tables/edges/{level}")):
        folder = f"{level}-{stage}"
        target = scratch / folder
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        parts = [part for part in job.folder.names(folder) if part.endswith(".parquet")]
        if not parts:
            raise FileNotFoundError(f"{job.folder.at(folder)}: the stage is listed, and has no files")
        for number, part in enumerate(parts):
            file = job.folder.fetch(f"{folder}/{part}", scratch / "fetched")
            # The stage stays complete until all of the run is.
            shutil.copyfile(file, target / f"{number:05}.parquet")
        tables.append((target, name))
    return tables
