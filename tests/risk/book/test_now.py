"""The risk of a book after a close: closed forms of the normal law, and what cannot be known."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.risk.book.historical import HistoricalSimulation
from quantdl.risk.book.now import NOW_LEVELS, book_now
from quantdl.risk.book.predictions import BookRisk
from quantdl.simulation import panel_of_closes

DAY = pd.Timestamp("2024-03-01")


class Normal:
    """A law under which every asset has the same normal return of one percent."""

    def source(self, fewest, most):
        return f"{most:,} draws"

    def book_risk(self, session, weights):
        draws = torch.randn(50_000, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        return BookRisk(0.01 * draws * float(weights.sum()))


def test_levels_are_those_of_the_normal_law_within_their_errors():
    found = book_now(Normal(), pd.Series([0.5, 0.3], ["A", "B"], name=DAY))
    assert [one.level for one in found.levels] == list(NOW_LEVELS)
    assert (found.session, found.gross, found.net, found.positions) == (DAY.date(), 0.8, 0.8, 2)
    for one in found.levels:
        quantile = stats.norm.ppf(one.level)
        assert one.value_at_risk == pytest.approx(0.008 * quantile, abs=4 * one.value_at_risk_error)
        shortfall = 0.008 * stats.norm.pdf(quantile) / (1 - one.level)
        assert one.expected_shortfall == pytest.approx(shortfall, abs=4 * one.expected_shortfall_error)


def test_a_flat_book_has_no_levels():
    found = book_now(Normal(), pd.Series([0.0, 0.0], ["A", "B"], name=DAY))
    assert (found.positions, found.levels) == (0, ())


def test_a_level_beyond_a_short_history_says_why():
    closes = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal((61, 2)), axis=0))
    panel = panel_of_closes(closes)
    found = book_now(HistoricalSimulation(panel), pd.Series([0.5, -0.5], list(panel.assets), name=panel.sessions[-1]))
    low, _, high = found.levels
    assert low.value_at_risk is not None and found.net == 0.0 and found.gross == 1.0
    assert high.value_at_risk is None and "needs at least 100 observations" in high.reason
