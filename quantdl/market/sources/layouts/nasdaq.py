"""Files of Nasdaq.com: the close called Close/Last, prices with a dollar sign, the month first, newest first.

Date,Close/Last,Volume,Open,High,Low
01/03/2024,$10.20,1100,$10.10,$10.60,$9.90
"""

from quantdl.market.reading.dialect import Dialect, Head, Layout


def _recognises(head: Head) -> bool:
    return bool(head) and {"date", "close/last"} <= {*head[0]}


NASDAQ = Layout(
    "nasdaq",
    "files of Nasdaq.com",
    Dialect(
        columns={"close": ("Close/Last",)},
        date_format="%m/%d/%Y",
        thousands=",",
        missing=("N/A",),
        currency_signs=True,
        newest_first=True,
    ),
    _recognises,
)
