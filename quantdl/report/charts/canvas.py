"""What every chart is made of: an empty drawing in the shared look, lines, marks, and the finished chart."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

from quantdl.report import look
from quantdl.report.charts.thinning import MOST_MARKS, MOST_POINTS, extremes, spaced
from quantdl.report.document import Chart
from quantdl.report.look import days, safe

THINNED = (
    "Of {:,} bars the lowest and the highest of each stretch are drawn, where lines are stacked or marks are very many "
    "evenly spaced ones; the tables of the run hold all."
)
PLOTLY_JS = "plotly-cartesian-4.1.1.min.js"
"""The part of plotly.js that draws over two axes: a third of the whole, which plotly's own package ships."""


@cache
def library() -> str:
    """Return the source of plotly.js that is inlined once per page."""
    return files("quantdl.report").joinpath("vendored", PLOTLY_JS).read_text(encoding="utf-8")


def canvas(**changes: Any) -> go.Figure:  # noqa: ANN401 - plotly's own open schema
    """Return an empty drawing in the shared look, with changes to its layout."""
    return go.Figure(layout=look.layout(template=go.layout.Template(), **changes))


def add_line(
    drawing: go.Figure,
    series: pd.Series,
    name: str,
    style: Mapping[str, Any],
    *,
    digits: int = 2,
    **changes: Any,  # noqa: ANN401 - plotly's own open schema
) -> None:
    """Add a line over the sessions of a series, of a long one the extremes; one that is stacked, evenly spaced."""
    shown = {"mode": "lines", "line": dict(style), "yhoverformat": f".{digits}f", **changes}
    kept = series.iloc[spaced(len(series), MOST_POINTS)] if "stackgroup" in changes else extremes(series)
    _note_thinning(drawing, series, kept)
    drawing.add_scatter(x=days(kept.index), y=kept.to_numpy(), name=safe(name), **shown)


def add_marks(
    drawing: go.Figure,
    series: pd.Series,
    name: str,
    marker: Mapping[str, Any],
    **changes: Any,  # noqa: ANN401 - plotly's own open schema
) -> None:
    """Add a mark at every session of a series; of very many, at every n-th."""
    shown = {"mode": "markers", "marker": dict(marker), **changes}
    kept = series.iloc[spaced(len(series), MOST_MARKS)]
    _note_thinning(drawing, series, kept)
    drawing.add_scatter(x=days(kept.index), y=kept.to_numpy(), name=safe(name), **shown)


def add_bars(
    drawing: go.Figure,
    series: pd.Series,
    name: str,
    marker: Mapping[str, Any],
    **changes: Any,  # noqa: ANN401 - plotly's own open schema
) -> None:
    """Add a bar at every session of a series; of very many, the extremes."""
    kept = extremes(series, MOST_MARKS)
    _note_thinning(drawing, series, kept)
    drawing.add_bar(x=days(kept.index), y=kept.to_numpy(), name=safe(name), marker=dict(marker), **changes)


def _note_thinning(drawing: go.Figure, series: pd.Series, kept: pd.Series) -> None:
    """Remember the longest series of which not all points are drawn."""
    if len(kept) < len(series):
        drawing.layout.meta = max(len(series), drawing.layout.meta or 0)


def chart(drawing: go.Figure, name: str, title: str, caption: str, height: int, figures: str = "") -> Chart:
    """Return the finished chart of a drawing, under a fixed id; ``figures`` says in words what it shows."""
    thinned = drawing.layout.meta
    if thinned:
        caption += f" {THINNED.format(thinned)}"
    drawing.update_layout(height=height, meta=None)
    return Chart(name, title, caption, height, pio.to_json(drawing, engine="json"), figures)


def figure(finished: Chart) -> go.Figure:
    """Return a finished chart as plotly's own figure, with its title, for a notebook."""
    drawing = pio.from_json(finished.data)
    title = {"text": safe(finished.title), "x": 0, "xref": "paper", "font": {"size": 14}}
    caption = {"text": safe(finished.caption), "font": {"size": 11, "color": look.GREY}}
    drawing.update_layout(title={**title, "subtitle": caption}, height=finished.height + 70)
    drawing.update_layout(margin={"t": 90}, legend={"y": -0.12, "yanchor": "top"})
    return drawing
