"""Charts of the books of a run: what they earned, held, paid, and when the plan intervened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantdl.backtest.judging.summaries import HoldingTimes
from quantdl.report import look
from quantdl.report.charts.canvas import add_line, add_marks, canvas, chart
from quantdl.report.charts.thinning import MOST_COLUMNS, spaced
from quantdl.report.document import Chart
from quantdl.report.formatting import in_words, stated
from quantdl.report.look import BLUE, VERMILLION, days, safe

MOST_GROUPS = 40


@dataclass(frozen=True)
class Cap:
    """A limit drawn as a dotted line."""

    label: str
    value: float


@dataclass(frozen=True)
class Limit:
    """What a condition fires at; a share is drawn in percent."""

    value: float
    as_share: bool = False


@dataclass(frozen=True)
class Span:
    """Sessions that are shaded, first to last as ISO dates, and what they are called."""

    label: str
    first: str
    last: str


def equity_and_drawdown(
    growth: Mapping[str, pd.Series],
    drawdown: Mapping[str, pd.Series],
    halted: str | None = None,
    spans: Sequence[Span] = (),
) -> Chart:
    """Draw the growth of 100 on a log scale above the drawdown, one line per book.

    Args:
        growth: Value over the initial money per session, by name of the book; the first is drawn strongest.
        drawdown: Fraction below the running peak, zero or negative, under the same names.
        halted: Session at which the first book was halted, as an ISO date, or None.
        spans: Shaded and numbered; the caption names them.
    """
    grown = {name: 100.0 * series for name, series in growth.items()}
    ticks = look.log_ticks(min(one.min() for one in grown.values()), max(one.max() for one in grown.values()))
    drawing = canvas(
        xaxis=look.date_axis((one.index for one in growth.values()), anchor="y2"),
        yaxis=look.axis("Growth of 100, log scale", domain=[0.38, 1.0], **{"type": "log", **ticks}),
        yaxis2=look.percent_axis("Drawdown [%]", domain=[0.0, 0.31]),
        hoversubplots="axis",
    )
    for position, (name, series) in enumerate(grown.items()):
        style = look.line_style(position)
        add_line(drawing, series, name, style, digits=1)
        shade = {"fill": "tozeroy", "fillcolor": look.SHADE} if position == 0 else {}
        below = {"yaxis": "y2", "showlegend": False, **shade}
        add_line(drawing, 100.0 * drawdown[name], f"{name}, drawdown", style, digits=1, **below)
    caption = (
        "Each book starts at 100 with its initial money. Equal distances up are equal growth in percent. Below: how "
        "far each book stands under its own highest value so far."
    )
    first, last = drawing.layout.xaxis.range
    seen = [span for span in spans if span.first <= last and span.last >= first]
    for place, span in enumerate(seen, 1):
        _shade(drawing, Span(str(place), max(span.first, first), min(span.last, last)), look.STRESS)
    if seen:
        caption += f" Shaded: {', '.join(f'{place} {span.label}' for place, span in enumerate(seen, 1))}."
    if halted is not None:
        drawing.add_vline(x=halted, line=look.LIMIT)
        caption += f" The dotted line is the halt on {halted}."
        if halted < last:
            _shade(drawing, Span("halted", halted, last), look.HALT)
            caption += " What follows is shaded grey."
    ends = [
        f"{name} ends at {series.iloc[-1]:,.1f}, its deepest fall is {-100.0 * drawdown[name].min():.1f}%"
        for name, series in grown.items()
    ]
    return chart(drawing, "chart-equity", "Equity and drawdown", caption, 430, f"{'; '.join(ends)}.")


def _shade(drawing: go.Figure, span: Span, color: str) -> None:
    """Shade a span and write its name, a number or a word, between the two curves, where it stands on neither."""
    drawing.add_vrect(x0=span.first, x1=span.last, fillcolor=color, line_width=0, layer="below")
    between = {"xanchor": "left", "yanchor": "middle", "showarrow": False}
    words = {"text": span.label, "font": {"size": 10, "color": look.GREY}}
    drawing.add_annotation(x=span.first, y=0.345, yref="paper", **between, **words)


def book_exposure(gross: pd.Series, net: pd.Series, caps: Sequence[Cap]) -> Chart:
    """Draw gross and net exposure as fractions of equity against their caps."""
    drawing = canvas(
        xaxis=look.date_axis([gross.index]), yaxis=look.percent_axis("Exposure [% of equity]", rangemode="tozero")
    )
    for position, (name, series) in enumerate((("Gross", gross), ("Net", net))):
        add_line(drawing, 100.0 * series, name, look.line_style(position), digits=1)
    for cap in caps:
        limit = pd.Series(100.0 * cap.value, pd.DatetimeIndex([gross.index[0], gross.index[-1]]))
        add_line(drawing, limit, f"{cap.label} {stated(cap.value)}", look.LIMIT, hoverinfo="skip")
    return chart(drawing, "chart-exposure", "Gross and net exposure", "Dotted lines are the caps of the plan.", 300)


def group_exposure(exposures: pd.DataFrame, cap: float) -> Chart:
    """Draw the absolute exposure of each group over time as a heat map.

    Args:
        exposures: Sessions x groups, fractions of equity, the most important group first.
        cap: The cap on one group, which fixes the darkest color.
    """
    n_groups, n_bars = len(exposures.columns), len(exposures)
    exposures = exposures.iloc[spaced(n_bars, MOST_COLUMNS), :MOST_GROUPS]
    groups = [safe(str(group)) for group in exposures.columns][::-1]
    values = 100.0 * np.abs(exposures.to_numpy(dtype=np.float64)).T[::-1]
    drawing = canvas(xaxis=look.date_axis([exposures.index]), yaxis=look.name_axis(groups), hovermode="closest")
    drawing.add_heatmap(
        x=days(exposures.index),
        y=groups,
        z=values.astype(np.float32),
        zmin=0.0,
        zmax=100.0 * cap,
        colorscale=look.WHITE_TO_BLUE,
        hovertemplate="%{y}<br>%{x}: %{z:.1f}%<extra></extra>",
        colorbar={"ticksuffix": "%", "thickness": 10, "outlinewidth": 0, "len": 1.0, "x": 1.01, "xpad": 4},
    )
    caption = f"The darkest color is the cap of {stated(cap)} of equity, or above."
    if n_groups > MOST_GROUPS:
        caption += f" The first {MOST_GROUPS} of {n_groups:,} groups, in the order of the table below."
    if len(exposures) < n_bars:
        caption += f" Drawn are {len(exposures):,} of {n_bars:,} bars, evenly spaced."
    return chart(drawing, "chart-groups", "Exposure per group", caption, 90 + 26 * len(groups))


def cumulative_costs(costs: Mapping[str, pd.Series]) -> Chart:
    """Draw costs added up over the sessions as fractions of the initial equity, one band per kind."""
    drawing = canvas(
        xaxis=look.date_axis(one.index for one in costs.values()),
        yaxis=look.percent_axis("Costs so far [% of initial equity]", rangemode="tozero"),
    )
    for position, (name, series) in enumerate(costs.items()):
        style = {"color": look.COLORS[position % 7], "width": 1}
        add_line(drawing, 100.0 * series, name, style, digits=3, stackgroup="costs")
    return chart(drawing, "chart-costs", "Costs added up", "Bands are stacked; the top edge is all costs.", 300)


def regime_strip(regimes: pd.Series) -> Chart:
    """Draw which regime held at each session, one row per regime."""
    names = sorted({str(regime) for regime in regimes})
    rows = look.name_axis([safe(name) for name in reversed(names)])
    drawing = canvas(xaxis=look.date_axis([regimes.index]), yaxis=rows, hovermode="closest", showlegend=False)
    for position, name in enumerate(names):
        held = pd.Series(safe(name), regimes.index[regimes.astype(str) == name])
        line = {"width": 1.5, "color": look.COLORS[position % 7]}
        add_marks(drawing, held, name, {"symbol": "line-ns", "size": 15, "line": line})
    caption = "Each row is a regime; a stroke marks each session it held."
    return chart(drawing, "chart-regimes", "When each regime held", caption, 90 + 30 * len(names))


def holding_times(found: HoldingTimes, horizon: int) -> Chart:
    """Draw how many trades were held for how many bars, against the horizon of the plan."""
    width = found.width
    drawing = canvas(
        xaxis=look.axis("Bars held", rangemode="tozero"),
        yaxis=look.axis("Trades", rangemode="tozero", tickformat=",d"),
        hovermode="closest",
        margin={"l": 48, "r": 16, "t": 28, "b": 32},
    )
    shown = {"width": 0.9 * width, "marker": {"color": BLUE}, "hovertemplate": "%{y} trades<extra></extra>"}
    drawing.add_bar(x=[start + 0.5 * width - 0.5 for start in found.starts], y=found.trades, **shown)
    drawing.add_vline(x=horizon, line=look.LIMIT)
    above = {"y": 1.0, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "showarrow": False}
    drawing.add_annotation(x=horizon, text=f"horizon: {horizon} bars", **above)
    column = "each column spans one bar" if width == 1 else f"each column spans {width} bars"
    caption = (
        f"From the first fill of an asset until the book holds none of it; {column}. A trade may outlast the horizon, "
        "since every new decision that keeps the asset restarts it."
    )
    return chart(drawing, "chart-holding", "Holding times", caption, 280)


def event_timeline(events: pd.DataFrame, sessions: pd.Index) -> Chart:
    """Draw when each condition changed the book, one row per condition (columns session and condition)."""
    conditions = [safe(in_words(str(condition))) for condition in events["condition"]]
    rows = look.name_axis(sorted(set(conditions), reverse=True))
    drawing = canvas(xaxis=look.date_axis([sessions]), yaxis=rows, hovermode="closest", showlegend=False)
    crosses = pd.Series(conditions, pd.DatetimeIndex(events["session"]))
    add_marks(drawing, crosses, "event", {"symbol": "x", "size": 10, "color": VERMILLION})
    caption = "Each cross is a session at which the condition on its left changed the book."
    return chart(drawing, "chart-events", "When the plan intervened", caption, 100 + 30 * len(set(conditions)))


def condition_course(values: pd.Series, name: str, limit: Limit | None) -> Chart:
    """Draw the value of one invalidation condition over time against the limit at which it fires."""
    scale, sign = (100.0, "%") if limit is not None and limit.as_share else (1.0, "")
    upright = look.axis("", rangemode="tozero", ticksuffix=sign)
    drawing = canvas(xaxis=look.date_axis([values.index]), yaxis=upright, showlegend=False)
    add_line(drawing, scale * values.astype(float), str(values.name), look.line_style(0))
    caption = "The plan states no single limit for it."
    if limit is not None:
        drawing.add_hline(y=scale * limit.value, line=look.LIMIT)
        caption = f"The dotted line is the limit, {scale * limit.value:g}{sign}, at which it fires."
    return chart(drawing, name, f"{in_words(str(values.name))} against its limit", caption, 210)
