"""Realised volatility and semivariance against pandas, by hand, and around halts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.features import downside_semivariance, feature_table, realised_variance, realised_volatility
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of

SIZE = 0.01


@pytest.mark.parametrize("window", [5, 21, 63])
def test_without_gaps_it_is_the_rolling_root_mean_square_of_log_returns(clean, window):
    returns = pd.DataFrame(np.log(clean.closes)).diff()
    rolling = (returns**2).rolling(window, min_periods=(window + 1) // 2)
    np.testing.assert_allclose(realised_volatility(clean, window), np.sqrt(rolling.mean()), rtol=1e-9)
    losses = (returns.clip(upper=0.0) ** 2).rolling(window, min_periods=(window + 1) // 2)
    np.testing.assert_allclose(downside_semivariance(clean, window), losses.mean(), rtol=1e-9, atol=1e-18)


def test_the_two_semivariances_add_up_to_the_variance(dirty):
    below = downside_semivariance(dirty, 21)
    mirrored = np.where(dirty.closes > 0, 1.0 / np.where(dirty.closes > 0, dirty.closes, 1.0), dirty.closes)
    above = downside_semivariance(replace(dirty, fields={**dirty.fields, "close": mirrored}), 21)
    np.testing.assert_allclose(below + above, realised_variance(dirty, 21), rtol=1e-9)


def test_a_halt_is_no_row_of_flat_days(panel_of):
    """Returns of one size: had the halt counted as returns of zero, the volatility would fall."""
    closes = closes_of(SIZE * np.resize([1.0, -1.0], 100)[:, None])
    closes[60:70] = np.nan
    halted = np.zeros(closes.shape, dtype=bool)
    halted[60:70] = True
    panel = panel_of({"close": closes}, halted)
    assert (panel.status[60:70] == 3).all()
    volatility = realised_volatility(panel, 21)
    np.testing.assert_allclose(volatility[30:60], SIZE, rtol=1e-9)
    assert np.isnan(volatility[60:70]).all()
    table = feature_table(panel, ("own_history", "volatility", "downside"))
    assert not table.valid[60:70].any() and not table.known[60:70].any() and not table.values[60:70].any()


def test_a_return_over_a_gap_counts_as_its_share_of_one_bar():
    closes = closes_of(np.array([SIZE] * 10 + [2.0 * SIZE] + [SIZE] * 10)[:, None])
    gapped = np.insert(closes, [11, 11, 11], np.nan, axis=0)  # over four bars twice the size is ordinary
    volatility = realised_volatility(panel_of_closes(gapped), 21, minimum=1)
    np.testing.assert_allclose(volatility[1:11], SIZE, rtol=1e-9)
    np.testing.assert_allclose(volatility[14:], SIZE, rtol=1e-9)
    assert np.isnan(volatility[11:14]).all()


def test_a_window_holds_as_many_returns_after_a_halt_as_without_one():
    """Nine returns of one size and one of three over nine sessions: the mean of ten is that of the last ten returns."""
    closes = closes_of(np.array([9.0 * SIZE] * 5 + [SIZE] * 5 + [3.0 * SIZE] + [SIZE] * 4)[:, None])
    gapped = np.insert(closes, [11] * 8, np.nan, axis=0)
    whole = realised_volatility(panel_of_closes(gapped), 10, minimum=10)
    assert whole[-1, 0] == pytest.approx(SIZE)
    assert whole[-2, 0] == pytest.approx(SIZE * np.sqrt((81.0 + 9.0) / 10.0))


def test_a_return_over_more_bars_without_a_price_than_the_window_is_left_out():
    closes = closes_of(np.array([SIZE] * 10 + [50.0 * SIZE] + [SIZE] * 10)[:, None])
    faulty = np.insert(closes, [11] * 30, 0.0, axis=0)  # bars that traded at no price
    volatility = realised_volatility(panel_of_closes(faulty), 5, minimum=1)
    assert np.nanmax(volatility) == pytest.approx(SIZE)
    assert np.isnan(volatility[16:42]).all() and volatility[42, 0] == pytest.approx(SIZE)
    assert realised_volatility(panel_of_closes(faulty), 31, minimum=1)[41, 0] > SIZE


def test_columns_compare_windows_and_do_not_see_the_unit_of_returns():
    returns = np.where(np.arange(600) < 595, SIZE, 3.0 * SIZE) * np.resize([1.0, -1.0], 600)
    tables = [
        feature_table(panel_of_closes(closes_of(factor * returns[:, None])), ("volatility", "downside"))
        for factor in (1.0, 0.01)
    ]
    np.testing.assert_allclose(tables[0].values, tables[1].values, atol=2e-5)
    five, month, quarter, year = (np.sqrt((min(n, 5) * 9.0 + max(n - 5, 0)) / n) * SIZE for n in (5, 21, 63, 252))
    expected = [np.log(five / quarter), np.log(month / quarter), np.log(quarter / year)]
    np.testing.assert_allclose(tables[0].values[-1, 0, :3], expected, rtol=1e-5)
    assert tables[0].values[-1, 0, 3] == pytest.approx(3 / 5 - 0.5)  # the last five returns end on a loss
