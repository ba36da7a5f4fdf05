"""Data that a strategy reads from outside of its view, such as a table in a notebook: dated rows with another future.

A table with dates, a panel, and an array with a row for each bar of the prices can be given other later rows, so
whether a decision depends on them can be tried. Of anything else nothing can be shown.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from quantdl.market.panel import Panel

_NOISE = 0.03  # of log prices, a standard deviation


@dataclass(frozen=True)
class Moment:
    """The close of a bar.

    Attributes:
        bar: Its number.
        label: Its label, tz-naive.
        instant: When it was known, tz-aware.
    """

    bar: int
    label: pd.Timestamp
    instant: pd.Timestamp

    def before(self, dates: pd.DatetimeIndex) -> np.ndarray:
        """(N,) which rows were there at this close: a row is known at the close of the session that dates it."""
        return np.asarray(dates <= (self.label if dates.tz is None else self.instant))


class OutsideData(Protocol):
    """Something that a strategy reads from outside, in one of many worlds."""

    @property
    def value(self) -> object:
        """What the strategy finds under the name."""
        ...

    def until(self, moment: Moment) -> "OutsideData":
        """Return what there was at a close."""
        ...

    def rewritten(self, first: Moment, last: Moment, generator: np.random.Generator) -> "OutsideData":
        """Return it with other rows after one close and up to another."""
        ...


@dataclass(frozen=True, eq=False)
class DatedTable:
    """A table or a column of pandas whose index, or a level of it, is dates.

    Attributes:
        value: The table.
        dates: (N,) of its rows.
    """

    value: pd.DataFrame | pd.Series
    dates: pd.DatetimeIndex

    def until(self, moment: Moment) -> "DatedTable":
        """Return the rows up to a close."""
        kept = moment.before(self.dates)
        return DatedTable(self.value[kept], self.dates[kept])

    def rewritten(self, first: Moment, last: Moment, generator: np.random.Generator) -> "DatedTable":
        """Return it with other numbers and flags in the rows between; text stays."""
        rows = np.flatnonzero(~first.before(self.dates) & last.before(self.dates))
        other = self.value.copy()
        if isinstance(other, pd.Series):
            return DatedTable(_with_other_rows(other, rows, generator), self.dates)
        columns = {at: _with_other_rows(other.iloc[:, at], rows, generator) for at in range(other.shape[1])}
        made = pd.concat(columns, axis=1) if columns else other
        made.columns = other.columns
        return DatedTable(made, self.dates)


@dataclass(frozen=True, eq=False)
class BarArray:
    """An array of numpy with one row for each bar of the prices."""

    value: np.ndarray

    def until(self, moment: Moment) -> "BarArray":
        """Return the rows up to a close."""
        return BarArray(self.value[: moment.bar + 1])

    def rewritten(self, first: Moment, last: Moment, generator: np.random.Generator) -> "BarArray":
        """Return it with other values in the rows between."""
        other = self.value.copy()
        rows = slice(first.bar + 1, last.bar + 1)
        other[rows] = _other(self.value, self.value[rows], generator)
        return BarArray(other)


@dataclass(frozen=True, eq=False)
class OutsidePanel:
    """A whole panel of prices."""

    value: Panel

    def until(self, moment: Moment) -> "OutsidePanel":
        """Return the panel as it was known at a close."""
        return OutsidePanel(self.value.until(moment.instant))

    def rewritten(self, first: Moment, last: Moment, generator: np.random.Generator) -> "OutsidePanel":
        """Return it with other prices in the bars between."""
        known = self.value.known_at
        rows = np.asarray((known > first.instant) & (known <= last.instant))
        walk = np.exp(np.cumsum(_NOISE * generator.standard_normal((int(rows.sum()), len(self.value.assets))), axis=0))
        fields = {name: values.copy() for name, values in self.value.fields.items()}
        for values in fields.values():
            values[rows] = values[rows] * walk
        return OutsidePanel(replace(self.value, fields=fields))


def outside_data(value: object, bars: int) -> OutsideData | None:
    """Return data that can be given another future, or None where no dates of its rows are known.

    Args:
        value: What stands outside of the strategy.
        bars: Number of bars of the prices.
    """
    if isinstance(value, Panel):
        return OutsidePanel(value)
    if isinstance(value, pd.DataFrame | pd.Series):
        dates = _dates(value.index)
        if dates is not None:
            return DatedTable(value, dates)
        return None
    if isinstance(value, np.ndarray) and value.ndim and len(value) == bars and value.dtype.kind in "fiub":
        return BarArray(value)
    return None


def _dates(index: pd.Index) -> pd.DatetimeIndex | None:
    levels = [index.get_level_values(at) for at in range(index.nlevels)]
    return next((level for level in levels if isinstance(level, pd.DatetimeIndex)), None)


def _with_other_rows(column: pd.Series, rows: np.ndarray, generator: np.random.Generator) -> pd.Series:
    if not len(rows) or not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return column
    values = column.to_numpy()
    if values.dtype.kind == "i":
        values = values.astype(np.float64)
    if values.dtype.kind not in "fb":
        return column
    values = values.copy()
    values[rows] = _other(column.to_numpy(), values[rows], generator)
    return pd.Series(values, column.index, name=column.name)


def _other(whole: np.ndarray, own: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Other values in place of some: as far from them as they are spread, at random where they are flags."""
    if own.dtype.kind == "b":
        return np.asarray(generator.random(own.shape) < 0.5)
    spread = float(np.nanstd(np.asarray(whole, dtype=np.float64))) if whole.size else 0.0
    noise = generator.standard_normal((2, *own.shape))
    other = own * np.exp(_NOISE * noise[0]) + spread * noise[1]
    return np.asarray(other.astype(own.dtype) if own.dtype.kind in "iu" else other)
