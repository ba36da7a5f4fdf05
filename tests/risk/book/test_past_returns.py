"""Past returns: bars put together to sessions, betas of known slopes, and proxies before a listing."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from quantdl.risk.book.past_returns import BookHistory, PastReturns
from quantdl.simulation import panel_of_closes

N = 300


def past(listed_at=0):
    random = np.random.default_rng(1)
    market = random.normal(0.0, 0.01, N)
    own = np.stack([market, market], axis=1)
    late = 1.5 * market
    late[:listed_at] = np.nan
    returns = np.column_stack([own, late])
    return PastReturns(("AAA", "BBB", "CCC"), pd.bdate_range("2020-01-01", periods=N), returns)


def test_returns_of_a_panel_are_those_of_its_closes():
    closes = 100.0 * np.exp(np.random.default_rng(0).normal(0.0, 0.01, (30, 2)).cumsum(axis=0))
    panel = panel_of_closes(closes)
    found = PastReturns.of_panel(panel, panel.sessions[20])
    assert len(found.sessions) == 21 and found.sessions[-1] == panel.sessions[20]
    np.testing.assert_allclose(found.returns[1:], closes[1:21] / closes[:20] - 1.0)
    assert np.isnan(found.returns[0]).all()


def test_the_calendar_of_a_panel_tells_where_a_session_may_be_missed():
    panel = panel_of_closes(np.full((30, 2), 100.0))
    found = PastReturns.of_panel(panel)
    friday = date(2024, 1, 12)  # before a weekend and the day of Martin Luther King
    assert [found.may_trade(friday + timedelta(days=1), friday + timedelta(days=later)) for later in (0, 3, 4)] == [
        False,
        False,
        True,
    ]
    assert found.may_trade(date(2400, 1, 1), date(2400, 1, 2))  # no calendar knows
    assert past().may_trade(date(2024, 1, 13), date(2024, 1, 14))


def test_a_beta_is_the_slope_on_the_market_of_the_assets_that_have_returns():
    """The market is the mean of slopes 1, 1 and 1.5, so a slope of 1.5 on it is 1.5 / (3.5 / 3)."""
    assert past().beta(2) == pytest.approx(1.5 / (3.5 / 3))
    assert past(listed_at=N - 30).beta(2) is None


def test_before_its_first_return_an_asset_moves_by_its_beta_and_then_by_itself():
    history = BookHistory(past(listed_at=100), np.array([0.5, 0.0, 0.5]))
    beta = history.betas[2]
    assert beta == pytest.approx(1.5 / (3.5 / 3))
    np.testing.assert_allclose(history.filled[:100, 2], beta * history.past.returns[:100, 0])
    np.testing.assert_allclose(history.filled[100:, 2], history.past.returns[100:, 2])
    assert history.stand_ins(50) == ([2], []) and history.stand_ins(100) == ([], [])


def test_an_asset_too_young_for_a_beta_is_left_out_and_named_so():
    history = BookHistory(past(listed_at=N - 30), np.array([0.5, 0.0, 0.5]))
    assert history.stand_ins(50) == ([], [2])
    assert (history.filled[: N - 30, 2] == 0.0).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 1\)"):
        PastReturns(("AAA",), pd.bdate_range("2020-01-01", periods=5), np.zeros((4, 1)))
