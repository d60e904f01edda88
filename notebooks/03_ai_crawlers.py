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
    # 3. Who blocks which AI crawler

    `robots.txt` says which crawlers may come. A survey of these files counts hosts, and counts a parked
    domain like a newspaper. A run knows how much each host matters, so it can ask the better question:
    **how much of the web's rank** is closed to a crawler?

    The table `robots` comes from `crawlrank robots survey SHARDS --out RUN`, over the shards that a crawl
    keeps of these files. For your own: `CRAWLRANK_RUN=path/of/run CRAWLRANK_ROBOTSTXT=folder/of/shards
    marimo edit 03_ai_crawlers.py`.
    """)
    return


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import polars as pl

    import crawlrank as cr
    import sample
    from charts import SPECS, report_chart
    from crawlrank import robots

    run = cr.open(os.environ.get("CRAWLRANK_RUN") or sample.whole())
    folder = os.environ.get("CRAWLRANK_ROBOTSTXT")
    robots_shards = sorted(Path(folder).glob("*.warc.gz")) if folder else sample.robots_shards()
    return SPECS, alt, cr, pl, report_chart, robots, robots_shards, run


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What hosts answered

    A row is one capture. 4xx means "no file, come in" (`allow_all`), 5xx and 429 "keep out for now"
    (`disallow_all`); a redirect decides nothing by itself.
    """)
    return


@app.cell
def _(pl, run):
    captures = pl.DataFrame(run.robots())
    captures.group_by("access").agg(
        captures=pl.len(),
        hosts=pl.col("host").n_unique(),
        rules=pl.col("rules").mean().round(1),
        median_bytes=pl.col("bytes").median(),
    ).sort("captures", descending=True)
    return (captures,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    A host counts once: with what its last capture says that is no redirect. The column `agents` has, for
    each known crawler, whether it may fetch `/`.
    """)
    return


@app.cell
def _(captures, pl, run):
    last = captures.filter(pl.col("access").is_not_null()).sort(
        "fetched_at", pl.col("url").str.starts_with("https")
    )
    last = last.unique("host", keep="last").join(pl.DataFrame(run.hosts()), on="host")
    answers = pl.List(pl.Struct({"key": pl.String, "value": pl.Boolean}))
    asked = last.select("host", "pagerank", pl.col("agents").cast(answers)).explode("agents").unnest("agents")
    asked = asked.select("host", "pagerank", agent="key", blocked=~pl.col("value"))
    return asked, last


@app.cell
def _(SPECS, asked, pl):
    listed = (SPECS.parents[1] / "robots" / "agents.txt").read_text(encoding="utf-8").splitlines()
    entries = [
        [part.strip() for part in line.split("|")]
        for line in listed
        if line.count("|") == 2 and not line.startswith("#")
    ]
    known = pl.DataFrame(entries, schema=["agent", "operator", "purpose"], orient="row")
    weight = (pl.col("blocked") * pl.col("pagerank")).sum() / pl.col("pagerank").sum()
    census = asked.group_by("agent").agg(
        hosts=pl.len(), blocked=pl.col("blocked").sum(), of_hosts=pl.col("blocked").mean(), of_pagerank=weight
    )
    census = census.join(known, on="agent", how="left").sort("of_pagerank", "agent", descending=[True, False])
    census.head(10)
    return (census,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The picture

    The entry `*` is a crawler that no file names: it is shut out by those who shut out everybody. Crawlers
    above it are blocked **by name**, and only they are shown. Where the blue mark lies to the right of the
    orange one, hosts of high rank block more often than others.
    """)
    return


@app.cell
def _(census, pl, report_chart):
    floor = census.filter(pl.col("agent") == "*")["blocked"].item()
    by_name = census.filter((pl.col("blocked") > floor) | (pl.col("agent") == "*"))
    measures = {"of_hosts": "of hosts", "of_pagerank": "of their PageRank"}
    shares = by_name.unpivot(
        ["of_hosts", "of_pagerank"], index="agent", variable_name="measure", value_name="share"
    )
    shares = shares.with_columns(pl.col("measure").replace_strict(measures))
    report_chart(
        "robots",
        shares,
        "Who is shut out",
        "share of the hosts of this run that answered, and of the PageRank they hold",
        width=520,
    )
    return (by_name,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    In the sample the blue marks lie to the right. It is made like the real web, where the most used sources
    were found to close themselves much more often than the rest (Longpre and others, 2024, "Consent in
    crisis"). They do not lie far: in a small graph most of the rank is what every host is given.

    ## Does rank matter?

    The same question by bands: a tenth of the answering hosts each, from those of the highest PageRank to
    those of the lowest.
    """)
    return


@app.cell
def _(asked, by_name, last, pl):
    ordered = last.sort("pagerank", descending=True).with_row_index("order")
    bands = ordered.select("host", band=(pl.col("order") * 10 // len(ordered) + 1).cast(pl.Int64))
    leaders = by_name.filter(pl.col("agent") != "*").head(12)["agent"].to_list()
    by_band = asked.filter(pl.col("agent").is_in([*leaders, "*"])).join(bands, on="host")
    by_band = (
        by_band.group_by("agent", "band")
        .agg(share=pl.col("blocked").mean(), hosts=pl.len())
        .sort("agent", "band")
    )
    return by_band, leaders


@app.cell
def _(alt, by_band, leaders):
    heat = alt.Chart(by_band).encode(
        x=alt.X("band:O", title="tenth of the hosts, by PageRank (1 = highest)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("agent:N", title=None, sort=[*leaders, "*"]),
    )
    color = alt.Color(
        "share",
        title="may not fetch /",
        scale=alt.Scale(scheme="blues", domain=[0, 0.5], clamp=True),
        legend=alt.Legend(format="~%", orient="right"),
    )
    cells = heat.mark_rect().encode(
        color=color, tooltip=["agent", "band", "hosts", alt.Tooltip("share", format=".1%")]
    )
    ink = alt.condition("datum.share > 0.3", alt.value("white"), alt.value("#333"))
    text = heat.mark_text(fontSize=10).encode(text=alt.Text("share", format=".0%"), color=ink)
    (cells + text).properties(
        title="Share of hosts that shut a crawler out, by rank of the host", width=460, height=alt.Step(22)
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    A row that darkens to the left: the important hosts block it. A row of one shade: rank has nothing to do
    with it. In the sample the first tenth stands out for every crawler that is blocked by name, and not for
    `*`. Behind it hosts have nearly the same rank, and what is left is chance.

    ## Who is blocked together

    Of the hosts that block the crawler of the row, how many block that of the column, too? Lists are copied
    from site to site: blocks that go together are seldom decided one by one. Hosts that block everybody are
    left out. Read along a row: a dark cell is a crawler that nearly all of these hosts block, too. Whoever
    blocks one that few think of blocks the famous ones (dark to the left of the diagonal), but not the other
    way round.
    """)
    return


@app.cell
def _(asked, leaders, pl):
    everybody = asked.filter((pl.col("agent") == "*") & pl.col("blocked"))
    blocks = asked.filter(pl.col("blocked") & pl.col("agent").is_in(leaders)).join(
        everybody, on="host", how="anti"
    )
    pairs = blocks.select("host", row="agent").join(blocks.select("host", column="agent"), on="host")
    sizes = blocks.group_by(row="agent").agg(size=pl.len())
    pairs = pairs.group_by("row", "column").agg(both=pl.len()).join(sizes, on="row")
    together = (
        pairs.with_columns(share=pl.col("both") / pl.col("size"))
        .filter(pl.col("row") != pl.col("column"))
        .sort("row", "column")
    )
    return blocks, together


@app.cell
def _(alt, leaders, together):
    alt.Chart(
        together, title="Of the hosts that block one by name, how many block the other"
    ).mark_rect().encode(
        x=alt.X("column:N", title="… also block", sort=leaders, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("row:N", title="of those that block …", sort=leaders),
        color=alt.Color(
            "share",
            title="of them",
            scale=alt.Scale(scheme="blues", domain=[0, 1]),
            legend=alt.Legend(format="~%", orient="right"),
        ),
        tooltip=["row", "column", "both", alt.Tooltip("share", format=".0%")],
    ).properties(width=alt.Step(26), height=alt.Step(26))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What the files say

    The table keeps the answers for `/`. The files themselves are in the shards, and `crawlrank.robots`
    answers any question about them, a column at a time. Here: may one fetch the front page, a search, a
    private folder?
    """)
    return


@app.cell
def _(cr, pl, robots_shards):
    def bodies(path):
        for record in cr.records(path):
            head, _, body = record.block.partition(b"\r\n\r\n")
            if record.type == "response" and head.split()[1] == b"200" and b"-Encoding:" not in head:
                yield {"url": record.url, "body": body}

    files = pl.DataFrame(
        [file for path in robots_shards[:50] for file in bodies(path)],
        schema={"url": pl.String, "body": pl.Binary},
    )
    files = files.with_columns(origin=pl.col("url").str.strip_suffix("/robots.txt"))
    return (files,)


@app.cell
def _(files, pl, robots):
    paths = ["/", "/search?q=x", "/private/x", "/wp-admin/admin-ajax.php"]
    answers_by_path = [
        pl.DataFrame(
            robots.census(files["body"], ["*", "CCBot", "GPTBot"], files["origin"] + path)
        ).with_columns(path=pl.lit(path))
        for path in paths
    ]
    pl.concat(answers_by_path).pivot(
        "agent", index="path", values="allowed", aggregate_function="mean"
    ).with_columns(pl.col(pl.Float64).round(3))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Numbers are shares of the files that allow it. And the first host, by PageRank, that shuts GPTBot out
    though not everybody: which line of its file does it?
    """)
    return


@app.cell
def _(blocks, files, pl, robots):
    rules = files.join(
        blocks.filter(pl.col("agent") == "GPTBot"),
        left_on=pl.col("origin").str.split("/").list.last(),
        right_on="host",
    )
    strictest = rules.sort("pagerank", "url", descending=[True, False]).row(0, named=True)
    decision = robots.parse(strictest["body"]).explain("GPTBot", strictest["origin"] + "/")
    pl.DataFrame(
        [{"url": strictest["url"], "line": decision.line, "rule": decision.rule, "group": decision.group}]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Next: [the neighborhood of a host](04_neighborhood.ipynb).
    """)
    return


if __name__ == "__main__":
    app.run()
