"""Columns from series beside the prices: only what was known at each bar, and how long it had been known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.features.columns import Columns, Feature
from quantdl.features.decay import decayed_mean
from quantdl.market.series.exogenous import ExogenousSeries

_LEVEL_HALF_LIFE = 250.0
_CHANGE_HALF_LIFE = 60.0
_WARM_UP_BARS = 20
_ROUNDING = 1e-9  # of a value: the mean of a series that never moves differs from it by less, and that is no move


def exogenous_columns(series: Sequence[ExogenousSeries], known_at: pd.DatetimeIndex) -> Columns:
    """Three columns for each series, the same for every asset.

    ``<name>_level``: the value less its decayed mean, over its decayed deviation, both as they stood a bar before;
    ``<name>_change``: its change since the bar before, over the root of the decayed mean square of earlier changes;
    both through asinh, and known once twenty earlier ones are. ``<name>_age``: ``log1p`` of the days since the value
    became known. Between two releases the last value stands, its change is zero, and its age says how old it is.

    Args:
        series: Each with a name of its own.
        known_at: (T,) instants of the bars.

    Raises:
        DataError: If two series have one name.
    """
    names = [item.name for item in series]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"Two exogenous series are called {' and '.join(map(repr, twice))}. Give each its own name.")
    for item in series:
        values, ages = item.as_of(known_at)
        level, change = _level_and_change(values)
        yield Feature(f"{item.name}_level", _LEVEL_HALF_LIFE), level[:, None]
        yield Feature(f"{item.name}_change", _CHANGE_HALF_LIFE), change[:, None]
        yield Feature(f"{item.name}_age", look_back_bars=0), np.log1p(ages)[:, None]


def _level_and_change(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level and change (T,) of a series (T,), NaN where either is not known."""
    level, change = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    bars = np.flatnonzero(np.isfinite(values))
    if len(bars) < 2:
        return level, change
    known = values[bars]
    with np.errstate(over="ignore", invalid="ignore"):  # a series of 1e300 squares to infinity, and counts as not known
        apart = known[1:] - decayed_mean(known, _LEVEL_HALF_LIFE)[:-1]
        apart[np.abs(apart) <= _ROUNDING * np.abs(known[1:])] = 0.0
        level[bars[1:]] = _over_earlier_size(apart, _LEVEL_HALF_LIFE)
        change[bars[1:]] = _over_earlier_size(np.diff(known), _CHANGE_HALF_LIFE)
    return level, change


def _over_earlier_size(moves: np.ndarray, half_life: float) -> np.ndarray:
    """Asinh of each move over the root mean square of those before it; NaN until there are twenty and some moved."""
    size = np.sqrt(decayed_mean(moves**2, half_life))
    before = np.concatenate([[np.nan], size[:-1]])
    usable = (np.arange(len(moves)) >= _WARM_UP_BARS) & (before > 0) & np.isfinite(before)
    return np.where(usable, np.arcsinh(moves / np.where(usable, before, 1.0)), np.nan)
