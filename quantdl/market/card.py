"""The data card: what is known about a set of prices, and what is not, before anybody trades on it."""

import hashlib
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
class DataCard:
    """Where prices come from and how they may be read.

    Attributes:
        source: Who published the prices, and through what they were read.
        timezone: IANA name of the exchange's zone. Sessions are dates of that zone.
        frequency: Spacing of the bars as a pandas offset, ``"1D"`` for one bar a session.
        adjustment: ``"raw"`` as traded, ``"split"`` for splits only, ``"total_return"`` for splits and dividends.
        calendar: Name of the trading calendar, ISO code first (``"XNYS"``).
        as_of: Day on which the source stated these values. Adjusted prices of the past change with later dividends
            and splits, so two vintages of one history differ.
        licence: Terms under which the prices may be used.
        fields: The fields that exist, for instance ``("close",)``. What is not listed cannot be read.
        fingerprint: ``"sha256:<hex>"`` of the values as loaded, before any policy; see `content_fingerprint`.
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
        frequency: Spacing of the bars, ``"1D"`` for one bar a session.
        adjustment: ``"raw"``, ``"split"`` or ``"total_return"``, see `DataCard`.
        calendar: Name of the trading calendar, ISO code first.
        as_of: Day on which the source stated the values.
        licence: Terms under which the prices may be used.
        universe: How the assets were chosen, see `DataCard`.
        on_fault: ``"refuse"`` raises on the first load that finds impossible rows, with all of them named. ``"record"``
            loads what can be loaded, so that a census may count the rest: impossible prices stay as they are, rows that
            cannot stand on the session axis are left out, and each is recorded in `Panel.faults`.
        silence: How silence after an asset's last trade is read.
        sectors: Sector by symbol, where known.
        notes: Facts for the card.
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

    def __post_init__(self) -> None:
        """Refuse words that mean nothing here, all of them at once.

        Raises:
            DataError: If an attribute holds a value outside its list or an unknown time zone.
        """
        allowed: dict[str, tuple[str, ...]] = {
            "adjustment": get_args(Adjustment),
            "universe": get_args(Universe),
            "on_fault": get_args(OnFault),
            "frequency": ("1D",),
        }
        wrong = [
            f"{name} must be {' or '.join(map(repr, choices))}, got {getattr(self, name)!r}."
            for name, choices in allowed.items()
            if getattr(self, name) not in choices
        ]
        if self.timezone not in available_timezones():
            wrong.append(f"timezone must be an IANA name such as 'America/New_York', got {self.timezone!r}.")
        if wrong:
            raise DataError(f"The declaration of {self.source!r} cannot be read: {' '.join(wrong)}")


def content_fingerprint(
    sessions: "pd.DatetimeIndex", assets: Sequence[str], fields: "Mapping[str, np.ndarray]", status: "np.ndarray"
) -> str:
    """Return ``"sha256:<hex>"`` of the values themselves, whatever file or column order they came in.

    Assets and fields enter in sorted order and every NaN counts as the same NaN, so one data set has one fingerprint as
    CSV, as long Parquet and as wide Parquet. A changed price, status, session or symbol changes it.

    Args:
        sessions: (T,) tz-naive session labels.
        assets: (A,) symbols.
        fields: Arrays (T, A) by field name.
        status: (T, A) codes of `CellStatus`.
    """
    import numpy as np  # only here: a config that names a card must not pay for it

    digest = hashlib.sha256()
    days = np.asarray(sessions.values).astype("datetime64[ns]").astype("<i8")
    order = sorted(range(len(assets)), key=lambda column: assets[column])
    digest.update(repr((len(sessions), [assets[column] for column in order], sorted(fields))).encode())
    digest.update(days.tobytes())
    digest.update(np.ascontiguousarray(status[:, order], dtype=np.int8).tobytes())
    for name in sorted(fields):
        values = np.ascontiguousarray(fields[name][:, order], dtype="<f8")
        digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return f"sha256:{digest.hexdigest()}"
