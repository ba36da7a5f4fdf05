"""Files of TradingView: seconds since 1970 at which each bar begins, studies in further columns.

time,open,high,low,close,Volume
1704205800,10,10.5,9.5,10.0,1000
"""

from quantdl.market.reading.dialect import Dialect, Head, Layout


def _recognises(head: Head) -> bool:
    if len(head) < 2 or not {"time", "open", "high", "low", "close"} <= {*head[0]} or len(head[1]) != len(head[0]):
        return False
    time = head[1][head[0].index("time")]
    return time.isdigit() and 9 <= len(time) <= 10


TRADINGVIEW = Layout("tradingview", "files of TradingView", Dialect(time_unit="s"), _recognises)
