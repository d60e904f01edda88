"""`crawlrank.pagerank`, against scipy and closed forms."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

import crawlrank as cr


def expected_scores(source: np.ndarray, target: np.ndarray, n: int, damping: float = 0.85) -> np.ndarray:
    """Power iteration by scipy, to the last digits."""
    kept = source != target
    links = sp.csr_matrix((np.ones(kept.sum()), (source[kept], target[kept])), shape=(n, n))
    links.data[:] = 1  # each edge once
    degree = np.asarray(links.sum(axis=1)).ravel()
    share = np.divide(1, degree, out=np.zeros(n), where=degree > 0)
    scores = np.full(n, 1 / n)
    for _ in range(500):
        new = damping * (links.T @ (scores * share) + scores[degree == 0].sum() / n) + (1 - damping) / n
        if np.abs(new - scores).sum() < 1e-15:
            break
        scores = new
    return scores


def made_up(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(7)
    return dice.integers(0, n, m), (n * dice.random(m) ** 3).astype(np.int64)


def test_scores_are_those_of_scipy() -> None:
    source, target = made_up(20_000, 200_000)
    ranked = pl.DataFrame(cr.pagerank(pl.DataFrame({"a": source, "b": target}), tolerance=1e-12))
    n = int(max(source.max(), target.max())) + 1
    assert ranked["id"].to_list() == list(range(n))
    expected = expected_scores(source, target, n)
    assert np.abs(ranked["pagerank"].to_numpy() - expected).sum() < 1e-9
    assert ranked["pagerank"].sum() == pytest.approx(1, abs=1e-12)
    best = ranked.sort("pagerank", "id", descending=[True, False])
    assert best["pagerank_pos"].to_list() == list(range(1, n + 1))
    edges = pl.DataFrame({"s": source, "t": target}).unique().filter(pl.col("s") != pl.col("t"))
    for column, end in (("out_degree", "s"), ("in_degree", "t")):
        counted = edges.group_by(end).len().sort(end)
        assert ranked.filter(pl.col(column) > 0)[column].to_list() == counted["len"].to_list()


PAIRS: dict[str, Any] = {
    "polars": pl.DataFrame({"source": [0, 1, 2], "target": [1, 2, 0]}),
    "any order of names": pl.DataFrame({"pages": [9, 9, 9], "target": [1, 2, 0], "source": [0, 1, 2]}),
    "table": pa.table({"x": [0, 1, 2], "y": [1, 2, 0]}),
    "batch": pa.record_batch({"x": [0, 1, 2], "y": [1, 2, 0]}),
    "chunks": pa.concat_tables([pa.table({"x": [0, 1], "y": [1, 2]}), pa.table({"x": [2], "y": [0]})]),
}
PAIRS |= {
    str(width): pa.table({"x": [0, 1, 2], "y": [1, 2, 0]}).cast(pa.schema([("x", width), ("y", width)]))
    for width in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_cycle_is_even(name: str) -> None:
    table = cr.pagerank(PAIRS[name])
    assert table.columns == ["id", "in_degree", "out_degree", "pagerank", "pagerank_pos"]
    ranked = pa.table(table)
    assert ranked["pagerank"].to_pylist() == pytest.approx([1 / 3] * 3, abs=1e-12)
    assert ranked["pagerank_pos"].to_pylist() == [1, 2, 3]
    assert ranked["in_degree"].to_pylist() == ranked["out_degree"].to_pylist() == [1, 1, 1]
    assert all(field.metadata[b"doc"] for field in ranked.schema)


def test_duckdb_streams_edges() -> None:
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql("select range % 1000 as source, (range * 7) % 1000 as target from range(100000)")
    assert len(cr.pagerank(relation)) == 1000


def test_ids_are_kept_and_options_heard() -> None:
    edges = pa.table({"source": [5, 5, 5, 3], "target": [3, 3, 5, 3]})
    ranked = pa.table(cr.pagerank(edges))
    assert ranked["out_degree"].to_pylist() == [0, 0, 0, 0, 0, 1], "edges once, no self-loops"
    assert len(cr.pagerank(edges, num_nodes=10)) == 10
    kept = pa.table(cr.pagerank(edges, self_loops="keep"))
    assert kept["out_degree"].to_pylist() == [0, 0, 0, 1, 0, 2]
    assert pa.table(cr.pagerank(edges, damping=0))["pagerank"].to_pylist() == pytest.approx([1 / 6] * 6)
    none = pa.table({"source": pa.array([], pa.int64()), "target": pa.array([], pa.int64())})
    assert len(cr.pagerank(none)) == 0


def test_what_did_not_converge_is_warned_of() -> None:
    source, target = made_up(1000, 5000)
    with pytest.warns(RuntimeWarning, match="did not converge within 2 iterations"):
        cr.pagerank(pa.table({"x": source, "y": target}), max_iterations=2)


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        (pa.table({"x": [0, None], "y": [1, 2]}), {}, "row 1 of `edges` has null as `x`"),
        (pa.table({"x": [0, 1], "y": [1, -1]}), {}, "row 1 of `edges` has -1 as `y`"),
        (pa.table({"x": [0], "y": [2**32 - 1]}), {}, "has 4294967295 as `y`"),
        (pa.table({"x": [0], "y": [0.5]}), {}, "column `y` of `edges` has type Float64"),
        (pa.table({"x": [0], "y": [1], "z": [2]}), {}, "has the columns `x`, `y`, `z`, expected two"),
        (pa.array([1]), {}, "expected a table of two integer columns"),
        (pa.table({"x": [0], "y": [9]}), {"num_nodes": 3}, "num_nodes"),
        (pa.table({"x": [0], "y": [2**32 - 2]}), {}, "give `num_nodes=4294967295` if there are so many"),
        (pa.table({"x": [0], "y": [9]}), {"damping": 1.0}, "`damping` is 1"),
        (pa.table({"x": [0], "y": [9]}), {"self_loops": "some"}, '`self_loops` is "some"'),
    ],
)
def test_what_is_no_graph_is_refused(edges: Any, options: dict[str, Any], message: str) -> None:  # noqa: ANN401
    with pytest.raises(cr.CrawlrankError) as caught:
        cr.pagerank(edges, **options)
    assert message in str(caught.value)


def test_a_stream_that_fails_says_why() -> None:
    def batches() -> Any:  # noqa: ANN401
        yield pa.record_batch({"x": [0], "y": [1]})
        raise ValueError("the source ran dry")

    schema = pa.schema([("x", pa.int64()), ("y", pa.int64())])
    with pytest.raises(cr.CrawlrankError, match="the source ran dry"):
        cr.pagerank(pa.RecordBatchReader.from_batches(schema, batches()))


def test_ctrl_c_stops_it() -> None:
    code = (
        "import numpy as np, pyarrow as pa, crawlrank as cr\n"
        "dice = np.random.default_rng(1)\n"
        "edges = pa.table({'x': dice.integers(0, 50_000, 400_000), 'y': dice.integers(0, 50_000, 400_000)})\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    cr.pagerank(edges, damping=0.999999, tolerance=1e-300, max_iterations=4_000_000_000)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "stopped\n")
