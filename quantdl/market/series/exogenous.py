"""Series beside the prices (a volatility index, rates, a benchmark): what was known of them, and when.

A value has two dates. The one it is *dated* says what it measures; the instant at which it *became known* says who
could have used it. A mean over June that is dated the first of June became known in July, and a file of yesterday's
figures that appears in the morning was not known yesterday. No loader guesses the second date from the first: the
`quantdl.market.series.declaration.ReleaseRule` states it.

A series is one vintage: the values as its source stated them on the card's ``as_of``. Statistics that are revised after
their first release (output, employment, prices) are therefore seen too early in their revised form, by any rule. For
them, bring the first release or the vintages themselves. Market rates and indices are not revised in that sense.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.series.declaration import SeriesDeclaration

_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class SeriesCard:
    """What is known about a series.

    Attributes:
        declaration: What was declared of it: source, unit, licence, and when its values became known.
        fingerprint: ``"sha256:<hex>"`` of dates and values, see `series_fingerprint`.
    """

    declaration: SeriesDeclaration
    fingerprint: str


@dataclass(frozen=True, eq=False)
class ExogenousSeries:
    """One series: dated values, each with the instant at which it became known. Immutable.

    Attributes:
        card: What is known about it.
        observed_on: (N,) tz-naive dates as the source gives them, increasing and unique.
        known_at: (N,) tz-aware UTC instants at which the values became known, never decreasing.
        values: (N,) float64, finite. A date without a value is left out, not filled.

    Raises:
        DataError: If the above is contradicted.
    """

    card: SeriesCard
    observed_on: pd.DatetimeIndex
    known_at: pd.DatetimeIndex
    values: np.ndarray

    def __post_init__(self) -> None:
        """Take a read-only copy of the values, then check."""
        values = np.array(self.values, dtype=np.float64)
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        problems = _problems(self)
        if problems:
            raise DataError(
                f"The series {self.name!r} from {self.card.declaration.source} contradicts itself: {' '.join(problems)}"
            )

    @property
    def name(self) -> str:
        """What the series is called in features and reports."""
        return self.card.declaration.name

    def positions(self, instants: pd.DatetimeIndex) -> np.ndarray:
        """Return (K,) int64: for each instant, which observation was the latest known; -1 before the first.

        Known means known at or before the instant. Of observations that became known together, the latest dated counts.

        Args:
            instants: (K,) tz-aware instants in any zone and order, for instance ``panel.known_at``.

        Raises:
            DataError: If the instants have no time zone.
        """
        if instants.tz is None:
            raise DataError(
                f"The series {self.name!r} was given instants without a time zone. "
                "Pass panel.known_at, or add the zone: instants.tz_localize('America/New_York')."
            )
        moments = instants.tz_convert("UTC").as_unit("us").asi8
        return np.asarray(np.searchsorted(self._instants, moments, side="right") - 1, dtype=np.int64)

    def as_of(self, instants: pd.DatetimeIndex, longest_age_days: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the values known at each instant and how long they had been known.

        The same value serves until the next one is known; its age says for how long, so a series that has ended, or a
        monthly one, is not taken for a fresh figure.

        Args:
            instants: (K,) tz-aware instants in any zone and order.
            longest_age_days: Values known for more days than this count as not known; None for no limit.

        Returns:
            The values (K,) and their ages in days (K,), both float64, NaN where no value is known.

        Raises:
            DataError: If the instants have no time zone.
        """
        position = self.positions(instants)
        known = position >= 0
        values, ages = np.full(len(position), np.nan), np.full(len(position), np.nan)
        moments = instants.tz_convert("UTC").as_unit("us").asi8
        ages[known] = (moments[known] - self._instants[position[known]]) / _DAY
        if longest_age_days is not None:
            known &= ages <= longest_age_days  # NaN compares as False
            ages[~known] = np.nan
        values[known] = self.values[position[known]]
        return values, ages

    def until(self, instant: pd.Timestamp) -> "ExogenousSeries":
        """Return the series as it was known at ``instant``, physically ending there.

        The card stays: its fingerprint is that of the whole series.

        Raises:
            DataError: If the instant has no time zone.
        """
        stop = int(self.positions(pd.DatetimeIndex([instant]))[0]) + 1
        return replace(
            self,
            observed_on=self.observed_on[:stop].copy(deep=True),
            known_at=self.known_at[:stop].copy(deep=True),
            values=self.values[:stop],
        )

    @cached_property
    def _instants(self) -> np.ndarray:
        return self.known_at.as_unit("us").asi8


def series_fingerprint(observed_on: pd.DatetimeIndex, values: np.ndarray) -> str:
    """Return ``"sha256:<hex>"`` of the dates and the values, whatever file they came in."""
    digest = hashlib.sha256()
    digest.update(observed_on.to_numpy().astype("datetime64[D]").astype("<i8").tobytes())
    digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return f"sha256:{digest.hexdigest()}"


def _problems(series: ExogenousSeries) -> list[str]:
    lengths = {len(series.observed_on), len(series.known_at), series.values.size}
    problems = []
    if len(lengths) != 1 or series.values.ndim != 1:
        problems.append("It needs as many dates as instants and values.")
    if series.observed_on.tz is not None:
        problems.append(f"observed_on must be tz-naive dates, got zone {series.observed_on.tz}.")
    if not (series.observed_on.is_monotonic_increasing and series.observed_on.is_unique):
        problems.append("observed_on must be increasing and unique.")
    if str(series.known_at.tz) != "UTC":
        problems.append(f"known_at must be tz-aware UTC instants, got zone {series.known_at.tz}.")
    elif not series.known_at.is_monotonic_increasing:
        problems.append("known_at must never decrease.")
    if not np.isfinite(series.values).all():
        problems.append("Every value must be finite; leave out the dates that have none.")
    return problems
