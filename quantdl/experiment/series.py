"""The series beside the prices: loaded, named, and put to use as inputs, as a risk-free rate and as a benchmark."""

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.config import ExperimentConfig
from quantdl.config.series_blocks import SeriesConfig
from quantdl.errors import DataError
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.series.files import SeriesDeclaration, load_series_csv, load_series_parquet

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
    return {block.name: _load(config, block, number) for number, block in enumerate(config.exogenous)}


def _load(config: ExperimentConfig, block: SeriesConfig, number: int) -> ExogenousSeries:
    path = config.locate_data(block.path, "exogenous", number, "path")
    declaration = SeriesDeclaration(
        name=block.name,
        source=block.source,
        timezone=block.timezone,
        unit=block.unit,
        as_of=block.as_of,
        licence=block.licence,
        release=block.release.rule(),
        notes=block.notes,
    )
    load = load_series_parquet if path.suffix.lower() == ".parquet" else load_series_csv
    return load(path, block.column, declaration, block.date_column or "date")


def _known(series: ExogenousSeries, sessions: pd.DatetimeIndex, calendar: str, longest_age_days: float) -> pd.Series:
    values, _ = series.as_of(trading_calendar(calendar).closes(sessions), longest_age_days)
    unknown = np.isnan(values)
    if unknown.any():
        raise DataError(
            f"{series.card.source}: no value of {series.name!r} at most {longest_age_days:g} days old was known at "
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
    return rate / 100.0 if series.card.unit == _PERCENT else rate


def benchmark_curve(series: ExogenousSeries, sessions: pd.DatetimeIndex, calendar: str) -> pd.Series:
    """Return the level of a benchmark known at the close of each session.

    Raises:
        DataError: If at some session no level was known, or none that is younger than ten days, or one is not positive.
    """
    curve = _known(series, sessions, calendar, BENCHMARK_DAYS)
    wrong = ~(curve > 0)
    if wrong.any():
        raise DataError(
            f"{series.card.source}: {series.name!r} is {curve[wrong].iloc[0]} as known at the close of "
            f"{curve.index[wrong][0]:%Y-%m-%d}; a benchmark needs a positive level at every session of the test span."
        )
    return curve
