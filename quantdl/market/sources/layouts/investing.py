"""Files of Investing.com (US edition): the close called price, the month first, volumes such as 1.10M, newest first.

    "Date","Price","Open","High","Low","Vol.","Change %"
    "01/03/2024","10.20","10.10","10.60","9.90","1.10M","2.00%"

Other editions write the day first: state ``date_format: "%d/%m/%Y"`` beside the layout.
"""

from quantdl.market.reading.dialect import Dialect, Head, Layout


def _recognises(head: Head) -> bool:
    return bool(head) and {"date", "price", "open", "change %"} <= {*head[0]}


INVESTING = Layout(
    "investing",
    "files of Investing.com",
    Dialect(
        columns={"close": ("Price",), "volume": ("Vol.",)},
        date_format="%m/%d/%Y",
        thousands=",",
        missing=("-",),
        multiples=True,
        newest_first=True,
    ),
    _recognises,
)
