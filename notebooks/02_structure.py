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
    # 2. Structure of the link graph

    Every host graph of the web that was ever measured looks alike: most hosts have one or two links, a few
    have very many, and there is a core in which every host can reach every other. Does this run? And do the
    two scores of a run, PageRank and harmonic centrality, agree on who matters?

    For your own run: `CRAWLRANK_RUN=path/of/run marimo edit 02_structure.py`.
    """)
    return


@app.cell
def _():
    import os

    import altair as alt
    import numpy as np
    import polars as pl
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    import crawlrank as cr
    import sample
    from charts import BLUE, GRAY, GREEN, ORANGE, report_chart

    run = cr.open(os.environ.get("CRAWLRANK_RUN") or sample.whole())
    hosts, edges = pl.DataFrame(run.hosts()), pl.DataFrame(run.edges())
    return (
        BLUE,
        GRAY,
        GREEN,
        ORANGE,
        alt,
        breadth_first_order,
        connected_components,
        csr_array,
        edges,
        hosts,
        np,
        pl,
        report_chart,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Degrees

    The **in-degree** of a host is the number of hosts that link to it, the **out-degree** the number that
    it links to.
    """)
    return


@app.cell
def _(hosts, pl):
    degrees = hosts.unpivot(
        ["in_degree", "out_degree"], index="id", variable_name="direction", value_name="degree"
    )
    degrees = degrees.with_columns(pl.col("direction").str.strip_suffix("_degree"))
    degrees.group_by("direction", maintain_order=True).agg(
        hosts=pl.len(),
        none=(pl.col("degree") == 0).mean().round(4),
        one=(pl.col("degree") == 1).mean().round(4),
        median=pl.col("degree").median(),
        mean=pl.col("degree").mean().round(2),
        largest=pl.col("degree").max(),
    )
    return (degrees,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    `none` and `one` are shares of all hosts. Both directions have the same mean, since each edge has two
    ends, and nothing else in common: nearly every host is linked to, while only hosts with captured pages
    link out.

    How often does each degree occur? Both axes are logarithmic, because both span orders of magnitude. High
    degrees are rare, so ranges of them are taken together, each an eighth of a doubling wide, and the mark
    shows how many hosts have *one* of the degrees in the range.
    """)
    return


@app.cell
def _(degrees, pl):
    place = (pl.col("degree").log(2) * 8 + 1e-9).floor()
    ranges = degrees.filter(pl.col("degree") > 0).with_columns(
        start=(2 ** (place / 8)).ceil(), end=(2 ** ((place + 1) / 8)).ceil() - 1
    )
    ranges = ranges.group_by("direction", pl.col("start").alias("from"), pl.col("end").alias("to")).agg(
        nodes=pl.len()
    )
    ranges = ranges.with_columns(nodes_each=pl.col("nodes") / (pl.col("to") - pl.col("from") + 1))
    ranges = ranges.with_columns(degree=(pl.col("from") * pl.col("to")).sqrt()).sort("direction", "from")
    return (ranges,)


@app.cell
def _(ranges, report_chart):
    report_chart(
        "degrees",
        ranges,
        "How many hosts have how many links",
        "a straight line would be a power law; marks below 1: rare degrees, the mean of a range of them",
        width=560,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    On such axes a power law is a straight line. In-degrees come close: each doubling of the degree leaves a
    fixed fraction of the hosts. Out-degrees do not: a page has room for so many links only, and one
    captured page already brings dozens. (The step at the right of the sample is its fixed list of hosts
    that everybody knows.)

    ## Components

    A set of hosts is **weakly** connected if links join them, whichever way they point; **strongly**, if
    one can follow links from each to each other.
    """)
    return


@app.cell
def _(connected_components, csr_array, edges, hosts, np, pl):
    n = len(hosts)
    links = csr_array((np.ones(len(edges), np.int8), (edges["source"], edges["target"])), shape=(n, n))
    _, weak = connected_components(links, connection="weak")
    _, strong = connected_components(links, connection="strong")
    sizes = {name: np.sort(np.bincount(label))[::-1] for name, label in [("weak", weak), ("strong", strong)]}
    pl.DataFrame(
        [
            {"kind": name, "components": len(s), "largest": s[0], "second": s[1] if len(s) > 1 else 0}
            for name, s in sizes.items()
        ]
    )
    return links, n, strong


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    One component holds the graph together, and the second is tiny. So the largest strong component, the
    **core**, divides all other hosts: those *before* it, from which one gets in; those *behind* it, to
    which one gets out; and the rest, which hangs on hosts before it, or on nothing. This is the bow tie of
    Broder and others (2000).
    """)
    return


@app.cell
def _(breadth_first_order, links, n, np, strong):
    core = strong == np.bincount(strong).argmax()
    start = int(core.argmax())
    behind, before = np.zeros(n, bool), np.zeros(n, bool)
    behind[breadth_first_order(links, start, return_predecessors=False)] = True
    before[breadth_first_order(links.T.tocsr(), start, return_predecessors=False)] = True
    return before, behind, core


@app.cell
def _(before, behind, core, hosts, n, np, pl):
    parts = ["before the core", "core", "behind the core", "elsewhere"]
    part = np.select([core, before, behind], ["core", "before the core", "behind the core"], "elsewhere")
    placed = hosts.with_columns(part=pl.Series(part))
    bow_tie = (
        placed.group_by("part")
        .agg(hosts=pl.len() / n, pagerank=pl.col("pagerank").sum(), captured=(pl.col("pages") > 0).mean())
        .sort(pl.col("part").replace_strict(parts, range(4)))
    )
    bow_tie
    return bow_tie, parts, placed


@app.cell
def _(BLUE, GRAY, GREEN, ORANGE, alt, bow_tie, parts):
    shares = bow_tie.unpivot(["hosts", "pagerank"], index="part", variable_name="of", value_name="share")
    alt.Chart(
        shares,
        title=alt.Title(
            "The bow tie: where hosts are, and where their PageRank is",
            subtitle="core: all reach one another; before it: what reaches them; behind it: what they reach",
        ),
    ).mark_bar().encode(
        y=alt.Y(
            "of",
            title=None,
            axis=alt.Axis(
                labelExpr="datum.label == 'hosts' ? 'share of hosts' : 'share of PageRank'", ticks=False
            ),
        ),
        x=alt.X(
            "share",
            title=None,
            stack="zero",
            axis=alt.Axis(format="%"),
            scale=alt.Scale(domain=[0, 1], nice=False),
        ),
        color=alt.Color("part", title=None, scale={"domain": parts, "range": [GREEN, BLUE, ORANGE, GRAY]}),
        order=alt.Order("rank:Q"),
        tooltip=["part", "of", alt.Tooltip("share", format=".2%")],
    ).transform_calculate(rank=f"indexof({parts}, datum.part)").properties(width=560, height=90)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Most hosts lie behind the core: they are linked to, but their own pages are not in the crawl, so no
    links leave them. The more shards a run has, the larger its core.

    ## Two scores, two opinions

    **Harmonic centrality** sums 1/distance from all hosts that can reach a host: it asks how *near* a host
    is to everybody. **PageRank** asks how much rank flows into it, and a link from a host with few links
    carries much. Position 1 is the highest.
    """)
    return


@app.cell
def _(pl, placed):
    seen = placed.with_columns(gap=(pl.col("harmonic_pos") / pl.col("pagerank_pos")).log(2))
    score = ["host", "in_degree", "pagerank_pos", "harmonic_pos"]
    seen.filter((pl.col("pagerank_pos") <= 8) | (pl.col("harmonic_pos") <= 8)).sort("pagerank_pos").select(
        score
    )
    return score, seen


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The picture shows the first 300 of either score, and some of all others, so that it stays
    light.
    """)
    return


@app.cell
def _(n, pl, score, seen):
    best = pl.min_horizontal("pagerank_pos", "harmonic_pos")
    some = (pl.col("id") * 2_654_435_761 % 2**32) < 2**32 * min(
        1, 700 / n
    )  # scattered, and the same ones each time
    shown = seen.filter((best <= 300) | some).select(*score, "part", "gap", "id")
    first = seen.filter(best <= 1_000).sort("gap", "id")
    extreme = pl.concat([first.tail(4).reverse(), first.head(4)])
    named = first.filter(pl.col("gap").abs() > 0).with_columns(
        decade=best.log(10).floor(), likes=pl.col("gap").sign()
    )
    named = (
        named.sort(pl.col("gap").abs(), descending=True)
        .group_by("decade", "likes", maintain_order=True)
        .first()
    )
    return extreme, named, shown


@app.cell
def _(BLUE, GRAY, GREEN, ORANGE, alt, n, named, parts, pl, score, shown):
    log = {"scale": alt.Scale(type="log", nice=False, padding=8), "axis": alt.Axis(format="~s", tickCount=5)}
    base = alt.Chart(shown.drop("gap", "id")).encode(
        alt.X("pagerank_pos", title="position by PageRank (1 = highest)", **log),
        alt.Y("harmonic_pos", title="position by harmonic centrality (1 = highest)", **log),
        tooltip=score,
    )
    points = base.mark_circle(size=22, opacity=0.6).encode(
        color=alt.Color("part", title=None, scale={"domain": parts, "range": [GREEN, BLUE, ORANGE, GRAY]})
    )
    agree = (
        alt.Chart(pl.DataFrame({"p": [1, n]})).mark_line(strokeDash=[5, 4], color="#777").encode(x="p", y="p")
    )
    label = base.properties(data=named.filter(pl.col("decade") > 0).select(score)).encode(text="host")
    halo = label.mark_text(dy=-8, fontSize=10, stroke="white", strokeWidth=4)
    names = label.mark_text(dy=-8, fontSize=10)
    sides = pl.DataFrame(
        {
            "pagerank_pos": [1.3, 0.9 * n],
            "harmonic_pos": [0.8 * n, 1.3],
            "side": ["PageRank ranks it higher", "harmonic centrality ranks it higher"],
        }
    )
    side = base.properties(data=sides).encode(text="side", tooltip=alt.value(None))
    above = side.mark_text(align="left", color="#666").transform_filter("datum.pagerank_pos < 2")
    below = side.mark_text(align="right", color="#666").transform_filter("datum.pagerank_pos > 2")
    (agree + above + below + points + halo + names).properties(
        title=alt.Title(
            "Two scores of the same hosts",
            subtitle="dashed: both agree; with names: the largest disagreements",
        ),
        width=560,
        height=420,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    At the lower left, among the very first, both agree. Above the diagonal are hosts that PageRank likes
    better; below it, those that harmonic centrality likes better. The table shows both ends, and why: what
    does the most generous host that links there have to give?
    """)
    return


@app.cell
def _(edges, extreme, hosts, n, pl, score):
    gives = edges.join(
        hosts.select(source="id", giver="host", gift=pl.col("pagerank") / pl.col("out_degree")), on="source"
    )
    generous = (
        gives.sort("gift", "source", descending=[True, False]).group_by("target", maintain_order=True).first()
    )
    disagree = extreme.join(generous, left_on="id", right_on="target", how="left")
    disagree.sort("gap", "id", descending=[True, False]).select(
        *score, pl.col("gift").mul(n).round(3).alias("best_link"), "giver"
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    `best_link` is the rank that the best single link carries, in units of what a host has on average.
    **PageRank's favorites** live off one such link, from a host that links to few others; few hosts are
    near to them. **Harmonic centrality's favorites** have no such friend, but a link from the middle of the
    core, and are one step further from everyone than that.

    Next: [who blocks which AI crawler](03_ai_crawlers.ipynb).
    """)
    return


if __name__ == "__main__":
    app.run()
