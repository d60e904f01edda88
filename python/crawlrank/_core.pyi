"""The native module. Use the names of `crawlrank`, where these are re-exported."""

import builtins
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, TypeVar, final, overload

from typing_extensions import disjoint_base

_Level = Literal["host", "domain", "page"]
_T = TypeVar("_T")

__all__ = [
    "Fault",
    "Header",
    "Ranks",
    "Record",
    "Records",
    "Run",
    "Table",
    "__version__",
    "main",
    "open",
    "records",
]

__version__: str

def open(directory: str | PathLike[str]) -> Run:
    """Opens a run directory, finished or still going on."""

def records(path: str | PathLike[str]) -> Records:
    """Iterates over the records of a shard: WARC, WAT or WET; plain, gzip or zstd."""

def main(argv: Sequence[str]) -> int:
    """Runs the command line; the first argument is the program's name. Returns the exit code."""

@final
class Run:
    """A run directory, finished or still going on."""

    @property
    def path(self) -> Path:
        """The directory."""
    @property
    def run_id(self) -> str:
        """Hash of the parameters that shape results and of the inputs."""
    @property
    def complete(self) -> bool:
        """Whether every stage is done, now."""
    @property
    def notes(self) -> list[str]:
        """What one should know of the results, e.g. why a column is null."""
    def hosts(self) -> Table:
        """The hosts with their pages, degrees and scores, by id."""
    def domains(self) -> Table:
        """The registered domains with their hosts, pages, degrees and scores, by id."""
    def edges(self, level: _Level = "host") -> Table:
        """The edges between nodes of a level, as ids of its table."""
    def shards(self) -> Table:
        """What each shard gave."""
    def faults(self) -> Table:
        """Bytes of shards that were lost, and why."""
    def ranks(self, level: _Level = "host") -> Ranks:
        """Names and scores of the nodes of a level."""

@disjoint_base
class Table:
    """A table; give it to polars, pyarrow, DuckDB or pandas as it is."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the rows as an Arrow stream, a fresh one at each call."""

@final
class Ranks(Table):
    """Names and scores of the nodes of a level."""

    def top(self, n: int = 20, by: Literal["pagerank", "harmonic", "in_degree"] = "pagerank") -> Table:
        """Returns the `n` nodes that come first, as a table."""

@final
class Records(Iterator[Record]):
    """The records of a shard. Damage does not stop it: what is lost is in `faults`."""

    def __iter__(self) -> Records: ...
    def __next__(self) -> Record: ...
    @property
    def faults(self) -> list[Fault]:
        """What was lost so far: the first 10,000 faults, by offset. The totals count all."""
    @property
    def totals(self) -> dict[str, int | dict[str, int]]:
        """The account so far: `bytes`, `members`, `records`, `block_bytes`, `record_bytes`, `fault_bytes`,
        `padding_bytes`, `faults`, and `warnings` by kind.

        At the end `record_bytes + fault_bytes + padding_bytes == bytes`, the length of the file."""

@final
class Fault:
    """Bytes of a shard that could not be read as a record."""

    @property
    def offset(self) -> int:
        """Where the damage begins, in bytes of the compressed stream."""
    @property
    def kind(self) -> str:
        """What is wrong, e.g. `bad_crc`."""
    @property
    def bytes(self) -> int:
        """Compressed bytes lost."""
    @property
    def detail(self) -> str:
        """What was found, for people."""

@final
class Record:
    """A record that was read whole."""

    @property
    def type(self) -> str:
        """What `WARC-Type` says: `response`, `metadata`, …, or `unknown`."""
    @property
    def offset(self) -> int:
        """Where the record begins in the compressed stream."""
    @property
    def bytes(self) -> int:
        """Compressed bytes; a member that several records share is charged to the first."""
    @property
    def url(self) -> str | None:
        """`WARC-Target-URI`, without the `<…>` that some writers put around it."""
    @property
    def header(self) -> Header:
        """The WARC header, decoded when it is looked at."""
    @property
    def block(self) -> builtins.bytes:
        """All behind the header: for a `response` HTTP, for `metadata` in WAT files JSON."""

@final
class Header:
    """A WARC header: a mapping of field names, in any case, to values.

    Of a repeated field it gives the first value; `fields()` gives all."""

    def __getitem__(self, name: str, /) -> str: ...
    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: _T) -> str | _T: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def keys(self) -> list[str]:
        """The names as they are written, each once."""
    def values(self) -> list[str]:
        """The values, in the order of the names."""
    def items(self) -> list[tuple[str, str]]:
        """Names with their values."""
    def fields(self) -> list[tuple[str, str]]:
        """All fields, repeated ones too, in their order."""
