"""Charts of predicted laws: over time as a fan, and at one close as a density or as the losses of a book."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quantdl.report import look
from quantdl.report.charts.canvas import add_line, add_marks, canvas, chart
from quantdl.report.document import Chart
from quantdl.report.formatting import counted, stated
from quantdl.report.look import BLUE, INK, ORANGE, SKY, VERMILLION, safe

_BANDS = ("rgba(86,180,233,0.22)", "rgba(0,114,178,0.28)", "rgba(0,114,178,0.40)")


def fan(quantiles: pd.DataFrame, came: pd.Series, name: str) -> Chart:
    """Draw quantiles over time as bands, and what came.

    Args:
        quantiles: A column a probability, rising, as many below as above the middle; log returns by session.
        came: Realised log returns of the same sessions.
        name: Of what is drawn.
    """
    drawing = canvas(xaxis=look.date_axis([quantiles.index]), yaxis=look.percent_axis("Log return [%]", zeroline=True))
    levels = [*map(float, quantiles.columns)]
    pairs = list(zip(levels, levels[::-1], strict=True))[: len(levels) // 2]
    for position, (low, high) in enumerate(pairs):
        edge = {"color": SKY, "width": 0.6}
        add_line(drawing, 100.0 * quantiles[low], f"{stated(low)} quantile", edge, showlegend=False)
        band, name_of_band = _BANDS[position % len(_BANDS)], f"{stated(low)} to {stated(high)}"
        add_line(drawing, 100.0 * quantiles[high], name_of_band, edge, fill="tonexty", fillcolor=band)
    if len(levels) % 2:
        add_line(drawing, 100.0 * quantiles[levels[len(levels) // 2]], "Median", {"color": BLUE, "width": 1.0})
    beyond = (came < quantiles[levels[0]]) | (came > quantiles[levels[-1]])
    quiet, marked = {"symbol": "circle", "size": 3, "color": INK}, {"symbol": "diamond", "size": 8, "color": VERMILLION}
    add_marks(drawing, 100.0 * came[~beyond], "What came", quiet, yhoverformat=".2f")
    add_marks(drawing, 100.0 * came[beyond], f"Beyond the fan ({len(came[beyond])})", marked, yhoverformat=".2f")
    caption = (
        f"Each band was predicted at the close before. {counted(len(came[beyond]), 'return')} of "
        f"{len(came):,} lay beyond {stated(levels[0])} or {stated(levels[-1])}."
    )
    return chart(drawing, "chart-fan", f"{name}: predicted law and what came", caption, 380)


def density(curve: pd.Series, marks: Mapping[str, float], title: str) -> Chart:
    """Draw the density of a log return with some quantiles as lines.

    Args:
        curve: Density by log return.
        marks: Quantiles by name.
        title: What is drawn.
    """
    drawing = canvas(
        xaxis=look.percent_axis("Log return [%]"),
        yaxis=look.axis("Density", rangemode="tozero", showticklabels=False),
        hovermode="x",
        showlegend=False,
    )
    line = {"color": BLUE, "width": 2.0}
    filled = {"fill": "tozeroy", "fillcolor": "rgba(0,114,178,0.15)", "xhoverformat": ".2f", "yhoverformat": ".2f"}
    drawing.add_scatter(x=100.0 * curve.index.to_numpy(), y=curve.to_numpy(), mode="lines", line=line, **filled)
    _mark(drawing, marks)
    return chart(drawing, "chart-density", title, "The density is exact.", 320)


def losses_of_book(
    edges: Sequence[float], shares: Sequence[float], marks: Mapping[str, float], title: str, draws: int
) -> Chart:
    """Draw the losses of a book, of which scenarios were drawn, and some measures as lines.

    Args:
        edges: Of the bins, one more than shares; fractions of equity, positive when money is lost.
        shares: Share of the draws in each bin.
        marks: Measures by name, fractions of equity.
        title: What is drawn.
        draws: Number of scenarios.
    """
    worst = max(marks.values(), default=float("inf"))
    middles = [100.0 * (low + high) / 2 for low, high in zip(edges[:-1], edges[1:], strict=True)]
    drawing = canvas(
        xaxis=look.percent_axis("Loss of the book [%]"),
        yaxis=look.percent_axis("Share of the draws [%]", rangemode="tozero"),
        hovermode="x",
        showlegend=False,
        bargap=0,
    )
    colors = [ORANGE if middle >= 100.0 * worst else SKY for middle in middles]
    drawing.add_bar(x=middles, y=[100.0 * share for share in shares], marker={"color": colors, "line": {"width": 0}})
    _mark(drawing, marks)
    caption = f"{draws:,} joint draws; losses to the right of zero."
    return chart(drawing, "chart-losses-of-book", title, caption, 340)


def _mark(drawing: Any, marks: Mapping[str, float]) -> None:  # noqa: ANN401 - a drawing of plotly
    """Draw fractions as lines, each with its name and figure; the first name stands to its left, out of the way."""
    for position, (name, value) in enumerate(marks.items()):
        text = {"text": safe(f"{name} {100.0 * value:.2f}%")}
        side = "top left" if position == 0 else "top right"
        drawing.add_vline(x=100.0 * value, line=look.LIMIT, annotation=text, annotation_position=side)
