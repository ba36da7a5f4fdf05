"""Differentiable layers: their values against other ways to the same optimum, their derivatives against differences."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from quantdl.portfolio import equal_risk_weights, minimum_variance_weights
from quantdl.portfolio.learned import capped_simplex, minimum_variance_layer, risk_budget_layer
from tests.portfolio import reference
from tests.portfolio.books import limits, market, terms


def covariance(n_assets, seed=0):
    return torch.from_numpy(np.cov(np.expm1(market(300, n_assets, seed)), rowvar=False) * 1e4)


@pytest.mark.parametrize("cap", [1.0, 0.4, 0.25])
def test_the_projection_is_the_nearest_book(cap):
    import cvxpy

    scores = np.random.default_rng(1).normal(size=(5, 6))
    found = capped_simplex(torch.from_numpy(scores), cap).numpy()
    for row, weights in zip(scores, found, strict=True):
        near = cvxpy.Variable(6)
        rows = [near >= 0, near <= cap, cvxpy.sum(near) == 1]
        best = reference.solved(cvxpy.sum_squares(near - row), rows)
        assert ((weights - row) ** 2).sum() == pytest.approx(best, abs=1e-8)
        assert weights.sum() == pytest.approx(1.0) and weights.min() >= 0 and weights.max() <= cap + 1e-12


def test_the_projection_has_the_derivative_of_differences():
    scores = torch.randn(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    assert gradcheck(lambda v: capped_simplex(v, 0.35), (scores,))
    assert gradcheck(lambda v: capped_simplex(v, 1.0, 0.5), (scores,))


def test_a_book_at_all_of_its_caps_has_no_derivative_left():
    scores = torch.randn(5, dtype=torch.float64, requires_grad=True)
    weights = capped_simplex(scores, 0.2)
    torch.testing.assert_close(weights, torch.full((5,), 0.2, dtype=torch.float64))
    weights.square().sum().backward()
    assert scores.grad.abs().max() == 0


@pytest.mark.parametrize("count", [49, 98, 103, 107])
def test_a_cap_of_one_over_the_number_of_assets_leaves_equal_weights(count):
    """The product of the number and its inverse is a little less than one in these."""
    assert count * (1 / count) < 1.0
    scores = torch.randn(count, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for given in (scores, torch.zeros(count, dtype=torch.float64)):
        weights = capped_simplex(given, 1 / count)
        torch.testing.assert_close(weights, torch.full_like(given, 1 / count), rtol=1e-12, atol=0.0)
    with pytest.raises(ValueError, match="cannot add to 1"):
        capped_simplex(scores, (1 - 1e-9) / count)


@pytest.mark.parametrize("cap", [1.0, 0.3])
def test_least_variance_is_that_of_the_solver_and_its_derivative_that_of_differences(cap):
    draws = market(300, 4, 3)
    matrix = torch.from_numpy(np.cov(np.expm1(draws), rowvar=False) * 1e4).requires_grad_()
    weights = minimum_variance_layer(matrix, cap)
    np.testing.assert_allclose(weights.detach(), minimum_variance_weights(draws, limits(4, cap), terms(4)), atol=1e-6)
    assert gradcheck(lambda m: minimum_variance_layer((m + m.T) / 2, cap), (matrix,), atol=1e-6)


def test_risk_budgets_are_met_and_the_derivative_is_that_of_differences():
    matrix, budgets = covariance(5, 4), torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0], dtype=torch.float64)
    weights = risk_budget_layer(matrix, budgets)
    parts = weights * (matrix @ weights)
    torch.testing.assert_close(parts / parts.sum(), budgets / budgets.sum())
    matrix.requires_grad_(), budgets.requires_grad_()
    assert gradcheck(lambda m, b: risk_budget_layer((m + m.T) / 2, b), (matrix, budgets), atol=1e-6)


def test_equal_budgets_are_equal_risk():
    draws = market(300, 5, 5)
    matrix = torch.from_numpy(np.cov(np.expm1(draws), rowvar=False))
    found = risk_budget_layer(matrix, torch.ones(5, dtype=torch.float64))
    np.testing.assert_allclose(found, equal_risk_weights(draws), atol=1e-7)


def test_layers_keep_the_dtype():
    assert minimum_variance_layer(covariance(3).float()).dtype == torch.float32
    assert risk_budget_layer(covariance(3).float(), torch.ones(3)).dtype == torch.float32
    assert capped_simplex(torch.randn(3)).dtype == torch.float32


def test_impossible_caps_and_budgets_are_refused():
    with pytest.raises(ValueError, match="cannot add to 1"):
        capped_simplex(torch.zeros(3), 0.3)
    with pytest.raises(ValueError, match="max_weight"):
        minimum_variance_layer(covariance(3), 0.3)
    with pytest.raises(ValueError, match="positive"):
        risk_budget_layer(covariance(3), torch.tensor([1.0, 0.0, 1.0]))
