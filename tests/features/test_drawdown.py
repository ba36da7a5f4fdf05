"""Drawdowns against pandas and by hand."""

import numpy as np
import pytest

from quantdl.features import bars_since_peak, drawdown, feature_table
from quantdl.simulation import panel_of_closes
from tests.features.conftest import by_own_bars


def test_by_hand():
    closes = np.array([100.0, 120.0, 90.0, 120.0, 60.0, 150.0, np.nan, 75.0])[:, None]
    panel = panel_of_closes(closes)
    expected = [0.0, 0.0, -0.25, 0.0, -0.5, 0.0, np.nan, -0.5]
    np.testing.assert_allclose(drawdown(panel)[:, 0], expected, atol=1e-15)
    np.testing.assert_array_equal(
        bars_since_peak(panel)[:, 0], [0, 0, 1, 0, 1, 0, np.nan, 1]
    )  # a bar is one that traded


@pytest.mark.parametrize("window", [5, 252])
def test_the_peak_is_that_of_the_window(dirty, window):
    closes = np.where(dirty.closes > 0, dirty.closes, np.nan)
    peak = by_own_bars(dirty, closes, lambda own: own.rolling(window, min_periods=1).max())
    np.testing.assert_allclose(drawdown(dirty, window), closes / peak - 1.0, rtol=1e-12, atol=1e-15)
    assert np.nanmax(drawdown(dirty, window)) == 0.0 and np.nanmin(drawdown(dirty, window)) >= -1.0
    assert np.nanmax(bars_since_peak(dirty, window)) <= window - 1


def test_columns_measure_the_fall_by_a_years_expected_move_and_the_time_by_a_year():
    returns = np.concatenate([0.01 * np.resize([1.0, -1.0], 300), np.full(252, -0.01)])
    panel = panel_of_closes(100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))[:, None])
    table = feature_table(panel, ("drawdown",))
    # 251 falls since the peak of the window; every return has the size of the volatility.
    np.testing.assert_allclose(table.values[-1, 0], [np.arcsinh(-2.51 / (0.01 * np.sqrt(252))), 1.0], rtol=1e-5)
    assert table.values[300, 0, 1] > 0 and not table.values[299, 0].any()
