"""The weights of least shortfall against closed forms, brute force and another program."""

import numpy as np
import pytest

from quantdl.portfolio import (
    least_shortfall_weights,
)
from tests.portfolio.books import limits, market, shortfall, terms


def test_least_shortfall_beats_every_book_tried():
    draws, cap = market(800, 4, 1), 0.6
    best = least_shortfall_weights(draws, 0.9, limits(4, cap), terms(4))
    assert best.sum() == pytest.approx(1.0)
    least = shortfall(draws, best, 0.9)
    tried = np.random.default_rng(2).dirichlet(np.ones(4), 3000)
    near = np.clip(best + 0.02 * np.random.default_rng(3).normal(size=(3000, 4)), 0, None)
    for weights in (*tried, *(near / near.sum(axis=1, keepdims=True))):
        if weights.max() <= cap:
            assert shortfall(draws, weights, 0.9) >= least - 1e-12


def test_least_shortfall_solves_the_program_of_rockafellar_and_uryasev():
    """The primal program, one row per draw, solved by an interior-point method, has the same value."""
    from scipy.optimize import linprog

    n_draws, n_assets, level, cost = 300, 5, 0.9, 0.002
    draws, current = market(n_draws, n_assets, 4), np.array([0.5, 0.1, 0.1, 0.1, 0.0])
    bound = limits(n_assets, 0.4, 0.7, 2)
    returns, eye = np.expm1(draws), np.eye(n_assets)
    tail = np.full(n_draws, 1 / ((1 - level) * n_draws))
    losses = np.hstack([-returns, returns, -np.ones((n_draws, 1)), -np.eye(n_draws)])
    zeros = np.zeros((n_assets, 1 + n_draws))
    groups = np.equal.outer(np.arange(2), bound.group_of).astype(float)
    group_rows = np.hstack([groups, -groups, np.zeros((2, 1 + n_draws))])
    solved = linprog(
        np.concatenate([np.full(2 * n_assets, cost), [1.0], tail]),
        A_ub=np.vstack([losses, np.hstack([eye, -eye, zeros]), np.hstack([-eye, eye, zeros]), group_rows]),
        b_ub=np.concatenate([returns @ current, 0.4 - current, current, 0.7 - groups @ current]),
        A_eq=np.concatenate([np.ones(n_assets), -np.ones(n_assets), np.zeros(1 + n_draws)])[None],
        b_eq=[1 - current.sum()],
        bounds=[(0, None)] * (2 * n_assets) + [(None, None)] + [(0, None)] * n_draws,
        method="highs-ipm",
    )
    weights = least_shortfall_weights(draws, level, bound, terms(n_assets, cost, 0.0, current))
    value = shortfall(draws, weights, level) + cost * np.abs(weights - current).sum()
    assert value == pytest.approx(solved.fun, abs=1e-8)
    assert (weights <= 0.4 + 1e-9).all()
    assert (bound.group_sums(weights) <= 0.7 + 1e-9).all()


def test_two_normal_assets_get_the_closed_form():
    """With normal returns shortfall is a multiple of volatility, so the best book has the least variance."""
    generator = np.random.default_rng(5)
    half = 1e-3 * generator.standard_normal((100_000, 2)) * [1.0, 2.0]
    draws = np.log1p(np.vstack([half, -half]))
    weights = least_shortfall_weights(draws[::4], 0.5, limits(2), terms(2))
    assert weights == pytest.approx([0.8, 0.2], abs=0.01)


def test_a_penalty_keeps_the_book_where_it_is():
    draws, current = market(500, 4, 6), np.full(4, 0.25)
    moved = [
        np.abs(least_shortfall_weights(draws, 0.9, limits(4), terms(4, 0.001, penalty, current)) - current).sum()
        for penalty in (0.0, 0.002, 1.0)
    ]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] == pytest.approx(0, abs=1e-9)


def test_an_absent_asset_gets_nothing():
    draws = market(400, 3, 7)
    draws[:, 1] = np.nan
    weights = least_shortfall_weights(draws, 0.9, limits(3), terms(3))
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1.0)
    assert least_shortfall_weights(np.full((10, 3), np.nan), 0.9, limits(3), terms(3)).tolist() == [0, 0, 0]


def test_caps_without_room_leave_cash():
    weights = least_shortfall_weights(market(300, 3, 8), 0.9, limits(3, 0.2), terms(3))
    np.testing.assert_allclose(weights, 0.2, rtol=1e-9)


@pytest.mark.parametrize(
    ("level", "invested", "long_only", "words"),
    [(1.0, 1.0, True, "level"), (0.9, 1.5, True, "invested"), (0.9, 1.0, False, "long-only")],
)
def test_least_shortfall_checks_what_it_is_given(level, invested, long_only, words):
    with pytest.raises(ValueError, match=words):
        least_shortfall_weights(market(50, 2, 0), level, limits(2, long_only=long_only), terms(2), invested)
