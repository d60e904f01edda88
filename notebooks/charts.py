"""One look for all charts, and the charts that are those of `crawlrank report`: the same Vega-Lite files."""

from __future__ import annotations

import json
from pathlib import Path

import altair as alt
import polars as pl

SPECS = Path(__file__).resolve().parent.parent / "pipelines" / "report" / "specs"
BLUE, ORANGE, GREEN, RED, GRAY = "#2f6f9f", "#e08a1e", "#4c8c4a", "#b3202a", "#9a9a9a"


@alt.theme.register("crawlrank", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Titles to the left, quiet grid lines, no frame."""
    title = {"anchor": "start", "fontSize": 14, "subtitleColor": "#666", "offset": 12, "frame": "group"}
    axis = {"gridColor": "#e6e6e6", "labelLimit": 260, "titleFontWeight": "normal"}
    legend = {"orient": "top", "titleFontWeight": "normal", "labelLimit": 300}
    look = {"view": {"stroke": None}, "title": title, "axis": axis, "legend": legend}
    return {"config": {**look, "mark": {"color": BLUE}}}


def report_chart(
    name: str, rows: pl.DataFrame, title: str, subtitle: str = "", width: int = 620
) -> alt.Chart:
    """The report's chart `name` over `rows`, which has the columns that its Vega-Lite file asks for."""
    spec = json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))
    heading = {"text": title, "subtitle": subtitle} if subtitle else title
    return alt.Chart.from_dict(
        {**spec, "data": {"values": rows.to_dicts()}, "width": width, "title": heading}
    )
