"""Files that Yahoo Finance's page gave to download: the word null where a session has no bar.

Date,Open,High,Low,Close,Adj Close,Volume
2024-01-03,null,null,null,null,null,null
"""

from quantdl.market.reading.dialect import Dialect, Head, Layout


def _recognises(head: Head) -> bool:
    if len(head) < 2 or not {"date", "open", "close"} <= {*head[0]}:
        return False
    return any(row and all(cell == "null" for cell in row[1:]) for row in head[1:] if len(row) == len(head[0]))


YAHOO = Layout("yahoo", "files of Yahoo Finance", Dialect(missing=("null",)), _recognises)
