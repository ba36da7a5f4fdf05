"""Returns over several horizons."""

import numpy as np
import pandas as pd
import pytest

from quantdl.features import feature_table, horizon_returns
from quantdl.simulation import panel_of_closes


@pytest.mark.parametrize("bars", [1, 5, 21, 252])
def test_the_return_is_that_between_the_two_closes(clean, bars):
    expected = np.log(pd.DataFrame(clean.closes).pct_change(bars, fill_method=None) + 1.0)
    np.testing.assert_allclose(horizon_returns(clean, bars), expected, rtol=1e-9, atol=1e-14)


def test_a_missing_bar_takes_no_place_and_no_close_stands_in_for_an_impossible_one():
    """Of the bars 100, 110, 0, 121, -1 that traded, one is a bar after 100 and one is two bars after 110."""
    closes = np.array([[100.0], [np.nan], [110.0], [0.0], [121.0], [-1.0]])
    one, two = np.full((6, 1), np.nan), np.full((6, 1), np.nan)
    one[2], two[4] = np.log(1.1), np.log(1.1)
    np.testing.assert_allclose(horizon_returns(panel_of_closes(closes), 1), one)
    np.testing.assert_allclose(horizon_returns(panel_of_closes(closes), 2), two)


def test_a_price_of_1e308_overflows_nothing():
    closes = np.array([[1e-308], [1e308]])
    assert horizon_returns(panel_of_closes(closes), 1)[1, 0] == pytest.approx(616 * np.log(10.0))


def test_columns_are_asinh_of_the_return_over_what_a_quarters_volatility_expects():
    returns = 0.01 * np.resize([1.0, -1.0, 1.0], 300)
    panel = panel_of_closes(100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))[:, None])
    table = feature_table(panel, ("returns",))
    for number, bars in enumerate((1, 5, 21, 63, 252)):
        expected = np.arcsinh(returns[-bars:].sum() / (0.01 * np.sqrt(bars)))
        assert table.features[number].name == f"return_{bars}"
        assert table.values[-1, 0, number] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert not table.known[251, 0, 4] and table.known[252, 0, 4]


def test_a_return_over_a_halt_is_measured_by_the_sessions_that_it_spans():
    """Each return is of the size of the root of its sessions, so the volatility of a session is 0.01 throughout.

    After nine missing sessions the last return spans ten: it is one expected move, and the last five returns span 14.
    """
    returns = 0.01 * np.resize([1.0, -1.0], 100)
    returns[-1] = 0.01 * np.sqrt(10.0)
    closes = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    panel = panel_of_closes(np.insert(closes, [100] * 9, np.nan)[:, None])
    table = feature_table(panel, ("returns",))
    five = np.sqrt(10.0) / np.sqrt(14.0)  # of the four before it two rise and two fall
    np.testing.assert_allclose(np.sinh(table.values[-1, 0, :2]), [1.0, five], rtol=1e-5)
