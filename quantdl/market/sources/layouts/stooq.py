"""Files of Stooq: names in angle brackets, dates without hyphens, the ticker in a column of its own.

<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
ABC.US,D,20240102,000000,10,10.5,9.5,10,1000,0
"""

from dataclasses import replace

from quantdl.market.reading.dialect import Dialect, Head, Layout

_FIELDS = {
    "symbol": ("<TICKER>",),
    "open": ("<OPEN>",),
    "high": ("<HIGH>",),
    "low": ("<LOW>",),
    "close": ("<CLOSE>",),
    "volume": ("<VOL>",),
}
_DAILY = Dialect(columns={"date": ("<DATE>",), **_FIELDS}, date_format="%Y%m%d")
_WITHIN_SESSIONS = replace(_DAILY, columns={"date": ("<DATE>", "<TIME>"), **_FIELDS}, date_format="%Y%m%d %H%M%S")


def _recognises(head: Head) -> bool:
    return bool(head) and {"<ticker>", "<per>", "<date>", "<close>"} <= {*head[0]}


STOOQ = Layout("stooq", "daily files of Stooq", _DAILY, _recognises)
STOOQ_INTRADAY = Layout("stooq_intraday", "files of Stooq with bars within sessions", _WITHIN_SESSIONS, lambda _: False)
"""Times are those of Stooq's clock: state the zone they are meant in (``intraday: times_in``)."""
