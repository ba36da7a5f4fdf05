"""Charts of the data: where prices are, and where the faults of the census lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantdl.report import look
from quantdl.report.charts.canvas import canvas, chart
from quantdl.report.document import Chart
from quantdl.report.look import INK, safe


@dataclass(frozen=True)
class DrawnFault:
    """A fault of the census: whose, of which kind, from when to when, and how much of it, in words."""

    asset: str
    kind: str
    first: date
    last: date
    count: str


def traded_map(shares: pd.DataFrame) -> Chart:
    """Draw the share of sessions with a price (assets x years, fractions, NaN where unknown)."""
    assets, years = [safe(str(asset)) for asset in shares.index][::-1], [str(year) for year in shares.columns]
    values = 100.0 * shares.to_numpy(dtype=np.float64)[::-1]
    figures = [["" if not share < 99.95 else f"{share:.0f}" for share in line] for line in values]
    drawing = _figured_map(assets, years, 100.0 - values, figures)
    drawing.update_traces(
        customdata=values.round(1), zmax=100, hovertemplate="%{y}, %{x}: %{customdata}%<extra></extra>"
    )
    caption = "Percent of the sessions of a year with a price; a pale cell without a figure is complete."
    return chart(drawing, "chart-traded", "Prices by asset and year", caption, 80 + 17 * len(assets))


def faults_over_time(found: Sequence[DrawnFault]) -> Chart:
    """Draw where in time the faults of each asset lie, one row per asset, one color and mark per kind."""
    kinds = sorted({one.kind for one in found})
    assets = sorted({one.asset for one in found}, reverse=True)
    ends = pd.DatetimeIndex([day for one in found for day in (one.first, one.last)]).sort_values()
    rows = look.name_axis([safe(asset) for asset in assets])
    drawing = canvas(xaxis=look.date_axis([ends]), yaxis=rows, hovermode="closest")
    drawing.update_xaxes(range=None)
    symbols = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x")
    for position, kind in enumerate(kinds):
        chosen = [one for one in found if one.kind == kind]
        gaps: list[tuple[str | None, str, str]] = []
        for one in chosen:
            words = f"{one.first} to {one.last}, {one.count}"
            gaps += [
                (str(one.first), safe(one.asset), words),
                (str(one.last), safe(one.asset), words),
                (None, "", ""),
            ]
        color = look.COLORS[position % 7]
        drawing.add_scatter(
            x=[x for x, _, _ in gaps],
            y=[y or None for _, y, _ in gaps],
            customdata=[words for _, _, words in gaps],
            mode="lines+markers",
            name=safe(kind),
            line={"color": color, "width": 3},
            marker={"symbol": symbols[position % 7], "size": 9, "color": color},
            hovertemplate="%{y}: %{fullData.name}<br>%{customdata}<extra></extra>",
        )
    caption = "Each line runs from the first to the last session of a fault; what lies between need not be touched."
    return chart(drawing, "chart-faults", "Faults over time", caption, 110 + 24 * len(assets))


def kind_map(counts: pd.DataFrame) -> Chart:
    """Draw how many cells each kind of fault concerns in each year (kinds x years), on a color scale of decades."""
    kinds, years = [safe(str(kind)) for kind in counts.index][::-1], [str(year) for year in counts.columns]
    values = counts.to_numpy(dtype=np.float64)[::-1]
    logs = np.full(values.shape, np.nan)
    np.log10(values, out=logs, where=values > 0)
    figures = [["" if not value else f"{value:,.0f}" for value in line] for line in values]
    drawing = _figured_map(kinds, years, logs, figures)
    drawing.update_traces(customdata=values, hovertemplate="%{y}, %{x}: %{customdata:,.0f} cells<extra></extra>")
    caption = "Cells that a kind of fault concerns in each year; the color grows with the number of digits."
    return chart(drawing, "chart-kinds", "Faults by kind and year", caption, 80 + 20 * len(kinds))


def _figured_map(rows: list[str], years: list[str], depth: np.ndarray, figures: list[list[str]]) -> go.Figure:
    """Draw a figure into each cell (rows x years, the first row at the bottom) and color the cell by its depth."""
    drawing = canvas(xaxis=look.name_axis(years), yaxis=look.name_axis(rows), hovermode="closest")
    drawing.add_heatmap(
        x=years,
        y=rows,
        z=depth.astype(np.float32),
        text=figures,
        texttemplate="%{text}",
        textfont={"size": 10, "color": INK},
        colorscale=[[0.0, "#EAF2F8"], [1.0, "#5FA5D0"]],
        zmin=0,
        xgap=1,
        ygap=1,
        showscale=False,
        hoverongaps=False,
    )
    return drawing


def fault_map(cells: pd.DataFrame, bars: Sequence[int], caption: str) -> Chart:
    """Draw the share of each year's bars that any fault concerns.

    Args:
        cells: Cells with a fault (assets x years), worst assets first.
        bars: Bars in each of the years.
        caption: How to read it.
    """
    assets, years = [safe(str(asset)) for asset in cells.index][::-1], [str(year) for year in cells.columns]
    values = 100.0 * cells.to_numpy(dtype=np.float64)[::-1] / np.asarray(bars, dtype=np.float64)
    drawing = canvas(xaxis=look.name_axis(years), yaxis=look.name_axis(assets), hovermode="closest")
    drawing.add_heatmap(
        x=years,
        y=assets,
        z=values.astype(np.float32),
        colorscale=look.WHITE_TO_BLUE,
        zmin=0,
        zmax=100,
        xgap=1,
        ygap=1,
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{z:.1f}%<extra></extra>",
        colorbar={"ticksuffix": "%", "thickness": 10, "outlinewidth": 0, "len": 1.0, "x": 1.01, "xpad": 4},
    )
    return chart(drawing, "chart-fault-map", "Faults by asset and year", caption, 80 + 15 * len(assets))
