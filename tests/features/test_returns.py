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


def test_no_close_stands_in_for_a_missing_or_impossible_one():
    closes = np.array([[100.0], [np.nan], [110.0], [0.0], [121.0], [-1.0]])
    expected = np.full((6, 1), np.nan)
    expected[2], expected[4] = np.log(1.1), np.log(1.1)
    np.testing.assert_allclose(horizon_returns(panel_of_closes(closes), 2), expected)
    assert np.isnan(horizon_returns(panel_of_closes(closes), 1)).all()


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
