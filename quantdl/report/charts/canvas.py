"""What every chart is made of: an empty drawing in the shared look, lines, marks, and the finished chart."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

from quantdl.report import look
from quantdl.report.document import Chart
from quantdl.report.look import days, safe

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
    """Add a line over the sessions of a series."""
    shown = {"mode": "lines", "line": dict(style), "yhoverformat": f".{digits}f", **changes}
    drawing.add_scatter(x=days(series.index), y=series.to_numpy(), name=safe(name), **shown)


def add_marks(
    drawing: go.Figure,
    series: pd.Series,
    name: str,
    marker: Mapping[str, Any],
    **changes: Any,  # noqa: ANN401 - plotly's own open schema
) -> None:
    """Add a mark at every session of a series."""
    shown = {"mode": "markers", "marker": dict(marker), **changes}
    drawing.add_scatter(x=days(series.index), y=series.to_numpy(), name=safe(name), **shown)


def chart(drawing: go.Figure, name: str, title: str, caption: str, height: int) -> Chart:
    """Return the finished chart of a drawing, under a fixed id."""
    drawing.update_layout(height=height)
    return Chart(name, title, caption, height, pio.to_json(drawing, engine="json"))


def figure(finished: Chart) -> go.Figure:
    """Return a finished chart as plotly's own figure, with its title, for a notebook."""
    drawing = pio.from_json(finished.data)
    title = {"text": safe(finished.title), "x": 0, "xref": "paper", "font": {"size": 14}}
    caption = {"text": safe(finished.caption), "font": {"size": 11, "color": look.GREY}}
    drawing.update_layout(title={**title, "subtitle": caption}, height=finished.height + 70)
    drawing.update_layout(margin={"t": 90}, legend={"y": -0.12, "yanchor": "top"})
    return drawing
