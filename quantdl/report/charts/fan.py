"""Chart of the predicted law of a book's return, session by session, with what came."""

import pandas as pd

from quantdl.report import look
from quantdl.report.charts.canvas import add_line, add_marks, canvas, chart
from quantdl.report.document import Chart
from quantdl.report.formatting import counted
from quantdl.report.look import BLUE, GREY, INK, VERMILLION

_BANDS = (("0.01", "0.99", "98% of returns", look.FAN[0]), ("0.05", "0.95", "90%", look.FAN[1]),
          ("0.25", "0.75", "50%", look.FAN[2]))  # fmt: skip


def predicted_law(law: pd.DataFrame) -> Chart:
    """Draw the bands of the predicted law of the book's next return, and the returns that came.

    Args:
        law: Quantiles of the predicted return, a column for each of `quantdl.risk.book.predictions.BANDS`, and
            ``return``, indexed by session, fractions of equity. A band is left out where none of its sessions has one.
    """
    drawn = 100.0 * law
    drawing = canvas(
        xaxis=look.date_axis([law.index]),
        yaxis=look.percent_axis("Return of the book [%]", zeroline=True),
        hovermode="closest",
    )
    drawing.update_layout(legend_traceorder="normal")
    edge = {"color": GREY, "width": 0}
    for low, high, name, color in _BANDS:
        if drawn[low].notna().any():
            add_line(drawing, drawn[low], name, edge, showlegend=False, hoverinfo="skip")
            add_line(drawing, drawn[high], name, edge, fill="tonexty", fillcolor=color, hoverinfo="skip")
    add_line(drawing, drawn["0.5"], "Median", {"color": BLUE, "width": 1.2, "dash": "dash"}, hoverinfo="skip")
    below, above = drawn["return"] < drawn["0.01"], drawn["return"] > drawn["0.99"]
    inside = {"symbol": "circle", "size": 3.5, "color": INK}
    add_marks(drawing, drawn["return"][~below & ~above], "Return that came", inside, yhoverformat=".2f")
    for chosen, name, symbol, color in (
        (below, "Below the 98% band", "diamond", VERMILLION),
        (above, "Above it", "triangle-up", look.GREEN),
    ):
        marker = {"symbol": symbol, "size": 8, "color": color, "line": {"width": 1, "color": INK}}
        add_marks(drawing, drawn["return"][chosen], f"{name} ({len(drawn[chosen])})", marker, yhoverformat=".2f")
    caption = (
        "Each session has the law that was predicted at the close before it for the book then held: half of the "
        "returns should fall into the dark band, one in a hundred below the palest one and one in a hundred above it."
    )
    figures = (
        f"Of {counted(len(drawn), 'session')}, {len(drawn[below]):,} fell below the palest band and "
        f"{len(drawn[above]):,} above it."
    )
    return chart(drawing, "chart-law", "What was predicted of the book, and what came", caption, 380, figures)
