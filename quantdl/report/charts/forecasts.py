"""Charts of what was predicted, against what came."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quantdl.report import look
from quantdl.report.charts.canvas import add_bars, add_line, add_marks, canvas, chart
from quantdl.report.document import Chart
from quantdl.report.formatting import counted, stated
from quantdl.report.look import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION
from quantdl.risk.scores.pit_histogram import PitHistogram, ReliabilityPoint
from quantdl.training.fit import EpochRecord


def losses_against_predictions(risk: pd.DataFrame, source: str) -> Chart:
    """Draw realised losses, the predicted VaR at each level, and the exceptions.

    Args:
        risk: Columns session, level, value_at_risk, loss, exception; fractions of equity, positive when money is lost.
        source: What made the prediction, in words.
    """
    levels = sorted(float(level) for level in risk["level"].unique())
    by_level = {level: risk[risk["level"] == level].set_index("session") for level in levels}
    losses = 100.0 * by_level[levels[0]]["loss"]
    drawing = canvas(
        xaxis=look.date_axis([losses.index]),
        yaxis=look.percent_axis("Loss of the session [%]", zeroline=True),
        bargap=0,
    )
    bars = {"color": "#B4BFC9", "line": {"width": 0}}
    name = "Realised loss (gains below zero)"
    add_bars(drawing, losses, name, bars, yhoverformat=".2f")
    styles = (
        (BLUE, "solid", ORANGE, "circle-open"),
        (INK, "dash", VERMILLION, "diamond"),
        (PURPLE, "dot", GREEN, "square-open"),
    )
    for position, (level, rows) in enumerate(by_level.items()):
        color, dash, mark, symbol = styles[position % len(styles)]
        style = {"color": color, "width": 1.6, "dash": dash}
        add_line(drawing, 100.0 * rows["value_at_risk"], f"Predicted VaR {stated(level)}", style)
        beyond = 100.0 * rows["loss"][rows["exception"].astype(bool)]
        marker = {"symbol": symbol, "size": 9, "color": mark, "line": {"width": 1.6, "color": mark}}
        add_marks(drawing, beyond, f"Exception at {stated(level)} ({len(beyond)})", marker, hoverinfo="skip")
    counts = [
        f"At {stated(level)}: {counted(int(rows['exception'].sum()), 'exception')} in {counted(len(rows), 'session')}."
        for level, rows in by_level.items()
    ]
    caption = (
        f"A bar above a line is an exception: the book lost more than predicted. Predictions: {source}, made before "
        f"the session. {' '.join(counts)}"
    )
    return chart(drawing, "chart-losses", "Predicted value at risk against realised losses", caption, 430)


def forecast_monitor(strip: pd.DataFrame, alarm: float) -> Chart:
    """Draw exceptions, transforms and the money of e-processes session by session, one below the other.

    Args:
        strip: Columns exception, pit, exceptions_money, shortfall_money, transforms_money, indexed by session.
        alarm: Money that speaks against the forecasts.
    """
    hit = strip["exception"].astype(bool)
    money = {
        "Money on exceptions": strip["exceptions_money"],
        "Money on the shortfall": strip["shortfall_money"],
        "Money on transforms": strip["transforms_money"],
    }
    known = {name: series.dropna() for name, series in money.items() if series.notna().any()}
    drawing = canvas(
        xaxis=look.date_axis([strip.index], anchor="y2"),
        yaxis=look.axis("Predicted probability of a smaller loss", domain=[0.50, 1.0], range=[-0.03, 1.03]),
        yaxis2=look.axis("Money, log scale", domain=[0.0, 0.44], type="log", dtick=1),
        hoversubplots="axis",
    )
    quiet = {"symbol": "circle", "size": 4, "color": "#9AA7B2"}
    add_marks(drawing, strip["pit"][~hit], "Session", quiet, yhoverformat=".3f")
    marker = {"symbol": "diamond", "size": 9, "color": VERMILLION, "line": {"width": 1, "color": INK}}
    add_marks(drawing, strip["pit"][hit], f"Exception ({len(strip[hit])})", marker, yhoverformat=".3f")
    for position, (name, series) in enumerate(known.items()):
        color, dash = ((BLUE, "solid"), (ORANGE, "dash"), (GREEN, "dot"))[position]
        add_line(drawing, series, name, {"color": color, "width": 1.6, "dash": dash}, yaxis="y2")
    drawing.add_hline(y=alarm, line=look.LIMIT, yref="y2")
    caption = (
        "Above, where each loss fell in its predicted law: right forecasts spread the marks evenly; exceptions are "
        "diamonds at the top. Below, the money of gamblers who bet against the forecasts, from one on: at the dotted "
        f"line, {alarm:g}, the bets speak against the forecasts. The table below gives the figures by year."
    )
    return chart(drawing, "chart-monitor", "Monitoring of the risk forecasts", caption, 480)


def value_at_risk_of_members(risk: pd.DataFrame) -> Chart:
    """Draw the predicted value at risk at the highest level with the range over the members of the model.

    Args:
        risk: Columns session, level, value_at_risk, value_at_risk_low, value_at_risk_high; fractions of equity.
    """
    level = float(risk["level"].max())
    rows = risk[risk["level"] == level].set_index("session")
    drawing = canvas(
        xaxis=look.date_axis([rows.index]), yaxis=look.percent_axis("Value at risk [%]", rangemode="tozero")
    )
    edge = {"color": SKY, "width": 0.6}
    add_line(drawing, 100.0 * rows["value_at_risk_low"], "Least of the members", edge, showlegend=False)
    high, band = 100.0 * rows["value_at_risk_high"], look.MEMBERS
    add_line(drawing, high, "Range over the members", edge, fill="tonexty", fillcolor=band)
    add_line(drawing, 100.0 * rows["value_at_risk"], f"Predicted VaR {stated(level)}", {"color": BLUE, "width": 1.4})
    caption = (
        "The band reaches from the least to the largest value at risk under a member of the model. Where it is wide, "
        "the model's parameters are uncertain."
    )
    return chart(drawing, "chart-members", "Value at risk under each member of the model", caption, 300)


def pit_histogram(found: PitHistogram) -> Chart:
    """Draw the share of outcomes per bin of the probability integral transform with its 95 % band."""
    shares, half_width = np.asarray(found.shares), np.asarray(found.half_widths)
    bins = len(shares)
    edges = np.linspace(0.0, 1.0, bins + 1)
    inside = np.abs(shares - 1.0 / bins) <= half_width
    drawing = canvas(
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
        f"{found.n:,} outcomes. If the predicted laws were true, every bar would end in the band. A hump in the middle "
        "means that the laws are too wide, tall ends that they are too narrow, a slope that they are biased. The "
        "band holds for each bar alone; it takes sessions as independent and the assets of a session as related as "
        "they were."
    )
    return chart(drawing, "chart-pit", "Where outcomes fell in their predicted law", caption, 340)


def reliability_diagram(points: Sequence[ReliabilityPoint]) -> Chart:
    """Draw the share of outcomes below each predicted quantile against its probability, with the 95 % band."""
    levels = 100.0 * np.array([point.level for point in points])
    observed = 100.0 * np.array([point.observed for point in points])
    half_width = 100.0 * np.array([point.half_width for point in points])
    drawing = canvas(
        xaxis=look.percent_axis("Predicted probability [%]", range=[0, 100]),
        yaxis=look.percent_axis("Share of outcomes below [%]", range=[0, 100]),
        hovermode="x",
    )
    edge = {"mode": "lines", "hoverinfo": "skip", "line": {"color": GREY, "width": 1, "dash": "dot"}}
    band = {"name": "95% band if calibrated", "fill": "tonexty", "fillcolor": "rgba(107,120,133,0.22)"}
    drawing.add_scatter(x=levels, y=levels - half_width, showlegend=False, **edge)
    drawing.add_scatter(x=levels, y=levels + half_width, **band, **edge)
    shown = {"mode": "lines+markers", "line": {"color": BLUE, "width": 1.6}, "yhoverformat": ".2f"}
    drawing.add_scatter(x=levels, y=observed, name="Observed", **shown)
    beyond = sum(not point.inside for point in points)
    caption = (
        "If the predicted laws were true, the line would run in the band around the diagonal. Above it, too many "
        f"outcomes were that low. {counted(beyond, 'level')} of {len(points)} outside the band, which holds for each "
        "level alone and allows the assets of a session to be related."
    )
    return chart(drawing, "chart-reliability", "Reliability of the predicted quantiles", caption, 340)


def training_course(epochs: Sequence[EpochRecord], best: int) -> Chart:
    """Draw training and validation loss by number of the pass over the data, and the pass that was kept."""
    passes = [one.epoch for one in epochs]
    losses = {
        "Training": [one.train_loss for one in epochs],
        "Validation": [one.validation_loss for one in epochs],
    }
    drawing = canvas(xaxis=look.axis("Pass over the data", tickformat="d"), yaxis=look.axis("Loss [nats per asset]"))
    for position, (name, values) in enumerate(losses.items()):
        style = {"mode": "lines+markers", "line": look.line_style(1 - position), "yhoverformat": ".4f"}
        drawing.add_scatter(x=passes, y=values, name=name, **style)
    drawing.add_vline(x=best, line=look.LIMIT)
    caption = (
        "Mean joint negative log density per observed asset. "
        f"The pass kept is number {best}, the best on the validation span (dotted)."
    )
    return chart(drawing, "chart-training", "How training went", caption, 280)
