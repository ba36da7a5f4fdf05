"""Range-based volatilities against pandas and against prices whose volatility is known."""

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.features import (
    feature_table,
    garman_klass_volatility,
    parkinson_volatility,
    realised_volatility,
    yang_zhang_volatility,
)
from quantdl.simulation import panel_of_closes


def logs(panel) -> tuple[pd.DataFrame, ...]:
    return tuple(np.log(pd.DataFrame(panel.fields[name])) for name in ("open", "high", "low", "close"))


@pytest.mark.parametrize("window", [5, 21])
def test_parkinson_is_the_rolling_mean_square_of_the_range(clean, window):
    _, high, low, _ = logs(clean)
    mean = ((high - low) ** 2).rolling(window, min_periods=(window + 1) // 2).mean()
    np.testing.assert_allclose(parkinson_volatility(clean, window), np.sqrt(mean / (4.0 * np.log(2.0))), rtol=1e-9)


@pytest.mark.parametrize("window", [5, 21])
def test_garman_klass_takes_the_squared_body_from_half_the_squared_range(clean, window):
    opened, high, low, close = logs(clean)
    variance = 0.5 * (high - low) ** 2 - (2.0 * np.log(2.0) - 1.0) * (close - opened) ** 2
    mean = variance.rolling(window, min_periods=(window + 1) // 2).mean()
    np.testing.assert_allclose(garman_klass_volatility(clean, window), np.sqrt(mean), rtol=1e-9)


@pytest.mark.parametrize("window", [5, 21])
def test_yang_zhang_joins_overnight_body_and_rogers_satchell(clean, window):
    opened, high, low, close = logs(clean)
    jump, up, down, body = opened - close.shift(1), high - opened, low - opened, close - opened
    within = (up * (up - body) + down * (down - body)).rolling(window).mean()
    share = 0.34 / (1.34 + (window + 1) / (window - 1))
    variance = jump.rolling(window).var() + share * body.rolling(window).var() + (1.0 - share) * within
    expected = np.sqrt(variance).to_numpy()[window:]
    np.testing.assert_allclose(yang_zhang_volatility(clean, window)[window:], expected, rtol=1e-9)


def bars_of_a_random_walk(panel_of, overnight: float, n_bars: int = 3000, steps: int = 400):
    """Bars of one asset whose price makes normal steps all day (1 % together) and one jump overnight."""
    generator = np.random.default_rng(4)
    moves = 0.01 / np.sqrt(steps) * generator.standard_normal((n_bars, steps))
    jumps = overnight * generator.standard_normal(n_bars)
    start = np.concatenate([[0.0], np.cumsum(moves.sum(axis=1) + jumps)[:-1]]) + jumps
    path = start[:, None] + np.concatenate([np.zeros((n_bars, 1)), np.cumsum(moves, axis=1)], axis=1)
    prices = 100.0 * np.exp(path)
    bars = {"open": prices[:, 0], "high": prices.max(axis=1), "low": prices.min(axis=1), "close": prices[:, -1]}
    return panel_of({name: values[:, None] for name, values in bars.items()})


def test_each_estimate_finds_the_volatility_that_made_the_bars(panel_of):
    """Ranges of 400 steps are a few percent short of those of a continuous path."""
    panel = bars_of_a_random_walk(panel_of, overnight=0.0)
    for estimate in (parkinson_volatility, garman_klass_volatility, yang_zhang_volatility, realised_volatility):
        assert estimate(panel, 2999)[-1, 0] == pytest.approx(0.01, rel=0.06), estimate.__name__


def test_only_yang_zhang_sees_what_happens_overnight(panel_of):
    panel = bars_of_a_random_walk(panel_of, overnight=0.01)
    assert yang_zhang_volatility(panel, 2999)[-1, 0] == pytest.approx(0.01 * np.sqrt(2.0), rel=0.06)
    assert parkinson_volatility(panel, 2999)[-1, 0] == pytest.approx(0.01, rel=0.06)
    assert garman_klass_volatility(panel, 2999)[-1, 0] == pytest.approx(0.01, rel=0.06)


def test_ranges_scatter_less_than_closes(panel_of):
    """Over windows of 21 bars: Parkinson's estimate has about a fifth of the variance of that from closes."""
    panel = bars_of_a_random_walk(panel_of, overnight=0.0)
    spread = [
        np.std(estimate(panel, 21)[21::21] ** 2)
        for estimate in (realised_volatility, parkinson_volatility, garman_klass_volatility)
    ]
    assert spread[0] ** 2 / spread[1] ** 2 > 3.0
    assert spread[0] ** 2 / spread[2] ** 2 > 5.0


@pytest.mark.parametrize("estimate", [parkinson_volatility, garman_klass_volatility, yang_zhang_volatility])
@pytest.mark.parametrize(
    ("field", "value"), [("high", 0.0), ("low", -1.0), ("high", 1e-9), ("low", 1e9), ("high", np.inf)]
)
def test_an_impossible_bar_is_left_out(panel_of, fields_of, estimate, field, value):
    fields = fields_of(60, 1, seed=2)
    fields[field][40] = value
    damaged = panel_of(fields)
    for values in fields.values():
        values[40] = np.nan
    masked = panel_of(fields)
    np.testing.assert_allclose(estimate(damaged, 10)[35:40], estimate(masked, 10)[35:40])
    np.testing.assert_allclose(estimate(damaged, 10)[42:], estimate(masked, 10)[42:], rtol=0.2)
    assert np.isfinite(estimate(damaged, 10)[35:]).all()


def test_columns_are_logarithms_over_the_quarters_realised_volatility(clean):
    table = feature_table(clean, ("range_volatility",))
    names = [item.name for item in table.features]
    for name, estimate in (("parkinson", parkinson_volatility), ("yang_zhang", yang_zhang_volatility)):
        expected = np.log(estimate(clean, 21) / realised_volatility(clean, 63))
        column = table.values[..., names.index(f"{name}_volatility_21")]
        np.testing.assert_allclose(column[70:], expected[70:], rtol=1e-4, atol=1e-6)


def test_closes_alone_are_refused_with_the_field_and_the_group():
    with pytest.raises(DataError, match="'range_volatility' need 'low', 'high', and the panel"):
        parkinson_volatility(panel_of_closes(np.ones((3, 1))), 2)
    with pytest.raises(DataError, match="'range_volatility' need 'low', 'high', and the panel has only 'close'"):
        feature_table(panel_of_closes(np.ones((3, 1))), ("range_volatility",))
