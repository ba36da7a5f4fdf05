"""The conditions that end a run: a right model is rarely halted, a wrong one soon."""

import numpy as np
import pytest

from quantdl.backtest.book.conditions import (
    ExceptionProcess,
    Observed,
    drawdowns,
    exception_values,
    shortfall_values,
    streaks,
    transform_values,
    volatilities,
)
from quantdl.backtest.book.terms import HaltCondition
from tests.backtest.oracle.conditions import (
    CalibrationMonitor,
    DrawdownMonitor,
    Observation,
    StaleDataMonitor,
    VolatilityMonitor,
    monitor,
)

FOUR_YEARS = 1008


def highest(exceptions: np.ndarray, probability: float) -> np.ndarray:
    """(N,) the highest value of the e-process on N paths, from its definition: a mean of likelihood ratios."""
    counts = np.cumsum(exceptions, axis=1)
    rest = np.arange(1, exceptions.shape[1] + 1) - counts
    values = 0.0
    for ratio in (1.5, 2.0, 3.0, 5.0, 10.0):
        q = min(ratio * probability, (1 + probability) / 2)
        values = values + (q / probability) ** counts * ((1 - q) / (1 - probability)) ** rest / 5
    return values.max(axis=1)


@pytest.mark.parametrize("probability", [0.01, 0.05])
def test_the_process_is_its_definition(probability):
    hits = np.random.default_rng(0).random((1, 300)) < 3 * probability
    process = ExceptionProcess(probability)
    path = [process.update(bool(hit)) for hit in hits[0]]
    assert max(path) == pytest.approx(highest(hits, probability)[0], rel=1e-12)


def halted_share(exceptions: np.ndarray, level: float, false_halt_probability: float) -> float:
    """Share of the (N, T) paths on which the plan's calibration condition ends the run.

    By the definition of the process; the engine's own monitor is held to it on the first paths.
    """
    halted = highest(exceptions, 1 - level) >= 1 / false_halt_probability
    condition = HaltCondition("calibration", 1 / false_halt_probability, level=level)
    assert [first_halt(path, condition) is not None for path in exceptions[:30]] == halted[:30].tolist()
    return float(halted.mean())


def first_halt(exceptions: np.ndarray, condition: HaltCondition) -> int | None:
    """Session at which the condition's own monitor reaches its own limit; None where it never does."""
    watcher = monitor(condition, 1e6, 252.0)
    for number, exception in enumerate(exceptions):
        if watcher.update(Observation(1e6, 0, float(exception), (0.5,))) >= watcher.limit:
            return number
    return None


@pytest.mark.parametrize(
    ("level", "seed", "n_paths"),
    [
        (0.99, 11, 2_000),
        pytest.param(0.99, 11, 10_000, marks=pytest.mark.slow),
        pytest.param(0.95, 12, 10_000, marks=pytest.mark.slow),
    ],
)
def test_a_right_model_is_halted_in_four_years_with_five_percent_at_most(level, seed, n_paths):
    """Of 10,000 right models, 500 may be halted: no allowance for chance is needed."""
    paths = np.random.default_rng(seed).random((n_paths, FOUR_YEARS)) < 1 - level
    assert halted_share(paths, level, 0.05) <= 0.05


@pytest.mark.parametrize("false_halt_probability", [0.01, 0.05, 0.2])
def test_a_run_is_halted_at_the_first_session_on_which_the_evidence_reaches_the_plans_odds(false_halt_probability):
    exceptions = np.random.default_rng(5).random((1, 600)) < 0.06
    process = np.array([highest(exceptions[:, : t + 1], 0.01)[0] for t in range(exceptions.shape[1])])
    expected = int(np.argmax(process >= 1 / false_halt_probability))
    condition = HaltCondition("calibration", 1 / false_halt_probability, level=0.99)
    assert 0 < expected == first_halt(exceptions[0], condition)
    assert monitor(condition, 1e6, 252.0).limit == pytest.approx(1 / false_halt_probability)  # Ville's inequality


def test_a_right_model_in_clustered_volatility_is_not_halted_more_often():
    """Exceptions at a right conditional level are independent however volatile the market: the level moves along."""
    generator = np.random.default_rng(2)
    n_paths, variance = 5000, np.full(5000, 1e-4)
    exceptions = np.zeros((n_paths, FOUR_YEARS), dtype=bool)
    for t in range(FOUR_YEARS):
        draw = generator.standard_normal(n_paths)
        exceptions[:, t] = draw < -2.3263478740408408  # loss beyond the conditional 99 % quantile
        variance = 2e-6 + 0.1 * variance * draw**2 + 0.88 * variance
    assert (highest(exceptions, 0.01) >= 20).mean() <= 0.05


@pytest.mark.parametrize(("true", "sessions"), [(0.03, FOUR_YEARS), (0.05, 504), (0.10, 252)])
def test_a_wrong_model_is_halted(true, sessions):
    """Nine in ten at least; three standard errors less is chance."""
    paths = np.random.default_rng(3).random((1000, sessions)) < true
    assert halted_share(paths, 0.99, 0.05) >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / 1000)


def test_the_process_stays_a_number():
    process = ExceptionProcess(0.01)
    values = [process.update(True) for _ in range(2000)] + [process.update(False) for _ in range(20_000)]
    assert np.isfinite(values).all()
    assert max(values) > 1e200


def test_sessions_without_a_prediction_leave_the_process_alone():
    monitor = CalibrationMonitor(20.0, ExceptionProcess(0.01))
    assert monitor.update(Observation(1.0, 0, None, (0.5,))) == 1.0
    once = monitor.update(Observation(1.0, 0, 0.6, (0.5,)))
    assert monitor.update(Observation(1.0, 0, None, (0.5,))) == once > 1
    assert monitor.update(Observation(1.0, 0, 0.6, (None,))) == once


RISES_AND_FALLS = np.array([90.0, 120.0, 96.0, 130.0])


def test_the_values_by_arrays_are_those_of_the_definitions():
    seen = Observed(RISES_AND_FALLS, 100.0, 252.0)
    np.testing.assert_allclose(drawdowns(seen), [0.1, 0.0, 0.2, 0.0])
    returns = np.array([-0.1, 120 / 90 - 1, -0.2, 130 / 96 - 1])
    expected = [np.nan, np.nan, returns[:3].std(ddof=1), returns[1:].std(ddof=1)]
    np.testing.assert_allclose(volatilities(seen, 3), np.array(expected) * np.sqrt(252))


def test_a_bar_without_a_trade_is_in_no_window_and_makes_the_year_shorter():
    dead = np.array([True, True, False, True])
    seen = Observed(np.array([100.0, 110.0, 110.0, 99.0]), 100.0, 100.0, dead)
    expected = [np.nan, np.std([0.0, 0.1], ddof=1) * 10, np.std([0.0, 0.1], ddof=1), np.std([0.1, -0.1], ddof=1)]
    expected[2], expected[3] = expected[2] * np.sqrt(100 * 2 / 3), expected[3] * np.sqrt(100 * 3 / 4)
    np.testing.assert_allclose(volatilities(seen, 2), expected)


def test_exceptions_by_arrays_are_the_process():
    hits = np.random.default_rng(4).random(300) < 0.03
    predicted = np.random.default_rng(5).random(300) < 0.9
    seen = Observed(np.ones(300), 1.0, 252.0, exceptions={0.99: (predicted, hits & predicted)})
    process, path = ExceptionProcess(0.01), []
    for judged, hit in zip(predicted, hits, strict=True):
        path.append(process.update(bool(hit)) if judged else process.value())
    np.testing.assert_allclose(exception_values(seen, 0.99), path, rtol=1e-12)
    assert np.isnan(exception_values(seen, 0.95)).all()


def test_shortfalls_and_parts_by_arrays_are_the_monitors_of_the_reference_engine():
    """The reference keeps the gamblers' money one by one; sessions without a prediction change nothing."""
    random = np.random.default_rng(6)
    predicted, losses = random.random(400) < 0.9, 1.3 * random.standard_normal(400)
    figures = np.where(predicted[:, None], np.column_stack([losses, np.full((400, 2), [1.96, 2.34])]), np.nan)
    cells = np.where(predicted, random.integers(0, 20, 400), -1)
    seen = Observed(np.ones(400), 1.0, 252.0, shortfalls={0.975: figures}, cells=cells)
    large = monitor(HaltCondition("risk_e_process", 20.0, level=0.975), 1.0, 252.0)
    drift = monitor(HaltCondition("pit_drift", 20.0), 1.0, 252.0)
    edges = np.arange(1.0, 20.0)
    paths = [
        (
            large.update(Observation(1.0, 0, loss, ((1.96, 2.34) if told else None,))),
            drift.update(Observation(1.0, 0, cell + 0.5, (edges if told else None,))),
        )
        for loss, cell, told in zip(losses, cells, predicted, strict=True)
    ]
    np.testing.assert_allclose(shortfall_values(seen, 0.975), [path[0] for path in paths], rtol=1e-9)
    np.testing.assert_allclose(transform_values(seen), [path[1] for path in paths], rtol=1e-9)


def test_without_a_prediction_at_all_neither_has_a_value():
    seen = Observed(np.ones(5), 1.0, 252.0, shortfalls={0.99: np.full((5, 3), np.nan)})
    assert np.isnan(shortfall_values(seen, 0.975)).all()
    assert np.isnan(transform_values(seen)).all()
    assert shortfall_values(seen, 0.99).tolist() == [1.0] * 5


def test_bars_in_a_row_are_counted_on_bars_with_a_trade():
    holds = np.array([True, True, True, False, False, True])
    trades = np.array([True, False, True, False, True, True])
    assert streaks(holds, trades).tolist() == [1, 1, 2, 2, 0, 1]


def test_drawdown_is_from_the_peak_including_the_start():
    monitor = DrawdownMonitor(0.2, peak=100.0)
    falls = [monitor.update(Observation(value, 0, None)) for value in (90.0, 120.0, 96.0, 130.0)]
    assert falls == pytest.approx([0.1, 0.0, 0.2, 0.0])


def test_volatility_needs_a_full_window():
    monitor = VolatilityMonitor(0.2, window=3, last_equity=100.0, bars_per_year=252)
    values = [monitor.update(Observation(value, 0, None)) for value in (101.0, 102.01, 101.0, 101.0)]
    assert np.isnan(values[:2]).all()
    returns = np.array([0.01, 0.01, 101 / 102.01 - 1])
    assert values[2] == pytest.approx(returns.std(ddof=1) * np.sqrt(252))


def test_staleness_is_counted_in_bars():
    assert StaleDataMonitor(3).update(Observation(1.0, 7, None)) == 7


def test_volatility_counts_bars_that_trade_and_annualises_by_their_share():
    """Returns of +10 % and -10 % around a dead bar: a deviation of sqrt(0.02), and three bars of four trade."""
    watcher = VolatilityMonitor(1.0, 2, 100.0, 100.0)
    values = [
        watcher.update(Observation(equity, 0, None, trades=trades))
        for equity, trades in ((100.0, True), (110.0, True), (110.0, False), (99.0, True))
    ]
    assert values[3] == pytest.approx(np.sqrt(0.02) * np.sqrt(100 * 3 / 4))
    assert values[2] == pytest.approx(np.std([0.0, 0.1], ddof=1) * np.sqrt(100 * 2 / 3))
