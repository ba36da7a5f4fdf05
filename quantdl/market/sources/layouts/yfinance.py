"""What ``yfinance.download(...).to_csv`` writes: a line of fields, one of symbols, and one that names the dates.

Price,Close,High,Low,Open,Volume
Ticker,ABC,ABC,ABC,ABC,ABC
Date,,,,,
2024-01-02,10.0,10.5,9.5,10.0,1000
"""

from quantdl.market.reading.dialect import Dialect, Head, Layout


def _recognises(head: Head) -> bool:
    firsts = [row[0] for row in head[:3] if row]
    return firsts[:2] == ["price", "ticker"] and firsts[2:3] in (["date"], ["datetime"])


YFINANCE = Layout("yfinance", "yfinance's to_csv", Dialect(two_levels=True), _recognises)
