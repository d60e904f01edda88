"""The arrays of a graph."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

import crawlrank as cr

Level = Literal["host", "domain"]
LEVELS: tuple[Level, ...] = ("host", "domain")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("direction", "own", "others"), [("out", "source", "target"), ("in", "target", "source")]
)
def test_both_directions_hold_the_edges_of_the_table(
    run: cr.Run, level: Level, direction: str, own: str, others: str
) -> None:
    graph = run.graph(level)
    edges = pl.DataFrame(run.edges(level)).sort(own, others)
    assert (graph.num_nodes, graph.num_edges) == (len(run.ranks(level)), len(edges))
    degrees = np.diff(graph[f"{direction}_offsets"].astype(np.int64))
    assert np.array_equal(np.repeat(np.arange(graph.num_nodes), degrees), edges[own].to_numpy())
    assert np.array_equal(graph[f"{direction}_targets"], edges[others].to_numpy())


@pytest.mark.parametrize("level", LEVELS)
def test_names_and_scores_are_those_of_the_table(run: cr.Run, level: Level) -> None:
    graph = run.graph(level)
    ranks = pl.DataFrame(run.ranks(level))
    text, ends = graph["names"].tobytes(), graph["name_offsets"].tolist()
    names = [text[begin:end].decode() for begin, end in pairwise(ends)]
    assert names == sorted(names)
    assert [".".join(reversed(name.split("."))) for name in names] == ranks[level].to_list()
    for score in ("pagerank", "pagerank_pos", "harmonic", "harmonic_pos"):
        assert np.array_equal(graph[score], ranks[score].to_numpy())


def test_arrays_are_mapped_and_read_only(run: cr.Run) -> None:
    targets = run.graph()["out_targets"]
    assert isinstance(targets, np.memmap) and targets.dtype == np.uint32
    with pytest.raises(ValueError, match="read-only"):
        targets[0] = 1


def test_it_is_a_mapping(run: cr.Run) -> None:
    graph = run.graph("domain")
    assert list(graph) == graph.keys() and len(graph) == len(graph.keys())
    assert {"names", "out_offsets", "in_targets", "node_hosts", "pagerank"} <= dict(graph).keys()
    assert "out_targets" in graph and "nothing" not in graph
    with pytest.raises(KeyError, match=r"no array .*nothing.*it has names, .*out_targets"):
        graph["nothing"]
    assert repr(graph).startswith("<graph ") and f"{graph.num_edges} edges" in repr(graph)


def test_any_graph_directory_opens(run: cr.Run) -> None:
    alone = cr.Graph(run.path / "graph" / "host")
    assert "pagerank" not in alone
    assert np.array_equal(alone["out_targets"], run.graph()["out_targets"])
    assert alone.path == run.graph().path == run.path / "graph" / "host"


def test_a_graph_without_nodes_has_arrays(tmp_path: Path) -> None:
    shard = tmp_path / "no-pages.warc.wat"
    shard.write_bytes(b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n")
    with pytest.warns(UserWarning, match="no page in 1 records"):
        graph = cr.run(shard, out=tmp_path / "run", harmonic_log2m=4, progress=False).graph()
    assert (graph.num_nodes, graph.num_edges) == (0, 0)
    assert all(len(graph[name]) == (name.endswith("offsets")) for name in graph)


def test_what_is_cut_or_missing_is_refused(run: cr.Run, tmp_path: Path) -> None:
    with pytest.raises(cr.UsageError, match="no `graph/page`"):
        run.graph("page")
    folder = tmp_path / "graph"
    shutil.copytree(run.path / "graph" / "host", folder)
    targets = folder / "out_targets.npy"
    targets.write_bytes(targets.read_bytes()[:-4])
    with pytest.raises(cr.DamagedError, match="out_targets") as caught:
        cr.Graph(folder)
    assert caught.value.path == str(targets)
    targets.unlink()
    with pytest.raises(cr.CrawlrankError, match="out_targets"):
        cr.Graph(folder)
    with pytest.raises(cr.CrawlrankError, match="nothing"):
        cr.Graph(tmp_path / "nothing")
    with pytest.raises(cr.CrawlrankError, match=r"this is a run: `crawlrank.open\(path\).graph\(\)`"):
        cr.Graph(run.path)


def test_numpy_is_imported_by_the_first_array(run: cr.Run) -> None:
    code = (
        "import sys, crawlrank as cr; graph = cr.open(sys.argv[1]).graph(); print('numpy' in sys.modules);"
        "graph['pagerank']; print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, run.path], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "True"]


def test_what_lacks_without_numpy_is_said(run: cr.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ModuleNotFoundError, match="pip install numpy"):
        run.graph()["pagerank"]


def test_a_graph_of_a_stream_says_how_arrays_are_made(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "edges.tsv").write_text("0\t1\n1\t2\n")
    arguments = ("--format", "edges", "--form", "stream", "--out", tmp_path / "graph")
    done = command("graph", "import", tmp_path / "edges.tsv", *arguments)
    assert done.returncode == 0, done.stderr
    with pytest.raises(cr.CrawlrankError, match=r"graph convert .* --form arrays"):
        cr.Graph(tmp_path / "graph")
