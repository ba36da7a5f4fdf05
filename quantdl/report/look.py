"""The look that all charts share: colors, lines, axes and ticks, as plain data in the schema of plotly.

Colors are the Okabe-Ito set, told apart by readers with any color vision; line style, marker and position carry the
meaning too. Names are escaped, because plotly reads a small HTML of its own in labels.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
GREY = "#6B7885"
SLATE = "#4B5A68"
INK = "#14202B"
GRID = "#E6EBEF"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, INK)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
WHITE_TO_BLUE = [[0.0, "#FFFFFF"], [0.25, "#CFE3F1"], [0.6, "#5FA5D0"], [1.0, "#005A8D"]]
LIMIT = {"color": VERMILLION, "width": 1.5, "dash": "dot"}
STRESS = "rgba(213,94,0,0.11)"
HALT = "rgba(107,120,133,0.22)"
SHADE = "rgba(0,114,178,0.10)"
MEMBERS = "rgba(86,180,233,0.30)"
FAN = ("rgba(0,114,178,0.12)", "rgba(0,114,178,0.16)", "rgba(0,114,178,0.30)")
"""Fills of the bands of a law, the widest first; they lie one upon another."""
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'


def safe(text: str) -> str:
    """Escape a name for plotly, which reads tags, links and entities in labels.

    Example:
        >>> safe("<b>R&D</b>")
        '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def layout(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - plotly's own open schema
    """Build the layout of a chart, with changes to the shared one."""
    return {
        "font": {"family": FONT, "size": 12, "color": INK},
        "margin": {"l": 48, "r": 16, "t": 12, "b": 32},
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "hovermode": "x unified",
        "autotypenumbers": "strict",
        "hoverlabel": {
            "namelength": -1,
            "bgcolor": "#FFFFFF",
            "bordercolor": "#B8C4CE",
            "font": {"family": FONT, "size": 12},
        },
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        **changes,
    }


def axis(title: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - plotly's own open schema
    """Build an axis, with changes to the shared one."""
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 11, "color": GREY}},
        "automargin": True,
        "gridcolor": GRID,
        "zeroline": False,
        "zerolinecolor": "#9AA7B2",
        "linecolor": "#9AA7B2",
        "tickcolor": "#9AA7B2",
        **changes,
    }


def percent_axis(title: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - plotly's own open schema
    """Build an axis for values in percent."""
    return axis(title, ticksuffix="%", **changes)


def date_axis(indexes: Iterable[pd.Index], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - plotly's own schema
    """Build an axis of sessions from the first to the last of several indexes."""
    spans = [(index[0], index[-1]) for index in indexes]
    span = pd.DatetimeIndex([min(first for first, _ in spans), max(last for _, last in spans)])
    shared = {
        "type": "date",
        "range": days(span),
        "hoverformat": _day_format(span),
        "showgrid": False,
        "ticks": "outside",
    }
    return axis("", **{**shared, **changes})


def name_axis(names: Sequence[str]) -> dict[str, Any]:
    """Build an axis of names; without the stated type plotly would read ``1E5`` and ``007`` as numbers."""
    return axis("", type="category", categoryorder="array", categoryarray=list(names), showgrid=False)


def days(sessions: pd.Index | pd.Series) -> list[str]:
    """Write the labels of bars as ISO dates, with the time of day where bars lie within a session."""
    labels = pd.DatetimeIndex(sessions)
    return [str(day) for day in labels.strftime(_day_format(labels))]


def _day_format(labels: pd.DatetimeIndex) -> str:
    return "%Y-%m-%d" if labels.equals(labels.normalize()) else "%Y-%m-%d %H:%M"


def line_style(position: int) -> dict[str, Any]:
    """Return the line of the n-th book: the first strongest, the second a fine grey, the others by color and dash."""
    if position == 0:
        return {"color": BLUE, "width": 2.0}
    if position == 1:
        return {"color": SLATE, "width": 1.3, "dash": "5px,2px"}
    return {"color": COLORS[(position - 1) % 7], "width": 1.6, "dash": DASHES[(position - 1) % 7]}


def log_ticks(low: float, high: float) -> dict[str, Any]:
    """Place round ticks on a log axis, which plotly leaves almost bare within one decade.

    Example:
        >>> log_ticks(90.0, 210.0)["ticktext"]
        ['90', '100', '125', '150', '200']
    """
    if low <= 1e-6 * high:  # a ruined book, whose curve would squeeze all others into the upper edge
        return {"type": "linear"}
    steps = np.array([1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9])
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = (decades[:, None] * steps).ravel()
    if high / low < 1.6:
        width = 10 if high - low > 20 else 5 if high - low > 8 else 1
        ticks = np.arange(np.ceil(low / width) * width, high + 1e-9, width)
    kept = ticks[(ticks >= 0.98 * low) & (ticks <= 1.02 * high)]
    return {"tickvals": kept.tolist(), "ticktext": [f"{tick:g}" for tick in kept]}
