"""The series beside the prices: loaded, named, and put to use as inputs, as a risk-free rate and as a benchmark."""

from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.config import ExperimentConfig
from quantdl.errors import DataError
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.series.files import load_series_file

RATE_DAYS = 92.0
"""Oldest rate that counts as known: monthly means are published weeks after a month's end."""

BENCHMARK_DAYS = 10.0
"""Oldest level of a benchmark that counts as known."""

_PERCENT = "percent a year"


def load_series(config: ExperimentConfig) -> dict[str, ExogenousSeries]:
    """Load every series of a config, by name.

    Raises:
        ConfigError: If a path names a variable of the environment that is not set.
        DataError: If one cannot be read; the message names file, row and column.
    """
    paths = [config.locate_data(file.path, "exogenous", number, "path") for number, file in enumerate(config.exogenous)]
    located = [replace(file, path=path) for file, path in zip(config.exogenous, paths, strict=True)]
    return {file.name: load_series_file(file) for file in located}


def _known(series: ExogenousSeries, sessions: pd.DatetimeIndex, calendar: str, longest_age_days: float) -> pd.Series:
    values, _ = series.as_of(trading_calendar(calendar).closes(sessions), longest_age_days)
    unknown = np.isnan(values)
    if unknown.any():
        raise DataError(
            f"{series.card.declaration.source}: "
            f"no value of {series.name!r} at most {longest_age_days:g} days old was known at "
            f"the close of {sessions[unknown][0]:%Y-%m-%d}, and of {int(unknown.sum()) - 1:,} further sessions; the "
            f"series runs {series.observed_on[0]:%Y-%m-%d}..{series.observed_on[-1]:%Y-%m-%d}. "
            "Fix: bring a series that covers the test span, or shorten the span."
        )
    return pd.Series(values, sessions)


def risk_free_rate(series: ExogenousSeries, sessions: pd.DatetimeIndex, calendar: str) -> pd.Series:
    """Return the annual rate known at the close of each session, as a fraction.

    Raises:
        DataError: If at some session no rate was known, or none that is younger than a quarter of a year.
    """
    rate = _known(series, sessions, calendar, RATE_DAYS)
    return rate / 100.0 if series.card.declaration.unit == _PERCENT else rate


def benchmark_curve(series: ExogenousSeries, sessions: pd.DatetimeIndex, calendar: str) -> pd.Series:
    """Return the level of a benchmark known at the close of each session.

    Raises:
        DataError: If at some session no level was known, or none that is younger than ten days, or one is not positive.
    """
    curve = _known(series, sessions, calendar, BENCHMARK_DAYS)
    wrong = ~(curve > 0)
    if wrong.any():
        raise DataError(
            f"{series.card.declaration.source}: {series.name!r} is {curve[wrong].iloc[0]} as known at the close of "
            f"{curve.index[wrong][0]:%Y-%m-%d}; a benchmark needs a positive level at every "
            "session of the test span. Correct the file, or name another series as benchmark."
        )
    return curve
