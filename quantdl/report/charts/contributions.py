"""Chart of what the parts of a book add to its risk."""

from collections.abc import Mapping

from quantdl.report import look
from quantdl.report.charts.canvas import canvas, chart
from quantdl.report.document import Chart
from quantdl.report.look import BLUE, VERMILLION, safe

_MOST_DRAWN = 30


def components(name: str, title: str, by_part: Mapping[str, float]) -> Chart:
    """Draw components, fractions of equity, as bars: what adds to the risk to the right, what takes away to the left.

    Args:
        name: Fixed id of the chart.
        title: What is drawn.
        by_part: By part, in the order to be drawn from the top; of many the first ones.
    """
    shown = list(by_part.items())[:_MOST_DRAWN][::-1]
    names = [safe(part) for part, _ in shown]
    drawing = canvas(xaxis=look.percent_axis("Component [% of equity]"), yaxis=look.name_axis(names), showlegend=False)
    drawing.add_bar(
        x=[100.0 * value for _, value in shown],
        y=names,
        orientation="h",
        marker={"color": [BLUE if value >= 0 else VERMILLION for _, value in shown]},
        xhoverformat=".3f",
    )
    left = "" if len(by_part) <= _MOST_DRAWN else f" The first {_MOST_DRAWN} of {len(by_part)}."
    caption = f"Bars to the right add to the risk of the book, bars to the left hedge it.{left}"
    return chart(drawing, name, title, caption, 110 + 24 * len(shown))
