"""The weights of least variance against closed forms and cvxpy, and what they refuse."""

import numpy as np
import pytest

from quantdl.portfolio import (
    InfeasibleError,
    covariance_of,
    minimum_variance_weights,
    minimum_variance_weights_of,
)
from tests.portfolio import reference
from tests.portfolio.books import limits, market, random_problem, terms


@pytest.mark.parametrize("seed", range(12))
def test_no_book_has_less_variance_after_costs_than_cvxpy_finds(seed):
    draws, bound, trading, invested = random_problem(seed)
    covariance, aversion = covariance_of(draws), 5.0
    weights = minimum_variance_weights(draws, bound, trading, invested, aversion)
    value = 0.5 * aversion * weights @ covariance @ weights + trading.price * np.abs(weights - trading.current).sum()
    best = reference.least_variance(covariance, bound, trading, invested, aversion)
    assert value == pytest.approx(best, rel=1e-6)
    assert weights.sum() == pytest.approx(invested, abs=1e-9)
    assert np.abs(weights).max() <= bound.max_weight + 1e-8


def test_unconstrained_weights_are_the_inverse_covariance_times_one():
    covariance = covariance_of(market(400, 5, 1))
    wide = limits(5, 50.0, 250.0, long_only=False, max_gross=250.0, max_net=250.0)
    inverse = np.linalg.solve(covariance, np.ones(5))
    found = minimum_variance_weights_of(covariance, wide, terms(5))
    np.testing.assert_allclose(found, inverse / inverse.sum(), atol=1e-8)


def test_the_size_of_the_covariance_does_not_matter():
    covariance = covariance_of(market(400, 6, 2))
    small, large = (minimum_variance_weights_of(size * covariance, limits(6), terms(6)) for size in (1e-6, 1e6))
    np.testing.assert_allclose(small, large, atol=1e-8)


def test_equal_probabilities_give_the_moment_with_the_number_of_draws_in_the_denominator():
    draws = market(100, 3, 3)
    expected = np.cov(np.expm1(draws), rowvar=False)
    np.testing.assert_allclose(covariance_of(draws), expected, rtol=1e-12)
    np.testing.assert_allclose(covariance_of(draws, np.full(100, 0.01)), expected * 0.99, rtol=1e-12)


def test_of_two_copies_each_is_held_alike_though_the_covariance_is_singular():
    draws = market(300, 3, 4)
    copied = np.column_stack([draws, draws[:, 0]])
    weights = minimum_variance_weights(copied, limits(4), terms(4))
    alone = minimum_variance_weights(draws, limits(3), terms(3))
    assert weights[0] == pytest.approx(weights[3], abs=1e-6)
    np.testing.assert_allclose([weights[0] + weights[3], *weights[1:3]], alone, atol=1e-6)


def test_a_book_without_predicted_variance_is_refused_with_the_rank():
    few = market(5, 12, 5)
    wide = limits(12, 5.0, 50.0, long_only=False, max_gross=50.0, max_net=50.0)
    with pytest.raises(ValueError, match=r"12 assets has rank 4.*no predicted variance"):
        minimum_variance_weights(few, wide, terms(12))


def test_an_asset_left_out_by_the_law_is_sold():
    draws = market(300, 4, 6)
    draws[:, 2] = np.nan
    weights = minimum_variance_weights(draws, limits(4), terms(4, current=[0.25] * 4))
    assert weights[2] == 0 and weights.sum() == pytest.approx(1.0)
    assert minimum_variance_weights(np.full((5, 2), np.nan), limits(2), terms(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("covariance", "words"),
    [
        (np.array([[1.0, 0.5], [0.2, 1.0]]), "symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "least eigenvalue is -1"),
        (np.zeros((2, 2)), "none of the assets moves"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, words):
    with pytest.raises(ValueError, match=words):
        minimum_variance_weights_of(covariance, limits(2), terms(2))


def test_constraints_that_leave_no_book_are_named():
    with pytest.raises(InfeasibleError, match=r"max_weight.*add to 1"):
        minimum_variance_weights(market(100, 4, 7), limits(4, 0.2), terms(4))
