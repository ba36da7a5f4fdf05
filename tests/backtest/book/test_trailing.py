"""Trailing measures against pandas, numpy and figures worked out by hand; no row knows what comes after it."""

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest.book.terms import CALM, NORMAL, STRESSED, UNDEFINED
from quantdl.backtest.book.trailing import (
    correlation_groups,
    market_volatility,
    measured_dollar_volume,
    regimes,
    simple_returns,
    spread_from_ranges,
    trailing_deviation,
    trailing_mean,
)
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume
from quantdl.backtest.plan.related_positions import CorrelationGroups
from quantdl.errors import RunError
from tests.backtest.worlds import FLAT, NO_COSTS, run, world


def test_measured_volume_is_trailing():
    volume = np.full((12, 2), 10.0)
    volume[6:] = 1e9  # a burst after the decision must not help the fill that was sized before it
    panel = world(FLAT, fields={"volume": volume})
    liquidity = MeasuredVolume("measured", 3, 0.1, 0.0)
    result = run(
        panel,
        {5: [0.2, 0.0]},
        friction=NO_COSTS | {"liquidity": liquidity},
        trusted_data={"fields": ("close", "volume")},
        fast_exit=FastExit(5),
    )
    np.testing.assert_allclose(result.fills["notional"], [100, 100])
    assert result.fills["dollar_volume"].iloc[0] == pytest.approx(1000.0)


def stress_world():
    generator = np.random.default_rng(3)
    scale = np.r_[np.full(60, 0.002), np.full(40, 0.04), np.full(60, 0.002)]
    returns = scale * generator.choice([-1, 1], 160)
    return world(np.repeat(100 * np.exp(np.cumsum(returns))[:, None], 2, axis=1))


def test_regimes_are_those_known_before_the_session():
    panel = stress_world()
    result = run(panel, {}, abnormal_volatility={"stressed_above": 0.5})
    regime = list(result.regimes["regime"])
    market = panel.closes[1:, 0] / panel.closes[:-1, 0] - 1
    volatility = [np.nan] * 10 + [market[max(0, t - 20) : t].std(ddof=1) * np.sqrt(365) for t in range(10, 160)]
    before = [np.nan, *volatility[:-1]]
    assert regime == [
        "undefined" if np.isnan(v) else "calm" if v < 0.1 else "stressed" if v > 0.5 else "normal" for v in before
    ]


def test_correlated_assets_share_a_cap():
    generator = np.random.default_rng(1)
    common, own = generator.standard_normal((80, 1)), generator.standard_normal((80, 2))
    returns = 0.01 * np.column_stack([common, common + 0.1 * own[:, :1], own[:, 1:]])
    panel = world(100 * np.exp(np.cumsum(returns, axis=0)))
    items = {
        "related_positions": {"groups": CorrelationGroups("correlation", 40, 0.6), "max_group_gross": 0.5},
    }
    assert len(run(panel, {60: [0.25, 0.25, 0.5]}, **items).fills) == 3
    with pytest.raises(RunError, match="0.6 of cluster .* breaks related_positions.max_group_gross = 0.5"):
        run(panel, {60: [0.3, 0.3, 0.4]}, **items)


def with_gaps(n_rows=300, n_assets=4, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((n_rows, n_assets)) * np.exp(generator.standard_normal((n_rows, n_assets)))
    values[generator.random((n_rows, n_assets)) < 0.2] = np.nan
    return values


@pytest.mark.parametrize("window", [2, 7, 20, 130])
def test_trailing_figures_are_those_of_pandas(window):
    values = with_gaps()
    for column in range(values.shape[1]):
        series = pd.Series(values[:, column])
        rolling = series.dropna().rolling(window, min_periods=1).mean().reindex(series.index).ffill()
        found = trailing_mean(values, window)[:, column]
        np.testing.assert_allclose(found, rolling, rtol=1e-9, atol=1e-12)
        enough = series.dropna().rolling(window, min_periods=2).std().reindex(series.index).ffill()
        np.testing.assert_allclose(trailing_deviation(values, window, 2)[:, column], enough, rtol=1e-7)


def with_dead_bars(values, every=7):
    """The same values with a row of nothing after every so many, as an FX calendar's Sunday; and where they stand."""
    rows = np.arange(len(values)) + np.arange(len(values)) // every
    wide = np.full((rows[-1] + 1, values.shape[1]), np.nan)
    wide[rows] = values
    return wide, rows


def test_bars_on_which_nothing_trades_change_no_window():
    """To the last bit, for an asset listed late too."""
    closes = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(3).standard_normal((120, 4)), axis=0))
    closes[:30, 3] = np.nan
    wide, rows = with_dead_bars(closes)
    returns = simple_returns(closes)
    np.testing.assert_array_equal(simple_returns(wide)[rows], returns)
    expected = trailing_deviation(returns, 20, 2)
    np.testing.assert_array_equal(trailing_deviation(simple_returns(wide), 20, 2)[rows], expected)
    traded, dollars = np.isfinite(closes), 1e3 * closes
    volume = measured_dollar_volume(dollars, traded, 20)
    np.testing.assert_array_equal(measured_dollar_volume(1e3 * wide, np.isfinite(wide), 20)[rows], volume)
    np.testing.assert_array_equal(correlation_groups(wide, 20, 0.1), correlation_groups(closes, 20, 0.1))


def test_market_volatility_of_a_year_counts_the_bars_that_trade():
    """A weekend of 24/7 holds no returns: of 365 bars a year, five in seven count."""
    closes = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(4).standard_normal((70, 3)), axis=0))
    wide = np.full((98, 3), np.nan)
    wide[np.arange(98) % 7 < 5] = closes
    market = (closes[1:] / closes[:-1] - 1).mean(axis=1)
    expected = market[-20:].std(ddof=1) * np.sqrt(365 * 5 / 7)
    assert market_volatility(wide, 20, 365.0)[-1] == pytest.approx(expected, rel=1e-12)


def test_nothing_missing_leaves_the_bits_of_a_window_over_rows():
    """The sum from the oldest row to the newest, as a window over rows without gaps takes it."""
    values = np.random.default_rng(5).standard_normal((60, 3))
    total = np.zeros(3)
    for row in values[40:]:
        total = total + row
    np.testing.assert_array_equal(trailing_mean(values, 20)[-1], total / 20)
    squares = np.zeros(3)
    for row in values[40:]:
        squares = squares + (row - total / 20) ** 2
    np.testing.assert_array_equal(trailing_deviation(values, 20, 2)[-1], np.sqrt(squares / 19))


def test_foreign_holidays_leave_assets_of_two_exchanges_in_one_cluster():
    """Each exchange rests on days on which the other trades; today's window still holds 40 returns of either."""
    generator = np.random.default_rng(6)
    common = 0.01 * generator.standard_normal(90)
    closes = 100 * np.exp(np.cumsum(common[:, None] + 0.001 * generator.standard_normal((90, 2)), axis=0))
    closes[60, 0] = closes[75, 1] = np.nan
    assert correlation_groups(closes, 40, 0.6).tolist() == [0, 0]
    independent = 100 * np.exp(np.cumsum(0.01 * generator.standard_normal((90, 2)), axis=0))
    independent[60, 0] = np.nan
    assert correlation_groups(independent, 40, 0.6).tolist() == [0, 1]


@pytest.mark.parametrize("window", [1, 20, 500])
@pytest.mark.parametrize("n_assets", [1, 4])
def test_a_row_does_not_know_how_long_the_data_are(window, n_assets):
    """To the last bit, whatever comes after it and however many assets stand beside it."""
    values = with_gaps(n_assets=4)
    whole = trailing_deviation(values, window, 2), trailing_mean(values, window)
    for stop in (1, 19, 20, 21, 150):
        part = values[:stop, :n_assets]
        np.testing.assert_array_equal(trailing_deviation(part, window, 2), whole[0][:stop, :n_assets])
        np.testing.assert_array_equal(trailing_mean(part, window), whole[1][:stop, :n_assets])


def test_a_window_forgets_what_has_left_it():
    """One huge value leaves no rounding behind, as it would in a running total."""
    values = np.full((60, 1), 0.1)
    values[5] = 1e16
    assert trailing_mean(values, 5)[5:10].min() > 1e15
    np.testing.assert_array_equal(trailing_mean(values, 5)[10:], np.full((50, 1), 0.1))


def test_a_deviation_needs_enough_values():
    values = np.array([[1.0], [np.nan], [3.0], [5.0]])
    expected = [np.nan, np.nan, np.nan, 2.0]  # of 1, 3 and 5
    np.testing.assert_allclose(trailing_deviation(values, 4, 3)[:, 0], expected)
    assert np.isnan(trailing_deviation(values[:1], 1, 1)).all()  # one value has none


def test_simple_returns_reach_over_what_is_missing():
    closes = np.array([[100.0], [110.0], [np.nan], [121.0]])
    np.testing.assert_allclose(simple_returns(closes)[:, 0], [np.nan, 0.1, np.nan, 0.1])


def test_the_market_is_the_mean_of_what_trades():
    """Returns of 10 % and 30 %, then of 10 % alone: a market of 20 % and 10 %."""
    closes = np.array([[100.0, 100.0], [110.0, 130.0], [121.0, np.nan]])
    expected = np.std([0.2, 0.1], ddof=1) * np.sqrt(100.0)
    np.testing.assert_allclose(market_volatility(closes, 4, 100.0), [np.nan, np.nan, expected])


def test_each_volatility_has_its_regime():
    codes = regimes(np.array([0.05, 0.1, 0.3, 0.31, np.nan]), calm_below=0.1, stressed_above=0.3)
    assert codes.tolist() == [CALM, NORMAL, NORMAL, STRESSED, UNDEFINED]


def test_a_session_without_a_trade_counts_as_no_dollars_and_an_unknown_one_not_at_all():
    dollars = np.array([[np.nan, 1.0], [6.0, 1.0], [np.nan, 1.0], [np.nan, 1.0]])
    traded = np.array([[False, True], [True, True], [False, True], [True, True]])  # the last one unknown how much
    np.testing.assert_allclose(measured_dollar_volume(dollars, traded, 3)[:, 0], [np.nan, 6.0, 3.0, 3.0])


def test_assets_that_move_together_share_a_cluster_and_one_that_never_moves_is_alone():
    generator = np.random.default_rng(0)
    one, other = 0.01 * generator.standard_normal((2, 40))
    returns = np.column_stack([one, one, -one, other, np.zeros(40)])
    closes = 100 * np.cumprod(np.vstack([np.ones(5), 1 + returns]), axis=0)
    group_of = correlation_groups(closes, 40, 0.9)
    assert group_of[0] == group_of[1]
    assert len({int(group_of[n]) for n in (0, 2, 3, 4)}) == 4
    assert set(group_of.tolist()) == {0, 1, 2, 3}
    alone = correlation_groups(closes[:20], 40, 0.9)  # less than a window of history
    assert sorted(alone) == [0, 1, 2, 3, 4]


def quotes(spread, n_bars=500, n_assets=12, trades=200, volatility=0.01, seed=5):
    """Highs, lows and closes of prices that walk unseen and trade at the bid or at the ask."""
    generator = np.random.default_rng(seed)
    steps = volatility / np.sqrt(trades) * generator.standard_normal((n_bars * trades, n_assets))
    sides = generator.choice([-0.5, 0.5], (n_bars * trades, n_assets))
    prices = np.exp(np.cumsum(steps, axis=0) + spread * sides).reshape(n_bars, trades, n_assets)
    return prices.max(axis=1), prices.min(axis=1), prices[:, -1]


@pytest.mark.parametrize("spread", [0.005, 0.01, 0.03])
def test_a_spread_is_recovered_from_the_bars_that_it_made(spread):
    found = spread_from_ranges(*quotes(spread), window=499)[-1]
    assert found.mean() == pytest.approx(spread, rel=0.06)


def test_the_spread_is_the_formula_of_abdi_and_ranaldo():
    """Equation 10 on three bars, by hand: twice the root of the mean of two products."""
    high, low, close = (np.array([values]).T for values in ([10.4, 10.2, 10.9], [9.8, 9.9, 10.1], [10.3, 9.95, 10.8]))
    middle = (np.log(high) + np.log(low)) / 2
    first = (np.log(10.3) - middle[0, 0]) * (np.log(10.3) - middle[1, 0])
    second = (np.log(9.95) - middle[1, 0]) * (np.log(9.95) - middle[2, 0])
    found = spread_from_ranges(high, low, close, window=20)[:, 0]
    expected = [np.nan, 2 * np.sqrt(max(first, 0)), 2 * np.sqrt(max((first + second) / 2, 0))]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    only_last = spread_from_ranges(high, low, close, window=1)[2, 0]
    assert only_last == pytest.approx(2 * np.sqrt(max(second, 0)))


def test_a_spread_of_gaps_and_silent_bars_is_that_of_the_bars_there_are():
    high, low, close = quotes(0.01, n_bars=60, n_assets=1)
    holes = [np.insert(values, [20, 20, 41], np.nan, axis=0) for values in (high, low, close)]
    whole, sparse = spread_from_ranges(high, low, close, 15), spread_from_ranges(*holes, 15)
    kept = np.isfinite(holes[2][:, 0])
    np.testing.assert_array_equal(sparse[kept], whole)
    np.testing.assert_array_equal(sparse[20:22], np.repeat(sparse[19:20], 2, axis=0))
