"""The most diversified book against its closed form, its first-order conditions and cvxpy."""

import cvxpy
import numpy as np
import pytest

from quantdl.portfolio import (
    InfeasibleError,
    TradingTerms,
    covariance_of,
    diversification_ratio,
    maximum_diversification_weights,
)
from tests.portfolio import reference
from tests.portfolio.books import limits, market, random_problem, terms


def test_unconstrained_weights_are_the_inverse_covariance_times_the_volatilities():
    draws = market(500, 5, 1)
    covariance = covariance_of(draws)
    inverse = np.linalg.solve(covariance, np.sqrt(np.diag(covariance)))
    wide = limits(5, 50.0, 250.0, long_only=False, max_gross=250.0, max_net=250.0)
    found = maximum_diversification_weights(draws, wide, terms(5))
    np.testing.assert_allclose(found, inverse / inverse.sum(), atol=1e-8)


def test_assets_held_long_only_are_all_equally_correlated_with_the_book():
    """Choueifaty, Froidure and Reynier (2013): and those left out are correlated with it more."""
    draws = market(500, 10, 2)
    draws[:, 9] = draws[:, :9].mean(axis=1)  # what the others already are
    weights = maximum_diversification_weights(draws, limits(10), terms(10))
    book = np.expm1(draws) @ weights
    correlations = np.array([np.corrcoef(np.expm1(draws[:, n]), book)[0, 1] for n in range(10)])
    held = weights > 1e-6
    assert 1 < held.sum() < 10
    np.testing.assert_allclose(correlations[held], correlations[held][0], atol=1e-7)
    assert (correlations[~held] >= correlations[held][0] - 1e-7).all()


@pytest.mark.parametrize("seed", range(8))
def test_no_book_is_more_diversified_than_cvxpy_finds(seed):
    """At the best ratio r, volatility less the mean volatility over r is zero for the best book, more for others."""
    draws, bound, trading, invested = random_problem(seed)
    free = TradingTerms(trading.current, 0.0, 0.0, trading.max_turnover)
    found = maximum_diversification_weights(draws, bound, free, invested)
    covariance = covariance_of(draws)
    deviations = np.sqrt(np.diag(covariance))
    ratio = deviations @ found / np.sqrt(found @ covariance @ found)
    weights = cvxpy.Variable(len(found))
    root = np.linalg.cholesky(covariance).T / deviations.mean()
    gap = cvxpy.norm(root @ weights) - (deviations / deviations.mean() / ratio) @ weights
    least = reference.solved(gap, reference.constraints(weights, bound, free, invested), tolerance=1e-8)
    assert least == pytest.approx(0.0, abs=1e-6)
    assert np.abs(found).max() <= bound.max_weight + 1e-8


def test_the_ratio_of_independent_assets_of_equal_risk_is_the_root_of_their_number():
    moves = 0.01 * np.sign(np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]))
    assert diversification_ratio(np.full(3, 1 / 3), np.log1p(moves)) == pytest.approx(np.sqrt(3))
    assert diversification_ratio(np.array([1.0, 0, 0]), np.log1p(moves)) == pytest.approx(1.0)


def test_a_price_of_trading_a_book_of_nothing_and_caps_without_room_are_refused():
    draws = market(100, 3, 3)
    with pytest.raises(ValueError, match="cap the turnover"):
        maximum_diversification_weights(draws, limits(3), terms(3, cost=0.001))
    with pytest.raises(ValueError, match="nothing is held"):
        diversification_ratio(np.zeros(3), draws)
    with pytest.raises(InfeasibleError, match="max_weight"):
        maximum_diversification_weights(draws, limits(3, 0.3), terms(3))
