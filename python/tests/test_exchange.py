"""`crawlrank graph import` and `export` with files of NumPy and pyarrow; what they mean is SciPy's word."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Edges = npt.NDArray[np.int64]

NODES = 500


@pytest.fixture
def edges() -> Edges:
    """Edges in no order, some of them twice, and from nodes to themselves; the last nodes have none."""
    random = np.random.default_rng(17)
    return random.integers(0, NODES - 3, size=(4_000, 2))


def matrix(edges: Edges) -> scipy.sparse.csr_array:
    ones = np.ones(len(edges), dtype=np.int64)
    found = scipy.sparse.csr_array((ones, (edges[:, 0], edges[:, 1])), shape=(NODES, NODES))
    found.sum_duplicates()
    found.data[:] = 1
    return found


def imported(command: Command, form: str, files: list[Path], out: Path, nodes: bool = True) -> Edges:
    """The edges of the graph that the files give, self-loops with them."""
    more = ["--nodes", str(NODES)] if nodes else []
    done = command("graph", "import", *files, "--format", form, "--out", out, "--self-loops", "keep", *more)
    assert done.returncode == 0, done.stderr
    offsets = np.load(out / "out_offsets.npy").astype(np.int64)
    assert len(offsets) == NODES + 1
    sources = np.repeat(np.arange(NODES), np.diff(offsets))
    return np.column_stack([sources, np.load(out / "out_targets.npy")])


def same(found: Edges, expected: Edges) -> bool:
    rows = matrix(expected).tocoo()
    return np.array_equal(found, np.column_stack([rows.row, rows.col]))


@pytest.mark.parametrize("dtype", ["<i4", "<i8", "<u4", "<u8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_numpy_rows_of_all_sorts(
    command: Command,
    tmp_path: Path,
    edges: Edges,
    dtype: str,
    order: Literal["C", "F"],
    version: tuple[int, int],
) -> None:
    path = tmp_path / "some.npy"
    array = np.array(edges, dtype=dtype, order=order)
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, version=version)
    assert same(imported(command, "npy", [path], tmp_path / "g"), edges)


def test_numpy_columns_and_compressed_rows(command: Command, tmp_path: Path, edges: Edges) -> None:
    np.save(tmp_path / "sources.npy", edges[:, 0].astype("<i4"))
    np.save(tmp_path / "targets.npy", edges[:, 1].astype("<u8"))
    files = [tmp_path / "targets.npy", tmp_path / "sources.npy"]
    assert same(imported(command, "npy", files, tmp_path / "a"), edges)
    rows = matrix(edges)
    folder = tmp_path / "rows"
    folder.mkdir()
    np.save(folder / "my_offsets.npy", rows.indptr.astype("<i8"))
    np.save(folder / "my_targets.npy", rows.indices.astype("<i4"))
    # The offsets say how many nodes there are.
    assert same(imported(command, "npy", [folder], tmp_path / "b", nodes=False), edges)


@pytest.mark.parametrize("types", [("int32", "int64"), ("uint32", "uint64"), ("int64", "uint32")])
def test_parquet_of_several_types(
    command: Command, tmp_path: Path, edges: Edges, types: tuple[str, str]
) -> None:
    columns = [pa.array(edges[:, at], type=getattr(pa, name)()) for at, name in enumerate(types)]
    table = pa.table({"weight": [0.5] * len(edges), "target": columns[1], "source": columns[0]})
    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(table.slice(0, 1000), folder / "part-00001.parquet", row_group_size=300)
    pq.write_table(table.slice(1000), folder / "part-00000.parquet", compression="gzip")
    (folder / "_SUCCESS").touch()
    assert same(imported(command, "parquet", [folder], tmp_path / "g"), edges)


def test_parquet_with_only_two_columns_takes_them_as_they_stand(
    command: Command, tmp_path: Path, edges: Edges
) -> None:
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"from": edges[:, 0], "to": edges[:, 1]}), path)
    assert same(imported(command, "parquet", [path], tmp_path / "g"), edges)


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "lz4", "zstd"])
def test_parquet_by_every_compression_that_is_common(
    command: Command, tmp_path: Path, edges: Edges, compression: str
) -> None:
    path = tmp_path / "edges.parquet"
    table = pa.table({"source": edges[:, 0], "target": edges[:, 1]})
    pq.write_table(table, path, compression=compression)
    assert same(imported(command, "parquet", [path], tmp_path / "g"), edges)


def test_parquet_by_brotli_is_refused_by_its_name(command: Command, tmp_path: Path, edges: Edges) -> None:
    path = tmp_path / "edges.parquet"
    pq.write_table(pa.table({"source": edges[:, 0], "target": edges[:, 1]}), path, compression="brotli")
    done = command("graph", "import", path, "--format", "parquet", "--out", tmp_path / "g")
    assert done.returncode == 4
    assert "compressed by BROTLI" in done.stderr


@pytest.mark.parametrize("end", ["bin", "bin.gz"])
def test_binary_pairs(command: Command, tmp_path: Path, edges: Edges, end: str) -> None:
    path = tmp_path / f"edges.{end}"
    data = edges.astype("<u4").tobytes()
    path.write_bytes(gzip.compress(data) if end == "bin.gz" else data)
    assert same(imported(command, "edges", [path], tmp_path / "g"), edges)


def test_what_is_exported_is_what_numpy_and_pyarrow_read(
    command: Command, tmp_path: Path, edges: Edges
) -> None:
    path = tmp_path / "edges.npy"
    np.save(path, edges)
    graph = tmp_path / "g"
    imported(command, "npy", [path], graph)
    for form, *more in (["npy"], ["parquet"], ["edges", "--binary"]):
        out = tmp_path / form
        done = command("graph", "export", graph, "--format", form, "--out", out, *more, "-o", "jsonl")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["edges"] == matrix(edges).nnz
    assert same(np.load(tmp_path / "npy/edges.npy"), edges)
    offsets, targets = (np.load(tmp_path / f"npy/out_{name}.npy") for name in ("offsets", "targets"))
    rows = matrix(edges)
    assert np.array_equal(offsets, rows.indptr)
    assert np.array_equal(targets, rows.indices)
    table = pq.read_table(tmp_path / "parquet")
    assert table.schema.types == [pa.int64(), pa.int64()]
    assert same(np.column_stack([table["source"], table["target"]]), edges)
    assert same(np.fromfile(tmp_path / "edges/edges.bin", dtype="<u4").reshape(-1, 2), edges)
    # And each comes back as the same graph.
    for form in ("npy", "parquet", "edges"):
        again = tmp_path / f"{form}-again"
        imported(command, form, [tmp_path / form], again)
        for file in graph.iterdir():
            assert file.read_bytes() == (again / file.name).read_bytes(), file.name
