"""Shards as a data source of Spark: `spark.read.format("crawlrank")`."""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from crawlrank import _core
from crawlrank.spark import _files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import DataFrame, SparkSession

# The columns of each kind and their types as Spark's JSON has them; behind them all have those below.
_PAIRS: dict[str, object] = {"source": "string", "target": "string", "pages": "long"}
_COLUMNS: dict[str, dict[str, object]] = {
    "host_links": _PAIRS,
    "page_links": _PAIRS,
    "links": dict.fromkeys(
        ("source_url", "target_url", "source_host", "target_host", "kind", "rel", "text"), "string"
    ),
    "records": {
        "offset": "long",
        "bytes": "long",
        **dict.fromkeys(("type", "url", "date", "content_type"), "string"),
        "block_bytes": "long",
        "block": "binary",
    },
    "robots": {
        "host": "string",
        "url": "string",
        "fetched_at": "timestamp",
        "status": "long",
        "bytes": "long",
        "access": "string",
        "groups": "long",
        "rules": "long",
        "crawl_delay": "double",
        "sitemaps": {"type": "array", "elementType": "string", "containsNull": False},
        "agents": {"type": "map", "keyType": "string", "valueType": "boolean", "valueContainsNull": False},
        "content_signal": "string",
        "content_usage": "string",
    },
}
_OF_ALL = dict.fromkeys(("shard", "account", "fault"), "string")

# Options that are flags of `crawlrank run`: with a value, and without one.
_FLAGS = (
    "exclude_rel",
    "limit",
    "max_bad_records",
    "max_bad_shards",
    "max_header",
    "max_html",
    "max_links",
    "max_record",
    "max_url",
    "max_window",
    "only_kind",
    "profile",
    "recipe",
    "www",
)
_SWITCHES = ("edge_pages", "private_suffixes", "strict")
_OTHERS = ("agents", "base_url", "blocks", "kind", "memory", "path", "paths", "shard_kind", "split", "tmp")

_ACCOUNT = (
    "struct<row:struct<shard:string, bytes:bigint, members:bigint, records:bigint, pages:bigint, "
    "links:bigint, edges:bigint, faults:bigint, fault_bytes:bigint, padding_bytes:bigint, "
    "warnings:map<string,bigint>, skipped:map<string,bigint>, failed:string>>"
)
_FAULT = "struct<shard:string, offset:bigint, kind:string, bytes:bigint, detail:string>"


def register(spark: SparkSession) -> None:
    """Makes `spark.read.format("crawlrank")` known to a session.

    Where workers are processes of this machine they run the Python that this one runs, unless
    `PYSPARK_PYTHON` says otherwise.
    """
    spark.dataSource.register(CrawlrankSource)
    context = getattr(spark, "sparkContext", None)
    if context is not None and context.master.startswith("local") and "PYSPARK_PYTHON" not in os.environ:
        context.pythonExec = sys.executable


def shards(rows: DataFrame) -> DataFrame:
    """The account of each shard, of rows that the source gave: the columns of the table `shards`, and why
    it `failed`, or null.

    A shard that was read in pieces has a row for each.
    """
    accounts = rows.where("account is not null")
    return accounts.select(F.from_json("account", _ACCOUNT).alias("account")).select("account.row.*")


def faults(rows: DataFrame) -> DataFrame:
    """What was lost of shards, and why, of rows that the source gave: the columns of the table `faults`."""
    lost = rows.where("fault is not null")
    return lost.select(F.from_json("fault", _FAULT).alias("fault")).select("fault.*")


class CrawlrankSource(DataSource):
    """WARC, WAT and WET shards. A partition is a shard, or a piece of a large plain one.

    Options, besides those of `crawlrank run` that shape what is read (`profile`, `www`, `exclude_rel`,
    `only_kind`, `edge_pages`, `private_suffixes`, `limit`, `max_…`, `strict`, `recipe`):

    - `kind`: `host_links` (default), `page_links`, `links`, `records` or `robots`.
    - `shard_kind`: `wat` (default) or `warc`, which is the option `kind` of `crawlrank run`.
    - `base_url`: what the paths of lists lie below: an address of a store, or a folder.
    - `split`: a plain shard is cut into pieces of about so many bytes, `1G`.
    - `memory`: what a task uses to make pairs unique before it writes to the disk, `256M`; `tmp`: where.
    - `blocks`: whether records come with their blocks, `false`. `agents`: whom to ask robots.txt for.
    """

    @classmethod
    def name(cls) -> str:
        """What `format` calls it."""
        return "crawlrank"

    def schema(self) -> StructType:
        """The columns of the kind. What else the options say travels as metadata of the column `shard`."""
        options = _Options(self.options)
        recipe, _ = options.plan([], [])
        told = {
            "crawlrank_kind": options.kind,
            "crawlrank_recipe": recipe,
            "crawlrank_options": json.dumps(dict(self.options)),
        }
        fields = [
            {"name": name, "type": type_, "nullable": True, "metadata": told if name == "shard" else {}}
            for name, type_ in {**_COLUMNS[options.kind], **_OF_ALL}.items()
        ]
        return StructType.fromJson({"type": "struct", "fields": fields})

    def reader(self, schema: StructType) -> DataSourceReader:
        """What plans partitions, and reads them."""
        del schema
        return _Reader(_Options(self.options))


class _Piece(InputPartition):
    """What one task reads."""

    def __init__(self, shard: str, start: int, end: int) -> None:
        self.shard, self.start, self.end = shard, start, end


class _Options:
    """The options of a data source, checked."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {name.lower(): value for name, value in given.items()}
        self.kind = self._given.get("kind", "host_links")
        if self.kind not in _COLUMNS:
            raise ValueError(f"`kind` is {self.kind!r}, expected one of {', '.join(_COLUMNS)}")
        known = {*_FLAGS, *_SWITCHES, *_OTHERS}
        unknown = [name for name in self._given if name not in known and not name.startswith("spark.")]
        if unknown:
            raise ValueError(f"unknown option `{unknown[0]}`; there are {', '.join(sorted(known))}")
        paths = self.get("paths")
        path = self.get("path")
        self.inputs: list[str] = json.loads(paths) if paths else [path] if path else []

    def get(self, name: str) -> str | None:
        return self._given.get(name)

    def switch(self, name: str) -> bool:
        value = self._given.get(name, "false").lower()
        if value not in ("true", "false"):
            raise ValueError(f"`{name}` is {value!r}, expected `true` or `false`")
        return value == "true"

    def size(self, name: str, default: str) -> int:
        text = self._given.get(name, default).strip()
        units = {"K": 10, "M": 20, "G": 30}
        digits = text.upper().removesuffix("B").removesuffix("I")
        try:
            return int(digits[:-1]) << units[digits[-1]] if digits[-1:] in units else int(digits)
        except (ValueError, IndexError):
            raise ValueError(f"`{name}` is {text!r}, expected a size such as 512M") from None

    def plan(self, inputs: list[str], elsewhere: list[_files.File]) -> tuple[str, list[str]]:
        """The recipe, and the shards of inputs, as JSON."""
        flags = [
            f"--{name.replace('_', '-')}={self.get(name)}" for name in _FLAGS if self.get(name) is not None
        ]
        flags += [f"--{name.replace('_', '-')}" for name in _SWITCHES if self.switch(name)]
        flags.append(f"--kind={self.get('shard_kind') or 'wat'}")
        return _core.cluster_plan(inputs, elsewhere, flags)


class _Found(NamedTuple):
    here: list[str]
    elsewhere: list[_files.File]


class _Reader(DataSourceReader):
    def __init__(self, options: _Options) -> None:
        self._options = options
        self._recipe, _ = options.plan([], [])

    def partitions(self) -> list[_Piece]:
        options = self._options
        shards = _shards(options)
        split = options.size("split", "1G")
        pieces = []
        for shard in shards:
            facts = json.loads(shard)
            path, end = facts["path"], facts["bytes"]
            starts = [0] if _files.is_address(path) or end <= split else _core.cluster_pieces(path, split)
            pieces += [_Piece(shard, *piece) for piece in zip(starts, [*starts[1:], end], strict=True)]
        return pieces

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, _Piece)
        options = self._options
        path = json.loads(partition.shard)["path"]
        source = _Late(path) if _files.is_address(path) else None
        rows = _core.ClusterRows(
            options.kind,
            self._recipe,
            partition.shard,
            partition.start,
            partition.end,
            source,
            options.get("tmp") or tempfile.gettempdir(),
            options.size("memory", "256M"),
            options.switch("blocks"),
            options.get("agents"),
        )
        batches = pa.RecordBatchReader.from_stream(rows)
        if options.kind != "robots":
            yield from batches
            return
        # Spark's timestamps have microseconds.
        schema = batches.schema
        place = schema.get_field_index("fetched_at")
        schema = schema.set(place, pa.field("fetched_at", pa.timestamp("us", "UTC")))
        for batch in batches:
            yield batch.cast(schema)


def planned(options: str) -> list[str]:
    """The shards that a data source with these options reads now, as JSON."""
    return _shards(_Options(json.loads(options)))


def _shards(options: _Options) -> list[str]:
    if not options.inputs:
        raise ValueError(
            "no shards: give files, folders, patterns, `*.paths.gz` lists or addresses to `load`"
        )
    found = _find(options)
    if found.here and found.elsewhere:
        raise ValueError("shards of this machine and of a store are read one after the other, not together")
    _, shards = options.plan(found.here, found.elsewhere)
    limit = options.get("limit")
    return shards[: int(limit)] if limit else shards


class _Late:
    """A file elsewhere, opened when it is read, so that what is wrong with it is in the account of its shard.

    What breaks off is taken up at its byte, a few times.
    """

    ATTEMPTS = 5

    def __init__(self, address: str) -> None:
        self._address, self._at, self._failed = address, 0, 0
        self._file: pa.NativeFile | None = None

    def read(self, size: int) -> bytes:
        """Returns the next bytes; none at the end."""
        while True:
            try:
                if self._file is None:
                    system, path = _files.store(self._address)
                    self._file = system.open_input_file(path)
                    self._file.seek(self._at)
                content = self._file.read(size)
            except FileNotFoundError:
                raise
            except OSError:
                self._failed += 1
                if self._failed >= self.ATTEMPTS:
                    raise
                self._file = None
                time.sleep(2**self._failed / 2)
            else:
                self._at += len(content)
                return content


def _find(options: _Options) -> _Found:
    """Tells inputs on this machine, which the program finds, from those elsewhere."""
    base = options.get("base_url")
    found = _Found([], [])
    for given in options.inputs:
        is_list = given.endswith((".paths", ".paths.gz"))
        if is_list and (base or _files.is_address(given)):
            for line in _lines(given):
                address = line if "://" in line or not base else f"{base.rstrip('/')}/{line}"
                _add(address, found)
        else:
            _add(given, found)
    return found


def _add(given: str, found: _Found) -> None:
    given = given.removeprefix("file://")
    if given.startswith(("http://", "https://")) or not _files.is_address(given):
        found.here.append(given)  # the program says what is to be said of servers
        return
    ends = tuple(kind + end for kind in (".warc", ".wat", ".wet") for end in ("", ".gz", ".zst"))
    files = list(_files.files_of(given))
    is_file = len(files) == 1 and files[0].address == given
    found.elsewhere.extend(file for file in files if is_file or file.address.endswith(ends))


def _lines(path: str) -> list[str]:
    if _files.is_address(path):
        system, name = _files.store(path)
        with system.open_input_stream(name, compression=None) as file:
            content = file.read()
    else:
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read()
    text = gzip.decompress(content) if path.endswith(".gz") else content
    return [line.strip() for line in text.decode().splitlines() if line.strip()]
