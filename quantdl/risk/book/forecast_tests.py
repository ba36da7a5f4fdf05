"""Every test of a run's risk forecasts, one record a test, and what e-processes made of them session by session."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from quantdl.records import OMIT_DEFAULT
from quantdl.risk.backtests import (
    BaselZone,
    TestResult,
    acerbi_szekely_z1,
    acerbi_szekely_z2,
    berkowitz,
    christoffersen,
    dynamic_quantile,
    kolmogorov_smirnov,
    tail_degrees_of_freedom,
    traffic_lights,
    weibull_durations,
)
from quantdl.risk.backtests.monitoring import (
    RESTART,
    e_process,
    exception_process,
    shortfall_process,
    transform_densities,
)
from quantdl.risk.backtests.traffic_light import LEVEL
from quantdl.risk.book.predictions import RiskTable

N_PATHS = 999
"""Simulated series behind a p-value of a run; it is exact for any number of them, more would only steady it."""

ALARM = 20.0
"""Money of an e-process at which it speaks against the forecasts: at most one right model in twenty ever reaches it."""


@dataclass(frozen=True)
class ForecastTest:
    """One test of a run's risk forecasts.

    Attributes:
        test: Its name, as the functions of `quantdl.risk.backtests` state it.
        level: Confidence of the forecasts; None for a test of whole laws.
        statistic: What it computed; None where it is undefined.
        p_value: Chance of a statistic at least as extreme if the forecasts are right; None likewise.
        how: Whether the p-value is ``"exact"``, ``"simulated"`` or ``"asymptotic"``.
        n: Observations.
        undefined: Why it is undefined; empty where it is not.
    """

    test: str
    level: float | None
    statistic: float | None
    p_value: float | None
    how: str
    n: int
    undefined: str = ""


@dataclass(frozen=True)
class EProcessRecord:
    """What an e-process made of the forecasts.

    Attributes:
        bets_on: ``"exceptions"``, ``"shortfall"`` or ``"transforms"``.
        level: Confidence of the forecasts; None for whole laws.
        last: Its money after the last session.
        highest: The most that it ever had: 20 or more has a right model with 5 % at most.
        highest_on: Session after which it had the most.
    """

    bets_on: str
    level: float | None
    last: float
    highest: float
    highest_on: date


@dataclass(frozen=True)
class MonitoredYear:
    """A year of the strip.

    Attributes:
        year: The year.
        n: Sessions with a prediction at the highest level.
        exceptions: Exceptions at that level.
        expected: As many as were promised.
        mean_pit: Mean probability of a smaller loss; one half is expected. None without any.
        exceptions_money: Money of those who bet on exceptions after its last session.
        shortfall_money: Of those who bet on large losses.
        transforms_money: Of those who bet on transforms; None without any.
    """

    year: int
    n: int
    exceptions: int
    expected: float
    mean_pit: float | None
    exceptions_money: float
    shortfall_money: float
    transforms_money: float | None


@dataclass(frozen=True)
class ForecastTests:
    """What ``metrics.json`` holds of the tests of a run's risk forecasts.

    Attributes:
        tests: Every test, by level.
        hypothetical: Traffic light on the held book's losses; None where it is undefined.
        actual: Traffic light on the account's losses, costs and trades within the session included; None likewise.
        lights_undefined: Why they are undefined; empty where they are not.
        e_processes: What the three e-processes made of it.
        years: The strip by year.
    """

    tests: tuple[ForecastTest, ...]
    hypothetical: BaselZone | None
    actual: BaselZone | None
    lights_undefined: str
    e_processes: tuple[EProcessRecord, ...]
    years: tuple[MonitoredYear, ...] = field(default=(), metadata=OMIT_DEFAULT)


def forecast_tests(risk: RiskTable, actual: pd.Series, seed: int = 0) -> tuple[ForecastTests, pd.DataFrame]:
    """Test a run's risk forecasts.

    Args:
        risk: Predictions beside losses, not empty.
        actual: Losses of the account by session, as fractions, costs included; of the sessions in ``risk`` at least.
        seed: Of the simulated p-values.

    Returns:
        The record, and the strip by session: columns ``exception, pit, exceptions_money, shortfall_money,
        transforms_money``, indexed by session, of the sessions predicted at the highest level.

    Raises:
        ValueError: If ``risk`` has no row.
    """
    levels = sorted({float(level) for level in risk.rows["level"]})
    if not levels:
        raise ValueError("no value at risk was predicted, so there is nothing to test.")
    by_level = {level: risk.rows[risk.rows["level"] == level].set_index("session") for level in levels}
    tests = [one for level, rows in by_level.items() for one in _tests_at(level, rows, seed)]
    pit = risk.probabilities.to_numpy()
    tests += [_tested("kolmogorov_smirnov", None, len(pit), lambda: kolmogorov_smirnov(pit))]
    tests += [_tested("berkowitz", None, len(pit), lambda: berkowitz(pit))]
    lights, why = _lights(by_level.get(LEVEL), actual)
    strip = monitoring_strip(risk)
    return ForecastTests(
        tests=tuple(tests),
        hypothetical=None if lights is None else lights[0],
        actual=None if lights is None else lights[1],
        lights_undefined=why,
        e_processes=tuple(_e_processes(strip, levels)),
        years=tuple(_years(strip, levels[-1])),
    ), strip


def monitoring_strip(risk: RiskTable) -> pd.DataFrame:
    """Return exceptions at the highest level, transforms, and the money of three e-processes after each session.

    Those who bet on large losses do so at the lowest level, which has the most exceptions to go by.
    """
    levels = sorted({float(level) for level in risk.rows["level"]})
    low, high = (risk.rows[risk.rows["level"] == level].set_index("session") for level in (levels[0], levels[-1]))
    money = shortfall_process(low["loss"], low["value_at_risk"], low["expected_shortfall"], levels[0])
    strip = pd.DataFrame(
        {
            "exception": high["exception"].astype(bool),
            "pit": risk.probabilities.reindex(high.index),
            "exceptions_money": exception_process(high["loss"], high["value_at_risk"], levels[-1]),
            "shortfall_money": pd.Series(money, low.index).reindex(high.index),
        },
        high.index,
    )
    cells = risk.cells
    strip["transforms_money"] = np.nan
    if len(cells):
        path = pd.Series(e_process(transform_densities().T[cells.to_numpy()], RESTART), cells.index)
        strip["transforms_money"] = path.reindex(high.index).ffill()
    return strip


def _tests_at(level: float, rows: pd.DataFrame, seed: int) -> Iterator[ForecastTest]:
    hits, n = rows["exception"].to_numpy(dtype=bool), len(rows)
    loss, value, shortfall = (rows[name].to_numpy() for name in ("loss", "value_at_risk", "expected_shortfall"))
    if n > 1:
        found = christoffersen(hits, level, exact=True)
        for one in (found.coverage, found.independence, found.conditional_coverage):
            yield _record(one, level)
    yield _tested("dynamic_quantile", level, n, lambda: dynamic_quantile(hits, level, n_paths=N_PATHS, seed=seed))
    yield _tested("weibull_durations", level, n, lambda: weibull_durations(hits, level, n_paths=N_PATHS, seed=seed))
    for name, test in (("acerbi_szekely_z1", acerbi_szekely_z1), ("acerbi_szekely_z2", acerbi_szekely_z2)):
        yield _tested(name, level, n, partial(_of_predicted_tail, test, loss, value, shortfall, level, seed))


ShortfallTest = Callable[..., TestResult]


def _of_predicted_tail(
    test: ShortfallTest, loss: np.ndarray, value: np.ndarray, shortfall: np.ndarray, level: float, seed: int
) -> TestResult:
    """Test the shortfall against simulated losses whose tail is as heavy as the predicted one."""
    degrees = tail_degrees_of_freedom(value, shortfall, level)
    return test(loss, value, shortfall, level, degrees, seed=seed)


def _tested(name: str, level: float | None, n: int, test: Callable[[], TestResult]) -> ForecastTest:
    """Return a record of a test, or of why it says nothing."""
    try:
        found = test()
    except ValueError as error:
        return ForecastTest(name, level, None, None, "", n, str(error))
    return _record(found, level)


def _record(found: TestResult, level: float | None) -> ForecastTest:
    return ForecastTest(found.test, level, found.statistic, found.p_value, found.how, found.n)


def _lights(rows: pd.DataFrame | None, actual: pd.Series) -> tuple[tuple[BaselZone, BaselZone] | None, str]:
    if rows is None:
        return None, f"no value at risk was predicted at {LEVEL:g}."
    try:
        found = traffic_lights(rows["loss"], actual.reindex(rows.index), rows["value_at_risk"])
    except ValueError as error:
        return None, str(error)
    return (found.hypothetical, found.actual), ""


def _e_processes(strip: pd.DataFrame, levels: list[float]) -> Iterator[EProcessRecord]:
    for name, level in (("exceptions", levels[-1]), ("shortfall", levels[0]), ("transforms", None)):
        path = strip[f"{name}_money"].dropna()
        if len(path):
            top = pd.Timestamp(str(path.idxmax())).date()
            yield EProcessRecord(name, level, float(path.iloc[-1]), float(path.max()), top)


def _years(strip: pd.DataFrame, level: float) -> Iterator[MonitoredYear]:
    for year, rows in strip.groupby(pd.DatetimeIndex(strip.index).year):
        pit, last = rows["pit"].dropna(), rows.iloc[-1]
        drawn = float(last["transforms_money"])
        yield MonitoredYear(
            year=int(str(year)),
            n=len(rows),
            exceptions=int(rows["exception"].sum()),
            expected=round((1.0 - level) * len(rows), 6),
            mean_pit=float(pit.mean()) if len(pit) else None,
            exceptions_money=float(last["exceptions_money"]),
            shortfall_money=float(last["shortfall_money"]),
            transforms_money=drawn if np.isfinite(drawn) else None,
        )
