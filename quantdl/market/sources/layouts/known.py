"""The layouts that are known, by name and by the look of a file."""

from typing import Literal, get_args

from quantdl.market.reading.dialect import Layout
from quantdl.market.sources.layouts.alpha_vantage import ALPHA_VANTAGE
from quantdl.market.sources.layouts.investing import INVESTING
from quantdl.market.sources.layouts.nasdaq import NASDAQ
from quantdl.market.sources.layouts.stooq import STOOQ, STOOQ_INTRADAY
from quantdl.market.sources.layouts.tradingview import TRADINGVIEW
from quantdl.market.sources.layouts.yahoo import YAHOO
from quantdl.market.sources.layouts.yfinance import YFINANCE

LayoutName = Literal[
    "alpha_vantage", "investing", "nasdaq", "stooq", "stooq_intraday", "tradingview", "yahoo", "yfinance"
]
_LAYOUTS = (ALPHA_VANTAGE, INVESTING, NASDAQ, STOOQ, STOOQ_INTRADAY, TRADINGVIEW, YAHOO, YFINANCE)
LAYOUTS = {name: layout for name, layout in zip(get_args(LayoutName), _LAYOUTS, strict=True)}
"""Every layout by its name."""

_LINES = 60  # of a file's beginning; a session without a bar may come late


def recognised(text: str) -> Layout | None:
    r"""Return the layout that a file seems to have; None where it has none, or may have several.

    Example:
        >>> recognised("Date,Close/Last,Volume\n01/03/2024,$10.20,1100").name
        'nasdaq'
        >>> recognised("date,close\n2024-01-02,10") is None
        True
    """
    lines = text.split("\n", _LINES)[:_LINES]
    head = [[cell.strip(' "').lower() for cell in line.split(",")] for line in lines if line.strip()]
    found = [layout for layout in _LAYOUTS if layout.recognises(head)]
    return found[0] if len(found) == 1 else None
