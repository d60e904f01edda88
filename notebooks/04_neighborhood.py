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
    # 4. Neighborhood of a host

    A position in a list says little about a host. Who links to it, to whom does it link, and which hosts
    are in the same company?

    By default this takes the captured host of the highest PageRank. For your own:
    `CRAWLRANK_RUN=path/of/run CRAWLRANK_HOST=www.example.com marimo edit 04_neighborhood.py`.
    """)
    return


@app.cell
def _():
    import os

    import altair as alt
    import polars as pl

    import crawlrank as cr
    import sample
    from charts import BLUE, GRAY, GREEN, ORANGE

    run = cr.open(os.environ.get("CRAWLRANK_RUN") or sample.whole())
    hosts, edges = pl.DataFrame(run.hosts()), pl.DataFrame(run.edges())
    captured = hosts.filter((pl.col("pages") > 0) & (pl.col("in_degree") > 0)).sort("pagerank_pos")
    name = os.environ.get("CRAWLRANK_HOST") or captured["host"][0]
    return BLUE, GRAY, GREEN, ORANGE, alt, edges, hosts, name, pl, run


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The host

    `run.rank(name)` is one row, found without reading the table.
    """)
    return


@app.cell
def _(name, pl, run):
    host = run.rank(name)
    pl.DataFrame([host]).select(
        "host", "domain", "pages", "in_degree", "out_degree", "pagerank_pos", "harmonic_pos"
    )
    return (host,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Who is around it

    `run.neighbors` gives those of the highest rank first. A neighbor in both lists links back.
    """)
    return


@app.cell
def _(name, pl, run):
    inward = pl.DataFrame(run.neighbors(name, "in", n=1_000))
    outward = pl.DataFrame(run.neighbors(name, "out", n=1_000))
    mutual = inward.filter(pl.col("id").is_in(outward["id"].to_list()))["id"].to_list()
    sides = [("links to it", inward), ("both ways", inward), ("linked from it", outward)]
    around = pl.concat(
        [
            frame.filter(pl.col("id").is_in(mutual) == (side == "both ways")).with_columns(side=pl.lit(side))
            for side, frame in sides
        ]
    )
    around.group_by("side", maintain_order=True).agg(
        hosts=pl.len(),
        best_position=pl.col("pagerank_pos").min(),
        median_position=pl.col("pagerank_pos").median(),
        captured=(pl.col("pages") > 0).sum(),
    )
    return around, inward, outward


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The picture has the best sixteen of each side; larger marks have more PageRank, and links run from left
    to right. Hosts with links both ways, if any, stand above.
    """)
    return


@app.cell
def _(around, pl):
    columns = {"links to it": -1.0, "both ways": 0.0, "linked from it": 1.0}
    best = around.sort("side", "pagerank_pos").group_by("side", maintain_order=True).head(16)
    place = pl.int_range(pl.len()).over("side")
    best = best.with_columns(
        x=pl.col("side").replace_strict(columns, return_dtype=pl.Float64),
        y=place - (pl.len().over("side") - 1) / 2,
    )
    best = best.with_columns(
        y=pl.when(pl.col("side") == "both ways").then(-3.0 - place).otherwise("y"), x0=0.0, y0=0.0
    )
    best = best.select("host", "side", "pagerank", "pagerank_pos", "in_degree", "x", "y", "x0", "y0")
    return best, columns


@app.cell
def _(BLUE, GREEN, ORANGE, alt, best, columns, name, pl):
    hidden = {"axis": None, "scale": alt.Scale(nice=False, zero=False, padding=14)}
    x, y = (
        alt.X("x:Q", **{**hidden, "scale": alt.Scale(domain=[-2, 2])}),
        alt.Y("y:Q", sort="descending", **hidden),
    )
    palette = alt.Color(
        "side",
        title=None,
        scale={"domain": list(columns), "range": [BLUE, GREEN, ORANGE]},
        legend=alt.Legend(symbolOpacity=1),
    )
    size = alt.Size("pagerank", title="PageRank", scale=alt.Scale(range=[20, 500]), legend=None)
    lines = alt.Chart(best).mark_rule(opacity=0.4).encode(x, y, x2="x0", y2="y0", color=palette)
    marks = (
        alt.Chart(best)
        .mark_circle(opacity=1)
        .encode(x, y, size=size, color=palette, tooltip=["host", "side", "pagerank_pos", "in_degree"])
    )
    label = alt.Chart(best).encode(x, y, text="host")
    left = label.mark_text(align="right", dx=-14).transform_filter("datum.x < 0")
    right = label.mark_text(align="left", dx=14).transform_filter("datum.x > 0")
    above = label.transform_filter("datum.x == 0")
    halo = above.mark_text(dy=-12, stroke="white", strokeWidth=4)
    center = alt.Chart(pl.DataFrame([{"x": 0.0, "y": 0.0, "host": name}])).encode(x, y)
    middle = center.mark_circle(size=400, color="#333", opacity=1) + center.mark_text(
        dy=22, fontWeight="bold"
    ).encode(text="host")
    (lines + marks + left + right + halo + above.mark_text(dy=-12) + middle).properties(
        title=alt.Title(
            f"Around {name}",
            subtitle="the 16 of the highest rank on each side; a larger mark has more PageRank",
        ),
        width=640,
        height=420,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Is it in good company?

    How high do neighbors rank, compared with all hosts? Each curve counts the share of hosts up to a
    position; a curve above the gray one means that neighbors rank higher than hosts do in general.
    """)
    return


@app.cell
def _(BLUE, GRAY, ORANGE, alt, hosts, inward, name, outward, pl):
    cuts = [round(len(hosts) * i / 50) for i in range(51)]
    groups = [("all hosts", hosts), ("links to it", inward), ("linked from it", outward)]
    company = pl.DataFrame(
        [
            {"group": group, "position": cut, "share": (frame["pagerank_pos"] <= cut).mean() or 0.0}
            for group, frame in groups
            for cut in cuts
        ]
    )
    alt.Chart(
        company,
        title=alt.Title(
            f"How high the neighbors of {name} rank",
            subtitle="a curve above the gray one: these rank higher than hosts do in general",
        ),
    ).mark_line(interpolate="step-after").encode(
        x=alt.X("position", title="position by PageRank (1 = highest)", axis=alt.Axis(format="~s")),
        y=alt.Y(
            "share",
            title="share of hosts up to that position",
            axis=alt.Axis(format="%"),
            scale=alt.Scale(domain=[0, 1]),
        ),
        color=alt.Color(
            "group", title=None, scale={"domain": [g for g, _ in groups], "range": [GRAY, BLUE, ORANGE]}
        ),
    ).properties(width=560, height=260)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Hosts nearly always link upwards, to what everybody links to.

    ## Which hosts are alike?

    Two hosts are alike if the same hosts link to them. **Jaccard similarity** is the number of hosts that
    link to both, divided by the number that link to either: 1 for the same company, 0 for none in common.
    """)
    return


@app.cell
def _(edges, host, hosts, pl):
    givers = edges.filter(pl.col("target") == host["id"]).select("source")
    shared = edges.join(givers, on="source", how="semi").group_by(id="target").agg(shared=pl.len())
    alike = hosts.join(shared, on="id").filter(pl.col("id") != host["id"])
    either = pl.col("in_degree") + host["in_degree"] - pl.col("shared")
    alike = (
        alike.with_columns(similarity=pl.col("shared") / either)
        .sort("similarity", "pagerank", descending=True)
        .head(15)
    )
    return (alike,)


@app.cell
def _(alike, alt, name):
    bars = alt.Chart(
        alike, title=alt.Title(f"Hosts in the company of {name}", subtitle="the same hosts link to both")
    ).encode(
        x=alt.X(
            "similarity", title="Jaccard similarity: hosts that link to both, of those that link to either"
        ),
        y=alt.Y("host", title=None, sort=None),
        tooltip=["host", "shared", "in_degree", alt.Tooltip("similarity", format=".3f")],
    )
    count = bars.mark_text(align="left", dx=4, color="#666").encode(text="text:N")
    (bars.mark_bar() + count.transform_calculate(text="datum.shared + ' in common'")).properties(width=420)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    On a real crawl these are competitors, sister sites and partners. A host with few links has chance
    acquaintances: look at how many links they have in common.

    Next: [two runs compared](05_two_runs.ipynb).
    """)
    return


if __name__ == "__main__":
    app.run()
