"""The series beside the prices: loaded, named, and put to use as inputs, as a risk-free rate and as a benchmark."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar, trading_calendar
from quantdl.calendars.bars import is_intraday
from quantdl.calendars.labels import bar_text
from quantdl.config import ExperimentConfig, ForecastConfig
from quantdl.errors import DataError
from quantdl.market.panel import Panel
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.series.files import load_series_file

_PERCENT = "percent a year"
_HIGHEST_RATE = 2.0  # a year; the highest policy rate of this century that markets traded under was 1.33 (Argentina)
_FEWEST_NEW = 0.5  # of the sessions of a benchmark's figures: those on which it has a new value
_FEWEST_ASKED = 10  # sessions from which on that share is told


def load_series(config: ForecastConfig) -> dict[str, ExogenousSeries]:
    """Load every series of a config, by name.

    Raises:
        ConfigError: If a path names a variable of the environment that is not set.
        DataError: If one cannot be read; the message names file, row and column.
    """
    paths = [config.locate_data(file.path, "exogenous", number, "path") for number, file in enumerate(config.exogenous)]
    located = [replace(file, path=path) for file, path in zip(config.exogenous, paths, strict=True)]
    return {file.name: load_series_file(file) for file in located}


def refuse_stale(
    config: ExperimentConfig,
    series: Mapping[str, ExogenousSeries],
    sessions: pd.DatetimeIndex,
    calendar: TradingCalendar,
    instants: pd.DatetimeIndex | None = None,
) -> None:
    """Refuse series that a run cannot read at its sessions, before anything is fitted.

    That is one of which no value was known there, or only one too old; a rate that is none, or 200 % a year and more,
    as 5 is where 5 % was meant; and a benchmark with a new value on fewer than half of the sessions, whose volatility
    and value at risk would be those of stairs.

    Args:
        config: Of the run; its risk-free rate, its benchmark and the inputs of its model are looked at.
        series: By name.
        sessions: Of the test span, and the one before it.
        calendar: Trading calendar of the prices.
        instants: At which a series is read, where they are not the closes of the sessions, see `read_at`.

    Raises:
        DataError: With file, row and session of every series that fails, what it is used for, and the fix.
    """
    single = {"risk_free": config.risk_free, "benchmark": config.benchmark}
    uses = [(name, config.where(key)) for key, name in single.items() if name is not None]
    uses += [
        (name, config.where("features", "exogenous")) for name in config.features.exogenous if config.model is not None
    ]
    faults = []
    for name, where in uses:
        fault = _unknown(series[name], sessions, calendar, instants)
        if not fault and where == config.where("risk_free"):
            fault = _no_rate(series[name], sessions, calendar, instants)
        if not fault and where == config.where("benchmark"):
            fault = _stairs(series[name], sessions, calendar, instants)
        if fault:
            (path,) = (file.path for file in config.exogenous if file.name == name)
            faults.append(f"{path} (named at {where}): {fault}")
    if faults:
        raise DataError("\n".join(faults))


def read_at(panel: Panel, rows: slice | np.ndarray) -> pd.DatetimeIndex | None:
    """Return the instants at which a series is read for bars within a session; None where that is a session's close."""
    return panel.known_at[rows] if is_intraday(panel.card.declaration.frequency) else None


def _unknown(
    series: ExogenousSeries,
    sessions: pd.DatetimeIndex,
    calendar: str | TradingCalendar,
    instants: pd.DatetimeIndex | None,
) -> str:
    """Say at which sessions no value of a series, or too old a one, was known at the close; empty where there is none.

    The age of a value is the number of sessions of the series' own calendar that closed since it became known, before
    the close that asks: holidays age nothing.
    """
    if not len(sessions):
        return ""
    closes = trading_calendar(calendar).closes(sessions) if instants is None else instants
    position = series.positions(closes)
    declared = series.card.declaration
    ages = _ages(series, closes, position, declared.release.calendar or calendar)
    wrong = np.flatnonzero((position < 0) | (ages > declared.longest_age))
    if not len(wrong):
        return ""
    first = int(wrong[0])
    last = position[first]
    if last < 0:
        known = f"its first row, dated {series.observed_on[0]:%Y-%m-%d}, became known {_instant(series.known_at[0])}"
    else:
        known = (
            f"the last row known then, dated {series.observed_on[last]:%Y-%m-%d}, became known "
            f"{_instant(series.known_at[last])}, {ages[first]} sessions before"
        )
    return (
        f"no value of {series.name!r} at most {declared.longest_age} sessions old was known at the close of "
        f"{bar_text(sessions[first])}, and of {len(wrong) - 1:,} further sessions: {known}; the series runs "
        f"{series.observed_on[0]:%Y-%m-%d}..{series.observed_on[-1]:%Y-%m-%d}. "
        "Fix: bring a series that covers the test span, shorten the span, or state longest_age_sessions of the series "
        "if its values hold for longer."
    )


def _no_rate(
    series: ExogenousSeries,
    sessions: pd.DatetimeIndex,
    calendar: TradingCalendar,
    instants: pd.DatetimeIndex | None,
) -> str:
    """Say at which session a risk-free rate is no rate a year in the declared unit; empty where there is none."""
    rates, unit = risk_free_rate(series, sessions, calendar, instants), series.card.declaration.unit
    wrong = rates[~((rates > -1) & (rates < _HIGHEST_RATE))]
    if not len(wrong):
        return ""
    other = f"declare the unit {_PERCENT!r} if percent are meant, or c" if unit != _PERCENT else "c"
    return (
        f"{series.name!r}, declared in {unit!r}, is {wrong.iloc[0]:.4g} a year ({wrong.iloc[0]:.0%}) at the close of "
        f"{bar_text(wrong.index[0])}, and beyond reason at {len(wrong) - 1:,} further sessions; expected rates between "
        f"-100% and {_HIGHEST_RATE:.0%} a year. Fix: {other}orrect the values."
    )


def _stairs(
    series: ExogenousSeries,
    sessions: pd.DatetimeIndex,
    calendar: TradingCalendar,
    instants: pd.DatetimeIndex | None,
) -> str:
    """Say that a benchmark has a new value on too few sessions for figures of a bar; empty where it has enough."""
    stated = series.card.declaration.longest_age_sessions is not None  # its values hold for longer, who brings it says
    if stated or len(sessions) < _FEWEST_ASKED:
        return ""
    position = series.positions(trading_calendar(calendar).closes(sessions) if instants is None else instants)
    new = int(np.count_nonzero(np.diff(position)))
    if new >= _FEWEST_NEW * (len(sessions) - 1):
        return ""
    return (
        f"{series.name!r} has a new value on {new:,} of {len(sessions) - 1:,} sessions; in between it would stand "
        "still, and its volatility, Sharpe ratio and value at risk would be those of stairs. Fix: bring a benchmark "
        "with a value for each bar, run on bars as long as its own (frequency 1W or 1M), or state longest_age_sessions "
        "of the series if its values hold for longer."
    )


def _ages(
    series: ExogenousSeries, instants: pd.DatetimeIndex, position: np.ndarray, calendar: str | TradingCalendar
) -> np.ndarray:
    """(K,) sessions of a calendar that closed from when the value in use became known until before each instant."""
    known = series.known_at[np.maximum(position, 0)]
    own, day = trading_calendar(calendar), pd.Timedelta(days=1)
    first, last = (moment.tz_convert(None).normalize() for moment in (min(known.min(), instants.min()), instants.max()))
    days = own.sessions(max(first - day, own.first_day), min(last + day, own.last_day))
    closed = own.closes(days)
    return np.asarray(closed.searchsorted(instants, side="left") - closed.searchsorted(known, side="left"))


def _instant(moment: pd.Timestamp) -> str:
    return f"at {moment:%Y-%m-%d %H:%M} UTC"


def _known(
    series: ExogenousSeries,
    sessions: pd.DatetimeIndex,
    calendar: str | TradingCalendar,
    instants: pd.DatetimeIndex | None,
) -> pd.Series:
    fault = _unknown(series, sessions, calendar, instants)
    if fault:
        raise DataError(f"{series.card.declaration.source}: {fault}")
    values, _ = series.as_of(trading_calendar(calendar).closes(sessions) if instants is None else instants)
    return pd.Series(values, sessions)


def risk_free_rate(
    series: ExogenousSeries,
    sessions: pd.DatetimeIndex,
    calendar: str | TradingCalendar,
    instants: pd.DatetimeIndex | None = None,
) -> pd.Series:
    """Return the annual rate known at the close of each session, or at the given instants, as a fraction.

    Raises:
        DataError: If at some session no rate was known, or only one older than the series declares.
    """
    rate = _known(series, sessions, calendar, instants)
    return rate / 100.0 if series.card.declaration.unit == _PERCENT else rate


def benchmark_curve(
    series: ExogenousSeries,
    sessions: pd.DatetimeIndex,
    calendar: str | TradingCalendar,
    instants: pd.DatetimeIndex | None = None,
) -> pd.Series:
    """Return the level of a benchmark known at the close of each session, or at the given instants.

    Raises:
        DataError: If at some session no level was known, or only one older than the series declares, or one is not
            positive.
    """
    curve = _known(series, sessions, calendar, instants)
    wrong = ~(curve > 0)
    if wrong.any():
        raise DataError(
            f"{series.card.declaration.source}: {series.name!r} is {curve[wrong].iloc[0]} as known at the close of "
            f"{bar_text(curve.index[wrong][0])}; a benchmark needs a positive level at every "
            "session of the test span. Correct the file, or name another series as benchmark."
        )
    return curve
