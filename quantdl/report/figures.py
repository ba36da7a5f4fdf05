"""Draws with plotly: each function turns series into one chart and knows nothing of where they come from.

A chart is plain JSON with a fixed id, so the same run gives the same bytes. What charts share stands in `look.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import plotly.offline

from quantdl.report import look
from quantdl.report.document import Chart
from quantdl.report.formatting import in_words, stated
from quantdl.report.look import BLUE, GREY, INK, ORANGE, SKY, VERMILLION, days, safe


@dataclass(frozen=True)
class Cap:
    """A limit drawn as a dotted line."""

    label: str
    value: float


@dataclass(frozen=True)
class FaultSpan:
    """A finding of the census: whose, of which kind, from when to when, and how much of it, in words."""

    asset: str
    kind: str
    first: date
    last: date
    count: str


def library() -> str:
    """Return the source of plotly.js as installed, to be inlined once per page."""
    source: str = plotly.offline.get_plotlyjs()
    return source


def equity_and_drawdown(
    equity: Mapping[str, pd.Series], drawdown: Mapping[str, pd.Series], halted: str | None = None
) -> Chart:
    """Draw the growth of 100 on a log scale above the drawdown, one line per book.

    Args:
        equity: Value per session, by name of the book; the first is drawn strongest.
        drawdown: Fraction below the running peak, zero or negative, under the same names.
        halted: Session at which the first book was halted, as an ISO date, or None.
    """
    grown = {name: 100.0 * series / series.iloc[0] for name, series in equity.items()}
    ticks = look.log_ticks(min(one.min() for one in grown.values()), max(one.max() for one in grown.values()))
    drawing = _drawing(
        xaxis=look.date_axis((one.index for one in equity.values()), anchor="y2"),
        yaxis=look.axis("Growth of 100, log scale", domain=[0.38, 1.0], **{"type": "log", **ticks}),
        yaxis2=look.percent_axis("Drawdown [%]", domain=[0.0, 0.31]),
        hoversubplots="axis",
    )
    for position, (name, series) in enumerate(grown.items()):
        style = look.line_style(position)
        _add_line(drawing, series, name, style, digits=1)
        shade = {"fill": "tozeroy", "fillcolor": "rgba(0,114,178,0.10)"} if position == 0 else {}
        below = {"yaxis": "y2", "showlegend": False, **shade}
        _add_line(drawing, 100.0 * drawdown[name], f"{name}, drawdown", style, digits=1, **below)
    caption = (
        "Each book starts at 100 with its initial money. Equal distances up are equal growth in percent. Below: how "
        "far each book stands under its own highest value so far."
    )
    if halted is not None:
        drawing.add_vline(x=halted, line=look.LIMIT)
        caption += f" The dotted line is the halt on {halted}."
    return _chart(drawing, "chart-equity", "Equity and drawdown", caption, 520)


def losses_against_predictions(risk: pd.DataFrame, source: str) -> Chart:
    """Draw realised losses, the predicted VaR at each level, and the exceptions.

    Args:
        risk: Columns session, level, value_at_risk, loss, exception; fractions of equity, positive when money is lost.
        source: What made the prediction, in words.
    """
    levels = sorted(float(level) for level in risk["level"].unique())
    by_level = {level: risk[risk["level"] == level].set_index("session") for level in levels}
    losses = 100.0 * by_level[levels[0]]["loss"]
    drawing = _drawing(
        xaxis=look.date_axis([losses.index]),
        yaxis=look.percent_axis("Loss of the session [%]", zeroline=True),
        bargap=0,
    )
    bars = {"color": "#B4BFC9", "line": {"width": 0}}
    name = "Realised loss (gains below zero)"
    drawing.add_bar(x=days(losses.index), y=losses.to_numpy(), name=name, marker=bars, yhoverformat=".2f")
    styles = ((BLUE, "solid", ORANGE, "circle-open"), (INK, "dash", VERMILLION, "diamond"))
    for position, (level, rows) in enumerate(by_level.items()):
        color, dash, mark, symbol = styles[position % 2]
        style = {"color": color, "width": 1.6, "dash": dash}
        _add_line(drawing, 100.0 * rows["value_at_risk"], f"Predicted VaR {stated(level)}", style)
        beyond = 100.0 * rows["loss"][rows["exception"].astype(bool)]
        marker = {"symbol": symbol, "size": 9, "color": mark, "line": {"width": 1.6, "color": mark}}
        _add_marks(drawing, beyond, f"Exception at {stated(level)} ({len(beyond)})", marker, hoverinfo="skip")
    counts = [
        f"At {stated(level)}: {int(rows['exception'].sum()):,} exceptions in {len(rows):,} sessions."
        for level, rows in by_level.items()
    ]
    caption = (
        f"A bar above a line is an exception: the book lost more than predicted. Predictions: {source}, made before "
        f"the session. {' '.join(counts)}"
    )
    return _chart(drawing, "chart-losses", "Predicted value at risk against realised losses", caption, 430)


def pit_histogram(shares: np.ndarray, half_width: np.ndarray, n: int) -> Chart:
    """Draw the share of outcomes per bin of the probability integral transform with its 95 % band.

    Args:
        shares: (K,) share of all outcomes in each of K equal bins of [0, 1].
        half_width: (K,) half width of the pointwise 95 % band around 1 / K.
        n: Number of outcomes.
    """
    bins = len(shares)
    edges = np.linspace(0.0, 1.0, bins + 1)
    inside = np.abs(shares - 1.0 / bins) <= half_width
    drawing = _drawing(
        xaxis=look.axis("Predicted probability of a return this low or lower", range=[0, 1], tickformat=".1f"),
        yaxis=look.percent_axis("Share of outcomes [%]", rangemode="tozero"),
        hovermode="x",
    )
    hatch = {"shape": "/", "fgcolor": INK, "fillmode": "overlay", "size": 7, "solidity": 0.15}
    outside = {"color": ORANGE, "pattern": hatch}
    for name, chosen, marker in (("Inside the band", inside, {"color": SKY}), ("Outside the band", ~inside, outside)):
        middle = (edges[:-1] + edges[1:])[chosen] / 2
        shown = {"width": 0.94 / bins, "name": name, "marker": marker, "yhoverformat": ".2f"}
        drawing.add_bar(x=middle, y=100.0 * shares[chosen], **shown)
    stairs = np.repeat(edges, 2)[1:-1]
    low, high = (np.repeat(100.0 * (1.0 / bins + sign * half_width), 2) for sign in (-1, 1))
    edge = {"mode": "lines", "hoverinfo": "skip", "line": {"color": GREY, "width": 1, "dash": "dot"}}
    band = {"name": "95% band if calibrated", "fill": "tonexty", "fillcolor": "rgba(107,120,133,0.22)"}
    drawing.add_scatter(x=stairs, y=low, showlegend=False, **edge)
    drawing.add_scatter(x=stairs, y=high, **band, **edge)
    caption = (
        f"{n:,} outcomes. If the predicted laws were true, every bar would end in the band. A hump in the middle "
        "means that the laws are too wide, tall ends that they are too narrow, a slope that they are biased. The "
        "band holds for each bar alone; it takes sessions as independent and the assets of a session as related as "
        "they were."
    )
    return _chart(drawing, "chart-pit", "Where outcomes fell in their predicted law", caption, 340)


def book_exposure(gross: pd.Series, net: pd.Series | None, caps: Sequence[Cap]) -> Chart:
    """Draw gross and net exposure as fractions of equity against their caps."""
    drawing = _drawing(
        xaxis=look.date_axis([gross.index]), yaxis=look.percent_axis("Exposure [% of equity]", rangemode="tozero")
    )
    for position, (name, series) in enumerate((("Gross", gross), ("Net", net))):
        if series is not None:
            _add_line(drawing, 100.0 * series, name, look.line_style(position), digits=1)
    for cap in caps:
        limit = pd.Series(100.0 * cap.value, pd.DatetimeIndex([gross.index[0], gross.index[-1]]))
        _add_line(drawing, limit, f"{cap.label} {stated(cap.value)}", look.LIMIT, hoverinfo="skip")
    return _chart(drawing, "chart-exposure", "Gross and net exposure", "Dotted lines are the caps of the plan.", 300)


def group_exposure(exposures: pd.DataFrame, cap: float | None) -> Chart:
    """Draw the absolute exposure of each group over time as a heat map.

    Args:
        exposures: Sessions x groups, fractions of equity.
        cap: The cap on one group, which fixes the darkest color; None where the plan has no single cap.
    """
    groups = [safe(str(group)) for group in exposures.columns][::-1]
    values = 100.0 * np.abs(exposures.to_numpy(dtype=np.float64)).T[::-1]
    drawing = _drawing(xaxis=look.date_axis([exposures.index]), yaxis=look.name_axis(groups), hovermode="closest")
    drawing.add_heatmap(
        x=days(exposures.index),
        y=groups,
        z=values.astype(np.float32),
        zmin=0.0,
        zmax=100.0 * cap if cap else None,
        colorscale=look.WHITE_TO_BLUE,
        hovertemplate="%{y}<br>%{x}: %{z:.1f}%<extra></extra>",
        colorbar={"ticksuffix": "%", "thickness": 10, "outlinewidth": 0, "len": 1.0, "x": 1.01, "xpad": 4},
    )
    caption = (
        f"The darkest color is the cap of {stated(cap)} of equity, or above." if cap else "Darker is more of equity."
    )
    return _chart(drawing, "chart-groups", "Exposure per group", caption, 90 + 26 * len(groups))


def cumulative_costs(costs: Mapping[str, pd.Series]) -> Chart:
    """Draw costs added up over the sessions as fractions of the initial equity, one band per kind."""
    drawing = _drawing(
        xaxis=look.date_axis(one.index for one in costs.values()),
        yaxis=look.percent_axis("Costs so far [% of initial equity]", rangemode="tozero"),
    )
    for position, (name, series) in enumerate(costs.items()):
        style = {"color": look.COLORS[position % 7], "width": 1}
        _add_line(drawing, 100.0 * series, name, style, digits=3, stackgroup="costs")
    return _chart(drawing, "chart-costs", "Costs added up", "Bands are stacked; the top edge is all costs.", 300)


def regime_strip(regimes: pd.Series) -> Chart:
    """Draw which regime held at each session, one row per regime."""
    names = sorted({str(regime) for regime in regimes})
    rows = look.name_axis([safe(name) for name in reversed(names)])
    drawing = _drawing(xaxis=look.date_axis([regimes.index]), yaxis=rows, hovermode="closest", showlegend=False)
    for position, name in enumerate(names):
        held = pd.Series(safe(name), regimes.index[regimes.astype(str) == name])
        line = {"width": 1.5, "color": look.COLORS[position % 7]}
        _add_marks(drawing, held, name, {"symbol": "line-ns", "size": 15, "line": line})
    caption = "Each row is a regime; a stroke marks each session it held."
    return _chart(drawing, "chart-regimes", "When each regime held", caption, 90 + 30 * len(names))


def holding_times(bars: np.ndarray, horizon: float | None) -> Chart:
    """Draw how many trades were held for how many bars, against the horizon of the plan."""
    known = bars[np.isfinite(bars)]
    width = max(1, int(np.ceil((known.max(initial=0) + 1) / 60)))
    places, counts = np.unique(known // width, return_counts=True)
    drawing = _drawing(
        xaxis=look.axis("Bars held", rangemode="tozero"),
        yaxis=look.axis("Trades", rangemode="tozero", tickformat=",d"),
        hovermode="closest",
        margin={"l": 48, "r": 16, "t": 28, "b": 32},
    )
    shown = {"width": 0.9 * width, "marker": {"color": BLUE}, "hovertemplate": "%{y} trades<extra></extra>"}
    drawing.add_bar(x=(places + 0.5) * width - 0.5, y=counts, **shown)
    if horizon is not None:
        drawing.add_vline(x=horizon, line=look.LIMIT)
        above = {"y": 1.0, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "showarrow": False}
        drawing.add_annotation(x=horizon, text=f"horizon: {horizon:g} bars", **above)
    span = "each column spans one bar" if width == 1 else f"each column spans {width} bars"
    caption = (
        f"From the first fill of an asset until the book holds none of it; {span}. A trade may outlast the horizon, "
        "since every new decision that keeps the asset restarts it."
    )
    return _chart(drawing, "chart-holding", "Holding times", caption, 280)


def event_timeline(events: pd.DataFrame, sessions: pd.Index) -> Chart:
    """Draw when each condition changed the book, one row per condition (columns session and condition)."""
    conditions = [safe(in_words(str(condition))) for condition in events["condition"]]
    rows = look.name_axis(sorted(set(conditions), reverse=True))
    drawing = _drawing(xaxis=look.date_axis([sessions]), yaxis=rows, hovermode="closest", showlegend=False)
    crosses = pd.Series(conditions, pd.DatetimeIndex(events["session"]))
    _add_marks(drawing, crosses, "event", {"symbol": "x", "size": 10, "color": VERMILLION})
    caption = "Each cross is a session at which the condition on its left changed the book."
    return _chart(drawing, "chart-events", "When the plan intervened", caption, 100 + 30 * len(set(conditions)))


def condition_course(values: pd.Series, limit: float | None, name: str, *, as_share: bool) -> Chart:
    """Draw the value of one invalidation condition over time against the limit at which it fires."""
    scale, sign = (100.0, "%") if as_share else (1.0, "")
    upright = look.axis("", rangemode="tozero", ticksuffix=sign)
    drawing = _drawing(xaxis=look.date_axis([values.index]), yaxis=upright, showlegend=False)
    _add_line(drawing, scale * values.astype(float), str(values.name), look.line_style(0))
    caption = "The plan states no single limit for it."
    if limit is not None:
        drawing.add_hline(y=scale * limit, line=look.LIMIT)
        caption = f"The dotted line is the limit, {scale * limit:g}{sign}, at which it fires."
    return _chart(drawing, name, f"{in_words(str(values.name))} against its limit", caption, 210)


def training_course(losses: Mapping[float, tuple[float | None, float | None]], best: float | None) -> Chart:
    """Draw training and validation loss by number of the pass over the data, and the pass that was kept."""
    passes = list(losses)
    drawing = _drawing(xaxis=look.axis("Pass over the data", tickformat="d"), yaxis=look.axis("Loss [nats per asset]"))
    for position, name in enumerate(("Training", "Validation")):
        values = [pair[position] for pair in losses.values()]
        style = {"mode": "lines+markers", "line": look.line_style(1 - position), "yhoverformat": ".4f"}
        drawing.add_scatter(x=passes, y=values, name=name, **style)
    caption = "Mean joint negative log density per observed asset."
    if best is not None:
        drawing.add_vline(x=best, line=look.LIMIT)
        caption += f" The pass kept is number {best:g}, the best on the validation span (dotted)."
    return _chart(drawing, "chart-training", "How training went", caption, 280)


def traded_map(shares: pd.DataFrame) -> Chart:
    """Draw the share of sessions with a price (assets x years, fractions, NaN where unknown)."""
    assets, years = [safe(str(asset)) for asset in shares.index][::-1], [str(year) for year in shares.columns]
    values = 100.0 * shares.to_numpy(dtype=np.float64)[::-1]
    drawing = _drawing(xaxis=look.name_axis(years), yaxis=look.name_axis(assets), hovermode="closest")
    drawing.add_heatmap(
        x=years,
        y=assets,
        z=(100.0 - values).astype(np.float32),
        customdata=values.round(1),
        text=[["" if not share < 99.95 else f"{share:.0f}" for share in line] for line in values],
        texttemplate="%{text}",
        textfont={"size": 10, "color": INK},
        colorscale=[[0.0, "#EAF2F8"], [1.0, "#5FA5D0"]],
        zmin=0,
        zmax=100,
        xgap=1,
        ygap=1,
        showscale=False,
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{customdata}%<extra></extra>",
    )
    caption = "Percent of the sessions of a year with a price; a pale cell without a figure is complete."
    return _chart(drawing, "chart-traded", "Prices by asset and year", caption, 80 + 17 * len(assets))


def fault_spans(spans: Sequence[FaultSpan]) -> Chart:
    """Draw where in time the findings of each asset lie, one row per asset, one color and mark per kind."""
    kinds = sorted({span.kind for span in spans})
    assets = sorted({span.asset for span in spans}, reverse=True)
    ends = pd.DatetimeIndex([day for span in spans for day in (span.first, span.last)]).sort_values()
    rows = look.name_axis([safe(asset) for asset in assets])
    drawing = _drawing(xaxis=look.date_axis([ends]), yaxis=rows, hovermode="closest")
    drawing.update_xaxes(range=None)
    symbols = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x")
    for position, kind in enumerate(kinds):
        chosen = [span for span in spans if span.kind == kind]
        gaps: list[tuple[str | None, str, str]] = []
        for span in chosen:
            words = f"{span.first} to {span.last}, {span.count}"
            gaps += [
                (str(span.first), safe(span.asset), words),
                (str(span.last), safe(span.asset), words),
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
    caption = "Each line runs from the first to the last session of a finding; what lies between need not be touched."
    return _chart(drawing, "chart-faults", "Findings over time", caption, 110 + 24 * len(assets))


def _drawing(**changes: Any) -> go.Figure:  # noqa: ANN401 - plotly's own open schema
    return go.Figure(layout=look.layout(template=go.layout.Template(), **changes))


def _add_line(
    drawing: go.Figure,
    series: pd.Series,
    name: str,
    style: Mapping[str, Any],
    *,
    digits: int = 2,
    **changes: Any,  # noqa: ANN401 - plotly's own open schema
) -> None:
    shown = {"mode": "lines", "line": dict(style), "yhoverformat": f".{digits}f", **changes}
    drawing.add_scatter(x=days(series.index), y=series.to_numpy(), name=safe(name), **shown)


def _add_marks(
    drawing: go.Figure,
    series: pd.Series,
    name: str,
    marker: Mapping[str, Any],
    **changes: Any,  # noqa: ANN401 - plotly's own open schema
) -> None:
    shown = {"mode": "markers", "marker": dict(marker), **changes}
    drawing.add_scatter(x=days(series.index), y=series.to_numpy(), name=safe(name), **shown)


def _chart(drawing: go.Figure, name: str, title: str, caption: str, height: int) -> Chart:
    drawing.update_layout(height=height)
    return Chart(name, title, caption, height, pio.to_json(drawing, engine="json"))
