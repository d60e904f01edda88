"""PageRank of an Arrow table from Python, against scipy: `python benches/python_pagerank.py [EDGES]`.

Needs `crawlrank` (a release build), `numpy`, `pyarrow` and `scipy`; `igraph` and `networkit` are asked, too,
where they are installed. Whole calls: from two columns of int64 to one score a node. Wall time of one round
on all cores. igraph works to the last digit and cannot be told otherwise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import crawlrank as cr
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

DAMPING, TOLERANCE = 0.85, 1e-9


def by_crawlrank(source: np.ndarray, target: np.ndarray, n: int) -> np.ndarray:
    edges = pa.table({"source": source, "target": target})
    return pa.table(cr.pagerank(edges, num_nodes=n))["pagerank"].to_numpy()


def by_scipy(source: np.ndarray, target: np.ndarray, n: int) -> np.ndarray:
    links = sp.coo_matrix((np.ones(len(source)), (target, source)), shape=(n, n)).tocsr()
    links.data[:] = 1  # each edge once
    links.setdiag(0)
    links.eliminate_zeros()
    degree = np.asarray(links.sum(axis=0)).ravel()
    share = np.divide(1, degree, out=np.zeros(n), where=degree > 0)
    dangling = degree == 0
    scores = np.full(n, 1 / n)
    for _ in range(200):
        new = DAMPING * (links @ (scores * share) + scores[dangling].sum() / n) + (1 - DAMPING) / n
        change = np.abs(new - scores).sum()
        scores = new
        if change < TOLERANCE:
            break
    return scores


def by_igraph(source: np.ndarray, target: np.ndarray, n: int) -> np.ndarray:
    import igraph

    graph = igraph.Graph(n, np.column_stack((source, target)), directed=True)
    graph.simplify()
    return np.array(graph.pagerank(damping=DAMPING))


def by_networkit(source: np.ndarray, target: np.ndarray, n: int) -> np.ndarray:
    import networkit as nk

    graph = nk.GraphFromCoo((source.astype(np.uint64), target.astype(np.uint64)), n, directed=True)
    graph.removeMultiEdges()
    graph.removeSelfLoops()
    sinks = nk.centrality.SinkHandling.DistributeSinks
    ranking = nk.centrality.PageRank(graph, damp=DAMPING, tol=TOLERANCE, distributeSinks=sinks)
    ranking.norm = nk.centrality.Norm.L1_NORM
    return np.array(ranking.run().scores())


def main() -> None:
    m = int(float(sys.argv[1])) if len(sys.argv) > 1 else 20_000_000
    n = m // 10
    dice = np.random.default_rng(1)
    source = dice.integers(0, n, m)
    target = (n * dice.random(m) ** 3).astype(np.int64)
    ways: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
        "crawlrank": by_crawlrank,
        "scipy": by_scipy,
        "igraph": by_igraph,
        "networkit": by_networkit,
    }
    print(f"{m:,} edges, {n:,} nodes\n")
    print("| way | seconds | times crawlrank | L1 to crawlrank |\n|---|---|---|---|")
    first, ours = 0.0, np.zeros(n)
    for name, rank in ways.items():
        start = time.perf_counter()
        try:
            scores = rank(source, target, n)
        except ModuleNotFoundError:
            continue
        seconds = time.perf_counter() - start
        if name == "crawlrank":
            first, ours = seconds, scores
        print(f"| {name} | {seconds:.2f} | {seconds / first:.2f} | {np.abs(scores - ours).sum():.1e} |")


if __name__ == "__main__":
    main()
