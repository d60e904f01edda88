"""Ranks of a run that a cluster has built: on the machine of the driver, or in blocks on the cluster."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from crawlrank import _core
from crawlrank._run import arguments_of
from crawlrank.spark._build import Job
from crawlrank.spark._files import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

    from pyspark.sql import DataFrame, Row

# Where rankings keep their blocks and vectors.
_RANKING = "ranking"

_RESULT = "block bigint, contributions bigint, changes array<double>, dangling array<double>"


def rank(
    out: str | PathLike[str],
    *,
    on: str = "driver",
    blocks: int | None = None,
    work: str | PathLike[str] | None = None,
    memory: str | int | None = None,
    threads: int | None = None,
    damping: float | None = None,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    no_harmonic: bool = False,
    harmonic_log2m: int | None = None,
    progress: bool | None = None,
) -> None:
    """Ranks the run that `build` made: makes its graphs, PageRank, harmonic centrality, and its tables anew.

    PageRank is iterated on the machine of the driver, as by `crawlrank rank`, or on the cluster: nodes are
    cut into blocks, a task for each does its part of an iteration, and sums are taken in the order of one
    machine, so that the bits are the same for any number of blocks. Everything else is done on the machine
    of the driver in any case. The same call goes on where it was stopped.

    Args:
        out: the run directory.
        on: `driver`, or `cluster`, which needs an active session.
        blocks: at most so many tasks share an iteration; default two for each core of the cluster.
        work: the folder that was given to `build`. It is removed in the end.
        memory: bytes to use on the machine of the driver, a number or `"4G"`; default 60 % of the machine's.
        threads: default one a core.
        damping: share of score that follows edges, 0.85.
        tolerance: PageRank stops when the L1 change is below, 1e-9.
        max_iterations: PageRank stops after so many iterations, 200.
        no_harmonic: leave harmonic centrality out.
        harmonic_log2m: HyperBall keeps 2^N registers a node.
        progress: a bar on a terminal, log lines elsewhere; default on a terminal alone.

    Raises:
        CrawlrankError: of the kind that says how the command `rank` would have left. A `UserWarning` says
            when something was lost, or a ranking did not converge.
    """
    if on not in ("driver", "cluster"):
        raise ValueError(f"`on` is {on!r}, expected `driver` or `cluster`")
    out = Path(out)
    folder = Folder(work if work is not None else f"{out.absolute()}.spark")
    options = {"damping": damping, "tolerance": tolerance, "max_iterations": max_iterations}
    iterated = {}
    if on == "cluster":
        recipe = json.loads(_core.cluster_recipe(out))
        recipe.update({name: value for name, value in options.items() if value is not None})
        with tempfile.TemporaryDirectory(prefix="crawlrank-") as scratch:
            for level in recipe["level"]:
                iterated[level] = _iterate(level, folder, recipe, blocks, Path(scratch))
            trouble = _finish(out, options, memory, threads, no_harmonic, harmonic_log2m, iterated, progress)
    else:
        trouble = _finish(out, options, memory, threads, no_harmonic, harmonic_log2m, iterated, progress)
    if trouble:
        warnings.warn(f"{out}: {trouble}", UserWarning, stacklevel=2)
    _clean(folder)


def _clean(folder: Folder) -> None:
    """Removes what `build` and `rank` made in a folder, and nothing else."""
    listed = folder.read(Job.LIST)
    if listed is None:
        return
    for name in (*json.loads(listed)["stages"], _RANKING, Job.LIST):
        folder.remove(name)
    folder.remove_if_empty()


def _finish(
    out: Path,
    options: dict,
    memory: str | int | None,
    threads: int | None,
    no_harmonic: bool,
    harmonic_log2m: int | None,
    iterated: dict,
    progress: bool | None,
) -> str | None:
    flags = arguments_of(
        **options, memory=memory, threads=threads, no_harmonic=no_harmonic, harmonic_log2m=harmonic_log2m
    )
    shown = sys.stderr.isatty() if progress is None else progress
    return _core.cluster_rank(out, flags, iterated, shown)


class _Block(NamedTuple):
    """Consecutive nodes, and the file of their edges."""

    number: int
    start: int
    end: int


class _State(NamedTuple):
    """What is known between two iterations."""

    iteration: int
    dangling: float
    residuals: list[float]
    # Of each block, how much flows from it.
    contributions: list[int]


def _iterate(level: str, folder: Folder, recipe: dict, blocks: int | None, scratch: Path) -> tuple:
    """Iterates a level until it has converged; returns the files of its scores with their lengths, and the
    residuals."""
    spark = SparkSession.getActiveSession()
    if spark is None:
        raise RuntimeError('there is no active session of Spark to rank on: begin one, or give `on="driver"`')
    nodes = spark.read.parquet(folder.for_spark(f"{level}-nodes"))
    bins = _bins(nodes)
    if not bins:
        return [], []
    num_nodes = sum(bin.nodes for bin in bins)
    weights = [bin.edges + bin.nodes for bin in bins]
    parts = _blocks(weights, num_nodes, blocks or 2 * spark.sparkContext.defaultParallelism)
    keys = [recipe[key] for key in ("damping", "tolerance", "max_iterations")]
    # Blocks are those of one build.
    listed = json.loads(folder.read(Job.LIST) or b"{}").get("identity")
    what = json.dumps([listed, num_nodes, [*map(list, parts)], keys])
    below = f"{_RANKING}/{level}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
    _write_blocks(spark, folder, below, level, nodes, parts)
    kept = folder.read(f"{below}/state.json")
    if kept is None:
        state = _run(spark, _Starts(folder, below), parts, None)
        folder.write(f"{below}/state.json", json.dumps(state).encode())
    else:
        state = _State(*json.loads(kept))
    while not _is_done(state, recipe):
        before = state
        state = _run(spark, _Steps(folder, below, recipe["damping"], parts, before), parts, before)
        # What is listed is complete, and what came before goes.
        folder.write(f"{below}/state.json", json.dumps(state).encode())
        for block in parts:
            for what in ("scores", "contributions"):
                folder.remove(_vector(below, what, before.iteration, block.number))
    scores = [
        (
            folder.fetch(_vector(below, "scores", state.iteration, block.number), scratch),
            block.end - block.start,
        )
        for block in parts
    ]
    return scores, state.residuals


def _is_done(state: _State, recipe: dict) -> bool:
    has_converged = bool(state.residuals) and state.residuals[-1] < recipe["tolerance"]
    return has_converged or state.iteration >= recipe["max_iterations"]


def _bins(nodes: DataFrame) -> list[Row]:
    """Of each bin of nodes, in order, its `nodes` and the `edges` that lead into it."""
    number = F.floor(F.col("id") / _core.ClusterBlock.ALIGNMENT).alias("bin")
    bins = nodes.groupBy(number).agg(F.count("*").alias("nodes"), F.sum("in_degree").alias("edges"))
    return bins.orderBy("bin").collect()


def _blocks(weights: list[int], num_nodes: int, blocks: int) -> list[_Block]:
    """Cuts nodes into blocks of whole bins, of nearly the same weight; fewer where a bin outweighs others."""
    before = [0, *itertools.accumulate(weights)]

    def nearest(share: float) -> int:
        behind = bisect.bisect_left(before, share)
        return min(behind - 1, behind, key=lambda number: abs(before[number] - share)) if behind else 0

    bins = {nearest(before[-1] * block / blocks) for block in range(1, blocks)} - {0, len(weights)}
    edges = [0, *(number * _core.ClusterBlock.ALIGNMENT for number in sorted(bins)), num_nodes]
    return [_Block(number, *ends) for number, ends in enumerate(itertools.pairwise(edges))]


def _vector(below: str, what: str, iteration: int, block: int) -> str:
    return f"{below}/{what}-{iteration:05}-{block:05}.npy"


def _write_blocks(
    spark: SparkSession, folder: Folder, below: str, level: str, nodes: DataFrame, parts: list[_Block]
) -> None:
    """Writes for each block the degrees of its nodes and then, when all are there, its edges."""
    if folder.read(f"{below}/blocks") is not None:
        return
    starts = [block.start for block in parts]

    def block_of(column: str) -> F.Column:
        number = F.lit(0)
        for start in starts[1:]:
            number = number + (F.col(column) >= start).cast("bigint")
        return number.cast("bigint").alias("block")

    of_nodes = nodes.select(block_of("id"), "id", "out_degree")
    _all_blocks(of_nodes, _WriteDegrees(folder, below), parts)
    edges = spark.read.parquet(folder.for_spark(f"{level}-edges")).select(
        block_of("target"), "source", "target"
    )
    # A block without edges is one, too.
    empty = spark.createDataFrame([(block.number, None, None) for block in parts], edges.schema)
    _all_blocks(edges.union(empty), _WriteEdges(folder, below, parts), parts)
    folder.write(f"{below}/blocks", b"")


def _all_blocks(rows: DataFrame, task: _WriteDegrees | _WriteEdges, parts: list[_Block]) -> None:
    """Gives a task the rows of each block."""

    def work(table: pa.Table) -> pa.Table:
        return task(table)

    done = rows.groupBy("block").applyInArrow(work, "block bigint").collect()
    found = sorted(row["block"] for row in done)
    if found != [block.number for block in parts]:
        raise RuntimeError(f"blocks {found} were written, expected {len(parts)}")


class _Task:
    """What workers do, and the folder that they share."""

    def __init__(self, folder: Folder, below: str) -> None:
        self.folder, self.below = folder, below

    def degrees(self, parts: list[_Block], scratch: Path) -> list[tuple[Path, int]]:
        """The files of all degrees."""
        return [
            (
                self.folder.fetch(f"{self.below}/degrees-{block.number:05}.npy", scratch),
                block.end - block.start,
            )
            for block in parts
        ]

    def put(self, write: Callable[[Path], object], name: str) -> None:
        """Puts a file into the folder that `write` makes."""
        with tempfile.TemporaryDirectory(prefix="crawlrank-") as scratch:
            file = Path(scratch, "file")
            write(file)
            self.folder.put(file, name)


class _WriteDegrees(_Task):
    def __call__(self, table: pa.Table) -> pa.Table:
        block = table["block"][0].as_py()
        degrees = table.sort_by("id").select(["out_degree"])
        self.put(
            lambda file: _core.cluster_write_degrees(file, degrees), f"{self.below}/degrees-{block:05}.npy"
        )
        return pa.table({"block": [block]})


class _WriteEdges(_Task):
    def __init__(self, folder: Folder, below: str, parts: list[_Block]) -> None:
        super().__init__(folder, below)
        self.parts = parts

    def __call__(self, table: pa.Table) -> pa.Table:
        block = self.parts[table["block"][0].as_py()]
        edges = table.drop_null().sort_by([("target", "ascending"), ("source", "ascending")])
        edges = edges.select(["source", "target"])
        with tempfile.TemporaryDirectory(prefix="crawlrank-") as scratch:
            degrees = self.degrees(self.parts, Path(scratch))
            self.put(
                lambda file: _core.ClusterBlock.write(file, degrees, block.start, block.end, edges),
                f"{self.below}/block-{block.number:05}.stream",
            )
        return pa.table({"block": [block.number]})


class _Starts(_Task):
    """Makes what a ranking begins with."""

    iteration = 0

    def one(self, block: _Block, opened: _core.ClusterBlock, files: list[Path], scratch: Path) -> tuple:
        del block, scratch
        return opened.start(*files)


class _Steps(_Task):
    """Does an iteration."""

    def __init__(
        self, folder: Folder, below: str, damping: float, parts: list[_Block], state: _State
    ) -> None:
        super().__init__(folder, below)
        self.damping, self.parts, self.state = damping, parts, state
        self.iteration = state.iteration + 1

    def one(self, block: _Block, opened: _core.ClusterBlock, files: list[Path], scratch: Path) -> tuple:
        def before(what: str, number: int) -> Path:
            return self.folder.fetch(_vector(self.below, what, self.state.iteration, number), scratch)

        contributions = [
            (before("contributions", part.number), self.state.contributions[part.number])
            for part in self.parts
        ]
        scores = (before("scores", block.number), block.end - block.start)
        return opened.step(contributions, self.state.dangling, scores, self.damping, *files)


# Blocks that this worker has opened; it does those of the next iterations, too, with luck. One at a time is
# kept.
_opened: dict[str, _core.ClusterBlock] = {}


def _run(spark: SparkSession, task: _Starts | _Steps, parts: list[_Block], before: _State | None) -> _State:
    """Has a task done for each block, and adds up in the order of one machine."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                block = parts[number]
                name = f"{task.below}/block-{number:05}.stream"
                with tempfile.TemporaryDirectory(prefix="crawlrank-") as folder:
                    scratch = Path(folder)
                    address = task.folder.at(name)
                    if address not in _opened:
                        _opened.clear()
                        path = task.folder.fetch(name, scratch)
                        _opened[address] = _core.ClusterBlock(path, block.start, block.end)
                    files = [scratch / "new-scores.npy", scratch / "new-contributions.npy"]
                    count, changes, dangling = task.one(block, _opened[address], files, scratch)
                    for file, what in zip(files, ("scores", "contributions"), strict=True):
                        task.folder.put(file, _vector(task.below, what, task.iteration, number))
                yield pa.RecordBatch.from_pydict(
                    {
                        "block": [number],
                        "contributions": [count],
                        "changes": [changes],
                        "dangling": [dangling],
                    }
                )

    blocks = spark.range(0, len(parts), 1, len(parts))
    done = sorted(blocks.mapInArrow(work, _RESULT).collect(), key=lambda row: row["block"])
    if [row["block"] for row in done] != [block.number for block in parts]:
        raise RuntimeError(f"{len(done)} blocks were ranked, expected {len(parts)}")
    residuals = [*before.residuals, _added_up(row["changes"] for row in done)] if before else []
    return _State(
        task.iteration,
        _added_up(row["dangling"] for row in done),
        residuals,
        [row["contributions"] for row in done],
    )


def _added_up(blocks: Iterator[list[float]]) -> float:
    """The sum of all, one after the other; that of Python is more exact, and another one."""
    total = 0.0
    for block in blocks:
        for value in block:
            total += value
    return total
