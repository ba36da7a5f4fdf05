"""Every row of a rolling table is the figure of its window alone."""

import inspect

import numpy as np
import pandas as pd
import pytest

from quantdl.risk.curves import rolling_figures as module
from quantdl.risk.curves.metrics import performance_of
from quantdl.risk.curves.rolling_figures import rolling_figures, rolling_regression
from tests.risk.curves import definition_sheet as sheet
from tests.risk.curves.made_curves import heavy_returns, measured


@pytest.fixture(scope="module")
def curve():
    return measured(heavy_returns(300), risk_free=0.02)


def test_a_row_is_the_figure_of_its_window(curve):
    table, root = rolling_figures(curve, window=63), np.sqrt(252)
    assert list(table.index) == list(curve.sessions[63:])
    for row in (0, 100, len(table) - 1):
        returns, excess = curve.returns[row : row + 63], curve.excess[row : row + 63]
        expected = [
            sheet.growth(returns) - 1,
            returns.std(ddof=1) * root,
            sheet.sharpe(excess) * root,
            sheet.sortino(excess) * root,
            min(sheet.drawdowns(returns)),
        ]
        assert table.iloc[row].to_list() == pytest.approx(expected, rel=1e-9)


def test_a_window_of_the_whole_curve_is_the_curve(curve):
    (row,) = rolling_figures(curve, window=300).to_dict("records")
    metrics = performance_of(curve)
    for name in ("total_return", "volatility", "sharpe", "sortino", "max_drawdown"):
        assert row[name] == pytest.approx(getattr(metrics, name), rel=1e-10)


def test_windows_in_blocks_are_those_at_once(curve, monkeypatch):
    at_once = rolling_figures(curve, window=20)
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 333)
    pd.testing.assert_frame_equal(rolling_figures(curve, window=20), at_once, check_exact=True)


def test_the_beta_of_a_window_is_that_of_the_window():
    index = heavy_returns(200, 1)
    own, other = measured(0.5 * index + heavy_returns(200, 2)), measured(index)
    table = rolling_regression(own, other, window=50, name="index")
    alpha, beta = sheet.least_squares(own.excess[10:60], other.excess[10:60])
    assert table.iloc[10][["alpha", "beta"]].to_list() == pytest.approx([alpha * 252, beta], rel=1e-9)
    assert table["correlation"].iloc[10] == pytest.approx(np.corrcoef(own.excess[10:60], index[10:60])[0, 1])
    active = own.returns[10:60] - index[10:60]
    assert table["tracking_error"].iloc[10] == pytest.approx(active.std(ddof=1) * np.sqrt(252))


def test_a_window_in_which_nothing_moves_has_no_ratio():
    curve = measured([0.0] * 30 + [0.01, -0.01] * 10)
    table = rolling_figures(curve, window=10)
    assert table["sharpe"].isna().to_list() == [True] * 21 + [False] * 20
    assert rolling_regression(curve, curve, window=10, name="itself")["beta"].isna().sum() == 21


def test_the_window_is_named_where_it_is_given():
    """quantstats 142: the period and the bars a year had been swapped."""
    for function in (rolling_figures, rolling_regression):
        assert inspect.signature(function).parameters["window"].kind is inspect.Parameter.KEYWORD_ONLY
    with pytest.raises(TypeError):
        rolling_figures(measured([0.01] * 9), 5)


@pytest.mark.parametrize("window", [-1, 0, 1, 301])
def test_a_window_that_does_not_fit_is_refused(curve, window):
    with pytest.raises(ValueError, match=f"between 2 and the 300 returns of the curve, got {window}"):
        rolling_figures(curve, window=window)
