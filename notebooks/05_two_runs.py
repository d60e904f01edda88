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
    # 5. Two runs compared

    What rose, what fell? Two crawls never hold the same pages, so positions move even when the web stands
    still. This notebook first measures how far hosts move by chance, and then asks who moved further than
    that.

    By default it compares runs over two halves of one sample: **nothing has changed between them, and all
    that moves is chance**. For your own: `CRAWLRANK_BEFORE=older/run CRAWLRANK_AFTER=newer/run marimo edit
    05_two_runs.py`.
    """)
    return


@app.cell
def _():
    import os

    import altair as alt
    import polars as pl

    import crawlrank as cr
    import sample
    from charts import BLUE, GRAY, ORANGE

    before, after = os.environ.get("CRAWLRANK_BEFORE"), os.environ.get("CRAWLRANK_AFTER")
    runs = [cr.open(path) for path in ((before, after) if before and after else sample.halves())]
    return BLUE, GRAY, ORANGE, alt, pl, runs


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The same hosts?

    Ids mean something in their own run only; names join two runs. So that runs of different sizes compare,
    a score is given in units of the average: 1 is what each host would have if all were equal.
    """)
    return


@app.cell
def _(pl, runs):
    columns = ["host", "pages", "in_degree", "pagerank_pos", pl.col("pagerank") * pl.len()]
    old, new = (
        pl.DataFrame(run.hosts()).select(columns).rename({"pagerank": "score", "pagerank_pos": "position"})
        for run in runs
    )
    both = old.join(new, on="host", suffix="_after", maintain_order="left")
    gone, come = old.join(new, on="host", how="anti"), new.join(old, on="host", how="anti")
    groups = [("only before", gone), ("in both", both), ("only after", come)]
    pl.DataFrame(
        [
            {"hosts": group, "number": len(frame), "median_in_degree": frame["in_degree"].median()}
            for group, frame in groups
        ]
    )
    return both, new


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Hosts that are in one run alone have few links: one page more or less decides whether a crawl knows
    them. Their coming and going is no news.

    ## How the others moved
    """)
    return


@app.cell
def _(both, pl):
    moved = both.with_columns(
        change=(pl.col("score_after") / pl.col("score")).log(2),
        links=pl.col("in_degree") + pl.col("in_degree_after"),
    )
    first = moved.filter(pl.min_horizontal("position", "position_after") <= 300)
    other = moved.join(first, on="host", how="anti").gather_every(max(1, len(moved) // 700))
    shown = pl.concat([first, other]).select("host", "position", "position_after", pl.col("change").round(3))
    return moved, shown


@app.cell
def _(BLUE, ORANGE, alt, new, pl, shown):
    log = {"scale": alt.Scale(type="log", nice=False, padding=8), "axis": alt.Axis(format="~s", tickCount=5)}
    colors = alt.Scale(domain=[-0.5, 0, 0.5], range=[ORANGE, "#b0b0b0", BLUE], clamp=True)
    points = (
        alt.Chart(shown)
        .mark_circle(size=24, opacity=0.8)
        .encode(
            alt.X("position", title="position before (1 = highest)", **log),
            alt.Y("position_after", title="position after", **log),
            color=alt.Color(
                "change", title="score, doublings", scale=colors, legend=alt.Legend(orient="right")
            ),
            tooltip=["host", "position", "position_after", "change"],
        )
    )
    same = (
        alt.Chart(pl.DataFrame({"p": [1, len(new)]}))
        .mark_line(color="#777", strokeDash=[5, 4])
        .encode(x="p", y="p")
    )
    (same + points).properties(
        title=alt.Title(
            "Positions before and after", subtitle="dashed: did not move; blue: gained score; orange: lost"
        ),
        width=520,
        height=420,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    On the dashed line nothing moved; blue hosts gained score and orange ones lost (a change of 1 is a
    doubling, of -1 a halving). The first fifty hardly move. Behind them positions mean ever less: thousands
    of hosts have nearly the same score, and a single link throws them over hundreds of places. That is why
    what follows looks at scores, and not at places.

    ## How much is chance?

    Hosts with similarly many links are each other's yardstick. So they are sorted by their links and cut
    into groups: the first 25, the next 50, 100, and so on. The band holds the middle 80 % of the changes in
    a group, its darker part the middle half.
    """)
    return


@app.cell
def _(moved, pl):
    order = pl.struct(-pl.col("links"), "host").rank("ordinal")
    grouped = moved.with_columns(group=((order - 1) / 25 + 1).log(2).floor().cast(pl.Int64))
    cuts = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}
    changes = [pl.col("change").quantile(q, "linear").alias(cut) for cut, q in cuts.items()]
    spread = (
        grouped.group_by("group")
        .agg(pl.len().alias("hosts"), pl.col("links").median(), *changes)
        .sort("group")
    )
    spread.with_columns(pl.col(pl.Float64).round(2))
    return grouped, spread


@app.cell
def _(BLUE, alt, spread):
    log_links = alt.Scale(type="log", nice=False)
    x = alt.X(
        "links",
        title="median of the group: links in both runs together",
        scale=log_links,
        axis=alt.Axis(format="~s", tickCount=5),
    )
    band = (
        alt.Chart(spread)
        .mark_area(color=BLUE, opacity=0.2)
        .encode(x, alt.Y("p10", title="change of score, in doublings"), y2="p90")
    )
    half = alt.Chart(spread).mark_area(color=BLUE, opacity=0.4).encode(x, y="p25", y2="p75")
    line = (
        alt.Chart(spread)
        .mark_line(color=BLUE, point=True)
        .encode(x, y="median", tooltip=["links", "hosts", "median"])
    )
    zero = alt.Chart().mark_rule(color="#777", strokeDash=[5, 4]).encode(y=alt.datum(0))
    (band + half + line + zero).properties(
        title=alt.Title(
            "How far hosts move, by how many links they have",
            subtitle="line: the median host; bands: the middle half of the hosts, and the middle 80 %",
        ),
        width=560,
        height=260,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Two things hold a score still: many links, of which some more or less do not matter; and hardly any,
    since then nearly all of the score is the part that each host is given. Between them hosts move most. If
    the middle line leaves zero, all hosts of that size moved alike: then the crawl has changed, not they.

    ## Who moved further than the others of its size

    The change, less the median of its group, in units of the group's half width: 1 is at the edge of the
    band. Only hosts with at least ten links are asked.
    """)
    return


@app.cell
def _(grouped, pl, spread):
    unusual = grouped.filter(pl.col("links") >= 10).join(spread.drop("links"), on="group")
    unusual = unusual.with_columns(
        surprise=(pl.col("change") - pl.col("median")) / ((pl.col("p90") - pl.col("p10")) / 2)
    )
    unusual = unusual.sort("surprise", "host", descending=[True, False])
    movers = pl.concat([unusual.head(12), unusual.tail(12)]).unique("host", maintain_order=True)
    movers = movers.with_columns(
        moved=pl.when(pl.col("surprise") > 0).then(pl.lit("rose")).otherwise(pl.lit("fell"))
    )
    return (movers,)


@app.cell
def _(BLUE, GRAY, ORANGE, alt, movers, pl):
    bars = (
        alt.Chart(movers)
        .mark_bar()
        .encode(
            x=alt.X("surprise", title="change of score, less that of its peers (1 = edge of their band)"),
            y=alt.Y("host", title=None, sort=None),
            color=alt.Color("moved", title=None, scale={"domain": ["rose", "fell"], "range": [BLUE, ORANGE]}),
            tooltip=[
                "host",
                "position",
                "position_after",
                "in_degree",
                "in_degree_after",
                "change",
                "surprise",
            ],
        )
    )
    edge = (
        alt.Chart(pl.DataFrame({"edge": [-1, 1]})).mark_rule(strokeDash=[5, 4], color=GRAY).encode(x="edge")
    )
    (bars + edge).properties(
        title=alt.Title(
            "What rose, and what fell",
            subtitle="beyond 1 (dashed): further than most hosts with as many links",
        ),
        width=440,
    )
    return


@app.cell
def _(movers, pl):
    movers.select(
        "host",
        "position",
        "position_after",
        "in_degree",
        "in_degree_after",
        pl.col("change", "surprise").round(2),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Between two crawls this list is where to begin: the links behind each name are in [the notebook
    before](04_neighborhood.ipynb). Between two halves of one crawl it shows what chance alone brings: with
    some hundred hosts asked, a few lie well beyond the band. A real rise should be much larger than those.
    """)
    return


if __name__ == "__main__":
    app.run()
