"""Chart of prices as multiples of their first ones."""

import pandas as pd

from quantdl.report import look
from quantdl.report.charts.canvas import add_line, canvas, chart
from quantdl.report.document import Chart
from quantdl.report.look import COLORS, DASHES

_MOST_DRAWN = 14


def growth(multiples: pd.DataFrame, adjustment: str) -> Chart:
    """Draw prices as multiples of their first ones, on a log axis.

    Args:
        multiples: A column an asset, by session; of many the first ones are drawn.
        adjustment: What the prices are adjusted for, in words.
    """
    shown = multiples.iloc[:, :_MOST_DRAWN]
    drawing = canvas(
        xaxis=look.date_axis([shown.index]),
        yaxis=look.axis("Price over the first one, log scale", type="log", dtick=1),
        hovermode="closest",
    )
    for position, name in enumerate(shown.columns):
        style = {"color": COLORS[position % 7], "width": 1.2, "dash": DASHES[position // 7 % 7]}
        add_line(drawing, shown[name], str(name), style)
    more = "" if multiples.shape[1] <= _MOST_DRAWN else f" The first {_MOST_DRAWN} of {multiples.shape[1]:,} assets."
    caption = f"Closes, {adjustment}; a gap is a bar without a price.{more}"
    return chart(drawing, "chart-growth", "Prices", caption, 400)
