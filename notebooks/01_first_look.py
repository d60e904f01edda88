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
    # 1. First look at a run

    A run is a folder of tables. This notebook opens one and asks what a reader asks first: what was read,
    was anything lost, who comes first, and how much of the rank do the first ones hold?

    It shows a small sample of an invented web. For your own run: `CRAWLRANK_RUN=path/of/run marimo edit
    01_first_look.py`.
    """)
    return


@app.cell
def _():
    import os

    import altair as alt
    import polars as pl

    import crawlrank as cr
    import sample
    from charts import BLUE, ORANGE, report_chart

    run = cr.open(os.environ.get("CRAWLRANK_RUN") or sample.whole())
    return BLUE, ORANGE, alt, pl, report_chart, run


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What was read

    Tables are Arrow streams: polars takes them as they are, and so do pyarrow, pandas and DuckDB.
    """)
    return


@app.cell
def _(pl, run):
    hosts, domains, shards = (pl.DataFrame(table) for table in (run.hosts(), run.domains(), run.shards()))
    totals = shards.select(pl.col("bytes", "records", "pages", "links", "faults", "fault_bytes").sum())
    totals.with_columns(hosts=len(hosts), domains=len(domains), edges=len(run.edges()))
    return hosts, shards


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    A **page** is one captured address, a **link** an address found on it. Links between the same two hosts
    make one **edge**, which is why there are far fewer of them. A **fault** is a stretch of bytes that
    could not be read; `fault_bytes` is 0 when nothing was lost.

    ## Is any shard unlike the others?

    Each mark is one input file. Shards of a crawl are cut at random, so they should be alike; one that
    stands out, or has another color, is worth a look in `run.faults()`.
    """)
    return


@app.cell
def _(pl, report_chart, shards):
    state = pl.when(pl.col("faults") > 0).then(pl.lit("with faults")).otherwise(pl.lit("sound"))
    by_shard = shards.sort("shard").with_row_index("position", 1).with_columns(state=state)
    report_chart(
        "shards",
        by_shard.drop("warnings", "skipped").head(5_000),
        "Links found in each shard",
        "alike, where nothing went wrong",
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Not every link leads to a web page. What was left out on purpose is counted by its reason: `mailto:` and
    `javascript:` are `other_scheme`, addresses such as `http://192.0.2.1/` belong to no host name.
    """)
    return


@app.cell
def _(pl, shards):
    reasons = pl.List(pl.Struct({"key": pl.String, "value": pl.Int64}))
    skipped = shards.select(pl.col("skipped").cast(reasons)).explode("skipped").unnest("skipped").drop_nulls()
    skipped.group_by(reason="key").agg(links=pl.col("value").sum()).sort(
        "links", "reason", descending=[True, False]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Who comes first

    **PageRank** is the share of time that somebody would spend on a host who follows links at random, and
    now and then (15 %) starts anywhere. All scores sum to 1. Blue hosts are in this crawl with pages of
    their own; orange ones are known only because others link to them.
    """)
    return


@app.cell
def _(BLUE, ORANGE, alt, hosts, pl, run):
    captured = pl.when(pl.col("pages") > 0).then(pl.lit("captured")).otherwise(pl.lit("only linked to"))
    top = (
        pl.DataFrame(run.ranks().top(25))
        .join(hosts.select("id", "pages", captured=captured), on="id")
        .sort("pagerank_pos")
    )
    alt.Chart(
        top,
        title=alt.Title("The 25 hosts with the most PageRank", subtitle="share of the PageRank of all hosts"),
    ).mark_bar().encode(
        x=alt.X("pagerank", title="PageRank", axis=alt.Axis(format=".2~%", tickCount=6)),
        y=alt.Y("host", title=None, sort=None),
        color=alt.Color(
            "captured", title=None, scale={"domain": ["captured", "only linked to"], "range": [BLUE, ORANGE]}
        ),
        tooltip=["host", "pagerank", "in_degree", "pages"],
    ).properties(width=480)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    What every page embeds (fonts, scripts, buttons of social networks) comes first in almost any crawl. To
    see what people recommend to one another, make the run with `only_kind="a"`.

    ## How unequal is it?

    The curve adds up PageRank from the first host downwards. The dashed line is what it would be if all
    hosts were equal: the further above it the curve runs, the more the first few hold.
    """)
    return


@app.cell
def _(hosts, pl):
    scores = hosts.sort("pagerank_pos").select(
        hosts=pl.col("pagerank_pos"), held=pl.col("pagerank").cum_sum()
    )
    steps = pl.Series([round(10 ** (i / 20)) for i in range(20 * len(str(len(hosts))) + 1)]).unique()
    curve = scores.filter(pl.col("hosts").is_in(steps.to_list()) | (pl.col("hosts") == len(hosts)))
    curve = curve.with_columns(equal=pl.col("hosts") / len(hosts))
    return (curve,)


@app.cell
def _(alt, curve):
    x = alt.X(
        "hosts",
        title="first hosts, by PageRank",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~s", tickCount=5),
    )
    share = alt.Axis(format="%", tickCount=5)
    held = (
        alt.Chart(curve)
        .mark_line(point=True)
        .encode(x, alt.Y("held", title="share of all PageRank", axis=share, scale=alt.Scale(domain=[0, 1])))
    )
    equal = alt.Chart(curve).mark_line(strokeDash=[5, 4], color="#777").encode(x, y="equal")
    (held + equal).properties(
        title=alt.Title(
            "How much of all PageRank the first hosts hold", subtitle="dashed: if all hosts were equal"
        ),
        width=560,
        height=280,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where they are

    For each top-level domain: its share of names (orange) and of PageRank (blue). Where blue lies to the
    right, its hosts rank higher than others do. `com` holds what everybody links to.
    """)
    return


@app.cell
def _(hosts, pl, report_chart):
    tld = pl.col("host_rev").str.split(".").list.first()
    shares = hosts.group_by(tld=tld).agg(nodes=pl.len(), pagerank=pl.col("pagerank").sum())
    shares = shares.sort("pagerank", "tld", descending=[True, False]).head(15)
    shares = shares.with_columns(nodes_share=pl.col("nodes") / len(hosts))
    report_chart(
        "tlds",
        shares,
        "The 15 top-level domains with the most PageRank",
        "blue to the right of orange: its hosts rank higher than others do",
        width=520,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Next: [the structure of the link graph](02_structure.ipynb).
    """)
    return


if __name__ == "__main__":
    app.run()
