import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell(hide_code=True)
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 6. Beyond one machine

    A run comes from `crawlrank run` on one machine, or from Spark on many:

    ```python
    links = spark.read.format("crawlrank").option("kind", "host_links").load("shards/")
    crawlrank.spark.build(links, "out/")
    crawlrank.spark.rank("out/")
    ```

    What lies in the folder is the same. This notebook looks at a run without knowing where it was made, and
    ends with checksums that would tell if it mattered.

    It shows the small sample of an invented web, made on one machine. For your own run:
    `CRAWLRANK_RUN=path/of/run marimo edit 06_beyond_one_machine.py`.
    """)
    return


@app.cell
def _():
    import os
    from hashlib import sha256

    import altair as alt
    import polars as pl

    import crawlrank as cr
    import sample
    from charts import BLUE, ORANGE

    run = cr.open(os.environ.get("CRAWLRANK_RUN") or sample.whole())
    hosts, domains, shards, faults = (
        pl.DataFrame(table) for table in (run.hosts(), run.domains(), run.shards(), run.faults())
    )
    return BLUE, ORANGE, alt, domains, faults, hosts, pl, run, sha256, shards


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What was read, and what was lost

    On a cluster each task keeps the account of its shard, and it travels with the rows, so that nothing is
    lost without being counted. First the eight shards that lost the most bytes; those of the sample lost
    none.
    """)
    return


@app.cell
def _(pl, shards):
    shards.sort("fault_bytes", "shard", descending=[True, False]).head(8).select(
        pl.col("shard").str.tail(17), "bytes", "records", "pages", "links", "faults", "fault_bytes"
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Then what was wrong. Each fault is a row of `run.faults()`, with its place; an empty table is good news.
    """)
    return


@app.cell
def _(faults, pl):
    faults.group_by("kind").agg(
        shards=pl.col("shard").n_unique(), faults=pl.len(), bytes=pl.col("bytes").sum()
    ).sort("bytes", "kind", descending=[True, False])
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Who comes first

    A cluster numbers hosts in byte order of their reversed names, too, so even the ids are the same.
    """)
    return


@app.cell
def _(hosts):
    hosts.sort("pagerank_pos").head(10).select(
        "id", "host", "pages", "in_degree", "out_degree", "pagerank", "harmonic_pos"
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    How fast does PageRank fall from the first to the last? Both axes are logarithmic, and scores are given
    in units of the average, so that hosts and domains compare.
    """)
    return


@app.cell
def _(domains, hosts, pl):
    steps = [round(10 ** (i / 10)) for i in range(10 * len(str(len(hosts))) + 1)]
    falling = pl.concat(
        [
            frame.filter(pl.col("pagerank_pos").is_in(steps) | (pl.col("pagerank_pos") == len(frame)))
            .select(position="pagerank_pos", score=pl.col("pagerank") * len(frame), of=pl.lit(of))
            .sort("position")
            for of, frame in (("hosts", hosts), ("domains", domains))
        ]
    )
    return (falling,)


@app.cell
def _(BLUE, ORANGE, alt, falling):
    log = alt.Scale(type="log", nice=False)
    alt.Chart(
        falling,
        title=alt.Title(
            "How PageRank falls with the position", subtitle="1: what each would have if all were equal"
        ),
    ).mark_line(point=True).encode(
        x=alt.X(
            "position", title="position (1 = highest)", scale=log, axis=alt.Axis(format="~s", tickCount=5)
        ),
        y=alt.Y("score", title="PageRank, in units of the average", scale=log, axis=alt.Axis(tickCount=5)),
        color=alt.Color("of", title=None, scale={"domain": ["hosts", "domains"], "range": [BLUE, ORANGE]}),
        tooltip=["of", "position", alt.Tooltip("score", format=".3~g")],
    ).properties(width=560, height=260)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Which domains have the most hosts

    Domains are folded from hosts by the public suffix list. Where anybody gets a name of their own, one
    domain has a great many.
    """)
    return


@app.cell
def _(domains):
    domains.sort("hosts", "pagerank_pos", descending=[True, False]).head(8).select(
        "domain", "hosts", "pages", "in_degree", "pagerank_pos"
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Is it the same run?

    A run's id is made of its shards and of the parameters that shape results. The tables of two runs with
    one id are the same to the byte, scores included, on one machine or many: `sha256sum` says so. Here are
    the first sixteen digits of each (of a table in several files: of all of them, in order).
    """)
    return


@app.cell
def _(pl, run, sha256):
    checksums = []
    for name in ("hosts", "domains", "edges/host", "edges/domain", "shards", "faults"):
        table = run.path / "tables" / name
        files = sorted(table.glob("*.parquet")) if table.is_dir() else [table.with_name(f"{name}.parquet")]
        digest = sha256()
        for file in files:
            digest.update(file.read_bytes())
        checksums.append(
            {
                "run": run.run_id[:16],
                "table": name,
                "files": len(files),
                "bytes": sum(file.stat().st_size for file in files),
                "sha256": digest.hexdigest()[:16],
            }
        )
    pl.DataFrame(checksums)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    What may differ is how it came about: the parts that shards were gathered in, and the times in
    `run.json`. `crawlrank verify path/of/run` checks a run against its own checksums, wherever it was made.
    """)
    return


if __name__ == "__main__":
    app.run()
