"""Files of Alpha Vantage: a column ``timestamp``, newest first.

timestamp,open,high,low,close,volume
2024-01-03,10.1,10.6,9.9,10.2,1100
"""

from quantdl.market.reading.dialect import Dialect, Head, Layout


def _recognises(head: Head) -> bool:
    if len(head) < 3 or not {"timestamp", "open", "close"} <= {*head[0]}:
        return False
    dates = [row[head[0].index("timestamp")] for row in head[1:] if len(row) == len(head[0])]
    return len(dates) > 1 and dates[0] > dates[1]


ALPHA_VANTAGE = Layout("alpha_vantage", "files of Alpha Vantage", Dialect(newest_first=True), _recognises)
