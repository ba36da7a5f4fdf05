"""The data card: what is known about a set of prices, and what is not, before anybody trades on it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal, get_args
from zoneinfo import available_timezones

from quantdl.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Adjustment = Literal["raw", "split", "total_return"]
Universe = Literal["survivors", "point_in_time", "unknown"]
OnFault = Literal["refuse", "record"]
Label = Literal["start", "end"]
Anchor = Literal["open", "clock"]

_SECONDS = {"s": 1, "min": 60, "h": 3600}
_DAY = 86_400


@dataclass(frozen=True)
class SilenceRule:
    """How silence after an asset's last trade is read.

    Attributes:
        delisted_after_sessions: A silence of more sessions than this at the end of the data is DELISTED, a shorter one
            MISSING. The default is ten: the longest that section 12(k)(1)(A) of the US Securities Exchange Act lets the
            SEC suspend trading in a security by one order, so a longer silence is no ordinary halt. A feed that was cut
            off looks the same; the card says how many assets were read as delisted.
        ended: Last trading day by symbol where the source states it. Sessions after it are DELISTED whatever the count.
    """

    delisted_after_sessions: int = 10
    ended: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class IntradayBars:
    """How the bars within a session are cut and dated. A wrong word here is look-ahead, so two have no default.

    Attributes:
        labelled: Which instant of the bar the source writes beside it: its ``"start"`` or its ``"end"``. A bar that is
            dated by its start and read as if by its end is known a whole bar too early.
        anchored: Where bars begin: at the ``"open"`` of the session (09:30, 10:30, ... in New York, and again after a
            lunch break), or on whole multiples of their length on the local ``"clock"`` (09:00, 10:00, ...: the first
            one holds the half hour from 09:30).
        times_in: IANA zone that is meant by times without an offset from UTC; None refuses such times.
    """

    labelled: Label
    anchored: Anchor
    times_in: str | None = None

    def __post_init__(self) -> None:
        """Refuse words that mean nothing here.

        Raises:
            DataError: Naming them.
        """
        allowed: dict[str, tuple[str, ...]] = {"labelled": get_args(Label), "anchored": get_args(Anchor)}
        wrong = [
            f"{name} must be {' or '.join(map(repr, choices))}, got {getattr(self, name)!r}."
            for name, choices in allowed.items()
            if getattr(self, name) not in choices
        ]
        if wrong:
            raise DataError(f"How bars are cut and dated cannot be read: {' '.join(wrong)}")


@dataclass(frozen=True)
class DataCard:
    """Where prices come from and how they may be read.

    Attributes:
        source: Who published the prices, and through what they were read.
        timezone: IANA name of the exchange's zone. Sessions are dates of that zone.
        frequency: Length of a bar: ``"1D"`` for one bar a session, or ``"60min"``, ``"1min"``, ... within it.
        adjustment: ``"raw"`` as traded, ``"split"`` for splits only, ``"total_return"`` for splits and dividends.
        calendar: Name of the trading calendar, ISO code first (``"XNYS"``).
        as_of: Day on which the source stated these values. Adjusted prices of the past change with later dividends
            and splits, so two vintages of one history differ.
        licence: Terms under which the prices may be used.
        fields: The fields that exist, for instance ``("close",)``. What is not listed cannot be read.
        fingerprint: ``"sha256:<hex>"`` of the values as loaded, before any policy, see `content_fingerprint`; with
            corporate actions, of both.
        universe: ``"survivors"`` when the assets were picked knowing that they live to the end, ``"point_in_time"``
            when membership is as it was known on each day, else ``"unknown"``.
        notes: Further facts, and every policy that was applied, in words.
    """

    source: str
    timezone: str
    frequency: str
    adjustment: Adjustment
    calendar: str
    as_of: date
    licence: str
    fields: tuple[str, ...]
    fingerprint: str
    universe: Universe = "unknown"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """What only the person who brings the data can say. No loader guesses any of it.

    Attributes:
        source: Who published the prices.
        timezone: IANA name of the exchange's zone; must be the calendar's own.
        frequency: Length of a bar: ``"1D"`` for one bar a session, or a whole number of ``s``, ``min`` or ``h`` below
            a day, such as ``"60min"``; then ``intraday`` is needed too.
        adjustment: ``"raw"``, ``"split"`` or ``"total_return"``, see `DataCard`.
        calendar: Name of the trading calendar, ISO code first.
        as_of: Day on which the source stated the values.
        licence: Terms under which the prices may be used.
        universe: How the assets were chosen, see `DataCard`.
        on_fault: ``"refuse"`` raises on the first load that finds impossible rows, with all of them named. ``"record"``
            loads every good row, so that a census may count the rest: impossible prices stay as they are, rows that
            cannot be read or cannot stand on the session axis are left out, and each is recorded in `Panel.faults`.
        silence: How silence after an asset's last trade is read.
        sectors: Sector by symbol, where known.
        notes: Facts for the card.
        intraday: How bars shorter than a session are cut and dated; None for one bar a session.
    """

    source: str
    timezone: str
    frequency: str
    adjustment: Adjustment
    calendar: str
    as_of: date
    licence: str
    universe: Universe = "unknown"
    on_fault: OnFault = "refuse"
    silence: SilenceRule = SilenceRule()
    sectors: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    intraday: IntradayBars | None = None

    def __post_init__(self) -> None:
        """Refuse words that mean nothing here, all of them at once.

        Raises:
            DataError: If an attribute holds a value outside its list, an unknown time zone, or ``frequency`` and
                ``intraday`` do not fit each other.
        """
        allowed: dict[str, tuple[str, ...]] = {
            "adjustment": get_args(Adjustment),
            "universe": get_args(Universe),
            "on_fault": get_args(OnFault),
        }
        wrong = [
            f"{name} must be {' or '.join(map(repr, choices))}, got {getattr(self, name)!r}."
            for name, choices in allowed.items()
            if getattr(self, name) not in choices
        ]
        if self.timezone not in available_timezones():
            wrong.append(f"timezone must be an IANA name such as 'America/New_York', got {self.timezone!r}.")
        if self.silence.delisted_after_sessions < 0:
            given = self.silence.delisted_after_sessions
            wrong.append(f"silence.delisted_after_sessions counts sessions and must be 0 or more, got {given}.")
        wrong += _bar_problems(self.frequency, self.intraday)
        if wrong:
            raise DataError(f"The declaration of {self.source!r} cannot be read: {' '.join(wrong)}")


def bar_seconds(frequency: str) -> int | None:
    """Return the length of a bar in seconds, None for one bar a session.

    Args:
        frequency: ``"1D"``, or a whole number of ``s``, ``min`` or ``h`` below a day.

    Raises:
        DataError: If it is neither.

    Example:
        >>> bar_seconds("60min")
        3600
    """
    if frequency == "1D":
        return None
    match = re.fullmatch(r"([1-9]\d{0,5})(s|min|h)", str(frequency))
    seconds = int(match[1]) * _SECONDS[match[2]] if match else _DAY
    if seconds >= _DAY:
        raise DataError(
            f"frequency must be '1D' for one bar a session, or a length below a day such as '60min', '15min' or '30s', "
            f"got {frequency!r}."
        )
    return seconds


def _bar_problems(frequency: str, intraday: IntradayBars | None) -> list[str]:
    try:
        seconds = bar_seconds(frequency)
    except DataError as error:
        return [str(error)]
    if seconds is None:
        return [] if intraday is None else ["intraday is for bars shorter than a session; frequency is '1D'."]
    if intraday is None:
        fix = "IntradayBars(labelled='start' or 'end', anchored='open' or 'clock')"
        return [f"frequency {frequency!r} needs intraday={fix}: whether a bar is dated by its start or by its end."]
    problems = []
    if intraday.anchored == "clock" and _DAY % seconds:
        problems.append(f"bars anchored to the clock must divide a day, got {frequency!r}.")
    if intraday.times_in is not None and intraday.times_in not in available_timezones():
        problems.append(f"times_in must be an IANA name such as 'America/New_York' or None, got {intraday.times_in!r}.")
    return problems


def content_fingerprint(
    sessions: "pd.DatetimeIndex",
    assets: Sequence[str],
    fields: "Mapping[str, np.ndarray]",
    status: "np.ndarray",
    known_at: "pd.DatetimeIndex | None" = None,
) -> str:
    """Return ``"sha256:<hex>"`` of the values themselves, whatever file or column order they came in.

    Assets and fields enter in sorted order and every NaN counts as the same NaN, so one data set has one fingerprint as
    CSV, as long Parquet and as wide Parquet. A changed price, status, session or symbol changes it.

    Args:
        sessions: (T,) tz-naive session labels.
        assets: (A,) symbols.
        fields: Arrays (T, A) by field name.
        status: (T, A) codes of `CellStatus`.
        known_at: (T,) instants at which the bars were known, for bars shorter than a session; they enter too.
    """
    import numpy as np  # only here: a config that names a card must not pay for it

    from quantdl.market.arrays import row_blocks

    digest = hashlib.sha256()
    days = np.asarray(sessions.values).astype("datetime64[ns]").astype("<i8")
    order = sorted(range(len(assets)), key=lambda column: assets[column])
    digest.update(repr((len(sessions), [assets[column] for column in order], sorted(fields))).encode())
    digest.update(days.tobytes())
    if known_at is not None:
        instants = np.asarray(known_at.tz_convert(None).values).astype("datetime64[ns]")
        digest.update(instants.astype("<i8").tobytes())
    blocks = list(row_blocks(status))  # a mapped panel larger than memory is never copied whole
    for rows in blocks:
        digest.update(np.ascontiguousarray(status[rows][:, order], dtype=np.int8).tobytes())
    for name in sorted(fields):
        for rows in blocks:
            values = np.ascontiguousarray(fields[name][rows][:, order], dtype="<f8")
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return f"sha256:{digest.hexdigest()}"
